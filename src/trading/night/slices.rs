//! The slice slots: one limit order per sheet and slice. The order of a sheet's slice has an id
//! computed from sheet and slice, so a slice that was begun before a crash is never sent twice.

use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use sha2::{Digest, Sha256};

use super::settle::post_events;
use super::slots::{HALTED, HELD, Outcome, handle, mark, run_of};
use crate::domain::account::AccountMode;
use crate::domain::bot::Sheet;
use crate::domain::fact::{Actor, Event};
use crate::domain::id::{AccountId, BotId, OrderId, SheetId};
use crate::domain::money::{decimal_from_f64, f64_from_decimal};
use crate::domain::order::{OrderIntent, OrderOrigin, Side};
use crate::domain::schedule::{SessionPlan, Slot};
use crate::domain::slot::{RunState, SlotRun};
use crate::quant::egg::event::EggEvent;
use crate::quant::egg::number::truncate;
use crate::quant::egg::slice::{self, Request, SlicePlan};
use crate::quant::egg::turn;
use crate::storage::tables::ORDERS;
use crate::storage::{StoreError, UserView, account_key};
use crate::trading::books::Books;
use crate::trading::bus::LiveEvent;
use crate::trading::error::TradingError;
use crate::trading::line::Line;
use crate::trading::orders::gate::{Seen, Window};
use crate::trading::orders::reconcile::keep;
use crate::trading::orders::service::{Placement, RequestKey};
use crate::trading::reconciliation::differences::held_notice;
use crate::trading::tick::Trading;

/// Longest life of a slice's order.
const ORDER_LIFE: SignedDuration = SignedDuration::from_mins(5);
/// The order is gone this long before the next slice or the close.
const CLEARANCE: SignedDuration = SignedDuration::from_secs(60);

/// An id that the same question always gives: the time keeps orders in order, the hash keeps it unique.
pub(in crate::trading) fn derived_order_id(at: Timestamp, parts: &[&[u8]]) -> OrderId {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let digest = hash.finalize();
    let mut bytes = [0_u8; 16];
    for (to, from) in bytes.iter_mut().zip(digest.iter()) {
        *to = *from;
    }
    let millis = u64::try_from(at.as_millisecond()).unwrap_or(0).to_be_bytes();
    for (to, from) in bytes.iter_mut().zip(millis.iter().skip(2)) {
        *to = *from;
    }
    OrderId(uuid::Builder::from_custom_bytes(bytes).with_version(uuid::Version::SortRand).into_uuid())
}

/// When an order that is sent now is cancelled: after five minutes, a minute before the next slice or
/// the close, whichever comes first. Where one of them is no more than that minute away, the order has
/// half the time until then, so that the other half is left to cancel it and to read what it did.
pub(in crate::trading) fn order_deadline(now: Timestamp, next_slice: Option<Timestamp>, close: Timestamp) -> Timestamp {
    let life_before = |end: Timestamp| {
        let gap = end.duration_since(now).max(SignedDuration::ZERO);
        if gap > CLEARANCE { gap.saturating_sub(CLEARANCE) } else { gap / 2 }
    };
    let life = next_slice.map_or(ORDER_LIFE, life_before).min(life_before(close)).min(ORDER_LIFE);
    now.saturating_add(life).unwrap_or(now)
}

/// The order that a request of the engine becomes.
#[derive(Debug)]
pub(in crate::trading) struct Asked<'a> {
    pub order_id: OrderId,
    pub bot: Option<BotId>,
    pub bot_name: &'a str,
    pub market: crate::domain::instrument::Market,
    pub symbol: &'a str,
    pub request: Request,
    pub origin: OrderOrigin,
    pub actor: Actor,
    pub key: Option<RequestKey>,
    /// Shares that the bot had left when the request was made out; see [`Placement::premise`].
    pub premise: Option<f64>,
}

impl Trading {
    /// Hands one request to the order service.
    pub(in crate::trading) async fn ask(
        &self,
        line: &Line,
        plan: &SessionPlan,
        expires_at: Timestamp,
        asked: Asked<'_>,
    ) -> Result<crate::domain::order::Order, TradingError> {
        let window = Window { session: plan.session, open: plan.open, close: plan.close };
        self.require_compared(line, asked.market).await?;
        let exchange = self.exchange(line, asked.symbol).await?;
        let limit = decimal_from_f64(asked.request.limit).unwrap_or(Decimal::ZERO);
        let intent = OrderIntent {
            order_id: asked.order_id,
            account_id: line.account_id,
            bot_id: asked.bot,
            bot_name: asked.bot_name.to_owned(),
            environment: line.gateway.environment(),
            market: asked.market,
            symbol: asked.symbol.to_owned(),
            side: asked.request.side,
            quantity: u64::try_from(asked.request.quantity).unwrap_or(0),
            kind: crate::domain::order::OrderKind::Limit,
            limit_price: Some(limit),
            trigger_price: None,
            venue: crate::domain::order::Venue::Krx,
            origin: asked.origin,
            session: plan.session,
            expires_at,
        };
        let placement =
            Placement { intent, exchange, window, seen: Seen::default(), actor: asked.actor, key: asked.key, premise: asked.premise };
        self.service.place(line, &*self.clock, placement).await
    }

    pub(in crate::trading) async fn run_slice(&self, line: &Line, plan: &SessionPlan, slot: Slot) -> Result<Outcome, TradingError> {
        let account = line.account_id;
        let now = self.clock.now();
        let books = line.user.read(|v| Books::read(v, account))?;
        let turns = turn::sheets(&books.bots, &books.sheets).into_iter();
        let sheets: Vec<Sheet> = turns.filter(|s| s.session == plan.session && !books.is_imported(s)).cloned().collect();
        if sheets.is_empty() {
            return Ok(Outcome::Done("no sheets".to_owned()));
        }
        if books.account.mode != AccountMode::Trading {
            return Ok(Outcome::Done("the account only observes".to_owned()));
        }
        if self.is_halted(line.user.id(), account)? {
            return Ok(Outcome::Done(HALTED.to_owned()));
        }
        line.user.write(move |tx| mark(tx, account, slot, RunState::Running, now, "")).await?;
        let (mut waits, mut held, mut problem) = (false, false, None);
        for sheet in sheets {
            // One sheet's trouble keeps no other from its slice.
            let step = keep(&mut problem, self.slice_of(line, plan, slot, sheet.id).await);
            waits |= step == Some(Step::Waits);
            held |= step == Some(Step::Held);
        }
        // Most orders fill at once: take the result now instead of at the next tick, which also tells
        // when the list cannot be read.
        if self.refresh_orders(line, true).await.is_ok() {
            self.settle(line).await?;
        }
        // With the next slice's time this one is over; what it left undone is in the sheet's remainder.
        let overtaken = usize::try_from(slot.n).ok().and_then(|next| plan.slices.get(next)).is_some_and(|next| self.clock.now() >= *next);
        match problem {
            Some(error) => Err(error),
            None if waits && !overtaken => Ok(Outcome::Later),
            None if waits => Ok(Outcome::Done("an earlier order was still open".to_owned())),
            None => Ok(Outcome::Done(if held { HELD } else { "" }.to_owned())),
        }
    }

    /// Something was sent or noted in a slice that is still running.
    pub(in crate::trading) fn is_partly_done(
        &self,
        view: &UserView<'_>,
        books: &Books,
        plan: &SessionPlan,
        run: &SlotRun,
    ) -> Result<bool, StoreError> {
        let account = books.account.id;
        for sheet in books.sheets.iter().filter(|s| s.session == plan.session) {
            let id = slice_order_id(account, plan, sheet.id, run.slot.n);
            if view.get(&ORDERS, &account_key(account).id(id.as_bytes()))?.is_some() {
                return Ok(true);
            }
        }
        Ok(!run.handled.is_empty())
    }

    async fn slice_of(&self, line: &Line, plan: &SessionPlan, slot: Slot, sheet_id: SheetId) -> Result<Step, TradingError> {
        let account = line.account_id;
        let order_id = slice_order_id(account, plan, sheet_id, slot.n);
        let (books, run, sent) = line.user.read(|v| {
            let sent = v.get(&ORDERS, &account_key(account).id(order_id.as_bytes()))?.is_some();
            Ok::<_, StoreError>((Books::read(v, account)?, run_of(v, account, &slot)?, sent))
        })?;
        let Some(sheet) = turn_of(&books, sheet_id) else { return Ok(Step::Gone) };
        if sent || run.is_some_and(|r| r.handled.contains(&sheet_id.0)) {
            return Ok(Step::Gone);
        }
        if sheet.bot_id.is_some_and(|bot| !books.account.acts(bot)) {
            // Its owner has made it observe since the decision; the next one ends the sheet.
            return Ok(Step::Gone);
        }
        let side = if sheet.kind.is_buy() { Side::Buy } else { Side::Sell };
        if books.sheet_waits(sheet) || books.stands_in_the_way(&sheet.symbol, side) {
            return Ok(Step::Waits);
        }
        if let Some(event) = slice::obstacle(sheet, plan.session) {
            self.skip_slice(line, slot, sheet, false, Some(event)).await?;
            return Ok(Step::Gone);
        }
        let quote = self.price(line, &sheet.symbol).await?;
        if let Some(question) = self.held(line, plan.session, sheet.market, &sheet.symbol, quote.as_ref()).await? {
            self.skip_slice(line, slot, sheet, true, None).await?;
            if sheet.bot_id.is_some_and(|bot| self.holds.is_news(bot, plan.session)) {
                self.notify(line, held_notice(&sheet.name, &question)).await?;
            }
            return Ok(Step::Held);
        }
        let price = quote.map(|q| f64_from_decimal(q.last));
        // The broker took its time: a bot that was switched off meanwhile sends nothing any more.
        let mut books = line.user.read(|v| Books::read(v, account))?;
        let Some(mut sheet) = turn_of(&books, sheet_id) else { return Ok(Step::Gone) };
        let mut certain = i64::MAX;
        if let (SlicePlan::Send(Request { side: Side::Sell, quantity, .. }), Some(bot)) = (slice::plan(sheet, price), sheet.bot_id) {
            let unsold = self.unsold(line, bot, plan.session, quantity).await?;
            books = line.user.read(|v| Books::read(v, account))?;
            let Some(after) = turn_of(&books, sheet_id) else { return Ok(Step::Gone) };
            sheet = after;
            if matches!(slice::plan(sheet, price), SlicePlan::Send(request) if unsold.is_doubtful(request.quantity)) {
                certain = truncate(unsold.shares - unsold.in_doubt);
                // What is in doubt is left to later slices; the last waits until it is not.
                if certain <= 0 || sheet.slices_left <= 1 {
                    return Ok(Step::Waits);
                }
            }
        }
        match self.affordable(&books, sheet, slice::plan(sheet, price), certain) {
            SlicePlan::NoPrice => self.skip_slice(line, slot, sheet, true, Some(slice::no_price_event(sheet))).await?,
            SlicePlan::NoShares { .. } => self.skip_slice(line, slot, sheet, true, None).await?,
            SlicePlan::Send(request) => {
                let now = self.clock.now();
                let next = plan.slices.iter().copied().find(|at| *at > now);
                let expires_at = order_deadline(now, next, plan.close);
                let asked = Asked {
                    order_id,
                    bot: sheet.bot_id,
                    bot_name: &sheet.name,
                    market: sheet.market,
                    symbol: &sheet.symbol,
                    request,
                    origin: OrderOrigin::Slice { sheet_id, slice: slot.n },
                    actor: Actor::Bot,
                    key: None,
                    premise: None,
                };
                self.ask(line, plan, expires_at, asked).await?;
            }
        }
        self.bus.publish(line.user.id(), LiveEvent::Sheet { account_id: account, sheet_id });
        Ok(Step::Gone)
    }

    /// A slice sells no more than its bot still has: a force sell or a correction may have taken the
    /// rest since the sheet was opened. And no more than `certain` shares.
    fn affordable(&self, books: &Books, sheet: &Sheet, plan: SlicePlan, certain: i64) -> SlicePlan {
        let SlicePlan::Send(request) = plan else { return plan };
        let Some(bot) = sheet.bot_id.filter(|_| request.side == Side::Sell) else { return SlicePlan::Send(request) };
        let quantity = request.quantity.min(truncate(books.unsold_of(bot))).min(certain);
        if quantity > 0 { SlicePlan::Send(Request { quantity, ..request }) } else { SlicePlan::NoShares { limit: request.limit } }
    }

    /// Notes a slice that sends nothing, once per slot; an empty one counts as a slice.
    async fn skip_slice(&self, line: &Line, slot: Slot, sheet: &Sheet, counts: bool, event: Option<EggEvent>) -> Result<(), TradingError> {
        let (account, now, sheet_id) = (line.account_id, self.clock.now(), sheet.id);
        line.user
            .write(move |tx| -> Result<(), StoreError> {
                let books = Books::read(&tx.view(), account)?;
                let Some(sheet) = books.sheets.iter().find(|s| s.id == sheet_id) else { return Ok(()) };
                if !handle(tx, account, slot, sheet_id.0, now)? {
                    return Ok(());
                }
                if counts {
                    let mut after = sheet.clone();
                    slice::apply(&mut after, None);
                    tx.record(account, now, Actor::Bot, vec![Event::SliceDone { sheet_id, fill: None, remaining: after.remaining }])?;
                }
                post_events(tx, account, now, event.as_slice())
            })
            .await?;
        Ok(())
    }
}

/// The id of a sheet's order in a slice. The slice's number stands in the id's time and the sheet's
/// rank behind it, so that orders list by slice and within a slice as the bots stand.
fn slice_order_id(account: AccountId, plan: &SessionPlan, sheet: SheetId, n: u32) -> OrderId {
    let place = plan.open.saturating_add(SignedDuration::from_secs(i64::from(n))).unwrap_or(plan.open);
    let OrderId(id) = derived_order_id(place, &[b"slice", account.as_bytes(), sheet.as_bytes(), &n.to_be_bytes()]);
    OrderId(with_rank(id, rank_of(sheet)))
}

/// The largest rank that fits between an id's time and its random part.
const LAST_RANK: u16 = 0x0fff;

/// A fresh id for the sheet of the bot at `position`: sheets of one decision sort as the bots stand.
pub(in crate::trading) fn fresh_sheet_id(now: Timestamp, position: u32) -> SheetId {
    let rank = u16::try_from(position).unwrap_or(LAST_RANK).min(LAST_RANK);
    SheetId(with_rank(crate::storage::time_ordered(now), rank))
}

fn with_rank(id: uuid::Uuid, rank: u16) -> uuid::Uuid {
    const SHIFT: u32 = 64;
    let cleared = id.as_u128() & !(u128::from(LAST_RANK) << SHIFT);
    uuid::Uuid::from_u128(cleared | (u128::from(rank & LAST_RANK) << SHIFT))
}

fn rank_of(SheetId(id): SheetId) -> u16 {
    let [_, _, _, _, _, _, high, low, ..] = *id.as_bytes();
    u16::from_be_bytes([high, low]) & LAST_RANK
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Nothing is left to do for this sheet in this slice.
    Gone,
    /// An earlier order must end first.
    Waits,
    /// A question to the owner keeps the slice back.
    Held,
}

/// The sheet, if it still gets slices.
fn turn_of(books: &Books, sheet: SheetId) -> Option<&Sheet> {
    turn::sheets(&books.bots, &books.sheets).into_iter().find(|s| s.id == sheet)
}

/// The id of an order that stands outside sheets: one per bot, session and purpose.
pub(in crate::trading) fn once_per_session(account: AccountId, bot: BotId, plan: &SessionPlan, purpose: &[u8]) -> OrderId {
    derived_order_id(plan.close, &[purpose, account.as_bytes(), bot.as_bytes(), plan.session.to_string().as_bytes()])
}

/// A fresh id for an order that a person asks for.
pub(in crate::trading) fn fresh_order_id(now: Timestamp) -> OrderId {
    OrderId(crate::storage::time_ordered(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_lives_until_a_minute_before_the_next_slice_or_the_close() {
        let now: Timestamp = "2026-05-14T15:10:00Z".parse().unwrap();
        let after = |secs: i64| now + SignedDuration::from_secs(secs);
        let life = |next: Option<i64>, close: i64| order_deadline(now, next.map(after), after(close)).duration_since(now).as_secs();
        assert_eq!((life(None, 9_000), life(Some(3_900), 9_000)), (300, 300), "five minutes at most");
        assert_eq!((life(Some(300), 9_000), life(Some(120), 9_000)), (240, 60));
        assert_eq!((life(None, 300), life(Some(3_900), 300), life(Some(180), 150)), (240, 240, 90));
        // Denser than the minute: half the time.
        assert_eq!((life(Some(61), 9_000), life(Some(60), 9_000), life(Some(16), 9_000)), (1, 30, 8));
        assert_eq!((life(None, 40), life(None, 0), life(Some(0), 9_000)), (20, 0, 0));
        for gap in 1..400 {
            let clearance = if gap > 60 { 60 } else { gap / 2 };
            assert!(life(Some(gap), 9_000) <= gap - clearance, "{gap} s to the next slice");
        }
    }
}
