//! The parsers that face outside, fed with real samples that were spoilt at random. None may panic, take
//! longer than a second, or take what it must not.
//!
//! A few hundred cases each in every run; `scripts/prove fuzz` tries many more. A finding reproduces with
//! the seed that it prints, in EGGMONEY_FUZZ_SEED.

mod archives;
mod broker_answers;
mod broker_frames;
mod engine;
mod masters;
mod old_files;
mod sign_in_providers;
mod signatures;
mod spoil;
mod tokens;
