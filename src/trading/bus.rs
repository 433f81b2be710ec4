//! Live events: what the open pages of a user hear at once.

use tokio::sync::broadcast;

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

/// Fan-out of live events.
#[derive(Clone, Debug)]
pub struct Bus(broadcast::Sender<Addressed>);

impl Default for Bus {
    fn default() -> Self {
        Self(broadcast::channel(1024).0)
    }
}

impl Bus {
    pub fn publish(&self, user_id: UserId, event: LiveEvent) {
        // Nobody listening is the normal case.
        let _ = self.0.send(Addressed { user_id, event });
    }

    pub fn subscribe(&self) -> broadcast::Receiver<Addressed> {
        self.0.subscribe()
    }
}
