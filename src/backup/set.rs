//! Making a backup: a consistent copy of the database beside what else belongs to the data, sealed into one
//! file, read back and compared, and only then given its name.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zeroize::{Zeroize, Zeroizing};

use super::archive::{Entry, Index, pack, unpack};
use super::container::{self, About, Container, Kind, Section, Unlocked};
use super::error::BackupError;
use super::files;
use super::keys::{Opening, WrappingKeys};
use crate::auth::{MASTER_KEY_FILE, USER_KEYS_FOLDER};
use crate::storage::{Contents, DATABASE_FILE, Store, contents_of};

/// Beginning and end of the name of a backup.
pub(super) const PREFIX: &str = "eggmoney-";
pub(super) const SUFFIX: &str = ".eggbackup";
/// What a file that is being written begins with.
pub(super) const UNFINISHED: &str = ".tmp-";
/// Folders of the data folder with market data.
const FOLDERS: [&str; 2] = ["masters", "history"];
/// Single files of the data folder, beside the database.
const FILES: [&str; 1] = ["calendar-nyse.toml"];
/// The configuration as it lies in a backup, and after a restore: it names addresses and paths of the machine
/// that it came from, so it is there to be read, and never used unasked.
pub const CONFIG_COPY: &str = "config-from-backup.toml";
/// What the volume of the data folder keeps free while a copy of the database lies there.
const SPARE: u64 = 64 << 20;

/// What a backup is made of.
#[derive(Clone)]
pub struct Source<'a> {
    pub data_dir: &'a Path,
    pub store: &'a Store,
    /// The configuration file, where there is one.
    pub config_file: Option<&'a Path>,
    pub installation: Uuid,
    pub generation: u64,
    pub keys: &'a WrappingKeys,
    /// Wall time.
    pub now: Timestamp,
    /// What the backup's volume keeps free, bytes.
    pub min_free: u64,
    /// Free bytes of a folder's volume; `None` where that is not known.
    pub free: fn(&Path) -> Option<u64>,
}

/// Where a backup goes.
#[derive(Clone, Copy, Debug)]
pub enum Destination<'a> {
    /// A file of this name, with the users' keys in it.
    File(&'a Path),
    /// The backup folder, whose users' keys are in a file of their own.
    Folder(&'a Path),
}

/// A backup that was made and read back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Made {
    /// Name of its file.
    pub name: String,
    pub bytes: u64,
    /// Bytes of what is in it.
    pub content_bytes: u64,
    pub contents: Contents,
}

/// What only the recovery key opens.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SecretKeys {
    /// The file of the master key, base64.
    pub master_key: Option<String>,
    /// Users' key files by name, base64; `None` where they are in a file of their own.
    pub user_keys: Option<BTreeMap<String, String>>,
}

impl Drop for SecretKeys {
    fn drop(&mut self) {
        self.master_key.zeroize();
        self.user_keys.iter_mut().flatten().for_each(|(_, key)| key.zeroize());
    }
}

impl SecretKeys {
    fn master(data_dir: &Path) -> Result<String, BackupError> {
        let path = data_dir.join(MASTER_KEY_FILE);
        let bytes = Zeroizing::new(fs_err::read(&path).map_err(|e| BackupError::io(&path, &e))?);
        Ok(BASE64.encode(&bytes))
    }

    fn users(data_dir: &Path) -> Result<BTreeMap<String, String>, BackupError> {
        let folder = data_dir.join(USER_KEYS_FOLDER);
        let mut users = BTreeMap::new();
        for name in files::names(&folder)?.into_iter().filter(|name| name.ends_with(".key")) {
            if let Some(bytes) = files::read(&folder.join(&name))?.map(Zeroizing::new) {
                users.insert(name, BASE64.encode(&bytes));
            }
        }
        Ok(users)
    }

    fn text(&self) -> io::Result<Zeroizing<Vec<u8>>> {
        serde_json::to_vec(self).map(Zeroizing::new).map_err(io::Error::other)
    }

    pub(super) fn read(file: &mut Container, unlocked: &Unlocked) -> Result<Self, BackupError> {
        file.read(unlocked, Section::Keys, |input| {
            let mut text = Zeroizing::new(Vec::new());
            input.read_to_end(&mut text)?;
            serde_json::from_slice(&text).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e.to_string()).into())
        })
    }
}

/// Name of the file of users' keys that a recovery key opens.
pub(super) fn user_keys_name(recovery_id: &str) -> String {
    format!("user-keys-{recovery_id}{SUFFIX}")
}

/// Writes the users' keys of a backup folder anew, so that those who are gone are in it no more.
///
/// # Errors
/// `Io`, `Full`.
pub fn write_user_keys(source: &Source<'_>, folder: &Path) -> Result<(), BackupError> {
    let path = folder.join(user_keys_name(&source.keys.recovery().id()));
    let secrets = SecretKeys { master_key: None, user_keys: Some(SecretKeys::users(source.data_dir)?) };
    let text = secrets.text().map_err(|e| BackupError::io(&path, &e))?;
    let about = source.about(Kind::UserKeys, 0, 0);
    let mut bytes = Vec::new();
    container::write(&mut bytes, &about, source.keys, vec![(Section::Keys, Box::new(|out| out.write_all(&text)))])
        .map_err(|e| BackupError::io(&path, &e))?;
    files::replace(&path, &bytes)
}

impl Source<'_> {
    fn about(&self, kind: Kind, schema: u64, content_bytes: u64) -> About {
        About { kind, installation: self.installation, generation: self.generation, schema, created_at: self.now, content_bytes }
    }

    fn require_room(&self, folder: &Path, needed: u64) -> Result<(), BackupError> {
        match (self.free)(folder) {
            Some(free) if free < needed => Err(BackupError::NoSpace { folder: folder.to_owned(), needed, free }),
            _ => Ok(()),
        }
    }

    /// Makes a backup.
    ///
    /// # Errors
    /// See [`BackupError`]; then there is no file of the backup's name.
    pub fn make(&self, destination: Destination<'_>) -> Result<Made, BackupError> {
        let folder = match destination {
            Destination::Folder(folder) => folder,
            Destination::File(path) if path.exists() => return Err(BackupError::Exists(path.to_owned())),
            Destination::File(path) => path.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new(".")),
        };
        let live = fs_err::metadata(self.data_dir.join(DATABASE_FILE)).map_or(0, |m| m.len());
        self.require_room(self.data_dir, live.saturating_add(SPARE))?;
        self.require_room(folder, live.saturating_add(self.min_free))?;
        let failed = |e: io::Error| BackupError::io(self.data_dir, &e);
        let work = tempfile::Builder::new().prefix(WORK).tempdir_in(self.data_dir).map_err(failed)?;
        let copy = work.path().join(DATABASE_FILE);
        self.store.snapshot_to(&copy)?;
        let contents = contents_of(&copy)?;
        let (index, mut opened) = self.index(&copy, contents)?;
        let inline = matches!(destination, Destination::File(_));
        let secrets = SecretKeys {
            master_key: Some(SecretKeys::master(self.data_dir)?),
            user_keys: if inline { Some(SecretKeys::users(self.data_dir)?) } else { None },
        };
        if !inline {
            // Before the backup that needs them can be seen.
            write_user_keys(self, folder)?;
        }
        let in_folder = |e: io::Error| BackupError::io(folder, &e);
        let mut target = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder).map_err(in_folder)?;
        let about = self.about(Kind::Set, index.contents.schema, index.bytes());
        let text = secrets.text().map_err(in_folder)?;
        let bytes = container::write(
            target.as_file_mut(),
            &about,
            self.keys,
            vec![(Section::Content, Box::new(|out| pack(out, &index, &mut opened))), (Section::Keys, Box::new(|out| out.write_all(&text)))],
        )
        .map_err(in_folder)?;
        target.as_file().sync_all().map_err(in_folder)?;
        drop(work);
        self.read_back(target.path(), &index, &secrets)?;
        let path = match destination {
            Destination::File(path) => path.to_owned(),
            Destination::Folder(folder) => folder.join(set_name(self.now, Uuid::new_v4())),
        };
        target.persist_noclobber(&path).map_err(|e| match e.error.kind() {
            io::ErrorKind::AlreadyExists => BackupError::Exists(path.clone()),
            _ => BackupError::io(&path, &e.error),
        })?;
        files::sync_folder(folder).map_err(in_folder)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Made { name, bytes, content_bytes: index.bytes(), contents: index.contents })
    }

    /// Everything that goes into the backup, open for reading: a file that is replaced meanwhile stays what it is.
    fn index(&self, copy: &Path, contents: Contents) -> Result<(Index, Vec<fs_err::File>), BackupError> {
        let mut paths: Vec<(String, PathBuf)> = vec![(DATABASE_FILE.to_owned(), copy.to_owned())];
        paths.extend(FILES.iter().map(|name| ((*name).to_owned(), self.data_dir.join(name))));
        paths.extend(self.config_file.map(|path| (CONFIG_COPY.to_owned(), path.to_owned())));
        for folder in FOLDERS {
            let path = self.data_dir.join(folder);
            for name in files::names(&path)?.into_iter().filter(|name| !name.starts_with('.')) {
                paths.push((format!("{folder}/{name}"), path.join(name)));
            }
        }
        let (mut index, mut opened) = (Index { entries: Vec::new(), contents }, Vec::new());
        for (name, path) in paths.into_iter().filter(|(_, path)| path.is_file()) {
            let failed = |e: io::Error| BackupError::io(&path, &e);
            let mut file = fs_err::File::open(&path).map_err(failed)?;
            index.entries.push(Entry::of(name, &mut file).map_err(failed)?);
            opened.push(file);
        }
        Ok((index, opened))
    }

    /// Reads what was written, from the disk, and compares it with what it was made of.
    fn read_back(&self, path: &Path, index: &Index, secrets: &SecretKeys) -> Result<(), BackupError> {
        let mut file = Container::open(path)?;
        file.check()?;
        let unlocked = file.unlock(&Opening::Recovery(self.keys.recovery().clone()))?;
        if let Some(passphrase) = self.keys.passphrase() {
            file.unlock(&Opening::Derived(passphrase.clone()))?;
        }
        let found = read_through(&mut file, &unlocked)?;
        if found != *index {
            return Err(BackupError::Differs("its files".to_owned()));
        }
        let keys = SecretKeys::read(&mut file, &unlocked)?;
        if keys.master_key != secrets.master_key || keys.user_keys != secrets.user_keys {
            return Err(BackupError::Differs("its keys".to_owned()));
        }
        Ok(())
    }
}

/// Beginning of the name of a folder with a copy that is being sealed.
pub(super) const WORK: &str = ".backup-";

/// Reads all files of a backup and compares them with its index, without writing anything.
pub(super) fn read_through(file: &mut Container, unlocked: &Unlocked) -> Result<Index, BackupError> {
    file.read(unlocked, Section::Content, |input| unpack(input, |_, _, bytes| Ok(io::copy(bytes, &mut io::sink()).map(drop)?)))
}

/// `eggmoney-20261121T183000Z-3f2a.eggbackup`
fn set_name(now: Timestamp, salt: Uuid) -> String {
    let salt: String = salt.simple().to_string().chars().take(4).collect();
    format!("{PREFIX}{}-{salt}{SUFFIX}", now.strftime("%Y%m%dT%H%M%SZ"))
}

/// What `eggmoney verify --backup` found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Checked {
    pub created_at: Timestamp,
    pub version: String,
    pub bytes: u64,
    /// `None` without a key: then only the checksum of the file was compared.
    pub contents: Option<Contents>,
    /// The master key is in it and can be read with what was given.
    pub keys: bool,
}

/// Checks a backup: its checksum, and with a key every file in it.
///
/// # Errors
/// See [`BackupError`].
pub fn verify(path: &Path, opening: Option<&Opening>) -> Result<Checked, BackupError> {
    let mut file = Container::open(path)?;
    if file.header().kind != Kind::Set {
        return Err(BackupError::NoSet);
    }
    file.check()?;
    let (header, bytes) = (file.header().clone(), file.length());
    let (mut contents, mut keys) = (None, false);
    if let Some(opening) = opening {
        let unlocked = file.unlock(opening)?;
        contents = Some(read_through(&mut file, &unlocked)?.contents);
        keys = unlocked.has_keys() && SecretKeys::read(&mut file, &unlocked)?.master_key.is_some();
    }
    Ok(Checked { created_at: header.created_at, version: header.version, bytes, contents, keys })
}
