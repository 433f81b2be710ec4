//! Figures for a monitoring program, in the text format of Prometheus (OpenMetrics). Counters are
//! counted where things happen and cost one look into a table each; everything else is read when
//! somebody asks. No label carries a name or an id of a person, an account or an order, and every label
//! has a handful of values, so that the number of series is bounded.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::hosts::HostHealth;
use super::state::App;
use super::system::SystemReport;
use crate::auth::AuthError;
use crate::domain::order::OrderState;
use crate::storage::tables::OUTBOX;
use crate::storage::{Key, StoreError};
use crate::trading::{SlotsOverview, TradingError, state_name};

/// The content type of the answer.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds of answering times in seconds; the budget for reads is 20 ms.
const HTTP_BOUNDS: [f64; 8] = [0.001, 0.005, 0.02, 0.1, 0.2, 1.0, 5.0, 30.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    route: String,
    method: &'static str,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfRoute {
    route: String,
}

type Labelled<M> = Family<Vec<(&'static str, String)>, M>;
type Figure = Gauge<f64, AtomicU64>;

/// What is counted while it happens. Clones share the counts.
#[derive(Clone, Debug)]
pub struct Metrics {
    requests: Family<Answered, Counter>,
    seconds: Family<OfRoute, Histogram, fn() -> Histogram>,
    sockets: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            requests: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(HTTP_BOUNDS)),
            sockets: Gauge::default(),
        }
    }
}

/// Counts a websocket as open until it is dropped.
#[derive(Debug)]
pub struct OpenSocket(Gauge);

impl Drop for OpenSocket {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    /// A request was answered. `route` is the pattern of the address, or a word for all that have none:
    /// callers must not be able to make up values.
    pub fn answered(&self, route: String, method: &'static str, status: u16, took: Duration) {
        self.seconds.get_or_create(&OfRoute { route: route.clone() }).observe(took.as_secs_f64());
        self.requests.get_or_create(&Answered { route, method, status }).inc();
    }

    /// A websocket was opened.
    pub fn socket(&self) -> OpenSocket {
        self.sockets.inc();
        OpenSocket(self.sockets.clone())
    }

    /// Websockets that are open.
    pub fn open_sockets(&self) -> i64 {
        self.sockets.get()
    }
}

/// What is read when somebody asks.
struct Read {
    report: SystemReport,
    open_orders: BTreeMap<&'static str, usize>,
    slots: SlotsOverview,
}

impl App {
    /// All figures as text. Reads the store: call it where blocking is allowed.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn figures(&self) -> Result<String, AuthError> {
        let trading = |error: TradingError| match error {
            TradingError::Store(error) => AuthError::Store(error),
            other => AuthError::Store(StoreError::Corrupt(other.to_string())),
        };
        let open_orders = self.trading.open_orders_by_state().map_err(trading)?;
        let mut report = self.system_report()?;
        // Beyond the calendar there are no sessions to speak of.
        let slots = report.slots.take().unwrap_or_default();
        let read = Read { report, open_orders, slots };
        let mut registry = Registry::with_prefix("eggmoney");
        self.counted(&mut registry);
        self.of_machine(&mut registry, &read.report);
        self.of_trading(&mut registry, &read);
        of_hosts(&mut registry, &read.report.hosts);
        let mut out = String::with_capacity(32 << 10);
        text::encode(&mut out, &registry).map_err(|e| AuthError::Store(StoreError::Corrupt(e.to_string())))?;
        Ok(out)
    }

    /// Messages that wait for delivery outside the app.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) fn outbox_waiting(&self) -> Result<usize, StoreError> {
        self.store.read(|view| {
            let mut waiting = 0;
            for user in view.user_ids()? {
                waiting += view.user(user).keys(&OUTBOX, &Key::new())?.len();
            }
            Ok(waiting)
        })
    }

    fn counted(&self, registry: &mut Registry) {
        let Metrics { requests, seconds, sockets } = self.metrics.clone();
        registry.register("http_requests", "Requests by route, method and status", requests);
        registry.register_with_unit("http_request", "Time until the answer stands", Unit::Seconds, seconds);
        registry.register("websockets", "Open websockets", sockets);
        let commits = self.store.commits();
        registry.register_with_unit("store_commit", "Time of a commit to disk", Unit::Seconds, commits.seconds().clone());
        counter(registry, "store_writes", "Writes that were committed", commits.jobs());
        gauge(registry, "store_queue", "Writes that wait for the next commit", self.store.waiting_writes() as f64);
    }

    fn of_machine(&self, registry: &mut Registry, report: &SystemReport) {
        let build: Labelled<Figure> = Family::default();
        build.get_or_create(&vec![("version", report.version.to_owned())]).set(1.0);
        registry.register("build_info", "The running version", build);
        let silence = self.wall.now().duration_since(report.last_tick).as_secs();
        gauge(registry, "uptime_seconds", "Time since the start", report.uptime_s as f64);
        gauge(registry, "ready", "1 when the data can be read and the scheduler runs", f64::from(u8::from(report.problem.is_none())));
        gauge(registry, "scheduler_silence_seconds", "Time since the scheduler last ran", silence as f64);
        gauge(registry, "memory_bytes", "Memory of the process in RAM", or_nan(report.memory_bytes));
        gauge(registry, "open_files", "Open files and connections of the process", or_nan(report.open_files));
        gauge(registry, "disk_free_bytes", "Free space on the volume of the data folder", or_nan(report.disk_free_bytes));
        gauge(registry, "store_bytes", "Size of the database file", report.store_bytes as f64);
        let age = report.backup.as_ref().and_then(|b| b.last_backup_at).map(|at| self.wall.now().duration_since(at).as_secs());
        gauge(
            registry,
            "backup_age_seconds",
            "Time since the last good backup, NaN when there is none",
            age.map_or(f64::NAN, |s| s as f64),
        );
        let ahead = report.clock_ahead_ms.map_or(f64::NAN, |ms| ms as f64 / 1_000.0);
        gauge(registry, "clock_ahead_seconds", "How far the clock is ahead of the hosts that were spoken to, NaN when not known", ahead);
        gauge(registry, "alerts", "Conditions that administrators were told of and that are not over", report.alerts.len() as f64);
        gauge(registry, "outbox_messages", "Messages that wait for delivery", report.outbox as f64);
        gauge(registry, "transfers", "Exports and imports under way", report.transfers as f64);
        let masters = report.masters_day.map(|day| (crate::domain::clock::kst_date(self.market.now()) - day).get_days());
        gauge(
            registry,
            "masters_age_days",
            "Age of the lists of instruments, NaN when there are none",
            masters.map_or(f64::NAN, f64::from),
        );
    }

    fn of_trading(&self, registry: &mut Registry, read: &Read) {
        let events = self.trading.bus().order_events();
        let (changes, open): (Labelled<Counter>, Labelled<Figure>) = Default::default();
        for state in OrderState::ALL {
            let (name, label) = (state_name(state), vec![("state", state_name(state).to_owned())]);
            changes.get_or_create(&label).inc_by(events.get(name).copied().unwrap_or_default());
            if !state.is_final() {
                open.get_or_create(&label).set(read.open_orders.get(name).copied().unwrap_or_default() as f64);
            }
        }
        registry.register("order_events", "Orders that came into a state since the start", changes);
        registry.register("open_orders", "Orders that are open, by state", open);
        let slots: Labelled<Figure> = Family::default();
        let seen = &read.slots;
        for (state, count) in
            [("done", seen.done), ("running", seen.running), ("failed", seen.failed), ("missed", seen.missed), ("waiting", seen.waiting)]
        {
            slots.get_or_create(&vec![("state", state.to_owned())]).set(count as f64);
        }
        registry.register("session_slots", "Slots of the present session of all accounts, by state", slots);
        gauge(registry, "session_slot_lag_seconds", "The longest that a slot of this session began late", seen.longest_lag_s as f64);
    }
}

fn of_hosts(registry: &mut Registry, hosts: &[HostHealth]) {
    let (calls, waited): (Labelled<Counter>, Labelled<Counter<f64, AtomicU64>>) = Default::default();
    let (under_way, failing, pace, waiting): (Labelled<Figure>, Labelled<Figure>, Labelled<Figure>, Labelled<Figure>) = Default::default();
    for host in hosts {
        let named = || ("host", host.name.code().to_owned());
        let seen = &host.calls;
        for (result, count) in [
            ("answered", seen.answered),
            ("limited", seen.limited),
            ("unavailable", seen.unavailable),
            ("not_sent", seen.not_sent),
            ("no_answer", seen.no_answer),
        ] {
            calls.get_or_create(&vec![named(), ("result", result.to_owned())]).inc_by(count);
        }
        under_way.get_or_create(&vec![named()]).set(host.under_way as f64);
        failing.get_or_create(&vec![named()]).set(host.failures as f64);
        pace.get_or_create(&vec![named()]).set(host.pace_share.unwrap_or(f64::NAN));
        waiting.get_or_create(&vec![named()]).set(host.waiting as f64);
        waited.get_or_create(&vec![named()]).inc_by(host.waited_s);
    }
    registry.register("broker_calls", "Calls to each host by result; limited ones were answered", calls);
    registry.register("broker_calls_under_way", "Calls that have no answer yet", under_way);
    registry.register("broker_failures_in_a_row", "Calls without an answer since the last that had one", failing);
    registry.register("broker_pace_share", "Share of the broker's pace that is left after its complaints", pace);
    registry.register("broker_waiting_calls", "Calls that wait for their turn", waiting);
    registry.register_with_unit("broker_waited", "Time that calls have waited for their turn", Unit::Seconds, waited);
}

fn gauge(registry: &mut Registry, name: &str, help: &str, value: f64) {
    let gauge = Figure::default();
    gauge.set(value);
    registry.register(name, help, gauge);
}

fn counter(registry: &mut Registry, name: &str, help: &str, value: u64) {
    let counter: Counter = Counter::default();
    counter.inc_by(value);
    registry.register(name, help, counter);
}

fn or_nan(value: Option<u64>) -> f64 {
    value.map_or(f64::NAN, |value| value as f64)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn counting_a_request_costs_next_to_nothing() {
        const REQUESTS: u32 = 20_000;
        let metrics = Metrics::default();
        let began = Instant::now();
        for n in 0..REQUESTS {
            let route = ["/api/v1/trading/orders", "/api/v1/trading/orders/{id}", "page"][n as usize % 3];
            metrics.answered(route.to_owned(), "GET", 200, Duration::from_micros(u64::from(n)));
        }
        let each = began.elapsed() / REQUESTS;
        let labels = |route: &str| Answered { route: route.to_owned(), method: "GET", status: 200 };
        assert_eq!(metrics.requests.get_or_create(&labels("page")).get(), u64::from(REQUESTS / 3));
        // Unoptimised and beside other tests; a request itself takes hundreds of microseconds.
        assert!(each < Duration::from_micros(100), "{each:?} for each request");
        println!("counting a request takes {each:?}");
    }

    #[test]
    fn sockets_are_counted_while_they_live() {
        let metrics = Metrics::default();
        let (first, second) = (metrics.socket(), metrics.clone().socket());
        assert_eq!(metrics.open_sockets(), 2);
        drop((first, second));
        assert_eq!(metrics.open_sockets(), 0);
    }
}
