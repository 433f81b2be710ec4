//! Books against the broker: ordinary nights agree, what differs is asked and never mended by itself.

use super::*;
use crate::domain::account::AccountMode;
use crate::domain::difference::{CashReason, Difference, DifferenceKind, Proposal, SplitRatio};
use crate::domain::id::DifferenceId;
use crate::domain::instrument::Market;
use crate::domain::money::Currency;
use crate::domain::order::Side;
use crate::storage::account_key;
use crate::storage::tables::{CASH, DIFFERENCES};
use crate::trading::reconciliation::answers::Answer;
use crate::trading::testing::{Client, World, bot, time};

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
async fn of_several_bots_the_one_whose_slices_these_are_is_proposed() {
    let mut world = World::new(EVENING);
    let small = bot("TQ_1", "TQQQ");
    let large = crate::domain::bot::Bot { seed: small.seed * 40.0, ..bot("TQ_2", "TQQQ") };
    let small = crate::domain::bot::Bot { seed: small.seed * 4.0, ..small };
    let kim = world.user(vec![(small, 0.0, 0.0), (large, 0.0, 0.0)]);
    let mut at = time(EVENING);
    while world.books(&kim).sheets.len() < 2 {
        at += jiff::SignedDuration::from_mins(5);
        world.run_until(&at.to_string(), STEP).await;
    }
    // As they were decided: an answer may bring a sheet to its end.
    let sheets = world.books(&kim).sheets;
    let of_a_slice = |name: &str| {
        let sheet = sheets.iter().find(|s| s.name == name).unwrap();
        (sheet.total / sheet.slices_total as f64 / 60.0).floor() as u64
    };
    let shares = [of_a_slice("TQ_1"), of_a_slice("TQ_2")];
    assert!(shares[0] >= 1 && shares[1] > shares[0] + 3, "{shares:?}");
    kim.broker.trade_outside("TQQQ", Side::Buy, shares[1], "61", "60");
    look(&world, &kim).await;
    let proposal = asked(&world, &kim).pop().unwrap().proposal;
    assert!(matches!(&proposal, Some(Proposal::Bot { name, .. }) if name == "TQ_2"), "{proposal:?}");
    // As many shares as neither would have bought.
    kim.broker.trade_outside("TQQQ", Side::Buy, shares[1] * 3, "61", "60");
    look(&world, &kim).await;
    assert_eq!(asked(&world, &kim).pop().unwrap().proposal, None);
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
async fn a_bot_is_never_booked_to_have_sold_more_than_it_had() {
    let mut world = World::new(EVENING);
    let kim = world.user(vec![(bot("SX_1", "SOXL"), 10.0, 20.0), (bot("SX_2", "SOXL"), 7.0, 25.0)]);
    look(&world, &kim).await;
    // The order times have it the other way round: eleven were sold after three were bought.
    kim.broker.trade_outside("SOXL", Side::Sell, 11, "30", "30");
    kim.broker.trade_outside("SOXL", Side::Buy, 3, "30", "30");
    look(&world, &kim).await;
    let bot = world.books(&kim).bots[0].id;
    answer(&world, &kim, 0, Answer::OfBot { bot, price: None }).await;
    let held: Vec<f64> = world.books(&kim).bots.iter().map(|b| world.books(&kim).unsold_of(b.id)).collect();
    assert_eq!((held, position(&world, &kim, "SOXL")), (vec![2.0, 7.0], 9.into()));
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
    answer(&world, &kim, 0, Answer::Split { ratio: None }).await;
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

fn asked_cash(world: &World, client: &Client) -> Vec<(DifferenceId, Currency, rust_decimal::Decimal, CashReason)> {
    let questions = world.trading.questions(client.user, client.account).unwrap().cash;
    questions.into_iter().map(|c| (c.id, c.currency, c.brokers - c.ours, c.proposal)).collect()
}

fn cash(world: &World, client: &Client, currency: Currency) -> rust_decimal::Decimal {
    let key = account_key(client.account).text(currency.code());
    world.read(client, |v| v.get(&CASH, &key)).map(|c| c.amount).unwrap_or_default()
}

#[tokio::test]
async fn a_reverse_split_of_fifteen_is_seen_by_its_price_and_its_shares() {
    let mut world = World::new(EVENING);
    let kim = world.user(vec![(closing_bot("TQ_1"), 0.0, 0.0), (bot("SX_2", "SOXL"), 40.0, 8.0), (bot("SX_3", "SOXL"), 35.0, 9.0)]);
    kim.broker.set_price("SOXL", "8.1", "8.0");
    world.run_until(MORNING, STEP).await;
    let sent = kim.broker.sent().iter().filter(|s| s.symbol == "SOXL").count();
    let before = position(&world, &kim, "SOXL");
    kim.broker.split("SOXL", 1, 15);
    kim.broker.set_price("SOXL", "118", "121.5");
    // The shares tell at once, hours before the session.
    look(&world, &kim).await;
    let question = asked(&world, &kim).remove(0);
    assert_eq!((question.kind, question.ours, question.brokers), (DifferenceKind::SplitSuspected, before, kim.broker.shares("SOXL")));
    world.run_until("2026-05-15T20:20:00Z", STEP).await;
    assert_eq!(kim.broker.sent().iter().filter(|s| s.symbol == "SOXL").count(), sent, "no take-profit of 1,300 %");
    let cost = |world: &World| world.positions(&kim).into_iter().find(|p| p.symbol == "SOXL").unwrap().cost;
    let paid = cost(&world);
    answer(&world, &kim, 0, Answer::Split { ratio: None }).await;
    let held: Vec<_> = world.books(&kim).holdings.into_iter().filter(|h| h.symbol == "SOXL").collect();
    assert!(held.iter().all(|h| h.average_price > 100.0), "{held:?}");
    assert_eq!(cost(&world), paid);
    look(&world, &kim).await;
    assert_eq!(asked(&world, &kim), [], "fractions are paid out in cash and nobody's question");
    world.check(&kim);
}

#[tokio::test]
async fn a_price_alone_shows_both_sides_shares_and_a_mistaken_answer_is_taken_back() {
    let mut world = World::new(EVENING);
    let kim = world.user(vec![(bot("SX_1", "SOXL"), 40.0, 20.0)]);
    // A crash by a half: the broker's shares stay as they are.
    let held = kim.broker.shares("SOXL");
    kim.broker.set_price("SOXL", "15.1", "30");
    world.run_until("2026-05-14T15:40:00Z", STEP).await;
    let question = asked(&world, &kim).remove(0);
    assert_eq!((question.kind, question.ours, question.brokers), (DifferenceKind::SplitSuspected, held, held));
    answer(&world, &kim, 0, Answer::Split { ratio: None }).await;
    look(&world, &kim).await;
    assert_eq!(asked(&world, &kim)[0].kind, DifferenceKind::SplitAwaited, "the bots wait until the broker shows the new shares");
    world.run_until("2026-05-14T18:40:00Z", STEP).await;
    assert_eq!(kim.broker.sent(), []);
    answer(&world, &kim, 0, Answer::NoSplit).await;
    look(&world, &kim).await;
    assert_eq!((asked(&world, &kim), position(&world, &kim, "SOXL")), (vec![], held));
    assert_eq!(world.books(&kim).holdings.iter().find(|h| h.symbol == "SOXL").map(|h| (h.quantity, h.average_price)), Some((40.0, 20.0)));
    world.check(&kim);
}

#[tokio::test]
async fn a_real_crash_by_a_third_is_asked_about_and_traded_once_its_owner_says_so() {
    let mut world = World::new(EVENING);
    let kim = buyer_and_seller(&mut world);
    world.run_until(MORNING, STEP).await;
    let of_tqqq = || kim.broker.sent().iter().filter(|s| s.symbol == "TQQQ").count();
    let before = of_tqqq();
    kim.broker.set_price("TQQQ", "39.6", "60");
    world.run_until("2026-05-15T15:12:00Z", STEP).await;
    let question = asked(&world, &kim).remove(0);
    assert_eq!((question.symbol.as_str(), question.ours == question.brokers, of_tqqq()), ("TQQQ", true, before));
    let shares = position(&world, &kim, "TQQQ");
    answer(&world, &kim, 0, Answer::NoSplit).await;
    assert_eq!((asked(&world, &kim), position(&world, &kim, "TQQQ")), (vec![], shares));
    world.run_until("2026-05-16T00:00:00Z", STEP).await;
    assert_eq!(asked(&world, &kim), [], "not asked again in this session");
    kim.broker.set_price("TQQQ", "39.6", "39.6");
    world.run_until("2026-05-19T00:00:00Z", STEP).await;
    assert_eq!(asked(&world, &kim), [], "nor in the next: the price is the known one now");
    assert!(of_tqqq() > before, "the bots go on");
    world.check(&kim);
}

#[tokio::test]
async fn a_split_near_no_ratio_takes_the_owners_ratio() {
    let mut world = World::new(EVENING);
    let kim = world.user(vec![(bot("SX_1", "SOXL"), 40.0, 20.0)]);
    look(&world, &kim).await;
    kim.broker.split("SOXL", 5, 4);
    look(&world, &kim).await;
    let question = asked(&world, &kim).remove(0);
    assert_eq!((question.kind, question.brokers), (DifferenceKind::Unexplained, 50.into()));
    let none = world.trading.answer_difference(kim.user, kim.account, question.id, Answer::Split { ratio: None }).await;
    assert!(none.unwrap_err().to_string().contains("give the new and the old"));
    answer(&world, &kim, 0, Answer::Split { ratio: Some(SplitRatio { new: 5, old: 4 }) }).await;
    look(&world, &kim).await;
    assert_eq!((asked(&world, &kim), world.books(&kim).held_by_bots("SOXL")), (vec![], 50.0));
    world.check(&kim);
}

#[tokio::test]
async fn cash_that_differs_is_asked_about_and_holds_nobody() {
    let mut world = World::new(EVENING);
    let kim = buyer_and_seller(&mut world);
    look(&world, &kim).await;
    assert_eq!(cash(&world, &kim, Currency::Usd), 50_000.into(), "the first look is the opening balance");
    assert_eq!(asked_cash(&world, &kim), []);
    kim.broker.move_cash(Currency::Usd, "-20000.5");
    kim.broker.move_cash(Currency::Krw, "1000000");
    world.run_until("2026-05-14T15:40:00Z", STEP).await;
    assert!(kim.broker.sent().iter().any(|s| s.symbol == "TQQQ") && kim.broker.sent().iter().any(|s| s.symbol == "SOXL"));
    world.run_until(MORNING, STEP).await;
    look(&world, &kim).await;
    let questions = asked_cash(&world, &kim);
    let amounts: Vec<_> = questions.iter().map(|(_, currency, amount, _)| (*currency, amount.round())).collect();
    assert_eq!(amounts, [(Currency::Krw, 1_000_000.into()), (Currency::Usd, (-20_000).into())]);
    assert_eq!(questions[1].3, CashReason::Exchange, "the other currency went the other way");
    assert_eq!(world.told(&kim, "CASH_DIFFERS"), 2);
    look(&world, &kim).await;
    assert_eq!(asked_cash(&world, &kim), questions, "looking again asks the same");
    let wrong = world.trading.answer_difference(kim.user, kim.account, questions[0].0, Answer::Mine).await;
    assert!(wrong.unwrap_err().to_string().contains("deposit"));
    for (id, ..) in &questions {
        world.trading.answer_difference(kim.user, kim.account, *id, Answer::Cash(CashReason::Exchange)).await.unwrap();
    }
    look(&world, &kim).await;
    assert_eq!(asked_cash(&world, &kim), []);
    assert_eq!(cash(&world, &kim, Currency::Krw), 1_050_000.into());
    let twice = world.trading.answer_difference(kim.user, kim.account, questions[0].0, Answer::Cash(CashReason::Exchange)).await;
    assert!(twice.is_err(), "an answer is booked once");
    world.check(&kim);
}

#[tokio::test]
async fn an_account_that_only_observes_is_asked_nothing_and_compared_before_its_first_order() {
    let mut world = World::new(EVENING);
    let kim = buyer_and_seller(&mut world);
    world.edit_account(&kim, |a| a.mode = AccountMode::Observe);
    // The old server goes on trading.
    kim.broker.trade_outside("TQQQ", Side::Buy, 5, "61", "60");
    world.run_until(MORNING, STEP).await;
    assert_eq!((asked(&world, &kim), kim.broker.sent()), (vec![], vec![]));
    let facts = |world: &World| world.read(&kim, |v| v.last_fact(kim.account));
    let before = facts(&world);
    look(&world, &kim).await;
    assert_eq!((asked(&world, &kim).len(), facts(&world)), (1, before), "its owner may look, which books nothing");
    world.edit_account(&kim, |a| a.mode = AccountMode::Trading);
    world.run_until("2026-05-15T15:40:00Z", STEP).await;
    assert_eq!(asked(&world, &kim).iter().map(|d| d.symbol.as_str()).collect::<Vec<_>>(), ["TQQQ"]);
    assert!(kim.broker.sent().iter().all(|s| s.symbol == "SOXL") && !kim.broker.sent().is_empty());
}

#[tokio::test]
async fn a_persons_korean_shares_are_asked_about_once_and_hold_nobody() {
    let mut world = World::new(EVENING);
    let kim = buyer_and_seller(&mut world);
    kim.broker.move_shares("005930", 12);
    world.run_until(MORNING, STEP).await;
    let questions = asked(&world, &kim);
    assert_eq!(questions.iter().map(|d| (d.market, d.kind)).collect::<Vec<_>>(), [(Market::Krx, DifferenceKind::FirstSurplus)]);
    assert_eq!((world.told(&kim, "FIRST_CONNECTION"), world.told(&kim, "BOT_HELD")), (1, 0));
    assert!(kim.broker.sent().iter().any(|s| s.symbol == "TQQQ") && kim.broker.sent().iter().any(|s| s.symbol == "SOXL"));
    answer(&world, &kim, 0, Answer::Mine).await;
    look(&world, &kim).await;
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

    /// Whatever happens outside and however it is answered: once nothing is asked any more, bots, person
    /// and outside trades are the broker's position, and a night of trading keeps it so.
    #[test]
    fn answered_questions_leave_books_that_agree_with_the_broker(
        steps in proptest::collection::vec((0u8..3, -30i64..30, 0u8..4, 0u8..3), 1..7),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut world = World::new(EVENING);
            let kim = world.user(vec![(closing_bot("TQ_1"), 0.0, 0.0), (bot("SX_1", "SOXL"), 40.0, 20.0), (bot("SX_2", "SOXL"), 7.0, 25.0)]);
            look(&world, &kim).await;
            for (symbol, shares, how, chosen) in steps {
                let symbol = ["TQQQ", "SOXL", "UPRO"][usize::from(symbol)];
                let side = if shares > 0 { Side::Buy } else { Side::Sell };
                let there = i64::try_from(kim.broker.shares(symbol)).unwrap();
                let shares = shares.max(-there);
                match (shares, how) {
                    (0, _) | (_, 3) => kim.broker.split(symbol, [2, 1, 3][usize::from(chosen)], [1, 4, 2][usize::from(chosen)]),
                    (_, 0) => kim.broker.trade_outside(symbol, side, shares.unsigned_abs(), "60", "60"),
                    (_, 1) => {
                        kim.broker.trade_outside(symbol, side, shares.unsigned_abs(), "60", "60");
                        kim.broker.trade_outside(symbol, Side::Buy, 3, "60", "60");
                    }
                    (_, _) => kim.broker.move_shares(symbol, shares),
                }
                look(&world, &kim).await;
                let bots: Vec<_> = world.books(&kim).bots.iter().filter(|b| b.symbol == symbol).map(|b| b.id).collect();
                let price = Some(rust_decimal::dec!(21.5));
                let of_bots = bots.iter().map(|bot| Answer::OfBot { bot: *bot, price });
                let mut answers: Vec<Answer> = [Answer::Mine, Answer::Split { ratio: None }, Answer::NoSplit].into_iter().chain(of_bots).collect();
                answers.rotate_left(usize::from(chosen));
                // What no single answer explains stays asked.
                for _ in 0..3 {
                    for answer in &answers {
                        let Some(question) = asked(&world, &kim).into_iter().next() else { break };
                        let before = world.read(&kim, |v| v.last_fact(kim.account));
                        let answered = world.trading.answer_difference(kim.user, kim.account, question.id, *answer).await;
                        let after = world.read(&kim, |v| v.last_fact(kim.account));
                        assert!(answered.is_ok() || before == after, "a refused answer leaves nothing");
                    }
                    look(&world, &kim).await;
                }
                world.check(&kim);
            }
            world.run_until(MORNING, STEP).await;
            look(&world, &kim).await;
            for symbol in ["TQQQ", "SOXL", "UPRO"] {
                if !asked(&world, &kim).iter().any(|d| d.symbol == symbol) {
                    let apart = position(&world, &kim, symbol) - kim.broker.shares(symbol);
                    assert!(apart.abs() < 1.into(), "{symbol}: {apart}");
                }
            }
            world.check(&kim);
        });
    }
}
