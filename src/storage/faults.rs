//! An engine that stops writing after some commits, as a process does that dies.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::port::{BatchFn, Engine, ReadView, StoreError};
use super::redb::RedbEngine;
use super::revision::Revisions;
use super::writer::Writer;
use super::{Inner, Store, migrate};

/// How many commits are left before the store is dead.
#[derive(Clone, Debug)]
pub struct CommitsLeft(Arc<AtomicU64>);

impl CommitsLeft {
    pub fn set(&self, commits: u64) {
        self.0.store(commits, Ordering::SeqCst);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

struct Mortal {
    engine: RedbEngine,
    left: CommitsLeft,
}

impl Engine for Mortal {
    fn read(&self, f: &mut dyn FnMut(&dyn ReadView) -> Result<(), StoreError>) -> Result<(), StoreError> {
        self.engine.read(f)
    }

    fn write(&self, f: &mut BatchFn<'_>) -> Result<(), StoreError> {
        if self.left.get() == 0 {
            return Err(StoreError::Closed);
        }
        self.engine.write(f)?;
        self.left.set(self.left.get().saturating_sub(1));
        Ok(())
    }
}

impl Store {
    /// A store in memory whose commits can be made to end.
    pub fn in_memory_mortal() -> Result<(Self, CommitsLeft), StoreError> {
        let (engine, left) = mortal()?;
        Ok((Self::with_engine(engine)?, left))
    }

    /// The same without a thread of its own: with one caller at a time everything happens in one order.
    pub fn in_memory_deterministic() -> Result<(Self, CommitsLeft), StoreError> {
        let (engine, left) = mortal()?;
        let revisions = Arc::new(Revisions::default());
        let commits = super::Commits::default();
        let writer = Writer::inline(engine.clone(), revisions.clone(), commits.clone());
        Ok((Self { inner: Arc::new(Inner { writer, engine, revisions, commits }) }, left))
    }
}

fn mortal() -> Result<(Arc<dyn Engine>, CommitsLeft), StoreError> {
    let left = CommitsLeft(Arc::new(AtomicU64::new(u64::MAX)));
    let engine: Arc<dyn Engine> = Arc::new(Mortal { engine: RedbEngine::in_memory()?, left: left.clone() });
    migrate::run(&*engine, None, None)?;
    Ok((engine, left))
}
