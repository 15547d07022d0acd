//! The first day of a subtree: what is ready, and what is missing before residents can be told.

use crate::{Admin, Domain, unit, unit::Page};
use model::UnitId;
use store::{Result, unit::Unit};

pub use store::day_one::{Figures, PostLine, StaffLine, UnitLine};

/// Lines on one page of a list.
pub const PAGE: i64 = 50;
/// Rates of fewer are not shown: they say more about one person than about the service.
pub const FEWEST: i64 = 5;

/// What may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    Holder,
    Point,
    SignIn,
}

impl Missing {
    pub const ALL: [Missing; 3] = [Missing::Holder, Missing::Point, Missing::SignIn];

    pub fn as_str(self) -> &'static str {
        match self {
            Missing::Holder => "holder",
            Missing::Point => "point",
            Missing::SignIn => "sign-in",
        }
    }

    pub fn read(text: &str) -> Option<Missing> {
        Missing::ALL.into_iter().find(|missing| missing.as_str() == text)
    }

    pub fn count(self, figures: &Figures) -> i64 {
        match self {
            Missing::Holder => figures.without_holder,
            Missing::Point => figures.without_point,
            Missing::SignIn => figures.absent,
        }
    }
}

pub enum Lines {
    Holder(Page<UnitLine>),
    Point(Page<PostLine>),
    SignIn(Page<StaffLine>),
}

pub struct View {
    pub unit: Unit,
    pub above: Vec<Unit>,
    pub figures: Figures,
    pub missing: Missing,
    pub lines: Lines,
}

/// What is missing below a unit; without a wish, the first list that has anything in it.
pub async fn view(domain: &Domain, admin: &Admin, id: UnitId, wished: Option<Missing>, page: i64) -> Result<Option<View>> {
    let (by, now) = (admin.staff.id, domain.now());
    let mut conn = domain.db.read().await?;
    let c = &mut conn;
    let Some(unit) = unit::mine(c, by, id, now).await? else { return Ok(None) };
    let above = unit::above(c, by, id, now).await?;
    let figures = store::day_one::figures(c, id, now).await?;
    let first = Missing::ALL.into_iter().find(|missing| missing.count(&figures) > 0);
    let missing = wished.or(first).unwrap_or(Missing::Holder);
    let (limit, offset) = (PAGE + 1, page * PAGE);
    let lines = match missing {
        Missing::Holder => Lines::Holder(Page::cut(store::day_one::units_without_holder(c, id, now, limit, offset).await?, page, PAGE)),
        Missing::Point => Lines::Point(Page::cut(store::day_one::posts_without_point(c, id, now, limit, offset).await?, page, PAGE)),
        Missing::SignIn => Lines::SignIn(Page::cut(store::day_one::staff_not_signed_in(c, id, now, limit, offset).await?, page, PAGE)),
    };
    Ok(Some(View { unit, above, figures, missing, lines }))
}

/// The staffing figure: ready, of how many; `None` below [`FEWEST`].
pub fn staffing(figures: &Figures) -> Option<(i64, i64)> {
    (figures.leaves >= FEWEST).then_some((figures.ready, figures.leaves))
}
