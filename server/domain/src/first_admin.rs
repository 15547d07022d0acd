//! The first admin of a new installation: a link that works once, and the command line for whoever holds the machine.

use crate::{
    Domain, audit, invitation, password,
    sign_in::{self, Browser, SignInError, SignedIn},
    trial::{self, NewUnit},
    unit,
};
use model::{
    At, GrantId, InvitationId, Language, Role, StaffId, UnitId, UnitKind,
    text::{self, TextError},
};
use store::{
    Conn, Result,
    staff::{Grant, Staff},
    unit::Unit,
};

const PURPOSE: &str = "first-admin";
const SUBJECT: &str = "installation";

#[derive(Debug, thiserror::Error)]
pub enum FirstAdminError {
    /// Not our link, or there is an admin already, or there was one.
    #[error("not found")]
    NotFound,
    #[error("invalid")]
    Invalid(Invalid),
    /// Somebody who was here before: their second factor is to be shown with this ticket.
    #[error("second factor")]
    SecondFactor { ticket: String },
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// What is wrong, field by field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Invalid {
    pub name: Option<TextError>,
    pub email: Option<TextError>,
    pub password: Option<TextError>,
    pub unit: Option<TextError>,
}

/// What was typed. The unit is asked for only where there is none.
#[derive(Clone, Debug)]
pub struct Typed<'a> {
    pub name: &'a str,
    pub email: &'a str,
    pub password: &'a str,
    pub unit: &'a str,
    pub kind: UnitKind,
    pub language: Language,
}

/// The link to print while there is no admin.
pub fn link(domain: &Domain) -> String {
    format!("{}/first/{}", domain.public_url, domain.keys.sign(PURPOSE, SUBJECT))
}

/// What the page asks for, while the link holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Open {
    pub needs_unit: bool,
}

/// Whether nobody ever could administer this installation: then the link is to be printed. Once somebody could, it is dead for good, also when the
/// last admin has gone: whoever finds it in an old log is nobody.
pub async fn is_needed(domain: &Domain) -> Result<bool> {
    let mut conn = domain.db.read().await?;
    Ok(!store::installation::has_had_admin(&mut conn).await?)
}

pub async fn find(domain: &Domain, token: &str) -> std::result::Result<Open, FirstAdminError> {
    if !domain.keys.is_signed(PURPOSE, SUBJECT, token) {
        return Err(FirstAdminError::NotFound);
    }
    let mut conn = domain.db.read().await?;
    if store::installation::has_had_admin(&mut conn).await? {
        return Err(FirstAdminError::NotFound);
    }
    Ok(Open { needs_unit: store::unit::roots(&mut conn).await?.is_empty() })
}

/// Makes the first admin and signs them in. Of two at the same moment one is first, and the other finds the link gone.
pub async fn accept(domain: &Domain, token: &str, typed: Typed<'_>, browser: Browser<'_>) -> std::result::Result<SignedIn, FirstAdminError> {
    let open = find(domain, token).await?;
    let (name, email, password) = (text::line(typed.name, invitation::NAME_LIMIT), text::email(typed.email), text::password(typed.password));
    let unit = if open.needs_unit { text::line(typed.unit, unit::NAME_LIMIT).map(Some) } else { Ok(None) };
    let (name, email, password, unit) = match (name, email, password, unit) {
        (Ok(name), Ok(email), Ok(password), Ok(unit)) => (name, email, password, unit),
        (name, email, password, unit) => {
            let invalid = Invalid { name: name.err(), email: email.err(), password: password.err(), unit: unit.err() };
            return Err(FirstAdminError::Invalid(invalid));
        }
    };
    let new = New {
        ids: (StaffId(domain.id()), GrantId(domain.id()), UnitId(domain.id())),
        name,
        email,
        password_hash: Some(password::hash(domain, &password).await?),
        unit: unit.map(|name| (name, typed.kind)),
        language: typed.language,
        now: domain.now(),
    };
    let staff = domain
        .db
        .write(move |c| {
            Box::pin(async move {
                store::installation::hold(c).await?;
                if store::installation::has_had_admin(c).await? {
                    return Err(FirstAdminError::NotFound);
                }
                write(c, &new).await?.ok_or(FirstAdminError::NotFound)
            })
        })
        .await?;
    match sign_in::begin_for(domain, staff, browser).await {
        Ok(signed_in) => Ok(signed_in),
        Err(SignInError::SecondFactor { ticket }) => Err(FirstAdminError::SecondFactor { ticket }),
        Err(SignInError::Store(e)) => Err(e.into()),
        Err(SignInError::Wrong | SignInError::Wait { .. }) => Err(FirstAdminError::NotFound),
    }
}

#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    #[error("invalid")]
    Invalid(Invalid),
    /// There is no unit to be admin of, and none was named.
    #[error("no unit")]
    NoUnit,
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// An admin for the whole installation, made by whoever holds the machine.
#[derive(Clone, Debug)]
pub struct Create<'a> {
    pub name: &'a str,
    pub email: &'a str,
    /// Without one, an invitation link is made for them to choose it.
    pub password: Option<&'a str>,
    /// The name of the first unit, where there is none yet.
    pub unit: Option<&'a str>,
    pub language: Language,
}

/// Makes an admin, or makes somebody who has a login already one. Gives the invitation link when no password was given.
pub async fn create(domain: &Domain, typed: Create<'_>) -> std::result::Result<Option<String>, CreateError> {
    let (name, email) = (text::line(typed.name, invitation::NAME_LIMIT), text::email(typed.email));
    let (password, unit) = (typed.password.map(text::password).transpose(), typed.unit.map(|u| text::line(u, unit::NAME_LIMIT)).transpose());
    let (name, email, password, unit) = match (name, email, password, unit) {
        (Ok(name), Ok(email), Ok(password), Ok(unit)) => (name, email, password, unit),
        (name, email, password, unit) => {
            return Err(CreateError::Invalid(Invalid { name: name.err(), email: email.err(), password: password.err(), unit: unit.err() }));
        }
    };
    let password_hash = match &password {
        Some(password) => Some(password::hash(domain, password).await?),
        None => None,
    };
    let invitation = password_hash.is_none().then(|| InvitationId(domain.id()));
    let new = New {
        ids: (StaffId(domain.id()), GrantId(domain.id()), UnitId(domain.id())),
        name,
        email,
        password_hash,
        unit: unit.map(|name| (name, UnitKind::District)),
        language: typed.language,
        now: domain.now(),
    };
    domain
        .db
        .write(move |c| {
            Box::pin(async move {
                store::installation::hold(c).await?;
                let staff = write(c, &new).await?.ok_or(CreateError::NoUnit)?;
                if let Some(id) = invitation {
                    invitation::write(c, id, staff, new.now).await?;
                }
                Ok::<_, CreateError>(())
            })
        })
        .await?;
    Ok(invitation.map(|id| invitation::link(domain, id)))
}

struct New {
    ids: (StaffId, GrantId, UnitId),
    name: String,
    email: String,
    password_hash: Option<String>,
    unit: Option<(String, UnitKind)>,
    language: Language,
    now: At,
}

/// Writes unit, member of staff and grant, as far as they are missing; `None` if there is no unit to be admin of.
async fn write(c: &mut Conn, new: &New) -> Result<Option<StaffId>> {
    let now = new.now;
    let Some((root, is_first)) = root(c, new).await? else { return Ok(None) };
    let known = store::staff::by_email(c, &new.email).await?;
    let is_given_password = known.is_some() && new.password_hash.is_some();
    let staff = match known {
        Some(known) => {
            store::staff::reinstate(c, known.id).await?;
            if let Some(hash) = &new.password_hash {
                store::staff::activate(c, known.id, &new.name, hash, now).await?;
            }
            known.id
        }
        None => {
            let staff = Staff {
                id: new.ids.0,
                email: new.email.clone(),
                name: new.name.clone(),
                title: None,
                language: new.language,
                password_hash: new.password_hash.clone(),
                created_at: now,
                activated_at: new.password_hash.as_ref().map(|_| now),
                ended_at: None,
                off_duty_since: None,
                off_duty_until: None,
            };
            store::staff::insert(c, &staff).await?;
            staff.id
        }
    };
    if !store::staff::is_granted(c, staff, Role::Admin, root, now).await? {
        let grant = Grant { id: new.ids.1, staff_id: staff, role: Role::Admin, unit_id: root, from_at: now, until_at: None };
        store::staff::insert_grant(c, &grant).await?;
    }
    if is_first && let Some((name, kind)) = &new.unit {
        let is_on_trial = trial::begin_new(c, NewUnit { id: root, parent_id: None, kind: *kind }, now).await?;
        audit::append_at(c, now, None, root, "unit.create", &root.to_string(), name).await?;
        if is_on_trial {
            audit::append_at(c, now, None, root, "trial.begin", &root.to_string(), "").await?;
        }
    }
    // Also of somebody who was one already.
    if is_given_password {
        audit::append_at(c, now, None, root, "password.change", &staff.to_string(), "").await?;
    }
    audit::append_at(c, now, None, root, "admin.create", &staff.to_string(), &root.to_string()).await?;
    Ok(Some(staff))
}

/// The oldest unit with none above it; made from what was typed where there is none, and whether it was.
async fn root(c: &mut Conn, new: &New) -> Result<Option<(UnitId, bool)>> {
    if let Some(root) = store::unit::roots(c).await?.first() {
        return Ok(Some((root.id, false)));
    }
    let Some((name, kind)) = &new.unit else { return Ok(None) };
    let unit = Unit { id: new.ids.2, parent_id: None, kind: *kind, name: name.clone(), name_en: None, code: None, created_at: new.now, ended_at: None };
    store::unit::insert(c, &unit).await?;
    Ok(Some((unit.id, true)))
}
