//! Records: one version byte, then JSON. A field added later has a serde default; anything more is
//! a new version, read through [`Record::upgrade`].

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::port::StoreError;

/// A value with a stored form.
pub trait Record: Serialize + DeserializeOwned {
    /// Name for error messages.
    const NAME: &'static str;
    /// Version written.
    const VERSION: u8 = 1;

    /// Turns the JSON of an older version into that of [`Self::VERSION`].
    ///
    /// # Errors
    /// `Corrupt` when the version is not known.
    fn upgrade(version: u8, _old: Value) -> Result<Value, StoreError> {
        Err(StoreError::Corrupt(format!("{} of version {version}: this program reads version {}", Self::NAME, Self::VERSION)))
    }
}

/// Stored form of a record.
///
/// # Errors
/// `Corrupt` when the value cannot be written as JSON (a float that is no number).
pub fn encode<R: Record>(record: &R) -> Result<Vec<u8>, StoreError> {
    let mut bytes = vec![R::VERSION];
    serde_json::to_writer(&mut bytes, record).map_err(|e| StoreError::Corrupt(format!("{}: {e}", R::NAME)))?;
    Ok(bytes)
}

/// Record from its stored form.
///
/// # Errors
/// `Corrupt` when the bytes are not a record of this kind.
pub fn decode<R: Record>(bytes: &[u8]) -> Result<R, StoreError> {
    let corrupt = |detail: String| StoreError::Corrupt(format!("{}: {detail}", R::NAME));
    match bytes.split_first() {
        Some((&version, json)) if version == R::VERSION => serde_json::from_slice(json).map_err(|e| corrupt(e.to_string())),
        Some((&version, json)) => {
            let old = serde_json::from_slice(json).map_err(|e| corrupt(e.to_string()))?;
            serde_json::from_value(R::upgrade(version, old)?).map_err(|e| corrupt(e.to_string()))
        }
        None => Err(corrupt("empty".to_owned())),
    }
}
