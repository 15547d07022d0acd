//! Posts: the seats that answer.

mod new;
mod show;

pub use show::{day_error, who_error};

use crate::routes::{Policy, Routes};

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/admin/units/{id}/posts/new", Policy::Admin, new::show)
        .post("/admin/units/{id}/posts/new", Policy::Admin, new::create)
        .get("/admin/posts/{id}", Policy::Admin, show::show)
        .post("/admin/posts/{id}", Policy::Admin, show::change)
}
