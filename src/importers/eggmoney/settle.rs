//! Answers to the questions that an import leaves open: fills that never reached the old books, and
//! several positions of one bot. Each answer is recorded as facts and closes its question.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::error::SettleError;
use super::ids::row_id;
use crate::domain::account::{Account, Unsettled};
use crate::domain::bot::{Bot, Holding, Sheet};
use crate::domain::fact::{Actor, BookingOrigin, Event, SheetEnd};
use crate::domain::id::{AccountId, SheetId, UserId};
use crate::quant::egg::book::{self, BookIds, Booked};
use crate::quant::egg::number::cents;
use crate::quant::egg::slice::{Completion, complete};
use crate::storage::tables::{ACCOUNTS, BOTS, HISTORY, HOLDINGS, SHEETS};
use crate::storage::{Key, StoreError, UserTx, UserView, account_key};

/// Which kind of question is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum QuestionKind {
    UnbookedFills,
    DuplicateHoldings,
}

/// What to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Record the fills in the bot's books, as the completion of the sheet would have.
    Book,
    /// The fills are in the books already, or are to be forgotten.
    Discard,
    /// Make one position of several.
    Merge,
}

/// An owner's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    #[serde(rename = "type")]
    pub kind: QuestionKind,
    /// The bot's name.
    pub name: String,
    pub action: Action,
}

/// An open question with what it is about.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Question {
    #[serde(flatten)]
    pub question: Unsettled,
    /// The sheet whose fills are not booked.
    #[schema(value_type = Option<serde_json::Value>)]
    pub sheet: Option<Sheet>,
    /// The positions that would become one.
    #[schema(value_type = Vec<serde_json::Value>)]
    pub holdings: Vec<Holding>,
    /// There is a bot of this name: fills can be booked.
    pub bot_exists: bool,
}

/// The open questions of an account.
///
/// # Errors
/// `NotFound` when the user has no such account.
pub fn questions(view: &UserView<'_>, account: AccountId) -> Result<Vec<Question>, StoreError> {
    let row: Account = view.require(&ACCOUNTS, &account_row(account))?;
    let bots: Vec<Bot> = view.list(&BOTS, &account_key(account))?;
    let held: Vec<Holding> = view.list(&HOLDINGS, &account_key(account))?;
    let detail = |question: Unsettled| {
        let (name, sheet) = match &question {
            Unsettled::UnbookedFills { name, sheet_id, .. } => (name, view.get(&SHEETS, &account_key(account).id(sheet_id.as_bytes()))?),
            Unsettled::DuplicateHoldings { name, .. } => (name, None),
        };
        let duplicate = sheet.is_none();
        let holdings = held.iter().filter(|h| duplicate && is_open(h, name)).cloned().collect();
        let bot_exists = bots.iter().any(|b| b.name == *name);
        Ok(Question { sheet, holdings, bot_exists, question })
    };
    row.unsettled.into_iter().map(detail).collect()
}

/// Key of an account's row.
pub fn account_row(account: AccountId) -> Key {
    Key::new().id(account.as_bytes())
}

/// Answers one question and returns the account with the questions that are left.
///
/// # Errors
/// [`SettleError`]; nothing is then changed.
pub fn settle(tx: &mut UserTx<'_>, account: AccountId, answer: &Answer, by: UserId, at: Timestamp) -> Result<Account, SettleError> {
    let mut row: Account = tx.require(&ACCOUNTS, &account_row(account))?;
    let question = row.unsettled.iter().find(|q| answers(answer, q)).cloned();
    let question = question.ok_or_else(|| SettleError::NoQuestion { account: row.name.clone(), name: answer.name.clone() })?;
    let actor = Actor::User(by);
    match (&question, answer.action) {
        (Unsettled::UnbookedFills { sheet_id, .. }, Action::Book) => book_fills(tx, account, *sheet_id, actor, at)?,
        (Unsettled::UnbookedFills { sheet_id, .. }, Action::Discard) => {
            let event = Event::SheetClosed { sheet_id: *sheet_id, reason: SheetEnd::Outdated };
            tx.record(account, at, actor, vec![event])?;
        }
        (Unsettled::DuplicateHoldings { name, .. }, Action::Merge) => merge(tx, account, name, actor, at)?,
        _ => return Err(SettleError::WrongAction),
    }
    row.unsettled.retain(|q| *q != question);
    tx.put(&ACCOUNTS, &account_row(account), &row)?;
    let detail = json!({"account_id": account, "type": answer.kind, "name": answer.name, "action": answer.action, "question": question});
    tx.audit(at, Some(by), "import.settled", detail)?;
    Ok(row)
}

fn answers(answer: &Answer, question: &Unsettled) -> bool {
    match question {
        Unsettled::UnbookedFills { name, .. } => answer.kind == QuestionKind::UnbookedFills && *name == answer.name,
        Unsettled::DuplicateHoldings { name, .. } => answer.kind == QuestionKind::DuplicateHoldings && *name == answer.name,
    }
}

/// Books the fills of an imported sheet like a completion, at the time when the sheet was opened:
/// that night they were made.
pub fn book_fills(tx: &mut UserTx<'_>, account: AccountId, sheet_id: SheetId, actor: Actor, at: Timestamp) -> Result<(), SettleError> {
    let sheet: Sheet = tx.require(&SHEETS, &account_key(account).id(sheet_id.as_bytes()))?;
    let bots: Vec<Bot> = tx.list(&BOTS, &account_key(account))?;
    let Some(mut bot) = bots.into_iter().find(|b| b.name == sheet.name) else {
        return Err(SettleError::BotMissing(sheet.name));
    };
    if let Some(Completion::Book { fill, .. }) = complete(&sheet, true) {
        let holdings: Vec<Holding> = open_holdings(tx, account, &bot.name)?;
        let opened = sheet.opened_at;
        let ids = BookIds {
            holding: row_id(account, opened, &["booked holding", &sheet.name]).into(),
            history: row_id(account, opened, &["booked history", &sheet.name]).into(),
        };
        let booked: Option<Booked> = if fill.kind.is_buy() {
            book::buy(&bot, &holdings, &fill, BookingOrigin::ImportedSheet, ids, opened)
        } else {
            let mut history = tx.list(&HISTORY, &account_key(account))?;
            history.retain(|row| row.name == bot.name);
            book::sell(&bot, &holdings, &history, &fill, BookingOrigin::ImportedSheet, ids, opened)
        };
        if let Some(booked) = booked {
            let not_held = || SettleError::NotHeld { bot: bot.name.clone(), sold: fill.quantity };
            let booking = booked.booking.clone().ok_or_else(not_held)?;
            if booking.history.quantity.is_none_or(|q| q < fill.quantity) {
                return Err(not_held());
            }
            tx.record(account, at, actor, vec![Event::Booked { booking: Box::new(booking) }])?;
            booked.put(&mut bot, &mut Vec::new());
            tx.put(&BOTS, &account_key(account).id(bot.id.as_bytes()), &bot)?;
        }
    }
    tx.record(account, at, actor, vec![Event::SheetClosed { sheet_id, reason: SheetEnd::Completed }])?;
    Ok(())
}

/// Makes one position of a bot's several: amounts and totals added, the price rounded to cents from
/// both, the earliest start kept.
fn merge(tx: &mut UserTx<'_>, account: AccountId, name: &str, actor: Actor, at: Timestamp) -> Result<(), SettleError> {
    let held = open_holdings(tx, account, name)?;
    let (Some(first), true) = (held.iter().min_by_key(|h| h.cycle_start), held.len() > 1) else {
        // Somebody has corrected the rows by hand meanwhile: the question has answered itself.
        return Ok(());
    };
    if held.iter().any(|h| h.symbol != first.symbol) {
        let symbols: Vec<&str> = held.iter().map(|h| h.symbol.as_str()).collect();
        return Err(SettleError::DifferentSymbols { name: name.to_owned(), symbols: symbols.join(", ") });
    }
    let (quantity, total) = held.iter().fold((0.0, 0.0), |(q, t), h| (q + h.quantity, t + h.total_cost));
    let last = held.iter().max_by_key(|h| h.last_trade_at).unwrap_or(first);
    let merged = Holding {
        quantity,
        total_cost: total,
        average_price: cents(total / quantity),
        last_kind: last.last_kind,
        last_trade_at: last.last_trade_at,
        ..first.clone()
    };
    let note = format!("{} positions of the old data became one", held.len());
    let gone = held.iter().filter(|h| h.id != first.id);
    let mut events: Vec<Event> = gone.map(|h| Event::HoldingCorrected { holding_id: h.id, after: None, note: note.clone() }).collect();
    events.push(Event::HoldingCorrected { holding_id: merged.id, after: Some(merged), note });
    tx.record(account, at, actor, events)?;
    Ok(())
}

fn open_holdings(tx: &UserTx<'_>, account: AccountId, name: &str) -> Result<Vec<Holding>, StoreError> {
    let mut rows: Vec<Holding> = tx.list(&HOLDINGS, &account_key(account))?;
    rows.retain(|h| is_open(h, name));
    Ok(rows)
}

fn is_open(holding: &Holding, name: &str) -> bool {
    holding.name == name && !holding.reserve && holding.quantity > 0.0
}
