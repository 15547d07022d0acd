//! Codes in bulk: making and printing them for a subtree, how the stickers are, what a resident says is wrong with one, and the first day.

mod day_one;
mod print;
mod stickers;
mod unit;
mod wrong;

pub use wrong::reason_text;

use crate::routes::{Policy, Routes};

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/admin/units/{id}/codes", Policy::Admin, unit::show)
        .post("/admin/units/{id}/codes", Policy::Admin, unit::change)
        .get("/admin/units/{id}/day-one", Policy::Admin, day_one::show)
        .get("/admin/prints/{id}", Policy::Admin, print::show)
        .get("/admin/prints/{id}/file", Policy::Admin, print::file)
        .get("/admin/prints/{id}/progress", Policy::Admin, print::progress)
        .get("/admin/contact-points", Policy::Admin, stickers::show)
        .get("/q/{code}/wrong", Policy::Public, wrong::show)
        .post("/q/{code}/wrong", Policy::Public, wrong::send)
}
