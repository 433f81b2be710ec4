//! The embedded engine: redb. The only file that knows it.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use redb::backends::FileBackend;
use redb::{
    Builder, CommitError, CompactionError, Database, DatabaseError, ReadableDatabase, ReadableTable, StorageError, Table, TableDefinition,
    TableError, TableHandle, TransactionError,
};

use super::port::{Batch, BatchFn, Engine, Entry as Row, ReadView, StoreError};

/// Space that must be left before a write begins. The engine refuses all further work after a failed
/// write to its file, so it is stopped before one fails.
const RESERVE: u64 = 4 << 20;

/// A redb database.
pub struct RedbEngine {
    open: RwLock<Opened>,
    /// `None` in memory.
    path: Option<PathBuf>,
}

/// The database and how often it was opened; `None` while it cannot be opened.
struct Opened {
    db: Option<Database>,
    times: u64,
}

fn table(space: &str) -> TableDefinition<'_, &'static [u8], &'static [u8]> {
    TableDefinition::new(space)
}

/// Nobody but the owner of the process may read what this makes.
fn open_file(path: &Path) -> Result<Database, StoreError> {
    use fs_err::os::unix::fs::OpenOptionsExt;
    let file = fs_err::OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
    let file = file.map_err(|e| if is_full(&e) { StoreError::Full } else { StoreError::Io(e.to_string()) })?;
    let created =
        FileBackend::new(file.into_file()).and_then(|backend| Builder::new().set_cache_size(16 << 20).create_with_backend(backend));
    created.map_err(|e| match e {
        DatabaseError::DatabaseAlreadyOpen => StoreError::Locked(path.to_path_buf()),
        other => StoreError::from(redb::Error::from(other)),
    })
}

impl RedbEngine {
    /// Opens or creates the database file.
    ///
    /// # Errors
    /// `Locked` when another process has it, `Io` or `Corrupt` otherwise.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self::new(open_file(path)?, Some(path.to_path_buf())))
    }

    /// A database in memory, for tests.
    pub fn in_memory() -> Result<Self, StoreError> {
        let db = Builder::new()
            .create_with_backend(redb::backends::InMemoryBackend::new())
            .map_err(|e| StoreError::from(redb::Error::from(e)))?;
        Ok(Self::new(db, None))
    }

    fn new(db: Database, path: Option<PathBuf>) -> Self {
        Self { open: RwLock::new(Opened { db: Some(db), times: 0 }), path }
    }

    /// Rewrites the file without its free pages.
    ///
    /// # Errors
    /// `Io` when the file cannot be written.
    pub fn compact(&mut self) -> Result<(), StoreError> {
        let open = self.open.get_mut().unwrap_or_else(PoisonError::into_inner);
        open.db.as_mut().map_or(Err(StoreError::Closed), |db| db.compact().map(|_| ()).map_err(|e| StoreError::Io(e.to_string())))
    }

    /// Begins something on the open database; gives the number of its opening, too.
    fn begin<T, E: Into<StoreError>>(&self, f: impl Fn(&Database) -> Result<T, E>) -> Result<(T, u64), StoreError> {
        let broken = {
            let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
            match open.db.as_ref().map(&f) {
                Some(Ok(begun)) => return Ok((begun, open.times)),
                Some(Err(error)) => {
                    let error = error.into();
                    if !is_broken(&error) {
                        return Err(error);
                    }
                }
                None => {}
            }
            open.times
        };
        self.reopen(broken)?;
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        let db = open.db.as_ref().ok_or(StoreError::Busy)?;
        Ok((f(db).map_err(Into::into)?, open.times))
    }

    /// Opens the file anew after a failure; whoever comes second finds it done. Readers of the old
    /// one finish on what they have.
    fn reopen(&self, broken: u64) -> Result<(), StoreError> {
        let Some(path) = &self.path else { return Ok(()) };
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        if open.times == broken || open.db.is_none() {
            open.db = None;
            open.db = Some(open_file(path)?);
            open.times += 1;
            tracing::warn!("the database file was opened anew after a failed access");
        }
        Ok(())
    }

    /// Whether the volume has room for another write; a volume that does not say counts as roomy.
    fn has_room(&self) -> bool {
        let folder = self.path.as_deref().and_then(Path::parent);
        let free = folder.and_then(|f| rustix::fs::statvfs(f).ok()).map(|s| s.f_bavail.saturating_mul(s.f_frsize));
        free.is_none_or(|bytes| bytes >= RESERVE)
    }
}

/// Whether the engine will do nothing more until it is opened anew.
fn is_broken(error: &StoreError) -> bool {
    matches!(error, StoreError::Full | StoreError::Io(_) | StoreError::Busy)
}

fn is_full(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | FileTooLarge | QuotaExceeded)
}

impl From<redb::Error> for StoreError {
    fn from(error: redb::Error) -> Self {
        match error {
            redb::Error::Io(e) if is_full(&e) => StoreError::Full,
            // Another access has failed; the file is opened anew at once.
            redb::Error::PreviousIo => StoreError::Busy,
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
) -> Result<Vec<Row>, StorageError> {
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

/// A transaction that remembers failures of the file: whoever works in it may turn them into
/// something else.
struct Reading {
    tx: redb::ReadTransaction,
    broken: Cell<bool>,
}

impl Reading {
    fn note<V>(&self, f: impl FnOnce(&redb::ReadTransaction) -> Result<V, StoreError>) -> Result<V, StoreError> {
        let result = f(&self.tx);
        if result.as_ref().is_err_and(is_broken) {
            self.broken.set(true);
        }
        result
    }
}

impl ReadView for Reading {
    fn get(&self, space: &str, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.note(|tx| match tx.open_table(table(space)) {
            Ok(t) => Ok(t.get(key)?.map(|v| v.value().to_vec())),
            Err(TableError::TableDoesNotExist(_)) => Ok(None),
            Err(e) => Err(e.into()),
        })
    }

    fn range(&self, space: &str, from: &[u8], to: &[u8], descending: bool, limit: usize) -> Result<Vec<Row>, StoreError> {
        self.note(|tx| match tx.open_table(table(space)) {
            Ok(t) => Ok(collect(&t, from, to, descending, limit)?),
            Err(TableError::TableDoesNotExist(_)) => Ok(Vec::new()),
            Err(e) => Err(e.into()),
        })
    }

    fn spaces(&self) -> Result<Vec<String>, StoreError> {
        self.note(|tx| Ok(tx.list_tables()?.map(|t| t.name().to_owned()).collect()))
    }
}

/// A table open for writing.
type OpenTable<'tx> = Table<'tx, &'static [u8], &'static [u8]>;

/// A write transaction with the tables that it has opened so far: opening one costs as much as a write.
struct Writing<'tx> {
    tx: &'tx redb::WriteTransaction,
    written: bool,
    tables: RefCell<HashMap<String, OpenTable<'tx>>>,
    broken: Cell<bool>,
}

impl<'tx> Writing<'tx> {
    fn with<V>(&self, space: &str, f: impl FnOnce(&mut OpenTable<'tx>) -> Result<V, StorageError>) -> Result<V, StoreError> {
        let mut tables = self.tables.borrow_mut();
        let result = match tables.get_mut(space) {
            Some(open) => f(open).map_err(StoreError::from),
            None => self.tx.open_table(table(space)).map_err(StoreError::from).and_then(|mut opened| {
                let result = f(&mut opened).map_err(StoreError::from);
                tables.insert(space.to_owned(), opened);
                result
            }),
        };
        if result.as_ref().is_err_and(is_broken) {
            self.broken.set(true);
        }
        result
    }
}

impl ReadView for Writing<'_> {
    fn get(&self, space: &str, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.with(space, |t| Ok(t.get(key)?.map(|v| v.value().to_vec())))
    }

    fn range(&self, space: &str, from: &[u8], to: &[u8], descending: bool, limit: usize) -> Result<Vec<Row>, StoreError> {
        self.with(space, |t| collect(t, from, to, descending, limit))
    }

    fn spaces(&self) -> Result<Vec<String>, StoreError> {
        // The engine does not list a table that is open.
        self.tables.borrow_mut().clear();
        Ok(self.tx.list_tables()?.map(|t| t.name().to_owned()).collect())
    }
}

impl Batch for Writing<'_> {
    fn put(&mut self, space: &str, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.written = true;
        self.with(space, |t| t.insert(key, value).map(drop))
    }

    fn remove(&mut self, space: &str, key: &[u8]) -> Result<(), StoreError> {
        self.written = true;
        self.with(space, |t| t.remove(key).map(drop))
    }

    fn view(&self) -> &dyn ReadView {
        self
    }
}

/// A smaller file is not worth the work.
const WORTH_TIDYING: u64 = 16 << 20;

impl Engine for RedbEngine {
    fn tidy(&self) -> Result<Option<(u64, u64)>, StoreError> {
        let Some(path) = &self.path else { return Ok(None) };
        let size = || fs_err::metadata(path).map(|m| m.len()).map_err(|e| StoreError::Io(e.to_string()));
        let before = size()?;
        if before < WORTH_TIDYING {
            return Ok(None);
        }
        let (tx, _) = self.begin(Database::begin_write)?;
        let stats = tx.stats()?;
        tx.abort()?;
        // The engine doubles the file when it is full, so that half of it is often free, and would be again.
        if stats.allocated_pages().saturating_mul(stats.page_size() as u64) > before / 3 {
            return Ok(None);
        }
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        match open.db.as_mut().map(Database::compact) {
            Some(Ok(_)) => Ok(Some((before, size()?))),
            // Somebody reads on what would be moved: another time.
            Some(Err(CompactionError::TransactionInProgress)) | None => Ok(None),
            Some(Err(error)) => Err(StoreError::from(redb::Error::from(error))),
        }
    }

    fn read(&self, f: &mut dyn FnMut(&dyn ReadView) -> Result<(), StoreError>) -> Result<(), StoreError> {
        let (tx, opening) = self.begin(Database::begin_read)?;
        let view = Reading { tx, broken: Cell::new(false) };
        let result = f(&view);
        if view.broken.get() {
            self.reopen(opening)?;
        }
        result
    }

    fn write(&self, f: &mut BatchFn<'_>) -> Result<(), StoreError> {
        if !self.has_room() {
            return Err(StoreError::Full);
        }
        let (tx, opening) = self.begin(Database::begin_write)?;
        let mut batch = Writing { tx: &tx, written: false, tables: RefCell::default(), broken: Cell::new(false) };
        let result = f(&mut batch);
        let (broken, written) = (batch.broken.get(), batch.written);
        drop(batch);
        let (result, ended) = match result {
            // Whoever only looked need not wait for the disk.
            Ok(()) if !written => (Ok(()), tx.abort().map_err(StoreError::from)),
            Ok(()) => {
                let committed = tx.commit().map_err(StoreError::from);
                (committed.clone(), committed)
            }
            Err(error) => (Err(error), tx.abort().map_err(StoreError::from)),
        };
        // The refusal matters more than that the file could not be opened anew: the next access tries again.
        if (broken || ended.is_err())
            && let Err(error) = self.reopen(opening)
        {
            tracing::error!(%error, "the database file cannot be opened anew");
        }
        result
    }
}
