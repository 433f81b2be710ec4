//! `eggmoney verify`: replays every journal in memory and compares the folds with the stored rows, then
//! the rows with each other (`invariants`).

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::Value;

use super::audit::BrokenChain;
use super::ledger::{account_key, position_key};
use super::port::StoreError;
use super::tables::{CASH, EXPOSURE, HISTORY, HOLDINGS, Number, ORDER_FACTS, ORDERS, POSITIONS, SHEETS, UserTable};
use super::view::{Tx, UserView, View};
use crate::domain::bot::{HistoryRow, Holding, Sheet};
use crate::domain::exposure::{Exposure, Share};
use crate::domain::id::{AccountId, HistoryId, HoldingId, OrderId, SheetId, UserId};
use crate::domain::instrument::Market;
use crate::domain::ledger::{CashBalance, LedgerRows, Position, apply};
use crate::domain::money::Currency;
use crate::domain::order::Order;

/// A row that is not what its facts make it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    pub user_id: UserId,
    pub account_id: AccountId,
    /// Which fold.
    pub table: &'static str,
    /// Which row.
    pub row: String,
    /// What the facts say; `null` = there should be no row.
    pub expected: Value,
    pub found: Value,
}

/// The result of a verification.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct VerifyReport {
    pub accounts: usize,
    pub facts: usize,
    pub rows: usize,
    pub differences: Vec<Difference>,
    /// Audit rows of all users and of the installation.
    pub audit_rows: usize,
    pub broken_chains: Vec<BrokenChain>,
}

impl VerifyReport {
    /// Nothing is wrong.
    pub fn agrees(&self) -> bool {
        self.differences.is_empty() && self.broken_chains.is_empty()
    }
}

#[derive(Default)]
struct Memory {
    orders: BTreeMap<String, Order>,
    positions: BTreeMap<String, Position>,
    holdings: BTreeMap<String, Holding>,
    history: BTreeMap<String, HistoryRow>,
    sheets: BTreeMap<String, Sheet>,
    cash: BTreeMap<String, CashBalance>,
    exposure: BTreeMap<String, Exposure>,
}

impl LedgerRows for Memory {
    type Error = StoreError;

    fn order(&self, id: OrderId) -> Result<Option<Order>, StoreError> {
        Ok(self.orders.get(&id.to_string()).cloned())
    }
    fn put_order(&mut self, order: &Order) -> Result<(), StoreError> {
        self.orders.insert(order.intent.order_id.to_string(), order.clone());
        Ok(())
    }
    fn exposure(&self, market: Market, symbol: &str) -> Result<Option<Exposure>, StoreError> {
        Ok(self.exposure.get(&instrument_row(market, symbol)).cloned())
    }
    fn put_exposure(&mut self, exposure: &Exposure) -> Result<(), StoreError> {
        let row = instrument_row(exposure.market, &exposure.symbol);
        if exposure.is_none() {
            self.exposure.remove(&row);
        } else {
            self.exposure.insert(row, exposure.clone());
        }
        Ok(())
    }
    fn cash(&self, currency: Currency) -> Result<Decimal, StoreError> {
        Ok(self.cash.get(currency.code()).map_or(Decimal::ZERO, |c| c.amount))
    }
    fn put_cash(&mut self, currency: Currency, amount: Decimal) -> Result<(), StoreError> {
        self.cash.insert(currency.code().to_owned(), CashBalance { currency, amount });
        Ok(())
    }
    fn position(&self, market: Market, symbol: &str) -> Result<Option<Position>, StoreError> {
        Ok(self.positions.get(&instrument_row(market, symbol)).cloned())
    }
    fn put_position(&mut self, position: &Position) -> Result<(), StoreError> {
        self.positions.insert(position_row(position), position.clone());
        Ok(())
    }
    fn holding(&self, id: HoldingId) -> Result<Option<Holding>, StoreError> {
        Ok(self.holdings.get(&id.to_string()).cloned())
    }
    fn put_holding(&mut self, holding: &Holding) -> Result<(), StoreError> {
        self.holdings.insert(holding.id.to_string(), holding.clone());
        Ok(())
    }
    fn remove_holding(&mut self, id: HoldingId) -> Result<(), StoreError> {
        self.holdings.remove(&id.to_string());
        Ok(())
    }
    fn put_history(&mut self, row: &HistoryRow) -> Result<(), StoreError> {
        self.history.insert(row.id.to_string(), row.clone());
        Ok(())
    }
    fn remove_history(&mut self, id: HistoryId) -> Result<(), StoreError> {
        self.history.remove(&id.to_string());
        Ok(())
    }
    fn sheet(&self, id: SheetId) -> Result<Option<Sheet>, StoreError> {
        Ok(self.sheets.get(&id.to_string()).cloned())
    }
    fn put_sheet(&mut self, sheet: &Sheet) -> Result<(), StoreError> {
        self.sheets.insert(sheet.id.to_string(), sheet.clone());
        Ok(())
    }
    fn remove_sheet(&mut self, id: SheetId) -> Result<(), StoreError> {
        self.sheets.remove(&id.to_string());
        Ok(())
    }
}

fn position_row(position: &Position) -> String {
    instrument_row(position.market, &position.symbol)
}

fn instrument_row(market: Market, symbol: &str) -> String {
    format!("{}:{symbol}", market.code())
}

pub(super) fn run(view: &View<'_>) -> Result<VerifyReport, StoreError> {
    let (audit_rows, broken_chains) = super::audit::check(view)?;
    let mut report = VerifyReport { audit_rows, broken_chains, ..VerifyReport::default() };
    for user_id in view.user_ids()? {
        check_user(view.user(user_id), &mut report)?;
    }
    Ok(report)
}

/// The differences of one user's accounts.
pub(super) fn of_user(user: UserView<'_>) -> Result<Vec<Difference>, StoreError> {
    let mut report = VerifyReport::default();
    check_user(user, &mut report)?;
    Ok(report.differences)
}

fn check_user(user: UserView<'_>, report: &mut VerifyReport) -> Result<(), StoreError> {
    for account in user.accounts()? {
        report.accounts += 1;
        let mut memory = Memory::default();
        let mut of_orders: BTreeMap<String, Number> = BTreeMap::new();
        for fact in user.facts(account.id)? {
            report.facts += 1;
            if fact.event.order_id().is_some() {
                of_orders.insert(fact.seq.to_string(), Number(fact.seq));
            }
            apply(&mut memory, &fact)?;
        }
        let mut check = Check { user, account: account.id, report: &mut *report };
        check.compare(&ORDER_FACTS, of_orders, |Number(seq)| seq.to_string())?;
        check.compare(&ORDERS, memory.orders, |o| o.intent.order_id.to_string())?;
        check.compare(&CASH, memory.cash, |c| c.currency.code().to_owned())?;
        check.compare(&EXPOSURE, memory.exposure, |e| instrument_row(e.market, &e.symbol))?;
        check.compare(&POSITIONS, memory.positions, position_row)?;
        check.compare(&HOLDINGS, memory.holdings, |h| h.id.to_string())?;
        check.compare(&HISTORY, memory.history, |h| h.id.to_string())?;
        check.compare(&SHEETS, memory.sheets, |s| s.id.to_string())?;
        report.differences.extend(super::invariants::check(&user, &account)?);
    }
    Ok(())
}

struct Check<'a, 'v> {
    user: UserView<'v>,
    account: AccountId,
    report: &'a mut VerifyReport,
}

impl Check<'_, '_> {
    fn compare<R>(&mut self, table: &UserTable<R>, mut expected: BTreeMap<String, R>, name: impl Fn(&R) -> String) -> Result<(), StoreError>
    where
        R: super::record::Record + PartialEq,
    {
        for found in self.user.list(table, &account_key(self.account))? {
            self.report.rows += 1;
            let row = name(&found);
            match expected.remove(&row) {
                Some(right) if right == found => {}
                other => self.differ(table.name, row, other.as_ref(), Some(&found)),
            }
        }
        for (row, missing) in expected {
            self.differ(table.name, row, Some(&missing), None);
        }
        Ok(())
    }

    fn differ<R: Serialize>(&mut self, table: &'static str, row: String, expected: Option<&R>, found: Option<&R>) {
        let json = |r: Option<&R>| serde_json::to_value(r).unwrap_or(Value::Null);
        self.report.differences.push(Difference {
            user_id: self.user.user_id(),
            account_id: self.account,
            table,
            row,
            expected: json(expected),
            found: json(found),
        });
    }
}

/// Writes the cash of every account as its journal accounts for it: the fold came with schema 3.
pub(super) fn rebuild_cash(tx: &mut Tx<'_>) -> Result<(), StoreError> {
    for user in tx.view().user_ids()? {
        for account in tx.view().user(user).accounts()? {
            let mut memory = Memory::default();
            for fact in tx.view().user(user).facts(account.id)? {
                apply(&mut memory, &fact)?;
            }
            for (currency, balance) in memory.cash {
                tx.user(user).put(&CASH, &account_key(account.id).text(&currency), &balance)?;
            }
        }
    }
    Ok(())
}

/// Writes what every account has open: the fold came with schema 4.
pub(super) fn rebuild_exposure(tx: &mut Tx<'_>) -> Result<(), StoreError> {
    for user in tx.view().user_ids()? {
        for account in tx.view().user(user).accounts()? {
            let mut open: BTreeMap<String, Exposure> = BTreeMap::new();
            for id in tx.view().user(user).open_order_ids(account.id)? {
                let Some(order) = tx.view().user(user).get(&ORDERS, &account_key(account.id).id(id.as_bytes()))? else {
                    // `eggmoney verify` names it; it is no reason to refuse the whole database.
                    tracing::warn!(account_id = %account.id, order_id = %id, "an open order is listed that does not exist: it is left out");
                    continue;
                };
                let (market, symbol) = (order.intent.market, &order.intent.symbol);
                let row = open.entry(instrument_row(market, symbol)).or_insert_with(|| Exposure::none(market, symbol));
                row.exchange(order.intent.side, Share::default(), Share::of(&order));
            }
            for exposure in open.into_values().filter(|e| !e.is_none()) {
                tx.user(user).put(&EXPOSURE, &position_key(account.id, exposure.market, &exposure.symbol), &exposure)?;
            }
        }
    }
    Ok(())
}

/// A user with one empty account, enough for a verification to find it.
#[cfg(test)]
pub(super) fn test_account(tx: &mut Tx<'_>, user: UserId, account: AccountId) -> Result<(), StoreError> {
    use super::tables::{ACCOUNTS, USERS};
    use crate::domain::account::AccountMode;
    use crate::domain::order::Environment;
    use crate::domain::samples;
    use jiff::Timestamp;

    let at = Timestamp::UNIX_EPOCH;
    tx.put(&USERS, &super::Key::new().id(user.as_bytes()), &samples::user(user, at))?;
    let row = samples::account(account, Environment::Mock, AccountMode::Observe, at);
    tx.user(user).put(&ACCOUNTS, &account_key(account), &row)
}
