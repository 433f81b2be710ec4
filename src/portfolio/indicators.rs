//! Market indicators of a ticker, for information: nothing trades on them.

use jiff::Timestamp;
use jiff::civil::Date;

use crate::brokers::DailyBar;
use crate::quant::market::{DayBar, Drawdown, Mood, Trend, market_view};

/// Relative strength, 0 to 100.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rsi {
    pub value: f64,
    pub mood: Mood,
    pub date: Date,
}

/// What the daily bars of a ticker tell.
#[derive(Clone, Debug, PartialEq)]
pub struct Indicators {
    pub rsi: Option<Rsi>,
    pub ma20: Option<f64>,
    pub ma60: Option<f64>,
    /// `None` until both averages exist.
    pub trend: Option<Trend>,
    pub drawdown: Drawdown,
    /// USD.
    pub atr: Option<f64>,
    /// The last 90 closes, oldest first.
    pub closes: Vec<(Date, f64)>,
    /// When the bars were read.
    pub at: Timestamp,
}

/// Indicators of daily bars, oldest first; `live` is the last known price, USD. `None` without bars.
pub fn indicators(bars: &[DailyBar], live: Option<f64>, at: Timestamp) -> Option<Indicators> {
    let days: Vec<DayBar> = bars.iter().map(|b| DayBar { date: b.date, high: b.high, low: b.low, close: b.close }).collect();
    let view = market_view(&days, live)?;
    let last = view.rsi.last().copied();
    Some(Indicators {
        rsi: last.map(|(date, value)| Rsi { value, mood: Mood::of_rsi(value), date }),
        ma20: view.average_20,
        ma60: view.average_60,
        trend: view.average_20.and(view.average_60).map(|_| view.trend),
        drawdown: view.drawdown,
        atr: view.atr,
        closes: view.prices,
        at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::ToSpan;
    use jiff::civil::date;

    fn bars(count: usize) -> Vec<DailyBar> {
        (0..count)
            .map(|i| {
                let close = 50.0 + i as f64;
                let day = date(2026, 1, 1).saturating_add((i as i64).days());
                DailyBar { date: day, open: close, high: close + 1.0, low: close - 1.0, close, volume: 1 }
            })
            .collect()
    }

    #[test]
    fn few_bars_give_few_indicators_and_no_trend() {
        assert_eq!(indicators(&[], None, Timestamp::UNIX_EPOCH), None);
        let few = indicators(&bars(20), None, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!((few.ma20, few.ma60, few.trend), (Some(59.5), None, None));
        let many = indicators(&bars(120), Some(84.5), Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!((many.trend, many.closes.len()), (Some(Trend::StrongUptrend), 90));
        assert_eq!((many.drawdown.high, many.drawdown.rate), (169.0, -0.5));
        assert_eq!(many.rsi.map(|r| (r.value, r.mood)), Some((100.0, Mood::ExtremeGreed)));
    }
}
