//! Order of start and stop. Start: data first, then background work, then the door; stop: the door
//! first, so that nothing new arrives while the rest comes to its end.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::state::App;
use crate::importers::staging::Staging;
use crate::schedule::Ticker;

/// Ticks of an accelerated clock come this often.
const FAST_TICK: Duration = Duration::from_millis(100);

/// Work that runs beside the HTTP server.
#[derive(Debug)]
pub struct Background {
    ticker: Option<Ticker>,
    sweeper: JoinHandle<()>,
}

/// Uploads that nobody confirmed are looked for this often.
const SWEEP: Duration = Duration::from_secs(600);

/// Removes uploads whose hour is over: they hold credentials and must not outlive it.
async fn sweep_uploads(app: Arc<App>) {
    let staging = Staging::new(&app.config.data_dir);
    let mut due = tokio::time::interval(SWEEP);
    loop {
        due.tick().await;
        if let Err(error) = staging.sweep(app.wall.now()) {
            tracing::warn!(%error, "old uploads cannot be removed");
        }
    }
}

/// Starts background work over an open [`App`].
pub async fn start(app: &Arc<App>) -> Background {
    let period = app.config.simulation_speed.map(|_| FAST_TICK);
    let ticker = match Ticker::start(app.trading.clone(), period).await {
        Ok(ticker) => Some(ticker),
        Err(error) => {
            tracing::error!(%error, "the scheduler did not start: nothing will be traded");
            None
        }
    };
    tracing::info!(data_dir = %app.config.data_dir.display(), "started");
    Background { ticker, sweeper: tokio::spawn(sweep_uploads(app.clone())) }
}

/// Ends background work in reverse order. The store closes when the last handle is gone; every
/// acknowledged write is on disk already.
pub async fn stop(app: &Arc<App>, background: Background) {
    background.sweeper.abort();
    if let Some(ticker) = background.ticker {
        ticker.stop().await;
    }
    tracing::info!(data_dir = %app.config.data_dir.display(), "stopped");
}
