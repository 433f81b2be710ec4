//! Live events: what the open pages of a user hear at once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::broadcast;

use super::night::overview::state_name;
use crate::domain::id::{AccountId, OrderId, SheetId, UserId};
use crate::domain::message::Message;
use crate::domain::order::{Order, Side};

/// Something an open page should know now. Losing one costs nothing: the page reads again.
#[derive(Clone, Debug)]
pub enum LiveEvent {
    Order {
        account_id: AccountId,
        order: Box<Order>,
    },
    Fill {
        account_id: AccountId,
        order_id: OrderId,
        symbol: String,
        side: Side,
        quantity: u64,
        price: rust_decimal::Decimal,
        bot_name: String,
    },
    Sheet {
        account_id: AccountId,
        sheet_id: SheetId,
    },
    Alert {
        message: Box<Message>,
    },
    Account {
        account_id: AccountId,
    },
    Portfolio {
        account_id: AccountId,
    },
}

/// A live event and the only user who may see it.
#[derive(Clone, Debug)]
pub struct Addressed {
    pub user_id: UserId,
    pub event: LiveEvent,
}

/// How often orders came into each state since the start.
pub type OrderEvents = BTreeMap<&'static str, u64>;

/// Fan-out of live events.
#[derive(Clone, Debug)]
pub struct Bus {
    sender: broadcast::Sender<Addressed>,
    orders: Arc<Mutex<OrderEvents>>,
}

impl Default for Bus {
    fn default() -> Self {
        Self { sender: broadcast::channel(1024).0, orders: Arc::default() }
    }
}

impl Bus {
    pub fn publish(&self, user_id: UserId, event: LiveEvent) {
        if let LiveEvent::Order { order, .. } = &event {
            *self.orders().entry(state_name(order.state)).or_default() += 1;
        }
        // Nobody listening is the normal case.
        let _ = self.sender.send(Addressed { user_id, event });
    }

    pub fn subscribe(&self) -> broadcast::Receiver<Addressed> {
        self.sender.subscribe()
    }

    /// What became of orders since the start, by state.
    pub fn order_events(&self) -> OrderEvents {
        self.orders().clone()
    }

    fn orders(&self) -> std::sync::MutexGuard<'_, OrderEvents> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
