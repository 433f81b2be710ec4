//! Order of start and stop. Start: data first, then background work, then the door; stop: the door
//! first, so that nothing new arrives while the rest comes to its end.

use std::sync::{Arc, Weak};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use super::backups;
use super::state::App;
use crate::importers::staging::Staging;
use crate::notify::{inbox, outbox, word};
use crate::schedule::{Ticker, TickerError};

/// Ticks of an accelerated clock come this often.
const FAST_TICK: Duration = Duration::from_millis(100);
/// The outbox is emptied this often.
const DELIVER: &str = "*/3 * * * * *";
/// Feeds follow accounts, keys and holdings this often.
const FOLLOW: &str = "*/5 * * * * *";
/// The day's master files are looked for this often.
const LISTS: &str = "*/30 * * * * *";
/// The installation itself is looked after this often.
const WATCH: &str = "20 * * * * *";
/// Once an hour it is asked whether the data can be tidied: that is done once a day, while nothing is due.
const TIDY: &str = "0 40 * * * *";
/// Nothing may be due within this time: everybody waits for the tidying.
const QUIET: SignedDuration = SignedDuration::from_mins(60);
/// Uploads that nobody confirmed are looked for this often.
const SWEEP: &str = "0 */10 * * * *";

/// Work that runs beside the HTTP server.
#[derive(Debug)]
pub struct Background {
    ticker: Ticker,
}

/// Starts background work over an open [`App`].
///
/// # Errors
/// When any of it does not run: a server that trades nothing and tells nobody must not look alive.
pub async fn start(app: &Arc<App>) -> Result<Background, TickerError> {
    sweep(app);
    if let Err(error) = app.note_start().await {
        tracing::warn!(%error, "the start cannot be noted");
    }
    let period = app.config.simulation_speed.map(|_| FAST_TICK);
    let ticker = Ticker::start(app.trading.clone(), app.pulse.clone(), period).await?;
    if let Err(error) = housekeeping(app, &ticker).await {
        ticker.stop().await;
        return Err(error);
    }
    tracing::info!(data_dir = %app.config.data_dir.display(), "started");
    Ok(Background { ticker })
}

/// Ends background work in reverse order. The store closes when the last handle is gone; every
/// acknowledged write is on disk already.
pub async fn stop(app: &Arc<App>, background: Background) {
    background.ticker.stop().await;
    app.feeds.close();
    if let Err(error) = app.note_stop().await {
        tracing::warn!(%error, "the stop cannot be noted");
    }
    tracing::info!(data_dir = %app.config.data_dir.display(), "stopped");
}

/// Work beside trading: it holds no handle that would keep the application open.
async fn housekeeping(app: &Arc<App>, ticker: &Ticker) -> Result<(), TickerError> {
    let (weak, busy) = (Arc::downgrade(app), Arc::new(Mutex::new(())));
    ticker.every(DELIVER, move || deliver(weak.clone(), busy.clone())).await?;
    let weak = Arc::downgrade(app);
    ticker.every(FOLLOW, move || follow(weak.clone())).await?;
    let weak = Arc::downgrade(app);
    ticker.every(LISTS, move || lists(weak.clone())).await?;
    let weak = Arc::downgrade(app);
    ticker.every(backups::LOOK, move || back_up(weak.clone())).await?;
    let weak = Arc::downgrade(app);
    ticker.every(backups::WATCH, move || look_elsewhere(weak.clone())).await?;
    let weak = Arc::downgrade(app);
    ticker.every(WATCH, move || watch(weak.clone())).await?;
    let (weak, last) = (Arc::downgrade(app), Arc::new(std::sync::Mutex::new(None)));
    ticker.every(TIDY, move || tidy(weak.clone(), last.clone())).await?;
    let weak = Arc::downgrade(app);
    let clean = move || {
        let app = weak.upgrade();
        async move {
            if let Some(app) = &app {
                sweep(app);
                app.trading.forget_old_requests().await;
            }
        }
    };
    ticker.every(SWEEP, clean).await
}

/// Brings the realtime feeds up to date.
async fn follow(app: Weak<App>) {
    let Some(app) = app.upgrade() else { return };
    // A broker gives each key one feed: while the installation is held, another one may still have it.
    if app.trading.install_rules().is_ok_and(|rules| rules.hold.is_some()) {
        return;
    }
    if let Err(error) = app.feeds.refresh() {
        tracing::warn!(%error, "the realtime feeds cannot be brought up to date");
    }
}

/// Fetches the day's lists of instruments, once somebody has a broker: nothing else needs them.
async fn lists(app: Weak<App>) {
    let Some(app) = app.upgrade() else { return };
    if app.feeds.is_anybody_keyed() {
        app.masters.refresh_if_due().await;
    }
}

/// Makes the backup that is due.
async fn back_up(app: Weak<App>) {
    let Some(app) = app.upgrade() else { return };
    app.backup_tick().await;
}

/// Looks whether the data were restored elsewhere.
async fn look_elsewhere(app: Weak<App>) {
    let Some(app) = app.upgrade() else { return };
    app.watch_generation().await;
}

/// Keeps the data from growing without bounds, once a day while nothing is due.
async fn tidy(app: Weak<App>, last: Arc<std::sync::Mutex<Option<Timestamp>>>) {
    let Some(app) = app.upgrade() else { return };
    let now = app.wall.now();
    {
        let mut last = last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let done = last.is_some_and(|at| now.duration_since(at) < SignedDuration::from_hours(20));
        if done || app.trading.is_due_within(QUIET).unwrap_or(true) {
            return;
        }
        *last = Some(now);
    }
    for user in app.store.read(|view| view.user_ids()).unwrap_or_default() {
        match inbox::forget_oldest(&app.store, user, inbox::MOST_KEPT).await {
            Ok(0) => {}
            Ok(gone) => tracing::info!(user_id = %user, gone, "the oldest messages made room"),
            Err(error) => tracing::warn!(user_id = %user, %error, "old messages cannot be removed"),
        }
    }
    let store = app.store.clone();
    match tokio::task::spawn_blocking(move || store.tidy()).await {
        Ok(Ok(Some((before, after)))) => tracing::info!(before, after, "the database file gave unused space back"),
        Ok(Ok(None)) => {}
        Ok(Err(error)) => tracing::warn!(%error, "the database file cannot be made smaller"),
        Err(error) => tracing::warn!(%error, "the database file cannot be made smaller"),
    }
}

/// Looks after the installation.
async fn watch(app: Weak<App>) {
    let Some(app) = app.upgrade() else { return };
    if let Err(error) = app.look_after().await {
        tracing::warn!(%error, "the installation cannot be looked after");
    }
}

/// Empties the outbox; a pass that takes longer is not joined by a second one.
async fn deliver(app: Weak<App>, busy: Arc<Mutex<()>>) {
    let (Some(app), Ok(_only)) = (app.upgrade(), busy.try_lock()) else { return };
    if let Err(error) = outbox::deliver_waiting(&app.store, &*app, word).await {
        tracing::warn!(%error, "the outbox cannot be emptied");
    }
}

/// Removes uploads whose hour is over: they hold credentials and must not outlive it.
fn sweep(app: &Arc<App>) {
    if let Err(error) = Staging::new(&app.config.data_dir).sweep(app.wall.now()) {
        tracing::warn!(%error, "old uploads cannot be removed");
    }
}
