//! Turns what was read from an old server into one account: nothing is decided silently, and what
//! has no place here is named.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::Value;

use super::cycles::{CycleStart, Cycles};
use super::dotenv::OldEnv;
use super::ids::row_id;
use super::key_store::OldSettings;
use super::rows::{Fault, OldBot, OldHistory, OldRows, OldSheet, OldStatus, OldTrade};
use super::schedule;
use super::source::FileMark;
use super::value::OldTime;
use crate::domain::account::{AccountSettings, Unsettled};
use crate::domain::bot::{Bot, HistoryRow, Holding, Sheet, TradeKind};
use crate::domain::clock::{from_kst, kst_datetime};
use crate::domain::id::{AccountId, BotId, HoldingId, SheetId};
use crate::domain::instrument::{Instrument, Market};
use crate::domain::money::{Currency, decimal_from_f64};
use crate::domain::order::Environment;
use crate::quant::egg::number::cents;

/// Name of an account's reserve row.
pub const RESERVE: &str = "RP";
/// Columns of behaviour that no longer exists; a bot that relied on it behaves differently now.
const GONE: [&str; 3] = ["dynamic_seed_enabled", "is_short_mode", "reverse_mode"];
/// Until this Korean moment a partial sale put its whole profit into added_seed.
const FULL_PROFIT_UNTIL: jiff::civil::DateTime = jiff::civil::date(2026, 1, 13).at(0, 0, 0, 0);

/// Everything that was read from one old server.
#[derive(Debug)]
pub struct OldAccount {
    pub db: FileMark,
    pub rows: OldRows,
    /// Tables that are not the old program's, with their number of rows.
    pub strangers: BTreeMap<String, u64>,
    pub settings: Option<(FileMark, OldSettings)>,
    pub env: Option<(FileMark, OldEnv)>,
}

impl OldAccount {
    /// The account's name on the old server: from the environment file, else from the file's name.
    pub fn admin(&self) -> Option<&str> {
        self.env.as_ref().and_then(|(_, env)| env.admin.as_deref()).or_else(|| self.file_account())
    }

    /// The account's name in the database's file name.
    fn file_account(&self) -> Option<&str> {
        self.db.name.strip_prefix("egg_").and_then(|n| n.strip_suffix(".db")).filter(|n| !n.is_empty())
    }

    /// Everything that could not be read, from all files.
    pub fn faults(&self) -> Vec<Fault> {
        let settings = self.settings.iter().flat_map(|(_, s)| &s.faults);
        let env = self.env.iter().flat_map(|(_, e)| &e.faults);
        self.rows.faults.iter().chain(settings).chain(env).cloned().collect()
    }
}

/// Something that the owner should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Warning {
    pub code: &'static str,
    /// What it is about: a bot, a setting, a table.
    pub subject: String,
    pub detail: String,
    /// What the detail quotes, by name.
    pub values: BTreeMap<&'static str, String>,
}

/// Something that has no place here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Unplaced {
    /// File or table.
    pub source: String,
    pub name: String,
    /// What kind of thing it is.
    pub code: &'static str,
    /// How many rows or values it holds.
    pub count: Option<u64>,
    pub detail: String,
}

/// A question as a report shows it, with what it is about. Times are in the old notation.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Unbooked {
    /// A sheet holds fills that never reached the old books.
    UnbookedFills {
        #[schema(value_type = uuid::Uuid)]
        sheet_id: SheetId,
        name: String,
        symbol: String,
        kind: TradeKind,
        /// How many slices were filled.
        fills: usize,
        quantity: f64,
        /// USD.
        total: f64,
        slices_left: i64,
        opened: String,
    },
    /// One bot has several open positions.
    DuplicateHoldings {
        name: String,
        rows: Vec<OpenRow>,
        /// The position that they would become.
        merged: MergedRow,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct OpenRow {
    pub symbol: String,
    pub amount: f64,
    pub price: f64,
    pub total: f64,
    pub date_added: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct MergedRow {
    pub amount: f64,
    pub total: f64,
    pub price: f64,
    pub date_added: Option<String>,
}

impl Unbooked {
    /// Whether it is about this open question.
    pub fn is_about(&self, open: &Unsettled) -> bool {
        match (self, open) {
            (Self::UnbookedFills { sheet_id, .. }, Unsettled::UnbookedFills { sheet_id: asked, .. }) => sheet_id == asked,
            (Self::DuplicateHoldings { name, .. }, Unsettled::DuplicateHoldings { name: asked, .. }) => name == asked,
            _ => false,
        }
    }
}

/// One account, ready to be written.
#[derive(Clone, Debug)]
pub struct Plan {
    pub settings: AccountSettings,
    pub environment: Environment,
    pub bots: Vec<Bot>,
    pub holdings: Vec<Holding>,
    /// Holdings without shares: brought along as facts, then closed.
    pub empty: Vec<HoldingId>,
    pub history: Vec<HistoryRow>,
    pub sheets: Vec<Sheet>,
    pub cash: Vec<(Currency, Decimal, String)>,
    pub unsettled: Vec<Unsettled>,
    pub warnings: Vec<Warning>,
    pub unplaced: Vec<Unplaced>,
    /// The open questions with what they are about, for people.
    pub unbooked: Vec<Unbooked>,
}

/// What the owner chose.
#[derive(Clone, Copy, Debug)]
pub struct Choices {
    /// Daily sync of the average-price condition; `None` = as the old account's name says.
    pub bot_sync: Option<bool>,
    /// The frozen summer and winter times follow the close.
    pub session_relative: bool,
}

/// Makes the plan. Ids follow from the account and the row, so the same file gives the same plan.
pub fn plan(account: AccountId, old: &OldAccount, choices: Choices) -> Plan {
    let mut plan = Plan {
        settings: AccountSettings::new(),
        environment: old.env.as_ref().and_then(|(_, e)| e.environment).unwrap_or(Environment::Live),
        bots: Vec::new(),
        holdings: Vec::new(),
        empty: Vec::new(),
        history: Vec::new(),
        sheets: Vec::new(),
        cash: old.rows.status.iter().flatten().enumerate().flat_map(|(i, s)| cash(i + 1, s)).collect(),
        unsettled: Vec::new(),
        warnings: Vec::new(),
        unplaced: Vec::new(),
        unbooked: Vec::new(),
    };
    plan.take_settings(old, choices);
    plan.take_bots(account, &old.rows);
    plan.take_holdings(account, &old.rows);
    plan.take_history(account, &old.rows);
    plan.take_sheets(account, &old.rows.sheets);
    plan.list_unplaced(old);
    plan
}

/// Tells rows of equal keys apart: tables rebuilt by scripts have no primary key.
#[derive(Default)]
struct Ordinals(BTreeMap<String, u32>);

impl Ordinals {
    fn next(&mut self, key: &[&str]) -> String {
        let count = self.0.entry(key.join("\u{0}")).or_default();
        *count += 1;
        count.to_string()
    }
}

impl Plan {
    fn warn(&mut self, code: &'static str, subject: &str, detail: impl Into<String>) {
        self.warn_with(code, subject, [], detail);
    }

    /// A warning whose sentence quotes something.
    fn warn_with<const N: usize>(
        &mut self,
        code: &'static str,
        subject: &str,
        values: [(&'static str, String); N],
        detail: impl Into<String>,
    ) {
        self.warnings.push(Warning { code, subject: subject.to_owned(), detail: detail.into(), values: values.into() });
    }

    fn bot_id(&self, name: &str) -> Option<BotId> {
        self.bots.iter().find(|b| b.name == name).map(|b| b.id)
    }

    fn take_settings(&mut self, old: &OldAccount, choices: Choices) {
        match &old.settings {
            Some((_, settings)) => {
                let (schedule, notes) = schedule::proposed(Some(settings), choices.session_relative);
                self.settings.schedule = schedule;
                for note in notes {
                    let values = note.values.into_iter().chain([("note", note.code.to_owned())]).collect();
                    self.warnings.push(Warning { code: "schedule", subject: "key_store.json".to_owned(), detail: note.text, values });
                }
                self.settings.total_budget = settings.total_budget;
                self.settings.auto_start = settings.auto_start.unwrap_or(false);
                if let Some(threshold) = settings.auto_start_threshold {
                    self.settings.auto_start_threshold = threshold;
                } else if self.settings.auto_start {
                    self.warn(
                        "auto_start_threshold",
                        "AUTO_START_THRESHOLD",
                        "the file has no limit for automatic starts; the old program had it fixed at one third, later at one half of the turns. One half is used",
                    );
                }
                self.settings.month_rates = settings.month_rates.clone();
                self.settings.usd_krw = settings.usd_krw.clone();
            }
            None => self.warn(
                "no_key_store",
                "key_store.json",
                "no settings file was given: times, budget, automatic start and exchange rates begin with defaults",
            ),
        }
        match &old.env {
            Some((_, env)) => {
                self.settings.telegram_chat = env.telegram_chat.clone();
                if !env.live {
                    self.warn("test_data", ".env", "IS_TEST is not 'false': the old server ran in test mode, so these may be test data");
                }
                if env.app_key.is_none() {
                    self.warn("no_broker_key", ".env", "the file holds no broker key: enter one before the account is started");
                }
            }
            None => {
                self.warn(
                    "no_env",
                    ".env",
                    "no .env was given: enter the broker key and the Telegram chat by hand; a live account is assumed",
                );
            }
        }
        let file_account = old.file_account();
        if let (Some(admin), Some(file)) = (old.admin(), file_account)
            && admin != file
        {
            self.warn_with(
                "files_differ",
                ".env",
                [("account", admin.to_owned()), ("file", old.db.name.clone())],
                format!("the .env is of '{admin}', the database is called {}: are they of the same server?", old.db.name),
            );
        }
        self.settings.bot_sync = choices.bot_sync.unwrap_or(old.admin() != Some("sk"));
        if !self.settings.bot_sync && choices.bot_sync.is_none() {
            self.warn("bot_sync_off", "sk", "the old program exempted this account from the daily sync; it stays off, please confirm");
        }
    }

    fn take_bots(&mut self, account: AccountId, rows: &OldRows) {
        for (position, old) in (0..).zip(&rows.bots) {
            let name = old.name.as_str();
            for column in GONE.iter().filter(|c| is_on(old.legacy.get(**c))) {
                self.warn_with(
                    "behaviour_gone",
                    name,
                    [("column", (*column).to_owned())],
                    format!("{column} is on in the old data; that behaviour no longer exists"),
                );
            }
            if old.condition_from_columns
                && let Some(condition) = old.closing_conditions.first()
            {
                let (drop, share) = (cents(condition.drop_rate * 100.0), cents(condition.seed_rate * 100.0));
                self.warn_with(
                    "closing_condition",
                    name,
                    [("drop", drop.to_string()), ("share", share.to_string())],
                    format!(
                        "the closing buy of the old layout became a condition: from a fall of {drop} % for {share} % of the seed. A new bot has none"
                    ),
                );
            }
            if old.trailing_mode && !old.trailing_enabled {
                self.warn(
                    "trailing_stuck",
                    name,
                    "its trailing stop is running although trailing is switched off: it would never sell and buy a third of its seed daily. Check it before the account is started",
                );
            }
            if old.added_seed != 0.0 && full_profit_was_added(old, &rows.history) {
                self.warn_with(
                    "added_seed",
                    name,
                    [("amount", cents(old.added_seed).to_string())],
                    format!(
                        "its added seed of {} was partly built when whole profits of partial sales were added, not a tenth",
                        cents(old.added_seed)
                    ),
                );
            }
            if old.added_seed < 0.0 {
                self.warn_with(
                    "added_seed_negative",
                    name,
                    [("amount", cents(old.added_seed).to_string())],
                    format!("its added seed is {}: buys are smaller than the seed", cents(old.added_seed)),
                );
            }
            if Instrument::parse_us_ticker(&old.symbol).as_deref() != Ok(&old.symbol) {
                self.warn_with("symbol", name, [("symbol", old.symbol.clone())], format!("'{}' is not a US ticker", old.symbol));
            }
            self.bots.push(bot(account, position, old));
        }
    }

    fn take_holdings(&mut self, account: AccountId, rows: &OldRows) {
        let mut ordinals = Ordinals::default();
        for old in &rows.trades {
            let ordinal = ordinals.next(&[&old.name, &old.symbol, &old.started.text]);
            let parts = ["trade", &old.name, &old.symbol, &old.started.text, &ordinal];
            let reserve = old.name == RESERVE;
            let bot = rows.bots.iter().find(|b| b.name == old.name);
            let holding = Holding {
                id: row_id(account, old.started.at, &parts).into(),
                bot_id: self.bot_id(&old.name).filter(|_| !reserve),
                name: old.name.clone(),
                market: Market::Us,
                symbol: old.symbol.clone(),
                quantity: old.amount,
                average_price: old.price,
                total_cost: old.total,
                last_kind: old.kind,
                cycle_start: old.started.at,
                last_trade_at: old.last.at,
                reserve,
            };
            if old.amount == 0.0 && !reserve {
                self.warn("empty_position", &old.name, "a position without shares was closed");
                self.empty.push(holding.id);
            } else if bot.is_none() && !reserve {
                let values = [("quantity", old.amount.to_string()), ("symbol", old.symbol.clone())];
                let detail = format!("{} {} belong to no bot: nothing here will sell them", old.amount, old.symbol);
                self.warn_with("orphan", &old.name, values, detail);
            }
            if let Some(bot) = bot.filter(|b| b.symbol != old.symbol && !reserve) {
                let values = [("held", old.symbol.clone()), ("traded", bot.symbol.clone())];
                let detail = format!("the position is in {}, the bot trades {}", old.symbol, bot.symbol);
                self.warn_with("symbol_differs", &old.name, values, detail);
            }
            self.holdings.push(holding);
        }
        let mut names: Vec<&str> = rows.trades.iter().map(|t| t.name.as_str()).filter(|n| *n != RESERVE).collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            let held: Vec<&OldTrade> = rows.trades.iter().filter(|t| t.name == name && t.amount > 0.0).collect();
            if held.len() > 1 {
                self.ask_duplicates(name, &held);
            }
        }
    }

    fn ask_duplicates(&mut self, name: &str, held: &[&OldTrade]) {
        let amount: f64 = held.iter().map(|t| t.amount).sum();
        let total: f64 = held.iter().map(|t| t.total).sum();
        let start = held.iter().map(|t| &t.started).min_by_key(|t| t.at);
        self.unsettled.push(Unsettled::DuplicateHoldings { name: name.to_owned(), rows: u32::try_from(held.len()).unwrap_or(u32::MAX) });
        self.unbooked.push(Unbooked::DuplicateHoldings {
            name: name.to_owned(),
            rows: held
                .iter()
                .map(|t| OpenRow {
                    symbol: t.symbol.clone(),
                    amount: t.amount,
                    price: t.price,
                    total: t.total,
                    date_added: t.started.text.clone(),
                })
                .collect(),
            merged: MergedRow { amount, total, price: cents(total / amount), date_added: start.map(|t| t.text.clone()) },
        });
    }

    fn take_history(&mut self, account: AccountId, rows: &OldRows) {
        let cycles = Cycles::new(&rows.history, &rows.trades);
        let mut ordinals = Ordinals::default();
        let (mut derived, mut unknown_amount, mut zero_amount, mut moved, mut unknown_cycle) = (0, 0, 0, 0, 0);
        for old in &rows.history {
            let key = [&old.started.text, &old.traded.text, old.kind.name(), &old.name];
            let ordinal = ordinals.next(&key);
            let [a, b, c, d] = key;
            let (quantity, quantity_derived) = quantity(old);
            derived += u32::from(quantity_derived);
            unknown_amount += u32::from(quantity.is_none());
            zero_amount += u32::from(quantity == Some(0.0) && old.profit != 0.0);
            let (cycle_start, original_cycle_start) = match cycles.start_of(old) {
                CycleStart::Stored => (old.started.at, None),
                CycleStart::Derived(start) => {
                    moved += 1;
                    (start, Some(old.started.at))
                }
                CycleStart::Unknown => {
                    unknown_cycle += 1;
                    (old.started.at, None)
                }
            };
            self.history.push(HistoryRow {
                id: row_id(account, old.traded.at, &["history", a, b, c, d, &ordinal]).into(),
                bot_id: self.bot_id(&old.name),
                name: old.name.clone(),
                market: Market::Us,
                symbol: old.symbol.clone(),
                kind: old.kind,
                cycle_start,
                traded_at: old.traded.at,
                quantity,
                quantity_derived,
                buy_price: old.buy_price,
                sell_price: old.sell_price,
                profit: old.profit,
                profit_rate: profit_rate(old),
                original_cycle_start,
            });
        }
        for (code, count, detail) in [
            ("quantity_derived", derived, "sales have no number of shares in the file; it was computed from profit and prices"),
            ("quantity_unknown", unknown_amount, "sales at the buying price have no number of shares; none can be computed"),
            ("quantity_zero", zero_amount, "sales with a profit have zero shares in the file, as an upgrade script left them"),
            (
                "cycle_derived",
                moved,
                "buys of December 2025 and January 2026 were put into the cycle that was open; the file's own date is kept",
            ),
            ("cycle_unknown", unknown_cycle, "buys of December 2025 and January 2026 fit into no known cycle and keep their own date"),
        ] {
            if count > 0 {
                self.warn_with(code, "history", [("count", count.to_string())], format!("{count} {detail}"));
            }
        }
    }

    fn take_sheets(&mut self, account: AccountId, sheets: &[OldSheet]) {
        for old in sheets {
            let id = row_id(account, old.opened.at, &["order", &old.name]).into();
            let sheet = Sheet {
                id,
                bot_id: self.bot_id(&old.name),
                name: old.name.clone(),
                market: Market::Us,
                symbol: old.symbol.clone(),
                kind: old.kind,
                session: trading_date(&old.opened),
                opened_at: old.opened.at,
                slices_left: old.slices_left,
                slices_total: old.slices_total,
                remaining: old.remaining,
                total: old.total,
                results: old.results.clone(),
            };
            let (fills, quantity, total) = sheet.fills().fold((0, 0.0, 0.0), |(n, q, t), f| (n + 1, q + f.quantity, t + f.total));
            if quantity > 0.0 {
                self.unsettled.push(Unsettled::UnbookedFills { sheet_id: id, name: old.name.clone(), quantity, total });
                self.unbooked.push(Unbooked::UnbookedFills {
                    sheet_id: id,
                    name: old.name.clone(),
                    symbol: old.symbol.clone(),
                    kind: old.kind,
                    fills,
                    quantity,
                    total,
                    slices_left: old.slices_left,
                    opened: old.opened.text.clone(),
                });
            } else {
                self.warn("sheet_ended", &old.name, "a sliced order without fills was in flight; it is not carried on here");
            }
            self.sheets.push(sheet);
        }
    }

    fn list_unplaced(&mut self, old: &OldAccount) {
        let mut add = |source: &str, name: &str, code, count: Option<u64>, detail: String| {
            self.unplaced.push(Unplaced { source: source.to_owned(), name: name.to_owned(), code, count, detail });
        };
        for (table, rows) in &old.strangers {
            add(&old.db.name, table, "table", Some(*rows), format!("a table with {rows} rows that no version of the old program had"));
        }
        for (table, column, filled) in &old.rows.extra_columns {
            add(
                table,
                column,
                "column",
                u64::try_from(*filled).ok(),
                format!("a column with {filled} values that no version of the old program had"),
            );
        }
        for key in old.settings.iter().flat_map(|(_, s)| &s.unknown) {
            add("key_store.json", key, "setting", None, "a setting that no version of the old program had".to_owned());
        }
        for key in old.env.iter().flat_map(|(_, e)| &e.unknown) {
            add(".env", key, "env_key", None, "a key that no version of the old program had".to_owned());
        }
    }
}

fn is_on(value: Option<&Value>) -> bool {
    match value {
        Some(Value::Number(n)) => n.as_f64() != Some(0.0),
        Some(Value::Bool(on)) => *on,
        Some(Value::String(text)) => text == "1" || text.eq_ignore_ascii_case("true"),
        _ => false,
    }
}

/// The bot has partial sales of the present cycle from the time when their whole profit was added.
fn full_profit_was_added(bot: &OldBot, history: &[OldHistory]) -> bool {
    let sells = || history.iter().filter(|h| h.name == bot.name && h.kind.is_sell());
    let sold_out = sells().filter(|h| h.kind == TradeKind::Sell).map(|h| h.traded.at).max();
    sells().any(|h| h.kind.is_partial_sell() && sold_out.is_none_or(|at| h.traded.at > at) && h.traded.at < from_kst(FULL_PROFIT_UNTIL))
}

fn bot(account: AccountId, position: u32, old: &OldBot) -> Bot {
    Bot {
        id: row_id(account, Timestamp::UNIX_EPOCH, &["bot_info", &old.name]).into(),
        account_id: account,
        name: old.name.clone(),
        market: Market::Us,
        symbol: old.symbol.clone(),
        position,
        version: 1,
        active: old.active,
        seed: old.seed,
        profit_rate: old.profit_rate,
        t_div: old.t_div,
        max_tier: old.max_tier,
        buy_below_average: old.buy_below_average,
        buy_below_point: old.buy_below_point,
        point_curve: old.point_curve,
        skip_sell: old.skip_sell,
        closing_conditions: old.closing_conditions.clone(),
        sell_cooldown_days: old.sell_cooldown_days,
        sell_cooldown_loss_only: old.sell_cooldown_loss_only,
        trailing_enabled: old.trailing_enabled,
        trailing_t_threshold: old.trailing_t_threshold,
        trailing_stop_pct: old.trailing_stop_pct,
        trailing_floor_rate: old.trailing_floor_rate,
        added_seed: old.added_seed,
        trailing_mode: old.trailing_mode,
        trailing_high_watermark: old.trailing_high_watermark,
        trailing_stop: old.trailing_stop,
        legacy: old.legacy.clone(),
    }
}

/// The recorded number of shares, else the one that profit and prices imply, as the old upgrade
/// script computed it: `round(profit / (sell − buy))`.
fn quantity(old: &OldHistory) -> (Option<f64>, bool) {
    if old.amount.is_some() {
        return (old.amount, false);
    }
    let derived = (old.profit / (old.sell_price - old.buy_price)).round_ties_even();
    let good = old.sell_price != old.buy_price && derived.is_finite() && derived > 0.0;
    (good.then_some(derived), good)
}

/// The old file has the rate in steps of one percent; the prices give it exactly, where they agree.
fn profit_rate(old: &OldHistory) -> f64 {
    if !old.kind.is_sell() || old.buy_price <= 0.0 {
        return old.profit_rate;
    }
    let exact = (old.sell_price - old.buy_price) / old.buy_price;
    if (exact - old.profit_rate).abs() <= 0.0051 { exact } else { old.profit_rate }
}

/// A US trading date lasts from noon to noon in Korea.
fn trading_date(opened: &OldTime) -> jiff::civil::Date {
    kst_datetime(opened.at).saturating_sub(jiff::SignedDuration::from_hours(12)).date()
}

/// A row of sums: four facts, zeros included, so that the row can be told from no row.
fn cash(row: usize, old: &OldStatus) -> Vec<(Currency, Decimal, String)> {
    [
        (Currency::Krw, old.deposit_won, DEPOSITS),
        (Currency::Usd, old.deposit_dollar, DEPOSITS),
        (Currency::Krw, -old.withdraw_won, WITHDRAWALS),
        (Currency::Usd, -old.withdraw_dollar, WITHDRAWALS),
    ]
    .into_iter()
    .map(|(currency, amount, what)| (currency, decimal_from_f64(amount).unwrap_or_default(), format!("{what}, row {row}: total, no dates")))
    .collect()
}

/// Whether a sheet has anything to settle; one that has not ends with the import.
pub fn has_fills(sheet: &Sheet) -> bool {
    sheet.fills().any(|f| f.quantity > 0.0)
}

/// Beginning of the note of a sum of deposits.
pub const DEPOSITS: &str = "deposits";
/// Beginning of the note of a sum of withdrawals.
pub const WITHDRAWALS: &str = "withdrawals";
