//! The narrow port to the key-value engine: ordered byte keys in named spaces, snapshots for
//! reading, one write transaction at a time. Whatever cannot be said in these terms does not belong
//! in the store; any ordered key-value engine can serve them.

use std::path::PathBuf;

/// Why the store refused.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    #[error("{what} does not exist")]
    NotFound { what: String },
    #[error("{detail}")]
    Conflict { code: &'static str, detail: String },
    #[error("stored data cannot be read: {0}")]
    Corrupt(String),
    #[error("the disk is full: free some space on the volume that holds the data folder")]
    Full,
    #[error("the store is busy, try again in a moment")]
    Busy,
    #[error("the store has been closed")]
    Closed,
    #[error("{} is in use by another EggMoney process", .0.display())]
    Locked(PathBuf),
    #[error(
        "the data was written by a newer version (schema {found}, this program knows {known}): install that version or restore an older backup"
    )]
    Newer { found: u64, known: u64 },
    #[error("the journal contradicts itself: {0}")]
    Ledger(String),
    #[error("cannot access the store: {0}")]
    Io(String),
}

impl StoreError {
    pub fn not_found(what: impl Into<String>) -> Self {
        StoreError::NotFound { what: what.into() }
    }

    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        StoreError::Conflict { code, detail: detail.into() }
    }
}

impl From<crate::domain::ledger::LedgerError> for StoreError {
    fn from(error: crate::domain::ledger::LedgerError) -> Self {
        StoreError::Ledger(error.to_string())
    }
}

/// A key and its value.
pub type Entry = (Vec<u8>, Vec<u8>);

/// A consistent view of all spaces.
pub trait ReadView {
    /// The value of a key.
    fn get(&self, space: &str, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Entries with `from ≤ key < to` (`to` empty = to the end), ascending or descending, at most `limit`.
    fn range(&self, space: &str, from: &[u8], to: &[u8], descending: bool, limit: usize) -> Result<Vec<Entry>, StoreError>;

    /// Names of all spaces that exist.
    fn spaces(&self) -> Result<Vec<String>, StoreError>;
}

/// A write transaction.
pub trait Batch: ReadView {
    fn put(&mut self, space: &str, key: &[u8], value: &[u8]) -> Result<(), StoreError>;
    fn remove(&mut self, space: &str, key: &[u8]) -> Result<(), StoreError>;
    /// As a plain view.
    fn view(&self) -> &dyn ReadView;
}

/// What runs inside a write transaction. It may be run again after an abort, so it must not have
/// effects beyond the batch.
pub type BatchFn<'a> = dyn FnMut(&mut dyn Batch) -> Result<(), StoreError> + 'a;

/// An engine behind the port.
pub trait Engine: Send + Sync + 'static {
    /// Opens a snapshot and runs `f` on it.
    fn read(&self, f: &mut dyn FnMut(&dyn ReadView) -> Result<(), StoreError>) -> Result<(), StoreError>;

    /// Runs `f` in one transaction; commits durably when it returns `Ok`, aborts otherwise.
    fn write(&self, f: &mut BatchFn<'_>) -> Result<(), StoreError>;

    /// Gives unused space of the file back when that is worth it and nobody reads at the moment; sizes in
    /// bytes before and after. Everybody waits meanwhile.
    fn tidy(&self) -> Result<Option<(u64, u64)>, StoreError> {
        Ok(None)
    }
}

/// The first key after all keys that begin with `prefix` (empty when there is none).
pub fn prefix_end(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.last_mut() {
        if *last < u8::MAX {
            *last += 1;
            return end;
        }
        end.pop();
    }
    end
}
