//! Restoring: everything is unpacked and checked beside the data; one small file then says that it counts,
//! and only after that old and new change places by renames. A process that is killed before that file leaves
//! the old data as they were; one that is killed after it is brought to its end by whoever comes next.

use std::io;
use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::archive::{unpack, write_file};
use super::container::{Container, Kind, ReadError, Section};
use super::error::BackupError;
use super::files;
use super::folder;
use super::keys::{Opening, PassphraseKey, WrappingKeys};
use super::returned::{RETURNED_FILE, Returned};
use super::set::{CONFIG_COPY, SecretKeys, WORK, user_keys_name};
use super::state::{self, BackupState};
use crate::auth::{
    MASTER_KEY_FILE, MasterKey, NEXT_MASTER_KEY_FILE, RECOVERY_CODE_FILE, SETUP_CODE_FILE, USER_KEYS_FOLDER, Vault, forget_sealed,
};
use crate::domain::limits::ReturnKind;
use crate::storage::{Contents, DATABASE_FILE, Store, StoreError, contents_of, keep_out};

/// Beginning of the name of a folder that is being filled.
const STAGING: &str = ".restore-";
/// Whoever fills such a folder holds a lock on this file in it.
const LOCK: &str = "lock";
/// The file that makes a restore count.
const COMMIT: &str = "restore-commit.json";
/// Beginning of the name of the folder with the data of before.
pub const ASIDE: &str = "before-restore-";
/// What belongs to the data, and changes places; the database first.
const NAMES: [&str; 12] = [
    DATABASE_FILE,
    MASTER_KEY_FILE,
    NEXT_MASTER_KEY_FILE,
    USER_KEYS_FOLDER,
    "masters",
    "history",
    "calendar-nyse.toml",
    SETUP_CODE_FILE,
    RECOVERY_CODE_FILE,
    "staging",
    CONFIG_COPY,
    RETURNED_FILE,
];
/// Left free beyond what is unpacked.
const SPARE: u64 = 32 << 20;

/// What a restore did.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Restored {
    /// When the backup was made.
    pub created_at: Timestamp,
    pub contents: Contents,
    /// Secrets of users can be read: the recovery key was given, and their keys were there.
    pub secrets: bool,
    /// Users whose key was not found: they enter their broker keys again.
    pub without_key: usize,
    /// Where the data of before are; `None` when there were none.
    pub aside: Option<PathBuf>,
}

/// What is done with a restore that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Step {
    /// The old data are put aside.
    Aside,
    /// The new ones take their places.
    Place,
}

#[derive(Clone, Serialize, Deserialize)]
struct Commit {
    staged: String,
    aside: String,
    step: Step,
}

/// A backup unpacked into a folder.
pub(super) struct Unpacked {
    pub contents: Contents,
    pub created_at: Timestamp,
    pub generation: u64,
    pub secrets: bool,
    pub users: usize,
}

/// Unpacks a backup into an empty folder and compares the database with what it was.
pub(super) fn unpack_into(path: &Path, opening: &Opening, folder: &Path, free: fn(&Path) -> Option<u64>) -> Result<Unpacked, BackupError> {
    let mut file = Container::open(path)?;
    if file.header().kind != Kind::Set {
        return Err(BackupError::NoSet);
    }
    file.check()?;
    let header = file.header().clone();
    let unlocked = file.unlock(opening)?;
    let needed = header.content_bytes.saturating_add(SPARE);
    if let Some(free) = free(folder).filter(|free| *free < needed) {
        return Err(BackupError::NoSpace { folder: folder.to_owned(), needed, free });
    }
    let index = file.read(&unlocked, Section::Content, |input| unpack(input, |_, entry, bytes| write_file(folder, entry, bytes)))?;
    let found = contents_of(&folder.join(DATABASE_FILE))?;
    if found != index.contents {
        return Err(BackupError::Damaged { path: path.to_owned(), detail: "its database is not what it was".to_owned() });
    }
    let mut users = 0;
    if unlocked.has_keys() {
        let keys = SecretKeys::read(&mut file, &unlocked)?;
        write_key(&folder.join(MASTER_KEY_FILE), keys.master_key.as_deref())?;
        let beside = if keys.user_keys.is_none() { user_keys_beside(path, opening) } else { None };
        let parts = keys.user_keys.as_ref().or(beside.as_ref().and_then(|b| b.user_keys.as_ref()));
        for (name, key) in parts.into_iter().flatten() {
            // The names come out of a sealed file; one that is no user's is left out all the same.
            if name.strip_suffix(".key").is_some_and(|id| uuid::Uuid::parse_str(id).is_ok()) {
                let keys = folder.join(USER_KEYS_FOLDER);
                files::private_folder(&keys).map_err(|e| BackupError::io(&keys, &e))?;
                write_key(&keys.join(name), Some(key))?;
                users += 1;
            }
        }
    }
    Ok(Unpacked {
        contents: index.contents,
        created_at: header.created_at,
        generation: header.generation,
        secrets: unlocked.has_keys(),
        users,
    })
}

/// The users' keys in a file of their own beside a backup. Without them the rest is restored all the same.
fn user_keys_beside(path: &Path, opening: &Opening) -> Option<SecretKeys> {
    let Opening::Recovery(recovery) = opening else { return None };
    let beside = path.parent().unwrap_or(Path::new(".")).join(user_keys_name(&recovery.id()));
    let read = || -> Result<SecretKeys, BackupError> {
        let mut file = Container::open(&beside)?;
        file.check()?;
        let unlocked = file.unlock(opening)?;
        SecretKeys::read(&mut file, &unlocked)
    };
    match read() {
        Ok(keys) => Some(keys),
        Err(error) => {
            tracing::warn!(%error, "the users' keys cannot be read");
            None
        }
    }
}

fn write_key(path: &Path, key: Option<&str>) -> Result<(), BackupError> {
    let failed = |e: io::Error| BackupError::io(path, &e);
    let bad = || BackupError::Damaged { path: path.to_owned(), detail: "its keys cannot be read".to_owned() };
    let bytes = Zeroizing::new(BASE64.decode(key.ok_or_else(bad)?.as_bytes()).map_err(|_| bad())?);
    let mut file = files::create_private(path).map_err(failed)?;
    io::Write::write_all(&mut file, &bytes).and_then(|()| file.sync_all()).map_err(failed)
}

impl From<StoreError> for ReadError {
    fn from(error: StoreError) -> Self {
        BackupError::from(error).into()
    }
}

/// Restores a backup, or the newest one of a folder, into a data folder. `now` is wall time.
///
/// # Errors
/// See [`BackupError`]; unless the error comes after the commit, everything is as it was.
pub fn restore(
    from: &Path,
    data_dir: &Path,
    opening: &Opening,
    now: Timestamp,
    free: fn(&Path) -> Option<u64>,
) -> Result<Restored, BackupError> {
    let from = if from.is_dir() { folder::newest(from)? } else { from.to_owned() };
    let failed = |e: io::Error| BackupError::io(data_dir, &e);
    // What is wrong with the backup is told before anything is made.
    Container::open(&from)?.unlock(opening)?;
    files::private_folder(data_dir).map_err(failed)?;
    finish(data_dir)?;
    let in_use = |error| match error {
        StoreError::Locked(_) => BackupError::InUse(data_dir.to_owned()),
        other => other.into(),
    };
    let kept_out = keep_out(data_dir).map_err(in_use)?;
    let staged = tempfile::Builder::new().prefix(STAGING).tempdir_in(data_dir).map_err(failed)?;
    let lock = files::create_private(&staged.path().join(LOCK)).map_err(failed)?;
    lock.file().try_lock().map_err(|e| failed(e.into()))?;
    let unpacked = unpack_into(&from, opening, staged.path(), free)?;
    if !unpacked.secrets {
        lose_secrets(staged.path(), opening, now)?;
    }
    let people = count_users(staged.path())?;
    let returned = Returned {
        kind: ReturnKind::Restore,
        at: now,
        from: from.file_name().map(|n| n.to_string_lossy().into_owned()),
        generation: Some(unpacked.generation),
    };
    returned.write(staged.path())?;
    for folder in [Some(USER_KEYS_FOLDER), Some("masters"), Some("history"), None] {
        let path = folder.map_or_else(|| staged.path().to_owned(), |name| staged.path().join(name));
        if path.is_dir() {
            files::sync_folder(&path).map_err(failed)?;
        }
    }
    if data_dir.join(DATABASE_FILE).exists() {
        // Still nobody came.
        drop(kept_out);
        drop(keep_out(data_dir).map_err(in_use)?);
    }
    let had_data = NAMES.iter().any(|name| data_dir.join(name).exists());
    let aside = format!("{ASIDE}{}", now.strftime("%Y%m%dT%H%M%SZ"));
    let name = staged.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
    write_commit(data_dir, &Commit { staged: name, aside: aside.clone(), step: Step::Aside })?;
    // From here on it counts: what is staged must not go with this process.
    let _ = staged.keep();
    finish(data_dir)?;
    Ok(Restored {
        created_at: unpacked.created_at,
        contents: unpacked.contents,
        secrets: unpacked.secrets,
        without_key: if unpacked.secrets { people.saturating_sub(unpacked.users) } else { people },
        aside: had_data.then(|| data_dir.join(aside)),
    })
}

/// Users with a data key, of a database that is not migrated.
fn count_users(folder: &Path) -> Result<usize, BackupError> {
    let store = Store::open(folder)?;
    let counted = store.read(|view| {
        let mut users = 0;
        for user in view.user_ids()? {
            users += usize::from(!view.user(user).keys(&crate::storage::tables::DATA_KEYS, &crate::storage::Key::new())?.is_empty());
        }
        Ok::<_, StoreError>(users)
    });
    Ok(counted?)
}

/// Without the recovery key nothing opens that was sealed: it goes, and a new master key begins.
fn lose_secrets(folder: &Path, opening: &Opening, now: Timestamp) -> Result<(), BackupError> {
    let master = MasterKey::load_or_create(folder, false, None)?;
    let store = Store::open(folder)?;
    forget_sealed(&store, now)?;
    let vault = Vault::open_over(&store, folder, &master)?;
    // There will be another recovery key, which nobody has seen.
    store.write_blocking(|tx| {
        state::change_state(tx, |state| *state = BackupState { first_at: state.first_at, ..BackupState::default() }).map(drop)
    })?;
    // The passphrase that has just opened it goes on to open the backups to come.
    if let Opening::Passphrase(passphrase) = opening {
        let key = PassphraseKey::derive_from(passphrase)?;
        store.write_blocking(move |tx| {
            WrappingKeys::put_passphrase(&vault, tx, Some(&key))?;
            Ok::<_, BackupError>(state::change_state(tx, |state| state.passphrase_at = Some(now)).map(drop)?)
        })?;
    }
    Ok(())
}

/// Brings a restore that counts to its end, and removes what others left. The data folder must exist.
///
/// # Errors
/// `Io`, `Full`; it can be called again.
pub fn finish(data_dir: &Path) -> Result<bool, BackupError> {
    let marker = data_dir.join(COMMIT);
    let done = match files::read(&marker)? {
        None => false,
        Some(text) => {
            let bad = |e: serde_json::Error| BackupError::Damaged { path: marker.clone(), detail: e.to_string() };
            let commit: Commit = serde_json::from_slice(&text).map_err(bad)?;
            change_places(data_dir, &commit)?;
            true
        }
    };
    sweep(data_dir)?;
    Ok(done)
}

fn change_places(data_dir: &Path, commit: &Commit) -> Result<(), BackupError> {
    let failed = |e: io::Error| BackupError::io(data_dir, &e);
    let (staged, aside) = (data_dir.join(&commit.staged), data_dir.join(&commit.aside));
    let moved = |from: &Path, to: &Path| match fs_err::rename(from, to) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(failed(e)),
        _ => Ok(()),
    };
    if commit.step == Step::Aside {
        // Nothing new has its place yet: what is there is old.
        for name in NAMES.into_iter().filter(|name| data_dir.join(name).exists()) {
            files::private_folder(&aside).map_err(failed)?;
            moved(&data_dir.join(name), &aside.join(name))?;
        }
        if aside.exists() {
            files::sync_folder(&aside).map_err(failed)?;
        }
        files::sync_folder(data_dir).map_err(failed)?;
        write_commit(data_dir, &Commit { step: Step::Place, ..commit.clone() })?;
    }
    // The database last: a folder with it is whole.
    for name in NAMES.into_iter().rev().filter(|name| staged.join(name).exists()) {
        if name == DATABASE_FILE {
            files::sync_folder(data_dir).map_err(failed)?;
        }
        moved(&staged.join(name), &data_dir.join(name))?;
    }
    files::sync_folder(data_dir).map_err(failed)?;
    match fs_err::remove_file(data_dir.join(COMMIT)) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(failed(e)),
        _ => {}
    }
    if let Err(error) = fs_err::remove_dir_all(&staged) {
        tracing::debug!(%error, "the folder of a restore was gone already");
    }
    files::sync_folder(data_dir).map_err(failed)
}

fn write_commit(data_dir: &Path, commit: &Commit) -> Result<(), BackupError> {
    let text = serde_json::to_vec(commit).map_err(|e| BackupError::io(data_dir, &io::Error::other(e)))?;
    files::replace(&data_dir.join(COMMIT), &text)
}

/// Removes folders that killed processes left, unless somebody is working in them.
fn sweep(data_dir: &Path) -> Result<(), BackupError> {
    for name in files::names(data_dir)? {
        let path = data_dir.join(&name);
        let left = name.starts_with(STAGING) && fs_err::File::open(path.join(LOCK)).is_ok_and(|lock| lock.file().try_lock().is_ok());
        if left {
            fs_err::remove_dir_all(&path).map_err(|e| BackupError::io(&path, &e))?;
        }
    }
    Ok(())
}

/// Removes copies that a killed process was about to seal. The caller has the database, so nobody is making one.
///
/// # Errors
/// `Io`.
pub fn sweep_copies(data_dir: &Path) -> Result<(), BackupError> {
    for name in files::names(data_dir)?.into_iter().filter(|name| name.starts_with(WORK)) {
        let path = data_dir.join(name);
        fs_err::remove_dir_all(&path).map_err(|e| BackupError::io(&path, &e))?;
    }
    Ok(())
}
