//! `/sign-in`, `/sign-out`, `/invitation/{token}`, `/first/{token}`

use crate::{
    actor::Actor,
    app::{TestApp, on_both},
};
use domain::{first_admin, forgotten, invitation, sign_in::FAILURES};
use model::{InvitationId, Language, OutboxId, StaffId};

const PASSWORD: &str = "correct horse battery";

/// The path of a link to this installation.
fn path(link: &str) -> String {
    link.strip_prefix("http://linli.test").unwrap().to_owned()
}

/// The first admin, with the page that made them.
async fn admin(app: &TestApp) -> Actor {
    let mut admin = app.anonymous();
    let fields = [("name", "陈丽"), ("email", "chen@linli.test"), ("password", PASSWORD), ("unit", "西陵区"), ("kind", "district")];
    let made = admin.post(&path(&first_admin::link(&app.domain)), &fields).await;
    assert_eq!(made.location(), "/admin");
    admin
}

/// Somebody without a role, with the page that gave them their password.
async fn worker(app: &TestApp) -> Actor {
    let (_, link) = invited(app, "chen@linli.test").await;
    let mut worker = app.anonymous();
    assert_eq!(worker.post(&link, &[("name", "陈丽"), ("password", PASSWORD)]).await.location(), "/inbox");
    worker
}

async fn invited(app: &TestApp, email: &'static str) -> (StaffId, String) {
    let (id, now) = (StaffId(app.domain.id()), app.domain.now());
    let ids = (InvitationId(app.domain.id()), OutboxId(app.domain.id()));
    let staff = store::staff::Staff {
        id,
        email: email.into(),
        name: "王芳".into(),
        title: None,
        language: Language::Chinese,
        password_hash: None,
        created_at: now,
        activated_at: None,
        ended_at: None,
        off_duty_since: None,
        off_duty_until: None,
    };
    app.domain
        .db
        .write(move |c| {
            Box::pin(async move {
                store::staff::insert(c, &staff).await?;
                invitation::invite(c, ids, id, now).await
            })
        })
        .await
        .unwrap();
    (id, path(&invitation::link(&app.domain, ids.0)))
}

fn typed<'a>(email: &'a str, password: &'a str) -> [(&'a str, &'a str); 2] {
    [("email", email), ("password", password)]
}

#[tokio::test]
async fn signing_in_leads_back_to_the_page_that_asked_for_it() {
    on_both(async |app| {
        worker(&app).await;
        let mut browser = app.anonymous();
        let asked = browser.get("/account").await.location();
        assert_eq!(asked, "/sign-in?back=/account");
        browser.get(&asked).await.is(200).has("name=\"back\" value=\"/account\"");
        let page = browser.post("/sign-in", &[("email", "chen@linli.test"), ("password", PASSWORD), ("back", "/account")]).await;
        assert_eq!(page.location(), "/account");
        let cookies: Vec<&str> = page.headers.get_all("set-cookie").iter().map(|v| v.to_str().unwrap()).collect();
        let session = cookies.iter().find(|c| c.starts_with("session=")).unwrap();
        assert!(session.contains("HttpOnly") && session.contains("SameSite=Lax") && session.contains("Path=/;"), "{session}");
        browser.get("/account").await.is(200).has("陈丽");
        assert_eq!(browser.get("/sign-in").await.location(), "/inbox");
        let elsewhere = [("email", "chen@linli.test"), ("password", PASSWORD), ("back", "//evil.example")];
        assert_eq!(browser.post("/sign-in", &elsewhere).await.location(), "/inbox");
    })
    .await;
}

#[tokio::test]
async fn a_wrong_password_is_said_kindly_and_keeps_the_address() {
    on_both(async |app| {
        admin(&app).await;
        let mut browser = app.anonymous();
        let wrong = browser.post("/sign-in", &typed("chen@linli.test", "wrong horse battery")).await;
        wrong.is(422).has("邮箱或密码不对").has("chen@linli.test").has_not("wrong horse");
        let unknown = browser.post("/sign-in", &typed("nobody@linli.test", "wrong horse battery")).await;
        unknown.is(422).has("邮箱或密码不对");
        browser.headers.insert("accept-language".into(), "en".into());
        browser.post("/sign-in", &typed("chen@linli.test", "")).await.is(422).has("The e-mail address or the password is wrong");
    })
    .await;
}

#[tokio::test]
async fn strangers_who_guess_wait_and_the_known_browser_does_not() {
    on_both(async |app| {
        let mut known = worker(&app).await;
        known.post("/sign-out", &[]).await.is(303);
        assert_eq!(known.get("/account").await.location(), "/sign-in?back=/account");
        let mut stranger = app.anonymous();
        for _ in 0..FAILURES {
            stranger.post("/sign-in", &typed("chen@linli.test", "wrong horse battery")).await.is(422);
        }
        let refused = stranger.post("/sign-in", &typed("chen@linli.test", PASSWORD)).await;
        refused.is(429).has("15 分钟").has("chen@linli.test");
        assert_eq!(refused.headers["retry-after"], "900");
        assert_eq!(known.post("/sign-in", &typed("chen@linli.test", PASSWORD)).await.location(), "/inbox");
    })
    .await;
}

#[tokio::test]
async fn the_first_admins_link_works_once() {
    on_both(async |app| {
        let link = path(&first_admin::link(&app.domain));
        let mut newcomer = app.anonymous();
        newcomer.get("/first/made-up").await.is(404);
        newcomer.get(&link).await.is(200).has("单位名称");
        let short = newcomer.post(&link, &[("name", ""), ("email", "x"), ("password", "short"), ("unit", "西陵区")]).await;
        short.is(422).has("请改正 3 处").has("value=\"西陵区\"").has_not("short");
        assert_eq!(admin(&app).await.get("/account").await.location(), "/account/second-factor?back=/account");
        newcomer.get(&link).await.is(404).has("这个链接不能用了");
        newcomer.post(&link, &[("name", "别人"), ("email", "other@linli.test"), ("password", PASSWORD)]).await.is(404);
    })
    .await;
}

#[tokio::test]
async fn an_invitation_is_single_use_and_a_mail_scanner_uses_nothing_up() {
    on_both(async |app| {
        admin(&app).await;
        let (_, link) = invited(&app, "wang@linli.test").await;
        let mut scanner = app.anonymous();
        for _ in 0..3 {
            scanner.get(&link).await.is(200).has("王芳，欢迎您");
        }
        scanner.get("/account").await.is(303);
        let mut wang = app.anonymous();
        wang.post(&link, &[("name", "王芳"), ("password", "short")]).await.is(422).has("至少要 10 个字符");
        assert_eq!(wang.post(&link, &[("name", "王芳"), ("password", PASSWORD)]).await.location(), "/inbox");
        wang.get("/account").await.is(200).has("王芳");
        scanner.get(&link).await.is(410).has("已经用过");
        scanner.post(&link, &[("name", "别人"), ("password", PASSWORD)]).await.is(410);
        scanner.get("/invitation/0000.0000").await.is(404).has("没有这个邀请");
    })
    .await;
}

#[tokio::test]
async fn an_invitation_is_over_after_seven_days() {
    on_both(async |app| {
        admin(&app).await;
        let (_, link) = invited(&app, "wang@linli.test").await;
        app.advance_minutes(7 * 24 * 60 - 1);
        app.anonymous().get(&link).await.is(200);
        app.advance_minutes(1);
        app.anonymous().get(&link).await.is(410).has("已经失效");
        app.anonymous().post(&link, &[("name", "王芳"), ("password", PASSWORD)]).await.is(410);
    })
    .await;
}

#[tokio::test]
async fn a_forgotten_password_has_a_way_back_that_tells_nobody_who_has_a_login() {
    on_both(async |app| {
        let mut app = app;
        app.sends_mail();
        let mut desk = worker(&app).await;
        let mut somebody = app.anonymous();
        somebody.get("/sign-in").await.has("/sign-in/forgotten");
        somebody.get("/sign-in/forgotten").await.is(200);
        somebody.post("/sign-in/forgotten", &[("email", "x")]).await.is(422).has("value=\"x\"");
        let known = somebody.post("/sign-in/forgotten", &[("email", "chen@linli.test")]).await;
        let unknown = somebody.post("/sign-in/forgotten", &[("email", "nobody@linli.test")]).await;
        let steady = |page: &crate::actor::Page| {
            page.body.replace("nobody@", "chen@").split("nonce").map(|p| p.split_once('"').map_or("", |p| p.1).len()).collect::<Vec<_>>()
        };
        assert_eq!((known.status, steady(&known)), (unknown.status, steady(&unknown)));
        // The mail is written after the answer, so that not even its time tells.
        let mails = password_mails(&app, 1).await;
        assert!(app.mails_to("nobody@linli.test").await.is_empty());

        // The old password holds until the link is used, and a scanner uses nothing up.
        let link = path(&invitation::link(&app.domain, mails.last().unwrap().invitation_id.unwrap()));
        for _ in 0..3 {
            app.anonymous().get(&link).await.is(200);
            // Even one that sends forms off: without a password of at least ten characters nothing happens.
            app.anonymous().post(&link, &[("name", "陈丽"), ("password", "")]).await.is(422);
        }
        app.anonymous().post("/sign-in", &typed("chen@linli.test", PASSWORD)).await.is(303);
        assert_eq!(somebody.post(&link, &[("name", "陈丽"), ("password", "another long password")]).await.location(), "/inbox");
        app.anonymous().post("/sign-in", &typed("chen@linli.test", PASSWORD)).await.is(422);
        desk.get("/account").await.is(303);

        // For an hour, and one that somebody else asked for ends no other.
        app.anonymous().post("/sign-in/forgotten", &[("email", "chen@linli.test")]).await.is(200);
        app.anonymous().post("/sign-in/forgotten", &[("email", "chen@linli.test")]).await.is(200);
        let asked = password_mails(&app, 3).await;
        let open = async || {
            let mut open = 0;
            for mail in &asked {
                let link = path(&invitation::link(&app.domain, mail.invitation_id.unwrap()));
                open += usize::from(app.anonymous().get(&link).await.status == 200);
            }
            open
        };
        assert_eq!(open().await, 2, "the first one was used");
        app.advance_minutes(59);
        assert_eq!(open().await, 2);
        app.advance_minutes(1);
        assert_eq!(open().await, 0);
    })
    .await;
}

/// The links for new passwords that 陈丽 was sent, once there are so many.
async fn password_mails(app: &TestApp, count: usize) -> Vec<domain::row::Mail> {
    for _ in 0..500 {
        let mut mails = app.mails_to("chen@linli.test").await;
        mails.retain(|mail| mail.kind == model::MailKind::Password);
        if mails.len() >= count {
            assert_eq!(mails.len(), count);
            return mails;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("there are not {count} links");
}

#[tokio::test]
async fn strangers_use_up_their_own_links_and_using_one_ends_the_others() {
    on_both(async |app| {
        let desk = worker(&app).await;
        let ask = async |address: &str, known: Option<&str>| {
            let asked = domain::sign_in::Asked { address: address.parse().unwrap(), known: known.map(str::to_owned) };
            forgotten::send(&app.domain, "chen@linli.test", &asked).await.unwrap();
        };
        for _ in 0..5 {
            ask("203.0.113.1", None).await;
        }
        password_mails(&app, 3).await;
        // From another network, and at one's own desk in the very network of the strangers.
        ask("198.51.100.1", None).await;
        password_mails(&app, 4).await;
        for _ in 0..5 {
            ask("203.0.113.1", Some(desk.cookie("known"))).await;
        }
        let mails = password_mails(&app, 7).await;
        // From everywhere together there is an end too.
        for network in 0..60 {
            ask(&format!("203.0.{}.1", network + 120), None).await;
        }
        password_mails(&app, usize::try_from(forgotten::A_DAY_TOGETHER).unwrap() + 3).await;

        let path_of = |mail: &domain::row::Mail| path(&invitation::link(&app.domain, mail.invitation_id.unwrap()));
        app.anonymous().get(&path_of(&mails[0])).await.is(200);
        app.anonymous().post(&path_of(&mails[6]), &[("name", "陈丽"), ("password", "another long password")]).await.is(303);
        app.anonymous().get(&path_of(&mails[0])).await.is(410);
    })
    .await;
}
