//! The old program's rows, read by column name from whatever mixture of versions a file is in. A row
//! that cannot be read becomes a [`Fault`] that names all its reasons; nothing is guessed.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map, Value};

use super::source::{Source, SourceRow, SourceTable};
use super::value::{Cell, OldTime};
use crate::domain::bot::{ClosingCondition, PointCurve, SliceFill, TradeKind};
use crate::domain::remark::Remark;
use crate::quant::egg::number::cents;

/// A row or a setting that was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Fault {
    pub table: String,
    pub row: String,
    pub reason: String,
    /// The parts of the reason, each with its code.
    pub remarks: Vec<Remark>,
}

impl Fault {
    pub fn new(table: &str, row: impl Into<String>, reason: Remark) -> Self {
        Self::of(table, row, vec![reason])
    }

    pub fn of(table: &str, row: impl Into<String>, remarks: Vec<Remark>) -> Self {
        let reason = remarks.iter().map(|r| r.text.as_str()).collect::<Vec<_>>().join("; ");
        Self { table: table.to_owned(), row: row.into(), reason, remarks }
    }
}

/// A row of `bot_info`.
#[derive(Clone, Debug, PartialEq)]
pub struct OldBot {
    pub name: String,
    pub symbol: String,
    pub seed: f64,
    pub profit_rate: f64,
    pub t_div: i64,
    pub max_tier: i64,
    pub active: bool,
    pub buy_below_average: bool,
    pub buy_below_point: bool,
    pub point_curve: PointCurve,
    pub added_seed: f64,
    pub skip_sell: bool,
    pub closing_conditions: Vec<ClosingCondition>,
    /// The condition was made of the two columns of February 2026.
    pub condition_from_columns: bool,
    pub sell_cooldown_days: i64,
    pub sell_cooldown_loss_only: bool,
    pub trailing_enabled: bool,
    pub trailing_t_threshold: f64,
    pub trailing_stop_pct: f64,
    pub trailing_floor_rate: f64,
    pub trailing_mode: bool,
    pub trailing_high_watermark: f64,
    pub trailing_stop: f64,
    /// Columns that no rule reads any more.
    pub legacy: Map<String, Value>,
}

/// A row of `trade`: an open position or the reserve.
#[derive(Clone, Debug, PartialEq)]
pub struct OldTrade {
    pub name: String,
    pub symbol: String,
    pub started: OldTime,
    pub last: OldTime,
    pub price: f64,
    pub amount: f64,
    pub total: f64,
    pub kind: TradeKind,
}

/// A row of `history`.
#[derive(Clone, Debug, PartialEq)]
pub struct OldHistory {
    pub name: String,
    pub symbol: String,
    pub kind: TradeKind,
    pub started: OldTime,
    pub traded: OldTime,
    /// `None` in the oldest layout.
    pub amount: Option<f64>,
    pub buy_price: f64,
    pub sell_price: f64,
    pub profit: f64,
    pub profit_rate: f64,
}

/// A row of `order`: a sliced order in flight.
#[derive(Clone, Debug, PartialEq)]
pub struct OldSheet {
    pub name: String,
    pub symbol: String,
    pub opened: OldTime,
    pub kind: TradeKind,
    pub slices_left: i64,
    pub slices_total: i64,
    pub remaining: f64,
    pub total: f64,
    pub results: Vec<Option<SliceFill>>,
}

/// A row of `status`: sums without dates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OldStatus {
    pub deposit_won: f64,
    pub deposit_dollar: f64,
    pub withdraw_won: f64,
    pub withdraw_dollar: f64,
}

/// All rows of a file.
#[derive(Clone, Debug)]
pub struct OldRows {
    pub bots: Vec<OldBot>,
    pub trades: Vec<OldTrade>,
    pub history: Vec<OldHistory>,
    pub sheets: Vec<OldSheet>,
    /// `None` when the file has no such table.
    pub status: Option<Vec<OldStatus>>,
    /// History has the column of that name for the time of the trade.
    pub date_column: &'static str,
    /// History has amounts.
    pub has_amounts: bool,
    pub faults: Vec<Fault>,
    /// Columns that have no home here: table, column, cells that hold something.
    pub extra_columns: Vec<(String, String, usize)>,
}

/// Reads all rows of a file.
pub fn read(source: &Source) -> OldRows {
    let mut faults = Vec::new();
    let empty = SourceTable { columns: Vec::new(), rows: Vec::new() };
    let table = |name: &str| source.tables.get(name).unwrap_or(&empty);
    let history = table("history");
    let date_column = if history.has("trade_date") { "trade_date" } else { "sell_date" };
    let has_amounts = history.has("amount");
    let bots_table = table("bot_info");
    let mut rows = OldRows {
        bots: read_all("bot_info", bots_table, &["name"], &mut faults, |f| bot(f, bots_table)),
        trades: read_all("trade", table("trade"), &["name", "symbol", "date_added"], &mut faults, trade),
        history: read_all("history", history, &["name", "trade_type", date_column], &mut faults, history_row),
        sheets: read_all("order", table("order"), &["name"], &mut faults, sheet),
        status: source.tables.get("status").map(|t| read_all("status", t, &["id"], &mut faults, status)),
        date_column,
        has_amounts,
        faults: Vec::new(),
        extra_columns: Vec::new(),
    };
    once("bot_info", &mut rows.bots, |b| &b.name, &mut faults);
    once("order", &mut rows.sheets, |s| &s.name, &mut faults);
    rows.faults = faults;
    for (name, known) in
        [("trade", &TRADE_COLUMNS[..]), ("history", &HISTORY_COLUMNS[..]), ("order", &SHEET_COLUMNS[..]), ("status", &STATUS_COLUMNS[..])]
    {
        let table = table(name);
        for column in table.columns.iter().filter(|c| !known.contains(&c.as_str())) {
            let filled = table.rows.iter().filter(|r| r.cells.get(column).is_some_and(|c| !c.is_null())).count();
            rows.extra_columns.push((name.to_owned(), column.clone(), filled));
        }
    }
    rows
}

const BOT_COLUMNS: [&str; 22] = [
    "name",
    "symbol",
    "seed",
    "profit_rate",
    "t_div",
    "max_tier",
    "active",
    "is_check_buy_avr_price",
    "is_check_buy_t_div_price",
    "point_loc",
    "added_seed",
    "skip_sell",
    "closing_buy_conditions",
    "sell_cooldown_days",
    "sell_cooldown_loss_only",
    "trailing_enabled",
    "trailing_t_threshold",
    "trailing_stop_pct",
    "trailing_floor_rate",
    "trailing_mode",
    "trailing_high_watermark",
    "trailing_stop",
];
const TRADE_COLUMNS: [&str; 8] =
    ["date_added", "name", "symbol", "latest_date_trade", "purchase_price", "amount", "trade_type", "total_price"];
const HISTORY_COLUMNS: [&str; 11] =
    ["date_added", "trade_date", "sell_date", "trade_type", "name", "symbol", "buy_price", "sell_price", "amount", "profit", "profit_rate"];
const SHEET_COLUMNS: [&str; 9] =
    ["name", "date_added", "symbol", "trade_result_list", "order_type", "trade_count", "total_count", "remain_value", "total_value"];
const STATUS_COLUMNS: [&str; 5] = ["id", "deposit_won", "deposit_dollar", "withdraw_won", "withdraw_dollar"];

fn read_all<T>(table: &str, source: &SourceTable, key: &[&str], faults: &mut Vec<Fault>, parse: impl Fn(&mut Fields<'_>) -> T) -> Vec<T> {
    let mut read = Vec::with_capacity(source.rows.len());
    for row in &source.rows {
        let mut fields = Fields { row, reasons: Vec::new() };
        let value = parse(&mut fields);
        if fields.reasons.is_empty() {
            read.push(value);
        } else {
            let names: Vec<_> = key.iter().filter_map(|c| row.cells.get(*c)).map(Cell::shown).collect();
            faults.push(Fault::of(table, format!("row {}: {}", row.number, names.join(", ")), fields.reasons));
        }
    }
    read
}

/// Tables rebuilt by scripts have no primary key; a second row of one name could not be told apart.
fn once<T>(table: &str, rows: &mut Vec<T>, name: impl Fn(&T) -> &String, faults: &mut Vec<Fault>) {
    let mut seen = BTreeSet::new();
    rows.retain(|row| {
        let fresh = seen.insert(name(row).clone());
        if !fresh {
            faults.push(Fault::new(table, format!("'{}'", name(row)), Remark::new("name_twice", "the name occurs a second time")));
        }
        fresh
    });
}

/// The cells of one row, with everything that is wrong with them.
struct Fields<'a> {
    row: &'a SourceRow,
    reasons: Vec<Remark>,
}

impl Fields<'_> {
    fn cell(&self, column: &str) -> Option<&Cell> {
        self.row.cells.get(column)
    }

    fn need<T>(&mut self, column: &str, fallback: T, read: impl Fn(&Cell) -> Result<T, Remark>) -> T {
        match self.cell(column).map_or_else(|| Err(Remark::new("missing", "is missing")), read) {
            Ok(value) => value,
            Err(reason) => {
                self.reasons.push(inside(column, reason));
                fallback
            }
        }
    }

    /// A column that came with a later version: missing or NULL means its default.
    fn newer<T>(&mut self, column: &str, default: T, read: impl Fn(&Cell) -> Result<T, Remark>) -> T {
        match self.cell(column) {
            None | Some(Cell::Null) => default,
            Some(_) => self.need(column, default, read),
        }
    }

    /// A column that was there from the start: only its absence means the default.
    fn base<T>(&mut self, column: &str, default: T, read: impl Fn(&Cell) -> Result<T, Remark>) -> T {
        if self.cell(column).is_none() { default } else { self.need(column, default, read) }
    }

    fn at_least_zero(&mut self, column: &str) -> f64 {
        self.need(column, 0.0, |c| c.number().and_then(|v| if v < 0.0 { Err(negative(v)) } else { Ok(v) }))
    }

    fn time(&mut self, column: &str) -> OldTime {
        self.need(column, nowhen(), Cell::time)
    }

    fn kind(&mut self, column: &str) -> TradeKind {
        self.need(column, TradeKind::Hold, |c| {
            let word = c.words()?;
            TradeKind::parse(&word).ok_or_else(|| c.wrong("no_kind", "is no kind of trade"))
        })
    }

    fn symbol(&mut self) -> String {
        self.need("symbol", String::new(), |c| c.words().map(|w| w.to_uppercase()))
    }
}

/// A complaint about something inside a column, which is then named by its path.
fn inside(column: &str, inner: Remark) -> Remark {
    let path = inner.values.get("column").map_or_else(|| column.to_owned(), |rest| format!("{column}.{rest}"));
    Remark { text: format!("{column} {}", inner.text), ..inner }.with("column", path)
}

fn negative(value: impl std::fmt::Display) -> Remark {
    Remark::new("negative", format!("{value} is negative")).with("value", value)
}

fn not_positive(value: impl std::fmt::Display) -> Remark {
    Remark::new("not_positive", format!("{value} must be greater than 0")).with("value", value)
}

fn nowhen() -> OldTime {
    OldTime { at: jiff::Timestamp::UNIX_EPOCH, text: String::new() }
}

fn positive(cell: &Cell) -> Result<f64, Remark> {
    cell.number().and_then(|v| if v > 0.0 { Ok(v) } else { Err(not_positive(v)) })
}

fn positive_whole(cell: &Cell) -> Result<i64, Remark> {
    cell.whole().and_then(|v| if v > 0 { Ok(v) } else { Err(not_positive(v)) })
}

fn not_negative_whole(cell: &Cell) -> Result<i64, Remark> {
    cell.whole().and_then(|v| if v >= 0 { Ok(v) } else { Err(negative(v)) })
}

fn curve(cell: &Cell) -> Result<PointCurve, Remark> {
    match cell.words()?.as_str() {
        "P1" => Ok(PointCurve::P1),
        "P1_2" => Ok(PointCurve::P1Half),
        "P2_3" => Ok(PointCurve::P2Thirds),
        _ => Err(cell.wrong("no_curve", "is none of P1, P1_2, P2_3")),
    }
}

fn bot(f: &mut Fields<'_>, table: &SourceTable) -> OldBot {
    let from_columns = !table.has("closing_buy_conditions") && (table.has("closing_buy_drop_rate") || table.has("closing_buy_seed_rate"));
    let closing_conditions = if from_columns {
        vec![ClosingCondition {
            drop_rate: f.newer("closing_buy_drop_rate", 0.05, Cell::number),
            seed_rate: f.newer("closing_buy_seed_rate", 1.0, Cell::number),
        }]
    } else {
        f.newer("closing_buy_conditions", Vec::new(), conditions)
    };
    let used = |column: &str| BOT_COLUMNS.contains(&column) || (from_columns && column.starts_with("closing_buy_"));
    let legacy = f.row.cells.iter().filter(|(c, _)| !used(c)).map(|(c, cell)| (c.clone(), cell.json())).collect();
    OldBot {
        name: f.need("name", String::new(), Cell::words),
        symbol: f.symbol(),
        seed: f.need("seed", 1.0, positive),
        profit_rate: f.need("profit_rate", 1.0, positive),
        t_div: f.need("t_div", 1, positive_whole),
        max_tier: f.need("max_tier", 1, positive_whole),
        active: f.need("active", false, Cell::flag),
        buy_below_average: f.need("is_check_buy_avr_price", false, Cell::flag),
        buy_below_point: f.need("is_check_buy_t_div_price", false, Cell::flag),
        point_curve: f.need("point_loc", PointCurve::P1, curve),
        added_seed: f.base("added_seed", 0.0, Cell::number),
        skip_sell: f.base("skip_sell", false, Cell::flag),
        closing_conditions,
        condition_from_columns: from_columns,
        sell_cooldown_days: f.newer("sell_cooldown_days", 0, Cell::whole),
        sell_cooldown_loss_only: f.newer("sell_cooldown_loss_only", false, Cell::flag),
        trailing_enabled: f.newer("trailing_enabled", false, Cell::flag),
        trailing_t_threshold: f.newer("trailing_t_threshold", 0.3, Cell::number),
        trailing_stop_pct: f.newer("trailing_stop_pct", 0.10, Cell::number),
        trailing_floor_rate: f.newer("trailing_floor_rate", 0.10, Cell::number),
        trailing_mode: f.newer("trailing_mode", false, Cell::flag),
        trailing_high_watermark: f.newer("trailing_high_watermark", 0.0, Cell::number),
        trailing_stop: f.newer("trailing_stop", 0.0, Cell::number),
        legacy,
    }
}

fn trade(f: &mut Fields<'_>) -> OldTrade {
    OldTrade {
        name: f.need("name", String::new(), Cell::words),
        symbol: f.symbol(),
        started: f.time("date_added"),
        last: f.time("latest_date_trade"),
        price: f.at_least_zero("purchase_price"),
        amount: f.at_least_zero("amount"),
        total: f.at_least_zero("total_price"),
        kind: f.kind("trade_type"),
    }
}

fn history_row(f: &mut Fields<'_>) -> OldHistory {
    // A half-converted table can have both; the newer column wins where it is filled.
    let newer = f.cell("trade_date").is_some_and(|c| !c.is_null()) || f.cell("sell_date").is_none();
    let amount = f.newer("amount", None, |c| match c.number()? {
        v if v < 0.0 => Err(negative(v)),
        v => Ok(Some(v)),
    });
    OldHistory {
        name: f.need("name", String::new(), Cell::words),
        symbol: f.symbol(),
        kind: f.kind("trade_type"),
        started: f.time("date_added"),
        traded: f.time(if newer { "trade_date" } else { "sell_date" }),
        amount,
        buy_price: f.at_least_zero("buy_price"),
        sell_price: f.at_least_zero("sell_price"),
        profit: f.need("profit", 0.0, Cell::number),
        profit_rate: f.need("profit_rate", 0.0, Cell::number),
    }
}

fn sheet(f: &mut Fields<'_>) -> OldSheet {
    let slices_total = f.need("total_count", 1, positive_whole);
    let slices_left = f.need("trade_count", 0, not_negative_whole);
    if slices_left > slices_total {
        let text = format!("trade_count {slices_left} is more than total_count {slices_total}");
        f.reasons.push(Remark::new("too_many_slices", text).with("value", slices_left).with("limit", slices_total));
    }
    OldSheet {
        name: f.need("name", String::new(), Cell::words),
        symbol: f.symbol(),
        opened: f.time("date_added"),
        kind: f.kind("order_type"),
        slices_left,
        slices_total,
        // The old program rounded both whenever it loaded the row.
        remaining: cents(f.at_least_zero("remain_value")),
        total: cents(f.at_least_zero("total_value")),
        results: f.need("trade_result_list", Vec::new(), results),
    }
}

fn status(f: &mut Fields<'_>) -> OldStatus {
    OldStatus {
        deposit_won: f.newer("deposit_won", 0.0, Cell::number),
        deposit_dollar: f.newer("deposit_dollar", 0.0, Cell::number),
        withdraw_won: f.newer("withdraw_won", 0.0, Cell::number),
        withdraw_dollar: f.newer("withdraw_dollar", 0.0, Cell::number),
    }
}

/// A JSON list in a cell; `null` and nothing at all are the empty list.
fn json_list(cell: &Cell) -> Result<Vec<Value>, Remark> {
    let text = match cell {
        Cell::Text(text) => text.trim(),
        Cell::Null => return Err(Remark::new("null", "is NULL")),
        other => return Err(other.wrong("no_list", "where a JSON list belongs")),
    };
    if text.is_empty() {
        return Ok(Vec::new());
    }
    match serde_json::from_str(text) {
        Ok(Value::Array(list)) => Ok(list),
        Ok(Value::Null) => Ok(Vec::new()),
        _ => Err(cell.wrong("no_list", "is not a JSON list")),
    }
}

fn amount(entry: &Value, key: &str, or: Option<f64>) -> Result<f64, Remark> {
    let cell = match entry.get(key) {
        None | Some(Value::Null) => return or.ok_or_else(|| inside(key, Remark::new("missing", format!("is missing in {entry}")))),
        Some(Value::Number(n)) => n.as_f64().map_or(Cell::Null, Cell::Real),
        Some(other) => Cell::Text(other.as_str().unwrap_or_default().to_owned()),
    };
    cell.number().map_err(|reason| inside(key, reason))
}

fn conditions(cell: &Cell) -> Result<Vec<ClosingCondition>, Remark> {
    json_list(cell)?
        .iter()
        .map(|entry| Ok(ClosingCondition { drop_rate: amount(entry, "drop_rate", None)?, seed_rate: amount(entry, "seed_rate", None)? }))
        .collect()
}

fn results(cell: &Cell) -> Result<Vec<Option<SliceFill>>, Remark> {
    let slice = |entry: &Value| match entry {
        Value::Null | Value::Bool(false) => Ok(None),
        Value::Object(fields) => {
            let word = fields.get("trade_type").and_then(Value::as_str).unwrap_or_default();
            let fill = SliceFill {
                kind: TradeKind::parse(word)
                    .ok_or_else(|| inside("trade_type", Cell::Text(word.to_owned()).wrong("no_kind", "is no kind of trade")))?,
                quantity: amount(entry, "amount", Some(0.0))?,
                unit_price: cents(amount(entry, "unit_price", None)?),
                total: cents(amount(entry, "total_price", None)?),
            };
            if fill.quantity < 0.0 || fill.unit_price < 0.0 || fill.total < 0.0 {
                return Err(Remark::new("negative", format!("{entry} holds a negative amount")).with("value", entry));
            }
            Ok(Some(fill))
        }
        other => Err(Remark::new("no_result", format!("{other} is no result of a slice")).with("value", other)),
    };
    json_list(cell)?.iter().map(slice).collect()
}
