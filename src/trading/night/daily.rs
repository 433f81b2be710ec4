//! At the close: bot sync, automatic start, status messages. Some minutes later: the plan beside the
//! result, and executions that came after their sheet.

use std::collections::BTreeMap;

use jiff::ToSpan;
use serde_json::json;

use super::nightly::store_night;
use super::settle::post_events;
use super::slots::{Outcome, mark, run_of};
use super::status::post_status;
use crate::domain::account::AccountMode;
use crate::domain::bot::{Bot, HistoryRow};
use crate::domain::fact::Event;
use crate::domain::id::AccountId;
use crate::domain::message::{Notice, ReportLine};
use crate::domain::schedule::{SessionPlan, Slot};
use crate::domain::slot::RunState;
use crate::quant::egg::manage::{auto_start, bot_sync};
use crate::storage::tables::{BOTS, HISTORY, JOURNAL};
use crate::storage::{StoreError, UserTx, account_key};
use crate::trading::books::Books;
use crate::trading::bots::changes::admit;
use crate::trading::error::TradingError;
use crate::trading::line::Line;
use crate::trading::tick::Trading;

fn change_bot(tx: &mut UserTx<'_>, account: AccountId, now: jiff::Timestamp, why: &str, bot: &Bot) -> Result<(), StoreError> {
    let mut bot = bot.clone();
    bot.version += 1;
    tx.put(&BOTS, &account_key(account).id(bot.id.as_bytes()), &bot)?;
    tx.audit(now, None, why, json!({ "bot": bot.name, "buy_below_average": bot.buy_below_average, "active": bot.active }))
}

impl Trading {
    /// Sync, automatic start and messages are one transaction with the slot's record: a failure before
    /// it changes nothing, and nothing is done or told twice.
    pub(in crate::trading) async fn daily_messages(&self, line: &Line, slot: Slot) -> Result<Outcome, TradingError> {
        let account = line.account_id;
        self.prices(line).await?;
        let (now, quotes, days) = (self.clock.now(), self.quotes.clone(), self.calendar.clone());
        let told = line
            .user
            .write(move |tx| -> Result<String, StoreError> {
                if let Some(run) = run_of(&tx.view(), account, &slot)?.filter(|r| r.state != RunState::Running) {
                    return Ok(run.detail);
                }
                care_for_bots(tx, account, now)?;
                let told = format!("{} messages", post_status(tx, account, &quotes, &days, slot.session, now)?);
                mark(tx, account, slot, RunState::Done, now, &told)?;
                Ok(told)
            })
            .await?;
        Ok(Outcome::Done(told))
    }

    /// The session's plan beside its result; a last look at the broker's list finds late executions.
    pub(in crate::trading) async fn report_session(&self, line: &Line, plan: &SessionPlan, slot: Slot) -> Result<Outcome, TradingError> {
        self.find_late_fills(line, plan.session).await?;
        let account = line.account_id;
        let session = plan.session;
        let (from, to) = (plan.readiness, plan.message.saturating_add(1.hour()).unwrap_or(plan.message));
        let (lines, bought, sold, profit) = line.user.read(|v| {
            let books = Books::read(v, account)?;
            let facts = v.list_latest(&JOURNAL, &account_key(account), None, 5_000)?;
            let mut planned: BTreeMap<String, (String, f64)> = BTreeMap::new();
            for fact in facts.into_iter().filter(|f| f.at >= from && f.at <= to) {
                if let Event::SheetPut { sheet } = fact.event
                    && sheet.session == session
                {
                    // Facts come newest first: the first sheet of the night is the plan.
                    planned.insert(sheet.name.clone(), (sheet.kind.name().to_owned(), sheet.total));
                }
            }
            let rows: Vec<HistoryRow> = v
                .list_latest(&HISTORY, &account_key(account), None, 2_000)?
                .into_iter()
                .filter(|r| r.traded_at >= from && r.traded_at <= to)
                .collect();
            let mut lines = Vec::new();
            for bot in books.bots.iter().filter(|b| b.active || planned.contains_key(&b.name)) {
                let of_bot = || rows.iter().filter(|r| r.bot_id == Some(bot.id));
                let amount = |r: &HistoryRow| r.quantity.unwrap_or(0.0) * if r.kind.is_buy() { r.buy_price } else { r.sell_price };
                let wanted = planned.get(&bot.name);
                lines.push(ReportLine {
                    bot: bot.name.clone(),
                    symbol: bot.symbol.clone(),
                    planned_kind: wanted.map(|w| w.0.clone()),
                    planned_value: wanted.map_or(0.0, |w| w.1),
                    filled_quantity: total(of_bot().map(|r| r.quantity.unwrap_or(0.0))),
                    filled_usd: total(of_bot().map(amount)),
                    profit_usd: total(of_bot().map(|r| r.profit)),
                });
            }
            let sum = |buy: bool| -> f64 {
                let traded = rows.iter().filter(|r| r.kind.is_buy() == buy);
                total(traded.map(|r| r.quantity.unwrap_or(0.0) * if buy { r.buy_price } else { r.sell_price }))
            };
            Ok::<_, StoreError>((lines, sum(true), sum(false), total(rows.iter().map(|r| r.profit))))
        })?;
        if lines.is_empty() {
            return Ok(Outcome::Done("nothing to report".to_owned()));
        }
        let night = self.compare_night(line, plan).await?;
        let notice = Notice::SessionReport {
            session: session.to_string(),
            bots: lines,
            bought_usd: bought,
            sold_usd: sold,
            profit_usd: profit,
            compared: night.as_ref().map(|n| n.lines.clone()).unwrap_or_default(),
        };
        let now = self.clock.now();
        line.user
            .write(move |tx| -> Result<(), StoreError> {
                mark(tx, account, slot, RunState::Done, now, "")?;
                if let Some(night) = &night {
                    store_night(tx, account, night)?;
                }
                tx.post(account, now, notice.level(), &notice).map(drop)
            })
            .await?;
        Ok(Outcome::Done(String::new()))
    }
}

/// The sum as it is shown: zero of nothing, where `Iterator::sum` says minus zero.
fn total(amounts: impl Iterator<Item = f64>) -> f64 {
    amounts.fold(0.0, |sum, amount| sum + amount)
}

/// What an account's settings do to its bots after a session.
fn care_for_bots(tx: &mut UserTx<'_>, account: AccountId, now: jiff::Timestamp) -> Result<(), StoreError> {
    let books = Books::read(&tx.view(), account)?;
    // An observing account's bots stay as the old server left them.
    if books.account.mode != AccountMode::Trading {
        return Ok(());
    }
    let settings = books.account.settings;
    let mut bots = books.bots;
    if settings.bot_sync {
        for change in bot_sync(&bots, &books.holdings) {
            if let Some(bot) = bots.iter_mut().find(|b| b.id == change.bot_id) {
                bot.buy_below_average = change.buy_below_average;
                change_bot(tx, account, now, "bot.synced", bot)?;
            }
            post_events(tx, account, now, &[change.event])?;
        }
    }
    if settings.auto_start {
        for start in auto_start(&bots, &books.holdings, settings.auto_start_threshold) {
            if let Some(bot) = bots.iter_mut().find(|b| b.id == start.bot_id) {
                bot.active = true;
                bot.buy_below_point = true;
                change_bot(tx, account, now, "bot.auto_started", bot)?;
                admit(tx, account, start.bot_id, now)?;
            }
            post_events(tx, account, now, &[start.event])?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::total;

    #[test]
    fn a_bot_that_traded_nothing_is_reported_without_a_sign() {
        assert_eq!(total(std::iter::empty()).to_string(), "0");
        assert_eq!(total([2.0, -0.5].into_iter()), 1.5);
    }
}
