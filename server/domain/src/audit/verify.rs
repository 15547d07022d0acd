//! Whether the chain of audit entries is whole: every entry hashes to what it carries, carries the hash of the one before it, and none is missing,
//! at the end neither. What was emptied is accepted where an entry in the chain says so that was written when it was old enough. When that was is
//! part of its hash and stays; and whoever dates the entry that says so ahead is found by the clock and by what was written after it.

use super::{digest, hash, hash_without_digest};
use model::At;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, str::FromStr};
use store::{
    Conn, Result,
    audit::{Entry, Head},
};

/// Entries read at a time.
const PAGE: i64 = 5_000;
/// Days by which the clocks of several nodes may differ.
const DIFFER_DAYS: i64 = 1;
/// Days below which no entry may have been emptied.
const DAYS: i64 = super::KEPT_DAYS - DIFFER_DAYS;

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
    /// It says that old entries were emptied, and was dated ahead: what was written after it is older.
    Ahead(i64),
    /// The chain ended later than here once: entries from this number on were cut off.
    CutOff(i64),
    /// It is another entry than the one whose hash was kept.
    Other(i64),
}

impl Fault {
    pub fn seq(self) -> i64 {
        match self {
            Fault::Missing(seq) | Fault::Changed(seq) | Fault::Unlinked(seq) | Fault::Emptied(seq) => seq,
            Fault::Ahead(seq) | Fault::CutOff(seq) | Fault::Other(seq) => seq,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Missing(seq) => write!(f, "entry {seq} is missing"),
            Fault::Changed(seq) => write!(f, "entry {seq} was changed"),
            Fault::Unlinked(seq) => write!(f, "entry {seq} does not follow the entry before it: one of the two was exchanged"),
            Fault::Emptied(seq) => write!(f, "entry {seq} was emptied, and no entry says that it was old enough"),
            Fault::Ahead(seq) => write!(f, "entry {seq} says that old entries were emptied, and is dated ahead of what was written after it"),
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
    /// When it was kept, if that was kept with it: what is newer in the chain was written after that.
    pub at: Option<At>,
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
        if hash.len() == 32 { Ok(Anchor { seq, hash, at: None }) } else { Err(NotAnAnchor) }
    }
}

impl fmt::Display for Anchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, data_encoding::HEXLOWER.encode(&self.hash))
    }
}

impl From<Head> for Anchor {
    fn from(head: Head) -> Anchor {
        Anchor { seq: head.seq, hash: head.hash, at: None }
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

/// Entries of which one in the chain says that they were emptied.
#[derive(Clone, Copy)]
struct Told {
    from: i64,
    until: i64,
    /// The last that this one or any before it speaks of.
    reach: i64,
    /// The entry that says so, and when it was written.
    by: i64,
    at: At,
}

impl Told {
    /// All that entries about emptied ones say, in order.
    fn all(retentions: &[(i64, At, String)]) -> Vec<Told> {
        let mut all: Vec<Told> = retentions.iter().flat_map(Told::read).collect();
        all.sort_by_key(|told| told.from);
        let mut reach = 0;
        for told in &mut all {
            reach = told.until.max(reach);
            told.reach = reach;
        }
        all
    }

    fn read((by, at, detail): &(i64, At, String)) -> Vec<Told> {
        let Ok(said) = serde_json::from_str::<Emptied>(detail) else { return Vec::new() };
        let told = |text: &str| {
            let (from, until) = text.split_once('-').unwrap_or((text, text));
            Some(Told { from: from.parse().ok()?, until: until.parse().ok()?, reach: 0, by: *by, at: *at })
        };
        said.entries.split(',').filter_map(told).collect()
    }
}

/// A chain being looked through from its beginning, entry by entry.
pub struct Chain {
    told: Vec<Told>,
    anchors: Vec<Anchor>,
    now: At,
    last: Option<(i64, Vec<u8>)>,
    /// What comes now was not written before this: an anchor was kept then.
    since: At,
    /// By entries about emptied ones that are still to come: the earliest moment at which they may have been written.
    to_come: BTreeMap<i64, At>,
    /// The latest such moment of those that have come, with the entry's number: what comes after it was not written before.
    floor: Option<(i64, At)>,
    pub count: i64,
    pub emptied: i64,
}

impl Chain {
    /// `retentions` are all entries about emptied ones; each of them is looked at in its turn, like every other.
    pub fn new(retentions: &[(i64, At, String)], anchors: Vec<Anchor>, now: At) -> Chain {
        Chain { told: Told::all(retentions), anchors, now, last: None, since: At(0), to_come: BTreeMap::new(), floor: None, count: 0, emptied: 0 }
    }

    /// A chain of which only what comes after an entry is looked at.
    fn from(self, before: &Entry) -> Chain {
        Chain { last: Some((before.seq, before.hash.clone())), ..self }
    }

    pub fn take(&mut self, entry: &Entry) -> std::result::Result<(), Fault> {
        let (expected, previous) = self.last.as_ref().map_or((1, [].as_slice()), |(seq, hash)| (seq + 1, hash));
        if entry.seq > expected {
            return Err(Fault::Missing(expected));
        }
        if entry.seq < expected || entry.previous_hash != previous {
            return Err(Fault::Unlinked(entry.seq));
        }
        if is_empty(entry) && entry.digest.is_none() {
            return Err(Fault::Emptied(entry.seq));
        }
        if !fits(entry) {
            return Err(Fault::Changed(entry.seq));
        }
        let told = if is_empty(entry) { Some(self.told_of(entry).ok_or(Fault::Emptied(entry.seq))?) } else { None };
        if let Some(told) = told {
            self.emptied += 1;
            let needed = self.needed(entry);
            self.to_come.entry(told.by).and_modify(|known| *known = needed.max(*known)).or_insert(needed);
        }
        if let Some(needed) = self.to_come.remove(&entry.seq)
            && self.floor.is_none_or(|(_, known)| known < needed)
        {
            self.floor = Some((entry.seq, needed));
        }
        self.dated(entry.at)?;
        for anchor in self.anchors.iter().filter(|a| a.seq == entry.seq) {
            if anchor.hash != entry.hash {
                return Err(Fault::Other(entry.seq));
            }
            if let Some(at) = anchor.at {
                self.dated(at)?;
                self.since = self.since.max(at);
            }
        }
        self.count += 1;
        self.last = Some((entry.seq, entry.hash.clone()));
        Ok(())
    }

    /// Before this moment nobody may have emptied an entry.
    fn needed(&self, entry: &Entry) -> At {
        entry.at.max(self.since).plus_days(DAYS)
    }

    /// What says that an entry was emptied when it was old enough.
    fn told_of(&self, entry: &Entry) -> Option<Told> {
        let (needed, latest) = (self.needed(entry), self.now.plus_days(DIFFER_DAYS));
        let begun = self.told.partition_point(|told| told.from <= entry.seq);
        let near = self.told[..begun].iter().rev().take_while(|told| told.reach >= entry.seq);
        near.filter(|told| told.until >= entry.seq && told.by > entry.seq && told.at <= latest).find(|told| told.at >= needed).copied()
    }

    /// Something here was there at this moment: whatever said before it that old entries were emptied was not dated ahead.
    fn dated(&self, at: At) -> std::result::Result<(), Fault> {
        match self.floor {
            Some((by, floor)) if at.plus_days(DIFFER_DAYS) < floor => Err(Fault::Ahead(by)),
            _ => Ok(()),
        }
    }

    /// The end, if none of what is known to have been there is missing.
    pub fn end(self) -> std::result::Result<Whole, Fault> {
        let end = self.last.as_ref().map_or(0, |(seq, _)| *seq);
        if self.anchors.iter().any(|a| a.seq > end) {
            return Err(Fault::CutOff(end + 1));
        }
        Ok(Whole { count: self.count, emptied: self.emptied, anchor: self.last.map(|(seq, hash)| Anchor { seq, hash, at: None }) })
    }
}

fn is_empty(entry: &Entry) -> bool {
    entry.action.is_empty() && entry.target.is_empty() && entry.detail.is_empty() && entry.staff_id.is_none() && entry.unit_id.is_none()
}

/// Whether an entry hashes to what it carries.
fn fits(entry: &Entry) -> bool {
    match &entry.digest {
        Some(kept) => (is_empty(entry) || *kept == digest(entry)) && entry.hash == hash(entry, kept),
        None => entry.unit_id.is_none() && entry.hash == hash_without_digest(entry),
    }
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
pub async fn verify(c: &mut Conn, anchors: Vec<Anchor>, now: At) -> Result<std::result::Result<Whole, Fault>> {
    let anchors = anchored(c, anchors).await?;
    let retentions = store::audit::retentions(c).await?;
    let mut chain = Chain::new(&retentions, anchors, now);
    let mut seq = i64::MIN;
    loop {
        let page = store::audit::after(c, seq, PAGE).await?;
        let Some(last) = page.last() else { return Ok(chain.end()) };
        seq = last.seq;
        for entry in &page {
            if let Err(fault) = take(c, &mut chain, entry).await? {
                return Ok(Err(fault));
            }
        }
    }
}

/// Beside a running server entries may be emptied meanwhile: what says so is there before that.
async fn take(c: &mut Conn, chain: &mut Chain, entry: &Entry) -> Result<std::result::Result<(), Fault>> {
    match chain.take(entry) {
        Err(Fault::Emptied(_)) => {
            chain.told = Told::all(&store::audit::retentions(c).await?);
            Ok(chain.take(entry))
        }
        taken => Ok(taken),
    }
}

/// Looks through the newest entries, as far as they were read: of the first of them only what the next hangs on.
pub(crate) fn recent(trail: &store::Trail, now: At) -> std::result::Result<Whole, Fault> {
    let head = (trail.head.seq > 0).then(|| Anchor::from(trail.head.clone()));
    let mut chain = Chain::new(&trail.retentions, head.into_iter().collect(), now);
    let mut entries = trail.entries.iter();
    if let Some(first) = trail.entries.first().filter(|e| e.seq > 1) {
        chain = chain.from(first);
        entries.next();
    }
    entries.try_for_each(|entry| chain.take(entry))?;
    chain.end()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{StaffId, UnitId};
    use proptest::prelude::*;
    use uuid::Uuid;

    const DAY: i64 = 24 * 60 * 60 * 1000;

    const BEGIN: i64 = 1_750_000_000_000;

    fn day(n: i64) -> At {
        At(BEGIN + n * DAY)
    }

    fn sealed(mut entry: Entry) -> Entry {
        // Every fifth by a version that knew of no digests.
        if entry.seq % 5 == 4 {
            entry.unit_id = None;
            entry.hash = hash_without_digest(&entry);
        } else {
            let digest = digest(&entry);
            entry.hash = hash(&entry, &digest);
            entry.digest = Some(digest);
        }
        entry
    }

    /// Something done on a day.
    fn add(all: &mut Vec<Entry>, at: At, action: &str, detail: String) {
        let seq = all.len() as i64 + 1;
        all.push(sealed(Entry {
            seq,
            at,
            staff_id: (seq % 3 != 0).then(|| StaffId(Uuid::from_u128(7))),
            unit_id: (seq % 4 != 0).then(|| UnitId(Uuid::from_u128(9))),
            action: action.into(),
            target: "t".into(),
            detail,
            digest: None,
            previous_hash: all.last().map(|e| e.hash.clone()).unwrap_or_default(),
            hash: Vec::new(),
        }));
    }

    /// One entry a day, some of which look alike.
    fn chain(length: i64) -> Vec<Entry> {
        let mut all = Vec::new();
        (1..=length).for_each(|n| add(&mut all, day(n), "unit.change", String::new()));
        all
    }

    fn looked_through_on(all: &[Entry], anchors: Vec<Anchor>, now: At) -> std::result::Result<Whole, Fault> {
        let retentions: Vec<_> = all.iter().filter(|e| e.action == store::audit::RETAIN).map(|e| (e.seq, e.at, e.detail.clone())).collect();
        let mut chain = Chain::new(&retentions, anchors, now);
        all.iter().try_for_each(|entry| chain.take(entry))?;
        chain.end()
    }

    /// On the day after the last entry.
    fn looked_through(all: &[Entry], head: &Anchor) -> std::result::Result<Whole, Fault> {
        looked_through_on(all, vec![head.clone()], day(all.len() as i64 + 1))
    }

    fn head_of(all: &[Entry]) -> Anchor {
        let last = all.last().unwrap();
        Anchor { seq: last.seq, hash: last.hash.clone(), at: None }
    }

    /// Says in the chain that entries were emptied, and empties them.
    fn retain(all: &mut Vec<Entry>, seqs: &[i64], at: At) {
        add(all, at, store::audit::RETAIN, serde_json::to_string(&Emptied { entries: ranges(seqs), newest: At(0), kinds: Vec::new() }).unwrap());
        for entry in all.iter_mut().filter(|e| seqs.contains(&e.seq)) {
            empty(entry);
        }
    }

    fn empty(entry: &mut Entry) {
        *entry = Entry { staff_id: None, unit_id: None, action: String::new(), target: String::new(), detail: String::new(), ..entry.clone() };
    }

    #[test]
    fn an_untouched_chain_is_whole() {
        let all = chain(40);
        let whole = looked_through(&all, &head_of(&all)).unwrap();
        assert_eq!((whole.count, whole.emptied, whole.anchor), (40, 0, Some(head_of(&all))));
        assert_eq!(Chain::new(&[], Vec::new(), At(0)).end(), Ok(Whole { count: 0, emptied: 0, anchor: None }));
    }

    #[test]
    fn entries_emptied_because_they_were_old_leave_the_chain_whole_and_others_do_not() {
        let mut all = chain(400);
        retain(&mut all, &[1, 2, 3, 5, 90], day(401));
        retain(&mut all, &[7, 8], day(401));
        assert_eq!(looked_through(&all, &head_of(&all)).map(|w| w.emptied), Ok(7));
        let mut unsaid = all.clone();
        empty(&mut unsaid[5]);
        assert_eq!(looked_through(&unsaid, &head_of(&all)), Err(Fault::Emptied(6)), "nobody said so");
        let mut young = chain(400);
        retain(&mut young, &[1, 250], day(401));
        assert_eq!(looked_through(&young, &head_of(&young)), Err(Fault::Emptied(250)), "150 days");
        let mut refilled = all.clone();
        refilled[0].detail = "something".into();
        assert_eq!(looked_through(&refilled, &head_of(&all)), Err(Fault::Changed(1)));
    }

    #[test]
    fn whoever_empties_everything_and_says_that_it_was_old_is_found() {
        let everything: Vec<i64> = (1..=100).filter(|seq| seq % 5 != 4).collect();
        let mut all = chain(100);
        retain(&mut all, &everything, day(101));
        assert_eq!(looked_through(&all, &head_of(&all)), Err(Fault::Emptied(1)), "none of it is old");
        // The dates are part of the hashes.
        for entry in all.iter_mut().filter(|e| e.action.is_empty()) {
            entry.at = day(-300);
        }
        assert_eq!(looked_through(&all, &head_of(&all)), Err(Fault::Changed(1)));
    }

    #[test]
    fn an_entry_about_emptied_ones_that_is_dated_ahead_is_found() {
        let everything: Vec<i64> = (1..=100).filter(|seq| seq % 5 != 4).collect();
        let mut all = chain(100);
        retain(&mut all, &everything, day(400));
        assert_eq!(looked_through_on(&all, Vec::new(), day(102)), Err(Fault::Emptied(1)), "that day has not come");
        assert!(looked_through_on(&all, Vec::new(), day(401)).is_ok(), "it might have been written then");
        let kept = Anchor { at: Some(day(102)), ..head_of(&all) };
        assert_eq!(looked_through_on(&all, vec![kept], day(401)), Err(Fault::Ahead(101)), "it was there before that");
        add(&mut all, day(102), "unit.change", String::new());
        assert_eq!(looked_through_on(&all, Vec::new(), day(401)), Err(Fault::Ahead(101)), "what came after it was written before that");
    }

    #[test]
    fn what_came_after_an_anchor_is_no_older_than_the_anchor() {
        let mut all = chain(10);
        let kept = Anchor { at: Some(day(300)), ..head_of(&all) };
        // Put there later, and dated back.
        add(&mut all, day(11), "unit.change", String::new());
        retain(&mut all, &[11], day(301));
        assert!(looked_through_on(&all, Vec::new(), day(302)).is_ok());
        assert_eq!(looked_through_on(&all, vec![kept], day(302)), Err(Fault::Emptied(11)));
    }

    #[test]
    fn one_entry_of_a_clock_that_ran_ahead_does_not_spoil_what_is_emptied_later() {
        let mut all = chain(20);
        add(&mut all, day(4_000), "unit.change", String::new());
        (22..=300).for_each(|n| add(&mut all, day(n), "unit.change", String::new()));
        retain(&mut all, &[1, 2, 22, 23], day(301));
        assert_eq!(looked_through(&all, &head_of(&all)).map(|w| w.emptied), Ok(4));
    }

    #[test]
    fn a_chain_written_anew_is_found_by_an_anchor_kept_elsewhere() {
        let (kept, mut anew) = (head_of(&chain(30)), chain(30));
        anew[10].detail = "not so".into();
        for i in 10..30 {
            anew[i].previous_hash = anew[i - 1].hash.clone();
            anew[i] = sealed(Entry { digest: None, ..anew[i].clone() });
        }
        assert!(looked_through(&anew, &head_of(&anew)).is_ok(), "who may write everything may write everything anew");
        assert_eq!(looked_through_on(&anew, vec![kept], day(31)), Err(Fault::Other(30)));
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
        Digest(usize),
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
            i.clone().prop_map(Harm::Digest),
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
            Harm::Digest(i) => all[i].digest = if all[i].digest.is_none() { Some(vec![1; 32]) } else { None },
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
