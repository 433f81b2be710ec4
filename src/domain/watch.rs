//! What is told of the running installation without being asked: conditions that call for somebody, once
//! per episode, and that they are over. Everything here is pure; what holds is looked up elsewhere.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::instrument::Market;
use super::message::Level;

/// Less free space than this is too little.
pub const DISK_LOW: u64 = 1 << 30;
/// From this on there is enough again.
pub const DISK_ENOUGH: u64 = DISK_LOW + DISK_LOW / 2;
/// A backup older than this is too old: the daily one failed, and the one after it.
pub const BACKUP_OLD: SignedDuration = SignedDuration::from_hours(48);
/// A clock that is off by more, in milliseconds, is told; beyond five seconds brokers refuse.
pub const CLOCK_OFF_MS: u64 = 2_000;
/// Below this it is right again.
pub const CLOCK_RIGHT_MS: u64 = 1_200;
/// A host is out of reach when nothing was answered for so long,
pub const HOST_SILENT: SignedDuration = SignedDuration::from_secs(60);
/// and so many calls failed meanwhile.
pub const HOST_FAILURES: u64 = 3;
/// Days before the end of something at which it is told, each once.
pub const EXPIRY_NOTICES: [i32; 3] = [30, 7, 1];
/// What is shown of an end that lies farther away; notices come later.
pub const EXPIRY_NEAR: i32 = EXPIRY_NOTICES[0];

/// Something that ends on a day.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Expiring {
    /// A broker's app key.
    BrokerKey { account: String },
    /// The term of a mock account at a broker.
    MockTerm { account: String },
    /// The days that the calendar of a market knows.
    Calendar {
        #[schema(value_type = String)]
        market: Market,
    },
    /// The certificate that this server speaks TLS with.
    Certificate,
    /// The certificate that answers at the public address.
    PublicCertificate { host: String },
}

impl Expiring {
    fn key(&self) -> String {
        match self {
            Self::BrokerKey { account } => format!("broker_key:{account}"),
            Self::MockTerm { account } => format!("mock_term:{account}"),
            Self::Calendar { market } => format!("calendar:{}", market.code()),
            Self::Certificate => "certificate".to_owned(),
            Self::PublicCertificate { host } => format!("public_certificate:{host}"),
        }
    }
}

/// When what an account has at its broker ends, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountEnds {
    /// The day on which the app key was entered here.
    #[serde(default)]
    pub key_entered: Option<Date>,
    /// The last day of the app key, as its owner read it at the broker.
    #[serde(default)]
    pub key_until: Option<Date>,
    /// The last day of a mock account's term.
    #[serde(default)]
    pub mock_until: Option<Date>,
}

impl AccountEnds {
    /// The last day of the app key, which is good for a year from its issue, and whether that is only counted from the day on which it was
    /// entered: it may have been issued earlier.
    pub fn key_end(&self) -> Option<(Date, bool)> {
        match (self.key_until, self.key_entered) {
            (Some(until), _) => Some((until, false)),
            (None, Some(entered)) => Some((entered.saturating_add(jiff::Span::new().years(1)), true)),
            (None, None) => None,
        }
    }
}

/// Slots of one kind that did not run in time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LostSlots {
    /// The trading date.
    pub session: Date,
    /// `decision`, `slice`, …
    pub job: String,
    /// Slots of all accounts together.
    pub slots: usize,
}

/// What somebody should look after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Alert {
    /// The volume of the data folder is nearly full.
    DiskLow { free_bytes: u64 },
    /// There is no backup that is young enough.
    BackupOld { last: Option<Timestamp> },
    /// The clock differs from what several hosts say.
    ClockOff { ahead_ms: i64 },
    /// Slots of a session did not run in time.
    SlotsLost { session: Date, slots: usize },
    /// A host cannot be reached.
    HostDown { host: String, since: Timestamp },
    /// The scheduler does not run, so that nothing is traded.
    SchedulerSilent { since: Timestamp },
    /// The address that hears of our being alive does not answer.
    PingFails { since: Timestamp },
    /// The other installation does not answer.
    PeerSilent { since: Timestamp },
    /// Something ends soon, or has ended.
    Expires { expiring: Expiring, on: Date, days: i32 },
}

impl Alert {
    /// The same for everything that is one episode.
    pub fn key(&self) -> String {
        match self {
            Self::DiskLow { .. } => "disk_low".to_owned(),
            Self::BackupOld { .. } => "backup_old".to_owned(),
            Self::ClockOff { .. } => "clock_off".to_owned(),
            Self::SlotsLost { session, .. } => format!("slots_lost:{session}"),
            Self::HostDown { host, .. } => format!("host_down:{host}"),
            Self::SchedulerSilent { .. } => "scheduler_silent".to_owned(),
            Self::PingFails { .. } => "ping_fails".to_owned(),
            Self::PeerSilent { .. } => "peer_silent".to_owned(),
            Self::Expires { expiring, on, days } => format!("expires:{}:{on}:{}", expiring.key(), notice_of(*days).unwrap_or(EXPIRY_NEAR)),
        }
    }

    /// How much it matters.
    pub fn level(&self) -> Level {
        match self {
            Self::SchedulerSilent { .. } | Self::DiskLow { .. } => Level::Error,
            Self::Expires { days, .. } if *days > EXPIRY_NOTICES[1] => Level::Info,
            _ => Level::Warning,
        }
    }

    /// Whether its end is told. What was lost stays lost, and what was renewed needs no word.
    fn end_is_told(&self) -> bool {
        !matches!(self, Self::SlotsLost { .. } | Self::Expires { .. })
    }

    /// For how long it must hold before it is told.
    fn patience(&self) -> SignedDuration {
        match self {
            Self::ClockOff { .. } => SignedDuration::from_mins(5),
            _ => SignedDuration::ZERO,
        }
    }

    /// For how long it must be over before that is told: who comes and goes is told once.
    fn calm(&self) -> SignedDuration {
        match self {
            Self::HostDown { .. } | Self::ClockOff { .. } | Self::PingFails { .. } | Self::PeerSilent { .. } => {
                SignedDuration::from_mins(10)
            }
            _ => SignedDuration::ZERO,
        }
    }
}

/// Which of the notices before an end is due; `Some(0)` once the day is over, `None` while it is far.
fn notice_of(days: i32) -> Option<i32> {
    if days < 0 {
        return Some(0);
    }
    EXPIRY_NOTICES.into_iter().filter(|notice| days <= *notice).min()
}

/// Whether something calls for somebody at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Bad,
    /// Not known, or between bad and good: whatever was, stays.
    Unsure,
    Good,
}

/// Something that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    pub alert: Alert,
    pub standing: Standing,
}

impl Sighting {
    /// Free space where the data lies.
    pub fn disk(free_bytes: u64) -> Self {
        let standing = match free_bytes {
            ..DISK_LOW => Standing::Bad,
            DISK_LOW..DISK_ENOUGH => Standing::Unsure,
            DISK_ENOUGH.. => Standing::Good,
        };
        Self { alert: Alert::DiskLow { free_bytes }, standing }
    }

    /// The last backup; `since` is when backups could first have been made.
    pub fn backup(last: Option<Timestamp>, since: Timestamp, now: Timestamp) -> Self {
        let old = now.duration_since(last.unwrap_or(since)) > BACKUP_OLD;
        Self { alert: Alert::BackupOld { last }, standing: if old { Standing::Bad } else { Standing::Good } }
    }

    /// The clock by what others say; `None` when nobody has said anything lately.
    pub fn clock(ahead_ms: Option<i64>) -> Self {
        let standing = match ahead_ms.map(i64::unsigned_abs) {
            Some(off) if off > CLOCK_OFF_MS => Standing::Bad,
            Some(off) if off <= CLOCK_RIGHT_MS => Standing::Good,
            _ => Standing::Unsure,
        };
        Self { alert: Alert::ClockOff { ahead_ms: ahead_ms.unwrap_or_default() }, standing }
    }

    /// A host and its failures in a row.
    pub fn host(host: &str, failing: Option<(Timestamp, u64)>, now: Timestamp) -> Self {
        let standing = match failing {
            None => Standing::Good,
            Some((since, failures)) if failures >= HOST_FAILURES && now.duration_since(since) >= HOST_SILENT => Standing::Bad,
            Some(_) => Standing::Unsure,
        };
        Self { alert: Alert::HostDown { host: host.to_owned(), since: failing.map_or(now, |(since, _)| since) }, standing }
    }

    /// Something that is bad or good.
    pub fn of(alert: Alert, bad: bool) -> Self {
        Self { alert, standing: if bad { Standing::Bad } else { Standing::Good } }
    }

    /// Something that ends on a day; `None` while that is far away.
    pub fn expiry(expiring: Expiring, on: Date, today: Date) -> Option<Self> {
        let days = (on - today).get_days();
        notice_of(days).map(|_| Self::of(Alert::Expires { expiring, on, days }, true))
    }
}

/// A time in which something called for somebody, and that was told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Episode {
    pub alert: Alert,
    pub since: Timestamp,
}

/// What is to be told and kept after a look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// To be told and kept.
    pub begun: Vec<Episode>,
    /// To be told and forgotten.
    pub ended: Vec<Episode>,
    /// To be forgotten.
    pub dropped: Vec<Episode>,
}

impl Changes {
    pub fn is_empty(&self) -> bool {
        self.begun.is_empty() && self.ended.is_empty() && self.dropped.is_empty()
    }
}

/// Remembers since when things are as they are. What was told is kept elsewhere, so that a restart tells
/// nothing twice.
#[derive(Debug, Default)]
pub struct Watcher {
    /// Key → whether it is bad, and since when.
    seen: BTreeMap<String, (bool, Timestamp)>,
}

impl Watcher {
    /// Compares what was seen with what was told. What was told and is not looked at any more (a host
    /// that is no longer in the configuration, an end that was put off) is forgotten without a word.
    pub fn judge(&mut self, told: &BTreeMap<String, Episode>, sightings: Vec<Sighting>, now: Timestamp) -> Changes {
        let mut changes = Changes::default();
        let mut present = BTreeMap::new();
        for Sighting { alert, standing } in sightings {
            let key = alert.key();
            let before = self.seen.get(&key).copied();
            let bad = match standing {
                Standing::Bad => true,
                Standing::Good => false,
                Standing::Unsure => before.map_or(told.contains_key(&key), |(bad, _)| bad),
            };
            let since = before.filter(|(was, _)| *was == bad).map_or(now, |(_, since)| since);
            let held = now.duration_since(since);
            match told.get(&key) {
                None if standing == Standing::Bad && held >= alert.patience() => changes.begun.push(Episode { alert, since: now }),
                Some(episode) if !bad && held >= alert.calm() => {
                    let list = if alert.end_is_told() { &mut changes.ended } else { &mut changes.dropped };
                    list.push(episode.clone());
                }
                _ => {}
            }
            present.insert(key, (bad, since));
        }
        changes.dropped.extend(told.iter().filter(|(key, _)| !present.contains_key(*key)).map(|(_, episode)| episode.clone()));
        self.seen = present;
        changes
    }
}

/// A span of life of the server, as the next one finds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerRun {
    pub started_at: Timestamp,
    /// When it was stopped in order; `None` while it runs, and after a crash.
    #[serde(default)]
    pub stopped_at: Option<Timestamp>,
}

/// How long nothing ran before this start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Absence {
    /// When the last run ended, or its last sign of life.
    pub since: Timestamp,
    /// It was stopped in order.
    pub clean: bool,
}

impl Absence {
    /// From the last run's record and the last sign of life on the disk; `None` at the very first start.
    pub fn of(last: Option<&ServerRun>, sign_of_life: Option<Timestamp>) -> Option<Self> {
        let last = last?;
        Some(match last.stopped_at {
            Some(since) => Self { since, clean: true },
            None => Self { since: sign_of_life.unwrap_or(last.started_at).max(last.started_at), clean: false },
        })
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + 60 * minute).unwrap()
    }

    /// A watcher with what it told.
    #[derive(Default)]
    struct Told {
        watcher: Watcher,
        told: BTreeMap<String, Episode>,
    }

    impl Told {
        fn look(&mut self, sightings: Vec<Sighting>, minute: i64) -> Changes {
            let changes = self.watcher.judge(&self.told, sightings, at(minute));
            for episode in &changes.begun {
                assert!(self.told.insert(episode.alert.key(), episode.clone()).is_none(), "told twice: {episode:?}");
            }
            for episode in changes.ended.iter().chain(&changes.dropped) {
                assert!(self.told.remove(&episode.alert.key()).is_some(), "ended twice: {episode:?}");
            }
            changes
        }

        fn counts(&mut self, sightings: Vec<Sighting>, minute: i64) -> (usize, usize, usize) {
            let changes = self.look(sightings, minute);
            (changes.begun.len(), changes.ended.len(), changes.dropped.len())
        }
    }

    #[test]
    fn a_full_disk_is_told_once_also_over_a_restart_and_so_is_its_end() {
        let mut world = Told::default();
        let disk = |bytes| vec![Sighting::disk(bytes)];
        assert_eq!(world.counts(disk(DISK_LOW), 0), (0, 0, 0), "between low and enough nothing is news");
        assert_eq!(world.counts(disk(DISK_LOW - 1), 1), (1, 0, 0));
        assert_eq!(world.counts(disk(5), 2), (0, 0, 0));
        world.watcher = Watcher::default();
        assert_eq!(world.counts(disk(5), 3), (0, 0, 0));
        assert_eq!(world.counts(disk(DISK_ENOUGH - 1), 4), (0, 0, 0), "it wavers");
        assert_eq!(world.counts(disk(DISK_ENOUGH), 5), (0, 1, 0));
        assert_eq!(world.counts(disk(DISK_ENOUGH), 6), (0, 0, 0));
        assert_eq!(world.counts(disk(0), 7), (1, 0, 0), "another episode");
    }

    #[test]
    fn a_host_that_comes_and_goes_is_told_once() {
        let mut world = Told::default();
        let down = |since| vec![Sighting::host("kis_live", Some((at(since), HOST_FAILURES)), at(since + 1))];
        let up = |minute| vec![Sighting::host("kis_live", None, at(minute))];
        assert_eq!(world.counts(vec![Sighting::host("kis_live", Some((at(0), 2)), at(60))], 0), (0, 0, 0), "two failures");
        assert_eq!(world.counts(down(0), 1), (1, 0, 0));
        for minute in [2, 6, 10, 14] {
            assert_eq!(world.counts(up(minute), minute), (0, 0, 0));
            assert_eq!(world.counts(down(minute), minute + 2), (0, 0, 0));
        }
        assert_eq!(world.counts(up(20), 20), (0, 0, 0));
        assert_eq!(world.counts(up(30), 30), (0, 1, 0), "calm for ten minutes");
        world.look(down(40), 41);
        assert_eq!(world.counts(Vec::new(), 42), (0, 0, 1), "no longer in the configuration");
    }

    #[test]
    fn a_clock_must_be_off_for_a_while_and_not_known_is_neither() {
        let mut world = Told::default();
        let clock = |ms| vec![Sighting::clock(ms)];
        for (minute, ms) in [(0, Some(2_001)), (4, Some(-9_000)), (5, None), (6, Some(3_000))] {
            assert_eq!(world.counts(clock(ms), minute), if minute == 6 { (1, 0, 0) } else { (0, 0, 0) }, "minute {minute}");
        }
        assert_eq!(world.counts(clock(None), 50), (0, 0, 0));
        assert_eq!(world.counts(clock(Some(1_000)), 51), (0, 0, 0));
        assert_eq!(world.counts(clock(Some(-1_200)), 61), (0, 1, 0));
    }

    #[test]
    fn an_end_is_told_thirty_seven_and_one_day_ahead_and_when_it_came() {
        let mut world = Told::default();
        let on = date(2027, 3, 1);
        let mut told = Vec::new();
        for before in (-3..=45).rev() {
            let today = on.saturating_sub(jiff::Span::new().days(before));
            let seen: Vec<Sighting> = Sighting::expiry(Expiring::Certificate, on, today).into_iter().collect();
            // Looked at many times a day.
            for _ in 0..3 {
                told.extend(world.look(seen.clone(), 1_440 * (100 - before)).begun.into_iter().map(|_| before));
            }
        }
        assert_eq!(told, [30, 7, 1, -1]);
        // Renewed: nothing is told, and a year later it begins anew.
        assert_eq!(world.counts(Vec::new(), 1_440 * 110), (0, 0, 1));
        let next = Sighting::expiry(Expiring::Certificate, date(2028, 3, 1), date(2028, 2, 28)).unwrap();
        assert_eq!(next.alert.level(), Level::Warning);
        assert_eq!(world.counts(vec![next], 1_440 * 500), (1, 0, 0));
    }

    #[test]
    fn lost_slots_are_told_once_a_session() {
        let mut world = Told::default();
        let lost = |day, slots| vec![Sighting::of(Alert::SlotsLost { session: date(2026, 5, day), slots }, slots > 0)];
        assert_eq!(world.counts(lost(14, 0), 0), (0, 0, 0));
        assert_eq!(world.counts(lost(14, 2), 1), (1, 0, 0));
        assert_eq!(world.counts(lost(14, 9), 2), (0, 0, 0));
        assert_eq!(world.counts(lost(15, 0), 3), (0, 0, 1), "the next session begins without a word");
        assert_eq!(world.counts(lost(15, 1), 4), (1, 0, 0));
    }

    #[test]
    fn a_backup_is_old_after_two_days_also_when_there_was_never_one() {
        let day = 1_440;
        let standing = |last: Option<i64>, now| Sighting::backup(last.map(at), at(0), at(now)).standing;
        assert_eq!(standing(None, 2 * day), Standing::Good);
        assert_eq!(standing(None, 2 * day + 1), Standing::Bad);
        assert_eq!(standing(Some(day), 3 * day), Standing::Good);
        assert_eq!(standing(Some(day), 3 * day + 1), Standing::Bad);
    }

    #[test]
    fn an_absence_lasts_from_the_stop_or_from_the_last_sign_of_life() {
        let run = |stopped_at| ServerRun { started_at: at(10), stopped_at };
        assert_eq!(Absence::of(None, Some(at(5))), None);
        assert_eq!(Absence::of(Some(&run(Some(at(20)))), Some(at(99))), Some(Absence { since: at(20), clean: true }));
        assert_eq!(Absence::of(Some(&run(None)), Some(at(30))), Some(Absence { since: at(30), clean: false }));
        assert_eq!(Absence::of(Some(&run(None)), Some(at(3))), Some(Absence { since: at(10), clean: false }), "a clock that was set");
        assert_eq!(Absence::of(Some(&run(None)), None), Some(Absence { since: at(10), clean: false }));
    }

    proptest! {
        /// However the world turns and the server restarts: beginnings and ends alternate for each
        /// condition, nothing begins while all is well, and nothing is left open when all stays well.
        #[test]
        fn beginnings_and_ends_alternate(steps in proptest::collection::vec((0..3_u8, 0..3_u8, any::<bool>()), 1..200)) {
            let standing = |n: u8| [Standing::Bad, Standing::Unsure, Standing::Good][usize::from(n)];
            let alerts = [Alert::DiskLow { free_bytes: 1 }, Alert::PeerSilent { since: at(0) }];
            let sighted = |n: [u8; 2]| -> Vec<Sighting> {
                alerts.iter().zip(n).map(|(alert, n)| Sighting { alert: alert.clone(), standing: standing(n) }).collect()
            };
            let mut world = Told::default();
            let mut minute = 0;
            for (first, second, restart) in steps {
                minute += 1;
                if restart {
                    world.watcher = Watcher::default();
                }
                // `look` fails when something begins or ends twice.
                let changes = world.look(sighted([first, second]), minute);
                for (alert, n) in alerts.iter().zip([first, second]) {
                    let begun = changes.begun.iter().any(|e| e.alert == *alert);
                    prop_assert!(!(begun && standing(n) == Standing::Good));
                    prop_assert!(standing(n) != Standing::Bad || world.told.contains_key(&alert.key()));
                }
            }
            for _ in 0..12 {
                minute += 1;
                world.look(sighted([2, 2]), minute);
            }
            prop_assert!(world.told.is_empty());
        }
    }
}
