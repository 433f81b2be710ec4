//! What a portfolio is computed from, read in one snapshot.

use crate::domain::account::Account;
use crate::domain::bot::{Bot, HistoryRow, Holding};
use crate::domain::id::AccountId;
use crate::domain::instrument::Market;
use crate::domain::ledger::Position;
use crate::domain::order::Environment;
use crate::quant::figures::positions_in_order;
use crate::storage::tables::{ACCOUNTS, BOTS, HISTORY, HOLDINGS, POSITIONS};
use crate::storage::{StoreError, UserView, account_key};

/// One account's books with its whole history.
#[derive(Clone, Debug, PartialEq)]
pub struct PortfolioBooks {
    pub account: Account,
    /// In bot order.
    pub bots: Vec<Bot>,
    pub holdings: Vec<Holding>,
    /// What the account holds by its executions: the bots' shares, those that their slices traded since,
    /// and its owner's.
    pub positions: Vec<Position>,
    /// Oldest first.
    pub history: Vec<HistoryRow>,
}

impl PortfolioBooks {
    /// Reads an account.
    ///
    /// # Errors
    /// `NotFound` when the user has no such account.
    pub fn read(view: &UserView<'_>, id: AccountId) -> Result<Self, StoreError> {
        let key = account_key(id);
        let account = view.get(&ACCOUNTS, &key)?.ok_or_else(|| StoreError::not_found("account"))?;
        let mut bots: Vec<Bot> = view.list(&BOTS, &key)?;
        bots.sort_by_key(|b| b.position);
        Ok(Self {
            account,
            bots,
            holdings: view.list(&HOLDINGS, &key)?,
            positions: view.list(&POSITIONS, &key)?,
            history: view.list(&HISTORY, &key)?,
        })
    }

    /// All accounts of a user, or the one asked for.
    ///
    /// # Errors
    /// `NotFound` when the user has no such account.
    pub fn read_all(view: &UserView<'_>, only: Option<AccountId>) -> Result<Vec<Self>, StoreError> {
        match only {
            Some(id) => Ok(vec![Self::read(view, id)?]),
            // Our own paper is no money: it is shown by itself only.
            None => view.accounts()?.into_iter().filter(|a| a.environment != Environment::Own).map(|a| Self::read(view, a.id)).collect(),
        }
    }

    /// Nothing was ever set up here.
    pub(super) fn is_empty(&self) -> bool {
        self.bots.is_empty() && self.holdings.is_empty() && self.positions.is_empty()
    }

    /// Positions at US exchanges, which the dollar totals count.
    pub fn held_in_dollars(&self) -> impl Iterator<Item = &Position> {
        self.positions.iter().filter(|p| p.market == Market::Us && !p.quantity.is_zero())
    }
}

/// What an account holds: by instrument as its journal counts, and by owner.
#[derive(Clone, Debug, PartialEq)]
pub struct Positions {
    /// Instruments that are or were held.
    pub instruments: Vec<Position>,
    /// By name, the reserve last; each with whether it lost its bot.
    pub holdings: Vec<(Holding, bool)>,
}

impl Positions {
    /// Reads an account.
    ///
    /// # Errors
    /// `NotFound` when the user has no such account.
    pub fn read(view: &UserView<'_>, id: AccountId) -> Result<Self, StoreError> {
        let key = account_key(id);
        view.get(&ACCOUNTS, &key)?.ok_or_else(|| StoreError::not_found("account"))?;
        let bots: Vec<Bot> = view.list(&BOTS, &key)?;
        let holdings: Vec<Holding> = view.list(&HOLDINGS, &key)?;
        let orphan = |h: &Holding| !h.reserve && !h.bot_id.is_some_and(|id| bots.iter().any(|b| b.id == id));
        let holdings = positions_in_order(&holdings).into_iter().map(|h| (h.clone(), orphan(h))).collect();
        Ok(Self { instruments: view.list(&POSITIONS, &key)?, holdings })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::domain::account::AccountMode;
    use crate::domain::clock::from_kst;
    use crate::domain::id::BotId;
    use crate::domain::instrument::Market;
    use crate::domain::order::Environment;
    use crate::domain::samples;
    use jiff::Timestamp;
    use jiff::civil::datetime;
    use uuid::Uuid;

    /// An account with one bot of 10 turns of 100 USD.
    pub(in crate::portfolio) fn books(number: u128) -> PortfolioBooks {
        let id = AccountId(Uuid::from_u128(number));
        let account = samples::account(id, Environment::Mock, AccountMode::Observe, Timestamp::UNIX_EPOCH);
        let account = Account { name: format!("account {number}"), ..account };
        let bot = Bot { id: BotId(Uuid::from_u128(number)), account_id: id, seed: 100.0, ..samples::bot("TQ_1", "TQQQ") };
        PortfolioBooks { account, bots: vec![bot], holdings: Vec::new(), positions: Vec::new(), history: Vec::new() }
    }

    pub(in crate::portfolio) fn holding(bot: &Bot, quantity: f64, price: f64) -> Holding {
        samples::holding(bot, 7, quantity, price, from_kst(datetime(2026, 5, 1, 0, 10, 0, 0)))
    }

    /// So many TQQQ of an account, whoever in it holds them.
    pub(in crate::portfolio) fn position(quantity: i64, cost: i64) -> Position {
        let none = rust_decimal::Decimal::ZERO;
        Position {
            market: Market::Us,
            symbol: "TQQQ".to_owned(),
            quantity: quantity.into(),
            cost: cost.into(),
            realised: none,
            charges: none,
            oversold: none,
            outside: none,
        }
    }

    pub(in crate::portfolio) fn sell(bot: &Bot, at: Timestamp, profit: f64) -> HistoryRow {
        samples::sale(bot, from_kst(datetime(2026, 5, 1, 4, 0, 0, 0)), at, 10.0, profit)
    }
}
