//! The fates of single orders within a night.

use jiff::SignedDuration;
use rust_decimal::Decimal;

use super::nights::expected;
use super::*;
use crate::domain::bot::TradeKind;
use crate::domain::order::{Order, OrderKind, OrderState, Side, Venue};
use crate::domain::schedule::TimeRule;
use crate::trading::testing::{Does, Moment, time};
use crate::trading::{NewOrder, TradingError};

/// One bot that buys for 1,000 USD; its first slice asks for 3 shares at 61.20.
fn buyer(world: &mut World) -> Client {
    world.user(vec![(bot("TQ_1", "TQQQ"), 0.0, 0.0)])
}

/// Runs the first slice with the broker doing `does`, then some minutes in steps of 5 seconds.
async fn first_slice(world: &mut World, client: &Client, does: Does, until: &str) -> Order {
    world.run_until("2026-05-14T15:05:00Z", STEP).await;
    client.broker.script([does]);
    world.run_until("2026-05-14T15:10:00Z", STEP).await;
    world.run_until(until, SECOND * 5).await;
    world.orders(client).remove(0)
}

/// The rest of the night: all is settled in the end, and the broker has what the books say.
async fn morning(world: &mut World, client: &Client) {
    world.run_until(MORNING, STEP).await;
    world.check(client);
    world.check_broker(client, "TQQQ", 0);
    let books = world.final_books(client);
    assert_eq!((books.sheets, books.open_orders), (0, 0), "{books:?}");
}

fn bought(world: &World, client: &Client) -> f64 {
    world.history(client).iter().map(|r| r.quantity.unwrap()).sum()
}

#[tokio::test]
async fn an_unfilled_slice_is_cancelled_after_five_minutes_and_counts_as_empty() {
    let mut world = World::new(EVENING);
    let kim = buyer(&mut world);
    let order = first_slice(&mut world, &kim, Does::FillPart(0), "2026-05-14T15:14:55Z").await;
    assert_eq!((order.state, order.intent.expires_at), (OrderState::Accepted, time("2026-05-14T15:15:00Z")));
    assert!(kim.broker.cancels().is_empty());
    world.run_until("2026-05-14T15:15:10Z", SECOND * 5).await;
    assert_eq!(kim.broker.cancels(), ["0000000001"], "asked for once, not with every tick");
    let order = world.orders(&kim).remove(0);
    assert_eq!((order.state, order.filled_quantity, order.settled), (OrderState::Cancelled, 0, true));
    assert_eq!(world.books(&kim).sheets[0].results, [None]);
    morning(&mut world, &kim).await;
    // What the first slice left is spread over the other four: 1000/4 is 4 shares at 61.20.
    assert_eq!(kim.broker.sent().iter().map(|s| s.quantity).collect::<Vec<_>>(), [3, 4, 4, 4, 4]);
}

#[tokio::test]
async fn parts_of_an_order_are_booked_once_each() {
    let mut world = World::new(EVENING);
    let kim = buyer(&mut world);
    let parts = Does::FillInParts(1, SignedDuration::from_secs(40), 2);
    let order = first_slice(&mut world, &kim, parts, "2026-05-14T15:10:30Z").await;
    assert_eq!((order.state, order.filled_quantity), (OrderState::PartiallyFilled, 1));
    assert_eq!(world.books(&kim).sheets[0].results, [], "the order is not over");
    world.check(&kim);
    world.run_until("2026-05-14T15:11:00Z", SECOND * 5).await;
    let order = world.orders(&kim).remove(0);
    assert_eq!((order.state, order.filled_quantity, order.filled_amount), (OrderState::Filled, 3, Decimal::from(180)));
    assert_eq!(world.books(&kim).sheets[0].results.len(), 1);
    morning(&mut world, &kim).await;
}

#[tokio::test]
async fn a_slice_is_the_sum_of_its_executions_before_the_cancel() {
    let mut world = World::new(EVENING);
    let kim = buyer(&mut world);
    let order = first_slice(&mut world, &kim, Does::FillPart(2), "2026-05-14T15:16:00Z").await;
    assert_eq!((order.state, order.filled_quantity, order.cancel_requested), (OrderState::Cancelled, 2, true));
    let sheet = &world.books(&kim).sheets[0];
    assert_eq!((sheet.results[0].unwrap().quantity, sheet.remaining), (2.0, 880.0));
    morning(&mut world, &kim).await;
}

#[tokio::test]
async fn a_fill_that_wins_the_race_against_the_cancel_counts() {
    let mut world = World::new(EVENING);
    let kim = buyer(&mut world);
    // The last two shares are executed in the second in which the cancel is sent.
    let race = Does::FillInParts(1, SignedDuration::from_secs(300), 2);
    let order = first_slice(&mut world, &kim, race, "2026-05-14T15:16:00Z").await;
    assert_eq!((order.state, order.filled_quantity), (OrderState::Filled, 3));
    morning(&mut world, &kim).await;
}

#[tokio::test]
async fn an_execution_after_the_cancel_goes_to_the_same_sheet_while_it_is_open() {
    let mut world = World::new(EVENING);
    let kim = buyer(&mut world);
    // The execution shows only when the list is read for the next slice.
    let late = Does::FillLate { first: 1, late: 1, after: SignedDuration::from_mins(30) };
    first_slice(&mut world, &kim, late, "2026-05-14T15:20:00Z").await;
    assert_eq!(world.books(&kim).sheets[0].results[0].unwrap().quantity, 1.0);
    world.run_until("2026-05-14T16:15:00Z", STEP).await;
    let sheet = world.books(&kim).sheets.remove(0);
    assert_eq!(sheet.results.iter().map(|r| r.unwrap().quantity).collect::<Vec<_>>(), [2.0, 3.0]);
    assert_eq!(sheet.remaining, 1_000.0 - 5.0 * 60.0);
    world.check(&kim);
    morning(&mut world, &kim).await;
    assert_eq!(world.told(&kim, "LATE_FILL"), 0, "it belongs to its sheet");
}

#[tokio::test]
async fn an_execution_after_its_sheet_becomes_a_row_of_its_own_and_is_told() {
    let mut world = World::new(EVENING);
    let kim = buyer(&mut world);
    world.run_until("2026-05-14T19:25:00Z", STEP).await;
    kim.broker.script([Does::FillLate { first: 1, late: 2, after: SignedDuration::from_mins(20) }]);
    world.run_until("2026-05-14T20:10:00Z", STEP).await;
    assert_eq!((world.books(&kim).sheets.len(), bought(&world, &kim)), (0, 13.0));
    morning(&mut world, &kim).await;
    let rows: Vec<_> = world.history(&kim).iter().map(|r| (r.kind, r.quantity.unwrap())).collect();
    assert_eq!(rows, [(TradeKind::Buy, 13.0), (TradeKind::Buy, 2.0)]);
    assert_eq!((world.told(&kim, "LATE_FILL"), world.told(&kim, "SESSION_REPORT")), (1, 1));
}

/// A bot of 40 shares in an account where the person has seven of their own, before the fourth of five
/// slices; that slice's order is executed once before its cancel and twice more after it.
async fn late_sell(after: SignedDuration) -> (World, Client) {
    let mut world = World::new(EVENING);
    let kim = world.user(vec![(bot("SX_1", "SOXL"), 40.0, 20.0)]);
    world.run_until("2026-05-14T14:00:00Z", STEP).await;
    let own = NewOrder {
        account: Some(kim.account),
        market: None,
        symbol: "SOXL".to_owned(),
        side: Some(Side::Buy),
        quantity: 7,
        kind: OrderKind::Limit,
        limit_price: Some("31".parse().unwrap()),
        trigger_price: None,
        venue: Venue::Krx,
    };
    world.trading.place_ticket(kim.user, own, None).await.unwrap();
    world.run_until("2026-05-14T18:20:00Z", STEP).await;
    kim.broker.script([Does::FillLate { first: 1, late: 2, after }]);
    world.run_until(MORNING, STEP).await;
    (world, kim)
}

#[tokio::test]
async fn what_a_cancelled_sell_sold_late_is_not_sold_again() {
    let (world, kim) = late_sell(SignedDuration::from_secs(90)).await;
    let quantities: Vec<u64> = kim.broker.sent().iter().filter(|s| s.bot == "SX_1").map(|s| s.quantity).collect();
    assert_eq!(quantities, [8, 8, 8, 8, 13], "the last slice sells what is left after 3 of the fourth's shares");
    let position = world.positions(&kim).remove(0);
    assert_eq!((position.quantity, position.oversold), (7.into(), 0.into()), "the person's shares are there");
    assert_eq!(world.told(&kim, "SELL_EXCEEDS_HOLDING"), 0);
    world.check(&kim);
    world.check_broker(&kim, "SOXL", 40);
}

#[tokio::test]
async fn a_sell_found_after_everything_was_sold_is_booked_as_the_others_shares() {
    let (world, kim) = late_sell(SignedDuration::from_mins(85)).await;
    let position = world.positions(&kim).remove(0);
    assert_eq!((position.quantity, position.oversold), (5.into(), 2.into()), "the broker sold two of the person's shares");
    assert_eq!(world.told(&kim, "SELL_EXCEEDS_HOLDING"), 1, "and the owner knows");
    world.check(&kim);
    world.check_broker(&kim, "SOXL", 40);
}

#[tokio::test]
async fn what_a_sell_that_just_ended_left_is_not_sold_by_force_before_it_is_certain() {
    let mut world = World::new(EVENING);
    let kim = world.user(vec![(bot("SX_1", "SOXL"), 40.0, 20.0)]);
    world.run_until("2026-05-14T15:05:00Z", STEP).await;
    kim.broker.script([Does::FillLate { first: 1, late: 2, after: SignedDuration::from_secs(60) }]);
    world.run_until("2026-05-14T15:15:30Z", SECOND * 10).await;
    let bot = world.books(&kim).bots[0].id;
    let sell = |ratio: f64| world.trading.force_sell(kim.user, kim.account, bot, ratio, None);
    let refused = sell(100.0).await.unwrap_err();
    assert!(matches!(refused, TradingError::Refused { code: "order_open", .. }), "{refused:?}");
    world.clock.advance_to(time("2026-05-14T15:19:00Z"));
    let order = sell(100.0).await.unwrap();
    assert_eq!((order.intent.quantity, order.filled_quantity), (37, 37));
    world.run_until(MORNING, STEP).await;
    assert_eq!(world.positions(&kim)[0].quantity, 0.into());
    world.check(&kim);
}

#[tokio::test]
async fn an_order_without_an_answer_is_found_in_the_list_and_never_sent_again() {
    let mut world = World::new(EVENING);
    let kim = buyer_and_seller(&mut world);
    world.run_until("2026-05-14T15:05:00Z", STEP).await;
    kim.broker.script([Does::TakeSilently]);
    world.run_until("2026-05-14T15:10:00Z", STEP).await;
    world.run_until("2026-05-14T15:12:00Z", SECOND * 5).await;
    assert_eq!((world.told(&kim, "ORDER_UNKNOWN"), world.told(&kim, "ORDER_FOUND")), (1, 1));
    world.run_until(MORNING, STEP).await;
    assert_eq!(world.final_books(&kim), expected(), "the night is as if the answer had come");
    world.check(&kim);
}

#[tokio::test]
async fn an_order_that_never_arrived_is_given_up_only_after_three_readings_and_a_minute() {
    let mut world = World::new(EVENING);
    let kim = buyer(&mut world);
    let order = first_slice(&mut world, &kim, Does::Lose, "2026-05-14T15:11:05Z").await;
    assert_eq!(order.state, OrderState::Unknown, "a minute has not passed since the deadline");
    world.run_until("2026-05-14T15:11:25Z", SECOND * 5).await;
    let order = world.orders(&kim).remove(0);
    assert!(order.is_not_placed() && order.settled, "{order:?}");
    assert_eq!(world.told(&kim, "ORDER_NOT_PLACED"), 1);
    morning(&mut world, &kim).await;
    assert_eq!(kim.broker.sent().len(), 5, "the lost one is not sent again, the later slices take its share");
}

#[tokio::test]
async fn while_an_order_is_unknown_no_other_of_its_kind_is_sent() {
    let mut world = World::new(EVENING);
    // The first bot's order gets lost; the second wants to buy the same.
    let kim = world.user(vec![(bot("TQ_1", "TQQQ"), 0.0, 0.0), (bot("TQ_2", "TQQQ"), 0.0, 0.0), (bot("SX_1", "SOXL"), 40.0, 20.0)]);
    world.run_until("2026-05-14T15:05:00Z", STEP).await;
    kim.broker.script([Does::Lose]);
    world.run_until("2026-05-14T15:10:00Z", STEP).await;
    let sent = |client: &Client| client.broker.sent().into_iter().map(|s| s.bot).collect::<Vec<_>>();
    assert_eq!(sent(&kim), ["TQ_1", "SX_1"], "another symbol is not concerned");
    world.run_until("2026-05-14T15:11:00Z", SECOND * 5).await;
    assert_eq!(sent(&kim).len(), 2);
    world.run_until("2026-05-14T15:12:00Z", SECOND * 5).await;
    assert_eq!(sent(&kim), ["TQ_1", "SX_1", "TQ_2"], "its slice waited instead of being lost");
    assert_eq!(world.told(&kim, "ORDER_REFUSED"), 0);
    world.run_until(MORNING, STEP).await;
    world.check(&kim);
    world.check_broker(&kim, "TQQQ", 0);
    assert_eq!(sent(&kim).len(), 15);
}

#[tokio::test]
async fn a_list_that_shows_an_order_late_is_believed_when_it_does() {
    for (seconds, in_time) in [(30, true), (600, false)] {
        let mut world = World::new(EVENING);
        let kim = buyer(&mut world);
        let late = Does::TakeSilentlyAndListLate(SignedDuration::from_secs(seconds));
        let order = first_slice(&mut world, &kim, late, "2026-05-14T15:15:00Z").await;
        assert_eq!(order.is_not_placed(), !in_time);
        assert_eq!(order.filled_quantity, if in_time { 3 } else { 0 });
        morning(&mut world, &kim).await;
        let order = world.orders(&kim).remove(0);
        assert_eq!((order.state, order.filled_quantity), (OrderState::Filled, 3));
        assert_eq!(world.told(&kim, "ORDER_NOT_PLACED"), usize::from(!in_time));
    }
}

#[tokio::test]
async fn an_order_that_was_confirmed_and_is_in_no_list_ends_with_the_session_and_is_told() {
    let mut world = World::new(EVENING);
    let kim = buyer(&mut world);
    first_slice(&mut world, &kim, Does::ConfirmAndForget, "2026-05-14T15:20:00Z").await;
    world.run_until("2026-05-14T20:00:00Z", STEP).await;
    let order = world.orders(&kim).remove(0);
    assert_eq!(order.state, OrderState::Accepted, "the broker's own word stands until its final list");
    world.run_until("2026-05-14T20:14:00Z", MINUTE).await;
    let order = world.orders(&kim).remove(0);
    assert_eq!((order.state, order.settled), (OrderState::Expired, true));
    assert_eq!(world.told(&kim, "ORDER_REFUSED"), 1);
    world.check(&kim);
    world.run_until("2026-05-15T15:10:00Z", STEP).await;
    assert!(kim.broker.sent().iter().any(|s| s.at >= time("2026-05-15T15:10:00Z")), "the next night trades again");
}

#[tokio::test]
async fn a_refused_slice_is_told_and_its_share_goes_to_the_others() {
    for does in [Does::Refuse, Does::Unreachable] {
        let mut world = World::new(EVENING);
        let kim = buyer(&mut world);
        let order = first_slice(&mut world, &kim, does, "2026-05-14T15:10:05Z").await;
        assert_eq!((order.state, order.settled), (OrderState::Rejected, true));
        assert_eq!(world.told(&kim, "ORDER_REFUSED"), 1);
        morning(&mut world, &kim).await;
        assert_eq!(kim.broker.sent().iter().map(|s| s.quantity).collect::<Vec<_>>(), [3, 4, 4, 4, 4]);
        assert_eq!(bought(&world, &kim), 16.0);
    }
}

#[tokio::test]
async fn a_buy_waits_for_an_open_sell_of_the_same_account() {
    let mut world = World::new(EVENING);
    // One bot sells in slices until 19:30; the other only buys at the close, here two minutes later.
    let idle = Bot { buy_below_average: false, buy_below_point: false, ..closing_bot("TQ_2") };
    let kim = world.user(vec![(bot("TQ_1", "TQQQ"), 40.0, 50.0), (idle, 10.0, 58.0)]);
    world.edit_account(&kim, |a| a.settings.schedule.closing_buy = TimeRule::BeforeClose { minutes: 28 });
    world.run_until("2026-05-14T19:25:00Z", STEP).await;
    kim.broker.script([Does::FillPart(0)]);
    world.run_until("2026-05-14T19:34:55Z", SECOND * 5).await;
    assert!(kim.broker.sent().iter().all(|s| s.side == Side::Sell), "the buy would meet our own sell");
    world.run_until("2026-05-14T19:35:20Z", SECOND * 5).await;
    let last = kim.broker.sent().pop().unwrap();
    assert_eq!((last.side, last.bot.as_str(), last.quantity), (Side::Buy, "TQ_2", 8));
    world.run_until(MORNING, STEP).await;
    world.check(&kim);
    assert_eq!((world.told(&kim, "CLOSING_TRIGGERED"), world.told(&kim, "SLOT_MISSED")), (1, 0));
}

#[tokio::test]
async fn two_strangers_that_could_be_the_unknown_order_are_told_once_and_decided_by_the_final_list() {
    let mut world = World::new(EVENING);
    let kim = buyer(&mut world);
    world.run_until("2026-05-14T15:05:00Z", STEP).await;
    kim.broker.script([Does::Lose]);
    world.run_until("2026-05-14T15:10:00Z", STEP).await;
    // Somebody orders the very same by hand, twice, within seconds.
    kim.broker.trade_by_hand("TQQQ", Side::Buy, 3, "61.20");
    kim.broker.trade_by_hand("TQQQ", Side::Buy, 3, "61.20");
    world.run_until("2026-05-14T15:15:00Z", SECOND * 5).await;
    assert_eq!(world.told(&kim, "ORDER_AMBIGUOUS"), 1);
    assert_eq!(world.orders(&kim)[0].state, OrderState::Unknown);
    world.run_until("2026-05-14T20:11:00Z", MINUTE).await;
    assert_eq!(kim.broker.sent().len(), 1, "no other order of its kind");
    assert_eq!(world.orders(&kim)[0].state, OrderState::Expired);
    assert_eq!(world.books(&kim).open_orders, []);
    world.run_until("2026-05-15T15:10:00Z", STEP).await;
    assert_eq!(kim.broker.sent().len(), 2, "the next night trades again");
    world.check(&kim);
}

#[tokio::test]
async fn a_slice_that_sends_nothing_counts_once_however_often_it_is_looked_at() {
    let mut world = World::new(EVENING);
    // 100 USD in five slices: no share at 61.20 in the first. The other bot's order gets lost, so the
    // slot is taken up again every tick for more than a minute.
    let small = Bot { seed: 100.0, ..bot("SX_2", "SOXL") };
    let kim = world.user(vec![(bot("TQ_1", "TQQQ"), 0.0, 0.0), (small, 0.0, 0.0), (bot("TQ_2", "TQQQ"), 0.0, 0.0)]);
    world.run_until("2026-05-14T15:05:00Z", STEP).await;
    kim.broker.script([Does::Lose]);
    world.run_until("2026-05-14T15:10:00Z", STEP).await;
    world.run_until("2026-05-14T15:11:00Z", SECOND * 2).await;
    let sheet = world.books(&kim).sheets.into_iter().find(|s| s.name == "SX_2").unwrap();
    assert_eq!((sheet.results.len(), sheet.slices_left), (1, 4));
    world.run_until(MORNING, STEP).await;
    world.check(&kim);
}

#[tokio::test]
async fn nobody_concludes_anything_about_an_order_that_is_being_sent() {
    let mut world = World::new(EVENING);
    let kim = world.user(vec![(Bot { active: false, ..bot("SX_1", "SOXL") }, 40.0, 20.0)]);
    world.run_until("2026-05-14T15:00:00Z", STEP).await;
    let bot_id = world.books(&kim).bots[0].id;
    // Price, then an order whose request takes minutes; meanwhile the ticks read lists without it.
    kim.broker.die_at(2, Moment::Before);
    let (trading, user, account) = (world.trading.clone(), kim.user, kim.account);
    let sending = tokio::spawn(async move { trading.force_sell(user, account, bot_id, 50.0, None).await });
    while world.orders(&kim).is_empty() {
        tokio::task::yield_now().await;
    }
    for _ in 0..60 {
        world.clock.advance(SECOND * 2);
        world.trading.tick().await;
    }
    assert_eq!(world.orders(&kim)[0].state, OrderState::Sent);
    // The person closes the page: now nobody waits for the answer any more.
    sending.abort();
    assert!(sending.await.unwrap_err().is_cancelled());
    world.run_until("2026-05-14T15:05:00Z", SECOND * 5).await;
    assert!(world.orders(&kim)[0].is_not_placed());
    world.check(&kim);
}

#[tokio::test]
async fn a_cancel_that_shows_no_effect_is_asked_for_again_but_not_with_every_tick() {
    let mut world = World::new(EVENING);
    let kim = buyer(&mut world);
    kim.broker.ignore_cancels();
    first_slice(&mut world, &kim, Does::FillPart(1), "2026-05-14T15:16:00Z").await;
    assert_eq!(kim.broker.cancels().len(), 5, "at 0, 15, 30, 45 and 60 seconds");
    world.run_until("2026-05-14T20:00:00Z", STEP).await;
    let by_the_close = kim.broker.cancels().len();
    world.run_until(MORNING, SECOND * 30).await;
    assert_eq!(kim.broker.cancels().len(), by_the_close, "after the close there is nothing to cancel");
    let order = world.orders(&kim).remove(0);
    assert_eq!((order.state, order.filled_quantity, order.settled), (OrderState::Expired, 1, true));
    world.check(&kim);
    assert_eq!(bought(&world, &kim), 1.0, "no later slice was sent behind an open order");
}
