//! A release of the program that has still to prove itself: it opens the data and answers, but runs no
//! slot and places no order. The first order after that closes the way back to the release before,
//! because going back would forget an order that a broker has.

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use super::error::TradingError;
use crate::storage::StoreError;

/// What stands before slots and orders.
#[derive(Debug, Default)]
pub struct Trial {
    held: AtomicBool,
    way_back: Mutex<Option<PathBuf>>,
}

impl Trial {
    /// `held`: nothing runs until [`Trial::pass`]. `way_back` is the file whose presence says that the
    /// release before may still come back.
    pub fn new(held: bool, way_back: Option<PathBuf>) -> Self {
        Self { held: AtomicBool::new(held), way_back: Mutex::new(way_back) }
    }

    /// Slots and orders wait.
    pub fn is_on(&self) -> bool {
        self.held.load(Ordering::Acquire)
    }

    /// The release has proved itself.
    pub fn pass(&self) {
        self.held.store(false, Ordering::Release);
    }

    /// To be asked before an order is journalled.
    ///
    /// # Errors
    /// `Refused` with `on_trial`; `Store` when the way back cannot be closed: without that the order
    /// could be forgotten.
    pub(super) fn admit_order(&self) -> Result<(), TradingError> {
        if self.is_on() {
            let detail = "a new version of the program is being tried: orders are taken once it has proved healthy. Ask again in a minute";
            return Err(TradingError::refused("on_trial", detail));
        }
        let mut way_back = self.way_back.lock().unwrap_or_else(|e| e.into_inner());
        if let Some(marker) = &*way_back {
            close(marker).map_err(|e| StoreError::Io(format!("{}: {e}", marker.display())))?;
            tracing::info!("an order is placed: from now on there is no way back to the version before");
            *way_back = None;
        }
        Ok(())
    }
}

/// Removes the marker for good, power cuts included.
fn close(marker: &std::path::Path) -> std::io::Result<()> {
    match fs_err::remove_file(marker) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    marker.parent().map_or(Ok(()), |folder| fs_err::File::open(folder)?.sync_all())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_trial_nothing_is_ordered_and_the_first_order_closes_the_way_back() {
        let dir = tempfile::tempdir().unwrap();
        let marker = dir.path().join("way-back.json");
        fs_err::write(&marker, "{}").unwrap();
        let trial = Trial::new(true, Some(marker.clone()));
        assert!(matches!(trial.admit_order(), Err(TradingError::Refused { code: "on_trial", .. })));
        trial.pass();
        assert!(marker.exists() && !trial.is_on(), "being healthy does not close it");
        trial.admit_order().unwrap();
        assert!(!marker.exists());
        trial.admit_order().unwrap();

        // A marker that cannot be removed: the order must not be sent.
        fs_err::create_dir_all(marker.join("stuck")).unwrap();
        let stuck = Trial::new(false, Some(marker));
        assert!(matches!(stuck.admit_order(), Err(TradingError::Store(StoreError::Io(_)))));
        assert!(matches!(stuck.admit_order(), Err(TradingError::Store(StoreError::Io(_)))), "not the second one either");
    }
}
