//! The daily decision of a bot: sell, buy or nothing, in the original's order of checks.

use jiff::Timestamp;

use crate::domain::bot::{Bot, Holding, TradeKind};

use super::cooldown::{self, LatestSell};
use super::event::{Condition, EggEvent};
use super::number::{cents, truncate};
use super::point::{Held, Standing, profit_percent, usable_price};
use super::trailing::{self, TrailingState};

/// What a decision looks at. "Today" is the caller's: the live system means the US session.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    pub bot: &'a Bot,
    /// The bot's holdings; normally one.
    pub holdings: &'a [Holding],
    /// A sell of this bot stands in today's history.
    pub sold_today: bool,
    /// The bot has a sell sheet of today.
    pub sell_sheet_today: bool,
    pub latest_sell: Option<LatestSell>,
    /// Current price, USD; `None` when there is none.
    pub price: Option<f64>,
    pub now: Timestamp,
}

/// What a decision asks for: shares of a sell (whole), USD of a buy (unrounded).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wanted {
    pub kind: TradeKind,
    pub value: f64,
}

/// The outcome of a decision.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decision {
    pub order: Option<Wanted>,
    /// The trailing state to store, when the rules wrote it (perhaps unchanged).
    pub trailing: Option<TrailingState>,
    pub events: Vec<EggEvent>,
}

/// Decides. A trailing mode that can no longer end by itself is ended first ([`trailing::repair`]).
pub fn decide(input: &Input<'_>) -> Decision {
    match trailing::repair(input.bot, &Held::of(input.holdings)) {
        None => rules(input),
        Some((state, event)) => {
            let mut bot = input.bot.clone();
            state.put(&mut bot);
            let decision = rules(&Input { bot: &bot, ..*input });
            Decision {
                order: decision.order,
                trailing: decision.trailing.or(Some(state)),
                events: std::iter::once(event).chain(decision.events).collect(),
            }
        }
    }
}

/// The rules alone, on the state as it is, as the original applied them. Everybody but a comparison
/// with the original calls [`decide`].
pub fn rules(input: &Input<'_>) -> Decision {
    let bot = input.bot;
    let held = Held::of(input.holdings);
    let price = usable_price(input.price);
    let mut decision = Decision::default();
    let mut trailing_mode = bot.trailing_mode;

    if !trailing_mode && let Some(event) = cooldown::check(bot, input.latest_sell, input.now) {
        decision.events.push(event);
        return decision;
    }
    if !bot.skip_sell {
        if bot.trailing_enabled && trailing_mode {
            let (state, sell) = trailing::step(bot, &held, price, &mut decision.events);
            decision.trailing = state;
            if sell.is_some() {
                decision.order = sell;
                return decision;
            }
        } else {
            if bot.trailing_enabled
                && let Some(state) = trailing::entry(bot, &held, price, &mut decision.events)
            {
                decision.trailing = Some(state);
                trailing_mode = true;
            }
            if !trailing_mode && let Some(sell) = normal_sell(bot, &held, price, &mut decision.events) {
                decision.order = Some(sell);
                return decision;
            }
        }
    }
    if input.sold_today || input.sell_sheet_today {
        return decision;
    }
    decision.order =
        if trailing_mode { trailing_buy(bot, &held, &mut decision.events) } else { normal_buy(bot, &held, price, &mut decision.events) };
    decision
}

fn normal_sell(bot: &Bot, held: &Held, price: Option<f64>, events: &mut Vec<EggEvent>) -> Option<Wanted> {
    let average = held.position()?;
    let standing = Standing::of(bot, held);
    let point_price = standing.point_price?;
    let Some(price) = price else {
        events.push(EggEvent::SellNoPrice { bot: bot.name.clone(), symbol: bot.symbol.clone() });
        return None;
    };
    let take_profit_price = average * (1.0 + bot.profit_rate);
    let take_profit_hit = price > take_profit_price;
    let point_hit = price > point_price;
    let (kind, quantity) = match (take_profit_hit, point_hit) {
        (true, true) => (TradeKind::Sell, truncate(held.quantity)),
        (true, false) => (TradeKind::SellThreeQuarters, truncate(held.quantity * 3.0 / 4.0)),
        (false, true) => (TradeKind::SellQuarter, truncate(held.quantity * 1.0 / 4.0)),
        (false, false) => {
            events.push(EggEvent::SellCheckNone {
                bot: bot.name.clone(),
                symbol: bot.symbol.clone(),
                price,
                average,
                profit_percent: profit_percent(Some(price), Some(average)),
                take_profit_price,
                point_price,
                point_rate: standing.point,
            });
            return None;
        }
    };
    events.push(EggEvent::SellCheckOrder {
        bot: bot.name.clone(),
        symbol: bot.symbol.clone(),
        price,
        average,
        profit_percent: profit_percent(Some(price), Some(average)),
        take_profit_price,
        take_profit_hit,
        point_price,
        point_rate: standing.point,
        point_hit,
        kind,
        quantity,
    });
    Some(Wanted { kind, value: quantity as f64 })
}

fn normal_buy(bot: &Bot, held: &Held, price: Option<f64>, events: &mut Vec<EggEvent>) -> Option<Wanted> {
    let Some(price) = price else {
        events.push(EggEvent::BuyNoPrice { bot: bot.name.clone(), symbol: bot.symbol.clone() });
        return None;
    };
    if limit_reached(bot, held, events) {
        return None;
    }
    let average = match held.average {
        Some(average) if !bot.skip_sell => average,
        _ => {
            events.push(EggEvent::BuyFullSeed { bot: bot.name.clone(), symbol: bot.symbol.clone(), seed: bot.seed });
            return Some(Wanted { kind: TradeKind::Buy, value: bot.seed });
        }
    };
    let point_price = Standing::of(bot, held).point_price?;
    let condition = |enabled: bool, below: f64| Condition { enabled, below, hit: enabled && price < below };
    let below_average = condition(bot.buy_below_average, average);
    let below_point = condition(bot.buy_below_point, point_price);
    let both = [below_average, below_point];
    let enabled = both.iter().filter(|c| c.enabled).count();
    let hit = both.iter().filter(|c| c.hit).count();
    if hit == 0 {
        events.push(EggEvent::BuyNoCondition {
            bot: bot.name.clone(),
            symbol: bot.symbol.clone(),
            price,
            average: below_average,
            point: below_point,
        });
        return None;
    }
    let share = hit as f64 / enabled as f64;
    let amount = (bot.seed + bot.added_seed) * share;
    events.push(EggEvent::BuyCheck {
        bot: bot.name.clone(),
        symbol: bot.symbol.clone(),
        price,
        average_price: average,
        profit_percent: profit_percent(Some(price), Some(average)),
        conditions: enabled as u32,
        average: below_average,
        point: below_point,
        seed_percent: share * 100.0,
        seed: bot.seed,
        added_seed: bot.added_seed,
        amount,
    });
    buy_for(bot, amount, events)
}

fn trailing_buy(bot: &Bot, held: &Held, events: &mut Vec<EggEvent>) -> Option<Wanted> {
    if limit_reached(bot, held, events) {
        return None;
    }
    let amount = (bot.seed + bot.added_seed) / 3.0;
    events.push(EggEvent::TrailingBuy { bot: bot.name.clone(), symbol: bot.symbol.clone(), amount });
    buy_for(bot, amount, events)
}

/// The whole budget but less than one turn is invested.
fn limit_reached(bot: &Bot, held: &Held, events: &mut Vec<EggEvent>) -> bool {
    let limit = bot.seed * bot.max_tier as f64 - bot.seed;
    let reached = held.invested > limit;
    if reached {
        let (invested, symbol) = (held.invested, &bot.symbol);
        events.push(EggEvent::MaxBalanceExceeded { bot: bot.name.clone(), symbol: symbol.clone(), invested, limit });
        events.push(EggEvent::MaxBalanceBlocked { bot: bot.name.clone(), symbol: symbol.clone(), invested, limit });
    }
    reached
}

/// A buy, unless the added seed made it negative: that buys nothing and says so (H-33).
fn buy_for(bot: &Bot, amount: f64, events: &mut Vec<EggEvent>) -> Option<Wanted> {
    if cents(amount) < 0.0 {
        events.push(EggEvent::OrderCreateFailedBuy {
            bot: bot.name.clone(),
            symbol: bot.symbol.clone(),
            wanted: amount,
            added_seed: bot.added_seed,
        });
        return None;
    }
    Some(Wanted { kind: TradeKind::Buy, value: amount })
}

#[cfg(test)]
mod tests {
    use super::super::samples::{bot, holding, instant};
    use super::*;

    fn input<'a>(bot: &'a Bot, holdings: &'a [Holding], price: f64) -> Input<'a> {
        Input { bot, holdings, sold_today: false, sell_sheet_today: false, latest_sell: None, price: Some(price), now: instant(1) }
    }

    fn order(decision: &Decision) -> Option<(TradeKind, f64)> {
        decision.order.map(|wanted| (wanted.kind, wanted.value))
    }

    #[test]
    fn price_above_both_marks_sells_all_above_one_a_part() {
        let bot = bot();
        // T = 1, so the point price lies 18 % above the average and the take-profit price 10 %.
        let held = [holding(1, 10.0, 100.0)];
        assert_eq!(order(&decide(&input(&bot, &held, 118.01))), Some((TradeKind::Sell, 10.0)));
        assert_eq!(order(&decide(&input(&bot, &held, 118.0))), Some((TradeKind::SellThreeQuarters, 7.0)));
        let deep = [holding(1, 80.0, 100.0)];
        assert_eq!(order(&decide(&input(&bot, &deep, 105.0))), Some((TradeKind::SellQuarter, 20.0)));
    }

    #[test]
    fn a_sell_of_today_keeps_the_bot_from_buying() {
        let bot = bot();
        let held = [holding(1, 10.0, 100.0)];
        let buys = input(&bot, &held, 90.0);
        assert_eq!(order(&decide(&buys)), Some((TradeKind::Buy, 1_000.0)));
        assert_eq!(order(&decide(&Input { sold_today: true, ..buys })), None);
        assert_eq!(order(&decide(&Input { sell_sheet_today: true, ..buys })), None);
    }

    #[test]
    fn a_negative_buy_is_nothing_and_says_so() {
        let mut bot = bot();
        bot.added_seed = -1_500.0;
        let held = [holding(1, 10.0, 100.0)];
        let decision = decide(&input(&bot, &held, 90.0));
        assert_eq!(decision.order, None);
        assert!(matches!(decision.events.last(), Some(EggEvent::OrderCreateFailedBuy { wanted, .. }) if *wanted == -500.0));
    }

    #[test]
    fn a_stuck_trailing_mode_is_ended_and_the_bot_sells_again() {
        let mut bot = bot();
        TrailingState { mode: true, high_watermark: 130.0, stop: 120.0 }.put(&mut bot);
        let held = [holding(1, 10.0, 100.0)];
        let stuck = input(&bot, &held, 125.0);
        assert_eq!(order(&rules(&stuck)), Some((TradeKind::Buy, 1_000.0 / 3.0)), "the original would only ever buy");
        let decision = decide(&stuck);
        assert_eq!(order(&decision), Some((TradeKind::Sell, 10.0)));
        assert_eq!(decision.trailing, Some(TrailingState::OFF));
        assert_eq!(decision.events.first().map(EggEvent::code), Some("TRAILING_ENDED"));
    }

    #[test]
    fn a_price_that_is_no_price_trades_nothing() {
        let bot = bot();
        for price in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(decide(&input(&bot, &[holding(1, 10.0, 100.0)], price)).order, None, "{price}");
        }
    }
}
