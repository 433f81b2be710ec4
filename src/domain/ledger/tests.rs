//! The folds under long random sequences of legal and illegal facts.

use std::collections::BTreeMap;

use jiff::Timestamp;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::domain::bot::{SliceFill, TradeKind};
use crate::domain::difference::{CashReason, ExternalOrigin, ExternalTrade, SplitBooking, SplitRatio};
use crate::domain::fact::{Actor, Booking, BookingOrigin};
use crate::domain::id::{AccountId, BotId};
use crate::domain::money::{Currency, decimal_from_f64};
use crate::domain::order::{Environment, Fill, NOT_PLACED, OrderIntent, OrderOrigin, Reason};
use crate::domain::samples;

#[derive(Clone, Debug, Default, PartialEq)]
struct Rows {
    orders: BTreeMap<OrderId, Order>,
    positions: BTreeMap<String, Position>,
    holdings: BTreeMap<HoldingId, Holding>,
    history: BTreeMap<HistoryId, HistoryRow>,
    sheets: BTreeMap<SheetId, Sheet>,
    cash: BTreeMap<Currency, Decimal>,
    exposures: BTreeMap<String, Exposure>,
}

impl LedgerRows for Rows {
    type Error = LedgerError;

    fn order(&self, id: OrderId) -> Result<Option<Order>, LedgerError> {
        Ok(self.orders.get(&id).cloned())
    }
    fn put_order(&mut self, order: &Order) -> Result<(), LedgerError> {
        self.orders.insert(order.intent.order_id, order.clone());
        Ok(())
    }
    fn exposure(&self, _: Market, symbol: &str) -> Result<Option<Exposure>, LedgerError> {
        Ok(self.exposures.get(symbol).cloned())
    }
    fn put_exposure(&mut self, exposure: &Exposure) -> Result<(), LedgerError> {
        if exposure.is_none() {
            self.exposures.remove(&exposure.symbol);
        } else {
            self.exposures.insert(exposure.symbol.clone(), exposure.clone());
        }
        Ok(())
    }
    fn cash(&self, currency: Currency) -> Result<Decimal, LedgerError> {
        Ok(self.cash.get(&currency).copied().unwrap_or_default())
    }
    fn put_cash(&mut self, currency: Currency, amount: Decimal) -> Result<(), LedgerError> {
        self.cash.insert(currency, amount);
        Ok(())
    }
    fn position(&self, _: Market, symbol: &str) -> Result<Option<Position>, LedgerError> {
        Ok(self.positions.get(symbol).cloned())
    }
    fn put_position(&mut self, position: &Position) -> Result<(), LedgerError> {
        self.positions.insert(position.symbol.clone(), position.clone());
        Ok(())
    }
    fn holding(&self, id: HoldingId) -> Result<Option<Holding>, LedgerError> {
        Ok(self.holdings.get(&id).cloned())
    }
    fn put_holding(&mut self, holding: &Holding) -> Result<(), LedgerError> {
        self.holdings.insert(holding.id, holding.clone());
        Ok(())
    }
    fn remove_holding(&mut self, id: HoldingId) -> Result<(), LedgerError> {
        self.holdings.remove(&id);
        Ok(())
    }
    fn put_history(&mut self, row: &HistoryRow) -> Result<(), LedgerError> {
        self.history.insert(row.id, row.clone());
        Ok(())
    }
    fn remove_history(&mut self, id: HistoryId) -> Result<(), LedgerError> {
        self.history.remove(&id);
        Ok(())
    }
    fn sheet(&self, id: SheetId) -> Result<Option<Sheet>, LedgerError> {
        Ok(self.sheets.get(&id).cloned())
    }
    fn put_sheet(&mut self, sheet: &Sheet) -> Result<(), LedgerError> {
        self.sheets.insert(sheet.id, sheet.clone());
        Ok(())
    }
    fn remove_sheet(&mut self, id: SheetId) -> Result<(), LedgerError> {
        self.sheets.remove(&id);
        Ok(())
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_780_000_000 + second).unwrap()
}

fn order_id(n: u8) -> OrderId {
    OrderId(Uuid::from_u128(u128::from(n) + 1))
}

fn wanted(n: u8) -> u64 {
    u64::from(n) * 7 + 5
}

fn side(n: u8) -> Side {
    if n.is_multiple_of(2) { Side::Buy } else { Side::Sell }
}

fn intent(n: u8) -> OrderIntent {
    OrderIntent {
        order_id: order_id(n),
        account_id: AccountId(Uuid::from_u128(9)),
        bot_id: None,
        bot_name: "TQ_1".to_owned(),
        environment: Environment::Mock,
        market: Market::Us,
        symbol: "TQQQ".to_owned(),
        side: side(n),
        quantity: wanted(n),
        kind: crate::domain::order::OrderKind::Limit,
        limit_price: Some(Decimal::new(6_137, 2)),
        trigger_price: None,
        venue: crate::domain::order::Venue::Krx,
        origin: OrderOrigin::Closing,
        session: jiff::civil::date(2026, 5, 14),
        expires_at: at(300),
    }
}

fn holding(n: u8, quantity: u32) -> Holding {
    let held = samples::holding(&samples::bot("TQ_1", "TQQQ"), u128::from(n) + 100, f64::from(quantity), 61.37, at(0));
    Holding { bot_id: None, reserve: n == 3, ..held }
}

fn reason(not_placed: bool) -> Reason {
    Reason { code: if not_placed { NOT_PLACED } else { "market_closed" }.to_owned(), message: String::new(), limit: None }
}

fn fill(n: u8, quantity: u64, cents: i64) -> Fill {
    let price = Decimal::new(cents, 2);
    let gross = price * Decimal::from(quantity);
    let order_id = order_id(n);
    Fill { order_id, quantity, price, gross, fee: Decimal::new(quantity as i64, 2), tax: Decimal::ZERO, currency: Currency::Usd }
}

/// Shares that came or went outside.
fn adopted() -> impl Strategy<Value = Event> {
    (any::<bool>(), 1_u32..30, 1_i64..9_000, any::<bool>(), any::<bool>()).prop_map(|(buys, quantity, cents, traded, of_bot)| {
        let trade = ExternalTrade {
            market: Market::Us,
            symbol: "TQQQ".to_owned(),
            side: if buys { Side::Buy } else { Side::Sell },
            quantity: Decimal::from(quantity),
            gross: Decimal::from(quantity) * Decimal::new(cents, 2),
            origin: if traded { ExternalOrigin::Execution } else { ExternalOrigin::Unexplained },
            execution: None,
            bot_id: of_bot.then_some(BotId(Uuid::from_u128(1))),
        };
        Event::ExternalTradeAdopted { trade: Box::new(trade) }
    })
}

/// Anything that can be journalled, in any order.
fn event() -> impl Strategy<Value = Event> {
    let n = 0_u8..4;
    prop_oneof![
        3 => n.clone().prop_map(|n| Event::OrderIntended { intent: Box::new(intent(n)) }),
        4 => n.clone().prop_map(|n| Event::OrderSent { order_id: order_id(n) }),
        4 => n.clone().prop_map(|n| Event::OrderAccepted {
            order_id: order_id(n),
            broker_order_no: format!("00{n}"),
            broker_order_date: jiff::civil::date(2026, 5, 14),
        }),
        1 => (n.clone(), any::<bool>()).prop_map(|(n, b)| Event::OrderRejected { order_id: order_id(n), reason: reason(b) }),
        2 => (n.clone(), any::<bool>()).prop_map(|(n, b)| Event::OrderUnknown { order_id: order_id(n), reason: reason(b) }),
        2 => n.clone().prop_map(|n| Event::CancelRequested { order_id: order_id(n) }),
        2 => n.clone().prop_map(|n| Event::OrderCancelled { order_id: order_id(n) }),
        1 => n.clone().prop_map(|n| Event::OrderExpired { order_id: order_id(n) }),
        2 => n.clone().prop_map(|n| Event::OrderSettled { order_id: order_id(n) }),
        8 => (n.clone(), 0_u64..9, 1_i64..9_000).prop_map(|(n, q, p)| Event::OrderFilled { fill: fill(n, q, p) }),
        1 => (n.clone(), 0_u32..50).prop_map(|(n, q)| Event::OpeningHolding { holding: holding(n, q) }),
        1 => (n, prop::option::of(0_u32..50)).prop_map(|(n, q)| Event::HoldingCorrected {
            holding_id: HoldingId(Uuid::from_u128(u128::from(n) + 100)),
            after: q.map(|q| holding(n, q)),
            note: "counted again".to_owned(),
        }),
        2 => adopted(),
        1 => (0_u32..200, -20_i64..20).prop_map(|(after, own)| Event::SplitBooked { split: Box::new(SplitBooking {
            market: Market::Us,
            symbol: "TQQQ".to_owned(),
            ratio: SplitRatio { new: 2, old: 1 },
            quantity_after: Decimal::from(after),
            own_change: Decimal::from(own),
            holdings: Vec::new(),
        }) }),
        1 => (-9_000_i64..9_000).prop_map(|cents| Event::ExternalCash {
            currency: Currency::Usd,
            amount: Decimal::new(cents, 2),
            reason: CashReason::Deposit,
        }),
    ]
}

/// The states that an event may lead from and to, written down a second time.
fn is_legal(before: &Order, after: &Order, event: &Event) -> bool {
    let listed = before.broker_order_no.is_some();
    match event {
        Event::OrderSent { .. } => (before.state, after.state) == (S::Intent, S::Sent),
        Event::OrderAccepted { .. } => {
            after.state == S::Accepted
                && match before.state {
                    S::Sent | S::Unknown => true,
                    S::Rejected => before.reason == Some(reason(true)),
                    _ => false,
                }
        }
        Event::OrderRejected { .. } => after.state == S::Rejected && matches!(before.state, S::Intent | S::Sent | S::Accepted | S::Unknown),
        Event::OrderUnknown { .. } => (before.state, after.state) == (S::Sent, S::Unknown),
        Event::OrderCancelled { .. } | Event::OrderExpired { .. } => {
            after.state.is_final() && matches!(before.state, S::Accepted | S::PartiallyFilled | S::Unknown)
        }
        Event::CancelRequested { .. } => {
            after.cancel_requested && after.state == before.state && !matches!(before.state, S::Intent) && !before.state.is_final()
        }
        Event::OrderSettled { .. } => before.state.is_final() && !before.settled && after.settled,
        Event::OrderFilled { fill } => {
            let whole = after.filled_quantity == after.intent.quantity;
            let state = match before.state {
                _ if whole => S::Filled,
                S::Accepted | S::PartiallyFilled => S::PartiallyFilled,
                ended => ended,
            };
            listed && fill.quantity > 0 && after.state == state && before.state != S::Filled
        }
        _ => before == after,
    }
}

/// What the journalled facts make of the position: executions, openings and corrections.
#[derive(Default)]
struct Sums {
    shares: Decimal,
    charges: Decimal,
    /// The person's part of what came and went outside.
    outside: Decimal,
    cash: Decimal,
}

impl Sums {
    fn add(&mut self, rows: &Rows, event: &Event) {
        let shares = |h: &Holding| if h.reserve { Decimal::ZERO } else { decimal_from_f64(h.quantity).unwrap() };
        match event {
            Event::OpeningHolding { holding } => self.shares += shares(holding),
            Event::HoldingCorrected { holding_id, after, .. } => {
                self.shares -= rows.holdings.get(holding_id).map_or(Decimal::ZERO, shares);
                self.shares += after.as_ref().map_or(Decimal::ZERO, shares);
            }
            Event::OrderFilled { fill } => {
                let buys = rows.orders[&fill.order_id].intent.side == Side::Buy;
                self.shares += Decimal::from(fill.quantity) * if buys { Decimal::ONE } else { -Decimal::ONE };
                self.charges += fill.fee + fill.tax;
                self.cash += if buys { -fill.gross } else { fill.gross } - fill.fee - fill.tax;
            }
            Event::ExternalTradeAdopted { trade } => {
                let sign = if trade.side == Side::Buy { Decimal::ONE } else { -Decimal::ONE };
                self.shares += sign * trade.quantity;
                if trade.bot_id.is_none() {
                    self.outside += sign * trade.quantity;
                }
                if trade.origin == ExternalOrigin::Execution {
                    self.cash -= sign * trade.gross;
                }
            }
            Event::SplitBooked { split } => {
                self.shares = split.quantity_after;
                self.outside += split.own_change;
            }
            Event::ExternalCash { amount, .. } => self.cash += amount,
            _ => {}
        }
    }
}

/// Applies what can be applied; refused facts must leave nothing. Gives the accepted ones.
/// The exposures as the orders make them, each looked at anew.
fn open_of<'o>(orders: impl Iterator<Item = &'o Order>) -> BTreeMap<String, Exposure> {
    let mut open: BTreeMap<String, Exposure> = BTreeMap::new();
    for order in orders {
        let (market, symbol) = (order.intent.market, &order.intent.symbol);
        let of = open.entry(symbol.clone()).or_insert_with(|| Exposure::none(market, symbol));
        of.exchange(order.intent.side, Share::default(), Share::of(order));
    }
    open.retain(|_, exposure| !exposure.is_none());
    open
}

fn run(events: Vec<Event>) -> Result<(Rows, Vec<Fact>), TestCaseError> {
    let (mut rows, mut journal, mut sums) = (Rows::default(), Vec::new(), Sums::default());
    for event in events {
        let fact = Fact { seq: journal.len() as u64 + 1, at: at(journal.len() as i64), actor: Actor::Bot, event };
        let mut next = rows.clone();
        if apply(&mut next, &fact).is_err() {
            prop_assert_eq!(&next, &rows, "a refused {:?} left something", fact.event);
            continue;
        }
        for (id, after) in &next.orders {
            let Some(before) = rows.orders.get(id).filter(|before| *before != after) else { continue };
            prop_assert!(is_legal(before, after, &fact.event), "{:?} took {:?} to {:?}", fact.event, before, after);
            prop_assert!(after.filled_quantity >= before.filled_quantity && after.filled_amount >= before.filled_amount);
            prop_assert!(after.filled_quantity <= after.intent.quantity);
            prop_assert_eq!(&after.intent, &before.intent);
        }
        sums.add(&rows, &fact.event);
        rows = next;
        if let Some(position) = rows.positions.get("TQQQ") {
            let found = (position.quantity, position.charges, position.outside, rows.cash(Currency::Usd).unwrap());
            prop_assert_eq!(found, (sums.shares, sums.charges, sums.outside, sums.cash));
        }
        prop_assert_eq!(&rows.exposures, &open_of(rows.orders.values()), "what is open is what the orders say");
        journal.push(fact);
    }
    Ok((rows, journal))
}

proptest! {
    #[test]
    fn any_sequence_keeps_the_rules_and_replays_to_the_same_rows(events in prop::collection::vec(event(), 1..400)) {
        let (rows, journal) = run(events)?;
        let mut again = Rows::default();
        for fact in &journal {
            apply(&mut again, fact).unwrap();
        }
        prop_assert_eq!(again, rows);
    }

    #[test]
    fn cost_leaves_with_the_shares_and_profit_is_what_remains(trades in prop::collection::vec((1_u64..9, 1_i64..9_000, any::<bool>()), 1..60)) {
        let mut rows = Rows::default();
        let (mut held, mut money) = (0_u64, Decimal::ZERO);
        for (n, (quantity, cents, buys)) in trades.iter().enumerate() {
            let quantity = if *buys { *quantity } else { (*quantity).min(held) };
            if quantity == 0 {
                continue;
            }
            held = if *buys { held + quantity } else { held - quantity };
            let id = OrderId(Uuid::from_u128(n as u128 + 1));
            let fill = Fill { order_id: id, ..fill(0, quantity, *cents) };
            money += fill.gross * if *buys { -Decimal::ONE } else { Decimal::ONE } - fill.fee;
            let side = if *buys { Side::Buy } else { Side::Sell };
            let mut events = accepted(OrderIntent { order_id: id, side, quantity, ..intent(0) });
            events.push(Event::OrderFilled { fill });
            all(&mut rows, events).unwrap();
        }
        let Some(position) = rows.positions.get("TQQQ") else { return Ok(()) };
        // Cash that went out and came back is either bound in what is held or realised.
        let difference = (position.realised - position.cost - money).abs();
        prop_assert!(difference < Decimal::new(1, 12), "{}", difference);
        prop_assert_eq!(position.quantity, Decimal::from(held));
        prop_assert!(position.cost >= -Decimal::new(1, 12));
        if held == 0 {
            prop_assert!(position.cost.abs() < Decimal::new(1, 12));
        }
    }
}

fn accepted(intent: OrderIntent) -> Vec<Event> {
    let order_id = intent.order_id;
    let (broker_order_no, broker_order_date) = ("17".to_owned(), intent.session);
    vec![
        Event::OrderIntended { intent: Box::new(intent) },
        Event::OrderSent { order_id },
        Event::OrderAccepted { order_id, broker_order_no, broker_order_date },
    ]
}

fn all(rows: &mut Rows, events: Vec<Event>) -> Result<(), LedgerError> {
    events.into_iter().try_for_each(|event| apply(rows, &Fact { seq: 1, at: at(1), actor: Actor::Broker, event }))
}

#[test]
fn an_order_that_the_broker_never_took_cannot_be_filled() {
    let mut rows = Rows::default();
    let [intended, sent, _] = <[Event; 3]>::try_from(accepted(intent(0))).unwrap();
    all(&mut rows, vec![intended]).unwrap();
    let filled = || vec![Event::OrderFilled { fill: fill(0, 1, 100) }];
    let refused = |state| Err(LedgerError::NotPossible { id: order_id(0), state });
    assert_eq!(all(&mut rows, filled()), refused(S::Intent));
    all(&mut rows, vec![sent]).unwrap();
    assert_eq!(all(&mut rows, filled()), refused(S::Sent));
    all(&mut rows, vec![Event::OrderUnknown { order_id: order_id(0), reason: reason(false) }]).unwrap();
    assert_eq!(all(&mut rows, filled()), refused(S::Unknown));
    assert!(rows.positions.is_empty());
}

#[test]
fn executions_beyond_the_order_or_without_shares_are_refused() {
    let mut rows = Rows::default();
    all(&mut rows, accepted(intent(0))).unwrap();
    all(&mut rows, vec![Event::OrderFilled { fill: fill(0, 3, 100) }]).unwrap();
    let over = all(&mut rows, vec![Event::OrderFilled { fill: fill(0, 3, 100) }]);
    assert_eq!(over, Err(LedgerError::Overfilled { id: order_id(0), wanted: 5, filled: 6 }));
    let most = all(&mut rows, vec![Event::OrderFilled { fill: Fill { quantity: u64::MAX, ..fill(0, 3, 100) } }]);
    assert!(matches!(most, Err(LedgerError::Overfilled { .. })));
    assert_eq!(all(&mut rows, vec![Event::OrderFilled { fill: fill(0, 0, 100) }]), Err(LedgerError::BadFill(order_id(0))));
    let negative = Fill { gross: Decimal::NEGATIVE_ONE, ..fill(0, 1, 100) };
    assert_eq!(all(&mut rows, vec![Event::OrderFilled { fill: negative }]), Err(LedgerError::BadFill(order_id(0))));
    assert_eq!(rows.orders[&order_id(0)].filled_quantity, 3);
}

#[test]
fn a_fill_after_the_cancel_counts_and_leaves_it_cancelled() {
    let mut rows = Rows::default();
    all(&mut rows, accepted(intent(0))).unwrap();
    all(&mut rows, vec![Event::OrderCancelled { order_id: order_id(0) }, Event::OrderFilled { fill: fill(0, 2, 100) }]).unwrap();
    let order = &rows.orders[&order_id(0)];
    assert_eq!((order.state, order.filled_quantity), (S::Cancelled, 2));
    assert_eq!(rows.positions["TQQQ"].quantity, Decimal::TWO);
}

#[test]
fn an_order_that_was_taken_for_never_placed_can_turn_up_but_a_refused_one_cannot() {
    let found =
        Event::OrderAccepted { order_id: order_id(0), broker_order_no: "17".to_owned(), broker_order_date: jiff::civil::date(2026, 5, 14) };
    for (not_placed, may) in [(true, true), (false, false)] {
        let mut rows = Rows::default();
        let mut events = accepted(intent(0));
        events.truncate(2);
        events.push(Event::OrderRejected { order_id: order_id(0), reason: reason(not_placed) });
        all(&mut rows, events).unwrap();
        assert_eq!(all(&mut rows, vec![found.clone()]).is_ok(), may);
    }
}

#[test]
fn the_same_intent_twice_is_refused() {
    let mut rows = Rows::default();
    all(&mut rows, accepted(intent(0))).unwrap();
    let again = vec![Event::OrderIntended { intent: Box::new(intent(0)) }];
    assert_eq!(all(&mut rows, again), Err(LedgerError::DuplicateIntent(order_id(0))));
}

#[test]
fn a_slice_needs_its_sheet_and_moves_it_on() {
    let mut rows = Rows::default();
    let sheet_id = SheetId(Uuid::from_u128(5));
    let done = |remaining| Event::SliceDone {
        sheet_id,
        fill: Some(SliceFill { kind: TradeKind::Buy, quantity: 2.0, unit_price: 10.0, total: 20.0 }),
        remaining,
    };
    assert_eq!(all(&mut rows, vec![done(80.0)]), Err(LedgerError::UnknownSheet(sheet_id)));
    let sheet = Sheet {
        id: sheet_id,
        bot_id: Some(BotId(Uuid::from_u128(1))),
        name: "TQ_1".to_owned(),
        market: Market::Us,
        symbol: "TQQQ".to_owned(),
        kind: TradeKind::Buy,
        session: jiff::civil::date(2026, 5, 14),
        opened_at: at(0),
        slices_left: 5,
        slices_total: 5,
        remaining: 100.0,
        total: 100.0,
        results: Vec::new(),
    };
    all(&mut rows, vec![Event::SheetPut { sheet }, done(80.0)]).unwrap();
    let sheet = &rows.sheets[&sheet_id];
    assert_eq!((sheet.slices_left, sheet.remaining, sheet.results.len()), (4, 80.0, 1));
}

#[test]
fn bookings_of_own_orders_leave_the_position_to_their_fills() {
    let mut rows = Rows::default();
    let held = holding(0, 4);
    let booking = |origin| Booking {
        bot_id: BotId(Uuid::from_u128(1)),
        name: "TQ_1".to_owned(),
        market: Market::Us,
        symbol: "TQQQ".to_owned(),
        kind: TradeKind::Buy,
        origin,
        holding_after: Some(held.clone()),
        closed: Vec::new(),
        history: HistoryRow {
            id: HistoryId(Uuid::from_u128(77)),
            bot_id: None,
            name: "TQ_1".to_owned(),
            market: Market::Us,
            symbol: "TQQQ".to_owned(),
            kind: TradeKind::Buy,
            cycle_start: at(0),
            traded_at: at(0),
            quantity: Some(4.0),
            quantity_derived: false,
            buy_price: 61.37,
            sell_price: 0.0,
            profit: 0.0,
            profit_rate: 0.0,
            original_cycle_start: None,
        },
    };
    all(&mut rows, vec![Event::Booked { booking: Box::new(booking(BookingOrigin::Sheet)) }]).unwrap();
    assert!(rows.positions.is_empty());
    all(&mut rows, vec![Event::Booked { booking: Box::new(booking(BookingOrigin::ImportedSheet)) }]).unwrap();
    assert_eq!(rows.positions["TQQQ"].quantity, Decimal::from(4));
}
