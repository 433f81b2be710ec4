//! What an order must be to be taken: session, kind, ticks and price limits.

use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;

use super::SimExchange;
use super::listing::Listing;
use super::order::{Refusal, Terms};
use crate::domain::instrument::Market;
use crate::domain::order::{OrderKind, Side};
use crate::domain::rules::{session, tick};

/// How long before the close the broker wants sliced orders to end.
const LAST_SLICE: SignedDuration = SignedDuration::from_mins(5);

/// Prices of an order as the exchange takes it.
pub(super) struct Priced {
    /// As listed; 0 where there is none.
    pub limit: Decimal,
    /// The worst price that it trades at.
    pub bound: Decimal,
    /// Cash held back per share.
    pub hold: Decimal,
}

impl SimExchange {
    /// When an order placed now begins to trade, and when it ends.
    pub(super) fn window(&self, market: Market, terms: &Terms, now: Timestamp) -> Result<(Timestamp, Timestamp), Refusal> {
        let calendar = self.market.calendar(market);
        let at_open = matches!(terms.kind, OrderKind::Loo | OrderKind::Moo);
        let session = match calendar.session_on(calendar.local_date(now)) {
            Some(session) if now < session.close => session,
            _ if self.rules.always_open => calendar.running_or_next_session(now).ok_or(Refusal::NoSession)?,
            Some(_) => return Err(Refusal::MarketClosed),
            None => return Err(Refusal::NoSession),
        };
        if at_open {
            return match now < session.open {
                true if self.rules.always_open || now >= session.open - session::US_PRE_MARKET => Ok((session.open, session.open)),
                true => Err(Refusal::MarketNotYetOpen),
                false => Err(Refusal::KindNotTaken),
            };
        }
        if let Some((from, to)) = terms.window {
            // The broker wants its slices done five minutes before the close.
            let latest = session.close - LAST_SLICE;
            return if from < to && now < to && to <= latest { Ok((from.max(now), to)) } else { Err(Refusal::KindNotTaken) };
        }
        if now >= session.open || self.rules.always_open {
            return Ok((now, session.close));
        }
        let auction = market == Market::Krx && now >= session.open - session::OPENING_AUCTION;
        match terms.kind {
            _ if !auction => Err(Refusal::MarketNotYetOpen),
            // In an auction there is nobody to trade with at once.
            OrderKind::Midpoint => Err(Refusal::KindNotTaken),
            kind if kind.is_immediate() => Err(Refusal::KindNotTaken),
            _ => Ok((session.open, session.close)),
        }
    }

    /// Checks quantity and prices against the market's rules, and finds the limit of kinds that take
    /// theirs from the book.
    pub(super) fn price_terms(
        &mut self,
        listing: &'static Listing,
        side: Side,
        quantity: u64,
        terms: &Terms,
        now: Timestamp,
    ) -> Result<Priced, Refusal> {
        if quantity == 0 {
            return Err(Refusal::BadQuantity);
        }
        let market = listing.market();
        let named = [terms.kind.has_limit().then_some(terms.limit), if terms.kind.has_trigger() { terms.trigger } else { None }];
        for price in named.into_iter().flatten() {
            if price <= Decimal::ZERO {
                return Err(Refusal::BadPrice);
            }
            if !tick::is_on_tick(market, listing.krx_fund, price) {
                return Err(if market == Market::Krx { Refusal::OffTick } else { Refusal::BadPrice });
            }
        }
        if terms.kind.has_trigger() && terms.trigger.is_none() {
            return Err(Refusal::BadPrice);
        }
        if market == Market::Us {
            let unlimited = if side == Side::Buy { Decimal::MAX } else { Decimal::ZERO };
            let bound = if terms.kind.has_limit() { terms.limit } else { unlimited };
            // Buys without a limit are not offered there.
            return match (terms.kind.has_limit(), side) {
                (false, Side::Buy) => Err(Refusal::KindNotTaken),
                (limited, _) => Ok(Priced { limit: if limited { terms.limit } else { Decimal::ZERO }, bound, hold: terms.limit }),
            };
        }
        let day = self.market.calendar(market).running_or_next_session(now).ok_or(Refusal::NoSession)?.date;
        let (low, high) = self.market.limits(listing, day);
        if named.into_iter().flatten().any(|price| price < low || price > high) {
            return Err(Refusal::BeyondPriceLimits);
        }
        let worst = if side == Side::Buy { high } else { low };
        let (bid, ask) = self.market.bid_ask(listing, now);
        let (opposite, own) = if side == Side::Buy { (ask, bid) } else { (bid, ask) };
        let limit = match terms.kind {
            OrderKind::BestLimit | OrderKind::IocBest | OrderKind::FokBest => opposite,
            OrderKind::PriorityLimit => own,
            kind if kind.has_limit() => terms.limit,
            _ => Decimal::ZERO,
        };
        let bound = if limit.is_zero() { worst } else { limit };
        // What may end at a price that nobody knows yet is held at the worst one.
        let hold = if terms.kind.has_limit() && terms.kind != OrderKind::ConditionalLimit { limit } else { high };
        Ok(Priced { limit, bound, hold })
    }
}
