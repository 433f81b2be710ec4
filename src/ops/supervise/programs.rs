//! The programs that a supervisor may run: the installed one, and a copy of the one that last proved
//! healthy. With the snapshot that a new release takes of the data, that copy is the way back.
//!
//! Everything lies in `DIR/program`; each step is safe to be repeated after a power cut.

use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::app::release::{PROGRAM_FOLDER, STOPS_FILE, Stops, Undone, WayBack, read_json, release, release_of, way_back_file, write_json};
use crate::backup::Returned;
use crate::domain::limits::ReturnKind;
use crate::storage::DATABASE_FILE;

const STATE_FILE: &str = "state.json";
/// Folder with the program that last proved healthy.
const KEPT: &str = "kept";
/// Folder with the one before that.
const PREVIOUS: &str = "previous";
const FILE: &str = "eggmoney";
/// Database of a release that did not come up, beside the snapshots; the next one takes its place.
const LEFT_DATABASE: &str = "left-by-roll-back.redb";

/// Which program it is. The length tells apart what was built without a new release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Identity {
    pub release: String,
    length: u64,
}

/// What is remembered between starts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    /// Proved healthy last, and copied.
    kept: Option<Identity>,
    /// Proved healthy before that, and copied.
    previous: Option<Identity>,
    /// Was tried and is not tried again.
    refused: Option<Identity>,
    /// The way back has begun.
    returning: Option<Return>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Return {
    from: Identity,
    to: String,
    /// The data were changed: this snapshot takes their place.
    snapshot: Option<String>,
    at: Timestamp,
    reason: String,
}

/// What is to be run now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    pub program: PathBuf,
    pub release: String,
    pub on_trial: bool,
}

/// The installed program and its predecessor.
#[derive(Debug)]
pub(super) struct Programs {
    data_dir: PathBuf,
    installed: PathBuf,
    identity: Identity,
    state: State,
}

impl Programs {
    /// `installed` is the program of the package.
    ///
    /// # Errors
    /// When it cannot be found.
    pub(super) fn open(data_dir: &Path, installed: &Path) -> Result<Self, String> {
        let identity = identity_of(installed).map_err(|e| format!("cannot use the program {}: {e}", installed.display()))?;
        let mut programs = Self { data_dir: data_dir.to_path_buf(), installed: installed.to_path_buf(), identity, state: State::default() };
        programs.state = read_json(&programs.file(STATE_FILE)).unwrap_or_default();
        Ok(programs)
    }

    /// What is to be run now. A way back that has begun is gone to its end first.
    ///
    /// # Errors
    /// When that is not possible, in a sentence.
    pub(super) fn choose(&mut self) -> Result<Choice, String> {
        if let Some(returning) = self.state.returning.clone() {
            self.finish(&returning).map_err(|e| format!("cannot go back to {}: {e}", returning.to))?;
        }
        let refused = self.state.refused.as_ref() == Some(&self.identity);
        if let Some(kept) = self.kept().filter(|_| refused) {
            return Ok(Choice { program: self.copy_in(KEPT), release: kept.release, on_trial: false });
        }
        let on_trial = self.state.kept.as_ref() != Some(&self.identity);
        Ok(Choice { program: self.installed.clone(), release: self.identity.release.clone(), on_trial })
    }

    /// The installed program has proved healthy: it is what a later one goes back to.
    ///
    /// # Errors
    /// When it cannot be copied; it is then on trial again at the next start.
    pub(super) fn accept(&mut self) -> io::Result<()> {
        let fresh = self.file("new");
        copy_program(&self.installed, &self.identity.release, &fresh)?;
        let mut state = State { kept: Some(self.identity.clone()), ..State::default() };
        if let Some(kept) = self.kept() {
            exchange(&self.file(KEPT), &self.file(PREVIOUS))?;
            state.previous = Some(kept);
        }
        exchange(&fresh, &self.file(KEPT))?;
        self.save(state)
    }

    /// Goes back to the program that is kept and to the data as it left them; `false` when there is none.
    /// Only for a release that was on trial all the time: it has placed no order.
    ///
    /// # Errors
    /// When that is not possible; [`Programs::choose`] tries again.
    pub(super) fn go_back(&mut self, reason: &str, at: Timestamp) -> Result<bool, String> {
        let Some(kept) = self.kept() else { return Ok(false) };
        // Without a note the data are as they were: it is written before they are changed.
        let way_back: Option<WayBack> = read_json(&way_back_file(&self.data_dir));
        let snapshot = way_back.map(|way| way.snapshot);
        let returning = Return { from: self.identity.clone(), to: kept.release, snapshot, at, reason: reason.to_owned() };
        let begun = self.save(State { returning: Some(returning.clone()), ..self.state.clone() });
        begun.and_then(|()| self.finish(&returning)).map_err(|e| format!("cannot go back to {}: {e}", returning.to))?;
        Ok(true)
    }

    /// Goes back from a release that had proved healthy, on a person's word.
    ///
    /// # Errors
    /// Why that is not possible, in a sentence.
    pub(super) fn go_back_by_hand(&mut self, at: Timestamp) -> Result<String, String> {
        let no_way = "there is no way back: orders were placed since the upgrade, or there was none. Install a newer version instead";
        let way_back: WayBack = read_json(&way_back_file(&self.data_dir)).ok_or(no_way)?;
        let previous = self.state.previous.clone().filter(|p| Some(&p.release) == way_back.from.as_ref());
        let previous = previous.filter(|p| identity_of(&self.copy_in(PREVIOUS)).is_ok_and(|i| i.length == p.length));
        let (previous, kept) = previous.zip(self.state.kept.clone()).ok_or("the program before the upgrade was not kept")?;
        let failed = |e: io::Error| format!("cannot go back to {}: {e}", previous.release);
        exchange(&self.file(PREVIOUS), &self.file(KEPT)).map_err(failed)?;
        let reason = "an administrator asked for it".to_owned();
        let returning = Return { from: kept, to: previous.release.clone(), snapshot: Some(way_back.snapshot), at, reason };
        let state = State { kept: Some(previous.clone()), returning: Some(returning.clone()), ..State::default() };
        self.save(state).and_then(|()| self.finish(&returning)).map_err(failed)?;
        Ok(format!("{} and its data are back; the next start runs it", previous.release))
    }

    /// Notes that the server ended by itself, for the administrators.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub(super) fn note_stop(&self, how: &str, at: Timestamp) -> io::Result<()> {
        let file = self.file(STOPS_FILE);
        let stops: Stops = read_json(&file).unwrap_or_default();
        let first = stops.first.or(Some(at));
        write_json(&file, &Stops { times: stops.times.saturating_add(1), first, last: Some(at), how: how.to_owned(), ..stops })
    }

    /// Bytes of the data: more of them take longer to save and to change.
    pub(super) fn data_bytes(&self) -> u64 {
        fs_err::metadata(self.data_dir.join(DATABASE_FILE)).map_or(0, |m| m.len())
    }

    fn finish(&mut self, returning: &Return) -> io::Result<()> {
        if let Some(snapshot) = &returning.snapshot {
            self.put_back(snapshot)?;
        }
        let (from, to) = (returning.from.release.as_str(), returning.to.as_str());
        let returned = Returned { kind: ReturnKind::RollBack, at: returning.at, from: Some(from.to_owned()), generation: None };
        returned.write(&self.data_dir).map_err(io::Error::other)?;
        match fs_err::remove_file(way_back_file(&self.data_dir)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let file = self.file(STOPS_FILE);
        let undone = Undone { from: from.to_owned(), to: to.to_owned(), reason: returning.reason.clone(), at: returning.at };
        write_json(&file, &Stops { undone: Some(undone), ..read_json(&file).unwrap_or_default() })?;
        self.save(State { refused: Some(returning.from.clone()), returning: None, ..self.state.clone() })
    }

    /// Puts a snapshot in the place of the data. Those stay beside the snapshots, for whoever looks for
    /// the cause.
    fn put_back(&self, snapshot: &str) -> io::Result<()> {
        let snapshots = crate::storage::snapshots_dir(&self.data_dir);
        let (database, fresh) = (self.data_dir.join(DATABASE_FILE), self.data_dir.join(".returning.redb"));
        fs_err::copy(snapshots.join(snapshot), &fresh)?;
        fs_err::File::open(&fresh)?.sync_all()?;
        if database.exists() {
            fs_err::rename(&database, snapshots.join(LEFT_DATABASE))?;
        }
        fs_err::rename(&fresh, &database)?;
        sync(&self.data_dir)
    }

    /// The program that is kept, if its copy is whole.
    fn kept(&self) -> Option<Identity> {
        let kept = self.state.kept.clone()?;
        identity_of(&self.copy_in(KEPT)).is_ok_and(|found| found.length == kept.length).then_some(kept)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.data_dir.join(PROGRAM_FOLDER).join(name)
    }

    fn copy_in(&self, folder: &str) -> PathBuf {
        self.file(folder).join(FILE)
    }

    fn save(&mut self, state: State) -> io::Result<()> {
        write_json(&self.file(STATE_FILE), &state)?;
        self.state = state;
        Ok(())
    }
}

fn identity_of(program: &Path) -> io::Result<Identity> {
    let length = fs_err::metadata(program)?.len();
    let running = || std::env::current_exe().is_ok_and(|own| own == program).then(release);
    let release = release_of(program).or_else(running).unwrap_or_else(|| "unknown".to_owned());
    Ok(Identity { release, length })
}

/// Copies a program with its release into a folder of its own.
fn copy_program(program: &Path, release: &str, folder: &Path) -> io::Result<()> {
    remove(folder)?;
    fs_err::create_dir_all(folder)?;
    let copy = folder.join(FILE);
    // With its permissions: it stays executable.
    fs_err::copy(program, &copy)?;
    fs_err::write(folder.join(format!("{FILE}.version")), format!("{release}\n"))?;
    fs_err::File::open(&copy)?.sync_all()?;
    sync(folder)
}

/// Puts a folder into the place of another.
fn exchange(from: &Path, to: &Path) -> io::Result<()> {
    remove(to)?;
    fs_err::rename(from, to)?;
    to.parent().map_or(Ok(()), sync)
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs_err::remove_dir_all(folder) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

fn sync(folder: &Path) -> io::Result<()> {
    fs_err::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_778_760_000 + minute * 60).unwrap()
    }

    /// A data folder and a place for programs.
    struct Place(tempfile::TempDir);

    impl Place {
        fn new() -> Self {
            let place = Self(tempfile::tempdir().unwrap());
            fs_err::create_dir_all(place.data().join("snapshots")).unwrap();
            place
        }

        fn data(&self) -> PathBuf {
            self.0.path().join("data")
        }

        /// Installs a release, as a package does: always in the same place.
        fn install(&self, release: &str) -> Programs {
            let program = self.0.path().join("eggmoney");
            fs_err::write(&program, format!("the program {release}")).unwrap();
            fs_err::write(self.0.path().join("eggmoney.version"), release).unwrap();
            Programs::open(&self.data(), &program).unwrap()
        }

        fn write(&self, name: &str, text: &str) {
            fs_err::write(self.data().join(name), text).unwrap();
        }

        fn read(&self, name: &str) -> Option<String> {
            fs_err::read_to_string(self.data().join(name)).ok()
        }

        /// What a new release does before it changes the data.
        fn save_data(&self, from: &str, to: &str) {
            let snapshot = format!("before-release-{to}-from-{from}.redb");
            fs_err::copy(self.data().join(DATABASE_FILE), self.data().join("snapshots").join(&snapshot)).unwrap();
            let way_back = WayBack { from: Some(from.to_owned()), to: to.to_owned(), snapshot, at: at(0) };
            write_json(&way_back_file(&self.data()), &way_back).unwrap();
            self.write(DATABASE_FILE, "data as the new release likes them");
        }
    }

    fn shown(choice: &Choice) -> (bool, String, String) {
        (choice.on_trial, choice.release.clone(), fs_err::read_to_string(&choice.program).unwrap())
    }

    fn runs(release: &str, on_trial: bool) -> (bool, String, String) {
        (on_trial, release.to_owned(), format!("the program {release}"))
    }

    #[test]
    fn a_release_is_on_trial_until_it_is_accepted_and_then_kept() {
        let place = Place::new();
        let mut first = place.install("1.0-1");
        assert_eq!(shown(&first.choose().unwrap()), runs("1.0-1", true));
        assert_eq!(first.go_back("it crashed", at(1)), Ok(false), "there is nothing to go back to");
        first.accept().unwrap();
        assert_eq!(shown(&place.install("1.0-1").choose().unwrap()), runs("1.0-1", false));
        let mut second = place.install("1.0-2");
        assert_eq!(shown(&second.choose().unwrap()), runs("1.0-2", true));
        second.accept().unwrap();
        assert_eq!(place.read("program/kept/eggmoney").unwrap(), "the program 1.0-2");
        assert_eq!(place.read("program/previous/eggmoney").unwrap(), "the program 1.0-1");
        assert_eq!(place.read("program/kept/eggmoney.version").unwrap(), "1.0-2\n");
    }

    #[test]
    fn a_release_that_fails_leaves_program_and_data_as_they_were() {
        let place = Place::new();
        place.write(DATABASE_FILE, "data of the old release");
        place.install("1.0-1").accept().unwrap();
        let mut new = place.install("1.0-2");
        place.save_data("1.0-1", "1.0-2");
        assert_eq!(new.go_back("it crashed twice", at(1)), Ok(true));
        assert_eq!(shown(&new.choose().unwrap()), runs("1.0-1", false));
        assert_eq!(place.read(DATABASE_FILE).unwrap(), "data of the old release");
        assert_eq!(place.read("snapshots/left-by-roll-back.redb").unwrap(), "data as the new release likes them");
        assert_eq!(place.read("program/way-back.json"), None);
        let returned = Returned::read(&place.data()).unwrap().unwrap();
        assert_eq!((returned.kind, returned.at, returned.from.as_deref()), (ReturnKind::RollBack, at(1), Some("1.0-2")));
        let stops: Stops = read_json(&place.data().join("program/stops.json")).unwrap();
        assert_eq!(stops.undone.map(|u| (u.from, u.to, u.reason)), Some(("1.0-2".into(), "1.0-1".into(), "it crashed twice".into())));
        // Not tried again at the next start; but what comes after it is.
        assert_eq!(shown(&place.install("1.0-2").choose().unwrap()), runs("1.0-1", false));
        assert_eq!(shown(&place.install("1.0-3").choose().unwrap()), runs("1.0-3", true));
    }

    #[test]
    fn a_release_that_changed_nothing_leaves_the_data_alone() {
        let place = Place::new();
        place.write(DATABASE_FILE, "data of the old release");
        place.install("1.0-1").accept().unwrap();
        assert_eq!(place.install("1.0-2").go_back("it crashed", at(1)), Ok(true));
        assert_eq!(place.read(DATABASE_FILE).unwrap(), "data of the old release");
        assert_eq!(place.read("snapshots/left-by-roll-back.redb"), None);
    }

    #[test]
    fn a_way_back_that_was_interrupted_is_gone_to_its_end() {
        let place = Place::new();
        place.write(DATABASE_FILE, "data of the old release");
        place.install("1.0-1").accept().unwrap();
        place.save_data("1.0-1", "1.0-2");
        let snapshot = place.data().join("snapshots/before-release-1.0-2-from-1.0-1.redb");
        let hidden = place.data().join("elsewhere");
        fs_err::rename(&snapshot, &hidden).unwrap();
        let mut new = place.install("1.0-2");
        assert!(new.go_back("it hangs", at(1)).unwrap_err().contains("cannot go back to 1.0-1"));
        assert!(new.choose().is_err(), "and nothing runs over half of it");
        fs_err::rename(&hidden, &snapshot).unwrap();
        // Killed after the data were moved away, before the snapshot took their place.
        fs_err::remove_file(place.data().join(DATABASE_FILE)).unwrap();
        let mut again = place.install("1.0-2");
        assert_eq!(shown(&again.choose().unwrap()), runs("1.0-1", false));
        assert_eq!(place.read(DATABASE_FILE).unwrap(), "data of the old release");
        assert!(Returned::read(&place.data()).unwrap().is_some());
    }

    #[test]
    fn a_person_goes_back_until_the_first_order() {
        let place = Place::new();
        place.write(DATABASE_FILE, "data of the old release");
        place.install("1.0-1").accept().unwrap();
        assert!(place.install("1.0-1").go_back_by_hand(at(0)).unwrap_err().contains("there was none"));
        place.save_data("1.0-1", "1.0-2");
        place.install("1.0-2").accept().unwrap();
        let mut new = place.install("1.0-2");
        assert!(new.go_back_by_hand(at(1)).unwrap().starts_with("1.0-1 and its data are back"));
        assert_eq!(shown(&new.choose().unwrap()), runs("1.0-1", false));
        assert_eq!(place.read(DATABASE_FILE).unwrap(), "data of the old release");
        assert!(new.go_back_by_hand(at(2)).is_err(), "once");
    }

    #[test]
    fn a_damaged_copy_is_not_gone_back_to() {
        let place = Place::new();
        place.install("1.0-1").accept().unwrap();
        place.write("program/kept/eggmoney", "half");
        assert_eq!(place.install("1.0-2").go_back("it crashed", at(1)), Ok(false));
        place.write("program/state.json", "no JSON at all");
        assert_eq!(shown(&place.install("1.0-1").choose().unwrap()), runs("1.0-1", true));
    }

    #[test]
    fn stops_are_counted_until_they_are_told() {
        let place = Place::new();
        let programs = place.install("1.0-1");
        programs.note_stop("signal 9", at(1)).unwrap();
        programs.note_stop("exit status 101", at(2)).unwrap();
        let stops: Stops = read_json(&place.data().join("program/stops.json")).unwrap();
        let wanted = Stops { times: 2, first: Some(at(1)), last: Some(at(2)), how: "exit status 101".to_owned(), undone: None };
        assert_eq!(stops, wanted);
    }
}
