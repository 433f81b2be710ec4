//! People who have paper accounts only do whatever comes to their minds, drawn from a seed: not one byte
//! may leave for any place but the broker's mock host. The server's way out is narrowed to that host:
//! whatever else would be connected to, by name or by number, fails and is told; and the simulated live
//! host counts who connects. Most of what people do is sound, so that orders really go out.
//! `EGGMONEY_ACTIONS` says how many actions there are (`scripts/prove`), `EGGMONEY_SEED` the seed.

use std::collections::BTreeMap;
use std::sync::Arc;

use eggmoney::brokers::egress::Egress;
use eggmoney::brokers::http::{HttpClient, HttpSettings, Redactor};
use eggmoney::domain::account::AccountMode;
use eggmoney::domain::calendar::Calendar;
use eggmoney::domain::clock::SteppedClock;
use eggmoney::domain::id::{AccountId, UserId};
use eggmoney::domain::instrument::Market;
use eggmoney::domain::ledger::Position;
use eggmoney::domain::limits::AccountLimits;
use eggmoney::domain::order::{BrokerHost, Environment, Order, OrderKind, Side, Venue};
use eggmoney::domain::rules::tick;
use eggmoney::simulators::{Control, KisSimulator, Limits, Scenario, SimAccount, SimConfig};
use eggmoney::storage::account_key;
use eggmoney::storage::tables::{BOTS, ORDERS, POSITIONS};
use eggmoney::trading::{HaltScope, NewOrder, Trading, TradingError};
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;

use crate::support::TestServer;
use crate::support::old::Night;

/// Five minutes after the open in Seoul.
const START: &str = "2026-05-15T00:05:00Z";
/// Sessions by turns: from where in the day until where, and what trades then.
const SESSIONS: [(SignedDuration, SignedDuration, [&str; 4]); 2] = [
    (SignedDuration::ZERO, SignedDuration::from_mins(380), ["005930", "000660", "069500", "005930"]),
    (SignedDuration::from_mins(815), SignedDuration::from_mins(1_200), ["TQQQ", "SOXL", "QQQ", "KO"]),
];

/// The one Korean fund among them: its ticks are others.
const FUND: &str = "069500";

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

    fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    /// On a tick near the last trade: half of the time one that trades at once, else one that waits.
    fn price(&mut self, control: &Control, symbol: &str, side: Side) -> Decimal {
        let market = market_of(symbol);
        let last = control.price(symbol).unwrap_or(Decimal::from(50));
        let away = Decimal::new(1 + i64::try_from(self.below(20)).unwrap(), 3);
        let up = self.percent(50) == (side == Side::Buy);
        let wanted = last * if up { Decimal::ONE + away } else { Decimal::ONE - away };
        tick::round_nearest(market, symbol == FUND, wanted)
    }

    /// What somebody who looks at the screen would order.
    fn sound(&mut self, server: &TestServer, control: &Control, person: &Person, account: AccountId, now: &[&'static str]) -> NewOrder {
        let held: Vec<Position> = server.app.store.user(person.user).read(|v| v.list(&POSITIONS, &account_key(account))).unwrap();
        let held: Vec<Position> = held.into_iter().filter(|p| p.quantity >= Decimal::ONE && now.contains(&p.symbol.as_str())).collect();
        let sells = !held.is_empty() && self.percent(45);
        let (symbol, most) = if sells {
            let position = self.one(&held);
            (position.symbol.clone(), u64::try_from(position.quantity.floor()).unwrap().min(4))
        } else {
            ((*self.one(now)).to_owned(), 4)
        };
        let side = if sells { Side::Sell } else { Side::Buy };
        // The mock host takes limit orders only in the US.
        let limit = market_of(&symbol) == Market::Us || self.percent(75);
        let limit_price = limit.then(|| self.price(control, &symbol, side));
        NewOrder {
            account: Some(account),
            market: None,
            side: Some(side),
            quantity: 1 + self.below(most),
            kind: if limit { OrderKind::Limit } else { OrderKind::Market },
            limit_price,
            symbol,
            trigger_price: None,
            venue: Venue::Krx,
        }
    }

    /// The same with something wrong about it.
    fn unsound(&mut self, new: NewOrder) -> NewOrder {
        match self.below(7) {
            0 => NewOrder { symbol: "NOPE".to_owned(), ..new },
            1 => NewOrder { quantity: 1_000_000, ..new },
            2 => NewOrder { limit_price: new.limit_price.map(|price| price + Decimal::new(1, 3)), ..new },
            3 => NewOrder { side: Some(Side::Sell), symbol: "TLT".to_owned(), ..new },
            4 => NewOrder { symbol: if market_of(&new.symbol) == Market::Us { "005930" } else { "TQQQ" }.to_owned(), ..new },
            5 => NewOrder { account: None, venue: Venue::Nxt, ..new },
            _ => NewOrder { kind: OrderKind::Loo, ..new },
        }
    }
}

fn market_of(symbol: &str) -> Market {
    if symbol.starts_with(|c: char| c.is_ascii_digit()) { Market::Krx } else { Market::Us }
}

/// One person: what belongs to them, live accounts that they may have managed to make included.
struct Person {
    user: UserId,
    /// Own paper, mock, then those live ones.
    accounts: Vec<AccountId>,
}

fn open_orders(server: &TestServer, person: &Person) -> Vec<Order> {
    let of = |account| server.app.store.user(person.user).read(|v| v.open_orders(account)).unwrap();
    person.accounts.iter().flat_map(|account| of(*account)).collect()
}

/// Why something did not come through.
fn word(error: &TradingError) -> String {
    match error {
        TradingError::Refused { code, .. } => (*code).to_owned(),
        TradingError::Gate(reason) => reason.code.clone(),
        TradingError::Fields(problems) => problems.iter().map(|p| p.code).collect(),
        other => other.to_string(),
    }
}

/// Does one thing; gives its name and why it did not come through.
async fn act(
    server: &TestServer,
    control: &Control,
    luck: &mut Luck,
    person: &mut Person,
    now: &[&'static str],
) -> (&'static str, Result<(), String>) {
    let trading: &Arc<Trading> = &server.app.trading;
    let user = person.user;
    let place = if luck.percent(92) { luck.below(2) } else { luck.below(person.accounts.len() as u64) };
    let account = person.accounts[usize::try_from(place).unwrap()];
    let open = open_orders(server, person);
    let done = |result: Result<(), TradingError>| result.map_err(|e| word(&e));
    match luck.below(100) {
        0..40 => {
            let sound = luck.sound(server, control, person, account, now);
            let name = ["place own", "place mock"].get(usize::try_from(place).unwrap()).copied().unwrap_or("place live");
            let (name, new) = if luck.percent(85) { (name, sound) } else { ("place badly", luck.unsound(sound)) };
            let placed = trading.place_ticket(user, new, None).await;
            (name, placed.map_err(|e| word(&e)).and_then(|o| o.reason.map_or(Ok(()), |reason| Err(reason.code))))
        }
        40..46 => {
            let new = luck.sound(server, control, person, account, now);
            ("preview", done(trading.preview_ticket(user, new).await.map(drop)))
        }
        46..54 if !open.is_empty() => {
            let intent = luck.one(&open).intent.clone();
            let price = luck.price(control, &intent.symbol, intent.side);
            // The Korean market only lets the price change.
            let quantity = (intent.market == Market::Us).then(|| 1 + luck.below(intent.quantity));
            ("amend", done(trading.amend_ticket(user, intent.order_id, quantity, Some(price)).await.map(drop)))
        }
        54..61 if !open.is_empty() => ("cancel", done(trading.cancel_ticket(user, luck.one(&open).intent.order_id).await.map(drop))),
        61 => ("cancel all", done(trading.cancel_all(user, None).await.map(drop))),
        62..66 => ("start", done(trading.start_account(user, account, luck.below(4) > 0).await.map(drop))),
        66 if luck.percent(25) => ("stop", done(trading.stop_account(user, account).await.map(drop))),
        67..69 => {
            let scope = match luck.below(3) {
                0 => HaltScope::Installation,
                1 => HaltScope::User(user),
                _ => HaltScope::Account(user, account),
            };
            let on = luck.percent(3);
            let result = trading.set_halt(Some(user), scope, on).await.map(drop);
            trading.cancel_halted(scope).await;
            ("kill switch", done(result))
        }
        69 => {
            let most = u32::try_from(500 + luck.below(10_000)).unwrap();
            let limits = AccountLimits { max_daily_trades: Some(most), ..AccountLimits::default() };
            let version = trading.account(user, account).map_or(0, |a| a.version);
            ("limits", done(trading.set_limits(user, account, version, limits).await.map(drop)))
        }
        70..72 => {
            let bots = server.app.store.user(user).read(|v| v.list(&BOTS, &account_key(account))).unwrap();
            let Some(bot) = bots.first() else { return ("force sell", Err("no bot".to_owned())) };
            ("force sell", done(trading.force_sell(user, account, bot.id, *luck.one(&[10.0, 50.0, 100.0]), None).await.map(drop)))
        }
        72 if person.accounts.len() < 4 => {
            let made = trading.create_account(user, &format!("live {}", person.accounts.len()), Environment::Live).await;
            if let Ok(account) = &made {
                person.accounts.push(account.id);
            }
            ("live account", done(made.map(drop)))
        }
        73..75 => ("night preview", done(trading.preview(user, account).map(drop))),
        _ => {
            let step = SignedDuration::from_secs(1 + i64::try_from(luck.below(40)).unwrap());
            server.market.advance_to(server.app.market.now() + step);
            ("tick", if trading.tick().await { Ok(()) } else { Err("under way already".to_owned()) })
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
    let hosts = [broker.live_url(), broker.live_ws_url(), broker.mock_url(), broker.mock_ws_url()];
    let egress = Egress::only([hosts[2].as_str(), hosts[3].as_str()]);
    let narrowed = egress.clone();
    let server = TestServer::start_at(market, move |config| {
        let [live, live_ws, mock, mock_ws] = hosts;
        let kis = &mut config.brokers.kis;
        (kis.live, kis.live_ws, kis.mock, kis.mock_ws) = (live, live_ws, mock, mock_ws);
        config.egress = narrowed;
    })
    .await;
    let night = Night { server, broker };
    let control = night.broker.control();
    let mut people = Vec::new();
    for name in ["chan", "sk"] {
        let owned = night.bring(name, name, 500_000).await;
        let positions = control.positions(&owned.app_key);
        let at_broker = owned.at_broker(BrokerHost::Mock, 500_000, positions);
        night.broker.add_account(SimAccount { cash_krw: 500_000_000.into(), ..at_broker });
        let user = night.server.app.auth.find_user(name).unwrap().unwrap().id;
        let own = night.server.app.trading.own_account(user).await.unwrap();
        night.server.app.trading.start_account(user, owned.account, true).await.unwrap();
        people.push(Person { user, accounts: vec![own, owned.account] });
    }
    let server = &night.server;
    let mut done: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut why: BTreeMap<String, usize> = BTreeMap::new();
    let start = START.parse::<Timestamp>().unwrap();
    let (mut days, mut session) = (0, 0);
    for _ in 0..actions {
        let place = usize::try_from(luck.below(2)).unwrap();
        let (name, came) = act(server, &control, &mut luck, &mut people[place], &SESSIONS[session].2).await;
        let counts = done.entry(name).or_default();
        counts.0 += 1;
        counts.1 += usize::from(came.is_ok());
        if let Err(code) = came {
            *why.entry(format!("{name}: {code}")).or_default() += 1;
        }
        if server.app.market.now() > start + SignedDuration::from_hours(24) * days + SESSIONS[session].1 {
            // On to the other market's next session (on a weekend there is none, and that is tried, too).
            session = 1 - session;
            days += i32::from(session == 0);
            // The day of the start is a Friday. Of most weekends nothing is seen.
            if session == 0 && days % 7 == 1 && luck.percent(80) {
                days += 2;
            }
            server.market.advance_to(start + SignedDuration::from_hours(24) * days + SESSIONS[session].0);
        }
    }
    let orders = |p: &Person| -> Vec<Order> {
        let of = |a: &AccountId| server.app.store.user(p.user).read(|v| v.list(&ORDERS, &account_key(*a))).unwrap();
        p.accounts.iter().flat_map(of).collect()
    };
    let mut states: BTreeMap<(String, String), usize> = BTreeMap::new();
    for order in people.iter().flat_map(orders) {
        *states.entry((format!("{:?}", order.intent.environment), format!("{:?}", order.state))).or_default() += 1;
    }
    println!(
        "{actions} actions {done:?}\nnot done {why:?}\norders {states:?}; {} requests at the mock host; live host: {} connections, {} requests; \
         refused ways out: {:?}",
        control.requests().len(),
        night.broker.live_connections(),
        asked_live(&control),
        egress.refused(),
    );
    assert_eq!((night.broker.live_connections(), asked_live(&control)), (0, 0), "bytes to a live host");
    assert_eq!(egress.refused(), Vec::<String>::new(), "somebody tried to speak to another place");
    let is_live = |p: &Person| {
        p.accounts.iter().any(|a| {
            let account = server.app.trading.account(p.user, *a).unwrap();
            account.environment == Environment::Live && account.mode == AccountMode::Trading
        })
    };
    assert!(!people.iter().any(is_live), "a live account without a key trades");
    // The actions do something: most of what is sound comes through, and what is not does not.
    let share = |name: &str| done.get(name).map_or(0, |(tried, came)| came * 100 / tried);
    for name in ["place own", "place mock", "preview", "amend", "cancel", "tick"] {
        assert!(share(name) >= 40, "only {} % of '{name}' came through: {why:?}", share(name));
    }
    assert!(share("place badly") < 40 && share("place live") == 0, "{done:?}");
    assert_eq!(server.app.store.verify().unwrap().differences, []);

    // The guard works: a person who does have a live account would meet it.
    let client = HttpClient::within(egress.clone(), HttpSettings::default()).unwrap();
    let live = [server.app.config.brokers.kis.live.as_str(), "https://openapi.koreainvestment.com:9443/oauth2/tokenP"];
    for url in live {
        assert!(client.send(client.post(url), &Redactor::new([])).await.is_err());
    }
    assert_eq!(egress.refused().len(), live.len());
    // And the live host counts: without the guard it is reached.
    let client = HttpClient::new(HttpSettings::default()).unwrap();
    client.send(client.get(live[0]), &Redactor::new([])).await.unwrap();
    assert_eq!((night.broker.live_connections(), asked_live(&control)), (1, 1));
}
