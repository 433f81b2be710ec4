//! Why a whole installation sends nothing.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::limits::{Hold, HoldReason};

/// Nothing is sent to any broker until an administrator decides.
#[derive(Serialize, ToSchema)]
#[schema(as = Hold)]
pub struct HoldView {
    pub since: Timestamp,
    /// `restored`: the data came out of a backup; `superseded`: they were restored elsewhere.
    pub reason: &'static str,
    /// The generation that was found elsewhere.
    pub generation: Option<u64>,
}

impl From<Hold> for HoldView {
    fn from(hold: Hold) -> Self {
        let (reason, generation) = match hold.reason {
            HoldReason::Restored => ("restored", None),
            HoldReason::Superseded { generation } => ("superseded", Some(generation)),
        };
        Self { since: hold.since, reason, generation }
    }
}
