//! What answers look like: decimal strings for amounts, ids as strings, times in UTC.

pub mod account;
pub mod alert;
pub mod balance;
pub mod bot;
pub mod history;
pub mod hold;
pub mod order;
pub mod portfolio;
pub mod preview;

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use rust_decimal::Decimal;

/// A stored `f64` amount as text: its shortest form, the one it was entered in.
pub fn amount(value: f64) -> String {
    format!("{value}")
}

/// An exact amount as text.
pub fn decimal(value: Decimal) -> String {
    value.normalize().to_string()
}

/// A computed amount in dollars as text, in cents.
pub fn cents(value: f64) -> String {
    // Adding zero turns a negative zero into a plain one.
    amount(crate::quant::egg::number::cents(value) + 0.0)
}

/// A computed price in dollars as text, with at most four decimals.
pub fn price(value: f64) -> String {
    amount(crate::quant::egg::number::round_to(value, 4) + 0.0)
}

/// A computed amount in won as text.
pub fn won(value: f64) -> String {
    amount(crate::quant::egg::number::round_to(value, 0) + 0.0)
}

/// A figure with the time it was read.
#[derive(Debug, Serialize, ToSchema)]
pub struct ValueAt {
    pub value: String,
    pub at: Timestamp,
    /// Where it came from.
    pub source: String,
}

impl ValueAt {
    pub fn quote(quote: &crate::brokers::Quote) -> Self {
        Self { value: decimal(quote.last), at: quote.at, source: "broker".to_owned() }
    }

    pub fn known(known: &crate::trading::Known<Decimal>) -> Self {
        Self { value: decimal(known.value), at: known.at, source: known.source.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_rounded_and_never_minus_zero() {
        assert_eq!((amount(61.37), amount(1e21)), ("61.37".to_owned(), "1000000000000000000000".to_owned()));
        assert_eq!((cents(0.1 + 0.2), cents(-0.001), price(55.000_000_000_000_01)), ("0.3".to_owned(), "0".to_owned(), "55".to_owned()));
        assert_eq!(won(-1_391.5), "-1392");
    }
}
