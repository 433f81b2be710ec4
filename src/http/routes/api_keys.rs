//! The caller's API keys.

use actix_web::{HttpRequest, HttpResponse, web};
use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::auth::{ApiKey, NewApiKey, key_name};
use crate::domain::id::ApiKeyId;
use crate::domain::user::Scope;
use crate::http::access::{AppData, Proved, Require, perm};
use crate::http::error::ApiError;
use crate::http::extract::{self, Json};
use crate::http::route::{Route, route};

pub fn routes() -> Vec<Route> {
    vec![
        route::<__path_list_api_keys, _, _>(list_api_keys),
        route::<__path_create_api_key, _, _>(create_api_key),
        route::<__path_revoke_api_key, _, _>(revoke_api_key),
    ]
}

/// An API key without its secret.
#[derive(Serialize, ToSchema)]
struct ApiKeyItem {
    #[schema(value_type = uuid::Uuid)]
    id: ApiKeyId,
    /// What a signature names as its key: `egg_…`. It is no secret.
    key: String,
    name: String,
    scope: Scope,
    /// Where it may be used from; empty = anywhere.
    #[schema(value_type = Vec<String>)]
    networks: Vec<String>,
    created_at: Timestamp,
    /// `null` = never.
    expires_at: Option<Timestamp>,
    last_used_at: Option<Timestamp>,
    last_used_from: Option<String>,
    revoked_at: Option<Timestamp>,
}

impl From<ApiKey> for ApiKeyItem {
    fn from(key: ApiKey) -> Self {
        Self {
            id: key.id,
            key: key_name(key.id),
            name: key.name,
            scope: key.scope,
            networks: key.networks.texts(),
            created_at: key.created_at,
            expires_at: key.expires_at,
            last_used_at: key.last_used_at,
            last_used_from: key.last_used_from,
            revoked_at: key.revoked_at,
        }
    }
}

/// The caller's keys, and how many calls they have made today.
#[derive(Serialize, ToSchema)]
struct ApiKeys {
    items: Vec<ApiKeyItem>,
    /// Calls with all keys since midnight in Seoul.
    calls_today: u32,
    /// Most calls per day; `null` = no limit.
    calls_limit: Option<u32>,
    /// When the next day begins.
    calls_until: Timestamp,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewKeyRequest {
    name: String,
    scope: Scope,
    /// Never when absent.
    #[serde(default, deserialize_with = "extract::optional_instant")]
    expires_at: Option<Timestamp>,
    /// Addresses and networks of both families, at most 64; anywhere when absent or empty.
    #[serde(default)]
    #[schema(max_items = 64)]
    networks: Vec<String>,
}

/// A new key. It is not shown again.
#[derive(Serialize, ToSchema)]
struct NewKey {
    /// `egg_…_…`: the key's name, and after the second underscore the secret.
    key: String,
    item: ApiKeyItem,
}

/// The caller's API keys, newest first.
#[utoipa::path(get, path = "/api/v1/users/api-keys", tag = "users", responses((status = 200, body = ApiKeys)))]
async fn list_api_keys(who: Require<perm::KeysManage>, app: AppData) -> Result<web::Json<ApiKeys>, ApiError> {
    let calls = app.auth.api_calls_today(who.user_id)?;
    let items = app.auth.api_keys(who.user_id)?.into_iter().map(ApiKeyItem::from).collect();
    Ok(web::Json(ApiKeys { items, calls_today: calls.made, calls_limit: calls.limit, calls_until: calls.until }))
}

/// Makes an API key.
#[utoipa::path(post, path = "/api/v1/users/api-keys", tag = "users", request_body = NewKeyRequest, responses((status = 201, body = NewKey)))]
async fn create_api_key(
    who: Proved<perm::KeysManage>,
    app: AppData,
    req: HttpRequest,
    body: Json<NewKeyRequest>,
) -> Result<HttpResponse, ApiError> {
    let NewKeyRequest { name, scope, expires_at, networks } = body.0;
    let networks = extract::networks(&networks)?;
    let (key, shown) = app.auth.create_api_key(&who, NewApiKey { name, scope, expires_at, networks }).await?;
    app.tell_of_api_key(who.user_id, &key.name, &extract::client_address(&req)).await?;
    Ok(HttpResponse::Created().json(NewKey { key: shown.expose_secret().to_owned(), item: key.into() }))
}

/// Ends one of the caller's API keys at once.
#[utoipa::path(delete, path = "/api/v1/users/api-keys/{id}", tag = "users", params(("id" = uuid::Uuid, Path)), responses((status = 204)))]
async fn revoke_api_key(who: Require<perm::KeysManage>, app: AppData, id: web::Path<ApiKeyId>) -> Result<HttpResponse, ApiError> {
    app.auth.revoke_api_key(who.user_id, *id).await?;
    Ok(HttpResponse::NoContent().finish())
}
