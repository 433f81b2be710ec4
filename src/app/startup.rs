//! Order of start and stop. Start: data first, then background work, then the door; stop: the door
//! first, so that nothing new arrives while the rest comes to its end.

use std::sync::Arc;

use super::state::App;
use crate::importers::staging::Staging;

/// Starts background work over an open [`App`].
pub async fn start(app: &Arc<App>) {
    // Uploads that nobody confirmed hold credentials; they must not outlive their hour.
    if let Err(error) = Staging::new(&app.config.data_dir).sweep(app.wall.now()) {
        tracing::warn!(%error, "old uploads cannot be removed");
    }
    tracing::info!(data_dir = %app.config.data_dir.display(), "started");
}

/// Ends background work in reverse order. The store closes when the last handle is gone; every
/// acknowledged write is on disk already.
pub async fn stop(app: &Arc<App>) {
    tracing::info!(data_dir = %app.config.data_dir.display(), "stopped");
}
