//! The paper rung: what the twin starts from, follows and trades, and that nothing of it reaches a broker.

use std::collections::BTreeMap;

use super::ladder::{allow, answer_all, climb, nights, observer, step};
use super::*;
use crate::brokers::BrokerError;
use crate::domain::account::{Account, AccountMode, Rung};
use crate::domain::clock::from_kst;
use crate::domain::id::AccountId;
use crate::domain::money::Currency;
use crate::domain::order::{Environment, JournalledOrder, OrderState, Side};
use crate::storage::tables::{ACCOUNTS, CASH, POSITIONS};
use crate::storage::{StoreError, account_key};
use crate::trading::bots::bot_settings::{BotPatch, NewBot};
use crate::trading::bots::corrections::NewHistory;
use crate::trading::twin::{running_twin, twin_bot, twins_of};
use crate::trading::{AccountPatch, HaltScope, Step, TradingError};

const NEXT_MORNING: &str = "2026-05-15T20:20:00Z";

fn paper() -> Step {
    Step { old_server_stopped: false, skip_night: true, ..step(Rung::Paper) }
}

/// The twin's account, seen as a client of its own.
fn twin_of(world: &World, client: &Client) -> Client {
    let twin = world.read(client, |v| running_twin(v, client.account)).expect("no twin trades");
    Client { account: twin.id, ..client.clone() }
}

fn account(world: &World, client: &Client, id: AccountId) -> Account {
    world.read(client, |v| v.require(&ACCOUNTS, &account_key(id)))
}

/// TQ_1 buys, SX_1 sells its 40 shares, and 7 more SOXL are the person's.
fn traders() -> Vec<(Bot, f64, f64)> {
    vec![(closing_bot("TQ_1"), 0.0, 0.0), (bot("SX_1", "SOXL"), 40.0, 20.0)]
}

async fn on_paper(world: &mut World, bots: Vec<(Bot, f64, f64)>) -> (Client, Client) {
    let client = observer(world, bots);
    allow(world, &client).await;
    assert_eq!(climb(world, &client, paper()).await, Ok(Rung::Paper));
    let twin = twin_of(world, &client);
    (client, twin)
}

fn cash(world: &World, client: &Client) -> BTreeMap<Currency, String> {
    let rows = world.read(client, |v| v.list(&CASH, &account_key(client.account)));
    rows.into_iter().map(|c| (c.currency, c.amount.normalize().to_string())).collect()
}

fn refused(outcome: &Result<impl std::fmt::Debug, TradingError>) -> bool {
    matches!(outcome, Err(TradingError::Store(StoreError::Conflict { code: "twin_follows", .. })))
}

#[tokio::test]
async fn the_twin_starts_as_a_copy_of_the_books_and_of_the_brokers_cash() {
    let mut world = World::new(EVENING);
    let client = observer(&mut world, traders());
    client.broker.move_shares("SOXL", 7);
    client.broker.move_cash(Currency::Usd, "1234.5");
    let sold_at = from_kst("2026-05-10T12:00:00".parse().unwrap());
    for (days, trade_type) in [(400, crate::domain::bot::TradeKind::Sell), (0, crate::domain::bot::TradeKind::Sell)] {
        let traded_at = Some(sold_at - jiff::SignedDuration::from_hours(24 * days));
        let new = NewHistory {
            account_id: client.account,
            name: "TQ_1".to_owned(),
            symbol: "TQQQ".to_owned(),
            trade_type,
            quantity: 1.0,
            buy_price: 50.0,
            sell_price: 51.0,
            traded_at,
            note: "test".to_owned(),
        };
        world.trading.add_history(client.user, new).await.unwrap();
    }
    world.trading.compare_now(client.user, client.account).await.unwrap();
    assert_eq!(climb(&world, &client, paper()).await, Err("open_questions"));
    answer_all(&world, &client).await;
    assert_eq!(climb(&world, &client, paper()).await, Ok(Rung::Paper));

    let twin = twin_of(&world, &client);
    let (live, copy) = (world.books(&client), world.books(&twin));
    assert_eq!((copy.account.environment, copy.account.mode), (Environment::Own, AccountMode::Trading));
    assert_eq!((copy.account.name.as_str(), &copy.account.settings.schedule), ("main (paper)", &live.account.settings.schedule));
    let shown = |b: &Bot| Bot { id: live.bots[0].id, account_id: client.account, version: 1, ..b.clone() };
    assert_eq!(copy.bots.iter().map(shown).collect::<Vec<_>>(), live.bots.iter().map(shown).collect::<Vec<_>>());
    assert!(copy.bots.iter().all(|b| live.bot(b.id).is_none()), "their ids are their own");
    let seller = copy.bots.iter().find(|b| b.name == "SX_1").unwrap();
    assert_eq!(copy.holdings_of(seller.id).iter().map(|h| (h.quantity, h.average_price)).collect::<Vec<_>>(), [(40.0, 20.0)]);
    let positions = |c: &Client| {
        let rows = world.read(c, |v| v.list(&POSITIONS, &account_key(c.account)));
        rows.into_iter().map(|p| (p.symbol, p.quantity, p.outside)).collect::<Vec<_>>()
    };
    assert_eq!(positions(&twin), positions(&client));
    assert_eq!(positions(&twin), [("SOXL".to_owned(), 47.into(), 7.into())]);
    assert_eq!(cash(&world, &twin), BTreeMap::from([(Currency::Krw, "50000".to_owned()), (Currency::Usd, "51234.5".to_owned())]));
    let rows = world.history(&twin);
    assert_eq!(rows.iter().map(|r| r.traded_at).collect::<Vec<_>>(), [sold_at], "what the cooldown looks at, not the years before");
    world.check(&twin);
}

#[tokio::test]
async fn the_twin_trades_the_night_on_paper_while_the_live_account_observes() {
    let mut world = World::new(EVENING);
    let (client, twin) = on_paper(&mut world, traders()).await;
    world.run_until("2026-05-14T16:00:00Z", STEP).await;
    client.broker.traded_elsewhere("TQQQ", Side::Buy, 16, "60");
    world.run_until(MORNING, STEP).await;
    // Not one order at the broker, none of the live account, and none of the twin's for another place.
    assert_eq!((client.broker.sent().len(), world.orders(&client).len()), (0, 0));
    let orders = world.orders(&twin);
    assert_eq!(orders.len(), 11, "five slices of each and a closing buy");
    assert!(orders.iter().all(|o| o.intent.environment == Environment::Own && o.state == OrderState::Filled), "{orders:?}");
    let held: Vec<_> = world.books(&twin).holdings.iter().map(|h| (h.name.clone(), h.quantity)).collect();
    assert_eq!(held, [("TQ_1".to_owned(), 24.0)], "16 in slices and 8 at the close");
    assert_eq!(world.books(&client).holdings.iter().map(|h| h.quantity).collect::<Vec<_>>(), [40.0], "the live books stay");
    world.check(&twin);
    world.check(&client);
    // The observed night is compared all the same.
    let night = nights(&world, &client).remove(0);
    assert_eq!(night.lines.len(), 2);
    assert!(night.compared_at.is_some());
    assert_eq!(nights(&world, &twin), []);
    let state = world.trading.going_live(client.user, client.account).unwrap();
    assert!(state.clean_night, "{:?}", state.missing);
    assert_eq!(climb(&world, &client, step(Rung::OneShare)).await, Ok(Rung::OneShare));
}

#[tokio::test]
async fn nothing_that_a_twin_asks_for_has_a_host_to_go_to() {
    let mut world = World::new("2026-05-14T14:55:00Z");
    let (client, twin) = on_paper(&mut world, traders()).await;
    let line = world.trading.line(twin.user, twin.account).await.unwrap();
    assert_eq!((line.gateway.environment(), line.gateway.environment().host()), (Environment::Own, None));
    world.run_until("2026-05-14T15:15:00Z", STEP).await;
    let order = world.orders(&twin).remove(0);
    // Handed to the twin's own gateway it goes nowhere; made out for the live host it passes no gate.
    let sent = line.gateway.send_order(JournalledOrder::after_commit(&order.intent), crate::domain::instrument::Exchange::Nasdaq).await;
    assert!(matches!(sent, Err(BrokerError::Forbidden(_))), "{sent:?}");
    let forged = crate::domain::order::OrderIntent { environment: Environment::Live, ..order.intent.clone() };
    let refusal = crate::trading::order_refusal(&world.store, twin.user, &forged).unwrap();
    assert_eq!(refusal.code, "environment_mismatch");
    // Nor does the live account's own permission let one through while it observes.
    let of_live = crate::domain::order::OrderIntent { account_id: client.account, ..forged };
    assert_eq!(crate::trading::order_refusal(&world.store, client.user, &of_live).unwrap().code, "not_live_yet");
    assert!(!crate::trading::live_orders_allowed(&world.store, client.user, client.account));
    world.run_until(MORNING, STEP).await;
    assert_eq!((client.broker.sent().len(), client.broker.cancels().len()), (0, 0));
}

#[tokio::test]
async fn the_twin_follows_the_live_bots_and_has_no_settings_of_its_own() {
    let mut world = World::new(EVENING);
    let bots = vec![(bot("TQ_1", "TQQQ"), 0.0, 0.0), (bot("TQ_2", "TQQQ"), 0.0, 0.0), (bot("SX_1", "SOXL"), 40.0, 20.0)];
    let (client, twin) = on_paper(&mut world, bots).await;
    let (user, live) = (client.user, world.books(&client).bots);
    let of = |name: &str| live.iter().find(|b| b.name == name).unwrap().clone();
    let [first, second, third] = ["TQ_1", "TQ_2", "SX_1"].map(of);
    world.trading.change_bot(user, first.id, first.version, BotPatch { seed: Some(321.0), ..BotPatch::default() }).await.unwrap();
    world.trading.rename_bot(user, third.id, third.version, "SX_9").await.unwrap();
    let back = Step { bot: Some(second.id), proved: false, ..step(Rung::Observe) };
    assert_eq!(climb(&world, &client, back).await, Ok(Rung::Paper));
    let new = NewBot {
        account_id: client.account,
        name: "SX_2".to_owned(),
        symbol: "SOXL".to_owned(),
        seed: 100.0,
        profit_rate: 0.1,
        t_div: 20,
        max_tier: 10,
        others: BotPatch { active: Some(false), ..BotPatch::default() },
    };
    world.trading.create_bot(user, new.clone()).await.unwrap();
    let version = world.books(&client).account.version;
    let patch = AccountPatch { auto_start_threshold: Some(0.7), ..AccountPatch::default() };
    world.trading.patch_account(user, client.account, version, patch.clone()).await.unwrap();
    world.run_until("2026-05-14T12:10:00Z", STEP).await;
    let books = world.books(&twin);
    let names: Vec<_> = books.bots.iter().map(|b| (b.name.as_str(), b.seed, b.active)).collect();
    assert_eq!(names, [("TQ_1", 321.0, true), ("TQ_2", 1_000.0, true), ("SX_9", 1_000.0, true), ("SX_2", 100.0, false)]);
    assert_eq!(books.holdings.iter().map(|h| h.name.as_str()).collect::<Vec<_>>(), ["SX_9"]);
    assert_eq!(books.account.settings.auto_start_threshold, 0.7);
    let facts = |world: &World| world.read(&twin, |v| v.last_fact(twin.account));
    let (before, version) = (facts(&world), books.account.version);
    world.run_until("2026-05-14T12:30:00Z", STEP).await;
    assert_eq!((facts(&world), world.books(&twin).account.version), (before, version), "nothing changed, nothing is written");

    let copy = books.bots.iter().find(|b| b.name == "TQ_1").unwrap();
    assert!(refused(&world.trading.change_bot(user, copy.id, copy.version, BotPatch::default()).await));
    assert!(refused(&world.trading.rename_bot(user, copy.id, copy.version, "other").await));
    assert!(refused(&world.trading.delete_bot(user, copy.id).await));
    assert!(refused(&world.trading.reorder_bots(user, twin.account, Vec::new()).await));
    assert!(refused(&world.trading.create_bot(user, NewBot { account_id: twin.account, ..new }).await));
    assert!(refused(&world.trading.renew_bots(user, twin.account, vec![("TQQQ".to_owned(), 1)], true).await));
    assert!(refused(&world.trading.patch_account(user, twin.account, version, patch).await));
    assert!(refused(&world.trading.stop_account(user, twin.account).await));
    assert!(refused(&world.trading.start_account(user, twin.account, true).await));

    world.run_until(MORNING, STEP).await;
    let mut traded: Vec<_> = world.orders(&twin).into_iter().map(|o| o.intent.bot_name).collect();
    traded.dedup();
    traded.sort();
    traded.dedup();
    assert_eq!(traded, ["SX_9", "TQ_1"], "the bot that is held back does not trade in the twin");
    world.check(&twin);
    // Deleted in the live account, it stops in the twin.
    world.trading.delete_bot(user, second.id).await.unwrap();
    world.run_until("2026-05-14T21:00:00Z", STEP).await;
    let books = world.books(&twin);
    assert!(!books.bot(twin_bot(twin.account, second.id)).unwrap().active);
}

#[tokio::test]
async fn a_night_in_which_the_twin_was_refused_held_or_stopped_is_not_clean() {
    // Not enough cash.
    let mut world = World::new(EVENING);
    let client = observer(&mut world, traders());
    client.broker.move_cash(Currency::Usd, "-49950");
    assert_eq!(climb(&world, &client, paper()).await, Ok(Rung::Paper));
    allow(&world, &client).await;
    world.run_until(MORNING, STEP).await;
    let twin = twin_of(&world, &client);
    assert!(world.orders(&twin).iter().any(|o| o.state == OrderState::Rejected));
    assert_eq!(climb(&world, &client, step(Rung::OneShare)).await, Err("clean_night_missing"));

    // A price like a split's holds the bots on the symbol.
    let mut world = World::new(EVENING);
    let (client, twin) = on_paper(&mut world, traders()).await;
    client.broker.set_price("SOXL", "30", "120");
    world.run_until(MORNING, STEP).await;
    assert!(world.orders(&twin).iter().all(|o| o.intent.symbol == "TQQQ"));
    answer_all_splits(&world, &client).await;
    assert_eq!(climb(&world, &client, step(Rung::OneShare)).await, Err("clean_night_missing"));

    // The kill switch.
    let mut world = World::new(EVENING);
    let (client, twin) = on_paper(&mut world, traders()).await;
    world.trading.set_halt(Some(client.user), HaltScope::Account(twin.user, twin.account), true).await.unwrap();
    world.run_until(MORNING, STEP).await;
    world.trading.set_halt(Some(client.user), HaltScope::Account(twin.user, twin.account), false).await.unwrap();
    assert_eq!(world.orders(&twin), []);
    assert_eq!(climb(&world, &client, step(Rung::OneShare)).await, Err("clean_night_missing"));
    world.run_until(NEXT_MORNING, STEP).await;
    assert_eq!(climb(&world, &client, step(Rung::OneShare)).await, Ok(Rung::OneShare));
}

#[tokio::test]
async fn the_live_accounts_kill_switch_stops_its_twin_too() {
    let mut world = World::new(EVENING);
    let (client, twin) = on_paper(&mut world, traders()).await;
    world.run_until("2026-05-14T18:30:00Z", STEP).await;
    let before = world.orders(&twin).len();
    assert!(before > 0, "the night has begun");
    let scope = HaltScope::Account(client.user, client.account);
    world.trading.set_halt(Some(client.user), scope, true).await.unwrap();
    world.trading.cancel_halted(scope).await;
    assert_eq!(world.read(&client, |v| v.open_orders(twin.account)), []);
    world.run_until(MORNING, STEP).await;
    assert_eq!(world.orders(&twin).len(), before);
    assert!(world.trading.is_halted(twin.user, twin.account).unwrap());
    world.trading.set_halt(Some(client.user), scope, false).await.unwrap();
    assert!(!world.trading.is_halted(twin.user, twin.account).unwrap(), "and lifting it sets it free");
}

/// Whatever looks like a split was none.
async fn answer_all_splits(world: &World, client: &Client) {
    for difference in world.trading.questions(client.user, client.account).unwrap().differences {
        world.trading.answer_difference(client.user, client.account, difference.id, crate::trading::Answer::NoSplit).await.unwrap();
    }
}

#[tokio::test]
async fn a_twin_without_prices_does_not_trade_and_its_night_is_not_clean() {
    let mut world = World::new(EVENING);
    let (client, twin) = on_paper(&mut world, traders()).await;
    world.without_key(&client, true);
    world.run_until(MORNING, STEP).await;
    world.without_key(&client, false);
    assert_eq!(world.orders(&twin), []);
    assert_eq!(climb(&world, &client, step(Rung::OneShare)).await, Err("clean_night_missing"));
}

#[tokio::test]
async fn stepping_down_ends_the_twin_and_climbing_again_starts_a_fresh_one() {
    let mut world = World::new(EVENING);
    let (client, first) = on_paper(&mut world, traders()).await;
    world.run_until("2026-05-14T15:10:00Z", STEP).await;
    let down = Step { proved: false, old_server_stopped: false, ..step(Rung::Observe) };
    let before = world.orders(&first).len();
    assert!(before > 0);
    assert_eq!(climb(&world, &client, down).await, Ok(Rung::Observe));
    let ended = account(&world, &client, first.account);
    assert_eq!((ended.mode, ended.is_running_twin()), (AccountMode::Observe, false));
    assert_eq!((world.told(&client, "PAPER_ENDED"), world.told(&client, "ACCOUNT_STOPPED")), (1, 0));
    world.run_until(MORNING, STEP).await;
    assert_eq!(world.orders(&first).len(), before, "it trades no more");
    let books = world.books(&first);
    assert_eq!((books.sheets.len(), books.open_orders.len()), (0, 0), "what it had bought is booked");
    world.check(&first);
    assert_eq!(climb(&world, &client, paper()).await, Ok(Rung::Paper));
    let second = twin_of(&world, &client);
    assert_ne!(second.account, first.account);
    assert_eq!(world.books(&second).account.name, "main (paper 2)");
    assert_eq!(world.books(&second).holdings.iter().map(|h| h.quantity).collect::<Vec<_>>(), [40.0], "from the live books again");
    assert_eq!(world.read(&client, |v| twins_of(v, client.account)).len(), 2);
    // Whoever takes the account down, the twin ends with the next tick.
    world.edit_account(&client, |a| _ = a.stop(a.created_at));
    world.run_until("2026-05-14T20:30:00Z", STEP).await;
    assert!(!account(&world, &client, second.account).is_running_twin());
}
