//! The only file that knows the cron crate: it drives ticks and housekeeping. A tick that is still
//! running is never waited for; the accounts that it works on are left alone by the next one.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

use super::pulse::Pulse;
use crate::trading::Trading;

/// The cron scheduler does not do what is asked of it.
#[derive(Debug, thiserror::Error)]
#[error("the scheduler does not run ({0}), and without it nothing would be traded")]
pub struct TickerError(#[from] JobSchedulerError);

/// Drives a running program.
pub struct Ticker {
    cron: JobScheduler,
    fast: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for Ticker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ticker")
    }
}

impl Ticker {
    /// Begins to tick once a second, or every `period` where market time is accelerated. Each tick that
    /// could look at the accounts is a beat of `pulse`.
    ///
    /// # Errors
    /// When the cron scheduler cannot start.
    pub async fn start(trading: Arc<Trading>, pulse: Pulse, period: Option<Duration>) -> Result<Self, TickerError> {
        let cron = JobScheduler::new().await?;
        let mut fast = None;
        match period {
            None => {
                cron.add(Job::new_async("* * * * * *", move |_, _| {
                    let (trading, pulse) = (trading.clone(), pulse.clone());
                    Box::pin(tick(trading, pulse))
                })?)
                .await?;
            }
            Some(period) => {
                fast = Some(tokio::spawn(async move {
                    let mut interval = tokio::time::interval(period);
                    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
                    loop {
                        interval.tick().await;
                        tokio::spawn(tick(trading.clone(), pulse.clone()));
                    }
                }));
            }
        }
        cron.start().await?;
        Ok(Self { cron, fast })
    }

    /// Runs `work` by a six-field cron expression (UTC).
    ///
    /// # Errors
    /// When the expression cannot be read.
    pub async fn every<F>(&self, expression: &str, work: impl Fn() -> F + Send + Sync + 'static) -> Result<(), TickerError>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let work = Arc::new(work);
        self.cron.add(Job::new_async(expression, move |_, _| Box::pin(work()))?).await?;
        Ok(())
    }

    /// Ends the ticking; a tick that is running comes to its end.
    pub async fn stop(mut self) {
        if let Some(fast) = self.fast.take() {
            fast.abort();
        }
        if let Err(error) = self.cron.shutdown().await {
            tracing::warn!(%error, "the scheduler did not stop cleanly");
        }
    }
}

async fn tick(trading: Arc<Trading>, pulse: Pulse) {
    if trading.tick().await {
        pulse.beat();
    }
}
