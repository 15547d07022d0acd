//! The commands besides `serve`.

use crate::settings::{Settings, Stop};
use app::pages::import::words;
use domain::{
    Clock, Db, Domain, Random,
    audit::{self, verify::Anchor},
    backup,
    backup::Content,
    first_admin::{self, CreateError},
    import::{
        self, ImportError, Upload,
        change::{Counts, What},
        heads::Kind,
        plan::Mode,
        read::{FILE_LIMIT, ReadError},
        shown::Shown,
        work,
    },
    mail::bounce::{self, Taken},
    print::{self, PrintError},
    row::Import,
    sample::{self, Sample, SampleError},
    second_factor::{self, ResetError},
};
use model::{Language, PrintFormat, Which};
use qrcode::{EcLevel, QrCode, render::unicode};
use std::{
    fs,
    io::{self, IsTerminal, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

pub async fn open(settings: &Settings) -> Result<Domain, Stop> {
    settings.make_data_dir()?;
    let db = Db::open(&settings.database_url).await.map_err(|e| {
        let why = format!("database_url: the database cannot be opened: {e}");
        // A server that is only not there yet is no wrong setting: whoever started this may try again.
        if e.is_away() { Stop::Failed(why) } else { Stop::Setting(why) }
    })?;
    let domain = Domain::open(db, settings.clock.clone(), Random::system(), &settings.public_url).await;
    Ok(domain.map_err(|e| format!("the database cannot be read: {e}"))?)
}

/// For what makes no sense without records: a database that is not there is not made.
async fn open_existing(settings: &Settings) -> Result<Domain, Stop> {
    there(settings)?;
    open(settings).await
}

fn there(settings: &Settings) -> Result<(), Stop> {
    match settings.database_file().filter(|file| !file.exists()) {
        Some(file) => Err(Stop::Setting(format!("database_url: there is no database at {}", file.display()))),
        None => Ok(()),
    }
}

pub async fn migrate(settings: &Settings) -> Result<(), Stop> {
    let domain = open(settings).await?;
    domain.db.close().await;
    println!("The database is up to date.");
    Ok(())
}

/// Works beside a running server, and without one.
pub async fn back_up(settings: &Settings, file: Option<PathBuf>) -> Result<(), Stop> {
    // Those who write at the same time go first.
    let _ = rustix::process::setpriority_process(None, 19);
    there(settings)?;
    let file = match file {
        // A folder that is named is there: else the disk meant for backups is not, and they would land on this one.
        Some(file) => file,
        None => {
            let folder = settings.data_dir.join("backups");
            fs::create_dir_all(&folder).map_err(|e| format!("{} cannot be made: {e}", folder.display()))?;
            folder.join(backup::name_at(settings.clock.now()))
        }
    };
    if file.exists() {
        return Err(Stop::Failed(format!("{} is there already", file.display())));
    }
    let made = backup::make(&settings.database_url, &file).await.map_err(|e| format!("no backup was made: {e}"))?;
    println!("{} ({:.1} MB)", made.file.display(), made.bytes as f64 / 1e6);
    println!("Restored into a scratch database and found whole: {}", content(&made.content));
    let name = made.file.file_name().and_then(|name| name.to_str()).unwrap_or("").to_owned();
    match backup::record(&settings.database_url, &settings.clock, name).await {
        Ok(true) => {}
        Ok(false) => println!("It is not in the audit trail: the tables are of another version than this program."),
        Err(e) => println!("It is not in the audit trail: {e}"),
    }
    Ok(())
}

/// Into a database that is not there yet; it is opened and counted afterwards.
pub async fn restore(settings: &Settings, file: &Path) -> Result<(), Stop> {
    settings.make_data_dir()?;
    domain::backup::restore(file, &settings.database_url).await.map_err(|e| format!("nothing was restored: {e}"))?;
    let domain = open(settings).await?;
    let found = async { domain::backup::content(&mut domain.db.read().await?).await }.await;
    let found = found.map_err(|e| format!("the database cannot be read: {e}"))?;
    domain.db.close().await;
    println!("Restored: {}", content(&found));
    Ok(())
}

fn content(found: &Content) -> String {
    let Content { conversations, messages, audit_entries, audit } = found;
    format!("{conversations} conversations, {messages} messages, {audit_entries} audit entries up to {}", Anchor::from(audit.clone()))
}

/// Looks through the audit trail. What was noted in the data folder counts like an anchor that was given.
pub async fn verify_audit(settings: &Settings, mut anchors: Vec<Anchor>) -> Result<(), Stop> {
    let domain = open_existing(settings).await?;
    anchors.extend(audit::anchors_in(&settings.anchors()));
    let count = anchors.len();
    // By the machine's clock, whatever else is tried out.
    let now = Clock::System.now();
    let found = async { audit::verify::verify(&mut domain.db.read().await?, anchors, now).await }.await;
    let unguarded = async { audit::unguarded(&mut domain.db.read().await?).await }.await.map_err(|e| format!("the audit trail cannot be read: {e}"))?;
    let found = found.map_err(|e| format!("the audit trail cannot be read: {e}"))?;
    domain.db.close().await;
    let whole = found.map_err(|fault| Stop::Failed(format!("the audit trail is not whole: {fault}")))?;
    let emptied = if whole.emptied > 0 { format!(", {} of them emptied after their time", whole.emptied) } else { String::new() };
    // The newest entries are proved by nothing but an anchor: without one, a chain that was cut short looks whole.
    let end = match count {
        0 => "no anchor was given or is noted, so entries cut off at the end would not be seen".to_owned(),
        1 => "one anchor fits".to_owned(),
        count => format!("{count} anchors fit"),
    };
    println!("{} audit entries{emptied}: none changed, missing or out of order; {end}.", whole.count);
    if let Some(anchor) = whole.anchor {
        println!("The end of the chain, to be kept outside the database:\n{anchor}");
    }
    if !unguarded.is_empty() {
        return Err(Stop::Failed(format!("what keeps entries from being changed is not there: the triggers {}", unguarded.join(", "))));
    }
    Ok(())
}

/// Fills an empty database with the sample district. What a person needs in order to use it stays in the data folder, because passwords
/// cannot be read back from the database.
async fn make_sample(settings: &Settings, domain: &Domain) -> Result<Sample, String> {
    let sample = sample::create(domain).await.map_err(|e| match e {
        SampleError::NotEmpty => "the database is not empty; the sample district goes into an empty one only".to_owned(),
        other => format!("the sample district could not be made: {other}"),
    })?;
    let text = serde_json::to_string_pretty(&sample).map_err(|e| e.to_string())?;
    let kept = fs::create_dir_all(&settings.data_dir).and_then(|()| write_private(&sample_file(settings), &text));
    kept.map_err(|e| format!("the sample's sign-ins could not be kept in {}: {e}", settings.data_dir.display()))?;
    Ok(sample)
}

fn sample_file(settings: &Settings) -> PathBuf {
    settings.data_dir.join("sample.json")
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}

pub async fn demo(settings: &Settings, json: bool) -> Result<(), Stop> {
    let domain = open(settings).await?;
    let sample = make_sample(settings, &domain).await?;
    domain.db.close().await;
    if json {
        println!("{}", serde_json::to_string(&sample).map_err(|e| e.to_string())?);
    } else {
        print_sample(&sample, &settings.public_url);
    }
    Ok(())
}

/// For `serve --sample`: prints the sample of this database, made now if the database is empty, or as it was made before. Whether there is one.
pub async fn sample(settings: &Settings, domain: &Domain) -> Result<bool, String> {
    let is_empty = domain.is_empty().await.map_err(|e| format!("the database cannot be read: {e}"))?;
    if is_empty {
        print_sample(&make_sample(settings, domain).await?, &settings.public_url);
    } else if let Some(sample) = fs::read_to_string(sample_file(settings)).ok().and_then(|text| serde_json::from_str(&text).ok()) {
        print_sample(&sample, &settings.public_url);
    } else {
        println!("There are other records than the sample district's in this database; they are served.");
        return Ok(false);
    }
    Ok(true)
}

fn print_sample(sample: &Sample, public_url: &str) {
    println!("\nLinli is at {public_url}");
    if let Some(first) = sample.scan_urls.first() {
        println!("\nScan or open: {} ({})", first.url, first.label);
        if let Ok(code) = QrCode::with_error_correction_level(&first.url, EcLevel::L) {
            // Black on white whatever the terminal's own colours are.
            let drawn = code.render::<unicode::Dense1x2>().dark_color(unicode::Dense1x2::Light).light_color(unicode::Dense1x2::Dark).quiet_zone(true).build();
            for line in drawn.lines() {
                if io::stdout().is_terminal() { println!("\x1b[30;107m{line}\x1b[0m") } else { println!("{line}") }
            }
        }
    }
    for point in sample.scan_urls.iter().skip(1) {
        println!("  {}  {}", point.url, point.label);
    }
    println!("\nSign in at {public_url}/sign-in:");
    for sign_in in &sample.sign_ins {
        println!("  {:<26} {:<14}  {} ({})", sign_in.email, sign_in.password, sign_in.name, sign_in.role);
    }
    for sign_in in &sample.sign_ins {
        let Some(app) = &sign_in.authenticator else { continue };
        println!("\n{} is asked for a code too. Each of these works once:", sign_in.name);
        for codes in app.recovery_codes.chunks(5) {
            println!("  {}", codes.join("  "));
        }
        println!("For good, put this key into an authenticator app: {}", app.secret);
    }
    println!();
}

/// What `linli codes` was given.
pub struct Codes {
    pub unit: String,
    pub format: String,
    pub out: PathBuf,
    /// A place for the codes that are missing.
    pub make: Option<String>,
    pub unscanned: bool,
}

/// Works beside a running server, and gives way to it.
pub async fn print_codes(settings: &Settings, asked: Codes) -> Result<(), Stop> {
    let _ = rustix::process::setpriority_process(None, 19);
    let domain = open_existing(settings).await?;
    let unit = print::unit_by_code(&domain, &asked.unit).await.map_err(|e| format!("the database cannot be read: {e}"))?;
    let unit = unit.ok_or_else(|| Stop::Failed(format!("no unit has the code {}", asked.unit)))?;
    if let Some(place) = &asked.make {
        let made = print::make_by_command(&domain, unit, place).await.map_err(|e| match e {
            PrintError::Invalid(_) => "--make: a place is a line of at most 40 characters".to_owned(),
            other => format!("no codes were made: {other}"),
        })?;
        println!("{made} codes made");
    }
    if domain::doctor::is_here(&settings.public_url) {
        eprintln!(
            "linli: note: these codes lead to {}, which only this machine can open; set LINLI_PUBLIC_URL to the real address before printing",
            settings.public_url
        );
    }
    let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&asked.out);
    let file = file.map_err(|e| format!("{} cannot be written: {e}", asked.out.display()))?;
    let format = asked.format.parse().unwrap_or(PrintFormat::Posters);
    let which = if asked.unscanned { Which::Unscanned } else { Which::All };
    let told = |made: usize, total: usize| {
        if io::stderr().is_terminal() {
            eprint!("\r{made} / {total}");
        }
    };
    let made = print::to_file(&domain, unit, format, which, file, told).await.map_err(|e| {
        // Half a file is none.
        let _ = fs::remove_file(&asked.out);
        match e {
            PrintError::Nothing => "there is no such code to print; --make PLACE makes one for every post".to_owned(),
            other => format!("nothing was printed: {other}"),
        }
    })?;
    domain.db.close().await;
    if io::stderr().is_terminal() {
        eprintln!();
    }
    println!("{} ({} codes, {:.1} MB)", asked.out.display(), made.codes, made.bytes as f64 / 1e6);
    if !made.missing.is_empty() {
        println!("No font has these characters, so they are printed as boxes: {}. Install one that has them, such as fonts-noto-cjk.", made.missing);
    }
    Ok(())
}

/// What `linli admin create` was given.
pub struct NewAdmin {
    pub name: String,
    pub email: String,
    pub unit: Option<String>,
    /// The password is the first line of standard input instead of an invitation link.
    pub password_from_stdin: bool,
}

pub async fn create_admin(settings: &Settings, new: NewAdmin) -> Result<(), Stop> {
    let domain = open(settings).await?;
    let password = new.password_from_stdin.then(read_line).transpose()?;
    let typed =
        first_admin::Create { name: &new.name, email: &new.email, password: password.as_deref(), unit: new.unit.as_deref(), language: Language::Chinese };
    let link = first_admin::create(&domain, typed).await.map_err(|e| match e {
        CreateError::NoUnit => "there is no unit yet: name the first one with --unit".to_owned(),
        CreateError::Invalid(wrong) => say_invalid(&wrong),
        other => format!("the admin could not be made: {other}"),
    })?;
    domain.db.close().await;
    match link {
        Some(link) => println!("{} opens this link within 7 days and chooses a password:\n{link}", new.name),
        None => println!("{} can sign in at {}/sign-in", new.name, settings.public_url),
    }
    Ok(())
}

/// Bytes of a mail that came back that are looked at: what says why comes before what was sent.
const BOUNCE_LIMIT: u64 = 1024 * 1024;

/// What is no notification is let go, so that the mail server does not send it back and forth.
pub async fn take_bounce(settings: &Settings) -> Result<(), Stop> {
    let mut mail = Vec::new();
    io::stdin().lock().take(BOUNCE_LIMIT).read_to_end(&mut mail).map_err(|e| Stop::Later(format!("the mail could not be read: {e}")))?;
    match bounce::is_ready(&settings.database_url).await {
        Ok(true) => {}
        Ok(false) => return Err(Stop::Later("the database is none of Linli's, or of another version".to_owned())),
        Err(e) => return Err(Stop::Later(format!("the database cannot be opened: {e}"))),
    }
    let domain = open(settings).await.map_err(|_| Stop::Later("the database cannot be opened".to_owned()))?;
    let taken = bounce::take(&domain, &mail).await.map_err(|e| Stop::Later(format!("nothing could be noted: {e}")));
    domain.db.close().await;
    println!(
        "{}",
        match taken? {
            Taken::Noted => "Noted: a mail of ours did not arrive.",
            Taken::Known => "Noted before.",
            Taken::NoFailure => "Nothing has failed.",
            Taken::Foreign => "It is about no mail of ours.",
            Taken::NotOne => "This is not a notification that a mail came back.",
        }
    );
    Ok(())
}

/// For somebody who has lost phone and recovery codes, where no other admin is left.
pub async fn reset_second_factor(settings: &Settings, email: &str) -> Result<(), Stop> {
    let domain = open_existing(settings).await?;
    let done = second_factor::reset_by_email(&domain, email).await.map_err(|e| match e {
        ResetError::None => format!("{email} has no second factor; signing in with the password is enough to set one up"),
        ResetError::Store(e) => format!("the database cannot be read: {e}"),
        _ => format!("nobody here signs in with {email}"),
    });
    domain.db.close().await;
    done?;
    println!("Done. {email} signs in with the password and sets the second factor up anew; every device is signed out.");
    Ok(())
}

fn read_line() -> Result<String, String> {
    let mut line = String::new();
    io::stdin().read_line(&mut line).map_err(|e| format!("the password could not be read: {e}"))?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn say_invalid(wrong: &first_admin::Invalid) -> String {
    let fields = [("name", wrong.name), ("email", wrong.email), ("password", wrong.password), ("unit", wrong.unit)];
    let said: Vec<String> = fields.iter().filter_map(|(field, e)| e.map(|e| format!("{field}: {e}"))).collect();
    said.join("; ")
}

/// What `linli import` was given.
pub struct Ordered {
    pub file: PathBuf,
    pub is_dry: bool,
    pub unit: Option<String>,
    pub kind: Option<String>,
    pub is_replace: bool,
    pub ending: Option<usize>,
}

/// Mistakes and changes printed; the page shows them all.
const PRINTED: usize = 50;

/// Works beside a running server, and without one.
pub async fn import(settings: &Settings, ordered: Ordered) -> Result<(), Stop> {
    let kind = match ordered.kind.as_deref().map(str::parse::<Kind>) {
        None => None,
        Some(Ok(kind)) if kind != Kind::Nothing => Some(kind),
        Some(_) => return Err(Stop::Setting("--kind: roster, units, posts, staff or holdings".to_owned())),
    };
    let size = fs::metadata(&ordered.file).map_err(|e| Stop::Setting(format!("{}: {e}", ordered.file.display())))?.len();
    if size > FILE_LIMIT as u64 {
        return Err(Stop::Failed(format!("{}: {}", ordered.file.display(), ReadError::TooLarge)));
    }
    let bytes = fs::read(&ordered.file).map_err(|e| Stop::Setting(format!("{}: {e}", ordered.file.display())))?;
    let file_name = ordered.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let domain = open_existing(settings).await?;
    let outcome = bring_in(&domain, &ordered, kind, Upload { file_name, bytes }).await;
    domain.db.close().await;
    outcome
}

async fn bring_in(domain: &Domain, ordered: &Ordered, kind: Option<Kind>, upload: Upload) -> Result<(), Stop> {
    let mode = if ordered.is_replace { Mode::Replace } else { Mode::Add };
    let order = work::Ordered { unit: ordered.unit.as_deref(), kind, mode };
    let (import, shown) = work::order(domain, &order, upload).await.map_err(|e| match e {
        ImportError::NotFound if ordered.unit.is_some() => Stop::Setting("--unit: no unit has this code".to_owned()),
        ImportError::SeveralRoots(count) => Stop::Setting(format!("--unit: there are {count} topmost units; say into which by its code")),
        ImportError::NotFound => Stop::Setting("there is no unit yet: `linli admin create --unit NAME` makes the first one".to_owned()),
        e => Stop::Failed(format!("{}: {e}", ordered.file.display())),
    })?;
    print_plan(&import, &shown);
    let plan = &shown.plan;
    let failed = |why: String| Err(Stop::Failed(why));
    let settings: import::Settings = serde_json::from_str(&import.choices).unwrap_or_default();
    if settings.reads_nothing() {
        work::give_up(domain, &import).await.map_err(|e| e.to_string())?;
        return failed("no column was recognised, so nothing was read; say what the file holds with --kind, or import it at /admin/imports".to_owned());
    }
    if ordered.is_dry && plan.ends_much() {
        println!("{} things would end, more than a tenth of what is there: to do it, say --ending {}", plan.ending(), plan.ending());
    }
    if !plan.mistakes.is_empty() || ordered.is_dry || plan.changes.is_empty() {
        work::give_up(domain, &import).await.map_err(|e| e.to_string())?;
        return if plan.mistakes.is_empty() { Ok(()) } else { failed("the file has mistakes; nothing was changed".to_owned()) };
    }
    let done = work::carry_out(domain, &import, ordered.ending).await;
    if !matches!(done, Ok(None)) {
        // Nobody will go on with it.
        work::give_up(domain, &import).await.map_err(|e| e.to_string())?;
    }
    match done {
        Ok(None) => {}
        Ok(Some(trouble)) => return failed(words::trouble(Language::English, &trouble)),
        Err(ImportError::Number(count)) => {
            return failed(format!("{count} things would end, more than a tenth of what is there; say --ending {count} if that is meant"));
        }
        Err(e) => return failed(e.to_string()),
    }
    println!(
        "Imported in one transaction of {} ms. It can be undone for {} days at /admin/imports/{}",
        domain.imports.took().as_millis(),
        import::UNDO_DAYS,
        import.id
    );
    Ok(())
}

fn print_plan(import: &Import, shown: &Shown) {
    let (l, plan) = (Language::English, &shown.plan);
    let settings: import::Settings = serde_json::from_str(&import.choices).unwrap_or_default();
    for mistake in plan.mistakes.iter().take(PRINTED) {
        let place = words::place(l, &settings, mistake.place);
        println!("{place}, {} {:?}: {}", words::field(l, mistake.field), mistake.value, words::wrong(l, &mistake.wrong));
    }
    for warning in plan.warnings.iter().take(PRINTED) {
        println!("{}, {}: {}", words::place(l, &settings, warning.place), warning.value, words::warning(l, warning));
    }
    let more = plan.mistakes.len().saturating_sub(PRINTED) + plan.warnings.len().saturating_sub(PRINTED);
    if more > 0 {
        println!("… and {more} more");
    }
    if plan.mistakes.is_empty() {
        println!("{:<10}{:>8}{:>8}{:>8}{:>10}", "", "units", "posts", "staff", "holdings");
        let line = |name: String, c: Counts| println!("{name:<10}{:>8}{:>8}{:>8}{:>10}", c.units, c.posts, c.staff, c.holdings);
        What::ALL.into_iter().for_each(|what| line(words::what(l, what).to_lowercase(), plan.changes.count(what)));
        line("unchanged".to_owned(), plan.unchanged);
    }
}
