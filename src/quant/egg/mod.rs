//! The EggMoney decision engine: functions over values, shared by live trading, preview and backtest.
//!
//! Numbers are `f64` and rounded only where the original rounded ([`number`]), so that a bot that was
//! brought along decides here exactly as it would have there. What asks for an order ("plan") is apart
//! from what its result does ("apply", "outcome"), because minutes may lie between the two.
//!
//! H-numbers in comments name weaknesses of the original that are mended here; each is told to the
//! user by an event where it touches money.

pub mod book;
pub mod closing;
pub mod cooldown;
pub mod decide;
pub mod event;
pub mod force_sell;
pub mod manage;
pub mod netting;
pub mod number;
pub mod point;
#[cfg(test)]
mod samples;
pub mod shadow;
pub mod sheet;
pub mod slice;
pub mod trailing;
pub mod turn;
pub mod wash;
