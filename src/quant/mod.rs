//! Pure arithmetic over values: no clock, no I/O, no randomness.

pub mod bot_factory;
pub mod egg;
pub mod figures;
pub mod manual;
pub mod market;
