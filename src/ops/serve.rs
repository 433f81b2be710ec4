//! `eggmoney serve`: everything up in order, everything down in order.

use std::process::ExitCode;
use std::sync::Arc;

use super::control::Control;
use super::logging;
use super::signals::StopSignals;
use crate::app::clock::SystemClock;
use crate::app::{App, Config, OpenError, startup, state};
use crate::domain::clock::Clock;
use crate::http::server::{self, BindError, Port};
use crate::storage::StoreError;

/// Ends with this when not the program but its surroundings are to blame, and may soon be better: a
/// port or a database that somebody else has, a full disk (`EX_TEMPFAIL` of sysexits.h).
pub(super) const TRY_LATER: u8 = 75;

/// Why a server did not start or ended.
pub(super) struct Failure {
    pub message: String,
    pub code: ExitCode,
}

impl From<String> for Failure {
    fn from(message: String) -> Self {
        Self { message, code: ExitCode::FAILURE }
    }
}

impl From<BindError> for Failure {
    fn from(error: BindError) -> Self {
        let code = if matches!(error, BindError::Busy(_)) { ExitCode::from(TRY_LATER) } else { ExitCode::FAILURE };
        Self { message: error.to_string(), code }
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        let passes = matches!(error, OpenError::DataDir { .. } | OpenError::Store(StoreError::Locked(_) | StoreError::Full));
        Self { message: error.to_string(), code: if passes { ExitCode::from(TRY_LATER) } else { ExitCode::FAILURE } }
    }
}

/// Runs a server until it is told to stop.
///
/// # Errors
/// One line for the person who started it.
pub(super) async fn serve(config: Config) -> Result<(), Failure> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let port = server::open_port(config.listen)?;
    let tightened = state::prepare_folder(&config.data_dir)?;
    let _logs = logging::start(&config.data_dir, clock.clone())?;
    tightened.log();
    let app = App::open(config, clock.clone(), clock).await?;
    Ok(run(app, port, None).await?)
}

/// Runs an open application on a port until it is told to stop. `second_line` follows the address on
/// stdout.
pub(super) async fn run(app: Arc<App>, port: Port, second_line: Option<String>) -> Result<(), String> {
    let bound = server::bind(&app, port).map_err(|e| e.to_string())?;
    let control = Control::listen(&app.config.data_dir).map_err(|e| format!("cannot open the control socket: {e}"))?;
    let mut stop = StopSignals::new().map_err(|e| format!("cannot listen for signals: {e}"))?;
    let background = startup::start(&app).await.map_err(|e| e.to_string())?;
    let control = tokio::spawn(control.serve(app.clone()));
    if app.trading.trial().is_on() {
        tracing::info!("this release is on trial: slots and orders wait until it has proved healthy");
    } else {
        app.tell_of_stops().await.map_err(|e| e.to_string())?;
    }
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
