//! How fast one key, one signed-in person or one address may ask: a number of calls per second, ten
//! seconds' worth of it at once. One instant per caller says all about its leaky bucket.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
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

/// However many keys a user has, they ask as much as so many; the user's own pages have a rate beside it.
const KEYS_AT_WORK: u32 = 2;
/// An address speaks for several people at once: a family behind one router.
const CALLERS_PER_ADDRESS: u32 = 5;

/// The rates of all kinds of callers. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Rates {
    /// Keys and people.
    pub of_callers: Rate<Uuid>,
    /// All keys of a user together.
    pub of_keyrings: Rate<Uuid>,
    pub of_addresses: Rate<IpAddr>,
}

impl Rates {
    pub(super) fn per_second(calls: u32) -> Self {
        Self {
            of_callers: Rate::per_second(calls),
            of_keyrings: Rate::per_second(calls.saturating_mul(KEYS_AT_WORK)),
            of_addresses: Rate::per_second(calls.saturating_mul(CALLERS_PER_ADDRESS)),
        }
    }
}

/// Who shares a bucket with an address: somebody who has one IPv6 address has the 2^64 of that network.
pub(super) fn place(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64)).into(),
        v4 => v4,
    }
}

/// Counts calls of one kind of callers. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Rate<C> {
    /// What one call costs.
    cost: SignedDuration,
    /// Caller → the instant at which its bucket is full again.
    full_again: Arc<Mutex<HashMap<C, Timestamp>>>,
}

impl<C: Eq + Hash> Rate<C> {
    fn per_second(calls: u32) -> Self {
        let cost = SignedDuration::from_nanos(1_000_000_000 / i64::from(calls.max(1)));
        Self { cost, full_again: Arc::default() }
    }

    /// Counts a call.
    ///
    /// # Errors
    /// How long to wait.
    pub(super) fn take(&self, caller: C, now: Timestamp) -> Result<(), Duration> {
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
    fn neighbours_in_one_ipv6_network_share_a_bucket() {
        let at = |text: &str| place(text.parse().unwrap());
        assert_eq!(at("2001:db8:1:2::1"), at("2001:db8:1:2:ffff::9"));
        assert_ne!(at("2001:db8:1:2::1"), at("2001:db8:1:3::1"));
        assert_eq!(at("::ffff:10.0.0.5"), at("10.0.0.5"));
        assert_ne!(at("10.0.0.5"), at("10.0.0.6"));
    }

    #[test]
    fn ten_seconds_worth_at_once_then_the_rate() {
        let rates = Rate::per_second(5);
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
