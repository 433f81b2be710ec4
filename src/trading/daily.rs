//! At the close: bot sync, automatic start, status messages. Some minutes later: the plan beside the
//! result, and executions that came after their sheet.

use std::collections::BTreeMap;

use jiff::ToSpan;
use serde_json::json;

use super::books::Books;
use super::error::TradingError;
use super::evidence::{Finding, examine};
use super::line::Line;
use super::settle::post_events;
use super::slots::Outcome;
use super::tick::Trading;
use crate::domain::account::AccountMode;
use crate::domain::bot::{Bot, HistoryRow};
use crate::domain::fact::{Actor, BookingOrigin, Event};
use crate::domain::id::AccountId;
use crate::domain::message::{Notice, ReportLine};
use crate::domain::money::decimal_from_f64;
use crate::domain::order::{Order, OrderOrigin, Side};
use crate::domain::schedule::{SessionPlan, Slot};
use crate::quant::egg::manage::{auto_start, bot_sync};
use crate::storage::tables::{BOTS, HISTORY, JOURNAL, ORDERS};
use crate::storage::{StoreError, UserTx, account_key};

fn change_bot(tx: &mut UserTx<'_>, account: AccountId, now: jiff::Timestamp, why: &str, bot: &Bot) -> Result<(), StoreError> {
    let mut bot = bot.clone();
    bot.version += 1;
    tx.put(&BOTS, &account_key(account).id(bot.id.as_bytes()), &bot)?;
    tx.audit(now, None, why, json!({ "bot": bot.name, "buy_below_average": bot.buy_below_average, "active": bot.active }))
}

impl Trading {
    pub(super) async fn daily_messages(&self, line: &Line, _slot: Slot) -> Result<Outcome, TradingError> {
        let (account, now) = (line.account_id, self.clock.now());
        line.user
            .write(move |tx| -> Result<(), StoreError> {
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
                            bot.version += 1;
                            change_bot(tx, account, now, "bot.auto_started", bot)?;
                        }
                        post_events(tx, account, now, &[start.event])?;
                    }
                }
                Ok(())
            })
            .await?;
        let sent = self.send_status(line).await?;
        Ok(Outcome::Done(format!("{sent} messages")))
    }

    /// The session's plan beside its result; a last look at the broker's list finds late executions.
    pub(super) async fn report_session(&self, line: &Line, plan: &SessionPlan, _slot: Slot) -> Result<Outcome, TradingError> {
        self.find_late_fills(line, plan).await?;
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
                    filled_quantity: of_bot().map(|r| r.quantity.unwrap_or(0.0)).sum(),
                    filled_usd: of_bot().map(amount).sum(),
                    profit_usd: of_bot().map(|r| r.profit).sum(),
                });
            }
            let sum = |buy: bool| -> f64 {
                rows.iter()
                    .filter(|r| r.kind.is_buy() == buy)
                    .map(|r| r.quantity.unwrap_or(0.0) * if buy { r.buy_price } else { r.sell_price })
                    .sum()
            };
            Ok::<_, StoreError>((lines, sum(true), sum(false), rows.iter().map(|r| r.profit).sum::<f64>()))
        })?;
        if lines.is_empty() {
            return Ok(Outcome::Done("nothing to report".to_owned()));
        }
        let notice =
            Notice::SessionReport { session: session.to_string(), bots: lines, bought_usd: bought, sold_usd: sold, profit_usd: profit };
        self.notify(line, notice).await?;
        Ok(Outcome::Done(String::new()))
    }

    /// Executions of the session's settled orders that the broker lists but our books lack.
    async fn find_late_fills(&self, line: &Line, plan: &SessionPlan) -> Result<(), TradingError> {
        let (account, now) = (line.account_id, self.clock.now());
        let (orders, fee_rate) = line.user.read(|v| {
            let orders: Vec<Order> = v
                .list_latest(&ORDERS, &account_key(account), None, 2_000)?
                .into_iter()
                .filter(|o| o.intent.session == plan.session && o.broker_order_no.is_some() && o.filled_quantity < o.intent.quantity)
                .collect();
            Ok::<_, StoreError>((orders, Books::read(v, account)?.account.settings.fee_rate))
        })?;
        if orders.is_empty() {
            return Ok(());
        }
        let fee_rate = decimal_from_f64(fee_rate).unwrap_or_default();
        let listed = line.gateway.orders(plan.session.saturating_sub(1.day()), plan.session.saturating_add(1.day()), None).await?;
        for order in orders.into_iter().filter(|o| o.settled) {
            let Finding::Facts(events) = examine(&order, &listed, &Default::default(), now, plan.close, fee_rate) else { continue };
            let fills: Vec<Event> = events.into_iter().filter(|e| matches!(e, Event::OrderFilled { .. })).collect();
            if fills.is_empty() {
                continue;
            }
            line.user.write(move |tx| book_late(tx, account, &order, &fills, now)).await?;
        }
        Ok(())
    }
}

fn book_late(tx: &mut UserTx<'_>, account: AccountId, order: &Order, fills: &[Event], now: jiff::Timestamp) -> Result<(), StoreError> {
    tx.record(account, now, Actor::Broker, fills.to_vec())?;
    let books = Books::read(&tx.view(), account)?;
    let Some(bot) = order.intent.bot_id.and_then(|id| books.bot(id)) else { return Ok(()) };
    let kind = match (&order.intent.origin, order.intent.side) {
        (OrderOrigin::Slice { .. } | OrderOrigin::Closing, Side::Buy) => crate::domain::bot::TradeKind::Buy,
        _ => crate::domain::bot::TradeKind::SellPart,
    };
    for event in fills {
        if let Event::OrderFilled { fill } = event {
            let total = crate::domain::money::f64_from_decimal(fill.gross);
            let quantity = fill.quantity as f64;
            let cents = crate::quant::egg::number::cents;
            let late = crate::domain::bot::SliceFill { kind, quantity, unit_price: cents(total / quantity), total: cents(total) };
            let notice = Notice::LateFill { bot: bot.name.clone(), symbol: bot.symbol.clone(), quantity, price: late.unit_price };
            tx.post(account, now, notice.level(), &notice)?;
            super::settle::book_fill(tx, account, bot, &late, BookingOrigin::LateFill, now)?;
        }
    }
    Ok(())
}
