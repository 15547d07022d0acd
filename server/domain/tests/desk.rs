//! The desk on a real database: SQLite always, PostgreSQL too where `LINLI_TEST_POSTGRES_URL` names one.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use domain::{
    Clock, Db, Device, Domain, Random, Staff,
    conversation::{self, SendError, Typed},
    desk::{self, Asked, DeskError},
    routing,
};
use model::{
    At, ClientKey, ContactPointId, ConversationId, ConversationState, HoldingId, Language, MessageKind, PointCode, PostId, SessionId, StaffId, UnitId,
    UnitKind, WaitId,
};
use proptest::{collection::vec, prelude::*};
use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr},
    sync::atomic::{AtomicU64, Ordering},
};
use store::{message::Audience, post::Post, testing::databases};

fn at(wall: &str) -> At {
    At::from(format!("{wall}[Asia/Shanghai]").parse::<jiff::Zoned>().unwrap().timestamp())
}

/// A community with a desk and two grids: 陈丽 at the desk, 王芳 in the first grid, 李强 in the second.
struct World {
    domain: Domain,
    desk: PostId,
    first: PostId,
    second: PostId,
    chen: Staff,
    wang: Staff,
    li: Staff,
    code: PointCode,
}

impl World {
    async fn new(db: Db, now: &str) -> World {
        static SEED: AtomicU64 = AtomicU64::new(1);
        let domain = Domain::open(db, Clock::fixed(at(now)), Random::system(), "http://localhost").await.unwrap();
        let seed = SEED.fetch_add(1, Ordering::Relaxed);
        let d = domain.clone();
        let mut world = domain
            .db
            .write(move |c| {
                Box::pin(async move {
                    let community = unit(&d, c, None, UnitKind::Community, "云集路社区").await?;
                    let first = unit(&d, c, Some(community), UnitKind::Grid, "第一网格").await?;
                    let second = unit(&d, c, Some(community), UnitKind::Grid, "第二网格").await?;
                    let (desk, first, second) =
                        (post(&d, c, community, "服务台").await?, post(&d, c, first, "网格员").await?, post(&d, c, second, "网格员").await?);
                    let code = domain::contact_point::new_code(&d.random);
                    let point = store::contact_point::ContactPoint {
                        id: ContactPointId(d.id()),
                        post_id: first,
                        code: code.clone(),
                        check_phrase: domain::contact_point::new_check_phrase(&d.random),
                        place: "3号楼东门".into(),
                        place_en: None,
                        topic: None,
                        welcome: None,
                        created_at: d.now(),
                        revoked_at: None,
                    };
                    store::contact_point::insert(c, &point).await?;
                    Ok::<_, store::Error>(World {
                        chen: staff(&d, c, seed, "陈丽", desk).await?,
                        wang: staff(&d, c, seed, "王芳", first).await?,
                        li: staff(&d, c, seed, "李强", second).await?,
                        domain: d,
                        desk,
                        first,
                        second,
                        code,
                    })
                })
            })
            .await
            .unwrap();
        routing::refresh(&world.domain).await.unwrap();
        world.domain = domain;
        world
    }

    fn set(&self, wall: &str) {
        self.domain.clock.set(at(wall));
    }

    fn pass(&self, minutes: i64) {
        self.domain.clock.set(self.domain.now().plus_minutes(minutes));
    }

    fn key(&self) -> ClientKey {
        ClientKey(self.domain.id())
    }

    async fn start(&self, device: &str, text: &str) -> ConversationId {
        conversation::start(&self.domain, &self.code, typed(device, text, self.key())).await.unwrap().conversation_id
    }

    async fn say(&self, device: &str, id: ConversationId, text: &str) {
        conversation::say(&self.domain, &self.device(device).await, id, typed(device, text, self.key())).await.unwrap();
    }

    async fn device(&self, key: &str) -> Device {
        domain::caller::device(&self.domain, key).await.unwrap().unwrap()
    }

    async fn messages(&self, id: ConversationId, audience: Audience) -> Vec<store::message::Message> {
        store::message::after(&mut self.domain.db.read().await.unwrap(), id, audience, 0, 10_000).await.unwrap()
    }

    async fn waits(&self, id: ConversationId) -> Vec<store::wait::Wait> {
        store::wait::of_conversation(&mut self.domain.db.read().await.unwrap(), id).await.unwrap()
    }

    async fn conversation(&self, id: ConversationId) -> store::conversation::Conversation {
        store::conversation::find(&mut self.domain.db.read().await.unwrap(), id).await.unwrap().unwrap()
    }

    async fn listed(&self, staff: &Staff, asked: Asked) -> Vec<ConversationId> {
        desk::inbox(&self.domain, staff, &asked).await.unwrap().rows().map(|r| r.id).collect()
    }

    async fn found(&self, staff: &Staff, query: &str) -> Vec<ConversationId> {
        self.listed(staff, Asked { query: query.into(), ..Asked::default() }).await
    }

    async fn set_off_duty(&self, staff: &Staff, since: Option<At>) {
        let (id, now) = (staff.id, self.domain.now());
        // A row with the same id but another duty; there is no use case for it here.
        self.domain.db.write(move |c| Box::pin(async move { store::staff::set_off_duty(c, id, since, since.map(|_| now.plus_days(3))).await })).await.unwrap();
        routing::refresh(&self.domain).await.unwrap();
    }
}

fn typed(device: &str, text: &str, client_key: ClientKey) -> Typed<'static> {
    let (device_key, text) = (String::leak(device.to_owned()), String::leak(text.to_owned()));
    Typed { device_key, text, client_key, language: Language::Chinese, address: IpAddr::V4(Ipv4Addr::LOCALHOST) }
}

async fn unit(d: &Domain, c: &mut store::Conn, parent: Option<UnitId>, kind: UnitKind, name: &str) -> store::Result<UnitId> {
    let id = UnitId(d.id());
    store::unit::insert(
        c,
        &store::unit::Unit { id, parent_id: parent, kind, name: name.into(), name_en: None, code: None, created_at: d.now(), ended_at: None },
    )
    .await?;
    Ok(id)
}

async fn post(d: &Domain, c: &mut store::Conn, unit_id: UnitId, title: &str) -> store::Result<PostId> {
    let id = PostId(d.id());
    let row =
        Post { id, unit_id, title: title.into(), title_en: None, substitute_id: None, welcome: None, answering_id: None, created_at: d.now(), ended_at: None };
    store::post::insert(c, &row).await?;
    Ok(id)
}

async fn staff(d: &Domain, c: &mut store::Conn, seed: u64, name: &str, post_id: PostId) -> store::Result<Staff> {
    let id = StaffId(d.id());
    let email = format!("{id}.{seed}@example.cn");
    let row = store::staff::Staff {
        id,
        email: email.clone(),
        name: name.into(),
        title: None,
        language: Language::Chinese,
        password_hash: None,
        created_at: d.now(),
        activated_at: Some(d.now()),
        ended_at: None,
        off_duty_since: None,
        off_duty_until: None,
    };
    store::staff::insert(c, &row).await?;
    let holding = store::holding::Holding { id: HoldingId(d.id()), post_id, staff_id: id, from_at: d.now(), until_at: None };
    store::holding::insert(c, &holding).await?;
    Ok(Staff { id, session_id: SessionId(d.id()), name: name.into(), email, language: Language::Chinese, grants: Vec::new(), is_off_duty: false })
}

const MONDAY: &str = "2026-11-23T09:00";
const PHONE: &str = "phonephonephonephonephone1";
const OTHER_PHONE: &str = "phonephonephonephonephone2";

#[tokio::test]
async fn the_inbox_shows_who_waits_longest_first_and_only_to_those_who_answer() {
    for database in databases().await {
        let name = if database.db.is_postgres() { "PostgreSQL" } else { "SQLite" };
        let w = World::new(database.db.clone(), MONDAY).await;
        let first = w.start(PHONE, "路灯不亮").await;
        w.pass(30);
        let second = w.start(OTHER_PHONE, "垃圾满了").await;
        assert_eq!(w.listed(&w.wang, Asked::default()).await, [first, second], "{name}");
        assert_eq!(w.listed(&w.li, Asked::default()).await, [], "{name}");
        let inbox = desk::inbox(&w.domain, &w.wang, &Asked::default()).await.unwrap();
        let row = &inbox.groups[0].rows[0];
        assert_eq!((row.unread, row.place.as_deref(), row.text.as_str(), row.due_at.is_some()), (1, Some("3号楼东门"), "路灯不亮", true));
        assert_eq!((inbox.waiting(), desk::unread(&w.domain, &w.wang).await.unwrap()), (2, 2));

        let view = desk::show(&w.domain, &w.wang, first, None).await.unwrap();
        assert!(!view.stands_in && view.standing.wait.is_some() && view.standing.later_at.is_none());
        assert_eq!(desk::unread(&w.domain, &w.wang).await.unwrap(), 1);
        assert!(matches!(desk::show(&w.domain, &w.li, first, None).await, Err(DeskError::NotFound)));
        assert!(matches!(desk::answer(&w.domain, &w.li, first, "我来", w.key()).await, Err(DeskError::NotFound)));

        desk::answer(&w.domain, &w.wang, first, "今天去修", w.key()).await.unwrap();
        assert_eq!(w.listed(&w.wang, Asked::default()).await, [second, first], "the answered one goes below");
        let today = desk::today(&w.domain, &w.wang, &inbox).await.unwrap();
        assert_eq!((today.answered, today.on_time, today.hours.len()), (1, 1, 2));
    }
}

#[tokio::test]
async fn a_long_inbox_comes_in_pages_without_gaps_or_repeats() {
    for database in databases().await {
        let name = if database.db.is_postgres() { "PostgreSQL" } else { "SQLite" };
        let w = World::new(database.db.clone(), MONDAY).await;
        let mut all = Vec::new();
        for n in 0..130 {
            let id = w.start(&format!("phonephonephonephone{n:05}"), "您好").await;
            if n % 2 == 0 {
                desk::answer(&w.domain, &w.wang, id, "您好", w.key()).await.unwrap();
            }
            w.pass(1);
            all.push(id);
        }
        let mut seen = Vec::new();
        let mut asked = Asked::default();
        loop {
            let page = desk::inbox(&w.domain, &w.wang, &asked).await.unwrap();
            assert!(page.rows().count() <= 100);
            seen.extend(page.rows().map(|r| (r.due_at.is_none(), r.id)));
            asked.after = page.next;
            if page.next.is_none() {
                break;
            }
        }
        assert!(seen.is_sorted_by_key(|(is_answered, _)| *is_answered), "{name}: who waits comes first");
        let mut ids: Vec<_> = seen.into_iter().map(|(_, id)| id).collect();
        ids.sort();
        all.sort();
        assert_eq!(ids, all, "{name}");
    }
}

#[tokio::test]
async fn a_search_finds_words_inside_a_sentence_and_names_but_nothing_of_others() {
    for database in databases().await {
        let name = if database.db.is_postgres() { "PostgreSQL" } else { "SQLite" };
        let w = World::new(database.db.clone(), MONDAY).await;
        let drain = w.start(PHONE, "3号楼下水道又堵了，脏水漫到楼道口").await;
        let lamp = w.start(OTHER_PHONE, "The street lamp at Building 7 is broken").await;
        desk::note(&w.domain, &w.wang, lamp, "问过电工", w.key()).await.unwrap();
        for (query, expected) in [
            ("下水道", vec![drain]),
            ("水", vec![drain]),
            ("楼道 下水道", vec![drain]),
            ("道水", vec![]),
            ("lamp", vec![lamp]),
            ("LAM", vec![lamp]),
            ("building-7", vec![lamp]),
            ("电工", vec![lamp]),
            ("3", vec![drain]),
            ("\"' & | ! :* ()", vec![]),
        ] {
            assert_eq!(w.found(&w.wang, query).await, expected, "{name}: {query}");
            assert_eq!(w.found(&w.li, query).await, [], "{name}: {query} of others");
        }
        let number = desk::short_id(store::conversation::find(&mut w.domain.db.read().await.unwrap(), drain).await.unwrap().unwrap().contact_id);
        for query in [number.clone(), format!("居民 {number}"), format!("居民{number}"), format!("resident {number}")] {
            assert!(w.found(&w.wang, &query).await.contains(&drain), "{name}: {query}");
            assert_eq!(w.found(&w.li, &query).await, [], "{name}: {query} of others");
        }
        desk::name(&w.domain, &w.wang, drain, "张桂兰").await.unwrap();
        assert_eq!(w.found(&w.wang, "桂兰").await, [drain], "{name}");
        desk::name(&w.domain, &w.wang, drain, "").await.unwrap();
        assert_eq!(w.found(&w.wang, "桂兰").await, [], "{name}");
    }
}

#[tokio::test]
async fn a_hand_over_moves_the_conversation_tells_the_contact_and_leaves_the_clock_alone() {
    for database in databases().await {
        let name = if database.db.is_postgres() { "PostgreSQL" } else { "SQLite" };
        let w = World::new(database.db.clone(), MONDAY).await;
        let id = w.start(PHONE, "下水道堵了").await;
        let due = w.waits(id).await[0].due_at;
        w.pass(40);
        let view = desk::show(&w.domain, &w.wang, id, None).await.unwrap();
        assert_eq!(view.targets.iter().map(|t| t.id).collect::<Vec<_>>(), [w.second, w.desk], "{name}");
        let hand_over = async |to, reason| desk::hand_over(&w.domain, &w.wang, id, to, reason).await;
        assert!(matches!(hand_over(w.second, " ").await, Err(DeskError::Text(_))));
        assert!(matches!(hand_over(w.first, "自己").await, Err(DeskError::NotATarget)));
        let stays = w.start(OTHER_PHONE, "水管也坏了").await;
        hand_over(w.second, "是二网格的楼").await.unwrap();
        assert_eq!((w.found(&w.li, "下水道").await, w.found(&w.wang, "水").await), (vec![id], vec![stays]), "{name}: found where it went");
        assert!(matches!(desk::show(&w.domain, &w.wang, id, None).await, Err(DeskError::NotFound)));
        assert_eq!(w.listed(&w.li, Asked::default()).await, [id]);
        let waits = w.waits(id).await;
        assert_eq!((waits.len(), waits[0].due_at, waits[0].post_id, waits[0].closed_at), (1, due, w.second, None), "{name}");
        assert_eq!(desk::unread(&w.domain, &w.li).await.unwrap(), 1, "{name}: nobody there has read it");
        let told = w.messages(id, Audience::Contact).await;
        assert!(told.iter().any(|m| m.kind == MessageKind::Event && m.body.contains("李强")));
        assert!(told.iter().all(|m| !m.body.contains("是二网格的楼")), "the reason is for colleagues");
        assert!(w.messages(id, Audience::Staff).await.iter().any(|m| m.kind == MessageKind::Note && m.body == "移交原因：是二网格的楼"));
        let entry = store::audit::last(&mut w.domain.db.read().await.unwrap()).await.unwrap().unwrap();
        assert_eq!((entry.action.as_str(), entry.target, entry.staff_id), ("conversation.hand_over", id.to_string(), Some(w.wang.id)));
    }
}

#[tokio::test]
async fn a_conversation_closes_only_when_nobody_waits_and_opens_again_by_itself() {
    for database in databases().await {
        let name = if database.db.is_postgres() { "PostgreSQL" } else { "SQLite" };
        let w = World::new(database.db.clone(), MONDAY).await;
        let id = w.start(PHONE, "下水道堵了").await;
        assert!(matches!(desk::close(&w.domain, &w.wang, id, None).await, Err(DeskError::StillWaiting)), "{name}");
        assert_eq!(w.conversation(id).await.state, ConversationState::Open);
        let key = w.key();
        for _ in 0..2 {
            desk::close(&w.domain, &w.wang, id, Some(("已经通了", key))).await.unwrap();
        }
        assert_eq!(w.conversation(id).await.state, ConversationState::Closed);
        let kinds: Vec<_> = w.messages(id, Audience::Contact).await.iter().map(|m| m.kind).collect();
        assert_eq!(kinds, [MessageKind::Contact, MessageKind::Answer, MessageKind::Event], "{name}: closing twice is closing once");
        assert_eq!(w.listed(&w.wang, Asked::default()).await, []);
        assert_eq!(w.listed(&w.wang, Asked { closed: true, ..Asked::default() }).await, [id]);
        w.pass(60);
        w.say(PHONE, id, "又堵了").await;
        assert_eq!(w.conversation(id).await.state, ConversationState::Open);
        assert_eq!(w.listed(&w.wang, Asked::default()).await, [id]);
        assert_eq!(w.waits(id).await.len(), 2);
    }
}

#[tokio::test]
async fn a_reply_written_at_night_goes_out_at_half_past_eight() {
    for database in databases().await {
        let name = if database.db.is_postgres() { "PostgreSQL" } else { "SQLite" };
        let w = World::new(database.db.clone(), MONDAY).await;
        let id = w.start(PHONE, "下水道堵了").await;
        assert!(matches!(desk::schedule(&w.domain, &w.wang, id, "明早去", w.key()).await, Err(DeskError::WorkingTime)), "{name}");
        w.set("2026-11-23T21:15");
        let key = w.key();
        let kept = desk::schedule(&w.domain, &w.wang, id, "明早去", key).await.unwrap();
        assert_eq!(kept.send_at, at("2026-11-24T08:30"));
        desk::schedule(&w.domain, &w.wang, id, "明早去", key).await.unwrap();
        let second = desk::schedule(&w.domain, &w.wang, id, "写错了", w.key()).await.unwrap();
        let waiting = desk::show(&w.domain, &w.wang, id, None).await.unwrap().standing;
        assert_eq!((waiting.scheduled.len(), waiting.later_at), (2, Some(at("2026-11-24T08:30"))), "the same key again is the same reply");
        assert!(matches!(desk::cancel_scheduled(&w.domain, &w.li, id, second.id).await, Err(DeskError::NotFound)));
        desk::cancel_scheduled(&w.domain, &w.wang, id, second.id).await.unwrap();
        assert!(matches!(desk::cancel_scheduled(&w.domain, &w.wang, id, second.id).await, Err(DeskError::TooLate)));

        w.set("2026-11-24T08:29");
        desk::send_due(&w.domain).await.unwrap();
        assert_eq!(w.messages(id, Audience::Contact).await.len(), 1, "{name}");
        w.set("2026-11-24T08:30");
        for _ in 0..2 {
            desk::send_due(&w.domain).await.unwrap();
        }
        let messages = w.messages(id, Audience::Contact).await;
        assert_eq!(messages.iter().map(|m| m.body.as_str()).collect::<Vec<_>>(), ["下水道堵了", "明早去"], "{name}");
        assert_eq!(w.waits(id).await[0].closed_at, Some(at("2026-11-24T08:30")));
        assert!(matches!(desk::cancel_scheduled(&w.domain, &w.wang, id, kept.id).await, Err(DeskError::TooLate)));
    }
}

#[tokio::test]
async fn a_reply_for_later_is_not_sent_by_someone_who_no_longer_answers_there() {
    for database in databases().await {
        let name = if database.db.is_postgres() { "PostgreSQL" } else { "SQLite" };
        let w = World::new(database.db.clone(), MONDAY).await;
        let id = w.start(PHONE, "下水道堵了").await;
        w.set("2026-11-23T21:15");
        desk::schedule(&w.domain, &w.wang, id, "明早去", w.key()).await.unwrap();
        desk::hand_over(&w.domain, &w.wang, id, w.second, "是二网格的楼").await.unwrap();
        w.set("2026-11-24T08:30");
        desk::send_due(&w.domain).await.unwrap();
        assert!(w.messages(id, Audience::Contact).await.iter().all(|m| m.kind != MessageKind::Answer), "{name}");
        let left = w.messages(id, Audience::Staff).await.pop().unwrap();
        assert!(left.kind == MessageKind::Note && left.body.contains("明早去") && left.body.contains("王芳"), "{name}: {}", left.body);
        assert_eq!(w.waits(id).await[0].closed_at, None);
    }
}

#[tokio::test]
async fn a_reply_for_later_answers_only_what_had_been_read() {
    for database in databases().await {
        let name = if database.db.is_postgres() { "PostgreSQL" } else { "SQLite" };
        let w = World::new(database.db.clone(), MONDAY).await;
        let id = w.start(PHONE, "下水道堵了").await;
        w.set("2026-11-23T21:15");
        desk::show(&w.domain, &w.wang, id, None).await.unwrap();
        desk::schedule(&w.domain, &w.wang, id, "明早去", w.key()).await.unwrap();
        w.set("2026-11-24T08:00");
        w.say(PHONE, id, "水漫出来了").await;
        w.set("2026-11-24T08:30");
        desk::send_due(&w.domain).await.unwrap();
        let waits = w.waits(id).await;
        assert_eq!((waits[0].closed_at, waits[1].closed_at, waits[1].opened_at), (Some(at("2026-11-24T08:30")), None, at("2026-11-24T08:00")), "{name}");
        assert_eq!(desk::unread(&w.domain, &w.wang).await.unwrap(), 1, "{name}");
    }
}

#[tokio::test]
async fn a_stand_ins_reply_for_later_goes_out_although_the_holder_is_back() {
    for database in databases().await {
        let name = if database.db.is_postgres() { "PostgreSQL" } else { "SQLite" };
        let w = World::new(database.db.clone(), MONDAY).await;
        let id = w.start(PHONE, "下水道堵了").await;
        w.set_off_duty(&w.wang, Some(w.domain.now())).await;
        w.set("2026-11-23T21:15");
        desk::schedule(&w.domain, &w.chen, id, "明早去", w.key()).await.unwrap();
        w.set("2026-11-24T08:30");
        w.set_off_duty(&w.wang, None).await;
        desk::send_due(&w.domain).await.unwrap();
        let answer = w.messages(id, Audience::Contact).await.pop().unwrap();
        assert_eq!((answer.kind, answer.body.as_str()), (MessageKind::Answer, "明早去"), "{name}");
    }
}

#[tokio::test]
async fn who_is_off_duty_says_so_once_for_each_wait() {
    for database in databases().await {
        let name = if database.db.is_postgres() { "PostgreSQL" } else { "SQLite" };
        let w = World::new(database.db.clone(), MONDAY).await;
        w.set_off_duty(&w.wang, Some(w.domain.now())).await;
        let autos = async |id| w.messages(id, Audience::Contact).await.iter().filter(|m| m.kind == MessageKind::Auto).count();
        let id = w.start(PHONE, "下水道堵了").await;
        assert_eq!(autos(id).await, 1, "{name}");
        w.say(PHONE, id, "在一楼").await;
        w.say(PHONE, id, "很急").await;
        assert_eq!(autos(id).await, 1, "{name}");
        assert_eq!(w.waits(id).await[0].closed_at, None, "{name}: no person has answered");
        desk::answer(&w.domain, &w.chen, id, "我来看", w.key()).await.unwrap();
        w.say(PHONE, id, "又堵了").await;
        assert_eq!(autos(id).await, 2, "{name}");
    }
}

#[tokio::test]
async fn a_text_that_was_changed_and_sent_again_from_the_same_form_is_another_message() {
    for database in databases().await {
        let name = if database.db.is_postgres() { "PostgreSQL" } else { "SQLite" };
        let w = World::new(database.db.clone(), MONDAY).await;
        let id = w.start(PHONE, "下水道堵了").await;
        let (device, key) = (w.device(PHONE).await, w.key());
        for text in ["在一楼", "在一楼", "在二楼", "在二楼", "在一楼"] {
            conversation::say(&w.domain, &device, id, typed(PHONE, text, key)).await.unwrap();
        }
        for text in ["好的", "马上来", "好的"] {
            desk::answer(&w.domain, &w.wang, id, text, key).await.unwrap();
        }
        let messages = w.messages(id, Audience::Contact).await;
        assert_eq!(messages.iter().map(|m| m.body.as_str()).collect::<Vec<_>>(), ["下水道堵了", "在一楼", "在二楼", "好的", "马上来"], "{name}");
    }
}

#[tokio::test]
async fn seen_is_what_a_page_says_it_has_shown() {
    for database in databases().await {
        let name = if database.db.is_postgres() { "PostgreSQL" } else { "SQLite" };
        let w = World::new(database.db.clone(), MONDAY).await;
        let id = w.start(PHONE, "下水道堵了").await;
        let device = w.device(PHONE).await;
        desk::news(&w.domain, &w.wang, id, 0).await.unwrap().unwrap();
        assert_eq!(desk::unread(&w.domain, &w.wang).await.unwrap(), 1, "{name}: a stream has shown nothing yet");
        desk::seen(&w.domain, &w.wang, id, 99).await.unwrap().unwrap();
        assert_eq!(w.conversation(id).await.staff_seen_seq, 1, "{name}: not more than there is");
        assert!(desk::seen(&w.domain, &w.li, id, 1).await.unwrap().is_none(), "{name}");
        desk::answer(&w.domain, &w.wang, id, "收到", w.key()).await.unwrap();
        conversation::news(&w.domain, &device, id, 0).await.unwrap().unwrap();
        assert_eq!(w.conversation(id).await.contact_seen_seq, 1, "{name}");
        conversation::seen(&w.domain, &device, id, 2).await.unwrap().unwrap();
        assert_eq!(w.conversation(id).await.contact_seen_seq, 2, "{name}");
    }
}

#[tokio::test]
async fn one_mail_for_each_stretch_of_answers_the_contact_has_not_seen() {
    for database in databases().await {
        let name = if database.db.is_postgres() { "PostgreSQL" } else { "SQLite" };
        let w = World::new(database.db.clone(), MONDAY).await;
        let id = w.start(PHONE, "下水道堵了").await;
        let answer = async |text| desk::answer(&w.domain, &w.wang, id, text, w.key()).await.unwrap().seq;
        answer("收到").await;
        assert_eq!(w.conversation(id).await.mailed_seq, 0, "{name}: no address, no mail");
        let device = w.device(PHONE).await;
        conversation::set_email(&w.domain, &device, id, "zhang@example.com", Language::Chinese).await.unwrap();
        let mailed = answer("师傅九点到").await;
        answer("已经到了").await;
        assert_eq!(w.conversation(id).await.mailed_seq, mailed, "{name}");
        let view = conversation::view(&w.domain, &device, id, None).await.unwrap().unwrap();
        while w.conversation(id).await.contact_seen_seq < view.conversation.last_seq {
            tokio::task::yield_now().await;
        }
        let mailed = answer("修好了").await;
        assert_eq!(w.conversation(id).await.mailed_seq, mailed, "{name}: seen, so the next is told again");
    }
}

#[tokio::test]
async fn standing_in_opens_the_inbox_and_reading_there_is_recorded_once_a_day() {
    for database in databases().await {
        let name = if database.db.is_postgres() { "PostgreSQL" } else { "SQLite" };
        let w = World::new(database.db.clone(), MONDAY).await;
        let id = w.start(PHONE, "下水道堵了").await;
        assert_eq!(w.listed(&w.chen, Asked::default()).await, []);
        w.set_off_duty(&w.wang, Some(w.domain.now())).await;
        let inbox = desk::inbox(&w.domain, &w.chen, &Asked::default()).await.unwrap();
        assert_eq!(inbox.groups.iter().map(|g| (g.post.id, g.post.stands_in)).collect::<Vec<_>>(), [(w.first, 1)], "{name}");
        let entries = async || store::audit::last(&mut w.domain.db.read().await.unwrap()).await.unwrap().map_or(0, |e| e.seq);
        let before = entries().await;
        for _ in 0..2 {
            assert!(desk::show(&w.domain, &w.chen, id, None).await.unwrap().stands_in);
        }
        drop(desk::watch(&w.domain, &w.chen, id).await.unwrap().unwrap());
        assert_eq!(entries().await, before + 1, "{name}");
        desk::answer(&w.domain, &w.chen, id, "我替王芳来看", w.key()).await.unwrap();
        let answer = w.messages(id, Audience::Contact).await.pop().unwrap();
        assert_eq!((answer.staff_name.as_deref(), answer.unit_name.as_deref()), (Some("陈丽"), Some("云集路社区")), "in their own post's name");
        w.pass(24 * 60);
        desk::show(&w.domain, &w.chen, id, None).await.unwrap();
        assert_eq!(entries().await, before + 2, "{name}");
        desk::show(&w.domain, &w.wang, id, None).await.unwrap();
        assert_eq!(entries().await, before + 2, "{name}: one's own post is nothing to record");
        w.pass(24 * 60);
        let search = || Asked { query: "下水道".into(), ..Asked::default() };
        for _ in 0..2 {
            assert_eq!(desk::inbox(&w.domain, &w.chen, &search()).await.unwrap().quiet.len(), 1);
        }
        assert_eq!(entries().await, before + 3, "{name}: a search shows what was written");
        desk::inbox(&w.domain, &w.wang, &search()).await.unwrap();
        assert_eq!(entries().await, before + 3, "{name}");
    }
}

#[tokio::test]
async fn two_workers_on_one_conversation_see_each_other() {
    for database in databases().await {
        let w = World::new(database.db.clone(), MONDAY).await;
        let id = w.start(PHONE, "下水道堵了").await;
        w.set_off_duty(&w.wang, Some(w.domain.now())).await;
        assert!(desk::watch(&w.domain, &w.li, id).await.unwrap().is_none());
        let here = desk::watch(&w.domain, &w.chen, id).await.unwrap().unwrap();
        assert_eq!(desk::show(&w.domain, &w.wang, id, None).await.unwrap().standing.also_here, ["陈丽"]);
        assert!(desk::show(&w.domain, &w.chen, id, None).await.unwrap().standing.also_here.is_empty());
        drop(here);
        assert!(desk::show(&w.domain, &w.wang, id, None).await.unwrap().standing.also_here.is_empty());
    }
}

#[derive(Clone, Debug)]
enum Step {
    Say(usize),
    /// The same client key once more.
    SayAgain,
    Answer(usize, usize),
    AnswerAgain,
    Note(usize, usize),
    HandOver(usize, usize, usize),
    Close(usize, usize),
    CloseWithAnswer(usize, usize),
    Schedule(usize, usize),
    SendDue,
    Duty(usize, bool),
    Pass(i64),
}

fn any_step() -> impl Strategy<Value = Step> {
    let who = || 0..3usize;
    prop_oneof![
        4 => who().prop_map(Step::Say),
        1 => Just(Step::SayAgain),
        3 => (who(), who()).prop_map(|(s, c)| Step::Answer(s, c)),
        1 => Just(Step::AnswerAgain),
        2 => (who(), who()).prop_map(|(s, c)| Step::Note(s, c)),
        2 => (who(), who(), who()).prop_map(|(s, c, p)| Step::HandOver(s, c, p)),
        1 => (who(), who()).prop_map(|(s, c)| Step::Close(s, c)),
        1 => (who(), who()).prop_map(|(s, c)| Step::CloseWithAnswer(s, c)),
        1 => (who(), who()).prop_map(|(s, c)| Step::Schedule(s, c)),
        1 => Just(Step::SendDue),
        1 => (who(), any::<bool>()).prop_map(|(s, d)| Step::Duty(s, d)),
        4 => (1..900i64).prop_map(Step::Pass),
    ]
}

/// What has happened so far, as the rules have to keep it.
#[derive(Default)]
struct History {
    conversations: Vec<ConversationId>,
    due: HashMap<WaitId, At>,
    last_said: Option<(String, ConversationId, ClientKey, i64)>,
    last_answered: Option<(usize, ConversationId, ClientKey, i64)>,
}

async fn play(db: Db, steps: &[Step]) -> Result<(), TestCaseError> {
    let w = World::new(db, MONDAY).await;
    let people = [w.chen.clone(), w.wang.clone(), w.li.clone()];
    let posts = [w.desk, w.first, w.second];
    let device = |n: usize| format!("phonephonephonephonephone{n}");
    let mut h = History::default();
    for n in 0..3 {
        h.conversations.push(w.start(&device(n), "您好").await);
    }
    let counts = async |from, until| store::wait::counts(&mut w.domain.db.read().await.unwrap(), from, until).await.unwrap();
    let begin = w.domain.now();
    for step in steps {
        let mut open_before = HashMap::new();
        for id in &h.conversations {
            open_before.insert(*id, w.waits(*id).await.into_iter().find(|x| x.closed_at.is_none()).map(|x| x.id));
        }
        let mut may_close_wait = false;
        match step {
            Step::Say(n) => {
                let (id, key, device_key) = (h.conversations[*n], w.key(), device(*n));
                match conversation::say(&w.domain, &w.device(&device_key).await, id, typed(&device_key, "请问", key)).await {
                    Ok(sent) => h.last_said = Some((device_key, id, key, sent.seq)),
                    Err(SendError::TooMany(_)) => {}
                    Err(e) => prop_assert!(false, "{e}"),
                }
            }
            Step::SayAgain => {
                if let Some((device_key, id, key, seq)) = &h.last_said {
                    let again = conversation::say(&w.domain, &w.device(device_key).await, *id, typed(device_key, "请问", *key)).await;
                    prop_assert_eq!(again.unwrap().seq, *seq);
                }
            }
            Step::Answer(s, n) => {
                let (id, key) = (h.conversations[*n], w.key());
                match desk::answer(&w.domain, &people[*s], id, "您好", key).await {
                    Ok(sent) => {
                        may_close_wait = true;
                        prop_assert!(w.waits(id).await.iter().all(|x| x.closed_at.is_some()), "an answer closes the wait");
                        h.last_answered = Some((*s, id, key, sent.seq));
                    }
                    Err(e) => prop_assert!(matches!(e, DeskError::NotFound), "{e}"),
                }
            }
            Step::AnswerAgain => {
                if let Some((s, id, key, seq)) = &h.last_answered {
                    match desk::answer(&w.domain, &people[*s], *id, "您好", *key).await {
                        Ok(sent) => prop_assert_eq!((sent.seq, sent.is_new), (*seq, false)),
                        Err(e) => prop_assert!(matches!(e, DeskError::NotFound), "{e}"),
                    }
                }
            }
            Step::Note(s, n) => drop(desk::note(&w.domain, &people[*s], h.conversations[*n], "备注", w.key()).await),
            Step::HandOver(s, n, p) => drop(desk::hand_over(&w.domain, &people[*s], h.conversations[*n], posts[*p], "移交").await),
            Step::Close(s, n) => {
                let id = h.conversations[*n];
                let outcome = desk::close(&w.domain, &people[*s], id, None).await;
                prop_assert!(open_before[&id].is_none() || outcome.is_err(), "closed while somebody waits");
            }
            Step::CloseWithAnswer(s, n) => may_close_wait = desk::close(&w.domain, &people[*s], h.conversations[*n], Some(("好", w.key()))).await.is_ok(),
            Step::Schedule(s, n) => drop(desk::schedule(&w.domain, &people[*s], h.conversations[*n], "明早", w.key()).await),
            Step::SendDue => {
                may_close_wait = true;
                desk::send_due(&w.domain).await.unwrap();
            }
            Step::Duty(s, is_off) => {
                let since = is_off.then(|| w.domain.now());
                w.set_off_duty(&people[*s], since).await;
            }
            Step::Pass(minutes) => w.pass(*minutes),
        }
        for id in &h.conversations {
            let waits = w.waits(*id).await;
            let open: Vec<_> = waits.iter().filter(|x| x.closed_at.is_none()).collect();
            prop_assert!(open.len() <= 1, "at most one open wait");
            let conversation = w.conversation(*id).await;
            prop_assert!(open.iter().all(|x| x.post_id == conversation.post_id), "a wait is where its conversation is");
            prop_assert!(open.is_empty() || conversation.state == ConversationState::Open);
            for wait in &waits {
                prop_assert_eq!(*h.due.entry(wait.id).or_insert(wait.due_at), wait.due_at, "due is fixed when the wait opens");
            }
            if let (Some(was), false) = (open_before[id], may_close_wait) {
                prop_assert!(open.iter().any(|x| x.id == was), "only an answer closes a wait: {:?}", step);
            }
            let seqs: Vec<i64> = w.messages(*id, Audience::Staff).await.iter().map(|m| m.seq).collect();
            prop_assert_eq!(seqs, (1..=conversation.last_seq).collect::<Vec<_>>(), "numbers without gaps");
        }
    }
    let end = w.domain.now().plus_seconds(1);
    let middle = At((begin.0 + end.0) / 2);
    for (from, until) in [(begin, end), (begin, middle), (middle, end), (At(0), end)] {
        let (before, opened, closed, after) = counts(from, until).await;
        prop_assert_eq!(after, before + opened - closed, "backlog identity");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_rules_of_waits_hold(steps in vec(any_step(), 1..40)) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            for database in databases().await {
                play(database.db.clone(), &steps).await?;
            }
            Ok::<(), TestCaseError>(())
        })?;
    }
}

/// So many wait for somebody else's lock.
async fn until_waiting(world: &World, count: i64) {
    let wait = async {
        while store::testing::waiting_for_locks(&mut world.domain.db.read().await.unwrap()).await.unwrap() != count {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(8), wait).await.expect("nobody waits");
}

/// In a transaction, `work` is done and then nothing until the other end says so.
async fn held(db: &Db, work: impl for<'c> FnOnce(&'c mut store::Conn) -> futures::future::BoxFuture<'c, store::Result<()>> + Send + 'static) -> Held {
    let (done, go_on) = (tokio::sync::oneshot::channel::<()>(), tokio::sync::oneshot::channel::<()>());
    let db = db.clone();
    let writing = tokio::spawn(async move {
        db.write(move |c| {
            Box::pin(async move {
                work(c).await?;
                done.0.send(()).ok();
                go_on.1.await.ok();
                Ok::<_, store::Error>(())
            })
        })
        .await
    });
    done.1.await.unwrap();
    Held { go_on: go_on.0, writing }
}

struct Held {
    go_on: tokio::sync::oneshot::Sender<()>,
    writing: tokio::task::JoinHandle<store::Result<()>>,
}

impl Held {
    async fn end(self) {
        self.go_on.send(()).unwrap();
        self.writing.await.unwrap().unwrap();
    }
}

/// PostgreSQL's turn only: on SQLite one writes after the other.
#[tokio::test(flavor = "multi_thread")]
async fn handing_over_takes_its_locks_in_the_order_of_everybody_else() {
    for database in databases().await.into_iter().filter(|d| d.db.is_postgres()) {
        let world = World::new(database.db.clone(), "2026-11-20T10:00").await;
        let id = world.start("one", "路灯不亮").await;
        let (first, desk, second, now) = (world.first, world.desk, world.second, world.domain.now());
        let hand_over = || {
            let (domain, wang) = (world.domain.clone(), world.wang.clone());
            tokio::spawn(async move { desk::hand_over(&domain, &wang, id, second, "归第二网格").await })
        };

        // Somebody has the conversations: whoever waits for them keeps nobody else from being recorded.
        let moving = held(&world.domain.db, move |c| Box::pin(async move { store::post::move_conversations(c, first, first).await.map(drop) })).await;
        let handing = hand_over();
        until_waiting(&world, 1).await;
        let recorded = domain::audit::record(&world.domain, None, "session.begin", String::new(), String::new());
        assert!(tokio::time::timeout(std::time::Duration::from_secs(4), recorded).await.is_ok(), "who signs in waited for who hands over");
        moving.end().await;
        handing.await.unwrap().unwrap();
        desk::hand_over(&world.domain, &world.li, id, first, "不归这里").await.unwrap();

        // Somebody writes records, and two want to who have the same conversation.
        let recording = held(&world.domain.db, |c| Box::pin(store::audit::hold(c))).await;
        let handing = hand_over();
        until_waiting(&world, 1).await;
        let db = world.domain.db.clone();
        let ending = tokio::spawn(async move {
            db.write(move |c| {
                Box::pin(async move {
                    store::post::move_conversations(c, first, desk).await?;
                    domain::audit::append(c, now, None, "post.end", &first.to_string(), "").await
                })
            })
            .await
        });
        until_waiting(&world, 2).await;
        recording.end().await;
        handing.await.unwrap().unwrap();
        ending.await.unwrap().unwrap();
    }
}
