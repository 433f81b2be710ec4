//! Identical reads that are asked for at the same time share one request.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::OnceCell;

/// Reads under way. An answer is handed to those who waited for it and kept for nobody else.
#[derive(Debug)]
pub(super) struct Flights<K, V>(Mutex<HashMap<K, Arc<OnceCell<V>>>>);

impl<K, V> Default for Flights<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Clone + Eq + Hash, V: Clone> Flights<K, V> {
    /// The answer of the read under way for `key`, or of `read` when there is none. When the caller
    /// that reads gives up, one of those who wait reads in its place.
    pub async fn join<F: Future<Output = V>>(&self, key: &K, read: impl FnOnce() -> F) -> V {
        let flight = self.lock().entry(key.clone()).or_default().clone();
        let _landing = Landing { flights: self, key, flight: &flight };
        flight.get_or_init(read).await.clone()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Arc<OnceCell<V>>>> {
        self.0.lock().unwrap_or_else(|e| e.into_inner())
    }
}

/// Ends a flight with its first passenger to leave after the answer, or with its last one.
struct Landing<'a, K: Eq + Hash + Clone, V: Clone> {
    flights: &'a Flights<K, V>,
    key: &'a K,
    flight: &'a Arc<OnceCell<V>>,
}

impl<K: Eq + Hash + Clone, V: Clone> Drop for Landing<'_, K, V> {
    fn drop(&mut self) {
        let mut flights = self.flights.lock();
        let ours = flights.get(self.key).is_some_and(|known| Arc::ptr_eq(known, self.flight));
        // The map and this passenger hold one each: nobody else waits.
        let alone = Arc::strong_count(self.flight) <= 2;
        if ours && (self.flight.initialized() || alone) {
            flights.remove(self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Notify;

    use super::*;

    async fn settle() {
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn who_asks_meanwhile_gets_the_same_answer_and_who_asks_later_a_new_one() {
        let flights = Arc::new(Flights::<&str, usize>::default());
        let (reads, answer) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let ask = |key: &'static str| {
            let (flights, reads, answer) = (flights.clone(), reads.clone(), answer.clone());
            tokio::spawn(async move {
                let read = || async {
                    let n = reads.fetch_add(1, Ordering::SeqCst);
                    answer.notified().await;
                    n
                };
                flights.join(&key, read).await
            })
        };
        let (first, second, other) = (ask("a"), ask("a"), ask("b"));
        settle().await;
        assert_eq!(reads.load(Ordering::SeqCst), 2);
        answer.notify_waiters();
        assert_eq!((first.await.unwrap(), second.await.unwrap()), (0, 0));
        other.await.unwrap();
        let later = ask("a");
        settle().await;
        answer.notify_waiters();
        assert_eq!(later.await.unwrap(), 2);
        assert!(flights.lock().is_empty());
    }

    #[tokio::test]
    async fn a_reader_that_gives_up_leaves_the_read_to_the_next() {
        let flights = Arc::new(Flights::<&str, usize>::default());
        let first = tokio::spawn({
            let flights = flights.clone();
            async move { flights.join(&"a", std::future::pending).await }
        });
        settle().await;
        let second = tokio::spawn({
            let flights = flights.clone();
            async move { flights.join(&"a", || async { 7 }).await }
        });
        settle().await;
        assert!(!second.is_finished());
        first.abort();
        assert_eq!(second.await.unwrap(), 7);
        assert!(flights.lock().is_empty());
        let lonely = tokio::spawn({
            let flights = flights.clone();
            async move { flights.join(&"a", std::future::pending).await }
        });
        settle().await;
        lonely.abort();
        assert!(lonely.await.is_err());
        assert!(flights.lock().is_empty(), "a read that nobody waits for is forgotten");
    }
}
