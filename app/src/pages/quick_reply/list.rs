//! `/quick-replies`: those of the posts I hold, and a form to add or edit one.

use crate::{
    components::{
        field::{Field, described_by, summary},
        icon::{Icon, icon},
    },
    error::AppError,
    form::{Posted, field_error, inside, text_error},
    shell::Page,
    visit::{SignedIn, Visit},
};
use axum::{
    extract::Query,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use domain::{
    Staff,
    quick_reply::{self, QuickReplyError, Shelf},
    row::QuickReply,
};
use i18n::t;
use leptos::prelude::*;
use model::{Language, PostId, QuickReplyId, text::MESSAGE_LIMIT};
use serde::Deserialize;

#[derive(Deserialize)]
pub struct Asked {
    /// The quick reply to edit.
    edit: Option<String>,
}

pub async fn show(visit: Visit, SignedIn(staff): SignedIn, Query(Asked { edit }): Query<Asked>) -> Result<Response, AppError> {
    let draft = match edit {
        None => Draft::default(),
        Some(id) => match quick_reply::find(&visit.app.domain, &staff, id.parse().map_err(|_| AppError::NotFound)?).await {
            Ok(reply) => Draft { edits: Some(reply.id), post: Some(reply.post_id), title: reply.title, body: reply.body, ..Draft::default() },
            Err(QuickReplyError::Store(e)) => return Err(e.into()),
            Err(_) => return Err(AppError::NotFound),
        },
    };
    page(&visit, &staff, draft).await
}

#[derive(Deserialize)]
#[serde(tag = "intent", rename_all = "kebab-case")]
pub enum Change {
    Add {
        post: PostId,
        #[serde(default)]
        title: String,
        #[serde(default)]
        text: String,
    },
    Edit {
        id: QuickReplyId,
        #[serde(default)]
        title: String,
        #[serde(default)]
        text: String,
    },
    Delete {
        id: QuickReplyId,
    },
}

pub async fn change(visit: Visit, SignedIn(staff): SignedIn, Posted(change): Posted<Change>) -> Result<Response, AppError> {
    let (domain, l) = (&visit.app.domain, visit.language);
    let (outcome, mut draft) = match change {
        Change::Add { post, title, text } => {
            (quick_reply::add(domain, &staff, post, &title, &text).await.map(drop), Draft { post: Some(post), title, body: text, ..Draft::default() })
        }
        Change::Edit { id, title, text } => {
            (quick_reply::edit(domain, &staff, id, &title, &text).await, Draft { edits: Some(id), title, body: text, ..Draft::default() })
        }
        Change::Delete { id } => (quick_reply::delete(domain, &staff, id).await, Draft::default()),
    };
    match outcome {
        Ok(()) => Ok(Redirect::to("/quick-replies").into_response()),
        Err(QuickReplyError::Invalid { title, body }) => {
            draft.wrong_title = title.map(|e| text_error(l, e));
            draft.wrong_body = body.map(|e| text_error(l, e));
            page(&visit, &staff, draft).await
        }
        Err(QuickReplyError::UnknownVariable(word)) => {
            draft.wrong_body = Some(t!(l, account.quick_unknown, word = word));
            page(&visit, &staff, draft).await
        }
        Err(QuickReplyError::NotFound) => Err(AppError::NotFound),
        Err(QuickReplyError::Store(e)) => Err(e.into()),
    }
}

/// What stands in the form.
#[derive(Default)]
struct Draft {
    edits: Option<QuickReplyId>,
    post: Option<PostId>,
    title: String,
    body: String,
    wrong_title: Option<String>,
    wrong_body: Option<String>,
}

async fn page(visit: &Visit, staff: &Staff, draft: Draft) -> Result<Response, AppError> {
    let l = visit.language;
    let shelves = quick_reply::mine(&visit.app.domain, staff).await?;
    let is_bad = draft.wrong_title.is_some() || draft.wrong_body.is_some();
    let summary = summary(l, &[("title", draft.wrong_title.clone()), ("text", draft.wrong_body.clone())]);
    let body = match shelves.is_empty() {
        true => view! { <div class="empty"><p>{t!(l, account.quick_no_post)}</p></div> }.into_any(),
        false => view! { <div class="two">{list(visit, &shelves)}{form(visit, &shelves, draft)}</div> }.into_any(),
    };
    let main = view! { <main id="main" class="wide"><h1>{t!(l, account.quick)}</h1>{summary}{body}</main> };
    let status = if is_bad { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok(Page::new(visit, t!(l, account.quick)).for_staff(staff).await?.body_class("at-desk").status(status).render(main))
}

fn list(visit: &Visit, shelves: &[Shelf]) -> impl IntoView + use<> {
    let l = visit.language;
    let is_one = shelves.len() == 1;
    let lists: Vec<_> = shelves
        .iter()
        .map(|shelf| {
            let of = (!is_one).then(|| view! { <h3>{format!("{} {}", shelf.post.unit_name, shelf.post.title)}</h3> });
            let none = shelf.replies.is_empty().then(|| view! { <p class="soft">{t!(l, account.quick_empty)}</p> });
            let lines: Vec<_> = shelf.replies.iter().map(|reply| line(visit, reply)).collect();
            view! { {of}{none}<ul class="items">{lines}</ul> }
        })
        .collect();
    view! { <section aria-labelledby="l"><h2 id="l">{t!(l, account.quick_mine)}</h2>{lists}</section> }
}

fn line(visit: &Visit, reply: &QuickReply) -> impl IntoView + use<> {
    let l = visit.language;
    let named = |words: String| format!("{words}{}{}", t!(l, common.colon), reply.title);
    view! {
        <li>
            <span><b>{reply.title.clone()}</b><br/><span class="soft">{reply.body.clone()}</span></span>
            <form class="acts" method="post" action="/quick-replies">
                {visit.csrf_field()}
                <input type="hidden" name="id" value=reply.id.to_string()/>
                <a class="btn text" href=format!("/quick-replies?edit={}#n", reply.id) aria-label=named(t!(l, account.quick_edit))>
                    {t!(l, account.quick_edit)}
                </a>
                <button class="btn text" name="intent" value="delete" aria-label=named(t!(l, account.quick_delete))>{t!(l, account.quick_delete)}</button>
            </form>
        </li>
    }
}

fn form(visit: &Visit, shelves: &[Shelf], draft: Draft) -> impl IntoView + use<> {
    let l = visit.language;
    let is_bad = draft.wrong_body.is_some();
    let title = Field::new("title", t!(l, account.quick_name)).value(draft.title.clone()).error(draft.wrong_title);
    let heading = match draft.edits {
        Some(_) => t!(l, account.quick_edit_title, title = draft.title),
        None => t!(l, account.quick_add),
    };
    let target = match draft.edits {
        Some(id) => view! { <input type="hidden" name="intent" value="edit"/><input type="hidden" name="id" value=id.to_string()/> }.into_any(),
        None => view! { <input type="hidden" name="intent" value="add"/>{post_field(l, shelves, draft.post)} }.into_any(),
    };
    let button = match draft.edits {
        Some(_) => view! { <div class="acts"><button class="btn">{t!(l, common.save)}</button><a class="btn text" href="/quick-replies">{t!(l, common.cancel)}</a></div> }.into_any(),
        None => view! { <button class="btn">{icon(Icon::Plus)}{t!(l, account.quick_add_button)}</button> }.into_any(),
    };
    view! {
        <section aria-labelledby="n">
            <h2 id="n">{heading}</h2>
            <form method="post" action="/quick-replies">
                {visit.csrf_field()}
                {target}
                {title.view()}
                <div class=if is_bad { "f bad" } else { "f" }>
                    <label for="text">{t!(l, account.quick_text)}</label>
                    {field_error("text", draft.wrong_body)}
                    <textarea
                        class="in"
                        id="text"
                        name="text"
                        rows="4"
                        maxlength=MESSAGE_LIMIT.to_string()
                        required
                        aria-invalid=is_bad.then_some("true")
                        aria-describedby=described_by("text", true, is_bad)
                    >{inside(&draft.body)}</textarea>
                    <div class="hint" id="text-h">{variables(l)}</div>
                </div>
                {button}
            </form>
        </section>
    }
}

/// Which post a new one is for; asked only where there is a choice.
fn post_field(l: Language, shelves: &[Shelf], chosen: Option<PostId>) -> impl IntoView + use<> {
    if let [only] = shelves {
        return view! { <input type="hidden" name="post" value=only.post.post_id.to_string()/> }.into_any();
    }
    let options: Vec<_> = shelves
        .iter()
        .map(|s| {
            let name = format!("{} {}", s.post.unit_name, s.post.title);
            view! { <option value=s.post.post_id.to_string() selected=chosen == Some(s.post.post_id)>{name}</option> }
        })
        .collect();
    view! { <div class="f"><label for="post">{t!(l, account.quick_post)}</label><select class="in" id="post" name="post">{options}</select></div> }.into_any()
}

fn variables(l: Language) -> impl IntoView + use<> {
    let meaning = |name: &str| match name {
        "name" => t!(l, account.quick_v_name),
        "post" => t!(l, account.quick_v_post),
        "unit" => t!(l, account.quick_v_unit),
        _ => t!(l, account.quick_v_time),
    };
    let lines: Vec<_> = quick_reply::VARIABLES.iter().map(|v| view! { <li><code>{format!("{{{{ {v} }}}}")}</code>" "{meaning(v)}</li> }).collect();
    view! { <p>{t!(l, account.quick_variables)}</p><ul>{lines}</ul> }
}
