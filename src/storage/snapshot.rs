//! A consistent copy of every space into a new database file. Copying the live file would not be
//! safe; a read transaction is. The copy grows under another name beside its place, so that whatever
//! bears the final name is whole, even if the process is killed half way.

use std::io;
use std::path::Path;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use tempfile::TempPath;

use super::port::{Engine, Entry, ReadView, StoreError};
use super::record::decode;
use super::redb::RedbEngine;
use super::tables::{META, Number};

/// What a snapshot holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct SnapshotReport {
    pub spaces: usize,
    pub rows: usize,
}

/// What the spaces of a database hold, whatever its file looks like: two databases with the same rows have
/// the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct Contents {
    /// Schema of the rows.
    pub schema: u64,
    /// Spaces that are not empty.
    pub spaces: usize,
    pub rows: usize,
    /// SHA-256, hex, over the names of the spaces and all rows, in order.
    pub sha256: String,
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
            report = SnapshotReport { spaces: view.spaces()?.len(), rows: 0 };
            each_row(view, &mut |space, (key, value)| {
                report.rows += 1;
                batch.put(space, key, value)
            })?;
            Ok(())
        })
    })?;
    Ok(report)
}

/// Hands over every row of every space in order, a page in memory at a time.
fn each_row(view: &dyn ReadView, each: &mut dyn FnMut(&str, &Entry) -> Result<(), StoreError>) -> Result<(), StoreError> {
    let mut spaces = view.spaces()?;
    spaces.sort_unstable();
    for space in spaces {
        let mut from = Vec::new();
        loop {
            let rows = view.range(&space, &from, &[], false, PAGE)?;
            for row in &rows {
                each(&space, row)?;
            }
            let Some((last, _)) = rows.last().filter(|_| rows.len() == PAGE) else { break };
            // The smallest key after the last one.
            from = [last.as_slice(), &[0]].concat();
        }
    }
    Ok(())
}

/// What a database holds.
pub(super) fn contents(engine: &dyn Engine) -> Result<Contents, StoreError> {
    let mut contents = Contents::default();
    engine.read(&mut |view| {
        let (mut digest, mut last, mut found) = (Sha256::new(), String::new(), Contents::default());
        let mut add = |bytes: &[u8]| {
            digest.update((bytes.len() as u64).to_be_bytes());
            digest.update(bytes);
        };
        each_row(view, &mut |space, (key, value)| {
            if last != space {
                space.clone_into(&mut last);
                found.spaces += 1;
            }
            found.rows += 1;
            [space.as_bytes(), key, value].into_iter().for_each(&mut add);
            Ok(())
        })?;
        found.schema = view.get(META.name, b"schema")?.map(|bytes| decode::<Number>(&bytes)).transpose()?.map_or(0, |Number(n)| n);
        found.sha256 = HEXLOWER.encode(&digest.finalize());
        contents = found;
        Ok(())
    })?;
    Ok(contents)
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
