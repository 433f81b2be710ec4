//! When orders can be given: those for the opening price before the open, those for Nextrade while it trades.

use super::tickets::{buy, code, sell, trader};
use super::*;
use crate::domain::instrument::Exchange;
use crate::domain::order::{OrderKind, OrderState, Venue};
use crate::trading::NewOrder;
use crate::trading::testing::time;

/// Places the order at each instant, one after the other; gives why it was refused, blank where it was not.
async fn refusals(world: &World, client: &Client, order: &NewOrder, instants: &[&str]) -> Vec<String> {
    let mut reasons = Vec::new();
    for instant in instants {
        world.clock.advance_to(time(instant));
        let placed = world.trading.place_ticket(client.user, order.clone(), None).await.unwrap();
        assert_eq!(placed.state == OrderState::Rejected, placed.reason.is_some(), "{instant}: {placed:?}");
        reasons.push(code(&placed).to_owned());
    }
    reasons
}

const CLOSED: &str = "market_closed";

#[tokio::test]
async fn orders_for_the_opening_price_are_taken_before_the_open_and_no_longer() {
    // In New York 4:00 and 9:30, in summer and in winter.
    for (from, day, pre, open) in [
        ("2026-05-14T05:00:00Z", "2026-05-14", ["07:59:59", "08:00:00"], ["13:29:59", "13:30:00"]),
        ("2026-01-14T05:00:00Z", "2026-01-14", ["08:59:59", "09:00:00"], ["14:29:59", "14:30:00"]),
    ] {
        let (world, kim) = trader(from).await;
        let at: Vec<String> = pre.iter().chain(&open).chain(&["15:00:00", "23:00:00"]).map(|t| format!("{day}T{t}Z")).collect();
        let at: Vec<&str> = at.iter().map(String::as_str).collect();
        let loo = NewOrder { kind: OrderKind::Loo, ..buy(&kim, "TQQQ", 1, "61") };
        assert_eq!(refusals(&world, &kim, &loo, &at).await, [CLOSED, "", "", CLOSED, CLOSED, CLOSED], "{day}");
        assert_eq!(kim.broker.sent().len(), 2);
    }
}

#[tokio::test]
async fn a_sale_at_the_opening_price_keeps_the_same_hours_and_an_ordinary_order_the_others() {
    let (world, kim) = trader("2026-05-14T05:00:00Z").await;
    let at = ["2026-05-14T08:00:00Z", "2026-05-14T13:29:59Z", "2026-05-14T13:30:00Z", "2026-05-14T19:59:59Z", "2026-05-14T20:00:00Z"];
    let limit = buy(&kim, "TQQQ", 5, "61");
    assert_eq!(refusals(&world, &kim, &limit, &at).await, [CLOSED, CLOSED, "", "", CLOSED]);

    // The next day there is something to sell.
    world.clock.advance_to(time("2026-05-15T07:00:00Z"));
    world.trading.tick().await;
    let moo = NewOrder { kind: OrderKind::Moo, limit_price: None, ..sell(&kim, "TQQQ", 1, "60") };
    let at = ["2026-05-15T07:59:59Z", "2026-05-15T08:00:00Z", "2026-05-15T13:29:59Z", "2026-05-15T13:30:00Z"];
    assert_eq!(refusals(&world, &kim, &moo, &at).await, [CLOSED, "", "", CLOSED]);
}

#[tokio::test]
async fn the_refusal_of_a_late_opening_order_names_its_hours() {
    let (world, kim) = trader("2026-05-14T15:00:00Z").await;
    let loo = NewOrder { kind: OrderKind::Loo, ..buy(&kim, "TQQQ", 1, "61") };
    let refused = world.trading.place_ticket(kim.user, loo, None).await.unwrap();
    let words = refused.reason.unwrap().message;
    assert!(words.contains("2026-05-14T08:00:00Z") && words.contains("2026-05-14T13:30:00Z"), "{words}");
}

#[tokio::test]
async fn nextrade_opens_later_and_closes_earlier_than_krx() {
    let at = [
        // 8:00 in Seoul: its pre-market trades, which is not offered yet.
        "2026-05-13T23:00:00Z",
        "2026-05-14T00:00:00Z",
        "2026-05-14T00:00:29Z",
        "2026-05-14T00:00:30Z",
        "2026-05-14T06:19:59Z",
        "2026-05-14T06:20:00Z",
        "2026-05-14T06:29:59Z",
        "2026-05-14T06:30:00Z",
    ];
    let (open, shut) = ("", CLOSED);
    for (venue, expected) in
        [(Venue::Nxt, [shut, shut, shut, open, open, shut, shut, shut]), (Venue::Krx, [shut, open, open, open, open, open, open, shut])]
    {
        let (world, kim) = trader("2026-05-13T22:00:00Z").await;
        kim.broker.list_at("005930", Exchange::Krx);
        kim.broker.set_price("005930", "20000", "20000");
        let order = NewOrder { venue, ..buy(&kim, "005930", 1, "20050") };
        assert_eq!(refusals(&world, &kim, &order, &at).await, expected, "{venue:?}");
    }
}

#[tokio::test]
async fn a_special_day_moves_nextrade_with_krx() {
    // The first trading day of the year opens at 10:00.
    let (world, kim) = trader("2026-01-01T22:00:00Z").await;
    kim.broker.list_at("005930", Exchange::Krx);
    kim.broker.set_price("005930", "20000", "20000");
    let order = NewOrder { venue: Venue::Nxt, ..buy(&kim, "005930", 1, "20050") };
    let at = ["2026-01-02T00:00:30Z", "2026-01-02T01:00:29Z", "2026-01-02T01:00:30Z"];
    assert_eq!(refusals(&world, &kim, &order, &at).await, [CLOSED, CLOSED, ""]);
}
