//! Settings: a flag, else the environment, else a TOML file, else the default.

use crate::listen::Peer;
use clap::{
    Args, Parser, Subcommand,
    builder::{OsStringValueParser, TypedValueParser},
};
use domain::{
    Clock,
    audit::{Keep, verify::Anchor},
    backup::Plan,
    mail::{Mailer, MailerError},
};
use jiff::civil::Time;
use model::At;
use serde::Deserialize;
use std::{
    fs,
    net::{SocketAddr, ToSocketAddrs},
    path::{Path, PathBuf},
};

/// Linli 邻里: a resident scans a QR code and talks to the person responsible.
#[derive(Parser)]
#[command(name = "linli", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(flatten)]
    pub settings: Typed,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Run the server
    Serve {
        /// Put the sample district into an empty database first
        #[arg(long)]
        sample: bool,
    },
    /// Bring the database's tables up to date and stop
    Migrate,
    /// Make a backup while the server runs, and check it by restoring it beside the database
    Backup {
        /// Where to; must not be there yet [default: DATA_DIR/backups/linli-TIME.backup]
        file: Option<PathBuf>,
    },
    /// Put a backup in the place of a database that is not there, or is empty
    Restore { file: PathBuf },
    /// Put the sample district into an empty database and print its scan URLs and sign-ins
    Demo {
        /// Print JSON and nothing else
        #[arg(long)]
        json: bool,
    },
    /// Print the codes of a unit and everything below it into a file
    Codes {
        /// The unit's code, such as 420502
        #[arg(long)]
        unit: String,
        /// posters (PDF, one a page), stickers (PDF, eight a page) or svg (ZIP with a table)
        #[arg(long, default_value = "posters", value_parser = ["posters", "stickers", "svg"])]
        format: String,
        /// Where to; must not be there yet
        #[arg(long)]
        out: PathBuf,
        /// Make a code first for every post that has none, for this place
        #[arg(long, value_name = "PLACE")]
        make: Option<String>,
        /// Only codes that nobody has scanned yet
        #[arg(long)]
        unscanned: bool,
    },
    /// Bring in a register: units, posts, staff and who holds what, from XLSX, CSV or OneRoster. Ends with 1 if the file has mistakes
    Import {
        file: PathBuf,
        /// Only say what would change
        #[arg(long)]
        dry_run: bool,
        /// The code of the unit it belongs to; only that and what is below is touched [default: the whole tree]
        #[arg(long)]
        unit: Option<String>,
        /// What every row is: roster, units, posts, staff or holdings [default: found out from the heads]
        #[arg(long)]
        kind: Option<String>,
        /// What the file does not mention ends
        #[arg(long)]
        replace: bool,
        /// How many things may end, where it is more than a tenth of what is there
        #[arg(long)]
        ending: Option<usize>,
    },
    /// Work on admins
    Admin {
        #[command(subcommand)]
        admin: AdminCommand,
    },
    /// Read from standard input a mail that came back, and note whose invitation did not arrive: for a pipe of the mail server
    Bounce,
    /// Look after the audit trail
    Audit {
        #[command(subcommand)]
        audit: AuditCommand,
    },
    /// Look at database, disk, clock, public URL and mail, and say what to do
    Doctor,
}

#[derive(Subcommand)]
pub enum AuditCommand {
    /// Look through every entry: names the first that was changed, is missing or stands elsewhere, with exit status 1; else prints the end of the chain
    Verify {
        /// The end of the chain as it was printed once, kept outside the database: NUMBER:HASH. May be given several times
        #[arg(long, value_name = "NUMBER:HASH")]
        anchor: Vec<Anchor>,
    },
}

#[derive(Subcommand)]
pub enum AdminCommand {
    /// Make an admin for the whole installation
    Create {
        /// Their name, as residents and colleagues see it
        #[arg(long)]
        name: String,
        /// The e-mail address they sign in with
        #[arg(long)]
        email: String,
        /// The name of the first unit, where there is none yet
        #[arg(long)]
        unit: Option<String>,
        /// Read the password from standard input instead of printing an invitation link
        #[arg(long)]
        password_stdin: bool,
    },
    /// Take away the second factor of somebody who has lost phone and recovery codes; they set up another when they sign in
    ResetSecondFactor {
        /// The e-mail address they sign in with
        #[arg(long)]
        email: String,
    },
}

/// Settings as typed; each can be a flag, an environment variable or a line in the TOML file, in this order.
#[derive(Args, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Typed {
    /// Where the records are: `sqlite:PATH` or `postgres://USER:PASSWORD@HOST/NAME` [default: sqlite:DATA_DIR/linli.db]
    #[arg(long, global = true, env = "LINLI_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    database_url: Option<String>,
    /// Address and port to listen on [default: 127.0.0.1:3000]
    #[arg(long, global = true, env = "LINLI_ADDR", value_name = "HOST:PORT")]
    addr: Option<String>,
    /// How people reach this installation; printed in every QR code [default: http://ADDR]
    #[arg(long, global = true, env = "LINLI_PUBLIC_URL", value_name = "URL")]
    public_url: Option<String>,
    /// The mail server: `smtps://USER:PASSWORD@HOST:PORT` (TLS), `smtp+starttls://…` (STARTTLS), `smtp://…` (STARTTLS where offered); without it no mail leaves
    #[arg(long, global = true, env = "LINLI_SMTP_URL", value_name = "URL", hide_env_values = true)]
    smtp_url: Option<String>,
    /// Who mails come from [default: linli@HOST of the public URL]
    #[arg(long, global = true, env = "LINLI_MAIL_FROM", value_name = "ADDRESS")]
    mail_from: Option<String>,
    /// Folder for the embedded database [default: data]
    #[arg(long, global = true, env = "LINLI_DATA_DIR", value_name = "FOLDER", value_parser = any_path())]
    data_dir: Option<PathBuf>,
    /// Make a checked backup here every day; on one node only, where there are several
    #[arg(long, global = true, env = "LINLI_BACKUP_DIR", value_name = "FOLDER", value_parser = any_path())]
    backup_dir: Option<PathBuf>,
    /// When, by the clock of the first unit's calendar [default: 03:00]
    #[arg(long, global = true, env = "LINLI_BACKUP_AT", value_name = "HH:MM")]
    backup_at: Option<String>,
    /// How many of these backups stay [default: 14]
    #[arg(long, global = true, env = "LINLI_BACKUP_KEEP", value_name = "COUNT", value_parser = whole_number)]
    backup_keep: Option<usize>,
    /// Days after which audit entries of a kind are emptied, at least 190 each, such as sign_in=200,access=200; other kinds are kept for good
    #[arg(long, global = true, env = "LINLI_AUDIT_KEEP", value_name = "KIND=DAYS,…")]
    audit_keep: Option<String>,
    /// Take visitors' addresses from X-Forwarded-For; only behind a proxy of yours that writes it
    #[arg(long, global = true, env = "LINLI_TRUST_PROXY", value_name = "true|false", num_args = 0..=1, default_missing_value = "true", value_parser = yes_or_no)]
    trust_proxy: Option<bool>,
    /// Take them from the PROXY protocol, with which a balancer of yours begins each connection; nobody else can connect then
    #[arg(long, global = true, env = "LINLI_PROXY_PROTOCOL", value_name = "true|false", num_args = 0..=1, default_missing_value = "true", value_parser = yes_or_no)]
    proxy_protocol: Option<bool>,
    /// Start the clock at this moment, such as 2026-11-20T10:00:00+08:00, to try out another hour; never in service
    #[arg(long, global = true, env = "LINLI_CLOCK", value_name = "TIME")]
    clock: Option<String>,
    /// A TOML file with these settings, for instance `public_url = "https://linli.example.cn"`
    #[arg(long, global = true, env = "LINLI_CONFIG", value_name = "FILE")]
    #[serde(skip)]
    config: Option<PathBuf>,
}

/// Settings, checked.
#[derive(Clone, Debug)]
pub struct Settings {
    pub database_url: String,
    pub addr: SocketAddr,
    pub public_url: String,
    pub smtp_url: Option<String>,
    pub mail_from: Option<String>,
    pub data_dir: PathBuf,
    pub trust_proxy: bool,
    pub peers: Peer,
    pub backup: Option<Plan>,
    pub audit_keep: Keep,
    pub clock: Clock,
}

impl Settings {
    /// Where the end of the audit chain is noted once a day, outside the database.
    pub fn anchors(&self) -> PathBuf {
        self.data_dir.join("audit-anchors.txt")
    }

    /// The file of a SQLite database.
    pub fn database_file(&self) -> Option<&Path> {
        domain::doctor::sqlite_file(&self.database_url)
    }

    /// Where the database lies, unless it was named.
    pub fn make_data_dir(&self) -> Result<(), Stop> {
        if self.database_file() != Some(&self.data_dir.join("linli.db")) {
            return Ok(());
        }
        fs::create_dir_all(&self.data_dir).map_err(|e| Stop::Setting(format!("data_dir: {} cannot be made: {e}", self.data_dir.display())))
    }
}

/// Why the program stopped, in a sentence.
#[derive(Debug)]
pub enum Stop {
    /// A setting cannot be used: exit status 2.
    Setting(String),
    /// It cannot be done now: exit status 75, after which a mail server tries again.
    Later(String),
    /// Anything else: exit status 1.
    Failed(String),
}

impl From<String> for Stop {
    fn from(why: String) -> Stop {
        Stop::Failed(why)
    }
}

/// What is set to nothing is not set.
fn said(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty())
}

fn folder(path: Option<PathBuf>) -> Option<PathBuf> {
    path.filter(|path| !path.as_os_str().is_empty())
}

/// An empty folder's name is taken too, and means none.
fn any_path() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

fn yes_or_no(text: &str) -> Result<bool, String> {
    match text.trim().to_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Ok(true),
        "" | "false" | "no" | "off" | "0" => Ok(false),
        _ => Err("write true or false".to_owned()),
    }
}

fn whole_number(text: &str) -> Result<usize, String> {
    text.trim().parse().map_err(|_| "write a whole number, such as 14".to_owned())
}

pub fn read(typed: Typed) -> Result<Settings, String> {
    let file = match &typed.config {
        Some(path) => read_file(path)?,
        None => Typed::default(),
    };
    let data_dir = folder(typed.data_dir).or(file.data_dir).unwrap_or_else(|| "data".into());
    let addr = socket(&said(typed.addr).or(file.addr).unwrap_or_else(|| "127.0.0.1:3000".to_owned()))?;
    let public_url = public_url(said(typed.public_url).or(file.public_url).unwrap_or_else(|| format!("http://{addr}")))?;
    let database_url = database_url(said(typed.database_url).or(file.database_url), &data_dir)?;
    let smtp_url = said(said(typed.smtp_url).or(file.smtp_url));
    let mail_from = said(said(typed.mail_from).or(file.mail_from));
    let trust_proxy = typed.trust_proxy.or(file.trust_proxy).unwrap_or(false);
    let peers = if typed.proxy_protocol.or(file.proxy_protocol).unwrap_or(false) { Peer::Named } else { Peer::Itself };
    let backup_at = time_of_day(said(typed.backup_at).or(file.backup_at))?;
    let keep = typed.backup_keep.or(file.backup_keep).unwrap_or(14);
    if keep == 0 {
        return Err("backup_keep: at least one backup stays".to_owned());
    }
    if trust_proxy && peers == Peer::Named {
        return Err("proxy_protocol, trust_proxy: one of them says who is visiting, not both".to_owned());
    }
    let backup_dir = folder(folder(typed.backup_dir).or(file.backup_dir));
    let backup = backup_dir.map(|folder| Plan { folder, at: backup_at, keep });
    let audit_keep = typed.audit_keep.or(file.audit_keep).unwrap_or_default().parse::<Keep>().map_err(|e| format!("audit_keep: {e}"))?;
    let clock = clock(said(typed.clock).or(file.clock))?;
    let settings = Settings { database_url, addr, public_url, smtp_url, mail_from, data_dir, trust_proxy, peers, backup, audit_keep, clock };
    settings.mailer().map_err(|e| e.to_string())?;
    Ok(settings)
}

impl Settings {
    pub fn mailer(&self) -> Result<Mailer, MailerError> {
        Mailer::new(self.smtp_url.as_deref(), self.mail_from.as_deref(), &self.public_url)
    }
}

fn time_of_day(typed: Option<String>) -> Result<Time, String> {
    let text = typed.unwrap_or_else(|| "03:00".to_owned());
    Time::strptime("%H:%M", &text).map_err(|_| format!("backup_at: \"{text}\" is not a time of day, such as 03:00"))
}

fn clock(typed: Option<String>) -> Result<Clock, String> {
    let Some(text) = typed else { return Ok(Clock::System) };
    let at: jiff::Timestamp = text.parse().map_err(|_| format!("clock: \"{text}\" is not a time with its zone, such as 2026-11-20T10:00:00+08:00"))?;
    Ok(Clock::starting_at(At::from(at)))
}

fn read_file(path: &Path) -> Result<Typed, String> {
    let text = fs::read_to_string(path).map_err(|e| format!("config: {} cannot be read: {e}", path.display()))?;
    toml::from_str(&text).map_err(|e| {
        let line = e.span().map_or(0, |span| text[..span.start].matches('\n').count()) + 1;
        format!("config: {}, line {line}: {}", path.display(), e.message())
    })
}

fn socket(text: &str) -> Result<SocketAddr, String> {
    let found = text.to_socket_addrs().ok().and_then(|mut all| all.next());
    found.ok_or_else(|| format!("addr: \"{text}\" is not an address and a port, such as 127.0.0.1:3000"))
}

fn public_url(text: String) -> Result<String, String> {
    let url = text.trim_end_matches('/').to_owned();
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    match host {
        Some(host) if !host.is_empty() && !host.contains(['/', '?', '#', ' ', '@']) => Ok(url),
        _ => Err(format!("public_url: \"{text}\" is not a web address without a path, such as https://linli.example.cn")),
    }
}

fn database_url(typed: Option<String>, data_dir: &Path) -> Result<String, String> {
    let Some(url) = typed else {
        return Ok(format!("sqlite:{}", data_dir.join("linli.db").display()));
    };
    if ["sqlite:", "postgres:", "postgresql:"].iter().any(|scheme| url.starts_with(scheme)) {
        Ok(url)
    } else {
        Err("database_url: it begins with sqlite: or postgres:, for instance sqlite:data/linli.db".to_owned())
    }
}
