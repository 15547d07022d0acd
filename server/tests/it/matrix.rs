//! Every route as every role, with things inside the unit of the role's grant, above it and beside it. A route that is not in the table fails the
//! test, and the failure says which line to add.

use crate::{
    actor::{Actor, Page},
    app::{Sticker, TestApp, on_both},
};
use app::routes::Policy;
use axum::http::Method;
use model::{ContactPointId, GrantId, ImportId, PostId, PrintFormat, PrintId, Role, StaffId, UnitId, UnitKind, Which};
use std::collections::HashMap;

/// One line a route: method, path, who is let in, a query where it needs one, and for a POST the form with which they get through; `@file=x` in it
/// sends a file.
///
/// Who: `everybody`, `contact` (whose conversation it is), `staff` (whoever is signed in), `holder` (of the post), `admin`, `supervisor`, `auditor`;
/// several with `+`. Where path, query or form have something in braces, they are let in where that lies in the subtree of their grant, or at their post, and
/// to everybody else it is not found. `nobody` is for what this test does not make (a token, a reply that waits): nobody gets through, whoever asks.
/// A POST that answers 422 let them in.
const MATRIX: &str = "
    GET   /                                             everybody
    POST  /view                                         everybody   view=standard&back=/
    GET   /q                                            everybody
    GET   /q/{code}                                     everybody
    POST  /q/{code}                                     everybody   text=x
    GET   /q/{code}/wrong                               everybody
    POST  /q/{code}/wrong                               everybody   reason=damaged
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
    POST  /account/photo                                staff       @photo=x
    GET   /account/absences                             staff
    POST  /account/absences                             staff       intent=plan
    POST  /account/sessions/end                         staff
    POST  /account/sessions/{id}/end                    nobody

    GET   /admin                                        admin
    GET   /admin/units                                  admin
    GET   /admin/units/new                              admin       ?parent={unit}
    POST  /admin/units/new                              admin       ?parent={unit} name=
    GET   /admin/units/below                            admin       ?unit={unit}
    GET   /admin/units/found                            admin
    GET   /admin/units/{id}/settings                    admin
    POST  /admin/units/{id}/settings                    admin       promise_minutes.own=yes&promise_minutes=x
    GET   /admin/units/{id}                             admin
    POST  /admin/units/{id}                             admin       name=
    GET   /admin/units/{id}/calendar                    admin
    POST  /admin/units/{id}/calendar                    admin       intent=save&zone=x
    POST  /admin/units/{id}/calendar/import             admin       @ics=x
    GET   /admin/units/{id}/codes                       admin
    POST  /admin/units/{id}/codes                       admin       posts=all&place=
    GET   /admin/units/{id}/day-one                     admin
    GET   /admin/prints/{id}                            admin
    GET   /admin/prints/{id}/file                       admin
    GET   /admin/prints/{id}/progress                   admin
    GET   /admin/units/{id}/posts/new                   admin
    POST  /admin/units/{id}/posts/new                   admin       title=
    GET   /admin/posts/{id}                             admin
    POST  /admin/posts/{id}                             admin       intent=save&title=
    GET   /admin/posts/{id}/contact-points/new          admin
    POST  /admin/posts/{id}/contact-points/new          admin       place=
    GET   /admin/contact-points                         admin       ?unit={unit}
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
    POST  /admin/trial                                  admin       intent=end&unit={unit}&confirm=yes
    GET   /admin/grants                                 admin
    POST  /admin/grants                                 admin       intent=take&grant={grant}

    GET   /admin/imports                                admin
    GET   /admin/imports/new                            admin
    POST  /admin/imports/new                            admin       unit={unit}&mode=add&kind=&@file=x
    GET   /admin/imports/template/{name}                admin
    GET   /admin/imports/{id}                           admin
    POST  /admin/imports/{id}                           admin       intent=drop
    POST  /admin/imports/{id}/file                      admin       @file=
    GET   /admin/imports/{id}/mistakes.csv              admin

    GET   /admin/audit                                  auditor     ?unit={unit}
    POST  /admin/audit/export                           auditor     format=csv&unit={unit}

    GET   /supervision                                  supervisor
    GET   /supervision/units/{id}                       supervisor
    GET   /supervision/posts/{id}                       supervisor
    GET   /supervision/conversations/{id}               supervisor
";

#[derive(Clone, Copy, Debug)]
struct Line {
    who: &'static str,
    query: &'static str,
    form: &'static str,
}

impl Line {
    /// Whether it is about something that lies somewhere. An empty sheet to fill in lies nowhere.
    fn has_id(self, path: &str) -> bool {
        (path.contains('{') && !path.ends_with("{name}")) || self.query.contains('{') || self.form.contains('{')
    }
}

fn table() -> HashMap<(Method, &'static str), Line> {
    let line = |line: &'static str| {
        let mut words = line.split_whitespace();
        let (method, path, who) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap_or_else(|| panic!("who may use {line:?}?")));
        let (query, form): (Vec<_>, Vec<_>) = words.partition(|word| word.starts_with('?'));
        let only = |words: Vec<&'static str>| words.first().copied().unwrap_or("");
        ((method.parse().unwrap(), path), Line { who, query: only(query), form: only(form) })
    };
    MATRIX.lines().map(str::trim).filter(|l| !l.is_empty()).map(line).collect()
}

/// `unready` has every role at the unit, and has not set up the second factor that they ask for.
const WHO: [&str; 8] = ["anonymous", "contact", "staff", "holder", "supervisor", "auditor", "admin", "unready"];

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
    print: PrintId,
    import: ImportId,
    grant: GrantId,
}

const ROSTER: &[u8] = "网格名称,网格员姓名,邮箱\n第一网格,陈建国,chen@x.cn\n".as_bytes();

impl Things {
    /// With what `admin` has made of it.
    async fn at(app: &TestApp, unit: UnitId, name: &str, admin: StaffId) -> Things {
        let sticker = app.post_at(unit).await;
        let staff = app.staff(name).await;
        app.hold(staff, sticker.post).await;
        let (resident, conversation) = app.contact(&sticker, &format!("只给{name}看的话")).await;
        let Sticker { post, point, code, .. } = sticker;
        let (print, import, grant) = (PrintId(app.domain.id()), ImportId(app.domain.id()), GrantId(app.domain.id()));
        let supervisor = app.staff("督办员").await;
        let now = app.domain.now();
        let printed = store::print::Print {
            id: print,
            staff_id: admin,
            unit_id: unit,
            format: PrintFormat::Svg,
            which: Which::All,
            total: 1,
            made: 0,
            bytes: 0,
            missing: String::new(),
            created_at: now,
            beat_at: None,
            finished_at: None,
        };
        let held = store::staff::Grant { id: grant, staff_id: supervisor, role: Role::Supervisor, unit_id: unit, from_at: now, until_at: None };
        app.domain
            .db
            .write(move |c| {
                Box::pin(async move {
                    store::print::insert(c, &printed).await?;
                    store::staff::insert_grant(c, &held).await
                })
            })
            .await
            .unwrap();
        let conversation = conversation.trim_start_matches("/c/").to_owned();
        Things { unit, post, point, staff, conversation, code: code.to_string(), resident, print, import, grant }
    }

    /// Brings a register in here, which has been compared.
    async fn brought_in(&mut self, app: &TestApp, admin: StaffId) {
        let mut actor = app.signed_in(admin).await;
        let path = actor.upload("/admin/imports/new", &[("unit", &self.unit.to_string()), ("mode", "add"), ("kind", "")], "file", ROSTER).await.location();
        crate::import::settled(&mut actor, &path).await.is(200);
        self.import = path.rsplit_once('/').unwrap().1.parse().unwrap();
    }

    /// The same register where the admin could not have brought it.
    async fn brought_in_as(&self, app: &TestApp, other: ImportId) {
        let (id, unit_id, now) = (self.import, self.unit, app.domain.now());
        app.domain
            .db
            .write(move |c| {
                Box::pin(async move {
                    let (import, file) = (store::import::find(c, other).await?.unwrap(), store::import::file(c, other).await?.unwrap());
                    let plan = store::import::plan(c, other).await?.unwrap();
                    let compared = store::import::Compared { plan, summary: import.summary.unwrap(), mark: import.mark.unwrap() };
                    let (staff_id, file_name, choices, mode) = (import.staff_id, import.file_name, import.choices, import.mode);
                    store::import::insert(c, &store::import::New { id, unit_id, staff_id, file_name, file, choices, mode, now }).await?;
                    store::import::ready(c, id, Some(&compared), None, now).await
                })
            })
            .await
            .unwrap();
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
                (id, "prints") if id.starts_with('{') => self.print.to_string(),
                (id, "imports") if id.starts_with('{') => self.import.to_string(),
                ("{name}", "template") => "roster.csv".to_owned(),
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

impl Things {
    /// A query or a form with everything filled in.
    fn fields(&self, form: &'static str) -> Vec<(&'static str, String)> {
        let ids = [("{unit}", self.unit.to_string()), ("{grant}", self.grant.to_string())];
        let fill = |value: &str| ids.iter().fold(value.to_owned(), |value, (name, id)| value.replace(name, id));
        form.trim_start_matches('?').split('&').filter_map(|pair| pair.split_once('=')).map(|(name, value)| (name, fill(value))).collect()
    }

    async fn ask(&self, actor: &mut Actor, method: &Method, path: &str, line: Line) -> Page {
        let query: Vec<String> = self.fields(line.query).into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        let path = if query.is_empty() { self.fill(path) } else { format!("{}?{}", self.fill(path), query.join("&")) };
        if method == Method::GET {
            return actor.get(&path).await;
        }
        let mut fields = self.fields(line.form);
        let file = fields.iter().position(|(name, _)| name.starts_with('@')).map(|at| fields.remove(at));
        if fields.iter().all(|(name, _)| *name != "key") {
            fields.push(("key", "018f0000000070008000000000000000".to_owned()));
        }
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        match file {
            Some((name, content)) => actor.upload(&path, &fields, &name[1..], content.as_bytes()).await,
            None => actor.post(&path, &fields).await,
        }
    }
}

/// Whether somebody was let in: whatever they hear then, it is not that they may not, that there is no such thing or that they have to sign in first,
/// or to set up their second factor.
fn is_in(page: &Page) -> bool {
    let asks_to_sign_in = page.status == 303 && ["/sign-in?back=", "/account/second-factor?back="].iter().any(|first| page.location().starts_with(first));
    !asks_to_sign_in && !matches!(page.status.as_u16(), 400 | 403 | 404 | 405 | 415)
}

fn may(who: &str, line: Line, policy: Policy, place: Where, has_id: bool) -> bool {
    line.who.split('+').any(|allowed| match allowed {
        "everybody" => true,
        "nobody" => false,
        // What they need in order to become ready, and to leave.
        "staff" if who == "unready" => policy == Policy::SigningIn,
        "staff" => !matches!(who, "anonymous" | "contact"),
        // Their conversation and their post are those inside.
        allowed => allowed == who && (place == Where::Inside || !has_id),
    })
}

#[tokio::test(flavor = "multi_thread")]
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
        let mut people = HashMap::new();
        for (who, role) in [("staff", None), ("supervisor", Some(Role::Supervisor)), ("auditor", Some(Role::Auditor)), ("admin", Some(Role::Admin))] {
            let id = app.staff(who).await;
            if let Some(role) = role {
                app.grant(id, role, granted).await;
            }
            people.insert(who, id);
        }
        let admin = people["admin"];
        let mut inside = Things::at(&app, below, "里", admin).await;
        inside.brought_in(&app, admin).await;
        let (above, beside) = (Things::at(&app, district, "上", admin).await, Things::at(&app, neighbour, "旁", admin).await);
        above.brought_in_as(&app, inside.import).await;
        beside.brought_in_as(&app, inside.import).await;
        let places = [(Where::Inside, inside), (Where::Above, above), (Where::Beside, beside)];
        people.insert("holder", places[0].1.staff);
        let unready = app.staff("unready").await;
        for role in Role::ALL {
            app.grant(unready, *role, granted).await;
        }
        people.insert("unready", unready);

        let mut wrong = Vec::new();
        for entry in &app.routes {
            let line = table[&(entry.method.clone(), entry.path)];
            let has_id = line.has_id(entry.path);
            for who in WHO {
                for (place, things) in &places {
                    let mut actor = match who {
                        "anonymous" => app.anonymous(),
                        "contact" => places[0].1.resident.clone(),
                        "unready" => app.without_second_factor(people[who]).await,
                        // Signed in anew each time: one of the routes signs out.
                        who => app.signed_in(people[who]).await,
                    };
                    let page = things.ask(&mut actor, &entry.method, entry.path, line).await;
                    let what = format!("{who} at {} {} ({place:?} the unit of the grant) got {}", entry.method, entry.path, page.status);
                    let expected = may(who, line, entry.policy, *place, has_id);
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

/// What is asked of a grant: given, taken, confirmed, refused, with the real id of one that is there. Only admins of its unit are let in, whatever
/// page they send it from, and for everybody else it stays as it is.
#[tokio::test]
async fn a_grant_is_given_taken_confirmed_and_refused_by_admins_of_its_unit_and_nobody_else() {
    on_both(async |app| {
        let district = app.unit(None, UnitKind::District, "西陵区").await;
        let granted = app.unit(Some(district), UnitKind::Street, "西陵街道").await;
        let below = app.unit(Some(granted), UnitKind::Community, "云集路社区").await;
        let neighbour = app.unit(Some(district), UnitKind::Street, "学院街道").await;
        let top = app.staff("上级").await;
        app.grant(top, Role::Admin, district).await;
        let inside = Things::at(&app, below, "里", top).await;
        let mut people = HashMap::from([("holder", inside.staff)]);
        for (who, role) in [
            ("staff", None),
            ("supervisor", Some(Role::Supervisor)),
            ("auditor", Some(Role::Auditor)),
            ("admin", Some(Role::Admin)),
            ("unready", Some(Role::Admin)),
        ] {
            let id = app.staff(who).await;
            if let Some(role) = role {
                app.grant(id, role, granted).await;
            }
            people.insert(who, id);
        }
        let target = app.staff("对象").await;
        app.hold(target, inside.post).await;
        let (domain, now) = (&app.domain, app.domain.now());
        let mut wrong = Vec::new();
        for (place, unit) in [(Where::Inside, below), (Where::Above, district), (Where::Beside, neighbour)] {
            for who in WHO {
                for intent in ["give", "take", "confirm", "refuse"] {
                    for path in [format!("/admin/staff/{target}"), "/admin/grants".to_owned()] {
                        if intent == "give" && path == "/admin/grants" {
                            continue;
                        }
                        let row = store::staff::Grant {
                            id: GrantId(domain.id()),
                            staff_id: target,
                            role: Role::Supervisor,
                            unit_id: unit,
                            from_at: now,
                            until_at: Some(now.plus_days(1)),
                        };
                        let (id, is_there) = (row.id, intent == "take");
                        domain
                            .db
                            .write(move |c| {
                                Box::pin(async move {
                                    match is_there {
                                        true => store::staff::insert_grant(c, &row).await,
                                        false => store::grant::propose(c, &row, top, now, now.plus_days(7)).await,
                                    }
                                })
                            })
                            .await
                            .unwrap();
                        let mut actor = match who {
                            "anonymous" => app.anonymous(),
                            "contact" => inside.resident.clone(),
                            "unready" => app.without_second_factor(people[who]).await,
                            who => app.signed_in(people[who]).await,
                        };
                        let (grant, unit) = (id.to_string(), unit.to_string());
                        // Given is another role than what waits.
                        let form = [("intent", intent), ("grant", &grant), ("unit", &unit), ("role", "auditor"), ("from", ""), ("until", "2026-12-24")];
                        let before = store::grant::of_staff(&mut domain.db.read().await.unwrap(), target, now).await.unwrap().len();
                        let page = actor.post(&path, &form).await;
                        let mut conn = domain.db.read().await.unwrap();
                        let after = store::grant::of_staff(&mut conn, target, now).await.unwrap().len();
                        let waits = store::grant::proposal(&mut conn, id, now).await.unwrap().is_some();
                        drop(conn);
                        let expected = who == "admin" && place == Where::Inside;
                        let is_changed = before != after || !is_there && !waits;
                        // Given once, it is there already for the second who asks.
                        if is_in(&page) != expected || is_changed != expected && !(expected && intent == "give") {
                            wrong.push(format!("{who} {intent} {place:?} by {path} got {} and changed {is_changed}", page.status));
                        }
                        let undo = now;
                        domain
                            .db
                            .write(move |c| {
                                Box::pin(async move {
                                    store::grant::withdraw_all(c, target, undo).await?;
                                    for grant in store::grant::of_staff(c, target, undo).await? {
                                        store::staff::end_grant(c, grant.id, undo).await?;
                                    }
                                    Ok::<_, store::Error>(())
                                })
                            })
                            .await
                            .unwrap();
                    }
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    })
    .await;
}

/// What the policy of a new route suggests for its line.
fn who_of(policy: Policy) -> &'static str {
    use Policy::{Admin, Auditor, Contact, Public, SigningIn, Staff, Supervisor};
    match policy {
        Public => "everybody",
        Contact => "contact",
        SigningIn | Staff => "staff",
        Admin => "admin",
        Supervisor => "supervisor",
        Auditor => "auditor",
    }
}
