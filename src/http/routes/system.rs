//! What anybody may know: version, times, whether setup is still to be done, and health.

use actix_web::{HttpResponse, web};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::RegistrationPolicy;
use crate::http::access::{AppData, Public};
use crate::http::error::ApiError;
use crate::http::route::{Route, route};

pub fn routes() -> Vec<Route> {
    vec![route::<__path_get_system, _, _>(get_system), route::<__path_healthz, _, _>(healthz), route::<__path_readyz, _, _>(readyz)]
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

/// The data can be read and the scheduler runs.
#[utoipa::path(get, path = "/readyz", tag = "system", responses((status = 200), (status = 503)))]
async fn readyz(_: Public, app: AppData) -> HttpResponse {
    match app.ready() {
        Ok(()) => HttpResponse::Ok().content_type("text/plain").body("ready"),
        Err(problem) => HttpResponse::ServiceUnavailable().content_type("text/plain").body(problem),
    }
}
