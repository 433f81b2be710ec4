//! What the broker's order list proves about our orders. Pure: lists in, facts out.

use std::collections::BTreeSet;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use rust_decimal::{Decimal, RoundingStrategy};

use crate::brokers::BrokerOrder;
use crate::domain::fact::Event;
use crate::domain::order::{Fill, Order, OrderState, Reason};

/// How far the broker's clock may be behind ours when an unknown order is searched.
const CLOCK_SLACK: SignedDuration = SignedDuration::from_secs(120);
/// After the close the broker's list is final once this has passed.
pub(super) const FINAL_AFTER_CLOSE: SignedDuration = SignedDuration::from_mins(10);

/// What one reading of the list says about one order.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Finding {
    /// Facts to record, possibly none.
    Facts(Vec<Event>),
    /// An unknown order is not in the list.
    Absent,
    /// Several listed orders could be the unknown one.
    Ambiguous(Vec<String>),
}

/// Reads the list for one of our orders.
///
/// `known` holds the (date, number) pairs of our other orders: an unknown order can only be one that
/// is nobody else's. `close` is the session's close.
pub(super) fn examine(
    order: &Order,
    listed: &[BrokerOrder],
    known: &BTreeSet<(Date, String)>,
    now: Timestamp,
    close: Timestamp,
    fee_rate: Decimal,
) -> Finding {
    let order_id = order.intent.order_id;
    match order.state {
        OrderState::Unknown | OrderState::Sent => {
            let candidates: Vec<&BrokerOrder> = listed
                .iter()
                .filter(|b| {
                    b.symbol == order.intent.symbol
                        && b.side == order.intent.side
                        && b.quantity == order.intent.quantity
                        && b.price == order.intent.limit_price
                        && b.ordered_at.is_none_or(|at| at.saturating_add(CLOCK_SLACK).is_ok_and(|at| at >= order.created_at))
                        && !known.contains(&(b.order_date, b.broker_order_no.clone()))
                })
                .collect();
            match candidates.as_slice() {
                [] => Finding::Absent,
                [one] => {
                    let mut events = vec![Event::OrderAccepted {
                        order_id,
                        broker_order_no: one.broker_order_no.clone(),
                        broker_order_date: one.order_date,
                    }];
                    events.extend(progress(order, one, now, close, fee_rate));
                    Finding::Facts(events)
                }
                several => Finding::Ambiguous(several.iter().map(|b| b.broker_order_no.clone()).collect()),
            }
        }
        _ => {
            let (Some(number), Some(date)) = (&order.broker_order_no, order.broker_order_date) else {
                return Finding::Facts(Vec::new());
            };
            let found = listed.iter().find(|b| b.order_date == date && same_number(&b.broker_order_no, number));
            Finding::Facts(found.map(|b| progress(order, b, now, close, fee_rate)).unwrap_or_default())
        }
    }
}

/// Brokers print their numbers with and without leading zeros.
fn same_number(a: &str, b: &str) -> bool {
    a.trim_start_matches('0') == b.trim_start_matches('0')
}

/// Facts between what we knew of an order and what the list says.
fn progress(order: &Order, listed: &BrokerOrder, now: Timestamp, close: Timestamp, fee_rate: Decimal) -> Vec<Event> {
    let order_id = order.intent.order_id;
    let mut events = Vec::new();
    if listed.filled_quantity > order.filled_quantity {
        let quantity = listed.filled_quantity - order.filled_quantity;
        let currency = order.intent.market.currency();
        let gross = (listed.filled_amount - order.filled_amount).max(Decimal::ZERO);
        events.push(Event::OrderFilled {
            fill: Fill {
                order_id,
                quantity,
                price: gross / Decimal::from(quantity),
                gross,
                fee: (gross * fee_rate).round_dp_with_strategy(currency.scale(), RoundingStrategy::MidpointAwayFromZero),
                tax: Decimal::ZERO,
                currency,
            },
        });
    }
    let filled = listed.filled_quantity.max(order.filled_quantity);
    if filled >= order.intent.quantity || order.state.is_final() {
        return events;
    }
    if listed.rejected {
        if filled == 0 {
            let reason = Reason { code: "broker_rejected".to_owned(), message: listed.status_text.clone() };
            events.push(Event::OrderRejected { order_id, reason });
        } else {
            events.push(Event::OrderCancelled { order_id });
        }
    } else if listed.open_quantity == 0 {
        events.push(if now >= close { Event::OrderExpired { order_id } } else { Event::OrderCancelled { order_id } });
    } else if close.saturating_add(FINAL_AFTER_CLOSE).is_ok_and(|end| now >= end) {
        events.push(Event::OrderExpired { order_id });
    }
    events
}
