//! Numbered migrations: all missing steps in one transaction, after a snapshot. Another release of the
//! program takes a snapshot as well, even where the schema stays: whatever it does wrong can be undone.

use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::key::Key;
use super::port::{Batch, Engine, StoreError};
use super::record::{Record, decode, encode};
use super::snapshot;
use super::tables::{JOURNAL, META, Number, ORDER_FACTS, SystemTable};
use crate::domain::fact::Fact;

/// One step of the schema.
#[derive(Clone, Copy)]
pub(super) struct Step {
    pub to: u64,
    pub run: fn(&mut dyn Batch) -> Result<(), StoreError>,
}

/// All steps, in order. A step never changes once it was released.
const STEPS: &[Step] = &[
    Step { to: 1, run: |_| Ok(()) },
    Step { to: 2, run: index_facts_by_order },
    Step { to: 3, run: |batch| super::verify::rebuild_cash(&mut super::view::Tx::new(batch)) },
    Step { to: 4, run: |batch| super::verify::rebuild_exposure(&mut super::view::Tx::new(batch)) },
    Step { to: 5, run: super::audit::chain_rows },
];

/// Schema 2: every fact of an order has a row in `order_facts`.
fn index_facts_by_order(batch: &mut dyn Batch) -> Result<(), StoreError> {
    /// user · account
    const OWNERS: usize = 32;
    const AT_ONCE: usize = 1_000;
    // Looking into a space would make it.
    if !batch.spaces()?.iter().any(|space| space == JOURNAL.name) {
        return Ok(());
    }
    let mut from = Vec::new();
    loop {
        let facts = batch.range(JOURNAL.name, &from, &[], false, AT_ONCE)?;
        let Some((last, _)) = facts.last() else { return Ok(()) };
        // The next key after the last one.
        from = [last.as_slice(), &[0]].concat();
        for (key, bytes) in &facts {
            let fact: Fact = decode(bytes)?;
            let (Some(order), Some(owners)) = (fact.event.order_id(), key.get(..OWNERS)) else { continue };
            let row = Key::new().raw(owners).id(order.as_bytes()).u64(fact.seq);
            batch.put(ORDER_FACTS.name, row.as_bytes(), &encode(&Number(fact.seq))?)?;
        }
    }
}

/// A release of the program that is about to use the data.
#[derive(Clone, Copy)]
pub(super) struct Opening<'a> {
    pub release: &'a str,
    /// Hears of the snapshot when it is on disk and nothing was changed yet.
    pub saved: &'a dyn Fn(&Saved) -> Result<(), StoreError>,
}

/// The data as another release left them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    /// Name of the file in the folder of snapshots.
    pub snapshot: String,
    /// Release that wrote the data last; `None` when it did not say so.
    pub from: Option<String>,
    /// Release that takes over.
    pub to: String,
}

/// The release that used the data last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct UsedBy {
    release: String,
}

impl Record for UsedBy {
    const NAME: &'static str = "release";
}

/// One row.
const USED_BY: SystemTable<UsedBy> = SystemTable::new("used_by");
const ONE_ROW: &[u8] = b"release";

/// The schema that this program writes.
pub(super) fn newest() -> u64 {
    STEPS.last().map_or(0, |step| step.to)
}

/// The schema of a store; 0 of an empty one.
pub(super) fn schema(engine: &dyn Engine) -> Result<u64, StoreError> {
    Ok(left(engine)?.0)
}

/// The schema of a store, and the release that used it last.
fn left(engine: &dyn Engine) -> Result<(u64, Option<String>), StoreError> {
    let (mut found, mut used_by) = (0, None);
    engine.read(&mut |view| {
        found = match view.get(META.name, b"schema")? {
            Some(bytes) => decode::<Number>(&bytes)?.0,
            None => 0,
        };
        used_by = view.get(USED_BY.name, ONE_ROW)?.map(|bytes| decode::<UsedBy>(&bytes)).transpose()?.map(|row| row.release);
        Ok(())
    })?;
    Ok((found, used_by))
}

/// Brings a store to the newest schema.
pub(super) fn run(engine: &dyn Engine, data_dir: Option<&Path>, opening: Option<Opening<'_>>) -> Result<(), StoreError> {
    run_opening(engine, data_dir, STEPS, opening)
}

/// Brings a store to the schema of the last of these steps.
#[cfg(test)]
pub(super) fn run_steps(engine: &dyn Engine, data_dir: Option<&Path>, steps: &[Step]) -> Result<(), StoreError> {
    run_opening(engine, data_dir, steps, None)
}

fn run_opening(engine: &dyn Engine, data_dir: Option<&Path>, steps: &[Step], opening: Option<Opening<'_>>) -> Result<(), StoreError> {
    let newest = steps.last().map_or(0, |s| s.to);
    let (found, used_by) = left(engine)?;
    if found > newest {
        return Err(StoreError::Newer { found, known: newest });
    }
    let arriving = opening.filter(|o| used_by.as_deref() != Some(o.release));
    if found == newest && arriving.is_none() {
        return Ok(());
    }
    if found > 0
        && let Some(dir) = data_dir
    {
        let name = match &arriving {
            Some(o) => format!("before-release-{}-from-{}.redb", o.release, used_by.as_deref().unwrap_or("unknown")),
            None => format!("before-schema-{newest}-from-{found}.redb"),
        };
        save(engine, dir, &name)?;
        if let Some(o) = &arriving {
            (o.saved)(&Saved { snapshot: name, from: used_by, to: o.release.to_owned() })?;
        }
    }
    engine.write(&mut |batch| {
        for step in steps.iter().filter(|s| s.to > found) {
            (step.run)(batch)?;
        }
        if let Some(o) = &arriving {
            batch.put(USED_BY.name, ONE_ROW, &encode(&UsedBy { release: o.release.to_owned() })?)?;
        }
        batch.put(META.name, b"schema", &encode(&Number(newest))?)
    })?;
    if let Some(dir) = data_dir {
        // The data are migrated; a file that cannot be removed is no reason to refuse them.
        if let Err(error) = forget_old(&super::snapshots_dir(dir)) {
            tracing::warn!(%error, "old snapshots cannot be removed");
        }
    }
    Ok(())
}

/// Snapshots of migrations that are kept, those of the newest schemas; and of arriving releases, the
/// last ones.
const KEPT: usize = 3;

/// Saves the data as they are now. An earlier attempt at the same migration may have left a snapshot;
/// the data may have changed since, so it is never relied upon.
fn save(engine: &dyn Engine, data_dir: &Path, file_name: &str) -> Result<(), StoreError> {
    let failed = |e: io::Error| StoreError::Io(e.to_string());
    let folder = super::snapshots_dir(data_dir);
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(failed)?;
    fs_err::File::open(data_dir).and_then(|dir| dir.sync_all()).map_err(failed)?;
    for file in files(&folder).map_err(failed)? {
        // Copies that a killed process left. Nobody is making one: this process has the database.
        if name(&file).ends_with(snapshot::UNFINISHED) {
            fs_err::remove_file(&file).map_err(failed)?;
        }
    }
    snapshot::replace(engine, &folder.join(file_name)).map(drop)
}

/// Removes the snapshots of long ago.
fn forget_old(folder: &Path) -> io::Result<()> {
    let all = files(folder)?;
    let schemas: Vec<_> = all.iter().filter_map(|file| Some((schemas_of(name(file))?, file))).collect();
    forget_all_but_last(schemas)?;
    // The names of releases say nothing about their order in time.
    let mut releases = Vec::new();
    for file in all.iter().filter(|file| name(file).starts_with("before-release-") && name(file).ends_with(".redb")) {
        releases.push((fs_err::metadata(file)?.modified()?, file));
    }
    forget_all_but_last(releases)
}

fn forget_all_but_last<O: Ord>(mut kept: Vec<(O, &PathBuf)>) -> io::Result<()> {
    kept.sort();
    let spare = kept.len().saturating_sub(KEPT);
    kept.into_iter().take(spare).try_for_each(|(_, file)| fs_err::remove_file(file))
}

/// The schemas after and before the migration that a snapshot was made for.
fn schemas_of(name: &str) -> Option<(u64, u64)> {
    let (to, from) = name.strip_prefix("before-schema-")?.strip_suffix(".redb")?.split_once("-from-")?;
    Some((to.parse().ok()?, from.parse().ok()?))
}

fn name(file: &Path) -> &str {
    file.file_name().and_then(|n| n.to_str()).unwrap_or_default()
}

/// The files of a folder; none when there is no folder.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    match fs_err::read_dir(folder) {
        Ok(entries) => entries.map(|entry| entry.map(|e| e.path())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}
