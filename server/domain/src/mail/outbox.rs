use super::{
    Mailer,
    mailer::{Failure, Stand},
    template::{self, Answered, Invited, Letter},
};
use crate::{
    Domain, invitation, post, return_link,
    setting::{self, Effective},
    trial,
};
use futures::{StreamExt, stream};
use i18n::{t, when};
use model::{At, MailKind, OutboxId, UnitId};
use std::sync::Arc;
use store::{
    Conn, Result,
    outbox::{Mail, Share},
};

/// Mails taken at a time, and of these sent at the same moment.
pub const BATCH: usize = 16;
const AT_ONCE: usize = 4;

/// For how long a node keeps a mail to itself: longer than a whole batch takes with a server that stalls every time.
const LEASE_MINUTES: i64 = 10;

/// Attempts before a mail is given up: after about three days.
pub const ATTEMPTS: i64 = 20;

/// One step of the worker: takes what is due and sends it, holds it or cancels it. Gives the number of mails it took.
pub async fn send_due(domain: &Domain, mailer: &Mailer) -> Result<usize> {
    if !mailer.is_on() {
        return Ok(0);
    }
    let now = domain.now();
    // Mostly nothing is due, and asking costs nobody a write.
    if !store::outbox::is_any_due(&mut domain.db.read().await?, now).await? {
        return Ok(0);
    }
    let share = match mailer.stand(now) {
        Stand::Usual => Share { invitations: mailer.invitations_now(now).min(BATCH as i64), others: BATCH as i64 },
        // One of either kind finds out whether the server takes mails again.
        Stand::Trying => Share { invitations: 1, others: 1 },
        Stand::Waiting => return Ok(0),
    };
    let until = now.plus_minutes(LEASE_MINUTES);
    let mails = domain.db.write(move |c| Box::pin(async move { store::outbox::claim(c, now, until, share).await })).await?;
    let count = mails.len();
    mailer.count_invitations(mails.iter().filter(|mail| mail.kind == MailKind::Invitation).count());
    stream::iter(mails)
        .for_each_concurrent(AT_ONCE, async |mail| {
            let id = mail.id;
            if let Err(error) = deal_with(domain, mailer, mail).await {
                // Still in the outbox, and due again when the lease is over.
                tracing::error!(outbox = %id, %error, "a mail could not be dealt with");
            }
        })
        .await;
    Ok(count)
}

/// What is to be done with a mail now.
enum Verdict {
    Send(Box<Letter>),
    /// This unit is on trial: its mail goes to its admins only.
    Withhold,
    Hold(At),
    Cancel,
}

async fn deal_with(domain: &Domain, mailer: &Mailer, mail: Mail) -> Result<()> {
    let id = mail.id;
    let verdict = {
        let mut conn = domain.db.read().await?;
        match mail.kind {
            MailKind::Answer => judge_answer(domain, &mut conn, &mail).await?,
            MailKind::HandOver => judge_hand_over(domain, &mut conn, &mail).await?,
            MailKind::Invitation | MailKind::Password => judge_invitation(domain, &mut conn, &mail).await?,
            MailKind::SecondFactor => judge_second_factor(domain, &mut conn, &mail).await?,
        }
    };
    let verdict = in_trial(domain, &mail, verdict).await?;
    let (outcome, then) = match verdict {
        Verdict::Withhold => ("withheld", Then::Withheld(Box::new(mail))),
        Verdict::Cancel => ("cancelled", Then::Cancelled),
        Verdict::Hold(until) => ("held", Then::Held(until)),
        Verdict::Send(letter) => match mailer.send(&letter, &message_id(domain, id), mail.created_at, domain.now()).await {
            Ok(()) => ("sent", Then::Sent),
            Err(failure) if is_final(&mail, failure, mailer) => {
                tracing::error!(outbox = %id, attempts = mail.attempts + 1, %failure, "a mail was given up");
                ("failed", Then::Failed(failure))
            }
            Err(failure) => {
                tracing::warn!(outbox = %id, attempts = mail.attempts + 1, %failure, "a mail was not sent, it will be tried again");
                ("retried", Then::Retry(backoff(domain, mail.attempts + 1), failure))
            }
        },
    };
    metrics::counter!("linli_mails_total", "outcome" => outcome).increment(1);
    let now = domain.now();
    domain
        .db
        .write(move |c| {
            Box::pin(async move {
                match then {
                    Then::Sent => store::outbox::sent(c, id, now).await,
                    Then::Withheld(mail) => withhold(c, &mail, now).await,
                    Then::Cancelled => store::outbox::cancelled(c, id, now).await,
                    Then::Held(until) => store::outbox::hold(c, id, until).await,
                    Then::Retry(after, failure) => store::outbox::retry(c, id, now.plus_seconds(after), &failure.to_string()).await,
                    Then::Failed(failure) => store::outbox::failed(c, id, now, &failure.to_string()).await,
                }
            })
        })
        .await
}

/// Held back, unless the trial has ended since it was looked at: then it is due again.
async fn withhold(c: &mut Conn, mail: &Mail, now: At) -> Result<()> {
    store::trial::hold(c).await?;
    match trial::holding_back(c, mail, now).await? {
        Some(unit) => store::trial::withhold(c, mail.id, unit, now).await,
        None => store::outbox::hold(c, mail.id, now).await,
    }
}

pub(super) const MESSAGE_ID: &str = "message-id";

/// The left side of a mail's Message-ID. Only who has seen the mail knows it, so only they can say that it came back.
fn message_id(domain: &Domain, id: OutboxId) -> String {
    format!("{id}.{}", domain.keys.sign(MESSAGE_ID, &id.to_string()))
}

enum Then {
    Sent,
    Withheld(Box<Mail>),
    Cancelled,
    Held(At),
    /// After so many seconds.
    Retry(i64, Failure),
    Failed(Failure),
}

/// Whether trying again is of no use. Somebody in the house can correct an address of staff, so a clear no is taken at once there; for residents
/// nobody can, and servers are mistaken sometimes. One that says no to everything is mistaken.
fn is_final(mail: &Mail, failure: Failure, mailer: &Mailer) -> bool {
    let is_no_mailbox = failure == Failure::NoMailbox && !mail.kind.is_for_residents() && !mailer.refuses_everything();
    failure == Failure::Address || is_no_mailbox || mail.attempts + 1 >= ATTEMPTS
}

/// What a trial holds back. What is not sent anyway needs no holding back.
async fn in_trial(domain: &Domain, mail: &Mail, verdict: Verdict) -> Result<Verdict> {
    if !matches!(verdict, Verdict::Send(_)) {
        return Ok(verdict);
    }
    let mut conn = domain.db.read().await?;
    Ok(if trial::holding_back(&mut conn, mail, domain.now()).await?.is_some() { Verdict::Withhold } else { verdict })
}

/// Seconds until the next attempt: 1 minute, doubled each time, at most 6 hours, and up to a fifth off so that mails refused together do
/// not come back together.
fn backoff(domain: &Domain, attempts: i64) -> i64 {
    let [jitter] = domain.random.bytes::<1>();
    let full = 60_i64 << (attempts - 1).clamp(0, 10);
    let full = full.min(6 * 60 * 60);
    full - full * i64::from(jitter) / (5 * 255)
}

/// Nobody is woken: in quiet hours a mail waits for their end.
fn held(settings: &Effective, now: At) -> Option<At> {
    let free = settings.free_at(now);
    (free > now).then_some(free)
}

async fn judge_answer(domain: &Domain, conn: &mut Conn, mail: &Mail) -> Result<Verdict> {
    let now = domain.now();
    let Some(answer) = store::outbox::answer(conn, mail.id).await? else { return Ok(Verdict::Cancel) };
    let is_seen = answer.contact_seen_seq >= answer.mailed_seq;
    let is_wanted = answer.email.as_deref() == Some(mail.recipient.as_str());
    if is_seen || !is_wanted || answer.is_superseded > 0 || return_link::is_over(mail, now) {
        return Ok(Verdict::Cancel);
    }
    let settings = setting::of(domain, conn, answer.unit_id).await?;
    if let Some(free) = held(&settings, now) {
        return Ok(Verdict::Hold(free));
    }
    let unit = &settings.calendar;
    let (local, today) = (unit.calendar.local(return_link::until(mail)), unit.calendar.local(now));
    let answered = Answered {
        name: answer.name_in(mail.language).to_owned(),
        title: answer.title_in(mail.language).to_owned(),
        unit: answer.unit_in(mail.language).to_owned(),
        until: when::date(mail.language, &local, &today),
        open_url: return_link::link(domain, mail.id, answer.claim_version),
        stop_url: return_link::stop_link(domain, mail.id),
    };
    Ok(Verdict::Send(Box::new(template::answered(mail.language, mail.recipient.clone(), answered))))
}

/// Who waits hears that somebody else answers now, unless they have looked or been answered meanwhile.
async fn judge_hand_over(domain: &Domain, conn: &mut Conn, mail: &Mail) -> Result<Verdict> {
    let now = domain.now();
    let Some(told) = store::outbox::told(conn, mail.id).await? else { return Ok(Verdict::Cancel) };
    let is_wanted = told.email.as_deref() == Some(mail.recipient.as_str());
    if told.waits == 0 || told.has_seen > 0 || !is_wanted || return_link::is_over(mail, now) {
        return Ok(Verdict::Cancel);
    }
    let Some(answering) = post::answering(domain, conn, told.post_id).await? else { return Ok(Verdict::Cancel) };
    let settings = setting::of(domain, conn, answering.post.unit_id).await?;
    if let Some(free) = held(&settings, now) {
        return Ok(Verdict::Hold(free));
    }
    let (local, today) = (answering.calendar.calendar.local(return_link::until(mail)), answering.calendar.calendar.local(now));
    let card = answering.card();
    let l = mail.language;
    let letter = Answered {
        name: card.name_in(l).to_owned(),
        title: card.title_in(l).to_owned(),
        unit: card.unit_in(l).to_owned(),
        until: when::date(l, &local, &today),
        open_url: return_link::link(domain, mail.id, told.claim_version),
        stop_url: return_link::stop_link(domain, mail.id),
    };
    Ok(Verdict::Send(Box::new(template::handed_over(l, mail.recipient.clone(), letter))))
}

async fn judge_invitation(domain: &Domain, conn: &mut Conn, mail: &Mail) -> Result<Verdict> {
    let (l, now) = (mail.language, domain.now());
    let Some(found) = store::outbox::invitation(conn, mail.id, now).await? else { return Ok(Verdict::Cancel) };
    let is_over = found.used_at.is_some() || found.ended_at.is_some() || found.expires_at <= now;
    if is_over || found.email != mail.recipient {
        return Ok(Verdict::Cancel);
    }
    let settings = match found.unit_id {
        Some(unit) => setting::of(domain, conn, unit).await?,
        None => Arc::new(Effective::standard()),
    };
    // Whoever asked for a new password is awake.
    let is_asked_for = mail.kind == MailKind::Password;
    if let Some(free) = held(&settings, now).filter(|_| !is_asked_for) {
        return Ok(Verdict::Hold(free));
    }
    let calendar = &settings.calendar.calendar;
    let (local, today) = (calendar.local(found.expires_at), calendar.local(now));
    let invited = Invited {
        is_again: found.activated_at.is_some(),
        name: found.staff_name,
        organisation: organisation(conn, found.unit_id).await?,
        post: found.post_title.zip(found.unit_name),
        // Not "tomorrow": a mail is read when it is read.
        until: t!(l, common.day_at, day = when::date(l, &local, &today), time = local.strftime("%-H:%M").to_string()),
        url: invitation::link(domain, found.id),
    };
    Ok(Verdict::Send(Box::new(template::invited(l, mail.recipient.clone(), invited))))
}

async fn judge_second_factor(domain: &Domain, conn: &mut Conn, mail: &Mail) -> Result<Verdict> {
    let Some(person) = store::staff::by_email(conn, &mail.recipient).await?.filter(|p| p.ended_at.is_none()) else { return Ok(Verdict::Cancel) };
    let url = format!("{}/sign-in", domain.public_url);
    Ok(Verdict::Send(Box::new(template::second_factor_reset(mail.language, person.email, person.name, url))))
}

/// The unit at the top: who invites.
async fn organisation(conn: &mut Conn, unit: Option<UnitId>) -> Result<Option<String>> {
    let Some(unit) = unit else { return Ok(None) };
    Ok(store::unit::path(conn, unit).await?.pop().map(|top| top.name))
}
