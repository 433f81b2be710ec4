//! The trailing stop: entry, the daily step, the raise of the stop, and the repair of states in which
//! it could not end by itself.

use crate::domain::bot::{Bot, TradeKind};

use super::decide::Wanted;
use super::event::{EggEvent, TrailingEnd};
use super::number::truncate;
use super::point::{Held, Standing, profit_percent};

/// The part of a bot that the trailing stop carries from day to day.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrailingState {
    pub mode: bool,
    /// Highest price since entry, USD.
    pub high_watermark: f64,
    /// Stop price, USD, unrounded.
    pub stop: f64,
}

impl TrailingState {
    /// No trailing stop.
    pub const OFF: TrailingState = TrailingState { mode: false, high_watermark: 0.0, stop: 0.0 };

    /// The state that a bot carries.
    pub fn of(bot: &Bot) -> TrailingState {
        TrailingState { mode: bot.trailing_mode, high_watermark: bot.trailing_high_watermark, stop: bot.trailing_stop }
    }

    /// Writes the state into a bot.
    pub fn put(self, bot: &mut Bot) {
        bot.trailing_mode = self.mode;
        bot.trailing_high_watermark = self.high_watermark;
        bot.trailing_stop = self.stop;
    }
}

/// Ends a trailing mode that nothing else would end: trailing was switched off, or the position is
/// gone. A position bought later would otherwise be sold at once by the old stop (H-10, H-11).
pub fn repair(bot: &Bot, held: &Held) -> Option<(TrailingState, EggEvent)> {
    if !bot.trailing_mode {
        return None;
    }
    let reason = if !bot.trailing_enabled {
        TrailingEnd::Disabled
    } else if held.position().is_none() {
        TrailingEnd::PositionClosed
    } else {
        return None;
    };
    let event = EggEvent::TrailingEnded {
        bot: bot.name.clone(),
        symbol: bot.symbol.clone(),
        reason,
        watermark: bot.trailing_high_watermark,
        stop: bot.trailing_stop,
    };
    Some((TrailingState::OFF, event))
}

/// The entry check of a bot whose mode is off. Gives the new state when trailing begins.
pub(super) fn entry(bot: &Bot, held: &Held, price: Option<f64>, events: &mut Vec<EggEvent>) -> Option<TrailingState> {
    let average = held.position()?;
    let Some(price) = price else {
        events.push(EggEvent::TrailingEntryNoPrice { bot: bot.name.clone(), symbol: bot.symbol.clone() });
        return None;
    };
    let t = Standing::of(bot, held).t;
    let threshold = bot.trailing_t_threshold * bot.max_tier as f64;
    if !(price > average * (1.0 + bot.profit_rate) && t >= threshold) {
        return None;
    }
    // The watermark starts anew; the stop, as everywhere, only rises.
    let started = TrailingState { mode: true, high_watermark: price, stop: bot.trailing_stop };
    let state = raise(bot, started, average, price, events);
    events.push(EggEvent::TrailingEntered {
        bot: bot.name.clone(),
        symbol: bot.symbol.clone(),
        price,
        t,
        threshold_t: threshold,
        threshold_rate: bot.trailing_t_threshold,
        stop: state.stop,
    });
    Some(state)
}

/// The daily step of a bot whose mode is on: the state to store, if it was touched, and the sell, if any.
pub(super) fn step(bot: &Bot, held: &Held, price: Option<f64>, events: &mut Vec<EggEvent>) -> (Option<TrailingState>, Option<Wanted>) {
    let Some(average) = held.position() else { return (None, None) };
    let Some(price) = price else {
        events.push(EggEvent::TrailingNoPrice { bot: bot.name.clone(), symbol: bot.symbol.clone() });
        return (None, None);
    };
    events.push(EggEvent::TrailingStatus {
        bot: bot.name.clone(),
        symbol: bot.symbol.clone(),
        price,
        profit_percent: profit_percent(Some(price), Some(average)),
        stop: bot.trailing_stop,
        watermark: bot.trailing_high_watermark,
    });
    if price < bot.trailing_stop {
        let quantity = truncate(held.quantity);
        events.push(EggEvent::TrailingStopHit {
            bot: bot.name.clone(),
            symbol: bot.symbol.clone(),
            price,
            stop: bot.trailing_stop,
            quantity,
        });
        return (Some(TrailingState::OFF), Some(Wanted { kind: TradeKind::Sell, value: quantity as f64 }));
    }
    let state = raise(bot, TrailingState::of(bot), average, price, events);
    let t = Standing::of(bot, held).t;
    let limit = bot.max_tier as f64 - 1.0;
    if t > limit {
        let quantity = truncate(held.quantity / 4.0);
        events.push(EggEvent::TrailingSeedFullSell { bot: bot.name.clone(), symbol: bot.symbol.clone(), t, limit_t: limit, quantity });
        return (Some(state), Some(Wanted { kind: TradeKind::SellQuarter, value: quantity as f64 }));
    }
    (Some(state), None)
}

/// Raises watermark and stop. The stop never falls, also not when buys lower the average.
fn raise(bot: &Bot, state: TrailingState, average: f64, price: f64, events: &mut Vec<EggEvent>) -> TrailingState {
    let watermark = state.high_watermark.max(price);
    let high = watermark / average - 1.0;
    let candidate = average * (1.0 + (high - bot.trailing_stop_pct));
    let floor = average * (1.0 - bot.trailing_floor_rate);
    let stop = state.stop.max(candidate.max(floor));
    events.push(EggEvent::TrailingStopUpdated {
        bot: bot.name.clone(),
        symbol: bot.symbol.clone(),
        high_profit_percent: high * 100.0,
        stop_profit_percent: (stop / average - 1.0) * 100.0,
        distance_rate: bot.trailing_stop_pct,
        candidate,
        floor,
        stop,
    });
    TrailingState { mode: state.mode, high_watermark: watermark, stop }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{bot, holding};
    use super::*;
    use proptest::prelude::*;

    fn trailing_bot() -> Bot {
        let mut bot = bot();
        bot.trailing_enabled = true;
        TrailingState { mode: true, high_watermark: 130.0, stop: 110.0 }.put(&mut bot);
        bot
    }

    #[test]
    fn a_mode_that_could_not_end_is_ended() {
        let held = Held::of(&[holding(1, 10.0, 100.0)]);
        let nothing = Held::of(&[]);
        let mut bot = trailing_bot();
        assert_eq!(repair(&bot, &held), None);
        let reason = |repaired: Option<(TrailingState, EggEvent)>| match repaired {
            Some((TrailingState::OFF, EggEvent::TrailingEnded { reason, .. })) => Some(reason),
            _ => None,
        };
        assert_eq!(reason(repair(&bot, &nothing)), Some(TrailingEnd::PositionClosed));
        bot.trailing_enabled = false;
        assert_eq!(reason(repair(&bot, &held)), Some(TrailingEnd::Disabled));
        bot.trailing_mode = false;
        assert_eq!(repair(&bot, &nothing), None);
    }

    #[test]
    fn below_the_stop_everything_is_sold_and_the_mode_ends() {
        let held = Held::of(&[holding(1, 10.5, 100.0)]);
        let mut events = Vec::new();
        let (state, sell) = step(&trailing_bot(), &held, Some(109.99), &mut events);
        assert_eq!(state, Some(TrailingState::OFF));
        assert_eq!(sell, Some(Wanted { kind: TradeKind::Sell, value: 10.0 }));
        let (state, sell) = step(&trailing_bot(), &held, Some(110.0), &mut events);
        assert_eq!((state.map(|s| s.mode), sell), (Some(true), None), "at the stop nothing is sold");
    }

    proptest! {
        #[test]
        fn the_stop_and_the_watermark_never_fall(prices in prop::collection::vec(111.0_f64..400.0, 1..20), average in 20.0_f64..100.0) {
            let mut bot = trailing_bot();
            let held = Held::of(&[holding(1, 10.0, average)]);
            for price in prices {
                let before = TrailingState::of(&bot);
                let (state, _) = step(&bot, &held, Some(price), &mut Vec::new());
                let state = state.unwrap();
                if !state.mode {
                    break;
                }
                prop_assert!(state.stop >= before.stop);
                prop_assert!(state.high_watermark >= before.high_watermark.max(price));
                state.put(&mut bot);
            }
        }
    }
}
