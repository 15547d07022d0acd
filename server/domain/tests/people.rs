//! Who may do what, who takes over, who is away, who leaves, and what is too much for one post.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{Fresh, domains};
use domain::{
    Admin, Clock, Staff, Supervisor,
    absence::{self, AbsenceError},
    caller,
    contact_point::{self, Scan},
    conversation::{self, Typed},
    desk::{self, Asked},
    grant::{self, Given, GrantError},
    holding::{self, HoldingError},
    leaving::{self, LeavingError},
    post, routing, session, supervision, telling,
};
use model::{
    At, ClientKey, ContactPointId, ConversationId, Event, GrantId, HoldingId, Language, MessageKind, PointCode, PostId, Role, SessionId, Setting, StaffId,
    UnitId, UnitKind,
};
use std::{
    net::{IpAddr, Ipv4Addr},
    ops::Deref,
};
use store::message::Audience;

fn at(wall: &str) -> At {
    At::from(format!("{wall}[Asia/Shanghai]").parse::<jiff::Zoned>().unwrap().timestamp())
}

/// Monday.
const NOW: &str = "2026-11-23T09:00";

/// 西陵区 (a district) › 西陵街道 › 云集路社区: a desk in the street held by 陈丽, one in the community held by 李明, and a grid worker's post beside
/// it held by 王芳, with a sticker.
struct Town {
    domain: Fresh,
    clock: Clock,
    district: UnitId,
    street: UnitId,
    community: UnitId,
    desk: PostId,
    second: PostId,
    first: PostId,
    chen: StaffId,
    li: StaffId,
    wang: StaffId,
    code: PointCode,
}

impl Town {
    /// What a post of a unit, and of those below, serves well.
    async fn limit(&self, unit: UnitId, setting: Setting, most: i64) {
        let (now, most) = (self.now(), most.to_string());
        self.db.write(move |c| Box::pin(async move { store::setting::save(c, unit, setting, Some(&most), false, None, now).await })).await.unwrap();
        self.settings.clear();
    }
}

impl Deref for Town {
    type Target = domain::Domain;
    fn deref(&self) -> &domain::Domain {
        &self.domain
    }
}

async fn towns() -> impl Iterator<Item = Town> {
    let clock = Clock::fixed(at(NOW));
    let mut towns = Vec::new();
    for domain in domains(clock.clone()).await {
        let mut town = Town {
            clock: domain.clock.clone(),
            district: UnitId(domain.id()),
            street: UnitId(domain.id()),
            community: UnitId(domain.id()),
            desk: PostId(domain.id()),
            second: PostId(domain.id()),
            first: PostId(domain.id()),
            chen: StaffId(domain.id()),
            li: StaffId(domain.id()),
            wang: StaffId(domain.id()),
            code: contact_point::new_code(&domain.random),
            domain,
        };
        let (district, street, community) = (town.district, town.street, town.community);
        town.unit(district, None, UnitKind::District, "西陵区").await;
        town.unit(street, Some(district), UnitKind::Street, "西陵街道").await;
        town.unit(community, Some(street), UnitKind::Community, "云集路社区").await;
        for (post, unit, title) in [(town.desk, street, "服务台"), (town.second, community, "社区书记"), (town.first, community, "网格员")] {
            town.post(post, unit, title).await;
        }
        for (id, name, post) in [(town.chen, "陈丽", town.desk), (town.li, "李明", town.second), (town.wang, "王芳", town.first)] {
            town.staff(id, name).await;
            town.hold(id, post).await;
        }
        town.sticker().await;
        routing::refresh(&town).await.unwrap();
        towns.push(town);
    }
    // The clock is theirs together, and the test before has moved it.
    towns.into_iter().inspect(move |_| clock.set(at(NOW)))
}

impl Town {
    async fn write<F>(&self, work: F)
    where
        F: for<'c> FnOnce(&'c mut store::Conn) -> futures::future::BoxFuture<'c, store::Result<()>> + Send + 'static,
    {
        self.domain.db.write(work).await.unwrap();
    }

    async fn unit(&self, id: UnitId, parent_id: Option<UnitId>, kind: UnitKind, name: &str) {
        let row = store::unit::Unit { id, parent_id, kind, name: name.into(), name_en: None, code: None, created_at: self.now(), ended_at: None };
        self.write(move |c| Box::pin(async move { store::unit::insert(c, &row).await })).await;
    }

    async fn post(&self, id: PostId, unit_id: UnitId, title: &str) {
        let row = store::post::Post {
            id,
            unit_id,
            title: title.into(),
            title_en: None,
            substitute_id: None,
            welcome: None,
            answering_id: None,
            created_at: self.now(),
            ended_at: None,
        };
        self.write(move |c| Box::pin(async move { store::post::insert(c, &row).await })).await;
    }

    async fn sticker(&mut self) {
        let row = store::contact_point::ContactPoint {
            id: ContactPointId(self.id()),
            post_id: self.first,
            code: self.code.clone(),
            check_phrase: contact_point::new_check_phrase(&self.random),
            place: "3号楼东门".into(),
            place_en: None,
            topic: None,
            welcome: None,
            created_at: self.now(),
            revoked_at: None,
        };
        self.write(move |c| Box::pin(async move { store::contact_point::insert(c, &row).await })).await;
    }

    async fn staff(&self, id: StaffId, name: &str) {
        let row = store::staff::Staff {
            id,
            email: format!("{id}@linli.test"),
            name: name.into(),
            title: None,
            language: Language::Chinese,
            password_hash: None,
            created_at: self.now(),
            activated_at: Some(self.now()),
            ended_at: None,
            off_duty_since: None,
            off_duty_until: None,
        };
        let unit = self.community;
        self.write(move |c| {
            Box::pin(async move {
                store::staff::insert(c, &row).await?;
                store::staff::set_unit(c, row.id, unit).await
            })
        })
        .await;
    }

    async fn newcomer(&self, name: &str) -> StaffId {
        let id = StaffId(self.id());
        self.staff(id, name).await;
        id
    }

    async fn hold(&self, staff_id: StaffId, post_id: PostId) {
        let row = store::holding::Holding { id: HoldingId(self.id()), post_id, staff_id, from_at: self.now(), until_at: None };
        self.write(move |c| Box::pin(async move { store::holding::insert(c, &row).await })).await;
    }

    async fn grant(&self, staff_id: StaffId, role: Role, unit_id: UnitId, until_at: Option<At>) -> GrantId {
        let row = store::staff::Grant { id: GrantId(self.id()), staff_id, role, unit_id, from_at: self.now(), until_at };
        let id = row.id;
        self.write(move |c| Box::pin(async move { store::staff::insert_grant(c, &row).await })).await;
        id
    }

    /// Signed in now, with the grants they have now.
    async fn caller(&self, id: StaffId) -> Staff {
        let key = format!("{}{}", id, self.id().as_simple());
        let row = store::session::Session {
            id: SessionId(self.id()),
            staff_id: id,
            agent: "test".into(),
            created_at: self.now(),
            seen_at: self.now(),
            ended_at: None,
        };
        let hash = domain::Keys::hash(&key);
        self.write(move |c| Box::pin(async move { store::session::insert(c, &row, &hash).await })).await;
        caller::staff(self, &key).await.unwrap().unwrap()
    }

    async fn new_admin(&self, name: &str, unit: UnitId) -> Admin {
        let id = self.newcomer(name).await;
        self.grant(id, Role::Admin, unit, None).await;
        self.caller(id).await.admin().unwrap()
    }

    async fn start(&self, device: &str, text: &str) -> ConversationId {
        conversation::start(self, &self.code, typed(device, text, ClientKey(self.id()))).await.unwrap().conversation_id
    }

    async fn conversation(&self, id: ConversationId) -> store::conversation::Conversation {
        store::conversation::find(&mut self.db.read().await.unwrap(), id).await.unwrap().unwrap()
    }

    /// Who the contact was told answers from there on.
    async fn told(&self, id: ConversationId) -> Vec<String> {
        let all = store::message::after(&mut self.db.read().await.unwrap(), id, Audience::Contact, 0, 1000).await.unwrap();
        let told = |m: store::message::Message| match Event::read(&m.body) {
            Some(Event::HandedOver { to }) => Some(to.name),
            _ => None,
        };
        all.into_iter().filter(|m| m.kind == MessageKind::Event).filter_map(told).collect()
    }

    async fn answers(&self, post: PostId) -> Option<String> {
        routing::refresh(self).await.unwrap();
        let answering = post::answering(self, &mut self.db.read().await.unwrap(), post).await.unwrap().unwrap();
        answering.card().staff_name.clone()
    }

    async fn actions(&self) -> Vec<String> {
        store::testing::actions(&mut self.db.read().await.unwrap()).await.unwrap()
    }

    /// What the minute brings.
    async fn upkeep(&self) {
        leaving::end_due(self).await.unwrap();
        routing::refresh(self).await.unwrap();
        telling::tell_due(self).await.unwrap();
        grant::run_out(self).await.unwrap();
    }
}

fn typed(device: &str, text: &str, client_key: ClientKey) -> Typed<'static> {
    let (device_key, text) = (String::leak(device.to_owned()), String::leak(text.to_owned()));
    Typed { device_key, text, client_key, language: Language::Chinese, address: IpAddr::V4(Ipv4Addr::LOCALHOST) }
}

fn role(role: &'static str) -> grant::Typed<'static> {
    grant::Typed { role, ..grant::Typed::default() }
}

const PHONE: &str = "phonephonephonephonephone1";

#[tokio::test]
async fn an_admin_of_a_street_gives_all_roles_inside_it_and_none_outside() {
    for town in towns().await {
        let admin = town.new_admin("街道管理员", town.street).await;
        for r in ["admin", "supervisor", "auditor"] {
            let given = grant::give(&town, &admin, town.wang, town.community, role(r)).await.unwrap();
            assert_eq!(given, Given::Granted, "{r}");
            assert!(matches!(grant::give(&town, &admin, town.wang, town.community, role(r)).await, Err(GrantError::Already)), "{r}");
        }
        assert!(matches!(grant::give(&town, &admin, town.wang, town.district, role("auditor")).await, Err(GrantError::NotFound)));
        assert!(matches!(grant::give(&town, &admin, admin.staff.id, town.community, role("auditor")).await, Err(GrantError::Own)));
        assert!(matches!(grant::give(&town, &admin, town.wang, town.community, role("king")).await, Err(GrantError::Invalid(_))));
        let wang = town.caller(town.wang).await;
        assert!(wang.is_admin() && wang.supervisor().is_some() && wang.auditor().is_some());
        // Neither supervisors nor auditors have anything to hand on; and nobody takes their own.
        let list = grant::list(&town, &wang.admin().unwrap(), None, "", 0).await.unwrap();
        let own = list.grants.lines.iter().find(|g| g.staff_id == town.wang).unwrap();
        assert!(matches!(grant::take(&town, &wang.admin().unwrap(), own.id).await, Err(GrantError::Own)));
        grant::take(&town, &admin, own.id).await.unwrap();
    }
}

#[tokio::test]
async fn a_grant_begins_and_ends_by_itself_and_lasts_no_longer_than_the_givers() {
    for town in towns().await {
        let id = town.newcomer("代管").await;
        town.grant(id, Role::Admin, town.street, Some(at("2026-12-31T00:00"))).await;
        let admin = town.caller(id).await.admin().unwrap();
        let give = async |from, until| grant::give(&town, &admin, town.wang, town.community, grant::Typed { role: "supervisor", from, until }).await;
        assert!(matches!(give("", "").await, Err(GrantError::Beyond)), "for ever is longer than until December");
        assert!(matches!(give("", "2027-01-10").await, Err(GrantError::Beyond)));
        assert!(matches!(give("2026-12-05", "2026-12-01").await, Err(GrantError::Invalid(_))));
        assert_eq!(give("2026-12-01", "2026-12-10").await.unwrap(), Given::Granted);
        let holds = async || town.caller(town.wang).await.supervisor().is_some();
        assert!(!holds().await);
        town.clock.set(at("2026-12-01T00:00"));
        assert!(holds().await);
        town.clock.set(at("2026-12-10T23:59"));
        assert!(holds().await);
        town.clock.set(at("2026-12-11T00:00"));
        assert!(!holds().await);
    }
}

#[tokio::test]
async fn an_admin_of_a_district_waits_for_a_second_admins_word() {
    for town in towns().await {
        let (one, other) = (town.new_admin("甲", town.district).await, town.new_admin("乙", town.district).await);
        let below = town.new_admin("街道管理员", town.street).await;
        let given = grant::give(&town, &one, town.wang, town.district, role("admin")).await.unwrap();
        assert_eq!(given, Given::Proposed { by: vec!["乙".to_owned()] });
        assert!(!town.caller(town.wang).await.is_admin(), "nothing holds before it is confirmed");
        assert!(matches!(grant::give(&town, &other, town.wang, town.district, role("admin")).await, Err(GrantError::Already)));
        let waiting = grant::list(&town, &other, None, "", 0).await.unwrap().waiting;
        let id = waiting[0].proposal.id;
        assert!(waiting[0].is_mine && grant::to_confirm(&town, &other).await.unwrap() == 1 && grant::to_confirm(&town, &one).await.unwrap() == 0);
        assert!(matches!(grant::confirm(&town, &one, id).await, Err(GrantError::Own)));
        assert!(matches!(grant::confirm(&town, &below, id).await, Err(GrantError::NotFound)), "who holds less does not even see it");
        assert_eq!(grant::confirm(&town, &other, id).await.unwrap(), town.wang);
        assert!(matches!(grant::confirm(&town, &other, id).await, Err(GrantError::NotFound)));
        assert!(town.caller(town.wang).await.is_admin());
        // A supervisor of the district, and an admin of a street, need nobody else's word.
        assert_eq!(grant::give(&town, &one, town.li, town.district, role("supervisor")).await.unwrap(), Given::Granted);
        assert_eq!(grant::give(&town, &one, town.li, town.street, role("admin")).await.unwrap(), Given::Granted);
        let actions = town.actions().await;
        assert_eq!(actions.iter().filter(|a| a.starts_with("grant.")).collect::<Vec<_>>(), ["grant.propose", "grant.confirm", "grant.give", "grant.give"]);
    }
}

#[tokio::test]
async fn what_nobody_confirms_in_seven_days_or_whose_proposer_is_gone_comes_to_nothing() {
    for town in towns().await {
        let (one, other) = (town.new_admin("甲", town.district).await, town.new_admin("乙", town.district).await);
        let propose = async |to| grant::give(&town, &one, to, town.district, role("admin")).await.unwrap();
        let waiting = async || grant::list(&town, &other, None, "", 0).await.unwrap().waiting;
        propose(town.wang).await;
        let id = waiting().await[0].proposal.id;
        grant::refuse(&town, &other, id).await.unwrap();
        assert!(waiting().await.is_empty());
        propose(town.wang).await;
        let id = waiting().await[0].proposal.id;
        town.clock.set(town.now().plus_days(grant::DAYS));
        assert!(matches!(grant::confirm(&town, &other, id).await, Err(GrantError::NotFound)));
        town.upkeep().await;
        town.upkeep().await;
        assert_eq!(town.actions().await.iter().filter(|a| *a == "grant.run_out").count(), 1, "on record once");
        propose(town.wang).await;
        let id = waiting().await[0].proposal.id;
        let own = grant::list(&town, &other, None, "甲", 0).await.unwrap().grants.lines[0].id;
        grant::take(&town, &other, own).await.unwrap();
        assert!(matches!(grant::confirm(&town, &other, id).await, Err(GrantError::Lapsed)));
        assert!(!town.caller(town.wang).await.is_admin());
    }
}

async fn supervisor(town: &Town, unit: UnitId) -> Supervisor {
    let id = town.newcomer("督导").await;
    town.grant(id, Role::Supervisor, unit, None).await;
    town.caller(id).await.supervisor().unwrap()
}

#[tokio::test]
async fn a_supervisor_reads_what_is_below_on_record_each_time_and_writes_nothing() {
    for town in towns().await {
        let id = town.start(PHONE, "路灯不亮").await;
        let inside = supervisor(&town, town.street).await;
        let view = supervision::overview(&town, &inside).await.unwrap();
        assert_eq!((view.figures.posts, view.figures.waiting, view.tops.len(), view.waiting[&town.street].waiting), (3, 1, 1, 1));
        let unit = supervision::unit(&town, &inside, town.street, 0).await.unwrap().unwrap();
        assert_eq!(unit.waiting[&town.community].waiting, 1);
        assert!(supervision::unit(&town, &inside, town.district, 0).await.unwrap().is_none());
        let post = supervision::post(&town, &inside, town.first, supervision::Which::Waiting, 0).await.unwrap().unwrap();
        assert_eq!(post.conversations.lines.len(), 1);
        let read = async || town.actions().await.iter().filter(|a| *a == supervision::READ).count();
        assert_eq!(read().await, 0, "a list is no reading");
        for n in 1..=3 {
            let reading = supervision::read(&town, &inside, id, None).await.unwrap().unwrap();
            assert_eq!(reading.messages[0].body, "路灯不亮");
            assert_eq!(read().await, n);
        }
        assert_eq!(town.conversation(id).await.staff_seen_seq, 0, "the post has not seen it");
        assert!(matches!(desk::answer(&town, &inside.staff, id, "我来", ClientKey(town.id())).await, Err(desk::DeskError::NotFound)));
        assert!(matches!(desk::note(&town, &inside.staff, id, "记", ClientKey(town.id())).await, Err(desk::DeskError::NotFound)));
        let beside = UnitId(town.id());
        town.unit(beside, Some(town.district), UnitKind::Street, "学院街道").await;
        let beside = supervisor(&town, beside).await;
        assert!(supervision::read(&town, &beside, id, None).await.unwrap().is_none());
        assert!(supervision::post(&town, &beside, town.first, supervision::Which::Waiting, 0).await.unwrap().is_none());
        assert_eq!(read().await, 3);
    }
}

#[tokio::test]
async fn a_post_handed_over_on_a_day_keeps_everything_and_its_open_conversations_are_told_once() {
    for town in towns().await {
        let admin = town.new_admin("管理员", town.street).await;
        let (waiting, answered) = (town.start(PHONE, "路灯不亮").await, town.start("phonephonephonephonephone2", "谢谢").await);
        let wang = town.caller(town.wang).await;
        desk::answer(&town, &wang, answered, "不客气", ClientKey(town.id())).await.unwrap();
        domain::quick_reply::add(&town, &wang, town.first, "收到", "收到，马上去看。").await.unwrap();
        let due = store::wait::open(&mut town.db.read().await.unwrap(), waiting).await.unwrap().unwrap().due_at;
        let zhao = town.newcomer("赵敏").await;
        let typed = holding::Typed { who: "赵敏", from: "2026-12-01", until: "" };
        holding::hand_over(&town, &admin, town.first, typed).await.unwrap();
        assert_eq!(town.answers(town.first).await.as_deref(), Some("王芳"));
        assert_eq!(town.told(waiting).await, Vec::<String>::new());
        town.clock.set(at("2026-11-30T23:59"));
        town.upkeep().await;
        assert_eq!(town.answers(town.first).await.as_deref(), Some("王芳"));
        town.clock.set(at("2026-12-01T00:00"));
        // On two nodes at the same moment, and again a minute later.
        tokio::join!(town.upkeep(), town.upkeep());
        town.upkeep().await;
        assert_eq!(town.answers(town.first).await.as_deref(), Some("赵敏"));
        for id in [waiting, answered] {
            assert_eq!(town.told(id).await, ["赵敏"]);
            assert_eq!(town.conversation(id).await.post_id, town.first);
        }
        let zhao = town.caller(zhao).await;
        let listed: Vec<ConversationId> = desk::inbox(&town, &zhao, &Asked::default()).await.unwrap().rows().map(|r| r.id).collect();
        assert_eq!(listed.len(), 2);
        assert!(desk::inbox(&town, &wang, &Asked::default()).await.unwrap().rows().next().is_none());
        assert_eq!(domain::quick_reply::mine(&town, &zhao).await.unwrap()[0].replies.len(), 1);
        let wait = store::wait::open(&mut town.db.read().await.unwrap(), waiting).await.unwrap().unwrap();
        assert_eq!((wait.due_at, wait.post_id), (due, town.first), "the clock runs on");
        let device = caller::device(&town, "phonephonephonephonephone3").await.unwrap();
        assert!(matches!(contact_point::scan(&town, device.as_ref(), &town.code).await.unwrap(), Scan::Point(_)), "the codes stay");
    }
}

#[tokio::test]
async fn of_another_holder_only_who_waits_gets_a_mail_and_one() {
    for town in towns().await {
        let admin = town.new_admin("管理员", town.street).await;
        let (waiting, answered) = (town.start(PHONE, "路灯不亮").await, town.start("phonephonephonephonephone2", "谢谢").await);
        desk::answer(&town, &town.caller(town.wang).await, answered, "不客气", ClientKey(town.id())).await.unwrap();
        for (device, id) in [(PHONE, waiting), ("phonephonephonephonephone2", answered)] {
            let device = caller::device(&town, device).await.unwrap().unwrap();
            conversation::set_email(&town, &device, id, "a@b.cn", Language::Chinese).await.unwrap();
        }
        town.newcomer("赵敏").await;
        // In the evening: the mail waits until seven.
        town.clock.set(at("2026-11-23T23:00"));
        holding::hand_over(&town, &admin, town.first, holding::Typed { who: "赵敏", from: "", until: "" }).await.unwrap();
        assert_eq!((town.told(waiting).await, town.told(answered).await), (vec!["赵敏".to_owned()], vec!["赵敏".to_owned()]));
        let due = async || {
            let (now, later) = (town.now(), town.now());
            town.db
                .write(move |c| Box::pin(async move { store::outbox::claim(c, now, later, store::outbox::Share { invitations: 10, others: 10 }).await }))
                .await
                .unwrap()
        };
        assert!(due().await.is_empty(), "nobody is woken");
        town.clock.set(at("2026-11-24T07:00"));
        let mails = due().await;
        assert_eq!(mails.iter().map(|m| (m.kind, m.conversation_id)).collect::<Vec<_>>(), [(model::MailKind::HandOver, Some(waiting))]);
        let told = store::outbox::told(&mut town.db.read().await.unwrap(), mails[0].id).await.unwrap().unwrap();
        assert_eq!((told.waits, told.has_seen, told.email.as_deref()), (1, 0, Some("a@b.cn")));
    }
}

#[tokio::test]
async fn whoever_joins_a_holder_changes_nothing_for_residents() {
    for town in towns().await {
        let admin = town.new_admin("管理员", town.street).await;
        let id = town.start(PHONE, "路灯不亮").await;
        town.newcomer("赵敏").await;
        holding::add(&town, &admin, town.first, holding::Typed { who: "赵敏", from: "", until: "" }).await.unwrap();
        town.upkeep().await;
        assert_eq!(town.told(id).await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn who_leaves_on_a_day_gives_up_every_post_and_is_signed_out_at_that_moment() {
    for town in towns().await {
        let admin = town.new_admin("管理员", town.street).await;
        let id = town.start(PHONE, "路灯不亮").await;
        town.hold(town.wang, town.second).await;
        let zhao = town.newcomer("赵敏").await;
        let view = leaving::view(&town, &admin, town.wang).await.unwrap().unwrap();
        assert_eq!(view.seats.len(), 2);
        let first = view.seats.iter().find(|s| s.term.post_id == town.first).unwrap();
        assert_eq!((first.open, first.waiting), (1, 1));
        let leave = async |last_day: &'static str, who: &'static str| {
            leaving::leave(&town, &admin, town.wang, leaving::Typed { last_day, successors: vec![(town.first, who)] }).await
        };
        assert!(matches!(leave("2026-11-01", "赵敏").await, Err(LeavingError::Invalid(_))));
        assert!(matches!(leave("2026-11-30", "没有这人").await, Err(LeavingError::Invalid(_))));
        let key = "keykeykeykeykeykeykeykey";
        let row = store::session::Session {
            id: SessionId(town.id()),
            staff_id: town.wang,
            agent: "t".into(),
            created_at: town.now(),
            seen_at: town.now(),
            ended_at: None,
        };
        let (session_id, hash) = (row.id, domain::Keys::hash(key));
        town.write(move |c| Box::pin(async move { store::session::insert(c, &row, &hash).await })).await;
        leave("2026-11-30", "赵敏").await.unwrap();
        town.clock.set(at("2026-11-30T23:59"));
        assert!(caller::staff(&town, key).await.unwrap().is_some());
        // No minute has passed yet, and no node has done anything.
        town.clock.set(at("2026-12-01T00:00"));
        assert!(caller::staff(&town, key).await.unwrap().is_none());
        assert!(!session::is_live(&town, session_id).await.unwrap());
        town.upkeep().await;
        let person = store::staff::find(&mut town.db.read().await.unwrap(), town.wang).await.unwrap().unwrap();
        assert!(person.ended_at.is_some());
        assert_eq!(town.answers(town.first).await.as_deref(), Some("赵敏"));
        assert_eq!(town.answers(town.second).await.as_deref(), Some("李明"), "the other holder stays");
        assert_eq!(town.told(id).await, ["赵敏"]);
        assert!(store::holding::is_held(&mut town.db.read().await.unwrap(), town.first, zhao, town.now()).await.unwrap());
    }
}

#[tokio::test]
async fn nobody_leaves_somebody_waiting_with_nobody_to_answer() {
    for town in towns().await {
        let admin = town.new_admin("管理员", town.district).await;
        let id = town.start(PHONE, "路灯不亮").await;
        // 王芳 is the last one anywhere.
        for person in [town.chen, town.li] {
            leaving::leave(&town, &admin, person, leaving::Typed::default()).await.unwrap();
        }
        let day = leaving::Typed { last_day: "2026-12-24", ..leaving::Typed::default() };
        let Err(LeavingError::Ownerless(open)) = leaving::leave(&town, &admin, town.wang, day).await else { panic!("left in the lurch on a day to come") };
        assert_eq!((open[0].post_id, open[0].waiting, open.len()), (town.first, 1, 1));
        assert!(matches!(leaving::leave(&town, &admin, town.wang, leaving::Typed::default()).await, Err(LeavingError::Ownerless(_))));
        assert!(matches!(post::end(&town, &admin, town.first, None).await, Err(post::PostError::Ownerless(open)) if open[0].waiting == 1));
        assert_eq!(town.answers(town.first).await.as_deref(), Some("王芳"), "nothing of it was kept");
        // Given to a post beside it that somebody holds, it may end.
        assert!(matches!(post::end(&town, &admin, town.first, Some(town.second)).await, Err(post::PostError::NotNearby)));
        let zhao = town.newcomer("赵敏").await;
        town.hold(zhao, town.second).await;
        routing::refresh(&town).await.unwrap();
        post::end(&town, &admin, town.first, Some(town.second)).await.unwrap();
        assert_eq!(town.conversation(id).await.post_id, town.second);
        assert_eq!(town.told(id).await, ["赵敏"]);
    }
}

#[tokio::test]
async fn an_invited_successor_is_told_of_once_they_have_a_login_and_until_then_somebody_answers() {
    for town in towns().await {
        let admin = town.new_admin("管理员", town.street).await;
        let id = town.start(PHONE, "路灯不亮").await;
        let zhao = town.newcomer("赵敏").await;
        town.write(move |c| Box::pin(async move { store::staff::come_back(c, zhao, "赵敏").await })).await;
        holding::hand_over(&town, &admin, town.first, holding::Typed { who: "赵敏", from: "", until: "" }).await.unwrap();
        assert_eq!(town.answers(town.first).await.as_deref(), Some("陈丽"));
        assert_eq!(town.told(id).await, ["陈丽"]);
        town.write(move |c| Box::pin(async move { store::staff::activate(c, zhao, "赵敏", "hash", at(NOW)).await })).await;
        assert_eq!(town.answers(town.first).await.as_deref(), Some("赵敏"));
    }
}

fn away<'a>(from: &'a str, until: &'a str, substitute: &'a str) -> absence::Typed<'a> {
    absence::Typed { from, until, reason: "leave", substitute }
}

#[tokio::test]
async fn before_during_and_after_an_absence_the_right_person_answers_through_its_chain() {
    for town in towns().await {
        let (wang, li) = (town.caller(town.wang).await, town.caller(town.li).await);
        let (second, desk) = (town.second.to_string(), town.desk.to_string());
        absence::plan(&town, &wang, away("2026-11-24", "2026-11-26", &second)).await.unwrap();
        // 李明, who stands in, is away on the 25th, with the street's desk for him.
        absence::plan(&town, &li, away("2026-11-25", "2026-11-25", &desk)).await.unwrap();
        let mut seen = Vec::new();
        for moment in ["2026-11-23T23:59", "2026-11-24T00:00", "2026-11-25T12:00", "2026-11-26T23:59", "2026-11-27T00:00"] {
            town.clock.set(at(moment));
            seen.push(town.answers(town.first).await.unwrap());
        }
        assert_eq!(seen, ["王芳", "李明", "陈丽", "李明", "王芳"]);
        // What residents read: until when, and who answers.
        town.clock.set(at("2026-11-24T10:00"));
        routing::refresh(&town).await.unwrap();
        let Scan::Point(point) = contact_point::scan(&town, None, &town.code).await.unwrap() else { panic!() };
        assert_eq!(point.answering.away(town.now()), Some(("王芳".to_owned(), Some(at("2026-11-27T08:30")))));
        let id = town.start(PHONE, "路灯不亮").await;
        let view = desk::show(&town, &town.caller(town.li).await, id, None).await.unwrap();
        assert!(view.stands_in);
        assert!(town.caller(town.wang).await.is_off_duty);
        // Back sooner: it ends.
        domain::duty::back(&town, &town.caller(town.wang).await).await.unwrap();
        assert_eq!(town.answers(town.first).await.as_deref(), Some("王芳"));
    }
}

#[tokio::test]
async fn an_absence_that_leads_round_in_a_ring_is_refused_with_whose_it_is() {
    for town in towns().await {
        let (wang, li, chen) = (town.caller(town.wang).await, town.caller(town.li).await, town.caller(town.chen).await);
        let (first, second, desk) = (town.first.to_string(), town.second.to_string(), town.desk.to_string());
        absence::plan(&town, &wang, away("2026-11-24", "2026-11-26", &second)).await.unwrap();
        absence::plan(&town, &li, away("2026-11-26", "2026-11-30", &desk)).await.unwrap();
        let planned = absence::plan(&town, &chen, away("2026-11-25", "2026-11-27", &first)).await;
        // The desk's people may choose from their own neighbourhood only.
        assert!(matches!(planned, Err(AbsenceError::Invalid(m)) if m.substitute));
        assert!(matches!(absence::plan(&town, &wang, away("2026-11-26", "2026-11-28", "")).await, Err(AbsenceError::Overlap)));
        assert!(matches!(absence::plan(&town, &wang, away("2026-12-03", "2026-12-01", "")).await, Err(AbsenceError::Invalid(_))));
        assert!(matches!(absence::plan(&town, &wang, away("2026-12-03", "", "")).await, Err(AbsenceError::Invalid(m)) if m.until.is_some()));
        assert!(matches!(absence::plan(&town, &wang, away("2026-12-01", "2026-12-03", &first)).await, Err(AbsenceError::Invalid(m)) if m.substitute));
        let zhao = town.newcomer("赵敏").await;
        let third = PostId(town.id());
        town.post(third, town.community, "调解员").await;
        town.hold(zhao, third).await;
        let third = third.to_string();
        absence::plan(&town, &town.caller(zhao).await, away("2026-12-01", "2026-12-05", &first)).await.unwrap();
        let ring = absence::plan(&town, &wang, away("2026-12-05", "2026-12-08", &third)).await;
        assert!(matches!(&ring, Err(AbsenceError::Ring { name, .. }) if name == "赵敏"), "{ring:?}");
        absence::plan(&town, &wang, away("2026-12-06", "2026-12-08", &third)).await.unwrap();
        // An admin plans for others, but not for those of other units.
        let (inside, beside) = (town.new_admin("管理员", town.street).await, UnitId(town.id()));
        town.unit(beside, Some(town.district), UnitKind::Street, "学院街道").await;
        let outside = town.new_admin("别的管理员", beside).await;
        assert!(matches!(absence::plan_for(&town, &outside, town.li, away("", "2026-11-24", "")).await, Err(AbsenceError::NotFound)));
        absence::plan_for(&town, &inside, town.li, away("", "2026-11-24", "")).await.unwrap();
        let own = absence::mine(&town, &li).await.unwrap().absences[0].id;
        assert!(matches!(absence::end(&town, &wang, own).await, Err(AbsenceError::NotFound)));
        absence::end_for(&town, &inside, town.li, own).await.unwrap();
    }
}

#[tokio::test]
async fn what_is_too_much_for_a_post_goes_to_the_one_above_and_everybody_is_told_the_truth() {
    for town in towns().await {
        town.limit(town.community, Setting::NewContacts, 2).await;
        let devices = ["a", "b", "c", "d"].map(|n| n.repeat(26));
        for device in &devices[..2] {
            let id = town.start(device, "路灯不亮").await;
            assert_eq!(town.conversation(id).await.post_id, town.first);
        }
        let Scan::Point(point) = contact_point::scan(&town, None, &town.code).await.unwrap() else { panic!() };
        assert_eq!((point.answering.card().staff_name.as_deref(), point.full.is_some()), (Some("陈丽"), true));
        let id = town.start(&devices[2], "水管漏水").await;
        assert_eq!(town.conversation(id).await.post_id, town.desk);
        let wait = store::wait::open(&mut town.db.read().await.unwrap(), id).await.unwrap().unwrap();
        assert_eq!(wait.post_id, town.desk, "the wait is that post's");
        let messages = store::message::after(&mut town.db.read().await.unwrap(), id, Audience::Contact, 0, 10).await.unwrap();
        let Some(Event::Overflow { name, to }) = Event::read(&messages[1].body) else { panic!("{:?}", messages[1].body) };
        assert_eq!((name.as_str(), to.name.as_str()), ("王芳", "陈丽"));
        // The same phone at the same sticker comes back to its conversation, also on a day with room.
        let device = caller::device(&town, &devices[2]).await.unwrap();
        for day in [NOW, "2026-11-24T09:00"] {
            town.clock.set(at(day));
            assert!(matches!(contact_point::scan(&town, device.as_ref(), &town.code).await.unwrap(), Scan::Known(known) if known == id));
        }
        assert_eq!(town.start(&devices[2], "还在漏").await, id);
        // What a worker sees.
        town.clock.set(at(NOW));
        let reached = desk::inbox(&town, &town.caller(town.wang).await, &Asked::default()).await.unwrap().reached;
        assert_eq!((reached[0].per_day, reached[0].elsewhere, reached[0].by.as_ref().unwrap().1.as_str()), (Some(2), 1, "陈丽"));
        town.clock.set(at("2026-11-24T09:00"));
        assert!(desk::inbox(&town, &town.caller(town.wang).await, &Asked::default()).await.unwrap().reached.is_empty());
        let next = town.start(&devices[3], "新的一天").await;
        assert_eq!(town.conversation(next).await.post_id, town.first);
    }
}

#[tokio::test]
async fn many_at_once_fill_a_post_exactly_and_where_nobody_above_has_room_it_takes_them_after_all() {
    for town in towns().await {
        town.limit(town.community, Setting::OpenConversations, 3).await;
        let devices: Vec<String> = (0..8).map(|n| format!("{n}").repeat(26)).collect();
        let starts = devices.iter().map(|device| conversation::start(&town, &town.code, typed(device, "路灯", ClientKey(town.id()))));
        let mut at_posts = Vec::new();
        for sent in futures::future::join_all(starts).await {
            at_posts.push(town.conversation(sent.unwrap().conversation_id).await.post_id);
        }
        let count = |post| at_posts.iter().filter(|p| **p == post).count();
        assert_eq!((count(town.first), count(town.desk)), (3, 5));
        town.limit(town.street, Setting::OpenConversations, 0).await;
        let id = town.start(&"z".repeat(26), "没人有空").await;
        assert_eq!(town.conversation(id).await.post_id, town.first, "nobody is refused");
    }
}

#[tokio::test]
async fn a_hand_over_to_nobody_who_can_answer_is_refused_while_somebody_waits() {
    for town in towns().await {
        let admin = town.new_admin("管理员", town.district).await;
        for person in [town.chen, town.li] {
            leaving::leave(&town, &admin, person, leaving::Typed::default()).await.unwrap();
        }
        town.start(PHONE, "路灯不亮").await;
        let zhao = town.newcomer("赵敏").await;
        town.write(move |c| Box::pin(async move { store::staff::come_back(c, zhao, "赵敏").await })).await;
        let typed = holding::Typed { who: "赵敏", from: "", until: "" };
        assert!(matches!(holding::hand_over(&town, &admin, town.first, typed).await, Err(HoldingError::Ownerless(open)) if open[0].waiting == 1));
    }
}
