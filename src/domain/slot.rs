//! Slots: one job of one account at one time of one session, run at most once.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// What a slot does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Job {
    /// One line before the session: green or red.
    Readiness,
    /// Bots decide, sheets are opened, bots of the account net among themselves.
    Decision,
    /// One slice of every sheet.
    Slice,
    /// Closing-drop check and buy.
    Closing,
    /// Bot sync, auto start, status messages.
    Message,
    /// The plan beside the result; late executions are found.
    Report,
}

impl Job {
    pub fn name(self) -> &'static str {
        match self {
            Job::Readiness => "readiness",
            Job::Decision => "decision",
            Job::Slice => "slice",
            Job::Closing => "closing",
            Job::Message => "message",
            Job::Report => "report",
        }
    }
}

/// Identity of a slot within an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SlotId {
    pub session: Date,
    pub job: Job,
    /// Slice number from 0; 0 for the other jobs.
    pub n: u32,
}

/// A slot with its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    pub id: SlotId,
    pub due_at: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    Running,
    Done,
    Failed,
    Missed,
}

/// What became of a slot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SlotRun {
    pub slot: Slot,
    pub state: RunState,
    pub started_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    #[serde(default)]
    pub detail: String,
}
