//! What an admin does next, in numbers.

mod show;

use crate::routes::{Policy, Routes};

pub fn routes(routes: Routes) -> Routes {
    routes.get("/admin", Policy::Admin, show::show)
}
