//! The front page, and the switches for language and look.

mod look;
mod show;

pub use look::local;

use crate::routes::{Policy, Routes};

pub fn routes(routes: Routes) -> Routes {
    routes.get("/", Policy::Public, show::show).get("/q", Policy::Public, show::open_code).post("/view", Policy::Public, look::choose)
}
