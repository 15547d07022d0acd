//! The audit trail: append-only, each entry carrying the hash of the one before it.

use crate::{
    Conn, Result,
    conn::{Either, execute, fetch_all, fetch_one, fetch_optional, on},
};
use model::{At, StaffId, UnitId};
use uuid::Uuid;

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Entry {
    pub seq: i64,
    pub at: At,
    /// Nobody for what the program does by itself.
    pub staff_id: Option<StaffId>,
    /// Where in the tree it belongs; entries of the whole installation belong nowhere.
    pub unit_id: Option<UnitId>,
    pub action: String,
    pub target: String,
    pub detail: String,
    /// Of who, where, what, to what and detail: it stays when those are emptied. Entries of versions that emptied nothing have none.
    pub digest: Option<Vec<u8>>,
    pub previous_hash: Vec<u8>,
    pub hash: Vec<u8>,
}

/// The end of the chain: a number and the hash of the entry that has it.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Head {
    pub seq: i64,
    pub hash: Vec<u8>,
}

/// The newest entry. On PostgreSQL nobody else appends from here until this transaction ends. So it comes last in a transaction, after everything
/// else that others may have to wait for: two that took their locks in different orders would wait for each other.
pub async fn last(conn: &mut Conn) -> Result<Option<Entry>> {
    hold(conn).await?;
    fetch_optional!(
        conn,
        Entry,
        "select seq, at, staff_id, unit_id, action, target, detail, digest, previous_hash, hash from audit_entries order by seq desc limit 1"
    )
}

/// From here until the transaction ends nobody else appends.
pub async fn hold(conn: &mut Conn) -> Result<()> {
    if let Either::Postgres(c) = conn.either() {
        sqlx::query("select pg_advisory_xact_lock(7205)").execute(c).await?;
    }
    Ok(())
}

pub async fn append(conn: &mut Conn, entry: &Entry) -> Result<()> {
    execute!(
        conn,
        "insert into audit_entries (seq, at, staff_id, unit_id, action, target, detail, digest, previous_hash, hash)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        entry.seq,
        entry.at,
        entry.staff_id,
        entry.unit_id,
        &entry.action,
        &entry.target,
        &entry.detail,
        &entry.digest,
        &entry.previous_hash,
        &entry.hash
    )
    .map(|_| ())
}

/// Entries of one statement.
const ROWS: usize = 2_000;

/// Appends many, in the order of their numbers.
pub async fn append_all(conn: &mut Conn, entries: &[Entry]) -> Result<()> {
    #[derive(serde::Serialize)]
    struct EntryJson<'a> {
        seq: i64,
        at: i64,
        staff_id: Option<String>,
        unit_id: Option<String>,
        action: &'a str,
        target: &'a str,
        detail: &'a str,
        digest: Option<String>,
        previous_hash: String,
        hash: String,
    }
    fn hex(bytes: &[u8]) -> String {
        data_encoding::HEXLOWER.encode(bytes)
    }
    fn row(entry: &Entry) -> EntryJson<'_> {
        EntryJson {
            seq: entry.seq,
            at: entry.at.0,
            staff_id: entry.staff_id.map(|id| id.to_string()),
            unit_id: entry.unit_id.map(|id| id.to_string()),
            action: &entry.action,
            target: &entry.target,
            detail: &entry.detail,
            digest: entry.digest.as_deref().map(hex),
            previous_hash: hex(&entry.previous_hash),
            hash: hex(&entry.hash),
        }
    }
    for some in entries.chunks(ROWS) {
        let text = match conn.either() {
            Either::Sqlite(_) => {
                "insert into audit_entries (seq, at, staff_id, unit_id, action, target, detail, digest, previous_hash, hash)
                 select value ->> 'seq', value ->> 'at', unhex(value ->> 'staff_id'), unhex(value ->> 'unit_id'), value ->> 'action', value ->> 'target',
                    value ->> 'detail', unhex(value ->> 'digest'), unhex(value ->> 'previous_hash'), unhex(value ->> 'hash')
                 from json_each($1) order by value ->> 'seq'"
            }
            Either::Postgres(_) => {
                "insert into audit_entries (seq, at, staff_id, unit_id, action, target, detail, digest, previous_hash, hash)
                 select seq, at, staff_id, unit_id, action, target, detail, decode(digest, 'hex'), decode(previous_hash, 'hex'), decode(hash, 'hex')
                 from jsonb_to_recordset($1::jsonb) as n (seq bigint, at bigint, staff_id uuid, unit_id uuid, action text, target text, detail text,
                    digest text, previous_hash text, hash text)
                 order by seq"
            }
        };
        execute!(conn, text, json(some.iter().map(row).collect::<Vec<_>>())?)?;
    }
    Ok(())
}

/// The unit that something belongs to: a unit itself, and whatever hangs on a post or a member of staff.
pub async fn unit_of(conn: &mut Conn, id: Uuid) -> Result<Option<UnitId>> {
    macro_rules! of_staff {
        () => {
            "coalesce(s.unit_id,
                (select p.unit_id from holdings h join posts p on p.id = h.post_id where h.staff_id = s.id order by h.until_at is null desc, h.from_at desc limit 1),
                (select g.unit_id from grants g where g.staff_id = s.id order by g.from_at desc limit 1))"
        };
    }
    let found = fetch_optional!(
        conn,
        (Option<UnitId>,),
        concat!(
            "select id from units where id = $1
             union all select unit_id from posts where id = $1
             union all select p.unit_id from contact_points k join posts p on p.id = k.post_id where k.id = $1
             union all select p.unit_id from conversations v join posts p on p.id = v.post_id where v.id = $1
             union all select p.unit_id from holdings h join posts p on p.id = h.post_id where h.id = $1
             union all select unit_id from imports where id = $1
             union all select p.unit_id from quick_replies q join posts p on p.id = q.post_id where q.id = $1
             union all select unit_id from prints where id = $1
             union all select p.unit_id from outbox o join conversations v on v.id = o.conversation_id join posts p on p.id = v.post_id where o.id = $1
             union all select ",
            of_staff!(),
            " from outbox o join invitations i on i.id = o.invitation_id join staff s on s.id = i.staff_id where o.id = $1
             union all select ",
            of_staff!(),
            " from passkeys k join staff s on s.id = k.staff_id where k.id = $1
             union all select ",
            of_staff!(),
            " from staff s where s.id = $1
             union all select ",
            of_staff!(),
            " from sessions e join staff s on s.id = e.staff_id where e.id = $1
             union all select ",
            of_staff!(),
            " from invitations i join staff s on s.id = i.staff_id where i.id = $1
             limit 1"
        ),
        id
    )?;
    Ok(found.and_then(|(unit,)| unit))
}

/// Whether this person has done this to this since a moment.
pub async fn has_done(conn: &mut Conn, staff: StaffId, action: &str, target: &str, since: At) -> Result<bool> {
    let found = fetch_optional!(
        conn,
        (i64,),
        "select seq from audit_entries where target = $1 and action = $2 and staff_id = $3 and at >= $4 limit 1",
        target,
        action,
        staff,
        since
    )?;
    Ok(found.is_some())
}

/// What the database itself remembers as the end of the chain.
pub async fn head(conn: &mut Conn) -> Result<Head> {
    fetch_one!(conn, Head, "select seq, hash from audit_head where id = 1")
}

/// The entries after a number, in order.
pub async fn after(conn: &mut Conn, seq: i64, limit: i64) -> Result<Vec<Entry>> {
    fetch_all!(
        conn,
        Entry,
        "select seq, at, staff_id, unit_id, action, target, detail, digest, previous_hash, hash from audit_entries where seq > $1 order by seq limit $2",
        seq,
        limit
    )
}

/// The entry that says what was emptied because it was old.
pub const RETAIN: &str = "audit.retain";

/// Each time old entries were emptied: the number of the entry that says so, when that was, and what it says.
pub async fn retentions(conn: &mut Conn) -> Result<Vec<(i64, At, String)>> {
    fetch_all!(conn, (i64, At, String), "select seq, at, detail from audit_entries where action = $1 order by seq", RETAIN)
}

/// Every action there is an entry of, by stepping through the index.
pub async fn actions(conn: &mut Conn) -> Result<Vec<String>> {
    let rows = fetch_all!(
        conn,
        (Option<String>,),
        "with recursive step as (
            select min(action) as action from audit_entries where action > ''
            union all select (select min(a.action) from audit_entries a where a.action > step.action) from step where step.action is not null)
         select action from step where action is not null"
    )?;
    Ok(rows.into_iter().filter_map(|(action,)| action).collect())
}

fn json<T: serde::Serialize>(list: T) -> Result<String> {
    Ok(serde_json::to_string(&list)?)
}

/// The oldest entries of some actions from before a moment, as far as they have not been emptied: number and time.
pub async fn old(conn: &mut Conn, actions: &[&str], before: At, limit: i64) -> Result<Vec<(i64, At)>> {
    // Where the old ones end is found in one step: what is young is not looked at.
    macro_rules! old {
        ($actions:literal) => {
            concat!(
                "select seq, at from audit_entries where at < $2 and seq <= (select seq from audit_entries where at < $2 order by at desc limit 1)
                 and digest is not null and action in (",
                $actions,
                ") order by seq limit $3"
            )
        };
    }
    let actions = json(actions)?;
    let text = match conn.either() {
        Either::Sqlite(_) => old!("select value from json_each($1)"),
        Either::Postgres(_) => old!("select jsonb_array_elements_text(cast($1 as jsonb))"),
    };
    fetch_all!(conn, (i64, At), text, actions, before, limit)
}

/// Empties entries: number, time, digest and hashes stay, so that the chain still holds and it can be seen how old they were. The database refuses
/// this for entries younger than 190 days by its own clock, and where no entry in the chain says so.
pub async fn empty(conn: &mut Conn, seqs: &[i64]) -> Result<u64> {
    macro_rules! empty {
        ($list:literal) => {
            concat!(
                "update audit_entries set staff_id = null, unit_id = null, action = '', target = '', detail = '' where action <> '' and seq in (",
                $list,
                ")"
            )
        };
    }
    let text = match conn.either() {
        Either::Sqlite(_) => empty!("select value from json_each($1)"),
        Either::Postgres(_) => empty!("select cast(value as bigint) from jsonb_array_elements_text(cast($1 as jsonb))"),
    };
    execute!(conn, text, json(seqs)?)
}

/// What an entry is to speak of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// An id as it stands in entries.
    Id(String),
    /// Whatever is shown under a name like this: a pattern for `like`, in lower case.
    Like(String),
}

/// What is looked for; what is `None` may be anything.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only entries with a smaller number.
    pub before: Option<i64>,
    pub from: Option<At>,
    pub until: Option<At>,
    /// Whose name or address is like this: a pattern for `like`, in lower case.
    pub who: Option<String>,
    pub target: Option<Target>,
    pub actions: Option<Vec<String>>,
    /// In the subtrees of these.
    pub units: Option<Vec<UnitId>>,
    /// The subtrees are small, so that it is quicker to begin with them.
    pub is_narrow: bool,
}

/// An entry with the names of who and where, as they are now.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Line {
    #[sqlx(flatten)]
    pub entry: Entry,
    pub staff_name: Option<String>,
    pub unit_name: Option<String>,
}

/// The newest entries that fit, newest first. Emptied ones do not.
pub async fn find(conn: &mut Conn, filter: &Filter, limit: i64) -> Result<Vec<Line>> {
    macro_rules! found {
        ($things:literal, $actions:literal, $units:literal, $first:literal) => {
            concat!(
                "with recursive people as materialized (select id from staff where lower(name) like $4 escape '\\' or lower(email) like $4 escape '\\'),
                 seats as (select p.id, lower(u.name || ' ' || p.title) as name from posts p join units u on u.id = p.unit_id),
                 people_named as materialized (select id from staff where lower(name) like $5 escape '\\'),
                 things as (
                    select id from units where lower(name) like $5 escape '\\' or lower(code) like $5 escape '\\'
                    union all select id from seats where name like $5 escape '\\'
                    union all select id from people_named
                    union all select k.id from contact_points k join posts p on p.id = k.post_id join units u on u.id = p.unit_id
                        where lower(u.name || ' ' || k.place || ' ' || k.code) like $5 escape '\\'
                    union all select h.id from holdings h join seats s on s.id = h.post_id where s.name like $5 escape '\\'
                    union all select id from quick_replies where lower(title) like $5 escape '\\'
                    union all select id from sessions where lower(agent) like $5 escape '\\'
                    union all select i.id from invitations i join people_named s on s.id = i.staff_id
                    union all select o.id from outbox o join invitations i on i.id = o.invitation_id join people_named s on s.id = i.staff_id
                    union all select id from passkeys where lower(name) like $5 escape '\\'
                    union all select id from imports where lower(file_name) like $5 escape '\\'),
                 targets as (",
                $things,
                "),
                 actions as (",
                $actions,
                "),
                 area as (",
                $units,
                " union select u.id from units u join area on u.parent_id = area.id)
                 select a.seq, a.at, a.staff_id, a.unit_id, a.action, a.target, a.detail, a.digest, a.previous_hash, a.hash,
                    s.name as staff_name, n.name as unit_name
                 from audit_entries a left join staff s on s.id = a.staff_id left join units n on n.id = a.unit_id
                 where a.seq < $1 and a.at >= $2 and a.at < $3 and a.action <> ''",
                $first,
                " and (cast($4 as text) is null or a.staff_id in (select id from people))
                  and (cast($6 as text) is null or a.action in (select action from actions))
                  and (cast($7 as text) is null or a.unit_id in (select id from area))
                  and (cast($8 as text) is null or a.target = $8)
                 order by a.seq desc limit $9"
            )
        };
    }
    macro_rules! on_each {
        ($first:literal) => {
            match conn.either() {
                // Of conversations only those that entries speak of: there are few, and very many others.
                Either::Sqlite(_) => found!(
                    "select lower(hex(id)) as id from things
                     union all select a.target from audit_entries a join conversations v on v.id = unhex(a.target) join seats s on s.id = v.post_id
                        where (a.action = 'access.refuse' or a.action > 'conversation.' and a.action < 'conversation/') and s.name like $5 escape '\\'",
                    "select value as action from json_each($6)",
                    "select unhex(value) as id from json_each($7)",
                    $first
                ),
                Either::Postgres(_) => found!(
                    "select replace(cast(id as text), '-', '') as id from things
                     union all select a.target from audit_entries a join conversations v on v.id = case when a.target ~ '^[0-9a-f]{32}$' then cast(a.target as uuid) end
                        join seats s on s.id = v.post_id
                        where (a.action = 'access.refuse' or a.action > 'conversation.' and a.action < 'conversation/') and s.name like $5 escape '\\'",
                    "select value as action from jsonb_array_elements_text(cast(cast($6 as text) as jsonb))",
                    "select cast(value as uuid) as id from jsonb_array_elements_text(cast(cast($7 as text) as jsonb))",
                    $first
                ),
            }
        };
    }
    let (id, like) = match &filter.target {
        Some(Target::Id(id)) => (Some(id), None),
        Some(Target::Like(like)) => (None, Some(like)),
        None => (None, None),
    };
    // Begins with whatever leaves least to look through.
    let text = if id.is_some() {
        on_each!(" and a.target = $8")
    } else if like.is_some() {
        // Also by what it says, in which things are called as they were then; no index helps with that.
        on_each!(" and (a.target in (select id from targets) or lower(a.detail) like $5 escape '\\')")
    } else if filter.who.is_some() {
        on_each!(" and a.staff_id in (select id from people)")
    } else if filter.is_narrow && filter.units.is_some() {
        on_each!(" and a.unit_id in (select id from area)")
    } else {
        on_each!("")
    };
    let units = filter.units.as_ref().map(|ids| json(ids.iter().map(ToString::to_string).collect::<Vec<_>>())).transpose()?;
    fetch_all!(
        conn,
        Line,
        text,
        filter.before.unwrap_or(i64::MAX),
        filter.from.unwrap_or(At(0)),
        filter.until.unwrap_or(At(i64::MAX)),
        filter.who.as_ref(),
        like,
        filter.actions.as_ref().map(json).transpose()?,
        units.clone(),
        id,
        limit
    )
}

/// The triggers that keep entries from being changed, deleted or put in front of others; see the migrations.
const GUARDS: [&str; 5] = ["audit_head_follows", "audit_head_never_goes_back", "audit_head_stays", "audit_entries_keep", "audit_entries_stay"];
/// PostgreSQL can empty a table without deleting a row.
const POSTGRES_GUARDS: [&str; 2] = ["audit_entries_all_stay", "audit_head_all_stay"];
pub(crate) const SQLITE_TRIGGERS: &str = "select name from sqlite_master where type = 'trigger'";
pub(crate) const POSTGRES_TRIGGERS: &str = "select cast(tgname as text) from pg_trigger where not tgisinternal and tgenabled in ('O', 'A')";

/// Which of the triggers are not there, or are off.
pub async fn unguarded(conn: &mut Conn) -> Result<Vec<String>> {
    Ok(match conn.either() {
        Either::Sqlite(c) => missing_in_sqlite(&sqlx::query_scalar::<_, String>(SQLITE_TRIGGERS).fetch_all(c).await?),
        Either::Postgres(c) => missing_in_postgres(&sqlx::query_scalar::<_, String>(POSTGRES_TRIGGERS).fetch_all(c).await?),
    })
}

pub(crate) fn missing_in_sqlite(there: &[String]) -> Vec<String> {
    missing(&GUARDS, there)
}

pub(crate) fn missing_in_postgres(there: &[String]) -> Vec<String> {
    missing(&[&GUARDS[..], &POSTGRES_GUARDS].concat(), there)
}

fn missing(expected: &[&str], there: &[String]) -> Vec<String> {
    expected.iter().filter(|name| !there.iter().any(|t| t == *name)).map(|name| (*name).to_owned()).collect()
}

/// What an id in an entry stands for.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Named {
    pub id: Uuid,
    /// `unit`, `post`, `staff`, `contact_point`, `conversation` …
    pub noun: String,
    pub name: String,
}

/// The names of what entries speak of, as they are now.
pub async fn names(conn: &mut Conn, ids: &[Uuid]) -> Result<Vec<Named>> {
    macro_rules! names {
        ($ids:literal) => {
            concat!(
                "with ids as (", $ids, ")
                 select u.id, 'unit' as noun, u.name from units u where u.id in (select id from ids)
                 union all select p.id, 'post', u.name || ' ' || p.title from posts p join units u on u.id = p.unit_id where p.id in (select id from ids)
                 union all select s.id, 'staff', s.name from staff s where s.id in (select id from ids)
                 union all select k.id, 'contact_point', u.name || ' ' || k.place || ' ' || k.code from contact_points k join posts p on p.id = k.post_id
                    join units u on u.id = p.unit_id where k.id in (select id from ids)
                 union all select v.id, 'conversation', u.name || ' ' || p.title from conversations v join posts p on p.id = v.post_id
                    join units u on u.id = p.unit_id where v.id in (select id from ids)
                 union all select h.id, 'holding', u.name || ' ' || p.title from holdings h join posts p on p.id = h.post_id
                    join units u on u.id = p.unit_id where h.id in (select id from ids)
                 union all select q.id, 'quick_reply', q.title from quick_replies q where q.id in (select id from ids)
                 union all select e.id, 'session', e.agent from sessions e where e.id in (select id from ids)
                 union all select i.id, 'invitation', s.name from invitations i join staff s on s.id = i.staff_id where i.id in (select id from ids)
                 union all select o.id, 'mail', s.name from outbox o join invitations i on i.id = o.invitation_id join staff s on s.id = i.staff_id
                    where o.id in (select id from ids)
                 union all select k.id, 'passkey', k.name from passkeys k where k.id in (select id from ids)
                 union all select m.id, 'import', m.file_name from imports m where m.id in (select id from ids)"
            )
        };
    }
    let ids = json(ids.iter().map(|id| id.as_simple().to_string()).collect::<Vec<_>>())?;
    let text = match conn.either() {
        Either::Sqlite(_) => names!("select unhex(value) as id from json_each($1)"),
        Either::Postgres(_) => names!("select cast(value as uuid) as id from jsonb_array_elements_text(cast(cast($1 as text) as jsonb))"),
    };
    fetch_all!(conn, Named, text, ids)
}
