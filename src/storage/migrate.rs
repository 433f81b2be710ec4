//! Numbered migrations: all missing steps in one transaction, after a snapshot.

use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::key::Key;
use super::port::{Batch, Engine, StoreError};
use super::record::{decode, encode};
use super::snapshot;
use super::tables::{JOURNAL, META, Number, ORDER_FACTS};
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

/// The schema of a store, and the newest one.
pub(super) fn schema(engine: &dyn Engine) -> Result<(u64, u64), StoreError> {
    let mut found = 0;
    engine.read(&mut |view| {
        found = match view.get(META.name, b"schema")? {
            Some(bytes) => decode::<Number>(&bytes)?.0,
            None => 0,
        };
        Ok(())
    })?;
    Ok((found, STEPS.last().map_or(0, |s| s.to)))
}

/// Brings a store to the newest schema.
pub(super) fn run(engine: &dyn Engine, data_dir: Option<&Path>) -> Result<(), StoreError> {
    run_steps(engine, data_dir, STEPS)
}

/// Brings a store to the schema of the last of these steps.
pub(super) fn run_steps(engine: &dyn Engine, data_dir: Option<&Path>, steps: &[Step]) -> Result<(), StoreError> {
    let newest = steps.last().map_or(0, |s| s.to);
    let (found, _) = schema(engine)?;
    if found > newest {
        return Err(StoreError::Newer { found, known: newest });
    }
    if found == newest {
        return Ok(());
    }
    if found > 0
        && let Some(dir) = data_dir
    {
        save(engine, dir, found, newest)?;
    }
    engine.write(&mut |batch| {
        for step in steps.iter().filter(|s| s.to > found) {
            (step.run)(batch)?;
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

/// Snapshots of migrations that are kept, those of the newest schemas.
const KEPT: usize = 3;

/// Saves the data as they are now. An earlier attempt at the same migration may have left a snapshot;
/// the data may have changed since, so it is never relied upon.
fn save(engine: &dyn Engine, data_dir: &Path, from: u64, to: u64) -> Result<(), StoreError> {
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
    snapshot::replace(engine, &folder.join(format!("before-schema-{to}-from-{from}.redb"))).map(drop)
}

/// Removes the snapshots of long ago.
fn forget_old(folder: &Path) -> io::Result<()> {
    let mut kept: Vec<((u64, u64), PathBuf)> =
        files(folder)?.into_iter().filter_map(|file| schemas_of(name(&file)).map(|schemas| (schemas, file))).collect();
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
