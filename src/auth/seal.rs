//! AES-256-GCM-SIV over short texts: a random nonce each time, and associated data that say what is sealed.

use aes_gcm_siv::aead::{Aead, KeyInit, Payload};
use aes_gcm_siv::{Aes256GcmSiv, Key as CipherKey, Nonce};
use data_encoding::BASE64;
use zeroize::{Zeroize, Zeroizing};

use super::error::VaultError;
use super::random_bytes;
use crate::storage::tables::Sealed;

const NONCE: usize = 12;

/// A key for sealing. It is wiped when dropped.
pub(super) type SealingKey = Zeroizing<[u8; 32]>;

fn cipher(key: &SealingKey) -> Aes256GcmSiv {
    Aes256GcmSiv::new(&CipherKey::<Aes256GcmSiv>::from(**key))
}

/// Seals `plaintext`; only the same key and the same associated data open it again.
///
/// # Errors
/// `Unreadable` when the cipher refuses, which it does for absurd lengths only.
pub(super) fn seal(key: &SealingKey, key_version: u32, aad: &[u8], plaintext: &[u8]) -> Result<Sealed, VaultError> {
    let nonce: [u8; NONCE] = random_bytes();
    let ciphertext = cipher(key).encrypt(&Nonce::from(nonce), Payload { msg: plaintext, aad }).map_err(|_| VaultError::Unreadable)?;
    Ok(Sealed { key_version, in_two_parts: false, ciphertext: BASE64.encode(&[nonce.as_slice(), &ciphertext].concat()) })
}

/// What was sealed.
///
/// # Errors
/// `Unreadable` when it was damaged, moved, or sealed under another key.
pub(super) fn open(key: &SealingKey, sealed: &Sealed, aad: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let mut bytes = BASE64.decode(sealed.ciphertext.as_bytes()).map_err(|_| VaultError::Unreadable)?;
    let (nonce, ciphertext) = bytes.split_first_chunk::<NONCE>().ok_or(VaultError::Unreadable)?;
    let plain = cipher(key).decrypt(&Nonce::from(*nonce), Payload { msg: ciphertext, aad }).map_err(|_| VaultError::Unreadable);
    bytes.zeroize();
    plain.map(Zeroizing::new)
}
