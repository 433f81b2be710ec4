//! Why an import or the answer to one of its questions is refused.

use super::report::Report;
use super::source::SourceError;
use crate::auth::VaultError;
use crate::storage::StoreError;

/// Why an import is refused. Whatever it is, nothing was changed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ImportError {
    #[error(transparent)]
    Database(#[from] SourceError),
    #[error("{file} cannot be used: {reason}. Give a good copy, or import without this file")]
    Settings { file: String, reason: String },
    #[error("{0} is larger than 64 MiB: this cannot be a file of the old program")]
    TooLarge(String),
    #[error("{} of the old rows cannot be read: see the list; --skip-refused imports the rest", .0.refused.len())]
    Refused(Box<Report>),
    #[error("the files do not tell an account name: choose one")]
    NoAccountName,
    #[error("'{0}' cannot be an account name: use 1 to 40 characters without control characters")]
    BadAccountName(String),
    #[error(
        "account '{0}' was started here and has its own trades: a newer copy of the old database would undo them. Import it under another name"
    )]
    AccountActive(String),
    #[error(
        "account '{0}' has another broker key than these files: if they are of another server, choose another name; if its key was renewed, give the account's name"
    )]
    AccountDiffers(String),
    #[error("account '{0}' exists already and does not come from an import: choose another name")]
    AccountExists(String),
    #[error("the broker key in .env is already used by another account of this installation: each account needs its own key")]
    AppKeyTaken,
    #[error("what was stored does not agree with what was read, so nothing was kept: {}", .0.join("; "))]
    Disagrees(Vec<String>),
    #[error(transparent)]
    Vault(VaultError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<VaultError> for ImportError {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::AppKeyTaken => ImportError::AppKeyTaken,
            VaultError::Store(error) => ImportError::Store(error),
            other => ImportError::Vault(other),
        }
    }
}

impl ImportError {
    /// What programs compare.
    pub fn code(&self) -> &'static str {
        match self {
            ImportError::Database(error) => error.code(),
            ImportError::Settings { .. } => "settings_unreadable",
            ImportError::TooLarge(_) => "file_too_large",
            ImportError::Refused(_) => "rows_refused",
            ImportError::NoAccountName => "account_name_required",
            ImportError::BadAccountName(_) => "account_name_invalid",
            ImportError::AccountActive(_) => "account_active",
            ImportError::AccountDiffers(_) => "account_differs",
            ImportError::AccountExists(_) => "account_exists",
            ImportError::AppKeyTaken => "app_key_taken",
            ImportError::Disagrees(_) => "import_disagrees",
            ImportError::Vault(_) => "vault",
            ImportError::Store(_) => "store",
        }
    }
}

/// Why an answer to an import's question is refused.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SettleError {
    #[error("account '{account}' has no such open question about '{name}'")]
    NoQuestion { account: String, name: String },
    #[error("unbooked fills can be booked or discarded, several positions of one bot can be merged")]
    WrongAction,
    #[error(
        "there is no bot '{0}' whose books could take the fills: make one with this name, or discard them and correct the position by hand"
    )]
    BotMissing(String),
    #[error("'{bot}' sold {sold} shares that its position does not cover: correct the position first, or discard the fills")]
    NotHeld { bot: String, sold: f64 },
    #[error(
        "the positions of '{name}' are in different instruments ({symbols}) and cannot become one: correct them by hand, then answer again"
    )]
    DifferentSymbols { name: String, symbols: String },
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SettleError {
    /// What programs compare.
    pub fn code(&self) -> &'static str {
        match self {
            SettleError::NoQuestion { .. } => "no_such_question",
            SettleError::WrongAction => "wrong_action",
            SettleError::BotMissing(_) => "bot_missing",
            SettleError::NotHeld { .. } => "not_held",
            SettleError::DifferentSymbols { .. } => "different_symbols",
            SettleError::Store(_) => "store",
        }
    }
}
