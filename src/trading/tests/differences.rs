//! Books against the broker: ordinary nights agree, what differs is asked and never mended by itself.

use super::super::differences::Answer;
use super::super::testing::{Client, World, bot, time};
use super::*;
use crate::domain::account::AccountMode;
use crate::domain::difference::{Difference, DifferenceKind};
use crate::domain::order::Side;
use crate::storage::account_key;
use crate::storage::tables::DIFFERENCES;

fn asked(world: &World, client: &Client) -> Vec<Difference> {
    world.read(client, |v| v.list(&DIFFERENCES, &account_key(client.account)))
}

async fn answer(world: &World, client: &Client, place: usize, answer: Answer) {
    let id = asked(world, client)[place].id;
    world.trading.answer_difference(client.user, client.account, id, answer).await.unwrap();
}

async fn look(world: &World, client: &Client) {
    world.trading.compare_now(client.user, client.account).await.unwrap();
}

fn position(world: &World, client: &Client, symbol: &str) -> rust_decimal::Decimal {
    world.positions(client).into_iter().find(|p| p.symbol == symbol).map(|p| p.quantity).unwrap_or_default()
}

#[tokio::test]
async fn an_ordinary_night_asks_nothing() {
    let mut world = World::new(EVENING);
    let kim = buyer_and_seller(&mut world);
    world.run_until(MORNING, STEP).await;
    assert_eq!(asked(&world, &kim), []);
    for code in ["POSITION_DIFFERS", "SPLIT_SUSPECTED", "FIRST_CONNECTION", "BOT_HELD"] {
        assert_eq!(world.told(&kim, code), 0, "{code}");
    }
    assert!(!kim.broker.sent().is_empty());
    for symbol in ["TQQQ", "SOXL"] {
        assert_eq!(position(&world, &kim, symbol), kim.broker.shares(symbol), "{symbol}");
    }
    world.check(&kim);
}

#[tokio::test]
async fn the_first_surplus_is_asked_once_and_then_the_persons_own() {
    let mut world = World::new(EVENING);
    let kim = world.user(vec![(bot("SX_1", "SOXL"), 40.0, 20.0)]);
    kim.broker.move_shares("SOXL", 7);
    kim.broker.move_shares("TQQQ", 3);
    look(&world, &kim).await;
    let questions = asked(&world, &kim);
    assert_eq!(questions.iter().map(|d| d.kind).collect::<Vec<_>>(), [DifferenceKind::FirstSurplus; 2]);
    look(&world, &kim).await;
    assert_eq!(asked(&world, &kim), questions, "looking again asks the same");
    assert_eq!(world.told(&kim, "FIRST_CONNECTION"), 1);
    answer(&world, &kim, 0, Answer::AllMine).await;
    assert_eq!((asked(&world, &kim), position(&world, &kim, "SOXL"), position(&world, &kim, "TQQQ")), (vec![], 47.into(), 3.into()));
    assert_eq!(world.books(&kim).held_by_bots("SOXL"), 40.0);
    look(&world, &kim).await;
    assert_eq!(asked(&world, &kim), []);
    world.check(&kim);
}

#[tokio::test]
async fn a_trade_in_the_brokers_app_holds_its_symbol_only_until_it_is_answered() {
    let mut world = World::new(EVENING);
    let kim = buyer_and_seller(&mut world);
    world.run_until("2026-05-14T14:00:00Z", STEP).await;
    kim.broker.trade_outside("TQQQ", Side::Buy, 5, "60", "60");
    world.run_until("2026-05-14T15:40:00Z", STEP).await;
    let questions = asked(&world, &kim);
    assert_eq!((questions.len(), questions[0].kind, questions[0].executions.len()), (1, DifferenceKind::OutsideTrade, 1));
    assert!(kim.broker.sent().iter().all(|s| s.symbol == "SOXL") && !kim.broker.sent().is_empty(), "{:?}", kim.broker.sent());
    assert_eq!((world.told(&kim, "POSITION_DIFFERS"), world.told(&kim, "BOT_HELD")), (1, 1));
    answer(&world, &kim, 0, Answer::Mine).await;
    assert_eq!(position(&world, &kim, "TQQQ"), 5.into());
    look(&world, &kim).await;
    assert_eq!(asked(&world, &kim), [], "an execution is adopted once");
    world.run_until(MORNING, STEP).await;
    assert_eq!(asked(&world, &kim), []);
    world.check(&kim);
}

#[tokio::test]
async fn a_bots_shares_that_were_sold_outside_are_booked_to_the_bot_only() {
    let mut world = World::new(EVENING);
    let kim = world.user(vec![(bot("SX_1", "SOXL"), 40.0, 20.0)]);
    look(&world, &kim).await;
    kim.broker.trade_outside("SOXL", Side::Sell, 10, "30", "30");
    look(&world, &kim).await;
    let question = asked(&world, &kim).remove(0);
    let mine = world.trading.answer_difference(kim.user, kim.account, question.id, Answer::Mine).await;
    assert!(mine.unwrap_err().to_string().contains("not all yours"));
    let bot = world.books(&kim).bots[0].id;
    answer(&world, &kim, 0, Answer::OfBot { bot, price: None }).await;
    assert_eq!((world.books(&kim).held_by_bots("SOXL"), position(&world, &kim, "SOXL")), (30.0, 30.into()));
    assert_eq!(world.history(&kim).iter().map(|r| r.profit).sum::<f64>(), 100.0);
    look(&world, &kim).await;
    assert_eq!(asked(&world, &kim), []);
    world.check(&kim);
}

#[tokio::test]
async fn a_split_holds_its_bots_until_it_is_confirmed_and_keeps_the_cost() {
    let mut world = World::new(EVENING);
    let kim = buyer_and_seller(&mut world);
    look(&world, &kim).await;
    kim.broker.split("SOXL", 4, 1);
    kim.broker.set_price("SOXL", "7.5", "7.5");
    look(&world, &kim).await;
    assert_eq!(asked(&world, &kim)[0].kind, DifferenceKind::SplitSuspected);
    world.run_until("2026-05-14T15:40:00Z", STEP).await;
    assert!(kim.broker.sent().iter().all(|s| s.symbol == "TQQQ") && !kim.broker.sent().is_empty());
    let cost = |world: &World| world.positions(&kim).into_iter().find(|p| p.symbol == "SOXL").unwrap().cost;
    let before = cost(&world);
    answer(&world, &kim, 0, Answer::Split).await;
    let held = world.books(&kim).holdings.into_iter().find(|h| h.symbol == "SOXL").unwrap();
    assert_eq!((held.quantity, held.average_price, held.total_cost), (160.0, 5.0, 800.0));
    assert_eq!((cost(&world), position(&world, &kim, "SOXL")), (before, 160.into()));
    look(&world, &kim).await;
    assert_eq!(asked(&world, &kim), []);
    world.check(&kim);
}

#[tokio::test]
async fn a_price_that_falls_to_a_half_over_night_is_asked_about_and_no_crash() {
    let mut world = World::new(EVENING);
    let kim = world.user(vec![(closing_bot("TQ_1"), 0.0, 0.0)]);
    world.run_until(MORNING, STEP).await;
    let sent = kim.broker.sent().len();
    kim.broker.set_price("TQQQ", "30", "60");
    world.run_until("2026-05-15T20:20:00Z", STEP).await;
    let question = asked(&world, &kim).remove(0);
    assert_eq!((question.kind, question.price.is_some()), (DifferenceKind::SplitSuspected, true));
    assert_eq!(kim.broker.sent().len(), sent, "neither slice nor closing buy");
    answer(&world, &kim, 0, Answer::NoSplit).await;
    assert_eq!(asked(&world, &kim), []);
    world.check(&kim);
}

#[tokio::test]
async fn orders_like_the_bots_own_stop_the_account() {
    let mut world = World::new(EVENING);
    let kim = buyer_and_seller(&mut world);
    look(&world, &kim).await;
    kim.broker.trade_outside("TQQQ", Side::Buy, 3, "61.2", "60");
    look(&world, &kim).await;
    assert_eq!((world.told(&kim, "ANOTHER_PROGRAM"), world.books(&kim).account.mode), (1, AccountMode::Observe));
    world.run_until(MORNING, STEP).await;
    assert_eq!(kim.broker.sent(), []);
}

#[tokio::test]
async fn an_order_waits_for_the_first_comparison() {
    let mut world = World::new(EVENING);
    let kim = buyer_and_seller(&mut world);
    kim.broker.set_lists_down(true);
    world.run_until("2026-05-14T15:12:00Z", STEP).await;
    assert_eq!(kim.broker.sent(), [], "nothing may leave before");
    kim.broker.set_lists_down(false);
    world.tick_at(time("2026-05-14T15:14:00Z")).await;
    assert_eq!(kim.broker.sent().len(), 2);
    world.check(&kim);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(24))]

    /// Whatever happened outside, looking a second time changes neither questions nor facts nor messages.
    #[test]
    fn looking_again_finds_the_same(
        outside in proptest::collection::vec((0u8..3, -30i64..30, proptest::bool::ANY), 0..6),
        connected_before: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut world = World::new(EVENING);
            let kim = buyer_and_seller(&mut world);
            if connected_before {
                look(&world, &kim).await;
            }
            for (symbol, shares, with_order) in outside {
                let symbol = ["TQQQ", "SOXL", "UPRO"][usize::from(symbol)];
                let side = if shares > 0 { Side::Buy } else { Side::Sell };
                match (shares, with_order) {
                    (0, _) => kim.broker.split(symbol, 2, 1),
                    (_, true) => kim.broker.trade_outside(symbol, side, shares.unsigned_abs(), "60", "60"),
                    (_, false) => kim.broker.move_shares(symbol, shares),
                }
            }
            let state = |world: &World| {
                let facts = world.read(&kim, |v| v.last_fact(kim.account));
                (asked(world, &kim), facts, world.messages(&kim))
            };
            look(&world, &kim).await;
            let once = state(&world);
            look(&world, &kim).await;
            assert_eq!(state(&world), once);
            for symbol in ["TQQQ", "SOXL", "UPRO"] {
                let differs = position(&world, &kim, symbol) != kim.broker.shares(symbol);
                assert_eq!(differs, once.0.iter().any(|d| d.symbol == symbol), "{symbol}");
            }
            world.check(&kim);
        });
    }
}
