//! Admin roles, given and taken within the giver's own subtrees. Nobody changes their own.

use crate::{Admin, Domain, audit, staff, unit};
use model::{GrantId, Role, StaffId, UnitId};
use store::staff::Grant;

#[derive(Debug, thiserror::Error)]
pub enum GrantError {
    /// Nobody changes their own.
    #[error("one's own")]
    Own,
    /// They have the role there already.
    #[error("already")]
    Already,
    #[error("not found")]
    NotFound,
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Makes somebody of the admin's staff an admin of one of the admin's units.
pub async fn give(domain: &Domain, admin: &Admin, staff_id: StaffId, unit_id: UnitId) -> Result<(), GrantError> {
    let (by, now, id) = (admin.staff.id, domain.now(), GrantId(domain.id()));
    if staff_id == by {
        return Err(GrantError::Own);
    }
    domain
        .db
        .write(move |c| {
            Box::pin(async move {
                staff::mine(c, by, staff_id, now).await?.ok_or(GrantError::NotFound)?;
                unit::mine(c, by, unit_id, now).await?.ok_or(GrantError::NotFound)?;
                if store::staff::is_granted(c, staff_id, Role::Admin, unit_id, now).await? {
                    return Err(GrantError::Already);
                }
                store::staff::insert_grant(c, &Grant { id, staff_id, role: Role::Admin, unit_id, from_at: now, until_at: None }).await?;
                audit::append(c, now, Some(by), "grant.give", &staff_id.to_string(), &format!("{} {unit_id}", Role::Admin)).await?;
                Ok(())
            })
        })
        .await
}

/// Takes a grant back.
pub async fn take(domain: &Domain, admin: &Admin, staff_id: StaffId, id: GrantId) -> Result<(), GrantError> {
    let (by, now) = (admin.staff.id, domain.now());
    if staff_id == by {
        return Err(GrantError::Own);
    }
    domain
        .db
        .write(move |c| {
            Box::pin(async move {
                let grants = store::staff::grants(c, staff_id, now).await?;
                let grant = grants.into_iter().find(|g| g.id == id).ok_or(GrantError::NotFound)?;
                unit::mine(c, by, grant.unit_id, now).await?.ok_or(GrantError::NotFound)?;
                store::staff::end_grant(c, id, now).await?;
                audit::append(c, now, Some(by), "grant.take", &staff_id.to_string(), &format!("{} {}", grant.role, grant.unit_id)).await?;
                Ok(())
            })
        })
        .await
}
