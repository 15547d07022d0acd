//! `/q/{code}`

use crate::app::on_both;
use domain::limits::NEW_CONVERSATIONS_AT_ONCE;
use std::net::Ipv4Addr;

#[tokio::test]
async fn a_scan_shows_who_answers_where_and_the_check_phrase() {
    on_both(async |app| {
        let sticker = app.sticker().await;
        let page = app.anonymous().get(&sticker.path()).await;
        page.is(200).has("王芳").has("网格员").has("@云集路社区").has("3号楼东门").has("山").has("您好，有事写给我。").has("<textarea");
    })
    .await;
}

#[tokio::test]
async fn a_code_is_found_in_lower_case_and_with_spaces() {
    on_both(async |app| {
        let sticker = app.sticker().await;
        let typed = sticker.code.grouped().to_lowercase().replace(' ', "%20");
        app.anonymous().get(&format!("/q/{typed}")).await.is(200).has("王芳");
        let by_hand = app.anonymous().get(&format!("/q?code={typed}")).await;
        assert_eq!(by_hand.location(), format!("/q/{typed}"));
    })
    .await;
}

#[tokio::test]
async fn the_first_message_begins_a_conversation_with_a_promise_and_a_claim_code() {
    on_both(async |app| {
        let sticker = app.sticker().await;
        let (mut resident, path) = app.contact(&sticker, "楼道灯坏了").await;
        // Friday 10:00 and eight working hours: 2 in the morning, 3.5 in the afternoon, 2.5 on Monday.
        resident.get(&path).await.is(200).has("楼道灯坏了").has("周一 10:00").has("凭证");
    })
    .await;
}

#[tokio::test]
async fn an_unknown_a_revoked_and_a_vacant_sticker_each_have_their_page() {
    on_both(async |app| {
        app.anonymous().get("/q/00000000").await.is(404).has("没有找到这个码");
        app.anonymous().get("/q/nonsense!").await.is(404).has("没有找到这个码");
        let vacant = app.vacant_post().await;
        app.anonymous().get(&vacant.path()).await.is(503).has("现在没有人能答复").has_not("<textarea");
        let sticker = app.sticker().await;
        let (mut known, path) = app.contact(&sticker, "您好").await;
        let (point, now) = (sticker.point, app.domain.now());
        app.domain.db.write(move |c| Box::pin(async move { store::contact_point::revoke(c, point, now).await })).await.unwrap();
        app.anonymous().get(&sticker.path()).await.is(410).has("这张贴纸已停用");
        // Who has written before still finds the way back.
        assert_eq!(known.get(&sticker.path()).await.location(), path);
    })
    .await;
}

#[tokio::test]
async fn sending_the_first_message_twice_gives_one_conversation_with_one_message() {
    on_both(async |app| {
        let sticker = app.sticker().await;
        let mut resident = app.anonymous();
        let key = resident.get(&sticker.path()).await.field("key");
        let form = [("text", "下水道堵了"), ("key", key.as_str())];
        let (mut tap, mut double_tap) = (resident.clone(), resident.clone());
        let path = sticker.path();
        let (first, second) = tokio::join!(tap.post(&path, &form), double_tap.post(&path, &form));
        assert_eq!(first.location(), second.location());
        let again = resident.post(&path, &form).await;
        assert_eq!(first.location(), again.location());
        let page = resident.get(&first.location()).await;
        assert_eq!(page.body.matches("下水道堵了").count(), 1);
    })
    .await;
}

#[tokio::test]
async fn the_same_sticker_on_a_second_phone_shows_nothing_of_the_first() {
    on_both(async |app| {
        let sticker = app.sticker().await;
        let (_, path) = app.contact(&sticker, "我家的事").await;
        let (mut second, second_path) = app.contact(&sticker, "另一件事").await;
        assert_ne!(path, second_path);
        second.get(&second_path).await.has("另一件事").has_not("我家的事");
        second.get(&path).await.is(404).has_not("我家的事");
        app.anonymous().get(&sticker.path()).await.is(200).has_not("我家的事");
    })
    .await;
}

#[tokio::test]
async fn bad_first_messages_keep_what_was_typed_and_say_why() {
    on_both(async |app| {
        let sticker = app.sticker().await;
        let mut resident = app.anonymous();
        let key = resident.get(&sticker.path()).await.field("key");
        let long = format!("开头{}", "长".repeat(4000));
        for (text, why) in [("  \n", "请填写内容"), (long.as_str(), "最多 4000 个字，超出了 2 个"), ("铃\u{7}声", "无法识别的字符")] {
            let page = resident.post(&sticker.path(), &[("text", text), ("key", &key)]).await;
            page.is(422).has(why).has(text.trim_end_matches('\n')).has("aria-invalid");
            assert_eq!(page.field("key"), key);
        }
        let mut without_cookies = app.anonymous();
        without_cookies.post(&sticker.path(), &[("text", "留住我"), ("key", &key)]).await.is(422).has("Cookie").has("留住我");
        let english = &mut resident.clone();
        english.headers.insert("accept-language".into(), "en".into());
        english.post(&sticker.path(), &[("text", ""), ("key", &key)]).await.is(422).has("Nothing written yet");
    })
    .await;
}

#[tokio::test]
async fn whoever_reads_english_sees_the_english_names_where_there_are_some() {
    on_both(async |app| {
        let sticker = app.sticker().await;
        let mut english = app.anonymous();
        english.headers.insert("accept-language".into(), "en".into());
        english.get(&sticker.path()).await.is(200).has("@云集路社区").has("网格员").has("3号楼东门");
        app.english_names(&sticker).await;
        let page = english.get(&sticker.path()).await;
        page.is(200).has("@Yunji Road Community").has("Grid worker").has("Building 3, east door").has_not("云集路社区").has_not("3号楼东门");
        let sent = english.post(&sticker.path(), &[("text", "Hello"), ("key", &page.field("key"))]).await.location();
        english.get(&sent).await.is(200).has("@Yunji Road Community").has_not("云集路社区");
        english.get("/c").await.is(200).has("@Yunji Road Community");
        app.anonymous().get(&sticker.path()).await.has("@云集路社区").has("3号楼东门").has_not("Yunji");
    })
    .await;
}

#[tokio::test]
async fn many_phones_behind_one_address_may_write_until_it_is_more_than_any_school() {
    on_both(async |app| {
        let sticker = app.sticker().await;
        // Two thousand parents and some more before them, who need not all write here.
        let school = Ipv4Addr::LOCALHOST.into();
        (0..NEW_CONVERSATIONS_AT_ONCE - 2).for_each(|_| app.domain.limits.new_conversation(school).unwrap());
        app.contact(&sticker, "第一位").await;
        app.contact(&sticker, "最后一位").await;
        let mut one = app.anonymous();
        let form = [("text", "多出来的一位家长"), ("key", &one.get(&sticker.path()).await.field("key"))];
        one.post(&sticker.path(), &form).await.is(429).has("多出来的一位家长").has("秒再发");
        // Another address is not held up, and after a minute neither is this one.
        let mut elsewhere = one.clone();
        elsewhere.headers.insert("x-forwarded-for".into(), "203.0.113.9".into());
        elsewhere.post(&sticker.path(), &[("text", "别处的人"), ("key", &app.anonymous().get(&sticker.path()).await.field("key"))]).await.is(303);
        app.advance_minutes(1);
        app.contact(&sticker, "过了一分钟").await;
    })
    .await;
}

#[tokio::test]
async fn what_was_typed_comes_back_as_text_and_never_as_a_tag() {
    on_both(async |app| {
        let sticker = app.sticker().await;
        let long = format!("</textarea><b id=\"x\">{}", "长".repeat(5000));
        let page = app.anonymous().post(&sticker.path(), &[("text", &long), ("key", "018f0000000070008000000000000001")]).await;
        page.is(422).has("&lt;/textarea&gt;&lt;b id=&quot;x&quot;&gt;长长").has_not("<b id=\"x\">");
    })
    .await;
}
