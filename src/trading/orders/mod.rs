//! Orders: the service, its gate, the ticket, own paper, and what the broker's lists prove.

pub(super) mod auction;
pub(super) mod evidence;
pub(super) mod funds;
pub(super) mod gate;
pub(super) mod notices;
pub(super) mod paper;
pub(super) mod price_rules;
pub(super) mod reconcile;
pub(super) mod rests;
pub(super) mod rules;
pub(super) mod service;
pub(super) mod ticket;
