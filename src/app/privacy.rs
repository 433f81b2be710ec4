//! The data are for the program's own user: what it makes is private from the start, what an older
//! version or a person left readable is made so. Only things known to be the program's are touched,
//! whatever folder it was given.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::backups::BACKUPS_FOLDER;
use super::first_start::FIRST_START_FILE;
use super::release::PROGRAM_FOLDER;
use super::state::CALENDAR_FILE;
use crate::auth::{MASTER_KEY_FILE, NEXT_MASTER_KEY_FILE, RECOVERY_CODE_FILE, SETUP_CODE_FILE, USER_KEYS_FOLDER};
use crate::backup::{ASIDE, CONFIG_COPY, RETURNED_FILE};
use crate::storage::DATABASE_FILE;

/// What holds data of people; folders with everything in them. The master key is not among them: one
/// that others could read is refused, because its owner must know.
const PRIVATE: [&str; 9] =
    [USER_KEYS_FOLDER, DATABASE_FILE, SETUP_CODE_FILE, RECOVERY_CODE_FILE, "logs", "snapshots", "staging", PROGRAM_FOLDER, BACKUPS_FOLDER];
/// What else the program or its owner keeps in the folder.
const KNOWN: [&str; 10] = [
    MASTER_KEY_FILE,
    NEXT_MASTER_KEY_FILE,
    CALENDAR_FILE,
    FIRST_START_FILE,
    RETURNED_FILE,
    "control.sock",
    "config.toml",
    "simulated-broker.json",
    CONFIG_COPY,
    "masters",
];
/// Permissions of everybody but the owner.
const OTHERS: u32 = 0o077;

/// What [`tighten`] found.
#[derive(Debug, Default)]
pub struct Tightened {
    /// Private now, with the mode before.
    closed: Vec<(PathBuf, u32)>,
    /// Others may read these still, and why.
    open: Vec<(PathBuf, String)>,
}

impl Tightened {
    /// Tells the owner, in one line for each kind.
    pub fn log(&self) {
        let list = |paths: Vec<String>| paths.join(", ");
        if !self.closed.is_empty() {
            let paths = list(self.closed.iter().map(|(path, mode)| format!("{} ({mode:o})", path.display())).collect());
            tracing::warn!(%paths, "other users of this machine could read data: these are private now");
        }
        if !self.open.is_empty() {
            let paths = list(self.open.iter().map(|(path, reason)| format!("{} ({reason})", path.display())).collect());
            tracing::warn!(%paths, "other users of this machine may read data: run chmod go= on these");
        }
    }

    fn close(&mut self, path: &Path, owner: u32) {
        // Not followed: what a link points to is not ours to judge.
        let Ok(data) = path.symlink_metadata() else { return };
        let mode = data.mode() & 0o7777;
        if data.is_symlink() {
            return;
        }
        if mode & OTHERS != 0 {
            let closed = if data.uid() == owner {
                fs_err::set_permissions(path, std::fs::Permissions::from_mode(mode & !OTHERS)).map_err(|e| e.to_string())
            } else {
                Err("it belongs to another user".to_owned())
            };
            match closed {
                Ok(()) => self.closed.push((path.to_path_buf(), mode)),
                Err(reason) => self.open.push((path.to_path_buf(), reason)),
            }
        }
        if data.is_dir() {
            for name in names(path) {
                self.close(&path.join(name), owner);
            }
        }
    }
}

/// Makes what is in a data folder private to `owner`, the user that the program runs as; the folder
/// itself, too, if it holds nothing else.
pub(super) fn tighten(dir: &Path, owner: u32) -> Tightened {
    let mut tightened = Tightened::default();
    for name in PRIVATE {
        tightened.close(&dir.join(name), owner);
    }
    // Names with these signs are the system's, like the NAS's own index of a shared folder.
    let ours = |name: &str| PRIVATE.contains(&name) || KNOWN.contains(&name) || name.starts_with(['.', '@']) || name.starts_with(ASIDE);
    let shared = names(dir).into_iter().find(|name| !ours(name));
    match (dir.metadata(), shared) {
        (Ok(data), None) if data.uid() == owner && data.mode() & OTHERS != 0 => {
            let mode = data.mode() & 0o7777;
            match fs_err::set_permissions(dir, std::fs::Permissions::from_mode(mode & !OTHERS)) {
                Ok(()) => tightened.closed.push((dir.to_path_buf(), mode)),
                Err(error) => tightened.open.push((dir.to_path_buf(), error.to_string())),
            }
        }
        _ => {}
    }
    tightened
}

/// What of the data others can read, or belongs to another user.
pub(super) fn readable_by_others(dir: &Path, owner: u32) -> Vec<PathBuf> {
    fn look(path: &Path, owner: u32, found: &mut Vec<PathBuf>) {
        let Ok(data) = path.symlink_metadata() else { return };
        if data.is_symlink() {
            return;
        }
        if data.mode() & OTHERS != 0 || data.uid() != owner {
            found.push(path.to_path_buf());
        } else if data.is_dir() {
            names(path).iter().for_each(|name| look(&path.join(name), owner, found));
        }
    }
    let mut found = Vec::new();
    PRIVATE.iter().chain([&MASTER_KEY_FILE]).for_each(|name| look(&dir.join(name), owner, &mut found));
    found
}

fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs_err::read_dir(folder) else { return Vec::new() };
    entries.filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(dir: &Path, name: &str, mode: u32) {
        let path = dir.join(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(&path, b"data").unwrap();
        set(&path, mode);
    }

    fn set(path: &Path, mode: u32) {
        fs_err::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().mode() & 0o777
    }

    fn owner(dir: &Path) -> u32 {
        dir.metadata().unwrap().uid()
    }

    #[test]
    fn what_others_could_read_becomes_private_once() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        for name in [DATABASE_FILE, "logs/eggmoney.2026-05-14.log", "snapshots/before.redb", "staging/id/egg.db", CALENDAR_FILE] {
            put(dir, name, 0o644);
        }
        for name in ["logs", "snapshots", "staging/id", "staging"] {
            set(&dir.join(name), 0o755);
        }
        set(dir, 0o755);
        let found = tighten(dir, owner(dir));
        assert_eq!((found.closed.len(), found.open.len()), (9, 0), "{found:?}");
        for name in [DATABASE_FILE, "logs/eggmoney.2026-05-14.log", "snapshots/before.redb", "staging/id/egg.db"] {
            assert_eq!(mode(&dir.join(name)), 0o600, "{name}");
        }
        for name in ["", "logs", "snapshots", "staging", "staging/id"] {
            assert_eq!(mode(&dir.join(name)), 0o700, "{name}");
        }
        assert_eq!(mode(&dir.join(CALENDAR_FILE)), 0o644, "there is nothing of anybody in it");
        let again = tighten(dir, owner(dir));
        assert!(again.closed.is_empty() && again.open.is_empty(), "{again:?}");
    }

    #[test]
    fn a_folder_with_other_things_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        put(dir, DATABASE_FILE, 0o644);
        put(dir, "holiday.jpg", 0o644);
        put(dir, MASTER_KEY_FILE, 0o644);
        set(dir, 0o755);
        std::os::unix::fs::symlink(dir.join("holiday.jpg"), dir.join("logs")).unwrap();
        let found = tighten(dir, owner(dir));
        assert_eq!(found.closed, [(dir.join(DATABASE_FILE), 0o644)]);
        assert_eq!((mode(dir), mode(&dir.join("holiday.jpg")), mode(&dir.join(MASTER_KEY_FILE))), (0o755, 0o644, 0o644));
    }

    #[test]
    fn what_belongs_to_another_user_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        put(dir, DATABASE_FILE, 0o644);
        let found = tighten(dir, owner(dir) + 1);
        assert_eq!((found.closed.len(), found.open.len(), mode(&dir.join(DATABASE_FILE))), (0, 1, 0o644));
        assert!(found.open[0].1.contains("another user"), "{found:?}");
    }
}
