//! Bad input on every route that changes something: the answer names the field at fault, nothing
//! changes, and nothing breaks inside. A route that is not tried here fails the test.

use std::collections::BTreeSet;

use eggmoney::domain::clock::Clock;
use eggmoney::domain::user::Role;
use eggmoney::http::routes;
use serde_json::{Value, json};

use crate::support::keys::{Signed, make_key};
use crate::support::old::{Night, fixtures};
use crate::support::{Caller, PASSWORD, TestServer, answer};

/// Routes that take no body.
const BODILESS: &[&str] = &[
    "DELETE /api/v1/users/sessions/{id}",
    "POST /api/v1/admin/metrics-token",
    "DELETE /api/v1/admin/metrics-token",
    "DELETE /api/v1/admin/outposts/{kind}",
    "DELETE /api/v1/users/api-keys/{id}",
    "DELETE /api/v1/trading/accounts/{id}/broker-key",
    "DELETE /api/v1/trading/accounts/{id}/telegram",
    "DELETE /api/v1/trading/bots/{id}",
    "DELETE /api/v1/imports/{id}",
    "DELETE /api/v1/trading/orders/{id}",
    "POST /api/v1/trading/accounts/{id}/reconcile",
    "POST /api/v1/trading/accounts/{id}/stop",
    "POST /api/v1/trading/accounts/{id}/send-status",
    "POST /api/v1/trading/accounts/{id}/broker-key/test",
    "POST /api/v1/trading/accounts/{id}/balance",
    "POST /api/v1/trading/accounts/{id}/telegram/test",
    "POST /api/v1/auth/recovery",
    "POST /api/v1/users/second-factor",
    "DELETE /api/v1/users/second-factor",
    "POST /api/v1/users/second-factor/recovery-codes",
    "POST /api/v1/users/password/confirm",
    "DELETE /api/v1/admin/invitations/{id}",
    "DELETE /api/v1/users/identities/{id}",
    "DELETE /api/v1/admin/sign-in-providers/{id}",
    "DELETE /api/v1/trading/accounts/{id}/grants/{grant}",
    "DELETE /api/v1/shared/{grant}",
    "DELETE /api/v1/shared/{grant}/bots/{bot}",
    "POST /api/v1/shared/{grant}/stop",
    "POST /api/v1/admin/backup/run",
    "POST /api/v1/admin/backup/drill",
    "POST /api/v1/admin/backup/recovery-key",
    "DELETE /api/v1/admin/backup/passphrase",
];
/// Right bodies need a provider that answers, or words that are asked for: their fields are tried here, the
/// journeys in oidc.rs and backup.rs.
const AWAY: &[&str] = &[
    "POST /api/v1/auth/oidc/start",
    "POST /api/v1/auth/oidc/finish",
    "POST /api/v1/auth/oidc/code",
    "POST /api/v1/users/identities/start",
    "POST /api/v1/users/identities",
    "POST /api/v1/admin/backup/recovery-key/words",
];
/// Have a form instead of JSON; they are tried in tests of their own.
const UPLOADS: [&str; 2] = ["POST /api/v1/imports/eggmoney", "POST /api/v1/imports/user"];

/// What a field takes.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// A short text that people read.
    Words,
    /// A text whose form is checked elsewhere, or not at all.
    Any,
    /// As words, but blank is as good as absent.
    Label,
    /// One of a few words.
    Choice,
    Flag,
    /// A decimal above zero, within reason.
    Positive,
    /// The same, or zero.
    FromZero,
    /// A decimal within reason that may be negative.
    Signed,
    /// A whole number from 1 on.
    Whole,
    /// The version that a change was made from.
    Version,
    Id,
    List,
    Object,
}

impl Kind {
    fn wrong(self) -> Vec<Value> {
        let numbers = [json!(true), json!([]), json!({}), json!("ten"), json!("NaN"), json!("Infinity"), json!("")];
        let absurd = [json!(1e308), json!(-1e308), json!("1e400"), json!(format!("1{}", "0".repeat(30))), json!(1e30)];
        match self {
            Kind::Words => {
                let texts = ["", "  ", "a\u{0}b", "line\rbreak", "\u{1b}[2J"].map(|t| json!(t));
                [&texts[..], &[json!("x".repeat(5_000)), json!(7), json!(false), json!([]), json!({})]].concat()
            }
            Kind::Label => Kind::Words.wrong().split_off(2),
            Kind::Any => vec![json!(7), json!(false), json!([]), json!({})],
            Kind::Choice => vec![json!(7), json!(false), json!([]), json!({}), json!(""), json!("nonsense"), json!("MOCK ")],
            Kind::Flag => vec![json!("true"), json!(1), json!([]), json!({})],
            Kind::Positive => [&numbers[..], &absurd, &[json!(-1), json!("-0.01"), json!(0)]].concat(),
            Kind::FromZero => [&numbers[..], &absurd, &[json!(-1), json!("-0.01")]].concat(),
            Kind::Signed => [&numbers[..], &absurd].concat(),
            Kind::Whole => {
                [&numbers[..], &[json!(1e308), json!(1.5), json!("7"), json!(-1), json!(0), json!(i64::MAX), json!(u64::MAX)]].concat()
            }
            Kind::Version => vec![json!(true), json!([]), json!("1"), json!(-1), json!(1.5), json!(1e308)],
            Kind::Id => vec![json!(7), json!(""), json!("nonsense"), json!([]), json!({}), json!("../../etc/passwd")],
            Kind::List => vec![json!(7), json!("x"), json!({}), json!([7]), json!([[]]), json!(["x"])],
            Kind::Object => vec![json!(7), json!("x"), json!([])],
        }
    }
}

struct Field {
    name: &'static str,
    kind: Kind,
    required: bool,
}

const fn must(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, required: true }
}

const fn may(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, required: false }
}

/// A caller with bad intentions.
struct Attack<'s> {
    caller: Caller<'s>,
    /// What must stay as it is.
    watched: Vec<String>,
    tried: BTreeSet<String>,
    faults: Vec<String>,
}

impl Attack<'_> {
    async fn state(&self) -> Vec<Value> {
        let mut state = Vec::new();
        for path in &self.watched {
            let (status, answer) = self.caller.get(path).await;
            assert_eq!(status, 200, "{path}: {answer}");
            state.push(answer);
        }
        state
    }

    /// Sends a body as it is; it must be refused as a problem that names something.
    async fn refused(&mut self, what: &str, request: reqwest::RequestBuilder, pointer: Option<&str>) -> (u16, String) {
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let kind = response.headers().get("content-type").map(|v| v.to_str().unwrap().to_owned());
        let text = response.text().await.unwrap();
        let problem: Value = serde_json::from_str(&text).unwrap_or_default();
        let code = problem["code"].as_str().unwrap_or_default().to_owned();
        let named = pointer.is_none_or(|p| {
            let at = |v: &Value| v["pointer"].as_str().is_some_and(|found| found == p || related(found, p));
            at(&problem) || problem["errors"].as_array().is_some_and(|e| e.iter().any(at))
        });
        let right = (400..500).contains(&status)
            && kind.as_deref() == Some("application/problem+json")
            && !code.is_empty()
            && problem["detail"].as_str().is_some_and(|d| d.len() > 10 && d.len() < 1_500 && !d.chars().any(char::is_control))
            && problem["trace_id"].is_string();
        if !right || !named {
            self.faults.push(format!("{what}: wanted {pointer:?}, got {status} {}", text.chars().take(300).collect::<String>()));
        }
        (status, code)
    }

    /// Every field in every wrong way, then bodies that are none, then the right one.
    async fn on(&mut self, route: &str, path: &str, fields: &[Field], good: Value) -> Value {
        let method = route.split(' ').next().unwrap();
        self.tried.insert(route.to_owned());
        let before = self.state().await;
        for field in fields {
            let pointer = format!("/{}", field.name.replace('.', "/"));
            for wrong in field.kind.wrong() {
                let mut body = good.clone();
                *place(&mut body, &pointer) = wrong.clone();
                let what = format!("{route} with {} = {}", field.name, wrong.to_string().chars().take(60).collect::<String>());
                self.refused(&what, self.caller.request(method, path).json(&body), Some(&pointer)).await;
            }
            if field.required {
                let mut body = good.clone();
                let (parent, name) = pointer.rsplit_once('/').unwrap();
                body.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name);
                let what = format!("{route} without {}", field.name);
                self.refused(&what, self.caller.request(method, path).json(&body), Some(&pointer)).await;
            }
        }
        let mut surprised = good.clone();
        surprised["surprise"] = json!(1);
        let (_, code) =
            self.refused(&format!("{route} with surprise"), self.caller.request(method, path).json(&surprised), Some("/surprise")).await;
        if code != "unknown_field" {
            self.faults.push(format!("{route} with surprise: {code}"));
        }
        let deep = "[".repeat(200_000);
        let nested = format!("{}1{}", "{\"a\":".repeat(50_000), "}".repeat(50_000));
        let large = json!({"note": "x".repeat(3 << 20)}).to_string();
        for (what, kind, body, status) in [
            ("nothing", "application/json", "", 400),
            ("no JSON", "application/json", "{\"", 400),
            ("text", "application/json", "hello", 400),
            ("control characters", "application/json", "{\"name\": \"a\u{1}b\"}", 0),
            ("a list", "application/json", "[]", 422),
            ("null", "application/json", "null", 422),
            ("deep lists", "application/json", &deep, 0),
            ("deep objects", "application/json", &nested, 0),
            ("3 MB", "application/json", &large, 413),
            ("a form", "application/x-www-form-urlencoded", "a=1", 415),
            ("XML", "text/xml", "<a/>", 415),
        ] {
            let optional = route.ends_with("auth/refresh") || route.ends_with("auth/logout");
            if optional && matches!(what, "nothing" | "null" | "a list") {
                continue;
            }
            let request = self.caller.request(method, path).header("content-type", kind).body(body.to_owned());
            let (found, _) = self.refused(&format!("{route} with {what}"), request, None).await;
            if status != 0 && found != status {
                self.faults.push(format!("{route} with {what}: {found} instead of {status}"));
            }
        }
        let bytes = self.caller.request(method, path).header("content-type", "application/json").body(b"{\"a\":\"\xff\xfe\"}".to_vec());
        self.refused(&format!("{route} with bytes that are no UTF-8"), bytes, None).await;
        if self.state().await != before {
            self.faults.push(format!("{route} changed something in spite of refusing"));
        }
        let (status, done) = answer(self.caller.request(method, path).json(&good)).await;
        if AWAY.contains(&route) {
            // Nobody was sent away by this, so that nobody comes back.
            if !(400..500).contains(&status) {
                self.faults.push(format!("{route} without a sign-in under way: {status} {done}"));
            }
        } else if !(200..300).contains(&status) {
            self.faults.push(format!("{route} with the right body: {status} {done}"));
        }
        done
    }

    fn finish(&self) {
        assert!(self.faults.is_empty(), "{} faults:\n{}", self.faults.len(), self.faults.join("\n"));
    }
}

/// Whether one lies within the other; the whole body names nothing.
fn related(found: &str, wanted: &str) -> bool {
    let within = |inner: &str, outer: &str| !outer.is_empty() && inner.starts_with(&format!("{outer}/"));
    within(found, wanted) || within(wanted, found)
}

fn place<'v>(body: &'v mut Value, pointer: &str) -> &'v mut Value {
    let mut at = body;
    for name in pointer.trim_start_matches('/').split('/') {
        at = match name.parse::<usize>() {
            Ok(index) => &mut at[index],
            Err(_) => &mut at[name],
        };
    }
    at
}

#[tokio::test]
async fn every_route_names_what_is_wrong_and_changes_nothing() {
    use Kind::{Any, Choice, Flag, FromZero, Id, Label, List, Object, Positive, Signed, Version, Whole, Words};
    let night = Night::start("2026-05-15T14:58:00Z").await;
    let owned = night.bring("chan", "chan", 30_000).await;
    let server = &night.server;
    server.create("root-admin", Role::Admin).await;
    server.app.trading.tick().await;
    let account = owned.account.to_string();
    let at = format!("/api/v1/trading/accounts/{account}");
    let list = |what: &str| format!("/api/v1/trading/{what}?account_id={account}");
    let mut t = Attack {
        caller: server.login("chan").await.proved().await,
        watched: vec![
            "/api/v1/trading/accounts".to_owned(),
            at.clone(),
            format!("{at}/schedule"),
            format!("{at}/unsettled"),
            list("bots"),
            list("positions"),
            list("history"),
            list("orders"),
            list("sheets"),
            "/api/v1/alerts".to_owned(),
            "/api/v1/users/profile".to_owned(),
            "/api/v1/users/api-keys".to_owned(),
        ],
        tried: BTreeSet::new(),
        faults: Vec::new(),
    };
    let bots = t.caller.get(&list("bots")).await.1["items"].as_array().unwrap().clone();
    let id = |v: &Value| v["id"].as_str().unwrap_or_default().to_owned();
    let version = |v: &Value| v["version"].clone();

    const BOT_FIELDS: &[Field] = &[
        may("symbol", Words),
        may("active", Flag),
        may("seed", Positive),
        may("profit_rate", Positive),
        may("t_div", Whole),
        may("max_tier", Whole),
        may("buy_below_average", Flag),
        may("point_curve", Choice),
        may("skip_sell", Flag),
        may("closing_conditions", List),
        may("closing_conditions.0.drop_rate", Positive),
        may("closing_conditions.0.seed_rate", FromZero),
        may("trailing_enabled", Flag),
        may("trailing_t_threshold", Signed),
        may("trailing_stop_pct", Signed),
        may("trailing_floor_rate", Signed),
        may("added_seed", Signed),
    ];
    let settings = json!({
        "symbol": "TQQQ", "active": true, "seed": "100.5", "profit_rate": 0.1, "t_div": 20, "max_tier": 10, "buy_below_average": true,
        "point_curve": "P1", "skip_sell": false, "closing_conditions": [{"drop_rate": 0.05, "seed_rate": 1}], "trailing_enabled": false,
        "trailing_t_threshold": 0.3, "trailing_stop_pct": 0.1, "trailing_floor_rate": 0.1, "added_seed": -3,
    });
    let mut new = settings.clone();
    (new["account_id"], new["name"]) = (json!(account), json!("TRIAL"));
    let of_new = [must("account_id", Id), must("name", Words), must("symbol", Words), must("seed", Positive), must("t_div", Whole)];
    let fields: Vec<Field> = of_new.into_iter().chain(BOT_FIELDS.iter().map(|f| may(f.name, f.kind))).collect();
    let bot = t.on("POST /api/v1/trading/bots", "/api/v1/trading/bots", &fields, new).await;
    let at_bot = format!("/api/v1/trading/bots/{}", id(&bot));
    let mut change = settings.clone();
    change["version"] = version(&bot);
    let fields: Vec<Field> = [must("version", Version)].into_iter().chain(BOT_FIELDS.iter().map(|f| may(f.name, f.kind))).collect();
    let bot = t.on("PATCH /api/v1/trading/bots/{id}", &at_bot, &fields, change).await;
    let body = json!({"version": version(&bot), "name": "TRIAL2"});
    t.on("POST /api/v1/trading/bots/{id}/rename", &format!("{at_bot}/rename"), &[must("version", Version), must("name", Words)], body)
        .await;
    let order: Vec<String> = t.caller.get(&list("bots")).await.1["items"].as_array().unwrap().iter().map(id).collect();
    let fields = [must("account_id", Id), must("order", List)];
    let body = json!({"account_id": account, "order": order});
    t.on("POST /api/v1/trading/bots/reorder", "/api/v1/trading/bots/reorder", &fields, body).await;

    let body = json!({"version": version(&t.caller.get(&at).await.1), "name": "renamed",
        "settings": {"total_budget": 8000, "auto_start": false, "auto_start_threshold": 0.5, "bot_sync": false, "fee_rate": 0.0009}});
    let fields = [
        must("version", Version),
        may("name", Words),
        may("settings", Object),
        may("settings.total_budget", Positive),
        may("settings.auto_start", Flag),
        may("settings.auto_start_threshold", Positive),
        may("settings.bot_sync", Flag),
        may("settings.fee_rate", Signed),
    ];
    t.on("PATCH /api/v1/trading/accounts/{id}", &at, &fields, body).await;
    let fields = [
        must("account_id", Id),
        must("tickers", List),
        must("tickers.0.symbol", Words),
        must("tickers.0.count", Whole),
        must("dry_run", Flag),
    ];
    let body = json!({"account_id": account, "tickers": [{"symbol": "TQQQ", "count": 1}], "dry_run": true});
    t.on("POST /api/v1/trading/bots/renewal", "/api/v1/trading/bots/renewal", &fields, body).await;
    let fields = [must("name", Words), must("environment", Choice)];
    t.on("POST /api/v1/trading/accounts", "/api/v1/trading/accounts", &fields, json!({"name": "second", "environment": "mock"})).await;

    // The schedule, with times that no clock shows.
    let shown = t.caller.get(&format!("{at}/schedule")).await.1;
    let body = json!({"version": version(&t.caller.get(&at).await.1), "schedule": shown["schedule"]});
    let fields =
        [must("version", Version), must("schedule", Object), must("schedule.decision", Object), must("schedule.twap_count", Whole)];
    for time in ["25:61", "24:00:00", "12:60:00", "-1:00", "12:00:00.5Z", "noon", ""] {
        for field in ["decision", "twap_start", "twap_end", "closing_buy"] {
            let mut bad = body.clone();
            bad["schedule"][field] = json!({"type": "kst", "time": time});
            let request = t.caller.request("PUT", &format!("{at}/schedule")).json(&bad);
            t.refused(&format!("PUT schedule with {field} = {time}"), request, Some(&format!("/schedule/{field}"))).await;
        }
    }
    for rule in
        [json!({"type": "after_open", "minutes": 100_000}), json!({"type": "before_close", "minutes": -5}), json!({"type": "whenever"})]
    {
        let mut bad = body.clone();
        bad["schedule"]["twap_start"] = rule.clone();
        let request = t.caller.request("PUT", &format!("{at}/schedule")).json(&bad);
        t.refused(&format!("PUT schedule with twap_start = {rule}"), request, Some("/schedule/twap_start")).await;
    }
    t.on("PUT /api/v1/trading/accounts/{id}/schedule", &format!("{at}/schedule"), &fields, body).await;

    // Credentials.
    let fields = [must("environment", Choice), must("app_key", Words), must("app_secret", Words), must("account_no", Words)];
    let body =
        json!({"environment": "mock", "app_key": owned.app_key, "app_secret": format!("{:s<180}", "chan"), "account_no": "50010004-01"});
    t.on("PUT /api/v1/trading/accounts/{id}/broker-key", &format!("{at}/broker-key"), &fields, body).await;
    let fields = [must("environment", Choice), must("app_key", Words), must("app_secret", Words), must("account_no", Words)];
    let body = json!({"environment": "mock", "app_key": "PSnobody", "app_secret": "secret", "account_no": "50010009-01"});
    t.on("POST /api/v1/trading/broker-keys/test", "/api/v1/trading/broker-keys/test", &fields, body).await;
    let fields = [may("hts_id", Words)];
    t.on("PUT /api/v1/trading/accounts/{id}/hts-id", &format!("{at}/hts-id"), &fields, json!({"hts_id": "chan01"})).await;
    let fields = [may("key_until", Choice), may("mock_until", Choice)];
    let body = json!({"key_until": "2027-05-14", "mock_until": "2026-08-14"});
    t.on("PUT /api/v1/trading/accounts/{id}/ends", &format!("{at}/ends"), &fields, body).await;
    let fields = [must("bot_token", Words), must("chat_id", Words)];
    let body = json!({"bot_token": "123456789:AAH-secret_Token", "chat_id": "-100200"});
    t.on("PUT /api/v1/trading/accounts/{id}/telegram", &format!("{at}/telegram"), &fields, body).await;

    // Corrections.
    let fix = |rest: &str| (format!("POST /api/v1/trading/corrections/{rest}"), format!("/api/v1/trading/corrections/{rest}"));
    let (route, path) = fix("holding");
    let fields = [
        must("account_id", Id),
        must("name", Words),
        must("symbol", Words),
        must("quantity", Positive),
        must("average_price", Positive),
        may("reserve", Flag),
        must("note", Any),
    ];
    let body = json!({"account_id": account, "name": "TRIAL2", "symbol": "TQQQ", "quantity": 3, "average_price": "50.5", "reserve": false, "note": "n"});
    t.on(&route, &path, &fields, body.clone()).await;
    // The broker has no such shares: a question, its answer, and the shares again.
    let (_, asked) = t.caller.post(&format!("/api/v1/trading/accounts/{account}/reconcile"), &json!({})).await;
    let question = asked["items"].as_array().unwrap().iter().find(|d| d["symbol"] == "TQQQ").map(id).unwrap();
    let corrected = t.caller.get(&list("bots")).await.1["items"].as_array().unwrap().clone();
    let trial = corrected.iter().find(|b| b["name"] == "TRIAL2").map(id).unwrap();
    let fields = [must("action", Choice), must("bot_id", Id), may("price", Positive), may("new_shares", Whole), may("old_shares", Whole)];
    let answered = format!("/api/v1/trading/accounts/{account}/differences/{question}/answer");
    let route_of_answer = "POST /api/v1/trading/accounts/{id}/differences/{difference}/answer";
    t.on(route_of_answer, &answered, &fields, json!({"action": "bot", "bot_id": trial, "price": "50.5"})).await;
    assert_eq!(t.caller.post(&path, &body).await.0, 201);
    let holdings = t.caller.get(&list("positions")).await.1["holdings"].as_array().unwrap().clone();
    let holding = holdings.iter().find(|h| h["name"] == "TRIAL2").map(id).unwrap_or_default();
    let (route, path) = fix("holding/remove");
    let fields = [must("account_id", Id), must("holding_id", Id), must("note", Words)];
    t.on(&route, &path, &fields, json!({"account_id": account, "holding_id": holding, "note": "n"})).await;
    let (route, path) = fix("history");
    let fields = [
        must("account_id", Id),
        must("name", Words),
        must("symbol", Words),
        must("trade_type", Choice),
        must("quantity", Positive),
        must("buy_price", Positive),
        may("sell_price", Positive),
        may("trade_date", Choice),
        must("note", Words),
    ];
    let body = json!({"account_id": account, "name": "TRIAL2", "symbol": "TQQQ", "trade_type": "SELL", "quantity": 1, "buy_price": 5, "sell_price": 6,
        "trade_date": "2026-05-12", "note": "n"});
    t.on(&route, &path, &fields, body).await;
    let rows = t.caller.get(&format!("{}&bot=TRIAL2", list("history"))).await.1["items"].as_array().unwrap().clone();
    let (route, path) = fix("history/remove");
    let fields = [must("account_id", Id), must("history_id", Id), must("note", Words)];
    t.on(&route, &path, &fields, json!({"account_id": account, "history_id": rows.first().map(id), "note": "n"})).await;

    // Trading.
    let seller = bots.iter().find(|b| !b["holding"].is_null()).map(id).unwrap();
    t.on(
        "POST /api/v1/trading/accounts/{id}/start",
        &format!("{at}/start"),
        &[may("old_server_stopped", Flag)],
        json!({"old_server_stopped": true}),
    )
    .await;
    let path = format!("/api/v1/trading/bots/{seller}/force-sell");
    let fields = [must("ratio_percent", Positive)];
    t.watched.retain(|p| !p.contains("alerts"));
    t.on("POST /api/v1/trading/bots/{id}/force-sell", &path, &fields, json!({"ratio_percent": 10})).await;

    // Orders by hand, limits and the kill switch.
    let accounts = t.caller.get("/api/v1/trading/accounts").await.1["items"].as_array().unwrap().clone();
    let paper = accounts.iter().find(|a| a["environment"] == "own").map(id).unwrap();
    t.watched.push(format!("/api/v1/trading/orders?account_id={paper}"));
    let ticket = json!({"account": paper, "symbol": "005930", "market": "KRX", "side": "buy", "quantity": 10, "order_type": "limit",
        "price": 70000, "venue": "KRX"});
    let fields = [
        may("account", Id),
        must("symbol", Words),
        may("market", Choice),
        may("side", Choice),
        must("quantity", Positive),
        may("order_type", Choice),
        may("price", Positive),
        may("trigger_price", Positive),
        may("venue", Choice),
    ];
    for path in ["/api/v1/trading/orders/preview", "/api/v1/trading/orders"] {
        t.on(&format!("POST {path}"), path, &fields, ticket.clone()).await;
    }
    let placed = t.caller.get(&format!("/api/v1/trading/orders?account_id={paper}")).await.1["items"][0].clone();
    let path = format!("/api/v1/trading/orders/{}", id(&placed));
    t.on(
        "PATCH /api/v1/trading/orders/{id}",
        &path,
        &[may("quantity", Positive), may("price", Positive)],
        json!({"quantity": 9, "price": 69000}),
    )
    .await;
    let path = "/api/v1/trading/orders/cancel-all";
    t.on(&format!("POST {path}"), path, &[may("account", Id)], json!({"account": paper})).await;
    let path = format!("/api/v1/trading/accounts/{paper}");
    let body = json!({"version": version(&t.caller.get(&path).await.1), "limits": {"max_daily_trades": 100,
        "daily_trade_limit": 100, "max_position_size": "1000000", "max_order_value": 1000000, "max_daily_value": 1000000,
        "orders_per_second": 10, "price_collar": 5}});
    let fields = [
        must("version", Version),
        must("limits", Object),
        may("limits.max_daily_trades", Whole),
        may("limits.daily_trade_limit", Whole),
        may("limits.max_position_size", Positive),
        may("limits.max_order_value", Positive),
        may("limits.max_daily_value", Positive),
        may("limits.orders_per_second", Whole),
        may("limits.price_collar", Positive),
    ];
    t.on("PUT /api/v1/trading/accounts/{id}/limits", &format!("{path}/limits"), &fields, body).await;
    let fields = [must("on", Flag), may("account", Id)];
    t.on("POST /api/v1/trading/kill-switch", "/api/v1/trading/kill-switch", &fields, json!({"on": true, "account": paper})).await;

    // A second import for its questions.
    let db = fs_err::read(fixtures().join("egg_choe.db")).unwrap();
    let part = reqwest::multipart::Part::bytes(db).file_name("egg_choe.db");
    let form = reqwest::multipart::Form::new().part("db", part).text("account_name", "third");
    let (status, staged) = answer(t.caller.request("POST", "/api/v1/imports/eggmoney").multipart(form)).await;
    assert_eq!(status, 201, "{staged}");
    let fields = [may("account_name", Label), may("skip_refused", Flag), may("book_fills", Flag), may("session_relative", Flag)];
    let body = json!({"account_name": "fourth", "skip_refused": true, "book_fills": false, "session_relative": true});
    let path = format!("/api/v1/imports/{}/confirm", id(&staged));
    let third = t.on("POST /api/v1/imports/{id}/confirm", &path, &fields, body).await["account_id"].as_str().unwrap().to_owned();
    let at = format!("/api/v1/trading/accounts/{third}");
    t.watched.push(at.clone());
    let question = t.caller.get(&format!("{at}/unsettled")).await.1["items"][0].clone();
    let body = json!({"type": question["type"], "name": question["name"], "action": "merge"});
    let fields = [must("type", Choice), must("name", Any), must("action", Choice)];
    t.on("POST /api/v1/trading/accounts/{id}/settle", &format!("{at}/settle"), &fields, body).await;

    let fields = [must("rung", Choice), may("bot_id", Id), may("old_server_stopped", Flag), may("skip_night", Flag)];
    t.on("POST /api/v1/trading/accounts/{id}/going-live", &format!("{at}/going-live"), &fields, json!({"rung": "observe"})).await;

    // Messages and the person.
    let (status, sent) = answer(t.caller.request("POST", &format!("/api/v1/trading/accounts/{account}/send-status"))).await;
    assert_eq!(status, 202, "{sent}");
    let alert = t.caller.get("/api/v1/alerts").await.1["items"].as_array().unwrap().first().map(id).unwrap();
    t.on("POST /api/v1/alerts/read", "/api/v1/alerts/read", &[may("ids", List), may("all", Flag)], json!({"ids": [alert], "all": false}))
        .await;
    let fields = [must("name", Choice), must("version", Version)];
    let path = "/api/v1/users/disclosures";
    t.on(&format!("POST {path}"), path, &fields, json!({"name": "broker_key", "version": 1})).await;
    let fields = [may("language", Choice), may("email", Label)];
    t.on("PATCH /api/v1/users/profile", "/api/v1/users/profile", &fields, json!({"language": "en", "email": "chan@example.org"})).await;
    t.on("POST /api/v1/auth/step-up", "/api/v1/auth/step-up", &[may("password", Any), may("code", Any)], json!({"password": PASSWORD}))
        .await;
    t.on("PUT /api/v1/users/networks", "/api/v1/users/networks", &[must("networks", List)], json!({"networks": ["127.0.0.1"]})).await;
    let seed = t.caller.post("/api/v1/users/second-factor", &Value::Null).await.1;
    let app = totp_rs::Totp::from_url(seed["url"].as_str().unwrap()).unwrap();
    let code = app.generate(u64::try_from(server.wall.now().as_second()).unwrap()).to_string();
    let path = "/api/v1/users/second-factor/confirm";
    t.on(&format!("POST {path}"), path, &[must("code", Any)], json!({ "code": code })).await;
    assert_eq!(t.caller.delete("/api/v1/users/second-factor").await.0, 204);
    let path = "/api/v1/users/api-keys";
    let body = json!({"name": "script", "scope": "paper", "expires_at": "2027-01-01T00:00:00Z", "networks": ["203.0.113.7"]});
    for (field, wrong) in [
        ("expires_at", json!("2020-01-01T00:00:00Z")),
        ("expires_at", json!("2999-01-01T00:00:00Z")),
        ("expires_at", json!("tomorrow")),
        ("networks", json!(vec!["203.0.113.7"; 65])),
        ("networks", json!(["203.0.113.7", "nowhere"])),
        ("networks", json!(["203.0.113.7/33"])),
        ("scope", json!("admin")),
        ("name", json!("x".repeat(61))),
    ] {
        let mut bad = body.clone();
        bad[field] = wrong;
        t.refused(&format!("a key with {bad}"), t.caller.request("POST", path).json(&bad), Some(&format!("/{field}"))).await;
    }
    let fields = [must("name", Words), must("scope", Choice), may("expires_at", Any), may("networks", List)];
    t.on(&format!("POST {path}"), path, &fields, body).await;
    let path = "/api/v1/users/identities/start";
    t.on(&format!("POST {path}"), path, &[must("provider_id", Id)], json!({"provider_id": account})).await;
    let (path, body) = ("/api/v1/users/identities", json!({"state": "s", "code": "c", "iss": "https://id.example"}));
    t.on(&format!("POST {path}"), path, &[must("state", Any), must("code", Any), may("iss", Any)], body).await;

    // What others may do, and what others let this one do: the same account, granted to its owner's friend and back.
    server.create("friend", Role::User).await;
    let (status, _) = t.caller.post("/api/v1/auth/step-up", &json!({"password": PASSWORD})).await;
    assert_eq!(status, 200);
    let fields = [must("username", Words), must("kind", Choice), must("until", Any)];
    let until = "2026-12-01T00:00:00Z";
    let path = format!("{at}/grants");
    t.on("POST /api/v1/trading/accounts/{id}/grants", &path, &fields, json!({"username": "friend", "kind": "view", "until": until})).await;
    let friend = server.login("friend").await;
    assert_eq!(friend.post("/api/v1/auth/step-up", &json!({"password": PASSWORD})).await.0, 200);
    let theirs = server.app.trading.own_account(server.app.auth.find_user("friend").unwrap().unwrap().id).await.unwrap().to_string();
    let body = json!({"username": "chan", "kind": "manage_bots", "until": until});
    let granted = friend.post(&format!("/api/v1/trading/accounts/{theirs}/grants"), &body).await.1;
    let shared = format!("/api/v1/shared/{}/bots", id(&granted));
    t.watched.push(shared.clone());
    let mut new = settings.clone();
    (new["account_id"], new["name"]) = (json!(theirs), json!("SHARED"));
    let of_new = [must("account_id", Id), must("name", Words), must("symbol", Words), must("seed", Positive), must("t_div", Whole)];
    let fields: Vec<Field> = of_new.into_iter().chain(BOT_FIELDS.iter().map(|f| may(f.name, f.kind))).collect();
    let bot = t.on("POST /api/v1/shared/{grant}/bots", &shared, &fields, new).await;
    let mut change = settings.clone();
    change["version"] = version(&bot);
    let fields: Vec<Field> = [must("version", Version)].into_iter().chain(BOT_FIELDS.iter().map(|f| may(f.name, f.kind))).collect();
    let at_shared = format!("{shared}/{}", id(&bot));
    let bot = t.on("PATCH /api/v1/shared/{grant}/bots/{bot}", &at_shared, &fields, change).await;
    let fields = [must("version", Version), must("name", Words)];
    let body = json!({"version": version(&bot), "name": "SHARED2"});
    t.on("POST /api/v1/shared/{grant}/bots/{bot}/rename", &format!("{at_shared}/rename"), &fields, body).await;
    t.watched.pop();

    let fields = [must("current", Any), must("new", Any)];
    t.on("POST /api/v1/users/password", "/api/v1/users/password", &fields, json!({"current": PASSWORD, "new": format!("{PASSWORD} new")}))
        .await;
    t.on(
        "POST /api/v1/auth/login",
        "/api/v1/auth/login",
        &[must("username", Any), must("password", Any), may("code", Any)],
        json!({"username": "root-admin", "password": PASSWORD}),
    )
    .await;
    let refresh = || json!({"refresh_token": t.caller.refresh_token});
    let (first, fields) = (refresh(), [may("refresh_token", Any)]);
    let answered = t.on("POST /api/v1/auth/refresh", "/api/v1/auth/refresh", &fields, first).await;
    let body = json!({"refresh_token": answered["refresh_token"]});
    t.watched.clear();
    t.on("POST /api/v1/auth/logout", "/api/v1/auth/logout", &fields, body).await;

    let mut t = Attack {
        caller: server.login("root-admin").await,
        watched: vec!["/api/v1/admin/settings".into(), "/api/v1/admin/users".into()],
        ..t
    };
    t.caller.prove().await;
    let path = "/api/v1/admin/public-address";
    t.on(&format!("PUT {path}"), path, &[may("public_url", Words)], json!({"public_url": "https://nas.example"})).await;
    t.watched.push("/api/v1/admin/sign-in-providers".to_owned());
    let path = "/api/v1/admin/sign-in-providers";
    let fields = [
        must("name", Words),
        must("issuer", Words),
        must("client_id", Words),
        may("client_secret", Words),
        may("enabled", Flag),
        may("lan", Flag),
        may("trusted_second_factor", Flag),
    ];
    let body = json!({"name": "Home", "issuer": "https://id.example", "client_id": "egg", "client_secret": "canary", "enabled": true,
        "lan": false, "trusted_second_factor": false});
    let provider = t.on(&format!("POST {path}"), path, &fields, body.clone()).await;
    let fields = fields.map(|f| may(f.name, f.kind));
    t.on(&format!("PATCH {path}/{{id}}"), &format!("{path}/{}", id(&provider)), &fields, body).await;
    let (path, body) = (format!("{path}/test"), json!({"issuer": "https://192.0.2.1", "lan": false}));
    t.tried.insert(format!("POST {path}"));
    for wrong in [body, json!({}), json!({"issuer": 7}), json!({"issuer": "x", "lan": 1}), json!({"issuer": "x", "surprise": 1}), json!([])]
    {
        t.refused("the test of a provider", t.caller.request("POST", &path).json(&wrong), None).await;
    }
    let offered = json!({"provider_id": account});
    t.on("POST /api/v1/auth/oidc/start", "/api/v1/auth/oidc/start", &[must("provider_id", Id)], offered).await;
    let body = json!({"state": "s", "code": "c", "iss": "https://id.example"});
    let fields = [must("state", Any), must("code", Any), may("iss", Any)];
    t.on("POST /api/v1/auth/oidc/finish", "/api/v1/auth/oidc/finish", &fields, body).await;
    let body = json!({"continuation": "w", "code": "000000"});
    t.on("POST /api/v1/auth/oidc/code", "/api/v1/auth/oidc/code", &[must("continuation", Any), must("code", Any)], body).await;
    let path = "/api/v1/admin/invitations";
    t.on(&format!("POST {path}"), path, &[must("role", Choice), may("note", Label)], json!({"role": "user", "note": "for 아버지"})).await;
    let chan = server.app.auth.find_user("chan").unwrap().unwrap().id;
    let fields = [may("role", Choice), may("active", Flag), may("verified", Flag), may("premium", Flag)];
    t.on("PATCH /api/v1/admin/users/{id}", &format!("/api/v1/admin/users/{chan}"), &fields, json!({"verified": true})).await;
    let path = format!("/api/v1/admin/users/{chan}/reset");
    let made =
        t.on("POST /api/v1/admin/users/{id}/reset", &path, &[may("drop_second_factor", Flag)], json!({"drop_second_factor": false})).await;
    let body = json!({"word": made["word"], "password": format!("{PASSWORD} newer")});
    t.on("POST /api/v1/auth/reset", "/api/v1/auth/reset", &[must("word", Any), must("password", Any)], body).await;
    assert_eq!(t.caller.post("/api/v1/auth/recovery", &Value::Null).await.0, 204);
    let code = fs_err::read_to_string(server.folder().join("recovery-code")).unwrap().lines().next().unwrap().to_owned();
    server.create("second-admin", Role::Admin).await;
    server.create("doomed", Role::User).await;
    let doomed = server.app.auth.find_user("doomed").unwrap().unwrap().id;
    assert_eq!(t.caller.patch(&format!("/api/v1/admin/users/{doomed}"), &json!({"active": false})).await.0, 200);
    let fields = [must("username", Any), must("code", Any), must("password", Any)];
    let body = json!({"username": "second-admin", "code": code, "password": format!("{PASSWORD} newer")});
    t.on("POST /api/v1/auth/recovery/confirm", "/api/v1/auth/recovery/confirm", &fields, body).await;
    let path = format!("/api/v1/admin/users/{}/erase", server.app.auth.find_user("doomed").unwrap().unwrap().id);
    let fields = [must("username", Words), may("leave_orders", Flag)];
    t.on("POST /api/v1/admin/users/{id}/erase", &path, &fields, json!({"username": "doomed", "leave_orders": false})).await;
    let path = "/api/v1/admin/backup";
    let fields = [
        must("enabled", Flag),
        must("at", Words),
        must("daily", Whole),
        must("weekly", Version),
        must("monthly", Version),
        must("min_free_mib", Whole),
    ];
    let body = json!({"enabled": true, "at": "18:30", "daily": 7, "weekly": 4, "monthly": 6, "min_free_mib": 512});
    t.on(&format!("PUT {path}/settings"), &format!("{path}/settings"), &fields, body).await;
    let fields = [must("first", Any), must("second", Any)];
    let body = json!({"first": "legal", "second": "winner"});
    t.on(&format!("POST {path}/recovery-key/words"), &format!("{path}/recovery-key/words"), &fields, body).await;
    let body = json!({"passphrase": "a passphrase of a family"});
    t.on(&format!("PUT {path}/passphrase"), &format!("{path}/passphrase"), &[must("passphrase", Any)], body).await;
    assert!(server.app.trading.hold(eggmoney::domain::limits::HoldReason::Restored).await.unwrap());
    let body = json!({"old_server_off": true});
    t.on(&format!("POST {path}/release"), &format!("{path}/release"), &[must("old_server_off", Flag)], body).await;
    let path = "/api/v1/admin/live-trading";
    t.on(&format!("PUT {path}"), path, &[must("allowed", Flag)], json!({"allowed": false})).await;
    t.watched.push("/api/v1/admin/outposts".to_owned());
    for (kind, address) in [("ping", "https://ping.example/abc"), ("peer", "http://192.168.0.9:8740")] {
        let (path, fields) = (format!("/api/v1/admin/outposts/{kind}"), [may("address", Words), must("minutes", Whole)]);
        let body = json!({"address": address, "minutes": 5});
        t.on("PUT /api/v1/admin/outposts/{kind}", &path, &fields, body).await;
    }
    t.watched.pop();
    let path = "/api/v1/admin/kill-switch";
    t.on(&format!("POST {path}"), path, &[must("on", Flag)], json!({"on": true})).await;
    let path = format!("/api/v1/admin/users/{}/rules", server.app.auth.find_user("chan").unwrap().unwrap().id);
    let fields = [
        must("can_paper_trade", Flag),
        must("can_real_trade", Flag),
        may("daily_trade_limit", Whole),
        may("api_calls_limit", Whole),
        may("allowed_products", List),
    ];
    let body = json!({"can_paper_trade": true, "can_real_trade": false, "daily_trade_limit": 5, "api_calls_limit": 1000,
        "allowed_products": ["stock", "etf"]});
    t.on("PUT /api/v1/admin/users/{id}/rules", &path, &fields, body).await;
    t.on(
        "PATCH /api/v1/admin/settings",
        "/api/v1/admin/settings",
        &[may("registration", Choice), may("networks", List)],
        json!({"registration": "open"}),
    )
    .await;
    let fields = [must("username", Words), must("password", Any), may("email", Label), may("invite", Any), may("setup_code", Any)];
    let body = json!({"username": "newcomer", "password": PASSWORD, "email": "new@example.org", "invite": null, "setup_code": null});
    t.on("POST /api/v1/auth/register", "/api/v1/auth/register", &fields, body).await;

    server.create("leaving", Role::User).await;
    let mut t = Attack { caller: server.login("leaving").await.proved().await, watched: Vec::new(), ..t };
    let fields = [must("username", Words), may("leave_orders", Flag)];
    let body = json!({"username": "leaving", "leave_orders": false});
    t.on("POST /api/v1/users/erase", "/api/v1/users/erase", &fields, body).await;

    t.finish();
    let all: BTreeSet<String> = routes::all().iter().filter(|r| r.method != "GET").map(|r| format!("{} {}", r.method, r.path)).collect();
    let decided: BTreeSet<String> = BODILESS.iter().chain(&UPLOADS).map(|r| (*r).to_owned()).chain(t.tried).collect();
    let open: Vec<_> = decided.symmetric_difference(&all).collect();
    assert!(open.is_empty(), "each route is either tried here or said to take no body: {open:?}");
    assert_eq!(server.app.store.verify().unwrap().differences, []);
}

/// Pointers to the objects within a request body; an item of a list is `0`.
fn objects_within(api: &Value, schema: &Value, at: &str, found: &mut BTreeSet<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        return objects_within(api, api.pointer(name.trim_start_matches('#')).unwrap(), at, found);
    }
    for choice in ["oneOf", "allOf", "anyOf"].iter().filter_map(|word| schema[word].as_array()).flatten() {
        objects_within(api, choice, at, found);
    }
    if let Some(fields) = schema["properties"].as_object() {
        if !at.is_empty() {
            found.insert(at.to_owned());
        }
        for (name, field) in fields {
            objects_within(api, field, &format!("{at}/{name}"), found);
        }
    }
    if schema["items"].is_object() {
        objects_within(api, &schema["items"], &format!("{at}/0"), found);
    }
}

#[tokio::test]
async fn an_object_is_never_read_from_a_list_of_its_fields() {
    let night = Night::start("2026-05-15T14:58:00Z").await;
    let owned = night.bring("chan", "chan", 30_000).await;
    let caller = night.server.login("chan").await.proved().await;
    let account = format!("/api/v1/trading/accounts/{}", owned.account);
    let bots = caller.get(&format!("/api/v1/trading/bots?account_id={}", owned.account)).await.1;
    let bot = format!("/api/v1/trading/bots/{}", bots["items"][0]["id"].as_str().unwrap());
    let rule = json!({"type": "after_open", "minutes": 35});
    let schedule = json!({"decision": rule, "twap_start": rule, "twap_end": rule, "twap_count": 5, "closing_buy": rule});
    let new_bot = json!({"account_id": owned.account, "name": "N", "symbol": "TQQQ", "seed": 1, "profit_rate": 0.1, "t_div": 20, "max_tier": 10,
        "closing_conditions": [{"drop_rate": 0.05, "seed_rate": 1}]});
    // Bodies are read before the grant is looked for.
    const NOBODYS: &str = "01900000-0000-7000-8000-000000000000";
    let shared = format!("/api/v1/shared/{NOBODYS}/bots");
    let good = [
        ("PATCH /api/v1/trading/accounts/{id}", account.clone(), json!({"version": 1, "settings": {"schedule": schedule}})),
        ("PUT /api/v1/trading/accounts/{id}/schedule", format!("{account}/schedule"), json!({"version": 1, "schedule": schedule})),
        ("POST /api/v1/trading/bots", "/api/v1/trading/bots".to_owned(), new_bot.clone()),
        ("PATCH /api/v1/trading/bots/{id}", bot, json!({"version": 1, "closing_conditions": [{"drop_rate": 0.05, "seed_rate": 1}]})),
        ("PUT /api/v1/trading/accounts/{id}/limits", format!("{account}/limits"), json!({"version": 1, "limits": {"max_daily_trades": 5}})),
        ("POST /api/v1/shared/{grant}/bots", shared.clone(), new_bot.clone()),
        (
            "PATCH /api/v1/shared/{grant}/bots/{bot}",
            format!("{shared}/{NOBODYS}"),
            json!({"version": 1, "closing_conditions": [{"drop_rate": 0.05, "seed_rate": 1}]}),
        ),
        (
            "POST /api/v1/trading/bots/renewal",
            "/api/v1/trading/bots/renewal".to_owned(),
            json!({"account_id": owned.account, "tickers": [{"symbol": "TQQQ", "count": 1}], "dry_run": true}),
        ),
    ];
    // Every field in its place, as serde would have it.
    let listed = |pointer: &str| match pointer.rsplit('/').next().unwrap() {
        "limits" => json!([5, 5, "1", "1", "1", 5, "1"]),
        "settings" => json!([null, 8000, false, 0.5, false, 0.0009]),
        "schedule" => json!([rule, rule, rule, 5, rule]),
        "decision" | "twap_start" | "twap_end" | "closing_buy" => json!(["after_open", 35]),
        _ if pointer.starts_with("/tickers") => json!(["TQQQ", 1]),
        _ => json!([0.05, 1]),
    };
    let api: Value = serde_json::to_value(eggmoney::http::openapi_document()).unwrap();
    let mut tried = 0;
    for (path, item) in api["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let route = format!("{} {path}", method.to_uppercase());
            let mut pointers = BTreeSet::new();
            objects_within(&api, &operation["requestBody"]["content"]["application/json"]["schema"], "", &mut pointers);
            for pointer in pointers {
                let (_, address, body) =
                    good.iter().find(|(r, _, _)| *r == route).unwrap_or_else(|| panic!("{route} has {pointer}: try it"));
                let mut bad = body.clone();
                *place(&mut bad, &pointer) = listed(&pointer);
                let (status, problem) = answer(caller.request(route.split(' ').next().unwrap(), address).json(&bad)).await;
                assert_eq!((status, &problem["pointer"]), (422, &json!(pointer)), "{route} {bad}: {problem}");
                tried += 1;
            }
        }
    }
    assert_eq!(tried, 17, "every object of every request");
}

#[tokio::test]
async fn queries_and_addresses_are_checked_too() {
    let night = Night::start("2026-05-15T14:58:00Z").await;
    let owned = night.bring("chan", "chan", 30_000).await;
    let mut t =
        Attack { caller: night.server.login("chan").await.proved().await, watched: Vec::new(), tried: BTreeSet::new(), faults: Vec::new() };
    let account = owned.account;
    const LISTS: [&str; 3] = ["trading/orders", "trading/history", "alerts"];
    const OF_ACCOUNT: [&str; 6] =
        ["trading/bots", "trading/preview", "trading/sheets", "trading/positions", "trading/history/summary", "market/indicators"];
    let get = |t: &Attack<'_>, path: &str| t.caller.request("GET", path);
    for route in LISTS.iter().chain(&OF_ACCOUNT).chain(&["portfolio/summary"]) {
        let path = format!("/api/v1/{route}?account_id=");
        for wrong in ["", "x", "1", "%00", "%ff", "../..", "01900000-0000-7000-8000"] {
            t.refused(&format!("{route} of account {wrong}"), get(&t, &format!("{path}{wrong}")), Some("/account_id")).await;
        }
        t.refused(route, get(&t, &format!("{path}{account}&surprise=1")), Some("/surprise")).await;
        t.refused(route, get(&t, &format!("{path}{account}&account_id={account}")), Some("/account_id")).await;
    }
    for route in LISTS {
        for (name, values) in [("limit", &["0", "-1", "501", "x", "1e3", "99999999999999999999", ""][..]), ("after", &["x", "", "0"][..])] {
            for value in values {
                let path = format!("/api/v1/{route}?account_id={account}&{name}={value}");
                t.refused(&format!("{route} with {name}={value}"), get(&t, &path), Some(&format!("/{name}"))).await;
            }
        }
    }
    for (path, pointer) in [
        (format!("trading/history?account_id={account}&from=2026-13-01"), "/from"),
        (format!("trading/history?account_id={account}&from=2026-02-30"), "/from"),
        (format!("trading/history?account_id={account}&to=yesterday"), "/to"),
        (format!("trading/history?account_id={account}&from=2026-05-02&to=2026-05-01"), "/to"),
        (format!("trading/history?account_id={account}&kind=short"), "/kind"),
        ("market/calendar?from=2026-05-02&to=2026-05-01".to_owned(), "/to"),
        ("market/calendar?from=2020-01-01&to=2026-05-01".to_owned(), "/to"),
        ("market/calendar?from=9999-12-31".to_owned(), "/from"),
        ("market/calendar?from=-9999-01-01".to_owned(), "/from"),
        ("market/calendar?from=25%3A61".to_owned(), "/from"),
    ] {
        t.refused(&path, get(&t, &format!("/api/v1/{path}")), Some(pointer)).await;
    }
    for path in
        ["trading/orders/x", "trading/bots/%00", "trading/bots/..%2f..%2fetc", "trading/accounts/%ff/runs", "users/nobody", "nowhere"]
    {
        let (status, code) = t.refused(path, get(&t, &format!("/api/v1/{path}")), None).await;
        assert_eq!((status, code.as_str()), (404, "not_found"), "{path}");
    }
    let (status, _) = t.refused("another method", t.caller.request("TRACE", "/api/v1/trading/accounts"), None).await;
    assert_eq!(status, 405);
    for bearer in ["", "Bearer", "Bearer ", "Bearer a.b.c", "Basic YTpi", "Bearer \u{fc}"] {
        let request = night.server.anybody().request("GET", "/api/v1/trading/accounts").header("authorization", bearer);
        let (status, _) = t.refused(bearer, request, None).await;
        assert_eq!(status, 401, "{bearer}");
    }
    t.finish();
}

#[tokio::test]
async fn uploads_that_are_none_leave_nothing_behind() {
    let server = TestServer::start().await;
    let mut t = Attack { caller: server.user("chan").await, watched: Vec::new(), tried: BTreeSet::new(), faults: Vec::new() };
    let whole = fs_err::read(fixtures().join("egg_chan.db")).unwrap();
    let mut damaged = whole.clone();
    for byte in &mut damaged[4_096..40_960] {
        *byte = 0xa5;
    }
    let foreign = {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("foreign.db");
        rusqlite::Connection::open(&path)
            .unwrap()
            .execute_batch("create table songs (title text); insert into songs values ('la')")
            .unwrap();
        fs_err::read(path).unwrap()
    };
    let form = || reqwest::multipart::Form::new();
    let db = |bytes: Vec<u8>| reqwest::multipart::Part::bytes(bytes).file_name("egg_chan.db");
    for (what, form, pointer) in [
        ("no fields", form(), None),
        ("no database", form().text("account_name", "x"), Some("/db")),
        ("an empty database", form().part("db", db(Vec::new())), Some("/db")),
        ("a text", form().part("db", db(b"hello".to_vec())), Some("/db")),
        ("half a database", form().part("db", db(whole[..whole.len() / 2].to_vec())), None),
        ("a damaged database", form().part("db", db(damaged)), None),
        ("a foreign database", form().part("db", db(foreign)), Some("/db")),
        ("two databases", form().part("db", db(whole.clone())).part("db", db(whole.clone())), Some("/db")),
        ("a surprise", form().part("db", db(whole.clone())).text("surprise", "1"), Some("/surprise")),
        ("a wish that is none", form().part("db", db(whole.clone())).text("bot_sync", "perhaps"), Some("/bot_sync")),
        ("a long name", form().part("db", db(whole.clone())).text("account_name", "x".repeat(2_000)), Some("/account_name")),
        ("a key store that is none", form().part("db", db(whole.clone())).part("key_store", db(b"{".to_vec())), Some("/key_store")),
    ] {
        let request = t.caller.request("POST", "/api/v1/imports/eggmoney").multipart(form);
        t.refused(what, request, pointer).await;
    }
    for (kind, body) in
        [("application/json", "{}"), ("multipart/form-data", "x"), ("multipart/form-data; boundary=b", "--b\r\nhello"), ("", "")]
    {
        let request = t.caller.request("POST", "/api/v1/imports/eggmoney").header("content-type", kind).body(body);
        t.refused(&format!("{kind}: {body}"), request, None).await;
    }
    assert_eq!(t.caller.get("/api/v1/trading/accounts").await.1["items"], json!([]));
    let staging = server.folder().join("staging");
    let left = fs_err::read_dir(&staging).map(|entries| entries.count()).unwrap_or(0);
    assert_eq!(left, 0, "no half upload stays, it may hold credentials");
    t.finish();
}

/// A header and the data of a token, signed with nothing or with something that is no key of ours.
fn token(header: &Value, claims: &Value, signature: &[u8]) -> String {
    use data_encoding::BASE64URL_NOPAD as BASE64;
    let part = |v: &Value| BASE64.encode(v.to_string().as_bytes());
    format!("{}.{}.{}", part(header), part(claims), BASE64.encode(signature))
}

#[tokio::test]
async fn tokens_and_signatures_that_are_none_are_refused_and_tell_nothing() {
    use std::time::Duration;
    let server = TestServer::start().await;
    server.advance(Duration::from_secs(32));
    let mut t = Attack { caller: server.user("chan").await, watched: Vec::new(), tried: BTreeSet::new(), faults: Vec::new() };
    const ORDERS: &str = "/api/v1/trading/orders";
    let key = make_key(&t.caller, &json!({"name": "script", "scope": "paper"})).await;
    let order = json!({"symbol": "005930", "side": "buy", "quantity": 10, "price": 70000});
    let right = Signed::now(&server, "POST", ORDERS, &order);
    let header = key.header(&right);
    let mine = t.caller.token.clone().unwrap();
    let parts: Vec<&str> = mine.split('.').collect();
    let claims: Value = serde_json::from_slice(&data_encoding::BASE64URL_NOPAD.decode(parts[1].as_bytes()).unwrap()).unwrap();
    let hash = |text: &str| ring::digest::digest(&ring::digest::SHA256, text.as_bytes()).as_ref().to_vec();
    let (name, secret) = (key.name(), key.secret());
    let signature = header.rsplit_once('=').unwrap().1.to_owned();
    let now = right.timestamp;
    let mut values: Vec<Vec<u8>> = [
        // Tokens of other algorithms, or of none.
        format!("Bearer {}", token(&json!({"alg": "none", "typ": "JWT"}), &claims, b"")),
        format!("Bearer {}", token(&json!({"alg": "HS512", "typ": "JWT"}), &claims, &hash(&mine))),
        format!("Bearer {}", token(&json!({"alg": "RS256", "typ": "JWT"}), &claims, &hash(&mine))),
        format!("Bearer {}", token(&json!({"alg": "HS256", "typ": "JWT", "jwk": {"kty": "oct", "k": "AA"}}), &claims, &hash(&mine))),
        format!("Bearer {}", token(&json!({"alg": "hs256", "typ": "JWT"}), &claims, &hash(&mine))),
        format!("Bearer {}.{}.", parts[0], parts[1]),
        format!("Bearer {mine}.{}", parts[2]),
        format!("Bearer {}", "a.".repeat(3_000)),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        format!("Basic {mine}"),
        format!("Token {mine}"),
        // Keys that are none.
        "Bearer egg_".to_owned(),
        format!("Bearer {name}"),
        format!("Bearer {name}_"),
        format!("Bearer {name}_{}", secret.to_uppercase()),
        format!("Bearer {}", key.text.to_uppercase()),
        format!("Bearer {name}_{secret}0"),
        format!("Bearer {}_{secret}", name.to_uppercase()),
        format!("Bearer egg_{mine}"),
        format!("Bearer {header}"),
        format!("Basic {}", key.text),
        // Signatures of other algorithms, of another time, or in disguise.
        header.replace("SHA256", "SHA1"),
        header.replace("SHA256", "SHA512"),
        header.replace("EGG-HMAC-SHA256", "HMAC-SHA256"),
        header.replace("EGG-HMAC-SHA256", "none"),
        header.replace(&signature, ""),
        header.replace(&signature, &"0".repeat(64)),
        header.replace(&signature, &format!("{}F", &signature[..63])),
        header.replace(&signature, &signature[..62]),
        header.replace(", nonce", ", alg=none, nonce"),
        format!("{header}, signature={signature}"),
        header.replace(&format!("timestamp={now}"), &format!("timestamp={}", now + 1)),
        header.replace(&format!("timestamp={now}"), &format!("timestamp={now}.0")),
        header.replace(&format!("timestamp={now}"), &format!("timestamp={now}000")),
        header.replace(&format!("timestamp={now}"), "timestamp="),
        header.replace(&format!("timestamp={now}"), "timestamp=-1"),
        header.replace(name, &key.text),
        header.replace(name, &format!("{name}0")),
        header.replace(name, "egg_../../etc/passwd"),
        header.replace(name, &format!("egg_{}", "0".repeat(32))),
        header.replace(&right.nonce, "x"),
        header.replace(&right.nonce, &"x".repeat(4_000)),
        header.replace(", ", ";"),
        header.replace('=', ": "),
        "EGG-HMAC-SHA256".to_owned(),
        "EGG-HMAC-SHA256 ".to_owned(),
        "EGG-HMAC-SHA256 ,,,,".to_owned(),
    ]
    .map(String::into_bytes)
    .into();
    // No text at all.
    values.push([header.as_bytes(), b"\xff\xfe"].concat());
    values.push([b"Bearer ", key.text.as_bytes(), b"\xed\xa0\x80"].concat());
    values.push("Bearer egg_가".as_bytes().to_vec());
    let body = order.to_string();
    for value in values {
        let what = String::from_utf8_lossy(&value).chars().take(90).collect::<String>();
        let request = server.client.post(server.url(ORDERS)).header("authorization", value.as_slice());
        let request = request.header("content-type", "application/json").body(body.clone());
        let (status, _) = t.refused(&what, request, None).await;
        if status != 401 && status != 400 {
            t.faults.push(format!("{what}: {status}"));
        }
    }
    // Two callers at once.
    let two = server.client.post(server.url(ORDERS)).header("authorization", &header).header("authorization", format!("Bearer {mine}"));
    t.refused("a signature and a token", two.header("content-type", "application/json").body(body), None).await;
    // A flood of headers is cut off by the server itself.
    let mut flood = server.client.get(server.url(ORDERS));
    for n in 0..300 {
        flood = flood.header(format!("x-flood-{n}"), "x".repeat(100));
    }
    let status = flood.send().await.map_or(400, |answer| answer.status().as_u16());
    assert!((400..500).contains(&status), "{status}");
    t.finish();
    let (_, orders) = t.caller.get(ORDERS).await;
    assert_eq!(orders["items"], json!([]), "nothing was placed");
    assert_eq!(t.caller.get("/api/v1/users/api-keys").await.1["calls_today"], 0);
    // It was right all the time, and counts once.
    assert_eq!(right.send(&server, &header).await.0, 201);
    assert_eq!(right.send(&server, &header).await.1["code"], "signature_replayed");
    server.advance(Duration::from_secs(16 * 60));
    assert_eq!(right.send(&server, &header).await.1["code"], "signature_stale");
    assert_eq!(t.caller.get(ORDERS).await.0, 401, "an access token lives a quarter of an hour");
}
