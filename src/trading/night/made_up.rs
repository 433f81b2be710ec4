//! Slices whose orders never reached the broker. Such a slice does not count: what it should have
//! traded goes to the slices that are left, up to twice a planned slice each, and where those are too
//! few for that, more slices are put between them, before the close.

use jiff::Timestamp;

use super::slots::{fewer_slices, least_slices, plan_of, runs_of};
use crate::brokers::error::ON_THE_WAY;
use crate::domain::bot::Sheet;
use crate::domain::calendar::Session;
use crate::domain::fact::{Actor, Event};
use crate::domain::id::AccountId;
use crate::domain::message::Notice;
use crate::domain::order::{Order, OrderState};
use crate::domain::schedule::Job;
use crate::domain::schedule::respace::with_room;
use crate::domain::slot::{RunState, SliceTimes};
use crate::storage::tables::{ACCOUNTS, SLICE_TIMES};
use crate::storage::{StoreError, UserTx, account_key};

/// The order got lost on its way: nobody at the broker decided anything about it. One that the broker
/// refused, or took and did not fill, is an empty slice instead.
pub(in crate::trading) fn never_arrived(order: &Order) -> bool {
    let on_the_way = order.reason.as_ref().is_some_and(|r| ON_THE_WAY.contains(&r.code.as_str()));
    order.state == OrderState::Rejected && order.filled_quantity == 0 && (on_the_way || order.is_not_placed())
}

/// Makes room for what slice `n` of a sheet should have traded.
pub(in crate::trading) fn make_up(
    tx: &mut UserTx<'_>,
    account: AccountId,
    session: &Session,
    sheet: &Sheet,
    n: u32,
    now: Timestamp,
) -> Result<(), StoreError> {
    if now >= session.close {
        return Ok(());
    }
    let planned = plan_of(&tx.view(), account, session)?.slices;
    let runs = runs_of(&tx.view(), account, session.date)?;
    let of_slice = |n: u32| runs.iter().find(|r| r.slot.job == Job::Slice && r.slot.n == n);
    let begun = (1_u32..).zip(&planned).filter(|(n, at)| **at <= now || of_slice(*n).is_some()).count();
    // Later slices that wait for this one's fate come right after it.
    let waiting = (1_u32..).zip(planned.iter().take(begun)).filter(|(m, _)| *m > n && of_slice(*m).is_none_or(is_running)).count();
    let row = tx.require(&ACCOUNTS, &account_key(account))?;
    let wanted = usize::try_from(least_slices(&row, sheet)).unwrap_or(0);
    let moved = with_room(&planned, begun, wanted.saturating_sub(waiting), now, session.close);
    let times = moved.as_ref().unwrap_or(&planned);
    let slots = i64::try_from(waiting + times.len().saturating_sub(begun)).unwrap_or(i64::MAX);
    if slots == 0 {
        return Ok(());
    }
    let slices_left = fewer_slices(&row, sheet, slots, 0);
    if slices_left != sheet.slices_left {
        tx.record(account, now, Actor::Bot, vec![Event::SheetPut { sheet: Sheet { slices_left, ..sheet.clone() } }])?;
    }
    if let Some(times) = moved {
        let (key, last) = (account_key(account).date(session.date), times.last().copied().unwrap_or(now));
        let first = tx.get(&SLICE_TIMES, &key)?.is_none();
        tx.put(&SLICE_TIMES, &key, &SliceTimes { times })?;
        // An endpoint that is down all night moves the slices again and again: told once.
        if !first {
            return Ok(());
        }
        let notice = Notice::SlicesRespaced { bot: sheet.name.clone(), slices: u32::try_from(slots).unwrap_or(u32::MAX), last };
        tx.post(account, now, notice.level(), &notice)?;
    }
    Ok(())
}

fn is_running(run: &crate::domain::slot::SlotRun) -> bool {
    run.state == RunState::Running
}
