//! Forgotten passwords: links from an administrator, and the code on the NAS for administrators.

use actix_web::{HttpRequest, HttpResponse, web};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::user::User;
use crate::http::access::{AppData, Public};
use crate::http::error::ApiError;
use crate::http::extract::{self, Json};
use crate::http::route::{Route, route};

pub fn routes() -> Vec<Route> {
    vec![
        route::<__path_reset_password, _, _>(reset_password),
        route::<__path_request_recovery, _, _>(request_recovery),
        route::<__path_recover, _, _>(recover),
    ]
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PasswordReset {
    /// The word of the link.
    #[schema(value_type = String)]
    word: SecretString,
    #[schema(value_type = String, min_length = 10, max_length = 128)]
    password: SecretString,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Recovery {
    username: String,
    /// From the file `recovery-code` in the data folder on the NAS.
    #[schema(value_type = String)]
    code: SecretString,
    #[schema(value_type = String, min_length = 10, max_length = 128)]
    password: SecretString,
}

/// Whose password was set; sign in with it.
#[derive(Serialize, ToSchema)]
struct PasswordSet {
    username: String,
}

impl From<User> for PasswordSet {
    fn from(user: User) -> Self {
        Self { username: user.username }
    }
}

/// Sets a new password with the word of a link that an administrator made.
#[utoipa::path(post, path = "/api/v1/auth/reset", tag = "auth", request_body = PasswordReset, responses((status = 200, body = PasswordSet)))]
async fn reset_password(_: Public, app: AppData, req: HttpRequest, body: Json<PasswordReset>) -> Result<web::Json<PasswordSet>, ApiError> {
    let client = extract::client(&req);
    let user = app.auth.reset_password(body.0.word, body.0.password, &client).await?;
    app.tell_of_new_password(user.id, &client.address).await?;
    Ok(web::Json(user.into()))
}

/// Writes a code into the data folder on the NAS, for an administrator who cannot sign in. The answer is
/// always the same.
#[utoipa::path(post, path = "/api/v1/auth/recovery", tag = "auth", responses((status = 204)))]
async fn request_recovery(_: Public, app: AppData, req: HttpRequest) -> Result<HttpResponse, ApiError> {
    app.auth.request_recovery(&extract::client(&req)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Sets an administrator's password with the code from the data folder; the second factor is dropped.
#[utoipa::path(post, path = "/api/v1/auth/recovery/confirm", tag = "auth", request_body = Recovery, responses((status = 200, body = PasswordSet)))]
async fn recover(_: Public, app: AppData, req: HttpRequest, body: Json<Recovery>) -> Result<web::Json<PasswordSet>, ApiError> {
    let client = extract::client(&req);
    let user = app.auth.recover(&body.0.username, &body.0.code, body.0.password, &client).await?;
    app.tell_of_new_password(user.id, &client.address).await?;
    Ok(web::Json(user.into()))
}
