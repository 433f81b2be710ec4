//! Records of the broker's transactions as values. Positions are those of the broker's column lists.

use jiff::civil::{Date, Time};
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;

use super::super::parse::{parse_date, parse_time};
use super::topics::{Tr, exchange_of_key};
use crate::brokers::feed::{BookUpdate, NoticeKind, NoticeSubject, Trade};
use crate::brokers::{Level, OrderBook};
use crate::domain::clock::{from_kst, kst_date};
use crate::domain::instrument::{Exchange, Market};
use crate::domain::order::Side;

/// Levels of a book.
const LEVELS: usize = 10;

/// Prices of US notices are whole numbers with so many decimals implied.
const US_NOTICE_DECIMALS: u32 = 4;

/// A time without a date that lies farther than this from our own clock is not taken for an instant.
const PLAUSIBLE: SignedDuration = SignedDuration::from_hours(1);

/// A notice as it comes, before it is known whose it is.
#[derive(Debug, PartialEq)]
pub(super) struct Notice<'a> {
    /// Account number and product code together.
    pub account_no: &'a str,
    pub market: Market,
    pub order_no: &'a str,
    pub original_no: Option<&'a str>,
    pub symbol: &'a str,
    pub side: Side,
    pub subject: NoticeSubject,
    pub kind: NoticeKind,
    pub quantity: u64,
    pub price: Option<Decimal>,
    pub at: Timestamp,
}

/// Fewest fields that a record of the transaction can have.
pub(super) fn least_fields(tr: Tr) -> usize {
    match tr {
        Tr::KrxTrade => 46,
        Tr::KrxBook => 59,
        Tr::UsTrade => 26,
        // One level: what some exchanges send.
        Tr::UsBook => 17,
        Tr::KrxNotice => 26,
        Tr::UsNotice => 25,
    }
}

/// The fields of one record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'a>(pub &'a [&'a str]);

impl<'a> Record<'a> {
    fn text(self, index: usize) -> &'a str {
        self.0.get(index).map_or("", |text| text.trim())
    }

    fn named(self, index: usize, fault: &'static str) -> Result<&'a str, &'static str> {
        Some(self.text(index)).filter(|text| !text.is_empty()).ok_or(fault)
    }

    /// A plain number, padded with zeros or not.
    fn decimal(self, index: usize) -> Option<Decimal> {
        let text = self.text(index);
        let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b'-');
        text.parse().ok().filter(|_| plain)
    }

    fn price(self, index: usize) -> Result<Decimal, &'static str> {
        self.decimal(index).filter(|price| *price > Decimal::ZERO).ok_or("no price")
    }

    fn count(self, index: usize) -> Result<u64, &'static str> {
        self.text(index).parse().map_err(|_| "no count")
    }

    /// The instant of a Korean date and time.
    fn instant(self, date: usize, time: usize) -> Result<Timestamp, &'static str> {
        let date: Date = parse_date(self.text(date)).ok_or("no date")?;
        let time: Time = parse_time(self.text(time)).ok_or("no time")?;
        Ok(from_kst(date.to_datetime(time)))
    }

    /// The instant nearest to `now` at which a Korean clock shows the time; `now` when the field is
    /// blank or can be no Korean time of these minutes.
    fn near(self, time: usize, now: Timestamp) -> Timestamp {
        let Some(time) = parse_time(self.text(time)) else { return now };
        let today = kst_date(now);
        let days = [today.yesterday(), Ok(today), today.tomorrow()];
        let nearest = days.into_iter().flatten().map(|day| from_kst(day.to_datetime(time))).min_by_key(|at| at.duration_since(now).abs());
        nearest.filter(|at| at.duration_since(now).abs() <= PLAUSIBLE).unwrap_or(now)
    }

    fn level(self, price: usize, quantity: usize) -> Result<Option<Level>, &'static str> {
        match self.decimal(price) {
            // A level that nobody offers at is blank or zero.
            None if self.text(price).is_empty() => Ok(None),
            Some(price) if price.is_zero() => Ok(None),
            Some(price) if price > Decimal::ZERO => Ok(Some(Level { price, quantity: self.count(quantity)? })),
            _ => Err("no price"),
        }
    }
}

/// H0STCNT0.
pub(super) fn krx_trade(record: Record<'_>) -> Result<Trade, &'static str> {
    Ok(Trade {
        exchange: Exchange::Krx,
        symbol: record.named(0, "no code")?.to_owned(),
        price: record.price(2)?,
        volume: record.count(12)?,
        day_volume: record.count(13)?,
        at: record.instant(33, 1)?,
    })
}

/// HDFSCNT0.
pub(super) fn us_trade(record: Record<'_>) -> Result<Trade, &'static str> {
    Ok(Trade {
        exchange: exchange_of_key(record.text(0)).ok_or("an exchange that is not served")?,
        symbol: record.named(1, "no symbol")?.to_owned(),
        price: record.price(11)?,
        volume: record.count(19)?,
        day_volume: record.count(20)?,
        at: record.instant(6, 7)?,
    })
}

/// H0STASP0.
pub(super) fn krx_book(record: Record<'_>, now: Timestamp) -> Result<BookUpdate, &'static str> {
    let side = |price: usize, quantity: usize| {
        (0..LEVELS).filter_map(|level| record.level(price + level, quantity + level).transpose()).collect::<Result<Vec<_>, _>>()
    };
    Ok(BookUpdate {
        exchange: Exchange::Krx,
        symbol: record.named(0, "no code")?.to_owned(),
        book: OrderBook { asks: side(3, 23)?, bids: side(13, 33)? },
        at: record.near(1, now),
    })
}

/// HDFSASP0.
pub(super) fn us_book(record: Record<'_>) -> Result<BookUpdate, &'static str> {
    const FIRST_LEVEL: usize = 11;
    const LEVEL_FIELDS: usize = 6;
    let side = |price: usize, quantity: usize| {
        (0..LEVELS)
            .map(|level| FIRST_LEVEL + level * LEVEL_FIELDS)
            .filter_map(|level| record.level(level + price, level + quantity).transpose())
            .collect::<Result<Vec<_>, _>>()
    };
    Ok(BookUpdate {
        exchange: exchange_of_key(record.text(0)).ok_or("an exchange that is not served")?,
        symbol: record.named(1, "no symbol")?.to_owned(),
        book: OrderBook { bids: side(0, 2)?, asks: side(1, 3)? },
        at: record.instant(5, 6)?,
    })
}

/// H0STCNI0, H0STCNI9.
pub(super) fn krx_notice(record: Record<'_>, now: Timestamp) -> Result<Notice<'_>, &'static str> {
    let (subject, kind) = happened(record.text(5), record.text(12), record.text(13), record.text(14))?;
    Ok(Notice {
        account_no: record.named(1, "no account")?,
        market: Market::Krx,
        order_no: record.named(2, "no order number")?,
        original_no: original(record.text(3)),
        symbol: record.named(8, "no code")?,
        side: side(record.text(4))?,
        subject,
        kind,
        quantity: record.count(9)?,
        price: limit_or_fill(kind, record.decimal(10))?,
        at: record.near(11, now),
    })
}

/// H0GSCNI0, H0GSCNI9. Of foreign markets only the US are served.
pub(super) fn us_notice(record: Record<'_>, now: Timestamp) -> Result<Notice<'_>, &'static str> {
    if !matches!(record.text(18), "6" | "7" | "8") {
        return Err("a market that is not served");
    }
    let (subject, kind) = happened(record.text(5), record.text(11), record.text(12), record.text(13))?;
    // Whoever writes a point means it: then no decimals are implied.
    let price = record
        .decimal(9)
        .map(|price| if record.text(9).contains('.') { price } else { (price * Decimal::new(1, US_NOTICE_DECIMALS)).normalize() });
    Ok(Notice {
        account_no: record.named(1, "no account")?,
        market: Market::Us,
        order_no: record.named(2, "no order number")?,
        original_no: original(record.text(3)),
        symbol: record.named(7, "no symbol")?,
        side: side(record.text(4))?,
        subject,
        kind,
        quantity: record.count(8)?,
        price: limit_or_fill(kind, price)?,
        at: record.near(10, now),
    })
}

fn happened(amends: &str, refused: &str, filled: &str, accepted: &str) -> Result<(NoticeSubject, NoticeKind), &'static str> {
    let subject = match amends {
        "0" | "" => NoticeSubject::Order,
        "1" => NoticeSubject::Amendment,
        "2" => NoticeSubject::Cancellation,
        _ => return Err("neither order nor amendment nor cancellation"),
    };
    let kind = match (refused, filled, accepted) {
        ("1", _, _) => NoticeKind::Rejected,
        (_, "2", _) => NoticeKind::Filled,
        // What an immediate order leaves is cancelled by the exchange.
        (_, "1", "3") => NoticeKind::Cancelled,
        (_, "1", "2") if subject == NoticeSubject::Cancellation => NoticeKind::Cancelled,
        (_, "1", _) => NoticeKind::Accepted,
        _ => return Err("neither acceptance nor fill"),
    };
    Ok((subject, kind))
}

fn side(code: &str) -> Result<Side, &'static str> {
    match code {
        "01" | "03" => Ok(Side::Sell),
        "02" | "04" => Ok(Side::Buy),
        _ => Err("neither buy nor sell"),
    }
}

/// Blank or all zeros where there is no original.
fn original(number: &str) -> Option<&str> {
    (!number.bytes().all(|b| b == b'0')).then_some(number)
}

/// A fill has a price; other notices carry the limit, which is zero for orders at the market.
fn limit_or_fill(kind: NoticeKind, price: Option<Decimal>) -> Result<Option<Decimal>, &'static str> {
    match (kind, price.filter(|price| *price > Decimal::ZERO)) {
        (NoticeKind::Filled, None) => Err("a fill without a price"),
        (_, price) => Ok(price),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rust_decimal::dec;

    use super::super::frame::records;
    use super::*;

    const KRX_TRADE: &str = "005930^093354^71200^2^900^1.28^70954.12^70500^71400^70300^71300^71200^15^3052507^216589133900^31115^28842^-2273^94.33^1521874^1435646^5^0.47^23.53^090015^2^700^091030^5^-200^090016^2^900^20260720^20^N^65945^216924^1118750^2199206^0.05^2424142^125.92^0^^70500";
    const ACCEPTED: &str = "simuser1^5001234501^0000038614^^02^0^00^0^005930^0000000010^000071300^101502^0^1^1^00950^000000010^SIM^000000000^1^Y^^00^^삼성전자^000000000";
    const FILLED: &str = "simuser1^5001234501^0000038614^^02^0^00^0^005930^0000000003^000071200^101507^0^2^2^00950^000000010^SIM^000000000^1^Y^^00^^삼성전자^000071300";

    fn now() -> Timestamp {
        "2026-07-20T01:15:10Z".parse().unwrap()
    }

    fn only(tr: Tr, text: &str) -> Vec<&str> {
        records(text, 1, least_fields(tr)).unwrap().remove(0)
    }

    #[test]
    fn a_korean_trade_is_read() {
        let trade = krx_trade(Record(&only(Tr::KrxTrade, KRX_TRADE))).unwrap();
        assert_eq!((trade.symbol.as_str(), trade.price, trade.volume, trade.day_volume), ("005930", dec!(71200), 15, 3_052_507));
        assert_eq!(trade.at, "2026-07-20T00:33:54Z".parse().unwrap());
        assert_eq!(krx_trade(Record(&only(Tr::KrxTrade, &KRX_TRADE.replace("71200^2", "0^2")))), Err("no price"));
        assert_eq!(krx_trade(Record(&only(Tr::KrxTrade, &KRX_TRADE.replace("093354", "993354")))), Err("no time"));
    }

    #[test]
    fn a_us_trade_is_read() {
        let text = "DNASTQQQ^TQQQ^4^20260720^20260720^103001^20260720^233001^82.1000^84.0000^81.9000^83.4100^2^1.3000^1.58^83.4000^83.4200^120^80^15^40112233^3345612345^1^2^101.00^1";
        let trade = us_trade(Record(&only(Tr::UsTrade, text))).unwrap();
        assert_eq!((trade.exchange, trade.symbol.as_str(), trade.price, trade.volume), (Exchange::Nasdaq, "TQQQ", dec!(83.4100), 15));
        assert_eq!(trade.at, "2026-07-20T14:30:01Z".parse().unwrap());
        assert_eq!(us_trade(Record(&only(Tr::UsTrade, &text.replace("DNAS", "DHKS")))), Err("an exchange that is not served"));
    }

    #[test]
    fn books_keep_their_order_and_skip_empty_levels() {
        let mut fields = vec!["005930".to_owned(), "101502".to_owned(), "0".to_owned()];
        fields.extend((0..10).map(|n| if n < 3 { (71_300 + 100 * n).to_string() } else { "0".to_owned() }));
        fields.extend((0..10).map(|n| if n < 2 { (71_200 - 100 * n).to_string() } else { String::new() }));
        fields.extend((0..20).map(|n| (10 + n).to_string()));
        fields.resize(59, "0".to_owned());
        let text = fields.join("^");
        let update = krx_book(Record(&only(Tr::KrxBook, &text)), now()).unwrap();
        let level = |price, quantity| Level { price, quantity };
        assert_eq!(update.book.asks, [level(dec!(71300), 10), level(dec!(71400), 11), level(dec!(71500), 12)]);
        assert_eq!(update.book.bids, [level(dec!(71200), 20), level(dec!(71100), 21)]);
        assert_eq!(update.at, "2026-07-20T01:15:02Z".parse().unwrap());

        let text = "DAMSSOXL^SOXL^4^20260720^103001^20260720^233001^10^20^0^0^31.1900^31.2000^100^40^0^0^31.1800^31.2100^50^60^0^0";
        let update = us_book(Record(&only(Tr::UsBook, text))).unwrap();
        assert_eq!(update.book.bids, [level(dec!(31.1900), 100), level(dec!(31.1800), 50)]);
        assert_eq!(update.book.asks, [level(dec!(31.2000), 40), level(dec!(31.2100), 60)]);
    }

    #[test]
    fn korean_notices_are_read() {
        let accepted = only(Tr::KrxNotice, ACCEPTED);
        let accepted = krx_notice(Record(&accepted), now()).unwrap();
        assert_eq!((accepted.account_no, accepted.order_no, accepted.original_no), ("5001234501", "0000038614", None));
        assert_eq!((accepted.side, accepted.subject, accepted.kind), (Side::Buy, NoticeSubject::Order, NoticeKind::Accepted));
        assert_eq!((accepted.quantity, accepted.price), (10, Some(dec!(71300))));
        let filled = only(Tr::KrxNotice, FILLED);
        let filled = krx_notice(Record(&filled), now()).unwrap();
        assert_eq!((filled.kind, filled.quantity, filled.price), (NoticeKind::Filled, 3, Some(dec!(71200))));
        assert_eq!(filled.at, "2026-07-20T01:15:07Z".parse().unwrap());
        let unpadded = FILLED.replace("0000000003^000071200", "3^71200");
        let unpadded = only(Tr::KrxNotice, &unpadded);
        assert_eq!(krx_notice(Record(&unpadded), now()), Ok(filled), "with and without padding");
    }

    #[test]
    fn cancellations_and_refusals_are_told_apart() {
        for (amends, refused, filled, accepted, expected) in [
            ("2", "0", "1", "1", Ok((NoticeSubject::Cancellation, NoticeKind::Accepted))),
            ("2", "0", "1", "2", Ok((NoticeSubject::Cancellation, NoticeKind::Cancelled))),
            ("0", "0", "1", "3", Ok((NoticeSubject::Order, NoticeKind::Cancelled))),
            ("1", "0", "1", "2", Ok((NoticeSubject::Amendment, NoticeKind::Accepted))),
            ("1", "1", "1", "1", Ok((NoticeSubject::Amendment, NoticeKind::Rejected))),
            ("0", "1", "1", "1", Ok((NoticeSubject::Order, NoticeKind::Rejected))),
            ("0", "0", "7", "1", Err("neither acceptance nor fill")),
            ("5", "0", "1", "1", Err("neither order nor amendment nor cancellation")),
        ] {
            assert_eq!(happened(amends, refused, filled, accepted), expected);
        }
    }

    #[test]
    fn us_prices_have_four_implied_decimals() {
        let text = "simuser1^5001234501^0030138412^0000000000^01^0^2^TQQQ^0000000012^001480100^^0^2^2^01790^12^SIM^PROSHARES^6^10^^^^^";
        let filled = only(Tr::UsNotice, text);
        let filled = us_notice(Record(&filled), now()).unwrap();
        assert_eq!((filled.symbol, filled.quantity, filled.price), ("TQQQ", 12, Some(dec!(148.01))));
        assert_eq!((filled.original_no, filled.side, filled.at), (None, Side::Sell, now()));
        let with_point = text.replace("001480100", "148.0100");
        assert_eq!(us_notice(Record(&only(Tr::UsNotice, &with_point)), now()).unwrap().price, Some(dec!(148.01)));
        let tokyo = text.replace("PROSHARES^6", "PROSHARES^D");
        assert_eq!(us_notice(Record(&only(Tr::UsNotice, &tokyo)), now()), Err("a market that is not served"));
        let free = text.replace("001480100", "000000000");
        assert_eq!(us_notice(Record(&only(Tr::UsNotice, &free)), now()), Err("a fill without a price"));
    }

    #[test]
    fn a_time_of_day_is_the_nearest_one_or_our_own() {
        let at = |time: &'static str, now: &str| Record(&[time]).near(0, now.parse().unwrap()).to_string();
        assert_eq!(at("235958", "2026-07-20T15:00:01Z"), "2026-07-20T14:59:58Z", "just before Korean midnight");
        assert_eq!(at("000003", "2026-07-20T14:59:59Z"), "2026-07-20T15:00:03Z", "their clock is a little ahead");
        assert_eq!(at("103001", "2026-07-20T14:30:05Z"), "2026-07-20T14:30:05Z", "a New York time is no Korean one");
        assert_eq!(at("", "2026-07-20T14:30:05Z"), "2026-07-20T14:30:05Z");
    }

    proptest! {
        #[test]
        fn any_fields_are_read_or_refused(fields in proptest::collection::vec("[0-9A-Z.^\\PC]{0,12}", 0..80)) {
            let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
            let record = Record(&fields);
            let _ = (krx_trade(record), us_trade(record), krx_book(record, now()), us_book(record));
            let _ = (krx_notice(record, now()), us_notice(record, now()));
        }

        #[test]
        fn one_field_broken_harms_nothing_else(at in 0_usize..46, junk in "\\PC{0,12}") {
            let mut fields: Vec<&str> = KRX_TRADE.split('^').collect();
            fields[at] = &junk;
            if let Ok(trade) = krx_trade(Record(&fields)) {
                prop_assert!(trade.price > Decimal::ZERO && !trade.symbol.is_empty());
            }
        }
    }
}
