//! What an account has open in the market for one instrument: a fold over its orders, so that an order
//! is checked against the others without reading them.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::instrument::Market;
use super::order::{Order, OrderState, Side};

/// The open orders of one instrument in one account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Exposure {
    pub market: Market,
    pub symbol: String,
    pub buys: SideExposure,
    pub sells: SideExposure,
}

/// The open orders of one side.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SideExposure {
    /// Orders that have not ended.
    pub open: u32,
    /// Those among them whose state at the broker is not known for certain.
    pub uncertain: u32,
    /// What their unfilled shares come to at their limits, in the market's currency.
    pub value: Decimal,
}

/// What one order adds to its side.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Share {
    open: bool,
    uncertain: bool,
    value: Decimal,
}

impl Share {
    pub fn of(order: &Order) -> Self {
        if order.state.is_final() {
            return Self::default();
        }
        let left = order.intent.quantity.saturating_sub(order.filled_quantity);
        Self { open: true, uncertain: order.is_uncertain(), value: order.intent.limit_price.unwrap_or_default() * Decimal::from(left) }
    }
}

impl Order {
    /// What became of its latest request is not known: it may be at the broker in more than one form.
    pub fn is_uncertain(&self) -> bool {
        matches!(self.state, OrderState::Unknown | OrderState::Sent) || self.amending.is_some()
    }
}

impl Exposure {
    pub fn none(market: Market, symbol: &str) -> Self {
        Self { market, symbol: symbol.to_owned(), buys: SideExposure::default(), sells: SideExposure::default() }
    }

    pub fn side(&self, side: Side) -> &SideExposure {
        if side == Side::Buy { &self.buys } else { &self.sells }
    }

    /// Nothing is open: the row has nothing to say.
    pub fn is_none(&self) -> bool {
        self.buys.open == 0 && self.sells.open == 0
    }

    /// An order of this side went from one share to another.
    pub fn exchange(&mut self, side: Side, before: Share, after: Share) {
        let of = if side == Side::Buy { &mut self.buys } else { &mut self.sells };
        let count = |count: u32, was: bool, is: bool| (count + u32::from(is)).saturating_sub(u32::from(was));
        of.open = count(of.open, before.open, after.open);
        of.uncertain = count(of.uncertain, before.uncertain, after.uncertain);
        of.value = (of.value + after.value - before.value).normalize();
    }
}
