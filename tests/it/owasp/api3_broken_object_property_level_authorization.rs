//! API3:2023 Broken Object Property Level Authorization: fields that are not the caller's to set, and
//! fields that are nobody's to see. Planted secrets are searched for in `canaries.rs`.

use std::collections::BTreeSet;

use eggmoney::http::openapi_document;
use serde_json::{Value, json};

use super::{expect, own_account};
use crate::support::{PASSWORD, TestServer, answer};

#[tokio::test]
async fn nobody_makes_themselves_more_than_they_are() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    assert_eq!(admin.patch("/api/v1/admin/settings", &json!({"registration": "open"})).await.0, 200);
    let anna = server.user("anna").await;
    let before = anna.get("/api/v1/users/profile").await.1;
    let own = format!("/api/v1/trading/accounts/{}", own_account(&server, "anna").await);
    let account = anna.get(&own).await.1;
    let register = json!({"username": "eve", "password": PASSWORD});
    let new_account = json!({"name": "second", "environment": "mock"});
    let change = json!({"version": account["version"]});
    let order = json!({"symbol": "005930", "side": "buy", "quantity": 1, "price": 70000});
    let marks =
        ["role", "is_admin", "active", "is_active", "verified", "is_verified", "premium", "permissions", "password_hash", "id", "user_id"];
    let books = ["mode", "rung", "going_live", "user_id", "owner", "cash", "id", "limits", "broker_key", "halted"];
    let facts = ["status", "filled_quantity", "account_id", "broker_order_no", "environment", "user_id", "origin", "id"];
    for (caller, method, path, body, fields) in [
        (&anna, "PATCH", "/api/v1/users/profile", json!({}), &marks[..]),
        (&server.anybody(), "POST", "/api/v1/auth/register", register, &marks[..]),
        (&anna, "POST", "/api/v1/trading/accounts", new_account, &books[..]),
        (&anna, "PATCH", own.as_str(), change, &books[..]),
        (&anna, "POST", "/api/v1/trading/orders", order, &facts[..]),
    ] {
        for field in fields {
            let mut more = body.clone();
            more[*field] = json!("admin");
            let refused = answer(caller.request(method, path).json(&more)).await;
            expect(422, "unknown_field", &refused);
            assert_eq!(refused.1["pointer"], format!("/{field}"), "{method} {path}");
        }
    }
    assert_eq!(anna.get("/api/v1/users/profile").await.1, before);
    assert_eq!(anna.get(&own).await.1["version"], account["version"]);
    assert_eq!(anna.get("/api/v1/trading/orders").await.1["items"], json!([]));
    assert_eq!(server.app.auth.users().unwrap().len(), 2);
    // The same field twice: which of the two would count?
    let twice = r#"{"username": "eve", "username": "root-admin", "password": "correct horse battery"}"#;
    let request = server.anybody().request("POST", "/api/v1/auth/register").header("content-type", "application/json").body(twice);
    expect(422, "invalid", &answer(request).await);
}

fn properties(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::Object(named)) = fields.get("properties") {
                found.extend(named.keys().cloned());
            }
            fields.values().for_each(|v| properties(v, found));
        }
        Value::Array(items) => items.iter().for_each(|v| properties(v, found)),
        _ => {}
    }
}

fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("$ref").and_then(Value::as_str).and_then(|r| r.rsplit('/').next()).map(str::to_owned));
            fields.values().for_each(|v| references(v, found));
        }
        Value::Array(items) => items.iter().for_each(|v| references(v, found)),
        _ => {}
    }
}

/// Each property of an answer whose name sounds like a secret is here with its reason.
#[test]
fn what_sounds_like_a_secret_in_an_answer_is_accounted_for() {
    let stated: BTreeSet<(&str, &str)> = [
        // Shown once, to whom they were made for.
        ("NewKey", "key"),
        ("MadeInvitation", "word"),
        ("Reset", "word"),
        ("Enrolment", "seed"),
        ("TokenAnswer", "access_token"),
        ("TokenAnswer", "refresh_token"),
        ("TokenAnswer", "token_type"),
        // Names, masks, and whether there is one.
        ("ApiKeyItem", "key"),
        ("AccountView", "broker_key"),
        ("MaskedKey", "masked_app_key"),
        ("MaskedKey", "has_hts_id"),
        ("MaskedChat", "chat_id"),
        ("SignInProvider", "has_secret"),
        ("Secrets", "app_key_masked"),
        ("Secrets", "app_secret"),
        ("Secrets", "telegram_chat"),
        ("Report", "secrets"),
        ("Files", "key_store"),
        ("LeftOut", "broker_token"),
        ("ProviderTestResult", "keys"),
        ("ProviderTestResult", "token_endpoint"),
        // Shown once, after a proof.
        ("MadeMetricsToken", "token"),
        ("RecoveryKeyView", "words"),
        // Whether and when it was seen, not what it is.
        ("Backups", "recovery_key"),
        // A link of the chain.
        ("AuditItem", "hash"),
    ]
    .into();
    let api = serde_json::to_value(openapi_document()).unwrap();
    let schemas = &api["components"]["schemas"];
    let mut open = Vec::new();
    for operation in api["paths"].as_object().unwrap().values().flat_map(|item| item.as_object().unwrap().values()) {
        references(&operation["responses"], &mut open);
    }
    let mut answers = BTreeSet::new();
    while let Some(name) = open.pop() {
        if answers.insert(name.clone()) {
            references(&schemas[&name], &mut open);
        }
    }
    let sounds = |name: &str| {
        ["password", "secret", "hash", "token", "word", "cano", "account_no", "hts", "chat", "nonce", "key"].iter().any(|w| name.contains(w))
            // Money is called that, too.
            || name == "seed"
    };
    let money = ["BotSettingsView", "LadderView"];
    let mut found = BTreeSet::new();
    for schema in answers.iter().filter(|name| !name.starts_with("List_")) {
        let mut names = BTreeSet::new();
        properties(&schemas[schema], &mut names);
        let secrets = names.into_iter().filter(|n| sounds(n) && !(n == "seed" && money.contains(&schema.as_str())));
        found.extend(secrets.map(|n| (schema.clone(), n)));
    }
    let found: BTreeSet<(&str, &str)> = found.iter().map(|(s, n)| (s.as_str(), n.as_str())).collect();
    assert_eq!(found, stated);
}
