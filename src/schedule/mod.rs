//! When things run: the ticker that drives trading. What is due is computed by `domain::schedule`
//! and decided in `trading`.

mod pulse;
mod ticker;

pub use pulse::{LONGEST_SILENCE, Pulse, Silent};
pub use ticker::{Ticker, TickerError};
