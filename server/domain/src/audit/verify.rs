//! Whether the chain of audit entries is whole: every entry hashes to what it carries, carries the hash of the one before it, and none is missing,
//! at the end neither. What was emptied because it was old is accepted where an entry in the chain says so.

use super::hash;
use model::At;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use store::{
    Conn, Result,
    audit::{Entry, Head},
};

/// Entries read at a time.
const PAGE: i64 = 5_000;
/// Days below which no entry may have been emptied; clocks of several nodes may differ by one.
const DAYS: i64 = super::KEPT_DAYS - 1;

/// The first thing that is wrong, with the number of the entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// There is no entry with this number.
    Missing(i64),
    /// Its contents are not what it was written with.
    Changed(i64),
    /// It does not carry the hash of the entry before it: it, or that one, was put there later or exchanged.
    Unlinked(i64),
    /// It was emptied, and no entry says that it was old enough.
    Emptied(i64),
    /// The chain ended later than here once: entries from this number on were cut off.
    CutOff(i64),
    /// It is another entry than the one whose hash was kept.
    Other(i64),
}

impl Fault {
    pub fn seq(self) -> i64 {
        let (Fault::Missing(seq) | Fault::Changed(seq) | Fault::Unlinked(seq) | Fault::Emptied(seq) | Fault::CutOff(seq) | Fault::Other(seq)) = self;
        seq
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Missing(seq) => write!(f, "entry {seq} is missing"),
            Fault::Changed(seq) => write!(f, "entry {seq} was changed"),
            Fault::Unlinked(seq) => write!(f, "entry {seq} does not follow the entry before it: one of the two was exchanged"),
            Fault::Emptied(seq) => write!(f, "entry {seq} was emptied, and no entry says that it was old enough"),
            Fault::CutOff(seq) => write!(f, "entry {seq} and what came after it were cut off"),
            Fault::Other(seq) => write!(f, "entry {seq} is another one than the anchor says"),
        }
    }
}

/// The number and hash of an entry, kept outside the database: `4711:9f86d0…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    pub seq: i64,
    pub hash: Vec<u8>,
}

#[derive(Debug, thiserror::Error)]
#[error("an anchor is a number, a colon and 64 hexadecimal digits, as `linli audit verify` prints it")]
pub struct NotAnAnchor;

impl FromStr for Anchor {
    type Err = NotAnAnchor;
    fn from_str(text: &str) -> std::result::Result<Anchor, NotAnAnchor> {
        let (seq, hash) = text.trim().split_once(':').ok_or(NotAnAnchor)?;
        let hash = data_encoding::HEXLOWER_PERMISSIVE.decode(hash.as_bytes()).map_err(|_| NotAnAnchor)?;
        let seq = seq.parse().ok().filter(|seq| *seq >= 1).ok_or(NotAnAnchor)?;
        if hash.len() == 32 { Ok(Anchor { seq, hash }) } else { Err(NotAnAnchor) }
    }
}

impl fmt::Display for Anchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, data_encoding::HEXLOWER.encode(&self.hash))
    }
}

impl From<Head> for Anchor {
    fn from(head: Head) -> Anchor {
        Anchor { seq: head.seq, hash: head.hash }
    }
}

/// What an entry about emptied entries says: which they are, as `1-200,203-900`, and when the newest of them was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Emptied {
    pub entries: String,
    pub newest: At,
    pub kinds: Vec<String>,
}

/// Numbers in order as ranges.
pub(super) fn ranges(seqs: &[i64]) -> String {
    let mut all: Vec<(i64, i64)> = Vec::new();
    for seq in seqs {
        match all.last_mut() {
            Some((_, until)) if *until + 1 == *seq => *until = *seq,
            _ => all.push((*seq, *seq)),
        }
    }
    let write = |(from, until): &(i64, i64)| if from == until { from.to_string() } else { format!("{from}-{until}") };
    all.iter().map(write).collect::<Vec<_>>().join(",")
}

/// One time that old entries were emptied.
struct Retention {
    seq: i64,
    at: At,
    ranges: Vec<(i64, i64)>,
}

impl Retention {
    fn read((seq, at, detail): &(i64, At, String)) -> Option<Retention> {
        let said: Emptied = serde_json::from_str(detail).ok()?;
        let range = |text: &str| {
            let (from, until) = text.split_once('-').unwrap_or((text, text));
            Some((from.parse().ok()?, until.parse().ok()?))
        };
        Some(Retention { seq: *seq, at: *at, ranges: said.entries.split(',').filter_map(range).collect() })
    }

    /// Whether it speaks of an entry, all entries before which are no newer than `newest`.
    fn covers(&self, seq: i64, newest: At) -> bool {
        // The ranges are in order.
        let i = self.ranges.partition_point(|(_, until)| *until < seq);
        self.seq > seq && self.at >= newest.plus_days(DAYS) && self.ranges.get(i).is_some_and(|(from, _)| *from <= seq)
    }
}

/// A chain being looked through from its beginning, entry by entry.
pub struct Chain {
    retentions: Vec<Retention>,
    anchors: Vec<Anchor>,
    last: Option<(i64, Vec<u8>)>,
    newest: At,
    pub count: i64,
    pub emptied: i64,
}

impl Chain {
    /// `retentions` are all entries about emptied ones; each of them is looked at in its turn, like every other.
    pub fn new(retentions: &[(i64, At, String)], anchors: Vec<Anchor>) -> Chain {
        Chain { retentions: retentions.iter().filter_map(Retention::read).collect(), anchors, last: None, newest: At(0), count: 0, emptied: 0 }
    }

    /// A chain of which only what comes after an entry is looked at.
    fn from(self, before: &Entry) -> Chain {
        Chain { last: Some((before.seq, before.hash.clone())), newest: before.at, ..self }
    }

    pub fn take(&mut self, entry: &Entry) -> std::result::Result<(), Fault> {
        let (expected, previous) = self.last.as_ref().map_or((1, [].as_slice()), |(seq, hash)| (seq + 1, hash));
        if entry.seq > expected {
            return Err(Fault::Missing(expected));
        }
        if entry.seq < expected || entry.previous_hash != previous {
            return Err(Fault::Unlinked(entry.seq));
        }
        if is_empty(entry) {
            if !self.retentions.iter().any(|r| r.covers(entry.seq, self.newest)) {
                return Err(Fault::Emptied(entry.seq));
            }
            self.emptied += 1;
        } else if hash(entry) != entry.hash {
            return Err(Fault::Changed(entry.seq));
        }
        if self.anchors.iter().any(|a| a.seq == entry.seq && a.hash != entry.hash) {
            return Err(Fault::Other(entry.seq));
        }
        self.newest = self.newest.max(entry.at);
        self.count += 1;
        self.last = Some((entry.seq, entry.hash.clone()));
        Ok(())
    }

    /// The end, if none of what is known to have been there is missing.
    pub fn end(self) -> std::result::Result<Whole, Fault> {
        let end = self.last.as_ref().map_or(0, |(seq, _)| *seq);
        if self.anchors.iter().any(|a| a.seq > end) {
            return Err(Fault::CutOff(end + 1));
        }
        Ok(Whole { count: self.count, emptied: self.emptied, anchor: self.last.map(|(seq, hash)| Anchor { seq, hash }) })
    }
}

fn is_empty(entry: &Entry) -> bool {
    let is_blank = entry.action.is_empty() && entry.target.is_empty() && entry.detail.is_empty();
    is_blank && entry.at == At(0) && entry.staff_id.is_none() && entry.unit_id.is_none() && entry.hash.len() == 32
}

/// A chain in which nothing is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whole {
    pub count: i64,
    /// Of these were emptied because they were old.
    pub emptied: i64,
    /// Its end, to be kept elsewhere; none if there are no entries yet.
    pub anchor: Option<Anchor>,
}

/// What the database remembers as its end counts as an anchor too.
async fn anchored(c: &mut Conn, mut anchors: Vec<Anchor>) -> Result<Vec<Anchor>> {
    let head = store::audit::head(c).await?;
    if head.seq > 0 {
        anchors.push(head.into());
    }
    Ok(anchors)
}

/// Looks through the whole chain, page by page.
pub async fn verify(c: &mut Conn, anchors: Vec<Anchor>) -> Result<std::result::Result<Whole, Fault>> {
    let anchors = anchored(c, anchors).await?;
    let retentions = store::audit::retentions(c).await?;
    walk(c, Chain::new(&retentions, anchors), i64::MIN).await
}

/// Looks through the newest entries, as far as they were read: of the first of them only what the next hangs on.
pub(crate) fn recent(trail: &store::Trail) -> std::result::Result<Whole, Fault> {
    let head = (trail.head.seq > 0).then(|| Anchor::from(trail.head.clone()));
    let mut chain = Chain::new(&trail.retentions, head.into_iter().collect());
    let mut entries = trail.entries.iter();
    if let Some(first) = trail.entries.first().filter(|e| e.seq > 1) {
        chain = chain.from(first);
        entries.next();
    }
    entries.try_for_each(|entry| chain.take(entry))?;
    chain.end()
}

async fn walk(c: &mut Conn, mut chain: Chain, mut seq: i64) -> Result<std::result::Result<Whole, Fault>> {
    loop {
        let page = store::audit::after(c, seq, PAGE).await?;
        let Some(last) = page.last() else { return Ok(chain.end()) };
        seq = last.seq;
        for entry in &page {
            if let Err(fault) = chain.take(entry) {
                return Ok(Err(fault));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{StaffId, UnitId};
    use proptest::prelude::*;
    use uuid::Uuid;

    const DAY: i64 = 24 * 60 * 60 * 1000;

    /// A chain of a year and a half, in which some entries look alike.
    fn chain(length: i64) -> Vec<Entry> {
        let mut all: Vec<Entry> = Vec::new();
        for seq in 1..=length {
            let mut entry = Entry {
                seq,
                at: At(1_750_000_000_000 + seq * DAY),
                staff_id: (seq % 3 != 0).then(|| StaffId(Uuid::from_u128(7))),
                unit_id: (seq % 4 != 0).then(|| UnitId(Uuid::from_u128(9))),
                action: "unit.change".into(),
                target: "t".into(),
                detail: String::new(),
                previous_hash: all.last().map(|e| e.hash.clone()).unwrap_or_default(),
                hash: Vec::new(),
            };
            entry.hash = hash(&entry);
            all.push(entry);
        }
        all
    }

    fn looked_through(all: &[Entry], head: &Anchor) -> std::result::Result<Whole, Fault> {
        let retentions: Vec<_> = all.iter().filter(|e| e.action == store::audit::RETAIN).map(|e| (e.seq, e.at, e.detail.clone())).collect();
        let mut chain = Chain::new(&retentions, vec![head.clone()]);
        all.iter().try_for_each(|entry| chain.take(entry))?;
        chain.end()
    }

    fn head_of(all: &[Entry]) -> Anchor {
        let last = all.last().unwrap();
        Anchor { seq: last.seq, hash: last.hash.clone() }
    }

    /// Says in the chain that entries were emptied, and empties them.
    fn retain(all: &mut Vec<Entry>, seqs: &[i64], at: At) {
        let detail = serde_json::to_string(&Emptied { entries: ranges(seqs), newest: At(0), kinds: Vec::new() }).unwrap();
        let previous = all.last().unwrap().clone();
        let mut entry = Entry {
            seq: previous.seq + 1,
            at,
            staff_id: None,
            unit_id: None,
            action: store::audit::RETAIN.into(),
            target: String::new(),
            detail,
            previous_hash: previous.hash,
            hash: Vec::new(),
        };
        entry.hash = hash(&entry);
        all.push(entry);
        for entry in all.iter_mut().filter(|e| seqs.contains(&e.seq)) {
            empty(entry);
        }
    }

    fn empty(entry: &mut Entry) {
        *entry = Entry {
            seq: entry.seq,
            at: At(0),
            staff_id: None,
            unit_id: None,
            action: String::new(),
            target: String::new(),
            detail: String::new(),
            previous_hash: entry.previous_hash.clone(),
            hash: entry.hash.clone(),
        };
    }

    #[test]
    fn an_untouched_chain_is_whole() {
        let all = chain(40);
        let whole = looked_through(&all, &head_of(&all)).unwrap();
        assert_eq!((whole.count, whole.emptied, whole.anchor), (40, 0, Some(head_of(&all))));
        assert_eq!(Chain::new(&[], Vec::new()).end(), Ok(Whole { count: 0, emptied: 0, anchor: None }));
    }

    #[test]
    fn entries_emptied_because_they_were_old_leave_the_chain_whole_and_others_do_not() {
        let mut all = chain(400);
        retain(&mut all, &[1, 2, 3, 5, 90], At(1_750_000_000_000 + 401 * DAY));
        assert_eq!(looked_through(&all, &head_of(&all)).map(|w| w.emptied), Ok(5));
        let mut unsaid = all.clone();
        empty(&mut unsaid[5]);
        assert_eq!(looked_through(&unsaid, &head_of(&all)), Err(Fault::Emptied(6)), "nobody said so");
        let mut young = chain(400);
        retain(&mut young, &[1, 250], At(1_750_000_000_000 + 401 * DAY));
        assert_eq!(looked_through(&young, &head_of(&young)), Err(Fault::Emptied(250)), "150 days");
        let mut refilled = all.clone();
        refilled[0].detail = "something".into();
        assert_eq!(looked_through(&refilled, &head_of(&all)), Err(Fault::Changed(1)));
    }

    #[test]
    fn a_chain_written_anew_is_found_by_an_anchor_kept_elsewhere() {
        let (kept, mut anew) = (head_of(&chain(30)), chain(30));
        anew[10].detail = "not so".into();
        for i in 10..30 {
            anew[i].previous_hash = anew[i - 1].hash.clone();
            anew[i].hash = hash(&anew[i]);
        }
        assert!(looked_through(&anew, &head_of(&anew)).is_ok(), "who may write everything may write everything anew");
        let mut chain = Chain::new(&[], vec![kept]);
        let found = anew.iter().try_for_each(|entry| chain.take(entry));
        assert_eq!(found, Err(Fault::Other(30)));
    }

    #[test]
    fn an_anchor_is_read_as_it_is_printed() {
        let anchor = head_of(&chain(3));
        assert_eq!(anchor.to_string().parse::<Anchor>().unwrap(), anchor);
        for bad in ["", "3", "3:", "x:00", "3:00", "0:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"] {
            assert!(bad.parse::<Anchor>().is_err(), "{bad}");
        }
    }

    #[test]
    fn numbers_are_said_as_ranges() {
        assert_eq!(ranges(&[1, 2, 3, 5, 7, 8]), "1-3,5,7-8");
        assert_eq!(ranges(&[]), "");
    }

    /// One thing done to a chain behind the program's back.
    #[derive(Clone, Debug)]
    enum Harm {
        At(usize),
        Staff(usize),
        Unit(usize),
        Action(usize),
        Target(usize),
        Detail(usize),
        Previous(usize),
        Hash(usize),
        Empty(usize),
        Remove(usize),
        /// The last so many.
        CutOff(usize),
        /// Two entries change places, with their numbers or without them.
        Swap(usize, usize, bool),
        Repeat(usize),
    }

    fn any_harm(length: usize) -> impl Strategy<Value = Harm> {
        let i = 0..length;
        prop_oneof![
            i.clone().prop_map(Harm::At),
            i.clone().prop_map(Harm::Staff),
            i.clone().prop_map(Harm::Unit),
            i.clone().prop_map(Harm::Action),
            i.clone().prop_map(Harm::Target),
            i.clone().prop_map(Harm::Detail),
            i.clone().prop_map(Harm::Previous),
            i.clone().prop_map(Harm::Hash),
            i.clone().prop_map(Harm::Empty),
            i.clone().prop_map(Harm::Remove),
            (1..length).prop_map(Harm::CutOff),
            (i.clone(), i.clone(), any::<bool>()).prop_filter("two of them", |(a, b, _)| a != b).prop_map(|(a, b, keeps)| Harm::Swap(a, b, keeps)),
            i.prop_map(Harm::Repeat),
        ]
    }

    fn harmed(mut all: Vec<Entry>, harm: &Harm) -> Vec<Entry> {
        match *harm {
            Harm::At(i) => all[i].at = all[i].at.plus_seconds(1),
            Harm::Staff(i) => all[i].staff_id = if all[i].staff_id.is_none() { Some(StaffId(Uuid::from_u128(8))) } else { None },
            Harm::Unit(i) => all[i].unit_id = if all[i].unit_id.is_none() { Some(UnitId(Uuid::from_u128(8))) } else { None },
            Harm::Action(i) => all[i].action.push('x'),
            Harm::Target(i) => all[i].target.clear(),
            Harm::Detail(i) => all[i].detail.push(' '),
            Harm::Previous(i) => all[i].previous_hash = vec![1; 32],
            Harm::Hash(i) => all[i].hash[0] ^= 1,
            Harm::Empty(i) => empty(&mut all[i]),
            Harm::Remove(i) => drop(all.remove(i)),
            Harm::CutOff(count) => all.truncate(all.len() - count),
            Harm::Swap(a, b, keeps_numbers) => {
                all.swap(a, b);
                if keeps_numbers {
                    (all[a].seq, all[b].seq) = (all[b].seq, all[a].seq);
                }
                all.sort_by_key(|e| e.seq);
            }
            Harm::Repeat(i) => {
                let copy = Entry { seq: all.len() as i64 + 1, ..all[i].clone() };
                all.push(copy);
            }
        }
        all
    }

    proptest! {
        /// One change of one field, one removal, anywhere and at the end, one exchange: each is found. Exchanging two entries with their
        /// numbers, as they lie in no order, changes nothing.
        #[test]
        fn any_single_harm_is_found((length, harm) in (2_usize..40).prop_flat_map(|n| (Just(n), any_harm(n)))) {
            let all = chain(length as i64);
            let head = head_of(&all);
            let harmed = harmed(all.clone(), &harm);
            let found = looked_through(&harmed, &head);
            prop_assert_eq!(found.is_err(), harmed != all, "{:?}: {:?}", harm, found);
        }
    }
}
