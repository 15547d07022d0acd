//! Grants, absences, leaving, handing over and limits, as people meet them on pages.

use crate::{
    actor::Actor,
    app::{Sticker, TestApp, on_both},
};
use model::{Role, StaffId, UnitId, UnitKind};

/// A street with a community: an admin of the street, 王芳 with a sticker in the community, 陈丽 at the street's desk.
struct Place {
    street: UnitId,
    community: UnitId,
    /// 王芳's.
    sticker: Sticker,
    path: String,
    wang: StaffId,
    chief: StaffId,
    admin: Actor,
}

async fn place(app: &TestApp) -> Place {
    let district = app.unit(None, UnitKind::District, "西陵区").await;
    let street = app.unit(Some(district), UnitKind::Street, "西陵街道").await;
    let community = app.unit(Some(street), UnitKind::Community, "云集路社区").await;
    let desk = app.post_at(street).await;
    let chen = app.staff("陈丽").await;
    app.hold(chen, desk.post).await;
    let sticker = app.post_at(community).await;
    let wang = app.staff("王芳").await;
    app.hold(wang, sticker.post).await;
    let chief = app.staff("街道管理员").await;
    app.grant(chief, Role::Admin, street).await;
    Place { street, community, path: sticker.path(), sticker, wang, chief, admin: app.signed_in(chief).await }
}

#[tokio::test]
async fn a_supervisor_is_made_for_a_time_and_reads_on_record() {
    on_both(async |app| {
        let mut p = place(&app).await;
        let li = app.staff("李明").await;
        let other = app.post_at(p.community).await;
        app.hold(li, other.post).await;
        let path = format!("/admin/staff/{li}");
        let (street, community) = (p.street.to_string(), p.community.to_string());
        let give = |until: &'static str| [("intent", "give"), ("role", "supervisor"), ("unit", community.as_str()), ("from", ""), ("until", until)];
        p.admin.post(&path, &give("2020-01-01")).await.is(422).has("id=\"grant-until-e\"").has("2020-01-01");
        p.admin.post(&path, &give("2026-12-31")).await.is(303);
        p.admin.get(&path).await.has("督导 · 云集路社区").has("12月31日");
        p.admin.get("/admin/grants").await.is(200).has("李明").has("督导").has("街道管理员").has("您自己的");
        p.admin.get("/admin/grants?role=auditor").await.has("没有找到授权");
        p.admin.get("/admin/grants?q=李明").await.has("李明").has_not("您自己的");

        let (_, conversation) = app.contact(&p.sticker, "只给王芳看的话").await;
        let id = conversation.trim_start_matches("/c/").to_owned();
        let mut supervisor = app.signed_in(li).await;
        supervisor.get("/inbox").await.has("/supervision");
        supervisor.get("/supervision").await.is(200).has("云集路社区");
        supervisor.get(&format!("/supervision/units/{community}")).await.is(200).has("网格员").has("王芳");
        supervisor.get(&format!("/supervision/units/{street}")).await.is(404);
        let list = supervisor.get(&format!("/supervision/posts/{}", p.sticker.post)).await;
        list.is(200).has(&id).has_not("只给王芳看的话");
        let read = format!("/supervision/conversations/{id}");
        supervisor.get(&read).await.is(200).has("只给王芳看的话").has("已记入审计记录").has_not("<textarea");
        supervisor.get(&format!("/inbox/{id}")).await.is(404);
        let actions = store::testing::actions(&mut app.domain.db.read().await.unwrap()).await.unwrap();
        assert_eq!(actions.iter().filter(|a| *a == "conversation.read_as_supervisor").count(), 1);
        // The admin who made the supervisor reads nothing.
        p.admin.get(&read).await.is(403);
        p.admin.get("/supervision").await.is(403);
    })
    .await;
}

#[tokio::test]
async fn an_admin_of_the_whole_district_is_confirmed_by_a_second_one() {
    on_both(async |app| {
        let p = place(&app).await;
        let district = app.unit(None, UnitKind::District, "点军区").await;
        let (one, other) = (app.staff("甲").await, app.staff("乙").await);
        app.grant(one, Role::Admin, district).await;
        let worker = app.post_at(district).await;
        app.hold(p.wang, worker.post).await;
        let (mut first, path) = (app.signed_in(one).await, format!("/admin/staff/{}", p.wang));
        let unit = district.to_string();
        first.post(&path, &[("intent", "give"), ("role", "admin"), ("unit", &unit)]).await.is(303);
        first.get(&path).await.has("王芳：点军区管理").has("linli admin create").has("撤回").has_not("value=\"confirm\"");
        first.get("/admin/grants").await.has("等第二位管理员确认");
        app.grant(other, Role::Admin, district).await;
        let mut second = app.signed_in(other).await;
        second.get("/admin").await.has("等您确认的授权：1 项");
        let page = second.get("/admin/grants").await;
        page.has("value=\"confirm\"").has("甲提出");
        let grant = page.field("grant");
        first.post("/admin/grants", &[("intent", "confirm"), ("grant", &grant)]).await.is(422).has("由别人来定");
        app.signed_in(p.wang).await.get("/admin").await.is(403);
        second.post("/admin/grants", &[("intent", "confirm"), ("grant", &grant)]).await.is(303);
        app.signed_in(p.wang).await.get("/admin").await.is(200).has("点军区");
        second.get("/admin").await.has_not("等您确认的授权");
        second.post("/admin/grants", &[("intent", "take"), ("grant", &grant)]).await.is(303);
        app.signed_in(p.wang).await.get("/admin").await.is(403);
    })
    .await;
}

#[tokio::test]
async fn somebody_leaves_and_each_post_is_settled_on_one_page() {
    on_both(async |app| {
        let mut p = place(&app).await;
        let (mut resident, conversation) = app.contact(&p.sticker, "路灯不亮").await;
        let path = format!("/admin/staff/{}/leave", p.wang);
        p.admin.get(&format!("/admin/staff/{}", p.wang)).await.has(&path);
        let field = format!("to-{}", p.sticker.post);
        p.admin.get(&path).await.is(200).has("没办完的会话 1 段，其中 1 段在等答复").has("陈丽答复").has(&field);
        p.admin.post(&path, &[("last_day", "2026-12-01")]).await.is(422).has("请先勾选确认").has("2026-12-01");
        p.admin.post(&path, &[("last_day", "2026-12-01"), ("confirm", "yes"), (&field, "没有这人")]).await.is(422).has("没有这人").has(&format!("{field}-e"));
        p.admin.post(&path, &[("last_day", "2020-12-01"), ("confirm", "yes")]).await.is(422).has("id=\"last_day-e\"");
        let mut wang = app.signed_in(p.wang).await;
        p.admin.post(&path, &[("last_day", "2026-12-01"), ("confirm", "yes"), (&field, "")]).await.is(303);
        p.admin.get(&format!("/admin/staff/{}", p.wang)).await.has("12月1日是最后一天");
        wang.get("/inbox").await.is(200);
        wang.post(&path, &[("intent", "stay")]).await.is(403);
        p.admin.post(&format!("/admin/staff/{}/leave", p.chief), &[("intent", "stay")]).await.is(422).has("自己的账号由别人来停用");
        p.admin.post(&path, &[("intent", "stay")]).await.is(303);
        p.admin.get(&format!("/admin/staff/{}", p.wang)).await.has_not("最后一天。到时");
        p.admin.post(&path, &[("confirm", "yes"), (&field, "街道管理员")]).await.is(303);
        assert!(wang.get("/inbox").await.location().starts_with("/sign-in"));
        domain::telling::tell_due(&app.domain).await.unwrap();
        resident.get(&conversation).await.has("接下来由云集路社区的街道管理员").has("路灯不亮");
        app.signed_in(p.chief).await.get("/inbox").await.has("路灯不亮");
    })
    .await;
}

#[tokio::test]
async fn what_would_be_left_without_anybody_is_listed_with_the_way_to_put_it_right() {
    on_both(async |app| {
        let street = app.unit(None, UnitKind::Street, "西陵街道").await;
        let sticker = app.post_at(street).await;
        let wang = app.staff("王芳").await;
        app.hold(wang, sticker.post).await;
        let chief = app.staff("管理员").await;
        app.grant(chief, Role::Admin, street).await;
        let mut admin = app.signed_in(chief).await;
        app.contact(&sticker, "还在等").await;
        let post = format!("/admin/posts/{}", sticker.post);
        let listed = format!("{post}#hand-over");
        for (path, form) in [
            (format!("/admin/staff/{wang}/leave"), vec![("confirm", "yes")]),
            (format!("/admin/staff/{wang}"), vec![("intent", "end"), ("confirm", "yes")]),
            (post.clone(), vec![("intent", "end"), ("confirm", "yes")]),
        ] {
            admin.post(&path, &form).await.is(422).has("没有人负责").has("西陵街道 网格员：1 段在等").has(&listed);
        }
        let other = app.post_at(street).await;
        admin.post(&post, &[("intent", "end"), ("confirm", "yes"), ("to", &other.post.to_string())]).await.is(422).has("id=\"to-e\"");
        app.hold(chief, other.post).await;
        admin.post(&post, &[("intent", "end"), ("confirm", "yes"), ("to", &other.post.to_string())]).await.is(303);
        admin.get("/inbox").await.has("还在等");
    })
    .await;
}

#[tokio::test]
async fn a_worker_plans_an_absence_and_residents_read_who_answers_until_when() {
    on_both(async |app| {
        let mut p = place(&app).await;
        let li = app.staff("李明").await;
        let second = app.post_at(p.community).await;
        app.hold(li, second.post).await;
        let mut wang = app.signed_in(p.wang).await;
        wang.get("/account").await.has("/account/absences");
        wang.get("/account/absences").await.is(200).has("没有请假外出的安排").has("李明");
        let substitute = second.post.to_string();
        let plan = |from: &'static str, until: &'static str, reason: &'static str| {
            [("intent", "plan"), ("from", from), ("until", until), ("reason", reason), ("substitute", substitute.as_str())]
        };
        wang.post("/account/absences", &plan("", "", "")).await.is(422).has("id=\"until-e\"").has("请选一个原因");
        wang.post("/account/absences", &plan("", "2026-11-24", "sick")).await.is(303);
        wang.get("/account/absences").await.has("现在不在").has("病假").has("提前回来了");
        // Friday morning until Tuesday; Wednesday morning she is back.
        app.anonymous().get(&p.path).await.is(200).has("王芳 周三 8:30 回来，这段时间由我答复").has("李明").has_not("病假");
        let (mut resident, conversation) = app.contact(&p.sticker, "路灯不亮").await;
        resident.get(&conversation).await.has("王芳 周三 8:30 回来，这段时间由李明答复").has_not("病假");
        let mut lis = app.signed_in(li).await;
        lis.get("/inbox").await.has("路灯不亮");
        // Two who stand in for each other at the same time stand in for nobody.
        let mine = p.sticker.post.to_string();
        let ring = [("intent", "plan"), ("until", "2026-11-24"), ("reason", "leave"), ("substitute", mine.as_str())];
        lis.post("/account/absences", &ring).await.is(422).has("王芳 11月20日到11月24日也不在").has("另选一个岗位");
        p.admin.get(&format!("/admin/posts/{}", p.sticker.post)).await.has("请假外出").has("王芳");
        let path = format!("/admin/staff/{}/absences", p.wang);
        let absence = p.admin.get(&path).await.field("absence");
        p.admin.post(&path, &[("intent", "end"), ("absence", &absence)]).await.is(303);
        app.anonymous().get(&p.path).await.has("王芳").has_not("这段时间由我答复");
    })
    .await;
}

#[tokio::test]
async fn a_sticker_whose_worker_has_enough_today_says_who_answers_and_why() {
    on_both(async |app| {
        let mut p = place(&app).await;
        let settings = format!("/admin/units/{}/settings", p.community);
        p.admin.post(&settings, &[("new_contacts_per_day.own", "yes"), ("new_contacts_per_day", "1")]).await.is(303);
        app.contact(&p.sticker, "第一位").await;
        app.anonymous().get(&p.path).await.is(200).has("现在找王芳的人比较多").has("陈丽").has("西陵街道").has_not("上限");
        let (mut resident, conversation) = app.contact(&p.sticker, "第二位").await;
        resident.get(&conversation).await.has("由西陵街道的陈丽（网格员）答复您").has("第二位");
        assert_eq!(resident.get(&p.path).await.location(), conversation, "the sticker leads back to it");
        app.signed_in(p.wang).await.get("/inbox").await.has("今天新来的居民已有 1 位").has("陈丽接待").has_not("第二位");
        // Open conversations instead, and the day's limit taken back: what is said is about those.
        let open = [("new_contacts_per_day.own", "no"), ("open_conversations.own", "yes"), ("open_conversations", "1")];
        p.admin.post(&settings, &open).await.is(303);
        app.advance_minutes(24 * 60);
        app.anonymous().get(&p.path).await.is(200).has("现在找王芳的人比较多").has_not("今天");
        app.signed_in(p.wang).await.get("/inbox").await.has("手上已有 1 段会话").has_not("今天新来的居民");
        p.admin.post(&settings, &[("open_conversations.own", "no")]).await.is(303);
        app.anonymous().get(&p.path).await.is(200).has_not("人比较多");
    })
    .await;
}

#[tokio::test]
async fn a_post_is_handed_over_on_its_page_beside_or_instead() {
    on_both(async |app| {
        let mut p = place(&app).await;
        let path = format!("/admin/posts/{}", p.sticker.post);
        let email = format!("{}@linli.test", p.chief);
        p.admin.get(&path).await.has("id=\"instead\"");
        p.admin.post(&path, &[("intent", "hold"), ("who", &email), ("from", "2026-11-21"), ("instead", "yes")]).await.is(303);
        app.signed_in(p.wang).await.get("/account").await.has("网格员");
        app.advance_minutes(24 * 60);
        app.signed_in(p.wang).await.get("/account").await.has_not("云集路社区 网格员");
        app.signed_in(p.chief).await.get("/account").await.has("云集路社区 网格员");
    })
    .await;
}

#[tokio::test]
async fn who_is_still_needed_stands_first_among_what_is_to_do_and_a_role_is_chosen() {
    on_both(async |app| {
        let street = app.unit(None, UnitKind::Street, "西陵街道").await;
        let sticker = app.post_at(street).await;
        let wang = app.staff("王芳").await;
        app.hold(wang, sticker.post).await;
        let chief = app.staff("管理员").await;
        app.grant(chief, Role::Admin, street).await;
        let mut admin = app.signed_in(chief).await;
        let staff = format!("/admin/staff/{wang}");
        admin.post(&format!("{staff}/leave"), &[("last_day", "2026-11-21"), ("confirm", "yes")]).await.is(303);
        app.contact(&sticker, "还在等").await;
        admin.get("/admin").await.has_not("该卸任但还不能走");
        app.advance_minutes(2 * 24 * 60);
        domain::holding::keep_needed(&app.domain).await.unwrap();
        domain::leaving::end_due(&app.domain).await.unwrap();
        let hand_over = format!("/admin/posts/{}#hand-over", sticker.post);
        admin.get("/admin").await.has("该卸任但还不能走：1 处").has(&hand_over);
        app.signed_in(wang).await.get("/inbox").await.is(200).has("还在等");
        // Who leaves is given nothing beyond that.
        let later = [("intent", "hold"), ("post", &sticker.post.to_string()), ("from", "2026-12-24"), ("until", "")];
        admin.post(&staff, &later).await.is(422).has("到那天对方已经离职");
        // No role chosen is not the largest one.
        let grant = [("intent", "give"), ("role", ""), ("unit", &street.to_string()), ("from", ""), ("until", "")];
        admin.post(&staff, &grant).await.is(422).has("请选一个角色");
        // A second admin may not take from the only lasting one what nobody could give back.
        let second = app.staff("代管").await;
        app.hold(second, sticker.post).await;
        let until = Some(app.domain.now().plus_days(30));
        let row = store::staff::Grant {
            id: model::GrantId(app.domain.id()),
            staff_id: second,
            role: Role::Admin,
            unit_id: street,
            from_at: app.domain.now(),
            until_at: until,
        };
        app.domain.db.write(move |c| Box::pin(async move { store::staff::insert_grant(c, &row).await })).await.unwrap();
        let mut dated = app.signed_in(second).await;
        let chiefs = format!("/admin/staff/{chief}");
        dated.post(&chiefs, &[("intent", "end"), ("confirm", "yes")]).await.is(422).has("只剩这一位长期管理员");
        let grants = store::staff::grants(&mut app.domain.db.read().await.unwrap(), chief, app.domain.now()).await.unwrap();
        dated.post("/admin/grants", &[("intent", "take"), ("grant", &grants[0].id.to_string())]).await.is(422).has("只剩这一位长期管理员");
    })
    .await;
}

#[tokio::test]
async fn an_absence_of_somebody_of_others_too_is_seen_and_not_planned() {
    on_both(async |app| {
        let mut p = place(&app).await;
        let other = app.vacant_post().await;
        let path = format!("/admin/staff/{}/absences", p.wang);
        p.admin.get(&path).await.is(200).has("id=\"reason\"");
        app.hold(p.wang, other.post).await;
        p.admin.get(&path).await.is(200).has("王芳在别的单位也有岗位或授权").has_not("id=\"reason\"");
        let plan = [("intent", "plan"), ("from", ""), ("until", "2026-11-24"), ("reason", "sick"), ("substitute", "")];
        p.admin.post(&path, &plan).await.is(422).has("王芳在别的单位也有岗位或授权").has("没有请假外出的安排");
    })
    .await;
}
