//! Golden vectors: what the original program did, line by line, against our engine.
//!
//! The vectors lie in `data-fixtures/golden`; `EGGMONEY_GOLDEN_DIR` names another folder with the
//! same formats. Every file prints `golden <file> N cases, M exempt`. A case may be exempt only by
//! a rule of [`harness::WRITTEN_RULES`], and what the rule leaves of it is still asserted.

mod harness;
mod vectors;

mod closing_drop;
mod create_order;
mod force_sell;

mod management;
mod netting;
mod point_loc;
mod scenario;
mod tax_wash;

mod twap;
mod twap_direct;
