//! Trouble: what a real server does on a bad day, scripted call by call or drawn from a seed.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::exchange::Noise;

/// One kind of trouble.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// The call is executed; the answer comes after so much market time.
    Slow { seconds: u32 },
    /// The call is executed, then the connection closes without an answer.
    DropAfter,
    /// The connection closes; nothing is executed.
    DropBefore,
    /// The call is executed; no answer comes, and after so much market time the connection closes.
    TimeoutAfter { seconds: u32 },
    /// Nothing is executed and no answer comes; after so much market time the connection closes.
    TimeoutBefore { seconds: u32 },
    /// The call is executed, then the connection is reset.
    ResetAfter,
    /// The connection is reset; nothing is executed.
    ResetBefore,
    /// The call is executed; half of the answer arrives.
    Truncate,
    /// HTTP 500 with a plain text; nothing is executed.
    ServerError,
    /// HTTP 500 with a plain text, though the call is executed.
    ServerErrorAfter,
    /// HTTP 500 with the gateway's transaction time-out EGW00302, though the call is executed.
    TransactionTimeout,
    /// HTTP 503 with a page of HTML, as during maintenance; nothing is executed.
    Maintenance,
    /// HTTP 500 with the gateway code EGW00201; nothing is executed.
    TooManyCalls,
    /// HTTP 500 with the ledger's own limit EGW00215; nothing is executed.
    TooManyLedgerCalls,
    /// HTTP 500 with EGW00123, whatever the token; nothing is executed.
    TokenExpired,
    /// All tokens of the app key end before their time: EGW00121 until a new one is issued.
    TokenRevoked,
    /// HTTP 403 with EGW00133 on the token endpoint.
    TokenTooEarly,
    /// The call is executed; its output members come empty.
    EmptyOutput,
    /// The call is executed; an unknown member is added to the answer and to each of its rows.
    ExtraKey,
    /// The call is executed; every row of its lists comes twice.
    DuplicateRows,
    /// The call is executed; the first rows of its lists are missing.
    MissingRows { rows: u32 },
}

impl Fault {
    /// Whether the call is executed in spite of it.
    pub(super) fn executes(&self) -> bool {
        !matches!(
            self,
            Fault::DropBefore
                | Fault::TimeoutBefore { .. }
                | Fault::ResetBefore
                | Fault::ServerError
                | Fault::Maintenance
                | Fault::TooManyCalls
                | Fault::TooManyLedgerCalls
                | Fault::TokenExpired
                | Fault::TokenRevoked
                | Fault::TokenTooEarly
        )
    }
}

/// Trouble drawn from a seed: the same seed hits the same calls with the same faults, whatever happens
/// between them. The place of a call is its app key, its transaction id and its number among those.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultPlan {
    pub seed: u64,
    /// Part of the calls that are hit, 0 to 1.
    pub rate: f64,
    /// Drawn from with equal chances; a fault that is named twice comes twice as often.
    pub faults: Vec<Fault>,
    /// Transactions that are hit; all business calls when empty.
    #[serde(default)]
    pub tr_ids: Vec<String>,
    /// All app keys when absent.
    #[serde(default)]
    pub app_key: Option<String>,
}

impl FaultPlan {
    /// Everything that a client must survive without losing or doubling an order.
    pub fn rough(seed: u64, rate: f64) -> Self {
        let faults = vec![
            Fault::Slow { seconds: 3 },
            Fault::DropAfter,
            Fault::DropBefore,
            Fault::TimeoutAfter { seconds: 30 },
            Fault::TimeoutBefore { seconds: 30 },
            Fault::ResetAfter,
            Fault::ResetBefore,
            Fault::Truncate,
            Fault::ServerError,
            Fault::ServerErrorAfter,
            Fault::TransactionTimeout,
            Fault::Maintenance,
            Fault::TooManyCalls,
            Fault::TooManyLedgerCalls,
            Fault::TokenExpired,
            Fault::ExtraKey,
            Fault::DuplicateRows,
        ];
        Self { seed, rate, faults, tr_ids: Vec::new(), app_key: None }
    }

    /// The fault of the `number`th call (from 0) of a transaction.
    pub fn draw(&self, app_key: &str, tr_id: &str, number: u64) -> Option<Fault> {
        let wanted = if self.tr_ids.is_empty() { tr_id != TOKEN_ENDPOINT } else { self.tr_ids.iter().any(|id| id == tr_id) };
        if !wanted || self.app_key.as_ref().is_some_and(|key| key != app_key) {
            return None;
        }
        let place = Noise::new(self.seed).named("faults").named(app_key).named(tr_id).at(number);
        if place.uniform() >= self.rate {
            return None;
        }
        let index = (place.named("kind").uniform() * self.faults.len() as f64) as usize;
        self.faults.get(index).cloned()
    }
}

/// A span of market time in which the server is down for maintenance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaintenanceWindow {
    /// Included.
    pub from: Timestamp,
    /// Excluded.
    pub until: Timestamp,
}

/// Which calls a fault hits, and how many of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// All app keys when absent.
    #[serde(default)]
    pub app_key: Option<String>,
    /// A transaction id, or `tokenP` for the token endpoint; all transactions when absent.
    #[serde(default)]
    pub tr_id: Option<String>,
    /// How many calls pass before it begins.
    #[serde(default)]
    pub after_calls: u32,
    /// How many calls it hits; all when absent.
    #[serde(default)]
    pub calls: Option<u32>,
    pub fault: Fault,
}

/// Name of the token endpoint in a rule.
pub(super) const TOKEN_ENDPOINT: &str = "tokenP";

/// The faults that are set.
#[derive(Debug, Default)]
pub(super) struct Faults {
    rules: Vec<FaultRule>,
    plan: Option<FaultPlan>,
    windows: Vec<MaintenanceWindow>,
    /// Calls so far while a plan was set, by app key and transaction.
    calls: HashMap<(String, String), u64>,
}

impl Faults {
    pub fn add(&mut self, rule: FaultRule) {
        self.rules.push(rule);
    }

    /// Sets the plan; its calls are counted from here.
    pub fn set_plan(&mut self, plan: Option<FaultPlan>) {
        self.plan = plan;
        self.calls.clear();
    }

    pub fn add_window(&mut self, window: MaintenanceWindow) {
        self.windows.push(window);
    }

    /// Takes all trouble away.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// The server is down for maintenance.
    pub fn is_down(&self, now: Timestamp) -> bool {
        self.windows.iter().any(|window| window.from <= now && now < window.until)
    }

    /// The fault that hits a call, if any; counts the call.
    pub fn take(&mut self, app_key: &str, tr_id: &str) -> Option<Fault> {
        let mut hit = None;
        for rule in &mut self.rules {
            // A rule for the token endpoint must name it: "all transactions" are the business calls.
            let wanted = match &rule.tr_id {
                Some(wanted) => wanted == tr_id,
                None => tr_id != TOKEN_ENDPOINT || rule.fault == Fault::TokenTooEarly,
            };
            if hit.is_some() || !wanted || rule.app_key.as_ref().is_some_and(|key| key != app_key) || rule.calls == Some(0) {
                continue;
            }
            if rule.after_calls > 0 {
                rule.after_calls -= 1;
                continue;
            }
            rule.calls = rule.calls.map(|left| left - 1);
            hit = Some(rule.fault.clone());
        }
        let Some(plan) = &self.plan else { return hit };
        let number = self.calls.entry((app_key.to_owned(), tr_id.to_owned())).or_default();
        let drawn = plan.draw(app_key, tr_id, *number);
        *number += 1;
        // What is scripted goes before what is drawn.
        hit.or(drawn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_waits_hits_its_number_of_calls_and_is_spent() {
        let mut faults = Faults::default();
        faults.add(FaultRule {
            app_key: Some("a".into()),
            tr_id: Some("T1".into()),
            after_calls: 1,
            calls: Some(2),
            fault: Fault::DropAfter,
        });
        let hits: Vec<bool> = (0..5).map(|_| faults.take("a", "T1").is_some()).collect();
        assert_eq!(hits, [false, true, true, false, false]);
        assert_eq!(faults.take("b", "T1"), None);
        faults.add(FaultRule { app_key: None, tr_id: None, after_calls: 0, calls: None, fault: Fault::ServerError });
        assert_eq!(faults.take("b", "T2"), Some(Fault::ServerError));
        assert_eq!(faults.take("b", TOKEN_ENDPOINT), None);
    }

    #[test]
    fn the_same_seed_draws_the_same_faults_whatever_comes_between() {
        let plan = FaultPlan::rough(7, 0.3);
        let draw = |plan: &FaultPlan, others: bool| -> Vec<Option<Fault>> {
            let mut faults = Faults::default();
            faults.set_plan(Some(plan.clone()));
            (0..300)
                .map(|call| {
                    if others && call % 3 == 0 {
                        faults.take("b", "T1");
                        faults.take("a", "T2");
                    }
                    faults.take("a", "T1")
                })
                .collect()
        };
        let drawn = draw(&plan, false);
        assert_eq!(drawn, draw(&plan, true));
        assert_ne!(drawn, draw(&FaultPlan::rough(8, 0.3), false));
        let hits = drawn.iter().flatten().count();
        assert!((60..120).contains(&hits), "{hits} of 300 at a rate of 0.3");
        for fault in &plan.faults {
            assert!((0..2000).any(|call| plan.draw("a", "T1", call).as_ref() == Some(fault)), "{fault:?} never comes");
        }
        assert!((0..300).all(|call| plan.draw("a", TOKEN_ENDPOINT, call).is_none()));
        let narrow = FaultPlan { tr_ids: vec!["T2".into()], app_key: Some("a".into()), rate: 1.0, ..plan };
        assert!(narrow.draw("a", "T2", 0).is_some() && narrow.draw("a", "T1", 0).is_none() && narrow.draw("b", "T2", 0).is_none());
    }

    #[test]
    fn maintenance_lasts_as_long_as_its_window() {
        let mut faults = Faults::default();
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        faults.add_window(MaintenanceWindow { from: at("2026-05-14T15:00:00Z"), until: at("2026-05-14T15:10:00Z") });
        let down = ["14:59:59", "15:00:00", "15:09:59", "15:10:00"].map(|time| faults.is_down(at(&format!("2026-05-14T{time}Z"))));
        assert_eq!(down, [false, true, true, false]);
        faults.clear();
        assert!(!faults.is_down(at("2026-05-14T15:05:00Z")));
    }
}
