//! The one-time code that makes the first administrator: only somebody on the NAS can read it.

use std::io::Write;
use std::path::{Path, PathBuf};

use data_encoding::BASE32_NOPAD;
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use super::error::AuthError;
use super::{create_private, random_bytes};

/// Name of the file inside the data folder.
pub const SETUP_CODE_FILE: &str = "setup-code";

/// The file with the setup code.
#[derive(Clone, Debug)]
pub(super) struct SetupCode(PathBuf);

impl SetupCode {
    pub(super) fn in_folder(data_dir: &Path) -> Self {
        Self(data_dir.join(SETUP_CODE_FILE))
    }

    /// Makes the code if there is none (100 random bits in four readable groups).
    pub(super) fn ensure(&self) -> Result<(), AuthError> {
        if self.0.exists() {
            return Ok(());
        }
        let code = BASE32_NOPAD.encode(&random_bytes::<13>());
        let groups: Vec<&str> = (0..20).step_by(5).filter_map(|at| code.get(at..at + 5)).collect();
        let mut file = create_private(&self.0).map_err(|e| self.failed(&e))?;
        writeln!(file, "{}", groups.join("-")).and_then(|()| file.sync_all()).map_err(|e| self.failed(&e))
    }

    /// Compares in constant time; spaces, dashes and case do not matter.
    ///
    /// # Errors
    /// `SetupCodeWrong`, `File`.
    pub(super) fn check(&self, given: &SecretString) -> Result<(), AuthError> {
        let stored = match fs_err::read_to_string(&self.0) {
            // Somebody else has just used it.
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Err(AuthError::SetupCodeWrong),
            other => other.map_err(|e| self.failed(&e))?,
        };
        let same = plain(&stored).as_bytes().ct_eq(plain(given.expose_secret()).as_bytes());
        if bool::from(same) { Ok(()) } else { Err(AuthError::SetupCodeWrong) }
    }

    /// Deletes the code once it has served.
    pub(super) fn remove(&self) -> Result<(), AuthError> {
        match fs_err::remove_file(&self.0) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(self.failed(&e)),
            _ => Ok(()),
        }
    }

    fn failed(&self, error: &std::io::Error) -> AuthError {
        AuthError::File { path: self.0.display().to_string(), detail: error.to_string() }
    }
}

fn plain(code: &str) -> String {
    code.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_code_is_private_stays_until_removed_and_forgives_spelling() {
        let dir = tempfile::tempdir().unwrap();
        let code = SetupCode::in_folder(dir.path());
        code.ensure().unwrap();
        let path = dir.path().join(SETUP_CODE_FILE);
        let text = fs_err::read_to_string(&path).unwrap();
        assert_eq!(text.trim().len(), 23, "{text}");
        assert_eq!(fs_err::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        code.ensure().unwrap();
        assert_eq!(fs_err::read_to_string(&path).unwrap(), text);

        code.check(&SecretString::from(text.clone())).unwrap();
        code.check(&SecretString::from(text.trim().to_lowercase().replace('-', " "))).unwrap();
        for wrong in ["", "AAAAA-AAAAA-AAAAA-AAAAA", text.get(..10).unwrap()] {
            assert!(matches!(code.check(&SecretString::from(wrong)), Err(AuthError::SetupCodeWrong)), "{wrong}");
        }
        code.remove().unwrap();
        code.remove().unwrap();
        assert!(!path.exists());
        assert!(matches!(code.check(&SecretString::from(text)), Err(AuthError::SetupCodeWrong)));
    }
}
