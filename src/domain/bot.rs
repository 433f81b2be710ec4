//! Bots and what they work on: holdings, sliced orders (sheets), history rows.
//!
//! Amounts here are `f64` in USD: the decision engine must agree bit by bit with the program whose
//! data it continues, and that program computed in doubles. Account-level books are exact decimals
//! (`order`, `fact`).

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::id::{AccountId, BotId, HistoryId, HoldingId, SheetId};
use super::instrument::Market;

/// Shape of the curve that turns the turn count T into the point price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub enum PointCurve {
    /// Falls from the full band to zero at T = max_tier.
    P1,
    /// Zero at half of max_tier, negative beyond.
    #[serde(rename = "P1_2")]
    P1Half,
    /// Zero at two thirds of max_tier, negative beyond.
    #[serde(rename = "P2_3")]
    P2Thirds,
}

/// What kind of trade a sheet, a booking or a history row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
pub enum TradeKind {
    #[serde(rename = "SELL")]
    Sell,
    #[serde(rename = "SELL_1_4")]
    SellQuarter,
    #[serde(rename = "SELL_3_4")]
    SellThreeQuarters,
    #[serde(rename = "SELL_PART")]
    SellPart,
    #[serde(rename = "BUY")]
    Buy,
    /// No longer produced; occurs in old data.
    #[serde(rename = "BUY_FORCE")]
    BuyForce,
    #[serde(rename = "HOLD")]
    Hold,
}

impl TradeKind {
    pub const ALL: [TradeKind; 7] = [
        TradeKind::Sell,
        TradeKind::SellQuarter,
        TradeKind::SellThreeQuarters,
        TradeKind::SellPart,
        TradeKind::Buy,
        TradeKind::BuyForce,
        TradeKind::Hold,
    ];

    /// The stored name (`SELL_1_4`).
    pub fn name(self) -> &'static str {
        match self {
            TradeKind::Sell => "SELL",
            TradeKind::SellQuarter => "SELL_1_4",
            TradeKind::SellThreeQuarters => "SELL_3_4",
            TradeKind::SellPart => "SELL_PART",
            TradeKind::Buy => "BUY",
            TradeKind::BuyForce => "BUY_FORCE",
            TradeKind::Hold => "HOLD",
        }
    }

    /// The text that the old program used inside result lists and forms (`Sell_1_4`).
    pub fn value_text(self) -> &'static str {
        match self {
            TradeKind::Sell => "Sell",
            TradeKind::SellQuarter => "Sell_1_4",
            TradeKind::SellThreeQuarters => "Sell_3_4",
            TradeKind::SellPart => "Sell_Part",
            TradeKind::Buy => "Buy",
            TradeKind::BuyForce => "Buy_Force",
            TradeKind::Hold => "Hold",
        }
    }

    /// Reads either of the two texts.
    pub fn parse(text: &str) -> Option<TradeKind> {
        Self::ALL.into_iter().find(|k| k.name() == text || k.value_text() == text)
    }

    pub fn is_buy(self) -> bool {
        matches!(self, TradeKind::Buy | TradeKind::BuyForce)
    }

    pub fn is_sell(self) -> bool {
        matches!(self, TradeKind::Sell | TradeKind::SellQuarter | TradeKind::SellThreeQuarters | TradeKind::SellPart)
    }

    /// A sell that leaves a position behind.
    pub fn is_partial_sell(self) -> bool {
        self.is_sell() && self != TradeKind::Sell
    }
}

/// One rule of the closing-drop buy; both are fractions (0.05 = 5 %).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClosingCondition {
    /// Fall of the price against the previous close from which the rule applies.
    pub drop_rate: f64,
    /// Share of the seed to buy for.
    pub seed_rate: f64,
}

/// A bot: its settings and the state that its rules carry from day to day.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bot {
    pub id: BotId,
    pub account_id: AccountId,
    /// Unique within the account.
    pub name: String,
    pub market: Market,
    pub symbol: String,
    /// Place in the account's order of bots; decisions run in this order.
    pub position: u32,
    /// Counts the edits; a change names the version that it was made from.
    pub version: u64,
    pub active: bool,
    /// USD spent per normal buy (one turn).
    pub seed: f64,
    /// Take-profit distance above the average price, fraction.
    pub profit_rate: f64,
    /// Width of the point band, percent (20 = 20 %).
    pub t_div: i64,
    /// Number of turns; the budget is `seed × max_tier`.
    pub max_tier: i64,
    /// Buy condition "price under the average" is on.
    pub buy_below_average: bool,
    /// Buy condition "price under the point price" is on.
    pub buy_below_point: bool,
    pub point_curve: PointCurve,
    /// Never sell, always buy the full seed.
    pub skip_sell: bool,
    pub closing_conditions: Vec<ClosingCondition>,
    /// Days without trading after a sell; 0 = off.
    pub sell_cooldown_days: i64,
    /// The cooldown applies only after a loss.
    pub sell_cooldown_loss_only: bool,
    pub trailing_enabled: bool,
    /// Fraction of max_tier from which trailing may begin.
    pub trailing_t_threshold: f64,
    /// Distance under the profit high, fraction (percentage points of profit).
    pub trailing_stop_pct: f64,
    /// Lowest stop, as a fraction under the average price.
    pub trailing_floor_rate: f64,
    /// USD added to each conditional buy; grows with partial profits and may be negative.
    pub added_seed: f64,
    /// State: the trailing stop is running.
    pub trailing_mode: bool,
    /// State: highest price since trailing began, USD.
    pub trailing_high_watermark: f64,
    /// State: stop price, USD, unrounded.
    pub trailing_stop: f64,
    /// Values of the old program that no rule reads any more, kept readable.
    #[serde(default)]
    pub legacy: serde_json::Map<String, serde_json::Value>,
}

/// An open position of a bot, an orphan of a removed bot, or an account's reserve (`RP`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Holding {
    pub id: HoldingId,
    /// The bot that trades it; `None` for orphans and reserves.
    pub bot_id: Option<BotId>,
    /// Name of the bot, or of the bot that once was.
    pub name: String,
    pub market: Market,
    pub symbol: String,
    pub quantity: f64,
    /// Average price, USD, rounded to cents by every buy.
    pub average_price: f64,
    /// Cost, USD: the sum of fills while buying, `quantity × average_price` after a partial sell.
    pub total_cost: f64,
    /// Kind of the last change.
    pub last_kind: TradeKind,
    /// Start of the cycle: the first buy after the position was empty.
    pub cycle_start: Timestamp,
    pub last_trade_at: Timestamp,
    /// A cash-like reserve (repurchase agreement), not a position.
    #[serde(default)]
    pub reserve: bool,
}

/// One row of the trade history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HistoryRow {
    pub id: HistoryId,
    pub bot_id: Option<BotId>,
    /// Name of the bot at the time.
    pub name: String,
    pub market: Market,
    pub symbol: String,
    pub kind: TradeKind,
    /// Start of the cycle that the row belongs to.
    pub cycle_start: Timestamp,
    pub traded_at: Timestamp,
    /// Shares; `None` where the old data had none and none can be derived.
    pub quantity: Option<f64>,
    /// The quantity was computed from profit and prices, not recorded.
    #[serde(default)]
    pub quantity_derived: bool,
    pub buy_price: f64,
    /// 0 on buys.
    pub sell_price: f64,
    /// USD, gross (no fee, no tax); 0 on buys.
    pub profit: f64,
    /// Fraction; 0 on buys.
    pub profit_rate: f64,
    /// The cycle start as the old file had it, where the import derived another one.
    #[serde(default)]
    pub original_cycle_start: Option<Timestamp>,
}

/// The result of one slice that was filled.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SliceFill {
    pub kind: TradeKind,
    pub quantity: f64,
    /// USD, two decimals.
    pub unit_price: f64,
    /// USD, two decimals.
    pub total: f64,
}

/// A bot's sliced order of one session (TWAP sheet): at most one per bot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sheet {
    pub id: SheetId,
    pub bot_id: Option<BotId>,
    pub name: String,
    pub market: Market,
    pub symbol: String,
    pub kind: TradeKind,
    /// The trading date that the sheet was opened for.
    pub session: Date,
    pub opened_at: Timestamp,
    /// Slices left.
    pub slices_left: i64,
    /// Slices planned.
    pub slices_total: i64,
    /// USD for buys, shares for sells.
    pub remaining: f64,
    /// USD for buys, shares for sells.
    pub total: f64,
    /// One entry per slice done; `None` = nothing was filled.
    pub results: Vec<Option<SliceFill>>,
}

impl Sheet {
    /// Results that hold a fill.
    pub fn fills(&self) -> impl Iterator<Item = &SliceFill> {
        self.results.iter().flatten()
    }
}
