//! One account's cash, positions and orders.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::order::{ExchangeOrder, Execution, OrderAction, OrderStatus};
use crate::domain::order::Side;

/// A position: cost is the exact sum of what was paid.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Position {
    pub quantity: Decimal,
    /// USD, gross.
    pub cost: Decimal,
}

impl Position {
    /// Average price, USD.
    pub fn average_price(&self) -> Decimal {
        if self.quantity.is_zero() { Decimal::ZERO } else { self.cost / self.quantity }
    }
}

/// The books of one account.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AccountBook {
    /// USD.
    pub cash: Decimal,
    pub positions: BTreeMap<String, Position>,
    /// In order of acceptance.
    pub orders: Vec<ExchangeOrder>,
    /// USD, gross of fees.
    pub realised: Decimal,
    /// USD.
    pub fees: Decimal,
    /// Last order number given on a date.
    last_number: Option<(Date, u64)>,
    /// Displayed size already taken, by symbol and side: the second and the shares.
    taken: Vec<Taken>,
}

/// Shares of one second's displayed size that an account has taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Taken {
    symbol: String,
    side: Side,
    second: i64,
    shares: u64,
}

/// The first order number of every day: numbers repeat, only date and number together are unique.
const FIRST_ORDER_NUMBER: u64 = 30_138_401;

impl AccountBook {
    /// Numbers rise by an uneven step, as other customers order in between.
    pub(super) fn next_number(&mut self, date: Date) -> u64 {
        let number = match self.last_number {
            Some((day, last)) if day == date => last + 1 + last % 7,
            _ => FIRST_ORDER_NUMBER,
        };
        self.last_number = Some((date, number));
        number
    }

    /// USD held back for open buys, fees included.
    pub fn reserved_cash(&self, fee_rate: Decimal) -> Decimal {
        self.orders
            .iter()
            .filter(|order| order.side == Side::Buy)
            .map(|order| Decimal::from(order.open_quantity()) * order.limit * (Decimal::ONE + fee_rate))
            .sum()
    }

    /// Shares of a symbol that are not offered by an open sell.
    pub fn sellable(&self, symbol: &str) -> Decimal {
        let held = self.positions.get(symbol).map_or(Decimal::ZERO, |position| position.quantity);
        let offered: u64 = self
            .orders
            .iter()
            .filter(|order| order.side == Side::Sell && order.listing.symbol == symbol)
            .map(ExchangeOrder::open_quantity)
            .sum();
        (held - Decimal::from(offered)).max(Decimal::ZERO)
    }

    /// The account without the finished orders of the time before `oldest`.
    pub(super) fn since(&self, oldest: Date) -> Self {
        let orders = self.orders.iter().filter(|order| order.date >= oldest || order.open_quantity() > 0).cloned();
        Self { orders: orders.collect(), ..self.clone() }
    }

    /// Shares that the displayed size of a second still has for this account.
    pub(super) fn left_at(&self, symbol: &'static str, side: Side, at: Timestamp, displayed: u64) -> u64 {
        let taken = self.taken.iter().find(|t| t.symbol == symbol && t.side == side && t.second == at.as_second());
        displayed.saturating_sub(taken.map_or(0, |t| t.shares))
    }

    /// Books a trade of the order at `index`: order, position, cash and realised profit together.
    pub(super) fn book(&mut self, index: usize, at: Timestamp, quantity: u64, price: Decimal, fee_rate: Decimal) {
        let Some(order) = self.orders.get_mut(index) else { return };
        let shares = Decimal::from(quantity);
        let gross = shares * price;
        let fee = (gross * fee_rate).round_dp(2);
        order.filled += quantity;
        order.amount += gross;
        order.executions.push(Execution { at, quantity, price, fee });
        if order.filled + order.cancelled >= order.quantity {
            order.status = OrderStatus::Filled;
        }
        let (symbol, side) = (order.listing.symbol, order.side);
        let second = at.as_second();
        match self.taken.iter_mut().find(|t| t.symbol == symbol && t.side == side) {
            Some(taken) if taken.second == second => taken.shares += quantity,
            Some(taken) => (taken.second, taken.shares) = (second, quantity),
            None => self.taken.push(Taken { symbol: symbol.to_owned(), side, second, shares: quantity }),
        }
        self.fees += fee;
        let position = self.positions.entry(symbol.to_owned()).or_default();
        match side {
            Side::Buy => {
                position.quantity += shares;
                position.cost += gross;
                self.cash -= gross + fee;
            }
            Side::Sell => {
                let cost = position.average_price() * shares;
                position.quantity -= shares;
                position.cost -= cost;
                self.cash += gross - fee;
                self.realised += gross - cost;
                if position.quantity <= Decimal::ZERO {
                    self.positions.remove(symbol);
                }
            }
        }
    }

    /// The order with a number on a date.
    pub fn find(&self, date: Date, number: u64) -> Option<usize> {
        self.orders.iter().position(|order| order.date == date && order.number == number && order.action != OrderAction::Cancel)
    }

    /// Gross amounts and shares bought or sold of a symbol on a date (all symbols when `None`).
    pub fn traded(&self, symbol: Option<&str>, side: Side, date: Date) -> (u64, Decimal) {
        self.orders
            .iter()
            .filter(|order| order.side == side && order.date == date && symbol.is_none_or(|symbol| order.listing.symbol == symbol))
            .fold((0, Decimal::ZERO), |(shares, amount), order| (shares + order.filled, amount + order.amount))
    }
}
