//! The trace id of a request: made at the door, in every log line and every error answer.

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use data_encoding::HEXLOWER;

use super::access::AppData;
use super::extract;
use crate::app::logs::ACCESS;

/// Answers carry it under this name.
const HEADER: HeaderName = HeaderName::from_static("x-trace-id");

tokio::task_local! {
    static TRACE_ID: String;
}

/// The trace id of the request that is being served; empty outside of one.
pub fn current() -> String {
    TRACE_ID.try_with(Clone::clone).unwrap_or_default()
}

/// Gives each request an id and writes one access line when it is done. Paths are logged without the
/// query.
pub(super) async fn middleware(req: ServiceRequest, next: Next<impl MessageBody>) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let id = HEXLOWER.encode(&rand::random::<[u8; 8]>());
    let started = tokio::time::Instant::now();
    let (method, path) = (req.method().clone(), req.path().to_owned());
    let address = extract::client_address(req.request());
    let mut response = TRACE_ID.scope(id.clone(), next.call(req)).await?;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HEADER, value);
    }
    let (took, status) = (started.elapsed(), response.status().as_u16());
    if let Some(app) = response.request().app_data::<AppData>() {
        app.metrics.answered(route_of(&response, &path), name_of(&method), status, took);
    }
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    if PROBES.contains(&path.as_str()) && response.status().is_success() {
        tracing::debug!(target: ACCESS, trace_id = %id, %method, path, status, micros, address);
    } else {
        tracing::info!(target: ACCESS, trace_id = %id, %method, path, status, micros, address);
    }
    Ok(response)
}

/// Programs ask these every few seconds, day and night: a line for each would keep the disk awake.
const PROBES: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// The pattern of the route that answered; one word for all files, and one for what is nowhere.
fn route_of(response: &ServiceResponse<impl MessageBody>, path: &str) -> String {
    let elsewhere = if path.starts_with("/api/") || path.starts_with("/ws/") { "unknown" } else { "page" };
    response.request().match_pattern().unwrap_or_else(|| elsewhere.to_owned())
}

/// A caller can make up any word.
fn name_of(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}
