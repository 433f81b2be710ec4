//! What opens a backup: the recovery key, and a family passphrase where there is one. The server keeps the
//! recovery key and what was derived from the passphrase sealed under the master key, among its own secrets:
//! so it makes backups without asking, and shows the words again. The passphrase itself is nowhere.

use data_encoding::BASE64;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use super::cipher::Key;
use super::error::BackupError;
use super::words::RecoveryKey;
use crate::auth::{Derivation, Passphrase, Vault};
use crate::storage::{Store, Tx, View};

const RECOVERY_KEY: &str = "backup-recovery-key";
const PASSPHRASE_KEY: &str = "backup-passphrase-key";
/// Characters of a family passphrase.
pub const SHORTEST_PASSPHRASE: usize = 12;

/// What was derived from a family passphrase.
#[derive(Clone)]
pub struct PassphraseKey {
    pub(super) derivation: Derivation,
    pub(super) key: Key,
}

impl std::fmt::Debug for PassphraseKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PassphraseKey([REDACTED])")
    }
}

#[derive(Serialize, Deserialize)]
struct StoredPassphraseKey {
    derivation: Derivation,
    /// Base64.
    key: String,
}

impl Drop for StoredPassphraseKey {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}

impl PassphraseKey {
    /// Takes about a second and 64 MiB.
    ///
    /// # Errors
    /// `PassphraseShort`, `MasterKey` when nothing can be derived here.
    pub fn derive(passphrase: &SecretString) -> Result<Self, BackupError> {
        if passphrase.expose_secret().chars().count() < SHORTEST_PASSPHRASE {
            return Err(BackupError::PassphraseShort(SHORTEST_PASSPHRASE));
        }
        Self::derive_from(&Passphrase::new(passphrase.clone()))
    }

    /// The same of a passphrase that has proved itself.
    ///
    /// # Errors
    /// `MasterKey`.
    pub(super) fn derive_from(passphrase: &Passphrase) -> Result<Self, BackupError> {
        let derivation = Derivation::fresh();
        let key = derivation.key(passphrase)?;
        Ok(Self { derivation, key })
    }

    fn stored(&self) -> Option<SecretString> {
        let stored = StoredPassphraseKey { derivation: self.derivation.clone(), key: BASE64.encode(self.key.as_slice()) };
        serde_json::to_string(&stored).ok().map(SecretString::from)
    }

    fn read(text: &SecretString) -> Option<Self> {
        let stored: StoredPassphraseKey = serde_json::from_str(text.expose_secret()).ok()?;
        let key = Zeroizing::new(BASE64.decode(stored.key.as_bytes()).ok()?);
        Some(Self { derivation: stored.derivation.clone(), key: Zeroizing::new(<[u8; 32]>::try_from(key.as_slice()).ok()?) })
    }
}

/// What wraps the keys of new backups.
#[derive(Clone, Debug)]
pub struct WrappingKeys {
    recovery: RecoveryKey,
    passphrase: Option<PassphraseKey>,
}

impl WrappingKeys {
    pub fn new(recovery: RecoveryKey, passphrase: Option<PassphraseKey>) -> Self {
        Self { recovery, passphrase }
    }

    pub fn recovery(&self) -> &RecoveryKey {
        &self.recovery
    }

    pub fn passphrase(&self) -> Option<&PassphraseKey> {
        self.passphrase.as_ref()
    }

    /// Those of an installation; `None` before the first.
    ///
    /// # Errors
    /// `Vault` when they cannot be opened.
    pub fn of(vault: &Vault, view: &View<'_>) -> Result<Option<Self>, BackupError> {
        let Some(words) = vault.open_system(view, RECOVERY_KEY)? else { return Ok(None) };
        let passphrase = vault.open_system(view, PASSPHRASE_KEY)?;
        Ok(Some(Self { recovery: RecoveryKey::parse(&words)?, passphrase: passphrase.as_ref().and_then(PassphraseKey::read) }))
    }

    /// Those of an installation; a recovery key is made when there is none. The flag says that it is new.
    ///
    /// # Errors
    /// `Vault`, `Store`.
    pub async fn ensure(vault: &Vault, store: &Store) -> Result<(Self, bool), BackupError> {
        if let Some(keys) = store.read(|view| Self::of(vault, view))? {
            return Ok((keys, false));
        }
        let (vault, fresh) = (vault.clone(), RecoveryKey::generate());
        let made = store.write(move |tx| -> Result<_, BackupError> {
            if let Some(keys) = Self::of(&vault, &tx.view())? {
                return Ok((keys, false));
            }
            vault.seal_system(tx, RECOVERY_KEY, &fresh.text())?;
            // After a restore without the recovery key the passphrase is there already.
            let passphrase = vault.open_system(&tx.view(), PASSPHRASE_KEY)?.as_ref().and_then(PassphraseKey::read);
            Ok((Self::new(fresh.clone(), passphrase), true))
        });
        made.await
    }

    /// Replaces or removes what was derived from the family passphrase.
    ///
    /// # Errors
    /// `Vault`, `Store`.
    pub fn put_passphrase(vault: &Vault, tx: &mut Tx<'_>, passphrase: Option<&PassphraseKey>) -> Result<(), BackupError> {
        match passphrase.and_then(PassphraseKey::stored) {
            Some(text) => Ok(vault.seal_system(tx, PASSPHRASE_KEY, &text)?),
            None => Ok(vault.remove_system(tx, PASSPHRASE_KEY)?),
        }
    }
}

/// With what a backup is opened.
#[derive(Clone, Debug)]
pub enum Opening {
    /// Opens everything.
    Recovery(RecoveryKey),
    /// Opens everything but the keys of secrets.
    Passphrase(Passphrase),
    /// The same, derived before.
    Derived(PassphraseKey),
}

impl Opening {
    /// # Errors
    /// Those of [`RecoveryKey::parse`].
    pub fn words(text: &SecretString) -> Result<Self, BackupError> {
        RecoveryKey::parse(text).map(Self::Recovery)
    }
}
