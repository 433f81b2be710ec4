//! Indicators: series, levels, trends.

use jiff::ToSpan;
use jiff::civil::{Date, DateTime, Weekday};
use serde::Deserialize;

use eggmoney::quant::market::{DayBar, Mood, Trend, average_close, market_view};

use super::harness::{Case, Differences, run};
use super::vectors::at;

#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
enum MarketCase {
    Series {
        id: String,
        now: DateTime,
        first_day: Date,
        weekdays_only: bool,
        close: Vec<f64>,
        high: Vec<f64>,
        low: Vec<f64>,
        live_price: Option<f64>,
        expect: Box<SeriesExpect>,
    },
    Level {
        id: String,
        value: f64,
        expect: LevelExpect,
    },
    Trend {
        id: String,
        price: f64,
        ma20: Option<f64>,
        ma60: Option<f64>,
        expect: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SeriesExpect {
    rsi: Vec<f64>,
    rsi_first_date: Option<Date>,
    /// Absent without a value of RSI.
    rsi_class: Option<String>,
    price_count: usize,
    /// Price, average of 20, average of 60.
    ma: (f64, Option<f64>, Option<f64>),
    atr14: Option<f64>,
    avg5: Option<f64>,
    avg20: Option<f64>,
    drawdown: DrawdownExpect,
    trend: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DrawdownExpect {
    high_price: f64,
    high_date: Date,
    current_price: f64,
    drawdown_rate: f64,
    period_days: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LevelExpect {
    rsi_class: String,
    rsi_extreme: bool,
    vix_class: String,
    vix_extreme: bool,
}

/// The days of a series; holidays are not taken out.
fn days(first: Date, weekdays_only: bool) -> impl Iterator<Item = Date> {
    first.series(1.day()).filter(move |d| !weekdays_only || !matches!(d.weekday(), Weekday::Saturday | Weekday::Sunday))
}

impl Case for MarketCase {
    fn id(&self) -> &str {
        match self {
            MarketCase::Series { id, .. } | MarketCase::Level { id, .. } | MarketCase::Trend { id, .. } => id,
        }
    }

    fn check(&self, diff: &mut Differences) {
        match self {
            MarketCase::Series { now, first_day, weekdays_only, close, high, low, live_price, expect, .. } => {
                assert!(high.len() == close.len() && low.len() == close.len(), "a bar has three prices");
                let bars: Vec<DayBar> = days(*first_day, *weekdays_only)
                    .zip(close.iter().zip(high.iter().zip(low)))
                    .map(|(date, (close, (high, low)))| DayBar { date, high: *high, low: *low, close: *close })
                    .collect();
                let zone = jiff::tz::TimeZone::get("America/New_York").expect("New York");
                check_series(diff, &bars, *live_price, at(*now).to_zoned(zone).date(), expect);
            }
            MarketCase::Level { value, expect, .. } => {
                let (rsi, vix) = (Mood::of_rsi(*value), Mood::of_vix(*value));
                diff.same("rsi_class", rsi.class(), expect.rsi_class.as_str());
                diff.same("rsi_extreme", &rsi.is_extreme(), &expect.rsi_extreme);
                diff.same("vix_class", vix.class(), expect.vix_class.as_str());
                diff.same("vix_extreme", &vix.is_extreme(), &expect.vix_extreme);
            }
            MarketCase::Trend { price, ma20, ma60, expect, .. } => {
                diff.same("trend", Trend::of(*price, *ma20, *ma60).name(), expect.as_str());
            }
        }
    }
}

fn check_series(diff: &mut Differences, bars: &[DayBar], live: Option<f64>, today: Date, want: &SeriesExpect) {
    let Some(view) = market_view(bars, live) else {
        return diff.note("no bars".to_owned());
    };
    diff.same("number of rsi values", &view.rsi.len(), &want.rsi.len());
    for (place, ((_, got), want)) in view.rsi.iter().zip(&want.rsi).enumerate() {
        diff.money(&format!("rsi {place}"), *got, *want);
    }
    diff.same("rsi_first_date", &view.rsi.first().map(|(day, _)| *day), &want.rsi_first_date);
    diff.same("rsi_class", &view.rsi_mood.map(Mood::class), &want.rsi_class.as_deref());
    diff.same("price_count", &view.prices.len(), &want.price_count);
    diff.money_or_none("ma price", view.prices.last().map(|(_, price)| *price), Some(want.ma.0));
    diff.money_or_none("ma20", view.average_20, want.ma.1);
    diff.money_or_none("ma60", view.average_60, want.ma.2);
    diff.money_or_none("atr14", view.atr, want.atr14);
    diff.money_or_none("avg5", average_close(bars, 5, today), want.avg5);
    diff.money_or_none("avg20", average_close(bars, 20, today), want.avg20);
    diff.money("high_price", view.drawdown.high, want.drawdown.high_price);
    diff.same("high_date", &view.drawdown.high_date, &want.drawdown.high_date);
    diff.money("current_price", view.drawdown.current, want.drawdown.current_price);
    diff.fraction("drawdown_rate", view.drawdown.rate, want.drawdown.drawdown_rate);
    diff.same("period_days", &view.drawdown.days, &want.drawdown.period_days);
    diff.same("trend", view.trend.name(), want.trend.as_str());
}

#[test]
fn golden_market() {
    run::<MarketCase>("market");
}
