//! The caller's messages.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::domain::id::{AccountId, MessageId};
use crate::http::access::{AppData, Require, perm};
use crate::http::error::{ApiError, ErrorCode};
use crate::http::extract::{Json, Page, Query};
use crate::http::route::{Route, route};
use crate::http::views::alert::AlertView;
use crate::notify::inbox;

pub fn routes() -> Vec<Route> {
    vec![route::<__path_list_alerts, _, _>(list_alerts), route::<__path_read_alerts, _, _>(read_alerts)]
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct AlertQuery {
    #[serde(default)]
    #[param(value_type = Option<uuid::Uuid>)]
    account_id: Option<AccountId>,
    /// With `false` only what a person should know: reports, warnings, errors. The steps of the work are
    /// left out then.
    #[serde(default)]
    steps: Option<bool>,
    #[serde(default)]
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    #[serde(default)]
    after: Option<Uuid>,
}

#[derive(Serialize, ToSchema)]
struct Alerts {
    items: Vec<AlertView>,
    next: Option<Uuid>,
    /// Messages not read yet of those that are asked for, at most 1000.
    unread: usize,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ReadAlerts {
    #[serde(default)]
    ids: Vec<Uuid>,
    #[serde(default)]
    all: bool,
}

/// Messages, newest first.
#[utoipa::path(get, path = "/api/v1/alerts", tag = "alerts", params(AlertQuery), responses((status = 200, body = Alerts)))]
async fn list_alerts(who: Require<perm::AlertsRead>, app: AppData, query: Query<AlertQuery>) -> Result<web::Json<Alerts>, ApiError> {
    let page = Page::new(query.limit, query.after);
    let limit = page.limit()?;
    let found = inbox::list(&app.store, who.user_id, (query.account_id, query.steps != Some(false)), page.after().map(MessageId), limit)?;
    let next = (found.messages.len() == limit).then(|| found.messages.last().map(|m| m.id.0)).flatten();
    Ok(web::Json(Alerts { items: found.messages.iter().map(AlertView::from).collect(), next, unread: found.unread }))
}

/// Marks messages as read.
#[utoipa::path(post, path = "/api/v1/alerts/read", tag = "alerts", request_body = ReadAlerts, responses((status = 204)))]
async fn read_alerts(who: Require<perm::AlertsManage>, app: AppData, body: Json<ReadAlerts>) -> Result<HttpResponse, ApiError> {
    if body.0.ids.is_empty() && !body.0.all {
        return Err(ApiError::new(ErrorCode::MissingField, "say which messages were read: ids, or all").at("/ids"));
    }
    let ids = (!body.0.all).then(|| body.0.ids.into_iter().map(MessageId).collect());
    inbox::mark_read(&app.store, who.user_id, ids).await?;
    Ok(HttpResponse::NoContent().finish())
}
