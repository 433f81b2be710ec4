//! Differences between an account's books and its broker: what the two sides show, what may explain
//! it, and the owner's answer. Quantities are shares, money is in the market's currency.

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::id::{BotId, DifferenceId};
use super::instrument::Market;
use super::money::Currency;
use super::order::Side;

/// Old shares become new ones: 2 for 1 doubles them, 1 for 10 is a reverse split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitRatio {
    pub new: u32,
    pub old: u32,
}

impl SplitRatio {
    /// What takes it back.
    pub fn inverse(&self) -> Self {
        Self { new: self.old, old: self.new }
    }

    /// New shares per old one.
    pub fn factor(&self) -> Decimal {
        Decimal::from(self.new) / Decimal::from(self.old.max(1))
    }

    /// What it makes of a number of shares. Multiplied first: a third of thirty is ten.
    pub fn shares(&self, old: Decimal) -> Decimal {
        old * Decimal::from(self.new) / Decimal::from(self.old.max(1))
    }

    /// What it makes of a price.
    pub fn price(&self, old: Decimal) -> Decimal {
        old * Decimal::from(self.old) / Decimal::from(self.new.max(1))
    }
}

/// An execution in the broker's list that was not sent from here, as far as it is not in the books.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutsideExecution {
    /// Date under which the broker lists the order.
    pub date: Date,
    pub broker_order_no: String,
    pub side: Side,
    pub quantity: u64,
    /// Gross amount.
    pub gross: Decimal,
    /// The order's limit; zero for an order without one.
    pub limit: Decimal,
    pub ordered_at: Option<Timestamp>,
}

impl OutsideExecution {
    /// Shares gained, negative for sold ones.
    pub fn signed(&self) -> Decimal {
        let quantity = Decimal::from(self.quantity);
        if self.side == Side::Buy { quantity } else { -quantity }
    }
}

/// What a difference is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceKind {
    /// Found at the first connection: the broker holds more than the books.
    FirstSurplus,
    /// Executions that were not sent from here explain it.
    OutsideTrade,
    /// Nothing in the broker's list explains it.
    Unexplained,
    /// Shares or price changed as in a split.
    SplitSuspected,
    /// A split was confirmed, and the broker does not show the new shares yet.
    SplitAwaited,
}

/// What the books would do about it if the owner agrees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Proposal {
    /// The shares are the person's own.
    Person,
    /// The trade was a bot's.
    Bot {
        bot_id: BotId,
        name: String,
    },
    Split {
        ratio: SplitRatio,
    },
}

/// A price that is far from the last known one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceJump {
    pub before: Decimal,
    pub now: Decimal,
}

/// One open question about one instrument of an account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// A new one whenever the question changes: an answer belongs to what its giver saw.
    pub id: DifferenceId,
    pub market: Market,
    pub symbol: String,
    /// Shares by our books.
    pub ours: Decimal,
    /// Shares by the broker.
    pub brokers: Decimal,
    /// The broker's average price of them, where it shows the instrument.
    pub average_price: Option<Decimal>,
    pub kind: DifferenceKind,
    pub proposal: Option<Proposal>,
    pub executions: Vec<OutsideExecution>,
    /// What made a split look likely, if not the shares.
    pub price: Option<PriceJump>,
    /// The owner has said that it is no split.
    pub split_denied: bool,
    pub since: Timestamp,
}

impl Difference {
    /// Asks the same as another, whenever it was first asked.
    pub fn asks_the_same(&self, other: &Difference) -> bool {
        let same = Difference { id: self.id, since: self.since, ..other.clone() };
        *self == same
    }
}

/// How far an account's books of one market were compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    pub market: Market,
    pub first_at: Timestamp,
    pub at: Timestamp,
    /// Executions of this exchange-local date and later may be new.
    pub listed_from: Date,
}

/// As much of an order outside as the books know of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutsideSeen {
    pub quantity: u64,
    pub gross: Decimal,
}

/// The last price of an instrument that an account has relied upon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownPrice {
    /// Exchange-local date of its session.
    pub session: Date,
    pub price: Decimal,
    pub at: Timestamp,
    /// The owner has answered for this session's price.
    pub answered: Option<Date>,
    /// The last split that the owner confirmed.
    pub split: Option<(SplitRatio, Timestamp)>,
}

/// A trade that was not sent from here, or shares that were there before, in the books on the owner's
/// word.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExternalTrade {
    pub market: Market,
    pub symbol: String,
    pub side: Side,
    pub quantity: Decimal,
    /// What was paid or received; the shares' cost where no trade is known.
    pub gross: Decimal,
    pub origin: ExternalOrigin,
    /// The broker's order, where it is known.
    pub execution: Option<OutsideExecution>,
    /// The bot that it is counted for; `None` = the person.
    pub bot_id: Option<BotId>,
}

/// Where adopted shares come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExternalOrigin {
    /// They were at the broker before the books began.
    Opening,
    /// An execution in the broker's list.
    Execution,
    /// Nothing in the broker's list tells: moved in or out, or older than the list.
    Unexplained,
}

/// A confirmed split: shares change, cost stays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SplitBooking {
    pub market: Market,
    pub symbol: String,
    pub ratio: SplitRatio,
    /// The account's shares after it.
    pub quantity_after: Decimal,
    /// By how much the shares change that are not the bots'.
    pub own_change: Decimal,
    /// The bots' holdings after it.
    pub holdings: Vec<super::bot::Holding>,
}

/// Why cash came or went without a trade of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CashReason {
    /// What was there when the books first looked.
    Opening,
    Deposit,
    Withdrawal,
    Dividend,
    Interest,
    /// Changed into, or out of, another currency.
    Exchange,
    /// Fees and taxes that differ from those that were booked.
    Charges,
    Other,
}

/// The open question about an account's cash of one currency.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CashDifference {
    /// A new one whenever the figures change.
    pub id: DifferenceId,
    pub currency: Currency,
    /// Cash by our books.
    pub ours: Decimal,
    /// Cash by the broker, all trades settled.
    pub brokers: Decimal,
    pub proposal: CashReason,
    pub since: Timestamp,
}

/// How the cash of one currency compared with the broker's the last time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CashChecked {
    pub currency: Currency,
    pub first_at: Timestamp,
    pub at: Timestamp,
    /// The broker's less ours: what stays between two looks is no trade on its way.
    pub difference: Decimal,
}
