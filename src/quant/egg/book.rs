//! Recording trades in a bot's books: the holding after it, the history row, the added seed, the end of a cycle.
//!
//! Profits here are gross, as the original counted; the account's books subtract fees and taxes.

use jiff::Timestamp;

use crate::domain::bot::{Bot, HistoryRow, Holding, SliceFill, TradeKind};
use crate::domain::clock::kst_date;
use crate::domain::fact::{Booking, BookingOrigin};
use crate::domain::id::{HistoryId, HoldingId};

use super::event::{CycleSell, EggEvent};
use super::number::{cents, sum};
use super::point::{Held, profit_percent, traded_holding};
use super::trailing::TrailingState;

/// Share of a partial sell's profit that is added to later buys.
const ADDED_SEED_SHARE: f64 = 1.0 / 10.0;

/// Ids for the rows that a booking may make.
#[derive(Clone, Copy, Debug)]
pub struct BookIds {
    pub holding: HoldingId,
    pub history: HistoryId,
}

/// A trade in the books: what to store, and what it changes in the bot.
#[derive(Clone, Debug, PartialEq)]
pub struct Booked {
    /// Nothing to store when shares were sold that no holding covers.
    pub booking: Option<Booking>,
    /// The bot's added seed after a sell, USD.
    pub added_seed: Option<f64>,
    /// The trailing state to store: the position that it followed is closed (H-11).
    pub trailing: Option<TrailingState>,
    pub events: Vec<EggEvent>,
}

impl Booked {
    /// Carries the changes into values in memory: the bot and its account's holdings, in their order.
    pub fn put(&self, bot: &mut Bot, holdings: &mut Vec<Holding>) {
        if let Some(added_seed) = self.added_seed {
            bot.added_seed = added_seed;
        }
        if let Some(trailing) = self.trailing {
            trailing.put(bot);
        }
        let Some(booking) = &self.booking else { return };
        holdings.retain(|holding| !booking.closed.contains(&holding.id));
        if let Some(after) = &booking.holding_after {
            match holdings.iter_mut().find(|holding| holding.id == after.id) {
                Some(place) => *place = after.clone(),
                None => holdings.push(after.clone()),
            }
        }
    }
}

/// Records a buy. `holdings` are the bot's own; `None` for a fill of no shares.
pub fn buy(bot: &Bot, holdings: &[Holding], fill: &SliceFill, origin: BookingOrigin, ids: BookIds, now: Timestamp) -> Option<Booked> {
    if fill.quantity <= 0.0 {
        return None;
    }
    let after = match traded_holding(holdings) {
        None => Holding {
            id: ids.holding,
            bot_id: Some(bot.id),
            name: bot.name.clone(),
            market: bot.market,
            symbol: bot.symbol.clone(),
            quantity: fill.quantity,
            average_price: fill.unit_price,
            total_cost: fill.total,
            last_kind: fill.kind,
            cycle_start: now,
            last_trade_at: now,
            reserve: false,
        },
        Some(held) => {
            let quantity = held.quantity + fill.quantity;
            let total_cost = held.total_cost + fill.total;
            Holding {
                quantity,
                total_cost,
                average_price: cents(total_cost / quantity),
                last_kind: fill.kind,
                last_trade_at: now,
                ..held.clone()
            }
        }
    };
    let history = HistoryRow {
        id: ids.history,
        bot_id: Some(bot.id),
        name: bot.name.clone(),
        market: bot.market,
        symbol: bot.symbol.clone(),
        kind: fill.kind,
        cycle_start: after.cycle_start,
        traded_at: now,
        quantity: Some(fill.quantity),
        quantity_derived: false,
        buy_price: cents(fill.unit_price),
        sell_price: 0.0,
        profit: 0.0,
        profit_rate: 0.0,
        original_cycle_start: None,
    };
    let booking = booking(bot, fill.kind, origin, Some(after), Vec::new(), history);
    Some(Booked { booking: Some(booking), added_seed: None, trailing: None, events: Vec::new() })
}

/// Records a sell. `holdings` and `history` are the bot's own. Selling more than was held closes the
/// position at what was held and reports the rest (H-09). `None` for a fill of no shares.
pub fn sell(
    bot: &Bot,
    holdings: &[Holding],
    history: &[HistoryRow],
    fill: &SliceFill,
    origin: BookingOrigin,
    ids: BookIds,
    now: Timestamp,
) -> Option<Booked> {
    if fill.quantity <= 0.0 {
        return None;
    }
    let mut events = vec![EggEvent::SellRecorded {
        bot: bot.name.clone(),
        symbol: bot.symbol.clone(),
        kind: fill.kind,
        quantity: fill.quantity,
        unit_price: fill.unit_price,
        total: fill.total,
    }];
    let held_in_all = holdings.iter().fold(0.0, |sum, holding| sum + holding.quantity);
    let covered = fill.quantity.min(held_in_all);
    if covered < fill.quantity {
        events.push(EggEvent::SellExceedsHolding {
            bot: bot.name.clone(),
            symbol: bot.symbol.clone(),
            sold: fill.quantity,
            held: held_in_all,
            total: fill.total,
        });
    }
    // A full sell that leaves whole shares (a person added some meanwhile) must not make them vanish (H-16).
    let kind = match fill.kind {
        TradeKind::Sell if held_in_all - covered >= 1.0 => TradeKind::SellPart,
        kind => kind,
    };
    let Some((from, absorbed)) = sold_from(holdings, covered, kind) else {
        return Some(Booked { booking: None, added_seed: None, trailing: None, events });
    };
    let total = if covered < fill.quantity { fill.total * (covered / fill.quantity) } else { fill.total };
    let profit = cents(total - from.average_price * covered);
    // Percent of two decimals: finer than the history of old, and the same value that it rounded.
    let profit_rate = profit_percent(Some(fill.unit_price), Some(from.average_price)) / 100.0;
    let row = HistoryRow {
        id: ids.history,
        bot_id: Some(bot.id),
        name: bot.name.clone(),
        market: bot.market,
        symbol: bot.symbol.clone(),
        kind,
        cycle_start: from.cycle_start,
        traded_at: now,
        quantity: Some(covered),
        quantity_derived: false,
        buy_price: cents(from.average_price),
        sell_price: cents(fill.unit_price),
        profit,
        profit_rate,
        original_cycle_start: None,
    };
    events.push(EggEvent::SellProfit { bot: bot.name.clone(), symbol: bot.symbol.clone(), profit, profit_rate });

    let left = from.quantity - covered;
    let stays = kind.is_partial_sell() && left > 0.0;
    let (after, closed, added_seed, trailing) = if stays {
        let after = Holding { quantity: left, total_cost: left * from.average_price, last_kind: kind, last_trade_at: now, ..from };
        (Some(after), absorbed, bot.added_seed + profit * ADDED_SEED_SHARE, None)
    } else {
        let trailing = (TrailingState::of(bot) != TrailingState::OFF).then_some(TrailingState::OFF);
        events.push(cycle_finished(bot, history, &row, trailing.is_some()));
        (None, holdings.iter().map(|holding| holding.id).collect(), 0.0, trailing)
    };
    let booking = booking(bot, kind, origin, after, closed, row);
    Some(Booked { booking: Some(booking), added_seed: Some(added_seed), trailing, events })
}

/// The holding that a sell takes from, and the others that it had to take in. Normally a bot has one;
/// with several rows of old data a sell that uses up the cheapest works on all of them as one.
fn sold_from(holdings: &[Holding], covered: f64, kind: TradeKind) -> Option<(Holding, Vec<HoldingId>)> {
    if covered <= 0.0 {
        return None;
    }
    let cheapest = traded_holding(holdings)?;
    if kind == TradeKind::Sell || covered < cheapest.quantity || holdings.len() == 1 {
        return Some((cheapest.clone(), Vec::new()));
    }
    let all = Held::of(holdings);
    let whole = Holding {
        quantity: all.quantity,
        average_price: all.average.unwrap_or(cheapest.average_price),
        total_cost: holdings.iter().fold(0.0, |sum, holding| sum + holding.total_cost),
        cycle_start: holdings.iter().map(|holding| holding.cycle_start).min().unwrap_or(cheapest.cycle_start),
        ..cheapest.clone()
    };
    let absorbed = holdings.iter().map(|holding| holding.id).filter(|id| *id != whole.id).collect();
    Some((whole, absorbed))
}

/// The end of a cycle: its sells are those of the same Korean start date, this one included.
fn cycle_finished(bot: &Bot, history: &[HistoryRow], last: &HistoryRow, trailing_ended: bool) -> EggEvent {
    let started = kst_date(last.cycle_start);
    let sells: Vec<CycleSell> = history
        .iter()
        .chain(std::iter::once(last))
        .filter(|row| row.kind.is_sell() && kst_date(row.cycle_start) == started)
        .map(|row| CycleSell { at: row.traded_at, kind: row.kind, profit: row.profit })
        .collect();
    EggEvent::CycleFinished {
        bot: bot.name.clone(),
        symbol: bot.symbol.clone(),
        started: last.cycle_start,
        profit: sum(sells.iter().map(|sell| sell.profit)),
        sells,
        trailing_ended,
    }
}

fn booking(
    bot: &Bot,
    kind: TradeKind,
    origin: BookingOrigin,
    holding_after: Option<Holding>,
    closed: Vec<HoldingId>,
    history: HistoryRow,
) -> Booking {
    Booking {
        bot_id: bot.id,
        name: bot.name.clone(),
        market: bot.market,
        symbol: bot.symbol.clone(),
        kind,
        origin,
        holding_after,
        closed,
        history,
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{bot, bought, holding, ids, instant};
    use super::*;
    use proptest::prelude::*;

    fn sold(kind: TradeKind, quantity: f64, unit_price: f64) -> SliceFill {
        SliceFill { kind, quantity, unit_price, total: cents(quantity * unit_price) }
    }

    fn record(bot: &Bot, holdings: &[Holding], fill: &SliceFill) -> Booked {
        sell(bot, holdings, &[], fill, BookingOrigin::Sheet, ids(1), instant(5)).unwrap()
    }

    #[test]
    fn the_first_buy_opens_a_cycle_and_later_ones_average_it() {
        let (mut bot, mut holdings) = (bot(), Vec::new());
        for (day, fill) in [(1, bought(3.0, 10.0)), (2, bought(2.0, 9.0))] {
            let booked = buy(&bot, &holdings, &fill, BookingOrigin::Sheet, ids(day), instant(day)).unwrap();
            booked.put(&mut bot, &mut holdings);
        }
        let [held] = holdings.as_slice() else { panic!("one holding, not {}", holdings.len()) };
        assert_eq!((held.quantity, held.average_price, held.total_cost), (5.0, 9.6, 48.0));
        assert_eq!(held.cycle_start, instant(1));
        assert_eq!(held.last_trade_at, instant(2));
    }

    #[test]
    fn a_partial_sell_keeps_the_average_and_feeds_the_added_seed() {
        let bot = bot();
        let booked = record(&bot, &[holding(1, 8.0, 10.0)], &sold(TradeKind::SellQuarter, 2.0, 12.0));
        let after = booked.booking.unwrap().holding_after.unwrap();
        assert_eq!((after.quantity, after.average_price, after.total_cost), (6.0, 10.0, 60.0));
        assert_eq!(booked.added_seed, Some(bot.added_seed + 4.0 * 0.1));
    }

    #[test]
    fn a_loss_lowers_the_added_seed_and_the_end_of_a_cycle_clears_it() {
        let mut bot = bot();
        bot.added_seed = 7.0;
        let held = [holding(1, 8.0, 10.0)];
        assert_eq!(record(&bot, &held, &sold(TradeKind::SellPart, 2.0, 5.0)).added_seed, Some(7.0 + -10.0 * 0.1));
        let full = record(&bot, &held, &sold(TradeKind::Sell, 8.0, 11.0));
        assert_eq!(full.added_seed, Some(0.0));
        assert_eq!(full.booking.unwrap().closed, [held[0].id]);
    }

    #[test]
    fn the_cycle_counts_the_sells_since_its_start_only() {
        let bot = bot();
        let held = holding(1, 8.0, 10.0);
        let earlier = record(&bot, std::slice::from_ref(&held), &sold(TradeKind::SellQuarter, 2.0, 12.0)).booking.unwrap().history;
        let mut other_cycle = earlier.clone();
        other_cycle.cycle_start = instant(-40);
        let history = [earlier, other_cycle];
        let fill = sold(TradeKind::Sell, 8.0, 11.0);
        let booked = sell(&bot, &[held], &history, &fill, BookingOrigin::Sheet, ids(2), instant(6)).unwrap();
        let Some(EggEvent::CycleFinished { profit, sells, .. }) = booked.events.last() else { panic!("{:?}", booked.events) };
        assert_eq!((*profit, sells.len()), (4.0 + 8.0, 2));
    }

    #[test]
    fn closing_a_position_ends_its_trailing_stop() {
        let mut bot = bot();
        TrailingState { mode: true, high_watermark: 12.0, stop: 11.0 }.put(&mut bot);
        let held = [holding(1, 8.0, 10.0)];
        assert_eq!(record(&bot, &held, &sold(TradeKind::Sell, 8.0, 11.0)).trailing, Some(TrailingState::OFF));
        assert_eq!(record(&bot, &held, &sold(TradeKind::SellPart, 3.0, 11.0)).trailing, None);
    }

    #[test]
    fn selling_more_than_held_books_what_was_held_and_reports_it() {
        let booked = record(&bot(), &[holding(1, 3.0, 10.0)], &sold(TradeKind::SellPart, 5.0, 12.0));
        let row = booked.booking.unwrap().history;
        assert_eq!((row.quantity, row.profit), (Some(3.0), 6.0));
        let reported = booked
            .events
            .iter()
            .any(|event| matches!(event, EggEvent::SellExceedsHolding { sold, held, .. } if (*sold, *held) == (5.0, 3.0)));
        assert!(reported, "{:?}", booked.events);
    }

    #[test]
    fn selling_without_a_holding_books_nothing_and_reports_it() {
        let booked = record(&bot(), &[], &sold(TradeKind::SellQuarter, 5.0, 12.0));
        assert_eq!(booked.booking, None);
        assert!(booked.events.iter().any(|event| event.code() == "SELL_EXCEEDS_HOLDING"));
    }

    #[test]
    fn a_full_sell_that_leaves_whole_shares_is_a_partial_one() {
        let booking = record(&bot(), &[holding(1, 8.0, 10.0)], &sold(TradeKind::Sell, 5.0, 12.0)).booking.unwrap();
        assert_eq!(booking.history.kind, TradeKind::SellPart);
        assert_eq!(booking.holding_after.unwrap().quantity, 3.0);
    }

    #[test]
    fn no_shares_are_no_trade() {
        assert_eq!(buy(&bot(), &[], &bought(0.0, 10.0), BookingOrigin::Sheet, ids(1), instant(1)), None);
        let nothing = sold(TradeKind::Sell, 0.0, 10.0);
        assert_eq!(sell(&bot(), &[], &[], &nothing, BookingOrigin::Sheet, ids(1), instant(1)), None);
    }

    proptest! {
        /// Shares neither appear nor vanish, over any number of rows.
        #[test]
        fn sells_conserve_shares(
            rows in prop::collection::vec((1_i64..200, 100_i64..10_000), 1..4),
            wanted in 1_i64..500,
            full in any::<bool>(),
        ) {
            let mut holdings: Vec<Holding> =
                rows.iter().enumerate().map(|(n, (shares, price))| holding(n as u128, *shares as f64, *price as f64 / 100.0)).collect();
            let before: f64 = holdings.iter().map(|h| h.quantity).sum();
            let kind = if full { TradeKind::Sell } else { TradeKind::SellPart };
            let mut bot = bot();
            let booked = record(&bot, &holdings, &sold(kind, wanted as f64, 50.0));
            booked.put(&mut bot, &mut holdings);
            let booked_shares = booked.booking.unwrap().history.quantity.unwrap();
            let after: f64 = holdings.iter().map(|h| h.quantity).sum();
            prop_assert_eq!(after + booked_shares, before);
            prop_assert_eq!(booked_shares, before.min(wanted as f64));
        }

        /// Cost follows the fills of a run of buys, and the average follows the cost.
        #[test]
        fn buys_add_up(fills in prop::collection::vec((1_i64..100, 1_i64..100_000), 1..12)) {
            let (mut bot, mut holdings) = (bot(), Vec::new());
            for (quantity, price) in &fills {
                let fill = bought(*quantity as f64, *price as f64 / 100.0);
                buy(&bot, &holdings, &fill, BookingOrigin::Sheet, ids(1), instant(1)).unwrap().put(&mut bot, &mut holdings);
            }
            let held = &holdings[0];
            prop_assert_eq!(holdings.len(), 1);
            prop_assert_eq!(held.quantity, fills.iter().map(|(quantity, _)| *quantity as f64).sum::<f64>());
            let cost: f64 = fills.iter().map(|(quantity, price)| (quantity * price) as f64 / 100.0).sum();
            prop_assert!((held.total_cost - cost).abs() < 1e-6);
            prop_assert!((held.average_price - cost / held.quantity).abs() <= 0.005 + 1e-9 || fills.len() == 1);
        }
    }
}
