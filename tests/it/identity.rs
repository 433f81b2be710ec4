//! Second factor, step-up, forgotten passwords, invitations, roles and the audit log, over a real server.

use std::time::Duration;

use eggmoney::domain::account::Rung;
use eggmoney::domain::order::Environment;
use eggmoney::domain::user::Role;
use eggmoney::storage::tables::ACCOUNTS;
use eggmoney::storage::{UserTx, account_key};
use serde_json::{Value, json};
use totp_rs::Totp;

use super::support::{Answer, Caller, PASSWORD, TestServer};

const LOGIN: &str = "/api/v1/auth/login";
const SECOND_FACTOR: &str = "/api/v1/users/second-factor";
const NEW: &str = "a wholly other phrase";

fn expect(status: u16, code: &str, (found, body): &Answer) {
    assert_eq!((*found, body["code"].as_str()), (status, Some(code)), "{body}");
}

async fn step_up(caller: &Caller<'_>, body: Value) {
    let (status, answer) = caller.post("/api/v1/auth/step-up", &body).await;
    assert_eq!(status, 200, "{answer}");
}

async fn prove(caller: &Caller<'_>) {
    step_up(caller, json!({ "password": PASSWORD })).await;
}

fn code(server: &TestServer, app: &Totp) -> String {
    use eggmoney::domain::clock::Clock;
    app.generate(u64::try_from(server.wall.now().as_second()).unwrap()).to_string()
}

#[tokio::test]
async fn the_second_factor_is_asked_for_counts_once_and_can_be_recovered() {
    let server = TestServer::start().await;
    let (anna, other) = (server.user("anna").await, server.login("anna").await);
    expect(403, "step_up_required", &anna.post(SECOND_FACTOR, &Value::Null).await);
    prove(&anna).await;
    let (status, made) = anna.post(SECOND_FACTOR, &Value::Null).await;
    assert_eq!(status, 201, "{made}");
    assert!(made["qr_svg"].as_str().unwrap().contains("<svg"));
    let app = Totp::from_url(made["url"].as_str().unwrap()).unwrap();
    expect(422, "wrong_code", &anna.post(&format!("{SECOND_FACTOR}/confirm"), &json!({"code": "12"})).await);
    assert_eq!(server.login("anna").await.get(SECOND_FACTOR).await.1["since"], Value::Null, "not before the first code");
    let (status, confirmed) = anna.post(&format!("{SECOND_FACTOR}/confirm"), &json!({"code": code(&server, &app)})).await;
    assert_eq!((status, confirmed["recovery_codes"].as_array().unwrap().len()), (200, 10), "{confirmed}");
    expect(401, "session_ended", &other.get(SECOND_FACTOR).await);

    let nobody = server.anybody();
    let with = |code: &str| json!({"username": "anna", "password": PASSWORD, "code": code});
    expect(401, "second_factor_required", &nobody.post(LOGIN, &json!({"username": "anna", "password": PASSWORD})).await);
    expect(401, "wrong_credentials", &nobody.post(LOGIN, &json!({"username": "anna", "password": NEW, "code": "000000"})).await);
    expect(401, "wrong_code", &nobody.post(LOGIN, &with(&code(&server, &app))).await);
    server.advance(Duration::from_secs(30));
    let fresh = code(&server, &app);
    assert_eq!(nobody.post(LOGIN, &with(&fresh)).await.0, 200);
    expect(401, "wrong_code", &nobody.post(LOGIN, &with(&fresh)).await);
    let recovery = confirmed["recovery_codes"][0].as_str().unwrap();
    assert_eq!(nobody.post(LOGIN, &with(recovery)).await.0, 200);
    expect(401, "wrong_code", &nobody.post(LOGIN, &with(recovery)).await);
    assert_eq!(anna.get(SECOND_FACTOR).await.1["recovery_codes_left"], 9);

    // A code proves presence as well as the password does.
    server.advance(Duration::from_secs(301));
    expect(403, "step_up_required", &anna.delete(SECOND_FACTOR).await);
    step_up(&anna, json!({ "code": code(&server, &app) })).await;
    let (status, renewed) = anna.post(&format!("{SECOND_FACTOR}/recovery-codes"), &Value::Null).await;
    assert_eq!((status, renewed["recovery_codes"].as_array().unwrap().len()), (200, 10));
    expect(401, "wrong_code", &nobody.post(LOGIN, &with(confirmed["recovery_codes"][1].as_str().unwrap())).await);
    assert_eq!(anna.delete(SECOND_FACTOR).await.0, 204);
    server.login("anna").await;
    let seed = made["seed"].as_str().unwrap();
    let bytes = fs_err::read(server.folder().join("eggmoney.redb")).unwrap();
    for secret in [seed, recovery] {
        assert!(!bytes.windows(secret.len()).any(|w| w == secret.as_bytes()), "the database shows a secret");
    }
}

#[tokio::test]
async fn a_link_sets_a_password_once_tells_its_user_and_holds_live_trading() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let anna = server.user("anna").await;
    let id = server.app.auth.find_user("anna").unwrap().unwrap().id;
    let path = format!("/api/v1/admin/users/{id}/reset");
    expect(403, "forbidden", &anna.post(&path, &json!({})).await);
    expect(403, "step_up_required", &admin.post(&path, &json!({})).await);
    prove(&admin).await;
    let first = admin.post(&path, &json!({})).await.1["word"].clone();
    let (status, second) = admin.post(&path, &json!({})).await;
    assert_eq!(status, 201, "{second}");
    assert_eq!(anna.get("/api/v1/alerts").await.1["items"][0]["code"], "RESET_LINK_MADE");

    let nobody = server.anybody();
    let reset = async |word: &Value, password: &str| nobody.post("/api/v1/auth/reset", &json!({"word": word, "password": password})).await;
    expect(422, "reset_unknown", &reset(&first, NEW).await);
    expect(422, "weak_password", &reset(&second["word"], "short").await);
    let (status, set) = reset(&second["word"], NEW).await;
    assert_eq!((status, &set["username"]), (200, &json!("anna")), "{set}");
    expect(422, "reset_unknown", &reset(&second["word"], NEW).await);
    expect(401, "session_ended", &anna.get(SECOND_FACTOR).await);
    let (status, signed_in) = nobody.post(LOGIN, &json!({"username": "anna", "password": NEW})).await;
    assert_eq!(status, 200);

    let anna = Caller { token: signed_in["access_token"].as_str().map(str::to_owned), ..server.anybody() };
    assert!(anna.get(SECOND_FACTOR).await.1["live_held_since"].is_string());
    expect(403, "step_up_required", &anna.post("/api/v1/users/password/confirm", &Value::Null).await);
    step_up(&anna, json!({ "password": NEW })).await;
    assert_eq!(anna.post("/api/v1/users/password/confirm", &Value::Null).await.0, 204);
    assert_eq!(anna.get(SECOND_FACTOR).await.1["live_held_since"], Value::Null);

    prove(&admin).await;
    let third = admin.post(&path, &json!({})).await.1["word"].clone();
    server.advance(Duration::from_secs(30 * 60));
    expect(422, "reset_unknown", &reset(&third, NEW).await);
}

#[tokio::test]
async fn an_administrator_without_the_password_reads_a_code_on_the_nas() {
    let server = TestServer::start().await;
    server.admin().await;
    server.create("anna", Role::User).await;
    let nobody = server.anybody();
    let shown = || fs_err::read_to_string(server.folder().join("recovery-code")).unwrap().lines().next().unwrap().to_owned();
    let recover = async |username: &str, code: &str| {
        let body = json!({"username": username, "code": code, "password": NEW});
        nobody.post("/api/v1/auth/recovery/confirm", &body).await
    };
    expect(403, "recovery_code_wrong", &recover("root-admin", "AAAAA-AAAAA-AAAAA-AAAAA").await);
    assert_eq!(nobody.post("/api/v1/auth/recovery", &Value::Null).await.0, 204);
    let code = shown();
    for (username, word) in [("root-admin", "AAAAA-AAAAA-AAAAA-AAAAA"), ("anna", code.as_str()), ("nobody", code.as_str())] {
        expect(403, "recovery_code_wrong", &recover(username, word).await);
    }
    let (status, set) = recover("Root-Admin", &code).await;
    assert_eq!((status, &set["username"]), (200, &json!("root-admin")), "{set}");
    expect(403, "recovery_code_wrong", &recover("root-admin", &code).await);
    assert!(!server.folder().join("recovery-code").exists());
    assert_eq!(nobody.post(LOGIN, &json!({"username": "root-admin", "password": NEW})).await.0, 200);

    server.advance(Duration::from_secs(3600));
    assert_eq!(nobody.post("/api/v1/auth/recovery", &Value::Null).await.0, 204);
    let late = shown();
    server.advance(Duration::from_secs(30 * 60 + 1));
    expect(403, "recovery_code_wrong", &recover("root-admin", &late).await);
}

#[tokio::test]
async fn an_invitation_lets_one_person_in_with_its_role() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    const INVITATIONS: &str = "/api/v1/admin/invitations";
    expect(403, "step_up_required", &admin.post(INVITATIONS, &json!({"role": "user"})).await);
    prove(&admin).await;
    let (status, made) = admin.post(INVITATIONS, &json!({"role": "viewer", "note": "for mother"})).await;
    assert_eq!(status, 201, "{made}");
    let listed = admin.get(INVITATIONS).await.1;
    assert_eq!((&listed["items"][0]["note"], &listed["items"][0]["word"]), (&json!("for mother"), &Value::Null));

    let nobody = server.anybody();
    let register = async |name: &str, word: &Value| {
        let body = json!({"username": name, "password": PASSWORD, "invite": word});
        nobody.post("/api/v1/auth/register", &body).await
    };
    expect(422, "invite_unknown", &register("mother", &json!("AAAA")).await);
    let (status, mother) = register("mother", &made["word"]).await;
    assert_eq!((status, &mother["role"]), (201, &json!("viewer")), "{mother}");
    expect(422, "invite_unknown", &register("sister", &made["word"]).await);

    let again = admin.post(INVITATIONS, &json!({"role": "user"})).await.1;
    assert_eq!(admin.delete(&format!("{INVITATIONS}/{}", again["id"].as_str().unwrap())).await.0, 204);
    expect(422, "invite_unknown", &register("sister", &again["word"]).await);
    let late = admin.post(INVITATIONS, &json!({"role": "user"})).await.1;
    server.advance(Duration::from_secs(7 * 86_400));
    expect(422, "invite_unknown", &register("sister", &late["word"]).await);

    let mother = server.login("mother").await;
    assert_eq!(mother.get("/api/v1/portfolio/summary").await.0, 200);
    let order = json!({"symbol": "005930", "side": "buy", "quantity": 1, "price": 70000});
    expect(403, "forbidden", &mother.post("/api/v1/trading/orders", &order).await);
}

#[tokio::test]
async fn a_deactivation_signs_out_stops_the_accounts_and_the_last_administrator_stays() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let anna = server.user("anna").await;
    let of = |name: &str| format!("/api/v1/admin/users/{}", server.app.auth.find_user(name).unwrap().unwrap().id);
    let user = server.app.auth.find_user("anna").unwrap().unwrap().id;
    let own = server.app.trading.own_account(user).await.unwrap();
    // A live account on the paper rung observes itself, while a twin trades for it.
    let live = server.app.trading.create_account(user, "live", Environment::Live).await.unwrap().id;
    let climb = move |tx: &mut UserTx<'_>| {
        let mut account = tx.require(&ACCOUNTS, &account_key(live))?;
        account.going_live.rung = Rung::Paper;
        tx.put(&ACCOUNTS, &account_key(live), &account)
    };
    server.app.store.user(user).write(climb).await.unwrap();
    prove(&admin).await;
    expect(409, "last_admin", &admin.patch(&of("root-admin"), &json!({"active": false})).await);
    expect(409, "last_admin", &admin.patch(&of("root-admin"), &json!({"role": "user"})).await);

    let (status, marked) = admin.patch(&of("anna"), &json!({"verified": true, "premium": true})).await;
    assert_eq!((status, &marked["verified"], &marked["premium"]), (200, &json!(true), &json!(true)), "{marked}");
    assert_eq!(anna.get(SECOND_FACTOR).await.0, 200, "a mark ends no session");
    let (status, gone) = admin.patch(&of("anna"), &json!({"active": false})).await;
    let stopped: Vec<&str> = gone["stopped"].as_array().unwrap().iter().filter_map(|s| s["account_id"].as_str()).collect();
    assert!(status == 200 && [own, live].iter().all(|id| stopped.contains(&id.to_string().as_str())), "{gone}");
    assert_eq!(server.app.trading.account(user, live).unwrap().rung(), Rung::Observe);
    expect(401, "unauthorized", &anna.get(SECOND_FACTOR).await);
    expect(401, "wrong_credentials", &server.anybody().post(LOGIN, &json!({"username": "anna", "password": PASSWORD})).await);
    let account = server.app.trading.account(user, own).unwrap();
    assert_eq!(account.mode, eggmoney::domain::account::AccountMode::Observe);

    admin.patch(&of("anna"), &json!({"active": true, "role": "admin"})).await;
    let anna = server.login("anna").await;
    assert_eq!(anna.get("/api/v1/admin/users").await.0, 200);
    assert_eq!(admin.patch(&of("anna"), &json!({"role": "viewer"})).await.0, 200);
    expect(401, "session_ended", &anna.get("/api/v1/admin/users").await);
}

#[tokio::test]
async fn the_audit_log_is_read_in_pages_by_whom_it_concerns() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let anna = server.user("anna").await;
    for _ in 0..3 {
        server.login("anna").await;
    }
    let (status, page) = anna.get("/api/v1/users/audit?limit=3").await;
    assert_eq!(status, 200, "{page}");
    assert_eq!((page["items"][0]["seq"].as_u64(), page["next"].as_u64()), (Some(5), Some(3)), "{page}");
    assert_eq!(page["items"][0]["by_name"], "anna");
    let (_, rest) = anna.get("/api/v1/users/audit?limit=3&before=3").await;
    assert_eq!((rest["items"].as_array().unwrap().len(), &rest["next"]), (2, &Value::Null), "{rest}");
    expect(422, "invalid", &anna.get("/api/v1/users/audit?limit=501").await);
    expect(403, "forbidden", &anna.get("/api/v1/admin/audit").await);
    let (status, all) = admin.get("/api/v1/admin/audit").await;
    assert_eq!(status, 200, "{all}");
    assert!(all["items"].as_array().unwrap().iter().any(|row| row["action"] == "user.created"), "{all}");
    let report = server.app.store.verify().unwrap();
    assert!(report.agrees() && report.audit_rows > 5, "{report:?}");
}
