//! Printed QR codes.

use crate::{Conn, Result, conn::*};
use model::{At, CheckPhrase, ContactPointId, Language, PointCode, PostId};

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct ContactPoint {
    pub id: ContactPointId,
    pub post_id: PostId,
    pub code: PointCode,
    pub check_phrase: CheckPhrase,
    pub place: String,
    pub place_en: Option<String>,
    pub topic: Option<String>,
    pub welcome: Option<String>,
    pub created_at: At,
    pub revoked_at: Option<At>,
}

pub async fn insert(conn: &mut Conn, point: &ContactPoint) -> Result<()> {
    execute!(
        conn,
        "insert into contact_points (id, post_id, code, check_phrase, place, place_en, topic, welcome, created_at, revoked_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        point.id,
        point.post_id,
        &point.code,
        &point.check_phrase,
        &point.place,
        &point.place_en,
        &point.topic,
        &point.welcome,
        point.created_at,
        point.revoked_at
    )
    .map(|_| ())
}

impl ContactPoint {
    pub fn place_in(&self, language: Language) -> &str {
        language.name(&self.place, self.place_en.as_deref())
    }
}

pub async fn by_code(conn: &mut Conn, code: &PointCode) -> Result<Option<ContactPoint>> {
    fetch_optional!(
        conn,
        ContactPoint,
        "select id, post_id, code, check_phrase, place, place_en, topic, welcome, created_at, revoked_at from contact_points where code = $1",
        code
    )
}

pub async fn find(conn: &mut Conn, id: ContactPointId) -> Result<Option<ContactPoint>> {
    fetch_optional!(
        conn,
        ContactPoint,
        "select id, post_id, code, check_phrase, place, place_en, topic, welcome, created_at, revoked_at from contact_points where id = $1",
        id
    )
}

pub async fn revoke(conn: &mut Conn, id: ContactPointId, now: At) -> Result<()> {
    execute!(conn, "update contact_points set revoked_at = $2 where id = $1 and revoked_at is null", id, now).map(|_| ())
}

/// A contact point as admins see it at its post.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Line {
    pub id: ContactPointId,
    pub code: PointCode,
    pub check_phrase: CheckPhrase,
    pub place: String,
    pub revoked_at: Option<At>,
    pub conversations: i64,
}

/// The contact points of a post, those in use first.
pub async fn of_post(conn: &mut Conn, post: PostId) -> Result<Vec<Line>> {
    fetch_all!(
        conn,
        Line,
        "select c.id, c.code, c.check_phrase, c.place, c.revoked_at,
            (select count(*) from conversations v where v.post_id = $1 and v.contact_point_id = c.id) as conversations
         from contact_points c where c.post_id = $1 order by case when c.revoked_at is null then 0 else 1 end, c.created_at, c.id",
        post
    )
}

/// Writes the place, topic and welcome of a contact point.
pub async fn change(conn: &mut Conn, point: &ContactPoint) -> Result<()> {
    execute!(
        conn,
        "update contact_points set place = $2, place_en = $3, topic = $4, welcome = $5 where id = $1",
        point.id,
        &point.place,
        &point.place_en,
        &point.topic,
        &point.welcome
    )
    .map(|_| ())
}
