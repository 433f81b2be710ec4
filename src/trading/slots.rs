//! Which slots of an account are due, and the record that each runs at most once.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use super::books::Books;
use super::error::TradingError;
use super::line::Line;
use super::tick::Trading;
use crate::domain::calendar::CalendarError;
use crate::domain::fact::{Actor, Event};
use crate::domain::id::AccountId;
use crate::domain::message::Notice;
use crate::domain::schedule::respace::respaced;
use crate::domain::schedule::{Job, SessionPlan, Slot};
use crate::domain::slot::{RunState, SliceTimes, SlotRun};
use crate::storage::tables::{ACCOUNTS, SLICE_TIMES, SLOTS};
use crate::storage::{Key, StoreError, UserTx, UserView, account_key};

/// What running a slot came to.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Outcome {
    Done(String),
    /// Not finished: a later tick goes on with it.
    Later,
}

/// A late slot still runs until this.
fn last_call(job: Job, due: Timestamp, plan: &SessionPlan) -> Timestamp {
    let after = |at: Timestamp, by: i64| at.saturating_add(SignedDuration::from_mins(by)).unwrap_or(at);
    match job {
        Job::Readiness => plan.open,
        // A decision needs time for at least one slice before the close.
        Job::Decision => after(plan.close, -15),
        Job::Slice => after(plan.close, -2),
        // A closing buy is only right near the close: it is reported, not caught up.
        Job::ClosingBuy => after(due, 5).min(plan.close),
        Job::Message | Job::Report => after(due, 12 * 60),
    }
}

fn slot_key(account: AccountId, slot: &Slot) -> Key {
    account_key(account).date(slot.session).u64(slot.job as u64).u64(u64::from(slot.n))
}

/// Writes a slot's record.
pub(super) fn mark(
    tx: &mut UserTx<'_>,
    account: AccountId,
    slot: Slot,
    state: RunState,
    now: Timestamp,
    detail: &str,
) -> Result<(), StoreError> {
    let key = slot_key(account, &slot);
    let started_at = tx.get(&SLOTS, &key)?.map_or(now, |r| r.started_at);
    let finished_at = (state != RunState::Running).then_some(now);
    tx.put(&SLOTS, &key, &SlotRun { slot, state, started_at, finished_at, detail: detail.to_owned() })
}

/// The record of a slot, if it was begun.
pub(super) fn run_of(view: &UserView<'_>, account: AccountId, slot: &Slot) -> Result<Option<SlotRun>, StoreError> {
    view.get(&SLOTS, &slot_key(account, slot))
}

/// Records of one session.
fn runs_of(view: &UserView<'_>, account: AccountId, session: Date) -> Result<Vec<SlotRun>, StoreError> {
    view.list(&SLOTS, &account_key(account).date(session))
}

impl Trading {
    /// The plan of a session for an account, with slice times moved by an earlier outage.
    pub(super) fn plan(&self, view: &UserView<'_>, account: AccountId, session: Date) -> Result<Option<SessionPlan>, TradingError> {
        let Some(session) = self.calendar.session_on(session).map_err(calendar)? else { return Ok(None) };
        let account = view.require(&ACCOUNTS, &account_key(account))?;
        let mut plan = account.settings.schedule.plan(&session);
        if let Some(moved) = view.get(&SLICE_TIMES, &account_key(account.id).date(session.date))? {
            plan.slices = moved.times;
        }
        Ok(Some(plan))
    }

    /// The time of the first slice after `now` that has not run.
    pub(super) fn next_slice_after(&self, line: &Line, session: Date, now: Timestamp) -> Option<Timestamp> {
        let (plan, runs) = line
            .user
            .read(|v| Ok::<_, TradingError>((self.plan(v, line.account_id, session)?, runs_of(v, line.account_id, session)?)))
            .ok()?;
        let plan = plan?;
        let finished = |n: u32| runs.iter().any(|r| r.slot.job == Job::Slice && r.slot.n == n && r.state != RunState::Running);
        (1_u32..).zip(&plan.slices).find(|(n, _)| !finished(*n)).map(|(_, at)| *at).filter(|_| now < plan.close)
    }

    /// Runs what is due, in order; what is too late is told and left.
    pub(super) async fn run_due(&self, line: &Line) -> Result<(), TradingError> {
        let now = self.clock.now();
        let today = self.calendar.trading_date_for(now).map_err(calendar)?;
        let yesterday = self.calendar.previous_session(today).map_err(calendar)?.date;
        for session in [yesterday, today] {
            let Some(plan) = line.user.read(|v| self.plan(v, line.account_id, session))? else { continue };
            self.respace_after_outage(line, &plan).await?;
            let Some(plan) = line.user.read(|v| self.plan(v, line.account_id, session))? else { continue };
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
                if now > last_call(slot.job, slot.at, &plan) {
                    self.miss(line, slot, now).await?;
                } else if self.run_slot(line, &plan, slot).await? == Progress::Waits {
                    // Later slots of the session build on this one.
                    break;
                }
            }
        }
        Ok(())
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

    async fn miss(&self, line: &Line, slot: Slot, now: Timestamp) -> Result<(), TradingError> {
        let account = line.account_id;
        line.user
            .write(move |tx| -> Result<(), StoreError> {
                mark(tx, account, slot, RunState::Missed, now, "its time passed while the server could not run it")?;
                let notice = Notice::SlotMissed { job: slot.job.name().to_owned(), due: slot.at };
                tx.post(account, now, notice.level(), &notice).map(drop)
            })
            .await?;
        Ok(())
    }

    /// After an outage (two slices or more overdue) the slices that are left are spread over what is
    /// left of the session; none carries more than twice a planned slice.
    async fn respace_after_outage(&self, line: &Line, plan: &SessionPlan) -> Result<(), TradingError> {
        let (account, now) = (line.account_id, self.clock.now());
        let runs = line.user.read(|v| runs_of(v, account, plan.session))?;
        let done = runs.iter().filter(|r| r.slot.job == Job::Slice && r.state != RunState::Running).count();
        let running = runs.iter().any(|r| r.slot.job == Job::Slice && r.state == RunState::Running);
        let overdue = plan.slices.iter().skip(done).filter(|at| **at <= now).count();
        let books = line.user.read(|v| Books::read(v, account))?;
        if overdue < 2 || running || now >= last_call(Job::Slice, now, plan) || books.sheets.iter().all(|s| s.session != plan.session) {
            return Ok(());
        }
        let spread = respaced(&plan.slices, done, now, plan.close);
        let times: Vec<Timestamp> = plan.slices.iter().take(done).copied().chain(spread.times.iter().copied()).collect();
        let (session, share, planned) = (plan.session, spread.share, u32::try_from(spread.times.len()).unwrap_or(u32::MAX));
        line.user
            .write(move |tx| -> Result<(), StoreError> {
                tx.put(&SLICE_TIMES, &account_key(account).date(session), &SliceTimes { times: times.clone() })?;
                for mut sheet in Books::read(&tx.view(), account)?.sheets {
                    if sheet.session != session || sheet.slices_left <= 0 {
                        continue;
                    }
                    // The next slice takes remaining / slices_left, so this bounds it by `share` planned ones.
                    let fewer = (sheet.slices_left as f64 / share).ceil();
                    let notice =
                        Notice::SlicesRespaced { bot: sheet.name.clone(), slices: planned, last: times.last().copied().unwrap_or(now) };
                    sheet.slices_left = (fewer as i64).clamp(1, sheet.slices_left);
                    tx.record(account, now, Actor::Bot, vec![Event::SheetPut { sheet }])?;
                    tx.post(account, now, notice.level(), &notice)?;
                }
                Ok(())
            })
            .await?;
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    Goes,
    Waits,
}

fn retryable(error: &TradingError) -> bool {
    match error {
        TradingError::Broker(error) => error.is_transient() || matches!(error, crate::brokers::BrokerError::Unauthorized { .. }),
        TradingError::Store(error) => matches!(error, StoreError::Busy | StoreError::Full),
        TradingError::Refused { .. } | TradingError::Invalid { .. } | TradingError::Fields(_) | TradingError::Calendar(_) => false,
    }
}

pub(super) fn calendar(error: CalendarError) -> TradingError {
    TradingError::Calendar(error.to_string())
}
