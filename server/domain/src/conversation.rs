//! The resident's side of a conversation. What staff do in it is in `desk`.

use crate::{
    Device, Domain, Keys,
    calendar::{self, UnitCalendar},
    limits::TooMany,
    live::Topic,
    overflow,
    post::{self, Answering},
    setting, trial,
};
use model::{
    At, ClientKey, ContactId, ContactPointId, ConversationId, DeviceId, Event, Language, MessageId, MessageKind, Person, PointCode, PostId, WaitId,
    text::{self, TextError},
};
use std::{net::IpAddr, sync::Arc};
use store::{
    Conn,
    conversation::{Conversation, Shown},
    first_message::{Outcome, Start},
    message::{Audience, Message, New, NewWait, Sent},
    overflow::Room,
    post::Card,
    seen::Seen,
    way::{Asked, Way},
};

/// Why a message was not sent.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    #[error(transparent)]
    Text(#[from] TextError),
    #[error(transparent)]
    TooMany(#[from] TooMany),
    /// No such conversation or code for this device.
    #[error("not found")]
    NotFound,
    /// The sticker has been withdrawn.
    #[error("revoked")]
    Revoked,
    /// Nobody can answer.
    #[error("nobody")]
    Nobody,
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// A message as typed, from a device that may be new.
pub struct Typed<'a> {
    /// The device key in the cookie.
    pub device_key: &'a str,
    pub text: &'a str,
    pub client_key: ClientKey,
    pub language: Language,
    pub address: IpAddr,
}

/// Sends the first message to the post behind a sticker: contact, device, conversation, message and wait in one transaction.
/// The same client key again gives the same conversation.
pub async fn start(domain: &Domain, code: &PointCode, typed: Typed<'_>) -> Result<Sent, SendError> {
    let body = text::message(typed.text)?;
    let client_key = typed.client_key.with(&body);
    let key_hash = Keys::hash(typed.device_key);
    let (point, answering, room, elsewhere) = {
        let mut conn = domain.db.read().await?;
        let device = store::contact::device(&mut conn, &key_hash).await?;
        if let Some(device) = &device
            && let Some(sent) = store::message::by_client_key(&mut conn, device.contact_id, client_key).await?
        {
            return Ok(sent);
        }
        let point = store::contact_point::by_code(&mut conn, code).await?.ok_or(SendError::NotFound)?;
        let answering = post::answering(domain, &mut conn, point.post_id).await?.ok_or(SendError::NotFound)?;
        let room = overflow::room(domain, &mut conn, answering.post.unit_id).await?;
        let known = match &device {
            Some(device) => store::conversation::of_device_with_post(&mut conn, device.id, point.post_id).await?,
            None => None,
        };
        let elsewhere = device.zip(known.filter(|known| known.post_id != point.post_id).map(|known| known.id));
        (point, answering, room, elsewhere)
    };
    if point.revoked_at.is_some() || answering.post.ended_at.is_some() {
        return Err(SendError::Revoked);
    }
    // It was too much for the post behind the sticker: the post that took it goes on with it, in its own time.
    if let Some((device, id)) = elsewhere {
        return say(domain, &Device { id: device.id, contact_id: device.contact_id }, id, typed).await;
    }
    if answering.is_nobody() {
        return Err(SendError::Nobody);
    }
    domain.limits.message(&key_hash)?;
    domain.limits.new_conversation(typed.address)?;
    let away = off_duty_event(&answering, domain.now());
    let first = First { key_hash, language: typed.language, point_id: point.id, body, client_key };
    let (sent, answering) = match begin(domain, &first, &answering, room, None, away.clone()).await? {
        Outcome::Sent(sent) => (sent, answering),
        Outcome::Ended => return Err(SendError::Revoked),
        Outcome::Full => begin_elsewhere(domain, &first, answering, away).await?,
    };
    domain.hub.wake_all(topics(sent.conversation_id, answering.post.post_id, answering.post.answering_id));
    Ok(sent)
}

/// A first message, wherever it begins.
struct First {
    key_hash: Vec<u8>,
    language: Language,
    point_id: ContactPointId,
    body: String,
    client_key: ClientKey,
}

/// Begins a conversation at a post; `meant_for` is the one behind the sticker, where it is another.
async fn begin(domain: &Domain, first: &First, at: &Answering, room: Option<Room>, meant_for: Option<PostId>, told: Option<Event>) -> store::Result<Outcome> {
    let conversation_id = ConversationId(domain.id());
    let post_id = at.post.post_id;
    let news = contact_message(domain, conversation_id, first.body.clone(), first.client_key, post_id, &at.calendar, told);
    let start = Start {
        key_hash: first.key_hash.clone(),
        language: first.language,
        post_id,
        point_id: first.point_id,
        room,
        meant_for,
        claim_hash: Keys::hash(domain.keys.claim_code(conversation_id, 1).as_str()),
        contact_id: ContactId(domain.id()),
        device_id: DeviceId(domain.id()),
        conversation_id,
        news,
    };
    match domain.db.start(start.clone()).await {
        // Two first messages of one new device at the same moment, on two nodes: the other was first, so this one joins it.
        Err(store::Error::Taken(_)) => domain.db.start(start).await,
        other => other,
    }
}

/// The post behind the sticker has as many as it serves well: the nearest above that has room takes it, and the contact reads who that is. Where
/// nobody has room, it begins at the post itself after all.
async fn begin_elsewhere(domain: &Domain, first: &First, full: Answering, away: Option<Event>) -> Result<(Sent, Answering), SendError> {
    let meant_for = full.post.post_id;
    let places = overflow::places(domain, &mut domain.db.read().await?, meant_for).await?;
    for (post, unit) in places {
        let (other, room) = {
            let mut conn = domain.db.read().await?;
            let Some(other) = post::answering(domain, &mut conn, post).await? else { continue };
            let room = overflow::room(domain, &mut conn, unit).await?;
            (other, room)
        };
        let Some(to) = person(other.card()) else { continue };
        let told = Event::Overflow { name: full.card().staff_name.clone().unwrap_or_default(), to };
        // Between two looks it may have filled up too, or ended.
        if let Outcome::Sent(sent) = begin(domain, first, &other, room, Some(meant_for), Some(told)).await? {
            return Ok((sent, other));
        }
    }
    match begin(domain, first, &full, None, None, away).await? {
        Outcome::Sent(sent) => Ok((sent, full)),
        Outcome::Ended | Outcome::Full => Err(SendError::Revoked),
    }
}

pub(crate) fn first(sent: Vec<Sent>) -> store::Result<Sent> {
    sent.into_iter().next().ok_or(store::Error::Stopped)
}

/// A further message from the contact.
pub async fn say(domain: &Domain, device: &Device, id: ConversationId, typed: Typed<'_>) -> Result<Sent, SendError> {
    let body = text::message(typed.text)?;
    let client_key = typed.client_key.with(&body);
    let asked = Asked { device: device.id, contact: device.contact_id, conversation: id, key: client_key, now: domain.now() };
    let way = domain.db.way(asked).await?.ok_or(SendError::NotFound)?;
    let (calendar, away) = match setting::remembered(domain, way.unit_id) {
        // As nearly always: nothing more is to be asked.
        Some(known) if way.is_known == 0 && way.on_duty > 0 => (known.calendar.clone(), None),
        _ => {
            let mut conn = domain.db.read().await?;
            if way.is_known > 0
                && let Some(sent) = store::message::with_key(&mut conn, id, client_key).await?
            {
                return Ok(sent);
            }
            let away = if way.on_duty > 0 { None } else { away(domain, &mut conn, &way, id).await? };
            (calendar::of_unit(domain, &mut conn, way.unit_id).await?, away)
        }
    };
    domain.limits.message(&Keys::hash(typed.device_key))?;
    let mut news = contact_message(domain, id, body, client_key, way.post_id, &calendar, away);
    let sent = if news.len() == 1 {
        domain.db.send(news.remove(0)).await?
    } else {
        domain.db.write(move |c| Box::pin(async move { first(store::message::send(c, &news).await?) })).await?
    };
    domain.hub.wake_all(topics(id, way.post_id, way.answering_id));
    Ok(sent)
}

/// The automatic reply for a post with nobody on duty: once for each wait, not under every line.
async fn away(domain: &Domain, conn: &mut Conn, way: &Way, id: ConversationId) -> Result<Option<Event>, SendError> {
    let answering = post::answering(domain, conn, way.post_id).await?.ok_or(SendError::NotFound)?;
    if answering.is_nobody() {
        return Err(SendError::Nobody);
    }
    let Some(event) = off_duty_event(&answering, domain.now()) else { return Ok(None) };
    let is_told = store::wait::auto_replies(conn, id).await?.contains(&event.write());
    Ok((!is_told).then_some(event))
}

/// The contact's message with the wait it opens and, where somebody is away, the automatic reply that says so.
fn contact_message(
    domain: &Domain,
    conversation_id: ConversationId,
    body: String,
    client_key: ClientKey,
    post_id: PostId,
    calendar: &UnitCalendar,
    away: Option<Event>,
) -> Vec<New> {
    let now = domain.now();
    // Where nobody stands in, an answer is promised from the day of return on.
    let from = match &away {
        Some(Event::OffDuty { until: Some(until), stand_in: None, .. }) => (*until).max(now),
        _ => now,
    };
    let message = New {
        id: MessageId(domain.id()),
        conversation_id,
        kind: MessageKind::Contact,
        post_id: None,
        staff_id: None,
        body,
        client_key,
        sent_at: now,
        wait: Some(NewWait { id: WaitId(domain.id()), due_at: calendar.due(from) }),
    };
    let Some(away) = away else { return vec![message] };
    // The key follows from the message's own, so that a retry does not reply twice.
    let auto_key = ClientKey(uuid::Uuid::from_u128(!client_key.0.as_u128()));
    let reply = New {
        id: MessageId(domain.id()),
        kind: MessageKind::Auto,
        post_id: Some(post_id),
        body: away.write(),
        client_key: auto_key,
        wait: None,
        ..message.clone()
    };
    vec![message, reply]
}

fn off_duty_event(answering: &Answering, now: At) -> Option<Event> {
    let until = post::off_duty_until(&answering.post, now)?;
    Some(Event::OffDuty {
        name: answering.post.staff_name.clone().unwrap_or_default(),
        until: until.and_then(|u| answering.calendar.calendar.next_working(u)),
        stand_in: answering.stand_in.as_ref().and_then(person),
    })
}

/// Who a card shows, if anyone.
pub fn person(card: &Card) -> Option<Person> {
    Some(Person {
        name: card.staff_name.clone()?,
        title: card.title.clone(),
        title_en: card.title_en.clone(),
        unit: card.unit_name.clone(),
        unit_en: card.unit_name_en.clone(),
    })
}

/// Who has to hear of news in a conversation: its watchers, its post's and whoever stands in.
pub fn topics(id: ConversationId, post: PostId, answering: Option<PostId>) -> impl Iterator<Item = Topic> {
    let posts = [Some(post), answering.filter(|a| *a != post)];
    posts.into_iter().flatten().map(Topic::Post).chain([Topic::Conversation(id)])
}

/// What a contact may count on.
#[derive(Clone, Debug)]
pub struct Promise {
    /// Who answers.
    pub card: Card,
    /// While the contact is waiting.
    pub due_at: Option<At>,
    /// Working seconds the last answer took, when nothing is open.
    pub answered_after: Option<i64>,
    /// Whose post it is, and when they are back if that is known, while another answers because they are away.
    pub away: Option<(String, Option<At>)>,
    pub calendar: Arc<UnitCalendar>,
}

impl Promise {
    fn new(answering: &Answering, shown: &Shown, now: At) -> Promise {
        let answered = shown.wait_opened_at.zip(shown.wait_closed_at);
        Promise {
            card: answering.card().clone(),
            due_at: shown.wait_due_at.filter(|_| shown.wait_closed_at.is_none()),
            answered_after: answered.map(|(opened, closed)| answering.calendar.calendar.working_seconds(opened, closed)),
            away: answering.away(now),
            calendar: answering.calendar.clone(),
        }
    }
}

/// Messages on one page of a conversation.
pub const PAGE: i64 = 100;

/// A conversation as its contact sees it.
pub struct View {
    pub conversation: Conversation,
    pub answering: Answering,
    pub messages: Vec<Message>,
    /// These are the last ones.
    pub is_newest: bool,
    pub promise: Promise,
    pub claim_code: model::ClaimCode,
    pub email: Option<String>,
    /// Other devices that may see it too.
    pub claims: i64,
    /// False on a device that came in by claim code or mail.
    pub is_owner: bool,
    /// The unit is on trial: its mail goes to its admins only.
    pub is_trial: bool,
    /// Of the sticker through which it began.
    pub point_code: Option<PointCode>,
}

/// The last page of a conversation; marks it as seen.
pub async fn view(domain: &Domain, device: &Device, id: ConversationId, before: Option<i64>) -> store::Result<Option<View>> {
    let mut conn = domain.db.read().await?;
    let Some(shown) = store::conversation::shown(&mut conn, device.id, id).await? else { return Ok(None) };
    let Some(answering) = post::answering(domain, &mut conn, shown.conversation.post_id).await? else { return Ok(None) };
    let messages = store::message::before(&mut conn, id, Audience::Contact, before.unwrap_or(i64::MAX), PAGE).await?;
    let is_trial = trial::is_on_lately(domain, &mut conn, answering.post.unit_id).await?;
    drop(conn);
    let promise = Promise::new(&answering, &shown, domain.now());
    let Shown { conversation, email, claims, point_code, .. } = shown;
    let view = View {
        promise,
        claim_code: domain.keys.claim_code(id, conversation.claim_version),
        is_owner: conversation.contact_id == device.contact_id,
        email,
        conversation,
        answering,
        messages,
        is_newest: before.is_none(),
        claims,
        is_trial,
        point_code,
    };
    if before.is_none() {
        // The page need not wait until that is on the disk.
        let (domain, conversation) = (domain.clone(), view.conversation.clone());
        tokio::spawn(async move {
            if let Err(e) = saw(&domain, &conversation, conversation.last_seq).await {
                tracing::warn!(error = %e, "what a contact has seen could not be noted");
            }
        });
    }
    Ok(Some(view))
}

/// A device that shows the conversation says up to where. Not told by the stream itself: a page in the background has shown nothing to anybody.
pub async fn seen(domain: &Domain, device: &Device, id: ConversationId, seq: i64) -> store::Result<Option<()>> {
    let mut conn = domain.db.read().await?;
    let Some(conversation) = store::conversation::of_device(&mut conn, device.id, id).await? else { return Ok(None) };
    drop(conn);
    saw(domain, &conversation, seq.min(conversation.last_seq)).await.map(Some)
}

/// The contact has seen everything up to `seq`: staff see it, and a mail that waits to tell of it is not needed any more.
async fn saw(domain: &Domain, conversation: &Conversation, seq: i64) -> store::Result<()> {
    if conversation.contact_seen_seq >= seq {
        return Ok(());
    }
    let id = conversation.id;
    domain.db.saw(Seen { conversation_id: id, seq }).await?;
    domain.hub.wake(Topic::Conversation(id));
    Ok(())
}

/// What a reader who has everything up to a number has missed.
pub struct News {
    /// The message just above, for the look of the first new one.
    pub above: Option<Message>,
    /// [`PAGE`] at most; a full page may not be all.
    pub messages: Vec<Message>,
    pub promise: Promise,
}

/// What came after the message numbered `after`.
pub async fn news(domain: &Domain, device: &Device, id: ConversationId, after: i64) -> store::Result<Option<News>> {
    let mut conn = domain.db.read().await?;
    let Some(shown) = store::conversation::shown(&mut conn, device.id, id).await? else { return Ok(None) };
    let Some(answering) = post::answering(domain, &mut conn, shown.conversation.post_id).await? else { return Ok(None) };
    let above = store::message::before(&mut conn, id, Audience::Contact, after.saturating_add(1), 1).await?.pop();
    let messages = store::message::after(&mut conn, id, Audience::Contact, after, PAGE).await?;
    Ok(Some(News { above, messages, promise: Promise::new(&answering, &shown, domain.now()) }))
}

/// One line in the list of a device's conversations.
pub struct Line {
    pub conversation: Conversation,
    pub card: store::post::Card,
}

/// All conversations this device may see, newest first.
pub async fn mine(domain: &Domain, device: &Device) -> store::Result<Vec<Line>> {
    let now = domain.now();
    let mut conn = domain.db.read().await?;
    let mut lines = Vec::new();
    for conversation in store::conversation::all_of_device(&mut conn, device.id).await? {
        if let Some(card) = store::post::card(&mut conn, conversation.post_id, now).await? {
            lines.push(Line { conversation, card });
        }
    }
    Ok(lines)
}

/// Keeps or, when left empty, forgets the address to be told of answers. Only for the device that began the conversation: the address is the
/// contact's in all of their conversations, and a claim code opens one.
pub async fn set_email(domain: &Domain, device: &Device, id: ConversationId, typed: &str, language: Language) -> Result<(), SendError> {
    let email = match text::email(typed) {
        Ok(email) => Some(email),
        Err(TextError::Empty) => None,
        Err(e) => return Err(e.into()),
    };
    let conversation = {
        let mut conn = domain.db.read().await?;
        let found = store::conversation::of_device(&mut conn, device.id, id).await?;
        found.filter(|c| c.contact_id == device.contact_id).ok_or(SendError::NotFound)?
    };
    let (contact, now) = (conversation.contact_id, domain.now());
    domain
        .db
        .write(move |c| {
            Box::pin(async move {
                let known = store::contact::find(c, contact).await?;
                if known.and_then(|k| k.email) != email {
                    // Nothing more to the old address, and it is not kept with old mails either.
                    store::outbox::forget_contact(c, contact, now).await?;
                }
                store::contact::set_email(c, contact, email.as_deref(), language).await
            })
        })
        .await
        .map_err(SendError::Store)
}

/// A line from the program itself, such as "opened on another device".
pub(crate) async fn tell(c: &mut Conn, ids: (MessageId, ClientKey), conversation_id: ConversationId, event: &Event, now: At) -> store::Result<Sent> {
    let new = New {
        id: ids.0,
        conversation_id,
        kind: MessageKind::Event,
        post_id: None,
        staff_id: None,
        body: event.write(),
        client_key: ids.1,
        sent_at: now,
        wait: None,
    };
    first(store::message::send(c, &[new]).await?)
}
