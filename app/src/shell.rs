//! The frame around every page: head, top bar, foot, and turning a view into a response.

use crate::{
    components::icon::{Icon, icon},
    error::AppError,
    visit::Visit,
};
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use domain::{Staff, desk, trial};
use i18n::t;
use leptos::{config::LeptosOptions, hydration::HydrationScripts, prelude::*};
use model::{Language, Role};
use std::sync::Arc;

/// A page to be rendered.
pub struct Page {
    visit: Visit,
    title: String,
    status: StatusCode,
    body_class: &'static str,
    is_desk: bool,
    has_islands: bool,
    unit: Option<String>,
    staff: Option<(Staff, i64)>,
    is_once: bool,
    cookies: Vec<String>,
    /// Mail goes to admins only, as their pages say.
    /// Units of an admin that are on trial.
    on_trial: Vec<String>,
}

impl Page {
    pub fn new(visit: &Visit, title: impl Into<String>) -> Page {
        Page {
            visit: visit.clone(),
            title: title.into(),
            status: StatusCode::OK,
            body_class: "",
            is_desk: false,
            has_islands: false,
            unit: None,
            staff: None,
            is_once: false,
            cookies: Vec::new(),
            on_trial: Vec::new(),
        }
    }

    /// Shown this one time: without the switches for language and look, which would bring another page.
    pub fn once(mut self) -> Page {
        self.is_once = true;
        self
    }

    pub fn status(mut self, status: StatusCode) -> Page {
        self.status = status;
        self
    }

    pub fn body_class(mut self, class: &'static str) -> Page {
        self.body_class = class;
        self
    }

    /// The unit named at the foot.
    pub fn unit(mut self, name: impl Into<String>) -> Page {
        self.unit = Some(name.into());
        self
    }

    /// A page for staff: their navigation above it, with the number of conversations with news, and the desk's style.
    pub async fn for_staff(mut self, staff: &Staff) -> Result<Page, AppError> {
        let domain = &self.visit.app.domain;
        let unread = desk::unread(domain, staff).await?;
        if let Some(admin) = staff.admin().filter(|_| self.visit.path.starts_with("/admin")) {
            self.on_trial = trial::known_to(domain, &admin).await?.into_iter().map(|trial| trial.unit_name).collect();
        }
        self = self.beside(staff);
        self.staff = Some((staff.clone(), unread));
        Ok(self)
    }

    /// The same where nothing may be loaded any more.
    pub fn beside(mut self, staff: &Staff) -> Page {
        self.is_desk = true;
        self.staff = Some((staff.clone(), 0));
        self
    }

    /// What only staff see, in the frame that everybody sees.
    pub fn with_desk_style(mut self) -> Page {
        self.is_desk = true;
        self
    }

    /// Loads the client for the islands on this page.
    pub fn with_islands(mut self) -> Page {
        self.has_islands = true;
        self
    }

    pub fn cookie(mut self, cookie: String) -> Page {
        self.cookies.push(cookie);
        self
    }

    /// Renders the page around `main`, the page's `<main id="main">`.
    pub fn render(self, main: impl IntoView) -> Response {
        let html = render(&self.visit.clone(), || self.document(main).into_any());
        let mut response = (self.status, Html(format!("<!DOCTYPE html>{html}"))).into_response();
        for cookie in &self.cookies {
            if let Ok(value) = HeaderValue::from_str(cookie) {
                response.headers_mut().append(header::SET_COOKIE, value);
            }
        }
        response
    }

    fn document(&self, main: impl IntoView) -> impl IntoView {
        let visit = &self.visit;
        let l = visit.language;
        let app = &visit.app;
        let title = format!("{} · {}", self.title, t!(l, common.name));
        let scripts = self.has_islands.then(|| view! { <HydrationScripts options=options(&app.assets.base) islands=true/> });
        let desk = self.is_desk.then(|| view! { <link rel="stylesheet" href=app.assets.url("desk.css")/> });
        let bar = match &self.staff {
            Some((staff, unread)) => staff_bar(visit, staff, *unread).into_any(),
            None if self.is_once => view! { <header class="top"><span class="mark">{mark()}</span></header> }.into_any(),
            None => top_bar(visit).into_any(),
        };
        let main = main.into_any();
        let foot = (self.staff.is_none() && !self.is_once).then(|| foot(visit, self.unit.as_deref()).into_any());
        view! {
            <html lang=l.as_str() data-view=visit.look.view.map(|_| "elder") data-text=visit.look.text() data-theme=visit.look.theme>
                <head>
                    <meta charset="utf-8"/>
                    <meta name="viewport" content="width=device-width,initial-scale=1,viewport-fit=cover"/>
                    <title>{title}</title>
                    <meta name="description" content=t!(l, common.description)/>
                    <meta name="color-scheme" content="light dark"/>
                    <link rel="icon" href=app.assets.url("icon.svg") type="image/svg+xml"/>
                    <link rel="stylesheet" href=app.assets.url("main.css")/>
                    {desk}
                    {scripts}
                </head>
                <body class=self.body_class>
                    <a class="skip" href="#main">{t!(l, common.skip)}</a>
                    {bar}
                    {trial_banner(l, &self.on_trial)}
                    {main}
                    {foot}
                </body>
            </html>
        }
    }
}

/// A view as HTML, with islands marked for the client. Everything is loaded before, so nothing waits here.
pub fn render(visit: &Visit, view: impl FnOnce() -> AnyView) -> String {
    let owner = Owner::new_root(Some(Arc::new(hydration_context::SsrSharedContext::new_islands())));
    let html = owner.with(|| {
        provide_context(visit.nonce.clone());
        view().to_html()
    });
    owner.unset_with_forced_cleanup();
    without_placeholders(&html)
}

/// Leptos leaves `<!>` where its client would look for a view. Only islands have a client, and what is typed has `&lt;` for `<`.
fn without_placeholders(html: &str) -> String {
    let mut short = String::with_capacity(html.len());
    for (i, part) in html.split("<!>").enumerate() {
        if i > 0 && part.starts_with("</leptos-island>") {
            short.push_str("<!>");
        }
        short.push_str(part);
    }
    short
}

fn options(base: &str) -> LeptosOptions {
    LeptosOptions::builder().output_name("linli").site_pkg_dir(base.trim_start_matches('/').to_owned()).build()
}

pub fn mark() -> impl IntoView {
    view! {
        <svg viewBox="0 0 32 32" aria-hidden="true" fill="currentColor" fill-rule="evenodd">
            <path d="M2 14.6 9 7l7 7.6V27H2zM6.4 27h5.2v-6.4a2.6 2.6 0 0 0-5.2 0z"></path>
            <path opacity=".55" d="M16 14.6 23 7l7 7.6V27H16zm4.4 12.4h5.2v-6.4a2.6 2.6 0 0 0-5.2 0z"></path>
        </svg>
        "Linli"
        <span lang="zh-CN">"邻里"</span>
    }
}

fn trial_banner(l: Language, units: &[String]) -> Option<impl IntoView + use<>> {
    let words = match units {
        [] => return None,
        [unit] => t!(l, secure.trial_banner, unit = unit.clone()),
        [unit, ..] => t!(l, secure.trial_banner_many, unit = unit.clone(), count = units.len()),
    };
    Some(view! { <p class="trial">{icon(Icon::Mail)}<span>{words}" "<a href="/admin/trial">{t!(l, secure.trial_link)}</a></span></p> })
}

fn other_language(l: Language) -> (Language, &'static str) {
    match l {
        Language::Chinese => (Language::English, "English"),
        Language::English => (Language::Chinese, "中文"),
    }
}

fn top_bar(visit: &Visit) -> impl IntoView + use<> {
    let l = visit.language;
    let (other, name) = other_language(l);
    let is_elder = visit.look.view.is_some();
    view! {
        <header class="top">
            <a class="mark" href="/">{mark()}</a>
            <form class="quick" method="post" action="/view">
                <input type="hidden" name="back" value=visit.path.clone()/>
                {visit.csrf_field()}
                <button name="language" value=other.as_str() lang=other.as_str()>{name}</button>
                <button name="view" value=if is_elder { "standard" } else { "elder" }>
                    {if is_elder { t!(l, common.standard_switch) } else { t!(l, common.elder_switch) }}
                </button>
            </form>
        </header>
    }
}

/// The number in the navigation.
pub fn at_most(unread: i64) -> String {
    if unread > desk::MOST_UNREAD { format!("{}+", desk::MOST_UNREAD) } else { unread.to_string() }
}

/// Staff navigation: the places this person may go.
fn staff_bar(visit: &Visit, staff: &Staff, unread: i64) -> impl IntoView + use<> {
    let l = visit.language;
    let path = visit.path.clone();
    let link = move |href: &'static str, glyph: Icon, name: String, badge: Option<AnyView>| {
        let is_here =
            path.split('?').next().is_some_and(|p| p == href || (p.starts_with(&format!("{href}/")) && (href != "/admin" || !p.starts_with("/admin/audit"))));
        view! { <a href=href aria-current=is_here.then_some("page")>{icon(glyph)}{name}{badge}</a> }
    };
    let badge = view! { <span class="n" hidden={unread == 0}><span class="sr">{t!(l, inbox.unread)}</span><span id="unread">{at_most(unread)}</span></span> }
        .into_any();
    let admin = staff.is_admin().then(|| link("/admin", Icon::Gear, t!(l, common.nav_admin), None));
    let audit = staff.has(Role::Auditor).then(|| link("/admin/audit", Icon::Eye, t!(l, audit.nav), None));
    let supervision = staff.has(Role::Supervisor).then(|| link("/supervision", Icon::Eye, t!(l, people.supervision), None));
    let (other, name) = other_language(l);
    view! {
        <header class="staff">
            <a class="mark" href="/inbox">{mark()}</a>
            <nav class="nav" aria-label=t!(l, common.nav)>
                {link("/inbox", Icon::Inbox, t!(l, common.nav_inbox), Some(badge))}
                {link("/quick-replies", Icon::Quick, t!(l, common.nav_quick_replies), None)}
                {supervision}
                {admin}
                {audit}
                {link("/account", if staff.is_off_duty { Icon::Rest } else { Icon::Person }, staff.name.clone(), None)}
            </nav>
            <form class="quick" method="post" action="/view">
                <input type="hidden" name="back" value=visit.path.clone()/>
                {visit.csrf_field()}
                <button name="language" value=other.as_str() lang=other.as_str()>{name}</button>
            </form>
        </header>
    }
}

/// The switches, and where the data is.
fn foot(visit: &Visit, unit: Option<&str>) -> impl IntoView + use<> {
    let kept = t!(visit.language, common.kept_here);
    view! { <footer class="foot">{look(visit)}<p>{unit.map(|u| format!("{u} · "))}{kept}</p></footer> }
}

/// The switches for language, text size and brightness.
pub fn look(visit: &Visit) -> impl IntoView + use<> {
    let l = visit.language;
    let look = visit.look.clone();
    let pressed = |is: bool| if is { "true" } else { "false" };
    let language = move |value: Language, name: &'static str| {
        view! { <button name="language" value=value.as_str() lang=value.as_str() aria-pressed=pressed(value == l)>{name}</button> }
    };
    let view = move |value: &'static str, name: String| {
        view! { <button name="view" value=value aria-pressed=pressed(look.view.unwrap_or("standard") == value)>{name}</button> }
    };
    let theme_now = visit.look.theme.unwrap_or("auto");
    let theme = move |value: &'static str, name: String| {
        view! { <button name="theme" value=value aria-pressed=pressed(theme_now == value)>{name}</button> }
    };
    view! {
        <form class="view" method="post" action="/view">
            <input type="hidden" name="back" value=visit.path.clone()/>
            {visit.csrf_field()}
            <fieldset><legend>{t!(l, common.language)}</legend>{language(Language::Chinese, "中文")}{language(Language::English, "English")}</fieldset>
            <fieldset>
                <legend>{t!(l, common.text_size)}</legend>
                {view("standard", t!(l, common.standard))}{view("elder", t!(l, common.elder))}{view("elder-2", t!(l, common.elder_2))}
                {view("elder-3", t!(l, common.elder_3))}
            </fieldset>
            <fieldset>
                <legend>{t!(l, common.light)}</legend>
                {theme("auto", t!(l, common.theme_auto))}{theme("light", t!(l, common.theme_light))}{theme("dark", t!(l, common.theme_dark))}
            </fieldset>
        </form>
    }
}
