//! What holds for every route: access, error form, headers, documentation and the pages.

use std::time::Duration;

use eggmoney::domain::clock::Clock;
use eggmoney::ops::control::{Request, execute};
use eggmoney::schedule::Ticker;
use serde_json::{Value, json};

use super::support::{TestServer, answer};

fn assert_problem(status: u16, code: &str, (found, body): &(u16, Value)) {
    assert_eq!(*found, status, "{body}");
    assert_eq!(body["code"], code, "{body}");
    assert_eq!(body["status"], status, "{body}");
    for member in ["type", "title", "detail", "trace_id"] {
        assert!(body[member].as_str().is_some_and(|t| !t.is_empty()), "{member} is missing: {body}");
    }
}

#[tokio::test]
async fn errors_are_problem_details_with_a_trace_id_that_the_header_repeats() {
    let server = TestServer::start().await;
    let nobody = server.anybody();
    let response = nobody.request("GET", "/api/v1/nothing/here").send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let trace = response.headers()["x-trace-id"].to_str().unwrap().to_owned();
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["trace_id"], trace.as_str());
    assert_problem(404, "not_found", &(404, body));

    assert_problem(405, "method_not_allowed", &nobody.delete("/api/v1/auth/login").await);
    assert_problem(405, "method_not_allowed", &nobody.put("/api/v1/users/profile", &json!({})).await);
    for path in ["/api", "/api/v2/x", "/ws/nothing", "/metrics/x", "/healthz/x"] {
        assert_problem(404, "not_found", &nobody.get(path).await);
    }
}

#[tokio::test]
async fn bodies_are_checked_before_anything_happens() {
    let server = TestServer::start().await;
    let nobody = server.anybody();
    let login = "/api/v1/auth/login";
    assert_problem(422, "missing_field", &nobody.post(login, &json!({"username": "a"})).await);
    let unknown = nobody.post(login, &json!({"username": "a", "password": "b", "role": "admin"})).await;
    assert_problem(422, "unknown_field", &unknown);
    assert_eq!(unknown.1["pointer"], "/role");
    assert_eq!(unknown.1["errors"][0]["pointer"], "/role");
    let wrong = nobody.post(login, &json!({"username": 7, "password": "b"})).await;
    assert_problem(422, "invalid", &wrong);
    assert_eq!(wrong.1["pointer"], "/username");

    let raw = |kind: &'static str, body: Vec<u8>| answer(nobody.request("POST", login).header("content-type", kind).body(body));
    assert_problem(400, "malformed", &raw("application/json", b"{".to_vec()).await);
    assert_problem(400, "malformed", &raw("application/json", Vec::new()).await);
    assert_problem(415, "unsupported_media_type", &raw("text/plain", b"{}".to_vec()).await);
    assert_problem(413, "too_large", &raw("application/json", vec![b' '; (1 << 20) + 1]).await);
}

#[tokio::test]
async fn pages_fall_back_for_addresses_of_the_single_page_app_only() {
    let server = TestServer::start().await;
    for path in ["/", "/login", "/bots/01900000-0000-7000-8000-000000000001/edit"] {
        let response = server.anybody().request("GET", path).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(response.headers()["cache-control"], "no-cache");
        assert!(response.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    }
    for path in ["/assets/missing-1234.js", "/favicon.ico.bak", "/../Cargo.toml", "/assets/%2e%2e/%2e%2e/Cargo.toml"] {
        assert_eq!(server.anybody().get(path).await.0, 404, "{path}");
    }
    assert_eq!(server.anybody().post("/login", &json!({})).await.0, 405);
}

#[tokio::test]
async fn health_and_system_are_open_to_anybody() {
    let server = TestServer::start().await;
    assert_eq!(server.anybody().get("/healthz").await.0, 200);
    assert_eq!(server.anybody().get("/readyz").await.0, 200);
    let (status, system) = server.anybody().get("/api/v1/system").await;
    assert_eq!(status, 200);
    assert_eq!(system["setup_required"], true);
    assert_eq!(system["registration"], "closed");
    assert_eq!(system["market_time"], "2026-11-20T01:00:00Z");
    assert_eq!(system["simulation"], false);
    assert_eq!(system["speed"], Value::Null);

    let admin = server.admin().await;
    let (status, report) = admin.get("/api/v1/admin/system").await;
    assert_eq!(status, 200);
    assert_eq!((&report["users"], &report["accounts"]), (&json!(1), &json!(0)));
    assert!(report["store_bytes"].as_u64().is_some_and(|n| n > 0));
    assert!(report["memory_bytes"].as_u64().is_some_and(|n| n > 1 << 20));
    assert!(report["disk_free_bytes"].as_u64().is_some_and(|n| n > 0));
}

#[tokio::test]
async fn a_server_whose_scheduler_stands_still_is_not_ready_and_says_so() {
    let server = TestServer::start().await;
    let ready = async || {
        let response = server.client.get(server.url("/readyz")).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    assert_eq!(ready().await, (200, "ready".to_owned()));
    server.wall.advance(Duration::from_secs(181));
    let (status, text) = ready().await;
    let problem: Value = serde_json::from_str(&text).unwrap();
    assert_problem(503, "not_ready", &(status, problem.clone()));
    let text = problem["detail"].as_str().unwrap();
    assert!(text.contains("the scheduler has not run for 181 seconds"), "{text}");
    let health = execute(&server.app, Request::Health).await.unwrap();
    assert_eq!(health["problem"], text);
    // It still answers people, who can look what is wrong.
    assert_eq!(server.anybody().get("/healthz").await.0, 200);

    let ticker = Ticker::start(server.app.trading.clone(), server.app.pulse.clone(), Some(Duration::from_millis(20))).await.unwrap();
    while ready().await.0 != 200 {
        tokio::task::yield_now().await;
    }
    ticker.stop().await;
    let health = execute(&server.app, Request::Health).await.unwrap();
    assert_eq!((&health["problem"], &health["last_tick"]), (&Value::Null, &json!(server.wall.now())));
}

#[tokio::test]
async fn housekeeping_that_cannot_be_planned_is_an_error_and_not_a_log_line() {
    let server = TestServer::start().await;
    let ticker = Ticker::start(server.app.trading.clone(), server.app.pulse.clone(), None).await.unwrap();
    let error = ticker.every("no cron expression", || async {}).await.unwrap_err();
    assert!(error.to_string().contains("the scheduler does not run"), "{error}");
    ticker.stop().await;
}
