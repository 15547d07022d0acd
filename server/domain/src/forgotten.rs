//! A way back for somebody who has forgotten their password: a link by mail. What is answered never tells who has a login, and neither does how
//! long it takes: the work is done after the answer.

use crate::{
    Domain, audit, invitation,
    sign_in::{self, Asked, Mails},
};
use model::{At, InvitationId, MailKind, OutboxId, text};
use store::Result;

/// How long the link works.
pub const MINUTES: i64 = 60;

/// Links somebody gets in a day from one network, or on one browser that has signed in before.
pub const A_DAY: i64 = 3;

/// Links somebody gets in a day from all networks together, browsers that have signed in before not counted.
pub const A_DAY_TOGETHER: i64 = 30;

/// Sends a link to set a new password, if this is the address of somebody with a login; gives at once. Nothing else changes: the present password
/// goes on holding until the link is used, and the second factor is asked for after it.
pub fn ask(domain: &Domain, email: &str, asked: Asked) {
    let (domain, email) = (domain.clone(), email.to_owned());
    tokio::spawn(async move {
        if let Err(error) = send(&domain, &email, &asked).await {
            tracing::error!(%error, "a link for a new password could not be written");
        }
    });
}

/// The work itself.
pub async fn send(domain: &Domain, email: &str, asked: &Asked) -> Result<()> {
    let Ok(email) = text::email(email) else { return Ok(()) };
    let person = store::staff::by_email(&mut domain.db.read().await?, &email).await?;
    let Some(person) = person.filter(|p| p.ended_at.is_none() && p.activated_at.is_some()) else { return Ok(()) };
    let mails = Mails { a_day: A_DAY, a_day_together: A_DAY_TOGETHER };
    if !sign_in::may_be_mailed(domain, &email, person.id, asked, mails).await? {
        return Ok(());
    }
    let (now, ids) = (domain.now(), (InvitationId(domain.id()), OutboxId(domain.id())));
    domain
        .db
        .write(move |c| {
            Box::pin(async move {
                invitation::invite_until(c, ids, person.id, MailKind::Password, now, until(now)).await?;
                audit::append(c, now, None, "password.forgotten", &person.id.to_string(), "").await
            })
        })
        .await
}

fn until(now: At) -> At {
    now.plus_minutes(MINUTES)
}
