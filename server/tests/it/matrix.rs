//! Every route as every role, with things inside the unit of the role's grant, above it and beside it. A route that is not in the table fails the
//! test, and the failure says which line to add.

use crate::{
    actor::{Actor, Page},
    app::{Sticker, TestApp, on_both},
};
use axum::http::Method;
use model::{ContactPointId, PostId, Role, StaffId, UnitId, UnitKind};
use std::collections::HashMap;

/// One line a route: method, path, who is let in, and for a POST the form with which they get through.
///
/// Who: `everybody`, `contact` (whose conversation it is), `staff` (whoever is signed in), `holder` (of the post), `admin`, `supervisor`, `auditor`;
/// several with `+`. Where the path has something in braces, they are let in where that lies in the subtree of their grant, or at their post, and
/// to everybody else it is not found. `nobody` is for what this test does not make (a token, a reply that waits): nobody gets through, whoever asks.
/// A POST that answers 422 let them in.
const MATRIX: &str = "
    GET   /                                             everybody
    POST  /view                                         everybody   view=standard&back=/
    GET   /q                                            everybody
    GET   /q/{code}                                     everybody
    POST  /q/{code}                                     everybody   text=x
    GET   /photo/{staff}/{updated_at}                   nobody
    GET   /c                                            everybody
    GET   /c/{id}                                       contact
    POST  /c/{id}                                       contact     text=x&key=018f0000000070008000000000000001
    GET   /c/{id}/after/{seq}                           contact
    GET   /c/{id}/live                                  contact
    POST  /c/{id}/seen                                  contact     seq=1
    POST  /c/{id}/email                                 contact     email=a@b.cn
    POST  /c/{id}/devices/end                           contact
    GET   /claim                                        everybody
    POST  /claim                                        everybody   code=x
    GET   /claim/{code}                                 everybody
    POST  /claim/{code}                                 everybody
    GET   /r/{token}                                    nobody
    POST  /r/{token}                                    nobody
    GET   /r/{token}/stop                               nobody
    POST  /r/{token}/stop                               nobody
    GET   /first/{token}                                nobody
    POST  /first/{token}                                nobody
    GET   /invitation/{token}                           nobody
    POST  /invitation/{token}                           nobody
    GET   /sign-in                                      everybody
    POST  /sign-in                                      everybody   email=x&password=x
    POST  /sign-out                                     staff
    GET   /sign-in/second                               nobody
    POST  /sign-in/second                               nobody
    POST  /sign-in/passkey/begin                        everybody
    POST  /sign-in/passkey                              nobody
    GET   /sign-in/forgotten                            everybody
    POST  /sign-in/forgotten                            everybody   email=x
    GET   /account/second-factor                        staff
    POST  /account/second-factor                        staff       intent=set
    POST  /account/passkeys/begin                       staff
    POST  /account/passkeys                             nobody
    POST  /account/passkeys/{id}/remove                 nobody

    GET   /inbox                                        staff
    GET   /inbox/live                                   staff
    GET   /inbox/{id}                                   holder
    POST  /inbox/{id}                                   holder      intent=note&text=x
    GET   /inbox/{id}/live                              holder
    POST  /inbox/{id}/seen                              holder      seq=1
    POST  /inbox/{id}/hand-over                         holder      to=018f0000000070008000000000000001&reason=
    POST  /inbox/{id}/scheduled/{sid}/cancel            nobody
    GET   /quick-replies                                staff
    POST  /quick-replies                                nobody
    GET   /account                                      staff
    POST  /account                                      staff       intent=profile&name=&title=&mail_language=en
    POST  /account/off-duty                             staff       until=now
    POST  /account/photo                                nobody
    GET   /account/absences                             staff
    POST  /account/absences                             staff       intent=plan
    POST  /account/sessions/end                         staff
    POST  /account/sessions/{id}/end                    nobody

    GET   /admin                                        admin
    GET   /admin/units                                  admin
    GET   /admin/units/new                              nobody
    POST  /admin/units/new                              nobody
    GET   /admin/units/below                            nobody
    GET   /admin/units/found                            admin
    GET   /admin/units/{id}/settings                    admin
    POST  /admin/units/{id}/settings                    admin       promise_minutes.own=yes&promise_minutes=x
    GET   /admin/units/{id}                             admin
    POST  /admin/units/{id}                             admin       name=
    GET   /admin/units/{id}/calendar                    admin
    POST  /admin/units/{id}/calendar                    admin       intent=save&zone=x
    POST  /admin/units/{id}/calendar/import             nobody
    GET   /admin/units/{id}/posts/new                   admin
    POST  /admin/units/{id}/posts/new                   admin       title=
    GET   /admin/posts/{id}                             admin
    POST  /admin/posts/{id}                             admin       intent=save&title=
    GET   /admin/posts/{id}/contact-points/new          admin
    POST  /admin/posts/{id}/contact-points/new          admin       place=
    GET   /admin/contact-points/{id}                    admin
    POST  /admin/contact-points/{id}                    admin       place=
    GET   /admin/contact-points/{id}/sheet              admin
    GET   /admin/contact-points/{id}/label.svg          admin
    GET   /admin/contact-points/{id}/qr.svg             admin
    GET   /admin/contact-points/{id}/qr.png             admin
    GET   /admin/staff                                  admin
    GET   /admin/staff/new                              admin
    POST  /admin/staff/new                              admin       name=&email=x
    GET   /admin/staff/{id}                             admin
    POST  /admin/staff/{id}                             admin       intent=end
    GET   /admin/staff/{id}/leave                       admin
    POST  /admin/staff/{id}/leave                       admin       last_day=
    GET   /admin/staff/{id}/absences                    admin
    POST  /admin/staff/{id}/absences                    admin       intent=plan
    GET   /admin/invitations                            admin
    POST  /admin/invitations                            admin       intent=send&unit=
    GET   /admin/trial                                  admin
    POST  /admin/trial                                  admin
    GET   /admin/grants                                 admin
    POST  /admin/grants                                 nobody

    GET   /admin/audit                                  auditor
    POST  /admin/audit/export                           auditor     format=csv

    GET   /supervision                                  supervisor
    GET   /supervision/units/{id}                       supervisor
    GET   /supervision/posts/{id}                       supervisor
    GET   /supervision/conversations/{id}               supervisor
";

#[derive(Clone, Copy, Debug)]
struct Line {
    who: &'static str,
    form: &'static str,
}

fn table() -> HashMap<(Method, &'static str), Line> {
    let line = |line: &'static str| {
        let mut words = line.split_whitespace();
        let (method, path, who) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap_or_else(|| panic!("who may use {line:?}?")));
        ((method.parse().unwrap(), path), Line { who, form: words.next().unwrap_or("") })
    };
    MATRIX.lines().map(str::trim).filter(|l| !l.is_empty()).map(line).collect()
}

const WHO: [&str; 7] = ["anonymous", "contact", "staff", "holder", "supervisor", "auditor", "admin"];

/// Where something lies, seen from the unit of the grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Where {
    Inside,
    Above,
    Beside,
}

/// Everything at one unit.
struct Things {
    unit: UnitId,
    post: PostId,
    point: ContactPointId,
    staff: StaffId,
    conversation: String,
    code: String,
    resident: Actor,
}

impl Things {
    async fn at(app: &TestApp, unit: UnitId, name: &str) -> Things {
        let sticker = app.post_at(unit).await;
        let staff = app.staff(name).await;
        app.hold(staff, sticker.post).await;
        let (resident, conversation) = app.contact(&sticker, &format!("只给{name}看的话")).await;
        let Sticker { post, point, code, .. } = sticker;
        Things { unit, post, point, staff, conversation: conversation.trim_start_matches("/c/").to_owned(), code: code.to_string(), resident }
    }

    /// The path with every parameter filled in.
    fn fill(&self, path: &str) -> String {
        let mut noun = "";
        let mut parts = Vec::new();
        for part in path.split('/') {
            parts.push(match (part, noun) {
                ("{seq}" | "{updated_at}", _) => "1".to_owned(),
                ("{code}", _) => self.code.clone(),
                ("{token}", _) => "0000.0000".to_owned(),
                (id, "units") if id.starts_with('{') => self.unit.to_string(),
                (id, "posts") if id.starts_with('{') => self.post.to_string(),
                (id, "contact-points") if id.starts_with('{') => self.point.to_string(),
                (id, "staff" | "photo") if id.starts_with('{') => self.staff.to_string(),
                (id, _) if id.starts_with('{') => self.conversation.clone(),
                (word, _) => {
                    noun = word;
                    word.to_owned()
                }
            });
        }
        parts.join("/")
    }
}

/// Whether somebody was let in: whatever they hear then, it is not that they may not, that there is no such thing or that they have to sign in.
fn is_in(page: &Page) -> bool {
    let asks_to_sign_in = page.status == 303 && page.location().starts_with("/sign-in?back=");
    !asks_to_sign_in && !matches!(page.status.as_u16(), 400 | 403 | 404 | 405 | 415)
}

fn may(who: &str, line: Line, place: Where, has_id: bool) -> bool {
    line.who.split('+').any(|allowed| match allowed {
        "everybody" => true,
        "nobody" => false,
        "staff" => !matches!(who, "anonymous" | "contact"),
        // Their conversation and their post are those inside.
        allowed => allowed == who && (place == Where::Inside || !has_id),
    })
}

#[tokio::test]
async fn every_route_lets_in_whom_the_table_names_and_nobody_else() {
    let table = table();
    on_both(async |app| {
        let missing: Vec<String> = app
            .routes
            .iter()
            .filter(|e| !table.contains_key(&(e.method.clone(), e.path)))
            .map(|e| format!("    {:<5} {:<45} {}", e.method, e.path, who_of(e.policy)))
            .collect();
        assert!(
            missing.is_empty(),
            "routes that are not in MATRIX of server/tests/it/matrix.rs; add a line for each (who? which form?):\n{}\n",
            missing.join("\n")
        );
        for (method, path) in table.keys() {
            assert!(app.routes.iter().any(|e| e.method == *method && e.path == *path), "{method} {path} is in MATRIX and is no route");
        }

        // A district, a street of the grant, a community below it, and the street beside it.
        let district = app.unit(None, UnitKind::District, "西陵区").await;
        let granted = app.unit(Some(district), UnitKind::Street, "西陵街道").await;
        let below = app.unit(Some(granted), UnitKind::Community, "云集路社区").await;
        let neighbour = app.unit(Some(district), UnitKind::Street, "学院街道").await;
        let places = [
            (Where::Inside, Things::at(&app, below, "里").await),
            (Where::Above, Things::at(&app, district, "上").await),
            (Where::Beside, Things::at(&app, neighbour, "旁").await),
        ];
        let mut people = HashMap::new();
        for (who, role) in [("staff", None), ("supervisor", Some(Role::Supervisor)), ("auditor", Some(Role::Auditor)), ("admin", Some(Role::Admin))] {
            let id = app.staff(who).await;
            if let Some(role) = role {
                app.grant(id, role, granted).await;
            }
            people.insert(who, id);
        }
        people.insert("holder", places[0].1.staff);

        let mut wrong = Vec::new();
        for entry in &app.routes {
            let line = table[&(entry.method.clone(), entry.path)];
            let has_id = entry.path.contains('{');
            for who in WHO {
                for (place, things) in &places {
                    let mut actor = match who {
                        "anonymous" => app.anonymous(),
                        "contact" => places[0].1.resident.clone(),
                        // Signed in anew each time: one of the routes signs out.
                        who => app.signed_in(people[who]).await,
                    };
                    let path = things.fill(entry.path);
                    let page = match entry.method {
                        Method::GET => actor.get(&path).await,
                        _ => actor.post(&path, &fields(line.form)).await,
                    };
                    let what = format!("{who} at {} {} ({place:?} the unit of the grant) got {}", entry.method, entry.path, page.status);
                    let expected = may(who, line, *place, has_id);
                    if is_in(&page) != expected {
                        wrong.push(format!("{what}, but the table says {:?}", line.who));
                    }
                    if !expected {
                        assert!(!page.body.contains("看的话"), "{what}, with what was written");
                    }
                    assert!(page.status.as_u16() < 500, "{what}");
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    })
    .await;
}

fn fields(form: &'static str) -> Vec<(&'static str, &'static str)> {
    let mut fields: Vec<_> = form.split('&').filter_map(|pair| pair.split_once('=')).collect();
    if fields.iter().all(|(name, _)| *name != "key") {
        fields.push(("key", "018f0000000070008000000000000000"));
    }
    fields
}

/// What the policy of a new route suggests for its line.
fn who_of(policy: app::routes::Policy) -> &'static str {
    use app::routes::Policy::{Admin, Auditor, Contact, Public, SigningIn, Staff, Supervisor};
    match policy {
        Public => "everybody",
        Contact => "contact",
        SigningIn | Staff => "staff",
        Admin => "admin",
        Supervisor => "supervisor",
        Auditor => "auditor",
    }
}
