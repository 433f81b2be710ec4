//! Results of orders go into sheets and books; complete sheets are booked. Each step is one
//! transaction, so a crash leaves either the order unsettled or everything done.

use jiff::Timestamp;
use jiff::civil::Date;

use super::books::Books;
use super::bus::LiveEvent;
use super::error::TradingError;
use super::line::Line;
use super::tick::Trading;
use crate::domain::bot::{Bot, HistoryRow, Sheet, SliceFill, TradeKind};
use crate::domain::fact::{Actor, BookingOrigin, Event, SheetEnd};
use crate::domain::id::{AccountId, HistoryId, HoldingId, SheetId};
use crate::domain::message::{Level, Notice};
use crate::domain::money::f64_from_decimal;
use crate::domain::order::{Order, OrderOrigin, Side};
use crate::quant::egg::book::{self, BookIds, Booked};
use crate::quant::egg::event::EggEvent;
use crate::quant::egg::number::cents;
use crate::quant::egg::slice::{self, Completion, Request};
use crate::quant::egg::{closing, force_sell};
use crate::storage::tables::{BOTS, HISTORY};
use crate::storage::{StoreError, UserTx, account_key, time_ordered};

/// Ids for the rows of one booking.
pub(super) fn book_ids(now: Timestamp) -> BookIds {
    BookIds { holding: HoldingId(time_ordered(now)), history: HistoryId(time_ordered(now)) }
}

/// What an order filled, in the sheet's terms.
pub(super) fn fill_of(order: &Order, kind: TradeKind) -> Option<SliceFill> {
    (order.filled_quantity > 0).then(|| {
        let total = f64_from_decimal(order.filled_amount);
        let quantity = order.filled_quantity as f64;
        SliceFill { kind, quantity, unit_price: cents(total / quantity), total: cents(total) }
    })
}

/// Posts the engine's events, each with its level.
pub(super) fn post_events(tx: &mut UserTx<'_>, account: AccountId, now: Timestamp, events: &[EggEvent]) -> Result<(), StoreError> {
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

/// Records a fill in a bot's books: facts, the bot's state, messages.
pub(super) fn book_fill(
    tx: &mut UserTx<'_>,
    account: AccountId,
    bot: &Bot,
    fill: &SliceFill,
    origin: BookingOrigin,
    now: Timestamp,
) -> Result<Option<HistoryRow>, StoreError> {
    let books = Books::read(&tx.view(), account)?;
    let holdings = books.holdings_of(bot.id);
    let booked = if fill.kind.is_buy() {
        book::buy(bot, &holdings, fill, origin, book_ids(now), now)
    } else {
        let history = cycle_rows(tx, account, bot)?;
        book::sell(bot, &holdings, &history, fill, origin, book_ids(now), now)
    };
    match booked {
        Some(booked) => store_booked(tx, account, bot, booked, now),
        None => Ok(None),
    }
}

/// Stores what the engine booked.
pub(super) fn store_booked(
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
pub(super) fn end_sheet(
    tx: &mut UserTx<'_>,
    account: AccountId,
    sheet: &Sheet,
    completion: Completion,
    end: SheetEnd,
    now: Timestamp,
) -> Result<(), StoreError> {
    let close = |reason| Event::SheetClosed { sheet_id: sheet.id, reason };
    match completion {
        Completion::Book { fill, events } => {
            post_events(tx, account, now, &events)?;
            let books = Books::read(&tx.view(), account)?;
            if let Some(bot) = sheet.bot_id.and_then(|id| books.bot(id)).cloned() {
                book_fill(tx, account, &bot, &fill, BookingOrigin::Sheet, now)?;
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
    pub(super) async fn settle(&self, line: &Line) -> Result<(), TradingError> {
        let account = line.account_id;
        let waiting = line.user.read(|v| v.open_orders(account))?;
        let mut touched = false;
        for order in waiting.into_iter().filter(|o| o.state.is_final() && !o.settled) {
            let now = self.clock.now();
            touched = true;
            line.user.write(move |tx| settle_order(tx, account, &order, now)).await?;
        }
        let now = self.clock.now();
        let books = line.user.read(|v| Books::read(v, account))?;
        for sheet in books.sheets.iter().filter(|s| !books.sheet_waits(s)) {
            if slice::completion(sheet, self.last_slice_passed(line, sheet.session, now), true).is_none() {
                continue;
            }
            touched = true;
            let (sheet_id, passed) = (sheet.id, self.last_slice_passed(line, sheet.session, now));
            line.user.write(move |tx| complete_sheet(tx, account, sheet_id, passed, now)).await?;
            self.bus.publish(line.user.id(), LiveEvent::Sheet { account_id: account, sheet_id });
        }
        if touched {
            self.bus.publish(line.user.id(), LiveEvent::Portfolio { account_id: account });
        }
        Ok(())
    }

    /// No slice of the session is to come any more.
    fn last_slice_passed(&self, line: &Line, session: Date, now: Timestamp) -> bool {
        self.next_slice_after(line, session, now).is_none()
    }
}

fn complete_sheet(tx: &mut UserTx<'_>, account: AccountId, sheet_id: SheetId, last_passed: bool, now: Timestamp) -> Result<(), StoreError> {
    let books = Books::read(&tx.view(), account)?;
    let Some(sheet) = books.sheets.iter().find(|s| s.id == sheet_id) else { return Ok(()) };
    let bot_exists = sheet.bot_id.is_some_and(|id| books.bot(id).is_some());
    match slice::completion(sheet, last_passed, bot_exists) {
        Some(completion) => end_sheet(tx, account, sheet, completion, SheetEnd::Completed, now),
        None => Ok(()),
    }
}

/// One finished order: its result goes to the sheet, or straight to the bot's books.
fn settle_order(tx: &mut UserTx<'_>, account: AccountId, order: &Order, now: Timestamp) -> Result<(), StoreError> {
    let books = Books::read(&tx.view(), account)?;
    // Somebody else may have settled it since the list was read.
    let Some(order) = books.open_orders.iter().find(|o| o.intent.order_id == order.intent.order_id && o.state.is_final() && !o.settled)
    else {
        return Ok(());
    };
    let settled = Event::OrderSettled { order_id: order.intent.order_id };
    let bot = order.intent.bot_id.and_then(|id| books.bot(id));
    match &order.intent.origin {
        OrderOrigin::Slice { sheet_id, .. } => {
            if let Some(sheet) = books.sheets.iter().find(|s| s.id == *sheet_id) {
                let fill = fill_of(order, sheet.kind);
                let mut after = sheet.clone();
                slice::apply(&mut after, fill);
                let done =
                    Event::SliceDone { sheet_id: *sheet_id, fill: after.results.last().copied().flatten(), remaining: after.remaining };
                tx.record(account, now, Actor::Bot, vec![done, settled])?;
                return Ok(());
            }
            let kind = if order.intent.side == Side::Buy { TradeKind::Buy } else { TradeKind::SellPart };
            if let (Some(bot), Some(fill)) = (bot, fill_of(order, kind)) {
                let notice =
                    Notice::LateFill { bot: bot.name.clone(), symbol: bot.symbol.clone(), quantity: fill.quantity, price: fill.unit_price };
                tx.post(account, now, notice.level(), &notice)?;
                book_fill(tx, account, bot, &fill, BookingOrigin::LateFill, now)?;
            }
        }
        OrderOrigin::Closing => {
            if let Some(bot) = bot {
                let (fill, event) = closing::outcome(bot, &request_of(order), fill_of(order, TradeKind::Buy));
                if let Some(fill) = fill {
                    book_fill(tx, account, bot, &fill, BookingOrigin::Closing, now)?;
                }
                post_events(tx, account, now, &[event])?;
            }
        }
        OrderOrigin::ForceSell { ratio_percent } => {
            if let Some(bot) = bot {
                let reason = order.reason.as_ref().map(|r| r.message.clone());
                let fill = fill_of(order, TradeKind::SellPart);
                let (fill, event) = force_sell::outcome(bot, &request_of(order), f64_from_decimal(*ratio_percent), fill, reason);
                post_events(tx, account, now, &[event])?;
                if let Some(fill) = fill {
                    book_fill(tx, account, bot, &fill, BookingOrigin::ForceSell, now)?;
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
        limit: f64_from_decimal(order.intent.limit_price),
    }
}
