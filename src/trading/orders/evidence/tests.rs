//! What each kind of list entry proves about each kind of order.

use jiff::civil::date;
use uuid::Uuid;

use super::*;
use crate::domain::id::{AccountId, OrderId};
use crate::domain::instrument::Market;
use crate::domain::order::{Environment, NOT_PLACED, OrderIntent, OrderOrigin, Side};

const SESSION: Date = date(2026, 5, 14);

fn at(time: &str) -> Timestamp {
    format!("2026-05-14T{time}Z").parse().unwrap()
}

fn close() -> Timestamp {
    at("20:00:00")
}

/// Ten TQQQ at 61.37, made at 15:10:00.
fn order(state: OrderState) -> Order {
    let intent = OrderIntent {
        order_id: OrderId(Uuid::from_u128(1)),
        account_id: AccountId(Uuid::from_u128(2)),
        bot_id: None,
        bot_name: "TQ_1".to_owned(),
        environment: Environment::Mock,
        market: Market::Us,
        symbol: "TQQQ".to_owned(),
        side: Side::Buy,
        quantity: 10,
        kind: crate::domain::order::OrderKind::Limit,
        limit_price: Some(Decimal::new(6_137, 2)),
        trigger_price: None,
        venue: crate::domain::order::Venue::Krx,
        origin: OrderOrigin::Closing,
        session: SESSION,
        expires_at: at("15:15:00"),
    };
    let taken = !matches!(state, OrderState::Intent | OrderState::Sent | OrderState::Unknown | OrderState::Rejected);
    Order {
        intent,
        state,
        broker_order_no: taken.then(|| "0000038614".to_owned()),
        broker_order_date: taken.then_some(SESSION),
        filled_quantity: 0,
        filled_amount: Decimal::ZERO,
        reason: None,
        cancel_requested: false,
        earlier: Vec::new(),
        amending: None,
        settled: false,
        created_at: at("15:10:00"),
        updated_at: at("15:10:01"),
    }
}

fn entry(filled: u64, open: u64) -> BrokerOrder {
    BrokerOrder {
        broker_order_no: "0000038614".to_owned(),
        order_date: SESSION,
        ordered_at: Some(at("15:10:01")),
        symbol: "TQQQ".to_owned(),
        side: Side::Buy,
        quantity: 10,
        price: Decimal::new(613_700, 4),
        filled_quantity: filled,
        filled_amount: Decimal::from(filled) * Decimal::new(61, 0),
        open_quantity: open,
        rejected: false,
        status_text: String::new(),
        original_order_no: None,
    }
}

fn read(order: &Order, listed: Vec<BrokerOrder>, own: &OwnNumbers, at: Timestamp) -> Finding {
    examine(order, &Reading { listed, at, commission: Some(Decimal::new(9, 4)), funds: BTreeSet::new() }, own, close())
}

fn facts(order: &Order, listed: BrokerOrder, time: &str) -> Vec<String> {
    match read(order, vec![listed], &OwnNumbers::default(), at(time)) {
        Finding::Facts(events) => events.iter().map(word).collect(),
        other => panic!("{other:?}"),
    }
}

fn word(event: &Event) -> String {
    match event {
        Event::OrderAccepted { broker_order_no, broker_order_date, .. } => format!("accepted {broker_order_no} {broker_order_date}"),
        Event::OrderFilled { fill } => format!("filled {} for {} fee {}", fill.quantity, fill.gross, fill.fee),
        Event::OrderRejected { reason, .. } => format!("rejected {}", reason.code),
        Event::OrderCancelled { .. } => "cancelled".to_owned(),
        Event::OrderExpired { .. } => "expired".to_owned(),
        other => format!("{other:?}"),
    }
}

#[test]
fn each_entry_proves_what_it_says() {
    let accepted = order(OrderState::Accepted);
    let cancelling = Order { cancel_requested: true, ..accepted.clone() };
    let three = Order { state: OrderState::PartiallyFilled, filled_quantity: 3, filled_amount: Decimal::from(183), ..accepted.clone() };
    let three_cancelling = Order { cancel_requested: true, ..three.clone() };
    let cancelled = Order { state: OrderState::Cancelled, ..three.clone() };
    let rejected = |filled| BrokerOrder { rejected: true, status_text: "거부".to_owned(), ..entry(filled, 0) };
    let nothing: [&str; 0] = [];
    let table: [(&str, &Order, BrokerOrder, &str, Vec<&str>); 18] = [
        ("open and untouched", &accepted, entry(0, 10), "15:11:00", nothing.to_vec()),
        ("the first part", &accepted, entry(3, 7), "15:11:00", vec!["filled 3 for 183 fee 0.16"]),
        ("more of it", &three, entry(7, 3), "15:11:00", vec!["filled 4 for 244 fee 0.22"]),
        ("nothing new", &three, entry(3, 7), "15:11:00", nothing.to_vec()),
        ("an older page than the last", &three, entry(2, 8), "15:11:00", nothing.to_vec()),
        ("all at once", &accepted, entry(10, 0), "15:11:00", vec!["filled 10 for 610 fee 0.55"]),
        ("the rest", &three, entry(10, 0), "15:11:00", vec!["filled 7 for 427 fee 0.39"]),
        ("cancelled untouched", &cancelling, entry(0, 0), "15:15:02", vec!["cancelled"]),
        ("cancelled after a part that was not known", &cancelling, entry(4, 0), "15:15:02", vec!["filled 4 for 244 fee 0.22", "cancelled"]),
        ("cancelled after a part that was known", &three_cancelling, entry(3, 0), "15:15:02", vec!["cancelled"]),
        ("filled before the cancel came", &three_cancelling, entry(10, 0), "15:15:02", vec!["filled 7 for 427 fee 0.39"]),
        ("a late execution of a cancelled order", &cancelled, entry(4, 0), "15:16:00", vec!["filled 1 for 61 fee 0.06"]),
        ("refused by the exchange", &accepted, rejected(0), "15:10:05", vec!["rejected broker_rejected"]),
        ("refused after a part", &three, rejected(3), "15:10:05", vec!["cancelled"]),
        ("a list that lags behind the receipt", &accepted, entry(0, 0), "15:10:02", nothing.to_vec()),
        ("cancelled by somebody else", &accepted, entry(0, 0), "15:11:00", vec!["cancelled"]),
        ("ended with the session", &accepted, entry(2, 0), "20:00:00", vec!["filled 2 for 122 fee 0.11", "expired"]),
        ("still open in the final list", &accepted, entry(0, 10), "20:10:00", vec!["expired"]),
    ];
    for (name, order, listed, time, expected) in table {
        assert_eq!(facts(order, listed, time), expected, "{name}");
    }
}

#[test]
fn a_number_is_the_same_with_and_without_leading_zeros() {
    let short = BrokerOrder { broker_order_no: "38614".to_owned(), ..entry(10, 0) };
    assert_eq!(facts(&order(OrderState::Accepted), short.clone(), "15:11:00").len(), 1);
    let mut own = OwnNumbers::default();
    own.insert(SESSION, "0000038614");
    assert_eq!(read(&order(OrderState::Unknown), vec![short], &own, at("15:11:00")), Finding::Absent, "it is another order of ours");
}

#[test]
fn a_known_order_is_told_by_number_and_day() {
    let accepted = order(OrderState::Accepted);
    let read = |listed| read(&accepted, vec![listed], &OwnNumbers::default(), at("15:11:00"));
    let other_number = BrokerOrder { broker_order_no: "38615".to_owned(), ..entry(10, 0) };
    assert_eq!(read(other_number), Finding::Absent);
    let last_month = BrokerOrder { order_date: date(2026, 4, 14), ..entry(10, 0) };
    assert_eq!(read(last_month), Finding::Absent, "numbers begin again every day");
    let next_day = BrokerOrder { order_date: date(2026, 5, 15), ..entry(10, 0) };
    assert!(matches!(read(next_day.clone()), Finding::Facts(events) if events.len() == 1), "the broker's day may be another");
    let next_days = BrokerOrder { quantity: 11, ..next_day };
    assert_eq!(read(next_days), Finding::Absent, "a day off needs the same terms");
}

#[test]
fn an_entry_of_another_symbol_or_side_is_another_order() {
    let accepted = order(OrderState::Accepted);
    for stranger in [BrokerOrder { symbol: "SOXL".to_owned(), ..entry(10, 0) }, BrokerOrder { side: Side::Sell, ..entry(10, 0) }] {
        assert_eq!(read(&accepted, vec![stranger.clone()], &OwnNumbers::default(), at("15:11:00")), Finding::Absent);
        let found = read(&accepted, vec![stranger, entry(3, 7)], &OwnNumbers::default(), at("15:11:00"));
        assert!(matches!(&found, Finding::Facts(events) if events.len() == 1), "{found:?}");
    }
}

#[test]
fn an_unknown_order_is_found_by_terms_time_and_what_is_nobody_elses() {
    let unknown = order(OrderState::Unknown);
    let found = |listed: BrokerOrder| match read(&unknown, vec![listed], &OwnNumbers::default(), at("15:11:00")) {
        Finding::Facts(events) => events.iter().map(word).collect::<Vec<_>>().join(", "),
        other => format!("{other:?}"),
    };
    assert_eq!(found(entry(0, 10)), "accepted 0000038614 2026-05-14");
    assert_eq!(found(entry(4, 6)), "accepted 0000038614 2026-05-14, filled 4 for 244 fee 0.22");
    assert_eq!(found(BrokerOrder { rejected: true, ..entry(0, 0) }), "accepted 0000038614 2026-05-14, rejected broker_rejected");
    assert_eq!(found(BrokerOrder { ordered_at: Some(at("15:08:01")), ..entry(0, 10) }), "accepted 0000038614 2026-05-14", "clock slack");
    assert_eq!(found(BrokerOrder { ordered_at: None, ..entry(0, 10) }), "accepted 0000038614 2026-05-14");
    let others = [
        BrokerOrder { symbol: "SOXL".to_owned(), ..entry(0, 10) },
        BrokerOrder { side: Side::Sell, ..entry(0, 10) },
        BrokerOrder { quantity: 9, ..entry(0, 9) },
        BrokerOrder { price: Decimal::new(6_138, 2), ..entry(0, 10) },
        BrokerOrder { ordered_at: Some(at("15:07:00")), ..entry(0, 10) },
        BrokerOrder { order_date: date(2026, 5, 13), ordered_at: None, ..entry(0, 10) },
    ];
    for other in others {
        assert_eq!(found(other.clone()), "Absent", "{other:?}");
    }
}

#[test]
fn an_identical_order_of_ours_on_the_same_day_is_not_the_unknown_one() {
    let first = order(OrderState::Cancelled);
    let own: OwnNumbers = [&first].into_iter().collect();
    let unknown = order(OrderState::Unknown);
    let twin = BrokerOrder { broker_order_no: "38700".to_owned(), ..entry(0, 10) };
    assert_eq!(read(&unknown, vec![entry(0, 0)], &own, at("15:11:00")), Finding::Absent);
    let Finding::Facts(events) = read(&unknown, vec![entry(0, 0), twin], &own, at("15:11:00")) else { panic!("not found") };
    assert_eq!(events.iter().map(word).collect::<Vec<_>>(), ["accepted 38700 2026-05-14"]);
}

#[test]
fn strangers_of_the_same_terms_are_told_apart_by_time_or_not_at_all() {
    let unknown = order(OrderState::Unknown);
    let none = OwnNumbers::default();
    let late = BrokerOrder { broker_order_no: "2".to_owned(), ordered_at: Some(at("16:30:00")), ..entry(0, 10) };
    let Finding::Facts(events) = read(&unknown, vec![late.clone(), entry(0, 10)], &none, at("16:31:00")) else { panic!("not found") };
    assert_eq!(events.iter().map(word).collect::<Vec<_>>(), ["accepted 0000038614 2026-05-14"], "only one can have come from here");
    let twin = BrokerOrder { broker_order_no: "3".to_owned(), ordered_at: Some(at("15:10:20")), ..entry(0, 10) };
    let both = vec![twin, entry(10, 0)];
    assert_eq!(read(&unknown, both.clone(), &none, at("15:11:00")), Finding::Ambiguous(vec!["3".to_owned(), "0000038614".to_owned()]));
    let Finding::Facts(events) = read(&unknown, both, &none, at("20:10:00")) else { panic!("the final list decides") };
    assert_eq!(events.iter().map(word).collect::<Vec<_>>(), ["accepted 0000038614 2026-05-14", "filled 10 for 610 fee 0.55"]);
}

#[test]
fn an_order_taken_for_never_placed_is_found_only_at_exactly_its_time() {
    let reason = Reason::new(NOT_PLACED, String::new());
    let gone = Order { reason: Some(reason), settled: true, ..order(OrderState::Rejected) };
    let words = |listed| match read(&gone, listed, &OwnNumbers::default(), at("15:20:00")) {
        Finding::Facts(events) => events.iter().map(word).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(words(vec![entry(10, 0)]), ["accepted 0000038614 2026-05-14", "filled 10 for 610 fee 0.55"]);
    assert!(words(vec![BrokerOrder { ordered_at: Some(at("15:16:00")), ..entry(10, 0) }]).is_empty());
    assert!(words(vec![BrokerOrder { ordered_at: None, ..entry(10, 0) }]).is_empty());
    assert!(words(vec![entry(10, 0), BrokerOrder { broker_order_no: "3".to_owned(), ..entry(10, 0) }]).is_empty());
    let refused = Order { reason: Some(Reason::new("market_closed", String::new())), ..gone };
    assert_eq!(read(&refused, vec![entry(10, 0)], &OwnNumbers::default(), at("15:20:00")), Finding::Facts(Vec::new()));
}

#[test]
fn the_broker_is_believed_even_when_its_amounts_shrink() {
    let three =
        Order { state: OrderState::PartiallyFilled, filled_quantity: 3, filled_amount: Decimal::from(200), ..order(OrderState::Accepted) };
    let corrected = BrokerOrder { filled_amount: Decimal::from(190), ..entry(4, 6) };
    assert_eq!(facts(&three, corrected, "15:11:00"), ["filled 1 for 0 fee 0"], "never a negative amount");
}
