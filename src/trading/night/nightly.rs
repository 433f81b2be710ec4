//! Observed nights: what bots that only observe have decided, and after the close what the program
//! that trades the account really did, read from the broker's list.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};

use super::slots::calendar;
use crate::brokers::BrokerOrder;
use crate::domain::bot::Bot;
use crate::domain::id::{AccountId, BotId, UserId};
use crate::domain::instrument::Market;
use crate::domain::money::f64_from_decimal;
use crate::domain::night::{Decided, Executed, Night};
use crate::domain::order::{Order, Side};
use crate::domain::schedule::SessionPlan;
use crate::quant::egg::shadow::{self, Evening, Watched};
use crate::storage::tables::{NIGHTS, ORDERS};
use crate::storage::{Key, StoreError, UserTx, account_key};
use crate::trading::books::Books;
use crate::trading::error::TradingError;
use crate::trading::line::Line;
use crate::trading::orders::evidence::OwnNumbers;
use crate::trading::tick::Trading;

/// Further back the broker's list is not read: books so old are outdated anyway.
const LOOK_BACK_DAYS: i64 = 10;

fn key(account: AccountId, session: Date) -> Key {
    account_key(account).date(session)
}

fn night_of(tx: &UserTx<'_>, account: AccountId, session: Date) -> Result<Night, StoreError> {
    Ok(tx.get(&NIGHTS, &key(account, session))?.unwrap_or_else(|| Night::new(session)))
}

/// Keeps what an observing bot has decided.
pub(in crate::trading) fn note_decision(
    tx: &mut UserTx<'_>,
    account: AccountId,
    session: Date,
    decided: Decided,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut night = night_of(tx, account, session)?;
    night.decided_at = Some(now);
    night.decided.retain(|d| d.bot_id != decided.bot_id);
    night.decided.push(decided);
    tx.put(&NIGHTS, &key(account, session), &night)
}

/// Keeps the closing buy that an observing bot would have made, USD.
pub(in crate::trading) fn note_closing(
    tx: &mut UserTx<'_>,
    account: AccountId,
    session: Date,
    bot: BotId,
    money: f64,
) -> Result<(), StoreError> {
    let mut night = night_of(tx, account, session)?;
    if let Some(decided) = night.decided.iter_mut().find(|d| d.bot_id == bot) {
        decided.closing = Some(money);
        tx.put(&NIGHTS, &key(account, session), &night)?;
    }
    Ok(())
}

impl Trading {
    /// Compares an account's observing bots with the executions of a session; `None` when none observes.
    pub(in crate::trading) async fn compare_night(&self, line: &Line, plan: &SessionPlan) -> Result<Option<Night>, TradingError> {
        let account = line.account_id;
        let (books, orders, mut night) = line.user.read(|v| {
            let orders: Vec<Order> = v.list(&ORDERS, &account_key(account))?;
            let night = v.get(&NIGHTS, &key(account, plan.session))?.unwrap_or_else(|| Night::new(plan.session));
            Ok::<_, StoreError>((Books::read(v, account)?, orders, night))
        })?;
        // What a twin's bots would have done is nobody's orders.
        if books.account.twin.is_some() {
            return Ok(None);
        }
        let observes = |b: &&Bot| b.active && b.market == Market::Us && !books.account.acts(b.id);
        let watched: Vec<Watched> =
            books.bots.iter().filter(observes).map(|b| Watched { bot_id: b.id, bot: b.name.clone(), symbol: b.symbol.clone() }).collect();
        if watched.is_empty() {
            return Ok(None);
        }
        let known_at = books.account.imported.as_ref().map_or(books.account.created_at, |mark| mark.at);
        let oldest = plan.session.saturating_sub(LOOK_BACK_DAYS.days());
        let known_on = self.calendar.trading_date_for(known_at).map_err(calendar)?;
        let listed = line.gateway.orders(Market::Us, known_on.max(oldest).min(plan.session), plan.session, None).await?;
        // Brokers count anew every day: a number is only ours together with its date.
        let own: OwnNumbers = orders.iter().collect();
        let foreign = || listed.iter().filter(|o| o.filled_quantity > 0 && !own.contain(o));
        let mut executed: BTreeMap<String, Executed> = BTreeMap::new();
        for order in foreign().filter(|o| o.order_date == plan.session) {
            add(executed.entry(order.symbol.clone()).or_default(), order);
        }
        let mut outdated: BTreeSet<String> = BTreeSet::new();
        for order in foreign().filter(|o| o.order_date < plan.session) {
            let ended = self.calendar.session_on(order.order_date).map_err(calendar)?.map(|s| s.close);
            if ended.is_none_or(|close| close > known_at) {
                outdated.insert(order.symbol.clone());
            }
        }
        if known_on < oldest {
            outdated.extend(watched.iter().map(|w| w.symbol.clone()));
        }
        let evening = Evening { watched: &watched, decided: &night.decided, executed: &executed, outdated: &outdated };
        night.lines = shadow::compare(&evening);
        night.compared_at = Some(self.clock.now());
        Ok(Some(night))
    }

    /// The newest observed nights of an account, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn nights(&self, user: UserId, account: AccountId, limit: usize) -> Result<Vec<Night>, TradingError> {
        Ok(self.store.user(user).read(|v| v.list_latest(&NIGHTS, &account_key(account), None, limit))?)
    }
}

/// Keeps a comparison.
pub(in crate::trading) fn store_night(tx: &mut UserTx<'_>, account: AccountId, night: &Night) -> Result<(), StoreError> {
    tx.put(&NIGHTS, &key(account, night.session), night)
}

fn add(executed: &mut Executed, order: &BrokerOrder) {
    let amount = f64_from_decimal(order.filled_amount);
    match order.side {
        Side::Buy => {
            executed.bought += order.filled_quantity;
            executed.bought_usd += amount;
        }
        Side::Sell => {
            executed.sold += order.filled_quantity;
            executed.sold_usd += amount;
        }
    }
}
