//! API7:2023 Server Side Request Forgery: addresses that people or other programs name. Broker hosts and
//! the Telegram service come from the server's configuration alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::{expect, own_account};
use crate::oidc::World;
use crate::support::TestServer;
use crate::support::chat::BotApi;
use crate::support::provider::{Change, Mood};

const PROVIDERS: &str = "/api/v1/admin/sign-in-providers";

#[tokio::test]
async fn a_provider_leads_the_server_nowhere_else() {
    let w = World::new().await;
    let admin = w.admin().await;
    for (issuer, lan) in [
        ("http://id.example", false),
        ("http://id.example", true),
        ("http://127.0.0.1:9", false),
        ("https://127.0.0.1:9", false),
        ("https://192.168.0.1", false),
        ("https://169.254.169.254", true),
        ("https://[fe80::1]", true),
        ("https://id.example/?a=b", false),
        ("https://user@id.example", false),
        ("file:///etc/passwd", true),
        ("", false),
    ] {
        let body = json!({"name": "Other", "issuer": issuer, "client_id": "x", "lan": lan});
        for (path, body) in [(PROVIDERS.to_owned(), body), (format!("{PROVIDERS}/test"), json!({"issuer": issuer, "lan": lan}))] {
            let answer = admin.post(&path, &body).await;
            expect(422, "invalid", &answer);
            assert_eq!(answer.1["pointer"], "/issuer", "{}", answer.1);
        }
    }
    for address in ["http://nas.example", "https://nas.example/?a", "nas.example", "javascript:alert(1)"] {
        let answer = admin.put("/api/v1/admin/public-address", &json!({"public_url": address})).await;
        expect(422, "invalid", &answer);
        assert_eq!(answer.1["pointer"], "/public_url");
    }

    let test = async |lan: bool| admin.post(&format!("{PROVIDERS}/test"), &json!({"issuer": w.provider.issuer(), "lan": lan})).await.1;
    let fine = test(true).await;
    assert_eq!((&fine["ok"], &fine["keys"], &fine["pkce"]), (&json!(true), &json!(1), &json!(true)), "{fine}");
    let changes: &[(Change, &str)] = &[
        (|m| m["issuer"] = json!("https://accounts.google.com"), "accounts.google.com"),
        (|m| m["token_endpoint"] = json!("http://169.254.169.254/token"), "token_endpoint"),
        (|m| m["jwks_uri"] = json!("http://router.local/keys"), "jwks_uri"),
        (|m| m["authorization_endpoint"] = json!("javascript:alert(1)"), "authorization_endpoint"),
        (|m| drop(m.as_object_mut().unwrap().remove("jwks_uri")), "jwks_uri"),
    ];
    for (change, named) in changes {
        w.provider.set().metadata = *change;
        let told = test(true).await;
        assert!(told["ok"] == false && told["problem"].as_str().unwrap().contains(named), "{named}: {told}");
    }
    w.provider.set().metadata = |_| {};
    for mood in [Mood::Fails, Mood::Html, Mood::Silent, Mood::Redirects, Mood::TooMuch] {
        w.provider.set().discovery = mood;
        let told = test(true).await;
        assert!(told["ok"] == false && told["problem"].as_str().unwrap().len() > 10, "{told}");
    }
    let stranger = w.server.login("anna").await;
    expect(403, "forbidden", &stranger.post(&format!("{PROVIDERS}/test"), &json!({"issuer": "https://id.example"})).await);
}

#[tokio::test]
async fn no_spelling_of_this_machine_is_knocked_at() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let knocks = Arc::new(AtomicUsize::new(0));
    let heard = knocks.clone();
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            heard.fetch_add(1, Ordering::SeqCst);
        }
    });
    let server = TestServer::start().await;
    let admin = server.admin().await.proved().await;
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0",
        "0.0.0.0",
        "localhost",
        "LOCALHOST.",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "①②⑦.0.0.1",
        "127.0.0.1%2f@id.example",
        "id.example@127.0.0.1",
    ] {
        let body = json!({"issuer": format!("https://{host}:{port}")});
        let (status, told) = admin.post(&format!("{PROVIDERS}/test"), &body).await;
        assert!(status == 422 || (status == 200 && told["ok"] == false), "{host}: {status} {told}");
    }
    assert_eq!(knocks.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn nobody_tells_the_server_where_its_broker_or_its_messenger_is() {
    let chat = BotApi::start().await;
    let url = chat.url.clone();
    let server = TestServer::start_with(|config| config.telegram_url = url).await;
    let anna = server.user("anna").await.proved().await;
    let account = own_account(&server, "anna").await;
    let at = format!("/api/v1/trading/accounts/{account}");
    let key = json!({"environment": "mock", "app_key": "PSanna", "app_secret": "secret", "account_no": "50010000-01"});
    for field in ["host", "url", "base_url", "api_url", "endpoint", "proxy", "callback"] {
        let mut more = key.clone();
        more[field] = json!("http://169.254.169.254/");
        expect(422, "unknown_field", &anna.post("/api/v1/trading/broker-keys/test", &more).await);
        expect(422, "unknown_field", &anna.put(&format!("{at}/broker-key"), &more).await);
        more["name"] = json!("KIS");
        expect(422, "unknown_field", &anna.post("/api/v1/trading/accounts", &more).await);
        let mut chat = json!({"bot_token": "123456789:AAH-secret_Token", "chat_id": "-100200"});
        chat[field] = json!("http://169.254.169.254/");
        expect(422, "unknown_field", &anna.put(&format!("{at}/telegram"), &chat).await);
    }
    for environment in ["http://169.254.169.254", "own", "Mock", "mock/../../x"] {
        let mut other = key.clone();
        other["environment"] = json!(environment);
        expect(422, "invalid", &anna.post("/api/v1/trading/broker-keys/test", &other).await);
    }
    // The token is part of an address: it cannot lead out of it.
    for token in ["1:../../x", "1:x@evil.example", "1:x/../y", "1:x?y", "1:x#y", "1:x y", "@evil.example:1", "1:%2e%2e%2f"] {
        let refused = anna.put(&format!("{at}/telegram"), &json!({"bot_token": token, "chat_id": "-100200"})).await;
        expect(422, "invalid", &refused);
        assert_eq!(refused.1["pointer"], "/bot_token", "{token}");
    }
    assert_eq!(chat.asked(), 0);
}
