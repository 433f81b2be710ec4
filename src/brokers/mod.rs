//! Brokers behind one port. A client serves one account in one environment and speaks the broker's
//! real wire protocol; it knows nothing of bots, schedules or storage.

pub mod error;
pub mod http;
pub mod kis;
pub mod limit;
#[cfg(test)]
pub(crate) mod scripted;

use std::fmt::Debug;

use async_trait::async_trait;
use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;

use crate::domain::instrument::Exchange;
use crate::domain::order::{Environment, JournalledOrder, Order, Side};
pub use error::{BrokerError, OrderOutcome};

/// A price as the broker shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Quote {
    /// Last trade, in the market's currency.
    pub last: Decimal,
    /// Close of the previous session, where the broker gives one.
    pub previous_close: Option<Decimal>,
    /// When the answer came.
    pub at: Timestamp,
}

/// The broker's receipt for an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderAck {
    /// Unique only together with `order_date`.
    pub broker_order_no: String,
    /// Date under which the broker lists the order (exchange-local).
    pub order_date: Date,
}

/// What the broker knows of an order.
#[derive(Clone, Debug, PartialEq)]
pub struct BrokerOrder {
    pub broker_order_no: String,
    pub order_date: Date,
    /// When the broker took it, as far as its answer tells.
    pub ordered_at: Option<Timestamp>,
    pub symbol: String,
    pub side: Side,
    pub quantity: u64,
    /// Limit price.
    pub price: Decimal,
    /// Cumulative.
    pub filled_quantity: u64,
    /// Cumulative gross amount of the executions.
    pub filled_amount: Decimal,
    /// Still open at the broker.
    pub open_quantity: u64,
    pub rejected: bool,
    /// The broker's own words for the state or the refusal.
    pub status_text: String,
}

/// A holding at the broker.
#[derive(Clone, Debug, PartialEq)]
pub struct BrokerPosition {
    pub symbol: String,
    pub exchange: Option<Exchange>,
    pub quantity: Decimal,
    pub sellable: Decimal,
    pub average_price: Decimal,
    pub last_price: Decimal,
}

/// What can be spent.
#[derive(Clone, Debug, PartialEq)]
pub struct BuyingPower {
    /// Orderable amount in the market's currency.
    pub amount: Decimal,
    /// Exchange rate that the broker showed with it, won per dollar.
    pub usd_krw: Option<Decimal>,
}

/// Balance on an execution basis.
#[derive(Clone, Debug, PartialEq)]
pub struct PresentBalance {
    /// Foreign cash by currency code.
    pub usd_cash: Option<Decimal>,
    /// Won per dollar as announced by the broker.
    pub usd_krw: Option<Decimal>,
    pub total_assets_krw: Option<Decimal>,
}

/// One daily bar.
#[derive(Clone, Debug, PartialEq)]
pub struct DailyBar {
    /// Exchange-local trading date.
    pub date: Date,
    pub open: f64,
    pub high: f64,
    pub low: f64,
    pub close: f64,
    pub volume: u64,
}

/// Reads: never change anything at the broker and may be repeated.
#[async_trait]
pub trait MarketReader: Send + Sync + Debug {
    /// Last price and previous close of a US instrument.
    async fn quote(&self, exchange: Exchange, symbol: &str) -> Result<Quote, BrokerError>;

    /// The US exchange that lists a ticker, found by asking for its price at each once; `None` when
    /// no exchange knows it.
    async fn find_listing(&self, symbol: &str) -> Result<Option<Exchange>, BrokerError>;

    /// Daily bars, oldest first, at most `count`, the newest not after `until`.
    async fn daily_bars(&self, exchange: Exchange, symbol: &str, until: Option<Date>, count: usize) -> Result<Vec<DailyBar>, BrokerError>;

    /// Won per dollar from the broker's currency chart.
    async fn usd_krw(&self) -> Result<Decimal, BrokerError>;
}

/// An account at a broker.
#[async_trait]
pub trait Broker: MarketReader {
    fn environment(&self) -> Environment;

    /// Seconds by which our clock is ahead of the broker's, as its last answer showed; `None` before
    /// the first answer.
    fn clock_drift(&self) -> Option<i64>;

    /// Makes sure that a working access token is there.
    async fn check_token(&self) -> Result<(), BrokerError>;

    /// All orders of the given order dates with their executions, complete over all pages.
    /// `symbol` narrows where the broker can.
    async fn orders(&self, from: Date, to: Date, symbol: Option<&str>) -> Result<Vec<BrokerOrder>, BrokerError>;

    /// Orders that are still open, complete over all pages.
    async fn open_orders(&self) -> Result<Vec<BrokerOrder>, BrokerError>;

    async fn positions(&self) -> Result<Vec<BrokerPosition>, BrokerError>;

    /// What a buy of `symbol` at `price` may spend.
    async fn buying_power(&self, exchange: Exchange, symbol: &str, price: Decimal) -> Result<BuyingPower, BrokerError>;

    async fn present_balance(&self) -> Result<PresentBalance, BrokerError>;
}

/// Sending and cancelling. Called by the order service and by nothing else (an architecture test
/// keeps it so); an implementation never retries and refuses an order of another environment.
#[async_trait]
pub trait OrderGateway: Broker {
    /// Sends one order.
    async fn send_order(&self, order: JournalledOrder<'_>, exchange: Exchange) -> Result<OrderAck, BrokerError>;

    /// Cancels what is left of an order; the broker's own number and date are in it.
    async fn send_cancel(&self, order: &Order, exchange: Exchange) -> Result<(), BrokerError>;
}
