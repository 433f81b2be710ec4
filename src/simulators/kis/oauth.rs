//! Token, revocation, websocket approval key and hash: the endpoints without a transaction id.

use data_encoding::HEXLOWER;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::super::http1::Request;
use super::faults::{Fault, TOKEN_ENDPOINT};
use super::format::{date_text, time_text};
use super::state::{Gate, Shared};
use super::tokens::Token;
use crate::domain::clock::kst_datetime;
use crate::domain::order::BrokerHost;

/// Life of a websocket approval key.
const APPROVAL_LIFE: SignedDuration = SignedDuration::from_hours(24);

/// An endpoint outside the transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    Token,
    Revoke,
    Approval,
    Hash,
}

impl Endpoint {
    /// The endpoint of a path.
    pub fn find(path: &str) -> Option<Self> {
        match path {
            "/oauth2/tokenP" => Some(Endpoint::Token),
            "/oauth2/revokeP" => Some(Endpoint::Revoke),
            "/oauth2/Approval" => Some(Endpoint::Approval),
            "/uapi/hashkey" => Some(Endpoint::Hash),
            _ => None,
        }
    }

    /// Name in rules and in the request log.
    pub fn name(self) -> &'static str {
        match self {
            Endpoint::Token => TOKEN_ENDPOINT,
            Endpoint::Revoke => "revokeP",
            Endpoint::Approval => "Approval",
            Endpoint::Hash => "hashkey",
        }
    }
}

/// Status and body of an answer.
pub(super) struct Outcome {
    pub app_key: String,
    pub status: u16,
    pub body: Value,
    /// Trouble that concerns the connection, not the answer.
    pub fault: Option<Fault>,
}

/// Answers one of the endpoints.
pub(super) fn answer(shared: &Shared, environment: BrokerHost, endpoint: Endpoint, request: &Request, now: Timestamp) -> Outcome {
    let body: Value = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
    let member = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
    let (app_key, secret) = match endpoint {
        Endpoint::Hash => (request.header("appkey").unwrap_or_default(), request.header("appsecret").unwrap_or_default()),
        Endpoint::Approval => (member("appkey"), member("secretkey")),
        Endpoint::Token | Endpoint::Revoke => (member("appkey"), member("appsecret")),
    };
    let mut gate = shared.gate();
    let fault = gate.faults.take(app_key, endpoint.name());
    let granted = matches!(endpoint, Endpoint::Hash | Endpoint::Revoke) || member("grant_type") == "client_credentials";
    let checked = match &fault {
        Some(Fault::TokenTooEarly) => Err(Denied::TooEarly),
        Some(Fault::TokenRevoked) => {
            gate.tokens.revoke_all(app_key);
            Err(Denied::ServerError)
        }
        Some(fault) if !fault.executes() => Err(Denied::ServerError),
        _ if !granted => Err(Denied::GrantType),
        _ => check_key(&mut gate, shared.permissive, environment, app_key, secret)
            .and_then(|()| grant(&mut gate, shared, environment, endpoint, app_key, &body, now)),
    };
    let (status, body) = match checked {
        Ok(body) => (200, body),
        Err(denied) => denied.answer(),
    };
    Outcome { app_key: app_key.to_owned(), status, body, fault }
}

fn grant(
    gate: &mut Gate,
    shared: &Shared,
    environment: BrokerHost,
    endpoint: Endpoint,
    app_key: &str,
    body: &Value,
    now: Timestamp,
) -> Result<Value, Denied> {
    match endpoint {
        Endpoint::Token => {
            let limited = gate.limits.token_once_per_minute && !shared.permissive;
            let skew = gate.skew;
            gate.tokens.issue(environment, app_key, now, limited).map(|token| token_body(&token, now, skew)).ok_or(Denied::TooEarly)
        }
        Endpoint::Revoke => {
            let token = body.get("token").and_then(Value::as_str).unwrap_or_default();
            if gate.tokens.revoke(environment, app_key, token) {
                Ok(json!({"code": "200", "message": "접근토큰 폐기에 성공하였습니다"}))
            } else {
                Ok(json!({"code": "400", "message": "유효하지 않은 token 입니다."}))
            }
        }
        Endpoint::Approval => {
            let digest = Sha256::digest(format!("approval/{app_key}/{}", now.as_nanosecond()));
            let hex = HEXLOWER.encode(&digest);
            let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
            let key = [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-");
            let until = now.saturating_add(APPROVAL_LIFE).unwrap_or(Timestamp::MAX);
            shared.sessions().approve(key.clone(), environment, app_key, until);
            Ok(json!({ "approval_key": key }))
        }
        Endpoint::Hash => {
            let hash = HEXLOWER.encode(&Sha256::digest(body.to_string()));
            Ok(json!({"BODY": body, "HASH": hash}))
        }
    }
}

fn token_body(token: &Token, now: Timestamp, skew: SignedDuration) -> Value {
    let expiry = kst_datetime(token.expires_at.saturating_add(skew).unwrap_or(token.expires_at));
    let (date, time) = (date_text(expiry.date()), time_text(expiry));
    let part = |text: &str, from: usize, to: usize| text.get(from..to).unwrap_or_default().to_owned();
    let text = format!(
        "{}-{}-{} {}:{}:{}",
        part(&date, 0, 4),
        part(&date, 4, 6),
        part(&date, 6, 8),
        part(&time, 0, 2),
        part(&time, 2, 4),
        part(&time, 4, 6)
    );
    json!({
        "access_token": token.text,
        "token_type": "Bearer",
        "expires_in": token.expires_at.duration_since(now).as_secs(),
        "access_token_token_expired": text,
    })
}

enum Denied {
    TooEarly,
    GrantType,
    Key(&'static str, &'static str),
    ServerError,
}

impl Denied {
    fn answer(self) -> (u16, Value) {
        let (status, code, text) = match self {
            Denied::TooEarly => (403, "EGW00133", "접근토큰 발급 잠시 후 다시 시도하세요(1분당 1회)"),
            Denied::GrantType => (403, "EGW00116", "유효하지 않은 grant_type 입니다."),
            Denied::Key(code, text) => (403, code, text),
            Denied::ServerError => (500, "EGW00002", "서버 에러가 발생했습니다."),
        };
        (status, json!({"error_description": text, "error_code": code}))
    }
}

fn check_key(gate: &mut Gate, permissive: bool, environment: BrokerHost, app_key: &str, secret: &str) -> Result<(), Denied> {
    if app_key.is_empty() {
        return Err(Denied::Key("EGW00102", "AppKey는 필수입니다."));
    }
    if permissive {
        gate.keys.entry((environment, app_key.to_owned())).or_insert_with(|| secret.to_owned());
    }
    let at_live = gate.keys.contains_key(&(BrokerHost::Live, app_key.to_owned()));
    match gate.keys.get(&(environment, app_key.to_owned())) {
        None if environment == BrokerHost::Mock && at_live => {
            Err(Denied::Key("EGW02007", "실전투자 AppKey는 모의투자에서 사용할 수 없습니다."))
        }
        None => Err(Denied::Key("EGW00103", "유효하지 않은 AppKey입니다.")),
        Some(_) if secret.is_empty() => Err(Denied::Key("EGW00104", "AppSecret은 필수입니다.")),
        Some(known) if known != secret && !permissive => Err(Denied::Key("EGW00105", "유효하지 않은 AppSecret입니다.")),
        Some(_) => Ok(()),
    }
}
