//! What a doctor looks at: folder, disk, clock, database, keys. Each finding says what was seen and, where
//! something is wrong, how to mend it.

use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use super::clock::stopwatch;
use super::state::App;
use super::system::disk_free;
use super::{certificate, privacy};
use crate::brokers::calls::{Calls, clock_ahead_ms};
use crate::brokers::http::{HttpClient, HttpSettings, Redactor};
use crate::domain::clock::{Clock, kst_date};
use crate::domain::order::Environment;
use crate::domain::watch::{CLOCK_OFF_MS, DISK_LOW, EXPIRY_NOTICES};
use crate::storage::StoreError;
use crate::storage::tables::secret;

/// Writes for the measure of the disk, bytes each: what a small commit writes.
const WRITES: usize = 50;
const WRITE: usize = 4 << 10;
/// A disk on which every second commit takes longer is slow,
const SLOW: Duration = Duration::from_millis(50);
/// and one that takes this long now and then stands in the way of orders.
const MUCH_TOO_SLOW: Duration = Duration::from_secs(2);

/// How it stands with what was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    Good,
    /// It works, and could be better.
    Advice,
    /// It must be mended.
    Bad,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// `folder`, `privacy`, `space`, `disk`, …
    pub check: &'static str,
    pub health: Health,
    pub found: String,
    /// What to do; `None` where nothing is to be done.
    pub remedy: Option<String>,
}

impl Finding {
    pub fn good(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, health: Health::Good, found: found.into(), remedy: None }
    }

    pub fn advice(check: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { check, health: Health::Advice, found: found.into(), remedy: Some(remedy.into()) }
    }

    pub fn bad(check: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { check, health: Health::Bad, found: found.into(), remedy: Some(remedy.into()) }
    }
}

/// The folder and the disk below it. Nothing stays behind.
pub fn examine_folder(dir: &Path) -> Vec<Finding> {
    let owner = match writable(dir) {
        Ok(owner) => owner,
        Err(error) => {
            let remedy = format!("create {} and give it to the user that runs EggMoney: chown USER, chmod 700", dir.display());
            return vec![Finding::bad("folder", format!("{} cannot be written to: {error}", dir.display()), remedy)];
        }
    };
    let mut findings = vec![Finding::good("folder", format!("{} can be written to", dir.display())), private(dir, owner)];
    findings.extend(disk_free(dir).map(room));
    findings.push(match time_writes(dir) {
        Ok(times) => speed(&times),
        Err(error) => Finding::bad("disk", format!("writing to the disk fails: {error}"), "free some space, and let DSM check the volume"),
    });
    findings
}

/// The user to whom files belong that are made in the folder.
fn writable(dir: &Path) -> io::Result<u32> {
    Ok(tempfile::Builder::new().prefix(".doctor").tempfile_in(dir)?.as_file().metadata()?.uid())
}

fn private(dir: &Path, owner: u32) -> Finding {
    let wrong = privacy::readable_by_others(dir, owner);
    match wrong.as_slice() {
        [] => Finding::good("privacy", "nobody else on this machine can read the data"),
        some => {
            let paths: Vec<String> = some.iter().map(|path| path.display().to_string()).collect();
            let remedy = format!("run as their owner: chmod -R go= {}", paths.join(" "));
            Finding::bad("privacy", format!("others can read, or it belongs to somebody else: {}", paths.join(", ")), remedy)
        }
    }
}

fn room(free: u64) -> Finding {
    let found = format!("{:.1} GB free", free as f64 / 1e9);
    match free {
        ..DISK_LOW => Finding::bad("space", found, "free some space on the volume: without room orders cannot be journalled"),
        _ if free < 4 * DISK_LOW => Finding::advice("space", found, "plan for more room: history and backups grow"),
        _ => Finding::good("space", found),
    }
}

/// How long small durable writes take, shortest first.
fn time_writes(dir: &Path) -> io::Result<Vec<Duration>> {
    let mut file = tempfile::Builder::new().prefix(".doctor").tempfile_in(dir)?;
    let mut times = Vec::with_capacity(WRITES);
    for _ in 0..WRITES {
        let took = stopwatch();
        file.write_all(&[0x5a; WRITE])?;
        file.as_file().sync_data()?;
        times.push(took());
    }
    times.sort_unstable();
    Ok(times)
}

fn speed(sorted: &[Duration]) -> Finding {
    let at = |percent: usize| sorted.get((sorted.len() * percent).div_ceil(100).saturating_sub(1)).copied().unwrap_or_default();
    let (half, most) = (at(50), at(99));
    let milliseconds = |time: Duration| time.as_secs_f64() * 1_000.0;
    let found =
        format!("a durable write takes {:.1} ms, at most {:.1} ms (p50, p99 of {})", milliseconds(half), milliseconds(most), sorted.len());
    if most >= MUCH_TOO_SLOW {
        Finding::bad("disk", found, "another program keeps the disk busy, or it fails: look at DSM's Resource Monitor and Storage Manager")
    } else if half >= SLOW {
        Finding::advice("disk", found, "orders wait for each write: a volume on an SSD, or a less busy one, would be faster")
    } else {
        Finding::good("disk", found)
    }
}

/// The clock by what hosts say; `None` when none has said anything.
pub fn examine_clock(ahead_ms: Option<i64>) -> Finding {
    match ahead_ms {
        None => Finding::advice("clock", "no host has told its time", "check network and DNS: brokers must be reachable"),
        Some(ms) if ms.unsigned_abs() > CLOCK_OFF_MS => {
            let seconds = ms.unsigned_abs() as f64 / 1_000.0;
            let how = if ms > 0 { "fast" } else { "slow" };
            let remedy = "turn on time synchronisation: in DSM under Control Panel, Regional Options, Time";
            Finding::bad("clock", format!("the clock is {seconds:.1} s {how}"), remedy)
        }
        Some(_) => Finding::good("clock", "the clock is right"),
    }
}

/// Asks the brokers' hosts for nothing but their time.
pub async fn ask_time(addresses: &[&str], wall: std::sync::Arc<dyn Clock>) -> Option<i64> {
    let calls = Calls::new(wall.clone());
    let patience = Duration::from_secs(5);
    let client = HttpClient::new(HttpSettings { connect_timeout: patience, timeout: patience }).ok()?.counted(calls.clone());
    for address in addresses {
        // What they answer does not matter; that they do is seen in the counts.
        let _ = client.send(client.get(address), &Redactor::new([])).await;
    }
    clock_ahead_ms(&calls.hosts(), jiff::Timestamp::MIN)
}

impl App {
    /// What can be seen once the data are open: that they agree with themselves, and that every sealed
    /// key can be opened. Reads everything; it may take a while.
    pub fn examine(&self) -> Vec<Finding> {
        let mut findings = vec![self.examine_database(), self.examine_keys(), self.examine_calendar()];
        findings.extend(self.config.tls.as_ref().map(|files| {
            let today = kst_date(self.wall.now());
            match certificate::last_day_of_file(&files.certificate) {
                Err(error) => Finding::bad("certificate", error, "set tls_certificate to a PEM file that the server may read"),
                Ok(day) if day < today => Finding::bad("certificate", format!("it ended on {day}"), "renew the certificate's files"),
                Ok(day) if (day - today).get_days() <= EXPIRY_NOTICES[1] => {
                    Finding::advice("certificate", format!("it ends on {day}"), "renew the certificate's files")
                }
                Ok(day) => Finding::good("certificate", format!("it lasts until {day}")),
            }
        }));
        findings
    }

    fn examine_database(&self) -> Finding {
        let restore = "stop the server and restore the last good backup or snapshot";
        match self.store.verify() {
            Err(error) => Finding::bad("database", error.to_string(), restore),
            Ok(report) if report.agrees() => {
                Finding::good("database", format!("{} accounts and {} facts agree", report.accounts, report.facts))
            }
            Ok(report) => {
                let found = format!("{} differences, {} changed audit logs", report.differences.len(), report.broken_chains.len());
                Finding::bad("database", found, format!("eggmoney verify names them; {restore}"))
            }
        }
    }

    fn examine_keys(&self) -> Finding {
        let counted = self.store.read(|view| {
            let (mut opened, mut closed) = (0, 0);
            for user in view.user_ids()? {
                let rows = view.user(user);
                for account in rows.accounts()?.into_iter().filter(|a| a.environment != Environment::Own) {
                    for kind in [secret::APP_KEY, secret::APP_SECRET, secret::CANO] {
                        match self.vault.open(&rows, account.id, kind) {
                            Ok(found) => opened += usize::from(found.is_some()),
                            Err(_) => closed += 1,
                        }
                    }
                }
            }
            Ok::<_, StoreError>((opened, closed))
        });
        match counted {
            Err(error) => Finding::bad("keys", error.to_string(), "see the finding about the database"),
            Ok((opened, 0)) => Finding::good("keys", format!("the master key belongs to the data and opens all {opened} sealed values")),
            Ok((_, closed)) => {
                let remedy = "put back the files of DIR/keys that were saved with this database, or enter the broker keys again";
                Finding::bad(
                    "keys",
                    format!("{closed} sealed values cannot be opened: a user's file in DIR/keys is missing or another's"),
                    remedy,
                )
            }
        }
    }

    fn examine_calendar(&self) -> Finding {
        let last = self.trading.calendar().covers().1;
        let days = (last - kst_date(self.market.now())).get_days();
        let found = format!("US sessions are known until {last}");
        if days < 0 {
            Finding::bad("calendar", found, "install a newer version, or write the year into DIR/calendar-nyse.toml")
        } else if days <= EXPIRY_NOTICES[0] {
            Finding::advice("calendar", found, "install a newer version soon, or write the coming year into DIR/calendar-nyse.toml")
        } else {
            Finding::good("calendar", found)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn of<'f>(findings: &'f [Finding], check: &str) -> &'f Finding {
        findings.iter().find(|f| f.check == check).unwrap_or_else(|| panic!("no {check} in {findings:?}"))
    }

    #[test]
    fn a_good_folder_is_measured_and_left_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let findings = examine_folder(dir.path());
        assert_eq!(of(&findings, "folder").health, Health::Good);
        assert_eq!(of(&findings, "privacy").health, Health::Good);
        assert!(of(&findings, "disk").found.contains("p50, p99 of 50"), "{findings:?}");
        assert_eq!(fs_err::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_remedy() {
        let dir = tempfile::tempdir().unwrap();
        let missing = examine_folder(&dir.path().join("none"));
        assert!(missing.len() == 1 && missing[0].health == Health::Bad && missing[0].remedy.as_ref().unwrap().contains("chown"));
        let database = dir.path().join(crate::storage::DATABASE_FILE);
        fs_err::write(&database, b"data").unwrap();
        fs_err::set_permissions(&database, std::fs::Permissions::from_mode(0o644)).unwrap();
        let findings = examine_folder(dir.path());
        let privacy = of(&findings, "privacy");
        assert!(privacy.health == Health::Bad && privacy.remedy.as_ref().unwrap().contains("eggmoney.redb"), "{privacy:?}");
    }

    #[test]
    fn figures_are_judged() {
        let times = |ms: u64| vec![Duration::from_millis(ms); 50];
        assert_eq!([5, 60, 2_500].map(|ms| speed(&times(ms)).health), [Health::Good, Health::Advice, Health::Bad]);
        let mut one = times(5);
        one[49] = MUCH_TOO_SLOW;
        assert_eq!(speed(&one).health, Health::Bad, "p99 of fifty is the longest");
        assert_eq!([DISK_LOW - 1, 2 * DISK_LOW, 40 * DISK_LOW].map(|b| room(b).health), [Health::Bad, Health::Advice, Health::Good]);
        assert_eq!([None, Some(2_001), Some(-400)].map(|ms| examine_clock(ms).health), [Health::Advice, Health::Bad, Health::Good]);
    }
}
