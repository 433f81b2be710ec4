//! Counts and sums of an account in one shape, computed the same way from an old file and from the
//! store, so that the two can be laid side by side. JSON numbers on purpose: reports are compared.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Map, Value, json};

use super::rows::{OldRows, OldStatus};
use crate::domain::bot::{SliceFill, TradeKind};
use crate::domain::clock::{kst_date, kst_datetime};

/// Sums agree within this.
const TOLERANCE: f64 = 0.005;

/// A bot as the summary counts it.
pub struct BotLine<'a> {
    pub name: &'a str,
    pub seed: f64,
    pub added_seed: f64,
    pub active: bool,
}

/// A history row as the summary counts it.
pub struct HistoryLine<'a> {
    pub name: &'a str,
    pub kind: TradeKind,
    pub started: Timestamp,
    pub traded: Timestamp,
    /// As recorded; derived amounts do not count.
    pub amount: Option<f64>,
    pub profit: f64,
}

/// A sheet as the summary counts it.
pub struct SheetLine<'a> {
    pub name: &'a str,
    pub remaining: f64,
    pub total: f64,
    pub results: &'a [Option<SliceFill>],
}

/// A position or reserve as the summary counts it.
pub struct TradeLine<'a> {
    pub name: &'a str,
    pub started: Timestamp,
    pub amount: f64,
    pub price: f64,
    pub total: f64,
}

/// What an account's summary is made of.
pub struct Lines<'a> {
    pub bots: Vec<BotLine<'a>>,
    pub history: Vec<HistoryLine<'a>>,
    pub sheets: Vec<SheetLine<'a>>,
    pub trades: Vec<TradeLine<'a>>,
    pub status: Option<Vec<OldStatus>>,
}

/// How the old file writes things that the store holds in one form.
#[derive(Clone, Debug)]
pub struct Notation {
    date_column: &'static str,
    has_amounts: bool,
    times: BTreeMap<Timestamp, String>,
}

impl Notation {
    pub fn of(rows: &OldRows) -> Self {
        let trades = rows.trades.iter().map(|t| &t.started);
        let times = rows.history.iter().map(|h| &h.traded).chain(trades).map(|t| (t.at, t.text.clone())).collect();
        Self { date_column: rows.date_column, has_amounts: rows.has_amounts, times }
    }

    fn time(&self, at: Timestamp) -> String {
        self.times.get(&at).cloned().unwrap_or_else(|| kst_datetime(at).strftime("%Y-%m-%d %H:%M:%S%.6f").to_string())
    }
}

/// The summary of a file's readable rows.
pub fn of_rows(rows: &OldRows, notation: &Notation) -> Value {
    let lines = Lines {
        bots: rows.bots.iter().map(|b| BotLine { name: &b.name, seed: b.seed, added_seed: b.added_seed, active: b.active }).collect(),
        history: rows
            .history
            .iter()
            .map(|h| HistoryLine {
                name: &h.name,
                kind: h.kind,
                started: h.started.at,
                traded: h.traded.at,
                amount: h.amount,
                profit: h.profit,
            })
            .collect(),
        sheets: rows
            .sheets
            .iter()
            .map(|s| SheetLine { name: &s.name, remaining: s.remaining, total: s.total, results: &s.results })
            .collect(),
        trades: rows
            .trades
            .iter()
            .map(|t| TradeLine { name: &t.name, started: t.started.at, amount: t.amount, price: t.price, total: t.total })
            .collect(),
        status: rows.status.clone(),
    };
    of_lines(&lines, notation)
}

/// The summary.
pub fn of_lines(lines: &Lines<'_>, notation: &Notation) -> Value {
    let mut tables = Map::new();
    tables.insert("bot_info".to_owned(), bots(&lines.bots));
    tables.insert("history".to_owned(), history(&lines.history, notation));
    tables.insert("order".to_owned(), sheets(&lines.sheets));
    if let Some(status) = &lines.status {
        tables.insert("status".to_owned(), statuses(status));
    }
    tables.insert("trade".to_owned(), trades(&lines.trades, notation));
    Value::Object(tables)
}

fn bots(lines: &[BotLine<'_>]) -> Value {
    json!({
        "rows": lines.len(),
        "sum_seed": sum(lines.iter().map(|b| b.seed)),
        "sum_added_seed": sum(lines.iter().map(|b| b.added_seed)),
        "active": lines.iter().filter(|b| b.active).count(),
        "names_in_row_order": lines.iter().map(|b| b.name).collect::<Vec<_>>(),
    })
}

/// From plus zero: the library's own sum of nothing is minus zero, which would show in a report.
fn sum(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(0.0, |sum, value| sum + value)
}

#[derive(Default)]
struct Count {
    rows: usize,
    profit: f64,
}

impl Count {
    fn add(&mut self, profit: f64) {
        self.rows += 1;
        self.profit += profit;
    }
}

fn history(lines: &[HistoryLine<'_>], notation: &Notation) -> Value {
    let mut by_type: BTreeMap<&str, Count> = BTreeMap::new();
    let mut by_name: BTreeMap<&str, Count> = BTreeMap::new();
    let mut by_year: BTreeMap<String, f64> = BTreeMap::new();
    let mut cycles: BTreeSet<(&str, Date)> = BTreeSet::new();
    for line in lines {
        by_type.entry(line.kind.name()).or_default().add(line.profit);
        by_name.entry(line.name).or_default().add(line.profit);
        if line.kind.is_sell() {
            *by_year.entry(kst_date(line.traded).year().to_string()).or_default() += line.profit;
            cycles.insert((line.name, kst_date(line.started)));
        }
    }
    let counts = |counts: BTreeMap<&str, Count>| -> Map<String, Value> {
        counts.into_iter().map(|(key, c)| (key.to_owned(), json!({"rows": c.rows, "profit": c.profit}))).collect()
    };
    let amount = notation.has_amounts.then(|| sum(lines.iter().filter_map(|l| l.amount)));
    json!({
        "rows": lines.len(),
        "date_column": notation.date_column,
        "sum_profit": sum(lines.iter().map(|l| l.profit)),
        "sum_amount": amount,
        "by_type": counts(by_type),
        "sell_profit_by_year": by_year,
        "by_name": counts(by_name),
        "first": lines.iter().map(|l| l.traded).min().map(|at| notation.time(at)),
        "last": lines.iter().map(|l| l.traded).max().map(|at| notation.time(at)),
        "sell_cycles": cycles.len(),
    })
}

fn sheets(lines: &[SheetLine<'_>]) -> Value {
    let results: Map<String, Value> = lines
        .iter()
        .map(|sheet| {
            let fills = || sheet.results.iter().flatten();
            let value = json!({
                "filled": fills().count(),
                "null": sheet.results.iter().filter(|r| r.is_none()).count(),
                "filled_amount": sum(fills().map(|f| f.quantity)),
                "filled_price": sum(fills().map(|f| f.total)),
            });
            (sheet.name.to_owned(), value)
        })
        .collect();
    json!({
        "rows": lines.len(),
        "sum_remain": sum(lines.iter().map(|s| s.remaining)),
        "sum_total": sum(lines.iter().map(|s| s.total)),
        "results": results,
    })
}

fn statuses(lines: &[OldStatus]) -> Value {
    json!({
        "rows": lines.len(),
        "sum_deposit_won": sum(lines.iter().map(|s| s.deposit_won)),
        "sum_deposit_dollar": sum(lines.iter().map(|s| s.deposit_dollar)),
        "sum_withdraw_won": sum(lines.iter().map(|s| s.withdraw_won)),
        "sum_withdraw_dollar": sum(lines.iter().map(|s| s.withdraw_dollar)),
    })
}

fn trades(lines: &[TradeLine<'_>], notation: &Notation) -> Value {
    let mut by_name: BTreeMap<&str, usize> = BTreeMap::new();
    for line in lines {
        *by_name.entry(line.name).or_default() += 1;
    }
    json!({
        "rows": lines.len(),
        "sum_amount": sum(lines.iter().map(|t| t.amount)),
        "sum_total_price": sum(lines.iter().map(|t| t.total)),
        "sum_invested": sum(lines.iter().map(|t| t.amount * t.price)),
        "rows_by_name": by_name,
        "date_added_text": lines.iter().map(|t| notation.time(t.started)).collect::<Vec<_>>(),
    })
}

/// Where two summaries differ, as paths with both values; numbers agree within 0.005.
pub fn differences(expected: &Value, found: &Value) -> Vec<String> {
    let mut list = Vec::new();
    compare("", expected, found, &mut list);
    list
}

fn compare(path: &str, expected: &Value, found: &Value, list: &mut Vec<String>) {
    match (expected, found) {
        (Value::Object(a), Value::Object(b)) => {
            for key in a.keys().chain(b.keys().filter(|k| !a.contains_key(*k))) {
                compare(&format!("{path}/{key}"), a.get(key).unwrap_or(&Value::Null), b.get(key).unwrap_or(&Value::Null), list);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                compare(&format!("{path}/{index}"), a, b, list);
            }
        }
        (Value::Number(a), Value::Number(b)) => {
            let apart = a.as_f64().zip(b.as_f64()).is_none_or(|(a, b)| (a - b).abs() > TOLERANCE);
            if apart {
                list.push(format!("{path}: {a} was read, {b} is stored"));
            }
        }
        (a, b) if a == b => {}
        (a, b) => list.push(format!("{path}: {a} was read, {b} is stored")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_found_at_any_depth() {
        let a = json!({"x": {"y": [1.0, "t"]}, "z": 1});
        assert_eq!(differences(&a, &a), Vec::<String>::new());
        assert_eq!(differences(&a, &json!({"x": {"y": [1.004, "t"]}, "z": 1})).len(), 0);
        assert_eq!(differences(&a, &json!({"x": {"y": [1.006, "u"]}, "w": 1})).len(), 4);
    }
}
