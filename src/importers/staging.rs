//! Uploaded files that wait for their owner's confirmation: private to the program and to the
//! uploading user, for one hour. The id tells the time of the upload, so nothing can outlive it.

use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Builder;

use crate::domain::id::{ImportId, UserId};

/// How long an upload waits.
const LIFE: SignedDuration = SignedDuration::from_hours(1);
/// Uploads of one user that may wait at a time; a further one takes the place of the oldest.
const PER_USER: usize = 3;
/// Name of the file that describes an upload; written last.
const DESCRIPTION: &str = "upload.json";

/// The folder of all uploads.
#[derive(Clone, Debug)]
pub struct Staging {
    root: PathBuf,
}

/// One upload.
#[derive(Debug)]
pub struct Staged<T> {
    pub id: ImportId,
    pub folder: PathBuf,
    pub description: T,
    pub expires_at: Timestamp,
}

/// An upload on its way in. Its folder goes when it is dropped before [`Draft::keep`].
#[derive(Debug)]
pub struct Draft {
    id: ImportId,
    folder: PathBuf,
    kept: bool,
}

#[derive(Serialize, Deserialize)]
struct Owned<T> {
    user: UserId,
    description: T,
}

impl Staging {
    /// The uploads of a data folder.
    pub fn new(data_dir: &Path) -> Self {
        Self { root: data_dir.join("staging") }
    }

    /// Makes room for an upload of a user.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub fn draft(&self, user: UserId, now: Timestamp) -> io::Result<Draft> {
        self.sweep(now)?;
        let mut own: Vec<ImportId> = self.ids()?.into_iter().filter(|id| self.owner(*id) == Some(user)).collect();
        own.sort_unstable();
        let spare = own.len().saturating_sub(PER_USER - 1);
        for id in own.into_iter().take(spare) {
            self.remove(id)?;
        }
        let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
        let id = ImportId(Builder::from_unix_timestamp_millis(millis, &rand::random()).into_uuid());
        let folder = self.root.join(id.to_string());
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        Ok(Draft { id, folder, kept: false })
    }

    /// A user's upload; `None` when there is none, when it is another user's, or when its hour is over.
    pub fn open<T: for<'de> Deserialize<'de>>(&self, user: UserId, id: ImportId, now: Timestamp) -> Option<Staged<T>> {
        let expires_at = expiry(id)?;
        let folder = self.root.join(id.to_string());
        let owned: Owned<T> = serde_json::from_slice(&fs_err::read(folder.join(DESCRIPTION)).ok()?).ok()?;
        (owned.user == user && now < expires_at).then_some(Staged { id, folder, description: owned.description, expires_at })
    }

    /// Removes an upload.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove(&self, id: ImportId) -> io::Result<()> {
        match fs_err::remove_dir_all(self.root.join(id.to_string())) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        }
    }

    /// Removes all uploads of a user.
    ///
    /// # Errors
    /// When one cannot be removed.
    pub fn forget(&self, user: UserId) -> io::Result<()> {
        self.ids()?.into_iter().filter(|id| self.owner(*id) == Some(user)).try_for_each(|id| self.remove(id))
    }

    /// Removes every upload whose hour is over, half-finished ones included.
    ///
    /// # Errors
    /// When the folder cannot be read or an upload cannot be removed.
    pub fn sweep(&self, now: Timestamp) -> io::Result<()> {
        for id in self.ids()? {
            if expiry(id).is_none_or(|at| at <= now) {
                self.remove(id)?;
            }
        }
        Ok(())
    }

    fn ids(&self) -> io::Result<Vec<ImportId>> {
        let entries = match fs_err::read_dir(&self.root) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other?,
        };
        let mut ids = Vec::new();
        for entry in entries {
            if let Some(id) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) {
                ids.push(id);
            }
        }
        Ok(ids)
    }

    fn owner(&self, id: ImportId) -> Option<UserId> {
        let bytes = fs_err::read(self.root.join(id.to_string()).join(DESCRIPTION)).ok()?;
        serde_json::from_slice::<Owned<serde_json::Value>>(&bytes).ok().map(|owned| owned.user)
    }
}

/// When an upload's hour is over.
fn expiry(id: ImportId) -> Option<Timestamp> {
    let (seconds, nanos) = id.0.get_timestamp()?.to_unix();
    let made = Timestamp::new(i64::try_from(seconds).ok()?, i32::try_from(nanos).ok()?).ok()?;
    made.checked_add(LIFE).ok()
}

impl Draft {
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Makes one of the upload's files, readable by this program only.
    ///
    /// # Errors
    /// When it exists or cannot be written.
    pub fn file(&self, name: &str) -> io::Result<std::fs::File> {
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(self.folder.join(name))
    }

    /// Describes the upload and keeps it for its hour.
    ///
    /// # Errors
    /// When the description cannot be written.
    pub fn keep<T: Serialize>(mut self, user: UserId, description: T) -> io::Result<Staged<T>> {
        let owned = Owned { user, description };
        serde_json::to_writer(self.file(DESCRIPTION)?, &owned)?;
        self.kept = true;
        let expires_at = expiry(self.id).ok_or_else(|| io::Error::other("the clock is out of range"))?;
        Ok(Staged { id: self.id, folder: self.folder.clone(), description: owned.description, expires_at })
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.kept
            && let Err(error) = fs_err::remove_dir_all(&self.folder)
        {
            tracing::warn!(%error, "an unfinished upload stays until its hour is over");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;
    use uuid::Uuid;

    fn user(n: u128) -> UserId {
        UserId(Uuid::from_u128(n))
    }

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + minutes * 60).unwrap()
    }

    fn upload(staging: &Staging, owner: UserId, now: Timestamp) -> ImportId {
        let draft = staging.draft(owner, now).unwrap();
        draft.file("db").unwrap().write_all(b"x").unwrap();
        draft.keep(owner, "hello".to_owned()).unwrap().id
    }

    #[test]
    fn an_upload_is_its_owners_for_an_hour() {
        let dir = tempfile::tempdir().unwrap();
        let staging = Staging::new(dir.path());
        let id = upload(&staging, user(1), at(0));
        let open = |who, now| staging.open::<String>(who, id, now);
        assert_eq!(open(user(1), at(59)).unwrap().description, "hello");
        assert!(open(user(2), at(0)).is_none());
        assert!(open(user(1), at(60)).is_none());
        let folder = dir.path().join("staging").join(id.to_string());
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&dir.path().join("staging")), mode(&folder), mode(&folder.join("db"))), (0o700, 0o700, 0o600));
        staging.sweep(at(59)).unwrap();
        assert!(folder.exists());
        staging.sweep(at(60)).unwrap();
        assert!(!folder.exists());
    }

    #[test]
    fn a_draft_that_is_not_kept_leaves_nothing_and_old_uploads_make_room() {
        let dir = tempfile::tempdir().unwrap();
        let staging = Staging::new(dir.path());
        drop(staging.draft(user(1), at(0)).unwrap());
        assert_eq!(staging.ids().unwrap(), []);
        let ids: Vec<_> = (0..5).map(|n| upload(&staging, user(1), at(n))).collect();
        let other = upload(&staging, user(2), at(6));
        let mut left = staging.ids().unwrap();
        left.sort_unstable();
        assert_eq!(left, [ids[2], ids[3], ids[4], other]);
        assert!(staging.remove(ids[0]).is_ok());
        staging.forget(user(1)).unwrap();
        assert_eq!(staging.ids().unwrap(), [other]);
    }
}
