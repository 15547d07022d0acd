//! A checked backup every day, the newest of which are kept.

use crate::{Clock, Domain, audit, calendar};
use jiff::{ToSpan, Zoned, civil::Time};
use model::At;
use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};
use store::{Result, backup};
use tokio::{sync::watch, time};

pub use store::backup::{Content, content, restore};

/// When and where backups are made by themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub folder: PathBuf,
    /// By the clock of the first unit's calendar.
    pub at: Time,
    /// How many stay.
    pub keep: usize,
}

/// A backup that was restored, looked through, and found whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    pub file: PathBuf,
    pub bytes: u64,
    pub content: Content,
}

/// Makes and checks a backup. Only what has been checked gets its name: until then it is called `NAME.part`.
pub async fn make(url: &str, file: &Path) -> Result<Checked> {
    let folder = file.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Two of the same name would write into one file. The lock goes with whoever holds it.
    let alone = fs::File::open(folder).map_err(|e| store::Error::Backup(format!("{}: {e}", folder.display())))?;
    if matches!(alone.try_lock(), Err(fs::TryLockError::WouldBlock)) {
        return Err(store::Error::Backup(format!("another backup is being made in {}", folder.display())));
    }
    let part = file.with_added_extension("part");
    // One that was broken off is of no use to anybody.
    let _ = fs::remove_file(&part);
    let done = async {
        backup::make(url, &part).await?;
        backup::check(&part, url).await
    }
    .await;
    let renamed = done.and_then(|content| {
        let bytes = fs::metadata(&part).and_then(|m| fs::rename(&part, file).map(|()| m.len()));
        Ok(Checked { file: file.to_owned(), bytes: bytes.map_err(|e| store::Error::Backup(format!("{}: {e}", file.display())))?, content })
    });
    if renamed.is_err() {
        let _ = fs::remove_file(&part);
    }
    renamed
}

/// Puts a backup made from the command line on record; not where that would bring the tables up to date.
pub async fn record(url: &str, clock: &Clock, name: String) -> Result<bool> {
    if store::inspect(url).await?.tables != store::Tables::Current {
        return Ok(false);
    }
    let (db, now) = (store::Db::open(url).await?, clock.now());
    let done = db.write(move |c| Box::pin(async move { audit::append(c, now, None, "backup.make", "", &name).await })).await;
    db.close().await;
    done.map(|()| true)
}

/// `linli-20261122T030000Z.backup`: sorted by name they stand in order.
pub fn name_at(at: At) -> String {
    format!("linli-{}.backup", at.timestamp().strftime("%Y%m%dT%H%M%SZ"))
}

fn moment_of(name: &str) -> Option<At> {
    let text = name.strip_prefix("linli-")?.strip_suffix(".backup")?;
    let civil = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
    civil.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|z| At::from(z.timestamp()))
}

/// The checked backups in a folder, the oldest first. None if the folder is not there.
pub fn all(folder: &Path) -> Vec<(At, PathBuf)> {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<(At, PathBuf)> = files.filter_map(|f| Some((moment_of(f.file_name().to_str()?)?, f.path()))).collect();
    found.sort();
    found
}

/// Makes a backup every day until the server stops; at once if one has been missed. What one that was broken off has left goes first.
pub async fn run(domain: Domain, url: String, plan: Plan, mut stopping: watch::Receiver<bool>) {
    clear_away(&plan.folder);
    if let Err(e) = backup::clear_away(&url).await {
        tracing::warn!(error = %e, "scratch databases of earlier checks could not be removed");
    }
    loop {
        let wait = until_due(domain.clone(), plan.clone()).await.unwrap_or(RETRY);
        let mut pause = wait.min(RETRY);
        if wait.is_zero() {
            pause = tokio::select! {
                is_made = make_due(domain.clone(), url.clone(), plan.clone()) => if is_made { Duration::ZERO } else { RETRY },
                _ = stopping.wait_for(|s| *s) => return,
            };
        }
        tokio::select! {
            () = time::sleep(pause) => {}
            _ = stopping.wait_for(|s| *s) => return,
        }
    }
}

/// Copies without a name of their own yet, and what they were checked in.
fn clear_away(folder: &Path) {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    for file in files.filter(|f| f.file_name().to_str().and_then(|name| name.split_once(".part")).is_some_and(|(name, _)| moment_of(name).is_some())) {
        if let Err(e) = fs::remove_file(file.path()) {
            tracing::warn!(error = %e, file = %file.path().display(), "what a broken-off backup left could not be removed");
        }
    }
}

/// Between two attempts, and between two looks at the clock, which may have been set.
const RETRY: Duration = Duration::from_secs(10 * 60);

/// Whether there is one more now.
async fn make_due(domain: Domain, url: String, plan: Plan) -> bool {
    let made = match fs::create_dir_all(&plan.folder) {
        Ok(()) => make(&url, &plan.folder.join(name_at(domain.now()))).await,
        Err(e) => Err(store::Error::Backup(format!("{}: {e}", plan.folder.display()))),
    };
    match made {
        Err(e) => {
            tracing::error!(error = %e, "no backup could be made; it is tried again in ten minutes");
            false
        }
        Ok(backup) => {
            let Content { conversations, messages, audit, .. } = backup.content;
            let file = backup.file.file_name().and_then(|n| n.to_str()).unwrap_or("").to_owned();
            let anchor = audit::verify::Anchor::from(audit);
            tracing::info!(file = %backup.file.display(), bytes = backup.bytes, conversations, messages, %anchor, "a backup was made, restored into a scratch database and found whole");
            if let Err(e) = audit::record(&domain, None, "backup.make", String::new(), file).await {
                tracing::error!(error = %e, "the backup could not be recorded");
            }
            if let Err(e) = forget_old(&plan) {
                tracing::error!(error = %e, "old backups could not be removed");
            }
            true
        }
    }
}

fn forget_old(plan: &Plan) -> io::Result<()> {
    let all = all(&plan.folder);
    let too_many = all.len().saturating_sub(plan.keep.max(1));
    all.into_iter().take(too_many).try_for_each(|(_, file)| fs::remove_file(file))
}

async fn until_due(domain: Domain, plan: Plan) -> Result<Duration> {
    let mut conn = domain.db.read().await?;
    let calendar = match store::unit::roots(&mut conn).await?.first() {
        Some(root) => calendar::of_unit(&domain, &mut conn, root.id).await?.calendar.clone(),
        None => std::sync::Arc::new(model::calendar::Calendar::standard()),
    };
    let now = domain.now();
    let newest = all(&plan.folder).pop().map(|(at, _)| at);
    Ok(until(now, due(&calendar.local(now), plan.at, newest)))
}

/// To the millisecond: a backup of the second before would still count as yesterday's.
fn until(now: At, due: At) -> Duration {
    Duration::from_millis(u64::try_from(due.0.saturating_sub(now.0)).unwrap_or(0))
}

/// The first moment from which today's backup, or yesterday's if it is still missing, is due.
fn due(now: &Zoned, at: Time, newest: Option<At>) -> At {
    let on = |day: &Zoned| day.with().time(at).build().unwrap_or_else(|_| day.clone());
    let today = on(now);
    let last = if today <= *now { today.clone() } else { today.checked_sub(1.day()).unwrap_or(today.clone()) };
    let last = At::from(last.timestamp());
    if newest.is_none_or(|newest| newest < last) {
        return last;
    }
    let next = if today > *now { today } else { today.checked_add(1.day()).unwrap_or(today) };
    At::from(next.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> At {
        At::from(text.parse::<jiff::Timestamp>().unwrap())
    }

    #[test]
    fn a_backup_is_due_once_a_day_and_at_once_when_one_was_missed() {
        let three = Time::constant(3, 0, 0, 0);
        let now = |text: &str| text.parse::<Zoned>().unwrap();
        let morning = now("2026-11-22T10:00[Asia/Shanghai]");
        let night = now("2026-11-22T01:00[Asia/Shanghai]");
        let (yesterday, today, tomorrow) = (at("2026-11-20T19:00:00Z"), at("2026-11-21T19:00:00Z"), at("2026-11-22T19:00:00Z"));
        assert_eq!(due(&morning, three, Some(today)), tomorrow);
        assert_eq!(due(&morning, three, Some(today.plus_minutes(-1))), today, "missed");
        assert_eq!(due(&morning, three, None), today, "never made");
        assert_eq!(due(&night, three, Some(yesterday)), today);
        assert_eq!(due(&night, three, None), yesterday);
    }

    #[test]
    fn a_backup_of_the_second_before_its_hour_is_not_made() {
        let hour = at("2026-11-22T19:00:00Z");
        assert_eq!(until(At(hour.0 - 1), hour), Duration::from_millis(1));
        assert_eq!(until(hour, hour), Duration::ZERO);
        assert_eq!(until(At(hour.0 + 5_000), hour), Duration::ZERO);
    }

    #[test]
    fn names_carry_their_moment_and_only_the_newest_stay() {
        let folder = tempfile::tempdir().unwrap();
        let days = ["2026-11-20T19:00:00Z", "2026-11-21T19:00:00Z", "2026-11-22T19:00:01Z"].map(at);
        for day in days {
            fs::write(folder.path().join(name_at(day)), b"x").unwrap();
        }
        for other in ["linli-20261119T190000Z.backup.part", "notes.txt", "linli-2026.backup"] {
            fs::write(folder.path().join(other), b"x").unwrap();
        }
        assert_eq!(all(folder.path()).iter().map(|(at, _)| *at).collect::<Vec<_>>(), days);
        forget_old(&Plan { folder: folder.path().to_owned(), at: Time::midnight(), keep: 2 }).unwrap();
        assert_eq!(all(folder.path()).iter().map(|(at, _)| *at).collect::<Vec<_>>(), days[1..]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 5);
        fs::write(folder.path().join("linli-20261119T190000Z.backup.part.scratch-wal"), b"x").unwrap();
        clear_away(folder.path());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4, "what is half done goes, and nothing else");
    }
}
