//! The broker's cash against the books, per currency. The first look takes the broker's figure as the
//! opening balance, because the books claim none before; later differences are asked about and booked as
//! the owner says.
//!
//! A cash difference never holds a bot: before every buy the gate asks the broker itself what may be
//! spent, so wrong cash in the books cannot overspend, and nothing that sells depends on it. A
//! withdrawal must not stop every bot of an account.

use jiff::{SignedDuration, Timestamp};
use rust_decimal::{Decimal, dec};
use serde_json::json;

use super::differences::market_key;
use crate::domain::account::AccountMode;
use crate::domain::difference::{CashChecked, CashDifference, CashReason};
use crate::domain::fact::{Actor, Event};
use crate::domain::id::{AccountId, DifferenceId, UserId};
use crate::domain::instrument::Market;
use crate::domain::ledger::Position;
use crate::domain::message::Notice;
use crate::domain::money::{Currency, f64_from_decimal};
use crate::storage::tables::{ACCOUNTS, CASH, CASH_CHECKED, CASH_DIFFERENCES, DIFFERENCES, POSITIONS};
use crate::storage::{Key, StoreError, UserTx, UserView, account_key, time_ordered};
use crate::trading::books::record_by;
use crate::trading::error::TradingError;
use crate::trading::line::Line;
use crate::trading::orders::reconcile::orders_from;
use crate::trading::tick::Trading;

/// So long after an order changed, the broker's cash may not show it.
const FRESH: SignedDuration = SignedDuration::from_secs(60);

/// Differences below it are rounding of fees and taxes.
fn tolerance(currency: Currency) -> Decimal {
    match currency {
        Currency::Krw => dec!(5_000),
        Currency::Usd => dec!(5),
    }
}

fn cash_key(account: AccountId, currency: Currency) -> Key {
    account_key(account).text(currency.code())
}

fn booked(view: &UserView<'_>, account: AccountId, currency: Currency) -> Result<Decimal, StoreError> {
    Ok(view.get(&CASH, &cash_key(account, currency))?.map_or(Decimal::ZERO, |c| c.amount))
}

/// The account trades, nothing moves cash of the market at this moment, and no trade waits for its owner.
/// While an account observes, its cash moves without us, and its journal stays the import's.
fn is_quiet(view: &UserView<'_>, account: AccountId, market: Market, now: Timestamp) -> Result<bool, StoreError> {
    if view.get(&ACCOUNTS, &account_key(account))?.is_none_or(|a| a.mode != AccountMode::Trading) {
        return Ok(false);
    }
    let questions = view.list(&DIFFERENCES, &market_key(account, market))?;
    if !questions.is_empty() || view.open_orders(account)?.iter().any(|o| o.intent.market == market) {
        return Ok(false);
    }
    let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
    let recent = orders_from(view, account, today.saturating_sub(jiff::Span::new().days(1)))?;
    Ok(!recent.iter().any(|o| o.intent.market == market && now.duration_since(o.updated_at) < FRESH))
}

impl Trading {
    /// Compares the cash of a market's currency; `true` when a question was opened, changed or ended.
    /// Unless the owner `demanded` it, only what two looks show alike is asked about: a trade on its way
    /// settles the rest.
    ///
    /// # Errors
    /// The broker's.
    pub(in crate::trading) async fn compare_cash(&self, line: &Line, market: Market, demanded: bool) -> Result<bool, TradingError> {
        let account = line.account_id;
        if !line.user.read(|v| is_quiet(v, account, market, self.clock.now()))? {
            return Ok(false);
        }
        let cash = line.gateway.cash(market).await?;
        let now = self.clock.now();
        let compared = line.user.write(move |tx| -> Result<bool, StoreError> {
            if !is_quiet(&tx.view(), account, market, now)? {
                return Ok(false);
            }
            compare(tx, account, cash.currency, cash.amount, demanded, now)
        });
        Ok(compared.await?)
    }
}

fn compare(
    tx: &mut UserTx<'_>,
    account: AccountId,
    currency: Currency,
    brokers: Decimal,
    demanded: bool,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let key = cash_key(account, currency);
    let ours = booked(&tx.view(), account, currency)?;
    let difference = brokers - ours;
    let Some(before) = tx.get(&CASH_CHECKED, &key)? else {
        let checked = CashChecked { currency, first_at: now, at: now, difference: Decimal::ZERO };
        tx.put(&CASH_CHECKED, &key, &checked)?;
        if !difference.is_zero() {
            let event = Event::ExternalCash { currency, amount: difference, reason: CashReason::Opening };
            tx.record(account, now, Actor::Broker, vec![event])?;
            tx.audit(now, None, "cash.opened", json!({ "currency": currency, "books": ours, "broker": brokers }))?;
        }
        return Ok(false);
    };
    tx.put(&CASH_CHECKED, &key, &CashChecked { at: now, difference, ..before.clone() })?;
    let asked = tx.get(&CASH_DIFFERENCES, &key)?;
    if difference.abs() < tolerance(currency) {
        if asked.is_none() {
            return Ok(false);
        }
        tx.remove(&CASH_DIFFERENCES, &key)?;
        let notice = Notice::DifferenceEnded { symbol: currency.code().to_owned() };
        tx.post(account, now, notice.level(), &notice)?;
        return Ok(true);
    }
    if asked.is_none() && !demanded && before.difference != difference {
        return Ok(false);
    }
    if asked.as_ref().is_some_and(|a| a.ours == ours && a.brokers == brokers) {
        return Ok(false);
    }
    let proposal = proposal(&tx.view(), account, currency, difference)?;
    let since = asked.as_ref().map_or(now, |a| a.since);
    tx.put(&CASH_DIFFERENCES, &key, &CashDifference { id: DifferenceId(time_ordered(now)), currency, ours, brokers, proposal, since })?;
    if asked.is_none() {
        let notice = Notice::CashDiffers { currency, ours: f64_from_decimal(ours), brokers: f64_from_decimal(brokers) };
        tx.post(account, now, notice.level(), &notice)?;
    }
    Ok(true)
}

/// What most likely moved the cash. Only a guess for the owner to confirm.
fn proposal(view: &UserView<'_>, account: AccountId, currency: Currency, difference: Decimal) -> Result<CashReason, StoreError> {
    let (market, other) = match currency {
        Currency::Krw => (Market::Krx, Currency::Usd),
        Currency::Usd => (Market::Us, Currency::Krw),
    };
    let of_other = view.get(&CASH_CHECKED, &cash_key(account, other))?.map_or(Decimal::ZERO, |c| c.difference);
    if of_other.abs() >= tolerance(other) && of_other.is_sign_positive() != difference.is_sign_positive() {
        return Ok(CashReason::Exchange);
    }
    let positions: Vec<Position> = view.list(&POSITIONS, &market_key(account, market))?;
    let whole = match currency {
        Currency::Krw => dec!(1_000),
        Currency::Usd => Decimal::ONE,
    };
    Ok(match difference.is_sign_positive() {
        true if (difference % whole).is_zero() => CashReason::Deposit,
        true if positions.iter().any(|p| p.quantity > Decimal::ZERO) => CashReason::Dividend,
        true => CashReason::Interest,
        false if -difference <= positions.iter().map(|p| p.charges).sum() => CashReason::Charges,
        false => CashReason::Withdrawal,
    })
}

/// Books the owner's answer to a question about cash.
///
/// # Errors
/// `Refused` when the books have moved on since the question was asked.
pub(in crate::trading) fn book_cash(
    tx: &mut UserTx<'_>,
    account: AccountId,
    user: UserId,
    asked: &CashDifference,
    reason: CashReason,
    now: Timestamp,
) -> Result<(), TradingError> {
    let (key, currency) = (cash_key(account, asked.currency), asked.currency);
    let held = booked(&tx.view(), account, currency)?;
    if held != asked.ours {
        let detail = format!("the books hold {held} {currency} by now, not {}: compare again and look at the new figures", asked.ours);
        return Err(TradingError::refused("difference_changed", detail));
    }
    let event = Event::ExternalCash { currency, amount: asked.brokers - asked.ours, reason };
    record_by(tx, account, now, user, event)?;
    tx.remove(&CASH_DIFFERENCES, &key)?;
    if let Some(checked) = tx.get(&CASH_CHECKED, &key)? {
        tx.put(&CASH_CHECKED, &key, &CashChecked { difference: Decimal::ZERO, ..checked })?;
    }
    tx.audit(now, Some(user), "difference.answered", json!({ "cash": asked, "answer": reason }))?;
    let notice = Notice::DifferenceEnded { symbol: currency.code().to_owned() };
    tx.post(account, now, notice.level(), &notice)?;
    Ok(())
}
