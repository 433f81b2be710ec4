//! One integration-test binary: linking is what costs time.

mod golden;
mod architecture;
mod auth;
mod http_foundation;
mod support;
