//! The server's own log: JSON lines in `DIR/logs`, in files of bounded size and number, and a reader
//! that goes through them from the newest line backwards.

mod files;
mod reader;

use std::path::{Path, PathBuf};

use jiff::civil::Date;

pub use files::{CappedFiles, Limits};
pub use reader::{LogFilter, LogLevel, LogLine, LogPage, Position, read};

/// Lines of the access log carry this target.
pub const ACCESS: &str = "eggmoney::access";

/// Folder of the log files in the data folder.
pub fn folder(data_dir: &Path) -> PathBuf {
    data_dir.join("logs")
}

const PREFIX: &str = "eggmoney.";
const SUFFIX: &str = ".log";

/// A log file's place among the others: the day (UTC) on which it was begun and its number on that
/// day. Files of earlier versions have no number and come first on their day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FileId {
    date: Date,
    number: u32,
}

impl FileId {
    fn of(name: &str) -> Option<Self> {
        Self::from_text(name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?)
    }

    /// `2026-11-22.3`
    fn from_text(text: &str) -> Option<Self> {
        let (date, number) = match text.split_once('.') {
            Some((date, number)) => (date, number.parse().ok()?),
            None => (text, 0),
        };
        let id = Self { date: date.parse().ok()?, number };
        // One name for one file: `03` would be another file than `3`.
        (id.text() == text).then_some(id)
    }

    fn text(self) -> String {
        if self.number == 0 { self.date.to_string() } else { format!("{}.{}", self.date, self.number) }
    }

    fn path(self, folder: &Path) -> PathBuf {
        folder.join(format!("{PREFIX}{}{SUFFIX}", self.text()))
    }
}

/// The log files of a folder with their sizes, oldest first.
fn list(folder: &Path) -> std::io::Result<Vec<(FileId, u64)>> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        if let Some(id) = entry.file_name().to_str().and_then(FileId::of) {
            // A file that was removed meanwhile is none.
            found.extend(entry.metadata().ok().map(|m| (id, m.len())));
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// When the log was last written to; `None` when there is none.
pub fn last_written(data_dir: &Path) -> Option<jiff::Timestamp> {
    let folder = folder(data_dir);
    let (newest, _) = list(&folder).ok()?.pop()?;
    let changed = fs_err::metadata(newest.path(&folder)).ok()?.modified().ok()?;
    jiff::Timestamp::try_from(changed).ok()
}
