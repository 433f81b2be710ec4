//! One user against another's data: with the real ids of somebody else every route answers as if they
//! did not exist. A route that is not tried here fails the test.

use std::collections::BTreeSet;

use eggmoney::domain::user::Role;
use eggmoney::http::routes;
use eggmoney::simulators::Scenario;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::support::chat::BotApi;
use crate::support::old::{Night, fixtures};
use crate::support::{Answer, Caller, PASSWORD, answer};

/// Routes that name nobody's data: what they answer is the caller's own or everybody's.
const NAMELESS: &[&str] = &[
    "POST /api/v1/trading/broker-keys/test",
    "GET /api/v1/market/search",
    "GET /api/v1/system",
    "GET /healthz",
    "GET /readyz",
    // Tried with the token in observation.rs: no name and no id of anybody is in it.
    "GET /metrics",
    "GET /api/v1/admin/logs",
    "GET /api/v1/admin/outposts",
    "PUT /api/v1/admin/outposts/{kind}",
    "DELETE /api/v1/admin/outposts/{kind}",
    // The caller's own accounts only: see owners_hear_ahead_of_what_ends.
    "GET /api/v1/users/expiries",
    "GET /api/v1/admin/metrics-token",
    "POST /api/v1/admin/metrics-token",
    "DELETE /api/v1/admin/metrics-token",
    "POST /api/v1/auth/register",
    "POST /api/v1/auth/login",
    "POST /api/v1/auth/refresh",
    "POST /api/v1/auth/logout",
    "POST /api/v1/auth/step-up",
    "POST /api/v1/auth/reset",
    "POST /api/v1/auth/recovery",
    "POST /api/v1/auth/recovery/confirm",
    "GET /api/v1/auth/oidc/providers",
    "POST /api/v1/auth/oidc/start",
    "GET /api/v1/auth/oidc/callback",
    "POST /api/v1/auth/oidc/finish",
    "POST /api/v1/auth/oidc/code",
    "GET /api/v1/users/identities",
    "POST /api/v1/users/identities/start",
    "POST /api/v1/users/identities",
    // Tried with another user's in oidc.rs.
    "DELETE /api/v1/users/identities/{id}",
    // What others have granted: tried kind by kind in grants.rs.
    "GET /api/v1/shared",
    "DELETE /api/v1/shared/{grant}",
    "GET /api/v1/shared/{grant}/account",
    "GET /api/v1/shared/{grant}/positions",
    "GET /api/v1/shared/{grant}/orders",
    "GET /api/v1/shared/{grant}/bots",
    "POST /api/v1/shared/{grant}/bots",
    "PATCH /api/v1/shared/{grant}/bots/{bot}",
    "DELETE /api/v1/shared/{grant}/bots/{bot}",
    "POST /api/v1/shared/{grant}/bots/{bot}/rename",
    "POST /api/v1/shared/{grant}/stop",
    "GET /api/v1/admin/sign-in-providers",
    "POST /api/v1/admin/sign-in-providers",
    "PATCH /api/v1/admin/sign-in-providers/{id}",
    "DELETE /api/v1/admin/sign-in-providers/{id}",
    "POST /api/v1/admin/sign-in-providers/test",
    "PUT /api/v1/admin/public-address",
    "GET /api/v1/users/second-factor",
    "POST /api/v1/users/second-factor",
    "DELETE /api/v1/users/second-factor",
    "POST /api/v1/users/second-factor/confirm",
    "POST /api/v1/users/second-factor/recovery-codes",
    "POST /api/v1/users/password/confirm",
    "GET /api/v1/users/remaining",
    "GET /api/v1/users/export",
    "POST /api/v1/users/erase",
    "POST /api/v1/admin/users/{id}/erase",
    "POST /api/v1/imports/user",
    "GET /api/v1/users/disclosures",
    "POST /api/v1/users/disclosures",
    "GET /api/v1/users/audit",
    "GET /api/v1/users/connection",
    "GET /api/v1/users/networks",
    "PUT /api/v1/users/networks",
    "GET /api/v1/users/api-keys",
    "POST /api/v1/users/api-keys",
    "GET /api/v1/admin/backup",
    "PUT /api/v1/admin/backup/settings",
    "POST /api/v1/admin/backup/run",
    "POST /api/v1/admin/backup/drill",
    "POST /api/v1/admin/backup/recovery-key",
    "POST /api/v1/admin/backup/recovery-key/words",
    "PUT /api/v1/admin/backup/passphrase",
    "DELETE /api/v1/admin/backup/passphrase",
    "POST /api/v1/admin/backup/release",
    "GET /api/v1/admin/audit",
    "GET /api/v1/admin/invitations",
    "POST /api/v1/admin/invitations",
    "DELETE /api/v1/admin/invitations/{id}",
    "PATCH /api/v1/admin/users/{id}",
    "POST /api/v1/admin/users/{id}/reset",
    "GET /api/v1/users/profile",
    "PATCH /api/v1/users/profile",
    "POST /api/v1/users/password",
    "GET /api/v1/users/sessions",
    "GET /api/v1/admin/users",
    "GET /api/v1/admin/settings",
    "PATCH /api/v1/admin/settings",
    "GET /api/v1/admin/system",
    "GET /api/v1/trading/kill-switch",
    "POST /api/v1/admin/kill-switch",
    "GET /api/v1/admin/live-trading",
    "PUT /api/v1/admin/live-trading",
    "GET /api/v1/admin/users/{id}/rules",
    "PUT /api/v1/admin/users/{id}/rules",
    "GET /api/v1/trading/accounts",
    "POST /api/v1/trading/accounts",
    "POST /api/v1/imports/eggmoney",
    "GET /api/v1/market/calendar",
];

/// An id that nobody has.
const NOBODYS: &str = "01900000-0000-7000-8000-000000000000";

/// The owner and those who try.
struct Trial<'s> {
    owner: Caller<'s>,
    /// Another user, an administrator, and somebody to whom the owner has granted all there is to grant.
    strangers: [Caller<'s>; 3],
    tried: BTreeSet<String>,
    /// Answers to strangers: real ids and made-up ones.
    cells: usize,
}

async fn send(caller: &Caller<'_>, method: &str, path: &str, body: &Value) -> Answer {
    let request = caller.request(method, path);
    answer(if body.is_null() { request } else { request.json(body) }).await
}

/// What is left of an answer when its own number is taken out.
fn told(mut answer: Answer) -> Answer {
    if let Some(fields) = answer.1.as_object_mut() {
        fields.remove("trace_id");
    }
    answer
}

impl Trial<'_> {
    /// `route` is what the list of routes says, `secret` the owner's id, which path or body hold.
    async fn of(&mut self, route: &str, path: &str, secret: &str, body: Value) -> Value {
        let method = route.split(' ').next().unwrap();
        self.tried.insert(route.to_owned());
        assert!(path.contains(secret) || body.to_string().contains(secret), "{route} is tried without {secret}");
        let other_body: Value = serde_json::from_str(&body.to_string().replace(secret, NOBODYS)).unwrap();
        for stranger in &self.strangers {
            let real = told(send(stranger, method, path, &body).await);
            self.cells += 2;
            let made_up = told(send(stranger, method, &path.replace(secret, NOBODYS), &other_body).await);
            assert_eq!((real.0, &real.1["code"]), (404, &json!("not_found")), "{route}: {}", real.1);
            assert_eq!(real, made_up, "{route} tells a stranger's id from one that does not exist");
        }
        let (status, answer) = send(&self.owner, method, path, &body).await;
        assert!((200..300).contains(&status), "{route} for the owner: {status} {answer}");
        answer
    }

    /// The owner's thing inside the stranger's own account.
    async fn inside_own(&self, path: &str, secret: &str, body: Value) {
        let other_body: Value = serde_json::from_str(&body.to_string().replace(secret, NOBODYS)).unwrap();
        let real = told(self.strangers[0].post(path, &body).await);
        assert!((400..500).contains(&real.0), "{path}: {real:?}");
        assert_eq!(real, told(self.strangers[0].post(path, &other_body).await), "{path}");
    }

    async fn items(&self, path: &str) -> Vec<Value> {
        let (status, answer) = self.owner.get(path).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer["items"].as_array().unwrap().clone()
    }

    async fn version(&self, path: &str) -> Value {
        self.owner.get(path).await.1["version"].clone()
    }

    /// Uploads an old database without its keys.
    async fn upload(&self) -> String {
        let db = fs_err::read(fixtures().join("egg_choe.db")).unwrap();
        let part = reqwest::multipart::Part::bytes(db).file_name("egg_choe.db");
        let form = reqwest::multipart::Form::new().part("db", part).text("account_name", "second");
        let (status, staged) = answer(self.owner.request("POST", "/api/v1/imports/eggmoney").multipart(form)).await;
        assert_eq!(status, 201, "{staged}");
        id(&staged)
    }
}

fn id(value: &Value) -> String {
    value["id"].as_str().unwrap_or_else(|| panic!("no id in {value}")).to_owned()
}

type Socket = tokio_tungstenite::WebSocketStream<tokio::net::TcpStream>;

async fn socket(base: &str, token: &str) -> Socket {
    let host = base.trim_start_matches("http://");
    let stream = tokio::net::TcpStream::connect(host).await.unwrap();
    let (mut socket, _) = tokio_tungstenite::client_async(format!("ws://{host}/ws/events"), stream).await.unwrap();
    socket.send(Message::text(json!({"type": "auth", "token": token}).to_string())).await.unwrap();
    socket
}

/// All frames of what happened up to a market time: a second later nothing of it is on its way any more.
async fn frames(socket: &mut Socket, until: &str) -> Vec<Value> {
    let mut frames = Vec::new();
    let mut clocks = 0;
    while clocks < 2 {
        let Some(Ok(Message::Text(text))) = socket.next().await else { break };
        let frame: Value = serde_json::from_str(&text).unwrap();
        clocks += usize::from(frame["market_time"].as_str().is_some_and(|at| at >= until));
        frames.push(frame);
    }
    frames
}

#[tokio::test]
async fn nobody_learns_of_anothers_data_on_any_route() {
    let chat = BotApi::start().await;
    let url = chat.url.clone();
    let night = Night::start_configured("2026-05-15T14:58:00Z", Scenario::default(), move |c| c.telegram_url = url).await;
    let mine = night.bring("chan", "chan", 30_000).await;
    let theirs = night.bring("choe2", "choe", 22_000).await;
    let server = &night.server;
    server.create("root-admin", Role::Admin).await;
    let admin = server.login("root-admin").await;
    let (owner, stranger) = (server.login("chan").await.proved().await, server.login("choe2").await.proved().await);
    let account = mine.account.to_string();
    // A grant opens the routes below /shared, and none of the owner's own.
    server.create("grantee", Role::User).await;
    for kind in ["view", "manage_bots", "emergency_stop"] {
        let body = json!({"username": "grantee", "kind": kind, "until": "2026-12-01T00:00:00Z"});
        assert_eq!(owner.post(&format!("/api/v1/trading/accounts/{account}/grants"), &body).await.0, 201);
    }
    let grantee = server.login("grantee").await.proved().await;
    let mut t = Trial { owner, strangers: [stranger, admin.proved().await, grantee], tried: BTreeSet::new(), cells: 0 };
    let own = theirs.account.to_string();
    let at = format!("/api/v1/trading/accounts/{account}");

    // Before the night: questions of the import, then the start.
    const ACCOUNT: &str = "/api/v1/trading/accounts/{id}";
    let one = |method: &str, rest: &str| format!("{method} {ACCOUNT}{rest}");
    let detail = t.of(&one("GET", ""), &at, &account, Value::Null).await;
    let questions = t.of(&one("GET", "/unsettled"), &format!("{at}/unsettled"), &account, Value::Null).await;
    assert_eq!(questions["items"].as_array().unwrap().len(), detail["unsettled"].as_array().unwrap().len());
    let body = json!({"version": t.version(&at).await, "settings": {"total_budget": 8000}});
    t.of(&one("PATCH", ""), &at, &account, body).await;
    let body = json!({"account_id": account, "tickers": [{"symbol": "TQQQ", "count": 1}], "dry_run": true});
    t.of("POST /api/v1/trading/bots/renewal", "/api/v1/trading/bots/renewal", &account, body).await;
    t.of(&one("POST", "/start"), &format!("{at}/start"), &account, json!({"old_server_stopped": true})).await;

    // The night, heard by both.
    let mut heard_mine = socket(&server.base, t.owner.token.as_ref().unwrap()).await;
    let mut heard_theirs = socket(&server.base, t.strangers[0].token.as_ref().unwrap()).await;
    const NIGHT: &str = "2026-05-15T16:20:00Z";
    for socket in [&mut heard_mine, &mut heard_theirs] {
        let ready = socket.next().await.unwrap().unwrap();
        assert!(ready.to_text().unwrap().contains("ready"), "{ready}");
    }
    night.run_until(NIGHT, 60).await;
    let (heard_mine, heard_theirs) = (frames(&mut heard_mine, NIGHT).await, frames(&mut heard_theirs, NIGHT).await);
    for kind in ["order", "alert", "sheet"] {
        assert!(heard_mine.iter().any(|f| f["type"] == kind && f.to_string().contains(&account)), "no {kind} for the owner");
    }
    assert!(heard_theirs.iter().any(|f| f["account_id"] == own.as_str()), "the other one hears of the own account");
    for frame in &heard_theirs {
        assert!(!frame.to_string().contains(&account), "{frame}");
    }
    for bad in ["", "nonsense", "a.b.c"] {
        let refused = frames(&mut socket(&server.base, bad).await, NIGHT).await;
        assert_eq!((refused.len(), &refused[0]["code"]), (1, &json!("unauthorized")), "{refused:?}");
    }
    t.tried.insert("GET /ws/events".to_owned());

    // Reading.
    for rest in
        ["/runs", "/schedule", "/export/eggmoney", "/export/eggmoney/database", "/export/eggmoney/settings", "/going-live", "/nights"]
    {
        t.of(&one("GET", rest), &format!("{at}{rest}"), &account, Value::Null).await;
    }
    for route in [
        "trading/bots",
        "trading/preview",
        "trading/sheets",
        "trading/orders",
        "trading/positions",
        "trading/history",
        "trading/history/summary",
        "portfolio/summary",
        "market/indicators",
        "alerts",
    ] {
        let path = format!("/api/v1/{route}?account_id={account}");
        t.of(&format!("GET /api/v1/{route}"), &path, &account, Value::Null).await;
    }
    let list = |what: &str| format!("/api/v1/trading/{what}?account_id={account}");
    let (bots, orders, alerts) = (t.items(&list("bots")).await, t.items(&list("orders")).await, t.items("/api/v1/alerts").await);
    let holdings = t.owner.get(&list("positions")).await.1["holdings"].as_array().unwrap().clone();
    let mut secrets = vec![account.clone(), mine.app_key.clone()];
    for items in [&bots, &orders, &alerts, &holdings, &t.items(&list("history")).await, &t.items(&list("sheets")).await] {
        assert!(!items.is_empty());
        secrets.extend(items.iter().map(id));
    }
    let order = id(&orders[0]);
    t.of("GET /api/v1/trading/orders/{id}", &format!("/api/v1/trading/orders/{order}"), &order, Value::Null).await;
    let seller = bots.iter().find(|b| !b["holding"].is_null()).map(id).unwrap();
    let bot = |id: &str, rest: &str| format!("/api/v1/trading/bots/{id}{rest}");
    const BOT: &str = "/api/v1/trading/bots/{id}";
    t.of(&format!("GET {BOT}"), &bot(&seller, ""), &seller, Value::Null).await;
    t.of(&format!("GET {BOT}/ladder"), &bot(&seller, "/ladder"), &seller, Value::Null).await;

    // What strangers see of their own names nobody else's.
    for stranger in &t.strangers[..2] {
        for path in [
            "/api/v1/trading/accounts".to_owned(),
            "/api/v1/alerts?limit=500".to_owned(),
            "/api/v1/portfolio/summary".to_owned(),
            "/api/v1/market/indicators".to_owned(),
            "/api/v1/users/sessions".to_owned(),
            "/api/v1/users/profile".to_owned(),
            "/api/v1/admin/users".to_owned(),
            "/api/v1/admin/system".to_owned(),
            "/api/v1/admin/settings".to_owned(),
            format!("/api/v1/trading/orders?account_id={own}&after={order}"),
            format!("/api/v1/trading/bots?account_id={own}"),
            format!("/api/v1/trading/positions?account_id={own}"),
            format!("/api/v1/trading/history?account_id={own}&bot={seller}&limit=500"),
        ] {
            let text = stranger.get(&path).await.1.to_string();
            for secret in &secrets {
                assert!(!text.contains(secret.as_str()), "{path} shows {secret} to somebody else");
            }
        }
    }
    let users = t.strangers[1].get("/api/v1/admin/users").await.1;
    let known: BTreeSet<&str> = users["items"][0].as_object().unwrap().keys().map(String::as_str).collect();
    let stated = ["id", "username", "role", "active", "verified", "premium", "created_at", "accounts"];
    assert_eq!(known, BTreeSet::from(stated), "an administrator sees no holdings");

    // Messages.
    let message = id(&alerts[0]);
    t.of("POST /api/v1/alerts/read", "/api/v1/alerts/read", &message, json!({"ids": [message]})).await;
    let read = t.items("/api/v1/alerts").await.into_iter().find(|a| id(a) == message).unwrap();
    assert_eq!(read["read"], true);

    // Bots, last a throwaway one.
    let new =
        json!({"account_id": account, "name": "TRIAL", "symbol": "TQQQ", "seed": 10, "profit_rate": 0.1, "t_div": 20, "max_tier": 10});
    let throwaway = t.of("POST /api/v1/trading/bots", "/api/v1/trading/bots", &account, new).await;
    let trial = id(&throwaway);
    let body = json!({"version": throwaway["version"], "seed": 11});
    let changed = t.of(&format!("PATCH {BOT}"), &bot(&trial, ""), &trial, body).await;
    let body = json!({"version": changed["version"], "name": "TRIAL2"});
    t.of(&format!("POST {BOT}/rename"), &bot(&trial, "/rename"), &trial, body).await;
    let all: Vec<String> = t.items(&list("bots")).await.iter().map(id).collect();
    t.of("POST /api/v1/trading/bots/reorder", &bot("reorder", ""), &account, json!({"account_id": account, "order": all})).await;
    t.inside_own(&bot("reorder", ""), &trial, json!({"account_id": own, "order": [trial]})).await;
    t.of(&format!("POST {BOT}/force-sell"), &bot(&seller, "/force-sell"), &seller, json!({"ratio_percent": 10})).await;

    // Orders by hand, limits and kill switch.
    let paper = t.items("/api/v1/trading/accounts").await.iter().find(|a| a["environment"] == "own").map(id).unwrap();
    let ticket = json!({"account": paper, "symbol": "005930", "side": "buy", "quantity": 10, "price": 70000});
    t.of("POST /api/v1/trading/orders/preview", "/api/v1/trading/orders/preview", &paper, ticket.clone()).await;
    let placed = id(&t.of("POST /api/v1/trading/orders", "/api/v1/trading/orders", &paper, ticket.clone()).await);
    let one_order = format!("/api/v1/trading/orders/{placed}");
    t.of("PATCH /api/v1/trading/orders/{id}", &one_order, &placed, json!({"quantity": 5})).await;
    t.of("DELETE /api/v1/trading/orders/{id}", &one_order, &placed, Value::Null).await;
    t.owner.post("/api/v1/trading/orders", &ticket).await;
    let cancelled =
        t.of("POST /api/v1/trading/orders/cancel-all", "/api/v1/trading/orders/cancel-all", &paper, json!({"account": paper})).await;
    assert_eq!(cancelled["items"].as_array().unwrap().len(), 1);
    let paper_at = format!("/api/v1/trading/accounts/{paper}");
    let body = json!({"version": t.version(&paper_at).await, "limits": {"max_daily_trades": 5}});
    t.of(&one("PUT", "/limits"), &format!("{paper_at}/limits"), &paper, body).await;
    for on in [true, false] {
        let body = json!({"on": on, "account": paper});
        t.of("POST /api/v1/trading/kill-switch", "/api/v1/trading/kill-switch", &paper, body).await;
    }

    // Corrections.
    let fix = |rest: &str| format!("/api/v1/trading/corrections/{rest}");
    let post = |rest: &str| format!("POST /api/v1/trading/corrections/{rest}");
    let body = json!({"account_id": account, "name": "TRIAL2", "symbol": "TQQQ", "quantity": 3, "average_price": 50, "note": "n"});
    t.of(&post("holding"), &fix("holding"), &account, body).await;
    // The broker has no such shares: a question, its answer, and the shares again.
    let asked = t.of(&one("POST", "/reconcile"), &format!("{at}/reconcile"), &account, Value::Null).await;
    assert_eq!(asked, t.of(&one("GET", "/differences"), &format!("{at}/differences"), &account, Value::Null).await);
    let question = asked["items"].as_array().unwrap().iter().find(|d| d["symbol"] == "TQQQ").map(id).unwrap();
    let path = format!("{at}/differences/{question}/answer");
    let body = json!({"action": "bot", "bot_id": trial, "price": 50});
    t.inside_own(&format!("/api/v1/trading/accounts/{own}/differences/{question}/answer"), &question, body.clone()).await;
    t.of(&one("POST", "/differences/{difference}/answer"), &path, &question, body).await;
    let body = json!({"account_id": account, "name": "TRIAL2", "symbol": "TQQQ", "quantity": 3, "average_price": 50, "note": "n"});
    assert_eq!(t.owner.post(&fix("holding"), &body).await.0, 201);
    let holding = t.owner.get(&list("positions")).await.1["holdings"].as_array().unwrap().iter().find(|h| h["name"] == "TRIAL2").map(id);
    let holding = holding.unwrap();
    let foreign = |rest: &str, key: &str, value: &str| (fix(rest), json!({"account_id": own, key: value, "note": "n"}));
    let (path, mut body) = foreign("holding", "holding_id", &holding);
    (body["quantity"], body["average_price"]) = (json!(1), json!(1));
    t.inside_own(&path, &holding, body).await;
    let (path, body) = foreign("holding/remove", "holding_id", &holding);
    t.inside_own(&path, &holding, body).await;
    let body = json!({"account_id": account, "holding_id": holding, "note": "n"});
    t.of(&post("holding/remove"), &fix("holding/remove"), &account, body).await;
    let body =
        json!({"account_id": account, "name": "TRIAL2", "symbol": "TQQQ", "trade_type": "BUY", "quantity": 1, "buy_price": 5, "note": "n"});
    t.of(&post("history"), &fix("history"), &account, body).await;
    let row = t.items(&format!("{}&bot=TRIAL2", list("history"))).await.first().map(id).unwrap();
    let (path, body) = foreign("history/remove", "history_id", &row);
    t.inside_own(&path, &row, body).await;
    let body = json!({"account_id": account, "history_id": row, "note": "n"});
    t.of(&post("history/remove"), &fix("history/remove"), &account, body).await;
    t.of(&format!("DELETE {BOT}"), &bot(&trial, ""), &trial, Value::Null).await;

    // The account's settings and credentials.
    let schedule = t.owner.get(&format!("{at}/schedule")).await.1["schedule"].clone();
    let body = json!({"version": t.version(&at).await, "schedule": schedule});
    t.of(&one("PUT", "/schedule"), &format!("{at}/schedule"), &account, body).await;
    t.of(&one("POST", "/send-status"), &format!("{at}/send-status"), &account, Value::Null).await;
    let body = json!({"bot_token": "123456789:AAH-secret_Token", "chat_id": "-100200"});
    t.of(&one("PUT", "/telegram"), &format!("{at}/telegram"), &account, body).await;
    let tested = t.of(&one("POST", "/telegram/test"), &format!("{at}/telegram/test"), &account, Value::Null).await;
    assert_eq!((&tested["ok"], chat.arrived().len()), (&json!(true), 1));
    t.of(&one("DELETE", "/telegram"), &format!("{at}/telegram"), &account, Value::Null).await;
    t.of(&one("POST", "/stop"), &format!("{at}/stop"), &account, Value::Null).await;
    let key = format!("{at}/broker-key");
    t.of(&one("POST", "/broker-key/test"), &format!("{key}/test"), &account, Value::Null).await;
    t.of(&one("POST", "/balance"), &format!("{at}/balance"), &account, Value::Null).await;
    let body = json!({"environment": "mock", "app_key": "PSother", "app_secret": "secret", "account_no": "50019999-01"});
    t.of(&one("PUT", "/broker-key"), &key, &account, body).await;
    t.of(&one("PUT", "/ends"), &format!("{at}/ends"), &account, json!({"key_until": "2027-05-14"})).await;
    t.of(&one("PUT", "/hts-id"), &format!("{at}/hts-id"), &account, json!({"hts_id": "chan01"})).await;
    t.of(&one("GET", "/balance"), &format!("{at}/balance"), &account, Value::Null).await;
    t.of(&one("DELETE", "/broker-key"), &key, &account, Value::Null).await;

    // What the owner lets a third person do; the strangers have given a proof, too.
    server.create("third", Role::User).await;
    for caller in t.strangers.iter().chain([&t.owner]) {
        assert_eq!(caller.post("/api/v1/auth/step-up", &json!({"password": PASSWORD})).await.0, 200);
    }
    let grants = format!("{at}/grants");
    let body = json!({"username": "third", "kind": "view", "until": "2026-12-01T00:00:00Z"});
    let grant = id(&t.of(&one("POST", "/grants"), &grants, &account, body).await);
    let listed = t.of(&one("GET", "/grants"), &grants, &account, Value::Null).await;
    assert!(listed["items"].as_array().unwrap().iter().any(|g| g["username"] == "third"), "{listed}");
    t.of(&one("DELETE", "/grants/{grant}"), &format!("{grants}/{grant}"), &grant, Value::Null).await;

    // Uploads.
    let upload = t.upload().await;
    let (path, body) = (format!("/api/v1/imports/{upload}/confirm"), json!({"skip_refused": true}));
    let second = t.of("POST /api/v1/imports/{id}/confirm", &path, &upload, body).await["account_id"].as_str().unwrap().to_owned();
    let at = format!("/api/v1/trading/accounts/{second}");
    t.of(&one("POST", "/going-live"), &format!("{at}/going-live"), &second, json!({"rung": "observe"})).await;
    let questions = t.items(&format!("{at}/unsettled")).await;
    for question in &questions {
        let action = if question["type"] == "unbooked_fills" { "discard" } else { "merge" };
        let body = json!({"type": question["type"], "name": question["name"], "action": action});
        t.of(&one("POST", "/settle"), &format!("{at}/settle"), &second, body).await;
    }
    let upload = t.upload().await;
    t.of("DELETE /api/v1/imports/{id}", &format!("/api/v1/imports/{upload}"), &upload, Value::Null).await;

    // An API key.
    let (status, answer) = t.owner.post("/api/v1/auth/step-up", &json!({"password": PASSWORD})).await;
    assert_eq!(status, 200, "{answer}");
    let (status, made) = t.owner.post("/api/v1/users/api-keys", &json!({"name": "script", "scope": "read"})).await;
    assert_eq!(status, 201, "{made}");
    let key = id(&made["item"]);
    t.of("DELETE /api/v1/users/api-keys/{id}", &format!("/api/v1/users/api-keys/{key}"), &key, Value::Null).await;

    // The session of another device.
    server.login("chan").await;
    let sessions = t.items("/api/v1/users/sessions").await;
    let session = sessions.iter().find(|s| s["current"] == false).map(id).unwrap();
    t.of("DELETE /api/v1/users/sessions/{id}", &format!("/api/v1/users/sessions/{session}"), &session, Value::Null).await;

    println!("authorisation matrix: {} answers to strangers with real ids and with made-up ones", t.cells);
    let all: BTreeSet<String> = routes::all().iter().map(|r| format!("{} {}", r.method, r.path)).collect();
    let decided: BTreeSet<String> = NAMELESS.iter().map(|r| (*r).to_owned()).chain(t.tried).collect();
    let open: Vec<_> = decided.symmetric_difference(&all).collect();
    assert!(open.is_empty(), "each route is either tried here or said to name nobody's data: {open:?}");
    assert_eq!(server.app.store.verify().unwrap().differences, []);
}
