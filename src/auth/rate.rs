//! How fast one key or one signed-in person may ask: a number of calls per second, ten seconds' worth
//! of it at once. One instant per caller says all about its leaky bucket.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

/// Calls per second of one caller when nothing else is configured: more than a person's pages need.
pub const CALLS_PER_SECOND: u32 = 100;
/// What may come at once: the calls of this time.
const BURST: SignedDuration = SignedDuration::from_secs(10);
/// Above this many entries those that have filled up again are dropped.
const CROWDED: usize = 10_000;

/// Counts calls. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Rates {
    /// What one call costs.
    cost: SignedDuration,
    /// Caller → the instant at which its bucket is full again.
    full_again: Arc<Mutex<HashMap<Uuid, Timestamp>>>,
}

impl Rates {
    pub(super) fn per_second(calls: u32) -> Self {
        let cost = SignedDuration::from_nanos(1_000_000_000 / i64::from(calls.max(1)));
        Self { cost, full_again: Arc::default() }
    }

    /// Counts a call.
    ///
    /// # Errors
    /// How long to wait.
    pub(super) fn take(&self, caller: Uuid, now: Timestamp) -> Result<(), Duration> {
        let mut callers = self.full_again.lock().unwrap_or_else(|e| e.into_inner());
        if callers.len() > CROWDED {
            callers.retain(|_, full| *full > now);
        }
        let full = callers.entry(caller).or_insert(now);
        let used = full.duration_since(now).max(SignedDuration::ZERO);
        // More than there is at all: the clock was set back, which must not lock anybody out.
        let used = if used > BURST { SignedDuration::ZERO } else { used };
        *full = now.saturating_add(used).unwrap_or(now);
        if used + self.cost > BURST {
            return Err(Duration::try_from(used + self.cost - BURST).unwrap_or(Duration::from_secs(1)));
        }
        *full = full.saturating_add(self.cost).unwrap_or(now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(1_800_000_000_000 + millis).unwrap()
    }

    #[test]
    fn ten_seconds_worth_at_once_then_the_rate() {
        let rates = Rates::per_second(5);
        let (anna, ben) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let taken = |who: Uuid, now: i64| (0..1_000).take_while(|_| rates.take(who, at(now)).is_ok()).count();
        assert_eq!(taken(anna, 0), 50);
        assert_eq!(rates.take(anna, at(0)), Err(Duration::from_millis(200)));
        assert_eq!(taken(ben, 0), 50, "another caller has a bucket of its own");
        assert_eq!(taken(anna, 199), 0);
        assert_eq!(taken(anna, 1_000), 5);
        assert_eq!(taken(anna, 3_600_000), 50);
        // The clock is set back by a day.
        assert_eq!(taken(anna, -86_400_000), 50);
    }
}
