//! Opening a conversation with the code on its receipt.

mod new;

use crate::routes::{Policy, Routes};

pub fn routes(routes: Routes) -> Routes {
    routes.get("/claim", Policy::Public, new::empty).post("/claim", Policy::Public, new::open).get("/claim/{code}", Policy::Public, new::filled).post(
        "/claim/{code}",
        Policy::Public,
        new::open,
    )
}
