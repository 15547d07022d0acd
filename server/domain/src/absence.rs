//! Being away for some days, known beforehand: a reason, and who stands in for all one's posts. It begins and ends by itself. Who stands in may be
//! away too, and then whoever stands in for them answers; but never so that it comes back to where it began.

use crate::{Admin, Domain, Staff, audit, calendar, holding, holding::DayError, live::Topic, routing, staff, unit};
use model::{AbsenceId, AbsenceReason, At, PostId, StaffId};
use std::{collections::HashSet, sync::Arc};
use store::{
    Conn, Result,
    absence::{Absence, Away, Line},
    post,
};

/// The longest absence; who stays away longer should hand the post over.
pub const LONGEST_DAYS: i64 = 366;
/// Posts to choose from.
const CHOICES: i64 = 100;

#[derive(Debug, thiserror::Error)]
pub enum AbsenceError {
    #[error("invalid")]
    Invalid(Mistakes),
    /// They are away in that time already.
    #[error("overlap")]
    Overlap,
    /// Somebody on the way is away in that time too, and one of these posts was to stand in for them.
    #[error("a ring")]
    Ring { name: String, from: At, until: At },
    #[error("not found")]
    NotFound,
    /// They hold a post or a grant where the admin has no say.
    #[error("elsewhere")]
    Elsewhere,
    #[error(transparent)]
    Store(#[from] store::Error),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mistakes {
    pub from: Option<DayError>,
    pub until: Option<DayError>,
    pub reason: bool,
    /// Not a post nearby.
    pub substitute: bool,
}

/// As typed: first and last day, a reason, and the post that stands in, or nothing for each post's own substitute.
#[derive(Clone, Copy, Debug, Default)]
pub struct Typed<'a> {
    pub from: &'a str,
    pub until: &'a str,
    pub reason: &'a str,
    pub substitute: &'a str,
}

/// Somebody's absences, and who could stand in.
pub struct View {
    pub staff_id: StaffId,
    pub name: String,
    pub absences: Vec<Line>,
    pub choices: Vec<post::Line>,
    /// They hold a post or a grant where the admin who looks has no say: others plan.
    pub is_elsewhere: bool,
}

pub async fn mine(domain: &Domain, staff: &Staff) -> Result<View> {
    view(&mut domain.db.read().await?, None, (staff.id, staff.name.clone()), domain.now()).await
}

/// The same for one of the admin's staff.
pub async fn of(domain: &Domain, admin: &Admin, id: StaffId) -> Result<Option<View>> {
    let now = domain.now();
    let mut conn = domain.db.read().await?;
    let Some(person) = staff::mine(&mut conn, admin.staff.id, id, now).await? else { return Ok(None) };
    Ok(Some(view(&mut conn, Some(admin.staff.id), (id, person.name), now).await?))
}

async fn view(c: &mut Conn, admin: Option<StaffId>, (staff_id, name): (StaffId, String), now: At) -> Result<View> {
    let is_elsewhere = match admin {
        Some(admin) => staff::is_elsewhere(c, admin, staff_id, now).await?,
        None => false,
    };
    Ok(View {
        absences: store::absence::of_staff(c, staff_id, now).await?,
        choices: if is_elsewhere { Vec::new() } else { choices(c, admin, staff_id, now).await? },
        staff_id,
        name,
        is_elsewhere,
    })
}

/// Posts near those that somebody holds or will hold, and those that stand in for them on other days, but for their own. An admin
/// chooses from their own units.
async fn choices(c: &mut Conn, admin: Option<StaffId>, staff: StaffId, now: At) -> Result<Vec<post::Line>> {
    let own: Vec<PostId> = held(c, staff, now).await?;
    let (mut choices, mut seen) = (Vec::new(), HashSet::new());
    for id in &own {
        let usual = store::post::find(c, *id).await?.and_then(|post| post.substitute_id);
        let mut lines = match usual {
            Some(usual) => store::post::line(c, usual, now).await?.into_iter().collect(),
            None => Vec::new(),
        };
        lines.extend(store::post::nearby(c, *id, now, CHOICES).await?);
        for line in lines {
            let is_theirs = match admin {
                Some(admin) => unit::covers(c, admin, line.unit_id, now).await?,
                None => true,
            };
            if is_theirs && !own.contains(&line.id) && seen.insert(line.id) {
                choices.push(line);
            }
        }
    }
    Ok(choices)
}

async fn held(c: &mut Conn, staff: StaffId, now: At) -> Result<Vec<PostId>> {
    let terms = store::holding::of_staff(c, staff).await?;
    Ok(terms.into_iter().filter(|t| t.until_at.is_none_or(|until| until > now)).map(|t| t.post_id).collect())
}

/// I shall be away.
pub async fn plan(domain: &Domain, staff: &Staff, typed: Typed<'_>) -> std::result::Result<(), AbsenceError> {
    write(domain, None, staff.id, staff.id, typed).await
}

/// One of the admin's staff will be away.
pub async fn plan_for(domain: &Domain, admin: &Admin, id: StaffId, typed: Typed<'_>) -> std::result::Result<(), AbsenceError> {
    write(domain, Some(admin.staff.id), admin.staff.id, id, typed).await
}

/// An absence holds for all posts of somebody, so whoever plans it for them has to have a say about all of them: else conversations of another
/// subtree would be answered by whom its admins did not choose.
async fn has_a_say(c: &mut Conn, admin: StaffId, id: StaffId, now: At) -> std::result::Result<(), AbsenceError> {
    staff::mine(c, admin, id, now).await?.ok_or(AbsenceError::NotFound)?;
    if staff::is_elsewhere(c, admin, id, now).await? { Err(AbsenceError::Elsewhere) } else { Ok(()) }
}

/// `admin` is who has to have a say about `id`; nobody where it is one's own.
async fn write(domain: &Domain, admin: Option<StaffId>, by: StaffId, id: StaffId, typed: Typed<'_>) -> std::result::Result<(), AbsenceError> {
    let (now, absence_id) = (domain.now(), AbsenceId(domain.id()));
    let calendar = {
        let mut conn = domain.db.read().await?;
        if let Some(admin) = admin {
            has_a_say(&mut conn, admin, id, now).await?;
        }
        let unit = store::holding::of_staff(&mut conn, id).await?.first().map(|t| t.unit_id);
        match unit {
            Some(unit) => calendar::of_unit(domain, &mut conn, unit).await?.calendar.clone(),
            None => Arc::new(model::calendar::Calendar::standard()),
        }
    };
    let read = read(&calendar, typed, now)?;
    domain
        .db
        .write(move |c| {
            Box::pin(async move {
                store::post::hold_routing(c).await?;
                if let Some(admin) = admin {
                    has_a_say(c, admin, id, now).await?;
                }
                if store::absence::overlapping(c, id, read.from, read.until).await? > 0 {
                    return Err(AbsenceError::Overlap);
                }
                if let Some(substitute) = read.substitute {
                    if !choices(c, admin, id, now).await?.iter().any(|line| line.id == substitute) {
                        return Err(AbsenceError::Invalid(Mistakes { substitute: true, ..Mistakes::default() }));
                    }
                    refuse_ring(c, id, substitute, &read).await?;
                }
                let Read { from: from_at, until: until_at, reason, substitute: substitute_id } = read;
                let row = Absence { id: absence_id, staff_id: id, from_at, until_at, reason, substitute_id, created_by: by, created_at: now };
                store::absence::insert(c, &row).await?;
                // Not the reason: why somebody is away is nobody's business in the trail.
                let by_whom = substitute_id.map(|post| format!(" {post}")).unwrap_or_default();
                let detail = format!("{}–{}{by_whom}", from_at.timestamp(), until_at.timestamp());
                Ok(audit::append(c, now, Some(by), "absence.plan", &id.to_string(), &detail).await?)
            })
        })
        .await?;
    settled(domain, id).await?;
    Ok(())
}

async fn settled(domain: &Domain, staff: StaffId) -> Result<()> {
    routing::refresh(domain).await?;
    domain.hub.wake(Topic::Staff(staff));
    Ok(())
}

struct Read {
    from: At,
    until: At,
    reason: AbsenceReason,
    substitute: Option<PostId>,
}

fn read(calendar: &model::calendar::Calendar, typed: Typed<'_>, now: At) -> std::result::Result<Read, AbsenceError> {
    let reason = typed.reason.parse::<AbsenceReason>().ok();
    let days = holding::days(calendar, holding::Typed { who: "", from: typed.from, until: typed.until }, now);
    let substitute = match typed.substitute.trim() {
        "" => Ok(None),
        text => text.parse::<PostId>().map(Some),
    };
    let (from, until) = match days {
        Ok((from, Some(until))) if until > from.plus_days(LONGEST_DAYS) => (Some(from), Err(DayError::TooLate)),
        Ok((from, Some(until))) => (Some(from), Ok(until)),
        Ok((from, None)) => (Some(from), Err(DayError::NotADate)),
        Err(holding::Mistakes { from, until, .. }) => {
            return Err(AbsenceError::Invalid(Mistakes { from, until, reason: reason.is_none(), substitute: substitute.is_err() }));
        }
    };
    match (from, until, reason, substitute) {
        (Some(from), Ok(until), Some(reason), Ok(substitute)) => Ok(Read { from, until, reason, substitute }),
        (_, until, reason, substitute) => {
            Err(AbsenceError::Invalid(Mistakes { from: None, until: until.err(), reason: reason.is_none(), substitute: substitute.is_err() }))
        }
    }
}

/// Whoever stands in may be away too. Where the way along them leads back at any moment, nobody would answer for anybody.
async fn refuse_ring(c: &mut Conn, id: StaffId, substitute: PostId, read: &Read) -> std::result::Result<(), AbsenceError> {
    let known = store::absence::away_between(c, read.from, read.until).await?;
    let terms = store::holding::of_staff(c, id).await?;
    let new: Vec<Step> = terms
        .iter()
        .map(|t| Step { post: t.post_id, from: read.from.max(t.from_at), until: t.until_at.map_or(read.until, |u| u.min(read.until)), substitute })
        .filter(|step| step.from < step.until)
        .collect();
    let steps: Vec<Step> = known.iter().map(Step::of).collect();
    match leads_back(&new, &steps) {
        None => Ok(()),
        Some(i) => {
            let Away { staff_name, from_at, until_at, .. } = known.into_iter().nth(i).ok_or(AbsenceError::NotFound)?;
            Err(AbsenceError::Ring { name: staff_name, from: from_at, until: until_at })
        }
    }
}

/// While a post's holder is away, another stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Step {
    post: PostId,
    from: At,
    until: At,
    substitute: PostId,
}

impl Step {
    fn of(away: &Away) -> Step {
        Step { post: away.post_id, from: away.from_at, until: away.until_at, substitute: away.substitute_id }
    }
}

/// The known step by which a way that begins with a new one comes back to a new one, all of them at the same moment.
fn leads_back(new: &[Step], known: &[Step]) -> Option<usize> {
    let mut ahead: Vec<(PostId, At, At, Option<usize>)> = new.iter().map(|step| (step.substitute, step.from, step.until, None)).collect();
    let mut seen = HashSet::new();
    while let Some((post, from, until, by)) = ahead.pop() {
        let at_once = |step: &Step| step.post == post && step.from < until && step.until > from;
        if let Some(by) = by.filter(|_| new.iter().any(at_once)) {
            return Some(by);
        }
        for (i, step) in known.iter().enumerate().filter(|(_, step)| at_once(step)) {
            let (from, until) = (from.max(step.from), until.min(step.until));
            if seen.insert((i, from, until)) {
                ahead.push((step.substitute, from, until, Some(i)));
            }
        }
    }
    None
}

/// I am not away after all, or back sooner.
pub async fn end(domain: &Domain, staff: &Staff, id: AbsenceId) -> std::result::Result<(), AbsenceError> {
    end_of(domain, None, staff.id, staff.id, id).await
}

/// The same for one of the admin's staff.
pub async fn end_for(domain: &Domain, admin: &Admin, staff_id: StaffId, id: AbsenceId) -> std::result::Result<(), AbsenceError> {
    end_of(domain, Some(admin.staff.id), admin.staff.id, staff_id, id).await
}

async fn end_of(domain: &Domain, admin: Option<StaffId>, by: StaffId, staff_id: StaffId, id: AbsenceId) -> std::result::Result<(), AbsenceError> {
    let now = domain.now();
    domain
        .db
        .write(move |c| {
            Box::pin(async move {
                if let Some(admin) = admin {
                    has_a_say(c, admin, staff_id, now).await?;
                }
                let absence = store::absence::find(c, id).await?.filter(|a| a.staff_id == staff_id && a.until_at > now).ok_or(AbsenceError::NotFound)?;
                store::absence::end(c, absence.id, now).await?;
                let detail = absence.substitute_id.map(|post| post.to_string()).unwrap_or_default();
                Ok::<_, AbsenceError>(audit::append(c, now, Some(by), "absence.end", &staff_id.to_string(), &detail).await?)
            })
        })
        .await?;
    settled(domain, staff_id).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::vec, prelude::*};
    use uuid::Uuid;

    fn step(post: u128, substitute: u128, from: i64, until: i64) -> Step {
        Step { post: PostId(Uuid::from_u128(post)), from: At(from), until: At(until), substitute: PostId(Uuid::from_u128(substitute)) }
    }

    #[test]
    fn a_ring_is_one_only_where_all_are_away_at_the_same_moment() {
        let new = [step(1, 2, 0, 10)];
        assert_eq!(leads_back(&new, &[]), None);
        assert_eq!(leads_back(&new, &[step(2, 1, 5, 15)]), Some(0));
        assert_eq!(leads_back(&new, &[step(2, 1, 10, 15)]), None, "one is back when the other goes");
        assert_eq!(leads_back(&new, &[step(2, 3, 0, 5), step(3, 1, 4, 8)]), Some(1));
        assert_eq!(leads_back(&new, &[step(2, 3, 0, 5), step(3, 1, 5, 8)]), None, "the way breaks in between");
    }

    proptest! {
        /// However absences are planned one after the other: if each that leads back is refused, then at no moment does the way along the
        /// substitutes come to a post twice, and it ends with somebody who is there or has named nobody.
        #[test]
        fn what_is_not_refused_never_goes_round(plans in vec((0u128..7, 0u128..7, 0i64..20, 1i64..12), 0..30)) {
            let mut kept: Vec<Step> = Vec::new();
            for (post, substitute, from, days) in plans {
                let new = step(post, substitute, from, from + days);
                let overlaps = kept.iter().any(|k| k.post == new.post && k.from < new.until && k.until > new.from);
                if post != substitute && !overlaps && leads_back(&[new], &kept).is_none() {
                    kept.push(new);
                }
            }
            for moment in 0..32 {
                for start in 0..7 {
                    let (mut at, mut seen) = (PostId(Uuid::from_u128(start)), HashSet::new());
                    while let Some(next) = kept.iter().find(|k| k.post == at && k.from <= At(moment) && At(moment) < k.until) {
                        prop_assert!(seen.insert(at), "round and round at {moment} from {start}: {kept:?}");
                        at = next.substitute;
                    }
                }
            }
        }

        /// And nothing is refused without need: where the new one is refused, there is a moment at which the way comes back.
        #[test]
        fn what_is_refused_would_go_round(known in vec((0u128..5, 0u128..5, 0i64..10, 1i64..8), 0..8), new in (0u128..5, 0u128..5, 0i64..10, 1i64..8)) {
            let known: Vec<Step> = known.into_iter().map(|(p, s, f, d)| step(p, s, f, f + d)).filter(|k| k.post != k.substitute).collect();
            let new = step(new.0, new.1, new.2, new.2 + new.3);
            prop_assume!(new.post != new.substitute);
            let goes_round = |moment: i64| {
                let is_at = |k: &&Step| k.from <= At(moment) && At(moment) < k.until;
                let (mut ahead, mut seen) = (vec![new.substitute], HashSet::new());
                while let Some(at) = ahead.pop() {
                    if at == new.post {
                        return true;
                    }
                    if seen.insert(at) {
                        ahead.extend(known.iter().filter(is_at).filter(|k| k.post == at).map(|k| k.substitute));
                    }
                }
                false
            };
            let would = (new.from.0..new.until.0).any(goes_round);
            prop_assert_eq!(leads_back(&[new], &known).is_some(), would);
        }
    }
}
