//! All routes, by area. The list is the API: nothing else is registered under `/api`.

mod accounts;
mod admin;
mod alerts;
mod api_keys;
mod auth;
mod backups;
mod bots;
mod connection;
mod corrections;
mod credentials;
mod differences;
mod disclosures;
mod exports;
mod going_live;
mod grants;
mod history;
mod identities;
mod imports;
mod leaving;
mod limits;
mod market;
mod observation;
mod orders;
mod people;
mod portfolio;
mod recovery;
mod schedule_input;
mod security;
mod shared;
mod sign_in_providers;
mod stream;
mod system;
mod tickets;
mod users;

use super::route::Route;

/// Every route of the server.
pub fn all() -> Vec<Route> {
    [
        system::routes(),
        observation::routes(),
        auth::routes(),
        recovery::routes(),
        identities::routes(),
        sign_in_providers::routes(),
        users::routes(),
        connection::routes(),
        security::routes(),
        api_keys::routes(),
        disclosures::routes(),
        admin::routes(),
        people::routes(),
        backups::routes(),
        accounts::routes(),
        bots::routes(),
        corrections::routes(),
        credentials::routes(),
        differences::routes(),
        imports::routes(),
        leaving::routes(),
        exports::routes(),
        going_live::routes(),
        history::routes(),
        market::routes(),
        tickets::routes(),
        orders::routes(),
        limits::routes(),
        alerts::routes(),
        grants::routes(),
        shared::routes(),
        portfolio::routes(),
        stream::routes(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
