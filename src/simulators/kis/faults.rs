//! Scripted trouble: what a real server does on a bad day, on demand.

use serde::{Deserialize, Serialize};

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
    /// The call is executed; half of the answer arrives.
    Truncate,
    /// HTTP 500 with a plain text; nothing is executed.
    ServerError,
    /// HTTP 500 with the gateway code EGW00201; nothing is executed.
    TooManyCalls,
    /// HTTP 500 with the ledger's own limit EGW00215; nothing is executed.
    TooManyLedgerCalls,
    /// HTTP 500 with EGW00123, whatever the token; nothing is executed.
    TokenExpired,
    /// HTTP 403 with EGW00133 on the token endpoint.
    TokenTooEarly,
    /// The call is executed; its output members come empty.
    EmptyOutput,
    /// The call is executed; an unknown member is added to the answer and to each of its rows.
    ExtraKey,
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
pub(super) struct Faults(Vec<FaultRule>);

impl Faults {
    pub fn add(&mut self, rule: FaultRule) {
        self.0.push(rule);
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The fault that hits a call, if any; counts the call.
    pub fn take(&mut self, app_key: &str, tr_id: &str) -> Option<Fault> {
        let mut hit = None;
        for rule in &mut self.0 {
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
        hit
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
}
