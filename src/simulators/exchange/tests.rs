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
