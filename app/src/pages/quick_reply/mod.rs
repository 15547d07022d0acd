//! Texts a post keeps ready.

mod list;

use crate::routes::{Policy, Routes};

pub fn routes(routes: Routes) -> Routes {
    routes.get("/quick-replies", Policy::Staff, list::show).post("/quick-replies", Policy::Staff, list::change)
}
