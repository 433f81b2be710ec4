//! What people do about their own sign-in: second factor, a password that was set for them, the audit log.

use actix_web::{HttpRequest, HttpResponse, web};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::auth::SecondFactorState;
use crate::domain::id::UserId;
use crate::domain::user::User;
use crate::http::access::{AppData, Proved, Require, perm};
use crate::http::error::ApiError;
use crate::http::extract::{self, Json, Query};
use crate::http::route::{Route, route};
use crate::storage::AuditRow;

pub fn routes() -> Vec<Route> {
    vec![
        route::<__path_get_second_factor, _, _>(get_second_factor),
        route::<__path_enrol, _, _>(enrol),
        route::<__path_confirm, _, _>(confirm),
        route::<__path_remove, _, _>(remove),
        route::<__path_renew_recovery_codes, _, _>(renew_recovery_codes),
        route::<__path_confirm_password, _, _>(confirm_password),
        route::<__path_get_networks, _, _>(get_networks),
        route::<__path_set_networks, _, _>(set_networks),
        route::<__path_own_audit, _, _>(own_audit),
        route::<__path_installation_audit, _, _>(installation_audit),
    ]
}

/// How the caller's sign-in is protected.
#[derive(Serialize, ToSchema)]
struct SecondFactor {
    /// Since when it is on; `null` = it is off.
    since: Option<Timestamp>,
    recovery_codes_left: usize,
    /// Since when live trading waits for the caller's word that a password which was set by a link is
    /// theirs; `null` = it does not.
    live_held_since: Option<Timestamp>,
}

/// What an authenticator app needs. It is not shown again.
#[derive(Serialize, ToSchema)]
struct Enrolment {
    /// `otpauth://…`
    url: String,
    /// The same seed to be typed, in base32.
    seed: String,
    /// The URL as a QR code, an SVG picture.
    qr_svg: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct FirstCode {
    /// Six digits.
    #[schema(value_type = String)]
    code: SecretString,
}

/// Each signs in once without the app. They are not shown again.
#[derive(Serialize, ToSchema)]
struct RecoveryCodes {
    recovery_codes: Vec<String>,
}

impl From<Vec<SecretString>> for RecoveryCodes {
    fn from(codes: Vec<SecretString>) -> Self {
        Self { recovery_codes: codes.iter().map(|c| c.expose_secret().to_owned()).collect() }
    }
}

/// From where the caller may sign in and come.
#[derive(Serialize, ToSchema)]
struct OwnNetworks {
    /// Such as `192.168.0.0/16`; empty = from everywhere.
    networks: Vec<String>,
    /// The caller's present address, as the server sees it.
    your_address: String,
}

impl OwnNetworks {
    fn new(user: User, req: &HttpRequest) -> Self {
        Self { networks: user.networks.texts(), your_address: extract::client_address(req) }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewOwnNetworks {
    /// At most 64; the caller's present address must be among them. Empty = from everywhere.
    #[schema(max_items = 64)]
    networks: Vec<String>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct AuditQuery {
    /// Rows on the page, 1 to 500; 50 when absent.
    #[serde(default)]
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// Only rows before this one: the `next` of the page before.
    #[serde(default)]
    before: Option<u64>,
}

impl AuditQuery {
    fn limit(&self) -> Result<usize, ApiError> {
        match self.limit.unwrap_or(50) {
            n @ 1..=500 => Ok(usize::try_from(n).unwrap_or(usize::MAX)),
            n => Err(ApiError::invalid("/limit", format!("limit is {n}: use 1 to 500"))),
        }
    }
}

/// One audited act.
#[derive(Serialize, ToSchema)]
struct AuditItem {
    /// Place in its chain, from 1.
    seq: u64,
    at: Timestamp,
    /// Who did it; `null` for the program itself and the command line.
    #[schema(value_type = Option<uuid::Uuid>)]
    by: Option<UserId>,
    /// Their name, where the caller may know it.
    by_name: Option<String>,
    action: String,
    detail: serde_json::Value,
    /// Over this row and the one before.
    hash: String,
}

#[derive(Serialize, ToSchema)]
struct AuditPage {
    items: Vec<AuditItem>,
    /// What `before` takes for the next page; `null` on the last.
    next: Option<u64>,
}

/// Names are shown of the caller, and to administrators of everybody.
fn page(rows: Vec<AuditRow>, limit: usize, name: impl Fn(UserId) -> Option<String>) -> AuditPage {
    let next = rows.last().map(|r| r.seq).filter(|seq| rows.len() == limit && *seq > 1);
    let item = |row: AuditRow| AuditItem {
        seq: row.seq,
        at: row.at,
        by: row.by,
        by_name: row.by.and_then(&name),
        action: row.action,
        detail: row.detail,
        hash: row.hash,
    };
    AuditPage { items: rows.into_iter().map(item).collect(), next }
}

/// Whether the second factor is on.
#[utoipa::path(get, path = "/api/v1/users/second-factor", tag = "users", responses((status = 200, body = SecondFactor)))]
async fn get_second_factor(who: Require<perm::SessionsManage>, app: AppData) -> Result<web::Json<SecondFactor>, ApiError> {
    let SecondFactorState { since, recovery_codes_left } = app.auth.second_factor(who.user_id)?;
    Ok(web::Json(SecondFactor { since, recovery_codes_left, live_held_since: app.auth.live_hold(who.user_id)? }))
}

/// Makes a seed for an authenticator app. Nothing changes until its first code comes.
#[utoipa::path(post, path = "/api/v1/users/second-factor", tag = "users", responses((status = 201, body = Enrolment)))]
async fn enrol(who: Proved<perm::SessionsManage>, app: AppData) -> Result<HttpResponse, ApiError> {
    let made = app.auth.enrol_second_factor(&who).await?;
    Ok(HttpResponse::Created().json(Enrolment {
        url: made.url.expose_secret().to_owned(),
        seed: made.seed.expose_secret().to_owned(),
        qr_svg: made.qr_svg.expose_secret().to_owned(),
    }))
}

/// Turns the second factor on with the app's first code. All other sessions end.
#[utoipa::path(post, path = "/api/v1/users/second-factor/confirm", tag = "users", request_body = FirstCode, responses((status = 200, body = RecoveryCodes)))]
async fn confirm(who: Proved<perm::SessionsManage>, app: AppData, body: Json<FirstCode>) -> Result<web::Json<RecoveryCodes>, ApiError> {
    let wrong = |e| match e {
        // The session is fine, so this is no 401 here.
        crate::auth::AuthError::WrongCode => ApiError::refused("wrong_code", e.to_string()).at("/code"),
        other => other.into(),
    };
    Ok(web::Json(app.auth.confirm_second_factor(&who, body.0.code).await.map_err(wrong)?.into()))
}

/// Turns the second factor off. All other sessions end.
#[utoipa::path(delete, path = "/api/v1/users/second-factor", tag = "users", responses((status = 204)))]
async fn remove(who: Proved<perm::SessionsManage>, app: AppData) -> Result<HttpResponse, ApiError> {
    app.auth.remove_second_factor(&who).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Makes new recovery codes; the old ones no longer count.
#[utoipa::path(post, path = "/api/v1/users/second-factor/recovery-codes", tag = "users", responses((status = 200, body = RecoveryCodes)))]
async fn renew_recovery_codes(who: Proved<perm::SessionsManage>, app: AppData) -> Result<web::Json<RecoveryCodes>, ApiError> {
    Ok(web::Json(app.auth.renew_recovery_codes(&who).await?.into()))
}

/// The caller's word that a password which was set by a link is theirs: live trading goes on.
#[utoipa::path(post, path = "/api/v1/users/password/confirm", tag = "users", responses((status = 204)))]
async fn confirm_password(who: Proved<perm::SessionsManage>, app: AppData) -> Result<HttpResponse, ApiError> {
    app.auth.confirm_reset(&who).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// From where the caller may sign in and come.
#[utoipa::path(get, path = "/api/v1/users/networks", tag = "users", responses((status = 200, body = OwnNetworks)))]
async fn get_networks(who: Require<perm::SessionsManage>, app: AppData, req: HttpRequest) -> Result<web::Json<OwnNetworks>, ApiError> {
    let user = app.auth.user(who.user_id)?.ok_or_else(|| ApiError::not_found("user"))?;
    Ok(web::Json(OwnNetworks::new(user, &req)))
}

/// Says from where the caller may sign in and come; it counts for all requests from now on.
#[utoipa::path(put, path = "/api/v1/users/networks", tag = "users", request_body = NewOwnNetworks, responses((status = 200, body = OwnNetworks)))]
async fn set_networks(
    who: Proved<perm::SessionsManage>,
    app: AppData,
    req: HttpRequest,
    body: Json<NewOwnNetworks>,
) -> Result<web::Json<OwnNetworks>, ApiError> {
    let networks = extract::networks(&body.0.networks)?;
    let caller = Some(extract::origin(&req).address);
    let user = app.auth.set_own_networks(Some(who.user_id), who.user_id, caller, networks).await?;
    Ok(web::Json(OwnNetworks::new(user, &req)))
}

/// What was done in the caller's name and to the caller's things, newest first.
#[utoipa::path(get, path = "/api/v1/users/audit", tag = "users", params(AuditQuery), responses((status = 200, body = AuditPage)))]
async fn own_audit(who: Require<perm::SessionsManage>, app: AppData, query: Query<AuditQuery>) -> Result<web::Json<AuditPage>, ApiError> {
    let limit = query.limit()?;
    let rows = app.auth.audit_of(who.user_id, query.before, limit)?;
    let own = |id: UserId| (id == who.user_id).then(|| who.username.clone());
    Ok(web::Json(page(rows, limit, own)))
}

/// What was done to the installation, newest first.
#[utoipa::path(get, path = "/api/v1/admin/audit", tag = "admin", params(AuditQuery), responses((status = 200, body = AuditPage)))]
async fn installation_audit(
    _: Require<perm::SystemRead>,
    app: AppData,
    query: Query<AuditQuery>,
) -> Result<web::Json<AuditPage>, ApiError> {
    let limit = query.limit()?;
    let names: std::collections::HashMap<UserId, String> = app.auth.users()?.into_iter().map(|u| (u.id, u.username)).collect();
    let rows = app.auth.audit_of_installation(query.before, limit)?;
    Ok(web::Json(page(rows, limit, |id| names.get(&id).cloned())))
}
