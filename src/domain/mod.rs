//! The domain: values and rules, no clock of its own, no input or output.
//!
//! Glossary (Korean term → word used here): 봇 → bot, 계좌 → account, 시드 → seed, 회차 → turn (T),
//! 별지점 → point price, 평단 → average price, 보유 → holding, 잔고 → position, 체결 → fill,
//! 미체결 → open order, 분할 주문 → sheet, 사이클 → cycle, 장부거래(상계) → netting, 예수금 → cash.

pub mod account;
pub mod bot;
pub mod calendar;
pub mod charges;
pub mod clock;
pub mod difference;
pub mod exposure;
pub mod fact;
pub mod id;
pub mod instrument;
pub mod ledger;
pub mod limits;
pub mod message;
pub mod money;
pub mod network;
pub mod night;
pub mod order;
pub mod reach;
pub mod remark;
pub mod rules;
#[cfg(test)]
pub mod samples;
pub mod schedule;
pub mod slot;
pub mod user;
pub mod watch;
