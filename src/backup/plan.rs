//! When backups are made, and which are kept. Pure: times in, decisions out. Days are Korean ones.

use std::collections::BTreeSet;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

use super::error::BackupError;
use crate::storage::Record;

/// The US market trades in these hours, summer and winter: nothing heavy runs then.
const QUIET_FROM: Time = Time::constant(22, 0, 0, 0);
const QUIET_TO: Time = Time::constant(6, 30, 0, 0);
/// After a failure it is tried again so much later.
const AGAIN: SignedDuration = SignedDuration::from_hours(1);
/// Drills come so often, …
const DRILL_EVERY: SignedDuration = SignedDuration::from_hours(24 * 30);
/// … and so does the question for two words.
pub(super) const ASK_EVERY: SignedDuration = SignedDuration::from_hours(24 * 182);
const MEBI: u64 = 1 << 20;

/// What an administrator sets about backups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupSettings {
    /// Made by themselves.
    pub enabled: bool,
    /// Korean time of day.
    pub at: Time,
    /// Days, weeks and months of which the newest backup is kept.
    pub daily: u32,
    pub weekly: u32,
    pub monthly: u32,
    /// What the backup's volume keeps free, MiB.
    pub min_free_mib: u64,
}

impl Record for BackupSettings {
    const NAME: &'static str = "backup settings";
}

impl Default for BackupSettings {
    /// After the Korean market, before the US one, and before most people's Hyper Backup.
    fn default() -> Self {
        Self { enabled: true, at: Time::constant(18, 30, 0, 0), daily: 7, weekly: 4, monthly: 6, min_free_mib: 1024 }
    }
}

impl BackupSettings {
    pub(super) fn min_free(&self) -> u64 {
        self.min_free_mib.saturating_mul(MEBI)
    }

    /// # Errors
    /// `NightTime`, `OutOfRange`.
    pub fn checked(self) -> Result<Self, BackupError> {
        if is_quiet(self.at) {
            return Err(BackupError::NightTime);
        }
        let ranges = [
            ("daily", u64::from(self.daily), 1, 60),
            ("weekly", u64::from(self.weekly), 0, 60),
            ("monthly", u64::from(self.monthly), 0, 60),
            ("min_free_mib", self.min_free_mib, 64, 16 << 20),
        ];
        match ranges.into_iter().find(|(_, found, least, most)| !(least..=most).contains(&found)) {
            Some((what, found, least, most)) => Err(BackupError::OutOfRange { what, found, least, most }),
            None => Ok(self),
        }
    }
}

fn korea() -> TimeZone {
    TimeZone::fixed(Offset::constant(9))
}

fn local(at: Timestamp) -> DateTime {
    korea().to_datetime(at)
}

fn is_quiet(time: Time) -> bool {
    time >= QUIET_FROM || time < QUIET_TO
}

/// The last scheduled time at or before `now`.
fn last_scheduled(settings: &BackupSettings, now: Timestamp) -> Option<Timestamp> {
    let here = local(now);
    let day = if here.time() >= settings.at { here.date() } else { here.date().yesterday().ok()? };
    korea().to_timestamp(day.to_datetime(settings.at)).ok()
}

/// The next scheduled time after `now`; `None` when none are made.
pub fn next_scheduled(settings: &BackupSettings, now: Timestamp) -> Option<Timestamp> {
    let last = last_scheduled(settings, now).filter(|_| settings.enabled)?;
    last.checked_add(SignedDuration::from_hours(24)).ok()
}

/// Whether a backup is to be made now: the last scheduled one was not, and it is no hour of trading.
pub(super) fn is_due(settings: &BackupSettings, last_ok: Option<Timestamp>, last_try: Option<Timestamp>, now: Timestamp) -> bool {
    let Some(scheduled) = last_scheduled(settings, now).filter(|_| settings.enabled && !is_quiet(local(now).time())) else { return false };
    let waited = last_try.is_none_or(|at| at < scheduled || now.duration_since(at) >= AGAIN);
    last_ok.is_none_or(|at| at < scheduled) && waited
}

/// Whether a restore is to be tried now.
pub(super) fn is_drill_due(last: Option<Timestamp>, first: Option<Timestamp>, now: Timestamp) -> bool {
    // A new installation's first drill comes a day after its first backup.
    let due = match (last, first) {
        (Some(last), _) => now.duration_since(last) >= DRILL_EVERY,
        (None, Some(first)) => now.duration_since(first) >= SignedDuration::from_hours(24),
        (None, None) => false,
    };
    due && !is_quiet(local(now).time())
}

/// Which of these backups are kept: the newest of each of the last days, weeks and months that have any.
pub(super) fn kept(settings: &BackupSettings, made: &[Timestamp]) -> BTreeSet<Timestamp> {
    let mut newest: Vec<Timestamp> = made.to_vec();
    newest.sort_unstable();
    newest.reverse();
    let week = |day: Date| day.checked_sub(i64::from(day.weekday().to_monday_zero_offset()).days()).unwrap_or(day);
    let periods: [(&dyn Fn(Date) -> Date, u32); 3] =
        [(&|day| day, settings.daily), (&week, settings.weekly), (&|day| day.first_of_month(), settings.monthly)];
    let mut kept = BTreeSet::new();
    // Whatever the numbers say, the newest stays.
    kept.extend(newest.first());
    for (period, most) in periods {
        let mut seen = BTreeSet::new();
        for at in &newest {
            let first = seen.insert(period(local(*at).date()));
            if seen.len() > most as usize {
                break;
            }
            if first {
                kept.insert(*at);
            }
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_backup_is_due_once_a_day_at_its_time_and_never_while_the_us_trades() {
        let settings = BackupSettings::default();
        // 18:30 in Korea.
        let (before, then) = (at("2026-11-20T09:29:59Z"), at("2026-11-20T09:30:00Z"));
        let yesterday = Some(at("2026-11-19T09:31:00Z"));
        assert!(!is_due(&settings, yesterday, yesterday, before));
        assert!(is_due(&settings, yesterday, yesterday, then));
        assert!(!is_due(&settings, Some(then), Some(then), at("2026-11-21T09:29:00Z")));
        assert_eq!(next_scheduled(&settings, before), Some(then));
        // Off all evening: not at night, but in the morning.
        assert!(!is_due(&settings, yesterday, yesterday, at("2026-11-20T13:00:00Z")));
        assert!(!is_due(&settings, yesterday, yesterday, at("2026-11-20T21:29:00Z")));
        assert!(is_due(&settings, yesterday, yesterday, at("2026-11-20T21:30:00Z")));
        // A failure is tried again after an hour.
        assert!(!is_due(&settings, yesterday, Some(then), at("2026-11-20T10:29:00Z")));
        assert!(is_due(&settings, yesterday, Some(then), at("2026-11-20T10:30:00Z")));
        assert!(is_due(&settings, None, None, at("2026-11-20T01:00:00Z")), "the first one waits for no evening");
        assert!(!is_due(&BackupSettings { enabled: false, ..settings.clone() }, None, None, then));
        assert!(is_drill_due(Some(at("2026-10-20T03:00:00Z")), None, then));
        assert!(!is_drill_due(Some(at("2026-10-25T03:00:00Z")), None, then));
        assert!(!is_drill_due(None, None, then) && is_drill_due(None, Some(at("2026-11-19T09:30:00Z")), then));
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let with = |change: &dyn Fn(&mut BackupSettings)| {
            let mut settings = BackupSettings::default();
            change(&mut settings);
            settings.checked().map_err(|e| e.to_string())
        };
        assert!(with(&|_| {}).is_ok());
        for (hour, ok) in [(22, false), (23, false), (3, false), (6, false), (7, true), (21, true)] {
            assert_eq!(with(&|s| s.at = Time::constant(hour, 0, 0, 0)).is_ok(), ok, "{hour}");
        }
        assert!(with(&|s| s.daily = 0).unwrap_err().contains("daily is 0: use 1 to 60"));
        assert!(with(&|s| s.min_free_mib = 1).unwrap_err().contains("min_free_mib is 1"));
    }

    #[test]
    fn a_year_of_days_leaves_seven_days_four_weeks_and_six_months() {
        let settings = BackupSettings::default();
        let last = at("2026-11-20T09:30:00Z");
        let made: Vec<Timestamp> = (0..365).map(|n| last - SignedDuration::from_hours(24 * n)).collect();
        let kept = kept(&settings, &made);
        let days: Vec<String> = kept.iter().rev().map(|at| local(*at).date().to_string()).collect();
        assert_eq!(
            days,
            [
                "2026-11-20",
                "2026-11-19",
                "2026-11-18",
                "2026-11-17",
                "2026-11-16",
                "2026-11-15",
                "2026-11-14",
                "2026-11-08",
                "2026-11-01",
                "2026-10-31",
                "2026-09-30",
                "2026-08-31",
                "2026-07-31",
                "2026-06-30"
            ]
        );
    }

    proptest! {
        #[test]
        fn the_newest_always_stays_and_no_more_than_asked_for(hours in proptest::collection::vec(0i64..20_000, 1..80), daily in 1u32..9, weekly in 0u32..6, monthly in 0u32..8) {
            let settings = BackupSettings { daily, weekly, monthly, ..BackupSettings::default() };
            let made: Vec<Timestamp> = hours.iter().map(|h| Timestamp::from_second(1_700_000_000 + h * 3_600).unwrap()).collect();
            let kept = kept(&settings, &made);
            prop_assert!(kept.contains(made.iter().max().unwrap()));
            prop_assert!(kept.len() <= (daily + weekly + monthly) as usize);
            // Thinning out twice takes nothing more.
            let again: Vec<Timestamp> = kept.iter().copied().collect();
            prop_assert_eq!(super::kept(&settings, &again), kept);
        }
    }
}
