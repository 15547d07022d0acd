//! Who may do what where.

mod list;

pub use list::{mistake, span, waiting};

use crate::routes::{Policy, Routes};

pub fn routes(routes: Routes) -> Routes {
    routes.get("/admin/grants", Policy::Admin, list::show).post("/admin/grants", Policy::Admin, list::change)
}
