//! Posts as residents see them.

use crate::{Admin, Domain, audit, calendar, calendar::UnitCalendar, live::Topic, routing, routing::Orphan, unit};
use model::{
    At, ClientKey, ConversationId, Event, MessageId, PostId, StaffId, UnitId,
    text::{self, TextError},
};
use moka::sync::Cache;
use std::{sync::Arc, time::Duration};
use store::{
    Conn, Result, absence, contact_point,
    holding::Term,
    post::{Card, Line, Post},
    staff::Staff,
    unit::Unit,
};

/// Who answers for a post, with working time: what the verified card shows.
#[derive(Clone, Debug)]
pub struct Answering {
    /// The post asked for.
    pub post: Card,
    /// Who stands in, when that is another post.
    pub stand_in: Option<Card>,
    pub calendar: Arc<UnitCalendar>,
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

    /// Whose post it is, and until when they are away if that is known, while another stands in for them.
    pub fn away(&self, now: At) -> Option<(String, Option<At>)> {
        self.stand_in.as_ref()?;
        let until = off_duty_until(&self.post, now)?;
        let back = until.map(|at| self.calendar.calendar.next_working(at).unwrap_or(at));
        Some((self.post.staff_name.clone()?, back))
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
    Ok(Some(Answering { post: card, stand_in, calendar }))
}

/// Working seconds in which a post usually answers, as counted lately.
pub struct UsualTimes(Cache<PostId, Option<i64>>);

impl Default for UsualTimes {
    /// At most about 5 MB. Half of the last fifty answers change slowly.
    fn default() -> UsualTimes {
        UsualTimes(Cache::builder().max_capacity(50_000).time_to_live(Duration::from_secs(600)).build())
    }
}

/// Working seconds in which half of the last fifty answers came, at most ten minutes ago; `None` below five.
pub(crate) async fn usual_seconds(domain: &Domain, conn: &mut Conn, post: PostId, calendar: &UnitCalendar) -> Result<Option<i64>> {
    if let Some(usual) = domain.usual_times.0.get(&post) {
        return Ok(usual);
    }
    let usual = count_usual_seconds(conn, post, calendar).await?;
    domain.usual_times.0.insert(post, usual);
    Ok(usual)
}

async fn count_usual_seconds(conn: &mut Conn, post: PostId, calendar: &UnitCalendar) -> Result<Option<i64>> {
    let answered = store::wait::answered_by_post(conn, post, 50).await?;
    let mut seconds: Vec<i64> = answered.iter().filter_map(|w| Some(calendar.calendar.working_seconds(w.opened_at, w.closed_at?))).collect();
    seconds.sort_unstable();
    Ok((seconds.len() >= FEWEST_ANSWERS).then(|| seconds[seconds.len() / 2]))
}

/// Characters in a post's title, in its English title and in a welcome text.
pub(crate) const TITLE_LIMIT: usize = 40;
pub(crate) const TITLE_EN_LIMIT: usize = 80;
pub(crate) const WELCOME_LIMIT: usize = 500;
/// Posts to choose a substitute from, and people to choose a holder from.
const CHOICES: i64 = 100;

#[derive(Debug, thiserror::Error)]
pub enum PostError {
    #[error("invalid")]
    Invalid(Mistakes),
    /// No post nearby that could stand in; a post never stands in for itself.
    #[error("no such substitute")]
    NotNearby,
    /// Somebody is waiting, and nobody else would answer.
    #[error("ownerless")]
    Ownerless(Vec<Orphan>),
    #[error("not found")]
    NotFound,
    #[error(transparent)]
    Store(#[from] store::Error),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mistakes {
    pub title: Option<TextError>,
    pub title_en: Option<TextError>,
    pub welcome: Option<TextError>,
}

/// What people see of a post, as typed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Typed<'a> {
    pub title: &'a str,
    pub title_en: &'a str,
    pub welcome: &'a str,
}

impl Typed<'_> {
    /// Title, English title and welcome.
    fn checked(self) -> std::result::Result<(String, Option<String>, Option<String>), PostError> {
        let (title, title_en) = (text::line(self.title, TITLE_LIMIT), text::optional_line(self.title_en, TITLE_EN_LIMIT));
        match (title, title_en, text::optional_message(self.welcome, WELCOME_LIMIT)) {
            (Ok(title), Ok(title_en), Ok(welcome)) => Ok((title, title_en, welcome)),
            (title, title_en, welcome) => Err(PostError::Invalid(Mistakes { title: title.err(), title_en: title_en.err(), welcome: welcome.err() })),
        }
    }
}

/// A post as its admin sees it.
pub struct View {
    pub post: Post,
    pub line: Line,
    /// From the top of what is the admin's down to the post's own unit.
    pub above: Vec<Unit>,
    pub terms: Vec<Term>,
    pub points: Vec<contact_point::Line>,
    /// Who could stand in.
    pub nearby: Vec<Line>,
    /// Who could hold it.
    pub people: Vec<Staff>,
    /// Its holders' absences that are not over.
    pub absences: Vec<(String, absence::Line)>,
    pub calendar: Arc<UnitCalendar>,
}

/// A post in one of the admin's units.
pub(crate) async fn mine(c: &mut Conn, admin: StaffId, id: PostId, now: At) -> Result<Option<Post>> {
    let Some(post) = store::post::find(c, id).await?.filter(|p| p.ended_at.is_none()) else { return Ok(None) };
    Ok(unit::covers(c, admin, post.unit_id, now).await?.then_some(post))
}

pub async fn view(domain: &Domain, admin: &Admin, id: PostId) -> Result<Option<View>> {
    let (by, now) = (admin.staff.id, domain.now());
    let mut conn = domain.db.read().await?;
    let c = &mut conn;
    let Some(post) = mine(c, by, id, now).await? else { return Ok(None) };
    let Some(line) = store::post::line(c, id, now).await? else { return Ok(None) };
    let mut above = unit::above(c, by, post.unit_id, now).await?;
    above.extend(store::unit::find(c, post.unit_id).await?);
    let terms = store::holding::of_post(c, id).await?;
    let mut absences = Vec::new();
    for term in terms.iter().filter(|t| t.from_at <= now && t.until_at.is_none_or(|u| u > now)) {
        let of_holder = absence::of_staff(c, term.staff_id, now).await?;
        absences.extend(of_holder.into_iter().map(|a| (term.staff_name.clone(), a)));
    }
    Ok(Some(View {
        absences,
        nearby: substitutes(c, by, id, now).await?,
        people: store::staff::under(c, by, now, "%", CHOICES, 0).await?,
        terms,
        points: store::contact_point::of_post(c, id).await?,
        calendar: calendar::of_unit(domain, c, post.unit_id).await?,
        post,
        line,
        above,
    }))
}

async fn substitutes(c: &mut Conn, admin: StaffId, id: PostId, now: At) -> Result<Vec<Line>> {
    let mut nearby = Vec::new();
    for line in store::post::nearby(c, id, now, CHOICES).await? {
        if unit::covers(c, admin, line.unit_id, now).await? {
            nearby.push(line);
        }
    }
    Ok(nearby)
}

pub async fn create(domain: &Domain, admin: &Admin, unit_id: UnitId, typed: Typed<'_>) -> std::result::Result<PostId, PostError> {
    let (by, now, id) = (admin.staff.id, domain.now(), PostId(domain.id()));
    // Whether the unit is the admin's comes before what is wrong with the text.
    let is_mine = unit::mine(&mut domain.db.read().await?, by, unit_id, now).await?.is_some();
    if !is_mine {
        return Err(PostError::NotFound);
    }
    let (title, title_en, welcome) = typed.checked()?;
    let changes = domain
        .db
        .write(move |c| {
            Box::pin(async move {
                store::post::hold_routing(c).await?;
                unit::mine(c, by, unit_id, now).await?.ok_or(PostError::NotFound)?;
                let post = Post { id, unit_id, title, title_en, substitute_id: None, welcome, answering_id: None, created_at: now, ended_at: None };
                store::post::insert(c, &post).await?;
                let changes = routing::settle(c, now).await?;
                audit::append(c, now, Some(by), "post.create", &id.to_string(), &post.title).await?;
                Ok::<_, PostError>(changes)
            })
        })
        .await?;
    routing::wake(domain, &changes);
    Ok(id)
}

/// New titles or a new welcome text.
pub async fn change(domain: &Domain, admin: &Admin, id: PostId, typed: Typed<'_>) -> std::result::Result<(), PostError> {
    let (by, now) = (admin.staff.id, domain.now());
    let (title, title_en, welcome) = typed.checked()?;
    domain
        .db
        .write(move |c| {
            Box::pin(async move {
                let before = mine(c, by, id, now).await?.ok_or(PostError::NotFound)?;
                store::post::change(c, id, &title, title_en.as_deref(), welcome.as_deref()).await?;
                audit::append(c, now, Some(by), "post.change", &id.to_string(), &format!("{} → {title}", before.title)).await?;
                Ok(())
            })
        })
        .await
}

/// Who stands in; `None` leaves it to the unit above. Chains and rings are allowed, routing follows them once.
pub async fn set_substitute(domain: &Domain, admin: &Admin, id: PostId, substitute: Option<PostId>) -> std::result::Result<(), PostError> {
    let (by, now) = (admin.staff.id, domain.now());
    let changes = domain
        .db
        .write(move |c| {
            Box::pin(async move {
                store::post::hold_routing(c).await?;
                mine(c, by, id, now).await?.ok_or(PostError::NotFound)?;
                let before = routing::gaps(c, now).await?;
                if let Some(other) = substitute
                    && !substitutes(c, by, id, now).await?.iter().any(|line| line.id == other)
                {
                    return Err(PostError::NotNearby);
                }
                store::post::set_substitute(c, id, substitute).await?;
                let changes = routing::settle(c, now).await?;
                let orphans = routing::orphans(c, &before, now).await?;
                if !orphans.is_empty() {
                    return Err(PostError::Ownerless(orphans));
                }
                let detail = substitute.map(|s| s.to_string()).unwrap_or_default();
                audit::append(c, now, Some(by), "post.substitute", &id.to_string(), &detail).await?;
                Ok(changes)
            })
        })
        .await?;
    routing::wake(domain, &changes);
    Ok(())
}

/// Ends a post: its contact points are withdrawn, its conversations go to the post `to` or else to whoever answers for it without its holders,
/// and the contacts of the open ones are told. Refused while somebody waits whom nobody would answer. Gives the post's unit.
pub async fn end(domain: &Domain, admin: &Admin, id: PostId, to: Option<PostId>) -> std::result::Result<UnitId, PostError> {
    let (by, now, inner) = (admin.staff.id, domain.now(), domain.clone());
    let (unit_id, changes, moved) = domain
        .db
        .write(move |c| {
            Box::pin(async move {
                store::post::hold_routing(c).await?;
                store::post::lock(c, id).await?;
                let post = mine(c, by, id, now).await?.ok_or(PostError::NotFound)?;
                let heir = match to {
                    Some(to) if to == id || !heirs(c, by, id, now).await?.iter().any(|line| line.id == to) => return Err(PostError::NotNearby),
                    Some(to) => Some(to),
                    None => routing::heir(c, id, now).await?,
                };
                let mut before = routing::gaps(c, now).await?;
                let mut moved = Vec::new();
                match (heir, store::post::orphan(c, id).await?) {
                    (Some(heir), _) => moved = hand_all_over(&inner, c, id, heir, now).await?,
                    (None, Some(orphan)) => return Err(PostError::Ownerless(vec![orphan])),
                    (None, None) => {}
                }
                store::post::end(c, id, now).await?;
                let mut changes = routing::settle(c, now).await?;
                // Whom nobody would have answered here either is no worse off there.
                if let (Some(heir), Some(at)) = (heir, before.get(&id).copied()) {
                    before.entry(heir).and_modify(|was| *was = at.min(*was)).or_insert(at);
                }
                let orphans = routing::orphans(c, &before, now).await?;
                if !orphans.is_empty() {
                    return Err(PostError::Ownerless(orphans));
                }
                changes.push(routing::Change { post: id, before: post.answering_id, after: heir });
                audit::append(c, now, Some(by), "post.end", &id.to_string(), &post.title).await?;
                Ok((post.unit_id, changes, moved))
            })
        })
        .await?;
    routing::wake(domain, &changes);
    domain.hub.wake_all(moved.into_iter().map(Topic::Conversation));
    Ok(unit_id)
}

/// Posts nearby that somebody holds, and that could take over what another has.
async fn heirs(c: &mut Conn, admin: StaffId, id: PostId, now: At) -> Result<Vec<Line>> {
    let nearby = substitutes(c, admin, id, now).await?;
    Ok(nearby.into_iter().filter(|line| line.holders > 0).collect())
}

pub(crate) async fn hand_all_over(domain: &Domain, c: &mut Conn, from: PostId, to: PostId, now: At) -> Result<Vec<ConversationId>> {
    let open = store::post::open_conversations(c, from).await?;
    store::post::move_conversations(c, from, to).await?;
    let card = store::post::card(c, to, now).await?;
    if let Some(person) = card.as_ref().and_then(crate::conversation::person) {
        let event = Event::HandedOver { to: person };
        for id in &open {
            let ids = (MessageId(domain.id()), ClientKey(domain.id()));
            crate::conversation::tell(c, ids, *id, &event, now).await?;
        }
    }
    Ok(open)
}
