//! Printed QR codes: what a scan finds.

use crate::{Device, Domain, Random, post};
use model::{CheckPhrase, ConversationId, PointCode};
use store::{Result, contact_point::ContactPoint};

/// What a scanned code leads to.
pub enum Scan {
    Unknown,
    /// The sticker, or the post behind it, has been withdrawn.
    Revoked,
    /// Nobody can answer.
    Nobody(Box<post::Answering>),
    /// This device already has a conversation with the post.
    Known(ConversationId),
    Point(Box<Point>),
}

pub struct Point {
    pub point: ContactPoint,
    pub answering: post::Answering,
}

impl Point {
    /// The sticker's own welcome, else the post's.
    pub fn welcome(&self) -> Option<&str> {
        self.point.welcome.as_deref().or(self.answering.post.welcome.as_deref())
    }
}

/// What the sticker with this code leads the device to.
pub async fn scan(domain: &Domain, device: Option<&Device>, code: &PointCode) -> Result<Scan> {
    let mut conn = domain.db.read().await?;
    let Some(point) = store::contact_point::by_code(&mut conn, code).await? else { return Ok(Scan::Unknown) };
    let Some(answering) = post::answering(domain, &mut conn, point.post_id).await? else { return Ok(Scan::Unknown) };
    if let Some(device) = device
        && let Some(known) = store::conversation::of_device_with_post(&mut conn, device.id, point.post_id).await?
    {
        return Ok(Scan::Known(known.id));
    }
    if point.revoked_at.is_some() || answering.post.ended_at.is_some() {
        return Ok(Scan::Revoked);
    }
    if answering.is_nobody() {
        return Ok(Scan::Nobody(Box::new(answering)));
    }
    Ok(Scan::Point(Box::new(Point { point, answering })))
}

pub fn new_code(random: &Random) -> PointCode {
    PointCode::from_bits(random.bytes())
}

pub fn new_check_phrase(random: &Random) -> CheckPhrase {
    CheckPhrase::from_bits(random.bytes())
}
