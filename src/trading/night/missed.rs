//! Slots that nobody ran in time: they are noted as missed, and the owner is told in one message what
//! was missed in which session, however long the server stood still. Also what an account gets that
//! has no usable broker key: a red readiness line before the session, and what did not run after it.

use jiff::Timestamp;

use super::readiness::{has_active_bots, spending_of};
use super::slots::{calendar, last_call, mark, plan_of, run_of, runs_of};
use crate::domain::account::AccountMode;
use crate::domain::calendar::{Calendar, CalendarError, Session};
use crate::domain::id::AccountId;
use crate::domain::limits::Return;
use crate::domain::message::{MissedSession, Notice, ReadinessCheck};
use crate::domain::schedule::{Job, Slot};
use crate::domain::slot::{RunState, SlotRun};
use crate::quant::egg::turn;
use crate::storage::tables::{ACCOUNTS, SLOTS};
use crate::storage::{StoreError, UserStore, UserTx, UserView, account_key};
use crate::trading::books::Books;
use crate::trading::error::TradingError;
use crate::trading::tick::Trading;

/// After a longer pause only this many sessions are told by their dates, the others by their number.
const MOST_SESSIONS: usize = 30;

/// What is noted of a slot that nobody could run for want of a key.
pub(in crate::trading) const WITHOUT_KEY: &str = "the account has no usable broker key";

/// Why slots are not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::trading) enum Hindrance {
    /// Nothing ran, or nothing could be asked, until it was too late.
    Outage,
    /// There is no broker key, so nothing of the session can run; told when all of it is over.
    NoKey,
}

/// Sessions in which slots may have been missed.
#[derive(Clone, Debug)]
struct Suspects {
    sessions: Vec<Session>,
    /// Older sessions, beyond those.
    earlier: u32,
    why: Hindrance,
    /// The data came back from an earlier time.
    returned: Option<Return>,
}

impl Trading {
    /// Notes and tells slots of one session whose time has passed.
    pub(in crate::trading) async fn miss_of(
        &self,
        user: &UserStore,
        account: AccountId,
        session: Session,
        why: Hindrance,
    ) -> Result<(), TradingError> {
        let returned = self.install_rules()?.returned;
        self.miss(user, account, Suspects { sessions: vec![session], earlier: 0, why, returned }).await
    }

    /// Notes and tells what was missed in every session since the account's last run, up to now.
    pub(in crate::trading) async fn miss_since_last_run(
        &self,
        user: &UserStore,
        account: AccountId,
        why: Hindrance,
    ) -> Result<(), TradingError> {
        let now = self.clock.now();
        let today = self.calendar.trading_date_for(now).and_then(|date| self.calendar.session_from(date)).map_err(calendar)?;
        let mut suspects = Suspects { sessions: Vec::new(), earlier: 0, why, returned: self.install_rules()?.returned };
        let before = user.read(|v| sessions_since_last_run(v, &self.calendar, account, today, now, &suspects))?;
        let earlier = before.len().saturating_sub(MOST_SESSIONS);
        suspects.sessions = before.into_iter().skip(earlier).chain([today]).collect();
        suspects.earlier = u32::try_from(earlier).unwrap_or(u32::MAX);
        self.miss(user, account, suspects).await
    }

    async fn miss(&self, user: &UserStore, account: AccountId, suspects: Suspects) -> Result<(), TradingError> {
        let now = self.clock.now();
        if suspects.earlier == 0 && user.read(|v| overdue(v, account, &suspects.sessions, now, &suspects))?.is_empty() {
            return Ok(());
        }
        user.write(move |tx| note(tx, account, &suspects, now)).await?;
        Ok(())
    }

    /// What can be done for an account without a usable broker key: tell its owner before and after
    /// each session that nothing is traded.
    ///
    /// # Errors
    /// When the store or the calendar fails.
    pub(in crate::trading) async fn tell_without_key(
        &self,
        user: &UserStore,
        account: AccountId,
        code: &'static str,
    ) -> Result<(), TradingError> {
        self.miss_since_last_run(user, account, Hindrance::NoKey).await?;
        let now = self.clock.now();
        let today = self.calendar.trading_date_for(now).and_then(|date| self.calendar.session_from(date)).map_err(calendar)?;
        if user.read(|v| readiness_due(v, account, &today, now))?.is_some() {
            user.write(move |tx| red_readiness(tx, account, &today, code, now)).await?;
        }
        Ok(())
    }
}

/// Sessions before `today` of which slots may be missing: from the account's last recorded slot, or from
/// its beginning. Where the calendar does not reach so far back, nothing is known of them.
fn sessions_since_last_run(
    view: &UserView<'_>,
    calendar: &Calendar,
    account: AccountId,
    today: Session,
    now: Timestamp,
    suspects: &Suspects,
) -> Result<Vec<Session>, StoreError> {
    let run = view.list_latest(&SLOTS, &account_key(account), None, 1)?.pop();
    let from = match run {
        Some(run) => Ok(run.slot.session),
        None => calendar.trading_date_for(view.require(&ACCOUNTS, &account_key(account))?.created_at),
    };
    let walk = |from| -> Result<Vec<Session>, CalendarError> {
        let mut sessions = Vec::new();
        let mut session = calendar.session_from(from)?;
        while session.date < today.date {
            sessions.push(session);
            session = calendar.next_session(session.date)?;
        }
        Ok(sessions)
    };
    let sessions = from.and_then(walk).unwrap_or_default();
    // The first may have been carried out to its end.
    let first_is_done = overdue(view, account, sessions.get(..1).unwrap_or_default(), now, suspects)?.is_empty();
    Ok(sessions.into_iter().skip(usize::from(first_is_done)).collect())
}

/// Slots of these sessions that are due, were not brought to an end, and are too late now.
fn overdue(
    view: &UserView<'_>,
    account: AccountId,
    sessions: &[Session],
    now: Timestamp,
    suspects: &Suspects,
) -> Result<Vec<(Session, Vec<Slot>)>, StoreError> {
    let created = view.require(&ACCOUNTS, &account_key(account))?.created_at;
    let mut found = Vec::new();
    for session in sessions {
        let plan = plan_of(view, account, session)?;
        let runs = runs_of(view, account, session.date)?;
        let ended = |slot: &Slot| runs.iter().any(|r| (r.slot.job, r.slot.n) == (slot.job, slot.n) && r.state != RunState::Running);
        let slots = plan.slots();
        let too_late = |slot: &Slot| match suspects.why {
            Hindrance::Outage => now > last_call(suspects.returned.as_ref(), slot.job, slot.at, &plan),
            Hindrance::NoKey => slots.last().is_some_and(|last| now >= last.at),
        };
        let missed: Vec<Slot> = slots.iter().filter(|s| s.at <= now && s.at >= created && !ended(s) && too_late(s)).copied().collect();
        if !missed.is_empty() {
            found.push((*session, missed));
        }
    }
    Ok(found)
}

fn note(tx: &mut UserTx<'_>, account: AccountId, suspects: &Suspects, now: Timestamp) -> Result<(), StoreError> {
    let why = suspects.why;
    let found = overdue(&tx.view(), account, &suspects.sessions, now, suspects)?;
    let books = Books::read(&tx.view(), account)?;
    let mut sessions = Vec::new();
    let mut only = None;
    for (session, slots) in found {
        let ran = |r: &SlotRun| r.slot.job != Job::Readiness && r.state != RunState::Missed;
        let whole = !runs_of(&tx.view(), account, session.date)?.iter().any(ran);
        let mut jobs: Vec<String> = Vec::new();
        for slot in slots {
            let detail = match why {
                Hindrance::Outage => "its time passed while the server could not run it",
                Hindrance::NoKey => WITHOUT_KEY,
            };
            mark(tx, account, slot, RunState::Missed, now, detail)?;
            if matters(&books, &slot) {
                only = if sessions.is_empty() && jobs.is_empty() { Some(slot) } else { None };
                let job = slot.job.name().to_owned();
                if !jobs.contains(&job) {
                    jobs.push(job);
                }
            }
        }
        if !jobs.is_empty() {
            sessions.push(MissedSession { session: session.date, jobs, whole });
        }
    }
    let earlier = if has_active_bots(&books) { suspects.earlier } else { 0 };
    if sessions.is_empty() && earlier == 0 {
        return Ok(());
    }
    let notice = match only {
        Some(slot) if earlier == 0 && why == Hindrance::Outage => Notice::SlotMissed { job: slot.job.name().to_owned(), due: slot.at },
        _ => Notice::SessionsMissed { sessions, earlier, no_key: why == Hindrance::NoKey },
    };
    tx.post(account, now, notice.level(), &notice).map(drop)
}

/// There was something to do in the slot.
fn matters(books: &Books, slot: &Slot) -> bool {
    match slot.job {
        Job::Slice => turn::sheets(&books.bots, &books.sheets).iter().any(|s| s.session == slot.session && !books.is_imported(s)),
        _ => has_active_bots(books),
    }
}

/// The readiness slot that is to be told now: once per session, before it opens.
fn readiness_due(view: &UserView<'_>, account: AccountId, session: &Session, now: Timestamp) -> Result<Option<Slot>, StoreError> {
    let plan = plan_of(view, account, session)?;
    let Some(slot) = plan.slots().into_iter().find(|s| s.job == Job::Readiness && s.at <= now && now < plan.open) else {
        return Ok(None);
    };
    let ended = run_of(view, account, &slot)?.is_some_and(|r| r.state != RunState::Running);
    Ok((!ended).then_some(slot))
}

/// The readiness line of an account that cannot be ready.
fn red_readiness(tx: &mut UserTx<'_>, account: AccountId, session: &Session, code: &str, now: Timestamp) -> Result<(), StoreError> {
    let Some(slot) = readiness_due(&tx.view(), account, session, now)? else { return Ok(()) };
    let books = Books::read(&tx.view(), account)?;
    mark(tx, account, slot, RunState::Done, now, code)?;
    if !has_active_bots(&books) {
        return Ok(());
    }
    let check = |name: &str, ok, detail| ReadinessCheck { name: name.to_owned(), ok, detail };
    let checks = vec![
        check("trading_day", true, session.date.to_string()),
        check(code, false, String::new()),
        check("schedule", books.account.mode == AccountMode::Trading, String::new()),
    ];
    let (session, largest_spending_usd) = (session.date.to_string(), spending_of(&books));
    let notice = Notice::Readiness { ready: false, session, checks, largest_spending_usd, times: None };
    tx.post(account, now, notice.level(), &notice).map(drop)
}
