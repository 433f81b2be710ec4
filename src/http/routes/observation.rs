//! What is seen of the running program: its log, the token for its figures, the addresses that hear of
//! its being alive, and what ends when.

use actix_web::{HttpResponse, web};
use jiff::Timestamp;
use jiff::civil::Date;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::expiry::Expiry;
use crate::app::logs::{self, LogFilter, LogLevel, LogLine};
use crate::app::watch::Contact;
use crate::auth::OutpostKind;
use crate::domain::id::AccountId;
use crate::domain::user::Role;
use crate::http::access::{AppData, Proved, Require, perm};
use crate::http::error::ApiError;
use crate::http::extract::{Json, List, Page, Query};
use crate::http::route::{Route, route};

pub fn routes() -> Vec<Route> {
    vec![
        route::<__path_list_log, _, _>(list_log),
        route::<__path_get_metrics_token, _, _>(get_metrics_token),
        route::<__path_make_metrics_token, _, _>(make_metrics_token),
        route::<__path_drop_metrics_token, _, _>(drop_metrics_token),
        route::<__path_get_outposts, _, _>(get_outposts),
        route::<__path_set_outpost, _, _>(set_outpost),
        route::<__path_drop_outpost, _, _>(drop_outpost),
        route::<__path_list_expiries, _, _>(list_expiries),
        route::<__path_set_account_ends, _, _>(set_account_ends),
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

/// An address that the server speaks to by itself.
#[derive(Serialize, ToSchema)]
struct OutpostView {
    /// Scheme, host and port; what follows them is kept secret.
    host: String,
    minutes: u32,
    contact: Contact,
}

#[derive(Serialize, ToSchema)]
struct Outposts {
    /// Hears every so many minutes that the scheduler lives; `null` = not set.
    ping: Option<OutpostView>,
    /// Another installation, which is reported after so many minutes of silence; `null` = not set.
    peer: Option<OutpostView>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct OutpostChange {
    /// Absent: the address that is set stays.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    address: Option<SecretString>,
    /// 1 to 1440.
    minutes: u32,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AccountEndsChange {
    /// The last day of the app key; `null` = a year after it was entered.
    #[serde(default)]
    key_until: Option<Date>,
    /// The last day of the mock account's term; `null` = not known.
    #[serde(default)]
    mock_until: Option<Date>,
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

fn outposts(app: &AppData) -> Result<web::Json<Outposts>, ApiError> {
    let view = |kind| -> Result<Option<OutpostView>, ApiError> {
        let outpost = app.auth.outpost(kind)?;
        Ok(outpost.map(|o| OutpostView { host: o.settings.host, minutes: o.settings.minutes, contact: app.watch.contact(kind) }))
    };
    Ok(web::Json(Outposts { ping: view(OutpostKind::Ping)?, peer: view(OutpostKind::Peer)? }))
}

/// Where the server gives signs of life, and which other installation it looks after.
#[utoipa::path(get, path = "/api/v1/admin/outposts", tag = "admin", responses((status = 200, body = Outposts)))]
async fn get_outposts(_: Require<perm::SystemRead>, app: AppData) -> Result<web::Json<Outposts>, ApiError> {
    outposts(&app)
}

/// Sets an address that the server speaks to by itself: `ping` is called with GET while the scheduler lives,
/// `peer` is another installation. It is kept sealed and not shown again.
#[utoipa::path(put, path = "/api/v1/admin/outposts/{kind}", tag = "admin", params(("kind" = inline(OutpostKind), Path)), request_body = OutpostChange, responses((status = 200, body = Outposts)))]
async fn set_outpost(
    who: Proved<perm::SettingsManage>,
    app: AppData,
    kind: web::Path<OutpostKind>,
    body: Json<OutpostChange>,
) -> Result<web::Json<Outposts>, ApiError> {
    let OutpostChange { address, minutes } = body.0;
    app.auth.set_outpost(who.user_id, *kind, Some((address, minutes))).await?;
    app.watch.forget_contact(*kind);
    outposts(&app)
}

/// Forgets such an address.
#[utoipa::path(delete, path = "/api/v1/admin/outposts/{kind}", tag = "admin", params(("kind" = inline(OutpostKind), Path)), responses((status = 204)))]
async fn drop_outpost(who: Proved<perm::SettingsManage>, app: AppData, kind: web::Path<OutpostKind>) -> Result<HttpResponse, ApiError> {
    app.auth.set_outpost(who.user_id, *kind, None).await?;
    app.watch.forget_contact(*kind);
    Ok(HttpResponse::NoContent().finish())
}

/// What ends on a day, soonest first: of the caller's accounts, and for administrators of the installation.
#[utoipa::path(get, path = "/api/v1/users/expiries", tag = "users", responses((status = 200, body = List<Expiry>)))]
async fn list_expiries(who: Require<perm::AccountsRead>, app: AppData) -> Result<web::Json<List<Expiry>>, ApiError> {
    let mut items = app.expiries_of(who.user_id)?;
    if who.role == Role::Admin {
        items.extend(app.expiries()?);
    }
    Ok(web::Json(List::whole(items)))
}

/// Notes when the account's app key and its mock trading term end.
#[utoipa::path(put, path = "/api/v1/trading/accounts/{id}/ends", tag = "trading", params(("id" = uuid::Uuid, Path)), request_body = AccountEndsChange, responses((status = 204)))]
async fn set_account_ends(
    who: Require<perm::AccountsManage>,
    app: AppData,
    id: web::Path<AccountId>,
    body: Json<AccountEndsChange>,
) -> Result<HttpResponse, ApiError> {
    app.set_account_ends(who.user_id, *id, body.0.key_until, body.0.mock_until).await?;
    Ok(HttpResponse::NoContent().finish())
}
