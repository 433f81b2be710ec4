//! What an order meets in its own account: open orders of the instrument, and shares that are others'.

use rust_decimal::Decimal;

use super::{beyond, refuse};
use crate::domain::exposure::Exposure;
use crate::domain::money::decimal_from_f64;
use crate::domain::order::{Order, OrderIntent, Reason, Side};
use crate::storage::tables::{EXPOSURE, POSITIONS};
use crate::storage::{StoreError, UserTx, position_key};
use crate::trading::books::Books;

/// The account's other open orders of the instrument.
pub(super) fn beside(tx: &UserTx<'_>, intent: &OrderIntent) -> Result<Option<Reason>, StoreError> {
    let Some(open) = exposure(tx, intent)? else { return Ok(None) };
    // An order with an uncertain one beside it could be the same order twice.
    if open.side(intent.side).uncertain > 0 {
        return Ok(refuse("unknown_order_pending", format!("an earlier {} order's outcome is not known yet", intent.symbol)));
    }
    crossing(tx, intent)
}

pub(super) fn exposure(tx: &UserTx<'_>, intent: &OrderIntent) -> Result<Option<Exposure>, StoreError> {
    tx.get(&EXPOSURE, &position_key(intent.account_id, intent.market, &intent.symbol))
}

/// An open order of the other side that could trade with this one.
pub(super) fn crossing(tx: &UserTx<'_>, intent: &OrderIntent) -> Result<Option<Reason>, StoreError> {
    if exposure(tx, intent)?.is_none_or(|open| open.side(intent.side.other()).open == 0) {
        return Ok(None);
    }
    let of_other_side = |o: &Order| !o.state.is_final() && o.intent.symbol == intent.symbol && o.intent.side != intent.side;
    if tx.view().open_orders(intent.account_id)?.iter().any(|o| of_other_side(o) && crosses(o, intent)) {
        let message =
            format!("an own order of the other side for {} is open and could trade with this one: cancel it first", intent.symbol);
        return Ok(refuse("self_cross", message));
    }
    Ok(None)
}

/// Two own orders of opposite sides that could trade with each other.
fn crosses(open: &Order, new: &OrderIntent) -> bool {
    let at = |theirs: Option<Decimal>| match (theirs, new.limit_price) {
        (Some(theirs), Some(ours)) => {
            let (buy, sell) = if new.side == Side::Buy { (ours, theirs) } else { (theirs, ours) };
            buy >= sell
        }
        // Without a limit it trades with whatever stands there.
        _ => true,
    };
    // An amendment that is under way may stand at the broker already, or not.
    at(open.intent.limit_price) || open.amending.as_ref().is_some_and(|terms| at(terms.limit_price))
}

/// A bot sells what it holds, a person what no bot holds: the others' shares are not theirs to sell.
pub(super) fn own_shares(tx: &UserTx<'_>, intent: &OrderIntent, books: &Books) -> Result<Option<Reason>, StoreError> {
    let quantity = Decimal::from(intent.quantity);
    if let Some(bot) = intent.bot_id {
        let free = decimal_from_f64(books.unsold_of(bot)).unwrap_or_default();
        if quantity > free {
            let message = format!("the bot has {free} {} left to sell, the order asks for {quantity}", intent.symbol);
            return Ok(beyond("bot_holding", free, quantity, message));
        }
        return Ok(None);
    }
    let key = position_key(intent.account_id, intent.market, &intent.symbol);
    let held = tx.get(&POSITIONS, &key)?.map_or(Decimal::ZERO, |p| p.quantity);
    let of_bots = decimal_from_f64(books.held_by_bots(&intent.symbol)).unwrap_or_default();
    let selling: Decimal = books.open_orders.iter().filter(|o| is_open_manual_sell(o, intent)).map(open_part).sum();
    let free = (held - of_bots - selling).max(Decimal::ZERO);
    if quantity > free {
        let message = format!(
            "{free} {} are free to sell: the account holds {held}, its bots {of_bots}, open orders {selling}. To sell a bot's shares use its force sell",
            intent.symbol
        );
        return Ok(beyond("free_shares", free, quantity, message));
    }
    Ok(None)
}

fn is_open_manual_sell(order: &Order, intent: &OrderIntent) -> bool {
    order.intent.bot_id.is_none() && !order.state.is_final() && order.intent.side == Side::Sell && order.intent.symbol == intent.symbol
}

fn open_part(order: &Order) -> Decimal {
    Decimal::from(order.intent.quantity.saturating_sub(order.filled_quantity))
}
