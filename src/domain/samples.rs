//! Rows as tests need them, for the tests of every layer; each says with `..` what is different in its own.

use jiff::Timestamp;
use uuid::Uuid;

use super::account::{Account, AccountMode, AccountSettings};
use super::bot::{Bot, HistoryRow, Holding, PointCurve, TradeKind};
use super::id::{AccountId, BotId, HistoryId, HoldingId, UserId};
use super::instrument::Market;
use super::order::Environment;
use super::user::{Language, Role, User};

/// Buys for 1,000 USD a night in ten turns, under both conditions, and sells at 10 %.
pub fn bot(name: &str, symbol: &str) -> Bot {
    Bot {
        id: BotId(Uuid::nil()),
        account_id: AccountId(Uuid::nil()),
        name: name.to_owned(),
        market: Market::Us,
        symbol: symbol.to_owned(),
        position: 0,
        version: 1,
        active: true,
        seed: 1_000.0,
        profit_rate: 0.1,
        t_div: 20,
        max_tier: 10,
        buy_below_average: true,
        buy_below_point: true,
        point_curve: PointCurve::P1,
        skip_sell: false,
        closing_conditions: Vec::new(),
        sell_cooldown_days: 0,
        sell_cooldown_loss_only: false,
        trailing_enabled: false,
        trailing_t_threshold: 0.3,
        trailing_stop_pct: 0.1,
        trailing_floor_rate: 0.1,
        added_seed: 0.0,
        trailing_mode: false,
        trailing_high_watermark: 0.0,
        trailing_stop: 0.0,
        legacy: serde_json::Map::new(),
    }
}

/// What a bot bought at `at`.
pub fn holding(bot: &Bot, id: u128, quantity: f64, average_price: f64, at: Timestamp) -> Holding {
    Holding {
        id: HoldingId(Uuid::from_u128(id)),
        bot_id: Some(bot.id),
        name: bot.name.clone(),
        market: bot.market,
        symbol: bot.symbol.clone(),
        quantity,
        average_price,
        total_cost: quantity * average_price,
        last_kind: TradeKind::Buy,
        cycle_start: at,
        last_trade_at: at,
        reserve: false,
    }
}

/// The sale of one share at `at`, which a bot had bought for `buy_price` at `cycle_start`.
pub fn sale(bot: &Bot, cycle_start: Timestamp, at: Timestamp, buy_price: f64, profit: f64) -> HistoryRow {
    HistoryRow {
        id: HistoryId(Uuid::from_u128(at.as_microsecond().unsigned_abs().into())),
        bot_id: Some(bot.id),
        name: bot.name.clone(),
        market: bot.market,
        symbol: bot.symbol.clone(),
        kind: TradeKind::SellQuarter,
        cycle_start,
        traded_at: at,
        quantity: Some(1.0),
        quantity_derived: false,
        buy_price,
        sell_price: buy_price + profit,
        profit,
        profit_rate: profit / buy_price,
        original_cycle_start: None,
    }
}

/// A user who may trade.
pub fn user(id: UserId, at: Timestamp) -> User {
    User {
        id,
        username: format!("user-{id}"),
        email: None,
        role: Role::User,
        password_hash: String::new(),
        active: true,
        verified: false,
        premium: false,
        networks: Default::default(),
        language: Language::Ko,
        created_at: at,
        updated_at: at,
    }
}

/// An account that never traded yet.
pub fn account(id: AccountId, environment: Environment, mode: AccountMode, at: Timestamp) -> Account {
    Account {
        id,
        name: "main".to_owned(),
        environment,
        mode,
        settings: AccountSettings::new(),
        version: 1,
        created_at: at,
        started_at: None,
        unsettled: Vec::new(),
        imported: None,
        going_live: Default::default(),
        twin: None,
    }
}
