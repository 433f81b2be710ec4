//! API keys and signatures over a real server: what they reach, what ends them, and what is refused.

use std::collections::HashSet;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use eggmoney::app::clock::SystemClock;
use eggmoney::domain::clock::{Clock, SteppedClock};
use eggmoney::domain::order::Environment;
use eggmoney::domain::user::Role;
use eggmoney::storage::tables::ACCOUNTS;
use eggmoney::storage::{AuditRow, UserTx, account_key};
use serde_json::{Value, json};

use super::support::keys::{ApiKey, Signed, make_key};
use super::support::old::Night;
use super::support::{Answer, Caller, TestServer};

const KEYS: &str = "/api/v1/users/api-keys";
const ORDERS: &str = "/api/v1/trading/orders";
/// Signed calls are taken from then on: nothing from before the start may come back.
const SETTLED: Duration = Duration::from_secs(90);

fn expect(status: u16, code: &str, (found, body): &Answer) {
    assert_eq!((*found, body["code"].as_str()), (status, Some(code)), "{body}");
}

async fn settled() -> TestServer {
    let server = TestServer::start().await;
    server.advance(SETTLED);
    server
}

fn ticket() -> Value {
    json!({"symbol": "005930", "side": "buy", "quantity": 10, "price": 70000})
}

async fn audited(who: &Caller<'_>) -> Vec<String> {
    let rows = who.get("/api/v1/users/audit").await.1["items"].as_array().unwrap().clone();
    rows.iter().map(|r| r["action"].as_str().unwrap().to_owned()).filter(|a| a.starts_with("api_key")).collect()
}

#[tokio::test]
async fn a_key_is_shown_once_reads_and_places_orders_when_signed() {
    let server = settled().await;
    let anna = server.user("anna").await;
    expect(403, "step_up_required", &anna.post(KEYS, &json!({"name": "script", "scope": "paper"})).await);
    let key = make_key(&anna, &json!({"name": " script ", "scope": "paper"})).await;
    assert_eq!(key.text.len(), 4 + 32 + 1 + 64);

    assert_eq!(key.shown(&server, "GET", ORDERS).await.0, 200);
    assert_eq!(key.call(&server, "GET", &format!("{ORDERS}?limit=5&open=true"), &Value::Null).await.0, 200);
    let (status, placed) = key.call(&server, "POST", ORDERS, &ticket()).await;
    assert_eq!((status, &placed["status"]), (201, &json!("pending")), "{placed}");
    let order = format!("{ORDERS}/{}", placed["id"].as_str().unwrap());
    assert_eq!(key.call(&server, "PATCH", &order, &json!({"quantity": 5})).await.0, 202);
    assert_eq!(key.call(&server, "DELETE", &order, &Value::Null).await.0, 202);
    // What only showed itself may have been copied.
    for (method, path) in [("POST", ORDERS.to_owned()), ("PATCH", order.clone()), ("DELETE", order), ("POST", format!("{ORDERS}/preview"))]
    {
        expect(401, "signature_missing", &key.shown(&server, method, &path).await);
    }

    let (status, listed) = anna.get(KEYS).await;
    assert_eq!(status, 200);
    let item = &listed["items"][0];
    assert_eq!((&item["name"], &item["key"], &item["last_used_from"]), (&json!("script"), &json!(key.name()), &json!("127.0.0.1")));
    assert_eq!(item["last_used_at"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap(), server.wall.now());
    assert!(!listed.to_string().contains(key.secret()));
    assert_eq!((&listed["calls_today"], &listed["calls_limit"]), (&json!(9), &Value::Null));
    assert_eq!(audited(&anna).await, ["api_key.first_used", "api_key.created"]);
    let told = anna.get("/api/v1/alerts").await.1["items"].as_array().unwrap().clone();
    assert!(told.iter().any(|a| a["code"] == "API_KEY_MADE" && a.to_string().contains("script")), "{told:?}");
    let file = fs_err::read(server.folder().join("eggmoney.redb")).unwrap();
    assert!(!file.windows(64).any(|w| w == key.secret().as_bytes()), "the database shows the secret");
    assert_eq!(server.app.store.verify().unwrap().differences, []);
}

#[tokio::test]
async fn what_is_not_signed_now_and_by_the_key_is_refused_with_its_reason() {
    let server = settled().await;
    let anna = server.user("anna").await;
    let key = make_key(&anna, &json!({"name": "script", "scope": "paper"})).await;
    let right = Signed::now(&server, "POST", ORDERS, &ticket());
    let now = right.timestamp;
    let header = key.header(&right);
    for (changed, status, code) in [
        (Signed { timestamp: now - 31, ..right.clone() }, 401, "signature_stale"),
        (Signed { timestamp: now + 31, ..right.clone() }, 401, "signature_future"),
        (Signed { nonce: "short".to_owned(), ..right.clone() }, 400, "signature_malformed"),
    ] {
        expect(status, code, &changed.send(&server, &key.header(&changed)).await);
    }
    // The same header over something else.
    for changed in [
        Signed { body: ticket().to_string().replace("10", "11"), ..right.clone() },
        Signed { path: format!("{ORDERS}/preview"), ..right.clone() },
        Signed { method: "PUT", ..right.clone() },
        Signed { query: "limit=5".to_owned(), ..right.clone() },
    ] {
        expect(401, "signature_wrong", &changed.send(&server, &header).await);
    }
    // A key that does not exist, one of somebody else's secret, and a real one look the same.
    let other = make_key(&server.user("ben").await, &json!({"name": "script", "scope": "trade"})).await;
    let nobodys = ApiKey { text: format!("egg_{}_{}", "0".repeat(32), key.secret()), ..key.clone() };
    let crossed = ApiKey { text: format!("{}_{}", key.name(), other.secret()), ..key.clone() };
    let mut answers = HashSet::new();
    for wrong in [&nobodys, &crossed] {
        let (status, mut body) = right.send(&server, &wrong.header(&right)).await;
        body.as_object_mut().unwrap().remove("trace_id");
        answers.insert((status, body.to_string()));
        let (status, mut body) = wrong.shown(&server, "GET", ORDERS).await;
        body.as_object_mut().unwrap().remove("trace_id");
        answers.insert((status, body.to_string()));
    }
    assert_eq!(answers.len(), 2, "one answer to signatures, one to keys: {answers:?}");
    assert_eq!(anna.get(ORDERS).await.1["items"].as_array().unwrap().len(), 0, "nothing was placed");
    assert_eq!(anna.get(KEYS).await.1["calls_today"], 0, "what was refused is not counted");

    assert_eq!(right.send(&server, &header).await.0, 201);
    expect(401, "signature_replayed", &right.send(&server, &header).await);
    let again = Signed { timestamp: now + 1, ..right.clone() };
    expect(401, "signature_replayed", &again.send(&server, &key.header(&again)).await);
    assert_eq!(anna.get(ORDERS).await.1["items"].as_array().unwrap().len(), 1);
    // To the second.
    for ahead in [-30, 30] {
        let signed = Signed { timestamp: now + ahead, ..Signed::now(&server, "GET", ORDERS, &Value::Null) };
        assert_eq!(signed.send(&server, &key.header(&signed)).await.0, 200, "{ahead}");
    }
    // The clock is set back after the nonce was forgotten.
    server.advance(Duration::from_secs(90));
    let fresh = Signed::now(&server, "GET", ORDERS, &Value::Null);
    assert_eq!(fresh.send(&server, &key.header(&fresh)).await.0, 200);
    server.wall.set_back(Duration::from_secs(90));
    expect(401, "signature_replayed", &right.send(&server, &header).await);
    assert_eq!(anna.get(ORDERS).await.1["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn queries_are_signed_in_one_form_and_large_bodies_are_refused() {
    let server = settled().await;
    let anna = server.user("anna").await;
    let key = make_key(&anna, &json!({"name": "script", "scope": "read"})).await;
    for (signed, sent) in [
        ("limit=5&symbol=BRK%2FB", "symbol=BRK%2fB&limit=%35"),
        ("open=true&symbol=%EC%82%BC%20%EC%84%B1", "symbol=%ec%82%bc+%EC%84%B1&&open=true"),
    ] {
        let right = Signed::now(&server, "GET", &format!("{ORDERS}?{signed}"), &Value::Null);
        let header = key.header(&right);
        let (status, body) = Signed { query: sent.to_owned(), ..right }.send(&server, &header).await;
        assert_eq!(status, 200, "{sent}: {body}");
    }
    let twice = Signed::now(&server, "GET", &format!("{ORDERS}?limit=5&limit=6"), &Value::Null);
    expect(422, "invalid", &twice.send(&server, &key.header(&twice)).await);
    let large = Signed { body: "x".repeat((1 << 20) + 1), ..Signed::now(&server, "POST", ORDERS, &Value::Null) };
    expect(413, "too_large", &large.send(&server, &key.header(&large)).await);
}

#[tokio::test]
async fn a_scope_reaches_so_far_and_a_key_never_further_than_its_user() {
    let night = Night::start("2026-05-15T14:58:00Z").await;
    let owned = night.bring("chan", "chan", 30_000).await;
    let server = &night.server;
    server.advance(SETTLED);
    let chan = server.login("chan").await;
    let [read, paper, trade] = [
        make_key(&chan, &json!({"name": "a", "scope": "read"})).await,
        make_key(&chan, &json!({"name": "b", "scope": "paper"})).await,
        make_key(&chan, &json!({"name": "c", "scope": "trade"})).await,
    ];
    let (user, account) = (server.app.auth.find_user("chan").unwrap().unwrap().id, owned.account);
    let on = async |environment: Environment| {
        let edit = move |tx: &mut UserTx<'_>| {
            let mut record = tx.require(&ACCOUNTS, &account_key(account))?;
            record.environment = environment;
            tx.put(&ACCOUNTS, &account_key(account), &record)
        };
        server.app.store.user(user).write(edit).await.unwrap();
    };
    let order = json!({"account": account, "symbol": "TQQQ", "side": "buy", "quantity": 1, "price": 1});
    let preview = format!("{ORDERS}/preview");
    let cancel = json!({ "account": account });
    on(Environment::Mock).await;
    for (method_path, body) in [(ORDERS, &order), (preview.as_str(), &order)] {
        expect(403, "forbidden", &read.call(server, "POST", method_path, body).await);
        for key in [&paper, &trade] {
            let (status, answer) = key.call(server, "POST", method_path, body).await;
            assert!(status != 401 && status != 403, "{method_path}: {status} {answer}");
        }
    }
    on(Environment::Live).await;
    let bots = chan.get(&format!("/api/v1/trading/bots?account_id={account}")).await.1;
    let sell = format!("/api/v1/trading/bots/{}/force-sell", bots["items"][0]["id"].as_str().unwrap());
    for (path, body) in [
        (ORDERS, &order),
        (preview.as_str(), &order),
        ("/api/v1/trading/orders/cancel-all", &cancel),
        (sell.as_str(), &json!({"ratio_percent": 10})),
    ] {
        expect(403, "beyond_scope", &paper.call(server, "POST", path, body).await);
        let (_, answer) = trade.call(server, "POST", path, body).await;
        assert!(!["beyond_scope", "forbidden"].contains(&answer["code"].as_str().unwrap_or_default()), "{path}: {answer}");
    }
    // The rules of live trading hold for a key as for its user.
    let (status, refused) = trade.call(server, "POST", ORDERS, &order).await;
    let (by_hand, same) = chan.post(ORDERS, &order).await;
    assert_eq!((status, &refused["code"]), (by_hand, &same["code"]));
    assert!((400..500).contains(&status), "{refused}");
    // Everywhere within reach is not everywhere.
    assert_eq!(paper.call(server, "POST", "/api/v1/trading/orders/cancel-all", &json!({})).await.0, 202);
    on(Environment::Mock).await;

    // The emergency stop, which only the person lifts.
    let switch = "/api/v1/trading/kill-switch";
    expect(403, "forbidden", &read.call(server, "POST", switch, &json!({"on": true})).await);
    expect(401, "signature_missing", &paper.shown(server, "POST", switch).await);
    let (status, on) = paper.call(server, "POST", switch, &json!({"on": true})).await;
    assert!(status == 200 && on["user"].is_string(), "{on}");
    expect(403, "forbidden", &trade.call(server, "POST", switch, &json!({"on": false})).await);
    assert!(chan.get(switch).await.1["user"].is_string());

    // What no key reaches.
    for (method, path) in [
        ("GET", KEYS),
        ("POST", KEYS),
        ("GET", "/api/v1/users/profile"),
        ("GET", "/api/v1/users/sessions"),
        ("POST", "/api/v1/auth/step-up"),
        ("POST", "/api/v1/trading/accounts"),
        ("GET", "/api/v1/admin/users"),
    ] {
        expect(403, "forbidden", &trade.call(server, method, path, &Value::Null).await);
    }
}

#[tokio::test]
async fn expiry_address_revocation_and_the_users_own_state_end_a_key_at_once() {
    let server = settled().await;
    server.admin().await;
    let anna = server.user("anna").await;
    let now = server.wall.now();
    let later = (now + jiff::SignedDuration::from_hours(2)).to_string();
    let expiring = make_key(&anna, &json!({"name": "a", "scope": "read", "expires_at": later})).await;
    let here = make_key(&anna, &json!({"name": "b", "scope": "read", "networks": ["::ffff:127.0.0.0/104", "2001:db8::/32"]})).await;
    let there = make_key(&anna, &json!({"name": "c", "scope": "paper", "networks": ["203.0.113.7"]})).await;
    let revoked = make_key(&anna, &json!({"name": "d", "scope": "paper"})).await;
    let trading = make_key(&anna, &json!({"name": "e", "scope": "trade"})).await;
    // They were made at the same time, in no order.
    let (_, list) = anna.get(KEYS).await;
    let listed = list["items"].as_array().unwrap().iter().find(|key| key["name"] == "b").unwrap();
    assert_eq!(listed["networks"], json!(["127.0.0.0/8", "2001:db8::/32"]));
    assert_eq!(here.shown(&server, "GET", ORDERS).await.0, 200);
    expect(403, "address_not_allowed", &there.shown(&server, "GET", ORDERS).await);
    expect(403, "address_not_allowed", &there.call(&server, "POST", ORDERS, &ticket()).await);
    assert_eq!(expiring.shown(&server, "GET", ORDERS).await.0, 200);
    assert_eq!(revoked.call(&server, "GET", ORDERS, &Value::Null).await.0, 200);

    assert_eq!(anna.delete(&format!("{KEYS}/{}", revoked.id)).await.0, 204);
    expect(404, "not_found", &anna.delete(&format!("{KEYS}/{}", revoked.id)).await);
    expect(401, "api_key_wrong", &revoked.shown(&server, "GET", ORDERS).await);
    expect(401, "signature_wrong", &revoked.call(&server, "GET", ORDERS, &Value::Null).await);

    // A viewer's keys read, and no more; those that did more are gone for good.
    let id = server.app.auth.find_user("anna").unwrap().unwrap().id;
    let user = format!("/api/v1/admin/users/{id}");
    let change = async |body: Value| {
        // An access token lives a quarter of an hour.
        let admin = server.login("root-admin").await;
        admin.prove().await;
        let (status, answer) = admin.patch(&user, &body).await;
        assert_eq!(status, 200, "{answer}");
    };
    change(json!({"role": "viewer"})).await;
    assert_eq!(here.shown(&server, "GET", ORDERS).await.0, 200);
    expect(401, "signature_wrong", &trading.call(&server, "GET", ORDERS, &Value::Null).await);
    let viewer = server.login("anna").await;
    viewer.prove().await;
    expect(403, "beyond_scope", &viewer.post(KEYS, &json!({"name": "f", "scope": "paper"})).await);
    change(json!({"role": "user"})).await;
    expect(401, "signature_wrong", &trading.call(&server, "GET", ORDERS, &Value::Null).await);

    server.advance(Duration::from_secs(2 * 3600));
    expect(401, "api_key_expired", &expiring.shown(&server, "GET", ORDERS).await);
    expect(401, "api_key_expired", &expiring.call(&server, "GET", ORDERS, &Value::Null).await);
    change(json!({"active": false})).await;
    expect(401, "api_key_wrong", &here.shown(&server, "GET", ORDERS).await);
    change(json!({"active": true})).await;
    expect(401, "api_key_wrong", &here.shown(&server, "GET", ORDERS).await);
    let anna = server.login("anna").await;
    let ended = audited(&anna).await.into_iter().filter(|a| a == "api_key.revoked").count();
    assert_eq!(ended, 5);
    let items = anna.get(KEYS).await.1["items"].as_array().unwrap().clone();
    assert!(items.iter().all(|k| k["revoked_at"].is_string()), "{items:?}");
    // A month later they are gone from the list, when a key is made.
    server.advance(Duration::from_secs(31 * 24 * 3600));
    let anna = server.login("anna").await;
    make_key(&anna, &json!({"name": "new", "scope": "read"})).await;
    assert_eq!(anna.get(KEYS).await.1["items"].as_array().unwrap().len(), 1);
    assert_eq!(server.app.store.verify().unwrap().differences, []);
}

#[tokio::test]
async fn a_reset_of_the_password_ends_all_keys_and_a_socket_takes_none() {
    let server = settled().await;
    let admin = server.admin().await;
    let anna = server.user("anna").await;
    let key = make_key(&anna, &json!({"name": "a", "scope": "read"})).await;
    assert!(server.app.auth.authenticate(&key.text, None).is_err(), "the first frame of a socket takes an access token");
    let id = server.app.auth.find_user("anna").unwrap().unwrap().id;
    admin.prove().await;
    let word = admin.post(&format!("/api/v1/admin/users/{id}/reset"), &json!({})).await.1["word"].clone();
    assert_eq!(key.shown(&server, "GET", ORDERS).await.0, 200);
    let body = json!({"word": word, "password": "a wholly other phrase"});
    assert_eq!(server.anybody().post("/api/v1/auth/reset", &body).await.0, 200);
    expect(401, "api_key_wrong", &key.shown(&server, "GET", ORDERS).await);
}

#[tokio::test]
async fn a_user_has_twenty_keys_and_addresses_carry_none() {
    let server = settled().await;
    let anna = server.user("anna").await;
    let key = make_key(&anna, &json!({"name": "key 0", "scope": "read"})).await;
    for n in 1..20 {
        assert_eq!(anna.post(KEYS, &json!({"name": format!("key {n}"), "scope": "read"})).await.0, 201);
    }
    expect(409, "too_many_keys", &anna.post(KEYS, &json!({"name": "one more", "scope": "read"})).await);
    assert_eq!(anna.delete(&format!("{KEYS}/{}", key.id)).await.0, 204);
    assert_eq!(anna.post(KEYS, &json!({"name": "one more", "scope": "read"})).await.0, 201);

    let nobody = server.anybody();
    for address in [format!("{ORDERS}?api_key={}", key.text), format!("{ORDERS}/{}", key.text), format!("/?x={}", key.text)] {
        let (status, body) = nobody.get(&address).await;
        expect(400, "api_key_in_address", &(status, body.clone()));
        assert!(!body.to_string().contains(key.secret()));
        expect(400, "api_key_in_address", &anna.get(&address).await);
    }
    expect(401, "unauthorized", &nobody.get(&format!("{ORDERS}?access_token=x")).await);
}

#[tokio::test]
async fn after_a_restart_nothing_that_was_taken_before_is_taken_again() {
    let server = settled().await;
    let key = make_key(&server.user("anna").await, &json!({"name": "a", "scope": "paper"})).await;
    // A client whose clock is ahead as far as it may be.
    let ahead = Signed { timestamp: server.wall.now().as_second() + 30, ..Signed::now(&server, "POST", ORDERS, &ticket()) };
    let header = key.header(&ahead);
    assert_eq!(ahead.send(&server, &header).await.0, 201);
    let server = server.restart().await;
    for _ in 0..7 {
        let (status, body) = ahead.send(&server, &header).await;
        assert!(status == 401 || body["code"] == "just_started", "{status} {body}");
        server.advance(Duration::from_secs(10));
    }
    let signed = Signed::now(&server, "GET", ORDERS, &Value::Null);
    assert_eq!(signed.send(&server, &key.header(&signed)).await.0, 200);
    let again = server.restart().await;
    let signed = Signed::now(&again, "GET", ORDERS, &Value::Null);
    let response = signed.request(&again, &key.header(&signed)).send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.headers()["retry-after"].to_str().unwrap()), (503, "31"));
    assert_eq!(key.shown(&again, "GET", ORDERS).await.0, 200, "who only reads need not wait");
    again.advance(Duration::from_secs(31));
    assert_eq!(key.call(&again, "GET", ORDERS, &Value::Null).await.0, 200);
}

#[tokio::test]
async fn the_calls_of_a_day_in_seoul_are_counted_and_end() {
    let server = settled().await;
    let admin = server.admin().await;
    let anna = server.user("anna").await;
    let keys =
        [make_key(&anna, &json!({"name": "a", "scope": "read"})).await, make_key(&anna, &json!({"name": "b", "scope": "paper"})).await];
    let id = server.app.auth.find_user("anna").unwrap().unwrap().id;
    let path = format!("/api/v1/admin/users/{id}/rules");
    let mut rules = admin.get(&path).await.1;
    rules["api_calls_limit"] = json!(5);
    admin.prove().await;
    assert_eq!(admin.put(&path, &rules).await.0, 200);
    for n in 0..5 {
        assert_eq!(keys[n % 2].shown(&server, "GET", ORDERS).await.0, 200);
    }
    expect(429, "api_calls_used_up", &keys[0].shown(&server, "GET", ORDERS).await);
    expect(429, "api_calls_used_up", &keys[1].call(&server, "POST", ORDERS, &ticket()).await);
    let used = anna.get(KEYS).await.1;
    assert_eq!((&used["calls_today"], &used["calls_limit"]), (&json!(5), &json!(5)));
    assert_eq!(used["calls_until"], "2026-11-20T15:00:00Z");
    assert_eq!(anna.get(ORDERS).await.0, 200, "the person's own pages go on");
    let server = server.restart().await;
    let refused = server.client.get(server.url(ORDERS)).bearer_auth(&keys[0].text).send().await.unwrap();
    assert_eq!(refused.status(), 429);
    let wait: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    server.advance(Duration::from_secs(wait - 1));
    expect(429, "api_calls_used_up", &keys[0].shown(&server, "GET", ORDERS).await);
    server.advance(Duration::from_secs(1));
    assert_eq!(keys[0].shown(&server, "GET", ORDERS).await.0, 200);
}

#[tokio::test]
async fn keys_and_people_have_a_rate_each() {
    let server = TestServer::start_with(|c| c.calls_per_second = 2).await;
    let anna = server.user("anna").await;
    let key = make_key(&anna, &json!({"name": "a", "scope": "read"})).await;
    for _ in 0..20 {
        assert_eq!(key.shown(&server, "GET", ORDERS).await.0, 200);
    }
    let response = server.client.get(server.url(ORDERS)).bearer_auth(&key.text).send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.headers()["retry-after"].to_str().unwrap()), (429, "1"));
    let mut taken = 0;
    while anna.get(ORDERS).await.0 == 200 {
        taken += 1;
    }
    assert_eq!(taken, 18, "two calls made the key");
    expect(429, "too_many_requests", &anna.get(ORDERS).await);
    let ben = server.user("ben").await;
    assert_eq!(ben.get(ORDERS).await.0, 200);
    server.advance(Duration::from_millis(1_000));
    for _ in 0..2 {
        assert_eq!(anna.get(ORDERS).await.0, 200);
        assert_eq!(key.shown(&server, "GET", ORDERS).await.0, 200);
    }
    expect(429, "too_many_requests", &anna.get(ORDERS).await);

    // Many keys of one user ask as much as two.
    server.advance(Duration::from_secs(60));
    let ben = server.login("ben").await;
    let mut taken = 0;
    for n in 0..4 {
        let key = make_key(&ben, &json!({"name": format!("key {n}"), "scope": "read"})).await;
        while taken < 100 && key.shown(&server, "GET", ORDERS).await.0 == 200 {
            taken += 1;
        }
    }
    assert_eq!(taken, 40);
}

/// The examples of the help page, as they stand there.
#[tokio::test]
async fn the_examples_of_the_documentation_work() {
    // Programs go by the machine's clock, and the server has been up for a while.
    let a_while_ago = SystemClock.now() - jiff::SignedDuration::from_mins(2);
    let server = TestServer::start_by(Arc::new(SteppedClock::new(a_while_ago))).await;
    server.wall.advance_to(SystemClock.now());
    let anna = server.user("anna").await;
    let key = make_key(&anna, &json!({"name": "example", "scope": "paper"})).await;
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/ui/src/features/help/examples/");
    for (n, (program, file)) in [("sh", "orders.sh"), ("python3", "orders.py")].into_iter().enumerate() {
        let mut command = Command::new(program);
        command.arg(format!("{folder}{file}")).env("EGGMONEY_URL", &server.base).env("EGGMONEY_KEY", &key.text);
        command.env("PYTHONDONTWRITEBYTECODE", "1").env("no_proxy", "*");
        server.wall.advance_to(SystemClock.now());
        let said = tokio::task::spawn_blocking(move || command.output()).await.unwrap();
        let said = said.unwrap_or_else(|e| panic!("this test needs {program}, curl and openssl: {e}"));
        let (out, complaints) = (String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
        assert!(said.status.success() && out.contains("005930") && out.contains("pending"), "{file}: {out}\n{complaints}");
        assert_eq!(anna.get(ORDERS).await.1["items"].as_array().unwrap().len(), n + 1, "{file}: {out}\n{complaints}");
    }
}

#[tokio::test]
async fn a_viewers_key_reads_and_its_traces_are_the_viewers_alone() {
    let server = settled().await;
    server.create("eve", Role::Viewer).await;
    let eve = server.login("eve").await;
    let key = make_key(&eve, &json!({"name": "a", "scope": "read"})).await;
    assert_eq!(key.shown(&server, "GET", ORDERS).await.0, 200);
    expect(403, "forbidden", &key.call(&server, "POST", ORDERS, &ticket()).await);
    let rows: Vec<AuditRow> = server.app.auth.audit_of_installation(None, 100).unwrap();
    assert!(rows.iter().all(|r| !r.action.starts_with("api_key")));
}
