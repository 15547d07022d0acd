//! Photos of staff, as `domain::photo` encodes them.

use crate::{Conn, Result, conn::*};
use model::{At, StaffId};

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Photo {
    pub image: Vec<u8>,
    pub updated_at: At,
}

pub async fn save(conn: &mut Conn, staff: StaffId, image: &[u8], now: At) -> Result<()> {
    execute!(
        conn,
        "insert into photos (staff_id, image, updated_at) values ($1, $2, $3) on conflict (staff_id) do update set image = $2, updated_at = $3",
        staff,
        image,
        now
    )
    .map(|_| ())
}

pub async fn delete(conn: &mut Conn, staff: StaffId) -> Result<()> {
    execute!(conn, "delete from photos where staff_id = $1", staff).map(|_| ())
}

pub async fn find(conn: &mut Conn, staff: StaffId) -> Result<Option<Photo>> {
    fetch_optional!(conn, Photo, "select image, updated_at from photos where staff_id = $1", staff)
}

/// When the photo was last changed, if there is one.
pub async fn changed_at(conn: &mut Conn, staff: StaffId) -> Result<Option<At>> {
    let found = fetch_optional!(conn, (At,), "select updated_at from photos where staff_id = $1", staff)?;
    Ok(found.map(|(at,)| at))
}

/// The photo of somebody who holds a post at this moment.
pub async fn of_holder(conn: &mut Conn, staff: StaffId, now: At) -> Result<Option<Photo>> {
    fetch_optional!(
        conn,
        Photo,
        "select f.image, f.updated_at from photos f join staff s on s.id = f.staff_id
         where f.staff_id = $1 and s.ended_at is null and exists (
            select 1 from holdings h join posts p on p.id = h.post_id
            where h.staff_id = s.id and h.from_at <= $2 and (h.until_at is null or h.until_at > $2) and p.ended_at is null)",
        staff,
        now
    )
}
