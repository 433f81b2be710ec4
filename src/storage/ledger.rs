//! Journal and folds in one transaction: a fact is appended and its folds advance, or neither.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rust_decimal::Decimal;

use super::key::Key;
use super::port::StoreError;
use super::tables::{CASH, EXPOSURE, HISTORY, HOLDINGS, JOURNAL, Number, OPEN_ORDERS, ORDER_FACTS, ORDERS, POSITIONS, SHEETS};
use super::view::{UserTx, UserView};
use crate::domain::bot::{HistoryRow, Holding, Sheet};
use crate::domain::exposure::Exposure;
use crate::domain::fact::{Actor, Event, Fact};
use crate::domain::id::{AccountId, HistoryId, HoldingId, OrderId, SheetId};
use crate::domain::instrument::Market;
use crate::domain::ledger::{CashBalance, LedgerRows, Position, apply};
use crate::domain::money::Currency;
use crate::domain::order::Order;

/// The fold rows of one account inside a transaction.
pub struct AccountRows<'t, 'b> {
    tx: &'t mut UserTx<'b>,
    account: AccountId,
    /// Orders and exposures as the facts of this call leave them, to be written once.
    orders: BTreeMap<OrderId, Order>,
    exposures: BTreeMap<Key, Exposure>,
}

/// What the index of open orders says of an order that has not ended. Any other row is of one that has
/// and whose result waits, or comes from a program that did not tell them apart.
const NOT_ENDED: Number = Number(1);
const ENDED: Number = Number(0);

impl<'b> UserTx<'b> {
    /// Appends facts to an account's journal and advances its folds.
    ///
    /// # Errors
    /// `Ledger` when a fact contradicts the facts before it; the transaction must then fail.
    pub fn record(&mut self, account: AccountId, at: Timestamp, actor: Actor, events: Vec<Event>) -> Result<Vec<Fact>, StoreError> {
        let mut seq = self.view().last_fact(account)?;
        let mut facts = Vec::with_capacity(events.len());
        let mut rows = AccountRows { tx: self, account, orders: BTreeMap::new(), exposures: BTreeMap::new() };
        for event in events {
            seq += 1;
            let fact = Fact { seq, at, actor, event };
            rows.tx.put(&JOURNAL, &account_key(account).u64(seq), &fact)?;
            if let Some(order) = fact.event.order_id() {
                rows.tx.put(&ORDER_FACTS, &account_key(account).id(order.as_bytes()).u64(seq), &Number(seq))?;
            }
            apply(&mut rows, &fact)?;
            facts.push(fact);
        }
        rows.write()?;
        Ok(facts)
    }
}

impl AccountRows<'_, '_> {
    fn write(self) -> Result<(), StoreError> {
        for (id, order) in &self.orders {
            let key = account_key(self.account).id(id.as_bytes());
            if order.state.is_final() && order.settled {
                self.tx.remove(&OPEN_ORDERS, &key)?;
            } else {
                self.tx.put(&OPEN_ORDERS, &key, if order.state.is_final() { &ENDED } else { &NOT_ENDED })?;
            }
            self.tx.put(&ORDERS, &key, order)?;
        }
        for (key, exposure) in &self.exposures {
            if exposure.is_none() { self.tx.remove(&EXPOSURE, key)? } else { self.tx.put(&EXPOSURE, key, exposure)? }
        }
        Ok(())
    }
}

impl UserView<'_> {
    /// Sequence number of the newest fact of an account; 0 when there is none.
    pub fn last_fact(&self, account: AccountId) -> Result<u64, StoreError> {
        let last = self.last_key(&JOURNAL, &account_key(account))?;
        let seq = last.as_deref().and_then(|key| key.last_chunk::<8>());
        Ok(seq.map_or(0, |bytes| u64::from_be_bytes(*bytes)))
    }

    /// All facts of an account in order.
    pub fn facts(&self, account: AccountId) -> Result<Vec<Fact>, StoreError> {
        self.list(&JOURNAL, &account_key(account))
    }

    /// The facts of one order in order, without reading others.
    pub fn facts_of_order(&self, account: AccountId, order: OrderId) -> Result<Vec<Fact>, StoreError> {
        self.list(&ORDER_FACTS, &account_key(account).id(order.as_bytes()))?
            .into_iter()
            .map(|Number(seq)| self.require(&JOURNAL, &account_key(account).u64(seq)))
            .collect()
    }

    /// Orders that are open or whose result was not taken yet.
    pub fn open_orders(&self, account: AccountId) -> Result<Vec<Order>, StoreError> {
        self.open_order_ids(account)?.map(|id| self.require(&ORDERS, &account_key(account).id(id.as_bytes()))).collect()
    }

    /// Orders that have ended and whose result was not taken yet, without reading those that are open.
    pub fn ended_orders(&self, account: AccountId) -> Result<Vec<Order>, StoreError> {
        let mut ended = Vec::new();
        for (key, row) in self.entries(&OPEN_ORDERS, &account_key(account))? {
            if row != NOT_ENDED {
                ended.push(self.require(&ORDERS, &Key::new().raw(&key))?);
            }
        }
        Ok(ended.into_iter().filter(|o: &Order| o.state.is_final() && !o.settled).collect())
    }

    /// The ids of [`UserView::open_orders`], whether or not their rows are there.
    pub(super) fn open_order_ids(&self, account: AccountId) -> Result<impl Iterator<Item = OrderId> + use<>, StoreError> {
        let keys = self.keys(&OPEN_ORDERS, &account_key(account))?;
        let id = |key: Vec<u8>| key.get(16..32).and_then(|b| <[u8; 16]>::try_from(b).ok());
        Ok(keys.into_iter().filter_map(id).map(|id| OrderId(uuid::Uuid::from_bytes(id))))
    }
}

/// Key prefix of an account's rows.
pub fn account_key(account: AccountId) -> Key {
    Key::new().id(account.as_bytes())
}

/// Key of an account's row about one instrument.
pub fn position_key(account: AccountId, market: Market, symbol: &str) -> Key {
    account_key(account).text(market.code()).text(symbol)
}

impl LedgerRows for AccountRows<'_, '_> {
    type Error = StoreError;

    fn order(&self, id: OrderId) -> Result<Option<Order>, StoreError> {
        match self.orders.get(&id) {
            Some(order) => Ok(Some(order.clone())),
            None => self.tx.get(&ORDERS, &account_key(self.account).id(id.as_bytes())),
        }
    }

    fn put_order(&mut self, order: &Order) -> Result<(), StoreError> {
        self.orders.insert(order.intent.order_id, order.clone());
        Ok(())
    }

    fn exposure(&self, market: Market, symbol: &str) -> Result<Option<Exposure>, StoreError> {
        let key = position_key(self.account, market, symbol);
        match self.exposures.get(&key) {
            Some(exposure) => Ok(Some(exposure.clone())),
            None => self.tx.get(&EXPOSURE, &key),
        }
    }

    fn put_exposure(&mut self, exposure: &Exposure) -> Result<(), StoreError> {
        let key = position_key(self.account, exposure.market, &exposure.symbol);
        self.exposures.insert(key, exposure.clone());
        Ok(())
    }

    fn cash(&self, currency: Currency) -> Result<Decimal, StoreError> {
        Ok(self.tx.get(&CASH, &account_key(self.account).text(currency.code()))?.map_or(Decimal::ZERO, |c| c.amount))
    }

    fn put_cash(&mut self, currency: Currency, amount: Decimal) -> Result<(), StoreError> {
        self.tx.put(&CASH, &account_key(self.account).text(currency.code()), &CashBalance { currency, amount })
    }

    fn position(&self, market: Market, symbol: &str) -> Result<Option<Position>, StoreError> {
        self.tx.get(&POSITIONS, &position_key(self.account, market, symbol))
    }

    fn put_position(&mut self, position: &Position) -> Result<(), StoreError> {
        self.tx.put(&POSITIONS, &position_key(self.account, position.market, &position.symbol), position)
    }

    fn holding(&self, id: HoldingId) -> Result<Option<Holding>, StoreError> {
        self.tx.get(&HOLDINGS, &account_key(self.account).id(id.as_bytes()))
    }

    fn put_holding(&mut self, holding: &Holding) -> Result<(), StoreError> {
        self.tx.put(&HOLDINGS, &account_key(self.account).id(holding.id.as_bytes()), holding)
    }

    fn remove_holding(&mut self, id: HoldingId) -> Result<(), StoreError> {
        self.tx.remove(&HOLDINGS, &account_key(self.account).id(id.as_bytes()))
    }

    fn put_history(&mut self, row: &HistoryRow) -> Result<(), StoreError> {
        self.tx.put(&HISTORY, &account_key(self.account).id(row.id.as_bytes()), row)
    }

    fn remove_history(&mut self, id: HistoryId) -> Result<(), StoreError> {
        self.tx.remove(&HISTORY, &account_key(self.account).id(id.as_bytes()))
    }

    fn sheet(&self, id: SheetId) -> Result<Option<Sheet>, StoreError> {
        self.tx.get(&SHEETS, &account_key(self.account).id(id.as_bytes()))
    }

    fn put_sheet(&mut self, sheet: &Sheet) -> Result<(), StoreError> {
        self.tx.put(&SHEETS, &account_key(self.account).id(sheet.id.as_bytes()), sheet)
    }

    fn remove_sheet(&mut self, id: SheetId) -> Result<(), StoreError> {
        self.tx.remove(&SHEETS, &account_key(self.account).id(id.as_bytes()))
    }
}
