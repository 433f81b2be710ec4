//! What must hold between the rows of an account, whatever facts made them. Replaying the facts shows
//! that every row is what its facts say; this shows that the facts agree with each other.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::{Decimal, dec};
use serde_json::{Value, json};

use super::ledger::account_key;
use super::port::StoreError;
use super::tables::{HOLDINGS, OPEN_ORDERS, ORDERS, POSITIONS, SHEETS};
use super::verify::Difference;
use super::view::UserView;
use crate::domain::account::Account;
use crate::domain::bot::{Holding, Sheet};
use crate::domain::id::OrderId;
use crate::domain::instrument::Market;
use crate::domain::ledger::Position;
use crate::domain::money::decimal_from_f64;
use crate::domain::order::{Order, OrderOrigin, Side};

/// Bots' shares are added up in floats, positions in decimals; only imports bring fractions.
const ROUNDING: Decimal = dec!(0.000001);

/// Compares the rows of one account with each other.
///
/// # Errors
/// `Corrupt` when a row cannot be read.
pub(super) fn check(user: &UserView<'_>, account: &Account) -> Result<Vec<Difference>, StoreError> {
    let orders: Vec<Order> = user.list(&ORDERS, &account_key(account.id))?;
    let mut found = index_of_open_orders(user, account, &orders)?;
    found.extend(shares(user, account, &orders)?);
    Ok(found.into_iter().map(|b| b.of(user, account)).collect())
}

/// A row that does not fit the others.
struct Broken {
    table: &'static str,
    row: String,
    expected: Value,
    found: Value,
}

impl Broken {
    fn of(self, user: &UserView<'_>, account: &Account) -> Difference {
        let Self { table, row, expected, found } = self;
        Difference { user_id: user.user_id(), account_id: account.id, table, row, expected, found }
    }
}

/// An order is in the index exactly while it is open or its result was not taken: one that is missing
/// would never be looked at again, one too many would stop the account's work.
fn index_of_open_orders(user: &UserView<'_>, account: &Account, orders: &[Order]) -> Result<Vec<Broken>, StoreError> {
    let order_of = |key: &[u8]| key.get(16..).and_then(|id| <[u8; 16]>::try_from(id).ok()).map(|id| OrderId(uuid::Uuid::from_bytes(id)));
    let keys = user.keys(&OPEN_ORDERS, &account_key(account.id))?;
    let mut listed = BTreeSet::new();
    for key in keys {
        listed.insert(order_of(&key).ok_or_else(|| StoreError::Corrupt("a key of the index of open orders".to_owned()))?);
    }
    let mut found = Vec::new();
    let broken = |id: OrderId, expected, found| Broken { table: OPEN_ORDERS.name, row: id.to_string(), expected, found };
    for order in orders {
        let id = order.intent.order_id;
        let state = json!({ "state": order.state, "settled": order.settled });
        let open = !(order.state.is_final() && order.settled);
        match (open, listed.remove(&id)) {
            (true, false) => found.push(broken(id, state, Value::Null)),
            (false, true) => found.push(broken(id, Value::Null, state)),
            _ => {}
        }
    }
    found.extend(listed.into_iter().map(|id| broken(id, Value::Null, json!("no such order"))));
    Ok(found)
}

/// Who owns shares of one instrument, by the bots' names.
#[derive(Default)]
struct Owners {
    bots: BTreeMap<String, Decimal>,
    /// Filled in open sheets and not booked to the bot yet.
    sheets: BTreeMap<String, Decimal>,
    /// Filled by orders whose result was not taken yet.
    orders: BTreeMap<String, Decimal>,
    /// Bought less sold by a person's own orders.
    own: Decimal,
}

impl Owners {
    fn sum(&self) -> Decimal {
        [&self.bots, &self.sheets, &self.orders].into_iter().flat_map(BTreeMap::values).sum::<Decimal>() + self.own
    }
}

/// Bots, open sheets, results not taken and the person's own orders against the position. What is left
/// over is nobody's: shares traded outside, fractions that a bot's full sale leaves, executions that
/// came after their bot was deleted. There may be such shares, but never fewer than none: an account
/// cannot hold less than what its bots believe to have, unless it is booked that a bot sold the
/// others' shares. An imported sheet counts only once its owner
/// has had it booked, a correction moves bot and position alike.
fn shares(user: &UserView<'_>, account: &Account, orders: &[Order]) -> Result<Vec<Broken>, StoreError> {
    let key = account_key(account.id);
    let mut owners: BTreeMap<(Market, String), Owners> = BTreeMap::new();
    let holdings: Vec<Holding> = user.list(&HOLDINGS, &key)?;
    for holding in holdings.iter().filter(|h| !h.reserve) {
        let of = owners.entry((holding.market, holding.symbol.clone())).or_default();
        *of.bots.entry(holding.name.clone()).or_default() += number(holding.quantity)?;
    }
    let imported = |sheet: &Sheet| account.imported.as_ref().is_some_and(|mark| sheet.opened_at <= mark.at);
    let sheets: Vec<Sheet> = user.list(&SHEETS, &key)?;
    for sheet in sheets.iter().filter(|s| !imported(s)) {
        let of = owners.entry((sheet.market, sheet.symbol.clone())).or_default();
        for fill in sheet.fills() {
            let quantity = number(fill.quantity)?;
            *of.sheets.entry(sheet.name.clone()).or_default() += if sheet.kind.is_buy() { quantity } else { -quantity };
        }
    }
    for order in orders.iter().filter(|o| o.filled_quantity > 0) {
        let intent = &order.intent;
        let of = owners.entry((intent.market, intent.symbol.clone())).or_default();
        let quantity = Decimal::from(order.filled_quantity);
        let signed = if intent.side == Side::Buy { quantity } else { -quantity };
        match intent.origin {
            OrderOrigin::Ticket => of.own += signed,
            _ if order.settled => {}
            _ => *of.orders.entry(intent.bot_name.clone()).or_default() += signed,
        }
    }
    let positions: Vec<Position> = user.list(&POSITIONS, &key)?;
    let held = |market: Market, symbol: &str| positions.iter().find(|p| p.market == market && p.symbol == symbol).map(|p| p.quantity);
    let oversold = |market: Market, symbol: &str| {
        positions.iter().find(|p| p.market == market && p.symbol == symbol).map_or(Decimal::ZERO, |p| p.oversold)
    };
    let mut found = Vec::new();
    for ((market, symbol), of) in owners {
        let quantity = held(market, &symbol).unwrap_or_default();
        let expected = of.sum() - oversold(market, &symbol);
        if quantity < expected - ROUNDING {
            found.push(Broken {
                table: POSITIONS.name,
                row: format!("{}:{symbol}", market.code()),
                expected: json!({
                    "at_least": expected, "bots": of.bots, "open_sheets": of.sheets, "results_not_taken": of.orders, "own_orders": of.own,
                }),
                found: json!({ "quantity": quantity }),
            });
        }
    }
    Ok(found)
}

fn number(value: f64) -> Result<Decimal, StoreError> {
    decimal_from_f64(value).ok_or_else(|| StoreError::Corrupt(format!("{value} is no number of shares")))
}
