//! Where the links in an answer mail lead.

mod show;
mod stop;

use crate::routes::{Policy, Routes};

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/r/{token}", Policy::Public, show::show)
        .post("/r/{token}", Policy::Public, show::open)
        .get("/r/{token}/stop", Policy::Public, stop::show)
        .post_from_anywhere("/r/{token}/stop", Policy::Public, stop::stop)
}
