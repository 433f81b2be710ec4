//! Servers that speak the brokers' wire protocols over one simulated exchange, for tests, the demo
//! and other people's clients. Nothing here runs in production. All listeners bind to loopback.

pub mod config;
pub mod exchange;
pub mod http1;
pub mod kis;

use std::path::Path;
use std::sync::Arc;

pub use config::{ConfigError, EmptyList, Limits, Quirks, Scenario, SimAccount, SimConfig, SimPosition};
pub use exchange::calendar::{Session, SessionCalendar};
pub use exchange::{ExchangeEvent, FillPlan, Happened, PlanRule};
pub use kis::{
    BookedExecution, Control, Fault, FaultPlan, FaultRule, KisSimulator, MaintenanceWindow, RequestRecord,
    master_archive as kis_master_archive,
};

use crate::domain::clock::Clock;

/// Why a simulation cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("cannot listen: {0}")]
    Listen(#[from] std::io::Error),
}

/// Starts what `eggmoney simulate` runs. Returns the server, which lives until it is dropped, and the
/// line with its URLs.
///
/// # Errors
/// When scenario or account file cannot be used, or no port can be bound.
pub async fn run_from_cli(
    scenario: &str,
    accounts: Option<&Path>,
    clock: Arc<dyn Clock>,
    calendar: Arc<dyn SessionCalendar>,
) -> Result<(KisSimulator, serde_json::Value), StartError> {
    let scenario = Scenario::load(scenario)?;
    let accounts = accounts.map(config::read_accounts).transpose()?.unwrap_or_default();
    let config = SimConfig { scenario, accounts, ..SimConfig::default() };
    let simulator = KisSimulator::start(config, clock, calendar).await?;
    let urls = urls(&simulator);
    Ok((simulator, urls))
}

fn urls(simulator: &KisSimulator) -> serde_json::Value {
    serde_json::json!({"kis": {
        "live": simulator.live_url(),
        "paper": simulator.mock_url(),
        "live_ws": simulator.live_ws_url(),
        "paper_ws": simulator.mock_ws_url(),
    }})
}

#[cfg(test)]
mod tests {
    use super::exchange::calendar::WeekdayCalendar;
    use super::*;
    use crate::domain::clock::SteppedClock;

    #[tokio::test]
    async fn the_command_line_form_prints_loopback_urls() {
        let clock = Arc::new(SteppedClock::new("2026-05-15T15:00:00Z".parse().unwrap()));
        let (simulator, line) = run_from_cli("permissive", None, clock.clone(), Arc::new(WeekdayCalendar)).await.unwrap();
        let names: Vec<&String> = line["kis"].as_object().unwrap().keys().collect();
        assert_eq!(names, ["live", "live_ws", "paper", "paper_ws"]);
        assert_eq!(line["kis"]["live"], simulator.live_url());
        assert_eq!(line["kis"]["paper_ws"], simulator.mock_ws_url());
        assert!(simulator.live_ws_url().starts_with("ws://127.0.0.1:") && simulator.live_ws_url() != simulator.mock_ws_url());
        assert!(simulator.live_url().starts_with("http://127.0.0.1:") && simulator.live_url() != simulator.mock_url());
        let missing = run_from_cli("default", Some(Path::new("no/such/file")), clock, Arc::new(WeekdayCalendar)).await;
        assert!(missing.unwrap_err().to_string().contains("cannot read the account file"));
    }
}
