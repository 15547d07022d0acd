//! `/view`: language and look.

use crate::app::on_both;

#[tokio::test]
async fn language_and_look_are_chosen_without_javascript_and_kept() {
    on_both(async |app| {
        let mut reader = app.anonymous();
        reader.get("/").await.is(200).has("lang=\"zh-CN\"").has("首页");
        assert_eq!(reader.post("/view", &[("language", "en"), ("back", "/claim")]).await.location(), "/claim");
        reader.get("/").await.has("lang=\"en\"").has("Home").has_not("首页");
        reader.post("/view", &[("view", "elder-2"), ("back", "/")]).await;
        reader.post("/view", &[("theme", "dark"), ("back", "/")]).await;
        reader.get("/").await.has("data-view=\"elder\"").has("data-text=\"2\"").has("data-theme=\"dark\"");
        reader.post("/view", &[("view", "standard"), ("theme", "auto")]).await;
        reader.get("/").await.has_not("data-view").has_not("data-theme");
        assert_eq!(reader.post("/view", &[("language", "en"), ("back", "//evil.example")]).await.location(), "/");
    })
    .await;
}

#[tokio::test]
async fn errors_are_pages_in_the_readers_language() {
    on_both(async |app| {
        let mut reader = app.anonymous();
        reader.get("/no-such-page").await.is(404).has("没有找到这一页");
        reader.get("/claim/%ff").await.is(404).has("没有找到这一页");
        // An address that only takes forms.
        reader.get("/sign-out").await.is(404).has("没有找到这一页");
        reader.headers.insert("accept-language".into(), "en-GB,en;q=0.9".into());
        reader.get("/no-such-page").await.is(404).has("We can’t find this page");
    })
    .await;
}
