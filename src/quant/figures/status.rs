//! Where each bot stands, and which messages the end of a session brings.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::overview::{Prices, price_of};
use super::profit::TodayProfit;
use super::{percent_of, row_of, rows_of};
use crate::domain::bot::{Bot, Holding};
use crate::domain::clock::kst_date;
use crate::quant::egg::number::truncate;
use crate::quant::egg::point::{Held, point, point_price, profit_percent, traded_holding, turns};

/// A bot's position and how far it has come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BotStatus {
    /// USD; the average price where the market gives none.
    pub price: f64,
    pub average_price: f64,
    pub quantity: f64,
    /// Cost, USD.
    pub total_cost: f64,
    /// Korean calendar days since the cycle began.
    pub days_passed: i64,
    /// Unrealised, USD: value − cost.
    pub profit: f64,
    /// Price against the average, percent, two decimals.
    pub profit_percent: f64,
    /// seed × max_tier, USD.
    pub max_seed: f64,
    /// Cost by average prices, over all rows of the bot, USD.
    pub invested: f64,
    pub t: f64,
    /// Fraction.
    pub point: f64,
    /// USD, in cents.
    pub point_price: f64,
    /// Cost in percent of `max_seed`.
    pub progress_percent: f64,
    pub bar: ProgressBar,
}

/// A bot's status; `None` without a position. A row of 0 shares still has one.
pub fn bot_status(bot: &Bot, holdings: &[Holding], prices: &Prices, now: Timestamp) -> Option<BotStatus> {
    let rows = rows_of(holdings, bot);
    let row = traded_holding(&rows)?;
    let invested = Held::of(&rows).invested;
    let price = price_of(row, prices);
    let t = turns(invested, bot.seed);
    let point = point(bot.point_curve, t, bot.t_div, bot.max_tier);
    let max_seed = bot.seed * bot.max_tier as f64;
    let progress_percent = percent_of(row.total_cost, max_seed);
    Some(BotStatus {
        price,
        average_price: row.average_price,
        quantity: row.quantity,
        total_cost: row.total_cost,
        days_passed: kst_date(now).duration_since(kst_date(row.cycle_start)).as_hours() / 24,
        profit: row.quantity * price - row.total_cost,
        profit_percent: profit_percent(Some(price), Some(row.average_price)),
        max_seed,
        invested,
        t,
        point,
        point_price: point_price(row.average_price, point),
        progress_percent,
        bar: ProgressBar::of(progress_percent),
    })
}

/// Ten blocks, one for every full ten percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgressBar {
    /// 0 to 10.
    pub filled: u8,
    /// More than half is used: red instead of green.
    pub warning: bool,
}

impl ProgressBar {
    pub const BLOCKS: u8 = 10;

    /// The bar of a percentage; more than 100 is full.
    pub fn of(percent: f64) -> Self {
        let filled = truncate((percent.min(100.0) / 10.0).floor()).clamp(0, i64::from(Self::BLOCKS));
        Self { filled: u8::try_from(filled).unwrap_or(0), warning: percent > 50.0 }
    }

    /// As text for a message.
    pub fn text(self) -> String {
        let full = if self.warning { "🟥" } else { "🟩" };
        let blocks = (0..Self::BLOCKS).map(|place| if place < self.filled { full } else { "⬜" });
        blocks.collect::<Vec<_>>().join(" ")
    }
}

/// A message of the session's end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum StatusMessage<'b> {
    /// One per bot with a position, in bot order.
    Bot(&'b Bot),
    /// The totals; when there is any bot.
    Portfolio,
    /// Today's sells earned money: with the picture.
    TodayProfitPicture,
    /// Today's sells earned nothing: plain text.
    TodayProfitText,
}

impl StatusMessage<'_> {
    /// The event code.
    pub fn event(&self) -> &'static str {
        match self {
            StatusMessage::Bot(_) => "STATUS_TRADE",
            StatusMessage::Portfolio => "STATUS_PORTFOLIO",
            StatusMessage::TodayProfitPicture => "STATUS_TODAY_PROFIT_PHOTO",
            StatusMessage::TodayProfitText => "STATUS_TODAY_PROFIT_TEXT",
        }
    }
}

/// The messages of the session's end, in the order in which they are sent.
pub fn status_messages<'b>(bots: &'b [Bot], holdings: &[Holding], today: &TodayProfit) -> Vec<StatusMessage<'b>> {
    let with_position = bots.iter().filter(|bot| row_of(holdings, bot).is_some());
    let mut messages: Vec<StatusMessage> = with_position.map(StatusMessage::Bot).collect();
    if !bots.is_empty() {
        messages.push(StatusMessage::Portfolio);
    }
    if today.sold() {
        messages.push(if today.total > 0.0 { StatusMessage::TodayProfitPicture } else { StatusMessage::TodayProfitText });
    }
    messages
}
