//! Taking up an invitation.

mod show;

use crate::routes::{Policy, Routes};

pub fn routes(routes: Routes) -> Routes {
    routes.get("/invitation/{token}", Policy::Public, show::show).post("/invitation/{token}", Policy::Public, show::accept)
}
