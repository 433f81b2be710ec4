//! The broker's lists of instruments: fetched once a day, kept, and what they decide about orders.

use eggmoney::domain::instrument::Market;
use eggmoney::simulators::{FillPlan, Scenario, SimAccount};
use rust_decimal::{Decimal, dec};
use serde_json::{Value, json};

use crate::support::old::Night;

const ORDERS: &str = "/api/v1/trading/orders";
/// Thursday 2026-05-14, 11:00 in Seoul.
const MID_SESSION: &str = "2026-05-14T02:00:00Z";
const KEY: &str = "PSmastersOfTheTest000000000000000001";
const SECRET: &str = "secret/with+signs==";

async fn night() -> Night {
    // The simulator must stand before the server knows its address.
    let market = std::sync::Arc::new(eggmoney::domain::clock::SteppedClock::new(MID_SESSION.parse().unwrap()));
    let config = eggmoney::simulators::SimConfig { scenario: Scenario::default(), ..eggmoney::simulators::SimConfig::default() };
    let calendar = std::sync::Arc::new(eggmoney::domain::calendar::Calendar::nyse().unwrap());
    let broker = eggmoney::simulators::KisSimulator::start(config, market.clone(), calendar).await.unwrap();
    let (live, mock) = (broker.live_url(), broker.mock_url());
    let server = crate::support::TestServer::start_at(market, move |config| {
        config.brokers.kis.masters = format!("{live}/common/master");
        (config.brokers.kis.live, config.brokers.kis.mock) = (live, mock);
    })
    .await;
    Night { server, broker }
}

fn downloads(night: &Night) -> usize {
    night.broker.control().requests().iter().filter(|r| r.tr_id == "/common/master/").count()
}

#[tokio::test]
async fn lists_are_fetched_once_a_day_before_the_session_and_outlive_the_process() {
    let night = night().await;
    let app = &night.server.app;
    assert!(app.trading.listed().is_empty());
    app.masters.refresh_if_due().await;
    let fetched = downloads(&night);
    assert_eq!(fetched, 6, "the simulated KONEX has nobody and answers 404");
    assert!(app.trading.listed().is_complete(Market::Krx) && app.trading.listed().is_complete(Market::Us));
    assert_eq!(app.trading.listed().is_fund(Market::Krx, "114800"), Some(true));
    for (at, more) in [("2026-05-14T08:00:00Z", 0), ("2026-05-14T22:39:00Z", 0), ("2026-05-14T22:40:00Z", 6), ("2026-05-14T23:30:00Z", 6)] {
        night.server.market.advance_to(at.parse().unwrap());
        app.masters.refresh_if_due().await;
        assert_eq!(downloads(&night), fetched + more, "{at}");
    }
    let night = night.restart().await;
    let listed = night.server.app.trading.listed().clone();
    assert!(listed.is_complete(Market::Krx) && listed.is_complete(Market::Us), "kept on disk");
    night.server.app.masters.refresh_if_due().await;
    assert_eq!(downloads(&night), fetched + 6, "for this day they are there");

    // The next day the broker is down: the last good lists stay, and it is not asked all the time.
    let window = eggmoney::simulators::MaintenanceWindow {
        from: "2026-05-15T22:00:00Z".parse().unwrap(),
        until: "2026-05-16T22:00:00Z".parse().unwrap(),
    };
    night.broker.control().maintain(window);
    night.server.market.advance_to("2026-05-15T22:50:00Z".parse().unwrap());
    let asked = night.broker.control().requests().len();
    for _ in 0..5 {
        night.server.app.masters.refresh_if_due().await;
    }
    assert_eq!(night.broker.control().requests().len(), asked + 6);
    assert_eq!(listed.is_fund(Market::Krx, "114800"), Some(true));
    night.broker.control().clear_faults();
    night.server.advance(std::time::Duration::from_secs(600));
    night.server.app.masters.refresh_if_due().await;
    assert_eq!(downloads(&night), fetched + 12);
}

fn decimal(value: &Value) -> Decimal {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned).parse().unwrap()
}

#[tokio::test]
async fn a_cheap_fund_pays_no_tax_and_products_can_be_forbidden() {
    let night = night().await;
    night.server.app.masters.refresh_if_due().await;
    let admin = night.server.admin().await.proved().await;
    let kim = night.server.user("kim").await.proved().await;
    night.broker.add_account(SimAccount {
        environment: eggmoney::domain::order::BrokerHost::Mock,
        app_key: KEY.to_owned(),
        app_secret: SECRET.to_owned(),
        cano: "50012345".to_owned(),
        product: "01".to_owned(),
        cash_usd: dec!(0),
        cash_krw: dec!(3000000),
        positions: Vec::new(),
    });
    let new = json!({"name": "KIS", "environment": "mock", "app_key": KEY, "app_secret": SECRET, "account_no": "50012345-01"});
    let account = kim.post("/api/v1/trading/accounts", &new).await.1["id"].as_str().unwrap().to_owned();
    let at = format!("/api/v1/trading/accounts/{account}");
    assert_eq!(kim.post(&format!("{at}/start"), &json!({"old_server_stopped": true})).await.0, 200);
    night.broker.control().fill_all(KEY, FillPlan::AtOnce);

    // 3,395 won: at this price shares and funds have the same tick, so only the list tells them apart.
    let trade = |side: &str| json!({"account": account, "symbol": "114800", "side": side, "quantity": 100, "order_type": "market"});
    assert_eq!(kim.post(ORDERS, &trade("buy")).await.0, 201);
    night.run_until("2026-05-14T02:00:30Z", 10).await;
    let (_, preview) = kim.post(&format!("{ORDERS}/preview"), &trade("sell")).await;
    assert_eq!(preview["tax"], "0", "{preview}");
    let (status, sold) = kim.post(ORDERS, &trade("sell")).await;
    assert_eq!(status, 201, "{sold}");
    night.run_until("2026-05-14T02:01:00Z", 10).await;
    let sold = kim.get(&format!("{ORDERS}/{}", sold["id"].as_str().unwrap())).await.1;
    let fills: Vec<&Value> = sold["events"].as_array().unwrap().iter().filter(|e| e["type"] == "order_filled").collect();
    assert!(!fills.is_empty(), "{sold}");
    for fill in fills {
        assert_eq!(decimal(&fill["detail"]["fill"]["tax"]), Decimal::ZERO, "{fill}");
        assert!(decimal(&fill["detail"]["fill"]["fee"]) > Decimal::ZERO);
    }
    // A share's tick where an ETF's would be finer, and a fund's where a share's would be coarser.
    let tick = |symbol: &str, price: i64| json!({"account": account, "symbol": symbol, "side": "buy", "quantity": 1, "price": price});
    assert_eq!(kim.post(ORDERS, &tick("005930", 70_005)).await.1["code"], "off_tick");
    assert_eq!(kim.post(ORDERS, &tick("069500", 46_805)).await.0, 201);

    let (status, problem) = kim.post(ORDERS, &tick("123456", 1_000)).await;
    assert_eq!((status, &problem["code"], &problem["pointer"]), (422, &json!("unknown_symbol"), &json!("/symbol")), "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("123456"), "{problem}");

    let id = kim.get("/api/v1/users/profile").await.1["id"].as_str().unwrap().to_owned();
    let rules = format!("/api/v1/admin/users/{id}/rules");
    let mut now = admin.get(&rules).await.1;
    now["allowed_products"] = json!(["stock"]);
    assert_eq!(admin.put(&rules, &now).await.0, 200);
    let (status, problem) = kim.post(ORDERS, &tick("069500", 46_800)).await;
    assert_eq!((status, &problem["code"]), (422, &json!("product_not_allowed")), "{problem}");
    assert_eq!(kim.post(ORDERS, &tick("005930", 70_000)).await.0, 201);
    // What is held may always be sold.
    let sell = json!({"account": account, "symbol": "069500", "side": "sell", "quantity": 1, "order_type": "market"});
    night.run_until("2026-05-14T02:01:30Z", 10).await;
    assert_eq!(kim.post(ORDERS, &sell).await.0, 201);
    assert_eq!(night.server.app.store.verify().unwrap().differences, []);
}

#[tokio::test]
async fn without_lists_a_limited_person_buys_nothing_of_unknown_kind() {
    let night = night().await;
    let admin = night.server.admin().await.proved().await;
    let kim = night.server.user("kim").await.proved().await;
    let order = json!({"symbol": "005930", "quantity": 10, "price": 70000, "order_type": "limit"});
    assert_eq!(kim.post(ORDERS, &order).await.0, 201);
    let id = kim.get("/api/v1/users/profile").await.1["id"].as_str().unwrap().to_owned();
    let rules = format!("/api/v1/admin/users/{id}/rules");
    let mut now = admin.get(&rules).await.1;
    now["allowed_products"] = json!(["stock", "etf"]);
    assert_eq!(admin.put(&rules, &now).await.0, 200);
    assert_eq!(kim.post(ORDERS, &order).await.1["code"], "product_unknown");
    night.server.app.masters.refresh_if_due().await;
    assert_eq!(kim.post(ORDERS, &order).await.0, 201);
}

#[tokio::test]
async fn instruments_are_found_by_code_and_by_korean_and_english_names() {
    let night = night().await;
    let kim = night.server.user("kim").await.proved().await;
    let path = |q: &str| format!("/api/v1/market/search?q={q}");
    assert_eq!(kim.get(&path("tqqq")).await.1["items"], json!([]), "nothing is loaded yet");
    night.server.app.masters.refresh_if_due().await;
    for (text, symbol) in
        [("005930", "005930"), ("%EC%82%BC%EC%84%B1", "005930"), ("kodex", "069500"), ("ultrapro", "TQQQ"), ("tqq", "TQQQ")]
    {
        let (status, found) = kim.get(&path(text)).await;
        assert_eq!(status, 200, "{found}");
        assert!(found["items"].as_array().unwrap().iter().any(|item| item["symbol"] == symbol), "{text}: {found}");
    }
    let samsung = kim.get(&path("005930")).await.1["items"][0].clone();
    assert_eq!(
        samsung,
        json!({"market": "KRX", "exchange": "KRX", "symbol": "005930", "name_ko": "삼성전자", "name_en": "Samsung Electronics", "product": "stock", "halted": false})
    );
    for (query, pointer) in [("q=", "/q"), ("q=a&limit=0", "/limit"), ("q=a&limit=51", "/limit")] {
        let (status, problem) = kim.get(&format!("/api/v1/market/search?{query}")).await;
        assert_eq!((status, &problem["pointer"]), (422, &json!(pointer)), "{problem}");
    }
}
