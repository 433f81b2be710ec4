//! Observed nights and the ladder: what is compared, what each rung sends, and that nothing leaves for
//! a live host unless administrator, permission and owner all allow it.

use std::collections::BTreeSet;

use super::*;
use crate::domain::account::{AccountMode, Rung};
use crate::domain::bot::TradeKind;
use crate::domain::limits::UserRules;
use crate::domain::night::{Night, Verdict};
use crate::domain::order::{Environment, Order, OrderKind, OrderOrigin, OrderState, Side, Venue};
use crate::storage::account_key;
use crate::storage::tables::{SECRETS, Sealed, secret};
use crate::trading::{Answer, HaltScope, NewOrder, Step, TradingError};

/// Before the second night's readiness check, and after its report.
const NEXT_MORNING: &str = "2026-05-15T20:20:00Z";

pub(super) fn observer(world: &mut World, bots: Vec<(Bot, f64, f64)>) -> Client {
    let client = world.user_with(Environment::Live, AccountMode::Observe, bots);
    world.edit_account(&client, |a| a.started_at = None);
    with_key(world, &client);
    client
}

pub(super) fn with_key(world: &World, client: &Client) {
    let (user, key) = (client.user, account_key(client.account).text(secret::APP_SECRET));
    world.write(move |tx| tx.user(user).put(&SECRETS, &key, &Sealed { key_version: 1, in_two_parts: false, ciphertext: String::new() }));
}

pub(super) async fn allow(world: &World, client: &Client) {
    world.trading.allow_live(None, true).await.unwrap();
    permit(world, client, true).await;
}

pub(super) async fn permit(world: &World, client: &Client, can_real_trade: bool) {
    let rules = UserRules { can_real_trade, ..UserRules::default() };
    world.trading.set_user_rules(None, client.user, rules).await.unwrap();
}

pub(super) fn nights(world: &World, client: &Client) -> Vec<Night> {
    world.trading.nights(client.user, client.account, 10).unwrap()
}

pub(super) fn step(rung: Rung) -> Step {
    Step { rung, bot: None, old_server_stopped: true, skip_night: false, proved: true }
}

pub(super) async fn climb(world: &World, client: &Client, step: Step) -> Result<Rung, &'static str> {
    match world.trading.climb(client.user, client.account, step).await {
        Ok(account) => Ok(account.going_live.rung),
        Err(TradingError::Refused { code, .. }) => Err(code),
        Err(other) => panic!("{other}"),
    }
}

/// From observing over paper to one share, without waiting for nights.
pub(super) async fn climb_to_one_share(world: &World, client: &Client) -> Result<Rung, &'static str> {
    climb(world, client, Step { skip_night: true, ..step(Rung::Paper) }).await?;
    climb(world, client, Step { skip_night: true, ..step(Rung::OneShare) }).await
}

pub(super) fn lines(night: &Night) -> Vec<(&str, Verdict, Option<&str>)> {
    night.lines.iter().map(|l| (l.bot.as_str(), l.verdict, l.reason.as_deref())).collect()
}

#[tokio::test]
async fn a_night_is_compared_with_what_the_other_program_did() {
    let mut world = World::new(EVENING);
    let bots = vec![(closing_bot("TQ_1"), 0.0, 0.0), (bot("SX_1", "SOXL"), 40.0, 20.0)];
    let park = observer(&mut world, bots);
    world.run_until("2026-05-14T16:00:00Z", STEP).await;
    // The old server buys the same in slices, sells all but one, and buys once more at the close.
    park.broker.traded_elsewhere("TQQQ", Side::Buy, 16, "60");
    park.broker.traded_elsewhere("SOXL", Side::Sell, 39, "30");
    world.run_until("2026-05-14T19:51:00Z", STEP).await;
    park.broker.traded_elsewhere("TQQQ", Side::Buy, 8, "60");
    world.run_until(MORNING, STEP).await;
    assert_eq!((park.broker.sent().len(), world.orders(&park).len()), (0, 0));
    let night = nights(&world, &park).remove(0);
    assert_eq!(lines(&night), [("TQ_1", Verdict::Same, None), ("SX_1", Verdict::Different, Some("amount"))]);
    assert_eq!((night.verdict(), night.is_clean()), (Some(Verdict::Different), false));
    let [buyer, seller] = [&night.lines[0], &night.lines[1]];
    assert_eq!((buyer.buy_usd, buyer.executed.bought, buyer.executed.bought_usd), (1_500.0, 24, 1_440.0));
    assert_eq!((seller.sell_shares, seller.executed.sold), (40.0, 39));
    let report = world.messages(&park).into_iter().find(|m| m.code == "SESSION_REPORT").unwrap();
    assert_eq!(report.event["compared"].as_array().unwrap().len(), 2);
    // The next night its books are of yesterday, while the old server has traded since.
    world.run_until(NEXT_MORNING, STEP).await;
    let night = nights(&world, &park).remove(0);
    assert_eq!(night.session.to_string(), "2026-05-15");
    let outdated = Some("books_outdated");
    assert_eq!(lines(&night), [("TQ_1", Verdict::NotComparable, outdated), ("SX_1", Verdict::NotComparable, outdated)]);
    world.check(&park);
}

#[tokio::test]
async fn a_quiet_night_is_clean_and_an_order_only_there_is_not() {
    let mut world = World::new(EVENING);
    // Far above its average and its point price only a sell could come, and it never sells.
    let quiet = Bot { active: false, ..bot("TQ_1", "TQQQ") };
    let full = Bot { skip_sell: true, ..bot("TQ_2", "TQQQ") };
    let park = observer(&mut world, vec![(quiet, 0.0, 0.0), (full, 200.0, 60.0)]);
    world.run_until(MORNING, STEP).await;
    let night = nights(&world, &park).remove(0);
    assert_eq!(lines(&night), [("TQ_2", Verdict::Nothing, None)], "the bot that is off is not watched");
    assert!(night.is_clean());
    world.run_until("2026-05-15T16:00:00Z", STEP).await;
    park.broker.traded_elsewhere("TQQQ", Side::Buy, 3, "60");
    world.run_until(NEXT_MORNING, STEP).await;
    assert_eq!(lines(&nights(&world, &park)[0]), [("TQ_2", Verdict::Different, Some("only_there"))]);
}

#[tokio::test]
async fn a_night_without_a_decision_is_told_as_such() {
    let mut world = World::new("2026-05-14T19:55:00Z");
    let park = observer(&mut world, vec![(bot("TQ_1", "TQQQ"), 0.0, 0.0)]);
    world.run_until(MORNING, STEP).await;
    assert_eq!(lines(&nights(&world, &park)[0]), [("TQ_1", Verdict::NotComparable, Some("not_decided"))]);
    assert!(!nights(&world, &park)[0].is_clean());
}

/// A person buys one share.
fn ticket(client: &Client) -> NewOrder {
    NewOrder {
        account: Some(client.account),
        market: None,
        symbol: "SOXL".to_owned(),
        side: Some(Side::Buy),
        quantity: 1,
        kind: OrderKind::Limit,
        limit_price: Some("31".parse().unwrap()),
        trigger_price: None,
        venue: Venue::Krx,
    }
}

#[tokio::test]
async fn nothing_leaves_for_a_live_host_unless_all_three_allow_it() {
    for combination in 0..8_u32 {
        let [admin, permission, owner] = [0, 1, 2].map(|bit| combination & (1 << bit) != 0);
        let mut world = World::new("2026-05-14T15:00:00Z");
        let client = world.user_with(Environment::Live, AccountMode::Trading, vec![(closing_bot("TQ_1"), 0.0, 0.0)]);
        world.trading.allow_live(None, admin).await.unwrap();
        permit(&world, &client, permission).await;
        let rung = if owner { Rung::Full } else { Rung::Observe };
        world.edit_account(&client, move |a| a.going_live.rung = rung);
        let all = admin && permission && owner;
        assert_eq!(crate::trading::live_orders_allowed(&world.store, client.user, client.account), all, "{combination}");
        // A person's order and a whole night of the bot's.
        let placed = world.trading.place_ticket(client.user, ticket(&client), None).await.unwrap();
        world.run_until(MORNING, STEP).await;
        let sent = client.broker.sent().len();
        let codes: BTreeSet<String> = world.orders(&client).iter().filter_map(|o| o.reason.as_ref().map(|r| r.code.clone())).collect();
        if all {
            assert_eq!((sent, placed.state), (7, OrderState::Accepted), "a ticket, five slices, a closing buy");
            assert_eq!(codes, BTreeSet::new());
        } else {
            let code = if !admin {
                "live_not_allowed"
            } else if !permission {
                "real_trade_not_permitted"
            } else {
                "not_live_yet"
            };
            assert_eq!((sent, placed.state), (0, OrderState::Rejected), "{combination}");
            assert_eq!(codes, BTreeSet::from([code.to_owned()]));
            assert_eq!(world.orders(&client).len(), if owner { 7 } else { 1 }, "an account that observes does not even ask");
        }
        world.check(&client);
    }
}

#[tokio::test]
async fn a_permission_taken_back_holds_from_the_next_order_on() {
    let mut world = World::new(EVENING);
    let client = world.user_with(Environment::Live, AccountMode::Trading, vec![(bot("TQ_1", "TQQQ"), 0.0, 0.0)]);
    world.edit_account(&client, |a| a.going_live.rung = Rung::Full);
    allow(&world, &client).await;
    world.run_until("2026-05-14T16:30:00Z", STEP).await;
    assert_eq!(client.broker.sent().len(), 2);
    permit(&world, &client, false).await;
    world.run_until(MORNING, STEP).await;
    assert_eq!(client.broker.sent().len(), 2);
    world.check(&client);
    world.check_broker(&client, "TQQQ", 0);
}

#[tokio::test]
async fn on_the_rung_of_one_share_every_order_of_a_bot_is_one_share_and_the_books_follow() {
    let mut world = World::new(EVENING);
    let bots = vec![(closing_bot("TQ_1"), 0.0, 0.0), (bot("SX_1", "SOXL"), 40.0, 20.0)];
    let client = world.user_with(Environment::Live, AccountMode::Trading, bots);
    world.edit_account(&client, |a| a.going_live.rung = Rung::OneShare);
    allow(&world, &client).await;
    world.run_until("2026-05-14T15:11:00Z", STEP).await;
    let sheet = world.books(&client).sheets.into_iter().find(|s| s.name == "TQ_1").unwrap();
    assert_eq!(sheet.total, 1_000.0, "the decision stays what it is");
    world.run_until(MORNING, STEP).await;
    let sent = client.broker.sent();
    assert_eq!(sent.len(), 11, "five slices of each and a closing buy");
    assert!(sent.iter().all(|s| s.quantity == 1), "{sent:?}");
    world.check(&client);
    world.check_broker(&client, "TQQQ", 0);
    world.check_broker(&client, "SOXL", 40);
    let books = world.final_books(&client);
    let held: Vec<_> = books.holdings.iter().map(|h| (h.0.as_str(), h.1)).collect();
    assert_eq!(held, [("SX_1", 35.0), ("TQ_1", 6.0)]);
    // A full sale that was filled in part leaves the rest to the bot.
    assert!(world.history(&client).iter().any(|r| r.name == "SX_1" && r.kind == TradeKind::SellPart && r.quantity == Some(5.0)));
    assert_eq!((books.sheets, books.open_orders), (0, 0));
}

#[tokio::test]
async fn what_a_person_asks_for_is_not_made_smaller() {
    let mut world = World::new("2026-05-14T15:00:00Z");
    let client = world.user_with(Environment::Live, AccountMode::Trading, vec![(bot("SX_1", "SOXL"), 40.0, 20.0)]);
    world.edit_account(&client, |a| a.going_live.rung = Rung::OneShare);
    allow(&world, &client).await;
    let bot_id = world.books(&client).bots[0].id;
    let order: Order = world.trading.force_sell(client.user, client.account, bot_id, 50.0, None).await.unwrap();
    assert_eq!(order.intent.quantity, 20);
    assert!(matches!(order.intent.origin, OrderOrigin::ForceSell { .. }));
}

#[tokio::test]
async fn a_bot_may_stay_behind_its_account() {
    let mut world = World::new(EVENING);
    let bots = vec![(bot("TQ_1", "TQQQ"), 0.0, 0.0), (bot("SX_1", "SOXL"), 40.0, 20.0)];
    let client = world.user_with(Environment::Live, AccountMode::Trading, bots);
    world.edit_account(&client, |a| a.going_live.rung = Rung::Full);
    allow(&world, &client).await;
    with_key(&world, &client);
    let [buyer, seller] = [0, 1].map(|i| world.books(&client).bots[i].id);
    for (bot, rung) in [(buyer, Rung::OneShare), (seller, Rung::Observe)] {
        let down = Step { rung, bot: Some(bot), old_server_stopped: false, skip_night: false, proved: false };
        assert_eq!(climb(&world, &client, down).await, Ok(Rung::Full), "down is free");
    }
    world.run_until(MORNING, STEP).await;
    let sent: BTreeSet<_> = client.broker.sent().into_iter().map(|s| (s.bot, s.quantity)).collect();
    assert_eq!(sent, BTreeSet::from([("TQ_1".to_owned(), 1)]));
    let night = nights(&world, &client).remove(0);
    assert_eq!(lines(&night), [("SX_1", Verdict::Different, Some("only_here"))], "the other one's own orders are not the old server's");
    assert_eq!(world.told(&client, "WOULD_ORDER"), 1);
    world.check(&client);
    // Up again: not above the account, and only with a clean night or without looking.
    let up = |skip_night| Step { bot: Some(seller), skip_night, ..step(Rung::OneShare) };
    assert_eq!(climb(&world, &client, up(false)).await, Err("clean_night_missing"));
    assert_eq!(climb(&world, &client, up(true)).await, Ok(Rung::Full));
    assert_eq!(climb(&world, &client, step(Rung::OneShare)).await, Ok(Rung::OneShare), "the account comes down with all its bots");
    assert_eq!(climb(&world, &client, Step { bot: Some(seller), ..step(Rung::Full) }).await, Err("bot_above_account"));
}

#[tokio::test]
async fn the_ladder_is_climbed_rung_by_rung_with_password_word_and_clean_nights() {
    let mut world = World::new(EVENING);
    let full = Bot { skip_sell: true, ..bot("TQ_2", "TQQQ") };
    let client = observer(&mut world, vec![(full, 200.0, 60.0)]);
    let (paper, up) = (Step { old_server_stopped: false, ..step(Rung::Paper) }, step(Rung::OneShare));
    assert_eq!(climb(&world, &client, step(Rung::Full)).await, Err("rung_skipped"));
    assert_eq!(climb(&world, &client, up).await, Err("rung_skipped"));
    assert_eq!(climb(&world, &client, Step { proved: false, ..paper }).await, Err("step_up_required"));
    assert_eq!(climb(&world, &client, paper).await, Err("clean_night_missing"));
    assert_eq!(world.trading.going_live(client.user, client.account).unwrap().missing, ["clean_night_missing"]);
    world.run_until(MORNING, STEP).await;
    let state = world.trading.going_live(client.user, client.account).unwrap();
    assert_eq!((state.clean_night, state.missing.len()), (true, 0));
    // Paper needs neither the administrator nor the word about the old server: nothing leaves.
    assert_eq!(climb(&world, &client, paper).await, Ok(Rung::Paper));
    let account = world.books(&client).account;
    assert_eq!((account.mode, account.rung(), account.started_at), (AccountMode::Observe, Rung::Paper, None));
    assert_eq!((world.told(&client, "PAPER_STARTED"), world.told(&client, "ACCOUNT_STARTED")), (1, 0));
    assert_eq!(climb(&world, &client, Step { old_server_stopped: false, ..up }).await, Err("confirmation_required"));
    assert_eq!(climb(&world, &client, up).await, Err("live_not_allowed"));
    world.trading.allow_live(None, true).await.unwrap();
    assert_eq!(climb(&world, &client, up).await, Err("real_trade_not_permitted"));
    permit(&world, &client, true).await;
    // The observed night does not count for the next rung; one of the twin does.
    assert_eq!(climb(&world, &client, up).await, Err("clean_night_missing"));
    world.run_until(NEXT_MORNING, STEP).await;
    assert_eq!(world.trading.going_live(client.user, client.account).unwrap().missing, [""; 0]);
    assert_eq!(climb(&world, &client, up).await, Ok(Rung::OneShare));
    let account = world.books(&client).account;
    assert_eq!((account.mode, account.started_at), (AccountMode::Trading, Some(world.clock_now())));
    assert_eq!((world.told(&client, "PAPER_ENDED"), world.told(&client, "ACCOUNT_STARTED")), (1, 1));
    // Nor does the twin's night for full size; a night of one share does.
    assert_eq!(climb(&world, &client, step(Rung::Full)).await, Err("clean_night_missing"));
    world.run_until("2026-05-18T20:20:00Z", STEP).await;
    assert_eq!(climb(&world, &client, step(Rung::Full)).await, Ok(Rung::Full));
    // Stopping takes it down; up again it begins below.
    world.trading.stop_account(client.user, client.account).await.unwrap();
    assert_eq!(world.books(&client).account.going_live.rung, Rung::Observe);
    assert_eq!(climb(&world, &client, step(Rung::Full)).await, Err("rung_skipped"));
    assert_eq!(climb_to_one_share(&world, &client).await, Ok(Rung::OneShare));
    assert_eq!(climb(&world, &client, step(Rung::Paper)).await, Err("rung_skipped"), "a paper run begins from observing");
    // Only live accounts have a ladder, and only the ladder starts them.
    let mock = world.user(vec![]);
    assert_eq!(climb(&world, &mock, up).await, Err("ladder_not_needed"));
    let started = world.trading.start_account(client.user, client.account, true).await;
    assert!(matches!(started, Err(TradingError::Refused { code: "ladder_required", .. })));
    // Nobody else's.
    let foreign = world.trading.climb(mock.user, client.account, up).await;
    assert!(matches!(foreign, Err(TradingError::Store(crate::storage::StoreError::NotFound { .. }))), "{foreign:?}");
}

#[tokio::test]
async fn a_refused_order_makes_a_night_unclean() {
    let mut world = World::new(EVENING);
    let client = world.user_with(Environment::Live, AccountMode::Trading, vec![(bot("TQ_1", "TQQQ"), 0.0, 0.0)]);
    with_key(&world, &client);
    world.edit_account(&client, |a| {
        a.going_live.rung = Rung::OneShare;
        a.going_live.since = Some(a.created_at);
    });
    allow(&world, &client).await;
    client.broker.script([crate::trading::testing::Does::Refuse]);
    world.run_until(MORNING, STEP).await;
    assert_eq!(climb(&world, &client, step(Rung::Full)).await, Err("clean_night_missing"));
    world.run_until(NEXT_MORNING, STEP).await;
    assert_eq!(climb(&world, &client, step(Rung::Full)).await, Ok(Rung::Full));
}

/// A climbed account that orders like the bots' own have stopped.
async fn stopped_by_suspicion(world: &mut World, rung: Rung) -> Client {
    let client = world.user_with(Environment::Live, AccountMode::Trading, vec![(bot("TQ_1", "TQQQ"), 0.0, 0.0)]);
    with_key(world, &client);
    world.edit_account(&client, move |a| a.going_live.rung = rung);
    allow(world, &client).await;
    world.trading.compare_now(client.user, client.account).await.unwrap();
    client.broker.trade_outside("TQQQ", Side::Buy, 3, "61.2", "60");
    world.trading.compare_now(client.user, client.account).await.unwrap();
    assert_eq!(world.told(&client, "ANOTHER_PROGRAM"), 1);
    client
}

#[tokio::test]
async fn what_was_stopped_by_suspicion_climbs_from_the_bottom_with_the_password() {
    let unproved = |rung| Step { proved: false, old_server_stopped: false, skip_night: true, ..step(rung) };
    for rung in [Rung::OneShare, Rung::Full] {
        let mut world = World::new(EVENING);
        let client = stopped_by_suspicion(&mut world, rung).await;
        let account = world.books(&client).account;
        assert_eq!((account.mode, account.going_live.rung), (AccountMode::Observe, Rung::Observe));
        assert_eq!(account.going_live.since, Some(world.clock_now()), "earlier nights do not count");
        assert_eq!(climb(&world, &client, unproved(Rung::Paper)).await, Err("step_up_required"));
        assert_eq!(climb(&world, &client, step(Rung::OneShare)).await, Err("rung_skipped"));
        assert_eq!(climb(&world, &client, step(Rung::Full)).await, Err("rung_skipped"));
        assert_eq!(climb(&world, &client, unproved(Rung::Observe)).await, Ok(Rung::Observe));
        world.run_until(MORNING, STEP).await;
        assert_eq!(client.broker.sent(), []);
    }
}

#[tokio::test]
async fn a_rung_that_an_earlier_version_left_to_an_observing_account_counts_for_nothing() {
    let mut world = World::new(EVENING);
    let client = world.user_with(Environment::Live, AccountMode::Observe, vec![(bot("TQ_1", "TQQQ"), 0.0, 0.0)]);
    with_key(&world, &client);
    allow(&world, &client).await;
    world.edit_account(&client, |a| a.going_live.rung = Rung::Full);
    let bot_id = world.books(&client).bots[0].id;
    for bot in [None, Some(bot_id)] {
        let down = Step { bot, proved: false, skip_night: true, ..step(Rung::Paper) };
        let expected = if bot.is_some() { "bot_above_account" } else { "step_up_required" };
        assert_eq!(climb(&world, &client, down).await, Err(expected));
    }
    assert_eq!(climb(&world, &client, Step { skip_night: true, ..step(Rung::Full) }).await, Err("rung_skipped"));
    // Stopping repairs the record although the account observes already; nothing is told twice.
    world.trading.stop_account(client.user, client.account).await.unwrap();
    assert_eq!(world.books(&client).account.going_live.rung, Rung::Observe);
    assert_eq!(world.told(&client, "ACCOUNT_STOPPED"), 0);
    // Only the ladder starts a live account.
    let started = world.trading.start_account(client.user, client.account, true).await;
    assert!(matches!(started, Err(TradingError::Refused { code: "ladder_required", .. })));
}

/// Whatever differs is the person's own.
pub(super) async fn answer_all(world: &World, client: &Client) {
    for difference in world.trading.questions(client.user, client.account).unwrap().differences {
        world.trading.answer_difference(client.user, client.account, difference.id, Answer::Mine).await.unwrap();
    }
}

#[tokio::test]
async fn the_time_of_the_start_is_that_of_the_last_climb() {
    let mut world = World::new(EVENING);
    let client = stopped_by_suspicion(&mut world, Rung::Full).await;
    world.edit_account(&client, |a| a.started_at = Some(a.created_at));
    world.run_until("2026-05-14T15:00:00Z", STEP).await;
    answer_all(&world, &client).await;
    assert_eq!(climb_to_one_share(&world, &client).await, Ok(Rung::OneShare));
    assert_eq!(world.books(&client).account.started_at, Some(world.clock_now()));
}

#[tokio::test]
async fn a_bot_held_back_before_its_account_climbs_stays_behind() {
    let mut world = World::new(EVENING);
    let names = ["TQ_1", "TQ_2", "SX_1"];
    let bots = vec![(bot("TQ_1", "TQQQ"), 0.0, 0.0), (bot("TQ_2", "TQQQ"), 0.0, 0.0), (bot("SX_1", "SOXL"), 40.0, 20.0)];
    let client = observer(&mut world, bots);
    allow(&world, &client).await;
    let id = |name: &str| world.books(&client).bots.iter().find(|b| b.name == name).unwrap().id;
    let [observing, small, full] = names.map(id);
    let free = |bot, rung| Step { bot: Some(bot), proved: false, old_server_stopped: false, skip_night: true, ..step(rung) };
    let up = |rung| Step { skip_night: true, ..step(rung) };
    assert_eq!(climb(&world, &client, free(observing, Rung::Observe)).await, Ok(Rung::Observe));
    assert_eq!(climb_to_one_share(&world, &client).await, Ok(Rung::OneShare));
    assert_eq!(climb(&world, &client, free(small, Rung::OneShare)).await, Ok(Rung::OneShare));
    assert_eq!(climb(&world, &client, up(Rung::Full)).await, Ok(Rung::Full));
    let account = world.books(&client).account;
    assert_eq!([observing, small, full].map(|b| account.rung_of(b)), [Rung::Observe, Rung::OneShare, Rung::Full]);
    assert_eq!(climb(&world, &client, free(observing, Rung::OneShare)).await, Err("step_up_required"));
    assert_eq!(climb(&world, &client, free(small, Rung::Full)).await, Err("step_up_required"));
    world.run_until(MORNING, STEP).await;
    let sent: BTreeSet<_> = client.broker.sent().into_iter().map(|s| (s.bot, s.quantity > 1)).collect();
    assert_eq!(sent, BTreeSet::from([("SX_1".to_owned(), true), ("TQ_2".to_owned(), false)]));
}

#[tokio::test]
async fn another_programs_order_with_the_number_of_one_of_ours_of_another_day_counts() {
    let mut world = World::new(EVENING);
    let bots = vec![(bot("TQ_1", "TQQQ"), 0.0, 0.0), (bot("SX_1", "SOXL"), 40.0, 20.0)];
    let client = world.user_with(Environment::Live, AccountMode::Trading, bots);
    let seller = world.books(&client).bots.iter().find(|b| b.name == "SX_1").unwrap().id;
    world.edit_account(&client, move |a| {
        a.going_live.rung = Rung::Full;
        a.going_live.bots.insert(seller, Rung::Observe);
    });
    allow(&world, &client).await;
    world.run_until(MORNING, STEP).await;
    let ours = world.orders(&client).iter().filter_map(|o| o.broker_order_no.clone()?.parse::<u64>().ok()).min().unwrap();
    world.run_until("2026-05-15T16:00:00Z", STEP).await;
    client.broker.number_from(ours);
    client.broker.traded_elsewhere("SOXL", Side::Sell, 40, "30");
    client.broker.number_from(ours + 1_000);
    world.run_until(NEXT_MORNING, STEP).await;
    let night = nights(&world, &client).remove(0);
    assert_eq!(lines(&night), [("SX_1", Verdict::Same, None)]);
    assert_eq!(night.lines[0].executed.sold, 40);
}

/// An account on the rung of one share, before its first night there.
pub(super) async fn on_one_share(world: &mut World, bots: Vec<(Bot, f64, f64)>) -> Client {
    let client = world.user_with(Environment::Live, AccountMode::Trading, bots);
    with_key(world, &client);
    world.edit_account(&client, |a| {
        a.going_live.rung = Rung::OneShare;
        a.going_live.since = Some(a.created_at);
    });
    allow(world, &client).await;
    client
}

#[tokio::test]
async fn a_persons_refused_order_leaves_a_night_clean() {
    let mut world = World::new(EVENING);
    let client = on_one_share(&mut world, vec![(bot("TQ_1", "TQQQ"), 0.0, 0.0)]).await;
    world.run_until("2026-05-14T15:05:00Z", STEP).await;
    client.broker.script([crate::trading::testing::Does::Refuse]);
    let refused = world.trading.place_ticket(client.user, ticket(&client), None).await.unwrap();
    assert_eq!(refused.state, OrderState::Rejected);
    world.run_until(MORNING, STEP).await;
    assert_eq!(world.orders(&client).len(), 6);
    assert_eq!(climb(&world, &client, step(Rung::Full)).await, Ok(Rung::Full));
}

#[tokio::test]
async fn a_bot_needs_a_night_on_each_rung_of_its_own() {
    let mut world = World::new(EVENING);
    let quiet = Bot { skip_sell: true, ..bot("SX_1", "SOXL") };
    let client = on_one_share(&mut world, vec![(bot("TQ_1", "TQQQ"), 0.0, 0.0), (quiet, 400.0, 30.0)]).await;
    let behind = world.books(&client).bots.iter().find(|b| b.name == "SX_1").unwrap().id;
    let of_bot = |rung| Step { bot: Some(behind), ..step(rung) };
    assert_eq!(climb(&world, &client, of_bot(Rung::Observe)).await, Ok(Rung::OneShare));
    world.run_until(MORNING, STEP).await;
    assert_eq!(climb(&world, &client, step(Rung::Full)).await, Ok(Rung::Full));
    // The night was observed before the account climbed, which it says nothing about.
    assert_eq!(climb(&world, &client, of_bot(Rung::OneShare)).await, Ok(Rung::Full));
    assert_eq!(climb(&world, &client, of_bot(Rung::Full)).await, Err("clean_night_missing"));
    world.run_until(NEXT_MORNING, STEP).await;
    assert_eq!(climb(&world, &client, of_bot(Rung::Full)).await, Ok(Rung::Full));
    assert_eq!(world.books(&client).account.rung_of(behind), Rung::Full);
}

#[tokio::test]
async fn a_night_under_the_kill_switch_is_not_clean() {
    let mut world = World::new(EVENING);
    let client = on_one_share(&mut world, vec![(closing_bot("TQ_1"), 0.0, 0.0)]).await;
    let scope = HaltScope::Account(client.user, client.account);
    world.trading.set_halt(Some(client.user), scope, true).await.unwrap();
    world.run_until(MORNING, STEP).await;
    world.trading.set_halt(Some(client.user), scope, false).await.unwrap();
    assert_eq!(client.broker.sent(), []);
    assert_eq!(climb(&world, &client, step(Rung::Full)).await, Err("clean_night_missing"));
    // Half a night is not one, either.
    world.run_until("2026-05-15T19:45:00Z", STEP).await;
    assert!(!client.broker.sent().is_empty());
    world.trading.set_halt(Some(client.user), scope, true).await.unwrap();
    world.run_until(NEXT_MORNING, STEP).await;
    world.trading.set_halt(Some(client.user), scope, false).await.unwrap();
    assert_eq!(climb(&world, &client, step(Rung::Full)).await, Err("clean_night_missing"));
    world.run_until("2026-05-18T20:20:00Z", STEP).await;
    assert_eq!(climb(&world, &client, step(Rung::Full)).await, Ok(Rung::Full));
}

#[tokio::test]
async fn a_bot_that_observes_from_the_middle_of_its_sheet_on_asks_for_nothing_more() {
    let mut world = World::new(EVENING);
    let client = world.user_with(Environment::Live, AccountMode::Trading, vec![(bot("TQ_1", "TQQQ"), 0.0, 0.0)]);
    world.edit_account(&client, |a| a.going_live.rung = Rung::Full);
    allow(&world, &client).await;
    world.run_until("2026-05-14T16:30:00Z", STEP).await;
    let sent = client.broker.sent().len();
    assert!(sent > 0 && sent < 5);
    let bot_id = world.books(&client).bots[0].id;
    let down = Step { bot: Some(bot_id), proved: false, ..step(Rung::Observe) };
    assert_eq!(climb(&world, &client, down).await, Ok(Rung::Full));
    world.run_until(NEXT_MORNING, STEP).await;
    assert_eq!((client.broker.sent().len(), world.orders(&client).len()), (sent, sent), "nothing was even refused");
    // What it had bought is its own, and the sheet is over.
    let books = world.books(&client);
    assert_eq!((books.sheets.len(), books.holdings.len()), (0, 1));
    world.check(&client);
    world.check_broker(&client, "TQQQ", 0);
}

#[tokio::test]
async fn a_share_that_got_lost_is_not_made_up_by_several() {
    use crate::trading::testing::Does::{Fill, Unreachable};
    let mut world = World::new(EVENING);
    let client = on_one_share(&mut world, vec![(bot("TQ_1", "TQQQ"), 0.0, 0.0)]).await;
    client.broker.script([Fill, Fill, Fill, Unreachable]);
    world.run_until(MORNING, STEP).await;
    assert_eq!((world.orders(&client).len(), world.told(&client, "SLICES_RESPACED")), (5, 0));
    world.check_broker(&client, "TQQQ", 0);
    assert_eq!(world.books(&client).holdings.iter().map(|h| h.quantity).sum::<f64>(), 4.0);
}
