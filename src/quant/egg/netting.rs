//! Netting: bots of one account that want the opposite of the same symbol trade with each other in
//! the books, at the current price, before anything goes to the broker.

use jiff::Timestamp;

use crate::domain::bot::{Bot, HistoryRow, Holding, Sheet, SliceFill, TradeKind};
use crate::domain::fact::BookingOrigin;
use crate::domain::id::SheetId;

use super::book::{self, BookIds, Booked};
use super::event::{EggEvent, Transfer};
use super::number::{cents, truncate};
use super::point::{shares_for, usable_price};

/// The books of one account that netting works on. Never of several accounts: a transfer between
/// owners would not be one (H-36).
#[derive(Clone, Debug, Default)]
pub struct Books {
    /// In bot order.
    pub bots: Vec<Bot>,
    pub holdings: Vec<Holding>,
    pub sheets: Vec<Sheet>,
    pub history: Vec<HistoryRow>,
}

/// Two sheets that meet.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    pub buy_sheet: SheetId,
    pub sell_sheet: SheetId,
    pub transfer: Transfer,
}

/// A sheet after netting.
#[derive(Clone, Debug, PartialEq)]
pub enum SheetAfter {
    Changed(Sheet),
    /// Used up: to be closed as netted.
    UsedUp(SheetId),
}

/// One pair as booked: both sides and both sheets, to be stored together.
#[derive(Clone, Debug, PartialEq)]
pub struct BookedPair {
    pub pair: Pair,
    pub buy: Booked,
    pub sell: Booked,
    pub sheets: [SheetAfter; 2],
}

/// The outcome of netting.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Netting {
    /// All pairs found, in booking order.
    pub pairs: Vec<Pair>,
    /// Those that could be booked.
    pub booked: Vec<BookedPair>,
    pub events: Vec<EggEvent>,
}

/// Nets an account's sheets and carries the outcome into `books`. `price_of` gives the current price
/// of a symbol, `ids` new ids for the rows of one booking.
pub fn net(books: &mut Books, price_of: impl Fn(&str) -> Option<f64>, ids: &mut dyn FnMut() -> BookIds, now: Timestamp) -> Netting {
    let mut events = vec![EggEvent::NettingSearch { sheets: books.sheets.len() as i64 }];
    // Sheets are rounded when they are taken up, not between the pairs of one run.
    for sheet in &mut books.sheets {
        sheet.remaining = cents(sheet.remaining);
        sheet.total = cents(sheet.total);
    }
    let pairs = find_pairs(&books.sheets, price_of, &mut events);
    if pairs.is_empty() {
        events.push(EggEvent::NettingNone {});
        return Netting { pairs, booked: Vec::new(), events };
    }
    events.push(EggEvent::NettingFound { transfers: pairs.iter().map(|pair| pair.transfer.clone()).collect() });
    let mut booked = Vec::new();
    for pair in &pairs {
        if let Some(done) = book_pair(books, pair, ids, now, &mut events) {
            booked.push(done);
        }
    }
    events.push(EggEvent::NettingFinished { booked: booked.len() as i64 });
    Netting { pairs, booked, events }
}

/// The pairs, without booking anything: for the preview.
pub fn find_pairs(sheets: &[Sheet], price_of: impl Fn(&str) -> Option<f64>, events: &mut Vec<EggEvent>) -> Vec<Pair> {
    let mut by_name: Vec<&Sheet> = sheets.iter().collect();
    by_name.sort_by(|a, b| a.name.cmp(&b.name));
    // Symbols in the order in which the sheets, by name, bring them up.
    let mut symbols: Vec<&str> = Vec::new();
    for sheet in &by_name {
        if !symbols.contains(&sheet.symbol.as_str()) {
            symbols.push(&sheet.symbol);
        }
    }
    let mut pairs = Vec::new();
    for symbol in symbols {
        let of_symbol = || by_name.iter().copied().filter(|sheet| sheet.symbol == symbol);
        let buys: Vec<&Sheet> = of_symbol().filter(|sheet| sheet.kind.is_buy()).collect();
        let sells: Vec<&Sheet> = of_symbol().filter(|sheet| sheet.kind.is_sell()).collect();
        if buys.is_empty() || sells.is_empty() {
            continue;
        }
        match usable_price(price_of(symbol)) {
            Some(price) => pairs.extend(pairs_of_symbol(&buys, &sells, price)),
            None => events.push(EggEvent::NettingNoPrice { symbol: symbol.to_owned() }),
        }
    }
    pairs
}

/// Takes the largest possible transfer again and again; the first found wins ties.
fn pairs_of_symbol(buys: &[&Sheet], sells: &[&Sheet], price: f64) -> Vec<Pair> {
    let mut wanted: Vec<(&Sheet, i64)> = buys.iter().map(|sheet| (*sheet, shares_for(cents(sheet.remaining), price))).collect();
    let mut offered: Vec<(&Sheet, i64)> = sells.iter().map(|sheet| (*sheet, truncate(cents(sheet.remaining)))).collect();
    let mut pairs = Vec::new();
    loop {
        let mut best: Option<(usize, usize, i64)> = None;
        for (b, (_, want)) in wanted.iter().enumerate() {
            for (s, (_, offer)) in offered.iter().enumerate() {
                let quantity = (*want).min(*offer);
                if quantity > best.map_or(0, |(_, _, most)| most) {
                    best = Some((b, s, quantity));
                }
            }
        }
        let Some((b, s, quantity)) = best else { return pairs };
        let (Some(buy), Some(sell)) = (wanted.get_mut(b), offered.get_mut(s)) else { return pairs };
        buy.1 -= quantity;
        sell.1 -= quantity;
        pairs.push(Pair {
            buy_sheet: buy.0.id,
            sell_sheet: sell.0.id,
            transfer: Transfer { symbol: buy.0.symbol.clone(), buyer: buy.0.name.clone(), seller: sell.0.name.clone(), quantity, price },
        });
    }
}

/// Books one pair: both sides and both sheets, or nothing at all (H-15).
fn book_pair(
    books: &mut Books,
    pair: &Pair,
    ids: &mut dyn FnMut() -> BookIds,
    now: Timestamp,
    events: &mut Vec<EggEvent>,
) -> Option<BookedPair> {
    let transfer = &pair.transfer;
    let sheet = |id: SheetId| books.sheets.iter().find(|sheet| sheet.id == id).cloned();
    let (mut buy_sheet, mut sell_sheet) = (sheet(pair.buy_sheet)?, sheet(pair.sell_sheet)?);
    let bot_of = |sheet: &Sheet| books.bots.iter().find(|bot| Some(bot.id) == sheet.bot_id).cloned();
    let (buyer, seller) = match (bot_of(&buy_sheet), bot_of(&sell_sheet)) {
        (Some(buyer), Some(seller)) => (buyer, seller),
        (buyer, seller) => {
            let missing = [(buyer, &transfer.buyer), (seller, &transfer.seller)];
            let missing = missing.into_iter().filter(|(bot, _)| bot.is_none()).map(|(_, name)| name.clone()).collect();
            events.push(EggEvent::NettingBotMissing { transfer: transfer.clone(), missing });
            return None;
        }
    };
    let quantity = transfer.quantity as f64;
    let value = quantity * transfer.price;
    events.push(EggEvent::NettingPairStart { transfer: transfer.clone(), value: cents(value) });

    let held = |bot: &Bot| books.holdings.iter().filter(|h| h.bot_id == Some(bot.id) && !h.reserve).cloned().collect::<Vec<_>>();
    let seller_holdings = held(&seller);
    let offered: f64 = seller_holdings.iter().fold(0.0, |sum, holding| sum + holding.quantity);
    if offered < quantity {
        let reason = format!("{} holds {offered} shares of {} and cannot sell {quantity}", transfer.seller, transfer.symbol);
        events.push(EggEvent::NettingPairFailed { transfer: transfer.clone(), reason });
        return None;
    }
    let fill = |kind: TradeKind| SliceFill { kind, quantity, unit_price: cents(transfer.price), total: cents(value) };
    // A full sell stays one only if this transfer uses up its sheet.
    let sell_kind = match sell_sheet.kind {
        TradeKind::Sell if sell_sheet.remaining - quantity > 0.0 => TradeKind::SellPart,
        kind => kind,
    };
    let history: Vec<HistoryRow> = books.history.iter().filter(|row| row.bot_id == Some(seller.id)).cloned().collect();
    let buy = book::buy(&buyer, &held(&buyer), &fill(buy_sheet.kind), BookingOrigin::Netting, ids(), now)?;
    let sell = book::sell(&seller, &seller_holdings, &history, &fill(sell_kind), BookingOrigin::Netting, ids(), now)?;

    events.extend(sell.events.iter().cloned());
    events.push(EggEvent::NettingPairDone { transfer: transfer.clone(), value: cents(value) });
    reduce(&mut buy_sheet, value);
    reduce(&mut sell_sheet, quantity);
    events.push(EggEvent::NettingBuyOrderUpdated {
        bot: buy_sheet.name.clone(),
        symbol: buy_sheet.symbol.clone(),
        remaining: buy_sheet.remaining,
    });
    events.push(EggEvent::NettingSellOrderUpdated {
        bot: sell_sheet.name.clone(),
        symbol: sell_sheet.symbol.clone(),
        remaining: sell_sheet.remaining,
    });
    let sheets = [buy_sheet, sell_sheet].map(|sheet| {
        if sheet.remaining > 0.0 {
            return SheetAfter::Changed(sheet);
        }
        events.push(EggEvent::NettingOrderDeleted { bot: sheet.name.clone(), symbol: sheet.symbol.clone(), kind: sheet.kind });
        SheetAfter::UsedUp(sheet.id)
    });
    let done = BookedPair { pair: pair.clone(), buy, sell, sheets };
    done.put(books);
    Some(done)
}

fn reduce(sheet: &mut Sheet, by: f64) {
    sheet.remaining -= by;
    sheet.total -= by;
}

impl BookedPair {
    /// Carries the pair into books in memory.
    pub fn put(&self, books: &mut Books) {
        for side in [&self.buy, &self.sell] {
            let Some(booking) = &side.booking else { continue };
            if let Some(bot) = books.bots.iter_mut().find(|bot| bot.id == booking.bot_id) {
                side.put(bot, &mut books.holdings);
            }
            books.history.push(booking.history.clone());
        }
        for after in &self.sheets {
            match after {
                SheetAfter::UsedUp(id) => books.sheets.retain(|sheet| sheet.id != *id),
                SheetAfter::Changed(changed) => {
                    if let Some(sheet) = books.sheets.iter_mut().find(|sheet| sheet.id == changed.id) {
                        *sheet = changed.clone();
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{holding_of, ids, instant, named_bot, sheet_of};
    use super::*;
    use proptest::prelude::*;

    /// Bots with what they hold and the sheet that each wants: positive shares to sell, negative USD to buy.
    fn books(wishes: &[(f64, f64)]) -> Books {
        let mut books = Books::default();
        for (number, (held, wish)) in (1_u128..).zip(wishes) {
            let bot = named_bot(&format!("TQ_{number}"), number);
            if *held > 0.0 {
                books.holdings.push(holding_of(&bot, number, *held, 9.0));
            }
            let kind = if *wish > 0.0 { TradeKind::SellQuarter } else { TradeKind::Buy };
            books.sheets.push(sheet_of(&bot, kind, wish.abs(), 5));
            books.bots.push(bot);
        }
        books
    }

    fn run(books: &mut Books) -> Netting {
        let mut next = 0;
        let mut new_ids = || {
            next += 1;
            ids(next)
        };
        net(books, |_| Some(10.0), &mut new_ids, instant(1))
    }

    #[test]
    fn the_largest_transfer_goes_first() {
        let mut books = books(&[(50.0, 20.0), (0.0, -100.0), (0.0, -155.0)]);
        let netting = run(&mut books);
        let transfers: Vec<(&str, i64)> = netting.pairs.iter().map(|p| (p.transfer.buyer.as_str(), p.transfer.quantity)).collect();
        assert_eq!(transfers, [("TQ_3", 15), ("TQ_2", 5)]);
        assert_eq!(
            books.sheets.iter().map(|sheet| (sheet.name.as_str(), sheet.remaining)).collect::<Vec<_>>(),
            [("TQ_2", 50.0), ("TQ_3", 5.0)]
        );
    }

    #[test]
    fn a_pair_that_cannot_be_booked_changes_nothing() {
        let mut short = books(&[(3.0, 20.0), (0.0, -100.0)]);
        let before = short.clone();
        let netting = run(&mut short);
        assert!(netting.booked.is_empty());
        assert!(netting.events.iter().any(|event| event.code() == "NETTING_PAIR_FAILED"));
        assert_eq!((&short.holdings, &short.sheets, &short.bots), (&before.holdings, &before.sheets, &before.bots));

        let mut orphaned = books(&[(30.0, 20.0), (0.0, -100.0)]);
        orphaned.bots.remove(1);
        let before = orphaned.clone();
        let netting = run(&mut orphaned);
        assert!(netting.events.iter().any(|event| event.code() == "NETTING_BOT_MISSING"));
        assert_eq!((orphaned.holdings, orphaned.sheets), (before.holdings, before.sheets));
    }

    #[test]
    fn a_full_sell_stays_one_only_when_it_is_used_up() {
        let full = |held: f64, dollars: f64| {
            let mut books = books(&[(held, held), (0.0, -dollars)]);
            books.sheets[0].kind = TradeKind::Sell;
            run(&mut books);
            books.history.iter().find(|row| row.kind.is_sell()).map(|row| row.kind)
        };
        assert_eq!(full(20.0, 100.0), Some(TradeKind::SellPart));
        assert_eq!(full(10.0, 100.0), Some(TradeKind::Sell));
    }

    proptest! {
        /// Netting moves shares between bots and keeps their number; what leaves a sheet was booked.
        #[test]
        fn netting_conserves_shares_and_money(
            wishes in prop::collection::vec((1_i64..200, any::<bool>(), 1_i64..300), 2..9),
        ) {
            let wishes: Vec<(f64, f64)> =
                wishes.iter().map(|(held, sells, wish)| (*held as f64, if *sells { *wish as f64 } else { -10.0 * *wish as f64 })).collect();
            let mut after = books(&wishes);
            let before = after.clone();
            let netting = run(&mut after);
            let shares = |books: &Books| books.holdings.iter().map(|h| h.quantity).sum::<f64>();
            prop_assert_eq!(shares(&after), shares(&before));
            let wanted = |books: &Books, buys: bool| {
                books.sheets.iter().filter(|s| s.kind.is_buy() == buys).map(|s| s.remaining).sum::<f64>()
            };
            let moved: f64 = netting.booked.iter().map(|b| b.pair.transfer.quantity as f64).sum();
            prop_assert_eq!(wanted(&before, false) - wanted(&after, false), moved);
            prop_assert_eq!(wanted(&before, true) - wanted(&after, true), moved * 10.0);
            prop_assert_eq!(after.history.len(), 2 * netting.booked.len());
            prop_assert!(after.holdings.iter().all(|h| h.quantity > 0.0));
        }
    }
}
