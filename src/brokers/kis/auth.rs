//! The access token of one app key: stored, shared, and issued by one caller at a time.
//!
//! The broker allows one issue per minute, tells the owner of the account about each on a messenger,
//! and now and then kills a token before its time. So a token is kept until an hour before its end,
//! a dead one is replaced once for all its users, and a replacement that is refused as well stops
//! further issues for a while.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio::sync::Mutex;

use super::parse::{classify, parse_datetime, unreadable};
use super::urls;
use crate::brokers::BrokerError;
use crate::brokers::http::{HttpClient, HttpReply, Redactor};
use crate::domain::clock::{Clock, from_kst};

/// A token is replaced this long before its end (a tenth of its life when that is shorter).
const REFRESH_AHEAD: SignedDuration = SignedDuration::from_hours(1);

/// The broker issues at most one token per minute and key; with a margin for its clock.
const ISSUE_SPACING: Duration = Duration::from_secs(65);

/// Tries of one issue, waits for [`ISSUE_SPACING`] included.
const ISSUE_TRIES: u32 = 4;

/// Pause after a fresh token was refused: another issue would be refused just the same.
const HOLD: SignedDuration = SignedDuration::from_mins(5);

/// Pause after an early replacement failed while the old token still works.
const EARLY_RETRY: SignedDuration = SignedDuration::from_mins(2);

/// A token as it is stored.
#[derive(Clone, Debug)]
pub struct StoredToken {
    pub token: SecretString,
    pub issued_at: Timestamp,
    pub expires_at: Timestamp,
}

impl StoredToken {
    fn refresh_at(&self) -> Timestamp {
        let life = self.expires_at.duration_since(self.issued_at).max(SignedDuration::ZERO);
        self.expires_at.saturating_sub(REFRESH_AHEAD.min(life / 10)).unwrap_or(self.expires_at)
    }
}

/// Where the token of one app key outlives the process. Whoever implements it encrypts.
#[async_trait]
pub trait TokenStore: Send + Sync + std::fmt::Debug {
    async fn load(&self) -> Option<StoredToken>;

    /// A failure is the store's to report: trading goes on with the token in memory.
    async fn save(&self, token: &StoredToken);
}

/// A store that forgets with the process.
#[derive(Debug, Default)]
pub struct MemoryTokenStore(std::sync::Mutex<Option<StoredToken>>);

#[async_trait]
impl TokenStore for MemoryTokenStore {
    async fn load(&self) -> Option<StoredToken> {
        self.0.lock().unwrap_or_else(|e| e.into_inner()).clone()
    }

    async fn save(&self, token: &StoredToken) {
        *self.0.lock().unwrap_or_else(|e| e.into_inner()) = Some(token.clone());
    }
}

/// Who asks for tokens, and where.
pub(super) struct Issuer<'a> {
    pub http: &'a HttpClient,
    pub base_url: &'a str,
    pub app_key: &'a SecretString,
    pub app_secret: &'a SecretString,
    pub secrets: &'a Redactor,
}

/// A token in use; the generation tells whether somebody else has replaced it since.
#[derive(Clone, Debug)]
pub(super) struct LiveToken {
    pub token: SecretString,
    generation: u64,
}

/// The token of one app key. Share one keeper among all clients of the key.
#[derive(Debug)]
pub struct TokenKeeper {
    store: Arc<dyn TokenStore>,
    clock: Arc<dyn Clock>,
    /// Held while a token is issued, so that everybody else waits for that one.
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    loaded: bool,
    current: Option<StoredToken>,
    generation: u64,
    /// Generations up to this one were refused by the broker.
    dead: u64,
    last_issue: Option<Timestamp>,
    early_retry_at: Option<Timestamp>,
    hold: Option<(Timestamp, BrokerError)>,
}

impl TokenKeeper {
    pub fn new(store: Arc<dyn TokenStore>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock, state: Mutex::default() }
    }

    /// A token that should work, issued now if need be.
    ///
    /// # Errors
    /// None of them means that a business request has left.
    pub(super) async fn token(&self, issuer: &Issuer<'_>) -> Result<LiveToken, BrokerError> {
        let mut state = self.state.lock().await;
        self.load(&mut state).await;
        self.usable(&mut state, issuer).await
    }

    /// A token in place of one that the broker refused. Whoever comes first issues it.
    pub(super) async fn replace(&self, refused: &LiveToken, issuer: &Issuer<'_>) -> Result<LiveToken, BrokerError> {
        let mut state = self.state.lock().await;
        state.dead = state.dead.max(refused.generation);
        self.usable(&mut state, issuer).await
    }

    /// A replacement was refused as well: no further issue for a while.
    pub(super) async fn give_up(&self, refused: &LiveToken, error: &BrokerError) {
        let mut state = self.state.lock().await;
        if refused.generation == state.generation {
            state.dead = refused.generation;
            let until = self.clock.now().saturating_add(HOLD).unwrap_or(Timestamp::MAX);
            state.hold = Some((until, error.clone()));
        }
    }

    async fn load(&self, state: &mut State) {
        if !state.loaded {
            state.loaded = true;
            state.current = self.store.load().await;
            state.last_issue = state.current.as_ref().map(|t| t.issued_at);
            state.generation = 1;
        }
    }

    async fn usable(&self, state: &mut State, issuer: &Issuer<'_>) -> Result<LiveToken, BrokerError> {
        let now = self.clock.now();
        let alive = state.current.clone().filter(|t| state.generation > state.dead && now < t.expires_at);
        if let Some(token) = &alive {
            let wait_on = state.early_retry_at.is_some_and(|at| now < at);
            if now < token.refresh_at() || wait_on {
                return Ok(LiveToken { token: token.token.clone(), generation: state.generation });
            }
        }
        if let Some((until, error)) = &state.hold
            && now < *until
        {
            return Err(error.clone());
        }
        match (self.issue(state, issuer, alive.is_some()).await, alive) {
            (Ok(token), _) => {
                self.store.save(&token).await;
                state.current = Some(token.clone());
                state.generation += 1;
                state.hold = None;
                state.early_retry_at = None;
                Ok(LiveToken { token: token.token, generation: state.generation })
            }
            (Err(error), Some(token)) => {
                tracing::warn!(code = error.code(), "the access token could not be replaced early; the old one is kept");
                state.early_retry_at = self.clock.now().checked_add(EARLY_RETRY).ok();
                Ok(LiveToken { token: token.token, generation: state.generation })
            }
            (Err(error), None) => Err(error),
        }
    }

    /// Asks for a token. With another token still at work (`early`) it asks once and does not wait.
    async fn issue(&self, state: &mut State, issuer: &Issuer<'_>, early: bool) -> Result<StoredToken, BrokerError> {
        let tries = if early { 1 } else { ISSUE_TRIES };
        let mut attempt = 0;
        loop {
            attempt += 1;
            if !early {
                self.wait_for_the_minute(state).await;
            }
            let error = match self.issue_once(issuer).await {
                Ok(token) => {
                    state.last_issue = Some(self.clock.now());
                    return Ok(token);
                }
                Err(error) => error,
            };
            if attempt >= tries || !error.is_transient() {
                return Err(nothing_left(error));
            }
            let wait = match &error {
                BrokerError::RateLimited { .. } => ISSUE_SPACING,
                _ => Duration::from_secs(u64::from(attempt)),
            };
            tracing::warn!(code = error.code(), wait_seconds = wait.as_secs(), "no access token yet; asking again");
            self.clock.sleep(wait).await;
        }
    }

    /// A second issue within the minute would only be refused.
    async fn wait_for_the_minute(&self, state: &State) {
        let since = state.last_issue.map(|at| self.clock.now().duration_since(at));
        if let Some(since) = since.and_then(|s| Duration::try_from(s).ok())
            && let Some(rest) = ISSUE_SPACING.checked_sub(since)
        {
            self.clock.sleep(rest).await;
        }
    }

    async fn issue_once(&self, issuer: &Issuer<'_>) -> Result<StoredToken, BrokerError> {
        let body = serde_json::json!({
            "grant_type": "client_credentials",
            "appkey": issuer.app_key.expose_secret(),
            "appsecret": issuer.app_secret.expose_secret(),
        });
        let request = issuer.http.post(&format!("{}{}", issuer.base_url, urls::TOKEN)).json(&body);
        let reply = issuer.http.send(request, issuer.secrets).await?;
        read_token(&reply, self.clock.now(), issuer.secrets)
    }
}

/// What failed is the way to a token: the business request behind it has certainly not left, which
/// an order must know.
fn nothing_left(error: BrokerError) -> BrokerError {
    match error {
        BrokerError::NoAnswer(text) | BrokerError::Protocol(text) | BrokerError::Unreachable(text) => {
            BrokerError::Unreachable(format!("no access token: {text}"))
        }
        other => other,
    }
}

/// All that may be told of an answer that can hold half a token.
fn size(reply: &HttpReply) -> String {
    format!("{} bytes", reply.body.len())
}

fn read_token(reply: &HttpReply, now: Timestamp, secrets: &Redactor) -> Result<StoredToken, BrokerError> {
    let Ok(Value::Object(members)) = serde_json::from_slice::<Value>(&reply.body) else {
        return Err(unreadable(reply.status, &size(reply)));
    };
    let text = |name: &str| members.get(name).and_then(Value::as_str).unwrap_or_default().trim();
    let token = text("access_token");
    if token.is_empty() {
        let (code, message) = match text("error_code") {
            "" => (secrets.clean(text("msg_cd")), secrets.clean(text("msg1"))),
            code => (secrets.clean(code), secrets.clean(text("error_description"))),
        };
        return Err(if code.is_empty() { unreadable(reply.status, &size(reply)) } else { classify(reply.status, &code, &message) });
    }
    if token.bytes().any(|b| !b.is_ascii_graphic()) {
        return Err(BrokerError::Protocol("access_token holds characters that no token has".to_owned()));
    }
    let seconds = match members.get("expires_in") {
        Some(Value::Number(n)) => n.as_i64(),
        Some(Value::String(s)) => s.trim().parse().ok(),
        _ => None,
    };
    // The text is exact even when the broker hands out a token that it issued hours ago.
    let expires_at = parse_datetime(text("access_token_token_expired"))
        .map(from_kst)
        .or_else(|| now.checked_add(SignedDuration::from_secs(seconds.filter(|s| *s > 0)?)).ok())
        .ok_or_else(|| BrokerError::Protocol("access_token_token_expired is not a time".to_owned()))?;
    Ok(StoredToken { token: SecretString::from(token), issued_at: now, expires_at })
}
