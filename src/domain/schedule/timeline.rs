//! Evenly spaced slice times, exactly as the old program spaced them.

use jiff::civil::Time;

const DAY_MINUTES: i64 = 24 * 60;
const MINUTE_US: i64 = 60_000_000;

/// Offsets of `count` slices over `span_us` microseconds: the first at 0, the last at the end. The
/// step is rounded to a microsecond, ties to even, so the last may lie a few microseconds early.
pub fn offsets_us(span_us: i64, count: u32) -> Vec<i64> {
    let Some(gaps) = i64::from(count).checked_sub(1).filter(|g| *g > 0) else {
        return vec![0];
    };
    let step = div_half_even(span_us, gaps);
    (0..=gaps).map(|i| i * step).collect()
}

/// The wall-clock times of `count` slices from `start` to `end`, cut to the minute. An end that is
/// not after the start means the next day; fewer than two slices leave only the start.
pub fn timeline(start: Time, end: Time, count: u32) -> Vec<Time> {
    let (from, to) = (minute_of_day(start), minute_of_day(end));
    let span = if to <= from { to + DAY_MINUTES - from } else { to - from };
    let minutes = offsets_us(span * MINUTE_US, count).into_iter().map(|o| (from + o.div_euclid(MINUTE_US)).rem_euclid(DAY_MINUTES));
    minutes.filter_map(time_of_minute).collect()
}

fn minute_of_day(time: Time) -> i64 {
    i64::from(time.hour()) * 60 + i64::from(time.minute())
}

fn time_of_minute(minute: i64) -> Option<Time> {
    let (hour, minute) = (i8::try_from(minute / 60).ok()?, i8::try_from(minute % 60).ok()?);
    Time::new(hour, minute, 0, 0).ok()
}

/// Division rounded to the nearest integer, ties to even; `d` is positive.
fn div_half_even(n: i64, d: i64) -> i64 {
    let (q, r) = (n.div_euclid(d), n.rem_euclid(d));
    match (2 * r).cmp(&d) {
        std::cmp::Ordering::Less => q,
        std::cmp::Ordering::Greater => q + 1,
        std::cmp::Ordering::Equal => q + q.rem_euclid(2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(times: Vec<Time>) -> Vec<String> {
        times.into_iter().map(|t| t.strftime("%H:%M").to_string()).collect()
    }

    #[test]
    fn both_ends_are_slices_and_minutes_are_cut_not_rounded() {
        let t = |h, m| Time::constant(h, m, 0, 0);
        assert_eq!(texts(timeline(t(0, 10), t(4, 30), 5)), ["00:10", "01:15", "02:20", "03:25", "04:30"]);
        assert_eq!(texts(timeline(t(23, 45), t(4, 30), 5)), ["23:45", "00:56", "02:07", "03:18", "04:30"]);
        assert_eq!(texts(timeline(t(14, 55), t(17, 54), 8)).last().map(String::as_str), Some("17:53"));
        assert_eq!(texts(timeline(t(3, 0), t(3, 0), 1)), ["03:00"]);
        assert_eq!(texts(timeline(t(3, 0), t(3, 0), 3)), ["03:00", "15:00", "03:00"]);
    }

    #[test]
    fn a_tie_goes_to_the_even_microsecond() {
        assert_eq!((div_half_even(5, 2), div_half_even(7, 2), div_half_even(6, 4), div_half_even(10, 4)), (2, 4, 2, 2));
    }
}
