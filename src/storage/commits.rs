//! How often the store was written and how long that took. Each commit wakes the disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::metrics::histogram::Histogram;

/// Upper bounds in seconds: from memory-fast to a disk that had to spin up first.
const BOUNDS: [f64; 10] = [0.000_5, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 5.0];

/// Commits since the start. Clones share the counts.
#[derive(Clone, Debug)]
pub struct Commits {
    seconds: Histogram,
    count: Arc<AtomicU64>,
    jobs: Arc<AtomicU64>,
}

impl Default for Commits {
    fn default() -> Self {
        Self { seconds: Histogram::new(BOUNDS), count: Arc::default(), jobs: Arc::default() }
    }
}

impl Commits {
    pub(super) fn note(&self, jobs: usize, took: Duration) {
        self.seconds.observe(took.as_secs_f64());
        self.count.fetch_add(1, Ordering::Relaxed);
        self.jobs.fetch_add(u64::try_from(jobs).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Writes that they carried: several share a commit.
    pub fn jobs(&self) -> u64 {
        self.jobs.load(Ordering::Relaxed)
    }

    /// How long each took, seconds, work and disk together.
    pub fn seconds(&self) -> &Histogram {
        &self.seconds
    }
}
