//! The tables' versions. While nodes are upgraded one after the other, those not upgraded yet work on tables that are newer than they: they may
//! if each migration unknown to them says in its name that it leaves their version working, as `0007_nickname_beside_0006` does.

use crate::{Error, Result};
use sqlx::{PgConnection, SqliteConnection, migrate::Migrator};
use std::borrow::Cow;

pub(crate) static SQLITE: Migrator = sqlx::migrate!("../../migrations/sqlite");
pub(crate) static POSTGRES: Migrator = sqlx::migrate!("../../migrations/postgres");

/// How the tables stand to what this program expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tables {
    /// None yet; the first start makes them.
    None,
    Current,
    /// Migrations that the next start will apply.
    Behind(usize),
    /// A newer program has been here, and this one may go on beside it.
    Beside,
    /// A newer program has been here.
    Ahead,
}

/// A migration that was applied: its number and what its name says.
type Applied = (i64, String);

pub(crate) async fn sqlite(c: &mut SqliteConnection) -> Result<Tables> {
    let is_there = "select count(*) from sqlite_master where type = 'table' and name = '_sqlx_migrations'";
    let (count,): (i64,) = sqlx::query_as(is_there).fetch_one(&mut *c).await?;
    if count == 0 {
        return Ok(Tables::None);
    }
    Ok(stand(&SQLITE, &sqlx::query_as(APPLIED).fetch_all(c).await?))
}

/// Whether another program keeps something there.
pub(crate) async fn has_others(c: &mut SqliteConnection) -> Result<bool> {
    let (count,): (i64,) = sqlx::query_as("select count(*) from sqlite_master where name not like 'sqlite\\_%' escape '\\'").fetch_one(c).await?;
    Ok(count > 0)
}

pub(crate) async fn postgres(c: &mut PgConnection) -> Result<Tables> {
    let (is_there,): (bool,) = sqlx::query_as("select to_regclass('_sqlx_migrations') is not null").fetch_one(&mut *c).await?;
    if !is_there {
        return Ok(Tables::None);
    }
    Ok(stand(&POSTGRES, &sqlx::query_as(APPLIED).fetch_all(c).await?))
}

const APPLIED: &str = "select version, description from _sqlx_migrations where success order by version";

fn stand(ours: &Migrator, applied: &[Applied]) -> Tables {
    let known: Vec<i64> = ours.iter().map(|m| m.version).collect();
    let newest = known.iter().copied().max().unwrap_or_default();
    let unknown: Vec<&Applied> = applied.iter().filter(|(version, _)| !known.contains(version)).collect();
    let missing = known.iter().filter(|version| !applied.iter().any(|(v, _)| v == *version)).count();
    if missing == 0 && unknown.is_empty() {
        Tables::Current
    } else if unknown.is_empty() {
        Tables::Behind(missing)
    } else if missing == 0 && unknown.iter().all(|(_, name)| is_beside(name, newest)) {
        Tables::Beside
    } else {
        Tables::Ahead
    }
}

/// Whether a migration leaves programs working whose newest is this.
fn is_beside(name: &str, newest: i64) -> bool {
    name.rsplit_once(" beside ").is_some_and(|(_, oldest)| oldest.parse::<i64>().is_ok_and(|oldest| oldest <= newest))
}

/// What is to be run on tables that stand so.
pub(crate) fn to_run(ours: &'static Migrator, tables: Tables) -> Result<Migrator> {
    if tables == Tables::Ahead {
        return Err(Error::Ahead);
    }
    Ok(Migrator { migrations: Cow::Borrowed(&ours.migrations), ignore_missing: tables == Tables::Beside, ..Migrator::DEFAULT })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_goes_on_beside_a_newer_one_only_where_the_migrations_names_say_so() {
        let known: Vec<Applied> = SQLITE.iter().map(|m| (m.version, m.description.to_string())).collect();
        let newest = known.last().unwrap().0;
        let with = |names: &[String]| {
            let newer = names.iter().zip(newest + 1..).map(|(name, version)| (version, name.clone()));
            stand(&SQLITE, &known.iter().cloned().chain(newer).collect::<Vec<_>>())
        };
        assert_eq!(stand(&SQLITE, &[]), Tables::Behind(known.len()));
        assert_eq!(with(&[]), Tables::Current);
        assert_eq!(with(&[format!("nickname beside {newest:04}")]), Tables::Beside);
        assert_eq!(with(&["nickname".to_owned()]), Tables::Ahead);
        assert_eq!(with(&[format!("nickname beside {newest}"), format!("no nickname beside {}", newest + 1)]), Tables::Ahead);
    }

    #[tokio::test]
    async fn a_node_starts_again_in_the_middle_of_an_upgrade_and_not_after_the_next() {
        for test in crate::testing::databases().await {
            let applied = |version: i64, name: &'static str| {
                test.db.write(move |c| {
                    Box::pin(async move {
                        let text = "insert into _sqlx_migrations (version, description, success, checksum, execution_time) values ($1, $2, true, $3, 0)";
                        crate::conn::execute!(c, text, version, name, vec![0_u8])
                    })
                })
            };
            applied(9998, "nickname beside 4").await.unwrap();
            crate::Db::open(&test.url).await.unwrap();
            assert_eq!(crate::inspect(&test.url).await.unwrap().tables, Tables::Beside);
            applied(9999, "no nickname beside 9998").await.unwrap();
            assert!(matches!(crate::Db::open(&test.url).await, Err(Error::Ahead)));
        }
    }
}
