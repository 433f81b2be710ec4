//! Execution notices of a broker's realtime feed: the fast path of fills. A notice is only a hint to
//! read the broker's list at once, through the function that polling uses, so that one which is lost,
//! doubled or wrong changes nothing but the time at which a fill is booked.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;

use jiff::{SignedDuration, Timestamp};

use super::reconcile::keep;
use crate::brokers::feed::{FeedPriority, Topic};
use crate::domain::id::{AccountId, UserId};
use crate::domain::instrument::{Exchange, Market};
use crate::domain::order::{BrokerHost, Order};
use crate::storage::tables::{BOTS, LISTINGS, Listing, POSITIONS};
use crate::storage::{Key, StoreError, account_key};
use crate::trading::error::TradingError;
use crate::trading::tick::Trading;

/// What somebody looked at stays worth following for so long.
const WATCHED_FOR: SignedDuration = SignedDuration::from_mins(10);
/// More symbols than one person looks at.
const MOST_WATCHED: usize = 10;

/// Instruments that somebody looked at lately, by account.
#[derive(Debug, Default)]
pub(in crate::trading) struct Watched(Mutex<HashMap<AccountId, Seen>>);

/// When each instrument was looked at last.
type Seen = BTreeMap<(Exchange, String), Timestamp>;

impl Watched {
    pub fn put(&self, account: AccountId, exchange: Exchange, symbol: &str, now: Timestamp) {
        let mut all = self.0.lock().unwrap_or_else(|e| e.into_inner());
        let seen = all.entry(account).or_default();
        seen.insert((exchange, symbol.to_owned()), now);
        if seen.len() > MOST_WATCHED
            && let Some(oldest) = seen.iter().min_by_key(|(_, at)| **at).map(|(key, _)| key.clone())
        {
            seen.remove(&oldest);
        }
    }

    fn of(&self, account: AccountId, now: Timestamp) -> Vec<(Exchange, String)> {
        let mut all = self.0.lock().unwrap_or_else(|e| e.into_inner());
        let Some(seen) = all.get_mut(&account) else { return Vec::new() };
        seen.retain(|_, at| now.duration_since(*at) < WATCHED_FOR);
        seen.keys().cloned().collect()
    }
}

impl Trading {
    /// Reads the broker's list now, because a notice says that something happened to an order of this
    /// account, and books what it proves. Without an open order nothing is asked.
    ///
    /// # Errors
    /// The broker's; polling goes on as without the notice.
    pub async fn notice_arrived(&self, user: UserId, account: AccountId) -> Result<(), TradingError> {
        let line = self.line(user, account).await?;
        // A fill can be noticed before the answer to its order is in the journal.
        for order in line.user.read(|v| v.open_orders(account))? {
            self.service.answered(order.intent.order_id).await;
        }
        let mut problem = None;
        keep(&mut problem, self.refresh_orders(&line, true).await);
        keep(&mut problem, self.settle(&line).await);
        problem.map_or(Ok(()), Err)
    }

    /// What an account's feed should bring, most important first. `notices` says whether the broker can
    /// send this account's notices; a mock host has no foreign prices.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn feed_topics(
        &self,
        user: UserId,
        account: AccountId,
        host: BrokerHost,
        notices: bool,
    ) -> Result<Vec<(Topic, FeedPriority)>, TradingError> {
        let (mut wanted, watched) = (Vec::new(), self.watched.of(account, self.clock.now()));
        let key = account_key(account);
        let (orders, bots, positions) = self.store.user(user).read(|v| {
            let orders: Vec<Order> = v.open_orders(account)?;
            Ok::<_, StoreError>((orders, v.list(&BOTS, &key)?, v.list(&POSITIONS, &key)?))
        })?;
        let mut follow = |market: Market, symbol: &str, priority| -> Result<(), StoreError> {
            let exchange = match market {
                Market::Krx => Some(Exchange::Krx),
                Market::Us if host == BrokerHost::Mock => None,
                Market::Us => self.store.read(|v| v.get(&LISTINGS, &Key::new().text(symbol)))?.map(|Listing(exchange)| exchange),
            };
            wanted.extend(exchange.map(|exchange| (Topic::Trades { exchange, symbol: symbol.to_owned() }, priority)));
            Ok(())
        };
        for order in orders.iter().filter(|o| !o.state.is_final()) {
            follow(order.intent.market, &order.intent.symbol, FeedPriority::OpenOrders)?;
        }
        for bot in bots.iter().filter(|bot| bot.active) {
            follow(bot.market, &bot.symbol, FeedPriority::Bots)?;
        }
        for position in positions.iter().filter(|p| !p.quantity.is_zero()) {
            follow(position.market, &position.symbol, FeedPriority::Bots)?;
        }
        for (exchange, symbol) in watched {
            if exchange == Exchange::Krx || host == BrokerHost::Live {
                wanted.push((Topic::Trades { exchange, symbol }, FeedPriority::WatchList));
            }
        }
        if notices {
            let executions = |market| (Topic::Executions { account, market }, FeedPriority::OwnExecutions);
            wanted.extend([executions(Market::Us), executions(Market::Krx)]);
        }
        wanted.sort_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)));
        wanted.dedup();
        Ok(wanted)
    }
}
