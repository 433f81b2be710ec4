//! Korea Investment & Securities: US stocks over the REST interface, one client per account.

mod auth;
mod models;
mod parse;
mod rest;
pub mod urls;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};
use rust_decimal::Decimal;
use secrecy::{ExposeSecret, SecretString};

pub use auth::{MemoryTokenStore, StoredToken, TokenKeeper, TokenStore};

use self::parse::{Answer, date_text, protocol};
use self::rest::{Rest, fixed_headers};
use super::error::RejectionKind;
use super::http::{HttpClient, Redactor};
use super::limit::RateLimiter;
use super::{
    Broker, BrokerError, BrokerOrder, BrokerPosition, BuyingPower, Capabilities, Cash, DailyBar, DayInfo, MarketOffer, MarketReader,
    MinuteBar, OrderAck, OrderBook, OrderGateway, Period, PresentBalance, Quote,
};
use crate::domain::clock::{Clock, kst_date};
use crate::domain::instrument::{Exchange, Market};
use crate::domain::order::{Amendment, BrokerHost, Environment, JournalledOrder, LIVE_ORDERS_LOCKED, Order, OrderIntent, OrderKind, Side};

/// More calls than any sensible history needs.
const MAX_BAR_PAGES: usize = 100;

/// How far back the newest exchange rate is looked for: longer than any run of holidays.
const RATE_DAYS: i32 = 14;

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
            },
        })
    }

    /// Refuses everything that must not leave this client, before a byte does.
    fn may_send(&self, intent: &OrderIntent, exchange: Exchange) -> Result<&'static str, BrokerError> {
        let own = Environment::from(self.rest.host);
        if intent.environment != own {
            return Err(BrokerError::Forbidden(format!(
                "the order was decided for the {} environment, this client serves {}",
                word(intent.environment),
                word(own)
            )));
        }
        if LIVE_ORDERS_LOCKED && own == Environment::Live {
            return Err(BrokerError::LiveLocked);
        }
        if intent.market != Market::Us {
            return Err(BrokerError::Forbidden(format!("this client trades US instruments, not {}", intent.market.code())));
        }
        urls::order_code(exchange)
    }

    async fn price(&self, exchange: Exchange, symbol: &str) -> Result<Option<Quote>, BrokerError> {
        let params = vec![("AUTH", String::new()), ("EXCD", urls::price_code(exchange)?.to_owned()), ("SYMB", symbol.to_owned())];
        let answer = self.rest.read(urls::PRICE, &params).await?;
        let Some(row) = answer.row("output")? else { return Ok(None) };
        // An unknown symbol is answered with success and blanks.
        let Some(last) = row.optional_decimal("last")? else { return Ok(None) };
        let previous_close = models::known(row.optional_decimal("base")?);
        Ok(Some(Quote { last, previous_close, at: self.rest.clock.now() }))
    }

    async fn execution_list(&self, from: Date, to: Date, symbol: Option<&str>) -> Result<Vec<BrokerOrder>, BrokerError> {
        // Paper accounts answer only the unfiltered question.
        let (product, exchange) = match self.rest.host {
            BrokerHost::Live => (symbol.unwrap_or("%"), "NASD"),
            BrokerHost::Mock => ("", ""),
        };
        let mut params = self.rest.account();
        params.extend([
            ("PDNO", product.to_owned()),
            ("ORD_STRT_DT", date_text(from)),
            ("ORD_END_DT", date_text(to)),
            ("SLL_BUY_DVSN", "00".to_owned()),
            ("CCLD_NCCS_DVSN", "00".to_owned()),
            ("OVRS_EXCG_CD", exchange.to_owned()),
            ("SORT_SQN", "DS".to_owned()),
            ("ORD_DT", String::new()),
            ("ORD_GNO_BRNO", String::new()),
            ("ODNO", String::new()),
        ]);
        let pages = self.rest.read_all(urls::EXECUTIONS, params).await?;
        let mut orders = read_orders(&pages)?;
        orders.retain(|order| symbol.is_none_or(|wanted| order.symbol == wanted));
        Ok(orders)
    }
}

/// Won per dollar as the currency chart shows it.
struct CurrencyChart {
    /// By day, oldest first.
    closes: Vec<(Date, Decimal)>,
    /// The rate in the chart's head.
    present: Option<Decimal>,
}

impl KisClient {
    async fn currency_chart(&self, from: Date, to: Date) -> Result<CurrencyChart, BrokerError> {
        let params = vec![
            ("FID_COND_MRKT_DIV_CODE", "X".to_owned()),
            ("FID_INPUT_ISCD", "FX@KRW".to_owned()),
            ("FID_INPUT_DATE_1", date_text(from)),
            ("FID_INPUT_DATE_2", date_text(to)),
            ("FID_PERIOD_DIV_CODE", "D".to_owned()),
        ];
        let answer = self.rest.read(urls::CURRENCY_CHART, &params).await?;
        let mut closes = Vec::new();
        for row in answer.rows("output2")? {
            let date = row.optional_date("stck_bsop_date")?;
            let close = models::known(row.optional_decimal("ovrs_nmix_prpr")?);
            closes.extend(date.zip(close));
        }
        closes.sort_by_key(|(date, _)| *date);
        closes.dedup_by_key(|(date, _)| *date);
        let head = answer.row("output1")?.map(|row| row.optional_decimal("ovrs_nmix_prpr")).transpose()?.flatten();
        Ok(CurrencyChart { closes, present: models::known(head) })
    }
}

#[async_trait]
impl MarketReader for KisClient {
    async fn quote(&self, exchange: Exchange, symbol: &str) -> Result<Quote, BrokerError> {
        let quote = self.price(exchange, symbol).await?.ok_or_else(|| BrokerError::UnknownInstrument(symbol.to_owned()))?;
        if quote.last <= Decimal::ZERO {
            return Err(protocol(format!("last is not a price: '{}'", quote.last)));
        }
        Ok(quote)
    }

    async fn find_listing(&self, symbol: &str) -> Result<Option<Exchange>, BrokerError> {
        for exchange in urls::US_EXCHANGES {
            if self.price(exchange, symbol).await?.is_some_and(|quote| quote.last > Decimal::ZERO) {
                return Ok(Some(exchange));
            }
        }
        Ok(None)
    }

    async fn daily_bars(&self, exchange: Exchange, symbol: &str, until: Option<Date>, count: usize) -> Result<Vec<DailyBar>, BrokerError> {
        let exchange = urls::price_code(exchange)?;
        let mut bars: Vec<DailyBar> = Vec::new();
        let mut last_wanted = until;
        for _ in 0..MAX_BAR_PAGES {
            let params = vec![
                ("AUTH", String::new()),
                ("EXCD", exchange.to_owned()),
                ("SYMB", symbol.to_owned()),
                ("GUBN", "0".to_owned()),
                ("BYMD", last_wanted.map(date_text).unwrap_or_default()),
                // Prices adjusted for splits.
                ("MODP", "1".to_owned()),
            ];
            let answer = self.rest.read(urls::DAILY_PRICE, &params).await?;
            let mut page = Vec::new();
            for row in answer.rows("output2")? {
                let bar = models::daily_bar(row)?;
                page.extend(bar.filter(|bar| last_wanted.is_none_or(|last| bar.date <= last)));
            }
            let Some(oldest) = page.iter().map(|bar| bar.date).min() else { break };
            bars.extend(page);
            let Ok(before) = oldest.yesterday() else { break };
            last_wanted = Some(before);
            if bars.len() >= count {
                break;
            }
        }
        bars.sort_by_key(|bar| bar.date);
        bars.dedup_by_key(|bar| bar.date);
        let surplus = bars.len().saturating_sub(count);
        bars.drain(..surplus);
        Ok(bars)
    }

    async fn bars(&self, _: Exchange, _: &str, _: Period, _: Date, _: usize) -> Result<Vec<DailyBar>, BrokerError> {
        Err(not_offered("weekly and monthly bars"))
    }

    async fn minute_bars(&self, _: Exchange, _: &str, _: usize) -> Result<Vec<MinuteBar>, BrokerError> {
        Err(not_offered("minute bars"))
    }

    async fn order_book(&self, _: Exchange, _: &str) -> Result<OrderBook, BrokerError> {
        Err(not_offered("order books"))
    }

    async fn krx_days(&self, _: Date) -> Result<Vec<DayInfo>, BrokerError> {
        Err(not_offered("trading days"))
    }

    async fn usd_krw(&self) -> Result<Decimal, BrokerError> {
        let today = kst_date(self.rest.clock.now());
        let from = today.checked_sub(jiff::Span::new().days(RATE_DAYS)).unwrap_or(today);
        let chart = self.currency_chart(from, today).await?;
        let newest = chart.closes.last().map(|(_, close)| *close);
        newest.or(chart.present).ok_or_else(|| protocol("ovrs_nmix_prpr: the currency chart holds no exchange rate".to_owned()))
    }

    async fn usd_krw_closes(&self, from: Date, to: Date) -> Result<Vec<(Date, Decimal)>, BrokerError> {
        let mut closes = self.currency_chart(from, to).await?.closes;
        closes.retain(|(date, _)| (from..=to).contains(date));
        Ok(closes)
    }
}

#[async_trait]
impl Broker for KisClient {
    fn environment(&self) -> Environment {
        self.rest.host.into()
    }

    fn capabilities(&self) -> Capabilities {
        let us = MarketOffer { market: Market::Us, buy: &[OrderKind::Limit], sell: &[OrderKind::Limit], venues: &[], can_amend: false };
        Capabilities { offers: vec![us] }
    }

    fn clock_drift(&self) -> Option<i64> {
        self.rest.drift()
    }

    async fn check_token(&self) -> Result<(), BrokerError> {
        self.rest.check_token().await
    }

    async fn orders(&self, market: Market, from: Date, to: Date, symbol: Option<&str>) -> Result<Vec<BrokerOrder>, BrokerError> {
        overseas(market)?;
        self.execution_list(from, to, symbol).await
    }

    async fn open_orders(&self, market: Market) -> Result<Vec<BrokerOrder>, BrokerError> {
        overseas(market)?;
        let mut orders = match self.rest.host {
            BrokerHost::Live => {
                let mut params = self.rest.account();
                // NASD asks for all US exchanges.
                params.extend([("OVRS_EXCG_CD", "NASD".to_owned()), ("SORT_SQN", "DS".to_owned())]);
                read_orders(&self.rest.read_all(urls::OPEN_ORDERS, params).await?)?
            }
            BrokerHost::Mock => {
                let today = us_date(self.rest.clock.now());
                self.execution_list(today.yesterday().unwrap_or(today), today, None).await?
            }
        };
        orders.retain(|order| order.open_quantity > 0 && !order.rejected);
        Ok(orders)
    }

    async fn positions(&self, market: Market) -> Result<Vec<BrokerPosition>, BrokerError> {
        overseas(market)?;
        // On a live account NASD stands for all US exchanges, on a paper account for itself only.
        let exchanges: &[&str] = match self.rest.host {
            BrokerHost::Live => &["NASD"],
            BrokerHost::Mock => &["NASD", "NYSE", "AMEX"],
        };
        let mut rows = Vec::new();
        for exchange in exchanges {
            let mut params = self.rest.account();
            params.extend([("OVRS_EXCG_CD", (*exchange).to_owned()), ("TR_CRCY_CD", "USD".to_owned())]);
            for page in self.rest.read_all(urls::BALANCE, params).await? {
                for row in page.rows("output1")? {
                    rows.extend(models::position_row(row)?);
                }
            }
        }
        models::fold_positions(rows)
    }

    async fn cash(&self, market: Market) -> Result<Cash, BrokerError> {
        overseas(market)?;
        let balance = self.present_balance().await?;
        let amount = balance.usd_cash.ok_or_else(|| protocol("the present balance shows no dollars".to_owned()))?;
        Ok(Cash { currency: market.currency(), amount })
    }

    async fn sellable(&self, _: Exchange, symbol: &str) -> Result<Decimal, BrokerError> {
        let positions = self.positions(Market::Us).await?;
        Ok(positions.into_iter().find(|p| p.symbol == symbol).map_or(Decimal::ZERO, |p| p.sellable))
    }

    async fn buying_power(&self, exchange: Exchange, symbol: &str, price: Option<Decimal>) -> Result<BuyingPower, BrokerError> {
        let mut params = self.rest.account();
        params.extend([
            ("OVRS_EXCG_CD", urls::order_code(exchange)?.to_owned()),
            ("OVRS_ORD_UNPR", price.map(price_text).transpose()?.unwrap_or_else(|| "0".to_owned())),
            ("ITEM_CD", symbol.to_owned()),
        ]);
        let answer = self.rest.read(urls::BUYING_POWER, &params).await?;
        let row = answer.row("output")?.ok_or_else(|| protocol("output of the buying power is missing".to_owned()))?;
        models::buying_power(row)
    }

    async fn present_balance(&self) -> Result<PresentBalance, BrokerError> {
        let mut params = self.rest.account();
        params.extend([
            ("WCRC_FRCR_DVSN_CD", "02".to_owned()),
            ("NATN_CD", "840".to_owned()),
            ("TR_MKET_CD", "00".to_owned()),
            ("INQR_DVSN_CD", "00".to_owned()),
        ]);
        let answer = self.rest.read(urls::PRESENT_BALANCE, &params).await?;
        models::present_balance(&answer.rows("output2")?, answer.row("output3")?)
    }
}

#[async_trait]
impl OrderGateway for KisClient {
    async fn send_order(&self, order: JournalledOrder<'_>, exchange: Exchange) -> Result<OrderAck, BrokerError> {
        let intent = order.intent();
        let exchange = self.may_send(intent, exchange)?;
        if intent.quantity == 0 {
            return Err(bad_order(RejectionKind::Other, "bad_quantity", "the quantity must be at least one share"));
        }
        let mut params = self.rest.account();
        params.extend([
            ("OVRS_EXCG_CD", exchange.to_owned()),
            ("PDNO", intent.symbol.clone()),
            ("ORD_QTY", intent.quantity.to_string()),
            ("OVRS_ORD_UNPR", price_text(intent.limit_price.unwrap_or_default())?),
            ("CTAC_TLNO", String::new()),
            ("MGCO_APTM_ODNO", String::new()),
            ("ORD_SVR_DVSN_CD", "0".to_owned()),
            ("ORD_DVSN", "00".to_owned()),
        ]);
        if intent.side == Side::Sell {
            params.push(("SLL_TYPE", "00".to_owned()));
        }
        // The broker lists the order under the day on which it took it, New York time.
        let order_date = us_date(self.rest.clock.now());
        let answer = self.rest.submit(urls::order(intent.side), &params, Some(order.deadline())).await?;
        let broker_order_no = answer.row("output")?.map(|row| row.text("ODNO").to_owned()).unwrap_or_default();
        if broker_order_no.bytes().all(|b| b == b'0') {
            return Err(protocol("ODNO is missing from the receipt of an order".to_owned()));
        }
        Ok(OrderAck { broker_order_no, order_date })
    }

    async fn send_amend(&self, order: &Order, _: &Amendment, exchange: Exchange) -> Result<OrderAck, BrokerError> {
        self.may_send(&order.intent, exchange)?;
        Err(not_offered("amendments"))
    }

    async fn send_cancel(&self, order: &Order, exchange: Exchange) -> Result<(), BrokerError> {
        let exchange = self.may_send(&order.intent, exchange)?;
        let Some(original_no) = &order.broker_order_no else {
            return Err(bad_order(RejectionKind::Other, "no_order_number", "the order has no number at the broker yet"));
        };
        let mut params = self.rest.account();
        params.extend([
            ("OVRS_EXCG_CD", exchange.to_owned()),
            ("PDNO", order.intent.symbol.clone()),
            ("ORGN_ODNO", original_no.clone()),
            ("RVSE_CNCL_DVSN_CD", "02".to_owned()),
            // Zero cancels all that is left; a count of ours could be stale by a fill.
            ("ORD_QTY", "0".to_owned()),
            ("OVRS_ORD_UNPR", "0".to_owned()),
            ("MGCO_APTM_ODNO", String::new()),
            ("ORD_SVR_DVSN_CD", "0".to_owned()),
        ]);
        self.rest.submit(urls::CANCEL, &params, None).await.map(drop)
    }
}

fn read_orders(pages: &[Answer]) -> Result<Vec<BrokerOrder>, BrokerError> {
    let mut rows = Vec::new();
    for page in pages {
        for row in page.rows("output")? {
            rows.extend(models::order_row(row)?);
        }
    }
    Ok(models::fold_orders(rows))
}

/// The broker takes two decimals from one dollar upwards and four below.
fn price_text(price: Decimal) -> Result<String, BrokerError> {
    let decimals = if price >= Decimal::ONE { 2 } else { 4 };
    if price <= Decimal::ZERO || price.round_dp(decimals) != price {
        let message = format!("the price {price} must be positive, with two decimals from 1 USD upwards and four below");
        return Err(bad_order(RejectionKind::BadPrice, "bad_price", &message));
    }
    Ok(format!("{:.*}", usize::try_from(decimals).unwrap_or(2), price))
}

fn overseas(market: Market) -> Result<(), BrokerError> {
    if market == Market::Us { Ok(()) } else { Err(not_offered("Korean stocks")) }
}

fn not_offered(what: &str) -> BrokerError {
    BrokerError::Forbidden(format!("this client does not offer {what}"))
}

fn bad_order(kind: RejectionKind, code: &str, message: &str) -> BrokerError {
    BrokerError::Rejected { code: code.to_owned(), message: message.to_owned(), kind }
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

/// The calendar day in New York.
fn us_date(at: Timestamp) -> Date {
    let zone = TimeZone::get("America/New_York").unwrap_or_else(|_| TimeZone::fixed(Offset::constant(-5)));
    at.to_zoned(zone).date()
}
