//! Which release this program is, what it leaves for those before and after it, and what its
//! supervisor left for it: small files in the data folder, written whole or not at all.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::backup::RETURNED_FILE;
use crate::storage::{Saved, StoreError};

/// Folder in the data folder with kept programs and what is known of them.
pub const PROGRAM_FOLDER: &str = "program";
/// File in that folder while the release before may still come back.
pub const WAY_BACK_FILE: &str = "way-back.json";
/// File in that folder with what the supervisor has to tell.
pub const STOPS_FILE: &str = "stops.json";

/// Longest name of a release.
const LONGEST: usize = 32;

/// The release of a program as its package says in `<program>.version`; `None` when it does not.
pub fn release_of(program: &Path) -> Option<String> {
    let mut beside = program.as_os_str().to_owned();
    beside.push(".version");
    let text = fs_err::read_to_string(PathBuf::from(beside)).ok()?;
    let name = text.trim();
    let sound = (1..=LONGEST).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b));
    sound.then(|| name.to_owned())
}

/// The release of the running program.
pub fn release() -> String {
    let packaged = std::env::current_exe().ok().and_then(|program| release_of(&program));
    packaged.unwrap_or_else(|| env!("CARGO_PKG_VERSION").to_owned())
}

/// A release that has just taken over can be undone with this.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WayBack {
    pub from: Option<String>,
    pub to: String,
    /// File in the folder of snapshots.
    pub snapshot: String,
    pub at: Timestamp,
}

/// Notes the way back before the data are changed.
pub(super) fn open_way_back(data_dir: &Path, saved: &Saved, at: Timestamp) -> Result<(), StoreError> {
    let Saved { snapshot, from, to } = saved.clone();
    write_json(&way_back_file(data_dir), &WayBack { from, to, snapshot, at }).map_err(|e| StoreError::Io(e.to_string()))
}

/// Where the way back is noted.
pub fn way_back_file(data_dir: &Path) -> PathBuf {
    data_dir.join(PROGRAM_FOLDER).join(WAY_BACK_FILE)
}

/// The note of the way back, where there is one. Data that were put back meanwhile are not those that it
/// tells of: it is closed then.
pub(super) fn way_back(data_dir: &Path) -> io::Result<Option<PathBuf>> {
    let note = way_back_file(data_dir);
    if data_dir.join(RETURNED_FILE).exists() && note.exists() {
        fs_err::remove_file(&note)?;
    }
    Ok(Some(note).filter(|note| note.exists()))
}

/// What happened while nobody could tell anybody.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stops {
    /// How often the server ended without being told to, or did not answer any more.
    #[serde(default)]
    pub times: u32,
    pub first: Option<Timestamp>,
    pub last: Option<Timestamp>,
    /// How it ended the last time, in words.
    #[serde(default)]
    pub how: String,
    /// A release that was tried and did not come up.
    pub undone: Option<Undone>,
}

/// A release that was tried and did not come up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undone {
    pub from: String,
    pub to: String,
    pub reason: String,
    pub at: Timestamp,
}

/// Writes a file and its name to the disk; whoever reads sees the old content or the new.
///
/// # Errors
/// When the folder cannot be written.
pub fn write_json(path: &Path, value: &impl Serialize) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(folder)?;
    serde_json::to_writer_pretty(&mut file, value)?;
    file.write_all(b"\n")?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|e| e.error)?;
    fs_err::File::open(folder)?.sync_all()
}

/// The content of a file; `None` when there is none, or nothing that can be understood.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&fs_err::read(path).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_that_were_put_back_close_the_way_back() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(way_back(dir.path()).unwrap(), None);
        let saved = Saved { snapshot: "s.redb".to_owned(), from: Some("1".to_owned()), to: "2".to_owned() };
        open_way_back(dir.path(), &saved, Timestamp::UNIX_EPOCH).unwrap();
        let note: WayBack = read_json(&way_back(dir.path()).unwrap().unwrap()).unwrap();
        assert_eq!((note.snapshot.as_str(), note.to.as_str()), ("s.redb", "2"));
        fs_err::write(dir.path().join(RETURNED_FILE), "{}").unwrap();
        assert_eq!(way_back(dir.path()).unwrap(), None);
        assert!(!way_back_file(dir.path()).exists());
    }

    #[test]
    fn a_release_is_what_stands_beside_the_program() {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("eggmoney");
        let beside = dir.path().join("eggmoney.version");
        assert_eq!(release_of(&program), None);
        for (text, wanted) in [
            ("0.2.0-0045\n", Some("0.2.0-0045")),
            ("0.2.0", Some("0.2.0")),
            ("", None),
            ("../../etc/passwd", None),
            ("a very long name of a release, longer than any", None),
        ] {
            fs_err::write(&beside, text).unwrap();
            assert_eq!(release_of(&program).as_deref(), wanted, "{text}");
        }
        assert_eq!(release(), env!("CARGO_PKG_VERSION"), "a program that was not packaged");
    }
}
