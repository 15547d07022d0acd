//! Who may do what where: (staff, role, unit, from, until), for the unit's whole subtree.
//!
//! Who gives and takes: admins alone, at their own units and below. An admin may make admins, supervisors and auditors there, because an admin's
//! grant is the largest of the three; supervisors and auditors hand nothing on. Nobody changes their own. Nobody gives more than they hold, in
//! time either: what an admin until December gives ends by then. An admin of a whole district, city or bureau, or of what stands at the top,
//! is confirmed by a second admin who holds as much; within seven days, or nothing comes of it. Where there is no second admin, whoever runs the
//! machine makes one with `linli admin create`. Being an admin does not open conversations: that is a supervisor's, and leaves a record.

use crate::{
    Admin, Domain, audit, calendar,
    holding::{self, DayError},
    live::Topic,
    staff, unit,
    unit::Page,
};
use model::{At, GrantId, Role, StaffId, UnitId, calendar::Calendar};
use store::{
    Conn,
    grant::{Line, Proposal},
    staff::Grant,
};

/// For how long a second admin may confirm.
pub const DAYS: i64 = 7;
/// Grants on one page.
pub const PAGE: i64 = 50;

#[derive(Debug, thiserror::Error)]
pub enum GrantError {
    /// Nobody changes their own, and nobody confirms what they have proposed.
    #[error("one's own")]
    Own,
    /// They have the role there already, or it waits to be confirmed.
    #[error("already")]
    Already,
    #[error("invalid")]
    Invalid(Mistakes),
    /// The admin's own grant ends sooner.
    #[error("more than one holds")]
    Beyond,
    /// Nobody else is admin of the unit at the top for good.
    #[error("the last admin")]
    Last,
    /// Whoever proposed it holds it no more, or its time is over.
    #[error("lapsed")]
    Lapsed,
    #[error("not found")]
    NotFound,
    #[error(transparent)]
    Store(#[from] store::Error),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mistakes {
    pub role: bool,
    pub from: Option<DayError>,
    pub until: Option<DayError>,
}

/// A grant as typed. An empty `from` is now, an empty `until` is without an end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Typed<'a> {
    pub role: &'a str,
    pub from: &'a str,
    pub until: &'a str,
}

/// What became of a grant that was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    /// It holds, or will from its first day.
    Granted,
    /// It waits for one of these admins, if there is any.
    Proposed { by: Vec<String> },
}

/// Names of those who could confirm, as a page shows them.
const NAMES: i64 = 5;

/// Gives somebody of the admin's staff a role at one of the admin's units.
pub async fn give(domain: &Domain, admin: &Admin, staff_id: StaffId, unit_id: UnitId, typed: Typed<'_>) -> Result<Given, GrantError> {
    let (by, now, id) = (admin.staff.id, domain.now(), GrantId(domain.id()));
    if staff_id == by {
        return Err(GrantError::Own);
    }
    let calendar = {
        let mut conn = domain.db.read().await?;
        staff::mine(&mut conn, by, staff_id, now).await?.ok_or(GrantError::NotFound)?;
        unit::mine(&mut conn, by, unit_id, now).await?.ok_or(GrantError::NotFound)?;
        calendar::of_unit(domain, &mut conn, unit_id).await?
    };
    let (role, from_at, until_at) = read(&calendar.calendar, typed, now)?;
    let grant = Grant { id, staff_id, role, unit_id, from_at, until_at };
    let given = domain
        .db
        .write(move |c| {
            Box::pin(async move {
                staff::mine(c, by, staff_id, now).await?.ok_or(GrantError::NotFound)?;
                let unit = unit::mine(c, by, unit_id, now).await?.ok_or(GrantError::NotFound)?;
                if !store::grant::spans(c, by, Role::Admin, unit_id, now, until_at).await? {
                    return Err(GrantError::Beyond);
                }
                let waits = store::grant::proposals_for(c, staff_id, now).await?.iter().any(|p| p.role == role && p.unit_id == unit_id);
                if waits || store::grant::spans(c, staff_id, role, unit_id, from_at, until_at).await? {
                    return Err(GrantError::Already);
                }
                let detail = detail(role, unit_id, from_at, until_at);
                if role == Role::Admin && (unit.kind.is_district_level() || unit.parent_id.is_none()) {
                    store::grant::propose(c, &grant, by, now, now.plus_days(DAYS)).await?;
                    audit::append_at(c, now, Some(by), unit_id, "grant.propose", &staff_id.to_string(), &detail).await?;
                    return Ok(Given::Proposed { by: store::grant::admins_of(c, unit_id, now, (by, staff_id), NAMES).await? });
                }
                store::staff::insert_grant(c, &grant).await?;
                audit::append_at(c, now, Some(by), unit_id, "grant.give", &staff_id.to_string(), &detail).await?;
                Ok::<_, GrantError>(Given::Granted)
            })
        })
        .await?;
    wake(domain, staff_id);
    Ok(given)
}

/// Their streams look anew: the role may ask for a second factor that was not shown in their sessions.
fn wake(domain: &Domain, staff: StaffId) {
    domain.hub.wake(Topic::Staff(staff));
}

/// What the trail says of a grant: role, unit, and the moments it begins and ends.
fn detail(role: Role, unit: UnitId, from: At, until: Option<At>) -> String {
    format!("{role} {unit} {}–{}", from.timestamp(), until.map(|u| u.timestamp().to_string()).unwrap_or_default())
}

fn read(calendar: &Calendar, typed: Typed<'_>, now: At) -> Result<(Role, At, Option<At>), GrantError> {
    let role = typed.role.parse::<Role>().ok();
    let days = holding::days(calendar, holding::Typed { who: "", from: typed.from, until: typed.until }, now);
    match (role, days) {
        (Some(role), Ok((from, until))) => Ok((role, from, until)),
        (role, days) => {
            let days = days.err().unwrap_or_default();
            Err(GrantError::Invalid(Mistakes { role: role.is_none(), from: days.from, until: days.until }))
        }
    }
}

/// Confirms what another admin has proposed.
pub async fn confirm(domain: &Domain, admin: &Admin, id: GrantId) -> Result<StaffId, GrantError> {
    let (by, now) = (admin.staff.id, domain.now());
    let staff = domain
        .db
        .write(move |c| {
            Box::pin(async move {
                let proposal = waiting(c, by, id, now).await?;
                if by == proposal.proposed_by || by == proposal.staff_id {
                    return Err(GrantError::Own);
                }
                let Proposal { staff_id, role, unit_id, until_at, .. } = proposal;
                let from_at = proposal.from_at.max(now);
                if !store::grant::spans(c, by, Role::Admin, unit_id, now, until_at).await? {
                    return Err(GrantError::Beyond);
                }
                let still_holds = store::grant::spans(c, proposal.proposed_by, Role::Admin, unit_id, now, until_at).await?;
                if !still_holds || until_at.is_some_and(|until| until <= from_at) || !store::grant::decide(c, id, now).await? {
                    return Err(GrantError::Lapsed);
                }
                store::staff::insert_grant(c, &Grant { id, staff_id, role, unit_id, from_at, until_at }).await?;
                audit::append_at(c, now, Some(by), unit_id, "grant.confirm", &staff_id.to_string(), &detail(role, unit_id, from_at, until_at)).await?;
                Ok::<_, GrantError>(staff_id)
            })
        })
        .await?;
    wake(domain, staff);
    Ok(staff)
}

/// Says no to what another admin has proposed, or takes back what one has proposed oneself.
pub async fn refuse(domain: &Domain, admin: &Admin, id: GrantId) -> Result<StaffId, GrantError> {
    let (by, now) = (admin.staff.id, domain.now());
    domain
        .db
        .write(move |c| {
            Box::pin(async move {
                let proposal = waiting(c, by, id, now).await?;
                if by == proposal.staff_id {
                    return Err(GrantError::Own);
                }
                if !store::grant::decide(c, id, now).await? {
                    return Err(GrantError::Lapsed);
                }
                let detail = detail(proposal.role, proposal.unit_id, proposal.from_at, proposal.until_at);
                audit::append_at(c, now, Some(by), proposal.unit_id, "grant.refuse", &proposal.staff_id.to_string(), &detail).await?;
                Ok(proposal.staff_id)
            })
        })
        .await
}

/// What waits at a unit of the admin's.
async fn waiting(c: &mut Conn, admin: StaffId, id: GrantId, now: At) -> Result<Proposal, GrantError> {
    let proposal = store::grant::proposal(c, id, now).await?.ok_or(GrantError::NotFound)?;
    unit::mine(c, admin, proposal.unit_id, now).await?.ok_or(GrantError::NotFound)?;
    Ok(proposal)
}

/// What nobody has confirmed in time comes to nothing, which is on record too. Called once a minute.
pub async fn run_out(domain: &Domain) -> store::Result<()> {
    let now = domain.now();
    if !store::grant::has_run_out(&mut domain.db.read().await?, now).await? {
        return Ok(());
    }
    domain
        .db
        .write(move |c| {
            Box::pin(async move {
                for (_, staff, role, unit) in store::grant::run_out(c, now).await? {
                    audit::append_at(c, now, None, unit, "grant.run_out", &staff.to_string(), &format!("{role} {unit}")).await?;
                }
                Ok(())
            })
        })
        .await
}

/// Takes a grant back; one that has not begun never does. Gives whose it was.
pub async fn take(domain: &Domain, admin: &Admin, id: GrantId) -> Result<StaffId, GrantError> {
    let (by, now) = (admin.staff.id, domain.now());
    domain
        .db
        .write(move |c| {
            Box::pin(async move {
                let grant = store::grant::find(c, id, now).await?.ok_or(GrantError::NotFound)?;
                unit::mine(c, by, grant.unit_id, now).await?.ok_or(GrantError::NotFound)?;
                if grant.staff_id == by {
                    return Err(GrantError::Own);
                }
                if is_last(c, &grant, now).await? {
                    return Err(GrantError::Last);
                }
                store::staff::end_grant(c, id, now).await?;
                // Whoever belongs nowhere else would be nobody's any more: no admin could end their login, or give them anything again.
                store::staff::give_home(c, grant.staff_id, grant.unit_id).await?;
                audit::append_at(c, now, Some(by), grant.unit_id, "grant.take", &grant.staff_id.to_string(), &format!("{} {}", grant.role, grant.unit_id))
                    .await?;
                Ok(grant.staff_id)
            })
        })
        .await
}

/// Whether this is what makes somebody the only admin for good of a unit at the top: without it nobody could make another.
pub(crate) async fn is_last(c: &mut Conn, grant: &Grant, now: At) -> store::Result<bool> {
    if grant.role != Role::Admin || grant.until_at.is_some() || grant.from_at > now {
        return Ok(false);
    }
    let is_top = store::unit::find(c, grant.unit_id).await?.is_some_and(|unit| unit.parent_id.is_none() && unit.ended_at.is_none());
    Ok(is_top && store::grant::lasting_admins(c, grant.unit_id, grant.staff_id, now).await? == 0)
}

/// Something that waits, as an admin sees it.
pub struct Waiting {
    pub proposal: Proposal,
    /// The admin may confirm it; else one of `others` has to.
    pub is_mine: bool,
    /// The admin is the one it is for, and has no say.
    pub is_about_me: bool,
    pub others: Vec<String>,
}

/// Who may do what in the admin's units.
pub struct List {
    pub waiting: Vec<Waiting>,
    pub grants: Page<Line>,
}

/// Grants in the admin's subtrees, by role and by a part of somebody's or a unit's name.
pub async fn list(domain: &Domain, admin: &Admin, role: Option<Role>, typed: &str, page: i64) -> store::Result<List> {
    let (by, now) = (admin.staff.id, domain.now());
    let mut conn = domain.db.read().await?;
    let rows = store::grant::under(&mut conn, by, now, role, &unit::like(typed, "%"), PAGE + 1, page * PAGE).await?;
    Ok(List { waiting: waiting_for(&mut conn, by, now).await?, grants: Page::cut(rows, page, PAGE) })
}

async fn waiting_for(c: &mut Conn, by: StaffId, now: At) -> store::Result<Vec<Waiting>> {
    let mut waiting = Vec::new();
    for proposal in store::grant::proposals(c, by, now).await? {
        let others = store::grant::admins_of(c, proposal.unit_id, now, (proposal.proposed_by, proposal.staff_id), NAMES).await?;
        let is_about_me = by == proposal.staff_id;
        waiting.push(Waiting { is_mine: by != proposal.proposed_by && !is_about_me, is_about_me, others, proposal });
    }
    Ok(waiting)
}

/// How many grants wait for this admin's word.
pub async fn to_confirm(domain: &Domain, admin: &Admin) -> store::Result<usize> {
    let (by, now) = (admin.staff.id, domain.now());
    let all = store::grant::proposals(&mut domain.db.read().await?, by, now).await?;
    Ok(all.iter().filter(|p| p.proposed_by != by && p.staff_id != by).count())
}

/// What somebody is granted and what waits for them.
pub(crate) async fn of_staff(c: &mut Conn, staff: StaffId, by: StaffId, now: At) -> store::Result<(Vec<Line>, Vec<Waiting>)> {
    let waiting = waiting_for(c, by, now).await?.into_iter().filter(|w| w.proposal.staff_id == staff).collect();
    Ok((store::grant::of_staff(c, staff, now).await?, waiting))
}
