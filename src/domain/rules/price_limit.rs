//! Daily price limits of KRX: 30 % each way from the previous close, since June 2015. The US market
//! has none (it halts instead).

use rust_decimal::Decimal;

use super::tick;
use crate::domain::instrument::Market;

/// Percent that a price may move in a day.
const PERCENT: i64 = 30;

/// Lowest and highest price of an order, won, both on a tick: the limits are rounded towards the
/// previous close. `is_etf` covers ETFs and ETNs.
pub fn range(previous_close: Decimal, is_etf: bool) -> (Decimal, Decimal) {
    leveraged_range(previous_close, is_etf, 1)
}

/// The same for a fund that follows a multiple of its index: its limits are as many times wider, in
/// whichever direction it follows. The lowest price never falls below one tick.
pub fn leveraged_range(previous_close: Decimal, is_etf: bool, multiple: u32) -> (Decimal, Decimal) {
    let width = previous_close * Decimal::new(PERCENT * i64::from(multiple.max(1)), 2);
    let low = tick::round_up(Market::Krx, is_etf, previous_close - width);
    let high = tick::round_down(Market::Krx, is_etf, previous_close + width);
    // At a price of a few won a single tick is more than the limit: the close itself stays possible.
    let close = tick::round_nearest(Market::Krx, is_etf, previous_close);
    (low.min(close), high.max(close))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rust_decimal::dec;

    #[test]
    fn known_limits() {
        assert_eq!(range(dec!(71300), false), (dec!(49950), dec!(92600)));
        assert_eq!(range(dec!(9990), false), (dec!(7000), dec!(12980)));
        assert_eq!(range(dec!(1500), false), (dec!(1050), dec!(1950)));
        assert_eq!(range(dec!(1900), false), (dec!(1330), dec!(2470)));
        assert_eq!(range(dec!(36875), true), (dec!(25815), dec!(47935)));
        assert_eq!(leveraged_range(dec!(18000), true, 2), (dec!(7200), dec!(28800)));
        assert_eq!(range(dec!(2), false), (dec!(2), dec!(2)));
    }

    proptest! {
        #[test]
        fn limits_are_ticks_around_the_close_and_as_wide_as_they_may_be(units in 1_i64..2_000_000, is_etf: bool, multiple in 1_u32..3) {
            let close = tick::round_up(Market::Krx, is_etf, units.into());
            let (low, high) = leveraged_range(close, is_etf, multiple);
            let width = close * Decimal::new(30 * i64::from(multiple), 2);
            prop_assert!(low > Decimal::ZERO && low <= close && close <= high);
            prop_assert!(tick::is_on_tick(Market::Krx, is_etf, low) && tick::is_on_tick(Market::Krx, is_etf, high));
            prop_assert!(low >= close - width && high <= close + width);
            prop_assert!(tick::above(Market::Krx, is_etf, high) > close + width, "a higher tick would fit");
            let lower = tick::below(Market::Krx, is_etf, low);
            prop_assert!(lower.is_zero() || lower < close - width, "a lower tick would fit");
        }
    }
}
