//! What the broker's two hosts take, and the codes by which they are asked for it.

use crate::brokers::{BrokerError, Capabilities, MarketOffer};
use crate::domain::instrument::Market;
use crate::domain::order::OrderKind::{
    self, BestLimit, ConditionalLimit, FokBest, FokLimit, FokMarket, IocBest, IocLimit, IocMarket, Limit, Loc, Loo, Market as AtMarket,
    Midpoint, Moc, Moo, PriorityLimit, StopLimit, Twap, Vwap,
};
use crate::domain::order::{BrokerHost, OrderIntent, Side, Venue};

const US_BUY: &[OrderKind] = &[Limit, Loo, Loc, Twap, Vwap];
const US_SELL: &[OrderKind] = &[Limit, Loo, Loc, Moo, Moc, Twap, Vwap];
const US_MOCK: &[OrderKind] = &[Limit];
const KRX_LIVE: &[OrderKind] = &[
    Limit,
    AtMarket,
    ConditionalLimit,
    BestLimit,
    PriorityLimit,
    IocLimit,
    FokLimit,
    IocMarket,
    FokMarket,
    IocBest,
    FokBest,
    Midpoint,
    StopLimit,
];
/// What else the paper host takes is nowhere written.
const KRX_MOCK: &[OrderKind] = &[Limit, AtMarket];

pub(super) fn capabilities(host: BrokerHost) -> Capabilities {
    let (us_buy, us_sell, krx, venues): (_, _, _, &[Venue]) = match host {
        BrokerHost::Live => (US_BUY, US_SELL, KRX_LIVE, &[Venue::Krx, Venue::Nxt, Venue::Sor]),
        BrokerHost::Mock => (US_MOCK, US_MOCK, KRX_MOCK, &[Venue::Krx]),
    };
    let us = MarketOffer { market: Market::Us, buy: us_buy, sell: us_sell, venues: &[], can_amend: true };
    let korean = MarketOffer { market: Market::Krx, buy: krx, sell: krx, venues, can_amend: true };
    Capabilities { offers: vec![us, korean] }
}

/// The broker's code for the kind of an order, and the checks that need no knowledge of the market:
/// the host takes the kind at the venue, and the order names exactly the prices that its kind has.
///
/// # Errors
/// `Rejected` before anything has left.
pub(super) fn kind_code(host: BrokerHost, intent: &OrderIntent) -> Result<&'static str, BrokerError> {
    let capabilities = capabilities(host);
    let venues = capabilities.offer(intent.market).map_or(&[] as &[Venue], |offer| offer.venues);
    if intent.market == Market::Krx && !venues.contains(&intent.venue) {
        return Err(super::bad_order("venue_not_offered", "the broker's paper host routes orders to KRX only"));
    }
    let code = match intent.market {
        Market::Us => us_code(intent.kind, intent.side),
        Market::Krx => krx_code(intent.kind, intent.venue),
    };
    let code = code.filter(|_| capabilities.kinds(intent.market, intent.side).contains(&intent.kind));
    let Some(code) = code else {
        let message = format!("the broker does not take {:?} orders here: choose another kind of order or another venue", intent.kind);
        return Err(super::bad_order("kind_not_offered", &message));
    };
    if intent.limit_price.is_some() != intent.kind.has_limit() {
        let word = if intent.kind.has_limit() { "needs" } else { "has no" };
        return Err(super::bad_price(&format!("an order of the kind {:?} {word} limit price", intent.kind)));
    }
    if intent.trigger_price.is_some() != intent.kind.has_trigger() {
        let word = if intent.kind.has_trigger() { "needs" } else { "has no" };
        return Err(super::bad_price(&format!("an order of the kind {:?} {word} trigger price", intent.kind)));
    }
    Ok(code)
}

/// `ORD_DVSN` of a US order. Only sells go out without a price.
fn us_code(kind: OrderKind, side: Side) -> Option<&'static str> {
    match (kind, side) {
        (Limit, _) => Some("00"),
        (Moo, Side::Sell) => Some("31"),
        (Loo, _) => Some("32"),
        (Moc, Side::Sell) => Some("33"),
        (Loc, _) => Some("34"),
        (Twap, _) => Some("35"),
        (Vwap, _) => Some("36"),
        _ => None,
    }
}

/// `ORD_DVSN` of a Korean order at a venue.
fn krx_code(kind: OrderKind, venue: Venue) -> Option<&'static str> {
    let code = match kind {
        Limit => "00",
        AtMarket => "01",
        ConditionalLimit => "02",
        BestLimit => "03",
        PriorityLimit => "04",
        IocLimit => "11",
        FokLimit => "12",
        IocMarket => "13",
        FokMarket => "14",
        IocBest => "15",
        FokBest => "16",
        Midpoint => "21",
        StopLimit => "22",
        Loo | Loc | Moo | Moc | Twap | Vwap => return None,
    };
    venue.takes(kind).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_offered_has_a_code() {
        for host in [BrokerHost::Live, BrokerHost::Mock] {
            let capabilities = capabilities(host);
            for side in [Side::Buy, Side::Sell] {
                for kind in capabilities.kinds(Market::Us, side) {
                    assert!(us_code(*kind, side).is_some(), "{kind:?} {side:?}");
                }
                for kind in capabilities.kinds(Market::Krx, side) {
                    assert!(krx_code(*kind, Venue::Krx).is_some(), "{kind:?}");
                }
            }
        }
        assert_eq!(us_code(Moc, Side::Buy), None);
        assert_eq!((us_code(Moc, Side::Sell), us_code(Loc, Side::Buy)), (Some("33"), Some("34")));
        assert_eq!(krx_code(AtMarket, Venue::Nxt), None);
        assert_eq!(krx_code(StopLimit, Venue::Sor), None);
    }

    #[test]
    fn the_paper_host_takes_the_least() {
        let mock = capabilities(BrokerHost::Mock);
        assert_eq!(mock.kinds(Market::Us, Side::Sell), [Limit]);
        assert_eq!(mock.kinds(Market::Krx, Side::Buy), [Limit, AtMarket]);
        assert_eq!(mock.offer(Market::Krx).unwrap().venues, [Venue::Krx]);
    }
}
