//! Sealed secrets. Each user has data keys, wrapped by the master key; secrets are sealed with the
//! newest one under AES-256-GCM-SIV. The associated data name user, account, kind and key version,
//! so a ciphertext that is moved to another row does not open.

use std::sync::Arc;

use aes_gcm_siv::aead::{Aead, KeyInit, Payload};
use aes_gcm_siv::{Aes256GcmSiv, Key as CipherKey, Nonce};
use data_encoding::{BASE64, HEXLOWER};
use ring::hmac;
use secrecy::{ExposeSecret, SecretString};
use zeroize::{Zeroize, Zeroizing};

use super::error::VaultError;
use super::master_key::MasterKey;
use super::random_bytes;
use crate::domain::id::{AccountId, UserId};
use crate::storage::tables::{APP_KEY_OWNERS, AccountRef, DATA_KEYS, SECRETS, Sealed, SystemTable};
use crate::storage::{Key, StoreError, Tx, UserTx, UserView, View, account_key};

const NONCE: usize = 12;
/// Version of the wrapping by the master key.
const WRAP_VERSION: u32 = 1;

/// name → a secret of the installation, wrapped by the master key.
const SYSTEM_SECRETS: SystemTable<Sealed> = SystemTable::new("system_secrets");

/// Seals and opens secrets. Cheap to clone.
#[derive(Clone)]
pub struct Vault {
    keys: Arc<Keys>,
}

struct Keys {
    wrapping: Zeroizing<[u8; 32]>,
    app_keys: hmac::Key,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault")
    }
}

impl Vault {
    pub fn new(master: &MasterKey) -> Self {
        let app_keys = hmac::Key::new(hmac::HMAC_SHA256, master.derive("app-key-owner").as_slice());
        Self { keys: Arc::new(Keys { wrapping: master.derive("wrap-data-keys"), app_keys }) }
    }

    /// Seals a secret of an account and stores it, replacing what was there.
    ///
    /// # Errors
    /// `Unreadable` when the user's data key cannot be unwrapped, `Store`.
    pub fn seal_into(&self, tx: &mut UserTx<'_>, account: AccountId, kind: &str, plaintext: &SecretString) -> Result<(), VaultError> {
        let (version, key) = self.current_data_key(tx)?;
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
        let wrapped = view.get(&DATA_KEYS, &data_key_key(sealed.key_version))?.ok_or(VaultError::Unreadable)?;
        let key = self.unwrap_data_key(view.user_id(), sealed.key_version, &wrapped)?;
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
        let key = self.app_key_key(app_key);
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
        Ok(view.get(&APP_KEY_OWNERS, &self.app_key_key(app_key))?.is_some())
    }

    /// Frees an app key, if this account has it.
    ///
    /// # Errors
    /// `Store`.
    pub fn release_app_key(&self, tx: &mut Tx<'_>, user: UserId, account: AccountId, app_key: &SecretString) -> Result<(), VaultError> {
        let key = self.app_key_key(app_key);
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
        let aad = format!("system/{name}");
        match tx.get(&SYSTEM_SECRETS, &key)? {
            Some(sealed) => open(&self.keys.wrapping, &sealed, aad.as_bytes()),
            None => {
                let secret = make();
                tx.put(&SYSTEM_SECRETS, &key, &seal(&self.keys.wrapping, WRAP_VERSION, aad.as_bytes(), &secret)?)?;
                Ok(secret)
            }
        }
    }

    /// Seals a secret of the installation and stores it, replacing what was there.
    pub(super) fn seal_system(&self, tx: &mut Tx<'_>, name: &str, secret: &SecretString) -> Result<(), VaultError> {
        let aad = format!("system/{name}");
        let sealed = seal(&self.keys.wrapping, WRAP_VERSION, aad.as_bytes(), secret.expose_secret().trim().as_bytes())?;
        Ok(tx.put(&SYSTEM_SECRETS, &Key::new().text(name), &sealed)?)
    }

    /// Opens a secret of the installation; `None` when there is none.
    pub(super) fn open_system(&self, view: &View<'_>, name: &str) -> Result<Option<SecretString>, VaultError> {
        let Some(sealed) = view.get(&SYSTEM_SECRETS, &Key::new().text(name))? else { return Ok(None) };
        let plain = open(&self.keys.wrapping, &sealed, format!("system/{name}").as_bytes())?;
        Ok(Some(SecretString::from(std::str::from_utf8(&plain).map_err(|_| VaultError::Unreadable)?)))
    }

    /// Removes a secret of the installation.
    pub(super) fn remove_system(&self, tx: &mut Tx<'_>, name: &str) -> Result<(), VaultError> {
        Ok(tx.remove(&SYSTEM_SECRETS, &Key::new().text(name))?)
    }

    fn app_key_key(&self, app_key: &SecretString) -> Key {
        let tag = hmac::sign(&self.keys.app_keys, app_key.expose_secret().trim().as_bytes());
        Key::new().text(&HEXLOWER.encode(tag.as_ref()))
    }

    /// The user's newest data key; the first is made here.
    fn current_data_key(&self, tx: &mut UserTx<'_>) -> Result<(u32, Zeroizing<[u8; 32]>), VaultError> {
        let user = tx.user_id();
        if let Some(version) = newest_version(&tx.view())? {
            let wrapped = tx.require(&DATA_KEYS, &data_key_key(version))?;
            return Ok((version, self.unwrap_data_key(user, version, &wrapped)?));
        }
        let key = Zeroizing::new(random_bytes::<32>());
        let version = 1;
        let wrapped = seal(&self.keys.wrapping, WRAP_VERSION, &data_key_aad(user, version), key.as_slice())?;
        tx.put(&DATA_KEYS, &data_key_key(version), &wrapped)?;
        Ok((version, key))
    }

    fn unwrap_data_key(&self, user: UserId, version: u32, wrapped: &Sealed) -> Result<Zeroizing<[u8; 32]>, VaultError> {
        let plain = open(&self.keys.wrapping, wrapped, &data_key_aad(user, version))?;
        <[u8; 32]>::try_from(plain.as_slice()).map(Zeroizing::new).map_err(|_| VaultError::Unreadable)
    }
}

fn newest_version(view: &UserView<'_>) -> Result<Option<u32>, StoreError> {
    let Some(key) = view.keys(&DATA_KEYS, &Key::new())?.pop() else { return Ok(None) };
    let version = <[u8; 8]>::try_from(key.as_slice()).ok().and_then(|k| u32::try_from(u64::from_be_bytes(k)).ok());
    version.map(Some).ok_or_else(|| StoreError::Corrupt("data key without a version".to_owned()))
}

fn data_key_key(version: u32) -> Key {
    Key::new().u64(u64::from(version))
}

fn secret_key(account: AccountId, kind: &str) -> Key {
    account_key(account).text(kind)
}

fn data_key_aad(user: UserId, version: u32) -> Vec<u8> {
    format!("data-key/{user}/{version}").into_bytes()
}

fn secret_aad(user: UserId, account: AccountId, kind: &str, version: u32) -> Vec<u8> {
    format!("secret/{user}/{account}/{kind}/{version}").into_bytes()
}

fn cipher(key: &[u8; 32]) -> Aes256GcmSiv {
    Aes256GcmSiv::new(&CipherKey::<Aes256GcmSiv>::from(*key))
}

fn seal(key: &[u8; 32], key_version: u32, aad: &[u8], plaintext: &[u8]) -> Result<Sealed, VaultError> {
    let nonce: [u8; NONCE] = random_bytes();
    let ciphertext = cipher(key).encrypt(&Nonce::from(nonce), Payload { msg: plaintext, aad }).map_err(|_| VaultError::Unreadable)?;
    Ok(Sealed { key_version, ciphertext: BASE64.encode(&[nonce.as_slice(), &ciphertext].concat()) })
}

fn open(key: &[u8; 32], sealed: &Sealed, aad: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let mut bytes = BASE64.decode(sealed.ciphertext.as_bytes()).map_err(|_| VaultError::Unreadable)?;
    let (nonce, ciphertext) = bytes.split_first_chunk::<NONCE>().ok_or(VaultError::Unreadable)?;
    let plain = cipher(key).decrypt(&Nonce::from(*nonce), Payload { msg: ciphertext, aad }).map_err(|_| VaultError::Unreadable);
    bytes.zeroize();
    plain.map(Zeroizing::new)
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
