//! What the broker's order list proves about our orders. Pure: lists in, facts out.

use std::collections::BTreeSet;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan};
use rust_decimal::Decimal;

use crate::brokers::BrokerOrder;
use crate::domain::charges::{self, Trade};
use crate::domain::fact::Event;
use crate::domain::order::{EarlierNumber, Fill, Order, OrderIntent, OrderState, Reason};

/// How far the broker's clock may be behind ours when an unknown order is searched.
const CLOCK_SLACK: SignedDuration = SignedDuration::from_secs(120);
/// After the close the broker's list is final once this has passed.
pub(in crate::trading) const FINAL_AFTER_CLOSE: SignedDuration = SignedDuration::from_mins(10);
/// A request that left cannot arrive later than this: connection and answer time out long before.
const LATEST_ARRIVAL: SignedDuration = SignedDuration::from_mins(5);
/// Nothing open and not all filled, although nobody asked for a cancel: right after the order that is a
/// list that lags, later it is somebody else's cancel.
const LIST_LAG: SignedDuration = SignedDuration::from_secs(60);

/// The broker's numbers of our own orders. Brokers print them with and without leading zeros.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::trading) struct OwnNumbers(BTreeSet<(Date, String)>);

impl OwnNumbers {
    pub fn insert(&mut self, date: Date, number: &str) {
        self.0.insert((date, bare(number).to_owned()));
    }

    pub fn contain(&self, listed: &BrokerOrder) -> bool {
        self.0.contains(&(listed.order_date, bare(&listed.broker_order_no).to_owned()))
    }
}

impl<'o> FromIterator<&'o Order> for OwnNumbers {
    fn from_iter<I: IntoIterator<Item = &'o Order>>(orders: I) -> Self {
        let mut numbers = Self::default();
        for order in orders {
            if let (Some(date), Some(number)) = (order.broker_order_date, &order.broker_order_no) {
                numbers.insert(date, number);
            }
            for earlier in &order.earlier {
                numbers.insert(earlier.broker_order_date, &earlier.broker_order_no);
            }
        }
        numbers
    }
}

fn bare(number: &str) -> &str {
    number.trim_start_matches('0')
}

/// One reading of the broker's complete list.
#[derive(Clone, Debug)]
pub(in crate::trading) struct Reading {
    pub listed: Vec<BrokerOrder>,
    pub at: Timestamp,
    /// What the account agreed with its broker, a fraction; the market's usual commission otherwise.
    pub commission: Option<Decimal>,
    /// Korean symbols known to be ETFs or ETNs: their sales pay no tax.
    pub funds: BTreeSet<String>,
}

/// What one reading of the list says about one order.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::trading) enum Finding {
    /// Facts to record, possibly none.
    Facts(Vec<Event>),
    /// The order is not in the list.
    Absent,
    /// Several listed orders could be the unknown one.
    Ambiguous(Vec<String>),
}

/// Whether an order's broker number has to be searched.
pub(in crate::trading) fn is_searched(order: &Order) -> bool {
    matches!(order.state, OrderState::Unknown | OrderState::Sent) || order.is_not_placed()
}

/// Reads the list for one of our orders. `own` holds the numbers of our orders: an unknown order can
/// only be one that is nobody else's. `close` is the session's close.
pub(in crate::trading) fn examine(order: &Order, reading: &Reading, own: &OwnNumbers, close: Timestamp) -> Finding {
    if is_searched(order) {
        return search(order, reading, own, close);
    }
    let mut amended = Vec::new();
    let mut order = std::borrow::Cow::Borrowed(order);
    if order.amending.is_some() {
        if let Some(event) = amendment(&order, reading, close) {
            order = std::borrow::Cow::Owned(after_amendment(&order, &event));
            amended.push(event);
        }
        if order.amending.is_some() {
            // Until that is settled the order's own figures may belong to either number.
            return Finding::Facts(Vec::new());
        }
    }
    let order = order.as_ref();
    match listed(order, &reading.listed) {
        Some(found) => {
            let found = with_earlier(order, found, &reading.listed);
            amended.extend(progress(order, &found, reading, close));
            Finding::Facts(amended)
        }
        None if !amended.is_empty() => Finding::Facts(amended),
        None if order.state.is_final() || order.broker_order_no.is_none() => Finding::Facts(Vec::new()),
        None => Finding::Absent,
    }
}

/// What the list tells about an amendment whose answer never came: it goes on under a number that
/// names ours as its original, or it never arrived and the old number is still open. A cancel or the
/// close may have ended the old number meanwhile: then the day's final list decides.
fn amendment(order: &Order, reading: &Reading, close: Timestamp) -> Option<Event> {
    let order_id = order.intent.order_id;
    let (number, asked) = (order.broker_order_no.as_deref().map(bare)?, order.amending.as_ref()?);
    let successor =
        reading.listed.iter().find(|b| b.original_order_no.as_deref().map(bare) == Some(number) && b.symbol == order.intent.symbol);
    if let Some(found) = successor {
        let (broker_order_no, broker_order_date) = (found.broker_order_no.clone(), found.order_date);
        return Some(Event::OrderAmended { order_id, broker_order_no, broker_order_date });
    }
    let arrived = asked.asked_at.saturating_add(LIST_LAG).is_ok_and(|until| reading.at >= until);
    let is_told = |old: &BrokerOrder| old.open_quantity > 0 || old.filled_quantity >= order.intent.quantity;
    let told = listed(order, &reading.listed).is_some_and(is_told) || is_final_list(reading.at, close);
    (arrived && told).then(|| {
        let message = "the change never reached the broker: the order stands as it was";
        Event::AmendRefused { order_id, reason: Reason::new("amend_not_placed", message) }
    })
}

/// The order as it is once the event is recorded, as far as the list is read with it.
fn after_amendment(order: &Order, event: &Event) -> Order {
    let mut after = order.clone();
    let terms = after.amending.take();
    if let (Event::OrderAmended { broker_order_no, broker_order_date, .. }, Some(terms)) = (event, terms) {
        if let (Some(number), Some(date)) = (after.broker_order_no.take(), after.broker_order_date.take()) {
            after.earlier.push(EarlierNumber { broker_order_no: number, broker_order_date: date, quantity: after.intent.quantity });
        }
        after.broker_order_no = Some(broker_order_no.clone());
        after.broker_order_date = Some(*broker_order_date);
        after.intent.quantity = terms.quantity;
        after.intent.limit_price = terms.limit_price;
    }
    after
}

/// An amended order's figures: those of its present number and what was filled under earlier ones.
fn with_earlier(order: &Order, found: &BrokerOrder, all: &[BrokerOrder]) -> BrokerOrder {
    let mut whole = found.clone();
    for earlier in &order.earlier {
        let listed =
            all.iter().find(|b| bare(&b.broker_order_no) == bare(&earlier.broker_order_no) && b.order_date == earlier.broker_order_date);
        if let Some(listed) = listed {
            whole.filled_quantity += listed.filled_quantity;
            whole.filled_amount += listed.filled_amount;
        }
    }
    whole
}

/// The session's list does not change any more.
pub(in crate::trading) fn is_final_list(at: Timestamp, close: Timestamp) -> bool {
    close.saturating_add(FINAL_AFTER_CLOSE).is_ok_and(|end| at >= end)
}

/// The entry of an order whose number is known: of its symbol and side, for numbers come again. A date that
/// is a day off is the same order when all else agrees: the broker's day may not be the one that we noted.
fn listed<'b>(order: &Order, listed: &'b [BrokerOrder]) -> Option<&'b BrokerOrder> {
    let (number, date) = (order.broker_order_no.as_deref().map(bare)?, order.broker_order_date?);
    let intent = &order.intent;
    let is_like = |b: &&BrokerOrder| b.symbol == intent.symbol && b.side == intent.side;
    let mut numbered = listed.iter().filter(|b| bare(&b.broker_order_no) == number).filter(is_like);
    numbered.clone().find(|b| b.order_date == date).or_else(|| {
        let near = |b: &&BrokerOrder| (date.saturating_sub(1.day())..=date.saturating_add(1.day())).contains(&b.order_date);
        numbered.find(|b| near(b) && same_terms(order, b))
    })
}

fn same_terms(order: &Order, listed: &BrokerOrder) -> bool {
    let intent = &order.intent;
    // Brokers list zero as the price of an order without one.
    let price = intent.limit_price.unwrap_or_default();
    listed.symbol == intent.symbol && listed.side == intent.side && listed.quantity == intent.quantity && listed.price == price
}

/// Equality alone proves nothing: day and time must fit, and the number must be nobody else's.
fn search(order: &Order, reading: &Reading, own: &OwnNumbers, close: Timestamp) -> Finding {
    let earliest = order.created_at.saturating_sub(CLOCK_SLACK).unwrap_or(order.created_at);
    let latest = order.created_at.saturating_add(LATEST_ARRIVAL).unwrap_or(order.created_at);
    let session = order.intent.session;
    let mut candidates: Vec<&BrokerOrder> = reading
        .listed
        .iter()
        .filter(|b| {
            same_terms(order, b)
                && (session..=session.saturating_add(1.day())).contains(&b.order_date)
                && b.ordered_at.is_none_or(|at| at >= earliest)
                && !own.contain(b)
        })
        .collect();
    if order.is_not_placed() {
        // A second thought on a conclusion: only an order of exactly that time is good enough.
        candidates.retain(|b| b.ordered_at.is_some_and(|at| at <= latest));
        return match candidates.as_slice() {
            [one] => accepted(order, one, reading, close),
            _ => Finding::Facts(Vec::new()),
        };
    }
    if candidates.len() > 1 {
        let in_time: Vec<&BrokerOrder> = candidates.iter().copied().filter(|b| b.ordered_at.is_some_and(|at| at <= latest)).collect();
        if in_time.len() == 1 {
            candidates = in_time;
        }
    }
    match candidates.as_slice() {
        [] => Finding::Absent,
        [one] => accepted(order, one, reading, close),
        several if is_final_list(reading.at, close) => {
            // Nothing will tell them apart any more; they ask for the same. The nearest in time it is.
            let distance = |b: &BrokerOrder| b.ordered_at.map_or(SignedDuration::MAX, |at| at.duration_since(order.created_at).abs());
            match several.iter().min_by_key(|b| (distance(b), b.broker_order_no.clone())) {
                Some(nearest) => accepted(order, nearest, reading, close),
                None => Finding::Absent,
            }
        }
        several => Finding::Ambiguous(several.iter().map(|b| b.broker_order_no.clone()).collect()),
    }
}

fn accepted(order: &Order, found: &BrokerOrder, reading: &Reading, close: Timestamp) -> Finding {
    let (broker_order_no, broker_order_date) = (found.broker_order_no.clone(), found.order_date);
    let mut events = vec![Event::OrderAccepted { order_id: order.intent.order_id, broker_order_no, broker_order_date }];
    let taken = Order { state: OrderState::Accepted, reason: None, ..order.clone() };
    events.extend(progress(&taken, found, reading, close));
    Finding::Facts(events)
}

fn rates_of(intent: &OrderIntent, reading: &Reading) -> charges::Rates {
    let is_fund = reading.funds.contains(&intent.symbol);
    let trade = Trade { market: intent.market, side: intent.side, session: intent.session, is_fund };
    charges::rates(trade, reading.commission)
}

/// Facts between what we knew of an order and what the list says.
fn progress(order: &Order, listed: &BrokerOrder, reading: &Reading, close: Timestamp) -> Vec<Event> {
    let order_id = order.intent.order_id;
    let mut events = Vec::new();
    // Executions that an amendment did not know of come on top of what it asked for.
    let in_all = listed.filled_quantity.saturating_add(listed.open_quantity).min(order.most_shares());
    let quantity = order.intent.quantity.max(in_all);
    if quantity > order.intent.quantity {
        events.push(Event::OrderResized { order_id, quantity });
    }
    if listed.filled_quantity > order.filled_quantity {
        let quantity = listed.filled_quantity - order.filled_quantity;
        let currency = order.intent.market.currency();
        let after = listed.filled_amount.max(order.filled_amount);
        let gross = after - order.filled_amount;
        let charges = rates_of(&order.intent, reading).on_growth(order.filled_amount, after);
        events.push(Event::OrderFilled {
            fill: Fill { order_id, quantity, price: gross / Decimal::from(quantity), gross, fee: charges.fee, tax: charges.tax, currency },
        });
    }
    let filled = listed.filled_quantity.max(order.filled_quantity);
    if filled >= quantity || order.state.is_final() {
        return events;
    }
    let closed = reading.at >= close;
    if listed.rejected {
        if filled == 0 {
            let reason = Reason::new("broker_rejected", listed.status_text.clone());
            events.push(Event::OrderRejected { order_id, reason });
        } else {
            events.push(Event::OrderCancelled { order_id });
        }
    } else if listed.open_quantity == 0 {
        let lagged = order.created_at.saturating_add(LIST_LAG).is_ok_and(|until| reading.at >= until);
        if closed {
            events.push(Event::OrderExpired { order_id });
        } else if order.cancel_requested || lagged {
            events.push(Event::OrderCancelled { order_id });
        }
    } else if is_final_list(reading.at, close) {
        events.push(Event::OrderExpired { order_id });
    }
    events
}

#[cfg(test)]
mod tests;
