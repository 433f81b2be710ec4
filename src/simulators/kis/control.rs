//! The handle by which tests and the demo script a simulation and look into it.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use tokio::sync::broadcast;

use super::super::config::{Limits, Quirks, SimAccount, SimPosition};
use super::super::exchange::{ExchangeEvent, ExchangeOrder, FillPlan, PlanRule, find_listing};
use super::faults::{Fault, FaultPlan, FaultRule, MaintenanceWindow};
use super::state::{RequestRecord, Shared};
use super::ws::Command;
use crate::domain::money::Currency;
use crate::domain::order::Side;

/// Scripts and read-outs; cheap to clone.
#[derive(Clone, Debug)]
pub struct Control(Arc<Shared>);

/// An execution as the exchange booked it.
#[derive(Clone, Debug, PartialEq)]
pub struct BookedExecution {
    pub order_number: u64,
    pub symbol: String,
    pub side: Side,
    pub at: Timestamp,
    pub quantity: u64,
    /// In the currency of its market, like the others.
    pub price: Decimal,
    pub fee: Decimal,
    pub tax: Decimal,
}

impl Control {
    pub(super) fn new(state: Arc<Shared>) -> Self {
        Self(state)
    }

    /// Market time.
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// Opens an account, or replaces its cash, positions and secret.
    pub fn add_account(&self, account: SimAccount) {
        self.0.add_account(account);
    }

    /// Everything that happens to orders from now on; what is due comes out at the next look.
    pub fn subscribe(&self) -> broadcast::Receiver<ExchangeEvent> {
        self.0.exchange().subscribe()
    }

    /// Lets everything happen that is due by now, on all accounts.
    pub fn advance(&self) {
        let now = self.now();
        self.0.exchange().advance_all(now);
    }

    /// Scripts how orders are filled; the newest rule that fits an order decides.
    pub fn add_plan(&self, rule: PlanRule) {
        self.0.exchange().add_plan(rule);
    }

    /// Scripts all orders of an app key from now on.
    pub fn fill_all(&self, app_key: &str, plan: FillPlan) {
        self.add_plan(PlanRule { app_key: Some(app_key.to_owned()), symbol: None, side: None, orders: None, plan });
    }

    /// Scripts the next order of an app key.
    pub fn fill_next(&self, app_key: &str, plan: FillPlan) {
        self.add_plan(PlanRule { app_key: Some(app_key.to_owned()), symbol: None, side: None, orders: Some(1), plan });
    }

    pub fn clear_plans(&self) {
        self.0.exchange().clear_plans();
    }

    /// Scripts trouble.
    pub fn add_fault(&self, rule: FaultRule) {
        self.0.gate().faults.add(rule);
    }

    /// Hits the next `calls` calls of a transaction (`tokenP` for the token endpoint) of an app key.
    pub fn fail_next(&self, app_key: &str, tr_id: &str, calls: u32, fault: Fault) {
        self.add_fault(FaultRule {
            app_key: Some(app_key.to_owned()),
            tr_id: Some(tr_id.to_owned()),
            after_calls: 0,
            calls: Some(calls),
            fault,
        });
    }

    /// Draws trouble from a seed from now on; `None` ends it.
    pub fn set_fault_plan(&self, plan: Option<FaultPlan>) {
        self.0.gate().faults.set_plan(plan);
    }

    /// Takes both hosts down for a span of market time.
    pub fn maintain(&self, window: MaintenanceWindow) {
        self.0.gate().faults.add_window(window);
    }

    /// Sets the gateway's limits, for instance tighter ones than documented.
    pub fn set_limits(&self, limits: Limits) {
        self.0.gate().limits = limits;
    }

    /// Puts the clock that the server shows ahead of market time (behind it when negative): in the
    /// `Date` header and in the expiry of tokens.
    pub fn set_clock_skew(&self, skew: SignedDuration) {
        self.0.gate().skew = skew;
    }

    /// Takes all tokens of an app key away before their time.
    pub fn revoke_tokens(&self, app_key: &str) {
        self.0.gate().tokens.revoke_all(app_key);
    }

    /// Takes all scripted and drawn trouble and maintenance away.
    pub fn clear_faults(&self) {
        self.0.gate().faults.clear();
    }

    /// Changes which variants of answers are given.
    pub fn set_quirks(&self, quirks: Quirks) {
        self.0.gate().quirks = quirks;
    }

    /// Ends the life of all tokens of an app key.
    pub fn expire_token(&self, app_key: &str) {
        let now = self.now();
        self.0.gate().tokens.expire(app_key, now);
    }

    /// Closes the websocket sessions of an app key; returns how many there were.
    pub fn kick_sessions(&self, app_key: &str) -> usize {
        self.0.sessions().command(app_key, &Command::Kick)
    }

    /// Sends a text to the websocket sessions of an app key, whatever it says.
    pub fn say_to_sessions(&self, app_key: &str, text: &str) -> usize {
        self.0.sessions().command(app_key, &Command::Say(text.to_owned()))
    }

    /// Sends the last execution notice of an app key once more.
    pub fn repeat_notice(&self, app_key: &str) -> usize {
        self.0.sessions().command(app_key, &Command::RepeatNotice)
    }

    /// Stops the websocket sessions of an app key from sending anything, keep-alives included, or lets
    /// them speak again.
    pub fn mute_sessions(&self, app_key: &str, muted: bool) -> usize {
        self.0.sessions().command(app_key, &Command::Mute(muted))
    }

    /// Tells the next websocket sessions of an app key that it is in use.
    pub fn refuse_sessions(&self, app_key: &str, count: u32) {
        self.0.sessions().refuse(app_key, count);
    }

    /// Forgets the websocket approval keys of an app key.
    pub fn revoke_approvals(&self, app_key: &str) {
        self.0.sessions().revoke_approvals(app_key);
    }

    /// Transaction ids and keys to which an app key is subscribed by websocket.
    pub fn registrations(&self, app_key: &str) -> Vec<(String, String)> {
        self.0.sessions().registrations(app_key)
    }

    /// Websocket sessions of an app key.
    pub fn session_count(&self, app_key: &str) -> usize {
        self.0.sessions().count(app_key)
    }

    /// Holds a symbol's last price from now on; `None` lets it follow the model again. False when the
    /// symbol is not listed.
    pub fn pin_price(&self, symbol: &str, price: Option<Decimal>) -> bool {
        let now = self.now();
        let Some(listing) = find_listing(symbol) else { return false };
        let mut exchange = self.0.exchange();
        // What was due before happens at the old price.
        exchange.advance_all(now);
        exchange.market.pin(listing, price);
        true
    }

    /// Last price of a symbol, in the currency of its market.
    pub fn price(&self, symbol: &str) -> Option<Decimal> {
        let now = self.now();
        find_listing(symbol).map(|listing| self.0.exchange().market.price(listing, now))
    }

    /// All orders of an app key, modifications and cancellations included, in order of acceptance.
    pub fn orders(&self, app_key: &str) -> Vec<ExchangeOrder> {
        let now = self.now();
        let mut exchange = self.0.exchange();
        exchange
            .accounts_of(app_key)
            .iter()
            .flat_map(|key| exchange.account(key, now).map(|book| book.orders.clone()).unwrap_or_default())
            .collect()
    }

    /// Number of orders of an app key, modifications and cancellations included.
    pub fn order_count(&self, app_key: &str) -> usize {
        let now = self.now();
        let mut exchange = self.0.exchange();
        exchange.accounts_of(app_key).iter().filter_map(|key| exchange.account(key, now).map(|book| book.orders.len())).sum()
    }

    /// All executions of an app key, oldest first.
    pub fn executions(&self, app_key: &str) -> Vec<BookedExecution> {
        let mut executions: Vec<BookedExecution> = self
            .orders(app_key)
            .iter()
            .flat_map(|order| {
                order.executions.iter().map(|execution| BookedExecution {
                    order_number: order.number,
                    symbol: order.listing.symbol.to_owned(),
                    side: order.side,
                    at: execution.at,
                    quantity: execution.quantity,
                    price: execution.price,
                    fee: execution.fee,
                    tax: execution.tax,
                })
            })
            .collect();
        executions.sort_by_key(|execution| execution.at);
        executions
    }

    /// Dollars over all accounts of an app key; `None` when it has no account.
    pub fn cash(&self, app_key: &str) -> Option<Decimal> {
        self.cash_in(app_key, Currency::Usd)
    }

    /// Cash of a currency over all accounts of an app key, settled or not; `None` when it has no account.
    pub fn cash_in(&self, app_key: &str, currency: Currency) -> Option<Decimal> {
        let now = self.now();
        let mut exchange = self.0.exchange();
        let keys = exchange.accounts_of(app_key);
        if keys.is_empty() {
            return None;
        }
        Some(keys.iter().filter_map(|key| exchange.account(key, now).map(|book| book.cash.get(currency))).sum())
    }

    /// Positions of all accounts of an app key, by symbol.
    pub fn positions(&self, app_key: &str) -> Vec<SimPosition> {
        let now = self.now();
        let mut exchange = self.0.exchange();
        exchange
            .accounts_of(app_key)
            .iter()
            .flat_map(|key| {
                let positions = exchange.account(key, now).map(|book| book.positions.clone()).unwrap_or_default();
                positions.into_iter().map(|(symbol, position)| SimPosition {
                    symbol,
                    quantity: position.quantity,
                    average_price: position.average_price(),
                })
            })
            .collect()
    }

    /// Every request so far, oldest first.
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.0.gate().log.iter().cloned().collect()
    }

    /// Requests that arrived at `since` or later, newest first.
    pub fn requests_since(&self, since: Timestamp) -> Vec<RequestRecord> {
        self.0.gate().log.iter().rev().take_while(|record| record.at >= since).cloned().collect()
    }

    /// Requests of an app key for a transaction.
    pub fn request_count(&self, app_key: &str, tr_id: &str) -> usize {
        self.0.gate().log.iter().filter(|record| record.app_key == app_key && record.tr_id == tr_id).count()
    }
}
