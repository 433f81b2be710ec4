//! An account's books as a decision needs them, read in one snapshot.

use jiff::Timestamp;
use jiff::civil::Date;

use crate::domain::account::Account;
use crate::domain::bot::{Bot, HistoryRow, Holding, Sheet};
use crate::domain::calendar::Calendar;
use crate::domain::fact::{Actor, Event};
use crate::domain::id::{AccountId, BotId, UserId};
use crate::domain::order::{Order, OrderState, Side};
use crate::storage::tables::{ACCOUNTS, BOTS, HISTORY, HOLDINGS, SHEETS};
use crate::storage::{StoreError, UserTx, UserView, account_key};

/// No share costs more, in whatever currency, when a person names its price.
pub(in crate::trading) const MOST_PRICE: u32 = 1_000_000_000;

/// Writes what a person says as one fact; gives its number.
pub(in crate::trading) fn record_by(
    tx: &mut UserTx<'_>,
    account: AccountId,
    now: Timestamp,
    user: UserId,
    event: Event,
) -> Result<u64, StoreError> {
    let facts = tx.record(account, now, Actor::User(user), vec![event])?;
    Ok(facts.first().map_or(0, |f| f.seq))
}

/// One consistent view of an account.
#[derive(Clone, Debug)]
pub struct Books {
    pub account: Account,
    /// In bot order.
    pub bots: Vec<Bot>,
    pub holdings: Vec<Holding>,
    pub sheets: Vec<Sheet>,
    /// Orders that are open or whose result was not taken yet.
    pub open_orders: Vec<Order>,
}

impl Books {
    /// Reads an account; `NotFound` when the user has no such account.
    pub fn read(view: &UserView<'_>, id: AccountId) -> Result<Self, StoreError> {
        let key = account_key(id);
        let account = view.get(&ACCOUNTS, &key)?.ok_or_else(|| StoreError::not_found("account"))?;
        let mut bots: Vec<Bot> = view.list(&BOTS, &key)?;
        bots.sort_by_key(|b| b.position);
        let mut sheets: Vec<Sheet> = view.list(&SHEETS, &key)?;
        sheets.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { account, bots, holdings: view.list(&HOLDINGS, &key)?, sheets, open_orders: view.open_orders(id)? })
    }

    /// The bot's holdings: one row, or several in old data.
    pub fn holdings_of(&self, bot: BotId) -> Vec<Holding> {
        self.holdings.iter().filter(|h| h.bot_id == Some(bot) && !h.reserve).cloned().collect()
    }

    pub fn sheet_of(&self, bot: BotId) -> Option<&Sheet> {
        self.sheets.iter().find(|s| s.bot_id == Some(bot))
    }

    pub fn bot(&self, id: BotId) -> Option<&Bot> {
        self.bots.iter().find(|b| b.id == id)
    }

    /// The bot that an order was made for, if it is still there.
    pub fn bot_of(&self, order: &Order) -> Option<&Bot> {
        order.intent.bot_id.and_then(|id| self.bot(id))
    }

    /// The sheet came with an import: it is a record of what another program did, never executed nor
    /// booked here; its owner answers for it.
    pub fn is_imported(&self, sheet: &Sheet) -> bool {
        self.account.imported.as_ref().is_some_and(|mark| sheet.opened_at <= mark.at)
    }

    /// An order of the account stands against a new one of this symbol and side: one of the other
    /// side that could trade with it, or one of the same side whose fate is not known.
    pub fn stands_in_the_way(&self, symbol: &str, side: Side) -> bool {
        self.open_orders
            .iter()
            .filter(|o| !o.state.is_final() && o.intent.symbol == symbol)
            .any(|o| o.intent.side != side || matches!(o.state, OrderState::Unknown | OrderState::Sent))
    }

    /// An order of this sheet still waits for its result.
    pub fn sheet_waits(&self, sheet: &Sheet) -> bool {
        self.open_orders
            .iter()
            .any(|o| matches!(&o.intent.origin, crate::domain::order::OrderOrigin::Slice { sheet_id, .. } if *sheet_id == sheet.id))
    }

    /// Shares of a bot that no order has sold or is selling: what it holds less what its sheet sold
    /// already, what waits to be booked and what open orders may still sell.
    pub fn unsold_of(&self, bot: BotId) -> f64 {
        let held: f64 = self.holdings.iter().filter(|h| h.bot_id == Some(bot) && !h.reserve).map(|h| h.quantity).sum();
        let sheets = self.sheets.iter().filter(|s| s.bot_id == Some(bot) && s.kind.is_sell() && !self.is_imported(s));
        let sold: f64 = sheets.flat_map(|s| s.results.iter().flatten()).map(|fill| fill.quantity).sum();
        let selling = |o: &&Order| o.intent.bot_id == Some(bot) && o.intent.side == Side::Sell && !o.settled;
        let of_orders: u64 = self.open_orders.iter().filter(selling).map(promised).sum();
        (held - sold - of_orders as f64).max(0.0)
    }

    /// Shares of a symbol that belong to the account's bots, sheets' executions included.
    pub fn held_by_bots(&self, symbol: &str) -> f64 {
        let held: f64 = self.holdings.iter().filter(|h| !h.reserve && h.symbol == symbol).map(|h| h.quantity).sum();
        let in_sheets: f64 = self
            .sheets
            .iter()
            .filter(|s| s.symbol == symbol && !self.is_imported(s))
            .flat_map(|s| s.results.iter().flatten().map(|fill| if s.kind.is_buy() { fill.quantity } else { -fill.quantity }))
            .sum();
        let of_bots = |o: &&Order| o.intent.bot_id.is_some() && o.intent.symbol == symbol && !o.settled;
        let in_orders: f64 = self
            .open_orders
            .iter()
            .filter(of_bots)
            .map(|o| if o.intent.side == Side::Buy { o.filled_quantity as f64 } else { -(o.filled_quantity as f64) })
            .sum();
        held + in_sheets + in_orders
    }

    /// Cost of everything that counts as the reserve (`RP`).
    pub fn reserve(&self) -> f64 {
        self.holdings.iter().filter(|h| h.reserve).map(|h| h.total_cost).sum()
    }
}

/// A bot's sells, as cooldown and the once-a-session rule ask for them.
#[derive(Clone, Debug, PartialEq)]
pub struct SellHistory {
    pub sold_this_session: bool,
    pub latest: Option<HistoryRow>,
}

/// Reads the history backwards until the bot's latest sell.
pub fn sell_history(
    view: &UserView<'_>,
    account: AccountId,
    bot: BotId,
    session: Date,
    calendar: &Calendar,
) -> Result<SellHistory, StoreError> {
    const PAGE: usize = 200;
    let prefix = account_key(account);
    let mut before = None;
    loop {
        let page: Vec<HistoryRow> = view.list_latest(&HISTORY, &prefix, before.as_ref(), PAGE)?;
        if let Some(row) = page.iter().find(|r| r.bot_id == Some(bot) && r.kind.is_sell()) {
            let date = calendar.trading_date_for(row.traded_at).ok();
            return Ok(SellHistory { sold_this_session: date == Some(session), latest: Some(row.clone()) });
        }
        match page.last() {
            Some(last) if page.len() == PAGE => before = Some(account_key(account).id(last.id.as_bytes())),
            _ => return Ok(SellHistory { sold_this_session: false, latest: None }),
        }
    }
}

/// What an order has sold or may still sell.
fn promised(order: &Order) -> u64 {
    if order.state.is_final() { order.filled_quantity } else { order.intent.quantity }
}
