//! The EggMoney decision engine: functions over values, shared by live trading, preview and backtest.
//!
//! Numbers are `f64` and rounded only where the original rounded ([`number`]), so that a bot that was
//! brought along decides here exactly as it would have there.

pub mod number;
pub mod point;
