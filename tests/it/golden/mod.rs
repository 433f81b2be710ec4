//! Golden vectors: what the original program did, line by line, against our engine.
//!
//! The vectors lie in `data-fixtures/golden`; `EGGMONEY_GOLDEN_DIR` names another folder with the
//! same formats. Every file prints `golden <file> N cases, M exempt`. A case may be exempt only by
//! a rule of [`harness::WRITTEN_RULES`], and what the rule leaves of it is still asserted.

mod harness;
mod vectors;

mod point_loc;
