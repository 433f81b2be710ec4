//! Trading sessions of a day as data. Only regular sessions are traded so far; the others stand here
//! so that they can follow. Days, holidays and special hours are the calendar's (`domain::calendar`).

use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::domain::instrument::Market;
use crate::domain::order::Venue;

/// What kind of trading a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SessionKind {
    /// KRX: orders are collected for the opening auction.
    OpeningAuction,
    Regular,
    /// KRX: the last minutes of the regular session; orders are collected for the closing price.
    ClosingAuction,
    /// KRX before the open: trades at the previous close.
    PreviousClosePrice,
    /// KRX after the close: trades at today's close.
    ClosePrice,
    /// KRX in the evening: an auction every ten minutes.
    SinglePrice,
    /// Before and after the regular session (US; Nextrade).
    Pre,
    After,
    /// US shares during the Korean day.
    Day,
}

/// Whose clock the hours are on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zone {
    Korea,
    NewYork,
}

/// A session of every trading day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionHours {
    pub kind: SessionKind,
    /// Where it runs; `None` = the market's only venue.
    pub venue: Option<Venue>,
    pub zone: Zone,
    /// Wall-clock time, included.
    pub opens: Time,
    /// Wall-clock time, excluded.
    pub closes: Time,
}

impl SessionHours {
    /// Whether a wall-clock time of the session's zone lies in it.
    pub fn contains(&self, time: Time) -> bool {
        self.opens <= time && time < self.closes
    }
}

const fn hours(kind: SessionKind, venue: Option<Venue>, zone: Zone, opens: (i8, i8, i8), closes: (i8, i8, i8)) -> SessionHours {
    let (open, close) = (Time::constant(opens.0, opens.1, opens.2, 0), Time::constant(closes.0, closes.1, closes.2, 0));
    SessionHours { kind, venue, zone, opens: open, closes: close }
}

const KRX: Option<Venue> = Some(Venue::Krx);
const NXT: Option<Venue> = Some(Venue::Nxt);

/// Korea, in order of venue and time. A special day (first of the year, entrance exam) moves them.
static KOREA: [SessionHours; 9] = [
    hours(SessionKind::PreviousClosePrice, KRX, Zone::Korea, (8, 30, 0), (8, 40, 0)),
    hours(SessionKind::OpeningAuction, KRX, Zone::Korea, (8, 30, 0), (9, 0, 0)),
    hours(SessionKind::Regular, KRX, Zone::Korea, (9, 0, 0), (15, 30, 0)),
    hours(SessionKind::ClosingAuction, KRX, Zone::Korea, (15, 20, 0), (15, 30, 0)),
    hours(SessionKind::ClosePrice, KRX, Zone::Korea, (15, 40, 0), (16, 0, 0)),
    hours(SessionKind::SinglePrice, KRX, Zone::Korea, (16, 0, 0), (18, 0, 0)),
    hours(SessionKind::Pre, NXT, Zone::Korea, (8, 0, 0), (8, 50, 0)),
    hours(SessionKind::Regular, NXT, Zone::Korea, (9, 0, 30), (15, 20, 0)),
    hours(SessionKind::After, NXT, Zone::Korea, (15, 40, 0), (20, 0, 0)),
];

/// The US; the day market is the Korean broker's own.
static US: [SessionHours; 4] = [
    hours(SessionKind::Pre, None, Zone::NewYork, (4, 0, 0), (9, 30, 0)),
    hours(SessionKind::Regular, None, Zone::NewYork, (9, 30, 0), (16, 0, 0)),
    hours(SessionKind::After, None, Zone::NewYork, (16, 0, 0), (20, 0, 0)),
    hours(SessionKind::Day, None, Zone::Korea, (10, 0, 0), (18, 0, 0)),
];

/// How long before its open KRX takes orders for the opening auction.
pub const OPENING_AUCTION: SignedDuration = SignedDuration::from_mins(30);
/// How long before the US open orders for the opening price are taken: the pre-market's length.
pub const US_PRE_MARKET: SignedDuration = SignedDuration::from_mins(330);

/// The sessions of a market's trading day.
pub fn of(market: Market) -> &'static [SessionHours] {
    match market {
        Market::Krx => &KOREA,
        Market::Us => &US,
    }
}

/// The sessions of a market whose hours contain an instant, holidays not considered.
pub fn at(market: Market, at: Timestamp, new_york: &TimeZone) -> Vec<&'static SessionHours> {
    let local = |zone: Zone| -> DateTime {
        match zone {
            Zone::Korea => crate::domain::clock::kst_datetime(at),
            Zone::NewYork => new_york.to_datetime(at),
        }
    };
    of(market).iter().filter(|session| session.contains(local(session.zone).time())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::Calendar;
    use jiff::civil::date;

    fn kinds(market: Market, instant: &str) -> Vec<(SessionKind, Option<Venue>)> {
        let zone = TimeZone::get("America/New_York").unwrap();
        at(market, instant.parse().unwrap(), &zone).iter().map(|session| (session.kind, session.venue)).collect()
    }

    #[test]
    fn sessions_of_a_korean_day() {
        use SessionKind::*;
        let day = |time: &str| kinds(Market::Krx, &format!("2026-05-14T{time}+09:00"));
        assert_eq!(day("07:59:59"), []);
        assert_eq!(day("08:35:00"), [(PreviousClosePrice, KRX), (OpeningAuction, KRX), (Pre, NXT)]);
        assert_eq!(day("09:00:00"), [(Regular, KRX)]);
        assert_eq!(day("15:20:00"), [(Regular, KRX), (ClosingAuction, KRX)]);
        assert_eq!(day("15:30:00"), []);
        assert_eq!(day("17:00:00"), [(SinglePrice, KRX), (After, NXT)]);
        assert_eq!(day("20:00:00"), []);
    }

    #[test]
    fn us_sessions_follow_new_york_and_the_day_market_korea() {
        use SessionKind::*;
        let at = |instant: &str| kinds(Market::Us, instant).into_iter().map(|(kind, _)| kind).collect::<Vec<_>>();
        assert_eq!(at("2026-05-14T13:29:59Z"), [Pre]);
        assert_eq!(at("2026-05-14T13:30:00Z"), [Regular]);
        assert_eq!(at("2026-01-14T14:00:00Z"), [Pre]);
        assert_eq!(at("2026-05-14T20:00:00Z"), [After]);
        assert_eq!(at("2026-05-14T03:00:00Z"), [Day]);
    }

    #[test]
    fn the_regular_hours_are_the_calendars() {
        for (market, day) in [(Market::Krx, date(2026, 5, 14)), (Market::Us, date(2026, 5, 14))] {
            let session = Calendar::of(market).unwrap().session_on(day).unwrap().unwrap();
            let hours = of(market).iter().find(|hours| hours.kind == SessionKind::Regular).unwrap();
            let zone = match hours.zone {
                Zone::Korea => crate::domain::clock::kst(),
                Zone::NewYork => TimeZone::get("America/New_York").unwrap(),
            };
            assert_eq!((zone.to_datetime(session.open).time(), zone.to_datetime(session.close).time()), (hours.opens, hours.closes));
        }
    }

    #[test]
    fn no_session_of_one_venue_and_kind_overlaps_another_of_it() {
        for market in [Market::Krx, Market::Us] {
            for (index, first) in of(market).iter().enumerate() {
                assert!(first.opens < first.closes, "{first:?}");
                for second in of(market).iter().skip(index + 1).filter(|second| second.venue == first.venue && second.kind == first.kind) {
                    assert!(first.closes <= second.opens, "{first:?} {second:?}");
                }
            }
        }
    }
}
