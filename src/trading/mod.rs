//! Trading: the order service, its evidence, the bots and their slots.

mod bus;
mod error;
mod evidence;
mod line;
mod service;

pub use bus::{Addressed, Bus, LiveEvent};
pub use error::TradingError;
pub use line::{Connector, Line};
pub use service::{LIVE_ORDERS_LOCKED, OrderService, Window};
