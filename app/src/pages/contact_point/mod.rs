//! Printed QR codes: what a scan opens, and what admins do with them.

mod admin;
mod label;
mod new;
pub mod qr;
mod sheet;
pub mod show;

use crate::routes::{Policy, Routes};

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/q/{code}", Policy::Public, show::show)
        .post("/q/{code}", Policy::Public, show::send)
        .get("/admin/posts/{id}/contact-points/new", Policy::Admin, new::show)
        .post("/admin/posts/{id}/contact-points/new", Policy::Admin, new::create)
        .get("/admin/contact-points/{id}", Policy::Admin, admin::show)
        .post("/admin/contact-points/{id}", Policy::Admin, admin::change)
        .get("/admin/contact-points/{id}/sheet", Policy::Admin, sheet::show)
        .get("/admin/contact-points/{id}/label.svg", Policy::Admin, label::show)
        .get("/admin/contact-points/{id}/qr.svg", Policy::Admin, qr::svg)
        .get("/admin/contact-points/{id}/qr.png", Policy::Admin, qr::png)
}
