//! What one cell of an old table can hold, and how it is read: tolerant of every form that the old
//! program and its repair scripts wrote, and exact about everything else.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use serde_json::Value;

use crate::domain::clock::from_kst;
use crate::domain::remark::Remark;

/// Amounts beyond this are no amounts of a private account; the ledger's decimals could not sum them.
const MAX_AMOUNT: f64 = 1e15;

/// One cell as SQLite gives it.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    Null,
    Integer(i64),
    Real(f64),
    Text(String),
    /// A blob, or text that is not UTF-8.
    Bytes(Vec<u8>),
}

/// An instant with the text that it was read from.
#[derive(Clone, Debug, PartialEq)]
pub struct OldTime {
    pub at: Timestamp,
    /// As the old file has it, Korean time.
    pub text: String,
}

impl OldTime {
    /// The Korean calendar day, by which the old program groups cycles.
    pub fn day(&self) -> Date {
        crate::domain::clock::kst_date(self.at)
    }
}

impl Cell {
    pub fn is_null(&self) -> bool {
        matches!(self, Cell::Null)
    }

    /// How the cell is named in a fault: short, on one line.
    pub fn shown(&self) -> String {
        match self {
            Cell::Null => "NULL".to_owned(),
            Cell::Integer(i) => i.to_string(),
            Cell::Real(r) => r.to_string(),
            Cell::Text(t) => {
                let head: String = t.chars().take(40).map(|c| if c.is_control() { ' ' } else { c }).collect();
                if t.chars().count() > 40 { format!("'{head}…'") } else { format!("'{head}'") }
            }
            Cell::Bytes(b) => format!("{} bytes that are no text", b.len()),
        }
    }

    /// The cell as JSON, for values that are only kept to be read by people.
    pub fn json(&self) -> Value {
        match self {
            Cell::Null => Value::Null,
            Cell::Integer(i) => Value::from(*i),
            Cell::Real(r) => serde_json::Number::from_f64(*r).map_or_else(|| Value::from(r.to_string()), Value::Number),
            Cell::Text(t) => Value::from(t.as_str()),
            Cell::Bytes(b) => Value::from(data_encoding::BASE64.encode(b)),
        }
    }

    /// A complaint about the cell: what it holds, and what is wrong with that.
    pub fn wrong(&self, code: &'static str, what: &str) -> Remark {
        Remark::new(code, format!("{} {what}", self.shown())).with("value", self.shown())
    }

    /// A finite number.
    pub fn number(&self) -> Result<f64, Remark> {
        let value = match self {
            Cell::Integer(i) => *i as f64,
            Cell::Real(r) => *r,
            Cell::Text(t) => t.trim().parse().map_err(|_| self.wrong("no_number", "is not a number"))?,
            Cell::Null => return Err(Remark::new("null", "is NULL")),
            Cell::Bytes(_) => return Err(self.wrong("no_number", "where a number belongs")),
        };
        if value.is_finite() && value.abs() <= MAX_AMOUNT { Ok(value) } else { Err(self.wrong("too_large", "is beyond any amount")) }
    }

    /// A whole number.
    pub fn whole(&self) -> Result<i64, Remark> {
        let value = self.number()?;
        if value.fract() == 0.0 && value.abs() <= 1e9 { Ok(value as i64) } else { Err(self.wrong("not_whole", "is not a whole number")) }
    }

    /// A yes or no: 0, 1, or the words that hand-written SQL uses.
    pub fn flag(&self) -> Result<bool, Remark> {
        match self {
            Cell::Null => Err(Remark::new("null", "is NULL")),
            Cell::Integer(0) => Ok(false),
            Cell::Integer(1) => Ok(true),
            Cell::Real(r) if *r == 0.0 => Ok(false),
            Cell::Real(r) if *r == 1.0 => Ok(true),
            Cell::Text(t) => match t.trim().to_ascii_lowercase().as_str() {
                "0" | "false" => Ok(false),
                "1" | "true" => Ok(true),
                _ => Err(self.wrong("no_flag", "is neither 0 nor 1")),
            },
            _ => Err(self.wrong("no_flag", "is neither 0 nor 1")),
        }
    }

    /// Text that is not empty, trimmed.
    pub fn words(&self) -> Result<String, Remark> {
        match self {
            Cell::Text(t) if !t.trim().is_empty() => Ok(t.trim().to_owned()),
            Cell::Text(_) => Err(Remark::new("empty", "is empty")),
            Cell::Null => Err(Remark::new("null", "is NULL")),
            Cell::Integer(i) => Ok(i.to_string()),
            other => Err(other.wrong("no_text", "where text belongs")),
        }
    }

    /// A Korean wall-clock time: date, optional time after a blank or `T`, optional fraction.
    pub fn time(&self) -> Result<OldTime, Remark> {
        match self {
            Cell::Text(t) => {
                let at = parse_datetime(t.trim()).ok_or_else(|| self.wrong("no_date", "is not a date of the form YYYY-MM-DD HH:MM:SS"))?;
                Ok(OldTime { at: from_kst(at), text: t.trim().to_owned() })
            }
            Cell::Null => Err(Remark::new("null", "is NULL")),
            other => Err(other.wrong("no_date", "is not a date of the form YYYY-MM-DD HH:MM:SS")),
        }
    }
}

fn digits(text: &str, count: usize) -> Option<i32> {
    (text.len() == count && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

fn parse_date(text: &str) -> Option<Date> {
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let date = Date::new(i16::try_from(digits(year, 4)?).ok()?, i8::try_from(digits(month, 2)?).ok()?, i8::try_from(digits(day, 2)?).ok()?)
        .ok()?;
    // Before computers and after any of us: a year like 0001 is damage, and instants must stay in range.
    (1970..=2200).contains(&date.year()).then_some(date)
}

/// `HH:MM`, `HH:MM:SS` or `HH:MM:SS.f…`, also with a one-digit hour.
pub fn parse_time(text: &str) -> Option<Time> {
    let mut parts = text.split(':');
    let (hour, minute, rest) = (parts.next()?, parts.next()?, parts.next());
    if parts.next().is_some() || hour.is_empty() || hour.len() > 2 {
        return None;
    }
    let (second, fraction) = rest.unwrap_or("00").split_once('.').unwrap_or((rest.unwrap_or("00"), "0"));
    if fraction.is_empty() || fraction.len() > 9 {
        return None;
    }
    let nanos = digits(fraction, fraction.len())?.checked_mul(10_i32.pow(u32::try_from(9 - fraction.len()).ok()?))?;
    Time::new(
        i8::try_from(digits(hour, hour.len())?).ok()?,
        i8::try_from(digits(minute, 2)?).ok()?,
        i8::try_from(digits(second, 2)?).ok()?,
        nanos,
    )
    .ok()
}

/// Reads the forms that occur in old files.
pub fn parse_datetime(text: &str) -> Option<DateTime> {
    let (date, time) = match text.split_once([' ', 'T']) {
        Some((date, time)) => (parse_date(date)?, parse_time(time)?),
        None => (parse_date(text)?, Time::midnight()),
    };
    Some(date.to_datetime(time))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(t: &str) -> Cell {
        Cell::Text(t.to_owned())
    }

    #[test]
    fn every_old_form_of_a_date_is_read_as_korean_time() {
        for (form, instant) in [
            ("2026-03-07 05:30:24.000000", "2026-03-06T20:30:24Z"),
            ("2025-09-03 04:30:17.918474", "2025-09-02T19:30:17.918474Z"),
            ("2025-03-03 04:30:11", "2025-03-02T19:30:11Z"),
            ("2025-03-03T04:30:11.5", "2025-03-02T19:30:11.5Z"),
            ("2025-03-03", "2025-03-02T15:00:00Z"),
        ] {
            assert_eq!(text(form).time().map(|t| t.at.to_string()), Ok(instant.to_owned()), "{form}");
        }
    }

    #[test]
    fn what_is_no_date_is_named() {
        for form in ["", "2025-13-01", "2025-02-30 00:00:00", "25-01-01", "2025-01-01 25:00:00", "2025-01-01 10:00:00+09:00", "0001-01-01"]
        {
            assert!(text(form).time().is_err(), "{form}");
        }
        assert_eq!(Cell::Null.time(), Err(Remark::new("null", "is NULL")));
        assert!(Cell::Integer(20_250_101).time().is_err());
    }

    #[test]
    fn flags_and_numbers_take_what_scripts_wrote() {
        assert_eq!(text("true").flag(), Ok(true));
        assert_eq!(Cell::Real(0.0).flag(), Ok(false));
        assert!(Cell::Integer(2).flag().is_err());
        assert_eq!(text("12.5").number(), Ok(12.5));
        assert!(Cell::Real(f64::INFINITY).number().is_err());
        assert!(Cell::Real(1e300).number().is_err());
        assert_eq!(Cell::Real(20.0).whole(), Ok(20));
        assert!(Cell::Real(20.5).whole().is_err());
    }

    proptest! {
        #[test]
        fn reading_a_cell_never_panics(t in ".{0,40}", i: i64, r: f64, b in proptest::collection::vec(any::<u8>(), 0..8)) {
            for cell in [Cell::Text(t.clone()), Cell::Integer(i), Cell::Real(r), Cell::Bytes(b.clone())] {
                let _ = (cell.number(), cell.whole(), cell.flag(), cell.words(), cell.time(), cell.json(), cell.shown());
            }
            let _ = parse_time(&t);
        }

        #[test]
        fn a_written_date_is_read_back(us in 0_i64..4_000_000_000_000_000) {
            let at = Timestamp::from_microsecond(us).unwrap();
            let written = crate::domain::clock::kst_datetime(at).strftime("%Y-%m-%d %H:%M:%S%.6f").to_string();
            prop_assert_eq!(text(&written).time().unwrap().at, at);
        }
    }
}
