//! A restore drill: the newest backup is unpacked into a scratch folder, its database compared with what it
//! was, verified, and its secrets opened with the keys that came with it.

use std::io;
use std::path::Path;

use super::error::BackupError;
use super::folder;
use super::keys::{Opening, WrappingKeys};
use super::restore::unpack_into;
use super::set::WORK;
use crate::auth::{MasterKey, Passphrase, open_vault};
use crate::storage::Store;

/// Tries a restore of the newest backup of a folder; gives its name and its rows. `master_passphrase` is what
/// the master key is made from, where it is in no file.
///
/// # Errors
/// See [`BackupError`]: then a restore would fail, too.
pub fn drill(
    folder: &Path,
    data_dir: &Path,
    keys: &WrappingKeys,
    master_passphrase: Option<&Passphrase>,
    free: fn(&Path) -> Option<u64>,
) -> Result<(String, usize), BackupError> {
    let set = folder::newest(folder)?;
    let failed = |e: io::Error| BackupError::io(data_dir, &e);
    let scratch = tempfile::Builder::new().prefix(WORK).tempdir_in(data_dir).map_err(failed)?;
    let unpacked = unpack_into(&set, &Opening::Recovery(keys.recovery().clone()), scratch.path(), free)?;
    let store = Store::open(scratch.path())?;
    if !store.verify()?.agrees() {
        return Err(BackupError::Differs("its books do not follow from their facts".to_owned()));
    }
    let master = MasterKey::load_or_create(scratch.path(), true, master_passphrase)?;
    open_vault(&store, scratch.path(), &master, master_passphrase)?;
    let name = set.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok((name, unpacked.contents.rows))
}
