//! Moving over against the simulated broker: an old server trades the account that is observed here,
//! the nights are compared, and the owner climbs from observing over a night on paper to one share.

use std::collections::BTreeMap;
use std::sync::Arc;

use eggmoney::brokers::http::{HttpClient, HttpSettings};
use eggmoney::brokers::kis::{KisClient, KisConfig, MemoryTokenStore, TokenKeeper};
use eggmoney::brokers::limit::{LIVE_CALLS_PER_SECOND, RateLimiter};
use eggmoney::brokers::{OrderGateway, OrderGuard};
use eggmoney::domain::id::{AccountId, OrderId};
use eggmoney::domain::instrument::{Exchange, Market};
use eggmoney::domain::night::Decided;
use eggmoney::domain::order::{BrokerHost, Environment, JournalledOrder, OrderIntent, OrderKind, OrderOrigin, Reason, Side, Venue};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde_json::{Value, json};

use super::support::Caller;
use super::support::old::{Night, Owned};

/// The old program asks nobody.
#[derive(Debug)]
struct Anything;

impl OrderGuard for Anything {
    fn refusal(&self, _: &OrderIntent) -> Option<Reason> {
        None
    }
}

/// The old server: its own process with its own client of the same account.
struct OldServer {
    client: KisClient,
    now: Arc<dyn eggmoney::domain::clock::Clock>,
}

impl OldServer {
    fn new(night: &Night, owned: &Owned) -> Self {
        let clock: Arc<dyn eggmoney::domain::clock::Clock> = night.server.market.clone();
        let config = KisConfig {
            host: BrokerHost::Live,
            base_url: night.broker.live_url(),
            app_key: owned.app_key.clone().into(),
            app_secret: format!("{:s<180}", owned.username).into(),
            cano: format!("5001{:04}", owned.username.len()).into(),
            product: "01".to_owned(),
        };
        let http = HttpClient::new(HttpSettings::default()).unwrap();
        let tokens = Arc::new(TokenKeeper::new(Arc::new(MemoryTokenStore::default()), clock.clone()));
        let limiter = Arc::new(RateLimiter::new(clock.clone(), LIVE_CALLS_PER_SECOND));
        let client = KisClient::new(config, http, clock.clone(), tokens, limiter).unwrap().with_guard(Arc::new(Anything));
        Self { client, now: clock }
    }

    async fn order(&self, symbol: &str, side: Side, quantity: u64, price: f64) {
        let room = if side == Side::Buy { 1.02 } else { 0.98 };
        let intent = OrderIntent {
            order_id: OrderId(uuid::Uuid::now_v7()),
            account_id: AccountId(uuid::Uuid::nil()),
            bot_id: None,
            bot_name: String::new(),
            environment: Environment::Live,
            market: Market::Us,
            symbol: symbol.to_owned(),
            side,
            quantity,
            kind: OrderKind::Limit,
            limit_price: Some(Decimal::try_from(price * room).unwrap().round_dp(2)),
            trigger_price: None,
            venue: Venue::Krx,
            origin: OrderOrigin::Closing,
            session: "2026-05-14".parse().unwrap(),
            expires_at: self.now.now() + jiff::SignedDuration::from_mins(5),
        };
        let exchange = if symbol == "TQQQ" { Exchange::Nasdaq } else { Exchange::Amex };
        self.client.send_order(JournalledOrder::after_commit(&intent), exchange).await.unwrap();
    }
}

/// What the bots of each symbol come to in the market, after the book transfer between them.
fn wanted(decided: &[Decided]) -> BTreeMap<String, (i64, f64)> {
    let mut by_symbol: BTreeMap<String, (i64, f64)> = BTreeMap::new();
    for bot in decided {
        let Some(kind) = bot.kind else { continue };
        let price = bot.price.unwrap();
        let shares = if kind.is_buy() { (bot.value / price) as i64 } else { -(bot.value as i64) };
        let entry = by_symbol.entry(bot.symbol.clone()).or_insert((0, price));
        entry.0 += shares;
    }
    by_symbol.retain(|_, (shares, _)| *shares != 0);
    by_symbol
}

/// The owner has the books compared, and gives each trade of the old server to a bot that can have made it.
async fn answer_what_the_old_server_did(kim: &Caller<'_>, account: AccountId, done: &BTreeMap<String, (i64, f64)>) {
    let at = format!("/api/v1/trading/accounts/{account}");
    let (_, bots) = kim.get(&format!("/api/v1/trading/bots?account_id={account}")).await;
    let (status, asked) = kim.post(&format!("{at}/reconcile"), &json!({})).await;
    let questions = asked["items"].as_array().unwrap();
    let symbols: Vec<&str> = questions.iter().map(|d| d["symbol"].as_str().unwrap()).collect();
    assert_eq!((status, symbols), (200, done.keys().map(String::as_str).collect()), "{asked:#}");
    for question in questions {
        assert_eq!(question["kind"], "outside_trade", "{question:#}");
        let mut answers = Vec::new();
        for bot in bots["items"].as_array().unwrap().iter().filter(|b| b["symbol"] == question["symbol"]) {
            let answer = json!({"action": "bot", "bot_id": bot["id"]});
            let (status, answered) = kim.post(&format!("{at}/differences/{}/answer", question["id"].as_str().unwrap()), &answer).await;
            answers.push(answered);
            if status == 200 {
                break;
            }
            assert_eq!(answers.last().unwrap()["code"], "bot_holds_less", "{answers:#?}");
        }
        assert!(answers.last().is_some_and(|a| a["items"].is_array()), "{answers:#?}");
    }
    let (_, left) = kim.post(&format!("{at}/reconcile"), &json!({})).await;
    assert_eq!(left["items"], json!([]), "{left:#}");
}

/// A night on the paper rung: the twin trades at the prices of the simulated broker, the broker sees no order.
async fn on_paper<'s>(night: &'s Night, mine: &Owned, kim: Caller<'s>, climb: Value) -> Caller<'s> {
    let server = &night.server;
    let at = format!("/api/v1/trading/accounts/{}", mine.account);
    let placed = night.broker.control().order_count(&mine.app_key);
    let (status, now) = kim.post(&format!("{at}/going-live"), &climb).await;
    assert_eq!((status, &now["rung"], &now["next"]), (200, &json!("paper"), &json!("one_share")), "{now}");
    let run = &now["paper_runs"][0];
    let twin = run["account_id"].as_str().unwrap().to_owned();
    let (_, account) = kim.get(&format!("/api/v1/trading/accounts/{twin}")).await;
    let shown = (&account["environment"], &account["mode"], &account["twin"]["of"], &account["twin"]["ended_at"]);
    assert_eq!(shown, (&json!("own"), &json!("trading"), &json!(mine.account), &Value::Null), "{account}");
    let change = json!({"version": account["version"], "name": "mine"});
    let (status, refused) = kim.patch(&format!("/api/v1/trading/accounts/{twin}"), &change).await;
    assert_eq!((status, &refused["code"]), (409, &json!("twin_follows")), "{refused}");

    night.run_until("2026-05-15T20:20:00Z", 300).await;
    let kim = server.login("kim").await;
    assert_eq!(night.broker.control().order_count(&mine.app_key), placed, "nothing of it reached the broker");
    let (_, orders) = kim.get(&format!("/api/v1/trading/orders?account_id={twin}")).await;
    let orders = orders["items"].as_array().unwrap();
    assert!(!orders.is_empty());
    assert!(orders.iter().all(|o| o["environment"] == "own" && o["status"] == "filled"), "{orders:#?}");
    let (_, of_live) = kim.get(&format!("/api/v1/trading/orders?account_id={}", mine.account)).await;
    assert_eq!(of_live["items"], json!([]));
    let (_, now) = kim.get(&format!("{at}/going-live")).await;
    assert_eq!(now["clean_night"], json!(true), "{now:#}");
    assert_eq!(now["last_night"]["session"], json!("2026-05-15"), "the live account went on observing");
    assert_eq!(server.app.store.verify().unwrap().differences, []);
    kim
}

#[tokio::test]
async fn an_observed_night_is_compared_and_the_owner_climbs_over_paper_to_one_share() {
    let night = Night::start("2026-05-14T12:00:00Z").await;
    let mine = night.bring_on(BrokerHost::Live, "kim", "chan", 30_000).await;
    let server = &night.server;
    let kim = server.login("kim").await;
    let user = server.app.auth.users().unwrap().into_iter().find(|u| u.username == "kim").unwrap().id;
    let at = format!("/api/v1/trading/accounts/{}", mine.account);
    let (_, before) = kim.get(&format!("{at}/going-live")).await;
    assert_eq!((&before["rung"], &before["next"], &before["last_night"]), (&json!("observe"), &json!("paper"), &Value::Null));

    night.run_until("2026-05-14T16:00:00Z", 300).await;
    let decided = server.app.trading.nights(user, mine.account, 1).unwrap().remove(0).decided;
    let orders = wanted(&decided);
    assert!(!orders.is_empty(), "{decided:?}");
    // The old server does the same in all symbols but the last, where it does ten shares more.
    let old = OldServer::new(&night, &mine);
    let strange = orders.keys().next_back().unwrap().clone();
    for (symbol, (shares, price)) in &orders {
        let (side, more) = (if *shares > 0 { Side::Buy } else { Side::Sell }, if *symbol == strange { 10 } else { 0 });
        let last = night.broker.control().price(symbol).and_then(|p| p.to_f64()).unwrap_or(*price);
        old.order(symbol, side, shares.unsigned_abs() + more, last).await;
    }
    let placed_there = night.broker.control().order_count(&mine.app_key);
    assert_eq!(placed_there, orders.len());
    night.run_until("2026-05-14T20:20:00Z", 300).await;
    assert_eq!(night.broker.control().order_count(&mine.app_key), placed_there, "nothing left from here");

    let (_, nights) = kim.get(&format!("{at}/nights")).await;
    let compared = &nights["items"][0];
    assert_eq!((&compared["session"], &compared["verdict"]), (&json!("2026-05-14"), &json!("different")), "{compared:#}");
    for line in compared["lines"].as_array().unwrap() {
        let symbol = line["symbol"].as_str().unwrap();
        let expected = match orders.get(symbol) {
            Some(_) if symbol == strange => "different",
            Some(_) => "same",
            None => "nothing",
        };
        // A closing buy that was decided here and not done there is a difference of its own.
        let closing = decided.iter().any(|d| d.symbol == symbol && d.closing.is_some());
        assert!(closing || line["verdict"] == expected, "{line:#}");
    }

    // The owner climbs: everything that is missing is named, and nothing leaves before all is there.
    let climb = format!("{at}/going-live");
    answer_what_the_old_server_did(&kim, mine.account, &orders).await;
    let up = |more: Value| {
        let mut body = json!({"rung": "one_share", "old_server_stopped": true, "skip_night": true});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let paper = |more: Value| {
        let mut body = up(json!({"rung": "paper", "old_server_stopped": false}));
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let (status, problem) = kim.post(&climb, &paper(json!({}))).await;
    assert_eq!((status, &problem["code"]), (403, &json!("step_up_required")), "{problem}");
    kim.prove().await;
    for (body, code) in [(up(json!({})), "rung_skipped"), (paper(json!({"skip_night": false})), "clean_night_missing")] {
        let (status, problem) = kim.post(&climb, &body).await;
        assert_eq!((status, problem["code"].as_str()), (422, Some(code)), "{problem}");
    }
    let kim = on_paper(&night, &mine, kim, paper(json!({}))).await;
    let (status, problem) = kim.post(&climb, &up(json!({}))).await;
    assert_eq!((status, &problem["code"]), (403, &json!("step_up_required")), "a new session has proved nothing: {problem}");
    kim.prove().await;
    for (body, code) in [
        (up(json!({"old_server_stopped": false})), "confirmation_required"),
        (up(json!({"rung": "full"})), "rung_skipped"),
        (up(json!({})), "live_not_allowed"),
    ] {
        let (status, problem) = kim.post(&climb, &body).await;
        assert_eq!((status, problem["code"].as_str()), (422, Some(code)), "{problem}");
    }
    server.app.trading.allow_live(None, true).await.unwrap();
    assert_eq!(kim.post(&climb, &up(json!({}))).await.1["code"], "real_trade_not_permitted");
    let rules = eggmoney::domain::limits::UserRules { can_real_trade: true, ..Default::default() };
    server.app.trading.set_user_rules(None, user, rules).await.unwrap();
    assert_eq!(kim.post(&format!("{at}/start"), &json!({"old_server_stopped": true})).await.1["code"], "ladder_required");
    let (status, now) = kim.post(&climb, &up(json!({"skip_night": false}))).await;
    assert_eq!((status, &now["rung"], &now["next"]), (200, &json!("one_share"), &json!("full")), "{now}");
    let (_, account) = kim.get(&at).await;
    assert_eq!((&account["mode"], &account["live_locked"], &account["rung"]), (&json!("trading"), &json!(false), &json!("one_share")));

    // A night on one share: real orders, each of one share, and the books agree with themselves.
    let kim = server.login("kim").await;
    night.run_until("2026-05-18T20:20:00Z", 300).await;
    let sent = night.broker.control().orders(&mine.app_key).split_off(placed_there);
    assert!(!sent.is_empty());
    assert!(sent.iter().all(|o| o.quantity == 1), "{sent:?}");
    assert_eq!(server.app.store.verify().unwrap().differences, []);

    // Down is free, and from then on nothing leaves any more.
    let kim_again = kim.post(&climb, &json!({"rung": "observe"})).await;
    let kim = if kim_again.0 == 401 { server.login("kim").await } else { kim };
    let (status, down) = kim.post(&climb, &json!({"rung": "observe"})).await;
    assert_eq!((status, &down["rung"]), (200, &json!("observe")));
    let count = night.broker.control().order_count(&mine.app_key);
    night.run_until("2026-05-19T20:20:00Z", 600).await;
    assert_eq!(night.broker.control().order_count(&mine.app_key), count);
}
