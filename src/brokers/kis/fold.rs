//! One entry per order and one per holding, whatever number of rows the broker writes about it.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::civil::Date;
use rust_decimal::Decimal;

use super::parse::protocol;
use crate::brokers::{BrokerError, BrokerOrder, BrokerPosition};

/// One row of an order list, before rows that speak of the same order are put together.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum OrderRow {
    Order(BrokerOrder),
    /// A cancellation that the broker took: what was left of the original order is gone.
    Cancel {
        order_date: Date,
        original_no: String,
        status_text: String,
    },
    /// A Korean row with an original and the mark of a cancellation: the cancellation itself, or an
    /// amended order that was cancelled later. Only the rest of the list tells.
    Marked(BrokerOrder),
}

/// Date and number without its padding: the broker pads in some places and not in others.
type Key = (Date, String);

fn key(date: Date, order_no: &str) -> Key {
    (date, order_no.trim_start_matches('0').to_owned())
}

fn own_key(order: &BrokerOrder) -> Key {
    key(order.order_date, &order.broker_order_no)
}

fn original_key(order: &BrokerOrder) -> Option<Key> {
    order.original_order_no.as_deref().map(|no| key(order.order_date, no))
}

/// US orders: rows of the same order are put together; cancellations and amendments take all that is
/// left of the orders that they name.
pub(super) fn fold_us_orders(rows: Vec<OrderRow>) -> Vec<BrokerOrder> {
    let (mut groups, mut cancels) = (Groups::default(), Vec::new());
    for row in rows {
        match row {
            OrderRow::Order(order) | OrderRow::Marked(order) => groups.add(order),
            OrderRow::Cancel { order_date, original_no, status_text } => cancels.push((key(order_date, &original_no), status_text)),
        }
    }
    let (mut orders, index) = groups.merged(merge_parts);
    for (original, status_text) in cancels {
        if let Some(order) = find(&mut orders, &index, &original)
            && order.filled_quantity < order.quantity
            && !order.rejected
        {
            order.open_quantity = 0;
            order.status_text = status_text;
        }
    }
    let amended: Vec<Key> = orders.iter().filter(|o| !o.rejected).filter_map(original_key).collect();
    for original in amended {
        if let Some(order) = find(&mut orders, &index, &original) {
            order.open_quantity = 0;
        }
    }
    orders
}

/// Korean orders: one row per number, told twice when pages overlap. A cancellation or an amendment
/// takes as many shares from the order that it names as it asked for.
pub(super) fn fold_krx_orders(rows: Vec<OrderRow>) -> Vec<BrokerOrder> {
    let mut groups = Groups::default();
    let mut marked: BTreeMap<Key, BrokerOrder> = BTreeMap::new();
    for row in rows {
        match row {
            OrderRow::Order(order) => groups.add(order),
            OrderRow::Marked(order) => drop(marked.insert(own_key(&order), order)),
            // The Korean lists have no such rows.
            OrderRow::Cancel { .. } => {}
        }
    }
    // A cancellation cannot be cancelled: a marked row that another one names was an order.
    let named: HashSet<Key> = marked.values().filter_map(original_key).collect();
    let (were_orders, cancels): (Vec<_>, Vec<_>) = marked.into_iter().partition(|(own, _)| named.contains(own));
    were_orders.into_iter().for_each(|(_, order)| groups.add(order));
    let (mut orders, index) = groups.merged(latest);
    let mut taken: HashMap<Key, u64> = HashMap::new();
    let amendments: Vec<BrokerOrder> = orders.iter().filter(|o| !o.rejected).cloned().collect();
    for order in amendments.iter().chain(cancels.iter().map(|(_, order)| order)) {
        if let Some(original) = original_key(order) {
            let sum = taken.entry(original).or_default();
            *sum = sum.saturating_add(order.quantity);
        }
    }
    for (original, quantity) in taken {
        if let Some(order) = find(&mut orders, &index, &original) {
            let left = order.quantity.saturating_sub(order.filled_quantity).saturating_sub(quantity);
            order.open_quantity = order.open_quantity.min(left);
        }
    }
    orders
}

fn find<'o>(orders: &'o mut [BrokerOrder], index: &HashMap<Key, usize>, wanted: &Key) -> Option<&'o mut BrokerOrder> {
    index.get(wanted).and_then(|place| orders.get_mut(*place))
}

/// Rows by order, in the order of the list.
#[derive(Default)]
struct Groups {
    groups: Vec<Vec<BrokerOrder>>,
    index: HashMap<Key, usize>,
}

impl Groups {
    fn add(&mut self, order: BrokerOrder) {
        let place = *self.index.entry(own_key(&order)).or_insert_with(|| {
            self.groups.push(Vec::new());
            self.groups.len() - 1
        });
        if let Some(group) = self.groups.get_mut(place) {
            group.push(order);
        }
    }

    fn merged(self, merge: impl Fn(Vec<BrokerOrder>) -> Option<BrokerOrder>) -> (Vec<BrokerOrder>, HashMap<Key, usize>) {
        // No group is empty, so none is lost and the index stays right.
        (self.groups.into_iter().filter_map(merge).collect(), self.index)
    }
}

/// The latest state of an order among rows that each tell all of it.
fn latest(rows: Vec<BrokerOrder>) -> Option<BrokerOrder> {
    let open = rows.iter().map(|r| r.open_quantity).min().unwrap_or_default();
    rows.into_iter().max_by_key(|r| r.filled_quantity).map(|most| BrokerOrder { open_quantity: open, ..most })
}

/// Rows with the same number are either the same row twice (pages that overlap) or parts of one
/// order. Filled and open quantity can never exceed the order, which tells the two apart.
fn merge_parts(rows: Vec<BrokerOrder>) -> Option<BrokerOrder> {
    let count = rows.len();
    let first = rows.first()?.clone();
    if count == 1 {
        return Some(first);
    }
    let filled = rows.iter().try_fold(0_u64, |sum, r| sum.checked_add(r.filled_quantity));
    let amount = rows.iter().try_fold(Decimal::ZERO, |sum, r| sum.checked_add(r.filled_amount));
    let open = rows.iter().map(|r| r.open_quantity).min().unwrap_or_default();
    let most = rows.iter().max_by_key(|r| r.filled_quantity)?.clone();
    let complete = |filled: u64, open: u64| filled.checked_add(open) == Some(first.quantity);
    let identical = rows.iter().all(|r| *r == first);
    if rows.iter().any(|r| r.quantity != first.quantity) {
        // Parts that each carry their own share of the order.
        let quantity = rows.iter().try_fold(0_u64, |sum, r| sum.checked_add(r.quantity));
        let open = rows.iter().try_fold(0_u64, |sum, r| sum.checked_add(r.open_quantity));
        return Some(match (quantity, filled, amount, open) {
            (Some(quantity), Some(filled_quantity), Some(filled_amount), Some(open_quantity)) => {
                BrokerOrder { quantity, filled_quantity, filled_amount, open_quantity, ..most }
            }
            _ => most,
        });
    }
    let parts = match (filled, identical) {
        // Equal rows are one row seen twice, unless only their sum makes the order whole.
        (Some(filled), true) => complete(filled, open) && !complete(first.filled_quantity, open),
        (Some(filled), false) => filled.checked_add(open).is_some_and(|sum| sum <= first.quantity),
        (None, _) => false,
    };
    match (parts, filled, amount) {
        (true, Some(filled_quantity), Some(filled_amount)) => {
            Some(BrokerOrder { filled_quantity, filled_amount, open_quantity: open, ..most })
        }
        _ => Some(BrokerOrder { open_quantity: open, ..most }),
    }
}

/// A row of the holdings with what tells it from other rows of the same symbol.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PositionRow {
    pub position: BrokerPosition,
    pub loan: (String, String),
}

/// One entry per symbol. The broker repeats a holding when several exchanges are asked; rows that
/// differ in their loan are separate parts of it.
pub(super) fn fold_positions(rows: Vec<PositionRow>) -> Result<Vec<BrokerPosition>, BrokerError> {
    let mut parts: Vec<PositionRow> = Vec::new();
    for row in rows {
        if !parts.iter().any(|p| p.position.symbol == row.position.symbol && p.loan == row.loan) {
            parts.push(row);
        }
    }
    let mut positions: Vec<BrokerPosition> = Vec::new();
    for PositionRow { position: part, .. } in parts {
        match positions.iter_mut().find(|p| p.symbol == part.symbol) {
            None => positions.push(part),
            Some(whole) => add_part(whole, &part)
                .ok_or_else(|| protocol(format!("ovrs_cblc_qty or pchs_avg_pric of {} is out of range", part.symbol)))?,
        }
    }
    Ok(positions)
}

fn add_part(whole: &mut BrokerPosition, part: &BrokerPosition) -> Option<()> {
    let quantity = whole.quantity.checked_add(part.quantity)?;
    let cost = whole.quantity.checked_mul(whole.average_price)?.checked_add(part.quantity.checked_mul(part.average_price)?)?;
    whole.average_price = cost.checked_div(quantity)?;
    whole.sellable = whole.sellable.checked_add(part.sellable)?;
    whole.quantity = quantity;
    Some(())
}
