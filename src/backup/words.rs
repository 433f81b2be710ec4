//! The recovery key: 128 random bits as twelve words of the BIP 39 list, whose last word carries a checksum.

use bip39::{Error, Language, Mnemonic};
use qrcode::QrCode;
use qrcode::render::svg;
use ring::hmac;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::cipher::Key;
use super::error::BackupError;

/// Words of a recovery key.
pub const WORDS: usize = 12;
const ENTROPY: usize = 16;

/// The key that opens everything of a backup. It never shows itself unasked.
#[derive(Clone)]
pub struct RecoveryKey(Zeroizing<[u8; ENTROPY]>);

impl std::fmt::Debug for RecoveryKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RecoveryKey([REDACTED])")
    }
}

impl RecoveryKey {
    /// A new one.
    pub fn generate() -> Self {
        let mut entropy = Zeroizing::new([0; ENTROPY]);
        rand::fill(entropy.as_mut_slice());
        Self(entropy)
    }

    /// Reads the words as people write them: any case, with numbers, commas or line breaks between them.
    ///
    /// # Errors
    /// `WordCount`, `UnknownWord`, `Checksum`.
    pub fn parse(text: &SecretString) -> Result<Self, BackupError> {
        let text = Zeroizing::new(text.expose_secret().to_lowercase());
        let words: Vec<&str> = text.split(|c: char| !c.is_alphabetic()).filter(|w| !w.is_empty()).collect();
        if words.len() != WORDS {
            return Err(BackupError::WordCount(words.len()));
        }
        let joined = Zeroizing::new(words.join(" "));
        let mnemonic = Mnemonic::parse_in_normalized(Language::English, &joined).map_err(|error| match error {
            Error::UnknownWord(at) => {
                let word = words.get(at).copied().unwrap_or_default();
                BackupError::UnknownWord { place: at + 1, word: word.chars().take(20).collect(), hint: near(word) }
            }
            _ => BackupError::Checksum,
        })?;
        let entropy = Zeroizing::new(mnemonic.to_entropy());
        <[u8; ENTROPY]>::try_from(entropy.as_slice()).map(|e| Self(Zeroizing::new(e))).map_err(|_| BackupError::Checksum)
    }

    fn mnemonic(&self) -> Option<Mnemonic> {
        // Sixteen bytes are always twelve words.
        Mnemonic::from_entropy_in(Language::English, self.0.as_slice()).ok()
    }

    /// The words, in order.
    pub fn words(&self) -> Vec<&'static str> {
        self.mnemonic().map(|m| m.words().collect()).unwrap_or_default()
    }

    /// The words in one line.
    pub fn text(&self) -> SecretString {
        SecretString::from(self.words().join(" "))
    }

    /// The words as a QR code, an SVG picture.
    pub fn qr_svg(&self) -> Option<SecretString> {
        let qr = QrCode::new(self.text().expose_secret()).ok()?;
        Some(qr.render::<svg::Color<'_>>().min_dimensions(220, 220).build().into())
    }

    fn tag(&self, purpose: &str) -> hmac::Tag {
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, self.0.as_slice()), purpose.as_bytes())
    }

    /// Tells one recovery key from another without giving anything of it away: eight hexadecimal digits.
    pub fn id(&self) -> String {
        data_encoding::HEXLOWER.encode(self.tag("eggmoney/backup/recovery/id").as_ref().get(..4).unwrap_or_default())
    }

    /// What wraps the keys of a backup.
    pub(super) fn wrapping(&self) -> Key {
        let mut key = Zeroizing::new([0; 32]);
        for (to, from) in key.iter_mut().zip(self.tag("eggmoney/backup/recovery/wrap").as_ref()) {
            *to = *from;
        }
        key
    }
}

/// The word of the list that a mistyped one most likely is: no two begin with the same four letters.
fn near(word: &str) -> Option<String> {
    let beginning: String = word.chars().take(4).collect();
    let list = Language::English.word_list();
    let same = list.iter().find(|w| beginning.len() == 4 && w.starts_with(&beginning));
    same.or_else(|| list.iter().find(|w| one_apart(w, word))).map(|w| (*w).to_owned())
}

/// Whether one letter makes one word the other: another, one more, one fewer, or two exchanged.
fn one_apart(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let before = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
    let (rest_a, rest_b) = (a.get(before..).unwrap_or_default(), b.get(before..).unwrap_or_default());
    match (rest_a, rest_b) {
        ([x1, x2, xs @ ..], [y1, y2, ys @ ..]) if x1 == y2 && x2 == y1 && xs == ys => true,
        ([_, xs @ ..], [_, ys @ ..]) if xs == ys => true,
        ([_, xs @ ..], ys) | (ys, [_, xs @ ..]) => xs == ys,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &str = "legal winner thank year wave sausage worth useful legal winner thank yellow";

    #[test]
    fn words_come_back_however_they_are_written_down() {
        let key = RecoveryKey::generate();
        assert_eq!(key.words().len(), WORDS);
        let numbered: Vec<String> = key.words().iter().enumerate().map(|(n, w)| format!("{}. {}", n + 1, w.to_uppercase())).collect();
        for text in [key.words().join(" "), numbered.join("\n"), format!("  {} \n", key.words().join(",  "))] {
            let read = RecoveryKey::parse(&text.into()).unwrap();
            assert_eq!((read.words(), read.id()), (key.words(), key.id()));
        }
        assert_eq!(format!("{key:?}"), "RecoveryKey([REDACTED])");
        assert_ne!(RecoveryKey::generate().id(), key.id());
        // A vector of BIP 39.
        let known = RecoveryKey::parse(&KNOWN.into()).unwrap();
        assert_eq!(*known.0, [0x7f; 16]);
        assert!(known.qr_svg().unwrap().expose_secret().contains("<svg"));
        assert_ne!(known.wrapping().get(..4), known.tag("eggmoney/backup/recovery/id").as_ref().get(..4));
    }

    #[test]
    fn a_typo_is_named_and_a_wrong_word_noticed() {
        let error = |text: &str| RecoveryKey::parse(&text.into()).unwrap_err().to_string();
        assert!(error("legal winner thank").contains("12 words, these are 3"));
        assert!(error(&format!("{KNOWN} legal")).contains("these are 13"));
        for (wrong, word) in [("winnr", "winner"), ("winnre", "winner"), ("winnerr", "winner"), ("wniner", "winner")] {
            let text = error(&KNOWN.replacen("winner", wrong, 1));
            assert!(text.contains(&format!("word 2, '{wrong}'")) && text.contains(&format!("'{word}'?")), "{text}");
        }
        assert!(error(&KNOWN.replacen("winner", "qqqq", 1)).ends_with("is no word of a recovery key"));
        assert!(error(&KNOWN.replacen("winner", "wine", 1)).contains("do not belong together"));
        let exchanged = KNOWN.replacen("legal winner", "winner legal", 1);
        assert!(error(&exchanged).contains("do not belong together"), "{exchanged}");
    }
}
