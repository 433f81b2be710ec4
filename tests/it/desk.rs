//! Bots, corrections, history, previews and portfolio over HTTP.

use eggmoney::domain::bot::{Bot, Sheet, TradeKind};
use eggmoney::domain::fact::{Actor, Event};
use eggmoney::domain::id::{AccountId, BotId, SheetId, UserId};
use eggmoney::domain::instrument::{Exchange, Market};
use eggmoney::storage::tables::{ACCOUNTS, BOTS, LISTINGS, Listing};
use eggmoney::storage::{AUDIT, AuditRow, Key, StoreError, account_key, time_ordered};
use jiff::civil::date;
use serde_json::{Value, json};

use crate::support::old::Night;
use crate::support::{Caller, TestServer};

/// 23:50 in Korea: the session of Friday, 15 May 2026 is open, the bots decide at 00:05.
const BEFORE_DECISION: &str = "2026-05-15T14:50:00Z";

async fn ok(answer: (u16, Value), status: u16) -> Value {
    assert_eq!(answer.0, status, "{}", answer.1);
    answer.1
}

/// A user with an account and two known tickers, but no broker key.
struct Desk<'s> {
    server: &'s TestServer,
    caller: Caller<'s>,
    user: UserId,
    account: String,
}

impl<'s> Desk<'s> {
    async fn open(server: &'s TestServer, username: &str) -> Self {
        let caller = server.user(username).await;
        let account = caller.post("/api/v1/trading/accounts", &json!({"name": "main", "environment": "mock"})).await;
        let account = ok(account, 201).await["id"].as_str().unwrap().to_owned();
        let user = server.app.auth.users().unwrap().into_iter().find(|u| u.username == username).unwrap().id;
        for symbol in ["TQQQ", "SOXL"] {
            let listed = server.app.store.write(move |tx| tx.put(&LISTINGS, &Key::new().text(symbol), &Listing(Exchange::Nasdaq)));
            let listed: Result<(), StoreError> = listed.await;
            listed.unwrap();
        }
        Self { server, caller, user, account }
    }

    fn account_id(&self) -> AccountId {
        self.account.parse().unwrap()
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.caller.post(&format!("/api/v1/trading/{path}"), &body).await
    }

    async fn get(&self, path: &str) -> Value {
        ok(self.caller.get(&format!("/api/v1/{path}")).await, 200).await
    }

    async fn bot(&self, name: &str, symbol: &str) -> Value {
        let body = json!({
            "account_id": self.account, "name": name, "symbol": symbol, "seed": "100", "profit_rate": 0.1, "t_div": 20, "max_tier": 10,
            "buy_below_average": true, "buy_below_point": true,
        });
        ok(self.post("bots", body).await, 201).await
    }

    /// Puts a bot into a state that only trading brings about.
    async fn force(&self, id: &str, change: impl Fn(&mut Bot) + Send + 'static) {
        let key = account_key(self.account_id()).id(id.parse::<BotId>().unwrap().as_bytes());
        let user = self.server.app.store.user(self.user);
        let done: Result<(), StoreError> = user
            .write(move |tx| {
                let mut bot = tx.require(&BOTS, &key)?;
                change(&mut bot);
                tx.put(&BOTS, &key, &bot)
            })
            .await;
        done.unwrap();
    }

    /// Opens a sheet as a decision does.
    async fn open_sheet(&self, bot: &Value) {
        let (account, at) = (self.account_id(), self.server.app.market.now());
        let sheet = Sheet {
            id: SheetId(time_ordered(at)),
            bot_id: Some(bot["id"].as_str().unwrap().parse().unwrap()),
            name: bot["name"].as_str().unwrap().to_owned(),
            market: Market::Us,
            symbol: bot["symbol"].as_str().unwrap().to_owned(),
            kind: TradeKind::Buy,
            session: date(2026, 11, 20),
            opened_at: at,
            slices_left: 5,
            slices_total: 5,
            remaining: 100.0,
            total: 100.0,
            results: Vec::new(),
        };
        let user = self.server.app.store.user(self.user);
        let put: Result<(), StoreError> =
            user.write(move |tx| tx.record(account, at, Actor::Bot, vec![Event::SheetPut { sheet: sheet.clone() }]).map(drop)).await;
        put.unwrap();
    }

    fn audited(&self, action: &str) -> Vec<AuditRow> {
        let rows: Vec<AuditRow> = self.server.app.store.user(self.user).read(|v| v.list(&AUDIT, &Key::new())).unwrap();
        rows.into_iter().filter(|r| r.action == action).collect()
    }

    fn verify(&self) {
        assert_eq!(self.server.app.store.verify().unwrap().differences, []);
    }
}

#[tokio::test]
async fn a_bot_lives_from_creation_to_deletion() {
    let server = TestServer::start().await;
    let desk = Desk::open(&server, "kim00").await;
    let bot = desk.bot("TQ_1", "tqqq").await;
    assert_eq!((&bot["symbol"], &bot["seed"], &bot["version"], &bot["holding"]), (&json!("TQQQ"), &json!("100"), &json!(1), &Value::Null));
    let path = format!("/api/v1/trading/bots/{}", bot["id"].as_str().unwrap());

    let change = json!({"version": 1, "added_seed": "-12.34", "closing_conditions": [{"drop_rate": 0.055, "seed_rate": 0.2}]});
    let changed = ok(desk.caller.patch(&path, &change).await, 200).await;
    assert_eq!((&changed["added_seed"], &changed["version"]), (&json!("-12.34"), &json!(2)));
    assert_eq!(changed["closing_conditions"], json!([{"drop_rate": 0.055, "seed_rate": 0.2}]));
    let stale = ok(desk.caller.patch(&path, &json!({"version": 1, "active": false})).await, 409).await;
    assert_eq!(stale["code"], "version_conflict");
    let rows = desk.audited("bot.changed");
    assert_eq!(rows.len(), 1, "a refused change leaves no trace");
    assert_eq!((&rows[0].detail["before"]["added_seed"], &rows[0].detail["after"]["added_seed"]), (&json!(0.0), &json!(-12.34)));
    assert!(rows[0].detail["before"]["seed"].is_null(), "only what changed is told");

    let other = desk.bot("TQ_2", "TQQQ").await;
    let taken = desk.caller.post(&format!("{path}/rename"), &json!({"version": 2, "name": "TQ_2"})).await;
    assert_eq!(ok(taken, 409).await["code"], "name_taken");
    let renamed = ok(desk.caller.post(&format!("{path}/rename"), &json!({"version": 2, "name": " 첫째 "})).await, 200).await;
    assert_eq!((&renamed["name"], &renamed["version"]), (&json!("첫째"), &json!(3)));

    let order = json!({"account_id": desk.account, "order": [other["id"], bot["id"]]});
    ok(desk.post("bots/reorder", order).await, 204).await;
    let listed = desk.get(&format!("trading/bots?account_id={}", desk.account)).await;
    let names: Vec<_> = listed["items"].as_array().unwrap().iter().map(|b| b["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["TQ_2", "첫째"]);
    let half = json!({"account_id": desk.account, "order": [bot["id"]]});
    assert_eq!(ok(desk.post("bots/reorder", half).await, 422).await["pointer"], "/order");

    ok(desk.caller.delete(&path).await, 204).await;
    ok(desk.caller.get(&path).await, 404).await;
    desk.verify();
}

#[tokio::test]
async fn bad_settings_are_named_and_unknown_tickers_refused() {
    let server = TestServer::start().await;
    let desk = Desk::open(&server, "kim00").await;
    let base =
        json!({"account_id": desk.account, "name": "A", "symbol": "TQQQ", "seed": 100, "profit_rate": 0.1, "t_div": 20, "max_tier": 40});
    let with = |field: &str, value: Value| {
        let mut body = base.clone();
        body[field] = value;
        body
    };
    for (field, value) in [
        ("seed", json!(0)),
        ("seed", json!("10000000.01")),
        ("profit_rate", json!(-0.1)),
        ("t_div", json!(0)),
        ("max_tier", json!(1001)),
        ("symbol", json!("1 2")),
        ("sell_cooldown_days", json!(-1)),
        ("trailing_stop_pct", json!(1)),
        ("name", json!(" ")),
        ("point_curve", json!("P9")),
    ] {
        let problem = ok(desk.post("bots", with(field, value.clone())).await, 422).await;
        assert_eq!(problem["pointer"], format!("/{field}"), "{field}: {value}: {problem}");
    }
    let mut two = base.clone();
    (two["seed"], two["t_div"]) = (json!(0), json!(0));
    let problem = ok(desk.post("bots", two).await, 422).await;
    let pointers: Vec<_> = problem["errors"].as_array().unwrap().iter().map(|e| e["pointer"].as_str().unwrap()).collect();
    assert_eq!(pointers, ["/seed", "/t_div"]);
    // Nobody can be asked yet.
    let problem = ok(desk.post("bots", with("symbol", json!("KO"))).await, 422).await;
    assert_eq!((&problem["code"], &problem["pointer"]), (&json!("no_broker_key"), &json!("/symbol")));
    assert_eq!(desk.get(&format!("trading/bots?account_id={}", desk.account)).await["items"], json!([]));
}

#[tokio::test]
async fn switching_trailing_off_ends_its_mode() {
    let server = TestServer::start().await;
    let desk = Desk::open(&server, "kim00").await;
    let id = desk.bot("TQ_1", "TQQQ").await["id"].as_str().unwrap().to_owned();
    let holding =
        json!({"account_id": desk.account, "name": "TQ_1", "symbol": "TQQQ", "quantity": 4, "average_price": 50, "note": "had it"});
    ok(desk.post("corrections/holding", holding).await, 201).await;
    desk.force(&id, |b| (b.trailing_enabled, b.trailing_mode, b.trailing_high_watermark, b.trailing_stop) = (true, true, 60.0, 55.5)).await;
    let path = format!("/api/v1/trading/bots/{id}");
    let ladder = desk.get(&format!("trading/bots/{id}/ladder")).await;
    assert_eq!(
        (&ladder["trailing_stop"], &ladder["take_profit_price"], &ladder["point_price"]),
        (&json!("55.5"), &json!("55"), &json!("58"))
    );
    let off = ok(desk.caller.patch(&path, &json!({"version": 1, "trailing_enabled": false})).await, 200).await;
    let state = (&off["trailing_mode"], &off["trailing_stop"], &off["trailing_high_watermark"]);
    assert_eq!(state, (&json!(false), &json!("0"), &json!("0")));
    assert_eq!(desk.get("alerts").await["items"][0]["code"], "TRAILING_ENDED");
}

#[tokio::test]
async fn corrections_are_facts_and_the_books_follow() {
    let server = TestServer::start().await;
    let desk = Desk::open(&server, "kim00").await;
    let bot = desk.bot("TQ_1", "TQQQ").await;
    let id = bot["id"].as_str().unwrap().to_owned();
    let positions = format!("trading/positions?account_id={}", desk.account);
    let account = &desk.account;

    let new = json!({"account_id": account, "name": "TQ_1", "symbol": "TQQQ", "quantity": "4", "average_price": "50", "note": "moved from elsewhere"});
    for (field, value, pointer) in [
        ("note", json!("  "), "/note"),
        ("quantity", json!(-1), "/quantity"),
        ("average_price", json!(0), "/average_price"),
        ("symbol", json!("SOXL"), "/symbol"),
        ("name", json!("NOBODY"), "/name"),
    ] {
        let mut bad = new.clone();
        bad[field] = value;
        assert_eq!(ok(desk.post("corrections/holding", bad).await, 422).await["pointer"], pointer);
    }
    let first = ok(desk.post("corrections/holding", new.clone()).await, 201).await;
    assert_eq!(first["fact_seq"], 1);
    assert_eq!(ok(desk.post("corrections/holding", new.clone()).await, 409).await["code"], "position_exists");

    let held = desk.get(&positions).await;
    assert_eq!(
        (&held["items"][0]["quantity"], &held["items"][0]["cost"], &held["items"][0]["average_price"]),
        (&json!("4"), &json!("200"), &json!("50"))
    );
    let holding = held["holdings"][0]["id"].clone();
    let edit = json!({"account_id": account, "holding_id": holding, "quantity": 5, "average_price": 48.5, "note": "miscounted"});
    ok(desk.post("corrections/holding", edit).await, 201).await;
    let held = desk.get(&positions).await;
    assert_eq!((&held["items"][0]["quantity"], &held["items"][0]["cost"]), (&json!("5"), &json!("242.5")));
    let standing = desk.get(&format!("trading/bots/{id}")).await;
    assert_eq!((&standing["holding"]["average_price"], &standing["t"]), (&json!("48.5"), &json!(2.42)));
    assert_eq!(ok(desk.caller.delete(&format!("/api/v1/trading/bots/{id}")).await, 409).await["code"], "bot_has_holding");
    let symbol = json!({"version": standing["version"], "symbol": "SOXL"});
    assert_eq!(ok(desk.caller.patch(&format!("/api/v1/trading/bots/{id}"), &symbol).await, 409).await["code"], "bot_has_holding");

    // A renamed bot keeps its position.
    let name = json!({"version": standing["version"], "name": "TQ_9"});
    ok(desk.caller.post(&format!("/api/v1/trading/bots/{id}/rename"), &name).await, 200).await;
    let held = desk.get(&positions).await;
    assert_eq!((&held["holdings"][0]["name"], &held["holdings"][0]["orphan"]), (&json!("TQ_9"), &json!(false)));

    let reserve = json!({"account_id": account, "name": "RP", "reserve": true, "quantity": 300, "average_price": 1, "note": "reserve"});
    ok(desk.post("corrections/holding", reserve).await, 201).await;
    let summary = desk.get(&format!("portfolio/summary?account_id={account}")).await;
    assert_eq!((&summary["reserve_usd"], &summary["cost_usd"], &summary["total_usd"]), (&json!("300"), &json!("242.5"), &Value::Null));
    assert_eq!((&summary["rate"], &summary["profit_krw"], &summary["bots"][0]["price"]), (&Value::Null, &Value::Null, &Value::Null));

    let row = json!({"account_id": account, "name": "TQ_9", "symbol": "tqqq", "trade_type": "SELL_PART", "quantity": 2, "buy_price": "10",
        "sell_price": "12.5", "trade_date": "2026-11-19", "note": "sold by phone"});
    let future = json!({"trade_date": "2026-11-21"});
    let mut bad = row.clone();
    bad["trade_date"] = future["trade_date"].clone();
    assert_eq!(ok(desk.post("corrections/history", bad).await, 422).await["pointer"], "/trade_date");
    ok(desk.post("corrections/history", row).await, 201).await;
    let history = desk.get(&format!("trading/history?account_id={account}&from=2026-11-19&to=2026-11-19&kind=sell&bot=TQ_9")).await;
    assert_eq!((&history["items"][0]["profit"], &history["items"][0]["profit_rate"]), (&json!("5"), &json!(0.25)));
    assert_eq!(history["totals"], json!({"buys": 0, "sells": 1, "profit_usd": "5"}));
    let removal = json!({"account_id": account, "history_id": history["items"][0]["id"], "note": "it was not this account"});
    ok(desk.post("corrections/history/remove", removal.clone()).await, 201).await;
    assert_eq!(desk.get(&format!("trading/history?account_id={account}")).await["items"], json!([]));
    ok(desk.post("corrections/history/remove", removal).await, 404).await;

    // Taking the position out ends the trailing stop that followed it.
    desk.force(&id, |b| (b.trailing_enabled, b.trailing_mode, b.trailing_stop) = (true, true, 55.5)).await;
    let removal = json!({"account_id": account, "holding_id": holding, "note": "sold elsewhere"});
    ok(desk.post("corrections/holding/remove", removal).await, 201).await;
    let standing = desk.get(&format!("trading/bots/{id}")).await;
    assert_eq!((&standing["trailing_mode"], &standing["trailing_stop"], &standing["holding"]), (&json!(false), &json!("0"), &Value::Null));
    assert_eq!(desk.get(&positions).await["items"][0]["quantity"], "0");
    assert_eq!(desk.audited("holding.corrected").len() + desk.audited("holding.removed").len(), 4);
    desk.verify();
}

#[tokio::test]
async fn a_renewal_is_all_or_nothing() {
    let server = TestServer::start().await;
    let desk = Desk::open(&server, "kim00").await;
    let account = desk.account.clone();
    let bots = format!("trading/bots?account_id={account}");
    let kept = desk.bot("TQ_1", "TQQQ").await;
    desk.bot("OLD", "SOXL").await;
    for (name, symbol) in [("TQ_1", "TQQQ"), ("OLD", "SOXL")] {
        let holding = json!({"account_id": account, "name": name, "symbol": symbol, "quantity": 4, "average_price": 50, "note": "start"});
        ok(desk.post("corrections/holding", holding).await, 201).await;
    }
    desk.force(kept["id"].as_str().unwrap(), |b| b.added_seed = 7.5).await;
    let ask = |tickers: Value, dry_run: bool| json!({"account_id": account, "tickers": tickers, "dry_run": dry_run});
    let wanted = json!([{"symbol": "tqqq", "count": 2}]);
    assert_eq!(ok(desk.post("bots/renewal", ask(wanted.clone(), true)).await, 422).await["code"], "no_budget");
    let budget = json!({"version": 1, "settings": {"total_budget": 8000}});
    ok(desk.caller.patch(&format!("/api/v1/trading/accounts/{account}"), &budget).await, 200).await;

    let before = desk.get(&bots).await;
    for (bad, pointer) in [
        (json!([]), "/tickers"),
        (json!([{"symbol": "TQQQ", "count": 4}]), "/tickers/0/count"),
        (json!([{"symbol": "TQQQ", "count": 1}, {"symbol": "SOXL", "count": 0}]), "/tickers/1/count"),
        (json!([{"symbol": "TQQQ", "count": 1}, {"symbol": "no ticker", "count": 1}]), "/tickers/1/symbol"),
        (json!([{"symbol": "TQQQ", "count": 1}, {"symbol": "SOXL", "count": 1}, {"symbol": "tqqq", "count": 1}]), "/tickers/2/symbol"),
    ] {
        assert_eq!(ok(desk.post("bots/renewal", ask(bad.clone(), false)).await, 422).await["pointer"], pointer, "{bad}");
    }
    let unknown = json!([{"symbol": "TQQQ", "count": 1}, {"symbol": "KO", "count": 1}]);
    assert_eq!(ok(desk.post("bots/renewal", ask(unknown, false)).await, 422).await["pointer"], "/tickers/1/symbol");
    let dry = ok(desk.post("bots/renewal", ask(wanted.clone(), true)).await, 200).await;
    assert_eq!((&dry["removed"], &dry["orphans"], dry["bots"].as_array().unwrap().len()), (&json!(["OLD"]), &json!(["OLD"]), 2));
    assert_eq!(dry["blocked"], json!([]));
    assert_eq!(desk.get(&bots).await, before, "a dry run and refusals change nothing");

    ok(desk.post("bots/renewal", ask(wanted, false)).await, 200).await;
    let after = desk.get(&bots).await;
    let first = &after["items"][0];
    assert_eq!((&first["id"], &first["holding"]["quantity"], &first["added_seed"]), (&kept["id"], &json!("4"), &json!("7.5")));
    assert_eq!((&first["seed"], &first["max_tier"], &after["items"][1]["seed"]), (&json!("200"), &json!(20), &json!("100")));
    assert_eq!(desk.audited("bots.renewed")[0].detail["before"].as_array().unwrap().len(), 2);
    let positions = desk.get(&format!("trading/positions?account_id={account}")).await;
    let orphans: Vec<_> =
        positions["holdings"].as_array().unwrap().iter().filter(|h| h["orphan"] == json!(true)).map(|h| h["name"].clone()).collect();
    assert_eq!(orphans, [json!("OLD")]);

    // A new bot of the old name takes the position over, in its own symbol only.
    let other = json!({"account_id": account, "name": "OLD", "symbol": "TQQQ", "seed": 1, "profit_rate": 0.1, "t_div": 20, "max_tier": 10});
    assert_eq!(ok(desk.post("bots", other).await, 409).await["code"], "orphan_in_other_symbol");
    assert_eq!(desk.bot("OLD", "SOXL").await["holding"]["quantity"], "4");
    desk.verify();
}

#[tokio::test]
async fn a_bot_with_an_open_sheet_stays() {
    let server = TestServer::start().await;
    let desk = Desk::open(&server, "kim00").await;
    let bot = desk.bot("TQ_1", "TQQQ").await;
    desk.open_sheet(&bot).await;
    let path = format!("/api/v1/trading/bots/{}", bot["id"].as_str().unwrap());
    assert_eq!(ok(desk.caller.delete(&path).await, 409).await["code"], "bot_has_sheet");
    let budget = json!({"version": 1, "settings": {"total_budget": 8000}});
    ok(desk.caller.patch(&format!("/api/v1/trading/accounts/{}", desk.account), &budget).await, 200).await;
    let renewal = json!({"account_id": desk.account, "tickers": [{"symbol": "TQQQ", "count": 1}], "dry_run": false});
    assert_eq!(ok(desk.post("bots/renewal", renewal.clone()).await, 409).await["code"], "bot_has_sheet");
    let mut dry = renewal;
    dry["dry_run"] = json!(true);
    let dry = ok(desk.post("bots/renewal", dry).await, 200).await;
    assert_eq!((dry["bots"][0]["name"].clone(), dry["blocked"][0]["code"].clone()), (json!("TQ_1"), json!("bot_has_sheet")), "{dry}");
    assert!(dry["blocked"][0]["detail"].as_str().unwrap().contains("TQ_1"), "{dry}");
    assert_eq!(dry["blocked"][0]["bots"], json!(["TQ_1"]));
    ok(desk.caller.post(&format!("{path}/rename"), &json!({"version": 1, "name": "NEW"})).await, 200).await;
    let sheets = desk.get(&format!("trading/sheets?account_id={}", desk.account)).await;
    assert_eq!((&sheets["items"][0]["bot_name"], &sheets["items"][0]["bot_id"]), (&json!("NEW"), &bot["id"]));
    desk.verify();
}

#[tokio::test]
async fn nobody_reaches_anothers_desk() {
    let server = TestServer::start().await;
    let desk = Desk::open(&server, "kim00").await;
    let bot = desk.bot("TQ_1", "TQQQ").await["id"].as_str().unwrap().to_owned();
    let stranger = server.user("lee00").await;
    let account = &desk.account;
    for path in [
        format!("trading/bots?account_id={account}"),
        format!("trading/bots/{bot}"),
        format!("trading/bots/{bot}/ladder"),
        format!("trading/preview?account_id={account}"),
        format!("trading/positions?account_id={account}"),
        format!("trading/history?account_id={account}"),
        format!("trading/history/summary?account_id={account}"),
        format!("portfolio/summary?account_id={account}"),
        format!("market/indicators?account_id={account}"),
    ] {
        assert_eq!(stranger.get(&format!("/api/v1/{path}")).await.0, 404, "{path}");
    }
    let note = json!("x");
    for (path, body) in [
        (format!("bots/{bot}/rename"), json!({"version": 1, "name": "mine"})),
        ("bots/reorder".to_owned(), json!({"account_id": account, "order": [bot]})),
        ("bots/renewal".to_owned(), json!({"account_id": account, "tickers": [{"symbol": "TQQQ", "count": 1}], "dry_run": true})),
        (
            "bots".to_owned(),
            json!({"account_id": account, "name": "B", "symbol": "TQQQ", "seed": 1, "profit_rate": 0.1, "t_div": 20, "max_tier": 10}),
        ),
        (
            "corrections/holding".to_owned(),
            json!({"account_id": account, "name": "TQ_1", "symbol": "TQQQ", "quantity": 1, "average_price": 1, "note": note}),
        ),
        ("corrections/holding/remove".to_owned(), json!({"account_id": account, "holding_id": bot, "note": note})),
        (
            "corrections/history".to_owned(),
            json!({"account_id": account, "name": "TQ_1", "symbol": "TQQQ", "trade_type": "BUY", "quantity": 1, "buy_price": 1, "note": note}),
        ),
        ("corrections/history/remove".to_owned(), json!({"account_id": account, "history_id": bot, "note": note})),
    ] {
        assert_eq!(stranger.post(&format!("/api/v1/trading/{path}"), &body).await.0, 404, "{path}");
    }
    assert_eq!(stranger.patch(&format!("/api/v1/trading/bots/{bot}"), &json!({"version": 1, "active": false})).await.0, 404);
    assert_eq!(stranger.delete(&format!("/api/v1/trading/bots/{bot}")).await.0, 404);
    assert_eq!(stranger.get("/api/v1/portfolio/summary").await.1["bots"], json!([]));
}

#[tokio::test]
async fn what_the_preview_says_is_what_the_night_decides() {
    let night = Night::start(BEFORE_DECISION).await;
    let owned = night.bring("chan", "chan", 30_000).await;
    let caller = night.server.login("chan").await;
    // One tick reads prices and cash; the account only observes.
    night.server.app.trading.tick().await;
    let preview = ok(caller.get(&format!("/api/v1/trading/preview?account_id={}", owned.account)).await, 200).await;
    assert_eq!(preview["session"], "2026-05-15");
    assert_eq!(preview["cash"]["value"], "30000");
    let items = preview["items"].as_array().unwrap();
    assert!(!items.is_empty());
    for item in items {
        let current = item["ranges"].as_array().unwrap().iter().filter(|r| r["current"] == json!(true)).count();
        assert_eq!(current, 1, "{item}");
    }
    night.run_until("2026-05-15T15:06:00Z", 60).await;
    let alerts = ok(caller.get("/api/v1/alerts?limit=500").await, 200).await;
    let decided: Vec<&Value> =
        alerts["items"].as_array().unwrap().iter().filter(|a| a["code"] == "WOULD_ORDER").map(|a| &a["data"]).collect();
    assert!(!decided.is_empty());
    for wanted in &decided {
        let item = items.iter().find(|i| i["bot_name"] == wanted["bot"]).unwrap();
        let told = item["ranges"].as_array().unwrap().iter().any(|range| {
            let value = range["amount"].as_str().or(range["quantity"].as_str()).and_then(|v| v.parse::<f64>().ok());
            range["kind"] == wanted["kind"] && value.is_some_and(|v| (v - wanted["value"].as_f64().unwrap()).abs() < 0.006)
        });
        assert!(told, "{wanted} stands in no range of {item}");
    }
    // Bots of which nothing was told have a range that does nothing.
    for item in items.iter().filter(|i| !decided.iter().any(|d| d["bot"] == i["bot_name"])) {
        let idle = item["ranges"].as_array().unwrap().iter().any(|r| r["kind"].is_null());
        assert!(idle, "{item}");
    }
}

#[tokio::test]
async fn figures_carry_their_source_and_tickers_are_looked_up() {
    let night = Night::start(BEFORE_DECISION).await;
    let owned = night.bring("chan", "chan", 30_000).await;
    let caller = night.server.login("chan").await;
    night.server.app.trading.tick().await;
    let account = owned.account;
    let summary = ok(caller.get(&format!("/api/v1/portfolio/summary?account_id={account}")).await, 200).await;
    assert_eq!(summary["cash_usd"], "30000");
    for known in ["total_usd", "total_krw", "prices_at", "rate", "profit_krw"] {
        assert!(!summary[known].is_null(), "{known}: {summary}");
    }
    let all = ok(caller.get("/api/v1/portfolio/summary").await, 200).await;
    assert_eq!(all["total_usd"], summary["total_usd"], "there is only one account");

    // Two ways to the same figures.
    let bots = ok(caller.get(&format!("/api/v1/trading/bots?account_id={account}")).await, 200).await;
    let held = bots["items"].as_array().unwrap().iter().filter(|b| !b["holding"].is_null());
    let mut compared = 0;
    for bot in held {
        let figures = summary["bots"].as_array().unwrap().iter().find(|f| f["bot_id"] == bot["id"]).unwrap();
        assert_eq!((&figures["cycle_profit_usd"], &figures["cycle_start"]), (&bot["cycle_profit"], &bot["cycle_start"]));
        assert_eq!((&figures["t"], &figures["point_price"], &figures["price"]), (&bot["t"], &bot["point_price"], &bot["price"]["value"]));
        compared += usize::from(bot["cycle_profit"] != "0");
    }
    assert!(compared > 0, "some cycle has realised something: {bots}");

    let indicators = ok(caller.get(&format!("/api/v1/market/indicators?account_id={account}")).await, 200).await;
    let item = indicators["items"].as_array().unwrap().iter().find(|i| i["symbol"] == "TQQQ").unwrap();
    assert_eq!((item["closes"].as_array().unwrap().len(), &item["source"], &indicators["vix"]), (90, &json!("daily_bars"), &Value::Null));
    assert_eq!(item["closes"][89]["date"], "2026-05-14", "only closed sessions count");
    for known in ["rsi", "ma20", "ma60", "trend", "drawdown", "atr", "at"] {
        assert!(!item[known].is_null(), "{known}: {item}");
    }

    let bot = |symbol: &str| json!({"account_id": account, "name": symbol, "symbol": symbol, "seed": 10, "profit_rate": 0.1, "t_div": 20, "max_tier": 10});
    let unknown = ok(caller.post("/api/v1/trading/bots", &bot("NOSUCH")).await, 422).await;
    assert_eq!((&unknown["code"], &unknown["pointer"]), (&json!("unknown_symbol"), &json!("/symbol")));
    ok(caller.post("/api/v1/trading/bots", &bot("KO")).await, 201).await;

    let summary = ok(caller.get(&format!("/api/v1/trading/history/summary?account_id={account}")).await, 200).await;
    for year in summary["years"].as_array().unwrap() {
        let number = |v: &Value| v.as_str().unwrap().parse::<f64>().unwrap();
        let months: f64 = year["months"].as_array().unwrap().iter().map(|m| number(&m["profit_krw"])).sum();
        assert!((months - number(&year["profit_krw"])).abs() <= 12.0, "a year is the sum of its months: {year}");
    }
    let page = ok(caller.get(&format!("/api/v1/trading/history?account_id={account}&limit=10")).await, 200).await;
    let next = page["next"].as_str().unwrap();
    let more = ok(caller.get(&format!("/api/v1/trading/history?account_id={account}&limit=10&after={next}")).await, 200).await;
    assert_eq!(page["totals"], more["totals"]);
    assert_ne!(page["items"], more["items"]);

    let calendar = ok(caller.get("/api/v1/market/calendar?from=2026-11-25&to=2026-11-30").await, 200).await;
    let days: Vec<_> =
        calendar["items"].as_array().unwrap().iter().map(|s| (s["date"].as_str().unwrap(), s["early"].as_bool().unwrap())).collect();
    assert_eq!(days, [("2026-11-25", false), ("2026-11-27", true), ("2026-11-30", false)]);
    assert_eq!(night.server.app.store.verify().unwrap().differences, []);
}

#[tokio::test]
async fn past_months_count_at_the_mean_of_their_own_rates() {
    let night = Night::start(BEFORE_DECISION).await;
    let owned = night.bring("chan", "chan", 30_000).await;
    let caller = night.server.login("chan").await;
    let path = format!("/api/v1/trading/history/summary?account_id={}", owned.account);
    let months = |summary: &Value| -> Vec<Value> {
        let years = summary["years"].as_array().unwrap().iter();
        years.flat_map(|y| y["months"].as_array().unwrap().clone()).filter(|m| m["profit_usd"] != "0").collect()
    };
    let without = |summary: &Value| months(summary).iter().filter(|m| m["rate_source"].is_null() || m["rate_source"] == "stand_in").count();
    let app = &night.server.app;
    let user = app.auth.users().unwrap().into_iter().find(|u| u.username == "chan").unwrap().id;
    let key = account_key(owned.account);
    let forgotten: Result<(), StoreError> = app
        .store
        .user(user)
        .write(move |tx| {
            let mut account = tx.require(&ACCOUNTS, &key)?;
            account.settings.month_rates.retain(|month, _| month.starts_with("2026"));
            tx.put(&ACCOUNTS, &key, &account)
        })
        .await;
    forgotten.unwrap();
    let before = ok(caller.get(&path).await, 200).await;
    assert!(without(&before) > 3, "{before}");
    night.run_until("2026-05-15T15:03:00Z", 61).await;
    night.run_until("2026-05-15T18:00:00Z", 300).await;
    let after = ok(caller.get(&path).await, 200).await;
    assert_eq!(without(&after), 0, "{after}");
    let gateway = app.trading.line(user, owned.account).await.unwrap().gateway;
    let closes = gateway.usd_krw_closes(date(2025, 6, 1), date(2025, 6, 30)).await.unwrap();
    let mean = closes.iter().map(|(_, close)| close.to_string().parse::<f64>().unwrap()).sum::<f64>() / closes.len() as f64;
    let june = months(&after).into_iter().find(|m| m["month"] == "2025-06").unwrap();
    assert!(closes.len() > 20 && (june["rate"].as_f64().unwrap() - mean).abs() < 1e-6, "{june} {mean}");
    let filled: Vec<Value> = months(&after).into_iter().filter(|m| m["rate_source"] == "stored").collect();
    let known: Vec<Value> = months(&before).into_iter().filter(|m| m["rate_source"] == "stored").collect();
    assert!(filled.len() > known.len());
    assert!(known.iter().all(|m| filled.contains(m)), "a stored rate stays");
}
