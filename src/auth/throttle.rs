//! Slows down guessing. Ten wrong attempts at once per user name and address, then one a minute, and
//! each further one costs twice as long, up to an hour. Sixty at once per address, so that many names from
//! one place do not help; a hundred per name, so that many places do not. Nobody is locked out for good,
//! and what was right is not counted.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::error::AuthError;

const PER_NAME_AND_ADDRESS: i32 = 10;
const PER_ADDRESS: i32 = 60;
const PER_NAME: i32 = 100;
/// One attempt comes back after this.
const REFILL: SignedDuration = SignedDuration::from_secs(60);
/// The cost of an attempt doubles so often at most: 64 minutes.
const MOST_DOUBLINGS: u32 = 6;
/// Above this many entries the ones that have filled up again are dropped.
const CROWDED: usize = 10_000;

/// Attempts of one kind.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// The instant at which it is full again: one number says all about a leaky bucket.
    full_again: Timestamp,
    /// Wrong attempts since it was last full.
    wrong: u32,
}

/// An attempt that was counted and can be given back, with what it cost in each bucket.
#[derive(Debug)]
pub(super) struct Attempt {
    costs: [(String, SignedDuration); 3],
}

/// Counts attempts. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Throttle {
    buckets: Arc<Mutex<HashMap<String, Bucket>>>,
}

impl Throttle {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Bucket>> {
        self.buckets.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Counts an attempt.
    ///
    /// # Errors
    /// `Throttled` with the time to wait.
    pub(super) fn attempt(&self, name: &str, address: &str, now: Timestamp) -> Result<Attempt, AuthError> {
        let name = name.to_lowercase();
        // Without a name there is nobody whose sign-in could be guessed from many places.
        let anywhere = if name.is_empty() { format!("nobody at {address}") } else { format!("{name} anywhere") };
        let kinds =
            [(format!("{name} at {address}"), PER_NAME_AND_ADDRESS), (format!("anybody at {address}"), PER_ADDRESS), (anywhere, PER_NAME)];
        let mut buckets = self.lock();
        if buckets.len() > CROWDED {
            buckets.retain(|_, bucket| bucket.full_again > now);
        }
        for (key, size) in &kinds {
            let used = buckets.get(key).map_or(SignedDuration::ZERO, |b| b.full_again.duration_since(now).max(SignedDuration::ZERO));
            let room = REFILL * (*size - 1);
            if used > room {
                let wait = Duration::try_from(used - room).unwrap_or(Duration::from_secs(60));
                return Err(AuthError::Throttled { retry_after: wait.max(Duration::from_secs(1)) });
            }
        }
        let costs = kinds.map(|(key, size)| {
            let bucket = buckets.entry(key.clone()).or_insert(Bucket { full_again: now, wrong: 0 });
            if bucket.full_again <= now {
                *bucket = Bucket { full_again: now, wrong: 0 };
            }
            let beyond = bucket.wrong.saturating_sub(size.unsigned_abs()).min(MOST_DOUBLINGS);
            let cost = REFILL * 2_i32.pow(beyond);
            bucket.full_again = bucket.full_again.saturating_add(cost).unwrap_or(Timestamp::MAX);
            bucket.wrong += 1;
            (key, cost)
        });
        Ok(Attempt { costs })
    }

    /// Gives an attempt back because it was right.
    pub(super) fn forgive(&self, attempt: &Attempt) {
        let mut buckets = self.lock();
        for (key, cost) in &attempt.costs {
            if let Some(bucket) = buckets.get_mut(key) {
                bucket.full_again = bucket.full_again.saturating_sub(*cost).unwrap_or(Timestamp::MIN);
                bucket.wrong = bucket.wrong.saturating_sub(1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    #[test]
    fn ten_attempts_then_one_a_minute_for_a_name_at_an_address() {
        let throttle = Throttle::default();
        for _ in 0..10 {
            throttle.attempt("Anna", "10.0.0.5", at(0)).unwrap();
        }
        let error = throttle.attempt("anna", "10.0.0.5", at(0)).unwrap_err();
        assert!(matches!(error, AuthError::Throttled { retry_after } if retry_after == Duration::from_secs(60)), "{error}");
        assert!(throttle.attempt("anna", "10.0.0.5", at(59)).is_err());
        throttle.attempt("anna", "10.0.0.5", at(60)).unwrap();
        assert!(throttle.attempt("anna", "10.0.0.5", at(60)).is_err());
        assert!(throttle.attempt("anna", "10.0.0.5", at(119)).is_err());
        // Others are not locked out by it.
        throttle.attempt("anna", "10.0.0.6", at(60)).unwrap();
        throttle.attempt("ben", "10.0.0.5", at(60)).unwrap();
    }

    #[test]
    fn many_names_from_one_address_are_slowed_too() {
        let throttle = Throttle::default();
        let taken = (0..100).filter(|n| throttle.attempt(&format!("user{n}"), "10.0.0.5", at(0)).is_ok()).count();
        assert_eq!(taken, 60);
    }

    #[test]
    fn attempts_without_a_name_have_a_bucket_of_their_own() {
        let throttle = Throttle::default();
        let taken = (0..100).filter(|_| throttle.attempt("", "10.0.0.5", at(0)).is_ok()).count();
        assert_eq!(taken, 10);
    }

    #[test]
    fn right_attempts_are_free() {
        let throttle = Throttle::default();
        for _ in 0..1000 {
            let attempt = throttle.attempt("anna", "10.0.0.5", at(0)).unwrap();
            throttle.forgive(&attempt);
        }
    }

    #[test]
    fn who_goes_on_guessing_waits_longer_each_time() {
        let throttle = Throttle::default();
        let (mut now, mut waits) = (0, Vec::new());
        for _ in 0..20 {
            while throttle.attempt("anna", "10.0.0.5", at(now)).is_err() {
                now += 1;
            }
            waits.push(now);
        }
        let waits: Vec<i64> = waits.windows(2).map(|w| w[1] - w[0]).skip(9).collect();
        assert_eq!(waits, [60, 60, 120, 240, 480, 960, 1920, 3840, 3840, 3840]);
    }

    #[test]
    fn one_name_from_many_places_is_slowed_and_others_are_not() {
        let throttle = Throttle::default();
        let taken = (0..200).filter(|n| throttle.attempt("anna", &format!("10.0.1.{n}"), at(0)).is_ok()).count();
        assert_eq!(taken, 100);
        throttle.attempt("ben", "10.0.1.1", at(0)).unwrap();
    }
}
