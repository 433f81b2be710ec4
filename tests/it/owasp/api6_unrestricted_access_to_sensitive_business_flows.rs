//! API6:2023 Unrestricted Access to Sensitive Business Flows: going live, registering, recovering. What
//! orders are limited by is in `tickets.rs`, the whole climb in `going_live.rs`.

use serde_json::{Value, json};

use super::{expect, id};
use crate::support::{PASSWORD, TestServer};

#[tokio::test]
async fn live_trading_is_not_reached_without_the_ladder() {
    let server = TestServer::start().await;
    let (admin, anna) = (server.admin_made().await.proved().await, server.user("anna").await.proved().await);
    let (status, account) = anna.post("/api/v1/trading/accounts", &json!({"name": "live", "environment": "live"})).await;
    assert_eq!(status, 201, "{account}");
    let account = id(&account);
    let at = format!("/api/v1/trading/accounts/{account}");
    let order = json!({"account": account, "symbol": "005930", "side": "buy", "quantity": 1, "price": 70000});
    let refused = async |why: &str| {
        let (status, answer) = anna.post("/api/v1/trading/orders", &order).await;
        assert!((400..500).contains(&status), "{why}: {status} {answer}");
        for rung in ["paper", "one_share", "full"] {
            let (status, answer) = anna.post(&format!("{at}/going-live"), &json!({"rung": rung, "old_server_stopped": true})).await;
            assert!((400..500).contains(&status), "{why}, {rung}: {status} {answer}");
        }
        let (status, answer) = anna.post(&format!("{at}/start"), &json!({"old_server_stopped": true})).await;
        assert!((400..500).contains(&status), "{why}: {status} {answer}");
        assert_eq!(anna.get(&format!("{at}/going-live")).await.1["rung"], "observe", "{why}");
    };
    refused("the administrator has not allowed it").await;
    assert_eq!(admin.put("/api/v1/admin/live-trading", &json!({"allowed": true})).await.0, 200);
    refused("the user is not permitted to").await;
    let user = server.app.auth.find_user("anna").unwrap().unwrap().id;
    let rules = format!("/api/v1/admin/users/{user}/rules");
    let mut now = admin.get(&rules).await.1;
    now["can_real_trade"] = json!(true);
    expect(403, "forbidden", &anna.put(&rules, &now).await);
    assert_eq!(admin.put(&rules, &now).await.0, 200);
    refused("no rung was climbed").await;
    // Nor does an account change its kind on the way.
    let version = anna.get(&at).await.1["version"].clone();
    expect(422, "unknown_field", &anna.patch(&at, &json!({"version": version, "environment": "mock"})).await);
}

#[tokio::test]
async fn an_invitation_and_a_reset_count_once_when_two_use_them_at_the_same_moment() {
    let server = TestServer::start().await;
    let admin = server.admin().await.proved().await;
    let word = admin.post("/api/v1/admin/invitations", &json!({"role": "user"})).await.1["word"].clone();
    let nobody = server.anybody();
    let new = |name: &str| json!({"username": name, "password": PASSWORD, "invite": word});
    let (first, second) = (new("anna"), new("ben"));
    let path = "/api/v1/auth/register";
    let (a, b) = tokio::join!(nobody.post(path, &first), nobody.post(path, &second));
    let mut statuses = [a.0, b.0];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 422], "{a:?} {b:?}");
    assert_eq!(server.app.auth.users().unwrap().len(), 2);

    let user = server.app.auth.users().unwrap().into_iter().find(|u| u.username != "root-admin").unwrap();
    let word = admin.post(&format!("/api/v1/admin/users/{}/reset", user.id), &json!({})).await.1["word"].clone();
    let set = |password: &str| json!({"word": word, "password": password});
    let (first, second) = (set("a wholly other phrase"), set("one more phrase of words"));
    let path = "/api/v1/auth/reset";
    let (a, b) = tokio::join!(nobody.post(path, &first), nobody.post(path, &second));
    let mut statuses = [a.0, b.0];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 422], "{a:?} {b:?}");
}

#[tokio::test]
async fn words_and_codes_cannot_be_guessed_in_bulk() {
    let server = TestServer::start().await;
    server.admin().await;
    let nobody = server.anybody();
    let guesses: [(&str, Value); 3] = [
        ("/api/v1/auth/register", json!({"username": "eve", "password": PASSWORD, "invite": "AAAAA-AAAAA-AAAAA-AAAAA"})),
        ("/api/v1/auth/reset", json!({"word": "AAAAA-AAAAA-AAAAA-AAAAA", "password": PASSWORD})),
        ("/api/v1/auth/recovery/confirm", json!({"username": "root-admin", "code": "AAAAA-AAAAA-AAAAA-AAAAA", "password": PASSWORD})),
    ];
    for (path, guess) in guesses {
        server.advance(std::time::Duration::from_secs(86_400));
        let mut taken = 0;
        while nobody.post(path, &guess).await.0 != 429 {
            taken += 1;
            assert!(taken <= 10, "{path} lets somebody guess on");
        }
        let response = nobody.request("POST", path).json(&guess).send().await.unwrap();
        assert!(response.headers().contains_key("retry-after"), "{path}");
    }
}
