//! What a trade costs: the broker's commission, and what the state takes of a sale.
//!
//! Sources: the rates of the securities transaction tax (증권거래세법 시행령 제5조) with the special tax
//! for rural areas (농어촌특별세법 제5조) for Korea; the Fee Rate Advisories of the U.S. Securities and
//! Exchange Commission for section 31 of the Securities Exchange Act; the online fee tables of Korea
//! Investment & Securities for the commissions.

use jiff::civil::{Date, date};
use rust_decimal::{Decimal, RoundingStrategy};

use super::instrument::Market;
use super::order::Side;

/// Commission of an online order at the Korean exchange: 0.0140527 %. Accounts of other tariffs differ.
const KRX_COMMISSION: Decimal = Decimal::from_parts(140_527, 0, 0, false, 9);
/// Commission of a US order without a discount: 0.25 %.
const US_COMMISSION: Decimal = Decimal::from_parts(25, 0, 0, false, 4);

/// Tax on sales of Korean shares in hundredths of a percent, from a day on. KOSPI pays part of it as
/// rural tax (0.15 %), KOSDAQ all of it as transaction tax; together they are the same on every row.
/// KONEX (0.10 %) is not in it.
///
/// The law counts the day of settlement, this table the session of the order: sales of the last two
/// sessions before a change may already have had the new rate. Before 2020 the first row stands.
const KRX_SALE: [(Date, i64); 6] = [
    (date(2020, 1, 1), 25),
    (date(2021, 1, 1), 23),
    (date(2023, 1, 1), 20),
    (date(2024, 1, 1), 18),
    (date(2025, 1, 1), 15),
    // The tax amendment of 2025 goes back to the rates of 2023.
    (date(2026, 1, 1), 20),
];

/// Section 31 fee on sales in the US, in cents per million dollars, from a day on. The first row also
/// stands for the days before it. Rates announced after May 2025 are not certain to us and not entered:
/// the account's own rate is the place for them.
const US_SALE: [(Date, i64); 6] = [
    (date(2020, 2, 18), 2_210),
    (date(2021, 2, 25), 510),
    (date(2022, 5, 14), 2_290),
    (date(2023, 2, 27), 800),
    (date(2024, 5, 22), 2_780),
    (date(2025, 5, 14), 0),
];

/// What a trade is, as far as its charges depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trade {
    pub market: Market,
    pub side: Side,
    /// Session of the order.
    pub session: Date,
    /// An ETF or ETN: Korean ones pay no tax when sold.
    pub is_fund: bool,
}

/// Rates of a trade as fractions of its gross amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    market: Market,
    pub commission: Decimal,
    pub tax: Decimal,
}

/// Amounts in the market's currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charges {
    pub fee: Decimal,
    pub tax: Decimal,
}

/// The commission that a market has when nothing else is agreed.
pub fn default_commission(market: Market) -> Decimal {
    match market {
        Market::Krx => KRX_COMMISSION,
        Market::Us => US_COMMISSION,
    }
}

/// The rates of a trade. `commission` is what the account agreed with its broker, a fraction.
pub fn rates(trade: Trade, commission: Option<Decimal>) -> Rates {
    let tax = match (trade.side, trade.market) {
        (Side::Buy, _) => Decimal::ZERO,
        (Side::Sell, Market::Krx) if trade.is_fund => Decimal::ZERO,
        (Side::Sell, Market::Krx) => Decimal::new(in_force(&KRX_SALE, trade.session), 4),
        (Side::Sell, Market::Us) => Decimal::new(in_force(&US_SALE, trade.session), 8),
    };
    Rates { market: trade.market, commission: commission.unwrap_or_else(|| default_commission(trade.market)), tax }
}

fn in_force(table: &[(Date, i64)], day: Date) -> i64 {
    table.iter().rev().find(|(from, _)| *from <= day).or(table.first()).map_or(0, |(_, rate)| *rate)
}

impl Rates {
    /// The charges of a gross amount: parts of a won are dropped, parts of a cent rounded.
    pub fn on(&self, gross: Decimal) -> Charges {
        let (scale, rounding) = match self.market {
            Market::Krx => (0, RoundingStrategy::ToZero),
            Market::Us => (2, RoundingStrategy::MidpointAwayFromZero),
        };
        let part = |rate: Decimal| (gross * rate).round_dp_with_strategy(scale, rounding);
        Charges { fee: part(self.commission), tax: part(self.tax) }
    }

    /// The charges of an order's further execution, whose executions came to `before` so far and come
    /// to `after` now. However an order is executed in parts, it pays the same in all.
    pub fn on_growth(&self, before: Decimal, after: Decimal) -> Charges {
        if after <= before {
            return Charges { fee: Decimal::ZERO, tax: Decimal::ZERO };
        }
        let (then, now) = (self.on(before), self.on(after));
        Charges { fee: (now.fee - then.fee).max(Decimal::ZERO), tax: (now.tax - then.tax).max(Decimal::ZERO) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rust_decimal::dec;

    fn trade(market: Market, side: Side, session: Date) -> Trade {
        Trade { market, side, session, is_fund: false }
    }

    #[test]
    fn the_tax_of_each_year() {
        let tax = |day| rates(trade(Market::Krx, Side::Sell, day), None).tax;
        let years = [2019, 2020, 2021, 2022, 2023, 2024, 2025, 2026, 2030].map(|year| (tax(date(year, 1, 1)), tax(date(year, 12, 31))));
        let expected =
            [dec!(0.0025), dec!(0.0025), dec!(0.0023), dec!(0.0023), dec!(0.0020), dec!(0.0018), dec!(0.0015), dec!(0.0020), dec!(0.0020)];
        assert_eq!(years, expected.map(|rate| (rate, rate)));
        let sec = |day| rates(trade(Market::Us, Side::Sell, day), None).tax;
        assert_eq!(sec(date(2024, 5, 21)), dec!(0.000008));
        assert_eq!(sec(date(2024, 5, 22)), dec!(0.0000278));
        assert_eq!(sec(date(2025, 5, 14)), Decimal::ZERO);
    }

    #[test]
    fn a_sale_of_ten_samsung_and_what_pays_no_tax() {
        let sale = trade(Market::Krx, Side::Sell, date(2026, 5, 14));
        assert_eq!(rates(sale, None).on(dec!(713000)), Charges { fee: dec!(100), tax: dec!(1426) });
        assert_eq!(rates(Trade { is_fund: true, ..sale }, None).on(dec!(713000)).tax, Decimal::ZERO);
        assert_eq!(rates(Trade { side: Side::Buy, ..sale }, None).on(dec!(713000)).tax, Decimal::ZERO);
        let us = trade(Market::Us, Side::Buy, date(2026, 5, 14));
        assert_eq!(rates(us, None).on(dec!(1000)), Charges { fee: dec!(2.50), tax: Decimal::ZERO });
        assert_eq!(rates(us, Some(dec!(0.0009))).on(dec!(183)).fee, dec!(0.16));
    }

    #[test]
    fn the_tables_are_in_order() {
        for table in [&KRX_SALE[..], &US_SALE[..]] {
            assert!(table.is_sorted_by(|a, b| a.0 < b.0));
        }
    }

    fn any_trade() -> impl Strategy<Value = Trade> {
        (any::<bool>(), any::<bool>(), 0_i32..4_000, any::<bool>()).prop_map(|(krx, sell, days, is_fund)| Trade {
            market: if krx { Market::Krx } else { Market::Us },
            side: if sell { Side::Sell } else { Side::Buy },
            session: date(2018, 1, 1).saturating_add(jiff::Span::new().days(days)),
            is_fund,
        })
    }

    proptest! {
        #[test]
        fn parts_pay_what_the_whole_pays(trade in any_trade(), parts in prop::collection::vec(1_i64..90_000_000, 1..12)) {
            let rates = rates(trade, None);
            let scale = trade.market.currency().scale();
            let (mut sum, mut fee, mut tax) = (Decimal::ZERO, Decimal::ZERO, Decimal::ZERO);
            for part in parts {
                let after = sum + Decimal::new(part, scale);
                let charges = rates.on_growth(sum, after);
                prop_assert!(charges.fee >= Decimal::ZERO && charges.tax >= Decimal::ZERO);
                (sum, fee, tax) = (after, fee + charges.fee, tax + charges.tax);
            }
            prop_assert_eq!(Charges { fee, tax }, rates.on(sum));
        }

        #[test]
        fn charges_are_booked_amounts_near_their_rate(trade in any_trade(), units in 0_i64..9_000_000_000) {
            let (rates, currency) = (rates(trade, None), trade.market.currency());
            let gross = Decimal::new(units, currency.scale());
            let charges = rates.on(gross);
            let unit = Decimal::new(1, currency.scale());
            for (amount, rate) in [(charges.fee, rates.commission), (charges.tax, rates.tax)] {
                prop_assert!((amount % unit).is_zero());
                prop_assert!((amount - gross * rate).abs() < unit);
            }
            prop_assert!(trade.side == Side::Sell || charges.tax.is_zero());
            prop_assert!(charges.fee + charges.tax <= gross);
        }
    }
}
