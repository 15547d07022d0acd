//! Quick replies: texts a post keeps ready, with places that fill themselves in.

use crate::{Domain, Staff, audit};
use model::{
    PostId, QuickReplyId,
    text::{self, TextError},
};
use store::{Conn, Result, holding::Held, quick_reply::QuickReply};

/// Characters in the name of a quick reply.
pub const TITLE_LIMIT: usize = 40;

/// What may stand between `{{` and `}}`.
pub const VARIABLES: [&str; 4] = ["name", "post", "unit", "time"];

#[derive(Debug, thiserror::Error)]
pub enum QuickReplyError {
    #[error("invalid")]
    Invalid { title: Option<TextError>, body: Option<TextError> },
    /// `{{ … }}` with a word that is none of [`VARIABLES`].
    #[error("unknown variable {0}")]
    UnknownVariable(String),
    /// No such quick reply, or not of a post the caller holds.
    #[error("not found")]
    NotFound,
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// What fills the variables; empty where it is not known.
#[derive(Clone, Copy, Debug, Default)]
pub struct Values<'a> {
    /// What the resident calls themselves.
    pub name: &'a str,
    /// The post's title.
    pub post: &'a str,
    pub unit: &'a str,
    /// By when an answer is promised.
    pub time: &'a str,
}

/// The text with its variables filled in. Where a value is not known, the space before it goes too: "Hello {{ name }}, …" becomes "Hello, …".
pub fn fill(body: &str, values: Values<'_>) -> String {
    let mut out = String::with_capacity(body.len());
    let mut rest = body;
    while let Some((before, word, after)) = next_variable(rest) {
        out.push_str(before);
        let value = match word {
            "name" => values.name,
            "post" => values.post,
            "unit" => values.unit,
            "time" => values.time,
            other => {
                out.push_str(&format!("{{{{ {other} }}}}"));
                rest = after;
                continue;
            }
        };
        if value.is_empty() && out.ends_with(' ') {
            out.pop();
        }
        out.push_str(value);
        rest = after;
    }
    out.push_str(rest);
    out
}

/// What stands before the next variable, its word, and what stands after it.
fn next_variable(text: &str) -> Option<(&str, &str, &str)> {
    let (before, opened) = text.split_once("{{")?;
    let (word, after) = opened.split_once("}}")?;
    Some((before, word.trim(), after))
}

fn unknown_variable(body: &str) -> Option<&str> {
    let mut rest = body;
    while let Some((_, word, after)) = next_variable(rest) {
        if !VARIABLES.contains(&word) {
            return Some(word);
        }
        rest = after;
    }
    None
}

/// A post with its quick replies.
#[derive(Clone, Debug)]
pub struct Shelf {
    pub post: Held,
    pub replies: Vec<QuickReply>,
}

/// The quick replies of the posts I hold.
pub async fn mine(domain: &Domain, staff: &Staff) -> Result<Vec<Shelf>> {
    let mut conn = domain.db.read().await?;
    let mut shelves = Vec::new();
    for post in store::holding::held_by(&mut conn, staff.id, domain.now()).await? {
        let replies = store::quick_reply::of_post(&mut conn, post.post_id).await?;
        shelves.push(Shelf { post, replies });
    }
    Ok(shelves)
}

/// One of the quick replies of a post I hold.
pub async fn find(domain: &Domain, staff: &Staff, id: QuickReplyId) -> std::result::Result<QuickReply, QuickReplyError> {
    let mut conn = domain.db.read().await?;
    of_mine(&mut conn, domain, staff, id).await
}

async fn of_mine(conn: &mut Conn, domain: &Domain, staff: &Staff, id: QuickReplyId) -> std::result::Result<QuickReply, QuickReplyError> {
    let reply = store::quick_reply::find(conn, id).await?.ok_or(QuickReplyError::NotFound)?;
    match store::holding::is_held(conn, reply.post_id, staff.id, domain.now()).await? {
        true => Ok(reply),
        false => Err(QuickReplyError::NotFound),
    }
}

fn checked(title: &str, body: &str) -> std::result::Result<(String, String), QuickReplyError> {
    match (text::line(title, TITLE_LIMIT), text::message(body)) {
        (Ok(title), Ok(body)) => match unknown_variable(&body) {
            Some(word) => Err(QuickReplyError::UnknownVariable(word.to_owned())),
            None => Ok((title, body)),
        },
        (title, body) => Err(QuickReplyError::Invalid { title: title.err(), body: body.err() }),
    }
}

pub async fn add(domain: &Domain, staff: &Staff, post: PostId, title: &str, body: &str) -> std::result::Result<QuickReplyId, QuickReplyError> {
    let (staff, now) = (staff.id, domain.now());
    {
        let mut conn = domain.db.read().await?;
        if !store::holding::is_held(&mut conn, post, staff, now).await? {
            return Err(QuickReplyError::NotFound);
        }
    }
    let (title, body) = checked(title, body)?;
    let id = QuickReplyId(domain.id());
    let reply = QuickReply { id, post_id: post, title, body, created_at: now };
    domain
        .db
        .write(move |c| {
            Box::pin(async move {
                store::quick_reply::insert(c, &reply).await?;
                audit::append(c, now, Some(staff), "quick_reply.create", &id.to_string(), &reply.title).await
            })
        })
        .await?;
    Ok(id)
}

pub async fn edit(domain: &Domain, staff: &Staff, id: QuickReplyId, title: &str, body: &str) -> std::result::Result<(), QuickReplyError> {
    find(domain, staff, id).await?;
    let (title, body) = checked(title, body)?;
    let (staff, now) = (staff.id, domain.now());
    let work = domain.db.write(move |c| {
        Box::pin(async move {
            store::quick_reply::update(c, id, &title, &body).await?;
            audit::append(c, now, Some(staff), "quick_reply.change", &id.to_string(), &title).await
        })
    });
    Ok(work.await?)
}

pub async fn delete(domain: &Domain, staff: &Staff, id: QuickReplyId) -> std::result::Result<(), QuickReplyError> {
    let reply = find(domain, staff, id).await?;
    let (staff, now) = (staff.id, domain.now());
    let work = domain.db.write(move |c| {
        Box::pin(async move {
            store::quick_reply::delete(c, id).await?;
            // The post is what stays.
            audit::append(c, now, Some(staff), "quick_reply.delete", &reply.post_id.to_string(), &reply.title).await
        })
    });
    Ok(work.await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const VALUES: Values<'_> = Values { name: "张桂兰", post: "网格员", unit: "第三网格", time: "周二 10:00" };

    #[test]
    fn variables_are_filled_in_with_or_without_spaces() {
        assert_eq!(fill("{{ name }}您好，{{unit}}{{ post }}会在 {{time}} 前答复您。", VALUES), "张桂兰您好，第三网格网格员会在 周二 10:00 前答复您。");
    }

    #[test]
    fn an_unknown_name_leaves_no_gap() {
        assert_eq!(fill("Hello {{ name }}, I am on my way.", Values::default()), "Hello, I am on my way.");
        assert_eq!(fill("{{ name }}您好", Values::default()), "您好");
    }

    #[test]
    fn a_value_is_never_read_as_a_variable_again() {
        assert_eq!(fill("{{ name }}", Values { name: "{{ unit }}", ..VALUES }), "{{ unit }}");
    }

    #[test]
    fn an_unknown_variable_is_refused_when_it_is_kept() {
        assert!(matches!(checked("到场", "{{ place }}见"), Err(QuickReplyError::UnknownVariable(word)) if word == "place"));
        assert!(checked("到场", "{{ unit }}见，{ 不是变量 }，{{ 没有结束").is_ok());
        assert!(matches!(checked("", ""), Err(QuickReplyError::Invalid { title: Some(TextError::Empty), body: Some(TextError::Empty) })));
    }

    proptest! {
        #[test]
        fn a_text_without_variables_stays_as_it_is(body in "[^{]*") {
            prop_assert_eq!(fill(&body, VALUES), body);
        }

        #[test]
        fn every_known_variable_is_replaced(parts in proptest::collection::vec((0..4_usize, "[a-z ]{0,5}"), 0..6)) {
            let body: String = parts.iter().map(|(i, text)| format!("{{{{ {} }}}}{text}", VARIABLES[*i])).collect();
            prop_assert!(!fill(&body, VALUES).contains("{{"));
        }
    }
}
