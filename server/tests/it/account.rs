//! `/account`, `/photo/{staff}/{updated_at}`, `/quick-replies`

use crate::app::on_both;
use domain::live::Topic;

#[tokio::test]
async fn a_session_ended_elsewhere_is_out_at_once_and_a_foreign_one_is_not_found() {
    on_both(async |app| {
        let wang = app.staff("王芳").await;
        let (mut desk, mut phone) = (app.signed_in(wang).await, app.signed_in(wang).await);
        let mut other = app.signed_in(app.staff("李强").await).await;
        let page = desk.get("/account").await;
        page.is(200).has("登录的设备").has("本机");
        let at = page.body.find("/account/sessions/").unwrap();
        let path = page.body[at..].split('"').next().unwrap().to_owned();
        let id = path.split('/').nth(3).unwrap().parse().unwrap();

        other.post(&path, &[]).await.is(404);
        phone.get("/account").await.is(200);
        let stream = app.domain.hub.watch(Topic::Session(id));
        desk.post(&path, &[]).await.is(303);
        assert!(stream.has_changed().unwrap(), "the phone's streams are told");
        phone.get("/account").await.is(303);
        desk.post(&path, &[]).await.is(404);
    })
    .await;
}

#[tokio::test]
async fn my_name_and_title_are_changed_and_what_is_wrong_is_kept_on_the_page() {
    on_both(async |app| {
        let mut me = app.signed_in(app.staff("王芳").await).await;
        let form = |name| [("intent", "profile"), ("name", name), ("title", "网格长"), ("mail_language", "en")];
        me.post("/account", &form(" ")).await.is(422).has("请改正 1 处").has("网格长");
        me.get("/account").await.has_not("网格长");
        assert_eq!(me.post("/account", &form("王小芳")).await.location(), "/account?done=profile");
        me.get("/account?done=profile").await.has("已保存").has("王小芳").has("网格长");
    })
    .await;
}

#[tokio::test]
async fn off_duty_and_back() {
    on_both(async |app| {
        let sticker = app.vacant_post().await;
        let wang = app.staff("王芳").await;
        app.hold(wang, sticker.post).await;
        let mut me = app.signed_in(wang).await;
        me.get("/account").await.has("现在在岗").has("下一个工作日（周一 8:30）");
        me.post("/account/off-duty", &[("until", "next-day")]).await.is(303);
        me.get("/account").await.has("休息到 周一 8:30").has("回来上班");
        app.anonymous().get(&sticker.path()).await.has("现在休息");
        me.post("/account/off-duty", &[("until", "at"), ("at", "2026-11-19T08:30")]).await.is(422).has("已经过去了").has("2026-11-19T08:30");
        me.post("/account/off-duty", &[("until", "at"), ("at", "")]).await.is(422).has("请写上日期和时间");
        me.post("/account/off-duty", &[("until", "at"), ("at", "2026-11-25T14:00")]).await.is(303);
        me.get("/account").await.has("周三 14:00");
        me.post("/account/off-duty", &[("until", "now")]).await.is(303);
        me.get("/account").await.has("现在在岗");
    })
    .await;
}

/// One pixel, as PNG.
const PIXEL: &[u8] = b"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

#[tokio::test]
async fn a_photo_is_redrawn_and_shown_on_the_card_only() {
    on_both(async |app| {
        let sticker = app.vacant_post().await;
        let wang = app.staff("王芳").await;
        let mut me = app.signed_in(wang).await;
        me.upload("/account/photo", &[], "photo", b"<svg/>").await.is(422).has("不是能打开的");
        me.upload("/account/photo", &[], "photo", b"").await.is(422).has("请先选一张照片");
        me.upload("/account/photo", &[], "photo", &vec![0; 4 * 1024 * 1024 + 1]).await.is(422).has("超过 4 MB");
        let pixel = data_encoding::BASE64.decode(PIXEL).unwrap();
        me.upload("/account/photo", &[], "photo", &pixel).await.is(303);
        let path = format!("/photo/{wang}/{}", app.domain.now().0);
        app.anonymous().get(&path).await.is(404);
        app.hold(wang, sticker.post).await;
        let photo = app.anonymous().get(&path).await;
        photo.is(200);
        assert_eq!(photo.headers["content-type"], "image/jpeg");
        app.anonymous().get(&sticker.path()).await.has(&path);
        me.upload("/account/photo", &[("intent", "delete")], "photo", b"").await.is(303);
        app.anonymous().get(&path).await.is(404);
    })
    .await;
}

#[tokio::test]
async fn quick_replies_are_added_edited_and_deleted_by_who_holds_the_post_and_by_nobody_else() {
    on_both(async |app| {
        let sticker = app.vacant_post().await;
        let wang = app.staff("王芳").await;
        let mut me = app.signed_in(wang).await;
        let post = sticker.post.to_string();
        me.get("/quick-replies").await.is(200).has("现在没有岗位");
        app.hold(wang, sticker.post).await;
        let add = |title, text| [("intent", "add"), ("post", post.as_str()), ("title", title), ("text", text)];
        me.post("/quick-replies", &add("收到", "")).await.is(422).has("请改正 1 处").has("value=\"收到\"");
        me.post("/quick-replies", &add("收到", "到{{ place }}看")).await.is(422).has("没有“place”这个变量");
        me.post("/quick-replies", &add("收到", "{{ name }}您好，收到。")).await.is(303);
        let id = me.get("/quick-replies").await.has("{{ name }}您好，收到。").field("id");

        let mut other = app.signed_in(app.staff("李强").await).await;
        let edit = [("intent", "edit"), ("id", id.as_str()), ("title", "改了"), ("text", "改了")];
        other.get(&format!("/quick-replies?edit={id}")).await.is(404);
        other.post("/quick-replies", &edit).await.is(404);
        other.post("/quick-replies", &[("intent", "delete"), ("id", &id)]).await.is(404);
        other.post("/quick-replies", &add("收到", "别人加的")).await.is(404);

        me.get(&format!("/quick-replies?edit={id}")).await.is(200).has("修改“收到”");
        me.post("/quick-replies", &edit).await.is(303);
        me.get("/quick-replies").await.has("改了").has_not("收到。");
        me.post("/quick-replies", &[("intent", "delete"), ("id", &id)]).await.is(303);
        me.get("/quick-replies").await.has_not("改了").has("还没有快捷回复");
    })
    .await;
}
