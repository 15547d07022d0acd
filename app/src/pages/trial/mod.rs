//! Units on trial.

mod show;

use crate::routes::{Policy, Routes};

pub fn routes(routes: Routes) -> Routes {
    routes.get("/admin/trial", Policy::Admin, show::show).post("/admin/trial", Policy::Admin, show::change)
}
