//! Realtime feeds: one session per app key, shared by all that its account wants of it. An app key
//! belongs to one account of the installation, so accounts and feeds go together. A feed makes things
//! faster and nothing else: what it does not bring is polled.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures_util::FutureExt;
use secrecy::ExposeSecret;
use serde::Serialize;
use tokio::task::AbortHandle;
use utoipa::ToSchema;

use super::config::BrokerHosts;
use crate::auth::Vault;
use crate::brokers::feed::{Feed, FeedEvent, FeedPriority, FeedStats, FeedStream, NotLive, NoticeKind, Topic};
use crate::brokers::http::HttpClient;
use crate::brokers::kis::ws::{FeedTiming, Jitter, KisFeed, KisFeedAccount, KisFeedConfig};
use crate::domain::clock::Clock;
use crate::domain::id::{AccountId, UserId};
use crate::domain::instrument::Market;
use crate::domain::order::{BrokerHost, Environment};
use crate::storage::tables::{SECRETS, secret};
use crate::storage::{Store, StoreError, account_key};
use crate::trading::{Trading, TradingError};

/// Notices that come closer together than this are answered by one reading.
const READING_PAUSE: Duration = Duration::from_millis(100);

/// How the notices of an account's executions come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NoticeState {
    /// No login name was entered: fills are found by asking.
    NoHtsId,
    /// The session is being made.
    Connecting,
    Live,
    /// The broker refused, or the connection is lost; it is tried again, and fills are found by asking.
    Interrupted,
}

/// An account whose key can open a session.
#[derive(Clone, Debug, PartialEq)]
struct Keyed {
    user: UserId,
    account: AccountId,
    host: BrokerHost,
    /// The sealed key and login name: they change when what they hide does.
    fingerprint: (Environment, String, String),
}

/// The feed of one app key.
#[derive(Debug)]
struct Running {
    keyed: Keyed,
    feed: Arc<KisFeed>,
    has_hts_id: bool,
    wanted: BTreeSet<(FeedPriority, Topic)>,
    /// The last word on why notices do not come; `None` since they last did.
    trouble: Arc<Mutex<Option<String>>>,
    listener: AbortHandle,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

/// All feeds of a running program.
pub struct Feeds {
    store: Store,
    vault: Vault,
    hosts: BrokerHosts,
    http: HttpClient,
    market: Arc<dyn Clock>,
    wall: Arc<dyn Clock>,
    trading: Arc<Trading>,
    running: Mutex<HashMap<AccountId, Running>>,
}

impl std::fmt::Debug for Feeds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Feeds")
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|e| e.into_inner())
}

impl Feeds {
    /// No session is made before the first [`Feeds::refresh`]. Waits are on the `wall` clock, whose
    /// sleepers must really sleep.
    pub fn new(
        store: Store,
        vault: Vault,
        hosts: BrokerHosts,
        http: HttpClient,
        clocks: (Arc<dyn Clock>, Arc<dyn Clock>),
        trading: Arc<Trading>,
    ) -> Self {
        let (market, wall) = clocks;
        Self { store, vault, hosts, http, market, wall, trading, running: Mutex::default() }
    }

    /// Brings the sessions up to the accounts and keys as they are now, and their topics up to what is
    /// held, traded and looked at. Must be called within the runtime.
    ///
    /// # Errors
    /// When the accounts cannot be read; one account's failure is logged and harms no other.
    pub fn refresh(&self) -> Result<(), StoreError> {
        let keyed: HashMap<AccountId, Keyed> = self.keyed()?.into_iter().map(|keyed| (keyed.account, keyed)).collect();
        let mut running = lock(&self.running);
        running.retain(|account, feed| keyed.get(account) == Some(&feed.keyed));
        for (account, keyed) in keyed {
            if self.hosts.socket(keyed.host).is_none() {
                continue;
            }
            let feed = match running.entry(account) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(free) => match self.start(keyed) {
                    Ok(started) => free.insert(started),
                    Err(error) => {
                        tracing::warn!(account_id = %account, %error, "no realtime feed for this account");
                        continue;
                    }
                },
            };
            if let Err(error) = feed.follow(&self.trading) {
                tracing::warn!(account_id = %account, %error, "the topics of a feed cannot be told");
            }
        }
        Ok(())
    }

    /// Ends all sessions.
    pub fn close(&self) {
        lock(&self.running).clear();
    }

    /// How the account's notices come, and in trouble the reason.
    pub fn notices(&self, account: AccountId, has_hts_id: bool) -> (NoticeState, Option<String>) {
        if !has_hts_id {
            return (NoticeState::NoHtsId, None);
        }
        let running = lock(&self.running);
        let Some(feed) = running.get(&account) else { return (NoticeState::Connecting, None) };
        let live = |market| feed.feed.is_live(&Topic::Executions { account, market });
        if live(Market::Us) && live(Market::Krx) {
            return (NoticeState::Live, None);
        }
        match lock(&feed.trouble).clone() {
            Some(reason) => (NoticeState::Interrupted, Some(reason)),
            None => (NoticeState::Connecting, None),
        }
    }

    /// Whether any account has a broker key.
    pub fn is_anybody_keyed(&self) -> bool {
        self.keyed().is_ok_and(|keyed| !keyed.is_empty())
    }

    /// Counters of an account's feed; `None` where it has none.
    pub fn stats(&self, account: AccountId) -> Option<FeedStats> {
        lock(&self.running).get(&account).map(|running| running.feed.stats())
    }

    /// Every account that has a broker key.
    fn keyed(&self) -> Result<Vec<Keyed>, StoreError> {
        self.store.read(|view| {
            let mut keyed = Vec::new();
            for user in view.user_ids()? {
                let rows = view.user(user);
                for account in rows.accounts()? {
                    let Some(host) = account.environment.host() else { continue };
                    let sealed = |kind| {
                        let key = account_key(account.id).text(kind);
                        rows.get(&SECRETS, &key).map(|s| s.map(|s| s.ciphertext).unwrap_or_default())
                    };
                    let fingerprint = (account.environment, sealed(secret::APP_SECRET)?, sealed(secret::HTS_ID)?);
                    if !fingerprint.1.is_empty() {
                        keyed.push(Keyed { user, account: account.id, host, fingerprint });
                    }
                }
            }
            Ok(keyed)
        })
    }

    fn start(&self, keyed: Keyed) -> Result<Running, TradingError> {
        let Keyed { user, account, host, .. } = keyed;
        let open = |kind| {
            let opened = self.store.user(user).read(|v| self.vault.open(v, account, kind));
            opened.map_err(|e| TradingError::refused("broker_key_unreadable", e.to_string()))
        };
        let need = |kind| open(kind)?.ok_or_else(|| TradingError::refused("no_broker_key", "the broker key is not complete"));
        let hts_id = open(secret::HTS_ID)?;
        let has_hts_id = hts_id.is_some();
        let base_url = match host {
            BrokerHost::Live => self.hosts.live.clone(),
            BrokerHost::Mock => self.hosts.mock.clone(),
        };
        let config = KisFeedConfig {
            host,
            base_url,
            ws_url: self.hosts.socket(host).unwrap_or_default().to_owned(),
            app_key: need(secret::APP_KEY)?,
            app_secret: need(secret::APP_SECRET)?,
            accounts: vec![KisFeedAccount {
                account,
                hts_id,
                cano: need(secret::CANO)?,
                product: need(secret::PRODUCT)?.expose_secret().to_owned(),
            }],
            timing: FeedTiming::default(),
        };
        let feed = Arc::new(KisFeed::start(config, self.http.clone(), self.market.clone(), self.wall.clone(), Jitter::random())?);
        let trouble = Arc::<Mutex<Option<String>>>::default();
        let listener = Listener {
            trading: self.trading.clone(),
            wall: self.wall.clone(),
            user,
            account,
            trouble: trouble.clone(),
            events: feed.events(),
        };
        let listener = tokio::spawn(listener.run()).abort_handle();
        Ok(Running { keyed, feed, has_hts_id, wanted: BTreeSet::new(), trouble, listener })
    }
}

impl Running {
    /// Subscribes to what is wanted now and was not, and takes back what is wanted no more.
    fn follow(&mut self, trading: &Trading) -> Result<(), TradingError> {
        let Keyed { user, account, host, .. } = self.keyed;
        let topics = trading.feed_topics(user, account, host, self.has_hts_id)?;
        let wanted: BTreeSet<_> = topics.into_iter().map(|(topic, priority)| (priority, topic)).collect();
        for (priority, topic) in wanted.difference(&self.wanted) {
            self.feed.subscribe(topic.clone(), *priority);
        }
        for (priority, topic) in self.wanted.difference(&wanted) {
            self.feed.unsubscribe(topic, *priority);
        }
        self.wanted = wanted;
        Ok(())
    }
}

/// Hears one feed.
struct Listener {
    trading: Arc<Trading>,
    wall: Arc<dyn Clock>,
    user: UserId,
    account: AccountId,
    trouble: Arc<Mutex<Option<String>>>,
    events: FeedStream,
}

impl Listener {
    async fn run(mut self) {
        while let Some(event) = self.events.next().await {
            let mut read = self.take(event);
            // Notices come in bursts: one reading answers all that wait.
            while let Some(Some(event)) = self.events.next().now_or_never() {
                read |= self.take(event);
            }
            if read {
                if let Err(error) = self.trading.notice_arrived(self.user, self.account).await {
                    tracing::debug!(account_id = %self.account, %error, "a notice could not be followed up; polling goes on");
                }
                self.wall.sleep(READING_PAUSE).await;
            }
        }
    }

    /// Tells whether the broker's list should be read now.
    fn take(&self, event: FeedEvent) -> bool {
        match event {
            FeedEvent::Trade(trade) => {
                self.trading.quotes().trade(&trade.symbol, trade.price, trade.at);
                false
            }
            FeedEvent::Execution(notice) => notice.kind != NoticeKind::Accepted,
            // What happened while nobody listened was noticed by nobody.
            FeedEvent::Live(Topic::Executions { .. }) => {
                *lock(&self.trouble) = None;
                true
            }
            FeedEvent::Missed { notices, .. } => notices,
            FeedEvent::NotLive { topic: Topic::Executions { .. }, reason } => {
                *lock(&self.trouble) = Some(words(&reason));
                false
            }
            FeedEvent::Lost { reason } => {
                *lock(&self.trouble) = Some(reason);
                false
            }
            FeedEvent::Connected | FeedEvent::Live(_) | FeedEvent::NotLive { .. } | FeedEvent::Book(_) => false,
        }
    }
}

fn words(reason: &NotLive) -> String {
    match reason {
        NotLive::NoSlot => "the broker's registrations are used up".to_owned(),
        NotLive::Unsupported => "the broker does not offer this".to_owned(),
        NotLive::Refused { code, message } => format!("{message} ({code})"),
    }
}
