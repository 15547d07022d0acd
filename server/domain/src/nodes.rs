//! What the nodes on one database tell each other: whom to wake, and who is looking at a conversation. Messages themselves are read from the
//! database, so a signal that comes twice or late does no harm, and after a cut everybody is woken once.

use crate::{
    Domain,
    live::{Looking, Topic},
};
use model::ConversationId;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use store::Result;
use tokio::{sync::watch, time};

/// Between two signals of a node.
const PAUSE: Duration = Duration::from_millis(20);
/// Between two signs of life.
const BEAT: Duration = Duration::from_secs(10);
/// Seconds without a sign of life after which a node is taken to be gone, with everybody who was looking through it.
const SILENCE: i64 = 35;
/// Without hearing anything, oneself included, for so long one listens anew.
const DEAF: Duration = Duration::from_secs(35);
/// How long one signal may take.
const SIGNALLED: Duration = Duration::from_secs(5);
/// Topics, and conversations looked at, in one signal: it stays below PostgreSQL's 8,000 bytes.
const TOPICS: usize = 100;
const LOOKED_AT: usize = 10;

/// One signal.
#[derive(Debug, Default, Serialize, Deserialize)]
struct News {
    node: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    topics: Vec<Topic>,
    /// Who looks at these conversations through this node now; replaces what it said of them before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    looking: Vec<(ConversationId, Vec<Looking>)>,
    #[serde(default)]
    is_leaving: bool,
    /// What was remembered of settings and of the tree holds no more.
    #[serde(default)]
    has_changed_settings: bool,
}

/// Tells and hears until the server stops. Ends at once where there is one node only.
pub async fn run(domain: Domain, stopping: watch::Receiver<bool>) {
    if !domain.db.is_postgres() {
        return;
    }
    let node = u64::from_be_bytes(domain.random.bytes());
    domain.hub.has_neighbours();
    tokio::join!(tell(&domain, node, stopping.clone()), hear(&domain, node, stopping));
}

async fn tell(domain: &Domain, node: u64, mut stopping: watch::Receiver<bool>) {
    let mut beat = time::interval(BEAT);
    beat.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
    loop {
        let is_beat = tokio::select! {
            () = domain.hub.has_news() => false,
            _ = beat.tick() => true,
            _ = stopping.wait_for(|s| *s) => break,
        };
        if domain.hub.take_changed_settings()
            && let Err(e) = signal(domain, &News { node, has_changed_settings: true, ..News::default() }).await
        {
            tracing::warn!(error = %e, "the other nodes could not be told of changed settings; it is tried again");
            domain.hub.settings_changed();
            time::sleep(Duration::from_secs(1)).await;
        }
        let (topics, changed) = domain.hub.take_news();
        let looking = if is_beat { domain.hub.all_looking() } else { domain.hub.looking_here(&changed) };
        for news in parts(node, &topics, &looking) {
            if let Err(e) = signal(domain, &news).await {
                tracing::warn!(error = %e, "the other nodes could not be told; it is tried again");
                domain.hub.give_back_news(&topics, &changed);
                time::sleep(Duration::from_secs(1)).await;
                break;
            }
        }
        time::sleep(PAUSE).await;
    }
    let _ = signal(domain, &News { node, is_leaving: true, ..News::default() }).await;
}

/// As many signals as it takes, at least one: the sign of life.
fn parts(node: u64, topics: &[Topic], looking: &[(ConversationId, Vec<Looking>)]) -> Vec<News> {
    let woken = topics.chunks(TOPICS).map(|topics| News { node, topics: topics.to_vec(), ..News::default() });
    let looked_at = looking.chunks(LOOKED_AT).map(|looking| News { node, looking: looking.to_vec(), ..News::default() });
    let mut all: Vec<News> = woken.chain(looked_at).collect();
    if all.is_empty() {
        all.push(News { node, ..News::default() });
    }
    all
}

async fn signal(domain: &Domain, news: &News) -> Result<()> {
    let text = serde_json::to_string(news)?;
    time::timeout(SIGNALLED, domain.db.signal(&text)).await.map_err(|_| store::Error::Slow)?
}

async fn hear(domain: &Domain, node: u64, mut stopping: watch::Receiver<bool>) {
    let hearing = async {
        loop {
            if let Err(e) = hear_until_cut(domain, node).await {
                tracing::warn!(error = %e, "the other nodes cannot be heard; it is tried again");
            }
            time::sleep(Duration::from_secs(1)).await;
        }
    };
    tokio::select! {
        () = hearing => {}
        _ = stopping.wait_for(|s| *s) => {}
    }
}

async fn hear_until_cut(domain: &Domain, node: u64) -> Result<()> {
    let Some(mut listener) = domain.db.listen().await? else { return Ok(()) };
    // What was signalled before there was a listener is not known.
    domain.hub.wake_everybody();
    domain.settings.have_changed();
    loop {
        // One's own sign of life is heard too. A connection behind which the network has gone away without a word says nothing for ever.
        let heard = time::timeout(DEAF, listener.next()).await.map_err(|_| store::Error::Slow)?;
        match heard? {
            Some(text) => take(domain, node, &text),
            None => {
                domain.hub.wake_everybody();
                domain.settings.have_changed();
            }
        }
        domain.hub.forget_silent(domain.now().plus_seconds(-SILENCE));
    }
}

fn take(domain: &Domain, node: u64, text: &str) {
    // A node of another version may say what this one does not know yet.
    let Ok(news) = serde_json::from_str::<News>(text) else { return };
    if news.node == node {
        return;
    }
    if news.is_leaving {
        domain.hub.forget_node(news.node);
        return;
    }
    if news.has_changed_settings {
        domain.settings.have_changed();
    }
    domain.hub.hear(news.node, news.looking, domain.now());
    news.topics.into_iter().for_each(|topic| domain.hub.wake_here(topic));
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::StaffId;
    use uuid::Uuid;

    #[test]
    fn a_signal_is_never_longer_than_postgresql_takes() {
        let topics = vec![Topic::Conversation(ConversationId(Uuid::max())); 250];
        let someone: Looking = (StaffId(Uuid::max()), "欧阳娜娜买买提".repeat(6));
        let looking = vec![(ConversationId(Uuid::max()), vec![someone; 3]); 25];
        let all = parts(u64::MAX, &topics, &looking);
        assert_eq!(all.len(), 6);
        assert!(all.iter().all(|news| serde_json::to_string(news).unwrap().len() < 8000));
        assert_eq!(parts(1, &[], &[]).len(), 1);
    }
}
