//! Orders against the broker's list: fills are booked, dead orders cancelled, unknown ones found.

use std::collections::{BTreeSet, HashMap};
use std::sync::Mutex;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan};
use rust_decimal::Decimal;

use super::bus::LiveEvent;
use super::error::TradingError;
use super::evidence::{Finding, examine};
use super::line::Line;
use super::service::Window;
use super::tick::Trading;
use crate::domain::fact::{Actor, Event};
use crate::domain::id::OrderId;
use crate::domain::message::Notice;
use crate::domain::money::decimal_from_f64;
use crate::domain::order::{Order, OrderState, Reason};
use crate::storage::tables::{ACCOUNTS, ORDERS};
use crate::storage::{StoreError, account_key};

/// Absent in this many readings …
const ABSENT_READINGS: u32 = 3;
/// … over at least this time after the first: never placed.
const ABSENT_FOR: SignedDuration = SignedDuration::from_secs(60);
/// Least time between two readings of one account's list.
const READ_EVERY: SignedDuration = SignedDuration::from_secs(3);
/// How long an unknown order may still appear before readings count against it.
const UNKNOWN_DEADLINE: SignedDuration = SignedDuration::from_secs(10);

/// What is remembered of an unknown order between readings. Losing it at a restart only makes the
/// search longer.
#[derive(Clone, Copy, Debug)]
struct Search {
    readings: u32,
    first: Timestamp,
    told: bool,
}

/// Memory of the searches and of when each account's list was read.
#[derive(Debug, Default)]
pub(super) struct Searches {
    unknown: Mutex<HashMap<OrderId, Search>>,
    read_at: Mutex<HashMap<crate::domain::id::AccountId, Timestamp>>,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|e| e.into_inner())
}

impl Trading {
    /// Marks orders that were being sent when the process died: their outcome is unknown.
    pub(super) async fn adopt_interrupted(&self, line: &Line) -> Result<(), TradingError> {
        let (account, now) = (line.account_id, self.clock.now());
        line.user
            .write(move |tx| -> Result<(), StoreError> {
                for order in tx.view().open_orders(account)? {
                    if order.state != OrderState::Sent {
                        continue;
                    }
                    let message = "the server stopped while the order was being sent".to_owned();
                    let reason = Reason { code: "interrupted".to_owned(), message: message.clone() };
                    tx.record(account, now, Actor::Broker, vec![Event::OrderUnknown { order_id: order.intent.order_id, reason }])?;
                    let notice = Notice::OrderUnknown { bot: order.intent.bot_name, symbol: order.intent.symbol, detail: message };
                    tx.post(account, now, notice.level(), &notice)?;
                }
                Ok(())
            })
            .await?;
        Ok(())
    }

    /// Reads the broker's list when orders of ours are open, records what it proves, and asks for
    /// the cancel of orders whose time is over.
    pub(super) async fn refresh_orders(&self, line: &Line, force: bool) -> Result<(), TradingError> {
        let (account, now) = (line.account_id, self.clock.now());
        let open: Vec<Order> = line.user.read(|v| v.open_orders(account))?.into_iter().filter(|o| !o.state.is_final()).collect();
        if open.is_empty() {
            return Ok(());
        }
        let due = lock(&self.searches.read_at).get(&account).is_none_or(|at| at.saturating_add(READ_EVERY).is_ok_and(|next| now >= next));
        if !due && !force {
            return Ok(());
        }
        lock(&self.searches.read_at).insert(account, now);
        let windows: HashMap<Date, Window> = open.iter().filter_map(|o| Some((o.intent.session, self.window(o.intent.session)?))).collect();
        self.examine_orders(line, &open, &windows).await?;

        for order in line.user.read(|v| v.open_orders(account))? {
            let over = self.clock.now() >= order.intent.expires_at;
            let cancellable = matches!(order.state, OrderState::Accepted | OrderState::PartiallyFilled);
            if over && cancellable {
                let exchange = self.exchange(line, &order.intent.symbol).await?;
                self.service.cancel(line, &*self.clock, exchange, &order).await?;
            }
        }
        Ok(())
    }

    async fn examine_orders(&self, line: &Line, open: &[Order], windows: &HashMap<Date, Window>) -> Result<(), TradingError> {
        let account = line.account_id;
        let Some(first) = open.iter().map(|o| o.broker_order_date.unwrap_or(o.intent.session)).min() else { return Ok(()) };
        let last = open.iter().map(|o| o.intent.session).max().unwrap_or(first);
        let from = first.saturating_sub(1.day());
        let listed = line.gateway.orders(from, last.saturating_add(1.day()), None).await?;
        let now = self.clock.now();
        let fee_rate = line
            .user
            .read(|v| v.require(&ACCOUNTS, &account_key(account)))
            .map(|a| decimal_from_f64(a.settings.fee_rate).unwrap_or(Decimal::ZERO))?;
        let mut known = self.known_numbers(line, from)?;

        for order in open {
            let Some(window) = windows.get(&order.intent.session) else { continue };
            let finding = examine(order, &listed, &known, now, window.close, fee_rate);
            let events = self.conclude(order, finding, now);
            if let Some(Event::OrderAccepted { broker_order_no, broker_order_date, .. }) = events.0.first() {
                known.insert((*broker_order_date, broker_order_no.clone()));
            }
            self.record_findings(line, order, events.0, events.1, now).await?;
        }
        Ok(())
    }

    /// Turns a finding into facts and, where the owner should know, a notice.
    fn conclude(&self, order: &Order, finding: Finding, now: Timestamp) -> (Vec<Event>, Option<Notice>) {
        let order_id = order.intent.order_id;
        let (bot, symbol) = (order.intent.bot_name.clone(), order.intent.symbol.clone());
        let was_unknown = order.state == OrderState::Unknown;
        let mut searches = lock(&self.searches.unknown);
        match finding {
            Finding::Facts(events) => {
                searches.remove(&order_id);
                let notice = match events.first() {
                    Some(Event::OrderAccepted { broker_order_no, .. }) if was_unknown => {
                        Some(Notice::OrderFound { bot, symbol, broker_order_no: broker_order_no.clone() })
                    }
                    _ => None,
                };
                (events, notice)
            }
            Finding::Absent => {
                if order.updated_at.saturating_add(UNKNOWN_DEADLINE).is_ok_and(|deadline| now < deadline) {
                    return (Vec::new(), None);
                }
                let search = searches.entry(order_id).or_insert(Search { readings: 0, first: now, told: false });
                search.readings += 1;
                let long_enough = search.first.saturating_add(ABSENT_FOR).is_ok_and(|until| now >= until);
                if search.readings < ABSENT_READINGS || !long_enough {
                    return (Vec::new(), None);
                }
                searches.remove(&order_id);
                let reason =
                    Reason { code: "not_placed".to_owned(), message: "the broker's complete lists do not have this order".to_owned() };
                (vec![Event::OrderRejected { order_id, reason }], Some(Notice::OrderNotPlaced { bot, symbol }))
            }
            Finding::Ambiguous(candidates) => {
                let search = searches.entry(order_id).or_insert(Search { readings: 0, first: now, told: false });
                let told = std::mem::replace(&mut search.told, true);
                (Vec::new(), (!told).then_some(Notice::OrderAmbiguous { bot, symbol, candidates }))
            }
        }
    }

    async fn record_findings(
        &self,
        line: &Line,
        order: &Order,
        events: Vec<Event>,
        notice: Option<Notice>,
        now: Timestamp,
    ) -> Result<(), TradingError> {
        if events.is_empty() && notice.is_none() {
            return Ok(());
        }
        let (account, order_id) = (line.account_id, order.intent.order_id);
        let fills: Vec<_> = events
            .iter()
            .filter_map(|e| match e {
                Event::OrderFilled { fill } => Some((fill.quantity, fill.price)),
                _ => None,
            })
            .collect();
        let after = line
            .user
            .write(move |tx| -> Result<Order, StoreError> {
                tx.record(account, now, Actor::Broker, events.clone())?;
                if let Some(notice) = &notice {
                    tx.post(account, now, notice.level(), notice)?;
                }
                tx.require(&ORDERS, &account_key(account).id(order_id.as_bytes()))
            })
            .await?;
        self.bus.order(line, &after);
        for (quantity, price) in fills {
            self.bus.publish(
                line.user.id(),
                LiveEvent::Fill {
                    account_id: account,
                    order_id,
                    symbol: order.intent.symbol.clone(),
                    side: order.intent.side,
                    quantity,
                    price,
                    bot_name: order.intent.bot_name.clone(),
                },
            );
        }
        Ok(())
    }

    /// Broker numbers of our recent orders, so that an unknown order is not taken for one of them.
    fn known_numbers(&self, line: &Line, from: Date) -> Result<BTreeSet<(Date, String)>, StoreError> {
        const RECENT: usize = 2_000;
        line.user.read(|v| {
            Ok(v.list_latest(&ORDERS, &account_key(line.account_id), None, RECENT)?
                .into_iter()
                .filter_map(|o| Some((o.broker_order_date?, o.broker_order_no?)))
                .filter(|(date, _)| *date >= from)
                .collect())
        })
    }
}
