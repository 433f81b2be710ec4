//! How the slots of the whole installation fare, without whose they are: for the administrator's page,
//! for figures and for alerts.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::missed::WITHOUT_KEY;
use super::slots::{calendar, plan_of, runs_of};
use crate::domain::account::Account;
use crate::domain::bot::Bot;
use crate::domain::calendar::Session;
use crate::domain::order::{Environment, OrderState};
use crate::domain::schedule::Job;
use crate::domain::slot::{RunState, SlotRun};
use crate::domain::watch::LostSlots;
use crate::storage::tables::{BOTS, OPEN_ORDERS, ORDERS, SLOTS};
use crate::storage::{Key, StoreError, UserView, View, account_key};
use crate::trading::error::TradingError;
use crate::trading::tick::Trading;

/// Coming times that are told.
const NEXT: usize = 8;

/// A job that comes, and for how many accounts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ComingSlot {
    pub at: Timestamp,
    pub job: Job,
    pub accounts: usize,
}

/// Slots of the present session of all accounts whose bots act.
#[derive(Clone, Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub struct SlotsOverview {
    /// The trading date.
    pub session: Option<Date>,
    pub done: usize,
    pub running: usize,
    pub failed: usize,
    pub missed: usize,
    /// Still to come.
    pub waiting: usize,
    /// The longest that a slot of this session began after its time, seconds.
    pub longest_lag_s: i64,
    /// The missed ones by job.
    pub lost: Vec<LostSlots>,
    /// What comes next, soonest first.
    pub next: Vec<ComingSlot>,
}

impl SlotsOverview {
    fn note(&mut self, run: &SlotRun) {
        match run.state {
            RunState::Running => self.running += 1,
            RunState::Done => self.done += 1,
            RunState::Failed => self.failed += 1,
            RunState::Missed => return,
        }
        self.longest_lag_s = self.longest_lag_s.max(run.started_at.duration_since(run.slot.at).as_secs());
    }
}

type Lost = BTreeMap<(Date, String), usize>;

fn count_lost(lost: &mut Lost, run: &SlotRun) {
    *lost.entry((run.slot.session, run.slot.job.name().to_owned())).or_default() += 1;
}

fn listed(lost: Lost) -> Vec<LostSlots> {
    lost.into_iter().map(|((session, job), slots)| LostSlots { session, job, slots }).collect()
}

/// A slot that was lost and not merely kept back for want of a key.
fn is_lost(run: &SlotRun) -> bool {
    run.state == RunState::Missed && run.detail != WITHOUT_KEY
}

/// Accounts at a broker whose bots act, and whose slots matter therefore.
fn each_account(view: &View<'_>, mut f: impl FnMut(&UserView<'_>, &Account) -> Result<(), StoreError>) -> Result<(), StoreError> {
    for user in view.user_ids()? {
        let rows = view.user(user);
        for account in rows.accounts()?.into_iter().filter(|a| a.environment != Environment::Own) {
            let bots: Vec<Bot> = rows.list(&BOTS, &account_key(account.id))?;
            if bots.iter().any(|bot| bot.active) {
                f(&rows, &account)?;
            }
        }
    }
    Ok(())
}

impl Trading {
    /// How the slots of the present session fare.
    ///
    /// # Errors
    /// When the store cannot be read, or beyond the calendar.
    pub fn slots_overview(&self) -> Result<SlotsOverview, TradingError> {
        let now = self.clock.now();
        let today = self.calendar.trading_date_for(now).and_then(|date| self.calendar.session_from(date)).map_err(calendar)?;
        let tomorrow = self.calendar.next_session(today.date).ok();
        let mut seen = SlotsOverview { session: Some(today.date), ..SlotsOverview::default() };
        let (mut lost, mut coming) = (Lost::new(), BTreeMap::<(Timestamp, Job), usize>::new());
        self.store.read(|view| {
            each_account(view, |rows, account| {
                let runs = runs_of(rows, account.id, today.date)?;
                for run in &runs {
                    seen.note(run);
                    if is_lost(run) {
                        seen.missed += 1;
                        count_lost(&mut lost, run);
                    }
                }
                let sessions: [Option<Session>; 2] = [Some(today), tomorrow];
                for session in sessions.into_iter().flatten() {
                    for slot in plan_of(rows, account.id, &session)?.slots().into_iter().filter(|slot| slot.at > now) {
                        seen.waiting += usize::from(session.date == today.date);
                        *coming.entry((slot.at, slot.job)).or_default() += 1;
                    }
                }
                Ok(())
            })
        })?;
        seen.lost = listed(lost);
        seen.next = coming.into_iter().take(NEXT).map(|((at, job), accounts)| ComingSlot { at, job, accounts }).collect();
        Ok(seen)
    }

    /// Slots that were found lost at `since` or later, whenever they were due, by session and job.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn lost_since(&self, since: Timestamp) -> Result<Vec<LostSlots>, TradingError> {
        /// More slots than a month of sessions has.
        const LATEST: usize = 500;
        let mut lost = Lost::new();
        self.store.read(|view| {
            each_account(view, |rows, account| {
                let runs: Vec<SlotRun> = rows.list_latest(&SLOTS, &account_key(account.id), None, LATEST)?;
                for run in runs.iter().filter(|run| is_lost(run) && run.finished_at.is_some_and(|at| at >= since)) {
                    count_lost(&mut lost, run);
                }
                Ok::<_, StoreError>(())
            })
        })?;
        Ok(listed(lost))
    }

    /// Open orders of everybody by state.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn open_orders_by_state(&self) -> Result<BTreeMap<&'static str, usize>, TradingError> {
        let mut found: BTreeMap<&'static str, usize> = BTreeMap::new();
        self.store.read(|view| {
            for user in view.user_ids()? {
                let rows = view.user(user);
                for account in rows.accounts()? {
                    for key in rows.keys(&OPEN_ORDERS, &account_key(account.id))? {
                        if let Some(order) = rows.get(&ORDERS, &Key::new().raw(&key))? {
                            *found.entry(state_name(order.state)).or_default() += 1;
                        }
                    }
                }
            }
            Ok::<_, StoreError>(())
        })?;
        Ok(found)
    }

    /// Whether trading is due: a slot runs, or one comes within `ahead`. Heavy work waits meanwhile.
    ///
    /// # Errors
    /// As [`Self::slots_overview`].
    pub fn is_due_within(&self, ahead: SignedDuration) -> Result<bool, TradingError> {
        let seen = self.slots_overview()?;
        let until = self.clock.now().saturating_add(ahead).unwrap_or(Timestamp::MAX);
        Ok(seen.running > 0 || seen.next.first().is_some_and(|slot| slot.at <= until))
    }
}

/// The state of an order as figures name it.
pub fn state_name(state: OrderState) -> &'static str {
    match state {
        OrderState::Intent => "intent",
        OrderState::Sent => "sent",
        OrderState::Accepted => "accepted",
        OrderState::PartiallyFilled => "partially_filled",
        OrderState::Filled => "filled",
        OrderState::Rejected => "rejected",
        OrderState::Cancelled => "cancelled",
        OrderState::Expired => "expired",
        OrderState::Unknown => "unknown",
    }
}
