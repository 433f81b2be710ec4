//! What became of a slot: a slot runs at most once, also across restarts.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::schedule::Slot;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Begun; a restart goes on with it.
    Running,
    Done,
    Failed,
    /// Its time passed while nothing ran.
    Missed,
}

/// The record of a slot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SlotRun {
    pub slot: Slot,
    pub state: RunState,
    pub started_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    #[serde(default)]
    pub detail: String,
    /// While it runs: the bots or sheets that it is done with, so that going on never repeats them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub handled: Vec<Uuid>,
}

/// Slice times of a session that was re-spaced after an outage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SliceTimes {
    /// By slice number from 1.
    pub times: Vec<Timestamp>,
}
