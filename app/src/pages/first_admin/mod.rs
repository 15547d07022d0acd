//! The first admin of a new installation.

mod new;

use crate::routes::{Policy, Routes};

pub fn routes(routes: Routes) -> Routes {
    routes.get("/first/{token}", Policy::Public, new::show).post("/first/{token}", Policy::Public, new::create)
}
