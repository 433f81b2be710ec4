//! Rules of the markets, as pure functions: tick sizes, daily price limits, lots, session hours.

pub mod lot;
pub mod price_limit;
pub mod session;
pub mod tick;
