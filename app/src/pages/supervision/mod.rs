//! What a supervisor sees of a subtree: figures, staffing, and conversations to read.

mod conversation;
mod post;
mod show;
mod unit;

use crate::routes::{Policy, Routes};

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/supervision", Policy::Supervisor, show::show)
        .get("/supervision/units/{id}", Policy::Supervisor, unit::show)
        .get("/supervision/posts/{id}", Policy::Supervisor, post::show)
        .get("/supervision/conversations/{id}", Policy::Supervisor, conversation::show)
}
