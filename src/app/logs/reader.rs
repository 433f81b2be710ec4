//! Reading: from the newest line backwards, in blocks, and never more than a bounded part of the files
//! for one page. What was not reached is the next page's.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{FileId, list};

/// Bytes that are read at a time.
const BLOCK: u64 = 64 << 10;
/// A line longer than this is not shown: no line of ours is.
const LONGEST_LINE: usize = 1 << 20;
/// Bytes that are looked through for one page.
const MOST_SEARCHED: u64 = 8 << 20;

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

/// Which lines are wanted; what is not set does not matter.
#[derive(Clone, Debug, Default)]
pub struct LogFilter {
    /// This level and what matters more.
    pub level: Option<LogLevel>,
    /// Where the line comes from, or the beginning of it: `eggmoney::brokers`.
    pub target: Option<String>,
    /// Stands in the message or in a field, in whatever case.
    pub text: Option<String>,
    /// Not before.
    pub from: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct LogLine {
    pub at: Timestamp,
    pub level: LogLevel,
    /// The part of the program that wrote it.
    pub target: String,
    pub message: String,
    /// What else the line says, by name.
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    pub fields: BTreeMap<String, String>,
}

/// A place between two lines, from where reading goes on backwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    file: FileId,
    offset: u64,
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file.text(), self.offset)
    }
}

impl std::str::FromStr for Position {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "this is no place in the log: give the text that the page before called next".to_owned();
        let (file, offset) = text.split_once(':').ok_or_else(wrong)?;
        Ok(Self { file: FileId::from_text(file).ok_or_else(wrong)?, offset: offset.parse().map_err(|_| wrong())? })
    }
}

/// One page.
#[derive(Clone, Debug, Default)]
pub struct LogPage {
    /// Newest first.
    pub lines: Vec<LogLine>,
    /// Where the next page begins; `None` at the end of the log.
    pub next: Option<Position>,
    /// The time of the oldest line that was looked at.
    pub searched_to: Option<Timestamp>,
}

/// Reads one page of at most `limit` lines. Blocks on the disk.
///
/// # Errors
/// When the folder or a file cannot be read.
pub fn read(folder: &Path, filter: &LogFilter, before: Option<Position>, limit: usize) -> io::Result<LogPage> {
    let files = match list(folder) {
        Ok(files) => files,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(LogPage::default()),
        Err(error) => return Err(error),
    };
    let text = filter.text.as_deref().map(str::to_lowercase);
    let (mut page, mut left) = (LogPage::default(), MOST_SEARCHED);
    for (file, size) in files.into_iter().rev().filter(|(id, _)| before.is_none_or(|b| *id <= b.file)) {
        let end = before.filter(|b| b.file == file).map_or(size, |b| b.offset.min(size));
        let mut lines = match Backwards::open(&file.path(folder), end) {
            Ok(lines) => lines,
            // The oldest file made room meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        while let Some((offset, line)) = lines.next()? {
            let length = line.len() as u64 + 1;
            if let Some(line) = parse(&line) {
                page.searched_to = Some(line.at);
                // The lines of one writer are in the order of time.
                if filter.from.is_some_and(|from| line.at < from) {
                    return Ok(LogPage { next: None, ..page });
                }
                if wanted(&line, filter, text.as_deref()) {
                    page.lines.push(line);
                }
            }
            left = left.saturating_sub(length);
            if page.lines.len() >= limit || left == 0 {
                page.next = Some(Position { file, offset });
                return Ok(page);
            }
        }
    }
    Ok(page)
}

fn wanted(line: &LogLine, filter: &LogFilter, text: Option<&str>) -> bool {
    let holds = |value: &str| text.is_none_or(|text| value.to_lowercase().contains(text));
    filter.level.is_none_or(|level| line.level >= level)
        && filter.until.is_none_or(|until| line.at < until)
        && filter.target.as_deref().is_none_or(|target| line.target.starts_with(target))
        && (holds(&line.message) || line.fields.iter().any(|(name, value)| holds(name) || holds(value)))
}

/// A line as it was written; `None` for what a kill left half-written.
fn parse(line: &[u8]) -> Option<LogLine> {
    let Value::Object(mut fields) = serde_json::from_slice(line).ok()? else { return None };
    let mut take = |name: &str| fields.remove(name).and_then(|v| v.as_str().map(str::to_owned));
    let at = take("timestamp")?.parse().ok()?;
    let level = serde_json::from_value(Value::String(take("level")?.to_lowercase())).ok()?;
    let (target, message) = (take("target").unwrap_or_default(), take("message").unwrap_or_default());
    let shown = |value: Value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    Some(LogLine { at, level, target, message, fields: fields.into_iter().map(|(name, value)| (name, shown(value))).collect() })
}

/// The lines of a file from its end.
struct Backwards {
    file: fs_err::File,
    /// What lies before `held` and was not read yet.
    unread: u64,
    /// The bytes from `unread` up to the last line that was given.
    held: Vec<u8>,
}

impl Backwards {
    fn open(path: &Path, end: u64) -> io::Result<Self> {
        Ok(Self { file: fs_err::File::open(path)?, unread: end, held: Vec::new() })
    }

    /// The next line towards the beginning, with the place where it begins.
    fn next(&mut self) -> io::Result<Option<(u64, Vec<u8>)>> {
        loop {
            // The line break at the very end belongs to the line before it.
            let body = self.held.strip_suffix(b"\n").unwrap_or(&self.held);
            if let Some(at) = body.iter().rposition(|b| *b == b'\n') {
                let line = body.get(at + 1..).unwrap_or_default().to_vec();
                self.held.truncate(at + 1);
                return Ok(Some((self.unread + at as u64 + 1, line)));
            }
            if self.unread == 0 {
                let line = body.to_vec();
                self.held.clear();
                return Ok((!line.is_empty()).then_some((0, line)));
            }
            if self.held.len() > LONGEST_LINE {
                self.held.clear();
            }
            let size = self.unread.min(BLOCK);
            let mut block = vec![0; usize::try_from(size).unwrap_or_default()];
            self.file.seek(SeekFrom::Start(self.unread - size))?;
            self.file.read_exact(&mut block)?;
            block.append(&mut self.held);
            self.held = block;
            self.unread -= size;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(n: usize, level: &str, target: &str, message: &str) -> String {
        let at = Timestamp::from_second(1_795_305_600 + n as i64).unwrap();
        serde_json::json!({"timestamp": at.to_string(), "level": level, "message": message, "target": target, "n": n}).to_string() + "\n"
    }

    fn numbers(page: &LogPage) -> Vec<usize> {
        page.lines.iter().map(|l| l.fields["n"].parse().unwrap()).collect()
    }

    /// Three files with lines of all lengths, some longer than a block, and half a line where a kill was.
    fn folder() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let mut n = 0;
        for name in ["eggmoney.2026-11-21.log", "eggmoney.2026-11-22.1.log", "eggmoney.2026-11-22.2.log"] {
            let mut text = String::new();
            for _ in 0..100 {
                let (level, target) = [("INFO", "eggmoney::access"), ("WARN", "eggmoney::brokers::kis"), ("DEBUG", "eggmoney")][n % 3];
                let long = if n.is_multiple_of(40) { 100_000 } else { n };
                text += &line(n, level, target, &format!("주문 {n} \"{}\"", "x".repeat(long)));
                n += 1;
            }
            fs_err::write(dir.path().join(name), text + "{\"timestamp\":\"2026-").unwrap();
        }
        dir
    }

    #[test]
    fn pages_go_back_to_the_first_line_and_skip_none() {
        let dir = folder();
        for limit in [1, 7, 100, 1_000] {
            let (mut found, mut before) = (Vec::new(), None);
            loop {
                let page = read(dir.path(), &LogFilter::default(), before, limit).unwrap();
                assert!(page.lines.len() <= limit);
                found.extend(numbers(&page));
                // What a page says of its end can be sent and comes back the same.
                before = page.next.map(|next| next.to_string().parse().unwrap());
                if before.is_none() {
                    break;
                }
            }
            assert_eq!(found, (0..300).rev().collect::<Vec<_>>(), "{limit} lines a page");
        }
    }

    #[test]
    fn filters_hold_together() {
        let dir = folder();
        let all = |filter: LogFilter| numbers(&read(dir.path(), &filter, None, 1_000).unwrap());
        let warned = all(LogFilter { level: Some(LogLevel::Warn), ..LogFilter::default() });
        assert_eq!(warned.len(), 100);
        assert!(warned.iter().all(|n| n % 3 == 1));
        let at = |n: usize| Some(Timestamp::from_second(1_795_305_600 + n as i64).unwrap());
        let within = LogFilter { from: at(10), until: at(20), target: Some("eggmoney::access".to_owned()), ..LogFilter::default() };
        assert_eq!(all(within), [18, 15, 12]);
        assert_eq!(all(LogFilter { text: Some("주문 17 \"X".to_owned()), ..LogFilter::default() }), [17]);
        assert_eq!(all(LogFilter { text: Some("nowhere".to_owned()), ..LogFilter::default() }), Vec::<usize>::new());
    }

    #[test]
    fn a_page_reads_a_bounded_part_and_says_how_far_it_came() {
        let dir = tempfile::tempdir().unwrap();
        let text: String = (0..100_000).map(|n| line(n, "INFO", "eggmoney", &"x".repeat(100))).collect();
        assert!(text.len() as u64 > 2 * MOST_SEARCHED);
        fs_err::write(dir.path().join("eggmoney.2026-11-22.1.log"), &text).unwrap();
        let filter = LogFilter { text: Some("nowhere".to_owned()), ..LogFilter::default() };
        let (mut pages, mut before) = (0, None);
        loop {
            let page = read(dir.path(), &filter, before, 10).unwrap();
            assert!(page.lines.is_empty() && page.searched_to.is_some());
            pages += 1;
            before = page.next;
            if before.is_none() {
                break;
            }
        }
        assert!((2..=4).contains(&pages), "{pages}");
    }

    #[test]
    fn what_is_no_place_in_the_log_is_refused_and_a_file_that_is_gone_is_passed_over() {
        for wrong in ["", "x", "2026-11-22.1", "2026-11-22.01:5", "../../etc/passwd:0", "2026-11-22.1:-4", "2026-02-30.1:0"] {
            assert!(wrong.parse::<Position>().is_err(), "{wrong}");
        }
        let dir = folder();
        let gone = "2026-11-22.9:12".parse().unwrap();
        assert_eq!(numbers(&read(dir.path(), &LogFilter::default(), Some(gone), 1).unwrap()), [299]);
        assert!(read(&dir.path().join("none"), &LogFilter::default(), None, 1).unwrap().lines.is_empty());
    }
}
