//! Slows down guessing. Ten wrong attempts at once per user name and address, then one a minute, and
//! each further one costs twice as long, up to an hour. Sixty at once per address, so that many names from
//! one place do not help; a hundred per name, so that many places do not. A network of IPv6 counts as one
//! address. Nobody is locked out for good, what was right is not counted, and whoever is signed in proves
//! that anew without being held up by what strangers tried.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use super::error::AuthError;
use super::rate::place;
use crate::domain::id::UserId;

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

/// Names a bucket, in the same few bytes however long the name is that a stranger sends.
type Mark = [u8; 16];

fn mark(kind: &str, name: &str, address: &str) -> Mark {
    let digest = Sha256::new().chain_update(kind).chain_update([0]).chain_update(name).chain_update([0]).chain_update(address).finalize();
    let mut mark = Mark::default();
    mark.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    mark
}

/// An attempt that was counted and can be given back, with what it cost in each bucket.
#[derive(Debug)]
pub(super) struct Attempt {
    costs: Vec<(Mark, SignedDuration)>,
}

/// Counts attempts. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Throttle {
    buckets: Arc<Mutex<HashMap<Mark, Bucket>>>,
}

impl Throttle {
    fn lock(&self) -> MutexGuard<'_, HashMap<Mark, Bucket>> {
        self.buckets.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Counts an attempt of somebody who is not signed in.
    ///
    /// # Errors
    /// `Throttled` with the time to wait.
    pub(super) fn attempt(&self, name: &str, address: &str, now: Timestamp) -> Result<Attempt, AuthError> {
        let name = name.to_lowercase();
        let address = address.parse().map_or_else(|_| address.to_owned(), |ip| place(ip).to_string());
        // Without a name there is nobody whose sign-in could be guessed from many places.
        let anywhere = if name.is_empty() { mark("nobody", "", &address) } else { mark("name", &name, "") };
        self.count(
            &[
                (mark("name at address", &name, &address), PER_NAME_AND_ADDRESS),
                (mark("address", "", &address), PER_ADDRESS),
                (anywhere, PER_NAME),
            ],
            now,
        )
    }

    /// Counts an attempt of somebody who is signed in and proves it anew.
    ///
    /// # Errors
    /// `Throttled` with the time to wait.
    pub(super) fn attempt_of(&self, user: UserId, now: Timestamp) -> Result<Attempt, AuthError> {
        self.count(&[(mark("user", &user.to_string(), ""), PER_NAME_AND_ADDRESS)], now)
    }

    fn count(&self, kinds: &[(Mark, i32)], now: Timestamp) -> Result<Attempt, AuthError> {
        let mut buckets = self.lock();
        if buckets.len() > CROWDED {
            buckets.retain(|_, bucket| bucket.full_again > now);
        }
        for (key, size) in kinds {
            let used = buckets.get(key).map_or(SignedDuration::ZERO, |b| b.full_again.duration_since(now).max(SignedDuration::ZERO));
            let room = REFILL * (*size - 1);
            if used > room {
                let wait = Duration::try_from(used - room).unwrap_or(Duration::from_secs(60));
                return Err(AuthError::Throttled { retry_after: wait.max(Duration::from_secs(1)) });
            }
        }
        let cost_of = |(key, size): &(Mark, i32)| {
            let bucket = buckets.entry(*key).or_insert(Bucket { full_again: now, wrong: 0 });
            if bucket.full_again <= now {
                *bucket = Bucket { full_again: now, wrong: 0 };
            }
            let beyond = bucket.wrong.saturating_sub(size.unsigned_abs()).min(MOST_DOUBLINGS);
            let cost = REFILL * 2_i32.pow(beyond);
            bucket.full_again = bucket.full_again.saturating_add(cost).unwrap_or(Timestamp::MAX);
            bucket.wrong += 1;
            (*key, cost)
        };
        Ok(Attempt { costs: kinds.iter().map(cost_of).collect() })
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
    fn neighbours_in_an_ipv6_network_count_as_one_and_long_names_take_no_room() {
        let throttle = Throttle::default();
        let name = "a".repeat(1 << 20);
        let taken = (0..100).filter(|n| throttle.attempt(&format!("{name}{n}"), &format!("2001:db8::{n:x}"), at(0)).is_ok()).count();
        assert_eq!(taken, 60);
        throttle.attempt("anna", "2001:db8:0:1::1", at(0)).unwrap();
    }

    #[test]
    fn strangers_do_not_hold_up_who_is_signed_in() {
        let throttle = Throttle::default();
        while throttle.attempt("anna", "10.0.0.5", at(0)).is_ok() {}
        (0..200).for_each(|n| drop(throttle.attempt("anna", &format!("10.0.1.{n}"), at(0))));
        let user = UserId(uuid::Uuid::from_u128(1));
        assert_eq!((0..20).filter(|_| throttle.attempt_of(user, at(0)).is_ok()).count(), 10);
        throttle.attempt_of(UserId(uuid::Uuid::from_u128(2)), at(0)).unwrap();
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
