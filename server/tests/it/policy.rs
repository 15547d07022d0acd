//! Who may do what: every route as every actor, with ids that are somebody else's.

use crate::{actor::Actor, app::on_both};
use app::routes::Policy;
use axum::http::Method;

/// The path with every parameter filled in by somebody else's.
fn foreign(path: &str, conversation: &str) -> String {
    let id = conversation.trim_start_matches("/c/");
    path.split('/')
        .map(|part| match part {
            "{seq}" | "{updated_at}" => "1",
            "{code}" => "00000000",
            "{token}" => "0000.0000",
            part if part.starts_with('{') => id,
            part => part,
        })
        .collect::<Vec<_>>()
        .join("/")
}

async fn ask(actor: &mut Actor, method: &Method, path: &str) -> crate::actor::Page {
    let key = "018f0000000070008000000000000000";
    if method == Method::GET { actor.get(path).await } else { actor.post(path, &[("text", "入侵"), ("key", key), ("email", "a@b.cn")]).await }
}

#[tokio::test]
async fn no_route_gives_anybody_what_is_not_theirs() {
    on_both(async |app| {
        let sticker = app.sticker().await;
        let (mut owner, conversation) = app.contact(&sticker, "只给王芳看的话").await;
        let other_sticker = app.sticker().await;
        let (other_contact, _) = app.contact(&other_sticker, "别人").await;
        let staff = app.staff("外人").await;
        app.hold(staff, other_sticker.post).await;
        let admin = app.staff("外区管理员").await;
        app.grant(admin, model::Role::Admin, other_sticker.street).await;
        for entry in &app.routes {
            // Signed in anew for each route: one of them signs out.
            let (other_staff, other_admin) = (app.signed_in(staff).await, app.signed_in(admin).await);
            let actors = [("anonymous", app.anonymous()), ("contact", other_contact.clone()), ("staff", other_staff), ("admin", other_admin)];
            let path = foreign(entry.path, &conversation);
            for (who, actor) in &actors {
                let page = ask(&mut actor.clone(), &entry.method, &path).await;
                assert!(!page.body.contains("只给王芳看的话"), "{who} read a foreign message at {} {path}", entry.method);
                let is_let_in = page.status.is_success();
                let may = match entry.policy {
                    Policy::Public => true,
                    Policy::Contact => *who == "contact",
                    Policy::Staff => matches!(*who, "staff" | "admin"),
                    Policy::Admin => *who == "admin",
                };
                assert!(may || !is_let_in, "{who} was let in at {} {path}: {}", entry.method, page.status);
                if path.contains(conversation.trim_start_matches("/c/")) {
                    let refused = matches!(page.status.as_u16(), 303 | 403 | 404 | 405 | 415 | 422);
                    assert!(refused, "{who} got {} at {} {path}", page.status, entry.method);
                }
            }
        }
        owner.get(&conversation).await.is(200).has("只给王芳看的话").has_not("入侵");
    })
    .await;
}

#[tokio::test]
async fn a_change_asked_for_by_another_site_is_refused() {
    on_both(async |app| {
        let sticker = app.sticker().await;
        let (resident, path) = app.contact(&sticker, "话").await;
        let key = resident.clone().get(&path).await.field("key");
        let csrf = resident.clone().get(&path).await.field("csrf");
        let form = [("text", "跨站"), ("key", key.as_str())];
        let with = |changes: &[(&str, Option<&str>)]| {
            let mut actor = resident.clone();
            for (name, value) in changes {
                match value {
                    Some(value) => drop(actor.headers.insert((*name).into(), (*value).into())),
                    None => drop(actor.headers.remove(*name)),
                }
            }
            actor
        };
        with(&[("sec-fetch-site", Some("cross-site"))]).post(&path, &form).await.is(403);
        with(&[("sec-fetch-site", Some("same-site"))]).post(&path, &form).await.is(403);
        with(&[("sec-fetch-site", None), ("origin", Some("https://evil.example"))]).post(&path, &form).await.is(403);
        with(&[("sec-fetch-site", None)]).post(&path, &form).await.is(403);
        resident.clone().get(&path).await.has_not("跨站");
        let with_token = [("text", "跨站"), ("key", key.as_str()), ("csrf", csrf.as_str())];
        with(&[("sec-fetch-site", None)]).post(&path, &with_token).await.is(303);
        let own_origin = &[("sec-fetch-site", None), ("origin", Some("http://linli.test"))];
        with(own_origin).post(&path, &form).await.is(303);
    })
    .await;
}

#[tokio::test]
async fn pages_keep_to_themselves() {
    on_both(async |app| {
        let page = app.anonymous().get("/").await;
        let policy = page.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe-inline"), "{policy}");
        assert_eq!(page.headers["cache-control"], "no-store");
        page.has_not(" style=\"").has_not("http://").has_not("https://");
    })
    .await;
}
