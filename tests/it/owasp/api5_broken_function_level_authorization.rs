//! API5:2023 Broken Function Level Authorization. Every route by every kind of caller is in `matrix.rs`;
//! here are the ways around a guard.

use eggmoney::domain::user::Role;
use serde_json::{Value, json};

use super::expect;
use crate::support::{PASSWORD, TestServer, answer};

const USERS: &str = "/api/v1/admin/users";

#[tokio::test]
async fn no_header_makes_another_method_path_or_person_of_a_request() {
    let server = TestServer::start().await;
    server.create("root-admin", Role::Admin).await;
    let (anna, nobody) = (server.user("anna").await, server.anybody());
    for (name, value) in [
        ("x-original-url", USERS),
        ("x-rewrite-url", USERS),
        ("x-forwarded-user", "root-admin"),
        ("x-forwarded-prefix", USERS),
        ("x-remote-user", "root-admin"),
        ("remote-user", "root-admin"),
        ("x-authenticated-user", "root-admin"),
        ("x-role", "admin"),
        ("x-user-id", "1"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-http-method-override", "DELETE"),
        ("x-method-override", "DELETE"),
        ("cookie", "role=admin; user=root-admin"),
    ] {
        expect(403, "forbidden", &answer(anna.request("GET", USERS).header(name, value)).await);
        expect(401, "unauthorized", &answer(nobody.request("GET", USERS).header(name, value)).await);
        let (status, profile) = answer(anna.request("GET", "/api/v1/users/profile").header(name, value)).await;
        assert_eq!((status, &profile["username"], &profile["role"]), (200, &json!("anna"), &json!("user")), "{name}");
    }
    // Nor does anything in the address or the body.
    for query in ["role=admin", "admin=true", "_method=DELETE", "user=root-admin"] {
        expect(403, "forbidden", &anna.get(&format!("{USERS}?{query}")).await);
    }
    let overridden = answer(anna.request("POST", "/api/v1/users/profile").header("x-http-method-override", "PATCH").json(&json!({}))).await;
    expect(405, "method_not_allowed", &overridden);
}

#[tokio::test]
async fn no_spelling_of_a_path_slips_past_its_guard() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let anna = server.user("anna").await;
    let secret = admin.get(USERS).await.1["items"][0]["id"].as_str().unwrap().to_owned();
    for path in [
        "//api/v1/admin/users",
        "/api//v1/admin/users",
        "/api/v1/admin/users/",
        "/api/v1/admin//users",
        "/api/v1/admin/users%20",
        "/api/v1/admin/users%00",
        "/api/v1/admin/users%2f",
        "/api/v1/admin%2fusers",
        "/api/v1/%61dmin/users",
        "/api/v1/admin/users;x=1",
        "/api/v1/admin/users.json",
        "/api/v1/Admin/Users",
        "/API/v1/admin/users",
        "/api/v1/users/..%2fadmin/users",
        "/api/v1/users/%2e%2e/admin/users",
        "/healthz/../api/v1/admin/users",
        "/healthz%2f..%2fapi/v1/admin/users",
    ] {
        for caller in [&anna, &server.anybody()] {
            let (status, found) = caller.get(path).await;
            assert!(!found.to_string().contains(&secret), "{path}: {status} {found}");
            // A page of the single-page app is all that may come instead.
            let page = matches!(&found, Value::String(text) if text.starts_with("<!doctype"));
            assert!((400..500).contains(&status) || page, "{path}: {status} {found}");
        }
    }
}

#[tokio::test]
async fn an_administrator_looks_after_people_and_trades_for_nobody() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let anna = server.user("anna").await;
    let person = server.app.auth.find_user("anna").unwrap().unwrap();
    let account = server.app.trading.own_account(person.id).await.unwrap().to_string();
    admin.prove().await;
    let order = json!({"account": account, "symbol": "005930", "side": "buy", "quantity": 1, "price": 70000});
    expect(404, "not_found", &admin.post("/api/v1/trading/orders", &order).await);
    expect(404, "not_found", &admin.post("/api/v1/trading/kill-switch", &json!({"on": true, "account": account})).await);
    let key = json!({"environment": "mock", "app_key": "PSanna", "app_secret": "secret", "account_no": "50010000-01"});
    expect(404, "not_found", &admin.put(&format!("/api/v1/trading/accounts/{account}/broker-key"), &key).await);
    let grant = json!({"username": "root-admin", "kind": "manage_bots", "until": "2026-12-01T00:00:00Z"});
    expect(404, "not_found", &admin.post(&format!("/api/v1/trading/accounts/{account}/grants"), &grant).await);
    // There is no door to somebody's session: no route takes a user and gives a token.
    for path in
        [format!("{USERS}/{}/token", person.id), format!("{USERS}/{}/impersonate", person.id), format!("{USERS}/{}/password", person.id)]
    {
        expect(404, "not_found", &admin.post(&path, &json!({"password": PASSWORD})).await);
    }
    assert_eq!(anna.get("/api/v1/trading/orders").await.1["items"], json!([]));
}
