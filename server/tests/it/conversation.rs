//! `/c/{id}`

use crate::app::on_both;
use std::collections::BTreeSet;

#[tokio::test]
async fn messages_are_kept_in_order_and_the_list_shows_the_conversation() {
    on_both(async |app| {
        let sticker = app.sticker().await;
        let (mut resident, path) = app.contact(&sticker, "第一句").await;
        for text in ["第二句", "第三句"] {
            let key = resident.get(&path).await.field("key");
            assert_eq!(resident.post(&path, &[("text", text), ("key", &key)]).await.location(), path);
        }
        let page = resident.get(&path).await;
        let at = |text| page.body.find(text).unwrap();
        assert!(at("第一句") < at("第二句") && at("第二句") < at("第三句"));
        resident.get("/c").await.is(200).has("第三句").has(&path);
        app.anonymous().get("/c").await.is(200).has("还没有会话");
    })
    .await;
}

#[tokio::test]
async fn an_eleventh_message_in_a_minute_has_to_wait_and_keeps_its_text() {
    on_both(async |app| {
        let sticker = app.sticker().await;
        let (mut resident, path) = app.contact(&sticker, "1").await;
        for n in 2..=10 {
            let key = resident.get(&path).await.field("key");
            resident.post(&path, &[("text", &n.to_string()), ("key", &key)]).await.is(303);
        }
        let key = resident.get(&path).await.field("key");
        resident.post(&path, &[("text", "第十一句"), ("key", &key)]).await.is(429).has("第十一句").has("秒再发");
        assert!(resident.post(&path, &[("text", "第十一句"), ("key", &key)]).await.headers.contains_key("retry-after"));
        app.advance_minutes(1);
        resident.post(&path, &[("text", "第十一句"), ("key", &key)]).await.is(303);
    })
    .await;
}

#[tokio::test]
async fn a_live_stream_brings_what_is_new_and_resumes_where_it_was_cut() {
    on_both(async |app| {
        let sticker = app.sticker().await;
        let (mut resident, path) = app.contact(&sticker, "开始").await;
        let mut stream = resident.stream(&format!("{path}/live?after=1")).await.unwrap();
        stream.until("retry:").await;
        let key = resident.get(&path).await.field("key");
        resident.post(&path, &[("text", "流里的话"), ("key", &key)]).await.is(303);
        let text = stream.until("流里的话").await;
        assert!(text.contains("event: messages") && text.contains("id: 2"), "{text}");
        drop(stream);
        let key = resident.get(&path).await.field("key");
        resident.post(&path, &[("text", "断线时的话"), ("key", &key)]).await.is(303);
        let mut cut = resident.clone();
        cut.headers.insert("last-event-id".into(), "2".into());
        let text = cut.stream(&format!("{path}/live?after=1")).await.unwrap().until("断线时的话").await;
        assert!(!text.contains("流里的话"), "{text}");
    })
    .await;
}

#[tokio::test]
async fn streams_that_were_cut_come_back_spread_over_several_seconds() {
    on_both(async |app| {
        let sticker = app.sticker().await;
        let (resident, path) = app.contact(&sticker, "开始").await;
        let mut pauses = BTreeSet::new();
        for _ in 0..16 {
            let said = resident.stream(&format!("{path}/live?after=1")).await.unwrap().until("\n\n").await;
            let pause: u64 = said.lines().find_map(|line| line.strip_prefix("retry:")).unwrap().trim().parse().unwrap();
            assert!((1000..=5080).contains(&pause), "{pause}");
            pauses.insert(pause);
        }
        assert!(pauses.len() > 8 && pauses.last().unwrap() - pauses.first().unwrap() > 1000, "{pauses:?}");
    })
    .await;
}

#[tokio::test]
async fn streams_end_when_the_server_stops() {
    on_both(async |app| {
        let sticker = app.sticker().await;
        let (resident, path) = app.contact(&sticker, "开始").await;
        let mut stream = resident.stream(&format!("{path}/live?after=1")).await.unwrap();
        stream.until("retry:").await;
        app.stop.send(true).unwrap();
        assert!(stream.ends().await);
    })
    .await;
}

#[tokio::test]
async fn without_javascript_a_small_page_looks_for_news() {
    on_both(async |app| {
        let sticker = app.sticker().await;
        let (mut resident, path) = app.contact(&sticker, "开始").await;
        let page = resident.get(&format!("{path}/after/1")).await;
        page.is(200).has("10:00 已刷新").has("http-equiv=\"refresh\"").has_not("开始");
        let policy = page.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("frame-ancestors 'self'"), "{policy}");
        app.anonymous().get(&format!("{path}/after/1")).await.is(404);
    })
    .await;
}

#[tokio::test]
async fn an_address_for_answers_is_checked_kept_and_forgotten() {
    on_both(async |app| {
        let sticker = app.sticker().await;
        let (mut resident, path) = app.contact(&sticker, "开始").await;
        let email = format!("{path}/email");
        resident.post(&email, &[("email", "zhang@")]).await.is(422).has("value=\"zhang@\"").has("不像邮箱地址");
        resident.post(&email, &[("email", "Zhang@Example.cn")]).await.is(303);
        resident.get(&path).await.has("zhang@example.cn");
        resident.post(&email, &[("email", "")]).await.is(303);
        resident.get(&path).await.has_not("zhang@example.cn");
    })
    .await;
}

#[tokio::test]
async fn a_device_is_remembered_from_its_last_visit() {
    on_both(async |app| {
        let sticker = app.sticker().await;
        let (mut resident, path) = app.contact(&sticker, "话").await;
        let page = resident.get(&path).await;
        let cookie = page.headers["set-cookie"].to_str().unwrap();
        assert!(cookie.starts_with("device=") && cookie.contains("Max-Age=15552000"), "{cookie}");
    })
    .await;
}
