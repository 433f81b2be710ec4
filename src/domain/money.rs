//! Exact amounts. Everything booked (cash, fees, fills, profit of an account) is decimal; the
//! EggMoney decision engine computes in `f64` because the original did (see `quant::egg`).

use std::fmt;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// A currency and its number of booked decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Currency {
    Krw,
    Usd,
}

impl Currency {
    /// ISO 4217 code.
    pub fn code(self) -> &'static str {
        match self {
            Currency::Krw => "KRW",
            Currency::Usd => "USD",
        }
    }

    /// Decimals of a booked amount: none for won, two for dollars.
    pub fn scale(self) -> u32 {
        match self {
            Currency::Krw => 0,
            Currency::Usd => 2,
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// The decimal with the same shortest text as the float: `61.37_f64` gives `61.37`, never `61.3699…`.
/// Not a number and infinities give `None`.
pub fn decimal_from_f64(value: f64) -> Option<Decimal> {
    if !value.is_finite() {
        return None;
    }
    let text = format!("{value}");
    text.parse::<Decimal>().ok().or_else(|| Decimal::from_scientific(&format!("{value:e}")).ok())
}

/// The float nearest to a decimal.
pub fn f64_from_decimal(value: Decimal) -> f64 {
    value.to_string().parse().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn floats_with_money_like_digits_survive_the_round_trip(cents in -1_000_000_000_i64..1_000_000_000) {
            let value = cents as f64 / 100.0;
            let decimal = decimal_from_f64(value).unwrap();
            prop_assert_eq!(f64_from_decimal(decimal), value);
        }
    }

    #[test]
    fn what_is_no_number_is_no_amount() {
        assert_eq!(decimal_from_f64(f64::NAN), None);
        assert_eq!(decimal_from_f64(f64::INFINITY), None);
    }
}
