//! One thread owns all writes. It takes whatever is waiting, runs it in one transaction and commits
//! once: while the disk syncs, the next group collects itself.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use super::commits::Commits;
use super::port::{Batch, Engine, Entry, ReadView, StoreError};
use super::revision::Revisions;

/// A queued write. It may run more than once, but only its last run is committed.
pub(super) type Job = Box<dyn FnMut(&mut dyn Batch) -> Result<(), StoreError> + Send>;

struct Queued {
    job: Job,
    done: oneshot::Sender<Result<(), StoreError>>,
}

/// Most jobs in one commit.
const GROUP: usize = 512;
/// A group waits for as many jobs as the last one had, for this part of the time that one took and
/// never longer than [`LONGEST`].
const PATIENCE: u32 = 4;
const LONGEST: Duration = Duration::from_millis(5);
/// How often it looks meanwhile; a disk on which it would not even look once needs no waiting.
const LOOK: Duration = Duration::from_micros(200);
/// Waiting jobs; beyond it callers wait.
const QUEUE: usize = 1024;

/// Handle to the writer thread.
pub(super) struct Writer {
    queue: Option<mpsc::Sender<Queued>>,
    thread: Option<JoinHandle<()>>,
    /// Commits in the caller's own thread, one job at a time: simulations decide the order of everything.
    #[cfg(test)]
    inline: Option<(Arc<dyn Engine>, Arc<Revisions>, Commits)>,
}

impl Writer {
    pub(super) fn start(engine: Arc<dyn Engine>, revisions: Arc<Revisions>, commits: Commits) -> Result<Self, StoreError> {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || run(&*engine, &revisions, &commits, receiver))
            .map_err(|e| StoreError::Io(e.to_string()))?;
        Ok(Self {
            queue: Some(sender),
            thread: Some(thread),
            #[cfg(test)]
            inline: None,
        })
    }

    /// A writer without a thread.
    #[cfg(test)]
    pub(super) fn inline(engine: Arc<dyn Engine>, revisions: Arc<Revisions>, commits: Commits) -> Self {
        Self { queue: None, thread: None, inline: Some((engine, revisions, commits)) }
    }

    /// Jobs in the queue.
    pub(super) fn waiting(&self) -> usize {
        self.queue.as_ref().map_or(0, |q| q.max_capacity() - q.capacity())
    }

    /// Queues a job and waits for its commit.
    pub(super) async fn submit(&self, job: Job) -> Result<(), StoreError> {
        let (done, answer) = oneshot::channel();
        #[cfg(test)]
        if let Some((engine, revisions, commits)) = &self.inline {
            tokio::task::yield_now().await;
            commit(&**engine, revisions, vec![Queued { job, done }], commits);
            return answer.await.map_err(|_| StoreError::Closed)?;
        }
        let queue = self.queue.as_ref().ok_or(StoreError::Closed)?;
        queue.send(Queued { job, done }).await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// The same for callers outside the runtime.
    pub(super) fn submit_blocking(&self, job: Job) -> Result<(), StoreError> {
        let (done, answer) = oneshot::channel();
        #[cfg(test)]
        if let Some((engine, revisions, commits)) = &self.inline {
            commit(&**engine, revisions, vec![Queued { job, done }], commits);
            return answer.blocking_recv().map_err(|_| StoreError::Closed)?;
        }
        let queue = self.queue.as_ref().ok_or(StoreError::Closed)?;
        queue.blocking_send(Queued { job, done }).map_err(|_| StoreError::Closed)?;
        answer.blocking_recv().map_err(|_| StoreError::Closed)?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue.take();
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != std::thread::current().id()
        {
            let _ = thread.join();
        }
    }
}

fn run(engine: &dyn Engine, revisions: &Revisions, commits: &Commits, mut receiver: mpsc::Receiver<Queued>) {
    let (mut last, mut took) = (0, Duration::ZERO);
    while let Some(first) = receiver.blocking_recv() {
        let mut group = vec![first];
        fill(&mut group, &mut receiver);
        // Whom the last commit answered is about to ask again. On a slow disk a little patience saves
        // them a whole commit, which they would else spend waiting for the one that begins now.
        let until = Instant::now() + (took / PATIENCE).min(LONGEST);
        while group.len() < last && until.saturating_duration_since(Instant::now()) > LOOK {
            std::thread::sleep(LOOK);
            fill(&mut group, &mut receiver);
        }
        last = group.len();
        let began = Instant::now();
        commit(engine, revisions, group, commits);
        took = began.elapsed();
    }
}

/// Takes what waits into the group.
fn fill(group: &mut Vec<Queued>, receiver: &mut mpsc::Receiver<Queued>) {
    while group.len() < GROUP
        && let Ok(next) = receiver.try_recv()
    {
        group.push(next);
    }
}

/// Runs a group in one transaction. A job that fails after it has written aborts the group, which
/// is then run again without it; so jobs never see each other's half-done work.
fn commit(engine: &dyn Engine, revisions: &Revisions, mut group: Vec<Queued>, commits: &Commits) {
    while !group.is_empty() {
        let (began, mut writes) = (Instant::now(), 0);
        let mut written: Vec<usize> = Vec::new();
        let mut failures: Vec<(usize, StoreError)> = Vec::new();
        let result = engine.write(&mut |batch| {
            failures.clear();
            written.clear();
            writes = 0;
            for (index, queued) in group.iter_mut().enumerate() {
                let mut counted = Counted { batch, writes: 0, written: &mut written };
                let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| (queued.job)(&mut counted)))
                    .unwrap_or_else(|_| Err(StoreError::Corrupt("a write failed unexpectedly".to_owned())));
                writes += counted.writes;
                if let Err(error) = outcome {
                    failures.push((index, error.clone()));
                    if counted.writes > 0 {
                        return Err(error);
                    }
                }
            }
            Ok(())
        });
        if result.is_ok() && writes > 0 {
            commits.note(group.len(), began.elapsed());
        }
        // Also after a failure: what it left on the disk is not known.
        revisions.advance(&written);
        let retry = result.is_err() && !failures.is_empty();
        let mut rest = Vec::new();
        for (index, queued) in group.into_iter().enumerate() {
            if let Some((_, error)) = failures.iter().find(|(i, _)| *i == index) {
                let _ = queued.done.send(Err(error.clone()));
            } else if retry {
                rest.push(queued);
            } else {
                let _ = queued.done.send(result.clone());
            }
        }
        group = rest;
    }
}

struct Counted<'a> {
    batch: &'a mut dyn Batch,
    writes: usize,
    /// Whose rows were written.
    written: &'a mut Vec<usize>,
}

impl Counted<'_> {
    fn note(&mut self, key: &[u8]) {
        self.writes += 1;
        match Revisions::slot(key) {
            Some(slot) if self.written.last() != Some(&slot) => self.written.push(slot),
            _ => {}
        }
    }
}

impl ReadView for Counted<'_> {
    fn get(&self, space: &str, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.batch.get(space, key)
    }
    fn range(&self, space: &str, from: &[u8], to: &[u8], descending: bool, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.batch.range(space, from, to, descending, limit)
    }
    fn spaces(&self) -> Result<Vec<String>, StoreError> {
        self.batch.spaces()
    }
}

impl Batch for Counted<'_> {
    fn put(&mut self, space: &str, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.note(key);
        self.batch.put(space, key, value)
    }
    fn remove(&mut self, space: &str, key: &[u8]) -> Result<(), StoreError> {
        self.note(key);
        self.batch.remove(space, key)
    }
    fn view(&self) -> &dyn ReadView {
        self
    }
}
