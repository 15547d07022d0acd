//! Invitations: taking one up, and how far all of them have come.

mod list;
mod show;

use crate::routes::{Policy, Routes};

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/invitation/{token}", Policy::Public, show::show)
        .post("/invitation/{token}", Policy::Public, show::accept)
        .get("/admin/invitations", Policy::Admin, list::show)
        .post("/admin/invitations", Policy::Admin, list::change)
}
