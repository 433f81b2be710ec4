//! Market indicators that are shown, never traded on: RSI, moods, averages, trend, drawdown, ATR.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::egg::number::{cents, round_to};

/// Days that the page shows.
const SHOWN: usize = 90;
const RSI_WINDOW: usize = 14;
const ATR_WINDOW: usize = 14;
const SHORT_AVERAGE: usize = 20;
const LONG_AVERAGE: usize = 60;

/// One day's prices, USD, adjusted for splits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DayBar {
    pub date: Date,
    pub high: f64,
    pub low: f64,
    pub close: f64,
}

/// How greedy or afraid a market is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mood {
    ExtremeGreed,
    Greed,
    Neutral,
    Fear,
    ExtremeFear,
}

impl Mood {
    /// By relative strength, 0 to 100.
    pub fn of_rsi(rsi: f64) -> Mood {
        match rsi {
            r if r >= 70.0 => Mood::ExtremeGreed,
            r if r >= 55.0 => Mood::Greed,
            r if r >= 30.0 => Mood::Neutral,
            _ => Mood::Fear,
        }
    }

    /// By the volatility index.
    pub fn of_vix(vix: f64) -> Mood {
        match vix {
            v if v <= 15.0 => Mood::Greed,
            v if v <= 20.0 => Mood::Neutral,
            v if v <= 30.0 => Mood::Fear,
            _ => Mood::ExtremeFear,
        }
    }

    /// The colour class: greed, neutral or fear.
    pub fn class(self) -> &'static str {
        match self {
            Mood::ExtremeGreed | Mood::Greed => "greed",
            Mood::Neutral => "neutral",
            Mood::Fear | Mood::ExtremeFear => "fear",
        }
    }

    pub fn is_extreme(self) -> bool {
        matches!(self, Mood::ExtremeGreed | Mood::ExtremeFear)
    }
}

/// Where the price stands to its averages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trend {
    StrongUptrend,
    WeakUptrend,
    WeakDowntrend,
    StrongDowntrend,
}

impl Trend {
    /// Strict comparisons only: any equality or missing average counts as a strong downtrend.
    pub fn of(price: f64, short: Option<f64>, long: Option<f64>) -> Trend {
        match (short, long) {
            (Some(short), Some(long)) if price > short && short > long => Trend::StrongUptrend,
            (Some(short), Some(long)) if price > short && short < long => Trend::WeakUptrend,
            (Some(short), Some(long)) if price < short && short > long => Trend::WeakDowntrend,
            _ => Trend::StrongDowntrend,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Trend::StrongUptrend => "strong-uptrend",
            Trend::WeakUptrend => "weak-uptrend",
            Trend::WeakDowntrend => "weak-downtrend",
            Trend::StrongDowntrend => "strong-downtrend",
        }
    }
}

/// Distance from the highest close.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Drawdown {
    /// USD, in cents.
    pub high: f64,
    /// The first day of that close.
    pub high_date: Date,
    pub current: f64,
    /// Fraction, four decimals; negative below the high.
    pub rate: f64,
    /// Bars looked at.
    pub days: usize,
}

/// A ticker's indicators.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MarketView {
    /// The last 90 closes, in cents.
    pub prices: Vec<(Date, f64)>,
    /// The last 90 values of RSI(14), two decimals.
    pub rsi: Vec<(Date, f64)>,
    pub rsi_mood: Option<Mood>,
    pub average_20: Option<f64>,
    pub average_60: Option<f64>,
    pub trend: Trend,
    pub drawdown: Drawdown,
    /// USD, in cents.
    pub atr: Option<f64>,
}

/// The indicators of a series of daily bars in time order; `live` is the broker's price, if known.
/// `None` without bars.
pub fn market_view(bars: &[DayBar], live: Option<f64>) -> Option<MarketView> {
    let last = bars.last()?;
    let closes: Vec<f64> = bars.iter().map(|b| b.close).collect();
    let rsi: Vec<(Date, f64)> = bars.iter().zip(rsi(&closes)).filter_map(|(bar, value)| value.map(|v| (bar.date, cents(v)))).collect();
    let rsi = tail(&rsi, SHOWN).to_vec();
    let (average_20, average_60) = (moving_average(&closes, SHORT_AVERAGE), moving_average(&closes, LONG_AVERAGE));
    Some(MarketView {
        prices: tail(bars, SHOWN).iter().map(|b| (b.date, cents(b.close))).collect(),
        rsi_mood: rsi.last().map(|(_, value)| Mood::of_rsi(*value)),
        rsi,
        average_20,
        average_60,
        trend: Trend::of(cents(last.close), average_20, average_60),
        drawdown: drawdown(tail(bars, SHOWN), live)?,
        atr: atr(bars),
    })
}

/// RSI(14) per close, from the 14th on: gains and losses smoothed with 1/14, beginning at 0 for the
/// first bar (J. W. Wilder, New Concepts in Technical Trading Systems, 1978); 100 without losses.
pub fn rsi(closes: &[f64]) -> Vec<Option<f64>> {
    let weight = 1.0 / RSI_WINDOW as f64;
    let (mut gain, mut loss) = (0.0_f64, 0.0_f64);
    let mut before: Option<f64> = None;
    let mut values = Vec::with_capacity(closes.len());
    for (place, close) in closes.iter().enumerate() {
        if let Some(before) = before {
            let change = close - before;
            gain += (change.max(0.0) - gain) * weight;
            loss += ((-change).max(0.0) - loss) * weight;
        }
        before = Some(*close);
        let value = if loss == 0.0 { 100.0 } else { 100.0 - 100.0 / (1.0 + gain / loss) };
        values.push((place + 1 >= RSI_WINDOW).then_some(value));
    }
    values
}

/// Simple average of the last `days` closes, in cents; needs that many.
///
/// Averages of prices in cents often end in exactly half a cent, so the order of summation decides
/// the rounding. This is the running sum of the original: one in, one out, each compensated (Kahan).
pub fn moving_average(closes: &[f64], days: usize) -> Option<f64> {
    if days == 0 || closes.len() < days {
        return None;
    }
    let (mut sum, mut lost_in, mut lost_out) = (0.0_f64, 0.0_f64, 0.0_f64);
    for (place, close) in closes.iter().enumerate() {
        if let Some(leaving) = place.checked_sub(days).and_then(|p| closes.get(p)) {
            sum = compensated(sum, -leaving, &mut lost_out);
        }
        sum = compensated(sum, *close, &mut lost_in);
    }
    Some(cents(sum / days as f64))
}

/// `sum + value` with Kahan's compensation carried in `lost`.
fn compensated(sum: f64, value: f64, lost: &mut f64) -> f64 {
    let value = value - *lost;
    let next = sum + value;
    *lost = next - sum - value;
    next
}

/// Mean with the eightfold partial sums of the original's numeric library (see [`moving_average`]
/// for why the order matters). 0 for no values; exact order for up to 128.
pub fn mean(values: &[f64]) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let mut lanes = [0.0_f64; 8];
    let chunks = values.chunks_exact(lanes.len());
    let rest = chunks.remainder();
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane += value;
        }
    }
    let [a, b, c, d, e, f, g, h] = lanes;
    let sum = rest.iter().fold(((a + b) + (c + d)) + ((e + f) + (g + h)), |sum, value| sum + value);
    sum / values.len() as f64
}

/// Simple average of the last `days` closes before `today` (New York's date), in cents.
pub fn average_close(bars: &[DayBar], days: usize, today: Date) -> Option<f64> {
    let closes: Vec<f64> = bars.iter().filter(|b| b.date < today).map(|b| b.close).collect();
    let window = tail(&closes, days);
    (days > 0 && window.len() == days).then(|| cents(mean(window)))
}

/// How far the live price (else the last close) lies under the highest close. `None` without bars.
pub fn drawdown(bars: &[DayBar], live: Option<f64>) -> Option<Drawdown> {
    let last = bars.last()?;
    let top = bars.iter().reduce(|top, bar| if bar.close > top.close { bar } else { top })?;
    let (high, current) = (cents(top.close), live.unwrap_or(last.close));
    let rate = if high == 0.0 { 0.0 } else { round_to((current - high) / high, 4) };
    Some(Drawdown { high, high_date: top.date, current: cents(current), rate, days: bars.len() })
}

/// Average true range in USD, in cents: the mean of the last 14 true ranges as fractions of the
/// close before, times the last close. `None` with fewer than two bars.
pub fn atr(bars: &[DayBar]) -> Option<f64> {
    let last = bars.last()?;
    let ranges: Vec<f64> = bars
        .windows(2)
        .filter_map(|pair| pair.first().zip(pair.last()))
        .filter(|(before, _)| before.close != 0.0)
        .map(|(before, bar)| {
            let range = (bar.high - bar.low).max((bar.high - before.close).abs()).max((bar.low - before.close).abs());
            range / before.close
        })
        .collect();
    let window = tail(&ranges, ATR_WINDOW);
    (!window.is_empty()).then(|| cents(mean(window) * last.close))
}

fn tail<T>(values: &[T], count: usize) -> &[T] {
    values.get(values.len().saturating_sub(count)..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use proptest::prelude::*;

    fn bar(day: i8, close: f64) -> DayBar {
        DayBar { date: date(2026, 5, day), high: close, low: close, close }
    }

    #[test]
    fn no_bars_no_view_and_one_bar_no_range() {
        assert_eq!(market_view(&[], Some(1.0)), None);
        let view = market_view(&[bar(1, 10.0)], None).unwrap();
        assert_eq!((view.atr, view.average_20, view.rsi.len(), view.trend), (None, None, 0, Trend::StrongDowntrend));
        assert_eq!((view.drawdown.rate, view.drawdown.days), (0.0, 1));
    }

    #[test]
    fn the_high_is_the_first_of_equal_closes() {
        let found = drawdown(&[bar(1, 10.0), bar(4, 12.0), bar(5, 12.0), bar(6, 9.0)], None).unwrap();
        assert_eq!((found.high_date, found.rate), (date(2026, 5, 4), -0.25));
    }

    #[test]
    fn todays_bar_does_not_count_into_the_average_close() {
        let bars = [bar(1, 1.0), bar(4, 2.0), bar(5, 30.0)];
        assert_eq!(average_close(&bars, 2, date(2026, 5, 5)), Some(1.5));
        assert_eq!(average_close(&bars, 2, date(2026, 5, 6)), Some(16.0));
        assert_eq!(average_close(&bars, 3, date(2026, 5, 5)), None);
    }

    #[test]
    fn half_cents_round_as_the_running_sum_says() {
        let closes: Vec<f64> = (0..60).map(|i| 48.0 + f64::from(i % 7) / 100.0).collect();
        assert_eq!(moving_average(&closes, 61), None);
        assert_eq!(moving_average(&[1.0, 2.0, 3.0], 2), Some(2.5));
        assert_eq!(moving_average(&closes, 60), Some(48.03));
        assert_eq!(mean(&[]), 0.0);
        assert!((mean(&closes) - closes.iter().sum::<f64>() / 60.0).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn the_running_average_is_the_average(cents_of in prop::collection::vec(1_i64..100_000, 1..120), days in 1_usize..70) {
            let closes: Vec<f64> = cents_of.iter().map(|c| *c as f64 / 100.0).collect();
            let exact = (closes.len() >= days).then(|| cents_of[closes.len() - days..].iter().sum::<i64>() as f64 / days as f64 / 100.0);
            match (moving_average(&closes, days), exact) {
                (Some(got), Some(exact)) => prop_assert!((got - exact).abs() <= 0.005 + 1e-9),
                (got, exact) => prop_assert_eq!(got.is_some(), exact.is_some()),
            }
        }

        #[test]
        fn rsi_stays_between_0_and_100(closes in prop::collection::vec(0.01_f64..1000.0, 0..120)) {
            let values = rsi(&closes);
            prop_assert_eq!(values.iter().flatten().count(), closes.len().saturating_sub(13));
            prop_assert!(values.into_iter().flatten().all(|v| (0.0..=100.0).contains(&v)));
        }
    }
}
