//! `/admin/imports/{id}`: what a file would change, what is wrong with it, how far it is, and the way back.

use super::{columns, list::moment, template, upload::Form, words};
use crate::{
    components::{
        admin::{Danger, crumb_links, page_number, pager},
        field::Field as Input,
        icon::{Icon, icon},
    },
    error::AppError,
    form::{Posted, field_error},
    shell::Page,
    visit::{AsAdmin, Visit},
};
use axum::{
    extract::{Path, Query, Request},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use domain::{
    Admin,
    import::{
        self, Edit, ImportError, View,
        change::{Change, Place, What},
        heads::Field,
        plan::{Mistake, Mode, Plan},
        read::CELL_LIMIT,
        shown::{Line, Noun, Shown},
    },
    row::{HoldingRow, PostRow, StaffRow, UnitRow},
};
use i18n::{number, t, when};
use leptos::prelude::*;
use model::{At, ImportId, ImportState, Language, UnitId, calendar::Calendar};
use serde::Deserialize;
use std::{collections::HashSet, sync::Arc};

/// Lines of the comparison, and mistakes, on one page.
const LINES: usize = 100;
const MISTAKES: usize = 50;

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    noun: String,
    what: String,
    page: Option<String>,
}

/// What the page says besides.
#[derive(Default)]
struct Said {
    error: Option<String>,
    number: Option<String>,
    number_typed: String,
    file: Option<String>,
    undo: Option<String>,
    /// What was typed over cells and is not saved.
    typed: Vec<Edit>,
}

pub async fn show(visit: Visit, AsAdmin(admin): AsAdmin, Path(id): Path<ImportId>, Query(asked): Query<Asked>) -> Result<Response, AppError> {
    page(&visit, &admin, id, &asked, Said::default(), StatusCode::OK).await
}

pub async fn change(
    visit: Visit,
    AsAdmin(admin): AsAdmin,
    Path(id): Path<ImportId>,
    Posted(posted): Posted<Vec<(String, String)>>,
) -> Result<Response, AppError> {
    let (domain, l) = (&visit.app.domain, visit.language);
    let get = |name: &str| posted.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
    let view = import::view(domain, &admin, id).await.map_err(not_found)?;
    let typed = edits(&posted);
    let (intent, is_sure) = (get("intent"), get("confirm") == "yes");
    let result = match intent {
        "correct" => {
            let mode = if get("mode") == Mode::Replace.as_str() { Mode::Replace } else { Mode::Add };
            import::correct(domain, &admin, id, columns::read(&view.settings, &posted), mode).await
        }
        "edit" => import::edit(domain, &admin, id, typed.clone()).await,
        "restart" => import::restart(domain, &admin, id).await,
        "apply" => import::apply(domain, &admin, id, get("mark"), get("number")).await,
        "undo" if is_sure => import::undo(domain, &admin, id).await,
        "drop" if is_sure => import::drop_it(domain, &admin, id).await,
        "undo" | "drop" => {
            let said = Said { undo: Some(t!(l, admin.tick_first)), ..Said::default() };
            return page(&visit, &admin, id, &Asked::default(), said, StatusCode::UNPROCESSABLE_ENTITY).await;
        }
        _ => return Err(AppError::BadRequest),
    };
    let said = match result {
        Ok(()) => return Ok(Redirect::to(&format!("/admin/imports/{id}")).into_response()),
        Err(ImportError::Number(count)) => {
            Said { number_typed: get("number").to_owned(), number: Some(t!(l, import.apply_number_wrong, count = number(count))), ..Said::default() }
        }
        Err(ImportError::Later) => Said { undo: Some(t!(l, import.undo_later)), ..Said::default() },
        Err(ImportError::TooLate) => Said { error: Some(t!(l, import.undo_too_late)), ..Said::default() },
        Err(ImportError::NotNow | ImportError::Mistakes) => Said { error: Some(t!(l, import.not_now)), typed, ..Said::default() },
        Err(ImportError::TooManyEdits) => Said { error: Some(t!(l, import.too_many_edits, limit = import::EDIT_LIMIT)), typed, ..Said::default() },
        Err(ImportError::EditTooLong { place, column }) => {
            let cell = words::cell(l, &view.settings, place, column);
            Said { error: Some(t!(l, import.edit_too_long, cell = cell, limit = CELL_LIMIT)), typed, ..Said::default() }
        }
        Err(ImportError::Read(e)) => Said { error: Some(words::read_error(l, &e)), ..Said::default() },
        Err(e) => return Err(not_found(e)),
    };
    let asked = Asked { page: Some(get("page").to_owned()), ..Asked::default() };
    page(&visit, &admin, id, &asked, said, StatusCode::UNPROCESSABLE_ENTITY).await
}

/// Another file in place of the one that was wrong.
pub async fn replace_file(visit: Visit, AsAdmin(admin): AsAdmin, Path(id): Path<ImportId>, request: Request) -> Result<Response, AppError> {
    let (domain, l) = (&visit.app.domain, visit.language);
    // Whose import it is comes before what was sent.
    import::view(domain, &admin, id).await.map_err(not_found)?;
    let form = Form::read(&visit, request).await?;
    let file = match form.upload {
        None => words::read_error(l, &import::read::ReadError::TooLarge),
        Some(upload) if upload.bytes.is_empty() && upload.file_name.is_empty() => t!(l, import.no_file),
        Some(upload) if upload.bytes.is_empty() => t!(l, import.e_empty),
        Some(upload) => match import::replace_file(domain, &admin, id, upload).await {
            Ok(()) => return Ok(Redirect::to(&format!("/admin/imports/{id}")).into_response()),
            Err(ImportError::Read(e)) => words::read_error(l, &e),
            Err(ImportError::NotNow) => t!(l, import.not_now),
            Err(e) => return Err(not_found(e)),
        },
    };
    let visit = visit.on(format!("/admin/imports/{id}"));
    page(&visit, &admin, id, &Asked::default(), Said { file: Some(file), ..Said::default() }, StatusCode::UNPROCESSABLE_ENTITY).await
}

/// The mistakes as a file, safe to open in a spreadsheet.
pub async fn mistakes_file(visit: Visit, AsAdmin(admin): AsAdmin, Path(id): Path<ImportId>) -> Result<Response, AppError> {
    let l = visit.language;
    let (settings, shown) = import::export_mistakes(&visit.app.domain, &admin, id).await.map_err(not_found)?;
    let mut rows = vec![vec![t!(l, import.row_head), t!(l, import.column), t!(l, import.value), t!(l, import.problem)]];
    rows.extend(
        shown.plan.mistakes.iter().map(|m| vec![words::place(l, &settings, m.place), words::field(l, m.field), m.value.clone(), words::wrong(l, &m.wrong)]),
    );
    Ok(template::file(&format!("{}.csv", t!(l, import.mistakes)), import::template::to_csv(&rows)))
}

fn not_found(e: ImportError) -> AppError {
    match e {
        ImportError::Store(e) => e.into(),
        _ => AppError::NotFound,
    }
}

/// `cell-SHEET-ROW-COLUMN` with what was typed.
fn edits(posted: &[(String, String)]) -> Vec<Edit> {
    let edit = |(key, value): &(String, String)| {
        let mut parts = key.strip_prefix("cell-")?.split('-');
        let place = Place { sheet: parts.next()?.parse().ok()?, row: parts.next()?.parse().ok()? };
        Some(Edit { place, column: parts.next()?.parse().ok()?, value: value.trim().to_owned() })
    };
    posted.iter().filter_map(edit).collect()
}

async fn page(visit: &Visit, admin: &Admin, id: ImportId, asked: &Asked, said: Said, status: StatusCode) -> Result<Response, AppError> {
    let view = import::view(&visit.app.domain, admin, id).await.map_err(not_found)?;
    let l = visit.language;
    let is_working = view.is_working();
    let error = said.error.clone().map(|text| banner("banner bad", Icon::Alert, text));
    let unsaved = unsaved(l, &view, asked, &said.typed);
    let trouble = view.trouble.as_ref().map(|trouble| banner("banner bad", Icon::Alert, words::trouble(l, trouble)));
    let body = if view.is_interrupted {
        interrupted(visit, &view)
    } else if is_working {
        working(visit, &view)
    } else {
        match (view.import.state, view.shown.clone()) {
            (ImportState::Ready, Some(shown)) => ready(visit, &view, &shown, asked, said),
            (ImportState::Ready, None) => interrupted(visit, &view),
            _ => over(visit, &view, asked, said),
        }
    };
    let who = view.import.staff_name.clone().unwrap_or_else(|| t!(l, import.command_line));
    let mode = if view.mode == Mode::Replace { t!(l, import.mode_replace) } else { t!(l, import.mode_add) };
    let main = view! {
        <main id="main" class="wide">
            {crumb_links(l, vec![("/admin/imports".to_owned(), t!(l, import.imports))])}
            <div class="head"><h1>{view.import.file_name.clone()}</h1>{words::state(visit, &view.import)}</div>
            <p class="soft">{view.import.unit_name.clone()}" · "{mode}" · "{who}" · "{moment(visit, view.import.created_at)}</p>
            {error}
            {trouble}
            {unsaved}
            {body}
        </main>
    };
    let page = Page::new(visit, view.import.file_name.clone()).status(status).body_class("at-desk").for_staff(&admin.staff).await?;
    let mut response = page.render(main);
    if is_working {
        // The page looks again by itself, with and without scripts.
        response.headers_mut().insert(header::REFRESH, HeaderValue::from_static("2"));
    }
    Ok(response)
}

fn banner(class: &'static str, glyph: Icon, text: String) -> AnyView {
    view! { <div class=class role="status">{icon(glyph)}<div><p>{text}</p></div></div> }.into_any()
}

fn working(visit: &Visit, view: &View) -> AnyView {
    let l = visit.language;
    let text = match view.import.state {
        ImportState::Applying => t!(l, import.working_applying),
        ImportState::Undoing => t!(l, import.working_undoing),
        _ => t!(l, import.working_planning),
    };
    let progress = view.progress.unwrap_or_default();
    let bar = if progress.total > 0 {
        let numbers = t!(l, import.rows_of, done = number(progress.done), total = number(progress.total));
        view! { <progress max=progress.total.to_string() value=progress.done.to_string() aria-label=text.clone()></progress><p class="num">{numbers}</p> }
            .into_any()
    } else {
        view! { <progress aria-label=text.clone()></progress> }.into_any()
    };
    view! {
        <section class="task wait-bar" aria-live="polite">
            <h2>{text}</h2>
            {bar}
            <p class="soft">{t!(l, import.may_leave)}</p>
            <p><a class="btn alt" href=format!("/admin/imports/{}", view.import.id)>{t!(l, import.look_again)}</a></p>
        </section>
    }
    .into_any()
}

fn interrupted(visit: &Visit, view: &View) -> AnyView {
    let l = visit.language;
    view! {
        <div class="banner bad" role="status">
            {icon(Icon::Alert)}
            <div>
                <p>{t!(l, import.interrupted)}</p>
                <form class="acts" method="post" action=format!("/admin/imports/{}", view.import.id)>
                    {visit.csrf_field()}
                    <button class="btn" name="intent" value="restart">{t!(l, import.restart)}</button>
                </form>
            </div>
        </div>
    }
    .into_any()
}

fn ready(visit: &Visit, view: &View, shown: &Arc<Shown>, asked: &Asked, said: Said) -> AnyView {
    let l = visit.language;
    let plan = &shown.plan;
    let has_mistakes = !plan.mistakes.is_empty();
    let is_unknown = view.settings.reads_nothing();
    let lacks_column = is_unknown || plan.mistakes.iter().any(|mistake| mistake.wrong == import::plan::Wrong::NoColumn);
    let first = if has_mistakes {
        mistakes(visit, view, plan, asked, &said.typed)
    } else if is_unknown {
        view! { <div class="banner bad" role="alert">{icon(Icon::Alert)}<div><p>{t!(l, import.nothing_known)}</p></div></div> }.into_any()
    } else if plan.changes.is_empty() {
        view! { {numbers(l, plan)} {banner("banner", Icon::Tick, t!(l, import.nothing))} }.into_any()
    } else {
        view! {
            {numbers(l, plan)}
            {apply_form(visit, view, plan, said.number, said.number_typed)}
            {comparison(visit, view, shown, asked, t!(l, import.what_changes))}
        }
        .into_any()
    };
    let drop = Danger {
        intent: "drop",
        title: t!(l, import.drop),
        text: t!(l, import.drop_text),
        confirm: t!(l, import.drop_confirm),
        button: t!(l, import.drop),
        error: said.undo,
    };
    let is_file_bad = said.file.is_some();
    view! {
        {first}
        {warnings(visit, view, plan)}
        <details class="fold" open=lacks_column.then_some("")>
            <summary>{icon(Icon::Gear)}<span>{t!(l, import.columns)}</span><span class="turn">{icon(Icon::Turn)}</span></summary>
            <div class="body">{columns::form(visit, view)}</div>
        </details>
        <details class="fold" open=(has_mistakes || is_file_bad).then_some("")>
            <summary>{icon(Icon::Send)}<span>{t!(l, import.again_file)}</span><span class="turn">{icon(Icon::Turn)}</span></summary>
            <form class="body task" method="post" enctype="multipart/form-data" action=format!("/admin/imports/{}/file", view.import.id)>
                {visit.csrf_field()}
                <div class=if is_file_bad { "f bad" } else { "f" }>
                    <label for="file">{t!(l, import.choose_file)}</label>
                    {field_error("file", said.file)}
                    <input
                        class="in"
                        id="file"
                        name="file"
                        type="file"
                        accept=".xlsx,.csv,.txt,.zip,text/csv"
                        required
                        aria-invalid=is_file_bad.then_some("true")
                        aria-describedby=is_file_bad.then_some("file-e")
                    />
                </div>
                <button class="btn alt">{t!(l, import.again_upload)}</button>
            </form>
        </details>
        {drop.to(visit, Some(format!("/admin/imports/{}", view.import.id)))}
    }
    .into_any()
}

fn over(visit: &Visit, view: &View, asked: &Asked, said: Said) -> AnyView {
    let l = visit.language;
    let import = &view.import;
    let calendar = Calendar::standard();
    let (now, day) = (calendar.local(visit.now), |at: At| calendar.local(at));
    let moment = |at: Option<At>| at.map_or(String::new(), |at| when::moment(l, &day(at), &now));
    let comparison = view.shown.clone().filter(|shown| !shown.plan.changes.is_empty()).map(|shown| {
        view! { {numbers(l, &shown.plan)} {comparison(visit, view, &shown, asked, t!(l, import.what_changed))} }
    });
    match import.state {
        ImportState::Applied => {
            let is_open = view.undo_until.is_some_and(|until| until > visit.now);
            let text = match view.undo_until {
                Some(until) if is_open => t!(l, import.done_text, when = moment(import.applied_at), until = when::date(l, &day(until), &now)),
                _ => t!(l, import.done_over, when = moment(import.applied_at)),
            };
            let undo = Danger {
                intent: "undo",
                title: t!(l, import.undo),
                text: t!(l, import.undo_text),
                confirm: t!(l, import.undo_confirm),
                button: t!(l, import.undo),
                error: said.undo,
            };
            view! { {banner("banner", Icon::Tick, text)} {next_steps(l, import.unit_id, view.shown.as_ref().map(|shown| &shown.plan))} {comparison} {is_open.then(|| undo.view(visit))} }.into_any()
        }
        ImportState::Undone => view! { {banner("banner", Icon::Back, t!(l, import.undone_text, when = moment(import.undone_at)))} {comparison} }.into_any(),
        _ => banner("banner", Icon::Close, t!(l, import.dropped_text)),
    }
}

/// What there is to do for what the import has brought.
fn next_steps(l: Language, unit: UnitId, plan: Option<&Plan>) -> impl IntoView + use<> {
    let has = |what: fn(&domain::import::change::Counts) -> usize| plan.is_none_or(|plan| what(&plan.changes.count(What::Added)) > 0);
    let (has_people, has_posts) = (has(|added| added.staff), has(|added| added.posts));
    let step = |glyph: Icon, href: &str, title: String, text: String| {
        let href = href.to_owned();
        view! { <li><a href=href>{icon(glyph)}<span><b>{title}</b><br/><small class="soft">{text}</small></span>{icon(Icon::Turn)}</a></li> }
    };
    let (codes, day_one) = (format!("/admin/units/{unit}/codes"), format!("/admin/units/{unit}/day-one"));
    view! {
        <section>
            <h2>{t!(l, import.next)}</h2>
            <ul class="links">
                {has_people.then(|| step(Icon::Mail, "/admin/invitations", t!(l, import.next_invite), t!(l, import.next_invite_text)))}
                {has_posts.then(|| step(Icon::Qr, &codes, t!(l, import.next_points), t!(l, import.next_points_text)))}
                {step(Icon::Check, &day_one, t!(l, codes.todo_day_one), t!(l, codes.todo_day_one_text))}
            </ul>
        </section>
    }
}

fn numbers(l: Language, plan: &Plan) -> impl IntoView + use<> {
    let mut all: Vec<(String, usize)> = What::ALL.map(|what| (words::what(l, what), plan.changes.count(what).sum())).to_vec();
    all.push((t!(l, import.unchanged), plan.unchanged.sum()));
    let items: Vec<_> = all.into_iter().map(|(name, count)| view! { <div><dt>{name}</dt><dd>{number(count)}</dd></div> }).collect();
    view! { <dl class="stats five">{items}</dl> }
}

fn apply_form(visit: &Visit, view: &View, plan: &Plan, error: Option<String>, said: String) -> AnyView {
    let l = visit.language;
    let typed =
        plan.ends_much().then(|| Input::new("number", t!(l, import.apply_number, count = number(plan.ending()))).short().value(said).error(error).view());
    let mails = (plan.changes.count(What::Added).staff > 0).then(|| view! { <p class="hint">{t!(l, import.apply_mails)}</p> });
    view! {
        <form class="task boxed" method="post" action=format!("/admin/imports/{}", view.import.id)>
            {visit.csrf_field()}
            <input type="hidden" name="intent" value="apply"/>
            <input type="hidden" name="mark" value=view.import.mark.clone().unwrap_or_default()/>
            <p>{t!(l, import.apply_text)}</p>
            {mails}
            {typed}
            <div class="acts"><button class="btn">{icon(Icon::Tick)}{t!(l, import.apply)}</button></div>
        </form>
    }
    .into_any()
}

fn page_of(asked: &Asked) -> usize {
    usize::try_from(page_number(asked.page.as_deref())).unwrap_or(0)
}

fn on_page<'p>(plan: &'p Plan, asked: &Asked) -> impl Iterator<Item = &'p Mistake> + use<'p> {
    plan.mistakes.iter().skip(page_of(asked) * MISTAKES).take(MISTAKES)
}

/// What was typed and is not saved, as far as it does not stand in a field of this page: so that nobody has to think of it once more.
fn unsaved(l: Language, view: &View, asked: &Asked, typed: &[Edit]) -> Option<AnyView> {
    let shown = view.shown.as_ref().filter(|_| view.import.state == ImportState::Ready && !view.is_working());
    let fields: HashSet<_> = shown.into_iter().flat_map(|shown| on_page(&shown.plan, asked)).filter_map(|mistake| cell_of(view, mistake)).collect();
    let lost: Vec<_> = typed
        .iter()
        .filter(|edit| !edit.value.is_empty() && !fields.contains(&(edit.place, edit.column)))
        .map(|edit| view! { <li><span>{words::cell(l, &view.settings, edit.place, edit.column)}</span><span>{edit.value.clone()}</span></li> })
        .collect();
    (!lost.is_empty()).then(|| view! { <section class="task"><h2>{t!(l, import.unsaved)}</h2><ul class="items">{lost}</ul></section> }.into_any())
}

/// The cell that a mistake is about, if it can be typed over.
fn cell_of(view: &View, mistake: &Mistake) -> Option<(Place, usize)> {
    let column = column_of(view, mistake.place.sheet, mistake.field).filter(|_| mistake.wrong != import::plan::Wrong::NoColumn)?;
    Some((mistake.place, column))
}

/// Every wrong cell with what is wrong, to be typed over.
fn mistakes(visit: &Visit, view: &View, plan: &Plan, asked: &Asked, typed: &[Edit]) -> AnyView {
    let l = visit.language;
    let page = page_of(asked);
    let count = plan.mistakes.len();
    let lines: Vec<_> = on_page(plan, asked).enumerate().map(|(i, mistake)| mistake_line(l, view, i, mistake, typed)).collect();
    let can_type = on_page(plan, asked).any(|mistake| cell_of(view, mistake).is_some());
    let many = (count >= 2_000).then(|| view! { <p>{t!(l, import.mistakes_many, count = number(count))}</p> });
    let base = format!("/admin/imports/{}", view.import.id);
    view! {
        <div class="banner bad" role="alert">
            {icon(Icon::Alert)}
            <div><h2>{t!(l, import.mistakes_title, count = number(count))}</h2><p>{t!(l, import.mistakes_text)}</p>{many}</div>
        </div>
        <form method="post" action=base.clone()>
            {visit.csrf_field()}
            <input type="hidden" name="intent" value="edit"/>
            <input type="hidden" name="page" value=page.to_string()/>
            <table class="tab">
                <thead>
                    <tr>
                        <th scope="col">{t!(l, import.row_head)}</th>
                        <th scope="col">{t!(l, import.column)}</th>
                        <th scope="col">{t!(l, import.value)}</th>
                        <th scope="col">{t!(l, import.problem)}</th>
                    </tr>
                </thead>
                <tbody>{lines}</tbody>
            </table>
            <div class="acts">
                {can_type.then(|| view! { <button class="btn">{icon(Icon::Eye)}{t!(l, import.mistakes_save)}</button> })}
                <a class="btn alt" href=format!("{base}/mistakes.csv") download="">{icon(Icon::Print)}{t!(l, import.mistakes_download)}</a>
            </div>
        </form>
        {pager(l, &format!("{base}?page="), page as i64, count > (page + 1) * MISTAKES)}
    }
    .into_any()
}

fn mistake_line(l: Language, view: &View, i: usize, mistake: &Mistake, typed: &[Edit]) -> impl IntoView + use<> {
    let place = words::place(l, &view.settings, mistake.place);
    let (why, name) = (format!("why-{i}"), words::field(l, mistake.field));
    let cell = match cell_of(view, mistake) {
        Some((cell, column)) => {
            let typed = typed.iter().find(|edit| (edit.place, edit.column) == (cell, column));
            let value = typed.map_or(&mistake.value, |edit| &edit.value).clone();
            let label = format!("{place} {name}");
            let field = format!("cell-{}-{}-{column}", mistake.place.sheet, mistake.place.row);
            view! { <input class="in" name=field value=value aria-label=label aria-invalid="true" aria-describedby=why.clone() autocomplete="off"/> }.into_any()
        }
        None => mistake.value.clone().into_any(),
    };
    view! {
        <tr>
            <th scope="row">{place}</th>
            <td data-l=t!(l, import.column)>{name}</td>
            <td data-l=t!(l, import.value)>{cell}</td>
            <td data-l=t!(l, import.problem) id=why>{words::wrong(l, &mistake.wrong)}</td>
        </tr>
    }
}

fn column_of(view: &View, sheet: usize, field: Field) -> Option<usize> {
    view.settings.choices.get(sheet)?.columns.iter().position(|column| *column == Some(field))
}

fn warnings(visit: &Visit, view: &View, plan: &Plan) -> Option<impl IntoView + use<>> {
    let l = visit.language;
    let lines: Vec<_> = plan
        .warnings
        .iter()
        .take(LINES)
        .map(|warning| {
            let place = words::place(l, &view.settings, warning.place);
            view! { <li><span>{place}" · "{warning.value.clone()}</span><span>{words::warning(l, warning)}</span></li> }
        })
        .collect();
    (!lines.is_empty()).then(|| {
        view! {
            <details class="fold">
                <summary>
                    {icon(Icon::Info)}<span>{t!(l, import.warnings_title, count = number(plan.warnings.len()))}</span><span class="turn">{icon(Icon::Turn)}</span>
                </summary>
                <div class="body"><p class="soft">{t!(l, import.warnings_text)}</p><ul class="items">{lines}</ul></div>
            </details>
        }
    })
}

/// The changes of one noun, a page at a time.
fn comparison(visit: &Visit, view: &View, shown: &Shown, asked: &Asked, title: String) -> AnyView {
    let l = visit.language;
    let changes = &shown.plan.changes;
    let totals = [changes.units.len(), changes.posts.len(), changes.staff.len(), changes.holdings.len()];
    let asked_noun = Noun::ALL.into_iter().find(|noun| noun.as_str() == asked.noun);
    let first = Noun::ALL.into_iter().zip(totals).find(|(_, total)| *total > 0).map_or(Noun::Unit, |(noun, _)| noun);
    let noun = asked_noun.unwrap_or(first);
    let what = What::ALL.into_iter().find(|what| what.as_str() == asked.what);
    let page = usize::try_from(page_number(asked.page.as_deref())).unwrap_or(0);
    let base = format!("/admin/imports/{}", view.import.id);
    let nouns: Vec<_> = Noun::ALL
        .into_iter()
        .zip(totals)
        .map(|(n, total)| {
            let href = format!("{base}?noun={}#changes", n.as_str());
            view! { <a href=href aria-current=(n == noun).then_some("page")>{words::noun(l, n)}" "<span class="num">{number(total)}</span></a> }
        })
        .collect();
    let all = shown.lines(noun, None).len();
    let chip = |name: String, word: &str, count: usize, is_here: bool| {
        let href = format!("{base}?noun={}&what={word}#changes", noun.as_str());
        view! { <a class="chip" href=href aria-current=is_here.then_some("true")>{name}" "{number(count)}</a> }
    };
    let mut chips = vec![chip(t!(l, import.all), "", all, what.is_none()).into_any()];
    for kind in What::ALL {
        let count = shown.lines(noun, Some(kind)).len();
        if count > 0 {
            chips.push(chip(words::what(l, kind), kind.as_str(), count, what == Some(kind)).into_any());
        }
    }
    let lines = shown.lines(noun, what);
    let has_more = lines.len() > (page + 1) * LINES;
    let rows: Vec<_> = lines.iter().skip(page * LINES).take(LINES).map(|line| change_line(visit, view, shown, line)).collect();
    let table = if rows.is_empty() {
        view! { <p>{t!(l, import.nothing_here)}</p> }.into_any()
    } else {
        view! {
            <table class="tab">
                <thead>
                    <tr>
                        <th scope="col">{t!(l, import.what)}</th>
                        <th scope="col">{t!(l, import.thing)}</th>
                        <th scope="col">{t!(l, import.detail)}</th>
                        <th scope="col">{t!(l, import.row_head)}</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        }
        .into_any()
    };
    let next = format!("{base}?noun={}&what={}&page=", noun.as_str(), what.map_or("", What::as_str));
    view! {
        <section id="changes">
            <h2>{title}</h2>
            <nav class="tabs" aria-label=t!(l, import.changes)>{nouns}</nav>
            <p class="chips">{chips}</p>
            {table}
            {pager(l, &next, page as i64, has_more)}
        </section>
    }
    .into_any()
}

fn change_line(visit: &Visit, view: &View, shown: &Shown, line: &Line<'_>) -> impl IntoView + use<> {
    let l = visit.language;
    let (name, details, place) = match line {
        Line::Unit(change) => (change.shown().map_or(String::new(), |unit| unit.name.clone()), unit_details(l, shown, change), change.place),
        Line::Post(change) => (change.shown().map_or(String::new(), |post| post.title.clone()), post_details(l, shown, change), change.place),
        Line::Staff(change) => (change.shown().map_or(String::new(), |person| person.name.clone()), staff_details(l, shown, change), change.place),
        Line::Holding(change) => {
            let name = change.shown().map_or(String::new(), |h| format!("{} · {}", shown.person(h.staff_id), shown.post(h.post_id)));
            (name, holding_details(visit, change), change.place)
        }
    };
    let row = place.map_or("—".to_owned(), |place| words::place(l, &view.settings, place));
    view! {
        <tr>
            <td data-l=t!(l, import.what)>{words::what_tag(l, line.what())}</td>
            <th scope="row">{name}</th>
            <td data-l=t!(l, import.detail)>{details.join(&t!(l, common.comma))}</td>
            <td data-l=t!(l, import.row_head)>{row}</td>
        </tr>
    }
}

/// How a part of something reads, and what it is called.
type Part<'a, T> = (&'a dyn Fn(&T) -> String, String);

/// What is another than before, as `before → after`; of something new, what it has.
fn differences<T>(l: Language, change: &Change<T>, parts: &[Part<'_, T>]) -> Vec<String> {
    let mut all = Vec::new();
    for (part, name) in parts {
        let (before, after) = (change.before.as_ref().map(part), change.after.as_ref().map(part));
        match (before, after) {
            (Some(before), Some(after)) if before != after => {
                let or = |text: String| if text.is_empty() { "—".to_owned() } else { text };
                let difference = t!(l, import.from_to, before = or(before), after = or(after));
                all.push(if name.is_empty() { difference } else { format!("{name} {difference}") });
            }
            (Some(_), Some(_)) => {}
            (None, Some(only)) | (Some(only), None) if !only.is_empty() => all.push(only),
            _ => {}
        }
    }
    all
}

fn unit_details(l: Language, shown: &Shown, change: &Change<UnitRow>) -> Vec<String> {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let mut details = Vec::new();
    let is_moved = change.what() == What::Moved;
    if let (false, Some(unit)) = (is_moved, change.shown())
        && !shown.unit(unit.parent_id).is_empty()
    {
        details.push(t!(l, import.below, name = shown.unit(unit.parent_id).to_owned()));
    }
    let kind = |unit: &UnitRow| crate::components::admin::kind_name(l, unit.kind);
    let name = |unit: &UnitRow| if change.before.is_some() && change.after.is_some() { unit.name.clone() } else { String::new() };
    let parent = |unit: &UnitRow| if is_moved { shown.unit(unit.parent_id).to_owned() } else { String::new() };
    let (code, english) = (|unit: &UnitRow| text(&unit.code), |unit: &UnitRow| text(&unit.name_en));
    details.extend(differences(
        l,
        change,
        &[
            (&name, String::new()),
            (&parent, t!(l, import.f_parent_name)),
            (&kind, String::new()),
            (&code, t!(l, import.f_unit_code)),
            (&english, t!(l, import.f_unit_name_en)),
        ],
    ));
    details
}

fn post_details(l: Language, shown: &Shown, change: &Change<PostRow>) -> Vec<String> {
    let unit = change.shown().map_or(String::new(), |post| t!(l, import.at_unit, name = shown.unit(Some(post.unit_id)).to_owned()));
    let is_both = change.before.is_some() && change.after.is_some();
    let title = |post: &PostRow| if is_both { post.title.clone() } else { String::new() };
    let english = |post: &PostRow| post.title_en.clone().unwrap_or_default();
    let mut details = vec![unit];
    details.extend(differences(l, change, &[(&title, String::new()), (&english, t!(l, import.f_post_title_en))]));
    details
}

fn staff_details(l: Language, shown: &Shown, change: &Change<StaffRow>) -> Vec<String> {
    let is_both = change.before.is_some() && change.after.is_some();
    let is_moved = change.what() == What::Moved;
    let name = |person: &StaffRow| if is_both { person.name.clone() } else { String::new() };
    let email = |person: &StaffRow| person.email.clone();
    let phone = |person: &StaffRow| person.phone.clone().unwrap_or_default();
    let title = |person: &StaffRow| person.title.clone().unwrap_or_default();
    let unit = |person: &StaffRow| if is_moved { shown.unit(person.unit_id).to_owned() } else { String::new() };
    differences(
        l,
        change,
        &[
            (&name, String::new()),
            (&email, String::new()),
            (&phone, t!(l, import.f_phone)),
            (&title, t!(l, import.f_person_title)),
            (&unit, t!(l, import.f_unit_name)),
        ],
    )
}

fn holding_details(visit: &Visit, change: &Change<HoldingRow>) -> Vec<String> {
    let l = visit.language;
    let calendar = Calendar::standard();
    let day = |at: At| when::date(l, &calendar.local(at), &calendar.local(visit.now));
    let Some(after) = &change.after else { return Vec::new() };
    let mut details = Vec::new();
    if change.before.as_ref().is_none_or(|before| before.from_at != after.from_at) {
        details.push(t!(l, import.since, day = day(after.from_at)));
    }
    if let Some(until) = after.until_at.filter(|until| change.before.as_ref().is_none_or(|before| before.until_at != Some(*until))) {
        // The last day, not the first one after it.
        details.push(t!(l, import.until, day = day(until.plus_seconds(-1))));
    }
    details
}
