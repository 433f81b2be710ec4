//! Facts: what happened in an account, appended and never changed. Orders, positions, holdings,
//! sheets and history are folds over them (`ledger`).

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::bot::{HistoryRow, Holding, Sheet, SliceFill, TradeKind};
use super::id::{BotId, HistoryId, HoldingId, OrderId, SheetId, UserId};
use super::instrument::Market;
use super::order::{Amendment, Fill, OrderIntent, Reason};

/// One entry of an account's journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fact {
    /// Place in the account's journal, from 1.
    pub seq: u64,
    pub at: Timestamp,
    pub actor: Actor,
    pub event: Event,
}

/// Who caused a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "user_id", rename_all = "snake_case")]
pub enum Actor {
    /// The scheduler, acting for the account's owner.
    Bot,
    /// A person.
    User(UserId),
    /// An import of old data.
    Import,
    /// Reconciliation with the broker.
    Broker,
}

/// Why a bot's books advance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BookingOrigin {
    Sheet,
    Netting,
    Closing,
    ForceSell,
    /// An execution that came after its sheet was completed.
    LateFill,
    /// Fills of an imported sheet, booked on the owner's word.
    ImportedSheet,
}

/// A trade recorded in a bot's books: the bot's holding, history and added seed follow from it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Booking {
    pub bot_id: BotId,
    pub name: String,
    pub market: Market,
    pub symbol: String,
    pub kind: TradeKind,
    pub origin: BookingOrigin,
    /// The holding after the booking; `None` when it was closed.
    pub holding_after: Option<Holding>,
    /// Holdings that the booking closed.
    pub closed: Vec<HoldingId>,
    /// The history row that it wrote.
    pub history: HistoryRow,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// A holding brought along by an import.
    OpeningHolding {
        holding: Holding,
    },
    /// A history row brought along by an import.
    OpeningHistory {
        row: HistoryRow,
    },
    /// A sheet brought along by an import; never executed.
    OpeningSheet {
        sheet: Sheet,
    },
    /// Deposits or withdrawals known only as a total.
    OpeningCash {
        currency: super::money::Currency,
        amount: Decimal,
        note: String,
    },

    /// Cash of one currency was changed into another.
    CashExchanged {
        from: super::money::Currency,
        paid: Decimal,
        to: super::money::Currency,
        received: Decimal,
    },

    /// An order is wanted. Durable before a byte leaves.
    OrderIntended {
        intent: Box<OrderIntent>,
    },
    /// The request is about to leave. An order that is found in this state after a crash is unknown.
    OrderSent {
        order_id: OrderId,
    },
    OrderAccepted {
        order_id: OrderId,
        broker_order_no: String,
        broker_order_date: Date,
    },
    OrderRejected {
        order_id: OrderId,
        reason: Reason,
    },
    /// No answer: only evidence may move the order on.
    OrderUnknown {
        order_id: OrderId,
        reason: Reason,
    },
    CancelRequested {
        order_id: OrderId,
    },
    OrderCancelled {
        order_id: OrderId,
    },
    OrderExpired {
        order_id: OrderId,
    },
    /// New terms are asked for. Durable before a byte leaves.
    AmendRequested {
        order_id: OrderId,
        amendment: Amendment,
    },
    /// The broker goes on with the order under a new number and the asked terms.
    OrderAmended {
        order_id: OrderId,
        broker_order_no: String,
        broker_order_date: Date,
    },
    /// The broker's list shows for how many shares in all an amended order goes on: more than were
    /// asked for when part of it had been executed before the amendment arrived.
    OrderResized {
        order_id: OrderId,
        quantity: u64,
    },
    /// The order stays as it was.
    AmendRefused {
        order_id: OrderId,
        reason: Reason,
    },
    OrderFilled {
        fill: Fill,
    },
    /// The order's result was taken into its sheet or booking.
    OrderSettled {
        order_id: OrderId,
    },

    /// A sheet is opened or, by netting, changed.
    SheetPut {
        sheet: Sheet,
    },
    /// A slice is done; `fill` is `None` when nothing was filled.
    SliceDone {
        sheet_id: SheetId,
        fill: Option<SliceFill>,
        remaining: f64,
    },
    /// The sheet ended and left the books.
    SheetClosed {
        sheet_id: SheetId,
        reason: SheetEnd,
    },

    /// A trade in a bot's books.
    Booked {
        booking: Box<Booking>,
    },
    /// A sell of a bot was executed beyond what the bot had: the shares were the account's others.
    Oversold {
        bot_id: Option<BotId>,
        name: String,
        market: Market,
        symbol: String,
        quantity: Decimal,
    },
    /// A person corrected a holding: the new state, or `None` for its removal.
    HoldingCorrected {
        holding_id: HoldingId,
        after: Option<Holding>,
        note: String,
    },
    /// A person added a history row.
    HistoryAdded {
        row: HistoryRow,
        note: String,
    },
    /// A person withdrew a history row.
    HistoryRemoved {
        history_id: HistoryId,
        note: String,
    },
}

impl Event {
    /// The order that the event belongs to.
    pub fn order_id(&self) -> Option<OrderId> {
        match self {
            Event::OrderIntended { intent } => Some(intent.order_id),
            Event::OrderFilled { fill } => Some(fill.order_id),
            Event::OrderSent { order_id }
            | Event::OrderAccepted { order_id, .. }
            | Event::OrderRejected { order_id, .. }
            | Event::OrderUnknown { order_id, .. }
            | Event::CancelRequested { order_id }
            | Event::AmendRequested { order_id, .. }
            | Event::OrderAmended { order_id, .. }
            | Event::OrderResized { order_id, .. }
            | Event::AmendRefused { order_id, .. }
            | Event::OrderCancelled { order_id }
            | Event::OrderExpired { order_id }
            | Event::OrderSettled { order_id } => Some(*order_id),
            Event::OpeningHolding { .. }
            | Event::OpeningHistory { .. }
            | Event::OpeningSheet { .. }
            | Event::OpeningCash { .. }
            | Event::CashExchanged { .. }
            | Event::SheetPut { .. }
            | Event::SliceDone { .. }
            | Event::SheetClosed { .. }
            | Event::Booked { .. }
            | Event::Oversold { .. }
            | Event::HoldingCorrected { .. }
            | Event::HistoryAdded { .. }
            | Event::HistoryRemoved { .. } => None,
        }
    }
}

/// How a sheet ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SheetEnd {
    /// All slices done, fills booked.
    Completed,
    /// Ended without a fill.
    Empty,
    /// Left over from an earlier session.
    Outdated,
    /// Used up by netting.
    Netted,
    /// Replaced by a new decision.
    Replaced,
}
