//! Being away for some days: one's own, and those of an admin's staff.

mod own;
mod staff;
mod view;

pub use view::{line, reason_name};

use crate::routes::{Policy, Routes};

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/account/absences", Policy::Staff, own::show)
        .post("/account/absences", Policy::Staff, own::change)
        .get("/admin/staff/{id}/absences", Policy::Admin, staff::show)
        .post("/admin/staff/{id}/absences", Policy::Admin, staff::change)
}
