//! Whole nights with several users: what is sent, booked and told, whatever goes wrong on the way.

mod amendments;
mod auctions;
mod differences;
mod funds;
mod hours;
mod ladder;
mod listings;
mod nights;
mod orders;
mod outages;
mod paper_run;
mod restarts;
mod rungs;
mod simulation;
mod tickets;
mod trial;
mod troubles;

use std::time::Duration;

use super::testing::{Client, World, bot};
use crate::domain::bot::{Bot, ClosingCondition};

/// Before the readiness check of the session of Thursday, 14 May 2026 (22:30 to 05:00 in Korea).
const EVENING: &str = "2026-05-14T12:00:00Z";
/// After its report.
const MORNING: &str = "2026-05-14T20:20:00Z";
/// Every slot of the usual schedule lies on a multiple of it.
const STEP: Duration = Duration::from_secs(300);
const MINUTE: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);

/// A bot that buys at a fall of five percent before the close, for half its seed.
fn closing_bot(name: &str) -> Bot {
    Bot { closing_conditions: vec![ClosingCondition { drop_rate: 0.05, seed_rate: 0.5 }], ..bot(name, "TQQQ") }
}

/// Buys TQQQ in five slices and at the close; sells all its 40 SOXL.
fn buyer_and_seller(world: &mut World) -> Client {
    world.user(vec![(closing_bot("TQ_1"), 0.0, 0.0), (bot("SX_1", "SOXL"), 40.0, 20.0)])
}
