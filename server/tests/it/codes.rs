//! `/admin/units/{id}/codes`, `/admin/prints/{id}`, `/admin/contact-points`, `/q/{code}/wrong`, `/admin/units/{id}/day-one`

use crate::{
    actor::{Actor, Page},
    app::{Sticker, TestApp, on_both},
};
use domain::scan;
use model::{ContactPointId, PostId, Role, UnitId, UnitKind};
use std::collections::HashSet;

async fn admin_of(app: &TestApp, unit: UnitId) -> Actor {
    let id = app.staff("赵敏").await;
    app.grant(id, Role::Admin, unit).await;
    app.signed_in(id).await
}

/// So many grids below a unit, each with a post that has no code.
async fn grids(app: &TestApp, parent: UnitId, count: usize) -> Vec<PostId> {
    let now = app.domain.now();
    let rows: Vec<(domain::row::Unit, domain::row::Post)> = (0..count)
        .map(|i| {
            let (unit, post) = (UnitId(app.domain.id()), PostId(app.domain.id()));
            let row = domain::row::Unit {
                id: unit,
                parent_id: Some(parent),
                kind: UnitKind::Grid,
                name: format!("第{}网格", i + 1),
                name_en: None,
                code: Some(format!("{parent}{i:03}")[24..].to_owned()),
                created_at: now,
                ended_at: None,
            };
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
            (row, seat)
        })
        .collect();
    let posts = rows.iter().map(|(_, post)| post.id).collect();
    app.domain
        .db
        .write(move |c| {
            Box::pin(async move {
                for (unit, post) in &rows {
                    store::unit::insert(c, unit).await?;
                    store::post::insert(c, post).await?;
                }
                Ok::<_, store::Error>(())
            })
        })
        .await
        .unwrap();
    posts
}

async fn points_of(app: &TestApp, post: PostId) -> Vec<store::contact_point::Line> {
    store::contact_point::of_post(&mut app.domain.db.read().await.unwrap(), post).await.unwrap()
}

/// The first page until it says something: what is written down beside a request comes a moment after it.
async fn until(actor: &mut Actor, path: &str, text: &str) -> Page {
    for _ in 0..500 {
        let page = actor.get(path).await;
        if page.body.contains(text) {
            return page;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("{path} never said {text}");
}

async fn written(app: &TestApp) {
    scan::write(&app.domain).await.unwrap();
}

fn point_page(id: ContactPointId) -> String {
    format!("/admin/contact-points/{id}")
}

#[tokio::test]
async fn every_post_of_a_subtree_gets_one_code_in_one_go_and_those_that_have_one_are_left_alone() {
    on_both(async |app| {
        let sticker = app.sticker().await;
        let posts = grids(&app, sticker.community, 30).await;
        let mut admin = admin_of(&app, sticker.street).await;
        let path = format!("/admin/units/{}/codes", sticker.street);
        admin.get(&path).await.is(200).has("共 30 个").has("已经有联系码的 1 个岗位不会变动");
        let form = [("posts", "all"), ("place", "公告栏"), ("place_en", "Notice board")];
        let done = admin.post(&path, &form).await.location();
        admin.get(&done).await.is(200).has("做好了 30 张联系码").has("这里的岗位都有联系码");
        let mut codes = HashSet::new();
        for post in &posts {
            let points = points_of(&app, *post).await;
            assert_eq!(points.iter().map(|p| p.place.as_str()).collect::<Vec<_>>(), ["公告栏"]);
            assert!(codes.insert(points[0].code.clone()));
        }
        assert_eq!(points_of(&app, sticker.post).await.len(), 1);
        // A second time there is nothing to make.
        let again = admin.post(&path, &form).await.location();
        admin.get(&again).await.is(200).has("都已经有联系码了");
        assert_eq!(points_of(&app, posts[0]).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn only_grids_and_classes_get_codes_where_that_is_chosen_and_a_place_is_needed() {
    on_both(async |app| {
        let sticker = app.vacant_post().await;
        let point = sticker.point;
        let now = app.domain.now();
        app.domain.db.write(move |c| Box::pin(async move { store::contact_point::revoke(c, point, now).await })).await.unwrap();
        let posts = grids(&app, sticker.community, 3).await;
        let mut admin = admin_of(&app, sticker.street).await;
        let path = format!("/admin/units/{}/codes", sticker.street);
        admin.post(&path, &[("posts", "leaves"), ("place", " "), ("topic", "报修")]).await.is(422).has("报修").has("请填写");
        let done = admin.post(&path, &[("posts", "leaves"), ("place", "楼道")]).await.location();
        admin.get(&done).await.has("做好了 3 张联系码").has("共 1 个");
        assert_eq!(points_of(&app, posts[2]).await.len(), 1);
        assert!(points_of(&app, sticker.post).await.iter().all(|p| p.revoked_at.is_some()));
    })
    .await;
}

#[tokio::test]
async fn a_file_is_sent_while_it_is_made_and_its_page_says_how_far_it_is_and_that_it_is_finished() {
    on_both(async |app| {
        let sticker = app.sticker().await;
        grids(&app, sticker.community, 9).await;
        let mut admin = admin_of(&app, sticker.street).await;
        let codes = format!("/admin/units/{}/codes", sticker.street);
        admin.post(&codes, &[("posts", "all"), ("place", "公告栏")]).await.location();
        for (format, kind, begin) in [("posters", "application/pdf", "%PDF-1.7"), ("stickers", "application/pdf", "%PDF-1.7"), ("svg", "application/zip", "PK")]
        {
            let print = admin.post(&codes, &[("intent", "print"), ("format", format), ("which", "all")]).await.location();
            admin.get(&print).await.is(200).has("10 张").has("下载");
            admin.get(&format!("{print}/progress")).await.is(200).has("可以下载了");
            let file = admin.get(&format!("{print}/file")).await;
            file.is(200);
            assert_eq!(file.headers["content-type"], kind);
            assert!(file.headers["content-disposition"].to_str().unwrap().contains(&format!("linli-{format}-")));
            assert!(!file.headers.contains_key("content-encoding"), "packed twice");
            assert!(file.body.starts_with(begin));
            assert!(begin == "PK" || file.body.trim_end().ends_with("%%EOF"));
            until(&mut admin, &format!("{print}/progress"), "做好了：10 张").await;
            admin.get(&codes).await.has("做好了：10 张");
            // Fetched again it is made again.
            assert!(admin.get(&format!("{print}/file")).await.body.starts_with(begin));
        }
    })
    .await;
}

#[tokio::test]
async fn a_download_that_is_hung_up_ends_its_work_and_says_that_it_was_cut_off() {
    on_both(async |app| {
        let sticker = app.sticker().await;
        grids(&app, sticker.community, 1500).await;
        let mut admin = admin_of(&app, sticker.street).await;
        let codes = format!("/admin/units/{}/codes", sticker.street);
        admin.post(&codes, &[("posts", "all"), ("place", "公告栏")]).await.location();
        let print = admin.post(&codes, &[("intent", "print"), ("format", "posters")]).await.location();
        for _ in 0..6 {
            // More than may be made at once: each gives its place back.
            drop(admin.stream(&format!("{print}/file")).await);
            until(&mut admin, &format!("{print}/progress"), "正在做").await;
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        app.advance_minutes(1);
        until(&mut admin, &format!("{print}/progress"), "中断了").await;
        until(&mut admin, &format!("{print}/file"), "%%EOF").await.is(200);
        admin.get(&print).await.has("再下载一次");
    })
    .await;
}

#[tokio::test]
async fn another_units_codes_prints_and_stickers_are_not_found() {
    on_both(async |app| {
        let (mine, other) = (app.sticker().await, app.sticker().await);
        let (mut admin, mut stranger) = (admin_of(&app, mine.street).await, admin_of(&app, other.street).await);
        let codes = format!("/admin/units/{}/codes", mine.street);
        let print = admin.post(&codes, &[("intent", "print"), ("format", "svg")]).await.location();
        let foreign = [codes.clone(), print.clone(), format!("{print}/file"), format!("{print}/progress"), format!("/admin/units/{}/day-one", mine.street)];
        for path in foreign.iter().chain([&format!("/admin/contact-points?unit={}", mine.street)]) {
            stranger.get(path).await.is(404);
        }
        stranger.post(&codes, &[("posts", "all"), ("place", "公告栏")]).await.is(404);
        stranger.post(&codes, &[("intent", "print")]).await.is(404);
        let list = stranger.get("/admin/contact-points").await;
        list.is(200).has(other.code.as_str()).has_not(mine.code.as_str());
        // A colleague of the same street asks for a file of their own.
        admin_of(&app, mine.street).await.get(&print).await.is(404);
    })
    .await;
}

#[tokio::test]
async fn a_resident_reports_a_sticker_and_its_admin_sees_it_as_a_task_until_somebody_has_looked() {
    on_both(async |app| {
        let sticker = app.sticker().await;
        let mut admin = admin_of(&app, sticker.street).await;
        let mut resident = app.anonymous();
        let form = format!("{}/wrong", sticker.path());
        resident.get(&sticker.path()).await.has(&form).has("这张贴纸不对劲");
        resident.get(&form).await.is(200).has("像是假的").has("云集路社区");
        resident.post(&form, &[("reason", ""), ("body", "在垃圾桶上")]).await.is(422).has("请选一项").has("在垃圾桶上");
        resident.post(&form, &[("reason", "fake"), ("body", "贴在别人的码上面")]).await.is(200).has("谢谢").has("110");
        admin.get("/admin").await.has("居民反映 1 张贴纸不对劲").has("/admin/contact-points?state=reported");
        admin.get("/admin/contact-points?state=reported").await.has("3号楼东门").has("1 条反映");
        admin.get(&point_page(sticker.point)).await.has("像是假的").has("贴在别人的码上面");
        admin.post(&point_page(sticker.point), &[("intent", "settle")]).await.is(303);
        admin.get(&point_page(sticker.point)).await.has_not("贴在别人的码上面");
        admin.get("/admin/contact-points?state=reported").await.has_not("3号楼东门").has("没有，很好");
    })
    .await;
}

#[tokio::test]
async fn reports_from_one_address_and_of_one_sticker_have_an_end() {
    on_both(async |app| {
        let sticker = app.sticker().await;
        let form = format!("{}/wrong", sticker.path());
        let mut resident = app.anonymous();
        for _ in 0..5 {
            resident.post(&form, &[("reason", "damaged")]).await.is(200);
        }
        let refused = resident.post(&form, &[("reason", "damaged")]).await;
        refused.is(429);
        assert!(refused.headers.contains_key("retry-after"));
        for _ in 0..4 {
            app.advance_minutes(1);
            for _ in 0..5 {
                resident.post(&form, &[("reason", "damaged")]).await;
            }
        }
        let open = store::sticker_report::open(&mut app.domain.db.read().await.unwrap(), sticker.point).await.unwrap();
        assert_eq!(open.len(), 20);
    })
    .await;
}

#[tokio::test]
async fn a_revoked_code_is_out_of_use_with_the_next_request_and_says_who_to_ask() {
    on_both(async |app| {
        let sticker = app.sticker().await;
        let mut admin = admin_of(&app, sticker.street).await;
        app.anonymous().get(&sticker.path()).await.is(200);
        let mut writing = app.anonymous();
        let key = writing.get(&sticker.path()).await.field("key");
        admin.post(&point_page(sticker.point), &[("intent", "revoke"), ("confirm", "yes")]).await.is(303);
        app.anonymous().get(&sticker.path()).await.is(410).has("已停用").has("云集路社区").has("网格员").has("3号楼东门");
        // Also for whoever had the page open.
        writing.post(&sticker.path(), &[("text", "您好"), ("key", &key)]).await.is(410);
        // And on another node, which has seen it in use.
        let db = app.domain.db.clone();
        let other = domain::Domain::open(db, app.domain.clock.clone(), domain::Random::seeded(9), "http://linli.test").await.unwrap();
        let scan = domain::contact_point::scan(&other, None, &sticker.code).await.unwrap();
        assert!(matches!(scan, domain::contact_point::Scan::Revoked(_)));
    })
    .await;
}

/// The sticker that the admin has just made in the place of another.
async fn replaced(admin: &mut Actor, sticker: &Sticker, ends: &str) -> ContactPointId {
    let made = admin.post(&point_page(sticker.point), &[("intent", "replace"), ("ends", ends)]).await.location();
    made.rsplit_once('/').unwrap().1.parse().unwrap()
}

#[tokio::test]
async fn a_replacement_keeps_place_and_post_and_the_old_sticker_works_until_the_new_one_is_first_scanned() {
    on_both(async |app| {
        let sticker = app.sticker().await;
        let mut admin = admin_of(&app, sticker.street).await;
        let new = replaced(&mut admin, &sticker, "scan").await;
        let point = store::contact_point::find(&mut app.domain.db.read().await.unwrap(), new).await.unwrap().unwrap();
        assert_eq!((point.post_id, point.place.as_str()), (sticker.post, "3号楼东门"));
        let path = format!("/q/{}", point.code);
        // Each leads to the other.
        admin.get(&point_page(new)).await.has(sticker.code.as_str()).has("旧的在它第一次被扫到时停用");
        admin.get(&point_page(sticker.point)).await.has(point.code.as_str()).has_not("做新的");
        admin.post(&point_page(sticker.point), &[("intent", "replace")]).await.is(422);
        // The admin looks at the new one: that is no scan.
        admin.get(&path).await.is(200);
        written(&app).await;
        app.anonymous().get(&sticker.path()).await.is(200);
        app.anonymous().get(&path).await.is(200);
        written(&app).await;
        app.anonymous().get(&sticker.path()).await.is(410);
        app.anonymous().get(&path).await.is(200);
        admin.get(&point_page(new)).await.has_not("旧的在它第一次被扫到时停用");
    })
    .await;
}

#[tokio::test]
async fn a_new_sticker_that_is_withdrawn_before_anybody_scanned_it_leaves_the_old_one_as_it_was() {
    on_both(async |app| {
        let sticker = app.sticker().await;
        let mut admin = admin_of(&app, sticker.street).await;
        let lost = replaced(&mut admin, &sticker, "scan").await;
        admin.post(&point_page(lost), &[("intent", "revoke"), ("confirm", "yes")]).await.is(303);
        app.anonymous().get(&sticker.path()).await.is(200);
        let again = replaced(&mut admin, &sticker, "scan").await;
        admin.get(&point_page(sticker.point)).await.has(&again.to_string()).has_not(&lost.to_string());
    })
    .await;
}

#[tokio::test]
async fn a_sticker_that_is_lost_ends_at_once_when_it_is_replaced() {
    on_both(async |app| {
        let sticker = app.sticker().await;
        let mut admin = admin_of(&app, sticker.street).await;
        let new = replaced(&mut admin, &sticker, "now").await;
        app.anonymous().get(&sticker.path()).await.is(410);
        admin.get(&point_page(sticker.point)).await.has("接替它的是").has(&new.to_string());
    })
    .await;
}

#[tokio::test]
async fn the_list_tells_stickers_never_scanned_silent_far_too_busy_and_scanned_after_their_end() {
    on_both(async |app| {
        let sticker = app.sticker().await;
        let mut admin = admin_of(&app, sticker.street).await;
        let list = async |admin: &mut Actor, state: &str| admin.get(&format!("/admin/contact-points?state={state}")).await;
        list(&mut admin, "unscanned").await.is(200).has(sticker.code.as_str()).has("从来没有");
        app.anonymous().get(&sticker.path()).await.is(200);
        written(&app).await;
        list(&mut admin, "unscanned").await.has_not(sticker.code.as_str());
        list(&mut admin, "").await.has(sticker.code.as_str()).has("共扫 1 次，今天 1 次");
        // Two a day is usual, and twenty is not far too much.
        for _ in 0..28 {
            app.advance_minutes(24 * 60);
            for _ in 0..2 {
                app.anonymous().get(&sticker.path()).await.is(200);
            }
            written(&app).await;
        }
        app.advance_minutes(24 * 60);
        // Nobody stays signed in for so long.
        let mut admin = admin_of(&app, sticker.street).await;
        for scans in 1..=21 {
            list(&mut admin, "busy").await.has_not(sticker.code.as_str());
            app.anonymous().get(&sticker.path()).await.is(200);
            if scans % 10 == 0 || scans == 21 {
                written(&app).await;
            }
        }
        list(&mut admin, "busy").await.has(sticker.code.as_str());
        app.advance_minutes(30 * 24 * 60);
        let mut admin = admin_of(&app, sticker.street).await;
        list(&mut admin, "silent").await.has_not(sticker.code.as_str());
        app.advance_minutes(24 * 60);
        list(&mut admin, "silent").await.has(sticker.code.as_str()).has("31 天前");
        admin.post(&point_page(sticker.point), &[("intent", "revoke"), ("confirm", "yes")]).await.is(303);
        list(&mut admin, "haunted").await.has_not(sticker.code.as_str());
        app.anonymous().get(&sticker.path()).await.is(410);
        written(&app).await;
        list(&mut admin, "haunted").await.has(sticker.code.as_str()).has("停用后扫了 1 次");
        list(&mut admin, "").await.has_not(sticker.code.as_str());
    })
    .await;
}

#[tokio::test]
async fn stickers_are_found_by_place_unit_and_code_page_by_page() {
    on_both(async |app| {
        let sticker = app.sticker().await;
        grids(&app, sticker.community, 60).await;
        let mut admin = admin_of(&app, sticker.street).await;
        admin.post(&format!("/admin/units/{}/codes", sticker.street), &[("posts", "all"), ("place", "公告栏")]).await.location();
        let first = admin.get("/admin/contact-points").await;
        assert_eq!(first.body.matches("<th scope=\"row\">").count(), 50);
        let second = admin.get("/admin/contact-points?page=1").await;
        assert_eq!(second.body.matches("<th scope=\"row\">").count(), 11);
        for typed in ["3号楼", sticker.code.as_str(), "%E4%BA%91%E9%9B%86%E8%B7%AF"] {
            let found = admin.get(&format!("/admin/contact-points?q={typed}")).await;
            assert_eq!(found.body.matches("<th scope=\"row\">").count(), 1, "{typed}");
        }
        admin.get("/admin/contact-points?q=%25").await.has("没有这样的贴纸");
    })
    .await;
}

#[tokio::test]
async fn the_first_day_lists_what_is_missing_and_shows_no_rate_of_fewer_than_five() {
    on_both(async |app| {
        let sticker = app.sticker().await;
        let posts = grids(&app, sticker.community, 4).await;
        let mut admin = admin_of(&app, sticker.street).await;
        let path = format!("/admin/units/{}/day-one", sticker.street);
        admin.get(&path).await.is(200).has("不到 5 个").has("4 个单位还缺人").has("给 4 个岗位做联系码");
        let more = grids(&app, sticker.street, 2).await;
        let page = admin.get(&path).await;
        page.has("0 %").has("0 / 6").has("缺人的单位").has("安排人");
        admin.get(&format!("{path}?missing=point")).await.has("第1网格").has(&format!("/admin/posts/{}/contact-points/new", posts[0]));
        admin.post(&format!("/admin/units/{}/codes", sticker.street), &[("posts", "all"), ("place", "公告栏")]).await.location();
        for post in posts.iter().chain(&more[..1]) {
            app.hold(app.staff("李强").await, *post).await;
        }
        admin.get(&path).await.has("83 %").has("5 / 6").has("1 个单位还缺人").has_not("个岗位做联系码");
        let newcomer = app.newcomer("新人").await;
        app.hold(newcomer, more[1]).await;
        admin.get(&format!("{path}?missing=sign-in")).await.has("新人").has("还没有邀请").has("1 位工作人员还没有登录过");
        // Who has not signed in answers nobody.
        admin.get(&path).await.has("5 / 6");
    })
    .await;
}
