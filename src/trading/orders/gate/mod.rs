//! The gate: every check that an order passes between its intent and the journal. It runs inside the
//! transaction that journals, so that no two orders pass on the same view.

mod counts;
mod holdings;
mod limits;
mod permission;
mod shape;
mod terms;

use jiff::Timestamp;

pub(in crate::trading) use counts::count;
pub(in crate::trading) use limits::worth;
pub use permission::order_refusal;
pub(in crate::trading) use permission::{must_be_one_share, orders_one_share, within_rung};
pub(in crate::trading) use shape::hours;
pub(in crate::trading) use terms::{NewTerms, check_terms, count_terms, may_amend};

use super::rules;
use crate::brokers::{BuyingPower, MarketOffer, Quote};
use crate::domain::limits::Product;
use crate::domain::order::{Environment, LimitHit, OrderIntent, Reason, Side};
use crate::storage::tables::ACCOUNTS;
use crate::storage::{StoreError, UserTx, account_key};
use crate::trading::books::Books;

/// The session that an order belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub session: jiff::civil::Date,
    pub open: Timestamp,
    pub close: Timestamp,
}

/// What was seen outside before an order was asked for.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// What the account's broker takes in this market; `None` when that was not asked.
    pub offer: Option<MarketOffer>,
    /// Last trade, for orders of people: a bot has just made its price from one.
    pub quote: Option<Quote>,
    /// What the broker lets a buy spend.
    pub power: Option<BuyingPower>,
    /// A Korean ETF or ETN; `None` when that is not known.
    pub is_etf: Option<bool>,
}

/// What the gate decides about.
pub(in crate::trading) struct Candidate<'a> {
    pub intent: &'a OrderIntent,
    /// What the client that would carry the order was built for.
    pub gateway: Environment,
    pub window: Window,
    pub seen: &'a Seen,
    /// Orders that left this account within the last second.
    pub last_second: usize,
    /// What the instrument is, as the master files tell; `None` when they do not.
    pub product: Option<Product>,
    pub now: Timestamp,
}

fn refuse(code: &str, message: impl Into<String>) -> Option<Reason> {
    Some(Reason::new(code, message))
}

fn beyond(name: &str, allowed: impl ToString, asked: impl ToString, message: impl Into<String>) -> Option<Reason> {
    let limit = LimitHit { name: name.to_owned(), allowed: allowed.to_string(), asked: asked.to_string() };
    Some(Reason { limit: Some(limit), ..Reason::new(format!("limit_{name}"), message) })
}

/// Why the order is refused; `None` lets it pass.
///
/// # Errors
/// When the store cannot be read.
pub(in crate::trading) fn check(tx: &UserTx<'_>, candidate: &Candidate<'_>) -> Result<Option<Reason>, StoreError> {
    let intent = candidate.intent;
    let account = tx.require(&ACCOUNTS, &account_key(intent.account_id))?;
    if intent.environment != candidate.gateway {
        return Ok(permission::environment_mismatch());
    }
    if let Some(reason) = permission::permission(&tx.view(), &rules::install(tx)?, intent, &account)? {
        return Ok(Some(reason));
    }
    if let Some(reason) = shape::shape(candidate).or_else(|| shape::session(candidate)) {
        return Ok(Some(reason));
    }
    if let Some(reason) = permission::question(tx, intent)? {
        return Ok(Some(reason));
    }
    if let Some(reason) = holdings::beside(tx, intent)? {
        return Ok(Some(reason));
    }
    match intent.side {
        Side::Sell => holdings::own_shares(tx, intent, &Books::read(&tx.view(), intent.account_id)?),
        Side::Buy => limits::limits(tx, candidate, &account.settings.limits),
    }
}
