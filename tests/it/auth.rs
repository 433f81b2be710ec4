//! Registering, signing in, sessions and passwords, over a real server.

use std::time::Duration;

use serde_json::{Value, json};

use super::support::{Answer, Caller, PASSWORD, TestServer, answer};

const REGISTER: &str = "/api/v1/auth/register";
const LOGIN: &str = "/api/v1/auth/login";
const REFRESH: &str = "/api/v1/auth/refresh";
const LOGOUT: &str = "/api/v1/auth/logout";
const PROFILE: &str = "/api/v1/users/profile";

fn expect(status: u16, code: &str, (found, body): &Answer) {
    assert_eq!((*found, body["code"].as_str()), (status, Some(code)), "{body}");
}

#[tokio::test]
async fn the_first_administrator_needs_the_setup_code_which_then_is_gone() {
    let server = TestServer::start().await;
    let nobody = server.anybody();
    let new = |code: Value| json!({"username": "Anna", "password": PASSWORD, "email": "anna@example.com", "setup_code": code});
    expect(403, "setup_code_required", &nobody.post(REGISTER, &new(Value::Null)).await);
    expect(403, "setup_code_wrong", &nobody.post(REGISTER, &new(json!("AAAAA-AAAAA-AAAAA-AAAAA"))).await);
    let code = server.setup_code();
    let weak = json!({"username": "Anna", "password": "short", "setup_code": code});
    let refused = nobody.post(REGISTER, &weak).await;
    expect(422, "weak_password", &refused);
    assert_eq!(refused.1["pointer"], "/password");

    let (status, user) = nobody.post(REGISTER, &new(json!(code))).await;
    assert_eq!(status, 201, "{user}");
    assert_eq!((&user["username"], &user["role"]), (&json!("Anna"), &json!("admin")));
    assert!(!server.folder().join("setup-code").exists());
    expect(403, "registration_closed", &nobody.post(REGISTER, &new(json!(code))).await);
    assert_eq!(nobody.get("/api/v1/system").await.1["setup_required"], false);
}

#[tokio::test]
async fn two_people_with_the_code_give_one_administrator() {
    let server = TestServer::start().await;
    let nobody = server.anybody();
    let code = server.setup_code();
    let new = |name: &str| json!({"username": name, "password": PASSWORD, "setup_code": code});
    let (first, second) = (new("anna"), new("ben"));
    let (a, b) = tokio::join!(nobody.post(REGISTER, &first), nobody.post(REGISTER, &second));
    let mut statuses = [a.0, b.0];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 403], "{a:?} {b:?}");
    assert_eq!(server.app.auth.users().unwrap().len(), 1);
}

#[tokio::test]
async fn registration_is_as_the_administrator_sets() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let nobody = server.anybody();
    let ben = json!({"username": "ben", "password": PASSWORD});
    expect(403, "registration_closed", &nobody.post(REGISTER, &ben).await);
    expect(422, "invalid", &admin.patch("/api/v1/admin/settings", &json!({"registration": "maybe"})).await);
    assert_eq!(admin.patch("/api/v1/admin/settings", &json!({"registration": "open"})).await.0, 200);
    assert_eq!(admin.get("/api/v1/admin/settings").await.1["registration"], "open");
    let (status, user) = nobody.post(REGISTER, &ben).await;
    assert_eq!((status, &user["role"]), (201, &json!("user")));
    expect(409, "username_taken", &nobody.post(REGISTER, &json!({"username": "BEN", "password": PASSWORD})).await);
    expect(422, "invite_unknown", &nobody.post(REGISTER, &json!({"username": "cho", "password": PASSWORD, "invite": "x"})).await);
    for (name, code) in [("a", "invalid_username"), ("has space", "invalid_username"), ("a/b", "invalid_username")] {
        expect(422, code, &nobody.post(REGISTER, &json!({"username": name, "password": PASSWORD})).await);
    }
    expect(422, "invalid_email", &nobody.post(REGISTER, &json!({"username": "cho", "password": PASSWORD, "email": "cho"})).await);
    let (_, users) = admin.get("/api/v1/admin/users").await;
    let names: Vec<&str> = users["items"].as_array().unwrap().iter().filter_map(|u| u["username"].as_str()).collect();
    assert_eq!(names, ["root-admin", "ben"]);
    assert!(!users.to_string().contains("argon2"), "a password hash leaves the server");
}

#[tokio::test]
async fn unknown_user_and_wrong_password_look_the_same() {
    let server = TestServer::start().await;
    server.user("anna").await;
    let nobody = server.anybody();
    let mut unknown = nobody.post(LOGIN, &json!({"username": "zoe", "password": PASSWORD})).await;
    let mut wrong = nobody.post(LOGIN, &json!({"username": "anna", "password": "wrong horse battery"})).await;
    expect(401, "wrong_credentials", &wrong);
    for body in [&mut unknown.1, &mut wrong.1] {
        body.as_object_mut().unwrap().remove("trace_id");
    }
    assert_eq!(unknown, wrong);
}

#[tokio::test]
async fn signing_in_gives_the_promised_tokens() {
    let server = TestServer::start().await;
    server.user("anna").await;
    let (status, tokens) = server.anybody().post(LOGIN, &json!({"username": " ANNA ", "password": PASSWORD})).await;
    assert_eq!(status, 200);
    assert_eq!(tokens["token_type"], "bearer");
    assert_eq!(tokens["expires_in"], 600);
    assert_eq!(tokens["user"]["username"], "anna");
    assert!(tokens["refresh_token"].is_string());
    let mut anna = server.anybody();
    anna.token = tokens["access_token"].as_str().map(str::to_owned);
    let (status, profile) = anna.get(PROFILE).await;
    assert_eq!(status, 200);
    assert_eq!((&profile["username"], &profile["language"]), (&json!("anna"), &json!("ko")));

    server.advance(Duration::from_secs(599));
    assert_eq!(anna.get(PROFILE).await.0, 200);
    server.advance(Duration::from_secs(1));
    expect(401, "unauthorized", &anna.get(PROFILE).await);
}

#[tokio::test]
async fn market_time_has_no_say_in_sessions() {
    let server = TestServer::start().await;
    let anna = server.user("anna").await;
    server.market.advance(Duration::from_secs(90 * 86_400));
    assert_eq!(anna.get(PROFILE).await.0, 200);
}

#[tokio::test]
async fn a_refresh_token_works_once_and_its_reuse_ends_the_session() {
    let server = TestServer::start().await;
    let anna = server.user("anna").await;
    let elsewhere = server.login("anna").await;
    let nobody = server.anybody();
    let (status, second) = nobody.post(REFRESH, &json!({"refresh_token": anna.refresh_token})).await;
    assert_eq!(status, 200, "{second}");
    assert_ne!(second["refresh_token"], json!(anna.refresh_token));
    expect(401, "refresh_reused", &nobody.post(REFRESH, &json!({"refresh_token": anna.refresh_token})).await);
    expect(401, "session_ended", &nobody.post(REFRESH, &json!({"refresh_token": second["refresh_token"]})).await);
    expect(401, "session_ended", &anna.get(PROFILE).await);
    assert_eq!(elsewhere.get(PROFILE).await.0, 200, "the other device goes on");
    let alerts = elsewhere.get("/api/v1/alerts").await.1;
    let told: Vec<&Value> = alerts["items"].as_array().unwrap().iter().collect();
    assert_eq!(told.len(), 1, "its owner hears of it once: {alerts}");
    assert_eq!((&told[0]["code"], &told[0]["level"], &told[0]["account_id"]), (&json!("SESSION_REVOKED"), &json!("warning"), &Value::Null));
    assert!(told[0]["text"]["ko"].as_str().unwrap().contains("127.0.0.1") && told[0]["text"]["en"].as_str().unwrap().contains("127.0.0.1"));
    expect(401, "session_ended", &nobody.post(REFRESH, &json!({"refresh_token": "nonsense"})).await);
    expect(401, "session_ended", &nobody.post(REFRESH, &json!({})).await);
    expect(422, "unknown_field", &nobody.post(REFRESH, &json!({"token": "x"})).await);
    expect(400, "malformed", &answer(nobody.request("POST", REFRESH).body("{")).await);
}

#[tokio::test]
async fn a_session_lives_thirty_days() {
    let server = TestServer::start().await;
    let anna = server.user("anna").await;
    let mut token = json!(anna.refresh_token);
    for _ in 0..29 {
        server.advance(Duration::from_secs(86_400));
        let (status, next) = server.anybody().post(REFRESH, &json!({"refresh_token": token})).await;
        assert_eq!(status, 200, "{next}");
        token = next["refresh_token"].clone();
    }
    server.advance(Duration::from_secs(86_400));
    expect(401, "session_ended", &server.anybody().post(REFRESH, &json!({"refresh_token": token})).await);
}

#[tokio::test]
async fn signing_out_ends_the_session_at_once() {
    let server = TestServer::start().await;
    let anna = server.user("anna").await;
    let nobody = server.anybody();
    assert_eq!(nobody.post(LOGOUT, &json!({"refresh_token": anna.refresh_token})).await.0, 204);
    expect(401, "session_ended", &anna.get(PROFILE).await);
    expect(401, "session_ended", &nobody.post(REFRESH, &json!({"refresh_token": anna.refresh_token})).await);
    assert_eq!(nobody.post(LOGOUT, &json!({"refresh_token": "nonsense"})).await.0, 204);
    assert_eq!(answer(nobody.request("POST", LOGOUT)).await.0, 204);
}

/// The cookie of a response as (name=value, all attributes in lower case).
fn cookie(response: &reqwest::Response) -> (String, String) {
    let text = response.headers()["set-cookie"].to_str().unwrap();
    let (pair, attributes) = text.split_once(';').unwrap();
    (pair.to_owned(), attributes.to_lowercase())
}

async fn web_login(server: &TestServer) -> reqwest::Response {
    let request = server.anybody().request("POST", LOGIN).header("x-client", "web");
    request.json(&json!({"username": "anna", "password": PASSWORD})).send().await.unwrap()
}

#[tokio::test]
async fn the_web_client_keeps_its_refresh_token_in_a_cookie_that_other_sites_cannot_use() {
    let server = TestServer::start().await;
    server.user("anna").await;
    let response = web_login(&server).await;
    let (pair, attributes) = cookie(&response);
    assert!(pair.starts_with("eggmoney-refresh="), "{pair}");
    assert!(attributes.contains("httponly") && attributes.contains("samesite=strict"), "{attributes}");
    assert!(!attributes.contains("path=") && !attributes.contains("secure"), "{attributes}");
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["refresh_token"], Value::Null, "the page must not see it");

    let refresh = || server.anybody().request("POST", REFRESH).header("cookie", &pair);
    expect(400, "client_header_required", &answer(refresh()).await);
    let crossed = refresh().header("x-client", "web").header("sec-fetch-site", "cross-site");
    expect(400, "client_header_required", &answer(crossed).await);
    let response = refresh().header("x-client", "web").header("sec-fetch-site", "same-origin").send().await.unwrap();
    assert_eq!(response.status(), 200);
    let (next, _) = cookie(&response);
    assert_ne!(next, pair);
    // A second tab with the old cookie gets an access token and keeps the newer cookie.
    let response = refresh().header("x-client", "web").send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.headers().get("set-cookie").is_none());
    server.advance(Duration::from_secs(11));
    let response = refresh().header("x-client", "web").send().await.unwrap();
    assert_eq!(response.status(), 401);
    assert!(cookie(&response).1.contains("max-age=0"), "a dead cookie is taken back");
}

#[tokio::test]
async fn behind_tls_the_cookie_is_bound_to_the_host() {
    let server = TestServer::start_with(|config| config.trusted_scheme = eggmoney::app::config::Scheme::Https).await;
    server.user("anna").await;
    let response = web_login(&server).await;
    let (pair, attributes) = cookie(&response);
    assert!(pair.starts_with("__Host-eggmoney-refresh="), "{pair}");
    assert!(attributes.contains("; secure") && attributes.contains("path=/"), "{attributes}");
    assert_eq!(response.headers()["strict-transport-security"], "max-age=31536000");
    let request = server.anybody().request("POST", LOGOUT).header("cookie", &pair).header("x-client", "web");
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 204);
    assert!(cookie(&response).1.contains("max-age=0"));
    let request = server.anybody().request("POST", REFRESH).header("cookie", &pair).header("x-client", "web");
    expect(401, "session_ended", &answer(request).await);
}

#[tokio::test]
async fn guessing_is_slowed_down_for_the_guesser_only() {
    let server = TestServer::start().await;
    let anna = server.user("anna").await;
    let nobody = server.anybody();
    let guess = json!({"username": "anna", "password": "wrong horse battery"});
    for _ in 0..10 {
        expect(401, "wrong_credentials", &nobody.post(LOGIN, &guess).await);
    }
    let response = nobody.request("POST", LOGIN).json(&guess).send().await.unwrap();
    assert_eq!(response.status(), 429);
    assert_eq!(response.headers()["retry-after"], "60");
    let right = json!({"username": "anna", "password": PASSWORD});
    expect(429, "too_many_requests", &nobody.post(LOGIN, &right).await);
    assert_eq!(anna.get(PROFILE).await.0, 200, "who is signed in stays so");
    // The proxy on this machine tells who asks; another address is another person.
    let elsewhere = nobody.request("POST", LOGIN).header("x-forwarded-for", "203.0.113.9").json(&right);
    assert_eq!(answer(elsewhere).await.0, 200);
    server.advance(Duration::from_secs(60));
    assert_eq!(nobody.post(LOGIN, &right).await.0, 200);
}

#[tokio::test]
async fn guessing_the_setup_code_is_slowed_down() {
    let server = TestServer::start().await;
    let nobody = server.anybody();
    let guess = json!({"username": "anna", "password": PASSWORD, "setup_code": "AAAAA-AAAAA-AAAAA-AAAAA"});
    for _ in 0..10 {
        expect(403, "setup_code_wrong", &nobody.post(REGISTER, &guess).await);
    }
    expect(429, "too_many_requests", &nobody.post(REGISTER, &guess).await);
}

#[tokio::test]
async fn a_new_password_ends_all_other_sessions() {
    let server = TestServer::start().await;
    let anna = server.user("anna").await;
    let elsewhere = server.login("anna").await;
    let path = "/api/v1/users/password";
    let change = |current: &str, new: &str| json!({"current": current, "new": new});
    expect(422, "wrong_current_password", &anna.post(path, &change("wrong horse battery", "another long phrase")).await);
    let weak = anna.post(path, &change(PASSWORD, "password123")).await;
    expect(422, "weak_password", &weak);
    assert_eq!(weak.1["pointer"], "/new");
    assert_eq!(anna.post(path, &change(PASSWORD, "another long phrase")).await.0, 204);
    assert_eq!(anna.get(PROFILE).await.0, 200);
    expect(401, "session_ended", &elsewhere.get(PROFILE).await);
    let nobody = server.anybody();
    expect(401, "wrong_credentials", &nobody.post(LOGIN, &json!({"username": "anna", "password": PASSWORD})).await);
    assert_eq!(nobody.post(LOGIN, &json!({"username": "anna", "password": "another long phrase"})).await.0, 200);
}

#[tokio::test]
async fn people_see_and_end_their_own_sessions_only() {
    let server = TestServer::start().await;
    let anna = server.user("anna").await;
    let ben = server.user("ben").await;
    server.advance(Duration::from_secs(5));
    let other_device = server.login("anna").await;
    let path = "/api/v1/users/sessions";
    let (_, list) = anna.get(path).await;
    let items = list["items"].as_array().unwrap();
    assert_eq!(items.iter().map(|s| s["current"].as_bool().unwrap()).collect::<Vec<_>>(), [false, true], "newest first");
    let other = items[0]["id"].as_str().unwrap();
    expect(404, "not_found", &ben.delete(&format!("{path}/{other}")).await);
    expect(404, "not_found", &ben.delete(&format!("{path}/no-id")).await);
    assert_eq!(other_device.get(PROFILE).await.0, 200);
    assert_eq!(anna.delete(&format!("{path}/{other}")).await.0, 204);
    expect(401, "session_ended", &other_device.get(PROFILE).await);
    assert_eq!(ben.get(path).await.1["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_profile_changes_in_parts() {
    let server = TestServer::start().await;
    let anna = server.user("anna").await;
    let (status, profile) = anna.patch(PROFILE, &json!({"email": "anna@example.com"})).await;
    assert_eq!((status, &profile["email"], &profile["language"]), (200, &json!("anna@example.com"), &json!("ko")));
    let (_, profile) = anna.patch(PROFILE, &json!({"language": "en"})).await;
    assert_eq!((&profile["email"], &profile["language"]), (&json!("anna@example.com"), &json!("en")));
    let (_, profile) = anna.patch(PROFILE, &json!({"email": null})).await;
    assert_eq!(profile["email"], Value::Null);
    expect(422, "invalid", &anna.patch(PROFILE, &json!({"language": "fr"})).await);
    expect(422, "unknown_field", &anna.patch(PROFILE, &json!({"role": "admin"})).await);
}

#[tokio::test]
async fn acts_of_identity_leave_one_audit_row_each_and_no_secret() {
    use eggmoney::storage::{AUDIT, AuditRow, Key, SYSTEM_AUDIT, StoreError};
    let server = TestServer::start().await;
    let anna = server.user("anna").await;
    let id = server.app.auth.find_user("anna").unwrap().unwrap().id;
    anna.post("/api/v1/users/password", &json!({"current": PASSWORD, "new": "another long phrase"})).await;
    anna.post(LOGOUT, &json!({"refresh_token": anna.refresh_token})).await;
    let rows: Vec<AuditRow> = server
        .app
        .store
        .read(|view| Ok::<_, StoreError>([view.list(&SYSTEM_AUDIT, &Key::new())?, view.user(id).list(&AUDIT, &Key::new())?].concat()))
        .unwrap();
    let actions: Vec<&str> = rows.iter().map(|r| r.action.as_str()).collect();
    assert_eq!(actions, ["user.created", "disclosure.accepted", "session.opened", "password.changed", "session.ended"]);
    let text = serde_json::to_string(&rows).unwrap();
    for secret in [PASSWORD, "another long phrase", &anna.refresh_token, anna.token.as_deref().unwrap(), "argon2"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[tokio::test]
async fn a_refused_sign_in_stands_in_the_audit_of_whom_it_was_tried_on() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let anna = server.user("anna").await;
    let login = async |name: &str, password: &str| anna.post(LOGIN, &json!({"username": name, "password": password})).await;
    expect(401, "wrong_credentials", &login("anna", "not the password").await);
    expect(401, "wrong_credentials", &login("nobody-at-all", "not the password").await);
    // The row is written beside the answer.
    let refused = loop {
        let (_, page) = anna.get("/api/v1/users/audit").await;
        let rows = page["items"].as_array().unwrap().clone();
        if let Some(row) = rows.into_iter().find(|row| row["action"] == "session.refused") {
            break row;
        }
    };
    assert_eq!(refused["detail"]["client"]["address"], "127.0.0.1", "{refused}");
    assert!(!refused.to_string().contains("not the password"));
    let (_, page) = admin.get("/api/v1/admin/audit").await;
    assert!(!page.to_string().contains("nobody-at-all"), "{page}");
    assert!(server.app.store.verify().unwrap().agrees());
}

#[tokio::test]
async fn a_proof_lasts_five_minutes_and_belongs_to_its_session() {
    use eggmoney::auth::AuthError;
    let server = TestServer::start().await;
    let (anna, other) = (server.user("anna").await, server.login("anna").await);
    let proof = |caller: &Caller<'_>| {
        let who = server.app.auth.authenticate(caller.token.as_deref().unwrap(), None).unwrap();
        server.app.auth.require_proof(&who).is_ok()
    };
    assert!(!proof(&anna), "signing in is no proof");
    expect(422, "wrong_current_password", &anna.post("/api/v1/auth/step-up", &json!({"password": "not it at all"})).await);
    assert!(!proof(&anna));
    let (status, answer) = anna.post("/api/v1/auth/step-up", &json!({"password": PASSWORD})).await;
    assert_eq!((status, answer["proved_until"].is_string()), (200, true), "{answer}");
    assert!(proof(&anna) && !proof(&other), "another device proves for itself");
    let who = server.app.auth.authenticate(anna.token.as_deref().unwrap(), None).unwrap();
    server.advance(Duration::from_secs(301));
    assert!(matches!(server.app.auth.require_proof(&who), Err(AuthError::StepUpRequired)));
}
