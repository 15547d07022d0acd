//! `TestApp`: the real router on a fresh database, with a clock that stands still until it is moved, and factories for each noun.

use crate::actor::Actor;
use ::app::{
    App,
    routes::{Assets, routes},
};
use axum::Router;
use domain::{Clock, Domain, Random, routing};
use model::{At, CheckPhrase, ContactPointId, GrantId, HoldingId, Language, PointCode, PostId, Role, StaffId, UnitId, UnitKind};
use std::sync::Arc;
use store::testing::TestDb;
use tokio::sync::watch;

pub struct TestApp {
    app: App,
    pub domain: Domain,
    pub router: Router,
    pub stop: watch::Sender<bool>,
    pub routes: Vec<::app::routes::Entry>,
    _database: TestDb,
}

/// Friday 2026-11-20, 10:00 in Shanghai: working time.
pub fn friday_morning() -> At {
    At::from("2026-11-20T10:00:00+08:00".parse::<jiff::Timestamp>().unwrap())
}

/// Runs a test on each database.
pub async fn on_both(test: impl AsyncFn(TestApp)) {
    for database in store::testing::databases().await {
        test(TestApp::on(database).await).await;
    }
}

/// Runs a test where the public URL is https, on SQLite.
pub async fn on_https(test: impl AsyncFn(TestApp)) {
    test(TestApp::at("https://linli.test", store::testing::sqlite().await).await).await;
}

impl TestApp {
    async fn on(database: TestDb) -> TestApp {
        Self::at("http://linli.test", database).await
    }

    async fn at(public_url: &str, database: TestDb) -> TestApp {
        let clock = Clock::fixed(friday_morning());
        let domain = Domain::open(database.db.clone(), clock, Random::seeded(7), public_url).await.unwrap();
        let (stop, stopping) = watch::channel(false);
        let app = App { domain: domain.clone(), assets: Arc::new(Assets { base: "/static/test".into() }), trust_proxy: true, sends_mail: false, stopping };
        let table = routes(app.clone()).table().to_vec();
        TestApp { router: server::serve::router(app.clone()), app, domain, stop, routes: table, _database: database }
    }

    /// Somebody who comes when there is only so much room, as `gate::Urgency`.
    pub fn in_a_crowd(&self, room: [usize; 4]) -> Actor {
        Actor::new(server::serve::router_behind(self.app.clone(), server::gate::Gate::with_limits(self.app.clone(), room)))
    }

    /// From now on as if a mail server were set.
    pub fn sends_mail(&mut self) {
        self.app.sends_mail = true;
        self.router = server::serve::router(self.app.clone());
    }

    /// The mails written to an address, oldest first.
    pub async fn mails_to(&self, address: &str) -> Vec<domain::row::Mail> {
        store::outbox::to(&mut self.domain.db.read().await.unwrap(), address).await.unwrap()
    }

    /// Somebody with a browser of their own.
    pub fn anonymous(&self) -> Actor {
        Actor::new(self.router.clone())
    }

    /// Somebody whose camera is on a sticker.
    pub fn phone(&self) -> Actor {
        let mut phone = self.anonymous();
        phone.headers.insert("sec-fetch-site".into(), "none".into());
        phone
    }

    pub fn advance_minutes(&self, minutes: i64) {
        self.domain.clock.set(self.domain.now().plus_minutes(minutes));
    }

    /// A street with a community, a post in it and a contact point, without a holder.
    pub async fn vacant_post(&self) -> Sticker {
        let now = self.domain.now();
        let (street, community) = (UnitId(self.domain.id()), UnitId(self.domain.id()));
        let (post, point) = (PostId(self.domain.id()), ContactPointId(self.domain.id()));
        let code = domain::contact_point::new_code(&self.domain.random);
        let unit = |id, parent_id, kind, name: &str| domain::row::Unit {
            id,
            parent_id,
            kind,
            name: name.into(),
            name_en: None,
            code: None,
            created_at: now,
            ended_at: None,
        };
        let units = [unit(street, None, UnitKind::Street, "西陵街道"), unit(community, Some(street), UnitKind::Community, "云集路社区")];
        let seat = domain::row::Post {
            id: post,
            unit_id: community,
            title: "网格员".into(),
            title_en: None,
            substitute_id: None,
            welcome: Some("您好，有事写给我。".into()),
            answering_id: None,
            created_at: now,
            ended_at: None,
        };
        let sticker = domain::row::ContactPoint {
            id: point,
            post_id: post,
            code: code.clone(),
            check_phrase: CheckPhrase::from_bits([0, 1, 2, 3]),
            place: "3号楼东门".into(),
            place_en: None,
            topic: None,
            welcome: None,
            created_at: now,
            revoked_at: None,
        };
        self.domain
            .db
            .write(move |c| {
                Box::pin(async move {
                    for unit in &units {
                        store::unit::insert(c, unit).await?;
                    }
                    store::post::insert(c, &seat).await?;
                    store::contact_point::insert(c, &sticker).await
                })
            })
            .await
            .unwrap();
        Sticker { street, community, post, point, code }
    }

    pub async fn unit(&self, parent_id: Option<UnitId>, kind: UnitKind, name: &str) -> UnitId {
        let unit = domain::row::Unit {
            id: UnitId(self.domain.id()),
            parent_id,
            kind,
            name: name.into(),
            name_en: None,
            code: None,
            created_at: self.domain.now(),
            ended_at: None,
        };
        let id = unit.id;
        self.domain.db.write(move |c| Box::pin(async move { store::unit::insert(c, &unit).await })).await.unwrap();
        id
    }

    /// A post with a sticker at a unit that is there already, without a holder; the street is the unit itself.
    pub async fn post_at(&self, unit: UnitId) -> Sticker {
        let now = self.domain.now();
        let (post, point, code) = (PostId(self.domain.id()), ContactPointId(self.domain.id()), domain::contact_point::new_code(&self.domain.random));
        let seat = domain::row::Post {
            id: post,
            unit_id: unit,
            title: "网格员".into(),
            title_en: None,
            substitute_id: None,
            welcome: None,
            answering_id: None,
            created_at: now,
            ended_at: None,
        };
        let row = domain::row::ContactPoint {
            id: point,
            post_id: post,
            code: code.clone(),
            check_phrase: CheckPhrase::from_bits([0, 1, 2, 3]),
            place: "门口".into(),
            place_en: None,
            topic: None,
            welcome: None,
            created_at: now,
            revoked_at: None,
        };
        self.domain
            .db
            .write(move |c| {
                Box::pin(async move {
                    store::post::insert(c, &seat).await?;
                    store::contact_point::insert(c, &row).await
                })
            })
            .await
            .unwrap();
        Sticker { street: unit, community: unit, post, point, code }
    }

    /// Gives the sticker's unit, post and place their English names.
    pub async fn english_names(&self, sticker: &Sticker) {
        let (community, post, point) = (sticker.community, sticker.post, sticker.point);
        self.domain
            .db
            .write(move |c| {
                Box::pin(async move {
                    store::unit::change(c, community, "云集路社区", Some("Yunji Road Community"), None).await?;
                    store::post::change(c, post, "网格员", Some("Grid worker"), None).await?;
                    let Some(point) = store::contact_point::find(c, point).await? else { return Ok(()) };
                    store::contact_point::change(c, &domain::row::ContactPoint { place_en: Some("Building 3, east door".into()), ..point }).await
                })
            })
            .await
            .unwrap();
    }

    /// The same with 王芳 holding the post.
    pub async fn sticker(&self) -> Sticker {
        let sticker = self.vacant_post().await;
        let staff = self.staff("王芳").await;
        self.hold(staff, sticker.post).await;
        sticker
    }

    /// An activated member of staff.
    pub async fn staff(&self, name: &str) -> StaffId {
        self.person(name, Some(self.domain.now())).await
    }

    /// Somebody who has not signed in yet.
    pub async fn newcomer(&self, name: &str) -> StaffId {
        self.person(name, None).await
    }

    async fn person(&self, name: &str, activated_at: Option<At>) -> StaffId {
        let (id, now, name) = (StaffId(self.domain.id()), self.domain.now(), name.to_owned());
        let staff = store::staff::Staff {
            id,
            email: format!("{id}@linli.test"),
            name,
            title: None,
            language: Language::Chinese,
            password_hash: None,
            created_at: now,
            activated_at,
            ended_at: None,
            off_duty_since: None,
            off_duty_until: None,
        };
        self.domain.db.write(move |c| Box::pin(async move { store::staff::insert(c, &staff).await })).await.unwrap();
        id
    }

    pub async fn hold(&self, staff_id: StaffId, post_id: PostId) {
        let holding = domain::row::Holding { id: HoldingId(self.domain.id()), post_id, staff_id, from_at: self.domain.now(), until_at: None };
        self.domain.db.write(move |c| Box::pin(async move { store::holding::insert(c, &holding).await })).await.unwrap();
        routing::refresh(&self.domain).await.unwrap();
    }

    pub async fn grant(&self, staff_id: StaffId, role: Role, unit_id: UnitId) {
        let grant = store::staff::Grant { id: GrantId(self.domain.id()), staff_id, role, unit_id, from_at: self.domain.now(), until_at: None };
        self.domain.db.write(move |c| Box::pin(async move { store::staff::insert_grant(c, &grant).await })).await.unwrap();
    }

    /// A browser in which this member of staff is signed in.
    pub async fn signed_in(&self, staff_id: StaffId) -> Actor {
        let key = data_encoding::BASE32_NOPAD.encode(&self.domain.random.bytes::<32>()).to_lowercase();
        let now = self.domain.now();
        let session =
            domain::row::Session { id: model::SessionId(self.domain.id()), staff_id, agent: "test".into(), created_at: now, seen_at: now, ended_at: None };
        let hash = domain::Keys::hash(&key);
        let app = store::second_factor::Authenticator { staff_id, nonce: "a".repeat(16), created_at: now, last_step: 0 };
        self.domain
            .db
            .write(move |c| {
                Box::pin(async move {
                    store::session::insert(c, &session, &hash).await?;
                    // With a second factor, shown in this session, if their role asks for one.
                    if !store::staff::grants(c, staff_id, now).await?.is_empty() && !store::second_factor::is_set(c, staff_id).await? {
                        store::second_factor::set_authenticator(c, &app).await?;
                    }
                    store::session::prove(c, session.id, now).await
                })
            })
            .await
            .unwrap();
        let mut actor = self.anonymous();
        actor.set_cookie(if self.app.is_https() { "__Host-session" } else { "session" }, &key);
        actor
    }

    /// The same for somebody whose role asks for a second factor, and who has none yet.
    pub async fn without_second_factor(&self, staff_id: StaffId) -> Actor {
        let actor = self.signed_in(staff_id).await;
        self.domain
            .db
            .write(move |c| {
                Box::pin(async move {
                    store::second_factor::remove_all(c, staff_id).await?;
                    store::session::unprove(c, staff_id).await
                })
            })
            .await
            .unwrap();
        actor
    }

    /// A resident who has written `text` at this sticker; the conversation's path.
    pub async fn contact(&self, sticker: &Sticker, text: &str) -> (Actor, String) {
        let mut actor = self.anonymous();
        let page = actor.get(&sticker.path()).await;
        let sent = actor.post(&sticker.path(), &[("text", text), ("key", &page.field("key"))]).await;
        let path = sent.location();
        (actor, path)
    }
}

pub struct Sticker {
    pub street: UnitId,
    pub community: UnitId,
    pub post: PostId,
    pub point: ContactPointId,
    pub code: PointCode,
}

impl Sticker {
    pub fn path(&self) -> String {
        format!("/q/{}", self.code)
    }
}
