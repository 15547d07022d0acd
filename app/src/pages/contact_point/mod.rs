//! What a scanned sticker opens.

pub mod show;

use crate::routes::{Policy, Routes};

pub fn routes(routes: Routes) -> Routes {
    routes.get("/q/{code}", Policy::Public, show::show).post("/q/{code}", Policy::Public, show::send)
}
