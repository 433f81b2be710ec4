//! Times of the old program: timelines, daylight saving, settings; and its small helpers.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::{DateTime, Time};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use eggmoney::domain::account::KnownRate;
use eggmoney::domain::calendar::kst_days_before;
use eggmoney::domain::schedule::Season;
use eggmoney::domain::schedule::imported::KeyStore;
use eggmoney::domain::schedule::timeline::timeline;
use eggmoney::quant::bot_factory::seed_ratio;
use eggmoney::quant::figures::rates::{DEFAULT_RATE, month_key};
use eggmoney::quant::figures::{current_rate, month_rate};

use super::harness::{Case, Differences, run};
use super::portfolio::{epoch, stored_rate};
use super::vectors::at;

#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
enum ScheduleCase {
    Timeline {
        id: String,
        start: String,
        end: String,
        count: i64,
        expect: Vec<String>,
    },
    Dst {
        id: String,
        now: DateTime,
        expect: DstExpect,
    },
    Schedule {
        id: String,
        now: DateTime,
        file: File,
        keys: Option<Map<String, Value>>,
        expect: TimesExpect,
    },
    ExchangeRate {
        id: String,
        now_epoch: f64,
        keys: BTreeMap<String, Option<f64>>,
        source: Source,
        source_shows: Option<String>,
        expect: RateExpect,
    },
    SeedRatio {
        id: String,
        drawdown: f64,
        interval: f64,
        max_count: u32,
        expect: f64,
    },
    PreviousDate {
        id: String,
        now: DateTime,
        days: u16,
        expect: String,
    },
    CurrentRate {
        id: String,
        keys: Map<String, Value>,
        #[serde(deserialize_with = "a_number")]
        month_after_set: f64,
        expect: f64,
    },
}

/// So that a missing number is an error and not `None`.
fn a_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    f64::deserialize(deserializer)
}

#[derive(Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum File {
    Ok,
    Missing,
    Broken,
}

#[derive(Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Source {
    Ok,
    Fail,
    Garbage,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DstExpect {
    msg_times: Vec<String>,
    twap_default: Vec<String>,
    closing_default: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TimesExpect {
    job: Vec<String>,
    msg: Vec<String>,
    twap: Vec<String>,
    closing: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RateExpect {
    rate: f64,
    stored_rate: Option<f64>,
    stored_time: Option<f64>,
}

fn text(time: Time) -> String {
    time.strftime("%H:%M").to_string()
}

fn time(text: &str) -> Time {
    Time::strptime("%H:%M", text).expect("a time of the vectors")
}

impl Case for ScheduleCase {
    fn id(&self) -> &str {
        match self {
            ScheduleCase::Timeline { id, .. }
            | ScheduleCase::Dst { id, .. }
            | ScheduleCase::Schedule { id, .. }
            | ScheduleCase::ExchangeRate { id, .. }
            | ScheduleCase::SeedRatio { id, .. }
            | ScheduleCase::PreviousDate { id, .. }
            | ScheduleCase::CurrentRate { id, .. } => id,
        }
    }

    fn check(&self, diff: &mut Differences) {
        match self {
            ScheduleCase::Timeline { start, end, count, expect, .. } => {
                let times = timeline(time(start), time(end), u32::try_from(*count).unwrap_or(0));
                diff.same("timeline", &times.into_iter().map(text).collect::<Vec<_>>(), expect);
            }
            ScheduleCase::Dst { now, expect, .. } => {
                let defaults = Season::at(at(*now)).defaults();
                diff.same("msg_times", &[text(defaults.message)].as_slice(), &expect.msg_times.as_slice());
                diff.same(
                    "twap_default",
                    &[text(defaults.twap_start), text(defaults.twap_end)].as_slice(),
                    &expect.twap_default.as_slice(),
                );
                diff.same("closing_default", &text(defaults.closing_buy), &expect.closing_default);
            }
            ScheduleCase::Schedule { now, file, keys, expect, .. } => check_settings(diff, at(*now), *file, keys.as_ref(), expect),
            ScheduleCase::ExchangeRate { now_epoch, keys, source, source_shows, expect, .. } => {
                assert!(keys.keys().all(|k| k == "EXCHANGE_RATE" || k == "EXCHANGE_RATE_TIME"), "an unknown key");
                let shows = source_shows.as_ref().map(|s| s.replace(',', "").parse().expect("a rate as the page shows it"));
                assert_eq!(*source == Source::Ok, shows.is_some(), "only a working source shows a rate");
                check_rate(diff, epoch(*now_epoch), keys, shows, expect);
            }
            ScheduleCase::SeedRatio { drawdown, interval, max_count, expect, .. } => {
                diff.fraction("seed_ratio", seed_ratio(*drawdown, *interval, *max_count), *expect);
            }
            ScheduleCase::PreviousDate { now, days, expect, .. } => {
                diff.same("previous_date", &kst_days_before(at(*now), *days).strftime("%Y%m%d").to_string(), expect);
            }
            ScheduleCase::CurrentRate { keys, month_after_set, expect, .. } => {
                assert!(keys.keys().all(|k| k == "EXCHANGE_RATE" || k == "EXCHANGE_RATE_TIME"), "an unknown key");
                let present = keys.get("EXCHANGE_RATE").and_then(Value::as_f64).filter(|rate| *rate > 0.0);
                diff.money("current rate", present.unwrap_or(DEFAULT_RATE), *expect);
                let unknown = month_rate(&BTreeMap::new(), (2025, 1), false, present, Vec::new);
                diff.money("stand-in for a month's rate", unknown.rate, *expect);
                let stored = BTreeMap::from([(month_key(2025, 1), *month_after_set)]);
                diff.money("stored month's rate", month_rate(&stored, (2025, 1), false, present, Vec::new).rate, *month_after_set);
            }
        }
    }
}

fn check_settings(diff: &mut Differences, now: Timestamp, file: File, keys: Option<&Map<String, Value>>, want: &TimesExpect) {
    let content = match (file, keys) {
        (File::Ok, Some(keys)) => Some(Value::Object(keys.clone()).to_string()),
        (File::Missing, None) => None,
        (File::Broken, None) => Some("{\"TRADE_TIME\": \"00:05\", \"TWAP_TI".to_owned()),
        _ => panic!("only a readable file has keys"),
    };
    let store = KeyStore::read(content.as_deref());
    if file == File::Broken {
        diff.exempt("settings-broken");
    }
    diff.same("the file's damage is reported", &store.problem.is_some(), &(file == File::Broken));
    let times = store.old_times(now);
    diff.same("job", &[text(times.decision)].as_slice(), &want.job.as_slice());
    diff.same("msg", &[text(times.message)].as_slice(), &want.msg.as_slice());
    diff.same("twap", &times.slices.into_iter().map(text).collect::<Vec<_>>(), &want.twap);
    diff.same("closing", &[text(times.closing_buy)].as_slice(), &want.closing.as_slice());
}

fn check_rate(diff: &mut Differences, now: Timestamp, keys: &BTreeMap<String, Option<f64>>, shows: Option<f64>, want: &RateExpect) {
    let (rate, time) = (keys.get("EXCHANGE_RATE").copied().flatten(), keys.get("EXCHANGE_RATE_TIME").copied().flatten());
    let stored: Option<KnownRate> = stored_rate(rate, time);
    let got = current_rate(stored.as_ref(), now, || shows);
    let (rate_after, time_after) = match got.filter(|g| g.fetched) {
        Some(fetched) => (Some(fetched.rate), Some(fetched.at)),
        None => (rate, time.map(epoch)),
    };
    diff.same("stored_rate", &rate_after, &want.stored_rate);
    diff.same("stored_time", &time_after, &want.stored_time.map(epoch));
    match got {
        Some(got) if !got.fresh => {
            diff.exempt("H-38");
            diff.money("rate of the original, which forgot a stale one", 0.0, want.rate);
            diff.same("last known rate", &Some(got.rate), &rate);
        }
        got => diff.money("rate", got.map_or(0.0, |g| g.rate), want.rate),
    }
}

#[test]
fn golden_schedule() {
    run::<ScheduleCase>("schedule");
}
