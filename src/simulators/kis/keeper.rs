//! The accounts of a simulation in a file, so that a simulated broker outlives its process.
//!
//! Prices and fills are a function of seed, orders and time. It is therefore enough to write whenever
//! an order was taken or withdrawn, before its answer leaves: whatever happened afterwards happens
//! again in the same way. Scripted plans, faults and pinned prices are not kept.

use std::io::{self, Write};
use std::path::Path;

use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

use super::super::exchange::{AccountBook, AccountKey, SimExchange};
use crate::domain::clock::kst_date;

/// Version of the file.
const VERSION: u32 = 2;
/// Finished orders are kept for this many days: no client asks for older ones.
const KEPT_DAYS: i32 = 10;

#[derive(Serialize, Deserialize)]
struct Kept {
    version: u32,
    /// Market time of the writing.
    at: Timestamp,
    accounts: Vec<(AccountKey, AccountBook)>,
}

/// Writes the accounts; the file is whole at every moment.
///
/// # Errors
/// When the folder cannot be written.
pub(super) fn save(path: &Path, exchange: &SimExchange, now: Timestamp) -> io::Result<()> {
    let today = kst_date(now);
    let oldest = today.checked_sub(KEPT_DAYS.days()).unwrap_or(today);
    let kept = Kept { version: VERSION, at: now, accounts: exchange.accounts_since(oldest) };
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    serde_json::to_writer(&mut file, &kept)?;
    file.flush()?;
    file.persist(path)?;
    Ok(())
}

/// Reads the accounts into an exchange; a missing file leaves it as it is.
///
/// # Errors
/// When the file cannot be read, naming it.
pub(super) fn load(path: &Path, exchange: &mut SimExchange) -> io::Result<()> {
    if let Some(kept) = read(path)? {
        exchange.restore(kept.accounts);
    }
    Ok(())
}

/// Market time at which the file was written; `None` without a file.
///
/// # Errors
/// When the file cannot be read, naming it.
pub(super) fn saved_at(path: &Path) -> io::Result<Option<Timestamp>> {
    Ok(read(path)?.map(|kept| kept.at))
}

fn read(path: &Path) -> io::Result<Option<Kept>> {
    let bytes = match fs_err::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let damaged = |detail: String| io::Error::new(io::ErrorKind::InvalidData, format!("{} cannot be used: {detail}", path.display()));
    let kept: Kept = serde_json::from_slice(&bytes).map_err(|e| damaged(e.to_string()))?;
    if kept.version == VERSION { Ok(Some(kept)) } else { Err(damaged(format!("version {} is not known", kept.version))) }
}
