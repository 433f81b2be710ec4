//! Unpacks the one file of a zip archive, as the broker packs its master files.

use std::io::Read;

use flate2::read::DeflateDecoder;

/// Why an archive cannot be unpacked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ZipError {
    #[error("it is no zip archive, or not all of it arrived")]
    NotAnArchive,
    #[error("it is packed by a method that is not known ({0})")]
    Method(u16),
    #[error("it unpacks to more than {0} bytes")]
    TooLarge(usize),
    #[error("its content is damaged")]
    Damaged,
}

const END: [u8; 4] = *b"PK\x05\x06";
const ENTRY: [u8; 4] = *b"PK\x01\x02";
const LOCAL: [u8; 4] = *b"PK\x03\x04";

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at.checked_add(2)?)?.try_into().ok().map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at.checked_add(4)?)?.try_into().ok().map(u32::from_le_bytes)
}

fn size_at(bytes: &[u8], at: usize) -> Option<usize> {
    u32_at(bytes, at)?.try_into().ok()
}

/// Where the packed bytes lie, and how they are packed.
struct Entry<'a> {
    packed: &'a [u8],
    method: u16,
    crc: u32,
    size: usize,
}

/// The archive's list is at its end: it names the first file's place.
fn entry(bytes: &[u8]) -> Option<Entry<'_>> {
    let end = bytes.windows(END.len()).rposition(|window| window == END)?;
    let list = size_at(bytes, end.checked_add(16)?)?;
    if bytes.get(list..list.checked_add(4)?)? != ENTRY {
        return None;
    }
    let (method, crc) = (u16_at(bytes, list.checked_add(10)?)?, u32_at(bytes, list.checked_add(16)?)?);
    let (packed, size) = (size_at(bytes, list.checked_add(20)?)?, size_at(bytes, list.checked_add(24)?)?);
    let local = size_at(bytes, list.checked_add(42)?)?;
    if bytes.get(local..local.checked_add(4)?)? != LOCAL {
        return None;
    }
    let names = usize::from(u16_at(bytes, local.checked_add(26)?)?).checked_add(u16_at(bytes, local.checked_add(28)?)?.into())?;
    let from = local.checked_add(30)?.checked_add(names)?;
    Some(Entry { packed: bytes.get(from..from.checked_add(packed)?)?, method, crc, size })
}

/// The content of an archive's first file, at most `largest` bytes.
///
/// # Errors
/// See [`ZipError`].
pub fn first_file(bytes: &[u8], largest: usize) -> Result<Vec<u8>, ZipError> {
    let entry = entry(bytes).ok_or(ZipError::NotAnArchive)?;
    if entry.size > largest {
        return Err(ZipError::TooLarge(largest));
    }
    let limit = u64::try_from(largest).unwrap_or(u64::MAX).saturating_add(1);
    let mut content = Vec::new();
    match entry.method {
        0 => content.extend_from_slice(entry.packed),
        8 => {
            DeflateDecoder::new(entry.packed).take(limit).read_to_end(&mut content).map_err(|_| ZipError::Damaged)?;
        }
        method => return Err(ZipError::Method(method)),
    }
    if content.len() > largest {
        return Err(ZipError::TooLarge(largest));
    }
    let mut crc = flate2::Crc::new();
    crc.update(&content);
    if content.len() != entry.size || crc.sum() != entry.crc {
        return Err(ZipError::Damaged);
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn archive(content: &[u8]) -> Vec<u8> {
        crate::simulators::kis_master_archive("kospi_code.mst", content)
    }

    #[test]
    fn what_was_packed_comes_out() {
        let content = "삼성전자 005930\n".repeat(500).into_bytes();
        let packed = archive(&content);
        assert!(packed.len() < content.len(), "it is really packed");
        assert_eq!(first_file(&packed, 1 << 20), Ok(content));
        assert_eq!(first_file(&packed, 100), Err(ZipError::TooLarge(100)));
        assert_eq!(first_file(b"<html>not found</html>", 100), Err(ZipError::NotAnArchive));
        assert_eq!(first_file(&packed[..packed.len() / 2], 1 << 20), Err(ZipError::NotAnArchive));
    }

    proptest! {
        #[test]
        fn damage_is_found_and_breaks_nothing(at in 0_usize..2_000, to in any::<u8>()) {
            let content = b"0123456789".repeat(50);
            let mut packed = archive(&content);
            let at = at % packed.len();
            let before = std::mem::replace(&mut packed[at], to);
            if let Ok(read) = first_file(&packed, 1 << 20) {
                // Only what says nothing of the content may be another.
                prop_assert!(read == content, "byte {at}: {before} became {to}");
            }
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = first_file(&bytes, 1 << 20);
            let mut with_end = bytes.clone();
            with_end.extend_from_slice(&END);
            with_end.extend_from_slice(&bytes);
            let _ = first_file(&with_end, 1 << 20);
        }
    }
}
