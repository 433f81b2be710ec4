//! What is known of prices, exchange rates and listings.

pub(super) mod bars;
pub(super) mod listings;
pub(super) mod quotes;
pub(super) mod rates;
