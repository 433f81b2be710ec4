//! Runs one file of vectors: loading, comparing, counting, and proving that the comparison can fail.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::path::PathBuf;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use serde::de::DeserializeOwned;
use serde_json::Value;

use eggmoney::domain::clock::kst_datetime;

/// Allowed distance of money and prices, USD.
const MONEY: f64 = 0.005;
/// Allowed distance of fractions and trailing values.
const FRACTION: f64 = 1e-9;

/// The rules by which a case may differ on purpose: id, the files that it concerns, what it says.
/// They are those of the vectors' description ("do not copy" and the hazards named beside it).
pub const WRITTEN_RULES: &[(&str, &[&str], &str)] = &[
    ("raises", &["twap", "force_sell", "management"], "the original died here; the new system must not"),
    ("renewal-prefix", &["management"], "tickers that share two letters replaced each other's bots"),
    ("netting-half", &["netting"], "NETTING_BOT_MISSING and NETTING_PAIR_FAILED left half bookings"),
    ("H-05", &["twap_direct", "create_order"], "a sheet with fills is completed before it is replaced or dropped"),
    ("H-07", &["twap", "twap_direct", "scenario"], "nothing is requested for 0 shares"),
    ("H-08", &["twap"], "a fill of 0 shares is no fill"),
    ("H-09", &["twap", "netting", "force_sell"], "a sell beyond the holding is recorded up to the holding and reported"),
    ("H-10", &["create_order"], "trailing mode ends when trailing is switched off"),
    ("H-11", &["create_order", "force_sell", "twap"], "trailing mode ends with the position"),
    ("H-13", &["create_order", "force_sell", "manual"], "several rows per bot: the store refuses to make them"),
    ("H-14", &["manual"], "rows are found by id, so those without a fraction of a second can be edited too"),
    ("H-16", &["force_sell"], "a full sell that is filled in part leaves the rest of the position"),
    ("H-17", &["tax_wash"], "the wash buys back what it sold"),
    ("H-22", &["portfolio"], "a year's KRW is the sum of its months"),
    ("H-23", &["portfolio"], "the summary counts every position, as the overview does"),
    ("H-33", &["create_order"], "a negative buy is floored at 0 and reported"),
    ("H-38", &["portfolio", "schedule"], "a stale exchange rate is kept, not 0"),
    ("settings-broken", &["schedule"], "a broken settings file also raises an alarm"),
];

/// One line of a file. The type must refuse unknown fields.
pub trait Case: DeserializeOwned {
    fn id(&self) -> &str;
    /// Runs our code and notes every difference from what the line expects.
    fn check(&self, diff: &mut Differences);
}

/// What differs between ours and the expected, and by which rule the case is exempt, if any.
#[derive(Default)]
pub struct Differences {
    lines: Vec<String>,
    exempt: Option<&'static str>,
    numbers: u64,
    inexact: u64,
}

impl Differences {
    /// Notes a difference in words.
    pub fn note(&mut self, line: String) {
        self.lines.push(line);
    }

    /// Takes the case out of the full comparison by a written rule. What is compared besides still counts.
    pub fn exempt(&mut self, rule: &'static str) {
        self.exempt.get_or_insert(rule);
    }

    /// Whether [`Self::exempt`] was called.
    pub fn is_exempt(&self) -> bool {
        self.exempt.is_some()
    }

    /// Exact equality: quantities, enums, booleans, lists, dates, event order.
    pub fn same<T: PartialEq<U> + Debug + ?Sized, U: Debug + ?Sized>(&mut self, what: &str, got: &T, want: &U) {
        if got != want {
            self.note(format!("{what}: got {got:?}, want {want:?}"));
        }
    }

    /// The wanted list is the beginning of ours.
    pub fn begins(&mut self, what: &str, got: &[&str], want: &[String]) {
        let beginning = got.get(..want.len()).unwrap_or(got);
        self.same(what, beginning, want);
    }

    /// Money and prices.
    pub fn money(&mut self, what: &str, got: f64, want: f64) {
        self.number(what, got, want, MONEY);
    }

    /// Money that may be absent.
    pub fn money_or_none(&mut self, what: &str, got: Option<f64>, want: Option<f64>) {
        match (got, want) {
            (Some(got), Some(want)) => self.money(what, got, want),
            _ => self.same(what, &got, &want),
        }
    }

    /// Fractions and trailing values.
    pub fn fraction(&mut self, what: &str, got: f64, want: f64) {
        self.number(what, got, want, FRACTION);
    }

    /// An instant against a Korean wall-clock time, at minute resolution.
    pub fn minute(&mut self, what: &str, got: Timestamp, want: DateTime) {
        let cut = |at: DateTime| (at.date(), at.hour(), at.minute());
        self.same(what, &cut(kst_datetime(got)), &cut(want));
    }

    /// Takes over the differences of a part, with its name before each.
    pub fn absorb(&mut self, part: &str, other: Differences) {
        self.lines.extend(other.lines.into_iter().map(|line| format!("{part}: {line}")));
        self.exempt = self.exempt.or(other.exempt);
        self.numbers += other.numbers;
        self.inexact += other.inexact;
    }

    fn number(&mut self, what: &str, got: f64, want: f64, tolerance: f64) {
        self.numbers += 1;
        if got.to_bits() != want.to_bits() && got != want {
            self.inexact += 1;
        }
        // Written so that a NaN on either side is a difference.
        let near = (got - want).abs() <= tolerance;
        if !near {
            self.note(format!("{what}: got {got}, want {want}"));
        }
    }
}

/// Runs `<name>.jsonl`: every case must agree or be exempt by a written rule, and every kind of
/// expected value must be able to make a case fail.
///
/// # Panics
/// When a case differs, cannot be read, or when an altered expectation goes unnoticed.
pub fn run<C: Case>(name: &str) {
    let lines = load(name);
    let mut tally = Tally::default();
    for (number, line) in lines.iter().enumerate() {
        tally.add(name, number + 1, judge::<C>(line));
    }
    println!("\ngolden {name}.jsonl {} cases, {} exempt", lines.len(), tally.exempt.values().sum::<usize>());
    for (rule, count) in &tally.exempt {
        println!("  {name}.jsonl {rule} exempts {count}");
    }
    println!("  {name}.jsonl {} numbers, {} not bit-equal but within tolerance", tally.numbers, tally.inexact);
    assert!(tally.failures.is_empty(), "{} of {} cases of {name}.jsonl differ:\n{}", tally.failures.len(), lines.len(), tally.excerpt());
    prove_comparisons::<C>(name, &lines);
}

fn load(name: &str) -> Vec<String> {
    let folder = std::env::var_os("EGGMONEY_GOLDEN_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data-fixtures/golden"), PathBuf::from);
    let path = folder.join(format!("{name}.jsonl"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{} cannot be read: {e}", path.display()));
    let lines: Vec<String> = text.split('\n').map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
    assert!(!lines.is_empty(), "{} holds no case", path.display());
    lines
}

/// The result of one line.
enum Judged {
    Unreadable(String),
    Read { id: String, diff: Differences },
}

impl Judged {
    fn agrees(&self) -> bool {
        matches!(self, Judged::Read { diff, .. } if diff.lines.is_empty())
    }

    fn is_exempt(&self) -> bool {
        matches!(self, Judged::Read { diff, .. } if diff.is_exempt())
    }
}

fn judge<C: Case>(line: &str) -> Judged {
    match serde_json::from_str::<C>(line) {
        Err(error) => Judged::Unreadable(error.to_string()),
        Ok(case) => {
            let mut diff = Differences::default();
            case.check(&mut diff);
            Judged::Read { id: case.id().to_owned(), diff }
        }
    }
}

#[derive(Default)]
struct Tally {
    failures: Vec<String>,
    exempt: BTreeMap<&'static str, usize>,
    ids: BTreeSet<String>,
    numbers: u64,
    inexact: u64,
}

impl Tally {
    fn add(&mut self, name: &str, line: usize, judged: Judged) {
        match judged {
            Judged::Unreadable(error) => self.failures.push(format!("line {line} is not a case of this file: {error}")),
            Judged::Read { id, mut diff } => {
                if !self.ids.insert(id.clone()) {
                    diff.note("this id occurs twice".to_owned());
                }
                if let Some(rule) = diff.exempt {
                    *self.exempt.entry(rule).or_default() += 1;
                    if !rule_covers(rule, name) {
                        diff.note(format!("no written rule '{rule}' exempts a case of {name}.jsonl"));
                    }
                }
                self.numbers += diff.numbers;
                self.inexact += diff.inexact;
                if !diff.lines.is_empty() {
                    self.failures.push(format!("{id} ({}):\n    {}", diff.exempt.unwrap_or("no exemption"), diff.lines.join("\n    ")));
                }
            }
        }
    }

    fn excerpt(&self) -> String {
        self.failures.iter().take(12).cloned().collect::<Vec<_>>().join("\n")
    }
}

fn rule_covers(rule: &str, file: &str) -> bool {
    WRITTEN_RULES.iter().any(|(id, files, _)| *id == rule && files.contains(&file))
}

/// The self-test. For every kind of value under `expect` (its path, list places aside) agreeing cases
/// that have one are altered there until the comparison notices; it must, unless only exempt cases
/// have that kind. An unknown field must be refused.
fn prove_comparisons<C: Case>(name: &str, lines: &[String]) {
    let mut unseen: BTreeMap<String, String> = BTreeMap::new();
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut stranger_refused = false;
    for line in lines {
        let value: Value = serde_json::from_str(line).expect("checked before");
        let mut places = Vec::new();
        for root in ["expect", "debug", "days", "open_kst_days", "early_close_kst_days"] {
            if let Some(part) = value.get(root) {
                collect(part, &mut vec![Step::Key(root.to_owned())], &mut places);
            }
        }
        // A scenario's days carry inputs beside their expectations.
        places.retain(|place| !matches!(place.first(), Some(Step::Key(k)) if k == "days") || place.iter().any(|s| s.is("expect")));
        let mut fresh: BTreeMap<String, Vec<Step>> = BTreeMap::new();
        for place in places {
            let kind = kind_of(&place);
            if !seen.contains(&kind) {
                fresh.entry(kind).or_insert(place);
            }
        }
        if fresh.is_empty() && stranger_refused {
            continue;
        }
        let unaltered = judge::<C>(&value.to_string());
        if !unaltered.agrees() {
            continue;
        }
        if !stranger_refused {
            let mut altered = value.clone();
            altered.as_object_mut().expect("a case is an object").insert("stranger".to_owned(), Value::Bool(true));
            assert!(matches!(judge::<C>(&altered.to_string()), Judged::Unreadable(_)), "{name}.jsonl: an unknown field is not refused");
            stranger_refused = true;
        }
        for (kind, place) in fresh {
            let mut altered = value.clone();
            let target = place.iter().try_fold(&mut altered, |at, step| step.into(at)).expect("the place was found in this value");
            *target = another(target);
            if !judge::<C>(&altered.to_string()).agrees() {
                unseen.remove(&kind);
                seen.insert(kind);
            } else if !unaltered.is_exempt() {
                unseen.insert(kind, line.chars().take(60).collect());
            }
        }
    }
    assert!(stranger_refused, "{name}.jsonl: no case agrees, so nothing proves the comparison");
    assert!(unseen.is_empty(), "{name}.jsonl: altering these expectations goes unnoticed: {unseen:#?}");
    println!("  {name}.jsonl self-test: {} kinds of expectation altered, each noticed", seen.len());
}

#[derive(Clone, Debug)]
enum Step {
    Key(String),
    Place(usize),
}

impl Step {
    fn is(&self, name: &str) -> bool {
        matches!(self, Step::Key(key) if key == name)
    }

    fn into<'v>(&self, value: &'v mut Value) -> Option<&'v mut Value> {
        match self {
            Step::Key(key) => value.get_mut(key),
            Step::Place(place) => value.get_mut(place),
        }
    }
}

/// Every value at or below `value`, except objects, which are named by what they hold.
fn collect(value: &Value, path: &mut Vec<Step>, places: &mut Vec<Vec<Step>>) {
    match value {
        Value::Object(fields) => {
            for (key, inner) in fields {
                path.push(Step::Key(key.clone()));
                collect(inner, path, places);
                path.pop();
            }
        }
        Value::Array(items) => {
            places.push(path.clone());
            for (place, inner) in items.iter().enumerate() {
                path.push(Step::Place(place));
                collect(inner, path, places);
                path.pop();
            }
        }
        _ => places.push(path.clone()),
    }
}

/// The path without list places and without keys that are names (`TQ_1`, `SOXL`, months).
fn kind_of(place: &[Step]) -> String {
    place
        .iter()
        .map(|step| match step {
            Step::Key(key) if key.chars().all(|c| c.is_ascii_lowercase() || c == '_') => format!(".{key}"),
            Step::Key(_) => ".NAME".to_owned(),
            Step::Place(_) => "[]".to_owned(),
        })
        .collect()
}

/// A value of the same type that is not the same.
fn another(value: &Value) -> Value {
    match value {
        Value::Null => Value::from(1),
        Value::Bool(flag) => Value::Bool(!flag),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => Value::from(whole + 1),
            None => Value::from(number.as_f64().unwrap_or(0.0) + 0.011),
        },
        Value::String(text) => Value::String(another_text(text)),
        Value::Array(items) => match items.split_last() {
            Some((_, rest)) => Value::Array(rest.to_vec()),
            None => Value::Array(vec![Value::from("MADE_UP")]),
        },
        Value::Object(fields) => Value::Object(fields.clone()),
    }
}

fn another_text(text: &str) -> String {
    if let Ok(at) = text.parse::<DateTime>()
        && text.contains('T')
    {
        return at.saturating_add(jiff::Span::new().days(1)).to_string();
    }
    if let Ok(day) = text.parse::<Date>() {
        return day.saturating_add(jiff::Span::new().days(1)).to_string();
    }
    format!("{text}?")
}

mod own_tests {
    use super::*;

    /// A case of a made-up file whose "engine" doubles.
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Doubling {
        id: String,
        input: f64,
        expect: f64,
        exempt: bool,
    }

    impl Case for Doubling {
        fn id(&self) -> &str {
            &self.id
        }

        fn check(&self, diff: &mut Differences) {
            if self.exempt {
                diff.exempt("H-99");
            }
            diff.money("doubled", self.input * 2.0, self.expect);
        }
    }

    fn failures(name: &str, line: &str) -> Vec<String> {
        let mut tally = Tally::default();
        tally.add(name, 1, judge::<Doubling>(line));
        tally.failures
    }

    #[test]
    fn golden_harness_sees_a_wrong_value_and_an_unknown_field() {
        assert!(failures("x", r#"{"id":"a","input":2.0,"expect":4.0,"exempt":false}"#).is_empty());
        assert!(failures("x", r#"{"id":"a","input":2.0,"expect":4.004,"exempt":false}"#).is_empty());
        assert_eq!(failures("x", r#"{"id":"a","input":2.0,"expect":4.006,"exempt":false}"#).len(), 1);
        assert_eq!(failures("x", r#"{"id":"a","input":2.0,"expect":4.0,"exempt":false,"more":1}"#).len(), 1);
    }

    #[test]
    fn golden_harness_fails_an_exemption_that_no_rule_names() {
        assert_eq!(failures("x", r#"{"id":"a","input":2.0,"expect":4.0,"exempt":true}"#).len(), 1);
        assert!(rule_covers("H-17", "tax_wash"));
        assert!(!rule_covers("H-17", "create_order"), "a rule exempts only the files that it names");
    }

    #[test]
    fn golden_harness_compares_each_kind_of_value() {
        let noted = |compare: &dyn Fn(&mut Differences)| {
            let mut diff = Differences::default();
            compare(&mut diff);
            diff.lines.len()
        };
        let at: DateTime = "2025-06-03T00:10:00".parse().unwrap();
        let instant = eggmoney::domain::clock::from_kst(at);
        assert_eq!(noted(&|d| d.same("text", "a", "b")), 1);
        assert_eq!(noted(&|d| d.same("order of events", &["a", "b"], &["b", "a"])), 1);
        assert_eq!(noted(&|d| d.money("money", 1.0, 1.006)), 1);
        assert_eq!(noted(&|d| d.money("not a number", f64::NAN, 1.0)), 1);
        assert_eq!(noted(&|d| d.money_or_none("money", None, Some(1.0))), 1);
        assert_eq!(noted(&|d| d.fraction("fraction", 0.1, 0.100_000_01)), 1);
        assert_eq!(noted(&|d| d.minute("minute", instant, at.saturating_add(jiff::Span::new().seconds(59)))), 0);
        assert_eq!(noted(&|d| d.minute("minute", instant, at.saturating_add(jiff::Span::new().seconds(60)))), 1);
    }
}
