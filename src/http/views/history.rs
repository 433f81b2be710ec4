//! History, positions and profits as answers.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{amount, cents, decimal, price, won};
use crate::domain::bot::{HistoryRow, Holding, TradeKind};
use crate::domain::ledger::Position;
use crate::portfolio::{HistoryPage, Positions, ProfitSummary};
use crate::quant::figures::rates::RateSource;

/// One row of the trade history.
#[derive(Debug, Serialize, ToSchema)]
pub struct HistoryRowView {
    pub id: Uuid,
    /// Name of the bot at the time.
    pub bot: String,
    pub bot_id: Option<Uuid>,
    pub symbol: String,
    pub trade_type: TradeKind,
    pub trade_date: Timestamp,
    /// Start of the cycle.
    pub cycle_date: Timestamp,
    pub quantity: Option<String>,
    /// The quantity was computed, not recorded.
    pub quantity_derived: bool,
    pub buy_price: String,
    pub sell_price: String,
    /// Gross, in dollars.
    pub profit: String,
    /// Fraction.
    pub profit_rate: f64,
}

impl From<&HistoryRow> for HistoryRowView {
    fn from(row: &HistoryRow) -> Self {
        Self {
            id: row.id.0,
            bot: row.name.clone(),
            bot_id: row.bot_id.map(|b| b.0),
            symbol: row.symbol.clone(),
            trade_type: row.kind,
            trade_date: row.traded_at,
            cycle_date: row.cycle_start,
            quantity: row.quantity.map(amount),
            quantity_derived: row.quantity_derived,
            buy_price: amount(row.buy_price),
            sell_price: amount(row.sell_price),
            profit: amount(row.profit),
            profit_rate: row.profit_rate,
        }
    }
}

/// Sums over all rows of the filter.
#[derive(Debug, Serialize, ToSchema)]
pub struct TotalsView {
    pub buys: usize,
    pub sells: usize,
    pub profit_usd: String,
}

/// A page of history, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct HistoryView {
    pub items: Vec<HistoryRowView>,
    pub next: Option<Uuid>,
    pub totals: TotalsView,
}

impl From<&HistoryPage> for HistoryView {
    fn from(page: &HistoryPage) -> Self {
        let totals = &page.totals;
        Self {
            items: page.rows.iter().map(HistoryRowView::from).collect(),
            next: page.next,
            totals: TotalsView { buys: totals.buys, sells: totals.sells, profit_usd: cents(totals.profit) },
        }
    }
}

/// A month's realised profit.
#[derive(Debug, Serialize, ToSchema)]
pub struct MonthView {
    /// `2026-05`
    pub month: String,
    pub profit_usd: String,
    pub profit_krw: Option<String>,
    /// Won per dollar; `null` when none is known.
    pub rate: Option<f64>,
    pub rate_source: Option<RateSource>,
}

/// A year's realised profit.
#[derive(Debug, Serialize, ToSchema)]
pub struct YearView {
    pub year: i16,
    pub profit_usd: String,
    /// The sum of the months.
    pub profit_krw: Option<String>,
    pub months: Vec<MonthView>,
}

/// Realised profit by year, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProfitView {
    pub years: Vec<YearView>,
    pub total_usd: String,
}

impl From<&ProfitSummary> for ProfitView {
    fn from(summary: &ProfitSummary) -> Self {
        let month = |m: &crate::portfolio::MonthFigures| MonthView {
            month: m.month.clone(),
            profit_usd: cents(m.profit),
            profit_krw: m.profit_krw.map(won),
            rate: m.rate,
            rate_source: m.rate_source,
        };
        let year = |y: &crate::portfolio::YearFigures| YearView {
            year: y.year,
            profit_usd: cents(y.profit),
            profit_krw: y.profit_krw.map(won),
            months: y.months.iter().map(month).collect(),
        };
        Self { years: summary.years.iter().map(year).collect(), total_usd: cents(summary.total) }
    }
}

/// What an account holds of one instrument, net of fees and taxes.
#[derive(Debug, Serialize, ToSchema)]
pub struct PositionView {
    pub market: &'static str,
    pub symbol: String,
    pub quantity: String,
    pub cost: String,
    /// `0` without shares.
    pub average_price: String,
    pub realised: String,
    /// Fees and taxes paid.
    pub charges: String,
}

impl From<&Position> for PositionView {
    fn from(position: &Position) -> Self {
        let average = position.cost.checked_div(position.quantity).map(|a| a.round_dp(4)).unwrap_or_default();
        Self {
            market: position.market.code(),
            symbol: position.symbol.clone(),
            quantity: decimal(position.quantity),
            cost: decimal(position.cost.round_dp(4)),
            average_price: decimal(average),
            realised: decimal(position.realised.round_dp(4)),
            charges: decimal(position.charges.round_dp(4)),
        }
    }
}

/// A bot's position, a position that lost its bot, or the reserve.
#[derive(Debug, Serialize, ToSchema)]
pub struct HoldingView {
    pub id: Uuid,
    pub bot_id: Option<Uuid>,
    pub name: String,
    pub symbol: String,
    pub quantity: String,
    pub average_price: String,
    /// Cost.
    pub total: String,
    pub last_kind: TradeKind,
    pub cycle_start: Timestamp,
    pub last_trade_at: Timestamp,
    pub reserve: bool,
    /// No bot manages it.
    pub orphan: bool,
}

impl HoldingView {
    fn new(holding: &Holding, orphan: bool) -> Self {
        Self {
            id: holding.id.0,
            bot_id: holding.bot_id.map(|b| b.0),
            name: holding.name.clone(),
            symbol: holding.symbol.clone(),
            quantity: amount(holding.quantity),
            average_price: price(holding.average_price),
            total: cents(holding.total_cost),
            last_kind: holding.last_kind,
            cycle_start: holding.cycle_start,
            last_trade_at: holding.last_trade_at,
            reserve: holding.reserve,
            orphan,
        }
    }
}

/// An account's positions: by instrument as its journal counts them, and by bot.
#[derive(Debug, Serialize, ToSchema)]
pub struct PositionsView {
    pub items: Vec<PositionView>,
    pub holdings: Vec<HoldingView>,
}

impl From<&Positions> for PositionsView {
    fn from(positions: &Positions) -> Self {
        Self {
            items: positions.instruments.iter().map(PositionView::from).collect(),
            holdings: positions.holdings.iter().map(|(h, orphan)| HoldingView::new(h, *orphan)).collect(),
        }
    }
}
