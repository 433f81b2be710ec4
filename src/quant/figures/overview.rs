//! Totals of an account: what is invested, what it is worth, what it could need.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{percent_of, row_of, rows_of};
use crate::domain::bot::{Bot, Holding};

/// Cash above this is worth a hint, USD.
const HIGH_CASH: f64 = 15_000.0;

/// Current prices by symbol, USD; a symbol without an entry has no price.
pub type Prices = BTreeMap<String, f64>;

/// Which positions count. The original's two pages disagreed; we count all of them everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every position, also of inactive and removed bots.
    All,
    /// One row per existing bot: the original's start page.
    ExistingBots,
    /// One row per active bot: the original's summary message.
    ActiveBots,
}

/// The totals, USD and percent, unrounded.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Overview {
    pub cash: f64,
    /// Cash-like reserve (RP).
    pub reserve: f64,
    /// Value of the positions at current prices; at their average where there is no price.
    pub invest: f64,
    /// Cost of the positions.
    pub cost: f64,
    /// Cash + value + reserve.
    pub total_balance: f64,
    /// What all bots together may invest: Σ seed × max_tier.
    pub max_seed: f64,
    /// One turn of the bots that hold shares: Σ seed.
    pub seed_per_turn: f64,
    /// One turn of the active bots: Σ seed.
    pub one_day_seed: f64,
    /// Unrealised profit: value − cost.
    pub profit: f64,
    /// Unrealised profit in percent of the cost.
    pub profit_percent: f64,
    /// Balance beyond what the bots may invest.
    pub pool: f64,
    /// Cost in percent of the balance; the rest is the cash ratio.
    pub invested_percent: f64,
    /// Cost in percent of what the bots may invest.
    pub seed_use_percent: f64,
    /// Two turns are not covered by cash.
    pub low_cash: bool,
    /// A lot of cash lies idle.
    pub high_cash: bool,
    pub active_bots: usize,
    pub bots: usize,
}

impl Overview {
    /// What could be withdrawn if only `budget` were to stay, USD.
    pub fn withdrawable(&self, budget: f64) -> f64 {
        self.total_balance - budget
    }
}

/// The totals of an account. `cash` is the broker's balance; none counts as 0.
pub fn overview(bots: &[Bot], holdings: &[Holding], prices: &Prices, cash: Option<f64>, scope: Scope) -> Overview {
    let cash = cash.unwrap_or(0.0);
    let reserve: f64 = holdings.iter().filter(|h| h.reserve).fold(0.0, |sum, h| sum + h.total_cost);
    let counted = positions(bots, holdings, scope);
    let invest = counted.iter().fold(0.0, |sum, h| sum + h.quantity * price_of(h, prices));
    let cost = counted.iter().fold(0.0, |sum, h| sum + h.total_cost);
    let holds = |bot: &&Bot| counted.iter().any(|h| h.bot_id == Some(bot.id));
    let seed = |sum: f64, bot: &Bot| sum + bot.seed;
    let seed_per_turn = bots.iter().filter(holds).fold(0.0, seed);
    let max_seed = bots.iter().fold(0.0, |sum, bot| sum + bot.seed * bot.max_tier as f64);
    let total_balance = cash + invest + reserve;
    Overview {
        cash,
        reserve,
        invest,
        cost,
        total_balance,
        max_seed,
        seed_per_turn,
        one_day_seed: bots.iter().filter(|b| b.active).fold(0.0, seed),
        profit: invest - cost,
        profit_percent: percent_of(invest - cost, cost),
        pool: (total_balance - max_seed).max(0.0),
        invested_percent: percent_of(cost, total_balance),
        seed_use_percent: percent_of(cost, max_seed),
        low_cash: seed_per_turn > 0.0 && seed_per_turn * 2.0 > cash,
        high_cash: cash > HIGH_CASH,
        active_bots: bots.iter().filter(|b| b.active).count(),
        bots: bots.len(),
    }
}

/// The counted rows that hold shares.
fn positions(bots: &[Bot], holdings: &[Holding], scope: Scope) -> Vec<Holding> {
    let rows: Vec<Holding> = match scope {
        Scope::All => {
            // Bot by bot first, so that sums come out bit-equal to those of the narrower scopes.
            let of_bots = bots.iter().flat_map(|bot| rows_of(holdings, bot));
            let known = |h: &&Holding| h.bot_id.is_some_and(|id| bots.iter().any(|b| b.id == id));
            of_bots.chain(holdings.iter().filter(|h| !h.reserve && !known(h)).cloned()).collect()
        }
        Scope::ExistingBots => bots.iter().filter_map(|bot| row_of(holdings, bot)).collect(),
        Scope::ActiveBots => bots.iter().filter(|b| b.active).filter_map(|bot| row_of(holdings, bot)).collect(),
    };
    rows.into_iter().filter(|h| h.quantity > 0.0).collect()
}

/// The price of a holding; its average price where the market gives none.
pub(super) fn price_of(holding: &Holding, prices: &Prices) -> f64 {
    prices.get(&holding.symbol).copied().unwrap_or(holding.average_price)
}

/// All positions by name, reserves last.
pub fn positions_in_order(holdings: &[Holding]) -> Vec<&Holding> {
    let mut rows: Vec<&Holding> = holdings.iter().collect();
    rows.sort_by(|a, b| (a.reserve, &a.name).cmp(&(b.reserve, &b.name)));
    rows
}

/// One line of the portfolio for other programs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExternalItem {
    pub name: String,
    pub ticker: String,
    pub amount: f64,
    /// Average price, USD.
    pub price: f64,
    /// Cost, USD.
    pub total_price: f64,
    /// Market price, USD; absent where there is none.
    pub current_price: Option<f64>,
    /// Always absent; part of the form that its readers know.
    pub days_until_next: Option<i64>,
    /// Always absent; part of the form that its readers know.
    pub pool: Option<f64>,
}

/// The portfolio for other programs, in the form that the old program gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExternalPortfolio {
    /// The bots that hold shares in bot order, then the reserve.
    pub stock_items: Vec<ExternalItem>,
    /// The broker's cash, USD.
    pub balance: f64,
    /// One turn of the active bots, USD.
    pub total_seed: f64,
    /// Always 0; part of the form that its readers know.
    pub wallet_cash: f64,
}

/// The portfolio for other programs.
pub fn external_portfolio(bots: &[Bot], holdings: &[Holding], prices: &Prices, cash: Option<f64>) -> ExternalPortfolio {
    let item = |h: &Holding, current_price| ExternalItem {
        name: h.name.clone(),
        ticker: h.symbol.clone(),
        amount: h.quantity,
        price: h.average_price,
        total_price: h.total_cost,
        current_price,
        days_until_next: None,
        pool: None,
    };
    let bots_rows = bots.iter().filter_map(|bot| row_of(holdings, bot)).filter(|h| h.quantity > 0.0);
    let mut stock_items: Vec<ExternalItem> = bots_rows.map(|h| item(&h, prices.get(&h.symbol).copied())).collect();
    let reserves = holdings.iter().filter(|h| h.reserve && h.average_price != 0.0);
    stock_items.extend(reserves.map(|h| item(h, Some(h.average_price))));
    ExternalPortfolio {
        stock_items,
        balance: cash.unwrap_or(0.0),
        total_seed: bots.iter().filter(|b| b.active).fold(0.0, |sum, b| sum + b.seed),
        wallet_cash: 0.0,
    }
}
