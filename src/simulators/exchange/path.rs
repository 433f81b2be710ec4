//! The shape of one session of one family's index: overnight gap, intraday walk, close.
//!
//! The walk is a Brownian bridge built by midpoint displacement over a fixed number of knots, linear
//! in the logarithm between them. Its extremes therefore lie on knots, and a bar made from the knots
//! agrees with every price that can be read in between.

use jiff::civil::Date;

use super::fx::day_number;
use super::listing::Family;
use super::noise::Noise;

/// Halvings of the session; 512 pieces are 46 seconds each on a full day.
const DEPTH: u32 = 9;
/// Pieces of the path; it has one knot more.
pub const PIECES: usize = 1 << DEPTH;
/// Share of a day's variance that happens while the market is closed.
const OVERNIGHT_SHARE: f64 = 0.3;
/// Largest daily move of an index (logarithm), so that a threefold fund stays above zero.
const LARGEST_MOVE: f64 = 0.14;
/// Largest excursion within a day (logarithm).
const LARGEST_EXCURSION: f64 = 0.2;

/// A session's index levels as ratios to the previous close, one per knot.
#[derive(Debug)]
pub struct DayPath(Vec<f64>);

/// A session's index bar as ratios to the previous close.
#[derive(Clone, Copy, Debug)]
pub struct DayShape {
    pub open: f64,
    pub high: f64,
    pub low: f64,
    pub close: f64,
}

/// How wild the whole market is on a day: 1 is normal.
pub fn regime(noise: Noise, date: Date) -> f64 {
    let day = day_number(date);
    let season = (noise.named("season").smooth(day, 17) * 0.4).exp();
    let mood = match noise.named("mood").at(day as u64).uniform() {
        mood if mood < 0.05 => 2.3,
        mood if mood < 0.27 => 0.5,
        _ => 1.0,
    };
    season * mood
}

impl DayPath {
    /// The path of a family's index on a session date.
    pub fn new(noise: Noise, family: Family, date: Date) -> Self {
        let day = day_number(date) as u64;
        let market = noise.named(family.market_factor()).at(day);
        let own = noise.named(family.name()).at(day);
        let shared = family.correlation();
        let apart = (1.0 - shared * shared).sqrt();
        let normal = |level: u64, index: u64| {
            let place = |source: Noise| source.at(level).at(index).normal();
            shared * place(market) + apart * place(own)
        };
        let deviation = family.volatility() * regime(noise, date);
        // This drift keeps the median of a threefold fund flat: it loses 4.5 variances a day to the
        // daily reset and gains three drifts.
        let drift = 1.5 * family.volatility().powi(2);
        let gap = (OVERNIGHT_SHARE.sqrt() * deviation * normal(100, 0)).clamp(-LARGEST_MOVE, LARGEST_MOVE);
        let intraday = (1.0 - OVERNIGHT_SHARE).sqrt() * deviation;
        let close = (gap + drift + intraday * normal(101, 0)).clamp(-LARGEST_MOVE, LARGEST_MOVE);

        let mut knots = vec![0.0_f64; PIECES + 1];
        if let Some(first) = knots.first_mut() {
            *first = gap;
        }
        if let Some(last) = knots.last_mut() {
            *last = close;
        }
        for level in 0..DEPTH {
            let step = PIECES >> level;
            // The midpoint of a bridge over a fraction h of the session has variance h/4.
            let spread = intraday * (step as f64 / PIECES as f64 / 4.0).sqrt();
            for left in (0..PIECES).step_by(step) {
                let mean = (knots.get(left).copied().unwrap_or(gap) + knots.get(left + step).copied().unwrap_or(close)) / 2.0;
                let displaced = mean + spread * normal(u64::from(level), left as u64);
                if let Some(knot) = knots.get_mut(left + step / 2) {
                    *knot = displaced.clamp(-LARGEST_EXCURSION, LARGEST_EXCURSION);
                }
            }
        }
        for knot in &mut knots {
            *knot = knot.exp();
        }
        Self(knots)
    }

    fn knot(&self, index: usize) -> f64 {
        self.0.get(index.min(PIECES)).copied().unwrap_or(1.0)
    }

    /// The ratio at a place in the session, 0 (open) to 1 (close).
    pub fn at(&self, place: f64) -> f64 {
        let position = place.clamp(0.0, 1.0) * PIECES as f64;
        let index = position as usize;
        let part = position - index as f64;
        let left = self.knot(index);
        left * (self.knot(index + 1) / left).powf(part)
    }

    /// The bar from the open to a place in the session.
    pub fn until(&self, place: f64) -> DayShape {
        let close = self.at(place);
        let open = self.knot(0);
        let whole = (place.clamp(0.0, 1.0) * PIECES as f64) as usize;
        let (high, low) = self
            .0
            .iter()
            .take(whole + 1)
            .fold((open.max(close), open.min(close)), |(high, low), ratio| (high.max(*ratio), low.min(*ratio)));
        DayShape { open, high, low, close }
    }
}
