//! Trades and order books of the simulated market as records.

use jiff::Timestamp;
use rust_decimal::Decimal;

use super::super::super::exchange::calendar::new_york;
use super::super::super::exchange::{Listing, SimExchange, Snapshot, find_listing};
use super::super::format::{date_text, exchange_of_price_code, fixed, percent, sign, signed_rate, time_text};
use crate::domain::clock::kst_datetime;
use crate::domain::instrument::{Exchange, Market};

/// Levels of a book.
const LEVELS: usize = 10;

/// One level: price and shares.
type Level = (Decimal, u64);

/// What a market subscription sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Trades,
    Book,
}

/// A subscription to one instrument, with what it showed last.
#[derive(Debug)]
pub(super) struct MarketWatch {
    kind: Kind,
    listing: &'static Listing,
    /// The key as the client wrote it.
    key: String,
    shown: Option<Shown>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Shown {
    session: jiff::civil::Date,
    price: Decimal,
    volume: u64,
    top: (Decimal, Decimal, u64, u64),
}

impl MarketWatch {
    /// The instrument behind a key; `None` when no such thing is listed.
    pub fn find(kind: Kind, market: Market, key: &str) -> Option<Self> {
        let (exchange, symbol) = match market {
            Market::Krx => (Exchange::Krx, key),
            Market::Us => (exchange_of_price_code(key.strip_prefix(['D', 'R'])?.get(..3)?)?, key.get(4..)?),
        };
        let listing = find_listing(symbol).filter(|listing| listing.exchange == exchange)?;
        Some(Self { kind, listing, key: key.to_owned(), shown: None })
    }

    /// The records that are due. The first look only takes note, as nothing is sent before something
    /// happens.
    pub fn look(&mut self, exchange: &mut SimExchange, now: Timestamp, split: bool) -> Vec<Vec<String>> {
        let Some(snapshot) = exchange.market.snapshot(self.listing, now) else { return Vec::new() };
        let Snapshot { bar, bid, ask, bid_size, ask_size, .. } = snapshot;
        let shown = Shown { session: bar.date, price: bar.close, volume: bar.volume, top: (bid, ask, bid_size, ask_size) };
        let Some(before) = self.shown.replace(shown) else { return Vec::new() };
        match self.kind {
            Kind::Trades if (before.price, before.volume) != (shown.price, shown.volume) => {
                let earlier = if before.session == shown.session { before.volume } else { 0 };
                let traded = shown.volume.saturating_sub(earlier).max(1);
                let parts = if split && traded > 1 { vec![traded / 2, traded - traded / 2] } else { vec![traded] };
                parts.into_iter().map(|part| self.trade(&snapshot, part, now)).collect()
            }
            Kind::Book if before.top != shown.top && self.is_open(exchange, now) => {
                let (bids, asks) = exchange.market.levels(self.listing, now, LEVELS);
                vec![self.book(&snapshot, &bids, &asks, now)]
            }
            _ => Vec::new(),
        }
    }

    /// Outside the session the book stands still.
    fn is_open(&self, exchange: &SimExchange, now: Timestamp) -> bool {
        exchange.market.calendar(self.listing.market()).running_session(now).is_some()
    }

    fn trade(&self, snapshot: &Snapshot, volume: u64, now: Timestamp) -> Vec<String> {
        match self.listing.exchange {
            Exchange::Krx => krx_trade(self.listing.symbol, snapshot, volume, now),
            _ => self.us_trade(snapshot, volume, now),
        }
    }

    fn book(&self, snapshot: &Snapshot, bids: &[Level], asks: &[Level], now: Timestamp) -> Vec<String> {
        match self.listing.exchange {
            Exchange::Krx => krx_book(self.listing.symbol, snapshot, bids, asks, now),
            _ => self.us_book(bids, asks, now),
        }
    }

    /// HDFSCNT0, 26 fields.
    fn us_trade(&self, snapshot: &Snapshot, volume: u64, now: Timestamp) -> Vec<String> {
        let Snapshot { bar, base, bid, ask, bid_size, ask_size, .. } = *snapshot;
        let change = bar.close - base;
        let price = |value: Decimal| fixed(value, 4);
        let mut fields = self.us_head(Some(date_text(bar.date)), now);
        fields.extend([price(bar.open), price(bar.high), price(bar.low), price(bar.close), sign(change), price(change.abs())]);
        fields.extend([signed_rate(change, base).trim().to_owned(), price(bid), price(ask), bid_size.to_string(), ask_size.to_string()]);
        fields.extend([volume.to_string(), bar.volume.to_string(), fixed(amount(snapshot), 0)]);
        fields.extend([(bar.volume / 2).to_string(), (bar.volume - bar.volume / 2).to_string(), "100.00".to_owned(), "1".to_owned()]);
        fields
    }

    /// HDFSASP0, 71 fields.
    fn us_book(&self, bids: &[Level], asks: &[Level], now: Timestamp) -> Vec<String> {
        let mut fields = self.us_head(None, now);
        fields.extend([total(bids).to_string(), total(asks).to_string(), "0".to_owned(), "0".to_owned()]);
        for level in 0..LEVELS {
            let at = |side: &[Level]| side.get(level).copied().unwrap_or_default();
            let ((bid, bid_size), (ask, ask_size)) = (at(bids), at(asks));
            fields.extend([fixed(bid, 4), fixed(ask, 4), bid_size.to_string(), ask_size.to_string(), "0".to_owned(), "0".to_owned()]);
        }
        fields
    }

    /// Key, symbol, decimals, business date where there is one, local and Korean time.
    fn us_head(&self, business_date: Option<String>, now: Timestamp) -> Vec<String> {
        let local = new_york(now);
        let korean = kst_datetime(now);
        let mut fields = vec![self.key.clone(), self.listing.symbol.to_owned(), "4".to_owned()];
        fields.extend(business_date);
        fields.extend([date_text(local.date()), time_text(local), date_text(korean.date()), time_text(korean)]);
        fields
    }
}

fn total(side: &[Level]) -> u64 {
    side.iter().map(|(_, shares)| shares).sum()
}

/// Amount traded, estimated from the middle between open and last.
fn amount(snapshot: &Snapshot) -> Decimal {
    (snapshot.bar.open + snapshot.bar.close) / Decimal::TWO * Decimal::from(snapshot.bar.volume)
}

/// H0STCNT0, 46 fields.
fn krx_trade(code: &str, snapshot: &Snapshot, volume: u64, now: Timestamp) -> Vec<String> {
    let Snapshot { bar, base, bid, ask, bid_size, ask_size, previous_volume, .. } = *snapshot;
    let won = |value: Decimal| fixed(value, 0);
    let rate = |part: Decimal, whole: Decimal| fixed(percent(part, whole), 2);
    let (change, time) = (bar.close - base, time_text(kst_datetime(now)));
    let average = if bar.volume == 0 { bar.close } else { amount(snapshot) / Decimal::from(bar.volume) };
    let bought = bar.volume / 2;
    let since = |price: Decimal| [sign(bar.close - price), won(bar.close - price)];
    let mut fields = vec![code.to_owned(), time, won(bar.close), sign(change), won(change), rate(change, base), fixed(average, 2)];
    fields.extend([bar.open, bar.high, bar.low, ask, bid].map(won));
    fields.extend([volume.to_string(), bar.volume.to_string(), won(amount(snapshot))]);
    fields.extend(["0", "0", "0", "100.00"].map(str::to_owned));
    fields.extend([(bar.volume - bought).to_string(), bought.to_string(), "1".to_owned(), "0.50".to_owned()]);
    fields.push(rate(Decimal::from(bar.volume), Decimal::from(previous_volume)));
    for (hour, price) in [("090000", bar.open), ("", bar.high), ("", bar.low)] {
        fields.push(hour.to_owned());
        fields.extend(since(price));
    }
    fields.extend([date_text(bar.date), "20".to_owned(), "N".to_owned()]);
    fields.extend([ask_size, bid_size, ask_size, bid_size].map(|shares| shares.to_string()));
    fields.extend(["0.00", "0", "0.00", "0", ""].map(str::to_owned));
    fields.push(won(base));
    fields
}

/// H0STASP0, 59 fields.
fn krx_book(code: &str, snapshot: &Snapshot, bids: &[Level], asks: &[Level], now: Timestamp) -> Vec<String> {
    let prices = |side: &[Level]| (0..LEVELS).map(|level| fixed(side.get(level).map_or(Decimal::ZERO, |(price, _)| *price), 0)).collect();
    let shares = |side: &[Level]| (0..LEVELS).map(|level| side.get(level).map_or(0, |(_, shares)| *shares).to_string()).collect();
    let parts: [Vec<String>; 4] = [prices(asks), prices(bids), shares(asks), shares(bids)];
    let mut fields = vec![code.to_owned(), time_text(kst_datetime(now)), "0".to_owned()];
    fields.extend(parts.into_iter().flatten());
    fields.extend([total(asks).to_string(), total(bids).to_string()]);
    // After-hours totals and the figures of the auctions.
    fields.extend(["0", "0", "0", "0", "0", "0", "3", "0.00"].map(str::to_owned));
    fields.push(snapshot.bar.volume.to_string());
    fields.extend(["0", "0", "0", "0", ""].map(str::to_owned));
    fields
}

#[cfg(test)]
mod tests {
    use rust_decimal::dec;
    use serde_json::Value;

    use super::super::super::super::exchange::Bar;
    use super::*;

    fn columns(tr_id: &str) -> usize {
        let path = std::env::var("EGGMONEY_BROKER_COLUMNS")
            .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/data-fixtures/brokers/kis-columns.json").to_owned());
        let all: Value = serde_json::from_str(&fs_err::read_to_string(path).unwrap()).unwrap();
        all[tr_id]["columns"].as_array().unwrap().len()
    }

    #[test]
    fn records_have_all_columns_of_the_broker() {
        let date = jiff::civil::date(2026, 7, 20);
        let bar = Bar { date, open: dec!(70500), high: dec!(71400), low: dec!(70300), close: dec!(71200), volume: 3_052_507 };
        let snapshot = Snapshot {
            bar,
            base: dec!(70300),
            previous_volume: 12_000_000,
            bid: dec!(71200),
            ask: dec!(71300),
            bid_size: 216,
            ask_size: 65,
        };
        let now = "2026-07-20T00:33:54Z".parse().unwrap();
        let trade = krx_trade("005930", &snapshot, 15, now);
        assert_eq!(trade.len(), columns("H0STCNT0"));
        assert_eq!((trade[1].as_str(), trade[2].as_str(), trade[12].as_str(), trade[33].as_str()), ("093354", "71200", "15", "20260720"));
        let book = krx_book("005930", &snapshot, &[(dec!(71200), 216)], &[(dec!(71300), 65)], now);
        assert_eq!(book.len(), columns("H0STASP0"));
        assert_eq!((book[3].as_str(), book[13].as_str(), book[23].as_str(), book[33].as_str()), ("71300", "71200", "65", "216"));
        let watch = MarketWatch::find(Kind::Trades, Market::Us, "DAMSSOXL").unwrap();
        assert_eq!(watch.us_trade(&snapshot, 15, now).len(), columns("HDFSCNT0"));
        assert_eq!(watch.us_book(&[], &[], now).len(), columns("HDFSASP0"));
    }

    #[test]
    fn only_what_is_listed_there_can_be_watched() {
        let found = |market, key| MarketWatch::find(Kind::Book, market, key).is_some();
        assert!(found(Market::Us, "DNASTQQQ") && found(Market::Us, "RBAQTQQQ"));
        assert!(!found(Market::Us, "DNYSTQQQ") && !found(Market::Us, "TQQQ") && !found(Market::Us, "") && !found(Market::Us, "D가나다라"));
        assert!(!found(Market::Krx, "TQQQ"), "no US symbol in the Korean market");
    }
}
