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

#[cfg(test)]
mod tests {
    use super::super::samples::{bot, instant};
    use super::*;

    #[test]
    fn days_are_periods_of_24_hours() {
        let mut bot = bot();
        bot.sell_cooldown_days = 2;
        let sell = Some(LatestSell { at: instant(0), profit: 1.0 });
        let just_before = instant(2) - SignedDuration::from_secs(1);
        let Some(EggEvent::Cooldown { elapsed_days, resumes_at, after_loss, .. }) = check(&bot, sell, just_before) else {
            panic!("the pause lasts two days")
        };
        assert_eq!((elapsed_days, resumes_at, after_loss), (1, instant(2), false));
        assert_eq!(check(&bot, sell, instant(2)), None);
        assert!(check(&bot, sell, instant(-1)).is_some(), "a clock set back does not end the pause");
    }

    #[test]
    fn a_gain_does_not_pause_a_bot_that_pauses_after_losses() {
        let mut bot = bot();
        bot.sell_cooldown_days = 2;
        bot.sell_cooldown_loss_only = true;
        let sell = |profit| Some(LatestSell { at: instant(0), profit });
        assert_eq!(check(&bot, sell(0.0), instant(1)), None);
        assert!(check(&bot, sell(-0.01), instant(1)).is_some());
        bot.sell_cooldown_days = 0;
        assert_eq!(check(&bot, sell(-0.01), instant(1)), None);
    }
}
