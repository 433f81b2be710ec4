//! Registering, signing in and out, refreshing.

use actix_web::cookie::{Cookie, SameSite, time};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::auth::{ACCESS_TOKEN_LIFE, AuthError, Proof, Registration, SignedIn};
use crate::domain::id::UserId;
use crate::domain::user::{Language, Role, User};
use crate::http::access::{self, AppData, Public, Require, perm};
use crate::http::error::{ApiError, ErrorCode};
use crate::http::extract::{self, Json, OptionalJson};
use crate::http::route::{Route, route};

pub fn routes() -> Vec<Route> {
    vec![
        route::<__path_register, _, _>(register),
        route::<__path_login, _, _>(login),
        route::<__path_refresh, _, _>(refresh),
        route::<__path_logout, _, _>(logout),
        route::<__path_step_up, _, _>(step_up),
    ]
}

/// A person who registers. The first one needs the setup code.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RegisterRequest {
    username: String,
    #[schema(value_type = String, min_length = 10, max_length = 128)]
    password: SecretString,
    #[serde(default)]
    email: Option<String>,
    /// The word of an invitation.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    invite: Option<SecretString>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    setup_code: Option<SecretString>,
}

/// A user as lists and sign-in answers show them.
#[derive(Serialize, ToSchema)]
struct RegisteredUser {
    #[schema(value_type = uuid::Uuid)]
    id: UserId,
    username: String,
    role: Role,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LoginRequest {
    username: String,
    #[schema(value_type = String)]
    password: SecretString,
    /// Of the authenticator app, or a recovery code; where the second factor is on.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    code: Option<SecretString>,
}

/// A refresh token in the body, for clients without cookies.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RefreshRequest {
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    refresh_token: Option<SecretString>,
}

/// The password once more, or a code, before something that a stolen session must not do.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct StepUpRequest {
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    password: Option<SecretString>,
    /// Of the authenticator app, or a recovery code.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    code: Option<SecretString>,
}

#[derive(Serialize, ToSchema)]
struct StepUp {
    /// Until then nothing asks for the password again in this session.
    proved_until: Timestamp,
}

/// What signing in gives.
#[derive(Serialize, ToSchema)]
pub(super) struct TokenAnswer {
    access_token: String,
    /// Absent for the web client, which has it in a cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    refresh_token: Option<String>,
    /// `bearer`
    token_type: &'static str,
    /// Seconds that the access token lives.
    expires_in: i64,
    user: SignedInUser,
}

#[derive(Serialize, ToSchema)]
struct SignedInUser {
    #[schema(value_type = uuid::Uuid)]
    id: UserId,
    username: String,
    role: Role,
    language: Language,
}

impl From<User> for SignedInUser {
    fn from(user: User) -> Self {
        Self { id: user.id, username: user.username, role: user.role, language: user.language }
    }
}

/// Registers a user: the first with the setup code, later ones as the settings allow.
#[utoipa::path(post, path = "/api/v1/auth/register", tag = "auth", request_body = RegisterRequest,
    responses((status = 201, body = RegisteredUser)))]
async fn register(_: Public, app: AppData, req: HttpRequest, body: Json<RegisterRequest>) -> Result<HttpResponse, ApiError> {
    let body = body.0;
    let registration = Registration {
        username: body.username,
        password: body.password,
        email: body.email,
        invite: body.invite,
        setup_code: body.setup_code,
    };
    let user = app.auth.register(registration, &extract::client(&req)).await?;
    app.trading.own_account(user.id).await?;
    Ok(HttpResponse::Created().json(RegisteredUser { id: user.id, username: user.username, role: user.role }))
}

/// Signs in with user name and password.
#[utoipa::path(post, path = "/api/v1/auth/login", tag = "auth", request_body = LoginRequest,
    responses((status = 200, body = TokenAnswer)))]
async fn login(_: Public, app: AppData, req: HttpRequest, body: Json<LoginRequest>) -> Result<HttpResponse, ApiError> {
    let client = extract::client(&req);
    let signed_in = app.auth.login(&body.0.username, body.0.password, body.0.code, &client).await?;
    Ok(answer(&app, &req, signed_in, client.web))
}

/// Exchanges a refresh token, from the cookie (web client) or the body.
#[utoipa::path(post, path = "/api/v1/auth/refresh", tag = "auth", request_body = Option<RefreshRequest>,
    responses((status = 200, body = TokenAnswer)))]
async fn refresh(_: Public, app: AppData, req: HttpRequest, body: OptionalJson<RefreshRequest>) -> Result<HttpResponse, ApiError> {
    let (token, from_cookie) = presented(&app, &req, body)?;
    let token = token.ok_or_else(|| ApiError::new(ErrorCode::SessionEnded, "there is no refresh token: sign in again"))?;
    let mut client = extract::client(&req);
    client.web = from_cookie;
    match app.auth.refresh(&token, &client).await {
        Ok(signed_in) => Ok(answer(&app, &req, signed_in, from_cookie)),
        Err(error) => {
            if let AuthError::RefreshReused { user_id } = error {
                app.tell_of_revoked_session(user_id, &client.address).await?;
            }
            let error = ApiError::from(error);
            let mut response = actix_web::ResponseError::error_response(&error);
            if from_cookie && response.status() == StatusCode::UNAUTHORIZED {
                let _ = response.add_cookie(&expired(&app, &req));
            }
            Ok(response)
        }
    }
}

/// Ends the session of a refresh token, from the cookie or the body; without one, that of the access token.
#[utoipa::path(post, path = "/api/v1/auth/logout", tag = "auth", request_body = Option<RefreshRequest>,
    responses((status = 204)))]
async fn logout(_: Public, app: AppData, req: HttpRequest, body: OptionalJson<RefreshRequest>) -> Result<HttpResponse, ApiError> {
    let (token, from_cookie) = presented(&app, &req, body)?;
    match token {
        Some(token) => app.auth.logout(&token).await?,
        // A client that kept only its access token.
        None => {
            if let Ok(who) = access::identify(&req) {
                app.auth.logout_session(&who).await?;
            }
        }
    }
    let mut response = HttpResponse::NoContent();
    if from_cookie {
        response.cookie(expired(&app, &req));
    }
    Ok(response.finish())
}

/// The refresh token of a request. A cookie counts only together with the header that no other site
/// can send.
fn presented(app: &AppData, req: &HttpRequest, body: OptionalJson<RefreshRequest>) -> Result<(Option<SecretString>, bool), ApiError> {
    if let Some(token) = body.0.and_then(|body| body.refresh_token) {
        return Ok((Some(token), false));
    }
    let Some(cookie) = req.cookie(cookie_name(extract::over_tls(app, req))) else { return Ok((None, false)) };
    let elsewhere = req.headers().get("sec-fetch-site").is_some_and(|v| v != "same-origin" && v != "none");
    if !extract::is_web(req) || elsewhere {
        return Err(ApiError::new(
            ErrorCode::ClientHeaderRequired,
            "a refresh cookie is only accepted from our own pages, with X-Client: web",
        ));
    }
    Ok((Some(SecretString::from(cookie.value())), true))
}

/// Gives the password again, or a code: for five minutes this session may do what needs it.
#[utoipa::path(post, path = "/api/v1/auth/step-up", tag = "auth", request_body = StepUpRequest, responses((status = 200, body = StepUp)))]
async fn step_up(who: Require<perm::SessionsManage>, app: AppData, body: Json<StepUpRequest>) -> Result<web::Json<StepUp>, ApiError> {
    let proof = match (body.0.password, body.0.code) {
        (Some(password), None) => Proof::Password(password),
        (None, Some(code)) => Proof::Code(code),
        _ => return Err(ApiError::invalid("/password", "send either password or code")),
    };
    let proved = app.auth.step_up(&who, proof).await;
    let proved_until = proved.map_err(|error| match error {
        // The field has another name here than at a change of the password.
        error @ AuthError::WrongCurrentPassword => ApiError::from(error).at("/password"),
        other => other.into(),
    })?;
    Ok(web::Json(StepUp { proved_until }))
}

pub(super) fn answer(app: &AppData, req: &HttpRequest, signed_in: SignedIn, web: bool) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    let mut refresh_token = signed_in.refresh_token;
    if web && let Some(token) = refresh_token.take() {
        response.cookie(cookie(app, req, token.expose_secret().to_owned(), time::Duration::days(30)));
    }
    response.json(TokenAnswer {
        access_token: signed_in.access_token,
        refresh_token: refresh_token.map(|t| t.expose_secret().to_owned()),
        token_type: "bearer",
        expires_in: ACCESS_TOKEN_LIFE.as_secs(),
        user: signed_in.user.into(),
    })
}

fn cookie_name(secure: bool) -> &'static str {
    if secure { "__Host-eggmoney-refresh" } else { "eggmoney-refresh" }
}

/// Without TLS the cookie has no path: the browser then sends it below the address that set it
/// (`…/api/v1/auth/`), wherever a proxy has put us. `__Host-` demands the path `/`.
fn cookie(app: &AppData, req: &HttpRequest, value: String, life: time::Duration) -> Cookie<'static> {
    let secure = extract::over_tls(app, req);
    let cookie = Cookie::build(cookie_name(secure), value).http_only(true).same_site(SameSite::Strict).max_age(life);
    if secure { cookie.secure(true).path("/").finish() } else { cookie.finish() }
}

fn expired(app: &AppData, req: &HttpRequest) -> Cookie<'static> {
    cookie(app, req, String::new(), time::Duration::ZERO)
}
