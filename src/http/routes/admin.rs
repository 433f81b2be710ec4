//! The administrator's view: users and states, never holdings or keys.

use actix_web::{HttpRequest, web};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::system::SystemReport;
use crate::auth::oidc::CALLBACK_PATH;
use crate::auth::{RegistrationPolicy, Settings};
use crate::domain::id::UserId;
use crate::domain::user::Role;
use crate::http::access::{AppData, Require, perm};
use crate::http::error::ApiError;
use crate::http::extract::{self, Json, List};
use crate::http::route::{Route, route};

pub fn routes() -> Vec<Route> {
    vec![
        route::<__path_list_users, _, _>(list_users),
        route::<__path_get_settings, _, _>(get_settings),
        route::<__path_update_settings, _, _>(update_settings),
        route::<__path_system_report, _, _>(system_report),
    ]
}

#[derive(Serialize, ToSchema)]
struct UserItem {
    #[schema(value_type = uuid::Uuid)]
    id: UserId,
    username: String,
    role: Role,
    active: bool,
    verified: bool,
    premium: bool,
    created_at: Timestamp,
    /// How many accounts the user has.
    accounts: usize,
}

#[derive(Serialize, ToSchema)]
#[schema(as = InstallationSettings)]
struct SettingsView {
    /// `open` or `closed`
    registration: RegistrationPolicy,
    /// Networks from which people may come, such as `192.168.0.0/16`; empty = from everywhere.
    networks: Vec<String>,
    /// The caller's own address, as the server sees it.
    your_address: String,
    /// Where browsers reach this installation; sign-in providers send people back to it. `null` = not set.
    public_url: Option<String>,
    /// What to register at a provider as the address to return to; `null` without a public address.
    redirect_uri: Option<String>,
}

impl SettingsView {
    fn new(settings: Settings, req: &HttpRequest) -> Self {
        let Settings { registration, networks, public_url } = settings;
        let redirect_uri = public_url.as_ref().map(|url| format!("{url}{CALLBACK_PATH}"));
        Self { registration, networks: networks.texts(), your_address: extract::client_address(req), public_url, redirect_uri }
    }
}

#[derive(Deserialize, ToSchema)]
#[schema(as = InstallationSettingsPatch)]
#[serde(deny_unknown_fields)]
struct SettingsPatch {
    /// `open` or `closed`
    #[serde(default)]
    registration: Option<RegistrationPolicy>,
    /// Networks from which people may come; an empty list admits everybody. Yours must be among them.
    #[serde(default)]
    #[schema(max_items = 64)]
    networks: Option<Vec<String>>,
}

/// All users.
#[utoipa::path(get, path = "/api/v1/admin/users", tag = "admin", responses((status = 200, body = List<UserItem>)))]
async fn list_users(_: Require<perm::UsersManage>, app: AppData) -> Result<web::Json<List<UserItem>>, ApiError> {
    let users = app.users_with_accounts()?;
    let items = users.into_iter().map(|(user, accounts)| UserItem {
        id: user.id,
        username: user.username,
        role: user.role,
        active: user.active,
        verified: user.verified,
        premium: user.premium,
        created_at: user.created_at,
        accounts,
    });
    Ok(web::Json(List::whole(items.collect())))
}

/// Settings of the installation.
#[utoipa::path(get, path = "/api/v1/admin/settings", tag = "admin", responses((status = 200, body = SettingsView)))]
async fn get_settings(_: Require<perm::SettingsManage>, app: AppData, req: HttpRequest) -> Result<web::Json<SettingsView>, ApiError> {
    Ok(web::Json(SettingsView::new(app.auth.settings()?, &req)))
}

/// Opens or closes registration, and says from where people may come, which needs password or code again.
#[utoipa::path(patch, path = "/api/v1/admin/settings", tag = "admin", request_body = SettingsPatch,
    responses((status = 200, body = SettingsView)))]
async fn update_settings(
    who: Require<perm::SettingsManage>,
    app: AppData,
    req: HttpRequest,
    body: Json<SettingsPatch>,
) -> Result<web::Json<SettingsView>, ApiError> {
    let SettingsPatch { registration, networks } = body.0;
    let networks = networks.map(|texts| extract::networks(&texts)).transpose()?;
    if networks.is_some() {
        app.auth.require_proof(&who)?;
    }
    if let Some(policy) = registration {
        app.auth.set_registration(Some(who.user_id), policy).await?;
    }
    if let Some(networks) = networks {
        app.auth.set_networks(Some(who.user_id), Some(extract::origin(&req).address), networks).await?;
    }
    Ok(web::Json(SettingsView::new(app.auth.settings()?, &req)))
}

/// State of the installation in figures.
#[utoipa::path(get, path = "/api/v1/admin/system", tag = "admin", responses((status = 200, body = SystemReport)))]
async fn system_report(_: Require<perm::SystemRead>, app: AppData) -> Result<web::Json<SystemReport>, ApiError> {
    Ok(web::Json(app.system_report()?))
}
