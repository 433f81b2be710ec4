//! The product's own KIS client against the simulated broker: two independent readings of the wire
//! format must agree.

use std::sync::Arc;
use std::time::Duration;

use eggmoney::brokers::http::{HttpClient, HttpSettings, install_crypto};
use eggmoney::brokers::kis::{KisClient, KisConfig, MemoryTokenStore, TokenKeeper};
use eggmoney::brokers::limit::RateLimiter;
use eggmoney::brokers::{Broker, BrokerError, BrokerOrder, MarketReader, OrderAck, OrderGateway, OrderOutcome};
use eggmoney::domain::calendar::Calendar;
use eggmoney::domain::clock::{Clock, SteppedClock};
use eggmoney::domain::id::{AccountId, OrderId};
use eggmoney::domain::instrument::{Exchange, Market};
use eggmoney::domain::order::{Amendment, BrokerHost, JournalledOrder, Order, OrderIntent, OrderKind, OrderOrigin, OrderState, Side};
use eggmoney::simulators::{Control, Fault, FillPlan, KisSimulator, Scenario, SimAccount, SimConfig, SimPosition};
use jiff::Timestamp;
use jiff::civil::{Date, date};
use rust_decimal::{Decimal, dec};

const KEY: &str = "PSsimAppKey0000000000000000000000001";
const SECRET: &str = "simulated-secret+/==";
/// The session of Friday 2026-05-15, 11:00 in New York.
const MID_SESSION: &str = "2026-05-15T15:00:00Z";
const TODAY: Date = date(2026, 5, 15);

struct Rig {
    clock: Arc<SteppedClock>,
    control: Control,
    client: KisClient,
    environment: BrokerHost,
    _simulator: KisSimulator,
}

impl Rig {
    async fn start(environment: BrokerHost) -> Self {
        install_crypto();
        let clock = Arc::new(SteppedClock::new(MID_SESSION.parse::<Timestamp>().unwrap()));
        let position = |symbol: &str, quantity, average_price| SimPosition { symbol: symbol.to_owned(), quantity, average_price };
        let account = SimAccount {
            environment,
            app_key: KEY.to_owned(),
            app_secret: SECRET.to_owned(),
            cano: "50012345".to_owned(),
            product: "01".to_owned(),
            cash_usd: dec!(50000),
            cash_krw: Decimal::ZERO,
            positions: vec![position("TQQQ", dec!(67), dec!(150.86)), position("SOXL", dec!(210), dec!(32.59))],
        };
        let config = SimConfig { scenario: Scenario::default(), accounts: vec![account], ..SimConfig::default() };
        let simulator = KisSimulator::start(config, clock.clone(), Arc::new(Calendar::nyse().unwrap())).await.unwrap();
        let (base_url, calls_per_second) = match environment {
            BrokerHost::Live => (simulator.live_url(), 15.0),
            BrokerHost::Mock => (simulator.mock_url(), 1.0),
        };
        let config = KisConfig {
            host: environment,
            base_url,
            app_key: KEY.into(),
            app_secret: SECRET.into(),
            cano: "50012345".into(),
            product: "01".to_owned(),
        };
        let patient = Duration::from_secs(30);
        let http = HttpClient::new(HttpSettings { connect_timeout: patient, timeout: patient }).unwrap();
        let tokens = Arc::new(TokenKeeper::new(Arc::new(MemoryTokenStore::default()), clock.clone()));
        let limiter = Arc::new(RateLimiter::new(clock.clone(), calls_per_second));
        let client = KisClient::new(config, http, clock.clone(), tokens, limiter).unwrap();
        Self { clock, control: simulator.control(), client, environment, _simulator: simulator }
    }

    fn intent(&self, side: Side, quantity: u64, limit_price: Decimal) -> OrderIntent {
        OrderIntent {
            order_id: OrderId(uuid::Uuid::nil()),
            account_id: AccountId(uuid::Uuid::nil()),
            bot_id: None,
            bot_name: "first".to_owned(),
            environment: self.environment.into(),
            market: Market::Us,
            symbol: "TQQQ".to_owned(),
            side,
            quantity,
            kind: OrderKind::Limit,
            limit_price: Some(limit_price),
            trigger_price: None,
            venue: eggmoney::domain::order::Venue::Krx,
            origin: OrderOrigin::Closing,
            session: TODAY,
            expires_at: self.clock.now() + jiff::SignedDuration::from_mins(5),
        }
    }

    async fn send(&self, side: Side, quantity: u64, limit: Decimal) -> Result<OrderAck, BrokerError> {
        let intent = self.intent(side, quantity, limit);
        self.client.send_order(JournalledOrder::after_commit(&intent), Exchange::Nasdaq).await
    }

    async fn cancel(&self, ack: &OrderAck, quantity: u64) -> Result<(), BrokerError> {
        let order = self.confirmed(self.intent(Side::Buy, quantity, dec!(60)), ack, 0);
        self.client.send_cancel(&order, Exchange::Nasdaq).await
    }

    fn confirmed(&self, intent: OrderIntent, ack: &OrderAck, filled_quantity: u64) -> Order {
        Order {
            intent,
            state: OrderState::Accepted,
            broker_order_no: Some(ack.broker_order_no.clone()),
            broker_order_date: Some(ack.order_date),
            filled_quantity,
            filled_amount: Decimal::ZERO,
            reason: None,
            cancel_requested: false,
            earlier: Vec::new(),
            amending: None,
            settled: false,
            created_at: self.clock.now(),
            updated_at: self.clock.now(),
        }
    }

    async fn today(&self) -> Vec<BrokerOrder> {
        self.client.orders(Market::Us, TODAY, TODAY, None).await.unwrap()
    }
}

#[tokio::test]
async fn reads_agree_on_both_hosts() {
    for environment in [BrokerHost::Live, BrokerHost::Mock] {
        let rig = Rig::start(environment).await;
        let quote = rig.client.quote(Exchange::Nasdaq, "TQQQ").await.unwrap();
        assert_eq!((quote.last, quote.previous_close), (rig.control.price("TQQQ").unwrap(), Some(dec!(138))));
        for (symbol, exchange) in
            [("SOXL", Some(Exchange::Amex)), ("TQQQ", Some(Exchange::Nasdaq)), ("KO", Some(Exchange::Nyse)), ("NOSUCH", None)]
        {
            assert_eq!(rig.client.find_listing(symbol).await.unwrap(), exchange, "{symbol}");
        }
        assert_eq!(rig.client.quote(Exchange::Nasdaq, "NOSUCH").await, Err(BrokerError::UnknownInstrument("NOSUCH".to_owned())));

        let bars = rig.client.daily_bars(Exchange::Nasdaq, "TQQQ", None, 320).await.unwrap();
        assert_eq!((bars.len(), bars[319].date, bars[318].close), (320, TODAY, 138.0));
        assert!(bars.windows(2).all(|pair| pair[0].date < pair[1].date));
        // A holiday of the product's calendar has no bar.
        assert!(bars.iter().all(|bar| bar.date != date(2025, 12, 25)));

        let rate = rig.client.usd_krw().await.unwrap();
        assert!(rate > dec!(1200) && rate < dec!(1600));
        let (first, last) = (date(2026, 3, 1), date(2026, 3, 31));
        let closes = rig.client.usd_krw_closes(first, last).await.unwrap();
        assert_eq!((closes.len(), closes[0].0, closes[21].0), (22, date(2026, 3, 2), last));
        assert!(closes.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert_eq!(rig.client.usd_krw_closes(TODAY, TODAY).await.unwrap(), [(TODAY, rate)]);
        let power = rig.client.buying_power(Exchange::Nasdaq, "TQQQ", Some(dec!(100))).await.unwrap();
        assert_eq!(power.amount, dec!(50000));
        let present = rig.client.present_balance().await.unwrap();
        assert_eq!(present.usd_cash, Some(dec!(50000)));
        assert_eq!(present.usd_krw, power.usd_krw);

        let mut positions = rig.client.positions(Market::Us).await.unwrap();
        positions.sort_by(|a, b| a.symbol.cmp(&b.symbol));
        let seen: Vec<_> = positions.iter().map(|p| (p.symbol.as_str(), p.exchange, p.quantity, p.sellable, p.average_price)).collect();
        let soxl = ("SOXL", Some(Exchange::Amex), dec!(210), dec!(210), dec!(32.59));
        assert_eq!(seen, [soxl, ("TQQQ", Some(Exchange::Nasdaq), dec!(67), dec!(67), dec!(150.86))]);
        assert_eq!(rig.client.orders(Market::Us, TODAY, TODAY, None).await.unwrap(), []);
        let refused = rig.control.requests().into_iter().filter(|record| record.status != 200).count();
        assert_eq!(refused, 0, "the client kept within the quotas");
    }
}

#[tokio::test]
async fn an_order_is_filled_listed_and_cancelled() {
    let rig = Rig::start(BrokerHost::Mock).await;
    let price = rig.control.price("TQQQ").unwrap();
    let ack = rig.send(Side::Buy, 12, (price * dec!(1.02)).round_dp(2)).await.unwrap();
    assert_eq!(ack.order_date, TODAY);
    rig.control.fill_next(KEY, FillPlan::Partial { quantity: 4 });
    let resting = rig.send(Side::Buy, 10, dec!(60)).await.unwrap();
    let orders = rig.today().await;
    let find = |ack: &OrderAck| orders.iter().find(|order| order.broker_order_no == ack.broker_order_no).unwrap().clone();
    let (filled, partial) = (find(&ack), find(&resting));
    assert_eq!((filled.filled_quantity, filled.open_quantity, filled.rejected), (12, 0, false));
    assert_eq!(
        filled.filled_amount,
        rig.control.executions(KEY).iter().filter(|e| e.quantity == 12).map(|e| e.price * dec!(12)).sum::<Decimal>()
    );
    assert_eq!((partial.filled_quantity, partial.open_quantity), (4, 6));
    assert_eq!(rig.client.open_orders(Market::Us).await.unwrap().len(), 1);
    rig.cancel(&resting, 10).await.unwrap();
    assert_eq!(rig.client.open_orders(Market::Us).await.unwrap(), []);
    let after = rig.today().await.into_iter().find(|order| order.broker_order_no == resting.broker_order_no).unwrap();
    assert_eq!((after.filled_quantity, after.open_quantity), (4, 0));
    assert!(matches!(rig.cancel(&resting, 10).await, Err(BrokerError::Rejected { .. })));
    assert!(matches!(rig.send(Side::Sell, 500, dec!(60)).await, Err(BrokerError::Rejected { .. })));
}

#[tokio::test]
async fn an_amendment_goes_on_under_a_new_number_and_other_kinds_stay_here() {
    let rig = Rig::start(BrokerHost::Mock).await;
    rig.control.fill_next(KEY, FillPlan::Partial { quantity: 4 });
    let first = rig.send(Side::Buy, 10, dec!(60)).await.unwrap();
    let find = async |ack: &OrderAck| rig.today().await.into_iter().find(|o| o.broker_order_no == ack.broker_order_no).unwrap();
    assert_eq!(find(&first).await.filled_quantity, 4);
    let order = rig.confirmed(rig.intent(Side::Buy, 10, dec!(60)), &first, 4);
    let terms = |quantity, price| Amendment { quantity, limit_price: Some(price), asked_at: rig.clock.now() };
    let second = rig.client.send_amend(&order, &terms(10, dec!(61.5)), Exchange::Nasdaq).await.unwrap();
    let (old, new) = (find(&first).await, find(&second).await);
    assert_eq!((old.filled_quantity, old.open_quantity), (4, 0));
    assert_eq!((new.quantity, new.open_quantity, new.price), (6, 6, dec!(61.5)));
    assert_eq!(new.original_order_no.as_deref(), Some(first.broker_order_no.as_str()));
    assert_eq!(rig.client.open_orders(Market::Us).await.unwrap().len(), 1);
    let again = rig.client.send_amend(&order, &terms(10, dec!(62)), Exchange::Nasdaq).await;
    assert!(matches!(again, Err(BrokerError::Rejected { .. })), "nothing is open under the old number: {again:?}");

    // The mock host takes limit orders only, the live host none of ours: nothing leaves.
    let orders = rig.control.order_count(KEY);
    let live = Rig::start(BrokerHost::Live).await;
    for (rig, code) in [(&rig, "kind_not_offered"), (&live, "live_locked")] {
        let intent = OrderIntent { kind: OrderKind::Loc, ..rig.intent(Side::Buy, 1, dec!(60)) };
        let error = rig.client.send_order(JournalledOrder::after_commit(&intent), Exchange::Nasdaq).await.unwrap_err();
        assert_eq!((error.code(), error.order_outcome()), (code, OrderOutcome::NotPlaced));
    }
    assert_eq!((rig.control.order_count(KEY), live.control.order_count(KEY)), (orders, 0));
    assert!(live.client.capabilities().kinds(Market::Us, Side::Buy).contains(&OrderKind::Loc));
}

#[tokio::test]
async fn trouble_reaches_the_caller_as_what_it_is() {
    let rig = Rig::start(BrokerHost::Mock).await;
    rig.client.check_token().await.unwrap();

    rig.control.fail_next(KEY, "VTTT1002U", 1, Fault::DropAfter);
    let error = rig.send(Side::Buy, 3, dec!(900)).await.unwrap_err();
    assert_eq!(error.order_outcome(), OrderOutcome::Unknown, "{error}");
    assert_eq!(rig.today().await.iter().map(|order| order.filled_quantity).sum::<u64>(), 3, "the order is in the list");

    rig.control.fail_next(KEY, "VTTT1002U", 1, Fault::Truncate);
    assert_eq!(rig.send(Side::Buy, 3, dec!(900)).await.unwrap_err().order_outcome(), OrderOutcome::Unknown);

    rig.control.fail_next(KEY, "VTTT1002U", 1, Fault::TooManyCalls);
    assert!(matches!(rig.send(Side::Buy, 3, dec!(900)).await, Err(BrokerError::RateLimited { .. })));
    assert_eq!(rig.control.order_count(KEY), 2);

    // A burst of refusals and an expired token do not disturb a read.
    rig.control.fail_next(KEY, "HHDFS00000300", 2, Fault::TooManyCalls);
    rig.client.quote(Exchange::Nasdaq, "TQQQ").await.unwrap();
    rig.clock.advance(Duration::from_secs(120));
    rig.control.expire_token(KEY);
    rig.client.quote(Exchange::Nasdaq, "TQQQ").await.unwrap();
    rig.control.fail_next(KEY, "HHDFS00000300", 1, Fault::ExtraKey);
    rig.client.quote(Exchange::Nasdaq, "TQQQ").await.unwrap();
}

#[tokio::test]
async fn an_order_list_of_several_pages_is_read_completely() {
    let rig = Rig::start(BrokerHost::Mock).await;
    rig.control.fill_all(KEY, FillPlan::Never);
    let mut numbers = Vec::new();
    for _ in 0..35 {
        numbers.push(rig.send(Side::Buy, 1, dec!(60)).await.unwrap().broker_order_no);
    }
    let mut read: Vec<String> = rig.client.open_orders(Market::Us).await.unwrap().into_iter().map(|order| order.broker_order_no).collect();
    read.sort();
    assert_eq!(read, numbers);
}
