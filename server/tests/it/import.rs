//! `/admin/imports`: a register is uploaded, corrected, applied and taken back.

use crate::{
    actor::{Actor, Page},
    app::{Sticker, TestApp, on_both},
};
use model::Role;
use std::time::Duration;

const ROSTER: &str = "西陵街道网格员花名册,,,,\n网格名称,所属社区,网格员姓名,邮箱,电话\n第一网格,云集路社区,陈建国,chen.jianguo@x.cn,13800000001\n第二网格,云集路社区,李强,li.qiang@x.cn,13800000002\n";

/// 赵敏, admin of the street.
async fn admin(app: &TestApp) -> (Sticker, Actor) {
    let sticker = app.sticker().await;
    let id = app.staff("赵敏").await;
    app.grant(id, Role::Admin, sticker.street).await;
    (sticker, app.signed_in(id).await)
}

async fn upload(admin: &mut Actor, sticker: &Sticker, mode: &str, file: &[u8]) -> Page {
    admin.upload("/admin/imports/new", &[("unit", &sticker.street.to_string()), ("mode", mode), ("kind", "")], "file", file).await
}

/// The page once nobody is working on it any more.
pub async fn settled(admin: &mut Actor, path: &str) -> Page {
    for _ in 0..600 {
        let page = admin.get(path).await;
        if !page.headers.contains_key("refresh") {
            return page;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{path} is still being worked on");
}

/// What the page has in its form to confirm with.
async fn mark(admin: &mut Actor, path: &str) -> String {
    let page = admin.get(path).await;
    let rest = page.body.split("name=\"mark\" value=\"").nth(1).unwrap_or_default();
    rest.split('"').next().unwrap_or_default().to_owned()
}

async fn apply(admin: &mut Actor, path: &str, number: &str) -> Page {
    let mark = mark(admin, path).await;
    admin.post(path, &[("intent", "apply"), ("mark", &mark), ("number", number)]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_roster_is_compared_applied_found_unchanged_and_taken_back() {
    on_both(async |app| {
        let (sticker, mut admin) = admin(&app).await;
        admin.get("/admin/imports").await.is(200).has("还没有导入过").has("roster.xlsx");
        admin.get("/admin/imports/new").await.is(200).has("西陵街道");
        let path = upload(&mut admin, &sticker, "add", ROSTER.as_bytes()).await.location();
        settled(&mut admin, &path).await.is(200).has("会改什么").has("第一网格").has("等您确认").has_not("正在比对");
        admin.get(&format!("{path}?noun=staff")).await.is(200).has("陈建国").has("chen.jianguo@x.cn").has("第 3 行");
        admin.get("/admin/units?q=%E7%AC%AC%E4%B8%80%E7%BD%91%E6%A0%BC").await.has("没有找到“第一网格”");

        assert_eq!(apply(&mut admin, &path, "").await.location(), path);
        settled(&mut admin, &path).await.has("已导入").has("可以整个撤回");
        admin.get("/admin/units?q=%E7%AC%AC%E4%B8%80%E7%BD%91%E6%A0%BC").await.has("第一网格").has("云集路社区");
        admin.get("/admin/staff?q=%E9%99%88%E5%BB%BA%E5%9B%BD").await.has("陈建国");
        admin.get("/admin/invitations").await.is(200).has("陈建国");

        let again = upload(&mut admin, &sticker, "replace", ROSTER.as_bytes()).await.location();
        settled(&mut admin, &again).await.has("没有要改的");
        assert_eq!(admin.post(&again, &[("intent", "drop"), ("confirm", "yes")]).await.location(), again);
        admin.get(&again).await.has("已放弃");

        admin.post(&path, &[("intent", "undo")]).await.is(422).has("请先勾选确认");
        assert_eq!(admin.post(&path, &[("intent", "undo"), ("confirm", "yes")]).await.location(), path);
        settled(&mut admin, &path).await.has("已撤回").has_not("撤回这次导入");
        admin.get("/admin/units?q=%E7%AC%AC%E4%B8%80%E7%BD%91%E6%A0%BC").await.has("没有找到“第一网格”");
        admin.get("/admin/staff?q=%E9%99%88%E5%BB%BA%E5%9B%BD").await.has("没有找到");
        admin.get("/admin/imports").await.is(200).has("已撤回").has("赵敏");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_are_told_by_row_corrected_in_the_page_and_nothing_is_applied_before() {
    on_both(async |app| {
        let (sticker, mut admin) = admin(&app).await;
        let wrong = ROSTER.replace("li.qiang@x.cn", "=HYPERLINK(1)").replace("第一网格,云集路社区", "第一网格,不知道社区");
        let path = upload(&mut admin, &sticker, "add", wrong.as_bytes()).await.location();
        let page = settled(&mut admin, &path).await;
        page.has("2 处错误").has("第 3 行").has("找不到这个上级单位").has("第 4 行").has("这是公式").has("name=\"cell-0-3-1\"").has("name=\"cell-0-4-3\"");
        apply(&mut admin, &path, "").await.is(422).has("这一步现在做不了");
        let list = admin.get(&format!("{path}/mistakes.csv")).await;
        list.is(200).has("\"'=HYPERLINK(1)\"");
        assert!(list.headers["content-disposition"].to_str().unwrap().starts_with("attachment"));

        let edits = [("intent", "edit"), ("cell-0-3-1", "云集路社区"), ("cell-0-4-3", "li.qiang@x.cn")];
        assert_eq!(admin.post(&path, &edits).await.location(), path);
        settled(&mut admin, &path).await.has("会改什么").has_not("处错误");

        let columns = [("intent", "correct"), ("mode", "add"), ("kind-0", "roster"), ("col-0-3", "")];
        assert_eq!(admin.post(&path, &columns).await.location(), path);
        settled(&mut admin, &path).await.has("没有填");
        let file = ROSTER.replace("第二网格", "第九网格");
        assert_eq!(admin.upload(&format!("{path}/file"), &[], "file", file.as_bytes()).await.location(), path);
        settled(&mut admin, &path).await.has("没有填");
        let columns = [("intent", "correct"), ("mode", "add"), ("kind-0", "roster"), ("col-0-3", "email")];
        admin.post(&path, &columns).await.location();
        settled(&mut admin, &path).await.has("第九网格").has("会改什么");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ending_much_needs_its_number_and_what_ended_comes_back_with_its_conversations() {
    on_both(async |app| {
        let (sticker, mut admin) = admin(&app).await;
        let path = upload(&mut admin, &sticker, "add", ROSTER.as_bytes()).await.location();
        settled(&mut admin, &path).await;
        apply(&mut admin, &path, "").await.location();
        settled(&mut admin, &path).await.has("已导入");
        // The community's post has a sticker, a holder and somebody who waits; its full list of posts names another one.
        let (mut resident, conversation) = app.contact(&sticker, "楼道灯坏了").await;
        let posts = "单位名称,岗位名称\n云集路社区,服务台\n";
        let full = upload(&mut admin, &sticker, "replace", posts.as_bytes()).await.location();
        settled(&mut admin, &full).await.has("请输入这个数字").has("结束");
        apply(&mut admin, &full, "7").await.is(422).has("请输入 2");
        // Nobody above holds a post: whoever waits would wait for nobody.
        apply(&mut admin, &full, "2").await.location();
        settled(&mut admin, &full).await.has("还有居民在等答复").has("云集路社区 ").has("等您确认");

        let duty = app.staff("值班的人").await;
        let seat = domain::row::Post {
            id: model::PostId(app.domain.id()),
            unit_id: sticker.street,
            title: "值班室".into(),
            title_en: None,
            substitute_id: None,
            welcome: None,
            answering_id: None,
            created_at: app.domain.now(),
            ended_at: None,
        };
        let id = seat.id;
        app.domain.db.write(move |c| Box::pin(async move { store::post::insert(c, &seat).await })).await.unwrap();
        app.hold(duty, id).await;
        apply(&mut admin, &full, "2").await.location();
        settled(&mut admin, &full).await.has("已导入");
        resident.get(&conversation).await.is(200).has("值班的人");
        resident.get(&sticker.path()).await.has_not("name=\"text\"");

        admin.post(&path, &[("intent", "undo"), ("confirm", "yes")]).await.is(422).has("请先撤回后面的那次");
        admin.post(&full, &[("intent", "undo"), ("confirm", "yes")]).await.location();
        settled(&mut admin, &full).await.has("已撤回");
        app.anonymous().get(&sticker.path()).await.is(200).has("王芳");
        resident.get(&conversation).await.is(200).has("王芳");
        let mut conn = app.domain.db.read().await.unwrap();
        assert_eq!(store::post::waiting(&mut conn, sticker.post).await.unwrap(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_touches_nothing_outside_its_unit_and_is_seen_by_its_admins_only() {
    on_both(async |app| {
        let (sticker, mut admin) = admin(&app).await;
        let other = app.vacant_post().await;
        let stranger = app.staff("外区管理员").await;
        app.grant(stranger, Role::Admin, other.street).await;
        let mut stranger = app.signed_in(stranger).await;
        let path = upload(&mut admin, &sticker, "add", ROSTER.as_bytes()).await.location();
        settled(&mut admin, &path).await.is(200);
        stranger.get(&path).await.is(404);
        stranger.post(&path, &[("intent", "apply")]).await.is(404);
        stranger.get(&format!("{path}/mistakes.csv")).await.is(404);
        stranger.get("/admin/imports").await.has("还没有导入过");
        stranger.upload("/admin/imports/new", &[("unit", &sticker.street.to_string()), ("mode", "add")], "file", ROSTER.as_bytes()).await.is(404);
        apply(&mut admin, &path, "").await.location();
        settled(&mut admin, &path).await.has("已导入");
        let theirs = upload(&mut stranger, &other, "add", ROSTER.as_bytes()).await.location();
        settled(&mut stranger, &theirs).await.has("属于您管理范围之外的人");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_changed_since_it_was_shown_is_shown_once_more_before_anything_is_done() {
    on_both(async |app| {
        let (sticker, mut admin) = admin(&app).await;
        let path = upload(&mut admin, &sticker, "add", ROSTER.as_bytes()).await.location();
        settled(&mut admin, &path).await;
        let new = format!("/admin/units/new?parent={}", sticker.community);
        admin.post(&new, &[("name", "别的网格"), ("kind", "grid")]).await.location();
        // Something else than the file speaks of: as it was shown.
        apply(&mut admin, &path, "").await.location();
        settled(&mut admin, &path).await.has("已导入");
        admin.post(&path, &[("intent", "undo"), ("confirm", "yes")]).await.location();
        settled(&mut admin, &path).await.has("已撤回");
        let path = upload(&mut admin, &sticker, "add", ROSTER.as_bytes()).await.location();
        settled(&mut admin, &path).await;
        admin.post(&new, &[("name", "第一网格"), ("kind", "grid")]).await.location();
        apply(&mut admin, &path, "").await.location();
        settled(&mut admin, &path).await.has("已经重新比对").has("等您确认");
        apply(&mut admin, &path, "").await.location();
        settled(&mut admin, &path).await.has("已导入");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_import_says_so_and_can_be_begun_again() {
    on_both(async |app| {
        let (sticker, mut admin) = admin(&app).await;
        let path = upload(&mut admin, &sticker, "add", ROSTER.as_bytes()).await.location();
        settled(&mut admin, &path).await;
        let id: model::ImportId = path.rsplit('/').next().unwrap().parse().unwrap();
        let begin = |to: model::ImportState| {
            let (db, now) = (app.domain.db.clone(), app.domain.now());
            async move { db.write(move |c| Box::pin(async move { store::import::begin(c, id, model::ImportState::Ready, to, now, now).await })).await.unwrap() }
        };
        // As if the machine had stopped in the middle of it.
        for state in [model::ImportState::Planning, model::ImportState::Applying] {
            assert!(begin(state).await);
            apply(&mut admin, &path, "").await.is(422);
            app.advance_minutes(1);
            settled(&mut admin, &path).await.is(200).has("什么都没有改").has("重新开始");
            admin.get("/admin/imports").await.has("中断了");
            admin.post(&path, &[("intent", "restart")]).await.location();
            settled(&mut admin, &path).await.has("会改什么").has("等您确认");
        }
        apply(&mut admin, &path, "").await.location();
        settled(&mut admin, &path).await.has("已导入");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_files_are_refused_with_a_sentence_and_nothing_is_kept() {
    on_both(async |app| {
        let (sticker, mut admin) = admin(&app).await;
        let cases: [(Vec<u8>, &str); 7] = [
            (b"1\n".repeat(10_000_000), "超过 100000 行"),
            (format!("网格名称\n{}", "长".repeat(350_000)).into_bytes(), "第 2 行第 1 列"),
            (b"\x89PNG\r\n\x1a\n\0\0\0".to_vec(), "这不是表格"),
            (vec![0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1], "旧版 .xls"),
            ([&b"PK\x03\x04"[..], &[7; 200]].concat(), "打不开"),
            (Vec::new(), "文件是空的"),
            (vec![b'a'; 33 << 20], "超过 32 MB"),
        ];
        for (file, words) in cases {
            upload(&mut admin, &sticker, "replace", &file).await.is(422).has(words).has("id=\"file-e\"");
        }
        admin.get("/admin/imports").await.has("还没有导入过");
        let page = admin.get("/admin/imports/template/roster.xlsx").await;
        assert!(page.status == 200 && page.body.starts_with("PK"));
        admin.get("/admin/imports/template/staff.csv").await.is(200).has("\"姓名\"");
        admin.get("/admin/imports/template/else.exe").await.is(404);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_tab_has_seen_is_not_applied_after_another_had_it_compared_otherwise() {
    on_both(async |app| {
        let (sticker, mut admin) = admin(&app).await;
        let path = upload(&mut admin, &sticker, "add", ROSTER.as_bytes()).await.location();
        settled(&mut admin, &path).await.has("会改什么");
        let seen = mark(&mut admin, &path).await;
        assert!(!seen.is_empty());
        // The other tab: a file that would end everything else.
        let other = "网格名称,所属社区,网格员姓名,邮箱,电话\n第九网格,云集路社区,赵九,zhao.jiu@x.cn,\n";
        admin.upload(&format!("{path}/file"), &[], "file", other.as_bytes()).await.location();
        settled(&mut admin, &path).await.has("第九网格");
        admin.post(&path, &[("intent", "apply"), ("mark", &seen)]).await.is(422).has("这一步现在做不了");
        admin.post(&path, &[("intent", "apply"), ("mark", "")]).await.is(422).has("这一步现在做不了");
        settled(&mut admin, &path).await.has("等您确认");
        apply(&mut admin, &path, "").await.location();
        settled(&mut admin, &path).await.has("已导入").has("第九网格").has_not("第一网格");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_file_is_kept_once_it_is_given_up_or_its_time_is_over() {
    on_both(async |app| {
        let (sticker, mut admin) = admin(&app).await;
        let kept = async |path: &str| {
            let id: model::ImportId = path.rsplit('/').next().unwrap().parse().unwrap();
            let mut conn = app.domain.db.read().await.unwrap();
            let import = store::import::find(&mut conn, id).await.unwrap().unwrap();
            let (file, plan) = (store::import::file(&mut conn, id).await.unwrap(), store::import::plan(&mut conn, id).await.unwrap());
            (import.state, import.choices.contains("陈建国") || import.choices.contains("typed@x.cn"), file.is_some(), plan.is_some())
        };
        let edit = [("intent", "edit"), ("cell-0-3-3", "typed@x.cn")];
        let new = async |admin: &mut Actor| {
            let path = upload(admin, &sticker, "add", ROSTER.as_bytes()).await.location();
            settled(admin, &path).await;
            admin.post(&path, &edit).await.location();
            settled(admin, &path).await;
            path
        };
        let (given_up, forgotten, applied) = (new(&mut admin).await, new(&mut admin).await, new(&mut admin).await);
        assert_eq!(kept(&forgotten).await, (model::ImportState::Ready, true, true, true));
        admin.post(&given_up, &[("intent", "drop"), ("confirm", "yes")]).await.location();
        assert_eq!(kept(&given_up).await, (model::ImportState::Dropped, false, false, false));
        apply(&mut admin, &applied, "").await.location();
        settled(&mut admin, &applied).await.has("已导入");
        assert_eq!(kept(&applied).await, (model::ImportState::Applied, false, false, true));
        app.advance_minutes(31 * 24 * 60);
        domain::import::forget_old(&app.domain).await.unwrap();
        assert_eq!(kept(&forgotten).await, (model::ImportState::Dropped, false, false, false));
        assert_eq!(kept(&applied).await, (model::ImportState::Applied, false, false, false));
        let id = app.staff("钱进").await;
        app.grant(id, Role::Admin, sticker.street).await;
        let mut admin = app.signed_in(id).await;
        admin.get(&forgotten).await.is(200).has("已放弃");
        admin.get(&applied).await.is(200).has("已经过了可以撤回的时间").has_not("陈建国");
        admin.post(&applied, &[("intent", "undo"), ("confirm", "yes")]).await.is(422).has("已经过了 30 天");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_typed_is_shown_again_whenever_it_is_not_saved() {
    on_both(async |app| {
        let (sticker, mut admin) = admin(&app).await;
        let wrong = ROSTER.replace("li.qiang@x.cn", "=HYPERLINK(1)").replace("第一网格,云集路社区", "第一网格,不知道社区");
        let path = upload(&mut admin, &sticker, "add", wrong.as_bytes()).await.location();
        settled(&mut admin, &path).await.has("2 处错误");
        let long = "长".repeat(1_001);
        let page = admin.post(&path, &[("intent", "edit"), ("page", "0"), ("cell-0-3-1", &long), ("cell-0-4-3", "right@x.cn")]).await;
        page.is(422).has("第 3 行 B 列最多 1000 个字").has(&format!("value=\"{long}\"")).has("value=\"right@x.cn\"").has_not("没有保存</h2>");
        settled(&mut admin, &path).await.has("2 处错误").has_not("right@x.cn");

        // A cell that is right by now, or that another page has: it stands beside the form.
        let mut many: Vec<(String, String)> = (10..2_011).map(|row| (format!("cell-0-{row}-3"), format!("n{row}@x.cn"))).collect();
        many.push(("intent".to_owned(), "edit".to_owned()));
        let many: Vec<(&str, &str)> = many.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        admin.post(&path, &many).await.is(422).has("最多改 2000 处").has("您填的这些没有保存").has("第 2010 行 D 列").has("n2010@x.cn");

        // Somebody else has it compared at this moment.
        let id: model::ImportId = path.rsplit('/').next().unwrap().parse().unwrap();
        let (db, now) = (app.domain.db.clone(), app.domain.now());
        let begin =
            db.write(move |c| Box::pin(async move { store::import::begin(c, id, model::ImportState::Ready, model::ImportState::Planning, now, now).await }));
        assert!(begin.await.unwrap());
        let page = admin.post(&path, &[("intent", "edit"), ("cell-0-4-3", "right@x.cn")]).await;
        page.is(422).has("这一步现在做不了").has("您填的这些没有保存").has("第 4 行 D 列").has("right@x.cn");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn taking_the_mistakes_out_is_on_record() {
    on_both(async |app| {
        let (sticker, mut admin) = admin(&app).await;
        let path = upload(&mut admin, &sticker, "add", ROSTER.replace("li.qiang@x.cn", "nobody").as_bytes()).await.location();
        settled(&mut admin, &path).await.has("1 处错误");
        admin.get(&format!("{path}/mistakes.csv")).await.is(200).has("nobody");
        let auditor = app.staff("审计员").await;
        app.grant(auditor, Role::Auditor, sticker.street).await;
        let mut auditor = app.signed_in(auditor).await;
        auditor.get("/admin/audit?what=export").await.is(200).has("下载导入的错误清单").has("赵敏").has_not("nobody");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_uploads_while_as_many_files_as_there_is_room_for_are_uploaded_is_told_that_nothing_is_lost() {
    on_both(async |app| {
        let (sticker, mut admin) = admin(&app).await;
        let places = app.domain.imports.uploads.clone();
        let all = places.clone().acquire_many_owned(domain::import::work::UPLOADS as u32).await.unwrap();
        let page = upload(&mut admin, &sticker, "add", ROSTER.as_bytes()).await;
        page.is(503).has("正在上传的文件太多").has("什么都没有改，也没有丢");
        assert_eq!(page.headers["retry-after"], "20");
        admin.get("/admin/imports").await.has("还没有导入过");
        drop(all);
        let path = upload(&mut admin, &sticker, "add", ROSTER.as_bytes()).await.location();
        settled(&mut admin, &path).await.has("会改什么");
        assert_eq!(places.available_permits(), domain::import::work::UPLOADS, "given back with the answer");
    })
    .await;
}
