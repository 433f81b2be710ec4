//! Realtime data over the broker's websocket: one session per app key, shared by everybody who wants
//! something from it.

mod approval;
mod crypt;
mod driver;
mod frame;
mod records;
mod session;
mod topics;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

pub use topics::KisFeedAccount;

use self::driver::Driver;
use super::bad_format;
use crate::brokers::BrokerError;
use crate::brokers::feed::{Feed, FeedEvent, FeedHub, FeedPriority, FeedStats, FeedStream, Grants, NotLive, Slots, Topic};
use crate::brokers::http::{HttpClient, Redactor};
use crate::domain::clock::Clock;
use crate::domain::order::BrokerHost;

/// The broker's websocket for live keys.
pub const LIVE_WS_URL: &str = "ws://ops.koreainvestment.com:21000";

/// The broker's websocket for paper keys.
pub const MOCK_WS_URL: &str = "ws://ops.koreainvestment.com:31000";

/// Slots in use: the broker's notices say 41, its own samples stop at 40.
pub const SLOTS: usize = 40;

/// What a feed is built from.
#[derive(Clone, Debug)]
pub struct KisFeedConfig {
    pub host: BrokerHost,
    /// Scheme, host and port of the REST interface; from the server's configuration only.
    pub base_url: String,
    /// Scheme, host and port of the websocket; from the server's configuration only.
    pub ws_url: String,
    pub app_key: SecretString,
    pub app_secret: SecretString,
    /// The accounts of the app key.
    pub accounts: Vec<KisFeedAccount>,
    pub timing: FeedTiming,
}

/// Waits of a feed, in wall time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedTiming {
    /// Until the connection stands.
    pub connect: Duration,
    /// Until a subscription is answered.
    pub answer: Duration,
    /// A session that brings no frame at all for so long is dead: keep-alives come every 110 s at the
    /// slowest.
    pub silence: Duration,
    /// A refused topic is asked for again after this.
    pub refused: Duration,
    /// First and longest wait before another session; doubled from failure to failure.
    pub back_off: (Duration, Duration),
    /// A session that stood for so long was no failure.
    pub steady: Duration,
}

impl Default for FeedTiming {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            answer: Duration::from_secs(10),
            silence: Duration::from_secs(150),
            refused: Duration::from_secs(60),
            back_off: (Duration::from_secs(1), Duration::from_secs(60)),
            steady: Duration::from_secs(60),
        }
    }
}

/// Spreads the returns of many clients after an outage: a number from 0 to 1, new on every call.
#[derive(Clone)]
pub struct Jitter(Arc<dyn Fn() -> f64 + Send + Sync>);

impl Jitter {
    pub fn new(source: impl Fn() -> f64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(source))
    }

    /// From the process's random numbers.
    pub fn random() -> Self {
        Self::new(rand::random::<f64>)
    }

    /// Half of a wait is fixed, half of it is chance.
    fn spread(&self, wait: Duration) -> Duration {
        wait.mul_f64(0.5 + 0.5 * (self.0)().clamp(0.0, 1.0))
    }
}

impl fmt::Debug for Jitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Jitter")
    }
}

/// The feed of one app key. Dropping it ends its session.
#[derive(Debug)]
pub struct KisFeed {
    shared: Arc<Shared>,
    task: AbortHandle,
}

/// What the feed's users and its session share.
#[derive(Debug, Default)]
struct Shared {
    slots: Mutex<Slots>,
    /// Rung when `slots` has changed.
    changed: Notify,
    standing: Mutex<BTreeMap<Topic, Standing>>,
    hub: FeedHub,
    stats: Mutex<FeedStats>,
}

/// How a wanted topic stands; one that is being asked for has none.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Standing {
    Live,
    Not(NotLive),
}

impl KisFeed {
    /// Starts a feed; it connects when the first topic is wanted. Must be called within the runtime.
    /// `market` is the clock of the broker's dates and approval keys, `wall` that of waits.
    ///
    /// # Errors
    /// `Unauthorized` with the code `bad_key_format` when a key cannot be one, `Forbidden` when the
    /// websocket's address is not one.
    pub fn start(
        config: KisFeedConfig,
        http: HttpClient,
        market: Arc<dyn Clock>,
        wall: Arc<dyn Clock>,
        jitter: Jitter,
    ) -> Result<Self, BrokerError> {
        let graphic = |text: &SecretString| !text.expose_secret().is_empty() && text.expose_secret().bytes().all(|b| b.is_ascii_graphic());
        if !graphic(&config.app_key) || !graphic(&config.app_secret) {
            return Err(bad_format("the app key and app secret must be the texts that the broker shows, without blanks"));
        }
        if !config.ws_url.starts_with("ws://") {
            return Err(BrokerError::Forbidden("the websocket's address must begin with ws://".to_owned()));
        }
        let accounts = config.accounts.iter();
        let secrets = Redactor::new(
            [&config.app_key, &config.app_secret]
                .into_iter()
                .chain(accounts.flat_map(|account| [Some(&account.cano), account.hts_id.as_ref()]).flatten())
                .cloned(),
        );
        let shared = Arc::new(Shared::default());
        let driver = Driver::new(config, http, market, wall, jitter, secrets, Arc::clone(&shared));
        let task = tokio::spawn(driver.run()).abort_handle();
        Ok(Self { shared, task })
    }
}

impl Drop for KisFeed {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Feed for KisFeed {
    fn subscribe(&self, topic: Topic, priority: FeedPriority) {
        lock(&self.shared.slots).want(topic, priority);
        self.shared.changed.notify_one();
    }

    fn unsubscribe(&self, topic: &Topic, priority: FeedPriority) {
        lock(&self.shared.slots).release(topic, priority);
        self.shared.changed.notify_one();
    }

    fn is_live(&self, topic: &Topic) -> bool {
        lock(&self.shared.standing).get(topic) == Some(&Standing::Live)
    }

    fn events(&self) -> FeedStream {
        self.shared.hub.listen()
    }

    fn stats(&self) -> FeedStats {
        *lock(&self.shared.stats)
    }
}

impl Shared {
    fn count(&self, change: impl FnOnce(&mut FeedStats)) {
        change(&mut lock(&self.stats));
    }

    /// Takes over how the topics stand now and tells what has changed.
    fn publish<R>(&self, grants: Grants<R>, is_registered: impl Fn(&R) -> bool) {
        let live = grants.granted.into_iter().filter(|(_, r)| is_registered(r)).map(|(topic, _)| (topic, Standing::Live));
        let denied = grants.denied.into_iter().map(|(topic, reason)| (topic, Standing::Not(reason)));
        let now: BTreeMap<Topic, Standing> = live.chain(denied).collect();
        let before = std::mem::replace(&mut *lock(&self.standing), now.clone());
        for (topic, standing) in now {
            if before.get(&topic) == Some(&standing) {
                continue;
            }
            self.hub.tell(match standing {
                Standing::Live => FeedEvent::Live(topic),
                Standing::Not(reason) => FeedEvent::NotLive { topic, reason },
            });
        }
    }

    /// No session any more.
    fn lost(&self, reason: String) {
        lock(&self.standing).clear();
        self.hub.tell(FeedEvent::Lost { reason });
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
