//! Trading: the order service, its evidence, the bots and their slots.
//!
//! [`Trading::tick`] drives everything. What a slot decides is stored before it acts; an order is
//! journalled before it is sent ([`OrderService`]), moved on only by the broker's own lists
//! (`evidence`), and its result goes into sheets and books in one transaction (`settle`).

mod accounts;
mod books;
mod bus;
mod closing;
mod daily;
mod decision;
mod desk;
mod error;
mod evidence;
mod line;
mod quotes;
mod readiness;
mod reconcile;
mod service;
mod settle;
mod slices;
mod slots;
mod status;
mod tick;

pub use accounts::AccountPatch;
pub use books::Books;
pub use bus::{Addressed, Bus, LiveEvent};
pub use desk::{SessionTimes, SheetProgress};
pub use error::TradingError;
pub use line::{Connector, Line};
pub use quotes::{Known, Quotes};
pub use service::{OrderService, Window};
pub use tick::{Attention, Surroundings, Trading};
