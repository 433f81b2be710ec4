//! Choosing rows of the trade history for lists.

use jiff::ToSpan;
use jiff::civil::Date;

use crate::domain::bot::HistoryRow;
use crate::domain::clock::kst_date;

/// The rows traded from `first` to `last` (Korean days, both included), newest first.
pub fn rows_between(history: &[HistoryRow], first: Date, last: Date) -> Vec<&HistoryRow> {
    newest_first(history, |row| (first..=last).contains(&kst_date(row.traded_at)))
}

/// The rows of a month, newest first; of one symbol unless it is blank.
pub fn rows_of_month<'h>(history: &'h [HistoryRow], year: i16, month: i8, symbol: &str) -> Vec<&'h HistoryRow> {
    let symbol = symbol.trim();
    newest_first(history, |row| {
        let day = kst_date(row.traded_at);
        (day.year(), day.month()) == (year, month) && (symbol.is_empty() || row.symbol.eq_ignore_ascii_case(symbol))
    })
}

fn newest_first(history: &[HistoryRow], wanted: impl Fn(&HistoryRow) -> bool) -> Vec<&HistoryRow> {
    let mut rows: Vec<&HistoryRow> = history.iter().filter(|row| wanted(row)).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.traded_at));
    rows
}

/// The range that a list shows at first: from the same day of the month before (its last day where
/// there is no such day) to today.
pub fn usual_range(today: Date) -> (Date, Date) {
    (today.saturating_sub(1.month()), today)
}

/// Whole shares and the amount of a row in lists: what a buy cost, what a sell earned, USD.
pub fn shown_amounts(row: &HistoryRow) -> (Option<i64>, f64) {
    let shares = row.quantity.map(crate::quant::egg::number::truncate);
    let amount = if row.kind.is_buy() { row.buy_price * row.quantity.unwrap_or(0.0) } else { row.profit };
    (shares, amount)
}
