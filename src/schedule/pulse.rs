//! Whether the scheduler is alive: when it last ticked, on a clock that nobody accelerates.

use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};

use crate::domain::clock::Clock;

/// Without a tick for longer than this, trading does not run.
pub const LONGEST_SILENCE: SignedDuration = SignedDuration::from_mins(3);

/// The scheduler's last tick, in wall time. It counts as ticked when the program opened its data, so
/// that a start has time to come to its first tick.
#[derive(Clone, Debug)]
pub struct Pulse {
    wall: Arc<dyn Clock>,
    last: Arc<Mutex<Timestamp>>,
}

/// The scheduler has not ticked for too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the scheduler has not run for {silent_s} seconds (last at {last}), so nothing is traded: restart the server and look into its log"
)]
pub struct Silent {
    pub last: Timestamp,
    pub silent_s: i64,
}

impl Pulse {
    pub fn new(wall: Arc<dyn Clock>) -> Self {
        let last = Arc::new(Mutex::new(wall.now()));
        Self { wall, last }
    }

    /// A tick was carried out.
    pub fn beat(&self) {
        *self.lock() = self.wall.now();
    }

    pub fn last(&self) -> Timestamp {
        *self.lock()
    }

    /// # Errors
    /// [`Silent`] when the last tick is too long ago.
    pub fn check(&self) -> Result<(), Silent> {
        let last = self.last();
        let silence = self.wall.now().duration_since(last);
        if silence > LONGEST_SILENCE { Err(Silent { last, silent_s: silence.as_secs() }) } else { Ok(()) }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Timestamp> {
        self.last.lock().unwrap_or_else(|e| e.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::clock::SteppedClock;

    #[test]
    fn three_minutes_without_a_tick_are_silence_and_a_tick_ends_it() {
        let wall = Arc::new(SteppedClock::new("2026-05-14T12:00:00Z".parse().unwrap()));
        let pulse = Pulse::new(wall.clone());
        wall.advance(Duration::from_secs(180));
        assert_eq!(pulse.check(), Ok(()));
        wall.advance(Duration::from_secs(1));
        let silent = pulse.check().unwrap_err();
        assert_eq!((silent.last, silent.silent_s), ("2026-05-14T12:00:00Z".parse().unwrap(), 181));
        assert!(silent.to_string().contains("has not run for 181 seconds"), "{silent}");
        pulse.beat();
        assert_eq!((pulse.check(), pulse.last()), (Ok(()), wall.now()));
    }
}
