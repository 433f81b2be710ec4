//! The way back: what was imported goes out as it came in, and what comes out goes in again.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use eggmoney::domain::clock::from_kst;
use eggmoney::importers::eggmoney::{ExportError, ExportReport, OldCopy, OldFiles, Outcome};
use rusqlite::Connection;
use rusqlite::types::Value as Cell;
use serde_json::{Value, json};

use super::{NAMES, World, all_files, differences, fixture, now};

/// Name and value of every column.
type Row = BTreeMap<String, Cell>;

fn table(db: &Path, name: &str) -> Vec<Row> {
    let connection = Connection::open(db).unwrap();
    let mut select = connection.prepare(&format!("SELECT * FROM \"{name}\" ORDER BY rowid")).unwrap();
    let columns: Vec<String> = select.column_names().map(str::to_owned).collect();
    let rows = select.query_map([], |row| columns.iter().enumerate().map(|(i, c)| Ok((c.clone(), row.get(i)?))).collect()).unwrap();
    rows.map(Result::unwrap).collect()
}

/// The same instant, however many digits it is written with.
fn instant(cell: &Cell) -> String {
    let Cell::Text(text) = cell else { panic!("{cell:?}") };
    from_kst(text.parse().unwrap()).to_string()
}

fn number(cell: Option<&Cell>) -> f64 {
    match cell {
        Some(Cell::Real(value)) => *value,
        Some(Cell::Integer(value)) => *value as f64,
        other => panic!("{other:?}"),
    }
}

/// What a row says, apart from spelling; and apart from what the newest layout derives.
fn said(table: &str, row: &Row) -> BTreeMap<String, String> {
    let mut said = BTreeMap::new();
    for (column, cell) in row {
        let column = if column == "sell_date" { "trade_date" } else { column };
        let value = match column {
            "date_added" | "trade_date" | "latest_date_trade" => instant(cell),
            "closing_buy_conditions" | "trade_result_list" => {
                let Cell::Text(text) = cell else { panic!("{cell:?}") };
                // Amounts are numbers, whether whole or not.
                let mut value: Value = serde_json::from_str(text).unwrap();
                for result in value.as_array_mut().unwrap().iter_mut().filter_map(Value::as_object_mut) {
                    for value in result.values_mut().filter(|v| v.is_number()) {
                        *value = json!(value.as_f64().unwrap());
                    }
                }
                value.to_string()
            }
            _ => match cell {
                Cell::Integer(i) => (*i as f64).to_string(),
                Cell::Real(r) => r.to_string(),
                Cell::Text(t) => t.clone(),
                other => panic!("{table}.{column}: {other:?}"),
            },
        };
        said.insert(column.to_owned(), value);
    }
    said
}

fn export(world: &World, name: &str, folder: &Path) -> (OldFiles, ExportReport) {
    let id = world.accounts().into_iter().find(|a| a.name == name).unwrap().id;
    let copy = world.store.user(world.user).read(|v| OldCopy::read(v, id, now())).unwrap();
    let (db, key_store) = (folder.join(format!("egg_{name}.db")), folder.join(format!("key_store.{name}.json")));
    copy.write_files(&db, &key_store).unwrap();
    (OldFiles { db, db_name: None, key_store: Some(key_store), env: None }, copy.report().clone())
}

#[test]
fn tables_come_out_row_by_row_as_they_came_in() {
    for name in NAMES {
        let world = World::new();
        world.import(&all_files(name)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (files, _) = export(&world, name, folder.path());
        let original = fixture(&format!("egg_{name}.db"));
        for of in ["bot_info", "trade", "history", "order"] {
            let (before, after) = (table(&original, of), table(&files.db, of));
            assert_eq!(before.len(), after.len(), "{name} {of}");
            for (before, after) in before.iter().zip(&after) {
                let (mut expected, mut found) = (said(of, before), said(of, after));
                // Columns that the original's layout does not have yet, or the newest one no longer.
                expected.retain(|column, _| found.contains_key(column));
                found.retain(|column, _| expected.contains_key(column));
                assert_eq!(expected, found, "{name} {of}");
                if of == "history" && !before.contains_key("amount") {
                    // As the old program's own upgrade derived it.
                    let apart = number(before.get("sell_price")) - number(before.get("buy_price"));
                    let shares = if apart == 0.0 { 0.0 } else { (number(before.get("profit")) / apart).round_ties_even().max(0.0) };
                    assert_eq!(number(after.get("amount")), shares, "{name} {before:?}");
                }
            }
        }
        if name == "sk" {
            assert_eq!(table(&original, "status"), table(&files.db, "status"));
        }
    }
}

#[test]
fn the_layout_is_the_old_programs_newest() {
    let world = World::new();
    world.import(&all_files("choe")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (files, report) = export(&world, "choe", folder.path());
    let layout = |db: &Path| -> BTreeMap<String, Vec<(String, String, i64, i64)>> {
        let connection = Connection::open(db).unwrap();
        let mut tables = connection.prepare("SELECT name FROM sqlite_schema WHERE type IN ('table', 'index') AND sql IS NOT NULL").unwrap();
        let names: Vec<String> = tables.query_map([], |r| r.get(0)).unwrap().map(Result::unwrap).collect();
        names
            .into_iter()
            .map(|name| {
                let mut columns =
                    connection.prepare(&format!("SELECT name, type, \"notnull\", pk FROM pragma_table_info('{name}')")).unwrap();
                let rows = columns.query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?))).unwrap();
                let rows = rows.map(Result::unwrap).collect();
                (name, rows)
            })
            .collect()
    };
    // The fixture that the old program's last version made.
    assert_eq!(layout(&files.db), layout(&fixture("egg_chan.db")));
    assert!(report.notes.iter().any(|n| n.code == "legacy_left_out"), "{:?}", report.notes);
    let mode = std::fs::metadata(&files.db).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
}

#[test]
fn an_export_goes_in_again_with_the_same_counts_and_sums() {
    for name in NAMES {
        let world = World::new();
        let first = world.import(&all_files(name)).unwrap().report;
        let folder = tempfile::tempdir().unwrap();
        let (files, report) = export(&world, name, folder.path());
        let fresh = World::new();
        let again = fresh.import(&files).unwrap();
        assert_eq!((again.report.outcome, again.report.refused.len(), again.report.unplaced.len()), (Outcome::New, 0, 0));
        let mut expected = first.imported.clone();
        if name == "sk" {
            // The oldest layout has neither amounts nor this name for the column.
            expected["history"]["date_column"] = json!("trade_date");
            expected["history"]["sum_amount"] = again.report.imported["history"]["sum_amount"].clone();
            assert!(expected["history"]["sum_amount"].as_f64().unwrap() > 0.0);
        }
        for text in ["/history/first", "/history/last"] {
            let spelled = expected.pointer(text).unwrap().as_str().unwrap().to_owned();
            let found = again.report.imported.pointer(text).unwrap().as_str().unwrap();
            assert_eq!(instant(&Cell::Text(spelled)), instant(&Cell::Text(found.to_owned())), "{name}");
            *expected.pointer_mut(text).unwrap() = json!(found);
        }
        let texts = again.report.imported["trade"]["date_added_text"].clone();
        let spelled = expected["trade"]["date_added_text"].as_array().unwrap();
        let same = |list: &[Value]| list.iter().map(|t| instant(&Cell::Text(t.as_str().unwrap().to_owned()))).collect::<Vec<_>>();
        assert_eq!(same(spelled), same(texts.as_array().unwrap()), "{name}");
        expected["trade"]["date_added_text"] = texts;
        assert_eq!(differences(name, &expected, &again.report.imported), Vec::<String>::new());
        assert_eq!(report.rows["history"] as u64, expected["history"]["rows"].as_u64().unwrap());
        assert_eq!(again.report.unbooked.len(), first.unbooked.len());

        // Settings: what a rule means is the same, and nothing secret is in the file.
        let (before, after) = (&world.accounts()[0].settings, &fresh.accounts()[0].settings);
        assert_eq!((&before.month_rates, before.total_budget), (&after.month_rates, after.total_budget));
        assert_eq!((before.schedule, &before.usd_krw), (after.schedule, &after.usd_krw), "{name}");
        assert_eq!((before.auto_start, before.auto_start_threshold), (after.auto_start, after.auto_start_threshold));
        let text = std::fs::read_to_string(files.key_store.as_ref().unwrap()).unwrap();
        assert!(!text.contains("FAKE") && !text.contains("AT_KEY"), "{text}");
        fresh.verify();
    }
}

#[test]
fn nothing_is_overwritten_and_nothing_half_done_is_left() {
    let world = World::new();
    let id = world.import(&all_files("chan")).unwrap().account_id;
    let copy = world.store.user(world.user).read(|v| OldCopy::read(v, id, now())).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (db, settings) = (folder.path().join("egg_chan.db"), folder.path().join("key_store.json"));
    let files = || std::fs::read_dir(folder.path()).unwrap().count();
    for there in [&db, &settings] {
        std::fs::write(there, "mine").unwrap();
        let error = copy.write_files(&db, &settings).unwrap_err();
        assert!(matches!(&error, ExportError::Exists(file) if *file == there.display().to_string()), "{error}");
        assert_eq!((files(), std::fs::read_to_string(there).unwrap()), (1, "mine".to_owned()));
        std::fs::remove_file(there).unwrap();
    }
    assert_eq!(copy.write_files(&db, &db).unwrap_err().code(), "same_file");
    let nowhere = folder.path().join("missing/key_store.json");
    assert_eq!(copy.write_files(&db, &nowhere).unwrap_err().code(), "file_unwritable");
    assert_eq!(files(), 0);
    copy.write_files(&db, &settings).unwrap();
    assert_eq!(files(), 2);
    // Somebody else's account is nobody's.
    let other = world.store.user(world.other).read(|v| OldCopy::read(v, id, now()));
    assert!(other.is_err());
}

#[test]
fn answers_given_here_go_out_too() {
    let world = World::new();
    let imported = world.import_as(&all_files("chan"), |r| r.book_fills = true).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (files, _) = export(&world, "chan", folder.path());
    let held = table(&files.db, "trade").into_iter().find(|r| r["name"] == Cell::Text("TQ_1".to_owned())).unwrap();
    assert_eq!(number(held.get("amount")), 71.0);
    let sheets: Vec<Cell> = table(&files.db, "order").into_iter().map(|r| r["name"].clone()).collect();
    assert_eq!(sheets, [Cell::Text("SO_1".to_owned())], "the booked sheet is done, the other still waits in the old program");
    let last = table(&files.db, "history").pop().unwrap();
    assert_eq!((&last["trade_type"], number(last.get("amount"))), (&Cell::Text("BUY".to_owned()), 4.0));
    assert_eq!(imported.report.booked, ["TQ_1"]);
}
