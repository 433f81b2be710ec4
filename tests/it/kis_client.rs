//! The KIS client against the simulated KIS server: both speak the wire protocol of the broker and
//! share nothing else.

use std::sync::Arc;
use std::time::Duration;

use eggmoney::brokers::http::{HttpClient, HttpSettings};
use eggmoney::brokers::kis::{KisClient, KisConfig, MemoryTokenStore, TokenKeeper};
use eggmoney::brokers::limit::{LIVE_CALLS_PER_SECOND, MOCK_CALLS_PER_SECOND, RateLimiter};
use eggmoney::brokers::{Broker, BrokerError, MarketReader, OrderAck, OrderGateway, OrderOutcome};
use eggmoney::domain::clock::{Clock, SteppedClock};
use eggmoney::domain::id::{AccountId, OrderId};
use eggmoney::domain::instrument::{Exchange, Market};
use eggmoney::domain::order::{BrokerHost, JournalledOrder, Order, OrderIntent, OrderOrigin, OrderState, Side};
use eggmoney::simulators::exchange::calendar::WeekdayCalendar;
use eggmoney::simulators::{Control, EmptyList, Fault, FillPlan, KisSimulator, Quirks, Scenario, SimAccount, SimConfig, SimPosition};
use jiff::civil::{Date, date};
use rust_decimal::Decimal;

const KEY: &str = "PSappKeyOfTheTest0000000000000000001";
const SECRET: &str = "secret/with+signs==";

struct World {
    clock: Arc<SteppedClock>,
    simulator: KisSimulator,
    control: Control,
    client: KisClient,
}

/// The session of Friday 2026-05-15, 11:00 in New York.
fn session() -> Date {
    date(2026, 5, 15)
}

impl World {
    async fn start(environment: BrokerHost) -> Self {
        Self::with(environment, Scenario::default()).await
    }

    async fn with(environment: BrokerHost, scenario: Scenario) -> Self {
        let clock = Arc::new(SteppedClock::new("2026-05-15T15:00:00Z".parse().unwrap()));
        let account = SimAccount {
            environment,
            app_key: KEY.to_owned(),
            app_secret: SECRET.to_owned(),
            cano: "50012345".to_owned(),
            product: "01".to_owned(),
            cash_usd: Decimal::from(50_000),
            cash_krw: Decimal::ZERO,
            positions: vec![
                SimPosition { symbol: "TQQQ".to_owned(), quantity: 67.into(), average_price: Decimal::new(15_086, 2) },
                SimPosition { symbol: "SOXL".to_owned(), quantity: 210.into(), average_price: Decimal::new(3_259, 2) },
            ],
        };
        let config = SimConfig { scenario, accounts: vec![account], ..SimConfig::default() };
        let simulator = KisSimulator::start(config, clock.clone(), Arc::new(WeekdayCalendar)).await.unwrap();
        let control = simulator.control();
        let (base_url, pace) = match environment {
            BrokerHost::Live => (simulator.live_url(), LIVE_CALLS_PER_SECOND),
            BrokerHost::Mock => (simulator.mock_url(), MOCK_CALLS_PER_SECOND),
        };
        let config = KisConfig {
            host: environment,
            base_url,
            app_key: KEY.into(),
            app_secret: SECRET.into(),
            cano: "50012345".into(),
            product: "01".to_owned(),
        };
        let http = HttpClient::new(HttpSettings { connect_timeout: Duration::from_secs(30), timeout: Duration::from_secs(30) }).unwrap();
        let tokens = Arc::new(TokenKeeper::new(Arc::new(MemoryTokenStore::default()), clock.clone()));
        let limiter = Arc::new(RateLimiter::new(clock.clone(), pace));
        let client = KisClient::new(config, http, clock.clone(), tokens, limiter).unwrap();
        Self { clock, simulator, control, client }
    }

    async fn send(&self, side: Side, symbol: &str, quantity: u64, price: Decimal) -> (OrderIntent, Result<OrderAck, BrokerError>) {
        let intent = OrderIntent {
            order_id: OrderId(uuid::Uuid::nil()),
            account_id: AccountId(uuid::Uuid::nil()),
            bot_id: None,
            bot_name: "TQ_1".to_owned(),
            environment: self.client.environment(),
            market: Market::Us,
            symbol: symbol.to_owned(),
            side,
            quantity,
            kind: eggmoney::domain::order::OrderKind::Limit,
            limit_price: Some(price),
            trigger_price: None,
            venue: eggmoney::domain::order::Venue::Krx,
            origin: OrderOrigin::Closing,
            session: session(),
            expires_at: self.clock.now() + jiff::SignedDuration::from_mins(5),
        };
        let exchange = if symbol == "SOXL" { Exchange::Amex } else { Exchange::Nasdaq };
        let ack = self.client.send_order(JournalledOrder::after_commit(&intent), exchange).await;
        (intent, ack)
    }

    /// A buy price that fills: two percent above the last price.
    async fn over(&self, symbol: &str, exchange: Exchange) -> Decimal {
        let last = self.client.quote(exchange, symbol).await.unwrap().last;
        (last * Decimal::new(102, 2)).round_dp(2)
    }

    async fn orders(&self) -> Vec<eggmoney::brokers::BrokerOrder> {
        self.client.orders(Market::Us, session(), session(), None).await.unwrap()
    }
}

#[tokio::test]
async fn market_data_reads_the_same_on_both_hosts() {
    for environment in [BrokerHost::Live, BrokerHost::Mock] {
        let world = World::start(environment).await;
        let client = &world.client;
        let quote = client.quote(Exchange::Nasdaq, "TQQQ").await.unwrap();
        assert_eq!(Some(quote.last), world.control.price("TQQQ"));
        assert!(quote.previous_close.is_some_and(|p| p > Decimal::ZERO));
        assert_eq!(client.find_listing("TQQQ").await.unwrap(), Some(Exchange::Nasdaq));
        assert_eq!(client.find_listing("SOXL").await.unwrap(), Some(Exchange::Amex));
        assert_eq!(client.find_listing("NOSUCH").await.unwrap(), None);
        assert!(matches!(client.quote(Exchange::Nasdaq, "NOSUCH").await, Err(BrokerError::UnknownInstrument(_))));
        let bars = client.daily_bars(Exchange::Nasdaq, "TQQQ", Some(date(2026, 5, 14)), 250).await.unwrap();
        assert_eq!(bars.len(), 250);
        assert_eq!(bars.last().map(|b| b.date), Some(date(2026, 5, 14)));
        assert!(bars.windows(2).all(|pair| pair[0].date < pair[1].date));
        assert!(bars.iter().all(|b| b.low <= b.close && b.close <= b.high && b.volume > 0));
        let rate = client.usd_krw().await.unwrap();
        assert!((Decimal::from(1_000)..Decimal::from(2_000)).contains(&rate), "{rate}");
    }
}

#[tokio::test]
async fn the_account_is_read_in_spite_of_the_servers_habits() {
    let quirks = Quirks { padding_row: true, repeat_holdings: true, empty_totals_as_list: true, ..Quirks::default() };
    for environment in [BrokerHost::Live, BrokerHost::Mock] {
        let world = World::with(environment, Scenario { quirks: quirks.clone(), ..Scenario::default() }).await;
        let mut positions = world.client.positions(Market::Us).await.unwrap();
        positions.sort_by(|a, b| a.symbol.cmp(&b.symbol));
        let seen: Vec<_> = positions.iter().map(|p| (p.symbol.as_str(), p.exchange, p.quantity, p.sellable)).collect();
        let count = Decimal::from;
        assert_eq!(seen, [("SOXL", Some(Exchange::Amex), count(210), count(210)), ("TQQQ", Some(Exchange::Nasdaq), count(67), count(67))]);
        assert_eq!(positions[1].average_price, Decimal::new(15_086, 2));
        let power = world.client.buying_power(Exchange::Nasdaq, "TQQQ", Some(Decimal::from(80))).await.unwrap();
        assert!(power.amount > Decimal::from(49_000) && power.usd_krw.is_some(), "{power:?}");
        let balance = world.client.present_balance().await.unwrap();
        assert_eq!(balance.usd_cash, Some(Decimal::from(50_000)));
        assert!(balance.total_assets_krw.is_some_and(|won| won > Decimal::from(50_000_000)));
    }
}

#[tokio::test]
async fn an_order_goes_from_receipt_to_fill() {
    let world = World::start(BrokerHost::Mock).await;
    world.control.fill_all(KEY, FillPlan::AtOnce);
    let price = world.over("TQQQ", Exchange::Nasdaq).await;
    let (_, ack) = world.send(Side::Buy, "TQQQ", 12, price).await;
    let ack = ack.unwrap();
    assert_eq!(ack.order_date, session());
    let orders = world.orders().await;
    let order = orders.iter().find(|o| o.broker_order_no == ack.broker_order_no && o.order_date == ack.order_date).unwrap();
    assert_eq!((order.quantity, order.filled_quantity, order.open_quantity, order.side), (12, 12, 0, Side::Buy));
    let paid: Decimal = world.control.executions(KEY).iter().map(|e| e.price * Decimal::from(e.quantity)).sum();
    assert_eq!((order.filled_amount, order.price), (paid, price));
    assert!(order.ordered_at.is_some_and(|at| world.clock.now().duration_since(at).as_secs() < 60));
    let held = world.client.positions(Market::Us).await.unwrap().into_iter().find(|p| p.symbol == "TQQQ").unwrap();
    assert_eq!(held.quantity, Decimal::from(67 + 12));
}

#[tokio::test]
async fn what_is_left_of_an_order_can_be_cancelled() {
    let world = World::start(BrokerHost::Mock).await;
    world.control.fill_all(KEY, FillPlan::Partial { quantity: 3 });
    let price = world.over("SOXL", Exchange::Amex).await;
    let (intent, ack) = world.send(Side::Buy, "SOXL", 10, price).await;
    let ack = ack.unwrap();
    let open = world.client.open_orders(Market::Us).await.unwrap();
    assert_eq!(open.iter().map(|o| (o.filled_quantity, o.open_quantity)).collect::<Vec<_>>(), [(3, 7)]);
    let order = Order {
        intent,
        state: OrderState::PartiallyFilled,
        broker_order_no: Some(ack.broker_order_no.clone()),
        broker_order_date: Some(ack.order_date),
        filled_quantity: 3,
        filled_amount: open[0].filled_amount,
        reason: None,
        cancel_requested: true,
        earlier: Vec::new(),
        amending: None,
        settled: false,
        created_at: world.clock.now(),
        updated_at: world.clock.now(),
    };
    world.client.send_cancel(&order, Exchange::Amex).await.unwrap();
    assert_eq!(world.client.open_orders(Market::Us).await.unwrap(), []);
    let orders = world.orders().await;
    assert_eq!(orders.len(), 1, "the cancellation is no order of its own");
    assert_eq!((orders[0].filled_quantity, orders[0].open_quantity, orders[0].rejected), (3, 0, false));
    let again = world.client.send_cancel(&order, Exchange::Amex).await.unwrap_err();
    assert_eq!(again.order_outcome(), OrderOutcome::NotPlaced, "{again:?}");
}

#[tokio::test]
async fn a_lost_answer_leaves_one_order_that_the_list_shows() {
    for fault in [Fault::DropAfter, Fault::Truncate, Fault::EmptyOutput] {
        let world = World::start(BrokerHost::Mock).await;
        world.control.fill_all(KEY, FillPlan::AtOnce);
        let price = world.over("TQQQ", Exchange::Nasdaq).await;
        world.control.fail_next(KEY, "VTTT1002U", 1, fault.clone());
        let (_, ack) = world.send(Side::Buy, "TQQQ", 5, price).await;
        let error = ack.unwrap_err();
        assert_eq!(error.order_outcome(), OrderOutcome::Unknown, "{fault:?} {error:?}");
        assert_eq!((world.control.order_count(KEY), world.control.request_count(KEY, "VTTT1002U")), (1, 1), "{fault:?}");
        assert_eq!(world.orders().await.iter().map(|o| o.filled_quantity).collect::<Vec<_>>(), [5]);
    }
}

#[tokio::test]
async fn a_server_error_leaves_the_order_unknown_and_the_list_empty() {
    for fault in [Fault::ServerError, Fault::DropBefore] {
        for empty_orders in [EmptyList::Empty, EmptyList::BlankRow, EmptyList::BlankObject] {
            let scenario = Scenario { quirks: Quirks { empty_orders, ..Quirks::default() }, ..Scenario::default() };
            let world = World::with(BrokerHost::Mock, scenario).await;
            world.control.fail_next(KEY, "VTTT1002U", 1, fault.clone());
            let (_, ack) = world.send(Side::Buy, "TQQQ", 5, Decimal::from(80)).await;
            assert_eq!(ack.unwrap_err().order_outcome(), OrderOutcome::Unknown);
            assert_eq!(world.orders().await, []);
        }
    }
}

#[tokio::test]
async fn refusals_place_nothing() {
    let world = World::start(BrokerHost::Mock).await;
    let price = world.over("TQQQ", Exchange::Nasdaq).await;
    for fault in [Fault::TooManyCalls, Fault::TooManyLedgerCalls] {
        world.control.fail_next(KEY, "VTTT1002U", 1, fault);
        let (_, ack) = world.send(Side::Buy, "TQQQ", 5, price).await;
        assert!(matches!(ack, Err(BrokerError::RateLimited { .. })), "{ack:?}");
    }
    let (_, dear) = world.send(Side::Buy, "TQQQ", 5_000, price).await;
    assert!(matches!(&dear, Err(BrokerError::Rejected { code, .. }) if code.starts_with("APBK") || code.starts_with('4')), "{dear:?}");
    let (_, short) = world.send(Side::Sell, "TQQQ", 68, price).await;
    assert!(matches!(short, Err(BrokerError::Rejected { .. })), "{short:?}");
    world.control.fill_next(KEY, FillPlan::Reject { code: "40580000".into(), message: "모의투자 장종료 입니다.".into() });
    let (_, closed) = world.send(Side::Buy, "TQQQ", 5, price).await;
    let expected = eggmoney::brokers::error::RejectionKind::MarketClosed;
    assert!(matches!(&closed, Err(BrokerError::Rejected { kind, .. }) if *kind == expected), "{closed:?}");
    assert_eq!(world.control.order_count(KEY), 0);
}

#[tokio::test]
async fn a_refusal_by_the_exchange_shows_in_the_list() {
    let world = World::start(BrokerHost::Mock).await;
    world.control.fill_next(KEY, FillPlan::RejectLater { after_seconds: 1, reason: "호가단위 오류".into() });
    let (_, ack) = world.send(Side::Buy, "TQQQ", 5, Decimal::from(80)).await;
    ack.unwrap();
    world.clock.advance(Duration::from_secs(2));
    let orders = world.orders().await;
    assert_eq!((orders.len(), orders[0].rejected, orders[0].open_quantity), (1, true, 0));
    assert_eq!(orders[0].status_text, "호가단위 오류");
    assert_eq!(world.client.open_orders(Market::Us).await.unwrap(), []);
}

#[tokio::test]
async fn a_token_that_dies_before_an_order_costs_one_more_issue_and_no_second_order() {
    let world = World::start(BrokerHost::Mock).await;
    world.control.fill_all(KEY, FillPlan::AtOnce);
    let price = world.over("TQQQ", Exchange::Nasdaq).await;
    world.control.expire_token(KEY);
    let (_, ack) = world.send(Side::Buy, "TQQQ", 5, price).await;
    ack.unwrap();
    assert_eq!(world.control.order_count(KEY), 1);
}

#[tokio::test]
async fn a_first_issue_that_comes_too_early_is_waited_for() {
    let world = World::start(BrokerHost::Mock).await;
    world.control.fail_next(KEY, "tokenP", 2, Fault::TokenTooEarly);
    let before = world.clock.now();
    world.client.check_token().await.unwrap();
    assert!(world.clock.now().duration_since(before).as_secs() >= 130);
}

#[tokio::test]
async fn long_order_lists_are_complete_and_in_pace() {
    let world = World::start(BrokerHost::Mock).await;
    world.control.fill_all(KEY, FillPlan::Never);
    for n in 0..47_u64 {
        let (_, ack) = world.send(Side::Buy, "TQQQ", 1 + n % 3, Decimal::new(1_000 + i64::try_from(n).unwrap(), 2)).await;
        ack.unwrap();
    }
    let orders = world.orders().await;
    let numbers: std::collections::BTreeSet<_> = orders.iter().map(|o| o.broker_order_no.clone()).collect();
    assert_eq!((orders.len(), numbers.len()), (47, 47));
    assert_eq!(world.client.open_orders(Market::Us).await.unwrap().len(), 47);
    assert!(world.control.requests().iter().all(|r| r.status == 200), "the pace stays below the limit");
}

#[tokio::test]
async fn a_live_client_reads_in_pace_and_sends_nothing() {
    let world = World::start(BrokerHost::Live).await;
    for _ in 0..100 {
        world.client.quote(Exchange::Nasdaq, "TQQQ").await.unwrap();
    }
    assert_eq!(world.control.request_count(KEY, "HHDFS00000300"), 100, "no call was refused and repeated");
    let (_, ack) = world.send(Side::Buy, "TQQQ", 5, Decimal::from(80)).await;
    assert_eq!(ack.unwrap_err().code(), "live_locked");
    assert_eq!((world.control.order_count(KEY), world.control.request_count(KEY, "TTTT1002U")), (0, 0));
    assert_eq!(world.client.open_orders(Market::Us).await.unwrap(), []);
    assert!(world.simulator.live_url().starts_with("http://127.0.0.1"));
}

#[tokio::test]
async fn unknown_members_in_answers_change_nothing() {
    let world = World::start(BrokerHost::Mock).await;
    for tr_id in ["HHDFS00000300", "VTTS3012R", "VTTS3035R", "VTTS3007R"] {
        world.control.fail_next(KEY, tr_id, 10, Fault::ExtraKey);
    }
    world.client.quote(Exchange::Nasdaq, "TQQQ").await.unwrap();
    assert_eq!(world.client.positions(Market::Us).await.unwrap().len(), 2);
    assert_eq!(world.orders().await, []);
    world.client.buying_power(Exchange::Nasdaq, "TQQQ", Some(Decimal::from(80))).await.unwrap();
}
