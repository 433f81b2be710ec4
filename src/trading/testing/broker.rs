//! The double of a broker: its state, and how tests move it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use tokio::sync::Notify;

use super::script::{Does, Moment, Sabotage, Sent};
use crate::brokers::error::RejectionKind;
use crate::brokers::{BrokerError, BrokerOrder, DailyBar, OrderAck};
use crate::domain::clock::{Clock, SteppedClock};
use crate::domain::id::{AccountId, OrderId, UserId};
use crate::domain::instrument::Exchange;
use crate::domain::money::Currency;
use crate::domain::order::{Amendment, Environment, Order, OrderIntent, OrderState, Side};
use crate::storage::tables::ORDERS;
use crate::storage::{Store, account_key};

#[derive(Clone, Debug)]
pub(super) struct Placed {
    /// Of which of our orders it is; none of a person's in the broker's own app.
    pub(super) ours: Option<OrderId>,
    pub(super) listed: BrokerOrder,
    pub(super) visible_from: Timestamp,
    /// Executions still to come: when, how many; before or after the cancel.
    pub(super) to_come: Option<(Timestamp, u64)>,
    pub(super) late: Option<(SignedDuration, u64)>,
    pub(super) price: Decimal,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) placed: Vec<Placed>,
    pub(super) sent: Vec<Sent>,
    pub(super) cancels: Vec<String>,
    pub(super) script: VecDeque<Does>,
    pub(super) prices: BTreeMap<String, Decimal>,
    pub(super) previous_closes: BTreeMap<String, Decimal>,
    pub(super) day_bars: BTreeMap<String, Vec<DailyBar>>,
    /// Where tickers are listed; on the Nasdaq unless something else is said.
    pub(super) listed: BTreeMap<String, Exchange>,
    pub(super) searches: usize,
    pub(super) down: Option<BrokerError>,
    pub(super) lists_down: bool,
    pub(super) ignores_cancels: bool,
    pub(super) panics: bool,
    pub(super) calls: usize,
    pub(super) dies: Option<(usize, Moment)>,
    pub(super) fails: Option<(usize, BrokerError)>,
    pub(super) next_number: u64,
    /// Shares that came without orders: those of the beginning, moved ones, splits.
    pub(super) without_orders: BTreeMap<String, Decimal>,
    pub(super) cash_moved: BTreeMap<Currency, Decimal>,
    /// Seed of how often a call gives way to other tasks; 0 for never.
    pub(super) pace: u64,
    pub(super) sabotage: Option<Sabotage>,
    /// Orders that arrived without standing in the journal as sent.
    pub(super) unjournalled: Vec<OrderId>,
    /// Successors of amended orders are filled so far, at once.
    pub(super) fills_amended: u64,
}

impl State {
    /// All shares that the account holds.
    pub(super) fn shares(&self) -> BTreeMap<String, Decimal> {
        let mut shares = self.without_orders.clone();
        for placed in &self.placed {
            let filled = Decimal::from(placed.listed.filled_quantity);
            let signed = if placed.listed.side == Side::Buy { filled } else { -filled };
            *shares.entry(placed.listed.symbol.clone()).or_default() += signed;
        }
        shares
    }

    /// How many times the call gives way now.
    fn gives_way(&mut self) -> u64 {
        if self.pace == 0 {
            return 0;
        }
        self.pace ^= self.pace << 13;
        self.pace ^= self.pace >> 7;
        self.pace ^= self.pace << 17;
        self.pace % 4
    }

    pub(super) fn listing(&self, symbol: &str) -> Exchange {
        self.listed.get(symbol).copied().unwrap_or(Exchange::Nasdaq)
    }

    pub(super) fn require_listing(&self, exchange: Exchange, symbol: &str) -> Result<(), BrokerError> {
        if exchange == self.listing(symbol) { Ok(()) } else { Err(BrokerError::UnknownInstrument(symbol.to_owned())) }
    }
}

/// The broker of one account.
#[derive(Debug)]
pub struct ScriptedBroker {
    pub(super) clock: Arc<SteppedClock>,
    pub(super) environment: Environment,
    state: Mutex<State>,
    died: Arc<Notify>,
    /// Where the journal of the broker's one customer lies.
    journal: (Store, UserId, AccountId),
}

impl ScriptedBroker {
    pub(super) fn new(clock: Arc<SteppedClock>, environment: Environment, died: Arc<Notify>, journal: (Store, UserId, AccountId)) -> Self {
        Self { clock, environment, state: Mutex::default(), died, journal }
    }

    /// Shares that are there from the beginning.
    pub(super) fn open_with(&self, symbol: &str, shares: Decimal) {
        *self.state().without_orders.entry(symbol.to_owned()).or_default() += shares;
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// What it does with the orders to come; then it fills them.
    pub fn script(&self, does: impl IntoIterator<Item = Does>) {
        self.state().script.extend(does);
    }

    pub fn set_price(&self, symbol: &str, last: &str, previous_close: &str) {
        let mut state = self.state();
        state.prices.insert(symbol.to_owned(), last.parse().unwrap());
        state.previous_closes.insert(symbol.to_owned(), previous_close.parse().unwrap());
    }

    /// A ticker is listed at this exchange from now on, and unknown at all others.
    pub fn list_at(&self, symbol: &str, exchange: Exchange) {
        self.state().listed.insert(symbol.to_owned(), exchange);
    }

    /// A day of a ticker's chart.
    pub fn list_day(&self, symbol: &str, bar: DailyBar) {
        self.state().day_bars.entry(symbol.to_owned()).or_default().push(bar);
    }

    /// No exchange knows a ticker until it has a price again.
    pub fn delist(&self, symbol: &str) {
        self.state().prices.remove(symbol);
    }

    /// How often a ticker was looked for at all exchanges.
    pub fn searches(&self) -> usize {
        self.state().searches
    }

    /// Every call fails from now on, or works again.
    pub fn set_down(&self, error: Option<BrokerError>) {
        self.state().down = error;
    }

    /// The order lists fail from now on, or work again; all else works.
    pub fn set_lists_down(&self, down: bool) {
        self.state().lists_down = down;
    }

    /// Requests to cancel are taken and forgotten.
    pub fn ignore_cancels(&self) {
        self.set_ignores_cancels(true);
    }

    pub fn set_ignores_cancels(&self, ignores: bool) {
        self.state().ignores_cancels = ignores;
    }

    /// Calls give way to other tasks, as often as this seed makes them.
    pub fn set_pace(&self, seed: u64) {
        self.state().pace = seed;
    }

    pub fn set_sabotage(&self, sabotage: Option<Sabotage>) {
        self.state().sabotage = sabotage;
    }

    /// Amended orders fill at most so many shares at once.
    pub fn set_fills_amended(&self, shares: u64) {
        self.state().fills_amended = shares;
    }

    /// No fault that was set for a later call comes any more, and what was scripted is forgotten.
    pub fn calm(&self) {
        let mut state = self.state();
        state.script.clear();
        (state.dies, state.fails, state.down) = (None, None, None);
        (state.lists_down, state.ignores_cancels) = (false, false);
    }

    /// Orders that were not in the journal as sent when they arrived.
    pub fn unjournalled(&self) -> Vec<OrderId> {
        self.state().unjournalled.clone()
    }

    /// Shares filled by each of our orders, under all of its numbers.
    pub fn filled_by_order(&self) -> BTreeMap<OrderId, u64> {
        self.settle_time();
        let mut filled = BTreeMap::new();
        for placed in &self.state().placed {
            if let Some(id) = placed.ours {
                *filled.entry(id).or_insert(0) += placed.listed.filled_quantity;
            }
        }
        filled
    }

    /// Every call panics.
    pub fn set_panics(&self, panics: bool) {
        self.state().panics = panics;
    }

    /// The process dies at the call of this number, counted from now.
    pub fn die_at(&self, call: usize, moment: Moment) {
        let mut state = self.state();
        let at = state.calls.saturating_add(call);
        state.dies = Some((at, moment));
    }

    /// The call of this number, counted from now, fails.
    pub fn fail_call(&self, call: usize, error: BrokerError) {
        let mut state = self.state();
        state.fails = Some((state.calls + call, error));
    }

    pub fn calls(&self) -> usize {
        self.state().calls
    }

    pub fn sent(&self) -> Vec<Sent> {
        self.state().sent.clone()
    }

    pub fn cancels(&self) -> Vec<String> {
        self.state().cancels.clone()
    }

    /// A person's order in the broker's own app.
    pub fn trade_by_hand(&self, symbol: &str, side: Side, quantity: u64, limit: &str) {
        let now = self.clock.now();
        let mut state = self.state();
        state.next_number += 1;
        let price: Decimal = limit.parse().unwrap();
        let listed = BrokerOrder {
            broker_order_no: state.next_number.to_string(),
            order_date: new_york_date(now),
            ordered_at: Some(now),
            symbol: symbol.to_owned(),
            side,
            quantity,
            price,
            filled_quantity: 0,
            filled_amount: Decimal::ZERO,
            open_quantity: quantity,
            rejected: false,
            status_text: String::new(),
            original_order_no: None,
        };
        state.placed.push(Placed { ours: None, listed, visible_from: now, to_come: None, late: None, price });
    }

    /// A new day at the broker: order numbers begin anew.
    pub fn number_from(&self, number: u64) {
        self.state().next_number = number;
    }

    /// An order of another program, executed at once.
    pub fn traded_elsewhere(&self, symbol: &str, side: Side, quantity: u64, price: &str) {
        self.trade_by_hand(symbol, side, quantity, price);
        let now = self.clock.now();
        if let Some(placed) = self.state().placed.last_mut() {
            placed.to_come = Some((now, quantity));
        }
    }

    /// An executed order of a person or of another program.
    pub fn trade_outside(&self, symbol: &str, side: Side, quantity: u64, limit: &str, price: &str) {
        self.trade_by_hand(symbol, side, quantity, limit);
        let price: Decimal = price.parse().unwrap();
        if let Some(placed) = self.state().placed.last_mut() {
            placed.price = price;
            placed.listed.filled_quantity = quantity;
            placed.listed.filled_amount = price * Decimal::from(quantity);
            placed.listed.open_quantity = 0;
        }
    }

    /// Shares come in, or go out, without an order.
    pub fn move_shares(&self, symbol: &str, shares: i64) {
        *self.state().without_orders.entry(symbol.to_owned()).or_default() += Decimal::from(shares);
    }

    /// Cash comes in, or goes out (negative).
    pub fn move_cash(&self, currency: Currency, amount: &str) {
        *self.state().cash_moved.entry(currency).or_default() += amount.parse::<Decimal>().unwrap();
    }

    /// A split; fractions are paid out.
    pub fn split(&self, symbol: &str, new: u32, old: u32) {
        let mut state = self.state();
        let before = state.shares().get(symbol).copied().unwrap_or_default();
        let after = (before * Decimal::from(new) / Decimal::from(old)).floor();
        *state.without_orders.entry(symbol.to_owned()).or_default() += after - before;
    }

    pub fn shares(&self, symbol: &str) -> Decimal {
        self.settle_time();
        self.state().shares().get(symbol).copied().unwrap_or_default()
    }

    /// Shares that the broker has bought less those that it has sold.
    pub fn net_shares(&self, symbol: &str) -> Decimal {
        self.settle_time();
        self.state()
            .placed
            .iter()
            .filter(|p| p.listed.symbol == symbol)
            .map(|p| Decimal::from(p.listed.filled_quantity) * if p.listed.side == Side::Buy { Decimal::ONE } else { -Decimal::ONE })
            .sum()
    }

    async fn give_way(&self) {
        let times = self.state().gives_way();
        for _ in 0..times {
            tokio::task::yield_now().await;
        }
    }

    pub(super) async fn enter(&self) -> Result<usize, BrokerError> {
        self.give_way().await;
        let (call, dies) = {
            let mut state = self.state();
            state.calls += 1;
            assert!(!state.panics, "the client panics because the test wants it");
            if let Some(error) = &state.down {
                return Err(error.clone());
            }
            let now = state.calls;
            if let Some((_, error)) = state.fails.take_if(|(call, _)| *call == now) {
                return Err(error);
            }
            (state.calls, state.dies)
        };
        self.perhaps_die(call, dies, Moment::Before).await;
        Ok(call)
    }

    pub(super) async fn leave(&self, call: usize) {
        let dies = self.state().dies;
        self.perhaps_die(call, dies, Moment::After).await;
        self.give_way().await;
    }

    /// The journal must have an order as sent, durably, before it arrives here.
    pub(super) fn look_into_journal(&self, id: OrderId) {
        let (store, user, account) = &self.journal;
        let found = store.user(*user).read(|v| v.get(&ORDERS, &account_key(*account).id(id.as_bytes()))).unwrap();
        if found.is_none_or(|o: Order| o.state != OrderState::Sent) {
            self.state().unjournalled.push(id);
        }
    }

    async fn perhaps_die(&self, call: usize, dies: Option<(usize, Moment)>, moment: Moment) {
        if dies == Some((call, moment)) {
            self.state().dies = None;
            self.died.notify_one();
            std::future::pending::<()>().await;
        }
    }

    /// Executions whose time has come.
    pub(super) fn settle_time(&self) {
        let now = self.clock.now();
        for placed in &mut self.state().placed {
            if let Some((_, quantity)) = placed.to_come.filter(|(at, _)| *at <= now) {
                let open = placed.listed.open_quantity;
                let left = placed.listed.quantity.saturating_sub(placed.listed.filled_quantity);
                let quantity = if placed.late.is_some() { quantity.min(left) } else { quantity.min(open) };
                placed.listed.filled_quantity += quantity;
                placed.listed.filled_amount += placed.price * Decimal::from(quantity);
                placed.listed.open_quantity = open.saturating_sub(quantity);
                placed.to_come = None;
            }
        }
    }

    pub(super) fn take(&self, intent: &OrderIntent, does: &Does) -> OrderAck {
        let now = self.clock.now();
        let mut state = self.state();
        state.next_number += 1;
        let number = state.next_number;
        let price = state.prices.get(&intent.symbol).copied().unwrap_or(intent.limit_price.unwrap_or_default());
        let quantity = intent.quantity;
        let (filled, to_come, late, visible_from) = match does {
            Does::FillPart(part) => ((*part).min(quantity), None, None, now),
            Does::FillInParts(part, after, more) => ((*part).min(quantity), Some((now + *after, *more)), None, now),
            Does::FillLate { first, late, after } => ((*first).min(quantity), None, Some((*after, *late)), now),
            Does::TakeSilentlyAndListLate(after) => (quantity, None, None, now + *after),
            _ => (quantity, None, None, now),
        };
        let listed = BrokerOrder {
            // The list prints numbers without the zeros that the receipt pads them with.
            broker_order_no: number.to_string(),
            order_date: new_york_date(now),
            ordered_at: Some(now),
            symbol: intent.symbol.clone(),
            side: intent.side,
            quantity,
            price: intent.limit_price.unwrap_or_default(),
            filled_quantity: filled,
            filled_amount: price * Decimal::from(filled),
            open_quantity: quantity - filled,
            rejected: false,
            status_text: String::new(),
            original_order_no: None,
        };
        let silent = matches!(does, Does::TakeSilently | Does::TakeSilentlyAndListLate(_));
        let visible_from = if silent && state.sabotage == Some(Sabotage::Loses) { Timestamp::MAX } else { visible_from };
        if !matches!(does, Does::ConfirmAndForget) {
            let ours = Some(intent.order_id);
            state.placed.push(Placed { ours, listed, visible_from, to_come, late, price });
        }
        OrderAck { broker_order_no: format!("{number:010}"), order_date: new_york_date(now) }
    }

    /// The open part goes on under a new number; the old number keeps what was filled.
    pub(super) fn replace(&self, order: &Order, terms: &Amendment) -> Result<OrderAck, BrokerError> {
        let now = self.clock.now();
        let number = order.broker_order_no.clone().unwrap_or_default();
        let bare = number.trim_start_matches('0');
        let mut state = self.state();
        let (new_number, fills_amended) = (state.next_number + 1, state.fills_amended);
        let open = state.placed.iter_mut().find(|p| p.listed.broker_order_no == bare && p.listed.open_quantity > 0);
        let Some(placed) = open else {
            let message = "정정가능수량 없음".to_owned();
            return Err(BrokerError::Rejected { code: "APBK0400".to_owned(), message, kind: RejectionKind::Other });
        };
        let quantity = terms.quantity.saturating_sub(order.filled_quantity);
        // An amendment names what is left to fill: executions that whoever asks has not seen yet make the
        // whole larger than the new terms.
        if quantity > placed.listed.open_quantity {
            let message = "정정가능수량 초과".to_owned();
            return Err(BrokerError::Rejected { code: "APBK0410".to_owned(), message, kind: RejectionKind::Other });
        }
        placed.listed.open_quantity = 0;
        placed.to_come = None;
        let filled = fills_amended.min(quantity);
        let listed = BrokerOrder {
            broker_order_no: new_number.to_string(),
            ordered_at: Some(now),
            quantity,
            price: terms.limit_price.unwrap_or(placed.listed.price),
            filled_quantity: filled,
            filled_amount: placed.price * Decimal::from(filled),
            open_quantity: quantity - filled,
            original_order_no: Some(bare.to_owned()),
            ..placed.listed.clone()
        };
        let (price, ours) = (placed.price, placed.ours);
        state.next_number = new_number;
        state.placed.push(Placed { ours, listed, visible_from: now, to_come: None, late: None, price });
        Ok(OrderAck { broker_order_no: format!("{new_number:010}"), order_date: new_york_date(now) })
    }
}

pub(super) fn new_york_date(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::get("America/New_York").unwrap()).date()
}

pub(super) fn silence() -> BrokerError {
    BrokerError::NoAnswer("timed out".to_owned())
}
