//! Primitives of every decision: what a bot holds, its turn count T, the point curve, limit prices.

use crate::domain::bot::{Bot, Holding, PointCurve};

use super::number::{cents, round_to, truncate};

/// Distance of a limit price from the current price, fraction.
const LIMIT_DISTANCE: f64 = 0.02;

/// What a bot holds, over all its rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Held {
    /// Shares.
    pub quantity: f64,
    /// Cost by average prices, USD.
    pub invested: f64,
    /// Average price in cents; `None` without a position, and also where it rounds to 0.
    pub average: Option<f64>,
}

impl Held {
    /// Sums the holdings of one bot. Normally there is one row; old data may hold several.
    pub fn of(holdings: &[Holding]) -> Held {
        let quantity: f64 = holdings.iter().fold(0.0, |sum, h| sum + h.quantity);
        let invested: f64 = holdings.iter().fold(0.0, |sum, h| sum + h.quantity * h.average_price);
        let average = if quantity == 0.0 { None } else { Some(cents(invested / quantity)).filter(|price| *price != 0.0) };
        Held { quantity, invested, average }
    }

    /// The average price, if there are shares to go with it.
    pub fn position(&self) -> Option<f64> {
        self.average.filter(|_| self.quantity != 0.0)
    }
}

/// The holding that a bot's trades change: the one with the lowest average price (the first on a tie).
pub fn traded_holding(holdings: &[Holding]) -> Option<&Holding> {
    holdings.iter().reduce(|lowest, next| if next.average_price < lowest.average_price { next } else { lowest })
}

/// Turn count T: how many seeds are invested, two decimals.
pub fn turns(invested: f64, seed: f64) -> f64 {
    round_to(invested / seed, 2)
}

/// The point: distance of the point price above the average, fraction, unrounded.
pub fn point(curve: PointCurve, t: f64, t_div: i64, max_tier: i64) -> f64 {
    let band = t_div as f64 / 100.0;
    let tiers = max_tier as f64;
    match curve {
        PointCurve::P1 => band * (1.0 - t / tiers),
        PointCurve::P1Half => {
            if t <= tiers / 2.0 {
                band * (1.0 - 2.0 * t / tiers)
            } else {
                -band * (2.0 * t / tiers - 1.0)
            }
        }
        PointCurve::P2Thirds => {
            let turn = tiers * 2.0 / 3.0;
            if t <= turn { band * (1.0 - t / turn) } else { -band * (t - turn) / (tiers - turn) }
        }
    }
}

/// The point price, USD in cents.
pub fn point_price(average: f64, point: f64) -> f64 {
    cents(average * (1.0 + point))
}

/// T, point and point price of a bot. Without a position T and point are 0 and there is no price.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    pub t: f64,
    /// Fraction.
    pub point: f64,
    pub point_price: Option<f64>,
}

impl Standing {
    /// Where a bot stands with what it holds.
    pub fn of(bot: &Bot, held: &Held) -> Standing {
        match held.average {
            None => Standing { t: 0.0, point: 0.0, point_price: None },
            Some(average) => {
                let t = turns(held.invested, bot.seed);
                let point = point(bot.point_curve, t, bot.t_div, bot.max_tier);
                Standing { t, point, point_price: Some(point_price(average, point)) }
            }
        }
    }
}

/// Gain of `current` over `bought` in percent, two decimals; 0 when one is missing or nothing was paid.
pub fn profit_percent(current: Option<f64>, bought: Option<f64>) -> f64 {
    match (current, bought) {
        (Some(current), Some(bought)) if bought != 0.0 => round_to((current - bought) / bought * 100.0, 2),
        _ => 0.0,
    }
}

/// A price that can be worked with: 0, negative and not-a-number count as none.
pub fn usable_price(price: Option<f64>) -> Option<f64> {
    price.filter(|price| price.is_finite() && *price > 0.0)
}

/// Whole shares for an amount of money; 0 without a usable price.
pub fn shares_for(money: f64, price: f64) -> i64 {
    if price > 0.0 { truncate(money / price) } else { 0 }
}

/// Limit of a buy: 2 % above the price, in cents.
pub fn buy_limit(price: f64) -> f64 {
    cents(cents(price) * (1.0 + LIMIT_DISTANCE))
}

/// Limit of a sell: 2 % below the price, in cents.
pub fn sell_limit(price: f64) -> f64 {
    cents(cents(price) * (1.0 - LIMIT_DISTANCE))
}
