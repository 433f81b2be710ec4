//! Permissions and kill switches as they are stored. They are read inside the transaction that
//! journals an order, so that a switch which was thrown holds from the next order on.

use jiff::Timestamp;
use serde_json::json;

use crate::domain::id::{AccountId, UserId};
use crate::domain::limits::{Halt, Hold, HoldReason, InstallRules, Return, ReturnKind, UserRules};
use crate::domain::message::Notice;
use crate::storage::tables::{ACCOUNTS, HALTS, INSTALL_RULES, RULES_ROW, USER_RULES};
use crate::storage::{Key, StoreError, Tx, UserTx, UserView, View, account_key};
use crate::trading::bus::LiveEvent;
use crate::trading::error::TradingError;
use crate::trading::tick::Trading;

/// What a kill switch stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HaltScope {
    Installation,
    User(UserId),
    Account(UserId, AccountId),
}

impl HaltScope {
    /// How it is named to people.
    pub(in crate::trading) fn words(self) -> &'static str {
        match self {
            HaltScope::Installation => "the installation",
            HaltScope::User(_) => "the user",
            HaltScope::Account(..) => "the account",
        }
    }
}

/// The kill switches that concern one user.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Halts {
    pub installation: Option<Halt>,
    pub user: Option<Halt>,
    pub accounts: Vec<(AccountId, Halt)>,
    /// Over everything else.
    pub hold: Option<Hold>,
}

fn one_row() -> Key {
    Key::new().text(RULES_ROW)
}

fn user_switch() -> Key {
    Key::new().text("user")
}

fn account_switch(account: AccountId) -> Key {
    Key::new().text("account").id(account.as_bytes())
}

pub(in crate::trading) fn install(tx: &UserTx<'_>) -> Result<InstallRules, StoreError> {
    Ok(tx.of_installation(&INSTALL_RULES, &one_row())?.unwrap_or_default())
}

pub(in crate::trading) fn user(view: &UserView<'_>) -> Result<UserRules, StoreError> {
    view.rules()
}

/// The widest switch that is on for an account. A live account's switch stops its paper twin, too.
pub(in crate::trading) fn halted(view: &UserView<'_>, install: &InstallRules, account: AccountId) -> Result<Option<HaltScope>, StoreError> {
    if install.halt.is_some() {
        return Ok(Some(HaltScope::Installation));
    }
    if view.get(&HALTS, &user_switch())?.is_some() {
        return Ok(Some(HaltScope::User(view.user_id())));
    }
    // Mostly there is no switch at all; then nothing else is read.
    if view.list(&HALTS, &Key::new().text("account"))?.is_empty() {
        return Ok(None);
    }
    let live = view.get(&ACCOUNTS, &account_key(account))?.and_then(|a| a.twin).map(|twin| twin.of);
    for switched in [Some(account), live].into_iter().flatten() {
        if view.get(&HALTS, &account_switch(switched))?.is_some() {
            return Ok(Some(HaltScope::Account(view.user_id(), switched)));
        }
    }
    Ok(None)
}

pub(in crate::trading) fn of_installation(view: &View<'_>) -> Result<InstallRules, StoreError> {
    Ok(view.get(&INSTALL_RULES, &one_row())?.unwrap_or_default())
}

impl Trading {
    /// The installation's rules.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn install_rules(&self) -> Result<InstallRules, TradingError> {
        Ok(self.store.read(of_installation)?)
    }

    /// A user's rules.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn user_rules(&self, id: UserId) -> Result<UserRules, TradingError> {
        Ok(self.store.user(id).read(user)?)
    }

    /// Allows or forbids live orders on this installation.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn allow_live(&self, by: Option<UserId>, allowed: bool) -> Result<InstallRules, TradingError> {
        let now = self.clock.now();
        Ok(self
            .store
            .write(move |tx| -> Result<InstallRules, StoreError> {
                let rules = InstallRules { live_allowed: allowed, ..of_installation(&tx.view())? };
                tx.put(&INSTALL_RULES, &one_row(), &rules)?;
                tx.audit(now, by, "live.allowed", json!({ "allowed": allowed }))?;
                Ok(rules)
            })
            .await?)
    }

    /// Holds the whole installation: from the commit on nothing is sent. A hold that is on stays.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn hold(&self, reason: HoldReason) -> Result<bool, TradingError> {
        let now = self.clock.now();
        let held = self.store.write(move |tx| -> Result<bool, StoreError> {
            let rules = of_installation(&tx.view())?;
            if rules.hold.is_some() {
                return Ok(false);
            }
            let hold = Hold { since: now, reason: reason.clone() };
            tx.audit(now, None, "installation.held", json!({ "hold": hold }))?;
            tx.put(&INSTALL_RULES, &one_row(), &InstallRules { hold: Some(hold), ..rules })?;
            Ok(true)
        });
        Ok(held.await?)
    }

    /// Lifts the hold on an administrator's word that nobody else trades these data. What was due until now
    /// counts as missed.
    ///
    /// # Errors
    /// `Refused` when there is no hold; when the store cannot be written.
    pub async fn lift_hold(&self, by: Option<UserId>) -> Result<Hold, TradingError> {
        let now = self.clock.now();
        let lifted = self.store.write(move |tx| -> Result<Option<Hold>, StoreError> {
            let rules = of_installation(&tx.view())?;
            let Some(hold) = rules.hold.clone() else { return Ok(None) };
            let at = rules.returned.as_ref().filter(|_| hold.reason == HoldReason::Restored).map_or(now, |r| r.at);
            let returned = Some(Return { kind: ReturnKind::Restore, at, until: now });
            tx.put(&INSTALL_RULES, &one_row(), &InstallRules { hold: None, returned, ..rules })?;
            tx.audit(now, by, "installation.released", json!({ "hold": hold }))?;
            Ok(Some(hold))
        });
        lifted.await?.ok_or_else(|| TradingError::refused("no_hold", "the installation is not held: there is nothing to lift"))
    }

    /// Notes that the data are those of an earlier time. After a restore the installation is held.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn note_return(tx: &mut Tx<'_>, kind: ReturnKind, now: Timestamp) -> Result<(), StoreError> {
        let rules = of_installation(&tx.view())?;
        let hold = match kind {
            ReturnKind::Restore => Some(Hold { since: now, reason: HoldReason::Restored }),
            ReturnKind::RollBack => rules.hold.clone(),
        };
        tx.put(&INSTALL_RULES, &one_row(), &InstallRules { hold, returned: Some(Return { kind, at: now, until: now }), ..rules })
    }

    /// Replaces what one user may do.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn set_user_rules(&self, by: Option<UserId>, id: UserId, rules: UserRules) -> Result<UserRules, TradingError> {
        let now = self.clock.now();
        Ok(self
            .store
            .user(id)
            .write(move |tx| -> Result<UserRules, StoreError> {
                let before = user(&tx.view())?;
                tx.put(&USER_RULES, &one_row(), &rules)?;
                tx.audit(now, by, "user_rules.changed", json!({ "before": before, "after": rules }))?;
                Ok(rules.clone())
            })
            .await?)
    }

    /// The kill switches that concern a user.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn halts(&self, id: UserId) -> Result<Halts, TradingError> {
        Ok(self.store.read(|view| {
            let rows = view.user(id);
            let mut accounts = Vec::new();
            for account in rows.accounts()? {
                accounts.extend(rows.get(&HALTS, &account_switch(account.id))?.map(|halt| (account.id, halt)));
            }
            let InstallRules { halt, hold, .. } = of_installation(view)?;
            Ok::<_, StoreError>(Halts { installation: halt, user: rows.get(&HALTS, &user_switch())?, accounts, hold })
        })?)
    }

    /// Whether an account is stopped by any switch.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn is_halted(&self, id: UserId, account: AccountId) -> Result<bool, TradingError> {
        Ok(self.store.read(|view| Ok::<_, StoreError>(halted(&view.user(id), &of_installation(view)?, account)?.is_some()))?)
    }

    /// Throws or lifts a kill switch. From the commit on no new order passes; open ones are cancelled
    /// by [`Trading::cancel_halted`] and by every tick until the broker's list shows their end.
    ///
    /// # Errors
    /// `NotFound` for an account that is not the user's.
    pub async fn set_halt(&self, by: Option<UserId>, scope: HaltScope, on: bool) -> Result<(), TradingError> {
        let now = self.clock.now();
        let switch = on.then_some(Halt { at: now, by });
        let action = if on { "kill_switch.on" } else { "kill_switch.off" };
        match scope {
            HaltScope::Installation => {
                self.store
                    .write(move |tx| -> Result<(), StoreError> {
                        let rules = InstallRules { halt: switch.clone(), ..of_installation(&tx.view())? };
                        tx.put(&INSTALL_RULES, &one_row(), &rules)?;
                        tx.audit(now, by, action, json!({ "scope": "installation" }))
                    })
                    .await?;
            }
            HaltScope::User(id) => self.set_user_halt(by, id, None, switch, action).await?,
            HaltScope::Account(id, account) => self.set_user_halt(by, id, Some(account), switch, action).await?,
        }
        Ok(())
    }

    async fn set_user_halt(
        &self,
        by: Option<UserId>,
        id: UserId,
        account: Option<AccountId>,
        switch: Option<Halt>,
        action: &'static str,
    ) -> Result<(), TradingError> {
        let now = self.clock.now();
        self.store
            .user(id)
            .write(move |tx| -> Result<(), StoreError> {
                if let Some(account) = account {
                    tx.get(&ACCOUNTS, &account_key(account))?.ok_or_else(|| StoreError::not_found("account"))?;
                }
                let key = account.map_or_else(user_switch, account_switch);
                match &switch {
                    Some(halt) => tx.put(&HALTS, &key, halt)?,
                    None => tx.remove(&HALTS, &key)?,
                }
                tx.audit(now, by, action, json!({ "account": account }))?;
                let notice = if switch.is_some() { Notice::KillSwitchOn } else { Notice::KillSwitchOff };
                match account {
                    Some(account) => tx.post(account, now, notice.level(), &notice).map(drop),
                    None => Ok(()),
                }
            })
            .await?;
        if let Some(account) = account {
            self.bus.publish(id, LiveEvent::Account { account_id: account });
        }
        Ok(())
    }
}
