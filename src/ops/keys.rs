//! `eggmoney keys`: new keys for stored secrets, while the server runs or while it does not.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::app::App;
use crate::auth::{MasterKey, Passphrase};

#[derive(Subcommand)]
pub(super) enum KeysCommand {
    /// Put everything under a new master key; works while the server runs
    RotateMaster(RotateMaster),
    /// Seal the secrets of one user, or of everybody, under a new data key; works while the server runs
    RotateUser(RotateUser),
}

#[derive(Args)]
pub(super) struct RotateMaster {
    /// Folder that holds all data
    #[arg(long, value_name = "DIR", env = "EGGMONEY_DATA_DIR")]
    data_dir: PathBuf,
    /// Make the key from a passphrase that is read from standard input; each start needs it in
    /// EGGMONEY_MASTER_PASSPHRASE or in the file that EGGMONEY_MASTER_PASSPHRASE_FILE names
    #[arg(long, conflicts_with = "to_file")]
    passphrase_stdin: bool,
    /// Keep a random key in the data folder again, after one from a passphrase
    #[arg(long)]
    to_file: bool,
}

#[derive(Args)]
pub(super) struct RotateUser {
    /// Folder that holds all data
    #[arg(long, value_name = "DIR", env = "EGGMONEY_DATA_DIR")]
    data_dir: PathBuf,
    /// Only this user; everybody when absent
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
}

/// The command as it travels to a running server.
#[derive(Serialize, Deserialize)]
#[serde(tag = "keys", rename_all = "snake_case", deny_unknown_fields)]
pub enum KeysRequest {
    /// Replaces the master key: by one from this passphrase, or by a random one in its file.
    Master { passphrase: Option<String>, to_file: bool },
    /// Seals everything of a user, or of everybody, under a new data key.
    Users { user: Option<String> },
}

impl KeysCommand {
    /// # Errors
    /// When no passphrase comes.
    pub fn request(self, stdin: impl Fn() -> Result<String, String>) -> Result<(PathBuf, KeysRequest), String> {
        match self {
            KeysCommand::RotateMaster(args) => {
                let passphrase = args.passphrase_stdin.then(stdin).transpose()?;
                Ok((args.data_dir, KeysRequest::Master { passphrase, to_file: args.to_file }))
            }
            KeysCommand::RotateUser(args) => Ok((args.data_dir, KeysRequest::Users { user: args.user })),
        }
    }
}

/// Runs the command over an open installation.
///
/// # Errors
/// One line for the person who typed it.
pub async fn execute(app: &Arc<App>, request: KeysRequest) -> Result<Value, String> {
    match request {
        KeysRequest::Master { passphrase, to_file } => {
            let dir = &app.config.data_dir;
            // A key that was made from a passphrase never falls back to a file unasked.
            if passphrase.is_none() && !to_file && MasterKey::needs_passphrase(dir) {
                return Err("the master key is made from a passphrase: add --passphrase-stdin for a new one, or --to-file".to_owned());
            }
            let from_passphrase = passphrase.is_some();
            let passphrase = passphrase.map(|text| Passphrase::new(text.into()));
            let generation = app.auth.rotate_master_key(dir, passphrase).await.map_err(|e| e.to_string())?;
            Ok(json!({ "generation": generation, "from_passphrase": from_passphrase }))
        }
        KeysRequest::Users { user } => {
            let users = match user {
                Some(name) => {
                    vec![app.auth.find_user(&name).map_err(|e| e.to_string())?.ok_or_else(|| format!("there is no user '{name}'"))?]
                }
                None => app.auth.users().map_err(|e| e.to_string())?,
            };
            for user in &users {
                app.auth.rotate_data_key(None, user.id).await.map_err(|e| format!("{}: {e}", user.username))?;
            }
            Ok(json!({ "users": users.len() }))
        }
    }
}

/// The result for people.
pub fn sentence(done: &Value) -> String {
    match (&done["users"], done["from_passphrase"] == true) {
        (Value::Null, true) => "everything is under a new master key; each start needs its passphrase now".to_owned(),
        (Value::Null, false) => "everything is under a new master key".to_owned(),
        (users, _) => format!("sealed the secrets of {users} users under new data keys"),
    }
}
