//! The files of the old program: database, settings, environment.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use eggmoney::importers::eggmoney::{ImportRequest, OldFiles, dry_run, read, run};
use rusqlite::Connection;
use tokio::task::block_in_place;

use super::engine::{Chance, Hunt};
use super::spoil;
use crate::support::TestServer;
use crate::support::old::fixtures;

const USERS: [&str; 3] = ["chan", "choe", "sk"];

/// Other values in some cells, as a hand or a bug would leave them.
fn spoil_cells(chance: &mut Chance, file: &Path) {
    let db = Connection::open(file).unwrap();
    let names = |sql: &str| -> Vec<String> {
        let mut statement = db.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    };
    let tables = names("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'");
    for _ in 0..=chance.below(3) {
        let table = chance.pick(&tables);
        let columns = names(&format!("SELECT name FROM pragma_table_info('{table}')"));
        let column = chance.pick(&columns);
        let rows = names(&format!("SELECT CAST(rowid AS TEXT) FROM \"{table}\""));
        let change = match chance.below(12) {
            0 => format!("DELETE FROM \"{table}\""),
            1 => format!("ALTER TABLE \"{table}\" RENAME TO \"{table}2\""),
            2 => format!("ALTER TABLE \"{table}\" DROP COLUMN \"{column}\""),
            3 => format!("INSERT INTO \"{table}\" SELECT * FROM \"{table}\" LIMIT 3"),
            _ => {
                let value = chance.pick(&[
                    "NULL",
                    "-1",
                    "0",
                    "1e308",
                    "9e999",
                    "-9223372036854775808",
                    "x'00ff'",
                    "''",
                    "'nan'",
                    "'2026-02-30'",
                    "'9999-12-31 23:59:60'",
                    "'한' || char(0)",
                    "0.1",
                    "'1,5'",
                    "zeroblob(3000)",
                    "'SELL_9_9'",
                    "1e-320",
                    "'-9999-01-01'",
                ]);
                let row = if rows.is_empty() || chance.once_in(6) { "rowid".to_owned() } else { chance.pick(&rows).clone() };
                format!("UPDATE \"{table}\" SET \"{column}\" = {value} WHERE rowid = {row}")
            }
        };
        // What the schema forbids is not what an old program leaves.
        let _ = db.execute_batch(&change);
    }
}

struct Sample {
    db: Vec<u8>,
    key_store: serde_json::Value,
    env: Vec<u8>,
}

fn sample(name: &str) -> Sample {
    let bytes = |file: String| fs_err::read(fixtures().join(file)).unwrap();
    Sample {
        db: bytes(format!("egg_{name}.db")),
        key_store: serde_json::from_slice(&bytes(format!("key_store.{name}.json"))).unwrap(),
        env: bytes(format!("dotenv.{name}.txt")),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn old_files() {
    let server = TestServer::start().await;
    server.create("kim", eggmoney::domain::user::Role::User).await;
    let user = server.app.auth.find_user("kim").unwrap().unwrap().id;
    let samples = USERS.map(sample);
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| -> PathBuf { folder.path().join(name) };
    let files = OldFiles { db: path("egg_kim.db"), db_name: None, key_store: Some(path("key_store.json")), env: Some(path(".env")) };
    let others: Vec<Vec<u8>> = samples.iter().map(|s| s.db.clone()).collect();
    let mut imported = 0;
    // A whole account is imported, years of trades with it, by a build without optimisation.
    let mut hunt = Hunt::new("old files", 15).within(Duration::from_secs(20));
    while let Some(mut chance) = hunt.next() {
        let sample = &samples[chance.below(3)];
        let (mut db, mut key_store, mut env) = (sample.db.clone(), sample.key_store.to_string().into_bytes(), sample.env.clone());
        let mut cells = false;
        match chance.below(5) {
            0 => db = spoil::bytes(&mut chance, &db, &others),
            1 => key_store = spoil::document(&mut chance, &sample.key_store),
            2 => env = spoil::bytes(&mut chance, &env, &[]),
            _ => cells = true,
        }
        for old in fs_err::read_dir(folder.path()).unwrap() {
            fs_err::remove_file(old.unwrap().path()).unwrap();
        }
        fs_err::write(&files.db, db).unwrap();
        fs_err::write(path("key_store.json"), &key_store).unwrap();
        fs_err::write(path(".env"), &env).unwrap();
        if cells {
            spoil_cells(&mut chance, &files.db);
        }
        hunt.tries([&key_store[..], b"\n", &env].concat());
        let Ok(old) = read(&files).map(Arc::new) else { continue };
        let request = ImportRequest {
            user,
            by: None,
            account_name: Some(format!("account {imported}")),
            bot_sync: None,
            session_relative: chance.once_in(2),
            skip_refused: chance.once_in(2),
            book_fills: chance.once_in(2),
            at: server.app.market.now(),
        };
        let report = block_in_place(|| dry_run(&server.app.store, &server.app.vault, &old, &request));
        let Ok(report) = report else { continue };
        hunt.taken();
        assert!(serde_json::to_string(&report).is_ok());
        if imported < 20 && chance.once_in(5) {
            let done = block_in_place(|| run(&server.app.store, &server.app.vault, &old, &request));
            imported += usize::from(done.is_ok());
            let report = server.app.store.verify().unwrap();
            assert!(report.agrees(), "{report:?}");
        }
    }
}
