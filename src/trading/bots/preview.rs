//! Before the session: what each active bot will do at which price. Every answer comes from the
//! decision itself, asked at the prices where its rules can turn and between them.

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;

use crate::brokers::Quote;
use crate::domain::bot::{Bot, TradeKind};
use crate::domain::id::{AccountId, BotId, UserId};
use crate::domain::money::f64_from_decimal;
use crate::domain::schedule::next_plans;
use crate::quant::egg::decide::{Decision, Wanted};
use crate::quant::egg::event::EggEvent;
use crate::quant::egg::point::{Held, Standing};
use crate::trading::books::Books;
use crate::trading::error::TradingError;
use crate::trading::night::decision::Basis;
use crate::trading::night::readiness::largest_spending;
use crate::trading::night::slots::calendar;
use crate::trading::prices::quotes::Known;
use crate::trading::tick::Trading;

/// What the active bots of an account will do in a session.
#[derive(Clone, Debug, PartialEq)]
pub struct Preview {
    pub session: Date,
    pub decided_at: Timestamp,
    pub closing_at: Timestamp,
    /// In bot order.
    pub items: Vec<BotPreview>,
    /// USD.
    pub max_spend_total: f64,
    pub cash: Option<Known<Decimal>>,
}

/// One bot's part of a preview.
#[derive(Clone, Debug, PartialEq)]
pub struct BotPreview {
    pub bot_id: BotId,
    pub name: String,
    pub symbol: String,
    /// Last known.
    pub price: Option<Quote>,
    /// Lowest first.
    pub ranges: Vec<PriceRange>,
    /// The most that it can spend in the session, limit prices included, USD.
    pub max_spend: f64,
    /// The closing rules that can act tonight, dearest first; empty where none can.
    pub closing: Vec<ClosingLevel>,
}

/// What happens at the prices from `from` to `to`, both included and in cents; `None` is unbounded.
#[derive(Clone, Debug, PartialEq)]
pub struct PriceRange {
    pub from: Option<f64>,
    pub to: Option<f64>,
    pub planned: Planned,
    /// The last known price lies in it.
    pub current: bool,
}

/// What a decision comes to.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    pub order: Option<Wanted>,
    /// The trailing stop runs after the decision.
    pub trailing: bool,
    pub reason: Why,
}

/// A closing rule: at or below this price it buys for this amount.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClosingLevel {
    /// USD, in cents.
    pub price: f64,
    /// USD.
    pub amount: f64,
}

/// Why a bot would do something, or nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Above take profit and point price: all is sold.
    TakeProfitAndPoint,
    /// Above take profit only: three quarters.
    TakeProfit,
    /// Above the point price only: a quarter.
    Point,
    TrailingStopHit,
    /// Every turn is used while trailing: a quarter is sold.
    TrailingAllTurnsUsed,
    /// The trailing stop begins; a third of the seed is bought.
    TrailingBegins,
    /// The trailing stop runs; a third of the seed is bought.
    TrailingBuys,
    /// The trailing stop runs and nothing is bought.
    TrailingHolds,
    /// No position yet: the full seed.
    FirstBuy,
    /// The bot never sells: the full seed.
    NeverSells,
    BelowAverageAndPoint,
    BelowAverage,
    BelowPoint,
    /// No buy condition holds.
    NoCondition,
    Cooldown {
        until: Timestamp,
    },
    /// It sold in this session already.
    SoldThisSession,
    /// The whole budget but one turn is invested.
    BudgetUsed,
    /// The added seed makes the amount negative.
    NegativeAmount,
    /// No rule applies.
    Nothing,
}

impl Why {
    /// Stable code.
    pub fn code(self) -> &'static str {
        match self {
            Why::TakeProfitAndPoint => "take_profit_and_point",
            Why::TakeProfit => "take_profit",
            Why::Point => "point",
            Why::TrailingStopHit => "trailing_stop_hit",
            Why::TrailingAllTurnsUsed => "trailing_all_turns_used",
            Why::TrailingBegins => "trailing_begins",
            Why::TrailingBuys => "trailing_buys",
            Why::TrailingHolds => "trailing_holds",
            Why::FirstBuy => "first_buy",
            Why::NeverSells => "never_sells",
            Why::BelowAverageAndPoint => "below_average_and_point",
            Why::BelowAverage => "below_average",
            Why::BelowPoint => "below_point",
            Why::NoCondition => "no_condition",
            Why::Cooldown { .. } => "cooldown",
            Why::SoldThisSession => "sold_this_session",
            Why::BudgetUsed => "budget_used",
            Why::NegativeAmount => "negative_amount",
            Why::Nothing => "nothing",
        }
    }

    /// The reason in a decision: its last event that settles something.
    fn of(bot: &Bot, basis: &Basis, decision: &Decision) -> Why {
        let entered = decision.events.iter().any(|e| matches!(e, EggEvent::TrailingEntered { .. }));
        let last = decision.events.iter().rev().find_map(|event| match event {
            EggEvent::SellCheckOrder { kind: TradeKind::Sell, .. } => Some(Why::TakeProfitAndPoint),
            EggEvent::SellCheckOrder { kind: TradeKind::SellThreeQuarters, .. } => Some(Why::TakeProfit),
            EggEvent::SellCheckOrder { .. } => Some(Why::Point),
            EggEvent::TrailingStopHit { .. } => Some(Why::TrailingStopHit),
            EggEvent::TrailingSeedFullSell { .. } => Some(Why::TrailingAllTurnsUsed),
            EggEvent::TrailingBuy { .. } => Some(if entered { Why::TrailingBegins } else { Why::TrailingBuys }),
            EggEvent::BuyFullSeed { .. } => Some(if bot.skip_sell { Why::NeverSells } else { Why::FirstBuy }),
            EggEvent::BuyCheck { average, point, .. } => Some(match (average.hit, point.hit) {
                (true, true) => Why::BelowAverageAndPoint,
                (true, false) => Why::BelowAverage,
                _ => Why::BelowPoint,
            }),
            EggEvent::BuyNoCondition { .. } => Some(Why::NoCondition),
            EggEvent::Cooldown { resumes_at, .. } => Some(Why::Cooldown { until: *resumes_at }),
            EggEvent::MaxBalanceBlocked { .. } => Some(Why::BudgetUsed),
            EggEvent::OrderCreateFailedBuy { .. } => Some(Why::NegativeAmount),
            _ => None,
        });
        let blocked = basis.sold_today || basis.sell_sheet_today;
        match last {
            Some(why) => why,
            None if blocked => Why::SoldThisSession,
            None => Why::Nothing,
        }
    }
}

impl Planned {
    fn at(bot: &Bot, basis: &Basis, price: f64, at: Timestamp) -> Planned {
        let decision = basis.decide(bot, Some(price), at);
        let trailing = decision.trailing.map_or(bot.trailing_mode, |state| state.mode);
        let mut reason = Why::of(bot, basis, &decision);
        if trailing && decision.order.is_none() && matches!(reason, Why::BudgetUsed | Why::Nothing) {
            reason = Why::TrailingHolds;
        }
        Planned { order: decision.order, trailing, reason }
    }
}

/// One end of a range on the axis of exact prices.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Edge {
    price: f64,
    /// The price itself belongs to the range.
    included: bool,
}

/// A stretch of exact prices with one outcome.
#[derive(Clone, Debug, PartialEq)]
struct Stretch {
    low: Option<Edge>,
    high: Option<Edge>,
    planned: Planned,
}

impl Stretch {
    fn holds(&self, price: f64) -> bool {
        let above = self.low.is_none_or(|e| price > e.price || (e.included && price == e.price));
        let below = self.high.is_none_or(|e| price < e.price || (e.included && price == e.price));
        above && below
    }

    /// The range in whole cents; `None` when no cent lies in it.
    fn in_cents(&self, price: Option<f64>) -> Option<PriceRange> {
        let from = self.low.map(|e| first_cent(e.price, e.included));
        let to = self.high.map(|e| first_cent(e.price, !e.included) - 1);
        if to.is_some_and(|to| to < from.unwrap_or(1)) {
            return None;
        }
        Some(PriceRange {
            from: from.map(dollars),
            to: to.map(dollars),
            planned: self.planned.clone(),
            current: price.is_some_and(|p| self.holds(p)),
        })
    }
}

fn dollars(cents: i64) -> f64 {
    cents as f64 / 100.0
}

/// The first whole cent that is above `price`, or at it when `included`.
fn first_cent(price: f64, included: bool) -> i64 {
    let mut cent = (price * 100.0).floor() as i64 - 1;
    while dollars(cent) < price || (!included && dollars(cent) == price) {
        cent += 1;
    }
    cent
}

/// The table of a bot: its decision at `at` for every price, equal neighbours as one.
fn ranges(bot: &Bot, basis: &Basis, price: Option<f64>, at: Timestamp) -> Vec<PriceRange> {
    let mut stretches: Vec<Stretch> = Vec::new();
    let mut add = |low: Option<Edge>, high: Option<Edge>, sample: f64| {
        let planned = Planned::at(bot, basis, sample, at);
        match stretches.last_mut() {
            Some(last) if last.planned == planned => last.high = high,
            _ => stretches.push(Stretch { low, high, planned }),
        }
    };
    let breaks = turning_prices(bot, basis);
    let mut below: Option<f64> = None;
    for edge in &breaks {
        let sample = below.map_or(edge / 2.0, |b| b + (edge - b) / 2.0);
        let open = |price: f64| Edge { price, included: false };
        // Between neighbouring floats there is no price.
        if sample < *edge && below.is_none_or(|b| sample > b) {
            add(below.map(open), Some(open(*edge)), sample);
        }
        let here = Edge { price: *edge, included: true };
        add(Some(here), Some(here), *edge);
        below = Some(*edge);
    }
    add(below.map(|price| Edge { price, included: false }), None, below.map_or(1.0, |b| b * 2.0));
    // A stretch without a whole cent falls out, so that its neighbours may meet.
    let mut table: Vec<PriceRange> = Vec::new();
    for range in stretches.iter().filter_map(|s| s.in_cents(price)) {
        match table.last_mut() {
            Some(last) if last.planned == range.planned => {
                last.to = range.to;
                last.current |= range.current;
            }
            _ => table.push(range),
        }
    }
    table
}

/// The prices at which a rule of the bot can turn, ascending.
fn turning_prices(bot: &Bot, basis: &Basis) -> Vec<f64> {
    let held = Held::of(&basis.holdings);
    let standing = Standing::of(bot, &held);
    let take_profit = held.average.map(|average| average * (1.0 + bot.profit_rate));
    let stop = bot.trailing_mode.then_some(bot.trailing_stop);
    let mut prices: Vec<f64> =
        [held.average, take_profit, standing.point_price, stop].into_iter().flatten().filter(|p| p.is_finite() && *p > 0.0).collect();
    prices.sort_by(f64::total_cmp);
    prices.dedup();
    prices
}

/// The closing rules that can act in a session with this previous close.
fn closing_levels(bot: &Bot, basis: &Basis, previous_close: Option<f64>) -> Vec<ClosingLevel> {
    let t = Standing::of(bot, &Held::of(&basis.holdings)).t;
    let barred = bot.trailing_mode || basis.sold_today || basis.sell_sheet_today || t > bot.max_tier as f64 - 1.0;
    let Some(close) = previous_close.filter(|c| !barred && *c > 0.0) else { return Vec::new() };
    let mut conditions = bot.closing_conditions.clone();
    conditions.sort_by(|a, b| a.drop_rate.total_cmp(&b.drop_rate));
    let level = |c: &crate::domain::bot::ClosingCondition| {
        let mut cent = first_cent(close * (1.0 - c.drop_rate), true) + 1;
        while cent > 0 && (close - dollars(cent)) / close < c.drop_rate {
            cent -= 1;
        }
        ClosingLevel { price: dollars(cent), amount: bot.seed * c.seed_rate }
    };
    conditions.iter().map(level).collect()
}

impl Trading {
    /// What the account's active bots will do at the next decision.
    ///
    /// # Errors
    /// `NotFound` for an account that is not the user's; `Calendar` where the calendar ends.
    pub fn preview(&self, user: UserId, account: AccountId) -> Result<Preview, TradingError> {
        let now = self.clock.now();
        let rows = self.store.user(user);
        let books = rows.read(|v| Books::read(v, account))?;
        let plans = next_plans(&books.account.settings.schedule, &self.calendar, now, 2).map_err(calendar)?;
        let plan = plans.iter().find(|p| p.decision > now).or(plans.last());
        let plan = plan.ok_or_else(|| TradingError::Calendar("the calendar ends here".to_owned()))?;
        let bases = rows.read(|v| {
            let active = books.bots.iter().filter(|b| b.active);
            active
                .map(|bot| Ok((bot, Basis::read(v, &self.calendar, &books, bot, plan.session)?)))
                .collect::<Result<Vec<_>, TradingError>>()
        })?;
        let items: Vec<BotPreview> = bases
            .into_iter()
            .map(|(bot, basis)| {
                let quote = self.quotes.get(&bot.symbol);
                let price = quote.as_ref().map(|q| f64_from_decimal(q.last));
                // The close before the session is known once nothing trades between now and its open.
                let close = self.last_close_of(&bot.symbol).filter(|_| plans.first().is_some_and(|p| p.session == plan.session));
                BotPreview {
                    bot_id: bot.id,
                    name: bot.name.clone(),
                    symbol: bot.symbol.clone(),
                    ranges: ranges(bot, &basis, price, plan.decision),
                    max_spend: largest_spending(bot, Held::of(&basis.holdings).invested),
                    closing: closing_levels(bot, &basis, close),
                    price: quote,
                }
            })
            .collect();
        Ok(Preview {
            session: plan.session,
            decided_at: plan.decision,
            closing_at: plan.closing_buy,
            max_spend_total: items.iter().map(|i| i.max_spend).sum(),
            items,
            cash: self.quotes.cash(user, account),
        })
    }

    /// The close that the running or the next session's closing check compares with, USD.
    pub(in crate::trading) fn last_close_of(&self, symbol: &str) -> Option<f64> {
        let quote = self.quotes.get(symbol)?;
        let now = self.clock.now();
        if let Some(session) = self.calendar.session_at(now).ok()? {
            let in_session = quote.at >= session.open;
            return if in_session { quote.previous_close.map(f64_from_decimal) } else { None };
        }
        let today = self.calendar.trading_date_for(now).ok()?;
        let session = self.calendar.session_on(today).ok()?.filter(|s| s.close <= now);
        let last = session.or_else(|| self.calendar.previous_session(today).ok())?;
        (quote.at >= last.close).then(|| f64_from_decimal(quote.last))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::domain::bot::{ClosingCondition, PointCurve};
    use crate::domain::samples;
    use crate::trading::bots::bot_settings::{BotPatch, NewBot};

    fn bot() -> Bot {
        let new = NewBot {
            account_id: AccountId(Uuid::from_u128(1)),
            name: "TQ_1".to_owned(),
            symbol: "TQQQ".to_owned(),
            seed: 100.0,
            profit_rate: 0.1,
            t_div: 20,
            max_tier: 10,
            others: BotPatch { buy_below_average: Some(true), buy_below_point: Some(true), ..BotPatch::default() },
        };
        let mut bot = new.blank(BotId(Uuid::from_u128(2)), new.name.clone(), 0);
        new.settings().apply(&mut bot);
        bot
    }

    fn basis(bot: &Bot, quantity: f64, average: f64) -> Basis {
        let holding = samples::holding(bot, 3, quantity, average, Timestamp::UNIX_EPOCH);
        let holdings = if quantity == 0.0 { Vec::new() } else { vec![holding] };
        Basis { holdings, sold_today: false, sell_sheet_today: false, latest_sell: None }
    }

    const AT: Timestamp = Timestamp::UNIX_EPOCH;

    type Row = (Option<f64>, Option<f64>, Option<TradeKind>, Why);

    fn table(bot: &Bot, basis: &Basis) -> Vec<Row> {
        ranges(bot, basis, None, AT).into_iter().map(|r| (r.from, r.to, r.planned.order.map(|o| o.kind), r.planned.reason)).collect()
    }

    #[test]
    fn a_bot_without_position_buys_at_any_price() {
        let bot = bot();
        assert_eq!(table(&bot, &basis(&bot, 0.0, 0.0)), [(None, None, Some(TradeKind::Buy), Why::FirstBuy)]);
    }

    #[test]
    fn the_table_of_a_position_has_its_rules_in_price_order() {
        // 4 shares at 50 with a seed of 100: T = 2, the point is 16 %, the point price 58.
        let bot = bot();
        // At 58 itself the sell check still sees only the take profit.
        let expected: [Row; 4] = [
            (None, Some(49.99), Some(TradeKind::Buy), Why::BelowAverageAndPoint),
            (Some(50.0), Some(55.0), Some(TradeKind::Buy), Why::BelowPoint),
            (Some(55.01), Some(58.0), Some(TradeKind::SellThreeQuarters), Why::TakeProfit),
            (Some(58.01), None, Some(TradeKind::Sell), Why::TakeProfitAndPoint),
        ];
        assert_eq!(table(&bot, &basis(&bot, 4.0, 50.0)), expected);
    }

    #[test]
    fn a_running_trailing_stop_has_two_ranges() {
        let bot = Bot { trailing_enabled: true, trailing_mode: true, trailing_stop: 52.345, trailing_high_watermark: 58.0, ..bot() };
        let expected = [
            (None, Some(52.34), Some(TradeKind::Sell), Why::TrailingStopHit),
            (Some(52.35), None, Some(TradeKind::Buy), Why::TrailingBuys),
        ];
        assert_eq!(table(&bot, &basis(&bot, 4.0, 50.0)), expected);
    }

    #[test]
    fn trailing_begins_above_take_profit() {
        let bot = Bot { trailing_enabled: true, trailing_t_threshold: 0.2, ..bot() };
        let last = table(&bot, &basis(&bot, 4.0, 50.0)).pop();
        assert_eq!(last, Some((Some(55.01), None, Some(TradeKind::Buy), Why::TrailingBegins)));
    }

    #[test]
    fn a_bot_that_sold_already_only_sells_again() {
        let bot = bot();
        let sold = Basis { sold_today: true, ..basis(&bot, 4.0, 50.0) };
        assert_eq!(table(&bot, &sold).first(), Some(&(None, Some(55.0), None, Why::SoldThisSession)));
    }

    #[test]
    fn closing_prices_are_the_highest_that_trigger() {
        let condition = |drop_rate, seed_rate| ClosingCondition { drop_rate, seed_rate };
        let bot = Bot { closing_conditions: vec![condition(0.1, 0.5), condition(0.05, 0.2)], ..bot() };
        let levels = closing_levels(&bot, &basis(&bot, 4.0, 50.0), Some(61.37));
        assert_eq!(levels, [ClosingLevel { price: 58.30, amount: 20.0 }, ClosingLevel { price: 55.23, amount: 50.0 }]);
        assert_eq!(closing_levels(&Bot { trailing_mode: true, ..bot.clone() }, &basis(&bot, 4.0, 50.0), Some(61.37)), []);
        assert_eq!(closing_levels(&bot, &basis(&bot, 4.0, 50.0), None), []);
    }

    #[derive(Clone, Debug)]
    struct Case {
        bot: Bot,
        basis: Basis,
    }

    fn cases() -> impl Strategy<Value = Case> {
        let curve = prop_oneof![Just(PointCurve::P1), Just(PointCurve::P1Half), Just(PointCurve::P2Thirds)];
        let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
        let numbers = (1_i64..=100, 1_i64..=40, 1_u32..2_000, -200_i64..400, 0_u32..60, 1_u32..20_000, 0_u32..3_000_000);
        (curve, flags, numbers).prop_map(|(curve, flags, (t_div, max_tier, profit, added, quantity, average, stop))| {
            let (below_average, below_point, skip_sell, trailing, mode, sold) = flags;
            let bot = Bot {
                point_curve: curve,
                buy_below_average: below_average,
                buy_below_point: below_point,
                skip_sell,
                trailing_enabled: trailing,
                trailing_mode: mode && trailing,
                trailing_stop: f64::from(stop) / 10_007.0,
                trailing_high_watermark: f64::from(stop) / 9_000.0,
                t_div,
                max_tier,
                profit_rate: f64::from(profit) / 1_000.0,
                added_seed: added as f64,
                ..bot()
            };
            let basis = Basis { sold_today: sold, ..basis(&bot, f64::from(quantity), f64::from(average) / 100.0) };
            Case { bot, basis }
        })
    }

    proptest! {
        #[test]
        fn at_every_price_of_a_range_the_decision_is_the_ranges(case in cases(), shares in proptest::collection::vec(0.0_f64..1.0, 8)) {
            let table = ranges(&case.bot, &case.basis, None, AT);
            prop_assert!(table.first().is_some_and(|r| r.from.is_none()) && table.last().is_some_and(|r| r.to.is_none()));
            for pair in table.windows(2) {
                prop_assert_ne!(&pair[0].planned, &pair[1].planned);
                let gap = pair[1].from.unwrap() - pair[0].to.unwrap();
                prop_assert!((gap - 0.01).abs() < 1e-9, "{pair:?}");
            }
            for range in &table {
                let low = range.from.unwrap_or(0.01);
                let high = range.to.unwrap_or(low * 3.0 + 500.0);
                for share in shares.iter().copied().chain([0.0, 1.0]) {
                    let price = crate::quant::egg::number::cents(low + (high - low) * share);
                    prop_assert_eq!(&Planned::at(&case.bot, &case.basis, price, AT), &range.planned, "at {}", price);
                }
            }
        }

        #[test]
        fn the_present_price_is_marked_once(case in cases(), cents in 1_u32..50_000) {
            let price = f64::from(cents) / 100.0;
            let table = ranges(&case.bot, &case.basis, Some(price), AT);
            let marked: Vec<_> = table.iter().filter(|r| r.current).collect();
            prop_assert_eq!(marked.len(), 1);
            prop_assert_eq!(&marked[0].planned, &Planned::at(&case.bot, &case.basis, price, AT));
        }
    }
}
