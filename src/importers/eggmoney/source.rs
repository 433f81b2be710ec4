//! Opens an old database: a private copy, recovered by SQLite itself, checked, then only read.

use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::value::Cell;

/// First bytes of every SQLite file.
const MAGIC: &[u8] = b"SQLite format 3\0";

/// Why a file was not accepted as an old database.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SourceError {
    #[error("{0}")]
    Unreadable(String),
    #[error("{0} is empty: copy the database again while the old server is stopped")]
    Empty(String),
    #[error("{0} is not a SQLite file: the old database is called egg_NAME.db and lies in data/persistence/sqlalchemy/db")]
    NotSqlite(String),
    #[error("{file} is a SQLite file, but not EggMoney's: {missing}")]
    Foreign { file: String, missing: String },
    #[error("{file} is damaged: {}. Copy it again while the old server is stopped, together with a -journal or -wal file beside it", .faults.join("; "))]
    Damaged { file: String, faults: Vec<String> },
}

impl SourceError {
    /// What programs compare.
    pub fn code(&self) -> &'static str {
        match self {
            SourceError::Unreadable(_) => "file_unreadable",
            SourceError::Empty(_) => "file_empty",
            SourceError::NotSqlite(_) => "not_sqlite",
            SourceError::Foreign { .. } => "not_eggmoney",
            SourceError::Damaged { .. } => "file_damaged",
        }
    }
}

/// A file by name and content.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct FileMark {
    pub name: String,
    pub bytes: u64,
    /// SHA-256, hex.
    pub sha256: String,
}

/// A row: its number in the file and its cells by lower-case column name.
#[derive(Clone, Debug)]
pub struct SourceRow {
    pub number: i64,
    pub cells: BTreeMap<String, Cell>,
}

/// A table as it is in the file.
#[derive(Clone, Debug)]
pub struct SourceTable {
    pub columns: Vec<String>,
    pub rows: Vec<SourceRow>,
}

impl SourceTable {
    pub fn has(&self, column: &str) -> bool {
        self.columns.iter().any(|c| c == column)
    }
}

/// Everything that an old database holds.
#[derive(Clone, Debug)]
pub struct Source {
    pub file: FileMark,
    /// The old program's tables by lower-case name.
    pub tables: BTreeMap<String, SourceTable>,
    /// Tables that are not the old program's, with their number of rows.
    pub strangers: BTreeMap<String, u64>,
}

/// The tables that make a file an EggMoney database, with the columns that were there from the start.
const REQUIRED: [(&str, &[&str]); 4] = [
    (
        "bot_info",
        &[
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
        ],
    ),
    ("trade", &["date_added", "name", "symbol", "latest_date_trade", "purchase_price", "amount", "trade_type", "total_price"]),
    ("history", &["date_added", "trade_type", "name", "symbol", "buy_price", "sell_price", "profit", "profit_rate"]),
    (
        "order",
        &["name", "date_added", "symbol", "trade_result_list", "order_type", "trade_count", "total_count", "remain_value", "total_value"],
    ),
];

/// Copies, recovers, checks and reads an old database. The file itself is never opened by SQLite.
/// `name` is what the file is called where it came from.
///
/// # Errors
/// [`SourceError`]: what is wrong with the file.
pub fn read(path: &Path, name: &str) -> Result<Source, SourceError> {
    let name = name.to_owned();
    let damaged = |e: rusqlite::Error| SourceError::Damaged { file: name.clone(), faults: vec![plain(&e)] };
    let copy = private_copy(path, &name)?;
    recover(&copy.database).map_err(damaged)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&copy.database, flags).map_err(damaged)?;
    connection.pragma_update(None, "trusted_schema", false).map_err(damaged)?;
    // The old program never made virtual tables; theirs is code that a foreign file must not reach.
    let virtual_tables = "SELECT count(*) FROM sqlite_schema WHERE sql LIKE 'CREATE VIRTUAL%'";
    if connection.query_row(virtual_tables, [], |row| row.get::<_, i64>(0)).map_err(damaged)? > 0 {
        return Err(SourceError::Foreign { file: name, missing: "it holds virtual tables".to_owned() });
    }
    let faults = integrity(&connection).map_err(damaged)?;
    if !faults.is_empty() {
        return Err(SourceError::Damaged { file: name, faults });
    }
    let (mut tables, mut strangers) = (BTreeMap::new(), BTreeMap::new());
    for table in table_names(&connection).map_err(damaged)? {
        if table.eq_ignore_ascii_case("status") || REQUIRED.iter().any(|(name, _)| table.eq_ignore_ascii_case(name)) {
            tables.insert(table.to_lowercase(), read_table(&connection, &table).map_err(damaged)?);
        } else {
            let count = format!("SELECT count(*) FROM {}", quoted(&table));
            let rows: i64 = connection.query_row(&count, [], |row| row.get(0)).map_err(damaged)?;
            strangers.insert(table, rows.unsigned_abs());
        }
    }
    recognise(&tables).map_err(|missing| SourceError::Foreign { file: name, missing })?;
    Ok(Source { file: copy.mark, tables, strangers })
}

/// Name, size and hash of a file that was read.
pub fn mark(name: &str, content: &[u8]) -> FileMark {
    FileMark { name: name.to_owned(), bytes: content.len() as u64, sha256: data_encoding::HEXLOWER.encode(&Sha256::digest(content)) }
}

struct PrivateCopy {
    /// Removes the copy when dropped.
    _folder: TempDir,
    database: PathBuf,
    mark: FileMark,
}

fn private_copy(path: &Path, name: &str) -> Result<PrivateCopy, SourceError> {
    let unreadable = |e: std::io::Error| SourceError::Unreadable(e.to_string());
    let content = fs_err::read(path).map_err(unreadable)?;
    if content.is_empty() {
        return Err(SourceError::Empty(name.to_owned()));
    }
    if !content.starts_with(MAGIC) {
        return Err(SourceError::NotSqlite(name.to_owned()));
    }
    let folder = tempfile::Builder::new()
        .prefix("eggmoney-import-")
        .permissions(std::fs::Permissions::from_mode(0o700))
        .tempdir()
        .map_err(unreadable)?;
    let database = folder.path().join("source.db");
    fs_err::write(&database, &content).map_err(unreadable)?;
    for suffix in ["-journal", "-wal"] {
        let mut beside = path.as_os_str().to_owned();
        beside.push(suffix);
        if let Ok(mut file) = fs_err::File::open(PathBuf::from(beside)) {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).map_err(unreadable)?;
            fs_err::write(folder.path().join(format!("source.db{suffix}")), bytes).map_err(unreadable)?;
        }
    }
    Ok(PrivateCopy { mark: mark(name, &content), _folder: folder, database })
}

/// Lets SQLite roll back a crashed write or take over a write-ahead log, in the copy.
fn recover(database: &Path) -> rusqlite::Result<()> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(database, flags)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    connection.query_row("PRAGMA journal_mode=DELETE", [], |_| Ok(()))
}

/// Faults that `integrity_check` finds in the file's structure. A NULL or a number of the wrong kind
/// in a column is a fault of that row, found and listed when the row is read.
fn integrity(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare("PRAGMA integrity_check(20)")?;
    let lines = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(lines.into_iter().filter(|line| line != "ok" && !line.contains(" value in ")).collect())
}

fn table_names(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name")?;
    statement.query_map([], |row| row.get(0))?.collect()
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn read_table(connection: &Connection, table: &str) -> rusqlite::Result<SourceTable> {
    let mut info = connection.prepare(&format!("PRAGMA table_info({})", quoted(table)))?;
    let columns = info.query_map([], |row| row.get::<_, String>(1))?.collect::<rusqlite::Result<Vec<_>>>()?;
    let list: Vec<_> = columns.iter().map(|c| quoted(c)).collect();
    let (list, name) = (list.join(", "), quoted(table));
    // A table without row numbers is read as it lies.
    let numbered = connection.prepare(&format!("SELECT rowid, {list} FROM {name} ORDER BY rowid"));
    let mut statement = match numbered {
        Ok(statement) => statement,
        Err(_) => connection.prepare(&format!("SELECT 0, {list} FROM {name}"))?,
    };
    let mut rows = statement.query([])?;
    let mut read = Vec::new();
    while let Some(row) = rows.next()? {
        let number = match row.get_ref(0)? {
            ValueRef::Integer(n) if n != 0 => n,
            _ => read.len() as i64 + 1,
        };
        let mut cells = BTreeMap::new();
        for (index, column) in columns.iter().enumerate() {
            cells.insert(column.to_lowercase(), cell(row.get_ref(index + 1)?));
        }
        read.push(SourceRow { number, cells });
    }
    Ok(SourceTable { columns: columns.iter().map(|c| c.to_lowercase()).collect(), rows: read })
}

fn cell(value: ValueRef<'_>) -> Cell {
    match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(i) => Cell::Integer(i),
        ValueRef::Real(r) => Cell::Real(r),
        ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Cell::Text(text.to_owned()),
            Err(_) => Cell::Bytes(bytes.to_vec()),
        },
        ValueRef::Blob(bytes) => Cell::Bytes(bytes.to_vec()),
    }
}

/// By tables and columns, never by a version: nothing records which upgrade scripts ran.
fn recognise(tables: &BTreeMap<String, SourceTable>) -> Result<(), String> {
    let mut missing = Vec::new();
    for (name, columns) in REQUIRED {
        let Some(table) = tables.get(name) else {
            missing.push(format!("the table {name} is missing"));
            continue;
        };
        for column in columns.iter().filter(|c| !table.has(c)) {
            missing.push(format!("the table {name} has no column {column}"));
        }
        if name == "history" && !table.has("trade_date") && !table.has("sell_date") {
            missing.push("the table history has neither a column trade_date nor sell_date".to_owned());
        }
    }
    if missing.is_empty() { Ok(()) } else { Err(missing.join("; ")) }
}

fn plain(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqliteFailure(code, Some(text)) => format!("{text} ({:?})", code.code),
        other => other.to_string(),
    }
}
