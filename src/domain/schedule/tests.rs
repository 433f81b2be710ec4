use jiff::civil::{Date, date, datetime};
use proptest::prelude::*;
use serde_json::json;

use super::imported::KeyStore;
use super::plan::LAST_CALL;
use super::respace::{MAX_SHARE, respaced, with_room};
use super::*;
use crate::domain::calendar::Calendar;
use crate::domain::clock::from_kst;

fn nyse() -> Calendar {
    Calendar::nyse().unwrap()
}

fn kst(h: i8, m: i8) -> TimeRule {
    TimeRule::Kst { time: Time::constant(h, m, 0, 0) }
}

fn plan_on(schedule: &Schedule, day: Date) -> SessionPlan {
    schedule.plan(&nyse().session_on(day).unwrap().unwrap())
}

fn clock(at: Timestamp) -> String {
    kst_datetime(at).strftime("%d %H:%M").to_string()
}

fn clocks(times: &[Timestamp]) -> Vec<String> {
    times.iter().copied().map(clock).collect()
}

#[test]
fn the_default_follows_the_close_through_the_year() {
    let summer = plan_on(&Schedule::default(), date(2026, 7, 15));
    assert_eq!(clock(summer.decision), "16 00:05");
    assert_eq!(clocks(&summer.slices), ["16 00:10", "16 01:15", "16 02:20", "16 03:25", "16 04:30"]);
    assert_eq!(
        (clock(summer.closing_buy), clock(summer.message), clock(summer.readiness)),
        ("16 04:50".into(), "16 05:00".into(), "15 21:30".into())
    );
    let winter = plan_on(&Schedule::default(), date(2026, 1, 14));
    assert_eq!(clocks(&winter.slices), ["15 00:10", "15 01:30", "15 02:50", "15 04:10", "15 05:30"]);
    assert_eq!((clock(winter.closing_buy), clock(winter.message)), ("15 05:50".into(), "15 06:00".into()));
    assert!(summer.moved.is_empty() && winter.moved.is_empty());
}

#[test]
fn every_daylight_saving_change_moves_the_close_but_not_the_korean_times() {
    // (last session before the change, first session after it, close before, close after)
    let changes = [
        (date(2025, 3, 7), date(2025, 3, 10), 6, 5),
        (date(2025, 10, 31), date(2025, 11, 3), 5, 6),
        (date(2026, 3, 6), date(2026, 3, 9), 6, 5),
        (date(2026, 10, 30), date(2026, 11, 2), 5, 6),
        (date(2027, 3, 12), date(2027, 3, 15), 6, 5),
        (date(2027, 11, 5), date(2027, 11, 8), 5, 6),
    ];
    for (before, after, close_before, close_after) in changes {
        for (day, close) in [(before, close_before), (after, close_after)] {
            let plan = plan_on(&Schedule::default(), day);
            let hour_minute = |t: Timestamp| (kst_datetime(t).hour(), kst_datetime(t).minute());
            assert_eq!(hour_minute(plan.decision), (0, 5), "{day}");
            assert_eq!(hour_minute(plan.message), (close, 0), "{day}");
            assert_eq!(hour_minute(plan.closing_buy), (close - 1, 50), "{day}");
            assert_eq!(hour_minute(*plan.slices.last().unwrap()), (close - 1, 30), "{day}");
            assert_eq!(plan.moved, [], "{day}");
        }
    }
}

#[test]
fn an_evening_time_belongs_to_the_evening_of_the_session() {
    let schedule =
        Schedule { decision: kst(23, 40), twap_start: kst(23, 45), twap_end: kst(4, 30), twap_count: 5, closing_buy: kst(4, 50) };
    let plan = plan_on(&schedule, date(2026, 7, 15));
    assert_eq!(clock(plan.decision), "15 23:40");
    assert_eq!(clocks(&plan.slices), ["15 23:45", "16 00:56", "16 02:07", "16 03:18", "16 04:30"]);
}

#[test]
fn slots_past_an_early_close_move_before_it_and_merge() {
    // 2026-11-27 closes at 13:00 New York, 03:00 in Korea.
    let schedule = Schedule { decision: kst(0, 5), twap_start: kst(0, 10), twap_end: kst(5, 30), twap_count: 5, closing_buy: kst(5, 50) };
    let plan = plan_on(&schedule, date(2026, 11, 27));
    assert!(plan.early_close);
    assert_eq!(clocks(&plan.slices), ["28 00:10", "28 01:30", "28 02:50"]);
    assert_eq!((clock(plan.closing_buy), clock(plan.message)), ("28 02:50".into(), "28 03:00".into()));
    let moved: Vec<_> = plan.moved.iter().map(|m| (m.job, m.n, clock(m.wanted), m.reason)).collect();
    assert_eq!(
        moved,
        [
            (Job::ClosingBuy, 0, "28 05:50".to_owned(), MoveReason::AfterClose),
            (Job::Slice, 4, "28 04:10".to_owned(), MoveReason::AfterClose),
            (Job::Slice, 5, "28 05:30".to_owned(), MoveReason::AfterClose),
        ]
    );
    // Relative rules need no moving.
    let relative = plan_on(&Schedule::default(), date(2026, 11, 27));
    assert_eq!((clocks(&relative.slices).last().cloned(), relative.moved.len()), (Some("28 02:30".to_owned()), 0));
}

#[test]
fn times_of_the_other_season_are_moved_and_reported() {
    let schedule = Schedule { closing_buy: kst(5, 50), decision: kst(22, 40), ..Schedule::default() };
    let seasons = schedule.seasonal_times();
    assert_eq!(seasons.winter.closing_buy, Time::constant(5, 50, 0, 0));
    assert_eq!(seasons.summer.closing_buy, Time::constant(4, 50, 0, 0));
    assert_eq!((seasons.summer.decision, seasons.winter.decision), (Time::constant(22, 40, 0, 0), Time::constant(23, 30, 0, 0)));
    assert_eq!(seasons.summer.moved.iter().map(|m| m.reason).collect::<Vec<_>>(), [MoveReason::AfterClose]);
    assert_eq!(seasons.winter.moved.iter().map(|m| m.reason).collect::<Vec<_>>(), [MoveReason::BeforeOpen]);
    assert_eq!((seasons.summer.message, seasons.winter.message), (Time::constant(5, 0, 0, 0), Time::constant(6, 0, 0, 0)));
}

#[test]
fn slices_before_the_decision_wait_for_it() {
    let schedule = Schedule { decision: kst(2, 0), ..Schedule::default() };
    let plan = plan_on(&schedule, date(2026, 7, 15));
    assert_eq!(clocks(&plan.slices), ["16 02:00", "16 02:20", "16 03:25", "16 04:30"]);
    assert_eq!(
        plan.moved.iter().map(|m| (m.n, m.reason)).collect::<Vec<_>>(),
        [(1, MoveReason::BeforeDecision), (2, MoveReason::BeforeDecision)]
    );
}

#[test]
fn an_end_before_the_start_leaves_one_slice_and_says_so() {
    let schedule = Schedule { twap_end: kst(0, 10), ..Schedule::default() };
    let plan = plan_on(&schedule, date(2026, 7, 15));
    assert_eq!(clocks(&plan.slices), ["16 00:10"]);
    assert_eq!(plan.moved.iter().map(|m| m.reason).collect::<Vec<_>>(), [MoveReason::EndBeforeStart]);
}

#[test]
fn problems_name_the_field_and_the_season() {
    let ok = Schedule::default();
    assert_eq!(ok.validate(), Ok(()));
    let problems = |s: Schedule| -> Vec<String> { s.validate().unwrap_err().iter().map(ToString::to_string).collect() };
    assert_eq!(problems(Schedule { twap_count: 0, ..ok }), ["twap_count: 0 slices are not possible: choose 1 to 78"]);
    assert_eq!(
        problems(Schedule { twap_end: TimeRule::BeforeClose { minutes: 0 }, ..ok }),
        ["twap_end: 0 minutes before the close is outside the session: choose 1 to 390"]
    );
    assert_eq!(
        problems(Schedule { decision: TimeRule::AfterOpen { minutes: 390 }, ..ok }),
        ["decision: 390 minutes after the open is past the close: choose 0 to 389"]
    );
    assert_eq!(
        problems(Schedule { decision: kst(9, 0), ..ok }),
        [
            "decision: 09:00 in Korea lies outside the US session, which lasts from 22:30 to 05:00 in summer and from 23:30 to 06:00 in winter"
        ]
    );
    assert_eq!(
        problems(Schedule { decision: TimeRule::Kst { time: Time::constant(0, 5, 30, 0) }, ..ok }),
        ["decision: 00:05:30 has seconds: choose a whole minute"]
    );
    assert_eq!(
        problems(Schedule { decision: kst(0, 15), ..ok }),
        ["twap_start: in New York's summer time the first slice (00:10 in Korea) must come after the decision (00:15)"]
    );
    assert_eq!(
        problems(Schedule { twap_end: kst(0, 10), ..ok }),
        ["twap_end: in New York's summer time the last slice (00:10 in Korea) must come after the first slice (00:10)"]
    );
    assert_eq!(
        problems(Schedule { closing_buy: kst(4, 50), ..ok }),
        ["closing_buy: in New York's winter time the closing buy (04:50 in Korea) must come after the last slice (05:30)"]
    );
    assert_eq!(Schedule { twap_count: 1, twap_end: kst(0, 10), ..ok }.validate(), Ok(()), "one slice has no end");
}

#[test]
fn old_settings_become_rules() {
    let propose = |keys: serde_json::Value| KeyStore::read(Some(&keys.to_string())).propose();
    let frozen = propose(json!({"TRADE_TIME": "00:05", "TWAP_TIME": ["00:10", "04:30"], "TWAP_COUNT": 5, "CLOSING_BUY_TIME": "05:50"}));
    assert_eq!(frozen.schedule, Schedule::default(), "a summer end and a winter closing time both follow the close");
    assert_eq!(frozen.notes, []);
    assert_eq!(propose(json!({})).schedule, Schedule::default());
    let own = propose(json!({"TRADE_TIME": "23:40", "TWAP_TIME": ["23:45", "04:00"], "TWAP_COUNT": 3, "CLOSING_BUY_TIME": "04:45"}));
    assert_eq!(
        own.schedule,
        Schedule { decision: kst(23, 40), twap_start: kst(23, 45), twap_end: kst(4, 0), twap_count: 3, closing_buy: kst(4, 45) }
    );
    let odd = propose(json!({"TRADE_TIME": "soon", "TWAP_TIME": ["00:10"], "TWAP_COUNT": 5, "CLOSING_BUY_TIME": "04:40"}));
    assert_eq!((odd.schedule.decision, odd.schedule.twap_start, odd.schedule.twap_end), (kst(0, 5), kst(4, 35), kst(4, 50)));
    assert_eq!(odd.notes.len(), 3, "{:?}", odd.notes);
    assert!(odd.notes[0].text.starts_with("TRADE_TIME \"soon\" is no time HH:MM"), "{:?}", odd.notes);
    assert!(odd.notes[2].text.contains("the closing buy (04:40 in Korea) must come after the last slice"), "{:?}", odd.notes);
    let codes: Vec<_> = odd.notes.iter().map(|n| n.code).collect();
    assert_eq!(codes, ["no_time", "slices_fell_back", "late_in_summer"]);
    assert_eq!((odd.notes[2].values["before"].as_str(), odd.notes[2].values["limit"].as_str()), ("twap_end", "04:50"));
    let broken = KeyStore::read(Some("{\"TRADE_TIME\": \"00:")).propose();
    assert_eq!(broken.schedule, Schedule::default());
    assert!(broken.notes[0].text.starts_with("key_store.json is damaged"), "{:?}", broken.notes);
}

#[test]
fn the_preview_lists_coming_sessions_and_stops_where_the_calendar_ends() {
    let calendar = nyse();
    let from = from_kst(datetime(2026, 11, 27, 5, 0, 0, 0));
    let days = |from, n| -> Vec<Date> { next_plans(&Schedule::default(), &calendar, from, n).unwrap().iter().map(|p| p.session).collect() };
    // 2026-11-26 is Thanksgiving.
    assert_eq!(days(from, 3), [date(2026, 11, 27), date(2026, 11, 30), date(2026, 12, 1)]);
    let in_session = from_kst(datetime(2026, 11, 28, 2, 59, 0, 0));
    assert_eq!(days(in_session, 1), [date(2026, 11, 27)]);
    let closed = from_kst(datetime(2026, 11, 28, 3, 0, 0, 0));
    assert_eq!(days(closed, 1), [date(2026, 11, 30)]);
    let end = from_kst(datetime(2028, 12, 28, 15, 0, 0, 0));
    assert_eq!(days(end, 5), [date(2028, 12, 28), date(2028, 12, 29)]);
    assert!(next_plans(&Schedule::default(), &calendar, from_kst(datetime(2028, 12, 30, 15, 0, 0, 0)), 1).is_err());
}

#[test]
fn after_an_outage_the_rest_is_spread_over_what_is_left() {
    let plan = plan_on(&Schedule::default(), date(2026, 7, 15));
    let at = |h, m| from_kst(datetime(2026, 7, 16, h, m, 0, 0));
    let again = |done, now| respaced(&plan.slices, done, now, plan.close);
    // Nothing was missed.
    assert_eq!(again(0, at(0, 10)).times, plan.slices);
    assert_eq!(again(2, at(2, 0)), respace::Respaced { times: plan.slices[2..].to_vec(), share: 1.0, lost: 0.0 });
    // One slice done, back at 03:00 with two planned times left for four slices.
    let late = again(1, from_kst(datetime(2026, 7, 16, 2, 59, 20, 0)));
    assert_eq!(clocks(&late.times), ["16 03:00", "16 03:36", "16 04:13", "16 04:50"]);
    assert_eq!((late.share, late.lost), (1.0, 0.0));
    // Eight minutes left: room for one slice, which carries twice its share.
    let last = again(1, at(4, 52));
    assert_eq!((clocks(&last.times), last.share, last.lost), (vec!["16 04:52".to_owned()], 2.0, 2.0));
    // After the close nothing runs.
    assert_eq!(again(1, at(5, 0)).times, []);
    assert_eq!(again(1, at(5, 0)).lost, 4.0);
    assert_eq!(again(5, at(4, 40)).times, []);
}

fn rules() -> impl Strategy<Value = TimeRule> {
    prop_oneof![
        (0_i8..24, 0_i8..60).prop_map(|(h, m)| kst(h, m)),
        (0_u32..600).prop_map(|minutes| TimeRule::AfterOpen { minutes }),
        (0_u32..600).prop_map(|minutes| TimeRule::BeforeClose { minutes }),
    ]
}

/// Any schedule, also one that `validate` would refuse: an import may bring it.
fn schedules() -> impl Strategy<Value = Schedule> {
    (rules(), rules(), rules(), 0_u32..100, rules()).prop_map(|(decision, twap_start, twap_end, twap_count, closing_buy)| Schedule {
        decision,
        twap_start,
        twap_end,
        twap_count,
        closing_buy,
    })
}

/// Mostly schedules that a person would write.
fn sensible_schedules() -> impl Strategy<Value = Schedule> {
    let decision = prop_oneof![(0_i8..59).prop_map(|m| kst(0, m)), (0_u32..100).prop_map(|minutes| TimeRule::AfterOpen { minutes })];
    let start = prop_oneof![(0_i8..59).prop_map(|m| kst(1, m)), (100_u32..150).prop_map(|minutes| TimeRule::AfterOpen { minutes })];
    let end = prop_oneof![(0_i8..59).prop_map(|m| kst(4, m)), (10_u32..60).prop_map(|minutes| TimeRule::BeforeClose { minutes })];
    let closing = prop_oneof![(0_i8..59).prop_map(|m| kst(5, m)), (1_u32..11).prop_map(|minutes| TimeRule::BeforeClose { minutes })];
    (decision, start, end, 1_u32..MAX_SLICES, closing).prop_map(|(decision, twap_start, twap_end, twap_count, closing_buy)| Schedule {
        decision,
        twap_start,
        twap_end,
        twap_count,
        closing_buy,
    })
}

fn days() -> impl Strategy<Value = Date> {
    let span = date(2020, 1, 2).until(date(2028, 12, 20)).unwrap().get_days();
    (0..span).prop_map(|d| date(2020, 1, 2).checked_add(d.days()).unwrap())
}

proptest! {
    #[test]
    fn every_slot_lies_in_its_session(schedule in schedules(), day in days()) {
        let session = nyse().session_from(day).unwrap();
        let plan = schedule.plan(&session);
        prop_assert!(!plan.slices.is_empty());
        prop_assert!(plan.slices.windows(2).all(|w| w[0] < w[1]));
        prop_assert!(plan.slices[0] >= plan.decision);
        for slot in plan.slots() {
            match slot.job {
                Job::Readiness => prop_assert!(slot.at < session.open),
                Job::Message => prop_assert_eq!(slot.at, session.close),
                Job::Report => prop_assert_eq!(slot.at.duration_since(session.close), plan::REPORT_DELAY),
                _ => prop_assert!(session.is_open(slot.at), "{:?}", slot),
            }
        }
        for moved in &plan.moved {
            prop_assert!(moved.reason == MoveReason::EndBeforeStart || moved.wanted != moved.actual, "{:?}", moved);
            if moved.reason == MoveReason::AfterClose {
                prop_assert_eq!(session.close.duration_since(moved.actual), LAST_CALL);
            }
        }
    }

    #[test]
    fn the_next_slot_is_in_the_future_and_none_is_skipped(schedule in schedules(), day in days(), second in 0_i64..86_400) {
        let calendar = nyse();
        let now = from_kst(day.at(0, 0, 0, 0)).checked_add(SignedDuration::from_secs(second)).unwrap();
        let next = next_slot(&schedule, &calendar, now).unwrap();
        prop_assert!(next.at > now);
        for plan in next_plans(&schedule, &calendar, now, 2).unwrap() {
            for slot in plan.slots() {
                prop_assert!(slot.at <= now || slot.at >= next.at, "{:?} lies before {:?}", slot, next);
            }
        }
    }

    #[test]
    fn what_is_valid_is_planned_without_reordering(schedule in sensible_schedules(), day in days()) {
        prop_assume!(schedule.validate().is_ok());
        let session = nyse().session_from(day).unwrap();
        prop_assume!(!session.early);
        let plan = schedule.plan(&session);
        prop_assert!(plan.moved.iter().all(|m| matches!(m.reason, MoveReason::AfterClose | MoveReason::BeforeOpen)), "{:?}", plan.moved);
        prop_assert!(plan.decision <= plan.slices[0] && *plan.slices.last().unwrap() <= plan.closing_buy);
    }

    #[test]
    fn respacing_never_passes_the_close_nor_doubles_twice(schedule in schedules(), day in days(), done in 0_usize..12, second in -3_600_i64..30_000) {
        let plan = schedule.plan(&nyse().session_from(day).unwrap());
        let now = plan.open.checked_add(SignedDuration::from_secs(second)).unwrap();
        let left = plan.slices.len().saturating_sub(done);
        let again = respaced(&plan.slices, done, now, plan.close);
        prop_assert!(again.times.iter().all(|t| *t >= now && *t < plan.close));
        prop_assert!(again.times.windows(2).all(|w| w[0] < w[1]));
        prop_assert!(again.times.len() <= left);
        prop_assert!((1.0..=MAX_SHARE).contains(&again.share));
        let placed = again.share * again.times.len() as f64 + again.lost;
        prop_assert!((placed - left as f64).abs() < 1e-9 && again.lost >= 0.0);
    }
}

#[test]
fn room_is_made_only_for_slices_that_the_plan_has_no_place_for() {
    let plan = plan_on(&Schedule::default(), date(2026, 7, 15));
    let at = |hour, minute| from_kst(datetime(2026, 7, 16, hour, minute, 0, 0));
    // 00:10 01:15 02:20 03:25 04:30, close 05:00.
    assert_eq!(with_room(&plan.slices, 2, 3, at(1, 15), plan.close), None, "three are left");
    let moved = with_room(&plan.slices, 3, 3, at(2, 20), plan.close).unwrap();
    assert_eq!(clocks(&moved), ["16 00:10", "16 01:15", "16 02:20", "16 02:57", "16 03:34", "16 04:11"]);
    let last = with_room(&plan.slices, 5, 1, at(4, 30), plan.close).unwrap();
    assert_eq!(clocks(&last)[5..], ["16 04:40"], "not at the closing buy");
    assert_eq!(clocks(&with_room(&last, 6, 3, at(4, 40), plan.close).unwrap())[6..], ["16 04:45"], "only one fits");
    assert_eq!(with_room(&last, 6, 1, at(4, 46), plan.close), None);
    assert_eq!(with_room(&last, 6, 1, plan.close, plan.close), None);
    assert_eq!(with_room(&plan.slices, 5, 0, at(4, 30), plan.close), None);
}

proptest! {
    /// Room that is made lies after now and before the close, keeps what was begun, and is never closer
    /// than five minutes or the plan itself.
    #[test]
    fn made_room_stays_inside_the_session(count in 1_u32..40, begun in 0_usize..40, wanted in 0_usize..40, minute in 0_i64..389, second in 0_i64..60) {
        let schedule = Schedule { twap_start: TimeRule::AfterOpen { minutes: 5 }, twap_count: count, ..Schedule::default() };
        let plan = plan_on(&schedule, date(2026, 7, 15));
        let now = plan.open + SignedDuration::from_secs(minute * 60 + second);
        let begun = begun.min(plan.slices.len());
        if let Some(moved) = with_room(&plan.slices, begun, wanted, now, plan.close) {
            let fresh = &moved[begun..];
            prop_assert_eq!(&moved[..begun], &plan.slices[..begun]);
            prop_assert!(fresh.len() <= wanted && fresh.len() > plan.slices.len() - begun);
            let least = plan.slices.windows(2).map(|w| w[1].duration_since(w[0])).min().unwrap_or(SignedDuration::from_mins(5));
            let least = least.min(SignedDuration::from_mins(5));
            prop_assert!(fresh.iter().all(|at| *at > now && *at < plan.close));
            prop_assert!(fresh.windows(2).all(|w| w[1].duration_since(w[0]) >= least));
        }
    }
}
