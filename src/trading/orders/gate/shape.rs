//! Quantity, kind, venue, prices and hours of an order.

use jiff::Timestamp;
use rust_decimal::Decimal;

use super::{Candidate, Window, refuse};
use crate::domain::instrument::Market;
use crate::domain::order::OrderKind::{Loo, Moo};
use crate::domain::order::{Environment, OrderIntent, Reason, Venue};
use crate::domain::rules::lot;
use crate::domain::rules::session::{SessionKind, US_PRE_MARKET, of};
use crate::trading::orders::price_rules;

/// Quantity, kind, prices.
pub(super) fn shape(candidate: &Candidate<'_>) -> Option<Reason> {
    let intent = candidate.intent;
    if !lot::is_whole(intent.market, intent.quantity) {
        let unit = lot::size(intent.market);
        return refuse("bad_quantity", format!("the quantity must be at least one share, in trading units of {unit}"));
    }
    let kind = intent.kind;
    if let Some(offer) = &candidate.seen.offer {
        if !offer.kinds(intent.side).contains(&kind) {
            let message = format!("this account's broker takes no {kind:?} order for a {:?} in {}", intent.side, intent.market.code());
            return refuse("order_kind_not_offered", message.to_lowercase());
        }
        if intent.market == Market::Krx && !offer.venues.is_empty() && !offer.venues.contains(&intent.venue) {
            return refuse("venue_not_offered", format!("this account's broker does not route orders to {}", intent.venue.code()));
        }
    }
    if intent.market == Market::Krx && !intent.venue.takes(kind) {
        let message = format!("{} takes no orders of this kind: choose another kind or another venue", intent.venue.code());
        return refuse("kind_not_at_venue", message);
    }
    for (wanted, price, name) in
        [(kind.has_limit(), intent.limit_price, "limit price"), (kind.has_trigger(), intent.trigger_price, "trigger price")]
    {
        match price {
            None if wanted => return refuse("price_required", format!("this kind of order needs a {name}")),
            Some(_) if !wanted => return refuse("price_not_used", format!("this kind of order has no {name}: leave it out")),
            Some(price) if price <= Decimal::ZERO => return refuse("bad_price", format!("the {name} must be above zero")),
            _ => {}
        }
    }
    price_rules::check(intent, candidate.seen)
}

/// When an order of this session can be given: while its venue trades, before the open if it is for the
/// opening price.
pub(in crate::trading) fn hours(intent: &OrderIntent, window: Window) -> (Timestamp, Timestamp) {
    match (intent.market, intent.kind, intent.venue) {
        (Market::Us, Loo | Moo, _) => (window.open.saturating_sub(US_PRE_MARKET).unwrap_or(window.open), window.open),
        (Market::Krx, _, Venue::Nxt) => {
            let regular = |venue| of(Market::Krx).iter().find(|s| s.kind == SessionKind::Regular && s.venue == Some(venue));
            let Some((krx, nxt)) = regular(Venue::Krx).zip(regular(Venue::Nxt)) else { return (window.open, window.close) };
            // The calendar knows the hours of the day at KRX; Nextrade begins later and ends earlier.
            let (late, early) = (krx.opens.duration_until(nxt.opens), nxt.closes.duration_until(krx.closes));
            (window.open.saturating_add(late).unwrap_or(window.open), window.close.saturating_sub(early).unwrap_or(window.close))
        }
        _ => (window.open, window.close),
    }
}

/// The exchange must be open. Our own paper holds an order instead.
pub(super) fn session(candidate: &Candidate<'_>) -> Option<Reason> {
    let (window, now) = (candidate.window, candidate.now);
    let (from, to) = hours(candidate.intent, window);
    if now < to && (from <= now || candidate.intent.environment == Environment::Own) {
        return None;
    }
    if window.open <= now && now < window.close {
        return refuse("market_closed", format!("such an order can be given from {from} to {to}"));
    }
    refuse("market_closed", format!("the session of {} runs from {} to {}", window.session, window.open, window.close))
}
