//! What somebody shows besides their password: the code of an authenticator app, one of their recovery codes, or a passkey.
//!
//! Whoever has a second factor is in only after showing it. Whoever's role asks for one and who has none is led to setting it up before anything
//! else. A password that was right and a factor not yet shown make no session: the browser gets a ticket that holds for ten minutes.

use crate::{
    Admin, Domain, Staff, audit,
    session::{self, JUST_NOW_MINUTES},
    sign_in::{self, Browser, SignInError, SignedIn},
    staff,
};
use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};
use model::{At, ClaimCode, MailKind, OutboxId, PasskeyId, StaffId};
use sha2::{Digest, Sha256};
use store::{
    Conn, Result,
    outbox::Mail,
    second_factor::{Authenticator, Passkey},
};
use totp_rs::{Builder, Secret, Totp};

/// How long the second step of signing in may take.
pub const TICKET_MINUTES: i64 = 10;

/// Recovery codes made at a time.
pub const CODES: usize = 10;

/// What an authenticator app calls us.
const ISSUER: &str = "Linli";

/// A password was right, and the second factor has not been shown: who, until when, signed together with the password of that moment.
pub(crate) fn ticket(domain: &Domain, staff: StaffId, password_hash: &str) -> String {
    let until = domain.now().plus_minutes(TICKET_MINUTES);
    format!("{staff}.{}.{}", until.0, domain.keys.sign("second-step", &signed(staff, until, password_hash)))
}

fn signed(staff: StaffId, until: At, password_hash: &str) -> String {
    format!("{staff}.{}.{}", until.0, BASE64URL_NOPAD.encode(&Sha256::digest(password_hash.as_bytes())))
}

/// Whose ticket this is; `None` when it is none of ours, too old, or the password has changed since.
pub(crate) async fn holder(c: &mut Conn, domain: &Domain, ticket: &str) -> Result<Option<store::staff::Staff>> {
    let mut parts = ticket.split('.');
    let (Some(staff), Some(until), Some(signature), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else { return Ok(None) };
    let (Ok(staff), Ok(until)) = (staff.parse::<StaffId>(), until.parse::<i64>().map(At)) else { return Ok(None) };
    if until <= domain.now() {
        return Ok(None);
    }
    let Some(person) = store::staff::find(c, staff).await?.filter(|s| s.ended_at.is_none()) else { return Ok(None) };
    let hash = person.password_hash.as_deref().unwrap_or_default();
    Ok(domain.keys.is_signed("second-step", &signed(staff, until, hash), signature).then_some(person))
}

/// What the second step offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    pub has_app: bool,
    pub has_passkeys: bool,
    pub has_recovery_codes: bool,
}

/// What somebody with this ticket can show; `None` if the ticket holds no longer.
pub async fn step(domain: &Domain, ticket: &str) -> Result<Option<Step>> {
    let mut conn = domain.db.read().await?;
    let Some(person) = holder(&mut conn, domain, ticket).await? else { return Ok(None) };
    Ok(Some(Step {
        has_app: store::second_factor::authenticator(&mut conn, person.id).await?.is_some(),
        has_passkeys: !store::second_factor::passkeys(&mut conn, person.id).await?.is_empty(),
        has_recovery_codes: store::second_factor::recovery_codes_left(&mut conn, person.id).await? > 0,
    }))
}

#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// Not the app's code of this moment, used before, or no recovery code of theirs.
    #[error("wrong")]
    Wrong,
    #[error("wait {seconds} seconds")]
    Wait { seconds: u64 },
    /// The ten minutes are over, or the password has changed: from the beginning.
    #[error("over")]
    Over,
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl From<SignInError> for StepError {
    fn from(e: SignInError) -> StepError {
        match e {
            SignInError::Wait { seconds } => StepError::Wait { seconds },
            SignInError::Store(e) => StepError::Store(e),
            SignInError::Wrong | SignInError::SecondFactor { .. } => StepError::Wrong,
        }
    }
}

/// The second step: a code of the app or a recovery code. Guesses are counted as those of passwords are.
pub async fn sign_in(domain: &Domain, ticket: &str, code: &str, browser: Browser<'_>) -> std::result::Result<SignedIn, StepError> {
    let person = holder(&mut domain.db.read().await?, domain, ticket).await?.ok_or(StepError::Over)?;
    let counts = sign_in::count_step(domain, person.id, browser).await?;
    if !use_code(domain, person.id, code).await? {
        audit::record(domain, None, "second_factor.refuse", person.id.to_string(), String::new()).await?;
        return Err(StepError::Wrong);
    }
    Ok(sign_in::begin_proven(domain, person.id, browser, counts).await?)
}

/// Uses up a code of the app or a recovery code.
async fn use_code(domain: &Domain, staff: StaffId, typed: &str) -> Result<bool> {
    let (inner, now, typed) = (domain.clone(), domain.now(), typed.to_owned());
    domain.db.write(move |c| Box::pin(async move { use_code_in(&inner, c, staff, &typed, now).await })).await
}

async fn use_code_in(domain: &Domain, c: &mut Conn, staff: StaffId, typed: &str, now: At) -> Result<bool> {
    if let Some(digits) = six_digits(typed) {
        let Some(app) = store::second_factor::authenticator(c, staff).await? else { return Ok(false) };
        let Some(step) = totp(domain, staff, &app.nonce, "").and_then(|t| checked(&t, &digits, now)) else { return Ok(false) };
        return store::second_factor::use_step(c, staff, step).await;
    }
    let Some(code) = ClaimCode::read(typed) else { return Ok(false) };
    if !store::second_factor::use_recovery_code(c, staff, &recovery_hash(staff, &code), now).await? {
        return Ok(false);
    }
    audit::append(c, now, Some(staff), "second_factor.recover", &staff.to_string(), "").await?;
    Ok(true)
}

/// Six digits as people type them: with spaces, in full width.
fn six_digits(typed: &str) -> Option<String> {
    let digits: Option<String> = typed.chars().filter(|c| !c.is_whitespace() && *c != '-').map(|c| c.to_digit(10).or_else(|| wide(c))).map(digit).collect();
    digits.filter(|d| d.len() == 6)
}

fn wide(c: char) -> Option<u32> {
    ('０'..='９').contains(&c).then(|| u32::from(c) - u32::from('０'))
}

fn digit(value: Option<u32>) -> Option<char> {
    value.and_then(|v| char::from_digit(v, 10))
}

/// The step whose code this is: this one, the one before or the next.
fn checked(totp: &Totp, digits: &str, now: At) -> Option<i64> {
    let seconds = u64::try_from(now.0 / 1000).ok()?;
    i64::try_from(totp.check(digits, seconds)?).ok()
}

/// 160 bits, derived anew each time they are needed.
fn totp(domain: &Domain, staff: StaffId, nonce: &str, email: &str) -> Option<Totp> {
    let secret = domain.keys.authenticator(&format!("{staff}.{nonce}"));
    Builder::new().with_secret(Secret::new(secret.to_vec().into())).with_account_name(email).with_issuer(Some(ISSUER)).build().ok()
}

fn recovery_hash(staff: StaffId, code: &ClaimCode) -> Vec<u8> {
    crate::Keys::hash(&format!("{staff}.{code}"))
}

/// An authenticator app about to be set up. Nothing is kept until its first code is right.
#[derive(Clone, Debug)]
pub struct Offer {
    /// Goes through the form and back.
    pub nonce: String,
    /// In base 32, to be typed where a QR code cannot be scanned.
    pub secret: String,
    /// What the QR code says.
    pub url: String,
}

/// The same offer again for the same nonce.
pub fn offer(domain: &Domain, staff: &Staff, nonce: Option<&str>) -> Option<Offer> {
    let nonce = match nonce.filter(|n| is_nonce(n)) {
        Some(nonce) => nonce.to_owned(),
        None => new_nonce(domain),
    };
    offer_to(domain, staff.id, &staff.email, nonce)
}

pub(crate) fn new_nonce(domain: &Domain) -> String {
    BASE32_NOPAD.encode(&domain.random.bytes::<10>()).to_lowercase()
}

pub(crate) fn offer_to(domain: &Domain, staff: StaffId, email: &str, nonce: String) -> Option<Offer> {
    // A colon would end the name there.
    let totp = totp(domain, staff, &nonce, &email.replace(':', "_"))?;
    Some(Offer { secret: totp.secret().to_base32(), url: totp.to_url().ok()?, nonce })
}

fn is_nonce(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The app's first code is not right.
    #[error("the code is wrong")]
    Code,
    /// The present password is not that, or was not given and is asked for.
    #[error("the password is wrong")]
    Password,
    #[error("wait {seconds} seconds")]
    Wait { seconds: u64 },
    /// Their role asks for a second factor, and this is the last one.
    #[error("the last one")]
    Last,
    #[error("not found")]
    NotFound,
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Whether a change asks for the password: everywhere but in a session that has just begun with it.
pub async fn asks_password(domain: &Domain, staff: &Staff) -> Result<bool> {
    let begun = store::session::begun_at(&mut domain.db.read().await?, staff.session_id).await?;
    Ok(begun.is_none_or(|at| at.plus_minutes(JUST_NOW_MINUTES) <= domain.now()))
}

/// Somebody at a desk left open must not be able to lock its owner out, or to come back for ever.
pub(crate) async fn confirm(domain: &Domain, staff: &Staff, password: &str) -> std::result::Result<(), ChangeError> {
    if !asks_password(domain, staff).await? {
        return Ok(());
    }
    match sign_in::confirm_password(domain, staff, password).await {
        Ok(()) => Ok(()),
        Err(SignInError::Wait { seconds }) => Err(ChangeError::Wait { seconds }),
        Err(SignInError::Store(e)) => Err(e.into()),
        Err(_) => Err(ChangeError::Password),
    }
}

/// Sets up the app behind a nonce, in the place of one before, with new recovery codes. All other sessions end.
pub async fn set_app(domain: &Domain, staff: &Staff, nonce: &str, code: &str, password: &str) -> std::result::Result<Vec<String>, ChangeError> {
    if !is_nonce(nonce) {
        return Err(ChangeError::Code);
    }
    confirm(domain, staff, password).await?;
    let now = domain.now();
    let totp = totp(domain, staff.id, nonce, "").ok_or(ChangeError::Code)?;
    let step = six_digits(code).and_then(|digits| checked(&totp, &digits, now)).ok_or(ChangeError::Code)?;
    let app = Authenticator { staff_id: staff.id, nonce: nonce.to_owned(), created_at: now, last_step: step };
    let (codes, hashes) = new_codes_of(domain, staff.id);
    let (id, this) = (staff.id, staff.session_id);
    let ended = domain
        .db
        .write(move |c| {
            Box::pin(async move {
                store::second_factor::hold(c, id).await?;
                // The same form sent twice.
                if store::second_factor::authenticator(c, id).await?.is_some_and(|known| known.nonce == app.nonce) {
                    return Err(ChangeError::NotFound);
                }
                store::second_factor::set_authenticator(c, &app).await?;
                store::second_factor::set_recovery_codes(c, id, &hashes, now).await?;
                let ended = prove(c, id, this, now).await?;
                audit::append(c, now, Some(id), "second_factor.set", &id.to_string(), "app").await?;
                Ok(ended)
            })
        })
        .await?;
    session::wake(domain, ended);
    Ok(codes)
}

/// This session has shown what is new; the others began without it.
pub(crate) async fn prove(c: &mut Conn, staff: StaffId, this: model::SessionId, now: At) -> Result<Vec<model::SessionId>> {
    store::session::prove(c, this, now).await?;
    session::end_all(c, Some(staff), staff, Some(this), now).await
}

fn new_codes(domain: &Domain) -> Vec<ClaimCode> {
    (0..CODES).map(|_| ClaimCode::from_bits(domain.random.bytes())).collect()
}

/// The same as they are printed, and as they are kept.
pub(crate) fn new_codes_of(domain: &Domain, staff: StaffId) -> (Vec<String>, Vec<Vec<u8>>) {
    let codes = new_codes(domain);
    (codes.iter().map(written).collect(), codes.iter().map(|code| recovery_hash(staff, code)).collect())
}

/// As it is shown and printed: `k7qm-4t2x-9hvw`.
fn written(code: &ClaimCode) -> String {
    code.grouped().replace(' ', "-").to_lowercase()
}

/// New recovery codes in the place of those before.
pub async fn renew_codes(domain: &Domain, staff: &Staff, password: &str) -> std::result::Result<Vec<String>, ChangeError> {
    confirm(domain, staff, password).await?;
    let (codes, hashes) = new_codes_of(domain, staff.id);
    let (id, now) = (staff.id, domain.now());
    domain
        .db
        .write(move |c| {
            Box::pin(async move {
                store::second_factor::hold(c, id).await?;
                if !store::second_factor::is_set(c, id).await? {
                    return Err(ChangeError::NotFound);
                }
                store::second_factor::set_recovery_codes(c, id, &hashes, now).await?;
                Ok(audit::append(c, now, Some(id), "second_factor.codes", &id.to_string(), "").await?)
            })
        })
        .await?;
    Ok(codes)
}

/// Whether these are recovery codes of theirs, none of them used: what is shown on the page to be printed was made a moment ago.
pub async fn are_codes(domain: &Domain, staff: &Staff, codes: &[String]) -> Result<bool> {
    let mut conn = domain.db.read().await?;
    for code in codes {
        let Some(code) = ClaimCode::read(code) else { return Ok(false) };
        if !store::second_factor::is_recovery_code(&mut conn, staff.id, &recovery_hash(staff.id, &code)).await? {
            return Ok(false);
        }
    }
    Ok(!codes.is_empty())
}

/// The app is used no more. Not where the role asks for a second factor and there is no other.
pub async fn remove_app(domain: &Domain, staff: &Staff, password: &str) -> std::result::Result<(), ChangeError> {
    confirm(domain, staff, password).await?;
    let (id, now, is_required) = (staff.id, domain.now(), is_required(staff));
    domain
        .db
        .write(move |c| {
            Box::pin(async move {
                store::second_factor::hold(c, id).await?;
                if !store::second_factor::remove_authenticator(c, id).await? {
                    return Err(ChangeError::NotFound);
                }
                leave(c, id, is_required).await?;
                Ok(audit::append(c, now, Some(id), "second_factor.remove", &id.to_string(), "app").await?)
            })
        })
        .await
}

/// After something was removed: refused if it was the last and one is asked for; without any, recovery codes are worth nothing, and so is what was
/// shown in sessions.
async fn leave(c: &mut Conn, staff: StaffId, is_required: bool) -> std::result::Result<(), ChangeError> {
    if store::second_factor::is_set(c, staff).await? {
        return Ok(());
    }
    if is_required {
        return Err(ChangeError::Last);
    }
    store::session::unprove(c, staff).await?;
    Ok(store::second_factor::set_recovery_codes(c, staff, &[], At(0)).await?)
}

/// A passkey is used no more, under the same conditions as an app.
pub async fn remove_passkey(domain: &Domain, staff: &Staff, passkey: PasskeyId, password: &str) -> std::result::Result<(), ChangeError> {
    confirm(domain, staff, password).await?;
    let (id, now, is_required) = (staff.id, domain.now(), is_required(staff));
    domain
        .db
        .write(move |c| {
            Box::pin(async move {
                store::second_factor::hold(c, id).await?;
                if !store::second_factor::remove_passkey(c, id, passkey).await? {
                    return Err(ChangeError::NotFound);
                }
                leave(c, id, is_required).await?;
                Ok(audit::append(c, now, Some(id), "passkey.remove", &passkey.to_string(), "").await?)
            })
        })
        .await
}

/// Every role asks for a second factor: admin, supervisor, auditor.
pub fn is_required(staff: &Staff) -> bool {
    !staff.grants.is_empty()
}

/// What I have.
#[derive(Clone, Debug)]
pub struct Mine {
    /// Since when there is an app.
    pub app_since: Option<At>,
    pub passkeys: Vec<Passkey>,
    pub codes_left: i64,
    pub is_required: bool,
    pub asks_password: bool,
}

impl Mine {
    pub fn is_set(&self) -> bool {
        self.app_since.is_some() || !self.passkeys.is_empty()
    }
}

pub async fn mine(domain: &Domain, staff: &Staff) -> Result<Mine> {
    let asks_password = asks_password(domain, staff).await?;
    let mut conn = domain.db.read().await?;
    Ok(Mine {
        app_since: store::second_factor::authenticator(&mut conn, staff.id).await?.map(|app| app.created_at),
        passkeys: store::second_factor::passkeys(&mut conn, staff.id).await?,
        codes_left: store::second_factor::recovery_codes_left(&mut conn, staff.id).await?,
        is_required: is_required(staff),
        asks_password,
    })
}

#[derive(Debug, thiserror::Error)]
pub enum ResetError {
    /// Nobody resets their own: they would need it to be here.
    #[error("one's own")]
    Own,
    /// They hold a post or a grant where the admin has no say: the admin above resets it.
    #[error("elsewhere")]
    Elsewhere,
    /// There is none to reset.
    #[error("none")]
    None,
    #[error("not found")]
    NotFound,
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// For one of the admin's staff who has lost phone and recovery codes. All of their sessions end, and they are told by mail.
pub async fn reset(domain: &Domain, admin: &Admin, id: StaffId) -> std::result::Result<(), ResetError> {
    let (by, now, mail) = (admin.staff.id, domain.now(), OutboxId(domain.id()));
    if id == by {
        return Err(ResetError::Own);
    }
    let ended = domain
        .db
        .write(move |c| {
            Box::pin(async move {
                let person = staff::mine(c, by, id, now).await?.ok_or(ResetError::NotFound)?;
                if staff::is_elsewhere(c, by, id, now).await? {
                    return Err(ResetError::Elsewhere);
                }
                reset_in(c, Some(by), &person, mail, now).await
            })
        })
        .await?;
    session::wake(domain, ended);
    Ok(())
}

/// The same by whoever holds the machine.
pub async fn reset_by_email(domain: &Domain, email: &str) -> std::result::Result<(), ResetError> {
    let (email, now, mail) = (model::text::email(email).unwrap_or_default(), domain.now(), OutboxId(domain.id()));
    let ended = domain
        .db
        .write(move |c| {
            Box::pin(async move {
                let person = store::staff::by_email(c, &email).await?.filter(|s| s.ended_at.is_none()).ok_or(ResetError::NotFound)?;
                reset_in(c, None, &person, mail, now).await
            })
        })
        .await?;
    session::wake(domain, ended);
    Ok(())
}

async fn reset_in(
    c: &mut Conn,
    by: Option<StaffId>,
    person: &store::staff::Staff,
    mail: OutboxId,
    now: At,
) -> std::result::Result<Vec<model::SessionId>, ResetError> {
    store::second_factor::hold(c, person.id).await?;
    if !store::second_factor::remove_all(c, person.id).await? {
        return Err(ResetError::None);
    }
    let told = Mail::new(mail, MailKind::SecondFactor, person.email.clone(), person.language, now);
    store::outbox::insert(c, &told).await?;
    let ended = session::end_all(c, by, person.id, None, now).await?;
    audit::append(c, now, by, "second_factor.reset", &person.id.to_string(), "").await?;
    Ok(ended)
}

/// Whether one of the admin's staff has a second factor that could be reset.
pub async fn is_set(domain: &Domain, id: StaffId) -> Result<bool> {
    store::second_factor::is_set(&mut domain.db.read().await?, id).await
}

/// A second factor for somebody of the sample district, and what they need to show it.
pub(crate) async fn give(c: &mut Conn, domain: &Domain, staff: StaffId, given: &Given) -> Result<()> {
    let now = domain.now();
    let hashes: Vec<Vec<u8>> = given.codes.iter().map(|code| recovery_hash(staff, code)).collect();
    store::second_factor::set_authenticator(c, &Authenticator { staff_id: staff, nonce: given.nonce.clone(), created_at: now, last_step: 0 }).await?;
    store::second_factor::set_recovery_codes(c, staff, &hashes, now).await
}

pub(crate) struct Given {
    nonce: String,
    codes: Vec<ClaimCode>,
}

impl Given {
    pub fn new(domain: &Domain) -> Given {
        Given { nonce: new_nonce(domain), codes: new_codes(domain) }
    }

    pub fn offer(&self, domain: &Domain, staff: StaffId, email: &str) -> Option<Offer> {
        offer_to(domain, staff, email, self.nonce.clone())
    }

    pub fn codes(&self) -> Vec<String> {
        self.codes.iter().map(written).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::six_digits;

    #[test]
    fn a_code_is_read_as_people_type_it() {
        assert_eq!(six_digits(" 123 456 ").as_deref(), Some("123456"));
        assert_eq!(six_digits("１２３４５６").as_deref(), Some("123456"));
        for no in ["12345", "1234567", "12345a", "", "k7qm-4t2x-9hvw"] {
            assert_eq!(six_digits(no), None, "{no}");
        }
    }
}
