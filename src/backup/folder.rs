//! The backup folder: whose it is, what is in it, what is thinned out. On a NAS it lies in a shared folder,
//! so anything may be missing, read-only or somebody else's; only files of this installation are removed.

use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::container::{Container, Kind};
use super::error::BackupError;
use super::files;
use super::plan::{BackupSettings, kept};
use super::set::{PREFIX, SUFFIX, UNFINISHED};

/// The file that says whose backups these are.
pub const GENERATION_FILE: &str = "generation.json";
const README: &str = "README.txt";
const README_TEXT: &str = "\
EggMoney backups. Each eggmoney-….eggbackup is one encrypted backup; keep it together with the
user-keys-….eggbackup beside it, which holds what unlocks people's broker keys.
Restore with the recovery key (twelve words) or the family passphrase:

    eggmoney restore --from FILE --data-dir DIR --recovery-key-stdin

EggMoney 백업 폴더입니다. eggmoney-….eggbackup 파일 하나가 암호화된 백업 하나이며, 옆의
user-keys-….eggbackup 파일과 함께 보관해 주세요. 복구 키(단어 12개) 또는 가족 암호로 복원합니다.
";

/// Whose backups a folder holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generation {
    pub installation: Uuid,
    /// Grows with every restore.
    pub generation: u64,
    pub at: Timestamp,
}

/// A backup as it lies in the folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Listed {
    pub name: String,
    pub bytes: u64,
    pub created_at: Option<Timestamp>,
    pub version: Option<String>,
    pub generation: Option<u64>,
    /// Another installation made it.
    pub foreign: bool,
    /// Code of what is wrong with it; `null` when it looks whole.
    pub problem: Option<String>,
}

/// Makes the backup folder usable: only its last part is made, so that a shared folder that is not mounted is
/// told and not replaced by a folder of that name.
///
/// # Errors
/// `FolderMissing`, `FolderReadOnly`, `Io`.
pub fn prepare(folder: &Path) -> Result<(), BackupError> {
    if !folder.is_dir() {
        if !folder.parent().is_some_and(Path::is_dir) {
            return Err(BackupError::FolderMissing(folder.to_owned()));
        }
        files::private_folder(folder).map_err(|e| read_only(folder, &e))?;
    }
    tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder).map_err(|e| read_only(folder, &e))?;
    Ok(())
}

/// Removes what killed processes were writing. The folder must be this installation's.
fn sweep(folder: &Path) -> Result<(), BackupError> {
    for name in files::names(folder)?.into_iter().filter(|name| name.starts_with(UNFINISHED)) {
        fs_err::remove_file(folder.join(&name)).map_err(|e| read_only(folder, &e))?;
    }
    Ok(())
}

fn read_only(folder: &Path, error: &io::Error) -> BackupError {
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => BackupError::FolderReadOnly(folder.to_owned()),
        _ => BackupError::io(folder, error),
    }
}

/// Whose the folder is; `None` when nobody wrote there.
///
/// # Errors
/// `Damaged`, `Io`.
pub fn generation(folder: &Path) -> Result<Option<Generation>, BackupError> {
    let path = folder.join(GENERATION_FILE);
    let Some(text) = files::read(&path)? else { return Ok(None) };
    let bad = |e: serde_json::Error| BackupError::Damaged { path: path.clone(), detail: e.to_string() };
    serde_json::from_slice(&text).map(Some).map_err(bad)
}

/// Makes the folder this installation's, unless it is another's or a later generation's.
///
/// # Errors
/// `ForeignFolder`, `Superseded`, `Io`.
pub fn claim(folder: &Path, own: &Generation) -> Result<(), BackupError> {
    match generation(folder)? {
        Some(found) if found.installation != own.installation => return Err(BackupError::ForeignFolder(folder.to_owned())),
        Some(found) if found.generation > own.generation => {
            return Err(BackupError::Superseded { found: found.generation, own: own.generation });
        }
        Some(found) if found.generation == own.generation => return sweep(folder),
        Some(_) => {}
        // Backups without the note: somebody removed it, or they came from elsewhere.
        None if list(folder, own.installation)?.iter().any(|set| set.foreign) => {
            return Err(BackupError::ForeignFolder(folder.to_owned()));
        }
        None => {}
    }
    sweep(folder)?;
    put_generation(folder, own)?;
    let readme = folder.join(README);
    if readme.exists() { Ok(()) } else { files::replace(&readme, README_TEXT.as_bytes()) }
}

/// Notes whose the folder is, whatever was there.
///
/// # Errors
/// `Io`, `Full`.
pub fn put_generation(folder: &Path, own: &Generation) -> Result<(), BackupError> {
    let text = serde_json::to_vec(own).map_err(|e| BackupError::io(folder, &io::Error::other(e)))?;
    files::replace(&folder.join(GENERATION_FILE), &text)
}

/// The backups in a folder, newest first. Only their beginnings and ends are read.
///
/// # Errors
/// `Io`.
pub fn list(folder: &Path, installation: Uuid) -> Result<Vec<Listed>, BackupError> {
    let mut sets = Vec::new();
    for name in files::names(folder)?.into_iter().filter(|name| name.starts_with(PREFIX) && name.ends_with(SUFFIX)) {
        let path = folder.join(&name);
        let bytes = fs_err::metadata(&path).map_or(0, |m| m.len());
        sets.push(match Container::open(&path) {
            Ok(file) => {
                let header = file.header();
                let problem = (header.kind != Kind::Set).then(|| BackupError::NoSet.code().to_owned());
                Listed {
                    name,
                    bytes,
                    created_at: Some(header.created_at),
                    version: Some(header.version.clone()),
                    generation: Some(header.generation),
                    foreign: header.installation != installation,
                    problem,
                }
            }
            Err(error) => Listed {
                name,
                bytes,
                created_at: None,
                version: None,
                generation: None,
                foreign: false,
                problem: Some(error.code().to_owned()),
            },
        });
    }
    sets.sort_by(|a, b| (b.created_at, &b.name).cmp(&(a.created_at, &a.name)));
    Ok(sets)
}

/// The newest backup of a folder that looks whole.
///
/// # Errors
/// `NoSets`, `Io`.
pub fn newest(folder: &Path) -> Result<PathBuf, BackupError> {
    let sets = list(folder, Uuid::nil())?;
    let whole = sets.iter().find(|set| set.problem.is_none());
    whole.map(|set| folder.join(&set.name)).ok_or_else(|| BackupError::NoSets(folder.to_owned()))
}

/// Removes the backups of this installation that are not kept any more; gives their number.
///
/// # Errors
/// `Io`.
pub fn thin_out(folder: &Path, installation: Uuid, settings: &BackupSettings) -> Result<usize, BackupError> {
    let sets = list(folder, installation)?;
    let whole = |set: &&Listed| !set.foreign && set.problem.is_none();
    let made: Vec<Timestamp> = sets.iter().filter(whole).filter_map(|set| set.created_at).collect();
    let kept = kept(settings, &made);
    let mut removed = 0;
    for set in sets.iter().filter(whole).filter(|set| set.created_at.is_some_and(|at| !kept.contains(&at))) {
        let path = folder.join(&set.name);
        fs_err::remove_file(&path).map_err(|e| BackupError::io(&path, &e))?;
        removed += 1;
    }
    Ok(removed)
}
