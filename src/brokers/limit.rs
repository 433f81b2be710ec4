//! Pace of calls per app key, on the market clock. Orders and cancels pass before queries and have a
//! share of their own, so that they need not even wait for the query that has just left; the pace
//! halves when the broker complains and creeps back while it does not.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

use crate::domain::clock::Clock;

/// Calls per second on a live key: the broker allows 20, below 18 it is quiet.
pub const LIVE_CALLS_PER_SECOND: f64 = 15.0;

/// Calls per second on a paper key: documented as 2, some keys are held to 1.
pub const MOCK_CALLS_PER_SECOND: f64 = 1.0;

/// The pace never falls below this share of the configured one.
const LOWEST_SHARE: f64 = 1.0 / 8.0;

/// Share of the configured pace that every good answer gives back.
const CREEP: f64 = 0.02;

/// Share of a second's calls that orders may send ahead of the pace. Queries then make room, so that
/// no second sees more than the pace and this share. A pace below five calls has none to give.
const ORDER_SHARE: f64 = 0.2;

/// Complaints within this time after a halving belong to calls that were already under way.
const SETTLE: SignedDuration = SignedDuration::from_secs(1);

/// Who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// Orders and cancels.
    Order,
    /// Everything else.
    Query,
}

/// Spaces the calls of one app key evenly. Share one among all clients of the key.
#[derive(Debug)]
pub struct RateLimiter {
    clock: Arc<dyn Clock>,
    full_rate: f64,
    state: Mutex<State>,
    /// First come, first served within a priority.
    order_line: tokio::sync::Mutex<()>,
    query_line: tokio::sync::Mutex<()>,
    order_done: Notify,
}

#[derive(Debug)]
struct State {
    rate: f64,
    next_free: Timestamp,
    halved_at: Option<Timestamp>,
    orders_waiting: usize,
    /// All that wait, orders among them.
    waiting: usize,
    /// What all calls together have waited.
    waited: SignedDuration,
}

/// A limiter as others see it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// Share of the configured pace that calls may have at present, above 0 and up to 1.
    pub share: f64,
    /// Calls that wait for their turn.
    pub waiting: usize,
    /// What all calls since the start have waited.
    pub waited: SignedDuration,
}

impl RateLimiter {
    /// A limiter of `calls_per_second`, kept between 0.1 and 1000; what is no positive number counts
    /// as one per second.
    pub fn new(clock: Arc<dyn Clock>, calls_per_second: f64) -> Self {
        let usable = calls_per_second.is_finite() && calls_per_second > 0.0;
        let full_rate = if usable { calls_per_second.clamp(0.1, 1_000.0) } else { 1.0 };
        Self {
            clock,
            full_rate,
            state: Mutex::new(State {
                rate: full_rate,
                next_free: Timestamp::MIN,
                halved_at: None,
                orders_waiting: 0,
                waiting: 0,
                waited: SignedDuration::ZERO,
            }),
            order_line: tokio::sync::Mutex::default(),
            query_line: tokio::sync::Mutex::default(),
            order_done: Notify::new(),
        }
    }

    /// Returns when the next call may leave.
    pub async fn acquire(&self, priority: Priority) {
        let _counted = Waiting::enter(self);
        match priority {
            Priority::Order => {
                let _waiting = WaitingOrder::enter(self);
                let _turn = self.order_line.lock().await;
                while let Some(wait) = self.take_slot(priority) {
                    self.clock.sleep(wait).await;
                }
            }
            Priority::Query => {
                let _turn = self.query_line.lock().await;
                loop {
                    self.let_orders_pass().await;
                    let Some(wait) = self.take_slot(priority) else { return };
                    self.clock.sleep(wait).await;
                }
            }
        }
    }

    /// The broker refused a call for coming too fast.
    pub fn refused(&self) {
        let now = self.clock.now();
        let mut state = self.lock();
        if state.halved_at.is_some_and(|at| now.duration_since(at) < SETTLE) {
            return;
        }
        state.halved_at = Some(now);
        state.rate = (state.rate / 2.0).max(self.full_rate * LOWEST_SHARE);
    }

    /// The broker answered.
    pub fn answered(&self) {
        let mut state = self.lock();
        state.rate = (state.rate + self.full_rate * CREEP).min(self.full_rate);
    }

    /// How it stands with the pace and those who wait for it.
    pub fn pace(&self) -> Pace {
        let state = self.lock();
        Pace { share: state.rate / self.full_rate, waiting: state.waiting, waited: state.waited }
    }

    /// The present pace in calls per second.
    pub fn rate(&self) -> f64 {
        self.lock().rate
    }

    /// Takes the next slot if it has come, otherwise tells how long it is away.
    fn take_slot(&self, priority: Priority) -> Option<Duration> {
        let now = self.clock.now();
        let mut state = self.lock();
        let interval = SignedDuration::from_secs_f64(1.0 / state.rate);
        let ahead = match priority {
            // The pace is at most 1000, so that the share fits.
            Priority::Order => interval.saturating_mul((state.rate * ORDER_SHARE) as i32),
            Priority::Query => SignedDuration::ZERO,
        };
        let wait = state.next_free.duration_since(now).saturating_sub(ahead);
        if wait > SignedDuration::ZERO {
            return Some(Duration::try_from(wait).unwrap_or_default());
        }
        state.next_free = state.next_free.max(now).saturating_add(interval).unwrap_or(Timestamp::MAX);
        None
    }

    async fn let_orders_pass(&self) {
        loop {
            let done = self.order_done.notified();
            if self.lock().orders_waiting == 0 {
                return;
            }
            done.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }
}

/// Counts a call as waiting until it has its slot or is given up, and how long that took.
struct Waiting<'a>(&'a RateLimiter, Timestamp);

impl<'a> Waiting<'a> {
    fn enter(limiter: &'a RateLimiter) -> Self {
        limiter.lock().waiting += 1;
        Self(limiter, limiter.clock.now())
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let waited = self.0.clock.now().duration_since(self.1).max(SignedDuration::ZERO);
        let mut state = self.0.lock();
        state.waiting -= 1;
        state.waited = state.waited.saturating_add(waited);
    }
}

/// Counts an order as waiting until it has its slot or is given up.
struct WaitingOrder<'a>(&'a RateLimiter);

impl<'a> WaitingOrder<'a> {
    fn enter(limiter: &'a RateLimiter) -> Self {
        limiter.lock().orders_waiting += 1;
        Self(limiter)
    }
}

impl Drop for WaitingOrder<'_> {
    fn drop(&mut self) {
        self.0.lock().orders_waiting -= 1;
        self.0.order_done.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::{Sleep, SteppedClock};

    fn start() -> Timestamp {
        "2026-07-20T14:00:00Z".parse().unwrap()
    }

    fn limiter(rate: f64) -> (Arc<SteppedClock>, Arc<RateLimiter>) {
        let clock = Arc::new(SteppedClock::new(start()));
        let limiter = Arc::new(RateLimiter::new(clock.clone(), rate));
        (clock, limiter)
    }

    #[tokio::test]
    async fn calls_are_spaced_on_the_clock() {
        let (clock, limiter) = limiter(15.0);
        let mut times = Vec::new();
        for _ in 0..31 {
            limiter.acquire(Priority::Query).await;
            times.push(clock.now());
        }
        assert_eq!(times[0], start());
        let pace = limiter.pace();
        assert_eq!((pace.share, pace.waiting, pace.waited.as_millis()), (1.0, 0, times[30].duration_since(start()).as_millis()));
        for (i, at) in times.iter().enumerate() {
            let within = times[i..].iter().filter(|t| t.duration_since(*at) < SignedDuration::from_secs(1)).count();
            assert!(within <= 16, "{within} calls within one second");
        }
        let whole = times[30].duration_since(start()).as_millis();
        assert!((1_990..=2_010).contains(&whole), "{whole} ms for 31 calls");
    }

    /// A clock whose sleepers wait until the test moves it.
    #[derive(Debug)]
    struct ManualClock(tokio::sync::watch::Sender<Timestamp>);

    impl Clock for ManualClock {
        fn now(&self) -> Timestamp {
            *self.0.borrow()
        }
        fn sleep(&self, duration: Duration) -> Sleep<'_> {
            let until = self.now() + SignedDuration::try_from(duration).unwrap();
            let mut changes = self.0.subscribe();
            Box::pin(async move {
                changes.wait_for(|now| *now >= until).await.unwrap();
            })
        }
    }

    async fn settle() {
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_late_order_passes_the_queries_that_wait() {
        let clock = Arc::new(ManualClock(tokio::sync::watch::Sender::new(start())));
        let limiter = Arc::new(RateLimiter::new(clock.clone(), 1.0));
        let (log, mut seen) = tokio::sync::mpsc::unbounded_channel();
        let enter = |name: &'static str, priority| {
            let (limiter, log) = (limiter.clone(), log.clone());
            tokio::spawn(async move {
                limiter.acquire(priority).await;
                log.send(name).unwrap();
            })
        };
        enter("query 1", Priority::Query);
        settle().await;
        enter("query 2", Priority::Query);
        settle().await;
        enter("query 3", Priority::Query);
        settle().await;
        enter("order 1", Priority::Order);
        enter("order 2", Priority::Order);
        settle().await;
        assert_eq!(limiter.pace().waiting, 4);
        let mut order = vec![seen.recv().await.unwrap()];
        for second in 1..=4 {
            clock.0.send_replace(start() + SignedDuration::from_secs(second));
            settle().await;
            order.push(seen.try_recv().unwrap());
            assert!(seen.try_recv().is_err(), "one call per second");
        }
        assert_eq!(order, ["query 1", "order 1", "order 2", "query 2", "query 3"]);
    }

    #[tokio::test]
    async fn orders_have_a_share_of_their_own() {
        let (clock, limiter) = limiter(15.0);
        let mut times = Vec::new();
        for _ in 0..15 {
            limiter.acquire(Priority::Query).await;
            times.push(clock.now());
        }
        // The query before has just taken the slot; three orders leave all the same, the fourth waits.
        let before = clock.now();
        for _ in 0..3 {
            limiter.acquire(Priority::Order).await;
            times.push(clock.now());
        }
        assert_eq!(clock.now(), before);
        limiter.acquire(Priority::Order).await;
        times.push(clock.now());
        assert!(clock.now() > before);
        for _ in 0..40 {
            limiter.acquire(Priority::Query).await;
            times.push(clock.now());
        }
        for (i, at) in times.iter().enumerate() {
            let within = times[i..].iter().filter(|t| t.duration_since(*at) < SignedDuration::from_secs(1)).count();
            assert!(within <= 19, "{within} calls within one second: the broker allows 20");
        }
    }

    #[tokio::test]
    async fn a_slow_pace_has_no_share_to_give() {
        let (clock, limiter) = limiter(1.0);
        for call in 0..4 {
            limiter.acquire(if call % 2 == 0 { Priority::Query } else { Priority::Order }).await;
            assert_eq!(clock.now().duration_since(start()), SignedDuration::from_secs(call));
        }
    }

    #[tokio::test]
    async fn an_order_that_is_given_up_does_not_block_queries() {
        let clock = Arc::new(ManualClock(tokio::sync::watch::Sender::new(start())));
        let limiter = Arc::new(RateLimiter::new(clock.clone(), 1.0));
        limiter.acquire(Priority::Query).await;
        let waiting = tokio::spawn({
            let limiter = limiter.clone();
            async move { limiter.acquire(Priority::Order).await }
        });
        settle().await;
        waiting.abort();
        settle().await;
        let query = tokio::spawn({
            let limiter = limiter.clone();
            async move { limiter.acquire(Priority::Query).await }
        });
        settle().await;
        assert!(!query.is_finished());
        clock.0.send_replace(start() + SignedDuration::from_secs(1));
        query.await.unwrap();
    }

    #[tokio::test]
    async fn complaints_halve_the_pace_once_and_it_creeps_back() {
        let (clock, limiter) = limiter(16.0);
        limiter.refused();
        limiter.refused();
        assert_eq!(limiter.rate(), 8.0);
        for _ in 0..10 {
            clock.advance(Duration::from_secs(2));
            limiter.refused();
        }
        assert_eq!(limiter.rate(), 2.0);
        let before = clock.now();
        limiter.acquire(Priority::Query).await;
        limiter.acquire(Priority::Query).await;
        assert_eq!(clock.now().duration_since(before), SignedDuration::from_millis(500));
        for _ in 0..100 {
            limiter.answered();
        }
        assert_eq!(limiter.rate(), 16.0);
    }

    #[test]
    fn a_senseless_rate_becomes_the_slowest() {
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(limiter(rate).1.rate(), 1.0);
        }
    }
}
