//! Which slots of an account are due, and the record that each runs at most once.

use std::collections::BTreeSet;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::missed::Hindrance;
use crate::brokers::BrokerError;
use crate::domain::account::Account;
use crate::domain::bot::Sheet;
use crate::domain::calendar::{CalendarError, Session};
use crate::domain::fact::{Actor, Event};
use crate::domain::id::AccountId;
use crate::domain::limits::{Return, ReturnKind};
use crate::domain::message::Notice;
use crate::domain::schedule::respace::{MAX_SHARE, respaced};
use crate::domain::schedule::{Job, SessionPlan, Slot};
use crate::domain::slot::{RunState, SliceTimes, SlotRun};
use crate::storage::tables::{ACCOUNTS, SLICE_TIMES, SLOTS};
use crate::storage::{Key, StoreError, UserTx, UserView, account_key};
use crate::trading::books::Books;
use crate::trading::error::TradingError;
use crate::trading::line::Line;
use crate::trading::orders::gate::orders_one_share;
use crate::trading::orders::reconcile::keep;
use crate::trading::tick::Trading;

/// What is noted of a slot in which the kill switch kept everything back.
pub(in crate::trading) const HALTED: &str = "the kill switch is on";

/// What is noted of a slot in which a question to the owner held a bot.
pub(in crate::trading) const HELD: &str = "a bot waited for an answer";

/// What running a slot came to.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::trading) enum Outcome {
    Done(String),
    /// Not finished: a later tick goes on with it.
    Later,
}

/// Whether a slot never runs, because the data are those of an earlier time. What was due by then may have been
/// done by whoever had the data; after a restore that holds for the rest of a session, too, whose orders were
/// decided there.
pub(in crate::trading) fn is_void(returned: Option<&Return>, job: Job, due: Timestamp, plan: &SessionPlan) -> bool {
    returned.is_some_and(|returned| {
        let decided_there = returned.kind == ReturnKind::Restore && plan.decision <= returned.until;
        due <= returned.until || (decided_there && matches!(job, Job::Slice | Job::ClosingBuy))
    })
}

/// A late slot still runs until this.
pub(in crate::trading) fn last_call(returned: Option<&Return>, job: Job, due: Timestamp, plan: &SessionPlan) -> Timestamp {
    if is_void(returned, job, due, plan) {
        return Timestamp::MIN;
    }
    let after = |at: Timestamp, by: i64| at.saturating_add(SignedDuration::from_mins(by)).unwrap_or(at);
    match job {
        Job::Readiness => plan.open,
        // A decision needs time for at least one slice before the close. What a schedule puts later
        // than that runs at its time.
        Job::Decision => after(plan.close, -15).max(after(due, 1)).min(plan.close),
        Job::Slice => after(plan.close, -2).max(after(due, 1)).min(plan.close),
        // A closing buy is only right near the close: it is reported, not caught up.
        Job::ClosingBuy => after(due, 5).min(plan.close),
        Job::Message | Job::Report => after(due, 12 * 60),
    }
}

fn slot_key(account: AccountId, slot: &Slot) -> Key {
    account_key(account).date(slot.session).u64(slot.job as u64).u64(u64::from(slot.n))
}

/// Writes a slot's record.
pub(in crate::trading) fn mark(
    tx: &mut UserTx<'_>,
    account: AccountId,
    slot: Slot,
    state: RunState,
    now: Timestamp,
    detail: &str,
) -> Result<(), StoreError> {
    let key = slot_key(account, &slot);
    let before = tx.get(&SLOTS, &key)?;
    let started_at = before.as_ref().map_or(now, |r| r.started_at);
    let (finished_at, handled) = match state {
        RunState::Running => (None, before.map(|r| r.handled).unwrap_or_default()),
        RunState::Done | RunState::Failed | RunState::Missed => (Some(now), Vec::new()),
    };
    tx.put(&SLOTS, &key, &SlotRun { slot, state, started_at, finished_at, detail: detail.to_owned(), handled })
}

/// Notes in a running slot that it is done with one bot or sheet; `false` when it was already.
pub(in crate::trading) fn handle(
    tx: &mut UserTx<'_>,
    account: AccountId,
    slot: Slot,
    part: Uuid,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let key = slot_key(account, &slot);
    let started =
        SlotRun { slot, state: RunState::Running, started_at: now, finished_at: None, detail: String::new(), handled: Vec::new() };
    let mut run = tx.get(&SLOTS, &key)?.unwrap_or(started);
    if run.handled.contains(&part) {
        return Ok(false);
    }
    run.handled.push(part);
    tx.put(&SLOTS, &key, &run)?;
    Ok(true)
}

/// The record of a slot, if it was begun.
pub(in crate::trading) fn run_of(view: &UserView<'_>, account: AccountId, slot: &Slot) -> Result<Option<SlotRun>, StoreError> {
    view.get(&SLOTS, &slot_key(account, slot))
}

/// Records of one session.
pub(in crate::trading) fn runs_of(view: &UserView<'_>, account: AccountId, session: Date) -> Result<Vec<SlotRun>, StoreError> {
    view.list(&SLOTS, &account_key(account).date(session))
}

impl Trading {
    /// The plan of a session for an account, with slice times moved by an earlier outage.
    pub(in crate::trading) fn plan(
        &self,
        view: &UserView<'_>,
        account: AccountId,
        session: Date,
    ) -> Result<Option<SessionPlan>, TradingError> {
        let Some(session) = self.calendar.session_on(session).map_err(calendar)? else { return Ok(None) };
        Ok(Some(plan_of(view, account, &session)?))
    }

    /// The time of the first slice of a session that has not run; `None` when no slice is to come any more.
    pub(in crate::trading) fn next_slice_after(
        &self,
        line: &Line,
        session: Date,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, TradingError> {
        let (plan, runs) =
            line.user.read(|v| Ok::<_, TradingError>((self.plan(v, line.account_id, session)?, runs_of(v, line.account_id, session)?)))?;
        let Some(plan) = plan.filter(|plan| now < plan.close) else { return Ok(None) };
        let finished = |n: u32| runs.iter().any(|r| r.slot.job == Job::Slice && r.slot.n == n && r.state != RunState::Running);
        Ok((1_u32..).zip(&plan.slices).find(|(n, _)| !finished(*n)).map(|(_, at)| *at))
    }

    /// Runs what is due, in order; what is too late is told and left.
    ///
    /// # Errors
    /// The first failure that is worth another try; whatever does not depend on it was run.
    pub(in crate::trading) async fn run_due(&self, line: &Line) -> Result<(), TradingError> {
        let now = self.clock.now();
        let today = self.calendar.trading_date_for(now).map_err(calendar)?;
        let yesterday = self.calendar.previous_session(today).map_err(calendar)?;
        let mut problem = None;
        for session in [Some(yesterday), self.calendar.session_on(today).map_err(calendar)?].into_iter().flatten() {
            keep(&mut problem, self.run_session(line, session).await);
        }
        problem.map_or(Ok(()), Err)
    }

    /// Runs a session's slots. Slices wait for the decision and for the slice before them, the closing
    /// buy waits for the decision; nothing else waits for anything.
    async fn run_session(&self, line: &Line, session: Session) -> Result<(), TradingError> {
        let mut held: BTreeSet<Job> = BTreeSet::new();
        let mut problem = None;
        let returned = self.install_rules()?.returned;
        'again: loop {
            self.respace_after_outage(line, session.date).await?;
            self.miss_of(&line.user, line.account_id, session, Hindrance::Outage).await?;
            let plan = line.user.read(|v| plan_of(v, line.account_id, &session))?;
            let created = line.user.read(|v| v.require(&ACCOUNTS, &account_key(line.account_id)))?.created_at;
            for slot in plan.slots() {
                let now = self.clock.now();
                if slot.at > now || slot.at < created {
                    continue;
                }
                let run = line.user.read(|v| run_of(v, line.account_id, &slot))?;
                if run.is_some_and(|r| r.state != RunState::Running) {
                    continue;
                }
                // What has become too late meanwhile is noted the next time.
                if held.contains(&slot.job) || now > last_call(returned.as_ref(), slot.job, slot.at, &plan) {
                    continue;
                }
                match keep(&mut problem, self.run_slot(line, &plan, slot).await) {
                    // What it left behind may call for another plan of the slices to come.
                    Some(Progress::Goes) if matches!(slot.job, Job::Decision | Job::Slice) => continue 'again,
                    Some(Progress::Goes) => {}
                    Some(Progress::Waits) | None => match slot.job {
                        Job::Decision => held.extend([Job::Decision, Job::Slice, Job::ClosingBuy]),
                        job => held.extend([job]),
                    },
                }
            }
            break;
        }
        problem.map_or(Ok(()), Err)
    }

    async fn run_slot(&self, line: &Line, plan: &SessionPlan, slot: Slot) -> Result<Progress, TradingError> {
        let (account, now) = (line.account_id, self.clock.now());
        let outcome = match slot.job {
            Job::Readiness => self.check_readiness(line, plan, slot).await,
            Job::Decision => self.decide(line, plan, slot).await,
            Job::Slice => self.run_slice(line, plan, slot).await,
            Job::ClosingBuy => self.closing_buys(line, plan, slot).await,
            Job::Message => self.daily_messages(line, slot).await,
            Job::Report => self.report_session(line, plan, slot).await,
        };
        match outcome {
            Ok(Outcome::Done(detail)) => {
                line.user.write(move |tx| mark(tx, account, slot, RunState::Done, now, &detail)).await?;
                Ok(Progress::Goes)
            }
            Ok(Outcome::Later) => Ok(Progress::Waits),
            // The slot stays open and is tried again until its last call; the owner hears of it once.
            Err(error) if retryable(&error) => Err(error),
            Err(error) => {
                let detail = error.to_string();
                line.user
                    .write(move |tx| -> Result<(), StoreError> {
                        mark(tx, account, slot, RunState::Failed, now, &detail)?;
                        let notice = Notice::SlotFailed { job: slot.job.name().to_owned(), detail: detail.clone() };
                        tx.post(account, now, notice.level(), &notice).map(drop)
                    })
                    .await?;
                Ok(Progress::Goes)
            }
        }
    }

    /// After an outage (two slices or more overdue) the slices that are left are spread over what is
    /// left of the session; none carries more than twice a planned slice.
    async fn respace_after_outage(&self, line: &Line, session: Date) -> Result<(), TradingError> {
        let (account, now) = (line.account_id, self.clock.now());
        let Some(plan) = line.user.read(|v| self.plan(v, account, session))? else { return Ok(()) };
        let returned = self.install_rules()?.returned;
        let (runs, books) = line.user.read(|v| Ok::<_, StoreError>((runs_of(v, account, session)?, Books::read(v, account)?)))?;
        let of_slices = || runs.iter().filter(|r| r.slot.job == Job::Slice);
        let done = of_slices().filter(|r| r.state != RunState::Running).count();
        let overdue = plan.slices.iter().skip(done).filter(|at| **at <= now).count();
        let traded = |s: &&Sheet| s.session == session && !books.is_imported(s);
        if overdue < 2
            || is_void(returned.as_ref(), Job::Slice, now, &plan)
            || now > last_call(None, Job::Slice, plan.open, &plan)
            || !books.sheets.iter().any(|s| traded(&s))
        {
            return Ok(());
        }
        // A slice that was begun is brought to its end first; then the rest is spread.
        let begun = of_slices().find(|r| r.state == RunState::Running);
        if let Some(run) = begun
            && line.user.read(|v| self.is_partly_done(v, &books, &plan, run))?
        {
            return Ok(());
        }
        let spread = respaced(&plan.slices, done, now, plan.close);
        let times: Vec<Timestamp> = plan.slices.iter().take(done).copied().chain(spread.times.iter().copied()).collect();
        let slots = i64::try_from(spread.times.len()).unwrap_or(i64::MAX);
        line.user
            .write(move |tx| -> Result<(), StoreError> {
                tx.put(&SLICE_TIMES, &account_key(account).date(session), &SliceTimes { times: times.clone() })?;
                let books = Books::read(&tx.view(), account)?;
                for sheet in books.sheets.iter().filter(|s| s.session == session && s.slices_left > 0 && !books.is_imported(s)) {
                    let least = least_slices(sheet, &books.account);
                    let slices_left = fewer_slices(sheet, slots, least, i64::from(books.sheet_waits(sheet)));
                    let (bot, last) = (sheet.name.clone(), times.last().copied().unwrap_or(now));
                    let notice = Notice::SlicesRespaced { bot, slices: u32::try_from(slots).unwrap_or(u32::MAX), last };
                    tx.record(account, now, Actor::Bot, vec![Event::SheetPut { sheet: Sheet { slices_left, ..sheet.clone() } }])?;
                    tx.post(account, now, notice.level(), &notice)?;
                }
                Ok(())
            })
            .await?;
        Ok(())
    }
}

/// The plan of a session, with slice times moved by an earlier outage.
pub(in crate::trading) fn plan_of(view: &UserView<'_>, account: AccountId, session: &Session) -> Result<SessionPlan, StoreError> {
    let account = view.require(&ACCOUNTS, &account_key(account))?;
    let mut plan = account.settings.schedule.plan(session);
    if let Some(moved) = view.get(&SLICE_TIMES, &account_key(account.id).date(session.date))? {
        plan.slices = moved.times;
    }
    Ok(plan)
}

/// Fewest slices in which a sheet can be carried out when none is more than twice what was planned. On
/// the rung of one share no slice makes up for another: one is enough.
pub(in crate::trading) fn least_slices(sheet: &Sheet, account: &Account) -> i64 {
    let planned = sheet.total / sheet.slices_total.max(1) as f64;
    let one_share = sheet.bot_id.is_some_and(|bot| orders_one_share(account, bot));
    if planned > 0.0 && !one_share { (sheet.remaining / (MAX_SHARE * planned) - 1e-9).ceil() as i64 } else { 1 }
}

/// Slices of a sheet when `slots` times are left for it, at least `least`. The next slice takes
/// remaining / slices_left: never more than twice what was planned for one, whatever happened before. An
/// order that is still open (`pending`) takes one slice with its result.
pub(in crate::trading) fn fewer_slices(sheet: &Sheet, slots: i64, least: i64, pending: i64) -> i64 {
    let left = (sheet.slices_left - pending).max(1);
    slots.max(least).clamp(1, left) + pending.min(sheet.slices_left - 1)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    Goes,
    Waits,
}

fn retryable(error: &TradingError) -> bool {
    match error {
        // A reading that makes no sense may be a broker's bad minute; the owner hears of it at once.
        TradingError::Broker(error) => error.is_transient() || matches!(error, BrokerError::Unauthorized { .. } | BrokerError::Protocol(_)),
        TradingError::Store(error) => matches!(error, StoreError::Busy | StoreError::Full),
        TradingError::Refused { .. }
        | TradingError::Gate(_)
        | TradingError::Invalid { .. }
        | TradingError::Fields(_)
        | TradingError::Calendar(_) => false,
    }
}

pub(in crate::trading) fn calendar(error: CalendarError) -> TradingError {
    TradingError::Calendar(error.to_string())
}
