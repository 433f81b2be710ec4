//! What stands against orders that make a position larger: stale prices, products, limits, buying power.

use jiff::{SignedDuration, Timestamp};
use rust_decimal::{Decimal, RoundingStrategy};

use super::counts::{day_counts, use_of};
use super::holdings::exposure;
use super::{Candidate, Seen, beyond, refuse};
use crate::brokers::Quote;
use crate::domain::limits::{AccountLimits, Product};
use crate::domain::order::{Environment, OrderIntent, Reason};
use crate::storage::tables::POSITIONS;
use crate::storage::{StoreError, UserTx, position_key};
use crate::trading::orders::rules;

/// Older than this a quote proves nothing.
const FRESH: SignedDuration = SignedDuration::from_secs(10);

/// What the order is worth at most: its limit, or the last trade.
pub(in crate::trading) fn worth(intent: &OrderIntent, quote: Option<&Quote>) -> Decimal {
    intent.limit_price.or(quote.map(|q| q.last)).unwrap_or_default() * Decimal::from(intent.quantity)
}

/// What an order, or new terms for one, would come to in the market's currency.
#[derive(Clone, Copy)]
pub(super) struct Worth {
    /// The whole order, what is filled of it included.
    pub(super) order: Decimal,
    /// What comes on top of the buys that are open already.
    pub(super) more: Decimal,
}

/// Everything that only stands against orders that make a position larger.
pub(super) fn limits(tx: &UserTx<'_>, candidate: &Candidate<'_>, limits: &AccountLimits) -> Result<Option<Reason>, StoreError> {
    let (intent, seen) = (candidate.intent, candidate.seen);
    if let Some(reason) = stale(intent, seen, candidate.now) {
        return Ok(Some(reason));
    }
    if let Some(reason) = product_barred(tx, intent, candidate.product)? {
        return Ok(Some(reason));
    }
    let worth = worth(intent, seen.quote.as_ref());
    if let Some(reason) = beyond_collar(intent, seen, limits) {
        return Ok(Some(reason));
    }
    if let Some(most) = limits.orders_per_second
        && candidate.last_second >= usize::try_from(most).unwrap_or(usize::MAX)
    {
        return Ok(beyond("orders_per_second", most, candidate.last_second + 1, "too many orders in one second: try again in a moment"));
    }
    if let Some(reason) = values(tx, intent, limits, Worth { order: worth, more: worth })? {
        return Ok(Some(reason));
    }
    if let Some(reason) = day_counts(tx, intent, limits)? {
        return Ok(Some(reason));
    }
    Ok(beyond_power(seen, worth))
}

/// The order's price cannot be judged by what was seen.
pub(super) fn stale(intent: &OrderIntent, seen: &Seen, now: Timestamp) -> Option<Reason> {
    let quote = seen.quote.as_ref().filter(|_| intent.environment != Environment::Own)?;
    if now.duration_since(quote.at) <= FRESH {
        return None;
    }
    refuse("stale_quote", format!("the last price of {} is older than {} s", intent.symbol, FRESH.as_secs()))
}

/// A kind of product that the administrator has not allowed the user to buy.
pub(super) fn product_barred(tx: &UserTx<'_>, intent: &OrderIntent, product: Option<Product>) -> Result<Option<Reason>, StoreError> {
    if let Some(allowed) = rules::user(&tx.view())?.allowed_products {
        match product {
            Some(product) if allowed.contains(&product) => {}
            Some(_) => {
                return Ok(refuse(
                    "product_not_allowed",
                    format!("the administrator has not allowed you to buy products such as {}", intent.symbol),
                ));
            }
            None => {
                let message = format!(
                    "what kind of product {} is, is not known, and you may only buy some kinds: try again when the lists are loaded",
                    intent.symbol
                );
                return Ok(refuse("product_unknown", message));
            }
        }
    }
    Ok(None)
}

/// The limit price is too far above the last trade.
pub(super) fn beyond_collar(intent: &OrderIntent, seen: &Seen, limits: &AccountLimits) -> Option<Reason> {
    let (collar, quote, limit) = (limits.price_collar?, seen.quote.as_ref()?, intent.limit_price?);
    let highest = quote.last * (Decimal::ONE_HUNDRED + collar) / Decimal::ONE_HUNDRED;
    if limit <= highest || intent.environment == Environment::Own {
        return None;
    }
    let highest = highest.round_dp_with_strategy(4, RoundingStrategy::ToZero);
    let message = format!("the limit {limit} is more than {collar} % above the last trade {}", quote.last);
    beyond("price_collar", highest, limit, message)
}

/// Limits of one order's, one instrument's and the session's money.
pub(super) fn values(tx: &UserTx<'_>, intent: &OrderIntent, limits: &AccountLimits, worth: Worth) -> Result<Option<Reason>, StoreError> {
    if let Some(most) = limits.max_order_value.filter(|most| worth.order > *most) {
        let message = format!("the order is worth {}, the limit of one order is {most}", worth.order);
        return Ok(beyond("max_order_value", most, worth.order, message));
    }
    if let Some(most) = limits.max_position_size {
        let key = position_key(intent.account_id, intent.market, &intent.symbol);
        let held = tx.get(&POSITIONS, &key)?.map_or(Decimal::ZERO, |p| p.cost);
        let open = exposure(tx, intent)?.map_or(Decimal::ZERO, |open| open.buys.value);
        let asked = held + open + worth.more;
        if asked > most {
            let message = format!("{} would have cost {asked} in all, the limit of one instrument is {most}", intent.symbol);
            return Ok(beyond("max_position_size", most, asked, message));
        }
    }
    let buys = use_of(tx, intent)?.buys + worth.more;
    Ok(limits.max_daily_value.filter(|most| buys > *most).and_then(|most| {
        beyond("max_daily_value", most, buys, format!("the buys of this session would be worth {buys}, the limit is {most}"))
    }))
}

pub(super) fn beyond_power(seen: &Seen, needed: Decimal) -> Option<Reason> {
    let power = seen.power.as_ref().filter(|power| needed > power.amount)?;
    let message = format!("the order needs {needed}, the account can spend {} ({:?})", power.amount, power.basis);
    beyond("buying_power", power.amount, needed, message)
}
