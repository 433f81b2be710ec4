//! An hour before the session: one line, green or red, for an account with active bots.

use rust_decimal::Decimal;

use super::slots::Outcome;
use crate::domain::account::AccountMode;
use crate::domain::bot::Bot;
use crate::domain::instrument::Market;
use crate::domain::message::{EffectiveTimes, Notice, ReadinessCheck};
use crate::domain::money::f64_from_decimal;
use crate::domain::order::{Environment, OrderState};
use crate::domain::schedule::{SessionPlan, Slot};
use crate::quant::egg::turn;
use crate::trading::books::Books;
use crate::trading::error::TradingError;
use crate::trading::line::Line;
use crate::trading::tick::Trading;

/// The most that a bot can spend in one session, USD: its decision and its dearest closing rule.
pub(in crate::trading) fn largest_spending(bot: &Bot, invested: f64) -> f64 {
    let seed = if bot.skip_sell { bot.seed } else { bot.seed.max(bot.seed + bot.added_seed) };
    let limit = bot.seed * bot.max_tier as f64 - bot.seed;
    let decision = if invested > limit { 0.0 } else { seed.max(0.0) };
    let closing = bot.closing_conditions.iter().map(|c| bot.seed * c.seed_rate).fold(0.0, f64::max);
    // Limit prices lie two percent above the market.
    (decision + closing) * 1.02
}

/// The most that an account's active bots can spend in one session, USD.
pub(in crate::trading) fn spending_of(books: &Books) -> f64 {
    let invested = |bot: &Bot| books.holdings_of(bot.id).iter().map(|h| h.quantity * h.average_price).sum();
    turn::bots(&books.bots).into_iter().map(|bot| largest_spending(bot, invested(bot))).sum()
}

pub(in crate::trading) fn has_active_bots(books: &Books) -> bool {
    books.bots.iter().any(|b| b.active)
}

impl Trading {
    pub(in crate::trading) async fn check_readiness(&self, line: &Line, plan: &SessionPlan, _slot: Slot) -> Result<Outcome, TradingError> {
        let books = line.user.read(|v| Books::read(v, line.account_id))?;
        let active = turn::bots(&books.bots);
        if !has_active_bots(&books) {
            return Ok(Outcome::Done("no active bots".to_owned()));
        }
        let mut checks = Vec::new();
        let mut check = |name: &str, ok: bool, detail: String| checks.push(ReadinessCheck { name: name.to_owned(), ok, detail });
        check("trading_day", true, plan.session.to_string());

        let reader = self.reader(line).await?;
        let token = reader.gateway.check_token().await;
        check("token", token.is_ok(), token.err().map(|e| e.to_string()).unwrap_or_default());

        let largest = spending_of(&books);
        let cash = self.cash_for(line, active.first().map(|b| b.symbol.as_str())).await;
        match cash {
            Ok(amount) => check("cash", f64_from_decimal(amount) >= largest, format!("{amount}")),
            Err(error) => check("cash_unknown", false, error.to_string()),
        }

        let unresolved = books.open_orders.iter().filter(|o| matches!(o.state, OrderState::Unknown | OrderState::Sent)).count();
        check("unresolved", unresolved == 0, unresolved.to_string());
        let disk = self.disk_free();
        check("disk", disk.is_none_or(|bytes| bytes > LEAST_DISK), disk.map(|b| (b >> 20).to_string()).unwrap_or_default());
        let drift = reader.gateway.clock_drift();
        check("clock", drift.is_none_or(|s| s.abs() <= LARGEST_DRIFT), drift.map(|s| s.to_string()).unwrap_or_default());
        check("schedule", books.account.mode == AccountMode::Trading, String::new());
        // Observing is what the owner chose, not a fault: the line keeps its colour and says beside it
        // that nothing will be ordered.
        let ready = checks.iter().all(|c| c.ok || c.name == "schedule");
        let times = EffectiveTimes { decision: plan.decision, slices: plan.slices.clone(), closing_buy: plan.closing_buy };
        let notice =
            Notice::Readiness { ready, session: plan.session.to_string(), checks, largest_spending_usd: largest, times: Some(times) };
        self.notify(line, notice).await?;
        Ok(Outcome::Done(if ready { "ready" } else { "not ready" }.to_owned()))
    }

    async fn cash_for(&self, line: &Line, symbol: Option<&str>) -> Result<Decimal, TradingError> {
        if line.gateway.environment() == Environment::Own {
            return Ok(self.paper_power(line, Market::Us)?.map_or(Decimal::ZERO, |power| power.amount));
        }
        let symbol = symbol.unwrap_or("TQQQ");
        let exchange = self.exchange(line, symbol).await?;
        let price = match self.quotes.get(symbol) {
            Some(quote) => quote.last,
            None => self.price(line, symbol).await?.map_or(Decimal::ONE_HUNDRED, |q| q.last),
        };
        let power = self.power(line, exchange, symbol, Some(price)).await?;
        self.quotes.put_cash(line.user.id(), line.account_id, power.amount, self.clock.now());
        Ok(power.amount)
    }
}

/// Seconds by which our clock may be off: sessions and slots are minutes, and so must it be exact.
const LARGEST_DRIFT: i64 = 30;
/// Below this the disk counts as nearly full.
const LEAST_DISK: u64 = 200 << 20;
