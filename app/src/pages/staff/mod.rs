//! The people with a login.

mod leave;
mod list;
mod new;
mod show;

pub use list::role_name;

use crate::routes::{Policy, Routes};

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/admin/staff", Policy::Admin, list::show)
        .get("/admin/staff/new", Policy::Admin, new::show)
        .post("/admin/staff/new", Policy::Admin, new::invite)
        .get("/admin/staff/{id}", Policy::Admin, show::show)
        .post("/admin/staff/{id}", Policy::Admin, show::change)
        .get("/admin/staff/{id}/leave", Policy::Admin, leave::show)
        .post("/admin/staff/{id}/leave", Policy::Admin, leave::change)
}
