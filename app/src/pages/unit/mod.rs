//! The organisation tree.

mod calendar;
mod list;
mod new;
mod setting;
mod show;

pub use setting::name as setting_name;
pub use show::named;

use crate::routes::{Policy, Routes};
use axum::{extract::DefaultBodyLimit, handler::Handler};

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/admin/units", Policy::Admin, list::show)
        .get("/admin/units/below", Policy::Admin, list::below)
        .get("/admin/units/found", Policy::Admin, list::found)
        .get("/admin/units/new", Policy::Admin, new::show)
        .post("/admin/units/new", Policy::Admin, new::create)
        .get("/admin/units/{id}", Policy::Admin, show::show)
        .post("/admin/units/{id}", Policy::Admin, show::change)
        .get("/admin/units/{id}/settings", Policy::Admin, setting::show)
        .post("/admin/units/{id}/settings", Policy::Admin, setting::save)
        .get("/admin/units/{id}/calendar", Policy::Admin, calendar::show)
        .post("/admin/units/{id}/calendar", Policy::Admin, calendar::change)
        .post("/admin/units/{id}/calendar/import", Policy::Admin, calendar::import.layer(DefaultBodyLimit::max(calendar::BODY_LIMIT)))
}
