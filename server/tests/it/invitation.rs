//! `/admin/invitations`, `/admin/trial`

use crate::{
    actor::Actor,
    app::{Sticker, TestApp, on_both},
};
use model::{At, Language, MailKind, Role, StaffId, UnitId};
use std::collections::BTreeSet;

/// An admin of a new district, with somebody above and beside.
async fn district(app: &TestApp) -> (Sticker, Actor) {
    let sticker = app.vacant_post().await;
    let chief = app.staff("本区管理员").await;
    app.grant(chief, Role::Admin, sticker.street).await;
    let admin = app.signed_in(chief).await;
    (sticker, admin)
}

/// People as an import writes them: known, at a unit, without a login or an invitation.
async fn imported(app: &TestApp, unit: UnitId, count: usize) -> Vec<StaffId> {
    let now = app.domain.now();
    let people: Vec<store::staff::Staff> = (0..count)
        .map(|n| store::staff::Staff {
            id: StaffId(app.domain.id()),
            email: format!("{n}.{unit}@linli.test"),
            name: format!("网格员{n:04}"),
            title: None,
            language: Language::Chinese,
            password_hash: None,
            created_at: now,
            activated_at: None,
            ended_at: None,
            off_duty_since: None,
            off_duty_until: None,
        })
        .collect();
    let ids = people.iter().map(|p| p.id).collect();
    app.domain
        .db
        .write(move |c| {
            Box::pin(async move {
                for person in &people {
                    store::staff::insert(c, person).await?;
                    store::staff::set_unit(c, person.id, unit).await?;
                }
                Ok::<_, store::Error>(())
            })
        })
        .await
        .unwrap();
    ids
}

async fn email(app: &TestApp, id: StaffId) -> String {
    store::staff::find(&mut app.domain.db.read().await.unwrap(), id).await.unwrap().unwrap().email
}

/// The newest mail of somebody.
async fn mail(app: &TestApp, id: StaffId) -> domain::row::Mail {
    app.mails_to(&email(app, id).await).await.pop().unwrap()
}

/// As if the mail server had taken it.
async fn sent(app: &TestApp, id: StaffId) {
    let (mail, now) = (mail(app, id).await.id, app.domain.now());
    app.domain.db.write(move |c| Box::pin(async move { store::outbox::sent(c, mail, now).await })).await.unwrap();
}

async fn refused(app: &TestApp, id: StaffId) {
    let (mail, now) = (mail(app, id).await.id, app.domain.now());
    app.domain.db.write(move |c| Box::pin(async move { store::outbox::failed(c, mail, now, "no mailbox").await })).await.unwrap();
}

const SEND: [(&str, &str); 1] = [("intent", "send")];
const REMIND: [(&str, &str); 1] = [("intent", "remind")];

#[tokio::test]
async fn all_who_were_imported_are_invited_in_one_go_and_their_mails_go_out_one_after_the_other() {
    on_both(async |app| {
        let (sticker, mut admin) = district(&app).await;
        let (here, elsewhere) = (imported(&app, sticker.community, 600).await, app.vacant_post().await);
        let foreign = imported(&app, elsewhere.community, 1).await;
        admin.get("/admin").await.is(200).has("还有 600 人没发邀请");
        admin.get("/admin/invitations").await.is(200).has("发出全部 600 封邀请").has("网格员0000").has("网格员0049").has_not("网格员0050").has("page=1");
        admin.get("/admin/invitations?page=1").await.has("网格员0050");
        admin.get("/admin/invitations?q=0599").await.has("网格员0599").has_not("网格员0000");
        let done = admin.post("/admin/invitations", &SEND).await;
        assert_eq!(done.location(), "/admin/invitations?state=waiting&unit=&sent=600");
        admin.get(&done.location()).await.has("已排好 600 封").has("正在发<span class=\"num\">600").has("待发<span class=\"num\">0");
        let mut dues = BTreeSet::new();
        for id in &here {
            let mail = mail(&app, *id).await;
            assert_eq!((mail.kind, mail.sent_at), (MailKind::Invitation, None));
            dues.insert(mail.due_at);
        }
        let (first, last) = (dues.first().unwrap().0, dues.last().unwrap().0);
        assert_eq!((dues.len(), first, last - first), (600, app.domain.now().0, 599 * 500), "two a second");
        assert!(app.mails_to(&email(&app, foreign[0]).await).await.is_empty(), "not my district");

        // Pressed twice: nobody gets two, and somebody imported meanwhile comes after the others.
        let late = imported(&app, sticker.street, 1).await;
        assert_eq!(admin.post("/admin/invitations", &SEND).await.location(), "/admin/invitations?state=waiting&unit=&sent=1");
        assert_eq!(mail(&app, late[0]).await.due_at, At(last + 500));
        assert_eq!(admin.post("/admin/invitations", &SEND).await.location(), "/admin/invitations?state=sent&unit=&sent=0");
        let link = domain::invitation::link(&app.domain, mail(&app, here[0]).await.invitation_id.unwrap());
        let path = link.strip_prefix("http://linli.test").unwrap();
        assert_eq!(app.anonymous().post(path, &[("name", "王芳"), ("password", "correct horse battery")]).await.location(), "/inbox");
        admin.get("/admin/invitations?state=answered").await.has("王芳");
    })
    .await;
}

#[tokio::test]
async fn nobody_is_woken_by_a_long_row_of_invitations() {
    on_both(async |app| {
        let (sticker, mut admin) = district(&app).await;
        let ids = imported(&app, sticker.community, 4).await;
        // A second before ten in the evening.
        app.domain.clock.set(At::from("2026-11-20T21:59:59+08:00".parse::<jiff::Timestamp>().unwrap()));
        admin.post("/admin/invitations", &SEND).await.is(303);
        let mut dues = Vec::new();
        for id in ids {
            dues.push(model::calendar::Calendar::standard().local(mail(&app, id).await.due_at).strftime("%-d. %T%.f").to_string());
        }
        assert_eq!(dues, ["20. 21:59:59", "20. 21:59:59.5", "21. 07:00:00", "21. 07:00:00.5"]);
    })
    .await;
}

#[tokio::test]
async fn whoever_has_not_answered_is_reminded_three_times_and_never_twice_a_day() {
    on_both(async |app| {
        let (sticker, mut admin) = district(&app).await;
        let wang = imported(&app, sticker.community, 1).await[0];
        admin.post("/admin/invitations", &SEND).await.is(303);
        sent(&app, wang).await;
        let first = mail(&app, wang).await.invitation_id.unwrap();
        assert!(admin.post("/admin/invitations", &REMIND).await.location().ends_with("sent=0"), "invited today");
        for reminder in 1..=3 {
            app.advance_minutes(24 * 60 + 1);
            assert!(admin.post("/admin/invitations", &REMIND).await.location().ends_with("sent=1"));
            admin.get("/admin/invitations?state=waiting").await.has(&format!("已提醒 {reminder} 次"));
            sent(&app, wang).await;
        }
        app.advance_minutes(24 * 60 + 1);
        assert!(admin.post("/admin/invitations", &REMIND).await.location().ends_with("sent=0"), "three times is enough");
        admin.post(&format!("/admin/staff/{wang}"), &[("intent", "again")]).await.is(422).has("已经提醒过 3 次");
        // The newest link holds, the first one does not.
        let path = |id| domain::invitation::link(&app.domain, id).strip_prefix("http://linli.test").unwrap().to_owned();
        app.anonymous().get(&path(first)).await.is(410);
        app.anonymous().get(&path(mail(&app, wang).await.invitation_id.unwrap())).await.is(200);
        app.advance_minutes(7 * 24 * 60);
        admin.get("/admin/invitations?state=expired").await.has("网格员0000").has("已过期");
    })
    .await;
}

#[tokio::test]
async fn what_did_not_arrive_is_a_task_with_room_for_the_right_address() {
    on_both(async |app| {
        let (sticker, mut admin) = district(&app).await;
        let ids = imported(&app, sticker.community, 2).await;
        admin.post("/admin/invitations", &SEND).await.is(303);
        refused(&app, ids[0]).await;
        sent(&app, ids[1]).await;
        app.advance_minutes(1);
        admin.get("/admin").await.has("1 封邀请没送到");
        let page = admin.get("/admin/invitations?state=failed").await;
        page.has("网格员0000").has_not("网格员0001").has("没有这个邮箱").has("改好再发");
        let staff = ids[0].to_string();
        let form = |email: &'static str| [("intent", "correct"), ("state", "failed"), ("staff", staff.as_str()), ("email", email)];
        admin.post("/admin/invitations", &form("x")).await.is(422).has("value=\"x\"").has("aria-invalid");
        let taken = email(&app, ids[1]).await;
        admin.post("/admin/invitations", &[("intent", "correct"), ("state", "failed"), ("staff", &staff), ("email", &taken)]).await.is(422).has("已经有人用");
        admin.post("/admin/invitations", &form("wang@linli.test")).await.is(303);
        let mails = app.mails_to("wang@linli.test").await;
        assert_eq!((mails.len(), mails[0].kind), (1, MailKind::Invitation));
        admin.get("/admin/invitations?state=failed").await.has_not("网格员0000").has("没有送不到的邀请");
        admin.get("/admin/invitations?state=waiting").await.has("网格员0000").has_not("已提醒");

        // Somebody with a login keeps their address; somebody else's staff is not found.
        let other = app.staff("李强").await.to_string();
        admin.post("/admin/invitations", &[("intent", "correct"), ("staff", &other), ("email", "li@linli.test")]).await.is(404);
    })
    .await;
}

#[tokio::test]
async fn the_list_is_narrowed_to_a_unit_by_its_name() {
    on_both(async |app| {
        let (sticker, mut admin) = district(&app).await;
        imported(&app, sticker.community, 2).await;
        imported(&app, sticker.street, 3).await;
        let page = admin.get("/admin/invitations?at=%E4%BA%91%E9%9B%86%E8%B7%AF").await;
        page.is(200).has("云集路社区").has("发出全部 2 封邀请");
        admin.get("/admin/invitations?at=%E6%B2%A1%E6%9C%89").await.has("没有这样的单位").has("发出全部 5 封邀请");
        let unit = sticker.community.to_string();
        let done = admin.post("/admin/invitations", &[("intent", "send"), ("unit", &unit)]).await;
        assert!(done.location().ends_with("sent=2"), "{}", done.location());
        admin.get("/admin/invitations").await.has("发出全部 3 封邀请");
        let elsewhere = app.vacant_post().await.community;
        admin.get(&format!("/admin/invitations?unit={elsewhere}")).await.is(404);
        admin.post("/admin/invitations", &[("intent", "send"), ("unit", &elsewhere.to_string())]).await.is(404);
    })
    .await;
}

#[tokio::test]
async fn what_did_not_arrive_because_of_the_server_is_sent_again_in_one_go() {
    on_both(async |app| {
        let (sticker, mut admin) = district(&app).await;
        let ids = imported(&app, sticker.community, 3).await;
        admin.post("/admin/invitations", &SEND).await.is(303);
        refused(&app, ids[0]).await;
        let (mail, now) = (mail(&app, ids[1]).await.id, app.domain.now());
        app.domain.db.write(move |c| Box::pin(async move { store::outbox::failed(c, mail, now, "timed out").await })).await.unwrap();
        sent(&app, ids[2]).await;
        let page = admin.get("/admin/invitations?state=failed").await;
        page.has("没送到的全部再发一次（2）").has("没有这个邮箱").has("连不上我们自己的邮件服务器");
        app.advance_minutes(1);
        assert_eq!(admin.post("/admin/invitations", &[("intent", "retry")]).await.location(), "/admin/invitations?state=waiting&unit=&sent=2");
        assert!(admin.post("/admin/invitations", &[("intent", "retry")]).await.location().ends_with("sent=0"));
        admin.get("/admin/invitations?state=waiting").await.has("网格员0000").has("网格员0001").has_not("网格员0002");
    })
    .await;
}

#[tokio::test]
async fn nobody_below_takes_over_an_invited_person_who_is_given_something_above() {
    on_both(async |app| {
        let (sticker, mut chief) = district(&app).await;
        let below = app.staff("社区管理员").await;
        app.grant(below, Role::Admin, sticker.community).await;
        let mut lower = app.signed_in(below).await;
        let pending = imported(&app, sticker.community, 1).await[0];
        chief.post(&format!("/admin/staff/{pending}"), &[("intent", "again")]).await.is(303);
        let path = format!("/admin/staff/{pending}");
        let link = domain::invitation::link(&app.domain, mail(&app, pending).await.invitation_id.unwrap());
        lower.get(&path).await.is(200).has(&link).has("换一个邮箱");
        // From now on they are to be an admin above.
        app.grant(pending, Role::Admin, sticker.street).await;
        lower.get(&path).await.is(200).has_not(&link).has_not("换一个邮箱").has("邀请链接只给");
        let before = email(&app, pending).await;
        lower.post(&path, &[("intent", "correct"), ("email", "mine@linli.test")]).await.is(404);
        lower.post("/admin/invitations", &[("intent", "correct"), ("staff", &pending.to_string()), ("email", "mine@linli.test")]).await.is(404);
        assert_eq!(email(&app, pending).await, before);
        assert!(app.mails_to("mine@linli.test").await.is_empty());
        // Whoever has a say about all of it corrects the address, and that is on record.
        chief.get(&path).await.is(200).has(&link).has("换一个邮箱");
        chief.post(&path, &[("intent", "correct"), ("email", "right@linli.test")]).await.is(303);
        let trail = store::audit::after(&mut app.domain.db.read().await.unwrap(), 0, 1_000).await.unwrap();
        let entry = trail.iter().find(|entry| entry.action == "invitation.correct").unwrap();
        assert_eq!((entry.target.as_str(), entry.detail.as_str()), (pending.to_string().as_str(), format!("{before} → right@linli.test").as_str()));
    })
    .await;
}

#[tokio::test]
async fn another_address_is_no_way_around_the_three_reminders() {
    on_both(async |app| {
        let (sticker, mut admin) = district(&app).await;
        let wang = imported(&app, sticker.community, 1).await[0];
        let path = format!("/admin/staff/{wang}");
        for n in 0..4 {
            admin.post(&path, &[("intent", "correct"), ("email", &format!("wang{n}@linli.test"))]).await.is(303);
            sent(&app, wang).await;
            app.advance_minutes(1);
        }
        admin.post(&path, &[("intent", "correct"), ("email", "wang4@linli.test")]).await.is(422).has("已经提醒过 3 次");
        assert!(app.mails_to("wang4@linli.test").await.is_empty());
        assert_eq!(email(&app, wang).await, "wang3@linli.test");
    })
    .await;
}

#[tokio::test]
async fn the_first_unit_is_on_trial_and_so_is_a_district_that_is_added_later() {
    on_both(async |app| {
        let mut chen = app.anonymous();
        let link = domain::first_admin::link(&app.domain);
        let fields = [("name", "陈丽"), ("email", "chen@linli.test"), ("password", "correct horse battery"), ("unit", "宜昌市"), ("kind", "city")];
        chen.post(link.strip_prefix("http://linli.test").unwrap(), &fields).await.is(303);
        let open = async || store::trial::open(&mut app.domain.db.read().await.unwrap()).await.unwrap().into_iter().map(|t| t.unit_name).collect::<Vec<_>>();
        assert_eq!(open().await, ["宜昌市"]);
        crate::second_factor::set_up(&app, &mut chen).await;
        chen.get("/admin").await.is(200).has("宜昌市试运行中：邮件只发给管理员");
        let city = store::unit::roots(&mut app.domain.db.read().await.unwrap()).await.unwrap()[0].id.to_string();
        let add = async |admin: &mut Actor, name: &str, kind: &str| {
            admin.post(&format!("/admin/units/new?parent={city}"), &[("parent", &city), ("name", name), ("kind", kind)]).await.is(303);
        };
        add(&mut chen, "西陵区", "district").await;
        assert_eq!(open().await, ["宜昌市"], "it holds for what is below");
        chen.post("/admin/trial", &[("intent", "end"), ("unit", &city), ("confirm", "yes")]).await.is(303);
        assert_eq!(open().await, Vec::<String>::new());
        add(&mut chen, "伍家岗区", "district").await;
        assert_eq!(open().await, ["伍家岗区"]);
        chen.get("/admin").await.has("伍家岗区试运行中");
    })
    .await;
}

#[tokio::test]
async fn a_unit_is_on_trial_until_an_admin_of_it_ends_it() {
    on_both(async |app| {
        let (sticker, mut admin) = district(&app).await;
        admin.get("/admin").await.has_not("试运行中");
        let unit = sticker.street.to_string();
        admin.get(&format!("/admin/trial?unit={unit}")).await.is(200).has("现在照常发邮件");
        admin.post("/admin/trial", &[("intent", "begin"), ("unit", &unit)]).await.is(422).has("请先勾选确认");
        admin.post("/admin/trial", &[("intent", "begin"), ("unit", &unit), ("confirm", "yes")]).await.is(303);
        for page in ["/admin", "/admin/units", "/admin/staff", "/admin/invitations"] {
            admin.get(page).await.is(200).has("试运行中：邮件只发给管理员");
        }
        admin.get("/inbox").await.has_not("试运行中");
        imported(&app, sticker.community, 2).await;
        admin.get("/admin/invitations").await.has("试运行期间不发邀请").has_not("value=\"send\"");
        assert_eq!(admin.post("/admin/invitations", &SEND).await.location(), "/admin/trial");

        let below = app.staff("社区管理员").await;
        app.grant(below, Role::Admin, sticker.community).await;
        let mut lower = app.signed_in(below).await;
        lower.get("/admin/trial").await.is(200).has("由西陵街道的管理员结束试运行").has_not("结束试运行</button>");
        lower.post("/admin/trial", &[("intent", "end"), ("unit", &unit), ("confirm", "yes")]).await.is(403);
        let elsewhere = app.vacant_post().await.street.to_string();
        admin.get(&format!("/admin/trial?unit={elsewhere}")).await.is(404);
        for intent in ["begin", "end"] {
            admin.post("/admin/trial", &[("intent", intent), ("unit", &elsewhere), ("confirm", "yes")]).await.is(404);
        }

        app.hold(app.staff("王芳").await, sticker.post).await;
        let (mut resident, path) = app.contact(&sticker, "路灯坏了").await;
        resident.get(&path).await.has("这里还在试运行");
        let (mut other, foreign) = app.contact(&app.sticker().await, "别处的路灯").await;
        other.get(&foreign).await.has_not("试运行");
        admin.post("/admin/trial", &[("intent", "end"), ("unit", &unit)]).await.is(422).has("请先勾选确认");
        admin.post("/admin/trial", &[("intent", "end"), ("unit", &unit), ("confirm", "yes")]).await.is(303);
        admin.get("/admin/trial").await.has("试运行已于");
        admin.get("/admin").await.has_not("试运行中");
        resident.get(&path).await.has_not("试运行");
        assert!(admin.post("/admin/invitations", &SEND).await.location().ends_with("sent=2"));
    })
    .await;
}
