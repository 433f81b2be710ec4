//! The files of the old program: database, settings, environment.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use eggmoney::domain::id::UserId;
use eggmoney::domain::user::Role;
use eggmoney::importers::eggmoney::{ImportRequest, OldFiles, dry_run, read, run};
use rusqlite::types::Value as Cell;
use rusqlite::{Connection, params};
use tempfile::TempDir;

use super::engine::{Chance, Target};
use super::spoil;
use super::world::World;
use crate::support::old::fixtures;

/// A case: what is another (of these), whose files they were, how they are imported (a bit each), and the rest.
/// Changes of the database file.
const DATABASE: u8 = 0;
/// The settings.
const KEY_STORE: u8 = 1;
/// The environment.
const ENV: u8 = 2;
/// Lines `operation table column row value`, numbers all but the last, see [`change`].
const CELLS: u8 = 3;

/// Bits of how it is imported.
const SESSION_RELATIVE: u8 = 1;
const SKIP_REFUSED: u8 = 2;
const BOOK_FILLS: u8 = 4;
/// Really, and not only tried.
const RUN: u8 = 8;

const USERS: [&str; 3] = ["chan", "choe", "sk"];
/// Rows of the old history that the samples have: more say the same again.
const HISTORY: usize = 12;

const VALUES: [&str; 20] = [
    "NULL",
    "-1",
    "0",
    "1e308",
    "9e999",
    "-9223372036854775808",
    "x00ff",
    "",
    "'nan",
    "'2026-02-30",
    "'9999-12-31 23:59:60",
    "'한",
    "0.1",
    "'1,5",
    "'SELL_9_9",
    "1e-320",
    "'-9999-01-01",
    "'[]",
    "'{}",
    "'true",
];

/// A copy of a sample's database with the last rows of its history.
pub fn shortened(name: &str, rows: usize, folder: &Path) -> PathBuf {
    let file = folder.join(format!("egg_{name}.db"));
    fs_err::copy(fixtures().join(format!("egg_{name}.db")), &file).unwrap();
    let db = Connection::open(&file).unwrap();
    let last = format!("SELECT rowid FROM history ORDER BY rowid DESC LIMIT {rows}");
    db.execute_batch(&format!("DELETE FROM history WHERE rowid NOT IN ({last}); VACUUM")).unwrap();
    file
}

fn names(db: &Connection, sql: &str) -> Vec<String> {
    let Ok(mut statement) = db.prepare(sql) else { return Vec::new() };
    statement.query_map([], |row| row.get(0)).map(|rows| rows.filter_map(Result::ok).collect()).unwrap_or_default()
}

/// How a cell's value is written in a case: a number, `NULL`, `x` with hex, and everything else a text, after
/// a quotation mark when it could be taken for one of those.
fn cell(text: &str) -> Cell {
    if let Some(text) = text.strip_prefix('\'') {
        return Cell::Text(text.to_owned());
    }
    let blob = text.strip_prefix('x').and_then(|hex| data_encoding::HEXLOWER.decode(hex.as_bytes()).ok());
    match (text, blob, text.parse(), text.parse()) {
        ("NULL", ..) => Cell::Null,
        (_, Some(blob), ..) => Cell::Blob(blob),
        (_, _, Ok(whole), _) => Cell::Integer(whole),
        (_, _, _, Ok(real)) => Cell::Real(real),
        _ => Cell::Text(text.to_owned()),
    }
}

/// One change as a hand or a bug would make it: another value in a cell or a column, a table emptied or
/// renamed, a column gone, rows twice.
fn change(db: &Connection, line: &str) {
    let mut parts = line.splitn(5, ' ');
    let mut number = || parts.next().and_then(|text| text.parse::<usize>().ok()).unwrap_or(0);
    let (operation, table, column, row) = (number(), number(), number(), number());
    let tables = names(db, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name");
    let Some(table) = (!tables.is_empty()).then(|| &tables[table % tables.len()]) else { return };
    let columns = names(db, &format!("SELECT name FROM pragma_table_info('{table}')"));
    let column = &columns[column % columns.len()];
    let value = cell(parts.next().unwrap_or_default());
    let all = format!("SELECT count(*) FROM \"{table}\"");
    let rows = db.query_row(&all, [], |found| found.get::<_, i64>(0)).map_or(0, |rows| usize::try_from(rows).unwrap());
    let row = i64::try_from(row % rows.max(1)).unwrap();
    let one = format!("rowid = (SELECT rowid FROM \"{table}\" LIMIT 1 OFFSET ?2)");
    // What the schema forbids is not what an old program leaves.
    let _ = match operation % 8 {
        0 => db.execute(&format!("DELETE FROM \"{table}\""), []),
        1 => db.execute(&format!("ALTER TABLE \"{table}\" RENAME TO \"{table}2\""), []),
        2 => db.execute(&format!("ALTER TABLE \"{table}\" DROP COLUMN \"{column}\""), []),
        3 => db.execute(&format!("INSERT INTO \"{table}\" SELECT * FROM \"{table}\" LIMIT 3"), []),
        4 => db.execute(&format!("UPDATE \"{table}\" SET \"{column}\" = ?1"), [value]),
        _ => db.execute(&format!("UPDATE \"{table}\" SET \"{column}\" = ?1 WHERE {one}"), params![value, row]),
    };
}

struct Sample {
    db: Vec<u8>,
    key_store: Vec<u8>,
    env: Vec<u8>,
}

pub struct Old {
    world: World,
    user: UserId,
    samples: [Sample; 3],
    folder: TempDir,
}

fn installation() -> (World, UserId) {
    let world = World::start(|_| {});
    world.runtime.block_on(world.server.create("kim", Role::User));
    let user = world.server.app.auth.find_user("kim").unwrap().unwrap().id;
    (world, user)
}

impl Old {
    pub fn open() -> Self {
        let (world, user) = installation();
        let folder = tempfile::tempdir().unwrap();
        let bytes = |file: String| fs_err::read(fixtures().join(file)).unwrap();
        let samples = USERS.map(|name| Sample {
            db: fs_err::read(shortened(name, HISTORY, folder.path())).unwrap(),
            key_store: bytes(format!("key_store.{name}.json")),
            env: bytes(format!("dotenv.{name}.txt")),
        });
        Self { world, user, samples, folder }
    }

    fn brings(&mut self, files: &OldFiles, how: u8) -> bool {
        let Ok(old) = read(files).map(Arc::new) else { return false };
        let app = &self.world.server.app;
        let request = ImportRequest {
            user: self.user,
            by: None,
            account_name: Some("account".to_owned()),
            bot_sync: None,
            session_relative: how & SESSION_RELATIVE != 0,
            skip_refused: how & SKIP_REFUSED != 0,
            book_fills: how & BOOK_FILLS != 0,
            at: app.market.now(),
        };
        let Ok(report) = dry_run(&app.store, &app.vault, &old, &request) else { return false };
        assert!(serde_json::to_string(&report).is_ok());
        if how & RUN != 0 {
            let came = run(&app.store, &app.vault, &old, &request).is_ok();
            let report = app.store.verify().unwrap();
            assert!(report.agrees(), "{report:?}");
            if came {
                // What came once would be held against everything that comes next.
                (self.world, self.user) = installation();
            }
        }
        true
    }
}

impl Target for Old {
    fn seeds(&self) -> Vec<Vec<u8>> {
        let all = SESSION_RELATIVE | SKIP_REFUSED | BOOK_FILLS;
        let of = |(n, sample): (usize, &Sample)| {
            let n = u8::try_from(n).unwrap();
            [
                vec![DATABASE, n, all | RUN],
                [&[KEY_STORE, n, 0], &sample.key_store[..]].concat(),
                [&[ENV, n, all], &sample.env[..]].concat(),
                [&[CELLS, n, SKIP_REFUSED], &b"5 0 2 0 1000\n"[..]].concat(),
                [&[CELLS, n, all | RUN], &b"7 3 2 1 '2026-01-02\n"[..]].concat(),
            ]
        };
        self.samples.iter().enumerate().flat_map(of).collect()
    }

    fn words(&self) -> &'static [&'static str] {
        &["HANTOO_CANO=", "HANTOO_API_URL=https://", "IS_TEST=", "ADMIN=", "5 0 0 0 ", "4 2 1 0 ", "NULL", "9e999", "SELL_1_1", "BUY"]
    }

    fn spoil(&self, chance: &mut Chance, case: &[u8]) -> Vec<u8> {
        let [kind, of, how, rest @ ..] = case else { return case.to_vec() };
        let how = if chance.once_in(3) { u8::try_from(chance.below(16)).unwrap() } else { *how };
        let rest = match *kind {
            DATABASE => spoil::changes(chance, rest),
            KEY_STORE => spoil::any_document(chance, rest),
            CELLS => {
                let mut lines = String::new();
                for _ in 0..=chance.below(3) {
                    let [operation, table, column, row] = [8, 6, 24, 20].map(|end| chance.below(end));
                    lines += &format!("{operation} {table} {column} {row} {}\n", chance.pick(&VALUES));
                }
                lines.into_bytes()
            }
            _ => spoil::bytes(chance, rest, &[]),
        };
        [&[*kind, *of, how], &rest[..]].concat()
    }

    fn tries(&mut self, case: &[u8]) -> bool {
        let [kind, of, how, rest @ ..] = case else { return false };
        let sample = &self.samples[usize::from(*of) % self.samples.len()];
        let path = |name: &str| self.folder.path().join(name);
        let files = OldFiles { db: path("egg_kim.db"), db_name: None, key_store: Some(path("key_store.json")), env: Some(path(".env")) };
        for left in ["egg_kim.db-journal", "egg_kim.db-wal", "egg_kim.db-shm"] {
            let _ = fs_err::remove_file(path(left));
        }
        let changed = if *kind == DATABASE { spoil::script(&sample.db, rest) } else { sample.db.clone() };
        fs_err::write(&files.db, changed).unwrap();
        fs_err::write(path("key_store.json"), if *kind == KEY_STORE { rest } else { &sample.key_store }).unwrap();
        fs_err::write(path(".env"), if *kind == ENV { rest } else { &sample.env }).unwrap();
        if *kind == CELLS {
            let db = Connection::open(&files.db).unwrap();
            String::from_utf8_lossy(rest).lines().take(8).for_each(|line| change(&db, line));
        }
        self.brings(&files, *how)
    }

    /// A whole account is imported, by a build without optimisation.
    fn longest(&self) -> Duration {
        Duration::from_secs(if cfg!(test) { 20 } else { 1 })
    }
}
