//! Registers brought in as a file: uploaded, compared, corrected, applied and taken back.

mod columns;
mod list;
mod new;
mod show;
mod template;
mod upload;
pub mod words;

use crate::routes::{Policy, Routes};
use axum::{extract::DefaultBodyLimit, handler::Handler};

pub fn routes(routes: Routes) -> Routes {
    let upload = || DefaultBodyLimit::max(upload::BODY_LIMIT);
    routes
        .get("/admin/imports", Policy::Admin, list::show)
        .get("/admin/imports/new", Policy::Admin, new::show)
        .post("/admin/imports/new", Policy::Admin, new::create.layer(upload()))
        .get("/admin/imports/template/{name}", Policy::Admin, template::show)
        .get("/admin/imports/{id}", Policy::Admin, show::show)
        .post("/admin/imports/{id}", Policy::Admin, show::change)
        .post("/admin/imports/{id}/file", Policy::Admin, show::replace_file.layer(upload()))
        .get("/admin/imports/{id}/mistakes.csv", Policy::Admin, show::mistakes_file)
}
