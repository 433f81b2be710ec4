//! API4:2023 Unrestricted Resource Consumption. Depth and size of bodies on every route are in
//! `bad_input.rs`, the quota of a key in `api_keys.rs`.

use eggmoney::http::openapi_document;
use serde_json::{Value, json};

use super::{expect, own_account, raw, status};
use crate::matrix::concrete;
use crate::support::{PASSWORD, TestServer, answer};

const LOGIN: &str = "/api/v1/auth/login";

#[tokio::test]
async fn every_list_has_a_longest_page() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let account = own_account(&server, "root-admin").await;
    let api = serde_json::to_value(openapi_document()).unwrap();
    let mut tried = 0;
    for (path, item) in api["paths"].as_object().unwrap() {
        let parameters = item["get"]["parameters"].as_array().cloned().unwrap_or_default();
        if !parameters.iter().any(|p| p["name"] == "limit") {
            continue;
        }
        tried += 1;
        let needed = parameters.iter().filter(|p| p["in"] == "query").filter_map(|p| match p["name"].as_str().unwrap() {
            "account_id" => Some(format!("account_id={account}&")),
            name if p["required"] == true => Some(format!("{name}=a&")),
            _ => None,
        });
        let needed: String = needed.collect();
        for limit in ["0", "501", "4294967296", "-1", "1e3", "all", ""] {
            let found = admin.get(&format!("{}?{needed}limit={limit}", concrete(path))).await;
            // A grant that does not exist comes first.
            if path.contains("{grant}") && found.0 == 404 {
                continue;
            }
            expect(422, "invalid", &found);
            assert_eq!(found.1["pointer"], "/limit", "{path}?limit={limit}");
        }
    }
    assert!(tried >= 7, "only {tried} lists have pages");
}

#[tokio::test]
async fn two_passwords_are_hashed_at_a_time_however_many_ask() {
    let server = TestServer::start().await;
    server.create("anna", eggmoney::domain::user::Role::User).await;
    let before = server.app.auth.hashing_work();
    let attempts = (0..24).map(|n| {
        let body = json!({"username": format!("anna{}", n % 2), "password": "wrong horse battery"});
        answer(server.anybody().request("POST", LOGIN).header("x-forwarded-for", format!("198.51.100.{n}")).json(&body))
    });
    for found in futures_util::future::join_all(attempts).await {
        expect(401, "wrong_credentials", &found);
    }
    let after = server.app.auth.hashing_work();
    assert_eq!(after.done - before.done, 24);
    assert!(after.most_at_once <= 2, "{after:?}: each takes 19 MiB");
    // A password that nobody may have is not hashed at all when somebody wants to set it.
    let nobody = server.anybody();
    let long = json!({"username": "eve", "password": "x".repeat(500_000), "setup_code": "AAAAA"});
    assert!((400..500).contains(&nobody.post("/api/v1/auth/register", &long).await.0));
    assert_eq!(server.app.auth.hashing_work().done, after.done);
}

#[tokio::test]
async fn a_body_of_unknown_length_ends_at_the_limit() {
    let server = TestServer::start().await;
    let mut sent = b"POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n".to_vec();
    sent.extend_from_slice(b"transfer-encoding: chunked\r\nconnection: close\r\n\r\n");
    for _ in 0..4_096 {
        sent.extend_from_slice(b"400\r\n");
        sent.extend_from_slice(&[b' '; 1_024]);
        sent.extend_from_slice(b"\r\n");
    }
    // It never ends by itself: the server must close, before or after the refusal has arrived.
    let answer = raw(&server, &sent).await;
    assert!([0, 413].contains(&status(&answer)), "{answer}");
    assert_eq!(server.anybody().get("/healthz").await.0, 200);
}

#[tokio::test]
async fn who_goes_silent_in_the_middle_of_a_body_is_not_waited_for() {
    let server = TestServer::start_with(|config| config.body_patience = std::time::Duration::from_millis(300)).await;
    let head = "POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
    for begun in ["content-length: 100\r\n\r\n{\"username\":", "transfer-encoding: chunked\r\n\r\n5\r\n{\"use\r\n"] {
        // Ends only because the server closes: nothing more is sent.
        let answer = raw(&server, format!("{head}{begun}").as_bytes()).await;
        assert!(status(&answer) == 400 && answer.contains("nothing more came"), "{answer}");
    }
    // A connection whose bodies were read goes on.
    let two = format!("{head}content-length: 2\r\n\r\n{{}}{head}connection: close\r\ncontent-length: 2\r\n\r\n{{}}");
    assert_eq!(raw(&server, two.as_bytes()).await.matches("HTTP/1.1 422").count(), 2);
}

#[tokio::test]
async fn floods_of_headers_and_endless_addresses_are_cut_off() {
    let server = TestServer::start().await;
    let many: String = (0..2_000).map(|n| format!("x-flood-{n}: 1\r\n")).collect();
    let long = "a".repeat(1 << 20);
    for (what, bytes) in [
        ("two thousand headers", format!("GET /api/v1/system HTTP/1.1\r\nhost: x\r\n{many}connection: close\r\n\r\n")),
        ("a header of a megabyte", format!("GET /api/v1/system HTTP/1.1\r\nhost: x\r\nx-long: {long}\r\nconnection: close\r\n\r\n")),
        ("an address of a megabyte", format!("GET /api/v1/system?{long} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")),
        ("a method of a megabyte", format!("{long} /api/v1/system HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")),
    ] {
        let answer = raw(&server, bytes.as_bytes()).await;
        let status = status(&answer);
        assert!(status == 0 || (400..500).contains(&status), "{what}: {}", answer.chars().take(200).collect::<String>());
    }
    assert_eq!(server.anybody().get("/api/v1/system").await.0, 200);
}

#[tokio::test]
async fn one_address_gets_so_many_calls_and_is_told_when_to_come_back() {
    let server = TestServer::start_with(|config| config.calls_per_second = 1).await;
    let nobody = server.anybody();
    let mut taken = 0;
    let refused = loop {
        let response = nobody.request("GET", "/api/v1/system").send().await.unwrap();
        if response.status() != 200 {
            break response;
        }
        taken += 1;
        assert!(taken < 1_000, "nothing ends it");
    };
    assert_eq!((refused.status().as_u16(), refused.headers()["retry-after"].to_str().unwrap(), taken), (429, "1", 50));
    let body: Value = refused.json().await.unwrap();
    assert_eq!(body["code"], "too_many_requests");
    // Before anything is looked at: not even the password is hashed.
    let before = server.app.auth.hashing_work();
    expect(429, "too_many_requests", &nobody.post(LOGIN, &json!({"username": "anna", "password": PASSWORD})).await);
    assert_eq!(server.app.auth.hashing_work(), before);
    // The network of one subscriber is one caller, and another one is another.
    let from = |address: &'static str| answer(nobody.request("GET", "/api/v1/system").header("x-forwarded-for", address));
    for _ in 0..50 {
        assert_eq!(from("2001:db8:1:2::1").await.0, 200);
    }
    expect(429, "too_many_requests", &from("2001:db8:1:2:ffff::9").await);
    assert_eq!(from("2001:db8:1:3::1").await.0, 200);
}
