//! The numbers of an account's bots: overview, status, profits, history, exchange rates.
//!
//! Everything here is gross (no fee, no tax) in USD, as the bots count; KRW figures multiply by a
//! rate that is named beside them. Where the original counted something else than we do, both
//! figures come from the same function.

pub mod history;
pub mod overview;
pub mod profit;
pub mod rates;
pub mod status;

pub use history::{rows_between, rows_of_month, usual_range};
pub use overview::{Overview, Scope, overview, positions_in_order};
pub use profit::{TodayProfit, YearProfit, cycle_profit, profit_years, realised_profit, today_profit};
pub use rates::{CurrentRate, MonthRate, current_rate, month_rate};
pub use status::{BotStatus, ProgressBar, bot_status};

use crate::domain::bot::{Bot, Holding};
use crate::quant::egg::point::traded_holding;

/// The rows of one bot.
fn rows_of(holdings: &[Holding], bot: &Bot) -> Vec<Holding> {
    holdings.iter().filter(|h| h.bot_id == Some(bot.id) && !h.reserve).cloned().collect()
}

/// The row that stands for a bot: the one that its trades change.
fn row_of(holdings: &[Holding], bot: &Bot) -> Option<Holding> {
    traded_holding(&rows_of(holdings, bot)).cloned()
}

/// `part` of `whole` in percent; 0 without a whole.
fn percent_of(part: f64, whole: f64) -> f64 {
    if whole == 0.0 { 0.0 } else { part / whole * 100.0 }
}

#[cfg(test)]
mod tests;
