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
        [night.bring("chan", "chan", 30_000).await, night.bring("choe2", "choe", 22_000).await, night.bring("sk0000", "sk", 12_000).await];
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
