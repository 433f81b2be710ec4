//! Orders by hand over HTTP: the seed's own example, idempotency, refusals, permissions, kill switch.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use eggmoney::app::connector::KisConnector;
use eggmoney::domain::calendar::Calendar;
use eggmoney::domain::clock::{Clock, Sleep, SteppedClock};
use eggmoney::domain::limits::UserRules;
use eggmoney::domain::order::{OrderKind, OrderState, Side, Venue};
use eggmoney::domain::user::Role;
use eggmoney::simulators::{Fault, Scenario};
use eggmoney::trading::{Calendars, HaltScope, NewOrder, Surroundings, Trading};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::support::old::Night;
use crate::support::{Caller, PASSWORD, TestServer, answer};

const ORDERS: &str = "/api/v1/trading/orders";

async fn with_key(caller: &Caller<'_>, key: &str, body: &Value) -> (u16, Value) {
    answer(caller.request("POST", ORDERS).header("Idempotency-Key", key).json(body)).await
}

fn example() -> Value {
    json!({"symbol": "005930", "quantity": 10, "price": 70000, "order_type": "limit"})
}

#[tokio::test]
async fn the_seeds_own_example_works_for_a_new_user() {
    let server = TestServer::start().await;
    let kim = server.user("kim").await;
    let (status, order) = kim.post(ORDERS, &example()).await;
    assert_eq!((status, &order["status"], &order["side"]), (201, &json!("pending"), &json!("buy")), "{order}");
    let (_, accounts) = kim.get("/api/v1/trading/accounts").await;
    let paper = &accounts["items"][0];
    assert_eq!((&paper["environment"], &paper["id"]), (&json!("own"), &order["account_id"]));
    let (_, detail) = kim.get(&format!("{ORDERS}/{}", order["id"].as_str().unwrap())).await;
    let kinds: Vec<&str> = detail["events"].as_array().unwrap().iter().map(|e| e["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["order_intended", "order_sent", "order_accepted"]);
    let (_, list) = kim.get(&format!("{ORDERS}?open=true&symbol=005930&side=buy")).await;
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    let (_, none) = kim.get(&format!("{ORDERS}?side=sell")).await;
    assert_eq!(none["items"], json!([]));
}

#[tokio::test]
async fn one_key_is_one_order_for_a_thousand_requests_at_once() {
    let server = TestServer::start().await;
    let kim = server.user("kim").await;
    let body = example();
    let all = futures_util::future::join_all((0..1_000).map(|_| with_key(&kim, "k-1", &body))).await;
    let first = &all[0];
    assert_eq!(first.0, 201, "{}", first.1);
    let other = all.iter().find(|answer| *answer != first);
    assert_eq!(other, None, "every answer is the first one");
    assert_eq!(kim.get(&format!("{ORDERS}?limit=500")).await.1["items"].as_array().unwrap().len(), 1);
    // The order goes on; the answer stays.
    let id = first.1["id"].as_str().unwrap();
    assert_eq!(kim.delete(&format!("{ORDERS}/{id}")).await.0, 202);
    assert_eq!(&with_key(&kim, "k-1", &body).await, first);
    let mut other = body.clone();
    other["quantity"] = json!(11);
    let (status, problem) = with_key(&kim, "k-1", &other).await;
    assert_eq!((status, &problem["code"]), (409, &json!("idempotency_key_reused")));
    // Another person's key of the same text is another key.
    let lee = server.user("lee").await;
    assert_eq!(with_key(&lee, "k-1", &other).await.0, 201);
    for bad in ["", &"x".repeat(65), "a b"] {
        assert_eq!(with_key(&kim, bad, &body).await.0, 422, "{bad:?}");
    }
}

#[tokio::test]
async fn bad_orders_are_told_what_is_wrong() {
    let server = TestServer::start().await;
    let kim = server.user("kim").await;
    for (change, status, code, pointer) in [
        (json!({"quantity": 0}), 422, "invalid", "/quantity"),
        (json!({"quantity": -1}), 422, "invalid", "/quantity"),
        (json!({"quantity": 1.5}), 422, "invalid", "/quantity"),
        (json!({"quantity": "many"}), 422, "invalid", "/quantity"),
        (json!({"quantity": 1e18}), 422, "invalid", "/quantity"),
        (json!({"price": 0}), 422, "invalid", "/price"),
        (json!({"price": -3}), 422, "invalid", "/price"),
        (json!({"symbol": "12345"}), 422, "unknown_symbol", "/symbol"),
        (json!({"symbol": "", "market": "KRX"}), 422, "unknown_symbol", "/symbol"),
        (json!({"market": "MOON"}), 422, "invalid", "/market"),
        (json!({"order_type": "magic"}), 422, "invalid", "/order_type"),
        (json!({"side": "hold"}), 422, "invalid", "/side"),
        (json!({"account": "01900000-0000-7000-8000-000000000000"}), 404, "not_found", "-"),
        (json!({"leverage": 5}), 422, "unknown_field", "/leverage"),
        (json!({"order_type": "market"}), 422, "price_not_used", "-"),
        (json!({"price": null}), 422, "price_required", "-"),
        (json!({"quantity": 1_000_000}), 422, "limit_buying_power", "-"),
        (json!({"side": "sell"}), 422, "limit_free_shares", "-"),
    ] {
        let mut body = example();
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let (got, problem) = kim.post(ORDERS, &body).await;
        let at = problem["pointer"].as_str().unwrap_or("-");
        assert_eq!((got, problem["code"].as_str().unwrap_or("-"), at), (status, code, pointer), "{change}: {problem}");
        if code.starts_with("limit_") {
            assert!(problem["order_id"].is_string() && problem["limit"]["allowed"].is_string(), "{problem}");
            let stored = kim.get(&format!("{ORDERS}/{}", problem["order_id"].as_str().unwrap())).await.1;
            assert_eq!((&stored["status"], &stored["reason"]["code"]), (&json!("rejected"), &json!(code)));
        }
    }
}

#[tokio::test]
async fn an_order_reaches_the_simulated_broker_and_comes_back_filled() {
    let night = Night::start_with("2026-05-15T14:58:00Z", Scenario::default()).await;
    let mine = night.bring("chan", "chan", 30_000).await;
    let chan = night.server.login("chan").await;
    let at = format!("/api/v1/trading/accounts/{}", mine.account);
    for question in chan.get(&format!("{at}/unsettled")).await.1["items"].as_array().unwrap() {
        let action = if question["type"] == "unbooked_fills" { "discard" } else { "merge" };
        chan.post(&format!("{at}/settle"), &json!({"type": question["type"], "name": question["name"], "action": action})).await;
    }
    let order = json!({"account": mine.account.to_string(), "symbol": "TQQQ", "side": "buy", "quantity": 2, "price": 500});
    let (status, problem) = chan.post(ORDERS, &order).await;
    assert_eq!((status, &problem["code"]), (422, &json!("observing")), "{problem}");
    assert_eq!(chan.post(&format!("{at}/start"), &json!({"old_server_stopped": true})).await.0, 200);
    let (_, preview) = chan.post(&format!("{ORDERS}/preview"), &order).await;
    assert_eq!((&preview["buying_power_basis"], &preview["refusal"]), (&json!("dollars_only"), &Value::Null), "{preview}");
    assert!(preview["order_types"].as_array().unwrap().contains(&json!("limit")), "{preview}");
    assert_eq!(chan.get(&format!("{ORDERS}?account_id={}&symbol=TQQQ", mine.account)).await.1["items"].as_array().unwrap().len(), 1);
    // A price between two ticks is refused by the gate, and the broker is not asked what it would cost.
    let mut between = order.clone();
    between["price"] = json!("500.123");
    let (status, problem) = chan.post(ORDERS, &between).await;
    assert_eq!((status, &problem["code"], problem["order_id"].is_string()), (422, &json!("off_tick"), true), "{problem}");
    assert_eq!(problem["limit"]["allowed"], "500.12 – 500.13", "{problem}");
    let (status, placed) = chan.post(ORDERS, &order).await;
    assert_eq!((status, &placed["status"]), (201, &json!("pending")), "{placed}");
    let mut nameless = order.clone();
    nameless.as_object_mut().unwrap().remove("side");
    assert_eq!(chan.post(ORDERS, &nameless).await.1["pointer"], "/side");
    night.run_until("2026-05-15T14:59:00Z", 10).await;
    let (_, filled) = chan.get(&format!("{ORDERS}/{}", placed["id"].as_str().unwrap())).await;
    assert_eq!((&filled["status"], &filled["filled_quantity"]), (&json!("filled"), &json!("2")), "{filled}");
    let report = night.server.app.store.verify().unwrap();
    assert_eq!(report.differences, []);
}

#[tokio::test]
async fn permissions_and_the_kill_switch_hold_from_the_next_order_on() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    server.create("kim", Role::User).await;
    let kim = server.login("kim").await;
    let id = kim.get("/api/v1/users/profile").await.1["id"].as_str().unwrap().to_owned();
    let rules = format!("/api/v1/admin/users/{id}/rules");
    assert_eq!(kim.get(&rules).await.0, 403);
    admin.prove().await;
    let (_, mut now) = admin.get(&rules).await;
    assert_eq!((&now["can_paper_trade"], &now["can_real_trade"]), (&json!(true), &json!(false)));
    now["daily_trade_limit"] = json!(1);
    assert_eq!(admin.put(&rules, &now).await.0, 200);
    assert_eq!(kim.post(ORDERS, &example()).await.0, 201);
    let (status, problem) = kim.post(ORDERS, &example()).await;
    assert_eq!((status, &problem["limit"]["name"]), (422, &json!("daily_trade_limit")), "{problem}");
    now["daily_trade_limit"] = Value::Null;
    assert_eq!(admin.put(&rules, &now).await.0, 200);

    const SWITCH: &str = "/api/v1/trading/kill-switch";
    let (status, state) = kim.post(SWITCH, &json!({"on": true})).await;
    assert!(status == 200 && state["user"].is_string(), "{state}");
    assert_eq!(kim.get(&format!("{ORDERS}?open=true")).await.1["items"], json!([]), "open orders are cancelled");
    assert_eq!(kim.post(ORDERS, &example()).await.1["code"], "halted");
    let (status, problem) = kim.post(SWITCH, &json!({"on": false})).await;
    assert_eq!((status, &problem["code"]), (403, &json!("step_up_required")), "{problem}");
    let (status, problem) = kim.post(SWITCH, &json!({"on": false, "password": PASSWORD})).await;
    assert_eq!((status, &problem["code"]), (422, &json!("unknown_field")), "a password in the body is no proof: {problem}");
    let server = server.restart().await;
    let kim = server.login("kim").await;
    assert_eq!(kim.post(ORDERS, &example()).await.1["code"], "halted", "after a restart too");
    kim.prove().await;
    assert_eq!(kim.post(SWITCH, &json!({"on": false})).await.0, 200);
    assert_eq!(kim.post(ORDERS, &example()).await.0, 201);
    let admin = server.login("root-admin").await;
    assert_eq!(kim.post("/api/v1/admin/kill-switch", &json!({"on": true})).await.0, 403);
    assert_eq!(admin.post("/api/v1/admin/kill-switch", &json!({"on": true})).await.0, 200);
    assert_eq!(kim.post(ORDERS, &example()).await.1["code"], "halted");
    let lifted = admin.post("/api/v1/admin/kill-switch", &json!({"on": false})).await;
    assert_eq!((lifted.0, &lifted.1["code"]), (403, &json!("step_up_required")));
    admin.prove().await;
    assert_eq!(admin.post("/api/v1/admin/kill-switch", &json!({"on": false})).await.0, 200);
}

/// The market clock of a program that something happens to while it waits for a token.
#[derive(Debug)]
struct Overtaken {
    market: Arc<SteppedClock>,
    /// What happens in the next wait of half a minute or more, once.
    meanwhile: Mutex<Option<(Arc<Trading>, Meanwhile)>>,
}

#[derive(Clone, Copy, Debug)]
enum Meanwhile {
    Halt(HaltScope),
    Stop(eggmoney::domain::id::UserId, eggmoney::domain::id::AccountId),
    Forbid(eggmoney::domain::id::UserId),
    Nothing,
}

impl Clock for Overtaken {
    fn now(&self) -> Timestamp {
        self.market.now()
    }

    fn sleep(&self, duration: Duration) -> Sleep<'_> {
        Box::pin(async move {
            let happens = if duration < Duration::from_secs(30) { None } else { self.meanwhile.lock().unwrap().take() };
            match happens {
                Some((trading, Meanwhile::Halt(scope))) => {
                    trading.set_halt(None, scope, true).await.unwrap();
                    trading.cancel_halted(scope).await;
                }
                Some((trading, Meanwhile::Stop(user, account))) => drop(trading.stop_account(user, account).await.unwrap()),
                Some((trading, Meanwhile::Forbid(user))) => {
                    let rules = UserRules { can_paper_trade: false, ..UserRules::default() };
                    trading.set_user_rules(None, user, rules).await.unwrap();
                }
                Some((_, Meanwhile::Nothing)) | None => {}
            }
            self.market.sleep(duration).await;
        })
    }
}

#[derive(Debug)]
struct Room;

impl Surroundings for Room {
    fn disk_free(&self) -> Option<u64> {
        None
    }
}

#[tokio::test]
async fn an_order_that_waits_for_a_token_does_not_leave_after_a_stop() {
    let night = Night::start_with("2026-05-15T14:58:00Z", Scenario::default()).await;
    let mine = night.bring("chan", "chan", 30_000).await;
    let chan = night.server.login("chan").await;
    let at = format!("/api/v1/trading/accounts/{}", mine.account);
    for question in chan.get(&format!("{at}/unsettled")).await.1["items"].as_array().unwrap() {
        let action = if question["type"] == "unbooked_fills" { "discard" } else { "merge" };
        chan.post(&format!("{at}/settle"), &json!({"type": question["type"], "name": question["name"], "action": action})).await;
    }
    let app = &night.server.app;
    let user = app.auth.users().unwrap().into_iter().find(|u| u.username == "chan").unwrap().id;

    // Another program over the same data, whose clock lets things happen while it waits.
    let clock = Arc::new(Overtaken { market: night.server.market.clone(), meanwhile: Mutex::default() });
    let connector =
        KisConnector::new(app.store.clone(), app.vault.clone(), app.config.brokers.kis.clone(), app.config.egress.clone(), clock.clone())
            .unwrap();
    let calendars = Calendars { us: Arc::new(Calendar::nyse().unwrap()), krx: Arc::new(Calendar::krx().unwrap()) };
    let trading = Arc::new(Trading::new(app.store.clone(), clock.clone(), calendars, Arc::new(connector), Arc::new(Room)));
    let order = || NewOrder {
        account: Some(mine.account),
        market: None,
        symbol: "TQQQ".to_owned(),
        side: Some(Side::Buy),
        quantity: 2,
        kind: OrderKind::Limit,
        limit_price: Some(20.into()),
        trigger_price: None,
        venue: Venue::Krx,
    };
    let before = night.broker.control().order_count(&mine.app_key);
    let all = HaltScope::Installation;
    for (meanwhile, code) in [
        (Meanwhile::Halt(all), "halted"),
        (Meanwhile::Halt(HaltScope::User(user)), "halted"),
        (Meanwhile::Halt(HaltScope::Account(user, mine.account)), "halted"),
        (Meanwhile::Stop(user, mine.account), "observing"),
        (Meanwhile::Forbid(user), "paper_trade_not_permitted"),
        (Meanwhile::Nothing, ""),
    ] {
        for scope in [all, HaltScope::User(user), HaltScope::Account(user, mine.account)] {
            trading.set_halt(None, scope, false).await.unwrap();
        }
        trading.set_user_rules(None, user, UserRules::default()).await.unwrap();
        trading.start_account(user, mine.account, true).await.unwrap();
        trading.preview_ticket(user, order()).await.unwrap();
        // The broker calls the token dead when the order arrives, and issues one a minute.
        night.broker.control().fail_next(&mine.app_key, "VTTT1002U", 1, Fault::TokenRevoked);
        *clock.meanwhile.lock().unwrap() = Some((trading.clone(), meanwhile));
        let placed = trading.place_ticket(user, order(), None).await.unwrap();
        assert!(clock.meanwhile.lock().unwrap().is_none(), "{meanwhile:?}: the order waited for a token");
        let reason = placed.reason.as_ref().map_or("", |r| r.code.as_str());
        let state = if code.is_empty() { OrderState::Accepted } else { OrderState::Rejected };
        assert_eq!((placed.state, reason), (state, code), "{meanwhile:?}");
        let sent = night.broker.control().order_count(&mine.app_key) - before;
        assert_eq!(sent, usize::from(code.is_empty()), "{meanwhile:?}");
    }
}
