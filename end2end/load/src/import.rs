//! What it costs to bring Yichang on board: time and memory.

use crate::{machine, sheets};
use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};
use store::Db;

/// One run of the program.
struct Run {
    took: Duration,
    /// The most it held, in kB.
    peak: u64,
    said: String,
    is_good: bool,
}

fn run(binary: &Path, database: &str, folder: &Path, arguments: &[&str]) -> Result<Run, String> {
    let mut command = Command::new(binary);
    command.args(arguments).env("LINLI_DATABASE_URL", database).env("LINLI_DATA_DIR", folder).env("LINLI_PUBLIC_URL", "https://linli.example");
    let out = fs::File::create(folder.join("said")).map_err(|e| e.to_string())?;
    let errors = out.try_clone().map_err(|e| e.to_string())?;
    let began = Instant::now();
    let mut child = command.stdout(Stdio::from(out)).stderr(Stdio::from(errors)).spawn().map_err(|e| format!("{}: {e}", binary.display()))?;
    let mut peak = 0;
    let status = loop {
        // The high-water mark the kernel keeps.
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let mark = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok());
        peak = peak.max(mark.unwrap_or(0));
        if let Some(status) = child.try_wait().map_err(|e| e.to_string())? {
            break status;
        }
        thread::sleep(Duration::from_millis(2));
    };
    let said = fs::read_to_string(folder.join("said")).unwrap_or_default();
    Ok(Run { took: began.elapsed(), peak, said, is_good: status.success() })
}

/// What each run may take at most: seconds on SQLite and on PostgreSQL, and kB.
const SECONDS: [u64; 2] = [10, 20];
const PEAK: u64 = 300 * 1024;

/// An empty installation with its first unit and admin, then the whole of Yichang: looked at, brought in, and brought in once more. False if that
/// fails or takes too much.
pub async fn measure(binary: &Path, database: Option<&str>) -> Result<bool, String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let path = folder.path();
    let own = format!("sqlite:{}", path.join("linli.db").display());
    let database = database.unwrap_or(&own);
    let most = Duration::from_secs(SECONDS[usize::from(!database.starts_with("sqlite:"))]);
    let sheets = sheets::yichang()?;
    sheets.save(path)?;
    drop(sheets);
    let admin = run(binary, database, path, &["admin", "create", "--name", "林岚", "--email", "admin@town.example", "--unit", "宜昌市"])?;
    if !admin.is_good {
        return Err(admin.said);
    }
    println!("{}\n\n| | seconds | peak MB | it said |\n|---|---|---|---|", machine::line());
    let file = path.join("yichang.xlsx").display().to_string();
    let roster = path.join("roster.csv").display().to_string();
    let runs: [(&str, &[&str]); 4] = [
        ("dry run", &["import", "--dry-run", &file]),
        ("import", &["import", &file]),
        ("the same again", &["import", &file]),
        ("as one roster (CSV)", &["import", &roster]),
    ];
    let mut is_good = true;
    for (name, arguments) in runs {
        let done = run(binary, database, path, arguments)?;
        let last = done.said.trim().lines().last().unwrap_or_default().to_owned();
        println!("| {name} | {:.2} | {:.0} | {last} |", done.took.as_secs_f64(), done.peak as f64 / 1024.0);
        if !done.is_good {
            println!("{}", done.said);
        }
        is_good &= done.is_good && done.took <= most && done.peak <= PEAK;
    }
    let counted = counted(database).await.map_err(|e| e.to_string())?;
    println!("\n{} units, {} posts, {} staff and {} holdings are there", counted[0], counted[1], counted[2], counted[3]);
    Ok(is_good && counted == [16_777, 15_000, 15_000, 15_000])
}

async fn counted(database: &str) -> store::Result<[usize; 4]> {
    let db = Db::open(database).await?;
    let mut conn = db.read().await?;
    let Some(root) = store::unit::roots(&mut conn).await?.first().map(|unit| unit.id) else { return Ok([0; 4]) };
    let now = crate::now::now();
    let counts = [
        store::import::units(&mut conn, root).await?.len(),
        store::import::posts(&mut conn, root).await?.len(),
        store::import::staff(&mut conn, root, now).await?.len(),
        store::import::holdings(&mut conn, root, now).await?.len(),
    ];
    drop(conn);
    db.close().await;
    Ok(counts)
}
