//! The records: who did what.

mod export;
mod list;
mod words;

use crate::routes::{Policy, Routes};

pub fn routes(routes: Routes) -> Routes {
    routes.get("/admin/audit", Policy::Auditor, list::show).post("/admin/audit/export", Policy::Auditor, export::take)
}
