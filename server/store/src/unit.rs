//! The organisation tree.

use crate::{Conn, Result, conn::*};
use model::{At, UnitId, UnitKind};

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Unit {
    pub id: UnitId,
    pub parent_id: Option<UnitId>,
    pub kind: UnitKind,
    pub name: String,
    pub code: Option<String>,
    pub created_at: At,
    pub ended_at: Option<At>,
}

pub async fn insert(conn: &mut Conn, unit: &Unit) -> Result<()> {
    execute!(
        conn,
        "insert into units (id, parent_id, kind, name, code, created_at, ended_at) values ($1, $2, $3, $4, $5, $6, $7)",
        unit.id,
        unit.parent_id,
        unit.kind,
        &unit.name,
        &unit.code,
        unit.created_at,
        unit.ended_at
    )
    .map(|_| ())
}

pub async fn find(conn: &mut Conn, id: UnitId) -> Result<Option<Unit>> {
    fetch_optional!(conn, Unit, "select * from units where id = $1", id)
}

/// From the unit itself up to the root.
pub async fn path(conn: &mut Conn, id: UnitId) -> Result<Vec<Unit>> {
    fetch_all!(
        conn,
        Unit,
        "with recursive up as (
            select u.*, 0 as depth from units u where u.id = $1
            union all select u.*, up.depth + 1 from units u join up on u.id = up.parent_id)
         select id, parent_id, kind, name, code, created_at, ended_at from up order by depth",
        id
    )
}

/// The units with none above them, oldest first.
pub async fn roots(conn: &mut Conn) -> Result<Vec<Unit>> {
    fetch_all!(conn, Unit, "select * from units where parent_id is null and ended_at is null order by created_at, id")
}
