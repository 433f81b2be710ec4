//! Reading calendar files: TOML whose every mistake is reported with its line and field.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, Time};
use jiff::tz::TimeZoneDatabase;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::super::instrument::Market;
use super::{Calendar, CalendarError, Hours, is_weekend};

const FIELDS: [&str; 11] =
    ["market", "zone", "open", "close", "early_close", "first_year", "last_year", "closed", "early_closes", "regular", "special"];
/// What an override may change; the rest would make it another exchange.
const OVERRIDE_FIELDS: [&str; 5] = ["last_year", "closed", "early_closes", "regular", "special"];

/// A date with the line it stands on.
type Listed<T> = BTreeMap<Date, (usize, T)>;

struct Lists {
    closed: Listed<()>,
    early_closes: Listed<()>,
    regular: Listed<()>,
    special: Listed<Hours>,
}

/// A whole calendar.
pub(super) fn parse(text: &str) -> Result<Calendar, CalendarError> {
    let reader = Reader::new(text, &FIELDS)?;
    let market = match reader.required("market")?.as_str() {
        "US" => Market::Us,
        "KRX" => Market::Krx,
        other => return Err(reader.problem("market", format!("'{other}' is no market: write US or KRX"))),
    };
    let zone_name = reader.required("zone")?;
    let zone = TimeZoneDatabase::bundled()
        .get(&zone_name)
        .map_err(|_| reader.problem("zone", format!("'{zone_name}' is no time zone: write an IANA name such as America/New_York")))?;
    let regular = Hours { open: reader.required_time("open")?, close: reader.required_time("close")? };
    if regular.close <= regular.open {
        return Err(reader.problem("close", "must be later than 'open'".to_owned()));
    }
    let early_close = reader.time("early_close")?;
    if early_close.is_some_and(|t| t <= regular.open || t >= regular.close) {
        return Err(reader.problem("early_close", "must lie between 'open' and 'close'".to_owned()));
    }
    let first = year_start(&reader, "first_year")?;
    let last = year_end(&reader, "last_year")?;
    let empty = Calendar { market, zone, regular, early_close, first, last, closed: BTreeSet::new(), special: BTreeMap::new() };
    let calendar = apply(empty, &reader)?;
    check_years(&calendar, &reader, first.year(), "closed")?;
    Ok(calendar)
}

/// `base` with an override merged in.
pub(super) fn merge(base: &Calendar, text: &str) -> Result<Calendar, CalendarError> {
    let reader = Reader::new(text, &OVERRIDE_FIELDS)?;
    let mut calendar = base.clone();
    let known = base.last.year();
    if reader.has("last_year") {
        let last = year_end(&reader, "last_year")?;
        if last < base.last {
            return Err(reader.problem("last_year", format!("must not be before {known}, which is known already")));
        }
        calendar.last = last;
    }
    let calendar = apply(calendar, &reader)?;
    check_years(&calendar, &reader, known.saturating_add(1), "last_year")?;
    Ok(calendar)
}

/// Every exchange closes on some weekday of every year: a year without one was forgotten.
fn check_years(calendar: &Calendar, reader: &Reader, from: i16, field: &str) -> Result<(), CalendarError> {
    for year in from..=calendar.last.year() {
        if !calendar.closed.iter().any(|d| d.year() == year) {
            return Err(reader.problem(field, format!("{year} is covered, but no closed day of {year} is listed")));
        }
    }
    Ok(())
}

fn apply(mut calendar: Calendar, reader: &Reader) -> Result<Calendar, CalendarError> {
    let lists = reader.lists()?;
    let mut seen: BTreeMap<Date, &str> = BTreeMap::new();
    let all = lists.closed.iter().map(|(d, (l, ()))| ("closed", *d, *l));
    let all = all.chain(lists.early_closes.iter().map(|(d, (l, ()))| ("early_closes", *d, *l)));
    let all = all.chain(lists.regular.iter().map(|(d, (l, ()))| ("regular", *d, *l)));
    let all = all.chain(lists.special.iter().map(|(d, (l, _))| ("special", *d, *l)));
    for (field, date, line) in all {
        let at = |problem| CalendarError::File { line, field: field.to_owned(), problem };
        if date < calendar.first || date > calendar.last {
            return Err(at(format!("{date} lies outside the covered dates {} to {}", calendar.first, calendar.last)));
        }
        if is_weekend(date) {
            return Err(at(format!("{date} is a {:?}, which never trades: list weekdays only", date.weekday())));
        }
        if let Some(other) = seen.insert(date, field) {
            return Err(at(format!("{date} is already listed in '{other}'")));
        }
    }
    for date in lists.closed.into_keys() {
        calendar.special.remove(&date);
        calendar.closed.insert(date);
    }
    for date in lists.regular.into_keys() {
        calendar.special.remove(&date);
        calendar.closed.remove(&date);
    }
    for (date, (line, ())) in lists.early_closes {
        let close = calendar.early_close.ok_or_else(|| CalendarError::File {
            line,
            field: "early_closes".to_owned(),
            problem: "this exchange has no usual 'early_close' time: list the day under 'special' with its hours".to_owned(),
        })?;
        calendar.closed.remove(&date);
        calendar.special.insert(date, Hours { open: calendar.regular.open, close });
    }
    for (date, (_, hours)) in lists.special {
        calendar.closed.remove(&date);
        calendar.special.insert(date, hours);
    }
    Ok(calendar)
}

fn year_start(reader: &Reader, field: &'static str) -> Result<Date, CalendarError> {
    year_day(reader, field, 1, 1)
}

fn year_end(reader: &Reader, field: &'static str) -> Result<Date, CalendarError> {
    year_day(reader, field, 12, 31)
}

fn year_day(reader: &Reader, field: &'static str, month: i8, day: i8) -> Result<Date, CalendarError> {
    let value = reader.get(field).ok_or_else(|| reader.problem(field, "is missing".to_owned()))?;
    let year = value.get_ref().as_integer().and_then(|i| i.as_str().parse::<i16>().ok());
    year.filter(|y| (1990..=2200).contains(y))
        .and_then(|y| Date::new(y, month, day).ok())
        .ok_or_else(|| reader.problem(field, "must be a year such as 2028".to_owned()))
}

/// A parsed text that knows its lines.
struct Reader<'t> {
    text: &'t str,
    table: Spanned<DeTable<'t>>,
}

impl<'t> Reader<'t> {
    fn new(text: &'t str, known: &[&str]) -> Result<Self, CalendarError> {
        let table = DeTable::parse(text).map_err(|e| CalendarError::File {
            line: line_at(text, e.span().map_or(0, |s| s.start)),
            field: field_before(text, e.span().map_or(0, |s| s.start)),
            problem: e.message().to_owned(),
        })?;
        let reader = Self { text, table };
        for key in reader.table.get_ref().keys() {
            let name: &str = key.get_ref();
            if !known.contains(&name) {
                return Err(CalendarError::File {
                    line: line_at(text, key.span().start),
                    field: name.to_owned(),
                    problem: format!("is not known here: use one of {}", known.join(", ")),
                });
            }
        }
        Ok(reader)
    }

    fn get(&self, field: &str) -> Option<&Spanned<DeValue<'t>>> {
        self.table.get_ref().get(field)
    }

    fn has(&self, field: &str) -> bool {
        self.get(field).is_some()
    }

    /// An error at a field; at the first line when the field is missing.
    fn problem(&self, field: &str, problem: String) -> CalendarError {
        let line = self.get(field).map_or(1, |v| self.line(v));
        CalendarError::File { line, field: field.to_owned(), problem }
    }

    fn line<T>(&self, value: &Spanned<T>) -> usize {
        line_at(self.text, value.span().start)
    }

    fn required(&self, field: &str) -> Result<String, CalendarError> {
        let value = self.get(field).ok_or_else(|| self.problem(field, "is missing".to_owned()))?;
        value.get_ref().as_str().map(str::to_owned).ok_or_else(|| self.problem(field, "must be a text in quotes".to_owned()))
    }

    fn required_time(&self, field: &str) -> Result<Time, CalendarError> {
        self.time(field)?.ok_or_else(|| self.problem(field, "is missing".to_owned()))
    }

    fn time(&self, field: &str) -> Result<Option<Time>, CalendarError> {
        self.get(field).map(|v| self.time_value(field, v)).transpose()
    }

    fn time_value(&self, field: &str, value: &Spanned<DeValue<'t>>) -> Result<Time, CalendarError> {
        let parsed = value.get_ref().as_str().and_then(|t| Time::strptime("%H:%M", t).ok());
        parsed.ok_or_else(|| CalendarError::File {
            line: self.line(value),
            field: field.to_owned(),
            problem: "must be a time such as \"09:30\"".to_owned(),
        })
    }

    fn date_value(&self, field: &str, value: &Spanned<DeValue<'t>>) -> Result<Date, CalendarError> {
        let wrong = || CalendarError::File {
            line: self.line(value),
            field: field.to_owned(),
            problem: "must be a date without quotes such as 2027-12-24".to_owned(),
        };
        let stamp = value.get_ref().as_datetime().ok_or_else(wrong)?;
        let date = stamp.date.filter(|_| stamp.time.is_none() && stamp.offset.is_none()).ok_or_else(wrong)?;
        let (year, month, day) = (i16::try_from(date.year), i8::try_from(date.month), i8::try_from(date.day));
        match (year, month, day) {
            (Ok(y), Ok(m), Ok(d)) => Date::new(y, m, d).map_err(|_| wrong()),
            _ => Err(wrong()),
        }
    }

    fn array(&self, field: &str) -> Result<Vec<&Spanned<DeValue<'t>>>, CalendarError> {
        let Some(value) = self.get(field) else { return Ok(Vec::new()) };
        let array = value.get_ref().as_array().ok_or_else(|| self.problem(field, "must be a list in square brackets".to_owned()))?;
        Ok(array.iter().collect())
    }

    fn dates(&self, field: &str) -> Result<Listed<()>, CalendarError> {
        let mut listed = Listed::new();
        for value in self.array(field)? {
            let date = self.date_value(field, value)?;
            self.insert(&mut listed, field, date, self.line(value), ())?;
        }
        Ok(listed)
    }

    fn insert<T>(&self, listed: &mut Listed<T>, field: &str, date: Date, line: usize, entry: T) -> Result<(), CalendarError> {
        match listed.insert(date, (line, entry)) {
            None => Ok(()),
            Some((before, _)) => {
                let problem = format!("{date} is already listed in line {before}");
                Err(CalendarError::File { line, field: field.to_owned(), problem })
            }
        }
    }

    fn special(&self) -> Result<Listed<Hours>, CalendarError> {
        let mut listed = Listed::new();
        for value in self.array("special")? {
            let at = |field: &str, problem: &str| CalendarError::File {
                line: self.line(value),
                field: field.to_owned(),
                problem: problem.to_owned(),
            };
            let table = value.get_ref().as_table().ok_or_else(|| at("special", "must hold entries { date = …, open = …, close = … }"))?;
            for key in table.keys() {
                let name: &str = key.get_ref();
                if !["date", "open", "close"].contains(&name) {
                    return Err(at(&format!("special.{name}"), "is not known here: use date, open, close"));
                }
            }
            let part = |name: &str| table.get(name).ok_or_else(|| at(&format!("special.{name}"), "is missing"));
            let date = self.date_value("special.date", part("date")?)?;
            let hours =
                Hours { open: self.time_value("special.open", part("open")?)?, close: self.time_value("special.close", part("close")?)? };
            if hours.close <= hours.open {
                return Err(at("special.close", "must be later than 'open'"));
            }
            self.insert(&mut listed, "special", date, self.line(value), hours)?;
        }
        Ok(listed)
    }

    fn lists(&self) -> Result<Lists, CalendarError> {
        Ok(Lists {
            closed: self.dates("closed")?,
            early_closes: self.dates("early_closes")?,
            regular: self.dates("regular")?,
            special: self.special()?,
        })
    }
}

/// The line, from 1, of a byte offset.
fn line_at(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|b| *b == b'\n').count() + 1
}

/// The field that a syntax error at `offset` stands in: the last `name =` before it.
fn field_before(text: &str, offset: usize) -> String {
    let line = line_at(text, offset);
    let name = |l: &str| l.split_once('=').map(|(name, _)| name.trim().to_owned()).filter(|n| FIELDS.contains(&n.as_str()));
    text.lines().take(line).filter_map(name).last().unwrap_or_else(|| "(before any field)".to_owned())
}
