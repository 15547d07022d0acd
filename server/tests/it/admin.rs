//! `/admin`: units, posts, holders, staff, grants, calendars, contact points and the printed sheet.

use crate::{
    actor::Actor,
    app::{Sticker, TestApp, on_both},
};
use model::{Role, StaffId, UnitId};

/// 赵敏, admin of the street, in a browser; the sticker's post is held by 王芳.
async fn street(app: &TestApp) -> (Sticker, Actor, StaffId) {
    let sticker = app.sticker().await;
    let (admin, id) = admin_of(app, sticker.street).await;
    (sticker, admin, id)
}

async fn admin_of(app: &TestApp, unit: UnitId) -> (Actor, StaffId) {
    let id = app.staff("赵敏").await;
    app.grant(id, Role::Admin, unit).await;
    (app.signed_in(id).await, id)
}

async fn last_action(app: &TestApp) -> String {
    let mut conn = app.domain.db.read().await.unwrap();
    let all = store::audit::after(&mut conn, 0, 10_000).await.unwrap();
    // That somebody was refused a page meanwhile is told elsewhere.
    all.into_iter().map(|e| e.action).rfind(|action| action != "access.refuse").unwrap_or_default()
}

async fn holder(app: &TestApp, sticker: &Sticker) -> StaffId {
    let mut conn = app.domain.db.read().await.unwrap();
    store::post::card(&mut conn, sticker.post, app.domain.now()).await.unwrap().unwrap().staff_id.unwrap()
}

#[tokio::test]
async fn the_overview_says_what_to_do_next() {
    on_both(async |app| {
        let (_, mut admin, _) = street(&app).await;
        admin.get("/admin").await.is(200).has("西陵街道").has("都安排好了");
        let vacant = app.vacant_post().await;
        let (mut other, _) = admin_of(&app, vacant.street).await;
        other.get("/admin").await.has("1 个岗位没有人").has("/admin/units?lack=holder").has_not("还没有联系码");
        other.get("/admin/units?lack=holder").await.is(200).has("云集路社区");
        other.get("/admin/units?lack=point").await.is(200).has_not("云集路社区");
        let staff = app.staff("李强").await;
        app.signed_in(staff).await.get("/admin").await.is(403);
    })
    .await;
}

#[tokio::test]
async fn a_unit_is_added_below_another_and_mistakes_keep_what_was_typed() {
    on_both(async |app| {
        let (sticker, mut admin, _) = street(&app).await;
        let new = format!("/admin/units/new?parent={}", sticker.community);
        admin.get(&new).await.is(200).has("云集路社区").has("网格").has_not("班级");
        admin.post(&new, &[("name", ""), ("kind", "grid"), ("code", "G-1")]).await.is(422).has("id=\"name-e\"").has("G-1");
        let long = "Grid ".repeat(21);
        admin.post(&new, &[("name", "第一网格"), ("name_en", &long), ("kind", "grid")]).await.is(422).has("id=\"name_en-e\"").has(long.trim());
        admin.post(&new, &[("name", "三年级"), ("kind", "grade")]).await.is(422).has("请选一个类别").has("三年级");
        let path = admin.post(&new, &[("name", "第一网格"), ("name_en", "Grid 1"), ("kind", "grid"), ("code", "G-1")]).await.location();
        assert_eq!(last_action(&app).await, "unit.create");
        admin.get(&path).await.is(200).has("第一网格").has("value=\"Grid 1\"").has("G-1");
        admin.post(&new, &[("name", "第二网格"), ("kind", "grid"), ("code", "G-1")]).await.is(422).has("别的单位已经用了这个代码");
        admin.get(&format!("/admin/units?open={}", sticker.community)).await.is(200).has("第一网格").has("aria-expanded=\"true\"").has("0 / 1");
        admin.get("/admin/units?q=g-1").await.is(200).has("第一网格").has_not("<b>云集路社区");
        admin.get("/admin/units?q=%25").await.is(200).has("没有找到“%”");
        admin.get("/admin").await.has("1 个网格或班级还没有岗位");
    })
    .await;
}

#[tokio::test]
async fn a_unit_is_renamed_and_ends_only_when_nothing_hangs_on_it() {
    on_both(async |app| {
        let (sticker, mut admin, _) = street(&app).await;
        let community = format!("/admin/units/{}", sticker.community);
        admin.post(&community, &[("intent", "save"), ("name", "  ")]).await.is(422).has("id=\"name-e\"");
        let saved = admin.post(&community, &[("intent", "save"), ("name", "桃花岭社区"), ("name_en", "Taohualing")]).await.location();
        admin.get(&saved).await.has("已保存").has("桃花岭社区").has("value=\"Taohualing\"");
        admin.post(&community, &[("intent", "end")]).await.is(422).has("请先勾选确认");
        admin.post(&community, &[("intent", "end"), ("confirm", "yes")]).await.is(422).has("还有下级单位或岗位");
        let street = format!("/admin/units/{}", sticker.street);
        admin.post(&street, &[("intent", "end"), ("confirm", "yes")]).await.is(422);
        let grid = admin.post(&format!("/admin/units/new?parent={}", sticker.community), &[("name", "网格"), ("kind", "grid")]).await.location();
        assert_eq!(admin.post(&grid, &[("intent", "end"), ("confirm", "yes")]).await.location(), community);
        admin.get(&grid).await.is(404);
        assert_eq!(last_action(&app).await, "unit.end");
    })
    .await;
}

#[tokio::test]
async fn a_post_is_added_changed_and_given_a_substitute_nearby() {
    on_both(async |app| {
        let (sticker, mut admin, _) = street(&app).await;
        let new = format!("/admin/units/{}/posts/new", sticker.community);
        admin.post(&new, &[("title", ""), ("welcome", "您好")]).await.is(422).has("id=\"title-e\"").has("您好");
        let desk = admin.post(&new, &[("title", "服务台"), ("title_en", "Desk")]).await.location();
        admin.get(&desk).await.is(200).has("value=\"Desk\"").has("云集路社区 服务台").has("还没有联系码").has("还没有人担任过");
        admin.post(&desk, &[("intent", "save"), ("title", "社区服务台"), ("title_en", "Service desk"), ("welcome", "欢迎")]).await.is(303);
        admin.get(&desk).await.has("社区服务台").has("value=\"Service desk\"").has("欢迎");
        let itself = desk.rsplit('/').next().unwrap().to_owned();
        admin.post(&desk, &[("intent", "substitute"), ("substitute", &itself)]).await.is(422).has("不能选自己");
        let other = app.sticker().await;
        admin.post(&desk, &[("intent", "substitute"), ("substitute", &other.post.to_string())]).await.is(422);
        admin.post(&desk, &[("intent", "substitute"), ("substitute", &sticker.post.to_string())]).await.is(303);
        // A ring of two is allowed: routing follows it once.
        admin.post(&format!("/admin/posts/{}", sticker.post), &[("intent", "substitute"), ("substitute", &itself)]).await.is(303);
        admin.get(&format!("/admin/units/{}", sticker.community)).await.is(200).has("社区服务台").has("空着");
        assert_eq!(last_action(&app).await, "post.substitute");
    })
    .await;
}

#[tokio::test]
async fn a_post_ends_only_when_whoever_waits_is_answered_by_another() {
    on_both(async |app| {
        let (sticker, mut admin, id) = street(&app).await;
        let (mut resident, conversation) = app.contact(&sticker, "楼道灯坏了").await;
        let post = format!("/admin/posts/{}", sticker.post);
        admin.post(&post, &[("intent", "end")]).await.is(422).has("请先勾选确认");
        admin.post(&post, &[("intent", "end"), ("confirm", "yes")]).await.is(422).has("没有人负责");
        let desk = admin.post(&format!("/admin/units/{}/posts/new", sticker.street), &[("title", "值班室")]).await.location();
        admin.post(&desk, &[("intent", "hold"), ("who", &format!("{id}@linli.test"))]).await.is(303);
        admin.post(&post, &[("intent", "end"), ("confirm", "yes")]).await.is(303);
        admin.get(&post).await.is(404);
        // The thread, its promise and the way back stay; somebody else answers now.
        resident.get(&conversation).await.is(200).has("楼道灯坏了").has("赵敏").has("周一 10:00");
        app.anonymous().get(&sticker.path()).await.is(410);
    })
    .await;
}

#[tokio::test]
async fn holders_come_and_go_by_date_and_never_leave_anybody_waiting() {
    on_both(async |app| {
        let (sticker, mut admin, id) = street(&app).await;
        let post = format!("/admin/posts/{}", sticker.post);
        admin.get(&post).await.is(200).has("王芳在答复").has("现任");
        admin.post(&post, &[("intent", "hold"), ("who", "")]).await.is(422).has("请写是谁");
        admin.post(&post, &[("intent", "hold"), ("who", "不认识")]).await.is(422).has("没有这个人").has("不认识");
        admin.post(&post, &[("intent", "hold"), ("who", "赵敏"), ("from", "明天")]).await.is(422).has("2026-12-31");
        admin.post(&post, &[("intent", "hold"), ("who", "赵敏"), ("from", "2026-12-01"), ("until", "2026-11-30")]).await.is(422).has("太早");
        admin.post(&post, &[("intent", "hold"), ("who", "王芳")]).await.is(422).has("已经由这个人担任");
        admin.post(&post, &[("intent", "hold"), ("who", "赵敏"), ("from", "2026-12-01"), ("until", "2026-12-31")]).await.is(303);
        admin.get(&post).await.has("12月1日").has("12月31日");
        let (_, _) = app.contact(&sticker, "还在等").await;
        let wang = holder(&app, &sticker).await;
        let mut conn = app.domain.db.read().await.unwrap();
        let terms = store::holding::of_post(&mut conn, sticker.post).await.unwrap();
        drop(conn);
        let term = terms.iter().find(|t| t.staff_id == wang).unwrap().id.to_string();
        admin.post(&post, &[("intent", "release"), ("holding", &term)]).await.is(422).has("没有人负责");
        admin.post(&post, &[("intent", "release"), ("holding", &term), ("until", "2026-11-25")]).await.is(422).has("没有人负责");
        admin.post(&post, &[("intent", "release"), ("holding", &term), ("until", "2026-11-01")]).await.is(422).has("太早");
        admin.post(&post, &[("intent", "hold"), ("who", &format!("{id}@linli.test")), ("until", "2026-11-30")]).await.is(303);
        // Until New Year's Eve somebody would be there, and after it nobody.
        admin.post(&post, &[("intent", "release"), ("holding", &term)]).await.is(422).has("没有人负责");
        admin.post(&post, &[("intent", "hold"), ("who", "赵敏"), ("from", "2027-01-01")]).await.is(303);
        admin.post(&post, &[("intent", "release"), ("holding", &term)]).await.is(303);
        app.anonymous().get(&sticker.path()).await.is(200).has("赵敏").has_not("王芳");
        assert_eq!(last_action(&app).await, "holding.end");
    })
    .await;
}

#[tokio::test]
async fn staff_are_invited_by_mail_again_if_need_be() {
    on_both(async |app| {
        let vacant = app.vacant_post().await;
        let (mut admin, id) = admin_of(&app, vacant.street).await;
        admin.get("/admin/staff").await.is(200).has("还没有别人").has("赵敏");
        let mistakes = admin.post("/admin/staff/new", &[("name", ""), ("email", "zhou.ting")]).await;
        mistakes.is(422).has("id=\"name-e\"").has("id=\"email-e\"").has("zhou.ting");
        let post = vacant.post.to_string();
        let form = [("name", "周婷"), ("email", "Zhou.Ting@linli.test"), ("post", post.as_str()), ("language", "zh-CN")];
        let person = admin.post("/admin/staff/new", &form).await.location();
        admin.get(&person).await.is(200).has("周婷").has("zhou.ting@linli.test").has("云集路社区 网格员");
        // No mail server is set here: the admin hands the link over.
        let page = admin.get(&person).await;
        page.has("还没有设置邮件服务器").has("http://linli.test/invitation/");
        let link = page.body.split("http://linli.test").nth(1).unwrap().split('<').next().unwrap().to_owned();
        app.anonymous().get(&link).await.is(200).has("周婷");
        admin.post("/admin/staff/new", &form).await.is(422).has("这个邮箱已经有人用了");
        admin.get("/admin/staff?show=invited").await.is(200).has("周婷").has_not(&format!("/admin/staff/{id}"));
        admin.get("/admin/staff?q=ting").await.has("周婷");
        // The post is given; that nobody answers there yet is about the invitation.
        admin.get("/admin").await.has("1 份邀请还没接受").has_not("个岗位没有人");
        admin.get(&format!("/admin/posts/{post}")).await.has("有人选了，还没登录");
        admin.get("/admin/staff/new").await.has_not(&format!("<option value=\"{post}\""));
        let path = person.split('?').next().unwrap().to_owned();
        admin.post(&path, &[("intent", "again")]).await.is(303);
        assert_eq!(last_action(&app).await, "staff.invite_again");
        // Also for who has a login and forgot the password.
        admin.get(&format!("/admin/staff/{id}")).await.is(200).has("忘了密码");
        admin.post(&format!("/admin/staff/{id}"), &[("intent", "again")]).await.is(303);
        assert_eq!(last_action(&app).await, "staff.invite_again");
        let mut conn = app.domain.db.read().await.unwrap();
        let known = store::staff::by_email(&mut conn, "zhou.ting@linli.test").await.unwrap().unwrap();
        assert!(store::invitation::latest(&mut conn, known.id).await.unwrap().is_some());
        drop(conn);
        // Nobody answers before the invitation is taken up.
        app.anonymous().get(&vacant.path()).await.is(503);
    })
    .await;
}

#[tokio::test]
async fn a_login_is_ended_but_not_ones_own_and_not_while_somebody_waits() {
    on_both(async |app| {
        let (sticker, mut admin, id) = street(&app).await;
        let wang = holder(&app, &sticker).await;
        let mut wangs = app.signed_in(wang).await;
        let (path, own) = (format!("/admin/staff/{wang}"), format!("/admin/staff/{id}"));
        admin.post(&own, &[("intent", "end"), ("confirm", "yes")]).await.is(422);
        admin.post(&path, &[("intent", "end")]).await.is(422).has("请先勾选确认");
        app.contact(&sticker, "还在等").await;
        admin.post(&path, &[("intent", "end"), ("confirm", "yes")]).await.is(422).has("没有人负责");
        admin.post(&format!("/admin/posts/{}", sticker.post), &[("intent", "hold"), ("who", "赵敏")]).await.is(303);
        admin.post(&path, &[("intent", "end"), ("confirm", "yes")]).await.is(303);
        assert!(wangs.get("/account").await.location().starts_with("/sign-in"));
        admin.get(&path).await.is(404);
        assert_eq!(last_action(&app).await, "staff.end");
        // Whoever comes back is invited again under the same address.
        let form = [("name", "王芳"), ("email", &*format!("{wang}@linli.test"))];
        assert!(admin.post("/admin/staff/new", &form).await.location().starts_with(&path));
    })
    .await;
}

#[tokio::test]
async fn a_link_for_a_new_password_gives_nobody_another_name() {
    on_both(async |app| {
        let (sticker, mut admin, _) = street(&app).await;
        let wang = holder(&app, &sticker).await;
        admin.post(&format!("/admin/staff/{wang}"), &[("intent", "again")]).await.is(303);
        let latest = store::invitation::latest(&mut app.domain.db.read().await.unwrap(), wang).await.unwrap().unwrap();
        let link = domain::invitation::link(&app.domain, latest.id);
        let path = link.strip_prefix("http://linli.test").unwrap();
        app.anonymous().get(path).await.is(200).has("设新密码").has_not("name=\"name\"");
        app.anonymous().post(path, &[("name", "骗子"), ("password", "一个足够长的密码 2026")]).await.is(303);
        let person = store::staff::find(&mut app.domain.db.read().await.unwrap(), wang).await.unwrap().unwrap();
        assert_ne!(person.name, "骗子");
    })
    .await;
}

#[tokio::test]
async fn admin_roles_are_given_and_taken_within_ones_own_units() {
    on_both(async |app| {
        let (sticker, mut admin, id) = street(&app).await;
        let wang = holder(&app, &sticker).await;
        let path = format!("/admin/staff/{wang}");
        let (community, street) = (sticker.community.to_string(), sticker.street.to_string());
        admin.post(&path, &[("intent", "give"), ("role", "admin"), ("unit", &community)]).await.is(303);
        admin.post(&path, &[("intent", "give"), ("role", "admin"), ("unit", &community)]).await.is(422).has("已经有这项授权");
        let mut wangs = app.signed_in(wang).await;
        wangs.get(&format!("/admin/units/{community}")).await.is(200);
        wangs.get(&format!("/admin/units/{street}")).await.is(404);
        let own = format!("/admin/staff/{wang}");
        wangs.post(&own, &[("intent", "give"), ("unit", &community)]).await.is(422).has("由别人来改");
        let elsewhere = app.sticker().await.street.to_string();
        admin.post(&path, &[("intent", "give"), ("unit", &elsewhere)]).await.is(404);
        let mut conn = app.domain.db.read().await.unwrap();
        let grant = store::staff::grant_lines(&mut conn, wang, app.domain.now()).await.unwrap()[0].id.to_string();
        let own_grant = store::staff::grant_lines(&mut conn, id, app.domain.now()).await.unwrap()[0].id.to_string();
        drop(conn);
        admin.post(&format!("/admin/staff/{id}"), &[("intent", "take"), ("grant", &own_grant)]).await.is(422);
        admin.post(&path, &[("intent", "take"), ("grant", &grant)]).await.is(303);
        app.advance_minutes(1);
        wangs.get("/admin").await.is(403);
        assert_eq!(last_action(&app).await, "grant.take");

        // At a unit where they have nothing to do yet, by its name or code.
        let at = |at: &'static str| [("intent", "give"), ("role", "supervisor"), ("unit", street.as_str()), ("at", at)];
        admin.post(&path, &at("没有的社区")).await.is(422).has("没有这样的单位").has("value=\"没有的社区\"");
        admin.post(&path, &at("云集路社区")).await.is(303);
        admin.get(&path).await.has("督导 · 云集路社区");

        // Whoever loses the only thing that tied them to a unit is still somebody's.
        let wu = app.staff("吴磊").await;
        app.grant(wu, Role::Supervisor, sticker.community).await;
        let theirs = format!("/admin/staff/{wu}");
        let mut conn = app.domain.db.read().await.unwrap();
        let grant = store::staff::grant_lines(&mut conn, wu, app.domain.now()).await.unwrap()[0].id.to_string();
        drop(conn);
        admin.post(&theirs, &[("intent", "take"), ("grant", &grant)]).await.is(303);
        app.advance_minutes(1);
        admin.get(&theirs).await.is(200).has("吴磊");
    })
    .await;
}

#[tokio::test]
async fn a_contact_point_is_made_printed_and_taken_out_of_use() {
    on_both(async |app| {
        let (sticker, mut admin, _) = street(&app).await;
        let new = format!("/admin/posts/{}/contact-points/new", sticker.post);
        admin.post(&new, &[("place", " "), ("welcome", "您好")]).await.is(422).has("id=\"place-e\"").has("您好");
        let form = [("place", "小广场公告栏"), ("place_en", "Notice board"), ("topic", "报修"), ("welcome", "有事写给我")];
        let point = admin.post(&new, &form).await.location();
        let page = admin.get(&point).await;
        page.is(200).has("小广场公告栏").has("value=\"Notice board\"").has("报修").has("有事写给我").has("qr.svg").has("qr.png");
        let code = page.body.split("/q/").nth(1).unwrap()[..8].to_owned();
        app.anonymous().get(&format!("/q/{code}")).await.is(200).has("小广场公告栏").has("有事写给我");
        admin.post(&point, &[("place", "小广场"), ("place_en", "Square"), ("welcome", "")]).await.is(303);
        admin.get(&point).await.has("value=\"Square\"");
        app.anonymous().get(&format!("/q/{code}")).await.is(200).has("小广场").has("您好，有事写给我。");
        let label = admin.get(&format!("{point}/label.svg")).await;
        label
            .is(200)
            .has("云集路社区")
            .has("网格员")
            .has("Your community")
            .has("小广场")
            .has("Square")
            .has(&format!("linli.test/q/{code}"))
            .has("有事，扫一扫");
        let svg = admin.get(&format!("{point}/qr.svg")).await;
        assert_eq!(svg.headers["content-type"], "image/svg+xml");
        svg.is(200).has("<svg");
        let png = admin.get(&format!("{point}/qr.png")).await;
        assert_eq!(png.headers["content-type"], "image/png");
        assert!(png.body.contains("PNG"));
        admin.post(&point, &[("intent", "revoke")]).await.is(422).has("请先勾选确认");
        admin.post(&point, &[("intent", "revoke"), ("confirm", "yes")]).await.is(303);
        app.anonymous().get(&format!("/q/{code}")).await.is(410);
        admin.get(&point).await.is(200).has("已停用").has_not("qr.svg");
        for file in ["sheet", "label.svg", "qr.svg", "qr.png"] {
            admin.get(&format!("{point}/{file}")).await.is(404);
        }
        assert_eq!(last_action(&app).await, "contact_point.revoke");
    })
    .await;
}

#[tokio::test]
async fn the_sheet_has_everything_in_both_languages() {
    on_both(async |app| {
        let (sticker, mut admin, _) = street(&app).await;
        let sheet = admin.get(&format!("/admin/contact-points/{}/sheet", sticker.point)).await;
        sheet.is(200).has("sheet.css").has("云集路社区").has("网格员").has("3号楼东门").has("<svg viewBox=\"0 0 ");
        sheet.has(&format!("linli.test/q/{}", sticker.code)).has_not("http://linli.test/q/");
        for character in ["山", "水", "江", "河", "shān", "shuǐ", "jiāng", "hé"] {
            sheet.has(character);
        }
        sheet.has("有事，扫一扫").has("Scan, and write to").has("周一至周五").has("Mon–Fri").has("火警 119").has("Fire 119").has("Your community");
        app.english_names(&sticker).await;
        let sheet = admin.get(&format!("/admin/contact-points/{}/sheet", sticker.point)).await;
        sheet.has("云集路社区").has("Yunji Road Community · Grid worker").has("3号楼东门").has("Building 3, east door").has_not("Your community");
    })
    .await;
}

const WEEK: [(&str, &str); 7] = [
    ("intent", "save"),
    ("zone", "Asia/Shanghai"),
    ("mon", "9:00-12:00，13:00-17:00"),
    ("tue", "09:00-17:00"),
    ("wed", "09:00-17:00"),
    ("thu", "09:00-17:00"),
    ("fri", "09:00-11:00"),
];

#[tokio::test]
async fn a_unit_has_a_week_of_its_own_with_each_mistake_at_its_day() {
    on_both(async |app| {
        let (sticker, mut admin, _) = street(&app).await;
        let path = format!("/admin/units/{}/calendar", sticker.community);
        admin.get(&path).await.is(200).has("通用工作时间").has("08:30-12:00, 14:00-17:30").has_not("改回用上一级");
        let wrong =
            [("intent", "save"), ("zone", "Mars/Base"), ("mon", "8.30-12"), ("tue", "12:00-08:00"), ("wed", "08:00-12:00, 11:00-13:00"), ("thu", "08:00")];
        let page = admin.post(&path, &wrong).await;
        page.is(422).has("id=\"mon-e\"").has("8.30-12").has("08:00 不比 12:00 晚").has("重叠").has("少了结束时间").has("没有这个时区");
        let none = [("intent", "save"), ("zone", "Asia/Shanghai")];
        admin.post(&path, &none).await.is(422).has("至少要有一段工作时间");
        admin.post(&path, &WEEK).await.is(303);
        admin.get(&path).await.has("有自己的日历").has("09:00-12:00, 13:00-17:00").has("改回用上一级");
        // Friday 10:00, one working hour: by 11:00, when work ends.
        admin.post(&format!("/admin/units/{}/settings", sticker.community), &[("promise_minutes.own", "yes"), ("promise_minutes", "60")]).await.is(303);
        let (mut resident, conversation) = app.contact(&sticker, "在吗").await;
        resident.get(&conversation).await.has("今天 11:00");
        admin.post(&path, &[("intent", "inherit")]).await.is(303);
        admin.get(&path).await.has("通用工作时间");
        assert_eq!(last_action(&app).await, "calendar.inherit");
    })
    .await;
}

#[tokio::test]
async fn the_real_holidays_are_imported_and_single_days_changed() {
    on_both(async |app| {
        let (sticker, mut admin, _) = street(&app).await;
        let path = format!("/admin/units/{}/calendar", sticker.street);
        let file = include_bytes!("../../../app/model/testdata/holidays.ics");
        let import = format!("{path}/import");
        admin.upload(&import, &[], "ics", file).await.is(200).has("已为西陵街道导入 2024–2026 年");
        let october = admin.get(&format!("{path}?month=2026-10")).await;
        october.is(200).has("2026 年 10 月").has("mark-off\">休").has("mark-on\">班").has("国庆");
        admin.upload(&import, &[], "ics", b"hello").await.is(422).has("BEGIN:VCALENDAR");
        admin.upload(&import, &[], "ics", &vec![b'x'; 1024 * 1024 + 1]).await.is(413);
        let pasted = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20261231\r\nSUMMARY:庙会 休\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
        admin.post(&path, &[("intent", "paste"), ("ics", pasted)]).await.is(200).has("1 天放假");
        // The community below has the street's holidays, also once it has hours of its own.
        let below = format!("/admin/units/{}/calendar", sticker.community);
        admin.post(&below, &WEEK).await.is(303);
        admin.get(&format!("{below}?month=2026-10")).await.has("国庆");
        let day = admin.post(&below, &[("intent", "day"), ("date", "2026-12-24"), ("kind", "off"), ("name", "停电")]).await.location();
        assert!(day.contains("month=2026-12"), "{day}");
        admin.get(&day).await.has("停电");
        admin.post(&below, &[("intent", "remove"), ("date", "2026-12-24")]).await.is(303);
        admin.get(&day).await.has_not("停电");
        admin.post(&below, &[("intent", "day"), ("date", "圣诞"), ("kind", "off")]).await.is(422).has("2026-12-31");
    })
    .await;
}

#[tokio::test]
async fn what_is_outside_an_admins_units_is_not_found() {
    on_both(async |app| {
        let sticker = app.sticker().await;
        let wang = holder(&app, &sticker).await;
        let (_, mut other, _) = street(&app).await;
        let (unit, post, point) = (sticker.community, sticker.post, sticker.point);
        for path in [
            format!("/admin/units/{unit}"),
            format!("/admin/units/{unit}/calendar"),
            format!("/admin/units/{unit}/posts/new"),
            format!("/admin/units/new?parent={unit}"),
            format!("/admin/posts/{post}"),
            format!("/admin/posts/{post}/contact-points/new"),
            format!("/admin/staff/{wang}"),
            format!("/admin/contact-points/{point}"),
        ] {
            other.get(&path).await.is(404);
            for intent in ["save", "end", "hold", "substitute", "day", "inherit", "give", "again", "revoke"] {
                let form = [("intent", intent), ("confirm", "yes"), ("name", "x"), ("title", "x"), ("place", "x"), ("kind", "grid"), ("who", "赵敏")];
                let page = other.post(&path, &form).await;
                assert!(matches!(page.status.as_u16(), 404 | 422), "{intent} at {path}: {}", page.status);
                page.has_not("云集路社区");
            }
        }
        for file in ["sheet", "label.svg", "qr.svg", "qr.png"] {
            other.get(&format!("/admin/contact-points/{point}/{file}")).await.is(404);
        }
        other.upload(&format!("/admin/units/{unit}/calendar/import"), &[], "ics", b"x").await.is(404);
        other.get(&format!("/admin/units?open={unit}")).await.is(200).has_not(&format!("/admin/units/{unit}"));
        other.get("/admin/staff?q=王芳").await.has_not(&wang.to_string());
        app.anonymous().get(&sticker.path()).await.is(200).has("3号楼东门").has("王芳");
    })
    .await;
}
