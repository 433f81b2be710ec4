//! Writing: a new file every day and whenever one is full, and the oldest make room before the folder
//! holds more than it may.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::{FileId, list};
use crate::domain::clock::Clock;

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one file.
    pub file: u64,
    /// Bytes of all files together.
    pub all: u64,
    /// Days after which a file goes, whatever its size.
    pub days: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { file: 8 << 20, all: 64 << 20, days: 30 }
    }
}

/// The end of the log: every `write` is one line.
#[derive(Debug)]
pub struct CappedFiles {
    folder: PathBuf,
    limits: Limits,
    clock: Arc<dyn Clock>,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    file: fs_err::File,
    id: FileId,
    size: u64,
}

impl CappedFiles {
    /// Nothing is opened before the first line, so that an idle start leaves the folder as it is.
    ///
    /// # Errors
    /// When the folder cannot be made or read.
    pub fn new(folder: &Path, limits: Limits, clock: Arc<dyn Clock>) -> io::Result<Self> {
        use std::os::unix::fs::DirBuilderExt;
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        list(folder)?;
        Ok(Self { folder: folder.to_path_buf(), limits, clock, open: None })
    }

    /// The file that takes a line of so many bytes.
    fn file_for(&mut self, length: u64) -> io::Result<&mut Open> {
        let now = self.clock.now();
        let today = now.to_zoned(TimeZone::UTC).date();
        // A clock that was set back must not put lines before those that are there.
        let has_room = |id: FileId, size: u64| id.date >= today && (size == 0 || size + length <= self.limits.file);
        if !self.open.as_ref().is_some_and(|open| has_room(open.id, open.size)) {
            self.open = None;
            let last = list(&self.folder)?.pop();
            let id = match last {
                Some((id, size)) if has_room(id, size) => id,
                Some((id, _)) if id.date >= today => FileId { number: id.number + 1, ..id },
                _ => FileId { date: today, number: 1 },
            };
            self.make_room(now, id)?;
            self.open = Some(open(&self.folder, id)?);
        }
        self.open.as_mut().ok_or_else(|| io::Error::other("no log file is open"))
    }

    /// Removes what is too old, and then the oldest until one more full file fits.
    fn make_room(&self, now: Timestamp, next: FileId) -> io::Result<()> {
        let oldest = now.saturating_sub(SignedDuration::from_hours(24 * self.limits.days)).unwrap_or(Timestamp::MIN);
        let oldest = oldest.to_zoned(TimeZone::UTC).date();
        let files: Vec<(FileId, u64)> = list(&self.folder)?.into_iter().filter(|(id, _)| *id != next).collect();
        let mut held: u64 = files.iter().map(|(_, size)| size).sum();
        for (id, size) in files {
            if id.date < oldest || held + self.limits.file > self.limits.all {
                fs_err::remove_file(id.path(&self.folder))?;
                held -= size;
            }
        }
        Ok(())
    }
}

fn open(folder: &Path, id: FileId) -> io::Result<Open> {
    use fs_err::os::unix::fs::OpenOptionsExt;
    let file = fs_err::OpenOptions::new().create(true).append(true).mode(0o600).open(id.path(folder))?;
    let size = file.metadata()?.len();
    Ok(Open { file, id, size })
}

impl Write for CappedFiles {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let length = line.len() as u64;
        let open = self.file_for(length)?;
        let written = open.file.write_all(line);
        open.size += length;
        if written.is_err() {
            // Somebody may have taken the file away: the next line looks anew.
            self.open = None;
        }
        written.map(|()| line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::clock::SteppedClock;

    const LIMITS: Limits = Limits { file: 1_000, all: 5_000, days: 30 };

    fn clock() -> Arc<SteppedClock> {
        Arc::new(SteppedClock::new("2026-11-22T23:59:00Z".parse().unwrap()))
    }

    fn names(folder: &Path) -> Vec<String> {
        list(folder).unwrap().into_iter().map(|(id, _)| id.text()).collect()
    }

    #[test]
    fn the_folder_never_holds_more_than_its_cap_and_keeps_the_newest() {
        let dir = tempfile::tempdir().unwrap();
        let clock = clock();
        let mut files = CappedFiles::new(dir.path(), LIMITS, clock.clone()).unwrap();
        // What is no log file is neither counted nor removed.
        fs_err::write(dir.path().join("notes.txt"), vec![b'x'; 9_000]).unwrap();
        let mut largest = 0;
        for n in 0..2_000 {
            if n % 250 == 0 {
                clock.advance(Duration::from_secs(6 * 3600));
            }
            files.write_all(format!("{n:05} {}\n", "x".repeat(n % 97)).as_bytes()).unwrap();
            largest = largest.max(list(dir.path()).unwrap().iter().map(|(_, size)| size).sum::<u64>());
        }
        assert!((4_000..=LIMITS.all).contains(&largest), "{largest}");
        let kept: String = list(dir.path()).unwrap().iter().map(|(id, _)| fs_err::read_to_string(id.path(dir.path())).unwrap()).collect();
        let numbers: Vec<usize> = kept.lines().map(|l| l[..5].parse().unwrap()).collect();
        assert_eq!(*numbers.last().unwrap(), 1_999);
        assert!(numbers.windows(2).all(|w| w[1] == w[0] + 1), "a gap: {numbers:?}");
        assert!(list(dir.path()).unwrap().iter().all(|(_, size)| *size <= LIMITS.file));
        assert!(dir.path().join("notes.txt").exists());
    }

    #[test]
    fn a_day_begins_a_file_a_restart_goes_on_in_it_and_months_later_it_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let clock = clock();
        // As earlier versions named them.
        fs_err::write(dir.path().join("eggmoney.2026-11-22.log"), vec![b'x'; 990]).unwrap();
        let new = || CappedFiles::new(dir.path(), LIMITS, clock.clone()).unwrap();
        new().write_all(b"does not fit any more\n").unwrap();
        new().write_all(b"fits\n").unwrap();
        assert_eq!(names(dir.path()), ["2026-11-22", "2026-11-22.1"]);
        clock.advance(Duration::from_secs(60));
        let mut files = new();
        files.write_all(b"next day\n").unwrap();
        assert_eq!(names(dir.path()), ["2026-11-22", "2026-11-22.1", "2026-11-23.1"]);
        fs_err::remove_file(dir.path().join("eggmoney.2026-11-23.1.log")).unwrap();
        clock.advance(Duration::from_secs(31 * 86_400));
        files.write_all(b"next month\n").unwrap();
        assert_eq!(names(dir.path()), ["2026-12-24.1"]);
    }

    #[test]
    fn a_clock_set_back_does_not_put_lines_before_earlier_ones() {
        let dir = tempfile::tempdir().unwrap();
        fs_err::write(dir.path().join("eggmoney.2026-12-01.4.log"), b"from the future\n").unwrap();
        let mut files = CappedFiles::new(dir.path(), LIMITS, clock()).unwrap();
        for _ in 0..300 {
            files.write_all(b"now\n").unwrap();
        }
        assert_eq!(names(dir.path()), ["2026-12-01.4", "2026-12-01.5"]);
    }
}
