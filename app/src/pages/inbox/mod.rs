//! The worker's desk: the inbox and its conversations.
//!
//! For the island: `#list` holds the rows (`data-waiting` is the text of `#waiting`) and is replaced by `GET /inbox?fragment=list`, which brings `#state`, `#waits` and `#unread` too; `#log` holds
//! the messages (`data-last` is the last number, `data-live` the address of the stream), `#state` the promise, `#here` who else is here; `#answer` is
//! the form, `#text` its box; `#keys` the dialog. `data-key="h"` stands on what a shortcut focuses or presses.

mod hand_over;
mod list;
mod live;
mod scheduled;
mod seen;
mod show;

use crate::routes::{Policy, Routes};

pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/inbox", Policy::Staff, list::list)
        .get("/inbox/live", Policy::Staff, live::list)
        .get("/inbox/{id}", Policy::Staff, show::show)
        .post("/inbox/{id}", Policy::Staff, show::write)
        .get("/inbox/{id}/live", Policy::Staff, live::conversation)
        .post("/inbox/{id}/seen", Policy::Staff, seen::seen)
        .post("/inbox/{id}/hand-over", Policy::Staff, hand_over::hand_over)
        .post("/inbox/{id}/scheduled/{sid}/cancel", Policy::Staff, scheduled::cancel)
}
