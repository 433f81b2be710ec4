//! Realtime data behind one port. A feed holds one session at a broker; who wants something
//! subscribes with a priority and reads typed events. A broker gives few slots, so what does not fit
//! is told to be not live, and is served by polling instead.

mod slots;
mod stream;

use std::fmt::Debug;

use jiff::Timestamp;
use rust_decimal::Decimal;

pub use slots::{Grants, Slots};
pub use stream::{FeedHub, FeedStream};

use super::OrderBook;
use crate::domain::id::AccountId;
use crate::domain::instrument::{Exchange, Market};
use crate::domain::order::Side;

/// What can be subscribed to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// Every trade of an instrument.
    Trades { exchange: Exchange, symbol: String },
    /// The order book of an instrument.
    Book { exchange: Exchange, symbol: String },
    /// Acceptance, executions, cancellations and refusals of an account's orders in a market.
    Executions { account: AccountId, market: Market },
}

/// Who wants a topic: the first gets a slot before the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FeedPriority {
    /// Executions of the own account.
    OwnExecutions,
    /// Instruments with open orders.
    OpenOrders,
    /// Instruments that bots trade.
    Bots,
    /// What somebody looks at.
    WatchList,
}

/// Why a topic that is wanted brings no events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotLive {
    /// More important topics have all the slots.
    NoSlot,
    /// The broker does not offer it on this host.
    Unsupported,
    /// The broker refused it.
    Refused { code: String, message: String },
}

/// One trade on an exchange.
#[derive(Clone, Debug, PartialEq)]
pub struct Trade {
    pub exchange: Exchange,
    pub symbol: String,
    /// In the market's currency.
    pub price: Decimal,
    /// Shares of this trade.
    pub volume: u64,
    /// Shares of the session so far.
    pub day_volume: u64,
    /// When it took place, by the broker's clock.
    pub at: Timestamp,
}

/// An order book as it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct BookUpdate {
    pub exchange: Exchange,
    pub symbol: String,
    pub book: OrderBook,
    /// By the broker's clock.
    pub at: Timestamp,
}

/// What happened to an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeKind {
    /// Taken. Of a cancellation: asked for, not yet done.
    Accepted,
    Filled,
    Cancelled,
    Rejected,
}

/// What a notice is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeSubject {
    Order,
    /// A change of an earlier order's terms.
    Amendment,
    /// The withdrawal of an earlier order.
    Cancellation,
}

/// A notice about an order of an own account. A hint for speed: what counts is what the broker's
/// lists say, for notices can be lost, doubled or late.
#[derive(Clone, Debug, PartialEq)]
pub struct ExecutionNotice {
    pub account: AccountId,
    pub market: Market,
    pub broker_order_no: String,
    /// The order that this one amends or cancels.
    pub original_order_no: Option<String>,
    pub symbol: String,
    pub side: Side,
    pub subject: NoticeSubject,
    pub kind: NoticeKind,
    /// Of a fill: shares of this fill; otherwise shares of the order.
    pub quantity: u64,
    /// Of a fill: its price; otherwise the limit, where the order has one. In the market's currency.
    pub price: Option<Decimal>,
    /// By the broker's clock; when the notice came, if the broker does not say.
    pub at: Timestamp,
}

/// What a feed tells its listeners.
#[derive(Clone, Debug, PartialEq)]
pub enum FeedEvent {
    /// A session stands; topics become live one by one.
    Connected,
    /// The session is gone, and no topic is live until the next [`FeedEvent::Connected`].
    Lost {
        reason: String,
    },
    /// From now on events of the topic arrive.
    Live(Topic),
    /// The topic brings no events: poll instead.
    NotLive {
        topic: Topic,
        reason: NotLive,
    },
    Trade(Trade),
    Book(BookUpdate),
    Execution(ExecutionNotice),
    /// This listener was too slow and missed events: read the present state anew.
    Missed {
        /// Notices or changes of the session were among them; otherwise only trades and books.
        notices: bool,
        count: u64,
    },
}

/// Counters of a feed since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FeedStats {
    /// Sessions that stood.
    pub sessions: u64,
    /// Frames received.
    pub frames: u64,
    /// Frames or records that could not be read and were skipped.
    pub bad_frames: u64,
    /// Notices about accounts that this feed was not told of.
    pub foreign_notices: u64,
}

/// A feed of one key at one host of a broker.
pub trait Feed: Send + Sync + Debug {
    /// Wants a topic. The same topic can be wanted by many; the most important of them counts.
    fn subscribe(&self, topic: Topic, priority: FeedPriority);

    /// Takes one earlier [`Feed::subscribe`] with the same arguments back.
    fn unsubscribe(&self, topic: &Topic, priority: FeedPriority);

    /// Whether events of the topic arrive now.
    fn is_live(&self, topic: &Topic) -> bool;

    /// Events from now on.
    fn events(&self) -> FeedStream;

    fn stats(&self) -> FeedStats;
}
