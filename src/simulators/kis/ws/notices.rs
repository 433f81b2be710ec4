//! Execution notices: what happened to an order, as the record that the broker encrypts.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::super::super::exchange::{ExchangeEvent, Happened, OrderAction};
use super::super::domestic::codes::division;
use super::super::format::{fixed, time_text};
use super::super::orders::number_text;
use crate::domain::clock::kst_datetime;
use crate::domain::instrument::{Exchange, Market};
use crate::domain::order::{BrokerHost, OrderKind, Side, Venue};

/// Name on the simulated accounts.
const HOLDER: &str = "SIM";

/// The market of an event.
pub(super) fn market(event: &ExchangeEvent) -> Market {
    event.order.listing.market()
}

/// Codes of what happened: refused, filled, accepted.
struct Codes {
    refused: &'static str,
    filled: &'static str,
    accepted: &'static str,
}

/// `None` for what the broker sends no notice of.
fn codes(event: &ExchangeEvent) -> Option<Codes> {
    let (refused, filled, accepted) = match (&event.happened, event.order.action) {
        (Happened::Accepted, OrderAction::New) => ("0", "1", "1"),
        // The simulated exchange confirms a change in the moment in which it takes it.
        (Happened::Accepted, OrderAction::Modify | OrderAction::Cancel) => ("0", "1", "2"),
        (Happened::Filled(_), _) => ("0", "2", "2"),
        (Happened::Cancelled, _) => ("0", "1", "3"),
        (Happened::Rejected, _) => ("1", "1", "1"),
        (Happened::Expired | Happened::Triggered, _) => return None,
    };
    Some(Codes { refused, filled, accepted })
}

/// The record of an event, if the broker sends one: 26 fields for Korean orders, 25 for US ones.
pub(in super::super) fn record(event: &ExchangeEvent, customer: &str) -> Option<Vec<String>> {
    let codes = codes(event)?;
    Some(match market(event) {
        Market::Krx => krx(event, customer, &codes),
        Market::Us => us(event, customer, &codes),
    })
}

/// Shares and price that the notice is about.
fn terms(event: &ExchangeEvent) -> (u64, Decimal) {
    match &event.happened {
        Happened::Filled(execution) => (execution.quantity, execution.price),
        Happened::Cancelled => (event.order.cancelled, event.order.limit),
        _ => (event.order.quantity, event.order.limit),
    }
}

/// Customer, account, numbers, side and what the order is to its original.
fn head(event: &ExchangeEvent, customer: &str) -> Vec<String> {
    let order = &event.order;
    vec![
        customer.to_owned(),
        format!("{}{}", event.account.cano, event.account.product),
        number_text(order.number),
        order.original.map(number_text).unwrap_or_default(),
        match order.side {
            Side::Sell => "01",
            Side::Buy => "02",
        }
        .to_owned(),
        match order.action {
            OrderAction::New => "0",
            OrderAction::Modify => "1",
            OrderAction::Cancel => "2",
        }
        .to_owned(),
    ]
}

fn branch(event: &ExchangeEvent) -> String {
    match (event.account.environment, market(event)) {
        (BrokerHost::Mock, _) => "00950",
        (BrokerHost::Live, Market::Krx) => "06010",
        (BrokerHost::Live, Market::Us) => "01790",
    }
    .to_owned()
}

fn krx(event: &ExchangeEvent, customer: &str, codes: &Codes) -> Vec<String> {
    let (order, (quantity, price)) = (&event.order, terms(event));
    let won = |price: Decimal| format!("{:0>9}", fixed(price, 0));
    let mut fields = head(event, customer);
    fields.extend([
        division(order.kind).0.to_owned(),
        krx_condition(order.kind).to_owned(),
        order.listing.symbol.to_owned(),
        format!("{quantity:010}"),
        won(price),
    ]);
    fields.push(time_text(kst_datetime(event.at)));
    fields.extend([codes.refused, codes.filled, codes.accepted].map(str::to_owned));
    fields.extend([branch(event), format!("{:09}", order.quantity), HOLDER.to_owned(), won(order.trigger.unwrap_or_default())]);
    let venue = match order.venue {
        Venue::Krx => "1",
        Venue::Nxt => "2",
        Venue::Sor => "3",
    };
    fields.extend([venue, "Y", "", "00", ""].map(str::to_owned));
    let limit = if codes.filled == "2" { order.limit } else { Decimal::ZERO };
    fields.extend([order.listing.name.to_owned(), won(limit)]);
    fields
}

/// Immediate or cancel, fill or kill, or neither.
fn krx_condition(kind: OrderKind) -> &'static str {
    match kind {
        OrderKind::IocLimit | OrderKind::IocMarket | OrderKind::IocBest => "1",
        OrderKind::FokLimit | OrderKind::FokMarket | OrderKind::FokBest => "2",
        _ => "0",
    }
}

fn us(event: &ExchangeEvent, customer: &str, codes: &Codes) -> Vec<String> {
    let (order, (quantity, price)) = (&event.order, terms(event));
    // Four decimals are implied.
    let implied = (price * Decimal::from(10_000)).round().to_u64().unwrap_or_default();
    let mut fields = head(event, customer);
    fields.extend([us_kind(order.kind).to_owned(), order.listing.symbol.to_owned(), format!("{quantity:010}"), format!("{implied:09}")]);
    fields.push(time_text(kst_datetime(event.at)));
    fields.extend([codes.refused, codes.filled, codes.accepted].map(str::to_owned));
    let total = if codes.filled == "2" { format!("{:09}", order.quantity) } else { String::new() };
    fields.extend([branch(event), total, HOLDER.to_owned(), order.listing.name.to_owned()]);
    fields.push(
        match order.listing.exchange {
            Exchange::Nasdaq => "6",
            Exchange::Nyse => "7",
            Exchange::Amex | Exchange::Krx => "8",
        }
        .to_owned(),
    );
    fields.extend(["10", "", "", "", "", ""].map(str::to_owned));
    fields
}

/// Codes of execution notices, not those of orders.
fn us_kind(kind: OrderKind) -> &'static str {
    match kind {
        OrderKind::Market => "1",
        OrderKind::Moo => "A",
        OrderKind::Loo => "B",
        OrderKind::Moc => "C",
        OrderKind::Loc => "D",
        _ => "2",
    }
}
