//! The authorisation matrix: every route of the server by every kind of caller. The table says what each
//! gets; a route that is not in it fails the test, and so does one whose guard was changed.
//!
//! Here the ids are nobody's. What another user, an administrator and a grantee get with the real ids of
//! somebody else is in `tenancy.rs`, and what each kind of grant opens in `grants.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use actix_web::http::Method;
use eggmoney::domain::user::Role;
use eggmoney::http::access::Access;
use eggmoney::http::route::Route;
use eggmoney::http::routes;
use serde_json::{Value, json};

use super::support::keys::{ApiKey, make_key};
use super::support::{Answer, Caller, TestServer, answer};

/// Permission of the routes; whether they need password or code within the last five minutes; a letter for
/// each of [`COLUMNS`]; the routes.
///
/// `r` reached · `u` not signed in (401) · `x` needs a signature (401) · `f` forbidden (403) · `s` needs
/// step-up (403)
type Row = (&'static str, bool, &'static str, &'static [&'static str]);

const COLUMNS: [&str; 14] = [
    "nobody",
    "a forged token",
    "a viewer",
    "a user",
    "an administrator",
    "a viewer with proof",
    "a user with proof",
    "an administrator with proof",
    "a user's key to read, signed",
    "a user's key to paper, signed",
    "a user's key to trade, signed",
    "a user's key to trade, only shown",
    "a viewer's key to read, signed",
    "an administrator's key to trade, signed",
];

#[rustfmt::skip]
const TABLE: &[Row] = &[
    // permission, proof: nobody forged · viewer user admin · the same with proof · keys: read paper trade · shown · viewer's · admin's
    ("accounts.halt", false, "uu frr frr frr x f r", &[
        "POST /api/v1/trading/kill-switch",
    ]),
    ("accounts.manage", false, "uu frr frr fff f f f", &[
        "POST /api/v1/trading/accounts",
        "PATCH /api/v1/trading/accounts/{id}",
        "POST /api/v1/trading/accounts/{id}/start",
        "POST /api/v1/trading/accounts/{id}/stop",
        "DELETE /api/v1/trading/accounts/{id}/broker-key",
        "POST /api/v1/trading/accounts/{id}/broker-key/test",
        "POST /api/v1/trading/broker-keys/test",
        "PUT /api/v1/trading/accounts/{id}/hts-id",
        "PUT /api/v1/trading/accounts/{id}/ends",
        "PUT /api/v1/trading/accounts/{id}/telegram",
        "DELETE /api/v1/trading/accounts/{id}/telegram",
        "POST /api/v1/trading/accounts/{id}/telegram/test",
        "POST /api/v1/trading/accounts/{id}/reconcile",
        "POST /api/v1/trading/accounts/{id}/going-live",
        "PUT /api/v1/trading/accounts/{id}/schedule",
        "POST /api/v1/trading/accounts/{id}/send-status",
    ]),
    ("accounts.manage", true, "uu fss frr fff f f f", &[
        "PUT /api/v1/trading/accounts/{id}/broker-key",
        "PUT /api/v1/trading/accounts/{id}/limits",
    ]),
    ("accounts.read", false, "uu rrr rrr rrr r r r", &[
        "GET /api/v1/trading/accounts",
        "GET /api/v1/trading/accounts/{id}",
        "GET /api/v1/users/expiries",
        "GET /api/v1/trading/accounts/{id}/balance",
        "GET /api/v1/trading/accounts/{id}/differences",
        "GET /api/v1/trading/accounts/{id}/export/eggmoney",
        "GET /api/v1/trading/accounts/{id}/going-live",
        "GET /api/v1/trading/accounts/{id}/nights",
        "GET /api/v1/trading/accounts/{id}/grants",
        "GET /api/v1/trading/accounts/{id}/unsettled",
        "GET /api/v1/trading/kill-switch",
        "GET /api/v1/trading/accounts/{id}/runs",
        "GET /api/v1/trading/accounts/{id}/schedule",
    ]),
    ("accounts.read", false, "uu rrr rrr rrr x r r", &[
        "POST /api/v1/trading/accounts/{id}/balance",
    ]),
    ("accounts.read", true, "uu sss rrr fff f f f", &[
        "GET /api/v1/trading/accounts/{id}/export/eggmoney/database",
        "GET /api/v1/trading/accounts/{id}/export/eggmoney/settings",
    ]),
    ("alerts.manage", false, "uu rrr rrr fff f f f", &[
        "POST /api/v1/alerts/read",
    ]),
    ("alerts.read", false, "uu rrr rrr rrr r r r", &[
        "GET /api/v1/alerts",
    ]),
    ("bots.manage", false, "uu frr frr fff f f f", &[
        "POST /api/v1/trading/bots",
        "PATCH /api/v1/trading/bots/{id}",
        "DELETE /api/v1/trading/bots/{id}",
        "POST /api/v1/trading/bots/{id}/rename",
        "POST /api/v1/trading/bots/reorder",
        "POST /api/v1/trading/bots/renewal",
    ]),
    ("bots.read", false, "uu rrr rrr rrr r r r", &[
        "GET /api/v1/trading/bots",
        "GET /api/v1/trading/bots/{id}",
        "GET /api/v1/trading/bots/{id}/ladder",
        "GET /api/v1/trading/preview",
        "GET /api/v1/trading/sheets",
    ]),
    ("imports.run", false, "uu frr frr fff f f f", &[
        "POST /api/v1/imports/eggmoney",
        "POST /api/v1/imports/{id}/confirm",
        "DELETE /api/v1/imports/{id}",
    ]),
    ("imports.run", true, "uu fss frr fff f f f", &[
        "POST /api/v1/imports/user",
    ]),
    ("keys.manage", false, "uu rrr rrr fff f f f", &[
        "GET /api/v1/users/api-keys",
        "DELETE /api/v1/users/api-keys/{id}",
    ]),
    ("keys.manage", true, "uu sss rrr fff f f f", &[
        "POST /api/v1/users/api-keys",
    ]),
    ("ledger.correct", false, "uu frr frr fff f f f", &[
        "POST /api/v1/trading/corrections/holding",
        "POST /api/v1/trading/corrections/holding/remove",
        "POST /api/v1/trading/corrections/history",
        "POST /api/v1/trading/corrections/history/remove",
        "POST /api/v1/trading/accounts/{id}/differences/{difference}/answer",
        "POST /api/v1/trading/accounts/{id}/settle",
    ]),
    ("market.read", false, "uu rrr rrr rrr r r r", &[
        "GET /api/v1/market/indicators",
        "GET /api/v1/market/calendar",
        "GET /api/v1/market/search",
    ]),
    ("orders.place", false, "uu frr frr frr x f r", &[
        "POST /api/v1/trading/bots/{id}/force-sell",
        "POST /api/v1/trading/orders",
        "POST /api/v1/trading/orders/preview",
        "POST /api/v1/trading/orders/cancel-all",
        "PATCH /api/v1/trading/orders/{id}",
        "DELETE /api/v1/trading/orders/{id}",
    ]),
    ("orders.read", false, "uu rrr rrr rrr r r r", &[
        "GET /api/v1/trading/history",
        "GET /api/v1/trading/history/summary",
        "GET /api/v1/trading/positions",
        "GET /api/v1/trading/orders",
        "GET /api/v1/trading/orders/{id}",
    ]),
    ("portfolio.read", false, "uu rrr rrr rrr r r r", &[
        "GET /api/v1/portfolio/summary",
    ]),
    ("profile.manage", false, "uu rrr rrr fff f f f", &[
        "GET /api/v1/users/connection",
        "GET /api/v1/users/disclosures",
        "POST /api/v1/users/disclosures",
        "GET /api/v1/users/remaining",
        "GET /api/v1/users/profile",
        "PATCH /api/v1/users/profile",
        "POST /api/v1/users/password",
    ]),
    ("profile.manage", true, "uu sss rrr fff f f f", &[
        "GET /api/v1/users/export",
        "POST /api/v1/users/erase",
    ]),
    ("public", false, "rr rrr rrr rrr r r r", &[
        "POST /api/v1/auth/register",
        "POST /api/v1/auth/login",
        "POST /api/v1/auth/refresh",
        "POST /api/v1/auth/logout",
        "GET /api/v1/auth/oidc/providers",
        "POST /api/v1/auth/oidc/start",
        "GET /api/v1/auth/oidc/callback",
        "POST /api/v1/auth/oidc/finish",
        "POST /api/v1/auth/oidc/code",
        "POST /api/v1/auth/reset",
        "POST /api/v1/auth/recovery",
        "POST /api/v1/auth/recovery/confirm",
        "GET /ws/events",
        "GET /api/v1/system",
        "GET /healthz",
        "GET /readyz",
    ]),
    // A monitoring program has a token of its own; nobody else gets in.
    ("public", false, "uu uuu uuu uuu u u u", &[
        "GET /metrics",
    ]),
    ("sessions.manage", false, "uu rrr rrr fff f f f", &[
        "POST /api/v1/auth/step-up",
        "GET /api/v1/users/identities",
        "POST /api/v1/users/identities",
        "GET /api/v1/users/second-factor",
        "GET /api/v1/users/networks",
        "GET /api/v1/users/audit",
        "GET /api/v1/users/sessions",
        "DELETE /api/v1/users/sessions/{id}",
    ]),
    ("sessions.manage", true, "uu sss rrr fff f f f", &[
        "POST /api/v1/users/identities/start",
        "DELETE /api/v1/users/identities/{id}",
        "POST /api/v1/users/second-factor",
        "POST /api/v1/users/second-factor/confirm",
        "DELETE /api/v1/users/second-factor",
        "POST /api/v1/users/second-factor/recovery-codes",
        "POST /api/v1/users/password/confirm",
        "PUT /api/v1/users/networks",
    ]),
    ("settings.manage", false, "uu ffr ffr fff f f f", &[
        "GET /api/v1/admin/settings",
        "PATCH /api/v1/admin/settings",
        "POST /api/v1/admin/kill-switch",
        "GET /api/v1/admin/live-trading",
        "PUT /api/v1/admin/live-trading",
        "GET /api/v1/admin/sign-in-providers",
        "GET /api/v1/admin/backup",
        "POST /api/v1/admin/backup/run",
        "POST /api/v1/admin/backup/drill",
        "POST /api/v1/admin/backup/recovery-key/words",
    ]),
    ("settings.manage", true, "uu ffs ffr fff f f f", &[
        "POST /api/v1/admin/sign-in-providers",
        "PATCH /api/v1/admin/sign-in-providers/{id}",
        "DELETE /api/v1/admin/sign-in-providers/{id}",
        "POST /api/v1/admin/sign-in-providers/test",
        "PUT /api/v1/admin/public-address",
        "PUT /api/v1/admin/backup/settings",
        "POST /api/v1/admin/backup/recovery-key",
        "PUT /api/v1/admin/backup/passphrase",
        "DELETE /api/v1/admin/backup/passphrase",
        "POST /api/v1/admin/backup/release",
        "POST /api/v1/admin/metrics-token",
        "DELETE /api/v1/admin/metrics-token",
        "PUT /api/v1/admin/outposts/{kind}",
        "DELETE /api/v1/admin/outposts/{kind}",
    ]),
    ("shared.bots", false, "uu frr frr fff f f f", &[
        "POST /api/v1/shared/{grant}/bots",
        "PATCH /api/v1/shared/{grant}/bots/{bot}",
        "POST /api/v1/shared/{grant}/bots/{bot}/rename",
        "DELETE /api/v1/shared/{grant}/bots/{bot}",
    ]),
    ("shared.read", false, "uu rrr rrr fff f f f", &[
        "GET /api/v1/shared",
        "DELETE /api/v1/shared/{grant}",
        "GET /api/v1/shared/{grant}/account",
        "GET /api/v1/shared/{grant}/positions",
        "GET /api/v1/shared/{grant}/orders",
        "GET /api/v1/shared/{grant}/bots",
    ]),
    ("shared.stop", false, "uu rrr rrr fff f f f", &[
        "POST /api/v1/shared/{grant}/stop",
    ]),
    ("sharing.manage", false, "uu frr frr fff f f f", &[
        "DELETE /api/v1/trading/accounts/{id}/grants/{grant}",
    ]),
    ("sharing.manage", true, "uu fss frr fff f f f", &[
        "POST /api/v1/trading/accounts/{id}/grants",
    ]),
    ("system.read", false, "uu ffr ffr fff f f f", &[
        "GET /api/v1/admin/system",
        "GET /api/v1/admin/logs",
        "GET /api/v1/admin/outposts",
        "GET /api/v1/admin/metrics-token",
        "GET /api/v1/admin/audit",
    ]),
    ("users.manage", false, "uu ffr ffr fff f f f", &[
        "GET /api/v1/admin/users",
        "GET /api/v1/admin/users/{id}/rules",
        "GET /api/v1/admin/invitations",
        "DELETE /api/v1/admin/invitations/{id}",
    ]),
    ("users.manage", true, "uu ffs ffr fff f f f", &[
        "POST /api/v1/admin/users/{id}/erase",
        "PUT /api/v1/admin/users/{id}/rules",
        "POST /api/v1/admin/invitations",
        "PATCH /api/v1/admin/users/{id}",
        "POST /api/v1/admin/users/{id}/reset",
    ]),
];

/// An id that nobody has.
const NOBODYS: &str = "01900000-0000-7000-8000-000000000000";

/// A path with an id for every parameter.
pub fn concrete(path: &str) -> String {
    path.split('/').map(|part| if part.starts_with('{') { NOBODYS } else { part }).collect::<Vec<_>>().join("/")
}

fn verb(method: &Method) -> &'static str {
    ["GET", "POST", "PUT", "PATCH", "DELETE"].into_iter().find(|verb| method == *verb).unwrap()
}

enum By<'s> {
    Person(Caller<'s>),
    Signed(ApiKey),
    Shown(ApiKey),
}

impl By<'_> {
    async fn call(&self, server: &TestServer, route: &Route) -> Answer {
        let (method, path) = (verb(&route.method), concrete(&route.path));
        match self {
            Self::Person(caller) => answer(caller.request(method, &path)).await,
            Self::Signed(key) => key.call(server, method, &path, &Value::Null).await,
            Self::Shown(key) => key.shown(server, method, &path).await,
        }
    }
}

/// The letter of an answer.
fn outcome(route: &Route, (status, body): &Answer) -> char {
    match (*status, body["code"].as_str().unwrap_or_default()) {
        (401, "unauthorized") => 'u',
        (401, "signature_missing") => 'x',
        (403, "forbidden") => 'f',
        (403, "step_up_required") => 's',
        // There was no refresh token to exchange.
        (401, "session_ended") if route.path == "/api/v1/auth/refresh" => 'r',
        (401 | 403 | 500.., _) => '!',
        _ => 'r',
    }
}

#[tokio::test]
async fn every_route_answers_every_kind_of_caller_as_the_table_says() {
    let server = TestServer::start().await;
    server.advance(Duration::from_secs(90));
    for (name, role) in [("vera", Role::Viewer), ("anna", Role::User), ("root-admin", Role::Admin)] {
        server.create(name, role).await;
    }
    let key = async |name: &str, scope: &str| make_key(&server.login(name).await, &json!({"name": scope, "scope": scope})).await;
    let mut forged = server.anybody();
    forged.token = Some("eyJhbGciOiJIUzI1NiJ9.e30.AAAA".to_owned());
    let trade = key("anna", "trade").await;
    let mut callers = vec![By::Person(server.anybody()), By::Person(forged)];
    for name in ["vera", "anna", "root-admin"] {
        callers.push(By::Person(server.login(name).await));
    }
    for name in ["vera", "anna", "root-admin"] {
        callers.push(By::Person(server.login(name).await.proved().await));
    }
    callers.extend([By::Signed(key("anna", "read").await), By::Signed(key("anna", "paper").await), By::Signed(trade.clone())]);
    callers.extend([By::Shown(trade), By::Signed(key("vera", "read").await), By::Signed(key("root-admin", "trade").await)]);
    assert_eq!(callers.len(), COLUMNS.len());

    let mut rows: BTreeMap<&str, &Row> = BTreeMap::new();
    for row in TABLE {
        for name in row.3 {
            assert!(rows.insert(name, row).is_none(), "{name} stands twice in the table");
        }
    }
    let mut all = routes::all();
    // Signing out ends the session that the others still need.
    all.sort_by_key(|route| route.path.ends_with("/logout"));
    let (mut cells, mut wrong) = (0, Vec::new());
    for route in &all {
        let name = format!("{} {}", route.method, route.path);
        let Some((permission, proof, expected, _)) = rows.remove(name.as_str()) else {
            panic!("{name} is not in the table: say what every kind of caller gets");
        };
        let guard = match route.access {
            Access::Public => ("public", false),
            Access::Permission { name, proof, .. } => (name, proof),
        };
        assert_eq!((*permission, *proof), guard, "{name} has another guard now");
        let expected: Vec<char> = expected.chars().filter(|c| *c != ' ').collect();
        assert_eq!(expected.len(), COLUMNS.len(), "{name}");
        for ((by, column), expected) in callers.iter().zip(COLUMNS).zip(expected) {
            let found = by.call(&server, route).await;
            cells += 1;
            if outcome(route, &found) != expected {
                wrong.push(format!("{name} for {column}: {} {} instead of '{expected}'", found.0, found.1));
            }
            if found.0 == 401 || found.0 == 403 {
                let whole = ["type", "title", "detail", "trace_id"].iter().all(|m| found.1[*m].as_str().is_some_and(|t| !t.is_empty()));
                assert!(whole && found.1["status"] == found.0, "{name} for {column}: {}", found.1);
            }
        }
    }
    assert!(rows.is_empty(), "in the table and not on the server: {:?}", rows.keys());
    assert!(wrong.is_empty(), "{} cells differ:\n{}", wrong.len(), wrong.join("\n"));
    println!("authorisation matrix: {} routes x {} kinds of callers = {cells} cells", all.len(), COLUMNS.len());
}

/// Routes that need the proof in one direction only: there the handler asks for it.
#[tokio::test]
async fn what_lets_go_of_a_safeguard_asks_for_the_proof() {
    let server = TestServer::start().await;
    let (admin, anna) = (server.admin_made().await, server.user("anna").await);
    let key = json!({"name": "KIS", "environment": "mock", "app_key": "PSanna", "app_secret": "secret", "account_no": "50010000-01"});
    let cases = [
        (&anna, "POST", "/api/v1/trading/kill-switch", json!({"on": false})),
        (&anna, "POST", "/api/v1/trading/accounts", key),
        (&admin, "POST", "/api/v1/admin/kill-switch", json!({"on": false})),
        (&admin, "PUT", "/api/v1/admin/live-trading", json!({"allowed": true})),
        (&admin, "PATCH", "/api/v1/admin/settings", json!({"networks": ["127.0.0.1"]})),
    ];
    for (caller, method, path, body) in &cases {
        let (status, found) = answer(caller.request(method, path).json(body)).await;
        assert_eq!((status, &found["code"]), (403, &json!("step_up_required")), "{method} {path}: {found}");
    }
    for (caller, method, path, body) in &cases {
        caller.prove().await;
        let (_, found) = answer(caller.request(method, path).json(body)).await;
        assert_ne!(found["code"], "step_up_required", "{method} {path}");
    }
}

#[tokio::test]
async fn an_address_takes_the_documented_methods_and_no_others() {
    let server = TestServer::start().await;
    let anna = server.user("anna").await;
    let mut paths: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for route in routes::all() {
        paths.entry(route.path).or_default().insert(route.method.to_string());
    }
    let mut tried = 0;
    for (path, documented) in &paths {
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"] {
            if documented.contains(method) {
                continue;
            }
            let response = anna.request(method, &concrete(path)).send().await.unwrap();
            assert_eq!(response.status(), 405, "{method} {path}");
            let allowed: BTreeSet<String> = response.headers()["allow"].to_str().unwrap().split(", ").map(str::to_owned).collect();
            assert_eq!(allowed, *documented, "{method} {path}");
            tried += 1;
        }
    }
    assert!(tried > 7 * paths.len(), "only {tried} were tried");
}
