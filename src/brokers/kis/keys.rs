//! What all clients of one app key share: the broker counts calls and issues tokens by app key,
//! whichever account or user asks.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use super::auth::TokenKeeper;
use crate::brokers::limit::{Pace, RateLimiter};
use crate::domain::order::BrokerHost;

/// Token and pace of one app key.
#[derive(Clone, Debug)]
pub struct KeyLine {
    pub tokens: Arc<TokenKeeper>,
    pub limiter: Arc<RateLimiter>,
}

/// The lines of one process, by host and by the hash of the app key.
#[derive(Debug, Default)]
pub struct KeyRing(Mutex<HashMap<KeyName, KeyLine>>);

/// An app key at a host, without the key itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyName(BrokerHost, [u8; 32]);

impl KeyName {
    pub fn of(host: BrokerHost, app_key: &SecretString) -> Self {
        Self(host, Sha256::digest(app_key.expose_secret().as_bytes()).into())
    }
}

impl KeyRing {
    /// The line of an app key; the first to ask opens it.
    pub fn line(&self, name: KeyName, open: impl FnOnce() -> KeyLine) -> KeyLine {
        let mut lines = self.0.lock().unwrap_or_else(|e| e.into_inner());
        lines.entry(name).or_insert_with(open).clone()
    }

    /// How the app keys of a host stand with their pace: the slowest share, all that wait, and what all
    /// have waited; `None` while no key of the host is in use.
    pub fn pace(&self, host: BrokerHost) -> Option<Pace> {
        let lines = self.0.lock().unwrap_or_else(|e| e.into_inner());
        lines.iter().filter(|(name, _)| name.0 == host).map(|(_, line)| line.limiter.pace()).reduce(|all, one| Pace {
            share: all.share.min(one.share),
            waiting: all.waiting + one.waiting,
            waited: all.waited.saturating_add(one.waited),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::brokers::kis::MemoryTokenStore;
    use crate::domain::clock::SteppedClock;

    #[test]
    fn one_line_per_key_and_host() {
        let ring = KeyRing::default();
        let clock = Arc::new(SteppedClock::new("2026-07-20T14:00:00Z".parse().unwrap()));
        let line = |host, key: &str| {
            ring.line(KeyName::of(host, &key.into()), || KeyLine {
                tokens: Arc::new(TokenKeeper::new(Arc::new(MemoryTokenStore::default()), clock.clone())),
                limiter: Arc::new(RateLimiter::new(clock.clone(), 1.0)),
            })
        };
        let first = line(BrokerHost::Live, "key-one");
        let again = line(BrokerHost::Live, "key-one");
        assert!(Arc::ptr_eq(&first.tokens, &again.tokens) && Arc::ptr_eq(&first.limiter, &again.limiter));
        for other in [line(BrokerHost::Live, "key-two"), line(BrokerHost::Mock, "key-one")] {
            assert!(!Arc::ptr_eq(&first.tokens, &other.tokens) && !Arc::ptr_eq(&first.limiter, &other.limiter));
        }
        assert!(!format!("{ring:?}").contains("key-one"));
        first.limiter.refused();
        let share = |host| ring.pace(host).map(|pace| pace.share);
        assert_eq!((share(BrokerHost::Live), share(BrokerHost::Mock)), (Some(0.5), Some(1.0)), "the slowest key counts");
        assert_eq!(KeyRing::default().pace(BrokerHost::Live), None);
    }
}
