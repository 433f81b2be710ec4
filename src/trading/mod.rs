//! Trading: the order service, its evidence, the bots and their slots.
//!
//! [`Trading::tick`] drives everything. What a slot decides is stored before it acts; an order is
//! journalled before it is sent ([`OrderService`]), moved on only by the broker's own lists
//! (`orders::evidence`), and its result goes into sheets and books in one transaction (`night::settle`).

mod accounts;
mod arrivals;
mod books;
mod bots;
mod bus;
mod desk;
mod error;
mod going_live;
mod line;
mod night;
mod orders;
mod prices;
mod quiet;
mod reconciliation;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod tick;
mod trial;
mod twin;

pub use accounts::{AccountPatch, account_name, new_account};
pub use arrivals::may_arrive;
pub use books::Books;
pub use bots::bot_settings::{BotPatch, NewBot};
pub use bots::corrections::{HoldingEdit, NewHistory};
pub use bots::preview::{BotPreview, ClosingLevel, Planned, Preview, PriceRange, Why};
pub use bots::renewal::Renewed;
pub use bots::standing::{BotStanding, HeldShares, Ladder, Level, LevelKind};
pub use bus::{Addressed, Bus, LiveEvent, OrderEvents};
pub use desk::{SessionTimes, SheetProgress};
pub use error::{FieldProblem, TradingError};
pub use going_live::{LadderState, Step, live_orders_allowed};
pub use line::{Connector, Line};
pub use night::overview::{ComingSlot, SlotsOverview, state_name};
pub use orders::gate::{Seen, Window, order_refusal};
pub use orders::paper::own_account_id;
pub use orders::rules::{HaltScope, Halts};
pub use orders::service::{OrderService, Placement, RequestKey};
pub use orders::ticket::{NewOrder, OrderFilter, TicketPreview};
pub use prices::quotes::{Known, KnownBars, Quotes};
pub use quiet::Quiet;
pub use reconciliation::answers::Answer;
pub use reconciliation::balance::{AtBroker, Balance};
pub use reconciliation::differences::Questions;
pub use reconciliation::positions::forget_broker_account;
pub use tick::{Attention, Calendars, Surroundings, Trading};
pub use trial::Trial;
pub use twin::refuse_twin;
