//! A consistent copy of every space into a new database file. Copying the live file would not be
//! safe; a read transaction is. The copy grows under another name beside its place, so that whatever
//! bears the final name is whole, even if the process is killed half way.

use std::io;
use std::path::Path;

use tempfile::TempPath;

use super::port::{Engine, StoreError};
use super::redb::RedbEngine;

/// What a snapshot holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct SnapshotReport {
    pub spaces: usize,
    pub rows: usize,
}

/// End of the name of a copy that is not finished. Nobody reads such a file.
pub(super) const UNFINISHED: &str = ".partial";

/// Rows that are held in memory at a time.
const PAGE: usize = 4_096;

/// Copies all spaces as bytes, so that a new space can never be forgotten. The file must not exist.
pub(super) fn copy(engine: &dyn Engine, file: &Path) -> Result<SnapshotReport, StoreError> {
    let exists = || StoreError::Io(format!("{} exists already", file.display()));
    if file.exists() {
        return Err(exists());
    }
    let (report, copied) = copy_beside(engine, file)?;
    copied.persist_noclobber(file).map_err(|e| if e.error.kind() == io::ErrorKind::AlreadyExists { exists() } else { failed(&e.error) })?;
    sync_folder(file)?;
    Ok(report)
}

/// As [`copy`], but takes the place of a file of this name in one step.
pub(super) fn replace(engine: &dyn Engine, file: &Path) -> Result<SnapshotReport, StoreError> {
    let (report, copied) = copy_beside(engine, file)?;
    copied.persist(file).map_err(|e| failed(&e.error))?;
    sync_folder(file)?;
    Ok(report)
}

/// A finished copy that is on disk, still under its other name; it goes when dropped.
fn copy_beside(engine: &dyn Engine, file: &Path) -> Result<(SnapshotReport, TempPath), StoreError> {
    let name = file.file_name().unwrap_or_default();
    // Only its owner may read it.
    let beside = tempfile::Builder::new().prefix(name).suffix(UNFINISHED).tempfile_in(folder_of(file)).map_err(|e| failed(&e))?;
    let beside = beside.into_temp_path();
    let mut target = RedbEngine::open(&beside)?;
    let report = copy_into(engine, &target)?;
    target.compact()?;
    // Closing writes to the file, too.
    drop(target);
    fs_err::File::open(&beside).and_then(|copied| copied.sync_all()).map_err(|e| failed(&e))?;
    Ok((report, beside))
}

fn copy_into(engine: &dyn Engine, target: &RedbEngine) -> Result<SnapshotReport, StoreError> {
    let mut report = SnapshotReport::default();
    engine.read(&mut |view| {
        target.write(&mut |batch| {
            report = SnapshotReport::default();
            for space in view.spaces()? {
                report.spaces += 1;
                let mut from = Vec::new();
                loop {
                    let rows = view.range(&space, &from, &[], false, PAGE)?;
                    for (key, value) in &rows {
                        batch.put(&space, key, value)?;
                    }
                    report.rows += rows.len();
                    let Some((last, _)) = rows.last().filter(|_| rows.len() == PAGE) else { break };
                    // The smallest key after the last one.
                    from = [last.as_slice(), &[0]].concat();
                }
            }
            Ok(())
        })
    })?;
    Ok(report)
}

/// A name is only there for good once its folder is on disk.
fn sync_folder(file: &Path) -> Result<(), StoreError> {
    fs_err::File::open(folder_of(file)).and_then(|folder| folder.sync_all()).map_err(|e| failed(&e))
}

fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn failed(error: &io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => StoreError::Full,
        _ => StoreError::Io(error.to_string()),
    }
}
