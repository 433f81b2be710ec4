//! Trading units.

use crate::domain::instrument::Market;

/// Shares of one trading unit. Both markets trade single shares (KRX since June 2014).
pub fn size(market: Market) -> u64 {
    match market {
        Market::Krx | Market::Us => 1,
    }
}

/// Whether a quantity is a positive number of whole trading units.
pub fn is_whole(market: Market, quantity: u64) -> bool {
    quantity > 0 && quantity.is_multiple_of(size(market))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_shares_trade_and_nothing_does_not() {
        for market in [Market::Krx, Market::Us] {
            assert_eq!([0, 1, 7].map(|quantity| is_whole(market, quantity)), [false, true, true]);
        }
    }
}
