//! The order service: the one place where an order is made and the only caller of a broker's order
//! functions. Gate → journal → broker → facts; what is not known stays unknown.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::json;

use super::bus::{Bus, LiveEvent};
use super::error::TradingError;
use super::line::Line;
use crate::brokers::{BrokerError, OrderOutcome};
use crate::domain::account::AccountMode;
use crate::domain::clock::Clock;
use crate::domain::fact::{Actor, Event};
use crate::domain::id::OrderId;
use crate::domain::instrument::Exchange;
use crate::domain::message::Notice;
use crate::domain::order::{Environment, JournalledOrder, LIVE_ORDERS_LOCKED, Order, OrderIntent, OrderState, Reason};
use crate::storage::tables::{ACCOUNTS, ORDERS};
use crate::storage::{StoreError, UserTx, account_key};

/// Why the gate refuses, in a code and a sentence.
type Refusal = (&'static str, String);

/// The regular session that an order belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub session: Date,
    pub open: Timestamp,
    pub close: Timestamp,
}

/// What journalling an intent came to.
enum Journalled {
    /// Durable; may be sent now, once.
    Send(Order),
    /// This very order was journalled before: nothing is sent again.
    Existing(Order),
    Refused(Order),
}

/// Orders whose request this process is making right now. Nobody else may conclude anything about
/// them: their own answer is still to come.
#[derive(Clone, Debug, Default)]
struct Sending(Arc<Mutex<HashSet<OrderId>>>);

/// Holds an order among those being sent, until the answer is in the journal or nobody waits for it.
struct BeingSent {
    sending: Sending,
    id: OrderId,
}

impl Sending {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<OrderId>> {
        self.0.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// `None` when somebody is sending it already.
    fn begin(&self, id: OrderId) -> Option<BeingSent> {
        self.lock().insert(id).then(|| BeingSent { sending: self.clone(), id })
    }
}

impl Drop for BeingSent {
    fn drop(&mut self) {
        self.sending.lock().remove(&self.id);
    }
}

/// The order service.
#[derive(Clone, Debug)]
pub struct OrderService {
    bus: Bus,
    sending: Sending,
}

impl OrderService {
    pub fn new(bus: Bus) -> Self {
        Self { bus, sending: Sending::default() }
    }

    /// The order's request is on its way from this process.
    pub fn is_sending(&self, order: OrderId) -> bool {
        self.sending.lock().contains(&order)
    }

    /// Places one order: checks it, journals it, sends it once. The same `order_id` again gives the
    /// order as it stands and sends nothing.
    ///
    /// # Errors
    /// Only when the journal cannot be written. A refusal or an unknown outcome is an order in that
    /// state, not an error.
    ///
    /// # Cancel safety
    /// Dropped after the journal's commit, the order stays `sent`, becomes unknown with the next
    /// reading and is resolved by evidence.
    pub async fn place(
        &self,
        line: &Line,
        clock: &dyn Clock,
        window: Window,
        exchange: Exchange,
        intent: OrderIntent,
    ) -> Result<Order, TradingError> {
        let account = line.account_id;
        // Before the journal: from the first moment that others can see the order as sent.
        let _being_sent = self.sending.begin(intent.order_id);
        let journalled = line
            .user
            .write({
                let intent = intent.clone();
                let environment = line.gateway.environment();
                let now = clock.now();
                move |tx| journal(tx, &intent, environment, window, now)
            })
            .await?;
        let order = match journalled {
            Journalled::Existing(order) => return Ok(order),
            Journalled::Refused(order) => {
                self.bus.order(line, &order);
                return Ok(order);
            }
            Journalled::Send(order) => order,
        };
        self.bus.order(line, &order);

        let sent = line.gateway.send_order(JournalledOrder::after_commit(&intent), exchange).await;
        let now = clock.now();
        let order_id = intent.order_id;
        let event = match sent {
            Ok(ack) => Event::OrderAccepted { order_id, broker_order_no: ack.broker_order_no, broker_order_date: ack.order_date },
            Err(error) => {
                let reason = Reason { code: error.order_code().to_owned(), message: error.words() };
                match error.order_outcome() {
                    OrderOutcome::NotPlaced => Event::OrderRejected { order_id, reason },
                    OrderOutcome::Unknown => Event::OrderUnknown { order_id, reason },
                }
            }
        };
        let order = line
            .user
            .write(move |tx| -> Result<Order, StoreError> {
                tx.record(account, now, Actor::Bot, vec![event.clone()])?;
                let order = tx.require(&ORDERS, &account_key(account).id(order_id.as_bytes()))?;
                announce(tx, &order, now)?;
                Ok(order)
            })
            .await?;
        self.bus.order(line, &order);
        Ok(order)
    }

    /// Asks the broker to cancel what is left of an order. The order's own state changes only when
    /// the broker's list shows it.
    ///
    /// # Errors
    /// The broker's, when the request was not taken; it may be repeated.
    pub async fn cancel(&self, line: &Line, clock: &dyn Clock, exchange: Exchange, order: &Order) -> Result<(), TradingError> {
        let (account, order_id, now) = (line.account_id, order.intent.order_id, clock.now());
        let still_open = line
            .user
            .write(move |tx| -> Result<bool, StoreError> {
                let order: Order = tx.require(&ORDERS, &account_key(account).id(order_id.as_bytes()))?;
                let open = matches!(order.state, OrderState::Accepted | OrderState::PartiallyFilled);
                if open && !order.cancel_requested {
                    tx.record(account, now, Actor::Bot, vec![Event::CancelRequested { order_id }])?;
                }
                Ok(open)
            })
            .await?;
        if !still_open {
            return Ok(());
        }
        match line.gateway.send_cancel(order, exchange).await {
            // Nothing left to cancel: the next reading of the order list tells why.
            Ok(()) | Err(BrokerError::Rejected { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Checks and journals in one transaction, so that no two orders pass the gate on the same view.
fn journal(
    tx: &mut UserTx<'_>,
    intent: &OrderIntent,
    gateway: Environment,
    window: Window,
    now: Timestamp,
) -> Result<Journalled, StoreError> {
    let key = account_key(intent.account_id).id(intent.order_id.as_bytes());
    if let Some(order) = tx.get(&ORDERS, &key)? {
        return Ok(Journalled::Existing(order));
    }
    let intended = Event::OrderIntended { intent: Box::new(intent.clone()) };
    let refusal = gate(tx, intent, gateway, window, now)?;
    let next = match &refusal {
        Some((code, message)) => {
            Event::OrderRejected { order_id: intent.order_id, reason: Reason { code: (*code).to_owned(), message: message.clone() } }
        }
        None => Event::OrderSent { order_id: intent.order_id },
    };
    tx.record(intent.account_id, now, Actor::Bot, vec![intended, next])?;
    let order: Order = tx.require(&ORDERS, &key)?;
    announce(tx, &order, now)?;
    Ok(if refusal.is_some() { Journalled::Refused(order) } else { Journalled::Send(order) })
}

/// The checks of this step; each refusal names the rule.
fn gate(
    tx: &UserTx<'_>,
    intent: &OrderIntent,
    gateway: Environment,
    window: Window,
    now: Timestamp,
) -> Result<Option<Refusal>, StoreError> {
    let account = tx.require(&ACCOUNTS, &account_key(intent.account_id))?;
    if intent.environment != account.environment || intent.environment != gateway {
        return Ok(Some(("environment_mismatch", "the order was decided for another environment than the account's".to_owned())));
    }
    if intent.environment == Environment::Live && LIVE_ORDERS_LOCKED {
        return Ok(Some(("live_locked", "live orders are locked in this version; use the broker's mock host".to_owned())));
    }
    if account.mode != AccountMode::Trading {
        return Ok(Some(("observing", format!("account {} only observes; start it to trade", account.name))));
    }
    if intent.quantity == 0 || intent.limit_price.is_none_or(|price| price <= rust_decimal::Decimal::ZERO) {
        return Ok(Some(("bad_order", "quantity and limit price must be above zero".to_owned())));
    }
    if now < window.open || now >= window.close {
        return Ok(Some(("market_closed", format!("the session of {} runs from {} to {}", window.session, window.open, window.close))));
    }
    // Two orders with an unknown one among them could be the same order twice.
    let unknown = tx.view().open_orders(intent.account_id)?.into_iter().any(|o| {
        matches!(o.state, OrderState::Unknown | OrderState::Sent) && o.intent.symbol == intent.symbol && o.intent.side == intent.side
    });
    if unknown {
        return Ok(Some(("unknown_order_pending", format!("an earlier {} order's outcome is not known yet", intent.symbol))));
    }
    Ok(None)
}

/// Tells the owner about refusals and unknown outcomes.
fn announce(tx: &mut UserTx<'_>, order: &Order, now: Timestamp) -> Result<(), StoreError> {
    let (bot, symbol) = (order.intent.bot_name.clone(), order.intent.symbol.clone());
    let reason = order.reason.clone().unwrap_or(Reason { code: String::new(), message: String::new() });
    let notice = match order.state {
        OrderState::Rejected => Notice::OrderRefused { bot, symbol, reason_code: reason.code, detail: reason.message },
        OrderState::Unknown => Notice::OrderUnknown { bot, symbol, detail: reason.message },
        _ => return Ok(()),
    };
    tx.post(order.intent.account_id, now, notice.level(), &notice)?;
    if order.state == OrderState::Rejected {
        tx.audit(
            now,
            None,
            "order.rejected",
            json!({ "order_id": order.intent.order_id, "code": order.reason.as_ref().map(|r| &r.code) }),
        )?;
    }
    Ok(())
}

impl Bus {
    /// Publishes an order's new state to its owner.
    pub(super) fn order(&self, line: &Line, order: &Order) {
        self.publish(line.user.id(), LiveEvent::Order { account_id: line.account_id, order: Box::new(order.clone()) });
    }
}
