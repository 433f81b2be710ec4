//! Nonces of signed requests that were taken: each counts once. They are kept for twice the window of
//! their timestamps; what is older the timestamps themselves keep out.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard};

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::signature::{SIGNATURE_WINDOW, SignatureHeader};

/// Most that are remembered. A key has at most [`super::rate`]'s share of them.
const MOST: usize = 200_000;

/// The first half of SHA-256 over key and nonce.
type Mark = [u8; 16];

#[derive(Debug, Default)]
struct Inner {
    known: HashSet<Mark>,
    /// With the instant until which they are kept, in the order in which they came.
    order: VecDeque<(Timestamp, Mark)>,
    /// The latest time that the clock has shown.
    latest: Timestamp,
}

/// What a nonce may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    Fresh,
    Replayed,
    /// Nothing more can be remembered, so nothing more is taken.
    Full,
}

/// The memory.
#[derive(Debug)]
pub(super) struct Nonces {
    inner: Mutex<Inner>,
    /// What a program before this one may have taken: timestamps up to here are not taken again.
    before: Timestamp,
}

impl Nonces {
    /// An empty memory of a program that starts now.
    pub(super) fn starting(now: Timestamp) -> Self {
        let inner = Inner { latest: now, ..Inner::default() };
        Self { inner: Mutex::new(inner), before: now.saturating_add(SIGNATURE_WINDOW).unwrap_or(now) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Until when a timestamp may be one that a program before this one took, if it may.
    pub(super) fn forgotten(&self, timestamp: Timestamp) -> Option<Timestamp> {
        (timestamp <= self.before).then_some(self.before)
    }

    /// Whether the nonce of a request was taken.
    pub(super) fn knows(&self, header: &SignatureHeader) -> bool {
        self.lock().known.contains(&mark(header))
    }

    /// Takes the nonce of a request whose signature was right.
    pub(super) fn take(&self, header: &SignatureHeader, now: Timestamp) -> Taken {
        let mut inner = self.lock();
        inner.latest = inner.latest.max(now);
        // After the clock was set back: its nonce may have been dropped already.
        if inner.latest.duration_since(header.timestamp) > SIGNATURE_WINDOW {
            return Taken::Replayed;
        }
        while let Some((until, mark)) = inner.order.front().copied()
            && until < inner.latest
        {
            inner.order.pop_front();
            inner.known.remove(&mark);
        }
        if inner.order.len() >= MOST {
            return Taken::Full;
        }
        let mark = mark(header);
        if !inner.known.insert(mark) {
            return Taken::Replayed;
        }
        let until = inner.latest.saturating_add(SIGNATURE_WINDOW * 2).unwrap_or(Timestamp::MAX);
        inner.order.push_back((until, mark));
        Taken::Fresh
    }
}

fn mark(header: &SignatureHeader) -> Mark {
    let digest = Sha256::new().chain_update(header.key.as_bytes()).chain_update(header.nonce.as_bytes()).finalize();
    let mut mark = Mark::default();
    mark.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    mark
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn header(key: u128, nonce: &str, timestamp: i64) -> SignatureHeader {
        SignatureHeader::for_tests(key, nonce, at(timestamp))
    }

    #[test]
    fn a_nonce_counts_once_per_key_and_is_forgotten_when_its_time_keeps_it_out() {
        let nonces = Nonces::starting(at(-100));
        assert_eq!(nonces.take(&header(1, "a", 0), at(0)), Taken::Fresh);
        assert_eq!(nonces.take(&header(1, "a", 5), at(1)), Taken::Replayed, "with whatever timestamp");
        assert_eq!(nonces.take(&header(2, "a", 0), at(1)), Taken::Fresh);
        assert_eq!(nonces.take(&header(1, "b", 0), at(1)), Taken::Fresh);
        assert_eq!(nonces.take(&header(1, "a", 30), at(60)), Taken::Replayed);
        assert_eq!(nonces.take(&header(1, "a", 61), at(61)), Taken::Fresh);
        assert_eq!(nonces.lock().order.len(), 3, "what is over is dropped");
    }

    #[test]
    fn nothing_from_before_the_start_comes_back() {
        let nonces = Nonces::starting(at(0));
        assert_eq!(nonces.forgotten(at(30)), Some(at(30)), "a client whose clock is ahead may have sent it before");
        assert_eq!(nonces.forgotten(at(31)), None);
    }

    proptest! {
        /// Whatever the clock does, no request is taken twice.
        #[test]
        fn a_request_is_taken_at_most_once(steps in proptest::collection::vec((-90i64..90, -30i64..=30, 0u8..4), 1..60)) {
            let nonces = Nonces::starting(at(-1_000));
            let (mut now, mut taken) = (0, std::collections::HashSet::new());
            for (step, ahead, nonce) in steps {
                now += step;
                let timestamp = now + ahead;
                if nonces.take(&header(1, &nonce.to_string(), timestamp), at(now)) == Taken::Fresh {
                    prop_assert!(taken.insert((nonce, timestamp)));
                }
            }
        }
    }
}
