//! People who have paper accounts only do whatever comes to their minds, drawn from a seed: not one byte
//! may reach a live host. The configured live host is a trap that counts connections; the simulator
//! counts what its own live side is asked. `EGGMONEY_ACTIONS` says how many actions there are
//! (`scripts/prove`), `EGGMONEY_SEED` the seed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use eggmoney::domain::account::AccountMode;
use eggmoney::domain::calendar::Calendar;
use eggmoney::domain::clock::SteppedClock;
use eggmoney::domain::id::{AccountId, UserId};
use eggmoney::domain::limits::AccountLimits;
use eggmoney::domain::order::{BrokerHost, Environment, Order, OrderKind, Side, Venue};
use eggmoney::simulators::{Control, KisSimulator, Limits, Scenario, SimConfig};
use eggmoney::storage::account_key;
use eggmoney::storage::tables::{BOTS, ORDERS};
use eggmoney::trading::{HaltScope, NewOrder, Trading};
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;

use crate::support::TestServer;
use crate::support::old::Night;

/// Ten minutes after the open.
const START: &str = "2026-05-15T13:40:00Z";
/// Until shortly after the close.
const SESSION: SignedDuration = SignedDuration::from_mins(385);

/// A listener in a live host's place: it counts who comes and hangs up.
async fn trap() -> (String, Arc<AtomicUsize>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, caught) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let count = caught.clone();
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    (address.to_string(), caught)
}

/// Draws of one seed (SplitMix64).
struct Luck(u64);

impl Luck {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }

    fn one<'v, T>(&mut self, of: &'v [T]) -> &'v T {
        &of[usize::try_from(self.below(of.len() as u64)).unwrap()]
    }

    /// Near the last trade, mostly below.
    fn price(&mut self, trading: &Trading, symbol: &str) -> Decimal {
        let last = trading.quotes().get(symbol).map_or(Decimal::from(50), |quote| quote.last);
        (last * Decimal::new(95 + i64::try_from(self.below(8)).unwrap(), 2)).round_dp(2)
    }

    fn order(&mut self, trading: &Trading, account: AccountId) -> NewOrder {
        let symbol = *self.one(&["TQQQ", "SOXL", "QQQ", "TQQQ", "KO", "SOXL", "005930", "NOPE"]);
        let limit = self.below(100) < 75;
        NewOrder {
            account: (self.below(20) > 0).then_some(account),
            market: None,
            symbol: symbol.to_owned(),
            side: Some(if self.below(3) < 2 { Side::Buy } else { Side::Sell }),
            quantity: 1 + self.below(5),
            kind: if limit { OrderKind::Limit } else { OrderKind::Market },
            limit_price: limit.then(|| self.price(trading, symbol)),
            trigger_price: None,
            venue: Venue::Krx,
        }
    }
}

/// One person: what belongs to them, live accounts that they may have managed to make included.
struct Person {
    user: UserId,
    accounts: Vec<AccountId>,
}

fn open_orders(server: &TestServer, person: &Person) -> Vec<Order> {
    let of = |account| server.app.store.user(person.user).read(|v| v.open_orders(account)).unwrap();
    person.accounts.iter().flat_map(|account| of(*account)).collect()
}

/// Does one thing; gives its name and whether it came through.
async fn act(server: &TestServer, luck: &mut Luck, person: &mut Person) -> (&'static str, bool) {
    let trading: &Arc<Trading> = &server.app.trading;
    let (user, account) = (person.user, *luck.one(&person.accounts));
    let open = open_orders(server, person);
    match luck.below(100) {
        0..30 => {
            let placed = trading.place_ticket(user, luck.order(trading, account), None).await;
            ("place", placed.is_ok_and(|o| o.reason.is_none()))
        }
        30..38 => ("preview", trading.preview_ticket(user, luck.order(trading, account)).await.is_ok()),
        38..48 if !open.is_empty() => {
            let order = luck.one(&open).clone();
            let (quantity, price) = (1 + luck.below(5), luck.price(trading, &order.intent.symbol));
            ("amend", trading.amend_ticket(user, order.intent.order_id, Some(quantity), Some(price)).await.is_ok())
        }
        48..58 if !open.is_empty() => ("cancel", trading.cancel_ticket(user, luck.one(&open).intent.order_id).await.is_ok()),
        58..60 => ("cancel all", trading.cancel_all(user, None).await.is_ok()),
        60..64 => ("start", trading.start_account(user, account, luck.below(4) > 0).await.is_ok()),
        64 => ("stop", trading.stop_account(user, account).await.is_ok()),
        65..67 => {
            let scope = match luck.below(3) {
                0 => HaltScope::Installation,
                1 => HaltScope::User(user),
                _ => HaltScope::Account(user, account),
            };
            let on = luck.below(100) < 10;
            let done = trading.set_halt(Some(user), scope, on).await.is_ok();
            trading.cancel_halted(scope).await;
            ("kill switch", done)
        }
        67..70 => {
            let limits =
                AccountLimits { max_daily_trades: Some(u32::try_from(1 + luck.below(10_000)).unwrap()), ..AccountLimits::default() };
            let version = trading.account(user, account).map_or(0, |a| a.version);
            ("limits", trading.set_limits(user, account, version, limits).await.is_ok())
        }
        70..74 => {
            let bots = server.app.store.user(user).read(|v| v.list(&BOTS, &account_key(account))).unwrap();
            let Some(bot) = bots.first() else { return ("force sell", false) };
            ("force sell", trading.force_sell(user, account, bot.id, *luck.one(&[10.0, 50.0, 100.0]), None).await.is_ok())
        }
        74 if person.accounts.len() < 4 => {
            let made = trading.create_account(user, &format!("live {}", person.accounts.len()), Environment::Live).await;
            if let Ok(account) = &made {
                person.accounts.push(account.id);
            }
            ("live account", made.is_ok())
        }
        75..77 => ("night preview", trading.preview(user, account).is_ok()),
        _ => {
            let step = SignedDuration::from_secs(1 + i64::try_from(luck.below(40)).unwrap());
            server.market.advance_to(server.app.market.now() + step);
            ("tick", trading.tick().await)
        }
    }
}

fn asked_live(control: &Control) -> usize {
    control.requests().iter().filter(|r| r.environment == BrokerHost::Live).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_people_with_paper_accounts_do_no_live_host_hears_of_it() {
    let number = |name: &str, usual: u64| std::env::var(name).map_or(usual, |text| text.parse().unwrap());
    let actions = number("EGGMONEY_ACTIONS", 2_000);
    let mut luck = Luck(number("EGGMONEY_SEED", 1));
    let market = Arc::new(SteppedClock::new(START.parse().unwrap()));
    let limits =
        Limits { paper_calls_per_second: 100_000, live_calls_per_second: 100_000, token_once_per_minute: false, ..Limits::default() };
    let config = SimConfig { scenario: Scenario { limits, ..Scenario::default() }, ..SimConfig::default() };
    let broker = KisSimulator::start(config, market.clone(), Arc::new(Calendar::nyse().unwrap())).await.unwrap();
    let (address, caught) = trap().await;
    let (mock, mock_ws) = (broker.mock_url(), broker.mock_ws_url());
    let server = TestServer::start_at(market, move |config| {
        config.brokers.kis.live = format!("http://{address}");
        config.brokers.kis.live_ws = format!("ws://{address}");
        config.brokers.kis.mock = mock;
        config.brokers.kis.mock_ws = mock_ws;
    })
    .await;
    let night = Night { server, broker };
    let control = night.broker.control();
    let mut people = Vec::new();
    for name in ["chan", "sk"] {
        let owned = night.bring(name, name, 50_000).await;
        let user = night.server.app.auth.find_user(name).unwrap().unwrap().id;
        let own = night.server.app.trading.own_account(user).await.unwrap();
        night.server.app.trading.start_account(user, owned.account, true).await.unwrap();
        people.push(Person { user, accounts: vec![own, owned.account] });
    }
    let server = &night.server;
    let mut done: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let (start, day, mut days) = (START.parse::<Timestamp>().unwrap(), SignedDuration::from_hours(24), 0);
    for _ in 0..actions {
        let place = usize::try_from(luck.below(2)).unwrap();
        let (name, came_through) = act(server, &mut luck, &mut people[place]).await;
        let counts = done.entry(name).or_default();
        counts.0 += 1;
        counts.1 += usize::from(came_through);
        if server.app.market.now() > start + day * days + SESSION {
            // On to the next day's session (on a weekend there is none, and that is tried, too).
            days += 1;
            server.market.advance_to(start + day * days);
        }
    }
    let orders = |p: &Person| {
        p.accounts.iter().flat_map(|a| server.app.store.user(p.user).read(|v| v.list(&ORDERS, &account_key(*a))).unwrap()).count()
    };
    let (journalled, asked) = (people.iter().map(orders).sum::<usize>(), control.requests().len());
    println!(
        "{actions} actions {done:?}; {journalled} orders journalled, {asked} requests at the mock host, live host: {} connections, {} requests",
        caught.load(Ordering::SeqCst),
        asked_live(&control)
    );
    assert_eq!((caught.load(Ordering::SeqCst), asked_live(&control)), (0, 0), "bytes to a live host");
    let is_live = |p: &Person| {
        p.accounts.iter().any(|a| {
            let account = server.app.trading.account(p.user, *a).unwrap();
            account.environment == Environment::Live && account.mode == AccountMode::Trading
        })
    };
    assert!(!people.iter().any(is_live), "a live account without a key trades");
    assert!(asked > 0 && ["place", "amend", "cancel", "tick"].iter().all(|name| done[name].1 > 0), "the actions do something");
    assert_eq!(server.app.store.verify().unwrap().differences, []);

    // The trap works: a person who does have a live account would step into it.
    let _ = tokio::net::TcpStream::connect(server.app.config.brokers.kis.live.trim_start_matches("http://")).await.unwrap();
    while caught.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
}
