//! Writes one planned account and reads it back. Everything of an import happens in one transaction:
//! facts, folds, bots, secrets and the audit row are there together or not at all.

use jiff::Timestamp;
use rust_decimal::Decimal;
use secrecy::SecretString;

use super::dotenv::OldEnv;
use super::plan::{DEPOSITS, Plan};
use super::rows::OldStatus;
use super::summary::{BotLine, HistoryLine, Lines, Notation, SheetLine, TradeLine, of_lines};
use crate::auth::{Vault, VaultError};
use crate::domain::bot::{Bot, HistoryRow, Holding, Sheet};
use crate::domain::fact::{Actor, Event, Fact, SheetEnd};
use crate::domain::id::{AccountId, UserId};
use crate::domain::ledger::Position;
use crate::domain::money::{Currency, f64_from_decimal};
use crate::storage::tables::secret;
use crate::storage::tables::{BOTS, HISTORY, HOLDINGS, JOURNAL, POSITIONS, SHEETS, UserTable};
use crate::storage::{Key, Record, StoreError, Tx, UserTx, UserView, account_key};

/// Appends the facts of a plan and stores its bots.
pub fn write(tx: &mut UserTx<'_>, account: AccountId, plan: &Plan, at: Timestamp) -> Result<(), StoreError> {
    let holdings = plan.holdings.iter().map(|holding| Event::OpeningHolding { holding: holding.clone() });
    let closed = plan.empty.iter().map(|id| Event::HoldingCorrected {
        holding_id: *id,
        after: None,
        note: "a position without shares in the old data".to_owned(),
    });
    let history = plan.history.iter().map(|row| Event::OpeningHistory { row: row.clone() });
    let sheets = plan.sheets.iter().map(|sheet| Event::OpeningSheet { sheet: sheet.clone() });
    // A sheet without fills has nothing to settle, and an imported sheet is never carried on.
    let ended = plan
        .sheets
        .iter()
        .filter(|s| s.fills().all(|f| f.quantity <= 0.0))
        .map(|sheet| Event::SheetClosed { sheet_id: sheet.id, reason: SheetEnd::Outdated });
    let cash =
        plan.cash.iter().map(|(currency, amount, note)| Event::OpeningCash { currency: *currency, amount: *amount, note: note.clone() });
    let events = holdings.chain(closed).chain(history).chain(sheets).chain(ended).chain(cash).collect();
    tx.record(account, at, Actor::Import, events)?;
    for bot in &plan.bots {
        tx.put(&BOTS, &account_key(account).id(bot.id.as_bytes()), bot)?;
    }
    Ok(())
}

/// Removes all rows of an import that has no facts of its own.
pub fn clear(tx: &mut UserTx<'_>, account: AccountId) -> Result<(), StoreError> {
    let key = || account_key(account);
    remove_all(tx, &JOURNAL, &key(), |fact: &Fact| key().u64(fact.seq))?;
    remove_all(tx, &HOLDINGS, &key(), |row: &Holding| key().id(row.id.as_bytes()))?;
    remove_all(tx, &HISTORY, &key(), |row: &HistoryRow| key().id(row.id.as_bytes()))?;
    remove_all(tx, &SHEETS, &key(), |row: &Sheet| key().id(row.id.as_bytes()))?;
    remove_all(tx, &BOTS, &key(), |row: &Bot| key().id(row.id.as_bytes()))?;
    remove_all(tx, &POSITIONS, &key(), |row: &Position| key().text(row.market.code()).text(&row.symbol))
}

fn remove_all<R: Record>(tx: &mut UserTx<'_>, table: &UserTable<R>, prefix: &Key, key: impl Fn(&R) -> Key) -> Result<(), StoreError> {
    for row in tx.list(table, prefix)? {
        tx.remove(table, &key(&row))?;
    }
    Ok(())
}

/// Seals what the environment file holds and claims the broker key for the account.
pub fn seal(tx: &mut Tx<'_>, vault: &Vault, user: UserId, account: AccountId, env: &OldEnv) -> Result<(), VaultError> {
    if let Some(app_key) = &env.app_key {
        let before = vault.open(&tx.view().user(user), account, secret::APP_KEY)?;
        if let Some(before) = before {
            vault.release_app_key(tx, user, account, &before)?;
        }
        vault.claim_app_key(tx, user, account, app_key)?;
    }
    let default_product = env.cano.as_ref().map(|_| SecretString::from("01"));
    let mut rows = tx.user(user);
    if env.app_key.is_some() {
        vault.remove(&mut rows, account, secret::TOKEN)?;
    }
    for (kind, value) in [
        (secret::APP_KEY, &env.app_key),
        (secret::APP_SECRET, &env.app_secret),
        (secret::CANO, &env.cano),
        (secret::PRODUCT, if env.product.is_some() { &env.product } else { &default_product }),
        (secret::TELEGRAM_TOKEN, &env.telegram_token),
    ] {
        if let Some(value) = value {
            vault.seal_into(&mut rows, account, kind, value)?;
        }
    }
    Ok(())
}

/// Where the rows of an import are read back from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// The rows that the facts have made, right after the import.
    Folds,
    /// The opening facts: the account may have gone on since.
    Facts,
}

/// The summary of what an import brought, computed from the store in the order of its facts.
///
/// # Errors
/// `Corrupt` when an opening fact has left no row and was not closed either.
pub fn read_back(
    view: &UserView<'_>,
    account: AccountId,
    reading: Reading,
    notation: &Notation,
    has_status: bool,
) -> Result<serde_json::Value, StoreError> {
    let mut stored = Stored::default();
    let mut bots = view.list(&BOTS, &account_key(account))?;
    bots.sort_by_key(|b| b.position);
    let facts = view.facts(account)?;
    let closed: Vec<_> = facts
        .iter()
        .filter_map(|fact| match &fact.event {
            Event::HoldingCorrected { holding_id, after: None, .. } => Some(holding_id.0),
            Event::SheetClosed { sheet_id, .. } => Some(sheet_id.0),
            _ => None,
        })
        .collect();
    for fact in &facts {
        match &fact.event {
            Event::OpeningHolding { holding } => {
                let key = account_key(account).id(holding.id.as_bytes());
                stored.holdings.push(folded(reading, view.get(&HOLDINGS, &key)?, holding, closed.contains(&holding.id.0))?);
            }
            Event::OpeningHistory { row } => {
                let key = account_key(account).id(row.id.as_bytes());
                stored.history.push(folded(reading, view.get(&HISTORY, &key)?, row, false)?);
            }
            Event::OpeningSheet { sheet } => {
                let key = account_key(account).id(sheet.id.as_bytes());
                stored.sheets.push(folded(reading, view.get(&SHEETS, &key)?, sheet, closed.contains(&sheet.id.0))?);
            }
            Event::OpeningCash { currency, amount, note } => stored.add_cash(*currency, *amount, note),
            _ => {}
        }
    }
    Ok(stored.summary(&bots, notation, has_status))
}

fn folded<R: Record + Clone>(reading: Reading, row: Option<R>, fact: &R, closed: bool) -> Result<R, StoreError> {
    match row {
        _ if reading == Reading::Facts => Ok(fact.clone()),
        Some(row) => Ok(row),
        None if closed => Ok(fact.clone()),
        None => Err(StoreError::Corrupt(format!("an imported {} is missing", R::NAME))),
    }
}

#[derive(Default)]
struct Stored {
    holdings: Vec<Holding>,
    history: Vec<HistoryRow>,
    sheets: Vec<Sheet>,
    status: Vec<OldStatus>,
}

impl Stored {
    fn add_cash(&mut self, currency: Currency, amount: Decimal, note: &str) {
        let deposit = note.starts_with(DEPOSITS);
        // A row begins with its deposits in won.
        if deposit && currency == Currency::Krw {
            self.status.push(OldStatus { deposit_won: 0.0, deposit_dollar: 0.0, withdraw_won: 0.0, withdraw_dollar: 0.0 });
        }
        let Some(row) = self.status.last_mut() else { return };
        let amount = f64_from_decimal(amount);
        match (deposit, currency) {
            (true, Currency::Krw) => row.deposit_won = amount,
            (true, Currency::Usd) => row.deposit_dollar = amount,
            (false, Currency::Krw) => row.withdraw_won = -amount,
            (false, Currency::Usd) => row.withdraw_dollar = -amount,
        }
    }

    fn summary(self, bots: &[Bot], notation: &Notation, has_status: bool) -> serde_json::Value {
        let lines = Lines {
            bots: bots.iter().map(|b| BotLine { name: &b.name, seed: b.seed, added_seed: b.added_seed, active: b.active }).collect(),
            history: self
                .history
                .iter()
                .map(|h| HistoryLine {
                    name: &h.name,
                    kind: h.kind,
                    // Sells are grouped by the cycle that the file gave them.
                    started: h.original_cycle_start.unwrap_or(h.cycle_start),
                    traded: h.traded_at,
                    amount: h.quantity.filter(|_| !h.quantity_derived),
                    profit: h.profit,
                })
                .collect(),
            sheets: self
                .sheets
                .iter()
                .map(|s| SheetLine { name: &s.name, remaining: s.remaining, total: s.total, results: &s.results })
                .collect(),
            trades: self
                .holdings
                .iter()
                .map(|h| TradeLine {
                    name: &h.name,
                    started: h.cycle_start,
                    amount: h.quantity,
                    price: h.average_price,
                    total: h.total_cost,
                })
                .collect(),
            status: has_status.then_some(self.status),
        };
        of_lines(&lines, notation)
    }
}
