//! `eggmoney serve`: everything up in order, everything down in order.

use std::io::Write;
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};

use super::control::Control;
use super::logging;
use crate::app::clock::SystemClock;
use crate::app::{App, Config, startup, state};
use crate::domain::clock::Clock;
use crate::http::server;

/// Runs a server until it is told to stop.
///
/// # Errors
/// One line for the person who started it.
pub(super) async fn serve(config: Config) -> Result<(), String> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    run(config, clock.clone(), clock).await
}

/// Runs a server with given clocks.
async fn run(config: Config, wall: Arc<dyn Clock>, market: Arc<dyn Clock>) -> Result<(), String> {
    let listen = config.listen;
    state::prepare_folder(&config.data_dir).map_err(|e| e.to_string())?;
    let _logs = logging::start(&config.data_dir)?;
    let app = App::open(config, wall, market).await.map_err(|e| e.to_string())?;
    let bound = server::bind(&app, listen).map_err(|e| e.to_string())?;
    let control = Control::listen(&app.config.data_dir).map_err(|e| format!("cannot open the control socket: {e}"))?;
    let mut stop = StopSignals::new().map_err(|e| format!("cannot listen for signals: {e}"))?;
    let background = startup::start(&app).await;
    let control = tokio::spawn(control.serve(app.clone()));
    announce(&format!("listening on http://{}", bound.address));

    let door = bound.handle();
    let serving = tokio::spawn(bound.run());
    stop.wait().await;
    tracing::info!("stopping");
    door.stop(true).await;
    control.abort();
    // An aborted task ends with an error that says just that.
    let _ = control.await;
    startup::stop(&app, background).await;
    serving.await.map_err(|e| e.to_string())?.map_err(|e| format!("the server failed: {e}"))
}

/// Prints a line for whoever started the program; a closed pipe is no reason to stop.
fn announce(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// What tells the program to stop: DSM and systemd send SIGTERM, people press ctrl-c.
struct StopSignals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl StopSignals {
    fn new() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
