//! Which cycle a buy belongs to. From 9 December 2025 to the morning of 13 January 2026 the old
//! program stored each buy's own time as its cycle; the true start follows from the sells and the
//! open positions of the bot, which always carried it.

use std::collections::BTreeMap;

use jiff::civil::{DateTime, date};
use jiff::{SignedDuration, Timestamp};

use super::rows::{OldHistory, OldTrade};
use crate::domain::bot::TradeKind;
use crate::domain::clock::{from_kst, kst_date};

/// First and last Korean wall-clock moments of the quirk.
const QUIRK: (DateTime, DateTime) = (date(2025, 12, 9).at(0, 0, 0, 0), date(2026, 1, 13).at(8, 8, 0, 0));

struct Span {
    start: Timestamp,
    /// When the position was sold out; `None` while it is open.
    end: Option<Timestamp>,
}

/// The known cycles of all bots.
pub struct Cycles(BTreeMap<String, Vec<Span>>);

/// The cycle of one history row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CycleStart {
    /// As stored.
    Stored,
    /// Derived; the stored one is to be kept beside it.
    Derived(Timestamp),
    /// A row of the quirk that no known cycle covers.
    Unknown,
}

impl Cycles {
    /// Collects the cycles from sells and open positions; the calendar day tells cycles apart.
    pub fn new(history: &[OldHistory], trades: &[OldTrade]) -> Self {
        let mut spans: BTreeMap<(&str, jiff::civil::Date), Span> = BTreeMap::new();
        for row in history.iter().filter(|r| r.kind.is_sell()) {
            let span = spans.entry((&row.name, row.started.day())).or_insert(Span { start: row.started.at, end: None });
            span.start = span.start.min(row.started.at);
            if row.kind == TradeKind::Sell {
                span.end = Some(span.end.map_or(row.traded.at, |end| end.max(row.traded.at)));
            }
        }
        for trade in trades.iter().filter(|t| t.amount > 0.0) {
            let span = spans.entry((&trade.name, trade.started.day())).or_insert(Span { start: trade.started.at, end: None });
            span.end = None;
        }
        let mut cycles: BTreeMap<String, Vec<Span>> = BTreeMap::new();
        for ((name, _), span) in spans {
            cycles.entry(name.to_owned()).or_default().push(span);
        }
        Self(cycles)
    }

    /// The cycle of a row: the latest one of its bot that was open at the time of the trade.
    pub fn start_of(&self, row: &OldHistory) -> CycleStart {
        let in_quirk = row.kind.is_buy() && row.traded.at >= from_kst(QUIRK.0) && row.traded.at < from_kst(QUIRK.1);
        if !in_quirk {
            return CycleStart::Stored;
        }
        // The position's time was taken just before or after the buy's; one day tells cycles apart anyway.
        let slack = SignedDuration::from_secs(2);
        let open = self.0.get(&row.name).into_iter().flatten().rev().find(|span| {
            span.start <= row.traded.at.saturating_add(slack).unwrap_or(Timestamp::MAX) && span.end.is_none_or(|end| row.traded.at <= end)
        });
        match open {
            Some(span) if kst_date(span.start) == row.started.day() => CycleStart::Stored,
            Some(span) => CycleStart::Derived(span.start),
            None => CycleStart::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::importers::eggmoney::value::{Cell, OldTime};

    fn time(text: &str) -> OldTime {
        Cell::Text(text.to_owned()).time().unwrap()
    }

    fn row(kind: TradeKind, started: &str, traded: &str) -> OldHistory {
        OldHistory {
            name: "TQ_1".to_owned(),
            symbol: "TQQQ".to_owned(),
            kind,
            started: time(started),
            traded: time(traded),
            amount: Some(1.0),
            buy_price: 10.0,
            sell_price: 0.0,
            profit: 0.0,
            profit_rate: 0.0,
        }
    }

    fn open_since(started: &str) -> OldTrade {
        OldTrade {
            name: "TQ_1".to_owned(),
            symbol: "TQQQ".to_owned(),
            started: time(started),
            last: time(started),
            price: 10.0,
            amount: 1.0,
            total: 10.0,
            kind: TradeKind::Buy,
        }
    }

    #[test]
    fn buys_of_the_quirk_join_the_cycle_that_was_open() {
        let sold_out = row(TradeKind::Sell, "2025-11-07 05:30:30.47", "2025-12-20 05:30:00");
        let cycles = Cycles::new(&[sold_out], &[open_since("2025-12-22 05:30:10")]);
        let first = cycles.start_of(&row(TradeKind::Buy, "2025-12-12 05:30:00", "2025-12-12 05:30:00"));
        assert_eq!(first, CycleStart::Derived(time("2025-11-07 05:30:30.47").at));
        let second = cycles.start_of(&row(TradeKind::Buy, "2026-01-06 05:30:00", "2026-01-06 05:30:00"));
        assert_eq!(second, CycleStart::Derived(time("2025-12-22 05:30:10").at));
        // The first buy of a cycle is right as it is, although the position's time is a moment later.
        let opening = cycles.start_of(&row(TradeKind::Buy, "2025-12-22 05:30:09.9", "2025-12-22 05:30:09.9"));
        assert_eq!(opening, CycleStart::Stored);
        // Between the two cycles nothing was open.
        let between = cycles.start_of(&row(TradeKind::Buy, "2025-12-21 05:30:00", "2025-12-21 05:30:00"));
        assert_eq!(between, CycleStart::Unknown);
    }

    #[test]
    fn rows_outside_the_quirk_and_sells_stay_as_they_are() {
        let cycles = Cycles::new(&[], &[open_since("2025-11-07 05:30:00")]);
        for (kind, traded) in [
            (TradeKind::Buy, "2025-12-08 23:59:59"),
            (TradeKind::Buy, "2026-01-13 08:08:00"),
            (TradeKind::SellQuarter, "2025-12-20 05:30:00"),
        ] {
            assert_eq!(cycles.start_of(&row(kind, traded, traded)), CycleStart::Stored, "{traded}");
        }
        let last = "2026-01-13 08:07:59";
        assert_ne!(cycles.start_of(&row(TradeKind::Buy, last, last)), CycleStart::Stored);
    }
}
