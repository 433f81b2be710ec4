//! Orders of people: the ticket, the gate, the kill switch, and shares that belong to bots.

use super::*;
use crate::domain::id::{AccountId, UserId};
use crate::domain::limits::{AccountLimits, UserRules};
use crate::domain::order::{Environment, Order, OrderKind, OrderState, Side, Venue};
use crate::trading::testing::{Does, time};
use crate::trading::{HaltScope, NewOrder, OrderFilter, RequestKey, TradingError};

pub(super) const IN_SESSION: &str = "2026-05-14T15:00:00Z";

pub(super) fn buy(client: &Client, symbol: &str, quantity: u64, limit: &str) -> NewOrder {
    NewOrder {
        account: Some(client.account),
        market: None,
        symbol: symbol.to_owned(),
        side: Some(Side::Buy),
        quantity,
        kind: OrderKind::Limit,
        limit_price: Some(limit.parse().unwrap()),
        trigger_price: None,
        venue: Venue::Krx,
    }
}

pub(super) fn sell(client: &Client, symbol: &str, quantity: u64, limit: &str) -> NewOrder {
    NewOrder { side: Some(Side::Sell), ..buy(client, symbol, quantity, limit) }
}

pub(super) fn code(order: &Order) -> &str {
    order.reason.as_ref().map_or("", |r| r.code.as_str())
}

pub(super) async fn trader(start: &str) -> (World, Client) {
    let mut world = World::new(start);
    let kim = world.user(vec![]);
    (world, kim)
}

#[tokio::test]
async fn an_order_is_taken_filled_and_counted() {
    let (mut world, kim) = trader(IN_SESSION).await;
    let order = world.trading.place_ticket(kim.user, buy(&kim, "tqqq", 3, "61"), None).await.unwrap();
    assert_eq!((order.state, order.intent.symbol.as_str()), (OrderState::Accepted, "TQQQ"));
    world.run_until("2026-05-14T15:00:10Z", STEP).await;
    let order = world.orders(&kim).remove(0);
    assert_eq!((order.state, order.settled), (OrderState::Filled, true));
    assert_eq!(world.positions(&kim)[0].quantity, 3.into());
    world.check(&kim);
}

#[tokio::test]
async fn the_same_key_is_one_order_however_often_it_is_sent() {
    let (world, kim) = trader(IN_SESSION).await;
    let request = || RequestKey::new("night-1", b"buy 3").unwrap();
    let all = (0..1_000).map(|_| world.trading.place_ticket(kim.user, buy(&kim, "TQQQ", 3, "61"), Some(request())));
    let answers: Vec<Order> = futures_util::future::join_all(all).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(kim.broker.sent().len(), 1, "one broker call");
    assert!(answers.iter().all(|o| *o == answers[0]), "one answer");
    // Later too, whatever has become of the order.
    world.trading.tick().await;
    assert_eq!(world.trading.place_ticket(kim.user, buy(&kim, "TQQQ", 3, "61"), Some(request())).await.unwrap(), answers[0]);
    let other = RequestKey::new("night-1", b"buy 4").unwrap();
    let refused = world.trading.place_ticket(kim.user, buy(&kim, "TQQQ", 4, "61"), Some(other)).await.unwrap_err();
    assert!(refused.to_string().contains("Idempotency-Key"), "{refused}");
    assert_eq!(kim.broker.sent().len(), 1);
}

#[tokio::test]
async fn a_key_is_remembered_for_a_week_and_then_forgotten() {
    let (world, kim) = trader(IN_SESSION).await;
    let key = || Some(RequestKey::new("weekly", b"buy 3").unwrap());
    let first = world.trading.place_ticket(kim.user, buy(&kim, "TQQQ", 3, "61"), key()).await.unwrap();
    world.clock.advance_to(time("2026-05-21T15:00:00Z"));
    world.trading.forget_old_requests().await;
    assert_eq!(world.trading.place_ticket(kim.user, buy(&kim, "TQQQ", 3, "61"), key()).await.unwrap(), first);
    world.clock.advance_to(time("2026-05-22T15:00:01Z"));
    world.trading.forget_old_requests().await;
    let again = world.trading.place_ticket(kim.user, buy(&kim, "TQQQ", 3, "61"), key()).await.unwrap();
    assert_ne!(again.intent.order_id, first.intent.order_id);
}

#[tokio::test]
async fn a_refusal_is_kept_and_answered_again() {
    let (world, kim) = trader("2026-05-14T12:00:00Z").await;
    let key = || Some(RequestKey::new("early", b"x").unwrap());
    let first = world.trading.place_ticket(kim.user, buy(&kim, "TQQQ", 3, "61"), key()).await.unwrap();
    assert_eq!((first.state, code(&first)), (OrderState::Rejected, "market_closed"));
    world.clock.advance_to(time(IN_SESSION));
    assert_eq!(world.trading.place_ticket(kim.user, buy(&kim, "TQQQ", 3, "61"), key()).await.unwrap(), first);
    assert!(kim.broker.sent().is_empty());
}

#[tokio::test]
async fn each_limit_refuses_with_its_name_and_lets_sells_pass() {
    let limit = |edit: fn(&mut AccountLimits)| {
        let mut limits = AccountLimits::default();
        edit(&mut limits);
        limits
    };
    let cases = [
        (limit(|l| l.max_order_value = Some(100.into())), "limit_max_order_value"),
        (limit(|l| l.max_position_size = Some(700.into())), "limit_max_position_size"),
        (limit(|l| l.max_daily_value = Some(700.into())), "limit_max_daily_value"),
        (limit(|l| l.max_daily_trades = Some(1)), "limit_max_daily_trades"),
        (limit(|l| l.daily_trade_limit = Some(1)), "limit_daily_trade_limit"),
        (limit(|l| l.orders_per_second = Some(1)), "limit_orders_per_second"),
        (limit(|l| l.price_collar = Some(1.into())), "limit_price_collar"),
    ];
    for (limits, expected) in cases {
        let (mut world, kim) = trader(IN_SESSION).await;
        let first = world.trading.place_ticket(kim.user, buy(&kim, "TQQQ", 10, "60"), None).await.unwrap();
        assert_eq!(first.state, OrderState::Accepted, "{expected}");
        world.trading.tick().await;
        let set = limits.clone();
        world.edit_account(&kim, move |a| a.settings.limits = set.clone());
        let second = world.trading.place_ticket(kim.user, buy(&kim, "TQQQ", 2, "61"), None).await.unwrap();
        assert_eq!((second.state, code(&second)), (OrderState::Rejected, expected));
        let hit = second.reason.unwrap().limit.unwrap();
        assert!(expected.ends_with(&hit.name) && !hit.allowed.is_empty() && !hit.asked.is_empty(), "{hit:?}");
        let out = world.trading.place_ticket(kim.user, sell(&kim, "TQQQ", 10, "55"), None).await.unwrap();
        assert_eq!(out.state, OrderState::Accepted, "{expected} stands against a sell: {:?}", out.reason);
        world.run_until("2026-05-14T15:00:10Z", STEP).await;
        assert_eq!(world.positions(&kim)[0].quantity, 0.into());
        world.check(&kim);
    }
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_before_anything_is_sent() {
    let (world, kim) = trader(IN_SESSION).await;
    for (order, expected) in [
        (NewOrder { limit_price: None, ..buy(&kim, "TQQQ", 1, "60") }, "price_required"),
        (NewOrder { kind: OrderKind::Market, ..buy(&kim, "TQQQ", 1, "60") }, "price_not_used"),
        (NewOrder { kind: OrderKind::StopLimit, ..buy(&kim, "TQQQ", 1, "60") }, "order_kind_not_offered"),
        (sell(&kim, "TQQQ", 1, "60"), "limit_free_shares"),
        (buy(&kim, "TQQQ", 1_000_000, "60"), "limit_buying_power"),
    ] {
        let refused = world.trading.place_ticket(kim.user, order, None).await.unwrap();
        assert_eq!((refused.state, code(&refused)), (OrderState::Rejected, expected));
    }
    for symbol in ["", "!", "NOSUCH", "12345"] {
        let error = world.trading.place_ticket(kim.user, buy(&kim, symbol, 1, "60"), None).await.unwrap_err();
        assert!(matches!(&error, TradingError::Fields(f) if f[0].pointer == "/symbol"), "{symbol}: {error:?}");
    }
    assert!(kim.broker.sent().is_empty());
}

#[tokio::test]
async fn an_own_order_of_the_other_side_that_could_trade_stands_in_the_way() {
    let (world, kim) = trader(IN_SESSION).await;
    world.trading.place_ticket(kim.user, buy(&kim, "TQQQ", 5, "60"), None).await.unwrap();
    world.trading.tick().await;
    kim.broker.script([Does::FillPart(0)]);
    world.trading.place_ticket(kim.user, buy(&kim, "TQQQ", 1, "50"), None).await.unwrap();
    let crossing = world.trading.place_ticket(kim.user, sell(&kim, "TQQQ", 1, "49"), None).await.unwrap();
    assert_eq!(code(&crossing), "self_cross");
    let above = world.trading.place_ticket(kim.user, sell(&kim, "TQQQ", 1, "70"), None).await.unwrap();
    assert_eq!(above.state, OrderState::Accepted);
}

#[tokio::test]
async fn an_order_is_changed_and_cancelled() {
    let (mut world, kim) = trader(IN_SESSION).await;
    kim.broker.script([Does::FillPart(2)]);
    let order = world.trading.place_ticket(kim.user, buy(&kim, "TQQQ", 10, "61"), None).await.unwrap();
    world.trading.tick().await;
    let id = order.intent.order_id;
    let changed = world.trading.amend_ticket(kim.user, id, Some(6), Some("59".parse().unwrap())).await.unwrap();
    assert_eq!((changed.intent.quantity, changed.earlier.len(), changed.amending.is_some()), (6, 1, false));
    world.run_until("2026-05-14T15:00:30Z", STEP).await;
    let order = world.orders(&kim).remove(0);
    assert_eq!((order.state, order.filled_quantity), (OrderState::PartiallyFilled, 2), "what was filled under the old number counts");
    for (quantity, price, pointer) in [(Some(2), None, "/quantity"), (Some(7), None, "/quantity")] {
        let error = world.trading.amend_ticket(kim.user, id, quantity, price).await.unwrap_err();
        assert!(matches!(&error, TradingError::Fields(f) if f[0].pointer == pointer), "{error:?}");
    }
    let order = world.trading.cancel_ticket(kim.user, id).await.unwrap();
    assert!(order.cancel_requested);
    world.run_until("2026-05-14T15:01:00Z", STEP).await;
    let order = world.orders(&kim).remove(0);
    assert_eq!((order.state, order.filled_quantity, order.settled), (OrderState::Cancelled, 2, true));
    assert_eq!(world.positions(&kim)[0].quantity, 2.into());
    assert!(world.trading.cancel_ticket(kim.user, id).await.is_err());
    world.check(&kim);
}

/// An execution that no list has shown yet, and an amendment to fewer shares in all: the broker fills
/// more than the new terms say, and the books follow it.
#[tokio::test]
async fn an_execution_that_an_amendment_did_not_know_of_counts_on_top() {
    for (fills_at_once, state, quantity, filled) in [
        // What was left open under the new number is three shares; two were filled under the old one.
        (0, OrderState::PartiallyFilled, 5, 2),
        (1, OrderState::PartiallyFilled, 5, 3),
        (3, OrderState::Filled, 5, 5),
    ] {
        let (mut world, kim) = trader(IN_SESSION).await;
        kim.broker.script([Does::FillPart(2)]);
        kim.broker.set_fills_amended(fills_at_once);
        let id = world.trading.place_ticket(kim.user, buy(&kim, "TQQQ", 10, "61"), None).await.unwrap().intent.order_id;
        kim.broker.set_lists_down(true);
        let amended = world.trading.amend_ticket(kim.user, id, Some(3), None).await.unwrap();
        assert_eq!((amended.intent.quantity, amended.filled_quantity), (3, 0));
        kim.broker.set_lists_down(false);
        world.run_until("2026-05-14T15:00:30Z", STEP).await;
        let order = world.orders(&kim).remove(0);
        assert_eq!((order.state, order.intent.quantity, order.filled_quantity), (state, quantity, filled));
        world.trading.cancel_all(kim.user, None).await.unwrap();
        world.run_until(MORNING, STEP).await;
        let order = world.orders(&kim).remove(0);
        assert!(order.state.is_final() && order.settled && order.filled_quantity == filled, "{order:?}");
        world.check(&kim);
        world.check_broker(&kim, "TQQQ", 0);
    }
}

#[tokio::test]
async fn a_kill_switch_stops_at_once_cancels_and_survives_a_restart() {
    for scope in [
        HaltScope::Installation,
        HaltScope::User(UserId(uuid::Uuid::nil())),
        HaltScope::Account(UserId(uuid::Uuid::nil()), AccountId(uuid::Uuid::nil())),
    ] {
        let (mut world, kim) = trader(IN_SESSION).await;
        let lee = world.user(vec![]);
        let scope = match scope {
            HaltScope::Installation => scope,
            HaltScope::User(_) => HaltScope::User(kim.user),
            HaltScope::Account(..) => HaltScope::Account(kim.user, kim.account),
        };
        kim.broker.script([Does::FillPart(1)]);
        world.trading.place_ticket(kim.user, buy(&kim, "TQQQ", 10, "61"), None).await.unwrap();
        world.trading.set_halt(Some(kim.user), scope, true).await.unwrap();
        let refused = world.trading.place_ticket(kim.user, buy(&kim, "TQQQ", 1, "61"), None).await.unwrap();
        assert_eq!(code(&refused), "halted");
        world.trading.cancel_halted(scope).await;
        world.restart();
        world.run_until("2026-05-14T15:00:30Z", STEP).await;
        let order = world.orders(&kim).into_iter().find(|o| o.filled_quantity > 0).unwrap();
        assert_eq!((order.state, order.filled_quantity), (OrderState::Cancelled, 1));
        let refused = world.trading.place_ticket(kim.user, buy(&kim, "TQQQ", 1, "61"), None).await.unwrap();
        assert_eq!(code(&refused), "halted", "after a restart too");
        let others = world.trading.place_ticket(lee.user, buy(&lee, "TQQQ", 1, "61"), None).await.unwrap();
        assert_eq!(others.state == OrderState::Accepted, scope != HaltScope::Installation, "others are not touched");
        world.trading.set_halt(Some(kim.user), scope, false).await.unwrap();
        let passed = world.trading.place_ticket(kim.user, buy(&kim, "TQQQ", 1, "61"), None).await.unwrap();
        assert_eq!(passed.state, OrderState::Accepted);
    }
}

#[tokio::test]
async fn a_halted_night_sends_nothing_for_its_bots() {
    let mut world = World::new(EVENING);
    let kim = world.user(vec![(bot("TQ_1", "TQQQ"), 0.0, 0.0)]);
    world.run_until("2026-05-14T15:12:00Z", STEP).await;
    let sent = kim.broker.sent().len();
    assert_eq!(sent, 1);
    world.trading.set_halt(None, HaltScope::Account(kim.user, kim.account), true).await.unwrap();
    world.run_until(MORNING, STEP).await;
    assert_eq!(kim.broker.sent().len(), sent);
    assert!(world.orders(&kim).iter().all(|o| o.reason.as_ref().is_none_or(|r| r.code != "halted")), "a night is not filled with refusals");
    world.check(&kim);
}

#[tokio::test]
async fn a_force_sell_beside_a_sell_sheet_sells_only_what_the_bot_has() {
    let mut world = World::new(EVENING);
    let kim = world.user(vec![(bot("SX_1", "SOXL"), 40.0, 20.0), (Bot { active: false, ..bot("SX_2", "SOXL") }, 60.0, 20.0)]);
    world.run_until("2026-05-14T15:12:00Z", STEP).await;
    assert_eq!(kim.broker.sent().len(), 1, "the first slice of the sell");
    let bot_id = world.books(&kim).bots[0].id;
    world.trading.force_sell(kim.user, kim.account, bot_id, 100.0, None).await.unwrap();
    world.run_until(MORNING, STEP).await;
    let sold: u64 = kim.broker.sent().iter().map(|s| s.quantity).sum();
    assert_eq!(sold, 40);
    let books = world.books(&kim);
    assert_eq!(books.holdings.iter().map(|h| (h.name.as_str(), h.quantity)).collect::<Vec<_>>(), [("SX_2", 60.0)]);
    world.check(&kim);
    world.check_broker(&kim, "SOXL", 100);
}

#[tokio::test]
async fn a_second_click_on_force_sell_sells_nothing_more() {
    let mut world = World::new(EVENING);
    let kim = world.user(vec![(Bot { active: false, ..bot("SX_1", "SOXL") }, 40.0, 20.0)]);
    world.run_until(IN_SESSION, STEP).await;
    let bot_id = world.books(&kim).bots[0].id;
    let click = || world.trading.force_sell(kim.user, kim.account, bot_id, 50.0, Some(RequestKey::new("dialog-1", b"50").unwrap()));
    let (a, b) = tokio::join!(click(), click());
    let later = click().await;
    assert_eq!(kim.broker.sent().len(), 1);
    for answer in [a, b, later] {
        assert_eq!(answer.unwrap().intent.quantity, 20);
    }
    world.run_until(MORNING, STEP).await;
    assert_eq!(world.books(&kim).holdings[0].quantity, 20.0);
    world.check(&kim);
}

#[tokio::test]
async fn force_sells_without_a_key_never_sell_the_same_shares_twice() {
    let mut world = World::new(EVENING);
    let kim = world
        .user(vec![(Bot { active: false, ..bot("SX_1", "SOXL") }, 40.0, 20.0), (Bot { active: false, ..bot("SX_2", "SOXL") }, 60.0, 20.0)]);
    world.run_until(IN_SESSION, STEP).await;
    let bot_id = world.books(&kim).bots[0].id;
    let all = futures_util::future::join_all((0..8).map(|_| world.trading.force_sell(kim.user, kim.account, bot_id, 100.0, None))).await;
    assert!(all.iter().any(Result::is_ok));
    assert_eq!(kim.broker.sent().iter().map(|s| s.quantity).sum::<u64>(), 40);
    world.run_until(MORNING, STEP).await;
    assert_eq!(world.books(&kim).holdings.len(), 1);
    world.check(&kim);
}

#[tokio::test]
async fn a_person_cannot_sell_what_bots_hold() {
    let mut world = World::new(IN_SESSION);
    let kim = world.user(vec![(Bot { active: false, ..bot("SX_1", "SOXL") }, 40.0, 20.0)]);
    let refused = world.trading.place_ticket(kim.user, sell(&kim, "SOXL", 1, "30"), None).await.unwrap();
    assert_eq!(code(&refused), "limit_free_shares");
    world.trading.place_ticket(kim.user, buy(&kim, "SOXL", 5, "31"), None).await.unwrap();
    world.trading.tick().await;
    assert_eq!(world.trading.place_ticket(kim.user, sell(&kim, "SOXL", 5, "30"), None).await.unwrap().state, OrderState::Accepted);
    let refused = world.trading.place_ticket(kim.user, sell(&kim, "SOXL", 1, "30"), None).await.unwrap();
    assert_eq!(code(&refused), "limit_free_shares");
    world.check(&kim);
}

/// A cancelled sell was executed further after its end, and nobody has read that yet.
#[tokio::test]
async fn what_a_persons_cancelled_sell_sold_late_is_not_sold_out_of_a_bot() {
    let mut world = World::new(IN_SESSION);
    let kim = world.user(vec![(Bot { active: false, ..bot("SX_1", "SOXL") }, 40.0, 20.0)]);
    world.trading.place_ticket(kim.user, buy(&kim, "SOXL", 5, "31"), None).await.unwrap();
    world.run_until("2026-05-14T15:00:30Z", STEP).await;
    kim.broker.script([Does::FillLate { first: 1, late: 2, after: jiff::SignedDuration::from_secs(60) }]);
    let first = world.trading.place_ticket(kim.user, sell(&kim, "SOXL", 5, "30"), None).await.unwrap();
    world.trading.cancel_ticket(kim.user, first.intent.order_id).await.unwrap();
    world.run_until("2026-05-14T15:01:00Z", STEP).await;
    assert_eq!(world.orders(&kim).iter().map(|o| o.filled_quantity).collect::<Vec<_>>(), [5, 1]);
    world.clock.advance_to(time("2026-05-14T15:04:00Z"));
    let refused = world.trading.place_ticket(kim.user, sell(&kim, "SOXL", 4, "30"), None).await.unwrap();
    assert_eq!(code(&refused), "limit_free_shares");
    let taken = world.trading.place_ticket(kim.user, sell(&kim, "SOXL", 2, "30"), None).await.unwrap();
    assert_eq!(taken.state, OrderState::Accepted);
    world.run_until("2026-05-14T15:05:00Z", STEP).await;
    world.check(&kim);
    world.check_broker(&kim, "SOXL", 40);
}

#[tokio::test]
async fn permissions_are_kept() {
    let (world, kim) = trader(IN_SESSION).await;
    let rules = UserRules { can_paper_trade: false, ..UserRules::default() };
    world.trading.set_user_rules(None, kim.user, rules).await.unwrap();
    let refused = world.trading.place_ticket(kim.user, buy(&kim, "TQQQ", 1, "61"), None).await.unwrap();
    assert_eq!(code(&refused), "paper_trade_not_permitted");
    world.trading.set_user_rules(None, kim.user, UserRules { daily_trade_limit: Some(0), ..UserRules::default() }).await.unwrap();
    let refused = world.trading.place_ticket(kim.user, buy(&kim, "TQQQ", 1, "61"), None).await.unwrap();
    assert_eq!(code(&refused), "limit_daily_trade_limit");
    assert!(kim.broker.sent().is_empty());
}

#[tokio::test]
async fn orders_on_own_paper_are_changed_and_cancelled_whatever_lists_the_instrument() {
    // KO is not among what the test's world knows the exchange of.
    let (world, kim) = trader(IN_SESSION).await;
    let account = world.trading.own_account(kim.user).await.unwrap();
    let new = NewOrder { account: Some(account), ..buy(&kim, "KO", 3, "1.5") };
    let rests = async || world.trading.place_ticket(kim.user, new.clone(), None).await.unwrap().intent.order_id;
    let amended = world.trading.amend_ticket(kim.user, rests().await, Some(2), None).await.unwrap();
    assert_eq!((amended.state, amended.intent.quantity), (OrderState::Accepted, 2));
    assert_eq!(world.trading.cancel_ticket(kim.user, amended.intent.order_id).await.unwrap().state, OrderState::Cancelled);
    rests().await;
    assert_eq!(world.trading.cancel_all(kim.user, Some(account)).await.unwrap().len(), 1);
    rests().await;
    let scope = HaltScope::User(kim.user);
    world.trading.set_halt(Some(kim.user), scope, true).await.unwrap();
    world.trading.cancel_halted(scope).await;
    assert_eq!(world.store.user(kim.user).read(|v| v.open_orders(account)).unwrap(), []);
}

#[tokio::test]
async fn own_paper_fills_at_the_last_trade_and_never_asks_a_broker_to_send() {
    let (mut world, kim) = trader(IN_SESSION).await;
    let paper = |symbol: &str, quantity, limit: &str| NewOrder { account: None, side: None, ..buy(&kim, symbol, quantity, limit) };
    // Without the exchange rate the won cannot pay for dollars: the order waits.
    let order = world.trading.place_ticket(kim.user, paper("TQQQ", 3, "61"), None).await.unwrap();
    assert_eq!((order.state.status(), order.intent.environment), ("pending", Environment::Own));
    world.trading.tick().await;
    world.run_until("2026-05-14T15:01:00Z", STEP).await;
    let account = world.trading.own_account(kim.user).await.unwrap();
    let mine = || world.trading.list_orders(kim.user, &OrderFilter { account: Some(account), ..OrderFilter::default() }, None, 10).unwrap();
    assert_eq!((mine()[0].state, mine()[0].filled_amount), (OrderState::Filled, 180.into()));
    // The Korean exchange is closed at this hour: the order waits for its session.
    let korean = world.trading.place_ticket(kim.user, paper("005930", 10, "70000"), None).await.unwrap();
    assert_eq!((korean.state.status(), korean.intent.session.to_string().as_str()), ("pending", "2026-05-15"));
    assert!(kim.broker.sent().is_empty());
    let cancelled = world.trading.cancel_ticket(kim.user, korean.intent.order_id).await.unwrap();
    assert_eq!((cancelled.state, cancelled.settled), (OrderState::Cancelled, true));
    let too_much = world.trading.place_ticket(kim.user, paper("005930", 10_000, "70000"), None).await.unwrap();
    assert_eq!(code(&too_much), "limit_buying_power");
}

#[tokio::test]
async fn prices_off_the_tick_or_beyond_the_limits_never_leave() {
    use crate::domain::instrument::{Exchange, Market};
    let (world, kim) = trader("2026-05-14T02:00:00Z").await;
    kim.broker.list_at("005930", Exchange::Krx);
    kim.broker.set_price("005930", "20000", "20000");
    let place = |order: NewOrder| async { world.trading.place_ticket(kim.user, order, None).await.unwrap() };
    for (limit, expected) in [
        ("20003", "off_tick"),
        ("20005.5", "off_tick"),
        ("7990", "outside_price_limits"),
        ("32050", "outside_price_limits"),
        // A fund may have it; the broker knows better.
        ("20005", ""),
        ("32000", ""),
    ] {
        let order = place(buy(&kim, "005930", 1, limit)).await;
        assert_eq!(code(&order), expected, "{limit}: {:?}", order.reason);
    }
    let refused = place(buy(&kim, "005930", 1, "20003")).await;
    assert!(refused.reason.unwrap().message.contains("20000 or 20005"), "the nearest good prices are named");
    let mistyped = NewOrder { market: Some(Market::Us), ..buy(&kim, "TQQQ", 1, "60.005") };
    assert_eq!(code(&place(mistyped).await), "off_tick", "whether its market is open or not");
    assert_eq!(kim.broker.sent().len(), 2);
}

#[tokio::test]
async fn an_amendment_keeps_to_the_ticks() {
    let (world, kim) = trader(IN_SESSION).await;
    kim.broker.script([Does::FillPart(2)]);
    let order = world.trading.place_ticket(kim.user, buy(&kim, "TQQQ", 10, "61"), None).await.unwrap();
    let error = world.trading.amend_ticket(kim.user, order.intent.order_id, None, Some("59.999".parse().unwrap())).await.unwrap_err();
    assert!(matches!(&error, TradingError::Fields(f) if f[0].pointer == "/price" && f[0].code == "off_tick"), "{error:?}");
    let changed = world.trading.amend_ticket(kim.user, order.intent.order_id, None, Some("59.99".parse().unwrap())).await.unwrap();
    assert_eq!(changed.earlier.len(), 1);
}
