//! New keys while the server runs: another master key for everything that it wraps, another data key for
//! everything that is sealed for a user. Each is one transaction, so whatever happens in between leaves
//! either the old state or the new one, and both can be read.

use std::path::Path;

use jiff::Timestamp;
use serde_json::json;

use super::error::{AuthError, VaultError};
use super::identity::Auth;
use super::keyring::{Keyring, data_key_key, generation};
use super::master_key::{MasterKey, MasterKeyError, Passphrase};
use super::seal::{open, seal};
use super::vault::{SYSTEM_SECRETS, Vault, owner_key, secret_aad, system_aad};
use crate::domain::id::{AccountId, UserId};
use crate::storage::tables::{APP_KEY_OWNERS, DATA_KEYS, SECRETS, Sealed, secret};
use crate::storage::{Key, Store, StoreError, Tx, UserTx};

/// Why a master key cannot be rotated.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    #[error(transparent)]
    MasterKey(#[from] MasterKeyError),
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error("the data are under the new key, but its file keeps the name {next}: rename it to {main} before the next start ({detail})", next = super::master_key::NEXT_MASTER_KEY_FILE, main = super::master_key::MASTER_KEY_FILE)]
    Rename { detail: String },
}

impl From<StoreError> for RotationError {
    fn from(error: StoreError) -> Self {
        VaultError::from(error).into()
    }
}

/// Opens the vault of a data folder. A rotation that was cut off is brought to its end, or undone.
///
/// # Errors
/// `Vault(Unreadable)` when neither key is that of the store.
pub fn open_vault(store: &Store, data_dir: &Path, master: &MasterKey, passphrase: Option<&Passphrase>) -> Result<Vault, RotationError> {
    let foreign = match Vault::open_over(store, data_dir, master) {
        Ok(vault) => {
            MasterKey::discard_next(data_dir).map_err(MasterKeyError::from)?;
            return Ok(vault);
        }
        Err(VaultError::Unreadable) => VaultError::Unreadable,
        Err(error) => return Err(error.into()),
    };
    let next = MasterKey::next(data_dir, passphrase)?.ok_or(foreign)?;
    let vault = Vault::open_over(store, data_dir, &next)?;
    MasterKey::adopt_next(data_dir).map_err(MasterKeyError::from)?;
    tracing::warn!("a rotation of the master key was brought to its end");
    Ok(vault)
}

impl Vault {
    /// Puts everything that the master key wraps under the key that lies ready for the rotation.
    ///
    /// # Errors
    /// `Unreadable` when something of it cannot be unwrapped, `Store`. Nothing is changed then.
    pub async fn rewrap_all(&self, store: &Store, next: &MasterKey, now: Timestamp, by: Option<UserId>) -> Result<u32, VaultError> {
        let from = store.read(generation)?;
        let to = from + 1;
        self.keys.admit(to, next);
        let vault = self.clone();
        let done = store.write(move |tx| {
            vault.rewrap(tx, from, to).and_then(|()| Ok(tx.audit(now, by, "master_key.rotated", json!({ "generation": to }))?))
        });
        match done.await {
            // Readers of the state before still need the old key; it goes with the next rotation.
            Ok(()) => self.keys.forget(from - 1),
            Err(error) => {
                self.keys.forget(to);
                return Err(error);
            }
        }
        Ok(to)
    }

    fn rewrap(&self, tx: &mut Tx<'_>, from: u32, to: u32) -> Result<(), VaultError> {
        if generation(&tx.view())? != from {
            return Err(StoreError::conflict("rotation_running", "the master key is being rotated already").into());
        }
        for user in tx.view().user_ids()? {
            let mut rows = tx.user(user);
            for version in Keyring::versions(&rows.view())? {
                let key = self.keys.data_key(&rows.view(), version)?;
                let wrapped = self.keys.wrap(to, user, version, &key)?;
                rows.put(&DATA_KEYS, &data_key_key(version), &wrapped)?;
            }
        }
        let master = self.keys.master(to)?;
        for (key, sealed) in tx.view().entries(&SYSTEM_SECRETS)? {
            let secret = self.open_system_secret(&key, &sealed)?;
            tx.put(&SYSTEM_SECRETS, &key, &seal(&master.wrapping, to, &system_aad(&key), &secret)?)?;
        }
        // Owners of broker app keys are found by a tag that only the master key makes.
        for (key, owner) in tx.view().entries(&APP_KEY_OWNERS)? {
            tx.remove(&APP_KEY_OWNERS, &key)?;
            if let Some(app_key) = self.open(&tx.view().user(owner.user_id), owner.account_id, secret::APP_KEY)? {
                tx.put(&APP_KEY_OWNERS, &owner_key(&master, &app_key), &owner)?;
            }
        }
        Ok(Keyring::write_generation(tx, to)?)
    }

    /// Seals everything of a user under a new data key and destroys the old ones.
    ///
    /// # Errors
    /// `Unreadable` when a secret cannot be opened, `Store`. Nothing is changed then.
    pub fn reseal(&self, rows: &mut UserTx<'_>) -> Result<u32, VaultError> {
        let user = rows.user_id();
        let old = Keyring::versions(&rows.view())?;
        let (version, key) = self.keys.make_data_key(rows, old.last().copied().unwrap_or(0) + 1)?;
        for (place, sealed) in rows.view().entries(&SECRETS, &Key::new())? {
            let (account, kind) = secret_of(&place)?;
            let before = self.keys.data_key(&rows.view(), sealed.key_version)?;
            let plain = open(&before, &sealed, &secret_aad(user, account, kind, sealed.key_version))?;
            let again: Sealed = seal(&key, version, &secret_aad(user, account, kind, version), &plain)?;
            rows.put(&SECRETS, &Key::new().raw(&place), &again)?;
        }
        for version in old {
            rows.remove(&DATA_KEYS, &data_key_key(version))?;
        }
        Ok(version)
    }
}

/// Account and kind of a secret's place.
fn secret_of(place: &[u8]) -> Result<(AccountId, &str), VaultError> {
    let (account, kind) = place.split_first_chunk::<16>().ok_or(VaultError::Unreadable)?;
    let kind = kind.strip_suffix(&[0]).and_then(|k| std::str::from_utf8(k).ok()).ok_or(VaultError::Unreadable)?;
    Ok((AccountId(uuid::Uuid::from_bytes(*account)), kind))
}

impl Auth {
    /// Replaces the master key while everything goes on: by a random one that the file holds, or by one from
    /// a passphrase. Gives the number of master keys that there were.
    ///
    /// # Errors
    /// See [`RotationError`]; unless it is `Rename`, the old key counts.
    pub async fn rotate_master_key(&self, data_dir: &Path, passphrase: Option<Passphrase>) -> Result<u32, RotationError> {
        let _only = self.rotating.lock().await;
        let folder = data_dir.to_path_buf();
        // Making a key from a passphrase takes a while.
        let made = tokio::task::spawn_blocking(move || MasterKey::prepare_next(&folder, passphrase.as_ref()));
        let next = made.await.map_err(|e| MasterKeyError::Derivation(e.to_string()))??;
        let generation = match self.vault.rewrap_all(&self.store, &next, self.now(), None).await {
            Ok(generation) => generation,
            Err(error) => {
                // The file stays where the commit may have gone through after all: the next start finds out.
                if !matches!(error, VaultError::Store(StoreError::Io(_) | StoreError::Closed)) {
                    MasterKey::discard_next(data_dir).map_err(MasterKeyError::from)?;
                }
                return Err(error.into());
            }
        };
        MasterKey::adopt_next(data_dir).map_err(|e| RotationError::Rename { detail: e.to_string() })?;
        tracing::info!(generation, "the master key was rotated");
        Ok(generation)
    }

    /// Keeps the master key and its file as they are until what is given back is dropped.
    pub async fn hold_master_key(&self) -> tokio::sync::OwnedMutexGuard<()> {
        self.rotating.clone().lock_owned().await
    }

    /// Seals everything of a user under a new data key. Gives its version.
    ///
    /// # Errors
    /// `Vault`, `Store`.
    pub async fn rotate_data_key(&self, by: Option<UserId>, user: UserId) -> Result<u32, AuthError> {
        let (vault, now) = (self.vault.clone(), self.now());
        let rows = self.store.user(user);
        let done = rows.write(move |tx| {
            let version = vault.reseal(tx)?;
            tx.audit(now, by, "data_key.rotated", json!({ "version": version }))?;
            Ok::<_, AuthError>(version)
        });
        done.await
    }

    /// Gives the data keys of an older version's users their second part.
    ///
    /// # Errors
    /// `Vault`, `Store`.
    pub(super) async fn complete_data_keys(&self) -> Result<(), AuthError> {
        if !self.vault.keys.has_folder() {
            return Ok(());
        }
        let old = self.store.read(|view| {
            let mut old = Vec::new();
            for user in view.user_ids()? {
                if view.user(user).list(&DATA_KEYS, &Key::new())?.iter().any(|key| !key.in_two_parts) {
                    old.push(user);
                }
            }
            Ok::<_, StoreError>(old)
        })?;
        for user in old {
            self.rotate_data_key(None, user).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use secrecy::{ExposeSecret, SecretString};
    use uuid::Uuid;

    use super::*;
    use crate::domain::samples;
    use crate::storage::tables::USERS;

    fn read_back(vault: &Vault, store: &Store, user: UserId, account: AccountId) -> Result<Option<String>, VaultError> {
        store.read(|view| Ok(vault.open(&view.user(user), account, secret::APP_KEY)?.map(|s| s.expose_secret().to_owned())))
    }

    struct World {
        dir: tempfile::TempDir,
        vault: Vault,
        people: Vec<(UserId, AccountId)>,
    }

    /// Three people with a broker key each.
    async fn world(store: &Store) -> World {
        let dir = tempfile::tempdir().unwrap();
        let master = MasterKey::load_or_create(dir.path(), false, None).unwrap();
        let vault = Vault::open_over(store, dir.path(), &master).unwrap();
        let people: Vec<(UserId, AccountId)> = (0..3).map(|_| (UserId(Uuid::now_v7()), AccountId(Uuid::now_v7()))).collect();
        let (sealing, made) = (vault.clone(), people.clone());
        store
            .write(move |tx| {
                sealing.system_secret(tx, "token-signing-key", || zeroize::Zeroizing::new(b"signing".to_vec()))?;
                for (user, account) in &made {
                    tx.put(&USERS, &Key::new().id(user.as_bytes()), &samples::user(*user, Timestamp::UNIX_EPOCH))?;
                    let key = SecretString::from(format!("app key of {user}"));
                    sealing.claim_app_key(tx, *user, *account, &key)?;
                    sealing.seal_into(&mut tx.user(*user), *account, secret::APP_KEY, &key)?;
                    sealing.seal_into(&mut tx.user(*user), *account, secret::TELEGRAM_TOKEN, &"token".into())?;
                }
                Ok::<_, VaultError>(())
            })
            .await
            .unwrap();
        World { dir, vault, people }
    }

    impl World {
        /// Everything can be read with this vault, and every app key is still its owner's.
        fn readable(&self, store: &Store, vault: &Vault) {
            for (user, account) in &self.people {
                assert_eq!(read_back(vault, store, *user, *account).unwrap(), Some(format!("app key of {user}")));
                assert!(store.read(|v| vault.is_claimed(v, &format!("app key of {user}").into())).unwrap());
            }
        }

        fn reopen(&self, store: &Store) -> Result<Vault, RotationError> {
            let master = MasterKey::load_or_create(self.dir.path(), true, None)?;
            open_vault(store, self.dir.path(), &master, None)
        }
    }

    #[tokio::test]
    async fn after_a_rotation_only_the_new_master_key_reads_and_everything_is_there() {
        let store = Store::in_memory().unwrap();
        let world = world(&store).await;
        let old = MasterKey::load_or_create(world.dir.path(), true, None).unwrap();
        for round in 2..5 {
            let next = MasterKey::prepare_next(world.dir.path(), None).unwrap();
            assert_eq!(world.vault.rewrap_all(&store, &next, Timestamp::UNIX_EPOCH, None).await.unwrap(), round);
            MasterKey::adopt_next(world.dir.path()).unwrap();
            world.readable(&store, &world.vault);
            world.readable(&store, &world.reopen(&store).unwrap());
        }
        assert!(matches!(Vault::open_over(&store, world.dir.path(), &old), Err(VaultError::Unreadable)));
        let (user, account) = world.people[0];
        let vault = world.vault.clone();
        store.write(move |tx| vault.seal_into(&mut tx.user(user), account, "kind", &"later".into())).await.unwrap();
        world.readable(&store, &world.reopen(&store).unwrap());
    }

    #[tokio::test]
    async fn a_rotation_that_is_cut_off_anywhere_leaves_a_readable_store() {
        let (store, left) = Store::in_memory_mortal().unwrap();
        let world = world(&store).await;
        // The next key lies ready, but the commit never came.
        let next = MasterKey::prepare_next(world.dir.path(), None).unwrap();
        left.set(0);
        assert!(world.vault.rewrap_all(&store, &next, Timestamp::UNIX_EPOCH, None).await.is_err());
        world.readable(&store, &world.vault);
        left.set(u64::MAX);
        world.readable(&store, &world.reopen(&store).unwrap());
        assert!(MasterKey::next(world.dir.path(), None).unwrap().is_none(), "what was not taken is gone");

        // The commit came, but the file was never renamed.
        let next = MasterKey::prepare_next(world.dir.path(), None).unwrap();
        world.vault.rewrap_all(&store, &next, Timestamp::UNIX_EPOCH, None).await.unwrap();
        world.readable(&store, &world.vault);
        let reopened = world.reopen(&store).unwrap();
        world.readable(&store, &reopened);
        assert!(MasterKey::next(world.dir.path(), None).unwrap().is_none());
        world.readable(&store, &world.reopen(&store).unwrap());

        // Somebody put another key file there.
        fs_err::remove_file(world.dir.path().join(super::super::MASTER_KEY_FILE)).unwrap();
        MasterKey::load_or_create(world.dir.path(), false, None).unwrap();
        assert!(matches!(world.reopen(&store), Err(RotationError::Vault(VaultError::Unreadable))));
    }

    #[tokio::test]
    async fn a_new_data_key_seals_everything_anew_or_nothing() {
        let (store, left) = Store::in_memory_mortal().unwrap();
        let world = world(&store).await;
        let (user, account) = world.people[1];
        let rows = |store: &Store| -> (Vec<Sealed>, Vec<Sealed>) {
            store
                .read(|v| Ok::<_, StoreError>((v.user(user).list(&SECRETS, &Key::new())?, v.user(user).list(&DATA_KEYS, &Key::new())?)))
                .unwrap()
        };
        let before = rows(&store);
        let reseal = |vault: Vault| store.write(move |tx| vault.reseal(&mut tx.user(user)));
        left.set(0);
        assert!(reseal(world.vault.clone()).await.is_err());
        assert_eq!(rows(&store), before);
        left.set(u64::MAX);
        assert_eq!(reseal(world.vault.clone()).await.unwrap(), 2);
        let after = rows(&store);
        assert!(after.0.iter().all(|sealed| sealed.key_version == 2) && after.0.len() == before.0.len());
        assert!(after.0.iter().zip(&before.0).all(|(new, old)| new.ciphertext != old.ciphertext));
        assert_eq!(after.1.len(), 1, "the old data key is gone");
        world.readable(&store, &world.vault);

        // A ciphertext of the old key in the new key's place does not open, nor under the new version's name.
        let stolen = before.0[0].clone();
        for sealed in [stolen.clone(), Sealed { key_version: 2, ..stolen }] {
            let place = crate::auth::vault::secret_key(account, secret::APP_KEY);
            store.write(move |tx| tx.user(user).put(&SECRETS, &place, &sealed)).await.unwrap();
            assert!(matches!(read_back(&world.vault, &store, user, account), Err(VaultError::Unreadable)));
        }
    }

    #[tokio::test]
    async fn data_keys_of_an_older_version_get_their_second_part() {
        let store = Store::in_memory().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let master = MasterKey::load_or_create(dir.path(), false, None).unwrap();
        let (user, account) = (UserId(Uuid::now_v7()), AccountId(Uuid::now_v7()));
        let older = Vault::new(&master);
        store
            .write(move |tx| {
                tx.put(&USERS, &Key::new().id(user.as_bytes()), &samples::user(user, Timestamp::UNIX_EPOCH))?;
                older.seal_into(&mut tx.user(user), account, secret::APP_KEY, &"from before".into())
            })
            .await
            .unwrap();
        let vault = Vault::open_over(&store, dir.path(), &master).unwrap();
        assert_eq!(read_back(&vault, &store, user, account).unwrap().as_deref(), Some("from before"));
        let wall = std::sync::Arc::new(crate::domain::clock::SteppedClock::new(Timestamp::UNIX_EPOCH));
        Auth::open(store.clone(), &vault, dir.path(), wall).await.unwrap();
        let keys = store.read(|v| v.user(user).list(&DATA_KEYS, &Key::new())).unwrap();
        assert!(keys.len() == 1 && keys[0].in_two_parts, "{keys:?}");
        assert_eq!(read_back(&vault, &store, user, account).unwrap().as_deref(), Some("from before"));
        assert!(dir.path().join(super::super::USER_KEYS_FOLDER).join(format!("{user}.key")).exists());
    }

    #[tokio::test]
    async fn without_the_users_key_file_no_copy_of_the_database_gives_anything_away() {
        let store = Store::in_memory().unwrap();
        let world = world(&store).await;
        let (gone, account) = world.people[0];
        world.vault.keys.destroy_part(gone).unwrap();
        assert!(matches!(read_back(&world.vault, &store, gone, account), Err(VaultError::Unreadable)));
        let (other, theirs) = world.people[1];
        assert!(read_back(&world.vault, &store, other, theirs).unwrap().is_some());
        world.vault.keys.destroy_part(gone).unwrap();
    }
}
