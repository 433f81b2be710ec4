//! Slices of a sheet: what the next one asks for, what its result does, and when the sheet is complete.
//!
//! Planning and applying are apart: between them lies an order that may take minutes.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::domain::bot::{Sheet, SliceFill, TradeKind};
use crate::domain::order::Side;

use super::event::EggEvent;
use super::number::{cents, round_to, sum, truncate};
use super::point::{buy_limit, sell_limit, shares_for, usable_price};

/// A limit order that the engine asks for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    pub side: Side,
    /// Whole shares, at least 1.
    pub quantity: i64,
    /// USD, cents.
    pub limit: f64,
}

/// What the next slice does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SlicePlan {
    /// No price: the slice is empty.
    NoPrice,
    /// Less than one share falls on this slice: nothing is sent, the slice is empty (H-07).
    NoShares { limit: f64 },
    /// Send this, then apply what was filled.
    Send(Request),
}

/// What keeps the sheet from running a slice today: an event to report, nothing else happens then.
pub fn obstacle(sheet: &Sheet, today: Date) -> Option<EggEvent> {
    let (bot, symbol) = (sheet.name.clone(), sheet.symbol.clone());
    let results = sheet.results.len() as i64;
    let slices = sheet.slices_total;
    if sheet.session != today {
        return Some(EggEvent::OrderNotToday { bot, symbol, session: sheet.session, today });
    }
    if results >= slices {
        return Some(EggEvent::OrderResultsComplete { bot, symbol, results, slices });
    }
    if sheet.slices_left <= 0 {
        return Some(EggEvent::OrderNoCount { bot, symbol, results, slices });
    }
    None
}

/// Plans the next slice at a price (USD; `None` when there is none).
pub fn plan(sheet: &Sheet, price: Option<f64>) -> SlicePlan {
    let Some(price) = usable_price(price) else { return SlicePlan::NoPrice };
    // The reciprocal first: 49 × (1/49) is 0.999…, which truncates to 0, and must.
    let share = truncate(cents(sheet.remaining) * (1.0 / sheet.slices_left as f64));
    let (side, limit, quantity) = if sheet.kind.is_buy() {
        let limit = buy_limit(price);
        (Side::Buy, limit, shares_for(share as f64, limit))
    } else {
        (Side::Sell, sell_limit(price), share)
    };
    if quantity <= 0 { SlicePlan::NoShares { limit } } else { SlicePlan::Send(Request { side, quantity, limit }) }
}

/// The event of a slice that found no price.
pub fn no_price_event(sheet: &Sheet) -> EggEvent {
    EggEvent::TwapNoPrice {
        bot: sheet.name.clone(),
        symbol: sheet.symbol.clone(),
        slice: sheet.results.len() as i64 + 1,
        slices: sheet.slices_total,
    }
}

/// Writes a slice's result into the sheet: `None` when nothing was filled. A fill of 0 shares is none (H-08).
pub fn apply(sheet: &mut Sheet, fill: Option<SliceFill>) {
    let fill = fill.filter(|fill| fill.quantity > 0.0).map(|fill| SliceFill { kind: sheet.kind, ..fill });
    sheet.remaining = cents(sheet.remaining);
    if let Some(fill) = &fill {
        sheet.remaining -= if sheet.kind.is_buy() { fill.total } else { fill.quantity };
    }
    sheet.results.push(fill);
    sheet.slices_left -= 1;
}

/// How a sheet ends.
#[derive(Clone, Debug, PartialEq)]
pub enum Completion {
    /// Record this trade in the bot's books, then close the sheet.
    Book { fill: SliceFill, events: Vec<EggEvent> },
    /// Nothing was filled: close the sheet.
    Empty { events: Vec<EggEvent> },
    /// The bot is gone: the sheet stays, somebody has to be told.
    BotMissing { events: Vec<EggEvent> },
}

/// Whether the sheet is complete after a slice: no slices are left, or the last time of the plan has
/// passed and something was filled (a slice was missed then).
pub fn completion(sheet: &Sheet, last_time_passed: bool, bot_exists: bool) -> Option<Completion> {
    let filled = valid(sheet).next().is_some();
    let mut events = Vec::new();
    if sheet.slices_left > 0 {
        if !(last_time_passed && filled) {
            return None;
        }
        events.push(EggEvent::TwapLastTimePassed { bot: sheet.name.clone(), symbol: sheet.symbol.clone(), slices_left: sheet.slices_left });
    }
    if sheet.results.is_empty() {
        return None;
    }
    Some(complete_with(sheet, bot_exists, events))
}

/// Completes a sheet as it stands: before it is replaced or removed, what it filled must reach the
/// books (H-05). `None` when it holds no fill.
pub fn complete(sheet: &Sheet, bot_exists: bool) -> Option<Completion> {
    valid(sheet).next().is_some().then(|| complete_with(sheet, bot_exists, Vec::new()))
}

fn complete_with(sheet: &Sheet, bot_exists: bool, mut events: Vec<EggEvent>) -> Completion {
    let (bot, symbol) = (sheet.name.clone(), sheet.symbol.clone());
    if !bot_exists {
        events.push(EggEvent::CompleteBotMissing { bot, symbol });
        return Completion::BotMissing { events };
    }
    let Some(mut fill) = merge(sheet.kind, valid(sheet)) else {
        events.push(EggEvent::TwapNoValidResult { bot, symbol, kind: sheet.kind, slices: sheet.results.len() as i64 });
        return Completion::Empty { events };
    };
    let wanted = cents(sheet.total);
    if sheet.kind == TradeKind::Sell && fill.quantity < wanted {
        fill.kind = TradeKind::SellPart;
        events.push(EggEvent::TwapPartialFill {
            bot: bot.clone(),
            symbol: symbol.clone(),
            wanted,
            filled: fill.quantity,
            missing: wanted - fill.quantity,
        });
    }
    events.push(EggEvent::TwapMerged {
        bot,
        symbol,
        kind: fill.kind,
        quantity: fill.quantity,
        unit_price: fill.unit_price,
        total: fill.total,
        valid_slices: valid(sheet).count() as i64,
    });
    Completion::Book { fill, events }
}

fn valid(sheet: &Sheet) -> impl Iterator<Item = &SliceFill> + Clone {
    sheet.results.iter().flatten().filter(|fill| fill.quantity > 0.0)
}

/// Sums fills into one trade: its unit price is the average, rounded to four, then to two decimals.
/// `None` when no share was traded.
pub fn merge<'f>(kind: TradeKind, fills: impl Iterator<Item = &'f SliceFill> + Clone) -> Option<SliceFill> {
    let quantity = sum(fills.clone().map(|fill| fill.quantity));
    let total = sum(fills.map(|fill| fill.total));
    (quantity > 0.0).then(|| SliceFill { kind, quantity, unit_price: cents(round_to(total / quantity, 4)), total: cents(total) })
}
