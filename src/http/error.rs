//! Errors as RFC 9457 problem details with a stable code. The text is for people and may change, the
//! code is for programs and may not. What went wrong inside the server stands in the log only.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use utoipa::ToSchema;

use super::trace;
use crate::app::credentials::TryError;
use crate::auth::{AuthError, KeyError, VaultError};
use crate::brokers::BrokerError;
use crate::domain::remark::Remark;
use crate::storage::StoreError;
use crate::trading::{FieldProblem, TradingError};

/// Characters of a detail; what is beyond was sent by the client.
const LONGEST_DETAIL: usize = 600;

macro_rules! codes {
    ($($name:ident $status:literal $code:literal $title:literal;)+) => {
        /// What went wrong, as a program sees it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorCode { $(#[doc = $title] $name),+ }

        impl ErrorCode {
            /// Every code there is.
            pub const ALL: &[ErrorCode] = &[$(ErrorCode::$name),+];

            /// The stable text.
            pub fn code(self) -> &'static str {
                match self { $(ErrorCode::$name => $code),+ }
            }

            /// HTTP status.
            pub fn status(self) -> u16 {
                match self { $(ErrorCode::$name => $status),+ }
            }

            /// A short English sentence, the same for every occurrence.
            pub fn title(self) -> &'static str {
                match self { $(ErrorCode::$name => $title),+ }
            }
        }
    };
}

codes! {
    Malformed 400 "malformed" "The request cannot be read";
    ClientHeaderRequired 400 "client_header_required" "The header X-Client is required here";
    Unauthorized 401 "unauthorized" "Sign in first";
    WrongCredentials 401 "wrong_credentials" "User name or password is wrong";
    SecondFactorRequired 401 "second_factor_required" "A second factor is required";
    WrongCode 401 "wrong_code" "The code is wrong";
    SessionEnded 401 "session_ended" "The session has ended";
    RefreshReused 401 "refresh_reused" "The refresh token was used before";
    ApiKeyWrong 401 "api_key_wrong" "There is no such API key";
    ApiKeyExpired 401 "api_key_expired" "The API key has expired";
    ApiKeyInAddress 400 "api_key_in_address" "An API key does not belong into the address";
    SignatureMissing 401 "signature_missing" "This call must be signed";
    SignatureMalformed 400 "signature_malformed" "The signature cannot be read";
    SignatureWrong 401 "signature_wrong" "The signature is wrong";
    SignatureStale 401 "signature_stale" "The timestamp is too old";
    SignatureFuture 401 "signature_future" "The timestamp lies in the future";
    SignatureReplayed 401 "signature_replayed" "The request was taken already";
    AddressNotAllowed 403 "address_not_allowed" "Not from this address";
    BeyondScope 403 "beyond_scope" "Beyond the scope of the API key";
    Forbidden 403 "forbidden" "Not allowed";
    StepUpRequired 403 "step_up_required" "Password or code once more";
    DisclosureRequired 403 "disclosure_required" "A disclosure must be accepted first";
    RegistrationClosed 403 "registration_closed" "Registration is closed";
    SetupCodeRequired 403 "setup_code_required" "The setup code is required";
    SetupCodeWrong 403 "setup_code_wrong" "The setup code is wrong";
    NotFound 404 "not_found" "Not found";
    MethodNotAllowed 405 "method_not_allowed" "This method is not offered here";
    Conflict 409 "conflict" "The request contradicts the present state";
    VersionConflict 409 "version_conflict" "Somebody changed it in the meantime";
    UsernameTaken 409 "username_taken" "The user name is taken";
    NotGranted 403 "not_granted" "The owner has not granted this";
    IdentityNotLinked 403 "identity_not_linked" "Nobody is linked to this sign-in";
    IdentityTaken 409 "identity_taken" "This sign-in is linked to somebody else";
    PublicUrlMissing 409 "public_url_missing" "The public address is not set";
    ProviderRefused 401 "provider_refused" "The provider's answer is not believed";
    SignInUnknown 422 "sign_in_unknown" "This sign-in was not begun here";
    ProviderUnreachable 503 "provider_unreachable" "The sign-in provider cannot be reached";
    AppKeyTaken 409 "app_key_taken" "The app key is used by another account";
    TooLarge 413 "too_large" "The request is too large";
    UnsupportedMediaType 415 "unsupported_media_type" "This kind of content is not accepted";
    UpgradeRequired 426 "upgrade_required" "This address is for websockets";
    Invalid 422 "invalid" "The request is not valid";
    MissingField 422 "missing_field" "A field is missing";
    UnknownField 422 "unknown_field" "A field is not known";
    InviteUnknown 422 "invite_unknown" "There is no such invitation";
    ResetUnknown 422 "reset_unknown" "The link no longer counts";
    RecoveryCodeWrong 403 "recovery_code_wrong" "The recovery code is wrong";
    InvalidUsername 422 "invalid_username" "The user name is not valid";
    InvalidEmail 422 "invalid_email" "The e-mail address is not valid";
    WeakPassword 422 "weak_password" "The password is too weak";
    WrongCurrentPassword 422 "wrong_current_password" "The current password is wrong";
    BrokerRejected 422 "broker_rejected" "The broker refused";
    TooManyRequests 429 "too_many_requests" "Too many requests";
    ApiCallsUsedUp 429 "api_calls_used_up" "The calls of this day are used up";
    Internal 500 "internal" "Something went wrong in the server";
    Busy 503 "busy" "The server is busy";
    NotReady 503 "not_ready" "The server is not ready";
    JustStarted 503 "just_started" "The server has just started";
    DiskFull 503 "disk_full" "The disk is full";
    BrokerUnreachable 503 "broker_unreachable" "The broker cannot be reached";
}

/// One detail of an invalid request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// JSON pointer to the field.
    pub pointer: String,
    pub code: String,
    pub detail: String,
    /// What the detail quotes, by name, where the code has a sentence of its own in other languages.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false)]
    pub values: BTreeMap<&'static str, String>,
}

impl FieldError {
    pub fn new(pointer: impl Into<String>, code: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), code: code.into(), detail: detail.into(), values: BTreeMap::new() }
    }

    pub fn of(pointer: impl Into<String>, remark: Remark) -> Self {
        Self { values: remark.values, ..Self::new(pointer, remark.code, remark.text) }
    }
}

/// The body of an error answer (`application/problem+json`).
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    #[serde(rename = "type")]
    pub kind: String,
    pub title: String,
    pub status: u16,
    pub detail: String,
    /// Stable; programs and translations go by it.
    pub code: String,
    /// JSON pointer to the field at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub pointer: Option<String>,
    /// Finds the log lines of this request.
    pub trace_id: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// What the problem is about, where the code says so (an order's id, a limit).
    #[serde(flatten)]
    #[schema(value_type = std::collections::HashMap<String, serde_json::Value>)]
    pub extra: serde_json::Map<String, serde_json::Value>,
}

/// An error on its way to the client. Boxed, because every handler's result carries room for it.
#[derive(Debug)]
pub struct ApiError(Box<Parts>);

#[derive(Debug)]
struct Parts {
    kind: ErrorCode,
    code: Cow<'static, str>,
    detail: String,
    pointer: Option<String>,
    errors: Vec<FieldError>,
    extra: serde_json::Map<String, serde_json::Value>,
    retry_after: Option<Duration>,
    /// For the log only.
    cause: Option<String>,
}

impl ApiError {
    pub fn new(kind: ErrorCode, detail: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            kind,
            code: Cow::Borrowed(kind.code()),
            detail: detail.into(),
            pointer: None,
            errors: Vec::new(),
            extra: serde_json::Map::new(),
            retry_after: None,
            cause: None,
        }))
    }

    /// 404 naming what does not exist (or belongs to somebody else, which looks the same).
    pub fn not_found(what: &str) -> Self {
        Self::new(ErrorCode::NotFound, format!("{what} does not exist"))
    }

    /// 409 with a code of its own.
    pub fn conflict(code: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        Self::new(ErrorCode::Conflict, detail).with_code(code)
    }

    /// 422 with a code of its own: understood, but refused.
    pub fn refused(code: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        Self::new(ErrorCode::Invalid, detail).with_code(code)
    }

    /// 422 about one field.
    pub fn invalid(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(ErrorCode::Invalid, detail).at(pointer)
    }

    /// 422 about several fields; a single one gives its code and pointer to the whole.
    fn fields(problems: Vec<FieldProblem>) -> Self {
        let detail = problems.iter().map(|p| p.detail.as_str()).collect::<Vec<_>>().join("; ");
        let error = match problems.as_slice() {
            [only] => Self::refused(only.code, detail).at(only.pointer.clone()),
            _ => Self::new(ErrorCode::Invalid, detail),
        };
        let entry = |p: FieldProblem| FieldError::new(p.pointer, p.code, p.detail);
        error.with_errors(problems.into_iter().map(entry).collect())
    }

    /// 500; the cause goes to the log, never to the client.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        let mut error = Self::new(ErrorCode::Internal, "something went wrong in the server; the log has the details under this trace id");
        error.0.cause = Some(cause.to_string());
        error
    }

    /// A file of our own could not be worked on: 503 when the disk is full, 500 otherwise.
    pub fn files(error: std::io::Error) -> Self {
        use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        match error.kind() {
            StorageFull | FileTooLarge | QuotaExceeded => StoreError::Full.into(),
            _ => Self::internal(error),
        }
    }

    #[must_use]
    pub fn with_code(mut self, code: impl Into<Cow<'static, str>>) -> Self {
        self.0.code = code.into();
        self
    }

    /// Names the field at fault by JSON pointer.
    #[must_use]
    pub fn at(mut self, pointer: impl Into<String>) -> Self {
        self.0.pointer = Some(pointer.into());
        self
    }

    /// Adds the list of all fields at fault.
    #[must_use]
    pub fn with_errors(mut self, errors: Vec<FieldError>) -> Self {
        self.0.errors = errors;
        self
    }

    /// Adds a member of its own, such as `order_id` or `limit`.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        self.0.extra.insert(name.to_owned(), value.into());
        self
    }

    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    #[must_use]
    fn caused_by(mut self, cause: impl std::fmt::Display) -> Self {
        self.0.cause = Some(cause.to_string());
        self
    }

    pub fn kind(&self) -> ErrorCode {
        self.0.kind
    }

    pub fn pointer(&self) -> Option<&str> {
        self.0.pointer.as_deref()
    }

    pub fn code(&self) -> &str {
        &self.0.code
    }
}

/// A sentence that may quote what a client sent: without control characters, of bearable length.
fn presentable(text: &str) -> String {
    let mut shown: String = text.chars().take(LONGEST_DETAIL).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(LONGEST_DETAIL).is_some() {
        shown.push('…');
    }
    shown
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.0.code, self.0.detail)
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.0.kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let trace_id = trace::current();
        if let Some(cause) = &self.0.cause {
            tracing::error!(%trace_id, code = %self.0.code, %cause, "request failed");
        }
        let problem = Problem {
            kind: format!("urn:eggmoney:problem:{}", self.0.code),
            title: self.0.kind.title().to_owned(),
            status: self.0.kind.status(),
            detail: presentable(&self.0.detail),
            code: self.0.code.to_string(),
            pointer: self.0.pointer.clone(),
            trace_id,
            errors: self.0.errors.iter().map(|e| FieldError { detail: presentable(&e.detail), ..e.clone() }).collect(),
            extra: self.0.extra.clone(),
        };
        let mut response = HttpResponse::build(self.status_code());
        if let Some(wait) = self.0.retry_after {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            response.insert_header((header::RETRY_AFTER, seconds.max(1)));
        }
        if self.status_code() == StatusCode::UNAUTHORIZED {
            response.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
        }
        // Written by hand, because `json()` would overwrite the content type.
        match serde_json::to_vec(&problem) {
            Ok(body) => response.content_type("application/problem+json").body(body),
            Err(_) => response.finish(),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        let retry = Duration::from_secs(5);
        match error {
            StoreError::NotFound { what } => Self::not_found(&what),
            StoreError::Conflict { code, detail } => Self::conflict(code, detail),
            StoreError::Full => Self::new(ErrorCode::DiskFull, "the disk of the server is full: nothing can be saved until there is space")
                .retry_after(retry),
            StoreError::Busy | StoreError::Closed => {
                Self::new(ErrorCode::Busy, "the server is busy: try again in a moment").retry_after(retry)
            }
            StoreError::Corrupt(_) | StoreError::Locked(_) | StoreError::Newer { .. } | StoreError::Ledger(_) | StoreError::Io(_) => {
                Self::internal(error)
            }
        }
    }
}

impl From<VaultError> for ApiError {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::AppKeyTaken => Self::new(ErrorCode::AppKeyTaken, error.to_string()).at("/app_key"),
            VaultError::DisclosureRequired => Self::new(ErrorCode::DisclosureRequired, error.to_string()),
            VaultError::Unreadable | VaultError::File(_) => Self::internal(error),
            VaultError::Store(error) => error.into(),
        }
    }
}

impl From<TryError> for ApiError {
    fn from(error: TryError) -> Self {
        match error {
            TryError::Vault(error) => error.into(),
            TryError::Trading(error) => error.into(),
        }
    }
}

impl From<AuthError> for ApiError {
    fn from(error: AuthError) -> Self {
        let text = error.to_string();
        match error {
            AuthError::WrongCredentials => Self::new(ErrorCode::WrongCredentials, text),
            AuthError::SecondFactorRequired => Self::new(ErrorCode::SecondFactorRequired, text).at("/code"),
            AuthError::WrongCode => Self::new(ErrorCode::WrongCode, text).at("/code"),
            AuthError::NotSignedIn => Self::new(ErrorCode::Unauthorized, text),
            AuthError::StepUpRequired => Self::new(ErrorCode::StepUpRequired, text),
            AuthError::SessionEnded => Self::new(ErrorCode::SessionEnded, text),
            AuthError::RefreshReused { .. } => Self::new(ErrorCode::RefreshReused, text),
            AuthError::Throttled { retry_after } => Self::new(ErrorCode::TooManyRequests, text).retry_after(retry_after),
            AuthError::SetupCodeRequired => Self::new(ErrorCode::SetupCodeRequired, text).at("/setup_code"),
            AuthError::SetupCodeWrong => Self::new(ErrorCode::SetupCodeWrong, text).at("/setup_code"),
            AuthError::RegistrationClosed => Self::new(ErrorCode::RegistrationClosed, text),
            AuthError::InviteUnknown => Self::new(ErrorCode::InviteUnknown, text).at("/invite"),
            AuthError::AddressNotAllowed => Self::new(ErrorCode::AddressNotAllowed, text),
            AuthError::LocksOut(_) => Self::conflict("locks_out", text).at("/networks"),
            AuthError::DisclosureChanged => Self::conflict("disclosure_changed", text),
            AuthError::LastAdmin => Self::conflict("last_admin", text),
            AuthError::InvalidNote => Self::invalid("/note", text),
            AuthError::ResetUnknown => Self::new(ErrorCode::ResetUnknown, text),
            AuthError::RecoveryCodeWrong => Self::new(ErrorCode::RecoveryCodeWrong, text).at("/code"),
            AuthError::UsernameTaken(_) => Self::new(ErrorCode::UsernameTaken, text).at("/username"),
            AuthError::InvalidUsername(_) => Self::new(ErrorCode::InvalidUsername, text).at("/username"),
            AuthError::WeakPassword(_) => Self::new(ErrorCode::WeakPassword, text).at("/password"),
            AuthError::InvalidEmail(_) => Self::new(ErrorCode::InvalidEmail, text).at("/email"),
            AuthError::WrongCurrentPassword => Self::new(ErrorCode::WrongCurrentPassword, text).at("/current"),
            AuthError::InvalidSetting { pointer, .. } => Self::invalid(pointer, text),
            AuthError::TooMany(_) => Self::conflict("too_many", text),
            AuthError::PublicUrlMissing => Self::new(ErrorCode::PublicUrlMissing, text),
            AuthError::ProviderTrouble => Self::new(ErrorCode::ProviderUnreachable, text).retry_after(Duration::from_secs(10)),
            AuthError::ProviderRefused(_) => Self::new(ErrorCode::ProviderRefused, text),
            AuthError::SignInUnknown => Self::new(ErrorCode::SignInUnknown, text),
            AuthError::IdentityUnlinked => Self::new(ErrorCode::IdentityNotLinked, text),
            AuthError::GrantTooNarrow => Self::new(ErrorCode::NotGranted, text),
            AuthError::IdentityTaken => Self::new(ErrorCode::IdentityTaken, text),
            AuthError::NotFound(what) => Self::not_found(what),
            AuthError::Hashing(_) | AuthError::File { .. } => Self::internal(text),
            AuthError::InvalidKeyName => Self::invalid("/name", text),
            AuthError::InvalidExpiry => Self::invalid("/expires_at", text),
            AuthError::ScopeBeyondRole => Self::new(ErrorCode::BeyondScope, text).at("/scope"),
            AuthError::TooManyKeys => Self::conflict("too_many_keys", text),
            AuthError::Key(error) => error.into(),
            AuthError::Vault(error) => error.into(),
            AuthError::Store(error) => error.into(),
        }
    }
}

impl From<KeyError> for ApiError {
    fn from(error: KeyError) -> Self {
        let text = error.to_string();
        match error {
            KeyError::Unknown => Self::new(ErrorCode::ApiKeyWrong, text),
            KeyError::Expired(_) => Self::new(ErrorCode::ApiKeyExpired, text),
            KeyError::Address(_) => Self::new(ErrorCode::AddressNotAllowed, text),
            KeyError::InAddress => Self::new(ErrorCode::ApiKeyInAddress, text),
            KeyError::SignatureMissing => Self::new(ErrorCode::SignatureMissing, text),
            KeyError::SignatureMalformed(_) => Self::new(ErrorCode::SignatureMalformed, text),
            KeyError::SignatureWrong => Self::new(ErrorCode::SignatureWrong, text),
            KeyError::SignatureStale { .. } => Self::new(ErrorCode::SignatureStale, text),
            KeyError::SignatureFuture { .. } => Self::new(ErrorCode::SignatureFuture, text),
            KeyError::SignatureReplayed => Self::new(ErrorCode::SignatureReplayed, text),
            KeyError::JustStarted { retry_after } => Self::new(ErrorCode::JustStarted, text).retry_after(retry_after),
            KeyError::CallsUsedUp { retry_after, .. } => Self::new(ErrorCode::ApiCallsUsedUp, text).retry_after(retry_after),
            KeyError::TooFast { retry_after } => Self::new(ErrorCode::TooManyRequests, text).retry_after(retry_after),
        }
    }
}

impl From<BrokerError> for ApiError {
    fn from(error: BrokerError) -> Self {
        let text = error.to_string();
        let said = error.said().map(|(code, message)| (code.to_owned(), message.to_owned()));
        let answer = match error {
            BrokerError::Unreachable(_) | BrokerError::NoAnswer(_) | BrokerError::Protocol(_) => {
                Self::new(ErrorCode::BrokerUnreachable, "the broker gives no usable answer at the moment: try again later")
                    .retry_after(Duration::from_secs(10))
                    .caused_by(text)
            }
            BrokerError::RateLimited { retry_after, .. } => {
                Self::new(ErrorCode::TooManyRequests, text).retry_after(retry_after.unwrap_or(Duration::from_secs(1)))
            }
            BrokerError::Unauthorized { .. } => Self::refused("broker_credentials", text),
            BrokerError::Rejected { .. } => Self::new(ErrorCode::BrokerRejected, text),
            BrokerError::UnknownInstrument(_) => Self::refused("unknown_instrument", text),
            BrokerError::Forbidden(_) => Self::refused("forbidden_environment", text),
            BrokerError::TooLate(_) => Self::refused("too_late", text),
            BrokerError::LiveLocked => Self::refused("live_locked", text),
            BrokerError::Halted(reason) => Self::refused(reason.code, text),
        };
        match said {
            Some((code, message)) => answer.with("broker_code", code).with("broker_message", message),
            None => answer,
        }
    }
}

impl From<TradingError> for ApiError {
    fn from(error: TradingError) -> Self {
        match error {
            TradingError::Store(error) => error.into(),
            TradingError::Broker(error) => error.into(),
            TradingError::Refused { code: "step_up_required", detail } => Self::new(ErrorCode::StepUpRequired, detail),
            TradingError::Refused { code, detail } => Self::refused(code, detail),
            TradingError::Gate(reason) => {
                let answer = Self::refused(reason.code, reason.message);
                match reason.limit {
                    Some(limit) => answer.with("limit", serde_json::to_value(limit).unwrap_or_default()),
                    None => answer,
                }
            }
            TradingError::Invalid { pointer, detail } => Self::new(ErrorCode::Invalid, detail).at(pointer),
            TradingError::Fields(problems) => Self::fields(problems),
            TradingError::Calendar(detail) => Self::refused("calendar", detail),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn codes_are_unique_snake_case_with_an_error_status() {
        let mut seen = HashSet::new();
        for code in ErrorCode::ALL {
            assert!(seen.insert(code.code()), "{} twice", code.code());
            assert!(code.code().chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{}", code.code());
            assert!((400..600).contains(&code.status()), "{}", code.code());
        }
    }

    #[test]
    fn what_passes_by_itself_says_when_to_come_back() {
        for (error, status, code) in [
            (ApiError::from(StoreError::Full), 503, "disk_full"),
            (StoreError::Busy.into(), 503, "busy"),
            (AuthError::Throttled { retry_after: Duration::from_millis(1500) }.into(), 429, "too_many_requests"),
        ] {
            let response = error.error_response();
            assert_eq!((response.status().as_u16(), error.code()), (status, code));
            assert!(response.headers().get("retry-after").is_some_and(|v| v == "5" || v == "2"), "{code}");
        }
    }

    #[actix_web::test]
    async fn what_happens_inside_stays_inside() {
        let secret = "cannot open /volume1/secret/place";
        for error in [
            ApiError::from(StoreError::Io(secret.to_owned())),
            StoreError::Corrupt(secret.to_owned()).into(),
            AuthError::File { path: secret.to_owned(), detail: secret.to_owned() }.into(),
            AuthError::Vault(VaultError::Store(StoreError::Ledger(secret.to_owned()))).into(),
            BrokerError::Protocol(secret.to_owned()).into(),
        ] {
            let response = error.error_response();
            assert!(response.status().is_server_error());
            assert_eq!(response.headers().get("content-type").unwrap(), "application/problem+json");
            let body = actix_web::body::to_bytes(response.into_body()).await.unwrap();
            let text = String::from_utf8(body.to_vec()).unwrap();
            assert!(!text.contains("secret"), "{text}");
        }
    }
}
