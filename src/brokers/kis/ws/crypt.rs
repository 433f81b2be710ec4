//! Decryption of execution notices: AES-256 in CBC mode with PKCS#7 padding, in base64.

use std::fmt;

use aes::Aes256;
use cbc::Decryptor;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, KeyIvInit};
use data_encoding::BASE64;
use secrecy::{ExposeSecret, SecretString};

/// Key and initial vector of one transaction in one session; the texts' bytes are used as they are.
pub(super) struct Cipher {
    key: SecretString,
    iv: SecretString,
}

impl fmt::Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cipher(***)")
    }
}

impl Cipher {
    /// `None` when the lengths are not those of the cipher: 32 and 16 bytes.
    pub fn new(key: SecretString, iv: SecretString) -> Option<Self> {
        (key.expose_secret().len() == 32 && iv.expose_secret().len() == 16).then_some(Self { key, iv })
    }

    /// # Errors
    /// When the text is not what this key has encrypted.
    pub fn decrypt(&self, text: &str) -> Result<String, &'static str> {
        let bytes = BASE64.decode(text.trim().as_bytes()).map_err(|_| "not base64")?;
        let decryptor = Decryptor::<Aes256>::new_from_slices(self.key.expose_secret().as_bytes(), self.iv.expose_secret().as_bytes())
            .map_err(|_| "no usable key")?;
        let plain = decryptor.decrypt_padded_vec::<Pkcs7>(&bytes).map_err(|_| "not encrypted with the session's key")?;
        String::from_utf8(plain).map_err(|_| "not text after decryption")
    }
}

#[cfg(test)]
mod tests {
    use cbc::cipher::BlockModeEncrypt;
    use proptest::prelude::*;

    use super::*;

    fn cipher() -> Cipher {
        Cipher::new("kq2m8x0v4n6b7c9z1l3k5j7h9g1f3d5s".into(), "0f1e2d3c4b5a6978".into()).unwrap()
    }

    fn encrypt(text: &str) -> String {
        let encryptor = cbc::Encryptor::<Aes256>::new_from_slices(b"kq2m8x0v4n6b7c9z1l3k5j7h9g1f3d5s", b"0f1e2d3c4b5a6978").unwrap();
        BASE64.encode(&encryptor.encrypt_padded_vec::<Pkcs7>(text.as_bytes()))
    }

    #[test]
    fn a_text_of_another_implementation_is_read() {
        // openssl enc -aes-256-cbc -K <hex of the key> -iv <hex of the vector> -a -A
        assert_eq!(cipher().decrypt(OPENSSL).unwrap(), "simuser1^5001234501^0000038614");
        assert!(Cipher::new("short".into(), "0f1e2d3c4b5a6978".into()).is_none());
    }

    const OPENSSL: &str = "/cYz8qO2Rpshzk/+oqnXvtAugfo5QfKFpqtYe3U96wM=";

    proptest! {
        #[test]
        fn what_was_encrypted_is_read_again(text in "\\PC{0,80}") {
            prop_assert_eq!(cipher().decrypt(&encrypt(&text)).unwrap(), text);
        }

        #[test]
        fn anything_else_is_refused(text in "[A-Za-z0-9+/=]{0,90}") {
            let _ = cipher().decrypt(&text);
        }
    }
}
