//! Mails to send, written with what they announce.

use crate::{
    Conn, Result,
    conn::{Either, execute, fetch_all, fetch_optional, on},
};
use model::{At, ContactId, ConversationId, InvitationId, Language, MailKind, OutboxId, PostId, StaffId, UnitId};

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Mail {
    pub id: OutboxId,
    pub kind: MailKind,
    pub recipient: String,
    pub language: Language,
    pub conversation_id: Option<ConversationId>,
    pub invitation_id: Option<InvitationId>,
    pub created_at: At,
    /// Not sent before.
    pub due_at: At,
    pub attempts: i64,
    pub last_error: Option<String>,
    pub sent_at: Option<At>,
    pub cancelled_at: Option<At>,
    pub failed_at: Option<At>,
}

/// Mails of a kind that the version beside (migration 0005) does not know are due so many milliseconds later than they are, where that version never
/// looks: it could not read them, nor any other mail with them.
const BESIDE: i64 = 9007199254740992;

impl Mail {
    /// One that is to go out at once and has nothing to do with a conversation or an invitation.
    pub fn new(id: OutboxId, kind: MailKind, recipient: String, language: Language, now: At) -> Mail {
        Mail {
            id,
            kind,
            recipient,
            language,
            conversation_id: None,
            invitation_id: None,
            created_at: now,
            due_at: now,
            attempts: 0,
            last_error: None,
            sent_at: None,
            cancelled_at: None,
            failed_at: None,
        }
    }

    fn is_beside(&self) -> bool {
        self.kind == MailKind::HandOver
    }

    /// Due when it is.
    fn seen(mut self) -> Mail {
        if self.due_at.0 >= BESIDE {
            self.due_at = At(self.due_at.0 - BESIDE);
        }
        self
    }
}

pub async fn insert(conn: &mut Conn, mail: &Mail) -> Result<()> {
    let due_at = if mail.is_beside() { At(mail.due_at.0 + BESIDE) } else { mail.due_at };
    execute!(
        conn,
        "insert into outbox (id, kind, recipient, language, conversation_id, invitation_id, created_at, due_at, attempts) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        mail.id,
        mail.kind,
        &mail.recipient,
        mail.language,
        mail.conversation_id,
        mail.invitation_id,
        mail.created_at,
        due_at,
        mail.attempts
    )
    .map(|_| ())
}

pub async fn find(conn: &mut Conn, id: OutboxId) -> Result<Option<Mail>> {
    let found = fetch_optional!(
        conn,
        Mail,
        "select id, kind, recipient, language, conversation_id, invitation_id, created_at, due_at, attempts, last_error, sent_at, cancelled_at, failed_at from outbox where id = $1",
        id
    )?;
    Ok(found.map(Mail::seen))
}

/// The mails to an address, oldest first.
pub async fn to(conn: &mut Conn, recipient: &str) -> Result<Vec<Mail>> {
    let mails = fetch_all!(
        conn,
        Mail,
        "select id, kind, recipient, language, conversation_id, invitation_id, created_at, due_at, attempts, last_error, sent_at, cancelled_at, failed_at
         from outbox where recipient = $1 order by id",
        recipient
    )?;
    Ok(mails.into_iter().map(Mail::seen).collect())
}

/// Whether a mail is due: asked often, so without writing anything.
pub async fn is_any_due(conn: &mut Conn, now: At) -> Result<bool> {
    let due = fetch_optional!(
        conn,
        (i64,),
        "select attempts from outbox where sent_at is null and cancelled_at is null and failed_at is null
            and (due_at <= $1 or due_at >= 9007199254740992 and due_at <= $2) limit 1",
        now,
        At(now.0 + BESIDE)
    )?;
    Ok(due.is_some())
}

/// How many mails are taken at a time: invitations, of which thousands may be due at once, are counted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    pub invitations: i64,
    pub others: i64,
}

/// Takes due mails, the longest due first, and puts them off until `until`: no other node takes them before that, and should this one stop in the
/// middle, they are due again.
pub async fn claim(conn: &mut Conn, now: At, until: At, share: Share) -> Result<Vec<Mail>> {
    macro_rules! claim {
        ($kinds:literal, $lock:literal) => {
            concat!(
                "update outbox set due_at = case when due_at >= 9007199254740992 then $5 else $2 end where id in (
                    select id from outbox where sent_at is null and cancelled_at is null and failed_at is null
                        and (due_at <= $1 or due_at >= 9007199254740992 and due_at <= $4) and ",
                $kinds,
                " order by case when due_at >= 9007199254740992 then due_at - 9007199254740992 else due_at end, id limit $3 ",
                $lock,
                ") returning id, kind, recipient, language, conversation_id, invitation_id, created_at, due_at, attempts, last_error, sent_at, cancelled_at,
                    failed_at"
            )
        };
    }
    let texts = match conn.either() {
        Either::Sqlite(_) => [claim!("kind <> 'invitation'", ""), claim!("kind = 'invitation'", "")],
        // Several nodes claim at once: each passes over what another is taking.
        Either::Postgres(_) => [claim!("kind <> 'invitation'", "for update skip locked"), claim!("kind = 'invitation'", "for update skip locked")],
    };
    let [others, invitations] = texts;
    let (now_beside, until_beside) = (At(now.0 + BESIDE), At(until.0 + BESIDE));
    let mut mails = fetch_all!(conn, Mail, others, now, until, share.others, now_beside, until_beside)?;
    if share.invitations > 0 {
        mails.extend(fetch_all!(conn, Mail, invitations, now, until, share.invitations, now_beside, until_beside)?);
    }
    let mut mails: Vec<Mail> = mails.into_iter().map(Mail::seen).collect();
    mails.sort_by_key(|m| m.id);
    Ok(mails)
}

/// The mail server took it.
pub async fn sent(conn: &mut Conn, id: OutboxId, now: At) -> Result<()> {
    execute!(
        conn,
        "update outbox set sent_at = $2, attempts = attempts + 1, last_error = null where id = $1 and sent_at is null and cancelled_at is null and failed_at is null",
        id,
        now
    )
    .map(|_| ())
}

/// The mail server did not take it; to be tried again at `due_at`.
pub async fn retry(conn: &mut Conn, id: OutboxId, due_at: At, error: &str) -> Result<()> {
    execute!(
        conn,
        "update outbox set due_at = case when due_at >= 9007199254740992 then $4 else $2 end, attempts = attempts + 1, last_error = $3 where id = $1 and sent_at is null and cancelled_at is null and failed_at is null",
        id,
        due_at,
        error,
        At(due_at.0 + BESIDE)
    )
    .map(|_| ())
}

/// Given up; the row stays as the record of it.
pub async fn failed(conn: &mut Conn, id: OutboxId, now: At, error: &str) -> Result<()> {
    execute!(
        conn,
        "update outbox set failed_at = $2, attempts = attempts + 1, last_error = $3 where id = $1 and sent_at is null and cancelled_at is null and failed_at is null",
        id,
        now,
        error
    )
    .map(|_| ())
}

/// Not needed any more.
pub async fn cancelled(conn: &mut Conn, id: OutboxId, now: At) -> Result<()> {
    execute!(conn, "update outbox set cancelled_at = $2 where id = $1 and sent_at is null and cancelled_at is null and failed_at is null", id, now).map(|_| ())
}

/// Puts a mail off without counting it as an attempt.
pub async fn hold(conn: &mut Conn, id: OutboxId, due_at: At) -> Result<()> {
    execute!(
        conn,
        "update outbox set due_at = case when due_at >= 9007199254740992 then $3 else $2 end
         where id = $1 and sent_at is null and cancelled_at is null and failed_at is null",
        id,
        due_at,
        At(due_at.0 + BESIDE)
    )
    .map(|_| ())
}

/// Invitations to this member of staff that have not gone out yet will not.
pub async fn cancel_invitations(conn: &mut Conn, staff: StaffId, now: At) -> Result<()> {
    execute!(
        conn,
        "update outbox set cancelled_at = $2
         where invitation_id in (select id from invitations where staff_id = $1) and sent_at is null and cancelled_at is null and failed_at is null",
        staff,
        now
    )
    .map(|_| ())
}

/// What the answer mail has to know at the moment of sending.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Answer {
    pub conversation_id: ConversationId,
    pub contact_id: ContactId,
    pub contact_seen_seq: i64,
    /// The answer the mail tells of.
    pub mailed_seq: i64,
    pub claim_version: i64,
    /// The contact's address now; a contact who removed it gets no mail.
    pub email: Option<String>,
    pub post_id: PostId,
    pub post_title: String,
    pub post_title_en: Option<String>,
    pub unit_id: UnitId,
    pub unit_name: String,
    pub unit_name_en: Option<String>,
    /// Who wrote the answer.
    pub staff_name: Option<String>,
    /// Another mail was written for this conversation after this one.
    pub is_superseded: i64,
}

impl Answer {
    pub fn title_in(&self, language: Language) -> &str {
        language.name(&self.post_title, self.post_title_en.as_deref())
    }

    pub fn unit_in(&self, language: Language) -> &str {
        language.name(&self.unit_name, self.unit_name_en.as_deref())
    }

    /// Who wrote the answer; the post's title if no name is known.
    pub fn name_in(&self, language: Language) -> &str {
        self.staff_name.as_deref().unwrap_or_else(|| self.title_in(language))
    }
}

pub async fn answer(conn: &mut Conn, id: OutboxId) -> Result<Option<Answer>> {
    fetch_optional!(
        conn,
        Answer,
        "select c.id as conversation_id, c.contact_id, c.contact_seen_seq, c.mailed_seq, c.claim_version, k.email, p.id as post_id, p.title as post_title,
            p.title_en as post_title_en, u.id as unit_id, u.name as unit_name, u.name_en as unit_name_en, s.name as staff_name,
            (select count(*) from outbox later where later.conversation_id = o.conversation_id and later.kind = o.kind and later.id > o.id) as is_superseded
         from outbox o
         join conversations c on c.id = o.conversation_id
         join contacts k on k.id = c.contact_id
         left join messages m on m.conversation_id = c.id and m.seq = c.mailed_seq
         join posts p on p.id = coalesce(m.post_id, c.post_id)
         join units u on u.id = p.unit_id
         left join staff s on s.id = m.staff_id
         where o.id = $1 and o.kind in ('answer', 'hand_over')",
        id
    )
}

/// What the mail that tells of another holder has to know at the moment of sending.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Told {
    pub post_id: PostId,
    pub claim_version: i64,
    /// The contact's address now.
    pub email: Option<String>,
    pub waits: i64,
    /// 1 if the contact has seen all there is.
    pub has_seen: i64,
}

pub async fn told(conn: &mut Conn, id: OutboxId) -> Result<Option<Told>> {
    fetch_optional!(
        conn,
        Told,
        "select c.post_id, c.claim_version, k.email, cast(case when c.contact_seen_seq >= c.last_seq then 1 else 0 end as bigint) as has_seen,
            (select count(*) from waits w where w.conversation_id = c.id and w.closed_at is null) as waits
         from outbox o join conversations c on c.id = o.conversation_id join contacts k on k.id = c.contact_id
         where o.id = $1 and o.kind = 'hand_over'",
        id
    )
}

/// What the invitation mail has to know at the moment of sending.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Invitation {
    pub id: InvitationId,
    pub staff_id: StaffId,
    pub staff_name: String,
    pub email: String,
    pub expires_at: At,
    pub used_at: Option<At>,
    pub activated_at: Option<At>,
    pub ended_at: Option<At>,
    /// The first post the person is to hold, if there is one yet.
    pub post_title: Option<String>,
    /// That post's unit, else the unit of the person's first grant.
    pub unit_id: Option<UnitId>,
    pub unit_name: Option<String>,
}

pub async fn invitation(conn: &mut Conn, id: OutboxId, now: At) -> Result<Option<Invitation>> {
    fetch_optional!(
        conn,
        Invitation,
        "select i.id, i.staff_id, s.name as staff_name, s.email, i.expires_at, i.used_at, s.ended_at, s.activated_at, p.title as post_title, u.id as unit_id, u.name as unit_name
         from outbox o
         join invitations i on i.id = o.invitation_id
         join staff s on s.id = i.staff_id
         left join posts p on p.id = (
            select h.post_id from holdings h where h.staff_id = s.id and (h.until_at is null or h.until_at > $2) order by h.from_at, h.id limit 1)
         left join units u on u.id = coalesce(p.unit_id, (
            select g.unit_id from grants g where g.staff_id = s.id and (g.until_at is null or g.until_at > $2) order by g.from_at, g.id limit 1), s.unit_id)
         where o.id = $1 and o.kind in ('invitation', 'password')",
        id,
        now
    )
}

/// The contact does not want to be told any more: what waits is cancelled, and the address is taken out of what is done with.
pub async fn forget_contact(conn: &mut Conn, contact: ContactId, now: At) -> Result<()> {
    execute!(
        conn,
        "update outbox set recipient = '', cancelled_at = case when sent_at is null and failed_at is null then coalesce(cancelled_at, $2) end
         where kind in ('answer', 'hand_over') and conversation_id in (select id from conversations where contact_id = $1)",
        contact,
        now
    )
    .map(|_| ())
}
