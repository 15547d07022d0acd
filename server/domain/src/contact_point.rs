//! Printed QR codes: what a scan finds.

use crate::{Admin, Device, Domain, Random, audit, overflow, post, setting, unit};
use model::{
    At, CheckPhrase, ContactPointId, ConversationId, Language, PointCode, PostId, StaffId,
    text::{self, TextError},
};
use paper::Code;
use store::{Conn, Result, contact_point::ContactPoint, print::Place, unit::Unit};

/// What a scanned code leads to.
pub enum Scan {
    Unknown,
    /// The sticker, or the post behind it, has been withdrawn.
    Revoked(Box<Withdrawn>),
    /// Nobody can answer.
    Nobody(Box<post::Answering>),
    /// This device already has a conversation with the post.
    Known(ConversationId),
    Point(Box<Point>),
}

/// What a sticker out of use still says: whose it was, so that people know who to ask.
pub struct Withdrawn {
    /// In Chinese, and in English where there is a name.
    pub place: String,
    pub place_en: Option<String>,
    pub answering: post::Answering,
}

pub struct Point {
    pub point: ContactPoint,
    /// Who answers: for the post behind the sticker, or for the one above that takes what is too much for it today.
    pub answering: post::Answering,
    /// The post behind the sticker, where another takes what is too much for it.
    pub full: Option<post::Answering>,
    /// How long answers usually take here, in working seconds; `None` where there are too few to say.
    pub usual_seconds: Option<i64>,
    /// What its unit says where neither sticker nor post says anything.
    inherited_welcome: Option<String>,
}

impl Point {
    /// The sticker's own welcome, else the post's, else the one that holds at its unit.
    pub fn welcome(&self) -> Option<&str> {
        if self.full.is_some() {
            return None;
        }
        self.point.welcome.as_deref().or(self.answering.post.welcome.as_deref()).or(self.inherited_welcome.as_deref())
    }
}

/// What the sticker with this code leads the device to. The scan is counted.
pub async fn scan(domain: &Domain, device: Option<&Device>, code: &PointCode) -> Result<Scan> {
    way(domain, device, code, true).await
}

/// The same for somebody who only looks, as staff do.
pub async fn look(domain: &Domain, device: Option<&Device>, code: &PointCode) -> Result<Scan> {
    way(domain, device, code, false).await
}

async fn way(domain: &Domain, device: Option<&Device>, code: &PointCode, is_counted: bool) -> Result<Scan> {
    let mut conn = domain.db.read().await?;
    let Some(point) = store::contact_point::by_code(&mut conn, code).await? else { return Ok(Scan::Unknown) };
    let Some(answering) = post::answering(domain, &mut conn, point.post_id).await? else { return Ok(Scan::Unknown) };
    let is_revoked = point.revoked_at.is_some() || answering.post.ended_at.is_some();
    if is_counted {
        domain.scans.add(point.id, domain.now(), is_revoked);
    }
    if let Some(device) = device
        && let Some(known) = store::conversation::of_device_with_post(&mut conn, device.id, point.post_id).await?
    {
        return Ok(Scan::Known(known.id));
    }
    if is_revoked {
        return Ok(Scan::Revoked(Box::new(Withdrawn { place: point.place, place_en: point.place_en, answering })));
    }
    if answering.is_nobody() {
        return Ok(Scan::Nobody(Box::new(answering)));
    }
    let (answering, full) = match overflow::instead(domain, &mut conn, &answering).await? {
        Some(other) => (other, Some(answering)),
        None => (answering, None),
    };
    let usual_seconds = post::usual_seconds(domain, &mut conn, answering.post.post_id, &answering.calendar).await?;
    let inherited_welcome = setting::of(domain, &mut conn, answering.post.unit_id).await?.welcome.clone();
    Ok(Scan::Point(Box::new(Point { point, answering, full, usual_seconds, inherited_welcome })))
}

/// Which sticker it is, for whoever says that it looks wrong.
pub struct About {
    unit: String,
    unit_en: Option<String>,
    place: String,
    place_en: Option<String>,
}

impl About {
    pub fn unit_in(&self, l: Language) -> &str {
        l.name(&self.unit, self.unit_en.as_deref())
    }

    pub fn place_in(&self, l: Language) -> &str {
        l.name(&self.place, self.place_en.as_deref())
    }
}

pub async fn about(domain: &Domain, code: &PointCode) -> Result<Option<About>> {
    let mut conn = domain.db.read().await?;
    let Some(point) = store::contact_point::by_code(&mut conn, code).await? else { return Ok(None) };
    let card = store::post::card(&mut conn, point.post_id, domain.now()).await?;
    Ok(card.map(|card| About { unit: card.unit_name, unit_en: card.unit_name_en, place: point.place, place_en: point.place_en }))
}

pub fn new_code(random: &Random) -> PointCode {
    PointCode::from_bits(random.bytes())
}

pub fn new_check_phrase(random: &Random) -> CheckPhrase {
    CheckPhrase::from_bits(random.bytes())
}

/// Characters in a place, in its English name, in a topic and in a welcome text.
const PLACE_LIMIT: usize = 40;
const PLACE_EN_LIMIT: usize = 80;
const TOPIC_LIMIT: usize = 40;
const WELCOME_LIMIT: usize = 500;

#[derive(Debug, thiserror::Error)]
pub enum PointError {
    #[error("invalid")]
    Invalid(Mistakes),
    /// It has been withdrawn: make a new one.
    #[error("revoked")]
    Revoked,
    /// There is a new sticker in its place already.
    #[error("replaced")]
    Replaced,
    #[error("not found")]
    NotFound,
    #[error(transparent)]
    Store(#[from] store::Error),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mistakes {
    pub place: Option<TextError>,
    pub place_en: Option<TextError>,
    pub topic: Option<TextError>,
    pub welcome: Option<TextError>,
}

/// A contact point as typed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Typed<'a> {
    pub place: &'a str,
    pub place_en: &'a str,
    pub topic: &'a str,
    pub welcome: &'a str,
}

impl Typed<'_> {
    pub(crate) fn checked(self) -> std::result::Result<Place, Mistakes> {
        let (place, place_en) = (text::line(self.place, PLACE_LIMIT), text::optional_line(self.place_en, PLACE_EN_LIMIT));
        let (topic, welcome) = (text::optional_line(self.topic, TOPIC_LIMIT), text::optional_message(self.welcome, WELCOME_LIMIT));
        match (place, place_en, topic, welcome) {
            (Ok(place), Ok(place_en), Ok(topic), Ok(welcome)) => Ok(Place { place, place_en, topic, welcome }),
            (place, place_en, topic, welcome) => Err(Mistakes { place: place.err(), place_en: place_en.err(), topic: topic.err(), welcome: welcome.err() }),
        }
    }
}

/// What a QR code says: short, so that its modules are large.
pub fn url(domain: &Domain, code: &PointCode) -> String {
    format!("{}/q/{code}", domain.public_url)
}

/// A contact point as its admin sees it.
pub struct View {
    pub point: ContactPoint,
    pub post: post::Answering,
    /// From the top of what is the admin's down to the post's own unit.
    pub above: Vec<Unit>,
    pub url: String,
}

impl View {
    /// As it is printed.
    pub fn printed(&self) -> Code {
        let (point, post) = (&self.point, &self.post.post);
        Code {
            code: point.code.clone(),
            url: self.url.clone(),
            check_phrase: point.check_phrase.clone(),
            unit_kind: self.above.last().map_or(model::UnitKind::City, |unit| unit.kind),
            unit: post.unit_name.clone(),
            unit_en: post.unit_name_en.clone(),
            unit_code: self.above.last().and_then(|unit| unit.code.clone()),
            title: post.title.clone(),
            title_en: post.title_en.clone(),
            place: point.place.clone(),
            place_en: point.place_en.clone(),
            topic: point.topic.clone(),
            hours: crate::print::in_words(&self.post.calendar.calendar),
        }
    }
}

pub async fn view(domain: &Domain, admin: &Admin, id: ContactPointId) -> Result<Option<View>> {
    let (by, now) = (admin.staff.id, domain.now());
    let mut conn = domain.db.read().await?;
    let c = &mut conn;
    let Some(point) = store::contact_point::find(c, id).await? else { return Ok(None) };
    let Some(post) = store::post::find(c, point.post_id).await? else { return Ok(None) };
    if !unit::covers(c, by, post.unit_id, now).await? {
        return Ok(None);
    }
    let Some(answering) = post::answering(domain, c, post.id).await? else { return Ok(None) };
    let mut above = unit::above(c, by, post.unit_id, now).await?;
    above.extend(store::unit::find(c, post.unit_id).await?);
    Ok(Some(View { url: url(domain, &point.code), post: answering, above, point }))
}

/// The label of a contact point, as SVG.
pub fn label(view: &View) -> paper::Result<String> {
    paper::label::svg(&view.printed())
}

pub async fn create(domain: &Domain, admin: &Admin, post_id: PostId, typed: Typed<'_>) -> std::result::Result<ContactPointId, PointError> {
    let (by, now, id) = (admin.staff.id, domain.now(), ContactPointId(domain.id()));
    let Place { place, place_en, topic, welcome } = typed.checked().map_err(PointError::Invalid)?;
    let (code, check_phrase) = (new_code(&domain.random), new_check_phrase(&domain.random));
    let point = ContactPoint { id, post_id, code, check_phrase, place, place_en, topic, welcome, created_at: now, revoked_at: None };
    domain
        .db
        .write(move |c| {
            Box::pin(async move {
                post::mine(c, by, post_id, now).await?.ok_or(PointError::NotFound)?;
                store::contact_point::insert(c, &point).await?;
                audit::append(c, now, Some(by), "contact_point.create", &id.to_string(), &point.place).await?;
                Ok::<_, PointError>(())
            })
        })
        .await?;
    Ok(id)
}

/// A contact point of one of the admin's posts, in use.
pub(crate) async fn mine(c: &mut Conn, admin: StaffId, id: ContactPointId, now: At) -> std::result::Result<ContactPoint, PointError> {
    let point = of_admin(c, admin, id, now).await?;
    if point.revoked_at.is_some() { Err(PointError::Revoked) } else { Ok(point) }
}

/// The same, in use or not.
pub(crate) async fn of_admin(c: &mut Conn, admin: StaffId, id: ContactPointId, now: At) -> std::result::Result<ContactPoint, PointError> {
    let point = store::contact_point::find(c, id).await?.ok_or(PointError::NotFound)?;
    let post = store::post::find(c, point.post_id).await?.ok_or(PointError::NotFound)?;
    if !unit::covers(c, admin, post.unit_id, now).await? {
        return Err(PointError::NotFound);
    }
    Ok(point)
}

/// A new place, topic or welcome. Code and check phrase are printed and stay.
pub async fn change(domain: &Domain, admin: &Admin, id: ContactPointId, typed: Typed<'_>) -> std::result::Result<(), PointError> {
    let (by, now) = (admin.staff.id, domain.now());
    let Place { place, place_en, topic, welcome } = typed.checked().map_err(PointError::Invalid)?;
    domain
        .db
        .write(move |c| {
            Box::pin(async move {
                let before = mine(c, by, id, now).await?;
                let detail = format!("{} → {place}", before.place);
                store::contact_point::change(c, &ContactPoint { place, place_en, topic, welcome, ..before }).await?;
                audit::append(c, now, Some(by), "contact_point.change", &id.to_string(), &detail).await?;
                Ok(())
            })
        })
        .await
}

/// Withdraws a sticker for good: it was lost, torn or replaced. Its conversations go on.
pub async fn revoke(domain: &Domain, admin: &Admin, id: ContactPointId) -> std::result::Result<(), PointError> {
    match try_revoke(domain, admin, id).await {
        // Its replacement took over at the same moment.
        Err(PointError::Store(e)) if e.gave_way() => try_revoke(domain, admin, id).await,
        other => other,
    }
}

async fn try_revoke(domain: &Domain, admin: &Admin, id: ContactPointId) -> std::result::Result<(), PointError> {
    let (by, now) = (admin.staff.id, domain.now());
    domain
        .db
        .write(move |c| {
            Box::pin(async move {
                store::replacement::hold(c, &[id]).await?;
                let point = mine(c, by, id, now).await?;
                store::contact_point::revoke(c, id, now).await?;
                // What waits for it waits for the one after it, or goes on.
                match store::replacement::after(c, id).await? {
                    Some(after) => store::replacement::wait_for_another(c, id, after.id).await?,
                    None => store::replacement::cancel(c, id).await?,
                }
                store::replacement::end_waiting(c, id, now).await?;
                audit::append(c, now, Some(by), "contact_point.revoke", &id.to_string(), &point.place).await?;
                Ok(())
            })
        })
        .await
}
