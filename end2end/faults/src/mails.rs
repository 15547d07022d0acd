//! Kills the worker that sends mails, again and again, while the mail server refuses, stalls, drops and takes mails without saying so. Every mail
//! has to arrive; twice only under one Message-ID, and only where nobody could know that it had been taken.

use crate::{
    smtp::{Mail, Smtp},
    verdict::Verdict,
};
use clap::Args;
use load::{
    now::{new_id, now},
    scene::Scene,
    server::Recipe,
};
use model::{At, InvitationId, Language, MailKind, OutboxId, StaffId};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use std::{
    collections::HashMap,
    path::PathBuf,
    time::{Duration, Instant},
};
use store::{Conn, Db, invitation::Invitation, outbox, staff::Staff};
use tokio::time;

#[derive(Args)]
pub struct Mails {
    /// The server, on a fresh database beside it
    #[arg(long, default_value = "target/release/linli")]
    binary: PathBuf,
    #[arg(long, default_value_t = 300)]
    mails: usize,
    #[arg(long, default_value_t = 100)]
    kills: usize,
    /// An empty database instead of SQLite beside the binary
    #[arg(long)]
    database: Option<String>,
}

const MODES: [&str; 6] = ["ok", "refuse4xx", "stall", "drop", "drop_after_data", "accept_then_drop"];

/// From when a sender answered to its end, in seconds since 1970.
struct Life {
    began: f64,
    ended: f64,
}

/// The senders that there were, one after the other, and what was known of the mails whenever one had been killed.
#[derive(Default)]
struct Lives {
    all: Vec<Life>,
    /// Since when a mail to this address has been known to be sent.
    known: HashMap<String, f64>,
}

pub async fn run(typed: &Mails) -> Result<Verdict, String> {
    let mut scene = Scene::prepare(&typed.binary, typed.database.as_deref())?;
    let smtp = Smtp::start().await?;
    let recipients = fill(&scene.recipe.database, typed.mails).await?;
    let (mut rng, mut verdict, mut lives) = (StdRng::seed_from_u64(2020), Verdict::default(), Lives::default());

    // Each start is some minutes later, so that mails to be tried again and those of a killed worker are due.
    let mut clock = tomorrow_at_ten();
    let began = Instant::now();
    for _ in 0..typed.kills {
        let mut server = at(&mut scene.recipe, &smtp, clock).start().await?;
        let started_at = seconds();
        for _ in 0..rng.random_range(1..6) {
            smtp.behave(MODES.choose(&mut rng).ok_or("no mode")?).await?;
            time::sleep(Duration::from_millis(rng.random_range(20..200))).await;
        }
        server.kill().await?;
        lives.all.push(Life { began: started_at, ended: seconds() });
        lives.note(&scene.recipe.database, &recipients).await?;
        clock = clock.plus_minutes(7 * 60 / (typed.kills as i64).clamp(1, 60));
    }
    verdict.say(format!("{} kills in {:.0} s while the mail server refused, stalled and dropped", typed.kills, began.elapsed().as_secs_f64()));

    smtp.behave("ok").await?;
    let (mut days, mut waiting) = (0, i64::MAX);
    while waiting > 0 && days < 30 {
        days += 1;
        let server = at(&mut scene.recipe, &smtp, clock.plus_days(days)).start().await?;
        let started_at = seconds();
        waiting = settled(&scene.recipe.database).await?;
        server.stop().await?;
        lives.all.push(Life { began: started_at, ended: seconds() });
    }
    let found = store::inspect(&scene.recipe.database).await.map_err(|e| e.to_string())?;
    verdict.expect(found.waiting + found.failed == 0, format!("{} mails wait and {} were given up", found.waiting, found.failed));
    judge(&recipients, &smtp.mails().await?, &lives, &mut verdict);
    Ok(verdict)
}

fn seconds() -> f64 {
    now().0 as f64 / 1000.0
}

impl Lives {
    async fn note(&mut self, database: &str, recipients: &[String]) -> Result<(), String> {
        let db = Db::open(database).await.map_err(|e| e.to_string())?;
        let mut conn = db.read().await.map_err(|e| e.to_string())?;
        for address in recipients.iter().filter(|a| !self.known.contains_key(*a)).collect::<Vec<_>>() {
            let mails = outbox::to(&mut conn, address).await.map_err(|e| e.to_string())?;
            if mails.iter().any(|mail| mail.sent_at.is_some()) {
                self.known.insert(address.clone(), seconds());
            }
        }
        drop(conn);
        db.close().await;
        Ok(())
    }

    /// Whether one and the same sender could have handed over both: what came before it answered may be what the mail server still had of the one before.
    fn of_one_life(&self, first: &Mail, second: &Mail) -> bool {
        self.all.iter().any(|life| [first, second].iter().all(|mail| life.began < mail.at && mail.at < life.ended))
    }
}

fn at<'a>(recipe: &'a mut Recipe, smtp: &Smtp, clock: At) -> &'a Recipe {
    recipe.settings = vec![("LINLI_SMTP_URL", smtp.url.clone()), ("LINLI_CLOCK", clock.timestamp().to_string())];
    recipe
}

/// In China: no quiet hours for half a day.
fn tomorrow_at_ten() -> At {
    const DAY: i64 = 24 * 60 * 60 * 1000;
    At((now().0 / DAY + 1) * DAY).plus_minutes(2 * 60)
}

/// Waits until no more mails go out; how many still wait.
async fn settled(database: &str) -> Result<i64, String> {
    let mut before = i64::MAX;
    loop {
        time::sleep(Duration::from_secs(2)).await;
        let waiting = store::inspect(database).await.map_err(|e| e.to_string())?.waiting;
        if waiting == 0 || waiting == before {
            return Ok(waiting);
        }
        before = waiting;
    }
}

/// Puts so many invitations into the outbox; their addresses.
async fn fill(database: &str, count: usize) -> Result<Vec<String>, String> {
    let db = Db::open(database).await.map_err(|e| e.to_string())?;
    let addresses: Vec<String> = (0..count).map(|number| format!("someone-{number}@linli.test")).collect();
    let all = addresses.clone();
    let filled: store::Result<()> = db
        .write(move |c| {
            Box::pin(async move {
                for address in all {
                    invite(c, address).await?;
                }
                Ok(())
            })
        })
        .await;
    db.close().await;
    filled.map_err(|e| e.to_string())?;
    Ok(addresses)
}

async fn invite(c: &mut Conn, email: String) -> store::Result<()> {
    let (staff_id, invitation_id, created_at) = (StaffId(new_id()), InvitationId(new_id()), now());
    let person = Staff {
        id: staff_id,
        email: email.clone(),
        name: "测试".to_owned(),
        title: None,
        language: Language::Chinese,
        password_hash: None,
        created_at,
        activated_at: None,
        ended_at: None,
        off_duty_since: None,
        off_duty_until: None,
    };
    store::staff::insert(c, &person).await?;
    store::invitation::insert(c, &Invitation { id: invitation_id, staff_id, created_at, expires_at: created_at.plus_days(90), used_at: None }).await?;
    let mail = outbox::Mail {
        invitation_id: Some(invitation_id),
        ..outbox::Mail::new(OutboxId(new_id()), MailKind::Invitation, email, Language::Chinese, created_at)
    };
    outbox::insert(c, &mail).await
}

/// Compares what the mail server took with what was to be sent.
fn judge(recipients: &[String], taken: &[Mail], lives: &Lives, verdict: &mut Verdict) {
    let mut arrived: HashMap<&str, Vec<&Mail>> = HashMap::new();
    for mail in taken {
        arrived.entry(mail.to.first().map_or("", String::as_str)).or_default().push(mail);
    }
    let missing = recipients.iter().filter(|r| !arrived.contains_key(r.as_str())).count();
    verdict.expect(missing == 0, format!("{missing} mails never arrived"));
    let (mut in_silence, mut by_kill) = (0, 0);
    for mails in arrived.values() {
        verdict.expect(mails.iter().all(|m| m.message_id == mails[0].message_id), "a mail came twice under two Message-IDs");
        for pair in mails.windows(2) {
            if pair[0].mode == "accept_then_drop" {
                in_silence += 1;
            } else {
                by_kill += 1;
                verdict.expect(!lives.of_one_life(pair[0], pair[1]), "a mail came again although its sender had not been killed");
            }
        }
    }
    for (address, since) in &lives.known {
        let again = arrived.get(address.as_str()).is_some_and(|mails| mails.iter().any(|mail| mail.at > *since));
        verdict.expect(!again, "a mail came again although it was known to be sent");
    }
    verdict.say(format!(
        "{} mails, {} taken by the mail server: {missing} lost; {in_silence} came again after a 250 that was never said, {by_kill} after a kill before the commit",
        recipients.len(),
        taken.len(),
    ));
}
