//! What a test tells the broker to do, and what the broker received.

use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::domain::id::OrderId;
use crate::domain::order::Side;

/// What the broker does with the next order.
#[derive(Clone, Debug)]
pub enum Does {
    /// Takes it and fills it at once.
    Fill,
    /// Takes it and fills so many shares; the rest stays open.
    FillPart(u64),
    /// Takes it, fills so many shares, and so many more after a while.
    FillInParts(u64, SignedDuration, u64),
    /// Takes it, fills so many, and so many more between the cancel and the final list.
    FillLate { first: u64, late: u64, after: SignedDuration },
    /// Refuses it with a reason.
    Refuse,
    /// The request never leaves.
    Unreachable,
    /// Takes it and fills it, but no answer arrives.
    TakeSilently,
    /// Nothing arrives at either end.
    Lose,
    /// Takes it and fills it, but no answer arrives and the lists show it only later.
    TakeSilentlyAndListLate(SignedDuration),
    /// Confirms it, and no list ever has it.
    ConfirmAndForget,
    /// The client panics before anything is sent.
    Panic,
}

/// A fault that is not the broker's but ours: the controls of a simulation, which must catch each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sabotage {
    /// The client sends an order again when no answer came.
    SendsAgain,
    /// The client hides an order that was taken silently from every list, for good.
    Loses,
    /// The client shows an execution one share short.
    Miscounts,
}

/// Where the process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The call has not reached the broker.
    Before,
    /// The broker has done it, the answer never comes.
    After,
}

/// An order as the broker received it.
#[derive(Clone, Debug, PartialEq)]
pub struct Sent {
    pub order_id: OrderId,
    pub bot: String,
    pub symbol: String,
    pub side: Side,
    pub quantity: u64,
    pub limit: Decimal,
    pub at: Timestamp,
    /// Sheet and slice.
    pub slice: Option<(Uuid, u32)>,
}
