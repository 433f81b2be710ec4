//! A bot's settings as a person may set them: the partial change, its bounds, the defaults.

use crate::domain::bot::{Bot, ClosingCondition, PointCurve};
use crate::domain::id::{AccountId, BotId};
use crate::domain::instrument::{Instrument, Market};
use crate::trading::error::{FieldProblem, TradingError};

/// Largest amount that a setting may name, USD.
const MOST_USD: f64 = 1e7;
/// Take-profit distance, fraction: ten times the price is beyond every use.
const MOST_PROFIT_RATE: f64 = 10.0;
const MOST_T_DIV: i64 = 100;
const MOST_TIERS: i64 = 1_000;
const MOST_CONDITIONS: usize = 3;
const MOST_SEED_RATE: f64 = 10.0;
const MOST_COOLDOWN_DAYS: i64 = 365;
const LONGEST_NAME: usize = 40;

/// A change of settings; what is absent stays as it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BotPatch {
    pub symbol: Option<String>,
    pub active: Option<bool>,
    /// USD.
    pub seed: Option<f64>,
    /// Fraction.
    pub profit_rate: Option<f64>,
    /// Percent.
    pub t_div: Option<i64>,
    pub max_tier: Option<i64>,
    pub buy_below_average: Option<bool>,
    pub buy_below_point: Option<bool>,
    pub point_curve: Option<PointCurve>,
    pub skip_sell: Option<bool>,
    pub closing_conditions: Option<Vec<ClosingCondition>>,
    pub sell_cooldown_days: Option<i64>,
    pub sell_cooldown_loss_only: Option<bool>,
    pub trailing_enabled: Option<bool>,
    /// Fraction of max_tier.
    pub trailing_t_threshold: Option<f64>,
    /// Fraction.
    pub trailing_stop_pct: Option<f64>,
    /// Fraction.
    pub trailing_floor_rate: Option<f64>,
    /// USD, may be negative.
    pub added_seed: Option<f64>,
}

/// A bot to be made.
#[derive(Clone, Debug, PartialEq)]
pub struct NewBot {
    pub account_id: AccountId,
    pub name: String,
    pub symbol: String,
    /// USD.
    pub seed: f64,
    /// Fraction.
    pub profit_rate: f64,
    /// Percent.
    pub t_div: i64,
    pub max_tier: i64,
    /// Everything else; its own symbol, seed, profit_rate, t_div and max_tier are not read.
    pub others: BotPatch,
}

impl NewBot {
    /// All settings as one change.
    pub(in crate::trading) fn settings(&self) -> BotPatch {
        BotPatch {
            symbol: Some(self.symbol.clone()),
            seed: Some(self.seed),
            profit_rate: Some(self.profit_rate),
            t_div: Some(self.t_div),
            max_tier: Some(self.max_tier),
            ..self.others.clone()
        }
    }

    /// The bot before its settings are put into it.
    pub(in crate::trading) fn blank(&self, id: BotId, name: String, position: u32) -> Bot {
        Bot {
            id,
            account_id: self.account_id,
            name,
            market: Market::Us,
            symbol: String::new(),
            position,
            version: 1,
            active: true,
            seed: 0.0,
            profit_rate: 0.0,
            t_div: 0,
            max_tier: 0,
            buy_below_average: false,
            buy_below_point: false,
            point_curve: PointCurve::P1,
            skip_sell: false,
            closing_conditions: Vec::new(),
            sell_cooldown_days: 0,
            sell_cooldown_loss_only: false,
            trailing_enabled: false,
            trailing_t_threshold: 0.3,
            trailing_stop_pct: 0.10,
            trailing_floor_rate: 0.10,
            added_seed: 0.0,
            trailing_mode: false,
            trailing_high_watermark: 0.0,
            trailing_stop: 0.0,
            legacy: serde_json::Map::new(),
        }
    }
}

impl BotPatch {
    /// Writes the change into a bot.
    pub(in crate::trading) fn apply(&self, bot: &mut Bot) {
        fn set<T: Clone>(place: &mut T, value: &Option<T>) {
            if let Some(value) = value {
                place.clone_from(value);
            }
        }
        set(&mut bot.symbol, &self.symbol);
        set(&mut bot.active, &self.active);
        set(&mut bot.seed, &self.seed);
        set(&mut bot.profit_rate, &self.profit_rate);
        set(&mut bot.t_div, &self.t_div);
        set(&mut bot.max_tier, &self.max_tier);
        set(&mut bot.buy_below_average, &self.buy_below_average);
        set(&mut bot.buy_below_point, &self.buy_below_point);
        set(&mut bot.point_curve, &self.point_curve);
        set(&mut bot.skip_sell, &self.skip_sell);
        set(&mut bot.closing_conditions, &self.closing_conditions);
        set(&mut bot.sell_cooldown_days, &self.sell_cooldown_days);
        set(&mut bot.sell_cooldown_loss_only, &self.sell_cooldown_loss_only);
        set(&mut bot.trailing_enabled, &self.trailing_enabled);
        set(&mut bot.trailing_t_threshold, &self.trailing_t_threshold);
        set(&mut bot.trailing_stop_pct, &self.trailing_stop_pct);
        set(&mut bot.trailing_floor_rate, &self.trailing_floor_rate);
        set(&mut bot.added_seed, &self.added_seed);
    }

    /// The change with its ticker in upper case, if every value is within its bounds. Only what the
    /// change names is checked, so that odd values of an import never block another edit.
    ///
    /// # Errors
    /// `Fields` with everything that is wrong.
    pub(in crate::trading) fn checked(&self) -> Result<BotPatch, TradingError> {
        let (patch, problems) = self.examined();
        if problems.is_empty() { Ok(patch) } else { Err(TradingError::Fields(problems)) }
    }

    pub(in crate::trading) fn examined(&self) -> (BotPatch, Vec<FieldProblem>) {
        let mut patch = self.clone();
        let mut bad = Problems(Vec::new());
        if let Some(symbol) = &self.symbol {
            match Instrument::parse_us_ticker(symbol) {
                Ok(ticker) => patch.symbol = Some(ticker),
                Err(detail) => bad.add("/symbol", detail),
            }
        }
        bad.check("/seed", self.seed, "USD more than 0 and at most 10,000,000", |v| v > 0.0 && v <= MOST_USD);
        bad.check("/profit_rate", self.profit_rate, "a fraction more than 0 and at most 10 (0.1 is 10 %)", |v| {
            v > 0.0 && v <= MOST_PROFIT_RATE
        });
        bad.count("/t_div", self.t_div, 1, MOST_T_DIV, "percent");
        bad.count("/max_tier", self.max_tier, 1, MOST_TIERS, "turns");
        bad.count("/sell_cooldown_days", self.sell_cooldown_days, 0, MOST_COOLDOWN_DAYS, "days");
        bad.check("/trailing_t_threshold", self.trailing_t_threshold, "a fraction of the turns, more than 0 and at most 1", |v| {
            v > 0.0 && v <= 1.0
        });
        let inside = "a fraction between 0 and 1 (0.1 is 10 %)";
        bad.check("/trailing_stop_pct", self.trailing_stop_pct, inside, |v| v > 0.0 && v < 1.0);
        bad.check("/trailing_floor_rate", self.trailing_floor_rate, inside, |v| v > 0.0 && v < 1.0);
        bad.check("/added_seed", self.added_seed, "USD between -10,000,000 and 10,000,000", |v| v.abs() <= MOST_USD);
        if let Some(conditions) = &self.closing_conditions {
            bad.conditions(conditions);
        }
        (patch, bad.0)
    }
}

struct Problems(Vec<FieldProblem>);

impl Problems {
    fn add(&mut self, pointer: impl Into<String>, detail: impl Into<String>) {
        self.0.push(FieldProblem::new(pointer, "invalid", detail));
    }

    fn check(&mut self, pointer: &str, value: Option<f64>, wanted: &str, good: impl Fn(f64) -> bool) {
        // Not-a-number fails every comparison, so no rule lets it through.
        if let Some(value) = value.filter(|v| !good(*v)) {
            self.add(pointer, format!("{} is {value}: give {wanted}", name_of(pointer)));
        }
    }

    fn count(&mut self, pointer: &str, value: Option<i64>, least: i64, most: i64, unit: &str) {
        if let Some(value) = value.filter(|v| !(least..=most).contains(v)) {
            self.add(pointer, format!("{} is {value}: give {least} to {most} {unit}", name_of(pointer)));
        }
    }

    fn conditions(&mut self, conditions: &[ClosingCondition]) {
        if conditions.len() > MOST_CONDITIONS {
            self.add(
                "/closing_conditions",
                format!("{} closing conditions are given: at most {MOST_CONDITIONS} are possible", conditions.len()),
            );
        }
        for (place, condition) in conditions.iter().enumerate() {
            let at = format!("/closing_conditions/{place}");
            let wanted = "a fraction between 0 and 1 (0.05 is a fall of 5 %)";
            self.check(&format!("{at}/drop_rate"), Some(condition.drop_rate), wanted, |v| v > 0.0 && v < 1.0);
            let wanted = "a share of the seed from 0 to 10 (0.2 is 20 %)";
            self.check(&format!("{at}/seed_rate"), Some(condition.seed_rate), wanted, |v| (0.0..=MOST_SEED_RATE).contains(&v));
            if conditions.iter().take(place).any(|c| c.drop_rate == condition.drop_rate) {
                self.add(
                    format!("{at}/drop_rate"),
                    format!("two conditions have the drop rate {}: change or remove one", condition.drop_rate),
                );
            }
        }
    }
}

fn name_of(pointer: &str) -> &str {
    pointer.rsplit('/').next().unwrap_or(pointer)
}

/// A name as a person typed it, if it can be used.
pub(in crate::trading) fn checked_name(what: &str, text: &str) -> Result<String, FieldProblem> {
    let name = text.trim();
    let length = name.chars().count();
    let wrong = |detail: String| Err(FieldProblem::new("/name", "invalid", detail));
    if length == 0 {
        return wrong(format!("the {what} needs a name"));
    }
    if length > LONGEST_NAME {
        return wrong(format!("the name has {length} characters: use at most {LONGEST_NAME}"));
    }
    if name.chars().any(char::is_control) {
        return wrong("the name holds characters that cannot be shown: leave them out".to_owned());
    }
    Ok(name.to_owned())
}

/// A bot's name: not the reserve's.
pub(in crate::trading) fn checked_bot_name(text: &str) -> Result<String, FieldProblem> {
    let name = checked_name("bot", text)?;
    if crate::quant::manual::is_reserve(&name) {
        return Err(FieldProblem::new("/name", "invalid", format!("'{name}' names the reserve: choose another name")));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointers(patch: BotPatch) -> Vec<String> {
        patch.examined().1.into_iter().map(|p| p.pointer).collect()
    }

    #[test]
    fn values_beyond_their_bounds_are_named() {
        let condition = |drop_rate, seed_rate| ClosingCondition { drop_rate, seed_rate };
        let patch = BotPatch {
            symbol: Some("1 Q".to_owned()),
            seed: Some(0.0),
            profit_rate: Some(f64::NAN),
            t_div: Some(101),
            max_tier: Some(0),
            sell_cooldown_days: Some(366),
            trailing_t_threshold: Some(0.0),
            trailing_stop_pct: Some(1.0),
            trailing_floor_rate: Some(f64::INFINITY),
            added_seed: Some(-1e8),
            closing_conditions: Some(vec![condition(0.05, 0.2), condition(0.05, 11.0), condition(1.0, 0.1), condition(0.2, 0.1)]),
            ..BotPatch::default()
        };
        let expected = [
            "/symbol",
            "/seed",
            "/profit_rate",
            "/t_div",
            "/max_tier",
            "/sell_cooldown_days",
            "/trailing_t_threshold",
            "/trailing_stop_pct",
            "/trailing_floor_rate",
            "/added_seed",
            "/closing_conditions",
            "/closing_conditions/1/seed_rate",
            "/closing_conditions/1/drop_rate",
            "/closing_conditions/2/drop_rate",
        ];
        assert_eq!(pointers(patch), expected);
    }

    #[test]
    fn the_bounds_themselves_are_allowed_and_tickers_are_put_in_upper_case() {
        let patch = BotPatch {
            symbol: Some(" tqqq ".to_owned()),
            seed: Some(1e7),
            profit_rate: Some(10.0),
            t_div: Some(100),
            max_tier: Some(1_000),
            sell_cooldown_days: Some(0),
            trailing_t_threshold: Some(1.0),
            added_seed: Some(-12.34),
            closing_conditions: Some(vec![ClosingCondition { drop_rate: 0.999, seed_rate: 0.0 }]),
            ..BotPatch::default()
        };
        assert_eq!(patch.checked().unwrap().symbol.as_deref(), Some("TQQQ"));
        assert_eq!(pointers(BotPatch::default()), [""; 0]);
    }

    #[test]
    fn names_are_trimmed_and_the_reserves_name_is_taken() {
        assert_eq!(checked_bot_name("  TQ_1 ").unwrap(), "TQ_1");
        for bad in ["", "   ", "RP", "a\u{7}b", &"x".repeat(41)] {
            assert!(checked_bot_name(bad).is_err(), "{bad:?}");
        }
        assert!(checked_bot_name(&"봇".repeat(40)).is_ok());
    }
}
