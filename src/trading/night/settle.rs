//! Results of orders go into sheets and books; complete sheets are booked. Each step is one
//! transaction, so a crash leaves either the order unsettled or everything done.

use jiff::Timestamp;
use rust_decimal::Decimal;

use super::made_up::{make_up, never_arrived};
use crate::domain::bot::{Bot, HistoryRow, Sheet, SliceFill, TradeKind};
use crate::domain::calendar::Session;
use crate::domain::fact::{Actor, BookingOrigin, Event, SheetEnd};
use crate::domain::id::{AccountId, BotId, HistoryId, HoldingId, SheetId};
use crate::domain::instrument::Market;
use crate::domain::message::{Level, Notice};
use crate::domain::money::{decimal_from_f64, f64_from_decimal};
use crate::domain::order::{Fill, Order, OrderOrigin, Side};
use crate::quant::egg::book::{self, BookIds, Booked};
use crate::quant::egg::event::EggEvent;
use crate::quant::egg::number::cents;
use crate::quant::egg::slice::{self, Completion, Request};
use crate::quant::egg::{closing, force_sell};
use crate::storage::tables::{BOTS, HISTORY, SHEETS};
use crate::storage::{StoreError, UserTx, account_key, time_ordered};
use crate::trading::books::Books;
use crate::trading::bus::LiveEvent;
use crate::trading::error::TradingError;
use crate::trading::line::Line;
use crate::trading::orders::reconcile::keep;
use crate::trading::tick::Trading;

/// Ids for the rows of one booking.
pub(in crate::trading) fn book_ids(now: Timestamp) -> BookIds {
    BookIds { holding: HoldingId(time_ordered(now)), history: HistoryId(time_ordered(now)) }
}

/// What an order filled, in the sheet's terms.
pub(in crate::trading) fn fill_of(order: &Order, kind: TradeKind) -> Option<SliceFill> {
    (order.filled_quantity > 0).then(|| {
        let total = f64_from_decimal(order.filled_amount);
        let quantity = order.filled_quantity as f64;
        SliceFill { kind, quantity, unit_price: cents(total / quantity), total: cents(total) }
    })
}

/// Posts the engine's events, each with its level.
pub(in crate::trading) fn post_events(
    tx: &mut UserTx<'_>,
    account: AccountId,
    now: Timestamp,
    events: &[EggEvent],
) -> Result<(), StoreError> {
    for event in events {
        tx.post(account, now, level_of(event), event)?;
    }
    Ok(())
}

fn level_of(event: &EggEvent) -> Level {
    match event {
        EggEvent::SellExceedsHolding { .. } | EggEvent::CompleteBotMissing { .. } => Level::Error,
        EggEvent::TwapNoPrice { .. }
        | EggEvent::TwapPartialFill { .. }
        | EggEvent::TwapNoValidResult { .. }
        | EggEvent::SellNoPrice { .. }
        | EggEvent::BuyNoPrice { .. }
        | EggEvent::TrailingNoPrice { .. }
        | EggEvent::OldOrdersFound { .. } => Level::Warning,
        _ => Level::Info,
    }
}

/// When something is booked, and when it was traded. After an outage they lie apart: a trade belongs
/// to the session in which it was made, on whichever day the server comes to record it.
#[derive(Clone, Copy, Debug)]
pub(in crate::trading) struct BookedAt {
    pub traded: Timestamp,
    pub now: Timestamp,
}

impl BookedAt {
    /// A trade that cannot be later than `end`.
    pub fn until(end: Option<Timestamp>, now: Timestamp) -> Self {
        Self { traded: end.map_or(now, |end| end.min(now)), now }
    }
}

/// Records a fill in a bot's books: facts, the bot's state, messages.
pub(in crate::trading) fn book_fill(
    tx: &mut UserTx<'_>,
    account: AccountId,
    bot: &Bot,
    fill: &SliceFill,
    origin: BookingOrigin,
    at: BookedAt,
) -> Result<Option<HistoryRow>, StoreError> {
    let books = Books::read(&tx.view(), account)?;
    let holdings = books.holdings_of(bot.id);
    let booked = if fill.kind.is_buy() {
        book::buy(bot, &holdings, fill, origin, book_ids(at.traded), at.traded)
    } else {
        let history = cycle_rows(tx, account, bot)?;
        book::sell(bot, &holdings, &history, fill, origin, book_ids(at.traded), at.traded)
    };
    let now = at.now;
    if fill.kind.is_sell() {
        let held: f64 = holdings.iter().map(|h| h.quantity).sum();
        let seller = Seller { bot_id: Some(bot.id), name: &bot.name, market: bot.market, symbol: &bot.symbol };
        oversell(tx, account, &seller, fill.quantity - held, now)?;
    }
    match booked {
        Some(booked) => store_booked(tx, account, bot, booked, now),
        None => Ok(None),
    }
}

/// Books what a sell took from the account's other shares: the broker executed it, and no bot had them.
fn oversell(tx: &mut UserTx<'_>, account: AccountId, seller: &Seller<'_>, beyond: f64, now: Timestamp) -> Result<(), StoreError> {
    let Some(quantity) = decimal_from_f64(beyond).filter(|q| *q > Decimal::ZERO) else { return Ok(()) };
    let Seller { bot_id, name, market, symbol } = *seller;
    let event = Event::Oversold { bot_id, name: name.to_owned(), market, symbol: symbol.to_owned(), quantity };
    tx.record(account, now, Actor::Broker, vec![event]).map(drop)
}

/// An execution of a bot's order after the bot was deleted: its sells were nobody's shares any more.
fn without_bot(tx: &mut UserTx<'_>, account: AccountId, order: &Order, quantity: f64, now: Timestamp) -> Result<(), StoreError> {
    let intent = &order.intent;
    if intent.side == Side::Buy || intent.bot_id.is_none() {
        return Ok(());
    }
    let seller = Seller { bot_id: intent.bot_id, name: &intent.bot_name, market: intent.market, symbol: &intent.symbol };
    oversell(tx, account, &seller, quantity, now)
}

/// Whose sell it was.
struct Seller<'a> {
    bot_id: Option<BotId>,
    name: &'a str,
    market: Market,
    symbol: &'a str,
}

/// Stores what the engine booked.
pub(in crate::trading) fn store_booked(
    tx: &mut UserTx<'_>,
    account: AccountId,
    bot: &Bot,
    booked: Booked,
    now: Timestamp,
) -> Result<Option<HistoryRow>, StoreError> {
    let row = booked.booking.as_ref().map(|b| b.history.clone());
    if let Some(booking) = &booked.booking {
        tx.record(account, now, Actor::Bot, vec![Event::Booked { booking: Box::new(booking.clone()) }])?;
    }
    let key = account_key(account).id(bot.id.as_bytes());
    let mut changed: Bot = tx.require(&BOTS, &key)?;
    let before = changed.clone();
    if let Some(added_seed) = booked.added_seed {
        changed.added_seed = added_seed;
    }
    if let Some(trailing) = booked.trailing {
        trailing.put(&mut changed);
    }
    if changed != before {
        changed.version += 1;
        tx.put(&BOTS, &key, &changed)?;
    }
    post_events(tx, account, now, &booked.events)?;
    Ok(row)
}

/// The bot's history of its running cycle, which the cycle's summary adds up.
fn cycle_rows(tx: &UserTx<'_>, account: AccountId, bot: &Bot) -> Result<Vec<HistoryRow>, StoreError> {
    const ENOUGH: usize = 4_000;
    let rows: Vec<HistoryRow> = tx.view().list_latest(&HISTORY, &account_key(account), None, ENOUGH)?;
    Ok(rows.into_iter().rev().filter(|r| r.bot_id == Some(bot.id)).collect())
}

/// Closes a sheet the way its completion says.
pub(in crate::trading) fn end_sheet(
    tx: &mut UserTx<'_>,
    account: AccountId,
    sheet: &Sheet,
    completion: Completion,
    end: SheetEnd,
    at: BookedAt,
) -> Result<(), StoreError> {
    let now = at.now;
    let close = |reason| Event::SheetClosed { sheet_id: sheet.id, reason };
    match completion {
        Completion::Book { fill, events } => {
            post_events(tx, account, now, &events)?;
            let books = Books::read(&tx.view(), account)?;
            if let Some(bot) = sheet.bot_id.and_then(|id| books.bot(id)).cloned() {
                book_fill(tx, account, &bot, &fill, BookingOrigin::Sheet, at)?;
            }
            tx.record(account, now, Actor::Bot, vec![close(end)])?;
        }
        Completion::Empty { events } => {
            post_events(tx, account, now, &events)?;
            tx.record(account, now, Actor::Bot, vec![close(SheetEnd::Empty)])?;
        }
        Completion::BotMissing { events } => post_events(tx, account, now, &events)?,
    }
    Ok(())
}

impl Trading {
    /// Takes the results of finished orders and completes sheets whose slices are done.
    ///
    /// # Errors
    /// The first failure; what else can be settled is.
    pub(in crate::trading) async fn settle(&self, line: &Line) -> Result<(), TradingError> {
        let account = line.account_id;
        let waiting = line.user.read(|v| v.ended_orders(account))?;
        let (mut touched, mut problem) = (false, None);
        for order in waiting {
            touched = true;
            let session = self.calendar.session_on(order.intent.session).ok().flatten();
            let at = BookedAt::until(session.map(|s| s.close), self.clock.now());
            let settled = line.user.write(move |tx| settle_order(tx, account, &order, session, at)).await;
            keep(&mut problem, settled.map_err(TradingError::from));
        }
        let books = line.user.read(|v| -> Result<_, StoreError> {
            let no_sheet = v.last_key(&SHEETS, &account_key(account))?.is_none();
            if no_sheet { Ok(None) } else { Books::read(v, account).map(Some) }
        })?;
        if let Some(books) = books {
            touched |= self.complete_sheets(line, &books, &mut problem).await?;
        }
        if touched {
            self.bus.publish(line.user.id(), LiveEvent::Portfolio { account_id: account });
        }
        problem.map_or(Ok(()), Err)
    }

    /// Completes the sheets whose slices are done; `true` when there was one.
    async fn complete_sheets(&self, line: &Line, books: &Books, problem: &mut Option<TradingError>) -> Result<bool, TradingError> {
        let (account, now, mut touched) = (line.account_id, self.clock.now(), false);
        for sheet in books.sheets.iter().filter(|s| !books.sheet_waits(s) && !books.is_imported(s)) {
            let passed = self.next_slice_after(line, sheet.session, now)?.is_none();
            let bot_exists = sheet.bot_id.is_some_and(|id| books.bot(id).is_some());
            // Without its bot a sheet cannot be completed; the next decision tells its owner.
            if !bot_exists || slice::completion(sheet, passed, true).is_none() {
                continue;
            }
            touched = true;
            let (sheet_id, at) = (sheet.id, BookedAt::until(self.window(sheet.session).map(|w| w.close), now));
            let completed = line.user.write(move |tx| complete_sheet(tx, account, sheet_id, passed, at)).await;
            keep(problem, completed.map_err(TradingError::from));
            self.bus.publish(line.user.id(), LiveEvent::Sheet { account_id: account, sheet_id });
        }
        Ok(touched)
    }
}

fn complete_sheet(tx: &mut UserTx<'_>, account: AccountId, sheet_id: SheetId, last_passed: bool, at: BookedAt) -> Result<(), StoreError> {
    let books = Books::read(&tx.view(), account)?;
    let Some(sheet) = books.sheets.iter().find(|s| s.id == sheet_id && !books.sheet_waits(s)) else { return Ok(()) };
    let bot_exists = sheet.bot_id.is_some_and(|id| books.bot(id).is_some());
    match slice::completion(sheet, last_passed, bot_exists) {
        Some(completion) => end_sheet(tx, account, sheet, completion, SheetEnd::Completed, at),
        None => Ok(()),
    }
}

/// An execution that came after its order's result was taken: it goes to the same sheet while that is
/// open, afterwards to the bot as a trade of its own.
pub(in crate::trading) fn book_late(
    tx: &mut UserTx<'_>,
    account: AccountId,
    order: &Order,
    fill: &Fill,
    at: BookedAt,
) -> Result<(), StoreError> {
    let now = at.now;
    let books = Books::read(&tx.view(), account)?;
    let kind = if order.intent.side == Side::Buy { TradeKind::Buy } else { TradeKind::SellPart };
    let (quantity, total) = (fill.quantity as f64, f64_from_decimal(fill.gross));
    let late = SliceFill { kind, quantity, unit_price: cents(total / quantity), total: cents(total) };
    if let OrderOrigin::Slice { sheet_id, .. } = &order.intent.origin
        && let Some(sheet) = books.sheets.iter().find(|s| s.id == *sheet_id)
    {
        let mut after = sheet.clone();
        let late = SliceFill { kind: sheet.kind, ..late };
        after.remaining = cents(after.remaining) - if sheet.kind.is_buy() { late.total } else { late.quantity };
        match after.results.last_mut() {
            Some(result) => {
                let all: Vec<SliceFill> = result.iter().copied().chain(std::iter::once(late)).collect();
                *result = slice::merge(sheet.kind, all.iter());
            }
            None => after.results.push(Some(late)),
        }
        return tx.record(account, now, Actor::Broker, vec![Event::SheetPut { sheet: after }]).map(drop);
    }
    let (bot, symbol) = (order.intent.bot_name.clone(), order.intent.symbol.clone());
    let notice = Notice::LateFill { bot, symbol, quantity, price: late.unit_price };
    tx.post(account, now, notice.level(), &notice)?;
    match books.bot_of(order) {
        Some(bot) => book_fill(tx, account, bot, &late, BookingOrigin::LateFill, at).map(drop),
        None => without_bot(tx, account, order, quantity, now),
    }
}

/// One finished order: its result goes to the sheet, or straight to the bot's books.
fn settle_order(tx: &mut UserTx<'_>, account: AccountId, order: &Order, session: Option<Session>, at: BookedAt) -> Result<(), StoreError> {
    let now = at.now;
    let books = Books::read(&tx.view(), account)?;
    // Somebody else may have settled it since the list was read.
    let Some(order) = books.open_orders.iter().find(|o| o.intent.order_id == order.intent.order_id && o.state.is_final() && !o.settled)
    else {
        return Ok(());
    };
    let settled = Event::OrderSettled { order_id: order.intent.order_id };
    let bot = books.bot_of(order);
    match &order.intent.origin {
        OrderOrigin::Slice { sheet_id, slice: n } => {
            if let Some(sheet) = books.sheets.iter().find(|s| s.id == *sheet_id) {
                if never_arrived(order) {
                    tx.record(account, now, Actor::Bot, vec![settled])?;
                    return session.map_or(Ok(()), |session| make_up(tx, account, &session, sheet, *n, now));
                }
                let fill = fill_of(order, sheet.kind);
                let mut after = sheet.clone();
                slice::apply(&mut after, fill);
                let done =
                    Event::SliceDone { sheet_id: *sheet_id, fill: after.results.last().copied().flatten(), remaining: after.remaining };
                tx.record(account, now, Actor::Bot, vec![done, settled])?;
                return Ok(());
            }
            let kind = if order.intent.side == Side::Buy { TradeKind::Buy } else { TradeKind::SellPart };
            if let Some(fill) = fill_of(order, kind) {
                let (bot, symbol) = (order.intent.bot_name.clone(), order.intent.symbol.clone());
                let notice = Notice::LateFill { bot, symbol, quantity: fill.quantity, price: fill.unit_price };
                tx.post(account, now, notice.level(), &notice)?;
                match books.bot_of(order) {
                    Some(bot) => drop(book_fill(tx, account, bot, &fill, BookingOrigin::LateFill, at)?),
                    None => without_bot(tx, account, order, fill.quantity, now)?,
                }
            }
        }
        OrderOrigin::Closing => {
            if let Some(bot) = bot {
                let (fill, event) = closing::outcome(bot, &request_of(order), fill_of(order, TradeKind::Buy));
                if let Some(fill) = fill {
                    book_fill(tx, account, bot, &fill, BookingOrigin::Closing, at)?;
                }
                post_events(tx, account, now, &[event])?;
            }
        }
        // A person's order belongs to no bot: its fills are in the account's position already.
        OrderOrigin::Ticket => {}
        OrderOrigin::ForceSell { ratio_percent } => {
            if let Some(bot) = bot {
                let reason = order.reason.as_ref().map(|r| r.message.clone());
                let fill = fill_of(order, TradeKind::SellPart);
                let (fill, event) = force_sell::outcome(bot, &request_of(order), f64_from_decimal(*ratio_percent), fill, reason);
                post_events(tx, account, now, &[event])?;
                if let Some(fill) = fill {
                    book_fill(tx, account, bot, &fill, BookingOrigin::ForceSell, at)?;
                }
            }
        }
    }
    tx.record(account, now, Actor::Bot, vec![settled]).map(drop)
}

/// The engine's request that became this order.
fn request_of(order: &Order) -> Request {
    Request {
        side: order.intent.side,
        quantity: i64::try_from(order.intent.quantity).unwrap_or(i64::MAX),
        limit: f64_from_decimal(order.intent.limit_price.unwrap_or_default()),
    }
}
