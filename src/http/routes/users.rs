//! What people see and set about themselves.

use actix_web::{HttpResponse, web};
use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::domain::id::{SessionId, UserId};
use crate::domain::user::{Language, Role, User};
use crate::http::access::{AppData, Require, perm};
use crate::http::error::ApiError;
use crate::http::extract::{Json, List};
use crate::http::route::{Route, route};

pub fn routes() -> Vec<Route> {
    vec![
        route::<__path_get_profile, _, _>(get_profile),
        route::<__path_update_profile, _, _>(update_profile),
        route::<__path_change_password, _, _>(change_password),
        route::<__path_list_sessions, _, _>(list_sessions),
        route::<__path_end_session, _, _>(end_session),
    ]
}

#[derive(Serialize, ToSchema)]
struct Profile {
    #[schema(value_type = uuid::Uuid)]
    id: UserId,
    username: String,
    email: Option<String>,
    role: Role,
    language: Language,
    created_at: Timestamp,
}

impl From<User> for Profile {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            username: user.username,
            email: user.email,
            role: user.role,
            language: user.language,
            created_at: user.created_at,
        }
    }
}

/// What to change; absent fields stay, a `null` e-mail address is removed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ProfilePatch {
    #[serde(default)]
    language: Option<Language>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    email: Option<Option<String>>,
}

/// Tells `null` from absent.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PasswordChange {
    #[schema(value_type = String)]
    current: SecretString,
    #[schema(value_type = String, min_length = 10, max_length = 128)]
    new: SecretString,
}

/// A signed-in device.
#[derive(Serialize, ToSchema)]
struct SessionItem {
    #[schema(value_type = uuid::Uuid)]
    id: SessionId,
    created_at: Timestamp,
    last_used_at: Timestamp,
    /// Program and address.
    client: String,
    address: String,
    /// The session that asks.
    current: bool,
}

/// The caller's profile.
#[utoipa::path(get, path = "/api/v1/users/profile", tag = "users", responses((status = 200, body = Profile)))]
async fn get_profile(who: Require<perm::ProfileManage>, app: AppData) -> Result<web::Json<Profile>, ApiError> {
    let user = app.auth.user(who.user_id)?.ok_or_else(|| ApiError::not_found("user"))?;
    Ok(web::Json(user.into()))
}

/// Changes language or e-mail address.
#[utoipa::path(patch, path = "/api/v1/users/profile", tag = "users", request_body = ProfilePatch, responses((status = 200, body = Profile)))]
async fn update_profile(who: Require<perm::ProfileManage>, app: AppData, body: Json<ProfilePatch>) -> Result<web::Json<Profile>, ApiError> {
    let user = app.auth.update_profile(who.user_id, body.0.language, body.0.email).await?;
    Ok(web::Json(user.into()))
}

/// Sets a new password; all other sessions end.
#[utoipa::path(post, path = "/api/v1/users/password", tag = "users", request_body = PasswordChange, responses((status = 204)))]
async fn change_password(who: Require<perm::ProfileManage>, app: AppData, body: Json<PasswordChange>) -> Result<HttpResponse, ApiError> {
    let changed = app.auth.change_password(&who, body.0.current, body.0.new).await;
    changed.map_err(|error| match error {
        // The field has another name here than at registration.
        error @ crate::auth::AuthError::WeakPassword(_) => ApiError::from(error).at("/new"),
        other => other.into(),
    })?;
    Ok(HttpResponse::NoContent().finish())
}

/// The caller's open sessions, last used first.
#[utoipa::path(get, path = "/api/v1/users/sessions", tag = "users", responses((status = 200, body = List<SessionItem>)))]
async fn list_sessions(who: Require<perm::SessionsManage>, app: AppData) -> Result<web::Json<List<SessionItem>>, ApiError> {
    let sessions = app.auth.sessions(&who)?;
    let items = sessions.into_iter().map(|s| SessionItem {
        id: s.id,
        created_at: s.created_at,
        last_used_at: s.last_used_at,
        client: s.client.agent,
        address: s.client.address,
        current: s.current,
    });
    Ok(web::Json(List::whole(items.collect())))
}

/// Ends one of the caller's sessions.
#[utoipa::path(delete, path = "/api/v1/users/sessions/{id}", tag = "users", params(("id" = uuid::Uuid, Path)), responses((status = 204)))]
async fn end_session(who: Require<perm::SessionsManage>, app: AppData, id: web::Path<SessionId>) -> Result<HttpResponse, ApiError> {
    app.auth.end_session(who.user_id, id.into_inner()).await?;
    Ok(HttpResponse::NoContent().finish())
}
