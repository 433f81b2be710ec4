//! Transactions of the Korean market: orders, lists, balances, quotations.

pub(super) mod balances;
pub(super) mod codes;
pub(super) mod lists;
pub(super) mod orders;
pub(super) mod quotes;
pub(super) mod registry;

use super::super::exchange::{Listing, find_listing};
use super::call::Call;
use super::failure::Failure;
use crate::domain::instrument::Market;

/// The Korean instrument of a code.
fn find(code: &str) -> Option<&'static Listing> {
    find_listing(code).filter(|listing| listing.market() == Market::Krx)
}

/// The Korean instrument that an order or ledger query names.
fn named(call: &Call) -> Result<&'static Listing, Failure> {
    find(call.parameters.text("PDNO")).ok_or_else(|| Failure::unknown_symbol(call.environment))
}
