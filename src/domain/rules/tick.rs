//! Tick sizes: the steps that an order's price may have.
//!
//! KRX: the table in force since January 2023, the same for KOSPI and KOSDAQ; ETFs and ETNs have two
//! steps. US: Regulation NMS rule 612, cents from one dollar upwards and hundredths of a cent below.

use rust_decimal::Decimal;

use crate::domain::instrument::Market;

/// KRX shares: prices below the first number have the second as tick, won.
const KRX_SHARES: [(i64, i64); 6] = [(2_000, 1), (5_000, 5), (20_000, 10), (50_000, 50), (200_000, 100), (500_000, 500)];
/// KRX shares from the last bound upwards, won.
const KRX_LARGEST: i64 = 1_000;
/// KRX ETFs and ETNs below this price have a tick of 1, others of 5, won.
const KRX_FUND_BOUND: i64 = 2_000;

/// The tick at a price, in the market's currency. `is_etf` covers ETFs and ETNs and matters on KRX
/// alone. A price on the bound of two bands has the tick of the upper one.
pub fn size(market: Market, is_etf: bool, price: Decimal) -> Decimal {
    match market {
        Market::Us if price < Decimal::ONE => Decimal::new(1, 4),
        Market::Us => Decimal::new(1, 2),
        Market::Krx if is_etf => Decimal::from(if price < KRX_FUND_BOUND.into() { 1 } else { 5 }),
        Market::Krx => {
            let band = KRX_SHARES.iter().find(|(bound, _)| price < (*bound).into());
            Decimal::from(band.map_or(KRX_LARGEST, |(_, tick)| *tick))
        }
    }
}

/// Whether an order may name the price: above zero and on a tick.
pub fn is_on_tick(market: Market, is_etf: bool, price: Decimal) -> bool {
    price > Decimal::ZERO && (price % size(market, is_etf, price)).is_zero()
}

/// The highest tick that is not above the price; zero when there is none.
pub fn round_down(market: Market, is_etf: bool, price: Decimal) -> Decimal {
    let tick = size(market, is_etf, price);
    ((price / tick).floor() * tick).max(Decimal::ZERO).normalize()
}

/// The lowest tick that is not below the price, at least one tick.
pub fn round_up(market: Market, is_etf: bool, price: Decimal) -> Decimal {
    let tick = size(market, is_etf, price);
    // Every bound of a band is a tick of both bands, so rounding never leaves the table.
    ((price / tick).ceil() * tick).max(tick).normalize()
}

/// The tick nearest to the price, upwards from the middle, at least one tick.
pub fn round_nearest(market: Market, is_etf: bool, price: Decimal) -> Decimal {
    let (down, up) = (round_down(market, is_etf, price), round_up(market, is_etf, price));
    if down > Decimal::ZERO && price - down < up - price { down } else { up }
}

/// The next tick above a price.
pub fn above(market: Market, is_etf: bool, price: Decimal) -> Decimal {
    let down = round_down(market, is_etf, price);
    (down + size(market, is_etf, down)).normalize()
}

/// The next tick below a price; zero when there is none.
pub fn below(market: Market, is_etf: bool, price: Decimal) -> Decimal {
    let up = round_up(market, is_etf, price);
    // Just under the bound of a band the tick of the lower band counts.
    let under = size(market, is_etf, up - Decimal::new(1, 4));
    (up - under).max(Decimal::ZERO).normalize()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rust_decimal::dec;

    const KRX: Market = Market::Krx;

    #[test]
    fn the_table_of_2023_and_its_bounds() {
        let cases = [
            (dec!(1999), dec!(1)),
            (dec!(2000), dec!(5)),
            (dec!(4995), dec!(5)),
            (dec!(5000), dec!(10)),
            (dec!(19990), dec!(10)),
            (dec!(20000), dec!(50)),
            (dec!(49950), dec!(50)),
            (dec!(50000), dec!(100)),
            (dec!(199900), dec!(100)),
            (dec!(200000), dec!(500)),
            (dec!(499500), dec!(500)),
            (dec!(500000), dec!(1000)),
            (dec!(1234000), dec!(1000)),
        ];
        for (price, tick) in cases {
            assert_eq!(size(KRX, false, price), tick, "{price}");
            assert!(is_on_tick(KRX, false, price), "{price}");
        }
        assert_eq!((size(KRX, true, dec!(1999)), size(KRX, true, dec!(2000)), size(KRX, true, dec!(612000))), (dec!(1), dec!(5), dec!(5)));
        assert_eq!((size(Market::Us, false, dec!(0.9999)), size(Market::Us, true, dec!(1))), (dec!(0.0001), dec!(0.01)));
    }

    #[test]
    fn prices_between_ticks_are_refused_and_rounded() {
        for (is_etf, price) in [(false, dec!(71350)), (false, dec!(2003)), (false, dec!(0)), (false, dec!(-100)), (true, dec!(36872))] {
            assert!(!is_on_tick(KRX, is_etf, price), "{price}");
        }
        assert!(is_on_tick(KRX, true, dec!(71305)));
        assert_eq!((round_down(KRX, false, dec!(71350)), round_up(KRX, false, dec!(71350))), (dec!(71300), dec!(71400)));
        assert_eq!((round_down(KRX, false, dec!(1999.5)), round_up(KRX, false, dec!(1999.5))), (dec!(1999), dec!(2000)));
        assert_eq!((round_down(KRX, false, dec!(0.4)), round_up(KRX, false, dec!(0.4))), (dec!(0), dec!(1)));
        assert_eq!(
            (above(KRX, false, dec!(1999)), above(KRX, false, dec!(2000)), below(KRX, false, dec!(2000))),
            (dec!(2000), dec!(2005), dec!(1999))
        );
        assert_eq!((above(Market::Us, false, dec!(0.9999)), below(Market::Us, false, dec!(1))), (dec!(1), dec!(0.9999)));
        assert_eq!((round_nearest(KRX, false, dec!(71349)), round_nearest(KRX, false, dec!(71350))), (dec!(71300), dec!(71400)));
    }

    fn market() -> impl Strategy<Value = (Market, bool)> {
        prop_oneof![Just((KRX, false)), Just((KRX, true)), Just((Market::Us, false)), Just((Market::Us, true))]
    }

    proptest! {
        #[test]
        fn rounding_brackets_the_price_within_one_tick(kind in market(), units in 1_i64..30_000_000_000) {
            let (market, is_etf) = kind;
            let price = Decimal::new(units, 4);
            let (down, up) = (round_down(market, is_etf, price), round_up(market, is_etf, price));
            prop_assert!(down <= price && price <= up);
            prop_assert!(up - down <= size(market, is_etf, price));
            prop_assert!(is_on_tick(market, is_etf, up), "{up}");
            prop_assert!(down.is_zero() || is_on_tick(market, is_etf, down), "{down}");
            prop_assert_eq!(is_on_tick(market, is_etf, price), down == up && down == price);
            let nearest = round_nearest(market, is_etf, price);
            prop_assert!(nearest == down || nearest == up);
        }

        #[test]
        fn the_next_ticks_are_the_neighbours(kind in market(), units in 1_i64..30_000_000_000) {
            let (market, is_etf) = kind;
            let price = round_up(market, is_etf, Decimal::new(units, 4));
            let next = above(market, is_etf, price);
            prop_assert!(next > price && is_on_tick(market, is_etf, next));
            prop_assert_eq!(below(market, is_etf, next), price);
            // Nothing on a tick lies between them.
            let middle = (price + next) / Decimal::TWO;
            prop_assert_eq!(round_down(market, is_etf, middle), price);
            prop_assert_eq!(round_up(market, is_etf, middle), next);
        }
    }
}
