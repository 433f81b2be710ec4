//! The keys behind the vault. The master key wraps the users' data keys; a new one is a new generation, and
//! the store says which generation counts, so that a rotation holds from the very commit that made it. Half
//! of what unwraps a user's data key is a file of the user's own beside the database: when that file is gone,
//! no copy of the database gives the data key away any more, whoever has the master key.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use ring::hmac;
use zeroize::Zeroizing;

use super::error::VaultError;
use super::master_key::MasterKey;
use super::seal::{SealingKey, open, seal};
use super::{create_private, random_bytes};
use crate::domain::id::UserId;
use crate::storage::tables::{DATA_KEYS, META, Number, Sealed};
use crate::storage::{Key, StoreError, UserTx, UserView, View};

/// Folder of the users' key files inside the data folder.
pub const USER_KEYS_FOLDER: &str = "keys";

const PART: usize = 32;
/// Generation of a master key that was never rotated.
const FIRST: u32 = 1;

/// A master key's uses.
pub(super) struct Master {
    pub wrapping: SealingKey,
    pub app_keys: hmac::Key,
}

impl Master {
    fn new(key: &MasterKey) -> Self {
        Self { wrapping: key.derive("wrap-data-keys"), app_keys: hmac::Key::new(hmac::HMAC_SHA256, key.derive("app-key-owner").as_slice()) }
    }
}

/// Master keys by generation, and where the users' key files are.
pub(super) struct Keyring {
    masters: RwLock<BTreeMap<u32, Arc<Master>>>,
    /// `None` without a data folder: data keys then hang on the master key alone.
    folder: Option<PathBuf>,
}

fn meta_key() -> Key {
    Key::new().raw(b"master_generation")
}

fn of_row(row: Option<Number>) -> u32 {
    row.and_then(|Number(n)| u32::try_from(n).ok()).unwrap_or(FIRST)
}

/// The generation of the master key that a state of the store was written with.
pub(super) fn generation(view: &View<'_>) -> Result<u32, StoreError> {
    Ok(of_row(view.get(&META, &meta_key())?))
}

impl Keyring {
    pub(super) fn new(master: &MasterKey, generation: u32, data_dir: Option<&Path>) -> Self {
        let masters = RwLock::new(BTreeMap::from([(generation, Arc::new(Master::new(master)))]));
        Self { masters, folder: data_dir.map(|dir| dir.join(USER_KEYS_FOLDER)) }
    }

    pub(super) fn alone(master: &MasterKey) -> Self {
        Self::new(master, FIRST, None)
    }

    pub(super) fn has_folder(&self) -> bool {
        self.folder.is_some()
    }

    pub(super) fn master(&self, generation: u32) -> Result<Arc<Master>, VaultError> {
        let masters = self.masters.read().unwrap_or_else(PoisonError::into_inner);
        masters.get(&generation).cloned().ok_or(VaultError::Unreadable)
    }

    /// The master key of what a view sees.
    pub(super) fn present(&self, view: &View<'_>) -> Result<(u32, Arc<Master>), VaultError> {
        let generation = generation(view)?;
        Ok((generation, self.master(generation)?))
    }

    /// Makes a master key known before the store names its generation.
    pub(super) fn admit(&self, generation: u32, master: &MasterKey) {
        self.masters.write().unwrap_or_else(PoisonError::into_inner).insert(generation, Arc::new(Master::new(master)));
    }

    pub(super) fn forget(&self, generation: u32) {
        self.masters.write().unwrap_or_else(PoisonError::into_inner).remove(&generation);
    }

    /// The data keys of a user, newest last.
    pub(super) fn versions(view: &UserView<'_>) -> Result<Vec<u32>, StoreError> {
        let version = |key: Vec<u8>| <[u8; 8]>::try_from(key.as_slice()).ok().and_then(|k| u32::try_from(u64::from_be_bytes(k)).ok());
        let bad = || StoreError::Corrupt("data key without a version".to_owned());
        view.keys(&DATA_KEYS, &Key::new())?.into_iter().map(|key| version(key).ok_or_else(bad)).collect()
    }

    /// The user's newest data key; the first is made here.
    pub(super) fn current_data_key(&self, tx: &mut UserTx<'_>) -> Result<(u32, SealingKey), VaultError> {
        match Self::versions(&tx.view())?.last() {
            Some(version) => Ok((*version, self.data_key(&tx.view(), *version)?)),
            None => self.make_data_key(tx, 1),
        }
    }

    /// A data key by its version.
    pub(super) fn data_key(&self, view: &UserView<'_>, version: u32) -> Result<SealingKey, VaultError> {
        let wrapped = view.get(&DATA_KEYS, &data_key_key(version))?.ok_or(VaultError::Unreadable)?;
        self.unwrap(view.user_id(), version, &wrapped)
    }

    /// Makes and stores a new data key.
    pub(super) fn make_data_key(&self, tx: &mut UserTx<'_>, version: u32) -> Result<(u32, SealingKey), VaultError> {
        let key = Zeroizing::new(random_bytes::<32>());
        let generation = of_row(tx.of_installation(&META, &meta_key())?);
        let wrapped = self.wrap(generation, tx.user_id(), version, &key)?;
        tx.put(&DATA_KEYS, &data_key_key(version), &wrapped)?;
        Ok((version, key))
    }

    pub(super) fn wrap(&self, generation: u32, user: UserId, version: u32, key: &SealingKey) -> Result<Sealed, VaultError> {
        let master = self.master(generation)?;
        let part = self.part_or_make(user)?;
        let wrapping = both(&master.wrapping, part.as_ref());
        let aad = data_key_aad(user, version, generation, part.is_some());
        Ok(Sealed { in_two_parts: part.is_some(), ..seal(&wrapping, generation, &aad, key.as_slice())? })
    }

    pub(super) fn unwrap(&self, user: UserId, version: u32, wrapped: &Sealed) -> Result<SealingKey, VaultError> {
        let (generation, master) = (wrapped.key_version, self.master(wrapped.key_version)?);
        let part = if wrapped.in_two_parts { Some(self.part(user)?.ok_or(VaultError::Unreadable)?) } else { None };
        let wrapping = both(&master.wrapping, part.as_ref());
        let plain = open(&wrapping, wrapped, &data_key_aad(user, version, generation, part.is_some()))?;
        <[u8; 32]>::try_from(plain.as_slice()).map(Zeroizing::new).map_err(|_| VaultError::Unreadable)
    }

    /// Notes in the store that another master key counts from now on.
    pub(super) fn write_generation(tx: &mut crate::storage::Tx<'_>, generation: u32) -> Result<(), StoreError> {
        tx.put(&META, &meta_key(), &Number(u64::from(generation)))
    }

    fn file(&self, user: UserId) -> Option<PathBuf> {
        self.folder.as_ref().map(|folder| folder.join(format!("{user}.key")))
    }

    /// A user's key file, if there is one.
    fn part(&self, user: UserId) -> Result<Option<SealingKey>, VaultError> {
        let Some(path) = self.file(user) else { return Ok(None) };
        match fs_err::read(&path).map(Zeroizing::new) {
            Ok(bytes) => <[u8; PART]>::try_from(bytes.as_slice()).map(|b| Some(Zeroizing::new(b))).map_err(|_| VaultError::Unreadable),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(VaultError::File(error.to_string())),
        }
    }

    /// A user's key file. One that a transaction makes and does not commit is taken by the next.
    fn part_or_make(&self, user: UserId) -> Result<Option<SealingKey>, VaultError> {
        let (Some(folder), Some(path)) = (&self.folder, self.file(user)) else { return Ok(None) };
        if let Some(part) = self.part(user)? {
            return Ok(Some(part));
        }
        let part = Zeroizing::new(random_bytes::<PART>());
        let made = || -> std::io::Result<()> {
            use std::os::unix::fs::DirBuilderExt;
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
            // Written beside and renamed, so that a crash never leaves half a key.
            let beside = path.with_extension("new");
            match fs_err::remove_file(&beside) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
                _ => {}
            }
            let mut file = create_private(&beside)?;
            file.write_all(part.as_slice())?;
            file.sync_all()?;
            fs_err::rename(&beside, &path)?;
            fs_err::File::open(folder)?.sync_all()
        };
        made().map_err(|error| VaultError::File(error.to_string()))?;
        Ok(Some(part))
    }

    /// Destroys a user's key file: nothing that was sealed for the user opens any more, in no copy of the
    /// database. One that is gone already is fine.
    pub(super) fn destroy_part(&self, user: UserId) -> Result<(), VaultError> {
        let (Some(folder), Some(path)) = (&self.folder, self.file(user)) else { return Ok(()) };
        let destroyed = || -> std::io::Result<()> {
            let mut file = match fs_err::OpenOptions::new().write(true).open(&path) {
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
                other => other?,
            };
            // Where the file system writes in place, not even the free blocks hold it.
            file.write_all(&random_bytes::<PART>())?;
            file.sync_all()?;
            fs_err::remove_file(&path)?;
            fs_err::File::open(folder)?.sync_all()
        };
        destroyed().map_err(|error| VaultError::File(error.to_string()))
    }
}

/// What unwraps a data key: the master key's part alone, or together with the user's.
fn both(wrapping: &SealingKey, part: Option<&SealingKey>) -> SealingKey {
    let Some(part) = part else { return wrapping.clone() };
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, wrapping.as_slice()), part.as_slice());
    let mut key = Zeroizing::new([0; 32]);
    for (to, from) in key.iter_mut().zip(tag.as_ref()) {
        *to = *from;
    }
    key
}

pub(super) fn data_key_key(version: u32) -> Key {
    Key::new().u64(u64::from(version))
}

/// The first form is that of data keys from before there were key files and generations.
fn data_key_aad(user: UserId, version: u32, generation: u32, in_two_parts: bool) -> Vec<u8> {
    if generation == FIRST && !in_two_parts {
        return format!("data-key/{user}/{version}").into_bytes();
    }
    format!("data-key/{user}/{version}/{generation}").into_bytes()
}
