//! Slices of a sheet: what the next one asks for, what its result does, and when the sheet is complete.
//!
//! Planning and applying are apart: between them lies an order that may take minutes.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::domain::bot::{Sheet, SliceFill, TradeKind};
use crate::domain::order::Side;

use super::event::EggEvent;
use super::number::{cents, round_to, sum, truncate};
use super::point::{buy_limit, sell_limit, shares_for, usable_price};

/// A limit order that the engine asks for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    pub side: Side,
    /// Whole shares, at least 1.
    pub quantity: i64,
    /// USD, cents.
    pub limit: f64,
}

/// What the next slice does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SlicePlan {
    /// No price: the slice is empty.
    NoPrice,
    /// Less than one share falls on this slice: nothing is sent, the slice is empty (H-07).
    NoShares { limit: f64 },
    /// Send this, then apply what was filled.
    Send(Request),
}

/// What keeps the sheet from running a slice today: an event to report, nothing else happens then.
pub fn obstacle(sheet: &Sheet, today: Date) -> Option<EggEvent> {
    let (bot, symbol) = (sheet.name.clone(), sheet.symbol.clone());
    let results = sheet.results.len() as i64;
    let slices = sheet.slices_total;
    if sheet.session != today {
        return Some(EggEvent::OrderNotToday { bot, symbol, session: sheet.session, today });
    }
    if results >= slices {
        return Some(EggEvent::OrderResultsComplete { bot, symbol, results, slices });
    }
    if sheet.slices_left <= 0 {
        return Some(EggEvent::OrderNoCount { bot, symbol, results, slices });
    }
    None
}

/// Plans the next slice at a price (USD; `None` when there is none).
pub fn plan(sheet: &Sheet, price: Option<f64>) -> SlicePlan {
    let Some(price) = usable_price(price) else { return SlicePlan::NoPrice };
    // The reciprocal first: 49 × (1/49) is 0.999…, which truncates to 0, and must.
    let share = truncate(cents(sheet.remaining) * (1.0 / sheet.slices_left as f64));
    let (side, limit, quantity) = if sheet.kind.is_buy() {
        let limit = buy_limit(price);
        (Side::Buy, limit, shares_for(share as f64, limit))
    } else {
        (Side::Sell, sell_limit(price), share)
    };
    if quantity <= 0 { SlicePlan::NoShares { limit } } else { SlicePlan::Send(Request { side, quantity, limit }) }
}

/// The event of a slice that found no price.
pub fn no_price_event(sheet: &Sheet) -> EggEvent {
    EggEvent::TwapNoPrice {
        bot: sheet.name.clone(),
        symbol: sheet.symbol.clone(),
        slice: sheet.results.len() as i64 + 1,
        slices: sheet.slices_total,
    }
}

/// Writes a slice's result into the sheet: `None` when nothing was filled. A fill of 0 shares is none (H-08).
pub fn apply(sheet: &mut Sheet, fill: Option<SliceFill>) {
    let fill = fill.filter(|fill| fill.quantity > 0.0).map(|fill| SliceFill { kind: sheet.kind, ..fill });
    sheet.remaining = cents(sheet.remaining);
    if let Some(fill) = &fill {
        sheet.remaining -= if sheet.kind.is_buy() { fill.total } else { fill.quantity };
    }
    sheet.results.push(fill);
    sheet.slices_left -= 1;
}

/// How a sheet ends.
#[derive(Clone, Debug, PartialEq)]
pub enum Completion {
    /// Record this trade in the bot's books, then close the sheet.
    Book { fill: SliceFill, events: Vec<EggEvent> },
    /// Nothing was filled: close the sheet.
    Empty { events: Vec<EggEvent> },
    /// The bot is gone: the sheet stays, somebody has to be told.
    BotMissing { events: Vec<EggEvent> },
}

/// Whether the sheet is complete after a slice: no slices are left, or the last time of the plan has
/// passed and something was filled (a slice was missed then).
pub fn completion(sheet: &Sheet, last_time_passed: bool, bot_exists: bool) -> Option<Completion> {
    let filled = valid(sheet).next().is_some();
    let mut events = Vec::new();
    if sheet.slices_left > 0 {
        if !(last_time_passed && filled) {
            return None;
        }
        events.push(EggEvent::TwapLastTimePassed { bot: sheet.name.clone(), symbol: sheet.symbol.clone(), slices_left: sheet.slices_left });
    }
    if sheet.results.is_empty() {
        return None;
    }
    Some(complete_with(sheet, bot_exists, events))
}

/// Completes a sheet as it stands: before it is replaced or removed, what it filled must reach the
/// books (H-05). `None` when it holds no fill.
pub fn complete(sheet: &Sheet, bot_exists: bool) -> Option<Completion> {
    valid(sheet).next().is_some().then(|| complete_with(sheet, bot_exists, Vec::new()))
}

fn complete_with(sheet: &Sheet, bot_exists: bool, mut events: Vec<EggEvent>) -> Completion {
    let (bot, symbol) = (sheet.name.clone(), sheet.symbol.clone());
    if !bot_exists {
        events.push(EggEvent::CompleteBotMissing { bot, symbol });
        return Completion::BotMissing { events };
    }
    let Some(mut fill) = merge(sheet.kind, valid(sheet)) else {
        events.push(EggEvent::TwapNoValidResult { bot, symbol, kind: sheet.kind, slices: sheet.results.len() as i64 });
        return Completion::Empty { events };
    };
    let wanted = cents(sheet.total);
    if sheet.kind == TradeKind::Sell && fill.quantity < wanted {
        fill.kind = TradeKind::SellPart;
        events.push(EggEvent::TwapPartialFill {
            bot: bot.clone(),
            symbol: symbol.clone(),
            wanted,
            filled: fill.quantity,
            missing: wanted - fill.quantity,
        });
    }
    events.push(EggEvent::TwapMerged {
        bot,
        symbol,
        kind: fill.kind,
        quantity: fill.quantity,
        unit_price: fill.unit_price,
        total: fill.total,
        valid_slices: valid(sheet).count() as i64,
    });
    Completion::Book { fill, events }
}

fn valid(sheet: &Sheet) -> impl Iterator<Item = &SliceFill> + Clone {
    sheet.results.iter().flatten().filter(|fill| fill.quantity > 0.0)
}

/// Sums fills into one trade: its unit price is the average, rounded to four, then to two decimals.
/// `None` when no share was traded.
pub fn merge<'f>(kind: TradeKind, fills: impl Iterator<Item = &'f SliceFill> + Clone) -> Option<SliceFill> {
    let quantity = sum(fills.clone().map(|fill| fill.quantity));
    let total = sum(fills.map(|fill| fill.total));
    (quantity > 0.0).then(|| SliceFill { kind, quantity, unit_price: cents(round_to(total / quantity, 4)), total: cents(total) })
}

#[cfg(test)]
mod tests {
    use super::super::samples::{bot, bought, instant, sheet_of};
    use super::*;
    use crate::domain::clock::kst_date;
    use proptest::prelude::*;

    fn sells(quantity: f64, slices: i64) -> Sheet {
        sheet_of(&bot(), TradeKind::Sell, quantity, slices)
    }

    /// Runs every slice of a sheet with its whole quantity filled at `price`; gives the shares of each.
    fn run_filled(sheet: &mut Sheet, price: f64) -> Vec<i64> {
        let mut shares = Vec::new();
        while sheet.slices_left > 0 {
            let fill = match plan(sheet, Some(price)) {
                SlicePlan::Send(request) => {
                    shares.push(request.quantity);
                    let quantity = request.quantity as f64;
                    Some(SliceFill { kind: sheet.kind, quantity, unit_price: cents(price), total: cents(quantity * price) })
                }
                SlicePlan::NoShares { .. } | SlicePlan::NoPrice => {
                    shares.push(0);
                    None
                }
            };
            apply(sheet, fill);
        }
        shares
    }

    #[test]
    fn three_shares_in_five_slices_leave_the_first_two_empty() {
        assert_eq!(run_filled(&mut sells(3.0, 5), 10.0), [0, 0, 1, 1, 1]);
    }

    #[test]
    fn a_slice_of_no_shares_sends_nothing_and_counts() {
        let mut sheet = sheet_of(&bot(), TradeKind::Buy, 406.34, 10);
        assert_eq!(plan(&sheet, Some(180.79)), SlicePlan::NoShares { limit: 184.41 });
        apply(&mut sheet, None);
        assert_eq!((sheet.slices_left, sheet.results.as_slice()), (9, [None].as_slice()));
    }

    #[test]
    fn a_buy_spends_whole_dollars_at_the_limit_price() {
        // 1000/3 is 333 dollars; 333 at 102 is 3 shares.
        let sheet = sheet_of(&bot(), TradeKind::Buy, 1_000.0, 3);
        assert_eq!(plan(&sheet, Some(100.0)), SlicePlan::Send(Request { side: Side::Buy, quantity: 3, limit: 102.0 }));
        assert_eq!(plan(&sheet, None), SlicePlan::NoPrice);
        assert_eq!(plan(&sheet, Some(0.0)), SlicePlan::NoPrice);
    }

    #[test]
    fn a_fill_of_no_shares_is_none() {
        let mut sheet = sheet_of(&bot(), TradeKind::Buy, 1_000.0, 1);
        apply(&mut sheet, Some(bought(0.0, 100.0)));
        assert_eq!(sheet.results, [None]);
        assert_eq!(sheet.remaining, 1_000.0);
        assert!(matches!(completion(&sheet, true, true), Some(Completion::Empty { .. })));
    }

    #[test]
    fn a_full_sell_that_is_filled_in_part_becomes_a_partial_one() {
        let mut sheet = sells(10.0, 2);
        apply(&mut sheet, Some(SliceFill { kind: TradeKind::Sell, ..bought(4.0, 10.0) }));
        apply(&mut sheet, None);
        let Some(Completion::Book { fill, events }) = completion(&sheet, true, true) else { panic!("not complete") };
        assert_eq!((fill.kind, fill.quantity), (TradeKind::SellPart, 4.0));
        let codes: Vec<&str> = events.iter().map(EggEvent::code).collect();
        assert_eq!(codes, ["TWAP_PARTIAL_FILL", "TWAP_MERGED"]);
    }

    #[test]
    fn missed_slices_complete_a_sheet_only_with_fills_and_after_the_last_time() {
        let mut sheet = sells(10.0, 5);
        apply(&mut sheet, None);
        assert_eq!(completion(&sheet, true, true), None, "nothing was filled");
        apply(&mut sheet, Some(SliceFill { kind: TradeKind::Sell, ..bought(2.0, 10.0) }));
        assert_eq!(completion(&sheet, false, true), None, "slices are left and the last time is to come");
        assert!(matches!(completion(&sheet, true, true), Some(Completion::Book { .. })));
    }

    #[test]
    fn a_sheet_that_must_go_is_completed_with_what_it_filled() {
        let mut sheet = sells(10.0, 5);
        assert_eq!(complete(&sheet, true), None);
        apply(&mut sheet, Some(SliceFill { kind: TradeKind::Sell, ..bought(2.0, 10.0) }));
        assert!(matches!(complete(&sheet, true), Some(Completion::Book { fill, .. }) if fill.quantity == 2.0));
        assert!(matches!(complete(&sheet, false), Some(Completion::BotMissing { .. })));
    }

    #[test]
    fn obstacles_are_named_in_order() {
        let code = |sheet: &Sheet, day| obstacle(sheet, kst_date(instant(day))).map(|event| event.code());
        let mut sheet = sells(10.0, 1);
        assert_eq!(code(&sheet, 1), None);
        assert_eq!(code(&sheet, 2), Some("ORDER_NOT_TODAY"));
        apply(&mut sheet, None);
        assert_eq!(code(&sheet, 1), Some("ORDER_RESULTS_COMPLETE"));
        sheet.slices_total = 2;
        assert_eq!(code(&sheet, 1), Some("ORDER_NO_COUNT"));
    }

    proptest! {
        /// Filled slices of a sell add up to the sheet, whatever the number of slices.
        #[test]
        fn filled_slices_of_a_sell_are_the_whole_sheet(shares in 0_i64..100_000, slices in 1_i64..60) {
            let mut sheet = sells(shares as f64, slices);
            let sent = run_filled(&mut sheet, 31.37);
            // The last share may stay: 49 × (1/49) truncates to 0 in the original, too.
            let left = shares - sent.iter().sum::<i64>();
            prop_assert!((0..=1).contains(&left), "{} left of {} in {} slices", left, shares, slices);
            prop_assert_eq!(sheet.remaining, left as f64);
        }

        /// A buy never spends more than its sheet, even when every fill costs the limit.
        #[test]
        fn slices_of_a_buy_stay_within_the_sheet(dollars in 0_i64..1_000_000, slices in 1_i64..60, price in 1_i64..100_000) {
            let value = dollars as f64 / 100.0;
            let mut sheet = sheet_of(&bot(), TradeKind::Buy, value, slices);
            let limit = buy_limit(price as f64 / 100.0);
            let mut spent = 0.0;
            while sheet.slices_left > 0 {
                let fill = match plan(&sheet, Some(price as f64 / 100.0)) {
                    SlicePlan::Send(request) => {
                        let quantity = request.quantity as f64;
                        spent += cents(quantity * limit);
                        Some(SliceFill { kind: TradeKind::Buy, quantity, unit_price: limit, total: cents(quantity * limit) })
                    }
                    _ => None,
                };
                apply(&mut sheet, fill);
            }
            prop_assert!(spent <= value + 1e-6, "{} spent of {}", spent, value);
        }

        /// Merging keeps shares and money.
        #[test]
        fn merging_keeps_shares_and_money(fills in prop::collection::vec((1_i64..1_000, 1_i64..100_000), 1..30)) {
            let fills: Vec<SliceFill> = fills.iter().map(|(q, p)| bought(*q as f64, *p as f64 / 100.0)).collect();
            let merged = merge(TradeKind::Buy, fills.iter()).unwrap();
            prop_assert_eq!(merged.quantity, fills.iter().map(|f| f.quantity).sum::<f64>());
            prop_assert!((merged.total - fills.iter().map(|f| f.total).sum::<f64>()).abs() <= 0.005 + 1e-6);
            prop_assert!((merged.unit_price - merged.total / merged.quantity).abs() <= 0.0051 + 1e-9);
            let (low, high) = fills.iter().fold((f64::MAX, 0.0_f64), |(l, h), f| (l.min(f.unit_price), h.max(f.unit_price)));
            prop_assert!(merged.unit_price >= low - 0.006 && merged.unit_price <= high + 0.006);
        }
    }
}
