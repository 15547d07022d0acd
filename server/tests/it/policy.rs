//! Who may do what: every route as every actor, with ids that are somebody else's.

use crate::{actor::Actor, app::on_both};
use app::routes::Policy;
use axum::http::Method;
use model::Role;

/// Everything of one district, by the words that stand before an id in a path.
struct Ids {
    conversation: String,
    unit: String,
    post: String,
    point: String,
    staff: String,
    import: String,
    code: String,
}

impl Ids {
    /// The path with every parameter filled in.
    fn fill(&self, path: &str) -> String {
        let mut noun = "";
        let mut parts = Vec::new();
        for part in path.split('/') {
            parts.push(match (part, noun) {
                ("{seq}" | "{updated_at}", _) => "1",
                ("{code}", _) => &self.code,
                ("{token}", _) => "0000.0000",
                (id, "units") if id.starts_with('{') => &self.unit,
                (id, "posts") if id.starts_with('{') => &self.post,
                (id, "contact-points") if id.starts_with('{') => &self.point,
                (id, "imports") if id.starts_with('{') => &self.import,
                (id, "staff" | "photo") if id.starts_with('{') => &self.staff,
                (id, _) if id.starts_with('{') => &self.conversation,
                (word, _) => {
                    noun = word;
                    word
                }
            });
        }
        parts.join("/")
    }

    /// Whether a path leads to something that only some may see.
    fn is_in(&self, path: &str) -> bool {
        [&self.conversation, &self.unit, &self.post, &self.point, &self.import].iter().any(|id| path.contains(id.as_str()))
            || path.contains(&format!("/staff/{}", self.staff))
    }
}

/// What forms do, each with everything it could need.
const INTENTS: [&str; 41] = [
    "reset",
    "set",
    "codes",
    "remove",
    "",
    "answer",
    "note",
    "close",
    "answer_and_close",
    "name",
    "save",
    "end",
    "revoke",
    "hold",
    "release",
    "substitute",
    "give",
    "take",
    "again",
    "inherit",
    "apply",
    "undo",
    "drop",
    "correct",
    "edit",
    "restart",
    "replace",
    "settle",
    "print",
    "confirm",
    "refuse",
    "plan",
    "stay",
    "send",
    "remind",
    "retry",
    "begin",
    "password",
    "profile",
    "remove_passkey",
    "shown",
];

async fn ask(actor: &Actor, method: &Method, path: &str, ids: &Ids) -> Vec<crate::actor::Page> {
    let mut answers = Vec::new();
    if method == Method::GET {
        answers.push(actor.clone().get(path).await);
        return answers;
    }
    for intent in INTENTS {
        let key = "018f0000000070008000000000000000";
        let form = [
            ("intent", intent),
            ("text", "入侵"),
            ("key", key),
            ("email", "a@b.cn"),
            ("name", "入侵"),
            ("title", "入侵"),
            ("place", "入侵"),
            ("reason", "入侵"),
            ("who", "外人"),
            ("confirm", "yes"),
            ("seq", "1"),
            ("role", "admin"),
            ("staff", &ids.staff),
            ("unit", &ids.unit),
        ];
        answers.push(actor.clone().post(path, &form).await);
    }
    answers
}

/// A page without what is new in each.
fn steady(page: &crate::actor::Page) -> String {
    let mut text = page.body.clone();
    for start in ["nonce=\"", "crossorigin=\"", "name=\"key\" value=\""] {
        text = text.split(start).enumerate().map(|(i, part)| if i == 0 { part } else { part.split_once('"').unwrap().1 }).collect();
    }
    text
}

#[tokio::test]
async fn no_route_gives_anybody_what_is_not_theirs() {
    on_both(async |app| {
        let sticker = app.vacant_post().await;
        let wang = app.staff("王芳").await;
        app.hold(wang, sticker.post).await;
        let chief = app.staff("本区管理员").await;
        app.grant(chief, model::Role::Admin, sticker.street).await;
        let (mut owner, conversation) = app.contact(&sticker, "只给王芳看的话").await;
        let mut rightful = app.signed_in(chief).await;
        let register = "网格名称,所属社区\n只给本区看的网格,云集路社区\n".as_bytes();
        let import = rightful.upload("/admin/imports/new", &[("unit", &sticker.street.to_string()), ("mode", "add")], "file", register).await.location();
        crate::import::settled(&mut rightful, &import).await;
        let ids = Ids {
            import: import.rsplit('/').next().unwrap().to_owned(),
            conversation: conversation.trim_start_matches("/c/").to_owned(),
            unit: sticker.community.to_string(),
            post: sticker.post.to_string(),
            point: sticker.point.to_string(),
            staff: wang.to_string(),
            code: "00000000".to_owned(),
        };
        let mut worker = app.signed_in(wang).await;
        let mut as_it_is = async || {
            let mut seen = vec![steady(&owner.get(&conversation).await), steady(&worker.get(&conversation.replace("/c/", "/inbox/")).await)];
            for path in [
                "/admin/units/{id}",
                "/admin/posts/{id}",
                "/admin/contact-points/{id}",
                "/admin/staff/{id}",
                "/admin/units/{id}/calendar",
                "/admin/imports/{id}",
                "/admin/units/{id}/codes",
                "/admin/units/{id}/day-one",
            ] {
                let page = rightful.get(&ids.fill(path)).await;
                page.is(200);
                seen.push(steady(&page));
            }
            seen
        };
        // Once before, because looking marks as seen.
        as_it_is().await;
        let before = as_it_is().await;

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
            let path = ids.fill(entry.path);
            for (who, actor) in &actors {
                for page in ask(actor, &entry.method, &path, &ids).await {
                    let what = format!("{who} got {} at {} {path}", page.status, entry.method);
                    assert!(!page.body.contains("只给王芳看的话") && !page.body.contains("只给本区看的网格"), "{what}, with what is not theirs");
                    let may = match entry.policy {
                        Policy::Public => true,
                        Policy::Contact => *who == "contact",
                        Policy::SigningIn | Policy::Staff => matches!(*who, "staff" | "admin"),
                        Policy::Admin => *who == "admin",
                        Policy::Supervisor | Policy::Auditor => false,
                    };
                    assert!(may || !page.status.is_success(), "{what}");
                    if ids.is_in(&path) {
                        let asks_to_sign_in = page.status == 303 && page.location().starts_with("/sign-in");
                        // 400 and 415: a form that is none here, into which nobody looks.
                        assert!(asks_to_sign_in || matches!(page.status.as_u16(), 400 | 403 | 404 | 415), "{what}");
                    }
                }
            }
        }
        for (after, before) in as_it_is().await.iter().zip(&before) {
            let at = after.bytes().zip(before.bytes()).take_while(|(a, b)| a == b).count();
            assert!(
                after == before,
                "{} has changed to {}",
                &String::from_utf8_lossy(&before.as_bytes()[at.saturating_sub(200)..]),
                &String::from_utf8_lossy(&after.as_bytes()[at..])
            );
        }
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
        // A browser too old to say where it comes from writes its first message with the first page it gets.
        let mut old = app.anonymous();
        old.headers.remove("sec-fetch-site");
        let page = old.get(&sticker.path()).await;
        let (key, csrf) = (page.field("key"), page.field("csrf"));
        old.clone().post(&sticker.path(), &[("text", "第一句"), ("key", &key)]).await.is(403);
        old.post(&sticker.path(), &[("text", "第一句"), ("key", &key), ("csrf", &csrf)]).await.is(303);
        // So does one in which somebody is signed in.
        let mut worker = app.signed_in(app.staff("李强").await).await;
        worker.headers.remove("sec-fetch-site");
        let page = worker.get(&sticker.path()).await;
        let (key, csrf) = (page.field("key"), page.field("csrf"));
        worker.post(&sticker.path(), &[("text", "路过"), ("key", &key), ("csrf", &csrf)]).await.is(303);
        // Nor does a large file have to be read for its token.
        let id = app.staff("赵敏").await;
        app.grant(id, Role::Admin, sticker.street).await;
        let mut admin = app.signed_in(id).await;
        let csrf = admin.get("/admin/imports/new").await.field("csrf");
        admin.headers.remove("sec-fetch-site");
        let mut register = "代码,名称,类别,上级代码\n".to_owned();
        register.push_str(&"4205,宜昌市,市,\n".repeat(400_000));
        let fields = |csrf: &'static str| [("csrf", csrf), ("unit", "x"), ("mode", "add"), ("kind", "")];
        admin.upload("/admin/imports/new", &fields("wrong"), "file", register.as_bytes()).await.is(403);
        let csrf = &*csrf.leak();
        admin.upload("/admin/imports/new", &fields(csrf), "file", register.as_bytes()).await.is(404);
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
