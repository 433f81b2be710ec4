//! The store: typed spaces over the key-value port, a handle for one user, one writer.
//!
//! Application code reaches per-user rows only through [`Store::user`] (or [`Tx::user`] inside a
//! write), which puts the user's id before every key. Whole-table access exists for the scheduler,
//! backup and verification: [`View::user_ids`] tells them whose handles to open.

mod audit;
mod commits;
#[cfg(test)]
mod faults;
mod invariants;
mod key;
mod ledger;
mod messages;
mod migrate;
mod port;
mod portable;
mod record;
mod redb;
mod revision;
mod snapshot;
pub mod tables;
#[cfg(test)]
mod tests;
mod verify;
mod view;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

pub use audit::{AUDIT, AuditRow, BrokenChain, SYSTEM_AUDIT};
pub use commits::Commits;
#[cfg(test)]
pub use faults::CommitsLeft;
pub use key::Key;
pub use ledger::{AccountRows, account_key, position_key};
pub use messages::{first_id_at, time_ordered};
pub use migrate::Saved;
pub use port::StoreError;
pub use portable::{Keyed, PORTABLE, PortableSpace, StoredRow};
pub use record::Record;
pub use snapshot::{Contents, SnapshotReport};
pub use verify::{Difference, VerifyReport};
pub use view::{Tx, UserTx, UserView, View};

use crate::domain::id::UserId;
use port::Engine;
use revision::Revisions;
use writer::Writer;

/// Name of the database file inside the data folder.
pub const DATABASE_FILE: &str = "eggmoney.redb";

/// The open store. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    writer: Writer,
    engine: Arc<dyn Engine>,
    revisions: Arc<Revisions>,
    commits: Commits,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Store")
    }
}

impl Store {
    /// Opens the store of a data folder, creating the database if there is none. An older schema is
    /// migrated after a snapshot was put into `snapshots/`.
    ///
    /// # Errors
    /// `Locked` when another process uses it, `Newer` when a later version wrote it, `Io`, `Full`.
    pub fn open(data_dir: &Path) -> Result<Self, StoreError> {
        Self::open_with(data_dir, None)
    }

    /// [`Store::open`] for a release of the program. Data that another release used last are saved
    /// first, and `saved` hears of that before anything is changed.
    ///
    /// # Errors
    /// As [`Store::open`], and those of `saved`.
    pub fn open_for(data_dir: &Path, release: &str, saved: &dyn Fn(&Saved) -> Result<(), StoreError>) -> Result<Self, StoreError> {
        Self::open_with(data_dir, Some(migrate::Opening { release, saved }))
    }

    fn open_with(data_dir: &Path, opening: Option<migrate::Opening<'_>>) -> Result<Self, StoreError> {
        let engine: Arc<dyn Engine> = Arc::new(redb::RedbEngine::open(&data_dir.join(DATABASE_FILE))?);
        migrate::run(&*engine, Some(data_dir), opening)?;
        Self::with_engine(engine)
    }

    /// Whether a database would be changed to a newer schema if it were opened; nothing is changed here.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn needs_upgrade(data_dir: &Path) -> Result<bool, StoreError> {
        let engine = redb::RedbEngine::open(&data_dir.join(DATABASE_FILE))?;
        match (migrate::schema(&engine)?, migrate::newest()) {
            (found, known) if found > known => Err(StoreError::Newer { found, known }),
            (found, known) => Ok(found < known),
        }
    }

    /// A store in memory, for tests.
    ///
    /// # Errors
    /// When the engine cannot start.
    pub fn in_memory() -> Result<Self, StoreError> {
        let engine: Arc<dyn Engine> = Arc::new(redb::RedbEngine::in_memory()?);
        migrate::run(&*engine, None, None)?;
        Self::with_engine(engine)
    }

    fn with_engine(engine: Arc<dyn Engine>) -> Result<Self, StoreError> {
        let (revisions, commits) = (Arc::new(Revisions::default()), Commits::default());
        let writer = Writer::start(engine.clone(), revisions.clone(), commits.clone())?;
        Ok(Self { inner: Arc::new(Inner { writer, engine, revisions, commits }) })
    }

    /// Runs `f` on a snapshot of the whole store. Never held across an `.await`.
    ///
    /// # Errors
    /// Those of `f` and of the engine.
    pub fn read<T, E: From<StoreError>>(&self, f: impl FnOnce(&View<'_>) -> Result<T, E>) -> Result<T, E> {
        let mut f = Some(f);
        let mut out = None;
        self.inner.engine.read(&mut |view| {
            if let Some(f) = f.take() {
                out = Some(f(&View::new(view)));
            }
            Ok(())
        })?;
        out.unwrap_or_else(|| Err(StoreError::Closed.into()))
    }

    /// Queues a write and waits until it is on disk. `f` may run more than once; only its last run
    /// counts, so it must have no effect beyond the transaction and must bring its own time.
    ///
    /// # Errors
    /// Those of `f` (nothing is then written) and of the engine.
    pub async fn write<T, E>(&self, f: impl Fn(&mut Tx<'_>) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (job, slot) = job(f);
        let committed = self.inner.writer.submit(job).await;
        outcome(committed, &slot)
    }

    /// [`Store::write`] for callers outside the async runtime (command line, tests).
    ///
    /// # Errors
    /// As [`Store::write`].
    pub fn write_blocking<T, E>(&self, f: impl Fn(&mut Tx<'_>) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (job, slot) = job(f);
        let committed = self.inner.writer.submit_blocking(job);
        outcome(committed, &slot)
    }

    /// Writes that wait for the next commit.
    pub fn waiting_writes(&self) -> usize {
        self.inner.writer.waiting()
    }

    /// Gives unused space of the file back when more than two thirds of it are unused; sizes in bytes before and
    /// after, `None` when there was nothing to do or somebody was reading. Every access waits meanwhile, so
    /// call it while nothing is due, and where blocking is allowed.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn tidy(&self) -> Result<Option<(u64, u64)>, StoreError> {
        self.inner.engine.tidy()
    }

    /// What was committed since the start. Work that wrote nothing is no commit.
    pub fn commits(&self) -> &Commits {
        &self.inner.commits
    }

    /// The handle for one user's rows.
    pub fn user(&self, id: UserId) -> UserStore {
        UserStore { store: self.clone(), id }
    }

    /// Copies a consistent snapshot of all spaces into a new database file.
    ///
    /// # Errors
    /// `Io` when the file exists already or cannot be written, `Full`.
    pub fn snapshot_to(&self, file: &Path) -> Result<SnapshotReport, StoreError> {
        snapshot::copy(&*self.inner.engine, file)
    }

    /// What all spaces hold.
    #[cfg(test)]
    pub fn contents(&self) -> Result<Contents, StoreError> {
        snapshot::contents(&*self.inner.engine)
    }

    /// Recomputes every fold from the journals and compares, then compares the folds with each other.
    ///
    /// # Errors
    /// `Corrupt` when records cannot be read.
    pub fn verify(&self) -> Result<VerifyReport, StoreError> {
        self.read(verify::run)
    }
}

/// A handle for one user: every key begins with the user's id.
#[derive(Clone, Debug)]
pub struct UserStore {
    store: Store,
    id: UserId,
}

impl UserStore {
    pub fn id(&self) -> UserId {
        self.id
    }

    /// Grows with every write to this user's rows. What was computed from a reading that began after this
    /// was asked holds until it has grown.
    pub fn revision(&self) -> u64 {
        self.store.inner.revisions.of(self.id)
    }

    /// Runs `f` on a snapshot of this user's rows.
    ///
    /// # Errors
    /// Those of `f` and of the engine.
    pub fn read<T, E: From<StoreError>>(&self, f: impl FnOnce(&UserView<'_>) -> Result<T, E>) -> Result<T, E> {
        self.store.read(|view| f(&view.user(self.id)))
    }

    /// A write to this user's rows; see [`Store::write`].
    ///
    /// # Errors
    /// As [`Store::write`].
    pub async fn write<T, E>(&self, f: impl Fn(&mut UserTx<'_>) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let id = self.id;
        self.store.write(move |tx| f(&mut tx.user(id))).await
    }
}

/// The schema that this program writes and reads.
pub fn newest_schema() -> u64 {
    migrate::newest()
}

/// What a database file holds that nobody has open. It is read as it is, not migrated.
///
/// # Errors
/// `Locked`, `Io`, `Corrupt`.
pub fn contents_of(file: &Path) -> Result<Contents, StoreError> {
    if !file.exists() {
        return Err(StoreError::not_found(file.display().to_string()));
    }
    snapshot::contents(&redb::RedbEngine::open(file)?)
}

/// Keeps other processes out of the database of a data folder until it is dropped.
pub struct KeptOut {
    _engine: Option<redb::RedbEngine>,
}

impl std::fmt::Debug for KeptOut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeptOut")
    }
}

/// Keeps everybody out of the database of a data folder. A database that cannot be opened keeps itself.
///
/// # Errors
/// `Locked` when somebody has it.
pub fn keep_out(data_dir: &Path) -> Result<KeptOut, StoreError> {
    let file = data_dir.join(DATABASE_FILE);
    if !file.exists() {
        return Ok(KeptOut { _engine: None });
    }
    match redb::RedbEngine::open(&file) {
        Err(StoreError::Locked(path)) => Err(StoreError::Locked(path)),
        opened => Ok(KeptOut { _engine: opened.ok() }),
    }
}

type Slot<T, E> = Arc<Mutex<Option<Result<T, E>>>>;

/// Wraps a typed job into an untyped one; a refusal of `f` becomes an abort, its error stays in the slot.
fn job<T, E>(f: impl Fn(&mut Tx<'_>) -> Result<T, E> + Send + 'static) -> (writer::Job, Slot<T, E>)
where
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    let slot: Slot<T, E> = Arc::new(Mutex::new(None));
    let filled = slot.clone();
    let job: writer::Job = Box::new(move |batch| {
        let result = f(&mut Tx::new(batch));
        let refused = result.is_err();
        *filled.lock().unwrap_or_else(|e| e.into_inner()) = Some(result);
        if refused { Err(StoreError::conflict("refused", "refused")) } else { Ok(()) }
    });
    (job, slot)
}

fn outcome<T, E: From<StoreError>>(committed: Result<(), StoreError>, slot: &Slot<T, E>) -> Result<T, E> {
    let result = slot.lock().unwrap_or_else(|e| e.into_inner()).take();
    match (committed, result) {
        (_, Some(Err(error))) => Err(error),
        (Ok(()), Some(Ok(value))) => Ok(value),
        (Err(error), _) => Err(error.into()),
        (Ok(()), None) => Err(StoreError::Closed.into()),
    }
}

/// Folder for automatic snapshots inside the data folder.
pub(crate) fn snapshots_dir(data_dir: &Path) -> PathBuf {
    data_dir.join("snapshots")
}
