//! The HTTP edge: routes, their access rules, error answers, the documentation and the embedded UI.
//!
//! A handler takes a guard ([`access::Require`] or [`access::Public`]), reads its input through the
//! extractors, makes one call into a use case and shapes the answer. To add routes, write
//! `routes/<area>.rs` with a `pub fn routes() -> Vec<Route>` and name it in `routes/mod.rs`.

pub mod access;
mod answers;
mod body;
mod by_key;
pub mod error;
pub mod extract;
mod openapi;
mod perimeter;
pub mod route;
pub mod routes;
pub mod server;
mod tls;
mod trace;
mod ui;
pub mod views;

pub use openapi::document as openapi_document;

use std::sync::Arc;

use actix_web::web;

use crate::app::App;

/// Registers everything that the server answers: used by `serve` and by tests.
pub fn configure(app: &Arc<App>, config: &mut web::ServiceConfig) {
    config.app_data(access::app_data(app.clone()));
    config.app_data(web::Data::new(answers::Answers::default()));
    extract::configure(config);
    route::mount(&routes::all(), config);
    openapi::configure(config);
    config.default_service(web::to(ui::serve));
}
