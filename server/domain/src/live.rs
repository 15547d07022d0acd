//! Wakes whoever watches. Only wake-ups pass here; what is new is read from the database by sequence number, so nothing is lost on reconnect.

use model::{ConversationId, DeviceId, PostId, SessionId, StaffId};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::watch;

/// What can be watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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

#[derive(Clone, Default)]
pub struct Hub(Arc<Shared>);

#[derive(Default)]
struct Shared {
    topics: Mutex<HashMap<Topic, watch::Sender<u64>>>,
    open: Mutex<HashMap<Reader, usize>>,
    present: Mutex<HashMap<ConversationId, Vec<(StaffId, String)>>>,
}

impl Hub {
    /// A receiver that changes at every wake-up from now on.
    pub fn watch(&self, topic: Topic) -> watch::Receiver<u64> {
        self.topics().entry(topic).or_insert_with(|| watch::Sender::new(0)).subscribe()
    }

    pub fn wake(&self, topic: Topic) {
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

    /// Marks a member of staff as looking at a conversation until the guard is dropped.
    pub fn enter(&self, conversation: ConversationId, staff: StaffId, name: &str) -> Presence {
        self.present().entry(conversation).or_default().push((staff, name.to_owned()));
        self.wake(Topic::Presence(conversation));
        Presence { hub: self.clone(), conversation, staff }
    }

    /// Who is looking at a conversation now, each once.
    pub fn looking_at(&self, conversation: ConversationId) -> Vec<(StaffId, String)> {
        let mut list = self.present().get(&conversation).cloned().unwrap_or_default();
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

    fn present(&self) -> MutexGuard<'_, HashMap<ConversationId, Vec<(StaffId, String)>>> {
        self.0.present.lock().unwrap_or_else(PoisonError::into_inner)
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
        self.hub.wake(Topic::Presence(self.conversation));
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
