//! Posts as residents see them.

use crate::{Domain, calendar, calendar::UnitCalendar};
use model::{At, PostId};
use std::sync::Arc;
use store::{Conn, Result, post::Card};

/// Who answers for a post, with working time and habit: what the verified card shows.
#[derive(Clone, Debug)]
pub struct Answering {
    /// The post asked for.
    pub post: Card,
    /// Who stands in, when that is another post.
    pub stand_in: Option<Card>,
    pub calendar: Arc<UnitCalendar>,
    /// Working seconds in which half of the last fifty answers came; `None` below five.
    pub usual_seconds: Option<i64>,
}

impl Answering {
    /// The card of the one who answers now.
    pub fn card(&self) -> &Card {
        self.stand_in.as_ref().unwrap_or(&self.post)
    }

    /// Nobody holds this post or any that could stand in.
    pub fn is_nobody(&self) -> bool {
        self.card().staff_id.is_none()
    }

    /// When the one who answers comes back: `Some(None)` if off duty without a date.
    pub fn off_duty_until(&self, now: At) -> Option<Option<At>> {
        off_duty_until(self.card(), now)
    }
}

/// Whether the holder on a card is off duty, and until when if that is known.
pub fn off_duty_until(card: &Card, now: At) -> Option<Option<At>> {
    let off = card.off_duty_since.is_some_and(|since| since <= now) && card.off_duty_until.is_none_or(|until| until > now);
    off.then_some(card.off_duty_until)
}

/// Fewer answers say nothing about the next one.
const FEWEST_ANSWERS: usize = 5;

/// Loads the card of a post. `None` if there is no such post.
pub async fn answering(domain: &Domain, conn: &mut Conn, post: PostId) -> Result<Option<Answering>> {
    let now = domain.now();
    let Some(card) = store::post::card(conn, post, now).await? else { return Ok(None) };
    let stand_in = match card.answering_id.filter(|a| *a != post) {
        Some(other) => store::post::card(conn, other, now).await?,
        None => None,
    };
    let calendar = calendar::of_unit(domain, conn, card.unit_id).await?;
    let answered = store::wait::answered_by_post(conn, post, 50).await?;
    let mut seconds: Vec<i64> = answered.iter().filter_map(|w| Some(calendar.calendar.working_seconds(w.opened_at, w.closed_at?))).collect();
    seconds.sort_unstable();
    let usual_seconds = (seconds.len() >= FEWEST_ANSWERS).then(|| seconds[seconds.len() / 2]);
    Ok(Some(Answering { post: card, stand_in, calendar, usual_seconds }))
}
