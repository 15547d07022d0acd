use super::{is_bad_address, template::Letter};
use crate::invitation::GAP;
use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    address::AddressError,
    message::{
        Mailbox, MultiPart,
        header::{HeaderName, HeaderValue},
    },
    transport::smtp::extension::ClientId,
};
use model::At;
use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};
use url::Url;

/// How long a mail server may take to accept a connection, and a third of what it may take for a whole mail.
const PATIENCE: Duration = Duration::from_secs(20);

/// Refusals in a row after which it is not the mails: the server does not take us, or nobody's mail.
const ROW: u32 = 20;

/// Seconds until one mail finds out whether a server that refuses everything takes mails again.
const PAUSE: i64 = 60;

/// Invitations that go out at once after a while without any; from then on one every [`GAP`], however many are due.
const AT_ONCE: i64 = 10;

/// Hands mails to the mail server of the settings.
#[derive(Clone)]
pub struct Mailer {
    transport: Option<AsyncSmtpTransport<Tokio1Executor>>,
    from: Mailbox,
    /// The right side of every Message-ID.
    host: String,
    security: Security,
    patience: Duration,
    pace: Arc<Mutex<Pace>>,
}

/// How it has gone lately.
#[derive(Debug, Default)]
struct Pace {
    refusals: u32,
    refused_at: Option<At>,
    /// Invitations that may go out now, and since when that holds.
    invitations: i64,
    counted_at: Option<At>,
}

/// How a mail server takes mails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stand {
    Usual,
    /// It has refused everything; time to try again with one.
    Trying,
    /// It has refused everything, a moment ago too.
    Waiting,
}

/// What a setting about mail may be wrong about. Says what is right; never the password.
#[derive(Debug, thiserror::Error)]
pub enum MailerError {
    #[error("smtp_url: it is not a mail server's address, such as smtps://USER:PASSWORD@mail.example.cn or smtp+starttls://… or smtp://…")]
    Url,
    #[error("mail_from: it is not an e-mail address, such as linli@example.cn")]
    From,
    #[error("public_url: it is not a web address, such as https://linli.example.cn")]
    PublicUrl,
}

/// How the way to the mail server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    Encrypted,
    /// Not encrypted, and it stays on this machine.
    Loopback,
    /// Encrypted only if the server offers it, without a password.
    IfOffered,
    /// Encrypted only if the server offers it, with a password.
    PasswordIfOffered,
}

/// Why a mail was not sent: never with the server's own words, which repeat the recipient's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The server's three-digit answer.
    Status(u16),
    /// It knows no such mailbox, and says so: nothing else it may have against a mail.
    NoMailbox,
    TimedOut,
    Tls,
    Connection,
    /// The address is none; trying again cannot help.
    Address,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Status(code) => write!(f, "smtp {code}"),
            Failure::NoMailbox => f.write_str("no mailbox"),
            Failure::TimedOut => f.write_str("timed out"),
            Failure::Tls => f.write_str("tls"),
            Failure::Connection => f.write_str("connection"),
            Failure::Address => f.write_str("address"),
        }
    }
}

impl Mailer {
    /// `smtp_url` is `smtps://user:password@host:port` (TLS), `smtp+starttls://…` (TLS, required, after a plain greeting) or `smtp://…`
    /// (TLS if the server offers it; plain on this machine). Without one, mails wait. Without `from`, mails come from `linli@` the public URL's host.
    pub fn new(smtp_url: Option<&str>, from: Option<&str>, public_url: &str) -> Result<Mailer, MailerError> {
        let public = Url::parse(public_url).map_err(|_| MailerError::PublicUrl)?;
        let host = public.host_str().ok_or(MailerError::PublicUrl)?.trim_matches(['[', ']']).to_owned();
        let from = match from {
            Some(from) => from.parse().map_err(|_: AddressError| MailerError::From)?,
            // An address needs a name for its host; an installation that is tried out by number has none.
            None => sender(&host).or_else(|| sender("localhost")).ok_or(MailerError::From)?,
        };
        let mut mailer = Mailer { transport: None, from, host, security: Security::Loopback, patience: PATIENCE, pace: Arc::default() };
        if let Some(url) = smtp_url.filter(|u| !u.trim().is_empty()) {
            mailer.security = security(&Url::parse(url).map_err(|_| MailerError::Url)?);
            mailer.transport = Some(transport(url, mailer.security, &mailer.host)?);
        }
        Ok(mailer)
    }

    /// For tests that do not want to wait.
    pub fn with_patience(mut self, patience: Duration) -> Mailer {
        self.patience = patience;
        self
    }

    /// Whether there is a mail server.
    pub fn is_on(&self) -> bool {
        self.transport.is_some()
    }

    pub fn security(&self) -> Security {
        self.security
    }

    /// Connects, says hello, signs in and leaves. `None` without a mail server.
    pub async fn try_connection(&self) -> Option<Result<(), Failure>> {
        let transport = self.transport.as_ref()?;
        Some(match tokio::time::timeout(self.patience, transport.test_connection()).await {
            Err(_) => Err(Failure::TimedOut),
            Ok(Err(e)) => Err(failure(&e)),
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => Err(Failure::Connection),
        })
    }

    /// One attempt. The server has it for sure only when this is `Ok`.
    pub(super) async fn send(&self, letter: &Letter, id: &str, created_at: At, now: At) -> Result<(), Failure> {
        let transport = self.transport.as_ref().ok_or(Failure::Connection)?;
        let message = self.message(letter, id, created_at)?;
        // lettre limits only the connecting; a server that stalls later must not hold the worker either.
        let outcome = match tokio::time::timeout(self.patience * 3, transport.send(message)).await {
            Err(_) => Err(Failure::TimedOut),
            Ok(Err(e)) => Err(failure(&e)),
            Ok(Ok(_)) => Ok(()),
        };
        let mut pace = self.pace();
        (pace.refusals, pace.refused_at) = if outcome.is_ok() { (0, None) } else { (pace.refusals.saturating_add(1), Some(now)) };
        outcome
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether so many were refused one after the other that it cannot be the mails.
    pub(super) fn refuses_everything(&self) -> bool {
        self.pace().refusals >= ROW
    }

    pub(super) fn stand(&self, now: At) -> Stand {
        let refused_at = self.pace().refused_at;
        match refused_at.filter(|_| self.refuses_everything()) {
            None => Stand::Usual,
            Some(at) if now.seconds_since(at) < PAUSE => Stand::Waiting,
            Some(_) => Stand::Trying,
        }
    }

    /// How many invitations may go out now. Many can be due at once, after a night or when the server was away.
    pub(super) fn invitations_now(&self, now: At) -> i64 {
        let mut pace = self.pace();
        let (left, at) = match pace.counted_at {
            None => (AT_ONCE, now),
            Some(at) => {
                let more = ((now.0 - at.0) / GAP).max(0);
                (pace.invitations + more, At(at.0 + more * GAP))
            }
        };
        // A full measure begins anew, also where the clock was set back.
        let is_full = left >= AT_ONCE;
        pace.invitations = left.min(AT_ONCE);
        pace.counted_at = Some(if is_full || at > now { now } else { at });
        pace.invitations
    }

    /// So many invitations were taken.
    pub(super) fn count_invitations(&self, count: usize) {
        self.pace().invitations -= i64::try_from(count).unwrap_or(AT_ONCE);
    }

    /// The same for every attempt: Message-ID and date belong to the outbox row.
    fn message(&self, letter: &Letter, id: &str, created_at: At) -> Result<Message, Failure> {
        let to = letter.recipient.parse().map_err(|_: AddressError| Failure::Address)?;
        let since_1970 = Duration::from_millis(u64::try_from(created_at.0).unwrap_or(0));
        let mut builder = Message::builder()
            .from(Mailbox::new(Some(letter.sender.clone()), self.from.email.clone()))
            .to(Mailbox::new(None, to))
            .subject(letter.subject.clone())
            .date(SystemTime::UNIX_EPOCH + since_1970)
            .message_id(Some(format!("<{id}@{}>", self.host)))
            // RFC 3834: no automatic answers to this, please.
            .raw_header(raw("Auto-Submitted", "auto-generated"));
        if let Some(stop) = &letter.stop {
            // RFC 8058: mail programs show their own button and post to this address.
            builder =
                builder.raw_header(raw("List-Unsubscribe", &format!("<{}>", stop.url))).raw_header(raw("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"));
        }
        builder.multipart(MultiPart::alternative_plain_html(letter.text(), letter.html())).map_err(|_| Failure::Address)
    }
}

fn raw(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

fn sender(host: &str) -> Option<Mailbox> {
    format!("linli@{host}").parse().ok()
}

fn transport(url: &str, security: Security, host: &str) -> Result<AsyncSmtpTransport<Tokio1Executor>, MailerError> {
    // lettre says STARTTLS in the query, people say it in the scheme.
    let url = match url.strip_prefix("smtp+starttls://") {
        Some(rest) => format!("smtp://{}?tls=required", rest.trim_end_matches('/')),
        None if matches!(security, Security::IfOffered | Security::PasswordIfOffered) => format!("{}?tls=opportunistic", url.trim_end_matches('/')),
        None => url.to_owned(),
    };
    let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(&url).map_err(|_| MailerError::Url)?;
    // The machine's own name is nobody's business; the installation's is.
    Ok(builder.hello_name(ClientId::Domain(host.to_owned())).timeout(Some(PATIENCE)).build())
}

fn security(url: &Url) -> Security {
    let host = url.host_str().unwrap_or("").trim_matches(['[', ']']);
    let is_loopback = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|a| a.is_loopback());
    if url.scheme() != "smtp" {
        Security::Encrypted
    } else if is_loopback {
        Security::Loopback
    } else if url.password().is_some() {
        Security::PasswordIfOffered
    } else {
        Security::IfOffered
    }
}

fn failure(e: &lettre::transport::smtp::Error) -> Failure {
    if let Some(code) = e.status().map(u16::from) {
        if is_no_mailbox(code, &e.to_string()) { Failure::NoMailbox } else { Failure::Status(code) }
    } else if e.is_timeout() {
        Failure::TimedOut
    } else if e.is_tls() {
        Failure::Tls
    } else {
        Failure::Connection
    }
}

/// Whether an answer says that there is no such mailbox: by its enhanced status (RFC 3463), or where the server has none, in words that leave no
/// doubt. 550 alone is also said to senders who are not wanted, and a mistake here would end thousands of invitations.
fn is_no_mailbox(code: u16, answer: &str) -> bool {
    const GONE: [&str; 11] = [
        "user unknown",
        "unknown user",
        "no such user",
        "user not found",
        "user not exist",
        "does not exist",
        "no such mailbox",
        "mailbox not found",
        "invalid mailbox",
        "invalid recipient",
        "recipient not found",
    ];
    const ABOUT_US: [&str; 12] =
        ["sender", "mail from", "spam", "policy", "block", "frequen", "limit", "denied", "reputation", "authenticat", "authoriz", "relay"];
    let answer = answer.to_lowercase();
    // Not the address, in which any word may stand.
    let words: Vec<&str> = answer.split_whitespace().filter(|word| !word.contains('@')).collect();
    let says = |what: &[&str]| what.iter().any(|phrase| words.join(" ").contains(phrase));
    let is_gone = match words.iter().find(|word| is_status(word)) {
        Some(status) => is_bad_address(status),
        None => matches!(code, 550 | 551 | 553) && says(&GONE),
    };
    is_gone && !says(&ABOUT_US)
}

/// Three numbers with dots between them.
fn is_status(word: &str) -> bool {
    let parts: Vec<&str> = word.split('.').collect();
    parts.len() == 3 && matches!(parts[0], "2" | "4" | "5") && parts.iter().all(|p| (1..=3).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_about_the_recipient_ends_a_mail() {
        for gone in [
            "permanent error (550): 5.1.1 <wang.list@example.cn>: Recipient address rejected: User unknown in local recipient table",
            "permanent error (550): 5.1.1 No such mailbox",
            "permanent error (550): User not found: wang@163.example",
            "permanent error (550): Mailbox not found. http://service.mail.example/",
        ] {
            assert!(is_no_mailbox(550, gone), "{gone}");
        }
        for (code, ours) in [
            (553, "permanent error (553): Mail from must equal authorized user"),
            (550, "permanent error (550): Connection frequency limited"),
            (550, "permanent error (550): Ip frequency limited. http://service.mail.example/"),
            (550, "permanent error (550): 5.7.1 You are on a list"),
            (553, "permanent error (553): 5.1.8 <linli@linli.example>: Sender address rejected: Domain not found"),
            (550, "permanent error (550): 5.1.0 Sender rejected"),
            (550, "permanent error (550): Mailbox unavailable or access denied"),
            (550, "permanent error (550): Suspected spam"),
            (552, "permanent error (552): 5.2.2 Mailbox full"),
            (535, "permanent error (535): 5.7.8 Error: authentication failed"),
            (550, "permanent error (550): No"),
        ] {
            assert!(!is_no_mailbox(code, ours), "{ours}");
        }
    }

    #[test]
    fn invitations_keep_their_pace_however_many_are_due_and_whatever_the_clock_does() {
        let mailer = Mailer::new(None, None, "https://linli.example.cn").unwrap();
        let at = |seconds: i64| At(1_000_000).plus_seconds(seconds);
        assert_eq!(mailer.invitations_now(at(0)), AT_ONCE);
        mailer.count_invitations(10);
        assert_eq!((mailer.invitations_now(at(0)), mailer.invitations_now(at(1)), mailer.invitations_now(at(2))), (0, 2, 4));
        mailer.count_invitations(4);
        assert_eq!((mailer.invitations_now(at(2)), mailer.invitations_now(at(3600))), (0, AT_ONCE));
        mailer.count_invitations(10);
        assert_eq!((mailer.invitations_now(at(100)), mailer.invitations_now(at(101))), (0, 2), "the clock was set back");
    }

    fn mailer(url: &str) -> Result<Mailer, MailerError> {
        Mailer::new(Some(url), None, "https://linli.example.cn")
    }

    #[test]
    fn a_mail_server_is_written_as_people_write_it() {
        for (url, security) in [
            ("smtps://u:p@mail.example.cn", Security::Encrypted),
            ("smtp+starttls://u:p@mail.example.cn:587", Security::Encrypted),
            ("smtp://127.0.0.1:25", Security::Loopback),
            ("smtp://u:p@[::1]:2525", Security::Loopback),
            ("smtp://mail.example.cn", Security::IfOffered),
            ("smtp://u:p@mail.example.cn", Security::PasswordIfOffered),
        ] {
            let mailer = mailer(url).unwrap();
            assert_eq!((mailer.security(), mailer.is_on()), (security, true), "{url}");
        }
        for bad in ["mail.example.cn", "http://mail.example.cn", "smtp://"] {
            assert!(matches!(mailer(bad), Err(MailerError::Url)), "{bad}");
        }
        assert!(!Mailer::new(None, None, "https://linli.example.cn").unwrap().is_on());
    }

    #[test]
    fn mails_come_from_the_public_urls_host_unless_told_otherwise() {
        let from = |from, url| Mailer::new(None, from, url).map(|m| m.from.to_string());
        assert_eq!(from(None, "https://linli.example.cn:8443").unwrap(), "linli@linli.example.cn");
        assert_eq!(from(Some("邻里 <post@example.cn>"), "https://linli.example.cn").unwrap(), "邻里 <post@example.cn>");
        assert!(from(None, "http://127.0.0.1:3000").unwrap().starts_with("linli@"));
        assert!(matches!(from(Some("post"), "https://linli.example.cn"), Err(MailerError::From)));
        assert!(matches!(from(None, "linli"), Err(MailerError::PublicUrl)));
    }
}
