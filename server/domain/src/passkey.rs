//! Passkeys: a second factor, and a way in without a password. The browser is asked something, and answers once.

use crate::{
    Domain, Staff, audit,
    second_factor::{self, ChangeError, StepError},
    session,
    sign_in::{self, Browser, SignedIn},
};
use model::{
    PasskeyId, StaffId,
    text::{self, TextError},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::second_factor::{Ceremony, Passkey as Row};
use url::{Host, Url};
use uuid::Uuid;
use webauthn_rs::prelude::{
    DiscoverableAuthentication, Passkey, PasskeyAuthentication, PasskeyRegistration, PublicKeyCredential, RegisterPublicKeyCredential, Webauthn,
    WebauthnBuilder,
};

/// How long a browser may take to answer.
const MINUTES: i64 = 5;

/// Characters in a passkey's name.
pub const NAME_LIMIT: usize = 40;

/// Passkeys of one person.
const MOST: usize = 20;

#[derive(Debug, thiserror::Error)]
pub enum PasskeyError {
    /// Passkeys are kept for names, not for numbers, and only over https or on this very machine.
    #[error("not possible at this address")]
    Impossible,
    /// Nothing was asked, too long ago, or the answer does not fit.
    #[error("wrong")]
    Wrong,
    #[error("name")]
    Name(TextError),
    #[error("too many")]
    TooMany,
    #[error(transparent)]
    Change(#[from] ChangeError),
    #[error(transparent)]
    Step(#[from] StepError),
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl From<serde_json::Error> for PasskeyError {
    fn from(_: serde_json::Error) -> PasskeyError {
        PasskeyError::Wrong
    }
}

/// What a browser is asked: `options` are for `navigator.credentials`, `id` comes back with the answer.
#[derive(Clone, Debug, Serialize)]
pub struct Question {
    pub id: Uuid,
    pub options: Value,
}

/// What we remember of a question.
#[derive(Serialize, Deserialize)]
enum State {
    Add { name: String, registration: PasskeyRegistration },
    SignIn(DiscoverableAuthentication),
    Second(PasskeyAuthentication),
}

/// Whether passkeys can be used at the address of this installation.
pub fn is_possible(domain: &Domain) -> bool {
    relying_party(domain).is_ok()
}

/// Passkeys are for the host of the public URL.
fn relying_party(domain: &Domain) -> Result<Webauthn, PasskeyError> {
    let url = Url::parse(&domain.public_url).map_err(|_| PasskeyError::Impossible)?;
    let Some(Host::Domain(host)) = url.host() else { return Err(PasskeyError::Impossible) };
    if url.scheme() != "https" && host != "localhost" {
        return Err(PasskeyError::Impossible);
    }
    let builder = WebauthnBuilder::new(host, &url).map_err(|_| PasskeyError::Impossible)?;
    builder.rp_name("Linli").build().map_err(|_| PasskeyError::Impossible)
}

async fn ask(domain: &Domain, staff_id: Option<StaffId>, state: &State, options: Value) -> Result<Question, PasskeyError> {
    let (id, now) = (domain.id(), domain.now());
    let row = Ceremony { staff_id, state: serde_json::to_string(state)?, expires_at: now.plus_minutes(MINUTES) };
    domain.db.write(move |c| Box::pin(async move { store::second_factor::begin_ceremony(c, id, &row, now).await })).await?;
    Ok(Question { id, options })
}

/// Takes the question away, whatever the answer is worth.
async fn answered(domain: &Domain, id: Uuid) -> Result<(Option<StaffId>, State), PasskeyError> {
    let now = domain.now();
    let row = domain.db.write(move |c| Box::pin(async move { store::second_factor::end_ceremony(c, id, now).await })).await?;
    let row = row.ok_or(PasskeyError::Wrong)?;
    Ok((row.staff_id, serde_json::from_str(&row.state)?))
}

fn read(row: &Row) -> Result<Passkey, PasskeyError> {
    Ok(serde_json::from_str(&row.credential)?)
}

/// Asks for a new passkey.
pub async fn begin_adding(domain: &Domain, staff: &Staff, name: &str, password: &str) -> Result<Question, PasskeyError> {
    let party = relying_party(domain)?;
    let name = text::line(name, NAME_LIMIT).map_err(PasskeyError::Name)?;
    second_factor::confirm(domain, staff, password).await?;
    let known = store::second_factor::passkeys(&mut domain.db.read().await?, staff.id).await?;
    if known.len() >= MOST {
        return Err(PasskeyError::TooMany);
    }
    let known = known.into_iter().map(|row| row.credential_id).collect();
    let started = party.start_passkey_registration(staff.id.0, &staff.email, &staff.name, Some(known)).map_err(|_| PasskeyError::Wrong)?;
    let (challenge, registration) = started;
    let mut options = serde_json::to_value(challenge)?["publicKey"].take();
    // Found again without an address to be typed, where the authenticator has room for that.
    options["authenticatorSelection"]["residentKey"] = json!("preferred");
    ask(domain, Some(staff.id), &State::Add { name, registration }, options).await
}

/// Keeps the passkey that was asked for. If it is the first second factor, the other sessions, which began without it, end, and recovery codes come
/// with it: a lost device must not lock its owner out. Gives these.
pub async fn add(domain: &Domain, staff: &Staff, id: Uuid, credential: Value) -> Result<Vec<String>, PasskeyError> {
    let (asked, state) = answered(domain, id).await?;
    let State::Add { name, registration } = state else { return Err(PasskeyError::Wrong) };
    if asked != Some(staff.id) {
        return Err(PasskeyError::Wrong);
    }
    let credential: RegisterPublicKeyCredential = serde_json::from_value(credential)?;
    let passkey = relying_party(domain)?.finish_passkey_registration(&credential, &registration).map_err(|_| PasskeyError::Wrong)?;
    let now = domain.now();
    let row = Row {
        id: PasskeyId(domain.id()),
        staff_id: staff.id,
        credential_id: passkey.cred_id().to_vec(),
        credential: serde_json::to_string(&passkey)?,
        name,
        created_at: now,
        used_at: None,
    };
    let (id, this) = (staff.id, staff.session_id);
    let (codes, hashes) = second_factor::new_codes_of(domain, id);
    let first = domain
        .db
        .write(move |c| {
            Box::pin(async move {
                store::second_factor::hold(c, id).await?;
                if store::second_factor::passkey(c, &row.credential_id).await?.is_some() {
                    return Err(PasskeyError::Wrong);
                }
                let is_first = !store::second_factor::is_set(c, id).await?;
                store::second_factor::insert_passkey(c, &row).await?;
                let mut ended = None;
                if is_first {
                    store::second_factor::set_recovery_codes(c, id, &hashes, now).await?;
                    ended = Some(second_factor::prove(c, id, this, now).await?);
                }
                audit::append(c, now, Some(id), "passkey.add", &row.id.to_string(), "").await?;
                Ok::<_, PasskeyError>(ended)
            })
        })
        .await?;
    let Some(ended) = first else { return Ok(Vec::new()) };
    session::wake(domain, ended);
    Ok(codes)
}

/// Asks for any passkey of this installation, or with a ticket for one of its holder's.
pub async fn begin_signing_in(domain: &Domain, ticket: Option<&str>) -> Result<Question, PasskeyError> {
    let party = relying_party(domain)?;
    let Some(ticket) = ticket else {
        let (challenge, state) = party.start_discoverable_authentication().map_err(|_| PasskeyError::Wrong)?;
        return ask(domain, None, &State::SignIn(state), serde_json::to_value(challenge)?["publicKey"].take()).await;
    };
    let (holder, rows) = {
        let mut conn = domain.db.read().await?;
        let holder = second_factor::holder(&mut conn, domain, ticket).await?.ok_or(StepError::Over)?;
        let rows = store::second_factor::passkeys(&mut conn, holder.id).await?;
        (holder, rows)
    };
    let passkeys = rows.iter().map(read).collect::<Result<Vec<Passkey>, PasskeyError>>()?;
    let (challenge, state) = party.start_passkey_authentication(&passkeys).map_err(|_| PasskeyError::Wrong)?;
    ask(domain, Some(holder.id), &State::Second(state), serde_json::to_value(challenge)?["publicKey"].take()).await
}

/// Signs in with the passkey that was asked for. It is two factors in one: something one has, unlocked by finger, face or PIN.
pub async fn sign_in(domain: &Domain, id: Uuid, credential: Value, browser: Browser<'_>) -> Result<SignedIn, PasskeyError> {
    let (asked, state) = answered(domain, id).await?;
    let party = relying_party(domain)?;
    let credential: PublicKeyCredential = serde_json::from_value(credential)?;
    let (row, person) = {
        let mut conn = domain.db.read().await?;
        let row = store::second_factor::passkey(&mut conn, credential.get_credential_id()).await?.ok_or(PasskeyError::Wrong)?;
        let person = store::staff::find(&mut conn, row.staff_id).await?;
        (row, person.filter(|p| p.ended_at.is_none() && p.activated_at.is_some()).ok_or(PasskeyError::Wrong)?)
    };
    let mut passkey = read(&row)?;
    let result = match state {
        State::Second(state) if asked == Some(person.id) => party.finish_passkey_authentication(&credential, &state),
        State::SignIn(state) => {
            let (user, _) = party.identify_discoverable_authentication(&credential).map_err(|_| PasskeyError::Wrong)?;
            if user != person.id.0 {
                return Err(PasskeyError::Wrong);
            }
            party.finish_discoverable_authentication_v2(&credential, state, &passkey)
        }
        _ => return Err(PasskeyError::Wrong),
    };
    let Ok(result) = result else {
        audit::record(domain, None, "second_factor.refuse", person.id.to_string(), "passkey".to_owned()).await?;
        return Err(PasskeyError::Wrong);
    };
    passkey.update_credential(&result);
    let (kept, now, id) = (serde_json::to_string(&passkey)?, domain.now(), row.id);
    domain.db.write(move |c| Box::pin(async move { store::second_factor::used_passkey(c, id, &kept, now).await })).await?;
    Ok(sign_in::begin_proven(domain, person.id, browser, Vec::new()).await?)
}
