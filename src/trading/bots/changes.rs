//! Bots as their owner changes them: make, edit, rename, order, delete. Each change is one
//! transaction with its audit row, on the state that the transaction itself reads.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::bot_settings::{BotPatch, NewBot, checked_bot_name};
use crate::domain::account::Account;
use crate::domain::bot::{Bot, Holding};
use crate::domain::fact::{Actor, Event};
use crate::domain::id::{AccountId, BotId, UserId};
use crate::domain::user::Acting;
use crate::quant::egg::point::Held;
use crate::quant::egg::trailing;
use crate::storage::tables::{ACCOUNTS, BOTS, LISTINGS};
use crate::storage::{Key, StoreError, UserTx, UserView, account_key, time_ordered};
use crate::trading::books::Books;
use crate::trading::bus::LiveEvent;
use crate::trading::error::TradingError;
use crate::trading::night::settle::post_events;
use crate::trading::tick::Trading;
use crate::trading::twin::refuse_twin;

/// Most bots in one account.
pub(in crate::trading) const MOST_BOTS: usize = 200;

/// A bot by its id, in whichever of the user's accounts it is.
pub(in crate::trading) fn find_bot(view: &UserView<'_>, id: BotId) -> Result<Bot, StoreError> {
    for account in view.accounts()? {
        if let Some(bot) = view.get(&BOTS, &bot_key(account.id, id))? {
            return Ok(bot);
        }
    }
    Err(StoreError::not_found("bot"))
}

fn bot_key(account: AccountId, bot: BotId) -> Key {
    account_key(account).id(bot.as_bytes())
}

pub(in crate::trading) fn put_bot(tx: &mut UserTx<'_>, bot: &Bot) -> Result<(), StoreError> {
    tx.put(&BOTS, &bot_key(bot.account_id, bot.id), bot)
}

pub(in crate::trading) fn remove_bot(tx: &mut UserTx<'_>, bot: &Bot) -> Result<(), StoreError> {
    tx.remove(&BOTS, &bot_key(bot.account_id, bot.id))
}

/// The bot, if nobody changed it since the caller saw it.
fn at_version(bot: Bot, version: u64) -> Result<Bot, StoreError> {
    if bot.version == version {
        return Ok(bot);
    }
    let detail = format!("{} was changed in the meantime (version {}, not {version}): load it again", bot.name, bot.version);
    Err(StoreError::conflict("version_conflict", detail))
}

fn name_taken(name: &str) -> StoreError {
    StoreError::conflict("name_taken", format!("the account has a bot or a position named {name} already: choose another name"))
}

/// What differs between two states of a record.
pub(in crate::trading) fn difference<T: serde::Serialize>(before: &T, after: &T) -> Value {
    let fields = |record: &T| match serde_json::to_value(record) {
        Ok(Value::Object(fields)) => fields,
        _ => serde_json::Map::new(),
    };
    let (mut old, mut new) = (fields(before), fields(after));
    let same: Vec<String> = old.iter().filter(|(name, value)| new.get(*name) == Some(value)).map(|(name, _)| name.clone()).collect();
    for name in same {
        old.remove(&name);
        new.remove(&name);
    }
    json!({ "before": old, "after": new })
}

/// Gives positions that lost their bot to a bot of the same name.
///
/// # Errors
/// `Conflict` when such a position is in another symbol.
pub(in crate::trading) fn adopt_orphans(
    tx: &mut UserTx<'_>,
    books: &Books,
    bot: &Bot,
    by: UserId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let orphan = |h: &&Holding| !h.reserve && h.name == bot.name && h.bot_id.is_none_or(|id| books.bot(id).is_none());
    for holding in books.holdings.iter().filter(orphan) {
        if holding.symbol != bot.symbol {
            let detail = format!(
                "a position named {} is left over in {}: remove it or choose another name before making a bot for {}",
                bot.name, holding.symbol, bot.symbol
            );
            return Err(StoreError::conflict("orphan_in_other_symbol", detail));
        }
        let after = Holding { bot_id: Some(bot.id), ..holding.clone() };
        let note = format!("position taken over by the bot {}", bot.name);
        let event = Event::HoldingCorrected { holding_id: holding.id, after: Some(after), note };
        tx.record(bot.account_id, now, Actor::User(by), vec![event])?;
    }
    Ok(())
}

/// A bot that is new among those that trade: on a live account it begins with one share.
pub(in crate::trading) fn admit(tx: &mut UserTx<'_>, account: AccountId, bot: BotId, now: Timestamp) -> Result<(), StoreError> {
    let before: Account = tx.require(&ACCOUNTS, &account_key(account))?;
    let mut after = before.clone();
    after.admit(bot, now);
    if after == before { Ok(()) } else { tx.put(&ACCOUNTS, &account_key(account), &after) }
}

/// The facts with which a bot's position and sheet get the bot's new name.
pub(in crate::trading) fn renaming(books: &Books, bot: &Bot, name: &str) -> Vec<Event> {
    let mut events = Vec::new();
    for holding in books.holdings.iter().filter(|h| h.bot_id == Some(bot.id)) {
        let renamed = Holding { name: name.to_owned(), ..holding.clone() };
        let note = format!("the bot {} is now called {name}", bot.name);
        events.push(Event::HoldingCorrected { holding_id: holding.id, after: Some(renamed), note });
    }
    if let Some(sheet) = books.sheet_of(bot.id) {
        events.push(Event::SheetPut { sheet: crate::domain::bot::Sheet { name: name.to_owned(), ..sheet.clone() } });
    }
    events
}

impl Trading {
    /// Makes sure that a ticker exists: it is known, or the account's broker is asked.
    ///
    /// # Errors
    /// `Fields` with `unknown_symbol`, or with `no_broker_key` when nobody can be asked.
    pub(in crate::trading) async fn require_symbol(
        &self,
        user: UserId,
        account: AccountId,
        symbol: &str,
        pointer: &str,
    ) -> Result<(), TradingError> {
        if self.store.read(|v| v.get(&LISTINGS, &Key::new().text(symbol)))?.is_some() {
            return Ok(());
        }
        let line = match self.line(user, account).await {
            Ok(line) => line,
            Err(TradingError::Refused { code: code @ "no_broker_key", .. }) => {
                let detail = format!("{symbol} cannot be looked up yet: connect the account's broker key first");
                return Err(TradingError::field(pointer, code, detail));
            }
            Err(error) => return Err(error),
        };
        match self.exchange(&line, symbol).await {
            Ok(_) => Ok(()),
            Err(TradingError::Broker(crate::brokers::BrokerError::UnknownInstrument(_))) => {
                let detail = format!("the broker knows no US instrument {symbol}: check the ticker");
                Err(TradingError::field(pointer, "unknown_symbol", detail))
            }
            Err(error) => Err(error),
        }
    }

    pub(in crate::trading) fn portfolio_changed(&self, user: UserId, account_id: AccountId) {
        self.bus.publish(user, LiveEvent::Portfolio { account_id });
    }

    /// Makes a bot at the end of the account's order. A position left over under its name becomes its own.
    ///
    /// # Errors
    /// `Fields` for bad settings, `Conflict` with `name_taken`.
    pub async fn create_bot(&self, who: impl Into<Acting> + Send, new: NewBot) -> Result<Bot, TradingError> {
        let Acting { owner: user, by } = who.into();
        let account = new.account_id;
        let (settings, mut problems) = new.settings().examined();
        let name = checked_bot_name(&new.name).map_err(|p| problems.insert(0, p)).unwrap_or_default();
        if !problems.is_empty() {
            return Err(TradingError::Fields(problems));
        }
        let rows = self.store.user(user);
        rows.read(|v| refuse_twin(&Books::read(v, account)?.account))?;
        self.require_symbol(user, account, settings.symbol.as_deref().unwrap_or_default(), "/symbol").await?;
        let now = self.clock.now();
        let bot = rows
            .write(move |tx| -> Result<Bot, StoreError> {
                let books = Books::read(&tx.view(), account)?;
                if books.bots.iter().any(|b| b.name == name) {
                    return Err(name_taken(&name));
                }
                if books.bots.len() >= MOST_BOTS {
                    return Err(StoreError::conflict("too_many_bots", format!("an account holds at most {MOST_BOTS} bots")));
                }
                let position = books.bots.iter().map(|b| b.position + 1).max().unwrap_or(0);
                let mut bot = new.blank(BotId(time_ordered(now)), name.clone(), position);
                settings.apply(&mut bot);
                adopt_orphans(tx, &books, &bot, by, now)?;
                put_bot(tx, &bot)?;
                admit(tx, account, bot.id, now)?;
                tx.audit(now, Some(by), "bot.created", json!({ "account_id": account, "bot": bot }))?;
                Ok(bot)
            })
            .await?;
        self.portfolio_changed(user, account);
        Ok(bot)
    }

    /// Changes settings of a bot that the caller saw at `version`.
    ///
    /// # Errors
    /// `Fields` for bad values, `Conflict` with `version_conflict`, or `bot_has_holding` or
    /// `bot_has_sheet` when the symbol of a bot with a position or a sheet would change.
    pub async fn change_bot(&self, who: impl Into<Acting> + Send, id: BotId, version: u64, patch: BotPatch) -> Result<Bot, TradingError> {
        let Acting { owner: user, by } = who.into();
        let patch = patch.checked()?;
        let rows = self.store.user(user);
        let seen = rows.read(|v| find_bot(v, id))?;
        let account = seen.account_id;
        if let Some(symbol) = patch.symbol.as_deref().filter(|s| *s != seen.symbol) {
            self.require_symbol(user, account, symbol, "/symbol").await?;
        }
        let now = self.clock.now();
        let bot = rows
            .write(move |tx| -> Result<Bot, StoreError> {
                let before = at_version(find_bot(&tx.view(), id)?, version)?;
                let mut after = before.clone();
                patch.apply(&mut after);
                let books = Books::read(&tx.view(), account)?;
                refuse_twin(&books.account)?;
                if after.symbol != before.symbol {
                    refuse_if_in_use(&books, &before, "its symbol cannot change")?;
                }
                let ended = trailing::repair(&after, &Held::of(&books.holdings_of(id)));
                if let Some((state, _)) = &ended {
                    state.put(&mut after);
                }
                if after == before {
                    return Ok(before);
                }
                after.version += 1;
                put_bot(tx, &after)?;
                let mut detail = difference(&before, &after);
                detail["bot_id"] = json!(id);
                tx.audit(now, Some(by), "bot.changed", detail)?;
                post_events(tx, account, now, ended.map(|(_, event)| event).as_slice())?;
                Ok(after)
            })
            .await?;
        self.portfolio_changed(user, account);
        Ok(bot)
    }

    /// Gives a bot another name, with its position and its sheet. History rows keep the name that the
    /// bot had then; they stay linked by its id.
    ///
    /// # Errors
    /// `Conflict` with `version_conflict` or `name_taken`, `Fields` for a bad name.
    pub async fn rename_bot(&self, who: impl Into<Acting> + Send, id: BotId, version: u64, name: &str) -> Result<Bot, TradingError> {
        let Acting { owner: user, by } = who.into();
        let name = checked_bot_name(name).map_err(|p| TradingError::Fields(vec![p]))?;
        let now = self.clock.now();
        let bot = self
            .store
            .user(user)
            .write(move |tx| -> Result<Bot, StoreError> {
                let before = at_version(find_bot(&tx.view(), id)?, version)?;
                if before.name == name {
                    return Ok(before);
                }
                let account = before.account_id;
                let books = Books::read(&tx.view(), account)?;
                refuse_twin(&books.account)?;
                let foreign = |h: &Holding| h.name == name && h.bot_id != Some(id);
                if books.bots.iter().any(|b| b.name == name) || books.holdings.iter().any(foreign) {
                    return Err(name_taken(&name));
                }
                let after = Bot { name: name.clone(), version: before.version + 1, ..before.clone() };
                put_bot(tx, &after)?;
                tx.record(account, now, Actor::User(by), renaming(&books, &before, &name))?;
                tx.audit(now, Some(by), "bot.renamed", json!({ "bot_id": id, "before": before.name, "after": name }))?;
                Ok(after)
            })
            .await?;
        self.portfolio_changed(user, bot.account_id);
        Ok(bot)
    }

    /// Deletes a bot that holds nothing and has nothing under way. Its history stays.
    ///
    /// # Errors
    /// `Conflict` with `bot_has_holding`, `bot_has_sheet` or `bot_has_order`.
    pub async fn delete_bot(&self, who: impl Into<Acting> + Send, id: BotId) -> Result<(), TradingError> {
        let Acting { owner: user, by } = who.into();
        let now = self.clock.now();
        let account = self
            .store
            .user(user)
            .write(move |tx| -> Result<AccountId, StoreError> {
                let bot = find_bot(&tx.view(), id)?;
                let books = Books::read(&tx.view(), bot.account_id)?;
                refuse_twin(&books.account)?;
                refuse_if_in_use(&books, &bot, "it cannot be deleted")?;
                // What is left are rows of no shares.
                let empty = books.holdings.iter().filter(|h| h.bot_id == Some(id));
                let events =
                    empty.map(|h| Event::HoldingCorrected { holding_id: h.id, after: None, note: "the bot was deleted".to_owned() });
                tx.record(bot.account_id, now, Actor::User(by), events.collect())?;
                remove_bot(tx, &bot)?;
                tx.audit(now, Some(by), "bot.deleted", json!({ "bot": bot }))?;
                Ok(bot.account_id)
            })
            .await?;
        self.portfolio_changed(user, account);
        Ok(())
    }

    /// Puts the account's bots into an order: all of them, each once.
    ///
    /// # Errors
    /// `Fields` when the list is not exactly the account's bots.
    pub async fn reorder_bots(&self, who: impl Into<Acting> + Send, account: AccountId, order: Vec<BotId>) -> Result<(), TradingError> {
        let Acting { owner: user, by } = who.into();
        let now = self.clock.now();
        self.store
            .user(user)
            .write(move |tx| -> Result<(), TradingError> {
                let books = Books::read(&tx.view(), account)?;
                refuse_twin(&books.account)?;
                let mut wanted: Vec<BotId> = order.clone();
                let mut present: Vec<BotId> = books.bots.iter().map(|b| b.id).collect();
                wanted.sort();
                present.sort();
                if wanted != present {
                    let detail = format!("the order must name each of the account's {} bots once: load the list again", present.len());
                    return Err(TradingError::field("/order", "invalid", detail));
                }
                for (position, id) in (0_u32..).zip(&order) {
                    if let Some(bot) = books.bot(*id).filter(|b| b.position != position) {
                        put_bot(tx, &Bot { position, ..bot.clone() })?;
                    }
                }
                let names: Vec<&str> = order.iter().filter_map(|id| books.bot(*id)).map(|b| b.name.as_str()).collect();
                tx.audit(now, Some(by), "bots.reordered", json!({ "account_id": account, "order": names }))?;
                Ok(())
            })
            .await?;
        self.portfolio_changed(user, account);
        Ok(())
    }
}

/// Refuses what would leave a position, a sheet or an order without its bot.
fn refuse_if_in_use(books: &Books, bot: &Bot, consequence: &str) -> Result<(), StoreError> {
    let quantity: f64 = books.holdings_of(bot.id).iter().map(|h| h.quantity).sum();
    if quantity != 0.0 {
        let detail = format!("{} holds {quantity} shares of {}, so {consequence}: sell or remove the position first", bot.name, bot.symbol);
        return Err(StoreError::conflict("bot_has_holding", detail));
    }
    if books.sheet_of(bot.id).is_some() {
        let detail = format!("{} has an open sheet, so {consequence}: wait until the session is over", bot.name);
        return Err(StoreError::conflict("bot_has_sheet", detail));
    }
    if books.open_orders.iter().any(|o| o.intent.bot_id == Some(bot.id)) {
        let detail = format!("an order of {} is still open, so {consequence}: wait until it has ended", bot.name);
        return Err(StoreError::conflict("bot_has_order", detail));
    }
    Ok(())
}
