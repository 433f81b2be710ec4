//! Brokers that fail, servers that stand still, data that came along.

use jiff::SignedDuration;

use super::nights::expected;
use super::*;
use crate::brokers::BrokerError;
use crate::domain::account::{AccountMode, ImportMark, Unsettled};
use crate::domain::bot::{Sheet, SliceFill, TradeKind};
use crate::domain::fact::{Actor, Event};
use crate::domain::id::SheetId;
use crate::domain::instrument::Market;
use crate::domain::order::OrderState;
use crate::domain::schedule::Job;
use crate::domain::slot::RunState;
use crate::trading::testing::{Does, Moment, time};

fn down() -> Option<BrokerError> {
    Some(BrokerError::NoAnswer("timed out".to_owned()))
}

#[tokio::test]
async fn one_users_broker_that_is_down_or_panics_touches_nobody_else() {
    let mut world = World::new(EVENING);
    let clients: Vec<Client> = (0..4).map(|_| buyer_and_seller(&mut world)).collect();
    clients[1].broker.set_down(down());
    clients[2].broker.set_panics(true);
    world.run_until(MORNING, STEP).await;
    for well in [&clients[0], &clients[3]] {
        assert_eq!(world.final_books(well), expected());
        assert_eq!((world.told(well, "BROKER_PROBLEM"), world.trading.attention(well.user, well.account)), (0, None));
    }
    for ill in [&clients[1], &clients[2]] {
        assert_eq!(world.told(ill, "BROKER_PROBLEM"), 1, "told once, not with every tick");
        assert!(world.trading.attention(ill.user, ill.account).is_some());
        assert_eq!(ill.broker.sent(), []);
        world.check(ill);
    }
    assert_eq!(world.trading.attention(clients[1].user, clients[1].account).unwrap().code, "broker_no_answer");
    assert_eq!(world.trading.attention(clients[2].user, clients[2].account).unwrap().code, "internal_error");
}

#[tokio::test]
async fn a_broker_that_comes_and_goes_is_told_as_one_problem() {
    let mut world = World::new(EVENING);
    let kim = world.user(vec![(bot("TQ_1", "TQQQ"), 0.0, 0.0)]);
    world.run_until("2026-05-14T15:05:00Z", STEP).await;
    kim.broker.script([Does::FillPart(0)]);
    world.run_until("2026-05-14T15:10:00Z", STEP).await;
    // Every other reading of the open order's list fails, for two minutes.
    for n in 0..120 {
        kim.broker.set_down(if n % 8 < 4 { down() } else { None });
        world.run_until(&(world.clock_now() + SignedDuration::from_secs(1)).to_string(), SECOND).await;
    }
    kim.broker.set_down(None);
    assert_eq!((world.told(&kim, "BROKER_PROBLEM"), world.told(&kim, "BROKER_RECOVERED")), (1, 0));
    world.run_until("2026-05-14T15:16:00Z", SECOND * 5).await;
    assert_eq!((world.told(&kim, "BROKER_PROBLEM"), world.told(&kim, "BROKER_RECOVERED")), (1, 1));
    assert_eq!(world.trading.attention(kim.user, kim.account), None);
    world.run_until(MORNING, STEP).await;
    world.check(&kim);
}

#[tokio::test]
async fn a_decision_waits_for_the_broker_and_is_made_once() {
    let mut world = World::new(EVENING);
    let kim = buyer_and_seller(&mut world);
    world.run_until("2026-05-14T15:00:00Z", STEP).await;
    kim.broker.set_down(down());
    world.run_until("2026-05-14T15:09:00Z", MINUTE).await;
    assert!(world.books(&kim).sheets.is_empty());
    kim.broker.set_down(None);
    world.run_until(MORNING, MINUTE * 5).await;
    assert_eq!(world.final_books(&kim), expected());
    assert_eq!((world.told(&kim, "BROKER_PROBLEM"), world.told(&kim, "BROKER_RECOVERED")), (1, 1));
}

#[tokio::test]
async fn one_symbol_without_a_price_keeps_no_other_bot_from_its_slice() {
    let mut world = World::new(EVENING);
    let kim = world.user(vec![(bot("XX_1", "XXXX"), 0.0, 0.0), (bot("TQ_1", "TQQQ"), 0.0, 0.0)]);
    world.run_until(MORNING, STEP).await;
    assert_eq!(kim.broker.sent().len(), 5);
    assert_eq!(world.told(&kim, "BUY_NO_PRICE"), 1);
    world.check(&kim);
}

/// The shares of each slice, as parts of the sheet's 40.
fn sold(client: &Client) -> Vec<u64> {
    client.broker.sent().iter().map(|s| s.quantity).collect()
}

#[tokio::test]
async fn after_an_outage_the_slices_are_spread_and_none_is_more_than_twice_the_plan() {
    for (off, on, at_most) in [
        ("2026-05-14T15:30:00Z", "2026-05-14T17:30:00Z", 5),
        ("2026-05-14T15:30:00Z", "2026-05-14T19:40:00Z", 5),
        ("2026-05-14T15:06:00Z", "2026-05-14T19:51:00Z", 5),
    ] {
        let mut world = World::new(EVENING);
        let kim = world.user(vec![(bot("SX_1", "SOXL"), 40.0, 20.0)]);
        world.run_until(off, MINUTE * 2).await;
        world.clock.advance_to(time(on));
        world.restart();
        world.run_until(MORNING, MINUTE).await;
        let close = time("2026-05-14T20:00:00Z");
        let sent = kim.broker.sent();
        assert!(sent.iter().all(|s| s.at < close && s.quantity <= 16), "{sent:?}");
        assert!(sent.len() <= at_most);
        for pair in sent.windows(2) {
            assert!(pair[1].at.duration_since(pair[0].at) >= SignedDuration::from_mins(5), "back to back: {sent:?}");
        }
        assert_eq!(world.told(&kim, "SLICES_RESPACED"), 1);
        world.check(&kim);
        world.check_broker(&kim, "SOXL", 40);
        assert_eq!(world.books(&kim).sheets.len(), 0);
    }
}

#[tokio::test]
async fn two_outages_in_one_night_do_not_double_twice() {
    let mut world = World::new(EVENING);
    let kim = world.user(vec![(bot("SX_1", "SOXL"), 40.0, 20.0)]);
    world.run_until("2026-05-14T15:06:00Z", MINUTE).await;
    // Off until 19:35, and again from the first of the slices that were moved.
    world.clock.advance_to(time("2026-05-14T19:35:00Z"));
    world.run_until("2026-05-14T19:36:00Z", MINUTE).await;
    world.clock.advance_to(time("2026-05-14T19:52:00Z"));
    world.run_until(MORNING, MINUTE).await;
    let shares = sold(&kim);
    assert!(shares.iter().all(|shares| *shares <= 16), "{shares:?}");
    assert!(!shares.is_empty());
    world.check(&kim);
}

#[tokio::test]
async fn a_broker_that_is_down_for_two_hours_is_no_reason_to_send_everything_at_once() {
    let mut world = World::new(EVENING);
    let kim = world.user(vec![(bot("SX_1", "SOXL"), 40.0, 20.0)]);
    world.run_until("2026-05-14T15:20:00Z", STEP).await;
    kim.broker.set_down(down());
    world.run_until("2026-05-14T18:20:00Z", MINUTE).await;
    kim.broker.set_down(None);
    world.run_until(MORNING, MINUTE).await;
    let sent = kim.broker.sent();
    assert!(sent.iter().all(|s| s.quantity <= 16) && sent.len() <= 5, "{sent:?}");
    assert_eq!(sent.iter().map(|s| s.quantity).sum::<u64>(), 40, "all is sold in the end");
    for pair in sent.windows(2) {
        assert!(pair[1].at.duration_since(pair[0].at) >= SignedDuration::from_mins(5), "back to back: {sent:?}");
    }
    assert_eq!(world.told(&kim, "BROKER_PROBLEM"), 1);
    world.check(&kim);
}

#[tokio::test]
async fn a_closing_buy_that_was_missed_is_told_and_not_caught_up() {
    let mut world = World::new(EVENING);
    let kim = buyer_and_seller(&mut world);
    world.run_until("2026-05-14T19:45:00Z", STEP).await;
    world.clock.advance_to(time("2026-05-14T19:56:00Z"));
    world.restart();
    world.run_until(MORNING, STEP).await;
    assert!(kim.broker.sent().iter().all(|s| s.at < time("2026-05-14T19:45:00Z")));
    let run = world.runs(&kim).into_iter().find(|r| r.slot.job == Job::ClosingBuy).unwrap();
    assert_eq!((run.state, world.told(&kim, "SLOT_MISSED")), (RunState::Missed, 1));
    world.check(&kim);
}

#[tokio::test]
async fn a_closing_slot_that_is_taken_up_again_buys_and_tells_once() {
    let mut world = World::new(EVENING);
    // The first bot's order goes out, then the broker fails before the second one's price is there.
    let kim = world.user(vec![(closing_bot("TQ_1"), 0.0, 0.0), (Bot { symbol: "SOXL".to_owned(), ..closing_bot("SX_1") }, 0.0, 0.0)]);
    kim.broker.set_price("SOXL", "30", "33");
    world.run_until("2026-05-14T19:45:00Z", STEP).await;
    let before = kim.broker.sent().len();
    kim.broker.fail_call(3, BrokerError::NoAnswer("timed out".to_owned()));
    world.run_until("2026-05-14T19:50:00Z", STEP).await;
    world.run_until("2026-05-14T19:51:00Z", SECOND * 2).await;
    world.run_until(MORNING, STEP).await;
    assert_eq!(kim.broker.sent().len(), before + 2);
    assert_eq!((world.told(&kim, "CLOSING_TRIGGERED"), world.told(&kim, "CLOSING_BUY_DONE")), (2, 2));
    world.check(&kim);
}

#[tokio::test]
async fn an_account_without_anything_to_do_is_not_told_of_missed_slots() {
    let mut world = World::new(EVENING);
    let kim = world.user(Vec::new());
    let lee = buyer_and_seller(&mut world);
    world.tick_at(time("2026-05-14T12:01:00Z")).await;
    world.clock.advance_to(time("2026-05-15T06:00:00Z"));
    world.restart();
    world.run_until("2026-05-15T06:05:00Z", MINUTE).await;
    assert_eq!(world.told(&kim, "SLOT_MISSED"), 0);
    // Readiness, decision and closing buy in one message; without sheets no slice was missed.
    assert_eq!((world.told(&lee, "SLOT_MISSED"), world.told(&lee, "SESSIONS_MISSED")), (0, 1));
    let missed = world.messages(&lee).into_iter().find(|m| m.code == "SESSIONS_MISSED").unwrap();
    assert_eq!(missed.event["sessions"][0]["jobs"], serde_json::json!(["readiness", "decision", "closing_buy"]));
}

/// A sheet of the old program with unbooked fills, imported into an observing account.
fn import_a_sheet(world: &World, client: &Client) -> SheetId {
    let (user, account) = (client.user, client.account);
    let id = SheetId(uuid::Uuid::from_u128(4_711));
    let imported_at = world.clock_now();
    world.edit_account(client, move |a| {
        a.imported = Some(ImportMark {
            db_sha256: String::new(),
            db_name: String::new(),
            key_store_sha256: None,
            env_sha256: None,
            at: imported_at,
            last_fact: 1,
            version: 1,
        });
        a.unsettled = vec![Unsettled::UnbookedFills { sheet_id: id, name: "TQ_1".to_owned(), quantity: 3.0, total: 180.0 }];
    });
    let bot_id = world.books(client).bots[0].id;
    let fill = SliceFill { kind: TradeKind::Buy, quantity: 3.0, unit_price: 60.0, total: 180.0 };
    let sheet = Sheet {
        id,
        bot_id: Some(bot_id),
        name: "TQ_1".to_owned(),
        market: Market::Us,
        symbol: "TQQQ".to_owned(),
        kind: TradeKind::Buy,
        session: jiff::civil::date(2026, 5, 14),
        opened_at: imported_at - SignedDuration::from_hours(20),
        slices_left: 0,
        slices_total: 1,
        remaining: 820.0,
        total: 1_000.0,
        results: vec![Some(fill)],
    };
    world.write(move |tx| {
        tx.user(user).record(account, imported_at, Actor::Import, vec![Event::OpeningSheet { sheet: sheet.clone() }]).map(drop)
    });
    id
}

#[tokio::test]
async fn an_imported_sheet_is_neither_executed_nor_booked_by_itself() {
    let mut world = World::new(EVENING);
    let park = world.user_with(crate::domain::order::Environment::Mock, AccountMode::Observe, vec![(bot("TQ_1", "TQQQ"), 0.0, 0.0)]);
    let sheet = import_a_sheet(&world, &park);
    world.run_until("2026-05-15T20:20:00Z", STEP).await;
    let books = world.books(&park);
    assert_eq!(books.sheets.iter().map(|s| s.id).collect::<Vec<_>>(), [sheet]);
    assert!(world.history(&park).is_empty() && books.holdings.is_empty() && world.orders(&park).is_empty());
}

#[tokio::test]
async fn a_force_sell_beside_the_ticks_books_each_execution_once() {
    let mut world = World::new(EVENING);
    let kim = world.user(vec![(Bot { active: false, ..bot("SX_1", "SOXL") }, 40.0, 20.0)]);
    world.run_until("2026-05-14T15:00:00Z", STEP).await;
    kim.broker.script([Does::FillInParts(4, SignedDuration::from_secs(10), 6)]);
    let bot_id = world.books(&kim).bots[0].id;
    let order = world.trading.force_sell(kim.user, kim.account, bot_id, 25.0, None).await.unwrap();
    assert_eq!((order.state, order.filled_quantity), (OrderState::PartiallyFilled, 4));
    let refused = world.trading.force_sell(kim.user, kim.account, bot_id, 25.0, None).await.unwrap_err();
    assert!(refused.to_string().contains("still open"), "{refused}");
    world.clock.advance_to(time("2026-05-14T15:00:15Z"));
    // Two readers of the same list at the same time.
    let line = world.trading.line(kim.user, kim.account).await.unwrap();
    let (a, b, _) =
        tokio::join!(world.trading.refresh_orders(&line, true), world.trading.refresh_orders(&line, true), world.trading.tick());
    a.unwrap();
    b.unwrap();
    let order = world.orders(&kim).remove(0);
    assert_eq!((order.state, order.filled_quantity), (OrderState::Filled, 10));
    world.run_until(MORNING, STEP).await;
    world.check(&kim);
    world.check_broker(&kim, "SOXL", 40);
    assert_eq!(world.books(&kim).holdings[0].quantity, 30.0);
}

#[tokio::test]
async fn a_force_sell_that_cannot_be_followed_up_is_still_reported_as_sent() {
    let mut world = World::new(EVENING);
    let kim = world.user(vec![(Bot { active: false, ..bot("SX_1", "SOXL") }, 40.0, 20.0)]);
    world.run_until("2026-05-14T15:00:00Z", STEP).await;
    let bot_id = world.books(&kim).bots[0].id;
    // Price, order, then the list fails.
    kim.broker.fail_call(3, BrokerError::NoAnswer("timed out".to_owned()));
    let order = world.trading.force_sell(kim.user, kim.account, bot_id, 50.0, None).await.unwrap();
    assert_eq!(order.state, OrderState::Accepted);
    world.run_until(MORNING, STEP).await;
    assert_eq!(kim.broker.sent().len(), 1);
    assert_eq!(world.books(&kim).holdings[0].quantity, 20.0);
    world.check(&kim);
}

#[tokio::test]
async fn a_bot_that_cannot_decide_because_of_yesterday_is_told() {
    let mut world = World::new(EVENING);
    let kim = world.user(vec![(bot("TQ_1", "TQQQ"), 0.0, 0.0)]);
    world.run_until("2026-05-14T19:29:00Z", STEP).await;
    kim.broker.script([Does::Lose]);
    world.run_until("2026-05-14T19:30:00Z", STEP).await;
    // The server is off before the order is resolved, until the next decision is due.
    world.clock.advance_to(time("2026-05-15T15:05:00Z"));
    world.restart();
    world.tick_at(time("2026-05-15T15:05:00Z")).await;
    assert_eq!(world.books(&kim).sheets.len(), 1, "the decision waits for the readings");
    world.run_until("2026-05-15T15:08:00Z", SECOND * 5).await;
    let sheets = world.books(&kim).sheets;
    assert_eq!(sheets.iter().map(|s| s.session.to_string()).collect::<Vec<_>>(), ["2026-05-15"]);
    assert_eq!(world.history(&kim).len(), 1, "what yesterday's sheet filled is booked");
    world.check(&kim);
}

#[tokio::test]
async fn a_slice_that_was_begun_before_an_outage_does_not_drag_the_others_behind_it() {
    let mut world = World::new(EVENING);
    let kim = world.user(vec![(bot("SX_1", "SOXL"), 40.0, 20.0)]);
    world.run_until("2026-05-14T15:05:00Z", STEP).await;
    world.tick_at(time("2026-05-14T15:09:59Z")).await;
    // Price, order: the process dies with the first slice half done.
    kim.broker.die_at(2, Moment::After);
    assert!(world.tick_at(time("2026-05-14T15:10:00Z")).await);
    world.clock.advance_to(time("2026-05-14T18:00:00Z"));
    world.restart();
    world.run_until(MORNING, MINUTE).await;
    let sent = kim.broker.sent();
    assert!(sent.len() > 2, "{sent:?}");
    for pair in sent.windows(2) {
        assert!(pair[1].at.duration_since(pair[0].at) >= SignedDuration::from_mins(5), "back to back: {sent:?}");
    }
    world.check(&kim);
    world.check_broker(&kim, "SOXL", 40);
}

#[tokio::test]
async fn an_order_list_that_fails_keeps_no_other_sheet_from_its_slice() {
    let mut world = World::new(EVENING);
    let kim = buyer_and_seller(&mut world);
    world.run_until("2026-05-14T15:05:00Z", STEP).await;
    kim.broker.script([Does::FillPart(0), Does::Fill]);
    world.run_until("2026-05-14T15:10:00Z", STEP).await;
    kim.broker.set_lists_down(true);
    world.run_until("2026-05-14T16:25:00Z", MINUTE).await;
    let second: Vec<String> = kim.broker.sent().into_iter().skip(2).map(|s| s.bot).collect();
    assert_eq!(second, ["SX_1"], "the first sheet waits for its order, the other goes on");
    assert_eq!(world.told(&kim, "BROKER_PROBLEM"), 1);
    kim.broker.set_lists_down(false);
    world.run_until(MORNING, STEP).await;
    world.check(&kim);
    world.check_broker(&kim, "TQQQ", 0);
    world.check_broker(&kim, "SOXL", 40);
}
