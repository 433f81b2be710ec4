//! Order of start and stop. Start: data first, then background work, then the door; stop: the door
//! first, so that nothing new arrives while the rest comes to its end.

use std::sync::Arc;
use std::time::Duration;

use super::state::App;
use crate::importers::staging::Staging;
use crate::notify::{outbox, word};
use crate::schedule::Ticker;

/// Ticks of an accelerated clock come this often.
const FAST_TICK: Duration = Duration::from_millis(100);

/// Work that runs beside the HTTP server.
#[derive(Debug)]
pub struct Background {
    ticker: Option<Ticker>,
}

/// Starts background work over an open [`App`].
pub async fn start(app: &Arc<App>) -> Background {
    // Uploads that nobody confirmed hold credentials; they must not outlive their hour.
    if let Err(error) = Staging::new(&app.config.data_dir).sweep(app.wall.now()) {
        tracing::warn!(%error, "old uploads cannot be removed");
    }
    let period = app.config.simulation_speed.map(|_| FAST_TICK);
    let ticker = match Ticker::start(app.trading.clone(), period).await {
        Ok(ticker) => Some(ticker),
        Err(error) => {
            tracing::error!(%error, "the scheduler did not start: nothing will be traded");
            None
        }
    };
    if let Some(ticker) = &ticker {
        deliver_messages(app, ticker).await;
    }
    tracing::info!(data_dir = %app.config.data_dir.display(), "started");
    Background { ticker }
}

/// Ends background work in reverse order. The store closes when the last handle is gone; every
/// acknowledged write is on disk already.
pub async fn stop(app: &Arc<App>, background: Background) {
    if let Some(ticker) = background.ticker {
        ticker.stop().await;
    }
    tracing::info!(data_dir = %app.config.data_dir.display(), "stopped");
}

/// Empties the outbox every few seconds; a pass that takes longer is not joined by a second one.
async fn deliver_messages(app: &Arc<App>, ticker: &Ticker) {
    let (app, busy) = (Arc::downgrade(app), Arc::new(tokio::sync::Mutex::new(())));
    let pass = move || {
        let (app, busy) = (app.upgrade(), busy.clone());
        async move {
            let (Some(app), Ok(_only)) = (app, busy.try_lock()) else { return };
            if let Err(error) = outbox::deliver_waiting(&app.store, &*app, word).await {
                tracing::warn!(%error, "the outbox cannot be emptied");
            }
        }
    };
    if let Err(error) = ticker.every("*/3 * * * * *", pass).await {
        tracing::error!(%error, "messages are not delivered outside the app");
    }
}
