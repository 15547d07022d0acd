//! Every page: its handlers and its view in one file, in the folder of its noun.

pub mod claim;
pub mod contact_point;
pub mod conversation;
pub mod home;

use crate::routes::Routes;

pub fn routes(routes: Routes) -> Routes {
    let routes = home::routes(routes);
    let routes = contact_point::routes(routes);
    let routes = conversation::routes(routes);
    claim::routes(routes)
}
