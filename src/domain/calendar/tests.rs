use std::collections::BTreeMap;

use jiff::civil::{Date, Weekday, date, datetime};
use jiff::{Timestamp, ToSpan};
use proptest::prelude::*;

use super::*;
use crate::domain::clock::{from_kst, kst_datetime};

fn nyse() -> Calendar {
    Calendar::nyse().unwrap()
}

fn nth(year: i16, month: i8, weekday: Weekday, n: i8) -> Date {
    date(year, month, 1).nth_weekday_of_month(n, weekday).unwrap()
}

/// Gregorian Easter (Meeus/Jones/Butcher).
fn easter(year: i16) -> Date {
    let y = i32::from(year);
    let (a, b, c) = (y % 19, y / 100, y % 100);
    let (d, e) = (b / 4, b % 4);
    let g = (8 * b + 13) / 25;
    let h = (19 * a + b - d - g + 15) % 30;
    let (i, k) = (c / 4, c % 4);
    let l = (32 + 2 * e + 2 * i - h - k) % 7;
    let m = (a + 11 * h + 22 * l) / 451;
    let n = h + l - 7 * m + 114;
    date(year, (n / 31) as i8, (n % 31 + 1) as i8)
}

/// A fixed holiday as observed: Saturday → Friday before, Sunday → Monday after. New Year on a
/// Saturday is not observed, because the Friday is the last day of the old year.
fn observed(day: Date) -> Date {
    match day.weekday() {
        Weekday::Saturday => day.checked_sub(1.day()).unwrap(),
        Weekday::Sunday => day.checked_add(1.day()).unwrap(),
        _ => day,
    }
}

/// The closed weekdays of a year by rule alone.
fn holidays_by_rule(year: i16) -> Vec<Date> {
    let mut days = vec![
        nth(year, 1, Weekday::Monday, 3),
        nth(year, 2, Weekday::Monday, 3),
        easter(year).checked_sub(2.days()).unwrap(),
        nth(year, 5, Weekday::Monday, -1),
        observed(date(year, 7, 4)),
        nth(year, 9, Weekday::Monday, 1),
        nth(year, 11, Weekday::Thursday, 4),
        observed(date(year, 12, 25)),
    ];
    if date(year, 1, 1).weekday() != Weekday::Saturday {
        days.push(observed(date(year, 1, 1)));
    }
    if year >= 2022 {
        days.push(observed(date(year, 6, 19)));
    }
    if year == 2025 {
        days.push(date(2025, 1, 9));
    }
    days.sort();
    days
}

#[test]
fn the_listed_closures_are_those_of_the_exchanges_rules() {
    let calendar = nyse();
    for year in 2020..=2028 {
        let listed: Vec<Date> = calendar.closed.iter().copied().filter(|d| d.year() == year).collect();
        assert_eq!(listed, holidays_by_rule(year), "{year}");
    }
}

#[test]
fn the_listed_early_closes_are_those_of_the_exchanges_rules() {
    let calendar = nyse();
    for year in 2020..=2028 {
        let black_friday = nth(year, 11, Weekday::Thursday, 4).checked_add(1.day()).unwrap();
        let mut days: Vec<Date> = [date(year, 7, 3), black_friday, date(year, 12, 24)]
            .into_iter()
            .filter(|d| !is_weekend(*d) && !holidays_by_rule(year).contains(d))
            .collect();
        days.sort();
        let sessions = calendar.sessions(date(year, 1, 1), date(year, 12, 31)).unwrap();
        let early: Vec<Date> = sessions.iter().filter(|s| s.early).map(|s| s.date).collect();
        assert_eq!(early, days, "{year}");
        for session in sessions.iter().filter(|s| s.early) {
            assert_eq!(session.close.duration_since(session.open).as_mins(), 210, "{}", session.date);
        }
    }
}

#[test]
fn the_number_of_sessions_of_a_year_is_the_published_one() {
    let count = |c: &Calendar, y: i16| c.sessions(date(y, 1, 1), date(y, 12, 31)).unwrap().len();
    let us: BTreeMap<i16, usize> = (2020..=2027).map(|y| (y, count(&nyse(), y))).collect();
    assert_eq!(
        us,
        BTreeMap::from([(2020, 253), (2021, 252), (2022, 251), (2023, 250), (2024, 252), (2025, 250), (2026, 251), (2027, 251)])
    );
    let krx = Calendar::krx().unwrap();
    assert_eq!((count(&krx, 2025), count(&krx, 2026)), (242, 244));
}

#[test]
fn a_session_follows_new_yorks_daylight_saving() {
    let hours = |d| {
        let s = nyse().session_on(d).unwrap().unwrap();
        (kst_datetime(s.open), kst_datetime(s.close))
    };
    // The clocks changed on 2026-03-08 and 2026-11-01.
    assert_eq!(hours(date(2026, 3, 6)), (datetime(2026, 3, 6, 23, 30, 0, 0), datetime(2026, 3, 7, 6, 0, 0, 0)));
    assert_eq!(hours(date(2026, 3, 9)), (datetime(2026, 3, 9, 22, 30, 0, 0), datetime(2026, 3, 10, 5, 0, 0, 0)));
    assert_eq!(hours(date(2026, 10, 30)), (datetime(2026, 10, 30, 22, 30, 0, 0), datetime(2026, 10, 31, 5, 0, 0, 0)));
    assert_eq!(hours(date(2026, 11, 2)), (datetime(2026, 11, 2, 23, 30, 0, 0), datetime(2026, 11, 3, 6, 0, 0, 0)));
    // Early close at 13:00 New York.
    assert_eq!(hours(date(2026, 11, 27)).1, datetime(2026, 11, 28, 3, 0, 0, 0));
}

#[test]
fn one_night_in_korea_is_one_trading_date() {
    let calendar = nyse();
    let on = |y, m, d, h, min| calendar.trading_date_for(from_kst(datetime(y, m, d, h, min, 0, 0))).unwrap();
    let tuesday = date(2026, 5, 12);
    assert_eq!(on(2026, 5, 12, 23, 45), tuesday);
    assert_eq!(on(2026, 5, 13, 0, 5), tuesday);
    assert_eq!(on(2026, 5, 13, 5, 0), tuesday, "the message job at the close");
    assert_eq!(on(2026, 5, 13, 8, 59), tuesday);
    assert_eq!(on(2026, 5, 12, 12, 0), tuesday);
    assert_eq!(on(2026, 5, 12, 11, 59), date(2026, 5, 11));
    // Friday's session ends on Saturday; the weekend belongs to Monday.
    assert_eq!(on(2026, 5, 16, 4, 50), date(2026, 5, 15));
    assert_eq!(on(2026, 5, 16, 12, 0), date(2026, 5, 18));
    // Memorial Day 2026-05-25 has no session.
    assert_eq!(on(2026, 5, 26, 0, 5), date(2026, 5, 26));
}

#[test]
fn beyond_the_known_years_is_an_error() {
    let calendar = nyse();
    let error = calendar.session_on(date(2029, 1, 2)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "2029-01-02 lies outside the US calendar, which covers 2020-01-01 to 2028-12-31: add the missing year with a calendar override"
    );
    assert!(matches!(calendar.next_session(date(2028, 12, 29)), Err(CalendarError::Uncovered { .. })));
    assert!(matches!(calendar.previous_session(date(2020, 1, 2)), Err(CalendarError::Uncovered { .. })));
    assert!(calendar.is_kst_trading_day(date(2020, 1, 1)).is_err());
    assert!(!calendar.is_kst_trading_day(date(2029, 1, 1)).unwrap(), "2028-12-31 is a Sunday");
}

#[test]
fn neighbouring_sessions_skip_weekends_and_holidays() {
    let calendar = nyse();
    assert_eq!(calendar.next_session(date(2026, 7, 2)).unwrap().date, date(2026, 7, 6));
    assert_eq!(calendar.previous_session(date(2026, 7, 6)).unwrap().date, date(2026, 7, 2));
}

#[test]
fn an_override_closes_shortens_and_restores_days() {
    let text = "closed = [2026-08-03]\nearly_closes = [2026-08-04]\nregular = [2026-11-27]\n\
                special = [{ date = 2026-08-05, open = \"11:00\", close = \"16:00\" }]\n";
    let calendar = nyse().with_override(text).unwrap();
    let session = |d| calendar.session_on(d).unwrap();
    assert_eq!(session(date(2026, 8, 3)), None);
    assert!(session(date(2026, 8, 4)).unwrap().early);
    assert!(!session(date(2026, 11, 27)).unwrap().early);
    let late = session(date(2026, 8, 5)).unwrap();
    assert_eq!((kst_datetime(late.open).hour(), late.early), (0, false));
    assert!(nyse().session_on(date(2026, 8, 3)).unwrap().is_some(), "the base stays as it was");
}

#[test]
fn an_override_brings_a_further_year() {
    let calendar = nyse().with_override("last_year = 2029\nclosed = [2029-01-01]").unwrap();
    assert_eq!(calendar.session_on(date(2029, 1, 1)).unwrap(), None);
    assert!(calendar.session_on(date(2029, 1, 2)).unwrap().is_some());
}

#[test]
fn a_bad_override_is_refused_with_line_and_field() {
    let cases = [
        (
            "closed = [\n  2026-08-03,\n  2026-08-08,\n]",
            "calendar line 3, field 'closed': 2026-08-08 is a Saturday, which never trades: list weekdays only",
        ),
        ("closed = [2026-08-03, 2026-08-03]", "calendar line 1, field 'closed': 2026-08-03 is already listed in line 1"),
        (
            "closed = [2026-08-03]\nearly_closes = [2026-08-03]",
            "calendar line 2, field 'early_closes': 2026-08-03 is already listed in 'closed'",
        ),
        ("\nclosed = [\"2026-08-03\"]", "calendar line 2, field 'closed': must be a date without quotes such as 2027-12-24"),
        ("closed = [2026-08-03T00:00:00]", "calendar line 1, field 'closed': must be a date without quotes such as 2027-12-24"),
        ("closed = 2026-08-03", "calendar line 1, field 'closed': must be a list in square brackets"),
        ("closed = [2031-01-01]", "calendar line 1, field 'closed': 2031-01-01 lies outside the covered dates 2020-01-01 to 2028-12-31"),
        ("last_year = 2029", "calendar line 1, field 'last_year': 2029 is covered, but no closed day of 2029 is listed"),
        ("last_year = 2027", "calendar line 1, field 'last_year': must not be before 2028, which is known already"),
        ("last_year = \"x\"", "calendar line 1, field 'last_year': must be a year such as 2028"),
        (
            "\n\nzone = \"Asia/Seoul\"",
            "calendar line 3, field 'zone': is not known here: use one of last_year, closed, early_closes, regular, special",
        ),
        (
            "special = [{ date = 2026-08-05, open = \"9\", close = \"16:00\" }]",
            "calendar line 1, field 'special.open': must be a time such as \"09:30\"",
        ),
        (
            "special = [{ date = 2026-08-05, open = \"17:00\", close = \"16:00\" }]",
            "calendar line 1, field 'special.close': must be later than 'open'",
        ),
        ("special = [{ date = 2026-08-05, open = \"09:00\" }]", "calendar line 1, field 'special.close': is missing"),
    ];
    for (text, expected) in cases {
        assert_eq!(nyse().with_override(text).unwrap_err().to_string(), expected, "{text}");
    }
    let syntax = nyse().with_override("early_closes = []\nclosed = [2026-13-01]").unwrap_err();
    assert!(matches!(&syntax, CalendarError::File { line: 2, field, .. } if field == "closed"), "{syntax}");
}

fn instants() -> impl Strategy<Value = Timestamp> {
    let first = from_kst(datetime(2020, 1, 3, 0, 0, 0, 0)).as_second();
    let last = from_kst(datetime(2028, 12, 29, 0, 0, 0, 0)).as_second();
    (first..last).prop_map(|s| Timestamp::from_second(s).unwrap())
}

proptest! {
    #[test]
    fn the_trading_date_is_a_session_and_the_open_session_is_it(at in instants()) {
        let calendar = nyse();
        let trading_date = calendar.trading_date_for(at).unwrap();
        let session = calendar.session_on(trading_date).unwrap().unwrap();
        if let Some(open) = calendar.session_at(at).unwrap() {
            prop_assert_eq!(open, session);
        }
        // From the close on, a session stays "today" for at least six hours; nothing is older.
        prop_assert!(at.duration_since(session.close).as_hours() < 10);
    }

    #[test]
    fn next_and_previous_are_inverse(at in instants()) {
        let calendar = nyse();
        let session = calendar.session_from(calendar.trading_date_for(at).unwrap()).unwrap();
        let next = calendar.next_session(session.date).unwrap();
        prop_assert!(next.open > session.close);
        prop_assert_eq!(calendar.previous_session(next.date).unwrap(), session);
    }

    #[test]
    fn after_midnight_in_korea_the_old_rule_and_the_trading_date_agree(day in instants(), second in 0..9 * 3600_i64) {
        let midnight = from_kst(kst_datetime(day).date().at(0, 0, 0, 0));
        let at = midnight.checked_add(second.seconds()).unwrap();
        let kst = kst_datetime(at);
        let calendar = nyse();
        let day_before = kst.date().checked_sub(1.day()).unwrap();
        let is_same = calendar.trading_date_for(at).unwrap() == day_before;
        prop_assert_eq!(is_same, calendar.is_kst_trading_day(kst.date()).unwrap());
    }

    #[test]
    fn no_override_text_can_break_the_reader(text in "(closed|special|last_year|x|[a-z ]{0,5})? ?=? ?[\\[\\]{}\"0-9T:, -]{0,40}") {
        if let Err(error) = nyse().with_override(&text) {
            prop_assert!(matches!(error, CalendarError::File { line: 1, .. }), "{}", error);
        }
    }
}
