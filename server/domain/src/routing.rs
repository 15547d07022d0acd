//! Who answers for a post now: its holder on duty, else who stands in while its holder is away, else its substitute (both through chains), else a
//! post further up the tree. Never nobody, as long as anyone holds any post on the way up.

use crate::{Domain, live::Topic};
use model::{At, PostId, UnitId};
use std::collections::{HashMap, HashSet};
use store::{Conn, Result, holding::Span, post::Seat};

pub use store::post::Orphan;

/// Everything that routing depends on, at one moment.
pub struct World {
    pub seats: HashMap<PostId, Seat>,
    pub parents: HashMap<UnitId, Option<UnitId>>,
    by_unit: HashMap<UnitId, Vec<PostId>>,
}

impl World {
    pub fn new(seats: Vec<Seat>, parents: impl IntoIterator<Item = (UnitId, Option<UnitId>)>) -> World {
        let mut by_unit: HashMap<UnitId, Vec<PostId>> = HashMap::new();
        for seat in &seats {
            by_unit.entry(seat.unit_id).or_default().push(seat.id);
        }
        by_unit.values_mut().for_each(|posts| posts.sort());
        World { seats: seats.into_iter().map(|s| (s.id, s)).collect(), parents: parents.into_iter().collect(), by_unit }
    }

    /// The post that answers for `post`, or `None` if there is no holder at all from here to the root.
    ///
    /// On duty comes first, in this order: the post, who stands in for its absent holder and then its substitutes in turn, the posts of each unit above with their substitutes. If nobody
    /// there is on duty, the first with any holder keeps it until they are back.
    pub fn answering(&self, post: PostId) -> Option<PostId> {
        let order = self.order(post);
        let on_duty = order.iter().find(|p| self.seats[p].on_duty > 0);
        on_duty.or_else(|| order.iter().find(|p| self.seats[p].holders > 0)).copied()
    }

    /// All posts that could answer, nearest first, each once; a chain that bites its own tail ends there.
    fn order(&self, post: PostId) -> Vec<PostId> {
        let mut order = Vec::new();
        let mut seen = HashSet::new();
        self.follow(post, &mut seen, &mut order);
        let mut units = HashSet::new();
        let mut unit = self.seats.get(&post).and_then(|s| self.parents.get(&s.unit_id).copied().flatten());
        while let Some(at) = unit.filter(|u| units.insert(*u)) {
            for above in self.by_unit.get(&at).into_iter().flatten() {
                self.follow(*above, &mut seen, &mut order);
            }
            unit = self.parents.get(&at).copied().flatten();
        }
        order
    }

    /// Along the substitutes: those for an absence with all behind them first, then those for every day.
    fn follow(&self, post: PostId, seen: &mut HashSet<PostId>, order: &mut Vec<PostId>) {
        let mut ahead = vec![post];
        while let Some(id) = ahead.pop() {
            if !seen.insert(id) {
                continue;
            }
            let Some(seat) = self.seats.get(&id) else { continue };
            order.push(id);
            ahead.extend([seat.substitute_id, seat.away_id].into_iter().flatten());
        }
    }
}

/// A post whose answering post has changed.
#[derive(Clone, Copy, Debug)]
pub struct Change {
    pub post: PostId,
    pub before: Option<PostId>,
    pub after: Option<PostId>,
}

/// Works out anew who answers for every post and writes what changed, in the transaction of what made it change.
pub async fn settle(c: &mut Conn, now: At) -> Result<Vec<Change>> {
    store::post::hold_routing(c).await?;
    let changes = changes(c, now).await?;
    let answering: Vec<(PostId, Option<PostId>)> = changes.iter().map(|change| (change.post, change.after)).collect();
    store::post::set_answering(c, &answering).await?;
    Ok(changes)
}

/// What is written differently from how it is at a moment, in the order of the posts.
async fn changes(c: &mut Conn, at: At) -> Result<Vec<Change>> {
    let world = World::new(store::post::seats(c, at).await?, store::post::unit_parents(c).await?);
    let change = |seat: &Seat| Change { post: seat.id, before: seat.answering_id, after: world.answering(seat.id) };
    let mut changes: Vec<Change> = world.seats.values().map(change).filter(|change| change.before != change.after).collect();
    changes.sort_by_key(|change| change.post);
    Ok(changes)
}

/// A post that has just ended: where it was, and who stood in.
pub(crate) struct Ended {
    pub id: PostId,
    pub unit_id: UnitId,
    pub substitute_id: Option<PostId>,
}

/// Who answers instead of each post that has ended.
pub(crate) async fn heirs(c: &mut Conn, ended: &[Ended], now: At) -> Result<HashMap<PostId, PostId>> {
    let mut seats = store::post::seats(c, now).await?;
    let empty = |post: &Ended| Seat {
        id: post.id,
        unit_id: post.unit_id,
        substitute_id: post.substitute_id,
        away_id: None,
        answering_id: None,
        holders: 0,
        on_duty: 0,
    };
    seats.extend(ended.iter().map(empty));
    let world = World::new(seats, store::post::unit_parents(c).await?);
    Ok(ended.iter().filter_map(|post| Some((post.id, world.answering(post.id)?))).collect())
}

/// Who would answer for a post if it were not there.
pub(crate) async fn heir(c: &mut Conn, post: PostId, now: At) -> Result<Option<PostId>> {
    let mut seats = store::post::seats(c, now).await?;
    for seat in seats.iter_mut().filter(|s| s.id == post) {
        (seat.holders, seat.on_duty) = (0, 0);
    }
    Ok(World::new(seats, store::post::unit_parents(c).await?).answering(post))
}

/// For each post where somebody waits that is left with nobody at some moment: the first such moment.
pub(crate) type Gaps = HashMap<PostId, At>;

/// Where somebody waits whom nobody would answer, now or at a later moment, as far as it is known: holdings end, people leave, and who comes
/// after them may come too late, go again, or have no login yet. Duty and absences do not count here: whoever holds a post is accountable for it
/// while they rest.
pub(crate) async fn gaps(c: &mut Conn, now: At) -> Result<Gaps> {
    let waiting = store::post::with_waits(c).await?;
    if waiting.is_empty() {
        return Ok(Gaps::new());
    }
    let world = of_links(c).await?;
    let mut spans: HashMap<PostId, Vec<(At, At)>> = HashMap::new();
    for span in store::holding::spans(c, now).await? {
        spans.entry(span.post_id).or_default().push((span.from_at, span.until_at.unwrap_or(END)));
    }
    let gap = |post: PostId| first_gap(world.order(post).iter().filter_map(|p| spans.get(p)).flatten().copied(), now).map(|at| (post, at));
    Ok(waiting.into_iter().filter_map(gap).collect())
}

/// The posts with what leads from one to the next, and nobody in them.
async fn of_links(c: &mut Conn) -> Result<World> {
    let links = store::post::links(c).await?;
    let seat = |(id, unit_id, substitute_id)| Seat { id, unit_id, substitute_id, away_id: None, answering_id: None, holders: 0, on_duty: 0 };
    Ok(World::new(links.into_iter().map(seat).collect(), store::post::unit_parents(c).await?))
}

const END: At = At(i64::MAX);

/// The first moment from `from` on that none of these spans covers.
fn first_gap(spans: impl Iterator<Item = (At, At)>, from: At) -> Option<At> {
    let mut spans: Vec<(At, At)> = spans.collect();
    spans.sort();
    let mut at = from;
    for (begins, ends) in spans {
        if begins > at {
            break;
        }
        at = at.max(ends);
    }
    (at < END).then_some(at)
}

/// Posts that are worse off than before, now or at a later moment: asked inside the transaction of what made the difference, which then keeps
/// nothing.
pub(crate) async fn orphans(c: &mut Conn, before: &Gaps, now: At) -> Result<Vec<Orphan>> {
    let mut worse: Vec<PostId> =
        gaps(c, now).await?.into_iter().filter(|(post, at)| before.get(post).is_none_or(|was| at < was)).map(|(post, _)| post).collect();
    worse.sort();
    let mut orphans = Vec::new();
    for post in worse {
        orphans.extend(store::post::orphan(c, post).await?);
    }
    Ok(orphans)
}

/// Who could answer for a post if they went on: of those who end after one moment and until another, the nearest, and of these the last.
pub(crate) async fn last_to_end(c: &mut Conn, post: PostId, after: At, until: At) -> Result<Option<Span>> {
    let order = of_links(c).await?.order(post);
    let place = |span: &Span| order.iter().position(|p| *p == span.post_id);
    let ending: Vec<Span> = store::holding::spans(c, after).await?.into_iter().filter(|s| s.until_at.is_some_and(|at| at <= until)).collect();
    Ok(ending.into_iter().filter(|s| place(s).is_some()).min_by_key(|s| (place(s), std::cmp::Reverse(s.until_at), s.id)))
}

/// Wakes the lists of the posts concerned, after the commit.
pub fn wake(domain: &Domain, changes: &[Change]) {
    for change in changes {
        domain.hub.wake_all([Some(change.post), change.before, change.after].into_iter().flatten().map(Topic::Post));
    }
}

/// [`settle`] by itself: after every change of holders, substitutes, duty and units, and once a minute, because holdings begin and end with
/// time. Gives the posts whose answering post changed.
pub async fn refresh(domain: &Domain) -> Result<Vec<PostId>> {
    let now = domain.now();
    // The one writer is not held up by work that mostly finds nothing to write.
    let is_settled = changes(&mut domain.db.read().await?, now).await?.is_empty();
    if is_settled {
        return Ok(Vec::new());
    }
    let changes = domain.db.write(move |c| Box::pin(settle(c, now))).await?;
    wake(domain, &changes);
    Ok(changes.into_iter().map(|c| c.post).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn post(n: u128) -> PostId {
        PostId(Uuid::from_u128(n))
    }

    fn unit(n: u128) -> UnitId {
        UnitId(Uuid::from_u128(n))
    }

    fn seat(n: u128, at: u128, substitute: Option<u128>, holders: i64, on_duty: i64) -> Seat {
        Seat { id: post(n), unit_id: unit(at), substitute_id: substitute.map(post), away_id: None, answering_id: None, holders, on_duty }
    }

    #[test]
    fn the_holder_on_duty_answers_then_the_substitute_then_the_unit_above() {
        let parents = [(unit(1), None), (unit(2), Some(unit(1)))];
        let answering = |seats| World::new(seats, parents).answering(post(1));
        assert_eq!(answering(vec![seat(1, 2, Some(2), 1, 1), seat(2, 2, None, 1, 1)]), Some(post(1)));
        assert_eq!(answering(vec![seat(1, 2, Some(2), 1, 0), seat(2, 2, Some(3), 1, 0), seat(3, 2, None, 1, 1)]), Some(post(3)));
        assert_eq!(answering(vec![seat(1, 2, Some(2), 0, 0), seat(2, 2, Some(1), 0, 0), seat(9, 1, None, 1, 1)]), Some(post(9)));
        assert_eq!(answering(vec![seat(1, 2, None, 1, 0), seat(9, 1, None, 1, 0)]), Some(post(1)));
        assert_eq!(answering(vec![seat(1, 2, None, 0, 0)]), None);
    }

    #[test]
    fn an_absence_is_followed_through_its_chain_before_the_substitute_of_every_day() {
        let parents = [(unit(1), None), (unit(2), Some(unit(1)))];
        let away = |n, away: u128, substitute| Seat { away_id: Some(post(away)), ..seat(n, 2, substitute, 1, 0) };
        let answering = |seats| World::new(seats, parents).answering(post(1));
        // A is away, B for A is away too, C stands in for B; D would be A's substitute on any other day.
        let (c, d) = (seat(3, 2, None, 1, 1), seat(4, 2, None, 1, 1));
        assert_eq!(answering(vec![away(1, 2, Some(4)), away(2, 3, None), c.clone(), d.clone()]), Some(post(3)));
        assert_eq!(answering(vec![away(1, 2, Some(4)), away(2, 3, None), seat(3, 2, None, 1, 0), d.clone()]), Some(post(4)));
        assert_eq!(answering(vec![away(1, 2, None), away(2, 1, None), seat(9, 1, None, 1, 1)]), Some(post(9)), "a ring ends where it began");
        assert_eq!(answering(vec![Seat { away_id: Some(post(2)), ..seat(1, 2, None, 2, 1) }, c, d]), Some(post(1)), "the other holder is there");
    }

    proptest! {
        /// However holdings follow each other and overlap: the first gap is the first moment that none of them covers.
        #[test]
        fn the_first_gap_is_the_first_moment_with_nobody(spans in prop::collection::vec((0i64..20, 1i64..8), 0..8), from in 0i64..10) {
            let spans: Vec<(At, At)> = spans.into_iter().map(|(begins, days)| (At(begins), At(begins + days))).collect();
            let is_covered = |moment: i64| spans.iter().any(|(begins, ends)| *begins <= At(moment) && At(moment) < *ends);
            let first = (from..).find(|moment| !is_covered(*moment)).map(At);
            prop_assert_eq!(first_gap(spans.iter().copied(), At(from)), first);
            prop_assert_eq!(first_gap(spans.iter().copied().chain([(At(from), END)]), At(from)), None);
        }

        /// Whatever the substitutes, with loops and gaps: if anyone at the post, behind it or above it holds a post, someone answers; and it is
        /// someone on duty if anyone there is.
        #[test]
        fn a_post_is_never_ownerless_while_anyone_on_the_way_up_holds_one(
            depth in 1usize..6,
            posts in prop::collection::vec((0usize..6, prop::option::of(0usize..12), prop::option::of(0usize..12), 0i64..3, 0i64..3), 1..12),
        ) {
            let parents: Vec<_> = (0..depth).map(|d| (unit(d as u128), d.checked_sub(1).map(|p| unit(p as u128)))).collect();
            let seats: Vec<Seat> = posts.iter().enumerate()
                .map(|(i, (at, substitute, away, holders, on_duty))| {
                    let there = |s: &Option<usize>| s.filter(|s| *s < posts.len()).map(|s| s as u128);
                    let seat = seat(i as u128, (*at % depth) as u128, there(substitute), *holders, (*on_duty).min(*holders));
                    Seat { away_id: there(away).map(post), ..seat }
                })
                .collect();
            let world = World::new(seats.clone(), parents);
            for start in &seats {
                let on_the_way: Vec<&Seat> = seats.iter().filter(|s| s.id == start.id || s.unit_id < start.unit_id).collect();
                let answering = world.answering(start.id).map(|p| &world.seats[&p]);
                if on_the_way.iter().any(|s| s.holders > 0) {
                    prop_assert!(answering.is_some_and(|a| a.holders > 0));
                }
                if on_the_way.iter().any(|s| s.on_duty > 0) {
                    prop_assert!(answering.is_some_and(|a| a.on_duty > 0));
                }
                if start.on_duty > 0 {
                    prop_assert_eq!(world.answering(start.id), Some(start.id));
                }
            }
        }
    }
}
