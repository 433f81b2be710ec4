//! Opening a sheet from a decision.

use jiff::Timestamp;
use jiff::civil::Date;

use crate::domain::bot::{Bot, Sheet};
use crate::domain::id::SheetId;

use super::decide::Wanted;
use super::event::EggEvent;
use super::number::cents;

/// Slices of a sheet whose schedule names none.
pub const DEFAULT_SLICES: i64 = 5;

/// What a new sheet needs besides the decision.
#[derive(Clone, Copy, Debug)]
pub struct Opening {
    pub id: SheetId,
    /// Trading date that the sheet is for.
    pub session: Date,
    pub at: Timestamp,
    /// Slices; 0 or less means [`DEFAULT_SLICES`].
    pub slices: i64,
}

/// Opens a bot's sheet. A value that is negative opens nothing; the event says so.
pub fn open(bot: &Bot, wanted: Wanted, opening: Opening) -> (Option<Sheet>, EggEvent) {
    let slices = if opening.slices > 0 { opening.slices } else { DEFAULT_SLICES };
    let value = cents(wanted.value);
    let (name, symbol) = (bot.name.clone(), bot.symbol.trim().to_uppercase());
    if value < 0.0 || value.is_nan() {
        let event = if wanted.kind.is_buy() {
            EggEvent::OrderCreateFailedBuy { bot: name, symbol, wanted: wanted.value, added_seed: bot.added_seed }
        } else {
            EggEvent::OrderCreateFailedSell { bot: name, symbol, wanted: wanted.value }
        };
        return (None, event);
    }
    let event = if wanted.kind.is_buy() {
        EggEvent::OrderCreatedBuy { bot: name, symbol: symbol.clone(), kind: wanted.kind, slices, amount: wanted.value }
    } else {
        EggEvent::OrderCreatedSell { bot: name, symbol: symbol.clone(), kind: wanted.kind, slices, quantity: wanted.value }
    };
    let sheet = Sheet {
        id: opening.id,
        bot_id: Some(bot.id),
        name: bot.name.clone(),
        market: bot.market,
        symbol,
        kind: wanted.kind,
        session: opening.session,
        opened_at: opening.at,
        slices_left: slices,
        slices_total: slices,
        remaining: value,
        total: value,
        results: Vec::new(),
    };
    (Some(sheet), event)
}

/// The sheets left over from sessions before `today`, and the event that names them.
/// One with fills must be completed before it is removed (`slice::complete`).
pub fn outdated(sheets: &[Sheet], today: Date) -> Option<(Vec<SheetId>, EggEvent)> {
    let old: Vec<&Sheet> = sheets.iter().filter(|sheet| sheet.session < today).collect();
    if old.is_empty() {
        return None;
    }
    let event = EggEvent::OldOrdersFound { names: old.iter().map(|sheet| sheet.name.clone()).collect() };
    Some((old.iter().map(|sheet| sheet.id).collect(), event))
}
