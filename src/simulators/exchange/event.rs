//! What happens to orders, for whoever pushes it on to clients.

use jiff::Timestamp;

use super::AccountKey;
use super::order::{ExchangeOrder, Execution};

/// So many events are kept for a listener that lags behind.
pub(super) const KEPT_EVENTS: usize = 8192;

/// One thing that happened to an order, at its market instant. The exchange computes lazily: events
/// come out when somebody looks (`SimExchange::advance_all`), in order of time for each account.
#[derive(Clone, Debug)]
pub struct ExchangeEvent {
    pub account: AccountKey,
    pub at: Timestamp,
    pub happened: Happened,
    /// The order right after it happened.
    pub order: ExchangeOrder,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Happened {
    /// The broker took it. Amendments and cancellations are orders of their own, with `original`.
    Accepted,
    Filled(Execution),
    /// What was left of it was withdrawn by the exchange: an immediate order.
    Cancelled,
    /// Refused by the exchange after the broker took it.
    Rejected,
    /// Its session ended.
    Expired,
    /// Its trigger price was reached.
    Triggered,
}
