use sqlx::{PgConnection, Postgres, Sqlite, SqliteConnection, Transaction, pool::PoolConnection};

/// A connection to either database, lent by [`crate::Db`].
pub struct Conn(Kind);

pub(crate) enum Kind {
    SqliteReader(PoolConnection<Sqlite>),
    SqliteWriter(SqliteConnection),
    PostgresReader(PoolConnection<Postgres>),
    PostgresTransaction(Transaction<'static, Postgres>),
}

pub(crate) enum Either<'c> {
    Sqlite(&'c mut SqliteConnection),
    Postgres(&'c mut PgConnection),
}

impl Conn {
    pub(crate) fn new(kind: Kind) -> Conn {
        Conn(kind)
    }

    pub(crate) fn either(&mut self) -> Either<'_> {
        match &mut self.0 {
            Kind::SqliteReader(c) => Either::Sqlite(c),
            Kind::SqliteWriter(c) => Either::Sqlite(c),
            Kind::PostgresReader(c) => Either::Postgres(c),
            Kind::PostgresTransaction(c) => Either::Postgres(c),
        }
    }

    pub(crate) fn into_kind(self) -> Kind {
        self.0
    }

    pub fn is_postgres(&self) -> bool {
        matches!(self.0, Kind::PostgresReader(_) | Kind::PostgresTransaction(_))
    }
}

/// Runs one sqlx expression on whichever database the connection belongs to: `on!(conn, c => sqlx::query(…).execute(c))`.
macro_rules! on {
    ($conn:expr, $c:ident => $e:expr) => {
        match $conn.either() {
            $crate::conn::Either::Sqlite($c) => $e.await.map_err($crate::Error::from),
            $crate::conn::Either::Postgres($c) => $e.await.map_err($crate::Error::from),
        }
    };
}

/// The same for a statement that only counts the rows it touched.
macro_rules! execute {
    ($conn:expr, $sql:expr $(, $value:expr)* $(,)?) => {
        match $conn.either() {
            $crate::conn::Either::Sqlite(c) => sqlx::query($sql)$(.bind($value))*.execute(c).await.map(|r| r.rows_affected()),
            $crate::conn::Either::Postgres(c) => sqlx::query($sql)$(.bind($value))*.execute(c).await.map(|r| r.rows_affected()),
        }.map_err($crate::Error::from)
    };
}

/// All rows of a query, as `$row`.
macro_rules! fetch_all {
    ($conn:expr, $row:ty, $sql:expr $(, $value:expr)* $(,)?) => {
        on!($conn, c => sqlx::query_as::<_, $row>($sql)$(.bind($value))*.fetch_all(c))
    };
}

/// The row of a query, if there is one.
macro_rules! fetch_optional {
    ($conn:expr, $row:ty, $sql:expr $(, $value:expr)* $(,)?) => {
        on!($conn, c => sqlx::query_as::<_, $row>($sql)$(.bind($value))*.fetch_optional(c))
    };
}

/// The one row of a query that always has one.
macro_rules! fetch_one {
    ($conn:expr, $row:ty, $sql:expr $(, $value:expr)* $(,)?) => {
        on!($conn, c => sqlx::query_as::<_, $row>($sql)$(.bind($value))*.fetch_one(c))
    };
}

pub(crate) use {execute, fetch_all, fetch_one, fetch_optional, on};
