//! When and at what price an open order trades next.

use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;

use super::account::AccountBook;
use super::market::MarketModel;
use super::order::{ExchangeOrder, FillPlan, OrderStatus};
use crate::domain::order::{OrderKind, Side};

/// The broker cuts a TWAP or VWAP order into at most so many slices.
const SLICES: u64 = 12;

/// The next thing that happens to an order.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Event {
    Fill {
        quantity: u64,
        price: Decimal,
    },
    /// The trigger price is reached.
    Trigger,
    /// What is left of an immediate order goes.
    Cancel,
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
        OrderKind::Loo | OrderKind::Moo | OrderKind::Loc | OrderKind::Moc => {
            let (at, event) = auction_event(market, order, open);
            return (at <= now).then_some((at, event));
        }
        OrderKind::Twap | OrderKind::Vwap if order.plan == FillPlan::Market => slice_event(market, order, open, now),
        OrderKind::StopLimit if order.triggered_at.is_none() => trigger_event(market, order, now),
        kind if kind.is_immediate() => Some(immediate_event(market, book, order, open)),
        _ => continuous_event(market, book, order, open, now),
    };
    match event {
        Some((at, event)) if at < order.expires_at => (at <= now).then_some((at, event)),
        _ if order.expires_at > now => None,
        _ if order.kind == OrderKind::ConditionalLimit && order.plan == FillPlan::Market => {
            let price = market.price(order.listing, order.expires_at);
            Some((order.expires_at, Event::Fill { quantity: open, price }))
        }
        _ => Some((order.expires_at, Event::Expire)),
    }
}

/// An order in continuous trading, as its plan wants it.
fn continuous_event(
    market: &mut MarketModel,
    book: &AccountBook,
    order: &ExchangeOrder,
    open: u64,
    now: Timestamp,
) -> Option<(Timestamp, Event)> {
    let after = |seconds: u64| order.starts_at.saturating_add(SignedDuration::from_secs(seconds.cast_signed())).unwrap_or(Timestamp::MAX);
    let mut certain = |at: Timestamp, quantity: u64| {
        let touch = market.touch(order.listing, order.side, at);
        let price = if reaches(order, touch) { touch } else { order.bound };
        Some((at, Event::Fill { quantity: quantity.clamp(1, open), price }))
    };
    match &order.plan {
        FillPlan::Market => market_event(market, book, order, open, now),
        FillPlan::AtOnce => certain(order.starts_at, open),
        FillPlan::Parts { count, every_seconds } => {
            let done = order.executions.len() as u64;
            let left = u64::from(*count).saturating_sub(done).max(1);
            certain(after(done * u64::from(*every_seconds)), open.div_ceil(left))
        }
        FillPlan::Partial { quantity } if order.filled < *quantity => certain(order.starts_at, quantity - order.filled),
        FillPlan::Delayed { seconds } => certain(after(u64::from(*seconds)), open),
        FillPlan::RejectLater { after_seconds, reason } => Some((after(u64::from(*after_seconds)), Event::Reject(reason.clone()))),
        FillPlan::Partial { .. } | FillPlan::Never | FillPlan::Reject { .. } => None,
    }
}

/// An order against the displayed size: at once when marketable, otherwise when the price comes.
fn market_event(
    market: &mut MarketModel,
    book: &AccountBook,
    order: &ExchangeOrder,
    open: u64,
    now: Timestamp,
) -> Option<(Timestamp, Event)> {
    let until = through(now).min(order.expires_at);
    let mut from = order.cursor;
    while let Some(at) = market.first_touch(order.listing, order.side, order.bound, from, until) {
        let displayed = market.displayed(order.listing, order.side, at);
        let quantity = book.left_at(order.listing.symbol, order.side, at, displayed).min(open);
        if quantity > 0 {
            let price = match order.kind {
                OrderKind::Midpoint => {
                    let (bid, ask) = market.bid_ask(order.listing, at);
                    (bid + ask) / Decimal::TWO
                }
                _ => market.touch(order.listing, order.side, at),
            };
            return Some((at, Event::Fill { quantity, price }));
        }
        from = next_second(at);
    }
    None
}

/// An immediate order trades in its first instant; the rest goes, and all of it where it wants all or
/// nothing.
fn immediate_event(market: &mut MarketModel, book: &AccountBook, order: &ExchangeOrder, open: u64) -> (Timestamp, Event) {
    let at = order.starts_at;
    let first = if order.executions.is_empty() { continuous_event(market, book, order, open, at) } else { None };
    let whole = matches!(order.kind, OrderKind::FokLimit | OrderKind::FokMarket | OrderKind::FokBest);
    match first {
        Some((when, Event::Fill { quantity, .. })) if when > at || (whole && quantity < open) => (at, Event::Cancel),
        Some((when, event)) if when <= at => (when, event),
        _ => (at, Event::Cancel),
    }
}

fn trigger_event(market: &mut MarketModel, order: &ExchangeOrder, now: Timestamp) -> Option<(Timestamp, Event)> {
    let until = through(now).min(order.expires_at);
    let rising = order.side == Side::Buy;
    let at = market.first_crossing(order.listing, order.trigger?, rising, order.cursor, until)?;
    Some((at, Event::Trigger))
}

/// The next slice of an order that the broker spreads over its window: evenly, or as the market trades.
/// A slice whose price is out of reach is made up for by the next one.
fn slice_event(market: &mut MarketModel, order: &ExchangeOrder, open: u64, now: Timestamp) -> Option<(Timestamp, Event)> {
    let (start, end) = (order.starts_at.as_second(), order.expires_at.as_second());
    let slices = SLICES.min(order.quantity).max(1);
    let instant = |slice: u64| {
        let second = start + (end - start) * slice.cast_signed() / slices.cast_signed();
        Timestamp::from_second(second).unwrap_or(Timestamp::MAX).max(order.starts_at)
    };
    for slice in 0..slices {
        let at = instant(slice);
        if at < order.cursor {
            continue;
        }
        if at > now {
            return None;
        }
        let (part, whole) = match order.kind {
            OrderKind::Vwap => {
                let volume = |at| market.volume_until(order.listing, at);
                let first = volume(order.starts_at);
                (volume(instant(slice + 1)).saturating_sub(first), volume(order.expires_at).saturating_sub(first))
            }
            _ => (slice + 1, slices),
        };
        let share = u128::from(order.quantity) * u128::from(part) / u128::from(whole.max(1));
        let target = if slice + 1 == slices { order.quantity } else { u64::try_from(share).unwrap_or(order.quantity) };
        let quantity = target.saturating_sub(order.filled + order.cancelled).min(open);
        let price = market.touch(order.listing, order.side, at);
        if quantity > 0 && reaches(order, price) {
            return Some((at, Event::Fill { quantity, price }));
        }
    }
    None
}

/// At the price of the auction that the order is for.
fn auction_event(market: &mut MarketModel, order: &ExchangeOrder, open: u64) -> (Timestamp, Event) {
    let price = market.price(order.listing, order.expires_at);
    let trades = matches!(order.kind, OrderKind::Moo | OrderKind::Moc) || reaches(order, price);
    (order.expires_at, if trades { Event::Fill { quantity: open, price } } else { Event::Expire })
}

fn reaches(order: &ExchangeOrder, price: Decimal) -> bool {
    match order.side {
        Side::Buy => price <= order.bound,
        Side::Sell => price >= order.bound,
    }
}

/// `now` itself counts, so a range up to it ends one nanosecond later.
fn through(now: Timestamp) -> Timestamp {
    now.saturating_add(SignedDuration::from_nanos(1)).unwrap_or(now)
}

/// The whole second that an instant is, or the next one.
pub(super) fn first_second_from(at: Timestamp) -> Timestamp {
    if at.subsec_nanosecond() == 0 { at } else { next_second(at) }
}

/// The whole second after an instant.
pub(super) fn next_second(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second() + 1).unwrap_or(Timestamp::MAX)
}
