//! Nights on which nothing goes wrong.

use jiff::SignedDuration;
use rust_decimal::Decimal;

use super::*;
use crate::domain::account::{AccountMode, Rung};
use crate::domain::bot::TradeKind;
use crate::domain::fact::Event;
use crate::domain::order::{Environment, Side};
use crate::domain::schedule::Job;
use crate::domain::slot::RunState;
use crate::storage::account_key;
use crate::storage::tables::{Number, UserTable};
use crate::trading::testing::{Does, FinalBooks, time};

/// What the night of [`buyer_and_seller`] comes to.
pub(super) fn expected() -> FinalBooks {
    let buy = |quantity| ("TQ_1".to_owned(), Side::Buy, quantity, "61.2".parse::<Decimal>().unwrap());
    let sell = || ("SX_1".to_owned(), Side::Sell, 8, "29.4".parse::<Decimal>().unwrap());
    FinalBooks {
        history: vec![
            ("SX_1".to_owned(), TradeKind::Sell, 40.0, 20.0, 30.0, 400.0),
            ("TQ_1".to_owned(), TradeKind::Buy, 16.0, 60.0, 0.0, 0.0),
            ("TQ_1".to_owned(), TradeKind::Buy, 8.0, 60.0, 0.0, 0.0),
        ],
        holdings: vec![("TQ_1".to_owned(), 24.0, 60.0, 1_440.0)],
        added_seeds: vec![("TQ_1".to_owned(), 0.0), ("SX_1".to_owned(), 0.0)],
        positions: vec![
            // 40 shares gained 10 USD each, less five times the fee of 0.216, rounded to cents.
            ("SOXL".to_owned(), Decimal::ZERO, Decimal::ZERO, "398.90".parse().unwrap()),
            // Four fills of 180, one of 240 and one of 480, each with its own fee.
            ("TQQQ".to_owned(), Decimal::from(24), Decimal::from(1_440), "-1.29".parse().unwrap()),
        ],
        sheets: 0,
        open_orders: 0,
        sent: vec![buy(3), sell(), buy(3), sell(), buy(3), sell(), buy(3), sell(), buy(4), sell(), buy(8)],
    }
}

#[tokio::test]
async fn a_night_sends_each_slice_once_and_books_each_fill_once() {
    let mut world = World::new(EVENING);
    let kim = buyer_and_seller(&mut world);
    world.run_until(MORNING, STEP).await;
    assert_eq!(world.final_books(&kim), expected());
    world.check(&kim);
    world.check_broker(&kim, "TQQQ", 0);
    world.check_broker(&kim, "SOXL", 40);
    let at: Vec<String> = kim.broker.sent().iter().map(|s| s.at.to_string()[11..16].to_owned()).collect();
    assert_eq!(at, ["15:10", "15:10", "16:15", "16:15", "17:20", "17:20", "18:25", "18:25", "19:30", "19:30", "19:50"]);
    let runs = world.runs(&kim);
    assert!(runs.iter().all(|r| r.state == RunState::Done), "{runs:?}");
    assert_eq!(runs.iter().filter(|r| r.slot.session.to_string() == "2026-05-14").count(), 10);
    for (code, times) in [
        ("READINESS", 1),
        ("ORDER_CREATED_BUY", 1),
        ("ORDER_CREATED_SELL", 1),
        ("CYCLE_FINISHED", 1),
        ("CLOSING_TRIGGERED", 1),
        ("CLOSING_BUY_DONE", 1),
        ("STATUS_PORTFOLIO", 1),
        ("STATUS_TODAY", 1),
        ("SESSION_REPORT", 1),
        ("SLOT_MISSED", 0),
        ("BROKER_PROBLEM", 0),
    ] {
        assert_eq!(world.told(&kim, code), times, "{code}");
    }
}

#[tokio::test]
async fn a_second_tick_at_the_same_time_changes_nothing() {
    let mut world = World::new(EVENING);
    let kim = buyer_and_seller(&mut world);
    for _ in 0..17 {
        let next = world.clock_now() + SignedDuration::from_mins(30);
        for at in [next - SignedDuration::from_mins(20), next - SignedDuration::from_mins(10), next] {
            world.tick_at(at).await;
            let (sent, facts, told) = (kim.broker.sent(), facts(&world, &kim), world.messages(&kim).len());
            world.tick_at(at).await;
            world.tick_at(at).await;
            assert_eq!((kim.broker.sent(), self::facts(&world, &kim), world.messages(&kim).len()), (sent, facts, told), "{at}");
        }
    }
    assert_eq!(world.final_books(&kim), expected());
}

fn facts(world: &World, client: &Client) -> u64 {
    world.read(client, |v| v.last_fact(client.account))
}

#[tokio::test]
async fn many_users_trade_side_by_side_and_each_sees_only_its_own() {
    let mut world = World::new(EVENING);
    let clients: Vec<Client> = (0..5).map(|_| buyer_and_seller(&mut world)).collect();
    world.run_until(MORNING, STEP).await;
    for client in &clients {
        assert_eq!(world.final_books(client), expected());
        world.check(client);
    }
}

#[tokio::test]
async fn an_observing_account_tells_what_it_would_do_and_sends_nothing() {
    let mut world = World::new(EVENING);
    let bots = vec![(closing_bot("TQ_1"), 0.0, 0.0), (bot("SX_1", "SOXL"), 40.0, 20.0)];
    let park = world.user_with(Environment::Mock, AccountMode::Observe, bots);
    world.run_until(MORNING, STEP).await;
    assert_eq!((park.broker.sent().len(), park.broker.cancels().len()), (0, 0));
    assert!(world.orders(&park).is_empty() && world.history(&park).is_empty());
    assert_eq!(world.told(&park, "WOULD_ORDER"), 3, "two decisions and a closing buy");
    assert_eq!((world.told(&park, "SESSION_REPORT"), world.told(&park, "CLOSING_TRIGGERED")), (1, 1));
    world.check(&park);
}

#[tokio::test]
async fn an_order_never_reaches_a_host_of_another_kind() {
    let mut world = World::new(EVENING);
    let kim = buyer_and_seller(&mut world);
    // The account's row says live, its client still speaks to the mock host, and the other way round.
    world.edit_account(&kim, |a| {
        a.environment = Environment::Live;
        a.going_live.rung = Rung::Full;
    });
    let lee = world.user_with(Environment::Live, AccountMode::Trading, vec![(closing_bot("TQ_1"), 0.0, 0.0)]);
    world.edit_account(&lee, |a| a.environment = Environment::Mock);
    world.run_until(MORNING, STEP).await;
    for client in [&kim, &lee] {
        assert_eq!(client.broker.sent(), []);
        assert!(!world.orders(client).is_empty());
        assert!(world.orders(client).iter().all(|o| o.reason.as_ref().unwrap().code == "environment_mismatch"));
    }
}

#[tokio::test]
async fn bots_of_one_account_net_before_they_trade() {
    let mut world = World::new(EVENING);
    // One bot sells what another wants to buy.
    let kim = world.user(vec![(bot("TQ_1", "TQQQ"), 0.0, 0.0), (bot("TQ_2", "TQQQ"), 40.0, 50.0)]);
    world.run_until(MORNING, STEP).await;
    world.check(&kim);
    world.check_broker(&kim, "TQQQ", 40);
    let sent: i64 = kim.broker.sent().iter().map(|s| if s.side == Side::Sell { s.quantity as i64 } else { 0 }).sum();
    assert!(sent < 40, "the shares that went from bot to bot were not sold: {sent}");
    assert!(world.history(&kim).iter().any(|r| r.name == "TQ_1" && r.kind == TradeKind::Buy));
}

#[tokio::test]
async fn an_early_close_merges_the_slices_and_sends_nothing_after_it() {
    // Friday after Thanksgiving 2026: 09:30 to 13:00 in New York, 23:30 to 03:00 in Korea.
    let mut world = World::new("2026-11-27T13:00:00Z");
    let kim = buyer_and_seller(&mut world);
    world.run_until("2026-11-27T18:20:00Z", STEP).await;
    world.check(&kim);
    let close = time("2026-11-27T18:00:00Z");
    let sent = kim.broker.sent();
    assert!(!sent.is_empty() && sent.iter().all(|s| s.at < close), "{sent:?}");
    let books = world.final_books(&kim);
    assert_eq!((books.sheets, books.open_orders), (0, 0));
    assert!(books.holdings.iter().any(|h| h.0 == "TQ_1" && h.1 == 24.0), "{books:?}");
    assert_eq!((world.told(&kim, "SLOT_MISSED"), world.told(&kim, "SESSION_REPORT")), (0, 1));
}

#[tokio::test]
async fn the_nights_around_the_clock_changes_are_whole_nights() {
    // New York changes on 8 March and 1 November 2026; the sessions after them begin an hour earlier
    // or later in Korea.
    for (evening, morning, last_slice, closing) in [
        ("2026-03-06T13:00:00Z", "2026-03-06T21:20:00Z", "20:30", "20:50"),
        ("2026-03-09T12:00:00Z", "2026-03-09T20:20:00Z", "19:30", "19:50"),
        ("2026-10-30T12:00:00Z", "2026-10-30T20:20:00Z", "19:30", "19:50"),
        ("2026-11-02T13:00:00Z", "2026-11-02T21:20:00Z", "20:30", "20:50"),
    ] {
        let mut world = World::new(evening);
        let kim = buyer_and_seller(&mut world);
        world.run_until(morning, STEP).await;
        assert_eq!(world.final_books(&kim), expected(), "{evening}");
        let at: Vec<String> = kim.broker.sent().iter().rev().take(2).map(|s| s.at.to_string()[11..16].to_owned()).collect();
        assert_eq!(at, [closing, last_slice], "{evening}");
    }
}

#[tokio::test]
async fn a_week_runs_by_itself_and_a_weekend_does_nothing() {
    let mut world = World::new(EVENING);
    let kim = buyer_and_seller(&mut world);
    world.run_until("2026-05-15T20:20:00Z", STEP).await;
    let friday = (kim.broker.sent().len(), world.messages(&kim).len());
    world.run_until("2026-05-18T12:00:00Z", STEP * 6).await;
    assert_eq!((kim.broker.sent().len(), world.messages(&kim).len()), friday);
    world.run_until("2026-05-18T20:20:00Z", STEP).await;
    assert!(kim.broker.sent().len() > friday.0);
    assert_eq!(world.told(&kim, "SESSION_REPORT"), 3);
    assert_eq!(world.told(&kim, "SLOT_MISSED"), 0);
    world.check(&kim);
    world.check_broker(&kim, "TQQQ", 0);
}

#[tokio::test]
async fn an_account_that_is_stopped_at_night_lives_its_orders_out_and_sends_no_more() {
    let mut world = World::new(EVENING);
    let kim = buyer_and_seller(&mut world);
    world.run_until("2026-05-14T16:10:00Z", STEP).await;
    kim.broker.script([Does::FillPart(1), Does::FillPart(2)]);
    world.run_until("2026-05-14T16:15:00Z", STEP).await;
    world.edit_account(&kim, |a| a.mode = AccountMode::Observe);
    world.run_until(MORNING, STEP).await;
    assert_eq!(kim.broker.sent().len(), 4);
    let books = world.final_books(&kim);
    assert_eq!((books.sheets, books.open_orders), (0, 0));
    assert_eq!(books.holdings.iter().map(|h| (h.0.as_str(), h.1)).collect::<Vec<_>>(), [("SX_1", 30.0), ("TQ_1", 4.0)]);
    world.check(&kim);
    assert_eq!(world.runs(&kim).iter().filter(|r| r.slot.job == Job::Slice && r.state == RunState::Done).count(), 5);
}

#[tokio::test]
async fn an_orders_history_is_read_without_the_rest_of_the_journal() {
    /// Rows in the journal's place that are no facts.
    const UNREADABLE: UserTable<Number> = UserTable::new("journal");
    let mut world = World::new(EVENING);
    let kim = buyer_and_seller(&mut world);
    world.run_until(MORNING, STEP).await;
    let account = kim.account;
    world.write(move |tx| tx.user(kim.user).put(&UNREADABLE, &account_key(account).u64(1_000_000), &Number(0)));
    let order = kim.broker.sent()[0].order_id;
    let (found, facts) = world.trading.order_with_facts(kim.user, order).unwrap();
    assert_eq!(found.intent.order_id, order);
    assert!(facts.len() >= 5 && facts.is_sorted_by_key(|f| f.seq), "{facts:?}");
    assert!(facts.iter().all(|f| f.event.order_id() == Some(order)));
    assert!(matches!(facts[0].event, Event::OrderIntended { .. }), "{facts:?}");
}
