//! Where a bot stands: what it holds, its turn count, its point price, the last known price.

use std::collections::HashMap;

use jiff::Timestamp;

use super::changes::find_bot;
use crate::brokers::Quote;
use crate::domain::bot::{Bot, HistoryRow, Holding};
use crate::domain::clock::{from_kst, kst_date};
use crate::domain::id::{AccountId, BotId, UserId};
use crate::domain::money::f64_from_decimal;
use crate::quant::egg::point::{Held, Standing, traded_holding};
use crate::quant::figures::cycle_profit;
use crate::storage::tables::HISTORY;
use crate::storage::{StoreError, UserView, account_key, first_id_at};
use crate::trading::books::Books;
use crate::trading::error::TradingError;
use crate::trading::tick::Trading;

/// A bot with what it holds and where that puts it.
#[derive(Clone, Debug, PartialEq)]
pub struct BotStanding {
    pub bot: Bot,
    /// All its rows as one; `None` without shares.
    pub holding: Option<HeldShares>,
    /// T, point and point price.
    pub standing: Standing,
    /// Last known.
    pub price: Option<Quote>,
    pub cycle_start: Option<Timestamp>,
    /// What the running cycle has realised, USD, gross.
    pub cycle_profit: f64,
}

/// A bot's shares over all rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HeldShares {
    pub quantity: f64,
    /// USD, in cents.
    pub average_price: f64,
    /// Cost, USD.
    pub total: f64,
}

/// History rows by bot, as far back as the running cycles of these holdings go.
fn cycle_rows(view: &UserView<'_>, account: AccountId, holdings: &[Holding]) -> Result<HashMap<BotId, Vec<HistoryRow>>, StoreError> {
    let mut rows = HashMap::<BotId, Vec<HistoryRow>>::new();
    let Some(first) = holdings.iter().filter(|h| !h.reserve).map(|h| h.cycle_start).min() else { return Ok(rows) };
    // A cycle is its Korean start day, so rows of the whole day count.
    let from = account_key(account).id(first_id_at(from_kst(kst_date(first).into())).as_bytes());
    let to = account_key(account).id(uuid::Uuid::max().as_bytes());
    for row in view.range(&HISTORY, &from, &to)? {
        if let Some(bot) = row.bot_id {
            rows.entry(bot).or_default().push(row);
        }
    }
    Ok(rows)
}

impl Trading {
    /// The bots of an account in their order.
    ///
    /// # Errors
    /// `NotFound` for an account that is not the user's.
    pub fn bots(&self, user: UserId, account: AccountId) -> Result<Vec<BotStanding>, TradingError> {
        let (books, mut rows) = self.store.user(user).read(|v| {
            let books = Books::read(v, account)?;
            let rows = cycle_rows(v, account, &books.holdings)?;
            Ok::<_, StoreError>((books, rows))
        })?;
        Ok(books.bots.iter().map(|bot| self.standing(&books, bot, rows.remove(&bot.id).unwrap_or_default())).collect())
    }

    /// One bot.
    ///
    /// # Errors
    /// `NotFound` for a bot that is not the user's.
    pub fn bot(&self, user: UserId, id: BotId) -> Result<BotStanding, TradingError> {
        let (books, bot, rows) = self.store.user(user).read(|v| {
            let bot = find_bot(v, id)?;
            let books = Books::read(v, bot.account_id)?;
            let rows = cycle_rows(v, bot.account_id, &books.holdings_of(id))?.remove(&id).unwrap_or_default();
            Ok::<_, StoreError>((books, bot, rows))
        })?;
        Ok(self.standing(&books, &bot, rows))
    }

    fn standing(&self, books: &Books, bot: &Bot, rows: Vec<HistoryRow>) -> BotStanding {
        let holdings = books.holdings_of(bot.id);
        let held = Held::of(&holdings);
        let row = traded_holding(&holdings).filter(|_| held.quantity != 0.0);
        let holding = row.map(|row| HeldShares {
            quantity: held.quantity,
            average_price: held.average.unwrap_or(row.average_price),
            total: holdings.iter().map(|h| h.total_cost).sum(),
        });
        BotStanding {
            holding,
            standing: Standing::of(bot, &held),
            price: self.quotes.get(&bot.symbol),
            cycle_start: row.map(|r| r.cycle_start),
            cycle_profit: row.map_or(0.0, |r| cycle_profit_of(&rows, r)),
            bot: bot.clone(),
        }
    }

    /// The ladder of a bot: the prices that its rules look at.
    ///
    /// # Errors
    /// `NotFound` for a bot that is not the user's.
    pub fn ladder(&self, user: UserId, id: BotId) -> Result<Ladder, TradingError> {
        let books = self.store.user(user).read(|v| Books::read(v, find_bot(v, id)?.account_id))?;
        let bot = books.bot(id).ok_or_else(|| StoreError::not_found("bot"))?;
        let quote = self.quotes.get(&bot.symbol);
        Ok(Ladder::of(bot, &books.holdings_of(id), quote, self.last_close_of(&bot.symbol)))
    }
}

/// The cycle's realised profit, whatever the bot was called when it sold.
fn cycle_profit_of(rows: &[HistoryRow], holding: &Holding) -> f64 {
    let rows: Vec<HistoryRow> = rows.iter().map(|r| HistoryRow { name: holding.name.clone(), ..r.clone() }).collect();
    cycle_profit(&rows, holding)
}

/// What a level of the ladder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LevelKind {
    Average,
    Point,
    TakeProfit,
    TrailingStop,
    Price,
    ClosingDrop,
}

/// A price that matters to a bot.
#[derive(Clone, Debug, PartialEq)]
pub struct Level {
    pub kind: LevelKind,
    /// USD.
    pub price: f64,
    pub label: String,
}

/// The prices that a bot's rules look at.
#[derive(Clone, Debug, PartialEq)]
pub struct Ladder {
    pub price: Option<Quote>,
    pub average_price: Option<f64>,
    pub point_price: Option<f64>,
    /// USD, unrounded.
    pub take_profit_price: Option<f64>,
    pub trailing_stop: Option<f64>,
    /// Highest first.
    pub levels: Vec<Level>,
    pub t: f64,
    pub max_tier: i64,
    pub seed: f64,
    /// Cost by average prices, USD.
    pub invested: f64,
    /// seed × max_tier, USD.
    pub budget: f64,
}

impl Ladder {
    fn of(bot: &Bot, holdings: &[Holding], quote: Option<Quote>, previous_close: Option<f64>) -> Ladder {
        let held = Held::of(holdings);
        let standing = Standing::of(bot, &held);
        let take_profit_price = held.position().map(|average| average * (1.0 + bot.profit_rate));
        let trailing_stop = bot.trailing_mode.then_some(bot.trailing_stop);
        let percent = |fraction: f64| format!("{}%", crate::quant::egg::number::round_to(fraction * 100.0, 2));
        let mut levels = Vec::new();
        let mut add = |kind, price: Option<f64>, label: String| levels.extend(price.map(|price| Level { kind, price, label }));
        add(LevelKind::Average, held.position(), String::new());
        add(LevelKind::Point, standing.point_price, percent(standing.point));
        add(LevelKind::TakeProfit, take_profit_price, format!("+{}", percent(bot.profit_rate)));
        add(LevelKind::TrailingStop, trailing_stop, String::new());
        add(LevelKind::Price, quote.as_ref().map(|q| f64_from_decimal(q.last)), String::new());
        for condition in &bot.closing_conditions {
            let price = previous_close.map(|close| close * (1.0 - condition.drop_rate));
            add(LevelKind::ClosingDrop, price, format!("-{}", percent(condition.drop_rate)));
        }
        levels.sort_by(|a, b| b.price.total_cmp(&a.price));
        Ladder {
            price: quote,
            average_price: held.position(),
            point_price: standing.point_price,
            take_profit_price,
            trailing_stop,
            levels,
            t: standing.t,
            max_tier: bot.max_tier,
            seed: bot.seed,
            invested: held.invested,
            budget: bot.seed * bot.max_tier as f64,
        }
    }
}
