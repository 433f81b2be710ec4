//! People send orders in a loop, and the server is killed with SIGKILL again and again, in each step of
//! an order's way. Whoever got no answer asks again with the same key. The simulated broker is a process
//! of its own that outlives every server, and the judge: its orders and the journal's must be the same,
//! one to one. Each request has a limit price of its own, by which the judge tells the orders apart.
//! `EGGMONEY_KILLS` says how many rounds are played (`scripts/prove`). With the feature `prove-control`
//! the server sends again after a silence, and the judge must see it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use eggmoney::app::clock::SystemClock;
use eggmoney::app::config::Listen;
use eggmoney::app::{App, Config, startup};
use eggmoney::domain::bot::Bot;
use eggmoney::domain::calendar::Calendar;
use eggmoney::domain::clock::Clock;
use eggmoney::domain::id::UserId;
use eggmoney::domain::order::{BrokerHost, Order, OrderState};
use eggmoney::http::server;
use eggmoney::simulators::{Fault, FaultRule, KisSimulator, Limits, Scenario, SimAccount, SimConfig};
use eggmoney::storage::tables::{Answered, BOTS, IDEMPOTENCY, ORDERS};
use eggmoney::storage::{Key, Store, StoreError, account_key};
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::crash::{Market, SharedClock};
use crate::support::old::{Night, Owned};
use crate::support::{PASSWORD, answer, client};

/// Ten minutes after the open.
const START: &str = "2026-05-15T13:40:00Z";
/// Tells a process of this program that it is the server.
const ORDERS_FOR_CHILD: &str = "EGGMONEY_KILL_LOOP_SERVER";
/// Tells a process of this program that it is the broker.
const ORDERS_FOR_JUDGE: &str = "EGGMONEY_KILL_LOOP_BROKER";
/// Before what the broker's process says, on a line of its own.
const SAID: &str = "the judge says ";
/// The transaction of a buy at the mock host.
const BUY: &str = "VTTT1002U";
/// Before the server's address, on a line of its own.
const UP: &str = "the server listens at ";
const HANGS: Duration = Duration::from_secs(120);
/// What a start may take from the beginning of its process until it answers; one in a hundred may take
/// longer, for the machine does other things besides.
const START_BUDGET: Duration = Duration::from_secs(5);
/// How long the judge waits for what a round is about.
const PATIENCE: Duration = Duration::from_secs(5);
/// Market time per time on the wall while a server is up.
const SPEED: u32 = 60;
/// From the first start of a day until the next day's session begins.
const SESSION: SignedDuration = SignedDuration::from_mins(330);
const ROUNDS_A_DAY: usize = 100;
const SENDERS: usize = 4;
const SYMBOLS: [&str; 10] = ["QQQ", "TQQQ", "SOXL", "NVDA", "SPY", "UPRO", "AAPL", "KO", "JPM", "IWM"];

/// Where a request was when its server was killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    /// Nothing of it is in the journal.
    Journal,
    /// Journalled; the broker has nothing.
    Send,
    /// The broker has it; the journal does not know.
    Answer,
    /// The journal has the broker's answer; whoever asked has not.
    Commit,
}

/// One request and what became of it.
#[derive(Clone, Debug)]
struct Request {
    n: u32,
    /// Asked once already, and killed then: another kill says nothing about its first way.
    repeated: bool,
    answer: Option<Value>,
}

impl Request {
    fn key(&self) -> String {
        format!("request-{}", self.n)
    }

    fn price(&self) -> Decimal {
        Decimal::new(200_000 + i64::from(self.n), 2)
    }
}

/// What the senders share.
#[derive(Debug, Default)]
struct Book {
    /// All requests by number.
    requests: Vec<Request>,
    /// Those that still need an answer, oldest first.
    waiting: Vec<u32>,
    /// Being asked right now.
    under_way: Vec<u32>,
}

/// Not a test by itself: the server that the test below kills. It ends with its parent.
#[test]
fn the_server_that_is_killed() {
    let Ok(text) = std::env::var(ORDERS_FOR_CHILD) else { return };
    let orders: Value = serde_json::from_str(&text).unwrap();
    let told = |name: &str| orders[name].as_str().unwrap().to_owned();
    let mut config = Config::new(PathBuf::from(told("dir")));
    config.brokers.kis.live = told("live");
    config.brokers.kis.mock = told("mock");
    config.simulation_speed = orders["speed"].as_f64();
    let market: Arc<dyn Clock> = Arc::new(SharedClock::open(Path::new(&told("clock"))));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let app = App::open(config, Arc::new(SystemClock), market).await.unwrap();
        let _background = startup::start(&app).await.unwrap();
        let bound = server::bind(&app, server::open_port(Listen::At("127.0.0.1:0".parse().unwrap())).unwrap()).unwrap();
        let address = bound.address;
        tokio::spawn(bound.run());
        println!("\n{UP}{address}");
        let _ = tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink())).await;
    });
}

/// The server process; killed when dropped.
struct Victim {
    child: Child,
    base: String,
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Victim {
    /// Starts it and waits until it listens; gives the time that took.
    async fn start(orders: &Value) -> (Self, Duration) {
        let begun = Instant::now();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kill_loop::the_server_that_is_killed", "--nocapture"])
            .env(ORDERS_FOR_CHILD, orders.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let (sender, said) = mpsc::channel();
        // Ends with the process.
        std::thread::spawn(move || lines.for_each(|line| drop(sender.send(line))));
        let mut victim = Self { child, base: String::new() };
        while victim.base.is_empty() {
            assert!(begun.elapsed() < HANGS, "the server does not start");
            victim.base = said.try_iter().find_map(|l| l.strip_prefix(UP).map(|a| format!("http://{a}"))).unwrap_or_default();
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        (victim, begun.elapsed())
    }

    /// Kills it with SIGKILL; it must have been alive.
    fn kill(mut self) {
        assert_eq!(self.child.try_wait().unwrap(), None, "the server ended by itself");
    }

    async fn login(&self) -> String {
        let body = json!({"username": "chan", "password": PASSWORD});
        let (status, said) = answer(client().post(format!("{}/api/v1/auth/login", self.base)).json(&body)).await;
        assert_eq!(status, 200, "{said}");
        said["access_token"].as_str().unwrap().to_owned()
    }
}

/// Whom senders ask, and how.
#[derive(Clone)]
struct Asking {
    base: String,
    token: String,
    account: String,
    stop: Arc<AtomicBool>,
    /// Requests that were not made before, too.
    fresh: bool,
    /// Answers to new requests get lost on the way to whoever asked.
    deaf: bool,
}

/// Asks for orders until told to stop, those first that were not answered.
async fn send_orders(book: Arc<Mutex<Book>>, asking: Asking) {
    let Asking { base, token, account, stop, fresh, deaf } = asking;
    let client = client();
    while !stop.load(Ordering::SeqCst) {
        let request = {
            let mut book = book.lock().unwrap();
            let n = if book.waiting.is_empty() {
                if !fresh {
                    return;
                }
                let n = u32::try_from(book.requests.len()).unwrap();
                book.requests.push(Request { n, repeated: false, answer: None });
                n
            } else {
                book.waiting.remove(0)
            };
            book.under_way.push(n);
            book.requests[n as usize].clone()
        };
        let symbol = SYMBOLS[request.n as usize % SYMBOLS.len()];
        let body = json!({"account": account, "symbol": symbol, "side": "buy", "quantity": 1, "price": request.price().to_string()});
        let asked = client.post(format!("{base}/api/v1/trading/orders")).bearer_auth(&token).header("Idempotency-Key", request.key());
        let said = match asked.json(&body).send().await {
            Ok(response) => {
                let status = response.status().as_u16();
                response.json::<Value>().await.ok().map(|body| (status, body))
            }
            Err(_) => None,
        };
        if deaf && !request.repeated {
            return;
        }
        if stop.load(Ordering::SeqCst) && said.is_none() {
            // Killed while it was under way: it stays there for the count.
            return;
        }
        let mut book = book.lock().unwrap();
        book.under_way.retain(|n| *n != request.n);
        match said {
            Some((201, order)) => book.requests[request.n as usize].answer = Some(order),
            // A refusal is an order, too, when it was journalled.
            Some((422, problem)) if problem["order_id"].is_string() => book.requests[request.n as usize].answer = Some(problem),
            Some((status, problem)) if status == 409 || status == 422 => panic!("request {}: {status} {problem}", request.n),
            _ => book.waiting.push(request.n),
        }
    }
}

/// The journal's order of a request.
fn journalled(store: &Store, user: UserId, owned: &Owned, request: &Request) -> Option<Order> {
    store
        .user(user)
        .read(|v| {
            let known: Option<Answered> = v.get(&IDEMPOTENCY, &Key::new().text(&request.key()))?;
            known.map(|k| v.require(&ORDERS, &account_key(owned.account).id(k.order_id.as_bytes()))).transpose()
        })
        .map_err(|e: StoreError| e)
        .unwrap()
}

/// All orders of the account by their limit prices, of which each request has its own.
fn journal_by_price(store: &Store, user: UserId, owned: &Owned) -> BTreeMap<Decimal, Vec<Order>> {
    let rows: Vec<Order> = store.user(user).read(|v| v.list(&ORDERS, &account_key(owned.account))).map_err(|e: StoreError| e).unwrap();
    let mut by_price = BTreeMap::<Decimal, Vec<Order>>::new();
    for order in rows {
        by_price.entry(order.intent.limit_price.unwrap_or_default().normalize()).or_default().push(order);
    }
    by_price
}

/// Not a test by itself: the broker of the test below. Each line that it is told is a command, each
/// line that it says an answer. It ends with its parent.
#[test]
fn the_broker_that_lives_on() {
    let Ok(text) = std::env::var(ORDERS_FOR_JUDGE) else { return };
    let told: Value = serde_json::from_str(&text).unwrap();
    let word = |name: &str| told[name].as_str().unwrap().to_owned();
    let clock: Arc<dyn Clock> = Arc::new(SharedClock::open(Path::new(&word("clock"))));
    let app_key = word("app_key");
    let limits =
        Limits { paper_calls_per_second: 100_000, live_calls_per_second: 100_000, token_once_per_minute: false, ..Limits::default() };
    let account = SimAccount {
        environment: BrokerHost::Mock,
        app_key: app_key.clone(),
        app_secret: word("app_secret"),
        cano: word("cano"),
        product: "01".to_owned(),
        cash_usd: 1_000_000_000.into(),
        cash_krw: Decimal::ZERO,
        positions: Vec::new(),
    };
    let config = SimConfig { scenario: Scenario { limits, ..Scenario::default() }, accounts: vec![account], ..SimConfig::default() };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let broker = runtime.block_on(KisSimulator::start(config, clock, Arc::new(Calendar::nyse().unwrap()))).unwrap();
    let control = broker.control();
    println!("\n{SAID}{}", json!({"live": broker.live_url(), "mock": broker.mock_url()}));
    for line in std::io::stdin().lines().map_while(Result::ok) {
        let command: Value = serde_json::from_str(&line).unwrap();
        let answer = match command["do"].as_str() {
            Some("wait") => {
                let (buys, orders) = (command["buys"].as_u64(), command["orders"].as_u64());
                let since: Timestamp = serde_json::from_value(command["since"].clone()).unwrap();
                let asked = || control.requests_since(since).iter().filter(|r| r.tr_id == BUY).count() as u64;
                let late = Instant::now() + PATIENCE;
                let come = || buys.is_none_or(|n| asked() >= n) && orders.is_none_or(|n| control.order_count(&app_key) as u64 >= n);
                while !come() && Instant::now() < late {
                    std::thread::sleep(Duration::from_micros(200));
                }
                json!(come())
            }
            Some("count") => json!(control.order_count(&app_key)),
            Some("has") => {
                let prices: Vec<Decimal> = serde_json::from_value(command["prices"].clone()).unwrap();
                let orders = control.orders(&app_key);
                prices.iter().map(|price| orders.iter().any(|o| o.limit == *price)).collect()
            }
            Some("faults") => {
                control.clear_faults();
                let rules: Vec<FaultRule> = serde_json::from_value(command["rules"].clone()).unwrap();
                rules.into_iter().for_each(|rule| control.add_fault(rule));
                Value::Null
            }
            _ => {
                let orders = control.orders(&app_key).into_iter().filter(|o| o.original.is_none());
                orders.map(|o| json!([o.limit.normalize(), o.number, o.filled])).collect()
            }
        };
        println!("\n{SAID}{answer}");
    }
}

/// The process of the broker; ends with this one.
struct Judge {
    child: Child,
    pipes: Mutex<(ChildStdin, Lines<BufReader<ChildStdout>>)>,
    live: String,
    mock: String,
}

impl Drop for Judge {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Judge {
    fn start(orders: &Value) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kill_loop::the_broker_that_lives_on", "--nocapture"])
            .env(ORDERS_FOR_JUDGE, orders.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()).lines());
        let mut judge = Self { child, pipes: Mutex::new((stdin, stdout)), live: String::new(), mock: String::new() };
        let urls = Self::listen(&mut judge.pipes.lock().unwrap().1);
        let of = |name: &str| urls[name].as_str().unwrap().to_owned();
        (judge.live, judge.mock) = (of("live"), of("mock"));
        judge
    }

    fn listen(lines: &mut Lines<BufReader<ChildStdout>>) -> Value {
        let said = lines.map_while(Result::ok).find_map(|l| l.strip_prefix(SAID).map(str::to_owned));
        serde_json::from_str(&said.expect("the broker's process ended")).unwrap()
    }

    fn ask(&self, command: &Value) -> Value {
        let mut pipes = self.pipes.lock().unwrap();
        writeln!(pipes.0, "{command}").unwrap();
        Self::listen(&mut pipes.1)
    }

    /// Orders that it has taken.
    fn count(&self) -> u64 {
        self.ask(&json!({"do": "count"})).as_u64().unwrap()
    }

    /// Waits until so many buys have arrived since a time, taken or not, or until the judge has so many
    /// orders; not for ever.
    fn wait(&self, since: Timestamp, buys: Option<u64>, orders: Option<u64>) -> bool {
        let come = tokio::task::block_in_place(|| self.ask(&json!({"do": "wait", "since": since, "buys": buys, "orders": orders})));
        come.as_bool().unwrap()
    }

    /// Which of these limit prices the broker has an order at.
    fn has(&self, prices: &[Decimal]) -> Vec<bool> {
        serde_json::from_value(self.ask(&json!({"do": "has", "prices": prices}))).unwrap()
    }

    fn set_fault(&self, fault: Option<(Fault, u32)>) {
        let rule = |(fault, calls)| FaultRule { app_key: None, tr_id: Some(BUY.to_owned()), after_calls: 0, calls: Some(calls), fault };
        self.ask(&json!({"do": "faults", "rules": fault.map(rule).into_iter().collect::<Vec<_>>()}));
    }

    /// The broker's own log: limit price → number and filled shares of each order.
    fn log(&self) -> BTreeMap<Decimal, Vec<(u64, u64)>> {
        let orders: Vec<(Decimal, u64, u64)> = serde_json::from_value(self.ask(&json!({"do": "orders"}))).unwrap();
        let mut log: BTreeMap<Decimal, Vec<(u64, u64)>> = BTreeMap::new();
        for (limit, number, filled) in orders {
            log.entry(limit).or_default().push((number, filled));
        }
        log
    }
}

fn phase(store: &Store, at_broker: bool, user: UserId, owned: &Owned, request: &Request) -> Phase {
    match journalled(store, user, owned, request) {
        None => Phase::Journal,
        Some(order) if order.state == OrderState::Sent && !at_broker => Phase::Send,
        Some(order) if order.state == OrderState::Sent => Phase::Answer,
        Some(_) => Phase::Commit,
    }
}

/// What the broker does with the next buys in a round, so that kills fall into each phase.
fn scene(round: usize) -> Option<(Fault, u32)> {
    let long = SPEED * 30;
    match round % 5 {
        // Taken, and answered so late that the kill comes first.
        0 => Some((Fault::Slow { seconds: long }, 2)),
        // Never arrives; the server waits for an answer.
        1 => Some((Fault::TimeoutBefore { seconds: long }, 2)),
        // Taken, and the connection breaks at once: the order is looked for in the lists.
        2 => Some((Fault::DropAfter, 1)),
        _ => None,
    }
}

/// Lets the market run until the moment of a round's kill.
async fn until_the_kill(market: &Market, judge: &Judge, begun: u64, round: usize) {
    let since = market.now() + SignedDuration::from_millis(1);
    // Not a figure of chance from outside: rounds are to be the same kinds each time.
    let spread = |most: u64| Duration::from_millis((round as u64 * 7_919) % most);
    market
        .run_during(async {
            let pause = match round % 5 {
                // Two buys stand at the broker without an answer.
                0 | 1 => {
                    judge.wait(since, Some(2), None);
                    Duration::ZERO
                }
                // Some orders have passed: the server is anywhere in its work.
                2 => {
                    judge.wait(since, Some(2), None);
                    spread(450) + Duration::from_millis(20)
                }
                // Orders have arrived: their answers are on the way, being written down, or written down
                // and nobody outside has them.
                3 => {
                    judge.wait(since, None, Some(begun + 2 + round as u64 % 2));
                    spread(30)
                }
                // The requests have just been made.
                _ => spread(60),
            };
            tokio::time::sleep(pause).await;
        })
        .await;
}

/// Of several times: the middle one and the longest.
fn middle_and_longest(mut times: Vec<Duration>) -> (Duration, Duration) {
    times.sort();
    (times[times.len() / 2], times[times.len() - 1])
}

fn rounds() -> usize {
    std::env::var("EGGMONEY_KILLS").map_or(30, |text| text.parse().unwrap())
}

#[cfg(not(feature = "prove-control"))]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_at_random_points_neither_double_nor_lose_an_order() {
    play(rounds()).await;
}

/// The control: this server sends again what was not answered, and the same judge sees it.
#[cfg(feature = "prove-control")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_sends_again_is_caught() {
    let panic = tokio::spawn(play(10.min(rounds()))).await.unwrap_err().into_panic();
    let words = panic.downcast_ref::<String>().unwrap();
    assert!(words.contains("the broker's log and the journal"), "caught for another reason: {words}");
}

async fn play(rounds: usize) {
    let began = Instant::now();
    let (mut start, calendar) = (START.parse::<Timestamp>().unwrap(), Calendar::nyse().unwrap());
    let folder_of_clock = tempfile::tempdir().unwrap();
    let clock_file = folder_of_clock.path().join("clock");
    let clock = Arc::new(SharedClock::open(&clock_file));
    clock.set(start);
    let market = Market::open(clock, SPEED);
    // The account is made with a broker of this process; from then on the other one is all there is.
    let night = Night::start(START).await;
    let owned = night.bring("chan", "chan", 1_000_000_000).await;
    let app = night.server.app.clone();
    let user = app.auth.find_user("chan").unwrap().unwrap().id;
    app.trading.start_account(user, owned.account, true).await.unwrap();
    // Only people trade here.
    app.store
        .user(user)
        .write(move |tx| -> Result<(), StoreError> {
            let bots: Vec<Bot> = tx.view().list(&BOTS, &account_key(owned.account))?;
            for bot in bots {
                tx.put(&BOTS, &account_key(owned.account).id(bot.id.as_bytes()), &Bot { active: false, ..bot.clone() })?;
            }
            Ok(())
        })
        .await
        .unwrap();
    drop(app);
    let Night { server, broker } = night;
    drop(broker);
    let folder = server.close().await;
    let customer = json!({"clock": clock_file, "app_key": owned.app_key, "app_secret": format!("{:s<180}", "chan"), "cano": "50010004"});
    let judge = Judge::start(&customer);
    let orders = json!({"dir": folder.path(), "live": judge.live, "mock": judge.mock, "clock": clock_file, "speed": SPEED});

    let book = Arc::new(Mutex::new(Book::default()));
    let (mut phases, mut starts) = (BTreeMap::<Phase, usize>::new(), Vec::new());
    let (mut token, mut logged_in) = (String::new(), Instant::now());
    let account = owned.account.to_string();
    let senders = |victim: &Victim, token: &str, stop: &Arc<AtomicBool>, fresh: bool, deaf: bool| -> Vec<tokio::task::JoinHandle<()>> {
        let (base, token, account) = (victim.base.clone(), token.to_owned(), account.clone());
        let asking = Asking { base, token, account, stop: stop.clone(), fresh, deaf };
        (0..SENDERS).map(|_| tokio::spawn(send_orders(book.clone(), asking.clone()))).collect()
    };
    for round in 0..rounds {
        if market.now() > start + SESSION || (round > 0 && round % ROUNDS_A_DAY == 0) {
            // On to the next day's session: nobody has that many orders on one.
            start = calendar.next_session(calendar.local_date(start)).unwrap().open + SignedDuration::from_mins(10);
            market.leap_to(start);
        }
        judge.set_fault(scene(round));
        let (victim, took) = Victim::start(&orders).await;
        starts.push(took);
        if token.is_empty() || logged_in.elapsed() > Duration::from_secs(300) {
            (token, logged_in) = (victim.login().await, Instant::now());
        }
        let stop = Arc::new(AtomicBool::new(false));
        let begun = judge.count();
        let sending = senders(&victim, &token, &stop, true, round % 5 == 3);
        until_the_kill(&market, &judge, begun, round).await;
        stop.store(true, Ordering::SeqCst);
        victim.kill();
        for sender in sending {
            sender.await.unwrap();
        }
        let store = Store::open(folder.path()).unwrap();
        let mut book = book.lock().unwrap();
        let under_way = std::mem::take(&mut book.under_way);
        let prices: Vec<Decimal> = under_way.iter().map(|n| book.requests[*n as usize].price()).collect();
        for (n, at_broker) in under_way.into_iter().zip(judge.has(&prices)) {
            let request = &mut book.requests[n as usize];
            if !std::mem::replace(&mut request.repeated, true) {
                *phases.entry(phase(&store, at_broker, user, &owned, request)).or_default() += 1;
            }
            book.waiting.push(n);
        }
    }

    // At last a server that lives: everybody gets an answer, and every order comes to its end.
    judge.set_fault(None);
    let (victim, took) = Victim::start(&orders).await;
    starts.push(took);
    let token = victim.login().await;
    let all_answered = || {
        let book = book.lock().unwrap();
        book.waiting.is_empty() && book.under_way.is_empty()
    };
    let stop = Arc::new(AtomicBool::new(false));
    let sending = senders(&victim, &token, &stop, false, false);
    market.run_until(all_answered).await;
    for sender in sending {
        sender.await.unwrap();
    }
    let open = format!("{}/api/v1/trading/orders?open=true&account_id={}", victim.base, owned.account);
    let hangs = Instant::now() + HANGS;
    loop {
        let now = Instant::now();
        market.run_until(|| now.elapsed() > Duration::from_millis(200)).await;
        let (status, list) = answer(client().get(&open).bearer_auth(&token)).await;
        assert!(status == 200 && now < hangs, "orders stay open: {list}");
        if list["items"].as_array().unwrap().is_empty() {
            break;
        }
    }
    victim.kill();

    let store = Store::open(folder.path()).unwrap();
    assert_eq!(store.verify().unwrap().differences, []);
    let requests = book.lock().unwrap().requests.clone();
    let (mut log, mut sent) = (judge.log(), 0);
    // Not by the request's key: those of more than a week ago are forgotten.
    let mut journal = journal_by_price(&store, user, &owned);
    for request in &requests {
        let mut orders = journal.remove(&request.price().normalize()).unwrap_or_default();
        assert_eq!(orders.len(), 1, "answered, and not once in the journal: {request:?}, {orders:?}");
        let order = orders.remove(0);
        let told = request.answer.as_ref().unwrap();
        let id = told["id"].as_str().or(told["order_id"].as_str());
        assert_eq!(id, Some(order.intent.order_id.to_string().as_str()), "another order than the one that was answered");
        if let Some(number) = told["broker_order_no"].as_str() {
            assert_eq!(Some(number), order.broker_order_no.as_deref(), "the answer's order number is gone");
        }
        match log.remove(&request.price().normalize()) {
            None => assert!(order.filled_quantity == 0 && order.state == OrderState::Rejected, "the broker lacks {order:?}"),
            Some(at_broker) => {
                sent += 1;
                let number = order.broker_order_no.as_ref().and_then(|n| n.parse().ok()).unwrap_or_default();
                assert_eq!(at_broker, [(number, order.filled_quantity)], "the broker's log and the journal: {order:?}");
            }
        }
    }
    assert!(log.is_empty(), "the broker has orders that nobody asked for: {log:?}");
    assert!(journal.is_empty(), "the journal has orders that nobody asked for: {journal:?}");
    let hit: usize = phases.values().sum();
    let slow = starts.iter().filter(|took| **took > START_BUDGET).count();
    let (middle, longest) = middle_and_longest(starts);
    println!(
        "{rounds} kills in {} s, {} requests, {sent} orders at the broker, each once; kills by phase of an order on its way {phases:?} of \
         {hit}; starts: middle {middle:?}, longest {longest:?}, {slow} over {START_BUDGET:?}; {}",
        began.elapsed().as_secs(),
        requests.len(),
        market.now(),
    );
    assert!(slow <= rounds / 100, "{slow} of {rounds} starts took longer than {START_BUDGET:?}, the longest {longest:?}");
    assert!(sent > rounds / 2, "only {sent} orders reached the broker");
    for wanted in [Phase::Journal, Phase::Send, Phase::Answer, Phase::Commit] {
        let times = phases.get(&wanted).copied().unwrap_or(0);
        // A few dozen rounds say little about shares; a thousand must be in every phase.
        let least = if rounds >= 200 { hit / 20 } else { 1 };
        assert!(times >= least, "{times} of {hit} kills fell into {wanted:?}: {phases:?}");
    }
}
