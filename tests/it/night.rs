//! A whole trading night over HTTP: three users whose data came out of three old databases, one
//! server, one simulated broker, one stepped clock.

use serde_json::{Value, json};

use crate::support::Caller;
use crate::support::old::{Night, Owned};

/// Noon in Korea before the session of Friday, 15 May 2026.
const NOON: &str = "2026-05-15T03:00:00Z";
/// 05:45 in Korea: the session is over and reported.
const MORNING: &str = "2026-05-15T20:45:00Z";

async fn items(caller: &Caller<'_>, path: &str) -> Vec<Value> {
    let (status, answer) = caller.get(path).await;
    assert_eq!(status, 200, "{path}: {answer}");
    answer["items"].as_array().unwrap_or_else(|| panic!("{path}: {answer}")).clone()
}

async fn start(caller: &Caller<'_>, owned: &Owned) {
    let (status, account) = caller.get(&format!("/api/v1/trading/accounts/{}", owned.account)).await;
    assert_eq!(status, 200, "{account}");
    for question in account["unsettled"].as_array().unwrap() {
        let answer = json!({"type": question["type"], "name": question["name"], "action": "merge"});
        let (status, answer) = caller.post(&format!("/api/v1/trading/accounts/{}/settle", owned.account), &answer).await;
        assert_eq!(status, 200, "{answer}");
    }
    let path = format!("/api/v1/trading/accounts/{}/start", owned.account);
    let (status, answer) = caller.post(&path, &json!({})).await;
    assert_eq!((status, &answer["code"]), (422, &json!("confirmation_required")));
    let (status, answer) = caller.post(&path, &json!({"old_server_stopped": true})).await;
    assert_eq!((status, &answer["mode"]), (200, &json!("trading")), "{answer}");
}

#[tokio::test]
async fn three_users_trade_a_night_side_by_side() {
    let night = Night::start(NOON).await;
    let owned =
        [night.bring("chan", "chan", 30_000).await, night.bring("choe2", "choe", 22_000).await, night.bring("sk0000", "sk", 100).await];
    let [chan, choe, _sk] = &owned;
    let caller = night.server.login("chan").await;
    let other = night.server.login("choe2").await;
    let observer = night.server.login("sk0000").await;
    start(&caller, chan).await;
    start(&other, choe).await;

    night.run_until(MORNING, 30).await;

    for (who, caller, owned) in [("chan", &caller, chan), ("choe2", &other, choe)] {
        let orders = items(caller, &format!("/api/v1/trading/orders?account_id={}&limit=500", owned.account)).await;
        assert!(!orders.is_empty(), "{who} sent nothing");
        assert_eq!(orders.len(), night.broker.control().order_count(&owned.app_key), "{who}: the broker saw each order once");
        assert!(orders.iter().any(|o| o["state"] == "filled"), "{who} got no fill");
        assert!(items(caller, &format!("/api/v1/trading/sheets?account_id={}", owned.account)).await.is_empty(), "{who}: all sheets end");
        let runs = items(caller, &format!("/api/v1/trading/accounts/{}/runs", owned.account)).await;
        assert!(runs.iter().all(|r| r["state"] == "done"), "{who}: {runs:?}");
        let codes: Vec<_> = items(caller, "/api/v1/alerts?limit=500").await.into_iter().map(|a| a["code"].clone()).collect();
        for code in ["READINESS", "TWAP_MERGED", "STATUS_PORTFOLIO", "SESSION_REPORT"] {
            assert!(codes.contains(&json!(code)), "{who} got no {code}: {codes:?}");
        }
    }
    // The readiness line says when the bots act, and of an account that lacks cash what is red.
    let night_times =
        ["판단 00:05, 분할 주문 00:10–04:30 (5회), 종가 매수 04:50", "decision 00:05, 5 slices 00:10–04:30, closing buy 04:50"];
    // His own settings put the decision late.
    let late_times =
        ["판단 04:35, 분할 주문 04:40–04:50 (2회), 종가 매수 04:50", "decision 04:35, 2 slices 04:40–04:50, closing buy 04:50"];
    for (caller, ready, times) in [(&caller, true, night_times), (&observer, false, late_times)] {
        let alerts = items(caller, "/api/v1/alerts?limit=500").await;
        let line = alerts.iter().find(|a| a["code"] == "READINESS").unwrap();
        let (ko, en) = (line["text"]["ko"].as_str().unwrap(), line["text"]["en"].as_str().unwrap());
        assert_eq!(line["data"]["ready"], json!(ready), "{en}");
        assert!(ko.contains(times[0]) && en.contains(times[1]), "{ko}\n{en}");
        assert_eq!((ko.contains("예수금 부족: $100"), en.contains("not enough cash: $100")), (!ready, !ready), "{en}");
    }
    // The third account only observed.
    assert!(items(&observer, &format!("/api/v1/trading/orders?account_id={}", owned[2].account)).await.is_empty());
    assert_eq!(night.broker.control().order_count(&owned[2].app_key), 0);
    let codes: Vec<_> = items(&observer, "/api/v1/alerts?limit=500").await.into_iter().map(|a| a["code"].clone()).collect();
    assert!(codes.contains(&json!("READINESS")), "{codes:?}");

    let report = night.server.app.store.verify().unwrap();
    assert_eq!(report.differences, [], "every fold agrees with its facts");
    for owned in [chan, choe] {
        let positions =
            items(&night.server.login(owned.username).await, &format!("/api/v1/trading/positions?account_id={}", owned.account)).await;
        for at_broker in night.broker.control().positions(&owned.app_key) {
            let booked =
                positions.iter().find(|p| p["symbol"] == json!(at_broker.symbol)).map(|p| p["quantity"].as_str().unwrap().to_owned());
            assert_eq!(booked, Some(at_broker.quantity.normalize().to_string()), "{} {}", owned.username, at_broker.symbol);
        }
    }
}

#[tokio::test]
async fn a_restart_in_the_middle_goes_on_and_sends_nothing_twice() {
    let night = Night::start(NOON).await;
    let owned = night.bring("chan", "chan", 30_000).await;
    start(&night.server.login("chan").await, &owned).await;
    night.run_until("2026-05-15T16:16:00Z", 30).await;
    let before = night.broker.control().order_count(&owned.app_key);
    assert!(before > 0);

    let night = night.restart().await;
    night.run_until(MORNING, 30).await;
    let caller = night.server.login("chan").await;
    let orders = items(&caller, &format!("/api/v1/trading/orders?account_id={}&limit=500", owned.account)).await;
    assert_eq!(orders.len(), night.broker.control().order_count(&owned.app_key));
    assert!(orders.len() > before, "the rest of the slices ran after the restart");
    let runs = items(&caller, &format!("/api/v1/trading/accounts/{}/runs", owned.account)).await;
    assert!(runs.iter().all(|r| r["state"] == "done"), "{runs:?}");
    assert_eq!(night.server.app.store.verify().unwrap().differences, []);
}

#[tokio::test]
async fn the_schedule_tells_how_far_our_clock_is_from_the_brokers() {
    let night = Night::start(NOON).await;
    let owned = night.bring("chan", "chan", 30_000).await;
    let caller = night.server.login("chan").await;
    let path = format!("/api/v1/trading/accounts/{}/schedule", owned.account);
    let before = caller.get(&path).await.1;
    assert_eq!(before.get("clock_offset_ms"), Some(&Value::Null), "the broker has not been asked: {before}");
    night.server.app.trading.tick().await;
    assert_eq!(caller.get(&path).await.1["clock_offset_ms"], json!(0));

    // Somebody whose account has no broker key.
    let other = night.server.user("lee00").await;
    let account = other.post("/api/v1/trading/accounts", &json!({"name": "main", "environment": "mock"})).await.1;
    let schedule = other.get(&format!("/api/v1/trading/accounts/{}/schedule", account["id"].as_str().unwrap())).await;
    assert_eq!((schedule.0, schedule.1.get("clock_offset_ms")), (200, Some(&Value::Null)));
}

#[tokio::test]
async fn the_orders_of_a_slice_list_in_the_same_order_every_time() {
    let night = Night::start(NOON).await;
    let owned = night.bring("chan", "chan", 30_000).await;
    let caller = night.server.login("chan").await;
    start(&caller, &owned).await;
    night.run_until(MORNING, 30).await;
    let orders = items(&caller, &format!("/api/v1/trading/orders?account_id={}&limit=500", owned.account)).await;
    let bots: Vec<Value> = items(&caller, &format!("/api/v1/trading/bots?account_id={}", owned.account))
        .await
        .into_iter()
        .map(|b| b["name"].clone())
        .collect();
    let mut slices: std::collections::BTreeMap<String, Vec<usize>> = std::collections::BTreeMap::new();
    for order in orders.iter().rev().filter(|o| o["origin"] == "slice") {
        let place = bots.iter().position(|name| *name == order["bot_name"]).unwrap();
        slices.entry(order["created_at"].as_str().unwrap()[..13].to_owned()).or_default().push(place);
    }
    assert!(slices.values().filter(|s| s.len() > 2).count() > 2, "{slices:?}");
    for (at, places) in slices {
        assert!(places.is_sorted(), "the slice of {at} lists the bots as {places:?}");
    }
}
