//! USD/KRW: the present rate with its age, and the rate of a month for reports.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::domain::account::KnownRate;
use crate::quant::market::mean;

/// A known rate is asked for again after this time.
pub const FRESH_FOR: SignedDuration = SignedDuration::from_secs(300);
/// Stands in when nothing at all is known, won per dollar.
pub const DEFAULT_RATE: f64 = 1450.0;

/// The present rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CurrentRate {
    pub rate: f64,
    pub at: Timestamp,
    pub age: SignedDuration,
    /// Younger than five minutes. An older rate is still the best there is and is shown with its age.
    pub fresh: bool,
    /// It was just asked for and is to be stored.
    pub fetched: bool,
}

/// The present rate: the stored one while it is fresh, else what `fetch` brings, else the stored one
/// with its age. `None` when nothing is known.
pub fn current_rate(stored: Option<&KnownRate>, now: Timestamp, fetch: impl FnOnce() -> Option<f64>) -> Option<CurrentRate> {
    let known = stored.map(|s| {
        let age = now.duration_since(s.at);
        CurrentRate { rate: s.rate, at: s.at, age, fresh: age < FRESH_FOR, fetched: false }
    });
    if let Some(known) = known.filter(|k| k.fresh) {
        return Some(known);
    }
    let usable = |rate: &f64| rate.is_finite() && *rate > 0.0;
    let fetched = fetch().filter(usable);
    fetched.map(|rate| CurrentRate { rate, at: now, age: SignedDuration::ZERO, fresh: true, fetched: true }).or(known)
}

/// Where a month's rate comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RateSource {
    /// Stored before; final.
    Stored,
    /// The month is not over: the present rate, not to be stored. (The original froze it here.)
    Present,
    /// The mean of the month's daily closes; to be stored once the month is over.
    MonthMean,
    /// Nothing is known of the month: the present rate stands in.
    StandIn,
    /// Nothing is known at all: 1450.
    Default,
}

/// A month's rate, won per dollar.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MonthRate {
    pub rate: f64,
    pub source: RateSource,
}

/// The key of a month among stored rates: `2026-05`.
pub fn month_key(year: i16, month: i8) -> String {
    format!("{year:04}-{month:02}")
}

/// The rate of a month. `closes` are the month's daily closes, as far as a price source has them.
pub fn month_rate(
    stored: &BTreeMap<String, f64>,
    (year, month): (i16, i8),
    is_present_month: bool,
    present: Option<f64>,
    closes: impl FnOnce() -> Vec<f64>,
) -> MonthRate {
    if let Some(rate) = stored.get(&month_key(year, month)) {
        return MonthRate { rate: *rate, source: RateSource::Stored };
    }
    if let Some(rate) = present.filter(|_| is_present_month) {
        return MonthRate { rate, source: RateSource::Present };
    }
    let closes = closes();
    if !closes.is_empty() {
        return MonthRate { rate: mean(&closes), source: RateSource::MonthMean };
    }
    match present {
        Some(rate) => MonthRate { rate, source: RateSource::StandIn },
        None => MonthRate { rate: DEFAULT_RATE, source: RateSource::Default },
    }
}
