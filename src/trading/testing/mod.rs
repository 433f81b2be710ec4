//! A broker in memory that does what a test tells it, and a world of users around it.

mod broker;
mod checks;
mod port;
mod script;
mod world;

pub use checks::FinalBooks;
pub use script::{Does, Moment, Sabotage};
pub use world::{Client, World, time};

pub use crate::domain::samples::bot;
