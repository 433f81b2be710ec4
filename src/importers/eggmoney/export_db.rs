//! The old program's database at its newest layout, as that program makes it itself: names, types and
//! order of the columns, keys and indexes.

use std::path::Path;

use jiff::Timestamp;
use rusqlite::{Connection, params};
use serde_json::{Value, json};

use super::export::{ExportError, Keys, OldCopy, coarse_rate};
use crate::domain::bot::{ClosingCondition, PointCurve, Sheet};
use crate::domain::clock::kst_datetime;

const LAYOUT: &str = r#"
CREATE TABLE bot_info (
    name VARCHAR NOT NULL, symbol VARCHAR NOT NULL, seed FLOAT NOT NULL, profit_rate FLOAT NOT NULL,
    t_div INTEGER NOT NULL, max_tier INTEGER NOT NULL, active BOOLEAN NOT NULL,
    is_check_buy_avr_price BOOLEAN NOT NULL, is_check_buy_t_div_price BOOLEAN NOT NULL, point_loc VARCHAR NOT NULL,
    added_seed FLOAT NOT NULL, skip_sell BOOLEAN NOT NULL, closing_buy_conditions TEXT NOT NULL,
    sell_cooldown_days INTEGER NOT NULL, sell_cooldown_loss_only BOOLEAN NOT NULL, trailing_enabled BOOLEAN NOT NULL,
    trailing_t_threshold FLOAT NOT NULL, trailing_stop_pct FLOAT NOT NULL, trailing_floor_rate FLOAT NOT NULL,
    trailing_mode BOOLEAN NOT NULL, trailing_high_watermark FLOAT NOT NULL, trailing_stop FLOAT NOT NULL,
    PRIMARY KEY (name)
);
CREATE INDEX ix_bot_info_active ON bot_info (active);
CREATE INDEX ix_bot_info_symbol ON bot_info (symbol);
CREATE TABLE trade (
    date_added DATETIME NOT NULL, name VARCHAR NOT NULL, symbol VARCHAR NOT NULL, latest_date_trade DATETIME NOT NULL,
    purchase_price FLOAT NOT NULL, amount FLOAT NOT NULL, trade_type VARCHAR(9) NOT NULL, total_price FLOAT NOT NULL,
    PRIMARY KEY (date_added, name, symbol)
);
CREATE INDEX ix_trade_symbol ON trade (symbol);
CREATE INDEX ix_trade_name ON trade (name);
CREATE INDEX ix_trade_amount ON trade (amount);
CREATE TABLE history (
    date_added DATETIME NOT NULL, trade_date DATETIME NOT NULL, trade_type VARCHAR(9) NOT NULL, name VARCHAR NOT NULL,
    symbol VARCHAR NOT NULL, buy_price FLOAT NOT NULL, sell_price FLOAT NOT NULL, amount FLOAT NOT NULL,
    profit FLOAT NOT NULL, profit_rate FLOAT NOT NULL,
    PRIMARY KEY (date_added, trade_date, trade_type, name)
);
CREATE TABLE "order" (
    name VARCHAR NOT NULL, date_added DATETIME NOT NULL, symbol VARCHAR NOT NULL, trade_result_list JSON NOT NULL,
    order_type VARCHAR(9) NOT NULL, trade_count INTEGER NOT NULL, total_count INTEGER NOT NULL,
    remain_value FLOAT NOT NULL, total_value FLOAT NOT NULL,
    PRIMARY KEY (name)
);
"#;

/// The table of the oldest layout, only where there is something for it.
const STATUS: &str = "CREATE TABLE status (id INTEGER NOT NULL, deposit_won FLOAT NOT NULL, deposit_dollar FLOAT NOT NULL,
    withdraw_won FLOAT NOT NULL, withdraw_dollar FLOAT NOT NULL, PRIMARY KEY (id))";

/// Writes the database into an empty file.
pub(super) fn write(copy: &OldCopy, path: &Path) -> Result<(), ExportError> {
    let mut connection = Connection::open(path)?;
    let tx = connection.transaction()?;
    tx.execute_batch(LAYOUT)?;
    fill(copy, &tx)?;
    tx.commit()?;
    connection.close().map_err(|(_, error)| error)?;
    Ok(())
}

fn fill(copy: &OldCopy, db: &Connection) -> rusqlite::Result<()> {
    let mut insert = db.prepare(
        "INSERT INTO bot_info VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22)",
    )?;
    for bot in &copy.bots {
        insert.execute(params![
            bot.name,
            bot.symbol,
            bot.seed,
            bot.profit_rate,
            bot.t_div,
            bot.max_tier,
            bot.active,
            bot.buy_below_average,
            bot.buy_below_point,
            curve(bot.point_curve),
            bot.added_seed,
            bot.skip_sell,
            conditions(&bot.closing_conditions),
            bot.sell_cooldown_days,
            bot.sell_cooldown_loss_only,
            bot.trailing_enabled,
            bot.trailing_t_threshold,
            bot.trailing_stop_pct,
            bot.trailing_floor_rate,
            bot.trailing_mode,
            bot.trailing_high_watermark,
            bot.trailing_stop,
        ])?;
    }
    let mut insert = db.prepare("INSERT INTO trade VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?;
    let mut keys = Keys::default();
    for row in &copy.trades {
        let started = keys.free(row.cycle_start, &format!("{}\u{0}{}", row.name, row.symbol));
        insert.execute(params![
            time(started),
            row.name,
            row.symbol,
            time(row.last_trade_at),
            row.average_price,
            row.quantity,
            row.last_kind.name(),
            row.total_cost,
        ])?;
    }
    let mut insert = db.prepare("INSERT INTO history VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")?;
    let mut keys = Keys::default();
    for row in &copy.history {
        let started = row.original_cycle_start.unwrap_or(row.cycle_start);
        let key = format!("{}\u{0}{}\u{0}{}", started.as_microsecond(), row.kind.name(), row.name);
        let traded = keys.free(row.traded_at, &key);
        insert.execute(params![
            time(started),
            time(traded),
            row.kind.name(),
            row.name,
            row.symbol,
            row.buy_price,
            row.sell_price,
            row.quantity.unwrap_or(0.0),
            row.profit,
            coarse_rate(row.profit_rate),
        ])?;
    }
    let mut insert = db.prepare("INSERT INTO \"order\" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?;
    for row in &copy.sheets {
        insert.execute(params![
            row.name,
            time(row.opened_at),
            row.symbol,
            results(row).to_string(),
            row.kind.name(),
            row.slices_left,
            row.slices_total,
            row.remaining,
            row.total,
        ])?;
    }
    if !copy.status.is_empty() {
        db.execute_batch(STATUS)?;
        let mut insert = db.prepare("INSERT INTO status VALUES (?1, ?2, ?3, ?4, ?5)")?;
        for (id, row) in (1_i64..).zip(&copy.status) {
            insert.execute(params![id, row.deposit_won, row.deposit_dollar, row.withdraw_won, row.withdraw_dollar])?;
        }
    }
    Ok(())
}

/// Korean wall-clock time with six digits of fraction.
fn time(at: Timestamp) -> String {
    kst_datetime(at).strftime("%Y-%m-%d %H:%M:%S%.6f").to_string()
}

fn curve(curve: PointCurve) -> &'static str {
    match curve {
        PointCurve::P1 => "P1",
        PointCurve::P1Half => "P1_2",
        PointCurve::P2Thirds => "P2_3",
    }
}

fn conditions(list: &[ClosingCondition]) -> String {
    let list: Vec<Value> = list.iter().map(|c| json!({"drop_rate": c.drop_rate, "seed_rate": c.seed_rate})).collect();
    Value::Array(list).to_string()
}

/// The slices' results; kinds stand in them by their value texts.
fn results(sheet: &Sheet) -> Value {
    let of = |fill: &crate::domain::bot::SliceFill| json!({"trade_type": fill.kind.value_text(), "amount": fill.quantity, "unit_price": fill.unit_price, "total_price": fill.total});
    sheet.results.iter().map(|result| result.as_ref().map_or(Value::Null, of)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_six_digits_and_equal_keys_move_apart() {
        let at: Timestamp = "2026-05-14T15:05:00.1234567Z".parse().unwrap();
        let mut keys = Keys::default();
        let texts: Vec<_> = ["a", "a", "b", "a"].iter().map(|key| time(keys.free(at, key))).collect();
        assert_eq!(
            texts,
            ["2026-05-15 00:05:00.123456", "2026-05-15 00:05:00.123457", "2026-05-15 00:05:00.123456", "2026-05-15 00:05:00.123458"]
        );
        let whole: Timestamp = "2026-05-14T15:05:00Z".parse().unwrap();
        assert_eq!(time(whole), "2026-05-15 00:05:00.000000");
    }

    #[test]
    fn rates_are_as_coarse_as_the_old_programs() {
        // The old program rounds twice, percent first.
        for (exact, coarse) in [(0.123_456, 0.12), (0.29, 0.29), (0.114_996, 0.12), (-0.005, -0.01), (0.0, 0.0)] {
            assert_eq!(coarse_rate(exact), coarse, "{exact}");
        }
    }
}
