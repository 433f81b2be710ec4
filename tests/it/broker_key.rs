//! A broker key and the orders that were sent with it.

use eggmoney::domain::account::Rung;
use eggmoney::domain::difference::{CashChecked, CashDifference, CashReason, Checked, KnownPrice, OutsideSeen};
use eggmoney::domain::fact::{Actor, Event};
use eggmoney::domain::id::{AccountId, BotId, DifferenceId, OrderId, UserId};
use eggmoney::domain::instrument::Market;
use eggmoney::domain::money::Currency;
use eggmoney::domain::order::{Environment, OrderIntent, OrderKind, OrderOrigin, Reason, Side, Venue};
use eggmoney::storage::tables::{ACCOUNTS, CASH_CHECKED, CASH_DIFFERENCES, CHECKED, KNOWN_PRICES, OUTSIDE_SEEN};
use eggmoney::storage::{StoreError, account_key, time_ordered};
use jiff::SignedDuration;
use jiff::civil::date;
use serde_json::{Value, json};

use super::support::{Caller, TestServer};

fn key(app_key: &str, account_no: &str) -> Value {
    json!({"environment": "mock", "app_key": app_key, "app_secret": "secretsecretsecret", "account_no": account_no})
}

struct Desk<'s> {
    server: &'s TestServer,
    caller: Caller<'s>,
    user: UserId,
    account: String,
}

impl<'s> Desk<'s> {
    async fn open(server: &'s TestServer) -> Self {
        let caller = server.user("kim00").await.proved().await;
        let made = caller.post("/api/v1/trading/accounts", &json!({"name": "main", "environment": "mock"})).await;
        let account = made.1["id"].as_str().unwrap().to_owned();
        let user = server.app.auth.users().unwrap().into_iter().find(|u| u.username == "kim00").unwrap().id;
        Self { server, caller, user, account }
    }

    fn path(&self) -> String {
        format!("/api/v1/trading/accounts/{}/broker-key", self.account)
    }

    async fn put(&self, app_key: &str, account_no: &str) -> (u16, Value) {
        self.caller.put(&self.path(), &key(app_key, account_no)).await
    }

    async fn record(&self, events: Vec<Event>) {
        let (account, at) = (self.account.parse::<AccountId>().unwrap(), self.server.app.market.now());
        let user = self.server.app.store.user(self.user);
        let done: Result<(), StoreError> = user.write(move |tx| tx.record(account, at, Actor::Bot, events.clone()).map(drop)).await;
        done.unwrap();
    }

    /// An order that has left; nothing is known of it yet.
    async fn send_order(&self) -> OrderId {
        let now = self.server.app.market.now();
        let order_id = OrderId(time_ordered(now));
        let intent = OrderIntent {
            order_id,
            account_id: self.account.parse().unwrap(),
            bot_id: None,
            bot_name: "TQ_1".to_owned(),
            environment: Environment::Mock,
            market: Market::Us,
            symbol: "TQQQ".to_owned(),
            side: Side::Buy,
            quantity: 3,
            kind: OrderKind::Limit,
            limit_price: Some("61.20".parse().unwrap()),
            trigger_price: None,
            venue: Venue::Krx,
            origin: OrderOrigin::Closing,
            session: date(2026, 11, 20),
            expires_at: now + SignedDuration::from_mins(5),
        };
        self.record(vec![Event::OrderIntended { intent: Box::new(intent) }, Event::OrderSent { order_id }]).await;
        order_id
    }
}

fn reason(code: &str) -> Reason {
    Reason::new(code, "")
}

#[tokio::test]
async fn a_key_of_another_broker_account_begins_ladder_and_comparison_anew() {
    let server = TestServer::start().await;
    let desk = Desk::open(&server).await;
    let live = |app_key: &str, number: &str| {
        let mut key = key(app_key, number);
        key["environment"] = json!("live");
        key
    };
    let (account, rows) = (desk.account.parse::<AccountId>().unwrap(), server.app.store.user(desk.user));
    let bot = BotId(uuid::Uuid::from_u128(7));
    let state = || {
        let at = account_key(account);
        let ladder = rows.read(|v| v.require(&ACCOUNTS, &at)).unwrap().going_live;
        let kept = rows.read(|v| {
            let cash = [v.list(&CASH_CHECKED, &at)?.len(), v.list(&CASH_DIFFERENCES, &at)?.len()];
            Ok::<_, StoreError>(
                [v.list(&CHECKED, &at)?.len(), v.list(&OUTSIDE_SEEN, &at)?.len(), v.list(&KNOWN_PRICES, &at)?.len()]
                    .into_iter()
                    .chain(cash)
                    .collect::<Vec<_>>(),
            )
        });
        let kept = kept.unwrap();
        (ladder.rung, ladder.since, ladder.bots.get(&bot).copied(), ladder.bots_since.get(&bot).copied(), kept)
    };
    for (next, same) in [
        (key("PSfirst", "50012345-01"), false),
        (key("PSsecond", "50012345-01"), true),
        (key("PSthird", "51099999-01"), false),
        (live("PSfourth", "51099999-01"), false),
        (live("PSfifth", "51099999-01"), true),
    ] {
        server.market.advance(std::time::Duration::from_secs(60));
        let now = server.app.market.now();
        let seed: Result<(), StoreError> = rows
            .write(move |tx| {
                let at = account_key(account);
                let mut record = tx.require(&ACCOUNTS, &at)?;
                // As an earlier version left it when another program was suspected.
                record.going_live.rung = Rung::Full;
                record.going_live.since = Some(jiff::Timestamp::UNIX_EPOCH);
                record.going_live.bots.insert(bot, Rung::OneShare);
                record.going_live.bots_since.insert(bot, jiff::Timestamp::UNIX_EPOCH);
                tx.put(&ACCOUNTS, &at, &record)?;
                let checked = Checked { market: Market::Us, first_at: now, at: now, listed_from: date(2026, 11, 20) };
                tx.put(&CHECKED, &at.clone().text("US"), &checked)?;
                let seen = OutsideSeen { quantity: 3, gross: 180.into() };
                tx.put(&OUTSIDE_SEEN, &at.clone().text("US").text("2026-11-20").text("7"), &seen)?;
                let known = KnownPrice { session: date(2026, 11, 20), price: 60.into(), at: now, answered: None, split: None };
                tx.put(&KNOWN_PRICES, &at.clone().text("US").text("TQQQ"), &known)?;
                let checked = CashChecked { currency: Currency::Usd, first_at: now, at: now, difference: 9.into() };
                tx.put(&CASH_CHECKED, &at.clone().text("USD"), &checked)?;
                let id = DifferenceId(uuid::Uuid::from_u128(8));
                let (ours, brokers, proposal) = (1.into(), 10.into(), CashReason::Deposit);
                let asked = CashDifference { id, currency: Currency::Usd, ours, brokers, proposal, since: now };
                tx.put(&CASH_DIFFERENCES, &at.text("USD"), &asked)
            })
            .await;
        seed.unwrap();
        let before = state();
        let (status, answer) = desk.caller.put(&desk.path(), &next).await;
        assert_eq!(status, 200, "{answer}");
        let anew = (Rung::Observe, Some(now), Some(Rung::OneShare), Some(now), vec![0; 5]);
        assert_eq!(state(), if same { before } else { anew }, "{next}");
    }
}

#[tokio::test]
async fn a_key_stays_while_orders_that_were_sent_with_it_are_under_way() {
    let server = TestServer::start().await;
    let desk = Desk::open(&server).await;
    assert_eq!(desk.put("PSfirst", "50012345-01").await.0, 200);
    let order_id = desk.send_order().await;
    let accepted = Event::OrderAccepted { order_id, broker_order_no: "0000004711".to_owned(), broker_order_date: date(2026, 11, 20) };
    for next in [Event::OrderUnknown { order_id, reason: reason("broker_no_answer") }, accepted] {
        for refused in
            [desk.put("PSsecond", "51099999-01").await, desk.put("PSfirst", "50012345-01").await, desk.caller.delete(&desk.path()).await]
        {
            assert_eq!((refused.0, refused.1["code"].as_str()), (409, Some("orders_open")), "{}", refused.1);
            assert!(refused.1["detail"].as_str().unwrap().contains("TQ_1 buy 3 TQQQ"), "{}", refused.1);
        }
        desk.record(vec![next]).await;
    }
    let refused = desk.put("PSsecond", "51099999-01").await;
    assert!(refused.1["detail"].as_str().unwrap().contains("no. 0000004711"), "{}", refused.1);
    let shown = desk.caller.get(&format!("/api/v1/trading/accounts/{}", desk.account)).await.1;
    assert!(shown.to_string().contains("\"50******-01\""), "the key is the old one: {shown}");

    // Ended, though its result is not booked yet: nothing more is asked of the broker.
    desk.record(vec![Event::OrderCancelled { order_id }]).await;
    assert_eq!(desk.put("PSsecond", "51099999-01").await.0, 200);
    assert_eq!(desk.caller.delete(&desk.path()).await.0, 200);
}

#[tokio::test]
async fn a_dead_key_gives_way_to_one_of_the_same_account_once_the_session_is_over() {
    let server = TestServer::start().await;
    let desk = Desk::open(&server).await;
    desk.put("PSfirst", "50012345-01").await;
    let order_id = desk.send_order().await;
    desk.record(vec![Event::OrderUnknown { order_id, reason: reason("broker_no_answer") }]).await;
    server.market.advance(std::time::Duration::from_secs(12 * 3_600));
    assert_eq!(desk.put("PSsecond", "50012345-01").await.0, 409, "the order could still be open");
    server.market.advance(std::time::Duration::from_secs(300));
    assert_eq!(desk.put("PSsecond", "51099999-01").await.1["code"], "orders_open", "another account never learns its fate");
    assert_eq!(desk.put("PSsecond", "50012345-02").await.1["code"], "orders_open");
    assert_eq!(desk.caller.delete(&desk.path()).await.1["code"], "orders_open");
    assert_eq!(desk.put("PSsecond", "50012345-01").await.0, 200);
}
