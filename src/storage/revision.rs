//! How often each user's rows were written since the start. What was computed from them before holds
//! for as long as the number stays the same.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::domain::id::UserId;

/// Counters; users who share one only forget a little more often.
const SLOTS: usize = 1024;

/// The counters of all users.
pub(super) struct Revisions(Box<[AtomicU64]>);

impl Default for Revisions {
    fn default() -> Self {
        Self((0..SLOTS).map(|_| AtomicU64::new(0)).collect())
    }
}

impl Revisions {
    /// The counter of the user whose id a key begins with; rows of the installation have none.
    pub(super) fn slot(key: &[u8]) -> Option<usize> {
        // Ids begin with their time and end at random.
        let end = key.get(14..16).and_then(|end| <[u8; 2]>::try_from(end).ok())?;
        Some(usize::from(u16::from_be_bytes(end)) % SLOTS)
    }

    /// Ask before reading: rows that are written while you read then count as later ones.
    pub(super) fn of(&self, user: UserId) -> u64 {
        Self::slot(user.as_bytes()).and_then(|slot| self.0.get(slot)).map_or(0, |counter| counter.load(Ordering::Acquire))
    }

    /// To be called after the commit and before anybody is told of it.
    pub(super) fn advance(&self, slots: &[usize]) {
        for counter in slots.iter().filter_map(|slot| self.0.get(*slot)) {
            counter.fetch_add(1, Ordering::Release);
        }
    }
}
