//! `eggmoney simulate`: the brokers' servers on loopback, for tests and for other people's clients.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::signals::StopSignals;
use crate::app::clock::SystemClock;
use crate::domain::calendar::Calendar;
use crate::simulators;

#[derive(Args)]
pub(super) struct SimulateArgs {
    /// Name of a built-in scenario, or a JSON file
    #[arg(long, value_name = "NAME|FILE", default_value = "default")]
    scenario: String,
    /// JSON list of accounts: env, app_key, app_secret, cano, product, cash, positions (cash in dollars,
    /// or as {"USD": .., "KRW": ..})
    #[arg(long, value_name = "FILE")]
    accounts: Option<PathBuf>,
}

/// Runs the simulators until stopped; the first line on stdout names their addresses.
///
/// # Errors
/// One line for the person who started it.
pub(super) async fn simulate(args: SimulateArgs) -> Result<(), String> {
    let mut stop = StopSignals::new().map_err(|e| format!("cannot listen for signals: {e}"))?;
    let calendar = Arc::new(Calendar::nyse().map_err(|e| e.to_string())?);
    let (_servers, urls) = simulators::run_from_cli(&args.scenario, args.accounts.as_deref(), Arc::new(SystemClock), calendar)
        .await
        .map_err(|e| e.to_string())?;
    super::announce(&urls.to_string());
    stop.wait().await;
    Ok(())
}
