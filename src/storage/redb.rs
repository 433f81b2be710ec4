//! The embedded engine: redb. The only file that knows it.

use std::path::Path;

use redb::{
    Builder, CommitError, Database, DatabaseError, ReadableDatabase, ReadableTable, StorageError, TableDefinition, TableError, TableHandle,
    TransactionError,
};

use super::port::{Batch, BatchFn, Engine, Entry, ReadView, StoreError};

/// A redb database.
pub struct RedbEngine {
    db: Database,
}

fn table(space: &str) -> TableDefinition<'_, &'static [u8], &'static [u8]> {
    TableDefinition::new(space)
}

impl RedbEngine {
    /// Opens or creates the database file.
    ///
    /// # Errors
    /// `Locked` when another process has it, `Io` or `Corrupt` otherwise.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let db = Builder::new().set_cache_size(16 << 20).create(path).map_err(|e| match e {
            DatabaseError::DatabaseAlreadyOpen => StoreError::Locked(path.to_path_buf()),
            other => StoreError::from(redb::Error::from(other)),
        })?;
        Ok(Self { db })
    }

    /// A database in memory, for tests.
    pub fn in_memory() -> Result<Self, StoreError> {
        let db = Builder::new()
            .create_with_backend(redb::backends::InMemoryBackend::new())
            .map_err(|e| StoreError::from(redb::Error::from(e)))?;
        Ok(Self { db })
    }

    /// Rewrites the file without its free pages.
    ///
    /// # Errors
    /// `Io` when the file cannot be written.
    pub fn compact(&mut self) -> Result<(), StoreError> {
        self.db.compact().map(|_| ()).map_err(|e| StoreError::Io(e.to_string()))
    }
}

impl From<redb::Error> for StoreError {
    fn from(error: redb::Error) -> Self {
        match error {
            redb::Error::Io(e) if e.kind() == std::io::ErrorKind::StorageFull || e.kind() == std::io::ErrorKind::FileTooLarge => {
                StoreError::Full
            }
            redb::Error::Corrupted(text) => StoreError::Corrupt(text),
            other => StoreError::Io(other.to_string()),
        }
    }
}

macro_rules! from_redb {
    ($($t:ty),*) => {$(
        impl From<$t> for StoreError {
            fn from(error: $t) -> Self {
                redb::Error::from(error).into()
            }
        }
    )*};
}
from_redb!(StorageError, TableError, TransactionError, CommitError);

fn collect<T: ReadableTable<&'static [u8], &'static [u8]>>(
    table: &T,
    from: &[u8],
    to: &[u8],
    descending: bool,
    limit: usize,
) -> Result<Vec<Entry>, StoreError> {
    if !to.is_empty() && from >= to {
        return Ok(Vec::new());
    }
    let range = if to.is_empty() { table.range::<&[u8]>(from..)? } else { table.range::<&[u8]>(from..to)? };
    let mut out = Vec::new();
    if descending {
        for entry in range.rev().take(limit) {
            let (key, value) = entry?;
            out.push((key.value().to_vec(), value.value().to_vec()));
        }
    } else {
        for entry in range.take(limit) {
            let (key, value) = entry?;
            out.push((key.value().to_vec(), value.value().to_vec()));
        }
    }
    Ok(out)
}

struct Snapshot(redb::ReadTransaction);

impl ReadView for Snapshot {
    fn get(&self, space: &str, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.0.open_table(table(space)) {
            Ok(t) => Ok(t.get(key)?.map(|v| v.value().to_vec())),
            Err(TableError::TableDoesNotExist(_)) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    fn range(&self, space: &str, from: &[u8], to: &[u8], descending: bool, limit: usize) -> Result<Vec<Entry>, StoreError> {
        match self.0.open_table(table(space)) {
            Ok(t) => collect(&t, from, to, descending, limit),
            Err(TableError::TableDoesNotExist(_)) => Ok(Vec::new()),
            Err(e) => Err(e.into()),
        }
    }

    fn spaces(&self) -> Result<Vec<String>, StoreError> {
        Ok(self.0.list_tables()?.map(|t| t.name().to_owned()).collect())
    }
}

struct Transaction<'a> {
    tx: &'a redb::WriteTransaction,
}

impl ReadView for Transaction<'_> {
    fn get(&self, space: &str, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let t = self.tx.open_table(table(space))?;
        let value = t.get(key)?.map(|v| v.value().to_vec());
        Ok(value)
    }

    fn range(&self, space: &str, from: &[u8], to: &[u8], descending: bool, limit: usize) -> Result<Vec<Entry>, StoreError> {
        let t = self.tx.open_table(table(space))?;
        collect(&t, from, to, descending, limit)
    }

    fn spaces(&self) -> Result<Vec<String>, StoreError> {
        Ok(self.tx.list_tables()?.map(|t| t.name().to_owned()).collect())
    }
}

impl Batch for Transaction<'_> {
    fn put(&mut self, space: &str, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.tx.open_table(table(space))?.insert(key, value)?;
        Ok(())
    }

    fn remove(&mut self, space: &str, key: &[u8]) -> Result<(), StoreError> {
        self.tx.open_table(table(space))?.remove(key)?;
        Ok(())
    }

    fn view(&self) -> &dyn ReadView {
        self
    }
}

impl Engine for RedbEngine {
    fn read(&self, f: &mut dyn FnMut(&dyn ReadView) -> Result<(), StoreError>) -> Result<(), StoreError> {
        f(&Snapshot(self.db.begin_read()?))
    }

    fn write(&self, f: &mut BatchFn<'_>) -> Result<(), StoreError> {
        let tx = self.db.begin_write()?;
        match f(&mut Transaction { tx: &tx }) {
            Ok(()) => Ok(tx.commit()?),
            Err(error) => {
                tx.abort()?;
                Err(error)
            }
        }
    }
}
