//! When things run: the ticker that drives trading. What is due is computed by `domain::schedule`
//! and decided in `trading`.

mod ticker;

pub use ticker::Ticker;
