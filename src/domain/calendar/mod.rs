//! Exchange calendars: which days have a session and from when to when.
//!
//! The days are data (`data-fixtures/calendars`), embedded in the program and extended by an
//! override text in the same format, because exchanges also close by decree. Beyond the covered
//! years there is an error, never a guess.

mod file;

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

use super::clock::kst_datetime;
use super::instrument::Market;

const NYSE: &str = include_str!("../../../data-fixtures/calendars/nyse.toml");
const KRX: &str = include_str!("../../../data-fixtures/calendars/krx.toml");

/// One trading session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Session {
    /// The trading date: the exchange's own calendar day.
    pub date: Date,
    pub open: Timestamp,
    pub close: Timestamp,
    /// Closes before the regular time.
    pub early: bool,
}

impl Session {
    /// Whether the session trades at `at`; the close itself no longer does.
    pub fn is_open(&self, at: Timestamp) -> bool {
        self.open <= at && at < self.close
    }
}

/// Why a calendar cannot answer or cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CalendarError {
    #[error("{date} lies outside the {market} calendar, which covers {first} to {last}: add the missing year with a calendar override")]
    Uncovered { market: &'static str, date: Date, first: Date, last: Date },
    #[error("calendar line {line}, field '{field}': {problem}")]
    File { line: usize, field: String, problem: String },
    #[error("the session of {date} has no instant in the zone of the {market} calendar")]
    NoInstant { market: &'static str, date: Date },
}

/// Opening and closing time on the exchange's own clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Hours {
    open: Time,
    close: Time,
}

/// The sessions of one exchange.
#[derive(Clone, Debug)]
pub struct Calendar {
    market: Market,
    zone: TimeZone,
    regular: Hours,
    /// Close of an early-closing day; absent where the exchange has none.
    early_close: Option<Time>,
    first: Date,
    last: Date,
    closed: BTreeSet<Date>,
    special: BTreeMap<Date, Hours>,
}

impl Calendar {
    /// The calendar of US instruments, as shipped with the program.
    ///
    /// # Errors
    /// [`CalendarError::File`] when the embedded text is damaged.
    pub fn nyse() -> Result<Self, CalendarError> {
        file::parse(NYSE)
    }

    /// The calendar of the Korea Exchange, as shipped with the program.
    ///
    /// # Errors
    /// [`CalendarError::File`] when the embedded text is damaged.
    pub fn krx() -> Result<Self, CalendarError> {
        file::parse(KRX)
    }

    /// The shipped calendar of a market.
    ///
    /// # Errors
    /// [`CalendarError::File`] when the embedded text is damaged.
    pub fn of(market: Market) -> Result<Self, CalendarError> {
        match market {
            Market::Us => Self::nyse(),
            Market::Krx => Self::krx(),
        }
    }

    /// This calendar with the dates of an override text merged in (same format as the shipped files).
    ///
    /// # Errors
    /// [`CalendarError::File`] naming line and field of the first thing that is wrong.
    pub fn with_override(&self, text: &str) -> Result<Self, CalendarError> {
        file::merge(self, text)
    }

    pub fn market(&self) -> Market {
        self.market
    }

    /// First and last date that this calendar knows.
    pub fn covers(&self) -> (Date, Date) {
        (self.first, self.last)
    }

    /// The session of a trading date; `None` when the exchange is closed.
    ///
    /// # Errors
    /// [`CalendarError::Uncovered`] beyond the known years.
    pub fn session_on(&self, date: Date) -> Result<Option<Session>, CalendarError> {
        if date < self.first || date > self.last {
            let market = self.market.code();
            return Err(CalendarError::Uncovered { market, date, first: self.first, last: self.last });
        }
        if is_weekend(date) || self.closed.contains(&date) {
            return Ok(None);
        }
        let hours = self.special.get(&date).copied().unwrap_or(self.regular);
        let open = self.instant(date, hours.open)?;
        let close = self.instant(date, hours.close)?;
        Ok(Some(Session { date, open, close, early: hours.close < self.regular.close }))
    }

    /// The exchange's own calendar day at an instant.
    pub fn local_date(&self, at: Timestamp) -> Date {
        at.to_zoned(self.zone.clone()).date()
    }

    /// The session that is trading at an instant (open included, close excluded).
    ///
    /// # Errors
    /// [`CalendarError::Uncovered`] beyond the known years.
    pub fn session_at(&self, at: Timestamp) -> Result<Option<Session>, CalendarError> {
        let date = self.local_date(at);
        Ok(self.session_on(date)?.filter(|s| s.is_open(at)))
    }

    /// The trading date that something done at `at` belongs to.
    ///
    /// A US trading date lasts from noon to noon in Korea: it holds the whole session (22:30 to 06:00
    /// KST at most) with what is prepared before it and reported after it, so 23:45 and 00:05 of one
    /// night are the same trading date. A Korean trading date is the calendar day. What falls on a
    /// day without a session belongs to the next one.
    ///
    /// # Errors
    /// [`CalendarError::Uncovered`] beyond the known years.
    pub fn trading_date_for(&self, at: Timestamp) -> Result<Date, CalendarError> {
        let day = kst_datetime(at).saturating_sub(self.day_start()).date();
        Ok(self.session_from(day)?.date)
    }

    /// The last session before a date.
    ///
    /// # Errors
    /// [`CalendarError::Uncovered`] when it would lie before the known years.
    pub fn previous_session(&self, date: Date) -> Result<Session, CalendarError> {
        let mut day = date;
        loop {
            day = day.saturating_sub(1.day());
            if let Some(session) = self.session_on(day)? {
                return Ok(session);
            }
        }
    }

    /// The first session after a date.
    ///
    /// # Errors
    /// [`CalendarError::Uncovered`] when it would lie beyond the known years.
    pub fn next_session(&self, date: Date) -> Result<Session, CalendarError> {
        self.session_from(date.saturating_add(1.day()))
    }

    /// The session of a date, or the first one after it.
    ///
    /// # Errors
    /// [`CalendarError::Uncovered`] when it would lie beyond the known years.
    pub fn session_from(&self, date: Date) -> Result<Session, CalendarError> {
        let mut day = date;
        loop {
            if let Some(session) = self.session_on(day)? {
                return Ok(session);
            }
            day = day.saturating_add(1.day());
        }
    }

    /// All sessions from `first` to `last`, both included.
    ///
    /// # Errors
    /// [`CalendarError::Uncovered`] when a part of the range is not known.
    pub fn sessions(&self, first: Date, last: Date) -> Result<Vec<Session>, CalendarError> {
        let mut found = Vec::new();
        let mut day = first;
        while day <= last {
            found.extend(self.session_on(day)?);
            day = day.saturating_add(1.day());
        }
        Ok(found)
    }

    /// Whether the old program's jobs ran on this Korean date: the US session that ends in its
    /// morning is the one of the day before.
    ///
    /// # Errors
    /// [`CalendarError::Uncovered`] beyond the known years.
    pub fn is_kst_trading_day(&self, date: Date) -> Result<bool, CalendarError> {
        Ok(self.session_on(date.saturating_sub(1.day()))?.is_some())
    }

    /// When a trading date begins, after midnight in Korea.
    fn day_start(&self) -> SignedDuration {
        match self.market {
            Market::Us => SignedDuration::from_hours(12),
            Market::Krx => SignedDuration::ZERO,
        }
    }

    fn instant(&self, date: Date, time: Time) -> Result<Timestamp, CalendarError> {
        let zoned = date.to_datetime(time).to_zoned(self.zone.clone());
        zoned.map(|z| z.timestamp()).map_err(|_| CalendarError::NoInstant { market: self.market.code(), date })
    }
}

/// The Korean date a number of days before an instant's; brokers are asked for executions from it on.
pub fn kst_days_before(at: Timestamp, days: u16) -> Date {
    kst_datetime(at).date().saturating_sub(i64::from(days).days())
}

fn is_weekend(date: Date) -> bool {
    matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday)
}

#[cfg(test)]
mod tests;
