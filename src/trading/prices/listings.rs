//! Tickers that change their exchange. What is remembered of a listing serves everybody, so a broker
//! that no longer knows a ticker at its exchange is asked where it went.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tokio::sync::Mutex;

use crate::domain::instrument::Exchange;
use crate::storage::tables::{LISTINGS, Listing};
use crate::storage::{Key, StoreError};
use crate::trading::error::TradingError;
use crate::trading::line::Line;
use crate::trading::tick::{Trading, lock};

/// A ticker that is listed nowhere, or whose prices fail, must not use up the broker's quota.
const PAUSE: SignedDuration = SignedDuration::from_hours(1);

/// When each ticker was last looked for at the other exchanges. The lock of one is held while it is
/// looked for: accounts that need the same answer at the same time wait for it.
#[derive(Debug, Default)]
pub(in crate::trading) struct Relistings(std::sync::Mutex<HashMap<String, Arc<Mutex<Option<Timestamp>>>>>);

impl Relistings {
    fn of(&self, symbol: &str) -> Arc<Mutex<Option<Timestamp>>> {
        lock(&self.0).entry(symbol.to_owned()).or_default().clone()
    }
}

impl Trading {
    /// Where a ticker is listed that the broker does not know at `known`; remembered for everybody.
    /// `None` when no exchange has it or it was looked for within the hour.
    ///
    /// # Errors
    /// When the broker could not be asked, or the answer not be stored.
    pub(in crate::trading) async fn relisted(&self, line: &Line, symbol: &str, known: Exchange) -> Result<Option<Exchange>, TradingError> {
        let key = Key::new().text(symbol);
        let relisting = self.relistings.of(symbol);
        let mut searched = relisting.lock().await;
        // Another account may have found it since.
        if let Some(Listing(exchange)) = self.store.read(|v| v.get(&LISTINGS, &key))?.filter(|Listing(e)| *e != known) {
            return Ok(Some(exchange));
        }
        let now = self.clock.now();
        if searched.is_some_and(|at| now.duration_since(at) < PAUSE) {
            return Ok(None);
        }
        // However it goes: a search that fails is not repeated at once either.
        *searched = Some(now);
        let Some(exchange) = line.gateway.find_listing(symbol).await? else { return Ok(None) };
        if exchange != known {
            let detail = json!({ "symbol": symbol, "before": known, "after": exchange });
            self.store
                .write(move |tx| -> Result<(), StoreError> {
                    tx.put(&LISTINGS, &key, &Listing(exchange))?;
                    tx.audit(now, None, "listing.moved", detail.clone())
                })
                .await?;
            tracing::info!(%symbol, before = ?known, after = ?exchange, "a ticker has moved to another exchange");
        }
        Ok(Some(exchange))
    }
}
