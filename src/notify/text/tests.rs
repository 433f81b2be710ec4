use std::collections::BTreeSet;

use jiff::civil::date;
use serde_json::Value;

use super::super::notice_text::krw;
use super::*;
use crate::domain::bot::TradeKind;
use crate::quant::egg::event::{Condition, CycleSell, EggEvent as E, TrailingEnd, Transfer};

fn transfer() -> Transfer {
    Transfer { symbol: "TQQQ".into(), buyer: "TQ_7".into(), seller: "TQ_8".into(), quantity: 17, price: 61.37 }
}

/// One event of every kind, with values that cannot be mistaken for each other.
fn samples() -> Vec<E> {
    let bot = || "TQ_1".to_owned();
    let symbol = || "TQQQ".to_owned();
    let at = "2026-07-20T16:30:00Z".parse().unwrap();
    let average = Condition { enabled: true, below: 62.11, hit: true };
    let point = Condition { enabled: false, below: 63.22, hit: false };
    vec![
        E::OldOrdersFound { names: vec!["TQ_3".into(), "TQ_4".into()] },
        E::SellCheckOrder {
            bot: bot(),
            symbol: symbol(),
            price: 1_234.56,
            average: 1_100.1,
            profit_percent: 12.22,
            take_profit_price: 1_210.11,
            take_profit_hit: true,
            point_price: 1_188.11,
            point_rate: 0.0812,
            point_hit: false,
            kind: TradeKind::SellThreeQuarters,
            quantity: 31,
        },
        E::SellCheckNone {
            bot: bot(),
            symbol: symbol(),
            price: 61.37,
            average: 66.61,
            profit_percent: -7.87,
            take_profit_price: 73.27,
            point_price: 70.12,
            point_rate: -0.0312,
        },
        E::SellNoPrice { bot: bot(), symbol: symbol() },
        E::TrailingNoPrice { bot: bot(), symbol: symbol() },
        E::TrailingEntryNoPrice { bot: bot(), symbol: symbol() },
        E::TrailingEntered { bot: bot(), symbol: symbol(), price: 61.37, t: 13.25, threshold_t: 13.2, threshold_rate: 0.66, stop: 55.23 },
        E::TrailingStopUpdated {
            bot: bot(),
            symbol: symbol(),
            high_profit_percent: 15.17,
            stop_profit_percent: 5.19,
            distance_rate: 0.095,
            candidate: 58.18,
            floor: 53.33,
            stop: 58.99,
        },
        E::TrailingStatus { bot: bot(), symbol: symbol(), price: 61.37, profit_percent: 11.41, stop: 58.18, watermark: 64.04 },
        E::TrailingStopHit { bot: bot(), symbol: symbol(), price: 58.01, stop: 58.18, quantity: 120 },
        E::TrailingSeedFullSell { bot: bot(), symbol: symbol(), t: 19.31, limit_t: 19.0, quantity: 30 },
        E::TrailingBuy { bot: bot(), symbol: symbol(), amount: 333.33 },
        E::TrailingEnded { bot: bot(), symbol: symbol(), reason: TrailingEnd::Disabled, watermark: 64.04, stop: 58.18 },
        E::TrailingEnded { bot: bot(), symbol: symbol(), reason: TrailingEnd::PositionClosed, watermark: 64.04, stop: 58.18 },
        E::Cooldown { bot: bot(), symbol: symbol(), after_loss: true, days: 5, elapsed_days: 2, resumes_at: at },
        E::MaxBalanceExceeded { bot: bot(), symbol: symbol(), invested: 19_500.5, limit: 19_000.0 },
        E::MaxBalanceBlocked { bot: bot(), symbol: symbol(), invested: 19_500.5, limit: 19_000.0 },
        E::BuyNoPrice { bot: bot(), symbol: symbol() },
        E::BuyFullSeed { bot: bot(), symbol: symbol(), seed: 1_000.0 },
        E::BuyNoCondition { bot: bot(), symbol: symbol(), price: 70.17, average, point },
        E::BuyCheck {
            bot: bot(),
            symbol: symbol(),
            price: 61.37,
            average_price: 66.61,
            profit_percent: -7.87,
            conditions: 2,
            average,
            point,
            seed_percent: 50.0,
            seed: 1_000.0,
            added_seed: -123.45,
            amount: 438.28,
        },
        E::OrderCreatedBuy { bot: bot(), symbol: symbol(), kind: TradeKind::Buy, slices: 5, amount: 876.55 },
        E::OrderCreatedSell { bot: bot(), symbol: symbol(), kind: TradeKind::SellQuarter, slices: 6, quantity: 31.0 },
        E::OrderCreateFailedBuy { bot: bot(), symbol: symbol(), wanted: -12.34, added_seed: -1_012.34 },
        E::OrderCreateFailedSell { bot: bot(), symbol: symbol(), wanted: -3.0 },
        E::OrderNotToday { bot: bot(), symbol: symbol(), session: date(2026, 7, 17), today: date(2026, 7, 20) },
        E::OrderResultsComplete { bot: bot(), symbol: symbol(), results: 5, slices: 6 },
        E::OrderNoCount { bot: bot(), symbol: symbol(), results: 3, slices: 4 },
        E::NettingSearch { sheets: 9 },
        E::NettingNone {},
        E::NettingNoPrice { symbol: symbol() },
        E::NettingFound { transfers: vec![transfer(), Transfer { symbol: "SOXL".into(), quantity: 4, price: 29.97, ..transfer() }] },
        E::NettingPairStart { transfer: transfer(), value: 1_043.29 },
        E::NettingPairDone { transfer: transfer(), value: 1_043.29 },
        E::NettingBuyOrderUpdated { bot: bot(), symbol: symbol(), remaining: 321.09 },
        E::NettingSellOrderUpdated { bot: bot(), symbol: symbol(), remaining: 14.0 },
        E::NettingOrderDeleted { bot: bot(), symbol: symbol(), kind: TradeKind::Sell },
        E::NettingBotMissing { transfer: transfer(), missing: vec!["TQ_9".into()] },
        E::NettingPairFailed { transfer: transfer(), reason: "disk full".into() },
        E::NettingFinished { booked: 3 },
        E::TwapNoPrice { bot: bot(), symbol: symbol(), slice: 2, slices: 5 },
        E::TwapSliceError { bot: bot(), symbol: symbol(), slice: 2, slices: 5, reason: "broken".into() },
        E::TwapLastTimePassed { bot: bot(), symbol: symbol(), slices_left: 3 },
        E::TwapPartialFill { bot: bot(), symbol: symbol(), wanted: 31.0, filled: 22.0, missing: 9.0 },
        E::TwapMerged {
            bot: bot(),
            symbol: symbol(),
            kind: TradeKind::SellPart,
            quantity: 22.0,
            unit_price: 61.37,
            total: 1_350.14,
            valid_slices: 4,
        },
        E::TwapNoValidResult { bot: bot(), symbol: symbol(), kind: TradeKind::Buy, slices: 5 },
        E::CompleteBotMissing { bot: bot(), symbol: symbol() },
        E::SellRecorded { bot: bot(), symbol: symbol(), kind: TradeKind::Sell, quantity: 22.0, unit_price: 61.37, total: 1_350.14 },
        E::SellProfit { bot: bot(), symbol: symbol(), profit: -45.67, profit_rate: -0.0327 },
        E::CycleFinished {
            bot: bot(),
            symbol: symbol(),
            started: "2026-05-04T16:00:00Z".parse().unwrap(),
            profit: 2_345.67,
            sells: vec![
                CycleSell { at, kind: TradeKind::SellQuarter, profit: 345.67 },
                CycleSell { at: "2026-07-21T16:30:00Z".parse().unwrap(), kind: TradeKind::Sell, profit: 2_000.0 },
            ],
            trailing_ended: true,
        },
        E::SellExceedsHolding { bot: bot(), symbol: symbol(), sold: 30.0, held: 22.0, total: 1_841.1 },
        E::ClosingSkipTrailing { bot: bot(), symbol: symbol() },
        E::ClosingSkipMaxT { bot: bot(), symbol: symbol(), t: 19.31, limit_t: 19.0 },
        E::ClosingNoPrevPrice { bot: bot(), symbol: symbol() },
        E::ClosingNoPrice { bot: bot(), symbol: symbol() },
        E::ClosingTriggered {
            bot: bot(),
            symbol: symbol(),
            previous_close: 66.0,
            price: 61.37,
            drop_rate: 0.0702,
            rule_drop_rate: 0.055,
            rule_seed_rate: 0.3,
            amount: 300.0,
        },
        E::ClosingNotTriggered {
            bot: bot(),
            symbol: symbol(),
            previous_close: 62.0,
            price: 61.37,
            drop_rate: 0.0102,
            limits: vec![0.1, 0.05],
        },
        E::ClosingBuyNoPrice { bot: bot(), symbol: symbol() },
        E::ClosingBuyZeroQty { bot: bot(), symbol: symbol(), amount: 40.0, limit: 62.6 },
        E::ClosingBuyFailed { bot: bot(), symbol: symbol(), quantity: 4, limit: 62.6 },
        E::ClosingBuyDone { bot: bot(), symbol: symbol(), quantity: 4.0, unit_price: 61.4, total: 245.6 },
        E::ClosingBuyError { bot: bot(), symbol: symbol(), reason: "broken".into() },
        E::ForceSellNothing { bot: bot(), symbol: symbol(), held: 3.0, ratio_percent: 12.5 },
        E::ForceSellStart { bot: bot(), symbol: symbol(), quantity: 11, ratio_percent: 50.0 },
        E::ForceSellNoPrice { bot: bot(), symbol: symbol() },
        E::ForceSellFilled { bot: bot(), symbol: symbol(), wanted: 11, quantity: 9.0, unit_price: 61.37, total: 552.33 },
        E::ForceSellFailed { bot: bot(), symbol: symbol(), quantity: 11, limit: 60.14, reason: Some("market closed".into()) },
        E::ForceSellFailed { bot: bot(), symbol: symbol(), quantity: 11, limit: 60.14, reason: None },
        E::WashNoTrade { bot: bot() },
        E::WashZeroQty { bot: bot(), symbol: symbol(), held: 0.5 },
        E::WashStart { bot: bot(), symbol: symbol(), quantity: 71, batches: vec![30, 30, 11] },
        E::WashSellNoPrice { bot: bot(), symbol: symbol(), batch: 2, quantity: 30 },
        E::WashSellDone { bot: bot(), symbol: symbol(), batch: 2, quantity: 30.0, unit_price: 61.37, total: 1_841.1 },
        E::WashSellFailed { bot: bot(), symbol: symbol(), batch: 2, quantity: 30 },
        E::WashBuyNoPrice { bot: bot(), symbol: symbol(), batch: 3, quantity: 11 },
        E::WashBuyDone { bot: bot(), symbol: symbol(), batch: 3, quantity: 11.0, unit_price: 61.4, total: 675.4 },
        E::WashBuyFailed { bot: bot(), symbol: symbol(), batch: 3, quantity: 11 },
        E::WashFinished {
            bot: bot(),
            symbol: symbol(),
            sold: 71.0,
            bought: 60.0,
            sold_value: 4_357.27,
            bought_value: 3_684.0,
            spread: 2.13,
            fee: 7.24,
            cost: 9.37,
            usd_krw: 1_391.5,
            cost_krw: 13_038.0,
        },
        E::SyncAvrOn { bot: bot(), symbol: symbol(), t: 7.01, limit_t: 6.67 },
        E::SyncAvrOff { bot: bot(), symbol: symbol(), t: 6.01, limit_t: 6.67 },
        E::AutoStarted {
            symbol: symbol(),
            bot: "TQ_2".into(),
            seed: 1_500.0,
            max_tier: 20,
            watched_bot: "TQ_1".into(),
            t: 10.31,
            limit_t: 10.0,
        },
    ]
}

#[test]
fn there_is_a_sample_of_every_event() {
    let sampled: BTreeSet<&str> = samples().iter().map(E::code).collect();
    assert_eq!(sampled, E::CODES.iter().copied().collect());
}

/// The leaves of an event, in JSON.
fn leaves<'a>(name: &str, value: &'a Value, out: &mut Vec<(String, &'a Value)>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| leaves(name, value, out)),
        Value::Array(items) => items.iter().for_each(|item| leaves(name, item, out)),
        leaf => out.push((name.to_owned(), leaf)),
    }
}

/// How a value may stand in a text: the unit follows from the name of the field.
fn forms(name: &str, leaf: &Value) -> Vec<String> {
    match leaf {
        Value::Number(number) if number.is_i64() || number.is_u64() => vec![number.to_string()],
        Value::Number(number) => {
            let value = number.as_f64().unwrap();
            match name {
                "profit_percent" | "high_profit_percent" | "stop_profit_percent" => vec![percent(value)],
                "seed_percent" | "ratio_percent" => vec![format!("{}%", plain(value))],
                "profit_rate" | "point_rate" => vec![rate(value)],
                "drop_rate" => vec![rate(-value)],
                "threshold_rate" | "distance_rate" | "rule_drop_rate" | "rule_seed_rate" | "limits" => vec![share(value)],
                "t" | "threshold_t" | "limit_t" => vec![format!("{value:.2}")],
                "quantity" | "wanted" | "filled" | "missing" | "held" | "sold" | "bought" | "remaining" => {
                    vec![format!("{value}"), usd(value)]
                }
                "cost_krw" => vec![krw(value)],
                "usd_krw" => vec![format!("{value:.2}")],
                _ => vec![usd(value)],
            }
        }
        Value::String(text) => match (name, text.parse::<jiff::Timestamp>()) {
            ("code" | "kind" | "reason", _) if *text == text.to_uppercase() || TRAILING_ENDS.contains(&text.as_str()) => Vec::new(),
            (_, Ok(at)) => vec![day(at).to_string()],
            _ => vec![text.clone()],
        },
        Value::Bool(_) | Value::Null => Vec::new(),
        Value::Array(_) | Value::Object(_) => unreachable!(),
    }
}

/// Stored names that a text puts into words.
const TRAILING_ENDS: [&str; 2] = ["disabled", "position_closed"];

#[test]
fn every_event_is_told_in_both_languages_with_all_its_values() {
    let mut checked = 0;
    for event in samples() {
        let json = serde_json::to_value(&event).unwrap();
        let mut values = Vec::new();
        leaves("", &json, &mut values);
        for language in [Language::Ko, Language::En] {
            let text = render(&event, language);
            assert!(text.chars().count() >= 10, "{event:?}: {text}");
            assert!(!text.contains("NaN") && !text.contains("{}"), "{text}");
            for (name, leaf) in &values {
                let forms = forms(name, leaf);
                assert!(forms.is_empty() || forms.iter().any(|form| text.contains(form)), "{name} {leaf} as {forms:?} not in: {text}");
                checked += usize::from(!forms.is_empty());
            }
        }
    }
    assert!(checked > 600, "{checked}");
}

#[test]
fn korean_is_korean_and_english_is_english() {
    let hangul = |text: &str| text.chars().any(|c| ('가'..='힣').contains(&c));
    for event in samples() {
        assert!(hangul(&render(&event, Language::Ko)), "{event:?}");
        assert!(!hangul(&render(&event, Language::En)), "{event:?}");
    }
}

#[test]
fn what_an_event_says_changes_with_its_flags() {
    for language in [Language::Ko, Language::En] {
        let cooldown = |after_loss| {
            let resumes_at = "2026-07-20T16:30:00Z".parse().unwrap();
            render(&E::Cooldown { bot: "b".into(), symbol: "s".into(), after_loss, days: 5, elapsed_days: 2, resumes_at }, language)
        };
        assert_ne!(cooldown(true), cooldown(false));
        let conditions = |enabled, hit| {
            let point = Condition { enabled, below: 1.0, hit };
            let average = Condition { enabled: true, below: 2.0, hit: false };
            render(&E::BuyNoCondition { bot: "b".into(), symbol: "s".into(), price: 3.0, average, point }, language)
        };
        let told: BTreeSet<String> = [(false, false), (true, false), (true, true)].map(|(e, h)| conditions(e, h)).into();
        assert_eq!(told.len(), 3);
        let kinds: BTreeSet<String> =
            TradeKind::ALL.map(|kind| render(&E::NettingOrderDeleted { bot: "b".into(), symbol: "s".into(), kind }, language)).into();
        assert_eq!(kinds.len(), TradeKind::ALL.len());
    }
}

#[test]
fn numbers_read_well() {
    assert_eq!(
        (usd(1_234.56), usd(-3.0), usd(-0.001), usd(1_234_567.0)),
        ("$1,234.56".into(), "-$3.00".into(), "$0.00".into(), "$1,234,567.00".into())
    );
    assert_eq!((krw(-1_234.4), krw(-0.2)), ("-₩1,234".into(), "₩0".into()));
    assert_eq!((percent(1.254), percent(-7.87), percent(-0.001)), ("+1.25%".into(), "-7.87%".into(), "+0.00%".into()));
    assert_eq!((share(0.055), share(0.1), share(2.0 / 3.0)), ("5.5%".into(), "10%".into(), "66.67%".into()));
    assert_eq!((plain(12.0), plain(0.5), plain(-0.00001), plain(100.0)), ("12".into(), "0.5".into(), "0".into(), "100".into()));
}
