//! What answers look like: decimal strings for amounts, ids as strings, times in UTC.

pub mod account;
pub mod alert;
pub mod order;

use rust_decimal::Decimal;

/// A stored `f64` amount as text: its shortest form, the one it was entered in.
pub fn amount(value: f64) -> String {
    format!("{value}")
}

/// An exact amount as text.
pub fn decimal(value: Decimal) -> String {
    value.normalize().to_string()
}
