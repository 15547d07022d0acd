//! `/sign-in/second`, `/account/second-factor`, `/account/passkeys`

use crate::{
    actor::{Actor, Page},
    app::{Sticker, TestApp, on_both},
};
use domain::{
    first_admin, invitation, second_factor,
    sign_in::{FAILURES, STRANGER_FAILURES},
};
use model::{At, InvitationId, OutboxId, Role, StaffId};

pub const PASSWORD: &str = "correct horse battery";
const PAGE: &str = "/account/second-factor";

/// The path of a link to this installation.
fn path(link: &str) -> String {
    link.strip_prefix("http://linli.test").unwrap().to_owned()
}

/// What an app with this key shows at a moment.
pub fn code(secret: &str, at: At) -> String {
    let secret = totp_rs::Secret::try_from_base32(secret.replace(' ', "")).unwrap();
    totp_rs::Builder::new().with_secret(secret).build().unwrap().generate(at.0 as u64 / 1000).to_string()
}

/// The key a page offers to type into an app.
pub fn secret(page: &Page) -> String {
    let rest = page.body.split("class=\"code secret\">").nth(1).unwrap_or_else(|| panic!("no key in {}", page.body));
    rest.split('<').next().unwrap().to_owned()
}

/// Sets an app up; its key and the recovery codes.
pub async fn set_up(app: &TestApp, actor: &mut Actor) -> (String, Vec<String>) {
    let page = actor.get(PAGE).await;
    let secret = secret(page.is(200));
    let form = [("intent", "set"), ("nonce", &page.field("nonce")), ("code", &code(&secret, app.domain.now())), ("password", PASSWORD)];
    let done = actor.post(PAGE, &form).await;
    let codes = done.is(200).body.split("<li class=\"code\">").skip(1).map(|part| part.split('<').next().unwrap().to_owned()).collect();
    (secret, codes)
}

/// An admin with a password, who has not set up a second factor yet.
async fn admin(app: &TestApp) -> Actor {
    let mut admin = app.anonymous();
    let fields = [("name", "陈丽"), ("email", "chen@linli.test"), ("password", PASSWORD), ("unit", "西陵区"), ("kind", "district")];
    assert_eq!(admin.post(&path(&first_admin::link(&app.domain)), &fields).await.location(), "/admin");
    admin
}

/// A member of staff with this password.
async fn with_password(app: &TestApp, name: &str) -> (StaffId, String) {
    let (id, now) = (app.staff(name).await, app.domain.now());
    let ids = (InvitationId(app.domain.id()), OutboxId(app.domain.id()));
    app.domain.db.write(move |c| Box::pin(async move { invitation::invite(c, ids, id, now).await })).await.unwrap();
    let link = path(&invitation::link(&app.domain, ids.0));
    app.anonymous().post(&link, &[("name", name), ("password", PASSWORD)]).await.is(303);
    (id, format!("{id}@linli.test"))
}

/// The password was right: at the second step.
async fn first_step(app: &TestApp, email: &str) -> Actor {
    let mut actor = app.anonymous();
    let page = actor.post("/sign-in", &[("email", email), ("password", PASSWORD), ("back", "/account")]).await;
    assert_eq!(page.location(), "/sign-in/second?back=/account");
    actor
}

async fn second_step(actor: &mut Actor, code: &str) -> Page {
    actor.post("/sign-in/second", &[("code", code), ("back", "/account")]).await
}

#[tokio::test]
async fn an_admin_sets_up_a_second_factor_before_anything_else() {
    on_both(async |app| {
        let mut chen = admin(&app).await;
        for page in ["/admin", "/inbox", "/account", "/admin/staff/new"] {
            assert_eq!(chen.get(page).await.location(), format!("{PAGE}?back={page}"));
        }
        chen.post("/admin/units/new", &[("name", "街道"), ("kind", "street")]).await.is(403);
        chen.post("/account", &[("intent", "profile"), ("name", "别人"), ("mail_language", "en")]).await.is(403);
        let page = chen.get(&format!("{PAGE}?back=/admin")).await;
        page.is(200).has("您的权限比较大").has("退出登录").has_not("class=\"nav\"").has_not("现在的密码");
        let key = secret(&page);
        let nonce = page.field("nonce");
        let wrong = chen.post(PAGE, &[("intent", "set"), ("nonce", &nonce), ("code", "000000"), ("back", "/admin")]).await;
        wrong.is(422).has("和应用现在显示的数字不一样").has(&key).has("name=\"back\" value=\"/admin\"");
        let form = [("intent", "set"), ("nonce", nonce.as_str()), ("code", &code(&key, app.domain.now())), ("back", "/admin")];
        let done = chen.post(PAGE, &form).await;
        done.is(200).has("请收好备用码").has("href=\"/admin\"");
        assert_eq!(done.body.matches("<li class=\"code\">").count(), second_factor::CODES);
        assert_eq!(done.headers["cache-control"], "no-store");
        chen.get("/admin").await.is(200);
        assert_eq!(chen.post(PAGE, &form).await.location(), PAGE, "the codes are shown once");
        chen.get("/account").await.is(200).has("已开启").has("备用码还剩 10 个");
        chen.get(PAGE).await.is(200).has("class=\"nav\"").has_not(done.body.split("<li class=\"code\">").nth(1).unwrap().split('<').next().unwrap());
    })
    .await;
}

#[tokio::test]
async fn every_role_asks_for_it_and_from_the_moment_it_is_given() {
    on_both(async |app| {
        let sticker = app.vacant_post().await;
        for role in [Role::Admin, Role::Supervisor, Role::Auditor] {
            let (id, email) = with_password(&app, "赵敏").await;
            let mut zhao = app.anonymous();
            assert_eq!(zhao.post("/sign-in", &[("email", &email), ("password", PASSWORD)]).await.location(), "/inbox");
            zhao.get("/inbox").await.is(200);
            app.grant(id, role, sticker.street).await;
            assert_eq!(zhao.get("/inbox").await.location(), format!("{PAGE}?back=/inbox"));
            set_up(&app, &mut zhao).await;
            zhao.get("/inbox").await.is(200);
        }
    })
    .await;
}

#[tokio::test]
async fn what_was_shown_in_a_session_does_not_outlive_the_second_factor() {
    on_both(async |app| {
        let sticker = app.vacant_post().await;
        let (id, email) = with_password(&app, "王芳").await;
        let mut desk = app.anonymous();
        desk.post("/sign-in", &[("email", &email), ("password", PASSWORD)]).await.is(303);
        set_up(&app, &mut desk).await;
        desk.post(PAGE, &[("intent", "remove"), ("remove_password", PASSWORD)]).await.is(303);
        app.grant(id, Role::Supervisor, sticker.street).await;
        assert_eq!(desk.get("/inbox").await.location(), format!("{PAGE}?back=/inbox"), "there is none any more");
        set_up(&app, &mut desk).await;
        desk.get("/inbox").await.is(200);
    })
    .await;
}

#[tokio::test]
async fn a_role_given_in_the_middle_of_work_loses_no_answer_and_ends_the_stream() {
    on_both(async |app| {
        let sticker = app.vacant_post().await;
        let (wang, email) = with_password(&app, "王芳").await;
        app.hold(wang, sticker.post).await;
        let mut desk = app.anonymous();
        desk.post("/sign-in", &[("email", &email), ("password", PASSWORD)]).await.is(303);
        let (_, conversation) = app.contact(&sticker, "路灯坏了").await;
        let inbox = conversation.replace("/c/", "/inbox/");
        let page = desk.get(&inbox).await;
        let key = page.is(200).field("key");
        let mut stream = desk.stream(&format!("{inbox}/live")).await.unwrap();
        let chief = app.staff("本区管理员").await;
        app.grant(chief, Role::Admin, sticker.street).await;
        let give = [("intent", "give"), ("role", "supervisor"), ("unit", &sticker.street.to_string())];
        app.signed_in(chief).await.post(&format!("/admin/staff/{wang}"), &give).await.is(303);
        stream.until("event: end").await;

        let form = [("intent", "answer"), ("text", "今天<下午>就来修"), ("key", key.as_str())];
        let back = desk.post(&inbox, &form).await;
        back.is(403).has("今天&lt;下午&gt;就来修").has(&format!("value=\"{key}\"")).has(&format!("{PAGE}?back={inbox}"));
        let mut island = desk.clone();
        island.headers.insert("accept".into(), "text/plain".into());
        let words = island.post(&inbox, &form).await;
        assert!(words.is(403).body.starts_with("您刚刚得到了新的权限"), "{}", words.body);
        // Nothing of a form with a password in it comes back.
        desk.post("/account", &[("intent", "password"), ("old", PASSWORD), ("new", "another long password")]).await.is(403).has_not("another long");
        set_up(&app, &mut desk).await;
        desk.post(&inbox, &form).await.is(303);
        desk.get(&inbox).await.has("今天&lt;下午&gt;就来修");
    })
    .await;
}

#[tokio::test]
async fn after_the_password_comes_the_apps_code_and_none_works_twice() {
    on_both(async |app| {
        let (_, email) = with_password(&app, "王芳").await;
        let mut desk = app.anonymous();
        desk.post("/sign-in", &[("email", &email), ("password", PASSWORD)]).await.is(303);
        let (key, _) = set_up(&app, &mut desk).await;

        let mut phone = first_step(&app, &email).await;
        assert_eq!(phone.get("/account").await.location(), "/sign-in?back=/account", "a password alone opens nothing");
        phone.get("/sign-in/second?back=/account").await.is(200).has("6 位数字").has("name=\"back\" value=\"/account\"");
        second_step(&mut phone, &code(&key, app.domain.now())).await.is(422).has("已经用过了");
        app.advance_minutes(1);
        let now = code(&key, app.domain.now());
        for wrong in ["", "12345", "000000", "abcdef"] {
            second_step(&mut phone, wrong).await.is(422).has("验证码不对");
        }
        let old = code(&key, app.domain.now().plus_minutes(-2));
        second_step(&mut phone, &old).await.is(422);
        assert_eq!(second_step(&mut phone, &format!(" {} {} ", &now[..3], &now[3..])).await.location(), "/account");
        phone.get("/account").await.is(200);
        assert_eq!(phone.get("/sign-in/second").await.location(), "/sign-in?back=", "the ticket is gone");

        // Somebody who looked over a shoulder, with the password too.
        let mut other = first_step(&app, &email).await;
        second_step(&mut other, &now).await.is(422);
        let before = code(&key, app.domain.now().plus_seconds(-30));
        second_step(&mut other, &before).await.is(422);
        // A clock that is half a minute fast is right too, once.
        let next = code(&key, app.domain.now().plus_seconds(30));
        assert_eq!(second_step(&mut other, &next).await.location(), "/account");
        second_step(&mut first_step(&app, &email).await, &next).await.is(422);
    })
    .await;
}

#[tokio::test]
async fn a_recovery_code_works_once_and_new_ones_end_the_old() {
    on_both(async |app| {
        let (_, email) = with_password(&app, "王芳").await;
        let mut desk = app.anonymous();
        desk.post("/sign-in", &[("email", &email), ("password", PASSWORD)]).await.is(303);
        let (_, codes) = set_up(&app, &mut desk).await;
        assert_eq!(codes.len(), second_factor::CODES);

        let mut phone = first_step(&app, &email).await;
        assert_eq!(second_step(&mut phone, &codes[0].to_uppercase().replace('-', " ")).await.location(), "/account");
        phone.get("/account").await.has("备用码还剩 9 个");
        second_step(&mut first_step(&app, &email).await, &codes[0]).await.is(422);
        second_step(&mut first_step(&app, &email).await, "0000-0000-0000").await.is(422);

        // Another person's code is none.
        let (_, other) = with_password(&app, "李强").await;
        let mut li = app.anonymous();
        li.post("/sign-in", &[("email", &other), ("password", PASSWORD)]).await.is(303);
        set_up(&app, &mut li).await;
        second_step(&mut first_step(&app, &other).await, &codes[1]).await.is(422);

        let renewed = phone.post(PAGE, &[("intent", "codes"), ("codes_password", PASSWORD)]).await;
        renewed.is(200).has("请收好备用码").has_not(&codes[1]);
        second_step(&mut first_step(&app, &email).await, &codes[1]).await.is(422);
    })
    .await;
}

#[tokio::test]
async fn guessing_codes_has_to_wait_as_guessing_passwords_does() {
    on_both(async |app| {
        let (_, email) = with_password(&app, "王芳").await;
        let mut desk = app.anonymous();
        desk.post("/sign-in", &[("email", &email), ("password", PASSWORD)]).await.is(303);
        let (key, _) = set_up(&app, &mut desk).await;
        let mut thief = first_step(&app, &email).await;
        for n in 0..FAILURES {
            second_step(&mut thief, &format!("{n:06}")).await.is(422);
        }
        app.advance_minutes(1);
        let refused = second_step(&mut thief, &code(&key, app.domain.now())).await;
        refused.is(429).has("试得太多了");
        assert_eq!(refused.headers["retry-after"], (14 * 60).to_string());
        // The browser that has signed in before is not kept out by it.
        desk.post("/sign-out", &[]).await.is(303);
        desk.post("/sign-in", &[("email", &email), ("password", PASSWORD)]).await.is(303);
        assert_eq!(second_step(&mut desk, &code(&key, app.domain.now())).await.location(), "/account");
        // From everywhere together there is a limit too.
        let mut tried = FAILURES;
        for network in 0.. {
            let mut other = first_step(&app, &email).await;
            other.headers.insert("x-forwarded-for".into(), format!("203.0.{network}.1"));
            for n in 0..FAILURES {
                let page = second_step(&mut other, &format!("{n:06}")).await;
                if page.status == 429 {
                    assert_eq!(tried, STRANGER_FAILURES);
                    return;
                }
                tried += 1;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn the_second_step_ends_after_ten_minutes_and_with_a_new_password() {
    on_both(async |app| {
        let (id, email) = with_password(&app, "王芳").await;
        let mut desk = app.anonymous();
        desk.post("/sign-in", &[("email", &email), ("password", PASSWORD)]).await.is(303);
        let (key, _) = set_up(&app, &mut desk).await;
        let mut slow = first_step(&app, &email).await;
        app.advance_minutes(9);
        slow.get("/sign-in/second").await.is(200);
        app.advance_minutes(1);
        assert_eq!(second_step(&mut slow, &code(&key, app.domain.now())).await.location(), "/sign-in?back=/account");
        let mut stolen = first_step(&app, &email).await;
        desk.post("/account", &[("intent", "password"), ("old", PASSWORD), ("new", "another long password")]).await.is(303);
        assert_eq!(second_step(&mut stolen, &code(&key, app.domain.now())).await.location(), "/sign-in?back=/account");
        let mut made_up = app.anonymous();
        made_up.set_cookie("ticket", &format!("{id}.{}.aaaaaaaaaaaaaaaaaaaaaaaaaa", app.domain.now().plus_minutes(5).0));
        assert_eq!(second_step(&mut made_up, &code(&key, app.domain.now())).await.location(), "/sign-in?back=/account");
    })
    .await;
}

#[tokio::test]
async fn a_new_password_by_mail_is_no_way_around_the_second_factor() {
    on_both(async |app| {
        let (id, email) = with_password(&app, "王芳").await;
        let mut desk = app.anonymous();
        desk.post("/sign-in", &[("email", &email), ("password", PASSWORD)]).await.is(303);
        let (key, _) = set_up(&app, &mut desk).await;
        let (ids, now) = ((InvitationId(app.domain.id()), OutboxId(app.domain.id())), app.domain.now());
        app.domain.db.write(move |c| Box::pin(async move { invitation::invite(c, ids, id, now).await })).await.unwrap();
        let link = path(&invitation::link(&app.domain, ids.0));
        let mut reader = app.anonymous();
        let set = reader.post(&link, &[("name", "王芳"), ("password", "another long password")]).await;
        assert_eq!(set.location(), "/sign-in/second?back=");
        assert_eq!(reader.get("/account").await.location(), "/sign-in?back=/account");
        desk.get("/account").await.is(303);
        app.advance_minutes(1);
        assert_eq!(second_step(&mut reader, &code(&key, app.domain.now())).await.location(), "/account");
    })
    .await;
}

#[tokio::test]
async fn setting_it_up_signs_out_what_began_without_it_and_later_asks_for_the_password() {
    on_both(async |app| {
        let (_, email) = with_password(&app, "王芳").await;
        let (mut desk, mut phone) = (app.anonymous(), app.anonymous());
        for browser in [&mut desk, &mut phone] {
            browser.post("/sign-in", &[("email", &email), ("password", PASSWORD)]).await.is(303);
        }
        app.advance_minutes(10);
        let page = desk.get(PAGE).await;
        page.has("现在的密码").has_not("您的权限比较大");
        let key = secret(&page);
        let (nonce, code) = (page.field("nonce"), code(&key, app.domain.now()));
        let form = [("intent", "set"), ("nonce", nonce.as_str()), ("code", code.as_str()), ("password", "wrong horse battery")];
        desk.post(PAGE, &form).await.is(422).has("密码不对");
        phone.get("/account").await.is(200);
        set_up(&app, &mut desk).await;
        phone.get("/account").await.is(303);
        desk.get("/account").await.is(200);
    })
    .await;
}

#[tokio::test]
async fn whoever_needs_one_keeps_the_last_one_and_others_may_stop() {
    on_both(async |app| {
        let sticker = app.vacant_post().await;
        let (chief, email) = with_password(&app, "赵敏").await;
        app.grant(chief, Role::Admin, sticker.street).await;
        let mut zhao = app.anonymous();
        zhao.post("/sign-in", &[("email", &email), ("password", PASSWORD)]).await.is(303);
        set_up(&app, &mut zhao).await;
        zhao.post(PAGE, &[("intent", "remove"), ("remove_password", PASSWORD)]).await.is(422).has("最后一样");
        zhao.get("/admin").await.is(200);

        let (_, email) = with_password(&app, "王芳").await;
        let mut wang = app.anonymous();
        wang.post("/sign-in", &[("email", &email), ("password", PASSWORD)]).await.is(303);
        set_up(&app, &mut wang).await;
        assert_eq!(wang.post(PAGE, &[("intent", "remove"), ("remove_password", PASSWORD)]).await.location(), format!("{PAGE}?done=removed"));
        wang.get(PAGE).await.is(200).has_not("备用码还剩");
        assert_eq!(app.anonymous().post("/sign-in", &[("email", &email), ("password", PASSWORD)]).await.location(), "/inbox");
    })
    .await;
}

#[tokio::test]
async fn an_admin_resets_it_for_their_own_staff_only_and_never_for_themselves() {
    on_both(async |app| {
        let sticker: Sticker = app.vacant_post().await;
        let chief = app.staff("本区管理员").await;
        app.grant(chief, Role::Admin, sticker.street).await;
        let (wang, email) = with_password(&app, "王芳").await;
        app.hold(wang, sticker.post).await;
        let mut desk = app.anonymous();
        desk.post("/sign-in", &[("email", &email), ("password", PASSWORD)]).await.is(303);
        set_up(&app, &mut desk).await;
        let page = format!("/admin/staff/{wang}");

        let elsewhere = app.vacant_post().await;
        let foreign = app.staff("外区管理员").await;
        app.grant(foreign, Role::Admin, elsewhere.street).await;
        app.signed_in(foreign).await.post(&page, &[("intent", "reset"), ("confirm", "yes")]).await.is(404);

        let mut boss = app.signed_in(chief).await;
        boss.get(&page).await.is(200).has("重设两步验证");
        boss.post(&page, &[("intent", "reset")]).await.is(422).has("请先勾选确认");
        desk.get("/account").await.is(200);
        boss.post(&page, &[("intent", "reset"), ("confirm", "yes")]).await.is(303);
        desk.get("/account").await.is(303);
        boss.get(&page).await.has_not("重设两步验证");
        assert_eq!(app.anonymous().post("/sign-in", &[("email", &email), ("password", PASSWORD)]).await.location(), "/inbox");
        boss.post(&format!("/admin/staff/{chief}"), &[("intent", "reset"), ("confirm", "yes")]).await.is(422);

        // Somebody with a role above is not for those below.
        app.hold(foreign, sticker.post).await;
        let mut other = app.signed_in(foreign).await;
        set_up(&app, &mut other).await;
        boss.post(&format!("/admin/staff/{foreign}"), &[("intent", "reset"), ("confirm", "yes")]).await.is(422).has("请找管得到全部这些的管理员");
    })
    .await;
}

#[tokio::test]
async fn without_a_name_and_https_there_are_no_passkeys_and_the_page_says_so() {
    on_both(async |app| {
        let mut wang = app.signed_in(app.staff("王芳").await).await;
        wang.get(PAGE).await.is(200).has("通行密钥要求网站有域名并使用 https").has_not("data-passkey=\"add\"");
        app.anonymous().get("/sign-in").await.is(200).has_not("data-passkey");
        wang.post("/account/passkeys/begin", &[("name", "手机")]).await.is(422).has("https");
        app.anonymous().post("/sign-in/passkey/begin", &[]).await.is(422);
        app.anonymous().post("/sign-in/passkey", &[]).await.is(400);
    })
    .await;
    crate::app::on_https(async |app| {
        app.anonymous().get("/sign-in").await.is(200).has("data-passkey=\"get\"").has("passkey.js");
        let asked = app.anonymous().post("/sign-in/passkey/begin", &[]).await;
        asked.is(200).has("\"rpId\":\"linli.test\"").has("\"challenge\"").has("\"userVerification\":\"required\"");
    })
    .await;
}
