//! Mail: the outbox is written with what it announces, a worker sends it.
//!
//! A mail may arrive twice when a connection breaks at the wrong moment, always under the same Message-ID; it is never lost.

pub mod bounce;
mod mailer;
mod outbox;
mod template;

pub use mailer::{Failure, Mailer, MailerError, Security};
pub use outbox::{ATTEMPTS, BATCH, send_due};
pub use template::Letter;

use crate::Domain;
use std::time::Duration;

/// How often the worker looks for due mails.
const EVERY: Duration = Duration::from_secs(5);

/// Sends what is due until `shutdown`; a mail that is on its way then is still finished.
pub async fn run(domain: Domain, mailer: Mailer, shutdown: impl Future<Output = ()> + Send) {
    if !mailer.is_on() {
        tracing::warn!("no mail server is set: mails wait in the outbox until LINLI_SMTP_URL is");
        return;
    }
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let sent = send_due(&domain, &mailer).await.unwrap_or_else(|error| {
            tracing::error!(%error, "the outbox cannot be read");
            0
        });
        // A full batch: there may be more.
        let pause = if sent < BATCH { EVERY } else { Duration::ZERO };
        tokio::select! {
            biased;
            () = &mut shutdown => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Whether a status (RFC 3463) says that there is no such address: not that of the sender, which 5.1.7 and 5.1.8 are about.
fn is_bad_address(status: &str) -> bool {
    status.starts_with("5.1.") && !matches!(status, "5.1.7" | "5.1.8")
}
