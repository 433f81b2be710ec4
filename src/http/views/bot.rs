//! Bots as answers.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{ValueAt, amount, cents, price};
use crate::domain::bot::{Bot, PointCurve};
use crate::trading::{BotStanding, Ladder, LevelKind};

/// One rule of the closing-drop buy, fractions.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConditionView {
    pub drop_rate: f64,
    pub seed_rate: f64,
}

/// A bot's settings and the state that its rules carry.
#[derive(Debug, Serialize, ToSchema)]
pub struct BotSettingsView {
    pub id: Uuid,
    pub account_id: Uuid,
    pub name: String,
    pub symbol: String,
    pub market: &'static str,
    pub position: u32,
    /// Give it back with a change: a bot that was changed meanwhile answers 409.
    pub version: u64,
    pub active: bool,
    pub seed: String,
    /// Fraction.
    pub profit_rate: f64,
    /// Percent.
    pub t_div: i64,
    pub max_tier: i64,
    pub buy_below_average: bool,
    pub buy_below_point: bool,
    /// `P1`, `P1_2` or `P2_3`
    pub point_curve: PointCurve,
    pub skip_sell: bool,
    pub closing_conditions: Vec<ConditionView>,
    pub sell_cooldown_days: i64,
    pub sell_cooldown_loss_only: bool,
    pub trailing_enabled: bool,
    pub trailing_t_threshold: f64,
    pub trailing_stop_pct: f64,
    pub trailing_floor_rate: f64,
    /// May be negative.
    pub added_seed: String,
    pub trailing_mode: bool,
    pub trailing_high_watermark: String,
    pub trailing_stop: String,
    /// Values of the old program that no rule reads any more.
    #[schema(value_type = std::collections::HashMap<String, serde_json::Value>)]
    pub legacy: serde_json::Map<String, serde_json::Value>,
}

impl From<&Bot> for BotSettingsView {
    fn from(bot: &Bot) -> Self {
        let conditions = bot.closing_conditions.iter().map(|c| ConditionView { drop_rate: c.drop_rate, seed_rate: c.seed_rate });
        Self {
            id: bot.id.0,
            account_id: bot.account_id.0,
            name: bot.name.clone(),
            symbol: bot.symbol.clone(),
            market: bot.market.code(),
            position: bot.position,
            version: bot.version,
            active: bot.active,
            seed: amount(bot.seed),
            profit_rate: bot.profit_rate,
            t_div: bot.t_div,
            max_tier: bot.max_tier,
            buy_below_average: bot.buy_below_average,
            buy_below_point: bot.buy_below_point,
            point_curve: bot.point_curve,
            skip_sell: bot.skip_sell,
            closing_conditions: conditions.collect(),
            sell_cooldown_days: bot.sell_cooldown_days,
            sell_cooldown_loss_only: bot.sell_cooldown_loss_only,
            trailing_enabled: bot.trailing_enabled,
            trailing_t_threshold: bot.trailing_t_threshold,
            trailing_stop_pct: bot.trailing_stop_pct,
            trailing_floor_rate: bot.trailing_floor_rate,
            added_seed: amount(bot.added_seed),
            trailing_mode: bot.trailing_mode,
            trailing_high_watermark: amount(bot.trailing_high_watermark),
            trailing_stop: amount(bot.trailing_stop),
            legacy: bot.legacy.clone(),
        }
    }
}

/// What a bot holds.
#[derive(Debug, Serialize, ToSchema)]
pub struct HeldView {
    pub quantity: String,
    pub average_price: String,
    /// Cost.
    pub total: String,
}

/// A bot with where it stands.
#[derive(Debug, Serialize, ToSchema)]
pub struct BotView {
    #[serde(flatten)]
    pub bot: BotSettingsView,
    /// `null` without shares.
    pub holding: Option<HeldView>,
    /// Turns invested.
    pub t: f64,
    /// Fraction; `null` without shares.
    pub point: Option<f64>,
    pub point_price: Option<String>,
    /// Last known.
    pub price: Option<ValueAt>,
    pub cycle_start: Option<Timestamp>,
    /// Realised in the running cycle, gross.
    pub cycle_profit: String,
}

impl From<&BotStanding> for BotView {
    fn from(standing: &BotStanding) -> Self {
        Self {
            bot: BotSettingsView::from(&standing.bot),
            holding: standing.holding.as_ref().map(|h| HeldView {
                quantity: amount(h.quantity),
                average_price: amount(h.average_price),
                total: cents(h.total),
            }),
            t: standing.standing.t,
            point: standing.standing.point_price.map(|_| standing.standing.point),
            point_price: standing.standing.point_price.map(price),
            price: standing.price.as_ref().map(ValueAt::quote),
            cycle_start: standing.cycle_start,
            cycle_profit: cents(standing.cycle_profit),
        }
    }
}

/// A price that a bot's rules look at.
#[derive(Debug, Serialize, ToSchema)]
pub struct LevelView {
    pub kind: LevelKind,
    pub price: String,
    /// The rate behind it, as text (`+10%`); may be empty.
    pub label: String,
}

/// The prices that a bot's rules look at, highest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct LadderView {
    pub price: Option<ValueAt>,
    pub average_price: Option<String>,
    pub point_price: Option<String>,
    pub take_profit_price: Option<String>,
    pub trailing_stop: Option<String>,
    pub levels: Vec<LevelView>,
    pub t: f64,
    pub max_tier: i64,
    pub seed: String,
    pub invested: String,
    /// seed × max_tier
    pub budget: String,
}

impl From<&Ladder> for LadderView {
    fn from(ladder: &Ladder) -> Self {
        let level = |l: &crate::trading::Level| LevelView { kind: l.kind, price: price(l.price), label: l.label.clone() };
        Self {
            price: ladder.price.as_ref().map(ValueAt::quote),
            average_price: ladder.average_price.map(price),
            point_price: ladder.point_price.map(price),
            take_profit_price: ladder.take_profit_price.map(price),
            trailing_stop: ladder.trailing_stop.map(price),
            levels: ladder.levels.iter().map(level).collect(),
            t: ladder.t,
            max_tier: ladder.max_tier,
            seed: amount(ladder.seed),
            invested: cents(ladder.invested),
            budget: cents(ladder.budget),
        }
    }
}
