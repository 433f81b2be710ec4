//! All routes, by area. The list is the API: nothing else is registered under `/api`.

mod accounts;
mod admin;
mod alerts;
mod auth;
mod credentials;
mod imports;
mod orders;
mod stream;
mod system;
mod users;

use super::route::Route;

/// Every route of the server.
pub fn all() -> Vec<Route> {
    [
        system::routes(),
        auth::routes(),
        users::routes(),
        admin::routes(),
        accounts::routes(),
        credentials::routes(),
        imports::routes(),
        orders::routes(),
        alerts::routes(),
        stream::routes(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
