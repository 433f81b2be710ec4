//! From session to session: when one ends, the next begins after a pause that grows.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio_tungstenite::connect_async_with_config;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::super::auth::Issuer;
use super::approval::Approval;
use super::session::{End, Session, Socket};
use super::{Jitter, KisFeedConfig, Shared, lock};
use crate::brokers::feed::FeedEvent;
use crate::brokers::http::{HttpClient, Redactor};
use crate::domain::clock::Clock;

/// Frames are a few kilobytes; a feed on a small machine needs no more.
const READ_BUFFER: usize = 16 << 10;
const LONGEST_FRAME: usize = 1 << 20;

/// Holds the session of one feed.
#[derive(Debug)]
pub(super) struct Driver {
    pub config: KisFeedConfig,
    pub market: Arc<dyn Clock>,
    pub wall: Arc<dyn Clock>,
    pub secrets: Redactor,
    pub shared: Arc<Shared>,
    http: HttpClient,
    jitter: Jitter,
}

impl Driver {
    pub fn new(
        config: KisFeedConfig,
        http: HttpClient,
        market: Arc<dyn Clock>,
        wall: Arc<dyn Clock>,
        jitter: Jitter,
        secrets: Redactor,
        shared: Arc<Shared>,
    ) -> Self {
        Self { config, market, wall, secrets, shared, http, jitter }
    }

    /// Runs until the feed is dropped.
    pub async fn run(self) {
        let mut approval = Approval::default();
        let mut failures = 0;
        loop {
            while lock(&self.shared.slots).is_empty() {
                self.shared.changed.notified().await;
            }
            let (end, stood) = self.session(&mut approval).await;
            if matches!(end, End::ApprovalUnknown) {
                approval.forget();
            }
            let reason = self.secrets.clean(&end.to_string());
            tracing::warn!(host = ?self.config.host, reason, "no realtime session");
            self.shared.lost(reason);
            failures = if stood >= self.config.timing.steady { 0 } else { failures + 1 };
            self.wall.sleep(self.back_off(failures)).await;
        }
    }

    /// One session from its approval key to its end, and how long it stood.
    async fn session(&self, approval: &mut Approval) -> (End, Duration) {
        let issuer = Issuer {
            http: &self.http,
            base_url: self.config.base_url.trim_end_matches('/'),
            app_key: &self.config.app_key,
            app_secret: &self.config.app_secret,
            secrets: &self.secrets,
        };
        let key = match approval.key(&issuer, &*self.market).await {
            Ok(key) => key,
            Err(error) => return (End::NoApproval(error), Duration::ZERO),
        };
        let socket = match self.connect().await {
            Ok(socket) => socket,
            Err(end) => return (end, Duration::ZERO),
        };
        let began = self.wall.now();
        self.shared.count(|stats| stats.sessions += 1);
        self.shared.hub.tell(FeedEvent::Connected);
        let end = Session::new(self, socket, key).run().await;
        (end, since(began, self.wall.now()))
    }

    async fn connect(&self) -> Result<Socket, End> {
        let url = format!("{}/tryitout", self.config.ws_url.trim_end_matches('/'));
        self.http.may_reach(&url).map_err(|failure| End::NoConnection(failure.to_string()))?;
        let settings = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .max_message_size(Some(LONGEST_FRAME))
            .max_frame_size(Some(LONGEST_FRAME));
        tokio::select! {
            connected = connect_async_with_config(url, Some(settings), true) => match connected {
                Ok((socket, _)) => Ok(socket),
                Err(error) => Err(End::NoConnection(error.to_string())),
            },
            () = self.wall.sleep(self.config.timing.connect) => Err(End::NoConnection("timed out".to_owned())),
        }
    }

    /// The pause after so many failures in a row.
    fn back_off(&self, failures: u32) -> Duration {
        let (first, most) = self.config.timing.back_off;
        let doubled = first.saturating_mul(1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX));
        self.jitter.spread(doubled.min(most))
    }
}

/// Time from one instant to another; zero when it runs backwards.
pub(super) fn since(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}
