//! Status messages: every bot's standing, the account's, and what the session earned.

use jiff::Timestamp;
use jiff::civil::Date;

use super::slots::calendar;
use crate::domain::bot::HistoryRow;
use crate::domain::calendar::Calendar;
use crate::domain::clock::kst_date;
use crate::domain::id::AccountId;
use crate::domain::message::Notice;
use crate::domain::money::f64_from_decimal;
use crate::quant::figures::overview::Prices;
use crate::quant::figures::{Scope, bot_status, overview, realised_profit};
use crate::storage::tables::HISTORY;
use crate::storage::{StoreError, UserTx, account_key};
use crate::trading::books::Books;
use crate::trading::error::TradingError;
use crate::trading::line::Line;
use crate::trading::prices::quotes::Quotes;
use crate::trading::tick::Trading;

impl Trading {
    /// Last known prices of everything that an account holds or trades, USD.
    pub fn known_prices(&self, books: &Books) -> Prices {
        known_prices(&self.quotes, books)
    }

    /// Posts the account's status messages; tells how many.
    ///
    /// # Errors
    /// When prices cannot be asked for or the store fails.
    pub async fn send_status(&self, line: &Line) -> Result<usize, TradingError> {
        let account = line.account_id;
        self.prices(line).await?;
        let now = self.clock.now();
        let session = self.calendar.trading_date_for(now).map_err(calendar)?;
        let (quotes, days) = (self.quotes.clone(), self.calendar.clone());
        let count = line.user.write(move |tx| post_status(tx, account, &quotes, &days, session, now)).await?;
        Ok(count)
    }
}

fn known_prices(quotes: &Quotes, books: &Books) -> Prices {
    let symbols = books.bots.iter().map(|b| &b.symbol).chain(books.holdings.iter().map(|h| &h.symbol));
    symbols.filter_map(|s| Some((s.clone(), f64_from_decimal(quotes.get(s)?.last)))).collect()
}

/// Posts the status messages of an account after a session; tells how many.
pub(in crate::trading) fn post_status(
    tx: &mut UserTx<'_>,
    account: AccountId,
    quotes: &Quotes,
    days: &Calendar,
    session: Date,
    now: Timestamp,
) -> Result<usize, StoreError> {
    let books = Books::read(&tx.view(), account)?;
    let history: Vec<HistoryRow> = tx.list(&HISTORY, &account_key(account))?;
    let prices = known_prices(quotes, &books);
    let usd_krw = quotes.usd_krw().map(|r| f64_from_decimal(r.value)).or(books.account.settings.usd_krw.as_ref().map(|r| r.rate));
    let mut notices: Vec<Notice> = books.bots.iter().filter_map(|bot| bot_notice(&books, bot, &prices, now)).collect();
    if !books.bots.is_empty() {
        let cash = quotes.cash(tx.user_id(), account).map(|c| f64_from_decimal(c.value));
        let o = overview(&books.bots, &books.holdings, &prices, cash, Scope::All);
        notices.push(Notice::StatusPortfolio {
            cash_usd: cash,
            invested_usd: o.invest,
            reserve_usd: o.reserve,
            total_usd: o.total_balance,
            profit_usd: o.profit,
            one_day_seed_usd: o.one_day_seed,
            pool_usd: o.pool,
            realised_usd: realised_profit(&history),
            invested_percent: o.invested_percent,
            active_bots: o.active_bots,
            bots: o.bots,
            low_cash: o.low_cash,
            usd_krw,
        });
    }
    let mut bots = std::collections::BTreeMap::<String, f64>::new();
    for row in history.iter().filter(|r| r.kind.is_sell() && days.trading_date_for(r.traded_at).ok() == Some(session)) {
        *bots.entry(row.name.clone()).or_default() += row.profit;
    }
    if !bots.is_empty() {
        let profit_usd = bots.values().sum();
        notices.push(Notice::StatusToday { session: session.to_string(), profit_usd, usd_krw, bots: bots.into_iter().collect() });
    }
    for notice in &notices {
        tx.post(account, now, notice.level(), notice)?;
    }
    Ok(notices.len())
}

fn bot_notice(books: &Books, bot: &crate::domain::bot::Bot, prices: &Prices, now: Timestamp) -> Option<Notice> {
    let holdings = books.holdings_of(bot.id);
    let status = bot_status(bot, &holdings, prices, now)?;
    Some(Notice::StatusBot {
        bot: bot.name.clone(),
        symbol: bot.symbol.clone(),
        started: kst_date(holdings.first()?.cycle_start),
        days: status.days_passed,
        quantity: status.quantity,
        average_price: status.average_price,
        price: status.price,
        profit_usd: status.profit,
        profit_percent: status.profit_percent,
        t: status.t,
        max_tier: bot.max_tier,
        point: status.point,
        point_price: status.point_price,
        cost_usd: status.total_cost,
        progress_percent: status.progress_percent,
    })
}
