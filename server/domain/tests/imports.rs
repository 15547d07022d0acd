//! What an import must not do to others: to people of other units, to whoever waits, to what somebody has changed since, and to who writes beside it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{Fresh, domains};
use domain::{
    Admin, Clock, audit, caller, contact_point,
    conversation::{self, Typed},
    grant, holding,
    import::{
        self, ImportError, Trouble, Upload, View,
        plan::{Mode, Odd},
        work,
    },
    leaving, post, routing, staff, unit,
};
use model::{
    AbsenceId, AbsenceReason, At, ClientKey, ContactPointId, ConversationId, Event, GrantId, HoldingId, ImportId, ImportState, Language, MessageKind,
    PointCode, PostId, Role, SessionId, StaffId, UnitId, UnitKind,
};
use std::{
    net::{IpAddr, Ipv4Addr},
    ops::Deref,
    time::Duration,
};
use store::{
    import::{PostRow, Steps, UnitRow},
    message::Audience,
};

fn at(wall: &str) -> At {
    At::from(format!("{wall}[Asia/Shanghai]").parse::<jiff::Zoned>().unwrap().timestamp())
}

/// Monday.
const NOW: &str = "2026-11-23T09:00";

/// 西陵区 (q) with two streets. In 云集街道 (a): a desk held by 陈丽 of the other street; below it 桃花岭社区 (a1) with two grids (g1, g2), held by
/// 王芳 and 李明, each with a sticker. 学院街道 (b) has nothing.
struct Town {
    domain: Fresh,
    admin: Admin,
    q: UnitId,
    a: UnitId,
    b: UnitId,
    a1: UnitId,
    desk: PostId,
    first: PostId,
    second: PostId,
    chen: StaffId,
    wang: StaffId,
    li: StaffId,
    codes: [PointCode; 2],
}

impl Deref for Town {
    type Target = domain::Domain;
    fn deref(&self) -> &domain::Domain {
        &self.domain
    }
}

async fn towns() -> Vec<Town> {
    let mut towns = Vec::new();
    for domain in domains(Clock::fixed(at(NOW))).await {
        let ids: Vec<UnitId> = (0..6).map(|_| UnitId(domain.id())).collect();
        let [q, a, b, a1, g1, g2] = ids[..] else { unreachable!() };
        let [desk, first, second] = [(); 3].map(|()| PostId(domain.id()));
        let unit = |id, parent_id, kind, name: &str, code: &str| UnitRow { id, parent_id, kind, name: name.into(), name_en: None, code: Some(code.into()) };
        let post = |id, unit_id, title: &str| PostRow { id, unit_id, title: title.into(), title_en: None };
        let steps = Steps {
            units: vec![
                unit(q, None, UnitKind::District, "西陵区", "q"),
                unit(a, Some(q), UnitKind::Street, "云集街道", "a"),
                unit(b, Some(q), UnitKind::Street, "学院街道", "b"),
                unit(a1, Some(a), UnitKind::Community, "桃花岭社区", "a1"),
                unit(g1, Some(a1), UnitKind::Grid, "第一网格", "g1"),
                unit(g2, Some(a1), UnitKind::Grid, "第二网格", "g2"),
            ],
            posts: vec![post(desk, a, "服务台"), post(first, g1, "网格员"), post(second, g2, "网格员")],
            ..Steps::default()
        };
        let (packed, now) = (steps.packed(), domain.now());
        domain.db.write(move |c| Box::pin(async move { store::import::write(c, &packed, now, &|_| ()).await })).await.unwrap();
        let [chen, wang, li] = [(); 3].map(|()| StaffId(domain.id()));
        for (id, name, home) in [(chen, "陈丽", b), (wang, "王芳", a1), (li, "李明", a1)] {
            person(&domain, id, name, home).await;
        }
        for (id, post) in [(chen, desk), (wang, first), (li, second)] {
            hold(&domain, id, post).await;
        }
        let admin = admin(&domain, "街道管理员", a).await;
        let codes = [sticker(&domain, first).await, sticker(&domain, second).await];
        routing::refresh(&domain).await.unwrap();
        towns.push(Town { domain, admin, q, a, b, a1, desk, first, second, chen, wang, li, codes });
    }
    towns
}

async fn person(domain: &Fresh, id: StaffId, name: &str, home: UnitId) {
    let now = domain.now();
    let row = store::staff::Staff {
        id,
        email: format!("{id}@linli.test"),
        name: name.into(),
        title: None,
        language: Language::Chinese,
        password_hash: None,
        created_at: now,
        activated_at: Some(now),
        ended_at: None,
        off_duty_since: None,
        off_duty_until: None,
    };
    let write = domain.db.write(move |c| {
        Box::pin(async move {
            store::staff::insert(c, &row).await?;
            store::staff::set_unit(c, row.id, home).await
        })
    });
    write.await.unwrap();
}

async fn hold(domain: &Fresh, staff_id: StaffId, post_id: PostId) {
    let row = store::holding::Holding { id: HoldingId(domain.id()), post_id, staff_id, from_at: domain.now(), until_at: None };
    domain.db.write(move |c| Box::pin(async move { store::holding::insert(c, &row).await })).await.unwrap();
}

/// Signed in, an admin of a unit.
async fn admin(domain: &Fresh, name: &str, unit_id: UnitId) -> Admin {
    signed_in(domain, name, Role::Admin, unit_id).await.admin().unwrap()
}

async fn signed_in(domain: &Fresh, name: &str, role: Role, unit_id: UnitId) -> domain::Staff {
    let (id, now) = (StaffId(domain.id()), domain.now());
    person(domain, id, name, unit_id).await;
    let grant = store::staff::Grant { id: GrantId(domain.id()), staff_id: id, role, unit_id, from_at: now, until_at: None };
    let key = format!("{id}{}", domain.id().as_simple());
    let session = store::session::Session { id: SessionId(domain.id()), staff_id: id, agent: "test".into(), created_at: now, seen_at: now, ended_at: None };
    let hash = domain::Keys::hash(&key);
    let write = domain.db.write(move |c| {
        Box::pin(async move {
            store::staff::insert_grant(c, &grant).await?;
            store::session::insert(c, &session, &hash).await
        })
    });
    write.await.unwrap();
    caller::staff(domain, &key).await.unwrap().unwrap()
}

async fn sticker(domain: &Fresh, post_id: PostId) -> PointCode {
    let code = contact_point::new_code(&domain.random);
    let row = store::contact_point::ContactPoint {
        id: ContactPointId(domain.id()),
        post_id,
        code: code.clone(),
        check_phrase: contact_point::new_check_phrase(&domain.random),
        place: "3号楼东门".into(),
        place_en: None,
        topic: None,
        welcome: None,
        created_at: domain.now(),
        revoked_at: None,
    };
    domain.db.write(move |c| Box::pin(async move { store::contact_point::insert(c, &row).await })).await.unwrap();
    code
}

impl Town {
    fn mail(&self, id: StaffId) -> String {
        format!("{id}@linli.test")
    }

    /// A file of an admin's, compared.
    async fn compared(&self, admin: &Admin, unit: UnitId, text: &str, mode: Mode) -> View {
        let upload = Upload { file_name: "名单.csv".into(), bytes: text.as_bytes().to_vec() };
        let id = import::start(self, admin, unit, upload, mode, None).await.unwrap();
        self.settled(admin, id).await
    }

    async fn settled(&self, admin: &Admin, id: ImportId) -> View {
        for _ in 0..1_000 {
            let view = import::view(self, admin, id).await.unwrap();
            if !view.is_working() {
                return view;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("still working");
    }

    async fn applied(&self, admin: &Admin, view: &View) -> View {
        let number = view.shown.as_ref().unwrap().plan.ending().to_string();
        import::apply(self, admin, view.import.id, view.import.mark.as_deref().unwrap(), &number).await.unwrap();
        self.finished(admin, view.import.id).await
    }

    async fn undone(&self, admin: &Admin, id: ImportId) -> View {
        import::undo(self, admin, id).await.unwrap();
        self.finished(admin, id).await
    }

    /// Also what comes after the commit has been done.
    async fn finished(&self, admin: &Admin, id: ImportId) -> View {
        let view = self.settled(admin, id).await;
        for _ in 0..1_000 {
            if store::import::unfinished(&mut self.db.read().await.unwrap()).await.unwrap().is_empty() {
                return view;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("still telling");
    }

    async fn start(&self, code: usize, device: &str, text: &str) -> ConversationId {
        let (device_key, text) = (String::leak(format!("{device:a<26}")), String::leak(text.to_owned()));
        let typed = Typed { device_key, text, client_key: ClientKey(self.id()), language: Language::Chinese, address: IpAddr::V4(Ipv4Addr::LOCALHOST) };
        conversation::start(self, &self.codes[code], typed).await.unwrap().conversation_id
    }

    async fn post_of(&self, id: ConversationId) -> PostId {
        store::conversation::find(&mut self.db.read().await.unwrap(), id).await.unwrap().unwrap().post_id
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

    async fn person(&self, id: StaffId) -> store::staff::Staff {
        store::staff::find(&mut self.db.read().await.unwrap(), id).await.unwrap().unwrap()
    }

    async fn home(&self, id: StaffId) -> Option<UnitId> {
        let mut c = self.db.read().await.unwrap();
        let all = store::import::with_emails(&mut c, &[self.mail(id)]).await.unwrap();
        all.into_iter().next().unwrap().0.unit_id
    }

    /// Who holds a post now.
    async fn holders(&self, post: PostId) -> Vec<String> {
        let (now, terms) = (self.now(), store::holding::of_post(&mut self.db.read().await.unwrap(), post).await.unwrap());
        terms.into_iter().filter(|t| t.from_at <= now && t.until_at.is_none_or(|until| until > now)).map(|t| t.staff_name).collect()
    }
}

fn odd(view: &View) -> Vec<Odd> {
    view.shown.as_ref().unwrap().plan.warnings.iter().map(|warning| warning.odd.clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_belongs_elsewhere_too_keeps_name_home_and_login_whatever_a_file_says() {
    for town in towns().await {
        let (chen, wang) = (town.mail(town.chen), town.mail(town.wang));
        let file = format!("单位代码,岗位,姓名,邮箱,电话,职务\na,服务台,改了名,{chen},13999999999,主任\ng1,网格员,王小芳,{wang},13811111111,\n");
        let view = town.compared(&town.admin, town.a, &file, Mode::Add).await;
        assert_eq!(odd(&view), [Odd::Elsewhere { name: "陈丽".into() }, Odd::Renamed { before: "王芳".into() }]);
        assert_eq!(town.applied(&town.admin, &view).await.import.state, ImportState::Applied);
        let person = town.person(town.chen).await;
        assert_eq!((person.name.as_str(), person.title, town.home(town.chen).await), ("陈丽", None, Some(town.b)));
        assert_eq!(town.person(town.wang).await.name, "王小芳");

        // A full list of who holds what in the street, without 陈丽: the desk is somebody else's, the login is not this admin's to end.
        let file = format!("单位代码,岗位,姓名,邮箱\na,服务台,王小芳,{wang}\ng1,网格员,王小芳,{wang}\ng2,网格员,李明,{}\n", town.mail(town.li));
        let view = town.compared(&town.admin, town.a, &file, Mode::Replace).await;
        assert_eq!(town.applied(&town.admin, &view).await.import.state, ImportState::Applied);
        assert_eq!(town.holders(town.desk).await, ["王小芳"]);
        assert_eq!(town.person(town.chen).await.ended_at, None);

        // With an invisible mark in it, the address is still that of somebody elsewhere.
        let stranger = StaffId(town.id());
        self::person(&town.domain, stranger, "外人", town.b).await;
        let file = format!("姓名,邮箱\n新人,\u{202A}{}\n", town.mail(stranger));
        let view = town.compared(&town.admin, town.a, &file, Mode::Add).await;
        let wrong: Vec<_> = view.shown.unwrap().plan.mistakes.iter().map(|mistake| mistake.wrong.clone()).collect();
        assert_eq!(wrong, [import::plan::Wrong::EmailElsewhere]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_have_done_since_stays_when_an_import_is_taken_back() {
    for town in towns().await {
        let (first, second, desk) = (town.first, town.second, town.desk);
        town.db.write(move |c| Box::pin(async move { store::post::set_substitute(c, first, Some(second)).await })).await.unwrap();
        // g2 ends with its post; 李明 loses all they hold and leaves, 王芳 stays.
        let file = format!("单位代码,单位名称,上级代码,岗位,姓名,邮箱\ng1,第一网格,a1,网格员,王芳,{}\n", town.mail(town.wang));
        let view = town.compared(&town.admin, town.a, &file, Mode::Replace).await;
        let done = town.applied(&town.admin, &view).await;
        assert_eq!(done.import.state, ImportState::Applied, "{:?}", done.trouble);
        assert!(town.person(town.li).await.ended_at.is_some());
        let substitute = async |post| store::post::find(&mut town.db.read().await.unwrap(), post).await.unwrap().unwrap().substitute_id;
        assert_eq!(substitute(first).await, None);

        // Since then: another street has taken 李明 on, the grid's code is theirs, and somebody has chosen another substitute.
        let other = admin(&town.domain, "学院管理员", town.b).await;
        let back = staff::Typed { name: "李明亮", email: &town.mail(town.li), language: Language::Chinese };
        assert_eq!(staff::invite(&town, &other, back, None).await.unwrap(), town.li);
        let taken = unit::Typed { name: "新社区", code: "g2", kind: "community", ..unit::Typed::default() };
        let thief = unit::create(&town, &other, town.b, taken).await.unwrap();
        town.db.write(move |c| Box::pin(async move { store::post::set_substitute(c, first, Some(desk)).await })).await.unwrap();

        let stuck = town.undone(&town.admin, view.import.id).await;
        assert_eq!((stuck.import.state, stuck.trouble), (ImportState::Applied, Some(Trouble::CodeTaken("g2".into()))));
        unit::end(&town, &other, thief).await.unwrap();
        let undone = town.undone(&town.admin, view.import.id).await;
        assert_eq!((undone.import.state, undone.trouble), (ImportState::Undone, Some(Trouble::LeftAlone { back: 1, gone: 0 })));
        let li = town.person(town.li).await;
        assert_eq!((li.name.as_str(), li.ended_at, town.home(town.li).await), ("李明亮", None, Some(town.b)), "they work elsewhere now");
        assert!(town.holders(second).await.is_empty(), "and hold nothing here");
        assert_eq!(substitute(first).await, Some(desk));
        assert_eq!(store::post::find(&mut town.db.read().await.unwrap(), second).await.unwrap().unwrap().ended_at, None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seat_that_was_given_to_somebody_since_is_not_shared_with_whoever_had_it_before() {
    for town in towns().await {
        let file = format!("单位代码,邮箱\ng1,{}\n", town.mail(town.li));
        let view = town.compared(&town.admin, town.a, &file, Mode::Add).await;
        town.applied(&town.admin, &view).await;
        assert_eq!(town.holders(town.first).await, ["李明"]);
        let fresh = StaffId(town.id());
        person(&town.domain, fresh, "新人", town.a1).await;
        town.clock.set(at("2026-11-24T09:00"));
        holding::hand_over(&town, &town.admin, town.first, holding::Typed { who: &town.mail(fresh), ..holding::Typed::default() }).await.unwrap();
        assert_eq!(town.undone(&town.admin, view.import.id).await.import.state, ImportState::Undone);
        assert_eq!(town.holders(town.first).await, ["新人"]);
        town.clock.set(at(NOW));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_who_waits_is_left_without_an_answer_because_somebody_else_gets_one() {
    for town in towns().await {
        let (a, chen) = (town.a, town.chen);
        // Nobody above the grids; at the second one somebody waits and nobody is there.
        let (now, li, second) = (town.now(), town.li, town.second);
        let end = town.db.write(move |c| {
            Box::pin(async move {
                for (staff, post) in [(chen, None), (li, Some(second))] {
                    for term in store::holding::of_staff(c, staff).await? {
                        if post.is_none_or(|post| post == term.post_id) {
                            store::holding::shorten(c, term.id, now).await?;
                        }
                    }
                }
                store::Result::Ok(())
            })
        });
        town.start(0, "one", "一格的灯坏了").await;
        town.start(1, "two", "二格的灯坏了").await;
        end.await.unwrap();
        routing::refresh(&town).await.unwrap();
        // 王芳 goes from the first to the second: one waits less, and another one more.
        let file = format!("单位代码,岗位,姓名,邮箱\ng2,网格员,王芳,{}\n", town.mail(town.wang));
        let view = town.compared(&town.admin, a, &file, Mode::Replace).await;
        let refused = town.applied(&town.admin, &view).await;
        assert_eq!((refused.import.state, refused.trouble), (ImportState::Ready, Some(Trouble::Ownerless(vec!["第一网格 网格员".into()]))));
        assert_eq!(town.holders(town.first).await, ["王芳"]);

        // The same on a day to come.
        let file = format!("单位代码,岗位,邮箱,结束日期\ng1,网格员,{},2026-12-31\n", town.mail(town.wang));
        let view = town.compared(&town.admin, a, &file, Mode::Add).await;
        let refused = town.applied(&town.admin, &view).await;
        assert_eq!(refused.trouble, Some(Trouble::Ownerless(vec!["第一网格 网格员".into()])));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn conversations_of_a_post_that_ends_go_to_who_answers_after_it_with_their_words_and_come_back() {
    for town in towns().await {
        let wang = town.mail(town.wang);
        let (waiting, other) = (town.start(1, "one", "路灯坏了").await, town.start(1, "two", "井盖丢了").await);
        // 王芳 takes the desk over in the same file that ends the second grid.
        let file = format!("单位代码,单位名称,上级代码,类别,岗位,姓名,邮箱\na,云集街道,,街道,服务台,王芳,{wang}\ng1,第一网格,a1,网格,网格员,王芳,{wang}\n");
        let view = town.compared(&town.admin, town.a, &file, Mode::Replace).await;
        let done = town.applied(&town.admin, &view).await;
        assert_eq!((done.import.state, done.trouble), (ImportState::Applied, None));
        assert_eq!((town.post_of(waiting).await, town.post_of(other).await), (town.desk, town.desk));
        assert_eq!(town.told(waiting).await, ["王芳"], "who answers once everything is written");
        import::tell_moved(&town).await.unwrap();
        assert_eq!(town.told(waiting).await, ["王芳"], "once");
        let found = async |post| {
            let mut c = town.db.read().await.unwrap();
            store::testing::found_at(&mut c, post, "路灯").await.unwrap()
        };
        assert_eq!((found(town.desk).await, found(town.second).await), (1, 0));

        assert_eq!(town.undone(&town.admin, view.import.id).await.import.state, ImportState::Undone);
        assert_eq!((town.post_of(waiting).await, town.post_of(other).await), (town.second, town.second));
        assert_eq!(town.told(waiting).await, ["王芳", "李明"]);
        assert_eq!((found(town.desk).await, found(town.second).await), (0, 1));
        assert_eq!(town.holders(town.desk).await, ["陈丽"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comparison_of_days_ago_is_made_anew_before_it_is_applied() {
    for town in towns().await {
        let li = town.mail(town.li);
        let file = format!("单位代码,邮箱,开始日期,结束日期\ng1,{li},,2026-11-24\n");
        let view = town.compared(&town.admin, town.a, &file, Mode::Add).await;
        town.clock.set(at("2026-11-26T09:00"));
        let again = town.applied(&town.admin, &view).await;
        assert_eq!((again.import.state, again.trouble.clone()), (ImportState::Ready, Some(Trouble::Changed)));
        assert_eq!(odd(&again), [Odd::Past]);
        assert_eq!(town.holders(town.first).await, ["王芳"]);
        // What begins at once begins when it is applied, and is the same.
        let view = town.compared(&town.admin, town.a, &format!("单位代码,邮箱\ng1,{li}\n"), Mode::Add).await;
        town.clock.set(at("2026-11-27T09:00"));
        assert_eq!(town.applied(&town.admin, &view).await.import.state, ImportState::Applied);
        let terms = store::holding::of_post(&mut town.db.read().await.unwrap(), town.first).await.unwrap();
        assert!(terms.iter().any(|term| term.staff_id == town.li && term.from_at == town.now()));
        town.clock.set(at(NOW));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_and_other_admins_at_the_same_moment_neither_stop_each_other_nor_lose_anything() {
    for town in towns().await {
        let (chen, wang) = (town.mail(town.chen), town.mail(town.wang));
        let roster = |n: usize| format!("代码,名称,类别,上级代码\nn{n},新{n}网格,网格,a1\ng1,第一网格{n},网格,a1\n");
        let district = admin(&town.domain, "区管理员", town.q).await;
        for n in 0..6 {
            let view = town.compared(&town.admin, town.a, &roster(n), Mode::Add).await;
            let name = format!("别的{n}");
            let import = async { town.applied(&town.admin, &view).await };
            let create = async { post::create(&town, &district, town.b, post::Typed { title: &name, ..post::Typed::default() }).await.unwrap() };
            let stand_in = async { post::set_substitute(&town, &district, town.second, (n % 2 == 0).then_some(town.first)).await.unwrap() };
            let add = async {
                let who = if n % 2 == 0 { &chen } else { &wang };
                let to = PostId(town.id());
                let (desk, title) = (town.b, format!("台{n}"));
                let row = store::post::Post {
                    id: to,
                    unit_id: desk,
                    title,
                    title_en: None,
                    substitute_id: None,
                    welcome: None,
                    answering_id: None,
                    created_at: town.now(),
                    ended_at: None,
                };
                town.db.write(move |c| Box::pin(async move { store::post::insert(c, &row).await })).await.unwrap();
                holding::add(&town, &district, to, holding::Typed { who, ..holding::Typed::default() }).await.unwrap();
            };
            let child = async {
                let typed = unit::Typed { name: &name, kind: "grid", ..unit::Typed::default() };
                unit::create(&town, &district, town.a1, typed).await.unwrap()
            };
            let (imported, ..) = tokio::join!(import, create, stand_in, add, child);
            // Somebody may have changed something between looking and applying; then it is shown once more, and applied.
            let state = match imported.import.state {
                ImportState::Ready => town.applied(&town.admin, &imported).await.import.state,
                state => state,
            };
            assert_eq!(state, ImportState::Applied, "{:?}", imported.trouble);
        }
        let mut c = town.db.read().await.unwrap();
        let units = store::import::units(&mut c, town.q).await.unwrap();
        assert_eq!(units.len(), 6 + 6 + 6);
        assert_eq!(domain::audit::verify::verify(&mut c, Vec::new(), town.now()).await.unwrap().unwrap().count, store::import::version(&mut c).await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_an_import_stays_that_fails_half_way() {
    for town in towns().await {
        let view = town.compared(&town.admin, town.a, "代码,名称,类别,上级代码\nn1,新网格,网格,a1\n", Mode::Add).await;
        // Another unit gets the code behind the trail's back, so that only the database itself notices.
        let (id, b) = (UnitId(town.id()), town.b);
        let taken = UnitRow { id, parent_id: Some(b), kind: UnitKind::Community, name: "后门".into(), name_en: None, code: Some("n1".into()) };
        let (packed, now) = (Steps { units: vec![taken], ..Steps::default() }.packed(), town.now());
        town.db.write(move |c| Box::pin(async move { store::import::write(c, &packed, now, &|_| ()).await })).await.unwrap();
        let failed = town.applied(&town.admin, &view).await;
        assert_eq!((failed.import.state, failed.trouble), (ImportState::Ready, Some(Trouble::Failed)));
        let units = store::import::units(&mut town.db.read().await.unwrap(), town.a).await.unwrap();
        assert!(!units.iter().any(|unit| unit.name == "新网格"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_leaves_by_a_file_is_signed_out_and_comes_back_with_their_login_when_it_is_taken_back() {
    for town in towns().await {
        let (id, key, now) = (SessionId(town.id()), format!("{}key", town.id().as_simple()), town.now());
        let session = store::session::Session { id, staff_id: town.li, agent: "test".into(), created_at: now, seen_at: now, ended_at: None };
        let (hash, li) = (domain::Keys::hash(&key), town.li);
        let write = town.db.write(move |c| {
            Box::pin(async move {
                store::staff::set_password(c, li, "hash").await?;
                store::session::insert(c, &session, &hash).await
            })
        });
        write.await.unwrap();
        assert!(caller::staff(&town, &key).await.unwrap().is_some());
        let file = format!("姓名,邮箱\n王芳,{}\n", town.mail(town.wang));
        let view = town.compared(&town.admin, town.a, &file, Mode::Replace).await;
        let done = town.applied(&town.admin, &view).await;
        assert_eq!(done.import.state, ImportState::Applied, "{:?}", done.trouble);
        assert!(caller::staff(&town, &key).await.unwrap().is_none(), "signed out at once");
        let (admin, chen) = (town.person(town.admin.staff.id).await, town.person(town.chen).await);
        assert_eq!((admin.ended_at, chen.ended_at), (None, None), "whoever has a grant stays, and whoever belongs elsewhere");
        town.undone(&town.admin, view.import.id).await;
        let li = town.person(town.li).await;
        assert_eq!((li.ended_at, li.password_hash.as_deref(), li.activated_at.is_some()), (None, Some("hash"), true));
        assert!(caller::staff(&town, &key).await.unwrap().is_none(), "but has to sign in again");
        assert_eq!(town.holders(town.second).await, ["李明"]);

        // A register that names somebody who has left brings them back without a login.
        let view = town.compared(&town.admin, town.a, &file, Mode::Replace).await;
        town.applied(&town.admin, &view).await;
        let view = town.compared(&town.admin, town.a, &format!("姓名,邮箱\n李明,{}\n", town.mail(town.li)), Mode::Add).await;
        town.applied(&town.admin, &view).await;
        let li = town.person(town.li).await;
        assert_eq!((li.ended_at, li.password_hash, li.activated_at), (None, None, None));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_asks_which_of_several_topmost_units_is_meant_and_keeps_nothing_of_what_it_gives_up() {
    for town in towns().await {
        let ordered = work::Ordered { unit: None, kind: None, mode: Mode::Add };
        let upload = || Upload { file_name: "grids.csv".into(), bytes: "代码,名称,类别,上级代码\nn1,新网格,网格,a1\n".as_bytes().to_vec() };
        let (looked_at, shown) = work::order(&town, &ordered, upload()).await.unwrap();
        assert_eq!((looked_at.unit_id, shown.plan.changes.units.len()), (town.q, 1));
        work::give_up(&town, &looked_at).await.unwrap();
        let mut c = town.db.read().await.unwrap();
        let after = store::import::find(&mut c, looked_at.id).await.unwrap().unwrap();
        assert!(after.state == ImportState::Dropped && !after.choices.contains("新网格"), "{}", after.choices);
        assert_eq!(store::import::file(&mut c, looked_at.id).await.unwrap(), None);
        drop(c);
        let second =
            UnitRow { id: UnitId(town.id()), parent_id: None, kind: UnitKind::City, name: "另一个市".into(), name_en: None, code: Some("z".into()) };
        let (packed, now) = (Steps { units: vec![second], ..Steps::default() }.packed(), town.now());
        town.db.write(move |c| Box::pin(async move { store::import::write(c, &packed, now, &|_| ()).await })).await.unwrap();
        assert!(matches!(work::order(&town, &ordered, upload()).await, Err(ImportError::SeveralRoots(2))));
    }
}

impl Town {
    /// A full list of the street's people, without some of them.
    fn people_but(&self, missing: &[StaffId]) -> String {
        let all = [(self.wang, "王芳"), (self.li, "李明")].into_iter().filter(|(id, _)| !missing.contains(id));
        format!("姓名,邮箱\n{}\n", all.map(|(id, name)| format!("{name},{}\n", self.mail(id))).collect::<String>())
    }

    /// A full list without somebody, applied.
    async fn without(&self, id: StaffId) -> View {
        let view = self.compared(&self.admin, self.a, &self.people_but(&[id]), Mode::Replace).await;
        let done = self.applied(&self.admin, &view).await;
        assert_eq!(done.import.state, ImportState::Applied, "{:?}", done.trouble);
        assert!(self.person(id).await.ended_at.is_some());
        done
    }

    /// What the trail says of somebody or something, the oldest first, with who did it.
    async fn trail(&self, target: &str) -> Vec<(String, Option<StaffId>, Option<UnitId>)> {
        let auditor = signed_in(&self.domain, "审计员", Role::Auditor, self.q).await.auditor().unwrap();
        let asked = audit::Asked { target: target.to_owned(), ..audit::Asked::default() };
        let found = audit::find(self, &auditor, &asked).await.unwrap().unwrap();
        found.lines.into_iter().rev().map(|line| (line.entry.action, line.entry.staff_id, line.entry.unit_id)).collect()
    }

    async fn chain_holds(&self) {
        let mut c = self.db.read().await.unwrap();
        let verified = audit::verify::verify(&mut c, Vec::new(), self.now()).await.unwrap().unwrap();
        assert_eq!(verified.count, store::import::version(&mut c).await.unwrap());
    }

    async fn leaves_after(&self, id: StaffId, last_day: &str) {
        let typed = leaving::Typed { last_day, successors: Vec::new() };
        leaving::leave(self, &self.admin, id, typed).await.unwrap();
    }

    async fn propose(&self, id: StaffId, unit_id: UnitId) -> GrantId {
        let (now, by) = (self.now(), self.admin.staff.id);
        let row = store::staff::Grant { id: GrantId(self.id()), staff_id: id, role: Role::Admin, unit_id, from_at: now, until_at: None };
        let proposed = row.id;
        self.db.write(move |c| Box::pin(async move { store::grant::propose(c, &row, by, now, now.plus_days(7)).await })).await.unwrap();
        proposed
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_loses_login_or_post_by_a_file_is_found_in_the_trail_as_if_it_had_been_done_by_hand() {
    for town in towns().await {
        let (id, key, now) = (SessionId(town.id()), format!("{}key", town.id().as_simple()), town.now());
        let session = store::session::Session { id, staff_id: town.wang, agent: "test".into(), created_at: now, seen_at: now, ended_at: None };
        let hash = domain::Keys::hash(&key);
        town.db.write(move |c| Box::pin(async move { store::session::insert(c, &session, &hash).await })).await.unwrap();
        town.propose(town.wang, town.a).await;
        let held = store::holding::of_post(&mut town.db.read().await.unwrap(), town.first).await.unwrap().remove(0).id;
        let done = town.without(town.wang).await;
        let by = Some(town.admin.staff.id);
        let entry = |action: &str, unit| (action.to_owned(), by, Some(unit));
        assert_eq!(town.trail("王芳").await, [entry("grant.refuse", town.a), entry("staff.end", town.a1)]);
        let grid = store::post::find(&mut town.db.read().await.unwrap(), town.first).await.unwrap().unwrap().unit_id;
        assert_eq!(town.trail(&held.to_string()).await, [entry("holding.end", grid)]);
        assert_eq!(town.trail(&id.to_string()).await, [entry("session.end", town.a1)]);

        assert_eq!(town.undone(&town.admin, done.import.id).await.import.state, ImportState::Undone);
        assert_eq!(town.trail("王芳").await.last(), Some(&entry("staff.come_back", town.a1)));
        assert_eq!(town.trail(&held.to_string()).await.last(), Some(&entry("holding.add", grid)));
        // Whose last day is another one.
        let file = format!("单位代码,邮箱,结束日期\ng1,{},2026-12-31\n", town.mail(town.wang));
        let view = town.compared(&town.admin, town.a, &file, Mode::Add).await;
        let done = town.applied(&town.admin, &view).await;
        assert_eq!(town.trail(&held.to_string()).await.last(), Some(&entry("holding.end", grid)));
        town.undone(&town.admin, done.import.id).await;
        assert_eq!(town.trail(&held.to_string()).await.last(), Some(&entry("holding.change", grid)));
        town.chain_holds().await;
    }
}

/// Takes an admin's grants away in a transaction that lasts until others have come to wait for it.
async fn grants_being_taken(town: &Town, from: StaffId) -> tokio::task::JoinHandle<store::Result<()>> {
    let (held, holding) = tokio::sync::oneshot::channel();
    let (db, now) = (town.db.clone(), town.now());
    let taken = tokio::spawn(async move {
        let write = db.write(move |c| {
            Box::pin(async move {
                store::post::hold_routing(c).await?;
                for grant in store::staff::grants(c, from, now).await? {
                    store::staff::end_grant(c, grant.id, now).await?;
                }
                held.send(()).ok();
                tokio::time::sleep(Duration::from_millis(300)).await;
                store::Result::Ok(())
            })
        });
        write.await
    });
    holding.await.unwrap();
    taken
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_applied_or_taken_back_for_whoever_is_no_admin_any_more_when_it_is_written() {
    for town in towns().await {
        let other = admin(&town.domain, "另一位管理员", town.a).await;
        let view = town.compared(&other, town.a, &town.people_but(&[town.wang]), Mode::Replace).await;
        let taken = grants_being_taken(&town, other.staff.id).await;
        let number = view.shown.as_ref().unwrap().plan.ending().to_string();
        import::apply(&town, &other, view.import.id, view.import.mark.as_deref().unwrap(), &number).await.unwrap();
        taken.await.unwrap().unwrap();
        let refused = town.finished(&town.admin, view.import.id).await;
        assert_eq!((refused.import.state, refused.trouble), (ImportState::Ready, Some(Trouble::NoGrant)));
        assert!(town.person(town.wang).await.ended_at.is_none());

        let other = admin(&town.domain, "第三位管理员", town.a).await;
        let done = town.without(town.wang).await;
        let taken = grants_being_taken(&town, other.staff.id).await;
        import::undo(&town, &other, done.import.id).await.unwrap();
        taken.await.unwrap().unwrap();
        let refused = town.finished(&town.admin, done.import.id).await;
        assert_eq!((refused.import.state, refused.trouble), (ImportState::Applied, Some(Trouble::NoGrant)));
        assert!(town.person(town.wang).await.ended_at.is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leaving_that_was_planned_does_not_end_a_login_that_was_given_again_since() {
    for town in towns().await {
        town.leaves_after(town.wang, "2026-12-19").await;
        town.clock.set(at("2026-12-01T09:00"));
        town.without(town.wang).await;
        town.clock.set(at("2026-12-05T09:00"));
        let back = staff::Typed { name: "王芳", email: &town.mail(town.wang), language: Language::Chinese };
        assert_eq!(staff::invite(&town, &town.admin, back, None).await.unwrap(), town.wang);
        // And another one, whom a register names again.
        town.leaves_after(town.li, "2026-12-19").await;
        town.without(town.li).await;
        let view = town.compared(&town.admin, town.a, &format!("姓名,邮箱\n李明,{}\n", town.mail(town.li)), Mode::Add).await;
        town.applied(&town.admin, &view).await;
        town.clock.set(at("2026-12-20T09:00"));
        leaving::end_due(&town).await.unwrap();
        assert_eq!((town.person(town.wang).await.ended_at, town.person(town.li).await.ended_at), (None, None));
        town.clock.set(at(NOW));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leaving_that_was_planned_holds_again_when_an_import_is_taken_back_and_ends_nobody_twice() {
    for town in towns().await {
        town.leaves_after(town.wang, "2026-12-19").await;
        town.leaves_after(town.li, "2026-12-19").await;
        town.clock.set(at("2026-12-01T09:00"));
        let done = town.without(town.wang).await;
        assert_eq!(town.undone(&town.admin, done.import.id).await.import.state, ImportState::Undone);
        assert_eq!((town.person(town.wang).await.ended_at, town.holders(town.first).await), (None, vec!["王芳".to_owned()]));
        town.without(town.li).await;
        town.clock.set(at("2026-12-19T23:59"));
        leaving::end_due(&town).await.unwrap();
        assert_eq!((town.person(town.wang).await.ended_at, town.holders(town.first).await), (None, vec!["王芳".to_owned()]));
        town.clock.set(at("2026-12-20T00:00"));
        leaving::end_due(&town).await.unwrap();
        assert_eq!((town.person(town.wang).await.ended_at, town.holders(town.first).await), (Some(town.now()), vec![]));
        assert_eq!(town.person(town.li).await.ended_at, Some(at("2026-12-01T09:00")), "ended once, by the import");
        assert_eq!(town.trail("李明").await.iter().filter(|(action, ..)| action == "staff.end").count(), 1);
        town.clock.set(at(NOW));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_somebody_and_their_absences_end_with_their_login() {
    for town in towns().await {
        let district = [admin(&town.domain, "区管理员", town.q).await, admin(&town.domain, "另一位", town.q).await];
        let here = town.propose(town.wang, town.a).await;
        let (wang, by) = (town.wang, town.admin.staff.id);
        let absence = |from: &str, until: &str| store::absence::Absence {
            id: AbsenceId(town.id()),
            staff_id: wang,
            from_at: at(from),
            until_at: at(until),
            reason: AbsenceReason::Training,
            substitute_id: Some(town.second),
            created_by: by,
            created_at: town.now(),
        };
        let planned = [absence("2026-11-20T00:00", "2026-11-30T00:00"), absence("2026-12-10T00:00", "2026-12-12T00:00")];
        let rows = planned.clone();
        let write = town.db.write(move |c| {
            Box::pin(async move {
                for row in &rows {
                    store::absence::insert(c, row).await?;
                }
                store::Result::Ok(())
            })
        });
        write.await.unwrap();
        let absences = async || {
            let all = store::absence::of_staff(&mut town.db.read().await.unwrap(), wang, town.now()).await.unwrap();
            all.into_iter().map(|absence| (absence.id, absence.until_at, absence.substitute_id)).collect::<Vec<_>>()
        };
        let before = planned.each_ref().map(|absence| (absence.id, absence.until_at, Some(town.second)));
        assert_eq!(absences().await, before);
        let done = town.without(town.wang).await;
        assert_eq!(absences().await, []);
        assert!(store::grant::proposals_for(&mut town.db.read().await.unwrap(), wang, town.now()).await.unwrap().is_empty());
        assert!(matches!(grant::confirm(&town, &district[0], here).await, Err(grant::GrantError::NotFound)));
        town.undone(&town.admin, done.import.id).await;
        assert_eq!(absences().await, before);

        // Whoever waits to be admin elsewhere is not this admin's to end.
        let above = town.propose(town.wang, town.q).await;
        let view = town.compared(&town.admin, town.a, &town.people_but(&[town.wang]), Mode::Replace).await;
        assert!(view.shown.unwrap().plan.changes.is_empty());
        // And whoever has left in another way is granted nothing.
        let now = town.now();
        town.db.write(move |c| Box::pin(async move { store::staff::end(c, wang, now).await })).await.unwrap();
        assert!(matches!(grant::confirm(&town, &district[1], above).await, Err(grant::GrantError::NotFound)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_ended_since_does_not_hold_anything_again_when_an_import_is_taken_back() {
    for town in towns().await {
        // 王芳 gives the grid to 李明 and keeps the desk.
        hold(&town.domain, town.wang, town.desk).await;
        let view = town.compared(&town.admin, town.a, &format!("单位代码,邮箱\ng1,{}\n", town.mail(town.li)), Mode::Add).await;
        town.applied(&town.admin, &view).await;
        leaving::leave(&town, &town.admin, town.wang, leaving::Typed::default()).await.unwrap();
        let undone = town.undone(&town.admin, view.import.id).await;
        assert_eq!((undone.import.state, undone.trouble), (ImportState::Undone, Some(Trouble::LeftAlone { back: 0, gone: 1 })));
        assert!(town.holders(town.first).await.is_empty());

        // Ended by the import, invited again, and ended once more.
        let done = town.without(town.li).await;
        town.clock.set(at("2026-11-24T09:00"));
        let back = staff::Typed { name: "李明", email: &town.mail(town.li), language: Language::Chinese };
        staff::invite(&town, &town.admin, back, None).await.unwrap();
        leaving::leave(&town, &town.admin, town.li, leaving::Typed::default()).await.unwrap();
        let undone = town.undone(&town.admin, done.import.id).await;
        assert_eq!(undone.trouble, Some(Trouble::LeftAlone { back: 0, gone: 1 }));
        assert_eq!(town.person(town.li).await.ended_at, Some(town.now()));
        town.clock.set(at(NOW));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_being_written_is_begun_anew_only_after_a_long_silence() {
    for town in towns().await {
        let view = town.compared(&town.admin, town.a, &town.people_but(&[town.wang]), Mode::Replace).await;
        let id = view.import.id;
        let begin = async |from, silent: At| {
            let now = town.now();
            town.db.write(move |c| Box::pin(async move { store::import::begin(c, id, from, ImportState::Applying, silent, now).await })).await.unwrap()
        };
        let (now, long_ago) = (town.now(), town.now().plus_minutes(-1));
        assert!(begin(ImportState::Ready, long_ago).await);
        assert!(!begin(ImportState::Applying, long_ago).await, "somebody is at it");
        assert!(!begin(ImportState::Ready, long_ago).await);
        assert!(begin(ImportState::Applying, now.plus_seconds(1)).await, "whoever was has gone");
    }
}

/// A street with thousands of grids, of which each is given a holder, and then another one.
#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_holdings_have_their_entries_in_one_transaction_that_does_not_get_long() {
    const COUNT: usize = 3_000;
    for town in towns().await {
        let roster = |who: &str| {
            let rows: String = (0..COUNT).map(|n| format!("第{n}网格,桃花岭社区,{who}{n},{who}{n}@x.cn\n")).collect();
            format!("网格名称,所属社区,姓名,邮箱\n{rows}")
        };
        for who in ["a", "b"] {
            let view = town.compared(&town.admin, town.a, &roster(who), Mode::Add).await;
            let done = town.applied(&town.admin, &view).await;
            assert_eq!(done.import.state, ImportState::Applied, "{:?}", done.trouble);
            println!("{} rows, {} entries: {:?}", COUNT, store::import::version(&mut town.db.read().await.unwrap()).await.unwrap(), town.imports.took());
            assert!(town.imports.took() < Duration::from_secs(30), "{:?}", town.imports.took());
        }
        town.chain_holds().await;
    }
}
