//! Fifteen thousand codes: making them, printing them, and reading every one from the rendered page.

use crate::{
    http::Connection,
    server::{Recipe, Server},
    town::{GRIDS, Town},
};
use model::{At, PointCode, PrintFormat, Which};
use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::Command,
    sync::{Mutex, PoisonError},
    thread,
    time::Instant,
};
use store::Db;

/// What a person's browser would be told to open; as long as a district's address is.
const PUBLIC_URL: &str = "https://linli.yichang.example";
/// Pages that one program renders in one go.
const PAGES: usize = 40;
/// What is asked for: seconds from asking for a file to its last byte, and the server's memory meanwhile, in MB.
const SECONDS: f64 = 20.0;
const MEMORY: f64 = 256.0;

pub struct Codes<'a> {
    pub town: Town,
    /// An empty one.
    pub database: &'a str,
    pub binary: &'a Path,
    pub folder: &'a Path,
    /// Whether to read them all, which takes minutes.
    pub is_read: bool,
}

/// Whether every code was made and read, each file in the time and memory that are asked for.
pub async fn run(codes: Codes<'_>) -> Result<bool, String> {
    let said = |e: store::Error| e.to_string();
    let db = Db::open(codes.database).await.map_err(said)?;
    codes.town.build(&db, |stage| eprintln!("{stage}")).await?;
    let (city, expected) = {
        let mut conn = db.read().await.map_err(said)?;
        let city = store::unit::roots(&mut conn).await.map_err(said)?.first().map(|u| u.id).ok_or("no city")?;
        (city, store::print::points(&mut conn, city, Which::All, codes.town.now).await.map_err(said)?)
    };
    // All stickers of the town are withdrawn, so that there is something to make.
    let now = codes.town.now;
    db.write(move |c| {
        Box::pin(async move {
            for point in expected {
                store::contact_point::revoke(c, point, At(now.0 - 1)).await?;
            }
            Ok::<_, store::Error>(())
        })
    })
    .await
    .map_err(said)?;
    let mut recipe = Recipe::new(codes.binary, codes.database, codes.folder)?;
    recipe.settings.push(("LINLI_CLOCK", now.timestamp().to_string()));
    recipe.settings.push(("LINLI_PUBLIC_URL", PUBLIC_URL.to_owned()));
    let cookie = format!("__Host-session={}", codes.town.session_key(GRIDS));
    let page = format!("/admin/units/{city}/codes");

    let server = recipe.start().await?;
    let began = Instant::now();
    let mut open = open(&server).await?;
    let made = open.post(&page, &cookie, &[("posts", "all"), ("place", "公告栏"), ("place_en", "Notice board")]).await.map_err(|e| e.to_string())?;
    println!("codes made: {} in {:.2} s", made.location.unwrap_or_default().rsplit('=').next().unwrap_or_default(), began.elapsed().as_secs_f64());
    server.stop().await?;
    let urls = urls(&db).await.map_err(said)?;

    println!("\n| | codes | MB | seconds | peak MB (before) | processor s | read |\n|---|---|---|---|---|---|---|");
    let mut wrong = Vec::new();
    if urls.len() < GRIDS {
        wrong.push(format!("{} codes were made of {GRIDS}", urls.len()));
    }
    for format in PrintFormat::ALL.iter().copied() {
        // Started anew: the peak is of this file alone.
        let server = recipe.start().await?;
        let mut open = open_signed_in(&server, &cookie, &page).await?;
        let (before, worked) = (server.peak()?, server.processor_time()?);
        let began = Instant::now();
        let print = open.post(&page, &cookie, &[("intent", "print"), ("format", format.as_str()), ("which", "all")]).await.map_err(|e| e.to_string())?;
        let print = print.location.ok_or("nothing to print")?;
        let file = open.get_as(&format!("{print}/file"), &cookie).await.map_err(|e| e.to_string())?;
        if file.status != 200 {
            return Err(format!("the file of {format} was answered with {}", file.status));
        }
        let seconds = began.elapsed().as_secs_f64();
        let (peak, worked) = (server.peak()?, (server.processor_time()? - worked).as_secs_f64());
        server.stop().await?;
        let path = codes.folder.join(format!("codes.{format}"));
        fs::write(&path, &file.body).map_err(|e| e.to_string())?;
        let read = match format {
            PrintFormat::Posters if codes.is_read => read(&path, urls.len(), 60, &urls)?,
            PrintFormat::Stickers if codes.is_read => read(&path, urls.len().div_ceil(8), 110, &urls)?,
            _ => String::new(),
        };
        // What /proc calls kB are 1,024 bytes.
        let (mb, peak, before) = (file.body.len() as f64 / 1e6, peak as f64 * 1024.0 / 1e6, before as f64 * 1024.0 / 1e6);
        if !read.is_empty() && read != format!("{0} of {0}", urls.len()) {
            wrong.push(format!("{format}: {read} were read"));
        }
        if seconds > SECONDS {
            wrong.push(format!("{format}: {seconds:.1} s, and {SECONDS} were asked for"));
        }
        if peak > MEMORY {
            wrong.push(format!("{format}: {peak:.0} MB, and {MEMORY} were asked for"));
        }
        println!("| {format} | {} | {mb:.1} | {seconds:.2} | {peak:.0} ({before:.0}) | {worked:.1} | {read} |", urls.len());
    }
    wrong.iter().for_each(|line| eprintln!("{line}"));
    Ok(wrong.is_empty())
}

async fn open(server: &Server) -> Result<Connection, String> {
    Connection::open(server.addr).await.map_err(|e| e.to_string())
}

/// After a look at the page, so that what every visit needs is loaded.
async fn open_signed_in(server: &Server, cookie: &str, page: &str) -> Result<Connection, String> {
    let mut open = open(server).await?;
    let reply = open.get_as(page, cookie).await.map_err(|e| e.to_string())?;
    if reply.status == 200 { Ok(open) } else { Err(format!("the admin's page says {}", reply.status)) }
}

async fn urls(db: &Db) -> store::Result<BTreeSet<String>> {
    let mut conn = db.read().await?;
    let city = store::unit::roots(&mut conn).await?;
    let mut urls = BTreeSet::new();
    for unit in city {
        let points = store::print::points(&mut conn, unit.id, Which::All, At(i64::MAX)).await?;
        for some in points.chunks(500) {
            urls.extend(store::print::printed(&mut conn, some).await?.into_iter().map(|p| url(&p.code)));
        }
    }
    Ok(urls)
}

fn url(code: &PointCode) -> String {
    format!("{PUBLIC_URL}/q/{code}")
}

/// How many of them a reader finds on the rendered pages, on all processors.
fn read(file: &Path, pages: usize, resolution: u32, urls: &BTreeSet<String>) -> Result<String, String> {
    let next = Mutex::new((1..=pages).step_by(PAGES));
    let found = Mutex::new(BTreeSet::new());
    let wrong = Mutex::new(None);
    let work = || {
        loop {
            let Some(first) = next.lock().unwrap_or_else(PoisonError::into_inner).next() else { return };
            match some(file, first, resolution) {
                Ok(read) => found.lock().unwrap_or_else(PoisonError::into_inner).extend(read),
                Err(e) => *wrong.lock().unwrap_or_else(PoisonError::into_inner) = Some(e),
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    if let Some(wrong) = wrong.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(wrong);
    }
    let found: BTreeSet<String> = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    let unknown = found.difference(urls).count();
    let read = format!("{} of {}", found.intersection(urls).count(), urls.len());
    Ok(if unknown > 0 { format!("{read}, and {unknown} that are none of them") } else { read })
}

fn some(file: &Path, first: usize, resolution: u32) -> Result<Vec<String>, String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let run =
        |program: &str, arguments: &[&str]| Command::new(program).args(arguments).current_dir(folder.path()).output().map_err(|e| format!("{program}: {e}"));
    let file = fs::canonicalize(file).map_err(|e| e.to_string())?;
    let (from, until, resolution) = (first.to_string(), (first + PAGES - 1).to_string(), resolution.to_string());
    let rendered = run("pdftoppm", &["-f", &from, "-l", &until, "-r", &resolution, "-gray", &file.to_string_lossy(), "p"])?;
    if !rendered.status.success() {
        return Err(String::from_utf8_lossy(&rendered.stderr).into_owned());
    }
    let pictures = fs::read_dir(folder.path()).map_err(|e| e.to_string())?;
    let pictures: Vec<String> = pictures.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    let arguments: Vec<&str> = ["--quiet", "--raw", "-Sdisable", "-Sqrcode.enable"].into_iter().chain(pictures.iter().map(String::as_str)).collect();
    let read = run("zbarimg", &arguments)?;
    Ok(String::from_utf8_lossy(&read.stdout).lines().map(str::to_owned).collect())
}
