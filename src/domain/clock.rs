//! Time as something handed in. Market time (calendar, slots, orders, broker tokens and quotas) can
//! be accelerated for the demo and stepped in tests; wall time (sessions, throttling) never is.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
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

    /// Sets it back, as somebody may do with a machine's clock.
    pub fn set_back(&self, by: Duration) {
        let mut now = self.0.lock().unwrap_or_else(|e| e.into_inner());
        *now = now.saturating_sub(jiff::SignedDuration::try_from(by).unwrap_or_default()).unwrap_or(Timestamp::MIN);
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        let mut now = self.0.lock().unwrap_or_else(|e| e.into_inner());
        *now = later(*now, by);
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

/// A clock that only moves when told, and whose sleepers wait until it has: for tests of programs that
/// wait for several things at once, where a sleep that returns at once would always win.
#[derive(Debug)]
pub struct HeldClock(Mutex<Held>);

#[derive(Debug)]
struct Held {
    now: Timestamp,
    next_sleeper: u64,
    sleepers: BTreeMap<u64, (Timestamp, Option<Waker>)>,
}

impl HeldClock {
    /// A clock that stands at `start`.
    pub fn new(start: Timestamp) -> Self {
        Self(Mutex::new(Held { now: start, next_sleeper: 0, sleepers: BTreeMap::new() }))
    }

    /// Moves the clock forward and wakes everybody whose time has come.
    pub fn advance(&self, by: Duration) {
        let mut held = self.held();
        held.now = later(held.now, by);
        let now = held.now;
        let due: Vec<Waker> = held.sleepers.values_mut().filter(|(until, _)| *until <= now).filter_map(|(_, waker)| waker.take()).collect();
        drop(held);
        due.into_iter().for_each(Waker::wake);
    }

    /// When the first of the sleepers wants to be woken.
    pub fn next_wake(&self) -> Option<Timestamp> {
        self.held().sleepers.values().map(|(until, _)| *until).min()
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(|e| e.into_inner())
    }
}

impl Clock for HeldClock {
    fn now(&self) -> Timestamp {
        self.held().now
    }

    fn sleep(&self, duration: Duration) -> Sleep<'_> {
        let mut held = self.held();
        let (id, until) = (held.next_sleeper, later(held.now, duration));
        held.next_sleeper += 1;
        held.sleepers.insert(id, (until, None));
        Box::pin(Sleeper { clock: self, id, until })
    }
}

/// One sleep on a [`HeldClock`].
struct Sleeper<'a> {
    clock: &'a HeldClock,
    id: u64,
    until: Timestamp,
}

impl Future for Sleeper<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut held = self.clock.held();
        if held.now >= self.until {
            return Poll::Ready(());
        }
        held.sleepers.insert(self.id, (self.until, Some(context.waker().clone())));
        Poll::Pending
    }
}

impl Drop for Sleeper<'_> {
    fn drop(&mut self) {
        self.clock.held().sleepers.remove(&self.id);
    }
}

fn later(at: Timestamp, by: Duration) -> Timestamp {
    at.saturating_add(SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX)).unwrap_or(Timestamp::MAX)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_clock_wakes_sleepers_when_it_is_moved_that_far() {
        let clock = HeldClock::new("2026-05-15T15:00:00Z".parse().unwrap());
        let mut context = Context::from_waker(Waker::noop());
        let (mut short, mut long) = (clock.sleep(Duration::from_secs(5)), clock.sleep(Duration::from_secs(9)));
        assert!(short.as_mut().poll(&mut context).is_pending());
        assert_eq!(clock.next_wake(), Some("2026-05-15T15:00:05Z".parse().unwrap()));
        clock.advance(Duration::from_secs(5));
        assert!(short.as_mut().poll(&mut context).is_ready());
        assert!(long.as_mut().poll(&mut context).is_pending());
        drop(short);
        assert_eq!(clock.next_wake(), Some("2026-05-15T15:00:09Z".parse().unwrap()));
        drop(long);
        assert_eq!(clock.next_wake(), None);
    }
}
