//! A consistent copy of every space into a new database file. Copying the live file would not be
//! safe; a read transaction is.

use std::path::Path;

use super::port::{Engine, StoreError};
use super::redb::RedbEngine;

/// What a snapshot holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct SnapshotReport {
    pub spaces: usize,
    pub rows: usize,
}

/// Copies all spaces as bytes, so that a new space can never be forgotten.
pub(super) fn copy(engine: &dyn Engine, file: &Path) -> Result<SnapshotReport, StoreError> {
    if file.exists() {
        return Err(StoreError::Io(format!("{} exists already", file.display())));
    }
    let result = copy_into(engine, file);
    if result.is_err() {
        let _ = fs_err::remove_file(file);
    }
    result
}

fn copy_into(engine: &dyn Engine, file: &Path) -> Result<SnapshotReport, StoreError> {
    let mut target = RedbEngine::open(file)?;
    let mut report = SnapshotReport::default();
    engine.read(&mut |view| {
        for space in view.spaces()? {
            let rows = view.range(&space, &[], &[], false, usize::MAX)?;
            report.spaces += 1;
            report.rows += rows.len();
            target.write(&mut |batch| {
                for (key, value) in &rows {
                    batch.put(&space, key, value)?;
                }
                Ok(())
            })?;
        }
        Ok(())
    })?;
    target.compact()?;
    Ok(report)
}
