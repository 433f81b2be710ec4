//! A server that speaks the wire protocol of Korea Investment & Securities over the simulated
//! exchange: one listener per environment, the environment decided by the port alone.

mod balances;
mod call;
mod control;
mod domestic;
mod failure;
mod faults;
mod format;
mod intraday;
mod keeper;
mod lists;
mod masters;
mod oauth;
mod orders;
mod paging;
mod quota;
mod quotes;
mod registry;
mod server;
mod state;
mod tokens;
mod ws;

#[cfg(test)]
mod tests;

use std::io;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

pub use control::{BookedExecution, Control};
pub use faults::{Fault, FaultPlan, FaultRule, MaintenanceWindow};
pub use masters::archive as master_archive;
use server::Host;
pub use state::RequestRecord;
use state::Shared;
use ws::WsListener;

use super::config::{SimAccount, SimConfig};
use super::exchange::SimExchange;
use super::exchange::calendar::{Calendars, SessionCalendar};
use super::http1::{Listener, listen};
use crate::domain::clock::Clock;
use crate::domain::order::BrokerHost;

/// The running server. Dropping it closes its ports.
#[derive(Debug)]
pub struct KisSimulator {
    live: Listener,
    paper: Listener,
    live_ws: WsListener,
    paper_ws: WsListener,
    shared: Arc<Shared>,
}

impl KisSimulator {
    /// Starts both hosts on loopback; `calendar` is that of the US. Quotas, tokens, sessions and fills run on `clock`.
    ///
    /// # Errors
    /// When a port cannot be bound, or the state file cannot be read.
    pub async fn start(config: SimConfig, clock: Arc<dyn Clock>, calendar: Arc<dyn SessionCalendar>) -> io::Result<Self> {
        let scenario = config.scenario;
        let calendars = Calendars { us: calendar, krx: config.krx_calendar };
        let mut exchange = SimExchange::new(scenario.model(), scenario.usd_krw, scenario.rules(), calendars);
        if let Some(file) = &config.state_file {
            keeper::load(file, &mut exchange)?;
        }
        let mut shared = Shared::new(clock, scenario.permissive, scenario.limits, scenario.quirks.clone(), scenario.seed, exchange);
        shared.state_file = config.state_file;
        let shared = Arc::new(shared);
        for account in config.accounts {
            shared.add_account(account);
        }
        for rule in scenario.plans {
            shared.exchange().add_plan(rule);
        }
        for rule in scenario.faults {
            shared.gate().faults.add(rule);
        }
        shared.gate().faults.set_plan(scenario.fault_plan);
        for window in scenario.maintenance {
            shared.gate().faults.add_window(window);
        }
        let host = |environment| Arc::new(Host { environment, shared: Arc::clone(&shared) });
        let live = listen(host(BrokerHost::Live), config.live_port).await?;
        let paper = listen(host(BrokerHost::Mock), config.paper_port).await?;
        let wall = config.wall.unwrap_or_else(|| Arc::clone(&shared.clock));
        let live_ws = WsListener::start(BrokerHost::Live, Arc::clone(&shared), Arc::clone(&wall), config.live_ws_port).await?;
        let paper_ws = WsListener::start(BrokerHost::Mock, Arc::clone(&shared), wall, config.paper_ws_port).await?;
        Ok(Self { live, paper, live_ws, paper_ws, shared })
    }

    /// Base URL of the live host.
    pub fn live_url(&self) -> String {
        self.live.url()
    }

    /// Base URL of the paper (모의투자) host.
    pub fn mock_url(&self) -> String {
        self.paper.url()
    }

    /// Base URL of the live host's websocket.
    pub fn live_ws_url(&self) -> String {
        self.live_ws.url()
    }

    /// Base URL of the paper host's websocket.
    pub fn mock_ws_url(&self) -> String {
        self.paper_ws.url()
    }

    /// Connections to the live host so far, its websocket included.
    pub fn live_connections(&self) -> u64 {
        self.live.connections() + self.live_ws.connections()
    }

    /// Opens an account, or replaces its cash, positions and secret.
    pub fn add_account(&self, account: SimAccount) {
        self.shared.add_account(account);
    }

    /// Opens an account that the state file does not know; of a known one only the secret is taken.
    pub fn add_account_unless_kept(&self, account: SimAccount) {
        self.shared.add_account_unless_kept(account);
    }

    /// Writes the state file, if there is to be one.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&self) -> io::Result<()> {
        self.shared.save()
    }

    /// Market time at which a state file was last written; `None` when there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn saved_at(state_file: &Path) -> io::Result<Option<Timestamp>> {
        keeper::saved_at(state_file)
    }

    /// The handle for scripts and read-outs.
    pub fn control(&self) -> Control {
        Control::new(Arc::clone(&self.shared))
    }
}
