//! Files in every mixture of versions that upgrade scripts could leave, and rows that nobody can read.

use std::path::PathBuf;

use eggmoney::domain::bot::{Bot, ClosingCondition, HistoryRow, Holding};
use eggmoney::importers::eggmoney::{ImportError, Imported, Outcome};
use eggmoney::storage::account_key;
use eggmoney::storage::tables::{BOTS, HISTORY, HOLDINGS, POSITIONS};
use rusqlite::Connection;
use tempfile::TempDir;

use super::{World, differences, fixture, only_db};

/// A database made by SQL on the base of the oldest layout's tables, or of a fixture.
struct Old {
    _folder: TempDir,
    file: PathBuf,
}

const OLDEST: &str = "
    CREATE TABLE bot_info (name VARCHAR PRIMARY KEY, symbol VARCHAR, seed FLOAT, profit_rate FLOAT, t_div INTEGER, max_tier INTEGER, active BOOLEAN,
        is_check_buy_avr_price BOOLEAN, is_check_buy_t_div_price BOOLEAN, point_loc VARCHAR, added_seed FLOAT, skip_sell BOOLEAN);
    CREATE TABLE trade (date_added DATETIME, name VARCHAR, symbol VARCHAR, latest_date_trade DATETIME, purchase_price FLOAT, amount FLOAT,
        trade_type VARCHAR(9), total_price FLOAT);
    CREATE TABLE history (date_added DATETIME, sell_date DATETIME, trade_type VARCHAR(9), name VARCHAR, symbol VARCHAR, buy_price FLOAT,
        sell_price FLOAT, profit FLOAT, profit_rate FLOAT);
    CREATE TABLE \"order\" (name VARCHAR, date_added DATETIME, symbol VARCHAR, trade_result_list JSON, order_type VARCHAR(9), trade_count INTEGER,
        total_count INTEGER, remain_value FLOAT, total_value FLOAT);
    INSERT INTO bot_info VALUES ('TQ_1','TQQQ',100,0.1,20,20,1,1,1,'P1',0,0), ('SO_1','SOXL',50,0.1,20,40,0,0,1,'P2_3',-3.5,0);
    INSERT INTO trade VALUES ('2025-11-20 05:30:11.470701','TQ_1','TQQQ','2025-12-04 05:30:11.894246',31.99,69,'BUY',2207.49);
    INSERT INTO history VALUES ('2025-10-01 05:30:00','2025-11-01 05:30:00','SELL','TQ_1','TQQQ',50,55,25,0.1);
";

fn made(base: &str, sql: &str) -> Old {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("egg_mix.db");
    let connection = Connection::open(&file).unwrap();
    connection.execute_batch(base).unwrap();
    connection.execute_batch(sql).unwrap();
    Old { _folder: folder, file }
}

fn changed(name: &str, sql: &str) -> Old {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(format!("egg_{name}.db"));
    std::fs::copy(fixture(&format!("egg_{name}.db")), &file).unwrap();
    Connection::open(&file).unwrap().execute_batch(sql).unwrap();
    Old { _folder: folder, file }
}

struct Rows {
    bots: Vec<Bot>,
    holdings: Vec<Holding>,
    history: Vec<HistoryRow>,
}

fn import(old: &Old) -> (World, Imported, Rows) {
    let world = World::new();
    let imported = world.import(&only_db(&old.file)).unwrap_or_else(|e| panic!("{e}: {e:?}"));
    world.verify();
    let key = account_key(imported.account_id);
    let rows = world
        .store
        .user(world.user)
        .read(|v| {
            let mut bots = v.list(&BOTS, &key)?;
            bots.sort_by_key(|b| b.position);
            Ok::<_, eggmoney::storage::StoreError>(Rows { bots, holdings: v.list(&HOLDINGS, &key)?, history: v.list(&HISTORY, &key)? })
        })
        .unwrap();
    (world, imported, rows)
}

fn warned(imported: &Imported, code: &str) -> Vec<String> {
    imported.report.warnings.iter().filter(|w| w.code == code).map(|w| w.subject.clone()).collect()
}

#[test]
fn a_file_that_went_through_all_scripts_is_read_by_column_name() {
    let old = made(
        OLDEST,
        "ALTER TABLE bot_info ADD COLUMN is_check_buy_av_moving_price BOOLEAN;
         ALTER TABLE bot_info ADD COLUMN dynamic_seed_max REAL DEFAULT 0;
         ALTER TABLE bot_info ADD COLUMN dynamic_seed_enabled BOOLEAN;
         ALTER TABLE bot_info ADD COLUMN dynamic_seed_multiplier REAL;
         ALTER TABLE bot_info ADD COLUMN is_short_mode BOOLEAN DEFAULT 0;
         ALTER TABLE bot_info ADD COLUMN reverse_mode BOOLEAN DEFAULT 0;
         ALTER TABLE bot_info ADD COLUMN closing_buy_drop_rate FLOAT DEFAULT 0.05;
         ALTER TABLE bot_info ADD COLUMN closing_buy_seed_rate FLOAT DEFAULT 1.0;
         ALTER TABLE bot_info ADD COLUMN closing_buy_conditions TEXT;
         ALTER TABLE bot_info ADD COLUMN sell_cooldown_days INTEGER DEFAULT 0;
         ALTER TABLE bot_info ADD COLUMN sell_cooldown_loss_only BOOLEAN;
         ALTER TABLE bot_info ADD COLUMN trailing_enabled BOOLEAN DEFAULT 0;
         ALTER TABLE bot_info ADD COLUMN trailing_t_threshold FLOAT;
         ALTER TABLE bot_info ADD COLUMN trailing_atr_multiplier FLOAT DEFAULT 1.0;
         ALTER TABLE bot_info ADD COLUMN trailing_stop_pct FLOAT;
         ALTER TABLE bot_info ADD COLUMN trailing_mode BOOLEAN DEFAULT 0;
         UPDATE bot_info SET dynamic_seed_enabled = 1, dynamic_seed_max = 600, reverse_mode = 1, trailing_mode = 1 WHERE name = 'TQ_1';
         UPDATE bot_info SET closing_buy_conditions = '[{\"drop_rate\": 0.07, \"seed_rate\": 0.3}]' WHERE name = 'TQ_1';
         UPDATE bot_info SET closing_buy_conditions = '' WHERE name = 'SO_1';
         CREATE TABLE status (id INTEGER PRIMARY KEY, deposit_won FLOAT, deposit_dollar FLOAT, withdraw_won FLOAT, withdraw_dollar FLOAT);
         INSERT INTO status VALUES (1, 1000000, 10.5, 0, 0), (2, 500000, NULL, 20000, 1.25);
         CREATE TABLE new_history AS SELECT date_added, sell_date AS trade_date, trade_type, name, symbol, buy_price, sell_price,
            CASE WHEN sell_price = buy_price THEN 0 ELSE round(profit/(sell_price-buy_price)) END AS amount, profit, profit_rate FROM history;
         DROP TABLE history; ALTER TABLE new_history RENAME TO history;",
    );
    let (_world, imported, rows) = import(&old);
    let tq1 = &rows.bots[0];
    assert_eq!(tq1.closing_conditions, [ClosingCondition { drop_rate: 0.07, seed_rate: 0.3 }]);
    assert_eq!(rows.bots[1].closing_conditions, []);
    assert_eq!((tq1.trailing_t_threshold, tq1.trailing_stop_pct, tq1.sell_cooldown_loss_only), (0.3, 0.10, false));
    for column in ["is_check_buy_av_moving_price", "dynamic_seed_max", "reverse_mode", "trailing_atr_multiplier", "closing_buy_drop_rate"] {
        assert!(tq1.legacy.contains_key(column), "{column}");
    }
    assert_eq!(warned(&imported, "behaviour_gone"), ["TQ_1", "TQ_1"]);
    assert_eq!(warned(&imported, "trailing_stuck"), ["TQ_1"]);
    assert_eq!(warned(&imported, "added_seed_negative"), ["SO_1"]);
    assert_eq!(imported.report.unplaced, []);
    assert_eq!((rows.history[0].quantity, rows.history[0].quantity_derived), (Some(5.0), false));
    let status = &imported.report.imported["status"];
    assert_eq!(
        (status["rows"].as_u64(), status["sum_deposit_won"].as_f64(), status["sum_withdraw_dollar"].as_f64()),
        (Some(2), Some(1_500_000.0), Some(1.25))
    );
    assert_eq!(differences("", &imported.report.tables, &imported.report.imported), Vec::<String>::new());
}

#[test]
fn the_two_closing_columns_become_one_condition() {
    let old = made(
        OLDEST,
        "ALTER TABLE bot_info ADD COLUMN closing_buy_drop_rate FLOAT; ALTER TABLE bot_info ADD COLUMN closing_buy_seed_rate FLOAT;
         UPDATE bot_info SET closing_buy_drop_rate = 0.08 WHERE name = 'TQ_1'",
    );
    let (_world, imported, rows) = import(&old);
    assert_eq!(rows.bots[0].closing_conditions, [ClosingCondition { drop_rate: 0.08, seed_rate: 1.0 }]);
    assert_eq!(rows.bots[1].closing_conditions, [ClosingCondition { drop_rate: 0.05, seed_rate: 1.0 }]);
    assert_eq!(warned(&imported, "closing_condition"), ["TQ_1", "SO_1"]);
    assert!(rows.bots[0].legacy.is_empty());
}

#[test]
fn columns_may_stand_in_any_order_and_names_or_values_of_kinds_are_read() {
    let old = made(
        OLDEST,
        "CREATE TABLE t AS SELECT total_price, trade_type, name, amount, symbol, purchase_price, latest_date_trade, date_added FROM trade;
         DROP TABLE trade; ALTER TABLE t RENAME TO trade;
         INSERT INTO trade VALUES (10, 'Sell_1_4', 'SO_1', 1, ' soxl ', 10, '2025-12-01T05:30:00', '2025-11-30');
         INSERT INTO history VALUES ('2025-11-30','2025-12-01 05:30:00','Sell_Part','SO_1','soxl',10,12,4,0.2);",
    );
    let (_world, _imported, rows) = import(&old);
    let so1 = rows.holdings.iter().find(|h| h.name == "SO_1").unwrap();
    assert_eq!(
        (so1.symbol.as_str(), so1.last_kind.name(), so1.cycle_start.to_string().as_str()),
        ("SOXL", "SELL_1_4", "2025-11-29T15:00:00Z")
    );
    let part = rows.history.iter().find(|h| h.name == "SO_1").unwrap();
    assert_eq!((part.kind.name(), part.quantity, part.profit_rate), ("SELL_PART", Some(2.0), 0.2));
}

#[test]
fn equal_prices_give_no_number_of_shares() {
    let old = made(OLDEST, "INSERT INTO history VALUES ('2025-11-01 05:30:00','2025-11-02 05:30:00','SELL_PART','SO_1','SOXL',10,10,0,0)");
    let (_world, imported, rows) = import(&old);
    assert_eq!(rows.history.iter().map(|h| (h.quantity, h.quantity_derived)).collect::<Vec<_>>(), [(Some(5.0), true), (None, false)]);
    assert_eq!(warned(&imported, "quantity_unknown"), ["history"]);
}

#[test]
fn equal_rows_of_tables_without_keys_are_all_kept() {
    let old = made(OLDEST, "INSERT INTO history SELECT * FROM history; INSERT INTO trade SELECT * FROM trade;");
    let (_world, imported, rows) = import(&old);
    assert_eq!((rows.history.len(), rows.holdings.len()), (2, 2));
    assert_eq!(serde_json::to_value(&imported.report.unbooked[0]).unwrap()["type"], "duplicate_holdings");
}

#[test]
fn empty_positions_are_kept_as_facts_and_closed() {
    let old = made(OLDEST, "INSERT INTO trade VALUES ('2025-11-20 05:30:11','SO_1','SOXL','2025-12-04 05:30:11',31.99,0,'SELL_1_4',0)");
    let (world, imported, rows) = import(&old);
    assert_eq!(rows.holdings.len(), 1);
    assert_eq!(imported.report.imported["trade"]["rows"], 2);
    assert_eq!(warned(&imported, "empty_position"), ["SO_1"]);
    let positions = world.store.user(world.user).read(|v| v.list(&POSITIONS, &account_key(imported.account_id))).unwrap();
    assert_eq!(positions.iter().map(|p| p.symbol.as_str()).collect::<Vec<_>>(), ["TQQQ"]);
}

#[test]
fn orphans_and_foreign_symbols_are_shown() {
    let old = made(
        OLDEST,
        "INSERT INTO trade VALUES ('2025-11-20 05:30:11','GONE','LABU','2025-12-04 05:30:11',31.99,2.5,'BUY',79.98);
         INSERT INTO trade VALUES ('2025-11-20 05:30:11','SO_1','TQQQ','2025-12-04 05:30:11',31.99,2,'BUY',63.98);",
    );
    let (_world, imported, rows) = import(&old);
    assert_eq!((warned(&imported, "orphan"), warned(&imported, "symbol_differs")), (vec!["GONE".to_owned()], vec!["SO_1".to_owned()]));
    assert!(rows.holdings.iter().any(|h| h.name == "GONE" && h.bot_id.is_none() && h.quantity == 2.5));
}

#[test]
fn whole_profits_in_the_added_seed_are_pointed_out() {
    let old = made(
        OLDEST,
        "UPDATE bot_info SET added_seed = 12;
         INSERT INTO history VALUES ('2025-11-20 05:30:11','2025-12-01 05:30:00','SELL_1_4','TQ_1','TQQQ',50,55,25,0.1);",
    );
    let (_world, imported, _rows) = import(&old);
    // SO_1 has no partial sale in its present cycle.
    assert_eq!(warned(&imported, "added_seed"), ["TQ_1"]);
}

#[test]
fn what_has_no_home_is_listed() {
    let old = made(
        OLDEST,
        "ALTER TABLE trade ADD COLUMN memo TEXT; UPDATE trade SET memo = 'x'; CREATE TABLE notes(a); INSERT INTO notes VALUES (1),(2)",
    );
    let (_world, imported, _rows) = import(&old);
    let listed: Vec<_> = imported.report.unplaced.iter().map(|u| (u.source.as_str(), u.name.as_str())).collect();
    assert_eq!(listed, [("egg_mix.db", "notes"), ("trade", "memo")]);
}

#[test]
fn every_unreadable_row_is_listed_with_all_its_reasons_and_refuses_the_whole() {
    let old = changed(
        "chan",
        "PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql = replace(sql, 'NOT NULL', '') WHERE name = 'bot_info'; PRAGMA writable_schema=RESET;
         UPDATE bot_info SET seed = NULL, point_loc = 'P9' WHERE name = 'SO_2';
         UPDATE trade SET trade_type = 'SOLD' WHERE name = 'SO_2';
         UPDATE history SET trade_date = '2026-13-01 00:00:00' WHERE rowid = 7;
         UPDATE history SET amount = -1 WHERE rowid = 8;
         UPDATE \"order\" SET trade_result_list = '[{\"trade_type\": \"Buy\"' WHERE name = 'SO_1';",
    );
    let world = World::new();
    let before = world.dump();
    let ImportError::Refused(report) = world.import(&only_db(&old.file)).unwrap_err() else { panic!("not refused") };
    let named: Vec<_> = report.refused.iter().map(|f| f.table.as_str()).collect();
    assert_eq!(named, ["bot_info", "trade", "history", "history", "order"]);
    assert!(report.refused[0].row.contains("SO_2"));
    assert!(report.refused[0].reason.contains("seed is NULL") && report.refused[0].reason.contains("P9"), "{}", report.refused[0].reason);
    assert_eq!((report.outcome, report.tables["history"]["rows"].as_u64()), (Outcome::Refused, Some(1651)));
    assert_eq!(world.dump(), before);
    assert_eq!(world.rehearse(&only_db(&old.file)).unwrap().refused, report.refused);
    assert_eq!(world.dump(), before);

    let skipped = world.import_as(&only_db(&old.file), |r| r.skip_refused = true).unwrap();
    for table in ["bot_info", "trade", "history", "order"] {
        let refused = skipped.report.refused.iter().filter(|f| f.table == table).count() as u64;
        let count = |v: &serde_json::Value| v[table]["rows"].as_u64().unwrap();
        assert_eq!(count(&skipped.report.tables), count(&skipped.report.imported) + refused, "{table}");
    }
    // The history of the refused bot stays, as that of a bot that is no more; one of the refused rows was its.
    assert_eq!(skipped.report.imported["history"]["by_name"]["SO_2"]["rows"], 350);
    world.verify();
}

#[test]
fn each_kind_of_fault_can_be_skipped_alone() {
    for (table, sql) in [
        ("bot_info", "UPDATE bot_info SET max_tier = 0 WHERE name = 'SO_1'"),
        ("bot_info", "UPDATE bot_info SET active = 'perhaps' WHERE name = 'SO_1'"),
        ("bot_info", "UPDATE bot_info SET seed = 'many' WHERE name = 'SO_1'"),
        ("bot_info", "UPDATE bot_info SET name = x'ff' WHERE name = 'SO_1'"),
        ("bot_info", "UPDATE bot_info SET seed = 9e999 WHERE name = 'SO_1'"),
        ("trade", "UPDATE trade SET date_added = NULL"),
        ("trade", "UPDATE trade SET amount = -1"),
        ("trade", "UPDATE trade SET purchase_price = 1e200"),
        ("trade", "UPDATE trade SET symbol = ''"),
        ("history", "UPDATE history SET sell_date = 'yesterday'"),
        ("history", "UPDATE history SET trade_type = NULL"),
        ("history", "UPDATE history SET profit = x'00'"),
        ("order", "INSERT INTO \"order\" VALUES ('TQ_1','2025-12-04 04:35:01','TQQQ','{}','BUY',0,3,1,1)"),
        ("order", "INSERT INTO \"order\" VALUES ('TQ_1','2025-12-04 04:35:01','TQQQ','[1]','BUY',0,3,1,1)"),
        (
            "order",
            "INSERT INTO \"order\" VALUES ('TQ_1','2025-12-04 04:35:01','TQQQ','[{\"trade_type\":\"Buy\",\"amount\":1}]','BUY',0,3,1,1)",
        ),
        ("order", "INSERT INTO \"order\" VALUES ('TQ_1','2025-12-04 04:35:01','TQQQ','[]','BUY',4,3,1,1)"),
        (
            "order",
            "INSERT INTO \"order\" VALUES ('SO_1','2025-12-04 04:35:01','SOXL','[]','BUY',1,3,1,1),('SO_1','2025-12-04 04:35:01','SOXL','[]','BUY',1,3,1,1)",
        ),
    ] {
        let old = made(OLDEST, sql);
        let world = World::new();
        let before = world.dump();
        let ImportError::Refused(report) = world.import(&only_db(&old.file)).unwrap_err() else { panic!("{sql}") };
        assert_eq!(report.refused.iter().map(|f| f.table.as_str()).collect::<Vec<_>>(), [table], "{sql}");
        assert_eq!(world.dump(), before, "{sql}");
        let skipped = world.import_as(&only_db(&old.file), |r| r.skip_refused = true).unwrap();
        assert_eq!(skipped.report.refused, report.refused, "{sql}");
        world.verify();
    }
}

#[test]
fn faults_of_settings_are_refused_rows_too() {
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("key_store.json");
    std::fs::write(&settings, r#"{"TRADE_TIME":"soon","TWAP_COUNT":5,"WHATEVER":1}"#).unwrap();
    let world = World::new();
    let mut files = only_db(&fixture("egg_chan.db"));
    files.key_store = Some(settings);
    let ImportError::Refused(report) = world.import(&files).unwrap_err() else { panic!("not refused") };
    assert_eq!((report.refused[0].table.as_str(), report.refused[0].row.as_str()), ("key_store.json", "TRADE_TIME"));
    assert_eq!(report.unplaced[0].name, "WHATEVER");
    assert!(world.import_as(&files, |r| r.skip_refused = true).is_ok());
}
