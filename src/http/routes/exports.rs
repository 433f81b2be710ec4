//! The way back to the old program: an account as its database and settings.

use actix_web::http::header::{ContentDisposition, DispositionParam, DispositionType};
use actix_web::{HttpResponse, web};

use crate::auth::Identity;
use crate::domain::id::AccountId;
use crate::http::access::{AppData, Proved, Require, perm};
use crate::http::error::ApiError;
use crate::http::route::{Route, route};
use crate::importers::eggmoney::{ExportError, ExportReport, OldCopy};

pub fn routes() -> Vec<Route> {
    vec![
        route::<__path_describe_export, _, _>(describe_export),
        route::<__path_export_database, _, _>(export_database),
        route::<__path_export_settings, _, _>(export_settings),
    ]
}

fn copy(who: &Identity, app: &AppData, id: AccountId) -> Result<OldCopy, ApiError> {
    Ok(app.store.user(who.user_id).read(|v| OldCopy::read(v, id, app.market.now()))?)
}

/// A download whose name no header can be broken with.
fn download(name: &str, content_type: &str, body: Vec<u8>) -> HttpResponse {
    let safe: String = name.chars().map(|c| if c.is_ascii_alphanumeric() || ".-_".contains(c) { c } else { '_' }).collect();
    let disposition = ContentDisposition { disposition: DispositionType::Attachment, parameters: vec![DispositionParam::Filename(safe)] };
    HttpResponse::Ok().content_type(content_type).insert_header(disposition).body(body)
}

/// What an export for the old EggMoney program would hold, and what it leaves out.
#[utoipa::path(get, path = "/api/v1/trading/accounts/{id}/export/eggmoney", tag = "imports", params(("id" = uuid::Uuid, Path)), responses((status = 200, body = ExportReport)))]
async fn describe_export(
    who: Require<perm::AccountsRead>,
    app: AppData,
    id: web::Path<AccountId>,
) -> Result<web::Json<ExportReport>, ApiError> {
    Ok(web::Json(copy(&who, &app, *id)?.report().clone()))
}

/// The account as the old EggMoney program's database.
#[utoipa::path(get, path = "/api/v1/trading/accounts/{id}/export/eggmoney/database", tag = "imports", params(("id" = uuid::Uuid, Path)), responses((status = 200, content_type = "application/vnd.sqlite3", description = "egg_NAME.db")))]
async fn export_database(who: Proved<perm::AccountsRead>, app: AppData, id: web::Path<AccountId>) -> Result<HttpResponse, ApiError> {
    let copy = copy(&who, &app, *id)?;
    let name = format!("egg_{}.db", copy.report().account_name);
    let made = web::block(move || copy.database()).await.map_err(ApiError::internal)?;
    let bytes = made.map_err(|error| match error {
        ExportError::Store(error) => error.into(),
        other => ApiError::internal(other),
    })?;
    Ok(download(&name, "application/vnd.sqlite3", bytes))
}

/// The account's settings as the old EggMoney program's `key_store.json`, without secrets.
#[utoipa::path(get, path = "/api/v1/trading/accounts/{id}/export/eggmoney/settings", tag = "imports", params(("id" = uuid::Uuid, Path)), responses((status = 200, content_type = "application/json", description = "key_store.json")))]
async fn export_settings(who: Proved<perm::AccountsRead>, app: AppData, id: web::Path<AccountId>) -> Result<HttpResponse, ApiError> {
    let content = copy(&who, &app, *id)?.key_store_json();
    Ok(download("key_store.json", "application/json", content.into_bytes()))
}
