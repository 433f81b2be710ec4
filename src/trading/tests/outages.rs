//! What the auditor found: bots that are switched off, orders that never arrive, nights without a
//! server, accounts without a key.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::*;
use crate::brokers::BrokerError;
use crate::domain::account::AccountMode;
use crate::domain::bot::TradeKind;
use crate::domain::order::Environment;
use crate::domain::schedule::{Job, TimeRule};
use crate::domain::slot::RunState;
use crate::trading::BotPatch;
use crate::trading::testing::{Does, time};

async fn switch(world: &World, client: &Client, place: usize, active: bool) {
    let bot = world.books(client).bots[place].clone();
    let patch = BotPatch { active: Some(active), ..BotPatch::default() };
    world.trading.change_bot(client.user, bot.id, bot.version, patch).await.unwrap();
}

fn sent(client: &Client) -> Vec<(String, u64)> {
    client.broker.sent().into_iter().map(|s| (s.at.to_string()[11..16].to_owned(), s.quantity)).collect()
}

/// Messages of a code, oldest first.
fn said(world: &World, client: &Client, code: &str) -> Vec<Value> {
    world.messages(client).into_iter().filter(|m| m.code == code).map(|m| m.event).collect()
}

#[tokio::test]
async fn a_bot_that_is_switched_off_sends_no_further_slice_and_its_fills_are_booked() {
    let mut world = World::new(EVENING);
    let kim = world.user(vec![(bot("TQ_1", "TQQQ"), 0.0, 0.0), (bot("SX_1", "SOXL"), 40.0, 20.0)]);
    world.run_until("2026-05-14T16:16:00Z", STEP).await;
    switch(&world, &kim, 0, false).await;
    world.run_until("2026-05-14T19:20:00Z", STEP).await;
    assert_eq!(world.books(&kim).sheets.len(), 2, "its sheet stays until the night is over");
    world.run_until(MORNING, STEP).await;
    let of = |name: &str| kim.broker.sent().into_iter().filter(|s| s.bot == name).count();
    assert_eq!((of("TQ_1"), of("SX_1")), (2, 5), "the other bot goes on");
    let books = world.books(&kim);
    assert_eq!(books.sheets.len(), 0);
    assert_eq!(books.holdings.iter().map(|h| (h.name.as_str(), h.quantity)).collect::<Vec<_>>(), [("TQ_1", 6.0)]);
    world.check(&kim);
    world.check_broker(&kim, "TQQQ", 0);
}

#[tokio::test]
async fn an_empty_sheet_of_a_bot_that_was_switched_off_goes_with_the_next_decision() {
    let mut world = World::new(EVENING);
    let kim = world.user(vec![(bot("TQ_1", "TQQQ"), 0.0, 0.0)]);
    world.run_until("2026-05-14T15:06:00Z", MINUTE).await;
    switch(&world, &kim, 0, false).await;
    world.run_until("2026-05-15T15:00:00Z", STEP).await;
    assert_eq!((kim.broker.sent().len(), world.books(&kim).sheets.len()), (0, 1));
    world.run_until("2026-05-15T15:06:00Z", MINUTE).await;
    assert_eq!((world.books(&kim).sheets.len(), world.told(&kim, "OLD_ORDERS_FOUND")), (0, 1));
    world.check(&kim);
}

#[tokio::test]
async fn a_bot_that_is_switched_on_again_goes_on_without_catching_up() {
    let mut world = World::new(EVENING);
    let kim = world.user(vec![(bot("SX_1", "SOXL"), 40.0, 20.0)]);
    world.run_until("2026-05-14T15:12:00Z", MINUTE).await;
    switch(&world, &kim, 0, false).await;
    world.run_until("2026-05-14T18:00:00Z", STEP).await;
    switch(&world, &kim, 0, true).await;
    world.run_until(MORNING, STEP).await;
    let shares: Vec<u64> = kim.broker.sent().iter().map(|s| s.quantity).collect();
    assert_eq!(shares, [8, 8, 8], "three of five slices at their planned size");
    let row = world.history(&kim).remove(0);
    assert_eq!((row.kind, row.quantity), (TradeKind::SellPart, Some(24.0)));
    world.check(&kim);
}

#[tokio::test]
async fn a_bot_that_is_switched_off_before_the_close_does_not_buy_there() {
    let mut world = World::new(EVENING);
    let kim = world.user(vec![(closing_bot("TQ_1"), 0.0, 0.0)]);
    world.run_until("2026-05-14T19:45:00Z", STEP).await;
    let before = kim.broker.sent().len();
    switch(&world, &kim, 0, false).await;
    world.run_until(MORNING, STEP).await;
    assert_eq!((kim.broker.sent().len(), world.told(&kim, "CLOSING_TRIGGERED")), (before, 0));
}

#[tokio::test]
async fn orders_that_never_arrive_do_not_pile_up_in_the_last_slice() {
    for does in [Does::Unreachable, Does::Lose] {
        for lost in 1..=6 {
            let mut world = World::new(EVENING);
            let kim = world.user(vec![(bot("SX_1", "SOXL"), 40.0, 20.0)]);
            world.run_until("2026-05-14T15:05:00Z", STEP).await;
            kim.broker.script(std::iter::repeat_n(does.clone(), lost));
            world.run_until(MORNING, MINUTE).await;
            let sent = kim.broker.sent();
            let arrived: u64 = sent.iter().skip(lost).map(|s| s.quantity).sum();
            assert!(sent.iter().all(|s| s.quantity <= 16), "{does:?} x {lost}: {sent:?}");
            assert!(sent.iter().all(|s| s.at < time("2026-05-14T19:50:00Z")), "{does:?} x {lost}: {sent:?}");
            assert_eq!(arrived, 40, "{does:?} x {lost}: all is sold in the end: {:?}", self::sent(&kim));
            for pair in sent.windows(2) {
                assert!(pair[1].at.duration_since(pair[0].at) >= SignedDuration::from_mins(5), "back to back: {sent:?}");
            }
            world.check(&kim);
            assert_eq!(world.books(&kim).sheets.len(), 0);
        }
    }
}

#[tokio::test]
async fn orders_that_never_arrive_all_night_are_tried_a_few_times_and_sell_nothing() {
    let mut world = World::new(EVENING);
    let kim = world.user(vec![(bot("SX_1", "SOXL"), 40.0, 20.0)]);
    world.run_until("2026-05-14T15:05:00Z", STEP).await;
    kim.broker.script(std::iter::repeat_n(Does::Unreachable, 100));
    world.run_until(MORNING, MINUTE).await;
    let tried = kim.broker.sent().len();
    assert!((5..=14).contains(&tried), "{:?}", sent(&kim));
    assert_eq!((world.told(&kim, "ORDER_REFUSED"), world.told(&kim, "SLICES_RESPACED")), (tried, 1));
    assert!(kim.broker.sent().iter().all(|s| s.quantity <= 16 && s.at < time("2026-05-14T20:00:00Z")));
    assert!(world.history(&kim).is_empty());
    world.check(&kim);
    world.run_until("2026-05-15T15:06:00Z", STEP).await;
    assert_eq!(world.books(&kim).sheets.iter().map(|s| s.session.to_string()).collect::<Vec<_>>(), ["2026-05-15"]);
}

#[tokio::test]
async fn one_sheet_whose_orders_are_lost_takes_no_slice_from_another() {
    let mut world = World::new(EVENING);
    let kim = world.user(vec![(bot("SX_1", "SOXL"), 40.0, 20.0), (bot("TQ_1", "TQQQ"), 0.0, 0.0)]);
    world.run_until("2026-05-14T15:05:00Z", STEP).await;
    let lost = Does::Unreachable;
    kim.broker.script([lost.clone(), Does::Fill, lost.clone(), Does::Fill, lost.clone(), Does::Fill, lost, Does::Fill]);
    world.run_until(MORNING, MINUTE).await;
    let of = |name: &str| kim.broker.sent().into_iter().filter(|s| s.bot == name).map(|s| s.quantity).collect::<Vec<_>>();
    assert_eq!(of("TQ_1"), [3, 3, 3, 3, 4]);
    assert_eq!(of("SX_1").iter().skip(4).sum::<u64>(), 40, "{:?}", of("SX_1"));
    assert!(of("SX_1").iter().all(|shares| *shares <= 16));
    world.check(&kim);
}

#[tokio::test]
async fn a_refused_order_is_an_empty_slice_as_ever() {
    let mut world = World::new(EVENING);
    let kim = world.user(vec![(bot("SX_1", "SOXL"), 40.0, 20.0)]);
    world.run_until("2026-05-14T15:05:00Z", STEP).await;
    kim.broker.script(std::iter::repeat_n(Does::Refuse, 4));
    world.run_until(MORNING, MINUTE).await;
    assert_eq!(kim.broker.sent().iter().map(|s| s.quantity).collect::<Vec<_>>(), [8, 10, 13, 20, 40]);
    assert_eq!(world.told(&kim, "SLICES_RESPACED"), 0);
}

#[tokio::test]
async fn nights_without_a_server_are_told_in_one_message_each_time() {
    let mut world = World::new(EVENING);
    let kim = buyer_and_seller(&mut world);
    let lee = world.user(Vec::new());
    // Two slices of Thursday's night, then nothing until the next Wednesday.
    world.run_until("2026-05-14T16:20:00Z", STEP).await;
    world.clock.advance_to(time("2026-05-20T12:00:00Z"));
    world.restart();
    world.run_until("2026-05-20T12:10:00Z", STEP).await;
    let told = said(&world, &kim, "SESSIONS_MISSED");
    assert_eq!(told.len(), 1, "{told:?}");
    let sessions: Vec<(&str, bool)> =
        told[0]["sessions"].as_array().unwrap().iter().map(|s| (s["session"].as_str().unwrap(), s["whole"].as_bool().unwrap())).collect();
    assert_eq!(sessions, [("2026-05-14", false), ("2026-05-15", true), ("2026-05-18", true), ("2026-05-19", true)]);
    assert_eq!(told[0]["sessions"][0]["jobs"], json!(["slice", "closing_buy", "message", "report"]));
    assert_eq!(told[0]["sessions"][1]["jobs"], json!(["readiness", "decision", "closing_buy", "message", "report"]));
    assert_eq!((world.told(&kim, "SLOT_MISSED"), world.told(&lee, "SESSIONS_MISSED")), (0, 0));
    let runs = world.runs(&kim);
    assert!(runs.iter().filter(|r| r.slot.session.to_string() == "2026-05-15").all(|r| r.state == RunState::Missed));
    // Two sheets had filled something: that is booked, and the next night is a whole one.
    world.run_until("2026-05-20T20:20:00Z", STEP).await;
    assert_eq!((world.told(&kim, "SESSIONS_MISSED"), world.told(&kim, "SESSION_REPORT")), (1, 1));
    world.check(&kim);
    world.check_broker(&kim, "TQQQ", 0);
}

#[tokio::test]
async fn months_without_a_server_are_told_with_thirty_dates_and_a_number() {
    let mut world = World::new(EVENING);
    let kim = buyer_and_seller(&mut world);
    world.run_until(MORNING, STEP).await;
    world.clock.advance_to(time("2026-08-14T12:00:00Z"));
    world.restart();
    world.run_until("2026-08-14T12:10:00Z", STEP).await;
    let told = said(&world, &kim, "SESSIONS_MISSED");
    assert_eq!(told.len(), 1);
    // 15 May to 13 August 2026: 91 days with 65 weekdays less Memorial Day, Juneteenth and 3 July.
    let sessions = told[0]["sessions"].as_array().unwrap();
    assert_eq!((sessions.len(), told[0]["earlier"].as_u64()), (30, Some(32)));
    assert_eq!((&sessions[29]["session"], &sessions[29]["whole"]), (&json!("2026-08-13"), &json!(true)));
}

#[tokio::test]
async fn an_account_that_was_made_before_the_server_stopped_hears_of_its_first_nights() {
    let mut world = World::new(EVENING);
    let kim = buyer_and_seller(&mut world);
    world.clock.advance_to(time("2026-05-19T12:00:00Z"));
    world.tick_at(time("2026-05-19T12:00:01Z")).await;
    let told = said(&world, &kim, "SESSIONS_MISSED");
    assert_eq!((told.len(), told[0]["sessions"].as_array().unwrap().len()), (1, 3), "{told:?}");
}

#[tokio::test]
async fn a_single_missed_slot_is_told_as_before() {
    let mut world = World::new(EVENING);
    let kim = buyer_and_seller(&mut world);
    world.run_until("2026-05-14T19:45:00Z", STEP).await;
    world.clock.advance_to(time("2026-05-14T19:56:00Z"));
    world.run_until("2026-05-14T19:57:00Z", MINUTE).await;
    assert_eq!(said(&world, &kim, "SLOT_MISSED"), [json!({ "code": "SLOT_MISSED", "job": "closing_buy", "due": "2026-05-14T19:50:00Z" })]);
}

#[tokio::test]
async fn an_account_without_a_key_hears_before_and_after_each_session_that_nothing_runs() {
    for mode in [AccountMode::Observe, AccountMode::Trading] {
        let mut world = World::new(EVENING);
        let kim = world.user_with(Environment::Mock, mode, vec![(closing_bot("TQ_1"), 0.0, 0.0)]);
        let idle = world.user_with(Environment::Mock, mode, vec![(Bot { active: false, ..bot("TQ_1", "TQQQ") }, 0.0, 0.0)]);
        world.without_key(&kim, true);
        world.without_key(&idle, true);
        world.run_until("2026-05-14T13:00:00Z", STEP).await;
        let red = said(&world, &kim, "READINESS");
        assert_eq!((red.len(), &red[0]["ready"]), (1, &json!(false)));
        let checks = red[0]["checks"].as_array().unwrap();
        assert!(checks.iter().any(|c| c["name"] == "no_broker_key" && c["ok"] == false), "{checks:?}");
        world.run_until(MORNING, STEP).await;
        let missed = said(&world, &kim, "SESSIONS_MISSED");
        assert_eq!(missed.len(), 1, "{missed:?}");
        assert_eq!(
            (&missed[0]["no_key"], &missed[0]["sessions"][0]["jobs"]),
            (&json!(true), &json!(["decision", "closing_buy", "message", "report"]))
        );
        assert_eq!(world.messages(&kim).len(), 2, "no more than that a night");
        assert!(world.messages(&idle).is_empty());
        world.run_until("2026-05-15T20:20:00Z", STEP).await;
        assert_eq!((world.told(&kim, "READINESS"), world.told(&kim, "SESSIONS_MISSED")), (2, 2));
    }
}

#[tokio::test]
async fn a_key_that_is_entered_during_the_session_lets_the_night_begin() {
    let mut world = World::new(EVENING);
    let kim = world.user(vec![(bot("TQ_1", "TQQQ"), 0.0, 0.0)]);
    world.without_key(&kim, true);
    world.run_until("2026-05-14T14:00:00Z", STEP).await;
    world.without_key(&kim, false);
    world.run_until(MORNING, STEP).await;
    assert_eq!((kim.broker.sent().len(), world.told(&kim, "SESSIONS_MISSED")), (5, 0));
    assert_eq!(world.told(&kim, "READINESS"), 1, "the red line stays the only one");
    world.check(&kim);
}

#[tokio::test]
async fn an_observing_account_is_green_beside_its_mode_and_red_only_by_a_fault() {
    for (broken, ready) in [(false, true), (true, false)] {
        let mut world = World::new(EVENING);
        let park = world.user_with(Environment::Mock, AccountMode::Observe, vec![(bot("TQ_1", "TQQQ"), 0.0, 0.0)]);
        world.run_until("2026-05-14T12:29:00Z", MINUTE).await;
        if broken {
            park.broker.fail_call(1, BrokerError::NoAnswer("timed out".to_owned()));
        }
        world.run_until("2026-05-14T12:31:00Z", MINUTE).await;
        assert_eq!(said(&world, &park, "READINESS")[0]["ready"], json!(ready));
    }
}

#[tokio::test]
async fn slices_a_minute_apart_never_meet_the_order_before_them() {
    let mut world = World::new(EVENING);
    let kim = world.user(vec![(bot("SX_1", "SOXL"), 40.0, 20.0)]);
    world.edit_account(&kim, |a| {
        a.settings.schedule.twap_start = TimeRule::AfterOpen { minutes: 100 };
        a.settings.schedule.twap_end = TimeRule::AfterOpen { minutes: 104 };
    });
    world.run_until("2026-05-14T15:09:00Z", MINUTE).await;
    kim.broker.script(std::iter::repeat_n(Does::FillPart(0), 5));
    world.run_until("2026-05-14T15:25:00Z", SECOND).await;
    let orders = world.orders(&kim);
    let slices: Vec<_> = world.runs(&kim).into_iter().filter(|r| r.slot.job == Job::Slice).collect();
    assert_eq!((orders.len(), slices.len()), (5, 5), "{orders:?}");
    for (order, slice) in orders.iter().zip(&slices) {
        let next = slice.slot.at + SignedDuration::from_secs(60);
        assert!(slice.slot.n == 5 || order.intent.expires_at <= next - SignedDuration::from_secs(29), "{:?}", order.intent.expires_at);
    }
}

#[tokio::test]
async fn the_administrator_sees_how_many_slots_were_lost_and_what_comes() {
    let mut world = World::new(EVENING);
    let kim = buyer_and_seller(&mut world);
    world.user(vec![(bot("TQ_1", "TQQQ"), 0.0, 0.0)]);
    // An account without bots loses nothing.
    world.user(Vec::new());
    let seen = || world.trading.slots_overview().unwrap();
    assert_eq!((seen().done, seen().missed, seen().next[0].accounts), (0, 0, 2));
    assert!(!world.trading.is_due_within(SignedDuration::from_mins(1)).unwrap());
    assert!(world.trading.is_due_within(SignedDuration::from_hours(2)).unwrap());
    let started = world.clock_now();
    world.run_until("2026-05-14T15:06:00Z", MINUTE).await;
    let seen = world.trading.slots_overview().unwrap();
    assert_eq!(
        (seen.session, seen.done, seen.missed),
        (Some(jiff::civil::date(2026, 5, 14)), 4, 0),
        "readiness and decision of two accounts"
    );
    assert_eq!(seen.next[0].job, Job::Slice);
    // Nothing runs until after the closing buy.
    assert!(!world.tick_at(time("2026-05-14T20:01:00Z")).await);
    let seen = world.trading.slots_overview().unwrap();
    let missed = world.runs(&kim).iter().filter(|r| r.state == RunState::Missed).count();
    assert!(seen.missed >= 2 * missed - 1 && missed >= 2, "{seen:?}");
    assert_eq!(seen.lost.iter().map(|l| l.slots).sum::<usize>(), seen.missed);
    assert!(seen.lost.iter().all(|l| l.session == jiff::civil::date(2026, 5, 14)));
    assert_eq!(world.trading.lost_since(started).unwrap(), seen.lost);
    assert_eq!(world.trading.lost_since(time("2026-05-14T20:02:00Z")).unwrap(), []);
    assert!(world.trading.open_orders_by_state().unwrap().values().sum::<usize>() <= 3);
}
