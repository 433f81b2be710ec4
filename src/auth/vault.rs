//! Sealed secrets. Each user has data keys, wrapped by the master key and the user's own key file; secrets
//! are sealed with the newest one under AES-256-GCM-SIV. The associated data name user, account, kind and
//! key version, so a ciphertext that is moved to another row does not open.

use std::path::Path;
use std::sync::Arc;

use data_encoding::HEXLOWER;
use ring::hmac;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::error::VaultError;
use super::keyring::{Keyring, Master, generation};
use super::master_key::MasterKey;
use super::seal::{open, seal};
use crate::domain::id::{AccountId, UserId};
use crate::storage::tables::{APP_KEY_OWNERS, AccountRef, SECRETS, Sealed, SystemTable};
use crate::storage::{Key, Store, Tx, UserTx, UserView, View, account_key};

/// name → a secret of the installation, wrapped by the master key.
pub(super) const SYSTEM_SECRETS: SystemTable<Sealed> = SystemTable::new("system_secrets");

/// Seals and opens secrets. Cheap to clone.
#[derive(Clone)]
pub struct Vault {
    pub(super) keys: Arc<Keyring>,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault")
    }
}

impl Vault {
    /// A vault without a data folder.
    pub fn new(master: &MasterKey) -> Self {
        Self { keys: Arc::new(Keyring::alone(master)) }
    }

    /// The vault of a data folder, proved to fit its store.
    ///
    /// # Errors
    /// `Unreadable` when the store was written with another master key, `Store`.
    pub fn open_over(store: &Store, data_dir: &Path, master: &MasterKey) -> Result<Self, VaultError> {
        let generation = store.read(generation)?;
        let vault = Self { keys: Arc::new(Keyring::new(master, generation, Some(data_dir))) };
        store.read(|view| {
            for (key, sealed) in view.entries(&SYSTEM_SECRETS)? {
                vault.open_system_secret(&key, &sealed)?;
            }
            Ok::<_, VaultError>(())
        })?;
        Ok(vault)
    }

    /// Seals a secret of an account and stores it, replacing what was there.
    ///
    /// # Errors
    /// `Unreadable` when the user's data key cannot be unwrapped, `Store`.
    pub fn seal_into(&self, tx: &mut UserTx<'_>, account: AccountId, kind: &str, plaintext: &SecretString) -> Result<(), VaultError> {
        let (version, key) = self.keys.current_data_key(tx)?;
        let aad = secret_aad(tx.user_id(), account, kind, version);
        let sealed = seal(&key, version, &aad, plaintext.expose_secret().as_bytes())?;
        Ok(tx.put(&SECRETS, &secret_key(account, kind), &sealed)?)
    }

    /// Opens a secret of an account; `None` when there is none.
    ///
    /// # Errors
    /// `Unreadable` when it was damaged, moved, or sealed under another master key; `Store`.
    pub fn open(&self, view: &UserView<'_>, account: AccountId, kind: &str) -> Result<Option<SecretString>, VaultError> {
        let Some(sealed) = view.get(&SECRETS, &secret_key(account, kind))? else { return Ok(None) };
        let key = self.keys.data_key(view, sealed.key_version)?;
        let plain = open(&key, &sealed, &secret_aad(view.user_id(), account, kind, sealed.key_version))?;
        let text = std::str::from_utf8(&plain).map_err(|_| VaultError::Unreadable)?;
        Ok(Some(SecretString::from(text)))
    }

    /// Removes a secret of an account.
    ///
    /// # Errors
    /// `Store`.
    pub fn remove(&self, tx: &mut UserTx<'_>, account: AccountId, kind: &str) -> Result<(), VaultError> {
        Ok(tx.remove(&SECRETS, &secret_key(account, kind))?)
    }

    /// Makes a broker app key the property of one account: a broker gives one token per app key, so
    /// two accounts with the same key would throw each other out.
    ///
    /// # Errors
    /// `AppKeyTaken` when any other account has it (whose is not told), `Store`.
    pub fn claim_app_key(&self, tx: &mut Tx<'_>, user: UserId, account: AccountId, app_key: &SecretString) -> Result<(), VaultError> {
        let key = self.app_key_key(&tx.view(), app_key)?;
        let claim = AccountRef { user_id: user, account_id: account };
        match tx.get(&APP_KEY_OWNERS, &key)? {
            Some(owner) if owner != claim => Err(VaultError::AppKeyTaken),
            Some(_) => Ok(()),
            None => Ok(tx.put(&APP_KEY_OWNERS, &key, &claim)?),
        }
    }

    /// Whether any account of the installation has an app key.
    ///
    /// # Errors
    /// `Store`.
    pub fn is_claimed(&self, view: &View<'_>, app_key: &SecretString) -> Result<bool, VaultError> {
        Ok(view.get(&APP_KEY_OWNERS, &self.app_key_key(view, app_key)?)?.is_some())
    }

    /// Frees an app key, if this account has it.
    ///
    /// # Errors
    /// `Store`.
    pub fn release_app_key(&self, tx: &mut Tx<'_>, user: UserId, account: AccountId, app_key: &SecretString) -> Result<(), VaultError> {
        let key = self.app_key_key(&tx.view(), app_key)?;
        if tx.get(&APP_KEY_OWNERS, &key)? == Some(AccountRef { user_id: user, account_id: account }) {
            tx.remove(&APP_KEY_OWNERS, &key)?;
        }
        Ok(())
    }

    /// A secret of the installation; made by `make` when there is none.
    pub(super) fn system_secret(
        &self,
        tx: &mut Tx<'_>,
        name: &str,
        make: impl Fn() -> Zeroizing<Vec<u8>>,
    ) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let key = Key::new().text(name);
        match tx.get(&SYSTEM_SECRETS, &key)? {
            Some(sealed) => self.open_system_secret(&key, &sealed),
            None => {
                let secret = make();
                let (generation, master) = self.keys.present(&tx.view())?;
                tx.put(&SYSTEM_SECRETS, &key, &seal(&master.wrapping, generation, &system_aad(&key), &secret)?)?;
                Ok(secret)
            }
        }
    }

    pub(super) fn open_system_secret(&self, key: &Key, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        open(&self.keys.master(sealed.key_version)?.wrapping, sealed, &system_aad(key))
    }

    /// Seals a secret of the installation and stores it, replacing what was there.
    ///
    /// # Errors
    /// `Unreadable` when the master key is not known, `Store`.
    pub fn seal_system(&self, tx: &mut Tx<'_>, name: &str, secret: &SecretString) -> Result<(), VaultError> {
        let key = Key::new().text(name);
        let (generation, master) = self.keys.present(&tx.view())?;
        let sealed = seal(&master.wrapping, generation, &system_aad(&key), secret.expose_secret().trim().as_bytes())?;
        Ok(tx.put(&SYSTEM_SECRETS, &key, &sealed)?)
    }

    /// Opens a secret of the installation; `None` when there is none.
    ///
    /// # Errors
    /// `Unreadable` when it was damaged, or sealed under another master key; `Store`.
    pub fn open_system(&self, view: &View<'_>, name: &str) -> Result<Option<SecretString>, VaultError> {
        let key = Key::new().text(name);
        let Some(sealed) = view.get(&SYSTEM_SECRETS, &key)? else { return Ok(None) };
        let plain = self.open_system_secret(&key, &sealed)?;
        Ok(Some(SecretString::from(std::str::from_utf8(&plain).map_err(|_| VaultError::Unreadable)?)))
    }

    /// Removes a secret of the installation.
    ///
    /// # Errors
    /// `Store`.
    pub fn remove_system(&self, tx: &mut Tx<'_>, name: &str) -> Result<(), VaultError> {
        Ok(tx.remove(&SYSTEM_SECRETS, &Key::new().text(name))?)
    }

    fn app_key_key(&self, view: &View<'_>, app_key: &SecretString) -> Result<Key, VaultError> {
        Ok(owner_key(&self.keys.present(view)?.1, app_key))
    }
}

/// Where the owner of a broker app key is noted.
pub(super) fn owner_key(master: &Master, app_key: &SecretString) -> Key {
    let tag = hmac::sign(&master.app_keys, app_key.expose_secret().trim().as_bytes());
    Key::new().text(&HEXLOWER.encode(tag.as_ref()))
}

/// Keys of system secrets are their names, closed by a zero byte.
pub(super) fn system_aad(key: &Key) -> Vec<u8> {
    let name = key.as_bytes().strip_suffix(&[0]).unwrap_or(key.as_bytes());
    [b"system/", name].concat()
}

pub(super) fn secret_key(account: AccountId, kind: &str) -> Key {
    account_key(account).text(kind)
}

pub(super) fn secret_aad(user: UserId, account: AccountId, kind: &str, version: u32) -> Vec<u8> {
    format!("secret/{user}/{account}/{kind}/{version}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Store;
    use uuid::Uuid;

    struct Fixture {
        store: Store,
        vault: Vault,
        user: UserId,
        account: AccountId,
    }

    fn fixture() -> Fixture {
        Fixture {
            store: Store::in_memory().unwrap(),
            vault: Vault::new(&MasterKey::generate()),
            user: UserId(Uuid::now_v7()),
            account: AccountId(Uuid::now_v7()),
        }
    }

    impl Fixture {
        fn seal(&self, user: UserId, account: AccountId, kind: &'static str, text: &'static str) {
            let vault = self.vault.clone();
            self.store.write_blocking(move |tx| vault.seal_into(&mut tx.user(user), account, kind, &SecretString::from(text))).unwrap();
        }

        fn open(&self, user: UserId, account: AccountId, kind: &str) -> Result<Option<String>, VaultError> {
            self.store.read(|view| Ok(self.vault.open(&view.user(user), account, kind)?.map(|s| s.expose_secret().to_owned())))
        }

        fn claim(&self, user: UserId, account: AccountId, key: &'static str) -> Result<(), VaultError> {
            let vault = self.vault.clone();
            self.store.write_blocking(move |tx| vault.claim_app_key(tx, user, account, &SecretString::from(key)))
        }
    }

    #[test]
    fn a_secret_comes_back_is_replaced_and_removed() {
        let f = fixture();
        assert_eq!(f.open(f.user, f.account, "app_secret").unwrap(), None);
        f.seal(f.user, f.account, "app_secret", "first");
        f.seal(f.user, f.account, "app_secret", "second");
        f.seal(f.user, f.account, "app_key", "key");
        assert_eq!(f.open(f.user, f.account, "app_secret").unwrap().as_deref(), Some("second"));
        let (vault, user, account) = (f.vault.clone(), f.user, f.account);
        f.store.write_blocking(move |tx| vault.remove(&mut tx.user(user), account, "app_secret")).unwrap();
        assert_eq!(f.open(f.user, f.account, "app_secret").unwrap(), None);
        assert_eq!(f.open(f.user, f.account, "app_key").unwrap().as_deref(), Some("key"));
    }

    #[test]
    fn a_ciphertext_does_not_open_in_another_row_nor_under_another_master_key() {
        let f = fixture();
        let (other_user, other_account) = (UserId(Uuid::now_v7()), AccountId(Uuid::now_v7()));
        f.seal(f.user, f.account, "app_secret", "mine");
        f.seal(other_user, f.account, "app_secret", "theirs");
        let (user, account) = (f.user, f.account);
        f.store
            .write_blocking(move |tx| {
                let stolen = tx.view().user(user).require(&SECRETS, &secret_key(account, "app_secret"))?;
                tx.user(other_user).put(&SECRETS, &secret_key(account, "app_secret"), &stolen)?;
                tx.user(user).put(&SECRETS, &secret_key(other_account, "app_secret"), &stolen)?;
                tx.user(user).put(&SECRETS, &secret_key(account, "app_key"), &stolen)
            })
            .unwrap();
        assert!(matches!(f.open(other_user, account, "app_secret"), Err(VaultError::Unreadable)));
        assert!(matches!(f.open(user, other_account, "app_secret"), Err(VaultError::Unreadable)));
        assert!(matches!(f.open(user, account, "app_key"), Err(VaultError::Unreadable)));
        assert_eq!(f.open(user, account, "app_secret").unwrap().as_deref(), Some("mine"));

        let thief = Fixture { vault: Vault::new(&MasterKey::generate()), ..f };
        assert!(matches!(thief.open(user, account, "app_secret"), Err(VaultError::Unreadable)));
    }

    #[test]
    fn nothing_stored_shows_the_secret() {
        let f = fixture();
        f.seal(f.user, f.account, "app_secret", "canary-7f3a");
        f.claim(f.user, f.account, "canary-key-91bc").unwrap();
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("copy.redb");
        f.store.snapshot_to(&file).unwrap();
        let bytes = fs_err::read(file).unwrap();
        for canary in [&b"canary-7f3a"[..], b"canary-key-91bc"] {
            assert!(!bytes.windows(canary.len()).any(|w| w == canary));
        }
    }

    #[test]
    fn an_app_key_belongs_to_one_account_until_it_is_released() {
        let f = fixture();
        let (other_user, other_account) = (UserId(Uuid::now_v7()), AccountId(Uuid::now_v7()));
        f.claim(f.user, f.account, "PSkey").unwrap();
        f.claim(f.user, f.account, " PSkey ").unwrap();
        let error = f.claim(other_user, other_account, "PSkey").unwrap_err();
        assert!(matches!(error, VaultError::AppKeyTaken));
        assert!(!error.to_string().contains(&f.user.to_string()));
        assert!(matches!(f.claim(f.user, other_account, "PSkey"), Err(VaultError::AppKeyTaken)));

        let (vault, user, account) = (f.vault.clone(), f.user, f.account);
        f.store
            .write_blocking(move |tx| {
                let key = SecretString::from("PSkey");
                vault.release_app_key(tx, other_user, other_account, &key)?;
                vault.release_app_key(tx, user, account, &key)
            })
            .unwrap();
        f.claim(other_user, other_account, "PSkey").unwrap();
    }
}
