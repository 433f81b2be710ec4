//! The trade history as pages, and the realised profit by year and month.

use jiff::Timestamp;
use jiff::civil::Date;
use uuid::Uuid;

use super::books::PortfolioBooks;
use crate::domain::bot::HistoryRow;
use crate::domain::clock::kst_date;
use crate::quant::egg::number::sum;
use crate::quant::figures::rates::{RateSource, month_key};
use crate::quant::figures::{month_rate, profit_years, realised_profit};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TradeSide {
    Buy,
    Sell,
}

/// Which rows are wanted; absent conditions let all pass.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// First Korean day.
    pub from: Option<Date>,
    /// Last Korean day.
    pub to: Option<Date>,
    pub side: Option<TradeSide>,
    /// Name of the bot at the time, or its id.
    pub bot: Option<String>,
}

impl Filter {
    fn wants(&self, row: &HistoryRow) -> bool {
        let day = kst_date(row.traded_at);
        let side = match self.side {
            None => true,
            Some(TradeSide::Buy) => row.kind.is_buy(),
            Some(TradeSide::Sell) => row.kind.is_sell(),
        };
        let named = |bot: &str| row.name == bot || row.bot_id.is_some_and(|id| id.to_string() == bot);
        side && self.from.is_none_or(|d| day >= d) && self.to.is_none_or(|d| day <= d) && self.bot.as_deref().is_none_or(named)
    }
}

/// Sums over all rows of a filter, not only over the page.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Totals {
    pub buys: usize,
    pub sells: usize,
    /// USD, gross.
    pub profit: f64,
}

/// A page of history, newest first.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryPage {
    pub rows: Vec<HistoryRow>,
    /// The last row's id when more follow.
    pub next: Option<Uuid>,
    pub totals: Totals,
}

/// A page of the rows that a filter wants; `after` is the id of the last row seen.
pub fn history_page(history: &[HistoryRow], filter: &Filter, after: Option<Uuid>, limit: usize) -> HistoryPage {
    let mut wanted: Vec<&HistoryRow> = history.iter().filter(|row| filter.wants(row)).collect();
    wanted.sort_by_key(|row| std::cmp::Reverse((row.traded_at, row.id)));
    let totals = Totals {
        buys: wanted.iter().filter(|r| r.kind.is_buy()).count(),
        sells: wanted.iter().filter(|r| r.kind.is_sell()).count(),
        profit: sum(wanted.iter().filter(|r| r.kind.is_sell()).map(|r| r.profit)),
    };
    // The row itself may be gone; what was traded before it still follows.
    let seen = after.map(|id| {
        let at = history.iter().find(|r| r.id.0 == id).map_or_else(|| id_time(id), |r| r.traded_at);
        (at, id)
    });
    let mut rest = wanted.into_iter().filter(|r| seen.is_none_or(|seen| (r.traded_at, r.id.0) < seen));
    let rows: Vec<HistoryRow> = rest.by_ref().take(limit).cloned().collect();
    let next = rest.next().and(rows.last()).map(|r| r.id.0);
    HistoryPage { rows, next, totals }
}

/// The time that an id carries.
fn id_time(id: Uuid) -> Timestamp {
    let stamp = id.get_timestamp().map(|t| t.to_unix());
    stamp.and_then(|(s, n)| Timestamp::new(i64::try_from(s).ok()?, i32::try_from(n).ok()?).ok()).unwrap_or(Timestamp::MAX)
}

/// A month's realised profit.
#[derive(Clone, Debug, PartialEq)]
pub struct MonthFigures {
    /// `2026-05`
    pub month: String,
    /// USD, gross.
    pub profit: f64,
    /// `None` when no rate is known.
    pub profit_krw: Option<f64>,
    pub rate: Option<f64>,
    pub rate_source: Option<RateSource>,
}

/// A year's realised profit: in won the sum of its months.
#[derive(Clone, Debug, PartialEq)]
pub struct YearFigures {
    pub year: i16,
    pub profit: f64,
    pub profit_krw: Option<f64>,
    pub months: Vec<MonthFigures>,
}

/// Realised profit by year, newest first.
#[derive(Clone, Debug, PartialEq)]
pub struct ProfitSummary {
    pub years: Vec<YearFigures>,
    pub total: f64,
}

/// The profit of an account by year and month. Each month counts at its own rate: a stored one where
/// the month has one, else the present rate, which is named as standing in. A month's rate is final
/// only once the month is over, so nothing is stored here.
pub fn profit_summary(books: &PortfolioBooks, present_rate: Option<f64>, now: Timestamp) -> ProfitSummary {
    let today = kst_date(now);
    let settings = &books.account.settings;
    let present = present_rate.or(settings.usd_krw.as_ref().map(|r| r.rate)).filter(|r| *r > 0.0);
    let rate_of =
        |year, month| month_rate(&settings.month_rates, (year, month), (year, month) == (today.year(), today.month()), present, Vec::new);
    let first = books.history.iter().map(|row| kst_date(row.traded_at)).min().map(|day| (day.year(), day.month()));
    let years = profit_years(&books.history, today, present, rate_of)
        .into_iter()
        .map(|year| {
            let months: Vec<MonthFigures> = year
                .months
                .iter()
                // Nothing was earned before the first trade, and no zero says so.
                .filter(|month| first.is_none_or(|first| (year.year, month.month) >= first))
                .map(|month| {
                    // A figure at a made-up rate would explain nothing.
                    let rate = Some(month.rate).filter(|r| r.source != RateSource::Default);
                    MonthFigures {
                        month: month_key(year.year, month.month),
                        profit: month.profit,
                        profit_krw: rate.map(|r| month.profit * r.rate),
                        rate: rate.map(|r| r.rate),
                        rate_source: rate.map(|r| r.source),
                    }
                })
                .collect();
            // A month without profit needs no rate to count.
            let krw: Option<Vec<f64>> = months.iter().map(|m| m.profit_krw.or((m.profit == 0.0).then_some(0.0))).collect();
            YearFigures { year: year.year, profit: year.profit, profit_krw: krw.map(sum), months }
        })
        .collect();
    ProfitSummary { years, total: realised_profit(&books.history) }
}

#[cfg(test)]
mod tests {
    use super::super::books::tests::{books, sell};
    use super::*;
    use crate::domain::bot::TradeKind;
    use crate::domain::clock::from_kst;
    use crate::domain::id::HistoryId;
    use jiff::civil::{date, datetime};

    fn account() -> PortfolioBooks {
        let mut books = books(1);
        let bot = books.bots[0].clone();
        for (month, day, profit) in [(1, 31, 10.0), (2, 1, 20.0), (2, 2, -5.0), (5, 12, 3.0)] {
            books.history.push(sell(&bot, from_kst(datetime(2026, month, day, 0, 10, 0, 0)), profit));
        }
        let mut buy = sell(&bot, from_kst(datetime(2026, 2, 2, 0, 10, 0, 0)), 0.0);
        buy.id = HistoryId(uuid::Uuid::from_u128(1));
        buy.kind = TradeKind::Buy;
        buy.name = "OLD".to_owned();
        books.history.push(buy);
        books
    }

    #[test]
    fn pages_meet_without_gap_or_repetition() {
        let history = account().history;
        let mut seen = Vec::new();
        let mut after = None;
        loop {
            let page = history_page(&history, &Filter::default(), after, 2);
            assert_eq!(page.totals, Totals { buys: 1, sells: 4, profit: 28.0 });
            seen.extend(page.rows.iter().map(|r| r.id));
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        let mut expected: Vec<&HistoryRow> = history.iter().collect();
        expected.sort_by_key(|r| std::cmp::Reverse((r.traded_at, r.id)));
        assert_eq!(seen, expected.iter().map(|r| r.id).collect::<Vec<_>>());
    }

    #[test]
    fn filters_are_korean_days_kind_and_bot_by_name_or_id() {
        let history = account().history;
        let count = |filter: Filter| history_page(&history, &filter, None, 100).rows.len();
        assert_eq!(count(Filter { from: Some(date(2026, 2, 1)), to: Some(date(2026, 2, 2)), ..Filter::default() }), 3);
        assert_eq!(count(Filter { side: Some(TradeSide::Buy), ..Filter::default() }), 1);
        assert_eq!(count(Filter { bot: Some("TQ_1".to_owned()), ..Filter::default() }), 4);
        assert_eq!(count(Filter { bot: history[0].bot_id.map(|b| b.to_string()), ..Filter::default() }), 5);
    }

    #[test]
    fn a_year_in_won_is_the_sum_of_its_months_and_a_missing_rate_is_no_figure() {
        let mut books = account();
        books.account.settings.month_rates.insert("2026-01".to_owned(), 1_000.0);
        let now = from_kst(datetime(2026, 5, 13, 0, 0, 0, 0));
        let known = profit_summary(&books, Some(1_500.0), now);
        let year = &known.years[0];
        assert_eq!((year.year, year.months.len(), year.profit, known.total), (2026, 5, 28.0, 28.0));
        assert_eq!(year.profit_krw, Some(10.0 * 1_000.0 + 15.0 * 1_500.0 + 3.0 * 1_500.0));
        assert_eq!(year.months[0].rate_source, Some(RateSource::Stored));
        assert_eq!(year.months[1].rate_source, Some(RateSource::StandIn));
        assert_eq!(year.months[4].rate_source, Some(RateSource::Present));
        let unknown = profit_summary(&books, None, now);
        assert_eq!((unknown.years[0].profit_krw, unknown.years[0].months[0].profit_krw), (None, Some(10_000.0)));
        assert_eq!((unknown.years[0].months[1].profit_krw, unknown.years[0].months[1].rate), (None, None));
    }

    #[test]
    fn months_before_the_first_trade_are_not_shown() {
        let mut books = books(1);
        let bot = books.bots[0].clone();
        for (year, month) in [(2025, 11), (2026, 2)] {
            books.history.push(sell(&bot, from_kst(datetime(year, month, 5, 0, 10, 0, 0)), 1.0));
        }
        let summary = profit_summary(&books, Some(1_500.0), from_kst(datetime(2026, 3, 13, 0, 0, 0, 0)));
        let months: Vec<&str> = summary.years.iter().flat_map(|year| &year.months).map(|month| month.month.as_str()).collect();
        assert_eq!(months, ["2026-01", "2026-02", "2026-03", "2025-11", "2025-12"], "a month without profit between trades is one");
        assert_eq!(profit_summary(&super::super::books::tests::books(1), None, from_kst(datetime(2026, 3, 13, 0, 0, 0, 0))).years, []);
    }
}
