//! The folds: how each fact changes an account's orders, positions, holdings, sheets and history.
//!
//! One function, [`apply`], serves both ways: inside the write transaction that appends the fact,
//! and in `eggmoney verify`, which replays every fact into memory and compares.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::bot::{HistoryRow, Holding, Sheet};
use super::exposure::{Exposure, Share};
use super::fact::{Event, Fact};
use super::id::{HistoryId, HoldingId, OrderId, SheetId};
use super::instrument::Market;
use super::money::{Currency, decimal_from_f64};
use super::order::{EarlierNumber, Order, OrderState, OrderState as S, Side};

#[cfg(test)]
mod tests;

/// What an account holds of one instrument, whoever in it bought it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Position {
    pub market: Market,
    pub symbol: String,
    pub quantity: Decimal,
    /// Cost of what is held, gross, in the market's currency.
    pub cost: Decimal,
    /// Realised profit since the account was brought here, net of fees and taxes.
    pub realised: Decimal,
    /// Fees and taxes paid.
    pub charges: Decimal,
    /// Shares of the person that did not come with orders of ours: bought less sold outside.
    #[serde(default, skip_serializing_if = "Decimal::is_zero")]
    pub outside: Decimal,
    /// Shares that bots sold beyond their own, and that are missing from the account's others.
    #[serde(default, skip_serializing_if = "Decimal::is_zero")]
    pub oversold: Decimal,
}

/// Cash of one currency as the journal accounts for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CashBalance {
    pub currency: Currency,
    pub amount: Decimal,
}

/// The rows that the folds read and write, for one account.
pub trait LedgerRows {
    type Error: From<LedgerError>;

    fn order(&self, id: OrderId) -> Result<Option<Order>, Self::Error>;
    fn put_order(&mut self, order: &Order) -> Result<(), Self::Error>;
    /// `None` while nothing is open.
    fn exposure(&self, market: Market, symbol: &str) -> Result<Option<Exposure>, Self::Error>;
    /// An exposure that is none has no row.
    fn put_exposure(&mut self, exposure: &Exposure) -> Result<(), Self::Error>;
    /// Cash that the journal accounts for, zero before the first entry.
    fn cash(&self, currency: Currency) -> Result<Decimal, Self::Error>;
    fn put_cash(&mut self, currency: Currency, amount: Decimal) -> Result<(), Self::Error>;
    fn position(&self, market: Market, symbol: &str) -> Result<Option<Position>, Self::Error>;
    fn put_position(&mut self, position: &Position) -> Result<(), Self::Error>;
    fn holding(&self, id: HoldingId) -> Result<Option<Holding>, Self::Error>;
    fn put_holding(&mut self, holding: &Holding) -> Result<(), Self::Error>;
    fn remove_holding(&mut self, id: HoldingId) -> Result<(), Self::Error>;
    fn put_history(&mut self, row: &HistoryRow) -> Result<(), Self::Error>;
    fn remove_history(&mut self, id: HistoryId) -> Result<(), Self::Error>;
    fn sheet(&self, id: SheetId) -> Result<Option<Sheet>, Self::Error>;
    fn put_sheet(&mut self, sheet: &Sheet) -> Result<(), Self::Error>;
    fn remove_sheet(&mut self, id: SheetId) -> Result<(), Self::Error>;
}

/// A fact that does not fit the facts before it.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum LedgerError {
    #[error("order {0} has no intent in the journal")]
    UnknownOrder(OrderId),
    #[error("order {id} cannot go from {from:?} to {to:?}")]
    IllegalTransition { id: OrderId, from: OrderState, to: OrderState },
    #[error("order {id} wanted {wanted} shares, its executions would be {filled}")]
    Overfilled { id: OrderId, wanted: u64, filled: u64 },
    #[error("order {id} is {state:?}: it can neither be filled, cancelled nor settled")]
    NotPossible { id: OrderId, state: OrderState },
    #[error("order {0}: an execution has at least one share and no negative amount")]
    BadFill(OrderId),
    #[error("order {0} was journalled twice")]
    DuplicateIntent(OrderId),
    #[error("sheet {0} does not exist")]
    UnknownSheet(SheetId),
    #[error("{0} is no amount")]
    NotAnAmount(f64),
}

/// Applies one fact.
///
/// # Errors
/// [`LedgerError`] when the fact contradicts what is there; nothing may then be committed.
pub fn apply<R: LedgerRows>(rows: &mut R, fact: &Fact) -> Result<(), R::Error> {
    match &fact.event {
        Event::OpeningHolding { holding } => {
            if !holding.reserve && holding.quantity != 0.0 {
                add_position(rows, holding.market, &holding.symbol, holding.quantity, holding.total_cost)?;
            }
            rows.put_holding(holding)
        }
        Event::OpeningHistory { row } | Event::HistoryAdded { row, .. } => rows.put_history(row),
        Event::HistoryRemoved { history_id, .. } => rows.remove_history(*history_id),
        Event::OpeningSheet { sheet } | Event::SheetPut { sheet } => rows.put_sheet(sheet),
        Event::OpeningCash { currency, amount, .. } | Event::ExternalCash { currency, amount, .. } => add_cash(rows, *currency, *amount),
        Event::CashExchanged { from, paid, to, received } => {
            add_cash(rows, *from, -*paid)?;
            add_cash(rows, *to, *received)
        }
        Event::OrderIntended { intent } => {
            if rows.order(intent.order_id)?.is_some() {
                return Err(LedgerError::DuplicateIntent(intent.order_id).into());
            }
            let order = Order {
                intent: intent.as_ref().clone(),
                state: OrderState::Intent,
                broker_order_no: None,
                broker_order_date: None,
                filled_quantity: 0,
                filled_amount: Decimal::ZERO,
                reason: None,
                cancel_requested: false,
                earlier: Vec::new(),
                amending: None,
                settled: false,
                created_at: fact.at,
                updated_at: fact.at,
            };
            keep_order(rows, Share::default(), &order)
        }
        Event::OrderSent { order_id } => change(rows, *order_id, fact, |o| step(o, OrderState::Sent)),
        Event::OrderAccepted { order_id, broker_order_no, broker_order_date } => change(rows, *order_id, fact, |o| {
            step(o, OrderState::Accepted)?;
            o.broker_order_no = Some(broker_order_no.clone());
            o.broker_order_date = Some(*broker_order_date);
            o.reason = None;
            Ok(())
        }),
        Event::OrderRejected { order_id, reason } => change(rows, *order_id, fact, |o| {
            step(o, OrderState::Rejected)?;
            o.reason = Some(reason.clone());
            Ok(())
        }),
        Event::OrderUnknown { order_id, reason } => change(rows, *order_id, fact, |o| {
            step(o, OrderState::Unknown)?;
            o.reason = Some(reason.clone());
            Ok(())
        }),
        Event::CancelRequested { order_id } => change(rows, *order_id, fact, |o| {
            possible(o, matches!(o.state, S::Sent | S::Accepted | S::PartiallyFilled | S::Unknown))?;
            o.cancel_requested = true;
            Ok(())
        }),
        Event::AmendRequested { order_id, amendment } => change(rows, *order_id, fact, |o| {
            possible(o, matches!(o.state, S::Accepted | S::PartiallyFilled) && o.amending.is_none())?;
            if amendment.quantity <= o.filled_quantity {
                return Err(LedgerError::Overfilled { id: o.intent.order_id, wanted: amendment.quantity, filled: o.filled_quantity });
            }
            o.amending = Some(amendment.clone());
            Ok(())
        }),
        Event::OrderAmended { order_id, broker_order_no, broker_order_date } => change(rows, *order_id, fact, |o| {
            let (Some(terms), Some(number), Some(date)) = (o.amending.take(), o.broker_order_no.take(), o.broker_order_date.take()) else {
                return Err(LedgerError::NotPossible { id: o.intent.order_id, state: o.state });
            };
            o.earlier.push(EarlierNumber { broker_order_no: number, broker_order_date: date, quantity: o.intent.quantity });
            o.broker_order_no = Some(broker_order_no.clone());
            o.broker_order_date = Some(*broker_order_date);
            // Executions that came while the amendment was on its way count against the new quantity.
            o.intent.quantity = terms.quantity.max(o.filled_quantity);
            o.intent.limit_price = terms.limit_price;
            if !o.state.is_final() && o.filled_quantity == o.intent.quantity {
                o.state = S::Filled;
            }
            Ok(())
        }),
        Event::OrderResized { order_id, quantity } => change(rows, *order_id, fact, |o| {
            possible(o, *quantity >= o.filled_quantity && *quantity <= o.most_shares())?;
            o.intent.quantity = *quantity;
            Ok(())
        }),
        Event::AmendRefused { order_id, reason } => change(rows, *order_id, fact, |o| {
            possible(o, o.amending.is_some())?;
            o.amending = None;
            o.reason = Some(reason.clone());
            Ok(())
        }),
        Event::OrderCancelled { order_id } => change(rows, *order_id, fact, |o| step(o, OrderState::Cancelled)),
        Event::OrderExpired { order_id } => change(rows, *order_id, fact, |o| step(o, OrderState::Expired)),
        Event::OrderSettled { order_id } => change(rows, *order_id, fact, |o| {
            possible(o, o.state.is_final() && !o.settled)?;
            o.settled = true;
            Ok(())
        }),
        Event::OrderFilled { fill } => {
            let mut order = rows.order(fill.order_id)?.ok_or(LedgerError::UnknownOrder(fill.order_id))?;
            // Only an order that the broker has taken can be executed; a fill may come after its end.
            possible(&order, order.broker_order_no.is_some() && order.state != S::Unknown)?;
            if fill.quantity == 0 || [fill.gross, fill.fee, fill.tax].iter().any(|amount| *amount < Decimal::ZERO) {
                return Err(LedgerError::BadFill(fill.order_id).into());
            }
            let before = Share::of(&order);
            let filled = order.filled_quantity.saturating_add(fill.quantity);
            let wanted = order.intent.quantity;
            if filled > wanted {
                return Err(LedgerError::Overfilled { id: fill.order_id, wanted, filled }.into());
            }
            order.filled_quantity = filled;
            order.filled_amount += fill.gross;
            // A fill may arrive after the cancel: the order stays cancelled, its figures grow.
            if !order.state.is_final() {
                order.state = if filled == wanted { OrderState::Filled } else { OrderState::PartiallyFilled };
            } else if filled == wanted {
                order.state = OrderState::Filled;
            }
            order.updated_at = fact.at;
            keep_order(rows, before, &order)?;
            trade_position(rows, &order, fill)
        }
        Event::SliceDone { sheet_id, fill, remaining } => {
            let mut sheet = rows.sheet(*sheet_id)?.ok_or(LedgerError::UnknownSheet(*sheet_id))?;
            sheet.results.push(*fill);
            sheet.slices_left -= 1;
            sheet.remaining = *remaining;
            rows.put_sheet(&sheet)
        }
        Event::SheetClosed { sheet_id, .. } => rows.remove_sheet(*sheet_id),
        Event::Booked { booking } => {
            for id in &booking.closed {
                rows.remove_holding(*id)?;
            }
            if let Some(holding) = &booking.holding_after {
                rows.put_holding(holding)?;
            }
            if booking.origin == super::fact::BookingOrigin::ImportedSheet {
                // These shares reached the broker before this journal began.
                let sign = if booking.kind.is_buy() { 1.0 } else { -1.0 };
                let quantity = booking.history.quantity.unwrap_or(0.0);
                // A sell's buying price is the average that its shares cost.
                let cost = quantity * booking.history.buy_price;
                add_position(rows, booking.market, &booking.symbol, sign * quantity, sign * cost)?;
            }
            rows.put_history(&booking.history)
        }
        Event::ExternalTradeAdopted { trade } => trade_outside(rows, trade),
        Event::SplitBooked { split } => {
            let mut position = position_or_new(rows, split.market, &split.symbol)?;
            position.quantity = split.quantity_after;
            position.outside += split.own_change;
            rows.put_position(&position)?;
            split.holdings.iter().try_for_each(|holding| rows.put_holding(holding))
        }
        Event::Oversold { market, symbol, quantity, .. } => {
            let mut position = position_or_new(rows, *market, symbol)?;
            position.oversold += *quantity;
            rows.put_position(&position)
        }
        Event::HoldingCorrected { holding_id, after, .. } => {
            let before = rows.holding(*holding_id)?;
            for (holding, sign) in before.iter().map(|h| (h, -1.0)).chain(after.iter().map(|h| (h, 1.0))) {
                if !holding.reserve && holding.quantity != 0.0 {
                    add_position(rows, holding.market, &holding.symbol, sign * holding.quantity, sign * holding.total_cost)?;
                }
            }
            match after {
                Some(holding) => rows.put_holding(holding),
                None => rows.remove_holding(*holding_id),
            }
        }
    }
}

fn change<R: LedgerRows>(
    rows: &mut R,
    id: OrderId,
    fact: &Fact,
    edit: impl FnOnce(&mut Order) -> Result<(), LedgerError>,
) -> Result<(), R::Error> {
    let mut order = rows.order(id)?.ok_or(LedgerError::UnknownOrder(id))?;
    let before = Share::of(&order);
    edit(&mut order)?;
    order.updated_at = fact.at;
    keep_order(rows, before, &order)
}

/// Stores an order, and what it now is of the account's exposure.
fn keep_order<R: LedgerRows>(rows: &mut R, before: Share, order: &Order) -> Result<(), R::Error> {
    let after = Share::of(order);
    if after != before {
        let (market, symbol) = (order.intent.market, &order.intent.symbol);
        let mut exposure = rows.exposure(market, symbol)?.unwrap_or_else(|| Exposure::none(market, symbol));
        exposure.exchange(order.intent.side, before, after);
        rows.put_exposure(&exposure)?;
    }
    rows.put_order(order)
}

/// The legal moves of an order. Fills move it through [`Event::OrderFilled`].
fn step(order: &mut Order, to: OrderState) -> Result<(), LedgerError> {
    let from = order.state;
    let legal = match to {
        S::Sent => from == S::Intent,
        // The broker listed it after all: "never placed" was a conclusion, this is evidence.
        S::Accepted => matches!(from, S::Sent | S::Unknown) || (from == S::Rejected && order.is_not_placed()),
        S::Rejected => matches!(from, S::Intent | S::Sent | S::Accepted | S::Unknown),
        S::Unknown => from == S::Sent,
        S::Cancelled | S::Expired => matches!(from, S::Accepted | S::PartiallyFilled | S::Unknown),
        S::Intent | S::PartiallyFilled | S::Filled => false,
    };
    if !legal {
        return Err(LedgerError::IllegalTransition { id: order.intent.order_id, from, to });
    }
    order.state = to;
    Ok(())
}

fn possible(order: &Order, possible: bool) -> Result<(), LedgerError> {
    if possible { Ok(()) } else { Err(LedgerError::NotPossible { id: order.intent.order_id, state: order.state }) }
}

fn position_or_new<R: LedgerRows>(rows: &R, market: Market, symbol: &str) -> Result<Position, R::Error> {
    Ok(rows.position(market, symbol)?.unwrap_or_else(|| Position {
        market,
        symbol: symbol.to_owned(),
        quantity: Decimal::ZERO,
        cost: Decimal::ZERO,
        realised: Decimal::ZERO,
        charges: Decimal::ZERO,
        outside: Decimal::ZERO,
        oversold: Decimal::ZERO,
    }))
}

fn add_cash<R: LedgerRows>(rows: &mut R, currency: Currency, amount: Decimal) -> Result<(), R::Error> {
    let cash = rows.cash(currency)? + amount;
    rows.put_cash(currency, cash)
}

fn add_position<R: LedgerRows>(rows: &mut R, market: Market, symbol: &str, quantity: f64, cost: f64) -> Result<(), R::Error> {
    let mut position = position_or_new(rows, market, symbol)?;
    position.quantity += decimal_from_f64(quantity).ok_or(LedgerError::NotAnAmount(quantity))?;
    position.cost += decimal_from_f64(cost).ok_or(LedgerError::NotAnAmount(cost))?;
    rows.put_position(&position)
}

/// Average-cost booking of one fill: a buy adds its gross to the cost, a sell takes the share's
/// average out and realises the difference, less fee and tax.
fn trade_position<R: LedgerRows>(rows: &mut R, order: &Order, fill: &super::order::Fill) -> Result<(), R::Error> {
    let mut position = position_or_new(rows, order.intent.market, &order.intent.symbol)?;
    let quantity = Decimal::from(fill.quantity);
    let charges = fill.fee + fill.tax;
    match order.intent.side {
        Side::Buy => {
            position.quantity += quantity;
            position.cost += fill.gross;
            position.realised -= charges;
        }
        Side::Sell => {
            let cost = if position.quantity > Decimal::ZERO { position.cost * quantity / position.quantity } else { Decimal::ZERO };
            position.quantity -= quantity;
            position.cost -= cost;
            position.realised += fill.gross - cost - charges;
        }
    }
    position.charges += charges;
    let paid = match order.intent.side {
        Side::Buy => -(fill.gross + charges),
        Side::Sell => fill.gross - charges,
    };
    add_cash(rows, fill.currency, paid)?;
    rows.put_position(&position)
}

/// Shares that came or went outside. Only a trade moves cash and realises a profit; its fees are not
/// known and so not counted.
fn trade_outside<R: LedgerRows>(rows: &mut R, trade: &super::difference::ExternalTrade) -> Result<(), R::Error> {
    let mut position = position_or_new(rows, trade.market, &trade.symbol)?;
    let traded = trade.origin == super::difference::ExternalOrigin::Execution;
    let signed = if trade.side == Side::Buy { trade.quantity } else { -trade.quantity };
    match trade.side {
        Side::Buy => position.cost += trade.gross,
        Side::Sell => {
            let cost = if position.quantity > Decimal::ZERO { position.cost * trade.quantity / position.quantity } else { Decimal::ZERO };
            position.cost -= cost;
            if traded {
                position.realised += trade.gross - cost;
            }
        }
    }
    position.quantity += signed;
    if trade.bot_id.is_none() {
        position.outside += signed;
    }
    if traded {
        add_cash(rows, trade.market.currency(), if trade.side == Side::Buy { -trade.gross } else { trade.gross })?;
    }
    rows.put_position(&position)
}
