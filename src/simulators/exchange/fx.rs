//! Won per dollar: a slow, mean-reverting walk that is a pure function of seed and day.

use jiff::ToSpan;
use jiff::civil::Date;
use rust_decimal::Decimal;

use super::noise::Noise;

/// Days (in scales) and the amplitude of each, as fractions of the rate.
const WAVES: [(i64, f64); 4] = [(1, 0.002), (6, 0.006), (29, 0.015), (113, 0.025)];

/// One day of the exchange rate, won per dollar, two decimals.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateDay {
    pub date: Date,
    pub open: Decimal,
    pub high: Decimal,
    pub low: Decimal,
    pub close: Decimal,
}

/// The simulated currency market.
#[derive(Clone, Copy, Debug)]
pub struct UsdKrw {
    noise: Noise,
    anchor_date: Date,
    anchor_rate: f64,
}

impl UsdKrw {
    /// A market whose rate closes at `anchor_rate` on `anchor_date`.
    pub fn new(seed: u64, anchor_date: Date, anchor_rate: f64) -> Self {
        Self { noise: Noise::new(seed).named("usd-krw"), anchor_date, anchor_rate }
    }

    fn level(&self, date: Date) -> f64 {
        let day = day_number(date);
        WAVES.iter().map(|(scale, amplitude)| self.noise.named("wave").at(*scale as u64).smooth(day, *scale) * amplitude).sum()
    }

    fn rate(&self, date: Date) -> f64 {
        self.anchor_rate * (self.level(date) - self.level(self.anchor_date)).exp()
    }

    /// The day's rates; a day opens where the one before closed.
    pub fn day(&self, date: Date) -> RateDay {
        let open = self.rate(date.checked_sub(1.day()).unwrap_or(date));
        let close = self.rate(date);
        let reach = |name: &str| 1.0 + self.noise.named(name).at(day_number(date) as u64).uniform() * 0.002;
        let (high, low) = (open.max(close) * reach("high"), open.min(close) / reach("low"));
        RateDay { date, open: won(open), high: won(high), low: won(low), close: won(close) }
    }
}

fn won(rate: f64) -> Decimal {
    Decimal::new((rate * 100.0).round() as i64, 2)
}

/// Days since 1970-01-01.
pub fn day_number(date: Date) -> i64 {
    date.duration_since(Date::constant(1970, 1, 1)).as_hours() / 24
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use rust_decimal::dec;

    #[test]
    fn the_rate_passes_its_anchor_and_days_join() {
        let market = UsdKrw::new(3, date(2026, 5, 14), 1391.5);
        assert_eq!(market.day(date(2026, 5, 14)).close, dec!(1391.50));
        let mut day = date(2025, 1, 1);
        for _ in 0..600 {
            let (today, next) = (market.day(day), market.day(day.tomorrow().unwrap()));
            assert_eq!(today.close, next.open);
            assert!(today.low <= today.open && today.low <= today.close && today.high >= today.open && today.high >= today.close);
            assert!(today.close > dec!(1150) && today.close < dec!(1650), "{day} {}", today.close);
            day = day.tomorrow().unwrap();
        }
    }
}
