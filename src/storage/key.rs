//! Order-preserving keys: ids as 16 bytes, numbers big-endian, dates as day numbers, text last.

use jiff::Timestamp;
use jiff::civil::Date;

/// A key under construction.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(Vec<u8>);

impl Key {
    pub fn new() -> Self {
        Self::default()
    }

    /// An id of any kind.
    pub fn id(mut self, bytes: &[u8; 16]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// An unsigned number.
    pub fn u64(mut self, value: u64) -> Self {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    /// A signed number; the sign bit is flipped so that bytes sort as numbers do.
    pub fn i64(mut self, value: i64) -> Self {
        self.0.extend_from_slice(&((value as u64) ^ (1 << 63)).to_be_bytes());
        self
    }

    /// An instant, to the microsecond.
    pub fn time(self, at: Timestamp) -> Self {
        self.i64(at.as_microsecond())
    }

    /// A calendar day.
    pub fn date(self, date: Date) -> Self {
        self.i64(i64::from(date.year()) * 10_000 + i64::from(date.month()) * 100 + i64::from(date.day()))
    }

    /// Text that ends the key, or that is followed by more after a zero byte.
    pub fn text(mut self, text: &str) -> Self {
        self.0.extend_from_slice(text.as_bytes());
        self.0.push(0);
        self
    }

    /// Bytes as they are.
    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_sort_as_their_keys(a: i64, b: i64) {
            prop_assert_eq!(a.cmp(&b), Key::new().i64(a).into_bytes().cmp(&Key::new().i64(b).into_bytes()));
        }

        #[test]
        fn text_sorts_as_its_key(a in "[a-z가-힣]{0,6}", b in "[a-z가-힣]{0,6}") {
            prop_assert_eq!(a.cmp(&b), Key::new().text(&a).into_bytes().cmp(&Key::new().text(&b).into_bytes()));
        }
    }
}
