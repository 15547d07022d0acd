//! Looks whether an installation can do its work, for `linli doctor`: changes nothing, and says what to do.

use crate::{
    Clock, audit,
    mail::{Failure, Mailer, MailerError, Security},
};
use i18n::{t, when};
use model::{At, Language, calendar::Zone};
use std::{fs, io, path::Path, time::Duration};
use store::{Inspection, Tables};
use tokio::net::{TcpStream, lookup_host};
use url::{Host, Url};

/// The settings to look at.
#[derive(Clone, Debug)]
pub struct Settings<'a> {
    pub database_url: &'a str,
    pub public_url: &'a str,
    pub smtp_url: Option<&'a str>,
    pub mail_from: Option<&'a str>,
    pub data_dir: &'a Path,
    /// Where backups are made by themselves.
    pub backup_dir: Option<&'a Path>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    Ok,
    /// It works, and somebody should know something.
    Warn,
    Bad,
}

/// One thing looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    pub name: String,
    pub grade: Grade,
    /// What was found and, if anything is to be done, what.
    pub says: String,
}

/// Looks at everything, in the order in which it is worth being put right.
pub async fn examine(settings: &Settings<'_>, clock: &Clock, l: Language) -> Vec<Check> {
    let now = clock.now();
    let found = store::inspect(settings.database_url).await;
    let (disk, file_clock) = disk(settings.data_dir);
    let check = |name, (grade, says)| Check { name, grade, says };
    vec![
        check(t!(l, doctor.database), database(settings, &found, l)),
        check(t!(l, doctor.disk), said_of_disk(disk, settings.data_dir, l)),
        check(t!(l, doctor.audit), said_of_trail(found.as_ref().ok(), now, l)),
        check(t!(l, doctor.backup), said_of_backups(settings.backup_dir, now, l)),
        check(t!(l, doctor.clock), said_of_clock(now, found.as_ref().ok(), file_clock, l)),
        check(t!(l, doctor.public_url), public_url(settings.public_url, l).await),
        check(t!(l, doctor.mail), mail(settings, found.as_ref().ok(), l).await),
    ]
}

type Found = (Grade, String);

fn database(settings: &Settings<'_>, found: &store::Result<Inspection>, l: Language) -> Found {
    match found {
        Err(_) if sqlite_file(settings.database_url).is_some_and(|f| !f.exists()) => (Grade::Warn, t!(l, doctor.database_none)),
        Err(why) => (Grade::Bad, t!(l, doctor.database_closed, why = why.to_string())),
        Ok(Inspection { not_writable: Some(why), .. }) => (Grade::Bad, t!(l, doctor.database_read_only, why = why.clone())),
        Ok(Inspection { tables, .. }) => match tables {
            Tables::None => (Grade::Warn, t!(l, doctor.database_none)),
            Tables::Behind(count) => (Grade::Warn, t!(l, doctor.database_behind, count = *count)),
            Tables::Beside => (Grade::Warn, t!(l, doctor.database_beside)),
            Tables::Ahead => (Grade::Bad, t!(l, doctor.database_ahead)),
            Tables::Current => (Grade::Ok, t!(l, doctor.database_ok)),
        },
    }
}

/// The file that a URL of SQLite names.
pub fn sqlite_file(url: &str) -> Option<&Path> {
    let path = url.strip_prefix("sqlite:")?;
    let path = path.strip_prefix("//").unwrap_or(path);
    Some(Path::new(path.split('?').next().unwrap_or(path)))
}

/// Free bytes where the data lies, or why nothing can be written there; and the time that a file just written carries.
fn disk(data_dir: &Path) -> (io::Result<u64>, Option<At>) {
    let Some(there) = data_dir.ancestors().map(|a| if a.as_os_str().is_empty() { Path::new(".") } else { a }).find(|a| a.exists()) else {
        return (Err(io::ErrorKind::NotFound.into()), None);
    };
    let free = rustix::fs::statvfs(there).map(|s| s.f_bavail.saturating_mul(s.f_frsize)).map_err(io::Error::from);
    let probe = there.join(format!(".linli-doctor-{}", std::process::id()));
    let written = fs::write(&probe, b"linli").and_then(|()| fs::metadata(&probe)).and_then(|m| m.modified());
    // What was not written need not be taken away.
    let _ = fs::remove_file(&probe);
    match written {
        Ok(modified) => (free, modified.duration_since(std::time::UNIX_EPOCH).ok().and_then(|d| i64::try_from(d.as_millis()).ok()).map(At)),
        Err(e) => (Err(e), None),
    }
}

const GB: u64 = 1_000_000_000;

fn said_of_disk(free: io::Result<u64>, data_dir: &Path, l: Language) -> Found {
    let folder = data_dir.display().to_string();
    match free {
        Err(why) if why.kind() == io::ErrorKind::StorageFull => (Grade::Bad, t!(l, doctor.disk_full, folder = folder, free = "0.0")),
        Err(why) => (Grade::Bad, t!(l, doctor.disk_closed, folder = folder, why = why.to_string())),
        Ok(bytes) => {
            #[allow(clippy::cast_precision_loss)]
            let free = format!("{:.1}", bytes as f64 / GB as f64);
            if bytes < GB / 2 {
                (Grade::Bad, t!(l, doctor.disk_full, folder = folder, free = free))
            } else if bytes < 5 * GB {
                (Grade::Warn, t!(l, doctor.disk_low, folder = folder, free = free))
            } else {
                (Grade::Ok, t!(l, doctor.disk_ok, folder = folder, free = free))
            }
        }
    }
}

/// A look at the newest entries; `linli audit verify` looks at all.
fn said_of_trail(found: Option<&Inspection>, now: At, l: Language) -> Found {
    let Some(Inspection { trail: Some(trail), .. }) = found else { return (Grade::Warn, t!(l, doctor.audit_unread)) };
    if !trail.unguarded.is_empty() {
        return (Grade::Bad, t!(l, doctor.audit_unguarded, names = trail.unguarded.join(", ")));
    }
    match audit::verify::recent(trail, now) {
        Ok(whole) => (Grade::Ok, t!(l, doctor.audit_ok, count = whole.count)),
        Err(fault) => (Grade::Bad, t!(l, doctor.audit_bad, number = fault.seq())),
    }
}

/// A day and two hours: time enough for the daily one, however large.
const BACKUP_AGE: i64 = 26 * 60 * 60;

fn said_of_backups(folder: Option<&Path>, now: At, l: Language) -> Found {
    let Some(folder) = folder else { return (Grade::Warn, t!(l, doctor.backup_none)) };
    let place = folder.display().to_string();
    if let Err(why) = fs::read_dir(folder)
        && why.kind() != io::ErrorKind::NotFound
    {
        return (Grade::Bad, t!(l, doctor.backup_closed, folder = place, why = why.to_string()));
    }
    match crate::backup::all(folder).last() {
        None => (Grade::Warn, t!(l, doctor.backup_not_yet, folder = place)),
        Some((at, _)) => {
            let age = now.seconds_since(*at);
            let said = when::duration(l, age.max(0));
            if age > BACKUP_AGE {
                (Grade::Bad, t!(l, doctor.backup_old, folder = place, age = said))
            } else {
                (Grade::Ok, t!(l, doctor.backup_ok, folder = place, age = said))
            }
        }
    }
}

fn said_of_clock(now: At, found: Option<&Inspection>, file_clock: Option<At>, l: Language) -> Found {
    let utc = "UTC".parse().unwrap_or_else(|_| Zone::china());
    let said = |at: At| format!("{} UTC", utc.local(at).strftime("%Y-%m-%d %H:%M:%S"));
    let year = utc.local(now).year();
    let off_by = |other: Option<At>| other.map(|o| now.seconds_since(o).abs()).filter(|s| *s >= 5);
    if !(2026..2100).contains(&year) {
        (Grade::Bad, t!(l, doctor.clock_wrong, now = said(now)))
    } else if let Some(newest) = found.and_then(|f| f.newest).filter(|n| n.seconds_since(now) > 60) {
        (Grade::Bad, t!(l, doctor.clock_behind, now = said(now), newest = said(newest)))
    } else if let Some(seconds) = off_by(found.and_then(|f| f.clock)) {
        (Grade::Warn, t!(l, doctor.clock_database, by = when::duration(l, seconds)))
    } else if let Some(seconds) = off_by(file_clock) {
        (Grade::Warn, t!(l, doctor.clock_files, by = when::duration(l, seconds)))
    } else {
        (Grade::Ok, t!(l, doctor.clock_ok, now = said(now)))
    }
}

/// Whether only this machine can open an address.
pub fn is_here(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(a)) => a.is_loopback(),
        Some(Host::Ipv6(a)) => a.is_loopback(),
        None => false,
    })
}

/// A connection to where people reach this installation is enough: whether a page comes back, a browser tells better.
async fn public_url(text: &str, l: Language) -> Found {
    let wrong = || (Grade::Bad, t!(l, doctor.url_wrong, url = text.to_owned()));
    let Ok(url) = Url::parse(text) else { return wrong() };
    let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else { return wrong() };
    if !matches!(url.scheme(), "http" | "https") || url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return wrong();
    }
    let is_loopback = is_here(text);
    let name = match &host {
        Host::Ipv6(a) => a.to_string(),
        other => other.to_string(),
    };
    let place = format!("{host}:{port}");
    let looked_up = tokio::time::timeout(Duration::from_secs(5), lookup_host((name.clone(), port))).await;
    let addresses: Vec<_> = looked_up.map(|found| found.map(Iterator::collect).unwrap_or_default()).unwrap_or_default();
    if addresses.is_empty() {
        return (Grade::Bad, t!(l, doctor.url_unknown, host = name));
    }
    let answered = tokio::time::timeout(Duration::from_secs(5), TcpStream::connect(addresses.as_slice())).await;
    if !matches!(answered, Ok(Ok(_))) {
        (Grade::Warn, t!(l, doctor.url_silent, place = place))
    } else if is_loopback {
        (Grade::Warn, t!(l, doctor.url_here, url = text.to_owned()))
    } else if url.scheme() == "http" {
        (Grade::Bad, t!(l, doctor.url_plain, url = text.to_owned()))
    } else {
        (Grade::Ok, t!(l, doctor.url_ok, place = place))
    }
}

async fn mail(settings: &Settings<'_>, found: Option<&Inspection>, l: Language) -> Found {
    let mailer = match Mailer::new(settings.smtp_url, settings.mail_from, settings.public_url) {
        Ok(mailer) => mailer,
        Err(MailerError::Url) => return (Grade::Bad, t!(l, doctor.mail_wrong_url)),
        Err(MailerError::From) => return (Grade::Bad, t!(l, doctor.mail_wrong_from)),
        Err(MailerError::PublicUrl) => return (Grade::Bad, t!(l, doctor.mail_needs_url)),
    };
    let (waiting, failed) = found.map_or((0, 0), |f| (f.waiting, f.failed));
    let Some(tried) = mailer.try_connection().await else { return (Grade::Warn, t!(l, doctor.mail_none, count = waiting)) };
    match (tried, mailer.security()) {
        (Err(Failure::Status(535)), _) => (Grade::Bad, t!(l, doctor.mail_password)),
        (Err(Failure::Tls), _) => (Grade::Bad, t!(l, doctor.mail_tls)),
        (Err(failure), _) => (Grade::Bad, t!(l, doctor.mail_silent, why = failure.to_string(), count = waiting)),
        (Ok(()), Security::PasswordIfOffered) => (Grade::Warn, t!(l, doctor.mail_plain_password)),
        (Ok(()), Security::IfOffered) => (Grade::Warn, t!(l, doctor.mail_plain)),
        (Ok(()), _) if failed > 0 => (Grade::Warn, t!(l, doctor.mail_failed, count = failed)),
        (Ok(()), _) => (Grade::Ok, t!(l, doctor.mail_ok, count = waiting)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_thing_that_is_wrong_is_named_with_what_to_do() {
        let nowhere = std::env::temp_dir().join("linli-doctor-nothing-here");
        let file = format!("sqlite:{}/linli.db", nowhere.display());
        let settings = Settings { database_url: &file, public_url: "linli", smtp_url: None, mail_from: None, data_dir: &nowhere, backup_dir: None };
        let clock = Clock::fixed(At(1_000));
        let checks = examine(&settings, &clock, Language::English).await;
        let grades: Vec<_> = checks.iter().map(|c| (c.name.as_str(), c.grade)).collect();
        assert_eq!(grades[0], ("Database", Grade::Warn), "{checks:?}");
        assert_eq!(grades[2].1, Grade::Warn, "no trail to look at");
        assert_eq!(grades[3], ("Backups", Grade::Warn));
        assert_eq!(grades[4], ("Clock", Grade::Bad));
        assert_eq!(grades[5], ("Public URL", Grade::Bad));
        assert_eq!(grades[6], ("Mail", Grade::Bad), "a sender needs a public URL");
        assert!(checks.iter().all(|c| !c.says.is_empty()));
        let chinese = examine(&settings, &clock, Language::Chinese).await;
        assert!(chinese.iter().all(|c| c.name.chars().any(|h| h > '\u{3000}') && c.says.ends_with('。')), "{chinese:?}");
    }

    #[test]
    fn a_clock_that_runs_away_from_the_database_is_noticed() {
        let now = At(1_795_000_000_000);
        let found = |clock, newest| Inspection { tables: Tables::Current, not_writable: None, clock, newest, waiting: 0, failed: 0, trail: None };
        let grade = |f: &Inspection, file| said_of_clock(now, Some(f), file, Language::English).0;
        assert_eq!(grade(&found(Some(now.plus_seconds(2)), Some(now)), Some(now)), Grade::Ok);
        assert_eq!(grade(&found(Some(now.plus_seconds(-90)), None), None), Grade::Warn);
        assert_eq!(grade(&found(None, None), Some(now.plus_seconds(30))), Grade::Warn);
        assert_eq!(grade(&found(None, Some(now.plus_days(1))), None), Grade::Bad);
        assert_eq!(said_of_clock(At(0), None, None, Language::English).0, Grade::Bad);
    }

    #[test]
    fn a_trail_that_was_not_read_is_not_called_whole() {
        let found = |trail| Inspection { tables: Tables::Behind(1), not_writable: None, clock: None, newest: None, waiting: 0, failed: 0, trail };
        let grade = |found: Option<&Inspection>| said_of_trail(found, At(0), Language::English).0;
        assert_eq!((grade(None), grade(Some(&found(None)))), (Grade::Warn, Grade::Warn));
        let empty = store::Trail { entries: Vec::new(), head: store::audit::Head { seq: 0, hash: Vec::new() }, retentions: Vec::new(), unguarded: Vec::new() };
        assert_eq!(grade(Some(&found(Some(empty)))), Grade::Ok);
    }

    #[test]
    fn a_backup_that_is_missing_or_old_is_noticed() {
        let (folder, now) = (tempfile::tempdir().unwrap(), At(1_795_140_000_000));
        let grade = |at: At| said_of_backups(Some(folder.path()), at, Language::Chinese).0;
        assert_eq!(said_of_backups(None, now, Language::Chinese).0, Grade::Warn);
        assert_eq!(grade(now), Grade::Warn);
        fs::write(folder.path().join(crate::backup::name_at(now)), b"x").unwrap();
        assert_eq!((grade(now.plus_minutes(24 * 60)), grade(now.plus_days(2))), (Grade::Ok, Grade::Bad));
    }

    #[test]
    fn free_space_is_said_in_gigabytes() {
        let said = |free| said_of_disk(Ok(free), Path::new("data"), Language::English);
        assert_eq!(said(100_000_000).0, Grade::Bad);
        assert_eq!(said(2 * GB).0, Grade::Warn);
        assert!(said(123_400_000_000).1.contains("123.4 GB"));
    }
}
