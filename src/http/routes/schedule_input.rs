//! A schedule as requests bring it.

use serde::Deserialize;

use crate::domain::schedule::{Schedule, TimeRule};
use crate::http::extract::Object;

/// The fields of [`Schedule`], each rule written as an object.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ScheduleInput {
    decision: Object<TimeRule>,
    twap_start: Object<TimeRule>,
    twap_end: Object<TimeRule>,
    twap_count: u32,
    closing_buy: Object<TimeRule>,
}

impl From<ScheduleInput> for Schedule {
    fn from(input: ScheduleInput) -> Self {
        Self {
            decision: input.decision.0,
            twap_start: input.twap_start.0,
            twap_end: input.twap_end.0,
            twap_count: input.twap_count,
            closing_buy: input.closing_buy.0,
        }
    }
}
