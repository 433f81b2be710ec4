//! The process ends at any point, and another goes on over the same data.

use std::collections::BTreeSet;

use super::nights::expected;
use super::*;
use crate::domain::order::OrderState;
use crate::trading::testing::{Does, Moment, time};

/// Ticks of a night: at every slot, some seconds and some minutes after it.
fn ticks() -> Vec<jiff::Timestamp> {
    let slots = ["12:30", "15:05", "15:10", "16:15", "17:20", "18:25", "19:30", "19:50", "20:00", "20:15"];
    let mut all = BTreeSet::new();
    for slot in slots {
        let at = time(&format!("2026-05-14T{slot}:00Z"));
        all.extend([0, 4, 30, 60, 80, 310].map(|after| at + jiff::SignedDuration::from_secs(after)));
    }
    all.into_iter().collect()
}

#[tokio::test]
async fn a_restart_after_any_tick_changes_nothing() {
    let all = ticks();
    for place in (0..all.len()).step_by(stride()) {
        let mut world = World::new(EVENING);
        let kim = buyer_and_seller(&mut world);
        for (n, at) in all.iter().enumerate() {
            world.tick_at(*at).await;
            if n == place {
                world.restart();
            }
        }
        assert_eq!(world.final_books(&kim), expected(), "restart after tick {place}");
        world.check(&kim);
    }
}

#[tokio::test]
async fn a_restart_after_every_tick_changes_nothing() {
    let mut world = World::new(EVENING);
    let kim = buyer_and_seller(&mut world);
    for at in ticks() {
        world.tick_at(at).await;
        world.restart();
    }
    assert_eq!(world.final_books(&kim), expected());
    world.check(&kim);
    assert_eq!((world.told(&kim, "SESSION_REPORT"), world.told(&kim, "CLOSING_TRIGGERED"), world.told(&kim, "SLOT_MISSED")), (1, 1, 0));
}

/// The night with the process dying at one call to the broker, counted from its beginning.
async fn dying_at(call: usize, moment: Moment) -> (World, Client) {
    let mut world = World::new(EVENING);
    let kim = buyer_and_seller(&mut world);
    kim.broker.die_at(call, moment);
    for at in ticks() {
        if world.tick_at(at).await {
            world.restart();
        }
    }
    (world, kim)
}

#[tokio::test]
async fn a_death_after_any_call_to_the_broker_leads_to_the_same_books() {
    let calls = {
        let (_, kim) = dying_at(usize::MAX / 2, Moment::After).await;
        kim.broker.calls()
    };
    assert!(calls > 60, "{calls} calls are too few to prove anything");
    for call in (1..=calls).step_by(stride()) {
        let (world, kim) = dying_at(call, Moment::After).await;
        assert_eq!(world.final_books(&kim), expected(), "death after call {call}");
        world.check(&kim);
    }
}

#[tokio::test]
async fn a_death_before_any_call_to_the_broker_sends_nothing_twice_and_loses_nothing() {
    for call in (1..=120).step_by(stride()) {
        let (world, kim) = dying_at(call, Moment::Before).await;
        world.check(&kim);
        world.check_broker(&kim, "TQQQ", 0);
        world.check_broker(&kim, "SOXL", 40);
        let books = world.final_books(&kim);
        assert_eq!((books.sheets, books.open_orders), (0, 0), "death before call {call}: {books:?}");
        // An order that had not left is given up, not sent again; every other is there.
        let given_up = world.orders(&kim).iter().filter(|o| o.is_not_placed()).count();
        // For a last slice that was given up there is one more: no other was left to take its share.
        let orders = world.orders(&kim).len();
        assert!(given_up <= 1 && (orders == 11 || orders == 11 + given_up), "death before call {call}");
        if given_up == 0 {
            assert_eq!(books, expected(), "death before call {call}");
        }
    }
}

/// The night with the process dying after so many commits; what it had begun at the broker goes on
/// to its end, as it would at a real broker.
async fn dying_after_commits(commits: u64) -> (World, Client, u64) {
    let mut world = World::new(EVENING);
    let kim = buyer_and_seller(&mut world);
    world.commits_left.set(commits);
    for at in ticks() {
        world.tick_at(at).await;
        if world.commits_left.get() == 0 {
            world.commits_left.set(u64::MAX);
            world.restart();
            world.tick_at(at).await;
        }
    }
    let left = world.commits_left.get();
    (world, kim, left)
}

#[tokio::test]
async fn a_death_after_any_commit_leads_to_the_same_books() {
    const MANY: u64 = 1_000_000;
    let commits = {
        let (world, kim, left) = dying_after_commits(MANY).await;
        assert_eq!(world.final_books(&kim), expected());
        MANY - left
    };
    assert!(commits > 60, "{commits} commits are too few to prove anything");
    for commit in (1..commits).step_by(stride()) {
        let (world, kim, _) = dying_after_commits(commit).await;
        assert_eq!(world.final_books(&kim), expected(), "death after commit {commit} of {commits}");
        world.check(&kim);
        world.check_broker(&kim, "TQQQ", 0);
        for code in ["SESSION_REPORT", "CLOSING_BUY_DONE", "CYCLE_FINISHED", "STATUS_TODAY"] {
            assert_eq!(world.told(&kim, code), 1, "{code} after death after commit {commit}");
        }
    }
}

/// Every point of a night is tried when `EGGMONEY_PROVE_ALL` is set, otherwise every seventh.
fn stride() -> usize {
    if std::env::var_os("EGGMONEY_PROVE_ALL").is_some() { 1 } else { 7 }
}

#[tokio::test]
async fn an_order_whose_task_was_dropped_becomes_unknown_without_a_restart() {
    let mut world = World::new(EVENING);
    let kim = world.user(vec![(bot("TQ_1", "TQQQ"), 0.0, 0.0)]);
    world.run_until("2026-05-14T15:05:00Z", STEP).await;
    world.tick_at(time("2026-05-14T15:09:59Z")).await;
    // Books and broker are compared (two calls) and the price comes, then the order goes out and its
    // answer never does.
    kim.broker.die_at(4, Moment::After);
    assert!(world.tick_at(time("2026-05-14T15:10:00Z")).await, "the task must hang");
    assert_eq!(world.orders(&kim)[0].state, OrderState::Sent);
    world.tick_at(time("2026-05-14T15:10:05Z")).await;
    assert_eq!((world.told(&kim, "ORDER_UNKNOWN"), world.told(&kim, "ORDER_FOUND")), (1, 1));
    assert_eq!(world.orders(&kim)[0].state, OrderState::Filled);
    world.run_until(MORNING, STEP).await;
    world.check(&kim);
    assert_eq!(kim.broker.sent().len(), 5);
}

#[tokio::test]
async fn an_order_whose_client_panics_is_never_sent_again() {
    let mut world = World::new(EVENING);
    let kim = world.user(vec![(bot("TQ_1", "TQQQ"), 0.0, 0.0)]);
    world.run_until("2026-05-14T15:05:00Z", STEP).await;
    kim.broker.script([Does::Panic]);
    world.run_until("2026-05-14T15:10:00Z", STEP).await;
    world.run_until("2026-05-14T15:12:00Z", SECOND * 5).await;
    assert!(world.orders(&kim)[0].is_not_placed());
    world.run_until(MORNING, STEP).await;
    world.check(&kim);
    let first: Vec<u32> = kim.broker.sent().iter().filter_map(|s| s.slice.map(|(_, n)| n)).collect();
    assert_eq!(first, [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn trades_that_are_recorded_the_next_day_belong_to_their_own_session() {
    let mut world = World::new(EVENING);
    // Sold in three slices; then the server is off until the next afternoon.
    let kim = world.user(vec![(bot("SX_1", "SOXL"), 40.0, 20.0)]);
    world.run_until("2026-05-14T17:30:00Z", STEP).await;
    world.clock.advance_to(time("2026-05-15T06:00:00Z"));
    world.restart();
    world.run_until("2026-05-15T06:10:00Z", STEP).await;
    let rows = world.history(&kim);
    assert_eq!((rows.len(), rows[0].quantity, rows[0].traded_at), (1, Some(24.0), time("2026-05-14T20:00:00Z")));
    world.run_until("2026-05-15T15:05:00Z", STEP).await;
    assert_eq!(world.books(&kim).sheets.len(), 1, "yesterday's sell is no reason not to trade tonight");
    world.check(&kim);
}
