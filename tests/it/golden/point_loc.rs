//! The primitives: T, point, point price, percent profit, quantity for money.

use serde::Deserialize;

use eggmoney::domain::bot::PointCurve;
use eggmoney::quant::egg::point;

use super::harness::{Case, Differences, run};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PointCase {
    id: String,
    invest: f64,
    seed: f64,
    t_div: i64,
    max_tier: i64,
    point_loc: PointCurve,
    avg: f64,
    cur: f64,
    expect: Expect,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    t: f64,
    point: f64,
    point_price: f64,
    profit_rate_pct: f64,
    buy_qty: i64,
}

impl Case for PointCase {
    fn id(&self) -> &str {
        &self.id
    }

    fn check(&self, diff: &mut Differences) {
        let t = point::turns(self.invest, self.seed);
        let fraction = point::point(self.point_loc, t, self.t_div, self.max_tier);
        diff.money("t", t, self.expect.t);
        diff.fraction("point", fraction, self.expect.point);
        diff.money("point_price", point::point_price(self.avg, fraction), self.expect.point_price);
        diff.money("profit_rate_pct", point::profit_percent(Some(self.cur), Some(self.avg)), self.expect.profit_rate_pct);
        diff.same("buy_qty", &point::shares_for(self.invest, self.cur), &self.expect.buy_qty);
    }
}

#[test]
fn golden_point_loc() {
    run::<PointCase>("point_loc");
}
