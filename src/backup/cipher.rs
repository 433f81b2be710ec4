//! Sealing of long contents in pieces: the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár 2015)
//! over AES-256-GCM. A piece is 64 KiB; its nonce is the piece's number and whether it is the last, so that
//! pieces cannot be exchanged, left out or cut off at the end. A key seals one stream and no other, so no
//! nonce comes twice under it. Keys are wrapped one by one, under random nonces.

use std::io::{self, Read, Write};

use data_encoding::BASE64;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;
use zeroize::Zeroizing;

/// A key for AES-256-GCM. It is wiped when dropped.
pub(super) type Key = Zeroizing<[u8; 32]>;

const PIECE: usize = 64 << 10;
const TAG: usize = 16;
/// In the four bytes before a piece: it is the last one.
const LAST: u32 = 1 << 31;

/// A fresh random key.
pub(super) fn random_key() -> Key {
    let mut key = Zeroizing::new([0; 32]);
    rand::fill(key.as_mut_slice());
    key
}

/// A key for one purpose.
pub(super) fn derived(key: &Key, purpose: &[u8]) -> Key {
    let mut made = Zeroizing::new([0; 32]);
    for (to, from) in made.iter_mut().zip(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_slice()), purpose).as_ref()) {
        *to = *from;
    }
    made
}

fn refused() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "its seal is broken")
}

fn cipher(key: &Key) -> io::Result<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM, key.as_slice()).map(LessSafeKey::new).map_err(|_| refused())
}

/// A key under another key, base64.
pub(super) fn wrap(under: &Key, purpose: &str, key: &Key) -> io::Result<String> {
    let mut nonce = [0; NONCE_LEN];
    rand::fill(&mut nonce);
    let mut sealed = key.to_vec();
    cipher(under)?
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(purpose.as_bytes()), &mut sealed)
        .map_err(|_| refused())?;
    Ok(BASE64.encode(&[nonce.as_slice(), &sealed].concat()))
}

/// The key that [`wrap`] wrapped; `None` when it was another key, another purpose, or is damaged.
pub(super) fn unwrap(under: &Key, purpose: &str, wrapped: &str) -> Option<Key> {
    let bytes = BASE64.decode(wrapped.as_bytes()).ok()?;
    let (nonce, sealed) = bytes.split_first_chunk::<NONCE_LEN>()?;
    let mut plain = Zeroizing::new(sealed.to_vec());
    let opened = cipher(under).ok()?.open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(purpose.as_bytes()), &mut plain).ok()?;
    <[u8; 32]>::try_from(&*opened).ok().map(Zeroizing::new)
}

fn nonce(number: u32, last: bool) -> Nonce {
    let mut nonce = [0; NONCE_LEN];
    if let Some(place) = nonce.get_mut(7..11) {
        place.copy_from_slice(&number.to_be_bytes());
    }
    if let Some(flag) = nonce.last_mut() {
        *flag = u8::from(last);
    }
    Nonce::assume_unique_for_key(nonce)
}

/// Seals what is written to it; [`Sealer::finish`] writes the last piece.
pub(super) struct Sealer<W> {
    out: W,
    key: LessSafeKey,
    piece: Zeroizing<Vec<u8>>,
    number: u32,
}

impl<W: Write> Sealer<W> {
    /// `key` must never have sealed another stream.
    pub fn new(out: W, key: &Key) -> io::Result<Self> {
        Ok(Self { out, key: cipher(key)?, piece: Zeroizing::new(Vec::with_capacity(PIECE + TAG)), number: 0 })
    }

    fn write_piece(&mut self, last: bool) -> io::Result<()> {
        let mut sealed = std::mem::take(&mut *self.piece);
        self.key.seal_in_place_append_tag(nonce(self.number, last), Aad::empty(), &mut sealed).map_err(|_| refused())?;
        let length = u32::try_from(sealed.len()).map_err(|_| refused())? | if last { LAST } else { 0 };
        self.out.write_all(&length.to_be_bytes())?;
        self.out.write_all(&sealed)?;
        sealed.clear();
        *self.piece = sealed;
        self.number = self.number.checked_add(1).ok_or_else(|| io::Error::other("too much for one backup"))?;
        Ok(())
    }

    /// Writes the last piece and gives back what was written to.
    pub fn finish(mut self) -> io::Result<W> {
        self.write_piece(true)?;
        Ok(self.out)
    }
}

impl<W: Write> Write for Sealer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A full piece waits: only when more comes is it not the last.
        if self.piece.len() == PIECE && !bytes.is_empty() {
            self.write_piece(false)?;
        }
        let taken = bytes.len().min(PIECE - self.piece.len());
        self.piece.extend_from_slice(bytes.get(..taken).unwrap_or_default());
        Ok(taken)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Opens what [`Sealer`] sealed. A broken seal is `InvalidData`, a missing end `UnexpectedEof`.
pub(super) struct Opener<R> {
    input: R,
    key: LessSafeKey,
    piece: Zeroizing<Vec<u8>>,
    at: usize,
    number: u32,
    ended: bool,
}

impl<R: Read> Opener<R> {
    pub fn new(input: R, key: &Key) -> io::Result<Self> {
        Ok(Self { input, key: cipher(key)?, piece: Zeroizing::new(Vec::new()), at: 0, number: 0, ended: false })
    }

    fn next_piece(&mut self) -> io::Result<()> {
        let (length, last) = piece_header(&mut self.input)?;
        let mut sealed = std::mem::take(&mut *self.piece);
        sealed.resize(length, 0);
        self.input.read_exact(&mut sealed)?;
        let plain = self.key.open_in_place(nonce(self.number, last), Aad::empty(), &mut sealed).map_err(|_| refused())?.len();
        sealed.truncate(plain);
        *self.piece = sealed;
        (self.at, self.ended) = (0, last);
        self.number = self.number.checked_add(1).ok_or_else(refused)?;
        Ok(())
    }
}

impl<R: Read> Read for Opener<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.at == self.piece.len() && !self.ended {
            self.next_piece()?;
        }
        let rest = self.piece.get(self.at..).unwrap_or_default();
        let taken = rest.len().min(into.len());
        if let (Some(to), Some(from)) = (into.get_mut(..taken), rest.get(..taken)) {
            to.copy_from_slice(from);
        }
        self.at += taken;
        Ok(taken)
    }
}

fn piece_header(input: &mut impl Read) -> io::Result<(usize, bool)> {
    let mut header = [0; 4];
    input.read_exact(&mut header)?;
    let header = u32::from_be_bytes(header);
    let length = (header & !LAST) as usize;
    if (TAG..=PIECE + TAG).contains(&length) { Ok((length, header & LAST != 0)) } else { Err(refused()) }
}

/// Passes over a sealed stream without opening it.
pub(super) fn skip(input: &mut (impl Read + io::Seek)) -> io::Result<()> {
    loop {
        let (length, last) = piece_header(input)?;
        input.seek_relative(i64::try_from(length).map_err(|_| refused())?)?;
        if last {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sealed(key: &Key, plain: &[u8]) -> Vec<u8> {
        let mut sealer = Sealer::new(Vec::new(), key).unwrap();
        sealer.write_all(plain).unwrap();
        sealer.finish().unwrap()
    }

    fn opened(key: &Key, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut plain = Vec::new();
        Opener::new(bytes, key)?.read_to_end(&mut plain)?;
        Ok(plain)
    }

    #[test]
    fn any_length_comes_back_and_ends_of_pieces_are_no_ends() {
        let key = random_key();
        for length in [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, 3 * PIECE + 7] {
            let plain: Vec<u8> = (0..length).map(|n| (n % 251) as u8).collect();
            let stream = sealed(&key, &plain);
            assert_eq!(opened(&key, &stream).unwrap(), plain);
            let mut twice = io::Cursor::new([stream.as_slice(), b"after"].concat());
            skip(&mut twice).unwrap();
            assert_eq!(twice.position() as usize, stream.len());
            // Cut off where a piece ends.
            if length > PIECE {
                assert!(opened(&key, &stream[..PIECE + TAG + 4]).is_err(), "{length}");
            }
        }
        assert!(opened(&random_key(), &sealed(&key, b"plain")).is_err());
    }

    #[test]
    fn pieces_cannot_be_exchanged_left_out_or_made_the_last() {
        let key = random_key();
        let plain = vec![7; 3 * PIECE];
        let stream = sealed(&key, &plain);
        let whole = PIECE + TAG + 4;
        let piece = |n: usize| stream[n * whole..(n + 1) * whole].to_vec();
        assert!(opened(&key, &[piece(1), piece(0), piece(2)].concat()).is_err());
        assert!(opened(&key, &[piece(0), piece(2)].concat()).is_err());
        assert!(opened(&key, &[piece(0), piece(0), piece(1), piece(2)].concat()).is_err());
        let mut last = piece(1);
        last[0] |= 0x80;
        assert!(opened(&key, &[piece(0), last].concat()).is_err());
    }

    #[test]
    fn a_wrapped_key_opens_for_its_purpose_only() {
        let (under, key) = (random_key(), random_key());
        let wrapped = wrap(&under, "content", &key).unwrap();
        assert_eq!(unwrap(&under, "content", &wrapped), Some(key.clone()));
        assert_eq!(unwrap(&under, "keys", &wrapped), None);
        assert_eq!(unwrap(&random_key(), "content", &wrapped), None);
        assert_eq!(unwrap(&under, "content", "nonsense"), None);
        assert_ne!(wrap(&under, "content", &key).unwrap(), wrapped);
        assert_ne!(derived(&key, b"a"), derived(&key, b"b"));
    }

    proptest! {
        #[test]
        fn a_changed_or_missing_byte_is_noticed(plain in proptest::collection::vec(any::<u8>(), 0..200), place: prop::sample::Index, bit in 0u8..8) {
            let key = random_key();
            let mut stream = sealed(&key, &plain);
            let at = place.index(stream.len());
            prop_assert!(opened(&key, &stream[..at]).is_err());
            stream[at] ^= 1u8 << bit;
            prop_assert!(opened(&key, &stream).is_err());
        }
    }
}
