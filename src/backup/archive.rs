//! What is in a backup: an index, then the files that it names, one after another, compressed.

use std::io::{self, Read, Seek, Write};
use std::path::Path;

use data_encoding::HEXLOWER;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::container::ReadError;
use crate::storage::Contents;

const LONGEST_INDEX: u32 = 4 << 20;

/// A file of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Path inside the data folder, with `/`.
    pub name: String,
    pub bytes: u64,
    /// Hex.
    pub sha256: String,
}

impl Entry {
    /// A file as it lies on the disk, read to its end.
    pub(super) fn of(name: String, file: &mut fs_err::File) -> io::Result<Self> {
        let mut digest = Sha256::new();
        let bytes = io::copy(file, &mut DigestWriter(&mut digest))?;
        file.rewind()?;
        Ok(Self { name, bytes, sha256: HEXLOWER.encode(&digest.finalize()) })
    }

    /// A name that leads nowhere else: one file, or one in one folder.
    fn is_safe(&self) -> bool {
        let plain = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.contains(['\\', '\0']);
        self.name.split('/').count() <= 2 && self.name.split('/').all(plain)
    }
}

struct DigestWriter<'a>(&'a mut Sha256);

impl Write for DigestWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What stands before the files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Index {
    pub entries: Vec<Entry>,
    /// What the database holds.
    pub contents: Contents,
}

impl Index {
    pub fn bytes(&self) -> u64 {
        self.entries.iter().map(|e| e.bytes).sum()
    }
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

/// Writes index and files.
///
/// # Errors
/// `InvalidData` when a file is not what the index says any more; those of the files.
pub(super) fn pack(out: &mut dyn Write, index: &Index, files: &mut [fs_err::File]) -> io::Result<()> {
    let text = serde_json::to_vec(index).map_err(io::Error::other)?;
    let mut out = DeflateEncoder::new(out, Compression::fast());
    out.write_all(&u32::try_from(text.len()).map_err(io::Error::other)?.to_be_bytes())?;
    out.write_all(&text)?;
    for (entry, file) in index.entries.iter().zip(files) {
        if io::copy(&mut file.take(entry.bytes), &mut out)? != entry.bytes {
            return Err(broken("a file became shorter while it was read"));
        }
    }
    out.finish().map(drop)
}

/// Reads index and files; each file goes to `each` with a reader of its bytes, and is compared with the index.
pub(super) fn unpack(
    input: &mut dyn Read,
    mut each: impl FnMut(&Index, &Entry, &mut dyn Read) -> Result<(), ReadError>,
) -> Result<Index, ReadError> {
    let mut input = DeflateDecoder::new(input);
    let mut length = [0; 4];
    input.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length);
    if length > LONGEST_INDEX {
        return Err(broken("its index is too long").into());
    }
    let mut text = vec![0; length as usize];
    input.read_exact(&mut text)?;
    let index: Index = serde_json::from_slice(&text).map_err(|e| broken(&format!("its index cannot be read: {e}")))?;
    if let Some(bad) = index.entries.iter().find(|e| !e.is_safe()) {
        return Err(broken(&format!("its index names {:?}", bad.name)).into());
    }
    for entry in &index.entries {
        let mut bytes = Digested { input: (&mut input).take(entry.bytes), digest: Sha256::new(), length: 0 };
        each(&index, entry, &mut bytes)?;
        if bytes.length != entry.bytes || HEXLOWER.encode(&bytes.digest.finalize()) != entry.sha256 {
            return Err(broken(&format!("{} is not what it was", entry.name)).into());
        }
    }
    match input.read(&mut [0])? {
        0 => Ok(index),
        _ => Err(broken("it has more than its index says").into()),
    }
}

struct Digested<R> {
    input: R,
    digest: Sha256,
    length: u64,
}

impl<R: Read> Read for Digested<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(into)?;
        self.digest.update(into.get(..read).unwrap_or_default());
        self.length += read as u64;
        Ok(read)
    }
}

/// Writes a file of a backup to the disk, for its owner only; it is durable when this returns.
pub(super) fn write_file(folder: &Path, entry: &Entry, input: &mut dyn Read) -> Result<(), ReadError> {
    let path = folder.join(&entry.name);
    let failed = |e: io::Error| super::BackupError::io(&path, &e);
    if let Some(parent) = path.parent() {
        fs_err::create_dir_all(parent).map_err(failed)?;
    }
    let mut file = super::files::create_private(&path).map_err(failed)?;
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = input.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        file.write_all(buffer.get(..read).unwrap_or_default()).map_err(failed)?;
    }
    Ok(file.sync_all().map_err(failed)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(entries: &[(&str, &[u8])]) -> (Vec<u8>, Index) {
        let dir = tempfile::tempdir().unwrap();
        let mut files = Vec::new();
        let mut index = Index { entries: Vec::new(), contents: Contents::default() };
        for (n, (name, bytes)) in entries.iter().enumerate() {
            let path = dir.path().join(n.to_string());
            fs_err::write(&path, bytes).unwrap();
            let mut file = fs_err::File::open(&path).unwrap();
            index.entries.push(Entry::of((*name).to_owned(), &mut file).unwrap());
            files.push(file);
        }
        let mut out = Vec::new();
        pack(&mut out, &index, &mut files).unwrap();
        (out, index)
    }

    fn unpacked(bytes: &[u8], folder: &Path) -> Result<Index, String> {
        let mut input = bytes;
        unpack(&mut input, |_, entry, file| write_file(folder, entry, file)).map_err(|e| match e {
            ReadError::Input(e) => e.to_string(),
            ReadError::Other(e) => e.to_string(),
        })
    }

    #[test]
    fn files_come_back_with_their_folders() {
        let (bytes, index) = packed(&[("eggmoney.redb", &[7; 100_000]), ("masters/nasdaq.txt", b"AAPL"), ("empty", b"")]);
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(unpacked(&bytes, dir.path()).unwrap(), index);
        assert_eq!(index.bytes(), 100_004);
        assert_eq!(fs_err::read(dir.path().join("eggmoney.redb")).unwrap(), vec![7; 100_000]);
        assert_eq!(fs_err::read(dir.path().join("masters/nasdaq.txt")).unwrap(), b"AAPL");
        assert!(fs_err::read(dir.path().join("empty")).unwrap().is_empty());
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused_before_anything_is_written() {
        for name in ["../out", "/etc/passwd", "a/../b", "a//b", ".hidden", "a/b/c", "", "a\0b", "masters/../../x"] {
            let (bytes, _) = packed(&[(name, b"bad")]);
            let dir = tempfile::tempdir().unwrap();
            assert!(unpacked(&bytes, dir.path()).unwrap_err().contains("names"), "{name}");
            assert_eq!(fs_err::read_dir(dir.path()).unwrap().count(), 0);
        }
    }
}
