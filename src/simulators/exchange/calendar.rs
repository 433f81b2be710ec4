//! Trading sessions as the simulated exchange needs them. The calendars themselves are handed in.

use std::fmt::Debug;
use std::sync::{Arc, LazyLock};

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, ToSpan};

use crate::domain::calendar::Calendar;
use crate::domain::clock::{from_kst, kst_date};
use crate::domain::instrument::Market;

/// One regular session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// Exchange-local date.
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

    /// The exchange-local date of an instant.
    fn local_date(&self, at: Timestamp) -> Date {
        new_york(at).date()
    }

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
        let today = self.local_date(at);
        self.session_on(today).filter(|session| session.open <= at).or_else(|| self.session_before(today))
    }

    /// The session that runs at `at`: opened, not yet closed.
    fn running_session(&self, at: Timestamp) -> Option<Session> {
        self.latest_session(at).filter(|session| at < session.close)
    }

    /// The session that runs at `at`, or the next one to open.
    fn running_or_next_session(&self, at: Timestamp) -> Option<Session> {
        let today = self.local_date(at);
        self.session_on(today).filter(|session| at < session.close).or_else(|| self.session_after(today))
    }
}

/// The calendars of both markets.
#[derive(Clone, Debug)]
pub struct Calendars {
    pub us: Arc<dyn SessionCalendar>,
    pub krx: Arc<dyn SessionCalendar>,
}

impl Calendars {
    pub fn of(&self, market: Market) -> &Arc<dyn SessionCalendar> {
        match market {
            Market::Us => &self.us,
            Market::Krx => &self.krx,
        }
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

/// Every weekday from 09:00 to 15:30 Korean time: no holidays, no special days.
#[derive(Clone, Copy, Debug, Default)]
pub struct KrxWeekdayCalendar;

impl SessionCalendar for KrxWeekdayCalendar {
    fn session_on(&self, date: Date) -> Option<Session> {
        if matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday) {
            return None;
        }
        let at = |hour, minute| from_kst(date.to_datetime(Time::constant(hour, minute, 0, 0)));
        Some(Session { date, open: at(9, 0), close: at(15, 30) })
    }

    fn local_date(&self, at: Timestamp) -> Date {
        kst_date(at)
    }
}

/// The product's own calendar; beyond the years that it covers every weekday is a session, so that
/// price histories reach further back than the calendar.
impl SessionCalendar for Calendar {
    fn session_on(&self, date: Date) -> Option<Session> {
        match Calendar::session_on(self, date) {
            Ok(session) => session.map(|session| Session { date, open: session.open, close: session.close }),
            Err(_) => match self.market() {
                Market::Us => WeekdayCalendar.session_on(date),
                Market::Krx => KrxWeekdayCalendar.session_on(date),
            },
        }
    }

    fn local_date(&self, at: Timestamp) -> Date {
        match self.market() {
            Market::Us => new_york(at).date(),
            Market::Krx => kst_date(at),
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

    #[test]
    fn the_korean_calendar_lives_on_korean_days() {
        let calendar = Calendar::krx().unwrap();
        let calendar: &dyn SessionCalendar = &calendar;
        assert_eq!(calendar.session_on(date(2026, 5, 5)), None);
        assert_eq!(calendar.session_on(date(2026, 1, 2)).unwrap().open.to_string(), "2026-01-02T01:00:00Z");
        assert_eq!(calendar.session_on(date(2012, 5, 14)), KrxWeekdayCalendar.session_on(date(2012, 5, 14)));
        // Half past eight in Seoul is still the day before in New York and in UTC.
        let early: Timestamp = "2026-05-13T23:30:00Z".parse().unwrap();
        assert_eq!((calendar.local_date(early), new_york(early).date()), (date(2026, 5, 14), date(2026, 5, 13)));
        assert_eq!(calendar.running_session(early), None);
        assert_eq!(calendar.running_or_next_session(early).unwrap().date, date(2026, 5, 14));
        let noon: Timestamp = "2026-05-14T03:00:00Z".parse().unwrap();
        assert_eq!(calendar.running_session(noon).unwrap().date, date(2026, 5, 14));
    }
}
