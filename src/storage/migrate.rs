//! Numbered migrations: all missing steps in one transaction, after a snapshot.

use std::path::Path;

use super::key::Key;
use super::port::{Batch, Engine, StoreError};
use super::record::{decode, encode};
use super::snapshot;
use super::tables::{JOURNAL, META, Number, ORDER_FACTS};
use crate::domain::fact::Fact;

/// One step of the schema.
pub(super) struct Step {
    pub to: u64,
    pub run: fn(&mut dyn Batch) -> Result<(), StoreError>,
}

/// All steps, in order. A step never changes once it was released.
const STEPS: &[Step] = &[
    Step { to: 1, run: |_| Ok(()) },
    Step { to: 2, run: index_facts_by_order },
    Step { to: 3, run: |batch| super::verify::rebuild_cash(&mut super::view::Tx::new(batch)) },
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

/// Brings a store to the newest schema.
pub(super) fn run(engine: &dyn Engine, data_dir: Option<&Path>) -> Result<(), StoreError> {
    run_steps(engine, data_dir, STEPS)
}

/// Brings a store to the schema of the last of these steps.
pub(super) fn run_steps(engine: &dyn Engine, data_dir: Option<&Path>, steps: &[Step]) -> Result<(), StoreError> {
    let newest = steps.last().map_or(0, |s| s.to);
    let mut found = 0;
    engine.read(&mut |view| {
        found = match view.get(META.name, b"schema")? {
            Some(bytes) => decode::<Number>(&bytes)?.0,
            None => 0,
        };
        Ok(())
    })?;
    if found > newest {
        return Err(StoreError::Newer { found, known: newest });
    }
    if found == newest {
        return Ok(());
    }
    if found > 0
        && let Some(dir) = data_dir
    {
        let folder = super::snapshots_dir(dir);
        fs_err::create_dir_all(&folder).map_err(|e| StoreError::Io(e.to_string()))?;
        let file = folder.join(format!("before-schema-{}-from-{found}.redb", newest));
        if !file.exists() {
            snapshot::copy(engine, &file)?;
        }
    }
    engine.write(&mut |batch| {
        for step in steps.iter().filter(|s| s.to > found) {
            (step.run)(batch)?;
        }
        batch.put(META.name, b"schema", &encode(&Number(newest))?)
    })
}
