//! `eggmoney export`: the way back to an older program.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::transfer::ExportUser;
use crate::app::App;
use crate::importers::eggmoney::OldCopy;
use crate::storage::StoreError;

#[derive(Subcommand)]
pub(super) enum ExportCommand {
    /// Write an account as database and settings of the old EggMoney program
    Eggmoney(ExportEggmoney),
    /// Write everything of a user into one file that another installation imports
    User(ExportUser),
}

#[derive(Args)]
pub(super) struct ExportEggmoney {
    /// Folder that holds all data
    #[arg(long, value_name = "DIR", env = "EGGMONEY_DATA_DIR")]
    pub data_dir: PathBuf,
    /// User whose account it is
    #[arg(long, value_name = "NAME")]
    user: String,
    /// Name of the account
    #[arg(long, value_name = "NAME")]
    account: String,
    /// The database to write, egg_NAME.db; it must not exist yet
    #[arg(long, value_name = "FILE")]
    db: PathBuf,
    /// The settings to write, key_store.json; without secrets
    #[arg(long, value_name = "FILE")]
    key_store: PathBuf,
}

/// The command as it travels to a running server; paths are absolute.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EggmoneyExport {
    user: String,
    account: String,
    db: PathBuf,
    key_store: PathBuf,
}

impl ExportEggmoney {
    /// # Errors
    /// When a path cannot be made absolute.
    pub fn request(self) -> Result<EggmoneyExport, String> {
        let absolute = |path: PathBuf| std::path::absolute(&path).map_err(|e| format!("{}: {e}", path.display()));
        Ok(EggmoneyExport { user: self.user, account: self.account, db: absolute(self.db)?, key_store: absolute(self.key_store)? })
    }
}

/// Writes both files, or none.
///
/// # Errors
/// One line for the person who typed it.
pub async fn execute(app: &Arc<App>, export: EggmoneyExport) -> Result<Value, String> {
    let user = app.auth.find_user(&export.user).map_err(|e| e.to_string())?;
    let user = user.ok_or_else(|| format!("there is no user '{}'", export.user))?;
    let now = app.market.now();
    let copy = app.store.user(user.id).read(|v| {
        let account = v.accounts()?.into_iter().find(|a| a.name.eq_ignore_ascii_case(&export.account));
        account.map(|account| OldCopy::read(v, account.id, now)).transpose()
    });
    let copy = copy.map_err(|e: StoreError| e.to_string())?;
    let copy = copy.ok_or_else(|| format!("{} has no account '{}'", user.username, export.account))?;
    let written = tokio::task::spawn_blocking(move || copy.write_files(&export.db, &export.key_store).map(|()| copy));
    let copy = written.await.map_err(|e| e.to_string())?.map_err(|e| e.to_string())?;
    serde_json::to_value(copy.report()).map_err(|e| e.to_string())
}

/// The report for people.
pub fn sentence(report: &Value) -> String {
    let rows = |table: &str| report["rows"][table].as_u64().unwrap_or(0);
    let mut lines = vec![format!(
        "exported account '{}': {} bots, {} positions, {} history rows, {} orders in flight",
        report["account_name"].as_str().unwrap_or_default(),
        rows("bot_info"),
        rows("trade"),
        rows("history"),
        rows("order")
    )];
    for note in report["notes"].as_array().into_iter().flatten() {
        let text = |key: &str| note[key].as_str().unwrap_or_default();
        lines.push(format!("  note: {}: {}", text("subject"), text("detail")));
    }
    lines.join("\n")
}
