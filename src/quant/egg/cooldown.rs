//! The pause after a sell.

use jiff::{SignedDuration, Timestamp};

use crate::domain::bot::{Bot, HistoryRow};

use super::event::EggEvent;

const DAY_NANOSECONDS: i128 = 24 * 60 * 60 * 1_000_000_000;
const DAY_SECONDS: i64 = 24 * 60 * 60;

/// The latest sell of a bot, of any kind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LatestSell {
    pub at: Timestamp,
    /// USD, gross.
    pub profit: f64,
}

impl LatestSell {
    /// The latest sell among a bot's history rows.
    pub fn of<'r>(rows: impl IntoIterator<Item = &'r HistoryRow>) -> Option<LatestSell> {
        rows.into_iter()
            .filter(|row| row.kind.is_sell())
            .map(|row| LatestSell { at: row.traded_at, profit: row.profit })
            .reduce(|latest, next| if next.at > latest.at { next } else { latest })
    }
}

/// Whether the bot pauses at `now`; the event says for how long. Elapsed days are whole periods of
/// 24 hours, not calendar days.
pub fn check(bot: &Bot, latest_sell: Option<LatestSell>, now: Timestamp) -> Option<EggEvent> {
    let days = bot.sell_cooldown_days;
    if days <= 0 {
        return None;
    }
    let sell = latest_sell?;
    if bot.sell_cooldown_loss_only && sell.profit >= 0.0 {
        return None;
    }
    let elapsed = now.duration_since(sell.at).as_nanos().div_euclid(DAY_NANOSECONDS);
    if elapsed >= i128::from(days) {
        return None;
    }
    let pause = SignedDuration::from_secs(days.saturating_mul(DAY_SECONDS));
    Some(EggEvent::Cooldown {
        bot: bot.name.clone(),
        symbol: bot.symbol.clone(),
        after_loss: sell.profit < 0.0,
        days,
        elapsed_days: i64::try_from(elapsed).unwrap_or(i64::MIN),
        resumes_at: sell.at.checked_add(pause).unwrap_or(Timestamp::MAX),
    })
}
