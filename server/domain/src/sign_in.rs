//! Signing in by e-mail and password, and the counts that make guessing slow.
//!
//! A lock on the account would let anybody lock anybody out. So failures are counted per account *and* the network they come from, per network,
//! and, with a far higher limit, per account for browsers that have never signed in to it. A browser that has signed in before carries a signed
//! `known` cookie and has a count of its own: whatever strangers do elsewhere, the person at their own desk gets in.

use crate::{Domain, Staff, audit, password, second_factor, session};
use data_encoding::BASE32_NOPAD;
use model::{
    At, SessionId, StaffId,
    text::{self, TextError},
};
use std::net::IpAddr;

/// Failures of one account from one network, or on one known browser, before a wait.
pub const FAILURES: i64 = 10;
/// Failures from one network: a town hall has many people behind one address.
pub const NETWORK_FAILURES: i64 = 100;
const MINUTES: i64 = 15;
/// Failures of one account in a day from all browsers that are not known to it together.
pub const STRANGER_FAILURES: i64 = 100;
const DAY_MINUTES: i64 = 24 * 60;
/// People who sign in on one browser and are remembered there.
const KNOWN_PEOPLE: usize = 5;

#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// E-mail or password; which of them is not said.
    #[error("wrong")]
    Wrong,
    /// Right so far; the second factor is to be shown with this ticket.
    #[error("second factor")]
    SecondFactor { ticket: String },
    /// Too many failures; try again after so many seconds.
    #[error("wait {seconds} seconds")]
    Wait { seconds: u64 },
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// What a browser brings along, besides what was typed.
#[derive(Clone, Copy, Debug)]
pub struct Browser<'a> {
    pub address: IpAddr,
    /// Its `User-Agent`.
    pub agent: &'a str,
    /// The `known` cookie.
    pub known: Option<&'a str>,
    /// The session key it has now; that session ends.
    pub session: Option<&'a str>,
}

/// What the browser gets: both go into cookies.
#[derive(Clone, Debug)]
pub struct SignedIn {
    pub staff_id: StaffId,
    pub session_id: SessionId,
    pub key: String,
    pub known: String,
}

/// Signs in. Takes the same time whether the e-mail is known or not.
pub async fn sign_in(domain: &Domain, email: &str, password: &str, browser: Browser<'_>) -> Result<SignedIn, SignInError> {
    let email = text::email(email).unwrap_or_default();
    let person = {
        let mut conn = domain.db.read().await?;
        store::staff::by_email(&mut conn, &email).await?.filter(|s| s.ended_at.is_none())
    };
    let known = person.as_ref().and_then(|s| Known::read(domain, browser.known).nonce(s.id));
    let counts = counts(domain, &email, browser.address, person.as_ref().map(|s| s.id).zip(known));
    if let Err(refused) = count(domain, counts.clone()).await {
        failed(domain, person.map(|s| s.id), browser.address).await?;
        return Err(refused);
    }
    let (id, hash) = person.map(|s| (s.id, s.password_hash)).unzip();
    if !password::verify(password, hash.flatten()).await {
        failed(domain, id, browser.address).await?;
        return Err(SignInError::Wrong);
    }
    let Some(id) = id else { return Err(SignInError::Wrong) };
    begin_or_ask(domain, id, browser, counts).await
}

/// Begins a session, or asks for the second factor of somebody who has one.
async fn begin_or_ask(domain: &Domain, staff: StaffId, browser: Browser<'_>, counts: Vec<Count>) -> Result<SignedIn, SignInError> {
    let person = {
        let mut conn = domain.db.read().await?;
        let is_set = store::second_factor::is_set(&mut conn, staff).await?;
        if is_set { store::staff::find(&mut conn, staff).await? } else { None }
    };
    let Some(person) = person else { return Ok(begin(domain, staff, browser, counts, false).await?) };
    domain.db.write(move |c| Box::pin(async move { settle(c, &counts).await })).await?;
    Err(SignInError::SecondFactor { ticket: second_factor::ticket(domain, staff, person.password_hash.as_deref().unwrap_or_default()) })
}

/// The same for somebody who has just set a password, without counts to settle.
pub(crate) async fn begin_for(domain: &Domain, staff: StaffId, browser: Browser<'_>) -> Result<SignedIn, SignInError> {
    begin_or_ask(domain, staff, browser, Vec::new()).await
}

/// Begins a session in which the second factor has been shown.
pub(crate) async fn begin_proven(domain: &Domain, staff: StaffId, browser: Browser<'_>, counts: Vec<Count>) -> store::Result<SignedIn> {
    begin(domain, staff, browser, counts, true).await
}

async fn settle(c: &mut store::Conn, counts: &[Count]) -> store::Result<()> {
    for count in counts {
        match count.is_settled {
            true => store::sign_in_failure::forget(c, &count.subject).await?,
            false => store::sign_in_failure::forgive(c, &count.subject).await?,
        }
    }
    Ok(())
}

async fn begin(domain: &Domain, staff: StaffId, browser: Browser<'_>, counts: Vec<Count>, is_proven: bool) -> store::Result<SignedIn> {
    let now = domain.now();
    let new = session::New::make(domain, browser.agent);
    let known = Known::read(domain, browser.known).with(domain, staff);
    let signed_in = SignedIn { staff_id: staff, session_id: new.id, key: new.key.clone(), known };
    let before = browser.session.map(str::to_owned);
    let ended = domain
        .db
        .write(move |c| {
            Box::pin(async move {
                settle(c, &counts).await?;
                store::sign_in_failure::purge(c, now.plus_minutes(-DAY_MINUTES)).await?;
                session::begin(c, &new, staff, is_proven, before.as_deref(), now).await
            })
        })
        .await?;
    session::wake(domain, ended);
    Ok(signed_in)
}

async fn failed(domain: &Domain, staff: Option<StaffId>, address: IpAddr) -> store::Result<()> {
    audit::not_signed_in(domain, staff, network(address)).await
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Count {
    subject: String,
    limit: i64,
    minutes: i64,
    /// Begins anew after success; otherwise only this attempt is taken back.
    is_settled: bool,
}

/// What one attempt counts against, in one order everywhere, so that two attempts never wait for each other.
fn counts(domain: &Domain, email: &str, address: IpAddr, known: Option<(StaffId, String)>) -> Vec<Count> {
    let count = |subject, limit, minutes, is_settled| Count { subject, limit, minutes, is_settled };
    if let Some((staff, nonce)) = known {
        return vec![count(format!("known {staff} {nonce}"), FAILURES, MINUTES, true)];
    }
    // Not the address itself: the table outlives the day, and addresses of people who mistyped theirs would gather in it.
    let account = domain.keys.sign("sign-in", email);
    let network = network(address);
    vec![
        count(format!("account {account}"), STRANGER_FAILURES, DAY_MINUTES, false),
        count(format!("network {network}"), NETWORK_FAILURES, MINUTES, false),
        count(format!("pair {account} {network}"), FAILURES, MINUTES, true),
    ]
}

/// How many mails somebody without a session may ask for in a day: for one account from one network, or on one browser that has signed in to it
/// before; and for one account from everywhere else together. Strangers use up their own number, not that of the person at their own desk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mails {
    pub a_day: i64,
    pub a_day_together: i64,
}

/// Whether one more mail may go to this address because somebody asked for it without a session.
pub(crate) async fn may_be_mailed(domain: &Domain, email: &str, staff: StaffId, asked: &Asked, mails: Mails) -> store::Result<bool> {
    let count_of = |subject, limit, minutes| Count { subject, limit, minutes, is_settled: false };
    let counts = match Known::read(domain, asked.known.as_deref()).nonce(staff) {
        Some(nonce) => vec![count_of(format!("mail known {staff} {nonce}"), mails.a_day, DAY_MINUTES)],
        None => {
            let (account, network) = (domain.keys.sign("sign-in", email), network(asked.address));
            vec![
                count_of(format!("mail account {account}"), mails.a_day_together, DAY_MINUTES),
                count_of(format!("mail network {network}"), NETWORK_FAILURES, MINUTES),
                count_of(format!("mail pair {account} {network}"), mails.a_day, DAY_MINUTES),
            ]
        }
    };
    match count(domain, counts).await {
        Ok(()) => Ok(true),
        Err(SignInError::Store(e)) => Err(e),
        Err(_) => Ok(false),
    }
}

/// Who asks without signing in, for work that goes on after the answer.
#[derive(Clone, Debug)]
pub struct Asked {
    pub address: IpAddr,
    /// The `known` cookie.
    pub known: Option<String>,
}

/// Counts an attempt at the second step, apart from those at the password.
pub(crate) async fn count_step(domain: &Domain, staff: StaffId, browser: Browser<'_>) -> Result<Vec<Count>, SignInError> {
    let known = Known::read(domain, browser.known).nonce(staff).map(|nonce| (staff, nonce));
    let mut counts = counts(domain, &format!("second {staff}"), browser.address, known);
    for count in &mut counts {
        count.subject = format!("second {}", count.subject);
    }
    count(domain, counts.clone()).await?;
    Ok(counts)
}

/// Counts the attempt before the password is looked at, so that a hundred at the same moment are not let through together. An attempt that has
/// to wait counts for nothing.
async fn count(domain: &Domain, counts: Vec<Count>) -> Result<(), SignInError> {
    let now = domain.now();
    domain
        .db
        .write(move |c| {
            Box::pin(async move {
                for count in counts {
                    let found = store::sign_in_failure::add(c, &count.subject, now.plus_minutes(-count.minutes), now).await?;
                    if found.failures > count.limit {
                        return Err(SignInError::Wait { seconds: seconds_left(found.since_at, count.minutes, now) });
                    }
                }
                Ok(())
            })
        })
        .await
}

fn seconds_left(since: At, minutes: i64, now: At) -> u64 {
    u64::try_from(since.plus_minutes(minutes).seconds_since(now)).unwrap_or(0).max(1)
}

/// The network an address belongs to: what one household or one rented machine can choose from freely is one network.
fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            format!("{a:x}:{b:x}:{c:x}:{:x}::/56", d & 0xff00)
        }
    }
}

/// The people who have signed in on a browser, newest first, as its `known` cookie says: `STAFF.NONCE.SIGNATURE`, several joined by `~`.
struct Known(Vec<(StaffId, String)>);

impl Known {
    fn read(domain: &Domain, cookie: Option<&str>) -> Known {
        let entries = cookie.unwrap_or("").split('~').take(KNOWN_PEOPLE);
        Known(entries.filter_map(|entry| read_known(domain, entry)).collect())
    }

    fn nonce(&self, staff: StaffId) -> Option<String> {
        self.0.iter().find(|(id, _)| *id == staff).map(|(_, nonce)| nonce.clone())
    }

    /// The cookie with this person in front.
    fn with(mut self, domain: &Domain, staff: StaffId) -> String {
        let nonce = self.nonce(staff).unwrap_or_else(|| BASE32_NOPAD.encode(&domain.random.bytes::<10>()).to_lowercase());
        self.0.retain(|(id, _)| *id != staff);
        self.0.insert(0, (staff, nonce));
        self.0.truncate(KNOWN_PEOPLE);
        let entry = |(staff, nonce): &(StaffId, String)| format!("{staff}.{nonce}.{}", domain.keys.sign("known-device", &format!("{staff}.{nonce}")));
        self.0.iter().map(entry).collect::<Vec<_>>().join("~")
    }
}

fn read_known(domain: &Domain, entry: &str) -> Option<(StaffId, String)> {
    let (subject, signature) = entry.rsplit_once('.')?;
    let (staff, nonce) = subject.split_once('.')?;
    domain.keys.is_signed("known-device", subject, signature).then_some((staff.parse().ok()?, nonce.to_owned()))
}

#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// The present password is not that.
    #[error("wrong")]
    Wrong,
    #[error("wait {seconds} seconds")]
    Wait { seconds: u64 },
    #[error(transparent)]
    New(TextError),
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl From<SignInError> for PasswordError {
    fn from(e: SignInError) -> PasswordError {
        match e {
            SignInError::Wrong | SignInError::SecondFactor { .. } => PasswordError::Wrong,
            SignInError::Wait { seconds } => PasswordError::Wait { seconds },
            SignInError::Store(e) => PasswordError::Store(e),
        }
    }
}

/// Changes my password; all of my other sessions end.
pub async fn change_password(domain: &Domain, staff: &Staff, old: &str, new: &str) -> Result<(), PasswordError> {
    let new = text::password(new).map_err(PasswordError::New)?;
    confirm_password(domain, staff, old).await?;
    let hash = password::hash(domain, &new).await?;
    let (id, this, now) = (staff.id, staff.session_id, domain.now());
    let ended = domain
        .db
        .write(move |c| {
            Box::pin(async move {
                store::staff::set_password(c, id, &hash).await?;
                let ended = session::end_all(c, Some(id), id, Some(this), now).await?;
                audit::append(c, now, Some(id), "password.change", &id.to_string(), "").await?;
                Ok::<_, store::Error>(ended)
            })
        })
        .await?;
    session::wake(domain, ended);
    Ok(())
}

/// Whether this is my password. Somebody at a desk left open must not be able to try passwords there.
pub(crate) async fn confirm_password(domain: &Domain, staff: &Staff, typed: &str) -> Result<(), SignInError> {
    let hash = {
        let mut conn = domain.db.read().await?;
        store::staff::find(&mut conn, staff.id).await?.and_then(|s| s.password_hash)
    };
    let tries = vec![Count { subject: format!("change {}", staff.id), limit: FAILURES, minutes: MINUTES, is_settled: true }];
    let counted = count(domain, tries.clone()).await;
    if counted.is_err() || !password::verify(typed, hash).await {
        audit::wrong_password(domain, staff.id).await?;
        return Err(counted.err().unwrap_or(SignInError::Wrong));
    }
    Ok(domain.db.write(move |c| Box::pin(async move { settle(c, &tries).await })).await?)
}

#[cfg(test)]
mod tests {
    use super::network;

    #[test]
    fn addresses_one_person_can_choose_from_are_one_network() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("203.0.113.7"), of("203.0.113.250"));
        assert_eq!(of("::ffff:203.0.113.7"), of("203.0.113.250"));
        assert_ne!(of("203.0.113.7"), of("203.0.114.7"));
        assert_eq!(of("2001:db8:1:2ff::1"), of("2001:db8:1:200:aaaa::9"));
        assert_ne!(of("2001:db8:1:200::1"), of("2001:db8:1:300::1"));
    }
}
