//! My own account.

mod off_duty;
mod photo;
mod show;

use crate::routes::{Policy, Routes};
use axum::{extract::DefaultBodyLimit, handler::Handler};

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/account", Policy::Staff, show::show)
        .post("/account", Policy::Staff, show::save)
        .post("/account/off-duty", Policy::Staff, off_duty::change)
        .post("/account/photo", Policy::Staff, photo::save.layer(DefaultBodyLimit::max(photo::BODY_LIMIT)))
        .get("/photo/{staff}/{updated_at}", Policy::Public, photo::show)
}
