//! Orders at the simulated exchange and the plans that tests script for them.

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::listing::Listing;
use crate::domain::order::{OrderKind, Side, Venue};

/// What a line in the account's order list is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OrderAction {
    New,
    /// Replaces what was left of its original.
    Modify,
    /// Withdraws what was left of its original; never trades itself.
    Cancel,
}

/// Where an order stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OrderStatus {
    Open,
    Filled,
    /// Withdrawn or replaced.
    Cancelled,
    /// Its session ended.
    Expired,
    /// Refused by the exchange after the broker took it, with the reason.
    Rejected(String),
}

/// One trade of an order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Execution {
    pub at: Timestamp,
    pub quantity: u64,
    /// In the market's currency, like the others.
    pub price: Decimal,
    /// Booked apart from the gross amount.
    pub fee: Decimal,
    /// On sells; booked apart from the gross amount.
    pub tax: Decimal,
    /// Of a sell: gross amount less the average cost of the shares.
    pub profit: Decimal,
}

/// How an order is to be filled. Scripted fills trade at the touch, or at the limit where the touch is
/// worse, so they are certain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fill", rename_all = "snake_case", deny_unknown_fields)]
pub enum FillPlan {
    /// Against the displayed size, second by second.
    #[default]
    Market,
    AtOnce,
    /// `count` parts, the first at once, then one every `every_seconds` of market time.
    Parts {
        count: u32,
        every_seconds: u32,
    },
    /// So many shares at once, the rest never.
    Partial {
        quantity: u64,
    },
    Never,
    /// All of it, after so many seconds of market time.
    Delayed {
        seconds: u32,
    },
    /// Refused by the broker; no order number.
    Reject {
        code: String,
        message: String,
    },
    /// Taken by the broker, then refused by the exchange.
    RejectLater {
        after_seconds: u32,
        reason: String,
    },
}

impl FillPlan {
    /// What the plan still holds for an order that goes on under another number, after so many shares
    /// in so many executions.
    pub(super) fn rest(&self, filled: u64, executions: usize) -> Self {
        match self {
            FillPlan::Partial { quantity } if *quantity <= filled => FillPlan::Never,
            FillPlan::Partial { quantity } => FillPlan::Partial { quantity: quantity - filled },
            FillPlan::Parts { count, every_seconds } => {
                let done = u32::try_from(executions).unwrap_or(u32::MAX);
                FillPlan::Parts { count: count.saturating_sub(done).max(1), every_seconds: *every_seconds }
            }
            plan => plan.clone(),
        }
    }
}

/// An order of one account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExchangeOrder {
    /// Unique within the account and `date`.
    pub number: u64,
    /// The order that this one modifies or cancels.
    pub original: Option<u64>,
    pub action: OrderAction,
    /// Exchange-local date of acceptance.
    pub date: Date,
    pub placed_at: Timestamp,
    /// When it may trade first: at once, or at the open of the session that it was placed before.
    pub starts_at: Timestamp,
    /// Close of its session, or the auction that it is for.
    pub expires_at: Timestamp,
    #[serde(with = "super::listing::by_symbol")]
    pub listing: &'static Listing,
    pub side: Side,
    pub kind: OrderKind,
    pub quantity: u64,
    pub venue: Venue,
    /// Limit; 0 where the kind has none.
    pub limit: Decimal,
    pub trigger: Option<Decimal>,
    pub triggered_at: Option<Timestamp>,
    /// The worst price that it trades at.
    pub bound: Decimal,
    /// Cash held back per share of an open buy, fees apart.
    pub hold_price: Decimal,
    pub plan: FillPlan,
    pub filled: u64,
    /// Gross.
    pub amount: Decimal,
    pub cancelled: u64,
    pub status: OrderStatus,
    pub executions: Vec<Execution>,
    /// Matching has looked at everything before this instant.
    pub(super) cursor: Timestamp,
}

impl ExchangeOrder {
    /// Shares that may still trade.
    pub fn open_quantity(&self) -> u64 {
        match self.status {
            OrderStatus::Open => self.quantity.saturating_sub(self.filled).saturating_sub(self.cancelled),
            _ => 0,
        }
    }

    /// Average fill price; zero without fills.
    pub fn average_price(&self) -> Decimal {
        if self.filled == 0 { Decimal::ZERO } else { self.amount / Decimal::from(self.filled) }
    }
}

/// What an order is to be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Terms {
    pub kind: OrderKind,
    /// 0 where the kind has none.
    pub limit: Decimal,
    pub trigger: Option<Decimal>,
    pub venue: Venue,
    /// First and last instant of an order that the broker slices; the whole session when absent.
    pub window: Option<(Timestamp, Timestamp)>,
}

impl Terms {
    /// A plain limit order.
    pub fn limit(limit: Decimal) -> Self {
        Self { limit, ..Self::default() }
    }
}

/// A request for an order.
#[derive(Clone, Debug)]
pub struct NewOrder {
    pub symbol: String,
    pub side: Side,
    pub quantity: u64,
    pub terms: Terms,
}

/// Why the exchange's broker refuses a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    UnknownSymbol,
    MarketNotYetOpen,
    MarketClosed,
    NoSession,
    InsufficientCash,
    InsufficientShares,
    BadQuantity,
    BadPrice,
    /// Not a tick of the price.
    OffTick,
    /// Beyond the day's price limits.
    BeyondPriceLimits,
    /// The order kind is not taken now, or not for this instrument.
    KindNotTaken,
    /// Orders of this kind cannot be amended.
    NotAmendable,
    /// No such order today.
    UnknownOrder,
    /// Nothing of it is open.
    NothingOpen,
    Scripted {
        code: String,
        message: String,
    },
}
