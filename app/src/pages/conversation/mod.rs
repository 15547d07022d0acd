//! The resident's conversations.

mod after;
mod email;
mod list;
mod live;
mod seen;
pub mod show;

use crate::routes::{Policy, Routes};

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/c", Policy::Public, list::list)
        .get("/c/{id}", Policy::Contact, show::show)
        .post("/c/{id}", Policy::Contact, show::send)
        .get("/c/{id}/live", Policy::Contact, live::live)
        .post("/c/{id}/seen", Policy::Contact, seen::seen)
        .get("/c/{id}/after/{seq}", Policy::Contact, after::after)
        .post("/c/{id}/email", Policy::Contact, email::keep)
        .post("/c/{id}/devices/end", Policy::Contact, show::end_devices)
}
