//! The organisation tree.

mod calendar;
mod list;
mod new;
mod show;

pub use show::named;

use crate::routes::{Policy, Routes};
use axum::{extract::DefaultBodyLimit, handler::Handler};

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/admin/units", Policy::Admin, list::show)
        .get("/admin/units/new", Policy::Admin, new::show)
        .post("/admin/units/new", Policy::Admin, new::create)
        .get("/admin/units/{id}", Policy::Admin, show::show)
        .post("/admin/units/{id}", Policy::Admin, show::change)
        .get("/admin/units/{id}/calendar", Policy::Admin, calendar::show)
        .post("/admin/units/{id}/calendar", Policy::Admin, calendar::change)
        .post("/admin/units/{id}/calendar/import", Policy::Admin, calendar::import.layer(DefaultBodyLimit::max(calendar::BODY_LIMIT)))
}
