//! A user's accounts: make, change, start, stop.

use serde_json::json;

use super::bot_settings::checked_name;
use super::bots::difference;
use super::bus::LiveEvent;
use super::error::{FieldProblem, TradingError};
use super::service::LIVE_ORDERS_LOCKED;
use super::tick::Trading;
use crate::domain::account::{Account, AccountMode, AccountSettings};
use crate::domain::id::{AccountId, UserId};
use crate::domain::message::Notice;
use crate::domain::order::Environment;
use crate::domain::schedule::Schedule;
use crate::storage::tables::ACCOUNTS;
use crate::storage::{StoreError, UserTx, account_key, time_ordered};

const MOST_ACCOUNTS: usize = 20;
const MOST_BUDGET: f64 = 1e9;
/// A fee above this share of a trade's value is a slip of the decimal point.
const MOST_FEE_RATE: f64 = 0.05;

/// An account to be made.
#[derive(Clone, Debug, PartialEq)]
pub struct NewAccount {
    pub name: String,
    pub environment: Environment,
}

/// A change of an account; what is absent stays.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AccountPatch {
    pub name: Option<String>,
    pub settings: SettingsPatch,
}

/// A change of an account's settings; what is absent stays.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SettingsPatch {
    pub schedule: Option<Schedule>,
    /// USD; `Some(None)` removes the budget.
    pub total_budget: Option<Option<f64>>,
    pub auto_start: Option<bool>,
    /// Fraction of max_tier.
    pub auto_start_threshold: Option<f64>,
    pub bot_sync: Option<bool>,
    /// Fraction of a trade's value.
    pub fee_rate: Option<f64>,
}

impl SettingsPatch {
    fn problems(&self) -> Vec<FieldProblem> {
        let mut problems = Vec::new();
        let mut bad = |field: &str, detail: String| problems.push(FieldProblem::new(format!("/settings/{field}"), "invalid", detail));
        if let Some(Some(budget)) = self.total_budget
            && !(budget > 0.0 && budget <= MOST_BUDGET)
        {
            bad("total_budget", format!("the total budget is {budget}: give USD more than 0 and at most 1,000,000,000, or null for none"));
        }
        if let Some(threshold) = self.auto_start_threshold
            && !(threshold > 0.0 && threshold <= 1.0)
        {
            bad("auto_start_threshold", format!("the threshold is {threshold}: give a fraction of the turns, more than 0 and at most 1"));
        }
        if let Some(rate) = self.fee_rate
            && !(0.0..=MOST_FEE_RATE).contains(&rate)
        {
            bad("fee_rate", format!("the fee rate is {rate}: give a fraction from 0 to {MOST_FEE_RATE} (0.0009 is 0.09 %)"));
        }
        if let Some(Err(found)) = self.schedule.map(|s| s.validate()) {
            for problem in found {
                bad(&format!("schedule/{}", problem.field), problem.message);
            }
        }
        problems
    }

    fn apply(&self, settings: &mut AccountSettings) {
        if let Some(schedule) = self.schedule {
            settings.schedule = schedule;
        }
        if let Some(budget) = self.total_budget {
            settings.total_budget = budget;
        }
        if let Some(on) = self.auto_start {
            settings.auto_start = on;
        }
        if let Some(threshold) = self.auto_start_threshold {
            settings.auto_start_threshold = threshold;
        }
        if let Some(on) = self.bot_sync {
            settings.bot_sync = on;
        }
        if let Some(rate) = self.fee_rate {
            settings.fee_rate = rate;
        }
    }
}

fn refuse_taken(accounts: &[Account], name: &str, except: Option<AccountId>) -> Result<(), StoreError> {
    if accounts.iter().any(|a| Some(a.id) != except && a.name.to_lowercase() == name.to_lowercase()) {
        return Err(StoreError::conflict("name_taken", format!("you have an account named {name} already: choose another name")));
    }
    Ok(())
}

fn put_account(tx: &mut UserTx<'_>, account: &Account) -> Result<(), StoreError> {
    tx.put(&ACCOUNTS, &account_key(account.id), account)
}

impl Trading {
    /// The user's accounts by age.
    ///
    /// # Errors
    /// The store's.
    pub fn accounts(&self, user: UserId) -> Result<Vec<Account>, TradingError> {
        Ok(self.store.user(user).read(|v| v.accounts())?)
    }

    /// One of the user's accounts.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn account(&self, user: UserId, id: AccountId) -> Result<Account, TradingError> {
        Ok(self.store.user(user).read(|v| v.require(&ACCOUNTS, &account_key(id)))?)
    }

    /// Makes an account that observes until its owner starts it.
    ///
    /// # Errors
    /// `Fields` for a bad name, `Conflict` with `name_taken` or `too_many_accounts`.
    pub async fn create_account(&self, user: UserId, new: NewAccount) -> Result<Account, TradingError> {
        let name = checked_name("account", &new.name).map_err(|p| TradingError::Fields(vec![p]))?;
        let now = self.clock.now();
        let account = self
            .store
            .user(user)
            .write(move |tx| -> Result<Account, StoreError> {
                let present = tx.view().accounts()?;
                refuse_taken(&present, &name, None)?;
                if present.len() >= MOST_ACCOUNTS {
                    return Err(StoreError::conflict("too_many_accounts", format!("a user has at most {MOST_ACCOUNTS} accounts")));
                }
                let account = Account {
                    id: AccountId(time_ordered(now)),
                    name: name.clone(),
                    environment: new.environment,
                    mode: AccountMode::Observe,
                    settings: AccountSettings::new(),
                    version: 1,
                    created_at: now,
                    started_at: None,
                    unsettled: Vec::new(),
                    imported: None,
                };
                put_account(tx, &account)?;
                let detail = json!({ "account_id": account.id, "name": account.name, "environment": account.environment });
                tx.audit(now, Some(user), "account.created", detail)?;
                Ok(account)
            })
            .await?;
        self.account_changed(user, account.id);
        Ok(account)
    }

    /// Changes name or settings of an account that the caller saw at `version`.
    ///
    /// # Errors
    /// `Fields` for bad values, `Conflict` with `version_conflict` or `name_taken`.
    pub async fn change_account(&self, user: UserId, id: AccountId, version: u64, patch: AccountPatch) -> Result<Account, TradingError> {
        let mut problems = patch.settings.problems();
        let name = match patch.name.as_deref().map(|n| checked_name("account", n)) {
            Some(Ok(name)) => Some(name),
            Some(Err(problem)) => {
                problems.insert(0, problem);
                None
            }
            None => None,
        };
        if !problems.is_empty() {
            return Err(TradingError::Fields(problems));
        }
        let now = self.clock.now();
        let account = self
            .store
            .user(user)
            .write(move |tx| -> Result<Account, StoreError> {
                let before = tx.require(&ACCOUNTS, &account_key(id))?;
                if before.version != version {
                    let detail =
                        format!("{} was changed in the meantime (version {}, not {version}): load it again", before.name, before.version);
                    return Err(StoreError::conflict("version_conflict", detail));
                }
                let mut after = before.clone();
                if let Some(name) = &name {
                    refuse_taken(&tx.view().accounts()?, name, Some(id))?;
                    after.name.clone_from(name);
                }
                patch.settings.apply(&mut after.settings);
                if after == before {
                    return Ok(before);
                }
                after.version += 1;
                put_account(tx, &after)?;
                let mut detail = difference(&before.settings, &after.settings);
                detail["account_id"] = json!(id);
                if after.name != before.name {
                    detail["name"] = json!({ "before": before.name, "after": after.name });
                }
                tx.audit(now, Some(user), "account.changed", detail)?;
                Ok(after)
            })
            .await?;
        self.account_changed(user, id);
        Ok(account)
    }

    /// Lets the account's bots trade. The owner vouches that no other program trades it.
    ///
    /// # Errors
    /// `Refused` with `confirmation_required`, `live_locked`, `unsettled` or `no_broker_key`.
    pub async fn start_account(&self, user: UserId, id: AccountId, old_server_stopped: bool) -> Result<Account, TradingError> {
        let account = self.account(user, id)?;
        if account.environment == Environment::Live && LIVE_ORDERS_LOCKED {
            return Err(TradingError::refused("live_locked", "live accounts cannot trade in this version; they only observe"));
        }
        refuse_unsettled(&account)?;
        if !old_server_stopped {
            let detail = "confirm that no other program trades this account any more: two of them would send every order twice";
            return Err(TradingError::refused("confirmation_required", detail));
        }
        self.connector.connect(user, &account).await?;
        let now = self.clock.now();
        self.switch(user, id, move |tx, before| {
            refuse_unsettled(before)?;
            let after = Account { mode: AccountMode::Trading, started_at: Some(now), version: before.version + 1, ..before.clone() };
            tx.audit(now, Some(user), "account.started", json!({ "account_id": id, "old_server_stopped": true }))?;
            tx.post(id, now, Notice::AccountStarted.level(), &Notice::AccountStarted)?;
            Ok(after)
        })
        .await
    }

    /// Lets the account's bots only observe. Open orders live out their time and are settled.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn stop_account(&self, user: UserId, id: AccountId) -> Result<Account, TradingError> {
        let now = self.clock.now();
        self.switch(user, id, move |tx, before| {
            let after = Account { mode: AccountMode::Observe, version: before.version + 1, ..before.clone() };
            tx.audit(now, Some(user), "account.stopped", json!({ "account_id": id }))?;
            tx.post(id, now, Notice::AccountStopped.level(), &Notice::AccountStopped)?;
            Ok(after)
        })
        .await
    }

    /// One change of mode; an account that is there already stays untouched.
    async fn switch(
        &self,
        user: UserId,
        id: AccountId,
        change: impl Fn(&mut UserTx<'_>, &Account) -> Result<Account, TradingError> + Send + 'static,
    ) -> Result<Account, TradingError> {
        let account = self
            .store
            .user(user)
            .write(move |tx| -> Result<Account, TradingError> {
                let before = tx.require(&ACCOUNTS, &account_key(id))?;
                let after = change(tx, &before)?;
                put_account(tx, &after)?;
                Ok(after)
            })
            .await?;
        self.account_changed(user, id);
        Ok(account)
    }

    fn account_changed(&self, user: UserId, account_id: AccountId) {
        self.bus.publish(user, LiveEvent::Account { account_id });
    }
}

fn refuse_unsettled(account: &Account) -> Result<(), TradingError> {
    match account.unsettled.len() {
        0 => Ok(()),
        n => Err(TradingError::refused("unsettled", format!("{n} questions of the import are open: settle them first"))),
    }
}
