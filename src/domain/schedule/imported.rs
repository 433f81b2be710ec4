//! The old program's times: what its settings meant, and which rules continue them.

use jiff::Timestamp;
use jiff::civil::Time;
use serde_json::{Map, Value};

use super::timeline::timeline;
use super::{MAX_SLICES, Schedule, Season, TimeRule};
use crate::domain::remark::Remark;

const DECISION: Time = Time::constant(0, 5, 0, 0);
const TWAP_START: Time = Time::constant(0, 10, 0, 0);
const TWAP_COUNT: u32 = 5;
/// What the old program used when its slice settings made no sense.
const FALLBACK: (Time, Time) = (Time::constant(4, 35, 0, 0), Time::constant(4, 50, 0, 0));
/// Defaults that the old program froze into its settings: 30 minutes before the close.
const FROZEN_END: [Time; 2] = [Time::constant(4, 30, 0, 0), Time::constant(5, 30, 0, 0)];
/// Defaults that the old program froze into its settings: 10 minutes before the close.
const FROZEN_CLOSING: [Time; 2] = [Time::constant(4, 50, 0, 0), Time::constant(5, 50, 0, 0)];

/// The old program's default times of a season, Korean time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeasonDefaults {
    pub twap_start: Time,
    pub twap_end: Time,
    pub closing_buy: Time,
    pub message: Time,
}

impl Season {
    /// The defaults of the old program at this time of the year.
    pub fn defaults(self) -> SeasonDefaults {
        let (end, closing, message) = match self {
            Season::Summer => ((4, 30), (4, 50), (5, 0)),
            Season::Winter => ((5, 30), (5, 50), (6, 0)),
        };
        let time = |(h, m)| Time::constant(h, m, 0, 0);
        SeasonDefaults { twap_start: TWAP_START, twap_end: time(end), closing_buy: time(closing), message: time(message) }
    }
}

/// The settings file of the old program.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeyStore {
    pub keys: Map<String, Value>,
    /// Why the file could not be read. The old program silently went on with defaults; here the
    /// owner must hear of it.
    pub problem: Option<Remark>,
}

impl KeyStore {
    /// Reads the file's text; `None` = there is no file, which is a new program's normal state.
    pub fn read(text: Option<&str>) -> Self {
        match text.map(serde_json::from_str::<Map<String, Value>>) {
            None => Self::default(),
            Some(Ok(keys)) => Self { keys, problem: None },
            Some(Err(e)) => Self {
                keys: Map::new(),
                problem: Some(Remark::new(
                    "settings_damaged",
                    format!("key_store.json is damaged ({e}): the schedule and the rates in it are lost, check the times shown"),
                )),
            },
        }
    }
}

/// The times that the old program would have used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OldTimes {
    pub decision: Time,
    pub slices: Vec<Time>,
    pub closing_buy: Time,
    pub message: Time,
}

/// Rules that continue the old program's settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    pub schedule: Schedule,
    /// What was not taken as it stood, in sentences for the owner.
    pub notes: Vec<Remark>,
}

/// The slice settings as the old program understood them.
struct Slices {
    /// Start and end; `None` = the season's default.
    times: Option<(Time, Time)>,
    count: u32,
    /// The settings made no sense and the old program fell back to times near the close.
    fell_back: bool,
}

impl KeyStore {
    /// The times that the old program would have used at `now`.
    pub fn old_times(&self, now: Timestamp) -> OldTimes {
        let defaults = Season::at(now).defaults();
        let slices = self.slices();
        let (start, end) = slices.times.unwrap_or((defaults.twap_start, defaults.twap_end));
        OldTimes {
            decision: self.time("TRADE_TIME").unwrap_or(DECISION),
            slices: timeline(start, end, slices.count),
            closing_buy: self.time("CLOSING_BUY_TIME").unwrap_or(defaults.closing_buy),
            message: defaults.message,
        }
    }

    /// Rules for the settings: the frozen summer and winter defaults follow the close again, every
    /// other time stays a fixed Korean time.
    pub fn propose(&self) -> Proposal {
        let mut notes: Vec<Remark> = self.problem.clone().into_iter().collect();
        for key in ["TRADE_TIME", "CLOSING_BUY_TIME"] {
            if self.is_set(key) && self.time(key).is_none() {
                let value = self.keys.get(key).unwrap_or(&Value::Null);
                let text = format!("{key} {value} is no time HH:MM: the default is used");
                notes.push(Remark::new("no_time", text).with("key", key).with("value", value));
            }
        }
        let slices = self.slices();
        if slices.fell_back {
            let shown = |key| self.keys.get(key).unwrap_or(&Value::Null).to_string();
            let (times, count) = (shown("TWAP_TIME"), shown("TWAP_COUNT"));
            let text = format!(
                "TWAP_TIME {times} with TWAP_COUNT {count} makes no sense: the old program used 04:35 to 04:50 with 5 slices, and so does this schedule"
            );
            notes.push(Remark::new("slices_fell_back", text).with("times", times).with("count", count));
        }
        let count = slices.count.clamp(1, MAX_SLICES);
        if count != slices.count {
            let text = format!("TWAP_COUNT {} is more than a session can hold: {MAX_SLICES} slices", slices.count);
            notes.push(Remark::new("slices_cut", text).with("count", slices.count).with("most", MAX_SLICES));
        }
        let kst = |time| TimeRule::Kst { time };
        let before_close = |frozen: &[Time], time: Time, minutes| {
            if frozen.contains(&time) { TimeRule::BeforeClose { minutes } } else { kst(time) }
        };
        let (start, end) = match slices.times {
            None => (TWAP_START, TimeRule::BeforeClose { minutes: 30 }),
            Some((start, end)) => (start, before_close(&FROZEN_END, end, 30)),
        };
        let closing_buy = match self.time("CLOSING_BUY_TIME") {
            None => TimeRule::BeforeClose { minutes: 10 },
            Some(time) => before_close(&FROZEN_CLOSING, time, 10),
        };
        let decision = kst(self.time("TRADE_TIME").unwrap_or(DECISION));
        let schedule = Schedule { decision, twap_start: kst(start), twap_end: end, twap_count: count, closing_buy };
        for problem in schedule.validate().err().into_iter().flatten() {
            notes.push(Remark { text: format!("please check the schedule: {}", problem.remark), ..problem.remark });
        }
        Proposal { schedule, notes }
    }

    /// Whether a key holds anything at all in the old program's eyes.
    fn is_set(&self, key: &str) -> bool {
        self.keys.get(key).is_some_and(is_truthy)
    }

    fn time(&self, key: &str) -> Option<Time> {
        self.keys.get(key).and_then(clock_time)
    }

    fn slices(&self) -> Slices {
        let fallback = Slices { times: Some(FALLBACK), count: TWAP_COUNT, fell_back: true };
        let count = match self.keys.get("TWAP_COUNT").filter(|v| is_truthy(v)) {
            None => TWAP_COUNT,
            Some(Value::Bool(_)) => 1,
            Some(value) => match value.as_i64() {
                // One slice or fewer left only the start.
                Some(n) => u32::try_from(n.max(1)).unwrap_or(u32::MAX),
                None => return fallback,
            },
        };
        let times = match self.keys.get("TWAP_TIME").filter(|v| is_truthy(v)) {
            None => None,
            Some(value) => {
                let list: Option<&[Value]> = value.as_array().map(Vec::as_slice);
                match list {
                    Some([start, end]) => match (clock_time(start), clock_time(end)) {
                        (Some(start), Some(end)) => Some((start, end)),
                        _ => return fallback,
                    },
                    _ => return fallback,
                }
            }
        };
        Slices { times, count, fell_back: false }
    }
}

/// Python's idea of a value that is there.
fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(b) => *b,
        Value::Number(n) => n.as_f64() != Some(0.0),
        Value::String(s) => !s.is_empty(),
        Value::Array(a) => !a.is_empty(),
        Value::Object(o) => !o.is_empty(),
    }
}

fn clock_time(value: &Value) -> Option<Time> {
    Time::strptime("%H:%M", value.as_str()?.trim()).ok()
}
