//! When an account's bots act: rules in exchange terms or fixed Korean times.

use jiff::civil::Time;
use serde::{Deserialize, Serialize};

/// A time of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum TimeRule {
    /// A fixed Korean wall-clock time, as the old program had it.
    Kst { time: Time },
    /// Minutes after the regular open.
    AfterOpen { minutes: u32 },
    /// Minutes before the regular close; follows daylight saving and early closes.
    BeforeClose { minutes: u32 },
}

/// An account's schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// When the bots decide.
    pub decision: TimeRule,
    /// First slice.
    pub twap_start: TimeRule,
    /// Last slice.
    pub twap_end: TimeRule,
    /// Number of slices.
    pub twap_count: u32,
    /// The closing-drop check.
    pub closing_buy: TimeRule,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            decision: TimeRule::Kst { time: Time::constant(0, 5, 0, 0) },
            twap_start: TimeRule::Kst { time: Time::constant(0, 10, 0, 0) },
            twap_end: TimeRule::BeforeClose { minutes: 30 },
            twap_count: 5,
            closing_buy: TimeRule::BeforeClose { minutes: 10 },
        }
    }
}
