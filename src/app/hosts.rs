//! How the hosts fare that this server speaks to, by the names that the configuration gives them.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::state::App;
use crate::brokers::calls::HostCalls;
use crate::brokers::egress::host_and_port;
use crate::domain::order::BrokerHost;

/// What a host is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HostName {
    /// KIS, real money.
    KisLive,
    /// KIS, mock trading.
    KisMock,
    /// KIS, the lists of instruments.
    KisMasters,
    Telegram,
}

impl HostName {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::KisLive, Self::KisMock, Self::KisMasters, Self::Telegram];

    /// As figures and alerts name it.
    pub fn code(self) -> &'static str {
        match self {
            Self::KisLive => "kis_live",
            Self::KisMock => "kis_mock",
            Self::KisMasters => "kis_masters",
            Self::Telegram => "telegram",
        }
    }

    fn broker(self) -> Option<BrokerHost> {
        match self {
            Self::KisLive => Some(BrokerHost::Live),
            Self::KisMock => Some(BrokerHost::Mock),
            Self::KisMasters | Self::Telegram => None,
        }
    }
}

/// One host since the start.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HostHealth {
    pub name: HostName,
    /// `HOST:PORT`
    pub host: String,
    pub answered: u64,
    /// Calls that got no answer, and answers that the host cannot serve at the moment.
    pub failed: u64,
    /// Answers that said that we ask too fast.
    pub limited: u64,
    /// Calls under way.
    pub under_way: u64,
    /// Calls that wait for their turn at the broker's pace.
    pub waiting: usize,
    /// Share of the broker's pace that is left after its complaints; `null` where there is no pace.
    pub pace_share: Option<f64>,
    pub last_success: Option<Timestamp>,
    pub last_failure: Option<Timestamp>,
    /// Since when nothing was answered; `null` while the host answers.
    pub failing_since: Option<Timestamp>,
    /// Failures since then.
    pub failures: u64,
    #[serde(skip)]
    pub(super) calls: HostCalls,
    #[serde(skip)]
    pub(super) waited_s: f64,
}

impl App {
    /// The hosts of the configuration, called or not.
    pub fn hosts(&self) -> Vec<HostHealth> {
        let (called, kis) = (self.calls.hosts(), &self.config.brokers.kis);
        let health = |name: HostName| {
            let address = match name {
                HostName::KisLive => kis.live.clone(),
                HostName::KisMock => kis.mock.clone(),
                HostName::KisMasters => kis.masters_url(),
                HostName::Telegram => self.config.telegram_url.clone(),
            };
            let host = host_and_port(&address)?;
            let calls = called.get(&host).cloned().unwrap_or_default();
            let pace = name.broker().and_then(|broker| self.connector.pace(broker));
            Some(HostHealth {
                name,
                answered: calls.answered,
                failed: calls.unavailable + calls.not_sent + calls.no_answer,
                limited: calls.limited,
                under_way: calls.under_way,
                waiting: pace.map_or(0, |pace| pace.waiting),
                pace_share: pace.map(|pace| pace.share),
                last_success: calls.last_success,
                last_failure: calls.last_failure,
                failing_since: calls.failing.map(|(since, _)| since),
                failures: calls.failing.map_or(0, |(_, times)| times),
                waited_s: pace.map_or(0.0, |pace| pace.waited.as_secs_f64()),
                calls,
                host,
            })
        };
        HostName::ALL.into_iter().filter_map(health).collect()
    }
}
