//! Records: the audit trail and who may look through it, and settings that inherit.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{Fresh, domains};
use domain::{
    Admin, Auditor, Clock, Staff,
    audit::{
        self, Asked, Keep,
        verify::{Anchor, Fault, Whole, verify},
    },
    first_admin,
    setting::{self, SettingError, TypedOne},
    unit,
};
use model::{At, AuditKind, GrantId, Language, Role, SessionId, Setting, StaffId, UnitId, UnitKind};
use std::collections::HashMap;

/// Friday 2026-11-20 10:00 in Yichang.
const NOW: At = At(1_795_140_000_000);

struct Town {
    domain: Fresh,
    city: UnitId,
    street: UnitId,
    community: UnitId,
    beside: UnitId,
    admin: Admin,
}

async fn towns() -> Vec<Town> {
    let clock = Clock::fixed(NOW);
    let mut all = Vec::new();
    for domain in domains(clock).await {
        let [city, street, community, beside] = std::array::from_fn(|_| UnitId(domain.id()));
        let unit = |id, parent_id, kind, name: &str| domain::row::Unit {
            id,
            parent_id,
            kind,
            name: name.into(),
            name_en: None,
            code: None,
            created_at: NOW,
            ended_at: None,
        };
        let units = [
            unit(city, None, UnitKind::City, "宜昌市"),
            unit(street, Some(city), UnitKind::Street, "云集街道"),
            unit(community, Some(street), UnitKind::Community, "桃花岭社区"),
            unit(beside, Some(city), UnitKind::Street, "学院街道"),
        ];
        domain
            .db
            .write(move |c| {
                Box::pin(async move {
                    for unit in &units {
                        store::unit::insert(c, unit).await?;
                    }
                    Ok::<_, store::Error>(())
                })
            })
            .await
            .unwrap();
        let staff = person(&domain, "林岚", Role::Admin, city).await;
        all.push(Town { admin: staff.admin().unwrap(), domain, city, street, community, beside });
    }
    all
}

async fn person(domain: &Fresh, name: &str, role: Role, unit_id: UnitId) -> Staff {
    let id = StaffId(domain.id());
    let grant = store::staff::Grant { id: GrantId(domain.id()), staff_id: id, role, unit_id, from_at: domain.now(), until_at: None };
    let staff = store::staff::Staff {
        id,
        email: format!("{id}@linli.example"),
        name: name.to_owned(),
        title: None,
        language: Language::Chinese,
        password_hash: None,
        created_at: NOW,
        activated_at: Some(NOW),
        ended_at: None,
        off_duty_since: None,
        off_duty_until: None,
    };
    domain
        .db
        .write(move |c| {
            Box::pin(async move {
                store::staff::insert(c, &staff).await?;
                store::staff::insert_grant(c, &grant).await
            })
        })
        .await
        .unwrap();
    Staff {
        id,
        session_id: SessionId(domain.id()),
        name: name.to_owned(),
        email: String::new(),
        language: Language::Chinese,
        grants: vec![(role, unit_id)],
        is_off_duty: false,
    }
}

impl Town {
    async fn auditor(&self, unit: UnitId) -> Auditor {
        person(&self.domain, "吴敏", Role::Auditor, unit).await.auditor().unwrap()
    }

    async fn rename(&self, unit: UnitId, name: &str) {
        unit::change(&self.domain, &self.admin, unit, unit::Typed { name, ..unit::Typed::default() }).await.unwrap();
    }

    async fn verified(&self, anchors: Vec<Anchor>) -> Result<Whole, Fault> {
        verify(&mut self.domain.db.read().await.unwrap(), anchors, Clock::System.now()).await.unwrap()
    }

    async fn tamper(&self, statements: &'static [&'static str]) -> store::Result<()> {
        self.domain.db.write(move |c| Box::pin(store::testing::tamper(c, statements))).await
    }

    /// As somebody does who may do everything to the database.
    async fn without_triggers(&self) {
        const SQLITE: &[&str] =
            &["drop trigger audit_entries_keep", "drop trigger audit_entries_stay", "drop trigger audit_head_never_goes_back", "drop trigger audit_head_stays"];
        const POSTGRES: &[&str] = &["alter table audit_entries disable trigger all", "alter table audit_head disable trigger all"];
        self.tamper(if self.domain.db.is_postgres() { POSTGRES } else { SQLITE }).await.unwrap();
    }

    async fn found(&self, auditor: &Auditor, asked: &Asked) -> Vec<String> {
        let found = audit::find(&self.domain, auditor, asked).await.unwrap().unwrap();
        found.lines.into_iter().map(|line| line.entry.detail).collect()
    }

    async fn set(&self, unit: UnitId, setting: Setting, value: Option<&str>, is_locked: bool) -> Result<(), SettingError> {
        let one = TypedOne { is_own: value.is_some(), value: value.unwrap_or_default().to_owned(), shown: None, is_locked };
        setting::save(&self.domain, &self.admin, unit, &HashMap::from([(setting, one)])).await
    }

    async fn promise(&self, unit: UnitId) -> i64 {
        let mut conn = self.domain.db.read().await.unwrap();
        setting::of(&self.domain, &mut conn, unit).await.unwrap().promise_minutes()
    }
}

#[tokio::test]
async fn what_is_changed_in_the_database_is_found_with_its_number() {
    type Harm = (&'static [&'static str], Fault);
    const HARMS: [Harm; 8] = [
        (&["update audit_entries set detail = 'nothing' where seq = 3"], Fault::Changed(3)),
        (&["update audit_entries set at = at + 1 where seq = 1"], Fault::Changed(1)),
        (&["update audit_entries set unit_id = null where seq = 2"], Fault::Changed(2)),
        (&["delete from audit_entries where seq = 4"], Fault::Missing(4)),
        (&["delete from audit_entries where seq >= 5"], Fault::CutOff(5)),
        (
            &[
                "update audit_entries set seq = 100 where seq = 2",
                "update audit_entries set seq = 2 where seq = 3",
                "update audit_entries set seq = 3 where seq = 100",
            ],
            Fault::Unlinked(2),
        ),
        (&["update audit_entries set staff_id = null, unit_id = null, action = '', target = '', detail = '' where seq = 2"], Fault::Emptied(2)),
        (&["update audit_entries set digest = null where seq = 2"], Fault::Changed(2)),
    ];
    for (harm, fault) in HARMS {
        for town in towns().await {
            for n in 0..6 {
                town.rename(town.street, &format!("街道{n}")).await;
            }
            assert_eq!(town.verified(Vec::new()).await.unwrap().count, 6);
            assert!(town.tamper(harm).await.is_err(), "the database refuses {harm:?}");
            assert_eq!(town.verified(Vec::new()).await.unwrap().count, 6);
            town.without_triggers().await;
            town.tamper(harm).await.unwrap();
            assert_eq!(town.verified(Vec::new()).await, Err(fault), "{harm:?}");
        }
    }
}

#[tokio::test]
async fn who_cuts_off_the_end_and_covers_it_up_is_found_by_an_anchor_kept_elsewhere() {
    for town in towns().await {
        for n in 0..4 {
            town.rename(town.street, &format!("街道{n}")).await;
        }
        let anchor = town.verified(Vec::new()).await.unwrap().anchor.unwrap();
        town.without_triggers().await;
        let cover_up = ["delete from audit_entries where seq > 2", "update audit_head set seq = 2, hash = (select hash from audit_entries where seq = 2)"];
        town.domain.db.write(move |c| Box::pin(async move { store::testing::tamper(c, &cover_up).await })).await.unwrap();
        assert_eq!(town.verified(Vec::new()).await.unwrap().count, 2, "nothing in the database says so");
        assert_eq!(town.verified(vec![anchor]).await, Err(Fault::CutOff(3)));
    }
}

/// Something written some days ago by the machine's own clock, as the databases look at it.
async fn write_days_ago(town: &Town, days: i64, action: &'static str) {
    town.domain.clock.set(Clock::System.now().plus_days(-days));
    audit::record(&town.domain, Some(town.admin.staff.id), action, String::new(), String::new()).await.unwrap();
    town.domain.clock.set(Clock::System.now());
}

const EMPTIED: &str = "update audit_entries set staff_id = null, unit_id = null, action = '', target = '', detail = '' where seq = ";

#[tokio::test]
async fn old_entries_are_emptied_by_kind_and_the_chain_stays_whole() {
    for town in towns().await {
        write_days_ago(&town, 250, "unit.change").await;
        write_days_ago(&town, 200, "session.begin").await;
        write_days_ago(&town, 150, "session.begin").await;
        let kept: Keep = "sign_in=190".parse().unwrap();
        assert_eq!(audit::keep(&town.domain, &kept).await.unwrap(), 1, "the old sign-in, not the young one, and nothing of another kind");
        assert_eq!(audit::keep(&town.domain, &kept).await.unwrap(), 0);
        let whole = town.verified(Vec::new()).await.unwrap();
        assert_eq!((whole.count, whole.emptied), (4, 1));
        let auditor = town.auditor(town.city).await;
        assert_eq!(town.found(&auditor, &Asked { what: Some(AuditKind::SignIn), ..Asked::default() }).await.len(), 1);
        assert_eq!(town.found(&auditor, &Asked { what: Some(AuditKind::Records), ..Asked::default() }).await.len(), 1);
        // What is young, and what says which were emptied, the database itself keeps.
        for seq in ["3", "4"] {
            let text = format!("{EMPTIED}{seq}");
            assert!(town.domain.db.write(move |c| Box::pin(async move { store::testing::tamper(c, &[text.as_str()]).await })).await.is_err(), "{seq}");
        }
    }
}

#[tokio::test]
async fn many_old_entries_are_told_of_together_and_emptied_in_small_parts() {
    for town in towns().await {
        let old = Clock::System.now().plus_days(-300);
        let written = town.domain.db.write(move |c| {
            Box::pin(async move {
                for n in 0..250 {
                    audit::append(c, old.plus_minutes(n), None, if n % 2 == 0 { "session.begin" } else { "unit.change" }, "", "").await?;
                }
                Ok::<_, store::Error>(())
            })
        });
        written.await.unwrap();
        town.domain.clock.set(Clock::System.now());
        assert_eq!(audit::keep(&town.domain, &"sign_in=200,organisation=290".parse().unwrap()).await.unwrap(), 250);
        let whole = town.verified(Vec::new()).await.unwrap();
        assert_eq!((whole.count, whole.emptied), (252, 250), "one entry of each kind says so");
    }
}

#[tokio::test]
async fn nothing_is_emptied_by_a_clock_that_somebody_has_set() {
    for town in towns().await {
        let (kept, folder): (Keep, _) = ("sign_in=190".parse().unwrap(), tempfile::tempdir().unwrap());
        let anchors = folder.path().join("anchors.txt");
        write_days_ago(&town, 200, "session.begin").await;
        audit::daily(&town.domain, &kept, &anchors).await;
        assert_eq!(town.verified(audit::anchors_in(&anchors)).await.unwrap().emptied, 0);
        assert_eq!(audit::anchors_in(&anchors)[0].at, None, "nobody knows when that was");
        // And should somebody empty all the same, the database knows the time.
        write_days_ago(&town, 0, "session.begin").await;
        town.domain.clock.set(Clock::System.now().plus_days(400));
        assert!(audit::keep(&town.domain, &kept).await.is_err());
        town.domain.clock.set(Clock::System.now());
        assert_eq!(town.verified(Vec::new()).await.unwrap().count, 2, "nothing says so either");
        let real = domain::Domain::open(town.domain.db.clone(), Clock::System, domain::Random::seeded(3), "http://linli.test").await.unwrap();
        audit::daily(&real, &kept, &anchors).await;
        let noted = audit::anchors_in(&anchors);
        assert!(noted[1].at.is_some());
        assert_eq!(town.verified(noted).await.unwrap().emptied, 1);
    }
}

#[tokio::test]
async fn whoever_empties_everything_and_says_in_the_chain_that_it_was_old_is_found() {
    for (town, ahead) in towns().await.into_iter().zip([0, 0]).chain(towns().await.into_iter().zip([400, 400])) {
        for n in 0..5 {
            town.rename(town.street, &format!("街道{n}")).await;
        }
        town.without_triggers().await;
        let said = r#"{"entries":"1-5","newest":0,"kinds":["organisation"]}"#;
        let at = Clock::System.now().plus_days(ahead);
        town.domain.db.write(move |c| Box::pin(async move { audit::append(c, at, None, "audit.retain", "", said).await })).await.unwrap();
        for seq in 1..=5 {
            let text = format!("{EMPTIED}{seq}");
            town.domain.db.write(move |c| Box::pin(async move { store::testing::tamper(c, &[text.as_str()]).await })).await.unwrap();
        }
        assert_eq!(town.verified(Vec::new()).await, Err(Fault::Emptied(1)), "dated {ahead} days ahead");
    }
}

#[tokio::test]
async fn an_auditor_sees_what_belongs_to_their_subtree_and_finds_it() {
    for town in towns().await {
        town.rename(town.community, "社区甲").await;
        town.rename(town.beside, "别处").await;
        audit::record(&town.domain, None, "session.refuse", String::new(), "nobody knows whose".into()).await.unwrap();
        let (whole, street) = (town.auditor(town.city).await, town.auditor(town.street).await);
        assert_eq!(town.found(&whole, &Asked::default()).await.len(), 3);
        assert_eq!(town.found(&street, &Asked::default()).await, ["桃花岭社区 → 社区甲"]);
        let asked = |who: &str, target: &str| Asked { who: who.into(), target: target.into(), ..Asked::default() };
        assert_eq!(town.found(&whole, &asked("林", "")).await.len(), 2);
        assert_eq!(town.found(&whole, &asked("nobody", "")).await.len(), 0);
        assert_eq!(town.found(&whole, &asked("", "别处")).await.len(), 1);
        assert_eq!(town.found(&whole, &asked("", &town.community.to_string())).await.len(), 1);
        let in_unit = |unit| Asked { unit: Some(unit), ..Asked::default() };
        assert_eq!(town.found(&whole, &in_unit(town.street)).await.len(), 1);
        assert!(audit::find(&town.domain, &street, &in_unit(town.beside)).await.unwrap().is_none(), "not theirs");
        let on = |day: &str| Asked { from: day.parse().ok(), until: day.parse().ok(), ..Asked::default() };
        assert_eq!(town.found(&whole, &on("2026-11-20")).await.len(), 3);
        assert_eq!(town.found(&whole, &on("2026-11-19")).await.len(), 0);
        assert_eq!(town.found(&whole, &Asked { what: Some(AuditKind::SignIn), ..Asked::default() }).await.len(), 1);
        assert_eq!(town.found(&whole, &Asked { before: Some(2), ..Asked::default() }).await.len(), 1);
        // An export is an entry itself, and does not hold itself.
        let asked = audit::export(&town.domain, &whole, &Asked::default(), "csv").await.unwrap().unwrap();
        assert_eq!(audit::export_page(&town.domain, &whole, &asked).await.unwrap().unwrap().lines.len(), 3);
        assert_eq!(town.found(&whole, &Asked { what: Some(AuditKind::Export), ..Asked::default() }).await, ["csv"]);
    }
}

#[tokio::test]
async fn what_is_looked_for_is_what_is_shown_however_many_have_such_a_name_elsewhere() {
    for town in towns().await {
        let (street, community) = (town.street, town.community);
        let post = model::PostId(town.domain.id());
        let seat = domain::row::Post {
            id: post,
            unit_id: community,
            title: "网格员".into(),
            title_en: None,
            substitute_id: None,
            welcome: None,
            answering_id: None,
            created_at: NOW,
            ended_at: None,
        };
        let elsewhere: Vec<domain::row::Unit> = (0..600)
            .map(|n| domain::row::Unit {
                id: UnitId(town.domain.id()),
                parent_id: Some(town.beside),
                kind: UnitKind::Community,
                name: format!("桃花岭{n}"),
                name_en: None,
                code: None,
                created_at: NOW,
                ended_at: None,
            })
            .collect();
        town.domain
            .db
            .write(move |c| {
                Box::pin(async move {
                    for unit in &elsewhere {
                        store::unit::insert(c, unit).await?;
                    }
                    store::post::insert(c, &seat).await
                })
            })
            .await
            .unwrap();
        let (admin, id) = (Some(town.admin.staff.id), town.domain.id());
        audit::record(&town.domain, admin, "post.change", post.to_string(), "a post".into()).await.unwrap();
        audit::record(&town.domain, admin, "unit.change", community.to_string(), "a unit".into()).await.unwrap();
        audit::record(&town.domain, admin, "session.end", id.as_simple().to_string(), "nothing that is there".into()).await.unwrap();
        let auditor = town.auditor(street).await;
        let asked = |target: &str| Asked { target: target.into(), ..Asked::default() };
        assert_eq!(town.found(&auditor, &asked("桃花岭")).await, ["a unit", "a post"]);
        assert_eq!(town.found(&auditor, &asked("桃花岭社区 网格员")).await, ["a post"], "as it is shown");
        assert_eq!(town.found(&auditor, &asked(&post.to_string())).await, ["a post"]);
        assert!(town.found(&auditor, &asked("桃花岭599")).await.is_empty());
    }
}

#[tokio::test]
async fn an_auditor_whose_grant_ends_in_the_middle_of_an_export_gets_no_more_of_it() {
    for town in towns().await {
        town.rename(town.community, "社区甲").await;
        let auditor = town.auditor(town.street).await;
        let asked = audit::export(&town.domain, &auditor, &Asked::default(), "csv").await.unwrap().unwrap();
        assert_eq!(audit::export_page(&town.domain, &auditor, &asked).await.unwrap().unwrap().lines.len(), 1);
        let (staff, now) = (auditor.staff.id, town.domain.now());
        let grant = store::staff::grants(&mut town.domain.db.read().await.unwrap(), staff, now).await.unwrap()[0].id;
        town.domain.db.write(move |c| Box::pin(async move { store::staff::end_grant(c, grant, now).await })).await.unwrap();
        assert!(audit::export_page(&town.domain, &auditor, &asked).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_grant_belongs_to_the_trail_of_the_unit_it_is_for() {
    for town in towns().await {
        let worker = person(&town.domain, "陈静", Role::Supervisor, town.beside).await;
        let typed = domain::grant::Typed { role: "supervisor", ..domain::grant::Typed::default() };
        domain::grant::give(&town.domain, &town.admin, worker.id, town.street, typed).await.unwrap();
        let what = Asked { what: Some(AuditKind::People), ..Asked::default() };
        assert_eq!(town.found(&town.auditor(town.street).await, &what).await.len(), 1);
        assert_eq!(town.found(&town.auditor(town.beside).await, &what).await.len(), 0);
    }
}

#[tokio::test]
async fn a_setting_holds_below_until_a_unit_has_its_own_and_a_lock_overrules_that() {
    for town in towns().await {
        assert_eq!(town.promise(town.community).await, 420, "built in");
        town.set(town.city, Setting::Promise, Some("300"), false).await.unwrap();
        assert_eq!(town.promise(town.community).await, 300, "at once");
        town.set(town.community, Setting::Promise, Some("60"), false).await.unwrap();
        assert_eq!((town.promise(town.community).await, town.promise(town.street).await), (60, 300));
        town.set(town.city, Setting::Promise, Some("240"), true).await.unwrap();
        assert_eq!(town.promise(town.community).await, 240);
        assert!(matches!(town.set(town.community, Setting::Promise, Some("90"), false).await, Err(SettingError::Invalid(_))));
        assert_eq!(town.promise(town.community).await, 240, "what is locked above is left alone");
        let view = setting::view(&town.domain, &town.admin, town.community).await.unwrap().unwrap();
        let line = view.lines.iter().find(|line| line.setting == Setting::Promise).unwrap();
        assert_eq!((line.value.as_str(), line.own.as_deref(), line.from.as_ref().unwrap().id), ("240", Some("60"), town.city));
        assert_eq!(line.locked_by.as_ref().map(|(unit, who)| (unit.id, who.clone())), Some((town.city, Some("林岚".to_owned()))));
        let above = setting::view(&town.domain, &town.admin, town.city).await.unwrap().unwrap();
        let line = above.lines.iter().find(|line| line.setting == Setting::Promise).unwrap();
        assert_eq!(line.differing, [(town.community, "桃花岭社区".to_owned())]);
        town.set(town.city, Setting::Promise, None, false).await.unwrap();
        assert_eq!((town.promise(town.community).await, town.promise(town.street).await), (60, 420));
        assert!(matches!(town.set(town.street, Setting::Promise, Some("1"), false).await, Err(SettingError::Invalid(_))));
        let mut conn = town.domain.db.read().await.unwrap();
        let last = store::audit::last(&mut conn).await.unwrap().unwrap();
        assert_eq!((last.action.as_str(), last.detail.as_str()), ("setting.change", "promise_minutes: 240 → inherit, unlocked"));
    }
}

#[tokio::test]
async fn limits_and_quiet_hours_are_set_and_unset() {
    for town in towns().await {
        let effective = async |unit| {
            let mut conn = town.domain.db.read().await.unwrap();
            setting::of(&town.domain, &mut conn, unit).await.unwrap()
        };
        assert_eq!(effective(town.street).await.new_contacts_per_day, None);
        town.set(town.city, Setting::NewContacts, Some("30"), false).await.unwrap();
        town.set(town.city, Setting::OpenConversations, Some("200"), false).await.unwrap();
        town.set(town.street, Setting::NewContacts, Some(""), false).await.unwrap();
        let (city, street) = (effective(town.city).await, effective(town.street).await);
        assert_eq!((city.new_contacts_per_day, street.new_contacts_per_day, street.open_conversations), (Some(30), None, Some(200)));
        let night = NOW.plus_minutes(13 * 60);
        assert!(city.free_at(night) > night, "23:00");
        town.set(town.city, Setting::QuietHours, Some("-"), false).await.unwrap();
        assert_eq!(effective(town.community).await.free_at(night), night, "no quiet hours");
        town.set(town.street, Setting::QuietHours, Some("09:00-12:00"), false).await.unwrap();
        assert_eq!(effective(town.community).await.free_at(NOW), NOW.plus_minutes(120));
    }
}

#[tokio::test]
async fn a_calendar_that_is_locked_above_cannot_be_changed_below() {
    for town in towns().await {
        let week = domain::calendar::Typed { zone: "Asia/Shanghai".into(), days: std::array::from_fn(|_| "09:00-17:00".to_owned()) };
        domain::calendar::save(&town.domain, &town.admin, town.street, &week).await.unwrap();
        town.set(town.city, Setting::Calendar, None, true).await.unwrap();
        let refused = domain::calendar::save(&town.domain, &town.admin, town.community, &week).await;
        assert!(matches!(refused, Err(domain::calendar::CalendarError::Locked)), "{refused:?}");
        let view = domain::calendar::view(&town.domain, &town.admin, town.street).await.unwrap().unwrap();
        assert_eq!((view.calendar.unit_id, view.locked_by.map(|u| u.id)), (None, Some(town.city)), "the city's, which is the built-in one");
    }
}

#[tokio::test]
async fn the_tree_is_opened_level_by_level_and_searched_by_name_code_and_sound() {
    for town in towns().await {
        let open = unit::tree::open(&town.domain, &town.admin, None, 0).await.unwrap();
        let names: Vec<&str> = open.nodes[0].below.as_ref().unwrap().nodes.iter().map(|n| n.branch.name.as_str()).collect();
        assert_eq!(names, ["云集街道", "学院街道"]);
        assert!(open.nodes[0].below.as_ref().unwrap().nodes[0].below.is_none(), "deeper levels come when they are opened");
        let below = unit::tree::below(&town.domain, &town.admin, town.street, 0).await.unwrap().unwrap();
        assert_eq!(below.nodes[0].branch.id, town.community);
        for typed in ["桃花", "taohualing", "thl", "THL"] {
            let found = unit::tree::search(&town.domain, &town.admin, typed, 0).await.unwrap();
            assert_eq!(found.lines.iter().map(|line| line.branch.id).collect::<Vec<_>>(), [town.community], "{typed}");
            assert_eq!(found.lines[0].above, ["宜昌市", "云集街道"]);
        }
        town.rename(town.community, "改了名的社区").await;
        assert!(unit::tree::search(&town.domain, &town.admin, "桃花", 0).await.unwrap().lines.is_empty(), "at once");
        let street = person(&town.domain, "赵敏", Role::Admin, town.street).await.admin().unwrap();
        assert!(unit::tree::below(&town.domain, &street, town.city, 0).await.unwrap().is_none());
        assert!(unit::tree::search(&town.domain, &street, "学院", 0).await.unwrap().lines.is_empty());
        assert_eq!(unit::tree::search(&town.domain, &street, "改了名", 0).await.unwrap().lines[0].above, ["云集街道"]);
    }
}

/// More units than are read anew for every page.
async fn large(town: &Town) -> Vec<UnitId> {
    let units: Vec<domain::row::Unit> = (0..2_100)
        .map(|n| domain::row::Unit {
            id: UnitId(town.domain.id()),
            parent_id: Some(town.community),
            kind: UnitKind::Grid,
            name: format!("第{n:04}网格"),
            name_en: None,
            code: None,
            created_at: NOW,
            ended_at: None,
        })
        .collect();
    let ids = units.iter().map(|u| u.id).collect();
    town.domain
        .db
        .write(move |c| {
            Box::pin(async move {
                for unit in &units {
                    store::unit::insert(c, unit).await?;
                }
                Ok::<_, store::Error>(())
            })
        })
        .await
        .unwrap();
    ids
}

async fn found_as(domain: &domain::Domain, admin: &Admin, typed: &str) -> usize {
    unit::tree::search(domain, admin, typed, 0).await.unwrap().lines.len()
}

#[tokio::test]
async fn a_large_tree_is_remembered_until_something_changes_and_not_read_anew_each_minute() {
    for town in towns().await {
        let grids = large(&town).await;
        assert_eq!(found_as(&town.domain, &town.admin, "第0007网格").await, 1);
        // Behind its back: nobody told it.
        let grid = grids[7];
        town.domain.db.write(move |c| Box::pin(async move { store::unit::change(c, grid, "背后改的", None, None).await })).await.unwrap();
        town.domain.settings.forget();
        assert_eq!(found_as(&town.domain, &town.admin, "第0007网格").await, 1, "the minute's forgetting leaves it alone");
        town.rename(grids[8], "当面改的").await;
        assert_eq!(found_as(&town.domain, &town.admin, "改的").await, 2, "a change is seen at once");
    }
}

#[tokio::test]
async fn a_unit_that_another_node_has_just_made_is_there() {
    for town in towns().await {
        large(&town).await;
        let other = domain::Domain::open(town.domain.db.clone(), Clock::fixed(NOW), domain::Random::seeded(5), "http://linli.test").await.unwrap();
        assert_eq!(found_as(&other, &town.admin, "第0007网格").await, 1);
        let typed = unit::Typed { name: "新网格", kind: "grid", ..unit::Typed::default() };
        let made = unit::create(&town.domain, &town.admin, town.community, typed).await.unwrap();
        assert!(unit::view(&other, &town.admin, made, 0).await.unwrap().is_some(), "although it has not been told yet");
        assert_eq!(unit::tree::open(&other, &town.admin, Some(made), 0).await.unwrap().open, Some(made));
        assert!(unit::view(&other, &town.admin, UnitId(town.domain.id()), 0).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn whoever_waits_for_the_tree_holds_up_nobody_else() {
    for town in towns().await {
        large(&town).await;
        // More at once than there are connections for reading.
        let opening: Vec<_> = (0..40)
            .map(|n| {
                let (domain, admin, street) = (domain::Domain::clone(&town.domain), town.admin.clone(), town.street);
                tokio::spawn(async move {
                    if n % 2 == 0 {
                        domain.settings.clear();
                    }
                    unit::view(&domain, &admin, street, 0).await.unwrap().is_some()
                })
            })
            .collect();
        for opened in opening {
            assert!(tokio::time::timeout(std::time::Duration::from_secs(25), opened).await.expect("it stood still").unwrap());
        }
    }
}

#[tokio::test]
async fn every_page_of_a_unit_deep_in_the_tree_is_reached() {
    for town in towns().await {
        large(&town).await;
        let on_page = async |page| {
            let open = unit::tree::open(&town.domain, &town.admin, Some(town.community), page).await.unwrap();
            let mut level = open.nodes[0].below.clone().unwrap();
            while let Some(below) = level.nodes.iter().find_map(|node| node.below.clone()) {
                level = below;
            }
            (level.page, level.nodes[0].branch.name.clone(), level.has_more)
        };
        assert_eq!(on_page(0).await, (0, "第0000网格".to_owned(), true));
        assert_eq!(on_page(1).await, (1, "第0050网格".to_owned(), true));
        assert_eq!(on_page(41).await, (41, "第2050网格".to_owned(), false));
    }
}

#[tokio::test]
async fn whoever_makes_themselves_an_admin_on_the_machine_is_on_record() {
    for town in domains(Clock::fixed(NOW)).await {
        let create = async |password| {
            let typed = first_admin::Create { name: "林岚", email: "lin@linli.example", password, unit: Some("宜昌市"), language: Language::Chinese };
            first_admin::create(&town, typed).await.unwrap();
        };
        create(None).await;
        create(Some("一个足够长的密码 2026")).await;
        create(None).await;
        let actions = store::testing::actions(&mut town.db.read().await.unwrap()).await.unwrap();
        assert_eq!(actions, ["unit.create", "trial.begin", "admin.create", "password.change", "admin.create", "admin.create"]);
    }
}
