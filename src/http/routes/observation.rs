//! What an administrator sees of the running program: its log, and the token for its figures.

use actix_web::{HttpResponse, web};
use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::logs::{self, LogFilter, LogLevel, LogLine};
use crate::http::access::{AppData, Proved, Require, perm};
use crate::http::error::ApiError;
use crate::http::extract::{Page, Query};
use crate::http::route::{Route, route};

pub fn routes() -> Vec<Route> {
    vec![
        route::<__path_list_log, _, _>(list_log),
        route::<__path_get_metrics_token, _, _>(get_metrics_token),
        route::<__path_make_metrics_token, _, _>(make_metrics_token),
        route::<__path_drop_metrics_token, _, _>(drop_metrics_token),
    ]
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct LogQuery {
    /// This level and what matters more.
    #[serde(default)]
    #[param(inline)]
    level: Option<LogLevel>,
    /// The part of the program, or the beginning of its name: `eggmoney::brokers`.
    #[serde(default)]
    target: Option<String>,
    /// Stands in the message or in a field.
    #[serde(default)]
    text: Option<String>,
    /// Not before this time.
    #[serde(default)]
    from: Option<Timestamp>,
    /// Before this time.
    #[serde(default)]
    until: Option<Timestamp>,
    /// The `next` of the page before.
    #[serde(default)]
    before: Option<String>,
    /// Lines on the page, 1 to 500; 50 when absent.
    #[serde(default)]
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

/// A part of the log, newest line first.
#[derive(Serialize, ToSchema)]
struct LogPage {
    items: Vec<LogLine>,
    /// Where the next page begins; `null` at the end of the log. A page looks through a bounded part of
    /// the log, so that one with few lines or none may have a next one.
    next: Option<String>,
    /// The time of the oldest line that was looked at.
    searched_to: Option<Timestamp>,
}

#[derive(Serialize, ToSchema)]
struct MetricsTokenState {
    /// Whether figures may be read, by whoever has the token.
    enabled: bool,
    made_at: Option<Timestamp>,
}

/// A token, shown once.
#[derive(Serialize, ToSchema)]
struct MadeMetricsToken {
    token: String,
    made_at: Timestamp,
}

/// The server's log. Keys, tokens and account numbers are masked in it.
#[utoipa::path(get, path = "/api/v1/admin/logs", tag = "admin", params(LogQuery), responses((status = 200, body = LogPage)))]
async fn list_log(_: Require<perm::SystemRead>, app: AppData, query: Query<LogQuery>) -> Result<web::Json<LogPage>, ApiError> {
    let LogQuery { level, target, text, from, until, before, limit } = query.0;
    let limit = Page::new(limit, None).limit()?;
    let before = before.map(|text| text.parse().map_err(|problem: String| ApiError::invalid("/before", problem))).transpose()?;
    if let (Some(from), Some(until)) = (from, until)
        && from >= until
    {
        return Err(ApiError::invalid("/until", format!("until ({until}) must be later than from ({from})")));
    }
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let filter = LogFilter { level, target: given(target), text: given(text), from, until };
    let folder = logs::folder(&app.config.data_dir);
    let found = web::block(move || logs::read(&folder, &filter, before, limit)).await.map_err(ApiError::internal)?;
    let page = found.map_err(ApiError::internal)?;
    Ok(web::Json(LogPage { items: page.lines, next: page.next.map(|next| next.to_string()), searched_to: page.searched_to }))
}

/// Whether figures for Prometheus may be read at `/metrics`.
#[utoipa::path(get, path = "/api/v1/admin/metrics-token", tag = "admin", responses((status = 200, body = MetricsTokenState)))]
async fn get_metrics_token(_: Require<perm::SystemRead>, app: AppData) -> Result<web::Json<MetricsTokenState>, ApiError> {
    let token = app.auth.metrics_token()?;
    Ok(web::Json(MetricsTokenState { enabled: token.is_some(), made_at: token.map(|token| token.made_at) }))
}

/// Makes a token for `/metrics` and shows it this once; the one before no longer counts.
#[utoipa::path(post, path = "/api/v1/admin/metrics-token", tag = "admin", responses((status = 201, body = MadeMetricsToken)))]
async fn make_metrics_token(who: Proved<perm::SettingsManage>, app: AppData) -> Result<HttpResponse, ApiError> {
    let (kept, token) = app.auth.make_metrics_token(who.user_id).await?;
    Ok(HttpResponse::Created().json(MadeMetricsToken { token: token.expose_secret().to_owned(), made_at: kept.made_at }))
}

/// Turns the figures off.
#[utoipa::path(delete, path = "/api/v1/admin/metrics-token", tag = "admin", responses((status = 204)))]
async fn drop_metrics_token(who: Proved<perm::SettingsManage>, app: AppData) -> Result<HttpResponse, ApiError> {
    app.auth.drop_metrics_token(who.user_id).await?;
    Ok(HttpResponse::NoContent().finish())
}
