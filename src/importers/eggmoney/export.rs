//! The way back: an account in the form that the old program opens, at its newest layout. Nothing
//! secret is in it; what the old program has no place for is named.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::brought::{Brought, Standing};
use super::export_db;
use super::plan::Warning;
use super::rows::OldStatus;
use super::settle::account_row;
use crate::domain::account::{Account, AccountSettings};
use crate::domain::bot::{Bot, HistoryRow, Holding, Sheet};
use crate::domain::clock::kst_datetime;
use crate::domain::fact::{Event, Fact};
use crate::domain::id::AccountId;
use crate::domain::instrument::Market;
use crate::domain::ledger::Position;
use crate::domain::money::f64_from_decimal;
use crate::domain::schedule::{Schedule, Season, TimeRule};
use crate::quant::egg::number::cents;
use crate::storage::tables::{ACCOUNTS, BOTS, HISTORY, HOLDINGS, POSITIONS, SHEETS};
use crate::storage::{StoreError, UserView, account_key};

/// Why an export is refused. No file is then left behind.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error("{0} exists already: nothing is overwritten, choose another name or move it away")]
    Exists(String),
    #[error("database and settings need two different files, both are {0}")]
    SameFile(String),
    #[error("{0} cannot be written: {1}")]
    Unwritable(String, String),
    #[error("the database cannot be made: {0}")]
    Sqlite(#[from] rusqlite::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ExportError {
    /// What programs compare.
    pub fn code(&self) -> &'static str {
        match self {
            ExportError::Exists(_) => "file_exists",
            ExportError::SameFile(_) => "same_file",
            ExportError::Unwritable(..) => "file_unwritable",
            ExportError::Sqlite(_) => "export_failed",
            ExportError::Store(_) => "store",
        }
    }
}

/// What an export holds, and what it leaves out.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct ExportReport {
    pub account_name: String,
    /// Rows by the old program's tables.
    pub rows: BTreeMap<&'static str, usize>,
    /// What the old program has no place for, or what it does otherwise.
    pub notes: Vec<Warning>,
}

/// An account in the old program's terms.
#[derive(Clone, Debug)]
pub struct OldCopy {
    pub(super) bots: Vec<Bot>,
    pub(super) trades: Vec<Holding>,
    pub(super) history: Vec<HistoryRow>,
    pub(super) sheets: Vec<Sheet>,
    pub(super) status: Vec<OldStatus>,
    settings: Value,
    report: ExportReport,
}

impl OldCopy {
    /// Reads an account as it is now.
    ///
    /// # Errors
    /// `NotFound` when the user has no such account.
    pub fn read(view: &UserView<'_>, id: AccountId, now: Timestamp) -> Result<Self, StoreError> {
        let account: Account = view.get(&ACCOUNTS, &account_row(id))?.ok_or_else(|| StoreError::not_found("account"))?;
        let key = account_key(id);
        let facts = view.facts(id)?;
        let brought = Brought::of(&facts);
        let order = Order::of(&facts);
        let mut bots: Vec<Bot> = view.list(&BOTS, &key)?;
        bots.sort_by_key(|b| b.position);
        let (mut trades, mut sheets): (Vec<Holding>, Vec<Sheet>) = (view.list(&HOLDINGS, &key)?, view.list(&SHEETS, &key)?);
        if account.started_at.is_none() {
            // Nothing was traded here: what the import ended goes back as it came.
            let ended = |standing: &Standing| *standing == Standing::Ended;
            trades.extend(brought.holdings.iter().filter(|(_, s)| ended(s)).map(|(row, _)| row.clone()));
            sheets.extend(brought.sheets.iter().filter(|(_, s)| ended(s)).map(|(row, _)| row.clone()));
        }
        let mut history: Vec<HistoryRow> = view.list(&HISTORY, &key)?;
        trades.sort_by_key(|row| order.place(row.id.0));
        history.sort_by_key(|row| order.place(row.id.0));
        sheets.sort_by_key(|row| order.place(row.id.0));
        let mut copy = Self {
            bots,
            trades,
            history,
            sheets,
            status: brought.status(),
            settings: Value::Null,
            report: ExportReport { account_name: account.name.clone(), rows: BTreeMap::new(), notes: Vec::new() },
        };
        let positions: Vec<Position> = view.list(&POSITIONS, &key)?;
        copy.note_open_orders(view.open_orders(id)?.len());
        copy.note_own_shares(&positions, &account);
        copy.leave_out_korea();
        copy.note_bots();
        copy.note_history();
        copy.settings = copy.key_store(&account.settings, now);
        copy.report.rows =
            [("bot_info", copy.bots.len()), ("trade", copy.trades.len()), ("history", copy.history.len()), ("order", copy.sheets.len())]
                .into();
        Ok(copy)
    }

    pub fn report(&self) -> &ExportReport {
        &self.report
    }

    /// The settings file's content.
    pub fn key_store_json(&self) -> String {
        format!("{:#}\n", self.settings)
    }

    /// The database's content.
    ///
    /// # Errors
    /// `Sqlite`, `Unwritable`.
    pub fn database(&self) -> Result<Vec<u8>, ExportError> {
        let refused = |e: io::Error| ExportError::Unwritable("a temporary file".to_owned(), e.to_string());
        let file = tempfile::NamedTempFile::new().map_err(refused)?;
        export_db::write(self, file.path())?;
        fs_err::read(file.path()).map_err(refused)
    }

    /// Writes both files, or none.
    ///
    /// # Errors
    /// `Exists` naming the file that is already there, `SameFile`, `Unwritable`, `Sqlite`.
    pub fn write_files(&self, db: &Path, key_store: &Path) -> Result<(), ExportError> {
        if db == key_store {
            return Err(ExportError::SameFile(db.display().to_string()));
        }
        if let Some(there) = [db, key_store].into_iter().find(|path| path.symlink_metadata().is_ok()) {
            return Err(ExportError::Exists(there.display().to_string()));
        }
        let database = Draft::beside(db)?;
        export_db::write(self, database.file.path())?;
        let settings = Draft::beside(key_store)?;
        fs_err::write(settings.file.path(), self.key_store_json()).map_err(|e| settings.refused(&e))?;
        let written = database.keep()?;
        settings.keep().map(drop).inspect_err(|_| {
            if let Err(error) = fs_err::remove_file(&written) {
                tracing::warn!(%error, "half an export stays behind");
            }
        })
    }

    fn note<const N: usize>(&mut self, code: &'static str, subject: &str, values: [(&'static str, String); N], detail: impl Into<String>) {
        self.report.notes.push(Warning { code, subject: subject.to_owned(), detail: detail.into(), values: values.into() });
    }

    fn note_open_orders(&mut self, open: usize) {
        if open > 0 {
            let detail = format!("{open} orders are still open or not booked: export again when they have ended");
            self.note("orders_open", "orders", [("count", open.to_string())], detail);
        }
    }

    /// Shares that no bot holds: the old program knows none of those.
    fn note_own_shares(&mut self, positions: &[Position], account: &Account) {
        let imported = |sheet: &Sheet| account.imported.as_ref().is_some_and(|mark| sheet.opened_at <= mark.at);
        for position in positions.iter().filter(|p| p.market == Market::Us) {
            let held: f64 = self.trades.iter().filter(|t| !t.reserve && t.symbol == position.symbol).map(|t| t.quantity).sum();
            let sheets = self.sheets.iter().filter(|s| s.symbol == position.symbol && !imported(s));
            let filled: f64 = sheets.map(|s| s.fills().map(|f| f.quantity).sum::<f64>() * if s.kind.is_buy() { 1.0 } else { -1.0 }).sum();
            let own = f64_from_decimal(position.quantity) - held - filled;
            if own > 1e-6 {
                let detail = format!("{own} {} belong to no bot: the old program does not know them", position.symbol);
                self.note("own_shares", &position.symbol, [("quantity", own.to_string())], detail);
            }
        }
    }

    fn leave_out_korea(&mut self) {
        let korean: Vec<String> = self.bots.iter().filter(|b| b.market == Market::Krx).map(|b| b.name.clone()).collect();
        for name in &korean {
            self.note("korean_bot", name, [], "trades Korean shares, which the old program cannot: it and its history are left out");
        }
        self.bots.retain(|b| b.market == Market::Us);
        self.trades.retain(|t| t.market == Market::Us);
        self.history.retain(|h| h.market == Market::Us);
        self.sheets.retain(|s| s.market == Market::Us);
    }

    fn note_bots(&mut self) {
        for bot in self.bots.clone().iter().filter(|b| !b.legacy.is_empty()) {
            let columns: Vec<&str> = bot.legacy.keys().map(String::as_str).collect();
            let columns = columns.join(", ");
            let detail = format!("{columns}: no rule of the old program's last version reads these, they are left out");
            self.note("legacy_left_out", &bot.name, [("columns", columns)], detail);
        }
    }

    fn note_history(&mut self) {
        let unknown = self.history.iter().filter(|h| h.quantity.is_none()).count();
        if unknown > 0 {
            let detail = format!("{unknown} sales have no known number of shares and get 0, as the old program's own upgrade gave them");
            self.note("quantity_unknown", "history", [("count", unknown.to_string())], detail);
        }
    }

    fn key_store(&mut self, settings: &AccountSettings, now: Timestamp) -> Value {
        let mut keys = Map::new();
        let season = Season::at(now);
        let Schedule { decision, twap_start, twap_end, twap_count, closing_buy } = settings.schedule;
        let mut clock = |name: &str, rule: TimeRule, frozen: &[u32]| -> String {
            let time = kst_datetime(rule.instant(&season.sample_session())).time();
            let text = time.strftime("%H:%M").to_string();
            let values = [("setting", name.to_owned()), ("time", text.clone())];
            match rule {
                TimeRule::Kst { .. } => {}
                TimeRule::BeforeClose { minutes } if frozen.contains(&minutes) => {}
                TimeRule::AfterOpen { .. } | TimeRule::BeforeClose { .. } => {
                    let detail = format!("follows the exchange here; the old program gets the fixed Korean time {text} of this season");
                    self.note("time_fixed", name, values.clone(), detail);
                }
            }
            if time.hour() >= 12 {
                let detail =
                    format!("{text} lies before midnight in Korea, where the old program takes the wrong US day: set a later time there");
                self.note("before_midnight", name, values, detail);
            }
            text
        };
        keys.insert("TRADE_TIME".to_owned(), json!(clock("TRADE_TIME", decision, &[])));
        keys.insert("TWAP_TIME".to_owned(), json!([clock("TWAP_TIME", twap_start, &[]), clock("TWAP_TIME", twap_end, &[30])]));
        keys.insert("TWAP_COUNT".to_owned(), json!(twap_count));
        keys.insert("CLOSING_BUY_TIME".to_owned(), json!(clock("CLOSING_BUY_TIME", closing_buy, &[10])));
        if let Some(budget) = settings.total_budget {
            keys.insert("TOTAL_BUDGET".to_owned(), json!(budget));
        }
        keys.insert("AUTO_START".to_owned(), json!(settings.auto_start));
        keys.insert("AUTO_START_THRESHOLD".to_owned(), json!(settings.auto_start_threshold));
        if let Some(rate) = &settings.usd_krw {
            keys.insert("EXCHANGE_RATE".to_owned(), json!(rate.rate));
            keys.insert("EXCHANGE_RATE_TIME".to_owned(), json!(rate.at.as_millisecond() as f64 / 1000.0));
        }
        for (month, rate) in &settings.month_rates {
            keys.insert(format!("EXCHANGE_RATE_{}", month.replace('-', "_")), json!(rate));
        }
        Value::Object(keys)
    }
}

/// A file in the making, beside the place where it goes.
struct Draft {
    file: tempfile::NamedTempFile,
    target: PathBuf,
}

impl Draft {
    fn beside(target: &Path) -> Result<Self, ExportError> {
        let folder = target.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let file =
            tempfile::NamedTempFile::new_in(folder).map_err(|e| ExportError::Unwritable(target.display().to_string(), e.to_string()))?;
        Ok(Self { file, target: target.to_owned() })
    }

    fn refused(&self, error: &io::Error) -> ExportError {
        ExportError::Unwritable(self.target.display().to_string(), error.to_string())
    }

    /// Puts the file into its place, durable; a file that came there meanwhile stays.
    fn keep(self) -> Result<PathBuf, ExportError> {
        self.file.as_file().sync_all().map_err(|e| self.refused(&e))?;
        let shown = self.target.display().to_string();
        match self.file.persist_noclobber(&self.target) {
            Ok(_) => Ok(self.target),
            Err(e) if e.error.kind() == io::ErrorKind::AlreadyExists => Err(ExportError::Exists(shown)),
            Err(e) => Err(ExportError::Unwritable(shown, e.error.to_string())),
        }
    }
}

/// The order in which an account's rows came to be: what the old program's row numbers told.
struct Order(BTreeMap<Uuid, usize>);

impl Order {
    fn of(facts: &[Fact]) -> Self {
        let mut places = BTreeMap::new();
        let mut add = |id: Uuid| {
            let next = places.len();
            places.entry(id).or_insert(next);
        };
        for fact in facts {
            match &fact.event {
                Event::OpeningHolding { holding } => add(holding.id.0),
                Event::OpeningHistory { row } | Event::HistoryAdded { row, .. } => add(row.id.0),
                Event::OpeningSheet { sheet } | Event::SheetPut { sheet } => add(sheet.id.0),
                Event::HoldingCorrected { holding_id, .. } => add(holding_id.0),
                Event::Booked { booking } => {
                    if let Some(holding) = &booking.holding_after {
                        add(holding.id.0);
                    }
                    add(booking.history.id.0);
                }
                _ => {}
            }
        }
        Self(places)
    }

    fn place(&self, id: Uuid) -> usize {
        self.0.get(&id).copied().unwrap_or(usize::MAX)
    }
}

/// The old program's notation of a profit rate: percent to two decimals, kept as a fraction of two.
pub(super) fn coarse_rate(rate: f64) -> f64 {
    cents(cents(rate * 100.0) / 100.0)
}

/// Keys that rows of a table must not share; a row that would is moved by a microsecond.
#[derive(Default)]
pub(super) struct Keys(BTreeSet<(i64, String)>);

impl Keys {
    /// The first instant from `at` on, in whole microseconds, that is free for this key.
    pub fn free(&mut self, at: Timestamp, key: &str) -> Timestamp {
        let mut at = Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at);
        while !self.0.insert((at.as_microsecond(), key.to_owned())) {
            at = at.saturating_add(SignedDuration::from_micros(1)).unwrap_or(at);
        }
        at
    }
}
