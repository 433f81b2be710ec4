use super::super::calendar::{KrxWeekdayCalendar, WeekdayCalendar};
use super::super::listing::{LISTINGS, find_listing};
use super::*;
use jiff::civil::date;
use rust_decimal::dec;

fn model(seed: u64) -> MarketModel {
    let config = ModelConfig {
        seed,
        anchor_date: date(2026, 5, 14),
        anchor_prices: BTreeMap::from([("TQQQ".to_owned(), 138.0)]),
        displayed: (40, 400),
    };
    MarketModel::new(config, Calendars { us: Arc::new(WeekdayCalendar), krx: Arc::new(KrxWeekdayCalendar) })
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn the_anchor_price_is_the_close_of_the_anchor_session() {
    let mut model = model(1);
    let tqqq = find_listing("TQQQ").unwrap();
    assert_eq!(model.price(tqqq, at("2026-05-14T20:00:00Z")), dec!(138.00));
    assert_eq!(model.price(tqqq, at("2026-05-15T12:00:00Z")), dec!(138.00));
    assert_eq!(model.snapshot(tqqq, at("2026-05-15T15:00:00Z")).unwrap().base, dec!(138.00));
}

#[test]
fn prices_do_not_depend_on_the_order_of_questions() {
    let (mut forward, mut backward) = (model(5), model(5));
    let instants: Vec<Timestamp> = (0..200).map(|i| at_second(at("2026-03-02T00:00:00Z").as_second() + i * 40_011)).collect();
    for listing in &LISTINGS {
        let there: Vec<Decimal> = instants.iter().map(|at| forward.price(listing, *at)).collect();
        let mut back: Vec<Decimal> = instants.iter().rev().map(|at| backward.price(listing, *at)).collect();
        back.reverse();
        assert_eq!(there, back, "{}", listing.symbol);
    }
    let other = model(6).price(find_listing("TQQQ").unwrap(), at("2026-06-15T15:00:00Z"));
    assert_ne!(forward.price(find_listing("TQQQ").unwrap(), at("2026-06-15T15:00:00Z")), other);
}

#[test]
fn daily_bars_agree_with_the_prices_of_their_session() {
    let mut model = model(9);
    let now = at("2026-06-30T18:00:00Z");
    for symbol in ["TQQQ", "SQQQ", "BITU"] {
        let listing = find_listing(symbol).unwrap();
        let bars = model.bars(listing, date(2026, 6, 30), 320, now);
        assert_eq!(bars.len(), 320);
        for bar in bars.iter().skip(1).take(25) {
            let session = WeekdayCalendar.session_on(bar.date).unwrap();
            assert_eq!(bar.close, model.price(listing, session.close), "{symbol} {}", bar.date);
            assert_eq!(bar.open, model.price(listing, session.open));
            let (mut high, mut low) = (bar.open, bar.open);
            for second in (session.open.as_second()..=session.close.as_second()).step_by(13) {
                let price = model.price(listing, at_second(second));
                high = high.max(price);
                low = low.min(price);
            }
            assert!(high <= bar.high && low >= bar.low, "{symbol} {}: {high} {low} against {bar:?}", bar.date);
            // Sampled every 13 s the extremes are met to a small part of a percent.
            assert!(bar.high - high < bar.high * dec!(0.002) && low - bar.low < bar.low * dec!(0.002), "{symbol} {}", bar.date);
        }
        for pair in bars.windows(2) {
            assert!(pair[0].date > pair[1].date);
        }
        let snapshot = model.snapshot(listing, now).unwrap();
        assert_eq!(snapshot.bar, bars[0]);
        assert_eq!(snapshot.base, bars[1].close);
        assert_eq!(snapshot.previous_volume, bars[1].volume);
        assert!(snapshot.bid < snapshot.bar.close && snapshot.bar.close < snapshot.ask);
    }
}

#[test]
fn a_leveraged_fund_moves_by_its_multiple_of_the_index_every_day() {
    let mut model = model(11);
    let now = at("2026-07-30T21:00:00Z");
    for (fund, index, multiple) in [("TQQQ", "QQQ", 3.0), ("SOXL", "SOXX", 3.0), ("BITU", "BITO", 2.0), ("SQQQ", "QQQ", -3.0)] {
        let mut returns = |symbol: &str| -> Vec<f64> {
            let bars = model.bars(find_listing(symbol).unwrap(), date(2026, 7, 30), 60, now);
            bars.windows(2).map(|pair| (pair[0].close / pair[1].close).to_f64().unwrap() - 1.0).collect()
        };
        let (fund_returns, index_returns) = (returns(fund), returns(index));
        for (fund_return, index_return) in fund_returns.iter().zip(&index_returns) {
            // Closes are rounded to cents, which matters most for the cheapest index.
            assert!((fund_return - multiple * index_return).abs() < 0.004, "{fund}: {fund_return} {index_return}");
        }
    }
}

#[test]
fn days_are_quiet_and_wild_and_open_with_gaps() {
    let mut model = model(2);
    let bars = model.bars(find_listing("QQQ").unwrap(), date(2026, 5, 14), 500, at("2026-05-14T21:00:00Z"));
    let moves: Vec<f64> = bars.windows(2).map(|pair| ((pair[0].close / pair[1].close).to_f64().unwrap() - 1.0).abs()).collect();
    let quiet = moves.iter().filter(|m| **m < 0.003).count();
    let wild = moves.iter().filter(|m| **m > 0.02).count();
    let gaps = bars.windows(2).filter(|pair| ((pair[0].open / pair[1].close).to_f64().unwrap() - 1.0).abs() > 0.004).count();
    assert!(quiet > 50 && wild > 15 && gaps > 80, "{quiet} quiet, {wild} wild, {gaps} gaps");
}

#[test]
fn the_first_touch_is_the_first_second_that_a_scan_finds() {
    let mut model = model(4);
    let soxl = find_listing("SOXL").unwrap();
    let session = WeekdayCalendar.session_on(date(2026, 5, 20)).unwrap();
    let start = at_second(session.open.as_second() + 600);
    let price = model.price(soxl, start);
    let mut found = 0;
    for percent in [-3_i64, -2, -1, 1, 2, 3] {
        let limit = (price * (Decimal::ONE + Decimal::new(percent, 3) * Decimal::TWO)).round_dp(2);
        for side in [Side::Buy, Side::Sell] {
            let scanned = (start.as_second()..session.close.as_second()).map(at_second).find(|at| match side {
                Side::Buy => model.touch(soxl, side, *at) <= limit,
                Side::Sell => model.touch(soxl, side, *at) >= limit,
            });
            assert_eq!(model.first_touch(soxl, side, limit, start, session.close), scanned, "{side:?} {limit}");
            found += usize::from(scanned.is_some_and(|at| at > start));
        }
    }
    assert!(found > 0, "no limit of the test was reached later than at once");
}

#[test]
fn a_pinned_price_holds_until_it_is_let_go() {
    let mut model = model(1);
    let tqqq = find_listing("TQQQ").unwrap();
    let now = at("2026-05-15T15:00:00Z");
    let free = model.price(tqqq, now);
    model.pin(tqqq, Some(dec!(99.5)));
    assert_eq!(model.snapshot(tqqq, now).unwrap().bar.close, dec!(99.5));
    assert_eq!(model.bid_ask(tqqq, now), (dec!(99.49), dec!(99.51)));
    model.pin(tqqq, None);
    assert_eq!(model.price(tqqq, now), free);
}

#[test]
fn korean_prices_are_won_on_ticks_within_the_days_limits() {
    let mut model = model(13);
    let now = at("2026-07-30T07:00:00Z");
    for symbol in ["005930", "000660", "035720", "069500", "122630", "252670"] {
        let listing = find_listing(symbol).unwrap();
        assert_eq!(model.price(listing, at("2026-05-14T06:30:00Z")).to_f64().unwrap(), listing.price, "{symbol}");
        for bar in model.bars(listing, date(2026, 7, 30), 60, now) {
            let (low, high) = model.limits(listing, bar.date);
            for price in [bar.open, bar.high, bar.low, bar.close] {
                assert!(tick::is_on_tick(Market::Krx, listing.krx_fund, price), "{symbol} {price}");
                assert!(price >= low && price <= high, "{symbol} {} {price} outside {low} to {high}", bar.date);
            }
        }
    }
    // Seoul opens while New York sleeps, on its own noise.
    let samsung = find_listing("005930").unwrap();
    let closed = model.price(samsung, at("2026-05-15T00:00:00Z"));
    assert!((0..30).any(|minute| model.price(samsung, at_second(at("2026-05-15T00:00:00Z").as_second() + 60 * minute)) != closed));
}

#[test]
fn minutes_join_and_add_up_to_the_day() {
    let mut model = model(3);
    let kodex = find_listing("069500").unwrap();
    let close = at("2026-05-15T06:30:00Z");
    let minutes = model.minutes(kodex, close, 1000);
    assert_eq!(minutes.len(), 390);
    let bar = model.bars(kodex, date(2026, 5, 15), 1, close)[0];
    let total: u64 = minutes.iter().map(|minute| minute.volume).sum();
    assert_eq!((total, minutes[0].volume_so_far), (bar.volume, bar.volume));
    assert_eq!(minutes[389].open, bar.open);
    assert!(minutes.iter().map(|minute| minute.high).max().unwrap() <= bar.high);
    assert!(minutes.windows(2).all(|pair| pair[0].at.as_second() - pair[1].at.as_second() == 60));
    // The running minute ends now.
    let part = model.minutes(kodex, at("2026-05-15T01:00:30Z"), 2);
    assert_eq!((part[0].at, part[0].close), (at("2026-05-15T01:00:00Z"), model.price(kodex, at("2026-05-15T01:00:30Z"))));
    assert_eq!(model.minutes(kodex, at("2026-05-15T00:00:00Z"), 5).len(), 1, "nothing before the open");
}

#[test]
fn the_book_has_ten_ticks_around_the_touch() {
    let mut model = model(3);
    let now = at("2026-05-15T02:00:00Z");
    for symbol in ["005930", "252670", "000660"] {
        let listing = find_listing(symbol).unwrap();
        let (bids, asks) = model.levels(listing, now, 10);
        assert_eq!((bids.len(), asks.len()), (10, 10));
        let snapshot = model.snapshot(listing, now).unwrap();
        assert_eq!((bids[0], asks[0]), ((snapshot.bid, snapshot.bid_size), (snapshot.ask, snapshot.ask_size)));
        assert!(bids.windows(2).all(|pair| pair[0].0 > pair[1].0) && asks.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert!(bids.iter().chain(&asks).all(|(price, size)| *size > 0 && tick::is_on_tick(Market::Krx, listing.krx_fund, *price)));
    }
}
