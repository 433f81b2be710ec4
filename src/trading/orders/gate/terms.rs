//! The gate for new terms of an open order.

use jiff::Timestamp;
use rust_decimal::Decimal;

use super::counts::{day_key, use_of};
use super::holdings::crossing;
use super::limits::{Worth, beyond_collar, beyond_power, product_barred, stale, values};
use super::permission::{environment_mismatch, permission};
use super::{Seen, refuse};
use crate::domain::account::Account;
use crate::domain::limits::Product;
use crate::domain::order::{Amendment, Environment, Order, OrderIntent, Reason, Side};
use crate::storage::tables::{ACCOUNTS, DAY_USE};
use crate::storage::{StoreError, UserTx, account_key};
use crate::trading::orders::{price_rules, rules};

/// What the gate decides about an amendment.
pub(in crate::trading) struct NewTerms<'a> {
    /// The order as it stands.
    pub order: &'a Order,
    pub terms: &'a Amendment,
    /// What the client that would carry the amendment was built for.
    pub gateway: Environment,
    pub seen: &'a Seen,
    pub product: Option<Product>,
    pub now: Timestamp,
}

impl NewTerms<'_> {
    /// The order with its new terms.
    fn changed(&self) -> OrderIntent {
        OrderIntent { quantity: self.terms.quantity, limit_price: self.terms.limit_price, ..self.order.intent.clone() }
    }

    /// What an open buy comes to under these terms, less what it comes to now; in the market's currency.
    fn more(&self) -> Decimal {
        let open = |quantity: u64, price: Option<Decimal>| {
            price.unwrap_or_default() * Decimal::from(quantity.saturating_sub(self.order.filled_quantity))
        };
        let intent = &self.order.intent;
        let (now, then) = (open(intent.quantity, intent.limit_price), open(self.terms.quantity, self.terms.limit_price));
        if intent.side == Side::Buy { (then - now).max(Decimal::ZERO) } else { Decimal::ZERO }
    }
}

/// Why an account's orders must not get new terms at all: halted, observing, not permitted.
///
/// # Errors
/// When the store cannot be read.
pub(in crate::trading) fn may_amend(tx: &UserTx<'_>, new: &NewTerms<'_>) -> Result<Option<Reason>, StoreError> {
    let intent = &new.order.intent;
    if intent.environment != new.gateway {
        return Ok(environment_mismatch());
    }
    let account = tx.require(&ACCOUNTS, &account_key(intent.account_id))?;
    permission(&tx.view(), &rules::install(tx)?, intent, &account)
}

/// Why these terms of an open order are refused; `None` lets them pass. Limits stand only against a buy
/// that gets dearer: fewer shares and a cheaper buy pass them all.
///
/// # Errors
/// When the store cannot be read.
pub(in crate::trading) fn check_terms(tx: &UserTx<'_>, new: &NewTerms<'_>) -> Result<Option<Reason>, StoreError> {
    let changed = &new.changed();
    let Some((before, after)) = new.order.intent.limit_price.zip(changed.limit_price).filter(|(before, after)| before != after) else {
        return Ok(None);
    };
    if let Some(reason) = price_rules::check(changed, new.seen) {
        return Ok(Some(reason));
    }
    if (changed.side == Side::Buy) != (after > before) {
        return Ok(None);
    }
    if let Some(reason) = crossing(tx, changed)? {
        return Ok(Some(reason));
    }
    if changed.side == Side::Sell {
        return Ok(None);
    }
    let account: Account = tx.require(&ACCOUNTS, &account_key(changed.account_id))?;
    let limits = &account.settings.limits;
    if new.seen.quote.is_none() && changed.environment != Environment::Own {
        return Ok(refuse("stale_quote", format!("the last price of {} is not known", changed.symbol)));
    }
    if let Some(reason) = stale(changed, new.seen, new.now) {
        return Ok(Some(reason));
    }
    if let Some(reason) = product_barred(tx, changed, new.product)? {
        return Ok(Some(reason));
    }
    if let Some(reason) = beyond_collar(changed, new.seen, limits) {
        return Ok(Some(reason));
    }
    let more = new.more();
    if more == Decimal::ZERO {
        return Ok(None);
    }
    let open = Decimal::from(changed.quantity.saturating_sub(new.order.filled_quantity)) * after;
    if let Some(reason) = values(tx, changed, limits, Worth { order: new.order.filled_amount + open, more })? {
        return Ok(Some(reason));
    }
    Ok(beyond_power(new.seen, more))
}

/// Counts what new terms that passed may spend on top.
///
/// # Errors
/// When the store cannot be written.
pub(in crate::trading) fn count_terms(tx: &mut UserTx<'_>, new: &NewTerms<'_>) -> Result<(), StoreError> {
    let (intent, more) = (&new.order.intent, new.more());
    if more == Decimal::ZERO {
        return Ok(());
    }
    let mut day = use_of(tx, intent)?;
    day.buys += more;
    tx.put(&DAY_USE, &day_key(intent.account_id, intent), &day)
}
