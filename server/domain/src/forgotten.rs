//! A way back for somebody who has forgotten their password: a link by mail. What is answered never tells who has a login.

use crate::{Domain, audit, invitation, sign_in};
use model::{At, InvitationId, MailKind, OutboxId, text};
use std::net::IpAddr;
use store::Result;

/// How long the link works.
pub const MINUTES: i64 = 60;

/// Links somebody gets in a day, however often they are asked for.
pub const A_DAY: i64 = 3;

/// Sends a link to set a new password, if this is the address of somebody with a login. Nothing else changes: the present password goes on holding
/// until the link is used, and the second factor is asked for after it.
pub async fn ask(domain: &Domain, email: &str, address: IpAddr) -> Result<()> {
    let Ok(email) = text::email(email) else { return Ok(()) };
    if !sign_in::may_be_mailed(domain, &email, address, A_DAY).await? {
        return Ok(());
    }
    let (now, ids) = (domain.now(), (InvitationId(domain.id()), OutboxId(domain.id())));
    domain
        .db
        .write(move |c| {
            Box::pin(async move {
                let person = store::staff::by_email(c, &email).await?.filter(|p| p.ended_at.is_none() && p.activated_at.is_some());
                let Some(person) = person else { return Ok(()) };
                invitation::invite_until(c, ids, person.id, MailKind::Password, now, until(now)).await?;
                audit::append(c, now, None, "password.forgotten", &person.id.to_string(), "").await
            })
        })
        .await
}

fn until(now: At) -> At {
    now.plus_minutes(MINUTES)
}
