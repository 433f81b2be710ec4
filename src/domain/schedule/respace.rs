//! Slices after an outage: what is left is spread over what remains of the session, whether the server
//! stood still or the broker took no orders.

use jiff::{SignedDuration, Timestamp};

use super::plan::{LAST_CALL, cut_to_minute};

/// Two slices stand at least this far apart: a slice's broker order lives up to five minutes.
const SPACING: SignedDuration = SignedDuration::from_mins(5);
/// However late, one slice carries at most this many planned ones; the rest stays undone.
pub const MAX_SHARE: f64 = 2.0;

/// The remaining slices of a session.
#[derive(Clone, Debug, PartialEq)]
pub struct Respaced {
    /// Times from `now` on, all before the close.
    pub times: Vec<Timestamp>,
    /// How many planned slices each of them may carry: 1 to [`MAX_SHARE`]. A planned slice is the
    /// sheet's total divided by its number of slices.
    pub share: f64,
    /// Planned slices that find no place any more and are reported, not caught up.
    pub lost: f64,
}

/// New times for the slices of `planned` that are not done. Without an outage the plan comes back
/// unchanged. After one, the slices are spread evenly from now to ten minutes before the close (or
/// to the last planned time when that is later), at least five minutes apart (or as close as
/// planned); when fewer fit, each carries more, up to twice its planned share.
///
/// A closing buy that was missed is not part of this: it is reported, never caught up.
pub fn respaced(planned: &[Timestamp], done: usize, now: Timestamp, close: Timestamp) -> Respaced {
    let left = planned.len().saturating_sub(done);
    let ahead: Vec<Timestamp> = planned.iter().copied().filter(|t| *t >= now && *t < close).collect();
    if left == 0 {
        return Respaced { times: Vec::new(), share: 1.0, lost: 0.0 };
    }
    if ahead.len() >= left {
        let skip = ahead.len() - left;
        return Respaced { times: ahead.into_iter().skip(skip).collect(), share: 1.0, lost: 0.0 };
    }
    let first = next_minute(now);
    if first >= close {
        return Respaced { times: Vec::new(), share: 1.0, lost: left as f64 };
    }
    let last_call = close.saturating_sub(LAST_CALL).unwrap_or(first);
    let end = ahead.last().copied().unwrap_or(first).max(last_call).max(first);
    let room = end.duration_since(first).as_secs();
    let fitting = usize::try_from(room / spacing(planned).as_secs().max(1)).unwrap_or(0).saturating_add(1);
    let slots = fitting.min(left);
    let gaps = i64::try_from(slots.saturating_sub(1)).unwrap_or(0);
    let at = |i: i64| {
        let offset = if gaps == 0 { 0 } else { room * i / gaps };
        cut_to_minute(first.saturating_add(SignedDuration::from_secs(offset)).unwrap_or(first))
    };
    let share = (left as f64 / slots as f64).min(MAX_SHARE);
    Respaced { times: (0..=gaps).map(at).collect(), share, lost: (left as f64 - share * slots as f64).max(0.0) }
}

/// The plan with `wanted` slices after `now`, to make up for some whose orders never reached the broker.
/// The first `begun` times stay; the others give way to `wanted` times spread evenly between now and
/// ten minutes before the close (or the last planned time when that is later), at least five minutes
/// apart (or as close as planned). `None` when that would not be more slices than the plan has.
pub fn with_room(planned: &[Timestamp], begun: usize, wanted: usize, now: Timestamp, close: Timestamp) -> Option<Vec<Timestamp>> {
    let first = next_minute(now);
    let last_call = close.saturating_sub(LAST_CALL).unwrap_or(first);
    let end = planned.iter().copied().filter(|t| *t < close).max().unwrap_or(last_call).max(last_call);
    let room = end.duration_since(first).as_mins();
    // One gap more than slices: nothing stands at the end, where the closing buy is.
    let fitting = usize::try_from(room / spacing(planned).as_mins().max(1) - 1).unwrap_or(0);
    let slots = wanted.min(fitting);
    if slots <= planned.len().saturating_sub(begun) {
        return None;
    }
    let count = i64::try_from(slots).ok()?;
    let at = |i: i64| first.saturating_add(SignedDuration::from_mins(room / (count + 1) * i)).unwrap_or(first);
    Some(planned.iter().copied().take(begun).chain((1..=count).map(at)).collect())
}

/// Five minutes, or less where the plan itself is denser; never under a minute.
fn spacing(planned: &[Timestamp]) -> SignedDuration {
    let gaps = planned.windows(2).filter_map(|w| w.first().zip(w.last())).map(|(a, b)| b.duration_since(*a));
    gaps.min().unwrap_or(SPACING).min(SPACING).max(SignedDuration::from_mins(1))
}

/// `at`, or the next whole minute.
fn next_minute(at: Timestamp) -> Timestamp {
    let cut = cut_to_minute(at);
    if cut == at { at } else { cut.saturating_add(SignedDuration::from_mins(1)).unwrap_or(at) }
}
