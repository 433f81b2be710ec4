//! API10:2023 Unsafe Consumption of APIs: a broker, or somebody in its place, that answers with anything at
//! all. Every field of every answer spoilt one by one is in `src/brokers/kis/tests/hostile.rs`, sign-in
//! providers that misbehave are in `oidc.rs`.

use std::io::Write;
use std::sync::{Arc, Mutex};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::id;
use crate::support::TestServer;

const APP_KEY: &str = "PScanaryKeyOfTheTest0000000000000001";
const APP_SECRET: &str = "canary/secret+of+the+test==";

/// Answers every request with the same bytes and remembers the first lines of the requests.
struct Broker {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Broker {
    async fn start(answer: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let log = asked.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (log, answer) = (log.clone(), answer.clone());
                tokio::spawn(async move {
                    let mut bytes = vec![0; 64 * 1024];
                    let read = stream.read(&mut bytes).await.unwrap_or(0);
                    let head = String::from_utf8_lossy(&bytes[..read]).into_owned();
                    log.lock().unwrap().push(head.lines().next().unwrap_or_default().to_owned());
                    let _ = stream.write_all(&answer).await;
                    let _ = stream.shutdown().await;
                });
            }
        });
        Self { url, asked }
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

fn said(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n", body.len()).as_bytes(), body].concat()
}

fn as_json(body: &str) -> Vec<u8> {
    said("200 OK", "content-type: application/json\r\n", body.as_bytes())
}

/// A megabyte of blanks for every kilobyte, and many of them.
fn packed() -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..64 {
        gzip.write_all(&vec![b' '; 1 << 20]).unwrap();
    }
    said("200 OK", "content-type: application/json\r\ncontent-encoding: gzip\r\n", &gzip.finish().unwrap())
}

#[tokio::test]
async fn whatever_a_broker_says_the_person_is_told_that_it_did_not_work() {
    let elsewhere = Broker::start(as_json("{}")).await;
    let token = |text: &str| {
        format!(r#"{{"access_token":{text},"token_type":"Bearer","expires_in":86400,"access_token_token_expired":"2026-11-22 10:00:00"}}"#)
    };
    let to = |status: &str| said(status, &format!("location: {}/oauth2/tokenP\r\n", elsewhere.url), b"");
    let answers = [
        ("nothing", Vec::new()),
        ("no HTTP", b"220 smtp.example ESMTP\r\n".to_vec()),
        ("an empty body", as_json("")),
        ("half an object", as_json("{\"access_token\": \"abc")),
        ("a page", said("200 OK", "content-type: text/html\r\n", b"<html>Maintenance</html>")),
        ("another type", as_json("[1, 2, 3]")),
        ("null", as_json("null")),
        ("a number for a token", as_json(&token("12345"))),
        ("an empty token", as_json(&token("\"\""))),
        ("a token with a header in it", as_json(&token("\"abc\\r\\nx-evil: 1\""))),
        ("a token with a zero byte", as_json(&token("\"abc\\u0000def\""))),
        ("a token of a megabyte", as_json(&token(&format!("\"{}\"", "a".repeat(1 << 20))))),
        ("a token that has ended", as_json(&token("\"abc\"").replace("2026-11-22", "1999-01-01"))),
        ("a token without an end", as_json(r#"{"access_token":"abc"}"#)),
        ("an end that is no date", as_json(&token("\"abc\"").replace("2026-11-22 10:00:00", "soon"))),
        ("deep lists", as_json(&"[".repeat(100_000))),
        ("no UTF-8", said("200 OK", "content-type: application/json\r\n", b"{\"access_token\":\"\xff\xfe\"}")),
        ("too much", said("200 OK", "content-type: application/json\r\n", &vec![b' '; 9 << 20])),
        ("too much once unpacked", packed()),
        ("a redirect", to("302 Found")),
        ("a redirect that keeps the body", to("307 Temporary Redirect")),
        ("a redirect for good", to("308 Permanent Redirect")),
        ("an error that quotes the question", said("400 Bad Request", "", format!("{{\"msg1\":\"{APP_SECRET} {APP_KEY}\"}}").as_bytes())),
        ("trouble", said("500 Internal Server Error", "", b"oops")),
    ];
    for (what, bytes) in answers {
        let broker = Broker::start(bytes).await;
        let url = broker.url.clone();
        let server = TestServer::start_with(move |config| {
            config.brokers.kis.mock = url;
            config.brokers.kis.live = "http://127.0.0.1:9".to_owned();
        })
        .await;
        let anna = server.user("anna").await.proved().await;
        let key = json!({"environment": "mock", "app_key": APP_KEY, "app_secret": APP_SECRET, "account_no": "50010000-01"});
        let (status, tried) = anna.post("/api/v1/trading/broker-keys/test", &key).await;
        assert_eq!((status, &tried["ok"]), (200, &json!(false)), "{what}: {tried}");
        assert!(broker.asked() > 0, "{what}: nobody asked");
        for secret in [APP_KEY, APP_SECRET, "50010000"] {
            assert!(!tried.to_string().contains(secret), "{what}: {tried}");
        }
        assert!(tried.to_string().len() < 4_000, "{what}: the answer is passed on whole");
        // The key can be kept or not; either way nothing breaks inside.
        let mut new = key.clone();
        new["name"] = json!("KIS");
        let (status, made) = anna.post("/api/v1/trading/accounts", &new).await;
        assert!(status < 500, "{what}: {status} {made}");
        if status == 201 {
            let balance = anna.post(&format!("/api/v1/trading/accounts/{}/balance", id(&made)), &serde_json::Value::Null).await;
            assert!(balance.0 == 200 || balance.1["code"].is_string(), "{what}: {balance:?}");
            assert!(!balance.1.to_string().contains(APP_SECRET), "{what}: {balance:?}");
        }
        assert!(server.app.store.verify().unwrap().agrees(), "{what}");
    }
    assert_eq!(elsewhere.asked(), 0, "a key went where a redirect led");
}
