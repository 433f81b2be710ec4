//! Slows down guessing: ten attempts at once, then one a minute, per user name and address; sixty
//! at once per address, so that many names from one place do not help. What was right is not counted.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::error::AuthError;

const PER_NAME: i64 = 10;
const PER_ADDRESS: i64 = 60;
/// One attempt comes back after this.
const REFILL: SignedDuration = SignedDuration::from_secs(60);
/// Above this many entries the ones that have filled up again are dropped.
const CROWDED: usize = 10_000;

/// Attempts that were counted and can be given back.
#[derive(Debug)]
pub(super) struct Attempt {
    keys: [String; 2],
}

/// Counts attempts. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Throttle {
    /// The instant at which a bucket is full again: one number says all about a leaky bucket.
    full_again: Arc<Mutex<HashMap<String, Timestamp>>>,
}

impl Throttle {
    /// Counts an attempt.
    ///
    /// # Errors
    /// `Throttled` with the time to wait.
    pub(super) fn attempt(&self, name: &str, address: &str, now: Timestamp) -> Result<Attempt, AuthError> {
        let keys = [format!("{} at {address}", name.to_lowercase()), format!("anybody at {address}")];
        let mut buckets = self.full_again.lock().unwrap_or_else(|e| e.into_inner());
        if buckets.len() > CROWDED {
            buckets.retain(|_, full| *full > now);
        }
        let limits = [PER_NAME, PER_ADDRESS];
        for (key, size) in keys.iter().zip(limits) {
            let used = buckets.get(key).map_or(SignedDuration::ZERO, |full| full.duration_since(now).max(SignedDuration::ZERO));
            let after = used + REFILL;
            let most = REFILL * i32::try_from(size).unwrap_or(i32::MAX);
            if after > most {
                let wait = Duration::try_from(after - most).unwrap_or(Duration::from_secs(60));
                return Err(AuthError::Throttled { retry_after: wait.max(Duration::from_secs(1)) });
            }
        }
        for key in &keys {
            let full = buckets.entry(key.clone()).or_insert(now);
            *full = (*full).max(now).saturating_add(REFILL).unwrap_or(Timestamp::MAX);
        }
        Ok(Attempt { keys })
    }

    /// Gives an attempt back because it was right.
    pub(super) fn forgive(&self, attempt: &Attempt) {
        let mut buckets = self.full_again.lock().unwrap_or_else(|e| e.into_inner());
        for key in &attempt.keys {
            if let Some(full) = buckets.get_mut(key) {
                *full = full.saturating_sub(REFILL).unwrap_or(Timestamp::MIN);
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
}
