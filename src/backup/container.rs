//! The file of a backup:
//!
//! ```text
//! "EGGMBAK\n"
//! u32 length, header as JSON: form, versions, when, by which installation, the wrapped keys
//! one sealed stream per section that the header names (`cipher`)
//! u64 length of the whole file, SHA-256 of everything before, "EGGMEND\n"
//! ```
//!
//! Numbers are big-endian. The end is written last, so a file without it was not written to its end; its
//! checksum tells damage without any key. The key of a section is derived from a wrapped key and the whole
//! header: who changes the header makes the sections unreadable.

use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::cipher::{Key, Opener, Sealer, derived, skip, unwrap, wrap};
use super::error::BackupError;
use super::keys::{Opening, WrappingKeys};
use crate::auth::Derivation;
use crate::storage::newest_schema;

/// The form that this program writes.
pub const FORM: u32 = 1;
const BEGIN: &[u8; 8] = b"EGGMBAK\n";
const END: &[u8; 8] = b"EGGMEND\n";
const END_LENGTH: u64 = 8 + 32 + 8;
const LONGEST_HEADER: u32 = 64 << 10;

/// What a file of this form holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A backup.
    Set,
    /// The users' keys of all backups of a folder, in a file of its own so that one who is erased can be
    /// taken out.
    UserKeys,
}

/// Part of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Section {
    /// Database, market data, settings: opens with either key.
    Content,
    /// Master key and users' keys: opens with the recovery key only.
    Keys,
}

impl Section {
    fn name(self) -> &'static str {
        match self {
            Section::Content => "content",
            Section::Keys => "keys",
        }
    }
}

/// A section's key under a recovery key or a passphrase.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case", deny_unknown_fields)]
enum Wrapped {
    Recovery { id: String, section: Section, key: String },
    Passphrase { derivation: Derivation, section: Section, key: String },
}

/// What a file says of itself in the clear.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    pub form: u32,
    pub kind: Kind,
    pub id: Uuid,
    pub installation: Uuid,
    pub generation: u64,
    /// Of the program.
    pub version: String,
    /// Of the database.
    pub schema: u64,
    pub created_at: Timestamp,
    /// Bytes of everything in the content section when it is unpacked.
    pub content_bytes: u64,
    sections: Vec<Section>,
    wrapped: Vec<Wrapped>,
}

/// The first look at a header of any form.
#[derive(Deserialize)]
struct AnyHeader {
    form: u32,
    #[serde(default)]
    version: String,
}

/// What a header is made of, beside its keys.
#[derive(Clone, Debug)]
pub struct About {
    pub kind: Kind,
    pub installation: Uuid,
    pub generation: u64,
    pub schema: u64,
    pub created_at: Timestamp,
    pub content_bytes: u64,
}

fn purpose(section: Section) -> &'static str {
    match section {
        Section::Content => "eggmoney/backup/content",
        Section::Keys => "eggmoney/backup/keys",
    }
}

fn section_key(key: &Key, header: &[u8], section: Section) -> Key {
    let header = HEXLOWER.encode(&Sha256::digest(header));
    derived(key, format!("eggmoney/backup/section/{}/{header}", section.name()).as_bytes())
}

/// Counts and digests what is written.
struct Counted<W> {
    out: W,
    digest: Sha256,
    length: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.digest.update(bytes.get(..written).unwrap_or_default());
        self.length += written as u64;
        Ok(written)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// What fills a section.
pub(super) type Fill<'a> = Box<dyn FnOnce(&mut dyn Write) -> io::Result<()> + 'a>;

/// Writes a file; gives its length.
///
/// # Errors
/// Those of the sections and of the file.
pub(super) fn write(out: impl Write, about: &About, keys: &WrappingKeys, sections: Vec<(Section, Fill<'_>)>) -> io::Result<u64> {
    let mut wrapped = Vec::new();
    let mut under = Vec::new();
    for (section, _) in &sections {
        let key = super::cipher::random_key();
        let recovery = keys.recovery();
        wrapped.push(Wrapped::Recovery { id: recovery.id(), section: *section, key: wrap(&recovery.wrapping(), purpose(*section), &key)? });
        if let Some(passphrase) = keys.passphrase().filter(|_| *section == Section::Content) {
            let key = wrap(&passphrase.key, purpose(*section), &key)?;
            wrapped.push(Wrapped::Passphrase { derivation: passphrase.derivation.clone(), section: *section, key });
        }
        under.push(key);
    }
    let header = Header {
        form: FORM,
        kind: about.kind,
        id: Uuid::now_v7(),
        installation: about.installation,
        generation: about.generation,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        schema: about.schema,
        created_at: about.created_at,
        content_bytes: about.content_bytes,
        sections: sections.iter().map(|(section, _)| *section).collect(),
        wrapped,
    };
    let header = serde_json::to_vec(&header).map_err(io::Error::other)?;
    let mut out = Counted { out: BufWriter::new(out), digest: Sha256::new(), length: 0 };
    out.write_all(BEGIN)?;
    out.write_all(&u32::try_from(header.len()).map_err(io::Error::other)?.to_be_bytes())?;
    out.write_all(&header)?;
    for ((section, fill), key) in sections.into_iter().zip(under) {
        let mut sealer = Sealer::new(&mut out, &section_key(&key, &header, section))?;
        fill(&mut sealer)?;
        sealer.finish()?;
    }
    let length = out.length + END_LENGTH;
    out.write_all(&length.to_be_bytes())?;
    let digest = out.digest.clone().finalize();
    out.write_all(&digest)?;
    out.write_all(END)?;
    out.flush()?;
    Ok(length)
}

/// A file that is open for reading. Nothing of it is believed before [`Container::check`].
pub struct Container {
    path: PathBuf,
    file: BufReader<fs_err::File>,
    header: Header,
    header_bytes: Vec<u8>,
    /// Where the sections begin.
    begin: u64,
    length: u64,
}

impl std::fmt::Debug for Container {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Container").field("path", &self.path).finish_non_exhaustive()
    }
}

/// The keys of a file's sections, as far as what was given opens them.
pub struct Unlocked {
    content: Option<Key>,
    keys: Option<Key>,
}

impl Unlocked {
    /// Whether the master key can be read: the recovery key was given.
    pub fn has_keys(&self) -> bool {
        self.keys.is_some()
    }
}

impl Container {
    /// Opens a file and reads what it says of itself.
    ///
    /// # Errors
    /// `Foreign`, `Truncated`, `Damaged`, `NewerFormat`, `NewerSchema`, `Io`.
    pub fn open(path: &Path) -> Result<Self, BackupError> {
        let failed = |e: io::Error| BackupError::io(path, &e);
        let truncated = || BackupError::Truncated(path.to_owned());
        let mut file = BufReader::new(fs_err::File::open(path).map_err(failed)?);
        let length = file.get_ref().metadata().map_err(failed)?.len();
        let mut begin = Vec::new();
        (&mut file).take(BEGIN.len() as u64).read_to_end(&mut begin).map_err(failed)?;
        if !BEGIN.starts_with(&begin) {
            return Err(BackupError::Foreign(path.to_owned()));
        }
        let mut size = [0; 4];
        if begin.len() < BEGIN.len() || file.read_exact(&mut size).is_err() {
            return Err(truncated());
        }
        let size = u32::from_be_bytes(size);
        if size > LONGEST_HEADER {
            return Err(BackupError::Damaged { path: path.to_owned(), detail: "its header is too long".to_owned() });
        }
        let mut header_bytes = vec![0; size as usize];
        file.read_exact(&mut header_bytes).map_err(|_| truncated())?;
        let begin = file.stream_position().map_err(failed)?;
        if length < begin + END_LENGTH {
            return Err(truncated());
        }
        file.seek(SeekFrom::Start(length - END_LENGTH)).map_err(failed)?;
        let mut end = Vec::new();
        file.read_to_end(&mut end).map_err(failed)?;
        let told = end.first_chunk::<8>().map(|told| u64::from_be_bytes(*told));
        if !end.ends_with(END) || told != Some(length) {
            return Err(truncated());
        }
        let bad = |e: serde_json::Error| BackupError::Damaged { path: path.to_owned(), detail: format!("its header cannot be read: {e}") };
        let any: AnyHeader = serde_json::from_slice(&header_bytes).map_err(bad)?;
        if any.form > FORM {
            return Err(BackupError::NewerFormat { found: any.form, known: FORM, version: any.version.chars().take(40).collect() });
        }
        let header: Header = serde_json::from_slice(&header_bytes).map_err(bad)?;
        if header.kind == Kind::Set && header.schema > newest_schema() {
            return Err(BackupError::NewerSchema { found: header.schema, known: newest_schema(), version: header.version });
        }
        Ok(Self { path: path.to_owned(), file, header, header_bytes, begin, length })
    }

    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Bytes of the file.
    pub fn length(&self) -> u64 {
        self.length
    }

    fn damaged(&self, detail: impl Into<String>) -> BackupError {
        BackupError::Damaged { path: self.path.clone(), detail: detail.into() }
    }

    fn failed(&self, error: &io::Error) -> BackupError {
        match error.kind() {
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput => self.damaged(error.to_string()),
            _ => BackupError::io(&self.path, error),
        }
    }

    /// Reads the whole file and compares its checksum. It needs no key.
    ///
    /// # Errors
    /// `Damaged`, `Io`.
    pub fn check(&mut self) -> Result<(), BackupError> {
        let failed = |e: io::Error| BackupError::io(&self.path, &e);
        self.file.seek(SeekFrom::Start(0)).map_err(failed)?;
        let (mut digest, mut left, mut buffer) = (Sha256::new(), self.length - END_LENGTH + 8, vec![0; 64 << 10]);
        while left > 0 {
            let most = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let read = self.file.read(buffer.get_mut(..most).unwrap_or_default()).map_err(failed)?;
            if read == 0 {
                return Err(BackupError::Truncated(self.path.clone()));
            }
            digest.update(buffer.get(..read).unwrap_or_default());
            left -= read as u64;
        }
        let mut told = [0; 32];
        self.file.read_exact(&mut told).map_err(failed)?;
        if digest.finalize().as_slice() == told { Ok(()) } else { Err(self.damaged("its checksum differs")) }
    }

    /// Opens the keys of the sections.
    ///
    /// # Errors
    /// `OtherRecoveryKey`, `WrongPassphrase`, `NoPassphrase`, `Damaged`.
    pub fn unlock(&self, opening: &Opening) -> Result<Unlocked, BackupError> {
        let find = |wanted: Section| -> Result<Option<Key>, BackupError> {
            let mut other = None;
            for wrapped in &self.header.wrapped {
                match (wrapped, opening) {
                    (Wrapped::Recovery { id, section, key }, Opening::Recovery(recovery)) if *section == wanted => {
                        if *id != recovery.id() {
                            other = Some(BackupError::OtherRecoveryKey { wanted: id.clone(), given: recovery.id() });
                            continue;
                        }
                        let opened = unwrap(&recovery.wrapping(), purpose(wanted), key);
                        return opened.map(Some).ok_or_else(|| self.damaged("its keys do not open"));
                    }
                    (Wrapped::Passphrase { derivation, section, key }, Opening::Passphrase(passphrase)) if *section == wanted => {
                        let under = derivation.key(passphrase)?;
                        return unwrap(&under, purpose(wanted), key).map(Some).ok_or(BackupError::WrongPassphrase);
                    }
                    (Wrapped::Passphrase { derivation, section, key }, Opening::Derived(derived))
                        if *section == wanted && *derivation == derived.derivation =>
                    {
                        return unwrap(&derived.key, purpose(wanted), key).map(Some).ok_or(BackupError::WrongPassphrase);
                    }
                    _ => {}
                }
            }
            other.map_or(Ok(None), Err)
        };
        let content = find(Section::Content)?;
        let keys = find(Section::Keys)?;
        if content.is_none() && self.header.sections.contains(&Section::Content) {
            return Err(BackupError::NoPassphrase);
        }
        Ok(Unlocked { content, keys })
    }

    /// Reads a section to its end through `read`.
    ///
    /// # Errors
    /// `Damaged`, `KeyNeeded` when the section is not open, and those of `read`.
    pub(super) fn read<T>(
        &mut self,
        unlocked: &Unlocked,
        wanted: Section,
        read: impl FnOnce(&mut dyn Read) -> Result<T, ReadError>,
    ) -> Result<T, BackupError> {
        let key = match wanted {
            Section::Content => unlocked.content.as_ref(),
            Section::Keys => unlocked.keys.as_ref(),
        };
        let key = section_key(key.ok_or(BackupError::KeyNeeded)?, &self.header_bytes, wanted);
        let at = self.header.sections.iter().position(|section| *section == wanted).ok_or_else(|| self.damaged("a section is missing"))?;
        let found = (|| -> Result<T, ReadError> {
            self.file.seek(SeekFrom::Start(self.begin))?;
            for _ in 0..at {
                skip(&mut self.file)?;
            }
            let mut opener = Opener::new(&mut self.file, &key)?;
            let found = read(&mut opener)?;
            // A stream that goes on is not what was written.
            match opener.read(&mut [0])? {
                0 => Ok(found),
                _ => Err(io::Error::new(io::ErrorKind::InvalidData, "it has more than it says").into()),
            }
        })();
        found.map_err(|error| match error {
            ReadError::Input(error) => self.failed(&error),
            ReadError::Other(error) => *error,
        })
    }
}

/// What goes wrong while a section is read.
pub(super) enum ReadError {
    /// The file of the backup.
    Input(io::Error),
    /// Something else, such as the disk that is written to.
    Other(Box<BackupError>),
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        Self::Input(error)
    }
}

impl From<BackupError> for ReadError {
    fn from(error: BackupError) -> Self {
        Self::Other(Box::new(error))
    }
}

#[cfg(test)]
mod tests {
    use super::super::words::RecoveryKey;
    use super::*;

    fn about() -> About {
        About {
            kind: Kind::Set,
            installation: Uuid::from_u128(7),
            generation: 1,
            schema: newest_schema(),
            created_at: Timestamp::UNIX_EPOCH,
            content_bytes: 12,
        }
    }

    struct Small {
        dir: tempfile::TempDir,
        keys: WrappingKeys,
        bytes: Vec<u8>,
    }

    fn small() -> Small {
        let keys = WrappingKeys::new(RecoveryKey::generate(), None);
        let fill = |text: &'static [u8]| -> Fill<'static> { Box::new(move |out| out.write_all(text)) };
        let mut bytes = Vec::new();
        let length =
            write(&mut bytes, &about(), &keys, vec![(Section::Content, fill(b"all the rows")), (Section::Keys, fill(b"a key"))]).unwrap();
        assert_eq!(length as usize, bytes.len());
        Small { dir: tempfile::tempdir().unwrap(), keys, bytes }
    }

    impl Small {
        /// Content and keys, if everything about the file is right.
        fn read(&self, bytes: &[u8]) -> Result<(Vec<u8>, Vec<u8>), BackupError> {
            let path = self.dir.path().join("file.eggbackup");
            fs_err::write(&path, bytes).unwrap();
            let mut file = Container::open(&path)?;
            file.check()?;
            let unlocked = file.unlock(&Opening::Recovery(self.keys.recovery().clone()))?;
            let mut all = |section| {
                file.read(&unlocked, section, |input| {
                    let mut found = Vec::new();
                    input.read_to_end(&mut found)?;
                    Ok(found)
                })
            };
            Ok((all(Section::Content)?, all(Section::Keys)?))
        }
    }

    #[test]
    fn a_file_that_is_cut_off_anywhere_says_so() {
        let small = small();
        assert_eq!(small.read(&small.bytes).unwrap(), (b"all the rows".to_vec(), b"a key".to_vec()));
        for length in 0..small.bytes.len() {
            let error = small.read(&small.bytes[..length]).unwrap_err();
            assert!(matches!(error, BackupError::Truncated(_)), "{length}: {error}");
        }
        let error = small.read(&[small.bytes.as_slice(), b"more"].concat()).unwrap_err();
        assert!(matches!(error, BackupError::Truncated(_)), "{error}");
    }

    #[test]
    fn every_changed_bit_is_noticed() {
        let small = small();
        for at in 0..small.bytes.len() {
            for bit in 0..8 {
                let mut bytes = small.bytes.clone();
                bytes[at] ^= 1 << bit;
                assert!(small.read(&bytes).is_err(), "byte {at}, bit {bit}");
            }
        }
    }

    /// Somebody who mends the checksum after a change.
    fn forged(small: &Small, at: usize) -> Vec<u8> {
        let mut bytes = small.bytes.clone();
        bytes[at] ^= 1;
        let end = bytes.len() - 40;
        let digest = Sha256::digest(&bytes[..end]);
        bytes[end..end + 32].copy_from_slice(&digest);
        bytes
    }

    #[test]
    fn a_forged_checksum_opens_nothing() {
        let small = small();
        for at in 0..small.bytes.len() - 48 {
            assert!(small.read(&forged(&small, at)).is_err(), "byte {at}");
        }
    }

    #[test]
    fn foreign_and_newer_files_and_other_keys_are_named() {
        let small = small();
        for foreign in [&b"PK\x03\x04 an archive of some length"[..], &[0; 4096]] {
            assert!(matches!(small.read(foreign), Err(BackupError::Foreign(_))));
        }
        let rewrite = |change: &dyn Fn(&mut serde_json::Value)| {
            let mut header: serde_json::Value = {
                let size = u32::from_be_bytes(small.bytes[8..12].try_into().unwrap()) as usize;
                serde_json::from_slice(&small.bytes[12..12 + size]).unwrap()
            };
            change(&mut header);
            let header = serde_json::to_vec(&header).unwrap();
            let mut bytes = [BEGIN.as_slice(), &(header.len() as u32).to_be_bytes(), &header].concat();
            bytes.extend_from_slice(&((bytes.len() as u64) + END_LENGTH).to_be_bytes());
            let digest = Sha256::digest(&bytes);
            [bytes.as_slice(), &digest, END].concat()
        };
        let error = small.read(&rewrite(&|h| h["form"] = 9.into())).unwrap_err().to_string();
        assert!(error.contains("newer version") && error.contains("form is 9"), "{error}");
        let error = small.read(&rewrite(&|h| h["schema"] = 900.into())).unwrap_err().to_string();
        assert!(error.contains("schema 900") && error.contains("install that version"), "{error}");
        let other = Small { dir: tempfile::tempdir().unwrap(), keys: WrappingKeys::new(RecoveryKey::generate(), None), bytes: Vec::new() };
        let error = other.read(&small.bytes).unwrap_err().to_string();
        assert!(error.contains(&other.keys.recovery().id()) && error.contains(&small.keys.recovery().id()), "{error}");
        let path = small.dir.path().join("file.eggbackup");
        fs_err::write(&path, &small.bytes).unwrap();
        let passphrase = crate::auth::Passphrase::new("some words of a family".into());
        assert!(matches!(Container::open(&path).unwrap().unlock(&Opening::Passphrase(passphrase)), Err(BackupError::NoPassphrase)));
    }
}
