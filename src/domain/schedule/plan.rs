//! What a schedule means in one session, and what comes next.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::super::calendar::{Calendar, CalendarError, Session};
use super::{Schedule, timeline};

/// A slot that would lie at or past the real close moves to this long before it.
pub const LAST_CALL: SignedDuration = SignedDuration::from_mins(10);
/// The broker and the account are checked this long before the open.
pub const READINESS_LEAD: SignedDuration = SignedDuration::from_hours(1);
/// The session is reported this long after the close, when the broker's lists are final.
pub const REPORT_DELAY: SignedDuration = SignedDuration::from_mins(15);

/// A kind of slot. Slots of one instant run in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Job {
    /// Can this account trade today: connection, key, cash.
    Readiness,
    /// Bots decide, sheets are opened, netting.
    Decision,
    /// One slice of every sheet.
    Slice,
    /// The closing-drop check and buy.
    ClosingBuy,
    /// Bot sync, auto start, status messages; runs at the close.
    Message,
    /// The plan beside the result; late executions are found.
    Report,
}

impl Job {
    /// The word for it in messages and answers.
    pub fn name(self) -> &'static str {
        match self {
            Job::Readiness => "readiness",
            Job::Decision => "decision",
            Job::Slice => "slice",
            Job::ClosingBuy => "closing_buy",
            Job::Message => "message",
            Job::Report => "report",
        }
    }
}

/// One thing to do at one time; session, job and number identify it within an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Slot {
    pub at: Timestamp,
    pub job: Job,
    /// Number of the slice, from 1; 0 for the other jobs.
    pub n: u32,
    /// The trading date.
    pub session: jiff::civil::Date,
}

/// Why a slot does not run when its rule says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MoveReason {
    /// Its time is at or past the real close: ten minutes before it instead.
    AfterClose,
    /// Its time is before the open: at the open instead.
    BeforeOpen,
    /// A slice before the decision has nothing to do: with the decision instead.
    BeforeDecision,
    /// The last slice's time is not after the first's: all slices run with the first.
    EndBeforeStart,
}

/// A slot that was moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Moved {
    pub job: Job,
    /// Number of the planned slice, from 1; 0 for the other jobs.
    pub n: u32,
    pub wanted: Timestamp,
    pub actual: Timestamp,
    pub reason: MoveReason,
}

/// The times of one session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionPlan {
    /// The trading date.
    pub session: jiff::civil::Date,
    pub open: Timestamp,
    pub close: Timestamp,
    /// The session closes early.
    pub early_close: bool,
    pub readiness: Timestamp,
    pub decision: Timestamp,
    /// Strictly increasing, never empty; its length is the number of slices of the session's sheets.
    pub slices: Vec<Timestamp>,
    pub closing_buy: Timestamp,
    /// The close.
    pub message: Timestamp,
    /// Slots that do not run when their rule says; slices that met at one time became one.
    pub moved: Vec<Moved>,
}

impl SessionPlan {
    /// Everything to do in the session, in the order in which it runs.
    pub fn slots(&self) -> Vec<Slot> {
        let slot = |job, n, at| Slot { at, job, n, session: self.session };
        let mut slots = vec![slot(Job::Readiness, 0, self.readiness), slot(Job::Decision, 0, self.decision)];
        slots.extend((1..).zip(&self.slices).map(|(n, at)| slot(Job::Slice, n, *at)));
        slots.push(slot(Job::ClosingBuy, 0, self.closing_buy));
        slots.push(slot(Job::Message, 0, self.message));
        slots.push(slot(Job::Report, 0, self.message.saturating_add(REPORT_DELAY).unwrap_or(self.message)));
        slots.sort();
        slots
    }
}

impl Schedule {
    /// The times of one session: never before the open, never at or after the close.
    pub fn plan(&self, session: &Session) -> SessionPlan {
        let mut moved = Vec::new();
        let mut place = |job, n, wanted: Timestamp| {
            let (actual, reason) = into_session(wanted, session);
            moved.extend(reason.map(|reason| Moved { job, n, wanted, actual, reason }));
            actual
        };
        let decision = place(Job::Decision, 0, cut_to_minute(self.decision.instant(session)));
        let closing_buy = place(Job::ClosingBuy, 0, cut_to_minute(self.closing_buy.instant(session)));
        let mut slices = Vec::new();
        let (start, end) = (self.twap_start.instant(session), self.twap_end.instant(session));
        for (n, wanted) in (1..).zip(slice_times(start, end, self.twap_count)) {
            slices.push(place(Job::Slice, n, wanted));
        }
        if self.twap_count > 1 && end <= start {
            // Every slice was put at the start; say so once, for the last of them.
            let actual = slices.last().copied().unwrap_or(decision);
            moved.push(Moved { job: Job::Slice, n: self.twap_count, wanted: end, actual, reason: MoveReason::EndBeforeStart });
        }
        for (n, at) in (1..).zip(slices.iter_mut()) {
            if *at < decision {
                moved.push(Moved { job: Job::Slice, n, wanted: *at, actual: decision, reason: MoveReason::BeforeDecision });
                *at = decision;
            }
        }
        slices.sort();
        slices.dedup();
        SessionPlan {
            session: session.date,
            open: session.open,
            close: session.close,
            early_close: session.early,
            readiness: session.open.saturating_sub(READINESS_LEAD).unwrap_or(session.open),
            decision,
            slices,
            closing_buy,
            message: session.close,
            moved,
        }
    }
}

/// The slices of a sheet between two instants; one at the start when the end is not after it.
fn slice_times(start: Timestamp, end: Timestamp, count: u32) -> Vec<Timestamp> {
    let span = end.duration_since(start);
    if span <= SignedDuration::ZERO {
        return vec![cut_to_minute(start)];
    }
    let span_us = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
    let at = |offset| cut_to_minute(start.saturating_add(SignedDuration::from_micros(offset)).unwrap_or(end));
    timeline::offsets_us(span_us, count).into_iter().map(at).collect()
}

/// The nearest time at which a session can still trade.
pub(super) fn into_session(at: Timestamp, session: &Session) -> (Timestamp, Option<MoveReason>) {
    if at >= session.close {
        let last_call = session.close.saturating_sub(LAST_CALL).unwrap_or(session.open);
        (last_call.max(session.open), Some(MoveReason::AfterClose))
    } else if at < session.open {
        (session.open, Some(MoveReason::BeforeOpen))
    } else {
        (at, None)
    }
}

/// The beginning of the minute; the same in every zone, because all offsets are whole minutes.
pub(super) fn cut_to_minute(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second().div_euclid(60) * 60).unwrap_or(at)
}

/// The plans of the next `n` sessions that have not closed at `from`; fewer where the calendar ends.
///
/// # Errors
/// [`CalendarError::Uncovered`] when the calendar does not even know the first of them.
pub fn next_plans(schedule: &Schedule, calendar: &Calendar, from: Timestamp, n: usize) -> Result<Vec<SessionPlan>, CalendarError> {
    let mut plans = Vec::new();
    let mut session = calendar.session_from(calendar.trading_date_for(from)?)?;
    if session.close <= from {
        session = calendar.next_session(session.date)?;
    }
    while plans.len() < n {
        plans.push(schedule.plan(&session));
        match calendar.next_session(session.date) {
            Ok(next) => session = next,
            Err(_) => break,
        }
    }
    Ok(plans)
}

/// The first slot strictly after `after`.
///
/// # Errors
/// [`CalendarError::Uncovered`] when the calendar ends before it.
pub fn next_slot(schedule: &Schedule, calendar: &Calendar, after: Timestamp) -> Result<Slot, CalendarError> {
    let mut session = calendar.session_from(calendar.trading_date_for(after)?)?;
    loop {
        if let Some(slot) = schedule.plan(&session).slots().into_iter().find(|s| s.at > after) {
            return Ok(slot);
        }
        session = calendar.next_session(session.date)?;
    }
}
