//! What anybody may know: version, times, whether setup is still to be done, and health.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::metrics::CONTENT_TYPE;
use crate::auth::RegistrationPolicy;
use crate::http::access::{AppData, Public, bearer_token};
use crate::http::error::{ApiError, ErrorCode, Problem};
use crate::http::route::{Route, route};

pub fn routes() -> Vec<Route> {
    vec![
        route::<__path_get_system, _, _>(get_system),
        route::<__path_healthz, _, _>(healthz),
        route::<__path_readyz, _, _>(readyz),
        route::<__path_metrics, _, _>(metrics),
    ]
}

/// The installation as the sign-in page needs it.
#[derive(Serialize, ToSchema)]
struct SystemInfo {
    version: &'static str,
    /// Market time is simulated.
    simulation: bool,
    /// Market seconds per second, when simulated.
    speed: Option<f64>,
    market_time: Timestamp,
    wall_time: Timestamp,
    /// The first administrator is still to be made.
    setup_required: bool,
    /// `open` or `closed`
    registration: RegistrationPolicy,
}

/// Version, times and how to get in.
#[utoipa::path(get, path = "/api/v1/system", tag = "system", responses((status = 200, body = SystemInfo)))]
async fn get_system(_: Public, app: AppData) -> Result<web::Json<SystemInfo>, ApiError> {
    Ok(web::Json(SystemInfo {
        version: env!("CARGO_PKG_VERSION"),
        simulation: app.config.simulation_speed.is_some(),
        speed: app.config.simulation_speed,
        market_time: app.market.now(),
        wall_time: app.wall.now(),
        setup_required: app.auth.setup_required()?,
        registration: app.auth.settings()?.registration,
    }))
}

/// The process is alive.
#[utoipa::path(get, path = "/healthz", tag = "system", responses((status = 200)))]
async fn healthz(_: Public) -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain").body("ok")
}

/// The data can be read and the scheduler runs; otherwise the answer says what is wrong.
#[utoipa::path(get, path = "/readyz", tag = "system", responses((status = 200), (status = 503, content_type = "application/problem+json", body = Problem)))]
async fn readyz(_: Public, app: AppData) -> Result<HttpResponse, ApiError> {
    match app.ready() {
        Ok(()) => Ok(HttpResponse::Ok().content_type("text/plain").body("ready")),
        Err(problem) => Err(ApiError::new(ErrorCode::NotReady, problem)),
    }
}

/// Figures for Prometheus, in OpenMetrics' text format. They need the token that an administrator made for
/// it, as `Authorization: Bearer TOKEN`; without one the figures are off.
#[utoipa::path(get, path = "/metrics", tag = "system", responses((status = 200, content_type = "application/openmetrics-text")))]
async fn metrics(_: Public, app: AppData, req: HttpRequest) -> Result<HttpResponse, ApiError> {
    app.auth.may_read_metrics(bearer_token(&req))?;
    let app = app.into_inner();
    let figures = web::block(move || app.figures()).await.map_err(ApiError::internal)??;
    Ok(HttpResponse::Ok().content_type(CONTENT_TYPE).insert_header((header::CACHE_CONTROL, "no-store")).body(figures))
}
