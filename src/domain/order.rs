//! Orders: intent, life cycle and the evidence that moves it on.

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::id::{AccountId, BotId, OrderId, SheetId};
use super::instrument::Market;
use super::money::Currency;

/// Where an account's orders go. A client is built for exactly one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Environment {
    /// Our own paper engine: nothing leaves this server.
    Own,
    /// The broker's paper-trading host (모의투자).
    Mock,
    /// The broker's live host: real money.
    Live,
}

/// One of a broker's two hosts. A client is built for exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BrokerHost {
    Mock,
    Live,
}

impl Environment {
    /// The broker's host that serves the environment; none serves our own paper engine.
    pub fn host(self) -> Option<BrokerHost> {
        match self {
            Environment::Own => None,
            Environment::Mock => Some(BrokerHost::Mock),
            Environment::Live => Some(BrokerHost::Live),
        }
    }
}

impl From<BrokerHost> for Environment {
    fn from(host: BrokerHost) -> Self {
        match host {
            BrokerHost::Mock => Environment::Mock,
            BrokerHost::Live => Environment::Live,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    Buy,
    Sell,
}

impl Side {
    pub fn other(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }
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
    /// A person's own order.
    Ticket,
}

impl OrderOrigin {
    /// The sheet whose slice this is.
    pub fn sheet(&self) -> Option<SheetId> {
        match self {
            OrderOrigin::Slice { sheet_id, .. } => Some(*sheet_id),
            OrderOrigin::Closing | OrderOrigin::ForceSell { .. } | OrderOrigin::Ticket => None,
        }
    }
}

/// How an order is to be executed. Which kinds an account takes, its broker's capabilities tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrderKind {
    /// At the limit price or better (지정가).
    #[default]
    Limit,
    /// At the best price there is (시장가).
    Market,
    /// US: limit on open, limit on close, market on open, market on close.
    Loo,
    Loc,
    Moo,
    Moc,
    /// US: the broker slices the order over the session.
    Twap,
    Vwap,
    /// KRX: a limit order that becomes a market order in the closing auction (조건부지정가).
    ConditionalLimit,
    /// KRX: limit at the best price of the opposite side (최유리지정가).
    BestLimit,
    /// KRX: limit at the best price of the own side (최우선지정가).
    PriorityLimit,
    /// KRX: immediate or cancel, fill or kill.
    IocLimit,
    FokLimit,
    IocMarket,
    FokMarket,
    IocBest,
    FokBest,
    /// KRX: at the middle of the best bid and ask (중간가).
    Midpoint,
    /// KRX: a limit order that waits for its trigger price (스톱지정가).
    StopLimit,
}

impl OrderKind {
    /// The order names a limit price.
    pub fn has_limit(self) -> bool {
        use OrderKind::{ConditionalLimit, FokLimit, IocLimit, Limit, Loc, Loo, StopLimit, Twap, Vwap};
        matches!(self, Limit | Loo | Loc | ConditionalLimit | IocLimit | FokLimit | StopLimit | Twap | Vwap)
    }

    /// The order names a trigger price.
    pub fn has_trigger(self) -> bool {
        self == OrderKind::StopLimit
    }

    /// The auction at whose price the order trades, if it trades at no other.
    pub fn auction(self) -> Option<Auction> {
        match self {
            OrderKind::Loo | OrderKind::Moo => Some(Auction::Opening),
            OrderKind::Loc | OrderKind::Moc => Some(Auction::Closing),
            _ => None,
        }
    }

    /// What is not filled at once is cancelled by the exchange.
    pub fn is_immediate(self) -> bool {
        use OrderKind::{FokBest, FokLimit, FokMarket, IocBest, IocLimit, IocMarket};
        matches!(self, IocLimit | FokLimit | IocMarket | FokMarket | IocBest | FokBest)
    }
}

/// One of the two auctions of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Auction {
    Opening,
    Closing,
}

/// Where a Korean order is routed (`EXCG_ID_DVSN_CD` of the broker).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Venue {
    #[default]
    Krx,
    /// Nextrade.
    Nxt,
    /// The broker's smart order routing.
    Sor,
}

impl Venue {
    /// What people and brokers call it.
    pub fn code(self) -> &'static str {
        match self {
            Venue::Krx => "KRX",
            Venue::Nxt => "NXT",
            Venue::Sor => "SOR",
        }
    }

    /// Whether orders of a Korean kind can be routed there.
    pub fn takes(self, kind: OrderKind) -> bool {
        use OrderKind::{ConditionalLimit, Market, Midpoint, StopLimit};
        match kind {
            ConditionalLimit => self == Venue::Krx,
            Market => self != Venue::Nxt,
            Midpoint | StopLimit => self != Venue::Sor,
            _ => true,
        }
    }
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
    #[serde(default)]
    pub kind: OrderKind,
    /// In the market's currency; `None` where the kind has none.
    pub limit_price: Option<Decimal>,
    /// Price that wakes the order, where the kind has one.
    #[serde(default)]
    pub trigger_price: Option<Decimal>,
    /// Routing of a Korean order; without meaning elsewhere.
    #[serde(default)]
    pub venue: Venue,
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
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Intent,
        Self::Sent,
        Self::Accepted,
        Self::PartiallyFilled,
        Self::Filled,
        Self::Rejected,
        Self::Cancelled,
        Self::Expired,
        Self::Unknown,
    ];

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
    /// Numbers that the order had at the broker before it was amended, oldest first, with what was
    /// filled under each: an amendment goes on under a new number.
    #[serde(default)]
    pub earlier: Vec<EarlierNumber>,
    /// An amendment whose outcome the broker has not told yet.
    #[serde(default)]
    pub amending: Option<Amendment>,
    /// The sheet or booking that waits for this order has taken its result.
    pub settled: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// A broker number that an amended order had before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarlierNumber {
    pub broker_order_no: String,
    pub broker_order_date: Date,
    /// Total quantity of the order before that amendment; 0 where it was not kept.
    #[serde(default)]
    pub quantity: u64,
}

/// New terms for what is left of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amendment {
    /// New total quantity, what was filled included.
    pub quantity: u64,
    pub limit_price: Option<Decimal>,
    pub asked_at: Timestamp,
}

/// Code of the rejection of an unknown order that the broker's complete lists did not have.
pub const NOT_PLACED: &str = "not_placed";

impl Order {
    /// Concluded, not said by the broker: it was looked for and not found.
    pub fn is_not_placed(&self) -> bool {
        self.state == OrderState::Rejected && self.reason.as_ref().is_some_and(|r| r.code == NOT_PLACED)
    }

    /// Most shares that the broker may execute under all of the order's numbers. An amendment names
    /// what is to be left open: an execution that was not known when it was asked for comes on top.
    pub fn most_shares(&self) -> u64 {
        self.earlier.iter().map(|e| e.quantity).fold(self.intent.quantity, u64::max)
    }
}

/// A code that programs compare and a sentence that people read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    pub code: String,
    pub message: String,
    /// The limit that was hit, where it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<LimitHit>,
}

impl Reason {
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), limit: None }
    }
}

/// A limit and what went beyond it, as texts in the limit's own unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LimitHit {
    /// Its name in the settings, e.g. `max_daily_trades`.
    pub name: String,
    pub allowed: String,
    pub asked: String,
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

    /// From this time on the order must not be sent any more: it would only be cancelled, and what the
    /// gate checked holds no longer. Clients look at it right before each sending.
    pub fn deadline(&self) -> Timestamp {
        self.intent.expires_at
    }
}
