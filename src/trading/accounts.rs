//! Accounts: made, set, started and stopped by their owner.

use serde_json::json;

use super::bus::LiveEvent;
use super::error::{FieldProblem, TradingError};
use super::tick::Trading;
use super::twin::{end_of, refuse_twin};
use crate::domain::account::{Account, AccountMode, AccountSettings, UsFunds};
use crate::domain::id::{AccountId, UserId};
use crate::domain::limits::AccountLimits;
use crate::domain::message::Notice;
use crate::domain::order::Environment;
use crate::domain::schedule::Schedule;
use crate::storage::tables::{ACCOUNTS, SECRETS, secret};
use crate::storage::{StoreError, UserTx, account_key, time_ordered};

/// Changes to an account; absent fields stay.
#[derive(Clone, Debug, Default)]
pub struct AccountPatch {
    pub name: Option<String>,
    pub schedule: Option<Schedule>,
    /// `Some(None)` removes the budget.
    pub total_budget: Option<Option<f64>>,
    pub auto_start: Option<bool>,
    pub auto_start_threshold: Option<f64>,
    pub bot_sync: Option<bool>,
    pub fee_rate: Option<f64>,
    pub us_funds: Option<UsFunds>,
}

/// Checks a name for accounts; gives it trimmed.
///
/// # Errors
/// `Invalid` at `/name`.
pub fn account_name(text: &str) -> Result<String, TradingError> {
    let name = text.trim();
    if name.is_empty() || name.chars().count() > 40 || name.chars().any(char::is_control) {
        return Err(TradingError::invalid("/name", "an account's name has 1 to 40 characters"));
    }
    Ok(name.to_owned())
}

pub(super) fn check(patch: &AccountPatch) -> Result<(), TradingError> {
    if let Some(Some(budget)) = patch.total_budget
        && !(budget > 0.0 && budget <= 1e9)
    {
        return Err(TradingError::invalid("/settings/total_budget", "the budget is in dollars, above 0 and at most 1,000,000,000"));
    }
    if let Some(share) = patch.auto_start_threshold
        && !(share > 0.0 && share <= 1.0)
    {
        return Err(TradingError::invalid("/settings/auto_start_threshold", "the threshold is a fraction above 0 and at most 1"));
    }
    if let Some(rate) = patch.fee_rate
        && !(0.0..=0.05).contains(&rate)
    {
        return Err(TradingError::invalid("/settings/fee_rate", "the fee is a fraction from 0 to 0.05"));
    }
    if let Some(schedule) = &patch.schedule
        && let Err(problems) = schedule.validate()
        && let Some(problem) = problems.into_iter().next()
    {
        return Err(TradingError::invalid("/settings/schedule", format!("{}: {}", problem.field, problem.remark)));
    }
    Ok(())
}

/// More than any account can hold.
const LARGEST_LIMIT: u64 = 1_000_000_000_000_000;

pub(super) fn check_limits(limits: &AccountLimits) -> Result<(), TradingError> {
    let amounts = [
        ("max_position_size", limits.max_position_size),
        ("max_order_value", limits.max_order_value),
        ("max_daily_value", limits.max_daily_value),
        ("price_collar", limits.price_collar),
    ];
    let bad = |name: &str| {
        let detail = format!("the limit {name} must be above zero and at most 10^15; leave it out to have none");
        FieldProblem::new(format!("/limits/{name}"), "invalid", detail)
    };
    let mut problems: Vec<FieldProblem> = amounts
        .iter()
        .filter(|(_, value)| value.is_some_and(|v| v <= rust_decimal::Decimal::ZERO || v > rust_decimal::Decimal::from(LARGEST_LIMIT)))
        .map(|(name, _)| bad(name))
        .collect();
    let counts = [
        ("orders_per_second", limits.orders_per_second),
        ("max_daily_trades", limits.max_daily_trades),
        ("daily_trade_limit", limits.daily_trade_limit),
    ];
    problems.extend(counts.iter().filter(|(_, value)| *value == Some(0)).map(|(name, _)| bad(name)));
    if problems.is_empty() { Ok(()) } else { Err(TradingError::Fields(problems)) }
}

fn free_name(tx: &UserTx<'_>, id: AccountId, name: &str) -> Result<(), StoreError> {
    if tx.view().accounts()?.iter().any(|a| a.id != id && a.name.to_lowercase() == name.to_lowercase()) {
        return Err(StoreError::conflict("name_taken", format!("you have another account named '{name}'")));
    }
    Ok(())
}

fn owned(tx: &UserTx<'_>, id: AccountId) -> Result<Account, StoreError> {
    tx.get(&ACCOUNTS, &account_key(id))?.ok_or_else(|| StoreError::not_found("account"))
}

/// Writes an account that its owner adds by hand: observing, empty, with the limits of a new one.
///
/// # Errors
/// `Conflict` with `name_taken`.
pub fn new_account(
    tx: &mut UserTx<'_>,
    id: AccountId,
    name: &str,
    environment: Environment,
    now: jiff::Timestamp,
) -> Result<Account, StoreError> {
    free_name(tx, id, name)?;
    let account = Account {
        id,
        name: name.to_owned(),
        environment,
        mode: AccountMode::Observe,
        settings: AccountSettings { limits: AccountLimits::of_new_account(environment), ..AccountSettings::new() },
        version: 1,
        created_at: now,
        started_at: None,
        unsettled: Vec::new(),
        imported: None,
        going_live: Default::default(),
        twin: None,
    };
    tx.put(&ACCOUNTS, &account_key(id), &account)?;
    let user = tx.user_id();
    tx.audit(now, Some(user), "account.created", json!({ "account": account.name, "environment": environment }))?;
    Ok(account)
}

impl Trading {
    /// Makes an empty account, observing.
    ///
    /// # Errors
    /// `Invalid` or `Conflict` about the name.
    pub async fn create_account(&self, user: UserId, name: &str, environment: Environment) -> Result<Account, TradingError> {
        let (name, now) = (account_name(name)?, self.clock.now());
        let id = AccountId(time_ordered(now));
        Ok(self.store.user(user).write(move |tx| new_account(tx, id, &name, environment, now)).await?)
    }

    /// One of the user's accounts.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn account(&self, user: UserId, id: AccountId) -> Result<Account, TradingError> {
        Ok(self.store.user(user).read(|v| v.get(&ACCOUNTS, &account_key(id))?.ok_or_else(|| StoreError::not_found("account")))?)
    }

    /// Changes an account.
    ///
    /// # Errors
    /// `Invalid` naming the field; `Conflict` with `version_conflict` or `name_taken`.
    pub async fn patch_account(&self, user: UserId, id: AccountId, version: u64, patch: AccountPatch) -> Result<Account, TradingError> {
        check(&patch)?;
        let name = patch.name.as_deref().map(account_name).transpose()?;
        let now = self.clock.now();
        let account = self
            .store
            .user(user)
            .write(move |tx| -> Result<Account, StoreError> {
                let mut account = owned(tx, id)?;
                refuse_twin(&account)?;
                if account.version != version {
                    return Err(StoreError::conflict("version_conflict", "the account was changed meanwhile: look at it again"));
                }
                let before = serde_json::to_value((&account.name, &account.settings)).unwrap_or_default();
                if let Some(name) = &name {
                    free_name(tx, id, name)?;
                    account.name.clone_from(name);
                }
                let settings = &mut account.settings;
                settings.schedule = patch.schedule.unwrap_or(settings.schedule);
                settings.total_budget = patch.total_budget.unwrap_or(settings.total_budget);
                settings.auto_start = patch.auto_start.unwrap_or(settings.auto_start);
                settings.auto_start_threshold = patch.auto_start_threshold.unwrap_or(settings.auto_start_threshold);
                settings.bot_sync = patch.bot_sync.unwrap_or(settings.bot_sync);
                settings.fee_rate = patch.fee_rate.unwrap_or(settings.fee_rate);
                settings.us_funds = patch.us_funds.unwrap_or(settings.us_funds);
                account.version += 1;
                tx.put(&ACCOUNTS, &account_key(id), &account)?;
                let after = serde_json::to_value((&account.name, &account.settings)).unwrap_or_default();
                tx.audit(now, Some(user), "account.changed", json!({ "before": before, "after": after }))?;
                Ok(account)
            })
            .await?;
        self.bus.publish(user, LiveEvent::Account { account_id: id });
        Ok(account)
    }

    /// Replaces an account's limits.
    ///
    /// # Errors
    /// `Fields` naming a limit that is none; `Conflict` with `version_conflict`.
    pub async fn set_limits(&self, user: UserId, id: AccountId, version: u64, limits: AccountLimits) -> Result<Account, TradingError> {
        check_limits(&limits)?;
        let now = self.clock.now();
        let account = self
            .store
            .user(user)
            .write(move |tx| -> Result<Account, StoreError> {
                let mut account = owned(tx, id)?;
                refuse_twin(&account)?;
                if account.version != version {
                    return Err(StoreError::conflict("version_conflict", "the account was changed meanwhile: look at it again"));
                }
                let before = std::mem::replace(&mut account.settings.limits, limits.clone());
                account.version += 1;
                tx.put(&ACCOUNTS, &account_key(id), &account)?;
                tx.audit(now, Some(user), "limits.changed", json!({ "account": account.name, "before": before, "after": limits }))?;
                Ok(account)
            })
            .await?;
        self.bus.publish(user, LiveEvent::Account { account_id: id });
        Ok(account)
    }

    /// Lets an account's bots trade. The owner confirms that no other program trades it.
    ///
    /// # Errors
    /// `Refused` with `confirmation_required`, `ladder_required`, `unsettled` or `no_broker_key`.
    pub async fn start_account(&self, user: UserId, id: AccountId, old_server_stopped: bool) -> Result<Account, TradingError> {
        if !old_server_stopped {
            return Err(TradingError::refused("confirmation_required", "confirm that no other program trades this account any more"));
        }
        let now = self.clock.now();
        let start = move |tx: &mut UserTx<'_>| {
            let mut account = owned(tx, id)?;
            refuse_twin(&account)?;
            may_start(tx, &account)?;
            if account.mode == AccountMode::Trading {
                return Ok(account);
            }
            account.mode = AccountMode::Trading;
            account.started_at = Some(now);
            account.version += 1;
            tx.put(&ACCOUNTS, &account_key(id), &account)?;
            tx.audit(now, Some(user), "account.started", json!({ "account": account.name, "environment": account.environment }))?;
            tx.post(id, now, Notice::AccountStarted.level(), &Notice::AccountStarted)?;
            Ok::<_, TradingError>(account)
        };
        let account = self.store.user(user).write(start).await?;
        self.bus.publish(user, LiveEvent::Account { account_id: id });
        Ok(account)
    }

    /// Makes an account's bots observe again. Orders that are open live out and are booked.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn stop_account(&self, user: UserId, id: AccountId) -> Result<Account, TradingError> {
        let now = self.clock.now();
        let stop = move |tx: &mut UserTx<'_>| {
            let mut account = owned(tx, id)?;
            // One that has ended is stopped like every other account.
            if account.is_running_twin() && account.environment == Environment::Own {
                refuse_twin(&account)?;
            }
            let traded = account.mode == AccountMode::Trading;
            if !account.stop(now) {
                return Ok(account);
            }
            account.version += 1;
            tx.put(&ACCOUNTS, &account_key(id), &account)?;
            end_of(tx, id, now)?;
            tx.audit(now, Some(user), "account.stopped", json!({ "account": account.name, "environment": account.environment }))?;
            if traded {
                tx.post(id, now, Notice::AccountStopped.level(), &Notice::AccountStopped)?;
            }
            Ok::<_, StoreError>(account)
        };
        let account = self.store.user(user).write(stop).await?;
        self.bus.publish(user, LiveEvent::Account { account_id: id });
        Ok(account)
    }
}

/// Whether an account may be started without a ladder. Asked where it is started, for its environment and
/// its key may change until then.
fn may_start(tx: &UserTx<'_>, account: &Account) -> Result<(), TradingError> {
    if account.environment == Environment::Live {
        let detail = "a live account goes live rung by rung: choose its next rung";
        return Err(TradingError::refused("ladder_required", detail));
    }
    let needs_key = account.environment != Environment::Own;
    if needs_key && tx.get(&SECRETS, &account_key(account.id).text(secret::APP_SECRET))?.is_none() {
        return Err(TradingError::refused("no_broker_key", "enter the account's broker key before starting it"));
    }
    if !account.unsettled.is_empty() {
        return Err(TradingError::refused("unsettled", "answer the open questions of the import before starting this account"));
    }
    Ok(())
}
