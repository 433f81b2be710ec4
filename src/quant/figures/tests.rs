use std::collections::BTreeMap;

use jiff::civil::{date, datetime};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use uuid::Uuid;

use super::history::usual_range;
use super::overview::{Prices, external_portfolio};
use super::rates::{DEFAULT_RATE, RateSource, month_key};
use super::status::{StatusMessage, status_messages};
use super::*;
use crate::domain::account::KnownRate;
use crate::domain::bot::{HistoryRow, TradeKind};
use crate::domain::clock::from_kst;
use crate::domain::id::BotId;
use crate::domain::samples;

fn bot(number: u128, active: bool) -> Bot {
    let place = number as u32;
    Bot { id: BotId(Uuid::from_u128(number)), position: place, active, seed: 100.0, ..samples::bot(&format!("TQ_{number}"), "TQQQ") }
}

fn holding(owner: Option<u128>, name: &str, quantity: f64, price: f64) -> Holding {
    let opened = from_kst(datetime(2026, 5, 1, 0, 10, 0, 0));
    let id = quantity.to_bits().into();
    Holding {
        bot_id: owner.map(|n| BotId(Uuid::from_u128(n))),
        ..samples::holding(&samples::bot(name, "TQQQ"), id, quantity, price, opened)
    }
}

fn reserve(amount: f64) -> Holding {
    Holding { reserve: true, symbol: "RP".to_owned(), ..holding(None, "RP", amount, 1.0) }
}

fn sell(name: &str, at: Timestamp, profit: f64) -> HistoryRow {
    let begun = from_kst(datetime(2026, 5, 1, 4, 0, 0, 0));
    HistoryRow { bot_id: None, ..samples::sale(&samples::bot(name, "TQQQ"), begun, at, 1.0, profit) }
}

#[test]
fn every_position_counts_also_of_stopped_and_removed_bots() {
    let bots = [bot(1, true), bot(2, false), bot(3, true)];
    let holdings =
        [holding(Some(1), "TQ_1", 10.0, 50.0), holding(Some(2), "TQ_2", 4.0, 50.0), holding(None, "OLD", 2.0, 50.0), reserve(300.0)];
    let prices = Prices::from([("TQQQ".to_owned(), 60.0)]);
    let of = |scope| overview(&bots, &holdings, &prices, Some(1_000.0), scope);
    assert_eq!((of(Scope::All).invest, of(Scope::ExistingBots).invest, of(Scope::ActiveBots).invest), (960.0, 840.0, 600.0));
    let all = of(Scope::All);
    assert_eq!((all.cost, all.reserve, all.total_balance), (800.0, 300.0, 2_260.0));
    assert_eq!((all.profit, all.profit_percent), (160.0, 20.0));
    assert_eq!((all.max_seed, all.seed_per_turn, all.one_day_seed), (3_000.0, 200.0, 200.0));
    assert_eq!((all.pool, all.low_cash, all.high_cash), (0.0, false, false));
    assert_eq!(all.withdrawable(2_000.0), 260.0);
}

#[test]
fn several_rows_of_one_bot_all_count() {
    let holdings = [holding(Some(1), "TQ_1", 10.0, 50.0), holding(Some(1), "TQ_1", 5.0, 40.0)];
    let all = overview(&[bot(1, true)], &holdings, &Prices::new(), None, Scope::All);
    assert_eq!((all.cost, all.seed_per_turn, all.cash), (700.0, 100.0, 0.0));
    let status = bot_status(&bot(1, true), &holdings, &Prices::new(), from_kst(datetime(2026, 5, 4, 0, 5, 0, 0))).unwrap();
    assert_eq!((status.average_price, status.invested, status.t, status.days_passed), (40.0, 700.0, 7.0, 3));
}

#[test]
fn without_bots_everything_is_zero_and_nothing_is_sent() {
    let none = overview(&[], &[], &Prices::new(), None, Scope::All);
    assert_eq!((none.total_balance, none.profit_percent, none.invested_percent, none.low_cash), (0.0, 0.0, 0.0, false));
    assert_eq!(status_messages(&[], &[], &TodayProfit::default()), []);
}

#[test]
fn a_loss_today_is_told_without_the_picture() {
    let now = from_kst(datetime(2026, 5, 13, 4, 30, 0, 0));
    let today = |profits: &[f64]| {
        let rows: Vec<HistoryRow> = profits.iter().map(|p| sell("TQ_1", now, *p)).collect();
        today_profit(&rows, date(2026, 5, 13))
    };
    let bots = [bot(1, true)];
    assert_eq!(status_messages(&bots, &[], &today(&[5.0, -1.0])), [StatusMessage::Portfolio, StatusMessage::TodayProfitPicture]);
    assert_eq!(status_messages(&bots, &[], &today(&[1.0, -1.0])), [StatusMessage::Portfolio, StatusMessage::TodayProfitText]);
    assert_eq!(today(&[100.0]).expected_tax_krw(1_400.0), 100.0 * 1_400.0 * 0.22);
    assert_eq!(today(&[-100.0]).expected_tax_krw(1_400.0), 0.0);
}

#[test]
fn a_cycle_is_name_and_korean_day_of_its_start() {
    let now = from_kst(datetime(2026, 5, 13, 4, 30, 0, 0));
    let other_day = HistoryRow { cycle_start: from_kst(datetime(2026, 5, 2, 0, 10, 0, 0)), ..sell("TQ_1", now, 100.0) };
    let buy = HistoryRow { kind: TradeKind::Buy, ..sell("TQ_1", now, 7.0) };
    let rows = [sell("TQ_1", now, 2.0), sell("TQ_1", now, -0.5), sell("TQ_2", now, 9.0), other_day, buy];
    assert_eq!(cycle_profit(&rows, &holding(Some(1), "TQ_1", 1.0, 1.0)), 1.5);
}

#[test]
fn an_old_rate_is_kept_with_its_age() {
    let at = from_kst(datetime(2026, 5, 13, 0, 0, 0, 0));
    let stored = KnownRate { rate: 1_391.0, at, source: "import".to_owned() };
    let later = |seconds| at.checked_add(SignedDuration::from_secs(seconds)).unwrap();
    let fresh = current_rate(Some(&stored), later(299), || panic!("a fresh rate is not asked for again")).unwrap();
    assert!(fresh.fresh && !fresh.fetched);
    let stale = current_rate(Some(&stored), later(300), || None).unwrap();
    assert_eq!((stale.rate, stale.fresh, stale.age), (1_391.0, false, SignedDuration::from_secs(300)));
    let nonsense = current_rate(Some(&stored), later(300), || Some(0.0)).unwrap();
    assert_eq!(nonsense.rate, 1_391.0, "a rate of 0 is no rate");
    let fetched = current_rate(Some(&stored), later(300), || Some(1_400.0)).unwrap();
    assert_eq!((fetched.rate, fetched.at, fetched.fetched), (1_400.0, later(300), true));
    assert_eq!(current_rate(None, at, || None), None);
}

#[test]
fn a_months_rate_prefers_what_is_final() {
    let stored = BTreeMap::from([(month_key(2026, 4), 1_380.0)]);
    let source = |month, present_month, present, closes: &[f64]| {
        let rate = month_rate(&stored, (2026, month), present_month, present, || closes.to_vec());
        (rate.rate, rate.source)
    };
    assert_eq!(source(4, true, Some(1_500.0), &[1.0]), (1_380.0, RateSource::Stored));
    assert_eq!(source(5, true, Some(1_500.0), &[1_400.0]), (1_500.0, RateSource::Present));
    assert_eq!(source(5, true, None, &[1_400.0, 1_410.0]), (1_405.0, RateSource::MonthMean));
    assert_eq!(source(3, false, Some(1_500.0), &[]), (1_500.0, RateSource::StandIn));
    assert_eq!(source(3, false, None, &[]), (DEFAULT_RATE, RateSource::Default));
}

#[test]
fn a_year_in_won_is_the_sum_of_its_months() {
    let on = |month, profit| sell("TQ_1", from_kst(datetime(2025, month, 3, 4, 0, 0, 0)), profit);
    let rows = [on(1, 10.0), on(2, 20.0)];
    let rate = |_: i16, month: i8| MonthRate { rate: 1_000.0 * f64::from(month), source: RateSource::Stored };
    let years = profit_years(&rows, date(2026, 2, 1), Some(1_500.0), rate);
    assert_eq!(years.len(), 1);
    assert_eq!((years[0].profit, years[0].krw, years[0].krw_at_present_rate, years[0].months.len()), (30.0, 50_000.0, 45_000.0, 12));
    assert_eq!(profit_years(&rows, date(2025, 2, 1), None, rate)[0].months.len(), 2, "the present year ends with this month");
}

#[test]
fn the_usual_range_exists_on_every_day() {
    assert_eq!(usual_range(date(2026, 3, 31)), (date(2026, 2, 28), date(2026, 3, 31)));
    assert_eq!(usual_range(date(2026, 1, 5)), (date(2025, 12, 5), date(2026, 1, 5)));
}

#[test]
fn the_bar_fills_by_tens_and_turns_red_above_half() {
    let bar = |percent| (ProgressBar::of(percent).filled, ProgressBar::of(percent).warning);
    assert_eq!(
        [bar(-5.0), bar(9.99), bar(10.0), bar(50.0), bar(50.01), bar(250.0)],
        [(0, false), (0, false), (1, false), (5, false), (5, true), (10, true)]
    );
    assert_eq!(ProgressBar::of(20.0).text(), "🟩 🟩 ⬜ ⬜ ⬜ ⬜ ⬜ ⬜ ⬜ ⬜");
}

#[test]
fn other_programs_get_bots_in_order_and_the_reserve_last() {
    let holdings = [reserve(300.0), holding(Some(2), "TQ_2", 4.0, 50.0), holding(Some(1), "TQ_1", 0.0, 50.0)];
    let got = external_portfolio(&[bot(1, true), bot(2, false)], &holdings, &Prices::new(), None);
    let lines: Vec<_> = got.stock_items.iter().map(|i| (i.name.as_str(), i.current_price)).collect();
    assert_eq!(lines, [("TQ_2", None), ("RP", Some(1.0))]);
    assert_eq!((got.balance, got.total_seed, got.wallet_cash), (0.0, 100.0, 0.0));
}

proptest! {
    #[test]
    fn parts_of_the_balance_add_up(
        quantities in prop::collection::vec((0_u32..500, 1_u32..10_000), 0..6),
        price in 1_u32..20_000,
        cash in 0_u32..1_000_000,
    ) {
        let bots: Vec<Bot> = (0..quantities.len() as u128).map(|n| bot(n, n % 2 == 0)).collect();
        let holdings: Vec<Holding> = (0_u128..)
            .zip(&quantities)
            .map(|(n, (quantity, cents))| holding(Some(n), &format!("TQ_{n}"), f64::from(*quantity), f64::from(*cents) / 100.0))
            .chain([reserve(250.0)])
            .collect();
        let prices = Prices::from([("TQQQ".to_owned(), f64::from(price) / 100.0)]);
        let of = |scope| overview(&bots, &holdings, &prices, Some(f64::from(cash)), scope);
        let (all, existing, active) = (of(Scope::All), of(Scope::ExistingBots), of(Scope::ActiveBots));
        prop_assert_eq!(all, existing, "one row per bot and no orphans: the original's start page");
        prop_assert!(active.invest <= all.invest && active.cost <= all.cost);
        prop_assert!((all.total_balance - (all.cash + all.invest + 250.0)).abs() < 1e-6);
        prop_assert!((all.profit - (all.invest - all.cost)).abs() < 1e-6 && all.pool >= 0.0);
    }
}
