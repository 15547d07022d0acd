//! `/admin/units/{id}/codes`, `/admin/prints/{id}`, `/admin/contact-points`, `/q/{code}/wrong`, `/admin/units/{id}/day-one`

use crate::{
    actor::{Actor, Page},
    app::{Sticker, TestApp, on_both},
};
use domain::scan;
use futures::StreamExt;
use model::{ContactPointId, PointCode, PostId, PrintFormat, Role, UnitId, UnitKind, Which};
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
        admin.get(&done).await.is(200).has("已制作 30 张联系码").has("这里的岗位都有联系码");
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
        admin.get(&done).await.has("已制作 3 张联系码").has("共 1 个");
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
            until(&mut admin, &format!("{print}/progress"), "已完成：10 张").await;
            admin.get(&codes).await.has("已完成：10 张");
            // Fetched again it is made again.
            assert!(admin.get(&format!("{print}/file")).await.body.starts_with(begin));
        }
    })
    .await;
}

/// A street with so many codes, and a file of all of them asked for: its path.
async fn asked_for(app: &TestApp, admin: &mut Actor, sticker: &Sticker, count: usize, which: &str) -> String {
    grids(app, sticker.community, count).await;
    let codes = format!("/admin/units/{}/codes", sticker.street);
    admin.post(&codes, &[("posts", "all"), ("place", "公告栏")]).await.location();
    admin.post(&codes, &[("intent", "print"), ("format", "svg"), ("which", which)]).await.location()
}

#[tokio::test]
async fn the_first_pieces_are_there_before_the_last_are_made_and_a_slow_line_is_not_cut_off() {
    on_both(async |app| {
        let sticker = app.sticker().await;
        let mut admin = admin_of(&app, sticker.street).await;
        let print = asked_for(&app, &mut admin, &sticker, 2199, "all").await;
        let mut file = admin.open(&format!("{print}/file")).await;
        let first = file.next().await.unwrap().unwrap();
        assert!(first.starts_with(b"PK"));
        // Nobody reads on. A minute later it is still being made, and far from its end.
        app.advance_minutes(1);
        let page = until(&mut admin, &format!("{print}/progress"), "正在生成").await;
        let made: usize = page.body.split("正在生成：").nth(1).unwrap().split(' ').next().unwrap().replace(',', "").parse().unwrap();
        assert!(made < 2200, "{made}");
        let (mut rest, mut pieces) = (first.len(), 1);
        while let Some(piece) = file.next().await {
            rest += piece.unwrap().len();
            pieces += 1;
        }
        assert!(pieces > 5 && rest > 5 * first.len(), "{pieces} pieces");
        until(&mut admin, &format!("{print}/progress"), "已完成：2,200 张").await;
    })
    .await;
}

#[tokio::test]
async fn when_all_places_are_taken_the_page_says_so_and_the_next_one_gets_the_first_that_is_free() {
    on_both(async |app| {
        let sticker = app.sticker().await;
        let mut admin = admin_of(&app, sticker.street).await;
        let print = asked_for(&app, &mut admin, &sticker, 1399, "all").await;
        let file = format!("{print}/file");
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(admin.open(&file).await);
        }
        // A link with `download` would have saved the answer as if it were the file.
        admin.get(&print).await.has(&file).has_not("download");
        let busy = admin.get(&file).await.location();
        admin.get(&busy).await.is(200).has("别人正在打印");
        held.clear();
        until(&mut admin, &file, "codes.xlsx").await.is(200);
    })
    .await;
}

#[tokio::test]
async fn looking_at_a_file_from_afar_or_asking_for_a_piece_of_it_makes_nothing_and_an_older_download_says_nothing_more() {
    on_both(async |app| {
        let sticker = app.sticker().await;
        let mut admin = admin_of(&app, sticker.street).await;
        let print = asked_for(&app, &mut admin, &sticker, 1399, "all").await;
        let (file, progress) = (format!("{print}/file"), format!("{print}/progress"));
        let slow = admin.open(&file).await;
        admin.get(&file).await.is(200);
        until(&mut admin, &progress, "已完成").await;
        // The one that began before goes on, and the page does not go back.
        tokio::time::sleep(std::time::Duration::from_millis(2_500)).await;
        admin.get(&progress).await.has("已完成");
        drop(slow);
        let head = admin.head(&file).await;
        head.is(200);
        assert_eq!(head.headers["content-type"], "application/zip");
        let mut manager = admin.clone();
        manager.headers.insert("range".into(), "bytes=1000-1999".into());
        manager.get(&file).await.is(416);
        admin.get(&progress).await.has("已完成");
        let kept: Vec<String> = audited(&app).await.into_iter().filter(|action| action.starts_with("contact_point.") && action.ends_with("load")).collect();
        assert_eq!(kept, ["contact_point.download"; 2]);
    })
    .await;
}

/// What was done, the oldest first.
async fn audited(app: &TestApp) -> Vec<String> {
    let mut conn = app.domain.db.read().await.unwrap();
    store::audit::after(&mut conn, 0, 1000).await.unwrap().into_iter().map(|entry| entry.action).collect()
}

#[tokio::test]
async fn codes_printed_by_the_command_are_on_record_too() {
    on_both(async |app| {
        let sticker = app.sticker().await;
        let made = domain::print::to_file(&app.domain, sticker.street, PrintFormat::Svg, Which::All, std::io::sink(), |_, _| {}).await.unwrap();
        assert_eq!(made.codes, 1);
        assert_eq!(audited(&app).await.last().unwrap(), "contact_point.print");
    })
    .await;
}

#[tokio::test]
async fn a_file_holds_what_there_was_when_it_was_asked_for() {
    on_both(async |app| {
        let sticker = app.sticker().await;
        let mut admin = admin_of(&app, sticker.street).await;
        let print = asked_for(&app, &mut admin, &sticker, 3, "unscanned").await;
        let codes = format!("/admin/units/{}/codes", sticker.street);
        let mut fetched = async |count: &str| {
            admin.get(&format!("{print}/file")).await.is(200);
            until(&mut admin, &format!("{print}/progress"), &format!("已完成：{count} 张")).await;
        };
        app.advance_minutes(1);
        // Scanned and made since.
        app.phone().get(&sticker.path()).await.is(200);
        written(&app).await;
        grids(&app, sticker.street, 1).await;
        let mut other = admin_of(&app, sticker.street).await;
        other.post(&codes, &[("posts", "all"), ("place", "公告栏")]).await.location();
        fetched("4").await;
        let later = other.post(&codes, &[("intent", "print"), ("format", "svg"), ("which", "unscanned")]).await.location();
        other.get(&later).await.has("4 张");
        // What has been withdrawn is printed no more, and of nothing no file is made.
        let points: Vec<ContactPointId> =
            store::print::points(&mut app.domain.db.read().await.unwrap(), sticker.street, Which::All, app.domain.now()).await.unwrap();
        let now = app.domain.now();
        for point in points {
            app.domain.db.write(move |c| Box::pin(async move { store::contact_point::revoke(c, point, now).await })).await.unwrap();
        }
        let nothing = other.get(&format!("{later}/file")).await.location();
        other.get(&nothing).await.is(200).has("没有符合条件的联系码");
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
            until(&mut admin, &format!("{print}/progress"), "正在生成").await;
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
        let thanks = resident.post(&form, &[("reason", "fake"), ("body", "贴在别人的码上面")]).await.location();
        resident.get(&thanks).await.is(200).has("已经告诉负责人了").has("110");
        admin.get("/admin").await.has("居民反映 1 张贴纸不对劲").has("/admin/contact-points?state=reported");
        admin.get("/admin/contact-points?state=reported").await.has("3号楼东门").has("1 条反映");
        admin.get(&point_page(sticker.point)).await.has("像是假的").has("贴在别人的码上面");
        let newest = admin.get(&point_page(sticker.point)).await.field("newest");
        // Meanwhile another one comes in.
        app.advance_minutes(1);
        resident.post(&form, &[("reason", "damaged"), ("body", "被水泡了")]).await.is(303);
        let done = admin.post(&point_page(sticker.point), &[("intent", "settle"), ("newest", &newest)]).await.location();
        admin.get(&done).await.has("您看过了").has_not("贴在别人的码上面").has("被水泡了");
        admin.post(&point_page(sticker.point), &[("intent", "settle"), ("newest", "x")]).await.is(400);
        let newest = admin.get(&point_page(sticker.point)).await.field("newest");
        admin.post(&point_page(sticker.point), &[("intent", "settle"), ("newest", &newest)]).await.is(303);
        admin.get(&point_page(sticker.point)).await.has_not("被水泡了");
        admin.get("/admin/contact-points?state=reported").await.has_not("3号楼东门").has("没有，很好");
    })
    .await;
}

#[tokio::test]
async fn a_sticker_can_be_reported_from_the_conversation_and_when_it_leads_nowhere() {
    on_both(async |app| {
        let sticker = app.sticker().await;
        let (mut resident, path) = app.contact(&sticker, "您好").await;
        let form = format!("{}/wrong", sticker.path());
        resident.get(&path).await.has(&form);
        let mut admin = admin_of(&app, sticker.street).await;
        admin.post(&point_page(sticker.point), &[("intent", "revoke"), ("confirm", "yes")]).await.is(303);
        app.anonymous().get(&sticker.path()).await.is(410).has(&form);
        app.anonymous().post(&form, &[("reason", "fake")]).await.is(303);
        let vacant = app.vacant_post().await;
        app.anonymous().get(&vacant.path()).await.is(503).has(&format!("{}/wrong", vacant.path()));
    })
    .await;
}

#[tokio::test]
async fn reports_from_one_device_and_of_one_kind_have_an_end_and_hide_no_fake() {
    on_both(async |app| {
        let sticker = app.sticker().await;
        let form = format!("{}/wrong", sticker.path());
        let mut resident = app.anonymous();
        for _ in 0..5 {
            resident.post(&form, &[("reason", "other")]).await.is(303);
        }
        let refused = resident.post(&form, &[("reason", "other"), ("body", "二维码被撕了一半")]).await;
        refused.is(429).has("二维码被撕了一半").has("id=\"reason-other\" name=\"reason\" value=\"other\" checked");
        assert!(refused.headers.contains_key("retry-after"));
        // A neighbour at the same address whose device is known is not held up by that.
        let (mut neighbour, _) = app.contact(&sticker, "您好").await;
        neighbour.post(&form, &[("reason", "place")]).await.is(303);
        for _ in 0..4 {
            app.advance_minutes(1);
            for _ in 0..5 {
                resident.post(&form, &[("reason", "other")]).await.is(303);
            }
        }
        let open = async || store::sticker_report::open(&mut app.domain.db.read().await.unwrap(), sticker.point).await.unwrap().len();
        assert_eq!(open().await, 21);
        app.advance_minutes(1);
        let known = resident.post(&form, &[("reason", "other")]).await.location();
        resident.get(&known).await.is(200).has("已经有很多人反映过").has_not("已经告诉负责人了");
        let kept = resident.post(&form, &[("reason", "fake"), ("body", "收款码")]).await.location();
        resident.get(&kept).await.has("已经告诉负责人了");
        assert_eq!(open().await, 22);
        let mut admin = admin_of(&app, sticker.street).await;
        admin.get(&point_page(sticker.point)).await.has("收款码");
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
        writing.post(&sticker.path(), &[("text", "您好，路灯坏了"), ("key", &key)]).await.is(410).has("您好，路灯坏了");
        // And on another node, which has seen it in use.
        let db = app.domain.db.clone();
        let other = domain::Domain::open(db, app.domain.clock.clone(), domain::Random::seeded(9), "http://linli.test").await.unwrap();
        let scan = domain::contact_point::scan(&other, None, &sticker.code).await.unwrap();
        assert!(matches!(scan, domain::contact_point::Scan::Revoked(_)));
    })
    .await;
}

/// The sticker that the admin has just made in the place of another.
async fn replaced(admin: &mut Actor, old: ContactPointId, ends: &str) -> ContactPointId {
    let made = admin.post(&point_page(old), &[("intent", "replace"), ("ends", ends)]).await.location();
    made.rsplit_once('/').unwrap().1.parse().unwrap()
}

async fn path_of(app: &TestApp, point: ContactPointId) -> String {
    let point = store::contact_point::find(&mut app.domain.db.read().await.unwrap(), point).await.unwrap().unwrap();
    format!("/q/{}", point.code)
}

/// Which of these can be scanned.
async fn in_use(app: &TestApp, points: &[ContactPointId]) -> Vec<bool> {
    let mut found = Vec::new();
    for point in points {
        found.push(app.anonymous().get(&path_of(app, *point).await).await.status == 200);
    }
    found
}

/// A resident writes through a sticker.
async fn writes(app: &TestApp, point: ContactPointId) {
    let path = path_of(app, point).await;
    let mut resident = app.phone();
    let key = resident.get(&path).await.field("key");
    resident.post(&path, &[("text", "您好"), ("key", &key)]).await.is(303);
    written(app).await;
}

#[tokio::test]
async fn a_replacement_keeps_place_and_post_and_the_old_sticker_works_until_somebody_writes_through_the_new_one() {
    on_both(async |app| {
        let sticker = app.sticker().await;
        let mut admin = admin_of(&app, sticker.street).await;
        let new = replaced(&mut admin, sticker.point, "message").await;
        let point = store::contact_point::find(&mut app.domain.db.read().await.unwrap(), new).await.unwrap().unwrap();
        assert_eq!((point.post_id, point.place.as_str()), (sticker.post, "3号楼东门"));
        let path = format!("/q/{}", point.code);
        // Each leads to the other.
        admin.get(&point_page(new)).await.has(sticker.code.as_str()).has("旧码（还能用");
        admin.get(&point_page(sticker.point)).await.has(point.code.as_str()).has_not("制作新码");
        admin.post(&point_page(sticker.point), &[("intent", "replace")]).await.is(422).has("已经换过了");
        // Programs that open links, somebody who only looks, and the admin who tries it out leave the old one as it is.
        app.phone().get(&path).await.is(200);
        app.phone().head(&path).await.is(200);
        let key = admin.get(&path).await.field("key");
        admin.post(&path, &[("text", "试一下"), ("key", &key)]).await.is(303);
        written(&app).await;
        assert_eq!(in_use(&app, &[sticker.point, new]).await, [true, true]);
        writes(&app, new).await;
        assert_eq!(in_use(&app, &[sticker.point, new]).await, [false, true]);
        admin.get(&point_page(new)).await.has("旧码").has_not("旧码（还能用").has_not("新的已经贴好");
    })
    .await;
}

#[tokio::test]
async fn an_admin_who_has_put_up_the_new_sticker_ends_the_old_one() {
    on_both(async |app| {
        let sticker = app.sticker().await;
        let mut admin = admin_of(&app, sticker.street).await;
        let new = replaced(&mut admin, sticker.point, "message").await;
        // Said on the old one's page, too, it goes to the new one's.
        admin.get(&point_page(sticker.point)).await.has("新的已经贴好").has(&format!("action=\"{}\"", point_page(new)));
        let other = app.sticker().await;
        admin_of(&app, other.street).await.post(&point_page(new), &[("intent", "hangs")]).await.is(404);
        assert_eq!(in_use(&app, &[sticker.point, new]).await, [true, true]);
        admin.post(&point_page(new), &[("intent", "hangs")]).await.is(303);
        assert_eq!(in_use(&app, &[sticker.point, new]).await, [false, true]);
        assert_eq!(audited(&app).await.last().unwrap(), "contact_point.revoke");
    })
    .await;
}

#[tokio::test]
async fn of_a_chain_of_replacements_every_older_sticker_ends_with_the_one_that_hangs() {
    on_both(async |app| {
        for (second, third) in [("message", "message"), ("message", "now")] {
            let sticker = app.sticker().await;
            let mut admin = admin_of(&app, sticker.street).await;
            let first = sticker.point;
            let second = replaced(&mut admin, first, second).await;
            let last = replaced(&mut admin, second, third).await;
            // The second never came to the wall: what hangs there goes on.
            assert_eq!(in_use(&app, &[first, second, last]).await, [true, third == "message", true], "{third}");
            writes(&app, last).await;
            assert_eq!(in_use(&app, &[first, second, last]).await, [false, false, true], "{third}");
        }
        // It was found after all, and put up.
        let sticker = app.sticker().await;
        let mut admin = admin_of(&app, sticker.street).await;
        let second = replaced(&mut admin, sticker.point, "message").await;
        let last = replaced(&mut admin, second, "message").await;
        writes(&app, second).await;
        assert_eq!(in_use(&app, &[sticker.point, second, last]).await, [false, true, true]);
    })
    .await;
}

#[tokio::test]
async fn a_new_sticker_that_is_withdrawn_before_it_hung_leaves_the_old_one_as_it_was() {
    on_both(async |app| {
        let sticker = app.sticker().await;
        let mut admin = admin_of(&app, sticker.street).await;
        let revoke = [("intent", "revoke"), ("confirm", "yes")];
        let lost = replaced(&mut admin, sticker.point, "message").await;
        admin.post(&point_page(lost), &revoke).await.is(303);
        app.anonymous().get(&sticker.path()).await.is(200);
        let again = replaced(&mut admin, sticker.point, "message").await;
        admin.get(&point_page(sticker.point)).await.has(&again.to_string()).has_not(&lost.to_string());
        // One in the middle of a chain: the first waits for the last.
        let last = replaced(&mut admin, again, "message").await;
        admin.post(&point_page(again), &revoke).await.is(303);
        assert_eq!(in_use(&app, &[sticker.point, again, last]).await, [true, false, true]);
        writes(&app, last).await;
        assert_eq!(in_use(&app, &[sticker.point, last]).await, [false, true]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_double_click_and_a_takeover_at_the_moment_of_a_withdrawal_are_no_failure() {
    on_both(async |app| {
        for _ in 0..10 {
            let sticker = app.sticker().await;
            let admin = admin_of(&app, sticker.street).await;
            let (mut click, mut double_click) = (admin.clone(), admin.clone());
            let (path, form) = (point_page(sticker.point), [("intent", "replace"), ("ends", "message")]);
            let (first, second) = tokio::join!(click.post(&path, &form), double_click.post(&path, &form));
            let mut statuses = [first.status.as_u16(), second.status.as_u16()];
            statuses.sort_unstable();
            assert_eq!(statuses, [303, 422]);
            let made = if first.status == 303 { first.location() } else { second.location() };
            let new: ContactPointId = made.rsplit_once('/').unwrap().1.parse().unwrap();
            app.domain.scans.prove(&PointCode::read(path_of(&app, new).await.trim_start_matches("/q/")).unwrap());
            let (mut revoking, mut other) = (admin.clone(), admin.clone());
            let (new_page, revoke) = (point_page(new), [("intent", "revoke"), ("confirm", "yes")]);
            let (taken_over, old, new) = tokio::join!(scan::write(&app.domain), revoking.post(&path, &revoke), other.post(&new_page, &revoke));
            taken_over.unwrap();
            assert!(matches!(old.status.as_u16(), 303 | 422) && new.status == 303, "{} {}", old.status, new.status);
        }
    })
    .await;
}

#[tokio::test]
async fn a_sticker_that_is_lost_ends_at_once_when_it_is_replaced() {
    on_both(async |app| {
        let sticker = app.sticker().await;
        let mut admin = admin_of(&app, sticker.street).await;
        let new = replaced(&mut admin, sticker.point, "now").await;
        // The post goes on, so nobody is told that it was responsible.
        app.anonymous().get(&sticker.path()).await.is(410).has("网格员负责").has_not("原来由");
        admin.get(&point_page(sticker.point)).await.has("新码").has(&new.to_string());
    })
    .await;
}

#[tokio::test]
async fn only_who_comes_from_outside_is_counted_as_a_scan() {
    on_both(async |app| {
        let sticker = app.sticker().await;
        let scans = async || {
            written(&app).await;
            let days = store::scan::since(&mut app.domain.db.read().await.unwrap(), &[sticker.point], 0).await.unwrap();
            days.iter().map(|day| day.count).sum::<i64>()
        };
        let mut phone = app.phone();
        phone.get(&sticker.path()).await.is(200);
        assert_eq!(scans().await, 1);
        phone.head(&sticker.path()).await.is(200);
        // Loaded again.
        phone.headers.insert("cache-control".into(), "max-age=0".into());
        phone.get(&sticker.path()).await.is(200);
        phone.headers.remove("cache-control");
        // After a change of language, by a new browser and by an old one.
        app.anonymous().get(&sticker.path()).await.is(200);
        phone.headers.remove("sec-fetch-site");
        phone.headers.insert("referer".into(), format!("http://linli.test{}", sticker.path()));
        phone.get(&sticker.path()).await.is(200);
        assert_eq!(scans().await, 1);
        phone.headers.insert("referer".into(), "http://linli.test.example/".into());
        phone.get(&sticker.path()).await.is(200);
        assert_eq!(scans().await, 2);
    })
    .await;
}

#[tokio::test]
async fn nothing_is_far_too_often_in_the_first_two_weeks_and_what_was_is_shown_for_a_week() {
    on_both(async |app| {
        let sticker = app.sticker().await;
        let is_busy = async |day: i64| {
            let mut conn = app.domain.db.read().await.unwrap();
            let admin = app.staff("赵敏").await;
            app.grant(admin, Role::Admin, sticker.street).await;
            store::sticker::counts(&mut conn, admin, app.domain.now(), None, day).await.unwrap().busy == 1
        };
        let (point_id, now) = (sticker.point, app.domain.now());
        let on = async |day, count| {
            let scanned = store::scan::Scanned { point_id, day, count, refused: 0 };
            app.domain.db.write(move |c| Box::pin(async move { store::scan::add(c, &[scanned], now).await })).await.unwrap();
        };
        // It is put up, and everybody tries it out.
        on(20_000, 2).await;
        on(20_001, 300).await;
        on(20_013, 300).await;
        assert!(!is_busy(20_001).await && !is_busy(20_013).await);
        on(20_015, 300).await;
        for day in 20_015..=20_021 {
            assert!(is_busy(day).await, "{day}");
        }
        assert!(!is_busy(20_022).await);
        // Where three hundred a day are usual they are not far too many.
        for day in 20_022..20_050 {
            on(day, 300).await;
        }
        on(20_050, 310).await;
        assert!(!is_busy(20_050).await);
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
        app.phone().get(&sticker.path()).await.is(200);
        written(&app).await;
        list(&mut admin, "unscanned").await.has_not(sticker.code.as_str());
        list(&mut admin, "").await.has(sticker.code.as_str()).has("共扫 1 次，今天 1 次");
        // Two a day is usual, and twenty is not far too much.
        for _ in 0..28 {
            app.advance_minutes(24 * 60);
            for _ in 0..2 {
                app.phone().get(&sticker.path()).await.is(200);
            }
            written(&app).await;
        }
        app.advance_minutes(24 * 60);
        // Nobody stays signed in for so long.
        let mut admin = admin_of(&app, sticker.street).await;
        for scans in 1..=21 {
            list(&mut admin, "busy").await.has_not(sticker.code.as_str());
            app.phone().get(&sticker.path()).await.is(200);
            if scans % 10 == 0 || scans == 21 {
                written(&app).await;
            }
        }
        list(&mut admin, "busy").await.has(sticker.code.as_str());
        app.advance_minutes(29 * 24 * 60);
        let mut admin = admin_of(&app, sticker.street).await;
        list(&mut admin, "silent").await.has_not(sticker.code.as_str());
        app.advance_minutes(24 * 60);
        list(&mut admin, "silent").await.has(sticker.code.as_str()).has("30 天前");
        admin.post(&point_page(sticker.point), &[("intent", "revoke"), ("confirm", "yes")]).await.is(303);
        list(&mut admin, "haunted").await.has_not(sticker.code.as_str());
        app.phone().get(&sticker.path()).await.is(410);
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
        admin.get(&path).await.is(200).has("不到 5 个").has("4 个单位还缺人").has("给 4 个岗位制作联系码");
        let more = grids(&app, sticker.street, 2).await;
        let page = admin.get(&path).await;
        page.has("0 %").has("0 / 6").has("缺人的单位").has("安排人");
        admin.get(&format!("{path}?missing=point")).await.has("第1网格").has(&format!("/admin/posts/{}/contact-points/new", posts[0]));
        admin.post(&format!("/admin/units/{}/codes", sticker.street), &[("posts", "all"), ("place", "公告栏")]).await.location();
        for post in posts.iter().chain(&more[..1]) {
            app.hold(app.staff("李强").await, *post).await;
        }
        admin.get(&path).await.has("83 %").has("5 / 6").has("1 个单位还缺人").has_not("个岗位制作联系码");
        let newcomer = app.newcomer("新人").await;
        app.hold(newcomer, more[1]).await;
        admin.get(&format!("{path}?missing=sign-in")).await.has("新人").has("还没有邀请").has("1 位工作人员还没有登录过");
        // Who has not signed in answers nobody, but the unit does not lack anybody.
        admin.get(&path).await.has("5 / 6").has_not("个单位还缺人");
    })
    .await;
}

#[tokio::test]
async fn the_overview_leads_to_the_first_day_and_to_codes_of_the_one_unit_or_to_all_that_lack_one() {
    on_both(async |app| {
        let (one, other) = (app.vacant_post().await, app.vacant_post().await);
        grids(&app, one.community, 1).await;
        let id = app.staff("赵敏").await;
        app.grant(id, Role::Admin, one.street).await;
        let codes = format!("/admin/units/{}/codes", one.street);
        let overview = app.signed_in(id).await.get("/admin").await;
        overview.is(200).has(&codes).has(&format!("/admin/units/{}/day-one", one.street)).has("上线前还缺什么");
        app.signed_in(id).await.get("/admin/contact-points").await.has(&codes);
        app.grant(id, Role::Admin, other.street).await;
        let overview = app.signed_in(id).await.get("/admin").await;
        overview.has("/admin/units?lack=point").has_not(&codes).has_not("/day-one");
        app.signed_in(id).await.get("/admin/contact-points").await.has_not(&codes);
    })
    .await;
}
