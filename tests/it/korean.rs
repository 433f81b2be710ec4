//! Korean orders from end to end: the KIS client against the simulated exchange, and a user who trades
//! over HTTP.

use std::sync::Arc;
use std::time::Duration;

use eggmoney::brokers::http::{HttpClient, HttpSettings, install_crypto};
use eggmoney::brokers::kis::{KisClient, KisConfig, MemoryTokenStore, TokenKeeper};
use eggmoney::brokers::limit::RateLimiter;
use eggmoney::brokers::{Broker, BrokerError, BrokerOrder, MarketReader, OrderAck, OrderGateway, Period, PowerBasis};
use eggmoney::domain::calendar::Calendar;
use eggmoney::domain::clock::{Clock, SteppedClock};
use eggmoney::domain::id::{AccountId, OrderId};
use eggmoney::domain::instrument::{Exchange, Market};
use eggmoney::domain::money::Currency;
use eggmoney::domain::order::{
    Amendment, BrokerHost, JournalledOrder, Order, OrderIntent, OrderKind, OrderOrigin, OrderState, Side, Venue,
};
use eggmoney::domain::rules::{price_limit, tick};
use eggmoney::simulators::{Control, FillPlan, KisSimulator, SimAccount, SimConfig, SimPosition};
use jiff::Timestamp;
use jiff::civil::{Date, date};
use rust_decimal::{Decimal, dec};
use serde_json::{Value, json};

use crate::support::Caller;
use crate::support::old::Night;

const KEY: &str = "PSsimAppKey0000000000000000000000001";
const SECRET: &str = "simulated-secret+/==";
/// Thursday 2026-05-14, 11:00 in Seoul.
const MID_SESSION: &str = "2026-05-14T02:00:00Z";
const TODAY: Date = date(2026, 5, 14);

/// The simulator's charges: commission, and tax on sales of shares.
const FEE: Decimal = dec!(0.000140527);
const TAX: Decimal = dec!(0.002);

fn position(symbol: &str, quantity: i64, average_price: Decimal) -> SimPosition {
    SimPosition { symbol: symbol.to_owned(), quantity: quantity.into(), average_price }
}

fn account(environment: BrokerHost, cash_krw: Decimal, positions: Vec<SimPosition>) -> SimAccount {
    SimAccount {
        environment,
        app_key: KEY.to_owned(),
        app_secret: SECRET.to_owned(),
        cano: "50012345".to_owned(),
        product: "01".to_owned(),
        cash_usd: dec!(20000),
        cash_krw,
        positions,
    }
}

struct Rig {
    clock: Arc<SteppedClock>,
    control: Control,
    client: KisClient,
    host: BrokerHost,
    _simulator: KisSimulator,
}

impl Rig {
    async fn start(host: BrokerHost) -> Self {
        install_crypto();
        let clock = Arc::new(SteppedClock::new(MID_SESSION.parse::<Timestamp>().unwrap()));
        let positions = vec![position("005930", 100, dec!(68500)), position("069500", 30, dec!(45000)), position("TQQQ", 5, dec!(130))];
        let accounts = vec![account(host, dec!(50000000), positions)];
        let config = SimConfig { accounts, ..SimConfig::default() };
        let simulator = KisSimulator::start(config, clock.clone(), Arc::new(Calendar::nyse().unwrap())).await.unwrap();
        let (base_url, pace) = match host {
            BrokerHost::Live => (simulator.live_url(), 15.0),
            BrokerHost::Mock => (simulator.mock_url(), 1.0),
        };
        let config =
            KisConfig { host, base_url, app_key: KEY.into(), app_secret: SECRET.into(), cano: "50012345".into(), product: "01".to_owned() };
        let patient = Duration::from_secs(30);
        let http = HttpClient::new(HttpSettings { connect_timeout: patient, timeout: patient }).unwrap();
        let tokens = Arc::new(TokenKeeper::new(Arc::new(MemoryTokenStore::default()), clock.clone()));
        let limiter = Arc::new(RateLimiter::new(clock.clone(), pace));
        let client = KisClient::new(config, http, clock.clone(), tokens, limiter).unwrap();
        Self { clock, control: simulator.control(), client, host, _simulator: simulator }
    }

    fn intent(&self, side: Side, symbol: &str, quantity: u64, limit_price: Option<Decimal>) -> OrderIntent {
        OrderIntent {
            order_id: OrderId(uuid::Uuid::nil()),
            account_id: AccountId(uuid::Uuid::nil()),
            bot_id: None,
            bot_name: String::new(),
            environment: self.host.into(),
            market: Market::Krx,
            symbol: symbol.to_owned(),
            side,
            quantity,
            kind: if limit_price.is_some() { OrderKind::Limit } else { OrderKind::Market },
            limit_price,
            trigger_price: None,
            venue: Venue::Krx,
            origin: OrderOrigin::Ticket,
            session: TODAY,
            expires_at: self.clock.now() + jiff::SignedDuration::from_mins(30),
        }
    }

    async fn send(&self, side: Side, symbol: &str, quantity: u64, limit: Option<Decimal>) -> Result<(Order, OrderAck), BrokerError> {
        let intent = self.intent(side, symbol, quantity, limit);
        let ack = self.client.send_order(JournalledOrder::after_commit(&intent), Exchange::Krx).await?;
        Ok((taken(intent, &ack, self.clock.now()), ack))
    }

    async fn today(&self) -> Vec<BrokerOrder> {
        self.client.orders(Market::Krx, TODAY, TODAY, None).await.unwrap()
    }

    async fn listed(&self, number: &str) -> BrokerOrder {
        self.today().await.into_iter().find(|order| order.broker_order_no == number).unwrap()
    }
}

/// The order as it stands once the broker confirmed it.
fn taken(intent: OrderIntent, ack: &OrderAck, now: Timestamp) -> Order {
    Order {
        intent,
        state: OrderState::Accepted,
        broker_order_no: Some(ack.broker_order_no.clone()),
        broker_order_date: Some(ack.order_date),
        filled_quantity: 0,
        filled_amount: Decimal::ZERO,
        reason: None,
        cancel_requested: false,
        earlier: Vec::new(),
        amending: None,
        settled: false,
        created_at: now,
        updated_at: now,
    }
}

#[tokio::test]
async fn the_korean_market_reads_the_same_on_both_hosts() {
    for host in [BrokerHost::Live, BrokerHost::Mock] {
        let rig = Rig::start(host).await;
        let quote = rig.client.quote(Exchange::Krx, "005930").await.unwrap();
        let base = quote.previous_close.unwrap();
        assert_eq!((Some(quote.last), quote.is_etf), (rig.control.price("005930"), Some(false)));
        assert_eq!(quote.limits, Some(price_limit::range(base, false)));
        let fund = rig.client.quote(Exchange::Krx, "122630").await.unwrap();
        assert_eq!((fund.limits, fund.is_etf), (Some(price_limit::leveraged_range(fund.previous_close.unwrap(), true, 2)), Some(true)));
        let cheap = rig.client.quote(Exchange::Krx, "114800").await.unwrap();
        assert_eq!(cheap.is_etf, None, "shares and funds have the same tick at this price");
        let unknown = rig.client.quote(Exchange::Krx, "123456").await;
        assert_eq!(unknown, Err(BrokerError::UnknownInstrument("123456".to_owned())));

        let book = rig.client.order_book(Exchange::Krx, "005930").await.unwrap();
        assert!(book.bids[0].price < book.asks[0].price && book.bids.len() == 10 && book.asks.len() == 10, "{book:?}");
        assert!(
            book.bids.windows(2).all(|pair| pair[0].price > pair[1].price)
                && book.asks.windows(2).all(|pair| pair[0].price < pair[1].price)
        );
        assert!(book.bids.iter().chain(&book.asks).all(|level| tick::is_on_tick(Market::Krx, false, level.price) && level.quantity > 0));

        let bars = rig.client.daily_bars(Exchange::Krx, "005930", None, 150).await.unwrap();
        assert_eq!((bars.len(), bars[149].date, bars[148].close.to_string()), (150, TODAY, base.to_string()));
        assert!(bars.windows(2).all(|pair| pair[0].date < pair[1].date));
        assert!(
            bars.iter().all(|bar| bar.date != date(2026, 5, 5) && bar.low <= bar.close && bar.close <= bar.high),
            "Children's Day is no session"
        );
        let weeks = rig.client.bars(Exchange::Krx, "005930", Period::Week, TODAY, 20).await.unwrap();
        assert_eq!(weeks.len(), 20);
        let last_week = bars.iter().rev().find(|bar| bar.date < date(2026, 5, 11)).unwrap();
        assert_eq!(weeks[18].close, last_week.close);
        let minutes = rig.client.minute_bars(Exchange::Krx, "005930", 60).await.unwrap();
        assert_eq!(minutes.len(), 60);
        assert!(minutes.windows(2).all(|pair| pair[0].at < pair[1].at) && minutes[59].at <= rig.clock.now());

        let power = rig.client.buying_power(Exchange::Krx, "005930", Some(dec!(70000))).await.unwrap();
        assert_eq!((power.amount, power.basis), ((dec!(50000000) / (Decimal::ONE + FEE)).floor(), PowerBasis::CashOnly));
        let cash = rig.client.cash(Market::Krx).await.unwrap();
        assert_eq!((cash.currency, cash.amount), (Currency::Krw, dec!(50000000)));
        let mut positions = rig.client.positions(Market::Krx).await.unwrap();
        positions.sort_by(|a, b| a.symbol.cmp(&b.symbol));
        let seen: Vec<_> = positions.iter().map(|p| (p.symbol.as_str(), p.exchange, p.quantity, p.sellable, p.average_price)).collect();
        let samsung = ("005930", Some(Exchange::Krx), dec!(100), dec!(100), dec!(68500));
        assert_eq!(seen, [samsung, ("069500", Some(Exchange::Krx), dec!(30), dec!(30), dec!(45000))]);
        for (symbol, shares) in [("005930", dec!(100)), ("000660", Decimal::ZERO)] {
            assert_eq!(rig.client.sellable(Exchange::Krx, symbol).await.unwrap(), shares, "{symbol}");
        }
        assert_eq!((rig.today().await, rig.client.open_orders(Market::Krx).await.unwrap()), (Vec::new(), Vec::new()));
        match host {
            BrokerHost::Live => {
                let days = rig.client.krx_days(date(2026, 5, 1)).await.unwrap();
                let calendar = Calendar::krx().unwrap();
                assert!(days.len() > 20 && days[0].date == date(2026, 5, 1));
                assert!(days.iter().all(|day| day.trades == calendar.session_on(day.date).unwrap().is_some()), "{days:?}");
            }
            BrokerHost::Mock => assert!(matches!(rig.client.krx_days(TODAY).await, Err(BrokerError::Forbidden(_)))),
        }
        assert_eq!(
            rig.control.requests().into_iter().filter(|record| record.status != 200).count(),
            0,
            "the client kept within the quotas"
        );
    }
}

#[tokio::test]
async fn a_market_order_and_a_limit_order_fill_and_move_cash_and_shares() {
    let rig = Rig::start(BrokerHost::Mock).await;
    rig.control.fill_all(KEY, FillPlan::AtOnce);
    let (_, ack) = rig.send(Side::Buy, "005930", 7, None).await.unwrap();
    assert_eq!(ack.order_date, TODAY);
    let bought = rig.listed(&ack.broker_order_no).await;
    assert_eq!((bought.filled_quantity, bought.open_quantity, bought.price, bought.rejected), (7, 0, Decimal::ZERO, false));
    let (_, ack) = rig.send(Side::Sell, "005930", 40, Some(dec!(60000))).await.unwrap();
    let sold = rig.listed(&ack.broker_order_no).await;
    assert_eq!((sold.side, sold.filled_quantity, sold.price), (Side::Sell, 40, dec!(60000)));
    let paid = bought.filled_amount + (bought.filled_amount * FEE).floor();
    let got = sold.filled_amount - (sold.filled_amount * FEE).floor() - (sold.filled_amount * TAX).floor();
    assert_eq!(rig.client.cash(Market::Krx).await.unwrap().amount, dec!(50000000) - paid + got);
    let held = rig.client.positions(Market::Krx).await.unwrap().into_iter().find(|p| p.symbol == "005930").unwrap();
    assert_eq!((held.quantity, held.sellable), (dec!(67), dec!(67)));
    assert_eq!(rig.client.orders(Market::Krx, TODAY, TODAY, Some("069500")).await.unwrap(), []);
    assert_eq!(rig.client.orders(Market::Us, TODAY, TODAY, None).await.unwrap(), [], "Korean orders are not in the US list");
}

#[tokio::test]
async fn a_partial_fill_an_amendment_and_a_cancel_show_in_every_list() {
    let rig = Rig::start(BrokerHost::Mock).await;
    rig.control.fill_next(KEY, FillPlan::Partial { quantity: 3 });
    let (order, first) = rig.send(Side::Buy, "005930", 10, Some(dec!(70000))).await.unwrap();
    let partial = rig.listed(&first.broker_order_no).await;
    assert_eq!((partial.filled_quantity, partial.open_quantity), (3, 7));
    let terms = Amendment { quantity: 10, limit_price: Some(dec!(61000)), asked_at: rig.clock.now() };
    rig.control.fill_all(KEY, FillPlan::Never);
    let second = rig.client.send_amend(&order, &terms, Exchange::Krx).await.unwrap();
    let (old, new) = (rig.listed(&first.broker_order_no).await, rig.listed(&second.broker_order_no).await);
    assert_eq!((old.filled_quantity, old.open_quantity), (3, 0));
    assert_eq!((new.quantity, new.open_quantity, new.price), (7, 7, dec!(61000)));
    assert_eq!(new.original_order_no.as_deref().map(|no| no.trim_start_matches('0')), Some(first.broker_order_no.trim_start_matches('0')));
    let open = rig.client.open_orders(Market::Krx).await.unwrap();
    assert_eq!(
        open.iter().map(|o| (o.broker_order_no.clone(), o.open_quantity)).collect::<Vec<_>>(),
        [(second.broker_order_no.clone(), 7)]
    );
    let fewer = Amendment { quantity: 8, ..terms };
    assert!(rig.client.send_amend(&order, &fewer, Exchange::Krx).await.is_err(), "a Korean order keeps its shares");

    let amended = taken(order.intent.clone(), &second, rig.clock.now());
    rig.client.send_cancel(&amended, Exchange::Krx).await.unwrap();
    assert_eq!(rig.client.open_orders(Market::Krx).await.unwrap(), []);
    let ended = rig.listed(&second.broker_order_no).await;
    assert_eq!((ended.filled_quantity, ended.open_quantity), (0, 0));
    assert!(matches!(rig.client.send_cancel(&amended, Exchange::Krx).await, Err(BrokerError::Rejected { .. })));
    assert_eq!(rig.today().await.iter().map(|o| o.filled_quantity).sum::<u64>(), 3);
}

#[tokio::test]
async fn the_exchange_refuses_what_breaks_its_rules_and_nothing_is_placed() {
    let rig = Rig::start(BrokerHost::Mock).await;
    for (side, symbol, quantity, limit) in [
        (Side::Buy, "005930", 1, Some(dec!(70050))),
        (Side::Buy, "005930", 1, Some(dec!(20000))),
        (Side::Sell, "005930", 101, None),
        (Side::Buy, "005930", 100_000, Some(dec!(70000))),
        (Side::Buy, "123456", 1, Some(dec!(70000))),
    ] {
        let sent = rig.send(side, symbol, quantity, limit).await.map(drop);
        assert!(matches!(sent, Err(BrokerError::Rejected { .. })), "{side:?} {symbol} {limit:?}: {sent:?}");
    }
    rig.clock.advance_to("2026-05-14T07:00:00Z".parse().unwrap());
    assert!(matches!(rig.send(Side::Buy, "005930", 1, Some(dec!(70000))).await.map(drop), Err(BrokerError::Rejected { .. })), "closed");
    assert_eq!(rig.control.order_count(KEY), 0);
}

const ORDERS: &str = "/api/v1/trading/orders";

/// A user of the server with an account at the mock host, opened and started over HTTP.
async fn trader(night: &Night, cash: i64) -> (Caller<'_>, String) {
    night.broker.add_account(account(BrokerHost::Mock, cash.into(), Vec::new()));
    let kim = night.server.user("kim").await.proved().await;
    let (status, account) = kim.post("/api/v1/trading/accounts", &json!({"name": "kis", "environment": "mock"})).await;
    assert_eq!(status, 201, "{account}");
    let id = account["id"].as_str().unwrap().to_owned();
    let at = format!("/api/v1/trading/accounts/{id}");
    let key = json!({"environment": "mock", "app_key": KEY, "app_secret": SECRET, "account_no": "50012345-01"});
    let (status, answer) = kim.put(&format!("{at}/broker-key"), &key).await;
    assert_eq!(status, 200, "{answer}");
    let (status, answer) = kim.post(&format!("{at}/start"), &json!({"old_server_stopped": true})).await;
    assert_eq!(status, 200, "{answer}");
    (kim, id)
}

async fn order(who: &Caller<'_>, placed: &Value) -> Value {
    let (status, order) = who.get(&format!("{ORDERS}/{}", placed["id"].as_str().unwrap())).await;
    assert_eq!(status, 200, "{order}");
    order
}

async fn held(who: &Caller<'_>, account: &str, symbol: &str) -> Option<Value> {
    let (_, positions) = who.get(&format!("/api/v1/trading/positions?account_id={account}")).await;
    positions["items"].as_array().unwrap().iter().find(|p| p["symbol"] == symbol).cloned()
}

#[tokio::test]
async fn a_user_buys_samsung_in_parts_and_sells_it_again() {
    let night = Night::start(MID_SESSION).await;
    let (kim, account) = trader(&night, 2_000_000).await;
    let control = night.broker.control();
    control.fill_next(KEY, FillPlan::Parts { count: 2, every_seconds: 60 });
    let limit = tick::round_down(Market::Krx, false, control.price("005930").unwrap() * dec!(1.05));
    let buy = json!({"account": account, "symbol": "005930", "side": "buy", "quantity": 10, "price": limit.to_string()});
    let (_, preview) = kim.post(&format!("{ORDERS}/preview"), &buy).await;
    assert_eq!(
        (&preview["refusal"], &preview["buying_power_basis"], &preview["currency"]),
        (&Value::Null, &json!("cash_only"), &json!("KRW")),
        "{preview}"
    );
    let (status, placed) = kim.post(ORDERS, &buy).await;
    assert_eq!((status, &placed["status"], &placed["market"]), (201, &json!("pending"), &json!("KRX")), "{placed}");
    night.run_until("2026-05-14T02:00:40Z", 10).await;
    let partly = order(&kim, &placed).await;
    assert_eq!((&partly["status"], &partly["filled_quantity"]), (&json!("partially_filled"), &json!("5")), "{partly}");
    night.run_until("2026-05-14T02:03:00Z", 10).await;
    let filled = order(&kim, &placed).await;
    assert_eq!((&filled["status"], &filled["filled_quantity"]), (&json!("filled"), &json!("10")), "{filled}");
    assert_eq!(held(&kim, &account, "005930").await.unwrap()["quantity"], "10");

    let sell = json!({"account": account, "symbol": "005930", "side": "sell", "quantity": 10, "order_type": "market"});
    let (_, preview) = kim.post(&format!("{ORDERS}/preview"), &sell).await;
    let amount = |name: &str| preview[name].as_str().unwrap().parse::<Decimal>().unwrap();
    assert_eq!((amount("fee"), amount("tax")), ((amount("worth") * FEE).floor(), (amount("worth") * TAX).floor()), "{preview}");
    control.fill_next(KEY, FillPlan::AtOnce);
    let (status, placed) = kim.post(ORDERS, &sell).await;
    assert_eq!(status, 201, "{placed}");
    night.run_until("2026-05-14T02:03:30Z", 10).await;
    let sold = order(&kim, &placed).await;
    assert_eq!((&sold["status"], &sold["filled_quantity"]), (&json!("filled"), &json!("10")), "{sold}");
    assert!(held(&kim, &account, "005930").await.is_none_or(|p| p["quantity"] == "0"));
    assert_eq!(control.order_count(KEY), 2);
    assert_eq!(night.server.app.store.verify().unwrap().differences, []);

    // What was booked is what the broker took, but for the won that it drops with every execution.
    let charges = |orders: &Value| -> (Decimal, Decimal) {
        let fills = orders["events"].as_array().unwrap().iter().filter(|e| e["type"] == "order_filled");
        let sum = |name: &str| fills.clone().map(|e| decimal(&e["detail"]["fill"][name])).sum();
        (sum("fee"), sum("tax"))
    };
    let executions = control.executions(KEY);
    let tax: Decimal = executions.iter().map(|e| e.tax).sum();
    let fee: Decimal = executions.iter().map(|e| e.fee).sum();
    let ((bought_fee, bought_tax), (sold_fee, sold_tax)) = (charges(&filled), charges(&sold));
    assert_eq!(bought_tax, Decimal::ZERO);
    assert!(tax > Decimal::ZERO && (sold_tax - tax).abs() <= Decimal::from(executions.len()), "{sold_tax} {tax}");
    assert!((bought_fee + sold_fee - fee).abs() <= Decimal::from(executions.len()), "{bought_fee} {sold_fee} {fee}");
}

fn decimal(value: &Value) -> Decimal {
    match value {
        Value::String(text) => text.parse().unwrap(),
        other => other.to_string().parse().unwrap_or_else(|_| panic!("{other} is no number")),
    }
}

#[tokio::test]
async fn a_fund_is_sold_without_tax_even_after_a_restart() {
    let night = Night::start(MID_SESSION).await;
    let account = {
        let (kim, account) = trader(&night, 2_000_000).await;
        night.broker.control().fill_all(KEY, FillPlan::AtOnce);
        let buy = json!({"account": account, "symbol": "069500", "side": "buy", "quantity": 10, "order_type": "market"});
        let (status, placed) = kim.post(ORDERS, &buy).await;
        assert_eq!(status, 201, "{placed}");
        night.run_until("2026-05-14T02:00:30Z", 10).await;
        night.broker.control().fill_all(KEY, FillPlan::Delayed { seconds: 60 });
        let sell = json!({"account": account, "symbol": "069500", "side": "sell", "quantity": 10, "order_type": "market"});
        let (status, placed) = kim.post(ORDERS, &sell).await;
        assert_eq!(status, 201, "{placed}");
        account
    };
    let night = night.restart().await;
    night.run_until("2026-05-14T02:03:00Z", 10).await;
    let kim = night.server.login("kim").await;
    let (_, list) = kim.get(&format!("{ORDERS}?account_id={account}&side=sell")).await;
    let sold = order(&kim, &list["items"][0]).await;
    assert_eq!(sold["status"], "filled", "{sold}");
    let fill = sold["events"].as_array().unwrap().iter().find(|e| e["type"] == "order_filled").unwrap();
    assert_eq!(decimal(&fill["detail"]["fill"]["tax"]), Decimal::ZERO);
    assert!(decimal(&fill["detail"]["fill"]["fee"]) > Decimal::ZERO);
}

#[tokio::test]
async fn orders_that_cannot_be_are_refused_with_their_reason_and_never_sent() {
    let night = Night::start(MID_SESSION).await;
    let (kim, account) = trader(&night, 500_000).await;
    let base = json!({"account": account, "symbol": "005930", "side": "buy", "quantity": 1, "price": 70000});
    for (change, code) in [
        (json!({"price": 70050}), "off_tick"),
        (json!({"price": 20000}), "outside_price_limits"),
        (json!({"price": 150000}), "outside_price_limits"),
        (json!({"symbol": "123456"}), "unknown_symbol"),
        (json!({"quantity": 10}), "limit_buying_power"),
        (json!({"quantity": 10, "order_type": "market", "price": null}), "limit_buying_power"),
        (json!({"quantity": 20}), "limit_max_position_size"),
        (json!({"symbol": "TQQQ", "price": 60, "order_type": "loc"}), "order_kind_not_offered"),
        (json!({"side": "sell"}), "limit_free_shares"),
        (json!({"venue": "NXT"}), "venue_not_offered"),
        (json!({"order_type": "stop_limit", "trigger_price": 70000}), "order_kind_not_offered"),
        (json!({"symbol": "TQQQ", "price": 60}), "market_closed"),
    ] {
        let mut body = base.clone();
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let (status, problem) = kim.post(ORDERS, &body).await;
        assert_eq!((status, problem["code"].as_str()), (422, Some(code)), "{change}: {problem}");
        if code == "off_tick" {
            assert!(problem["detail"].as_str().unwrap().contains("70000 or 70100"), "{problem}");
        }
    }
    night.server.market.advance_to("2026-05-14T06:30:00Z".parse().unwrap());
    let (status, problem) = kim.post(ORDERS, &base).await;
    assert_eq!((status, &problem["code"]), (422, &json!("market_closed")), "{problem}");
    assert_eq!(night.broker.control().order_count(KEY), 0);
}

#[tokio::test]
async fn a_korean_and_a_us_order_are_amended_over_http_and_filled_under_their_new_numbers() {
    // Thursday noon in Seoul, then the same evening in New York.
    let night = Night::start(MID_SESSION).await;
    let (kim, account) = trader(&night, 2_000_000).await;
    let control = night.broker.control();
    for (at, symbol, first) in [("2026-05-14T02:00:00Z", "005930", dec!(60000)), ("2026-05-14T15:00:00Z", "TQQQ", dec!(60))] {
        night.server.market.advance_to(at.parse().unwrap());
        let market = if symbol == "TQQQ" { Market::Us } else { Market::Krx };
        // The second half fills under the new number.
        control.fill_next(KEY, FillPlan::Parts { count: 2, every_seconds: 120 });
        let target = tick::round_down(market, false, control.price(symbol).unwrap() * dec!(1.04));
        let buy = json!({"account": account, "symbol": symbol, "side": "buy", "quantity": 10, "price": first.to_string()});
        let (status, placed) = kim.post(ORDERS, &buy).await;
        assert_eq!(status, 201, "{placed}");
        let mut until: Timestamp = at.parse::<Timestamp>().unwrap() + jiff::SignedDuration::from_secs(20);
        night.run_until(&until.to_string(), 10).await;
        let partly = order(&kim, &placed).await;
        assert_eq!((&partly["status"], &partly["filled_quantity"]), (&json!("partially_filled"), &json!("5")), "{symbol}: {partly}");
        let path = format!("{ORDERS}/{}", placed["id"].as_str().unwrap());
        let off = if market == Market::Us { "60.001" } else { "60001" };
        let (status, problem) = kim.patch(&path, &json!({"price": off})).await;
        assert_eq!((status, &problem["code"], &problem["pointer"]), (422, &json!("off_tick"), &json!("/price")), "{problem}");
        let (status, amended) = kim.patch(&path, &json!({"price": target.to_string()})).await;
        assert_eq!(status, 202, "{symbol}: {amended}");
        assert_eq!(decimal(&amended["price"]), target);
        assert_ne!(amended["broker_order_no"], partly["broker_order_no"]);
        until += jiff::SignedDuration::from_secs(300);
        night.run_until(&until.to_string(), 10).await;
        let filled = order(&kim, &placed).await;
        assert_eq!((&filled["status"], &filled["filled_quantity"]), (&json!("filled"), &json!("10")), "{symbol}: {filled}");
        assert_eq!(held(&kim, &account, symbol).await.unwrap()["quantity"], "10");
    }
    let report = night.server.app.store.verify().unwrap();
    assert_eq!(report.differences, []);
}
