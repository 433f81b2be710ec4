//! New terms of open orders pass the gate like orders do; what waits for its sending is asked once more.

use super::tickets::{IN_SESSION, buy, code, sell, trader};
use super::*;
use crate::domain::account::{AccountMode, Rung};
use crate::domain::id::OrderId;
use crate::domain::limits::{AccountLimits, Product, UserRules};
use crate::domain::order::{Environment, OrderState};
use crate::trading::night::slots::least_slices;
use crate::trading::testing::Does;
use crate::trading::{HaltScope, TradingError, order_refusal};

/// An open buy of ten at 59, the last trade being 60.
async fn open_buy(world: &World, client: &Client) -> OrderId {
    client.broker.script([Does::FillPart(0)]);
    let order = world.trading.place_ticket(client.user, buy(client, "TQQQ", 10, "59"), None).await.unwrap();
    assert_eq!((order.state, code(&order)), (OrderState::Accepted, ""));
    order.intent.order_id
}

/// The code with which new terms were refused; empty when they were taken.
async fn amend(world: &World, client: &Client, id: OrderId, quantity: Option<u64>, price: Option<&str>) -> String {
    match world.trading.amend_ticket(client.user, id, quantity, price.map(|p| p.parse().unwrap())).await {
        Ok(_) => String::new(),
        Err(TradingError::Gate(reason)) => reason.code,
        Err(other) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_dearer_buy_meets_each_limit_and_a_smaller_or_cheaper_one_none() {
    let limit = |edit: fn(&mut AccountLimits)| {
        let mut limits = AccountLimits::default();
        edit(&mut limits);
        limits
    };
    let cases = [
        (limit(|l| l.max_order_value = Some(600.into())), "61", "limit_max_order_value"),
        (limit(|l| l.max_position_size = Some(600.into())), "61", "limit_max_position_size"),
        (limit(|l| l.max_daily_value = Some(600.into())), "61", "limit_max_daily_value"),
        (limit(|l| l.price_collar = Some(1.into())), "61", "limit_price_collar"),
        (AccountLimits::default(), "6000", "limit_buying_power"),
    ];
    for (limits, dearer, expected) in cases {
        let (world, kim) = trader(IN_SESSION).await;
        let id = open_buy(&world, &kim).await;
        let set = limits.clone();
        world.edit_account(&kim, move |a| a.settings.limits = set.clone());
        assert_eq!(amend(&world, &kim, id, None, Some(dearer)).await, expected);
        let order = world.orders(&kim).remove(0);
        assert_eq!((order.intent.limit_price, order.amending, order.earlier.len()), (Some(59.into()), None, 0), "{expected}");
        assert_eq!(amend(&world, &kim, id, None, Some("60")).await, "", "{expected}: what stays within the limit passes");
        // Limits that even the smaller order is beyond do not keep it from getting smaller.
        let least = AccountLimits {
            max_order_value: limits.max_order_value.map(|_| 1.into()),
            max_position_size: limits.max_position_size.map(|_| 1.into()),
            max_daily_value: limits.max_daily_value.map(|_| 1.into()),
            ..limits
        };
        world.edit_account(&kim, move |a| a.settings.limits = least.clone());
        assert_eq!(amend(&world, &kim, id, None, Some("58")).await, "", "{expected}: cheaper");
        assert_eq!(amend(&world, &kim, id, Some(5), None).await, "", "{expected}: fewer shares");
    }
}

#[tokio::test]
async fn what_dearer_terms_spend_counts_for_the_day() {
    let (world, kim) = trader(IN_SESSION).await;
    let id = open_buy(&world, &kim).await;
    world.edit_account(&kim, |a| a.settings.limits.max_daily_value = Some(605.into()));
    assert_eq!(amend(&world, &kim, id, None, Some("60")).await, "");
    let order = world.trading.place_ticket(kim.user, buy(&kim, "TQQQ", 1, "10"), None).await.unwrap();
    assert_eq!(code(&order), "limit_max_daily_value");
}

#[tokio::test]
async fn terms_that_would_trade_with_an_own_order_are_refused() {
    let (mut world, kim) = trader(IN_SESSION).await;
    world.trading.place_ticket(kim.user, buy(&kim, "TQQQ", 5, "60"), None).await.unwrap();
    world.run_until("2026-05-14T15:00:10Z", STEP).await;
    let bought = open_buy(&world, &kim).await;
    kim.broker.script([Does::FillPart(0)]);
    let sold = world.trading.place_ticket(kim.user, sell(&kim, "TQQQ", 5, "62"), None).await.unwrap().intent.order_id;
    assert_eq!(amend(&world, &kim, bought, None, Some("62")).await, "self_cross");
    assert_eq!(amend(&world, &kim, bought, None, Some("61.99")).await, "", "itself does not stand in the way");
    assert_eq!(amend(&world, &kim, sold, None, Some("61.99")).await, "self_cross");
    assert_eq!(amend(&world, &kim, sold, None, Some("63")).await, "");
}

#[tokio::test]
async fn nothing_is_amended_while_the_account_may_not_order() {
    let (world, kim) = trader(IN_SESSION).await;
    let id = open_buy(&world, &kim).await;
    let intent = world.orders(&kim).remove(0).intent;
    let refusal = || order_refusal(&world.store, kim.user, &intent).map_or(String::new(), |reason| reason.code);
    for scope in [HaltScope::Installation, HaltScope::User(kim.user), HaltScope::Account(kim.user, kim.account)] {
        world.trading.set_halt(None, scope, true).await.unwrap();
        for (quantity, price) in [(None, Some("60")), (None, Some("58")), (Some(5), None)] {
            assert_eq!(amend(&world, &kim, id, quantity, price).await, "halted", "{scope:?}");
        }
        assert_eq!(refusal(), "halted", "{scope:?}: what waits does not leave");
        world.trading.set_halt(None, scope, false).await.unwrap();
        assert_eq!(refusal(), "");
    }
    assert!(world.orders(&kim).iter().all(|o| o.earlier.is_empty() && o.cancel_requested), "a halted order is cancelled instead");
    let id = open_buy(&world, &kim).await;
    world.edit_account(&kim, |a| a.mode = AccountMode::Observe);
    assert_eq!((amend(&world, &kim, id, Some(5), None).await.as_str(), refusal().as_str()), ("observing", "observing"));
    world.edit_account(&kim, |a| a.mode = AccountMode::Trading);
    let forbidden = UserRules { can_paper_trade: false, ..UserRules::default() };
    world.trading.set_user_rules(None, kim.user, forbidden).await.unwrap();
    assert_eq!(amend(&world, &kim, id, Some(5), None).await, "paper_trade_not_permitted");
    assert_eq!(refusal(), "paper_trade_not_permitted");
    let rules = UserRules { allowed_products: Some([Product::Etf].into()), ..UserRules::default() };
    world.trading.set_user_rules(None, kim.user, rules).await.unwrap();
    assert_eq!(amend(&world, &kim, id, None, Some("60")).await, "product_unknown");
    assert_eq!(amend(&world, &kim, id, Some(5), None).await, "", "fewer shares of any product");
    world.edit_account(&kim, |a| a.environment = Environment::Live);
    assert_eq!(refusal(), "environment_mismatch", "the account has another broker host by now");
}

#[tokio::test]
async fn open_buys_count_for_the_size_of_a_position() {
    let (world, kim) = trader(IN_SESSION).await;
    world.edit_account(&kim, |a| a.settings.limits.max_position_size = Some(1_000.into()));
    open_buy(&world, &kim).await;
    kim.broker.script([Does::FillPart(0), Does::FillPart(0)]);
    let place = |quantity| world.trading.place_ticket(kim.user, buy(&kim, "TQQQ", quantity, "59"), None);
    let order = place(7).await.unwrap();
    assert_eq!(order.reason.unwrap().limit.unwrap().asked, "1003", "590 are open, 413 are asked for");
    assert_eq!(place(6).await.unwrap().state, OrderState::Accepted);
}

#[tokio::test]
async fn a_cancel_that_came_to_nothing_is_asked_again() {
    let (mut world, kim) = trader(IN_SESSION).await;
    let id = open_buy(&world, &kim).await;
    // As when an amendment has given the order another number meanwhile.
    kim.broker.set_ignores_cancels(true);
    world.trading.cancel_ticket(kim.user, id).await.unwrap();
    kim.broker.set_ignores_cancels(false);
    world.run_until("2026-05-14T15:00:10Z", STEP).await;
    assert_eq!(kim.broker.cancels().len(), 1, "the list may lag");
    world.run_until("2026-05-14T15:01:00Z", Duration::from_secs(10)).await;
    assert_eq!((world.orders(&kim).remove(0).state, kim.broker.cancels().len()), (OrderState::Cancelled, 2));
}

#[tokio::test]
async fn a_bot_on_one_share_needs_no_more_slices_for_what_it_leaves() {
    let mut world = World::new(EVENING);
    let kim = world.user(vec![(bot("TQ_1", "TQQQ"), 0.0, 0.0)]);
    world.run_until("2026-05-14T15:12:00Z", STEP).await;
    let sheet = world.books(&kim).sheets.remove(0);
    let mut account = world.trading.account(kim.user, kim.account).unwrap();
    account.environment = Environment::Live;
    account.going_live.rung = Rung::Full;
    assert!(least_slices(&sheet, &account) > 1);
    account.going_live.rung = Rung::OneShare;
    assert_eq!(least_slices(&sheet, &account), 1);
}
