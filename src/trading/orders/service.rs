//! The order service: the one place where an order is made and the only caller of a broker's order
//! functions. Gate → journal → broker → facts; what is not known stays unknown.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::sync::Notify;

use super::gate::{self, Candidate, Seen, Window};
use crate::brokers::{BrokerError, OrderOutcome};
use crate::domain::clock::Clock;
use crate::domain::fact::{Actor, Event};
use crate::domain::id::{AccountId, OrderId, UserId};
use crate::domain::instrument::Exchange;
use crate::domain::limits::Product;
use crate::domain::message::Notice;
use crate::domain::order::{Amendment, Environment, JournalledOrder, Order, OrderIntent, OrderOrigin, OrderState, Reason};
use crate::market::Catalog;
use crate::storage::tables::{Answered, IDEMPOTENCY, ORDERS};
use crate::storage::{Key, StoreError, UserStore, UserTx, UserView, account_key};
use crate::trading::books::Books;
use crate::trading::bus::{Bus, LiveEvent};
use crate::trading::error::TradingError;
use crate::trading::line::Line;
use crate::trading::trial::Trial;

/// An order as somebody asks for it.
#[derive(Clone, Debug)]
pub struct Placement {
    pub intent: OrderIntent,
    /// Exchange that lists the instrument, as brokers want it.
    pub exchange: Exchange,
    pub window: Window,
    pub seen: Seen,
    pub actor: Actor,
    /// Names the request: asked again with the same key, it is answered again and not repeated.
    pub key: Option<RequestKey>,
    /// Shares that the bot had left to sell when the order was made out. Somebody who sold meanwhile
    /// makes the order void.
    pub premise: Option<f64>,
}

/// An idempotency key with what was asked under it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestKey {
    /// 1 to 64 visible ASCII characters.
    pub key: String,
    /// SHA-256 of the request, hex.
    pub request: String,
}

impl RequestKey {
    /// # Errors
    /// `Invalid` when the key is no key.
    pub fn new(key: &str, request: &[u8]) -> Result<Self, TradingError> {
        if !(1..=64).contains(&key.len()) || !key.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(TradingError::invalid("/Idempotency-Key", "the header Idempotency-Key has 1 to 64 visible ASCII characters"));
        }
        Ok(Self { key: key.to_owned(), request: hex(&Sha256::digest(request)) })
    }

    /// What the key was used for before, if it was: for this very request of this account, or an error.
    fn known(&self, view: &UserView<'_>, account: AccountId) -> Result<Option<Answered>, StoreError> {
        let Some(known) = view.get(&IDEMPOTENCY, &self.row())? else { return Ok(None) };
        if known.request != self.request || known.account_id != account {
            let detail = "this Idempotency-Key was used for another request: take a new one for a new order";
            return Err(StoreError::conflict("idempotency_key_reused", detail));
        }
        Ok(Some(known))
    }

    fn row(&self) -> Key {
        Key::new().text(&self.key)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// What journalling an intent came to.
enum Journalled {
    /// Durable; may be sent now, once.
    Send(Order),
    /// Nothing has to be sent: refused, or taken by our own paper.
    Done(Order),
    /// This very request was journalled before: nothing is sent again.
    Existing(Order),
    /// It was answered before, like this.
    Answered(Order),
}

/// Orders whose request this process is making right now. Nobody else may conclude anything about
/// them: their own answer is still to come.
#[derive(Clone, Debug, Default)]
struct Sending(Arc<Mutex<HashSet<OrderId>>>, Arc<Notify>);

/// Holds an order among those being sent, until the answer is in the journal or nobody waits for it.
struct BeingSent {
    sending: Sending,
    id: OrderId,
}

impl Sending {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<OrderId>> {
        self.0.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Waits until this process is not sending the order any more.
    async fn ended(&self, id: OrderId) {
        loop {
            let ended = self.1.notified();
            if !self.lock().contains(&id) {
                return;
            }
            ended.await;
        }
    }

    /// `None` when somebody is sending it already.
    fn begin(&self, id: OrderId) -> Option<BeingSent> {
        self.lock().insert(id).then(|| BeingSent { sending: self.clone(), id })
    }
}

impl Drop for BeingSent {
    fn drop(&mut self) {
        self.sending.lock().remove(&self.id);
        self.sending.1.notify_waiters();
    }
}

/// The order service.
#[derive(Clone, Debug)]
pub struct OrderService {
    bus: Bus,
    sending: Sending,
    pace: Pace,
    listed: Catalog,
    trial: Arc<Trial>,
}

/// An account of a user.
type Owned = (UserId, AccountId);

/// When orders left each account within the last second.
#[derive(Clone, Debug, Default)]
struct Pace(Arc<Mutex<HashMap<Owned, VecDeque<Timestamp>>>>);

impl Pace {
    fn last_second(&self, account: Owned, now: Timestamp) -> usize {
        let mut all = self.0.lock().unwrap_or_else(|e| e.into_inner());
        let Some(times) = all.get_mut(&account) else { return 0 };
        while times.front().is_some_and(|at| now.duration_since(*at) >= SignedDuration::from_secs(1)) {
            times.pop_front();
        }
        times.len()
    }

    fn passed(&self, account: Owned, now: Timestamp) {
        self.0.lock().unwrap_or_else(|e| e.into_inner()).entry(account).or_default().push_back(now);
    }
}

impl OrderService {
    pub fn new(bus: Bus, listed: Catalog) -> Self {
        Self { bus, sending: Sending::default(), pace: Pace::default(), listed, trial: Arc::default() }
    }

    pub(in crate::trading) fn with_trial(self, trial: Arc<Trial>) -> Self {
        Self { trial, ..self }
    }

    /// The order's request is on its way from this process.
    pub fn is_sending(&self, order: OrderId) -> bool {
        self.sending.lock().contains(&order)
    }

    /// Returns once this process is not sending the order (any more).
    pub(in crate::trading) async fn answered(&self, order: OrderId) {
        self.sending.ended(order).await;
    }

    /// Places one order: checks it, journals it, sends it once. The same order id or the same request
    /// key again gives the order as it stands and sends nothing.
    ///
    /// # Errors
    /// When the journal cannot be written, when the request key was used for another request, when the
    /// premise does not hold any more, or while the release is on trial. A refusal or an unknown outcome is an order in that state,
    /// not an error.
    ///
    /// # Cancel safety
    /// Dropped after the journal's commit, the order stays `sent`, becomes unknown with the next
    /// reading and is resolved by evidence.
    pub async fn place(&self, line: &Line, clock: &dyn Clock, placement: Placement) -> Result<Order, TradingError> {
        self.trial.admit_order()?;
        let account = line.account_id;
        // Before the journal: from the first moment that others can see the order as sent.
        let being_sent = self.sending.begin(placement.intent.order_id);
        let placement = Arc::new(placement);
        let journalled = line
            .user
            .write({
                let (placement, gateway, now) = (placement.clone(), line.gateway.environment(), clock.now());
                let last_second = self.pace.last_second((line.user.id(), account), now);
                let product = self.listed.product(placement.intent.market, &placement.intent.symbol);
                move |tx| journal(tx, &placement, gateway, (last_second, product), now)
            })
            .await?;
        let order = match journalled {
            Journalled::Answered(order) => return Ok(order),
            Journalled::Existing(order) => {
                drop(being_sent);
                return self.first_answer(line, order.intent.order_id, placement.key.as_ref()).await;
            }
            Journalled::Done(order) => {
                self.bus.order(line, &order);
                return Ok(order);
            }
            Journalled::Send(order) => order,
        };
        self.pace.passed((line.user.id(), account), clock.now());
        self.bus.order(line, &order);

        // What was journalled, which may be less than what was asked for.
        let intent = &order.intent;
        let sent = line.gateway.send_order(JournalledOrder::after_commit(intent), placement.exchange).await;
        // The control of the crash test: what a server must never do, to see that it is caught.
        #[cfg(feature = "prove-control")]
        let sent = match sent {
            Err(error) if error.order_outcome() == OrderOutcome::Unknown => {
                line.gateway.send_order(JournalledOrder::after_commit(intent), placement.exchange).await
            }
            sent => sent,
        };
        let now = clock.now();
        let order_id = intent.order_id;
        let event = match sent {
            Ok(ack) => Event::OrderAccepted { order_id, broker_order_no: ack.broker_order_no, broker_order_date: ack.order_date },
            Err(error) => {
                let reason = Reason::new(error.order_code(), error.words());
                match error.order_outcome() {
                    OrderOutcome::NotPlaced => Event::OrderRejected { order_id, reason },
                    OrderOutcome::Unknown => Event::OrderUnknown { order_id, reason },
                }
            }
        };
        let key = placement.key.clone();
        let order = line
            .user
            .write(move |tx| -> Result<Order, StoreError> {
                tx.record(account, now, Actor::Broker, vec![event.clone()])?;
                let order: Order = tx.require(&ORDERS, &account_key(account).id(order_id.as_bytes()))?;
                announce(tx, &order, now)?;
                answer(tx, key.as_ref(), &order)?;
                Ok(order)
            })
            .await?;
        self.bus.order(line, &order);
        Ok(order)
    }

    /// The answer to a request that was made before with the same key, once it is given; `None` when
    /// the key is new. Whoever asks outside before placing asks this first.
    ///
    /// # Errors
    /// `Conflict` when the key was used for another request.
    pub async fn replay(&self, line: &Line, key: Option<&RequestKey>) -> Result<Option<Order>, TradingError> {
        let Some(key) = key else { return Ok(None) };
        match line.user.read(|v| key.known(v, line.account_id))? {
            Some(known) => Ok(Some(self.first_answer(line, known.order_id, Some(key)).await?)),
            None => Ok(None),
        }
    }

    /// What the request that came first was answered, once it is.
    async fn first_answer(&self, line: &Line, order_id: OrderId, key: Option<&RequestKey>) -> Result<Order, TradingError> {
        self.sending.ended(order_id).await;
        let (account, row) = (line.account_id, key.map(RequestKey::row));
        Ok(line.user.read(|v| {
            let answered = row.map(|row| v.get(&IDEMPOTENCY, &row)).transpose()?.flatten().and_then(|a| a.answer);
            match answered {
                Some(order) => Ok::<_, StoreError>(*order),
                None => v.require(&ORDERS, &account_key(account).id(order_id.as_bytes())),
            }
        })?)
    }

    /// Asks the broker to cancel what is left of an order. The order's own state changes only when
    /// the broker's list shows it; our own paper cancels at once.
    ///
    /// # Errors
    /// The broker's, when the request was not taken; it may be repeated.
    pub async fn cancel(
        &self,
        line: &Line,
        clock: &dyn Clock,
        exchange: Exchange,
        order: &Order,
        actor: Actor,
    ) -> Result<(), TradingError> {
        let (account, order_id, now) = (line.account_id, order.intent.order_id, clock.now());
        let own = line.gateway.environment() == Environment::Own;
        let (still_open, after) = line
            .user
            .write(move |tx| -> Result<(bool, Order), StoreError> {
                let key = account_key(account).id(order_id.as_bytes());
                let order: Order = tx.require(&ORDERS, &key)?;
                let open = matches!(order.state, OrderState::Accepted | OrderState::PartiallyFilled);
                if open && !order.cancel_requested {
                    tx.record(account, now, actor, vec![Event::CancelRequested { order_id }])?;
                }
                if open && own {
                    tx.record(account, now, Actor::Broker, vec![Event::OrderCancelled { order_id }, Event::OrderSettled { order_id }])?;
                }
                Ok((open && !own, tx.require(&ORDERS, &key)?))
            })
            .await?;
        self.bus.order(line, &after);
        if !still_open {
            return Ok(());
        }
        match line.gateway.send_cancel(&after, exchange).await {
            // Nothing left to cancel: the next reading of the order list tells why.
            Ok(()) | Err(BrokerError::Rejected { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Asks for new terms of an open order. The outcome is a fact like any other: an answer that does
    /// not come is looked for in the broker's lists, never asked for again.
    ///
    /// # Errors
    /// `Refused` when the order cannot be amended, `Gate` when an order of these terms would not pass;
    /// the broker's refusal.
    pub async fn amend(
        &self,
        line: &Line,
        clock: &dyn Clock,
        exchange: Exchange,
        order_id: OrderId,
        (terms, seen): (Amendment, Seen),
        actor: Actor,
    ) -> Result<Order, TradingError> {
        let (account, now) = (line.account_id, clock.now());
        let own = line.gateway.environment() == Environment::Own;
        let (asked, gateway, listed) = (terms.clone(), line.gateway.environment(), self.listed.clone());
        let before = line
            .user
            .write(move |tx| -> Result<Order, TradingError> {
                let order: Order = tx.require(&ORDERS, &account_key(account).id(order_id.as_bytes()))?;
                let product = listed.product(order.intent.market, &order.intent.symbol);
                let new = gate::NewTerms { order: &order, terms: &asked, gateway, seen: &seen, product, now };
                let refused = |reason: Option<Reason>| reason.map_or(Ok(()), |reason| Err(TradingError::Gate(Box::new(reason))));
                refused(gate::may_amend(tx, &new)?)?;
                amendable(&order, &asked)?;
                refused(gate::check_terms(tx, &new)?)?;
                gate::count_terms(tx, &new)?;
                tx.record(account, now, actor, vec![Event::AmendRequested { order_id, amendment: asked.clone() }])?;
                if own {
                    let number = format!("{}-{}", order.broker_order_no.unwrap_or_default(), order.earlier.len() + 1);
                    let date = order.intent.session;
                    tx.record(
                        account,
                        now,
                        Actor::Broker,
                        vec![Event::OrderAmended { order_id, broker_order_no: number, broker_order_date: date }],
                    )?;
                }
                Ok(tx.require(&ORDERS, &account_key(account).id(order_id.as_bytes()))?)
            })
            .await?;
        self.bus.order(line, &before);
        if own {
            return Ok(before);
        }
        let sent = line.gateway.send_amend(&before, &terms, exchange).await;
        let event = match &sent {
            Ok(ack) => {
                let (broker_order_no, broker_order_date) = (ack.broker_order_no.clone(), ack.order_date);
                Event::OrderAmended { order_id, broker_order_no, broker_order_date }
            }
            Err(error) if error.order_outcome() == OrderOutcome::NotPlaced => {
                Event::AmendRefused { order_id, reason: Reason::new(error.code(), error.to_string()) }
            }
            // The amendment stays open in the journal until the lists tell what became of it.
            Err(_) => return Ok(before),
        };
        let now = clock.now();
        let after = line
            .user
            .write(move |tx| -> Result<Order, StoreError> {
                tx.record(account, now, Actor::Broker, vec![event.clone()])?;
                tx.require(&ORDERS, &account_key(account).id(order_id.as_bytes()))
            })
            .await?;
        self.bus.order(line, &after);
        match sent {
            Ok(_) => Ok(after),
            Err(error) => Err(error.into()),
        }
    }
}

/// How long a request key is remembered: a program that repeats itself does so within days.
const KEYS_KEPT: SignedDuration = SignedDuration::from_hours(8 * 24);

/// Forgets the request keys of one user that are older than [`KEYS_KEPT`]; gives how many.
///
/// # Errors
/// When the store cannot be written.
pub(in crate::trading) async fn forget_old_keys(user: &UserStore, now: Timestamp) -> Result<usize, StoreError> {
    let old = move |known: &Answered| now.duration_since(known.at) > KEYS_KEPT;
    if !user.read(|v| v.list(&IDEMPOTENCY, &Key::new()))?.iter().any(old) {
        return Ok(0);
    }
    user.write(move |tx| {
        let mut forgotten = 0;
        for key in tx.view().keys(&IDEMPOTENCY, &Key::new())? {
            let key = Key::new().raw(&key);
            if tx.get(&IDEMPOTENCY, &key)?.is_some_and(|known| old(&known)) {
                tx.remove(&IDEMPOTENCY, &key)?;
                forgotten += 1;
            }
        }
        Ok(forgotten)
    })
    .await
}

/// Whether an order can get these terms.
fn amendable(order: &Order, terms: &Amendment) -> Result<(), TradingError> {
    if !matches!(order.state, OrderState::Accepted | OrderState::PartiallyFilled) {
        return Err(TradingError::refused("order_not_open", "only an open order that the broker has confirmed can be changed"));
    }
    if order.amending.is_some() || order.cancel_requested {
        return Err(TradingError::refused("order_busy", "a change or a cancel of this order is already under way"));
    }
    if order.intent.bot_id.is_some() {
        return Err(TradingError::refused("order_of_bot", "a bot's order is changed by its bot only; you can cancel it"));
    }
    if terms.quantity <= order.filled_quantity {
        let detail = format!("{} shares are filled already: the new quantity must be more", order.filled_quantity);
        return Err(TradingError::field("/quantity", "quantity_too_small", detail));
    }
    // More shares than were checked would pass the gate's limits unseen.
    if terms.quantity > order.intent.quantity {
        return Err(TradingError::field("/quantity", "quantity_too_large", "an amendment can only take shares away: place another order"));
    }
    match (order.intent.kind.has_limit(), terms.limit_price) {
        (true, None) => Err(TradingError::field("/price", "price_required", "this kind of order needs a limit price")),
        (false, Some(_)) => Err(TradingError::field("/price", "price_not_used", "this kind of order has no limit price: leave it out")),
        (true, Some(price)) if price <= rust_decimal::Decimal::ZERO => {
            Err(TradingError::field("/price", "bad_price", "the price must be above zero"))
        }
        _ => Ok(()),
    }
}

/// Checks and journals in one transaction, so that no two orders pass the gate on the same view.
fn journal(
    tx: &mut UserTx<'_>,
    placement: &Placement,
    gateway: Environment,
    (last_second, product): (usize, Option<Product>),
    now: Timestamp,
) -> Result<Journalled, TradingError> {
    let intent = &placement.intent;
    if let Some(key) = &placement.key
        && let Some(known) = key.known(&tx.view(), intent.account_id)?
    {
        return Ok(match known.answer {
            Some(order) => Journalled::Answered(*order),
            None => Journalled::Existing(tx.require(&ORDERS, &account_key(known.account_id).id(known.order_id.as_bytes()))?),
        });
    }
    let key = account_key(intent.account_id).id(intent.order_id.as_bytes());
    if let Some(order) = tx.get(&ORDERS, &key)? {
        return Ok(Journalled::Existing(order));
    }
    if let (Some(premise), Some(bot)) = (placement.premise, intent.bot_id)
        && Books::read(&tx.view(), intent.account_id)?.unsold_of(bot) != premise
    {
        return Err(TradingError::refused("books_changed", "the bot's shares changed meanwhile: look at them again"));
    }
    let intent = &gate::within_rung(tx, intent)?;
    let candidate = Candidate { intent, gateway, window: placement.window, seen: &placement.seen, last_second, product, now };
    let refusal = gate::check(tx, &candidate)?;
    let refused = refusal.is_some();
    let order_id = intent.order_id;
    let mut events = vec![Event::OrderIntended { intent: Box::new(intent.clone()) }];
    let own = intent.environment == Environment::Own;
    match refusal {
        Some(reason) => events.push(Event::OrderRejected { order_id, reason }),
        None => {
            gate::count(tx, intent, placement.seen.quote.as_ref())?;
            events.push(Event::OrderSent { order_id });
            if own {
                // Our own paper takes what passes the gate; there is nobody to send it to.
                let broker_order_no = format!("P{}", tx.view().last_fact(intent.account_id)? + 1);
                events.push(Event::OrderAccepted { order_id, broker_order_no, broker_order_date: intent.session });
            }
        }
    }
    if refused && intent.origin == OrderOrigin::Ticket {
        // Nobody waits for the result of a person's refused order.
        events.push(Event::OrderSettled { order_id });
    }
    tx.record(intent.account_id, now, placement.actor, events)?;
    let order: Order = tx.require(&ORDERS, &key)?;
    let done = refused || own;
    if let Some(key) = &placement.key {
        let answer = done.then(|| Box::new(order.clone()));
        let known = Answered { request: key.request.clone(), account_id: intent.account_id, order_id, at: now, answer };
        tx.put(&IDEMPOTENCY, &key.row(), &known)?;
    }
    announce(tx, &order, now)?;
    Ok(if done { Journalled::Done(order) } else { Journalled::Send(order) })
}

/// Keeps the answer for whoever asks again with the same key.
fn answer(tx: &mut UserTx<'_>, key: Option<&RequestKey>, order: &Order) -> Result<(), StoreError> {
    let Some(key) = key else { return Ok(()) };
    let Some(known) = tx.get(&IDEMPOTENCY, &key.row())? else { return Ok(()) };
    tx.put(&IDEMPOTENCY, &key.row(), &Answered { answer: Some(Box::new(order.clone())), ..known })
}

/// Tells the owner about refusals and unknown outcomes.
fn announce(tx: &mut UserTx<'_>, order: &Order, now: Timestamp) -> Result<(), StoreError> {
    if order.intent.origin == OrderOrigin::Ticket && order.state == OrderState::Rejected {
        // The person who asked has the answer before them.
        return Ok(());
    }
    announce_end(tx, order, now)
}

/// Tells the owner about an order that ended otherwise than asked for, or may have.
pub(in crate::trading) fn announce_end(tx: &mut UserTx<'_>, order: &Order, now: Timestamp) -> Result<(), StoreError> {
    let (bot, symbol) = (order.intent.bot_name.clone(), order.intent.symbol.clone());
    let reason = order.reason.clone().unwrap_or(Reason::new("", ""));
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
    pub(in crate::trading) fn order(&self, line: &Line, order: &Order) {
        self.publish(line.user.id(), LiveEvent::Order { account_id: line.account_id, order: Box::new(order.clone()) });
    }
}
