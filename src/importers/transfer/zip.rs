//! Zip archives of several files, written and read as streams: what is in them need not fit into memory.

use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

const LOCAL: [u8; 4] = *b"PK\x03\x04";
const SIZES: [u8; 4] = *b"PK\x07\x08";
const ENTRY: [u8; 4] = *b"PK\x01\x02";
const END: [u8; 4] = *b"PK\x05\x06";
const DEFLATE: u16 = 8;
/// Sizes follow the content (bit 3), names are UTF-8 (bit 11).
const FLAGS: u16 = 1 << 3 | 1 << 11;
/// 1980-01-01: an archive of the same data is the same to the byte.
const DATE: u32 = 0x0021_0000;
const END_BYTES: u64 = 22;
/// Files in an archive that is read, and the length of their list.
const MOST_ENTRIES: u16 = 200;
const LONGEST_LIST: u64 = 64 << 10;

fn too_large(_: std::num::TryFromIntError) -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, "the archive grows beyond 4 GiB")
}

struct Written {
    name: String,
    crc: u32,
    packed: u32,
    size: u32,
    at: u32,
}

/// Writes an archive, one file after the other.
pub(super) struct Writer<W: Write> {
    out: Counted<W>,
    entries: Vec<Written>,
}

struct Counted<W> {
    out: W,
    bytes: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let n = self.out.write(buf)?;
        self.bytes += n as u64;
        Ok(n)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// The content of one file on its way in.
pub(super) struct Content<'w, W: Write> {
    packed: DeflateEncoder<&'w mut Counted<W>>,
    crc: flate2::Crc,
}

impl<W: Write> Write for Content<'_, W> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let n = self.packed.write(buf)?;
        self.crc.update(buf.get(..n).unwrap_or_default());
        Ok(n)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.packed.flush()
    }
}

impl<W: Write> Writer<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out: Counted { out, bytes: 0 }, entries: Vec::new() }
    }

    /// Adds a file with what `fill` writes.
    ///
    /// # Errors
    /// Those of `fill` and of the target.
    pub(super) fn file<E: From<io::Error>>(
        &mut self,
        name: &str,
        fill: impl FnOnce(&mut Content<'_, W>) -> Result<(), E>,
    ) -> Result<(), E> {
        let at = u32::try_from(self.out.bytes).map_err(too_large)?;
        self.out.write_all(&LOCAL)?;
        self.out.write_all(&head(0, 0, 0, name)?)?;
        self.out.write_all(&0_u16.to_le_bytes())?;
        self.out.write_all(name.as_bytes())?;
        let before = self.out.bytes;
        let (crc, size) = {
            let packed = DeflateEncoder::new(&mut self.out, Compression::default());
            let mut content = Content { packed, crc: flate2::Crc::new() };
            fill(&mut content)?;
            let size = u32::try_from(content.packed.total_in()).map_err(too_large)?;
            content.packed.try_finish()?;
            (content.crc.sum(), size)
        };
        let packed = u32::try_from(self.out.bytes - before).map_err(too_large)?;
        self.out.write_all(&SIZES)?;
        for number in [crc, packed, size] {
            self.out.write_all(&number.to_le_bytes())?;
        }
        self.entries.push(Written { name: name.to_owned(), crc, packed, size, at });
        Ok(())
    }

    /// Writes the list of files; gives the target back.
    ///
    /// # Errors
    /// Those of the target.
    pub(super) fn finish(mut self) -> io::Result<W> {
        let from = u32::try_from(self.out.bytes).map_err(too_large)?;
        for entry in &self.entries {
            self.out.write_all(&ENTRY)?;
            self.out.write_all(&20_u16.to_le_bytes())?;
            self.out.write_all(&head(entry.crc, entry.packed, entry.size, &entry.name)?)?;
            // No extra field, no comment, first disk, no attributes.
            self.out.write_all(&[0; 12])?;
            self.out.write_all(&entry.at.to_le_bytes())?;
            self.out.write_all(entry.name.as_bytes())?;
        }
        let length = u32::try_from(self.out.bytes).map_err(too_large)? - from;
        let count = u16::try_from(self.entries.len()).map_err(too_large)?;
        self.out.write_all(&END)?;
        self.out.write_all(&[0; 4])?;
        self.out.write_all(&count.to_le_bytes())?;
        self.out.write_all(&count.to_le_bytes())?;
        self.out.write_all(&length.to_le_bytes())?;
        self.out.write_all(&from.to_le_bytes())?;
        self.out.write_all(&0_u16.to_le_bytes())?;
        self.out.flush()?;
        Ok(self.out.out)
    }
}

/// What local headers and the list have in common: from the version on to the length of the name.
fn head(crc: u32, packed: u32, size: u32, name: &str) -> io::Result<Vec<u8>> {
    let length = u16::try_from(name.len()).map_err(too_large)?;
    let mut bytes = Vec::with_capacity(24);
    for number in [20, FLAGS, DEFLATE] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    for number in [DATE, crc, packed, size] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    bytes.extend_from_slice(&length.to_le_bytes());
    Ok(bytes)
}

struct Entry {
    name: String,
    method: u16,
    crc: u32,
    packed: u64,
    size: u64,
    at: u64,
}

/// An archive that is read.
pub(super) struct Archive<F> {
    file: F,
    entries: Vec<Entry>,
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> io::Result<[u8; N]> {
    let end = at.checked_add(N).ok_or_else(|| damaged("the list of files is cut off"))?;
    bytes.get(at..end).and_then(|b| b.try_into().ok()).ok_or_else(|| damaged("the list of files is cut off"))
}

fn u16_at(bytes: &[u8], at: usize) -> io::Result<u16> {
    number(bytes, at).map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> io::Result<u32> {
    number(bytes, at).map(u32::from_le_bytes)
}

impl<F: Read + Seek> Archive<F> {
    /// Reads the list of files.
    ///
    /// # Errors
    /// `InvalidData` naming what is wrong, and those of the file.
    pub(super) fn open(mut file: F) -> io::Result<Self> {
        let length = file.seek(SeekFrom::End(0))?;
        // Our own archives have no comment, so the end is at the end.
        let at = length.checked_sub(END_BYTES).ok_or_else(|| damaged("it is no zip archive"))?;
        file.seek(SeekFrom::Start(at))?;
        let mut end = [0; END_BYTES as usize];
        file.read_exact(&mut end)?;
        if !end.starts_with(&END) {
            return Err(damaged("it is no zip archive, or not all of it arrived"));
        }
        let (count, size, from) = (u16_at(&end, 10)?, u64::from(u32_at(&end, 12)?), u64::from(u32_at(&end, 16)?));
        if count > MOST_ENTRIES || size > LONGEST_LIST || from.checked_add(size).is_none_or(|to| to > at) {
            return Err(damaged("its list of files is not one of ours"));
        }
        file.seek(SeekFrom::Start(from))?;
        let mut list = Vec::new();
        (&mut file).take(size).read_to_end(&mut list)?;
        let (mut entries, mut place) = (Vec::new(), 0_usize);
        for _ in 0..count {
            if number::<4>(&list, place)? != ENTRY {
                return Err(damaged("its list of files is damaged"));
            }
            let lengths = [u16_at(&list, place + 28)?, u16_at(&list, place + 30)?, u16_at(&list, place + 32)?].map(usize::from);
            let name = list.get(place + 46..place + 46 + lengths[0]).ok_or_else(|| damaged("its list of files is cut off"))?;
            entries.push(Entry {
                name: String::from_utf8(name.to_vec()).map_err(|_| damaged("a file name is not UTF-8"))?,
                method: u16_at(&list, place + 10)?,
                crc: u32_at(&list, place + 16)?,
                packed: u32_at(&list, place + 20)?.into(),
                size: u32_at(&list, place + 24)?.into(),
                at: u32_at(&list, place + 42)?.into(),
            });
            place += 46 + lengths.iter().sum::<usize>();
        }
        Ok(Self { file, entries })
    }

    /// What all files come to, unpacked.
    pub(super) fn unpacked(&self) -> u64 {
        self.entries.iter().map(|entry| entry.size).sum()
    }

    /// What a file comes to, unpacked; `None` when there is none of that name.
    pub(super) fn size_of(&self, name: &str) -> Option<u64> {
        self.entries.iter().find(|entry| entry.name == name).map(|entry| entry.size)
    }

    /// Hands each line of a file to `each`; `false` when there is no such file. Lines beyond `longest` bytes, a
    /// wrong length and a wrong checksum are errors.
    ///
    /// # Errors
    /// Those of `each`; `InvalidData` for damage.
    pub(super) fn lines<E: From<io::Error>>(
        &mut self,
        name: &str,
        longest: usize,
        mut each: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<bool, E> {
        let Some(entry) = self.entries.iter().find(|entry| entry.name == name) else { return Ok(false) };
        let (crc, size) = (entry.crc, entry.size);
        self.file.seek(SeekFrom::Start(entry.at))?;
        let mut local = [0; 30];
        self.file.read_exact(&mut local)?;
        if !local.starts_with(&LOCAL) || entry.method != DEFLATE {
            return Err(damaged(&format!("{name} is not packed as ours are")).into());
        }
        let names = i64::from(u16_at(&local, 26)?) + i64::from(u16_at(&local, 28)?);
        self.file.seek(SeekFrom::Current(names))?;
        let unpacked = DeflateDecoder::new(BufReader::new((&mut self.file).take(entry.packed)));
        let mut reader = BufReader::new(unpacked.take(size + 1));
        let (mut sum, mut line) = (flate2::Crc::new(), Vec::new());
        loop {
            line.clear();
            let read = (&mut reader).take(longest as u64 + 1).read_until(b'\n', &mut line)?;
            if read == 0 {
                break;
            }
            if read > longest {
                return Err(damaged(&format!("{name} has a line of more than {longest} bytes")).into());
            }
            sum.update(&line);
            each(line.strip_suffix(b"\n").unwrap_or(&line))?;
        }
        if sum.sum() != crc || u64::from(sum.amount()) != size {
            return Err(damaged(&format!("{name} is damaged: its checksum does not agree")).into());
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    fn archive(files: &[(&'static str, Vec<String>)]) -> Vec<u8> {
        let mut writer = Writer::new(Vec::new());
        for (name, lines) in files {
            writer.file(name, |out| lines.iter().try_for_each(|line| writeln!(out, "{line}"))).unwrap();
        }
        writer.finish().unwrap()
    }

    fn read(bytes: &[u8], name: &str) -> io::Result<Option<Vec<String>>> {
        let mut lines = Vec::new();
        let mut archive = Archive::open(Cursor::new(bytes))?;
        let found = archive.lines(name, 1_000, |line| {
            lines.push(String::from_utf8_lossy(line).into_owned());
            Ok::<_, io::Error>(())
        })?;
        Ok(found.then_some(lines))
    }

    #[test]
    fn another_programs_reader_reads_the_first_file() {
        let bytes = archive(&[("a.csv", vec!["x".repeat(900); 50])]);
        assert_eq!(crate::market::zip::first_file(&bytes, 1 << 20).unwrap(), format!("{}\n", "x".repeat(900)).repeat(50).into_bytes());
    }

    #[test]
    fn lines_that_never_end_are_refused() {
        let bytes = archive(&[("a.csv", vec!["x".repeat(2_000)])]);
        assert!(read(&bytes, "a.csv").unwrap_err().to_string().contains("1000"));
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_and_damage_is_found(
            first in proptest::collection::vec("[ -~가-힣]{0,40}", 0..40),
            second in proptest::collection::vec("[ -~]{0,40}", 0..40),
            at in any::<prop::sample::Index>(),
            to in any::<u8>(),
        ) {
            let mut bytes = archive(&[("first", first.clone()), ("second", second.clone())]);
            prop_assert_eq!(read(&bytes, "first").unwrap(), Some(first.clone()));
            prop_assert_eq!(read(&bytes, "second").unwrap(), Some(second));
            prop_assert_eq!(read(&bytes, "third").unwrap(), None);
            let at = at.index(bytes.len());
            bytes[at] = to;
            if let Ok(Some(lines)) = read(&bytes, "first") {
                prop_assert_eq!(lines, first);
            }
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&bytes, "first");
            let _ = read(&[&bytes[..], &END, &bytes[..]].concat(), "first");
        }
    }
}
