//! Corrections by hand: a person's word about a position or a history row is a fact like any other,
//! with a note that says why. Nothing is overwritten; the books follow from the new fact.

use jiff::Timestamp;
use jiff::civil::date;
use serde_json::json;

use super::bot_settings::checked_name;
use crate::domain::bot::{HistoryRow, Holding, TradeKind};
use crate::domain::clock::from_kst;
use crate::domain::fact::Event;
use crate::domain::id::{AccountId, HistoryId, HoldingId, UserId};
use crate::domain::instrument::{Instrument, Market};
use crate::quant::egg::point::Held;
use crate::quant::egg::trailing;
use crate::quant::manual::{self, ManualError, ManualTrade, Owner};
use crate::storage::tables::{BOTS, HISTORY, HOLDINGS};
use crate::storage::{StoreError, UserTx, account_key, time_ordered};
use crate::trading::books::{Books, MOST_PRICE, record_by};
use crate::trading::error::{FieldProblem, TradingError};
use crate::trading::night::settle::post_events;
use crate::trading::tick::Trading;

const MOST_SHARES: f64 = 1e9;
const LONGEST_NOTE: usize = 500;

/// A position as it should be.
#[derive(Clone, Debug, PartialEq)]
pub struct HoldingEdit {
    pub account_id: AccountId,
    /// The row to correct; `None` makes a new one for `name`.
    pub holding_id: Option<HoldingId>,
    /// Name of the bot, or of the reserve (`RP`).
    pub name: Option<String>,
    pub symbol: Option<String>,
    pub quantity: f64,
    /// USD.
    pub average_price: f64,
    /// The row is the reserve.
    pub reserve: bool,
    pub note: String,
}

/// A history row to be added.
#[derive(Clone, Debug, PartialEq)]
pub struct NewHistory {
    pub account_id: AccountId,
    pub name: String,
    pub symbol: String,
    pub trade_type: TradeKind,
    pub quantity: f64,
    /// USD.
    pub buy_price: f64,
    /// USD; not used for a buy.
    pub sell_price: f64,
    /// Now when absent.
    pub traded_at: Option<Timestamp>,
    pub note: String,
}

fn checked_note(note: &str) -> Result<String, FieldProblem> {
    let note = note.trim();
    let length = note.chars().count();
    if length == 0 {
        return Err(FieldProblem::new("/note", "note_required", "a correction needs a note that says why"));
    }
    if length > LONGEST_NOTE {
        return Err(FieldProblem::new("/note", "invalid", format!("the note has {length} characters: use at most {LONGEST_NOTE}")));
    }
    if note.chars().any(|c| c.is_control() && c != '\n') {
        return Err(FieldProblem::new("/note", "invalid", "the note holds characters that cannot be shown: leave them out"));
    }
    Ok(note.to_owned())
}

/// A number of shares or a price that a person may write.
fn checked_number(pointer: &str, value: f64, least_exclusive: bool, most: f64) -> Result<(), FieldProblem> {
    let good = value.is_finite() && value <= most && if least_exclusive { value > 0.0 } else { value >= 0.0 };
    if good {
        return Ok(());
    }
    let least = if least_exclusive { "more than 0" } else { "0 or more" };
    Err(FieldProblem::new(pointer, "invalid", format!("{} is {value}: give {least} and at most {most}", pointer.trim_start_matches('/'))))
}

fn refusal(error: &ManualError) -> TradingError {
    let detail = error.to_string();
    match error {
        ManualError::Amount { field, .. } | ManualError::Empty { field } => TradingError::field(format!("/{field}"), "invalid", detail),
        ManualError::NoBuyPrice => TradingError::field("/buy_price", "invalid", detail),
        ManualError::Kind(_) => TradingError::field("/trade_type", "invalid", detail),
        ManualError::Occupied(_) => StoreError::conflict("position_exists", detail).into(),
        ManualError::NoPosition(_) => StoreError::not_found("holding").into(),
    }
}

fn problems(checks: impl IntoIterator<Item = Result<(), FieldProblem>>) -> Result<(), TradingError> {
    let found: Vec<FieldProblem> = checks.into_iter().filter_map(Result::err).collect();
    if found.is_empty() { Ok(()) } else { Err(TradingError::Fields(found)) }
}

impl HoldingEdit {
    fn check(&self) -> Result<String, TradingError> {
        let note = checked_note(&self.note);
        problems([
            checked_number("/quantity", self.quantity, true, MOST_SHARES),
            checked_number("/average_price", self.average_price, true, f64::from(MOST_PRICE)),
            note.as_ref().map(drop).map_err(FieldProblem::clone),
        ])?;
        Ok(note?)
    }

    /// The row after the edit.
    fn carried_out(&self, books: &Books, now: Timestamp) -> Result<(Option<Holding>, Holding), TradingError> {
        if let Some(id) = self.holding_id {
            let before = books.holdings.iter().find(|h| h.id == id).ok_or_else(|| StoreError::not_found("holding"))?;
            let after = manual::edit_holding(before, self.average_price, self.quantity).map_err(|e| refusal(&e))?;
            return Ok((Some(before.clone()), Holding { last_trade_at: now, ..after }));
        }
        let owner = self.owner(books)?;
        let id = HoldingId(time_ordered(now));
        let new = manual::new_holding(id, &owner, self.average_price, self.quantity, manual::DEFAULT_POSITION_KIND, now);
        let new = new.map_err(|e| refusal(&e))?;
        manual::add_holding(&books.holdings, new.clone()).map_err(|e| refusal(&e))?;
        Ok((None, new))
    }

    /// Whose a new row is: the bot with this name, or the reserve.
    fn owner(&self, books: &Books) -> Result<Owner, TradingError> {
        let missing = |field: &str| {
            let detail = format!("{field} is missing: name the holding to correct by holding_id, or give name and symbol of a new one");
            TradingError::field(format!("/{field}"), "missing_field", detail)
        };
        let name = self.name.as_deref().map(str::trim).filter(|n| !n.is_empty()).ok_or_else(|| missing("name"))?.to_owned();
        if self.reserve || manual::is_reserve(&name) {
            if !manual::is_reserve(&name) {
                return Err(TradingError::field("/name", "invalid", format!("the reserve is named RP, not {name}")));
            }
            return Ok(Owner { bot_id: None, symbol: name.clone(), name, market: Market::Us });
        }
        let symbol = self.symbol.as_deref().ok_or_else(|| missing("symbol"))?;
        let symbol = Instrument::parse_us_ticker(symbol).map_err(|detail| TradingError::field("/symbol", "invalid", detail))?;
        let Some(bot) = books.bots.iter().find(|b| b.name == name) else {
            let detail = format!("the account has no bot named {name}: make the bot first, then give it the position");
            return Err(TradingError::field("/name", "unknown_bot", detail));
        };
        if bot.symbol != symbol {
            let detail = format!("{name} trades {}, not {symbol}", bot.symbol);
            return Err(TradingError::field("/symbol", "invalid", detail));
        }
        // A row may still carry the name that the bot had once.
        if !books.holdings_of(bot.id).is_empty() {
            return Err(refusal(&ManualError::Occupied(name)));
        }
        Ok(Owner { bot_id: Some(bot.id), name, market: bot.market, symbol })
    }
}

impl NewHistory {
    fn check(&self, now: Timestamp) -> Result<String, TradingError> {
        let note = checked_note(&self.note);
        let at = self.traded_at.unwrap_or(now);
        let earliest = from_kst(date(2000, 1, 1).into());
        let when = if at > now {
            Err(FieldProblem::new("/trade_date", "invalid", "the trade lies in the future: give the time when it happened"))
        } else if at < earliest {
            Err(FieldProblem::new("/trade_date", "invalid", "the trade lies before the year 2000: check its date"))
        } else {
            Ok(())
        };
        problems([
            checked_number("/quantity", self.quantity, true, MOST_SHARES),
            checked_number("/buy_price", self.buy_price, true, f64::from(MOST_PRICE)),
            if self.trade_type.is_sell() { checked_number("/sell_price", self.sell_price, true, f64::from(MOST_PRICE)) } else { Ok(()) },
            when,
            checked_name("bot", &self.name).map(drop),
            note.as_ref().map(drop).map_err(FieldProblem::clone),
        ])?;
        Ok(note?)
    }

    fn row(&self, books: &Books, symbol: &str, now: Timestamp) -> Result<HistoryRow, TradingError> {
        let name = self.name.trim().to_owned();
        let bot_id = books.bots.iter().find(|b| b.name == name).map(|b| b.id);
        let owner = Owner { bot_id, name, market: Market::Us, symbol: symbol.to_owned() };
        let sell_price = if self.trade_type.is_sell() { self.sell_price } else { 0.0 };
        let trade = ManualTrade { kind: self.trade_type, buy_price: self.buy_price, sell_price, quantity: self.quantity };
        let at = self.traded_at.unwrap_or(now);
        manual::new_history_row(HistoryId(time_ordered(at)), &owner, &trade, at).map_err(|e| refusal(&e))
    }
}

impl Trading {
    /// Writes a correction with its audit row; gives the fact's number.
    async fn correct<F>(&self, user: UserId, account: AccountId, action: &'static str, correction: F) -> Result<u64, TradingError>
    where
        F: Fn(&mut UserTx<'_>) -> Result<(u64, serde_json::Value), TradingError> + Send + 'static,
    {
        let now = self.clock.now();
        let write = move |tx: &mut UserTx<'_>| -> Result<u64, TradingError> {
            let (seq, detail) = correction(tx)?;
            tx.audit(now, Some(user), action, detail)?;
            Ok(seq)
        };
        let seq = self.store.user(user).write(write).await?;
        self.portfolio_changed(user, account);
        Ok(seq)
    }

    /// Corrects a position or adds one where a bot has none; also the reserve. Answers the fact's
    /// number.
    ///
    /// # Errors
    /// `Fields` for bad values, `NotFound`, `Conflict` with `position_exists`.
    pub async fn correct_holding(&self, user: UserId, edit: HoldingEdit) -> Result<u64, TradingError> {
        let note = edit.check()?;
        let (account, now) = (edit.account_id, self.clock.now());
        let correction = move |tx: &mut UserTx<'_>| {
            let (before, after) = edit.carried_out(&Books::read(&tx.view(), account)?, now)?;
            let detail = json!({ "account_id": account, "before": before, "after": after, "note": note });
            let event = Event::HoldingCorrected { holding_id: after.id, after: Some(after), note: note.clone() };
            Ok((record_by(tx, account, now, user, event)?, detail))
        };
        self.correct(user, account, "holding.corrected", correction).await
    }

    /// Takes a position out of the books. A bot's trailing stop ends with its position.
    ///
    /// # Errors
    /// `Fields` without a note, `NotFound`.
    pub async fn remove_holding(&self, user: UserId, account: AccountId, id: HoldingId, note: &str) -> Result<u64, TradingError> {
        let (note, now) = (checked_note(note)?, self.clock.now());
        let correction = move |tx: &mut UserTx<'_>| {
            let before: Holding = tx.require(&HOLDINGS, &account_key(account).id(id.as_bytes()))?;
            let event = Event::HoldingCorrected { holding_id: id, after: None, note: note.clone() };
            let seq = record_by(tx, account, now, user, event)?;
            let books = Books::read(&tx.view(), account)?;
            if let Some(bot) = before.bot_id.and_then(|bot| books.bot(bot))
                && let Some((state, event)) = trailing::repair(bot, &Held::of(&books.holdings_of(bot.id)))
            {
                let mut ended = bot.clone();
                state.put(&mut ended);
                ended.version += 1;
                tx.put(&BOTS, &account_key(account).id(bot.id.as_bytes()), &ended)?;
                post_events(tx, account, now, &[event])?;
            }
            Ok((seq, json!({ "account_id": account, "before": before, "note": note })))
        };
        self.correct(user, account, "holding.removed", correction).await
    }

    /// Adds a history row. No position changes.
    ///
    /// # Errors
    /// `Fields` for bad values, `NotFound` for an account that is not the user's.
    pub async fn add_history(&self, user: UserId, new: NewHistory) -> Result<u64, TradingError> {
        let now = self.clock.now();
        let note = new.check(now)?;
        let symbol = Instrument::parse_us_ticker(&new.symbol).map_err(|detail| TradingError::field("/symbol", "invalid", detail))?;
        let account = new.account_id;
        let correction = move |tx: &mut UserTx<'_>| {
            let row = new.row(&Books::read(&tx.view(), account)?, &symbol, now)?;
            let detail = json!({ "account_id": account, "after": row, "note": note });
            Ok((record_by(tx, account, now, user, Event::HistoryAdded { row, note: note.clone() })?, detail))
        };
        self.correct(user, account, "history.added", correction).await
    }

    /// Takes a row out of the history. No position changes.
    ///
    /// # Errors
    /// `Fields` without a note, `NotFound`.
    pub async fn remove_history(&self, user: UserId, account: AccountId, id: HistoryId, note: &str) -> Result<u64, TradingError> {
        let (note, now) = (checked_note(note)?, self.clock.now());
        let correction = move |tx: &mut UserTx<'_>| {
            let before: HistoryRow = tx.require(&HISTORY, &account_key(account).id(id.as_bytes()))?;
            let detail = json!({ "account_id": account, "before": before, "note": note });
            Ok((record_by(tx, account, now, user, Event::HistoryRemoved { history_id: id, note: note.clone() })?, detail))
        };
        self.correct(user, account, "history.removed", correction).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use async_trait::async_trait;
    use proptest::prelude::*;
    use rust_decimal::Decimal;
    use uuid::Uuid;

    use super::*;
    use crate::brokers::OrderGateway;
    use crate::domain::account::Account;
    use crate::domain::calendar::Calendar;
    use crate::domain::clock::SteppedClock;
    use crate::domain::instrument::Exchange;
    use crate::domain::ledger::Position;
    use crate::domain::money::decimal_from_f64;
    use crate::domain::order::Environment;
    use crate::domain::user::{Language, Role, User};
    use crate::storage::tables::{LISTINGS, Listing, POSITIONS, USERS};
    use crate::storage::{Key, Store};
    use crate::trading::bots::bot_settings::{BotPatch, NewBot};
    use crate::trading::line::Connector;
    use crate::trading::tick::Surroundings;

    #[derive(Debug)]
    struct Nothing;

    #[async_trait]
    impl Connector for Nothing {
        async fn connect(&self, _: UserId, _: &Account) -> Result<Arc<dyn OrderGateway>, TradingError> {
            Err(TradingError::refused("no_broker_key", "none"))
        }
    }

    impl Surroundings for Nothing {
        fn disk_free(&self) -> Option<u64> {
            None
        }
    }

    const BOTS: [&str; 3] = ["A", "B", "C"];

    /// An account with three bots of one ticker.
    async fn desk() -> (Trading, UserId, AccountId) {
        let store = Store::in_memory().unwrap();
        let user = UserId(Uuid::from_u128(1));
        let at: Timestamp = "2026-05-13T00:00:00Z".parse().unwrap();
        let person = User {
            id: user,
            username: "kim".to_owned(),
            email: None,
            role: Role::User,
            password_hash: String::new(),
            active: true,
            verified: false,
            premium: false,
            networks: Default::default(),
            language: Language::Ko,
            created_at: at,
            updated_at: at,
        };
        store
            .write(move |tx| -> Result<(), StoreError> {
                tx.put(&LISTINGS, &Key::new().text("TQQQ"), &Listing(Exchange::Nasdaq))?;
                tx.put(&USERS, &Key::new().id(person.id.as_bytes()), &person)
            })
            .await
            .unwrap();
        let clock = Arc::new(SteppedClock::new(at));
        let calendars = crate::trading::Calendars { us: Arc::new(Calendar::nyse().unwrap()), krx: Arc::new(Calendar::krx().unwrap()) };
        let trading = Trading::new(store, clock, calendars, Arc::new(Nothing), Arc::new(Nothing));
        let account = trading.create_account(user, "main", Environment::Mock).await.unwrap().id;
        for name in BOTS {
            let (name, symbol, others) = (name.to_owned(), "TQQQ".to_owned(), BotPatch::default());
            let new = NewBot { account_id: account, name, symbol, seed: 100.0, profit_rate: 0.1, t_div: 20, max_tier: 10, others };
            trading.create_bot(user, new).await.unwrap();
        }
        (trading, user, account)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// After any corrections the position is the sum of the holdings, and every fold agrees with its facts.
        #[test]
        fn the_books_follow_whatever_is_corrected(steps in proptest::collection::vec((0_usize..3, any::<bool>(), 1_u32..500, 1_u32..90_000), 1..12)) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                let (trading, user, account) = desk().await;
                let rows = trading.store.user(user);
                for (bot, remove, quantity, price) in steps {
                    let name = BOTS[bot];
                    let present = rows.read(|v| Books::read(v, account)).unwrap().holdings.into_iter().find(|h| h.name == name);
                    let edit = HoldingEdit {
                        account_id: account,
                        holding_id: present.as_ref().map(|h| h.id),
                        name: Some(name.to_owned()),
                        symbol: Some("TQQQ".to_owned()),
                        quantity: f64::from(quantity),
                        average_price: f64::from(price) / 100.0,
                        reserve: false,
                        note: "test".to_owned(),
                    };
                    match present.filter(|_| remove) {
                        Some(holding) => trading.remove_holding(user, account, holding.id, "test").await.unwrap(),
                        None => trading.correct_holding(user, edit).await.unwrap(),
                    };
                    let (books, positions) = rows
                        .read(|v| Ok::<_, StoreError>((Books::read(v, account)?, v.list::<Position>(&POSITIONS, &account_key(account))?)))
                        .unwrap();
                    let held: Decimal = books.holdings.iter().filter_map(|h| decimal_from_f64(h.quantity)).sum();
                    let cost: Decimal = books.holdings.iter().filter_map(|h| decimal_from_f64(h.total_cost)).sum();
                    let position = positions.first().expect("something was held");
                    assert_eq!((position.quantity, position.cost), (held, cost));
                }
                assert_eq!(trading.store.verify().unwrap().differences, []);
            });
        }
    }
}
