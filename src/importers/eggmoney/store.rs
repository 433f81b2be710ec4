//! Seals an import's secrets and reads its rows back. Everything of an import happens in one
//! transaction: facts, folds, bots, secrets and the audit row are there together or not at all.

use secrecy::SecretString;

use super::brought::Brought;
use super::dotenv::OldEnv;
use super::plan::{Plan, has_fills};
use super::summary::{BotLine, HistoryLine, Lines, Notation, SheetLine, TradeLine, of_lines};
use crate::auth::{Vault, VaultError};
use crate::domain::id::{AccountId, UserId};
use crate::storage::tables::secret;
use crate::storage::tables::{BOTS, HISTORY, HOLDINGS, SHEETS};
use crate::storage::{StoreError, Tx, UserView, account_key};

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

/// The summary of what an import brought, computed from the stored rows of its plan.
///
/// # Errors
/// `Corrupt` when a row of the plan is not there, or when there are others.
pub fn read_back(
    view: &UserView<'_>,
    account: AccountId,
    plan: &Plan,
    reading: Reading,
    notation: &Notation,
    has_status: bool,
) -> Result<serde_json::Value, StoreError> {
    let brought = Brought::of(&view.facts(account)?);
    let key = || account_key(account);
    let mut bots = view.list(&BOTS, &key())?;
    bots.sort_by_key(|b| b.position);
    let missing = |what: &str| StoreError::Corrupt(format!("an imported {what} is missing"));
    let mut holdings = Vec::new();
    for planned in &plan.holdings {
        let ended = plan.empty.contains(&planned.id) || reading == Reading::Facts;
        let row = if ended {
            brought.holdings.get(planned.id.0).map(|(row, _)| row.clone())
        } else {
            view.get(&HOLDINGS, &key().id(planned.id.as_bytes()))?
        };
        holdings.push(row.ok_or_else(|| missing("position"))?);
    }
    let mut history = Vec::new();
    for planned in &plan.history {
        let row = match reading {
            Reading::Facts => brought.history.get(planned.id.0).map(|(row, _)| row.clone()),
            Reading::Folds => view.get(&HISTORY, &key().id(planned.id.as_bytes()))?,
        };
        history.push(row.ok_or_else(|| missing("history row"))?);
    }
    let mut sheets = Vec::new();
    for planned in &plan.sheets {
        let ended = !has_fills(planned) || reading == Reading::Facts;
        let row = if ended {
            brought.sheets.get(planned.id.0).map(|(row, _)| row.clone())
        } else {
            view.get(&SHEETS, &key().id(planned.id.as_bytes()))?
        };
        sheets.push(row.ok_or_else(|| missing("sheet"))?);
    }
    if reading == Reading::Folds {
        let kept = (plan.holdings.len() - plan.empty.len(), plan.history.len(), plan.sheets.iter().filter(|s| has_fills(s)).count());
        let found = (view.list(&HOLDINGS, &key())?.len(), view.list(&HISTORY, &key())?.len(), view.list(&SHEETS, &key())?.len());
        if kept != found {
            return Err(StoreError::Corrupt("there are rows that the import did not bring".to_owned()));
        }
    }
    let lines = Lines {
        bots: bots.iter().map(|b| BotLine { name: &b.name, seed: b.seed, added_seed: b.added_seed, active: b.active }).collect(),
        history: history
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
        sheets: sheets.iter().map(|s| SheetLine { name: &s.name, remaining: s.remaining, total: s.total, results: &s.results }).collect(),
        trades: holdings
            .iter()
            .map(|h| TradeLine { name: &h.name, started: h.cycle_start, amount: h.quantity, price: h.average_price, total: h.total_cost })
            .collect(),
        status: has_status.then(|| brought.status()),
    };
    Ok(of_lines(&lines, notation))
}
