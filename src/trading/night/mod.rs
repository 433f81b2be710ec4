//! A session from readiness to report: slots, decisions, slices, the closing buy, and the booking of results.

pub(super) mod closing;
pub(super) mod daily;
pub(super) mod decision;
pub(super) mod made_up;
pub(super) mod missed;
pub(super) mod nightly;
pub(super) mod overview;
pub(super) mod readiness;
pub(super) mod settle;
pub(super) mod slices;
pub(super) mod slots;
pub(super) mod status;
