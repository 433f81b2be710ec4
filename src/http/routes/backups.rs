//! Backups: how they fare, when they are made, their keys; and lifting the hold after a restore.

use actix_web::{HttpResponse, web};
use jiff::Timestamp;
use jiff::civil::Time;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::backups::{BackupRefusal, BackupReport};
use crate::backup::{BackupError, BackupSettings, Drill, Failure, LastBackup, Listed};
use crate::http::access::{AppData, Proved, Require, perm};
use crate::http::error::{ApiError, ErrorCode};
use crate::http::extract::Json;
use crate::http::route::{Route, route};
use crate::http::views::hold::HoldView;

pub fn routes() -> Vec<Route> {
    vec![
        route::<__path_get_backups, _, _>(get_backups),
        route::<__path_set_settings, _, _>(set_settings),
        route::<__path_back_up, _, _>(back_up),
        route::<__path_try_restore, _, _>(try_restore),
        route::<__path_show_recovery_key, _, _>(show_recovery_key),
        route::<__path_answer_words, _, _>(answer_words),
        route::<__path_set_passphrase, _, _>(set_passphrase),
        route::<__path_remove_passphrase, _, _>(remove_passphrase),
        route::<__path_release, _, _>(release),
    ]
}

/// When backups are made, and which are kept.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = BackupSettings)]
#[serde(deny_unknown_fields)]
struct SettingsView {
    /// Made by themselves, once a day.
    enabled: bool,
    /// Korean time of day, `18:30`; not from 22:00 to 06:30, when the US market trades.
    at: String,
    /// Days of which the newest backup is kept, 1 to 60.
    daily: u32,
    /// Weeks, 0 to 60.
    weekly: u32,
    /// Months, 0 to 60.
    monthly: u32,
    /// What the backup's volume keeps free, MiB.
    min_free_mib: u64,
}

/// What keeps backups from their folder.
#[derive(Serialize, ToSchema)]
struct FolderProblem {
    code: String,
    detail: String,
}

#[derive(Serialize, ToSchema)]
struct BackupFolder {
    path: String,
    free_bytes: Option<u64>,
    /// `null` = nothing is wrong.
    problem: Option<FolderProblem>,
}

/// How the recovery key is kept.
#[derive(Serialize, ToSchema)]
struct RecoveryKeyState {
    /// Tells one key from another; `null` before the first backup.
    id: Option<String>,
    /// When it was first shown; `null` = nobody can have written it down.
    shown_at: Option<Timestamp>,
    /// When two of its words were last given right.
    proved_at: Option<Timestamp>,
    /// Which two words are asked for now, from 1; `null` = none.
    #[schema(min_items = 2, max_items = 2)]
    asked: Option<Vec<u8>>,
    /// When they are asked for next.
    ask_at: Option<Timestamp>,
}

#[derive(Serialize, ToSchema)]
struct Backups {
    settings: SettingsView,
    /// `null` = none are made by themselves.
    next_at: Option<Timestamp>,
    /// A backup or a drill is under way.
    running: bool,
    last: Option<LastBackup>,
    /// What went wrong since then; `null` = nothing.
    failure: Option<Failure>,
    drill: Option<Drill>,
    folder: BackupFolder,
    /// Newest first.
    sets: Vec<Listed>,
    recovery_key: RecoveryKeyState,
    /// Since when a family passphrase opens the history; `null` = none does.
    passphrase_since: Option<Timestamp>,
    /// Grows with every restore.
    generation: u64,
    hold: Option<HoldView>,
}

impl From<BackupReport> for Backups {
    fn from(report: BackupReport) -> Self {
        let BackupSettings { enabled, at, daily, weekly, monthly, min_free_mib } = report.settings;
        let state = report.state;
        Self {
            settings: SettingsView { enabled, at: at.strftime("%H:%M").to_string(), daily, weekly, monthly, min_free_mib },
            next_at: report.next_at,
            running: report.running,
            last: state.last,
            failure: state.failure,
            drill: state.drill,
            folder: BackupFolder {
                path: report.folder.path.display().to_string(),
                free_bytes: report.folder.free_bytes,
                problem: report.folder.problem.map(|(code, detail)| FolderProblem { code, detail }),
            },
            sets: report.folder.sets,
            recovery_key: RecoveryKeyState {
                id: report.key_id,
                shown_at: state.key_shown_at,
                proved_at: state.key_proved_at,
                asked: state.asked.map(|(first, second)| vec![first, second]),
                ask_at: state.ask_at,
            },
            passphrase_since: state.passphrase_at,
            generation: report.installation.generation,
            hold: report.hold.map(HoldView::from),
        }
    }
}

/// The recovery key. Whoever has it and a backup has every broker key in it.
#[derive(Serialize, ToSchema)]
struct RecoveryKeyView {
    id: String,
    /// Twelve, in order.
    words: Vec<&'static str>,
    /// The words as a QR code, an SVG picture.
    qr_svg: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TwoWords {
    first: String,
    second: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct FamilyPassphrase {
    /// At least 12 characters.
    #[schema(value_type = String, min_length = 12)]
    passphrase: SecretString,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Release {
    /// The caller's word that no other installation trades these data.
    old_server_off: bool,
}

impl From<BackupError> for ApiError {
    fn from(error: BackupError) -> Self {
        let (code, text) = (error.code(), error.to_string());
        match error {
            BackupError::Store(error) => error.into(),
            BackupError::Vault(error) => error.into(),
            BackupError::Auth(error) => error.into(),
            BackupError::MasterKey(_) | BackupError::Rotation(_) => Self::internal(text),
            BackupError::NightTime => Self::refused(code, text).at("/at"),
            BackupError::OutOfRange { what, .. } => Self::invalid(format!("/{what}"), text),
            BackupError::PassphraseShort(_) => Self::refused(code, text).at("/passphrase"),
            BackupError::Full(_) => Self::new(ErrorCode::DiskFull, text),
            _ => Self::conflict(code, text),
        }
    }
}

impl From<BackupRefusal> for ApiError {
    fn from(error: BackupRefusal) -> Self {
        let text = error.to_string();
        match error {
            BackupRefusal::Backup(error) => error.into(),
            BackupRefusal::Trading(error) => error.into(),
            BackupRefusal::WrongWords => Self::refused("wrong_words", text),
            BackupRefusal::NotAsked => Self::conflict("words_not_asked", text),
        }
    }
}

async fn report(app: &AppData) -> Result<Backups, ApiError> {
    // The headers of all backups are read.
    let app = app.clone();
    let report = web::block(move || app.backup_report()).await.map_err(ApiError::internal)?;
    Ok(report?.into())
}

/// How backups fare.
#[utoipa::path(get, path = "/api/v1/admin/backup", tag = "admin", responses((status = 200, body = Backups)))]
async fn get_backups(_: Require<perm::SettingsManage>, app: AppData) -> Result<web::Json<Backups>, ApiError> {
    Ok(web::Json(report(&app).await?))
}

/// Says when backups are made and which are kept.
#[utoipa::path(put, path = "/api/v1/admin/backup/settings", tag = "admin", request_body = SettingsView, responses((status = 200, body = Backups)))]
async fn set_settings(who: Proved<perm::SettingsManage>, app: AppData, body: Json<SettingsView>) -> Result<web::Json<Backups>, ApiError> {
    let SettingsView { enabled, at, daily, weekly, monthly, min_free_mib } = body.0;
    let at = Time::strptime("%H:%M", at.trim()).map_err(|_| ApiError::invalid("/at", "at is no time of day: write it as 18:30"))?;
    let settings = BackupSettings { enabled, at, daily, weekly, monthly, min_free_mib };
    app.set_backup_settings(Some(who.user_id), settings).await?;
    Ok(web::Json(report(&app).await?))
}

/// Begins a backup now. What comes of it is in the report.
#[utoipa::path(post, path = "/api/v1/admin/backup/run", tag = "admin", responses((status = 200, body = Backups)))]
async fn back_up(who: Require<perm::SettingsManage>, app: AppData) -> Result<web::Json<Backups>, ApiError> {
    let running = app.begin_backup()?;
    let (working, by) = (app.clone().into_inner(), Some(who.user_id));
    // It goes on when the caller hangs up; what fails is noted in the report.
    tokio::spawn(async move {
        if let Err(error) = working.back_up_alone(running, by).await {
            tracing::warn!(%error, "the backup failed");
        }
    });
    Ok(web::Json(report(&app).await?))
}

/// Begins a restore drill with the newest backup now. What comes of it is in the report.
#[utoipa::path(post, path = "/api/v1/admin/backup/drill", tag = "admin", responses((status = 200, body = Backups)))]
async fn try_restore(who: Require<perm::SettingsManage>, app: AppData) -> Result<web::Json<Backups>, ApiError> {
    let running = app.begin_backup()?;
    let (working, by) = (app.clone().into_inner(), Some(who.user_id));
    tokio::spawn(async move {
        if let Err(error) = working.drill_alone(running, by).await {
            tracing::warn!(%error, "the restore drill failed");
        }
    });
    Ok(web::Json(report(&app).await?))
}

/// Shows the recovery key, to be written down; it is made when there is none.
#[utoipa::path(post, path = "/api/v1/admin/backup/recovery-key", tag = "admin", responses((status = 200, body = RecoveryKeyView)))]
async fn show_recovery_key(who: Proved<perm::SettingsManage>, app: AppData) -> Result<web::Json<RecoveryKeyView>, ApiError> {
    let key = app.show_recovery_key(Some(who.user_id)).await?;
    let qr_svg = key.qr_svg().ok_or_else(|| ApiError::internal("no QR code can be drawn"))?;
    Ok(web::Json(RecoveryKeyView { id: key.id(), words: key.words(), qr_svg: qr_svg.expose_secret().to_owned() }))
}

/// Gives the two words that are asked for, as a sign that the recovery key is still at hand.
#[utoipa::path(post, path = "/api/v1/admin/backup/recovery-key/words", tag = "admin", request_body = TwoWords, responses((status = 204)))]
async fn answer_words(who: Require<perm::SettingsManage>, app: AppData, body: Json<TwoWords>) -> Result<HttpResponse, ApiError> {
    app.answer_words(Some(who.user_id), [body.0.first, body.0.second]).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Sets the family passphrase, which opens everything but secrets in backups from now on.
#[utoipa::path(put, path = "/api/v1/admin/backup/passphrase", tag = "admin", request_body = FamilyPassphrase, responses((status = 204)))]
async fn set_passphrase(who: Proved<perm::SettingsManage>, app: AppData, body: Json<FamilyPassphrase>) -> Result<HttpResponse, ApiError> {
    app.set_backup_passphrase(Some(who.user_id), Some(body.0.passphrase)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Removes the family passphrase from backups to come.
#[utoipa::path(delete, path = "/api/v1/admin/backup/passphrase", tag = "admin", responses((status = 204)))]
async fn remove_passphrase(who: Proved<perm::SettingsManage>, app: AppData) -> Result<HttpResponse, ApiError> {
    app.set_backup_passphrase(Some(who.user_id), None).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Lifts the hold after a restore, or takes over again where the data were restored elsewhere.
#[utoipa::path(post, path = "/api/v1/admin/backup/release", tag = "admin", request_body = Release, responses((status = 204)))]
async fn release(who: Proved<perm::SettingsManage>, app: AppData, body: Json<Release>) -> Result<HttpResponse, ApiError> {
    if !body.0.old_server_off {
        return Err(ApiError::refused("old_server_on", "switch the other installation off first: two would trade the same accounts")
            .at("/old_server_off"));
    }
    app.release(who.user_id, &who.username).await?;
    Ok(HttpResponse::NoContent().finish())
}
