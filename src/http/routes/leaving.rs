//! Leaving: a user's data as one file, its import elsewhere, and the end of a user here.

use std::io::Write;

use actix_multipart::Multipart;
use actix_web::http::header::{ContentDisposition, DispositionParam, DispositionType, HeaderValue};
use actix_web::{HttpResponse, web};
use futures_util::StreamExt;
use jiff::tz::TimeZone;
use serde::Deserialize;
use tokio::io::AsyncReadExt;
use utoipa::ToSchema;

use crate::app::leaving::{EraseError, Remaining};
use crate::domain::id::UserId;
use crate::http::access::{AppData, Proved, Require, perm};
use crate::http::error::{ApiError, ErrorCode};
use crate::http::extract::{Json, List};
use crate::http::route::{Route, route};
use crate::importers::staging::Staging;
use crate::importers::transfer::{TransferError, TransferReport};

pub fn routes() -> Vec<Route> {
    vec![
        route::<__path_list_remaining, _, _>(list_remaining),
        route::<__path_export_user, _, _>(export_user),
        route::<__path_import_user, _, _>(import_user),
        route::<__path_erase_self, _, _>(erase_self),
        route::<__path_erase_user, _, _>(erase_user),
    ]
}

/// Largest export that is taken.
const LARGEST: usize = 256 << 20;
/// A piece of a download.
const PIECE: usize = 64 << 10;

/// The end of a user.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Erasure {
    /// The user's name, typed once more.
    username: String,
    /// Go although orders are open at a broker. Nobody here follows them any more.
    #[serde(default)]
    leave_orders: bool,
}

pub(super) fn refusal(error: TransferError) -> ApiError {
    let (code, text) = (error.code(), error.to_string());
    match error {
        TransferError::Store(error) => error.into(),
        TransferError::Io(error) => ApiError::files(error),
        TransferError::TooLarge(..) | TransferError::TooManyRows(_) => ApiError::new(ErrorCode::TooLarge, text).with_code(code).at("/file"),
        TransferError::TooOften { retry_after, .. } => {
            ApiError::new(ErrorCode::TooManyRequests, text).with_code(code).retry_after(retry_after)
        }
        TransferError::NotEmpty(_) | TransferError::AlreadyHere | TransferError::Running(_) => ApiError::conflict(code, text),
        _ => ApiError::refused(code, text).at("/file"),
    }
}

fn kept(error: EraseError) -> ApiError {
    let text = error.to_string();
    match error {
        EraseError::StillActive => ApiError::conflict("deactivate_first", text),
        EraseError::OrdersOpen(_) => ApiError::conflict("orders_open", text),
        EraseError::Auth(error) => error.into(),
    }
}

/// What the caller has here: accounts, open orders, positions.
#[utoipa::path(get, path = "/api/v1/users/remaining", tag = "users", responses((status = 200, body = List<Remaining>)))]
async fn list_remaining(who: Require<perm::ProfileManage>, app: AppData) -> Result<web::Json<List<Remaining>>, ApiError> {
    Ok(web::Json(List::whole(app.remaining(who.user_id)?)))
}

/// Everything of the caller as one zip archive: tables, and the form that another installation imports. No
/// secret is in it.
#[utoipa::path(get, path = "/api/v1/users/export", tag = "users", responses((status = 200, content_type = "application/zip", description = "eggmoney-NAME-DATE.zip")))]
async fn export_user(who: Proved<perm::ProfileManage>, app: AppData) -> Result<HttpResponse, ApiError> {
    let app = app.into_inner();
    let (file, running) = app.export_user(who.user_id, Some(who.user_id)).await.map_err(refusal)?;
    let date = app.wall.now().to_zoned(TimeZone::UTC).date();
    let name: String = who.username.chars().filter(|c| c.is_ascii_alphanumeric() || "._-".contains(*c)).collect();
    let parameters = vec![DispositionParam::Filename(format!("eggmoney-{name}-{date}.zip"))];
    let pieces = futures_util::stream::try_unfold((tokio::fs::File::from_std(file), running), |(mut file, running)| async move {
        let mut piece = vec![0; PIECE];
        let read = file.read(&mut piece).await?;
        piece.truncate(read);
        Ok::<_, std::io::Error>((read > 0).then(|| (web::Bytes::from(piece), (file, running))))
    });
    Ok(HttpResponse::Ok()
        .content_type("application/zip")
        .insert_header(ContentDisposition { disposition: DispositionType::Attachment, parameters })
        // It is packed already.
        .insert_header(("content-encoding", HeaderValue::from_static("identity")))
        .streaming(pieces))
}

/// The form of an import, as it is described.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "read part by part")]
struct ExportForm {
    /// What `GET /api/v1/users/export` gave.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
}

/// Imports the export of a user into the caller, who must have no accounts yet: the file field `file`. All
/// accounts only observe afterwards, and broker keys are entered again.
#[utoipa::path(
    post, path = "/api/v1/imports/user", tag = "imports",
    request_body(content = ExportForm, content_type = "multipart/form-data"),
    responses((status = 201, body = TransferReport))
)]
async fn import_user(who: Proved<perm::ImportsRun>, app: AppData, form: Multipart) -> Result<HttpResponse, ApiError> {
    let app = app.into_inner();
    let _upload = app.begin_upload(who.user_id, LARGEST as u64).map_err(refusal)?;
    // The folder goes with the draft when it is dropped.
    let draft = Staging::new(&app.config.data_dir).draft(who.user_id, app.wall.now()).map_err(ApiError::files)?;
    receive(form, draft.file("export.zip").map_err(ApiError::files)?).await?;
    app.transfers.count_import(who.user_id, app.wall.now()).map_err(refusal)?;
    let file = draft.folder().join("export.zip");
    let report = app.import_user(who.user_id, Some(who.user_id), file).await.map_err(refusal)?;
    Ok(HttpResponse::Created().json(report))
}

async fn receive(mut form: Multipart, mut file: std::fs::File) -> Result<(), ApiError> {
    let malformed = |e| ApiError::new(ErrorCode::Malformed, format!("the upload cannot be read: {e}. Send multipart/form-data"));
    let mut arrived = None;
    while let Some(part) = form.next().await {
        let mut part = part.map_err(malformed)?;
        match part.name().unwrap_or_default() {
            "file" if arrived.is_none() => {}
            "file" => return Err(ApiError::invalid("/file", "this file was sent twice")),
            other => {
                let pointer = format!("/{other}");
                return Err(ApiError::new(ErrorCode::UnknownField, format!("the form has no field '{other}'")).at(pointer));
            }
        }
        let mut bytes = 0;
        while let Some(chunk) = part.next().await {
            let chunk = chunk.map_err(malformed)?;
            bytes += chunk.len();
            if bytes > LARGEST {
                return Err(ApiError::new(ErrorCode::TooLarge, format!("the file is larger than {} MiB", LARGEST >> 20)).at("/file"));
            }
            // Rare, and a write of one chunk to a local file does not hold others up.
            file.write_all(&chunk).map_err(ApiError::files)?;
        }
        arrived = Some(bytes);
    }
    match arrived {
        Some(bytes) if bytes > 0 => Ok(()),
        _ => Err(ApiError::new(ErrorCode::MissingField, "the export is missing: send it as the file field 'file'").at("/file")),
    }
}

fn confirmed(typed: &str, username: &str) -> Result<(), ApiError> {
    if typed.trim() == username {
        return Ok(());
    }
    Err(ApiError::invalid("/username", "type the user's name exactly as it is, to confirm"))
}

/// Erases the caller for good: accounts are stopped, then every row goes, and the key without which no backup
/// gives away what was sealed.
#[utoipa::path(post, path = "/api/v1/users/erase", tag = "users", request_body = Erasure, responses((status = 204)))]
async fn erase_self(who: Proved<perm::ProfileManage>, app: AppData, body: Json<Erasure>) -> Result<HttpResponse, ApiError> {
    confirmed(&body.0.username, &who.username)?;
    app.erase_user(Some(who.user_id), who.user_id, body.0.leave_orders).await.map_err(kept)?;
    Ok(HttpResponse::NoContent().finish())
}

/// Erases a user who was deactivated before.
#[utoipa::path(post, path = "/api/v1/admin/users/{id}/erase", tag = "admin", params(("id" = uuid::Uuid, Path)), request_body = Erasure,
    responses((status = 204)))]
async fn erase_user(
    who: Proved<perm::UsersManage>,
    app: AppData,
    id: web::Path<UserId>,
    body: Json<Erasure>,
) -> Result<HttpResponse, ApiError> {
    let user = app.auth.user(*id)?.ok_or_else(|| ApiError::not_found("user"))?;
    confirmed(&body.0.username, &user.username)?;
    if *id == who.user_id {
        return Err(ApiError::conflict("erase_yourself", "erase yourself on your own page"));
    }
    app.erase_user(Some(who.user_id), *id, body.0.leave_orders).await.map_err(kept)?;
    Ok(HttpResponse::NoContent().finish())
}
