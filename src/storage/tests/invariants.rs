//! Rows that do not fit each other: each is put into a store that verification found in order.

use jiff::Timestamp;
use rust_decimal::{Decimal, dec};
use serde_json::json;
use uuid::Uuid;

use super::super::tables::{ACCOUNTS, HOLDINGS, Number, OPEN_ORDERS, ORDERS, POSITIONS, SHEETS, UserTable};
use super::super::{Difference, Key, Record, Store, StoreError, UserTx, account_key, verify};
use super::{at, intent};
use crate::domain::account::ImportMark;
use crate::domain::bot::{Bot, HistoryRow, Holding, Sheet, SliceFill, TradeKind};
use crate::domain::fact::{Actor, Booking, BookingOrigin, Event};
use crate::domain::id::{AccountId, BotId, HistoryId, HoldingId, OrderId, SheetId, UserId};
use crate::domain::instrument::Market;
use crate::domain::ledger::Position;
use crate::domain::money::Currency;
use crate::domain::order::{Fill, Order, OrderIntent, OrderOrigin, Side};
use crate::domain::samples;

const USER: UserId = UserId(Uuid::from_u128(1));
const ACCOUNT: AccountId = AccountId(Uuid::from_u128(2));
const BOT: BotId = BotId(Uuid::from_u128(3));
const HOLDING: HoldingId = HoldingId(Uuid::from_u128(4));
const SHEET: SheetId = SheetId(Uuid::from_u128(5));
const WAITING: OrderId = OrderId(Uuid::from_u128(6));
const DONE: OrderId = OrderId(Uuid::from_u128(7));
const OWN: OrderId = OrderId(Uuid::from_u128(8));

fn key() -> Key {
    account_key(ACCOUNT)
}

fn holding(id: HoldingId, quantity: f64) -> Holding {
    let bot = Bot { id: BOT, ..samples::bot("TQ_1", "TQQQ") };
    Holding { id, ..samples::holding(&bot, 0, quantity, 60.0, at(1)) }
}

fn sheet(id: SheetId, opened_at: Timestamp, filled: f64) -> Sheet {
    let fill = SliceFill { kind: TradeKind::Buy, quantity: filled, unit_price: 60.0, total: 60.0 * filled };
    Sheet {
        id,
        bot_id: Some(BOT),
        name: "TQ_1".to_owned(),
        market: Market::Us,
        symbol: "TQQQ".to_owned(),
        kind: TradeKind::Buy,
        session: jiff::civil::date(2026, 5, 14),
        opened_at,
        slices_left: 3,
        slices_total: 5,
        remaining: 600.0,
        total: 1_000.0,
        results: vec![None, (filled > 0.0).then_some(fill)],
    }
}

/// An order that was filled, and what became of its result.
fn filled(id: OrderId, origin: OrderOrigin, side: Side, quantity: u64, taken: bool) -> Vec<Event> {
    let wanted = OrderIntent { order_id: id, origin, side, quantity, ..intent(ACCOUNT) };
    let fill = Fill {
        order_id: id,
        quantity,
        price: dec!(60),
        gross: dec!(60) * Decimal::from(quantity),
        fee: Decimal::ZERO,
        tax: Decimal::ZERO,
        currency: Currency::Usd,
    };
    let mut events = vec![
        Event::OrderIntended { intent: Box::new(wanted) },
        Event::OrderSent { order_id: id },
        Event::OrderAccepted { order_id: id, broker_order_no: "1".to_owned(), broker_order_date: jiff::civil::date(2026, 5, 14) },
        Event::OrderFilled { fill },
    ];
    events.extend(taken.then_some(Event::OrderSettled { order_id: id }));
    events
}

fn write(store: &Store, f: impl Fn(&mut UserTx<'_>) -> Result<(), StoreError> + Send + 'static) {
    store.write_blocking(move |tx| f(&mut tx.user(USER))).unwrap();
}

fn record(store: &Store, events: Vec<Event>) {
    write(store, move |tx| tx.record(ACCOUNT, at(10), Actor::Bot, events.clone()).map(drop));
}

/// 40 shares of a bot, 2 in its open sheet, 3 of an order whose result is still to be taken, and 4 of
/// a person's: 49 in all.
fn store() -> Store {
    let store = Store::in_memory().unwrap();
    store.write_blocking(|tx| verify::test_account(tx, USER, ACCOUNT)).unwrap();
    record(&store, vec![Event::OpeningHolding { holding: holding(HOLDING, 40.0) }]);
    let slice = |slice| OrderOrigin::Slice { sheet_id: SHEET, slice };
    record(&store, filled(DONE, slice(1), Side::Buy, 2, true));
    record(&store, vec![Event::SheetPut { sheet: sheet(SHEET, at(5), 2.0) }]);
    record(&store, filled(WAITING, slice(2), Side::Buy, 3, false));
    record(&store, filled(OWN, OrderOrigin::Ticket, Side::Buy, 4, true));
    let position = store.user(USER).read(|v| v.list::<Position>(&POSITIONS, &key())).unwrap();
    assert_eq!(position.first().map(|p| p.quantity), Some(dec!(49)));
    assert_eq!(store.verify().unwrap().differences, []);
    store
}

fn edit<R: Record + 'static>(store: &Store, table: &'static UserTable<R>, key: Key, change: fn(&mut R)) {
    write(store, move |tx| {
        let mut row = tx.require(table, &key)?;
        change(&mut row);
        tx.put(table, &key, &row)
    });
}

/// What verification says about shares.
fn shares(store: &Store) -> Vec<Difference> {
    let of_shares = |d: &Difference| d.table == "positions" && d.expected.get("at_least").is_some();
    store.verify().unwrap().differences.into_iter().filter(of_shares).collect()
}

#[test]
fn bots_that_hold_more_than_the_account_are_named() {
    let store = store();
    edit(&store, &HOLDINGS, key().id(HOLDING.as_bytes()), |h| h.quantity = 41.0);
    let found = shares(&store);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].user_id, found[0].account_id, found[0].row.as_str()), (USER, ACCOUNT, "US:TQQQ"));
    let expected = json!({
        "at_least": "50", "bots": {"TQ_1": "41"}, "open_sheets": {"TQ_1": "2"}, "results_not_taken": {"TQ_1": "3"}, "own_orders": "4",
    });
    assert_eq!((&found[0].expected, &found[0].found), (&expected, &json!({"quantity": "49"})));
}

#[test]
fn sheets_orders_and_positions_count_too() {
    let rows: [fn(&Store); 4] = [
        |s| edit(s, &POSITIONS, key().text("US").text("TQQQ"), |p| p.quantity = dec!(48)),
        |s| edit(s, &SHEETS, key().id(SHEET.as_bytes()), |sheet| *sheet = self::sheet(SHEET, at(5), 3.0)),
        |s| edit(s, &ORDERS, key().id(DONE.as_bytes()), |o| o.settled = false),
        |s| edit(s, &ORDERS, key().id(OWN.as_bytes()), |o| o.filled_quantity = 5),
    ];
    for (place, damage) in rows.iter().enumerate() {
        let store = store();
        damage(&store);
        assert_eq!(shares(&store).len(), 1, "row {place}");
    }
    let store = store();
    write(&store, |tx| tx.remove(&POSITIONS, &key().text("US").text("TQQQ")));
    assert_eq!(shares(&store)[0].found, json!({"quantity": "0"}), "a position that is gone counts as none");
}

#[test]
fn facts_that_book_shares_twice_are_found_though_every_row_follows_from_them() {
    let store = store();
    let twice = holding(HOLDING, 42.0);
    let row = HistoryRow {
        id: HistoryId(Uuid::from_u128(9)),
        bot_id: Some(BOT),
        name: "TQ_1".to_owned(),
        market: Market::Us,
        symbol: "TQQQ".to_owned(),
        kind: TradeKind::Buy,
        cycle_start: at(1),
        traded_at: at(10),
        quantity: Some(2.0),
        quantity_derived: false,
        buy_price: 60.0,
        sell_price: 0.0,
        profit: 0.0,
        profit_rate: 0.0,
        original_cycle_start: None,
    };
    let booking = Booking {
        bot_id: BOT,
        name: "TQ_1".to_owned(),
        market: Market::Us,
        symbol: "TQQQ".to_owned(),
        kind: TradeKind::Buy,
        origin: BookingOrigin::Sheet,
        holding_after: Some(twice),
        closed: Vec::new(),
        history: row,
    };
    // Booked, but its sheet stays open.
    record(&store, vec![Event::Booked { booking: Box::new(booking) }]);
    let found = store.verify().unwrap().differences;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].expected["at_least"], json!("51"));
}

#[test]
fn imports_corrections_reserves_and_outside_trades_are_in_order() {
    let store = store();
    // Shares that nobody's bot has.
    record(&store, filled(OrderId(Uuid::from_u128(20)), OrderOrigin::Closing, Side::Buy, 7, true));
    // A person sells what they bought, and what nobody else owns.
    record(&store, filled(OrderId(Uuid::from_u128(21)), OrderOrigin::Ticket, Side::Sell, 11, true));
    assert_eq!(store.verify().unwrap().differences, []);
    // A correction moves bot and position alike, a fraction of an old database included.
    for (quantity, note) in [(17.3, "fewer"), (90.1, "more"), (40.0, "as before")] {
        let after = Some(holding(HOLDING, quantity));
        record(&store, vec![Event::HoldingCorrected { holding_id: HOLDING, after, note: note.to_owned() }]);
        assert_eq!(store.verify().unwrap().differences, [], "{note}");
    }
    let reserve =
        Holding { id: HoldingId(Uuid::from_u128(30)), bot_id: None, name: "RP".to_owned(), reserve: true, ..holding(HOLDING, 5_000.0) };
    record(&store, vec![Event::OpeningHolding { holding: reserve }]);
    // The fills of an imported sheet are in no position before they are booked.
    edit(&store, &ACCOUNTS, key(), |account| {
        account.imported = Some(ImportMark {
            db_sha256: String::new(),
            db_name: String::new(),
            key_store_sha256: None,
            env_sha256: None,
            at: at(3),
            last_fact: 0,
            version: 1,
        });
    });
    record(&store, vec![Event::OpeningSheet { sheet: sheet(SheetId(Uuid::from_u128(31)), at(2), 25.0) }]);
    assert_eq!(store.verify().unwrap().differences, []);
}

#[test]
fn the_index_of_open_orders_is_compared_with_the_orders() {
    let index = |store: &Store| {
        let found = store.verify().unwrap().differences;
        found.into_iter().filter(|d| d.table == "open_orders").map(|d| (d.row, d.expected, d.found)).collect::<Vec<_>>()
    };
    let open = json!({"state": "filled", "settled": false});
    let done = json!({"state": "filled", "settled": true});

    let lost = store();
    write(&lost, |tx| tx.remove(&OPEN_ORDERS, &key().id(WAITING.as_bytes())));
    assert_eq!(index(&lost), [(WAITING.to_string(), open, json!(null))]);

    let stale = store();
    write(&stale, |tx| tx.put(&OPEN_ORDERS, &key().id(DONE.as_bytes()), &Number(0)));
    assert_eq!(index(&stale), [(DONE.to_string(), json!(null), done)]);

    let empty = store();
    let nobody = OrderId(Uuid::from_u128(99));
    write(&empty, move |tx| tx.put(&OPEN_ORDERS, &key().id(nobody.as_bytes()), &Number(0)));
    assert_eq!(index(&empty), [(nobody.to_string(), json!(null), json!("no such order"))]);

    let settled = store();
    edit(&settled, &ORDERS, key().id(WAITING.as_bytes()), |o: &mut Order| o.settled = true);
    assert_eq!(index(&settled).len(), 1, "the order's own row counts");
}
