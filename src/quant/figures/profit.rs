//! Realised profit: of today, of a cycle, by year and month.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::rates::{DEFAULT_RATE, MonthRate};
use crate::domain::bot::{HistoryRow, Holding};
use crate::domain::clock::kst_date;
use crate::quant::egg::number::sum;

/// Income tax on gains from foreign shares, local tax included. The yearly allowance of 2.5 million
/// won is not taken off here.
const TAX_RATE: f64 = 0.22;

/// What the sells of a day earned, USD.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TodayProfit {
    pub total: f64,
    /// By bot name; only bots that sold.
    pub by_bot: BTreeMap<String, f64>,
}

impl TodayProfit {
    /// Whether anything was sold, at a gain or at a loss.
    pub fn sold(&self) -> bool {
        !self.by_bot.is_empty()
    }

    /// In won at a rate.
    pub fn krw(&self, usd_krw: f64) -> f64 {
        self.total * usd_krw
    }

    /// The tax that the day's profit would cost, in won; not below 0.
    pub fn expected_tax_krw(&self, usd_krw: f64) -> f64 {
        (self.krw(usd_krw) * TAX_RATE).max(0.0)
    }
}

fn sells(history: &[HistoryRow]) -> impl Iterator<Item = &HistoryRow> {
    history.iter().filter(|row| row.kind.is_sell())
}

/// The profit of the sells made on a Korean calendar day.
pub fn today_profit(history: &[HistoryRow], today: Date) -> TodayProfit {
    let mut by_bot: BTreeMap<String, f64> = BTreeMap::new();
    for row in sells(history).filter(|row| kst_date(row.traded_at) == today) {
        *by_bot.entry(row.name.clone()).or_default() += row.profit;
    }
    TodayProfit { total: sum(by_bot.values().copied()), by_bot }
}

/// The profit of all sells, USD.
pub fn realised_profit(history: &[HistoryRow]) -> f64 {
    sells(history).fold(0.0, |total, row| total + row.profit)
}

/// What the cycle of a position has earned so far: the sells of the same name whose cycle began on
/// the same Korean day, USD.
pub fn cycle_profit(history: &[HistoryRow], holding: &Holding) -> f64 {
    let day = kst_date(holding.cycle_start);
    let same = sells(history).filter(|row| row.name == holding.name && kst_date(row.cycle_start) == day);
    same.fold(0.0, |total, row| total + row.profit)
}

/// A month's realised profit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MonthProfit {
    pub month: i8,
    /// USD.
    pub profit: f64,
    /// At the month's rate.
    pub krw: f64,
    pub rate: MonthRate,
}

/// A year's realised profit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct YearProfit {
    pub year: i16,
    pub current: bool,
    /// USD.
    pub profit: f64,
    /// The sum of the months, each at its own rate.
    pub krw: f64,
    /// The whole year at the present rate, as the original showed it.
    pub krw_at_present_rate: f64,
    /// From January to December, in the current year to the present month.
    pub months: Vec<MonthProfit>,
}

/// Realised profit of every year in which anything was traded, newest first. `rate_of` gives a
/// month's rate (year, month); `present_rate` is the last known rate.
pub fn profit_years(
    history: &[HistoryRow],
    today: Date,
    present_rate: Option<f64>,
    mut rate_of: impl FnMut(i16, i8) -> MonthRate,
) -> Vec<YearProfit> {
    let years: BTreeSet<i16> = history.iter().map(|row| kst_date(row.traded_at).year()).collect();
    let mut profits: BTreeMap<(i16, i8), f64> = BTreeMap::new();
    for row in sells(history) {
        let day = kst_date(row.traded_at);
        *profits.entry((day.year(), day.month())).or_default() += row.profit;
    }
    let mut summary = Vec::new();
    for year in years.into_iter().rev() {
        let current = year == today.year();
        let last = if current { today.month() } else { 12 };
        let months: Vec<MonthProfit> = (1..=last)
            .map(|month| {
                let profit = profits.get(&(year, month)).copied().unwrap_or(0.0);
                let rate = rate_of(year, month);
                MonthProfit { month, profit, krw: profit * rate.rate, rate }
            })
            .collect();
        // Row by row, as the original's database added: sums of months may differ in the last bit.
        // Rows dated in the future count into the year though their month is not shown.
        let of_year = sells(history).filter(|row| kst_date(row.traded_at).year() == year);
        let profit = of_year.fold(0.0, |total, row| total + row.profit);
        summary.push(YearProfit {
            year,
            current,
            profit,
            krw: sum(months.iter().map(|m| m.krw)),
            krw_at_present_rate: profit * present_rate.unwrap_or(DEFAULT_RATE),
            months,
        });
    }
    summary
}
