//! How the broker prints values: everything is a string with a fixed number of decimals.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::{Map, Value};

use crate::domain::instrument::Exchange;

/// One output object.
pub(super) type Row = Map<String, Value>;

/// Builds a row from pairs of column and text.
pub(super) fn row<const N: usize>(columns: [(&str, String); N]) -> Row {
    columns.into_iter().map(|(name, text)| (name.to_owned(), Value::String(text))).collect()
}

/// A decimal with exactly so many decimals, rounded half away from zero.
pub(super) fn fixed(value: Decimal, decimals: u32) -> String {
    scaled(value, decimals, RoundingStrategy::MidpointAwayFromZero)
}

/// Whole won, rounded.
pub(super) fn won(value: Decimal) -> String {
    fixed(value, 0)
}

/// A decimal cut off after so many decimals: what may be spent is never rounded up.
pub(super) fn floored(value: Decimal, decimals: u32) -> String {
    scaled(value, decimals, RoundingStrategy::ToZero)
}

fn scaled(value: Decimal, decimals: u32, strategy: RoundingStrategy) -> String {
    let mut value = value.round_dp_with_strategy(decimals, strategy);
    value.rescale(decimals);
    // A negative zero would print its sign.
    if value.is_zero() {
        value.set_sign_positive(true);
    }
    value.to_string()
}

/// Percentage change with its sign, right-aligned: `+5.61`, `-4.17`, ` 0.00`.
pub(super) fn signed_rate(change: Decimal, base: Decimal) -> String {
    let text = fixed(percent(change, base), 2);
    match text.as_str() {
        "0.00" => " 0.00".to_owned(),
        negative if negative.starts_with('-') => text,
        _ => format!("+{text}"),
    }
}

/// `change` in percent of `base`; zero when there is no base.
pub(super) fn percent(change: Decimal, base: Decimal) -> Decimal {
    if base.is_zero() { Decimal::ZERO } else { change / base * Decimal::ONE_HUNDRED }
}

/// A row with all of a group's columns: the given ones, the others as their defaults.
pub(super) fn filled(defaults: &[(&str, &str)], columns: Row) -> Row {
    let mut row: Row = defaults.iter().map(|(name, text)| ((*name).to_owned(), Value::String((*text).to_owned()))).collect();
    row.extend(columns);
    row
}

/// 2 up, 3 flat, 5 down.
pub(super) fn sign(change: Decimal) -> String {
    let code = if change.is_zero() {
        "3"
    } else if change.is_sign_positive() {
        "2"
    } else {
        "5"
    };
    code.to_owned()
}

/// YYYYMMDD.
pub(super) fn date_text(date: Date) -> String {
    format!("{:04}{:02}{:02}", date.year(), date.month(), date.day())
}

/// HHMMSS.
pub(super) fn time_text(at: DateTime) -> String {
    format!("{:02}{:02}{:02}", at.hour(), at.minute(), at.second())
}

/// YYYYMMDDHHMMSSmmm in Korean time.
pub(super) fn stamp_text(at: Timestamp) -> String {
    let local = crate::domain::clock::kst_datetime(at);
    format!("{}{}{:03}", date_text(local.date()), time_text(local), local.subsec_nanosecond() / 1_000_000)
}

/// Reads YYYYMMDD.
pub(super) fn parse_date(text: &str) -> Option<Date> {
    if text.len() != 8 {
        return None;
    }
    Date::new(text.get(..4)?.parse().ok()?, text.get(4..6)?.parse().ok()?, text.get(6..)?.parse().ok()?).ok()
}

/// Codes of an exchange: order code, price code, product type, Korean name, market number.
pub(super) struct ExchangeCodes {
    pub order: &'static str,
    pub price: &'static str,
    pub product_type: &'static str,
    pub name: &'static str,
}

/// The broker's codes of an exchange.
pub(super) fn exchange_codes(exchange: Exchange) -> ExchangeCodes {
    match exchange {
        Exchange::Nasdaq => ExchangeCodes { order: "NASD", price: "NAS", product_type: "512", name: "나스닥" },
        Exchange::Nyse => ExchangeCodes { order: "NYSE", price: "NYS", product_type: "513", name: "뉴욕거래소" },
        Exchange::Amex => ExchangeCodes { order: "AMEX", price: "AMS", product_type: "529", name: "아멕스" },
        Exchange::Krx => ExchangeCodes { order: "KRX", price: "KRX", product_type: "300", name: "한국거래소" },
    }
}

/// Reads HHMMSS.
pub(super) fn parse_time(text: &str) -> Option<Time> {
    if text.len() != 6 {
        return None;
    }
    Time::new(text.get(..2)?.parse().ok()?, text.get(2..4)?.parse().ok()?, text.get(4..)?.parse().ok()?, 0).ok()
}

/// The exchange of a price code; the day market's codes name the same exchanges.
pub(super) fn exchange_of_price_code(code: &str) -> Option<Exchange> {
    match code {
        "NAS" | "BAQ" => Some(Exchange::Nasdaq),
        "NYS" | "BAY" => Some(Exchange::Nyse),
        "AMS" | "BAA" => Some(Exchange::Amex),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rust_decimal::dec;

    #[test]
    fn numbers_keep_their_decimals_and_rates_their_sign() {
        assert_eq!(fixed(dec!(82.11), 4), "82.1100");
        assert_eq!(fixed(dec!(-0.001), 2), "0.00");
        assert_eq!(fixed(dec!(1391.5), 10), "1391.5000000000");
        assert_eq!(floored(dec!(7701.109), 2), "7701.10");
        assert_eq!(fixed(dec!(5), 0), "5");
        assert_eq!(signed_rate(dec!(1.3), dec!(82.11)), "+1.58");
        assert_eq!(signed_rate(dec!(-1.3), dec!(82.11)), "-1.58");
        assert_eq!(signed_rate(dec!(0), dec!(82.11)), " 0.00");
        assert_eq!((sign(dec!(1)), sign(dec!(0)), sign(dec!(-1))), ("2".into(), "3".into(), "5".into()));
        assert_eq!(parse_date("20260514"), Some(Date::constant(2026, 5, 14)));
        assert_eq!(parse_date("2026051"), None);
        assert_eq!(parse_date("20261314"), None);
        assert_eq!((parse_time("153000"), parse_time("253000"), parse_time("1530")), (Some(Time::constant(15, 30, 0, 0)), None, None));
    }
}
