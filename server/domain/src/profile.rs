//! My own account: what residents see of me, and the language of my mails.

use crate::{Domain, Staff, audit, invitation::NAME_LIMIT};
use model::{
    At, Language,
    text::{self, TextError},
};
use store::{Result, holding::Held, staff};

/// Characters in a title such as 社区书记.
pub const TITLE_LIMIT: usize = 60;

#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    #[error("invalid")]
    Invalid { name: Option<TextError>, title: Option<TextError> },
    #[error("not found")]
    NotFound,
    #[error(transparent)]
    Store(#[from] store::Error),
}

#[derive(Clone, Debug)]
pub struct Profile {
    pub staff: staff::Staff,
    pub posts: Vec<Held>,
    /// When my photo was last changed, if there is one.
    pub photo_at: Option<At>,
}

pub async fn mine(domain: &Domain, staff: &Staff) -> std::result::Result<Profile, ProfileError> {
    let mut conn = domain.db.read().await?;
    let person = staff::find(&mut conn, staff.id).await?.ok_or(ProfileError::NotFound)?;
    let posts = store::holding::held_by(&mut conn, staff.id, domain.now()).await?;
    Ok(Profile { staff: person, posts, photo_at: store::photo::changed_at(&mut conn, staff.id).await? })
}

/// Changes my name, my title and the language of my mails.
pub async fn save(domain: &Domain, me: &Staff, name: &str, title: &str, language: Language) -> std::result::Result<(), ProfileError> {
    let (name, title) = match (text::line(name, NAME_LIMIT), text::optional_line(title, TITLE_LIMIT)) {
        (Ok(name), Ok(title)) => (name, title),
        (name, title) => return Err(ProfileError::Invalid { name: name.err(), title: title.err() }),
    };
    let id = me.id;
    let now = domain.now();
    let written: Result<()> = domain
        .db
        .write(move |c| {
            Box::pin(async move {
                staff::set_profile(c, id, &name, title.as_deref(), language).await?;
                audit::append(c, now, Some(id), "profile.change", &id.to_string(), "").await
            })
        })
        .await;
    Ok(written?)
}
