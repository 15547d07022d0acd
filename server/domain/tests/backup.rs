//! Backups made while the database is written to, restored elsewhere, on both databases.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use domain::{Clock, Db, Domain, Random, backup, sample};
use model::At;
use std::fs;
use store::testing::{TestDb, databases, empty_beside};

async fn opened(db: Db) -> Domain {
    Domain::open(db, Clock::fixed(At(1_795_140_000_000)), Random::seeded(7), "https://linli.example").await.unwrap()
}

async fn sample_in(database: &TestDb) -> Domain {
    let domain = opened(database.db.clone()).await;
    sample::create(&domain).await.unwrap();
    domain
}

async fn content(domain: &Domain) -> backup::Content {
    backup::content(&mut domain.db.read().await.unwrap()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_made_while_people_write_is_whole_and_opens_elsewhere() {
    for database in databases().await {
        let domain = sample_in(&database).await;
        let before = content(&domain).await;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(backup::name_at(domain.now()));

        let writer = domain.clone();
        let writing = tokio::spawn(async move {
            for n in 0..200 {
                let at = writer.now();
                writer.db.write(move |c| Box::pin(async move { domain::audit::append(c, at, None, "test.write", "x", &n.to_string()).await })).await.unwrap();
            }
        });
        let made = backup::make(&database.url, &file).await.unwrap();
        writing.await.unwrap();
        let after = content(&domain).await;
        assert_eq!((made.content.messages, made.content.conversations), (before.messages, before.conversations));
        assert!((before.audit_entries..=after.audit_entries).contains(&made.content.audit_entries));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");

        let elsewhere = empty_beside(&database).await;
        backup::restore(&file, &elsewhere).await.unwrap();
        let restored = opened(Db::open(&elsewhere).await.unwrap()).await;
        assert_eq!(content(&restored).await, made.content);
        let secret = |d: &Domain| d.keys.sign("test", "the same installation");
        assert_eq!(secret(&restored), secret(&domain), "links and claim codes go on working");

        let why = backup::restore(&file, &database.url).await.unwrap_err().to_string();
        assert!(why.contains("is there already") || why.contains("not empty"), "{why}");
        assert_eq!(content(&domain).await, after, "what is there is never overwritten");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_backup_is_not_taken_for_one() {
    for database in databases().await {
        drop(sample_in(&database).await);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("linli.backup");
        backup::make(&database.url, &file).await.unwrap();
        let mut bytes = fs::read(&file).unwrap();
        let (middle, end) = (bytes.len() / 2, bytes.len());
        bytes[middle..(middle + 9_000).min(end)].fill(0x55);
        let damaged = folder.path().join("damaged");
        fs::write(&damaged, bytes).unwrap();
        assert!(store::backup::check(&damaged, &database.url).await.is_err());
        let empty = empty_beside(&database).await;
        assert!(backup::restore(&damaged, &empty).await.is_err());
        if let Some(file) = empty.strip_prefix("sqlite:") {
            assert!(!fs::exists(file).unwrap() && !fs::exists(format!("{file}.part")).unwrap());
        }
        assert!(backup::restore(&folder.path().join("missing"), &empty_beside(&database).await).await.is_err());

        // A backup that cannot be made leaves nothing that looks like one.
        let nowhere = folder.path().join("missing/linli.backup");
        assert!(backup::make(&database.url, &nowhere).await.is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_left_behind_does_not_get_into_a_restored_database() {
    let database = store::testing::sqlite().await;
    let domain = sample_in(&database).await;
    let folder = tempfile::tempdir().unwrap();
    let backup = folder.path().join("linli.backup");
    backup::make(&database.url, &backup).await.unwrap();
    let file = database.url.strip_prefix("sqlite:").unwrap().to_owned();
    let log = format!("{file}-wal");
    let left_behind = fs::read(&log).unwrap();
    domain.db.close().await;
    assert!(!fs::exists(&log).unwrap(), "whoever closes takes the log over");

    // As after a kill, with only the database itself moved away.
    fs::write(&log, &left_behind).unwrap();
    fs::rename(&file, folder.path().join("old.db")).unwrap();
    let why = backup::restore(&backup, &database.url).await.unwrap_err().to_string();
    assert!(why.contains("-wal is there already"), "{why}");
    fs::remove_file(&log).unwrap();
    backup::restore(&backup, &database.url).await.unwrap();
    let restored = opened(Db::open(&database.url).await.unwrap()).await;
    assert_eq!(content(&restored).await, content(&opened(Db::open(&format!("sqlite:{}", backup.display())).await.unwrap()).await).await);
}
