//! Pure arithmetic over values: no clock, no I/O, no randomness.

pub mod egg;
pub mod figures;
