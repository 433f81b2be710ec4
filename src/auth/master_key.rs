//! The key that wraps all others: 32 bytes in a file of the data folder that only its owner reads.

use std::fmt;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use ring::hmac;
use zeroize::Zeroizing;

use super::{create_private, random_bytes};

/// Name of the key file inside the data folder.
pub const MASTER_KEY_FILE: &str = "master.key";

const LENGTH: usize = 32;

/// Why there is no master key.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    #[error(
        "{} is missing but the database exists: without it the stored broker keys cannot be read. \
         Put the key file back from your backup; a new key is never made over old data",
        .0.display()
    )]
    Missing(PathBuf),
    #[error("{} may be read by others (mode {mode:o}): run chmod 600 on it and start again", path.display())]
    LooseMode { path: PathBuf, mode: u32 },
    #[error("{} does not hold a master key: it has {found} bytes instead of {LENGTH}. Put the right file back from your backup", path.display())]
    WrongLength { path: PathBuf, found: usize },
    #[error("cannot read or create the master key: {0}")]
    Io(#[from] std::io::Error),
}

/// The master key. It never shows itself.
pub struct MasterKey(Zeroizing<[u8; LENGTH]>);

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey([REDACTED])")
    }
}

impl MasterKey {
    /// Reads the key of a data folder. A new one is made only when there is no data yet.
    ///
    /// # Errors
    /// `Missing` when `data_exists` but no key does, `LooseMode`, `WrongLength`, `Io`.
    pub fn load_or_create(data_dir: &Path, data_exists: bool) -> Result<Self, MasterKeyError> {
        let path = data_dir.join(MASTER_KEY_FILE);
        match fs_err::File::open(&path) {
            Ok(file) => Self::read(&path, file),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && data_exists => Err(MasterKeyError::Missing(path)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Self::create(data_dir, &path),
            Err(e) => Err(e.into()),
        }
    }

    fn read(path: &Path, mut file: fs_err::File) -> Result<Self, MasterKeyError> {
        let mode = file.metadata()?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(MasterKeyError::LooseMode { path: path.to_path_buf(), mode });
        }
        let mut bytes = Zeroizing::new(Vec::with_capacity(LENGTH));
        file.read_to_end(&mut bytes)?;
        let key = <[u8; LENGTH]>::try_from(bytes.as_slice())
            .map_err(|_| MasterKeyError::WrongLength { path: path.to_path_buf(), found: bytes.len() })?;
        Ok(Self(Zeroizing::new(key)))
    }

    /// Written beside and renamed, so that a crash never leaves half a key.
    fn create(data_dir: &Path, path: &Path) -> Result<Self, MasterKeyError> {
        let key = Self::generate();
        let beside = path.with_extension("new");
        match fs_err::remove_file(&beside) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e.into()),
            _ => {}
        }
        let mut file = create_private(&beside)?;
        file.write_all(key.0.as_slice())?;
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

    #[test]
    fn a_key_is_made_once_private_and_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let made = MasterKey::load_or_create(dir.path(), false).unwrap();
        let path = dir.path().join(MASTER_KEY_FILE);
        assert_eq!(fs_err::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let read = MasterKey::load_or_create(dir.path(), true).unwrap();
        assert_eq!(made.derive("a"), read.derive("a"));
        assert_ne!(made.derive("a"), made.derive("b"));
        assert_eq!(format!("{made:?}"), "MasterKey([REDACTED])");
    }

    #[test]
    fn a_missing_key_over_existing_data_is_an_error_and_none_is_made() {
        let dir = tempfile::tempdir().unwrap();
        let error = MasterKey::load_or_create(dir.path(), true).unwrap_err();
        assert!(matches!(error, MasterKeyError::Missing(_)), "{error}");
        assert!(!dir.path().join(MASTER_KEY_FILE).exists());
    }

    #[test]
    fn loose_modes_and_damaged_files_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        MasterKey::load_or_create(dir.path(), false).unwrap();
        let path = dir.path().join(MASTER_KEY_FILE);
        fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let error = MasterKey::load_or_create(dir.path(), true).unwrap_err().to_string();
        assert!(error.contains("mode 640") && error.contains("chmod 600"), "{error}");

        fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        fs_err::write(&path, b"short").unwrap();
        let error = MasterKey::load_or_create(dir.path(), true).unwrap_err();
        assert!(matches!(error, MasterKeyError::WrongLength { found: 5, .. }), "{error}");
    }
}
