//! The old server's times as rules, and what they mean in both halves of the year.

use jiff::civil::Time;
use serde::Serialize;
use serde_json::Value;

use super::key_store::OldSettings;
use super::value::parse_time;
use crate::domain::clock::kst_datetime;
use crate::domain::remark::Remark;
use crate::domain::schedule::imported::KeyStore;
use crate::domain::schedule::{Job, MoveReason, Schedule, Season, TimeRule};

/// The schedule that continues the old one, with what the owner should know about it.
pub fn proposed(settings: Option<&OldSettings>, session_relative: bool) -> (Schedule, Vec<Remark>) {
    let Some(settings) = settings else { return (Schedule::default(), Vec::new()) };
    let store = KeyStore { keys: settings.keys.clone(), problem: None };
    let proposal = store.propose();
    let mut schedule = proposal.schedule;
    if !session_relative {
        let list = settings.keys.get("TWAP_TIME").and_then(Value::as_array);
        let end = list.filter(|l| l.len() == 2).and_then(|l| l.get(1)).and_then(time);
        if let Some(time) = end.filter(|_| matches!(schedule.twap_end, TimeRule::BeforeClose { .. })) {
            schedule.twap_end = TimeRule::Kst { time };
        }
        if let Some(time) = settings.keys.get("CLOSING_BUY_TIME").and_then(time) {
            schedule.closing_buy = TimeRule::Kst { time };
        }
    }
    (schedule, proposal.notes)
}

fn time(value: &Value) -> Option<Time> {
    parse_time(value.as_str()?.trim())
}

/// The report's part about times: as stored, as proposed, and in effect in summer and winter.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct DescribedSchedule {
    pub as_stored: StoredTimes,
    pub proposed: Schedule,
    pub seasons: Seasons,
}

/// What the old settings say, in their own notation; `null` where they say nothing.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct StoredTimes {
    pub decision: Value,
    pub twap_start: Value,
    pub twap_end: Value,
    pub twap_count: Value,
    pub closing_buy: Value,
}

#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Seasons {
    pub summer: SeasonClock,
    pub winter: SeasonClock,
}

/// Korean times (`HH:MM`) of a regular session.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct SeasonClock {
    pub decision: String,
    pub slices: Vec<String>,
    pub closing_buy: String,
    pub message: String,
    pub moved: Vec<MovedClock>,
}

/// A slot that the session's hours forced elsewhere.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct MovedClock {
    pub job: Job,
    pub n: u32,
    pub wanted: String,
    pub actual: String,
    pub reason: MoveReason,
}

/// Puts the settings of the old server and the schedule that continues them side by side.
pub fn described(settings: Option<&OldSettings>, schedule: &Schedule) -> DescribedSchedule {
    let stored = |key: &str| settings.and_then(|s| s.keys.get(key)).cloned().unwrap_or(Value::Null);
    let pair = stored("TWAP_TIME");
    let of_pair = |n: usize| pair.get(n).cloned().unwrap_or(Value::Null);
    DescribedSchedule {
        as_stored: StoredTimes {
            decision: stored("TRADE_TIME"),
            twap_start: of_pair(0),
            twap_end: of_pair(1),
            twap_count: stored("TWAP_COUNT"),
            closing_buy: stored("CLOSING_BUY_TIME"),
        },
        proposed: *schedule,
        seasons: Seasons { summer: season(schedule, Season::Summer), winter: season(schedule, Season::Winter) },
    }
}

fn season(schedule: &Schedule, season: Season) -> SeasonClock {
    let plan = schedule.plan(&season.sample_session());
    let clock = |at| kst_datetime(at).time().strftime("%H:%M").to_string();
    SeasonClock {
        decision: clock(plan.decision),
        slices: plan.slices.iter().map(|at| clock(*at)).collect(),
        closing_buy: clock(plan.closing_buy),
        message: clock(plan.message),
        moved: plan
            .moved
            .iter()
            .map(|m| MovedClock { job: m.job, n: m.n, wanted: clock(m.wanted), actual: clock(m.actual), reason: m.reason })
            .collect(),
    }
}
