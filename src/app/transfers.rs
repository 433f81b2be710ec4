//! How much of moving data goes on at a time: it takes disk and memory that orders need.

use std::collections::{HashMap, HashSet, VecDeque};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::system::disk_free;
use crate::domain::id::UserId;
use crate::importers::transfer::TransferError;

/// Imports that one user may begin within [`DAY`].
const MOST_IMPORTS: usize = 10;
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// What stays free on the volume of the data folder, bytes.
const SPARE: u64 = 1 << 30;
/// The volume is looked at again after so many bytes.
const LOOK_EVERY: u64 = 8 << 20;

/// What goes on once at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Work {
    /// A user's data on their way out, until the last byte was taken.
    Export(UserId),
    /// Files on their way in, or being looked at.
    Upload(UserId),
    /// An import of an export, of whichever user.
    Import,
    /// A backup, or a restore drill.
    Backup,
}

impl Work {
    fn name(self) -> &'static str {
        match self {
            Work::Export(_) => "an export of yours",
            Work::Upload(_) => "an upload of yours",
            Work::Import => "another import",
            Work::Backup => "a backup",
        }
    }
}

/// What goes on, and what went on lately.
#[derive(Clone, Debug, Default)]
pub struct Transfers(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    running: HashSet<Work>,
    imports: HashMap<UserId, VecDeque<Timestamp>>,
}

/// Ends the work when it is dropped.
#[derive(Debug)]
pub struct Running {
    of: Transfers,
    work: Work,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.of.lock().running.remove(&self.work);
    }
}

impl Transfers {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// How much goes on at present.
    pub fn running(&self) -> usize {
        self.lock().running.len()
    }

    /// Begins a work.
    ///
    /// # Errors
    /// `Running` while it goes on already.
    pub fn begin(&self, work: Work) -> Result<Running, TransferError> {
        if self.lock().running.insert(work) { Ok(Running { of: self.clone(), work }) } else { Err(TransferError::Running(work.name())) }
    }

    /// Whether a work goes on.
    pub fn is_running(&self, work: Work) -> bool {
        self.lock().running.contains(&work)
    }

    /// Counts an import of a user.
    ///
    /// # Errors
    /// `TooOften` when this day's are used up.
    pub fn count_import(&self, user: UserId, now: Timestamp) -> Result<(), TransferError> {
        let mut state = self.lock();
        let since = now.saturating_sub(DAY).unwrap_or(Timestamp::MIN);
        state.imports.retain(|_, times| times.back().is_some_and(|at| *at > since));
        let times = state.imports.entry(user).or_default();
        while times.front().is_some_and(|at| *at <= since) {
            times.pop_front();
        }
        match times.front() {
            Some(first) if times.len() >= MOST_IMPORTS => {
                let wait = Duration::try_from(first.duration_since(since)).unwrap_or_default();
                Err(TransferError::TooOften { most: MOST_IMPORTS, retry_after: wait })
            }
            _ => {
                times.push_back(now);
                Ok(())
            }
        }
    }
}

/// Whether a volume keeps its spare room when so many bytes more are written to it; one that does not say
/// counts as roomy.
fn keeps_room(free: Option<u64>, more: u64) -> io::Result<()> {
    if free.is_none_or(|free| free >= SPARE.saturating_add(more)) { Ok(()) } else { Err(io::ErrorKind::StorageFull.into()) }
}

/// Refuses to write so many bytes to the volume of a folder when they take its spare room.
///
/// # Errors
/// `StorageFull`.
pub fn require_room(folder: &Path, bytes: u64) -> io::Result<()> {
    keeps_room(disk_free(folder), bytes)
}

/// Writes to a file as long as its volume keeps the spare room.
pub(super) struct Sparing<W> {
    out: W,
    folder: PathBuf,
    since: u64,
}

impl<W: Write> Sparing<W> {
    /// # Errors
    /// `StorageFull` when there is too little already.
    pub(super) fn new(out: W, folder: &Path) -> io::Result<Self> {
        require_room(folder, LOOK_EVERY)?;
        Ok(Self { out, folder: folder.to_owned(), since: 0 })
    }
}

impl<W: Write> Write for Sparing<W> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if self.since >= LOOK_EVERY {
            require_room(&self.folder, LOOK_EVERY)?;
            self.since = 0;
        }
        let n = self.out.write(buf)?;
        self.since += n as u64;
        Ok(n)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn user(n: u128) -> UserId {
        UserId(Uuid::from_u128(n))
    }

    #[test]
    fn each_work_goes_on_once_at_a_time() {
        let transfers = Transfers::default();
        let first = transfers.begin(Work::Export(user(1))).unwrap();
        assert!(matches!(transfers.begin(Work::Export(user(1))), Err(TransferError::Running("an export of yours"))));
        let _others = (transfers.begin(Work::Export(user(2))).unwrap(), transfers.begin(Work::Upload(user(1))).unwrap());
        drop(first);
        assert!(transfers.begin(Work::Export(user(1))).is_ok());
    }

    #[test]
    fn the_imports_of_a_day_are_counted_by_user() {
        let transfers = Transfers::default();
        let at = |hours: i64| Timestamp::from_second(1_800_000_000 + hours * 3_600).unwrap();
        for n in 0..10 {
            transfers.count_import(user(1), at(n)).unwrap();
        }
        let refused = transfers.count_import(user(1), at(10));
        assert!(
            matches!(refused, Err(TransferError::TooOften { most: 10, retry_after }) if retry_after == Duration::from_secs(14 * 3_600))
        );
        transfers.count_import(user(2), at(10)).unwrap();
        transfers.count_import(user(1), at(24)).unwrap();
        assert!(transfers.count_import(user(1), at(24)).is_err());
    }

    #[test]
    fn a_volume_keeps_its_spare_room() {
        assert!(keeps_room(None, 1).is_ok());
        assert!(keeps_room(Some(SPARE + 1), 1).is_ok());
        assert_eq!(keeps_room(Some(SPARE), 1).unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert!(keeps_room(Some(u64::MAX), u64::MAX).is_ok());
    }
}
