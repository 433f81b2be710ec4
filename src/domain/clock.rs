//! Time as something handed in. Market time (calendar, slots, orders, broker tokens and quotas) can
//! be accelerated for the demo and stepped in tests; wall time (sessions, throttling) never is.

use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;
use std::time::Duration;

use jiff::civil::{Date, DateTime};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

/// What a clock's `sleep` returns.
pub type Sleep<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// A source of time.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// The present instant on this clock.
    fn now(&self) -> Timestamp;

    /// Waits until this clock has moved on by `duration` of its own time.
    fn sleep(&self, duration: Duration) -> Sleep<'_>;
}

/// A clock that only moves when told. A `sleep` moves it forward and returns at once, so code that
/// waits (rate limits, back-off) runs to its end in a test without waiting.
#[derive(Debug)]
pub struct SteppedClock(Mutex<Timestamp>);

impl SteppedClock {
    /// A clock that stands at `start`.
    pub fn new(start: Timestamp) -> Self {
        Self(Mutex::new(start))
    }

    /// Moves the clock to `at`; a time in the past leaves it where it is.
    pub fn advance_to(&self, at: Timestamp) {
        let mut now = self.0.lock().unwrap_or_else(|e| e.into_inner());
        if at > *now {
            *now = at;
        }
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        let mut now = self.0.lock().unwrap_or_else(|e| e.into_inner());
        *now = now.saturating_add(SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX)).unwrap_or(Timestamp::MAX);
    }
}

impl Clock for SteppedClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap_or_else(|e| e.into_inner())
    }

    fn sleep(&self, duration: Duration) -> Sleep<'_> {
        self.advance(duration);
        Box::pin(std::future::ready(()))
    }
}

/// Korean time. Korea has had no daylight saving since 1988, so a fixed offset is exact.
pub fn kst() -> TimeZone {
    TimeZone::fixed(Offset::constant(9))
}

/// The Korean wall-clock time of an instant.
pub fn kst_datetime(at: Timestamp) -> DateTime {
    Offset::constant(9).to_datetime(at)
}

/// The Korean calendar day of an instant.
pub fn kst_date(at: Timestamp) -> Date {
    kst_datetime(at).date()
}

/// The instant of a Korean wall-clock time.
pub fn from_kst(at: DateTime) -> Timestamp {
    Offset::constant(9).to_timestamp(at).unwrap_or(Timestamp::MIN)
}
