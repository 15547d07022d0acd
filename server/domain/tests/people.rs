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
    first_admin,
    grant::{self, Given, GrantError},
    holding::{self, HoldingError},
    invitation,
    leaving::{self, LeavingError},
    live::Topic,
    post, routing, session, sign_in, staff, supervision, telling,
};
use model::{
    At, ClientKey, ContactPointId, ConversationId, Event, GrantId, HoldingId, InvitationId, Language, MessageKind, OutboxId, PointCode, PostId, Role,
    SessionId, Setting, StaffId, UnitId, UnitKind,
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
            // Everybody has been there for a day.
            activated_at: Some(self.now().plus_days(-1)),
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
        let row = store::holding::Holding { id: HoldingId(self.id()), post_id, staff_id, from_at: self.now().plus_days(-1), until_at: None };
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
        holding::keep_needed(self).await.unwrap();
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
        assert_eq!(town.told(waiting).await, Vec::<String>::new(), "the admin does not wait until everybody is told");
        town.upkeep().await;
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
async fn where_a_unit_has_no_quiet_hours_a_new_holder_is_told_of_at_night_too() {
    for town in towns().await {
        let admin = town.new_admin("管理员", town.street).await;
        let none = domain::setting::TypedOne { is_own: true, ..domain::setting::TypedOne::default() };
        domain::setting::save(&town, &admin, town.street, &[(Setting::QuietHours, none)].into()).await.unwrap();
        let waiting = town.start(PHONE, "路灯不亮").await;
        let device = caller::device(&town, PHONE).await.unwrap().unwrap();
        conversation::set_email(&town, &device, waiting, "a@b.cn", Language::Chinese).await.unwrap();
        town.newcomer("赵敏").await;
        town.clock.set(at("2026-11-23T23:00"));
        holding::hand_over(&town, &admin, town.first, holding::Typed { who: "赵敏", from: "", until: "" }).await.unwrap();
        town.upkeep().await;
        let mails = store::outbox::to(&mut town.db.read().await.unwrap(), "a@b.cn").await.unwrap();
        assert_eq!(mails.iter().map(|m| m.due_at).collect::<Vec<_>>(), [town.now()]);
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
        holding::hand_over(&town, &admin, town.first, on("赵敏", "", "")).await.unwrap();
        town.upkeep().await;
        assert_eq!(town.answers(town.first).await.as_deref(), Some("陈丽"));
        assert_eq!(town.told(id).await, ["陈丽"]);
        town.clock.set(at("2026-11-24T10:00"));
        let ids = (InvitationId(town.id()), OutboxId(town.id()));
        town.write(move |c| Box::pin(async move { invitation::invite(c, ids, zhao, at("2026-11-24T10:00")).await })).await;
        let token = invitation::link(&town, ids.0).rsplit_once('/').unwrap().1.to_owned();
        let browser = sign_in::Browser { address: IpAddr::V4(Ipv4Addr::LOCALHOST), agent: "t", known: None, session: None };
        invitation::accept(&town, &token, "赵敏", "correct horse battery", browser).await.unwrap();
        town.upkeep().await;
        town.upkeep().await;
        assert_eq!(town.answers(town.first).await.as_deref(), Some("赵敏"));
        assert_eq!(town.told(id).await, ["陈丽", "赵敏"]);
    }
}

/// From a day until another.
fn on<'a>(who: &'a str, from: &'a str, until: &'a str) -> holding::Typed<'a> {
    holding::Typed { who, from, until }
}

impl Town {
    /// Everybody but 王芳 has left, so that nobody stands behind her.
    async fn only_wang(&self, admin: &Admin) {
        for person in [self.chen, self.li] {
            leaving::leave(self, admin, person, leaving::Typed::default()).await.unwrap();
        }
    }

    async fn leaves(&self, admin: &Admin, who: StaffId, last_day: &str, successor: &str) -> Result<(), LeavingError> {
        leaving::leave(self, admin, who, leaving::Typed { last_day, successors: vec![(self.first, successor)] }).await
    }

    async fn terms(&self, post: PostId) -> Vec<(String, Option<At>)> {
        let mut terms = store::holding::of_post(&mut self.db.read().await.unwrap(), post).await.unwrap();
        terms.retain(|t| t.until_at.is_none_or(|until| until > self.now()));
        terms.into_iter().map(|t| (t.staff_name, t.until_at)).collect()
    }

    async fn ended(&self, id: StaffId) -> bool {
        store::staff::find(&mut self.db.read().await.unwrap(), id).await.unwrap().unwrap().ended_at.is_some()
    }
}

#[tokio::test]
async fn residents_are_told_too_when_a_holding_ends_by_itself_and_not_twice() {
    for town in towns().await {
        let admin = town.new_admin("管理员", town.street).await;
        let id = town.start(PHONE, "路灯不亮").await;
        town.newcomer("赵敏").await;
        holding::hand_over(&town, &admin, town.first, on("赵敏", "2026-11-25", "2026-11-30")).await.unwrap();
        // Given away again before its end has come: that end is none any more.
        town.newcomer("孙强").await;
        holding::hand_over(&town, &admin, town.first, on("孙强", "2026-11-28", "2026-12-02")).await.unwrap();
        let mut told = Vec::new();
        for day in ["2026-11-25", "2026-11-28", "2026-12-01", "2026-12-03"] {
            town.clock.set(at(&format!("{day}T00:01")));
            town.upkeep().await;
            told = town.told(id).await;
        }
        assert_eq!(told, ["赵敏", "孙强", "陈丽"]);
    }
}

#[tokio::test]
async fn who_stays_is_found_out_when_the_day_has_come_not_when_it_is_planned() {
    for town in towns().await {
        let admin = town.new_admin("管理员", town.street).await;
        let id = town.start(PHONE, "路灯不亮").await;
        let zhao = town.newcomer("赵敏").await;
        town.hold(zhao, town.first).await;
        // Planned while 赵敏 is there too; she goes the day before.
        town.leaves(&admin, town.wang, "2026-11-30", "").await.unwrap();
        town.leaves(&admin, zhao, "2026-11-29", "").await.unwrap();
        town.clock.set(at("2026-11-30T00:01"));
        town.upkeep().await;
        assert_eq!(town.told(id).await, Vec::<String>::new(), "王芳 is still there");
        town.clock.set(at("2026-12-01T00:01"));
        town.upkeep().await;
        assert_eq!(town.told(id).await, ["陈丽"]);
        // A server that was away tells once, of who answers by then.
        holding::hand_over(&town, &admin, town.first, on("李明", "2026-12-03", "")).await.unwrap();
        holding::hand_over(&town, &admin, town.first, on("陈丽", "2026-12-05", "")).await.unwrap();
        town.clock.set(at("2026-12-06T09:00"));
        town.upkeep().await;
        assert_eq!(town.told(id).await, ["陈丽", "陈丽"]);
    }
}

#[tokio::test]
async fn nobody_is_left_waiting_at_any_later_moment_either() {
    for town in towns().await {
        let admin = town.new_admin("管理员", town.district).await;
        town.only_wang(&admin).await;
        town.newcomer("赵敏").await;
        town.newcomer("孙强").await;
        town.start(PHONE, "路灯不亮").await;
        let ownerless = |done: Result<(), HoldingError>| matches!(done, Err(HoldingError::Ownerless(open)) if open[0].post_id == town.first);
        // A hand over for a time leaves nobody after it.
        assert!(ownerless(holding::hand_over(&town, &admin, town.first, on("赵敏", "", "2026-12-10")).await));
        assert!(ownerless(holding::hand_over(&town, &admin, town.first, on("赵敏", "2026-12-01", "2026-12-10")).await));
        // Who comes later cannot be taken back while the one before them still ends.
        holding::hand_over(&town, &admin, town.first, on("赵敏", "2026-12-01", "")).await.unwrap();
        let zhao = store::holding::of_post(&mut town.db.read().await.unwrap(), town.first).await.unwrap()[0].id;
        assert!(matches!(holding::end(&town, &admin, zhao, "").await, Err(HoldingError::Ownerless(_))));
        assert_eq!(town.terms(town.first).await, [("赵敏".to_owned(), None), ("王芳".to_owned(), Some(at("2026-12-01T00:00")))]);
        // Of two who leave, the one who goes later is the last, whoever is asked first.
        holding::add(&town, &admin, town.first, on("孙强", "", "")).await.unwrap();
        let id_of = async |name: &str| {
            let terms = store::holding::of_post(&mut town.db.read().await.unwrap(), town.first).await.unwrap();
            terms.into_iter().find(|t| t.staff_name == name).unwrap().staff_id
        };
        let (zhao, sun) = (id_of("赵敏").await, id_of("孙强").await);
        town.leaves(&admin, zhao, "2026-12-20", "").await.unwrap();
        for day in ["2026-12-10", "2026-12-24", ""] {
            let left = town.leaves(&admin, sun, day, "").await;
            assert!(matches!(left, Err(LeavingError::Ownerless(_))), "{day}: {left:?}");
        }
        // And once somebody is there for good, all of it may be.
        holding::add(&town, &admin, town.second, on("管理员", "", "")).await.unwrap();
        let substitute = post::set_substitute(&town, &admin, town.first, Some(town.second)).await;
        substitute.unwrap();
        town.leaves(&admin, sun, "2026-12-10", "").await.unwrap();
        assert!(matches!(post::set_substitute(&town, &admin, town.first, None).await, Err(post::PostError::Ownerless(_))), "needed from the 20th on");
    }
}

#[tokio::test]
async fn who_is_still_needed_when_their_day_comes_goes_on_with_their_login_and_the_admin_is_told() {
    for town in towns().await {
        let admin = town.new_admin("管理员", town.district).await;
        town.only_wang(&admin).await;
        // Nobody waits when it is planned.
        town.leaves(&admin, town.wang, "2026-11-30", "").await.unwrap();
        let id = town.start(PHONE, "路灯不亮").await;
        for (day, kept) in [("2026-11-30T23:57", false), ("2026-11-30T23:59", true), ("2026-12-01T00:01", true), ("2026-12-02T00:01", true)] {
            town.clock.set(at(day));
            town.upkeep().await;
            assert_eq!(holding::kept(&town, &admin).await.unwrap(), if kept { vec![town.first] } else { vec![] }, "{day}");
            assert!(!town.ended(town.wang).await, "{day}");
            assert_eq!(town.answers(town.first).await.as_deref(), Some("王芳"), "{day}");
        }
        let wang = town.caller(town.wang).await;
        assert!(desk::show(&town, &wang, id, None).await.is_ok());
        assert_eq!(town.told(id).await, Vec::<String>::new(), "nothing has changed for residents");
        assert_eq!(town.actions().await.iter().filter(|a| *a == "holding.keep").count(), 2, "once a day");
        // Somebody takes over: nothing is left to do, and the day after the login ends.
        town.newcomer("赵敏").await;
        holding::hand_over(&town, &admin, town.first, on("赵敏", "", "")).await.unwrap();
        assert!(holding::kept(&town, &admin).await.unwrap().is_empty());
        town.clock.set(at("2026-12-03T00:01"));
        town.upkeep().await;
        assert!(town.ended(town.wang).await);
        assert_eq!(town.told(id).await, ["赵敏"]);
    }
}

#[tokio::test]
async fn a_holding_that_was_to_end_goes_on_too_and_ends_once_everybody_is_answered() {
    for town in towns().await {
        let admin = town.new_admin("管理员", town.district).await;
        town.only_wang(&admin).await;
        let term = store::holding::of_post(&mut town.db.read().await.unwrap(), town.first).await.unwrap()[0].id;
        holding::end(&town, &admin, term, "2026-11-30").await.unwrap();
        let id = town.start(PHONE, "路灯不亮").await;
        // The server was away when the day came.
        town.clock.set(at("2026-12-01T08:00"));
        assert_eq!(town.answers(town.first).await, None);
        town.upkeep().await;
        assert_eq!(town.answers(town.first).await.as_deref(), Some("王芳"));
        desk::answer(&town, &town.caller(town.wang).await, id, "修好了", ClientKey(town.id())).await.unwrap();
        town.clock.set(at("2026-12-02T00:01"));
        town.upkeep().await;
        assert_eq!(town.terms(town.first).await, []);
    }
}

#[tokio::test]
async fn who_leaves_on_another_day_or_not_at_all_has_everything_as_it_was() {
    for town in towns().await {
        let admin = town.new_admin("管理员", town.street).await;
        let id = town.start(PHONE, "路灯不亮").await;
        town.newcomer("赵敏").await;
        town.newcomer("孙强").await;
        // A post they hold until a day, and one they are going to hold.
        holding::add(&town, &admin, town.second, on("王芳", "", "2026-12-15")).await.unwrap();
        holding::add(&town, &admin, town.desk, on("王芳", "2026-12-10", "")).await.unwrap();
        let all = async || (town.terms(town.first).await, town.terms(town.second).await, town.terms(town.desk).await);
        let before = all().await;
        let of = |name: &str, until: Option<&str>| (name.to_owned(), until.map(at));
        town.leaves(&admin, town.wang, "2026-11-30", "赵敏").await.unwrap();
        assert_eq!(all().await.0, [of("赵敏", None), of("王芳", Some("2026-12-01T00:00"))]);
        assert_eq!(all().await.2, [of("陈丽", None)]);
        // Later, with another successor; then sooner, with none.
        town.leaves(&admin, town.wang, "2026-12-20", "孙强").await.unwrap();
        let (first, second, desk) = all().await;
        assert_eq!(first, [of("孙强", None), of("王芳", Some("2026-12-21T00:00"))]);
        assert_eq!(second[0], of("王芳", Some("2026-12-16T00:00")));
        assert_eq!(desk[0], of("王芳", Some("2026-12-21T00:00")));
        town.leaves(&admin, town.wang, "2026-11-24", "").await.unwrap();
        assert_eq!(all().await.0, [of("王芳", Some("2026-11-25T00:00"))]);
        leaving::stay(&town, &admin, town.wang).await.unwrap();
        assert_eq!(all().await, before);
        assert!(matches!(leaving::stay(&town, &admin, town.wang).await, Err(LeavingError::NotFound)));
        for day in ["2026-11-25T00:01", "2026-12-01T00:01", "2026-12-22T00:01"] {
            town.clock.set(at(day));
            town.upkeep().await;
        }
        assert!(!town.ended(town.wang).await);
        assert_eq!(town.told(id).await, Vec::<String>::new());
        // What somebody else has settled meanwhile is not undone.
        town.leaves(&admin, town.wang, "2027-01-31", "孙强").await.unwrap();
        holding::hand_over(&town, &admin, town.first, on("赵敏", "2027-01-10", "")).await.unwrap();
        leaving::stay(&town, &admin, town.wang).await.unwrap();
        assert_eq!(town.terms(town.first).await, [of("赵敏", None), of("王芳", Some("2027-01-10T00:00"))]);
    }
}

#[tokio::test]
async fn nobody_decides_about_their_own_leaving_nor_about_somebody_of_others() {
    for town in towns().await {
        let admin = town.new_admin("管理员", town.street).await;
        let shared = town.newcomer("两边跑").await;
        let beside = UnitId(town.id());
        town.unit(beside, Some(town.district), UnitKind::Street, "学院街道").await;
        let there = PostId(town.id());
        town.post(there, beside, "服务台").await;
        town.hold(shared, town.second).await;
        let other = town.new_admin("上级", town.district).await;
        let one = town.newcomer("街道第二位").await;
        town.grant(one, Role::Admin, town.street, None).await;
        let one = town.caller(one).await.admin().unwrap();
        town.leaves(&other, one.staff.id, "2026-11-30", "").await.unwrap();
        assert!(matches!(leaving::stay(&town, &one, one.staff.id).await, Err(LeavingError::Own)));
        assert!(matches!(town.leaves(&one, one.staff.id, "2026-12-30", "").await, Err(LeavingError::Own)));
        // Planned by whom it concerns; from the next day on they are somebody else's too.
        town.leaves(&admin, shared, "2026-11-30", "").await.unwrap();
        town.hold(shared, there).await;
        for done in [leaving::stay(&town, &admin, shared).await, town.leaves(&admin, shared, "2026-12-01", "").await] {
            assert!(matches!(done, Err(LeavingError::Elsewhere)), "{done:?}");
        }
        leaving::stay(&town, &other, shared).await.unwrap();
    }
}

#[tokio::test]
async fn what_is_given_to_somebody_who_leaves_lasts_until_they_do() {
    for town in towns().await {
        let admin = town.new_admin("管理员", town.street).await;
        town.leaves(&admin, town.wang, "2026-11-30", "").await.unwrap();
        let leaves = |done: Result<(), HoldingError>| matches!(done, Err(HoldingError::Invalid(m)) if m.who == Some(holding::WhoError::Leaves));
        assert!(leaves(holding::add(&town, &admin, town.second, on("王芳", "2026-12-01", "")).await));
        holding::add(&town, &admin, town.second, on("王芳", "", "2026-12-24")).await.unwrap();
        assert_eq!(town.terms(town.second).await[0], ("王芳".to_owned(), Some(at("2026-12-01T00:00"))));
        // Nor does anybody succeed who goes sooner.
        let later = leaving::leave(&town, &admin, town.li, leaving::Typed { last_day: "2026-12-05", successors: vec![(town.second, "王芳")] }).await;
        assert!(matches!(&later, Err(LeavingError::Invalid(m)) if m.successors == [(town.second, holding::WhoError::Leaves)]), "{later:?}");
        // Should she stay, she holds it as long as it was given.
        leaving::stay(&town, &admin, town.wang).await.unwrap();
        assert_eq!(town.terms(town.second).await[0], ("王芳".to_owned(), Some(at("2026-12-25T00:00"))));
        // Whatever else comes to them, by an import perhaps, ends with them: posts, grants, proposals and absences, each on record.
        town.leaves(&admin, town.wang, "2026-11-30", "").await.unwrap();
        town.hold(town.wang, town.desk).await;
        town.grant(town.wang, Role::Auditor, town.community, None).await;
        town.clock.set(at("2026-12-01T00:01"));
        town.upkeep().await;
        assert!(town.ended(town.wang).await);
        for post in [town.first, town.second, town.desk] {
            let held = store::holding::is_held(&mut town.db.read().await.unwrap(), post, town.wang, town.now()).await.unwrap();
            assert!(!held);
        }
        assert!(store::grant::of_staff(&mut town.db.read().await.unwrap(), town.wang, town.now()).await.unwrap().is_empty());
        let actions = town.actions().await;
        assert_eq!(actions.iter().filter(|a| *a == "grant.take").count(), 1, "{actions:?}");
        assert_eq!(actions.iter().filter(|a| *a == "staff.end").count(), 1);
    }
}

#[tokio::test]
async fn whoever_is_going_to_be_somebody_elses_is_so_already() {
    for town in towns().await {
        let (admin, top, second) =
            (town.new_admin("管理员", town.street).await, town.new_admin("上级", town.district).await, town.new_admin("乙", town.district).await);
        let elsewhere = async |id| matches!(leaving::leave(&town, &admin, id, leaving::Typed::default()).await, Err(LeavingError::Elsewhere));
        // A grant that has not begun, and one that waits for a second admin.
        let typed = grant::Typed { role: "auditor", from: "2026-12-01", until: "" };
        grant::give(&town, &top, town.wang, town.district, typed).await.unwrap();
        grant::give(&town, &top, town.li, town.district, role("admin")).await.unwrap();
        assert!(elsewhere(town.wang).await && elsewhere(town.li).await);
        leaving::leave(&town, &top, town.li, leaving::Typed::default()).await.unwrap();
        leaving::leave(&town, &top, town.wang, leaving::Typed::default()).await.unwrap();
        let actions = town.actions().await;
        assert_eq!(actions.iter().filter(|a| ["grant.take", "grant.refuse"].contains(&a.as_str())).count(), 2, "both are on record: {actions:?}");
        assert_eq!(grant::to_confirm(&town, &second).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn the_last_admin_for_good_of_what_stands_at_the_top_stays_and_the_first_link_is_dead() {
    for town in towns().await {
        let lasting = town.new_admin("甲", town.district).await;
        let own = grant::list(&town, &lasting, None, "甲", 0).await.unwrap().grants.lines[0].id;
        let id = town.newcomer("代管").await;
        town.grant(id, Role::Admin, town.district, Some(at("2026-12-31T00:00"))).await;
        let dated = town.caller(id).await.admin().unwrap();
        let below = town.grant(lasting.staff.id, Role::Admin, town.street, None).await;
        assert!(matches!(grant::take(&town, &dated, own).await, Err(GrantError::Last)));
        grant::take(&town, &dated, below).await.unwrap();
        for last_day in ["", "2026-11-30"] {
            let left = leaving::leave(&town, &dated, lasting.staff.id, leaving::Typed { last_day, ..leaving::Typed::default() }).await;
            assert!(matches!(left, Err(LeavingError::LastAdmin)), "{left:?}");
        }
        let other = town.new_admin("乙", town.district).await;
        leaving::leave(&town, &other, lasting.staff.id, leaving::Typed { last_day: "2026-11-30", ..leaving::Typed::default() }).await.unwrap();
        let left = leaving::leave(&town, &dated, other.staff.id, leaving::Typed::default()).await;
        assert!(matches!(left, Err(LeavingError::LastAdmin)), "one of the two is about to leave: {left:?}");
        // However the last one goes, behind the program's back perhaps: the link in an old log makes nobody an admin.
        let now = town.now();
        for gone in [lasting.staff.id, dated.staff.id, other.staff.id] {
            town.write(move |c| Box::pin(async move { store::staff::end(c, gone, now).await })).await;
        }
        let token = first_admin::link(&town).rsplit_once('/').unwrap().1.to_owned();
        assert!(!first_admin::is_needed(&town).await.unwrap());
        assert!(matches!(first_admin::find(&town, &token).await, Err(first_admin::FirstAdminError::NotFound)));
    }
}

#[tokio::test]
async fn an_admin_beside_neither_takes_nor_confirms_nor_refuses() {
    for town in towns().await {
        let beside = UnitId(town.id());
        town.unit(beside, Some(town.district), UnitKind::Street, "学院街道").await;
        let (inside, beside) = (town.new_admin("街道管理员", town.street).await, town.new_admin("别的管理员", beside).await);
        let top = town.new_admin("甲", town.district).await;
        let given = town.grant(town.wang, Role::Supervisor, town.community, None).await;
        let above = town.grant(town.wang, Role::Supervisor, town.district, None).await;
        for (admin, id) in [(&beside, given), (&inside, above)] {
            assert!(matches!(grant::take(&town, admin, id).await, Err(GrantError::NotFound)));
        }
        grant::give(&town, &top, town.li, town.district, role("admin")).await.unwrap();
        let id = grant::list(&town, &top, None, "", 0).await.unwrap().waiting[0].proposal.id;
        for admin in [&inside, &beside] {
            assert!(matches!(grant::confirm(&town, admin, id).await, Err(GrantError::NotFound)));
            assert!(matches!(grant::refuse(&town, admin, id).await, Err(GrantError::NotFound)));
            assert!(matches!(grant::give(&town, admin, town.li, town.district, role("auditor")).await, Err(GrantError::NotFound)));
        }
        assert!(matches!(grant::give(&town, &beside, town.li, town.community, role("auditor")).await, Err(GrantError::NotFound)));
        grant::take(&town, &inside, given).await.unwrap();
    }
}

#[tokio::test]
async fn an_admin_plans_no_absence_for_whom_others_have_a_say_about_nor_with_a_post_of_others() {
    for town in towns().await {
        let (beside, there) = (UnitId(town.id()), PostId(town.id()));
        town.unit(beside, Some(town.district), UnitKind::Street, "学院街道").await;
        town.post(there, beside, "服务台").await;
        let (inside, outside) = (town.new_admin("管理员", town.community).await, town.new_admin("别的管理员", beside).await);
        let shared = town.newcomer("两边跑").await;
        town.hold(shared, town.first).await;
        town.hold(shared, there).await;
        for admin in [&inside, &outside] {
            let planned = absence::plan_for(&town, admin, shared, away("", "2026-11-24", "")).await;
            assert!(matches!(planned, Err(AbsenceError::Elsewhere)), "{planned:?}");
            assert!(absence::of(&town, admin, shared).await.unwrap().unwrap().is_elsewhere);
        }
        let me = town.caller(shared).await;
        absence::plan(&town, &me, away("", "2026-11-24", "")).await.unwrap();
        let own = absence::mine(&town, &me).await.unwrap().absences[0].id;
        assert!(matches!(absence::end_for(&town, &outside, shared, own).await, Err(AbsenceError::Elsewhere)));
        // 王芳 may choose the street's desk herself; an admin of the community has no say about it.
        let (desk, second) = (town.desk.to_string(), town.second.to_string());
        let planned = absence::plan_for(&town, &inside, town.wang, away("2026-12-01", "2026-12-02", &desk)).await;
        assert!(matches!(planned, Err(AbsenceError::Invalid(m)) if m.substitute), "{planned:?}");
        absence::plan_for(&town, &inside, town.wang, away("2026-12-01", "2026-12-02", &second)).await.unwrap();
        absence::plan(&town, &town.caller(town.wang).await, away("2026-12-05", "2026-12-06", &desk)).await.unwrap();
        let entries = store::audit::after(&mut town.db.read().await.unwrap(), 0, 100).await.unwrap();
        let said = entries.iter().filter(|e| e.action == "absence.plan").map(|e| e.detail.split_once(' ').map(|(_, post)| post.to_owned()));
        assert_eq!(said.collect::<Vec<_>>(), [None, Some(second), Some(desk)], "who stands in is on record");
    }
}

#[tokio::test]
async fn everything_that_changes_who_answers_may_happen_at_the_same_moment() {
    for town in towns().await {
        let admin = town.new_admin("管理员", town.district).await;
        for name in ["赵敏", "孙强"] {
            town.newcomer(name).await;
        }
        let (wang, li) = (town.caller(town.wang).await, town.caller(town.li).await);
        for n in 0..6_i64 {
            let leaver = town.newcomer("走的人").await;
            town.hold(leaver, town.second).await;
            let day = format!("2026-12-{:02}", n + 2);
            let extra = format!("n{n}@linli.test");
            let invited = staff::Typed { name: "新来的", email: &extra, language: Language::Chinese };
            let term = store::holding::of_staff(&mut town.db.read().await.unwrap(), leaver).await.unwrap()[0].id;
            let created = post::Typed { title: "新岗位", ..post::Typed::default() };
            let substitute = Some(town.second).filter(|_| n % 2 == 0);
            let (a, b, c, d, e, f, g) = tokio::join!(
                absence::plan(&town, &wang, away(&day, &day, "")),
                absence::plan(&town, &li, away(&day, &day, "")),
                holding::hand_over(&town, &admin, town.first, on(if n % 2 == 0 { "赵敏" } else { "孙强" }, "", "")),
                holding::end(&town, &admin, term, &day),
                post::create(&town, &admin, town.community, created),
                post::set_substitute(&town, &admin, town.first, substitute),
                staff::invite(&town, &admin, invited, Some(town.second)),
            );
            a.unwrap();
            b.unwrap();
            c.unwrap();
            for done in [d.map(drop).is_ok(), e.map(drop).is_ok(), g.map(drop).is_ok()] {
                assert!(done);
            }
            f.unwrap();
            let (a, b) = tokio::join!(leaving::leave(&town, &admin, leaver, leaving::Typed::default()), duty_there_and_back(&town, &wang));
            a.unwrap();
            b.unwrap();
        }
        domain::audit::verify::verify(&mut town.db.read().await.unwrap(), Vec::new(), town.now()).await.unwrap().unwrap();
    }
}

async fn duty_there_and_back(town: &Town, who: &Staff) -> store::Result<()> {
    domain::duty::rest(town, who, domain::duty::Until::Open).await.unwrap();
    domain::duty::back(town, who).await
}

#[tokio::test]
async fn who_rests_without_an_end_is_not_promised_for_the_end_of_an_absence() {
    for town in towns().await {
        let wang = town.caller(town.wang).await;
        absence::plan(&town, &wang, away("", "2026-11-24", &town.second.to_string())).await.unwrap();
        let until = async || {
            routing::refresh(&town).await.unwrap();
            let answering = post::answering(&town, &mut town.db.read().await.unwrap(), town.first).await.unwrap().unwrap();
            post::off_duty_until(&answering.post, town.now())
        };
        assert_eq!(until().await, Some(Some(at("2026-11-25T00:00"))));
        domain::duty::rest(&town, &wang, domain::duty::Until::Open).await.unwrap();
        assert_eq!(until().await, Some(None));
        domain::duty::rest(&town, &wang, domain::duty::Until::Wall("2026-11-27T10:00:00".parse().unwrap())).await.unwrap();
        assert_eq!(until().await, Some(Some(at("2026-11-27T10:00"))));
        domain::duty::rest(&town, &wang, domain::duty::Until::Wall("2026-11-23T18:00:00".parse().unwrap())).await.unwrap();
        assert_eq!(until().await, Some(Some(at("2026-11-25T00:00"))), "the absence is longer");
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
        let woken = town.hub.watch(Topic::Post(town.desk));
        assert_eq!(town.start(&devices[2], "还在漏").await, id);
        assert!(woken.has_changed().unwrap(), "the post that has it hears of it");
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
