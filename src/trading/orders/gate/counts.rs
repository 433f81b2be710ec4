//! Orders and their money, counted by session.

use super::beyond;
use super::limits::worth;
use crate::brokers::Quote;
use crate::domain::id::AccountId;
use crate::domain::limits::{AccountLimits, DayUse};
use crate::domain::order::{OrderIntent, Reason, Side};
use crate::storage::tables::{DAY_PARENTS, DAY_USE, Number};
use crate::storage::{Key, StoreError, UserTx, account_key};
use crate::trading::orders::rules;

/// Limits of the number of orders.
pub(super) fn day_counts(tx: &UserTx<'_>, intent: &OrderIntent, limits: &AccountLimits) -> Result<Option<Reason>, StoreError> {
    let today = use_of(tx, intent)?;
    if is_counted(tx, intent)? {
        return Ok(None);
    }
    if let Some(most) = limits.max_daily_trades.filter(|most| today.orders >= *most) {
        return Ok(beyond("max_daily_trades", most, today.orders + 1, format!("the account's limit of {most} orders a day is reached")));
    }
    let of_user = [rules::user(&tx.view())?.daily_trade_limit, limits.daily_trade_limit].into_iter().flatten().min();
    if let Some(most) = of_user {
        let mut all = 0;
        // What a twin does on paper is no trade of its user's, except to itself.
        for account in tx.view().accounts()?.iter().filter(|a| a.twin.is_none() || a.id == intent.account_id) {
            all += tx.get(&DAY_USE, &day_key(account.id, intent))?.unwrap_or_default().orders;
        }
        if all >= most {
            return Ok(beyond("daily_trade_limit", most, all + 1, format!("your limit of {most} orders a day is reached")));
        }
    }
    Ok(None)
}

pub(super) fn day_key(account: AccountId, intent: &OrderIntent) -> Key {
    account_key(account).text(&intent.session.to_string())
}

pub(super) fn use_of(tx: &UserTx<'_>, intent: &OrderIntent) -> Result<DayUse, StoreError> {
    Ok(tx.get(&DAY_USE, &day_key(intent.account_id, intent))?.unwrap_or_default())
}

/// The slices of one sheet are one order of the day.
fn is_counted(tx: &UserTx<'_>, intent: &OrderIntent) -> Result<bool, StoreError> {
    match intent.origin.sheet() {
        Some(sheet) => Ok(tx.get(&DAY_PARENTS, &day_key(intent.account_id, intent).id(sheet.as_bytes()))?.is_some()),
        None => Ok(false),
    }
}

/// Counts an order that passed.
///
/// # Errors
/// When the store cannot be written.
pub(in crate::trading) fn count(tx: &mut UserTx<'_>, intent: &OrderIntent, quote: Option<&Quote>) -> Result<(), StoreError> {
    let mut day = use_of(tx, intent)?;
    if !is_counted(tx, intent)? {
        day.orders += 1;
    }
    if intent.side == Side::Buy {
        day.buys += worth(intent, quote);
    }
    if let Some(sheet) = intent.origin.sheet() {
        let key = day_key(intent.account_id, intent).id(sheet.as_bytes());
        tx.put(&DAY_PARENTS, &key, &Number(1))?;
    }
    tx.put(&DAY_USE, &day_key(intent.account_id, intent), &day)
}
