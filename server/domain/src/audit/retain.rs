//! How long entries are kept, and the anchors outside the database.

use super::{
    append, kind_of,
    verify::{Anchor, Emptied, ranges},
};
use crate::Domain;
use model::{At, AuditKind};
use std::{collections::BTreeMap, fs, io::Write, os::unix::fs::OpenOptionsExt, path::Path, str::FromStr, time::Duration};
use store::Result;
use tokio::{sync::watch, time};

/// Days below which nothing may be taken out: the law asks for six months.
pub const KEPT_DAYS: i64 = 190;
/// Old entries that one new entry tells of.
const TOLD: i64 = 2_000;
/// Entries emptied in one transaction: it holds up nobody for long.
const BATCH: usize = 100;

/// Days after which entries of a kind are emptied. Kinds that are not in it are kept for good.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keep(pub BTreeMap<AuditKind, i64>);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeepError {
    #[error("\"{0}\" is not a kind and a number of days, such as sign_in=200")]
    Form(String),
    #[error("\"{0}\" is no kind of entries: these are {kinds}", kinds = AuditKind::ALL.iter().map(|k| k.as_str()).collect::<Vec<_>>().join(", "))]
    Kind(String),
    #[error("entries are kept for at least {KEPT_DAYS} days, not {0}")]
    TooShort(i64),
    #[error("entries about emptied entries are kept for good, or the chain could not be verified")]
    Records,
}

impl FromStr for Keep {
    type Err = KeepError;
    /// `sign_in=200,access=200`.
    fn from_str(text: &str) -> std::result::Result<Keep, KeepError> {
        let parts = text.split([',', ' ']).map(str::trim).filter(|part| !part.is_empty());
        let read = |part: &str| {
            let (kind, days) = part.split_once('=').ok_or_else(|| KeepError::Form(part.to_owned()))?;
            let days: i64 = days.trim().parse().map_err(|_| KeepError::Form(part.to_owned()))?;
            let kind = kind.trim().parse().map_err(|_| KeepError::Kind(kind.trim().to_owned()))?;
            match kind {
                AuditKind::Records => Err(KeepError::Records),
                _ if days < KEPT_DAYS => Err(KeepError::TooShort(days)),
                kind => Ok((kind, days)),
            }
        };
        parts.map(read).collect::<std::result::Result<_, _>>().map(Keep)
    }
}

/// Empties what is older than it has to be kept, and says so in the chain; gives how many entries that were.
pub async fn keep(domain: &Domain, keep: &Keep) -> Result<u64> {
    let mut emptied = 0;
    for (kind, days) in &keep.0 {
        let before = domain.now().plus_days(-(*days).max(KEPT_DAYS));
        let actions = store::audit::actions(&mut domain.db.read().await?).await?;
        let actions: Vec<&str> = actions.iter().map(String::as_str).filter(|a| kind_of(a) == *kind).collect();
        loop {
            let old = store::audit::old(&mut domain.db.read().await?, &actions, before, TOLD).await?;
            emptied += empty_all(domain, *kind, &old).await?;
            if (old.len() as i64) < TOLD {
                break;
            }
        }
    }
    Ok(emptied)
}

/// Says in the chain which entries are emptied, together with the first of them, and then empties the others. What is left over after a kill is old
/// the next day too.
async fn empty_all(domain: &Domain, kind: AuditKind, old: &[(i64, At)]) -> Result<u64> {
    let seqs: Vec<i64> = old.iter().map(|(seq, _)| *seq).collect();
    let Some(newest) = old.iter().map(|(_, at)| *at).max() else { return Ok(0) };
    let said = serde_json::to_string(&Emptied { entries: ranges(&seqs), newest, kinds: vec![kind.to_string()] })?;
    let mut said = Some((domain.now(), said));
    let mut emptied = 0;
    for batch in seqs.chunks(BATCH) {
        let (batch, said) = (batch.to_vec(), said.take());
        emptied += domain
            .db
            .write(move |c| {
                Box::pin(async move {
                    if let Some((now, said)) = said {
                        append(c, now, None, store::audit::RETAIN, "", &said).await?;
                    }
                    store::audit::empty(c, &batch).await
                })
            })
            .await?;
    }
    Ok(emptied)
}

/// Between two looks whether a day has passed.
const LOOK: Duration = Duration::from_secs(5 * 60);
/// In seconds.
const DAY: i64 = 24 * 60 * 60;

/// Once a day until the server stops.
pub async fn look_after(domain: Domain, kept: Keep, anchors: std::path::PathBuf, mut stopping: watch::Receiver<bool>) {
    let mut looks = time::interval(LOOK);
    looks.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
    let mut last: Option<At> = None;
    loop {
        tokio::select! {
            _ = looks.tick() => {}
            _ = stopping.wait_for(|s| *s) => return,
        }
        // The first entries of a new installation are noted soon, not a day later.
        let (now, noted) = (domain.now(), anchors_in(&anchors).pop());
        if noted.is_none() || last.is_none_or(|last| now.seconds_since(last) >= DAY) {
            daily(&domain, &kept, &anchors).await;
            last = Some(now);
        }
    }
}

/// Empties what is old, and writes the end of the chain into a file and the log, outside the database. By a clock that somebody has set to try
/// something out nothing is old.
pub async fn daily(domain: &Domain, kept: &Keep, anchors: &Path) {
    if domain.clock.is_real() {
        match keep(domain, kept).await {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "old audit entries were emptied"),
            Err(e) => tracing::error!(error = %e, "old audit entries could not be emptied"),
        }
    }
    if let Err(e) = anchor(domain, anchors).await {
        tracing::error!(error = %e, file = %anchors.display(), "the end of the audit chain could not be noted");
    }
}

async fn anchor(domain: &Domain, file: &Path) -> std::result::Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let head = store::audit::head(&mut domain.db.read().await?).await?;
    if head.seq == 0 {
        return Ok(());
    }
    let anchor = Anchor::from(head);
    // A restart has nothing new to say.
    if anchors_in(file).last().is_some_and(|last| (last.seq, &last.hash) == (anchor.seq, &anchor.hash)) {
        return Ok(());
    }
    tracing::info!(%anchor, "the end of the audit chain");
    let mut file = fs::OpenOptions::new().append(true).create(true).mode(0o600).open(file)?;
    if domain.clock.is_real() {
        write!(file, "{} ", domain.now().timestamp().strftime("%Y-%m-%dT%H:%M:%SZ"))?;
    }
    writeln!(file, "{anchor}")?;
    Ok(())
}

/// The anchors noted in a file, with when that was; none if there is no such file.
pub fn anchors_in(file: &Path) -> Vec<Anchor> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let read = |line: &str| {
        let anchor: Anchor = line.split_whitespace().last()?.parse().ok()?;
        let at = line.split_whitespace().next().and_then(|word| word.parse::<jiff::Timestamp>().ok()).map(At::from);
        Some(Anchor { at, ..anchor })
    };
    text.lines().filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_may_be_kept_for_less_than_the_law_asks() {
        let read = |text: &str| text.parse::<Keep>();
        assert_eq!(read("sign_in=200, access=190").unwrap().0, BTreeMap::from([(AuditKind::SignIn, 200), (AuditKind::Access, 190)]));
        assert_eq!(read("").unwrap(), Keep::default());
        assert_eq!(read("sign_in=189"), Err(KeepError::TooShort(189)));
        assert_eq!(read("records=400"), Err(KeepError::Records));
        assert!(matches!(read("logins=400"), Err(KeepError::Kind(_))));
        assert!(matches!(read("sign_in"), Err(KeepError::Form(_))));
    }
}
