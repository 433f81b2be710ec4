//! The simulated exchanges of both markets: seeded prices, order matching, and the books of its accounts. It knows no
//! broker and no wire format; time is an argument of every call.

mod account;
pub mod calendar;
mod event;
mod fx;
mod intake;
mod listing;
mod market;
mod matching;
mod noise;
mod order;
mod path;

use std::collections::HashMap;

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

pub use account::{AccountBook, Position, Purse};
use calendar::Calendars;
use event::KEPT_EVENTS;
pub use event::{ExchangeEvent, Happened};
pub use fx::{RateDay, UsdKrw};
pub use listing::{Family, LISTINGS, Listing, find_listing};
pub use market::{Bar, Levels, MarketModel, Minute, ModelConfig, Snapshot};
use matching::{Event, first_second_from, next_event, next_second};
pub(super) use noise::Noise;
pub use order::{ExchangeOrder, Execution, FillPlan, NewOrder, OrderAction, OrderStatus, Refusal, Terms};

use crate::domain::instrument::Market;
use crate::domain::money::Currency;
use crate::domain::order::{BrokerHost, OrderKind, Side};

/// An account's name at the exchange.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AccountKey {
    pub environment: BrokerHost,
    pub app_key: String,
    /// Account number, eight digits.
    pub cano: String,
    /// Product code, two digits.
    pub product: String,
}

/// Which orders a fill plan is for, and how many of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanRule {
    /// All accounts when absent.
    #[serde(default)]
    pub app_key: Option<String>,
    /// All symbols when absent.
    #[serde(default)]
    pub symbol: Option<String>,
    #[serde(default)]
    pub side: Option<Side>,
    /// How many orders it serves; all when absent.
    #[serde(default)]
    pub orders: Option<u32>,
    pub plan: FillPlan,
}

/// House rules of the exchange.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Fraction of the gross amount in dollars, charged on both sides.
    pub fee_rate: Decimal,
    /// Fraction of the gross amount in won, charged on both sides.
    pub krw_fee_rate: Decimal,
    /// Fraction of the gross amount in won that a seller of shares pays as transaction tax.
    pub krw_tax_rate: Decimal,
    /// Orders are taken at any time and trade at the last price when no session runs.
    pub always_open: bool,
}

impl Rules {
    pub fn fee_rate(&self, currency: Currency) -> Decimal {
        match currency {
            Currency::Usd => self.fee_rate,
            Currency::Krw => self.krw_fee_rate,
        }
    }

    /// Fee and tax of a trade; parts of a won are dropped.
    pub fn charges(&self, listing: &Listing, side: Side, gross: Decimal) -> (Decimal, Decimal) {
        match listing.currency() {
            Currency::Usd => ((gross * self.fee_rate).round_dp(2), Decimal::ZERO),
            Currency::Krw => {
                let taxed = side == Side::Sell && !listing.krx_fund;
                let tax = if taxed { (gross * self.krw_tax_rate).floor() } else { Decimal::ZERO };
                ((gross * self.krw_fee_rate).floor(), tax)
            }
        }
    }
}

/// The exchange with everything on its books.
#[derive(Debug)]
pub struct SimExchange {
    pub market: MarketModel,
    pub fx: UsdKrw,
    rules: Rules,
    plans: Vec<PlanRule>,
    accounts: HashMap<AccountKey, AccountBook>,
    events: broadcast::Sender<ExchangeEvent>,
}

impl SimExchange {
    pub fn new(model: ModelConfig, usd_krw: f64, rules: Rules, calendars: Calendars) -> Self {
        let fx = UsdKrw::new(model.seed, model.anchor_date, usd_krw);
        let events = broadcast::channel(KEPT_EVENTS).0;
        Self { market: MarketModel::new(model, calendars), fx, rules, plans: Vec::new(), accounts: HashMap::new(), events }
    }

    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Everything that happens to orders from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<ExchangeEvent> {
        self.events.subscribe()
    }

    /// Opens an account, or replaces its cash and positions when there is one.
    pub fn open_account(&mut self, key: AccountKey, cash: Purse, positions: impl IntoIterator<Item = (String, Position)>) {
        let book = self.accounts.entry(key).or_default();
        book.cash = cash;
        book.positions = positions.into_iter().filter(|(_, position)| position.quantity > Decimal::ZERO).collect();
    }

    /// Adds a plan; the newest that fits an order decides.
    pub fn add_plan(&mut self, rule: PlanRule) {
        self.plans.push(rule);
    }

    pub fn clear_plans(&mut self) {
        self.plans.clear();
    }

    pub fn has_account(&self, key: &AccountKey) -> bool {
        self.accounts.contains_key(key)
    }

    /// The books of an account as of `now`.
    pub fn account(&mut self, key: &AccountKey, now: Timestamp) -> Option<&AccountBook> {
        self.advance(key, now);
        self.accounts.get(key)
    }

    /// Keys of all accounts of an app key, in both environments.
    pub fn accounts_of(&self, app_key: &str) -> Vec<AccountKey> {
        self.accounts.keys().filter(|key| key.app_key == app_key).cloned().collect()
    }

    /// What a buy may spend now, fees taken off.
    pub fn buying_power(&mut self, key: &AccountKey, currency: Currency, now: Timestamp) -> Decimal {
        let fee_rate = self.rules.fee_rate(currency);
        self.account(key, now).map_or(Decimal::ZERO, |book| {
            ((book.cash.get(currency) - book.reserved_cash(currency, fee_rate)) / (Decimal::ONE + fee_rate)).max(Decimal::ZERO)
        })
    }

    /// The exchange-local date of a market.
    pub fn date(&self, market: Market, now: Timestamp) -> Date {
        self.market.calendar(market).local_date(now)
    }

    /// Takes an order.
    ///
    /// # Errors
    /// The first rule that it breaks; nothing is booked then.
    pub fn place(&mut self, key: &AccountKey, request: &NewOrder, now: Timestamp) -> Result<ExchangeOrder, Refusal> {
        let listing = find_listing(&request.symbol).ok_or(Refusal::UnknownSymbol)?;
        let (starts_at, expires_at) = self.window(listing.market(), &request.terms, now)?;
        let priced = self.price_terms(listing, request.side, request.quantity, &request.terms, now)?;
        let plan = self.take_plan(key, &request.symbol, request.side);
        if let FillPlan::Reject { code, message } = plan {
            return Err(Refusal::Scripted { code, message });
        }
        self.check_means(key, request, listing, priced.hold, now)?;
        let order = self.record(key, listing.market(), now, |number, date| ExchangeOrder {
            number,
            original: None,
            action: OrderAction::New,
            date,
            placed_at: now,
            starts_at,
            expires_at,
            listing,
            side: request.side,
            kind: request.terms.kind,
            venue: request.terms.venue,
            quantity: request.quantity,
            limit: priced.limit,
            trigger: request.terms.trigger,
            triggered_at: None,
            bound: priced.bound,
            hold_price: priced.hold,
            plan,
            filled: 0,
            amount: Decimal::ZERO,
            cancelled: 0,
            status: OrderStatus::Open,
            executions: Vec::new(),
            cursor: starts_at,
        });
        self.advance(key, now);
        order.ok_or(Refusal::UnknownOrder)
    }

    /// Withdraws what is left of an order of today (`quantity` 0), or so many shares of it.
    ///
    /// # Errors
    /// When there is no such order today, or nothing of it is open.
    pub fn cancel(
        &mut self,
        key: &AccountKey,
        market: Market,
        number: u64,
        quantity: u64,
        now: Timestamp,
    ) -> Result<ExchangeOrder, Refusal> {
        let (index, open) = self.find_open(key, market, number, now)?;
        let quantity = if quantity == 0 { open } else { quantity };
        if quantity > open {
            return Err(Refusal::BadQuantity);
        }
        let original = self.withdraw(key, index, quantity).ok_or(Refusal::UnknownOrder)?;
        let cancel = self.record(key, market, now, |number, date| ExchangeOrder {
            number,
            original: Some(original.number),
            action: OrderAction::Cancel,
            date,
            placed_at: now,
            quantity,
            limit: Decimal::ZERO,
            plan: FillPlan::Never,
            filled: 0,
            amount: Decimal::ZERO,
            cancelled: 0,
            status: OrderStatus::Cancelled,
            executions: Vec::new(),
            ..original
        });
        cancel.ok_or(Refusal::UnknownOrder)
    }

    /// Replaces so many open shares (`quantity` 0: all) of an order by a new one with other terms. The
    /// original keeps what was filled of it.
    ///
    /// # Errors
    /// As for `cancel`, and when the new terms break a rule; the original stays as it was then.
    pub fn modify(
        &mut self,
        key: &AccountKey,
        market: Market,
        number: u64,
        quantity: u64,
        terms: &Terms,
        now: Timestamp,
    ) -> Result<ExchangeOrder, Refusal> {
        let (index, open) = self.find_open(key, market, number, now)?;
        let quantity = if quantity == 0 { open } else { quantity };
        if quantity > open {
            return Err(Refusal::BadQuantity);
        }
        let before = self.accounts.get(key).and_then(|book| book.orders.get(index)).cloned().ok_or(Refusal::UnknownOrder)?;
        if [before.kind, terms.kind].iter().any(|kind| matches!(kind, OrderKind::Twap | OrderKind::Vwap)) {
            return Err(Refusal::NotAmendable);
        }
        let (starts_at, expires_at) = self.window(market, terms, now)?;
        let priced = self.price_terms(before.listing, before.side, quantity, terms, now)?;
        if before.side == Side::Buy && priced.hold > before.hold_price {
            let more = (priced.hold - before.hold_price) * Decimal::from(quantity);
            if more > self.buying_power(key, before.listing.currency(), now) {
                return Err(Refusal::InsufficientCash);
            }
        }
        let original = self.withdraw(key, index, quantity).ok_or(Refusal::UnknownOrder)?;
        let order = self.record(key, market, now, |number, date| ExchangeOrder {
            number,
            original: Some(original.number),
            action: OrderAction::Modify,
            date,
            placed_at: now,
            starts_at,
            expires_at,
            kind: terms.kind,
            quantity,
            limit: priced.limit,
            trigger: terms.trigger,
            triggered_at: None,
            bound: priced.bound,
            hold_price: priced.hold,
            plan: original.plan.rest(original.filled, original.executions.len()),
            filled: 0,
            amount: Decimal::ZERO,
            cancelled: 0,
            status: OrderStatus::Open,
            executions: Vec::new(),
            cursor: starts_at,
            ..original
        });
        self.advance(key, now);
        order.ok_or(Refusal::UnknownOrder)
    }

    /// Lets everything happen to an account's orders that is due up to `now`, in order of time.
    pub fn advance(&mut self, key: &AccountKey, now: Timestamp) {
        let Some(book) = self.accounts.get_mut(key) else { return };
        let market = &mut self.market;
        let mut due: Vec<(usize, Option<(Timestamp, Event)>)> = (0..book.orders.len())
            .filter(|index| book.orders.get(*index).is_some_and(|order| order.status == OrderStatus::Open))
            .map(|index| (index, book.orders.get(index).and_then(|order| next_event(market, book, order, now))))
            .collect();
        while let Some((index, at, event)) = due
            .iter()
            .filter_map(|(index, event)| event.as_ref().map(|(at, event)| (*index, *at, event.clone())))
            .min_by_key(|(index, at, _)| (*at, *index))
        {
            let traded = book.orders.get(index).map(|order| (order.listing.symbol, order.side));
            let settles = book.orders.get(index).and_then(|order| settlement_date(market, order));
            let happened = apply(book, index, at, event, &self.rules, settles);
            if let (Some(order), Some(happened)) = (book.orders.get(index), happened) {
                // Nobody may be listening.
                let _ = self.events.send(ExchangeEvent { account: key.clone(), at, happened, order: order.clone() });
            }
            // A trade takes displayed size away from the account's other orders in the same symbol.
            for (other, next) in &mut due {
                let Some(order) = book.orders.get_mut(*other) else { continue };
                if *other == index || traded == Some((order.listing.symbol, order.side)) {
                    // Nothing happened to it until here, and what was taken before is not remembered.
                    if order.cursor < at {
                        order.cursor = first_second_from(at);
                    }
                    *next = book.orders.get(*other).and_then(|order| next_event(market, book, order, now));
                }
            }
        }
        for order in book.orders.iter_mut().filter(|order| order.status == OrderStatus::Open) {
            order.cursor = order.cursor.max(next_second(now));
        }
    }

    /// Advances every account.
    pub fn advance_all(&mut self, now: Timestamp) {
        let keys: Vec<AccountKey> = self.accounts.keys().cloned().collect();
        for key in keys {
            self.advance(&key, now);
        }
    }

    /// What the accounts have, and their orders since `oldest` (exchange-local date).
    pub fn accounts_since(&self, oldest: Date) -> Vec<(AccountKey, AccountBook)> {
        self.accounts.iter().map(|(key, book)| (key.clone(), book.since(oldest))).collect()
    }

    /// Puts accounts as they were; prices and fills to come follow from the seed and the time.
    pub fn restore(&mut self, accounts: Vec<(AccountKey, AccountBook)>) {
        self.accounts.extend(accounts);
    }

    fn check_means(
        &mut self,
        key: &AccountKey,
        request: &NewOrder,
        listing: &'static Listing,
        hold: Decimal,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        match request.side {
            Side::Buy if Decimal::from(request.quantity) * hold > self.buying_power(key, listing.currency(), now) => {
                Err(Refusal::InsufficientCash)
            }
            Side::Sell => {
                let sellable = self.account(key, now).map_or(Decimal::ZERO, |book| book.sellable(listing.symbol));
                if Decimal::from(request.quantity) > sellable { Err(Refusal::InsufficientShares) } else { Ok(()) }
            }
            Side::Buy => Ok(()),
        }
    }

    /// The plan for the next order; counted down when it is limited.
    fn take_plan(&mut self, key: &AccountKey, symbol: &str, side: Side) -> FillPlan {
        let fits = |rule: &PlanRule| {
            rule.app_key.as_ref().is_none_or(|app_key| *app_key == key.app_key)
                && rule.symbol.as_ref().is_none_or(|wanted| wanted == symbol)
                && rule.side.is_none_or(|wanted| wanted == side)
                && rule.orders != Some(0)
        };
        match self.plans.iter_mut().rev().find(|rule| fits(rule)) {
            Some(rule) => {
                rule.orders = rule.orders.map(|left| left - 1);
                rule.plan.clone()
            }
            None => FillPlan::Market,
        }
    }

    fn find_open(&mut self, key: &AccountKey, market: Market, number: u64, now: Timestamp) -> Result<(usize, u64), Refusal> {
        self.advance(key, now);
        let date = self.date(market, now);
        let book = self.accounts.get(key).ok_or(Refusal::UnknownOrder)?;
        let index = book.find(market, date, number).ok_or(Refusal::UnknownOrder)?;
        match book.orders.get(index).map(ExchangeOrder::open_quantity) {
            Some(open) if open > 0 => Ok((index, open)),
            _ => Err(Refusal::NothingOpen),
        }
    }

    /// Takes open shares away from an order; returns it as it was.
    fn withdraw(&mut self, key: &AccountKey, index: usize, quantity: u64) -> Option<ExchangeOrder> {
        let order = self.accounts.get_mut(key)?.orders.get_mut(index)?;
        let before = order.clone();
        order.cancelled += quantity;
        if order.open_quantity() == 0 {
            order.status = OrderStatus::Cancelled;
        }
        Some(before)
    }

    fn record(
        &mut self,
        key: &AccountKey,
        market: Market,
        now: Timestamp,
        make: impl FnOnce(u64, Date) -> ExchangeOrder,
    ) -> Option<ExchangeOrder> {
        let date = self.date(market, now);
        let book = self.accounts.get_mut(key)?;
        let order = make(book.next_number(market, date), date);
        book.orders.push(order.clone());
        let happened = Happened::Accepted;
        let _ = self.events.send(ExchangeEvent { account: key.clone(), at: now, happened, order: order.clone() });
        Some(order)
    }
}

/// Won of a trade move on the second session after it.
const SETTLEMENT_SESSIONS: usize = 2;

/// When the won of an order's trades move; dollars move at once here.
fn settlement_date(market: &MarketModel, order: &ExchangeOrder) -> Option<Date> {
    if order.listing.currency() == Currency::Usd {
        return None;
    }
    let calendar = market.calendar(order.listing.market());
    std::iter::successors(Some(order.date), |date| calendar.session_after(*date).map(|session| session.date)).nth(SETTLEMENT_SESSIONS)
}

/// Books an event; tells what it was to the order.
fn apply(book: &mut AccountBook, index: usize, at: Timestamp, event: Event, rules: &Rules, settles: Option<Date>) -> Option<Happened> {
    if let Event::Fill { quantity, price } = event {
        book.book(index, at, quantity, price, rules, settles);
    }
    let order = book.orders.get_mut(index)?;
    Some(match event {
        Event::Fill { .. } => {
            order.cursor = next_second(at);
            Happened::Filled(order.executions.last().cloned()?)
        }
        Event::Trigger => {
            order.triggered_at = Some(at);
            order.starts_at = at;
            order.cursor = at;
            Happened::Triggered
        }
        Event::Cancel => {
            order.cancelled += order.open_quantity();
            order.status = OrderStatus::Cancelled;
            Happened::Cancelled
        }
        Event::Expire => {
            order.status = OrderStatus::Expired;
            Happened::Expired
        }
        Event::Reject(reason) => {
            order.status = OrderStatus::Rejected(reason);
            Happened::Rejected
        }
    })
}

#[cfg(test)]
mod tests;
