//! Why a user's data cannot leave or arrive.

use std::io;

use crate::storage::StoreError;

/// Whatever it is, nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    #[error("the file cannot be read: {0}")]
    Unreadable(String),
    #[error("this is no export of a user of EggMoney: it has no manifest of that kind")]
    Foreign,
    #[error("the export has the form {0}, this program knows up to {1}: install the newer version first")]
    Newer(u32, u32),
    #[error("the export contradicts itself: {0}")]
    Contradiction(String),
    #[error("it unpacks to more than {} MiB", .0 >> 20)]
    TooLarge(u64),
    #[error(
        "account '{0}' has open orders in this export, which nobody could follow here: cancel them where it comes from, and export again"
    )]
    OpenOrders(String),
    #[error("this user has accounts of their own already ({0}): import into a user who has none")]
    NotEmpty(String),
    #[error("these accounts are on this installation already: an export is imported once")]
    AlreadyHere,
    #[error(transparent)]
    Io(io::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl TransferError {
    /// What programs compare.
    pub fn code(&self) -> &'static str {
        match self {
            TransferError::Unreadable(_) => "transfer_unreadable",
            TransferError::Foreign => "transfer_foreign",
            TransferError::Newer(..) => "transfer_newer",
            TransferError::Contradiction(_) => "transfer_contradicts",
            TransferError::TooLarge(_) => "transfer_too_large",
            TransferError::OpenOrders(_) => "transfer_open_orders",
            TransferError::NotEmpty(_) => "transfer_user_not_empty",
            TransferError::AlreadyHere => "transfer_already_here",
            TransferError::Io(_) | TransferError::Store(_) => "store",
        }
    }
}

impl From<io::Error> for TransferError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            // The last is what unpacking says of damage.
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput => Self::Unreadable(error.to_string()),
            _ => Self::Io(error),
        }
    }
}
