//! Signed-in sessions of staff. The key is in the cookie only; here is its hash.

use crate::{Domain, Keys, Staff, audit, live::Topic};
use data_encoding::BASE32_NOPAD;
use model::{At, SessionId, StaffId};
use store::{Conn, Result, session::Session};

/// How long a session lasts after signing in.
pub const DAYS: i64 = 30;

/// How long after signing in nobody is asked for their password again.
pub const JUST_NOW_MINUTES: i64 = 10;

/// `seen_at` is written at most this often.
const TOUCH_SECONDS: i64 = 5 * 60;

#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// Not a live session of this member of staff.
    #[error("not found")]
    NotFound,
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// A session about to be written.
#[derive(Clone, Debug)]
pub(crate) struct New {
    pub id: SessionId,
    /// 256 random bits in base 32, for the cookie.
    pub key: String,
    pub agent: String,
}

impl New {
    /// The key is always made here, never taken from the browser (session fixation).
    pub fn make(domain: &Domain, agent: &str) -> New {
        New { id: SessionId(domain.id()), key: BASE32_NOPAD.encode(&domain.random.bytes::<32>()).to_lowercase(), agent: agent_name(agent) }
    }
}

/// Writes a new session; the one this browser had before ends.
pub(crate) async fn begin(c: &mut Conn, new: &New, staff: StaffId, is_proven: bool, before: Option<&str>, now: At) -> Result<Option<SessionId>> {
    let ended = match before {
        Some(key) => store::session::end_by_key(c, &Keys::hash(key), now).await?,
        None => None,
    };
    let session = Session { id: new.id, staff_id: staff, agent: new.agent.clone(), created_at: now, seen_at: now, ended_at: None };
    store::session::insert(c, &session, &Keys::hash(&new.key)).await?;
    if is_proven {
        store::session::prove(c, new.id, now).await?;
    }
    audit::append(c, now, Some(staff), "session.begin", &new.id.to_string(), "").await?;
    Ok(ended)
}

/// Sessions that began before this are over.
pub(crate) fn oldest(now: At) -> At {
    now.plus_days(-DAYS)
}

/// Notes that a session is in use.
pub(crate) async fn touch(domain: &Domain, session: &Session, now: At) -> Result<()> {
    if now.seconds_since(session.seen_at) < TOUCH_SECONDS {
        return Ok(());
    }
    let id = session.id;
    domain.db.write(move |c| Box::pin(async move { store::session::touch(c, id, now).await })).await
}

/// My live sessions, last used first.
pub async fn mine(domain: &Domain, staff: &Staff) -> Result<Vec<Session>> {
    let mut conn = domain.db.read().await?;
    store::session::of_staff(&mut conn, staff.id, oldest(domain.now())).await
}

/// Whether the caller is still signed in: what a live stream asks when [`Topic::Session`] wakes it.
pub async fn is_live(domain: &Domain, id: SessionId) -> Result<bool> {
    let mut conn = domain.db.read().await?;
    let now = domain.now();
    store::session::is_live(&mut conn, id, oldest(now), now).await
}

pub async fn sign_out(domain: &Domain, staff: &Staff) -> Result<()> {
    let (staff, id, now) = (staff.id, staff.session_id, domain.now());
    domain
        .db
        .write(move |c| {
            Box::pin(async move {
                if store::session::end(c, staff, id, now).await? {
                    audit::append(c, now, Some(staff), "session.sign_out", &id.to_string(), "").await?;
                }
                Ok::<_, store::Error>(())
            })
        })
        .await?;
    wake(domain, [id]);
    Ok(())
}

/// Ends one of my sessions; its streams close.
pub async fn end(domain: &Domain, staff: &Staff, id: SessionId) -> std::result::Result<(), SessionError> {
    let (staff, now) = (staff.id, domain.now());
    domain
        .db
        .write(move |c| {
            Box::pin(async move {
                if !store::session::end(c, staff, id, now).await? {
                    return Err(SessionError::NotFound);
                }
                Ok(audit::append(c, now, Some(staff), "session.end", &id.to_string(), "").await?)
            })
        })
        .await?;
    wake(domain, [id]);
    Ok(())
}

/// Ends all of my sessions but this one.
pub async fn end_others(domain: &Domain, staff: &Staff) -> Result<()> {
    let (staff, this, now) = (staff.id, staff.session_id, domain.now());
    let ended = domain.db.write(move |c| Box::pin(async move { end_all(c, Some(staff), staff, Some(this), now).await })).await?;
    wake(domain, ended);
    Ok(())
}

/// Ends the sessions of a member of staff inside the caller's transaction: `by` changed their password, or let them go. [`wake`] the result
/// after the commit.
pub async fn end_all(c: &mut Conn, by: Option<StaffId>, staff: StaffId, except: Option<SessionId>, now: At) -> Result<Vec<SessionId>> {
    let ended = store::session::end_all(c, staff, except, now).await?;
    for id in &ended {
        audit::append(c, now, by, "session.end", &id.to_string(), "").await?;
    }
    Ok(ended)
}

/// Tells the streams of ended sessions.
pub fn wake(domain: &Domain, ended: impl IntoIterator<Item = SessionId>) {
    domain.hub.wake_all(ended.into_iter().map(Topic::Session));
}

/// What a `User-Agent` header says in a word or two: "WeChat · HarmonyOS", "Chrome · Windows". Names of programs need no translation.
pub fn agent_name(header: &str) -> String {
    // The first that fits: Edge and WeChat call themselves Chrome, Chrome calls itself Safari, Android calls itself Linux.
    const BROWSERS: [(&str, &str); 13] = [
        ("wxwork", "WeCom"),
        ("MicroMessenger", "WeChat"),
        ("DingTalk", "DingTalk"),
        ("HuaweiBrowser", "Huawei"),
        ("ArkWeb", "ArkWeb"),
        ("MiuiBrowser", "Mi Browser"),
        ("MQQBrowser", "QQ Browser"),
        ("Edg", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("CriOS/", "Chrome"),
        ("Safari/", "Safari"),
    ];
    const SYSTEMS: [(&str, &str); 8] = [
        ("OpenHarmony", "HarmonyOS"),
        ("HarmonyOS", "HarmonyOS"),
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS", "macOS"),
        ("Linux", "Linux"),
    ];
    let name = |known: &[(&str, &'static str)]| known.iter().find(|(mark, _)| header.contains(mark)).map(|(_, name)| *name);
    [name(&BROWSERS), name(&SYSTEMS)].into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

#[cfg(test)]
mod tests {
    use super::agent_name;

    #[test]
    fn a_browser_is_known_by_its_own_name_not_by_those_it_pretends_to_be() {
        let edge = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0";
        let wechat = "Mozilla/5.0 (Linux; Android 12; HarmonyOS) AppleWebKit/537.36 Chrome/99.0 Mobile Safari/537.36 MicroMessenger/8.0.40";
        let safari = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Version/17.0 Mobile/15E148 Safari/604.1";
        assert_eq!(agent_name(edge), "Edge · Windows");
        assert_eq!(agent_name(wechat), "WeChat · HarmonyOS");
        assert_eq!(agent_name(safari), "Safari · iPhone");
        assert_eq!(agent_name("curl/8 <script>"), "");
    }
}
