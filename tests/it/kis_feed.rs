//! The realtime feed against the simulated KIS server, over real sockets. Three clocks are moved by
//! hand: market time, the server's wall time and the client's.

use std::sync::Arc;
use std::time::Duration;

use eggmoney::brokers::feed::{ExecutionNotice, Feed, FeedEvent, FeedPriority, FeedStream, NotLive, NoticeKind, NoticeSubject, Topic};
use eggmoney::brokers::http::{HttpClient, HttpSettings, Redactor};
use eggmoney::brokers::kis::ws::{FeedTiming, Jitter, KisFeed, KisFeedAccount, KisFeedConfig, SLOTS};
use eggmoney::brokers::kis::{KisClient, KisConfig, MemoryTokenStore, TokenKeeper};
use eggmoney::brokers::limit::RateLimiter;
use eggmoney::brokers::{Broker, OrderAck, OrderGateway};
use eggmoney::domain::clock::{Clock, HeldClock, SteppedClock};
use eggmoney::domain::id::{AccountId, OrderId};
use eggmoney::domain::instrument::{Exchange, Market};
use eggmoney::domain::order::{BrokerHost, JournalledOrder, Order, OrderIntent, OrderKind, OrderOrigin, OrderState, Side, Venue};
use eggmoney::simulators::exchange::LISTINGS;
use eggmoney::simulators::exchange::calendar::WeekdayCalendar;
use eggmoney::simulators::{Control, FillPlan, KisSimulator, Limits, Quirks, Scenario, SimAccount, SimConfig};
use jiff::civil::date;
use rust_decimal::{Decimal, dec};

const KEY: &str = "PSappKeyOfTheTest0000000000000000001";
const SECRET: &str = "secret/with+signs==";
const CANO: &str = "50012345";
const HTS_ID: &str = "simuser1";

/// Longer than any machine takes; reached only when a test fails.
const GUARD: Duration = Duration::from_secs(60);

fn account() -> AccountId {
    AccountId(uuid::Uuid::from_u128(7))
}

struct World {
    host: BrokerHost,
    market: Arc<SteppedClock>,
    server_wall: Arc<HeldClock>,
    wall: Arc<HeldClock>,
    simulator: KisSimulator,
    control: Control,
    feed: KisFeed,
    events: FeedStream,
}

fn http() -> HttpClient {
    HttpClient::new(HttpSettings { connect_timeout: Duration::from_secs(30), timeout: Duration::from_secs(30) }).unwrap()
}

impl World {
    async fn start(host: BrokerHost) -> Self {
        // The client is tested for its answers to keep-alives where that is the point.
        let limits = Limits { ws_silence_seconds: 1_000_000, ..Limits::default() };
        Self::with(host, Scenario { limits, ..Scenario::default() }).await
    }

    async fn with(host: BrokerHost, scenario: Scenario) -> Self {
        let now = "2026-05-15T15:00:00Z".parse().unwrap();
        let (market, server_wall, wall) = (Arc::new(SteppedClock::new(now)), Arc::new(HeldClock::new(now)), Arc::new(HeldClock::new(now)));
        let sim_account = SimAccount {
            environment: host,
            app_key: KEY.to_owned(),
            app_secret: SECRET.to_owned(),
            cano: CANO.to_owned(),
            product: "01".to_owned(),
            cash_usd: dec!(50000),
            cash_krw: dec!(10000000),
            positions: Vec::new(),
        };
        let config = SimConfig { scenario, accounts: vec![sim_account], wall: Some(server_wall.clone()), ..SimConfig::default() };
        let simulator = KisSimulator::start(config, market.clone(), Arc::new(WeekdayCalendar)).await.unwrap();
        let (base_url, ws_url) = match host {
            BrokerHost::Live => (simulator.live_url(), simulator.live_ws_url()),
            BrokerHost::Mock => (simulator.mock_url(), simulator.mock_ws_url()),
        };
        let config = KisFeedConfig {
            host,
            base_url,
            ws_url,
            app_key: KEY.into(),
            app_secret: SECRET.into(),
            accounts: vec![KisFeedAccount { account: account(), hts_id: Some(HTS_ID.into()), cano: CANO.into(), product: "01".to_owned() }],
            timing: FeedTiming::default(),
        };
        let feed = KisFeed::start(config, http(), market.clone(), wall.clone(), Jitter::new(|| 1.0)).unwrap();
        let (control, events) = (simulator.control(), feed.events());
        Self { host, market, server_wall, wall, simulator, control, feed, events }
    }

    async fn next(&mut self) -> FeedEvent {
        tokio::time::timeout(GUARD, self.events.next()).await.expect("no event came").expect("the feed is gone")
    }

    /// The next event that fits.
    async fn until(&mut self, fits: impl Fn(&FeedEvent) -> bool) -> FeedEvent {
        loop {
            let event = self.next().await;
            if fits(&event) {
                return event;
            }
        }
    }

    async fn live(&mut self, topic: &Topic, priority: FeedPriority) {
        self.feed.subscribe(topic.clone(), priority);
        self.until(|event| *event == FeedEvent::Live(topic.clone())).await;
    }

    async fn notice(&mut self) -> ExecutionNotice {
        match self.until(|event| matches!(event, FeedEvent::Execution(_))).await {
            FeedEvent::Execution(notice) => notice,
            _ => unreachable!(),
        }
    }

    /// Moves the server's wall time on, once its sessions sleep.
    async fn server_passes(&self, seconds: u64) {
        while self.server_wall.next_wake().is_none() {
            tokio::task::yield_now().await;
        }
        self.server_wall.advance(Duration::from_secs(seconds));
    }

    /// Lets the pause before the next session pass; returns how long it was.
    async fn pause_passes(&self) -> Duration {
        loop {
            if let Some(at) = self.wall.next_wake() {
                let pause = Duration::try_from(at.duration_since(self.wall.now())).unwrap();
                self.wall.advance(pause);
                return pause;
            }
            tokio::task::yield_now().await;
        }
    }

    fn client(&self) -> KisClient {
        let config = KisConfig {
            host: self.host,
            base_url: self.simulator.mock_url(),
            app_key: KEY.into(),
            app_secret: SECRET.into(),
            cano: CANO.into(),
            product: "01".to_owned(),
        };
        let tokens = Arc::new(TokenKeeper::new(Arc::new(MemoryTokenStore::default()), self.market.clone()));
        KisClient::new(config, http(), self.market.clone(), tokens, Arc::new(RateLimiter::new(self.market.clone(), 1.0))).unwrap()
    }

    async fn buy(&self, client: &KisClient, quantity: u64, price: Decimal) -> (OrderIntent, OrderAck) {
        let intent = OrderIntent {
            order_id: OrderId(uuid::Uuid::nil()),
            account_id: account(),
            bot_id: None,
            bot_name: "TQ_1".to_owned(),
            environment: client.environment(),
            market: Market::Us,
            symbol: "TQQQ".to_owned(),
            side: Side::Buy,
            quantity,
            kind: OrderKind::Limit,
            limit_price: Some(price),
            trigger_price: None,
            venue: Venue::Krx,
            origin: OrderOrigin::Closing,
            session: date(2026, 5, 15),
            expires_at: self.market.now() + jiff::SignedDuration::from_mins(5),
        };
        let ack = client.send_order(JournalledOrder::after_commit(&intent), Exchange::Nasdaq).await.unwrap();
        (intent, ack)
    }
}

fn executions() -> Topic {
    Topic::Executions { account: account(), market: Market::Us }
}

fn trades(symbol: &str) -> Topic {
    Topic::Trades { exchange: Exchange::Nasdaq, symbol: symbol.to_owned() }
}

fn is_lost(event: &FeedEvent) -> bool {
    matches!(event, FeedEvent::Lost { .. })
}

#[tokio::test]
async fn notices_of_own_orders_arrive_decrypted_and_in_order() {
    let mut world = World::start(BrokerHost::Mock).await;
    world.live(&executions(), FeedPriority::OwnExecutions).await;
    let client = world.client();
    world.control.pin_price("TQQQ", Some(dec!(83.50)));
    world.control.fill_next(KEY, FillPlan::Parts { count: 2, every_seconds: 5 });
    let (_, ack) = world.buy(&client, 12, dec!(85.10)).await;

    let accepted = world.notice().await;
    assert_eq!((accepted.subject, accepted.kind), (NoticeSubject::Order, NoticeKind::Accepted));
    assert_eq!((accepted.account, accepted.market, accepted.symbol.as_str()), (account(), Market::Us, "TQQQ"));
    assert_eq!((accepted.broker_order_no.as_str(), accepted.original_order_no.as_deref()), (ack.broker_order_no.as_str(), None));
    assert_eq!((accepted.side, accepted.quantity, accepted.price), (Side::Buy, 12, Some(dec!(85.10))));
    let first = world.notice().await;
    assert_eq!((first.kind, first.quantity, first.broker_order_no.as_str()), (NoticeKind::Filled, 6, ack.broker_order_no.as_str()));
    // The rest is due in five seconds, and comes out when the server looks again.
    world.market.advance(Duration::from_secs(5));
    world.server_passes(1).await;
    let second = world.notice().await;
    assert_eq!((second.kind, second.quantity), (NoticeKind::Filled, 6));
    let booked = world.control.executions(KEY);
    assert_eq!([first.price, second.price], [Some(booked[0].price), Some(booked[1].price)]);
    assert_eq!(second.at.as_second(), booked[1].at.as_second(), "by the broker's clock");

    // Doubled notices are passed on: whoever reads them must bear it.
    assert_eq!(world.control.repeat_notice(KEY), 1);
    assert_eq!(world.notice().await, second);
    assert_eq!(world.feed.stats().bad_frames, 0);
}

/// Sends a Korean buy order as the broker's own samples do; returns its number.
async fn buy_korean(world: &World, quantity: u64) -> String {
    let (http, nothing) = (http(), Redactor::new([]));
    let post = |path: &str| http.post(&format!("{}{path}", world.simulator.mock_url()));
    let keys = serde_json::json!({"grant_type": "client_credentials", "appkey": KEY, "appsecret": SECRET});
    let token = http.send(post("/oauth2/tokenP").json(&keys), &nothing).await.unwrap();
    let token: serde_json::Value = serde_json::from_slice(&token.body).unwrap();
    let order = serde_json::json!({"CANO": CANO, "ACNT_PRDT_CD": "01", "PDNO": "005930", "ORD_DVSN": "01",
        "ORD_QTY": quantity.to_string(), "ORD_UNPR": "0", "EXCG_ID_DVSN_CD": "KRX"});
    let request = post("/uapi/domestic-stock/v1/trading/order-cash")
        .header("authorization", format!("Bearer {}", token["access_token"].as_str().unwrap()))
        .header("appkey", KEY)
        .header("appsecret", SECRET)
        .header("tr_id", "VTTC0012U")
        .json(&order);
    let answer = http.send(request, &nothing).await.unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    answer["output"]["ODNO"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

#[tokio::test]
async fn notices_of_korean_orders_arrive_decrypted() {
    let mut world = World::start(BrokerHost::Mock).await;
    world.market.advance_to("2026-05-18T02:00:00Z".parse().unwrap());
    world.live(&Topic::Executions { account: account(), market: Market::Krx }, FeedPriority::OwnExecutions).await;
    world.control.fill_next(KEY, FillPlan::AtOnce);
    let number = buy_korean(&world, 3).await;
    let accepted = world.notice().await;
    assert_eq!((accepted.market, accepted.symbol.as_str(), accepted.side), (Market::Krx, "005930", Side::Buy));
    assert_eq!((accepted.kind, accepted.quantity, accepted.price), (NoticeKind::Accepted, 3, None), "no limit at the market");
    let filled = world.notice().await;
    let booked = world.control.executions(KEY);
    assert_eq!((filled.kind, filled.quantity, filled.price), (NoticeKind::Filled, 3, Some(booked[0].price)));
    assert_eq!([accepted.broker_order_no, filled.broker_order_no], [number.clone(), number]);
    assert_eq!(world.feed.stats().bad_frames, 0);
}

#[tokio::test]
async fn cancellations_and_refusals_arrive_as_what_they_are() {
    let mut world = World::start(BrokerHost::Mock).await;
    world.live(&executions(), FeedPriority::OwnExecutions).await;
    let client = world.client();
    world.control.fill_next(KEY, FillPlan::Never);
    let (intent, ack) = world.buy(&client, 3, dec!(50)).await;
    assert_eq!(world.notice().await.kind, NoticeKind::Accepted);
    let order = Order {
        intent,
        state: OrderState::Accepted,
        broker_order_no: Some(ack.broker_order_no.clone()),
        broker_order_date: Some(ack.order_date),
        filled_quantity: 0,
        filled_amount: Decimal::ZERO,
        reason: None,
        cancel_requested: true,
        earlier: Vec::new(),
        amending: None,
        settled: false,
        created_at: world.market.now(),
        updated_at: world.market.now(),
    };
    client.send_cancel(&order, Exchange::Nasdaq).await.unwrap();
    let cancelled = world.notice().await;
    assert_eq!((cancelled.subject, cancelled.kind), (NoticeSubject::Cancellation, NoticeKind::Cancelled));
    assert_eq!(cancelled.original_order_no.as_deref(), Some(ack.broker_order_no.as_str()));
    assert_ne!(cancelled.broker_order_no, ack.broker_order_no);

    world.control.fill_next(KEY, FillPlan::RejectLater { after_seconds: 2, reason: "상한가 초과".to_owned() });
    let (_, ack) = world.buy(&client, 4, dec!(60)).await;
    assert_eq!(world.notice().await.kind, NoticeKind::Accepted);
    world.market.advance(Duration::from_secs(2));
    world.server_passes(1).await;
    let refused = world.notice().await;
    assert_eq!((refused.subject, refused.kind, refused.quantity), (NoticeSubject::Order, NoticeKind::Rejected, 4));
    assert_eq!(refused.broker_order_no, ack.broker_order_no);
}

#[tokio::test]
async fn trades_and_books_follow_the_market() {
    let mut world = World::start(BrokerHost::Live).await;
    let book = Topic::Book { exchange: Exchange::Nasdaq, symbol: "TQQQ".to_owned() };
    world.live(&trades("TQQQ"), FeedPriority::Bots).await;
    world.live(&book, FeedPriority::Bots).await;
    world.control.set_quirks(Quirks { many_records: true, ..Quirks::default() });
    world.control.pin_price("TQQQ", Some(dec!(83.41)));
    world.market.advance(Duration::from_secs(10));
    world.server_passes(1).await;
    let (mut volumes, mut day_volume, mut book_now) = (Vec::new(), 0, None);
    while volumes.len() < 2 || book_now.is_none() {
        match world.next().await {
            FeedEvent::Trade(trade) => {
                assert_eq!((trade.symbol.as_str(), trade.price), ("TQQQ", dec!(83.41)));
                assert_eq!(trade.at, world.market.now());
                day_volume = trade.day_volume;
                volumes.push(trade.volume);
            }
            FeedEvent::Book(update) => book_now = Some(update),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(volumes.len(), 2, "two records of one frame");
    assert!(volumes.iter().sum::<u64>() <= day_volume && volumes[0].abs_diff(volumes[1]) <= 1, "{volumes:?}");
    let update = book_now.unwrap();
    assert_eq!((update.book.bids.len(), update.book.asks.len()), (10, 10));
    let (bid, ask) = (update.book.bids[0].price, update.book.asks[0].price);
    assert!(bid < dec!(83.41) && dec!(83.41) < ask, "{bid} {ask}");
    assert!(update.book.bids.is_sorted_by(|a, b| a.price > b.price) && update.book.asks.is_sorted_by(|a, b| a.price < b.price));

    // Nobody wants it any more, so it is taken back at the broker.
    world.feed.unsubscribe(&book, FeedPriority::Bots);
    while world.control.registrations(KEY).len() != 1 {
        tokio::task::yield_now().await;
    }
    assert!(!world.feed.is_live(&book) && world.feed.is_live(&trades("TQQQ")));
}

#[tokio::test]
async fn korean_trades_and_books_come_on_both_hosts() {
    for host in [BrokerHost::Live, BrokerHost::Mock] {
        let mut world = World::start(host).await;
        // 11:00 in Seoul on the following Monday.
        world.market.advance_to("2026-05-18T02:00:00Z".parse().unwrap());
        let (exchange, symbol) = (Exchange::Krx, "005930".to_owned());
        world.live(&Topic::Trades { exchange, symbol: symbol.clone() }, FeedPriority::Bots).await;
        world.live(&Topic::Book { exchange, symbol }, FeedPriority::Bots).await;
        world.market.advance(Duration::from_secs(10));
        world.server_passes(1).await;
        let (mut trade, mut book) = (None, None);
        while trade.is_none() || book.is_none() {
            match world.next().await {
                FeedEvent::Trade(event) => trade = Some(event),
                FeedEvent::Book(event) => book = Some(event),
                other => panic!("{other:?}"),
            }
        }
        let (trade, book) = (trade.unwrap(), book.unwrap());
        assert_eq!(Some(trade.price), world.control.price("005930"));
        assert_eq!((trade.exchange, trade.at, book.at), (Exchange::Krx, world.market.now(), world.market.now()));
        assert!(trade.volume > 0 && book.book.bids[0].price < book.book.asks[0].price);
        assert_eq!((book.book.bids.len(), book.book.asks.len()), (10, 10));
        assert_eq!(world.feed.stats().bad_frames, 0);
    }
}

#[tokio::test]
async fn the_mock_host_tells_that_it_has_no_foreign_prices() {
    let mut world = World::start(BrokerHost::Mock).await;
    world.feed.subscribe(trades("TQQQ"), FeedPriority::Bots);
    let told = world.until(|event| matches!(event, FeedEvent::NotLive { .. })).await;
    assert_eq!(told, FeedEvent::NotLive { topic: trades("TQQQ"), reason: NotLive::Unsupported });
}

#[tokio::test]
async fn what_the_broker_refuses_is_asked_for_again_later() {
    let mut world = World::start(BrokerHost::Live).await;
    world.live(&trades("TQQQ"), FeedPriority::Bots).await;
    world.feed.subscribe(trades("NOSUCH"), FeedPriority::Bots);
    let refused =
        |event: &FeedEvent| matches!(event, FeedEvent::NotLive { reason: NotLive::Refused { code, .. }, .. } if code == "OPSP8992");
    world.until(refused).await;
    assert!(world.feed.is_live(&trades("TQQQ")), "one refusal harms no other topic");
    while world.wall.next_wake().is_none() {
        tokio::task::yield_now().await;
    }
    world.wall.advance(FeedTiming::default().refused);
    world.until(refused).await;
}

#[tokio::test]
async fn a_dropped_session_returns_with_all_its_topics() {
    let mut world = World::start(BrokerHost::Live).await;
    world.live(&executions(), FeedPriority::OwnExecutions).await;
    world.live(&trades("TQQQ"), FeedPriority::Bots).await;
    let before = world.control.registrations(KEY);
    assert_eq!(before.len(), 2);
    assert_eq!(world.control.kick_sessions(KEY), 1);
    world.until(is_lost).await;
    assert!(!world.feed.is_live(&trades("TQQQ")));
    assert_eq!(world.pause_passes().await, Duration::from_secs(1));
    world.until(|event| *event == FeedEvent::Connected).await;
    world.until(|event| *event == FeedEvent::Live(executions())).await;
    world.until(|event| *event == FeedEvent::Live(trades("TQQQ"))).await;
    assert_eq!(world.control.registrations(KEY), before);
    assert_eq!(world.control.request_count(KEY, "Approval"), 1, "the approval key is kept");
    assert_eq!(world.feed.stats().sessions, 2);
}

#[tokio::test]
async fn pauses_grow_while_sessions_are_refused() {
    let mut world = World::start(BrokerHost::Live).await;
    world.control.refuse_sessions(KEY, 3);
    world.feed.subscribe(trades("TQQQ"), FeedPriority::Bots);
    let mut pauses = Vec::new();
    for _ in 0..3 {
        let FeedEvent::Lost { reason } = world.until(is_lost).await else { unreachable!() };
        assert!(reason.contains("OPSP8996"), "{reason}");
        pauses.push(world.pause_passes().await.as_secs());
    }
    assert_eq!(pauses, [1, 2, 4]);
    world.until(|event| *event == FeedEvent::Live(trades("TQQQ"))).await;
    // A session that stood is no failure: the next pause is the first one again.
    world.wall.advance(FeedTiming::default().steady);
    world.control.kick_sessions(KEY);
    world.until(is_lost).await;
    assert_eq!(world.pause_passes().await.as_secs(), 1);
}

#[tokio::test]
async fn a_forgotten_approval_key_is_asked_for_anew() {
    let mut world = World::start(BrokerHost::Live).await;
    world.live(&trades("TQQQ"), FeedPriority::Bots).await;
    world.control.revoke_approvals(KEY);
    world.control.kick_sessions(KEY);
    world.until(is_lost).await;
    world.pause_passes().await;
    let FeedEvent::Lost { reason } = world.until(is_lost).await else { unreachable!() };
    assert!(reason.contains("approval key"), "{reason}");
    world.pause_passes().await;
    world.until(|event| *event == FeedEvent::Live(trades("TQQQ"))).await;
    assert_eq!(world.control.request_count(KEY, "Approval"), 2);
}

#[tokio::test]
async fn keep_alives_are_echoed_and_their_absence_ends_the_session() {
    let mut world = World::with(BrokerHost::Live, Scenario::default()).await;
    world.live(&trades("TQQQ"), FeedPriority::Bots).await;
    for _ in 0..20 {
        let frames = world.feed.stats().frames;
        world.server_passes(10).await;
        while world.feed.stats().frames == frames {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(world.control.session_count(KEY), 1, "200 seconds of keep-alives, and the server has heard every echo");
    // From now on nothing comes any more, while the connection stands.
    world.control.mute_sessions(KEY, true);
    while world.wall.next_wake().is_none() {
        tokio::task::yield_now().await;
    }
    world.wall.advance(FeedTiming::default().silence);
    let FeedEvent::Lost { reason } = world.until(is_lost).await else { unreachable!() };
    assert_eq!(reason, "nothing came for 150 seconds");
    world.pause_passes().await;
    world.until(|event| *event == FeedEvent::Live(trades("TQQQ"))).await;
}

#[tokio::test]
async fn bad_frames_are_counted_and_skipped() {
    let mut world = World::start(BrokerHost::Live).await;
    world.live(&executions(), FeedPriority::OwnExecutions).await;
    world.live(&trades("TQQQ"), FeedPriority::Bots).await;
    let junk = [
        "",
        "hello",
        "0|HDFSCNT0|001|DNASTQQQ",
        "0|NOSUCH|001|a^b",
        "1|H0GSCNI0|001|AAAA",
        "1|H0STCNI0|001|x",
        "0|HDFSCNT0|abc|x",
        "{}",
        "[1]",
    ];
    for text in junk {
        assert_eq!(world.control.say_to_sessions(KEY, text), 1);
    }
    world.control.pin_price("TQQQ", Some(dec!(90)));
    world.server_passes(1).await;
    let trade = world.until(|event| matches!(event, FeedEvent::Trade(_) | FeedEvent::Lost { .. })).await;
    assert!(matches!(&trade, FeedEvent::Trade(trade) if trade.price == dec!(90)), "{trade:?}");
    assert_eq!(world.feed.stats().bad_frames, junk.len() as u64);
}

#[tokio::test]
async fn forty_slots_go_to_the_most_important() {
    let mut world = World::start(BrokerHost::Live).await;
    let watched: Vec<Topic> = LISTINGS
        .iter()
        .filter(|listing| listing.exchange != Exchange::Krx)
        .flat_map(|listing| {
            let (exchange, symbol) = (listing.exchange, listing.symbol.to_owned());
            [Topic::Trades { exchange, symbol: symbol.clone() }, Topic::Book { exchange, symbol }]
        })
        .take(SLOTS + 5)
        .collect();
    for topic in &watched {
        world.feed.subscribe(topic.clone(), FeedPriority::WatchList);
    }
    let (mut live, mut waiting) = (0, Vec::new());
    while live < SLOTS || waiting.len() < 5 {
        match world.next().await {
            FeedEvent::Live(_) => live += 1,
            FeedEvent::NotLive { topic, reason: NotLive::NoSlot } => waiting.push(topic),
            FeedEvent::Connected => {}
            other => panic!("{other:?}"),
        }
    }
    waiting.sort_unstable();
    let mut last = watched[SLOTS..].to_vec();
    last.sort_unstable();
    assert_eq!(waiting, last, "who came last waits");
    assert_eq!(world.control.registrations(KEY).len(), SLOTS);

    world.feed.subscribe(executions(), FeedPriority::OwnExecutions);
    let displaced = world.until(|event| matches!(event, FeedEvent::NotLive { .. })).await;
    assert_eq!(displaced, FeedEvent::NotLive { topic: watched[SLOTS - 1].clone(), reason: NotLive::NoSlot });
    world.until(|event| *event == FeedEvent::Live(executions())).await;
    assert_eq!(world.control.registrations(KEY).len(), SLOTS, "never more than the broker takes");

    // A slot that becomes free goes to the one that waits.
    world.feed.unsubscribe(&watched[0], FeedPriority::WatchList);
    world.until(|event| *event == FeedEvent::Live(watched[SLOTS - 1].clone())).await;
}
