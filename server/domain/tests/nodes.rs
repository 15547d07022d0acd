//! Two nodes on one PostgreSQL: what happens on one wakes whoever watches through the other.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use domain::{Clock, Domain, Random, live::Topic, nodes, setting};
use model::{ConversationId, PostId, Role, Setting, StaffId};
use std::{collections::HashMap, time::Duration};
use store::{Db, testing::TestDb};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{sleep, timeout},
};

struct Node {
    domain: Domain,
    stop: watch::Sender<bool>,
    running: JoinHandle<()>,
}

impl Node {
    /// A node that listens already: it hears itself.
    async fn on(database: &TestDb, seed: u64) -> Node {
        let db = Db::open(&database.url).await.unwrap();
        let domain = Domain::open(db, Clock::System, Random::seeded(seed), "http://linli.test").await.unwrap();
        let mut first = domain.hub.watch(Topic::Post(PostId(domain.id())));
        let (stop, stopping) = watch::channel(false);
        let running = tokio::spawn(nodes::run(domain.clone(), stopping));
        woken(&mut first).await;
        Node { domain, stop, running }
    }
}

/// PostgreSQL's turn only: a SQLite database has one node.
async fn two_nodes() -> Option<(TestDb, Node, Node)> {
    let database = store::testing::databases().await.into_iter().find(|d| d.db.is_postgres())?;
    let (one, other) = (Node::on(&database, 1).await, Node::on(&database, 2).await);
    Some((database, one, other))
}

async fn woken(watcher: &mut watch::Receiver<u64>) {
    timeout(Duration::from_secs(10), watcher.changed()).await.expect("nobody woke it").unwrap();
    watcher.mark_unchanged();
}

/// Waits for something another node has been told.
async fn becomes(what: impl Fn() -> bool) {
    let wait = async {
        while !what() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(10), wait).await.expect("it did not come to pass");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wake_up_crosses_and_wakes_nobody_else() {
    let Some((_database, one, other)) = two_nodes().await else { return };
    let topics: Vec<Topic> = (0..500).map(|_| Topic::Conversation(ConversationId(one.domain.id()))).collect();
    let mut watched: Vec<_> = topics.iter().map(|t| other.domain.hub.watch(*t)).collect();
    let mut unrelated = other.domain.hub.watch(Topic::Conversation(ConversationId(one.domain.id())));
    unrelated.mark_unchanged();
    one.domain.hub.wake_all(topics);
    for watcher in &mut watched {
        woken(watcher).await;
    }
    assert!(!unrelated.has_changed().unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_see_each_other_through_different_nodes_until_one_leaves() {
    let Some((_database, one, other)) = two_nodes().await else { return };
    let conversation = ConversationId(one.domain.id());
    let mut watcher = other.domain.hub.watch(Topic::Presence(conversation));
    let looking = one.domain.hub.enter(conversation, StaffId(one.domain.id()), "王芳");
    woken(&mut watcher).await;
    let names = || other.domain.hub.looking_at(conversation).into_iter().map(|(_, name)| name).collect::<Vec<_>>();
    becomes(|| names() == ["王芳"]).await;
    drop(looking);
    woken(&mut watcher).await;
    becomes(|| names().is_empty()).await;

    // A node that stops takes its people with it.
    let _looking = one.domain.hub.enter(conversation, StaffId(one.domain.id()), "李强");
    becomes(|| names() == ["李强"]).await;
    one.stop.send(true).unwrap();
    one.running.await.unwrap();
    becomes(|| names().is_empty()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_cut_everybody_is_woken_once_and_signals_cross_again() {
    let Some((database, one, other)) = two_nodes().await else { return };
    let topic = Topic::Conversation(ConversationId(one.domain.id()));
    let mut watcher = other.domain.hub.watch(topic);
    let mut conn = database.db.read().await.unwrap();
    let cut = store::testing::cut_others(&mut conn).await.unwrap();
    assert!(cut >= 2, "both nodes listened");
    woken(&mut watcher).await;
    becomes(|| {
        one.domain.hub.wake(topic);
        watcher.has_changed().unwrap()
    })
    .await;
}

async fn admin_of(domain: &Domain, unit: model::UnitId) -> domain::Admin {
    let (id, now) = (StaffId(domain.id()), domain.now());
    let person = store::staff::Staff {
        id,
        email: format!("{id}@linli.example"),
        name: "林岚".into(),
        title: None,
        language: model::Language::Chinese,
        password_hash: None,
        created_at: now,
        activated_at: Some(now),
        ended_at: None,
        off_duty_since: None,
        off_duty_until: None,
    };
    let grant = store::staff::Grant { id: model::GrantId(domain.id()), staff_id: id, role: Role::Admin, unit_id: unit, from_at: now, until_at: None };
    domain
        .db
        .write(move |c| {
            Box::pin(async move {
                store::staff::insert(c, &person).await?;
                store::staff::insert_grant(c, &grant).await
            })
        })
        .await
        .unwrap();
    let session_id = model::SessionId(domain.id());
    let staff = domain::Staff {
        id,
        session_id,
        name: "林岚".into(),
        email: String::new(),
        language: model::Language::Chinese,
        grants: vec![(Role::Admin, unit)],
        is_off_duty: false,
    };
    staff.admin().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_setting_holds_on_the_other_node_at_once() {
    let Some((_database, one, other)) = two_nodes().await else { return };
    let unit = model::UnitId(one.domain.id());
    let row = domain::row::Unit {
        id: unit,
        parent_id: None,
        kind: model::UnitKind::City,
        name: "宜昌市".into(),
        name_en: None,
        code: None,
        created_at: one.domain.now(),
        ended_at: None,
    };
    one.domain.db.write(move |c| Box::pin(async move { store::unit::insert(c, &row).await })).await.unwrap();
    let promise = async || {
        let mut conn = other.domain.db.read().await.unwrap();
        domain::setting::of(&other.domain, &mut conn, unit).await.unwrap().promise_minutes()
    };
    assert_eq!(promise().await, 420);
    assert_eq!(promise().await, 420, "remembered");
    let admin = admin_of(&one.domain, unit).await;
    let typed = setting::TypedOne { is_own: true, value: "60".to_owned(), ..setting::TypedOne::default() };
    setting::save(&one.domain, &admin, unit, &HashMap::from([(Setting::Promise, typed)])).await.unwrap();
    let wait = async {
        while promise().await != 60 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(10), wait).await.expect("it did not come to pass");
}
