//! Wording of the decision engine's events in Korean and English.

mod en;
mod ko;

use jiff::Timestamp;
use jiff::civil::Date;

pub use super::notice_text::usd;
use crate::domain::clock::kst_date;
use crate::domain::user::Language;
use crate::quant::egg::event::EggEvent;

/// Puts an event into words.
pub fn render(event: &EggEvent, language: Language) -> String {
    match language {
        Language::Ko => ko::render(event),
        Language::En => en::render(event),
    }
}

/// A signed percentage of a value in percent: `+1.25%`.
fn percent(value: f64) -> String {
    let text = format!("{value:+.2}%");
    if text == "-0.00%" { "+0.00%".to_owned() } else { text }
}

/// A signed percentage of a fraction.
fn rate(value: f64) -> String {
    percent(value * 100.0)
}

/// A size without a sign, from a fraction, with at most two decimals: `10%`, `5.5%`.
fn share(value: f64) -> String {
    format!("{}%", plain((value * 10_000.0).round() / 100.0))
}

/// A number with at most four decimals and no idle zeros: `12`, `0.5`.
fn plain(value: f64) -> String {
    let text = format!("{value:.4}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// A turn count: `7.25`.
fn turns(value: f64) -> String {
    format!("{value:.2}")
}

/// The Korean calendar day.
fn day(at: Timestamp) -> Date {
    kst_date(at)
}

/// Items in one line.
fn list<T>(items: &[T], word: impl Fn(&T) -> String) -> String {
    items.iter().map(word).collect::<Vec<_>>().join(", ")
}

/// Items below each other, each after a line break.
fn lines<T>(items: &[T], word: impl Fn(&T) -> String) -> String {
    items.iter().map(|item| format!("\n· {}", word(item))).collect()
}

#[cfg(test)]
mod tests;
