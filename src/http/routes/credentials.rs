//! Broker keys and chats of the caller's accounts.

use actix_web::web;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::credentials::{BrokerKey, Check, account_number};
use crate::domain::id::AccountId;
use crate::domain::order::BrokerHost;
use crate::http::access::{AppData, Proved, Require, perm};
use crate::http::error::ApiError;
use crate::http::extract::Json;
use crate::http::route::{Route, route};
use crate::http::views::account::AccountView;
use crate::notify::telegram::is_token;

pub fn routes() -> Vec<Route> {
    vec![
        route::<__path_put_broker_key, _, _>(put_broker_key),
        route::<__path_delete_broker_key, _, _>(delete_broker_key),
        route::<__path_test_broker_key, _, _>(test_broker_key),
        route::<__path_try_broker_key, _, _>(try_broker_key),
        route::<__path_put_hts_id, _, _>(put_hts_id),
        route::<__path_put_telegram, _, _>(put_telegram),
        route::<__path_delete_telegram, _, _>(delete_telegram),
        route::<__path_test_telegram, _, _>(test_telegram),
    ]
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewBrokerKey {
    /// `mock` or `live`
    pub(super) environment: BrokerHost,
    #[schema(value_type = String)]
    pub(super) app_key: SecretString,
    #[schema(value_type = String)]
    pub(super) app_secret: SecretString,
    /// `12345678-01`
    pub(super) account_no: String,
    /// The login name at the broker, for notices of executions; absent keeps what is there.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub(super) hts_id: Option<SecretString>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewHtsId {
    /// `null` removes it.
    #[schema(value_type = Option<String>)]
    hts_id: Option<SecretString>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewChat {
    #[schema(value_type = String)]
    bot_token: SecretString,
    chat_id: String,
}

#[derive(Serialize, ToSchema)]
struct KeyTest {
    ok: bool,
    checks: Vec<Check>,
}

#[derive(Serialize, ToSchema)]
struct ChatTest {
    ok: bool,
    /// Kind of the failure.
    code: Option<&'static str>,
    detail: String,
}

impl NewBrokerKey {
    pub(super) fn read(self) -> Result<BrokerKey, ApiError> {
        let (cano, product) = account_number(&self.account_no).map_err(|detail| ApiError::invalid("/account_no", detail))?;
        Ok(BrokerKey {
            host: self.environment,
            app_key: trimmed(&self.app_key, "/app_key", "the app key")?,
            app_secret: trimmed(&self.app_secret, "/app_secret", "the app secret")?,
            cano: cano.into(),
            product,
            hts_id: self.hts_id.as_ref().map(login_name).transpose()?,
        })
    }
}

/// A login name at the broker.
fn login_name(text: &SecretString) -> Result<SecretString, ApiError> {
    use secrecy::ExposeSecret;
    let text = text.expose_secret().trim();
    if text.is_empty() || text.len() > 40 || !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(ApiError::invalid("/hts_id", "the HTS id is the login name at the broker, without blanks; leave it out to have none"));
    }
    Ok(SecretString::from(text))
}

fn trimmed(text: &SecretString, pointer: &'static str, what: &str) -> Result<SecretString, ApiError> {
    use secrecy::ExposeSecret;
    let text = text.expose_secret().trim();
    if text.is_empty() || text.len() > 400 || !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(ApiError::invalid(pointer, format!("{what} must be the text that the service shows, without blanks")));
    }
    Ok(SecretString::from(text))
}

/// Replaces the broker key of an account.
#[utoipa::path(put, path = "/api/v1/trading/accounts/{id}/broker-key", tag = "trading", params(("id" = uuid::Uuid, Path)), request_body = NewBrokerKey, responses((status = 200, body = AccountView)))]
async fn put_broker_key(
    who: Proved<perm::AccountsManage>,
    app: AppData,
    id: web::Path<AccountId>,
    body: Json<NewBrokerKey>,
) -> Result<web::Json<AccountView>, ApiError> {
    let key = body.0.read()?;
    let account = app.set_broker_key(who.user_id, *id, key).await?;
    Ok(web::Json(AccountView::new(&app, who.user_id, &account)?))
}

/// Removes the broker key of an account.
#[utoipa::path(delete, path = "/api/v1/trading/accounts/{id}/broker-key", tag = "trading", params(("id" = uuid::Uuid, Path)), responses((status = 200, body = AccountView)))]
async fn delete_broker_key(
    who: Require<perm::AccountsManage>,
    app: AppData,
    id: web::Path<AccountId>,
) -> Result<web::Json<AccountView>, ApiError> {
    let account = app.remove_broker_key(who.user_id, *id).await?;
    Ok(web::Json(AccountView::new(&app, who.user_id, &account)?))
}

/// Tries the broker key: token, price, cash.
#[utoipa::path(post, path = "/api/v1/trading/accounts/{id}/broker-key/test", tag = "trading", params(("id" = uuid::Uuid, Path)), responses((status = 200, body = KeyTest)))]
async fn test_broker_key(
    who: Require<perm::AccountsManage>,
    app: AppData,
    id: web::Path<AccountId>,
) -> Result<web::Json<KeyTest>, ApiError> {
    let checks = app.test_broker_key(who.user_id, *id).await?;
    Ok(web::Json(KeyTest { ok: checks.iter().all(|c| c.ok), checks }))
}

/// Tries a key before an account is made with it, and tells paper keys from live ones.
#[utoipa::path(post, path = "/api/v1/trading/broker-keys/test", tag = "trading", request_body = NewBrokerKey, responses((status = 200, body = KeyTest)))]
async fn try_broker_key(_: Require<perm::AccountsManage>, app: AppData, body: Json<NewBrokerKey>) -> Result<web::Json<KeyTest>, ApiError> {
    let checks = app.try_broker_key(&body.0.read()?).await?;
    Ok(web::Json(KeyTest { ok: checks.iter().all(|c| c.ok), checks }))
}

/// Sets or removes the login name under which the broker sends notices of executions.
#[utoipa::path(put, path = "/api/v1/trading/accounts/{id}/hts-id", tag = "trading", params(("id" = uuid::Uuid, Path)), request_body = NewHtsId, responses((status = 200, body = AccountView)))]
async fn put_hts_id(
    who: Require<perm::AccountsManage>,
    app: AppData,
    id: web::Path<AccountId>,
    body: Json<NewHtsId>,
) -> Result<web::Json<AccountView>, ApiError> {
    let hts_id = body.0.hts_id.as_ref().map(login_name).transpose()?;
    let account = app.set_hts_id(who.user_id, *id, hts_id).await?;
    Ok(web::Json(AccountView::new(&app, who.user_id, &account)?))
}

/// Sets the Telegram chat of an account.
#[utoipa::path(put, path = "/api/v1/trading/accounts/{id}/telegram", tag = "trading", params(("id" = uuid::Uuid, Path)), request_body = NewChat, responses((status = 200, body = AccountView)))]
async fn put_telegram(
    who: Require<perm::AccountsManage>,
    app: AppData,
    id: web::Path<AccountId>,
    body: Json<NewChat>,
) -> Result<web::Json<AccountView>, ApiError> {
    let token = trimmed(&body.0.bot_token, "/bot_token", "the bot token")?;
    if !is_token(token.expose_secret()) {
        let form = "the bot token has the form 123456789:AAF-x…, digits, a colon, letters, digits, _ and -: copy it from @BotFather";
        return Err(ApiError::invalid("/bot_token", form));
    }
    let chat = body.0.chat_id.trim().to_owned();
    let numeric = chat.strip_prefix('-').unwrap_or(&chat);
    let named = chat.strip_prefix('@').is_some_and(|name| name.len() >= 4);
    if !named && (numeric.is_empty() || numeric.len() > 20 || !numeric.bytes().all(|b| b.is_ascii_digit())) {
        return Err(ApiError::invalid("/chat_id", "the chat id is a number, for groups with a leading minus, or a channel's @name"));
    }
    let account = app.set_telegram(who.user_id, *id, Some((token, chat))).await?;
    Ok(web::Json(AccountView::new(&app, who.user_id, &account)?))
}

/// Removes the Telegram chat of an account.
#[utoipa::path(delete, path = "/api/v1/trading/accounts/{id}/telegram", tag = "trading", params(("id" = uuid::Uuid, Path)), responses((status = 200, body = AccountView)))]
async fn delete_telegram(
    who: Require<perm::AccountsManage>,
    app: AppData,
    id: web::Path<AccountId>,
) -> Result<web::Json<AccountView>, ApiError> {
    let account = app.set_telegram(who.user_id, *id, None).await?;
    Ok(web::Json(AccountView::new(&app, who.user_id, &account)?))
}

/// Sends a test message to the account's chat.
#[utoipa::path(post, path = "/api/v1/trading/accounts/{id}/telegram/test", tag = "trading", params(("id" = uuid::Uuid, Path)), responses((status = 200, body = ChatTest)))]
async fn test_telegram(
    who: Require<perm::AccountsManage>,
    app: AppData,
    id: web::Path<AccountId>,
) -> Result<web::Json<ChatTest>, ApiError> {
    let result = app.test_telegram(who.user_id, *id).await?;
    let error = result.err();
    Ok(web::Json(ChatTest {
        ok: error.is_none(),
        code: error.as_ref().map(|e| e.code()),
        detail: error.map(|e| e.to_string()).unwrap_or_default(),
    }))
}
