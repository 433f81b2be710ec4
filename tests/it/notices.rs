//! Execution notices as the fast path of fills, from the simulated broker's websocket to the books.
//! Nothing ticks unless a test says so: what is booked without a tick was booked because of a notice.

use std::sync::Arc;
use std::time::{Duration, Instant};

use eggmoney::app::clock::SystemClock;
use eggmoney::app::credentials::BrokerKey;
use eggmoney::app::feeds::NoticeState;
use eggmoney::app::{App, Config};
use eggmoney::auth::{Disclosure, NewUser};
use eggmoney::domain::calendar::Calendar;
use eggmoney::domain::clock::SteppedClock;
use eggmoney::domain::fact::Event;
use eggmoney::domain::id::{AccountId, UserId};
use eggmoney::domain::order::{BrokerHost, Environment, Order, OrderKind, OrderState, Side, Venue};
use eggmoney::domain::user::Role;
use eggmoney::simulators::{Control, FillPlan, KisSimulator, Quirks, SimAccount, SimConfig};
use eggmoney::trading::{Addressed, LiveEvent, NewOrder};
use rust_decimal::dec;
use tokio::sync::broadcast::Receiver;

use crate::support::PASSWORD;

const KEY: &str = "PSnoticesOfTheTest000000000000000001";
const SECRET: &str = "secret/with+signs==";
const START: &str = "2026-05-15T15:00:00Z";
/// The list of US orders on the mock host.
const LIST: &str = "VTTS3035R";
/// Longer than any machine takes; reached only when a test fails.
const GUARD: Duration = Duration::from_secs(60);

struct World {
    app: Arc<App>,
    control: Control,
    market: Arc<SteppedClock>,
    user: UserId,
    account: AccountId,
    live: Receiver<Addressed>,
    _broker: KisSimulator,
    _dir: tempfile::TempDir,
}

impl World {
    /// A user whose account at the mock host receives notices.
    async fn start() -> Self {
        let market = Arc::new(SteppedClock::new(START.parse().unwrap()));
        let account = SimAccount {
            environment: BrokerHost::Mock,
            app_key: KEY.to_owned(),
            app_secret: SECRET.to_owned(),
            cano: "50012345".to_owned(),
            product: "01".to_owned(),
            cash_usd: dec!(500000),
            cash_krw: dec!(0),
            positions: Vec::new(),
        };
        let config = SimConfig { accounts: vec![account], wall: Some(Arc::new(SystemClock)), ..SimConfig::default() };
        let broker = KisSimulator::start(config, market.clone(), Arc::new(Calendar::nyse().unwrap())).await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let mut config = Config::new(dir.path());
        (config.brokers.kis.live, config.brokers.kis.mock) = (broker.live_url(), broker.mock_url());
        (config.brokers.kis.live_ws, config.brokers.kis.mock_ws) = (broker.live_ws_url(), broker.mock_ws_url());
        // A feed waits in wall time, so this wall is the real one; market time moves by hand.
        let app = App::open(config, Arc::new(SystemClock), market.clone()).await.unwrap();
        let new = NewUser { username: "kim".to_owned(), password: PASSWORD.to_owned().into(), email: None, role: Role::User };
        let user = app.auth.create_user(new, None).await.unwrap().id;
        app.auth.accept(user, Role::User, Disclosure::BrokerKey, Disclosure::BrokerKey.present().0).await.unwrap();
        let account = app.trading.create_account(user, "kis", Environment::Mock).await.unwrap().id;
        let key = BrokerKey {
            host: BrokerHost::Mock,
            app_key: KEY.into(),
            app_secret: SECRET.into(),
            cano: "50012345".into(),
            product: "01".to_owned(),
            hts_id: Some("simuser1".into()),
        };
        app.set_broker_key(user, account, key).await.unwrap();
        let mut limits = app.trading.account(user, account).unwrap();
        limits.settings.limits = eggmoney::domain::limits::AccountLimits::default();
        app.trading.set_limits(user, account, limits.version, limits.settings.limits).await.unwrap();
        app.trading.start_account(user, account, true).await.unwrap();
        let (control, live) = (broker.control(), app.trading.bus().subscribe());
        control.pin_price("TQQQ", Some(dec!(83.50)));
        let world = Self { app, control, market, user, account, live, _broker: broker, _dir: dir };
        world.listens().await;
        world
    }

    /// Waits until notices come.
    async fn listens(&self) {
        self.until("notices are live", || {
            self.app.feeds.refresh().unwrap();
            self.app.feeds.notices(self.account, true).0 == NoticeState::Live
        })
        .await;
    }

    async fn until(&self, what: &str, holds: impl Fn() -> bool) {
        let began = Instant::now();
        while !holds() {
            assert!(began.elapsed() < GUARD, "{what}: never came");
            tokio::task::yield_now().await;
        }
    }

    async fn buy(&self, quantity: u64) -> Order {
        let new = NewOrder {
            account: Some(self.account),
            market: None,
            symbol: "TQQQ".to_owned(),
            side: Some(Side::Buy),
            quantity,
            kind: OrderKind::Limit,
            limit_price: Some(dec!(85.10)),
            trigger_price: None,
            venue: Venue::Krx,
        };
        let order = self.app.trading.place_ticket(self.user, new, None).await.unwrap();
        assert!(order.broker_order_no.is_some(), "{order:?}");
        order
    }

    /// Shares of the next fill that an open page hears of.
    async fn fill(&mut self) -> u64 {
        loop {
            let heard = tokio::time::timeout(GUARD, self.live.recv()).await.expect("no fill came").unwrap();
            if let LiveEvent::Fill { quantity, .. } = heard.event {
                return quantity;
            }
        }
    }

    fn now(&self, order: &Order) -> Order {
        self.app.trading.order_with_facts(self.user, order.intent.order_id).unwrap().0
    }

    /// Shares of each fill in the journal.
    fn booked(&self, order: &Order) -> Vec<u64> {
        let facts = self.app.trading.order_with_facts(self.user, order.intent.order_id).unwrap().1;
        facts
            .into_iter()
            .filter_map(|fact| match fact.event {
                Event::OrderFilled { fill } => Some(fill.quantity),
                _ => None,
            })
            .collect()
    }

    fn passes(&self, seconds: u64) {
        self.market.advance(Duration::from_secs(seconds));
        self.control.advance();
    }

    /// The books have of the broker what the broker has done.
    fn check(&self) {
        assert_eq!(self.app.store.verify().unwrap().differences, []);
        let executed: u64 = self.control.executions(KEY).iter().map(|e| e.quantity).sum();
        let held: Vec<eggmoney::domain::ledger::Position> = self
            .app
            .store
            .user(self.user)
            .read(|v| v.list(&eggmoney::storage::tables::POSITIONS, &eggmoney::storage::account_key(self.account)))
            .unwrap();
        assert_eq!(held.iter().map(|p| p.quantity).sum::<rust_decimal::Decimal>(), executed.into());
    }
}

#[tokio::test]
async fn a_notice_books_each_part_once_however_often_it_comes() {
    let mut world = World::start().await;
    world.control.fill_next(KEY, FillPlan::Parts { count: 2, every_seconds: 5 });
    let order = world.buy(12).await;
    assert_eq!(world.fill().await, 6);
    for _ in 0..3 {
        let before = world.control.request_count(KEY, LIST);
        assert_eq!(world.control.repeat_notice(KEY), 1);
        world.until("the list is read again", || world.control.request_count(KEY, LIST) > before).await;
    }
    assert_eq!((world.now(&order).state, world.booked(&order)), (OrderState::PartiallyFilled, vec![6]));
    world.passes(5);
    assert_eq!(world.fill().await, 6);
    world.until("its result is taken", || world.now(&order).settled).await;
    world.control.repeat_notice(KEY);
    // Polling finds nothing more.
    for _ in 0..5 {
        world.passes(4);
        world.app.trading.tick().await;
    }
    assert_eq!((world.now(&order).state, world.booked(&order)), (OrderState::Filled, vec![6, 6]));
    world.check();
}

#[tokio::test]
async fn polling_books_what_no_notice_told_of() {
    let world = World::start().await;
    // Frames that cannot be decrypted.
    world.control.set_quirks(Quirks { wrong_notice_key: true, ..Quirks::default() });
    world.control.fill_next(KEY, FillPlan::AtOnce);
    let unreadable = world.buy(3).await;
    world.until("the frames are skipped", || world.app.feeds.stats(world.account).is_some_and(|s| s.bad_frames >= 2)).await;
    assert_eq!(world.now(&unreadable).state, OrderState::Accepted, "nobody has looked");
    world.passes(4);
    world.app.trading.tick().await;
    assert_eq!((world.now(&unreadable).state, world.booked(&unreadable)), (OrderState::Filled, vec![3]));
    world.control.set_quirks(Quirks::default());

    // A session that stands and says nothing.
    world.control.mute_sessions(KEY, true);
    world.control.fill_next(KEY, FillPlan::AtOnce);
    let silent = world.buy(5).await;
    world.passes(4);
    world.app.trading.tick().await;
    assert_eq!((world.now(&silent).state, world.booked(&silent)), (OrderState::Filled, vec![5]));
    world.check();
}

#[tokio::test]
async fn what_happens_while_the_socket_is_lost_is_read_when_it_is_back() {
    let mut world = World::start().await;
    world.control.fill_next(KEY, FillPlan::Delayed { seconds: 5 });
    let order = world.buy(7).await;
    assert_eq!(world.control.kick_sessions(KEY), 1);
    world.until("the loss is noticed", || world.app.feeds.notices(world.account, true).0 == NoticeState::Interrupted).await;
    world.passes(5);
    assert_eq!(world.booked(&order), [0; 0]);
    world.listens().await;
    assert_eq!(world.fill().await, 7);
    assert_eq!(world.app.feeds.stats(world.account).unwrap().sessions, 2);
    world.until("its result is taken", || world.now(&order).settled).await;
    world.check();
}

#[tokio::test]
async fn a_feed_ends_with_its_login_name_and_its_key() {
    let world = World::start().await;
    assert!(world.control.registrations(KEY).len() >= 2);
    world.app.set_hts_id(world.user, world.account, None).await.unwrap();
    world.app.feeds.refresh().unwrap();
    world.until("the session ends", || world.control.session_count(KEY) == 0).await;
    assert_eq!(world.app.feeds.notices(world.account, false).0, NoticeState::NoHtsId);
    world.app.set_hts_id(world.user, world.account, Some("another".into())).await.unwrap();
    world.listens().await;
    assert!(world.control.registrations(KEY).iter().all(|(_, key)| key == "another"), "{:?}", world.control.registrations(KEY));
    world.app.trading.stop_account(world.user, world.account).await.unwrap();
    world.app.remove_broker_key(world.user, world.account).await.unwrap();
    world.app.feeds.refresh().unwrap();
    assert_eq!(world.app.feeds.stats(world.account), None);
    world.until("the session ends", || world.control.session_count(KEY) == 0).await;
}

/// The figure: from the execution at the simulated exchange to the fill in the books.
#[tokio::test]
async fn fills_are_booked_within_a_second_of_their_execution() {
    const ORDERS: usize = 40;
    let mut world = World::start().await;
    let mut times = Vec::with_capacity(ORDERS);
    for _ in 0..ORDERS {
        world.control.fill_next(KEY, FillPlan::Delayed { seconds: 5 });
        let order = world.buy(1).await;
        let executed = Instant::now();
        world.passes(5);
        assert_eq!(world.fill().await, 1);
        times.push(executed.elapsed());
        world.until("its result is taken", || world.now(&order).settled).await;
        // One reading answers what is noticed within a tenth of a second: the next order comes later.
        let settled = Instant::now();
        world.until("a pause passes", || settled.elapsed() > Duration::from_millis(120)).await;
    }
    times.sort();
    let at = |part: f64| times[((ORDERS - 1) as f64 * part) as usize].as_millis();
    println!("notices: execution to booked over {ORDERS} orders: p50 {} ms, p95 {} ms, most {} ms", at(0.5), at(0.95), at(1.0));
    assert!(at(0.5) < 1_000, "polling alone takes up to 4 s: {times:?}");
    world.check();
}
