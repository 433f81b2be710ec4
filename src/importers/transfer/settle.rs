//! What an account that came may be: who wrote the file may have written anything into it.

use std::collections::{BTreeMap, BTreeSet};

use super::error::TransferError;
use super::read::Arrival;
use crate::domain::account::Account;
use crate::domain::id::AccountId;
use crate::domain::order::Environment;
use crate::storage::tables::{ACCOUNTS, BOTS, ORDERS};
use crate::storage::{StoreError, UserTx, account_key};

/// Nothing that comes trades by itself: its owner starts it anew, with a key that is entered here. Only the
/// paper account that everybody has goes on. Gives the accounts' names.
///
/// # Errors
/// `Contradiction`, `NotAllowed`, `OpenOrders`.
pub(super) fn settle_in(user: &mut UserTx<'_>, arrival: &Arrival, own: AccountId) -> Result<Vec<String>, TransferError> {
    let accounts = user.view().accounts()?;
    let twins: BTreeMap<AccountId, bool> = accounts.iter().map(|a| (a.id, a.twin.is_some())).collect();
    let mut names = BTreeSet::new();
    for account in &accounts {
        if !names.insert(account.name.to_lowercase()) {
            return Err(TransferError::Contradiction(format!("two accounts are named '{}'", account.name)));
        }
        is_sound(account, own, &twins).map_err(|what| TransferError::Contradiction(format!("account '{}' {what}", account.name)))?;
        has_no_orders_out(user, account)?;
        let bots = user.list(&BOTS, &account_key(account.id))?;
        (arrival.allowed)(account, &bots).map_err(|what| TransferError::NotAllowed(format!("account '{}': {what}", account.name)))?;
    }
    accounts.into_iter().map(|account| Ok(settled(user, arrival, own, account)?)).collect()
}

fn is_sound(account: &Account, own: AccountId, twins: &BTreeMap<AccountId, bool>) -> Result<(), &'static str> {
    if account.id == own && (account.environment != Environment::Own || account.twin.is_some()) {
        return Err("is the paper account of every user, and says that it is another");
    }
    match &account.twin {
        Some(_) if account.environment != Environment::Own => Err("is a paper twin that does not trade on paper"),
        Some(twin) if twins.get(&twin.of) != Some(&false) => Err("is the paper twin of no account of the export"),
        _ => Ok(()),
    }
}

/// Orders that are out at a broker would be followed by nobody. The rows tell, not the manifest.
fn has_no_orders_out(user: &UserTx<'_>, account: &Account) -> Result<(), TransferError> {
    let out = |environment| account.environment != Environment::Own || environment != Environment::Own;
    let orders = user.list(&ORDERS, &account_key(account.id))?;
    if orders.iter().any(|order| !order.state.is_final() && out(order.intent.environment)) {
        return Err(TransferError::OpenOrders(account.name.clone()));
    }
    Ok(())
}

fn settled(user: &mut UserTx<'_>, arrival: &Arrival, own: AccountId, mut account: Account) -> Result<String, StoreError> {
    account.going_live.restart(arrival.at);
    // The chat's token stayed behind as well.
    account.settings.telegram_chat = None;
    if account.id != own {
        account.stop(arrival.at);
        account.started_at = None;
        if let Some(twin) = account.twin.as_mut().filter(|twin| twin.ended_at.is_none()) {
            twin.ended_at = Some(arrival.at);
        }
    }
    user.put(&ACCOUNTS, &account_key(account.id), &account)?;
    Ok(account.name)
}
