//! The administrator's list of providers that people can sign in with.

use actix_web::{HttpResponse, web};
use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::auth::oidc::{NewProvider, Provider, ProviderPatch};
use crate::http::access::{AppData, Proved, Require, perm};
use crate::http::error::ApiError;
use crate::http::extract::{Json, List};
use crate::http::route::{Route, route};

pub fn routes() -> Vec<Route> {
    vec![
        route::<__path_list_providers, _, _>(list_providers),
        route::<__path_add_provider, _, _>(add_provider),
        route::<__path_change_provider, _, _>(change_provider),
        route::<__path_remove_provider, _, _>(remove_provider),
        route::<__path_test_provider, _, _>(test_provider),
        route::<__path_set_public_url, _, _>(set_public_url),
    ]
}

/// A provider of OpenID Connect. Its client secret is never shown.
#[derive(Serialize, ToSchema)]
struct SignInProvider {
    id: Uuid,
    name: String,
    issuer: String,
    client_id: String,
    has_secret: bool,
    enabled: bool,
    /// It stands in the local network, so that addresses there may be spoken to.
    lan: bool,
    /// Who was let in by it is not asked for the own second factor.
    trusted_second_factor: bool,
    created_at: Timestamp,
}

impl From<Provider> for SignInProvider {
    fn from(p: Provider) -> Self {
        let Provider { id, name, issuer, client_id, has_secret, enabled, lan, trusted_second_factor, created_at, .. } = p;
        Self { id, name, issuer, client_id, has_secret, enabled, lan, trusted_second_factor, created_at }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewSignInProvider {
    /// On the button, up to 40 characters.
    name: String,
    /// Exactly as the provider names itself, for example `https://accounts.google.com`.
    issuer: String,
    client_id: String,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    client_secret: Option<SecretString>,
    #[serde(default = "yes")]
    enabled: bool,
    #[serde(default)]
    lan: bool,
    #[serde(default)]
    trusted_second_factor: bool,
}

fn yes() -> bool {
    true
}

/// What to change; absent fields stay, a `null` secret is removed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SignInProviderPatch {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    issuer: Option<String>,
    #[serde(default)]
    client_id: Option<String>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    client_secret: Option<Option<SecretString>>,
    #[serde(default)]
    enabled: Option<bool>,
    #[serde(default)]
    lan: Option<bool>,
    #[serde(default)]
    trusted_second_factor: Option<bool>,
}

/// Tells `null` from absent.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<SecretString>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ProviderTest {
    issuer: String,
    #[serde(default)]
    lan: bool,
}

/// What a provider answered.
#[derive(Serialize, ToSchema)]
struct ProviderTestResult {
    ok: bool,
    /// What is wrong; `null` = nothing.
    problem: Option<String>,
    authorization_endpoint: Option<String>,
    token_endpoint: Option<String>,
    /// Keys that it publishes.
    keys: Option<usize>,
    /// Whether it says that it takes PKCE; it is sent in any case.
    pkce: Option<bool>,
}

#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PublicAddress {
    /// `https://HOST` or `https://HOST/PATH`; `null` = sign-in through providers is off.
    public_url: Option<String>,
}

/// The providers that people can sign in with, also those that are switched off.
#[utoipa::path(get, path = "/api/v1/admin/sign-in-providers", tag = "admin", responses((status = 200, body = List<SignInProvider>)))]
async fn list_providers(_: Require<perm::SettingsManage>, app: AppData) -> Result<web::Json<List<SignInProvider>>, ApiError> {
    Ok(web::Json(List::whole(app.providers.providers()?.into_iter().map(SignInProvider::from).collect())))
}

/// Adds a provider.
#[utoipa::path(post, path = "/api/v1/admin/sign-in-providers", tag = "admin", request_body = NewSignInProvider, responses((status = 201, body = SignInProvider)))]
async fn add_provider(who: Proved<perm::SettingsManage>, app: AppData, body: Json<NewSignInProvider>) -> Result<HttpResponse, ApiError> {
    let NewSignInProvider { name, issuer, client_id, client_secret, enabled, lan, trusted_second_factor } = body.0;
    let new = NewProvider { name, issuer, client_id, client_secret, enabled, lan, trusted_second_factor };
    Ok(HttpResponse::Created().json(SignInProvider::from(app.providers.add(who.user_id, new).await?)))
}

/// Changes a provider. Linked sign-ins are bound to the issuer: with another one they no longer count.
#[utoipa::path(patch, path = "/api/v1/admin/sign-in-providers/{id}", tag = "admin", params(("id" = Uuid, Path)), request_body = SignInProviderPatch,
    responses((status = 200, body = SignInProvider)))]
async fn change_provider(
    who: Proved<perm::SettingsManage>,
    app: AppData,
    id: web::Path<Uuid>,
    body: Json<SignInProviderPatch>,
) -> Result<web::Json<SignInProvider>, ApiError> {
    let SignInProviderPatch { name, issuer, client_id, client_secret, enabled, lan, trusted_second_factor } = body.0;
    let patch = ProviderPatch { name, issuer, client_id, client_secret, enabled, lan, trusted_second_factor };
    Ok(web::Json(app.providers.change(who.user_id, *id, patch).await?.into()))
}

/// Removes a provider.
#[utoipa::path(delete, path = "/api/v1/admin/sign-in-providers/{id}", tag = "admin", params(("id" = Uuid, Path)), responses((status = 204)))]
async fn remove_provider(who: Proved<perm::SettingsManage>, app: AppData, id: web::Path<Uuid>) -> Result<HttpResponse, ApiError> {
    app.providers.remove(who.user_id, *id).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Asks a provider what it says of itself. Nothing is kept.
#[utoipa::path(post, path = "/api/v1/admin/sign-in-providers/test", tag = "admin", request_body = ProviderTest, responses((status = 200, body = ProviderTestResult)))]
async fn test_provider(
    _: Proved<perm::SettingsManage>,
    app: AppData,
    body: Json<ProviderTest>,
) -> Result<web::Json<ProviderTestResult>, ApiError> {
    Ok(web::Json(match app.providers.probe(&body.0.issuer, body.0.lan).await? {
        Ok(probe) => ProviderTestResult {
            ok: true,
            problem: None,
            authorization_endpoint: Some(probe.authorization_endpoint),
            token_endpoint: Some(probe.token_endpoint),
            keys: Some(probe.keys),
            pkce: Some(probe.pkce),
        },
        Err(problem) => ProviderTestResult {
            ok: false,
            problem: Some(problem),
            authorization_endpoint: None,
            token_endpoint: None,
            keys: None,
            pkce: None,
        },
    }))
}

/// Sets the address under which browsers reach this installation; providers send people back to it.
#[utoipa::path(put, path = "/api/v1/admin/public-address", tag = "admin", request_body = PublicAddress, responses((status = 200, body = PublicAddress)))]
async fn set_public_url(
    who: Proved<perm::SettingsManage>,
    app: AppData,
    body: Json<PublicAddress>,
) -> Result<web::Json<PublicAddress>, ApiError> {
    app.providers.set_public_url(who.user_id, body.0.public_url.as_deref()).await?;
    Ok(web::Json(PublicAddress { public_url: app.auth.settings()?.public_url }))
}
