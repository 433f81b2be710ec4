//! Why a user's data cannot leave or arrive.

use std::io;
use std::time::Duration;

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
    #[error("{0} unpacks to more than {size} MiB", size = .1 >> 20)]
    TooLarge(&'static str, u64),
    #[error("the export has more than {0} rows, which is the most that is taken")]
    TooManyRows(usize),
    #[error("the export holds what nobody may set here: {0}. Change it where it comes from, and export again")]
    NotAllowed(String),
    #[error(
        "account '{0}' has open orders in this export, which nobody could follow here: cancel them where it comes from, and export again"
    )]
    OpenOrders(String),
    #[error("this user has accounts of their own already ({0}): import into a user who has none")]
    NotEmpty(String),
    #[error("these accounts are on this installation already: an export is imported once")]
    AlreadyHere,
    #[error("{0} is running already: wait until it is done")]
    Running(&'static str),
    #[error("{most} imports a day are taken of one user: try again later")]
    TooOften { most: usize, retry_after: Duration },
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
            TransferError::TooLarge(..) | TransferError::TooManyRows(_) => "transfer_too_large",
            TransferError::NotAllowed(_) => "transfer_not_allowed",
            TransferError::OpenOrders(_) => "transfer_open_orders",
            TransferError::NotEmpty(_) => "transfer_user_not_empty",
            TransferError::AlreadyHere => "transfer_already_here",
            TransferError::Running(_) => "transfer_running",
            TransferError::TooOften { .. } => "transfer_too_often",
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
