//! One call of the REST interface: pace, token, headers, and what a failure means for a repetition.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

use super::auth::{Issuer, LiveToken, TokenKeeper};
use super::parse::{Answer, Parsed, parse, protocol};
use super::urls::Endpoint;
use crate::brokers::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use crate::brokers::http::{HttpClient, Redactor, RequestBuilder};
use crate::brokers::limit::{Priority, RateLimiter};
use crate::brokers::{BrokerError, OrderGuard};
use crate::domain::clock::Clock;
use crate::domain::order::{BrokerHost, OrderIntent};

/// Tries of a read that the broker refuses for coming too fast.
const LIMITED_TRIES: u32 = 6;

/// Tries of a read that gets no answer.
const SILENT_TRIES: u32 = 3;

/// More pages than any day of trading has.
const MAX_PAGES: usize = 200;

/// How a list is continued: the members of a page that the next request repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Paging {
    /// US lists.
    Ctx200,
    /// Korean lists.
    Ctx100,
}

impl Paging {
    /// Names in the request and in the answer.
    fn names(self) -> [(&'static str, &'static str); 2] {
        match self {
            Paging::Ctx200 => [("CTX_AREA_FK200", "ctx_area_fk200"), ("CTX_AREA_NK200", "ctx_area_nk200")],
            Paging::Ctx100 => [("CTX_AREA_FK100", "ctx_area_fk100"), ("CTX_AREA_NK100", "ctx_area_nk100")],
        }
    }
}

/// Names and texts of a query or of a body.
pub(super) type Params = Vec<(&'static str, String)>;

/// What belongs to one account at one of the broker's hosts.
#[derive(Debug)]
pub(super) struct Rest {
    pub host: BrokerHost,
    pub base_url: String,
    pub http: HttpClient,
    pub clock: Arc<dyn Clock>,
    pub tokens: Arc<TokenKeeper>,
    pub limiter: Arc<RateLimiter>,
    pub app_key: SecretString,
    pub app_secret: SecretString,
    pub cano: SecretString,
    pub product: String,
    /// Headers that are the same in every call; the secret ones are marked so.
    pub headers: HeaderMap,
    pub secrets: Redactor,
    /// Seconds by which our clock is ahead of the broker's, as its last answer shows.
    pub drift: Mutex<Option<i64>>,
    /// Asked right before an order or an amendment leaves.
    pub guard: Option<Arc<dyn OrderGuard>>,
}

/// A request as often as it may be sent.
struct Call<'a> {
    path: &'static str,
    tr_id: &'static str,
    params: &'a Params,
    post: bool,
    next_page: bool,
    priority: Priority,
    /// What is asked again right before it leaves, however long token and pace made it wait.
    only_while: Option<OnlyWhile<'a>>,
}

/// Until when and for which order a request that opens or changes a position may leave.
#[derive(Clone, Copy)]
pub(super) struct OnlyWhile<'a> {
    pub intent: &'a OrderIntent,
    pub deadline: Timestamp,
}

/// A page of an answer.
pub(super) struct Page {
    pub answer: Answer,
    /// The broker has more rows.
    pub more: bool,
}

/// Why one exchange of request and answer failed.
enum Failure {
    /// Before the business request: no token to be had.
    NoToken(BrokerError),
    Call(BrokerError),
}

impl Failure {
    fn into_error(self) -> BrokerError {
        match self {
            Failure::NoToken(error) | Failure::Call(error) => error,
        }
    }
}

impl Rest {
    /// The account in the form that every account request carries.
    pub fn account(&self) -> Params {
        vec![("CANO", self.cano.expose_secret().to_owned()), ("ACNT_PRDT_CD", self.product.clone())]
    }

    /// Makes sure of a working token.
    pub async fn check_token(&self) -> Result<(), BrokerError> {
        self.tokens.token(&self.issuer()).await.map(drop)
    }

    /// A read without pages.
    pub async fn read(&self, endpoint: Endpoint, params: &Params) -> Result<Answer, BrokerError> {
        self.read_page(endpoint, params, false).await.map(|page| page.answer)
    }

    /// All pages of a read. An incomplete list would be worse than none, so a page that fails fails
    /// the whole.
    pub async fn read_all(&self, endpoint: Endpoint, paging: Paging, mut params: Params) -> Result<Vec<Answer>, BrokerError> {
        let names = paging.names();
        params.extend(names.map(|(asked, _)| (asked, String::new())));
        let mut pages = Vec::new();
        loop {
            let page = self.read_page(endpoint, &params, !pages.is_empty()).await?;
            let mut next = Vec::with_capacity(names.len());
            for (asked, told) in names {
                next.push((asked, page.answer.text(told)?.to_owned()));
            }
            pages.push(page.answer);
            if !page.more {
                return Ok(pages);
            }
            let keep = params.len().saturating_sub(next.len());
            if params.get(keep..) == Some(next.as_slice()) || next.iter().all(|(_, v)| v.is_empty()) || pages.len() >= MAX_PAGES {
                return Err(protocol(format!("the pages of {} do not come to an end", endpoint.path)));
            }
            params.truncate(keep);
            params.extend(next);
        }
    }

    /// Sends an order or a cancellation, once. Whatever is no cancel says until when and as what it may
    /// leave: waiting for a token alone can take minutes.
    ///
    /// # Errors
    /// `TooLate` when the deadline came first, `Halted` when the guard does not let it go any more;
    /// nothing was sent then.
    pub async fn submit(&self, endpoint: Endpoint, params: &Params, only_while: Option<OnlyWhile<'_>>) -> Result<Answer, BrokerError> {
        let tr_id = endpoint.tr_id(self.host)?;
        // Before a token is asked for; `attempt` asks again.
        self.may_leave(only_while)?;
        let call = Call { path: endpoint.path, tr_id, params, post: true, next_page: false, priority: Priority::Order, only_while };
        self.exchange(&call).await.map(|page| page.answer).map_err(Failure::into_error)
    }

    async fn read_page(&self, endpoint: Endpoint, params: &Params, next_page: bool) -> Result<Page, BrokerError> {
        let tr_id = endpoint.tr_id(self.host)?;
        let call = Call { path: endpoint.path, tr_id, params, post: false, next_page, priority: Priority::Query, only_while: None };
        let mut attempt = 0;
        loop {
            attempt += 1;
            let error = match self.exchange(&call).await {
                Ok(page) => return Ok(page),
                // The keeper has waited and tried as often as it makes sense.
                Err(Failure::NoToken(error)) => return Err(error),
                Err(Failure::Call(error)) => error,
            };
            let (tries, wait) = match &error {
                BrokerError::RateLimited { .. } => (LIMITED_TRIES, Duration::from_millis(200)),
                _ => (SILENT_TRIES, Duration::from_millis(500)),
            };
            if attempt >= tries || !error.is_transient() {
                return Err(error);
            }
            self.clock.sleep(wait * 2_u32.saturating_pow(attempt - 1)).await;
        }
    }

    /// One request and its answer. When the broker calls the token dead, the request is sent a second
    /// time with a new one: the broker's gate checks the token before it passes anything on, so the
    /// first request cannot have been executed. This is the only case in which an order leaves twice.
    async fn exchange(&self, call: &Call<'_>) -> Result<Page, Failure> {
        let token = self.tokens.token(&self.issuer()).await.map_err(Failure::NoToken)?;
        match self.attempt(call, &token).await {
            Ok(Attempt::Page(page)) => return Ok(page),
            Ok(Attempt::TokenDead(error)) => tracing::warn!(code = error.code(), "the broker refused the access token"),
            Err(error) => return Err(Failure::Call(error)),
        }
        let token = self.tokens.replace(&token, &self.issuer()).await.map_err(Failure::NoToken)?;
        match self.attempt(call, &token).await {
            Ok(Attempt::Page(page)) => Ok(page),
            Ok(Attempt::TokenDead(error)) => {
                self.tokens.give_up(&token, &error).await;
                Err(Failure::NoToken(error))
            }
            Err(error) => Err(Failure::Call(error)),
        }
    }

    async fn attempt(&self, call: &Call<'_>, token: &LiveToken) -> Result<Attempt, BrokerError> {
        let secrets = self.secrets.with(&token.token);
        let request = self.request(call, &token.token)?;
        self.limiter.acquire(call.priority).await;
        self.may_leave(call.only_while)?;
        let reply = self.http.send(request, &secrets).await?;
        self.note_drift(reply.header("date"));
        let tr_id = call.tr_id;
        match parse(reply.status, &reply.body, &secrets) {
            Parsed::Done(answer) => {
                self.limiter.answered();
                tracing::debug!(tr_id, status = reply.status, "broker answered");
                Ok(Attempt::Page(Page { answer, more: matches!(reply.header("tr_cont").trim(), "M" | "F") }))
            }
            Parsed::TokenDead { code, message } => Ok(Attempt::TokenDead(BrokerError::Unauthorized { code, message })),
            Parsed::Failed(error) => {
                match &error {
                    BrokerError::RateLimited { .. } => {
                        self.limiter.refused();
                        self.http.note_limited(&self.base_url);
                    }
                    _ => self.limiter.answered(),
                }
                tracing::debug!(tr_id, status = reply.status, code = error.code(), "broker refused");
                Err(error)
            }
        }
    }

    fn may_leave(&self, only_while: Option<OnlyWhile<'_>>) -> Result<(), BrokerError> {
        let Some(OnlyWhile { intent, deadline }) = only_while else { return Ok(()) };
        if self.clock.now() >= deadline {
            return Err(BrokerError::TooLate(deadline));
        }
        self.guard.as_ref().and_then(|guard| guard.refusal(intent)).map_or(Ok(()), |reason| Err(BrokerError::Halted(reason)))
    }

    /// What the last answer's date says of our clock.
    pub fn drift(&self) -> Option<i64> {
        *self.drift.lock().unwrap_or_else(|e| e.into_inner())
    }

    fn note_drift(&self, date: &str) {
        if let Ok(theirs) = DateTimeParser::new().parse_timestamp(date) {
            *self.drift.lock().unwrap_or_else(|e| e.into_inner()) = Some(self.clock.now().duration_since(theirs).as_secs());
        }
    }

    fn request(&self, call: &Call<'_>, token: &SecretString) -> Result<RequestBuilder, BrokerError> {
        let unusable = |_| BrokerError::Unreachable("the access token cannot stand in a header".to_owned());
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret())).map_err(unusable)?;
        bearer.set_sensitive(true);
        let url = format!("{}{}", self.base_url, call.path);
        let builder = if call.post {
            let body: Map<String, Value> =
                call.params.iter().map(|(name, value)| ((*name).to_owned(), Value::String(value.clone()))).collect();
            // A body of known length: without Content-Length the gateway refuses the request.
            self.http.post(&url).body(Value::Object(body).to_string())
        } else {
            self.http.get(&url).query(call.params)
        };
        Ok(builder
            .headers(self.headers.clone())
            .header(AUTHORIZATION, bearer)
            .header("tr_id", call.tr_id)
            .header("tr_cont", if call.next_page { "N" } else { "" }))
    }

    fn issuer(&self) -> Issuer<'_> {
        Issuer { http: &self.http, base_url: &self.base_url, app_key: &self.app_key, app_secret: &self.app_secret, secrets: &self.secrets }
    }
}

/// What came of one attempt, apart from errors.
enum Attempt {
    Page(Page),
    TokenDead(BrokerError),
}

/// The headers that every call of an app key carries.
pub(super) fn fixed_headers(app_key: &SecretString, app_secret: &SecretString) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    headers.insert("custtype", HeaderValue::from_static("P"));
    for (name, value) in [("appkey", app_key), ("appsecret", app_secret)] {
        let mut value = HeaderValue::from_str(value.expose_secret()).ok()?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Some(headers)
}
