//! Mails that come back: delivery status notifications (RFC 3464), handed to `linli bounce` by the mail server.

use super::{is_bad_address, outbox::MESSAGE_ID};
use crate::{Domain, audit};
use mail_parser::{Message, MessageParser, MessagePart, MimeHeaders, PartType};
use model::OutboxId;
use store::{Conn, Tables, outbox::Mail};

/// What became of a mail that came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It belongs to a mail of ours, which did not arrive.
    Noted,
    /// Noted before.
    Known,
    /// A notification, but not of a failure: delayed, delivered, an automatic answer.
    NoFailure,
    /// Of no mail of ours, or not proven to be of one.
    Foreign,
    /// No notification at all.
    NotOne,
}

/// What a notification says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The left side of the Message-ID of the mail that came back.
    pub mail: Option<String>,
    /// Whom it was for: as we wrote it, and where it was passed on to.
    pub recipients: Vec<String>,
    /// As RFC 3463 writes it.
    pub status: String,
    pub is_failure: bool,
}

/// Reads a notification; `None` if the mail is none.
pub fn read(raw: &[u8]) -> Option<Notice> {
    let message = MessageParser::default().parse(raw)?;
    let report = message.parts.iter().find(|part| is_type(part, "message", "delivery-status"))?;
    let fields = String::from_utf8_lossy(report.contents()).replace("\r\n", "\n");
    // One block about the mail, then one for each recipient. Ours have one recipient.
    let of_recipient = fields.split("\n\n").find(|block| field(block, "action").is_some())?;
    let action = field(of_recipient, "action")?.to_lowercase();
    let status = field(of_recipient, "status").unwrap_or_default();
    let addresses = ["original-recipient", "final-recipient"].into_iter().filter_map(|name| field(of_recipient, name));
    Some(Notice {
        mail: message.parts.iter().find_map(original_id),
        recipients: addresses.map(|a| a.rsplit(';').next().unwrap_or_default().trim().trim_matches(['<', '>']).to_lowercase()).collect(),
        status: status.split_whitespace().next().unwrap_or("5.0.0").chars().take(12).collect(),
        is_failure: action.starts_with("failed"),
    })
}

fn is_type(part: &MessagePart<'_>, main: &str, sub: &str) -> bool {
    part.content_type().is_some_and(|t| t.ctype().eq_ignore_ascii_case(main) && t.subtype().is_some_and(|s| s.eq_ignore_ascii_case(sub)))
}

/// The value of a field, with lines that go on joined.
fn field(block: &str, name: &str) -> Option<String> {
    let unfolded = block.replace("\n ", " ").replace("\n\t", " ");
    let line = unfolded.lines().find_map(|line| line.split_once(':').filter(|(n, _)| n.trim().eq_ignore_ascii_case(name)).map(|(_, v)| v.trim().to_owned()));
    line.filter(|value| !value.is_empty())
}

/// The Message-ID of the mail that came back: the whole of it is in there, or its head.
fn original_id(part: &MessagePart<'_>) -> Option<String> {
    match &part.body {
        PartType::Message(original) => id_of(original),
        _ if is_type(part, "text", "rfc822-headers") => id_of(&MessageParser::default().parse_headers(part.contents())?),
        _ => None,
    }
}

fn id_of(original: &Message<'_>) -> Option<String> {
    Some(original.message_id()?.split('@').next()?.trim_start_matches('<').to_lowercase())
}

/// Whether a database is one of Linli's that this program may write into as it is: a pipe of the mail server makes none, and changes no tables.
pub async fn is_ready(database_url: &str) -> store::Result<bool> {
    Ok(matches!(store::tables(database_url).await?, Tables::Current | Tables::Beside))
}

/// Takes a mail that came back. An invitation becomes a task for the admin; a resident's address that does not exist is forgotten, so that the page
/// asks for another. Anybody may write to our address, so only what carries the Message-ID of a mail of ours, which is signed, counts.
pub async fn take(domain: &Domain, raw: &[u8]) -> store::Result<Taken> {
    let Some(notice) = read(raw) else { return Ok(Taken::NotOne) };
    if !notice.is_failure {
        return Ok(Taken::NoFailure);
    }
    let Some(mail) = find(domain, &notice).await? else { return Ok(Taken::Foreign) };
    let now = domain.now();
    let taken = domain
        .db
        .write(move |c| {
            Box::pin(async move {
                if !store::bounce::insert(c, mail.id, &notice.status, now).await? {
                    return Ok(Taken::Known);
                }
                // A full mailbox, a server that was away or does not want us: the address may be right.
                if is_bad_address(&notice.status) || notice.status == "5.2.1" {
                    forget_address(c, &mail, now).await?;
                }
                audit::append(c, now, None, "mail.bounce", &mail.id.to_string(), &notice.status).await?;
                Ok(Taken::Noted)
            })
        })
        .await
        .map_err(|e: store::Error| e)?;
    domain.invited.forget();
    metrics::counter!("linli_bounces_total").increment(1);
    Ok(taken)
}

/// The mail of ours that a notification is about, and proves to be about.
async fn find(domain: &Domain, notice: &Notice) -> store::Result<Option<Mail>> {
    let Some(left) = &notice.mail else { return Ok(None) };
    let Some(id) = left.split('.').next().and_then(|id| id.parse::<OutboxId>().ok()) else { return Ok(None) };
    let Some((_, signature)) = left.split_once('.') else { return Ok(None) };
    if !domain.keys.is_signed(MESSAGE_ID, &id.to_string(), signature) {
        return Ok(None);
    }
    let mail = store::outbox::find(&mut domain.db.read().await?, id).await?;
    // A mail that was passed on and came back from there says nothing of the address we know.
    Ok(mail.filter(|mail| notice.recipients.is_empty() || notice.recipients.contains(&mail.recipient.to_lowercase())))
}

async fn forget_address(c: &mut Conn, mail: &Mail, now: model::At) -> store::Result<()> {
    // Only residents are written to about a conversation.
    let Some(id) = mail.conversation_id else { return Ok(()) };
    let Some(conversation) = store::conversation::find(c, id).await? else { return Ok(()) };
    let contact = store::contact::find(c, conversation.contact_id).await?;
    // One given since then may be right.
    if contact.and_then(|contact| contact.email).as_deref() != Some(mail.recipient.as_str()) {
        return Ok(());
    }
    store::contact::set_email(c, conversation.contact_id, None, mail.language).await?;
    store::outbox::forget_contact(c, conversation.contact_id, now).await
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "019a0000000070008000000000000001.signature";

    fn postfix(action: &str, original: &str) -> String {
        format!(
            "From: MAILER-DAEMON@mail.example.cn\r\nTo: linli@linli.example\r\nSubject: Undelivered Mail Returned to Sender\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"edge\"\r\n\r\n\
             --edge\r\nContent-Type: text/plain\r\n\r\nI'm sorry.\r\n\r\n\
             --edge\r\nContent-Description: Delivery report\r\nContent-Type: message/delivery-status\r\n\r\n\
             Reporting-MTA: dns; mail.example.cn\r\nArrival-Date: Fri, 20 Nov 2026 10:00:00 +0800\r\n\r\n\
             Final-Recipient: rfc822; Wang@example.cn\r\nOriginal-Recipient: rfc822;wang@example.cn\r\nAction: {action}\r\nStatus: 5.1.1\r\n\
             Diagnostic-Code: smtp; 550 5.1.1 <wang@example.cn>:\r\n    Recipient address rejected\r\n\r\n\
             --edge\r\n{original}\r\n--edge--\r\n"
        )
    }

    #[test]
    fn a_notification_is_read_with_the_whole_mail_its_head_or_neither() {
        let whole = format!("Content-Type: message/rfc822\r\n\r\nMessage-ID: <{ID}@linli.example>\r\nSubject: x\r\n\r\nHello");
        let head = format!("Content-Type: text/rfc822-headers\r\n\r\nMessage-ID: <{ID}@linli.example>\r\nSubject: x\r\n");
        for original in [&whole, &head] {
            let notice = read(postfix("failed", original).as_bytes()).unwrap();
            assert_eq!((notice.mail.as_deref(), notice.is_failure), (Some(ID), true), "{original}");
            assert_eq!((notice.recipients, notice.status.as_str()), (vec!["wang@example.cn".to_owned(); 2], "5.1.1"));
        }
        let neither = read(postfix("failed", "Content-Type: text/plain\r\n\r\n").as_bytes()).unwrap();
        assert_eq!((neither.mail, neither.recipients.len()), (None, 2));
        assert!(!read(postfix("delayed", &head).as_bytes()).unwrap().is_failure);
    }

    #[test]
    fn what_is_no_notification_is_none() {
        for other in ["", "Subject: 自动回复\r\n\r\n我在休假", "\0\u{1}\u{2}", "Content-Type: multipart/report; boundary=x\r\n\r\n--x\r\n\r\n--x--"] {
            assert_eq!(read(other.as_bytes()), None, "{other}");
        }
    }
}
