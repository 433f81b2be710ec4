//! `eggmoney export user` and `eggmoney import user`: everything of a user in one file, out and in.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::app::App;

#[derive(Args)]
pub(super) struct ExportUser {
    /// Folder that holds all data
    #[arg(long, value_name = "DIR", env = "EGGMONEY_DATA_DIR")]
    data_dir: PathBuf,
    /// Whose data
    #[arg(long, value_name = "NAME")]
    user: String,
    /// The file to write; it must not exist yet
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
}

#[derive(Args)]
pub(super) struct ImportUser {
    /// Folder that holds all data
    #[arg(long, value_name = "DIR", env = "EGGMONEY_DATA_DIR")]
    data_dir: PathBuf,
    /// User who gets the data
    #[arg(long, value_name = "NAME")]
    user: String,
    /// The file
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
}

/// The command as it travels to a running server; paths are absolute.
#[derive(Serialize, Deserialize)]
#[serde(tag = "direction", rename_all = "snake_case", deny_unknown_fields)]
pub enum TransferRequest {
    /// Writes everything of a user into one file.
    Out { user: String, to: PathBuf },
    /// Brings such a file into a user who has no accounts.
    In { user: String, file: PathBuf },
}

/// The server may run in another folder.
fn absolute(path: PathBuf) -> Result<PathBuf, String> {
    std::path::absolute(&path).map_err(|e| format!("{}: {e}", path.display()))
}

impl ExportUser {
    /// # Errors
    /// When a path cannot be made absolute.
    pub fn request(self) -> Result<(PathBuf, TransferRequest), String> {
        Ok((self.data_dir, TransferRequest::Out { user: self.user, to: absolute(self.to)? }))
    }
}

impl ImportUser {
    /// # Errors
    /// When a path cannot be made absolute.
    pub fn request(self) -> Result<(PathBuf, TransferRequest), String> {
        Ok((self.data_dir, TransferRequest::In { user: self.user, file: absolute(self.file)? }))
    }
}

/// Runs the command over an open installation.
///
/// # Errors
/// One line for the person who typed it.
pub async fn execute(app: &Arc<App>, request: TransferRequest) -> Result<Value, String> {
    let (TransferRequest::Out { user: name, .. } | TransferRequest::In { user: name, .. }) = &request;
    let user = app.auth.find_user(name).map_err(|e| e.to_string())?.ok_or_else(|| format!("there is no user '{name}'"))?;
    let done = match request {
        TransferRequest::Out { to, .. } => app.export_user_to(user.id, to).await.map(serde_json::to_value),
        TransferRequest::In { file, .. } => app.import_user(user.id, None, file).await.map(serde_json::to_value),
    };
    done.map_err(|e| e.to_string())?.map_err(|e| e.to_string())
}

/// The result for people.
pub fn sentence(done: &Value) -> String {
    match (done["accounts"].as_array(), done["username"].as_str()) {
        (Some(accounts), Some(from)) => {
            let names: Vec<&str> = accounts.iter().filter_map(Value::as_str).collect();
            format!("imported {} of {from}: all of them observe, and broker keys are to be entered", names.join(", "))
        }
        _ => format!("exported {} accounts, {} rows", done["accounts"], done["rows"]),
    }
}
