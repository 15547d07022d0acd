//! The outbox against a real SMTP server that also refuses, stalls and drops. Run with `scripts/with-services.sh`.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::Fresh;
use domain::{
    Clock, Device, Keys, Random, claim, conversation,
    mail::{self, ATTEMPTS, Mailer},
    return_link,
};
use model::*;
use serde_json::{Value, json};
use std::{
    collections::HashSet,
    env,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use store::outbox::Mail;

/// The test server, ended with the test.
struct Smtp {
    process: Child,
    smtp_port: u64,
    http_port: u64,
}

impl Smtp {
    fn start() -> Smtp {
        let command = env::var("LINLI_TEST_SMTP").expect("LINLI_TEST_SMTP: run the tests with scripts/with-services.sh");
        let mut process = Command::new("sh").args(["-c", &format!("exec {command}")]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ports: Value = serde_json::from_str(&line).unwrap();
        Smtp { process, smtp_port: ports["smtp_port"].as_u64().unwrap(), http_port: ports["http_port"].as_u64().unwrap() }
    }

    fn http(&self, method: &str, path: &str, body: &str) -> Value {
        let mut stream = TcpStream::connect(("127.0.0.1", u16::try_from(self.http_port).unwrap())).unwrap();
        write!(stream, "{method} {path} HTTP/1.0\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(" 200 "), "{answer}");
        serde_json::from_str(body).unwrap()
    }

    fn mails(&self) -> Vec<Value> {
        self.http("GET", "/mails", "").as_array().unwrap().clone()
    }

    fn attempts(&self) -> Vec<Value> {
        self.http("GET", "/attempts", "").as_array().unwrap().clone()
    }

    fn behave(&self, mode: &str, times: Option<u64>) {
        let order = times.map_or(json!({ "mode": mode }), |t| json!({ "mode": mode, "times": t }));
        self.http("POST", "/behave", &order.to_string());
    }
}

impl Drop for Smtp {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

const HOST: &str = "linli.example";
const KEY: &str = "contactsdevicekeyabcdefghi";

/// A district with one grid, 王芳 in it, and a contact who wrote to her.
struct House {
    domain: Fresh,
    clock: Clock,
    smtp: Smtp,
    mailer: Mailer,
    post: PostId,
    staff: StaffId,
    contact: ContactId,
    conversation: ConversationId,
}

/// Friday 10:00 in Yichang.
fn friday_morning() -> At {
    "2026-11-20T10:00:00+08:00".parse::<jiff::Timestamp>().unwrap().into()
}

/// Plays a test on each database.
async fn on_both(test: impl AsyncFn(House)) {
    let clock = Clock::fixed(friday_morning());
    for domain in common::domains(clock.clone()).await {
        clock.set(friday_morning());
        test(house(domain, clock.clone()).await).await;
    }
}

async fn house(domain: Fresh, clock: Clock) -> House {
    let smtp = Smtp::start();
    let mailer = Mailer::new(Some(&format!("smtp://127.0.0.1:{}", smtp.smtp_port)), None, &domain.public_url).unwrap();
    let (district, grid, post, staff) = (UnitId(domain.id()), UnitId(domain.id()), PostId(domain.id()), StaffId(domain.id()));
    let (contact, device, conversation) = (ContactId(domain.id()), DeviceId(domain.id()), ConversationId(domain.id()));
    let holding = HoldingId(domain.id());
    let now = domain.now();
    let claim_hash = Keys::hash(domain.keys.claim_code(conversation, 1).as_str());
    domain
        .db
        .write(move |c| {
            Box::pin(async move {
                let unit = |id, parent_id, kind, name: &str| store::unit::Unit {
                    id,
                    parent_id,
                    kind,
                    name: name.into(),
                    name_en: None,
                    code: None,
                    created_at: now,
                    ended_at: None,
                };
                store::unit::insert(c, &unit(district, None, UnitKind::District, "西陵区")).await?;
                store::unit::insert(c, &unit(grid, Some(district), UnitKind::Grid, "第三网格")).await?;
                let seat = store::post::Post {
                    id: post,
                    unit_id: grid,
                    title: "网格员".into(),
                    title_en: None,
                    substitute_id: None,
                    welcome: None,
                    answering_id: Some(post),
                    created_at: now,
                    ended_at: None,
                };
                store::post::insert(c, &seat).await?;
                let wang = store::staff::Staff {
                    id: staff,
                    email: "wang.fang@example.cn".into(),
                    name: "王芳".into(),
                    title: None,
                    language: Language::Chinese,
                    password_hash: None,
                    created_at: now,
                    activated_at: Some(now),
                    ended_at: None,
                    off_duty_since: None,
                    off_duty_until: None,
                };
                store::staff::insert(c, &wang).await?;
                let holds = store::holding::Holding { id: holding, post_id: post, staff_id: staff, from_at: now, until_at: None };
                store::holding::insert(c, &holds).await?;
                store::contact::insert(c, contact, Language::Chinese, now).await?;
                store::contact::insert_device(c, device, contact, &Keys::hash(KEY), now).await?;
                store::contact::set_email(c, contact, Some("zhang@example.cn"), Language::Chinese).await?;
                let begun = store::conversation::Conversation {
                    id: conversation,
                    contact_id: contact,
                    post_id: post,
                    contact_point_id: None,
                    state: ConversationState::Open,
                    claim_version: 1,
                    last_seq: 0,
                    last_message_at: now,
                    preview: String::new(),
                    contact_seen_seq: 0,
                    staff_seen_seq: 0,
                    mailed_seq: 0,
                    opened_at: now,
                    closed_at: None,
                };
                store::conversation::insert(c, &begun, &claim_hash).await
            })
        })
        .await
        .map_err(|e: store::Error| e)
        .unwrap();
    House { domain, clock, smtp, mailer, post, staff, contact, conversation }
}

impl House {
    /// 王芳 answers, and a mail tells of it.
    async fn answer(&self, language: Language) -> OutboxId {
        let d = &self.domain;
        let new = store::message::New {
            id: MessageId(d.id()),
            conversation_id: self.conversation,
            kind: MessageKind::Answer,
            post_id: Some(self.post),
            staff_id: Some(self.staff),
            body: "井盖今天下午换好".into(),
            client_key: ClientKey(d.id()),
            sent_at: d.now(),
            wait: None,
        };
        let mail = self.row(MailKind::Answer, "zhang@example.cn", language);
        let id = mail.id;
        d.db.write(move |c| {
            Box::pin(async move {
                let sent = store::message::send(c, std::slice::from_ref(&new)).await?;
                store::conversation::set_mailed(c, new.conversation_id, sent[0].seq).await?;
                store::outbox::insert(c, &mail).await
            })
        })
        .await
        .map_err(|e: store::Error| e)
        .unwrap();
        id
    }

    fn row(&self, kind: MailKind, recipient: &str, language: Language) -> Mail {
        let now = self.domain.now();
        Mail {
            conversation_id: (kind == MailKind::Answer).then_some(self.conversation),
            ..Mail::new(OutboxId(self.domain.id()), kind, recipient.into(), language, now)
        }
    }

    /// As the mail carries it: nobody who has not seen the mail knows it.
    fn message_id(&self, id: OutboxId) -> String {
        format!("<{id}.{}@{HOST}>", self.domain.keys.sign("message-id", &id.to_string()))
    }

    async fn mail(&self, id: OutboxId) -> Mail {
        store::outbox::find(&mut self.domain.db.read().await.unwrap(), id).await.unwrap().unwrap()
    }

    async fn step(&self) -> usize {
        mail::send_due(&self.domain, &self.mailer).await.unwrap()
    }

    async fn conversation(&self) -> store::conversation::Conversation {
        store::conversation::find(&mut self.domain.db.read().await.unwrap(), self.conversation).await.unwrap().unwrap()
    }

    async fn claims(&self) -> usize {
        store::conversation::claims(&mut self.domain.db.read().await.unwrap(), self.conversation).await.unwrap().len()
    }

    async fn device(&self, key: &str) -> Option<Device> {
        domain::caller::device(&self.domain, key).await.unwrap()
    }

    fn later(&self, seconds: i64) {
        self.clock.set(self.clock.now().plus_seconds(seconds));
    }
}

/// The token of the link in a mail's text, without what follows it.
fn token(mail: &Value, is_stop: bool) -> String {
    let text = mail["text"].as_str().unwrap();
    let links: Vec<&str> = text.lines().filter_map(|l| l.trim().strip_prefix(&format!("https://{HOST}/r/")[..])).collect();
    assert_eq!(links.len(), 2, "{text}");
    links[usize::from(is_stop)].trim_end_matches("/stop").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_mail_has_everything_it_needs_and_is_sent_once() {
    on_both(async |house| {
        let id = house.answer(Language::Chinese).await;
        house.later(60);
        assert_eq!((house.step().await, house.step().await), (1, 0));
        let mails = house.smtp.mails();
        assert_eq!(mails.len(), 1);
        let (mail, headers) = (&mails[0], &mails[0]["headers"]);
        assert_eq!(mail["subject"], "王芳答复了您");
        assert_eq!(mail["to"], json!(["zhang@example.cn"]));
        assert_eq!(mail["from"], "linli@linli.example");
        assert_eq!(mail["message_id"], house.message_id(id));
        assert_eq!(headers["Date"], "Fri, 20 Nov 2026 02:00:00 +0000", "when it was written, not when it was sent");
        assert_eq!(headers["Auto-Submitted"], "auto-generated");
        assert_eq!(headers["List-Unsubscribe-Post"], "List-Unsubscribe=One-Click");
        assert_eq!(headers["List-Unsubscribe"], format!("<https://{HOST}/r/{}/stop>", token(mail, true)));
        assert!(headers["Content-Type"].as_str().unwrap().starts_with("multipart/alternative"));
        assert_eq!(headers.get("Precedence"), None);
        for body in ["text", "html"] {
            let body = mail[body].as_str().unwrap();
            assert!(body.contains("第三网格") && body.contains(&token(mail, false)) && body.contains("12月20日"), "{body}");
            assert!(!body.contains("井盖"), "what was written stays in the conversation");
        }
        let row = house.mail(id).await;
        assert_eq!((row.attempts, row.sent_at, row.last_error), (1, Some(house.domain.now()), None));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_in_english_has_the_english_names() {
    on_both(async |house| {
        let post = house.post;
        house
            .domain
            .db
            .write(move |c| {
                Box::pin(async move {
                    let Some(seat) = store::post::find(c, post).await? else { return Ok(()) };
                    store::unit::change(c, seat.unit_id, "第三网格", Some("Grid 3"), None).await?;
                    store::post::change(c, post, &seat.title, Some("Grid worker"), None).await
                })
            })
            .await
            .map_err(|e: store::Error| e)
            .unwrap();
        house.answer(Language::English).await;
        house.step().await;
        house.later(60);
        house.answer(Language::Chinese).await;
        house.step().await;
        let says = |mail: &Value| ["Grid 3", "Grid worker", "第三网格", "网格员"].map(|name| mail["text"].as_str().unwrap().contains(name));
        let mails = house.smtp.mails();
        assert_eq!((says(&mails[0]), says(&mails[1])), ([true, true, false, false], [false, false, true, true]));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_says_who_invites_for_what_and_until_when_in_english_too() {
    on_both(async |house| {
        let domain = &house.domain;
        let (staff, invitation, now) = (StaffId(domain.id()), InvitationId(domain.id()), domain.now());
        let known = store::staff::find(&mut domain.db.read().await.unwrap(), house.staff).await.unwrap().unwrap();
        let newcomer = store::staff::Staff { id: staff, email: "chen.li@example.cn".into(), name: "陈丽".into(), activated_at: None, ..known };
        let holding = store::holding::Holding { id: HoldingId(domain.id()), post_id: house.post, staff_id: staff, from_at: now, until_at: None };
        let mail = Mail { invitation_id: Some(invitation), ..house.row(MailKind::Invitation, "chen.li@example.cn", Language::English) };
        let id = mail.id;
        domain
            .db
            .write(move |c| {
                Box::pin(async move {
                    let row = store::invitation::Invitation { id: invitation, staff_id: staff, created_at: now, expires_at: now.plus_days(7), used_at: None };
                    store::staff::insert(c, &newcomer).await?;
                    store::holding::insert(c, &holding).await?;
                    store::invitation::insert(c, &row).await?;
                    store::outbox::insert(c, &mail).await
                })
            })
            .await
            .map_err(|e: store::Error| e)
            .unwrap();
        assert_eq!(house.step().await, 1);
        let mails = house.smtp.mails();
        assert_eq!(mails[0]["subject"], "西陵区 invites you to Linli");
        assert_eq!(mails[0]["headers"].get("List-Unsubscribe"), None);
        let text = mails[0]["text"].as_str().unwrap();
        let link = format!("https://{HOST}/invitation/{invitation}.{}", domain.keys.sign("invitation", &invitation.to_string()));
        for part in ["Hello 陈丽", "网格员, 第三网格", "27 Nov 10:00", &link] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(house.mail(id).await.sent_at.is_some());

        // Somebody who has a login gets another mail: it is about a new password.
        let (again, known) = ((InvitationId(domain.id()), OutboxId(domain.id())), house.staff);
        domain.db.write(move |c| Box::pin(async move { domain::invitation::invite(c, again, known, now).await })).await.unwrap();
        assert_eq!(house.step().await, 1);
        assert_eq!(house.smtp.mails()[1]["subject"], "西陵区：设新密码");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_refused_for_now_is_tried_again_later_under_the_same_message_id() {
    on_both(async |house| {
        let id = house.answer(Language::English).await;
        house.smtp.behave("refuse4xx", Some(2));
        for (attempt, longest) in [(1, 60), (2, 120)] {
            assert_eq!(house.step().await, 1);
            let row = house.mail(id).await;
            assert_eq!((row.attempts, row.last_error.as_deref(), row.sent_at), (attempt, Some("smtp 451"), None));
            let wait = row.due_at.seconds_since(house.domain.now());
            assert!((longest * 4 / 5 - 1..=longest).contains(&wait), "{wait}");
            house.later(wait - 1);
            assert_eq!(house.step().await, 0, "not before it is due");
            house.later(2);
        }
        assert_eq!(house.step().await, 1);
        assert!(house.mail(id).await.sent_at.is_some());
        let ids: HashSet<String> = house.smtp.attempts().iter().map(|a| a["message_id"].to_string()).collect();
        assert_eq!((house.smtp.attempts().len(), ids.len(), house.smtp.mails().len()), (3, 1, 1));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_refused_for_good_is_given_up_after_three_days_and_stays_as_a_record() {
    on_both(async |house| {
        let id = house.answer(Language::Chinese).await;
        house.smtp.behave("refuse5xx", None);
        for _ in 0..3 * ATTEMPTS {
            house.step().await;
            let row = house.mail(id).await;
            if row.failed_at.is_some() {
                break;
            }
            house.clock.set(row.due_at);
        }
        let row = house.mail(id).await;
        assert_eq!((row.attempts, row.last_error.as_deref(), row.sent_at), (ATTEMPTS, Some("no mailbox"), None));
        let days = row.failed_at.unwrap().seconds_since(row.created_at) / (24 * 60 * 60);
        assert!((2..=6).contains(&days), "{days} days, nights not counted");
        house.later(30 * 24 * 60 * 60);
        assert_eq!(house.step().await, 0);
        assert_eq!(house.smtp.attempts().len() as i64, ATTEMPTS);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stalls_holds_the_worker_only_as_long_as_its_patience() {
    on_both(async |house| {
        let impatient = house.mailer.clone().with_patience(Duration::from_millis(500));
        let id = house.answer(Language::Chinese).await;
        house.smtp.behave("stall", Some(1));
        let begun = Instant::now();
        assert_eq!(mail::send_due(&house.domain, &impatient).await.unwrap(), 1);
        assert!(begun.elapsed() < Duration::from_secs(30));
        let row = house.mail(id).await;
        assert_eq!((row.attempts, row.last_error.as_deref()), (1, Some("timed out")));
        house.later(61);
        assert_eq!(house.step().await, 1);
        assert!(house.mail(id).await.sent_at.is_some());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_random_histories_lose_nothing_and_repeat_only_under_the_same_message_id() {
    on_both(async |house| {
        let impatient = house.mailer.clone().with_patience(Duration::from_millis(500));
        let dice = Random::seeded(20261122);
        let faults = ["refuse4xx", "refuse5xx", "drop", "drop_after_data", "accept_then_drop"];
        for history in 0..20 {
            house.smtp.http("DELETE", "/mails", "");
            house.clock.set(friday_morning().plus_days(history * 7));
            let id = house.answer(Language::Chinese).await;
            let [length, picks @ ..] = dice.bytes::<6>();
            // A stall costs a second and a half: one history in ten has one.
            let mut modes: Vec<&str> = picks[..usize::from(length % 6)].iter().map(|p| faults[usize::from(*p) % faults.len()]).collect();
            if history % 10 == 0 {
                modes.insert(0, "stall");
            }
            for mode in &modes {
                house.smtp.behave(mode, Some(1));
                // Only where the server stalls: a slow machine is not a fault.
                let mailer = if *mode == "stall" { &impatient } else { &house.mailer };
                assert_eq!(mail::send_due(&house.domain, mailer).await.unwrap(), 1, "{modes:?}");
                assert_eq!(house.mail(id).await.sent_at, None, "{mode} in {modes:?}");
                house.clock.set(house.mail(id).await.due_at);
            }
            assert_eq!(house.step().await, 1, "{modes:?}");
            let row = house.mail(id).await;
            assert!(row.sent_at.is_some() && row.attempts == modes.len() as i64 + 1, "{modes:?} {row:?}");
            let mails = house.smtp.mails();
            let doubles = modes.iter().filter(|m| **m == "accept_then_drop").count();
            assert_eq!(mails.len(), 1 + doubles, "{modes:?}");
            assert!(mails.iter().all(|m| m["message_id"] == house.message_id(id)), "{modes:?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_quiet_hours_a_mail_waits_until_seven_in_the_morning() {
    on_both(async |house| {
        house.clock.set(friday_morning().plus_seconds(13 * 60 * 60 + 30 * 60));
        let id = house.answer(Language::Chinese).await;
        assert_eq!(house.step().await, 1);
        let row = house.mail(id).await;
        assert_eq!(row.due_at, friday_morning().plus_seconds(21 * 60 * 60), "Saturday 07:00");
        assert_eq!((row.attempts, house.smtp.attempts().len()), (0, 0));
        house.clock.set(At(row.due_at.0 - 1));
        assert_eq!(house.step().await, 0);
        house.clock.set(row.due_at);
        assert_eq!(house.step().await, 1);
        assert_eq!(house.smtp.mails().len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_is_not_needed_any_more_is_not_sent() {
    on_both(async |house| {
        // The contact has looked meanwhile.
        let seen = house.answer(Language::Chinese).await;
        let device = house.device(KEY).await.unwrap();
        let conversation = house.conversation().await;
        conversation::seen(&house.domain, &device, conversation.id, conversation.last_seq).await.unwrap().unwrap();
        house.step().await;
        assert!(house.mail(seen).await.cancelled_at.is_some());

        // Two mails of one conversation wait: only the later tells of it.
        house.later(60);
        let earlier = house.answer(Language::Chinese).await;
        house.later(60);
        let later = house.answer(Language::Chinese).await;
        house.step().await;
        assert!(house.mail(earlier).await.cancelled_at.is_some());
        assert!(house.mail(later).await.sent_at.is_some());

        // The address was removed: the mail is cancelled and the address not kept with it.
        house.later(60);
        let unwanted = house.answer(Language::Chinese).await;
        conversation::set_email(&house.domain, &device, house.conversation, "", Language::Chinese).await.unwrap();
        assert_eq!(house.step().await, 0);
        for id in [seen, earlier, later, unwanted] {
            assert_eq!(house.mail(id).await.recipient, "");
        }
        assert!(house.mail(unwanted).await.cancelled_at.is_some());
        assert_eq!((house.mail(later).await.cancelled_at, house.smtp.mails().len()), (None, 1));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_never_send_a_mail_at_once_and_a_node_that_dies_loses_none() {
    on_both(async |house| {
        house.answer(Language::Chinese).await;
        let now = house.domain.now();
        // A node that takes the mail and dies.
        let taken = house
            .domain
            .db
            .write(move |c| {
                Box::pin(async move { store::outbox::claim(c, now, now.plus_minutes(10), store::outbox::Share { invitations: 16, others: 16 }).await })
            })
            .await
            .unwrap();
        assert_eq!(taken.len(), 1);
        house.later(599);
        assert_eq!(house.step().await, 0, "still the other node's");
        house.later(1);
        let (one, two) = tokio::join!(house.step(), house.step());
        assert_eq!(one + two, 1);
        assert_eq!((house.smtp.mails().len(), house.smtp.attempts().len()), (1, 1));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_mail_server_mails_wait() {
    on_both(async |house| {
        let id = house.answer(Language::Chinese).await;
        let off = Mailer::new(None, None, &house.domain.public_url).unwrap();
        assert_eq!(mail::send_due(&house.domain, &off).await.unwrap(), 0);
        let row = house.mail(id).await;
        assert_eq!((row.attempts, row.due_at, row.sent_at), (0, house.domain.now(), None));
        house.later(14 * 24 * 60 * 60);
        assert_eq!(house.step().await, 1);
        assert_eq!(house.smtp.mails().len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn looking_at_a_return_link_changes_nothing_and_opening_it_lets_the_device_in() {
    on_both(async |house| {
        house.answer(Language::Chinese).await;
        house.step().await;
        let (domain, token) = (&house.domain, token(&house.smtp.mails()[0], false));
        let before = house.conversation().await;
        for _ in 0..3 {
            let found = return_link::find(domain, None, &token).await.unwrap().unwrap();
            assert_eq!((found.answer.conversation_id, found.answer.name_in(Language::English), found.has_access), (house.conversation, "王芳", false));
        }
        assert_eq!((house.conversation().await, house.claims().await), (before, 0));
        let owner = house.device(KEY).await;
        assert!(return_link::find(domain, owner.as_ref(), &token).await.unwrap().unwrap().has_access);

        let other_key = "anotherdevicekeyabcdefghij";
        assert_eq!(return_link::open(domain, other_key, &token, Language::Chinese).await.unwrap(), Some(house.conversation));
        let other = house.device(other_key).await.unwrap();
        assert!(conversation::view(domain, &other, house.conversation, None).await.unwrap().is_some());
        assert_eq!(house.claims().await, 1);

        // "That was not me" ends the mails sent before as well.
        claim::end_all(domain, &owner.unwrap(), house.conversation).await.unwrap();
        assert!(return_link::open(domain, other_key, &token, Language::Chinese).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_return_link_is_good_for_thirty_days_and_only_as_it_was_written() {
    on_both(async |house| {
        house.answer(Language::Chinese).await;
        house.step().await;
        let mail = &house.smtp.mails()[0];
        let (domain, token, stop) = (&house.domain, token(mail, false), token(mail, true));
        let (id, signature) = token.split_once('.').unwrap();
        for wrong in ["", "x", id, &format!("{id}."), &format!("{id}.{}", &signature[1..]), &stop, &format!("{}.{signature}", OutboxId(domain.id()))] {
            assert!(return_link::find(domain, None, wrong).await.unwrap().is_none(), "{wrong}");
            assert!(return_link::open(domain, KEY, wrong, Language::Chinese).await.unwrap().is_none(), "{wrong}");
        }
        house.later(30 * 24 * 60 * 60 - 1);
        assert!(return_link::find(domain, None, &token).await.unwrap().is_some());
        house.later(1);
        assert!(return_link::find(domain, None, &token).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_forgets_the_address_of_that_mail_and_no_other() {
    on_both(async |house| {
        house.answer(Language::Chinese).await;
        house.step().await;
        let mail = &house.smtp.mails()[0];
        let (domain, stop) = (&house.domain, token(mail, true));
        let email = async || store::contact::find(&mut domain.db.read().await.unwrap(), house.contact).await.unwrap().unwrap().email;
        assert!(return_link::stop(domain, &token(mail, false)).await.unwrap().is_none(), "a return link does not stop");
        assert!(!return_link::find_stop(domain, &stop).await.unwrap().unwrap().is_stopped);
        assert_eq!(email().await.as_deref(), Some("zhang@example.cn"), "looking changes nothing");

        house.later(60);
        let waiting = house.answer(Language::Chinese).await;
        for _ in 0..2 {
            assert!(return_link::stop(domain, &stop).await.unwrap().unwrap().is_stopped);
            assert_eq!(email().await, None);
        }
        assert!(house.mail(waiting).await.cancelled_at.is_some());

        let device = house.device(KEY).await.unwrap();
        conversation::set_email(domain, &device, house.conversation, "new@example.cn", Language::Chinese).await.unwrap();
        return_link::stop(domain, &stop).await.unwrap();
        assert_eq!(email().await.as_deref(), Some("new@example.cn"), "an address given since then stays");
    })
    .await;
}

impl House {
    /// The admin of the whole district, and people without a login in its grid.
    async fn staff_of(&self, count: usize) -> (domain::Admin, Vec<StaffId>) {
        let d = &self.domain;
        let (now, grant) = (d.now(), GrantId(d.id()));
        let known = store::staff::find(&mut d.db.read().await.unwrap(), self.staff).await.unwrap().unwrap();
        let chief = StaffId(d.id());
        let people: Vec<_> = (0..count)
            .map(|n| store::staff::Staff {
                id: StaffId(d.id()),
                email: format!("new{n}@example.cn"),
                name: format!("新人{n}"),
                activated_at: None,
                ..known.clone()
            })
            .collect();
        let ids: Vec<StaffId> = people.iter().map(|p| p.id).collect();
        let admin = store::staff::Staff { id: chief, email: "chief@example.cn".into(), name: "陈丽".into(), ..known };
        let post = self.post;
        let (unit, session) =
            d.db.write(move |c| {
                Box::pin(async move {
                    let grid = store::post::find(c, post).await?.unwrap().unit_id;
                    let top = store::unit::path(c, grid).await?.pop().unwrap().id;
                    store::staff::insert(c, &admin).await?;
                    store::staff::insert_grant(
                        c,
                        &store::staff::Grant { id: grant, staff_id: chief, role: Role::Admin, unit_id: top, from_at: now, until_at: None },
                    )
                    .await?;
                    for person in &people {
                        store::staff::insert(c, person).await?;
                        store::staff::set_unit(c, person.id, grid).await?;
                    }
                    Ok::<_, store::Error>((top, SessionId(grant.0)))
                })
            })
            .await
            .unwrap();
        let staff = domain::Staff {
            id: chief,
            session_id: session,
            name: "陈丽".into(),
            email: "chief@example.cn".into(),
            language: Language::Chinese,
            grants: vec![(Role::Admin, unit)],
            is_off_duty: false,
        };
        (staff.admin().unwrap(), ids)
    }

    async fn state(&self, admin: &domain::Admin, state: InvitationState) -> Vec<String> {
        let asked = domain::invitation::Asked { unit: None, state, typed: "", page: 0 };
        let list = domain::invitation::list(&self.domain, admin, asked).await.unwrap().unwrap();
        assert_eq!(list.counts.of(state), list.lines.lines.len() as i64);
        list.lines.lines.into_iter().map(|line| line.email).collect()
    }

    /// Sends what is due until nothing is any more, moving the clock as far as it has to.
    async fn send_everything(&self) {
        for _ in 0..200 {
            if self.step().await == 0 {
                self.later(1);
            }
        }
    }
}

/// A notification that this mail came back, as Postfix writes it.
fn bounced(mail: &Value, action: &str) -> String {
    let (to, id) = (mail["to"][0].as_str().unwrap(), mail["message_id"].as_str().unwrap());
    format!(
        "From: MAILER-DAEMON@mail.example.cn (Mail Delivery System)\r\nSubject: Undelivered Mail Returned to Sender\r\nTo: linli@{HOST}\r\n\
         Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=\"=_edge\"\r\n\r\n\
         This is a MIME-encapsulated message.\r\n\r\n--=_edge\r\nContent-Description: Notification\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n\
         I'm sorry to have to inform you that your message could not be delivered.\r\n\r\n\
         --=_edge\r\nContent-Description: Delivery report\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mail.example.cn\r\n\r\n\
         Final-Recipient: rfc822; {to}\r\nOriginal-Recipient: rfc822;{to}\r\nAction: {action}\r\nStatus: 5.1.1\r\nRemote-MTA: dns; mx.example.cn\r\n\
         Diagnostic-Code: smtp; 550 5.1.1 <{to}>: Recipient address rejected\r\n\r\n\
         --=_edge\r\nContent-Description: Undelivered Message\r\nContent-Type: message/rfc822\r\n\r\n{}\r\n--=_edge--\r\n",
        mail["raw"].as_str().map_or_else(|| format!("Message-ID: {id}\r\nTo: {to}\r\n\r\n"), str::to_owned)
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn many_invitations_go_out_two_a_second_and_a_clear_no_becomes_a_task_at_once() {
    on_both(async |house| {
        let (admin, ids) = house.staff_of(20).await;
        assert_eq!(house.state(&admin, InvitationState::Unsent).await.len(), 20);
        let written = domain::invitation::send_all(&house.domain, &admin, None, domain::invitation::Whom::Unsent).await.unwrap();
        assert_eq!(written, 20);
        assert_eq!(house.step().await, 1, "the others are not due yet");
        house.later(1);
        assert_eq!(house.step().await, 2);
        assert_eq!(house.state(&admin, InvitationState::Sent).await.len(), 3);
        house.smtp.behave("refuse5xx", Some(1));
        house.send_everything().await;
        assert_eq!(house.smtp.mails().len(), 19);
        let failed = house.state(&admin, InvitationState::Failed).await;
        assert_eq!((failed.len(), house.state(&admin, InvitationState::Sent).await.len()), (1, 19));

        // The right address, and it is sent there.
        let person = store::staff::by_email(&mut house.domain.db.read().await.unwrap(), &failed[0]).await.unwrap().unwrap();
        assert!(ids.contains(&person.id));
        domain::invitation::correct(&house.domain, &admin, person.id, "right@example.cn").await.unwrap();
        house.step().await;
        assert_eq!(house.smtp.mails().last().unwrap()["to"], json!(["right@example.cn"]));
        assert!(house.state(&admin, InvitationState::Failed).await.is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_for_now_and_one_because_of_us_are_tried_again() {
    on_both(async |house| {
        let (admin, _) = house.staff_of(1).await;
        domain::invitation::send_all(&house.domain, &admin, None, domain::invitation::Whom::Unsent).await.unwrap();
        house.smtp.behave("refuse4xx", Some(1));
        house.step().await;
        assert_eq!(house.state(&admin, InvitationState::Waiting).await, ["new0@example.cn"]);
        house.smtp.behave("refuse_us", Some(1));
        house.later(61);
        house.step().await;
        assert_eq!(house.state(&admin, InvitationState::Waiting).await, ["new0@example.cn"], "the server does not take us, whoever it is for");
        house.later(121);
        house.step().await;
        assert_eq!(house.state(&admin, InvitationState::Sent).await, ["new0@example.cn"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_that_comes_back_later_becomes_a_task_and_a_residents_dead_address_is_forgotten() {
    use domain::mail::bounce::{Taken, take};
    on_both(async |house| {
        let (admin, _) = house.staff_of(2).await;
        domain::invitation::send_all(&house.domain, &admin, None, domain::invitation::Whom::Unsent).await.unwrap();
        house.send_everything().await;
        let mails = house.smtp.mails();
        let mail = mails.iter().find(|m| m["to"] == json!(["new0@example.cn"])).unwrap();
        let taken = async |text: &str| take(&house.domain, text.as_bytes()).await.unwrap();
        assert_eq!(taken(&bounced(mail, "delayed")).await, Taken::NoFailure);
        assert_eq!(taken("Subject: 自动回复\r\n\r\n我在休假").await, Taken::NotOne);
        assert_eq!(house.state(&admin, InvitationState::Sent).await.len(), 2);
        assert_eq!(taken(&bounced(mail, "failed")).await, Taken::Noted);
        assert_eq!(taken(&bounced(mail, "failed")).await, Taken::Known);
        assert_eq!(house.state(&admin, InvitationState::Failed).await, ["new0@example.cn"]);
        assert_eq!(domain::invitation::counts(&house.domain, &admin).await.unwrap().of(InvitationState::Failed), 1);

        // Anybody may write to the address that mails come from, and knows or guesses whom we write to.
        let other = mails.iter().find(|m| m["to"] == json!(["new1@example.cn"])).unwrap();
        let real = bounced(other, "failed");
        let bare = real.split("--=_edge\r\nContent-Description: Undelivered Message").next().unwrap().to_owned() + "--=_edge--\r\n";
        assert_eq!(taken(&bare).await, Taken::Foreign, "neither mail nor head in it");
        let id = other["message_id"].as_str().unwrap();
        let (row, signature) = id.trim_matches(['<', '>']).split_once('@').unwrap().0.split_once('.').unwrap();
        for forged in [format!("<{row}@{HOST}>"), format!("<{row}.@{HOST}>"), format!("<{row}.{}@{HOST}>", signature.replace(&signature[..1], "0"))] {
            assert_eq!(taken(&real.replace(id, &forged)).await, Taken::Foreign, "{forged}");
        }
        assert_eq!(taken(&real.replace("new1@example.cn", "elsewhere@example.cn")).await, Taken::Foreign, "passed on, and it came back from there");
        assert_eq!(house.state(&admin, InvitationState::Sent).await, ["new1@example.cn"]);

        let answer = house.answer(Language::Chinese).await;
        house.step().await;
        let mail = house.smtp.mails().into_iter().find(|m| m["message_id"] == house.message_id(answer)).unwrap();
        assert_eq!(taken(&bounced(&mail, "failed")).await, Taken::Noted);
        let contact = store::contact::find(&mut house.domain.db.read().await.unwrap(), house.contact).await.unwrap().unwrap();
        assert_eq!(contact.email, None, "the page asks for another");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_residents_address_is_forgotten_only_if_it_does_not_exist() {
    use domain::mail::bounce::{Taken, take};
    on_both(async |house| {
        let email = async || store::contact::find(&mut house.domain.db.read().await.unwrap(), house.contact).await.unwrap().unwrap().email;
        for (status, is_forgotten) in [("5.7.1", false), ("5.2.2", false), ("4.4.7", false), ("5.1.8", false), ("5.0.0", false), ("5.2.1", true)] {
            house.later(60);
            let id = house.answer(Language::Chinese).await;
            house.step().await;
            let mail = house.smtp.mails().into_iter().find(|m| m["message_id"] == house.message_id(id)).unwrap();
            let notice = bounced(&mail, "failed").replace("Status: 5.1.1", &format!("Status: {status}"));
            assert_eq!(take(&house.domain, notice.as_bytes()).await.unwrap(), Taken::Noted);
            assert_eq!(email().await.is_none(), is_forgotten, "{status}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_refuses_everything_ends_no_invitation_and_is_asked_once_a_minute() {
    on_both(async |house| {
        let (admin, _) = house.staff_of(40).await;
        house.smtp.behave("refuse5xx", None);
        domain::invitation::send_all(&house.domain, &admin, None, domain::invitation::Whom::Unsent).await.unwrap();
        house.later(30);
        for _ in 0..20 {
            house.later(1);
            house.step().await;
        }
        let failed = house.state(&admin, InvitationState::Failed).await.len();
        assert!(failed < 20, "{failed} of 40 were given up");
        let tried = house.smtp.attempts().len();
        assert!(tried < 30, "{tried} attempts");
        assert_eq!(house.step().await, 0, "not within a minute");
        house.later(60);
        assert_eq!(house.step().await, 1);
        assert_eq!(house.state(&admin, InvitationState::Failed).await.len(), failed);

        // It is mended. Whatever was given up before anybody could know is sent again in one go.
        house.smtp.behave("ok", None);
        house.later(60);
        house.step().await;
        let again = domain::invitation::send_all(&house.domain, &admin, None, domain::invitation::Whom::Failed).await.unwrap();
        assert_eq!(again, failed as u64);
        house.later(60 * 60);
        house.send_everything().await;
        assert_eq!(house.state(&admin, InvitationState::Sent).await.len(), 40);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_server_was_away_invitations_still_go_out_two_a_second_and_other_mails_do_not_wait_for_them() {
    on_both(async |house| {
        let (admin, _) = house.staff_of(40).await;
        domain::invitation::send_all(&house.domain, &admin, None, domain::invitation::Whom::Unsent).await.unwrap();
        house.later(60 * 60);
        let answer = house.answer(Language::Chinese).await;
        assert_eq!(house.step().await, 11, "ten invitations, and the answer");
        assert!(house.mail(answer).await.sent_at.is_some());
        assert_eq!(house.step().await, 0);
        house.later(1);
        assert_eq!(house.step().await, 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_that_is_stuck_does_not_put_off_those_written_later() {
    on_both(async |house| {
        let (admin, _) = house.staff_of(2).await;
        domain::invitation::send_all(&house.domain, &admin, None, domain::invitation::Whom::Unsent).await.unwrap();
        let now = house.domain.now();
        let of = async |email: &str| store::outbox::to(&mut house.domain.db.read().await.unwrap(), email).await.unwrap().pop().unwrap();
        let (again, stuck) = (of("new0@example.cn").await.id, of("new1@example.cn").await.id);
        let unit = admin.units[0];
        house
            .domain
            .db
            .write(move |c| {
                Box::pin(async move {
                    store::outbox::retry(c, stuck, now.plus_minutes(5 * 60), "smtp 451").await?;
                    // One that is to be sent anew.
                    store::trial::withhold(c, again, unit, now).await
                })
            })
            .await
            .map_err(|e: store::Error| e)
            .unwrap();
        house.later(1);
        assert_eq!(domain::invitation::send_all(&house.domain, &admin, None, domain::invitation::Whom::Unsent).await.unwrap(), 1);
        assert_eq!(of("new0@example.cn").await.due_at, house.domain.now());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_the_trial_mail_goes_to_admins_only_and_what_was_held_back_only_if_they_say_so() {
    on_both(async |house| {
        let (admin, ids) = house.staff_of(1).await;
        let now = house.domain.now();
        let unit = admin.units[0];
        house.domain.db.write(move |c| Box::pin(async move { store::trial::begin(c, unit, now).await })).await.unwrap();
        let invite = async |staff: StaffId| {
            let (ids, now) = ((InvitationId(house.domain.id()), OutboxId(house.domain.id())), house.domain.now());
            house.domain.db.write(move |c| Box::pin(async move { domain::invitation::invite(c, ids, staff, now).await })).await.unwrap();
        };
        invite(ids[0]).await;
        invite(admin.staff.id).await;
        let answer = house.answer(Language::Chinese).await;
        house.send_everything().await;
        let to: Vec<Value> = house.smtp.mails().iter().map(|m| m["to"].clone()).collect();
        assert_eq!(to, [json!(["chief@example.cn"])]);
        assert!(house.mail(answer).await.cancelled_at.is_some());
        let view = domain::trial::view(&house.domain, &admin, unit, 0).await.unwrap().unwrap();
        assert_eq!((view.count(MailKind::Invitation), view.count(MailKind::Answer), view.is_mine), (1, 1, true));
        let names: Vec<_> = view.mails.lines.iter().map(|m| (m.staff_name.clone(), m.unit_name.clone())).collect();
        assert!(names.contains(&(Some("新人0".into()), None)) && names.contains(&(None, Some("第三网格".into()))), "{names:?}");
        assert_eq!(house.state(&admin, InvitationState::Unsent).await, ["new0@example.cn"], "still to be sent");
        let refused = domain::invitation::send_all(&house.domain, &admin, None, domain::invitation::Whom::Unsent).await;
        assert!(matches!(refused, Err(domain::invitation::SendError::Trial)));

        domain::trial::end(&house.domain, &admin, unit, true).await.unwrap();
        assert!(matches!(domain::trial::end(&house.domain, &admin, unit, false).await, Err(domain::trial::TrialError::Over)));
        house.send_everything().await;
        let to: Vec<Value> = house.smtp.mails().iter().map(|m| m["to"].clone()).collect();
        assert_eq!(to, [json!(["chief@example.cn"]), json!(["zhang@example.cn"])], "invitations are for the admin to send");
        assert_eq!(house.state(&admin, InvitationState::Unsent).await, ["new0@example.cn"]);
        domain::invitation::send_all(&house.domain, &admin, None, domain::invitation::Whom::Unsent).await.unwrap();
        house.send_everything().await;
        assert_eq!(house.smtp.mails().last().unwrap()["to"], json!(["new0@example.cn"]));
    })
    .await;
    // And where nobody says so, it stays with us.
    on_both(async |house| {
        let (admin, _) = house.staff_of(0).await;
        let (unit, now) = (admin.units[0], house.domain.now());
        house.domain.db.write(move |c| Box::pin(async move { store::trial::begin(c, unit, now).await })).await.unwrap();
        house.answer(Language::Chinese).await;
        house.send_everything().await;
        domain::trial::end(&house.domain, &admin, unit, false).await.unwrap();
        house.send_everything().await;
        assert!(house.smtp.mails().is_empty());
        house.later(60);
        house.answer(Language::Chinese).await;
        house.send_everything().await;
        assert_eq!(house.smtp.mails().len(), 1, "what is written from now on goes out");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_is_one_districts_and_another_next_to_it_gets_its_mail() {
    on_both(async |house| {
        let (admin, _) = house.staff_of(1).await;
        let d = &house.domain;
        let (top, now, other, neighbour) = (admin.units[0], d.now(), UnitId(d.id()), StaffId(d.id()));
        let known = store::staff::find(&mut d.db.read().await.unwrap(), house.staff).await.unwrap().unwrap();
        d.db.write(move |c| {
            Box::pin(async move {
                let place = |id, parent_id| store::unit::Unit {
                    id,
                    parent_id,
                    kind: UnitKind::Street,
                    name: "学院街道".into(),
                    name_en: None,
                    code: None,
                    created_at: now,
                    ended_at: None,
                };
                store::unit::insert(c, &place(other, Some(top))).await?;
                let person = store::staff::Staff { id: neighbour, email: "beside@example.cn".into(), activated_at: None, ..known };
                store::staff::insert(c, &person).await?;
                store::staff::set_unit(c, neighbour, other).await
            })
        })
        .await
        .map_err(|e: store::Error| e)
        .unwrap();
        domain::trial::begin(d, &admin, other).await.unwrap();
        assert!(matches!(domain::trial::begin(d, &admin, other).await, Err(domain::trial::TrialError::Had)));
        let list = domain::invitation::list(d, &admin, domain::invitation::Asked { unit: None, state: InvitationState::Unsent, typed: "", page: 0 });
        let list = list.await.unwrap().unwrap();
        assert_eq!((list.is_trial, list.on_trial), (false, vec!["学院街道".to_owned()]));
        assert_eq!(domain::invitation::send_all(d, &admin, None, domain::invitation::Whom::Unsent).await.unwrap(), 1, "those on trial are left out");
        let there = domain::invitation::send_all(d, &admin, Some(other), domain::invitation::Whom::Unsent).await;
        assert!(matches!(there, Err(domain::invitation::SendError::Trial)));
        let (ids, now) = ((InvitationId(d.id()), OutboxId(d.id())), d.now());
        d.db.write(move |c| Box::pin(async move { domain::invitation::invite(c, ids, neighbour, now).await })).await.unwrap();
        house.answer(Language::Chinese).await;
        house.send_everything().await;
        let mut to: Vec<String> = house.smtp.mails().iter().map(|m| m["to"][0].as_str().unwrap().to_owned()).collect();
        to.sort();
        assert_eq!(to, ["new0@example.cn", "zhang@example.cn"]);
        assert!(domain::trial::holds_back(d, neighbour, "beside@example.cn").await.unwrap());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_trial_held_back_is_released_even_if_the_program_stopped_right_after_it_ended() {
    on_both(async |house| {
        let (admin, _) = house.staff_of(0).await;
        let (unit, now) = (admin.units[0], house.domain.now());
        house.domain.db.write(move |c| Box::pin(async move { store::trial::begin(c, unit, now).await })).await.unwrap();
        house.answer(Language::Chinese).await;
        house.send_everything().await;
        // Ended and committed; the power went before anything was released.
        let by = admin.staff.id;
        house.domain.db.write(move |c| Box::pin(async move { store::trial::end(c, unit, by, true, now).await })).await.unwrap();
        house.send_everything().await;
        assert!(house.smtp.mails().is_empty());
        domain::trial::settle(&house.domain).await.unwrap();
        house.send_everything().await;
        assert_eq!(house.smtp.mails().len(), 1);
        domain::trial::settle(&house.domain).await.unwrap();
        house.send_everything().await;
        assert_eq!(house.smtp.mails().len(), 1, "once");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_that_ends_while_a_mail_is_looked_at_loses_none() {
    for _ in 0..3 {
        on_both(async |house| {
            let (admin, _) = house.staff_of(0).await;
            let (unit, now) = (admin.units[0], house.domain.now());
            house.domain.db.write(move |c| Box::pin(async move { store::trial::begin(c, unit, now).await })).await.unwrap();
            let id = house.answer(Language::Chinese).await;
            let (_, ended) = tokio::join!(house.step(), domain::trial::end(&house.domain, &admin, unit, true));
            ended.unwrap();
            // Whichever came first.
            domain::trial::settle(&house.domain).await.unwrap();
            house.send_everything().await;
            assert!(house.mail(id).await.sent_at.is_some());
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_for_a_new_password_gets_the_link_at_once_and_a_reset_second_factor_is_told() {
    on_both(async |house| {
        house.clock.set("2026-11-20T23:30:00+08:00".parse::<jiff::Timestamp>().unwrap().into());
        let asked = domain::sign_in::Asked { address: "192.0.2.1".parse().unwrap(), known: None };
        domain::forgotten::send(&house.domain, " Wang.Fang@Example.cn ", &asked).await.unwrap();
        assert_eq!(house.step().await, 1);
        let mails = house.smtp.mails();
        assert_eq!(mails[0]["subject"], "西陵区：设新密码", "in the middle of the night: somebody is waiting for it");
        assert!(mails[0]["text"].as_str().unwrap().contains("0:30"), "for an hour: {}", mails[0]["text"]);

        let app = store::second_factor::Authenticator { staff_id: house.staff, nonce: "a".repeat(16), created_at: house.domain.now(), last_step: 0 };
        house.domain.db.write(move |c| Box::pin(async move { store::second_factor::set_authenticator(c, &app).await })).await.unwrap();
        domain::second_factor::reset_by_email(&house.domain, "wang.fang@example.cn").await.unwrap();
        let again = domain::second_factor::reset_by_email(&house.domain, "wang.fang@example.cn").await;
        assert!(matches!(again, Err(domain::second_factor::ResetError::None)));
        assert_eq!(house.step().await, 1);
        let told = &house.smtp.mails()[1];
        assert_eq!((&told["subject"], &told["to"]), (&json!("您的两步验证已被重设"), &json!(["wang.fang@example.cn"])));
        assert!(told["text"].as_str().unwrap().contains(&format!("https://{HOST}/sign-in")));
    })
    .await;
}
