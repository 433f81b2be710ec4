//! A server that is killed again and again while it trades: at the end the books and the broker know
//! the same orders, each once. The server is another process of this test program over the same data;
//! both compute the market's time from one moment on the wall clock.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use eggmoney::app::clock::{AcceleratedClock, SystemClock};
use eggmoney::app::{App, Config, startup};
use eggmoney::domain::calendar::Calendar;
use eggmoney::domain::clock::{Clock, SteppedClock};
use eggmoney::domain::fact::Event;
use eggmoney::domain::ledger::Position;
use eggmoney::domain::order::{Order, OrderOrigin};
use eggmoney::domain::slot::RunState;
use eggmoney::simulators::{Fault, KisSimulator, SimConfig};
use eggmoney::storage::tables::{ORDERS, POSITIONS};
use eggmoney::storage::{Store, StoreError, account_key};
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::support::TestServer;
use crate::support::old::Night;
use crate::telegram::{files, holds};

/// Ten minutes before the bots decide.
const START: &str = "2026-05-15T14:30:00Z";
/// Until then the server is killed, …
const KILLS_END: &str = "2026-05-15T19:20:00Z";
/// … and at this time everything of the session has been reported.
const END: &str = "2026-05-15T20:40:00Z";
const SPEED: f64 = 600.0;
/// Tells a process of this program that it is the server.
const ORDERS_FOR_CHILD: &str = "EGGMONEY_TEST_SERVER";
/// Pauses between kills in milliseconds, and whether the kill waits for the next order.
const KILLS: [(u64, bool); 14] = [
    (1_500, true),
    (300, true),
    (40, false),
    (700, true),
    (180, false),
    (900, true),
    (20, true),
    (430, false),
    (1_100, true),
    (260, true),
    (610, false),
    (350, true),
    (90, true),
    (800, true),
];

/// Market time that has run since a moment on the wall clock, in milliseconds since 1970.
fn clock_since(epoch_ms: u64) -> AcceleratedClock {
    let now = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
    let passed = Duration::from_millis(now - epoch_ms).as_secs_f64() * SPEED;
    let start: Timestamp = START.parse().unwrap();
    AcceleratedClock::new(start + SignedDuration::from_secs_f64(passed), SPEED)
}

/// Not a test by itself: the server that the test below kills. It ends with its parent.
#[test]
fn the_server_that_is_killed() {
    let Ok(text) = std::env::var(ORDERS_FOR_CHILD) else { return };
    let orders: Value = serde_json::from_str(&text).unwrap();
    let host = |name: &str| orders[name].as_str().unwrap().to_owned();
    let dir = PathBuf::from(host("dir"));
    let _logs = eggmoney::ops::logging::start(&dir).unwrap();
    let mut config = Config::new(dir);
    config.brokers.kis.live = host("live");
    config.brokers.kis.mock = host("mock");
    config.simulation_speed = Some(SPEED);
    let market: Arc<dyn Clock> = Arc::new(clock_since(orders["epoch_ms"].as_u64().unwrap()));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let app = App::open(config, Arc::new(SystemClock), market).await.unwrap();
        let _background = startup::start(&app).await.unwrap();
        let _ = tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink())).await;
    });
}

/// The server process; killed when dropped.
struct Victim(Child);

impl Victim {
    fn start(orders: &Value) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::the_server_that_is_killed", "--nocapture"])
            .env(ORDERS_FOR_CHILD, orders.to_string())
            .env("EGGMONEY_LOG", "trace")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(child.unwrap())
    }

    /// Kills it with SIGKILL; it must have been alive.
    fn kill(mut self) {
        assert_eq!(self.0.try_wait().unwrap(), None, "the server ended by itself");
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_again_and_again_sends_each_order_once() {
    let stepped = Arc::new(SteppedClock::new(START.parse().unwrap()));
    let epoch_ms = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
    let market: Arc<dyn Clock> = Arc::new(clock_since(epoch_ms));
    let broker = KisSimulator::start(SimConfig::default(), market.clone(), Arc::new(Calendar::nyse().unwrap())).await.unwrap();
    let (live, mock) = (broker.live_url(), broker.mock_url());
    let night = Night { server: TestServer::start_at(stepped, |_| {}).await, broker };
    let owned = night.bring("chan", "chan", 30_000).await;
    let user = night.server.app.auth.find_user("chan").unwrap().unwrap().id;
    night.server.app.trading.start_account(user, owned.account, true).await.unwrap();
    let Night { server, broker } = night;
    let folder = server.close().await;
    let control = broker.control();
    // Orders are executed at once and answered a moment later, so that kills fall in between.
    for tr_id in ["VTTT1002U", "VTTT1001U", "VTTT1006U"] {
        control.fail_next(&owned.app_key, tr_id, 1_000, Fault::Slow { seconds: 60 });
    }
    let orders = json!({"dir": folder.path(), "live": live, "mock": mock, "epoch_ms": epoch_ms});

    let (kills_end, end): (Timestamp, Timestamp) = (KILLS_END.parse().unwrap(), END.parse().unwrap());
    let (mut kills, mut in_flight) = (0, 0);
    for (pause, at_order) in KILLS.into_iter().cycle() {
        if market.now() >= kills_end {
            break;
        }
        let victim = Victim::start(&orders);
        let before = control.order_count(&owned.app_key);
        tokio::time::sleep(Duration::from_millis(250 + pause)).await;
        let patience = market.now() + SignedDuration::from_mins(25);
        while at_order && control.order_count(&owned.app_key) == before && market.now() < patience.min(kills_end) {
            tokio::time::sleep(Duration::from_micros(300)).await;
        }
        in_flight += usize::from(control.order_count(&owned.app_key) > before);
        victim.kill();
        kills += 1;
    }
    let last = Victim::start(&orders);
    while market.now() < end {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    last.kill();
    assert!(kills >= 6 && in_flight >= 1, "{kills} kills, {in_flight} of them after an order");

    // The log of the whole night, everything included, names no secret.
    let logs: Vec<Vec<u8>> = files(&folder.path().join("logs")).iter().map(|p| fs_err::read(p).unwrap()).collect();
    assert!(logs.iter().map(Vec::len).sum::<usize>() > 100_000, "the night was logged");
    for secret in [&owned.app_key, &format!("{:s<180}", "chan"), "50010004"] {
        assert!(!logs.iter().any(|log| holds(log, secret)), "{secret} stands in the log");
    }

    let store = Store::open(folder.path()).unwrap();
    assert_eq!(store.verify().unwrap().differences, []);
    let facts = store.user(user).read(|v| v.facts(owned.account)).unwrap();
    let unknown = facts.iter().filter(|f| matches!(f.event, Event::OrderUnknown { .. })).count();
    assert!(unknown >= 1, "only {unknown} orders were caught between the broker and the books");
    let key = account_key(owned.account);
    let (ours, positions): (Vec<Order>, Vec<Position>) =
        store.user(user).read(|v| Ok::<_, StoreError>((v.list(&ORDERS, &key)?, v.list(&POSITIONS, &key)?))).unwrap();
    // By broker number: who, what, how many, how many of them filled.
    let booked: Vec<(u64, (String, u64, u64))> = ours
        .iter()
        .filter_map(|o| {
            let number = o.broker_order_no.as_ref()?.parse().unwrap();
            Some((number, (o.intent.symbol.clone(), o.intent.quantity, o.filled_quantity)))
        })
        .collect();
    let at_broker: BTreeMap<u64, (String, u64, u64)> = control
        .orders(&owned.app_key)
        .into_iter()
        .filter(|o| o.original.is_none())
        .map(|o| (o.number, (o.listing.symbol.to_owned(), o.quantity, o.filled)))
        .collect();
    assert!(at_broker.len() >= 3, "{at_broker:?}");
    let distinct: BTreeMap<_, _> = booked.iter().cloned().collect();
    assert_eq!(distinct.len(), booked.len(), "a broker's order stands in the books twice");
    assert_eq!(distinct, at_broker, "books and broker know the same orders");
    for order in &ours {
        assert!(order.state.is_final(), "an order stays open: {order:?}");
    }
    let mut slices: Vec<_> = ours
        .iter()
        .filter(|o| o.broker_order_no.is_some())
        .filter_map(|o| match o.intent.origin {
            OrderOrigin::Slice { sheet_id, slice } => Some((sheet_id, slice)),
            _ => None,
        })
        .collect();
    let all = slices.len();
    slices.sort_unstable();
    slices.dedup();
    assert_eq!(slices.len(), all, "a slice was sent twice");
    for at_broker in control.positions(&owned.app_key) {
        let booked = positions.iter().find(|p| p.symbol == at_broker.symbol).map_or(Decimal::ZERO, |p| p.quantity);
        assert_eq!(booked, at_broker.quantity, "{}", at_broker.symbol);
    }
    // Slots that the outages left time for were carried out, and none stays begun.
    drop(store);
    let stepped = Arc::new(SteppedClock::new(end));
    let app = App::open(Config::new(folder.path()), Arc::new(SystemClock), stepped).await.unwrap();
    let runs = app.trading.runs(user, owned.account, 100).unwrap();
    assert!(runs.iter().all(|r| matches!(r.state, RunState::Done | RunState::Missed)), "{runs:?}");
    assert!(runs.iter().filter(|r| r.state == RunState::Done).count() >= 2, "{runs:?}");
}
