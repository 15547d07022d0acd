//! Who asks. Each use case takes the kind of caller it serves.

use crate::{Domain, Keys, duty, second_factor, session};
use model::{ContactId, DeviceId, Language, Role, SessionId, StaffId, UnitId};
use moka::sync::Cache;
use store::Result;

/// A resident's or guardian's browser that has written before.
#[derive(Clone, Debug)]
pub struct Device {
    pub id: DeviceId,
    pub contact_id: ContactId,
}

/// A member of staff who is signed in.
#[derive(Clone, Debug)]
pub struct Staff {
    pub id: StaffId,
    pub session_id: SessionId,
    pub name: String,
    pub email: String,
    pub language: Language,
    /// Units of the grants that hold now.
    pub grants: Vec<(Role, UnitId)>,
    pub is_off_duty: bool,
}

impl Staff {
    /// Whether a grant of this role holds anywhere.
    pub fn has(&self, role: Role) -> bool {
        self.grants.iter().any(|(held, _)| *held == role)
    }

    pub fn is_admin(&self) -> bool {
        self.has(Role::Admin)
    }

    /// As an admin, if there is a grant for that.
    pub fn admin(&self) -> Option<Admin> {
        self.units(Role::Admin).map(|units| Admin { staff: self.clone(), units })
    }

    pub fn supervisor(&self) -> Option<Supervisor> {
        self.units(Role::Supervisor).map(|units| Supervisor { staff: self.clone(), units })
    }

    pub fn auditor(&self) -> Option<Auditor> {
        self.units(Role::Auditor).map(|units| Auditor { staff: self.clone(), units })
    }

    fn units(&self, role: Role) -> Option<Vec<UnitId>> {
        let units: Vec<UnitId> = self.grants.iter().filter(|(held, _)| *held == role).map(|(_, unit)| *unit).collect();
        (!units.is_empty()).then_some(units)
    }
}

/// A member of staff who looks through the records of the subtrees of `units`.
#[derive(Clone, Debug)]
pub struct Auditor {
    pub staff: Staff,
    pub units: Vec<UnitId>,
}

/// A member of staff with admin grants: for the subtrees of `units`.
#[derive(Clone, Debug)]
pub struct Admin {
    pub staff: Staff,
    pub units: Vec<UnitId>,
}

/// A member of staff who may read, not write, what the posts in the subtrees of `units` do: every such read is on record.
#[derive(Clone, Debug)]
pub struct Supervisor {
    pub staff: Staff,
    pub units: Vec<UnitId>,
}

/// Devices seen lately, by the hash of their key. A device never changes, and what it may see is asked anew each time.
pub struct Devices(Cache<Vec<u8>, Device>);

impl Default for Devices {
    /// At most about 10 MB.
    fn default() -> Devices {
        Devices(Cache::new(50_000))
    }
}

/// The device behind a key from a cookie.
pub async fn device(domain: &Domain, key: &str) -> Result<Option<Device>> {
    let hash = Keys::hash(key);
    if let Some(device) = domain.devices.0.get(&hash) {
        return Ok(Some(device));
    }
    let mut conn = domain.db.read().await?;
    let Some(found) = store::contact::device(&mut conn, &hash).await? else { return Ok(None) };
    let device = Device { id: found.id, contact_id: found.contact_id };
    domain.devices.0.insert(hash, device.clone());
    Ok(Some(device))
}

/// The member of staff behind a session key from a cookie.
pub async fn staff(domain: &Domain, key: &str) -> Result<Option<Staff>> {
    Ok(signed_in(domain, key).await?.map(|caller| caller.staff))
}

/// Somebody who is signed in.
#[derive(Clone, Debug)]
pub struct SignedIn {
    pub staff: Staff,
    /// Their role asks for a second factor and they have none yet: first of all they set one up.
    pub must_set_up: bool,
}

/// The same with what they have to do before anything else.
pub async fn signed_in(domain: &Domain, key: &str) -> Result<Option<SignedIn>> {
    let hash = Keys::hash(key);
    let now = domain.now();
    let mut conn = domain.db.read().await?;
    let Some(live) = store::session::by_key(&mut conn, &hash, session::oldest(now), now).await? else { return Ok(None) };
    let (session, factors) = (live.session, live.factors);
    // Begun at the very moment the second factor was set up elsewhere.
    if factors > 0 && live.proven_at.is_none() {
        return Ok(None);
    }
    let Some(person) = store::staff::find(&mut conn, session.staff_id).await? else { return Ok(None) };
    let grants = store::staff::grants(&mut conn, person.id, now).await?;
    let is_off_duty = duty::is_off(&mut conn, &person, now).await?;
    drop(conn);
    // Where nothing can be written, a full disk for instance, everything can still be read.
    if let Err(e) = session::touch(domain, &session, now).await {
        tracing::warn!(error = %e, "when a session was last seen could not be kept");
    }
    let staff = Staff {
        id: person.id,
        session_id: session.id,
        is_off_duty,
        name: person.name,
        email: person.email,
        language: person.language,
        grants: grants.into_iter().map(|g| (g.role, g.unit_id)).collect(),
    };
    // Not by what was once shown in this session: the factor may be gone since.
    let must_set_up = second_factor::is_required(&staff) && factors == 0;
    Ok(Some(SignedIn { staff, must_set_up }))
}
