//! A broker in memory that does what a test tells it, and a world of users around it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use tokio::sync::Notify;
use uuid::Uuid;

use super::books::Books;
use super::error::TradingError;
use super::line::Connector;
use super::tick::{Calendars, Surroundings, Trading};
use crate::brokers::error::RejectionKind;
use crate::brokers::{
    Broker, BrokerError, BrokerOrder, BrokerPosition, BuyingPower, Capabilities, Cash, DailyBar, DayInfo, MarketOffer, MarketReader,
    MinuteBar, OrderAck, OrderBook, OrderGateway, Period, PowerBasis, PresentBalance, Quote,
};
use crate::domain::account::{Account, AccountMode, AccountSettings};
use crate::domain::bot::{Bot, HistoryRow, Holding, PointCurve, TradeKind};
use crate::domain::calendar::Calendar;
use crate::domain::charges::{self, Trade};
use crate::domain::clock::{Clock, SteppedClock};
use crate::domain::fact::{Actor, Event};
use crate::domain::id::{AccountId, BotId, HoldingId, OrderId, UserId};
use crate::domain::instrument::{Exchange, Market};
use crate::domain::ledger::Position;
use crate::domain::message::Message;
use crate::domain::money::{Currency, f64_from_decimal};
use crate::domain::order::{Amendment, Environment, JournalledOrder, Order, OrderKind, OrderOrigin, OrderState, Side, Venue};
use crate::domain::slot::SlotRun;
use crate::domain::user::{Language, Role, User};
use crate::storage::tables::{ACCOUNTS, BOTS, HISTORY, MESSAGES, ORDERS, POSITIONS, SLOTS, USERS};
use crate::storage::{CommitsLeft, Key, Store, StoreError, Tx, UserView, account_key};

/// What the broker does with the next order.
#[derive(Clone, Debug)]
pub enum Does {
    /// Takes it and fills it at once.
    Fill,
    /// Takes it and fills so many shares; the rest stays open.
    FillPart(u64),
    /// Takes it, fills so many shares, and so many more after a while.
    FillInParts(u64, SignedDuration, u64),
    /// Takes it, fills so many, and so many more between the cancel and the final list.
    FillLate { first: u64, late: u64, after: SignedDuration },
    /// Refuses it with a reason.
    Refuse,
    /// The request never leaves.
    Unreachable,
    /// Takes it and fills it, but no answer arrives.
    TakeSilently,
    /// Nothing arrives at either end.
    Lose,
    /// Takes it and fills it, but no answer arrives and the lists show it only later.
    TakeSilentlyAndListLate(SignedDuration),
    /// Confirms it, and no list ever has it.
    ConfirmAndForget,
    /// The client panics before anything is sent.
    Panic,
}

/// A fault that is not the broker's but ours: the controls of a simulation, which must catch each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sabotage {
    /// The client sends an order again when no answer came.
    SendsAgain,
    /// The client hides an order that was taken silently from every list, for good.
    Loses,
    /// The client shows an execution one share short.
    Miscounts,
}

/// Where the process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The call has not reached the broker.
    Before,
    /// The broker has done it, the answer never comes.
    After,
}

/// An order as the broker received it.
#[derive(Clone, Debug, PartialEq)]
pub struct Sent {
    pub order_id: OrderId,
    pub bot: String,
    pub symbol: String,
    pub side: Side,
    pub quantity: u64,
    pub limit: Decimal,
    pub at: Timestamp,
    /// Sheet and slice.
    pub slice: Option<(Uuid, u32)>,
}

#[derive(Clone, Debug)]
struct Placed {
    /// Of which of our orders it is; none of a person's in the broker's own app.
    ours: Option<OrderId>,
    listed: BrokerOrder,
    visible_from: Timestamp,
    /// Executions still to come: when, how many; before or after the cancel.
    to_come: Option<(Timestamp, u64)>,
    late: Option<(SignedDuration, u64)>,
    price: Decimal,
}

#[derive(Debug, Default)]
struct State {
    placed: Vec<Placed>,
    sent: Vec<Sent>,
    cancels: Vec<String>,
    script: VecDeque<Does>,
    prices: BTreeMap<String, Decimal>,
    previous_closes: BTreeMap<String, Decimal>,
    day_bars: BTreeMap<String, Vec<DailyBar>>,
    /// Where tickers are listed; on the Nasdaq unless something else is said.
    listed: BTreeMap<String, Exchange>,
    searches: usize,
    down: Option<BrokerError>,
    lists_down: bool,
    ignores_cancels: bool,
    panics: bool,
    calls: usize,
    dies: Option<(usize, Moment)>,
    fails: Option<(usize, BrokerError)>,
    next_number: u64,
    /// Shares that came without orders: those of the beginning, moved ones, splits.
    without_orders: BTreeMap<String, Decimal>,
    cash_moved: BTreeMap<Currency, Decimal>,
    /// Seed of how often a call gives way to other tasks; 0 for never.
    pace: u64,
    sabotage: Option<Sabotage>,
    /// Orders that arrived without standing in the journal as sent.
    unjournalled: Vec<OrderId>,
    /// Successors of amended orders are filled so far, at once.
    fills_amended: u64,
}

impl State {
    /// All shares that the account holds.
    fn shares(&self) -> BTreeMap<String, Decimal> {
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

    fn listing(&self, symbol: &str) -> Exchange {
        self.listed.get(symbol).copied().unwrap_or(Exchange::Nasdaq)
    }

    fn require_listing(&self, exchange: Exchange, symbol: &str) -> Result<(), BrokerError> {
        if exchange == self.listing(symbol) { Ok(()) } else { Err(BrokerError::UnknownInstrument(symbol.to_owned())) }
    }
}

/// The broker of one account.
#[derive(Debug)]
pub struct ScriptedBroker {
    clock: Arc<SteppedClock>,
    environment: Environment,
    state: Mutex<State>,
    died: Arc<Notify>,
    /// Where the journal of the broker's one customer lies.
    journal: (Store, UserId, AccountId),
}

impl ScriptedBroker {
    fn state(&self) -> MutexGuard<'_, State> {
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

    async fn enter(&self) -> Result<usize, BrokerError> {
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

    async fn leave(&self, call: usize) {
        let dies = self.state().dies;
        self.perhaps_die(call, dies, Moment::After).await;
        self.give_way().await;
    }

    /// The journal must have an order as sent, durably, before it arrives here.
    fn look_into_journal(&self, id: OrderId) {
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
    fn settle_time(&self) {
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

    fn take(&self, intent: &crate::domain::order::OrderIntent, does: &Does) -> OrderAck {
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
    fn replace(&self, order: &Order, terms: &Amendment) -> Result<OrderAck, BrokerError> {
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

fn new_york_date(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::get("America/New_York").unwrap()).date()
}

fn silence() -> BrokerError {
    BrokerError::NoAnswer("timed out".to_owned())
}

#[async_trait]
impl MarketReader for ScriptedBroker {
    async fn quote(&self, exchange: Exchange, symbol: &str) -> Result<Quote, BrokerError> {
        let call = self.enter().await?;
        let quote = {
            let state = self.state();
            state.require_listing(exchange, symbol)?;
            let last = *state.prices.get(symbol).ok_or_else(|| BrokerError::UnknownInstrument(symbol.to_owned()))?;
            let previous_close = state.previous_closes.get(symbol).copied();
            Quote { last, previous_close, limits: None, is_etf: None, at: self.clock.now() }
        };
        self.leave(call).await;
        Ok(quote)
    }

    async fn find_listing(&self, symbol: &str) -> Result<Option<Exchange>, BrokerError> {
        let call = self.enter().await?;
        let found = {
            let mut state = self.state();
            state.searches += 1;
            state.prices.contains_key(symbol).then(|| state.listing(symbol))
        };
        self.leave(call).await;
        Ok(found)
    }

    async fn daily_bars(&self, _: Exchange, symbol: &str, _: Option<Date>, _: usize) -> Result<Vec<DailyBar>, BrokerError> {
        Ok(self.state().day_bars.get(symbol).cloned().unwrap_or_default())
    }

    async fn bars(&self, _: Exchange, _: &str, _: Period, _: Date, _: usize) -> Result<Vec<DailyBar>, BrokerError> {
        Ok(Vec::new())
    }

    async fn minute_bars(&self, _: Exchange, _: &str, _: usize) -> Result<Vec<MinuteBar>, BrokerError> {
        Ok(Vec::new())
    }

    async fn order_book(&self, _: Exchange, _: &str) -> Result<OrderBook, BrokerError> {
        Ok(OrderBook::default())
    }

    async fn krx_days(&self, _: Date) -> Result<Vec<DayInfo>, BrokerError> {
        Ok(Vec::new())
    }

    async fn usd_krw(&self) -> Result<Decimal, BrokerError> {
        Ok(Decimal::from(1_400))
    }

    async fn usd_krw_closes(&self, _: Date, _: Date) -> Result<Vec<(Date, Decimal)>, BrokerError> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl Broker for ScriptedBroker {
    fn environment(&self) -> Environment {
        self.environment
    }

    fn capabilities(&self) -> Capabilities {
        const KINDS: &[OrderKind] = &[OrderKind::Limit, OrderKind::Market, OrderKind::Loc];
        let offer = |market| MarketOffer { market, buy: KINDS, sell: KINDS, venues: &[Venue::Krx], can_amend: true };
        Capabilities { offers: vec![offer(Market::Krx), offer(Market::Us)] }
    }

    fn clock_drift(&self) -> Option<i64> {
        None
    }

    async fn check_token(&self) -> Result<(), BrokerError> {
        let call = self.enter().await?;
        self.leave(call).await;
        Ok(())
    }

    async fn orders(&self, _: Market, from: Date, to: Date, _: Option<&str>) -> Result<Vec<BrokerOrder>, BrokerError> {
        let call = self.enter().await?;
        self.settle_time();
        let now = self.clock.now();
        if self.state().lists_down {
            return Err(silence());
        }
        let listed = {
            let state = self.state();
            let visible = state.placed.iter().filter(|p| p.visible_from <= now && (from..=to).contains(&p.listed.order_date));
            let short = u64::from(state.sabotage == Some(Sabotage::Miscounts));
            visible.map(|p| BrokerOrder { filled_quantity: p.listed.filled_quantity.saturating_sub(short), ..p.listed.clone() }).collect()
        };
        self.leave(call).await;
        Ok(listed)
    }

    async fn open_orders(&self, market: Market) -> Result<Vec<BrokerOrder>, BrokerError> {
        let today = new_york_date(self.clock.now());
        Ok(self.orders(market, today, today, None).await?.into_iter().filter(|o| o.open_quantity > 0).collect())
    }

    async fn positions(&self, market: Market) -> Result<Vec<BrokerPosition>, BrokerError> {
        let call = self.enter().await?;
        self.settle_time();
        let positions = {
            let state = self.state();
            let korean = |symbol: &str| symbol.starts_with(|c: char| c.is_ascii_digit());
            let shares = state.shares().into_iter().filter(|(s, q)| !q.is_zero() && korean(s) == (market == Market::Krx));
            let shown = |(symbol, quantity): (String, Decimal)| {
                let last_price = state.prices.get(&symbol).copied().unwrap_or_default();
                BrokerPosition { exchange: None, quantity, sellable: quantity, average_price: last_price, last_price, symbol }
            };
            shares.map(shown).collect()
        };
        self.leave(call).await;
        Ok(positions)
    }

    async fn cash(&self, market: Market) -> Result<Cash, BrokerError> {
        self.settle_time();
        let state = self.state();
        let korean = |symbol: &str| symbol.starts_with(|c: char| c.is_ascii_digit());
        let moved = state.cash_moved.get(&market.currency()).copied().unwrap_or_default();
        let traded = state.placed.iter().map(|p| &p.listed).filter(|l| korean(&l.symbol) == (market == Market::Krx));
        let paid = traded.map(|listed| {
            let gross = listed.filled_amount;
            let trade = Trade { market, side: listed.side, session: listed.order_date, is_fund: true };
            let charges = charges::rates(trade, AccountSettings::new().commission(market)).on(gross);
            let charges = charges.fee + charges.tax;
            if listed.side == Side::Buy { -gross - charges } else { gross - charges }
        });
        let amount = Decimal::from(50_000) + moved + paid.sum::<Decimal>();
        Ok(Cash { currency: market.currency(), amount })
    }

    async fn sellable(&self, _: Exchange, _: &str) -> Result<Decimal, BrokerError> {
        Ok(Decimal::ZERO)
    }

    async fn buying_power(&self, _: Exchange, _: &str, _: Option<Decimal>) -> Result<BuyingPower, BrokerError> {
        let call = self.enter().await?;
        self.leave(call).await;
        Ok(BuyingPower { amount: Decimal::from(50_000), basis: PowerBasis::DollarsOnly, other: None, usd_krw: None })
    }

    async fn present_balance(&self) -> Result<PresentBalance, BrokerError> {
        Ok(PresentBalance { usd_cash: None, usd_krw: Some(Decimal::from(1_400)), total_assets_krw: None })
    }
}

#[async_trait]
impl OrderGateway for ScriptedBroker {
    async fn send_order(&self, order: JournalledOrder<'_>, exchange: Exchange) -> Result<OrderAck, BrokerError> {
        let intent = order.intent();
        let call = self.enter().await?;
        self.look_into_journal(intent.order_id);
        let does = {
            let mut state = self.state();
            state.require_listing(exchange, &intent.symbol)?;
            let does = state.script.pop_front().unwrap_or(Does::Fill);
            let slice = match &intent.origin {
                OrderOrigin::Slice { sheet_id, slice } => Some((sheet_id.0, *slice)),
                _ => None,
            };
            let sent = Sent {
                order_id: intent.order_id,
                bot: intent.bot_name.clone(),
                symbol: intent.symbol.clone(),
                side: intent.side,
                quantity: intent.quantity,
                limit: intent.limit_price.unwrap_or_default(),
                at: self.clock.now(),
                slice,
            };
            if state.sabotage == Some(Sabotage::SendsAgain) && matches!(does, Does::TakeSilently | Does::Lose) {
                state.sent.push(sent.clone());
            }
            state.sent.push(sent);
            does
        };
        let answer = match does {
            Does::Panic => panic!("the client panics because the test wants it"),
            Does::Refuse => Err(BrokerError::Rejected {
                code: "APBK0952".to_owned(),
                message: "증거금 부족".to_owned(),
                kind: RejectionKind::InsufficientFunds,
            }),
            Does::Unreachable => Err(BrokerError::Unreachable("connection refused".to_owned())),
            Does::Lose => Err(silence()),
            Does::TakeSilently | Does::TakeSilentlyAndListLate(_) => {
                self.take(intent, &does);
                if self.state().sabotage == Some(Sabotage::SendsAgain) {
                    self.take(intent, &does);
                }
                Err(silence())
            }
            taken => Ok(self.take(intent, &taken)),
        };
        self.leave(call).await;
        answer
    }

    async fn send_amend(&self, order: &Order, terms: &Amendment, _: Exchange) -> Result<OrderAck, BrokerError> {
        let call = self.enter().await?;
        self.settle_time();
        let ack = self.replace(order, terms);
        self.leave(call).await;
        ack
    }

    async fn send_cancel(&self, order: &Order, _: Exchange) -> Result<(), BrokerError> {
        let call = self.enter().await?;
        self.settle_time();
        let now = self.clock.now();
        let number = order.broker_order_no.clone().unwrap_or_default();
        let answer = {
            let mut state = self.state();
            state.cancels.push(number.clone());
            let bare = number.trim_start_matches('0');
            if state.ignores_cancels {
                return Ok(());
            }
            match state.placed.iter_mut().find(|p| p.listed.broker_order_no == bare && p.listed.open_quantity > 0) {
                Some(placed) => {
                    placed.listed.open_quantity = 0;
                    placed.to_come = placed.late.map(|(after, late)| (now + after, late));
                    Ok(())
                }
                None => {
                    let message = "취소가능수량 없음".to_owned();
                    Err(BrokerError::Rejected { code: "APBK0400".to_owned(), message, kind: RejectionKind::Other })
                }
            }
        };
        self.leave(call).await;
        answer
    }
}

#[derive(Debug)]
struct Quiet;

impl Surroundings for Quiet {
    fn disk_free(&self) -> Option<u64> {
        None
    }
}

#[derive(Debug, Default)]
struct Desk(Mutex<HashMap<AccountId, Arc<ScriptedBroker>>>);

#[async_trait]
impl Connector for Desk {
    async fn connect(&self, _: UserId, account: &Account) -> Result<Arc<dyn OrderGateway>, TradingError> {
        if account.environment == Environment::Own {
            return Ok(Arc::new(crate::brokers::paper::PaperBroker));
        }
        let broker = self.0.lock().unwrap().get(&account.id).cloned();
        broker.map(|b| b as Arc<dyn OrderGateway>).ok_or_else(|| TradingError::refused("no_broker_key", "no key"))
    }
}

/// One user with one account at one broker.
#[derive(Clone, Debug)]
pub struct Client {
    pub user: UserId,
    pub account: AccountId,
    pub broker: Arc<ScriptedBroker>,
}

/// The books of an account without ids and without the times at which things were recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct FinalBooks {
    pub history: Vec<(String, TradeKind, f64, f64, f64, f64)>,
    pub holdings: Vec<(String, f64, f64, f64)>,
    pub added_seeds: Vec<(String, f64)>,
    pub positions: Vec<(String, Decimal, Decimal, Decimal)>,
    pub sheets: usize,
    pub open_orders: usize,
    pub sent: Vec<(String, Side, u64, Decimal)>,
}

/// Users, their brokers and a server that can be restarted.
pub struct World {
    pub clock: Arc<SteppedClock>,
    pub store: Store,
    pub commits_left: CommitsLeft,
    pub trading: Arc<Trading>,
    calendar: Arc<Calendar>,
    desk: Arc<Desk>,
    died: Arc<Notify>,
    users: u128,
}

pub fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn calendars(us: &Arc<Calendar>) -> Calendars {
    Calendars { us: us.clone(), krx: Arc::new(Calendar::krx().unwrap()) }
}

impl World {
    /// A world that begins at `start`.
    pub fn new(start: &str) -> Self {
        Self::over(start, Store::in_memory_mortal().unwrap())
    }

    /// A world in which everything happens in one order, the same every time.
    pub fn deterministic(start: &str) -> Self {
        Self::over(start, Store::in_memory_deterministic().unwrap())
    }

    fn over(start: &str, (store, commits_left): (Store, CommitsLeft)) -> Self {
        let clock = Arc::new(SteppedClock::new(time(start)));
        let (calendar, desk) = (Arc::new(Calendar::nyse().unwrap()), Arc::new(Desk::default()));
        let trading = Arc::new(Trading::new(store.clone(), clock.clone(), calendars(&calendar), desk.clone(), Arc::new(Quiet)));
        Self { clock, store, commits_left, trading, calendar, desk, died: Arc::default(), users: 0 }
    }

    /// The process ends and another begins over the same data.
    pub fn restart(&mut self) {
        let (clock, calendar, desk) = (self.clock.clone(), self.calendar.clone(), self.desk.clone());
        self.trading = Arc::new(Trading::new(self.store.clone(), clock, calendars(&calendar), desk, Arc::new(Quiet)));
    }

    pub fn user(&mut self, bots: Vec<(Bot, f64, f64)>) -> Client {
        self.user_with(Environment::Mock, AccountMode::Trading, bots)
    }

    /// A user with one account; each bot comes with the shares that it holds and their average price.
    pub fn user_with(&mut self, environment: Environment, mode: AccountMode, bots: Vec<(Bot, f64, f64)>) -> Client {
        self.users += 1;
        let number = self.users;
        let (user, account) = (UserId(Uuid::from_u128(number << 64)), AccountId(Uuid::from_u128((number << 64) + 1)));
        let created = self.clock.now();
        let openings: Vec<(String, f64)> = bots.iter().map(|(bot, quantity, _)| (bot.symbol.clone(), *quantity)).collect();
        self.write(move |tx| {
            tx.put(&USERS, &Key::new().id(user.as_bytes()), &person(user, created))?;
            let mut tx = tx.user(user);
            tx.put(&ACCOUNTS, &account_key(account), &account_row(account, environment, mode, created))?;
            for (place, (bot, quantity, average)) in bots.iter().enumerate() {
                let id = BotId(Uuid::from_u128((number << 64) + 10 + place as u128));
                let bot = Bot { id, account_id: account, position: place as u32, ..bot.clone() };
                tx.put(&BOTS, &account_key(account).id(id.as_bytes()), &bot)?;
                if *quantity > 0.0 {
                    let holding = opening(&bot, *quantity, *average, created - SignedDuration::from_hours(30 * 24));
                    tx.record(account, created, Actor::Import, vec![Event::OpeningHolding { holding }])?;
                }
            }
            Ok(())
        });
        let journal = (self.store.clone(), user, account);
        let broker =
            Arc::new(ScriptedBroker { clock: self.clock.clone(), environment, state: Mutex::default(), died: self.died.clone(), journal });
        for (symbol, quantity) in openings {
            *broker.state().without_orders.entry(symbol).or_default() += Decimal::try_from(quantity).unwrap();
        }
        broker.set_price("TQQQ", "60", "65");
        broker.set_price("SOXL", "30", "30");
        self.desk.0.lock().unwrap().insert(account, broker.clone());
        Client { user, account, broker }
    }

    /// Writes from a thread of its own: a runtime's thread may not wait for the store.
    pub fn write(&self, f: impl Fn(&mut Tx<'_>) -> Result<(), StoreError> + Send + 'static) {
        let store = self.store.clone();
        std::thread::spawn(move || store.write_blocking(f)).join().unwrap().unwrap();
    }

    /// The account's owner has entered no broker key, or removes it; with `false` it is there (again).
    pub fn without_key(&self, client: &Client, without: bool) {
        let mut desk = self.desk.0.lock().unwrap();
        if without {
            desk.remove(&client.account);
        } else {
            desk.insert(client.account, client.broker.clone());
        }
    }

    pub fn clock_now(&self) -> Timestamp {
        self.clock.now()
    }

    pub fn edit_account(&self, client: &Client, edit: impl Fn(&mut Account) + Send + 'static) {
        let (user, key) = (client.user, account_key(client.account));
        self.write(move |tx| {
            let mut tx = tx.user(user);
            let mut account = tx.require(&ACCOUNTS, &key)?;
            edit(&mut account);
            tx.put(&ACCOUNTS, &key, &account)
        });
    }

    /// Ticks once at `at`; `true` when the process died in it. Then nothing of it goes on.
    pub async fn tick_at(&self, at: Timestamp) -> bool {
        self.clock.advance_to(at);
        self.live(async { _ = self.trading.tick().await }).await
    }

    /// Runs some work of the process; `true` when the process died in it. Then nothing of it goes on.
    pub async fn live(&self, work: impl Future<Output = ()>) -> bool {
        let died = tokio::select! {
            biased;
            () = self.died.notified() => true,
            () = work => false,
        };
        if died {
            // Let the tasks that were cut off come to their end.
            for _ in 0..50 {
                tokio::task::yield_now().await;
            }
        }
        died
    }

    /// Ticks every `step` until `to`; a process that dies is started again.
    pub async fn run_until(&mut self, to: &str, step: Duration) {
        let (to, step) = (time(to), SignedDuration::try_from(step).unwrap());
        while self.clock.now() < to {
            let next = (self.clock.now() + step).min(to);
            if self.tick_at(next).await {
                self.restart();
            }
        }
    }

    pub fn read<T>(&self, client: &Client, f: impl FnOnce(&UserView<'_>) -> Result<T, StoreError>) -> T {
        self.store.user(client.user).read(f).unwrap()
    }

    pub fn books(&self, client: &Client) -> Books {
        self.read(client, |v| Books::read(v, client.account))
    }

    pub fn orders(&self, client: &Client) -> Vec<Order> {
        self.read(client, |v| v.list(&ORDERS, &account_key(client.account)))
    }

    pub fn history(&self, client: &Client) -> Vec<HistoryRow> {
        self.read(client, |v| v.list(&HISTORY, &account_key(client.account)))
    }

    pub fn runs(&self, client: &Client) -> Vec<SlotRun> {
        self.read(client, |v| v.list(&SLOTS, &account_key(client.account)))
    }

    pub fn messages(&self, client: &Client) -> Vec<Message> {
        self.read(client, |v| v.list(&MESSAGES, &Key::new()))
    }

    /// How often a message of this code was posted.
    pub fn told(&self, client: &Client, code: &str) -> usize {
        self.messages(client).iter().filter(|m| m.code == code).count()
    }

    pub fn positions(&self, client: &Client) -> Vec<Position> {
        self.read(client, |v| v.list(&POSITIONS, &account_key(client.account)))
    }

    pub fn final_books(&self, client: &Client) -> FinalBooks {
        let books = self.books(client);
        let mut history: Vec<_> = self
            .history(client)
            .into_iter()
            .map(|r| (r.name, r.kind, r.quantity.unwrap_or(0.0), r.buy_price, r.sell_price, r.profit))
            .collect();
        history.sort_by(|a, b| (&a.0, a.1.name()).cmp(&(&b.0, b.1.name())));
        let mut holdings: Vec<_> = books.holdings.iter().map(|h| (h.name.clone(), h.quantity, h.average_price, h.total_cost)).collect();
        holdings.sort_by(|a, b| a.0.cmp(&b.0));
        FinalBooks {
            history,
            holdings,
            added_seeds: books.bots.iter().map(|b| (b.name.clone(), b.added_seed)).collect(),
            positions: self.positions(client).into_iter().map(|p| (p.symbol, p.quantity, p.cost, p.realised)).collect(),
            sheets: books.sheets.len(),
            open_orders: books.open_orders.len(),
            sent: client.broker.sent().into_iter().map(|s| (s.bot, s.side, s.quantity, s.limit)).collect(),
        }
    }

    /// What must hold after every event: the folds are what the journal says, no order left twice, and
    /// bots + open sheets + orders in between = position, which is what the broker has of us.
    pub fn check(&self, client: &Client) {
        let report = self.store.verify().unwrap();
        assert_eq!(report.differences, [], "the folds differ from the journal");
        let sent = client.broker.sent();
        for (place, order) in sent.iter().enumerate() {
            let twice = sent[..place].iter().any(|s| s.order_id == order.order_id || (s.slice.is_some() && s.slice == order.slice));
            assert!(!twice, "sent twice: {order:?}");
            assert!(self.orders(client).iter().any(|o| o.intent.order_id == order.order_id), "sent without a journal: {order:?}");
        }
        let (books, orders) = (self.books(client), self.orders(client));
        for order in &orders {
            let listed = books.open_orders.iter().any(|o| o.intent.order_id == order.intent.order_id);
            assert_eq!(listed, !(order.state.is_final() && order.settled), "the index of open orders misses {order:?}");
        }
        for position in self.positions(client) {
            let held: f64 = books.holdings.iter().filter(|h| h.symbol == position.symbol && !h.reserve).map(|h| h.quantity).sum();
            let sign = |buys: bool| if buys { 1.0 } else { -1.0 };
            let in_sheets: f64 = books
                .sheets
                .iter()
                .filter(|s| s.symbol == position.symbol)
                .flat_map(|s| s.fills().map(move |f| f.quantity * sign(s.kind.is_buy())))
                .sum();
            // A person's fills belong to nobody else's books.
            let by_hand = |o: &&Order| o.intent.origin == OrderOrigin::Ticket;
            let between: f64 = orders
                .iter()
                .filter(|o| o.intent.symbol == position.symbol && (!o.settled || by_hand(o)))
                .map(|o| o.filled_quantity as f64 * sign(o.intent.side == Side::Buy))
                .sum();
            let quantity = f64_from_decimal(position.quantity + position.oversold - position.outside);
            // A split makes thirds, which no binary fraction holds exactly.
            let apart = (held + in_sheets + between - quantity).abs();
            assert!(apart < 1e-9, "{}: bots, sheets and orders are {apart} from the position", position.symbol);
        }
    }

    /// The broker has of us what our books say, beside `openings` that were there before.
    pub fn check_broker(&self, client: &Client, symbol: &str, opening: u64) {
        let position = self.positions(client).into_iter().find(|p| p.symbol == symbol).map_or(Decimal::ZERO, |p| p.quantity);
        assert_eq!(position, client.broker.net_shares(symbol) + Decimal::from(opening), "{symbol}");
    }
}

/// Buys for 1,000 USD a night, sells at 10 %.
pub fn bot(name: &str, symbol: &str) -> Bot {
    Bot {
        id: BotId(Uuid::nil()),
        account_id: AccountId(Uuid::nil()),
        name: name.to_owned(),
        market: Market::Us,
        symbol: symbol.to_owned(),
        position: 0,
        version: 1,
        active: true,
        seed: 1_000.0,
        profit_rate: 0.1,
        t_div: 20,
        max_tier: 10,
        buy_below_average: true,
        buy_below_point: true,
        point_curve: PointCurve::P1,
        skip_sell: false,
        closing_conditions: Vec::new(),
        sell_cooldown_days: 0,
        sell_cooldown_loss_only: false,
        trailing_enabled: false,
        trailing_t_threshold: 0.3,
        trailing_stop_pct: 0.1,
        trailing_floor_rate: 0.1,
        added_seed: 0.0,
        trailing_mode: false,
        trailing_high_watermark: 0.0,
        trailing_stop: 0.0,
        legacy: serde_json::Map::new(),
    }
}

fn opening(bot: &Bot, quantity: f64, average_price: f64, at: Timestamp) -> Holding {
    Holding {
        id: HoldingId(Uuid::now_v7()),
        bot_id: Some(bot.id),
        name: bot.name.clone(),
        market: bot.market,
        symbol: bot.symbol.clone(),
        quantity,
        average_price,
        total_cost: quantity * average_price,
        last_kind: TradeKind::Buy,
        cycle_start: at,
        last_trade_at: at,
        reserve: false,
    }
}

fn person(id: UserId, at: Timestamp) -> User {
    User {
        id,
        username: format!("user-{id}"),
        email: None,
        role: Role::User,
        password_hash: String::new(),
        active: true,
        language: Language::Ko,
        created_at: at,
        updated_at: at,
    }
}

fn account_row(id: AccountId, environment: Environment, mode: AccountMode, at: Timestamp) -> Account {
    Account {
        id,
        name: "main".to_owned(),
        environment,
        mode,
        settings: AccountSettings::new(),
        version: 1,
        created_at: at,
        started_at: Some(at),
        unsettled: Vec::new(),
        imported: None,
        going_live: Default::default(),
        twin: None,
    }
}
