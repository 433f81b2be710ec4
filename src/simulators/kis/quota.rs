//! Calls per second: a sliding window per app key and host.

use std::collections::{HashMap, VecDeque};

use jiff::{SignedDuration, Timestamp};

use crate::domain::order::BrokerHost;

const WINDOW: SignedDuration = SignedDuration::from_secs(1);

/// The calls of the last second, by app key.
#[derive(Debug, Default)]
pub(super) struct Quota {
    calls: HashMap<(BrokerHost, String), VecDeque<Timestamp>>,
}

impl Quota {
    /// Counts a call; false when `most` calls lie in the second before it. A refused call does not count.
    pub fn admit(&mut self, environment: BrokerHost, app_key: &str, now: Timestamp, most: usize) -> bool {
        let calls = self.calls.entry((environment, app_key.to_owned())).or_default();
        while calls.front().is_some_and(|first| now.duration_since(*first) >= WINDOW) {
            calls.pop_front();
        }
        if calls.len() >= most {
            return false;
        }
        calls.push_back(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_slides_and_refused_calls_do_not_count() {
        let mut quota = Quota::default();
        let at = |millis: i64| Timestamp::from_millisecond(1_780_000_000_000 + millis).unwrap();
        let mut admit = |millis| quota.admit(BrokerHost::Mock, "k", at(millis), 2);
        assert!(admit(0));
        assert!(admit(900));
        assert!(!admit(999));
        assert!(admit(1000));
        assert!(!admit(1899));
        assert!(admit(1900));
        assert!(quota.admit(BrokerHost::Live, "k", at(1900), 2), "hosts count apart");
    }
}
