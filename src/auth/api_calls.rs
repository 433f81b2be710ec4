//! How many calls a user's API keys have made on a day in Seoul. The store holds a number that was
//! reserved ahead, so that most calls write nothing; after a restart the reserved ones count as made.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::{TimeZone, offset};
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

use super::error::{AuthError, KeyError};
use crate::domain::id::UserId;
use crate::storage::tables::UserTable;
use crate::storage::{Key, Record, Store, StoreError, UserView};

/// Most calls that are reserved at once, and the part of the limit that a restart may cost.
const BLOCK: u32 = 100;
const PART: u32 = 50;

/// Calls of one day that were made or reserved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Reserved {
    day: Date,
    calls: u32,
}

impl Record for Reserved {
    const NAME: &'static str = "API calls of a day";
}

/// One row.
const API_CALLS: UserTable<Reserved> = UserTable::new("api_calls");

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Counter {
    day: Date,
    made: u32,
    reserved: u32,
}

/// Calls of today as their user sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallsToday {
    pub made: u32,
    /// `None` = no limit.
    pub limit: Option<u32>,
    /// When the next day begins in Seoul.
    pub until: Timestamp,
}

/// Counts calls.
#[derive(Debug, Default)]
pub(super) struct ApiCalls(Mutex<HashMap<UserId, Counter>>);

/// The day in Seoul, and when the next one begins. Korea has no summer time.
fn day(now: Timestamp) -> (Date, Timestamp) {
    let zone = TimeZone::fixed(offset(9));
    let today = now.to_zoned(zone.clone()).date();
    let next = today.checked_add(1.day()).and_then(|d| d.to_zoned(zone)).map_or(Timestamp::MAX, |z| z.timestamp());
    (today, next)
}

fn stored(view: &UserView<'_>, today: Date) -> Result<u32, StoreError> {
    Ok(view.get(&API_CALLS, &Key::new())?.filter(|row| row.day == today).map_or(0, |row| row.calls))
}

impl ApiCalls {
    fn lock(&self) -> MutexGuard<'_, HashMap<UserId, Counter>> {
        self.0.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// The user's counter; after a start and on a new day from what the store has reserved.
    fn counter(&self, store: &Store, user: UserId, today: Date) -> Result<Counter, StoreError> {
        if let Some(counter) = self.lock().get(&user).filter(|c| c.day == today) {
            return Ok(*counter);
        }
        let reserved = store.user(user).read(|v| stored(v, today))?;
        let mut counters = self.lock();
        counters.retain(|_, c| c.day == today);
        Ok(*counters.entry(user).or_insert(Counter { day: today, made: reserved, reserved }))
    }

    /// Counts a call.
    ///
    /// # Errors
    /// `CallsUsedUp` until the next day in Seoul; `Store` when the count cannot be kept.
    pub(super) async fn count(&self, store: &Store, user: UserId, now: Timestamp) -> Result<(), AuthError> {
        let (today, tomorrow) = day(now);
        let limit = store.user(user).read(|v| v.rules())?.api_calls_limit;
        let block = limit.map_or(BLOCK, |limit| (limit / PART).clamp(1, BLOCK));
        loop {
            self.counter(store, user, today)?;
            {
                let mut counters = self.lock();
                // Midnight has passed for another call meanwhile.
                let Some(counter) = counters.get_mut(&user).filter(|c| c.day == today) else { continue };
                if let Some(limit) = limit
                    && counter.made >= limit
                {
                    let wait = Duration::try_from(tomorrow.duration_since(now)).unwrap_or_default();
                    return Err(KeyError::CallsUsedUp { limit, retry_after: wait.max(Duration::from_secs(1)) }.into());
                }
                if counter.made < counter.reserved {
                    counter.made += 1;
                    return Ok(());
                }
            }
            let rows = store.user(user);
            let reserve = rows.write(move |tx| {
                let calls = stored(&tx.view(), today)?.saturating_add(block);
                tx.put(&API_CALLS, &Key::new(), &Reserved { day: today, calls })?;
                Ok::<_, StoreError>(calls)
            });
            let calls = reserve.await?;
            if let Some(counter) = self.lock().get_mut(&user).filter(|c| c.day == today) {
                counter.reserved = counter.reserved.max(calls);
            }
        }
    }

    /// What a user's keys have used today.
    pub(super) fn today(&self, store: &Store, user: UserId, now: Timestamp) -> Result<CallsToday, StoreError> {
        let (today, until) = day(now);
        let limit = store.user(user).read(|v| v.rules())?.api_calls_limit;
        Ok(CallsToday { made: self.counter(store, user, today)?.made, limit, until })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::limits::UserRules;
    use crate::storage::tables::{RULES_ROW, USER_RULES};
    use uuid::Uuid;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    async fn fixture(limit: Option<u32>) -> (Store, UserId) {
        let (store, user) = (Store::in_memory().unwrap(), UserId(Uuid::now_v7()));
        let rules = UserRules { api_calls_limit: limit, ..UserRules::default() };
        let key = Key::new().text(RULES_ROW);
        let rows = store.user(user);
        rows.write(move |tx| tx.put(&USER_RULES, &key, &rules)).await.unwrap();
        (store, user)
    }

    async fn used(calls: &ApiCalls, store: &Store, user: UserId, now: Timestamp, most: usize) -> usize {
        for n in 0..most {
            if calls.count(store, user, now).await.is_err() {
                return n;
            }
        }
        most
    }

    #[tokio::test]
    async fn the_limit_holds_for_a_day_in_seoul_and_over_restarts() {
        let (store, user) = fixture(Some(1_000)).await;
        let calls = ApiCalls::default();
        let evening = at("2026-11-20T14:59:59Z");
        assert_eq!(used(&calls, &store, user, evening, 500).await, 500);
        let revision = store.user(user).revision();
        assert_eq!(used(&calls, &store, user, evening, 40).await, 40);
        assert!(store.user(user).revision() - revision <= 2, "most calls write nothing");
        // Another process: what was reserved counts as made, at most a fiftieth of the limit.
        let calls = ApiCalls::default();
        let made = calls.today(&store, user, evening).unwrap();
        assert!((540..=560).contains(&made.made), "{made:?}");
        assert_eq!(made.until, at("2026-11-20T15:00:00Z"));
        let left = used(&calls, &store, user, evening, 2_000).await;
        assert_eq!(left, 1_000 - usize::try_from(made.made).unwrap());
        let refused = calls.count(&store, user, evening).await.unwrap_err();
        let second = Duration::from_secs(1);
        assert!(matches!(refused, AuthError::Key(KeyError::CallsUsedUp { limit: 1_000, retry_after }) if retry_after == second));
        assert_eq!(used(&calls, &store, user, at("2026-11-20T15:00:00Z"), 5).await, 5, "midnight in Seoul");
        assert_eq!(calls.today(&store, user, at("2026-11-20T15:00:00Z")).unwrap().made, 5);
    }

    #[tokio::test]
    async fn a_small_limit_is_exact_and_without_one_there_is_no_end() {
        let (store, user) = fixture(Some(3)).await;
        let now = at("2026-11-20T01:00:00Z");
        assert_eq!(used(&ApiCalls::default(), &store, user, now, 2).await, 2);
        assert_eq!(used(&ApiCalls::default(), &store, user, now, 9).await, 1, "also over a restart");
        let (store, user) = fixture(None).await;
        assert_eq!(used(&ApiCalls::default(), &store, user, now, 500).await, 500);
    }

    #[tokio::test]
    async fn calls_at_the_same_moment_are_counted_one_by_one() {
        let (store, user) = fixture(Some(120)).await;
        let calls = ApiCalls::default();
        let now = at("2026-11-20T01:00:00Z");
        let all = (0..300).map(|_| calls.count(&store, user, now));
        let taken = futures_util::future::join_all(all).await.into_iter().filter(Result::is_ok).count();
        assert_eq!(taken, 120);
    }
}
