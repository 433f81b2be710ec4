//! Orders: intent, life cycle and the evidence that moves it on.

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::id::{AccountId, BotId, OrderId, SheetId};
use super::instrument::Market;
use super::money::Currency;

/// Sending to a live host is locked in every build until the full order service stands: the old
/// server may still be trading the same account.
pub const LIVE_ORDERS_LOCKED: bool = true;

/// Where an account's orders go. A client is built for exactly one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Environment {
    /// The broker's paper-trading host (모의투자).
    Mock,
    /// The broker's live host: real money.
    Live,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    Buy,
    Sell,
}

/// What asked for an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum OrderOrigin {
    /// Slice number `slice` (from 0) of a sheet.
    Slice { sheet_id: SheetId, slice: u32 },
    /// The closing-drop buy of a session.
    Closing,
    /// A person's force sell; the ratio is in percent.
    ForceSell { ratio_percent: Decimal },
}

/// What is wanted, before anything was sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OrderIntent {
    pub order_id: OrderId,
    pub account_id: AccountId,
    pub bot_id: Option<BotId>,
    pub bot_name: String,
    /// The environment that it was decided in; the gateway refuses any other.
    pub environment: Environment,
    pub market: Market,
    pub symbol: String,
    pub side: Side,
    /// Whole shares.
    pub quantity: u64,
    /// Limit price in the market's currency.
    pub limit_price: Decimal,
    pub origin: OrderOrigin,
    /// Trading date of the market's session.
    pub session: Date,
    /// When the order is cancelled if it is still open.
    pub expires_at: Timestamp,
}

/// State of an order. `Unknown` is left only by evidence from the broker, never by sending again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    /// Journalled; nothing has left yet.
    Intent,
    /// Handed to the broker's server; no answer yet.
    Sent,
    /// The broker gave it a number.
    Accepted,
    PartiallyFilled,
    Filled,
    /// By the gate or the broker, with a code and a reason.
    Rejected,
    Cancelled,
    /// The session ended.
    Expired,
    /// It is not known whether the broker took it.
    Unknown,
}

impl OrderState {
    /// No further event is expected.
    pub fn is_final(self) -> bool {
        matches!(self, OrderState::Filled | OrderState::Rejected | OrderState::Cancelled | OrderState::Expired)
    }

    /// The coarse word of the public API.
    pub fn status(self) -> &'static str {
        match self {
            OrderState::Intent | OrderState::Sent | OrderState::Accepted => "pending",
            OrderState::PartiallyFilled => "partially_filled",
            OrderState::Filled => "filled",
            OrderState::Rejected => "rejected",
            OrderState::Cancelled => "cancelled",
            OrderState::Expired => "expired",
            OrderState::Unknown => "unknown",
        }
    }
}

/// An order as its facts have made it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Order {
    pub intent: OrderIntent,
    pub state: OrderState,
    /// The broker's order number; unique only together with `broker_order_date`.
    pub broker_order_no: Option<String>,
    pub broker_order_date: Option<Date>,
    pub filled_quantity: u64,
    /// Sum of the executions, gross, in the market's currency.
    pub filled_amount: Decimal,
    /// Why it was rejected or is unknown: code and sentence.
    pub reason: Option<Reason>,
    pub cancel_requested: bool,
    /// The sheet or booking that waits for this order has taken its result.
    pub settled: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// Code of the rejection of an unknown order that the broker's complete lists did not have.
pub const NOT_PLACED: &str = "not_placed";

impl Order {
    /// Concluded, not said by the broker: it was looked for and not found.
    pub fn is_not_placed(&self) -> bool {
        self.state == OrderState::Rejected && self.reason.as_ref().is_some_and(|r| r.code == NOT_PLACED)
    }
}

/// A code that programs compare and a sentence that people read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    pub code: String,
    pub message: String,
}

/// One execution, or the growth of an order's cumulative execution between two readings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fill {
    pub order_id: OrderId,
    pub quantity: u64,
    /// Average price of this fill.
    pub price: Decimal,
    /// Quantity × price as the broker booked it.
    pub gross: Decimal,
    pub fee: Decimal,
    pub tax: Decimal,
    pub currency: Currency,
}

/// Proof that an order's intent is durable. Only the order service makes one, after the commit that
/// journalled the intent; broker clients demand it, so nothing can be sent that was not journalled.
#[derive(Debug)]
pub struct JournalledOrder<'a> {
    intent: &'a OrderIntent,
}

impl<'a> JournalledOrder<'a> {
    /// To be called by the order service alone, after the journal's commit returned.
    pub fn after_commit(intent: &'a OrderIntent) -> Self {
        Self { intent }
    }

    pub fn intent(&self) -> &OrderIntent {
        self.intent
    }
}
