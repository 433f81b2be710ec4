//! Golden vectors: what the original program did, line by line, against our engine.
//!
//! The vectors lie in `data-fixtures/golden`; `EGGMONEY_GOLDEN_DIR` names another folder with the
//! same formats. Every file prints `golden <file> N cases, M exempt`. A case may be exempt only by
//! a rule of [`harness::WRITTEN_RULES`], and what the rule leaves of it is still asserted.

mod harness;
mod ordered;
mod vectors;

mod bot_factory;
mod closing_drop;
mod create_order;
mod force_sell;
mod management;
mod manual;
mod market;
mod netting;
mod point_loc;
mod portfolio;
mod scenario;
mod schedule;
mod tax_wash;
mod trade_dates;
mod twap;
mod twap_direct;
