//! A server that is killed again and again while it trades: at the end the books and the broker know
//! the same orders, each once. The server is another process of this test program over the same data.
//! The test holds the market's clock for both: it runs while a server is up and stands while one
//! starts, so that a slow machine takes longer and sees the same night.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use eggmoney::app::clock::SystemClock;
use eggmoney::app::{App, Config, startup};
use eggmoney::domain::calendar::Calendar;
use eggmoney::domain::clock::{Clock, Sleep, SteppedClock};
use eggmoney::domain::fact::Event;
use eggmoney::domain::id::{AccountId, UserId};
use eggmoney::domain::ledger::Position;
use eggmoney::domain::order::{Order, OrderOrigin};
use eggmoney::domain::slot::RunState;
use eggmoney::simulators::{Control, Fault, KisSimulator, SimConfig};
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
/// After the last slice but one nothing is killed any more, …
const KILLS_END: &str = "2026-05-15T19:20:00Z";
/// … and at this time everything of the session has been reported.
const END: &str = "2026-05-15T20:40:00Z";
/// Market time per time on the wall while the clock runs.
const SPEED: u32 = 600;
/// Tells a process of this program that it is the server.
const ORDERS_FOR_CHILD: &str = "EGGMONEY_TEST_SERVER";
/// What the server says on a line of its own.
const UP: &str = "the server is up";
const QUIET: &str = "the night is over";
/// Beyond any patience: a test that hangs must fail.
const HANGS: Duration = Duration::from_secs(300);

/// When a server is killed.
#[derive(Clone, Copy)]
enum Kill {
    /// The broker has taken an order, and its answer is still to come.
    AtOrder,
    /// So many milliseconds after the server was up: anywhere in its work.
    Later(u64),
    /// So many milliseconds after its process began: while it opens its data.
    Starting(u64),
}

/// The kills in order, each with the minutes of market time until the next server starts.
const KILLS: [(Kill, i64); 12] = [
    (Kill::Later(1_500), 0),
    (Kill::AtOrder, 0),
    (Kill::Starting(60), 0),
    (Kill::Later(40), 2),
    (Kill::AtOrder, 0),
    (Kill::Later(180), 6),
    (Kill::Starting(180), 0),
    (Kill::AtOrder, 1),
    (Kill::Later(430), 15),
    (Kill::Later(610), 0),
    (Kill::AtOrder, 0),
    (Kill::Later(90), 40),
];

/// Market time in a file: milliseconds since 1970.
#[derive(Debug)]
pub(crate) struct SharedClock(std::fs::File);

impl SharedClock {
    pub(crate) fn open(path: &Path) -> Self {
        Self(std::fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).unwrap())
    }

    pub(crate) fn set(&self, at: Timestamp) {
        self.0.write_all_at(&at.as_millisecond().to_be_bytes(), 0).unwrap();
    }
}

impl Clock for SharedClock {
    fn now(&self) -> Timestamp {
        let mut bytes = [0; 8];
        self.0.read_exact_at(&mut bytes, 0).unwrap();
        Timestamp::from_millisecond(i64::from_be_bytes(bytes)).unwrap()
    }

    fn sleep(&self, duration: Duration) -> Sleep<'_> {
        Box::pin(async move {
            let until = self.now() + SignedDuration::try_from(duration).unwrap();
            while self.now() < until {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
    }
}

/// Moves the shared clock while it is let run.
pub(crate) struct Market {
    clock: Arc<SharedClock>,
    runs: Arc<AtomicBool>,
    ends: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Market {
    /// `speed`: market time per time on the wall.
    pub(crate) fn open(clock: Arc<SharedClock>, speed: u32) -> Self {
        // However long this thread did not get the processor, the market does not leap.
        const LONGEST_STEP: Duration = Duration::from_millis(10);
        let (runs, ends) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let thread = std::thread::spawn({
            let (clock, runs, ends) = (clock.clone(), runs.clone(), ends.clone());
            move || {
                let mut last = Instant::now();
                while !ends.load(Ordering::SeqCst) {
                    std::thread::park_timeout(Duration::from_millis(2));
                    let passed = last.elapsed().min(LONGEST_STEP);
                    last = Instant::now();
                    if runs.load(Ordering::SeqCst) {
                        clock.set(clock.now() + SignedDuration::try_from(passed * speed).unwrap());
                    }
                }
            }
        });
        Self { clock, runs, ends, thread: Some(thread) }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Lets the clock run until `done`.
    pub(crate) async fn run_until(&self, done: impl Fn() -> bool) {
        let hangs = Instant::now() + HANGS;
        self.runs.store(true, Ordering::SeqCst);
        while !done() {
            assert!(Instant::now() < hangs, "what was waited for does not come, at {}", self.now());
            tokio::time::sleep(Duration::from_micros(300)).await;
        }
        self.runs.store(false, Ordering::SeqCst);
    }

    /// Lets the clock run while some work is done.
    pub(crate) async fn run_during<T>(&self, work: impl Future<Output = T>) -> T {
        self.runs.store(true, Ordering::SeqCst);
        let done = work.await;
        self.runs.store(false, Ordering::SeqCst);
        done
    }

    /// The clock stands at a later time, while no server runs.
    pub(crate) fn leap_to(&self, at: Timestamp) {
        self.clock.set(at);
    }

    /// Time passes while no server runs.
    fn leap(&self, minutes: i64) {
        self.leap_to(self.now() + SignedDuration::from_mins(minutes));
    }
}

impl Drop for Market {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::SeqCst);
        let _ = self.thread.take().map(std::thread::JoinHandle::join);
    }
}

/// Not a test by itself: the server that the test below kills. It ends with its parent.
#[test]
fn the_server_that_is_killed() {
    let Ok(text) = std::env::var(ORDERS_FOR_CHILD) else { return };
    let orders: Value = serde_json::from_str(&text).unwrap();
    let host = |name: &str| orders[name].as_str().unwrap().to_owned();
    let dir = PathBuf::from(host("dir"));
    let _logs = eggmoney::ops::logging::start(&dir, std::sync::Arc::new(eggmoney::app::clock::SystemClock)).unwrap();
    let mut config = Config::new(dir);
    config.brokers.kis.live = host("live");
    config.brokers.kis.mock = host("mock");
    config.simulation_speed = Some(f64::from(SPEED));
    let market: Arc<dyn Clock> = Arc::new(SharedClock::open(Path::new(&host("clock"))));
    let (user, account): (UserId, AccountId) = serde_json::from_value(orders["account"].clone()).unwrap();
    let end: Timestamp = END.parse().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let app = App::open(config, Arc::new(SystemClock), market.clone()).await.unwrap();
        let _background = startup::start(&app).await.unwrap();
        println!("\n{UP}");
        tokio::spawn(async move {
            let reported = || {
                let runs = app.trading.runs(user, account, 100).unwrap();
                runs.iter().any(|r| r.slot.job.name() == "report" && r.state == RunState::Done)
            };
            let open = || app.store.user(user).read(|v| v.open_orders(account)).unwrap().len();
            while market.now() < end || !reported() || open() > 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            println!("\n{QUIET}");
        });
        let _ = tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink())).await;
    });
}

/// The server process; killed when dropped.
struct Victim {
    child: Child,
    said: mpsc::Receiver<String>,
}

impl Victim {
    fn start(orders: &Value) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::the_server_that_is_killed", "--nocapture"])
            .env(ORDERS_FOR_CHILD, orders.to_string())
            .env("EGGMONEY_LOG", "trace")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let (sender, said) = mpsc::channel();
        // Ends with the process.
        std::thread::spawn(move || lines.for_each(|line| drop(sender.send(line))));
        Self { child, said }
    }

    /// It has said this by now.
    fn has_said(&self, line: &str) -> bool {
        self.said.try_iter().any(|said| said == line)
    }

    /// Waits until it is up; the market stands still.
    async fn up(&self) {
        let hangs = Instant::now() + HANGS;
        while !self.has_said(UP) {
            assert!(Instant::now() < hangs, "the server does not start");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Kills it with SIGKILL; it must have been alive.
    fn kill(mut self) {
        assert_eq!(self.child.try_wait().unwrap(), None, "the server ended by itself");
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Orders are executed at once and answered so much later.
fn answer_orders_after(control: &Control, app_key: &str, seconds: u32) {
    control.clear_faults();
    for tr_id in ["VTTT1002U", "VTTT1001U", "VTTT1006U"] {
        control.fail_next(app_key, tr_id, 1_000, Fault::Slow { seconds });
    }
}

fn sent(control: &Control, app_key: &str) -> usize {
    control.orders(app_key).iter().filter(|o| o.original.is_none()).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_again_and_again_sends_each_order_once() {
    const NEVER: u32 = 10_000_000;
    let start: Timestamp = START.parse().unwrap();
    let stepped = Arc::new(SteppedClock::new(start));
    let folder_of_clock = tempfile::tempdir().unwrap();
    let clock_file = folder_of_clock.path().join("clock");
    let clock = Arc::new(SharedClock::open(&clock_file));
    clock.set(start);
    let market = Market::open(clock.clone(), SPEED);
    let broker = KisSimulator::start(SimConfig::default(), clock, Arc::new(Calendar::nyse().unwrap())).await.unwrap();
    let (live, mock) = (broker.live_url(), broker.mock_url());
    let night = Night { server: TestServer::start_at(stepped, |_| {}).await, broker };
    let owned = night.bring("chan", "chan", 30_000).await;
    let user = night.server.app.auth.find_user("chan").unwrap().unwrap().id;
    night.server.app.trading.start_account(user, owned.account, true).await.unwrap();
    let Night { server, broker } = night;
    let folder = server.close().await;
    let control = broker.control();
    let account = json!([user, owned.account]);
    let orders = json!({"dir": folder.path(), "live": live, "mock": mock, "clock": clock_file, "account": account});

    let (kills_end, end): (Timestamp, Timestamp) = (KILLS_END.parse().unwrap(), END.parse().unwrap());
    let mut caught = 0;
    for (kill, minutes) in KILLS {
        // Answered a moment later, so that some of the other kills fall in between, too.
        answer_orders_after(&control, &owned.app_key, if matches!(kill, Kill::AtOrder) { NEVER } else { 60 });
        let victim = Victim::start(&orders);
        match kill {
            Kill::Starting(pause) => tokio::time::sleep(Duration::from_millis(pause)).await,
            Kill::Later(pause) => {
                victim.up().await;
                let until = Instant::now() + Duration::from_millis(pause);
                market.run_until(|| Instant::now() >= until || market.now() >= kills_end).await;
            }
            Kill::AtOrder => {
                victim.up().await;
                let before = sent(&control, &owned.app_key);
                market.run_until(|| sent(&control, &owned.app_key) > before || market.now() >= kills_end).await;
                caught += usize::from(sent(&control, &owned.app_key) > before);
            }
        }
        victim.kill();
        market.leap(minutes);
    }
    answer_orders_after(&control, &owned.app_key, 60);
    let last = Victim::start(&orders);
    last.up().await;
    market.run_until(|| market.now() >= end).await;
    market.run_until(|| last.has_said(QUIET)).await;
    last.kill();
    assert!(caught >= 3, "only {caught} orders were caught between the broker and the books");

    // The log of the whole night, everything included, names no secret.
    let logs: Vec<Vec<u8>> = files(&folder.path().join("logs")).iter().map(|p| fs_err::read(p).unwrap()).collect();
    for said in ["hyper_util", "eggmoney::brokers::kis::rest"] {
        assert!(logs.iter().any(|log| holds(log, said)), "the log has nothing of {said}");
    }
    for secret in [&owned.app_key, &format!("{:s<180}", "chan"), "50010004"] {
        assert!(!logs.iter().any(|log| holds(log, secret)), "{secret} stands in the log");
    }

    let store = Store::open(folder.path()).unwrap();
    assert_eq!(store.verify().unwrap().differences, []);
    let facts = store.user(user).read(|v| v.facts(owned.account)).unwrap();
    let unknown = facts.iter().filter(|f| matches!(f.event, Event::OrderUnknown { .. })).count();
    assert!(unknown >= caught, "{caught} orders were caught between the broker and the books, {unknown} of them became unknown");
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
    assert!(at_broker.len() >= caught, "{at_broker:?}");
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
