//! The heart: one `tick` looks at every account, runs what is due, and lets no account wait for
//! another. All state is in the store, so a restart goes on where the last tick stopped.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use futures_util::FutureExt;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::json;
use tokio::task::JoinSet;

use super::bus::{Bus, LiveEvent};
use super::error::TradingError;
use super::line::{Connector, Line};
use super::night::missed::Hindrance;
use super::orders::auction::Auctions;
use super::orders::gate::Window;
use super::orders::notices::Watched;
use super::orders::paper::own_account_id;
use super::orders::reconcile::{Searches, keep};
use super::orders::service::OrderService;
use super::prices::listings::Relistings;
use super::prices::quotes::Quotes;
use super::reconciliation::balance::BrokerBalances;
use super::reconciliation::differences::Holds;
use super::reconciliation::positions::Comparisons;
use super::trial::Trial;
use crate::brokers::BrokerError;
use crate::domain::account::Account;
use crate::domain::calendar::Calendar;
use crate::domain::clock::Clock;
use crate::domain::id::{AccountId, MessageId, UserId};
use crate::domain::instrument::{Exchange, Market};
use crate::domain::message::{Message, Notice};
use crate::domain::order::{Environment, Order};
use crate::market::Catalog;
use crate::storage::tables::{LISTINGS, Listing, MESSAGES};
use crate::storage::{Key, Store, StoreError};

/// What trading asks of the machine that it runs on.
pub trait Surroundings: Send + Sync + std::fmt::Debug {
    /// Free bytes where the data lies.
    fn disk_free(&self) -> Option<u64>;
}

/// The sessions of every market.
#[derive(Clone, Debug)]
pub struct Calendars {
    pub us: Arc<Calendar>,
    pub krx: Arc<Calendar>,
}

/// A problem that an account has right now.
#[derive(Clone, Debug, PartialEq)]
pub struct Attention {
    pub code: String,
    pub detail: String,
    pub since: jiff::Timestamp,
}

/// An account's problem with what its owner was told of it.
#[derive(Debug)]
struct Trouble {
    attention: Attention,
    last_failure: jiff::Timestamp,
    told: HashSet<String>,
}

/// A problem is over when the broker has answered this long after the last failure. Shorter, and a
/// broker that answers now and then would fill the messages.
const CALM: jiff::SignedDuration = jiff::SignedDuration::from_secs(60);

/// Trading for all accounts.
pub struct Trading {
    pub(super) store: Store,
    pub(super) clock: Arc<dyn Clock>,
    /// US sessions: the bots' market.
    pub(super) calendar: Arc<Calendar>,
    pub(super) krx: Arc<Calendar>,
    pub(super) connector: Arc<dyn Connector>,
    surroundings: Arc<dyn Surroundings>,
    trial: Arc<Trial>,
    pub(super) service: OrderService,
    pub(super) bus: Bus,
    pub(super) quotes: Quotes,
    pub(super) searches: Searches,
    pub(super) comparisons: Comparisons,
    pub(super) holds: Holds,
    pub(super) relistings: Relistings,
    pub(super) watched: Watched,
    pub(super) listed: Catalog,
    pub(super) at_broker: BrokerBalances,
    pub(super) auctions: Auctions,
    /// Accounts that a tick is working on: the next tick leaves them alone.
    busy: Mutex<HashSet<(UserId, AccountId)>>,
    trouble: Mutex<HashMap<(UserId, AccountId), Trouble>>,
    /// When each account's broker gave its last good answer.
    heard: Mutex<HashMap<(UserId, AccountId), jiff::Timestamp>>,
    /// The newest message of each user that open pages were told of.
    published: Mutex<HashMap<UserId, MessageId>>,
    pub(super) refreshed: Mutex<HashMap<(UserId, AccountId), jiff::Timestamp>>,
}

impl std::fmt::Debug for Trading {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Trading")
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|e| e.into_inner())
}

/// Removes an account from the busy set when its work ends, however it ends.
struct Busy<'a>(&'a Trading, (UserId, AccountId));

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        lock(&self.0.busy).remove(&self.1);
    }
}

impl Trading {
    pub fn new(
        store: Store,
        clock: Arc<dyn Clock>,
        calendars: Calendars,
        connector: Arc<dyn Connector>,
        surroundings: Arc<dyn Surroundings>,
    ) -> Self {
        let (bus, listed) = (Bus::default(), Catalog::default());
        Self {
            store,
            clock,
            calendar: calendars.us,
            krx: calendars.krx,
            connector,
            surroundings,
            trial: Arc::default(),
            service: OrderService::new(bus.clone(), listed.clone()),
            bus,
            quotes: Quotes::default(),
            searches: Searches::default(),
            comparisons: Comparisons::default(),
            holds: Holds::default(),
            relistings: Relistings::default(),
            watched: Watched::default(),
            listed,
            at_broker: BrokerBalances::default(),
            auctions: Auctions::default(),
            busy: Mutex::default(),
            trouble: Mutex::default(),
            heard: Mutex::default(),
            published: Mutex::default(),
            refreshed: Mutex::default(),
        }
    }

    /// With a release that may have to prove itself first.
    #[must_use]
    pub fn with_trial(mut self, trial: Trial) -> Self {
        self.trial = Arc::new(trial);
        self.service = self.service.with_trial(self.trial.clone());
        self
    }

    /// Whether the release has proved itself.
    pub fn trial(&self) -> &Trial {
        &self.trial
    }

    /// Free bytes where the data lies; `None` where that is not known.
    pub(super) fn disk_free(&self) -> Option<u64> {
        self.surroundings.disk_free()
    }

    pub fn bus(&self) -> &Bus {
        &self.bus
    }

    pub fn quotes(&self) -> &Quotes {
        &self.quotes
    }

    /// What is listed, as far as it is known.
    pub fn listed(&self) -> &Catalog {
        &self.listed
    }

    /// Whether a Korean instrument is an ETF or ETN: by the master files, else by its tick as the broker
    /// showed it; `None` when neither tells.
    pub(super) fn is_fund(&self, market: Market, symbol: &str) -> Option<bool> {
        if market != Market::Krx {
            return None;
        }
        self.listed.is_fund(market, symbol).or_else(|| self.quotes.get(symbol).and_then(|quote| quote.is_etf))
    }

    pub fn calendar(&self) -> &Calendar {
        &self.calendar
    }

    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// What is wrong with an account at the moment.
    pub fn attention(&self, user: UserId, account: AccountId) -> Option<Attention> {
        lock(&self.trouble).get(&(user, account)).map(|t| t.attention.clone())
    }

    /// When the account's broker gave its last good answer since the server started.
    pub fn broker_answered_at(&self, user: UserId, account: AccountId) -> Option<jiff::Timestamp> {
        lock(&self.heard).get(&(user, account)).copied()
    }

    pub(super) fn heard_from_broker(&self, user: UserId, account: AccountId, at: jiff::Timestamp) {
        lock(&self.heard).insert((user, account), at);
    }

    /// Works on every account that no earlier tick is still working on, all at the same time, and
    /// returns when each has done what it could. An account's failure is told to its owner and to nobody
    /// else; `false` only when the accounts could not even be read.
    pub async fn tick(self: &Arc<Self>) -> bool {
        if self.trial.is_on() {
            // The accounts can be read, and nothing else is to happen yet.
            return self.store.read(|view| view.user_ids()).is_ok();
        }
        let (users, accounts) = match self.store.read(|view| {
            let (mut users, mut accounts) = (Vec::new(), Vec::new());
            for user in view.user_ids()? {
                users.push(user);
                accounts.extend(view.user(user).accounts()?.into_iter().map(|account| (user, account)));
            }
            Ok::<_, StoreError>((users, accounts))
        }) {
            Ok(accounts) => accounts,
            Err(error) => {
                tracing::error!(%error, "cannot read the accounts");
                return false;
            }
        };
        let mut work = JoinSet::new();
        let known: HashSet<AccountId> = accounts.iter().map(|(_, account)| account.id).collect();
        for user in users.into_iter().filter(|user| !known.contains(&own_account_id(*user))) {
            // People of an older version, and those that the command line made.
            if let Err(error) = self.own_account(user).await {
                tracing::error!(user_id = %user, %error, "cannot make a paper account");
            }
        }
        for (user, account) in accounts {
            if lock(&self.busy).insert((user, account.id)) {
                let trading = Arc::clone(self);
                work.spawn(async move {
                    let _busy = Busy(&trading, (user, account.id));
                    trading.contain(user, account).await;
                });
            }
        }
        while work.join_next().await.is_some() {}
        true
    }

    /// Runs one account's work; an error or a panic in it ends here.
    async fn contain(self: &Arc<Self>, user: UserId, account: Account) {
        let id = account.id;
        let outcome = std::panic::AssertUnwindSafe(self.work(user, &account)).catch_unwind().await;
        let problem = match outcome {
            Ok(Ok(())) => None,
            // Told before and after each session, not as a problem.
            Ok(Err(TradingError::Refused { code: "no_broker_key", .. })) => return self.publish_messages(user),
            Ok(Err(error)) => Some((code_of(&error), words_of(&error))),
            Err(_) => Some((
                "internal_error".to_owned(),
                "an unexpected failure in this account's work; the administrator's log tells more".to_owned(),
            )),
        };
        self.publish_messages(user);
        let now = self.clock.now();
        let notice = match problem {
            None => self.calmed((user, id), now).then(|| {
                tracing::info!(account_id = %id, "account can be served again");
                Notice::BrokerRecovered
            }),
            Some((code, detail)) => {
                let news = self.troubled((user, id), &code, &detail, now);
                // Every second of an outage fails in the same way: one line, and the disk may sleep.
                if news {
                    tracing::warn!(account_id = %id, %code, %detail, "account cannot be served");
                } else {
                    tracing::debug!(account_id = %id, %code, %detail, "account still cannot be served");
                }
                news.then_some(Notice::BrokerProblem { reason_code: code, detail })
            }
        };
        if let Some(notice) = notice {
            let told = self.store.user(user).write(move |tx| tx.post(id, now, notice.level(), &notice)).await;
            if let Err(error) = told {
                tracing::error!(%error, account_id = %id, "cannot store a message");
            }
            self.bus.publish(user, LiveEvent::Account { account_id: id });
        }
    }

    /// Remembers a failure; tells whether it is news to the owner.
    fn troubled(&self, id: (UserId, AccountId), code: &str, detail: &str, now: jiff::Timestamp) -> bool {
        let mut all = lock(&self.trouble);
        let trouble = all.entry(id).or_insert_with(|| Trouble {
            attention: Attention { code: String::new(), detail: String::new(), since: now },
            last_failure: now,
            told: HashSet::new(),
        });
        trouble.attention.code = code.to_owned();
        trouble.attention.detail = detail.to_owned();
        trouble.last_failure = now;
        trouble.told.insert(code.to_owned())
    }

    /// Ends an account's trouble when that is proved: the broker has answered, and for a while nothing
    /// failed. Work that asked the broker nothing proves nothing.
    fn calmed(&self, id: (UserId, AccountId), now: jiff::Timestamp) -> bool {
        let mut all = lock(&self.trouble);
        let Some(trouble) = all.get(&id) else { return false };
        let calm = trouble.last_failure.saturating_add(CALM).is_ok_and(|until| now >= until);
        let answered = lock(&self.heard).get(&id).is_some_and(|at| *at > trouble.last_failure);
        calm && answered && all.remove(&id).is_some()
    }

    /// Tells open pages of the messages that were stored since the last time.
    fn publish_messages(&self, user: UserId) {
        const MOST: usize = 50;
        let newest: Vec<Message> = self
            .store
            .user(user)
            .read(|v| -> Result<_, StoreError> {
                // Most looks find nothing new, and need not read what is old.
                let last = v.last_key(&MESSAGES, &Key::new())?;
                let told = lock(&self.published).get(&user).map(|id| id.as_bytes().to_vec());
                if last == told { Ok(Vec::new()) } else { v.list_latest(&MESSAGES, &Key::new(), None, MOST) }
            })
            .unwrap_or_default();
        let Some(last) = newest.first().map(|m| m.id) else { return };
        let seen = lock(&self.published).insert(user, last);
        // After a start everything counts as seen: pages read the list themselves.
        for message in newest.into_iter().take_while(|m| seen.is_some_and(|seen| m.id > seen)).collect::<Vec<_>>().into_iter().rev() {
            self.bus.publish(user, LiveEvent::Alert { message: Box::new(message) });
        }
    }

    /// Every step is done, whatever became of those before it: what cannot be done without them waits
    /// by itself.
    async fn work(self: &Arc<Self>, user: UserId, account: &Account) -> Result<(), TradingError> {
        let gateway = match self.connector.connect(user, account).await {
            Ok(gateway) => gateway,
            Err(error) => {
                if let TradingError::Refused { code: code @ ("no_broker_key" | "broker_key_unreadable"), .. } = &error {
                    self.tell_without_key(&self.store.user(user), account.id, code).await?;
                }
                return Err(error);
            }
        };
        let line = Line { user: self.store.user(user), account_id: account.id, gateway };
        let mut problem = None;
        if account.environment == Environment::Own {
            keep(&mut problem, self.fill_paper(&line).await);
            keep(&mut problem, self.settle(&line).await);
            if account.is_running_twin() {
                keep(&mut problem, self.run_twin(&line).await);
            }
            return problem.map_or(Ok(()), Err);
        }
        // First of all: later steps close sheets whose slices were missed, and leave marks after which
        // older sessions would not be looked at any more.
        let looked_back = keep(&mut problem, self.miss_since_last_run(&line.user, line.account_id, Hindrance::Outage).await).is_some();
        keep(&mut problem, self.refresh_orders(&line, false).await);
        keep(&mut problem, self.settle(&line).await);
        keep(&mut problem, self.compare_due(&line).await);
        // Whoever had these data may still act on them.
        if looked_back && self.install_rules()?.hold.is_none() {
            keep(&mut problem, self.run_due(&line).await);
        }
        keep(&mut problem, self.settle(&line).await);
        keep(&mut problem, self.refresh_prices(&line).await);
        problem.map_or(Ok(()), Err)
    }

    /// The session of a trading date as the order service needs it.
    pub(super) fn window(&self, session: Date) -> Option<Window> {
        let session = self.calendar.session_on(session).ok().flatten()?;
        Some(Window { session: session.date, open: session.open, close: session.close })
    }

    /// The sessions of a market.
    pub fn calendar_of(&self, market: Market) -> &Calendar {
        match market {
            Market::Krx => &self.krx,
            Market::Us => &self.calendar,
        }
    }

    /// The session of a market's trading date.
    pub(super) fn window_of(&self, market: Market, session: Date) -> Option<Window> {
        let session = self.calendar_of(market).session_on(session).ok().flatten()?;
        Some(Window { session: session.date, open: session.open, close: session.close })
    }

    /// The exchange of an instrument, as brokers want it.
    pub(super) async fn exchange_of(&self, line: &Line, market: Market, symbol: &str) -> Result<Exchange, TradingError> {
        match market {
            Market::Krx => Ok(Exchange::Krx),
            Market::Us => self.exchange(line, symbol).await,
        }
    }

    /// The exchange that a request about an order names. Our own paper has none: its orders need no listing
    /// to be made, and none to be changed or cancelled.
    pub(super) async fn exchange_of_order(&self, line: &Line, order: &Order) -> Result<Exchange, TradingError> {
        if order.intent.environment == Environment::Own {
            return Ok(Exchange::Krx);
        }
        self.exchange_of(line, order.intent.market, &order.intent.symbol).await
    }

    /// The exchange that lists a ticker: known, or asked for once and remembered.
    pub(super) async fn exchange(&self, line: &Line, symbol: &str) -> Result<Exchange, TradingError> {
        let key = Key::new().text(symbol);
        if let Some(Listing(exchange)) = self.store.read(|v| v.get(&LISTINGS, &key))? {
            return Ok(exchange);
        }
        let found = self.reader(line).await?.gateway.find_listing(symbol).await?;
        let exchange = found.ok_or_else(|| BrokerError::UnknownInstrument(symbol.to_owned()))?;
        let (stored, now, name) = (key, self.clock.now(), symbol.to_owned());
        self.store
            .write(move |tx| -> Result<(), StoreError> {
                tx.put(&LISTINGS, &stored, &Listing(exchange))?;
                tx.audit(now, None, "listing.found", json!({ "symbol": name, "exchange": exchange }))
            })
            .await?;
        Ok(exchange)
    }

    /// The current price, freshly asked for; `None` when the broker has none for this ticker.
    ///
    /// # Errors
    /// When the broker could not be asked.
    pub(super) async fn price(&self, line: &Line, symbol: &str) -> Result<Option<crate::brokers::Quote>, TradingError> {
        self.price_in(line, Market::Us, symbol).await
    }

    /// [`Trading::price`] for any market.
    pub(super) async fn price_in(&self, line: &Line, market: Market, symbol: &str) -> Result<Option<crate::brokers::Quote>, TradingError> {
        if line.gateway.environment() == Environment::Own {
            // A twin's slot is tried again when the price cannot be asked for, as that of a live account.
            let reader = self.reader(line).await?;
            return if reader.account_id == line.account_id {
                Ok(Box::pin(self.paper_quote(line, market, symbol)).await)
            } else {
                Box::pin(self.price_in(&reader, market, symbol)).await
            };
        }
        let exchange = match self.exchange_of(line, market, symbol).await {
            Ok(exchange) => exchange,
            Err(TradingError::Broker(BrokerError::UnknownInstrument(_))) => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut answer = line.gateway.quote(exchange, symbol).await;
        if matches!(answer, Err(BrokerError::UnknownInstrument(_)))
            && let Some(exchange) = self.relisted(line, symbol, exchange).await?
        {
            answer = line.gateway.quote(exchange, symbol).await;
        }
        match answer {
            Ok(quote) if quote.last > Decimal::ZERO => {
                self.heard_from_broker(line.user.id(), line.account_id, self.clock.now());
                self.quotes.put(symbol, quote.clone());
                Ok(Some(quote))
            }
            Ok(_) | Err(BrokerError::UnknownInstrument(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

fn words_of(error: &TradingError) -> String {
    match error {
        TradingError::Broker(error) => error.words(),
        other => other.to_string(),
    }
}

fn code_of(error: &TradingError) -> String {
    match error {
        TradingError::Store(_) => "store".to_owned(),
        TradingError::Broker(error) => error.code().to_owned(),
        TradingError::Refused { code, .. } => (*code).to_owned(),
        TradingError::Gate(reason) => reason.code.clone(),
        TradingError::Invalid { pointer, .. } => (*pointer).to_owned(),
        TradingError::Fields(problems) => problems.first().map_or("invalid", |p| p.code).to_owned(),
        TradingError::Calendar(_) => "calendar".to_owned(),
    }
}
