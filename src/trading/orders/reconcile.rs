//! Orders against the broker's list: fills are booked, dead orders cancelled, unknown ones found.
//!
//! A list is read outside, but what it proves is decided inside the write transaction, against the
//! order as it then stands: two readers of the same list (a tick and a person's force sell) never
//! book one execution twice.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan};

use super::evidence::{Finding, OwnNumbers, Reading, examine, is_final_list, is_searched};
use super::gate::must_be_one_share;
use super::rests::DOUBT;
use crate::domain::account::Account;
use crate::domain::fact::{Actor, Event};
use crate::domain::id::{AccountId, OrderId};
use crate::domain::instrument::Market;
use crate::domain::message::Notice;
use crate::domain::order::{Environment, NOT_PLACED, Order, OrderState, Reason, Side};
use crate::storage::tables::{ACCOUNTS, ORDERS};
use crate::storage::{StoreError, UserTx, UserView, account_key, first_id_at};
use crate::trading::bus::LiveEvent;
use crate::trading::error::TradingError;
use crate::trading::line::Line;
use crate::trading::night::settle::{BookedAt, book_late};
use crate::trading::tick::Trading;

/// Absent in this many readings …
const ABSENT_READINGS: u32 = 3;
/// … over at least this time after the first: never placed.
const ABSENT_FOR: SignedDuration = SignedDuration::from_secs(60);
/// Least time between two readings of one account's list.
const READ_EVERY: SignedDuration = SignedDuration::from_secs(3);
/// Least time between two requests to cancel the same order.
const CANCEL_EVERY: SignedDuration = SignedDuration::from_secs(15);
/// How long an unknown order may still appear before readings count against it.
const UNKNOWN_DEADLINE: SignedDuration = SignedDuration::from_secs(10);

/// What is remembered of an order that a list lacks. Losing it at a restart only makes the search longer.
#[derive(Clone, Copy, Debug)]
struct Search {
    readings: u32,
    first: Timestamp,
    told: bool,
}

impl Search {
    fn begin(now: Timestamp) -> Self {
        Self { readings: 0, first: now, told: false }
    }
}

/// Memory of the searches, of when each account's list was read and of cancels that were asked for.
#[derive(Debug, Default)]
pub(in crate::trading) struct Searches {
    absent: Mutex<HashMap<OrderId, Search>>,
    read_at: Mutex<HashMap<AccountId, Timestamp>>,
    cancelled_at: Mutex<HashMap<OrderId, Timestamp>>,
}

/// How often the ended orders of our own paper are looked for while its markets are closed.
const PAPER_EVERY: SignedDuration = SignedDuration::from_mins(1);

impl Searches {
    /// Whether an own-paper account should be looked at now; the question counts as the look.
    pub(super) fn is_paper_due(&self, account: AccountId, now: Timestamp) -> bool {
        let mut read_at = lock(&self.read_at);
        let due = is_due(read_at.get(&account), PAPER_EVERY, now);
        if due {
            read_at.insert(account, now);
        }
        due
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|e| e.into_inner())
}

fn is_due(last: Option<&Timestamp>, every: SignedDuration, now: Timestamp) -> bool {
    last.is_none_or(|at| at.saturating_add(every).is_ok_and(|next| now >= next))
}

/// A reading with the sessions' closes.
#[derive(Clone, Debug)]
pub(in crate::trading) struct Evidence {
    market: Market,
    pub reading: Reading,
    closes: HashMap<Date, Timestamp>,
}

impl Evidence {
    fn finding(&self, order: &Order, own: &OwnNumbers) -> Option<Finding> {
        let close = self.closes.get(&order.intent.session)?;
        Some(examine(order, &self.reading, own, *close))
    }
}

impl Trading {
    /// Orders that stand as being sent although nobody sends them: the process or the task died in
    /// between, so their outcome is unknown.
    pub(in crate::trading) async fn adopt_interrupted(&self, line: &Line) -> Result<(), TradingError> {
        let (account, now) = (line.account_id, self.clock.now());
        let left = |service: &super::service::OrderService, order: &Order| {
            order.state == OrderState::Sent && !service.is_sending(order.intent.order_id)
        };
        if !line.user.read(|v| v.open_orders(account))?.iter().any(|o| left(&self.service, o)) {
            return Ok(());
        }
        let service = self.service.clone();
        line.user
            .write(move |tx| -> Result<(), StoreError> {
                for order in tx.view().open_orders(account)?.into_iter().filter(|o| left(&service, o)) {
                    let message = "the order was being sent when the server or its connection broke off".to_owned();
                    let reason = Reason::new("interrupted", message.clone());
                    tx.record(account, now, Actor::Broker, vec![Event::OrderUnknown { order_id: order.intent.order_id, reason }])?;
                    let notice = Notice::OrderUnknown { bot: order.intent.bot_name, symbol: order.intent.symbol, detail: message };
                    tx.post(account, now, notice.level(), &notice)?;
                }
                Ok(())
            })
            .await?;
        Ok(())
    }

    /// Reads the broker's list when orders of ours are open, records what it proves, and asks for
    /// the cancel of orders whose time is over.
    ///
    /// # Errors
    /// The first failure; the other orders are looked at all the same.
    pub(in crate::trading) async fn refresh_orders(&self, line: &Line, force: bool) -> Result<(), TradingError> {
        if line.gateway.environment() == Environment::Own {
            return self.fill_paper(line).await;
        }
        self.adopt_interrupted(line).await?;
        let (account, now) = (line.account_id, self.clock.now());
        let open: Vec<Order> = line.user.read(|v| v.open_orders(account))?;
        let open: Vec<Order> = open.into_iter().filter(|o| !o.state.is_final() && !self.service.is_sending(o.intent.order_id)).collect();
        if open.is_empty() || !(force || is_due(lock(&self.searches.read_at).get(&account), READ_EVERY, now)) {
            return Ok(());
        }
        lock(&self.searches.read_at).insert(account, now);
        let mut problem = None;
        for market in [Market::Krx, Market::Us] {
            let open: Vec<&Order> = open.iter().filter(|o| o.intent.market == market).collect();
            if !open.is_empty() {
                keep(&mut problem, self.refresh_market(line, market, &open, None).await);
            }
        }
        for order in line.user.read(|v| v.open_orders(account))? {
            keep(&mut problem, self.cancel_if_over(line, &order).await);
        }
        problem.map_or(Ok(()), Err)
    }

    /// Reads one market's list for our open orders in it, from a date on that may be earlier than they
    /// need.
    pub(in crate::trading) async fn refresh_market(
        &self,
        line: &Line,
        market: Market,
        open: &[&Order],
        from: Option<Date>,
    ) -> Result<Arc<Evidence>, TradingError> {
        let today = self.calendar_of(market).local_date(self.clock.now());
        let needed = open.iter().map(|o| o.broker_order_date.unwrap_or(o.intent.session).min(o.intent.session));
        let first = needed.chain(from).min().unwrap_or(today);
        let last = open.iter().map(|o| o.intent.session).chain(from.map(|_| today)).max().unwrap_or(first);
        let unknown = open.iter().any(|o| o.state == OrderState::Unknown);
        let evidence = self.read_evidence(line, market, first, last, unknown).await?;

        let mut problem = None;
        for order in open {
            keep(&mut problem, self.examine_open(line, order, &evidence).await);
        }
        keep(&mut problem, self.examine_ended(line, &evidence).await);
        if unknown {
            let (account, of) = (line.account_id, |o: &&&Order| is_searched(o));
            let left = line.user.read(|v| v.open_orders(account))?;
            let is_left = |o: &&Order| left.iter().any(|l| l.intent.order_id == o.intent.order_id && is_searched(l));
            if open.iter().filter(of).any(|o| !is_left(o)) {
                self.comparisons.repeat(account, market);
            }
        }
        let closed = |o: &&&Order| self.window_of(market, o.intent.session).is_some_and(|w| evidence.reading.at >= w.close);
        if open.iter().any(|o| closed(&o)) {
            let late = evidence.reading.at.saturating_add(DOUBT).unwrap_or(Timestamp::MAX);
            self.comparisons.look_by(line.account_id, market, late);
        }
        problem.map_or(Ok(evidence), Err)
    }

    /// The broker's complete list for the sessions from `first` to `last`.
    async fn read_evidence(
        &self,
        line: &Line,
        market: Market,
        first: Date,
        last: Date,
        with_open: bool,
    ) -> Result<Arc<Evidence>, TradingError> {
        let account = line.account_id;
        let mut listed = line.gateway.orders(market, first.saturating_sub(1.day()), last.saturating_add(1.day()), None).await?;
        if with_open {
            // An order is absent only when both of the broker's lists lack it.
            for order in line.gateway.open_orders(market).await? {
                if !listed.iter().any(|b| (b.order_date, &b.broker_order_no) == (order.order_date, &order.broker_order_no)) {
                    listed.push(order);
                }
            }
        }
        let at = self.clock.now();
        self.heard_from_broker(line.user.id(), account, at);
        let settings = line.user.read(|v| v.require(&ACCOUNTS, &account_key(account)))?.settings;
        let funds = self.funds_sold(line, market).await?;
        let mut closes = HashMap::new();
        let mut day = first;
        while day <= last {
            closes.extend(self.window_of(market, day).map(|w| (day, w.close)));
            day = day.saturating_add(1.day());
        }
        let reading = Reading { listed, at, commission: settings.commission(market), funds };
        Ok(Arc::new(Evidence { market, reading, closes }))
    }

    /// Which Korean instruments among our open sells are funds. A restart forgets it: then the price,
    /// which tells, is asked for once. What stays unknown is booked as a share, with tax.
    async fn funds_sold(&self, line: &Line, market: Market) -> Result<BTreeSet<String>, TradingError> {
        if market != Market::Krx {
            return Ok(BTreeSet::new());
        }
        let open: Vec<Order> = line.user.read(|v| v.open_orders(line.account_id))?;
        let sold: BTreeSet<String> =
            open.into_iter().filter(|o| o.intent.market == market && o.intent.side == Side::Sell).map(|o| o.intent.symbol).collect();
        let mut funds = BTreeSet::new();
        for symbol in sold {
            if let Some(is_fund) = self.is_fund(market, &symbol) {
                if is_fund {
                    funds.insert(symbol);
                }
                continue;
            }
            let known = match self.quotes.get(&symbol) {
                Some(quote) => Some(quote),
                None => self.price_in(line, market, &symbol).await.ok().flatten(),
            };
            if known.and_then(|quote| quote.is_etf) == Some(true) {
                funds.insert(symbol);
            }
        }
        Ok(funds)
    }

    async fn examine_open(&self, line: &Line, order: &Order, evidence: &Arc<Evidence>) -> Result<(), TradingError> {
        let (account, order_id) = (line.account_id, order.intent.order_id);
        let own = line.user.read(|v| own_numbers(v, account, order, evidence))?;
        match evidence.finding(order, &own) {
            None => Ok(()),
            Some(Finding::Facts(events)) => {
                lock(&self.searches.absent).remove(&order_id);
                if events.is_empty() { Ok(()) } else { self.record_evidence(line, order_id, evidence).await }
            }
            Some(Finding::Absent) if self.is_gone(order, evidence) => self.record_absence(line, order_id, evidence).await,
            Some(Finding::Absent) => Ok(()),
            Some(Finding::Ambiguous(candidates)) => {
                let first = {
                    let mut absent = lock(&self.searches.absent);
                    let search = absent.entry(order_id).or_insert_with(|| Search::begin(evidence.reading.at));
                    search.readings = 0;
                    !std::mem::replace(&mut search.told, true)
                };
                let (bot, symbol) = (order.intent.bot_name.clone(), order.intent.symbol.clone());
                if first { self.notify(line, Notice::OrderAmbiguous { bot, symbol, candidates }).await } else { Ok(()) }
            }
        }
    }

    /// Counts a reading that lacks the order; tells whether that is proof by now.
    fn is_gone(&self, order: &Order, evidence: &Evidence) -> bool {
        let now = evidence.reading.at;
        let proof_from = if is_searched(order) {
            order.updated_at.saturating_add(UNKNOWN_DEADLINE).ok()
        } else {
            // The broker confirmed it: only the day's final list can deny that.
            evidence.closes.get(&order.intent.session).copied().filter(|close| is_final_list(now, *close))
        };
        if proof_from.is_none_or(|from| now < from) {
            return false;
        }
        let mut absent = lock(&self.searches.absent);
        let search = absent.entry(order.intent.order_id).or_insert_with(|| Search::begin(now));
        if search.readings == 0 {
            search.first = now;
        }
        search.readings += 1;
        search.readings >= ABSENT_READINGS && search.first.saturating_add(ABSENT_FOR).is_ok_and(|until| now >= until)
    }

    /// Ends an order that no complete list has.
    async fn record_absence(&self, line: &Line, order_id: OrderId, evidence: &Arc<Evidence>) -> Result<(), TradingError> {
        lock(&self.searches.absent).remove(&order_id);
        let (account, now, evidence) = (line.account_id, evidence.reading.at, evidence.clone());
        let after = line
            .user
            .write(move |tx| -> Result<Option<Order>, StoreError> {
                let key = account_key(account).id(order_id.as_bytes());
                let order = tx.require(&ORDERS, &key)?;
                let own = own_numbers(&tx.view(), account, &order, &evidence)?;
                if order.state.is_final() || evidence.finding(&order, &own) != Some(Finding::Absent) {
                    return Ok(None);
                }
                let (bot, symbol) = (order.intent.bot_name.clone(), order.intent.symbol.clone());
                let (event, notice) = if is_searched(&order) {
                    let message = "the broker's complete lists do not have this order".to_owned();
                    let reason = Reason::new(NOT_PLACED, message);
                    (Event::OrderRejected { order_id, reason }, Notice::OrderNotPlaced { bot, symbol })
                } else {
                    let number = order.broker_order_no.clone().unwrap_or_default();
                    let detail = format!(
                        "the broker confirmed order {number}, but its final list of {} does not have it: compare with the broker's app",
                        order.intent.session
                    );
                    (Event::OrderExpired { order_id }, Notice::OrderRefused { bot, symbol, reason_code: "not_listed".to_owned(), detail })
                };
                tx.record(account, now, Actor::Broker, vec![event])?;
                tx.post(account, now, notice.level(), &notice)?;
                tx.get(&ORDERS, &key)
            })
            .await?;
        if let Some(order) = after {
            self.bus.order(line, &order);
        }
        Ok(())
    }

    /// Records what the list proves about one order.
    async fn record_evidence(&self, line: &Line, order_id: OrderId, evidence: &Arc<Evidence>) -> Result<(), TradingError> {
        let (account, evidence) = (line.account_id, evidence.clone());
        let (events, after) = line.user.write(move |tx| take_evidence(tx, account, order_id, &evidence)).await?;
        if events.is_empty() {
            return Ok(());
        }
        self.bus.order(line, &after);
        for event in events {
            if let Event::OrderFilled { fill } = event {
                let (symbol, bot_name) = (after.intent.symbol.clone(), after.intent.bot_name.clone());
                let (side, quantity, price) = (after.intent.side, fill.quantity, fill.price);
                let event = LiveEvent::Fill { account_id: account, order_id, symbol, side, quantity, price, bot_name };
                self.bus.publish(line.user.id(), event);
            }
        }
        Ok(())
    }

    /// Orders that have ended without being filled: executions that the list shows only now, and
    /// orders that were taken for never placed and turn up.
    async fn examine_ended(&self, line: &Line, evidence: &Arc<Evidence>) -> Result<(), TradingError> {
        let account = line.account_id;
        let found: Vec<OrderId> = line.user.read(|v| {
            let orders = recent_orders(v, account, evidence)?;
            let own: OwnNumbers = orders.iter().collect();
            let ended = orders.iter().filter(|o| o.settled && o.filled_quantity < o.most_shares());
            let news = ended.filter(|o| matches!(evidence.finding(o, &own), Some(Finding::Facts(events)) if !events.is_empty()));
            Ok::<_, StoreError>(news.map(|o| o.intent.order_id).collect())
        })?;
        let mut problem = None;
        for order_id in found {
            keep(&mut problem, self.record_evidence(line, order_id, evidence).await);
        }
        problem.map_or(Ok(()), Err)
    }

    /// Executions of a session's ended orders that the broker lists but our books lack.
    ///
    /// # Errors
    /// The broker's, when its list cannot be read.
    pub(in crate::trading) async fn find_late_fills(&self, line: &Line, session: Date) -> Result<(), TradingError> {
        // Our own paper's word about an order's end is final.
        if line.gateway.environment() == Environment::Own {
            return Ok(());
        }
        let account = line.account_id;
        let unfilled = |market: Market, o: &Order| {
            let listed = o.broker_order_no.is_some() || o.is_not_placed();
            o.intent.market == market && o.intent.session == session && listed && o.filled_quantity < o.most_shares()
        };
        let orders = line.user.read(|v| orders_from(v, account, session))?;
        for market in [Market::Krx, Market::Us] {
            if orders.iter().any(|o| unfilled(market, o)) {
                let evidence = self.read_evidence(line, market, session, session, false).await?;
                self.examine_ended(line, &evidence).await?;
            }
        }
        Ok(())
    }

    /// Asks for the cancel of an order whose time is over, until the list shows its end. After the
    /// close there is nothing left to cancel.
    async fn cancel_if_over(&self, line: &Line, order: &Order) -> Result<(), TradingError> {
        let (now, id) = (self.clock.now(), order.intent.order_id);
        let cancellable = matches!(order.state, OrderState::Accepted | OrderState::PartiallyFilled);
        let closed = self.window_of(order.intent.market, order.intent.session).is_some_and(|w| now >= w.close);
        // A cancel that met an amendment named the old number: the order lives on under the new one.
        let asked_in_vain = order.cancel_requested && !is_recent(order, now);
        let too_large = || line.user.read(|v| v.require(&ACCOUNTS, &account_key(line.account_id))).map(|a| is_too_large(&a, order));
        let wanted = now >= order.intent.expires_at || asked_in_vain || self.is_halted(line.user.id(), line.account_id)? || too_large()?;
        // While the installation is held, somebody else may be the one whose order it is.
        if !wanted || !cancellable || closed || self.install_rules()?.hold.is_some() {
            return Ok(());
        }
        {
            let mut cancelled = lock(&self.searches.cancelled_at);
            if !is_due(cancelled.get(&id), CANCEL_EVERY, now) {
                return Ok(());
            }
            cancelled.retain(|_, at| now.duration_since(*at) < SignedDuration::from_hours(1));
            cancelled.insert(id, now);
        }
        let exchange = self.exchange_of_order(line, order).await?;
        self.service.cancel(line, &*self.clock, exchange, order, Actor::Bot).await
    }
}

/// The bot went down to one share while an order of more was open.
fn is_too_large(account: &Account, order: &Order) -> bool {
    order.intent.quantity.saturating_sub(order.filled_quantity) > 1 && must_be_one_share(account, &order.intent)
}

/// What was asked of the order last may not show in the lists yet.
fn is_recent(order: &Order, now: Timestamp) -> bool {
    now.duration_since(order.updated_at) < CANCEL_EVERY
}

/// Keeps the first failure of several.
pub(in crate::trading) fn keep<T>(problem: &mut Option<TradingError>, outcome: Result<T, TradingError>) -> Option<T> {
    match outcome {
        Ok(value) => Some(value),
        Err(error) => {
            problem.get_or_insert(error);
            None
        }
    }
}

/// Our orders of a session and of later ones: their ids begin with a time of the session.
pub(in crate::trading) fn orders_from(view: &UserView<'_>, account: AccountId, session: Date) -> Result<Vec<Order>, StoreError> {
    let midnight = session.at(0, 0, 0, 0).to_zoned(jiff::tz::TimeZone::UTC).map_or(Timestamp::UNIX_EPOCH, |m| m.timestamp());
    let (from, to) = (account_key(account).id(first_id_at(midnight).as_bytes()), account_key(account).id(&[0xff; 16]));
    view.range(&ORDERS, &from, &to)
}

/// Our orders of the reading's sessions and later ones.
fn recent_orders(view: &UserView<'_>, account: AccountId, evidence: &Evidence) -> Result<Vec<Order>, StoreError> {
    match evidence.closes.keys().min() {
        Some(first) => Ok(orders_from(view, account, *first)?.into_iter().filter(|o| o.intent.market == evidence.market).collect()),
        None => Ok(Vec::new()),
    }
}

/// Numbers that an order which has none yet cannot have.
fn own_numbers(view: &UserView<'_>, account: AccountId, order: &Order, evidence: &Evidence) -> Result<OwnNumbers, StoreError> {
    if is_searched(order) { Ok(recent_orders(view, account, evidence)?.iter().collect()) } else { Ok(OwnNumbers::default()) }
}

/// Examines an order as it stands in the transaction and records what is new. Fills of an order whose
/// result was taken already go where that result went.
fn take_evidence(
    tx: &mut UserTx<'_>,
    account: AccountId,
    order_id: OrderId,
    evidence: &Evidence,
) -> Result<(Vec<Event>, Order), StoreError> {
    let key = account_key(account).id(order_id.as_bytes());
    let order = tx.require(&ORDERS, &key)?;
    let own = own_numbers(&tx.view(), account, &order, evidence)?;
    let Some(Finding::Facts(events)) = evidence.finding(&order, &own) else { return Ok((Vec::new(), order)) };
    if order.is_not_placed() && rival(tx, account, &order)? {
        return Ok((Vec::new(), order));
    }
    let now = evidence.reading.at;
    for event in &events {
        tx.record(account, now, Actor::Broker, vec![event.clone()])?;
        match event {
            Event::OrderAccepted { broker_order_no, .. } => {
                let (bot, symbol) = (order.intent.bot_name.clone(), order.intent.symbol.clone());
                let notice = Notice::OrderFound { bot, symbol, broker_order_no: broker_order_no.clone() };
                tx.post(account, now, notice.level(), &notice)?;
            }
            Event::OrderFilled { fill } if order.settled => {
                let close = evidence.closes.get(&order.intent.session).copied();
                book_late(tx, account, &order, fill, BookedAt::until(close, now))?;
            }
            _ => {}
        }
    }
    let after = tx.require(&ORDERS, &key)?;
    Ok((events, after))
}

/// Another order of the same terms has no number yet: the listed one may be that.
fn rival(tx: &UserTx<'_>, account: AccountId, order: &Order) -> Result<bool, StoreError> {
    Ok(tx.view().open_orders(account)?.iter().any(|o| {
        matches!(o.state, OrderState::Unknown | OrderState::Sent)
            && o.intent.symbol == order.intent.symbol
            && o.intent.side == order.intent.side
    }))
}
