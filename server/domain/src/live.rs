//! Wakes whoever watches. Only wake-ups pass here; what is new is read from the database by sequence number, so nothing is lost on reconnect.

use model::{At, ConversationId, DeviceId, PostId, SessionId, StaffId};
use serde::{Deserialize, Serialize};
use std::{
    collections::{HashMap, HashSet},
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::sync::{Notify, watch};

/// What can be watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// A conversation: messages, its state, who answers.
    Conversation(ConversationId),
    /// The list of a post's conversations.
    Post(PostId),
    /// Who is looking at a conversation now.
    Presence(ConversationId),
    /// What a member of staff may see: posts they begin or cease to hold.
    Staff(StaffId),
    /// A session's end.
    Session(SessionId),
}

/// Who reads a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reader {
    Device(DeviceId),
    Session(SessionId),
}

/// Streams one device or session may have open: more tabs than anybody looks at, fewer than would burden the server.
pub const STREAMS: usize = 20;

/// A member of staff who looks at a conversation.
pub type Looking = (StaffId, String);

#[derive(Clone, Default)]
pub struct Hub(Arc<Shared>);

#[derive(Default)]
struct Shared {
    topics: Mutex<HashMap<Topic, watch::Sender<u64>>>,
    open: Mutex<HashMap<Reader, usize>>,
    present: Mutex<LookedAt>,
    neighbours: Neighbours,
}

/// Who looks at which conversations.
type LookedAt = HashMap<ConversationId, Vec<Looking>>;

/// Topics to wake, and conversations at which somebody began or ceased to look.
type News = (HashSet<Topic>, HashSet<ConversationId>);

/// The other nodes on the same database ([`crate::nodes`]).
#[derive(Default)]
struct Neighbours {
    are_there: AtomicBool,
    /// What they have not been told yet.
    news: Mutex<News>,
    has_changed_settings: AtomicBool,
    has_news: Notify,
    /// Who looks through which node, and when it was last heard of.
    looking: Mutex<HashMap<u64, (At, LookedAt)>>,
}

impl Hub {
    /// A receiver that changes at every wake-up from now on.
    pub fn watch(&self, topic: Topic) -> watch::Receiver<u64> {
        self.topics().entry(topic).or_insert_with(|| watch::Sender::new(0)).subscribe()
    }

    pub fn wake(&self, topic: Topic) {
        self.wake_here(topic);
        self.tell_neighbours(|(topics, _)| topics.insert(topic));
    }

    /// Wakes who watches through this node.
    pub(crate) fn wake_here(&self, topic: Topic) {
        let mut topics = self.topics();
        if let Some(sender) = topics.get(&topic) {
            if sender.receiver_count() == 0 {
                topics.remove(&topic);
            } else {
                sender.send_modify(|n| *n += 1);
            }
        }
    }

    pub fn wake_all(&self, topics: impl IntoIterator<Item = Topic>) {
        topics.into_iter().for_each(|t| self.wake(t));
    }

    /// Counts a stream until the guard is dropped; `None` when its reader has [`STREAMS`] open.
    pub fn open(&self, reader: Reader) -> Option<Open> {
        let mut open = self.open_streams();
        let count = open.entry(reader).or_default();
        if *count >= STREAMS {
            return None;
        }
        *count += 1;
        Some(Open { hub: self.clone(), reader })
    }

    /// Forgets topics nobody watches any more; called once a minute.
    pub fn forget_unwatched(&self) {
        self.topics().retain(|_, sender| sender.receiver_count() > 0);
    }

    /// Wakes all who watch through this node: nobody knows what they have missed.
    pub(crate) fn wake_everybody(&self) {
        self.topics().values().for_each(|sender| sender.send_modify(|n| *n += 1));
    }

    /// Marks a member of staff as looking at a conversation until the guard is dropped.
    pub fn enter(&self, conversation: ConversationId, staff: StaffId, name: &str) -> Presence {
        self.present().entry(conversation).or_default().push((staff, name.to_owned()));
        self.presence_changed(conversation);
        Presence { hub: self.clone(), conversation, staff }
    }

    /// Who is looking at a conversation now, each once.
    pub fn looking_at(&self, conversation: ConversationId) -> Vec<Looking> {
        let mut list = self.present().get(&conversation).cloned().unwrap_or_default();
        list.extend(self.neighbours_looking().values().filter_map(|(_, looking)| looking.get(&conversation)).flatten().cloned());
        list.sort();
        list.dedup_by_key(|(id, _)| *id);
        list
    }

    /// Streams open now, for the metrics.
    pub fn watchers(&self) -> usize {
        self.topics().values().map(watch::Sender::receiver_count).sum()
    }

    fn topics(&self) -> MutexGuard<'_, HashMap<Topic, watch::Sender<u64>>> {
        self.0.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open_streams(&self) -> MutexGuard<'_, HashMap<Reader, usize>> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn present(&self) -> MutexGuard<'_, LookedAt> {
        self.0.present.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// With other nodes on the same database.
impl Hub {
    /// From now on there may be others to tell.
    pub(crate) fn has_neighbours(&self) {
        self.0.neighbours.are_there.store(true, Ordering::Relaxed);
    }

    fn tell_neighbours(&self, add: impl FnOnce(&mut News) -> bool) {
        if self.0.neighbours.are_there.load(Ordering::Relaxed) && add(&mut self.news()) {
            self.0.neighbours.has_news.notify_one();
        }
    }

    /// What other nodes remember of settings and of the tree holds no more.
    pub(crate) fn settings_changed(&self) {
        if self.0.neighbours.are_there.load(Ordering::Relaxed) {
            self.0.neighbours.has_changed_settings.store(true, Ordering::Relaxed);
            self.0.neighbours.has_news.notify_one();
        }
    }

    pub(crate) fn take_changed_settings(&self) -> bool {
        self.0.neighbours.has_changed_settings.swap(false, Ordering::Relaxed)
    }

    fn presence_changed(&self, conversation: ConversationId) {
        self.wake_here(Topic::Presence(conversation));
        self.tell_neighbours(|(_, changed)| changed.insert(conversation));
    }

    pub(crate) async fn has_news(&self) {
        self.0.neighbours.has_news.notified().await;
    }

    /// What to tell: topics to wake, and conversations at which somebody began or ceased to look.
    pub(crate) fn take_news(&self) -> (Vec<Topic>, Vec<ConversationId>) {
        let (topics, changed) = mem::take(&mut *self.news());
        (topics.into_iter().collect(), changed.into_iter().collect())
    }

    pub(crate) fn give_back_news(&self, topics: &[Topic], changed: &[ConversationId]) {
        let mut news = self.news();
        news.0.extend(topics);
        news.1.extend(changed);
        self.0.neighbours.has_news.notify_one();
    }

    /// Who looks at these conversations through this node.
    pub(crate) fn looking_here(&self, conversations: &[ConversationId]) -> Vec<(ConversationId, Vec<Looking>)> {
        let present = self.present();
        conversations.iter().map(|id| (*id, present.get(id).cloned().unwrap_or_default())).collect()
    }

    pub(crate) fn all_looking(&self) -> Vec<(ConversationId, Vec<Looking>)> {
        self.present().iter().map(|(id, looking)| (*id, looking.clone())).collect()
    }

    /// A node has said at `now` who looks at some conversations through it.
    pub(crate) fn hear(&self, node: u64, looking: Vec<(ConversationId, Vec<Looking>)>, now: At) {
        let changed: Vec<ConversationId> = looking.iter().map(|(id, _)| *id).collect();
        {
            let mut nodes = self.neighbours_looking();
            let (heard_at, known) = nodes.entry(node).or_insert((now, HashMap::new()));
            *heard_at = now;
            known.extend(looking);
            known.retain(|_, list| !list.is_empty());
        }
        changed.into_iter().for_each(|id| self.wake_here(Topic::Presence(id)));
    }

    /// Whoever looked through this node looks no more.
    pub(crate) fn forget_node(&self, node: u64) {
        let gone = self.neighbours_looking().remove(&node);
        let looked_at = gone.into_iter().flat_map(|(_, looking)| looking.into_keys());
        looked_at.for_each(|id| self.wake_here(Topic::Presence(id)));
    }

    /// Forgets nodes not heard of since then.
    pub(crate) fn forget_silent(&self, since: At) {
        let silent: Vec<u64> = self.neighbours_looking().iter().filter(|(_, (at, _))| *at < since).map(|(node, _)| *node).collect();
        silent.into_iter().for_each(|node| self.forget_node(node));
    }

    fn news(&self) -> MutexGuard<'_, News> {
        self.0.neighbours.news.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn neighbours_looking(&self) -> MutexGuard<'_, HashMap<u64, (At, LookedAt)>> {
        self.0.neighbours.looking.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An open stream; counts no longer when dropped.
pub struct Open {
    hub: Hub,
    reader: Reader,
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut open = self.hub.open_streams();
        if let Some(count) = open.get_mut(&self.reader) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.reader);
            }
        }
    }
}

/// Somebody is looking; leaves when dropped.
pub struct Presence {
    hub: Hub,
    conversation: ConversationId,
    staff: StaffId,
}

impl Drop for Presence {
    fn drop(&mut self) {
        {
            let mut present = self.hub.present();
            if let Some(list) = present.get_mut(&self.conversation) {
                if let Some(i) = list.iter().position(|(id, _)| *id == self.staff) {
                    list.swap_remove(i);
                }
                if list.is_empty() {
                    present.remove(&self.conversation);
                }
            }
        }
        self.hub.presence_changed(self.conversation);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_watcher_wakes_and_an_unwatched_topic_is_forgotten() {
        let hub = Hub::default();
        let topic = Topic::Conversation(ConversationId(uuid::Uuid::nil()));
        let mut watcher = hub.watch(topic);
        hub.wake(topic);
        assert!(watcher.has_changed().unwrap());
        watcher.mark_unchanged();
        drop(watcher);
        hub.wake(topic);
        assert!(hub.topics().is_empty());
    }

    #[test]
    fn a_reader_has_so_many_streams_and_no_more_until_one_is_closed() {
        let hub = Hub::default();
        let reader = Reader::Device(DeviceId(uuid::Uuid::nil()));
        let mut open: Vec<Open> = (0..STREAMS).map_while(|_| hub.open(reader)).collect();
        assert_eq!(open.len(), STREAMS);
        assert!(hub.open(reader).is_none());
        assert!(hub.open(Reader::Session(SessionId(uuid::Uuid::nil()))).is_some());
        open.pop();
        assert!(hub.open(reader).is_some());
        drop(open);
        assert!(hub.open_streams().is_empty());
    }

    #[test]
    fn two_tabs_of_one_person_count_once_until_both_are_closed() {
        let hub = Hub::default();
        let (conversation, staff) = (ConversationId(uuid::Uuid::nil()), StaffId(uuid::Uuid::nil()));
        let first = hub.enter(conversation, staff, "王芳");
        let second = hub.enter(conversation, staff, "王芳");
        assert_eq!(hub.looking_at(conversation).len(), 1);
        drop(first);
        assert_eq!(hub.looking_at(conversation).len(), 1);
        drop(second);
        assert!(hub.looking_at(conversation).is_empty());
    }
}
