//! Signing in through a provider, and the sign-ins that people have linked to their name.

use actix_web::cookie::{Cookie, SameSite, time};
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::auth::{TokenAnswer, answer};
use crate::auth::oidc::{self, Arrival, Departure, Entered, Link};
use crate::auth::{AuthError, Client};
use crate::domain::message::Notice;
use crate::http::access::{AppData, Proved, Public, Require, perm};
use crate::http::error::{ApiError, ErrorCode};
use crate::http::extract::{self, Json, List, Query};
use crate::http::route::{Route, route};

pub fn routes() -> Vec<Route> {
    vec![
        route::<__path_list_offered, _, _>(list_offered),
        route::<__path_start, _, _>(start),
        route::<__path_callback, _, _>(callback),
        route::<__path_finish, _, _>(finish),
        route::<__path_finish_with_code, _, _>(finish_with_code),
        route::<__path_list_identities, _, _>(list_identities),
        route::<__path_start_link, _, _>(start_link),
        route::<__path_link, _, _>(link),
        route::<__path_unlink, _, _>(unlink),
    ]
}

/// A provider that people can sign in with.
#[derive(Serialize, ToSchema)]
struct OfferedProvider {
    id: Uuid,
    name: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ChosenProvider {
    provider_id: Uuid,
}

/// Where the browser goes to sign in.
#[derive(Serialize, ToSchema)]
struct DepartureAnswer {
    url: String,
}

/// What a provider tells the browser to bring.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct CallbackQuery {
    #[serde(default)]
    state: Option<String>,
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    iss: Option<String>,
    #[serde(default)]
    error: Option<String>,
}

/// What the browser brought back from a provider.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ArrivalRequest {
    #[schema(value_type = String)]
    state: SecretString,
    #[schema(value_type = String)]
    code: SecretString,
    /// Who answers, where the provider says it.
    #[serde(default)]
    iss: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CodeRequest {
    /// Of the answer that asked for the code.
    #[schema(value_type = String)]
    continuation: SecretString,
    /// Of the authenticator app, or a recovery code.
    #[schema(value_type = String)]
    code: SecretString,
}

/// A sign-in that the caller has linked.
#[derive(Serialize, ToSchema)]
struct LinkedIdentity {
    id: Uuid,
    /// The provider's name when it was linked.
    provider: String,
    issuer: String,
    /// The provider's identifier of the person.
    subject: String,
    /// What the provider calls the person, if it said so.
    label: Option<String>,
    linked_at: Timestamp,
    last_used_at: Option<Timestamp>,
}

impl From<Link> for LinkedIdentity {
    fn from(link: Link) -> Self {
        let Link { id, provider, issuer, subject, label, linked_at, last_used_at } = link;
        Self { id, provider, issuer, subject, label, linked_at, last_used_at }
    }
}

fn cookie_name(secure: bool) -> &'static str {
    if secure { "__Host-eggmoney-away" } else { "eggmoney-away" }
}

/// The cookie that ties a sign-in to the browser which began it.
fn cookie(app: &AppData, req: &HttpRequest, value: String, life: time::Duration) -> Cookie<'static> {
    let secure = extract::over_tls(app, req);
    let cookie = Cookie::build(cookie_name(secure), value).http_only(true).same_site(SameSite::Strict).max_age(life);
    // Without TLS it has no path, as the refresh cookie.
    if secure { cookie.secure(true).path("/").finish() } else { cookie.finish() }
}

fn gone(app: &AppData, req: &HttpRequest, departure: Departure) -> HttpResponse {
    let browser = cookie(app, req, departure.browser.expose_secret().to_owned(), time::Duration::minutes(10));
    HttpResponse::Ok().cookie(browser).json(DepartureAnswer { url: departure.url })
}

fn browser(app: &AppData, req: &HttpRequest) -> Result<SecretString, AuthError> {
    req.cookie(cookie_name(extract::over_tls(app, req))).map(|c| SecretString::from(c.value())).ok_or(AuthError::SignInUnknown)
}

fn arrival(app: &AppData, req: &HttpRequest, body: ArrivalRequest) -> Result<Arrival, AuthError> {
    Ok(Arrival { state: body.state, code: body.code, issuer: body.iss, browser: browser(app, req)? })
}

/// The providers that people can sign in with.
#[utoipa::path(get, path = "/api/v1/auth/oidc/providers", tag = "auth", responses((status = 200, body = List<OfferedProvider>)))]
async fn list_offered(_: Public, app: AppData) -> Result<web::Json<List<OfferedProvider>>, ApiError> {
    let offered = app.providers.offered()?.into_iter().map(|p| OfferedProvider { id: p.id, name: p.name });
    Ok(web::Json(List::whole(offered.collect())))
}

/// Begins a sign-in: the browser goes to the address of the answer.
#[utoipa::path(post, path = "/api/v1/auth/oidc/start", tag = "auth", request_body = ChosenProvider, responses((status = 200, body = DepartureAnswer)))]
async fn start(_: Public, app: AppData, req: HttpRequest, body: Json<ChosenProvider>) -> Result<HttpResponse, ApiError> {
    let departure = app.providers.start(body.0.provider_id, &extract::client(&req)).await?;
    Ok(gone(&app, &req, departure))
}

/// Where a provider sends the browser back to: leads to the page that finishes the sign-in.
#[utoipa::path(get, path = "/api/v1/auth/oidc/callback", tag = "auth", params(CallbackQuery), responses((status = 303)))]
async fn callback(_: Public, app: AppData, query: Query<CallbackQuery>) -> Result<HttpResponse, ApiError> {
    let public = app.auth.settings()?.public_url.ok_or(AuthError::PublicUrlMissing)?;
    let CallbackQuery { state, code, iss, error } = query.0;
    let said: Vec<(&str, &str)> = [("state", &state), ("code", &code), ("iss", &iss), ("error", &error)]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.as_deref()?)))
        .collect();
    let page = oidc::landing(&public, &said).ok_or_else(|| ApiError::internal("the page after a sign-in has no address"))?;
    Ok(HttpResponse::SeeOther().insert_header((header::LOCATION, page)).finish())
}

/// Signs in whoever a provider vouches for. With `second_factor_required` comes a `continuation`.
#[utoipa::path(post, path = "/api/v1/auth/oidc/finish", tag = "auth", request_body = ArrivalRequest, responses((status = 200, body = TokenAnswer)))]
async fn finish(_: Public, app: AppData, req: HttpRequest, body: Json<ArrivalRequest>) -> Result<HttpResponse, ApiError> {
    let client = extract::client(&req);
    match app.providers.finish(arrival(&app, &req, body.0)?, &client).await? {
        Entered::In(signed_in) => Ok(entered(&app, &req, answer(&app, &req, *signed_in, client.web))),
        Entered::CodeNeeded(word) => {
            let asked = ApiError::from(AuthError::SecondFactorRequired).with("continuation", word.expose_secret());
            Ok(asked.error_response())
        }
    }
}

/// Gives the code of the second factor after a provider let the caller in.
#[utoipa::path(post, path = "/api/v1/auth/oidc/code", tag = "auth", request_body = CodeRequest, responses((status = 200, body = TokenAnswer)))]
async fn finish_with_code(_: Public, app: AppData, req: HttpRequest, body: Json<CodeRequest>) -> Result<HttpResponse, ApiError> {
    let client: Client = extract::client(&req);
    let CodeRequest { continuation, code } = body.0;
    let signed_in = app.providers.finish_with_code(&continuation, &browser(&app, &req)?, code, &client).await?;
    Ok(entered(&app, &req, answer(&app, &req, signed_in, client.web)))
}

/// The answer without the cookie that has done its work.
fn entered(app: &AppData, req: &HttpRequest, mut response: HttpResponse) -> HttpResponse {
    let _ = response.add_cookie(&cookie(app, req, String::new(), time::Duration::ZERO));
    response
}

/// The sign-ins that the caller has linked.
#[utoipa::path(get, path = "/api/v1/users/identities", tag = "users", responses((status = 200, body = List<LinkedIdentity>)))]
async fn list_identities(who: Require<perm::SessionsManage>, app: AppData) -> Result<web::Json<List<LinkedIdentity>>, ApiError> {
    let links = app.providers.links(who.user_id)?;
    Ok(web::Json(List::whole(links.into_iter().map(LinkedIdentity::from).collect())))
}

/// Begins to link a sign-in: the browser goes to the address of the answer.
#[utoipa::path(post, path = "/api/v1/users/identities/start", tag = "users", request_body = ChosenProvider, responses((status = 200, body = DepartureAnswer)))]
async fn start_link(
    who: Proved<perm::SessionsManage>,
    app: AppData,
    req: HttpRequest,
    body: Json<ChosenProvider>,
) -> Result<HttpResponse, ApiError> {
    let departure = app.providers.start_link(&who, body.0.provider_id, &extract::client(&req)).await?;
    Ok(gone(&app, &req, departure))
}

/// Links the sign-in with which the caller came back. The proof was given when it began.
#[utoipa::path(post, path = "/api/v1/users/identities", tag = "users", request_body = ArrivalRequest, responses((status = 201, body = LinkedIdentity)))]
async fn link(
    who: Require<perm::SessionsManage>,
    app: AppData,
    req: HttpRequest,
    body: Json<ArrivalRequest>,
) -> Result<HttpResponse, ApiError> {
    let client = extract::client(&req);
    let link = app.providers.link(&who, arrival(&app, &req, body.0)?, &client).await.map_err(at_own_page)?;
    app.tell(who.user_id, Notice::IdentityLinked { provider: link.provider.clone(), address: client.address }).await?;
    Ok(entered(&app, &req, HttpResponse::Created().json(LinkedIdentity::from(link))))
}

/// The session is fine, so what the provider did wrong is no 401 here.
fn at_own_page(error: AuthError) -> ApiError {
    match error {
        AuthError::ProviderRefused(_) => ApiError::refused(ErrorCode::ProviderRefused.code(), error.to_string()),
        other => other.into(),
    }
}

/// Removes a linked sign-in. All other sessions end.
#[utoipa::path(delete, path = "/api/v1/users/identities/{id}", tag = "users", params(("id" = Uuid, Path)), responses((status = 204)))]
async fn unlink(who: Proved<perm::SessionsManage>, app: AppData, id: web::Path<Uuid>) -> Result<HttpResponse, ApiError> {
    app.providers.unlink(&who, *id).await?;
    Ok(HttpResponse::NoContent().finish())
}
