//! A ticker moves to another exchange between two nights.

use super::*;
use crate::domain::instrument::Exchange;
use crate::storage::tables::{LISTINGS, Listing};
use crate::storage::{Key, SYSTEM_AUDIT};
use crate::trading::testing::time;

fn listing(world: &World) -> Option<Listing> {
    world.store.read(|v| v.get(&LISTINGS, &Key::new().text("TQQQ"))).unwrap()
}

#[tokio::test]
async fn a_ticker_that_moves_is_found_again_for_everybody_and_traded_the_same_night() {
    let mut world = World::new(EVENING);
    let kim = world.user(vec![(bot("TQ_1", "TQQQ"), 0.0, 0.0)]);
    let lee = world.user(vec![(bot("TQ_1", "TQQQ"), 0.0, 0.0)]);
    world.run_until("2026-05-14T15:05:00Z", STEP).await;
    assert_eq!(listing(&world), Some(Listing(Exchange::Nasdaq)));
    let found_at_first = kim.broker.searches() + lee.broker.searches();
    for client in [&kim, &lee] {
        client.broker.list_at("TQQQ", Exchange::Amex);
    }
    world.run_until(MORNING, STEP).await;
    assert_eq!(listing(&world), Some(Listing(Exchange::Amex)));
    for client in [&kim, &lee] {
        assert_eq!(client.broker.sent().len(), 5, "every slice found a price and went to the right exchange");
        assert!(world.orders(client).iter().all(|o| o.broker_order_no.is_some()));
        world.check(client);
    }
    assert_eq!(kim.broker.searches() + lee.broker.searches(), found_at_first + 1, "one account looked for all");
    let audit = world.store.read(|v| v.list(&SYSTEM_AUDIT, &Key::new())).unwrap();
    let moved: Vec<_> = audit.iter().filter(|row| row.action == "listing.moved").collect();
    assert_eq!(moved.len(), 1);
    assert_eq!((&moved[0].detail["before"], &moved[0].detail["after"]), (&"NASDAQ".into(), &"AMEX".into()));
}

#[tokio::test]
async fn a_ticker_that_is_gone_is_looked_for_once_an_hour() {
    let mut world = World::new(EVENING);
    let kim = world.user(vec![(bot("TQ_1", "TQQQ"), 0.0, 0.0)]);
    world.run_until("2026-05-14T15:05:00Z", STEP).await;
    kim.broker.delist("TQQQ");
    let before = kim.broker.searches();
    // Prices are asked for every minute.
    world.run_until("2026-05-14T18:04:00Z", MINUTE).await;
    assert_eq!(kim.broker.searches() - before, 3);
    assert_eq!(listing(&world), Some(Listing(Exchange::Nasdaq)), "what was known is kept");
    // It comes back: the next price finds it without a search.
    kim.broker.set_price("TQQQ", "60", "65");
    world.tick_at(time("2026-05-14T18:05:00Z")).await;
    world.run_until("2026-05-14T18:06:00Z", SECOND * 10).await;
    assert_eq!(kim.broker.searches() - before, 3);
    assert!(world.trading.quotes().get("TQQQ").is_some_and(|q| q.at >= time("2026-05-14T18:05:00Z")));
}
