//! Imports of old accounts: upload with a rehearsal, confirmation, and the questions that remain.

use std::io::Write;
use std::sync::Arc;

use actix_multipart::Multipart;
use actix_web::{HttpResponse, web};
use futures_util::StreamExt;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::id::{AccountId, ImportId};
use crate::http::access::{AppData, Require, perm};
use crate::http::error::{ApiError, ErrorCode, FieldError};
use crate::http::extract::Json;
use crate::http::route::{Route, route};
use crate::http::routes::leaving;
use crate::http::views::account::AccountView;
use crate::importers::eggmoney::{
    self as egg, Action, Answer, ImportError, ImportRequest, MAX_FILE_BYTES, OldFiles, QuestionKind, Report, SettleError,
};
use crate::importers::staging::{Draft, Staged, Staging};

pub fn routes() -> Vec<Route> {
    vec![
        route::<__path_upload_eggmoney, _, _>(upload_eggmoney),
        route::<__path_confirm_import, _, _>(confirm_import),
        route::<__path_cancel_import, _, _>(cancel_import),
        route::<__path_list_unsettled, _, _>(list_unsettled),
        route::<__path_settle, _, _>(settle),
    ]
}

/// Longest text field of an upload.
const LONGEST_TEXT: usize = 1024;
const DATABASE: &str = "db";
const KEY_STORE: &str = "key_store.json";
const ENV: &str = ".env";

/// What is kept beside the files of an upload.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Upload {
    db_name: Option<String>,
    key_store: bool,
    env: bool,
    account_name: Option<String>,
    bot_sync: Option<bool>,
}

/// The form of an upload, as it is described.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "read part by part")]
struct OldFilesForm {
    /// The old server's SQLite database.
    #[schema(value_type = String, format = Binary)]
    db: Vec<u8>,
    /// Its `key_store.json`.
    #[serde(default)]
    #[schema(value_type = String, format = Binary)]
    key_store: Vec<u8>,
    /// Its `.env`.
    #[serde(default)]
    #[schema(value_type = String, format = Binary)]
    env: Vec<u8>,
    #[serde(default)]
    account_name: String,
    #[serde(default)]
    bot_sync: bool,
}

/// An upload that waits for confirmation.
#[derive(Serialize, ToSchema)]
struct StagedImport {
    #[schema(value_type = uuid::Uuid)]
    id: ImportId,
    /// What would be imported; counts and sums are JSON numbers.
    report: Report,
    account_name: String,
    /// Until then it can be confirmed.
    expires_at: Timestamp,
}

/// How an upload is to be imported.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Confirmation {
    /// Another name than the proposed one.
    #[serde(default)]
    account_name: Option<String>,
    /// Import the readable rows although some are refused.
    #[serde(default)]
    skip_refused: bool,
    /// Book the fills of sheets in flight.
    #[serde(default)]
    book_fills: bool,
    /// Times that were frozen by the old program follow the market's close again.
    #[serde(default = "yes")]
    session_relative: bool,
}

fn yes() -> bool {
    true
}

/// A finished import.
#[derive(Serialize, ToSchema)]
struct FinishedImport {
    #[schema(value_type = uuid::Uuid)]
    account_id: AccountId,
    report: Report,
}

/// An answer to an import's question.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SettleRequest {
    /// `unbooked_fills` or `duplicate_holdings`
    #[serde(rename = "type")]
    kind: QuestionKind,
    /// The bot's name.
    name: String,
    /// `book` or `discard` fills, `merge` positions
    action: Action,
}

#[derive(Serialize, ToSchema)]
struct Questions {
    items: Vec<egg::Question>,
}

/// Uploads the files of an old server and rehearses the import: fields `db`, `key_store`, `env`
/// (files), `account_name`, `bot_sync` (text).
#[utoipa::path(
    post, path = "/api/v1/imports/eggmoney", tag = "imports",
    request_body(content = OldFilesForm, content_type = "multipart/form-data"),
    responses((status = 201, body = StagedImport))
)]
async fn upload_eggmoney(who: Require<perm::ImportsRun>, app: AppData, form: Multipart) -> Result<HttpResponse, ApiError> {
    let _upload = app.begin_upload(who.user_id, MAX_FILE_BYTES).map_err(leaving::refusal)?;
    let staging = Staging::new(&app.config.data_dir);
    let draft = staging.draft(who.user_id, app.wall.now()).map_err(ApiError::files)?;
    let upload = receive(form, &draft).await?;
    let staged = draft.keep(who.user_id, upload).map_err(ApiError::files)?;
    let (id, expires_at) = (staged.id, staged.expires_at);
    let request = request(&who, &app, &staged.description);
    let rehearsed = rehearse(&app, files(&staged), request).await;
    match rehearsed {
        Ok((report, account_name)) => Ok(HttpResponse::Created().json(StagedImport { id, report, account_name, expires_at })),
        Err(error) => {
            // Nobody can confirm it, so its secrets need not wait.
            staging.remove(id).map_err(ApiError::files)?;
            Err(error)
        }
    }
}

async fn rehearse(app: &AppData, files: OldFiles, request: ImportRequest) -> Result<(Report, String), ApiError> {
    let (store, vault) = (app.store.clone(), app.vault.clone());
    blocking(move || {
        let old = Arc::new(egg::read(&files)?);
        let report = egg::dry_run(&store, &vault, &old, &request)?;
        let name = report.account_name.clone().unwrap_or_default();
        Ok((report, name))
    })
    .await
}

/// Imports an upload; one with a settings file, which may hold a broker key, after a step-up.
#[utoipa::path(
    post, path = "/api/v1/imports/{id}/confirm", tag = "imports", params(("id" = uuid::Uuid, Path)),
    request_body = Confirmation, responses((status = 201, body = FinishedImport))
)]
async fn confirm_import(
    who: Require<perm::ImportsRun>,
    app: AppData,
    id: web::Path<ImportId>,
    body: Json<Confirmation>,
) -> Result<HttpResponse, ApiError> {
    let staging = Staging::new(&app.config.data_dir);
    let staged = open(&staging, &who, &app, *id)?;
    if staged.description.env {
        // It may bring a broker key along.
        app.auth.require_proof(&who)?;
    }
    let choice = body.0;
    let request = ImportRequest {
        account_name: choice.account_name.or_else(|| staged.description.account_name.clone()),
        session_relative: choice.session_relative,
        skip_refused: choice.skip_refused,
        book_fills: choice.book_fills,
        ..request(&who, &app, &staged.description)
    };
    let (store, vault, files) = (app.store.clone(), app.vault.clone(), files(&staged));
    let imported = blocking(move || egg::run(&store, &vault, &Arc::new(egg::read(&files)?), &request)).await?;
    staging.remove(*id).map_err(ApiError::files)?;
    Ok(HttpResponse::Created().json(FinishedImport { account_id: imported.account_id, report: imported.report }))
}

/// Forgets an upload.
#[utoipa::path(delete, path = "/api/v1/imports/{id}", tag = "imports", params(("id" = uuid::Uuid, Path)), responses((status = 204)))]
async fn cancel_import(who: Require<perm::ImportsRun>, app: AppData, id: web::Path<ImportId>) -> Result<HttpResponse, ApiError> {
    let staging = Staging::new(&app.config.data_dir);
    open(&staging, &who, &app, *id)?;
    staging.remove(*id).map_err(ApiError::files)?;
    Ok(HttpResponse::NoContent().finish())
}

/// The questions that an import left open.
#[utoipa::path(get, path = "/api/v1/trading/accounts/{id}/unsettled", tag = "imports", params(("id" = uuid::Uuid, Path)), responses((status = 200, body = Questions)))]
async fn list_unsettled(
    who: Require<perm::AccountsRead>,
    app: AppData,
    id: web::Path<AccountId>,
) -> Result<web::Json<Questions>, ApiError> {
    let items = app.store.user(who.user_id).read(|view| egg::questions(view, *id))?;
    Ok(web::Json(Questions { items }))
}

/// Answers a question that an import left open.
#[utoipa::path(
    post, path = "/api/v1/trading/accounts/{id}/settle", tag = "imports", params(("id" = uuid::Uuid, Path)),
    request_body = SettleRequest, responses((status = 200, body = AccountView))
)]
async fn settle(
    who: Require<perm::LedgerCorrect>,
    app: AppData,
    id: web::Path<AccountId>,
    body: Json<SettleRequest>,
) -> Result<web::Json<AccountView>, ApiError> {
    let answer = Answer { kind: body.0.kind, name: body.0.name, action: body.0.action };
    let (user, account, now) = (who.user_id, *id, app.market.now());
    let settled = app.store.user(user).write(move |tx| egg::settle(tx, account, &answer, user, now)).await;
    let account = settled.map_err(|error| match error {
        SettleError::Store(error) => error.into(),
        other => ApiError::refused(other.code(), other.to_string()),
    })?;
    Ok(web::Json(AccountView::new(&app, user, &account)?))
}

fn open(staging: &Staging, who: &Require<perm::ImportsRun>, app: &AppData, id: ImportId) -> Result<Staged<Upload>, ApiError> {
    let now = app.wall.now();
    staging.sweep(now).map_err(ApiError::files)?;
    staging.open(who.user_id, id, now).ok_or_else(|| ApiError::not_found("this upload, or its hour is over: upload the files again; it"))
}

fn request(who: &Require<perm::ImportsRun>, app: &AppData, upload: &Upload) -> ImportRequest {
    ImportRequest {
        user: who.user_id,
        by: Some(who.user_id),
        account_name: upload.account_name.clone(),
        bot_sync: upload.bot_sync,
        session_relative: true,
        skip_refused: false,
        book_fills: false,
        at: app.market.now(),
    }
}

fn files(staged: &Staged<Upload>) -> OldFiles {
    let upload = &staged.description;
    OldFiles {
        db: staged.folder.join(DATABASE),
        db_name: upload.db_name.clone(),
        key_store: upload.key_store.then(|| staged.folder.join(KEY_STORE)),
        env: upload.env.then(|| staged.folder.join(ENV)),
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, ImportError> + Send + 'static) -> Result<T, ApiError> {
    web::block(work).await.map_err(ApiError::internal)?.map_err(refusal)
}

/// Receives the parts of an upload into its folder.
async fn receive(mut form: Multipart, draft: &Draft) -> Result<Upload, ApiError> {
    let mut upload = Upload::default();
    let mut left = MAX_FILE_BYTES;
    let mut has_db = false;
    while let Some(part) = form.next().await {
        let mut part = part.map_err(malformed)?;
        let name = part.name().unwrap_or_default().to_owned();
        let file_name = part.content_disposition().and_then(|d| d.get_filename()).map(base_name);
        let target = match name.as_str() {
            "db" => {
                (has_db, upload.db_name) = (true, file_name.filter(|n| !n.is_empty()));
                Some(DATABASE)
            }
            "key_store" => Some(KEY_STORE),
            "env" => Some(ENV),
            "account_name" | "bot_sync" => None,
            other => return Err(ApiError::new(ErrorCode::UnknownField, format!("the form has no field '{other}'")).at(format!("/{other}"))),
        };
        let mut text = Vec::new();
        let mut file = target.map(|t| draft.file(t)).transpose().map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => ApiError::invalid(format!("/{name}"), "this file was sent twice"),
            _ => ApiError::files(error),
        })?;
        let mut empty = true;
        while let Some(chunk) = part.next().await {
            let chunk = chunk.map_err(malformed)?;
            empty &= chunk.is_empty();
            left = left.checked_sub(chunk.len() as u64).ok_or_else(|| {
                ApiError::new(ErrorCode::TooLarge, format!("the files are larger than {} MiB together", MAX_FILE_BYTES >> 20))
            })?;
            match &mut file {
                // Uploads are rare and small; a write of one chunk to a local file does not hold others up.
                Some(file) => file.write_all(&chunk).map_err(ApiError::files)?,
                None if text.len() + chunk.len() <= LONGEST_TEXT => text.extend_from_slice(&chunk),
                None => return Err(ApiError::invalid(format!("/{name}"), "this text is too long")),
            }
        }
        match name.as_str() {
            // A form sends a file field without a file as an empty part.
            "key_store" => upload.key_store = !empty,
            "env" => upload.env = !empty,
            "account_name" => upload.account_name = Some(words(text)?).filter(|t| !t.is_empty()),
            "bot_sync" => {
                upload.bot_sync = match words(text)?.as_str() {
                    "" => None,
                    "true" | "1" => Some(true),
                    "false" | "0" => Some(false),
                    _ => return Err(ApiError::invalid("/bot_sync", "bot_sync is true or false")),
                }
            }
            _ => {}
        }
    }
    if has_db {
        Ok(upload)
    } else {
        Err(ApiError::new(ErrorCode::MissingField, "the database is missing: send it as the file field 'db'").at("/db"))
    }
}

fn words(text: Vec<u8>) -> Result<String, ApiError> {
    let text = String::from_utf8(text).map_err(|_| ApiError::new(ErrorCode::Malformed, "a text field is not UTF-8"))?;
    Ok(text.trim().to_owned())
}

/// The last part of a path, whichever system wrote it; it is shown and compared, never opened.
fn base_name(path: &str) -> String {
    let name = path.rsplit(['/', '\\']).next().unwrap_or_default();
    name.chars().filter(|c| !c.is_control()).take(120).collect()
}

fn malformed(error: actix_multipart::MultipartError) -> ApiError {
    ApiError::new(ErrorCode::Malformed, format!("the upload cannot be read: {error}. Send multipart/form-data"))
}

/// A refused import as an answer; what cannot be read is listed.
fn refusal(error: ImportError) -> ApiError {
    let (code, text) = (error.code(), error.to_string());
    match error {
        ImportError::Store(error) => error.into(),
        ImportError::Vault(error) => error.into(),
        ImportError::AppKeyTaken => ApiError::new(ErrorCode::AppKeyTaken, text).at("/env"),
        ImportError::AccountActive(_) | ImportError::AccountExists(_) | ImportError::AccountDiffers(_) => {
            ApiError::conflict(code, text).at("/account_name")
        }
        ImportError::NoAccountName | ImportError::BadAccountName(_) => ApiError::refused(code, text).at("/account_name"),
        ImportError::TooLarge(_) => ApiError::new(ErrorCode::TooLarge, text),
        ImportError::Disagrees(_) => ApiError::internal(text),
        ImportError::Refused(report) => {
            let errors =
                report.refused.iter().map(|fault| FieldError::new(format!("/{}/{}", fault.table, fault.row), code, fault.reason.clone()));
            let detail = format!("{} of the old rows cannot be read; confirm with skip_refused to import the rest", report.refused.len());
            ApiError::refused(code, detail).with_errors(errors.collect())
        }
        ImportError::Settings { file, .. } => ApiError::refused(code, text).at(if file == ENV { "/env" } else { "/key_store" }),
        ImportError::Database(_) => ApiError::refused(code, text).at("/db"),
    }
}
