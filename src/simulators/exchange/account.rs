//! One account's cash, positions and orders.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::Rules;
use super::order::{ExchangeOrder, Execution, OrderAction, OrderStatus};
use crate::domain::instrument::Market;
use crate::domain::money::Currency;
use crate::domain::order::Side;

/// A position: cost is the exact sum of what was paid.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Position {
    pub quantity: Decimal,
    /// Gross, in the currency of the instrument's market.
    pub cost: Decimal,
}

/// An amount in each currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Purse {
    pub usd: Decimal,
    pub krw: Decimal,
}

impl Purse {
    pub fn get(&self, currency: Currency) -> Decimal {
        match currency {
            Currency::Usd => self.usd,
            Currency::Krw => self.krw,
        }
    }

    fn add(&mut self, currency: Currency, amount: Decimal) {
        match currency {
            Currency::Usd => self.usd += amount,
            Currency::Krw => self.krw += amount,
        }
    }
}

/// Won that a trade moves when it settles.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Settlement {
    on: Date,
    amount: Decimal,
}

impl Position {
    /// Average price.
    pub fn average_price(&self) -> Decimal {
        if self.quantity.is_zero() { Decimal::ZERO } else { self.cost / self.quantity }
    }
}

/// The books of one account.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AccountBook {
    /// As of the trades, settled or not.
    pub cash: Purse,
    pub positions: BTreeMap<String, Position>,
    /// In order of acceptance.
    pub orders: Vec<ExchangeOrder>,
    /// Gross of fees and taxes.
    pub realised: Purse,
    pub fees: Purse,
    pub taxes: Purse,
    /// Won trades that had not settled when they were booked.
    settlements: Vec<Settlement>,
    /// Last order number given in a market on a date.
    last_numbers: HashMap<Market, (Date, u64)>,
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
fn first_order_number(market: Market) -> u64 {
    match market {
        Market::Us => 30_138_401,
        Market::Krx => 117_057,
    }
}

impl AccountBook {
    /// Numbers rise by an uneven step, as other customers order in between.
    pub(super) fn next_number(&mut self, market: Market, date: Date) -> u64 {
        let number = match self.last_numbers.get(&market) {
            Some((day, last)) if *day == date => last + 1 + last % 7,
            _ => first_order_number(market),
        };
        self.last_numbers.insert(market, (date, number));
        number
    }

    /// Cash held back for open buys, fees included.
    pub fn reserved_cash(&self, currency: Currency, fee_rate: Decimal) -> Decimal {
        self.orders
            .iter()
            .filter(|order| order.side == Side::Buy && order.listing.currency() == currency)
            .map(|order| Decimal::from(order.open_quantity()) * order.hold_price * (Decimal::ONE + fee_rate))
            .sum()
    }

    /// Won that will have settled by a date, of the trades so far.
    pub fn settled_krw(&self, by: Date) -> Decimal {
        let later: Decimal = self.settlements.iter().filter(|settlement| settlement.on > by).map(|settlement| settlement.amount).sum();
        self.cash.krw - later
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
    /// `settles` is the date on which its won move.
    pub(super) fn book(&mut self, index: usize, at: Timestamp, quantity: u64, price: Decimal, rules: &Rules, settles: Option<Date>) {
        let Some(order) = self.orders.get_mut(index) else { return };
        let (symbol, side, currency) = (order.listing.symbol, order.side, order.listing.currency());
        let shares = Decimal::from(quantity);
        let gross = shares * price;
        let (fee, tax) = rules.charges(order.listing, side, gross);
        let position = self.positions.entry(symbol.to_owned()).or_default();
        let mut profit = Decimal::ZERO;
        let flow = match side {
            Side::Buy => {
                position.quantity += shares;
                position.cost += gross;
                -(gross + fee)
            }
            Side::Sell => {
                let cost = position.average_price() * shares;
                profit = gross - cost;
                position.quantity -= shares;
                position.cost -= cost;
                gross - fee - tax
            }
        };
        if position.quantity <= Decimal::ZERO {
            self.positions.remove(symbol);
        }
        order.filled += quantity;
        order.amount += gross;
        order.executions.push(Execution { at, quantity, price, fee, tax, profit });
        if order.filled + order.cancelled >= order.quantity {
            order.status = OrderStatus::Filled;
        }
        let second = at.as_second();
        match self.taken.iter_mut().find(|t| t.symbol == symbol && t.side == side) {
            Some(taken) if taken.second == second => taken.shares += quantity,
            Some(taken) => (taken.second, taken.shares) = (second, quantity),
            None => self.taken.push(Taken { symbol: symbol.to_owned(), side, second, shares: quantity }),
        }
        self.fees.add(currency, fee);
        self.taxes.add(currency, tax);
        self.realised.add(currency, profit);
        self.cash.add(currency, flow);
        if let Some(on) = settles.filter(|_| currency == Currency::Krw) {
            self.settlements.push(Settlement { on, amount: flow });
        }
    }

    /// The order with a number on a date of a market.
    pub fn find(&self, market: Market, date: Date, number: u64) -> Option<usize> {
        self.orders.iter().position(|order| {
            order.listing.market() == market && order.date == date && order.number == number && order.action != OrderAction::Cancel
        })
    }

    /// Shares and gross amount bought or sold on a date, of a market and, when named, of one symbol.
    pub fn traded(&self, market: Market, symbol: Option<&str>, side: Side, date: Date) -> (u64, Decimal) {
        self.orders_of(market, date)
            .filter(|order| order.side == side && symbol.is_none_or(|symbol| order.listing.symbol == symbol))
            .fold((0, Decimal::ZERO), |(shares, amount), order| (shares + order.filled, amount + order.amount))
    }

    /// The orders of a market's date.
    pub fn orders_of(&self, market: Market, date: Date) -> impl Iterator<Item = &ExchangeOrder> {
        self.orders.iter().filter(move |order| order.listing.market() == market && order.date == date)
    }
}
