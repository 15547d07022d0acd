//! Every page: its handlers and its view in one file, in the folder of its noun.

pub mod absence;
pub mod account;
pub mod admin;
pub mod audit;
pub mod claim;
pub mod codes;
pub mod contact_point;
pub mod conversation;
pub mod first_admin;
pub mod grant;
pub mod home;
pub mod import;
pub mod inbox;
pub mod invitation;
pub mod post;
pub mod quick_reply;
pub mod return_link;
pub mod second_factor;
pub mod session;
pub mod staff;
pub mod supervision;
pub mod trial;
pub mod unit;

use crate::routes::Routes;

pub fn routes(routes: Routes) -> Routes {
    let routes = home::routes(routes);
    let routes = contact_point::routes(routes);
    let routes = codes::routes(routes);
    let routes = conversation::routes(routes);
    let routes = claim::routes(routes);
    let routes = inbox::routes(routes);
    let routes = account::routes(routes);
    let routes = first_admin::routes(routes);
    let routes = invitation::routes(routes);
    let routes = session::routes(routes);
    let routes = second_factor::routes(routes);
    let routes = quick_reply::routes(routes);
    let routes = admin::routes(routes);
    let routes = import::routes(routes);
    let routes = audit::routes(routes);
    let routes = unit::routes(routes);
    let routes = post::routes(routes);
    let routes = staff::routes(routes);
    let routes = trial::routes(routes);
    let routes = absence::routes(routes);
    let routes = grant::routes(routes);
    let routes = supervision::routes(routes);
    return_link::routes(routes)
}
