//! `eggmoney backup`, `restore` and `verify --backup`: everything of an installation in one file, out and in.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::control;
use crate::app::App;
use crate::app::clock::SystemClock;
use crate::app::system::disk_free;
use crate::auth::Passphrase;
use crate::backup::{self, BackupError, Opening};
use crate::domain::clock::Clock;

#[derive(Args)]
pub(super) struct BackupArgs {
    /// Folder that holds all data
    #[arg(long, value_name = "DIR", env = "EGGMONEY_DATA_DIR")]
    data_dir: PathBuf,
    /// The file to write; it must not exist yet. Without it the backup goes into the backup folder
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
}

/// With what a backup is opened; it comes on standard input, so that it is in no process list.
#[derive(Args)]
struct OpeningArgs {
    /// Read the recovery key, twelve words, from standard input
    #[arg(long, conflicts_with = "passphrase_stdin")]
    recovery_key_stdin: bool,
    /// Read the family passphrase from standard input; broker keys are then lost
    #[arg(long)]
    passphrase_stdin: bool,
}

#[derive(Args)]
pub(super) struct RestoreArgs {
    /// The backup, or a folder whose newest backup it is
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// Folder that gets the data; what is in it is kept aside
    #[arg(long, value_name = "DIR", env = "EGGMONEY_DATA_DIR")]
    data_dir: PathBuf,
    #[command(flatten)]
    opening: OpeningArgs,
}

#[derive(Args)]
pub(super) struct VerifyArgs {
    /// Folder that holds all data
    #[arg(long, value_name = "DIR", env = "EGGMONEY_DATA_DIR")]
    pub(super) data_dir: Option<PathBuf>,
    /// A backup to check instead: its checksum, and with a key everything in it
    #[arg(long, value_name = "FILE")]
    backup: Option<PathBuf>,
    #[command(flatten)]
    opening: OpeningArgs,
}

/// The command as it travels to a running server; paths are absolute.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupRequest {
    /// `None` = the backup folder.
    to: Option<PathBuf>,
}

impl BackupArgs {
    /// # Errors
    /// When a path cannot be made absolute.
    pub fn request(self) -> Result<(PathBuf, BackupRequest), String> {
        let absolute = |path: PathBuf| std::path::absolute(&path).map_err(|e| format!("{}: {e}", path.display()));
        Ok((self.data_dir, BackupRequest { to: self.to.map(absolute).transpose()? }))
    }
}

impl OpeningArgs {
    fn opening(&self, stdin: impl Fn() -> Result<String, String>) -> Result<Option<Opening>, String> {
        if self.recovery_key_stdin {
            let words = SecretString::from(stdin()?);
            return Opening::words(&words).map(Some).map_err(|e| e.to_string());
        }
        if self.passphrase_stdin {
            return Ok(Some(Opening::Passphrase(Passphrase::new(stdin()?.into()))));
        }
        Ok(None)
    }
}

/// Runs the command over an open installation.
///
/// # Errors
/// One line for the person who typed it.
pub async fn execute(app: &Arc<App>, request: BackupRequest) -> Result<Value, String> {
    let made = match request.to {
        Some(file) => app.back_up_to(file).await,
        None => app.back_up(None).await.map(|last| last.made),
    };
    serde_json::to_value(made.map_err(|e| e.to_string())?).map_err(|e| e.to_string())
}

/// The result for people.
pub fn sentence(made: &Value) -> String {
    format!(
        "backed up into {}: {} bytes, {} rows, read back and compared",
        made["name"].as_str().unwrap_or_default(),
        made["bytes"],
        made["contents"]["rows"]
    )
}

/// Restores a backup. No server may run over the folder.
///
/// # Errors
/// One line for the person who typed it.
pub(super) async fn restore(args: RestoreArgs, stdin: impl Fn() -> Result<String, String>) -> Result<Value, String> {
    let opening = args.opening.opening(stdin)?.ok_or_else(|| BackupError::KeyNeeded.to_string())?;
    if control::is_served(&args.data_dir).await {
        return Err(BackupError::InUse(args.data_dir).to_string());
    }
    let now = SystemClock.now();
    let done = tokio::task::spawn_blocking(move || backup::restore(&args.from, &args.data_dir, &opening, now, disk_free));
    let done = done.await.map_err(|e| e.to_string())?.map_err(|e| e.to_string())?;
    serde_json::to_value(&done).map_err(|e| e.to_string())
}

/// What a restore did, for people.
pub(super) fn restored(done: &Value) -> String {
    let mut text = format!(
        "restored the data of {}: {} rows. Start EggMoney: all sessions have ended, and nothing is traded until an administrator confirms \
         on the page Backup that the old installation is off",
        done["created_at"].as_str().unwrap_or_default(),
        done["contents"]["rows"]
    );
    if done["secrets"] == false {
        text.push_str(". Broker keys and second factors are lost: people enter them again");
    } else if done["without_key"] != 0 {
        text.push_str(&format!(
            ". The keys of {} users were not beside the backup: they enter their broker keys again",
            done["without_key"]
        ));
    }
    if let Some(aside) = done["aside"].as_str() {
        text.push_str(&format!(". The data of before are in {aside}"));
    }
    text
}

impl VerifyArgs {
    /// Checks a backup, if one is named.
    ///
    /// # Errors
    /// One line for the person who typed it.
    pub(super) async fn of_backup(&self, stdin: impl Fn() -> Result<String, String>) -> Result<Option<Value>, String> {
        let Some(file) = self.backup.clone() else { return Ok(None) };
        let opening = self.opening.opening(stdin)?;
        let checked = tokio::task::spawn_blocking(move || backup::verify(&file, opening.as_ref()));
        let checked = checked.await.map_err(|e| e.to_string())?.map_err(|e| e.to_string())?;
        serde_json::to_value(&checked).map(Some).map_err(|e| e.to_string())
    }
}

/// What was found of a backup, for people.
pub(super) fn checked(found: &Value) -> String {
    let of = format!(
        "the backup of {} (EggMoney {})",
        found["created_at"].as_str().unwrap_or_default(),
        found["version"].as_str().unwrap_or_default()
    );
    match (&found["contents"]["rows"], found["keys"] == true) {
        (Value::Null, _) => format!("{of} is whole; what is in it is compared with --recovery-key-stdin or --passphrase-stdin"),
        (rows, true) => format!("{of} is whole and opens: {rows} rows, and the master key"),
        (rows, false) => format!("{of} is whole and opens: {rows} rows, without the master key"),
    }
}
