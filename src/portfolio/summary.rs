//! The totals of one account or of all of a user's accounts.

use std::collections::HashMap;

use jiff::Timestamp;

use super::books::PortfolioBooks;
use crate::domain::bot::{Bot, HistoryRow};
use crate::domain::calendar::Calendar;
use crate::domain::id::{AccountId, BotId};
use crate::domain::ledger::Position;
use crate::domain::money::f64_from_decimal;
use crate::quant::egg::number::sum;
use crate::quant::egg::point::traded_holding;
use crate::quant::figures::overview::Prices;
use crate::quant::figures::{Overview, Scope, bot_status, cycle_profit, overview, realised_profit};

/// A price with its time, USD.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Price {
    pub value: f64,
    pub at: Timestamp,
}

/// Orderable cash with its time, USD.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cash {
    pub value: f64,
    pub at: Timestamp,
}

/// Won per dollar, with source and time.
#[derive(Clone, Debug, PartialEq)]
pub struct Rate {
    pub usd_krw: f64,
    pub source: String,
    pub at: Timestamp,
}

/// What is known of the market and of the accounts' cash.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MarketPrices {
    pub prices: HashMap<String, Price>,
    pub cash: HashMap<AccountId, Cash>,
    pub rate: Option<Rate>,
}

impl MarketPrices {
    fn values(&self) -> Prices {
        self.prices.iter().map(|(symbol, price)| (symbol.clone(), price.value)).collect()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlertCode {
    /// Two turns of the bots that hold shares are not covered.
    LowCash,
    /// A lot of cash lies idle.
    HighCash,
}

/// Something to look at.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    pub code: AlertCode,
    pub account: String,
    /// USD.
    pub cash: f64,
    /// One turn of the bots that hold shares, USD.
    pub seed_per_turn: f64,
}

/// One bot's figures; what needs a position or a price is `None` without it.
#[derive(Clone, Debug, PartialEq)]
pub struct BotFigures {
    pub bot_id: BotId,
    pub account_id: AccountId,
    pub name: String,
    pub symbol: String,
    pub active: bool,
    pub quantity: Option<f64>,
    pub average_price: Option<f64>,
    pub price: Option<f64>,
    /// Unrealised, USD, gross.
    pub profit: Option<f64>,
    /// Fraction.
    pub profit_rate: Option<f64>,
    pub t: f64,
    pub max_tier: i64,
    /// Fraction.
    pub point: Option<f64>,
    pub point_price: Option<f64>,
    /// Cost as a fraction of the bot's budget.
    pub progress: f64,
    /// Korean calendar days since the cycle began.
    pub days: Option<i64>,
    /// What the running cycle has realised, USD, gross.
    pub cycle_profit: Option<f64>,
    pub cycle_start: Option<Timestamp>,
}

/// The totals, USD unless named otherwise. Profits are gross, as the bots count.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Cash + positions + reserve; `None` while some account's cash or a held symbol's price is unknown.
    pub total: Option<f64>,
    pub total_krw: Option<f64>,
    /// Positions at their prices; `None` while one has no price.
    pub invested: Option<f64>,
    pub cost: f64,
    pub cash: Option<f64>,
    /// When the oldest of the cash figures was read.
    pub cash_at: Option<Timestamp>,
    pub reserve: f64,
    /// Unrealised; `None` while a position has no price.
    pub profit: Option<f64>,
    pub profit_krw: Option<f64>,
    /// Unrealised profit as a fraction of the cost.
    pub profit_rate: Option<f64>,
    pub max_seed: f64,
    /// Cost of the bots' holdings as a fraction of `max_seed`.
    pub seed_use_rate: f64,
    pub seed_per_turn: f64,
    pub one_day_seed: f64,
    /// Total beyond the accounts' budgets; `None` without budgets or total.
    pub withdrawable: Option<f64>,
    /// Realised in the present session.
    pub today_profit: f64,
    /// Realised since the history begins.
    pub realised: f64,
    pub rate: Option<Rate>,
    pub alerts: Vec<Alert>,
    /// Time of the oldest price in the totals; `None` when one is missing or nothing is held.
    pub prices_at: Option<Timestamp>,
    pub bots: Vec<BotFigures>,
}

/// Computes the totals of some accounts together.
pub fn summary(books: &[PortfolioBooks], market: &MarketPrices, calendar: &Calendar, now: Timestamp) -> Summary {
    let prices = market.values();
    // An account that was only just made neither has nor lacks cash.
    let counted: Vec<&PortfolioBooks> =
        books.iter().filter(|b| !b.is_empty() || market.cash.contains_key(&b.account.id) || books.len() == 1).collect();
    let figures: Vec<Figures<'_>> = counted
        .into_iter()
        .map(|b| {
            let cash = market.cash.get(&b.account.id).copied();
            (b, overview(&b.bots, &b.holdings, &prices, cash.map(|c| c.value), Scope::All), cash)
        })
        .collect();
    let add = |of: fn(&Overview) -> f64| sum(figures.iter().map(|(_, o, _)| of(o)));
    let cash = known(&figures, |_, _, cash| cash.map(|c| c.value));
    let (reserve, max_seed) = (add(|o| o.reserve), add(|o| o.max_seed));
    let values: Vec<Valued> = figures.iter().map(|(b, _, _)| Valued::of(b, &prices)).collect();
    let cost = sum(values.iter().map(|v| v.cost));
    let invested: Option<f64> = values.iter().map(|v| v.value).collect::<Option<Vec<f64>>>().map(sum);
    let profit = invested.map(|invested| invested - cost);
    let total = cash.zip(invested).map(|(cash, invested)| cash + invested + reserve);
    let spare = |((b, o, cash), valued): (&Figures<'_>, &Valued)| {
        let budget = b.account.settings.total_budget?;
        Some(cash.as_ref()?.value + valued.value? + o.reserve - budget)
    };
    let withdrawable = figures.iter().zip(&values).map(spare).collect::<Option<Vec<f64>>>().filter(|v| !v.is_empty()).map(sum);
    let rate = latest_rate(books, market);
    let krw = |usd: f64| rate.as_ref().map(|r| usd * r.usd_krw);
    let session = calendar.trading_date_for(now).ok();
    let today = |row: &&HistoryRow| row.kind.is_sell() && calendar.trading_date_for(row.traded_at).ok() == session;
    Summary {
        total,
        total_krw: total.and_then(krw),
        invested,
        cost,
        cash,
        cash_at: figures.iter().filter_map(|(_, _, cash)| cash.map(|c| c.at)).min().filter(|_| cash.is_some()),
        reserve,
        profit,
        profit_krw: profit.and_then(krw),
        profit_rate: profit.map(|profit| share(profit, cost)),
        max_seed,
        seed_use_rate: share(add(|o| o.cost), max_seed),
        seed_per_turn: add(|o| o.seed_per_turn),
        one_day_seed: add(|o| o.one_day_seed),
        withdrawable,
        today_profit: sum(books.iter().flat_map(|b| b.history.iter().rev().take(RECENT)).filter(today).map(|row| row.profit)),
        realised: sum(books.iter().map(|b| realised_profit(&b.history))),
        alerts: figures.iter().filter_map(|(b, o, cash)| alert(b, o, cash.as_ref())).collect(),
        prices_at: prices_at(&figures, market),
        bots: books.iter().flat_map(|b| b.bots.iter().map(|bot| bot_figures(b, bot, market, &prices, now))).collect(),
        rate,
    }
}

/// An account with its overview and its cash.
type Figures<'b> = (&'b PortfolioBooks, Overview, Option<Cash>);

/// The sum of a figure that every account must have.
fn known(figures: &[Figures<'_>], part: impl Fn(&PortfolioBooks, &Overview, Option<Cash>) -> Option<f64>) -> Option<f64> {
    let parts: Option<Vec<f64>> = figures.iter().map(|(b, o, cash)| part(b, o, *cash)).collect();
    parts.filter(|p| !p.is_empty()).map(sum)
}

/// No session has more rows than this; it spares looking at years of history.
const RECENT: usize = 2_000;

fn share(part: f64, whole: f64) -> f64 {
    if whole == 0.0 { 0.0 } else { part / whole }
}

/// The market's rate, else the newest that an account knows.
fn latest_rate(books: &[PortfolioBooks], market: &MarketPrices) -> Option<Rate> {
    let stored = books.iter().filter_map(|b| b.account.settings.usd_krw.as_ref()).max_by_key(|r| r.at);
    let stored = stored.map(|r| Rate { usd_krw: r.rate, source: r.source.clone(), at: r.at });
    market.rate.clone().or(stored).filter(|r| r.usd_krw > 0.0)
}

fn alert(books: &PortfolioBooks, overview: &Overview, cash: Option<&Cash>) -> Option<Alert> {
    let cash = cash?.value;
    let code = if overview.low_cash {
        AlertCode::LowCash
    } else if overview.high_cash {
        AlertCode::HighCash
    } else {
        return None;
    };
    Some(Alert { code, account: books.account.name.clone(), cash, seed_per_turn: overview.seed_per_turn })
}

/// An account's positions by its executions, so that cash and shares move together: a bot's own holding
/// follows only when its slices are complete.
struct Valued {
    /// `None` while one has no price.
    value: Option<f64>,
    cost: f64,
}

impl Valued {
    fn of(books: &PortfolioBooks, prices: &Prices) -> Self {
        let held = || books.held_in_dollars();
        let value = |p: &Position| prices.get(&p.symbol).map(|price| f64_from_decimal(p.quantity) * price);
        Self { value: held().map(value).collect::<Option<Vec<f64>>>().map(sum), cost: sum(held().map(|p| f64_from_decimal(p.cost))) }
    }
}

fn prices_at(figures: &[Figures<'_>], market: &MarketPrices) -> Option<Timestamp> {
    let held = figures.iter().flat_map(|(b, _, _)| b.held_in_dollars());
    let times: Option<Vec<Timestamp>> = held.map(|p| market.prices.get(&p.symbol).map(|p| p.at)).collect();
    times?.into_iter().min()
}

fn bot_figures(books: &PortfolioBooks, bot: &Bot, market: &MarketPrices, prices: &Prices, now: Timestamp) -> BotFigures {
    let rows: Vec<_> = books.holdings.iter().filter(|h| h.bot_id == Some(bot.id) && !h.reserve).cloned().collect();
    let status = bot_status(bot, &rows, prices, now).filter(|s| s.quantity != 0.0);
    let price = market.prices.get(&bot.symbol).map(|p| p.value);
    let row = traded_holding(&rows).filter(|_| status.is_some());
    let with_price = status.as_ref().filter(|_| price.is_some());
    BotFigures {
        bot_id: bot.id,
        account_id: bot.account_id,
        name: bot.name.clone(),
        symbol: bot.symbol.clone(),
        active: bot.active,
        quantity: status.as_ref().map(|s| s.quantity),
        average_price: status.as_ref().map(|s| s.average_price),
        price,
        profit: with_price.map(|s| s.profit),
        profit_rate: with_price.map(|s| s.profit_percent / 100.0),
        t: status.as_ref().map_or(0.0, |s| s.t),
        max_tier: bot.max_tier,
        point: status.as_ref().map(|s| s.point),
        point_price: status.as_ref().map(|s| s.point_price),
        progress: status.as_ref().map_or(0.0, |s| s.progress_percent / 100.0),
        days: status.as_ref().map(|s| s.days_passed),
        cycle_profit: row.map(|row| {
            // A row keeps the name that the bot had; the cycle is the bot's, whatever it was called.
            let own = |r: &&HistoryRow| r.bot_id == Some(bot.id) && r.traded_at >= day_of(row.cycle_start);
            let renamed = books.history.iter().filter(own).map(|r| HistoryRow { name: row.name.clone(), ..r.clone() });
            cycle_profit(&renamed.collect::<Vec<_>>(), row)
        }),
        cycle_start: row.map(|r| r.cycle_start),
    }
}

/// The beginning of an instant's Korean day.
fn day_of(at: Timestamp) -> Timestamp {
    crate::domain::clock::from_kst(crate::domain::clock::kst_date(at).into())
}

#[cfg(test)]
mod tests {
    use super::super::books::tests::{books, holding, position, sell};
    use super::*;
    use crate::domain::account::KnownRate;
    use crate::domain::clock::from_kst;
    use jiff::civil::datetime;

    fn now() -> Timestamp {
        from_kst(datetime(2026, 5, 13, 4, 30, 0, 0))
    }

    fn market(books: &PortfolioBooks, price: Option<f64>, cash: Option<f64>, rate: Option<f64>) -> MarketPrices {
        let at = now();
        MarketPrices {
            prices: price.map(|value| ("TQQQ".to_owned(), Price { value, at })).into_iter().collect(),
            cash: cash.map(|value| (books.account.id, Cash { value, at })).into_iter().collect(),
            rate: rate.map(|usd_krw| Rate { usd_krw, source: "chart".to_owned(), at }),
        }
    }

    #[test]
    fn what_is_unknown_is_not_zero() {
        let calendar = Calendar::nyse().unwrap();
        let mut books = books(1);
        books.holdings.push(holding(&books.bots[0], 4.0, 50.0));
        books.positions.push(position(4, 200));
        let none = summary(std::slice::from_ref(&books), &MarketPrices::default(), &calendar, now());
        assert_eq!((none.total, none.cash, none.total_krw, none.profit_krw, none.prices_at), (None, None, None, None, None));
        assert_eq!((none.invested, none.profit, none.profit_rate), (None, None, None));
        assert_eq!((none.cost, none.alerts.len()), (200.0, 0));
        let unpriced = summary(std::slice::from_ref(&books), &market(&books, None, Some(100.0), Some(1_400.0)), &calendar, now());
        assert_eq!((unpriced.total, unpriced.cash, unpriced.withdrawable), (None, Some(100.0), None), "no total without a price");
        assert_eq!((none.bots[0].price, none.bots[0].profit, none.bots[0].quantity), (None, None, Some(4.0)));
        let all = summary(std::slice::from_ref(&books), &market(&books, Some(60.0), Some(100.0), Some(1_400.0)), &calendar, now());
        assert_eq!((all.total, all.total_krw, all.profit, all.profit_rate), (Some(340.0), Some(476_000.0), Some(40.0), Some(0.2)));
        assert_eq!((all.prices_at, all.cash_at, all.withdrawable), (Some(now()), Some(now()), None));
        assert_eq!(all.alerts[0].code, AlertCode::LowCash);
        assert_eq!((all.bots[0].profit, all.bots[0].profit_rate, all.bots[0].t), (Some(40.0), Some(0.2), 2.0));
    }

    #[test]
    fn shares_that_slices_have_bought_and_own_ones_count_with_the_cash_that_they_took() {
        let calendar = Calendar::nyse().unwrap();
        let mut books = books(1);
        books.holdings.push(holding(&books.bots[0], 4.0, 50.0));
        // Two more by the slices of tonight, three of the owner's.
        books.positions.push(position(9, 500));
        let all = summary(std::slice::from_ref(&books), &market(&books, Some(60.0), Some(100.0), None), &calendar, now());
        assert_eq!((all.invested, all.cost, all.profit, all.total), (Some(540.0), 500.0, Some(40.0), Some(640.0)));
        assert_eq!((all.bots[0].quantity, all.bots[0].profit), (Some(4.0), Some(40.0)), "the bot's own holding follows at the end");
    }

    #[test]
    fn accounts_add_up_and_one_unknown_cash_leaves_the_total_open() {
        let calendar = Calendar::nyse().unwrap();
        let (mut a, b, empty) = (books(1), books(2), books(3));
        a.account.settings.total_budget = Some(1_000.0);
        let empty = PortfolioBooks { bots: Vec::new(), ..empty };
        let mut known = market(&a, Some(60.0), Some(5_000.0), None);
        let both = [a.clone(), b.clone(), empty];
        assert_eq!(summary(&both, &known, &calendar, now()).total, None);
        known.cash.insert(b.account.id, Cash { value: 7.0, at: now() });
        let all = summary(&both, &known, &calendar, now());
        assert_eq!((all.total, all.cash, all.max_seed, all.withdrawable), (Some(5_007.0), Some(5_007.0), 2_000.0, None));
        assert_eq!(summary(&[a], &known, &calendar, now()).withdrawable, Some(4_000.0));
    }

    #[test]
    fn an_old_rate_stands_in_with_its_own_time() {
        let calendar = Calendar::nyse().unwrap();
        let mut books = books(1);
        let at = from_kst(datetime(2026, 5, 1, 0, 0, 0, 0));
        books.account.settings.usd_krw = Some(KnownRate { rate: 1_391.0, at, source: "import".to_owned() });
        let rate = summary(&[books], &MarketPrices::default(), &calendar, now()).rate.unwrap();
        assert_eq!((rate.usd_krw, rate.source.as_str(), rate.at), (1_391.0, "import", at));
    }

    #[test]
    fn todays_profit_is_the_sessions_and_a_cycle_survives_a_rename() {
        let calendar = Calendar::nyse().unwrap();
        let mut books = books(1);
        let bot = books.bots[0].clone();
        books.holdings.push(holding(&bot, 4.0, 50.0));
        // 23:45 and 00:05 of one night are one session; the night before is another.
        for (day, hour, minute, profit) in [(12, 23, 45, 3.0), (13, 0, 5, 4.0), (12, 0, 5, 100.0)] {
            books.history.push(sell(&bot, from_kst(datetime(2026, 5, day, hour, minute, 0, 0)), profit));
        }
        books.bots[0].name = "NEW".to_owned();
        let all = summary(&[books], &MarketPrices::default(), &calendar, now());
        assert_eq!((all.today_profit, all.realised, all.bots[0].cycle_profit), (7.0, 107.0, Some(107.0)));
    }
}
