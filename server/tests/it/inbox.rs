//! `/inbox` and `/inbox/{id}`

use crate::{
    actor::{Actor, Page},
    app::{Sticker, TestApp, on_both},
};
use model::{At, PostId, StaffId};

/// 王芳 signed in at her post, 李强 at a post beside it, and a resident who has written to 王芳.
struct Desk {
    wang: Actor,
    li: Actor,
    resident: Actor,
    /// As the resident and as staff see it.
    conversation: String,
    at_desk: String,
    sticker: Sticker,
    beside: PostId,
    wang_id: StaffId,
    li_id: StaffId,
}

async fn desk(app: &TestApp, text: &str) -> Desk {
    let sticker = app.vacant_post().await;
    let beside = PostId(app.domain.id());
    let seat = domain::row::Post {
        id: beside,
        unit_id: sticker.community,
        title: "服务台".into(),
        title_en: None,
        substitute_id: None,
        welcome: None,
        answering_id: None,
        created_at: app.domain.now(),
        ended_at: None,
    };
    app.domain.db.write(move |c| Box::pin(async move { store::post::insert(c, &seat).await })).await.unwrap();
    let (wang_id, li_id) = (app.staff("王芳").await, app.staff("李强").await);
    app.hold(wang_id, sticker.post).await;
    app.hold(li_id, beside).await;
    let (wang, li) = (app.signed_in(wang_id).await, app.signed_in(li_id).await);
    let (resident, conversation) = app.contact(&sticker, text).await;
    let at_desk = conversation.replace("/c/", "/inbox/");
    Desk { wang, li, resident, conversation, at_desk, sticker, beside, wang_id, li_id }
}

/// Writes in the box of a conversation's page and presses the button with this intent.
async fn write(actor: &mut Actor, path: &str, intent: &str, text: &str) -> Page {
    let key = actor.get(path).await.field("key");
    actor.post(path, &[("intent", intent), ("text", text), ("key", &key)]).await
}

fn at(wall: &str) -> At {
    At::from(format!("{wall}+08:00").parse::<jiff::Timestamp>().unwrap())
}

#[tokio::test]
async fn the_inbox_shows_who_waits_and_opens_the_conversation() {
    on_both(async |app| {
        let mut d = desk(&app, "路灯不亮了").await;
        d.wang.get("/inbox").await.is(200).has("1 段在等").has("路灯不亮了").has("3号楼东门").has(&d.at_desk).has("剩 3 天");
        d.li.get("/inbox").await.is(200).has_not("路灯不亮了").has("没有人在等");
        let page = d.wang.get(&d.at_desk).await;
        page.is(200)
            .has("路灯不亮了")
            .has("答应在")
            .has("id=\"log\"")
            .has("data-last=\"1\"")
            .has("name=\"intent\" value=\"answer\"")
            .has_not("value=\"schedule\"");
        d.wang.get("/inbox?fragment=list").await.is(200).has("id=\"list\"").has_not("<html");
        let mut guest = app.anonymous();
        assert_eq!(guest.get("/inbox").await.location(), "/sign-in?back=/inbox");
    })
    .await;
}

#[tokio::test]
async fn a_foreign_conversation_is_not_found_whatever_is_asked() {
    on_both(async |app| {
        let mut d = desk(&app, "只给王芳看的话").await;
        let key = d.wang.get(&d.at_desk).await.field("key");
        d.li.get(&d.at_desk).await.is(404).has_not("只给王芳看的话");
        for intent in ["answer", "note", "schedule", "close", "name"] {
            d.li.post(&d.at_desk, &[("intent", intent), ("text", "入侵"), ("key", &key), ("name", "入侵")]).await.is(404);
        }
        let reason = [("post", d.beside.to_string()), ("reason", "给我".to_owned())];
        let reason: Vec<_> = reason.iter().map(|(k, v)| (*k, v.as_str())).collect();
        d.li.post(&format!("{}/hand-over", d.at_desk), &reason).await.is(404);
        assert!(d.li.stream(&format!("{}/live", d.at_desk)).await.is_none());
        d.resident.get(&d.conversation).await.has_not("入侵");
    })
    .await;
}

#[tokio::test]
async fn an_answer_reaches_the_resident_and_a_note_does_not() {
    on_both(async |app| {
        let mut d = desk(&app, "路灯不亮了").await;
        app.advance_minutes(48);
        let to = write(&mut d.wang, &d.at_desk, "note", "上次是九月").await.location();
        assert_eq!(to, format!("{}#m2", d.at_desk));
        d.wang.get(&d.at_desk).await.has("上次是九月").has("msg memo").has("答应在");
        let key = d.wang.get(&d.at_desk).await.field("key");
        for _ in 0..2 {
            let sent = d.wang.post(&d.at_desk, &[("intent", "answer"), ("text", "电工下午来"), ("key", &key)]).await;
            assert_eq!(sent.location(), format!("{}#m3", d.at_desk), "twice pressed is once sent");
        }
        d.wang.get(&d.at_desk).await.has("48 分钟").has("王芳 10:48").has_not("已读");
        let seen = d.resident.get(&d.conversation).await;
        seen.has("电工下午来").has("48 分钟").has_not("上次是九月");
        assert_eq!(seen.body.matches("电工下午来").count(), 1);
        // Noted beside the resident's page.
        while !d.wang.get(&d.at_desk).await.body.contains("已读") {}
        write(&mut d.wang, &d.at_desk, "answer", " ").await.is(422).has("请填写内容");
    })
    .await;
}

#[tokio::test]
async fn closing_is_refused_while_the_resident_waits_unless_an_answer_comes_along() {
    on_both(async |app| {
        let mut d = desk(&app, "路灯不亮了").await;
        write(&mut d.wang, &d.at_desk, "close", "").await.is(422).has("对方还在等答复");
        write(&mut d.wang, &d.at_desk, "close", "已经修好").await.is(422).has("已经修好</textarea>").has("还没发出").has("value=\"answer_and_close\"");
        write(&mut d.wang, &d.at_desk, "answer_and_close", "").await.is(422).has("请填写内容");
        assert_eq!(write(&mut d.wang, &d.at_desk, "answer_and_close", "已经修好").await.location(), "/inbox?done=closed");
        d.resident.get(&d.conversation).await.has("已经修好").has("办结");
        d.wang.get("/inbox").await.has_not(&d.at_desk);
        d.wang.get("/inbox?closed=1").await.has(&d.at_desk);
        let key = d.resident.get(&d.conversation).await.field("key");
        d.resident.post(&d.conversation, &[("text", "又不亮了"), ("key", &key)]).await.is(303);
        d.wang.get("/inbox").await.has(&d.at_desk).has("又不亮了");
    })
    .await;
}

#[tokio::test]
async fn a_hand_over_needs_a_reason_tells_the_resident_and_keeps_the_promise() {
    on_both(async |app| {
        let mut d = desk(&app, "路灯不亮了").await;
        let path = format!("{}/hand-over", d.at_desk);
        let post = d.beside.to_string();
        let promise = |page: &Page| page.body[page.body.find("<time").unwrap()..].split("</time>").next().unwrap().to_owned();
        let before = promise(&d.resident.get(&d.conversation).await);
        app.advance_minutes(30);
        d.wang.post(&path, &[("post", &post), ("reason", "")]).await.is(422).has("请填写内容");
        d.wang.post(&path, &[("post", &d.sticker.post.to_string()), ("reason", "自己")]).await.is(422).has("这个岗位现在接不了");
        assert_eq!(d.wang.post(&path, &[("post", &post), ("reason", "归服务台管")]).await.location(), "/inbox?done=handed_over");
        d.wang.get(&d.at_desk).await.is(404);
        d.li.get(&d.at_desk).await.is(200).has("归服务台管").has("路灯不亮了");
        let after = d.resident.get(&d.conversation).await;
        after.has("李强").has_not("归服务台管");
        assert_eq!(promise(&after), before);
    })
    .await;
}

#[tokio::test]
async fn a_reply_written_in_the_evening_is_sent_at_half_past_eight_and_can_be_taken_back() {
    on_both(async |app| {
        let mut d = desk(&app, "路灯不亮了").await;
        app.domain.clock.set(at("2026-11-22T21:00:00"));
        d.wang.get(&d.at_desk).await.has("8:30 发");
        for text in ["明早去看", "写错了"] {
            write(&mut d.wang, &d.at_desk, "schedule", text).await.is(303);
        }
        let page = d.wang.get(&d.at_desk).await;
        page.has("明早去看").has("明天 8:30").has("写错了");
        let last = page.body.rfind("/scheduled/").unwrap();
        let cancel: String = page.body[last..].chars().take_while(|c| *c != '"').collect();
        d.wang.post(&format!("{}{cancel}", d.at_desk), &[]).await.is(200).has("写错了</textarea>");
        d.wang.get(&d.at_desk).await.has("明早去看").has_not("写错了");
        d.resident.get(&d.conversation).await.has_not("明早去看");
        app.domain.clock.set(at("2026-11-23T08:30:00"));
        domain::desk::send_due(&app.domain).await.unwrap();
        d.resident.get(&d.conversation).await.has("明早去看").has_not("写错了");
        d.wang.post(&format!("{}{cancel}", d.at_desk), &[]).await.is(409).has("已经发出或取消");
    })
    .await;
}

#[tokio::test]
async fn a_search_finds_a_word_inside_a_sentence_and_a_name() {
    on_both(async |app| {
        let mut d = desk(&app, "三号楼下水道又堵了").await;
        d.wang.get("/inbox?q=%E4%B8%8B%E6%B0%B4%E9%81%93").await.is(200).has("<mark>下水道</mark>").has("找到 1 段").has_not("http-equiv=\"refresh\"");
        d.li.get("/inbox?q=%E4%B8%8B%E6%B0%B4%E9%81%93").await.has("没有找到").has_not("<mark>");
        d.wang.post(&d.at_desk, &[("intent", "name"), ("name", "张桂兰")]).await.is(303);
        d.wang.get("/inbox?q=%E6%A1%82%E5%85%B0").await.has(&d.at_desk).has("张桂兰");
        d.resident.get(&d.conversation).await.has_not("张桂兰");
        let long = "长".repeat(41);
        d.wang.post(&d.at_desk, &[("intent", "name"), ("name", &long)]).await.is(422).has(&long).has("最多 40 个字");
    })
    .await;
}

#[tokio::test]
async fn the_desk_is_alive_and_its_streams_end_with_the_access() {
    on_both(async |app| {
        let mut d = desk(&app, "开始").await;
        let mut list = d.wang.stream("/inbox/live").await.unwrap();
        list.until("event: list").await;
        let mut live = d.wang.stream(&format!("{}/live?after=1", d.at_desk)).await.unwrap();
        live.until("event: later").await;
        let key = d.resident.get(&d.conversation).await.field("key");
        d.resident.post(&d.conversation, &[("text", "流里的话"), ("key", &key)]).await.is(303);
        let text = live.until("event: list").await;
        assert!(text.contains("event: messages") && text.contains("id: 2") && text.contains("流里的话"), "{text}");
        list.until("event: list").await;
        let mut other = app.signed_in(d.wang_id).await.stream(&format!("{}/live?after=2", d.at_desk)).await.unwrap();
        other.until("event: state").await;
        let post = d.beside.to_string();
        d.wang.post(&format!("{}/hand-over", d.at_desk), &[("post", &post), ("reason", "归服务台管")]).await.is(303);
        live.until("event: end").await;
        assert!(live.ends().await && other.ends().await);
    })
    .await;
}

#[tokio::test]
async fn who_no_longer_holds_a_post_sees_nothing_more_of_it_and_the_next_one_does() {
    on_both(async |app| {
        let d = desk(&app, "开始").await;
        let boss_id = app.staff("主任").await;
        app.grant(boss_id, model::Role::Admin, d.sticker.street).await;
        let mut boss = app.signed_in(boss_id).await;
        let live = format!("{}/live?after=1", d.at_desk);
        let mut hers = d.wang.stream(&live).await.unwrap();
        hers.until("event: later").await;
        let mut his = d.li.stream("/inbox/live").await.unwrap();
        his.until("event: list").await;

        // 李强 joins 王芳 at the post: who answers does not change, but what he sees.
        let post = format!("/admin/posts/{}", d.sticker.post);
        boss.post(&post, &[("intent", "hold"), ("who", "李强")]).await.is(303);
        his.until("event: list").await;
        let mut his = d.li.stream(&live).await.unwrap();
        his.until("event: later").await;

        let terms = store::holding::of_staff(&mut app.domain.db.read().await.unwrap(), d.wang_id).await.unwrap();
        boss.post(&post, &[("intent", "release"), ("holding", &terms[0].id.to_string())]).await.is(303);
        hers.until("event: end").await;
        assert!(hers.ends().await);
        assert!(d.wang.stream(&live).await.is_none());

        // His last day passes by itself.
        let before = app.domain.now();
        let terms = store::holding::of_staff(&mut app.domain.db.read().await.unwrap(), d.li_id).await.unwrap();
        let (id, until) = (terms[0].id, before.plus_minutes(30));
        app.domain.db.write(move |c| Box::pin(async move { store::holding::shorten(c, id, until).await })).await.unwrap();
        domain::holding::wake_begun_and_ended(&app.domain, before).await.unwrap();
        app.advance_minutes(31);
        domain::holding::wake_begun_and_ended(&app.domain, before).await.unwrap();
        his.until("event: end").await;
        assert!(his.ends().await);
    })
    .await;
}

#[tokio::test]
async fn who_leaves_is_signed_out_everywhere_at_once() {
    on_both(async |app| {
        let d = desk(&app, "开始").await;
        let boss_id = app.staff("主任").await;
        app.grant(boss_id, model::Role::Admin, d.sticker.street).await;
        app.hold(boss_id, d.sticker.post).await;
        let mut boss = app.signed_in(boss_id).await;
        let mut list = d.wang.stream("/inbox/live").await.unwrap();
        list.until("event: list").await;
        let mut live = d.wang.stream(&format!("{}/live?after=1", d.at_desk)).await.unwrap();
        live.until("event: later").await;
        boss.post(&format!("/admin/staff/{}", d.wang_id), &[("intent", "end"), ("confirm", "yes")]).await.is(303);
        list.until("event: end").await;
        live.until("event: end").await;
        assert!(list.ends().await && live.ends().await);
    })
    .await;
}

#[tokio::test]
async fn the_time_left_is_told_anew_with_the_list() {
    on_both(async |app| {
        let mut d = desk(&app, "路灯不亮了").await;
        let id = d.at_desk.trim_start_matches("/inbox/").to_owned();
        app.advance_minutes(24 * 60);
        d.wang.get(&format!("/inbox?fragment=list&open={id}")).await.is(200).has("id=\"list\"").has("id=\"state\"").has("还剩 2 天");
        d.li.get(&format!("/inbox?fragment=list&open={id}")).await.is(200).has_not("id=\"state\"");
    })
    .await;
}

#[tokio::test]
async fn every_page_of_staff_says_how_many_conversations_have_news() {
    on_both(async |app| {
        let mut d = desk(&app, "路灯不亮了").await;
        d.wang.get("/account").await.is(200).has("<span id=\"unread\">1</span>");
        d.li.get("/account").await.is(200).has("<span id=\"unread\">0</span>");
        d.wang.get(&d.at_desk).await.is(200).has("<span id=\"unread\">0</span>");
        d.wang.get("/account").await.is(200).has("<span id=\"unread\">0</span>");
    })
    .await;
}

#[tokio::test]
async fn a_list_stream_ends_when_its_session_does() {
    on_both(async |app| {
        let mut d = desk(&app, "开始").await;
        let mut list = d.wang.stream("/inbox/live").await.unwrap();
        list.until("event: list").await;
        d.wang.post("/sign-out", &[]).await.is(303);
        list.until("event: end").await;
        assert!(list.ends().await);
    })
    .await;
}

#[tokio::test]
async fn a_quick_reply_goes_into_the_box_and_nowhere_else() {
    on_both(async |app| {
        let mut d = desk(&app, "开始").await;
        let reply = domain::row::QuickReply {
            id: model::QuickReplyId(app.domain.id()),
            post_id: d.sticker.post,
            title: "收到".into(),
            body: "{{ unit }}收到，马上去看。".into(),
            created_at: app.domain.now(),
        };
        let id = reply.id.to_string();
        app.domain.db.write(move |c| Box::pin(async move { store::quick_reply::insert(c, &reply).await })).await.unwrap();
        let key = d.wang.get(&d.at_desk).await.field("key");
        let page = d.wang.post(&d.at_desk, &[("quick", &id), ("text", "张阿姨："), ("key", &key)]).await;
        page.is(200).has("张阿姨：\n云集路社区收到，马上去看。</textarea>");
        assert_eq!(page.field("key"), key, "the same message still");
        d.resident.get(&d.conversation).await.has_not("马上去看");
    })
    .await;
}
