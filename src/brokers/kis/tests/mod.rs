//! The client against a small scripted server.

mod hostile;
mod krx_orders;
mod krx_reads;
mod orders;
mod reads;
mod token;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use rust_decimal::Decimal;

use super::parse::date_text;
use super::*;
use crate::brokers::http::HttpSettings;
use crate::brokers::scripted::{Reaction, Seen, Server};
use crate::domain::id::{AccountId, OrderId};
use crate::domain::order::{OrderOrigin, OrderState, Side};

const APP_KEY: &str = "PSkeyKEYkeyKEYkeyKEYkeyKEYkeyKEYkey1";
const APP_SECRET: &str = "secretSECRETsecret+/SECRETsecret==";
const CANO: &str = "50012345";

/// 23:00 Korean time, 10:00 in New York.
fn start() -> Timestamp {
    "2026-07-20T14:00:00Z".parse().unwrap()
}

fn fixture(name: &str) -> Reaction {
    let path = format!("{}/data-fixtures/brokers/kis/http_{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    Reaction::Answer {
        status: u16::try_from(value["status"].as_u64().unwrap()).unwrap(),
        tr_cont: value["tr_cont"].as_str().unwrap().to_owned(),
        body: value["body"].to_string().into_bytes(),
    }
}

fn answer(status: u16, body: &str) -> Reaction {
    Reaction::Answer { status, tr_cont: String::new(), body: body.as_bytes().to_vec() }
}

/// The n-th token (from 1) of a server, valid for 24 hours from `now`.
fn token_body(n: usize, now: Timestamp) -> Reaction {
    let end = crate::domain::clock::kst_datetime(now + jiff::SignedDuration::from_hours(24));
    let text = end.strftime("%Y-%m-%d %H:%M:%S").to_string();
    answer(
        200,
        &format!(r#"{{"access_token":"token-number-{n}","token_type":"Bearer","expires_in":86400,"access_token_token_expired":"{text}"}}"#),
    )
}

struct Rig {
    clock: Arc<SteppedClock>,
    server: Server,
    store: Arc<MemoryTokenStore>,
    client: Arc<KisClient>,
}

use crate::domain::clock::SteppedClock;

fn config(host: BrokerHost, base_url: &str) -> KisConfig {
    KisConfig {
        host,
        base_url: base_url.to_owned(),
        app_key: APP_KEY.into(),
        app_secret: APP_SECRET.into(),
        cano: CANO.into(),
        product: "01".to_owned(),
    }
}

/// Long enough for a busy machine.
const PATIENT: Duration = Duration::from_secs(30);

/// For servers that stay silent: what a test really waits for.
const IMPATIENT: Duration = Duration::from_millis(400);

fn client_at(environment: BrokerHost, base_url: &str, clock: &Arc<SteppedClock>, store: &Arc<MemoryTokenStore>) -> Arc<KisClient> {
    client_with(environment, base_url, clock, store, PATIENT)
}

fn client_with(
    environment: BrokerHost,
    base_url: &str,
    clock: &Arc<SteppedClock>,
    store: &Arc<MemoryTokenStore>,
    timeout: Duration,
) -> Arc<KisClient> {
    let http = HttpClient::new(HttpSettings { connect_timeout: PATIENT, timeout }).unwrap();
    let tokens = Arc::new(TokenKeeper::new(store.clone(), clock.clone()));
    let limiter = Arc::new(RateLimiter::new(clock.clone(), 1_000.0));
    Arc::new(KisClient::new(config(environment, base_url), http, clock.clone(), tokens, limiter).unwrap())
}

/// A client and a server whose business endpoints answer with `script`; tokens are issued freely.
async fn rig(environment: BrokerHost, script: impl Fn(&Seen) -> Reaction + Send + Sync + 'static) -> Rig {
    let clock = Arc::new(SteppedClock::new(start()));
    let issues = AtomicUsize::new(0);
    let server_clock = clock.clone();
    let server = Server::start(move |seen| match seen.path.as_str() {
        urls::TOKEN => token_body(issues.fetch_add(1, Ordering::SeqCst) + 1, server_clock.now()),
        _ => script(seen),
    })
    .await;
    let store = Arc::new(MemoryTokenStore::default());
    let client = client_at(environment, &server.base_url, &clock, &store);
    Rig { clock, server, store, client }
}

impl Rig {
    /// The same with a client that soon stops waiting; its token is there already.
    async fn impatient(mut self) -> Self {
        self.client.check_token().await.unwrap();
        self.client = client_with(self.client.rest.host, &self.server.base_url, &self.clock, &self.store, IMPATIENT);
        self
    }

    fn token_issues(&self) -> usize {
        self.server.seen().iter().filter(|r| r.path == urls::TOKEN).count()
    }

    /// Requests other than those for tokens.
    fn calls(&self) -> Vec<Seen> {
        self.server.seen().into_iter().filter(|r| r.path != urls::TOKEN).collect()
    }
}

fn intent(host: BrokerHost, side: Side) -> OrderIntent {
    OrderIntent {
        order_id: OrderId(uuid::Uuid::nil()),
        account_id: AccountId(uuid::Uuid::nil()),
        bot_id: None,
        bot_name: "first".to_owned(),
        environment: host.into(),
        market: Market::Us,
        symbol: "TQQQ".to_owned(),
        side,
        quantity: 12,
        kind: crate::domain::order::OrderKind::Limit,
        limit_price: Some(Decimal::new(835, 1)),
        trigger_price: None,
        venue: crate::domain::order::Venue::Krx,
        origin: OrderOrigin::Closing,
        session: jiff::civil::date(2026, 7, 20),
        expires_at: start() + jiff::SignedDuration::from_mins(5),
    }
}

fn order(host: BrokerHost, broker_order_no: Option<&str>) -> Order {
    Order {
        intent: intent(host, Side::Buy),
        state: OrderState::Accepted,
        broker_order_no: broker_order_no.map(str::to_owned),
        broker_order_date: Some(jiff::civil::date(2026, 7, 20)),
        filled_quantity: 3,
        filled_amount: Decimal::new(25_023, 2),
        reason: None,
        earlier: Vec::new(),
        amending: None,
        cancel_requested: true,
        settled: false,
        created_at: start(),
        updated_at: start(),
    }
}

/// The same for a Korean order: 10 shares at 71,300 won.
fn krx_intent(host: BrokerHost, side: Side) -> OrderIntent {
    OrderIntent {
        market: Market::Krx,
        symbol: "005930".to_owned(),
        quantity: 10,
        // The close of the Korean session that follows.
        expires_at: start() + jiff::SignedDuration::from_hours(24),
        limit_price: Some(Decimal::from(71_300)),
        ..intent(host, side)
    }
}

fn krx_order(host: BrokerHost) -> Order {
    Order { intent: krx_intent(host, Side::Buy), ..order(host, Some("0000117057")) }
}

fn amendment(quantity: u64, price: &str) -> Amendment {
    Amendment { quantity, limit_price: Some(price.parse().unwrap()), asked_at: start() }
}

/// Answers the n-th call (from 0) with the n-th fixture, the last one forever.
fn in_turn(names: &'static [&'static str]) -> impl Fn(&Seen) -> Reaction + Send + Sync {
    let calls = AtomicUsize::new(0);
    move |_| fixture(names[calls.fetch_add(1, Ordering::SeqCst).min(names.len() - 1)])
}

impl KisClient {
    async fn send_krx(&self, intent: &OrderIntent) -> Result<OrderAck, BrokerError> {
        self.send_order(JournalledOrder::after_commit(intent), Exchange::Krx).await
    }

    async fn send(&self, intent: &OrderIntent) -> Result<OrderAck, BrokerError> {
        self.send_order(JournalledOrder::after_commit(intent), Exchange::Nasdaq).await
    }
}
