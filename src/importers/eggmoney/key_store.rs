//! `key_store.json`: one old server's settings, rates and broker token, as years of versions left them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use super::rows::Fault;
use super::value::{Cell, parse_time};
use crate::domain::account::KnownRate;
use crate::domain::remark::Remark;

/// Name of the file in faults.
pub const KEY_STORE: &str = "key_store.json";

/// What the file holds.
#[derive(Clone, Debug, Default)]
pub struct OldSettings {
    /// Everything as it stood; the schedule is made of it.
    pub keys: Map<String, Value>,
    pub total_budget: Option<f64>,
    pub auto_start: Option<bool>,
    /// Fraction of max_tier.
    pub auto_start_threshold: Option<f64>,
    /// USD/KRW by month (`2026-05`).
    pub month_rates: BTreeMap<String, f64>,
    pub usd_krw: Option<KnownRate>,
    pub left_out: LeftOut,
    /// Keys that nothing here knows.
    pub unknown: Vec<String>,
    pub faults: Vec<Fault>,
}

/// Keys that are known and deliberately not taken.
#[derive(Clone, Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub struct LeftOut {
    /// Marks of the price cache, which is rebuilt.
    pub cache_marks: usize,
    /// Settings of behaviour that no longer exists.
    pub obsolete: Vec<String>,
    /// There was a broker token; a new one is requested instead.
    pub broker_token: bool,
}

/// Reads the file.
///
/// # Errors
/// Why it is no settings file. It is never replaced by defaults: the owner must know.
pub fn read(content: &[u8]) -> Result<OldSettings, String> {
    let text = std::str::from_utf8(content).map_err(|_| "it is not UTF-8 text".to_owned())?;
    let keys: Map<String, Value> =
        serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|e| format!("it is not a JSON object: {e}"))?;
    let mut settings = OldSettings::default();
    let mut rate_time = None;
    let mut rate = None;
    for (key, value) in &keys {
        match key.as_str() {
            "TRADE_TIME" | "CLOSING_BUY_TIME" => settings.check(key, value, is_clock_time(value)),
            "TWAP_TIME" => {
                settings.check(key, value, value.as_array().is_some_and(|l| l.is_empty() || (l.len() == 2 && l.iter().all(is_clock_time))))
            }
            "TWAP_COUNT" => settings.check(key, value, value.as_i64().is_some_and(|n| (0..=1000).contains(&n))),
            "TOTAL_BUDGET" => settings.total_budget = settings.number(key, value, |v| v >= 0.0).filter(|v| *v > 0.0),
            "AUTO_START" => {
                settings.check(key, value, value.is_boolean());
                settings.auto_start = value.as_bool();
            }
            "AUTO_START_THRESHOLD" => settings.auto_start_threshold = settings.number(key, value, |v| v > 0.0 && v <= 1.0),
            "EXCHANGE_RATE" => rate = settings.number(key, value, |v| v >= 0.0).filter(|v| *v > 0.0),
            "EXCHANGE_RATE_TIME" => rate_time = settings.number(key, value, |v| v >= 0.0),
            "AT_KEY" | "AT_EX_DATE" => settings.left_out.broker_token |= key == "AT_KEY" && value.as_str().is_some_and(|t| !t.is_empty()),
            "IS_DYNAMIC_SEED_APPLY_TODAY" | "MARKET_STATE_LEVEL" => settings.left_out.obsolete.push(key.clone()),
            _ if is_cache_mark(key) => settings.left_out.cache_marks += 1,
            _ => match month_of(key) {
                Some(month) => {
                    if let Some(rate) = settings.number(key, value, |v| v > 0.0) {
                        settings.month_rates.insert(month, rate);
                    }
                }
                None => settings.unknown.push(key.clone()),
            },
        }
    }
    settings.usd_krw = rate.map(|rate| {
        // Without a time the rate is of unknown age: as old as can be.
        let at = rate_time.and_then(|s| Timestamp::from_millisecond((s * 1000.0) as i64).ok()).unwrap_or(Timestamp::UNIX_EPOCH);
        KnownRate { rate, at, source: "import".to_owned() }
    });
    settings.keys = keys;
    Ok(settings)
}

impl OldSettings {
    fn check(&mut self, key: &str, value: &Value, good: bool) {
        // The old program took nothing, zero and the empty text for "use the default".
        let unset = value.is_null() || value.as_str().is_some_and(str::is_empty);
        if !good && !unset {
            self.faults.push(Fault::new(
                KEY_STORE,
                key,
                Remark::new("no_setting", format!("{} is not a value of this setting", shown(value))).with("value", shown(value)),
            ));
        }
    }

    fn number(&mut self, key: &str, value: &Value, good: impl Fn(f64) -> bool) -> Option<f64> {
        if value.is_null() {
            return None;
        }
        let number = value.as_f64().filter(|v| Cell::Real(*v).number().is_ok() && good(*v));
        self.check(key, value, number.is_some());
        number
    }
}

fn shown(value: &Value) -> String {
    Cell::Text(value.to_string()).shown()
}

fn is_clock_time(value: &Value) -> bool {
    value.as_str().is_some_and(|t| parse_time(t.trim()).is_some_and(|time| time.second() == 0 && time.subsec_nanosecond() == 0))
}

fn is_cache_mark(key: &str) -> bool {
    matches!(key, "VIX_DATA" | "VIX_DATA_DATE" | "VIX_DATA_TIMESTAMP")
        || key.ends_with("_YF_DATA_DATE")
        || key.ends_with("_YF_DATA_TIMESTAMP")
}

/// `EXCHANGE_RATE_2026_05` → `2026-05`.
fn month_of(key: &str) -> Option<String> {
    let (year, month) = key.strip_prefix("EXCHANGE_RATE_")?.split_once('_')?;
    let digits = |t: &str, n| t.len() == n && t.bytes().all(|b| b.is_ascii_digit());
    (digits(year, 4) && digits(month, 2) && ("01"..="12").contains(&month)).then(|| format!("{year}-{month}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_key_is_taken_counted_or_named() {
        let file = br#"{"TRADE_TIME":"00:05","TWAP_TIME":["00:10","04:30"],"TWAP_COUNT":5,"TOTAL_BUDGET":50000,"AUTO_START":true,
            "AUTO_START_THRESHOLD":0.3,"AT_KEY":"t","AT_EX_DATE":"x","EXCHANGE_RATE":1391.5,"EXCHANGE_RATE_TIME":1778811723.5,
            "EXCHANGE_RATE_2026_05":1400.25,"EXCHANGE_RATE_2026_13":1,"MARKET_STATE_LEVEL":2,"TQQQ_YF_DATA_DATE":"d","^VIX_YF_DATA_TIMESTAMP":"d",
            "VIX_DATA":[1,"x"],"NEW_THING":1}"#;
        let read = read(file).unwrap();
        assert_eq!(read.faults, []);
        assert_eq!((read.total_budget, read.auto_start, read.auto_start_threshold), (Some(50_000.0), Some(true), Some(0.3)));
        assert_eq!(read.month_rates, BTreeMap::from([("2026-05".to_owned(), 1400.25)]));
        assert_eq!(read.usd_krw.map(|r| (r.rate, r.at.as_millisecond())), Some((1391.5, 1_778_811_723_500)));
        assert_eq!(read.left_out, LeftOut { cache_marks: 3, obsolete: vec!["MARKET_STATE_LEVEL".to_owned()], broker_token: true });
        assert_eq!(read.unknown, ["EXCHANGE_RATE_2026_13", "NEW_THING"]);
    }

    #[test]
    fn a_broken_file_is_no_empty_file_and_a_wrong_value_is_named() {
        for broken in [&b""[..], b"{\"TRADE_TIME\": \"00:0", b"[]", b"{\"A\": NaN}", b"\xff"] {
            assert!(read(broken).is_err());
        }
        let read = read(br#"{"TRADE_TIME":"25:99","TWAP_TIME":["00:10"],"TWAP_COUNT":"five","TOTAL_BUDGET":-1,"AUTO_START_THRESHOLD":2}"#)
            .unwrap();
        let named: Vec<_> = read.faults.iter().map(|f| f.row.as_str()).collect();
        assert_eq!(named.len(), 5, "{named:?}");
        assert_eq!(read.total_budget, None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(content in proptest::collection::vec(any::<u8>(), 0..200), text in "\\{\"[A-Z_]{0,30}\": ?(null|-?[0-9]{1,3}(\\.[0-9])?|\"[^\"\\\\]{0,8}\")\\}") {
            let _ = read(&content);
            let _ = read(text.as_bytes());
        }
    }
}
