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
    let Some((from, absorbed)) = sold_from(holdings, covered, fill.kind) else {
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
        kind: fill.kind,
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
    let stays = fill.kind.is_partial_sell() && left > 0.0;
    let (after, closed, added_seed, trailing) = if stays {
        let after = Holding { quantity: left, total_cost: left * from.average_price, last_kind: fill.kind, last_trade_at: now, ..from };
        (Some(after), absorbed, bot.added_seed + profit * ADDED_SEED_SHARE, None)
    } else {
        let trailing = (TrailingState::of(bot) != TrailingState::OFF).then_some(TrailingState::OFF);
        events.push(cycle_finished(bot, history, &row, trailing.is_some()));
        (None, holdings.iter().map(|holding| holding.id).collect(), 0.0, trailing)
    };
    let booking = booking(bot, fill.kind, origin, after, closed, row);
    Some(Booked { booking: Some(booking), added_seed: Some(added_seed), trailing, events })
}

/// The holding that a sell takes from, and the others that it had to take in. Normally a bot has one;
/// with several rows of old data a sell that exceeds the cheapest works on all of them as one.
fn sold_from(holdings: &[Holding], covered: f64, kind: TradeKind) -> Option<(Holding, Vec<HoldingId>)> {
    if covered <= 0.0 {
        return None;
    }
    let cheapest = traded_holding(holdings)?;
    if kind == TradeKind::Sell || covered <= cheapest.quantity {
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
