//! The trial of a new installation.

mod show;

use crate::routes::{Policy, Routes};

pub fn routes(routes: Routes) -> Routes {
    routes.get("/admin/trial", Policy::Admin, show::show).post("/admin/trial", Policy::Admin, show::end)
}
