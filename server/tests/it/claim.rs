//! `/claim`

use crate::{actor::Page, app::on_both};

/// The claim code as the receipt shows it.
fn code(page: &Page) -> String {
    let at = page.body.find("<p class=\"code\">").unwrap() + 16;
    page.body[at..at + 14].to_owned()
}

#[tokio::test]
async fn the_claim_code_opens_the_conversation_elsewhere_and_the_first_device_is_told() {
    on_both(async |app| {
        let sticker = app.sticker().await;
        let (mut first, path) = app.contact(&sticker, "原来手机上的话").await;
        let code = code(&first.get(&path).await);
        let mut stream = first.stream(&format!("{path}/live?after=1")).await.unwrap();
        let mut second = app.anonymous();
        second.get(&format!("/claim/{}", code.replace('-', ""))).await.is(200).has(&code).has_not("原来手机上的话");
        second.get(&path).await.is(404);
        assert_eq!(second.post("/claim", &[("code", &code.to_lowercase())]).await.location(), path);
        second.get(&path).await.is(200).has("原来手机上的话");
        stream.until("又有一部设备").await;
        first.get(&path).await.has("又有一部设备").has("不是我");
        second.get(&path).await.has_not("不是我，让它们退出");

        first.post(&format!("{path}/devices/end"), &[]).await.is(303);
        second.get(&path).await.is(404);
        second.post("/claim", &[("code", &code)]).await.is(422);
        first.get(&path).await.is(200).has_not(&code);
    })
    .await;
}

#[tokio::test]
async fn only_the_first_device_may_shut_others_out_or_change_the_address() {
    on_both(async |app| {
        let sticker = app.sticker().await;
        let (mut first, path) = app.contact(&sticker, "话").await;
        let code = code(&first.get(&path).await);
        let mut second = app.anonymous();
        second.post("/claim", &[("code", &code)]).await.is(303);
        second.post(&format!("{path}/devices/end"), &[]).await.is(404);
        first.get(&path).await.has(&code);
        // Nor read or change where answers are announced: that holds for all conversations of the first.
        first.post(&format!("{path}/email"), &[("email", "zhang@example.cn")]).await.is(303);
        second.get(&path).await.is(200).has_not("zhang@example.cn").has_not("id=\"email\"");
        second.post(&format!("{path}/email"), &[("email", "other@example.cn")]).await.is(404);
        first.get(&path).await.has("zhang@example.cn");
    })
    .await;
}

#[tokio::test]
async fn the_box_on_the_first_page_takes_a_claim_code_too() {
    on_both(async |app| {
        let typed = app.anonymous().get("/q?code=7k3m-9qxt-2h4d").await.location();
        assert_eq!(typed, "/claim/7K3M9QXT2H4D");
        assert_eq!(app.anonymous().get("/q?code=7k3m9qxt").await.location(), "/q/7k3m9qxt");
    })
    .await;
}

#[tokio::test]
async fn a_wrong_code_is_kept_for_correction_and_guessing_is_slow() {
    on_both(async |app| {
        let mut guesser = app.anonymous();
        guesser.post("/claim", &[("code", "7K3M-9QXT")]).await.is(422).has("7K3M-9QXT").has("没有这个凭证");
        for _ in 0..20 {
            guesser.post("/claim", &[("code", "7K3M-9QXT-2H4D")]).await;
        }
        guesser.post("/claim", &[("code", "7K3M-9QXT-2H4D")]).await.is(429);
    })
    .await;
}

#[tokio::test]
async fn a_device_that_nobody_knows_yet_opens_two_conversations_and_begins_a_third_at_the_same_moment() {
    on_both(async |app| {
        let sticker = app.sticker().await;
        let (mut first, path) = app.contact(&sticker, "一").await;
        let (mut other, other_path) = app.contact(&sticker, "二").await;
        let codes = [code(&first.get(&path).await), code(&other.get(&other_path).await)];
        for n in 0..20 {
            let key = format!("{n:043}");
            let [mut one, mut two, mut three] = [0; 3].map(|_| app.anonymous());
            for actor in [&mut one, &mut two, &mut three] {
                actor.set_cookie("device", &key);
                actor.headers.insert("x-forwarded-for".into(), format!("203.0.113.{n}"));
            }
            let claims = codes.each_ref().map(|code| [("code", code.as_str())]);
            let message_key = format!("0192a3b4c5d67e8f9a0b1c2d3e4f{n:04}");
            let (message, point) = ([("text", "三"), ("key", &*message_key)], sticker.path());
            let (one, two, three) = tokio::join!(one.post("/claim", &claims[0]), two.post("/claim", &claims[1]), three.post(&point, &message));
            for page in [one, two, three] {
                page.is(303);
            }
        }
    })
    .await;
}
