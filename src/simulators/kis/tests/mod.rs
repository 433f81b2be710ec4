//! Tests over the wire: raw HTTP requests, a stepped clock, no sleeping.

mod columns;
mod domestic;
mod gateway;
mod old_client;
mod paging;
mod trading;
mod trouble;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rust_decimal::{Decimal, dec};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::super::config::{Scenario, SimAccount, SimConfig, SimPosition};
use super::super::exchange::calendar::WeekdayCalendar;
use super::{Control, KisSimulator};
use crate::domain::clock::SteppedClock;
use crate::domain::order::BrokerHost;

pub const LIVE_KEY: &str = "PSliveAppKey000000000000000000000001";
pub const PAPER_KEY: &str = "PSpaperAppKey00000000000000000000001";
pub const SECRET: &str = "secret/with+signs==";
pub const CANO: &str = "50012345";

/// During the session of Friday 2026-05-15, 11:00 New York time.
pub const MID_SESSION: &str = "2026-05-15T15:00:00Z";

/// During the session of Thursday 2026-05-14 in Seoul, 11:00.
pub const KRX_MID_SESSION: &str = "2026-05-14T02:00:00Z";

pub fn account(environment: BrokerHost, app_key: &str) -> SimAccount {
    SimAccount {
        environment,
        app_key: app_key.to_owned(),
        app_secret: SECRET.to_owned(),
        cano: CANO.to_owned(),
        product: "01".to_owned(),
        cash_usd: dec!(50000),
        cash_krw: dec!(50000000),
        positions: vec![
            SimPosition { symbol: "TQQQ".to_owned(), quantity: dec!(67), average_price: dec!(150.86) },
            SimPosition { symbol: "SOXL".to_owned(), quantity: dec!(210), average_price: dec!(32.59) },
            SimPosition { symbol: "005930".to_owned(), quantity: dec!(100), average_price: dec!(68500) },
            SimPosition { symbol: "069500".to_owned(), quantity: dec!(30), average_price: dec!(45000) },
        ],
    }
}

/// A running simulator with one account per host.
pub struct World {
    pub clock: Arc<SteppedClock>,
    pub simulator: KisSimulator,
    pub control: Control,
}

impl World {
    pub async fn start() -> Self {
        Self::with(Scenario::default(), MID_SESSION).await
    }

    pub async fn with(scenario: Scenario, now: &str) -> Self {
        let clock = Arc::new(SteppedClock::new(now.parse::<Timestamp>().unwrap()));
        let config = SimConfig {
            scenario,
            accounts: vec![account(BrokerHost::Live, LIVE_KEY), account(BrokerHost::Mock, PAPER_KEY)],
            ..SimConfig::default()
        };
        let simulator = KisSimulator::start(config, clock.clone(), Arc::new(WeekdayCalendar)).await.unwrap();
        let control = simulator.control();
        Self { clock, simulator, control }
    }

    /// A client with a token.
    pub async fn client(&self, environment: BrokerHost) -> Client {
        let mut client = self.bare_client(environment);
        let (status, body) = client.token().await;
        assert_eq!(status, 200, "{body}");
        client
    }

    /// A client of a key whose last token may be less than a minute old.
    pub async fn client_again(&self, environment: BrokerHost) -> Client {
        self.advance(60);
        self.client(environment).await
    }

    pub fn bare_client(&self, environment: BrokerHost) -> Client {
        let (url, app_key) = match environment {
            BrokerHost::Live => (self.simulator.live_url(), LIVE_KEY),
            BrokerHost::Mock => (self.simulator.mock_url(), PAPER_KEY),
        };
        let address = url.trim_start_matches("http://").to_owned();
        Client { address, app_key: app_key.to_owned(), token: String::new(), environment, clock: self.clock.clone() }
    }

    pub fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

/// An answer as it came over the wire.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Value,
}

impl Answer {
    /// A header by its exact spelling.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.split("\r\n").filter_map(|line| line.split_once(':')).find(|(key, _)| *key == name).map(|(_, value)| value.trim())
    }

    pub fn code(&self) -> &str {
        self.body["msg_cd"].as_str().unwrap_or_default()
    }

    pub fn assert_good(self) -> Self {
        assert_eq!((self.status, self.body["rt_cd"].as_str()), (200, Some("0")), "{self:?}");
        self
    }
}

#[derive(Clone)]
pub struct Client {
    pub address: String,
    pub app_key: String,
    pub token: String,
    pub environment: BrokerHost,
    pub clock: Arc<SteppedClock>,
}

impl Client {
    /// Sends bytes on a connection of their own and returns what came back.
    pub async fn raw(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        let _ = stream.read_to_string(&mut text).await;
        text
    }

    pub async fn send(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Option<Answer> {
        let mut request = format!("{method} {target} HTTP/1.1\r\nHost: kis\r\nConnection: close\r\n");
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
        let text = self.raw(&request).await;
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some(Answer { status, head: head.to_owned(), body: serde_json::from_str(body).unwrap_or(Value::Null) })
    }

    /// Asks for a token and keeps it when one comes.
    pub async fn token(&mut self) -> (u16, Value) {
        let body = json!({"grant_type": "client_credentials", "appkey": self.app_key, "appsecret": SECRET}).to_string();
        let answer = self.send("POST", "/oauth2/tokenP", &[("content-type", "application/json")], &body).await.unwrap();
        if let Some(token) = answer.body["access_token"].as_str() {
            self.token = token.to_owned();
        }
        (answer.status, answer.body)
    }

    fn headers<'a>(&'a self, tr_id: &'a str, continuation: &'a str, authorization: &'a str) -> Vec<(&'a str, &'a str)> {
        vec![
            ("Content-Type", "application/json; charset=UTF-8"),
            ("authorization", authorization),
            ("appkey", &self.app_key),
            ("appsecret", SECRET),
            ("tr_id", tr_id),
            ("tr_cont", continuation),
        ]
    }

    /// A GET; moves the clock on so that the quota never stands in the way of other tests.
    pub async fn get(&self, path: &str, tr_id: &str, query: &[(&str, &str)]) -> Answer {
        self.page(path, tr_id, query, "").await
    }

    pub async fn page(&self, path: &str, tr_id: &str, query: &[(&str, &str)], continuation: &str) -> Answer {
        self.clock.advance(Duration::from_millis(if self.environment == BrokerHost::Live { 50 } else { 500 }));
        self.get_now(path, tr_id, query, continuation).await.unwrap()
    }

    pub async fn get_now(&self, path: &str, tr_id: &str, query: &[(&str, &str)], continuation: &str) -> Option<Answer> {
        let authorization = format!("Bearer {}", self.token);
        let query: Vec<String> =
            query.iter().map(|(name, value)| format!("{name}={}", value.replace('%', "%25").replace(' ', "%20"))).collect();
        self.send("GET", &format!("{path}?{}", query.join("&")), &self.headers(tr_id, continuation, &authorization), "").await
    }

    pub async fn post(&self, path: &str, tr_id: &str, body: Value) -> Answer {
        self.clock.advance(Duration::from_millis(if self.environment == BrokerHost::Live { 50 } else { 500 }));
        self.post_now(path, tr_id, body).await.unwrap()
    }

    pub async fn post_now(&self, path: &str, tr_id: &str, body: Value) -> Option<Answer> {
        let authorization = format!("Bearer {}", self.token);
        self.send("POST", path, &self.headers(tr_id, "", &authorization), &body.to_string()).await
    }

    /// The id of this environment: live ids begin with T or C, paper ids with V.
    pub fn tr(&self, live: &str) -> String {
        match self.environment {
            BrokerHost::Live => live.to_owned(),
            BrokerHost::Mock => format!("V{}", &live[1..]),
        }
    }

    pub async fn order(&self, side: &str, exchange: &str, symbol: &str, quantity: u64, price: Decimal) -> Answer {
        let body = order_body(exchange, symbol, quantity, price);
        self.post(ORDER, &self.tr(if side == "buy" { "TTTT1002U" } else { "TTTT1006U" }), body).await
    }

    /// Places an order that must be taken; returns its number.
    pub async fn good_order(&self, side: &str, exchange: &str, symbol: &str, quantity: u64, price: Decimal) -> String {
        let answer = self.order(side, exchange, symbol, quantity, price).await.assert_good();
        answer.body["output"]["ODNO"].as_str().unwrap().to_owned()
    }

    pub async fn revise(&self, kind: &str, symbol: &str, number: &str, quantity: u64, price: &str) -> Answer {
        let exchange = if symbol == "TQQQ" { "NASD" } else { "AMEX" };
        let body = json!({
            "CANO": CANO, "ACNT_PRDT_CD": "01", "OVRS_EXCG_CD": exchange, "PDNO": symbol, "ORGN_ODNO": number,
            "RVSE_CNCL_DVSN_CD": kind, "ORD_QTY": quantity.to_string(), "OVRS_ORD_UNPR": price, "ORD_SVR_DVSN_CD": "0",
        });
        self.post(REVISE, &self.tr("TTTT1004U"), body).await
    }

    /// A Korean order; fields may be changed.
    pub async fn krx_order(&self, side: &str, symbol: &str, quantity: u64, price: u64, change: &[(&str, &str)]) -> Answer {
        let mut body = json!({
            "CANO": CANO, "ACNT_PRDT_CD": "01", "PDNO": symbol, "ORD_DVSN": "00", "ORD_QTY": quantity.to_string(),
            "ORD_UNPR": price.to_string(), "EXCG_ID_DVSN_CD": "KRX",
        });
        for (name, value) in change {
            body[name] = json!(value);
        }
        self.post(KRX_ORDER, &self.tr(if side == "buy" { "TTTC0012U" } else { "TTTC0011U" }), body).await
    }

    /// Places a Korean order that must be taken; returns its number.
    pub async fn good_krx_order(&self, side: &str, symbol: &str, quantity: u64, price: u64, change: &[(&str, &str)]) -> String {
        let answer = self.krx_order(side, symbol, quantity, price, change).await.assert_good();
        answer.body["output"]["ODNO"].as_str().unwrap().to_owned()
    }

    /// Modifies (01) or cancels (02) a Korean order; quantity 0 is all of it.
    pub async fn krx_revise(&self, kind: &str, number: &str, quantity: u64, price: u64, change: &[(&str, &str)]) -> Answer {
        let mut body = json!({
            "CANO": CANO, "ACNT_PRDT_CD": "01", "KRX_FWDG_ORD_ORGNO": "", "ORGN_ODNO": number, "ORD_DVSN": "00",
            "RVSE_CNCL_DVSN_CD": kind, "ORD_QTY": quantity.to_string(), "ORD_UNPR": price.to_string(),
            "QTY_ALL_ORD_YN": if quantity == 0 { "Y" } else { "N" }, "EXCG_ID_DVSN_CD": "KRX",
        });
        for (name, value) in change {
            body[name] = json!(value);
        }
        self.post(KRX_REVISE, &self.tr("TTTC0013U"), body).await
    }

    /// Rows of the Korean order list.
    pub async fn krx_orders(&self) -> Vec<Value> {
        let answer = self.get(KRX_ORDERS, &self.tr("TTTC0081R"), &krx_orders_query()).await.assert_good();
        answer.body["output1"].as_array().unwrap().clone()
    }

    pub async fn krx_order_row(&self, number: &str) -> Value {
        self.krx_orders().await.into_iter().find(|row| row["odno"] == number).unwrap()
    }

    /// Won that a buy may spend, and shares of 005930 at the market that they pay for.
    pub async fn krx_power(&self) -> (Decimal, Decimal) {
        let query = [
            ("CANO", CANO),
            ("ACNT_PRDT_CD", "01"),
            ("PDNO", "005930"),
            ("ORD_UNPR", ""),
            ("ORD_DVSN", "01"),
            ("CMA_EVLU_AMT_ICLD_YN", "N"),
            ("OVRS_ICLD_YN", "N"),
        ];
        let output = self.get(KRX_POWER, &self.tr("TTTC8908R"), &query).await.assert_good().body["output"].clone();
        (decimal(&output["nrcvb_buy_amt"]), decimal(&output["nrcvb_buy_qty"]))
    }

    /// Korean balance: rows and totals.
    pub async fn krx_balance(&self) -> (Vec<Value>, Value) {
        let answer = self.get(KRX_BALANCE, &self.tr("TTTC8434R"), &krx_balance_query()).await.assert_good();
        (answer.body["output1"].as_array().unwrap().clone(), answer.body["output2"][0].clone())
    }

    /// Order list rows of today and yesterday.
    pub async fn orders(&self) -> Vec<Value> {
        let answer = self.get(ORDERS, &self.tr("TTTS3035R"), &orders_query("", "00")).await.assert_good();
        answer.body["output"].as_array().unwrap().clone()
    }

    pub async fn order_row(&self, number: &str) -> Value {
        self.orders().await.into_iter().find(|row| row["odno"] == number).unwrap()
    }

    pub async fn buying_power(&self) -> Decimal {
        let query = [("CANO", CANO), ("ACNT_PRDT_CD", "01"), ("OVRS_EXCG_CD", "NASD"), ("OVRS_ORD_UNPR", "100"), ("ITEM_CD", "TQQQ")];
        let answer = self.get(BUYING_POWER, &self.tr("TTTS3007R"), &query).await.assert_good();
        decimal(&answer.body["output"]["ovrs_ord_psbl_amt"])
    }
}

pub const PRICE: &str = "/uapi/overseas-price/v1/quotations/price";
pub const DAILY: &str = "/uapi/overseas-price/v1/quotations/dailyprice";
pub const ORDER: &str = "/uapi/overseas-stock/v1/trading/order";
pub const REVISE: &str = "/uapi/overseas-stock/v1/trading/order-rvsecncl";
pub const OPEN_ORDERS: &str = "/uapi/overseas-stock/v1/trading/inquire-nccs";
pub const ORDERS: &str = "/uapi/overseas-stock/v1/trading/inquire-ccnl";
pub const BALANCE: &str = "/uapi/overseas-stock/v1/trading/inquire-balance";
pub const PRESENT: &str = "/uapi/overseas-stock/v1/trading/inquire-present-balance";
pub const BUYING_POWER: &str = "/uapi/overseas-stock/v1/trading/inquire-psamount";

pub const MINUTES: &str = "/uapi/overseas-price/v1/quotations/inquire-time-itemchartprice";
pub const BOOK: &str = "/uapi/overseas-price/v1/quotations/inquire-asking-price";
pub const KRX_ORDER: &str = "/uapi/domestic-stock/v1/trading/order-cash";
pub const KRX_REVISE: &str = "/uapi/domestic-stock/v1/trading/order-rvsecncl";
pub const KRX_OPEN: &str = "/uapi/domestic-stock/v1/trading/inquire-psbl-rvsecncl";
pub const KRX_ORDERS: &str = "/uapi/domestic-stock/v1/trading/inquire-daily-ccld";
pub const KRX_BALANCE: &str = "/uapi/domestic-stock/v1/trading/inquire-balance";
pub const KRX_BALANCE_PROFIT: &str = "/uapi/domestic-stock/v1/trading/inquire-balance-rlz-pl";
pub const KRX_POWER: &str = "/uapi/domestic-stock/v1/trading/inquire-psbl-order";
pub const KRX_SELLABLE: &str = "/uapi/domestic-stock/v1/trading/inquire-psbl-sell";
pub const KRX_PRICE: &str = "/uapi/domestic-stock/v1/quotations/inquire-price";
pub const KRX_BOOK: &str = "/uapi/domestic-stock/v1/quotations/inquire-asking-price-exp-ccn";
pub const KRX_CHART: &str = "/uapi/domestic-stock/v1/quotations/inquire-daily-itemchartprice";
pub const KRX_MINUTES: &str = "/uapi/domestic-stock/v1/quotations/inquire-time-itemchartprice";
pub const KRX_DAYS: &str = "/uapi/domestic-stock/v1/quotations/chk-holiday";

pub fn krx_orders_query() -> Vec<(&'static str, &'static str)> {
    vec![
        ("CANO", CANO),
        ("ACNT_PRDT_CD", "01"),
        ("INQR_STRT_DT", "20260501"),
        ("INQR_END_DT", "20260630"),
        ("SLL_BUY_DVSN_CD", "00"),
        ("PDNO", ""),
        ("ORD_GNO_BRNO", ""),
        ("ODNO", ""),
        ("CCLD_DVSN", "00"),
        ("INQR_DVSN", "01"),
        ("INQR_DVSN_1", ""),
        ("INQR_DVSN_3", "00"),
        ("EXCG_ID_DVSN_CD", "KRX"),
        ("CTX_AREA_FK100", ""),
        ("CTX_AREA_NK100", ""),
    ]
}

pub fn krx_balance_query() -> Vec<(&'static str, &'static str)> {
    vec![
        ("CANO", CANO),
        ("ACNT_PRDT_CD", "01"),
        ("AFHR_FLPR_YN", "N"),
        ("OFL_YN", ""),
        ("INQR_DVSN", "02"),
        ("UNPR_DVSN", "01"),
        ("FUND_STTL_ICLD_YN", "N"),
        ("FNCG_AMT_AUTO_RDPT_YN", "N"),
        ("PRCS_DVSN", "00"),
        ("CTX_AREA_FK100", ""),
        ("CTX_AREA_NK100", ""),
    ]
}

pub fn order_body(exchange: &str, symbol: &str, quantity: u64, price: Decimal) -> Value {
    json!({
        "CANO": CANO, "ACNT_PRDT_CD": "01", "OVRS_EXCG_CD": exchange, "PDNO": symbol, "ORD_QTY": quantity.to_string(),
        "OVRS_ORD_UNPR": price.to_string(), "ORD_SVR_DVSN_CD": "0", "ORD_DVSN": "00",
    })
}

pub fn orders_query<'a>(symbol: &'a str, state: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("CANO", CANO),
        ("ACNT_PRDT_CD", "01"),
        ("PDNO", symbol),
        ("ORD_STRT_DT", "20260501"),
        ("ORD_END_DT", "20260630"),
        ("SLL_BUY_DVSN", "00"),
        ("CCLD_NCCS_DVSN", state),
        ("OVRS_EXCG_CD", ""),
        ("SORT_SQN", "DS"),
        ("ORD_DT", ""),
        ("ORD_GNO_BRNO", ""),
        ("ODNO", ""),
        ("CTX_AREA_FK200", ""),
        ("CTX_AREA_NK200", ""),
    ]
}

pub fn decimal(value: &Value) -> Decimal {
    value.as_str().unwrap_or_else(|| panic!("{value} is no string")).parse().unwrap()
}
