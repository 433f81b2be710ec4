//! `eggmoney doctor`: looks at everything that a running server needs, with or without one.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use serde_json::{Value, json};

use super::control::{self, Request};
use crate::app::clock::SystemClock;
use crate::app::doctor::{Finding, Health, ask_time, examine_clock, examine_folder};
use crate::app::{App, Config};
use crate::http::server;
use crate::storage::{DATABASE_FILE, Store};

/// What the running server finds.
pub(super) fn of_server(app: &App) -> Vec<Finding> {
    let mut findings = examine_folder(&app.config.data_dir);
    findings.push(match app.ready() {
        Ok(()) => Finding::good("server", "a server runs over this folder and is ready"),
        Err(problem) => Finding::bad("server", format!("a server runs and is not ready: {problem}"), "restart it and look into its log"),
    });
    findings.extend(app.examine());
    if app.config.simulation_speed.is_none() {
        findings.push(examine_clock(app.clock_ahead_ms()));
    }
    findings
}

/// What can be found without a server.
async fn without_server(config: Config) -> Vec<Finding> {
    let dir = config.data_dir.clone();
    let mut findings = examine_folder(&dir);
    let usable = findings.iter().all(|finding| finding.check != "folder" || finding.health == Health::Good);
    findings.push(match server::open_port(config.listen) {
        Ok(_) => Finding::good("port", "the port is free"),
        Err(error) => {
            Finding::bad("port", error.to_string(), "choose another port with --listen, in the configuration or in the package's settings")
        }
    });
    let hosts = [config.brokers.kis.live.clone(), config.brokers.kis.mock.clone()];
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    findings.push(examine_clock(ask_time(&hosts, Arc::new(SystemClock)).await));
    if usable {
        findings.extend(open_data(config, &dir).await);
    }
    findings
}

async fn open_data(config: Config, dir: &Path) -> Vec<Finding> {
    if !dir.join(DATABASE_FILE).exists() {
        return vec![Finding::advice("database", "there are no data yet", "start the server: it makes them")];
    }
    let broken = |error: String| vec![Finding::bad("database", error, "do what the message says, or restore the last good backup")];
    match Store::needs_upgrade(dir) {
        Err(error) => return broken(error.to_string()),
        Ok(true) => {
            let found = "the data are of an earlier version: the next start upgrades them and keeps a copy in DIR/snapshots";
            return vec![Finding::good("database", found)];
        }
        Ok(false) => {}
    }
    match App::open(config, Arc::new(SystemClock), Arc::new(SystemClock)).await {
        Ok(app) => app.examine(),
        Err(error) => broken(error.to_string()),
    }
}

/// Looks at everything and prints it; a failure when something must be mended.
///
/// # Errors
/// One line that names what must be mended.
pub(super) async fn run(config: Config, json: bool) -> Result<ExitCode, String> {
    let dir = config.data_dir.clone();
    let running = control::is_served(&dir).await;
    let findings = if running {
        control::run(&dir, Request::Doctor).await?
    } else {
        serde_json::to_value(without_server(config).await).map_err(|e| e.to_string())?
    };
    let list = findings.as_array().cloned().unwrap_or_default();
    let bad: Vec<&str> = list.iter().filter(|f| f["health"] == "bad").filter_map(|f| f["check"].as_str()).collect();
    if json {
        println!("{}", json!({ "server_runs": running, "healthy": bad.is_empty(), "findings": list }));
    } else {
        list.iter().for_each(|finding| println!("{}", line(finding)));
    }
    if bad.is_empty() { Ok(ExitCode::SUCCESS) } else { Err(format!("to be mended: {}", bad.join(", "))) }
}

fn line(finding: &Value) -> String {
    let text = |name: &str| finding[name].as_str().unwrap_or_default().to_owned();
    let mark = match text("health").as_str() {
        "good" => "ok    ",
        "advice" => "advice",
        _ => "BAD   ",
    };
    let remedy = finding["remedy"].as_str().map(|remedy| format!("\n                    {remedy}")).unwrap_or_default();
    format!("{mark} {:<12} {}{remedy}", text("check"), text("found"))
}
