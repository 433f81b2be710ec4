//! Portfolio figures. A line holds either the totals and the status of every bot, or profits,
//! rates and lists.

use std::collections::BTreeMap;

use jiff::civil::DateTime;
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde::Deserialize;

use eggmoney::domain::account::KnownRate;
use eggmoney::domain::bot::{Bot, HistoryRow, Holding};
use eggmoney::quant::figures::history::shown_amounts;
use eggmoney::quant::figures::overview::external_portfolio;
use eggmoney::quant::figures::rates::RateSource;
use eggmoney::quant::figures::status::status_messages;
use eggmoney::quant::figures::{
    Overview, Scope, bot_status, current_rate, cycle_profit, month_rate, overview, positions_in_order, profit_years, realised_profit,
    rows_between, rows_of_month, today_profit,
};
use eggmoney::quant::manual::is_reserve;

use super::harness::{Case, Differences, run};
use super::ordered::Ordered;
use super::vectors::{BotVector, HistoryVector, TradeVector, at};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PortfolioCase {
    id: String,
    now: DateTime,
    prices: BTreeMap<String, Option<f64>>,
    balance: Option<f64>,
    keys: BTreeMap<String, f64>,
    bots: Vec<BotVector>,
    trades: Vec<TradeVector>,
    history: Option<Vec<HistoryVector>>,
    yf_monthly_close: Option<BTreeMap<String, Vec<f64>>>,
    expect: Expect,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Expect {
    Totals(Box<TotalsExpect>),
    Profits(Box<ProfitsExpect>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TotalsExpect {
    overview: OverviewExpect,
    summary: Option<SummaryExpect>,
    trade_status: Ordered<Option<StatusExpect>>,
    /// Name and symbol.
    all_trades_order: Vec<(String, String)>,
    external_portfolio: ExternalExpect,
    status_events: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExternalExpect {
    stock_items: Vec<ItemExpect>,
    balance: f64,
    total_seed: f64,
    wallet_cash: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ItemExpect {
    name: String,
    ticker: String,
    amount: f64,
    price: f64,
    total_price: f64,
    current_price: Option<f64>,
    days_until_next: Option<i64>,
    pool: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OverviewExpect {
    total_balance: f64,
    total_buy: f64,
    invest: f64,
    current_profit: f64,
    profit_rate: f64,
    usd_krw: f64,
    active_bots: usize,
    total_bots: usize,
    total_max_seed: f64,
    hantoo_balance: f64,
    seed_per_tier: f64,
    alert_low_balance: bool,
    alert_high_balance: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SummaryExpect {
    hantoo_balance: f64,
    invest: f64,
    rp: f64,
    total_balance: f64,
    total_profit: f64,
    total_max_seed: f64,
    total_one_day_seed: f64,
    total_buy: f64,
    current_profit: f64,
    process_rate: f64,
    progress_bar: String,
    pool: f64,
    active_bots: usize,
    total_bots: usize,
    seed_per_tier: f64,
    usd_krw: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StatusExpect {
    cur_price: f64,
    cur_trade: CurTrade,
    profit: f64,
    profit_rate: f64,
    max_seed: f64,
    total_invest: f64,
    t: f64,
    point: f64,
    point_price: f64,
    progress_rate: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CurTrade {
    purchase_price: f64,
    amount: f64,
    total_price: f64,
    days_passed: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProfitsExpect {
    today_profit: TodayExpect,
    profit_summary: SummaryYears,
    keys_added: BTreeMap<String, f64>,
    range_30d: RangeExpect,
    /// Name, type, profit.
    filter_month: Vec<(String, String, f64)>,
    cycle_profit: BTreeMap<String, f64>,
    total_sell_profit: f64,
    status_events: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TodayExpect {
    total_profit: f64,
    by_bot: BTreeMap<String, f64>,
    usd_krw: f64,
    has_profit: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SummaryYears {
    has_data: bool,
    years: Vec<YearExpect>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct YearExpect {
    year: i16,
    total_profit: f64,
    total_profit_krw: f64,
    is_current_year: bool,
    /// Month, USD, KRW, rate.
    monthly: Vec<(i8, f64, f64, f64)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RangeExpect {
    buy_count: usize,
    sell_count: usize,
    /// Side, name, shares, amount.
    order: Vec<(String, String, i64, f64)>,
}

/// The instant of epoch seconds with a fraction.
pub fn epoch(seconds: f64) -> Timestamp {
    Timestamp::UNIX_EPOCH.saturating_add(SignedDuration::from_secs_f64(seconds)).expect("a time")
}

/// The stored rate; one without a time is older than anything.
pub fn stored_rate(rate: Option<f64>, time: Option<f64>) -> Option<KnownRate> {
    rate.map(|rate| KnownRate { rate, at: time.map_or(Timestamp::UNIX_EPOCH, epoch), source: "import".to_owned() })
}

/// Compares the present rate. The original gave 0 for a stale one; ours is the last known with its age.
pub fn compare_rate(diff: &mut Differences, what: &str, stored: Option<&KnownRate>, now: Timestamp, want: f64) {
    match current_rate(stored, now, || None) {
        Some(rate) if !rate.fresh => {
            diff.exempt("H-38");
            diff.money(&format!("{what} of the original, which forgot a stale rate"), 0.0, want);
            diff.same(&format!("{what}, last known"), &Some(rate.rate), &stored.map(|s| s.rate));
        }
        rate => diff.money(what, rate.map_or(0.0, |r| r.rate), want),
    }
}

/// An account as a line describes it.
struct Account<'c> {
    now: Timestamp,
    bots: Vec<Bot>,
    holdings: Vec<Holding>,
    history: Vec<HistoryRow>,
    prices: BTreeMap<String, f64>,
    known_rate: Option<KnownRate>,
    case: &'c PortfolioCase,
}

impl PortfolioCase {
    fn account(&self) -> Account<'_> {
        let bots: Vec<Bot> = (0..).zip(&self.bots).map(|(place, bot)| bot.bot(place)).collect();
        let nobody: BotVector = serde_json::from_str(r#"{"name":"nobody"}"#).expect("a bot");
        let mut holdings: Vec<Holding> = (0..).zip(&self.trades).map(|(place, trade)| trade.holding(&nobody, place)).collect();
        for holding in &mut holdings {
            holding.reserve = is_reserve(&holding.name);
            holding.bot_id = holding.bot_id.filter(|id| bots.iter().any(|bot| bot.id == *id));
        }
        Account {
            now: at(self.now),
            history: (0..).zip(self.history.iter().flatten()).map(|(place, row)| row.row(&nobody, place)).collect(),
            prices: self.prices.iter().filter_map(|(symbol, price)| price.map(|p| (symbol.clone(), p))).collect(),
            known_rate: stored_rate(self.keys.get("EXCHANGE_RATE").copied(), self.keys.get("EXCHANGE_RATE_TIME").copied()),
            bots,
            holdings,
            case: self,
        }
    }
}

impl Case for PortfolioCase {
    fn id(&self) -> &str {
        &self.id
    }

    fn check(&self, diff: &mut Differences) {
        let account = self.account();
        match &self.expect {
            Expect::Totals(want) => account.check_totals(diff, want),
            Expect::Profits(want) => account.check_profits(diff, want),
        }
        let events = match &self.expect {
            Expect::Totals(want) => &want.status_events,
            Expect::Profits(want) => &want.status_events,
        };
        let today = today_profit(&account.history, self.now.date());
        let messages = status_messages(&account.bots, &account.holdings, &today);
        diff.same("status_events", &messages.iter().map(|m| m.event()).collect::<Vec<_>>(), events);
    }
}

impl Account<'_> {
    fn figures(&self, scope: Scope) -> Overview {
        overview(&self.bots, &self.holdings, &self.prices, self.case.balance, scope)
    }

    fn check_totals(&self, diff: &mut Differences, want: &TotalsExpect) {
        let got = self.figures(Scope::ExistingBots);
        let page = &want.overview;
        diff.money("overview total_balance", got.total_balance, page.total_balance);
        diff.money("overview total_buy", got.cost, page.total_buy);
        diff.money("overview invest", got.invest, page.invest);
        diff.money("overview current_profit", got.profit, page.current_profit);
        diff.money("overview profit_rate", got.profit_percent, page.profit_rate);
        compare_rate(diff, "overview usd_krw", self.known_rate.as_ref(), self.now, page.usd_krw);
        diff.same("overview active_bots", &got.active_bots, &page.active_bots);
        diff.same("overview total_bots", &got.bots, &page.total_bots);
        diff.money("overview total_max_seed", got.max_seed, page.total_max_seed);
        diff.money("overview hantoo_balance", got.cash, page.hantoo_balance);
        diff.money("overview seed_per_tier", got.seed_per_turn, page.seed_per_tier);
        diff.same("overview alert_low_balance", &got.low_cash, &page.alert_low_balance);
        diff.same("overview alert_high_balance", &got.high_cash, &page.alert_high_balance);
        self.check_summary(diff, want.summary.as_ref());
        self.check_product_totals(diff, page);

        let names: Vec<&str> = self.bots.iter().map(|b| b.name.as_str()).collect();
        diff.same("trade_status bots", &want.trade_status.0.len(), &names.len());
        for bot in &self.bots {
            let Some(want) = want.trade_status.get(&bot.name) else {
                diff.note(format!("{} has no trade_status", bot.name));
                continue;
            };
            self.check_status(diff, bot, want.as_ref());
        }
        let order: Vec<(String, String)> =
            positions_in_order(&self.holdings).into_iter().map(|h| (h.name.clone(), h.symbol.clone())).collect();
        diff.same("all_trades_order", &order, &want.all_trades_order);
        self.check_external(diff, &want.external_portfolio);
    }

    fn check_external(&self, diff: &mut Differences, want: &ExternalExpect) {
        let got = external_portfolio(&self.bots, &self.holdings, &self.prices, self.case.balance);
        diff.money("external balance", got.balance, want.balance);
        diff.money("external total_seed", got.total_seed, want.total_seed);
        diff.money("external wallet_cash", got.wallet_cash, want.wallet_cash);
        diff.same("external items", &got.stock_items.len(), &want.stock_items.len());
        for (got, want) in got.stock_items.iter().zip(&want.stock_items) {
            let what = |field: &str| format!("external {} {field}", want.name);
            diff.same(&what("name"), &got.name, &want.name);
            diff.same(&what("ticker"), &got.ticker, &want.ticker);
            diff.same(&what("amount"), &got.amount, &want.amount);
            diff.money(&what("price"), got.price, want.price);
            diff.money(&what("total_price"), got.total_price, want.total_price);
            diff.money_or_none(&what("current_price"), got.current_price, want.current_price);
            diff.same(&what("days_until_next"), &got.days_until_next, &want.days_until_next);
            diff.money_or_none(&what("pool"), got.pool, want.pool);
        }
    }

    fn check_summary(&self, diff: &mut Differences, want: Option<&SummaryExpect>) {
        let Some(want) = want else {
            return diff.same("bots of an account without summary", &self.bots.len(), &0);
        };
        let got = self.figures(Scope::ActiveBots);
        diff.money("summary hantoo_balance", got.cash, want.hantoo_balance);
        diff.money("summary invest", got.invest, want.invest);
        diff.money("summary rp", got.reserve, want.rp);
        diff.money("summary total_balance", got.total_balance, want.total_balance);
        diff.money("summary total_profit", realised_profit(&self.history), want.total_profit);
        diff.money("summary total_max_seed", got.max_seed, want.total_max_seed);
        diff.money("summary total_one_day_seed", got.one_day_seed, want.total_one_day_seed);
        diff.money("summary total_buy", got.cost, want.total_buy);
        diff.money("summary current_profit", got.profit, want.current_profit);
        diff.money("summary process_rate", got.invested_percent, want.process_rate);
        let bar = eggmoney::quant::figures::ProgressBar::of(got.invested_percent);
        diff.same("summary progress_bar", &bar.text(), &want.progress_bar);
        diff.money("summary pool", got.pool, want.pool);
        diff.same("summary active_bots", &got.active_bots, &want.active_bots);
        diff.same("summary total_bots", &got.bots, &want.total_bots);
        diff.money("summary seed_per_tier", got.seed_per_turn, want.seed_per_tier);
        compare_rate(diff, "summary usd_krw", self.known_rate.as_ref(), self.now, want.usd_krw);
    }

    /// What we show everywhere (H-23): the start page's figures plus the positions of removed bots.
    fn check_product_totals(&self, diff: &mut Differences, page: &OverviewExpect) {
        let got = self.figures(Scope::All);
        let orphans: Vec<&Holding> = self.holdings.iter().filter(|h| h.bot_id.is_none() && !h.reserve && h.quantity > 0.0).collect();
        let price = |h: &Holding| self.prices.get(&h.symbol).copied().unwrap_or(h.average_price);
        let value: f64 = orphans.iter().map(|h| h.quantity * price(h)).sum();
        let cost: f64 = orphans.iter().map(|h| h.total_cost).sum();
        diff.money("invest with orphans", got.invest, page.invest + value);
        diff.money("cost with orphans", got.cost, page.total_buy + cost);
        diff.money("balance with orphans", got.total_balance, page.total_balance + value);
        diff.money("seed_per_tier with orphans", got.seed_per_turn, page.seed_per_tier);
    }

    fn check_status(&self, diff: &mut Differences, bot: &Bot, want: Option<&StatusExpect>) {
        let got = bot_status(bot, &self.holdings, &self.prices, self.now);
        let (Some(got), Some(want)) = (&got, want) else {
            return diff.same(&format!("{} has a status", bot.name), &got.is_some(), &want.is_some());
        };
        let what = |field: &str| format!("{} {field}", bot.name);
        diff.money(&what("cur_price"), got.price, want.cur_price);
        diff.money(&what("purchase_price"), got.average_price, want.cur_trade.purchase_price);
        diff.same(&what("amount"), &got.quantity, &want.cur_trade.amount);
        diff.money(&what("total_price"), got.total_cost, want.cur_trade.total_price);
        diff.same(&what("days_passed"), &got.days_passed, &want.cur_trade.days_passed);
        diff.money(&what("profit"), got.profit, want.profit);
        diff.money(&what("profit_rate"), got.profit_percent, want.profit_rate);
        diff.money(&what("max_seed"), got.max_seed, want.max_seed);
        diff.money(&what("total_invest"), got.invested, want.total_invest);
        diff.money(&what("t"), got.t, want.t);
        diff.fraction(&what("point"), got.point, want.point);
        diff.money(&what("point_price"), got.point_price, want.point_price);
        diff.money(&what("progress_rate"), got.progress_percent, want.progress_rate);
    }

    fn check_profits(&self, diff: &mut Differences, want: &ProfitsExpect) {
        let date = self.case.now.date();
        let today = today_profit(&self.history, date);
        diff.money("today total_profit", today.total, want.today_profit.total_profit);
        diff.same("today has_profit", &today.sold(), &want.today_profit.has_profit);
        diff.same("today bots", &today.by_bot.keys().collect::<Vec<_>>(), &want.today_profit.by_bot.keys().collect::<Vec<_>>());
        for (name, profit) in &want.today_profit.by_bot {
            diff.money(&format!("today {name}"), today.by_bot.get(name).copied().unwrap_or(f64::NAN), *profit);
        }
        compare_rate(diff, "today usd_krw", self.known_rate.as_ref(), self.now, want.today_profit.usd_krw);
        self.check_years(diff, want);

        let range = rows_between(&self.history, date.saturating_sub(30.days()), date);
        let count = |buy: bool| range.iter().filter(|r| r.kind.is_buy() == buy).count();
        diff.same("range buy_count", &count(true), &want.range_30d.buy_count);
        diff.same("range sell_count", &count(false), &want.range_30d.sell_count);
        diff.same("range rows", &range.len(), &want.range_30d.order.len());
        for (row, (side, name, shares, amount)) in range.iter().zip(&want.range_30d.order) {
            let (got_shares, got_amount) = shown_amounts(row);
            diff.same("range side", if row.kind.is_buy() { "buy" } else { "sell" }, side.as_str());
            diff.same("range name", &row.name, name);
            diff.same("range shares", &got_shares, &Some(*shares));
            diff.money("range amount", got_amount, *amount);
        }
        let month: Vec<(String, String, f64)> = rows_of_month(&self.history, date.year(), date.month(), "")
            .into_iter()
            .map(|r| (r.name.clone(), r.kind.name().to_owned(), r.profit))
            .collect();
        diff.same("filter_month", &month, &want.filter_month);
        let positions: Vec<&Holding> = self.holdings.iter().filter(|h| !h.reserve).collect();
        diff.same("positions with a cycle", &positions.len(), &want.cycle_profit.len());
        for position in positions {
            let Some(want) = want.cycle_profit.get(&position.name) else {
                diff.note(format!("no cycle of {}", position.name));
                continue;
            };
            diff.money(&format!("cycle of {}", position.name), cycle_profit(&self.history, position), *want);
        }
        diff.money("total_sell_profit", realised_profit(&self.history), want.total_sell_profit);
    }

    fn check_years(&self, diff: &mut Differences, want: &ProfitsExpect) {
        let date = self.case.now.date();
        let mut stored: BTreeMap<String, f64> = BTreeMap::new();
        for (key, rate) in &self.case.keys {
            if let Some((year, month)) = key.strip_prefix("EXCHANGE_RATE_").and_then(|m| m.split_once('_')) {
                stored.insert(format!("{year}-{month}"), *rate);
            }
        }
        let present = self.known_rate.as_ref().map(|k| k.rate);
        let closes = self.case.yf_monthly_close.as_ref();
        let years = profit_years(&self.history, date, present, |year, month| {
            let present_month = (year, month) == (date.year(), date.month());
            let closes_of = || closes.and_then(|c| c.get(&format!("{year:04}-{month:02}"))).cloned().unwrap_or_default();
            month_rate(&stored, (year, month), present_month, present, closes_of)
        });
        diff.same("has_data", &!years.is_empty(), &want.profit_summary.has_data);
        diff.same("number of years", &years.len(), &want.profit_summary.years.len());
        let mut written = BTreeMap::new();
        for (got, want) in years.iter().zip(&want.profit_summary.years) {
            let what = |field: &str| format!("{} {field}", want.year);
            diff.same(&what("year"), &got.year, &want.year);
            diff.same(&what("is_current_year"), &got.current, &want.is_current_year);
            diff.money(&what("total_profit"), got.profit, want.total_profit);
            diff.money(&what("total_profit_krw"), got.krw_at_present_rate, want.total_profit_krw);
            diff.same(&what("months"), &got.months.len(), &want.monthly.len());
            let mut months_krw = 0.0;
            for (got, (month, profit, krw, rate)) in got.months.iter().zip(&want.monthly) {
                let what = |field: &str| format!("{}-{month} {field}", want.year);
                diff.same(&what("month"), &got.month, month);
                diff.money(&what("profit"), got.profit, *profit);
                diff.money(&what("krw"), got.krw, *krw);
                diff.money(&what("rate"), got.rate.rate, *rate);
                months_krw += krw;
                if matches!(got.rate.source, RateSource::Present | RateSource::MonthMean) {
                    written.insert(format!("EXCHANGE_RATE_{:04}_{month:02}", want.year), got.rate.rate);
                }
            }
            // What we show for the year (H-22).
            diff.money(&what("sum of its months"), got.krw, months_krw);
        }
        // The original also froze the present month's rate here (H-22); we store means only.
        diff.same("keys_added", &written, &want.keys_added);
    }
}

#[test]
fn golden_portfolio() {
    run::<PortfolioCase>("portfolio");
}
