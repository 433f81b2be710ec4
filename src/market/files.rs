//! Master files: fetched once a day before the session, kept on disk, and the last good one used when
//! a fetch fails.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use super::catalog::{Catalog, MasterFile};
use super::masters::Master;
use super::zip;
use crate::brokers::http::{HttpClient, Redactor};
use crate::domain::clock::{Clock, kst_datetime};

/// From this time in Seoul on the day's files are fetched.
const READY_AT: jiff::civil::Time = jiff::civil::Time::constant(7, 40, 0, 0);
/// After a failure, in wall time.
const RETRY: SignedDuration = SignedDuration::from_mins(10);
/// No master file is larger.
const LARGEST: usize = 64 << 20;
/// Holds the day for which the files were fetched.
const DAY_FILE: &str = "day";

/// Why a file is not used.
#[derive(Debug, thiserror::Error)]
#[error("{name}: {reason}")]
pub struct FileError {
    name: &'static str,
    reason: String,
}

/// The folder of the master files and where they come from.
#[derive(Debug)]
pub struct MasterFiles {
    dir: PathBuf,
    /// Address of the folder at the broker, without a slash at the end.
    base_url: String,
    http: HttpClient,
    market: Arc<dyn Clock>,
    wall: Arc<dyn Clock>,
    catalog: Catalog,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    day: Option<Date>,
    not_before: Option<Timestamp>,
}

impl MasterFiles {
    pub fn new(
        dir: PathBuf,
        base_url: String,
        http: HttpClient,
        (market, wall): (Arc<dyn Clock>, Arc<dyn Clock>),
        catalog: Catalog,
    ) -> Self {
        Self { dir, base_url, http, market, wall, catalog, state: Mutex::default() }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Reads what an earlier run kept. A file that is not good is left out and fetched again.
    pub fn load(&self) {
        let mut whole = true;
        for file in MasterFile::ALL {
            let Ok(bytes) = fs_err::read(self.path(file)) else { continue };
            match read(file, &bytes) {
                Ok(master) => self.catalog.replace(file, master),
                Err(error) => {
                    whole = false;
                    tracing::warn!(%error, "a kept master file cannot be used");
                }
            }
        }
        let day = fs_err::read_to_string(self.dir.join(DAY_FILE)).ok().and_then(|text| text.trim().parse().ok());
        self.state().day = day.filter(|_| whole && !self.catalog.is_empty());
    }

    /// The day of the lists in use; `None` while there are none.
    pub fn day(&self) -> Option<Date> {
        self.state().day
    }

    /// Fetches the day's files unless that is done, too early, or has just failed.
    pub async fn refresh_if_due(&self) {
        let (now, today) = (self.wall.now(), kst_datetime(self.market.now()));
        {
            let mut state = self.state();
            let done = match state.day {
                // Without any list one is fetched at any time of day.
                None => false,
                Some(day) => day >= today.date() || today.time() < READY_AT,
            };
            if done || state.not_before.is_some_and(|at| now < at) {
                return;
            }
            // Also while it is under way.
            state.not_before = now.checked_add(RETRY).ok();
        }
        let mut whole = true;
        for file in MasterFile::ALL {
            if let Err(error) = self.fetch(file).await {
                // Some lists have nobody in them and are not offered.
                if file == MasterFile::Konex {
                    tracing::debug!(%error, "the smallest list cannot be fetched");
                    continue;
                }
                whole = false;
                tracing::warn!(%error, "a master file cannot be fetched; the last good one is kept");
            }
        }
        if !whole {
            return;
        }
        let mut state = self.state();
        (state.day, state.not_before) = (Some(today.date()), None);
        drop(state);
        if let Err(error) = self.keep(DAY_FILE, today.date().to_string().as_bytes()) {
            tracing::warn!(%error, "the day of the master files cannot be kept");
        }
        tracing::info!(instruments = self.catalog.len(), day = %today.date(), "master files are up to date");
    }

    async fn fetch(&self, file: MasterFile) -> Result<(), FileError> {
        let failed = |reason: String| FileError { name: file.name(), reason };
        let url = format!("{}/{}.zip", self.base_url, file.name());
        let reply = self.http.send(self.http.get(&url), &Redactor::new([])).await.map_err(|e| failed(e.to_string()))?;
        if reply.status != 200 {
            return Err(failed(format!("the server answers with status {}", reply.status)));
        }
        let (master, body) = tokio::task::spawn_blocking(move || read(file, &reply.body).map(|master| (master, reply.body)))
            .await
            .map_err(|e| failed(e.to_string()))??;
        self.keep(&format!("{}.zip", file.name()), &body).map_err(|e| failed(e.to_string()))?;
        self.catalog.replace(file, master);
        Ok(())
    }

    fn path(&self, file: MasterFile) -> PathBuf {
        self.dir.join(format!("{}.zip", file.name()))
    }

    /// Puts a whole file in place of the old one.
    fn keep(&self, name: &str, bytes: &[u8]) -> std::io::Result<()> {
        fs_err::create_dir_all(&self.dir)?;
        let mut new = tempfile::NamedTempFile::new_in(&self.dir)?;
        std::io::Write::write_all(&mut new, bytes)?;
        new.persist(self.dir.join(name)).map_err(|e| e.error)?;
        Ok(())
    }
}

fn read(file: MasterFile, packed: &[u8]) -> Result<Master, FileError> {
    let failed = |reason: String| FileError { name: file.name(), reason };
    let bytes = zip::first_file(packed, LARGEST).map_err(|e| failed(e.to_string()))?;
    let master = file.read(&bytes).map_err(|e| failed(e.to_string()))?;
    if !master.skipped.is_empty() {
        tracing::debug!(name = file.name(), lines = master.skipped.len(), "lines of a master file were left out");
    }
    Ok(master)
}
