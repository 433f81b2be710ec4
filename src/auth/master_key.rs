//! The key that wraps all others. It is 32 bytes in a file of the data folder that only its owner reads; or
//! the file holds no key but how to make it from a passphrase, which the server is given at each start.

use std::fmt;
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use ring::hmac;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::password;
use super::{create_private, random_bytes};

/// Name of the key file inside the data folder.
pub const MASTER_KEY_FILE: &str = "master.key";
/// The key that a rotation is about to take, until its commit.
pub const NEXT_MASTER_KEY_FILE: &str = "master.key.next";

const LENGTH: usize = 32;
const SALT: usize = 16;
const SHORTEST_PASSPHRASE: usize = 12;
/// A file that asks for more is not ours.
const MOST_MEMORY_KIB: u32 = 1 << 20;
const MOST_PASSES: u32 = 64;

/// Why there is no master key.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    #[error(
        "{} is missing but the database exists: without it the stored broker keys cannot be read. \
         Put the key file back from your backup; a new key is never made over old data",
        .0.display()
    )]
    Missing(PathBuf),
    #[error("{} is left from a rotation that did not come to its end: restart EggMoney, which finds out which key counts", .0.display())]
    NextExists(PathBuf),
    #[error("{} may be read by others (mode {mode:o}): run chmod 600 on it and start again", path.display())]
    LooseMode { path: PathBuf, mode: u32 },
    #[error("{} does not hold a master key: it has {found} bytes instead of {LENGTH}. Put the right file back from your backup", path.display())]
    WrongLength { path: PathBuf, found: usize },
    #[error(
        "{} asks for the master passphrase: set EGGMONEY_MASTER_PASSPHRASE, or EGGMONEY_MASTER_PASSPHRASE_FILE to a file that holds it",
        .0.display()
    )]
    PassphraseNeeded(PathBuf),
    #[error("the master passphrase is too short: use at least {SHORTEST_PASSPHRASE} characters")]
    PassphraseShort,
    #[error("cannot make the key from the passphrase: {0}")]
    Derivation(String),
    #[error("cannot read or create the master key: {0}")]
    Io(#[from] io::Error),
}

/// What a person gives at the start instead of keeping the key in a file. It never shows itself.
#[derive(Clone)]
pub struct Passphrase(SecretString);

impl Passphrase {
    pub fn new(text: SecretString) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase([REDACTED])")
    }
}

impl PartialEq for Passphrase {
    fn eq(&self, other: &Self) -> bool {
        self.0.expose_secret() == other.0.expose_secret()
    }
}

/// How a key is made from a passphrase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Derivation {
    /// Always `argon2id`.
    kdf: String,
    memory_kib: u32,
    passes: u32,
    /// Hex.
    salt: String,
}

impl Derivation {
    /// 64 MiB and three passes: once at each start, so it may cost more than a sign-in.
    pub fn fresh() -> Self {
        Self { kdf: "argon2id".to_owned(), memory_kib: 64 * 1024, passes: 3, salt: HEXLOWER.encode(&random_bytes::<SALT>()) }
    }

    /// The key that the passphrase makes.
    ///
    /// # Errors
    /// `Derivation` when the method is not ours, or asks for too much.
    pub fn key(&self, passphrase: &Passphrase) -> Result<Zeroizing<[u8; LENGTH]>, MasterKeyError> {
        let bad = |what: &str| MasterKeyError::Derivation(format!("{what} of the key file is not ours"));
        if self.kdf != "argon2id" || self.memory_kib > MOST_MEMORY_KIB || self.passes > MOST_PASSES {
            return Err(bad("the method"));
        }
        let salt = HEXLOWER.decode(self.salt.as_bytes()).map_err(|_| bad("the salt"))?;
        let key = password::derive_key(passphrase.0.expose_secret().as_bytes(), &salt, self.memory_kib, self.passes);
        key.map_err(|e| MasterKeyError::Derivation(e.to_string()))
    }

    fn derive(&self, passphrase: &Passphrase) -> Result<MasterKey, MasterKeyError> {
        self.key(passphrase).map(MasterKey)
    }
}

/// The master key. It never shows itself.
pub struct MasterKey(Zeroizing<[u8; LENGTH]>);

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey([REDACTED])")
    }
}

impl MasterKey {
    /// Reads the key of a data folder. A new one is made only when there is no data yet: from the
    /// passphrase if there is one, else a random one that the file holds.
    ///
    /// # Errors
    /// `Missing` when `data_exists` but no key does, `LooseMode`, `WrongLength`, `PassphraseNeeded`,
    /// `PassphraseShort`, `Derivation`, `Io`.
    pub fn load_or_create(data_dir: &Path, data_exists: bool, passphrase: Option<&Passphrase>) -> Result<Self, MasterKeyError> {
        let path = data_dir.join(MASTER_KEY_FILE);
        match Self::load(&path, passphrase)? {
            Some(key) => Ok(key),
            None if data_exists => Err(MasterKeyError::Missing(path)),
            None => Self::create(data_dir, &path, passphrase),
        }
    }

    /// The key that a rotation was about to take when the program ended.
    ///
    /// # Errors
    /// As [`MasterKey::load_or_create`].
    pub fn next(data_dir: &Path, passphrase: Option<&Passphrase>) -> Result<Option<Self>, MasterKeyError> {
        Self::load(&data_dir.join(NEXT_MASTER_KEY_FILE), passphrase)
    }

    /// Makes the key that a rotation takes. The file of a rotation that did not come to its end stays: it may
    /// hold the very key that counts.
    ///
    /// # Errors
    /// `NextExists`, `PassphraseShort`, `Derivation`, `Io`.
    pub fn prepare_next(data_dir: &Path, passphrase: Option<&Passphrase>) -> Result<Self, MasterKeyError> {
        let path = data_dir.join(NEXT_MASTER_KEY_FILE);
        if path.try_exists()? {
            return Err(MasterKeyError::NextExists(path));
        }
        Self::create(data_dir, &data_dir.join(NEXT_MASTER_KEY_FILE), passphrase)
    }

    /// The store counts by the next key now: its file becomes the key file.
    ///
    /// # Errors
    /// When the file cannot be renamed.
    pub fn adopt_next(data_dir: &Path) -> io::Result<()> {
        fs_err::rename(data_dir.join(NEXT_MASTER_KEY_FILE), data_dir.join(MASTER_KEY_FILE))?;
        fs_err::File::open(data_dir)?.sync_all()
    }

    /// The rotation did not come to its commit.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub fn discard_next(data_dir: &Path) -> io::Result<()> {
        match fs_err::remove_file(data_dir.join(NEXT_MASTER_KEY_FILE)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        }
    }

    /// Whether the key of a data folder is made from a passphrase.
    pub fn needs_passphrase(data_dir: &Path) -> bool {
        fs_err::read(data_dir.join(MASTER_KEY_FILE))
            .map(Zeroizing::new)
            .is_ok_and(|bytes| bytes.len() != LENGTH && bytes.first() == Some(&b'{'))
    }

    fn load(path: &Path, passphrase: Option<&Passphrase>) -> Result<Option<Self>, MasterKeyError> {
        let mut file = match fs_err::File::open(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        let mode = file.metadata()?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(MasterKeyError::LooseMode { path: path.to_path_buf(), mode });
        }
        let mut bytes = Zeroizing::new(Vec::with_capacity(LENGTH));
        file.read_to_end(&mut bytes)?;
        if let Ok(key) = <[u8; LENGTH]>::try_from(bytes.as_slice()) {
            return Ok(Some(Self(Zeroizing::new(key))));
        }
        let Ok(derivation) = serde_json::from_slice::<Derivation>(&bytes) else {
            return Err(MasterKeyError::WrongLength { path: path.to_path_buf(), found: bytes.len() });
        };
        let passphrase = passphrase.ok_or_else(|| MasterKeyError::PassphraseNeeded(path.to_path_buf()))?;
        derivation.derive(passphrase).map(Some)
    }

    /// Written beside and renamed, so that a crash never leaves half a key.
    fn create(data_dir: &Path, path: &Path, passphrase: Option<&Passphrase>) -> Result<Self, MasterKeyError> {
        let (key, content) = match passphrase {
            None => {
                let key = Self::generate();
                let content = Zeroizing::new(key.0.to_vec());
                (key, content)
            }
            Some(passphrase) if passphrase.0.expose_secret().chars().count() < SHORTEST_PASSPHRASE => {
                return Err(MasterKeyError::PassphraseShort);
            }
            Some(passphrase) => {
                let derivation = Derivation::fresh();
                let content = serde_json::to_vec(&derivation).map_err(|e| MasterKeyError::Derivation(e.to_string()))?;
                (derivation.derive(passphrase)?, Zeroizing::new(content))
            }
        };
        let beside = path.with_extension("new");
        match fs_err::remove_file(&beside) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e.into()),
            _ => {}
        }
        let mut file = create_private(&beside)?;
        file.write_all(&content)?;
        file.sync_all()?;
        fs_err::rename(&beside, path)?;
        fs_err::File::open(data_dir)?.sync_all()?;
        Ok(key)
    }

    /// A random key that is in no file.
    pub fn generate() -> Self {
        Self(Zeroizing::new(random_bytes()))
    }

    /// A key for one purpose, so that no two uses share one.
    pub(super) fn derive(&self, purpose: &str) -> Zeroizing<[u8; LENGTH]> {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, self.0.as_slice()), purpose.as_bytes());
        let mut derived = Zeroizing::new([0; LENGTH]);
        for (to, from) in derived.iter_mut().zip(tag.as_ref()) {
            *to = *from;
        }
        derived
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passphrase(text: &str) -> Passphrase {
        Passphrase::new(text.into())
    }

    #[test]
    fn a_key_is_made_once_private_and_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let made = MasterKey::load_or_create(dir.path(), false, None).unwrap();
        let path = dir.path().join(MASTER_KEY_FILE);
        assert_eq!(fs_err::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let read = MasterKey::load_or_create(dir.path(), true, None).unwrap();
        assert_eq!(made.derive("a"), read.derive("a"));
        assert_ne!(made.derive("a"), made.derive("b"));
        assert_eq!(format!("{made:?}"), "MasterKey([REDACTED])");
        assert!(!MasterKey::needs_passphrase(dir.path()));
    }

    #[test]
    fn a_passphrase_makes_the_key_anew_each_time_and_is_in_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let right = passphrase("a passphrase of some length");
        assert!(matches!(MasterKey::load_or_create(dir.path(), false, Some(&passphrase("short"))), Err(MasterKeyError::PassphraseShort)));
        let made = MasterKey::load_or_create(dir.path(), false, Some(&right)).unwrap();
        assert!(MasterKey::needs_passphrase(dir.path()));
        let read = MasterKey::load_or_create(dir.path(), true, Some(&right)).unwrap();
        assert_eq!(made.derive("a"), read.derive("a"));
        let other = MasterKey::load_or_create(dir.path(), true, Some(&passphrase("another passphrase"))).unwrap();
        assert_ne!(made.derive("a"), other.derive("a"), "the store tells that it does not fit");
        let error = MasterKey::load_or_create(dir.path(), true, None).unwrap_err().to_string();
        assert!(error.contains("EGGMONEY_MASTER_PASSPHRASE"), "{error}");
        let content = fs_err::read(dir.path().join(MASTER_KEY_FILE)).unwrap();
        assert!(!content.windows(LENGTH).any(|w| w == made.0.as_slice()));
        assert_eq!(format!("{right:?}"), "Passphrase([REDACTED])");
    }

    #[test]
    fn a_missing_key_over_existing_data_is_an_error_and_none_is_made() {
        let dir = tempfile::tempdir().unwrap();
        let error = MasterKey::load_or_create(dir.path(), true, None).unwrap_err();
        assert!(matches!(error, MasterKeyError::Missing(_)), "{error}");
        assert!(!dir.path().join(MASTER_KEY_FILE).exists());
    }

    #[test]
    fn loose_modes_and_damaged_files_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        MasterKey::load_or_create(dir.path(), false, None).unwrap();
        let path = dir.path().join(MASTER_KEY_FILE);
        fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let error = MasterKey::load_or_create(dir.path(), true, None).unwrap_err().to_string();
        assert!(error.contains("mode 640") && error.contains("chmod 600"), "{error}");

        fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        for (content, wanted) in [("short", "5 bytes"), ("{\"kdf\":\"argon2id\"", "17 bytes")] {
            fs_err::write(&path, content).unwrap();
            let error = MasterKey::load_or_create(dir.path(), true, None).unwrap_err().to_string();
            assert!(error.contains(wanted), "{error}");
        }
        let greedy = r#"{"kdf":"argon2id","memory_kib":4000000000,"passes":3,"salt":"00"}"#;
        fs_err::write(&path, greedy).unwrap();
        let error = MasterKey::load_or_create(dir.path(), true, Some(&passphrase("long enough it is"))).unwrap_err();
        assert!(matches!(error, MasterKeyError::Derivation(_)), "{error}");
    }
}
