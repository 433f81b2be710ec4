//! The level tables.

use std::collections::BTreeMap;

use serde::Deserialize;

use eggmoney::domain::bot::PointCurve;
use eggmoney::quant::bot_factory::{Demand, Request, TickerWeight, plan};
use eggmoney::quant::egg::number::round_to;

use super::harness::{Case, Differences, run};
use super::ordered::Ordered;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FactoryCase {
    id: String,
    #[serde(rename = "fn")]
    function: Function,
    stage: usize,
    budget: f64,
    t_div: i64,
    /// Of `renewal`; the order of the tickers matters.
    ticker_bot_counts: Option<Ordered<u32>>,
    /// Of `allocate`.
    tickers: Option<Vec<Ticker>>,
    max_bots: Option<u32>,
    expect: Expect,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Function {
    Renewal,
    Allocate,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ticker {
    ticker: String,
    priority_weight: f64,
    risk_weight: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    cash_reserve: f64,
    investable: f64,
    per_bot_budget: f64,
    level_counts: BTreeMap<String, u32>,
    ticker_bot_levels: Ordered<Vec<u8>>,
    bots: Vec<PlannedBotVector>,
    allocation: Vec<(String, u32)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlannedBotVector {
    name: String,
    symbol: String,
    level: u8,
    budget: f64,
    seed: f64,
    max_tier: i64,
    profit_rate: f64,
    t_div: i64,
    point_loc: PointCurve,
    risk_weight: f64,
}

impl FactoryCase {
    fn demand(&self) -> Demand {
        match (self.function, &self.ticker_bot_counts, &self.tickers, self.max_bots) {
            (Function::Renewal, Some(counts), None, None) => Demand::Fixed(counts.0.clone()),
            (Function::Allocate, None, Some(tickers), Some(max_bots)) => {
                let weight =
                    |t: &Ticker| TickerWeight { ticker: t.ticker.clone(), priority_weight: t.priority_weight, risk_weight: t.risk_weight };
                Demand::Weighted { max_bots, tickers: tickers.iter().map(weight).collect() }
            }
            _ => panic!("{} has the fields of another function", self.id),
        }
    }
}

impl Case for FactoryCase {
    fn id(&self) -> &str {
        &self.id
    }

    fn check(&self, diff: &mut Differences) {
        let request = Request { stage: self.stage, budget: self.budget, t_div: self.t_div, demand: self.demand() };
        let plan = match plan(&request) {
            Ok(plan) => plan,
            Err(error) => return diff.note(format!("refused: {error}")),
        };
        let want = &self.expect;
        diff.money("cash_reserve", plan.cash_reserve, want.cash_reserve);
        diff.money("investable", plan.investable, want.investable);
        diff.money("per_bot_budget", plan.per_bot_budget, want.per_bot_budget);
        let counts: BTreeMap<String, u32> = plan.level_counts.iter().map(|(l, n)| (l.to_string(), *n)).collect();
        diff.same("level_counts", &counts, &want.level_counts);
        diff.same("ticker_bot_levels", &plan.ticker_levels, &want.ticker_bot_levels.0);
        diff.same("allocation", &plan.allocation, &want.allocation);
        diff.same("number of bots", &plan.bots.len(), &want.bots.len());
        for (got, want) in plan.bots.iter().zip(&want.bots) {
            let what = |field: &str| format!("{} {field}", want.name);
            diff.same(&what("name"), &got.name, &want.name);
            diff.same(&what("symbol"), &got.symbol, &want.symbol);
            diff.same(&what("level"), &got.level, &want.level);
            diff.money(&what("budget"), got.budget, want.budget);
            diff.money(&what("seed"), got.seed, want.seed);
            diff.same(&what("max_tier"), &got.max_tier, &want.max_tier);
            // Shown with four decimals.
            diff.fraction(&what("profit_rate"), round_to(got.profit_rate, 4), want.profit_rate);
            diff.same(&what("t_div"), &got.t_div, &want.t_div);
            diff.same(&what("point_loc"), &got.point_curve, &want.point_loc);
            diff.fraction(&what("risk_weight"), got.risk_weight, want.risk_weight);
        }
    }
}

#[test]
fn golden_bot_factory() {
    run::<FactoryCase>("bot_factory");
}
