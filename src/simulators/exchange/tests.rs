//! Books that must balance whatever happens.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;
use proptest::prelude::*;
use rust_decimal::dec;

use super::calendar::{KrxWeekdayCalendar, WeekdayCalendar};
use super::*;

const SYMBOLS: [&str; 3] = ["TQQQ", "SOXL", "BITU"];
const CASH: Decimal = dec!(40000);

fn exchange(fee_rate: Decimal) -> SimExchange {
    let model = ModelConfig { seed: 77, anchor_date: Date::constant(2026, 5, 14), anchor_prices: BTreeMap::new(), displayed: (20, 120) };
    let rules = Rules { fee_rate, ..Rules::default() };
    let calendars = Calendars { us: Arc::new(WeekdayCalendar), krx: Arc::new(KrxWeekdayCalendar) };
    let mut exchange = SimExchange::new(model, 1391.5, rules, calendars);
    let positions = SYMBOLS.map(|symbol| (symbol.to_owned(), Position { quantity: dec!(100), cost: dec!(5000) }));
    exchange.open_account(key(), Purse { usd: CASH, krw: Decimal::ZERO }, positions);
    exchange
}

fn key() -> AccountKey {
    AccountKey { environment: BrokerHost::Live, app_key: "k".into(), cano: "50012345".into(), product: "01".into() }
}

/// One thing that a customer does.
#[derive(Clone, Debug)]
enum Step {
    /// Symbol, buy, shares, limit in percent of the price, plan.
    Place(usize, bool, u64, u32, FillPlan),
    /// Which of the orders so far; how many shares (0 = all).
    Cancel(usize, u64),
    /// The same with a limit in percent of the price.
    Modify(usize, u64, u32),
    Wait(i64),
}

fn plan() -> impl Strategy<Value = FillPlan> {
    prop_oneof![
        5 => Just(FillPlan::Market),
        1 => Just(FillPlan::AtOnce),
        1 => Just(FillPlan::Never),
        1 => (1_u32..6, 0_u32..90).prop_map(|(count, every_seconds)| FillPlan::Parts { count, every_seconds }),
        1 => (1_u64..50).prop_map(|quantity| FillPlan::Partial { quantity }),
        1 => (0_u32..600).prop_map(|seconds| FillPlan::Delayed { seconds }),
        1 => (0_u32..60).prop_map(|after_seconds| FillPlan::RejectLater { after_seconds, reason: "r".into() }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..3_usize, any::<bool>(), 1_u64..300, 95_u32..106, plan())
            .prop_map(|(symbol, buy, quantity, percent, plan)| Step::Place(symbol, buy, quantity, percent, plan)),
        1 => (0..12_usize, 0_u64..60).prop_map(|(order, quantity)| Step::Cancel(order, quantity)),
        1 => (0..12_usize, 0_u64..60, 95_u32..106).prop_map(|(order, quantity, percent)| Step::Modify(order, quantity, percent)),
        3 => (0_i64..4000).prop_map(Step::Wait),
    ]
}

fn limit(exchange: &mut SimExchange, symbol: &str, percent: u32, now: Timestamp) -> Decimal {
    let price = exchange.market.price(find_listing(symbol).unwrap(), now);
    (price * Decimal::from(percent) / Decimal::ONE_HUNDRED).round_dp(2)
}

fn run(exchange: &mut SimExchange, steps: &[Step]) -> Timestamp {
    let mut now: Timestamp = "2026-05-15T14:00:00.250Z".parse().unwrap();
    for step in steps {
        let numbers: Vec<u64> = exchange.account(&key(), now).unwrap().orders.iter().map(|order| order.number).collect();
        match step {
            Step::Place(symbol, buy, quantity, percent, plan) => {
                let symbol = SYMBOLS[*symbol];
                let side = if *buy { Side::Buy } else { Side::Sell };
                exchange.add_plan(PlanRule { app_key: None, symbol: None, side: None, orders: None, plan: plan.clone() });
                let limit = limit(exchange, symbol, *percent, now);
                let request = NewOrder { symbol: symbol.into(), side, quantity: *quantity, terms: Terms::limit(limit) };
                let _ = exchange.place(&key(), &request, now);
            }
            Step::Cancel(order, quantity) => {
                if let Some(number) = numbers.get(*order) {
                    let _ = exchange.cancel(&key(), Market::Us, *number, *quantity, now);
                }
            }
            Step::Modify(order, quantity, percent) => {
                if let Some(number) = numbers.get(*order) {
                    let limit = limit(exchange, "SOXL", *percent, now);
                    let _ = exchange.modify(&key(), Market::Us, *number, *quantity, &Terms::limit(limit), now);
                }
            }
            Step::Wait(seconds) => now = now.checked_add(SignedDuration::from_secs(*seconds)).unwrap(),
        }
    }
    now
}

fn check(book: &AccountBook, fee_rate: Decimal) {
    let mut cash = CASH;
    let mut shares: BTreeMap<&str, Decimal> = SYMBOLS.iter().map(|symbol| (*symbol, dec!(100))).collect();
    for order in &book.orders {
        assert!(order.filled + order.cancelled <= order.quantity, "{order:?}");
        assert_eq!(order.executions.iter().map(|e| e.quantity).sum::<u64>(), order.filled);
        assert_eq!(order.executions.iter().map(|e| e.price * Decimal::from(e.quantity)).sum::<Decimal>(), order.amount);
        for execution in &order.executions {
            assert!(execution.quantity > 0 && execution.at >= order.placed_at && execution.at < order.expires_at, "{order:?}");
            let gross = execution.price * Decimal::from(execution.quantity);
            assert_eq!(execution.fee, (gross * fee_rate).round_dp(2));
            let quantity = Decimal::from(execution.quantity);
            match order.side {
                Side::Buy => {
                    assert!(execution.price <= order.limit, "{order:?}");
                    cash -= gross + execution.fee;
                    *shares.get_mut(order.listing.symbol).unwrap() += quantity;
                }
                Side::Sell => {
                    assert!(execution.price >= order.limit, "{order:?}");
                    cash += gross - execution.fee;
                    *shares.get_mut(order.listing.symbol).unwrap() -= quantity;
                }
            }
        }
    }
    assert_eq!(book.cash.usd, cash);
    assert!(book.cash.usd >= dec!(-0.05), "cash {} is spent twice", book.cash.usd);
    for (symbol, quantity) in shares {
        assert!(quantity >= Decimal::ZERO, "{symbol} is sold short");
        assert_eq!(book.positions.get(symbol).map_or(Decimal::ZERO, |position| position.quantity), quantity, "{symbol}");
        assert!(book.sellable(symbol) <= quantity);
    }
    // Orders with the same number must lie on different days.
    let mut names: Vec<(Date, u64)> = book.orders.iter().map(|order| (order.date, order.number)).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), book.orders.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn cash_and_positions_are_what_the_executions_made_them(steps in prop::collection::vec(step(), 1..40), fee in 0_i64..3) {
        let fee_rate = Decimal::new(fee * 45, 5);
        let mut exchange = exchange(fee_rate);
        let now = run(&mut exchange, &steps);
        check(exchange.account(&key(), now).unwrap(), fee_rate);
        let closed: Timestamp = "2026-05-20T21:00:00Z".parse().unwrap();
        let book = exchange.account(&key(), closed.max(now)).unwrap();
        check(book, fee_rate);
        assert!(book.orders.iter().all(|order| order.open_quantity() == 0), "orders outlive their session");
        assert_eq!(book.reserved_cash(Currency::Usd, fee_rate), Decimal::ZERO);
    }

    #[test]
    fn looking_often_changes_nothing(steps in prop::collection::vec(step(), 1..25), every in 1_i64..500) {
        let mut seldom = exchange(Decimal::ZERO);
        let mut often = exchange(Decimal::ZERO);
        let end = run(&mut seldom, &steps);
        run(&mut often, &steps);
        let close: Timestamp = "2026-05-15T20:00:00Z".parse().unwrap();
        let mut now = end;
        while now < close {
            often.advance(&key(), now);
            now = now.checked_add(SignedDuration::from_secs(every)).unwrap();
        }
        let late = close.max(end);
        let history = |exchange: &mut SimExchange| -> Vec<(u64, Vec<Execution>, OrderStatus)> {
            let book = exchange.account(&key(), late).unwrap();
            book.orders.iter().map(|order| (order.number, order.executions.clone(), order.status.clone())).collect()
        };
        prop_assert_eq!(history(&mut seldom), history(&mut often));
    }
}

#[test]
fn two_orders_share_the_displayed_size_of_a_second() {
    let mut exchange = exchange(Decimal::ZERO);
    let now: Timestamp = "2026-05-15T15:00:00Z".parse().unwrap();
    let listing = find_listing("SOXL").unwrap();
    let displayed = exchange.market.displayed(listing, Side::Sell, now);
    let limit = limit(&mut exchange, "SOXL", 95, now);
    for _ in 0..2 {
        let request = NewOrder { symbol: "SOXL".into(), side: Side::Sell, quantity: 50, terms: Terms::limit(limit) };
        exchange.place(&key(), &request, now).unwrap();
    }
    let sold: u64 = exchange.account(&key(), now).unwrap().orders.iter().map(|order| order.filled).sum();
    assert_eq!(sold, displayed.min(100));
}

const KRX_SYMBOLS: [&str; 3] = ["005930", "000660", "122630"];
const KRX_CASH: Decimal = dec!(60000000);

fn korean_exchange() -> SimExchange {
    let model = ModelConfig { seed: 5, anchor_date: Date::constant(2026, 5, 14), anchor_prices: BTreeMap::new(), displayed: (20, 120) };
    let rules = Rules { krw_fee_rate: dec!(0.00014), krw_tax_rate: dec!(0.002), ..Rules::default() };
    let calendars = Calendars { us: Arc::new(WeekdayCalendar), krx: Arc::new(KrxWeekdayCalendar) };
    let mut exchange = SimExchange::new(model, 1391.5, rules, calendars);
    let positions = KRX_SYMBOLS.map(|symbol| (symbol.to_owned(), Position { quantity: dec!(100), cost: dec!(5000000) }));
    exchange.open_account(key(), Purse { usd: dec!(777), krw: KRX_CASH }, positions);
    exchange
}

const KRX_KINDS: [OrderKind; 13] = [
    OrderKind::Limit,
    OrderKind::Market,
    OrderKind::ConditionalLimit,
    OrderKind::BestLimit,
    OrderKind::PriorityLimit,
    OrderKind::IocLimit,
    OrderKind::FokLimit,
    OrderKind::IocMarket,
    OrderKind::FokMarket,
    OrderKind::IocBest,
    OrderKind::FokBest,
    OrderKind::Midpoint,
    OrderKind::StopLimit,
];

#[derive(Clone, Debug)]
enum KoreanStep {
    /// Symbol, kind, buy, shares, limit and trigger in percent of the price.
    Place(usize, usize, bool, u64, u32, u32),
    Cancel(usize, u64),
    Modify(usize, u64, usize, u32),
    Wait(i64),
}

fn korean_step() -> impl Strategy<Value = KoreanStep> {
    prop_oneof![
        4 => (0..3_usize, 0..13_usize, any::<bool>(), 1_u64..200, 97_u32..104, 98_u32..103)
            .prop_map(|(symbol, kind, buy, quantity, limit, trigger)| KoreanStep::Place(symbol, kind, buy, quantity, limit, trigger)),
        1 => (0..12_usize, 0_u64..60).prop_map(|(order, quantity)| KoreanStep::Cancel(order, quantity)),
        1 => (0..12_usize, 0_u64..60, 0..13_usize, 97_u32..104)
            .prop_map(|(order, quantity, kind, limit)| KoreanStep::Modify(order, quantity, kind, limit)),
        3 => (0_i64..3000).prop_map(KoreanStep::Wait),
    ]
}

fn korean_terms(exchange: &mut SimExchange, symbol: &str, kind: usize, limit: u32, trigger: u32, now: Timestamp) -> Terms {
    let listing = find_listing(symbol).unwrap();
    let price = exchange.market.price(listing, now);
    let percent = |percent: u32| {
        let raw = price * Decimal::from(percent) / Decimal::ONE_HUNDRED;
        crate::domain::rules::tick::round_nearest(Market::Krx, listing.krx_fund, raw)
    };
    let kind = KRX_KINDS[kind];
    Terms {
        kind,
        limit: if kind.has_limit() { percent(limit) } else { Decimal::ZERO },
        trigger: kind.has_trigger().then(|| percent(trigger)),
        ..Terms::default()
    }
}

fn run_korean(exchange: &mut SimExchange, steps: &[KoreanStep]) -> Timestamp {
    // A quarter to nine in Seoul: before the open.
    let mut now: Timestamp = "2026-05-14T23:45:00.250Z".parse().unwrap();
    for step in steps {
        let orders: Vec<(u64, &str)> =
            exchange.account(&key(), now).unwrap().orders.iter().map(|order| (order.number, order.listing.symbol)).collect();
        match step {
            KoreanStep::Place(symbol, kind, buy, quantity, limit, trigger) => {
                let symbol = KRX_SYMBOLS[*symbol];
                let terms = korean_terms(exchange, symbol, *kind, *limit, *trigger, now);
                let side = if *buy { Side::Buy } else { Side::Sell };
                let _ = exchange.place(&key(), &NewOrder { symbol: symbol.into(), side, quantity: *quantity, terms }, now);
            }
            KoreanStep::Cancel(order, quantity) => {
                if let Some((number, _)) = orders.get(*order) {
                    let _ = exchange.cancel(&key(), Market::Krx, *number, *quantity, now);
                }
            }
            KoreanStep::Modify(order, quantity, kind, limit) => {
                if let Some((number, symbol)) = orders.get(*order) {
                    let terms = korean_terms(exchange, symbol, *kind, *limit, 100, now);
                    let _ = exchange.modify(&key(), Market::Krx, *number, *quantity, &terms, now);
                }
            }
            KoreanStep::Wait(seconds) => now = now.checked_add(SignedDuration::from_secs(*seconds)).unwrap(),
        }
    }
    now
}

fn check_korean(book: &AccountBook, rules: &Rules) {
    let mut cash = KRX_CASH;
    let mut shares: BTreeMap<&str, Decimal> = KRX_SYMBOLS.iter().map(|symbol| (*symbol, dec!(100))).collect();
    let open: Timestamp = "2026-05-15T00:00:00Z".parse().unwrap();
    for order in &book.orders {
        assert!(order.filled + order.cancelled <= order.quantity, "{order:?}");
        assert!(!order.kind.is_immediate() || order.open_quantity() == 0, "an immediate order rests: {order:?}");
        let whole = matches!(order.kind, OrderKind::FokLimit | OrderKind::FokMarket | OrderKind::FokBest);
        assert!(!whole || order.filled == 0 || order.filled == order.quantity, "all or nothing: {order:?}");
        assert!(order.filled == 0 || order.trigger.is_none() || order.triggered_at.is_some(), "filled before its trigger: {order:?}");
        for execution in &order.executions {
            assert!(execution.quantity > 0 && execution.at >= order.starts_at && execution.at >= open, "{order:?}");
            assert!(execution.at < order.expires_at || order.kind == OrderKind::ConditionalLimit, "{order:?}");
            let gross = execution.price * Decimal::from(execution.quantity);
            assert_eq!((execution.fee, execution.tax), rules.charges(order.listing, order.side, gross));
            let quantity = Decimal::from(execution.quantity);
            let at_close = execution.at == order.expires_at;
            match order.side {
                Side::Buy => {
                    assert!(order.limit.is_zero() || at_close || execution.price <= order.limit, "{order:?}");
                    assert_eq!(execution.tax, Decimal::ZERO);
                    cash -= gross + execution.fee;
                    *shares.get_mut(order.listing.symbol).unwrap() += quantity;
                }
                Side::Sell => {
                    assert!(order.limit.is_zero() || at_close || execution.price >= order.limit, "{order:?}");
                    assert_eq!(execution.tax.is_zero(), order.listing.krx_fund || gross < dec!(500));
                    cash += gross - execution.fee - execution.tax;
                    *shares.get_mut(order.listing.symbol).unwrap() -= quantity;
                }
            }
        }
    }
    assert_eq!((book.cash.krw, book.cash.usd), (cash, dec!(777)));
    assert!(book.cash.krw >= Decimal::ZERO, "cash {} is spent twice", book.cash.krw);
    for (symbol, quantity) in shares {
        assert!(quantity >= Decimal::ZERO, "{symbol} is sold short");
        assert_eq!(book.positions.get(symbol).map_or(Decimal::ZERO, |position| position.quantity), quantity, "{symbol}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn korean_books_balance_for_all_kinds_of_orders(steps in prop::collection::vec(korean_step(), 1..40)) {
        let mut exchange = korean_exchange();
        let rules = exchange.rules().clone();
        let now = run_korean(&mut exchange, &steps);
        check_korean(exchange.account(&key(), now).unwrap(), &rules);
        let closed: Timestamp = "2026-05-18T08:00:00Z".parse().unwrap();
        let book = exchange.account(&key(), closed.max(now)).unwrap();
        check_korean(book, &rules);
        prop_assert!(book.orders.iter().all(|order| order.open_quantity() == 0), "orders outlive their session");
        prop_assert_eq!(book.reserved_cash(Currency::Krw, rules.krw_fee_rate), Decimal::ZERO);
        // Two sessions after the last trade everything has moved.
        prop_assert_eq!(book.settled_krw(Date::constant(2026, 5, 31)), book.cash.krw);
        prop_assert_eq!(book.settled_krw(Date::constant(2026, 5, 14)), KRX_CASH);
    }

    #[test]
    fn looking_often_changes_nothing_for_korean_kinds(steps in prop::collection::vec(korean_step(), 1..25), every in 1_i64..500) {
        let (mut seldom, mut often) = (korean_exchange(), korean_exchange());
        let mut heard = often.subscribe();
        let end = run_korean(&mut seldom, &steps);
        run_korean(&mut often, &steps);
        let close: Timestamp = "2026-05-15T06:30:00Z".parse().unwrap();
        let mut now = end;
        while now < close {
            often.advance(&key(), now);
            now = now.checked_add(SignedDuration::from_secs(every)).unwrap();
        }
        let late = close.max(end);
        let history = |exchange: &mut SimExchange| -> Vec<(u64, Vec<Execution>, OrderStatus, Option<Timestamp>)> {
            let book = exchange.account(&key(), late).unwrap();
            book.orders.iter().map(|order| (order.number, order.executions.clone(), order.status.clone(), order.triggered_at)).collect()
        };
        let booked = history(&mut often);
        prop_assert_eq!(history(&mut seldom), booked.clone());
        // Listeners hear of every order and every execution once.
        let (mut accepted, mut executions) = (0, 0);
        while let Ok(event) = heard.try_recv() {
            match event.happened {
                Happened::Accepted => accepted += 1,
                Happened::Filled(execution) => {
                    executions += 1;
                    prop_assert_eq!(event.order.executions.last(), Some(&execution));
                    prop_assert_eq!(event.at, execution.at);
                }
                _ => {}
            }
        }
        prop_assert_eq!(accepted, booked.len());
        prop_assert_eq!(executions, booked.iter().map(|(_, executions, ..)| executions.len()).sum::<usize>());
    }
}

#[test]
fn size_that_was_taken_does_not_come_back_when_a_later_second_is_traded() {
    let mut exchange = korean_exchange();
    run_korean(&mut exchange, &[KoreanStep::Place(2, 12, true, 72, 100, 98), KoreanStep::Place(2, 0, true, 1, 100, 98)]);
    let close: Timestamp = "2026-05-15T06:30:00Z".parse().unwrap();
    let mut by_second: BTreeMap<Timestamp, u64> = BTreeMap::new();
    for execution in exchange.account(&key(), close).unwrap().orders.iter().flat_map(|order| &order.executions) {
        *by_second.entry(execution.at).or_default() += execution.quantity;
    }
    assert_eq!(by_second.values().sum::<u64>(), 73);
    for (at, shares) in by_second {
        assert!(shares <= exchange.market.displayed(find_listing(KRX_SYMBOLS[2]).unwrap(), Side::Buy, at), "{shares} at {at}");
    }
}

fn korean(kind: OrderKind, limit: Decimal) -> Terms {
    Terms { kind, limit, ..Terms::default() }
}

#[test]
fn korean_kinds_take_their_prices_from_the_book() {
    let mut exchange = korean_exchange();
    let now: Timestamp = "2026-05-15T02:00:00Z".parse().unwrap();
    let samsung = find_listing("005930").unwrap();
    let (bid, ask) = exchange.market.bid_ask(samsung, now);
    let (low, high) = exchange.market.limits(samsung, Date::constant(2026, 5, 15));
    let mut place = |side, quantity, terms: Terms| {
        let number = exchange.place(&key(), &NewOrder { symbol: "005930".into(), side, quantity, terms }, now).unwrap().number;
        let book = exchange.account(&key(), now).unwrap();
        book.orders.iter().find(|order| order.number == number).unwrap().clone()
    };
    let best = place(Side::Buy, 1, korean(OrderKind::BestLimit, Decimal::ZERO));
    assert_eq!((best.limit, best.hold_price, best.average_price()), (ask, high, ask));
    let priority = place(Side::Buy, 1, korean(OrderKind::PriorityLimit, Decimal::ZERO));
    assert_eq!((priority.limit, priority.filled), (bid, 0));
    let middle = place(Side::Sell, 1, korean(OrderKind::Midpoint, Decimal::ZERO));
    assert_eq!((middle.average_price(), middle.bound), ((bid + ask) / dec!(2), low));
    let killed = place(Side::Buy, 600, korean(OrderKind::FokLimit, ask));
    assert_eq!((killed.filled, killed.cancelled, killed.status.clone()), (0, 600, OrderStatus::Cancelled));
    let taken = place(Side::Buy, 600, korean(OrderKind::IocLimit, ask));
    assert!(taken.filled > 0 && taken.filled < 600 && taken.cancelled == 600 - taken.filled, "{taken:?}");
    let stop = Terms { kind: OrderKind::StopLimit, limit: low, trigger: Some(low), ..Terms::default() };
    let stop = place(Side::Sell, 5, stop);
    assert_eq!((stop.filled, stop.triggered_at), (0, None));
    let unreachable = place(Side::Buy, 1, korean(OrderKind::ConditionalLimit, low));
    assert_eq!((unreachable.filled, unreachable.hold_price), (0, high));
    let close: Timestamp = "2026-05-15T06:30:00Z".parse().unwrap();
    let last = exchange.market.price(samsung, close);
    let book = exchange.account(&key(), close).unwrap();
    let ended = book.orders.iter().find(|order| order.number == unreachable.number).unwrap();
    assert_eq!((ended.filled, ended.average_price()), (1, last), "it ends at the closing price");
    assert_eq!(book.orders.iter().find(|order| order.number == stop.number).unwrap().status, OrderStatus::Expired);
}

#[test]
fn us_orders_for_the_open_the_close_and_in_slices() {
    let mut exchange = exchange(Decimal::ZERO);
    let soxl = find_listing("SOXL").unwrap();
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    let (early, open, close) = (at("2026-05-15T12:00:00Z"), at("2026-05-15T13:30:00Z"), at("2026-05-15T20:00:00Z"));
    let order = |side, quantity, terms| NewOrder { symbol: "SOXL".into(), side, quantity, terms };
    let terms = |kind, limit| Terms { kind, limit, ..Terms::default() };
    let taken = |exchange: &mut SimExchange, number: u64, now| {
        // Numbers begin again every day.
        exchange.account(&key(), now).unwrap().orders.iter().rfind(|order| order.number == number).unwrap().clone()
    };
    let too_early = exchange.place(&key(), &order(Side::Sell, 3, terms(OrderKind::Moo, dec!(0))), at("2026-05-15T07:00:00Z"));
    assert_eq!(too_early.unwrap_err(), Refusal::MarketNotYetOpen);
    let moo = exchange.place(&key(), &order(Side::Sell, 3, terms(OrderKind::Moo, dec!(0))), early).unwrap().number;
    let loo = exchange.place(&key(), &order(Side::Buy, 3, terms(OrderKind::Loo, dec!(1))), early).unwrap().number;
    assert_eq!(exchange.place(&key(), &order(Side::Buy, 3, terms(OrderKind::Moc, dec!(0))), open).unwrap_err(), Refusal::KindNotTaken);
    let first = exchange.market.price(soxl, open);
    let moo = taken(&mut exchange, moo, open);
    assert_eq!((moo.filled, moo.average_price(), moo.executions[0].at), (3, first, open));
    assert_eq!(taken(&mut exchange, loo, open).status, OrderStatus::Expired);
    let late = exchange.place(&key(), &order(Side::Sell, 3, terms(OrderKind::Moo, dec!(0))), open);
    assert_eq!(late.unwrap_err(), Refusal::KindNotTaken);

    let noon = at("2026-05-15T16:00:00Z");
    let twap = exchange.place(&key(), &order(Side::Sell, 24, terms(OrderKind::Twap, dec!(1))), noon).unwrap().number;
    let vwap = exchange.place(&key(), &order(Side::Sell, 30, terms(OrderKind::Vwap, dec!(1))), noon).unwrap().number;
    let window = Some((at("2026-05-15T17:00:00Z"), at("2026-05-15T18:00:00Z")));
    let narrow = Terms { window, ..terms(OrderKind::Twap, dec!(1)) };
    let narrow = exchange.place(&key(), &order(Side::Sell, 6, narrow), noon).unwrap().number;
    let beyond = Terms { window: Some((noon, at("2026-05-15T19:56:00Z"))), ..terms(OrderKind::Twap, dec!(1)) };
    assert_eq!(exchange.place(&key(), &order(Side::Sell, 6, beyond), noon).unwrap_err(), Refusal::KindNotTaken);
    assert_eq!(exchange.modify(&key(), Market::Us, twap, 0, &Terms::limit(dec!(2)), noon).unwrap_err(), Refusal::NotAmendable);
    assert_eq!(taken(&mut exchange, twap, noon).filled, 2, "the first slice goes at once");
    let halfway = taken(&mut exchange, twap, at("2026-05-15T18:00:00Z"));
    assert!((12..=16).contains(&halfway.filled), "{} of 24 at half time", halfway.filled);
    let twap = taken(&mut exchange, twap, close);
    assert_eq!((twap.filled, twap.executions.len()), (24, 12));
    assert_eq!(taken(&mut exchange, vwap, close).filled, 30);
    let narrow = taken(&mut exchange, narrow, close);
    assert_eq!(narrow.filled, 6);
    assert!(
        narrow.executions.iter().all(|execution| execution.at >= at("2026-05-15T17:00:00Z") && execution.at < at("2026-05-15T18:00:00Z"))
    );
    let unreachable =
        exchange.place(&key(), &order(Side::Sell, 6, terms(OrderKind::Twap, dec!(9999))), at("2026-05-18T15:00:00Z")).unwrap().number;
    let unreachable = taken(&mut exchange, unreachable, at("2026-05-18T20:00:00Z"));
    assert_eq!((unreachable.filled, unreachable.status), (0, OrderStatus::Expired));
}

#[test]
fn a_stop_order_wakes_when_the_price_first_crosses_its_trigger() {
    let mut exchange = korean_exchange();
    let now: Timestamp = "2026-05-15T00:30:00Z".parse().unwrap();
    let samsung = find_listing("005930").unwrap();
    let close: Timestamp = "2026-05-15T06:30:00Z".parse().unwrap();
    let bar = exchange.market.bars(samsung, Date::constant(2026, 5, 15), 1, close)[0];
    // Whichever way the day goes, one of the two is crossed.
    let seconds: Vec<Timestamp> = (now.as_second()..close.as_second()).map(|second| Timestamp::from_second(second).unwrap()).collect();
    let start = exchange.market.price(samsung, now);
    let mut crossed = 0;
    for (side, trigger) in [(Side::Buy, start + dec!(300)), (Side::Sell, start - dec!(300))] {
        let limit = if side == Side::Buy { start + dec!(2000) } else { start - dec!(2000) };
        let terms = Terms { kind: OrderKind::StopLimit, limit, trigger: Some(trigger), ..Terms::default() };
        let number = exchange.place(&key(), &NewOrder { symbol: "005930".into(), side, quantity: 3, terms }, now).unwrap().number;
        let first = seconds.iter().copied().find(|at| {
            let price = exchange.market.price(samsung, *at);
            if side == Side::Buy { price >= trigger } else { price <= trigger }
        });
        let order = exchange.account(&key(), close).unwrap().orders.iter().find(|order| order.number == number).unwrap().clone();
        assert_eq!(order.triggered_at, first, "{side:?} {trigger} {bar:?}");
        assert_eq!(order.filled, if first.is_some() { 3 } else { 0 });
        assert!(order.executions.iter().all(|execution| Some(execution.at) >= first));
        crossed += usize::from(first.is_some());
    }
    assert!(crossed > 0, "neither trigger was reached on the day {bar:?}");
}
