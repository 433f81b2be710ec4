//! Small acts on files: private from the start, durable when they return, visible by one rename.

use std::io::{self, Write};
use std::path::Path;

use super::error::BackupError;

/// Makes a file that only its owner may read; an existing one is an error.
pub(super) fn create_private(path: &Path) -> io::Result<fs_err::File> {
    use fs_err::os::unix::fs::OpenOptionsExt;
    fs_err::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Makes a folder, with those above it, that only its owner may enter.
pub(super) fn private_folder(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// A name is only there for good once its folder is on disk.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    fs_err::File::open(folder)?.sync_all()
}

/// Writes a small file beside its place and renames it.
pub(super) fn replace(path: &Path, content: &[u8]) -> Result<(), BackupError> {
    let failed = |e: io::Error| BackupError::io(path, &e);
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".tmp-").tempfile_in(folder).map_err(failed)?;
    file.write_all(content).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
    file.persist(path).map_err(|e| failed(e.error))?;
    sync_folder(folder).map_err(failed)
}

/// A text of an existing file; `None` when there is none.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, BackupError> {
    match fs_err::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(BackupError::io(path, &error)),
    }
}

/// Names in a folder; none when there is no folder. What a NAS or a Mac adds by itself is left out.
pub(super) fn names(folder: &Path) -> Result<Vec<String>, BackupError> {
    let failed = |e: io::Error| BackupError::io(folder, &e);
    let entries = match fs_err::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry.map_err(failed)?.file_name().into_string().ok().filter(|name| !name.starts_with(['@', '#'])));
    }
    names.sort();
    Ok(names)
}
