//! When an account's bots act: rules in exchange terms or fixed Korean times.
//!
//! [`Schedule`] says what a user wants, [`SessionPlan`] what that means in one session, [`imported`]
//! reads the settings of the old program, [`respace`] repairs a plan after an outage.

pub mod imported;
pub mod plan;
pub mod respace;
pub mod timeline;

use jiff::civil::Time;
use jiff::civil::date;
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

use super::calendar::Session;
use super::clock::kst_datetime;
use super::remark::Remark;
pub use plan::{Job, MoveReason, Moved, SessionPlan, Slot, next_plans, next_slot};

/// A session lasts 390 minutes; a rule relative to its ends must stay inside.
pub const SESSION_MINUTES: u32 = 390;
/// A slice's order lives up to five minutes, so a session has room for no more slices than this.
pub const MAX_SLICES: u32 = SESSION_MINUTES / 5;

/// A time of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum TimeRule {
    /// A fixed Korean wall-clock time, as the old program had it. It means the night of the
    /// session: from noon of the trading date to the next noon.
    Kst {
        #[schema(value_type = String, example = "00:05:00")]
        time: Time,
    },
    /// Minutes after the regular open.
    AfterOpen { minutes: u32 },
    /// Minutes before the regular close; follows daylight saving and early closes.
    BeforeClose { minutes: u32 },
}

/// An account's schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
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

/// What is wrong with a schedule, at which field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {remark}")]
pub struct ScheduleProblem {
    /// Name of the field as in [`Schedule`].
    pub field: &'static str,
    pub remark: Remark,
}

/// New York's half of the year, which decides the session's Korean times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Season {
    /// Daylight saving: 22:30 to 05:00 in Korea.
    Summer,
    /// Standard time: 23:30 to 06:00 in Korea.
    Winter,
}

impl Season {
    pub const BOTH: [Season; 2] = [Season::Summer, Season::Winter];

    /// The season of an instant.
    pub fn at(at: Timestamp) -> Season {
        let zone = jiff::tz::TimeZoneDatabase::bundled().get("America/New_York");
        match zone {
            Ok(zone) if zone.to_offset_info(at).dst().is_dst() => Season::Summer,
            _ => Season::Winter,
        }
    }

    /// A regular session of the season, to show and check times without a calendar.
    pub fn sample_session(self) -> Session {
        let (date, open_hour) = match self {
            Season::Summer => (date(2026, 7, 15), 22),
            Season::Winter => (date(2026, 1, 14), 23),
        };
        let open = super::clock::from_kst(date.at(open_hour, 30, 0, 0));
        let close = open.saturating_add(SignedDuration::from_mins(i64::from(SESSION_MINUTES))).unwrap_or(open);
        Session { date, open, close, early: false }
    }

    fn phrase(self) -> &'static str {
        match self {
            Season::Summer => "in New York's summer time",
            Season::Winter => "in New York's winter time",
        }
    }
}

impl Schedule {
    /// Checks a schedule that a person wants to save.
    ///
    /// # Errors
    /// Every problem found, each with its field and what to do.
    pub fn validate(&self) -> Result<(), Vec<ScheduleProblem>> {
        let mut problems = Vec::new();
        let mut report = |field, remark| problems.push(ScheduleProblem { field, remark });
        if self.twap_count == 0 || self.twap_count > MAX_SLICES {
            let text = format!("{} slices are not possible: choose 1 to {MAX_SLICES}", self.twap_count);
            report("twap_count", Remark::new("slices_out_of_range", text).with("count", self.twap_count).with("most", MAX_SLICES));
        }
        for (field, rule) in self.rules() {
            if let Some(remark) = rule.problem() {
                report(field, remark);
            }
        }
        if problems.is_empty() {
            for season in Season::BOTH {
                self.check_order(season, &mut problems);
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    fn rules(&self) -> [(&'static str, TimeRule); 4] {
        [("decision", self.decision), ("twap_start", self.twap_start), ("twap_end", self.twap_end), ("closing_buy", self.closing_buy)]
    }

    /// The order of the day: decision, first slice, last slice, closing buy.
    fn check_order(&self, season: Season, problems: &mut Vec<ScheduleProblem>) {
        let session = season.sample_session();
        let mut earlier: Option<(&'static str, TimeRule)> = None;
        for (field, rule) in self.rules() {
            if field == "twap_end" && self.twap_count == 1 {
                continue;
            }
            if let Some((before, other)) = earlier.replace((field, rule)) {
                // What lies outside the session moves into it, so only what is left is compared; but
                // the slices are counted out between the times as wanted, which must differ.
                let (at, limit) = (rule.instant(&session), other.instant(&session));
                let late = if field == "twap_end" {
                    at > limit
                } else {
                    plan::into_session(at, &session).0 >= plan::into_session(limit, &session).0
                };
                if !late && !problems.iter().any(|p| p.field == field) {
                    let text = |t: Timestamp| kst_datetime(t).time().strftime("%H:%M").to_string();
                    let (time, limit) = (text(at), text(limit));
                    let sentence =
                        format!("{} {} ({time} in Korea) must come after {} ({limit})", season.phrase(), what(field), what(before));
                    let code = match season {
                        Season::Summer => "late_in_summer",
                        Season::Winter => "late_in_winter",
                    };
                    let remark = Remark::new(code, sentence).with("field", field).with("time", time);
                    problems.push(ScheduleProblem { field, remark: remark.with("before", before).with("limit", limit) });
                }
            }
        }
    }
}

fn what(field: &str) -> &'static str {
    match field {
        "decision" => "the decision",
        "twap_start" => "the first slice",
        "twap_end" => "the last slice",
        _ => "the closing buy",
    }
}

impl TimeRule {
    /// The instant in a session's night that the rule names, wherever it lies.
    pub fn instant(self, session: &Session) -> Timestamp {
        let minutes = |m: u32| SignedDuration::from_mins(i64::from(m));
        match self {
            TimeRule::Kst { time } => {
                let noon = Time::constant(12, 0, 0, 0);
                let day = if time >= noon { session.date } else { session.date.saturating_add(1.day()) };
                super::clock::from_kst(day.to_datetime(time))
            }
            TimeRule::AfterOpen { minutes: m } => session.open.saturating_add(minutes(m)).unwrap_or(Timestamp::MAX),
            TimeRule::BeforeClose { minutes: m } => session.close.saturating_sub(minutes(m)).unwrap_or(Timestamp::MIN),
        }
    }

    /// What is wrong with the rule by itself.
    fn problem(self) -> Option<Remark> {
        match self {
            TimeRule::Kst { time } => {
                if time.second() != 0 || time.subsec_nanosecond() != 0 {
                    return Some(Remark::new("time_with_seconds", format!("{time} has seconds: choose a whole minute")).with("time", time));
                }
                let inside = |s: Season| s.sample_session().is_open(self.instant(&s.sample_session()));
                let outside = !Season::BOTH.into_iter().any(inside);
                outside.then(|| {
                    let time = time.strftime("%H:%M").to_string();
                    let text = format!(
                        "{time} in Korea lies outside the US session, which lasts from 22:30 to 05:00 in summer and from 23:30 to 06:00 in winter"
                    );
                    Remark::new("time_outside_session", text).with("time", time)
                })
            }
            TimeRule::AfterOpen { minutes } => (minutes >= SESSION_MINUTES).then(|| {
                let most = SESSION_MINUTES - 1;
                let text = format!("{minutes} minutes after the open is past the close: choose 0 to {most}");
                Remark::new("minutes_after_open", text).with("minutes", minutes).with("most", most)
            }),
            TimeRule::BeforeClose { minutes } => (minutes == 0 || minutes > SESSION_MINUTES).then(|| {
                let text = format!("{minutes} minutes before the close is outside the session: choose 1 to {SESSION_MINUTES}");
                Remark::new("minutes_before_close", text).with("minutes", minutes).with("most", SESSION_MINUTES)
            }),
        }
    }
}

/// A schedule's times in Korea in both halves of the year, side by side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct SeasonalTimes {
    pub summer: EffectiveTimes,
    pub winter: EffectiveTimes,
}

/// The Korean times of one regular session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct EffectiveTimes {
    #[schema(value_type = String)]
    pub decision: Time,
    #[schema(value_type = Vec<String>)]
    pub slices: Vec<Time>,
    #[schema(value_type = String)]
    pub closing_buy: Time,
    #[schema(value_type = String)]
    pub message: Time,
    /// Slots that the session's hours forced elsewhere.
    pub moved: Vec<Moved>,
}

impl Schedule {
    /// The Korean times of a regular session in summer and in winter.
    pub fn seasonal_times(&self) -> SeasonalTimes {
        let times = |season: Season| {
            let plan = self.plan(&season.sample_session());
            let kst = |at: Timestamp| kst_datetime(at).time();
            EffectiveTimes {
                decision: kst(plan.decision),
                slices: plan.slices.iter().copied().map(kst).collect(),
                closing_buy: kst(plan.closing_buy),
                message: kst(plan.message),
                moved: plan.moved,
            }
        };
        SeasonalTimes { summer: times(Season::Summer), winter: times(Season::Winter) }
    }
}

#[cfg(test)]
mod tests;
