//! The note that the data of a folder are those of an earlier time. A restore or a roll-back of the program
//! writes it; the next start reads it once, acts on it, and removes it.

use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::error::BackupError;
use super::files;
use crate::domain::limits::ReturnKind;

/// Name of the note inside the data folder.
pub const RETURNED_FILE: &str = "returned.json";

/// The note. Members that are not listed here are for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Returned {
    pub kind: ReturnKind,
    /// When it happened, wall time; tells one return from another.
    pub at: Timestamp,
    /// Where the data came from, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The generation that they had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
}

impl Returned {
    /// The note of a data folder.
    ///
    /// # Errors
    /// `Damaged` when there is one that cannot be read.
    pub fn read(data_dir: &Path) -> Result<Option<Self>, BackupError> {
        let path = data_dir.join(RETURNED_FILE);
        let Some(bytes) = files::read(&path)? else { return Ok(None) };
        let bad = |e: serde_json::Error| BackupError::Damaged { path: path.clone(), detail: e.to_string() };
        serde_json::from_slice(&bytes).map(Some).map_err(bad)
    }

    /// Leaves the note, durable.
    ///
    /// # Errors
    /// `Io`, `Full`.
    pub fn write(&self, data_dir: &Path) -> Result<(), BackupError> {
        let text = serde_json::to_vec(self).map_err(|e| BackupError::io(data_dir, &std::io::Error::other(e)))?;
        files::replace(&data_dir.join(RETURNED_FILE), &text)
    }

    /// Removes the note once it was acted on.
    ///
    /// # Errors
    /// `Io`.
    pub fn remove(data_dir: &Path) -> Result<(), BackupError> {
        let path = data_dir.join(RETURNED_FILE);
        match fs_err::remove_file(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(BackupError::io(&path, &e)),
            _ => files::sync_folder(data_dir).map_err(|e| BackupError::io(data_dir, &e)),
        }
    }
}
