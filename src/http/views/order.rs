//! Orders and sheets as answers.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{amount, decimal};
use crate::domain::bot::{Sheet, SliceFill, TradeKind};
use crate::domain::order::{LimitHit, Order, OrderKind, OrderOrigin, Reason, Side, Venue};

/// Code and sentence of a refusal or an uncertainty.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReasonView {
    pub code: String,
    pub message: String,
    /// The limit that was hit, where it was one.
    pub limit: Option<LimitHit>,
}

impl From<&Reason> for ReasonView {
    fn from(reason: &Reason) -> Self {
        Self { code: reason.code.clone(), message: reason.message.clone(), limit: reason.limit.clone() }
    }
}

/// An order.
/// What asked for an order.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OriginView {
    Slice,
    Closing,
    ForceSell,
    Ticket,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct OrderView {
    pub id: Uuid,
    pub account_id: Uuid,
    pub bot_id: Option<Uuid>,
    pub bot_name: String,
    pub symbol: String,
    pub market: String,
    pub side: Side,
    pub quantity: String,
    pub filled_quantity: String,
    pub order_type: OrderKind,
    /// Limit price; `null` where the kind has none.
    pub price: Option<String>,
    pub trigger_price: Option<String>,
    pub venue: Venue,
    /// Trading date.
    pub session: String,
    /// A cancel was asked for.
    pub cancel_requested: bool,
    /// A change was asked for; the broker has not told yet what became of it.
    pub amending: bool,
    pub filled_amount: String,
    pub average_price: Option<String>,
    /// `pending`, `partially_filled`, `filled`, `rejected`, `cancelled`, `expired` or `unknown`
    pub status: &'static str,
    pub state: crate::domain::order::OrderState,
    pub broker_order_no: Option<String>,
    pub reason: Option<ReasonView>,
    pub origin: OriginView,
    /// `mock` or `live`
    pub environment: crate::domain::order::Environment,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl From<&Order> for OrderView {
    fn from(order: &Order) -> Self {
        let intent = &order.intent;
        Self {
            id: intent.order_id.0,
            account_id: intent.account_id.0,
            bot_id: intent.bot_id.map(|b| b.0),
            bot_name: intent.bot_name.clone(),
            symbol: intent.symbol.clone(),
            market: intent.market.code().to_owned(),
            side: intent.side,
            quantity: intent.quantity.to_string(),
            filled_quantity: order.filled_quantity.to_string(),
            order_type: intent.kind,
            price: intent.limit_price.map(decimal),
            trigger_price: intent.trigger_price.map(decimal),
            venue: intent.venue,
            session: intent.session.to_string(),
            cancel_requested: order.cancel_requested,
            amending: order.amending.is_some(),
            filled_amount: decimal(order.filled_amount),
            average_price: (order.filled_quantity > 0)
                .then(|| decimal((order.filled_amount / rust_decimal::Decimal::from(order.filled_quantity)).round_dp(4))),
            status: order.state.status(),
            state: order.state,
            broker_order_no: order.broker_order_no.clone(),
            reason: order.reason.as_ref().map(ReasonView::from),
            origin: match intent.origin {
                OrderOrigin::Slice { .. } => OriginView::Slice,
                OrderOrigin::Ticket => OriginView::Ticket,
                OrderOrigin::Closing => OriginView::Closing,
                OrderOrigin::ForceSell { .. } => OriginView::ForceSell,
            },
            environment: intent.environment,
            created_at: order.created_at,
            updated_at: order.updated_at,
        }
    }
}

/// One filled slice.
#[derive(Debug, Serialize, ToSchema)]
pub struct SliceView {
    pub quantity: String,
    pub unit_price: String,
    pub total: String,
}

impl From<&SliceFill> for SliceView {
    fn from(fill: &SliceFill) -> Self {
        Self { quantity: amount(fill.quantity), unit_price: amount(fill.unit_price), total: amount(fill.total) }
    }
}

/// A sliced order of one night.
#[derive(Debug, Serialize, ToSchema)]
pub struct SheetView {
    pub id: Uuid,
    pub bot_id: Option<Uuid>,
    pub bot_name: String,
    pub symbol: String,
    pub kind: TradeKind,
    pub session: String,
    pub slices_total: i64,
    pub slices_left: i64,
    /// USD for buys, shares for sells.
    pub total: String,
    pub remaining: String,
    pub results: Vec<Option<SliceView>>,
    pub slice_times: Vec<Timestamp>,
    pub orders: Vec<OrderView>,
}

impl SheetView {
    pub fn new(sheet: &Sheet, slice_times: Vec<Timestamp>, orders: Vec<OrderView>) -> Self {
        Self {
            id: sheet.id.0,
            bot_id: sheet.bot_id.map(|b| b.0),
            bot_name: sheet.name.clone(),
            symbol: sheet.symbol.clone(),
            kind: sheet.kind,
            session: sheet.session.to_string(),
            slices_total: sheet.slices_total,
            slices_left: sheet.slices_left,
            total: amount(sheet.total),
            remaining: amount(sheet.remaining),
            results: sheet.results.iter().map(|r| r.as_ref().map(SliceView::from)).collect(),
            slice_times,
            orders,
        }
    }
}
