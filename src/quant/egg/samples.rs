//! Small books for the tests of this module.

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::domain::bot::{Bot, Holding, Sheet, SliceFill, TradeKind};
use crate::domain::clock::kst_date;
use crate::domain::id::{AccountId, BotId, HistoryId, HoldingId, SheetId};
use crate::domain::samples;

use super::book::BookIds;

/// Noon in Korea on the day `days` after 2025-06-02.
pub fn instant(days: i64) -> Timestamp {
    let start: Timestamp = "2025-06-02T03:00:00Z".parse().unwrap();
    start + SignedDuration::from_hours(24 * days)
}

/// Seed 1,000 USD, ten turns, both buy conditions, point curve P1 with 20 %, take profit at 10 %.
pub fn bot() -> Bot {
    named_bot("TQ_1", 1)
}

pub fn named_bot(name: &str, number: u128) -> Bot {
    Bot { id: BotId(Uuid::from_u128(number)), account_id: AccountId(Uuid::from_u128(1)), ..samples::bot(name, "TQQQ") }
}

/// A holding of bot 1, opened on day 0.
pub fn holding(number: u128, quantity: f64, average_price: f64) -> Holding {
    holding_of(&bot(), number, quantity, average_price)
}

pub fn holding_of(bot: &Bot, number: u128, quantity: f64, average_price: f64) -> Holding {
    samples::holding(bot, 100 + number, quantity, average_price, instant(0))
}

/// A fresh sheet of a bot on day 1.
pub fn sheet_of(bot: &Bot, kind: TradeKind, value: f64, slices: i64) -> Sheet {
    Sheet {
        id: SheetId(bot.id.0),
        bot_id: Some(bot.id),
        name: bot.name.clone(),
        market: bot.market,
        symbol: bot.symbol.clone(),
        kind,
        session: kst_date(instant(1)),
        opened_at: instant(1),
        slices_left: slices,
        slices_total: slices,
        remaining: value,
        total: value,
        results: Vec::new(),
    }
}

pub fn bought(quantity: f64, unit_price: f64) -> SliceFill {
    SliceFill { kind: TradeKind::Buy, quantity, unit_price, total: quantity * unit_price }
}

pub fn ids(number: i64) -> BookIds {
    let number = u128::from(number.unsigned_abs());
    BookIds { holding: HoldingId(Uuid::from_u128(1_000 + number)), history: HistoryId(Uuid::from_u128(2_000 + number)) }
}
