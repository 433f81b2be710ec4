//! Korea Investment & Securities: Korean and US stocks over the REST interface, one client per account.

mod auth;
mod chart;
mod domestic;
mod flights;
mod fold;
mod keys;
mod offers;
mod overseas;
mod parse;
mod rest;
pub mod urls;
pub mod ws;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::civil::Date;
use rust_decimal::Decimal;
use secrecy::{ExposeSecret, SecretString};

pub use auth::{MemoryTokenStore, StoredToken, TokenKeeper, TokenStore};
pub use keys::{KeyLine, KeyName, KeyRing};

use self::domestic::Domestic;
use self::flights::Flights;
use self::overseas::Overseas;
use self::parse::Answer;
use self::rest::{Rest, fixed_headers};
use super::error::RejectionKind;
use super::http::{HttpClient, Redactor};
use super::limit::RateLimiter;
use super::{
    Broker, BrokerError, BrokerOrder, BrokerPosition, BuyingPower, Capabilities, Cash, DailyBar, DayInfo, MarketReader, MinuteBar,
    OrderAck, OrderBook, OrderGateway, OrderGuard, Period, PresentBalance, Quote,
};
use crate::domain::clock::{Clock, kst_date};
use crate::domain::instrument::{Exchange, Market};
use crate::domain::order::{Amendment, BrokerHost, Environment, JournalledOrder, Order, OrderIntent};

/// What a client is built from.
#[derive(Clone, Debug)]
pub struct KisConfig {
    pub host: BrokerHost,
    /// Scheme, host and port; from the server's configuration only.
    pub base_url: String,
    pub app_key: SecretString,
    pub app_secret: SecretString,
    /// The first eight digits of the account number.
    pub cano: SecretString,
    /// Its last two digits.
    pub product: String,
}

/// A client of one account in one environment.
pub struct KisClient {
    rest: Rest,
    quotes: Flights<(Exchange, String), Result<Quote, BrokerError>>,
    /// The calendar as the broker gave it on a day.
    days: tokio::sync::Mutex<Option<Days>>,
}

/// Days of the Korean exchange from `from` on, asked on the day `asked`.
struct Days {
    asked: Date,
    from: Date,
    days: Vec<DayInfo>,
}

impl fmt::Debug for KisClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KisClient").field("host", &self.rest.host).field("base_url", &self.rest.base_url).finish()
    }
}

impl KisClient {
    /// Builds a client. `clock` is the market clock; `tokens` and `limiter` are shared by all clients
    /// of the same app key.
    ///
    /// # Errors
    /// `Unauthorized` with the code `bad_key_format` when a key or the account number cannot be one.
    pub fn new(
        config: KisConfig,
        http: HttpClient,
        clock: Arc<dyn Clock>,
        tokens: Arc<TokenKeeper>,
        limiter: Arc<RateLimiter>,
    ) -> Result<Self, BrokerError> {
        let digits = |text: &str, length: usize| text.len() == length && text.bytes().all(|b| b.is_ascii_digit());
        let graphic = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
        if !graphic(config.app_key.expose_secret()) {
            return Err(bad_format("the app key must be the text that the broker shows, without blanks"));
        }
        if !graphic(config.app_secret.expose_secret()) {
            return Err(bad_format("the app secret must be the text that the broker shows, without blanks"));
        }
        if !digits(config.cano.expose_secret(), 8) || !digits(&config.product, 2) {
            return Err(bad_format("the account number must be eight digits, a dash and two digits"));
        }
        let headers = fixed_headers(&config.app_key, &config.app_secret)
            .ok_or_else(|| bad_format("the app key and app secret must be the texts that the broker shows"))?;
        let secrets = Redactor::new([config.app_key.clone(), config.app_secret.clone(), config.cano.clone()]);
        Ok(Self {
            rest: Rest {
                host: config.host,
                base_url: config.base_url.trim_end_matches('/').to_owned(),
                http,
                clock,
                tokens,
                limiter,
                app_key: config.app_key,
                app_secret: config.app_secret,
                cano: config.cano,
                product: config.product,
                headers,
                secrets,
                drift: std::sync::Mutex::new(None),
                guard: None,
            },
            quotes: Flights::default(),
            days: tokio::sync::Mutex::default(),
        })
    }

    /// Sends only orders and amendments that this guard allows, and asks it right before each of them
    /// leaves. Without a guard a client of the live host sends nothing at all.
    pub fn with_guard(mut self, guard: Arc<dyn OrderGuard>) -> Self {
        self.rest.guard = Some(guard);
        self
    }

    /// Refuses everything that must not leave this client, before a byte does.
    fn may_send(&self, intent: &OrderIntent, exchange: Exchange) -> Result<(), BrokerError> {
        let own = Environment::from(self.rest.host);
        if intent.environment != own {
            return Err(BrokerError::Forbidden(format!(
                "the order was decided for the {} environment, this client serves {}",
                word(intent.environment),
                word(own)
            )));
        }
        if own == Environment::Live && self.rest.guard.is_none() {
            return Err(BrokerError::LiveLocked);
        }
        if intent.market != market_of(exchange) {
            return Err(BrokerError::Forbidden(format!("{exchange:?} is no exchange of the market {}", intent.market.code())));
        }
        Ok(())
    }

    fn us(&self) -> Overseas<'_> {
        Overseas(&self.rest)
    }

    fn krx(&self) -> Domestic<'_> {
        Domestic(&self.rest)
    }
}

#[async_trait]
impl MarketReader for KisClient {
    async fn quote(&self, exchange: Exchange, symbol: &str) -> Result<Quote, BrokerError> {
        let read = || async {
            match market_of(exchange) {
                Market::Us => self.us().quote(exchange, symbol).await,
                Market::Krx => self.krx().quote(symbol).await,
            }
        };
        self.quotes.join(&(exchange, symbol.to_owned()), read).await
    }

    async fn find_listing(&self, symbol: &str) -> Result<Option<Exchange>, BrokerError> {
        self.us().find_listing(symbol).await
    }

    async fn daily_bars(&self, exchange: Exchange, symbol: &str, until: Option<Date>, count: usize) -> Result<Vec<DailyBar>, BrokerError> {
        match market_of(exchange) {
            Market::Us => self.us().bars(exchange, symbol, Period::Day, until, count).await,
            Market::Krx => self.krx().bars(symbol, Period::Day, until, count).await,
        }
    }

    async fn bars(
        &self,
        exchange: Exchange,
        symbol: &str,
        period: Period,
        until: Date,
        count: usize,
    ) -> Result<Vec<DailyBar>, BrokerError> {
        match market_of(exchange) {
            Market::Us => self.us().bars(exchange, symbol, period, Some(until), count).await,
            Market::Krx => self.krx().bars(symbol, period, Some(until), count).await,
        }
    }

    async fn minute_bars(&self, exchange: Exchange, symbol: &str, count: usize) -> Result<Vec<MinuteBar>, BrokerError> {
        match market_of(exchange) {
            Market::Us => self.us().minute_bars(exchange, symbol, count).await,
            Market::Krx => self.krx().minute_bars(symbol, count).await,
        }
    }

    async fn order_book(&self, exchange: Exchange, symbol: &str) -> Result<OrderBook, BrokerError> {
        match market_of(exchange) {
            Market::Us => self.us().order_book(exchange, symbol).await,
            Market::Krx => self.krx().order_book(symbol).await,
        }
    }

    async fn krx_days(&self, from: Date) -> Result<Vec<DayInfo>, BrokerError> {
        let today = kst_date(self.rest.clock.now());
        // Held while the broker is asked, so that whoever asks meanwhile shares the answer.
        let mut known = self.days.lock().await;
        if let Some(known) = known.as_ref().filter(|known| known.asked == today && known.from <= from) {
            return Ok(known.days.iter().copied().filter(|day| day.date >= from).collect());
        }
        let days = self.krx().days(from).await?;
        *known = Some(Days { asked: today, from, days: days.clone() });
        Ok(days)
    }

    async fn usd_krw(&self) -> Result<Decimal, BrokerError> {
        self.us().usd_krw().await
    }

    async fn usd_krw_closes(&self, from: Date, to: Date) -> Result<Vec<(Date, Decimal)>, BrokerError> {
        self.us().usd_krw_closes(from, to).await
    }
}

#[async_trait]
impl Broker for KisClient {
    fn environment(&self) -> Environment {
        self.rest.host.into()
    }

    fn capabilities(&self) -> Capabilities {
        offers::capabilities(self.rest.host)
    }

    fn clock_drift(&self) -> Option<i64> {
        self.rest.drift()
    }

    async fn check_token(&self) -> Result<(), BrokerError> {
        self.rest.check_token().await
    }

    async fn orders(&self, market: Market, from: Date, to: Date, symbol: Option<&str>) -> Result<Vec<BrokerOrder>, BrokerError> {
        match market {
            Market::Us => self.us().orders(from, to, symbol).await,
            Market::Krx => self.krx().orders(from, to, symbol).await,
        }
    }

    async fn open_orders(&self, market: Market) -> Result<Vec<BrokerOrder>, BrokerError> {
        match market {
            Market::Us => self.us().open_orders().await,
            Market::Krx => self.krx().open_orders().await,
        }
    }

    async fn positions(&self, market: Market) -> Result<Vec<BrokerPosition>, BrokerError> {
        match market {
            Market::Us => self.us().positions().await,
            Market::Krx => self.krx().positions().await,
        }
    }

    async fn cash(&self, market: Market) -> Result<Cash, BrokerError> {
        match market {
            Market::Us => self.us().cash().await,
            Market::Krx => self.krx().cash().await,
        }
    }

    async fn buying_power(&self, exchange: Exchange, symbol: &str, price: Option<Decimal>) -> Result<BuyingPower, BrokerError> {
        match market_of(exchange) {
            Market::Us => self.us().buying_power(exchange, symbol, price).await,
            Market::Krx => self.krx().buying_power(symbol).await,
        }
    }

    async fn sellable(&self, exchange: Exchange, symbol: &str) -> Result<Decimal, BrokerError> {
        match market_of(exchange) {
            Market::Us => self.us().sellable(symbol).await,
            Market::Krx => self.krx().sellable(symbol).await,
        }
    }

    async fn present_balance(&self) -> Result<PresentBalance, BrokerError> {
        self.us().present_balance().await
    }

    async fn realised_profit(&self, market: Market) -> Result<Decimal, BrokerError> {
        match market {
            Market::Us => Err(not_offered("the realised profit of US stocks")),
            Market::Krx => self.krx().realised_profit().await,
        }
    }
}

#[async_trait]
impl OrderGateway for KisClient {
    async fn send_order(&self, order: JournalledOrder<'_>, exchange: Exchange) -> Result<OrderAck, BrokerError> {
        let intent = order.intent();
        self.may_send(intent, exchange)?;
        if intent.quantity == 0 {
            return Err(bad_order("bad_quantity", "the quantity must be at least one share"));
        }
        match intent.market {
            Market::Us => self.us().send(&order, exchange).await,
            Market::Krx => self.krx().send(&order).await,
        }
    }

    async fn send_amend(&self, order: &Order, terms: &Amendment, exchange: Exchange) -> Result<OrderAck, BrokerError> {
        self.may_send(&order.intent, exchange)?;
        let original_no = number_of(order)?;
        match order.intent.market {
            Market::Us => self.us().amend(order, original_no, terms, exchange).await,
            Market::Krx => self.krx().amend(order, original_no, terms).await,
        }
    }

    async fn send_cancel(&self, order: &Order, exchange: Exchange) -> Result<(), BrokerError> {
        self.may_send(&order.intent, exchange)?;
        let original_no = number_of(order)?;
        match order.intent.market {
            Market::Us => self.us().cancel(order, original_no, exchange).await,
            Market::Krx => self.krx().cancel(order, original_no).await,
        }
    }
}

fn market_of(exchange: Exchange) -> Market {
    match exchange {
        Exchange::Nasdaq | Exchange::Nyse | Exchange::Amex => Market::Us,
        Exchange::Krx => Market::Krx,
    }
}

fn number_of(order: &Order) -> Result<&str, BrokerError> {
    order.broker_order_no.as_deref().ok_or_else(|| bad_order("no_order_number", "the order has no number at the broker yet"))
}

/// Reads the broker's receipt for an order or an amendment. One without a number leaves the order
/// unknown: it was taken, but nobody can say as what.
fn receipt(answer: &Answer, order_date: Date) -> Result<OrderAck, BrokerError> {
    let Ok(Some(row)) = answer.row("output") else { return Err(answer.fault("output of the receipt of an order is not a row")) };
    match row.text("ODNO") {
        Ok(number) if !parse::is_blank(number) && number.bytes().all(|b| b.is_ascii_digit()) => {
            Ok(OrderAck { broker_order_no: number.to_owned(), order_date })
        }
        Ok(number) if parse::is_blank(number) => Err(answer.fault("ODNO is missing from the receipt of an order")),
        _ => Err(answer.fault("ODNO of the receipt of an order is not a number in a text")),
    }
}

fn not_offered(what: &str) -> BrokerError {
    BrokerError::Forbidden(format!("this client does not offer {what}"))
}

/// An order that is refused before it leaves.
fn bad_order(code: &str, message: &str) -> BrokerError {
    BrokerError::Rejected { code: code.to_owned(), message: message.to_owned(), kind: RejectionKind::Other }
}

fn bad_price(message: &str) -> BrokerError {
    BrokerError::Rejected { code: "bad_price".to_owned(), message: message.to_owned(), kind: RejectionKind::BadPrice }
}

fn bad_format(message: &str) -> BrokerError {
    BrokerError::Unauthorized { code: "bad_key_format".to_owned(), message: message.to_owned() }
}

fn word(environment: Environment) -> &'static str {
    match environment {
        Environment::Own => "own paper",
        Environment::Mock => "paper",
        Environment::Live => "live",
    }
}
