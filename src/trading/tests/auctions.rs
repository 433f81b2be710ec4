//! Orders on our own paper that trade at the price of an auction.

use std::time::Duration;

use super::tickets::{IN_SESSION, buy, code, trader};
use super::*;
use crate::brokers::DailyBar;
use crate::domain::id::OrderId;
use crate::domain::order::{Order, OrderKind, OrderState, Side};
use crate::trading::{NewOrder, TradingError};

fn day(date: &str, open: f64, close: f64) -> DailyBar {
    DailyBar { date: date.parse().unwrap(), open, high: open.max(close), low: open.min(close), close, volume: 1_000 }
}

fn paper(kim: &Client, kind: OrderKind, limit: Option<&str>) -> NewOrder {
    let limit_price = limit.map(|text| text.parse().unwrap());
    NewOrder { account: None, kind, limit_price, ..buy(kim, "TQQQ", 3, "1") }
}

async fn place(world: &World, kim: &Client, order: NewOrder) -> Order {
    world.trading.place_ticket(kim.user, order, None).await.unwrap()
}

async fn own(world: &World, kim: &Client) -> Client {
    world.trading.quotes().put_usd_krw(1_400.into(), world.clock_now(), "chart");
    Client { account: world.trading.own_account(kim.user).await.unwrap(), ..kim.clone() }
}

fn find(world: &World, own: &Client, id: OrderId) -> Order {
    world.orders(own).into_iter().find(|o| o.intent.order_id == id).unwrap()
}

const STEPS: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_limit_on_close_trades_at_the_closing_price_or_not_at_all() {
    let (mut world, kim) = trader(IN_SESSION).await;
    let own = own(&world, &kim).await;
    // The last trade lies below both limits all the while: it is the close that counts.
    kim.broker.list_day("TQQQ", day("2026-05-14", 60.5, 62.25));
    let good = place(&world, &kim, paper(&kim, OrderKind::Loc, Some("62.25"))).await;
    let bad = place(&world, &kim, paper(&kim, OrderKind::Loc, Some("62.24"))).await;
    let market = place(&world, &kim, paper(&kim, OrderKind::Moc, None)).await;
    world.run_until("2026-05-14T20:04:30Z", STEPS).await;
    for order in [&good, &bad, &market] {
        assert_eq!(find(&world, &own, order.intent.order_id).state, OrderState::Accepted, "before the price is official");
    }
    world.run_until("2026-05-14T20:07:00Z", STEPS).await;
    for order in [&good, &market] {
        let order = find(&world, &own, order.intent.order_id);
        assert_eq!((order.state, order.filled_amount.to_string()), (OrderState::Filled, "186.75".to_owned()));
    }
    let bad = find(&world, &own, bad.intent.order_id);
    assert_eq!((bad.state, bad.filled_quantity, bad.settled), (OrderState::Expired, 0, true));
    assert!(kim.broker.sent().is_empty());
    world.check(&own);
}

#[tokio::test]
async fn a_sell_on_close_keeps_to_its_limit_too() {
    let (mut world, kim) = trader(IN_SESSION).await;
    let own = own(&world, &kim).await;
    place(&world, &kim, NewOrder { account: None, ..buy(&kim, "TQQQ", 6, "61") }).await;
    kim.broker.list_day("TQQQ", day("2026-05-14", 60.5, 58.0));
    let sell = |limit| NewOrder { side: Some(Side::Sell), ..paper(&kim, OrderKind::Loc, Some(limit)) };
    let (good, bad) = (place(&world, &kim, sell("58")).await, place(&world, &kim, sell("58.01")).await);
    world.run_until("2026-05-14T20:07:00Z", STEPS).await;
    assert_eq!(find(&world, &own, good.intent.order_id).state, OrderState::Filled);
    assert_eq!(find(&world, &own, bad.intent.order_id).state, OrderState::Expired);
}

#[tokio::test]
async fn orders_on_open_are_taken_before_it_and_trade_at_its_price() {
    let (mut world, kim) = trader("2026-05-14T12:00:00Z").await;
    let own = own(&world, &kim).await;
    let good = place(&world, &kim, paper(&kim, OrderKind::Loo, Some("61"))).await;
    let bad = place(&world, &kim, paper(&kim, OrderKind::Loo, Some("60.4"))).await;
    kim.broker.list_day("TQQQ", day("2026-05-14", 60.5, 40.0));
    world.run_until("2026-05-14T13:40:00Z", STEPS).await;
    let filled = find(&world, &own, good.intent.order_id);
    assert_eq!((filled.state, filled.filled_amount.normalize().to_string()), (OrderState::Filled, "181.5".to_owned()));
    assert_eq!(find(&world, &own, bad.intent.order_id).state, OrderState::Expired);
    let late = place(&world, &kim, paper(&kim, OrderKind::Moo, None)).await;
    assert_eq!((late.state, code(&late)), (OrderState::Rejected, "market_closed"));
}

#[tokio::test]
async fn nobody_takes_an_order_back_once_its_auction_is_over() {
    let (mut world, kim) = trader(IN_SESSION).await;
    let own = own(&world, &kim).await;
    let order = place(&world, &kim, paper(&kim, OrderKind::Loc, Some("62"))).await;
    let id = order.intent.order_id;
    let changed = world.trading.amend_ticket(kim.user, id, None, Some("61".parse().unwrap())).await.unwrap();
    assert_eq!(changed.intent.limit_price, Some("61".parse().unwrap()));
    world.run_until("2026-05-14T20:01:00Z", STEPS).await;
    let code = |error: TradingError| matches!(error, TradingError::Refused { code: "auction_over", .. });
    assert!(code(world.trading.cancel_ticket(kim.user, id).await.unwrap_err()));
    assert!(code(world.trading.amend_ticket(kim.user, id, None, Some("70".parse().unwrap())).await.unwrap_err()));
    // No broker of the user's ever told the price.
    world.run_until("2026-05-15T19:59:00Z", Duration::from_secs(1_800)).await;
    assert_eq!(find(&world, &own, id).state, OrderState::Accepted);
    world.run_until("2026-05-15T21:00:00Z", Duration::from_secs(1_800)).await;
    let order = find(&world, &own, id);
    assert_eq!((order.state, self::code(&order)), (OrderState::Rejected, "auction_price_unknown"));
}
