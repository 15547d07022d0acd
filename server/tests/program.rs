//! The program itself: its commands, its settings, and how it stops.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use rustix::{
    fs::{OFlags, fcntl_setfl},
    net::{AddressFamily, SocketType, bind, connect, socket},
};
use std::{
    io::{self, ErrorKind, Read, Write},
    net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, ChildStdout, Command, Output, Stdio},
    time::{Duration, Instant},
};

/// A folder of its own, gone afterwards.
struct Place(PathBuf);

impl Place {
    fn new() -> Place {
        let place = std::env::temp_dir().join(format!("linli-program-{}-{:?}", std::process::id(), std::thread::current().id()));
        std::fs::create_dir_all(&place).unwrap();
        Place(place)
    }

    /// A second one of the same test.
    fn beside() -> Place {
        let place = Place(std::env::temp_dir().join(format!("linli-program-{}-{:?}-beside", std::process::id(), std::thread::current().id())));
        std::fs::create_dir_all(&place.0).unwrap();
        place
    }

    fn linli(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_linli"));
        let own = std::env::vars().filter(|(name, _)| !name.starts_with("LINLI_"));
        command.args(arguments).env_clear().envs(own).env("LINLI_DATA_DIR", &self.0).env("LANG", "en_GB.UTF-8").current_dir(&self.0);
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.linli(arguments).output().unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[track_caller]
fn refused(output: &Output, word: &str) {
    let said = said(output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains(word), "{word:?} is missing in {said}");
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn a_wrong_setting_is_a_sentence_and_exit_status_2() {
    let place = Place::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    refused(&place.run(&["serve", "--database-url", "mysql://localhost/x"]), "database_url");
    refused(&place.run(&["migrate", "--database-url", "sqlite:/no/such/folder/linli.db"]), "database_url");
    refused(&place.run(&["serve", "--addr", "everywhere"]), "addr");
    refused(&place.run(&["serve", "--addr", &addr]), &addr);
    refused(&place.run(&["serve", "--public-url", "linli.example.cn"]), "public_url");
    refused(&place.run(&["serve", "--smtp-url", "http://mail.example.cn"]), "smtp_url");
    refused(&place.run(&["serve", "--config", "missing.toml"]), "missing.toml");
    refused(&place.run(&["serve", "--backup-keep", "0"]), "backup_keep");
    refused(&place.run(&["serve", "--backup-keep", "many"]), "whole number");
    refused(&place.run(&["serve", "--trust-proxy", "true", "--proxy-protocol", "true"]), "not both");
    std::fs::write(place.0.join("file"), "").unwrap();
    refused(&place.run(&["serve", "--backup-dir", "file/backups"]), "backup_dir");
    std::fs::write(place.0.join("linli.toml"), "colour = \"green\"\n").unwrap();
    refused(&place.run(&["serve", "--config", "linli.toml"]), "colour");
    refused(&place.run(&["serve", "--no-such-flag"]), "--no-such-flag");
}

#[test]
fn a_flag_goes_before_the_environment_and_that_before_the_file() {
    let place = Place::new();
    let names = |name: &str| format!("sqlite:{}", place.0.join(name).display());
    std::fs::write(place.0.join("linli.toml"), format!("database_url = \"{}\"\n", names("file.db"))).unwrap();
    let has = |name: &str| place.0.join(name).exists();
    assert!(place.run(&["migrate", "--config", "linli.toml"]).status.success());
    assert!(has("file.db") && !has("environment.db"));
    assert!(place.linli(&["migrate", "--config", "linli.toml"]).env("LINLI_DATABASE_URL", names("environment.db")).output().unwrap().status.success());
    assert!(has("environment.db") && !has("flag.db"));
    let flag = names("flag.db");
    let arguments = ["migrate", "--config", "linli.toml", "--database-url", &flag];
    assert!(place.linli(&arguments).env("LINLI_DATABASE_URL", names("environment.db")).output().unwrap().status.success());
    assert!(has("flag.db"));
}

#[test]
fn what_is_set_to_nothing_is_not_set() {
    let place = Place::new();
    let mut migrate = place.linli(&["migrate"]);
    for name in
        ["ADDR", "PUBLIC_URL", "DATABASE_URL", "SMTP_URL", "MAIL_FROM", "CLOCK", "BACKUP_DIR", "BACKUP_AT", "AUDIT_KEEP", "TRUST_PROXY", "PROXY_PROTOCOL"]
    {
        migrate.env(format!("LINLI_{name}"), "");
    }
    let done = migrate.output().unwrap();
    assert!(done.status.success() && place.0.join("linli.db").exists(), "{}", said(&done));
}

#[test]
fn commands_on_records_make_none_where_there_are_none() {
    let place = Place::new();
    std::fs::write(place.0.join("register.csv"), "代码,名称\n1,西陵区\n").unwrap();
    let commands: [&[&str]; 5] = [
        &["admin", "reset-second-factor", "--email", "a@linli.test"],
        &["codes", "--unit", "1", "--out", "codes.pdf"],
        &["import", "register.csv"],
        &["backup", "kept.backup"],
        &["audit", "verify"],
    ];
    for arguments in commands {
        refused(&place.run(arguments), "there is no database at");
    }
    assert!(!place.0.join("linli.db").exists());
}

#[test]
fn another_programs_file_is_left_alone() {
    let place = Place::new();
    assert!(place.run(&["migrate"]).status.success());
    std::fs::rename(place.0.join("linli.db"), place.0.join("ours.db")).unwrap();
    let foreign = "import sqlite3; c = sqlite3.connect('linli.db'); c.execute('create table other (id integer)'); c.commit()";
    assert!(Command::new("python3").args(["-c", foreign]).current_dir(&place.0).status().unwrap().success());
    let before = std::fs::read(place.0.join("linli.db")).unwrap();
    refused(&place.run(&["serve"]), "another program");
    assert!(std::fs::read(place.0.join("linli.db")).unwrap() == before);
    // Nor is it restored, and what was there before stays as it was.
    std::fs::rename(place.0.join("linli.db"), place.0.join("other.backup")).unwrap();
    std::fs::write(place.0.join("empty.backup"), "").unwrap();
    std::fs::write(place.0.join("elsewhere.backup"), b"PGDMP and so on").unwrap();
    for (file, why) in [("other.backup", "no records of Linli's"), ("empty.backup", "is no backup"), ("elsewhere.backup", "from PostgreSQL")] {
        let restored = place.run(&["restore", file]);
        assert_eq!((restored.status.code(), said(&restored).contains(why)), (Some(1), true), "{}", said(&restored));
        assert!(!place.0.join("linli.db").exists() && !place.0.join("linli.db.part").exists());
    }
    assert!(place.run(&["restore", "ours.db"]).status.success());
}

#[test]
fn one_server_serves_a_file_and_one_backup_is_made_in_a_folder() {
    let running = Running::start(&["--sample"]);
    let place = running.place.as_ref().unwrap();
    let second = place.run(&["serve", "--addr", "127.0.0.1:0"]);
    assert_eq!((second.status.code(), said(&second).contains("is being served already")), (Some(1), true), "{}", said(&second));
    let other = std::fs::File::open(&place.0).unwrap();
    other.try_lock().unwrap();
    let beside = place.run(&["backup", "kept.backup"]);
    assert_eq!((beside.status.code(), said(&beside).contains("another backup is being made")), (Some(1), true), "{}", said(&beside));
    other.unlock().unwrap();
    assert!(place.run(&["backup", "kept.backup"]).status.success());
    let nowhere = place.run(&["backup", "no/such/folder/kept.backup"]);
    assert!(!nowhere.status.success() && !place.0.join("no").exists(), "{}", said(&nowhere));
}

#[test]
fn help_names_every_setting() {
    let help = said(&Place::new().run(&["serve", "--help"]));
    for name in ["LINLI_DATABASE_URL", "LINLI_ADDR", "LINLI_PUBLIC_URL", "LINLI_SMTP_URL", "LINLI_DATA_DIR", "LINLI_CONFIG", "--sample"] {
        assert!(help.contains(name), "{name} is missing in {help}");
    }
}

#[test]
fn the_sample_goes_into_an_empty_database_only_and_prints_what_is_needed_to_use_it() {
    let place = Place::new();
    assert!(said(&place.run(&["migrate"])).contains("up to date"));
    let sample = place.run(&["demo", "--json"]);
    let sample: serde_json::Value = serde_json::from_slice(&sample.stdout).unwrap();
    assert!(sample["scan_urls"][0]["url"].as_str().unwrap().contains("/q/"));
    assert!(sample["sign_ins"].as_array().unwrap().iter().any(|one| one["role"] == "admin"));
    let again = place.run(&["demo"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(said(&again).contains("not empty"));
}

#[test]
fn an_admin_is_made_with_a_link_or_with_a_password() {
    let place = Place::new();
    let without_unit = place.run(&["admin", "create", "--name", "林岚", "--email", "lin@linli.test"]);
    assert!(said(&without_unit).contains("--unit"), "{}", said(&without_unit));
    let link = place.run(&["admin", "create", "--name", "林岚", "--email", "lin@linli.test", "--unit", "西陵区"]);
    assert!(link.status.success() && said(&link).contains("/invitation/"), "{}", said(&link));
    let mut child = place
        .linli(&["admin", "create", "--name", "赵敏", "--email", "zhao@linli.test", "--password-stdin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all("一个足够长的密码 2026\n".as_bytes()).unwrap();
    let done = child.wait_with_output().unwrap();
    assert!(done.status.success() && said(&done).contains("can sign in"), "{}", said(&done));
}

#[test]
fn whoever_holds_the_machine_takes_away_a_second_factor_that_is_lost() {
    let place = Place::new();
    let sample = place.run(&["demo", "--json"]);
    let sample: serde_json::Value = serde_json::from_slice(&sample.stdout).unwrap();
    let admin = sample["sign_ins"].as_array().unwrap().iter().find(|one| one["role"] == "admin").unwrap();
    assert_eq!(admin["authenticator"]["recovery_codes"].as_array().unwrap().len(), 10);
    assert!(admin["authenticator"]["url"].as_str().unwrap().starts_with("otpauth://totp/Linli"));
    let reset = |email: &str| place.run(&["admin", "reset-second-factor", "--email", email]);
    let email = admin["email"].as_str().unwrap();
    assert!(said(&reset(email)).contains("Done"));
    let again = reset(email);
    assert_eq!(again.status.code(), Some(1));
    assert!(said(&again).contains("no second factor"));
    assert!(said(&reset("nobody@linli.test")).contains("nobody here"));
}

#[test]
fn a_mail_that_comes_back_is_taken_from_standard_input() {
    let place = Place::new();
    assert!(place.run(&["migrate"]).status.success());
    let bounce = |database: &str, text: &str| {
        let mut child =
            place.linli(&["bounce", "--database-url", database]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    let database = format!("sqlite:{}", place.0.join("linli.db").display());
    let vacation = bounce(&database, "Subject: away\r\n\r\nBack on Monday");
    assert!(vacation.status.success() && said(&vacation).contains("not a notification"), "{}", said(&vacation));
    let foreign = "Content-Type: multipart/report; report-type=delivery-status; boundary=x\r\n\r\n--x\r\nContent-Type: message/delivery-status\r\n\r\n\
        Reporting-MTA: dns; a\r\n\r\nFinal-Recipient: rfc822; a@b.cn\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--x--\r\n";
    let foreign = bounce(&database, foreign);
    assert!(foreign.status.success() && said(&foreign).contains("no mail of ours"), "{}", said(&foreign));
    // The mail server tries again later.
    assert_eq!(bounce("sqlite:/no/such/folder/linli.db", "x").status.code(), Some(75));
    // No database is made, and a mail is kept while the settings cannot be read.
    let missing = place.0.join("none.db");
    assert_eq!(bounce(&format!("sqlite:{}", missing.display()), "x").status.code(), Some(75));
    assert!(!missing.exists());
    assert_eq!(place.linli(&["bounce", "--config", "/no/such/linli.toml"]).stdin(Stdio::null()).output().unwrap().status.code(), Some(75));
}

#[test]
fn the_doctor_says_what_to_put_right() {
    let place = Place::new();
    assert!(place.run(&["migrate"]).status.success());
    let found = place.run(&["doctor", "--public-url", "http://linli.example.cn", "--smtp-url", "smtp://127.0.0.1:1"]);
    let said = said(&found);
    assert_eq!(found.status.code(), Some(1), "{said}");
    for line in ["✓ Database", "✗ Mail"] {
        assert!(said.contains(line), "{line:?} is missing in {said}");
    }
}

/// A running server.
struct Running {
    child: Child,
    addr: String,
    /// Lines of standard output up to the address and what follows it at once.
    printed: Vec<String>,
    /// Open as long as it runs: whoever prints into a closed pipe ends.
    output: Option<ChildStdout>,
    /// Taken out to start again in the same folder.
    place: Option<Place>,
}

impl Running {
    fn start(arguments: &[&str]) -> Running {
        Running::start_in(Place::new(), arguments)
    }

    fn start_in(place: Place, arguments: &[&str]) -> Running {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let addr = format!("127.0.0.1:{port}");
        let log = std::fs::File::create(place.0.join("log")).unwrap();
        let mut child = place.linli(&[&["serve", "--addr", &addr], arguments].concat()).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut output = child.stdout.take().unwrap();
        let mut running = Running { child, addr, printed: Vec::new(), output: None, place: Some(place) };
        let deadline = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(&running.addr).is_err() {
            assert!(Instant::now() < deadline, "the server did not start");
            std::thread::sleep(Duration::from_millis(50));
        }
        // Answered when everything has been printed: it stands in the pipe then.
        running.get("/up", "");
        fcntl_setfl(&output, OFlags::NONBLOCK).unwrap();
        let mut printed = Vec::new();
        let all_read = output.read_to_end(&mut printed).unwrap_err().kind();
        assert_eq!(all_read, ErrorKind::WouldBlock);
        running.printed = String::from_utf8(printed).unwrap().lines().map(str::to_owned).collect();
        running.output = Some(output);
        running
    }

    fn request(&self, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.addr).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        stream
    }

    fn get(&self, path: &str, headers: &str) -> String {
        let mut stream = self.request(&format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{headers}\r\n", self.addr));
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn terminate(&self) {
        assert!(Command::new("kill").arg(self.child.id().to_string()).status().unwrap().success());
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.place.as_ref().unwrap().0.join("log")).unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn an_empty_installation_prints_the_link_for_its_first_admin_and_says_how_it_is() {
    let running = Running::start(&[]);
    let link = running.printed.iter().find_map(|line| Some(line[line.find("/first/")?..].to_owned())).expect("a link for the first admin");
    assert!(running.get(&link, "").starts_with("HTTP/1.1 200"));
    assert!(running.get("/up", "").ends_with("ok\n"));
    let metrics = running.get("/metrics", "");
    assert!(metrics.contains("linli_requests_total{method=\"GET\",route=\"/up\",status=\"200\"} 2"), "{metrics}");
    assert!(running.get("/metrics", "X-Forwarded-For: 192.0.2.1\r\n").starts_with("HTTP/1.1 404"), "not through a proxy");
    assert!(!metrics.contains(&link[7..]), "no secret in the metrics");
}

/// A sticker's path and, from its page, the device's cookie and the form's key.
fn scanned(running: &Running) -> (String, String, String) {
    let scan = running.printed.iter().find_map(|line| Some(line[line.find("/q/")?..][..11].to_owned())).expect("a sticker");
    let page = running.get(&scan, "");
    let cookie = page.lines().find_map(|line| line.strip_prefix("set-cookie: ")?.split(';').next()).unwrap().to_owned();
    let key = page.split("name=\"key\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    (scan, cookie, key)
}

fn post(running: &Running, cookie: &str, path: &str, body: &str) -> String {
    let head = format!("POST {path} HTTP/1.1\r\nHost: {}\r\nOrigin: http://{}\r\nCookie: {cookie}\r\nConnection: close\r\n", running.addr, running.addr);
    format!("{head}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

#[test]
fn what_was_acknowledged_is_there_after_the_program_was_killed() {
    let mut running = Running::start(&["--sample"]);
    let (scan, cookie, key) = scanned(&running);
    let mut answer = String::new();
    running.request(&post(&running, &cookie, &scan, &format!("key={key}&text=STILLHERE"))).read_to_string(&mut answer).unwrap();
    let conversation = answer.lines().find_map(|line| line.strip_prefix("location: ")).expect(&answer).to_owned();
    running.child.kill().unwrap();
    running.child.wait().unwrap();
    let place = running.place.take().unwrap();
    let again = Running::start_in(place, &[]);
    assert!(again.get(&conversation, &format!("Cookie: {cookie}\r\n")).contains("STILLHERE"));
}

#[test]
fn the_records_are_for_the_programs_user_alone() {
    use std::os::unix::fs::PermissionsExt;
    let running = Running::start(&["--sample"]);
    for entry in std::fs::read_dir(&running.place.as_ref().unwrap().0).unwrap().map(Result::unwrap).filter(|e| e.file_name() != "log") {
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o077, 0, "{:?}", entry.path());
    }
}

#[test]
fn a_stop_ends_streams_lets_requests_finish_and_logs_nothing_that_people_wrote() {
    let mut running = Running::start(&["--sample"]);
    let (scan, cookie, key) = scanned(&running);
    let post = |path: &str, body: &str| post(&running, &cookie, path, body);
    let mut answer = String::new();
    running.request(&post(&scan, &format!("key={key}&text=SECRETWORDS"))).read_to_string(&mut answer).unwrap();
    let conversation = answer.lines().find_map(|line| line.strip_prefix("location: ")).expect(&answer).to_owned();

    let mut stream = running.request(&format!("GET {conversation}/live HTTP/1.1\r\nHost: {}\r\nCookie: {cookie}\r\n\r\n", running.addr));
    let mut first = [0; 2048];
    assert!(stream.read(&mut first).unwrap() > 0);
    // A request of which the server has only half when it is told to stop.
    let whole = post(&format!("{conversation}/email"), "email=someone%40example.cn");
    let (begin, end) = whole.split_at(whole.len() - 5);
    let mut half = running.request(begin);
    std::thread::sleep(Duration::from_millis(300));
    running.terminate();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).expect("the stream ends");
    half.write_all(end.as_bytes()).unwrap();
    let mut answer = String::new();
    half.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 303"), "{answer}");
    assert_eq!(running.child.wait().unwrap().code(), Some(0));

    let log = running.log();
    assert!(log.contains("\"route\":\"/c/{id}\"") || log.contains("/c/{id}/live"), "{log}");
    for secret in ["SECRETWORDS", "someone", &cookie[7..], &conversation[3..]] {
        assert!(!log.contains(secret), "{secret:?} is in the log: {log}");
    }
}

#[test]
fn what_is_scanned_while_the_program_stops_is_counted() {
    let mut running = Running::start(&["--sample"]);
    let (scan, ..) = scanned(&running);
    // A scan of which the server has only half when it is told to stop.
    let mut half = running.request(&format!("GET {scan} HTTP/1.1\r\nHost: {}\r\n", running.addr));
    std::thread::sleep(Duration::from_millis(300));
    running.terminate();
    std::thread::sleep(Duration::from_millis(300));
    half.write_all(b"\r\n").unwrap();
    let mut answer = String::new();
    half.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(running.child.wait().unwrap().code(), Some(0));
    let file = running.place.as_ref().unwrap().0.join("linli.db");
    let counted = tokio::runtime::Runtime::new().unwrap().block_on(async {
        let db = store::Db::open(&format!("sqlite:{}", file.display())).await.unwrap();
        let mut conn = db.read().await.unwrap();
        let code = model::PointCode::read(&scan[3..]).unwrap();
        let point = store::contact_point::by_code(&mut conn, &code).await.unwrap().unwrap();
        store::scan::since(&mut conn, &[point.id], 0).await.unwrap().iter().map(|day| day.count).sum::<i64>()
    });
    assert_eq!(counted, 2);
}

#[test]
fn who_comes_while_the_program_is_restarted_waits_at_a_socket_that_is_held() {
    use std::os::fd::AsRawFd;
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    rustix::io::fcntl_setfd(&held, rustix::io::FdFlags::empty()).unwrap();
    let (place, addr) = (Place::new(), held.local_addr().unwrap().to_string());
    // As systemd hands it over: the first file after the three that every program has.
    let start = || {
        let over = format!("exec 3<&{}; LISTEN_PID=$$ LISTEN_FDS=1 exec {} serve", held.as_raw_fd(), env!("CARGO_BIN_EXE_linli"));
        let own = std::env::vars().filter(|(name, _)| !name.starts_with("LINLI_"));
        let log = std::fs::File::create(place.0.join("log")).unwrap();
        let mut command = Command::new("bash");
        command.args(["-c", &over]).env_clear().envs(own).env("LINLI_DATA_DIR", &place.0).stdout(log.try_clone().unwrap()).stderr(log);
        Running { child: command.spawn().unwrap(), addr: addr.clone(), printed: Vec::new(), output: None, place: None }
    };
    let mut first = start();
    assert!(first.get("/up", "").ends_with("ok\n"));
    first.terminate();
    assert_eq!(first.child.wait().unwrap().code(), Some(0));
    let mut early = first.request(&format!("GET /up HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n\r\n"));
    let _second = start();
    let mut answer = String::new();
    early.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// What is answered to somebody who comes from an address of this machine.
fn answered(from: Ipv4Addr, to: &str, request: &str) -> io::Result<String> {
    let own = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    bind(&own, &SocketAddrV4::new(from, 0))?;
    connect(&own, &to.parse::<SocketAddrV4>().unwrap())?;
    let (mut stream, mut answer) = (TcpStream::from(own), String::new());
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    stream.write_all(request.as_bytes())?;
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[test]
fn behind_haproxy_that_names_its_visitors_each_has_limits_of_their_own() {
    let place = Place::new();
    let free = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let (node, addr) = (free(), free());
    let config = format!(
        "defaults\n mode tcp\n timeout connect 5s\n timeout client 30s\n timeout server 30s\n option httpchk GET /up\n\
         listen linli\n bind {addr}\n server node0 {node} send-proxy-v2 check check-send-proxy inter 100ms\n"
    );
    std::fs::write(place.0.join("haproxy.cfg"), config).unwrap();
    let log = std::fs::File::create(place.0.join("log")).unwrap();
    let (public_url, arguments) = (format!("http://{addr}"), ["serve", "--addr", &node, "--proxy-protocol", "true"]);
    let server = place.linli(&arguments).args(["--public-url", &public_url]).stdout(Stdio::null()).stderr(log).spawn().unwrap();
    let _server = Running { child: server, addr: node.clone(), printed: Vec::new(), output: None, place: None };
    let balancer = Command::new("haproxy").arg("-db").arg("-f").arg(place.0.join("haproxy.cfg")).stderr(Stdio::null()).spawn().unwrap();
    let balancer = Running { child: balancer, addr: addr.clone(), printed: Vec::new(), output: None, place: Some(place) };

    let (one, other) = (Ipv4Addr::new(127, 0, 0, 2), Ipv4Addr::new(127, 0, 0, 3));
    let up = format!("GET /up HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n\r\n");
    let deadline = Instant::now() + Duration::from_secs(30);
    while !answered(one, &addr, &up).is_ok_and(|answer| answer.ends_with("ok\n")) {
        assert!(Instant::now() < deadline, "nothing is answered through the balancer");
        std::thread::sleep(Duration::from_millis(50));
    }
    let guess = post(&balancer, "", "/claim", "code=ABCD-EFGH-JKMN");
    let refused = |from: Ipv4Addr| answered(from, &addr, &guess).unwrap().starts_with("HTTP/1.1 429");
    assert!((0..25).any(|_| refused(one)), "whoever guesses on and on is held up");
    assert!(!refused(other), "and nobody beside them");
    assert!(answered(other, &node, &up).is_ok_and(|answer| answer.is_empty()) || answered(other, &node, &up).is_err(), "nobody comes by another way");
}

#[test]
fn a_backup_of_a_running_server_is_restored_elsewhere() {
    let running = Running::start(&["--sample"]);
    let place = running.place.as_ref().unwrap();
    let entries = || said(&place.run(&["audit", "verify"])).split(' ').next().unwrap().parse::<i64>().unwrap();
    let before = entries();
    let made = place.run(&["backup", "kept.backup"]);
    assert!(made.status.success() && said(&made).contains("found whole"), "{}", said(&made));
    assert_eq!(entries(), before + 1, "who takes everything out is on record");
    let again = place.run(&["backup", "kept.backup"]);
    assert!(said(&again).contains("is there already"), "{}", said(&again));
    let over = place.run(&["restore", "kept.backup"]);
    assert_eq!((over.status.code(), said(&over).contains("stop the server and move it away")), (Some(1), true), "{}", said(&over));
    let elsewhere = Place(place.0.join("elsewhere"));
    std::fs::create_dir_all(&elsewhere.0).unwrap();
    let restored = elsewhere.run(&["restore", "../kept.backup"]);
    assert!(restored.status.success() && said(&restored).contains("conversations"), "{}", said(&restored));
    let (sample, kept) = (said(&made), said(&restored));
    let figures = |text: &str| text.lines().last().unwrap().rsplit_once(": ").unwrap().1.to_owned();
    assert_eq!(figures(&sample), figures(&kept));
    let alone = said(&place.run(&["audit", "verify"]));
    assert!(alone.contains("cut off at the end would not be seen"), "{alone}");
    let anchored = said(&place.run(&["audit", "verify", "--anchor", alone.lines().last().unwrap()]));
    assert!(anchored.contains("one anchor fits"), "{anchored}");
    // Who takes the guards away changes nothing yet, and is found all the same.
    let drop = "import sqlite3; c = sqlite3.connect('linli.db', timeout=20); c.execute('drop trigger audit_entries_keep'); c.commit()";
    assert!(Command::new("python3").args(["-c", drop]).current_dir(&place.0).status().unwrap().success());
    let unguarded = place.run(&["audit", "verify"]);
    assert_eq!((unguarded.status.code(), said(&unguarded).contains("audit_entries_keep")), (Some(1), true), "{}", said(&unguarded));
    assert!(said(&place.run(&["doctor"])).contains("audit_entries_keep"));
}

#[test]
fn a_server_told_to_makes_a_checked_backup_by_itself() {
    let place = Place::new();
    let folder = place.0.join("backups").display().to_string();
    let running = Running::start_in(place, &["--sample", "--backup-dir", &folder]);
    let deadline = Instant::now() + Duration::from_secs(30);
    while !running.log().contains("found whole") {
        assert!(Instant::now() < deadline, "{}", running.log());
        std::thread::sleep(Duration::from_millis(50));
    }
    let place = running.place.as_ref().unwrap();
    assert_eq!(std::fs::read_dir(place.0.join("backups")).unwrap().count(), 1);
    assert!(said(&place.run(&["doctor", "--backup-dir", &folder])).contains("✓ Backups"));
    refused(&place.run(&["serve", "--backup-at", "late"]), "backup_at");
}

/// A database of its own on the PostgreSQL that the tests were given, if they were.
fn postgres() -> Option<store::testing::TestDb> {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(store::testing::databases()).into_iter().find(|d| d.db.is_postgres())
}

#[test]
fn what_is_written_through_one_node_appears_on_a_stream_of_the_other() {
    let Some(database) = postgres() else { return };
    let one = Running::start(&["--sample", "--database-url", &database.url]);
    let other = Running::start_in(Place::beside(), &["--database-url", &database.url]);
    let (scan, cookie, key) = scanned(&one);
    let mut answer = String::new();
    one.request(&post(&one, &cookie, &scan, &format!("key={key}&text=FIRST"))).read_to_string(&mut answer).unwrap();
    let conversation = answer.lines().find_map(|line| line.strip_prefix("location: ")).expect(&answer).to_owned();
    let mut stream = other.request(&format!("GET {conversation}/live?after=1 HTTP/1.1\r\nHost: {}\r\nCookie: {cookie}\r\n\r\n", other.addr));
    let again = "0192a3b4-c5d6-7e8f-9a0b-1c2d3e4f5a6b".replace('-', "");
    let mut sent = String::new();
    one.request(&post(&one, &cookie, &conversation, &format!("key={again}&text=ACROSS"))).read_to_string(&mut sent).unwrap();
    assert!(sent.starts_with("HTTP/1.1 303"), "{sent}");
    let (mut said, mut part) = (String::new(), [0; 4096]);
    while !said.contains("ACROSS") {
        let count = stream.read(&mut part).unwrap();
        assert!(count > 0, "the stream ended: {said}");
        said.push_str(&String::from_utf8_lossy(&part[..count]));
    }
    // Where one node is gone, the other goes on with everything.
    drop(one);
    assert!(other.get(&conversation, &format!("Cookie: {cookie}\r\n")).contains("ACROSS"));
}

#[test]
fn a_register_is_looked_at_refused_with_its_mistakes_and_brought_in() {
    let place = Place::new();
    std::fs::write(place.0.join("units.csv"), "代码,名称,类别,上级\nx1,云集街道,街道,\nx2,桃花岭社区,社区,云集街道\n").unwrap();
    let run = |arguments: &[&str]| {
        let output = place.run(arguments);
        (output.status.code(), said(&output))
    };
    run(&["migrate"]);
    let (code, text) = run(&["import", "units.csv"]);
    assert!(code == Some(2) && text.contains("linli admin create"), "{text}");
    run(&["admin", "create", "--name", "林岚", "--email", "lin.lan@x.cn", "--unit", "西陵区"]);
    let (code, text) = run(&["import", "units.csv", "--dry-run"]);
    assert!(code == Some(0) && text.contains("added            2"), "{text}");
    let (code, text) = run(&["import", "units.csv"]);
    assert!(code == Some(0) && text.contains("Imported in one transaction"), "{text}");
    let (code, text) = run(&["import", "units.csv"]);
    assert!(code == Some(0) && text.contains("unchanged        2") && !text.contains("Imported"), "{text}");
    std::fs::write(place.0.join("wrong.csv"), "代码,名称,类别,上级\nx3,第一网格,网格,没有的社区\n").unwrap();
    let (code, text) = run(&["import", "wrong.csv"]);
    assert!(code == Some(1) && text.contains("Row 2") && text.contains("no such unit above"), "{text}");
    std::fs::write(place.0.join("fewer.csv"), "代码,名称,类别,上级\nx1,云集街道,街道,\nx9,别的社区,社区,云集街道\n").unwrap();
    let (code, text) = run(&["import", "fewer.csv", "--replace"]);
    assert!(code == Some(1) && text.contains("--ending 1"), "{text}");
    let (code, text) = run(&["import", "fewer.csv", "--replace", "--ending", "1"]);
    assert!(code == Some(0) && text.contains("Imported"), "{text}");
    let (code, text) = run(&["import", "fewer.csv", "--kind", "boats"]);
    assert!(code == Some(2) && text.contains("--kind"), "{text}");
    let (code, text) = run(&["import", "fewer.csv", "--unit", "nowhere"]);
    assert!(code == Some(2) && text.contains("--unit"), "{text}");
}
