//! `/admin/units/{id}/calendar`: the hours of a week, holidays and make-up workdays.

use crate::{
    components::{
        admin::{Done, choice, crumbs, saved},
        field::{Field, summary, titled_summary},
        icon::{Icon, icon},
    },
    error::AppError,
    form::{Posted, field_error, text_error},
    shell::Page,
    visit::{AsAdmin, Visit},
};
use axum::{
    extract::{FromRequest, Multipart, Path, Query, Request, multipart::MultipartError},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use domain::{
    Admin,
    calendar::{self, CalendarError, Imported, Mistakes, Typed, View, WEEKDAYS},
};
use i18n::{t, when};
use jiff::civil::Date;
use leptos::prelude::*;
use model::{
    DayKind, Language, UnitId,
    calendar::{IcsError, IntervalError},
};
use serde::Deserialize;

/// The names of the fields of the week, Monday first.
const FIELDS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
/// Bytes of a calendar file; three years of holidays are 24 kB.
const FILE_LIMIT: usize = 1024 * 1024;
/// Bytes of the form around it.
pub const BODY_LIMIT: usize = FILE_LIMIT + 64 * 1024;

/// The forms of the page in one: `intent` says which was sent.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Draft {
    intent: String,
    zone: String,
    mon: String,
    tue: String,
    wed: String,
    thu: String,
    fri: String,
    sat: String,
    sun: String,
    date: String,
    kind: String,
    name: String,
    ics: String,
}

impl Draft {
    fn typed(&self) -> Typed {
        let days = [&self.mon, &self.tue, &self.wed, &self.thu, &self.fri, &self.sat, &self.sun];
        Typed { zone: self.zone.clone(), days: days.map(Clone::clone) }
    }
}

/// What the page says besides the calendar itself.
#[derive(Default)]
struct Said {
    /// The week as typed, when it was not kept.
    week: Option<(Typed, Mistakes)>,
    day: Option<String>,
    typed_day: (String, String, String),
    ics: Option<String>,
    imported: Option<Imported>,
}

pub async fn show(visit: Visit, AsAdmin(admin): AsAdmin, Path(id): Path<UnitId>, Query(done): Query<Done>) -> Result<Response, AppError> {
    page(&visit, &admin, id, &done, Said::default(), StatusCode::OK).await
}

pub async fn change(
    visit: Visit,
    AsAdmin(admin): AsAdmin,
    Path(id): Path<UnitId>,
    Query(done): Query<Done>,
    Posted(draft): Posted<Draft>,
) -> Result<Response, AppError> {
    let domain = &visit.app.domain;
    let l = visit.language;
    let kind = draft.kind.parse().unwrap_or(DayKind::Off);
    let result = match draft.intent.as_str() {
        "paste" => return imported(&visit, &admin, id, &draft.ics).await,
        "day" => calendar::set_day(domain, &admin, id, &draft.date, kind, &draft.name).await,
        "remove" => calendar::remove_day(domain, &admin, id, &draft.date).await,
        "inherit" => calendar::inherit(domain, &admin, id).await,
        _ => calendar::save(domain, &admin, id, &draft.typed()).await,
    };
    let said = match result {
        Ok(()) => {
            let month = draft.date.get(..7).filter(|_| draft.intent == "day" || draft.intent == "remove").map(str::to_owned).or(done.month);
            let month = month.filter(|m| first_of(m).is_some()).map(|m| format!("&month={m}")).unwrap_or_default();
            return Ok(Redirect::to(&format!("/admin/units/{id}/calendar?saved=1{month}")).into_response());
        }
        Err(CalendarError::Invalid(mistakes)) => Said { week: Some((draft.typed(), *mistakes)), ..Said::default() },
        Err(CalendarError::NotADate) => Said { day: Some(t!(l, admin.not_a_date)), typed_day: (draft.date, draft.kind, draft.name), ..Said::default() },
        Err(CalendarError::Name(e)) => Said { day: Some(text_error(l, e)), typed_day: (draft.date, draft.kind, draft.name), ..Said::default() },
        Err(CalendarError::Locked) => return Ok(Redirect::to(&format!("/admin/units/{id}/calendar")).into_response()),
        Err(CalendarError::NotFound | CalendarError::Ics(_)) => return Err(AppError::NotFound),
        Err(CalendarError::Store(e)) => return Err(e.into()),
    };
    page(&visit, &admin, id, &Done::default(), said, StatusCode::UNPROCESSABLE_ENTITY).await
}

pub async fn import(visit: Visit, AsAdmin(admin): AsAdmin, Path(id): Path<UnitId>, request: Request) -> Result<Response, AppError> {
    // Whose unit it is comes before what was sent.
    calendar::view(&visit.app.domain, &admin, id).await?.ok_or(AppError::NotFound)?;
    let mut form = Multipart::from_request(request, &()).await.map_err(|_| AppError::BadRequest)?;
    let mut text = String::new();
    while let Some(mut field) = form.next_field().await.map_err(unreadable)? {
        if field.name() != Some("ics") {
            continue;
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = field.chunk().await.map_err(unreadable)? {
            if bytes.len() + chunk.len() > FILE_LIMIT {
                return Err(AppError::TooLarge);
            }
            bytes.extend_from_slice(&chunk);
        }
        text = String::from_utf8_lossy(&bytes).into_owned();
    }
    imported(&visit.on(format!("/admin/units/{id}/calendar")), &admin, id, &text).await
}

fn unreadable(e: MultipartError) -> AppError {
    if e.status() == StatusCode::PAYLOAD_TOO_LARGE { AppError::TooLarge } else { AppError::BadRequest }
}

async fn imported(visit: &Visit, admin: &Admin, id: UnitId, text: &str) -> Result<Response, AppError> {
    match calendar::import(&visit.app.domain, admin, id, text).await {
        Ok(imported) => {
            let month = imported.last.map(|date| date.to_string()[..7].to_owned());
            page(visit, admin, id, &Done { month, ..Done::default() }, Said { imported: Some(imported), ..Said::default() }, StatusCode::OK).await
        }
        Err(CalendarError::Ics(e)) => {
            let said = Said { ics: Some(ics_error(visit.language, &e)), ..Said::default() };
            page(visit, admin, id, &Done::default(), said, StatusCode::UNPROCESSABLE_ENTITY).await
        }
        Err(CalendarError::Store(e)) => Err(e.into()),
        Err(_) => Err(AppError::NotFound),
    }
}

fn ics_error(l: Language, e: &IcsError) -> String {
    match e {
        IcsError::TooLarge { .. } | IcsError::TooManyDays => t!(l, admin.ics_too_large),
        IcsError::NotACalendar => t!(l, admin.ics_not_a_calendar),
        IcsError::Broken { line } => t!(l, admin.ics_broken, line = *line),
        IcsError::BadDate { line, text } => t!(l, admin.ics_bad_date, line = *line, text = text.clone()),
        IcsError::EndsBeforeStart { line } => t!(l, admin.ics_ends_before, line = *line),
        IcsError::TooLong { line } => t!(l, admin.ics_too_long, line = *line),
        IcsError::NoHoliday { ignored } => t!(l, admin.ics_no_holiday, count = *ignored),
    }
}

fn interval_error(l: Language, e: &IntervalError) -> String {
    match e {
        IntervalError::BadTime { text } => t!(l, admin.bad_time, text = text.clone()),
        IntervalError::NoEnd { text } => t!(l, admin.no_end, text = text.clone()),
        IntervalError::EndsBeforeStart { from, until } => t!(l, admin.ends_before_start, from = from.to_string(), until = until.to_string()),
        IntervalError::Overlap { first, second } => t!(l, admin.overlap, first = first.to_string(), second = second.to_string()),
    }
}

async fn page(visit: &Visit, admin: &Admin, id: UnitId, done: &Done, said: Said, status: StatusCode) -> Result<Response, AppError> {
    let view = calendar::view(&visit.app.domain, admin, id).await?.ok_or(AppError::NotFound)?;
    let l = visit.language;
    let today = view.calendar.calendar.local(visit.now).date();
    let first = done.month.as_deref().and_then(first_of).unwrap_or_else(|| today.first_of_month());
    let mut above = view.above.clone();
    above.push(view.unit.clone());
    let news = said.imported.as_ref().map(|imported| import_banner(visit, &view, imported));
    // What a unit above has locked can be looked at here, not changed.
    let is_open = view.locked_by.is_none();
    let week = if is_open { week_form(visit, &view, said.week).into_any() } else { view! { <p>{when::week(l, &view.calendar.calendar)}</p> }.into_any() };
    let forms = is_open.then(|| view! { {day_form(visit, first, said.day, said.typed_day)}{import_forms(visit, &view, said.ics.clone())} });
    let main = view! {
        <main id="main" class="wide">
            {crumbs(l, &above)}
            <h1>{t!(l, admin.working_calendar)}</h1>
            <p class="soft">{t!(l, admin.calendar_hint)}</p>
            {saved(l, done.saved.is_some())}
            {summary(l, &[("ics", said.ics.clone())])}
            {news}
            {whose(visit, &view)}
            <div class="two">
                <section><h2>{t!(l, admin.every_week)}</h2>{week}</section>
                <div>
                    {month(visit, &view, first, today)}
                    {forms}
                </div>
            </div>
        </main>
    };
    Ok(Page::new(visit, t!(l, admin.working_calendar)).status(status).body_class("at-desk").for_staff(&admin.staff).await?.render(main))
}

/// `2026-10` as its first date.
fn first_of(month: &str) -> Option<Date> {
    format!("{month}-01").parse().ok()
}

fn import_banner(visit: &Visit, view: &View, imported: &Imported) -> impl IntoView + use<> {
    let l = visit.language;
    let years = match (imported.first, imported.last) {
        (Some(first), Some(last)) if first.year() == last.year() => first.year().to_string(),
        (Some(first), Some(last)) => format!("{}–{}", first.year(), last.year()),
        _ => String::new(),
    };
    let ignored = (imported.ignored > 0).then(|| view! { <p>{t!(l, admin.imported_ignored, count = imported.ignored)}</p> });
    let text = t!(l, admin.imported, years = years, off = imported.off, work = imported.work, name = view.unit.name.clone());
    view! { <div class="banner" role="status">{icon(Icon::Tick)}<div><p>{text}</p>{ignored}</div></div> }
}

/// Whose calendar this is, and the way back to the one above.
fn whose(visit: &Visit, view: &View) -> impl IntoView + use<> {
    let l = visit.language;
    let text = match &view.of {
        Some(_) if view.is_own() => t!(l, admin.calendar_own),
        Some(unit) => t!(l, admin.calendar_of, name = unit.name.clone()),
        None => t!(l, admin.calendar_standard),
    };
    let hint = match &view.locked_by {
        Some(unit) => Some(t!(l, setting.locked_by, name = unit.name.clone())),
        None => (!view.is_own()).then(|| t!(l, admin.calendar_becomes_own)),
    };
    let back = (view.is_own() && !view.above.is_empty()).then(|| {
        view! {
            <form class="acts" method="post" action=visit.path.clone()>
                {visit.csrf_field()}
                <button class="btn alt" name="intent" value="inherit">{t!(l, admin.calendar_inherit)}</button>
            </form>
        }
    });
    view! { <div class="banner">{icon(Icon::Calendar)}<div><p>{text}" "{hint}</p>{back}</div></div> }
}

fn week_form(visit: &Visit, view: &View, said: Option<(Typed, Mistakes)>) -> impl IntoView + use<> {
    let l = visit.language;
    let is_bad = said.is_some();
    let (typed, mistakes) = said.unwrap_or_else(|| (view.typed(), Mistakes::default()));
    let day_errors: [Option<String>; 7] = std::array::from_fn(|i| mistakes.days[i].as_ref().map(|e| interval_error(l, e)));
    let zone_error = mistakes.zone.then(|| t!(l, admin.zone_unknown));
    let mut wrong: Vec<(&'static str, String)> = Vec::new();
    for (i, error) in day_errors.iter().enumerate() {
        wrong.extend(error.iter().map(|e| (FIELDS[i], format!("{}{}{e}", when::weekday_name(l, WEEKDAYS[i]), t!(l, common.colon)))));
    }
    wrong.extend(mistakes.no_hours.then(|| (FIELDS[0], t!(l, admin.no_hours))));
    wrong.extend(zone_error.clone().map(|e| ("zone", e)));
    let sum = is_bad.then(|| titled_summary(t!(l, admin.please_correct), wrong));
    let lines: Vec<_> = typed
        .days
        .into_iter()
        .zip(day_errors)
        .enumerate()
        .map(|(i, (hours, error))| {
            let (id, is_bad) = (FIELDS[i], error.is_some());
            view! {
                <div class=if is_bad { "day f bad" } else { "day" }>
                    <label for=id>{when::weekday_name(l, WEEKDAYS[i])}</label>
                    <div class="spans">
                        {field_error(id, error)}
                        <input
                            class="in"
                            id=id
                            name=id
                            value=hours
                            autocomplete="off"
                            spellcheck="false"
                            placeholder=t!(l, admin.day_off)
                            aria-invalid=is_bad.then_some("true")
                            aria-describedby=if is_bad { format!("{id}-e week-h") } else { "week-h".to_owned() }
                        />
                    </div>
                </div>
            }
        })
        .collect();
    view! {
        {sum}
        <form class="task" method="post" action=visit.path.clone()>
            {visit.csrf_field()}
            <input type="hidden" name="intent" value="save"/>
            <p class="hint" id="week-h">{t!(l, admin.week_hint)}</p>
            {lines}
            {Field::new("zone", t!(l, admin.zone)).value(typed.zone).hint(t!(l, admin.zone_hint)).error(zone_error).view()}
            <button class="btn">{t!(l, common.save)}</button>
        </form>
    }
}

/// One month, each day with what is special about it.
fn month(visit: &Visit, view: &View, first: Date, today: Date) -> impl IntoView + use<> {
    let l = visit.language;
    let id = view.unit.id;
    let link = |date: Date, name: String| {
        let month = date.to_string();
        view! { <a class="btn text" href=format!("/admin/units/{id}/calendar?month={}", &month[..7])>{name}</a> }
    };
    let before = first.yesterday().ok().map(|date| link(date, t!(l, admin.previous_month)));
    let after = first.last_of_month().tomorrow().ok().map(|date| link(date, t!(l, admin.next_month)));
    let heads: Vec<_> = WEEKDAYS.map(|day| view! { <th scope="col">{when::weekday_name(l, day)}</th> }).into_iter().collect();
    let lead = usize::from(first.weekday().to_monday_zero_offset().unsigned_abs());
    let length = usize::from(first.days_in_month().unsigned_abs());
    let mut cells: Vec<AnyView> = (0..lead).map(|_| view! { <td class="out"></td> }.into_any()).collect();
    cells.extend(first.series(jiff::Span::new().days(1)).take(length).map(|date| cell(l, view, date, today)));
    while !cells.len().is_multiple_of(7) {
        cells.push(view! { <td class="out"></td> }.into_any());
    }
    let mut rows = Vec::new();
    let mut cells = cells.into_iter();
    while cells.len() > 0 {
        rows.push(view! { <tr>{cells.by_ref().take(7).collect::<Vec<_>>()}</tr> });
    }
    let title = match l {
        Language::Chinese => first.strftime("%Y 年 %-m 月").to_string(),
        Language::English => first.strftime("%B %Y").to_string(),
    };
    view! {
        <section>
            <div class="head"><h2>{title}</h2><div class="acts">{before}{after}</div></div>
            <table class="month"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>
            <p class="soft">
                <span class="mark-off">{t!(l, admin.mark_off)}</span>" "{t!(l, admin.holiday)}" · "<span class="mark-on">{t!(l, admin.mark_work)}</span>" "
                {t!(l, admin.make_up)}
            </p>
        </section>
    }
}

fn cell(l: Language, view: &View, date: Date, today: Date) -> AnyView {
    let calendar = &view.calendar.calendar;
    let day = calendar.days.get(&date);
    let mark = day.map(|day| match day.kind {
        DayKind::Off => view! { <span class="mark-off">{t!(l, admin.mark_off)}</span> }.into_any(),
        DayKind::Work => view! { <span class="mark-on">{t!(l, admin.mark_work)}</span> }.into_any(),
    });
    let name = day.map(|day| day.name.clone()).filter(|name| !name.is_empty()).map(|name| view! { <small>{name}</small> });
    let class = calendar.hours(date).is_empty().then_some("rest");
    view! { <td class=class aria-current=(date == today).then_some("date")>{date.day()}{mark}{name}</td> }.into_any()
}

fn day_form(visit: &Visit, first: Date, error: Option<String>, typed: (String, String, String)) -> impl IntoView + use<> {
    let l = visit.language;
    let date = if typed.0.is_empty() { first.to_string() } else { typed.0 };
    let kinds = vec![(DayKind::Off.to_string(), t!(l, admin.holiday)), (DayKind::Work.to_string(), t!(l, admin.make_up))];
    view! {
        <section>
            <h2>{t!(l, admin.single_day)}</h2>
            <form class="task" method="post" action=visit.path.clone()>
                {visit.csrf_field()}
                {Field::new("date", t!(l, admin.date)).kind("date").short().value(date).error(error).view()}
                {choice("kind", t!(l, admin.is_what), kinds, &typed.1, None, None)}
                {Field::new("name", t!(l, admin.day_name)).optional().value(typed.2).hint(t!(l, admin.day_name_hint)).view()}
                <div class="acts">
                    <button class="btn alt" name="intent" value="day">{t!(l, admin.set_day)}</button>
                    <button class="btn text" name="intent" value="remove">{t!(l, admin.remove_day)}</button>
                </div>
            </form>
        </section>
    }
}

fn import_forms(visit: &Visit, view: &View, error: Option<String>) -> impl IntoView + use<> {
    let l = visit.language;
    let is_bad = error.is_some();
    view! {
        <section>
            <h2>{t!(l, admin.import)}</h2>
            <form class="task" method="post" enctype="multipart/form-data" action=format!("/admin/units/{}/calendar/import", view.unit.id)>
                {visit.csrf_field()}
                <div class=if is_bad { "f bad" } else { "f" }>
                    <label for="ics">{t!(l, admin.ics_file)}</label>
                    <p class="hint" id="ics-h">{t!(l, admin.ics_hint)}</p>
                    {field_error("ics", error)}
                    <input
                        class="in"
                        id="ics"
                        name="ics"
                        type="file"
                        accept=".ics,text/calendar"
                        required
                        aria-invalid=is_bad.then_some("true")
                        aria-describedby=if is_bad { "ics-h ics-e" } else { "ics-h" }
                    />
                </div>
                <button class="btn alt">{t!(l, admin.import_button)}</button>
            </form>
            <details class="fold">
                <summary><span>{t!(l, admin.paste)}</span><span class="turn">{icon(Icon::Turn)}</span></summary>
                <form class="body" method="post" action=format!("/admin/units/{}/calendar", view.unit.id)>
                    {visit.csrf_field()}
                    <input type="hidden" name="intent" value="paste"/>
                    <div class="f">
                        <label for="text">{t!(l, admin.paste_label)}</label>
                        <textarea class="in" id="text" name="ics" rows="5" required></textarea>
                    </div>
                    <button class="btn alt">{t!(l, admin.import_button)}</button>
                </form>
            </details>
        </section>
    }
}
