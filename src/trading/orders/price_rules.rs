//! What the exchange demands of the prices of an order: ticks and the day's limits.

use rust_decimal::Decimal;

use super::gate::Seen;
use crate::domain::instrument::Market;
use crate::domain::order::{LimitHit, OrderIntent, Reason};
use crate::domain::rules::{price_limit, tick};

/// Funds that follow twice their index have limits twice as wide; whether one does, its price does not
/// tell, so every fund gets them. The exchange refuses what is too far for the others.
const FUND_MULTIPLE: u32 = 2;

/// Checks the limit price and the trigger price of an order.
pub(in crate::trading) fn check(intent: &OrderIntent, seen: &Seen) -> Option<Reason> {
    let named = [(intent.limit_price, "limit price"), (intent.trigger_price, "trigger price")];
    named
        .into_iter()
        .find_map(|(price, name)| price.and_then(|price| fault(intent.market, name, price, seen).map(|fault| (price, fault))))
        .map(|(price, fault)| {
            let limit = LimitHit { name: fault.code.to_owned(), allowed: fault.allowed, asked: price.to_string() };
            Reason { limit: Some(limit), ..Reason::new(fault.code, fault.message) }
        })
}

/// What is wrong with a price.
#[derive(Debug)]
pub(in crate::trading) struct Fault {
    pub code: &'static str,
    pub message: String,
    /// The nearest prices, or the day's range: two prices with a dash between them.
    pub allowed: String,
}

/// Checks one price, as far as it is known what it belongs to.
pub(in crate::trading) fn fault(market: Market, name: &str, price: Decimal, seen: &Seen) -> Option<Fault> {
    // Of an instrument whose kind is unknown any kind's price is good.
    let kinds: &[bool] = match seen.is_etf {
        _ if market == Market::Us => &[false],
        Some(true) => &[true],
        Some(false) => &[false],
        None => &[false, true],
    };
    if !kinds.iter().any(|etf| tick::is_on_tick(market, *etf, price)) {
        let below = kinds.iter().map(|etf| tick::round_down(market, *etf, price)).max().unwrap_or_default();
        let above = kinds.iter().map(|etf| tick::round_up(market, *etf, price)).min().unwrap_or_default();
        let (nearest, allowed) = match below > Decimal::ZERO {
            true => (format!("{below} or {above}"), format!("{below} – {above}")),
            false => (above.to_string(), above.to_string()),
        };
        let message = format!("the {name} {price} is between two ticks: the nearest prices are {nearest}");
        return Some(Fault { code: "off_tick", message, allowed });
    }
    if market != Market::Krx {
        return None;
    }
    let quote = seen.quote.as_ref()?;
    let (low, high) = quote.limits.or_else(|| {
        let close = quote.previous_close.filter(|close| *close > Decimal::ZERO)?;
        let ranges = kinds
            .iter()
            .map(|etf| if *etf { price_limit::leveraged_range(close, true, FUND_MULTIPLE) } else { price_limit::range(close, false) });
        ranges.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    })?;
    if price < low || price > high {
        let message = format!("the {name} {price} is outside today's price limits: {low} to {high}");
        return Some(Fault { code: "outside_price_limits", message, allowed: format!("{low} – {high}") });
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::brokers::Quote;
    use rust_decimal::dec;

    fn seen(is_etf: Option<bool>, previous_close: Option<Decimal>, limits: Option<(Decimal, Decimal)>) -> Seen {
        let quote = Quote { last: dec!(71300), previous_close, limits, is_etf, at: jiff::Timestamp::UNIX_EPOCH };
        Seen { quote: Some(quote), is_etf, ..Seen::default() }
    }

    fn code(market: Market, price: Decimal, seen: &Seen) -> &'static str {
        fault(market, "limit price", price, seen).map_or("good", |fault| fault.code)
    }

    #[test]
    fn the_tick_is_that_of_the_kind_and_the_nearest_prices_are_named() {
        let unseen = |is_etf| Seen { is_etf, ..Seen::default() };
        let krx = |price, is_etf| code(Market::Krx, price, &unseen(is_etf));
        assert_eq!([krx(dec!(71350), Some(false)), krx(dec!(71350), Some(true)), krx(dec!(71350), None)], ["off_tick", "good", "good"]);
        assert_eq!([krx(dec!(71352), Some(true)), krx(dec!(71352), None)], ["off_tick", "off_tick"]);
        let message = |price, is_etf| fault(Market::Krx, "trigger price", price, &unseen(is_etf)).unwrap().message;
        assert!(
            message(dec!(71352), Some(false)).contains("trigger price 71352")
                && message(dec!(71352), Some(false)).contains("71300 or 71400")
        );
        assert!(message(dec!(71352), None).contains("71350 or 71355"));
        assert!(message(dec!(0.5), Some(false)).ends_with("prices are 1"));
        let us = |price| code(Market::Us, price, &unseen(None));
        assert_eq!([us(dec!(61.37)), us(dec!(61.375)), us(dec!(0.8312)), us(dec!(0.83125))], ["good", "off_tick", "good", "off_tick"]);
    }

    #[test]
    fn the_limits_are_the_brokers_or_follow_from_the_close() {
        let close = Some(dec!(71300));
        let krx = |price, seen: &Seen| code(Market::Krx, price, seen);
        let share = seen(Some(false), close, None);
        assert_eq!(
            [dec!(49900), dec!(50000), dec!(92600), dec!(92700)].map(|p| krx(p, &share)),
            ["outside_price_limits", "good", "good", "outside_price_limits"]
        );
        for wide in [seen(Some(true), close, None), seen(None, close, None)] {
            assert_eq!(
                [dec!(28500), dec!(28600), dec!(114000), dec!(114100)].map(|p| krx(p, &wide)),
                ["outside_price_limits", "good", "good", "outside_price_limits"]
            );
        }
        let told = seen(Some(true), close, Some((dec!(50000), dec!(92600))));
        assert_eq!(
            [dec!(49995), dec!(50000), dec!(92605)].map(|p| krx(p, &told)),
            ["outside_price_limits", "good", "outside_price_limits"]
        );
        assert_eq!(krx(dec!(1), &seen(Some(false), None, None)), "good", "nothing is known");
        assert_eq!(code(Market::Us, dec!(500), &share), "good", "the US has no limits");
    }
}
