//! Portfolio and market figures as answers.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{ValueAt, amount, cents, price, won};
use crate::portfolio::{Alert, AlertCode, BotFigures, Indicators, Rate, Summary};
use crate::quant::market::{Mood, Trend};

/// Won per dollar.
#[derive(Debug, Serialize, ToSchema)]
pub struct RateView {
    pub usd_krw: String,
    /// `present_balance`, `chart` or `import`
    pub source: String,
    pub at: Timestamp,
}

impl From<&Rate> for RateView {
    fn from(rate: &Rate) -> Self {
        Self { usd_krw: amount(rate.usd_krw), source: rate.source.clone(), at: rate.at }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct AtView {
    pub at: Timestamp,
}

/// Something to look at.
/// What is unusual about an account's cash.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HintCode {
    LowCash,
    HighCash,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct HintView {
    pub code: HintCode,
    pub detail: String,
    pub account: String,
    /// The account's cash in dollars.
    pub cash_usd: String,
    /// What one turn of the account's bots costs in dollars.
    pub seed_per_turn_usd: String,
}

impl From<&Alert> for HintView {
    fn from(alert: &Alert) -> Self {
        let (account, cash, turn) = (&alert.account, cents(alert.cash), cents(alert.seed_per_turn));
        let (code, detail) = match alert.code {
            AlertCode::LowCash => (HintCode::LowCash, format!("{account}: {cash} USD is less than two turns of {turn} USD")),
            AlertCode::HighCash => (HintCode::HighCash, format!("{account}: {cash} USD lies idle")),
        };
        Self { code, detail, account: account.clone(), cash_usd: cash, seed_per_turn_usd: turn }
    }
}

/// A bot's figures; what needs a position or a price is `null` without it.
#[derive(Debug, Serialize, ToSchema)]
pub struct BotFiguresView {
    pub bot_id: Uuid,
    pub name: String,
    pub symbol: String,
    pub account_id: Uuid,
    pub active: bool,
    pub quantity: Option<String>,
    pub average_price: Option<String>,
    pub price: Option<String>,
    pub profit_usd: Option<String>,
    /// Fraction.
    pub profit_rate: Option<f64>,
    pub t: f64,
    pub max_tier: i64,
    pub point: Option<f64>,
    pub point_price: Option<String>,
    /// Fraction.
    pub progress_rate: f64,
    pub days: Option<i64>,
    pub cycle_profit_usd: Option<String>,
    pub cycle_start: Option<Timestamp>,
}

impl From<&BotFigures> for BotFiguresView {
    fn from(bot: &BotFigures) -> Self {
        Self {
            bot_id: bot.bot_id.0,
            name: bot.name.clone(),
            symbol: bot.symbol.clone(),
            account_id: bot.account_id.0,
            active: bot.active,
            quantity: bot.quantity.map(amount),
            average_price: bot.average_price.map(price),
            price: bot.price.map(price),
            profit_usd: bot.profit.map(cents),
            profit_rate: bot.profit_rate,
            t: bot.t,
            max_tier: bot.max_tier,
            point: bot.point,
            point_price: bot.point_price.map(price),
            progress_rate: bot.progress,
            days: bot.days,
            cycle_profit_usd: bot.cycle_profit.map(cents),
            cycle_start: bot.cycle_start,
        }
    }
}

/// The totals of one account or of all. Profits are gross.
#[derive(Debug, Serialize, ToSchema)]
pub struct SummaryView {
    /// `null` while some account's cash or a held symbol's price is not known.
    pub total_usd: Option<String>,
    pub total_krw: Option<String>,
    /// Positions at their prices; `null` while one has no price.
    pub invested_usd: Option<String>,
    pub cost_usd: String,
    pub cash_usd: Option<String>,
    pub reserve_usd: String,
    /// Unrealised; `null` while a position has no price.
    pub profit_usd: Option<String>,
    pub profit_krw: Option<String>,
    /// Fraction.
    pub profit_rate: Option<f64>,
    pub max_seed_usd: String,
    /// Fraction.
    pub seed_use_rate: f64,
    pub seed_per_turn_usd: String,
    pub one_day_seed_usd: String,
    pub withdrawable_usd: Option<String>,
    /// Realised in the present session.
    pub today_profit_usd: String,
    pub realised_total_usd: String,
    pub rate: Option<RateView>,
    pub cash: Option<AtView>,
    pub alerts: Vec<HintView>,
    /// Time of the oldest price; `null` when a price is missing.
    pub prices_at: Option<Timestamp>,
    pub bots: Vec<BotFiguresView>,
}

impl From<&Summary> for SummaryView {
    fn from(s: &Summary) -> Self {
        Self {
            total_usd: s.total.map(cents),
            total_krw: s.total_krw.map(won),
            invested_usd: s.invested.map(cents),
            cost_usd: cents(s.cost),
            cash_usd: s.cash.map(cents),
            reserve_usd: cents(s.reserve),
            profit_usd: s.profit.map(cents),
            profit_krw: s.profit_krw.map(won),
            profit_rate: s.profit_rate,
            max_seed_usd: cents(s.max_seed),
            seed_use_rate: s.seed_use_rate,
            seed_per_turn_usd: cents(s.seed_per_turn),
            one_day_seed_usd: cents(s.one_day_seed),
            withdrawable_usd: s.withdrawable.map(cents),
            today_profit_usd: cents(s.today_profit),
            realised_total_usd: cents(s.realised),
            rate: s.rate.as_ref().map(RateView::from),
            cash: s.cash_at.map(|at| AtView { at }),
            alerts: s.alerts.iter().map(HintView::from).collect(),
            prices_at: s.prices_at,
            bots: s.bots.iter().map(BotFiguresView::from).collect(),
        }
    }
}

/// Relative strength over 14 sessions.
#[derive(Debug, Serialize, ToSchema)]
pub struct RsiView {
    pub value: f64,
    /// `extreme_greed`, `greed`, `neutral` or `fear`
    pub level: Mood,
    /// Session.
    pub at: String,
}

/// Distance from the highest close of 90 sessions.
#[derive(Debug, Serialize, ToSchema)]
pub struct DrawdownView {
    /// Fraction, negative below the high.
    pub rate: f64,
    pub high: String,
    pub high_date: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct CloseView {
    pub date: String,
    pub close: String,
}

/// A ticker's indicators; what is not known is `null`.
/// Where a price stands to its averages of 20 and 60 sessions.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TrendView {
    StrongUptrend,
    WeakUptrend,
    WeakDowntrend,
    StrongDowntrend,
}

impl From<Trend> for TrendView {
    fn from(trend: Trend) -> Self {
        match trend {
            Trend::StrongUptrend => Self::StrongUptrend,
            Trend::WeakUptrend => Self::WeakUptrend,
            Trend::WeakDowntrend => Self::WeakDowntrend,
            Trend::StrongDowntrend => Self::StrongDowntrend,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct IndicatorView {
    pub symbol: String,
    pub price: Option<ValueAt>,
    pub rsi: Option<RsiView>,
    pub ma20: Option<String>,
    pub ma60: Option<String>,
    pub trend: Option<TrendView>,
    pub drawdown: Option<DrawdownView>,
    pub atr: Option<String>,
    pub closes: Vec<CloseView>,
    pub source: Option<&'static str>,
    pub at: Option<Timestamp>,
}

impl IndicatorView {
    pub fn new(symbol: String, price: Option<ValueAt>, known: Option<Indicators>) -> Self {
        let i = known.as_ref();
        Self {
            symbol,
            price,
            rsi: i.and_then(|i| i.rsi).map(|r| RsiView { value: r.value, level: r.mood, at: r.date.to_string() }),
            ma20: i.and_then(|i| i.ma20).map(amount),
            ma60: i.and_then(|i| i.ma60).map(amount),
            trend: i.and_then(|i| i.trend).map(TrendView::from),
            drawdown: i.map(|i| DrawdownView {
                rate: i.drawdown.rate,
                high: amount(i.drawdown.high),
                high_date: i.drawdown.high_date.to_string(),
            }),
            atr: i.and_then(|i| i.atr).map(amount),
            closes: i
                .map(|i| i.closes.iter().map(|(date, close)| CloseView { date: date.to_string(), close: amount(*close) }).collect())
                .unwrap_or_default(),
            source: i.map(|_| "daily_bars"),
            at: i.map(|i| i.at),
        }
    }
}

/// Indicators of the tickers that matter to the user.
#[derive(Debug, Serialize, ToSchema)]
pub struct IndicatorsView {
    pub items: Vec<IndicatorView>,
    /// Not available from the broker.
    pub vix: Option<f64>,
    pub usd_krw: Option<ValueAt>,
}
