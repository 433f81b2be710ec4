//! Level tables: how a budget would be spread over bots of three risk levels.
//!
//! The original carries these tables without using them; they are kept as a calculator for a new
//! portfolio of bots.

use std::collections::BTreeMap;

use super::egg::number::{cents, truncate};
use crate::domain::bot::PointCurve;

/// A risk level with the values that a bot of it starts from.
struct Level {
    number: u8,
    max_tier: f64,
    /// Fraction.
    profit_rate: f64,
}

const LEVELS: [Level; 3] = [
    Level { number: 1, max_tier: 40.0, profit_rate: 0.15 },
    Level { number: 2, max_tier: 30.0, profit_rate: 0.12 },
    Level { number: 3, max_tier: 20.0, profit_rate: 0.10 },
];

/// Fraction of the budget kept as cash, by market stage.
const CASH_RATIO: [f64; 4] = [0.30, 0.20, 0.10, 0.00];
/// Share of the bots per level, by market stage.
const LEVEL_SHARE: [[f64; 3]; 4] = [[0.70, 0.30, 0.0], [0.30, 0.50, 0.20], [0.20, 0.40, 0.40], [0.10, 0.30, 0.60]];

/// A ticker that is to get bots.
#[derive(Clone, Debug, PartialEq)]
pub struct TickerWeight {
    pub ticker: String,
    /// Share of the bots relative to the other tickers.
    pub priority_weight: f64,
    /// 1 = the reference; higher means more turns and a wider take-profit.
    pub risk_weight: f64,
}

/// How many bots each ticker gets.
#[derive(Clone, Debug, PartialEq)]
pub enum Demand {
    /// Fixed numbers, in the order given; risk weights by the built-in table.
    Fixed(Vec<(String, u32)>),
    /// A number of bots, spread by priority weight.
    Weighted { max_bots: u32, tickers: Vec<TickerWeight> },
}

/// What is to be spread.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Market stage, 0 (falling) to 3 (rising).
    pub stage: usize,
    /// USD.
    pub budget: f64,
    /// Width of the point band, percent.
    pub t_div: i64,
    pub demand: Demand,
}

/// A bot as it would be created.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedBot {
    pub name: String,
    pub symbol: String,
    pub level: u8,
    /// USD.
    pub budget: f64,
    /// USD per turn, in cents.
    pub seed: f64,
    pub max_tier: i64,
    /// Fraction, unrounded.
    pub profit_rate: f64,
    pub t_div: i64,
    pub point_curve: PointCurve,
    pub risk_weight: f64,
}

/// A spread budget.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// USD kept as cash.
    pub cash_reserve: f64,
    /// USD for bots.
    pub investable: f64,
    pub per_bot_budget: f64,
    /// Number of bots per level.
    pub level_counts: BTreeMap<u8, u32>,
    /// Levels of each ticker's bots, high to low, in ticker order.
    pub ticker_levels: Vec<(String, Vec<u8>)>,
    /// Number of bots that each ticker asked for.
    pub allocation: Vec<(String, u32)>,
    pub bots: Vec<PlannedBot>,
}

/// Why a budget cannot be spread.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum FactoryError {
    #[error("market stage {0} does not exist: choose 0 to 3")]
    Stage(usize),
    #[error("there is no bot to create: give at least one ticker at least one bot")]
    NoBots,
    #[error("the budget {0} is not a positive amount")]
    Budget(f64),
    #[error("the weights of {0} must be positive")]
    Weight(String),
}

/// Spreads a budget over bots.
///
/// # Errors
/// [`FactoryError`] naming the input that makes no sense.
pub fn plan(request: &Request) -> Result<Plan, FactoryError> {
    let (Some(cash_ratio), Some(shares)) = (CASH_RATIO.get(request.stage), LEVEL_SHARE.get(request.stage)) else {
        return Err(FactoryError::Stage(request.stage));
    };
    if !(request.budget.is_finite() && request.budget > 0.0) {
        return Err(FactoryError::Budget(request.budget));
    }
    let (allocation, risks) = allocate(&request.demand)?;
    let count: u32 = allocation.iter().map(|(_, n)| n).sum();
    if count == 0 {
        return Err(FactoryError::NoBots);
    }
    let cash_reserve = request.budget * cash_ratio;
    let investable = request.budget - cash_reserve;
    let per_bot_budget = investable / f64::from(count);
    let level_counts = distribute(count, shares);
    let ticker_levels = deal(&level_counts, &allocation);
    let mut bots = Vec::new();
    for (ticker, levels) in &ticker_levels {
        let risk_weight = risks.get(ticker).copied().unwrap_or_else(|| risk_of(ticker));
        for number in levels {
            let Some(level) = LEVELS.iter().find(|l| l.number == *number) else { continue };
            let max_tier = truncate(level.max_tier * (1.0 + (risk_weight - 1.0) * 0.2)).clamp(20, 40);
            bots.push(PlannedBot {
                name: format!("{ticker}_L{number}_{}", bots.len() + 1),
                symbol: ticker.clone(),
                level: *number,
                budget: per_bot_budget,
                seed: cents(per_bot_budget / max_tier as f64),
                max_tier,
                profit_rate: (level.profit_rate * (1.0 + (risk_weight - 1.0) * 0.165)).clamp(0.10, 0.20),
                t_div: request.t_div,
                point_curve: PointCurve::P2Thirds,
                risk_weight,
            });
        }
    }
    Ok(Plan { cash_reserve, investable, per_bot_budget, level_counts, ticker_levels, allocation, bots })
}

/// Risk weight of a ticker by the built-in table.
fn risk_of(ticker: &str) -> f64 {
    match ticker {
        "TQQQ" => 1.0,
        "SOXL" => 1.5,
        "BITU" => 2.0,
        _ => 3.0,
    }
}

type Allocation = (Vec<(String, u32)>, BTreeMap<String, f64>);

fn allocate(demand: &Demand) -> Result<Allocation, FactoryError> {
    match demand {
        Demand::Fixed(counts) => Ok((counts.iter().filter(|(_, n)| *n > 0).cloned().collect(), BTreeMap::new())),
        Demand::Weighted { max_bots, tickers } => {
            if let Some(bad) = tickers.iter().find(|t| !(t.priority_weight > 0.0 && t.risk_weight > 0.0)) {
                return Err(FactoryError::Weight(bad.ticker.clone()));
            }
            let mut sorted: Vec<&TickerWeight> = tickers.iter().collect();
            sorted.sort_by(|a, b| b.priority_weight.total_cmp(&a.priority_weight));
            let weights: f64 = sorted.iter().map(|t| t.priority_weight).sum();
            let mut left = *max_bots;
            let mut allocation = Vec::new();
            for (place, ticker) in sorted.iter().enumerate() {
                let share = f64::from(*max_bots) * ticker.priority_weight / weights;
                let wanted = u32::try_from(truncate(share.round_ties_even())).unwrap_or(0).max(1);
                let count = if place + 1 == sorted.len() { left } else { wanted.min(left) };
                left -= count;
                if count > 0 {
                    allocation.push((ticker.ticker.clone(), count));
                }
            }
            Ok((allocation, tickers.iter().map(|t| (t.ticker.clone(), t.risk_weight)).collect()))
        }
    }
}

/// Numbers of bots per level: by share, the largest first, the last level gets the rest.
fn distribute(count: u32, shares: &[f64; 3]) -> BTreeMap<u8, u32> {
    let mut sorted: Vec<(u8, f64)> = LEVELS.iter().map(|l| l.number).zip(shares.iter().copied()).collect();
    sorted.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut left = count;
    let mut counts = BTreeMap::new();
    for (place, (level, share)) in sorted.iter().enumerate() {
        let wanted = u32::try_from(truncate(f64::from(count) * share + 0.5)).unwrap_or(0);
        let number = if place + 1 == sorted.len() { left } else { wanted.min(left) };
        left -= number;
        if number > 0 {
            counts.insert(*level, number);
        }
    }
    counts
}

/// Deals the levels, high to low, round the tickers. The number that a ticker asked for plays no
/// part here: that is how the original dealt them.
fn deal(level_counts: &BTreeMap<u8, u32>, allocation: &[(String, u32)]) -> Vec<(String, Vec<u8>)> {
    let mut dealt: Vec<(String, Vec<u8>)> = allocation.iter().map(|(ticker, _)| (ticker.clone(), Vec::new())).collect();
    let cards = level_counts.iter().rev().flat_map(|(level, count)| (0..*count).map(move |_| *level));
    let places = dealt.len().max(1);
    for (turn, level) in cards.enumerate() {
        if let Some((_, levels)) = dealt.get_mut(turn % places) {
            levels.push(level);
        }
    }
    for (_, levels) in &mut dealt {
        levels.sort_by(|a, b| b.cmp(a));
    }
    dealt.retain(|(_, levels)| !levels.is_empty());
    dealt
}

/// Share of the seed by the depth of a fall: each begun `interval` is one of `max_steps` equal
/// parts. `drawdown` is a negative fraction.
pub fn seed_ratio(drawdown: f64, interval: f64, max_steps: u32) -> f64 {
    if interval <= 0.0 || max_steps == 0 || drawdown >= 0.0 {
        return 0.0;
    }
    let steps = (drawdown.abs() / interval).ceil();
    steps.min(f64::from(max_steps)) / f64::from(max_steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_that_makes_no_sense_is_refused_by_name() {
        let request = |stage, budget, demand| plan(&Request { stage, budget, t_div: 20, demand }).unwrap_err().to_string();
        let one = || Demand::Fixed(vec![("TQQQ".to_owned(), 1)]);
        assert_eq!(request(4, 1.0, one()), "market stage 4 does not exist: choose 0 to 3");
        assert_eq!(request(0, f64::NAN, one()), "the budget NaN is not a positive amount");
        assert_eq!(
            request(0, 1.0, Demand::Fixed(vec![("TQQQ".to_owned(), 0)])),
            "there is no bot to create: give at least one ticker at least one bot"
        );
        let ticker = TickerWeight { ticker: "SOXL".to_owned(), priority_weight: 0.0, risk_weight: 1.0 };
        assert_eq!(request(0, 1.0, Demand::Weighted { max_bots: 3, tickers: vec![ticker] }), "the weights of SOXL must be positive");
    }

    #[test]
    fn every_bot_gets_a_level_and_the_budget_is_used_up() {
        for stage in 0..4 {
            for count in 1..12_u32 {
                let demand = Demand::Fixed(vec![("TQQQ".to_owned(), count), ("SOXL".to_owned(), 1)]);
                let plan = plan(&Request { stage, budget: 10_000.0, t_div: 20, demand }).unwrap();
                assert_eq!(plan.bots.len() as u32, count + 1);
                assert_eq!(plan.level_counts.values().sum::<u32>(), count + 1);
                let total: f64 = plan.bots.iter().map(|b| b.budget).sum();
                assert!((total + plan.cash_reserve - 10_000.0).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn the_deeper_the_fall_the_larger_the_share() {
        assert_eq!(seed_ratio(0.02, 0.05, 4), 0.0);
        assert_eq!(seed_ratio(-0.02, 0.05, 4), 0.25);
        assert_eq!(seed_ratio(-0.11, 0.05, 4), 0.75);
        assert_eq!(seed_ratio(-0.90, 0.05, 4), 1.0);
    }
}
