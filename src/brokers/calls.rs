//! What becomes of the calls to each host that we speak to: how many were answered, since when a host
//! has been out of reach, and how far our clock is from theirs. Hosts are those of the configuration, so
//! there are a handful.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

use crate::domain::clock::Clock;

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallEnd {
    /// The host answered, whatever it said.
    Answered,
    /// It answered that it cannot serve at the moment (502, 503, 504).
    Unavailable,
    /// Nothing left this machine: no name, no connection.
    NotSent,
    /// No answer came, or not all of it.
    NoAnswer,
}

/// One host since the start.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HostCalls {
    pub answered: u64,
    pub unavailable: u64,
    pub not_sent: u64,
    pub no_answer: u64,
    /// Of the answered ones: refused for coming too fast.
    pub limited: u64,
    /// Calls under way.
    pub under_way: u64,
    pub last_success: Option<Timestamp>,
    pub last_failure: Option<Timestamp>,
    /// The first failure since the last answer, with the number of failures since.
    pub failing: Option<(Timestamp, u64)>,
    /// Milliseconds by which our clock is ahead of the host's, and when that was seen. The host tells
    /// whole seconds, so that half a second more or less says nothing.
    pub clock_ahead_ms: Option<(i64, Timestamp)>,
}

/// Counts calls by `host:port`. Clones share the counts.
#[derive(Clone, Debug)]
pub struct Calls {
    /// Never accelerated.
    wall: Arc<dyn Clock>,
    hosts: Arc<Mutex<BTreeMap<String, HostCalls>>>,
}

impl Calls {
    pub fn new(wall: Arc<dyn Clock>) -> Self {
        Self { wall, hosts: Arc::default() }
    }

    /// All hosts that were called, by `host:port`.
    pub fn hosts(&self) -> BTreeMap<String, HostCalls> {
        self.lock().clone()
    }

    /// A call begins; it ends with what is told to the value that is given back, else without an answer.
    pub(super) fn begin(&self, host: String) -> UnderWay {
        self.lock().entry(host.clone()).or_default().under_way += 1;
        UnderWay { calls: self.clone(), host, end: CallEnd::NoAnswer }
    }

    /// The host refused an answered call for coming too fast.
    pub(super) fn limited(&self, host: &str) {
        self.lock().entry(host.to_owned()).or_default().limited += 1;
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, HostCalls>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call that has not ended. Whoever gives it up has no answer.
#[derive(Debug)]
pub(super) struct UnderWay {
    calls: Calls,
    host: String,
    end: CallEnd,
}

impl UnderWay {
    /// The head of the answer came; `date` is its header.
    pub(super) fn answered(&mut self, status: u16, date: &str) {
        self.end = if matches!(status, 502..=504) { CallEnd::Unavailable } else { CallEnd::Answered };
        if let Ok(theirs) = DateTimeParser::new().parse_timestamp(date) {
            let now = self.calls.wall.now();
            // On the average half a second of theirs was cut off.
            let ahead = i64::try_from(now.duration_since(theirs).as_millis()).unwrap_or(i64::MAX).saturating_sub(500);
            self.calls.lock().entry(self.host.clone()).or_default().clock_ahead_ms = Some((ahead, now));
        }
    }

    pub(super) fn failed(&mut self, end: CallEnd) {
        self.end = end;
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let now = self.calls.wall.now();
        let mut hosts = self.calls.lock();
        let host = hosts.entry(std::mem::take(&mut self.host)).or_default();
        host.under_way = host.under_way.saturating_sub(1);
        match self.end {
            CallEnd::Answered => {
                host.answered += 1;
                host.last_success = Some(now);
                host.failing = None;
                return;
            }
            CallEnd::Unavailable => host.unavailable += 1,
            CallEnd::NotSent => host.not_sent += 1,
            CallEnd::NoAnswer => host.no_answer += 1,
        }
        host.last_failure = Some(now);
        let (since, times) = host.failing.unwrap_or((now, 0));
        host.failing = Some((since, times + 1));
    }
}

/// How far our clock is ahead by what several hosts say, milliseconds: the middle one, so that one host
/// with a wrong clock of its own does not accuse ours. Only what was seen after `since` counts.
pub fn clock_ahead_ms(hosts: &BTreeMap<String, HostCalls>, since: Timestamp) -> Option<i64> {
    let mut all: Vec<i64> = hosts.values().filter_map(|h| h.clock_ahead_ms).filter(|(_, at)| *at >= since).map(|(ms, _)| ms).collect();
    all.sort_unstable_by_key(|ms| ms.unsigned_abs());
    all.get(all.len().saturating_sub(1) / 2).copied()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::clock::SteppedClock;

    #[test]
    fn a_host_fails_from_its_first_failure_until_it_answers() {
        let wall = Arc::new(SteppedClock::new("2026-11-22T12:00:00Z".parse().unwrap()));
        let calls = Calls::new(wall.clone());
        let end = |end: CallEnd| calls.begin("kis:443".to_owned()).failed(end);
        end(CallEnd::NotSent);
        let first = wall.now();
        wall.advance(Duration::from_secs(30));
        // Somebody who gives up has no answer either.
        drop(calls.begin("kis:443".to_owned()));
        calls.begin("kis:443".to_owned()).answered(503, "");
        let host = calls.hosts()["kis:443"].clone();
        assert_eq!((host.not_sent, host.no_answer, host.unavailable, host.under_way), (1, 1, 1, 0));
        assert_eq!((host.failing, host.last_success), (Some((first, 3)), None));
        calls.begin("kis:443".to_owned()).answered(500, "");
        calls.limited("kis:443");
        let host = calls.hosts()["kis:443"].clone();
        assert_eq!((host.failing, host.answered, host.limited, host.last_success), (None, 1, 1, Some(wall.now())));
        let waiting = calls.begin("kis:443".to_owned());
        assert_eq!(calls.hosts()["kis:443"].under_way, 1);
        drop(waiting);
    }

    #[test]
    fn the_clock_is_judged_by_the_middle_of_what_hosts_say() {
        let wall = Arc::new(SteppedClock::new("2026-11-22T12:00:10Z".parse().unwrap()));
        let calls = Calls::new(wall.clone());
        assert_eq!(clock_ahead_ms(&calls.hosts(), Timestamp::MIN), None);
        let say = |host: &str, date: &str| calls.begin(host.to_owned()).answered(200, date);
        say("a", "Sun, 22 Nov 2026 12:00:10 GMT");
        assert_eq!(clock_ahead_ms(&calls.hosts(), Timestamp::MIN), Some(-500));
        say("b", "Sun, 22 Nov 2026 11:00:00 GMT");
        say("c", "Sun, 22 Nov 2026 12:00:08 GMT");
        say("d", "no date");
        assert_eq!(clock_ahead_ms(&calls.hosts(), Timestamp::MIN), Some(1_500), "one host is an hour behind");
        wall.advance(Duration::from_secs(1));
        assert_eq!(clock_ahead_ms(&calls.hosts(), wall.now()), None, "too long ago");
        assert!(calls.hosts()["d"].clock_ahead_ms.is_none());
    }
}
