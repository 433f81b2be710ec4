//! The clocks of a running program. The only place that reads the machine's time.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use crate::domain::calendar::{Calendar, Session};
use crate::domain::clock::{Clock, Sleep};

/// The machine's own time.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn sleep(&self, duration: Duration) -> Sleep<'_> {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// Measures how long something takes: each call tells the time since it was made.
pub fn stopwatch() -> impl Fn() -> Duration {
    let began = Instant::now();
    move || began.elapsed()
}

/// Time that starts where it is told and runs `speed` times as fast as the machine's: market time of
/// the demo.
#[derive(Clone, Copy, Debug)]
pub struct AcceleratedClock {
    start: Timestamp,
    started: Instant,
    speed: f64,
}

impl AcceleratedClock {
    /// Starts now. A speed that is not a positive number counts as 1.
    pub fn new(start: Timestamp, speed: f64) -> Self {
        let speed = if speed.is_finite() && speed > 0.0 { speed } else { 1.0 };
        Self { start, started: Instant::now(), speed }
    }

    /// How many market seconds pass in one second.
    pub fn speed(&self) -> f64 {
        self.speed
    }

    fn after(&self, elapsed: Duration) -> Timestamp {
        let passed = SignedDuration::try_from_secs_f64(elapsed.as_secs_f64() * self.speed).unwrap_or(SignedDuration::MAX);
        self.start.saturating_add(passed).unwrap_or(Timestamp::MAX)
    }
}

impl Clock for AcceleratedClock {
    fn now(&self) -> Timestamp {
        self.after(self.started.elapsed())
    }

    fn sleep(&self, duration: Duration) -> Sleep<'_> {
        let real = Duration::try_from_secs_f64(duration.as_secs_f64() / self.speed).unwrap_or(Duration::MAX);
        Box::pin(tokio::time::sleep(real))
    }
}

/// The demo's market time: fast through the nights in which something happens, much faster through
/// days and holidays.
#[derive(Debug)]
pub struct DemoClock {
    calendar: Calendar,
    speed: f64,
    state: Mutex<(Instant, Timestamp)>,
}

/// How much faster the quiet hours pass.
const QUIET: f64 = 40.0;
/// The fast-forward ends this long before the open, so that the readiness line is seen, …
const LEAD: SignedDuration = SignedDuration::from_mins(75);
/// … and begins this long after the close, when the report is there.
const TRAIL: SignedDuration = SignedDuration::from_mins(30);

impl DemoClock {
    /// Starts now. A speed that is not a positive number counts as 1.
    pub fn new(calendar: Calendar, start: Timestamp, speed: f64) -> Self {
        let speed = if speed.is_finite() && speed > 0.0 { speed } else { 1.0 };
        Self { calendar, speed, state: Mutex::new((Instant::now(), start)) }
    }

    /// Speed at an instant, and until when it holds.
    fn pace(&self, at: Timestamp) -> (f64, Timestamp) {
        let session = self.calendar.trading_date_for(at).and_then(|date| self.calendar.session_from(date));
        let Ok(session) = session else { return (self.speed, Timestamp::MAX) };
        let window = |s: &Session| (s.open.saturating_sub(LEAD).unwrap_or(s.open), s.close.saturating_add(TRAIL).unwrap_or(s.close));
        let (begin, end) = window(&session);
        if at < begin {
            (self.speed * QUIET, begin)
        } else if at < end {
            (self.speed, end)
        } else {
            let next = self.calendar.next_session(session.date).map_or(Timestamp::MAX, |s| window(&s).0);
            (self.speed * QUIET, next)
        }
    }

    /// Market time `elapsed` real seconds after `from`.
    fn after(&self, from: Timestamp, elapsed: Duration) -> Timestamp {
        let (mut at, mut left) = (from, elapsed.as_secs_f64());
        while left > 0.0 {
            let (pace, until) = self.pace(at);
            let span = until.duration_since(at).as_secs_f64();
            if span > left * pace {
                return at.saturating_add(SignedDuration::from_secs_f64(left * pace)).unwrap_or(Timestamp::MAX);
            }
            at = until;
            left -= span / pace;
        }
        at
    }
}

impl Clock for DemoClock {
    fn now(&self) -> Timestamp {
        let mut state = self.state.lock().unwrap_or_else(|e| e.into_inner());
        let real = Instant::now();
        let now = self.after(state.1, real.duration_since(state.0));
        *state = (real, now);
        now
    }

    fn sleep(&self, duration: Duration) -> Sleep<'_> {
        Box::pin(async move {
            let start = self.now();
            let target = start.saturating_add(SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)).unwrap_or(Timestamp::MAX);
            loop {
                let now = self.now();
                if now >= target {
                    return;
                }
                let left = target.duration_since(now).as_secs_f64() / self.pace(now).0;
                tokio::time::sleep(Duration::from_secs_f64(left.clamp(0.000_5, 60.0))).await;
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accelerated_time_runs_in_proportion() {
        let start: Timestamp = "2026-11-20T00:00:00Z".parse().unwrap();
        let clock = AcceleratedClock::new(start, 600.0);
        assert_eq!(clock.after(Duration::ZERO), start);
        assert_eq!(clock.after(Duration::from_secs(6)), start + SignedDuration::from_hours(1));
        assert!(clock.now() >= start);
        for odd in [0.0, -3.0, f64::NAN, f64::INFINITY] {
            assert!((AcceleratedClock::new(start, odd).speed() - 1.0).abs() < f64::EPSILON);
        }
    }

    #[test]
    fn demo_time_hurries_through_the_day_and_walks_through_the_night() {
        let noon: Timestamp = "2026-05-19T03:00:00Z".parse().unwrap();
        let clock = DemoClock::new(Calendar::nyse().unwrap(), noon, 300.0);
        // 2026-05-19 opens at 22:30 in Korea; the walk begins at 21:15.
        let evening: Timestamp = "2026-05-19T12:15:00Z".parse().unwrap();
        let day = Duration::from_secs_f64(evening.duration_since(noon).as_secs_f64() / (300.0 * QUIET));
        assert_eq!(clock.pace(noon), (300.0 * QUIET, evening));
        let later = clock.after(noon, day + Duration::from_secs(10));
        assert!((later.duration_since(evening).as_secs_f64() - 3_000.0).abs() < 1.0, "ten seconds of the night are 50 minutes");
    }
}
