//! When and at what price an open order trades next.

use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;

use super::account::AccountBook;
use super::market::MarketModel;
use super::order::{ExchangeOrder, FillPlan, OrderKind, OrderStatus};
use crate::domain::order::Side;

/// The next thing that happens to an order.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Event {
    Fill { quantity: u64, price: Decimal },
    Expire,
    Reject(String),
}

/// The next event of an order up to `now`, with its instant. `None` when nothing happens until then.
pub(super) fn next_event(
    market: &mut MarketModel,
    book: &AccountBook,
    order: &ExchangeOrder,
    now: Timestamp,
) -> Option<(Timestamp, Event)> {
    let open = order.open_quantity();
    if order.status != OrderStatus::Open || open == 0 {
        return None;
    }
    let event = match order.kind {
        OrderKind::Limit => limit_event(market, book, order, open, now),
        OrderKind::LimitOnClose | OrderKind::MarketOnClose => close_event(market, order, open),
    };
    match event {
        Some((at, event)) if at < order.expires_at || order.kind != OrderKind::Limit => (at <= now).then_some((at, event)),
        _ => (order.expires_at <= now).then_some((order.expires_at, Event::Expire)),
    }
}

fn limit_event(
    market: &mut MarketModel,
    book: &AccountBook,
    order: &ExchangeOrder,
    open: u64,
    now: Timestamp,
) -> Option<(Timestamp, Event)> {
    let after = |seconds: u64| order.placed_at.saturating_add(SignedDuration::from_secs(seconds.cast_signed())).unwrap_or(Timestamp::MAX);
    let mut certain = |at: Timestamp, quantity: u64| {
        let touch = market.touch(order.listing, order.side, at);
        let price = if reaches(order, touch) { touch } else { order.limit };
        Some((at, Event::Fill { quantity: quantity.clamp(1, open), price }))
    };
    match &order.plan {
        FillPlan::Market => market_event(market, book, order, open, now),
        FillPlan::AtOnce => certain(order.placed_at, open),
        FillPlan::Parts { count, every_seconds } => {
            let done = order.executions.len() as u64;
            let left = u64::from(*count).saturating_sub(done).max(1);
            certain(after(done * u64::from(*every_seconds)), open.div_ceil(left))
        }
        FillPlan::Partial { quantity } if order.filled < *quantity => certain(order.placed_at, quantity - order.filled),
        FillPlan::Delayed { seconds } => certain(after(u64::from(*seconds)), open),
        FillPlan::RejectLater { after_seconds, reason } => Some((after(u64::from(*after_seconds)), Event::Reject(reason.clone()))),
        FillPlan::Partial { .. } | FillPlan::Never | FillPlan::Reject { .. } => None,
    }
}

/// A limit order against the displayed size: at once when marketable, otherwise when the price comes.
fn market_event(
    market: &mut MarketModel,
    book: &AccountBook,
    order: &ExchangeOrder,
    open: u64,
    now: Timestamp,
) -> Option<(Timestamp, Event)> {
    // `now` itself counts, so the range ends one nanosecond later.
    let until = now.saturating_add(SignedDuration::from_nanos(1)).unwrap_or(now).min(order.expires_at);
    let mut from = order.cursor;
    while let Some(at) = market.first_touch(order.listing, order.side, order.limit, from, until) {
        let displayed = market.displayed(order.listing, order.side, at);
        let quantity = book.left_at(order.listing.symbol, order.side, at, displayed).min(open);
        if quantity > 0 {
            let price = market.touch(order.listing, order.side, at);
            return Some((at, Event::Fill { quantity, price }));
        }
        from = next_second(at);
    }
    None
}

fn close_event(market: &mut MarketModel, order: &ExchangeOrder, open: u64) -> Option<(Timestamp, Event)> {
    let price = market.price(order.listing, order.expires_at);
    let trades = order.kind == OrderKind::MarketOnClose || reaches(order, price);
    Some((order.expires_at, if trades { Event::Fill { quantity: open, price } } else { Event::Expire }))
}

fn reaches(order: &ExchangeOrder, price: Decimal) -> bool {
    match order.side {
        Side::Buy => price <= order.limit,
        Side::Sell => price >= order.limit,
    }
}

/// The whole second after an instant.
pub(super) fn next_second(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second() + 1).unwrap_or(Timestamp::MAX)
}
