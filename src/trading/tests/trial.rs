//! A new release that has to prove itself, and when the program can be exchanged.

use super::tickets::{buy, trader};
use super::*;
use crate::trading::testing::{Does, time};
use crate::trading::{Quiet, TradingError};

#[tokio::test]
async fn the_program_is_not_exchanged_in_a_session_with_bots_or_with_open_orders() {
    let mut world = World::new(EVENING);
    let quiet = |world: &World| world.trading.quiet().unwrap();
    let none = Quiet::default();
    assert_eq!(quiet(&world), none, "nobody is here");
    let kim = buyer_and_seller(&mut world);
    let session = Quiet { accounts_in_session: 1, open_orders: 0, safe_at: Some(time("2026-05-14T20:30:00Z")) };
    for (at, wanted) in [
        ("2026-05-14T12:59:59Z", &none),
        ("2026-05-14T13:00:00Z", &session),
        ("2026-05-14T15:00:00Z", &session),
        ("2026-05-14T20:29:59Z", &session),
        ("2026-05-14T20:30:00Z", &none),
        // The weekend.
        ("2026-05-16T15:00:00Z", &none),
    ] {
        world.clock.advance_to(time(at));
        assert_eq!(&quiet(&world), wanted, "{at}");
    }
    drop(kim);
    // Without bots an order at the broker counts, until its market has closed.
    let (world, kim) = trader("2026-05-14T15:00:00Z").await;
    assert_eq!(quiet(&world), none);
    kim.broker.script([Does::FillPart(0)]);
    world.trading.place_ticket(kim.user, buy(&kim, "TQQQ", 3, "10"), None).await.unwrap();
    assert_eq!(quiet(&world), Quiet { accounts_in_session: 0, open_orders: 1, safe_at: Some(time("2026-05-14T20:30:00Z")) });
}

#[tokio::test]
async fn a_release_on_trial_runs_no_slot_and_takes_no_order() {
    let mut world = World::new(EVENING);
    let kim = buyer_and_seller(&mut world);
    world.hold_on_trial();
    world.run_until("2026-05-14T16:00:00Z", STEP).await;
    assert!(kim.broker.sent().is_empty() && world.runs(&kim).is_empty());
    let refused = world.trading.place_ticket(kim.user, buy(&kim, "TQQQ", 1, "61"), None).await;
    assert!(matches!(refused, Err(TradingError::Refused { code: "on_trial", .. })), "{refused:?}");
    world.trading.trial().pass();
    world.run_until(MORNING, STEP).await;
    assert!(!kim.broker.sent().is_empty());
    world.check(&kim);
}
