//! What was begun and waits for its answer: one word each, that counts once, for ten minutes, in the
//! browser that began it. Kept in memory: after a restart people begin again.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::super::error::AuthError;
use super::super::rate::place;

/// How long an answer is waited for.
pub(super) const LASTS: SignedDuration = SignedDuration::from_mins(10);
/// Sign-ins that may be under way at once, in all and from one address.
const MOST: usize = 1_000;
const MOST_OF_ONE: usize = 20;

struct Waiting<T> {
    what: T,
    /// SHA-256 of the browser's cookie.
    browser: [u8; 32],
    address: String,
    until: Timestamp,
}

/// Acts that wait, by their word.
pub(super) struct Pending<T>(Mutex<HashMap<String, Waiting<T>>>);

impl<T> Default for Pending<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

fn hash(browser: &str) -> [u8; 32] {
    Sha256::digest(browser).into()
}

impl<T> Pending<T> {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Waiting<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes an act under its word.
    ///
    /// # Errors
    /// `Throttled` when too many wait.
    pub(super) fn begin(&self, word: String, what: T, browser: &str, address: &str, now: Timestamp) -> Result<(), AuthError> {
        let mut waiting = self.lock();
        waiting.retain(|_, w| w.until > now);
        let address = address.parse().map_or_else(|_| address.to_owned(), |ip| place(ip).to_string());
        let of_one = waiting.values().filter(|w| w.address == address).count();
        if of_one >= MOST_OF_ONE {
            return Err(AuthError::Throttled { retry_after: std::time::Duration::from_secs(60) });
        }
        if waiting.len() >= MOST {
            // A flood from many places makes room, not the person who comes next.
            let crowd = |w: &Waiting<T>| waiting.values().filter(|other| other.address == w.address).count();
            let oldest = waiting.iter().max_by_key(|(_, w)| (crowd(w), std::cmp::Reverse(w.until))).map(|(word, _)| word.clone());
            oldest.and_then(|word| waiting.remove(&word));
        }
        let until = now.saturating_add(LASTS).unwrap_or(Timestamp::MAX);
        waiting.insert(word, Waiting { what, browser: hash(browser), address, until });
        Ok(())
    }

    /// Takes an act out, if this browser began it: nobody takes it a second time.
    pub(super) fn take(&self, word: &str, browser: &str, now: Timestamp) -> Option<T> {
        let mut waiting = self.lock();
        let known = waiting.get(word)?;
        if known.until <= now || !bool::from(known.browser.ct_eq(&hash(browser))) {
            return None;
        }
        waiting.remove(word).map(|w| w.what)
    }

    /// Looks at an act without taking it.
    pub(super) fn look<U>(&self, word: &str, browser: &str, now: Timestamp, at: impl FnOnce(&T) -> U) -> Option<U> {
        let waiting = self.lock();
        let known = waiting.get(word).filter(|w| w.until > now && bool::from(w.browser.ct_eq(&hash(browser))))?;
        Some(at(&known.what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    #[test]
    fn a_word_counts_once_for_ten_minutes_in_its_browser() {
        let pending = Pending::default();
        for word in ["a", "b"] {
            pending.begin(word.to_owned(), word, "cookie", "10.0.0.5", at(0)).unwrap();
        }
        assert_eq!(pending.take("a", "other", at(1)), None);
        assert_eq!(pending.take("x", "cookie", at(1)), None);
        assert_eq!(pending.look("a", "cookie", at(1), |w| *w), Some("a"));
        assert_eq!(pending.look("a", "other", at(1), |w| *w), None);
        assert_eq!(pending.take("a", "cookie", at(599)), Some("a"));
        assert_eq!(pending.take("a", "cookie", at(599)), None, "it was used");
        assert_eq!(pending.take("b", "cookie", at(600)), None, "its time is over");
    }

    #[test]
    fn what_waits_is_bounded() {
        let pending = Pending::default();
        let begun = |from: &dyn Fn(usize) -> String, now| {
            (0..2_000).filter(|n| pending.begin(format!("{now} {n}"), (), "cookie", &from(*n), now).is_ok()).count()
        };
        assert_eq!(begun(&|_| "10.0.0.5".to_owned(), at(0)), MOST_OF_ONE);
        assert_eq!(begun(&|n| format!("10.1.{}.{}", n / 250, n % 250), at(1)), 2_000, "the next person is let in");
        assert_eq!(pending.lock().len(), MOST);
        assert_eq!(begun(&|_| "10.0.0.5".to_owned(), at(601)), MOST_OF_ONE, "old ones make room");
    }
}
