//! `/admin/audit`, what becomes an entry, and the settings of units.

use crate::{
    actor::Actor,
    app::{TestApp, on_both},
};
use model::{Role, StaffId, UnitId, UnitKind};

async fn auditor_of(app: &TestApp, unit: UnitId) -> (Actor, StaffId) {
    let id = app.staff("吴敏").await;
    app.grant(id, Role::Auditor, unit).await;
    (app.signed_in(id).await, id)
}

async fn count(app: &TestApp, action: &str) -> usize {
    let mut conn = app.domain.db.read().await.unwrap();
    store::audit::after(&mut conn, 0, 10_000).await.unwrap().iter().filter(|e| e.action == action).count()
}

#[tokio::test]
async fn an_auditor_reads_in_plain_words_what_was_done_and_others_may_not() {
    on_both(async |app| {
        let sticker = app.sticker().await;
        let admin = app.staff("赵敏").await;
        app.grant(admin, Role::Admin, sticker.street).await;
        let mut worker = app.signed_in(admin).await;
        let unit = format!("/admin/units/{}", sticker.community);
        worker.post(&unit, &[("name", "新云集社区"), ("name_en", ""), ("code", "")]).await.is(303);
        worker.get("/admin/audit").await.is(403);
        app.anonymous().get("/admin/audit").await.is(303);
        let (mut auditor, _) = auditor_of(&app, sticker.street).await;
        let page = auditor.get("/admin/audit").await;
        page.is(200).has("修改单位").has("赵敏").has("云集路社区 → 新云集社区").has("访问被拒绝").has_not("unit.change").has("<time datetime=");
        auditor.get("/admin/audit?who=%E8%B5%B5&what=organisation&from=2026-11-20&until=2026-11-20").await.is(200).has("修改单位").has_not("访问被拒绝");
        auditor.get("/admin/audit?from=2026-11-21").await.is(200).has("没有符合条件的记录");
        // Not the records of all days, because one was mistyped.
        let mistyped = auditor.get("/admin/audit?from=21.11.&until=x&who=%E8%B5%B5").await;
        mistyped.is(422).has("请写成日期").has("value=\"21.11.\"").has("value=\"赵\"").has("href=\"#until\"").has_not("修改单位").has_not("导出符合");
        auditor.post("/admin/audit/export", &[("format", "csv"), ("from", "21.11.")]).await.is(422).has("请写成日期").has_not("unit.change");
        assert_eq!(count(&app, "audit.export").await, 0);
        auditor.get("/admin/audit?unit=x").await.is(404);
        auditor.get(&format!("/admin/audit?unit={}", sticker.community)).await.is(200).has("新云集社区及下级");
        auditor.headers.insert("accept-language".into(), "en".into());
        auditor.get("/admin/audit").await.is(200).has("Changed a unit").has("Was refused a page");
        let beside = app.vacant_post().await;
        auditor.get(&format!("/admin/audit?unit={}", beside.street)).await.is(404);
        let (mut other, _) = auditor_of(&app, beside.street).await;
        other.get("/admin/audit").await.is(200).has_not("新云集社区");
        // An auditor is no admin.
        auditor.get(&unit).await.is(403);
    })
    .await;
}

#[tokio::test]
async fn an_export_is_safe_in_a_spreadsheet_and_an_entry_itself() {
    on_both(async |app| {
        let sticker = app.sticker().await;
        let admin = app.staff("=HYPERLINK(\"http://evil\")").await;
        app.grant(admin, Role::Admin, sticker.street).await;
        let unit = format!("/admin/units/{}", sticker.community);
        app.signed_in(admin).await.post(&unit, &[("name", "新云集社区")]).await.is(303);
        let (mut auditor, _) = auditor_of(&app, sticker.street).await;
        let csv = auditor.post("/admin/audit/export", &[("format", "csv"), ("who", ""), ("what", "")]).await;
        csv.is(200).has("\u{feff}编号,时间").has("\"'=HYPERLINK(\"\"http://evil\"\")\"").has("unit.change");
        assert!(csv.headers["content-disposition"].to_str().unwrap().contains("attachment; filename=\"linli-audit-2026"));
        assert_eq!(count(&app, "audit.export").await, 1);
        let lines = auditor.post("/admin/audit/export", &[("format", "jsonl")]).await;
        lines.is(200);
        let all: Vec<serde_json::Value> = lines.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(all.iter().any(|e| e["action"] == "unit.change" && e["hash"].as_str().unwrap().len() == 64));
        assert!(all.iter().any(|e| e["action"] == "audit.export"), "the first export");
        auditor.get("/admin/audit").await.has("导出审计记录");
    })
    .await;
}

#[tokio::test]
async fn refused_access_is_recorded_once_and_repeats_are_counted() {
    on_both(async |app| {
        let (sticker, other) = (app.sticker().await, app.vacant_post().await);
        let worker = app.staff("李强").await;
        app.hold(worker, other.post).await;
        let (_, conversation) = app.contact(&sticker, "只给王芳").await;
        let mut nosy = app.signed_in(worker).await;
        let path = conversation.replace("/c/", "/inbox/");
        for _ in 0..30 {
            nosy.get(&path).await.is(404);
            nosy.get("/admin/units").await.is(403);
        }
        assert_eq!(count(&app, "access.refuse").await, 3, "each page once, and that there were ten more");
        let (mut auditor, _) = auditor_of(&app, sticker.street).await;
        auditor.get("/admin/audit").await.is(200).has("访问被拒绝").has("云集路社区 网格员的一个会话").has("GET /inbox/{id}");
        app.advance_minutes(61);
        domain::audit::note_repeats(&app.domain, false).await.unwrap();
        assert_eq!(count(&app, "access.refuse").await, 4, "how often, in one");
        nosy.get("/nowhere").await.is(404);
        assert_eq!(count(&app, "access.refuse").await, 4, "where nothing is, nothing was refused");
    })
    .await;
}

#[tokio::test]
async fn signing_in_and_out_and_failing_to_are_entries() {
    on_both(async |app| {
        let mut stranger = app.anonymous();
        for _ in 0..3 {
            stranger.post("/sign-in", &[("email", "nobody@linli.test"), ("password", "wrong wrong wrong")]).await.is(422);
        }
        assert_eq!(count(&app, "session.refuse").await, 1, "the same again is counted");
        let id = app.staff("王芳").await;
        app.signed_in(id).await.post("/sign-out", &[]).await.is(303);
        assert_eq!(count(&app, "session.sign_out").await, 1);
        let mut desk = app.signed_in(id).await;
        for _ in 0..3 {
            desk.post("/account", &[("intent", "password"), ("old", "wrong wrong wrong"), ("new", "correct horse battery")]).await.is(422);
        }
        assert_eq!(count(&app, "password.refuse").await, 1, "somebody tries at a desk left open");
    })
    .await;
}

#[tokio::test]
async fn a_units_settings_say_where_they_come_from_and_a_lock_closes_them_below() {
    on_both(async |app| {
        let sticker = app.sticker().await;
        let admin = app.staff("赵敏").await;
        app.grant(admin, Role::Admin, sticker.street).await;
        let mut admin = app.signed_in(admin).await;
        let (street, community) = (format!("/admin/units/{}/settings", sticker.street), format!("/admin/units/{}/settings", sticker.community));
        admin.get(&community).await.is(200).has("系统默认").has("工作时间 420 分钟").has("22:00 至 07:00");
        let wrong =
            [("promise_minutes.own", "yes"), ("promise_minutes", "bald"), ("quiet_hours.own", "yes"), ("quiet_hours.from", "22:00"), ("quiet_hours.until", "")];
        admin.post(&street, &wrong).await.is(422).has("10 到 4800").has("value=\"bald\"").has("例如 22:00 和 07:00");
        // From nine to nine is all day, or no time at all.
        let no_time = [("quiet_hours.own", "yes"), ("quiet_hours.from", "21:00"), ("quiet_hours.until", "21:00")];
        admin.post(&street, &no_time).await.is(422).has("两个不同的时间");
        // Typed while another way was chosen: nothing is dropped without a word.
        let not_chosen = [("welcome.own", "no"), ("welcome.shown", ""), ("welcome", "有事请讲")];
        admin.post(&street, &not_chosen).await.is(422).has("请选“本单位另设”").has("有事请讲");
        let form = [
            ("promise_minutes.own", "yes"),
            ("promise_minutes", "６０"),
            ("promise_minutes.lock", "yes"),
            ("quiet_hours.own", "yes"),
            ("quiet_hours.from", "21:00"),
            ("quiet_hours.until", "08:00"),
            ("welcome.own", "yes"),
            ("welcome", "这里是西陵街道，请讲。"),
        ];
        admin.post(&street, &form).await.is(303);
        let page = admin.get(&community).await;
        page.is(200).has("来自西陵街道").has("西陵街道已锁定（赵敏）").has("21:00 至 08:00").has_not("name=\"promise_minutes\"");
        // Whoever may not go to the street sees that it is the street's, and no way there.
        let below = app.staff("钱进").await;
        app.grant(below, Role::Admin, sticker.community).await;
        let page = app.signed_in(below).await.get(&community).await;
        page.is(200).has("来自西陵街道").has("西陵街道已锁定（赵敏）").has_not(&street);
        // A first message is promised an answer by it at once: 60 working minutes from Friday 10:00.
        let (mut resident, conversation) = app.contact(&sticker, "在吗").await;
        resident.get(&conversation).await.has("今天 11:00");
        // Locked while the page was open: it is said, and nothing is changed.
        let page = admin.post(&community, &[("promise_minutes.own", "yes"), ("promise_minutes", "120")]).await;
        page.is(422).has("上级单位刚刚锁定了这一项");
        admin.get(&community).await.has("工作时间 60 分钟");
        // A post without a welcome of its own has the street's.
        let post = sticker.post;
        app.domain.db.write(move |c| Box::pin(async move { store::post::change(c, post, "网格员", None, None).await })).await.unwrap();
        app.anonymous().get(&sticker.path()).await.is(200).has("这里是西陵街道，请讲。");
        let (mut other, _) = auditor_of(&app, sticker.street).await;
        other.get("/admin/audit").await.has("修改设置").has("答复时限");
    })
    .await;
}

#[tokio::test]
async fn the_tree_opens_piece_by_piece() {
    on_both(async |app| {
        let sticker = app.sticker().await;
        let admin = app.staff("赵敏").await;
        app.grant(admin, Role::Admin, sticker.street).await;
        let mut admin = app.signed_in(admin).await;
        admin.get("/admin/units").await.is(200).has("id=\"tree\"").has("云集路社区").has("<script nonce=");
        let below = admin.get(&format!("/admin/units/below?unit={}", sticker.street)).await;
        below.is(200).has("<ul><li>").has("云集路社区").has_not("<html");
        admin.get("/admin/units/found?q=yjl").await.is(200).has("云集路社区").has_not("<html");
        admin.get("/admin/units/found?q=zzz").await.is(200).has("没有找到“zzz”");
        let beside = app.vacant_post().await;
        admin.get(&format!("/admin/units/below?unit={}", beside.street)).await.is(404);
        admin.get("/admin/units/below").await.is(404);
        admin.get(&format!("/admin/units?open={}", beside.street)).await.is(200).has("云集路社区");
    })
    .await;
}

#[tokio::test]
async fn every_page_of_the_tree_is_reached_by_links() {
    on_both(async |app| {
        let district = app.unit(None, UnitKind::District, "西陵区").await;
        let street = app.unit(Some(district), UnitKind::Street, "西陵街道").await;
        for n in 0..53 {
            app.unit(Some(street), UnitKind::Community, &format!("第{n:02}社区")).await;
        }
        let admin = app.staff("赵敏").await;
        app.grant(admin, Role::Admin, district).await;
        let mut admin = app.signed_in(admin).await;
        let first = admin.get(&format!("/admin/units?open={street}")).await;
        let next = format!("/admin/units?open={street}&page=1");
        first.is(200).has("第00社区").has("第49社区").has_not("第50社区").has(&next.replace('&', "&amp;"));
        admin.get(&next).await.is(200).has("第50社区").has("第52社区").has_not("第49社区").has("西陵街道");
        admin.get("/admin/units?q=%E7%A4%BE%E5%8C%BA").await.has("找到 50 个以上的单位").has("role=\"status\"");
        admin.get("/admin/units?q=%E7%A4%BE%E5%8C%BA&page=1").await.has("找到 53 个单位").has("第52社区");
    })
    .await;
}
