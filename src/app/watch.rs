//! Watches over the running installation, once a minute: tells administrators and owners what calls for
//! them, gives signs of life to the outside, and looks after another installation. What is bad and when it
//! is told is decided in `domain::watch`; here it is looked up, stored and posted.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret;
use serde::Serialize;
use utoipa::ToSchema;

use super::expiry;
use super::logs;
use super::state::App;
use super::web::ProviderWeb;
use crate::auth::oidc::Web;
use crate::auth::{AuthError, OutpostKind};
use crate::domain::clock::kst_date;
use crate::domain::message::Notice;
use crate::domain::reach::Reach;
use crate::domain::user::Role;
use crate::domain::watch::{Absence, Alert, Changes, Episode, ServerRun, Sighting, Watcher};
use crate::storage::tables::{EPISODES, OWN_EPISODES, SERVER_RUNS, USERS};
use crate::storage::{DATABASE_FILE, Key, StoreError, Tx};

/// After a start the accounts get so long to note what they have missed.
const SETTLED_AFTER: SignedDuration = SignedDuration::from_secs(45);
/// Signs of life that did not get through for so long are told.
const PING_PATIENCE: SignedDuration = SignedDuration::from_mins(15);
/// What ends is looked at so often; days do not pass faster.
const EXPIRIES_EVERY: SignedDuration = SignedDuration::from_hours(1);
/// The certificate at the public address is looked at so often.
const PUBLIC_EVERY: SignedDuration = SignedDuration::from_hours(24);

/// How it stands with an address that is called again and again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Contact {
    /// When it last answered as it should.
    pub last_success: Option<Timestamp>,
    /// Since when it does not; `null` while it does.
    pub failing_since: Option<Timestamp>,
    /// Why not, in words.
    pub problem: Option<String>,
    #[serde(skip)]
    not_before: Option<Timestamp>,
}

impl Contact {
    fn note(&mut self, result: Result<(), String>, now: Timestamp) {
        match result {
            Ok(()) => *self = Self { last_success: Some(now), not_before: self.not_before, ..Self::default() },
            Err(problem) => {
                self.failing_since = self.failing_since.or(Some(now));
                self.problem = Some(problem);
            }
        }
    }

    fn is_due(&self, now: Timestamp) -> bool {
        self.not_before.is_none_or(|at| now >= at)
    }

    fn failed_for(&self, now: Timestamp) -> Option<(Timestamp, SignedDuration)> {
        self.failing_since.map(|since| (since, now.duration_since(since)))
    }
}

/// What the watch remembers while the program runs.
#[derive(Debug, Default)]
pub struct Watch {
    /// The last sign of life that an earlier run left on the disk.
    sign_of_life: Option<Timestamp>,
    state: Mutex<State>,
    /// One look at a time.
    busy: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    watcher: Watcher,
    absence: Option<Absence>,
    ping: Contact,
    peer: Contact,
    expiries: Vec<Sighting>,
    expiries_at: Option<Timestamp>,
    public: Option<(String, Date)>,
    public_at: Option<Timestamp>,
}

impl Watch {
    /// Looks for traces of an earlier run; call it before the data are opened.
    pub(super) fn begin(data_dir: &std::path::Path) -> Self {
        let database = fs_err::metadata(data_dir.join(DATABASE_FILE)).and_then(|m| m.modified()).ok();
        let database = database.and_then(|at| Timestamp::try_from(at).ok());
        Self { sign_of_life: database.max(logs::last_written(data_dir)), ..Self::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How it stands with an outpost.
    pub fn contact(&self, kind: OutpostKind) -> Contact {
        let state = self.state();
        match kind {
            OutpostKind::Ping => state.ping.clone(),
            OutpostKind::Peer => state.peer.clone(),
        }
    }

    /// An outpost was changed: what was seen of the one before says nothing.
    pub fn forget_contact(&self, kind: OutpostKind) {
        let mut state = self.state();
        match kind {
            OutpostKind::Ping => state.ping = Contact::default(),
            OutpostKind::Peer => state.peer = Contact::default(),
        }
    }

    /// The last day of the certificate that was last seen at a host.
    pub(super) fn public_certificate(&self, host: &str) -> Option<Date> {
        self.state().public.as_ref().filter(|(seen, _)| seen == host).map(|(_, day)| *day)
    }
}

fn run_key() -> Key {
    Key::new().text("last")
}

/// Posts a notice to every administrator who may sign in.
fn tell_administrators(tx: &mut Tx<'_>, at: Timestamp, notice: &Notice) -> Result<(), StoreError> {
    let people = tx.view().list(&USERS, &Key::new())?;
    for admin in people.into_iter().filter(|person| person.role == Role::Admin && person.active) {
        tx.user(admin.id).post_to_person(at, notice.level(), notice)?;
    }
    Ok(())
}

impl App {
    /// Notes that the server runs from now on, and remembers how long it did not.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn note_start(&self) -> Result<(), StoreError> {
        let last = self.store.read(|view| view.get(&SERVER_RUNS, &run_key()))?;
        self.watch.state().absence = Absence::of(last.as_ref(), self.watch.sign_of_life);
        let run = ServerRun { started_at: self.opened_at, stopped_at: None };
        self.store.write(move |tx| tx.put(&SERVER_RUNS, &run_key(), &run)).await
    }

    /// Notes that the server was stopped in order.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn note_stop(&self) -> Result<(), StoreError> {
        let run = ServerRun { started_at: self.opened_at, stopped_at: Some(self.wall.now()) };
        self.store.write(move |tx| tx.put(&SERVER_RUNS, &run_key(), &run)).await
    }

    /// One look at everything. Nothing is written while nothing changes.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn look_after(&self) -> Result<(), AuthError> {
        let Ok(_only) = self.watch.busy.try_lock() else { return Ok(()) };
        self.tell_of_start().await?;
        self.give_sign_of_life().await?;
        self.look_after_peer().await?;
        self.look_at_public_address().await?;
        let told = self.store.read(|view| {
            let rows = view.entries(&EPISODES)?;
            Ok::<_, StoreError>(rows.into_iter().map(|(_, episode)| (episode.alert.key(), episode)).collect::<BTreeMap<_, _>>())
        })?;
        let sightings = self.sightings()?;
        let changes = self.watch.state().watcher.judge(&told, sightings, self.wall.now());
        if !changes.is_empty() {
            for episode in &changes.begun {
                tracing::warn!(what = %episode.alert.key(), "administrators are told");
            }
            let at = self.market.now();
            self.store.write(move |tx| keep(tx, &changes, at)).await?;
        }
        self.look_at_own_expiries().await
    }

    /// Episodes that administrators were told of and that go on.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn open_episodes(&self) -> Result<Vec<Episode>, StoreError> {
        self.store.read(|view| view.list(&EPISODES, &Key::new()))
    }

    fn sightings(&self) -> Result<Vec<Sighting>, AuthError> {
        let (now, mut seen) = (self.wall.now(), Vec::new());
        seen.extend(super::system::disk_free(&self.config.data_dir).map(Sighting::disk));
        // Without backups at all there is nothing to be late.
        seen.extend(self.backup_health()?.map(|backup| Sighting::backup(backup.last_backup_at, self.opened_at, now)));
        seen.push(Sighting::clock(self.clock_ahead_ms()));
        for host in self.hosts() {
            // Whoever tells of a messenger that is down tells it in the app only; that is well so.
            let failing = host.failing_since.map(|since| (since, host.failures));
            seen.push(Sighting::host(host.name.code(), failing, now));
        }
        if let Ok(slots) = self.trading.slots_overview()
            && let Some(session) = slots.session
        {
            seen.push(Sighting::of(Alert::SlotsLost { session, slots: slots.missed }, slots.missed > 0));
        }
        seen.push(Sighting::of(Alert::SchedulerSilent { since: self.pulse.last() }, self.pulse.check().is_err()));
        if let Some(outpost) = self.auth.outpost(OutpostKind::Ping)? {
            let failed = self.watch.state().ping.failed_for(now);
            let patience = PING_PATIENCE.max(SignedDuration::from_mins(3 * i64::from(outpost.settings.minutes)));
            let since = failed.map_or(now, |(since, _)| since);
            seen.push(Sighting::of(Alert::PingFails { since }, failed.is_some_and(|(_, time)| time >= patience)));
        }
        if let Some(outpost) = self.auth.outpost(OutpostKind::Peer)? {
            let failed = self.watch.state().peer.failed_for(now);
            let patience = SignedDuration::from_mins(i64::from(outpost.settings.minutes));
            let since = failed.map_or(now, |(since, _)| since);
            seen.push(Sighting::of(Alert::PeerSilent { since }, failed.is_some_and(|(_, time)| time >= patience)));
        }
        if self.watch.state().expiries_at.is_none_or(|at| now.duration_since(at) >= EXPIRIES_EVERY) {
            let today = kst_date(self.market.now());
            let due = self.expiries()?.into_iter().filter_map(|expiry| expiry.sighting(today)).collect();
            self.watch.state().expiries = due;
        }
        seen.extend(self.watch.state().expiries.iter().cloned());
        Ok(seen)
    }

    /// Tells people what of their accounts ends soon.
    async fn look_at_own_expiries(&self) -> Result<(), AuthError> {
        let now = self.wall.now();
        {
            let mut state = self.watch.state();
            if state.expiries_at.is_some_and(|at| now.duration_since(at) < EXPIRIES_EVERY) {
                return Ok(());
            }
            state.expiries_at = Some(now);
        }
        let (today, at) = (kst_date(self.market.now()), self.market.now());
        for user in self.store.read(|view| view.user_ids())? {
            let changes = self.store.user(user).read(|rows| {
                let told = rows.list(&OWN_EPISODES, &Key::new())?.into_iter().map(|e| (e.alert.key(), e)).collect();
                let due = expiry::of_person(rows, today)?.into_iter().filter_map(|expiry| expiry.sighting(today)).collect();
                // An end is due or is not: there is nothing to remember between two looks.
                Ok::<_, StoreError>(Watcher::default().judge(&told, due, now))
            })?;
            if changes.is_empty() {
                continue;
            }
            let rows = self.store.user(user);
            let stored = rows.write(move |tx| {
                for episode in &changes.begun {
                    let notice = Notice::WatchRaised { alert: episode.alert.clone() };
                    tx.post_to_person(at, notice.level(), &notice)?;
                    tx.put(&OWN_EPISODES, &Key::new().text(&episode.alert.key()), episode)?;
                }
                for episode in changes.dropped.iter().chain(&changes.ended) {
                    tx.remove(&OWN_EPISODES, &Key::new().text(&episode.alert.key()))?;
                }
                Ok::<_, StoreError>(())
            });
            stored.await?;
        }
        Ok(())
    }

    /// The first message after a start, once the accounts had time to note what they missed.
    async fn tell_of_start(&self) -> Result<(), AuthError> {
        // A simulation's time stood still meanwhile.
        if self.config.simulation_speed.is_some() || self.wall.now().duration_since(self.opened_at) < SETTLED_AFTER {
            return Ok(());
        }
        let Some(Absence { since, clean }) = self.watch.state().absence.clone() else { return Ok(()) };
        let lost = self.trading.lost_since(self.opened_at).unwrap_or_default();
        let (at, until) = (self.market.now(), self.opened_at);
        self.store.write(move |tx| tell_administrators(tx, at, &Notice::ServerStarted { since, until, clean, lost: lost.clone() })).await?;
        self.watch.state().absence = None;
        Ok(())
    }

    /// Lets the outside know that the scheduler lives, and only then.
    async fn give_sign_of_life(&self) -> Result<(), AuthError> {
        let now = self.wall.now();
        if self.pulse.check().is_err() || !self.watch.state().ping.is_due(now) {
            return Ok(());
        }
        let Some(outpost) = self.auth.outpost(OutpostKind::Ping)? else { return Ok(()) };
        self.watch.state().ping.not_before = later(now, outpost.settings.minutes);
        let answer = self.web.get(outpost.address.expose_secret(), OutpostKind::Ping.reach()).await;
        let result = answer.and_then(|answer| match answer.status {
            200..=299 => Ok(()),
            status => Err(format!("it answers with status {status}")),
        });
        self.watch.state().ping.note(result, now);
        Ok(())
    }

    /// Asks the other installation whether it is alive.
    async fn look_after_peer(&self) -> Result<(), AuthError> {
        let now = self.wall.now();
        if !self.watch.state().peer.is_due(now) {
            return Ok(());
        }
        let Some(outpost) = self.auth.outpost(OutpostKind::Peer)? else { return Ok(()) };
        // Several tries before the silence is told.
        self.watch.state().peer.not_before = later(now, (outpost.settings.minutes / 3).max(1));
        let url = format!("{}/healthz", outpost.address.expose_secret());
        let result = self.web.get(&url, OutpostKind::Peer.reach()).await.and_then(|answer| match answer.status {
            200 if answer.body == b"ok" => Ok(()),
            200 => Err("it answers, but not as EggMoney does".to_owned()),
            status => Err(format!("it answers with status {status}")),
        });
        self.watch.state().peer.note(result, now);
        Ok(())
    }

    /// Looks at the certificate with which the installation meets the outside.
    async fn look_at_public_address(&self) -> Result<(), AuthError> {
        let now = self.wall.now();
        if self.watch.state().public_at.is_some_and(|at| now.duration_since(at) < PUBLIC_EVERY) {
            return Ok(());
        }
        let Some(url) = self.auth.settings()?.public_url.filter(|url| url.starts_with("https://")) else { return Ok(()) };
        self.watch.state().public_at = Some(now);
        let host = url.trim_start_matches("https://").split('/').next().unwrap_or_default().to_owned();
        // Many routers do not let a machine call itself from outside: then nothing is known.
        if let Ok(certificate) = self.web.certificate(&format!("{url}/healthz"), Reach::Lan).await {
            let day = certificate.and_then(|der| super::certificate::last_day(&der));
            self.watch.state().public = day.map(|day| (host, day));
        }
        Ok(())
    }
}

fn later(now: Timestamp, minutes: u32) -> Option<Timestamp> {
    // A look that comes a moment early must not wait for the next one.
    now.checked_add(Duration::from_secs(u64::from(minutes) * 60 - 5)).ok()
}

/// Tells administrators what changed, and keeps it so that it is told once.
fn keep(tx: &mut Tx<'_>, changes: &Changes, at: Timestamp) -> Result<(), StoreError> {
    for episode in &changes.begun {
        tx.put(&EPISODES, &Key::new().text(&episode.alert.key()), episode)?;
        tell_administrators(tx, at, &Notice::WatchRaised { alert: episode.alert.clone() })?;
    }
    for episode in &changes.ended {
        tell_administrators(tx, at, &Notice::WatchEnded { alert: episode.alert.clone(), since: episode.since })?;
    }
    for episode in changes.ended.iter().chain(&changes.dropped) {
        tx.remove(&EPISODES, &Key::new().text(&episode.alert.key()))?;
    }
    Ok(())
}

/// The way to outposts and to the own public address.
pub(super) type OutpostWeb = std::sync::Arc<ProviderWeb>;
