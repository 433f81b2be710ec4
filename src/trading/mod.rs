//! Trading: the order service, its evidence, the bots and their slots.
//!
//! [`Trading::tick`] drives everything. What a slot decides is stored before it acts; an order is
//! journalled before it is sent ([`OrderService`]), moved on only by the broker's own lists
//! (`evidence`), and its result goes into sheets and books in one transaction (`settle`).

mod accounts;
mod bars;
mod books;
mod bot_settings;
mod bots;
mod bus;
mod closing;
mod corrections;
mod daily;
mod decision;
mod desk;
mod error;
mod evidence;
mod gate;
mod line;
mod listings;
mod made_up;
mod missed;
mod paper;
mod preview;
mod price_rules;
mod quotes;
mod rates;
mod readiness;
mod reconcile;
mod renewal;
mod rests;
mod rules;
mod service;
mod settle;
mod slices;
mod slots;
mod standing;
mod status;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod tick;
mod ticket;

pub use accounts::AccountPatch;
pub use books::Books;
pub use bot_settings::{BotPatch, NewBot};
pub use bus::{Addressed, Bus, LiveEvent};
pub use corrections::{HoldingEdit, NewHistory};
pub use desk::{SessionTimes, SheetProgress};
pub use error::{FieldProblem, TradingError};
pub use gate::{Seen, Window};
pub use line::{Connector, Line};
pub use preview::{BotPreview, ClosingLevel, Planned, Preview, PriceRange, Why};
pub use quotes::{Known, KnownBars, Quotes};
pub use renewal::Renewed;
pub use rules::{HaltScope, Halts};
pub use service::{OrderService, Placement, RequestKey};
pub use standing::{BotStanding, HeldShares, Ladder, Level, LevelKind};
pub use tick::{Attention, Calendars, Surroundings, Trading};
pub use ticket::{NewOrder, OrderFilter, TicketPreview};
