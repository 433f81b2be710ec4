//! Brokers behind one port. A client serves one account in one environment and speaks the broker's
//! real wire protocol; it knows nothing of bots, schedules or storage.

pub mod calls;
pub mod egress;
pub mod error;
pub mod feed;
pub mod http;
pub mod kis;
pub mod limit;
pub mod paper;
mod reach;
#[cfg(test)]
pub(crate) mod scripted;

use std::fmt::Debug;

use async_trait::async_trait;
use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::domain::account::UsFunds;
use crate::domain::instrument::{Exchange, Market};
use crate::domain::money::Currency;
use crate::domain::order::{Amendment, Environment, JournalledOrder, Order, OrderIntent, OrderKind, Reason, Side, Venue};
pub use error::{BrokerError, OrderOutcome};

/// A price as the broker shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Quote {
    /// Last trade, in the market's currency.
    pub last: Decimal,
    /// Close of the previous session, where the broker gives one.
    pub previous_close: Option<Decimal>,
    /// Lowest and highest price of the day's orders, where the exchange sets them and the broker tells.
    pub limits: Option<(Decimal, Decimal)>,
    /// An ETF or ETN, as far as the answer tells.
    pub is_etf: Option<bool>,
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
    /// The order that this one amends or cancels.
    pub original_order_no: Option<String>,
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

/// Whose money a buying power counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PowerBasis {
    /// Won without receivables (미수) and without credit.
    CashOnly,
    /// Dollars that the account holds.
    DollarsOnly,
    /// Dollars, and won that the broker exchanges on the spot (통합증거금).
    IntegratedMargin,
}

/// What can be spent.
#[derive(Clone, Debug, PartialEq)]
pub struct BuyingPower {
    /// Orderable amount in the market's currency.
    pub amount: Decimal,
    pub basis: PowerBasis,
    /// The same on the other basis of US orders, where that is known too.
    pub other: Option<Decimal>,
    /// Exchange rate that the broker showed with it, won per dollar.
    pub usd_krw: Option<Decimal>,
}

impl BuyingPower {
    /// The figure that the account's owner wants to go by. A basis that the broker shows no figure of
    /// stays the one that it does show.
    pub fn going_by(mut self, wanted: UsFunds) -> Self {
        let basis = match wanted {
            UsFunds::DollarsOnly if self.basis == PowerBasis::IntegratedMargin => PowerBasis::DollarsOnly,
            UsFunds::IntegratedMargin if self.basis == PowerBasis::DollarsOnly => PowerBasis::IntegratedMargin,
            _ => return self,
        };
        if let Some(other) = self.other {
            (self.amount, self.other, self.basis) = (other, Some(self.amount), basis);
        }
        self
    }
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

/// Cash in one currency.
#[derive(Clone, Debug, PartialEq)]
pub struct Cash {
    pub currency: Currency,
    /// What is there once all trades so far have settled.
    pub amount: Decimal,
}

/// One price level of an order book.
#[derive(Clone, Debug, PartialEq)]
pub struct Level {
    pub price: Decimal,
    pub quantity: u64,
}

/// An order book, best level first on both sides.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OrderBook {
    pub bids: Vec<Level>,
    pub asks: Vec<Level>,
}

/// One minute of trading.
#[derive(Clone, Debug, PartialEq)]
pub struct MinuteBar {
    /// Start of the minute.
    pub at: Timestamp,
    pub open: f64,
    pub high: f64,
    pub low: f64,
    pub close: f64,
    pub volume: u64,
}

/// Length of a bar of a price chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    Day,
    Week,
    Month,
}

/// Whether an exchange trades on a day, as the broker says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayInfo {
    pub date: Date,
    pub trades: bool,
}

/// What a broker takes in one market.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MarketOffer {
    pub market: Market,
    pub buy: &'static [OrderKind],
    pub sell: &'static [OrderKind],
    pub venues: &'static [Venue],
    pub can_amend: bool,
}

impl MarketOffer {
    /// Kinds of orders that are taken on a side.
    pub fn kinds(&self, side: Side) -> &'static [OrderKind] {
        match side {
            Side::Buy => self.buy,
            Side::Sell => self.sell,
        }
    }
}

/// What a client can do, by market. A market that is missing cannot be traded with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Capabilities {
    pub offers: Vec<MarketOffer>,
}

impl Capabilities {
    pub fn offer(&self, market: Market) -> Option<&MarketOffer> {
        self.offers.iter().find(|offer| offer.market == market)
    }

    pub fn kinds(&self, market: Market, side: Side) -> &'static [OrderKind] {
        self.offer(market).map_or(&[], |offer| offer.kinds(side))
    }
}

/// Reads: never change anything at the broker and may be repeated.
#[async_trait]
pub trait MarketReader: Send + Sync + Debug {
    /// Last price and previous close.
    async fn quote(&self, exchange: Exchange, symbol: &str) -> Result<Quote, BrokerError>;

    /// The US exchange that lists a ticker, found by asking for its price at each once; `None` when
    /// no exchange knows it.
    async fn find_listing(&self, symbol: &str) -> Result<Option<Exchange>, BrokerError>;

    /// Daily bars (split-adjusted), oldest first, at most `count`, the newest not after `until`.
    async fn daily_bars(&self, exchange: Exchange, symbol: &str, until: Option<Date>, count: usize) -> Result<Vec<DailyBar>, BrokerError>;

    /// Bars of the given length, oldest first, at most `count`, the newest not after `until`.
    async fn bars(&self, exchange: Exchange, symbol: &str, period: Period, until: Date, count: usize)
    -> Result<Vec<DailyBar>, BrokerError>;

    /// Minutes of the newest session, oldest first, at most `count`.
    async fn minute_bars(&self, exchange: Exchange, symbol: &str, count: usize) -> Result<Vec<MinuteBar>, BrokerError>;

    async fn order_book(&self, exchange: Exchange, symbol: &str) -> Result<OrderBook, BrokerError>;

    /// Trading days of the Korean exchange from `from` on, as far as the broker's answer reaches. The
    /// broker asks for one call a day at most.
    async fn krx_days(&self, from: Date) -> Result<Vec<DayInfo>, BrokerError>;

    /// Won per dollar from the broker's currency chart.
    async fn usd_krw(&self) -> Result<Decimal, BrokerError>;

    /// Won per dollar at the close of each day of a range, both ends included, oldest first; empty
    /// where the chart holds nothing. One answer holds about 100 days: ask for a month at a time.
    async fn usd_krw_closes(&self, from: Date, to: Date) -> Result<Vec<(Date, Decimal)>, BrokerError>;
}

/// An account at a broker.
#[async_trait]
pub trait Broker: MarketReader {
    fn environment(&self) -> Environment;

    fn capabilities(&self) -> Capabilities;

    /// Seconds by which our clock is ahead of the broker's, as its last answer showed; `None` before
    /// the first answer.
    fn clock_drift(&self) -> Option<i64>;

    /// Makes sure that a working access token is there.
    async fn check_token(&self) -> Result<(), BrokerError>;

    /// All orders of the given order dates with their executions, complete over all pages.
    /// `symbol` narrows where the broker can.
    async fn orders(&self, market: Market, from: Date, to: Date, symbol: Option<&str>) -> Result<Vec<BrokerOrder>, BrokerError>;

    /// Orders that are still open, complete over all pages.
    async fn open_orders(&self, market: Market) -> Result<Vec<BrokerOrder>, BrokerError>;

    async fn positions(&self, market: Market) -> Result<Vec<BrokerPosition>, BrokerError>;

    /// Cash in the market's currency.
    async fn cash(&self, market: Market) -> Result<Cash, BrokerError>;

    /// What a buy of `symbol` may spend: at `price`, or at the market when there is none.
    async fn buying_power(&self, exchange: Exchange, symbol: &str, price: Option<Decimal>) -> Result<BuyingPower, BrokerError>;

    /// Shares of `symbol` that may be sold now.
    async fn sellable(&self, exchange: Exchange, symbol: &str) -> Result<Decimal, BrokerError>;

    async fn present_balance(&self) -> Result<PresentBalance, BrokerError>;

    /// Realised profit of the day in the market's currency, costs included.
    ///
    /// # Errors
    /// `Forbidden` where the broker does not tell it.
    async fn realised_profit(&self, market: Market) -> Result<Decimal, BrokerError> {
        Err(BrokerError::Forbidden(format!("the broker does not tell the realised profit of {}", market.code())))
    }
}

/// What a client asks right before each order or amendment leaves: an order can wait in the process for
/// minutes, and a switch that was thrown meanwhile must hold for it. The gate has asked the same before
/// the order was journalled. Cancels pass unasked: they only make less of what was sent before.
pub trait OrderGuard: Send + Sync + Debug {
    /// Why the order, or new terms for it, must not leave now; `None` lets it go.
    fn refusal(&self, intent: &OrderIntent) -> Option<Reason>;
}

/// Sending and cancelling. Called by the order service and by nothing else (an architecture test
/// keeps it so); an implementation never retries and refuses an order of another environment.
#[async_trait]
pub trait OrderGateway: Broker {
    /// Sends one order, unless its deadline has come: `TooLate` then, and nothing has left.
    async fn send_order(&self, order: JournalledOrder<'_>, exchange: Exchange) -> Result<OrderAck, BrokerError>;

    /// Asks for new terms for what is left of an order. The answer's number is the order's from then
    /// on; the old number keeps what was filled under it.
    async fn send_amend(&self, order: &Order, terms: &Amendment, exchange: Exchange) -> Result<OrderAck, BrokerError>;

    /// Cancels what is left of an order; the broker's own number and date are in it.
    async fn send_cancel(&self, order: &Order, exchange: Exchange) -> Result<(), BrokerError>;
}
