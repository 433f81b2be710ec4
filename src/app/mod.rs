//! Composition: configuration, clocks, the one [`App`] that holds all parts, and its start and stop.

pub mod backups;
pub mod certificate;
pub mod chat;
pub mod clock;
pub mod config;
pub mod connector;
pub mod credentials;
pub mod doctor;
pub mod expiry;
pub mod feeds;
pub mod first_start;
pub mod hosts;
pub mod leaving;
pub mod logs;
pub mod metrics;
pub mod people;
pub mod privacy;
pub mod release;
mod returned;
pub mod startup;
pub mod state;
mod stops;
pub mod system;
pub mod transfers;
pub mod watch;
mod web;

pub use config::Config;
pub use state::{App, OpenError};
