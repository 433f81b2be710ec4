//! Codes in files of the data folder that only somebody on the NAS can read: one makes the first
//! administrator, one lets an administrator in again.

use std::io::Write;
use std::path::{Path, PathBuf};

use data_encoding::BASE32_NOPAD;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use super::error::AuthError;
use super::{create_private, random_bytes};

/// Name of the file with the code for the first administrator.
pub const SETUP_CODE_FILE: &str = "setup-code";
/// Name of the file with the code for an administrator who cannot sign in.
pub const RECOVERY_CODE_FILE: &str = "recovery-code";

/// A file with a code.
#[derive(Clone, Debug)]
pub(super) struct CodeFile(PathBuf);

impl CodeFile {
    pub(super) fn in_folder(data_dir: &Path, name: &str) -> Self {
        Self(data_dir.join(name))
    }

    /// Makes the code if there is none.
    pub(super) fn ensure(&self) -> Result<(), AuthError> {
        if self.0.exists() { Ok(()) } else { self.make(None) }
    }

    /// Makes a code, unless one is there that is not older than `life`: whoever asks again must not take
    /// it away from the one who is about to use it.
    pub(super) fn renew(&self, now: Timestamp, life: SignedDuration) -> Result<(), AuthError> {
        if self.made()?.is_some_and(|made| now.duration_since(made) <= life) {
            return Ok(());
        }
        self.remove()?;
        self.make(Some(now))
    }

    /// Writes 100 random bits in four readable groups, and on a second line when they were made.
    fn make(&self, at: Option<Timestamp>) -> Result<(), AuthError> {
        let code = BASE32_NOPAD.encode(&random_bytes::<13>());
        let groups: Vec<&str> = (0..20).step_by(5).filter_map(|at| code.get(at..at + 5)).collect();
        let mut file = create_private(&self.0).map_err(|e| self.failed(&e))?;
        let text = [Some(groups.join("-")), at.map(|at| at.to_string())].into_iter().flatten().collect::<Vec<_>>().join("\n");
        writeln!(file, "{text}").and_then(|()| file.sync_all()).map_err(|e| self.failed(&e))
    }

    /// Whether it is this code: compared in constant time; spaces, dashes and case do not matter.
    ///
    /// # Errors
    /// `File`.
    pub(super) fn holds(&self, given: &SecretString) -> Result<bool, AuthError> {
        let Some(stored) = self.read()? else { return Ok(false) };
        let code = stored.lines().next().unwrap_or_default();
        Ok(plain(code).as_bytes().ct_eq(plain(given.expose_secret()).as_bytes()).into())
    }

    /// Whether it is this code, and not older than `life`.
    ///
    /// # Errors
    /// `File`.
    pub(super) fn is(&self, given: &SecretString, now: Timestamp, life: SignedDuration) -> Result<bool, AuthError> {
        Ok(self.made()?.is_some_and(|made| now.duration_since(made) <= life) && self.holds(given)?)
    }

    fn made(&self) -> Result<Option<Timestamp>, AuthError> {
        Ok(self.read()?.and_then(|stored| stored.lines().nth(1)?.trim().parse().ok()))
    }

    /// `None` when there is none, or somebody else has just used it.
    fn read(&self) -> Result<Option<String>, AuthError> {
        match fs_err::read_to_string(&self.0) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            other => other.map(Some).map_err(|e| self.failed(&e)),
        }
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
        let code = CodeFile::in_folder(dir.path(), SETUP_CODE_FILE);
        code.ensure().unwrap();
        let path = dir.path().join(SETUP_CODE_FILE);
        let text = fs_err::read_to_string(&path).unwrap();
        assert_eq!(text.trim().len(), 23, "{text}");
        assert_eq!(fs_err::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        code.ensure().unwrap();
        assert_eq!(fs_err::read_to_string(&path).unwrap(), text);

        assert!(code.holds(&SecretString::from(text.clone())).unwrap());
        assert!(code.holds(&SecretString::from(text.trim().to_lowercase().replace('-', " "))).unwrap());
        for wrong in ["", "AAAAA-AAAAA-AAAAA-AAAAA", text.get(..10).unwrap()] {
            assert!(!code.holds(&SecretString::from(wrong)).unwrap(), "{wrong}");
        }
        code.remove().unwrap();
        code.remove().unwrap();
        assert!(!path.exists());
        assert!(!code.holds(&SecretString::from(text)).unwrap());
    }

    #[test]
    fn a_recovery_code_grows_old_and_a_new_one_takes_its_place() {
        let dir = tempfile::tempdir().unwrap();
        let file = CodeFile::in_folder(dir.path(), RECOVERY_CODE_FILE);
        let (made, life) = (Timestamp::from_second(1_800_000_000).unwrap(), SignedDuration::from_mins(30));
        let shown = || SecretString::from(fs_err::read_to_string(dir.path().join(RECOVERY_CODE_FILE)).unwrap().lines().next().unwrap());
        file.renew(made, life).unwrap();
        let first = shown();
        file.renew(made + life, life).unwrap();
        assert_eq!(shown().expose_secret(), first.expose_secret(), "one that still counts stays");
        assert!(file.is(&first, made + life, life).unwrap());
        assert!(!file.is(&first, made + life + SignedDuration::from_secs(1), life).unwrap());
        let later = made + life + SignedDuration::from_secs(1);
        file.renew(later, life).unwrap();
        assert!(!file.is(&first, later, life).unwrap());
        assert!(file.is(&shown(), later + life, life).unwrap());
    }
}
