//! Trading sessions as the simulated exchange needs them. The calendar itself is handed in.

use std::fmt::Debug;
use std::sync::LazyLock;

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, ToSpan};

use crate::domain::calendar::Calendar;

/// One regular session of the US market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// Exchange-local (New York) date.
    pub date: Date,
    pub open: Timestamp,
    pub close: Timestamp,
}

/// The longest run of days without a session that is looked through.
const LONGEST_BREAK_DAYS: i32 = 20;

/// Which days have a regular session, and when it opens and closes. Implementations give
/// `session_on`; the rest follows from it.
pub trait SessionCalendar: Send + Sync + Debug {
    /// The regular session of an exchange-local date; `None` on weekends and holidays.
    fn session_on(&self, date: Date) -> Option<Session>;

    /// The last session before a date.
    fn session_before(&self, date: Date) -> Option<Session> {
        (1..=LONGEST_BREAK_DAYS).find_map(|days| self.session_on(date.checked_sub(days.days()).ok()?))
    }

    /// The first session after a date.
    fn session_after(&self, date: Date) -> Option<Session> {
        (1..=LONGEST_BREAK_DAYS).find_map(|days| self.session_on(date.checked_add(days.days()).ok()?))
    }

    /// The session on a date, or the last one before it.
    fn session_on_or_before(&self, date: Date) -> Option<Session> {
        self.session_on(date).or_else(|| self.session_before(date))
    }

    /// The session that runs at `at`, or the last one that opened before.
    fn latest_session(&self, at: Timestamp) -> Option<Session> {
        let today = new_york(at).date();
        self.session_on(today).filter(|session| session.open <= at).or_else(|| self.session_before(today))
    }

    /// The session that runs at `at`: opened, not yet closed.
    fn running_session(&self, at: Timestamp) -> Option<Session> {
        self.latest_session(at).filter(|session| at < session.close)
    }

    /// The session that runs at `at`, or the next one to open.
    fn running_or_next_session(&self, at: Timestamp) -> Option<Session> {
        let today = new_york(at).date();
        self.session_on(today).filter(|session| at < session.close).or_else(|| self.session_after(today))
    }
}

static NEW_YORK: LazyLock<TimeZone> =
    LazyLock::new(|| TimeZone::get("America/New_York").unwrap_or_else(|_| TimeZone::fixed(Offset::constant(-5))));

/// New York wall-clock time of an instant.
pub fn new_york(at: Timestamp) -> DateTime {
    NEW_YORK.to_datetime(at)
}

/// The instant of a New York wall-clock time.
pub fn from_new_york(at: DateTime) -> Option<Timestamp> {
    NEW_YORK.to_timestamp(at).ok()
}

/// Every weekday from 09:30 to 16:00 New York time: no holidays, no early closes.
#[derive(Clone, Copy, Debug, Default)]
pub struct WeekdayCalendar;

impl SessionCalendar for WeekdayCalendar {
    fn session_on(&self, date: Date) -> Option<Session> {
        if matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday) {
            return None;
        }
        let at = |hour, minute| from_new_york(date.to_datetime(Time::constant(hour, minute, 0, 0)));
        Some(Session { date, open: at(9, 30)?, close: at(16, 0)? })
    }
}

/// The product's own calendar; beyond the years that it covers every weekday is a session, so that
/// price histories reach further back than the calendar.
impl SessionCalendar for Calendar {
    fn session_on(&self, date: Date) -> Option<Session> {
        match Calendar::session_on(self, date) {
            Ok(session) => session.map(|session| Session { date, open: session.open, close: session.close }),
            Err(_) => WeekdayCalendar.session_on(date),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn weekday_sessions_follow_new_york_daylight_saving() {
        let winter = WeekdayCalendar.session_on(date(2026, 1, 15)).unwrap();
        let summer = WeekdayCalendar.session_on(date(2026, 5, 14)).unwrap();
        assert_eq!(winter.open.to_string(), "2026-01-15T14:30:00Z");
        assert_eq!(summer.open.to_string(), "2026-05-14T13:30:00Z");
        assert_eq!(summer.close.to_string(), "2026-05-14T20:00:00Z");
    }

    #[test]
    fn the_latest_session_is_fridays_on_a_weekend_and_yesterdays_before_the_open() {
        let sunday: Timestamp = "2026-05-17T12:00:00Z".parse().unwrap();
        let before_open: Timestamp = "2026-05-14T13:29:59Z".parse().unwrap();
        assert_eq!(WeekdayCalendar.latest_session(sunday).unwrap().date, date(2026, 5, 15));
        assert_eq!(WeekdayCalendar.latest_session(before_open).unwrap().date, date(2026, 5, 13));
        assert_eq!(WeekdayCalendar.running_session(before_open), None);
        assert_eq!(WeekdayCalendar.running_or_next_session(before_open).unwrap().date, date(2026, 5, 14));
        let at_close: Timestamp = "2026-05-14T20:00:00Z".parse().unwrap();
        assert_eq!(WeekdayCalendar.running_session(at_close), None);
    }

    #[test]
    fn the_products_calendar_gives_holidays_and_early_closes() {
        let calendar = Calendar::nyse().unwrap();
        let calendar: &dyn SessionCalendar = &calendar;
        assert_eq!(calendar.session_on(date(2025, 12, 25)), None);
        assert_eq!(calendar.session_on(date(2025, 11, 28)).unwrap().close.to_string(), "2025-11-28T18:00:00Z");
        assert_eq!(calendar.session_before(date(2025, 12, 26)).unwrap().date, date(2025, 12, 24));
        assert_eq!(calendar.session_on(date(2012, 12, 25)).unwrap().date, date(2012, 12, 25), "beyond the covered years");
    }
}
