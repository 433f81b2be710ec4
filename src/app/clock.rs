//! The clocks of a running program. The only place that reads the machine's time.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

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
}
