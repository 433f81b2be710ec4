//! Korean trading days and early closes, by month.

use serde::Deserialize;

use eggmoney::domain::calendar::{Calendar, Session};
use eggmoney::domain::clock::kst_date;
use jiff::ToSpan;
use jiff::civil::{Date, date};

use super::harness::{Case, Differences, run};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Month {
    month: String,
    open_kst_days: Vec<i8>,
    early_close_kst_days: Vec<i8>,
}

impl Case for Month {
    fn id(&self) -> &str {
        &self.month
    }

    fn check(&self, diff: &mut Differences) {
        let calendar = Calendar::nyse().expect("the embedded calendar");
        let first: Date = format!("{}-01", self.month).parse().expect("a month");
        let days: Vec<Date> = (1..=first.days_in_month()).map(|d| date(first.year(), first.month(), d)).collect();
        let on = |day: &Date| calendar.is_kst_trading_day(*day).expect("a covered day");
        let open: Vec<i8> = days.iter().filter(|d| on(d)).map(|d| d.day()).collect();
        diff.same("open_kst_days", &open, &self.open_kst_days);
        let ending: Vec<Session> =
            days.iter().filter_map(|d| calendar.session_on(d.saturating_sub(1.day())).expect("a covered day")).collect();
        let early: Vec<i8> = ending.iter().filter(|s| s.early).map(|s| kst_date(s.close).day()).collect();
        diff.same("early_close_kst_days", &early, &self.early_close_kst_days);
    }
}

#[test]
fn golden_trade_dates() {
    run::<Month>("trade_dates");
}
