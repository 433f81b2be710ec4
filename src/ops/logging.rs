//! Logs: text for people on stderr, JSON lines in `DIR/logs` (see [`crate::app::logs`]).

use std::path::Path;
use std::sync::Arc;

use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

use crate::app::logs::{self, CappedFiles, Limits};
use crate::domain::clock::Clock;

/// Sets what is logged, in the syntax of `tracing`'s filters.
const VARIABLE: &str = "EGGMONEY_LOG";
const DEFAULT: &str = "info,actix_server=warn,mio=warn";

/// Starts logging. Lines still waiting are written when the guard is dropped.
///
/// # Errors
/// One line naming the folder, when the files cannot be written.
pub fn start(data_dir: &Path, clock: Arc<dyn Clock>) -> Result<WorkerGuard, String> {
    let folder = logs::folder(data_dir);
    let files =
        CappedFiles::new(&folder, Limits::default(), clock).map_err(|e| format!("cannot write logs to {}: {e}", folder.display()))?;
    let (writer, guard) = tracing_appender::non_blocking(files);
    let json = fmt::layer().json().flatten_event(true).with_current_span(false).with_span_list(false).with_writer(writer);
    // The access log is for the files; on the console it would bury everything else.
    let console = fmt::layer().with_ansi(false).with_target(false).with_writer(std::io::stderr);
    let console = console.with_filter(tracing_subscriber::filter::filter_fn(|meta| meta.target() != logs::ACCESS));
    let started = tracing_subscriber::registry().with(filter()).with(json).with(console).try_init();
    started.map_err(|e| format!("logging is running already: {e}"))?;
    Ok(guard)
}

fn filter() -> EnvFilter {
    std::env::var(VARIABLE).ok().and_then(|text| EnvFilter::try_new(text).ok()).unwrap_or_else(|| EnvFilter::new(DEFAULT))
}
