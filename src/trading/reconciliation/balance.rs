//! What an account holds: by its own books, and by what its broker said last.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;

use crate::brokers::{BrokerError, BrokerPosition, Cash};
use crate::domain::difference::CashChecked;
use crate::domain::id::{AccountId, UserId};
use crate::domain::instrument::Market;
use crate::domain::ledger::{CashBalance, Position};
use crate::storage::tables::{ACCOUNTS, CASH, CASH_CHECKED, POSITIONS};
use crate::storage::{StoreError, account_key};
use crate::trading::error::TradingError;
use crate::trading::tick::Trading;

/// What a broker said of an account.
#[derive(Clone, Debug)]
pub struct AtBroker {
    pub at: Timestamp,
    /// Of the markets that could be read.
    pub cash: Vec<Cash>,
    pub positions: Vec<(Market, BrokerPosition)>,
    /// Markets that the broker would not show, with its reason.
    pub refused: Vec<(Market, BrokerError)>,
}

/// An account's cash and positions.
#[derive(Clone, Debug)]
pub struct Balance {
    /// What the journal accounts for: all of the money of a paper account of ours, at a broker what
    /// went in and out by trades that the journal knows.
    pub cash: Vec<CashBalance>,
    pub positions: Vec<Position>,
    /// Last comparison of each currency's cash with the broker's.
    pub compared: Vec<CashChecked>,
    /// `None` until the broker was asked.
    pub broker: Option<Arc<AtBroker>>,
}

/// The last word of each account's broker. Lost at a restart: then it is asked for again.
#[derive(Debug, Default)]
pub(in crate::trading) struct BrokerBalances(Mutex<HashMap<(UserId, AccountId), Arc<AtBroker>>>);

impl BrokerBalances {
    fn get(&self, user: UserId, account: AccountId) -> Option<Arc<AtBroker>> {
        self.0.lock().unwrap_or_else(|e| e.into_inner()).get(&(user, account)).cloned()
    }

    fn put(&self, user: UserId, account: AccountId, seen: Arc<AtBroker>) {
        self.0.lock().unwrap_or_else(|e| e.into_inner()).insert((user, account), seen);
    }
}

impl Trading {
    /// What an account holds, with the last word of its broker.
    ///
    /// # Errors
    /// `NotFound` for an account that is not the user's.
    pub fn balance(&self, user: UserId, account: AccountId) -> Result<Balance, TradingError> {
        let key = account_key(account);
        let (cash, positions, compared) = self.store.user(user).read(|v| {
            v.require(&ACCOUNTS, &key)?;
            Ok::<_, StoreError>((v.list(&CASH, &key)?, v.list(&POSITIONS, &key)?, v.list(&CASH_CHECKED, &key)?))
        })?;
        Ok(Balance { cash, positions, compared, broker: self.at_broker.get(user, account) })
    }

    /// Asks the account's broker anew.
    ///
    /// # Errors
    /// The broker's, when neither market can be read; `Refused` without a key, and for a paper account
    /// of ours, which has no broker.
    pub async fn ask_balance(&self, user: UserId, account: AccountId) -> Result<Balance, TradingError> {
        let line = self.line(user, account).await?;
        if line.gateway.environment().host().is_none() {
            return Err(TradingError::refused("own_paper", "this account trades on paper inside this server and has no broker"));
        }
        let mut seen = AtBroker { at: self.clock.now(), cash: Vec::new(), positions: Vec::new(), refused: Vec::new() };
        for market in [Market::Us, Market::Krx] {
            let read = async { Ok::<_, BrokerError>((line.gateway.cash(market).await?, line.gateway.positions(market).await?)) };
            match read.await {
                Ok((cash, positions)) => {
                    seen.cash.push(cash);
                    seen.positions.extend(positions.into_iter().filter(|p| !p.quantity.is_zero()).map(|p| (market, p)));
                }
                // An account may be open for one market only.
                Err(error) => seen.refused.push((market, error)),
            }
        }
        if seen.cash.is_empty()
            && let Some((_, error)) = seen.refused.pop()
        {
            return Err(error.into());
        }
        self.heard_from_broker(user, account, seen.at);
        self.at_broker.put(user, account, Arc::new(seen));
        self.balance(user, account)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn what_a_broker_said_is_its_owners() {
        let (balances, account) = (BrokerBalances::default(), AccountId(Uuid::from_u128(1)));
        let seen = AtBroker { at: Timestamp::UNIX_EPOCH, cash: Vec::new(), positions: Vec::new(), refused: Vec::new() };
        let user = |n| UserId(Uuid::from_u128(n));
        balances.put(user(1), account, Arc::new(seen));
        assert!(balances.get(user(1), account).is_some());
        assert!(balances.get(user(2), account).is_none());
    }
}
