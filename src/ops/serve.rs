//! `eggmoney serve`: everything up in order, everything down in order.

use std::sync::Arc;

use super::control::Control;
use super::logging;
use super::signals::StopSignals;
use crate::app::clock::SystemClock;
use crate::app::{App, Config, startup, state};
use crate::domain::clock::Clock;
use crate::http::server::{self, Port};

/// Runs a server until it is told to stop.
///
/// # Errors
/// One line for the person who started it.
pub(super) async fn serve(config: Config) -> Result<(), String> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let port = server::open_port(config.listen).map_err(|e| e.to_string())?;
    let tightened = state::prepare_folder(&config.data_dir).map_err(|e| e.to_string())?;
    let _logs = logging::start(&config.data_dir, clock.clone())?;
    tightened.log();
    let app = App::open(config, clock.clone(), clock).await.map_err(|e| e.to_string())?;
    run(app, port, None).await
}

/// Runs an open application on a port until it is told to stop. `second_line` follows the address on
/// stdout.
pub(super) async fn run(app: Arc<App>, port: Port, second_line: Option<String>) -> Result<(), String> {
    let bound = server::bind(&app, port).map_err(|e| e.to_string())?;
    let control = Control::listen(&app.config.data_dir).map_err(|e| format!("cannot open the control socket: {e}"))?;
    let mut stop = StopSignals::new().map_err(|e| format!("cannot listen for signals: {e}"))?;
    let background = startup::start(&app).await.map_err(|e| e.to_string())?;
    let control = tokio::spawn(control.serve(app.clone()));
    super::announce(&format!("listening on {}://{}", bound.scheme, bound.address));
    if let Some(line) = second_line {
        super::announce(&line);
    }

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
