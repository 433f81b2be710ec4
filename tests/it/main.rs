//! One integration-test binary: linking is what costs time.

mod golden;
mod architecture;
mod auth;
mod cli;
mod http_foundation;
mod support;
