//! Accounts added by hand: keys are tried before they are kept, swapped ones are told, a foreign one is
//! refused, and what an account holds is shown by its books and by its broker.

use eggmoney::domain::order::BrokerHost;
use eggmoney::simulators::{FillPlan, SimAccount, SimPosition};
use rust_decimal::dec;
use serde_json::{Value, json};

use crate::support::TestServer;
use crate::support::old::Night;

const START: &str = "2026-05-15T15:00:00Z";
const PAPER: &str = "PSpaperKeyOfTheTest00000000000000001";
const LIVE: &str = "PSliveKeyOfTheTest000000000000000001";
const SECRET: &str = "secret/with+signs==";
const ACCOUNTS: &str = "/api/v1/trading/accounts";
const TRY: &str = "/api/v1/trading/broker-keys/test";

fn at_broker(environment: BrokerHost, app_key: &str) -> SimAccount {
    SimAccount {
        environment,
        app_key: app_key.to_owned(),
        app_secret: SECRET.to_owned(),
        cano: "50012345".to_owned(),
        product: "01".to_owned(),
        cash_usd: dec!(7000),
        cash_krw: dec!(2000000),
        positions: vec![SimPosition { symbol: "SOXL".to_owned(), quantity: dec!(4), average_price: dec!(31.5) }],
    }
}

async fn world() -> Night {
    let night = Night::start(START).await;
    night.broker.add_account(at_broker(BrokerHost::Mock, PAPER));
    night.broker.add_account(at_broker(BrokerHost::Live, LIVE));
    night
}

fn key(environment: &str, app_key: &str) -> Value {
    json!({"environment": environment, "app_key": app_key, "app_secret": SECRET, "account_no": "50012345-01"})
}

#[tokio::test]
async fn a_trial_tells_good_keys_from_swapped_and_wrong_ones() {
    let night = world().await;
    let kim = night.server.user("kim").await;
    for (environment, app_key) in [("mock", PAPER), ("live", LIVE)] {
        let (status, tried) = kim.post(TRY, &key(environment, app_key)).await;
        assert_eq!((status, &tried["ok"]), (200, &json!(true)), "{environment}: {tried}");
        let names: Vec<&str> = tried["checks"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["token", "price", "balance", "balance_krw"]);
        assert_eq!(tried["checks"][2]["basis"], "dollars_only");
        assert_eq!(tried["checks"][3]["value"], "2000000");
    }
    let mut secret = key("mock", PAPER);
    secret["app_secret"] = json!("not the secret".replace(' ', ""));
    let mut number = key("mock", PAPER);
    number["account_no"] = json!("50099999-01");
    // The token of a good key is at hand, so a wrong secret shows at the first call that carries it.
    for (body, code) in [
        (key("mock", LIVE), "live_key_at_mock"),
        (key("live", PAPER), "paper_key_at_live"),
        (key("mock", "PSnobodysKey"), "app_key_unknown"),
        (key("live", "PSnobodysKey"), "app_key_unknown"),
        (number, "account_not_of_key"),
    ] {
        let (status, tried) = kim.post(TRY, &body).await;
        let codes: Vec<&str> = tried["checks"].as_array().unwrap().iter().filter_map(|c| c["code"].as_str()).collect();
        assert_eq!((status, &tried["ok"]), (200, &json!(false)), "{tried}");
        assert!(codes.contains(&code), "{body}: {tried}");
    }
    assert_eq!(kim.post(TRY, &secret).await.0, 200);
    // What was meant for paper never went to the live host.
    let paper_at_live = night.broker.control().requests().into_iter().filter(|r| r.app_key == PAPER && r.environment == BrokerHost::Live);
    let allowed = paper_at_live.filter(|r| r.tr_id != "tokenP").count();
    assert_eq!(allowed, 0, "only the person's own choice of the live host went there, and no further than the token");
    let (_, list) = kim.get(ACCOUNTS).await;
    assert!(list["items"].as_array().unwrap().iter().all(|a| a["environment"] == "own"), "a trial keeps nothing: {list}");
}

#[tokio::test]
async fn an_account_is_made_with_its_key_or_not_at_all() {
    let night = world().await;
    let kim = night.server.user("kim").await;
    assert_eq!(kim.post(TRY, &key("mock", PAPER)).await.1["ok"], true);
    let mut new = key("mock", PAPER);
    new["name"] = json!("KIS");
    new["hts_id"] = json!("kim01");
    let (status, problem) = kim.post(ACCOUNTS, &new).await;
    assert_eq!((status, &problem["code"]), (403, &json!("step_up_required")), "{problem}");
    kim.prove().await;
    let (status, account) = kim.post(ACCOUNTS, &new).await;
    assert_eq!(status, 201, "{account}");
    assert_eq!((&account["mode"], &account["environment"], &account["version"]), (&json!("observe"), &json!("mock"), &json!(1)));
    assert_eq!((&account["broker_key"]["present"], &account["broker_key"]["has_hts_id"]), (&json!(true), &json!(true)));
    assert_eq!(account["notices"], "connecting");
    assert!(!account.to_string().contains(SECRET) && !account.to_string().contains("kim01"), "{account}");
    let limits = &account["limits"];
    assert_eq!(
        (&limits["max_daily_trades"], &limits["daily_trade_limit"], &limits["max_position_size"], &limits["price_collar"]),
        (&json!(50), &json!(10), &json!("1000000"), &json!("5")),
        "an account added by hand starts with the usual limits"
    );
    let at = format!("{ACCOUNTS}/{}", account["id"].as_str().unwrap());
    assert_eq!(kim.post(&format!("{at}/broker-key/test"), &Value::Null).await.1["ok"], true);
    assert_eq!(night.broker.control().request_count(PAPER, "tokenP"), 1, "the token of the trial is kept");
    // Once for each key, however often it is used.
    let first_uses = async || {
        let (_, page) = kim.get("/api/v1/users/audit").await;
        page["items"].as_array().unwrap().iter().filter(|row| row["action"] == "broker_key.first_used").count()
    };
    while first_uses().await == 0 {}
    assert_eq!(kim.post(&format!("{at}/broker-key/test"), &Value::Null).await.1["ok"], true);
    assert_eq!(first_uses().await, 1);

    // Somebody else, and the same person once more: nobody is told whose it is, and nothing is made.
    let lee = night.server.user("lee").await.proved().await;
    let before = lee.get(ACCOUNTS).await.1["items"].as_array().unwrap().len();
    for caller in [&lee, &kim] {
        let mut again = key("mock", PAPER);
        let (status, problem) = caller.post(TRY, &again).await;
        assert_eq!((status, &problem["code"], &problem["pointer"]), (409, &json!("app_key_taken"), &json!("/app_key")), "{problem}");
        again["name"] = json!("second");
        let (status, problem) = caller.post(ACCOUNTS, &again).await;
        assert_eq!((status, &problem["code"]), (409, &json!("app_key_taken")), "{problem}");
        assert!(!problem.to_string().contains("kim"), "{problem}");
    }
    assert_eq!(lee.get(ACCOUNTS).await.1["items"].as_array().unwrap().len(), before);
    for (field, pointer) in [("app_secret", "/app_secret"), ("account_no", "/account_no"), ("app_key", "/app_key")] {
        let mut bad = new.clone();
        bad["name"] = json!("third");
        bad.as_object_mut().unwrap().remove(field);
        let (status, problem) = kim.post(ACCOUNTS, &bad).await;
        assert_eq!((status, &problem["code"], &problem["pointer"]), (422, &json!("missing_field"), &json!(pointer)), "{problem}");
    }
    assert_eq!(kim.put(&format!("{at}/hts-id"), &json!({"hts_id": null})).await.1["notices"], "no_hts_id");
    assert_eq!(night.server.app.store.verify().unwrap().differences, []);
}

#[tokio::test]
async fn an_account_shows_its_books_and_the_last_word_of_its_broker() {
    let night = world().await;
    let kim = night.server.user("kim").await.proved().await;
    let mut new = key("mock", PAPER);
    new["name"] = json!("KIS");
    let account = kim.post(ACCOUNTS, &new).await.1["id"].as_str().unwrap().to_owned();
    let at = format!("{ACCOUNTS}/{account}");
    assert_eq!(kim.get(&format!("{at}/balance")).await, (200, json!({"cash": [], "positions": [], "asked_at": null, "refused": []})));
    assert_eq!(kim.post(&format!("{at}/start"), &json!({"old_server_stopped": true})).await.0, 200);
    night.broker.control().pin_price("TQQQ", Some(dec!(80)));
    night.broker.control().fill_next(PAPER, FillPlan::AtOnce);
    let order = json!({"account": account, "symbol": "TQQQ", "side": "buy", "quantity": 2, "price": 82});
    assert_eq!(kim.post("/api/v1/trading/orders", &order).await.0, 201);
    night.run_until("2026-05-15T15:01:00Z", 10).await;
    let (status, shown) = kim.post(&format!("{at}/balance"), &Value::Null).await;
    assert_eq!(status, 200, "{shown}");
    let row = |name: &str, value: &str, list: &str| {
        shown[list].as_array().unwrap().iter().find(|r| r[name] == value).cloned().unwrap_or_else(|| panic!("{value}: {shown}"))
    };
    let bought = row("symbol", "TQQQ", "positions");
    assert_eq!((&bought["booked"], &bought["at_broker"]), (&json!("2"), &json!("2")));
    let outside = row("symbol", "SOXL", "positions");
    assert_eq!((&outside["booked"], &outside["at_broker"], &outside["broker_average_price"]), (&json!("0"), &json!("4"), &json!("31.5")));
    let dollars = row("currency", "USD", "cash");
    assert!(dollars["booked"].as_str().unwrap().starts_with("-16"), "what the trade moved: {dollars}");
    assert!(dollars["at_broker"].as_str().unwrap().starts_with("68"), "{dollars}");
    assert_eq!(row("currency", "KRW", "cash")["at_broker"], "2000000");
    assert!(shown["asked_at"].is_string());
    assert_eq!(kim.get(&format!("{at}/balance")).await.1, shown, "kept with its age");

    let paper = kim.get(ACCOUNTS).await.1["items"].as_array().unwrap().iter().find(|a| a["environment"] == "own").unwrap()["id"].clone();
    let at = format!("{ACCOUNTS}/{}/balance", paper.as_str().unwrap());
    assert_eq!(
        kim.get(&at).await.1["cash"],
        json!([{"currency": "KRW", "booked": "100000000", "at_broker": null, "compared_at": null, "difference": null}])
    );
    assert_eq!(kim.post(&at, &Value::Null).await.1["code"], "own_paper");
}

#[tokio::test]
async fn an_own_paper_account_stops_and_starts_without_any_broker() {
    let server = TestServer::start().await;
    let kim = server.user("kim").await;
    server.app.trading.own_account(server.app.auth.find_user("kim").unwrap().unwrap().id).await.unwrap();
    let paper = kim.get(ACCOUNTS).await.1["items"][0].clone();
    assert_eq!((&paper["environment"], &paper["mode"]), (&json!("own"), &json!("trading")));
    let at = format!("{ACCOUNTS}/{}", paper["id"].as_str().unwrap());
    let (status, stopped) = kim.post(&format!("{at}/stop"), &Value::Null).await;
    assert_eq!((status, &stopped["mode"]), (200, &json!("observe")), "{stopped}");
    let (status, started) = kim.post(&format!("{at}/start"), &json!({"old_server_stopped": true})).await;
    assert_eq!((status, &started["mode"]), (200, &json!("trading")), "{started}");
}
