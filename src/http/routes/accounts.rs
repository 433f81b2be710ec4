//! The caller's accounts.

use actix_web::{HttpResponse, web};
use secrecy::SecretString;
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use super::credentials::NewBrokerKey;
use super::schedule_input::ScheduleInput;
use crate::app::credentials::BrokerKey;
use crate::domain::account::{Account, UsFunds};
use crate::domain::id::{AccountId, UserId};
use crate::domain::order::{BrokerHost, Environment};
use crate::domain::schedule::Schedule;
use crate::http::access::{AppData, Require, perm};
use crate::http::error::{ApiError, ErrorCode};
use crate::http::extract::{Json, List, Object};
use crate::http::route::{Route, route};
use crate::http::views::account::AccountView;
use crate::http::views::balance::BalanceView;
use crate::trading::AccountPatch;

pub fn routes() -> Vec<Route> {
    vec![
        route::<__path_list_accounts, _, _>(list_accounts),
        route::<__path_create_account, _, _>(create_account),
        route::<__path_get_account, _, _>(get_account),
        route::<__path_update_account, _, _>(update_account),
        route::<__path_start_account, _, _>(start_account),
        route::<__path_stop_account, _, _>(stop_account),
        route::<__path_get_balance, _, _>(get_balance),
        route::<__path_ask_balance, _, _>(ask_balance),
    ]
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewAccount {
    name: String,
    /// `mock` or `live`
    environment: BrokerHost,
    /// With it the account is made together with its broker key, or not at all.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    app_key: Option<SecretString>,
    /// Goes with `app_key`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    app_secret: Option<SecretString>,
    /// `12345678-01`; goes with `app_key`.
    #[serde(default)]
    account_no: Option<String>,
    /// The login name at the broker, for notices of executions.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    hts_id: Option<SecretString>,
}

impl NewAccount {
    /// Its broker key, if any part of one is there.
    fn key(self) -> Result<Option<BrokerKey>, ApiError> {
        let Self { environment, app_key, app_secret, account_no, hts_id, .. } = self;
        if app_key.is_none() && app_secret.is_none() && account_no.is_none() && hts_id.is_none() {
            return Ok(None);
        }
        let missing =
            |field: &str| ApiError::new(ErrorCode::MissingField, "a broker key has all of app_key, app_secret and account_no").at(field);
        let key = NewBrokerKey {
            environment,
            app_key: app_key.ok_or_else(|| missing("/app_key"))?,
            app_secret: app_secret.ok_or_else(|| missing("/app_secret"))?,
            account_no: account_no.ok_or_else(|| missing("/account_no"))?,
            hts_id,
        };
        key.read().map(Some)
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AccountChange {
    version: u64,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    #[schema(value_type = SettingsChange)]
    settings: Object<SettingsChange>,
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SettingsChange {
    #[serde(default)]
    #[schema(value_type = Option<Schedule>)]
    schedule: Option<Object<ScheduleInput>>,
    /// USD; `null` removes it.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<f64>)]
    total_budget: Option<Option<f64>>,
    #[serde(default)]
    auto_start: Option<bool>,
    #[serde(default)]
    auto_start_threshold: Option<f64>,
    #[serde(default)]
    bot_sync: Option<bool>,
    #[serde(default)]
    fee_rate: Option<f64>,
    /// Whose money US orders spend.
    #[serde(default)]
    us_funds: Option<UsFunds>,
}

/// Tells `null` from absent.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<f64>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Start {
    /// The owner's word that no other program trades the account any more.
    #[serde(default)]
    old_server_stopped: bool,
}

fn view(app: &AppData, user: UserId, account: &Account) -> Result<web::Json<AccountView>, ApiError> {
    Ok(web::Json(AccountView::new(app, user, account)?))
}

/// The caller's accounts.
#[utoipa::path(get, path = "/api/v1/trading/accounts", tag = "trading", responses((status = 200, body = List<AccountView>)))]
async fn list_accounts(who: Require<perm::AccountsRead>, app: AppData) -> Result<web::Json<List<AccountView>>, ApiError> {
    let mut accounts = app.store.user(who.user_id).read(|v| v.accounts())?;
    // Paper comes last, paper runs that have ended at the very end: they are nobody's first thought.
    accounts.sort_by_key(|a| (a.twin.is_some() && !a.is_running_twin(), a.environment == Environment::Own));
    let items: Result<Vec<_>, _> = accounts.iter().map(|a| AccountView::new(&app, who.user_id, a)).collect();
    Ok(web::Json(List::whole(items?)))
}

/// Makes an account, observing; without a broker key or, after a step-up, with one.
#[utoipa::path(post, path = "/api/v1/trading/accounts", tag = "trading", request_body = NewAccount, responses((status = 201, body = AccountView)))]
async fn create_account(who: Require<perm::AccountsManage>, app: AppData, body: Json<NewAccount>) -> Result<HttpResponse, ApiError> {
    let (name, environment) = (body.0.name.clone(), body.0.environment);
    let account = match body.0.key()? {
        None => app.trading.create_account(who.user_id, &name, environment.into()).await?,
        Some(key) => {
            app.auth.require_proof(&who)?;
            app.create_account_with_key(who.user_id, &name, key).await?
        }
    };
    Ok(HttpResponse::Created().json(AccountView::new(&app, who.user_id, &account)?))
}

/// One account.
#[utoipa::path(get, path = "/api/v1/trading/accounts/{id}", tag = "trading", params(("id" = uuid::Uuid, Path)), responses((status = 200, body = AccountView)))]
async fn get_account(who: Require<perm::AccountsRead>, app: AppData, id: web::Path<AccountId>) -> Result<web::Json<AccountView>, ApiError> {
    let account = app.trading.account(who.user_id, *id)?;
    view(&app, who.user_id, &account)
}

/// Changes name or settings of an account.
#[utoipa::path(patch, path = "/api/v1/trading/accounts/{id}", tag = "trading", params(("id" = uuid::Uuid, Path)), request_body = AccountChange, responses((status = 200, body = AccountView)))]
async fn update_account(
    who: Require<perm::AccountsManage>,
    app: AppData,
    id: web::Path<AccountId>,
    body: Json<AccountChange>,
) -> Result<web::Json<AccountView>, ApiError> {
    let AccountChange { version, name, settings: Object(settings) } = body.0;
    let patch = AccountPatch {
        name,
        schedule: settings.schedule.map(|s| s.0.into()),
        total_budget: settings.total_budget,
        auto_start: settings.auto_start,
        auto_start_threshold: settings.auto_start_threshold,
        bot_sync: settings.bot_sync,
        fee_rate: settings.fee_rate,
        us_funds: settings.us_funds,
    };
    let account = app.trading.patch_account(who.user_id, *id, version, patch).await?;
    view(&app, who.user_id, &account)
}

/// Lets the account's bots trade.
#[utoipa::path(post, path = "/api/v1/trading/accounts/{id}/start", tag = "trading", params(("id" = uuid::Uuid, Path)), request_body = Start, responses((status = 200, body = AccountView)))]
async fn start_account(
    who: Require<perm::AccountsManage>,
    app: AppData,
    id: web::Path<AccountId>,
    body: Json<Start>,
) -> Result<web::Json<AccountView>, ApiError> {
    let account = app.trading.start_account(who.user_id, *id, body.0.old_server_stopped).await?;
    view(&app, who.user_id, &account)
}

/// Makes the account's bots only observe.
#[utoipa::path(post, path = "/api/v1/trading/accounts/{id}/stop", tag = "trading", params(("id" = uuid::Uuid, Path)), responses((status = 200, body = AccountView)))]
async fn stop_account(
    who: Require<perm::AccountsManage>,
    app: AppData,
    id: web::Path<AccountId>,
) -> Result<web::Json<AccountView>, ApiError> {
    let account = app.trading.stop_account(who.user_id, *id).await?;
    view(&app, who.user_id, &account)
}

/// Cash and positions by the account's own books, with what its broker said last.
#[utoipa::path(get, path = "/api/v1/trading/accounts/{id}/balance", tag = "trading", params(("id" = uuid::Uuid, Path)), responses((status = 200, body = BalanceView)))]
async fn get_balance(who: Require<perm::AccountsRead>, app: AppData, id: web::Path<AccountId>) -> Result<web::Json<BalanceView>, ApiError> {
    Ok(web::Json(app.trading.balance(who.user_id, *id)?.into()))
}

/// The same, after asking the broker anew.
#[utoipa::path(post, path = "/api/v1/trading/accounts/{id}/balance", tag = "trading", params(("id" = uuid::Uuid, Path)), responses((status = 200, body = BalanceView)))]
async fn ask_balance(who: Require<perm::AccountsRead>, app: AppData, id: web::Path<AccountId>) -> Result<web::Json<BalanceView>, ApiError> {
    Ok(web::Json(app.trading.ask_balance(who.user_id, *id).await?.into()))
}
