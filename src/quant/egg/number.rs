//! Number rules: how the original rounded, truncated and summed its doubles.

/// Rounds to `decimals` places: correctly on the exact binary value, ties to even.
///
/// `(x * 100.0).round() / 100.0` differs for about 6 % of tie-like values, so the decimal text decides.
pub fn round_to(value: f64, decimals: usize) -> f64 {
    if !value.is_finite() {
        return value;
    }
    format!("{value:.decimals$}").parse().unwrap_or(value)
}

/// Rounds to cents.
pub fn cents(value: f64) -> f64 {
    round_to(value, 2)
}

/// Truncates toward zero, as shares and whole dollars are counted. Not-a-number gives 0.
pub fn truncate(value: f64) -> i64 {
    value.trunc() as i64
}

/// Compensated sum (Neumaier): the `sum` of the original's interpreter.
pub fn sum(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut total = 0.0_f64;
    let mut lost = 0.0_f64;
    for value in values {
        let next = total + value;
        lost += if total.abs() >= value.abs() { (total - next) + value } else { (value - next) + total };
        total = next;
    }
    // An infinite total has no meaningful compensation.
    if lost.is_finite() { total + lost } else { total }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rounding_follows_the_exact_binary_value() {
        // 2.675 lies just below, 1.005 too; 0.125 and 0.375 are exact ties.
        assert_eq!(cents(2.675), 2.67);
        assert_eq!(cents(1.005), 1.0);
        assert_eq!(cents(0.125), 0.12);
        assert_eq!(cents(0.375), 0.38);
        assert_eq!(round_to(-0.125, 2), -0.12);
    }

    #[test]
    fn truncation_goes_toward_zero() {
        assert_eq!(truncate(49.0 * (1.0 / 49.0)), 0);
        assert_eq!(truncate(-1.9), -1);
        assert_eq!(truncate(f64::NAN), 0);
    }

    #[test]
    fn the_sum_keeps_what_plain_addition_loses() {
        assert_eq!(sum([1.0, 1e100, 1.0, -1e100]), 2.0);
        assert_eq!(sum([0.1; 10]), 1.0);
        assert_ne!([0.1; 10].iter().sum::<f64>(), 1.0);
    }

    proptest! {
        #[test]
        fn cents_are_within_half_a_cent_and_stay(value in -1e9_f64..1e9) {
            let rounded = cents(value);
            prop_assert!((rounded - value).abs() <= 0.005 + 1e-6);
            prop_assert_eq!(cents(rounded), rounded);
        }
    }
}
