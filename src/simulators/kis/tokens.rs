//! Access tokens: one issue per minute and app key, the same token within six hours, 24 hours of life.

use std::collections::HashMap;

use data_encoding::BASE64URL_NOPAD;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use crate::domain::order::BrokerHost;

/// Life of a token.
const LIFE: SignedDuration = SignedDuration::from_hours(24);
/// A request within this time after the issue gets the same token.
const SAME_TOKEN: SignedDuration = SignedDuration::from_hours(6);
/// Least time between two issues for one app key.
const ISSUE_INTERVAL: SignedDuration = SignedDuration::from_secs(60);

/// A token as issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub text: String,
    pub issued_at: Timestamp,
    pub expires_at: Timestamp,
}

/// Whether a token opens a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenCheck {
    Good,
    Unknown,
    Expired,
}

#[derive(Debug, Default)]
struct KeyTokens {
    /// Newest last; an older one stays valid until it expires.
    issued: Vec<Token>,
    last_issue: Option<Timestamp>,
}

/// The tokens of all app keys.
#[derive(Debug)]
pub(super) struct Tokens {
    seed: u64,
    counter: u64,
    by_key: HashMap<(BrokerHost, String), KeyTokens>,
}

impl Tokens {
    pub fn new(seed: u64) -> Self {
        Self { seed, counter: 0, by_key: HashMap::new() }
    }

    /// Issues a token, or hands out the present one again. `None` when the last issue is less than a
    /// minute ago and `limited`.
    pub fn issue(&mut self, environment: BrokerHost, app_key: &str, now: Timestamp, limited: bool) -> Option<Token> {
        let key = self.by_key.entry((environment, app_key.to_owned())).or_default();
        if limited && key.last_issue.is_some_and(|last| now.duration_since(last) < ISSUE_INTERVAL) {
            return None;
        }
        key.last_issue = Some(now);
        key.issued.retain(|token| now.duration_since(token.expires_at) < LIFE);
        if let Some(token) = key.issued.last().filter(|t| t.expires_at > now && now.duration_since(t.issued_at) < SAME_TOKEN) {
            return Some(token.clone());
        }
        self.counter += 1;
        let token = Token { text: jwt(self.seed, app_key, self.counter, now), issued_at: now, expires_at: now.saturating_add(LIFE).ok()? };
        key.issued.push(token.clone());
        Some(token)
    }

    /// Looks a token up among those of its app key.
    pub fn check(&self, environment: BrokerHost, app_key: &str, text: &str, now: Timestamp) -> TokenCheck {
        let known = self.by_key.get(&(environment, app_key.to_owned()));
        match known.and_then(|key| key.issued.iter().find(|token| token.text == text)) {
            Some(token) if token.expires_at > now => TokenCheck::Good,
            Some(_) => TokenCheck::Expired,
            None => TokenCheck::Unknown,
        }
    }

    /// Ends the life of all tokens of an app key.
    pub fn expire(&mut self, app_key: &str, now: Timestamp) {
        for ((_, key), tokens) in &mut self.by_key {
            if key == app_key {
                for token in &mut tokens.issued {
                    token.expires_at = token.expires_at.min(now);
                }
            }
        }
    }

    /// Forgets all tokens of an app key, before their time.
    pub fn revoke_all(&mut self, app_key: &str) {
        for ((_, key), tokens) in &mut self.by_key {
            if key == app_key {
                tokens.issued.clear();
            }
        }
    }

    /// Forgets a token; false when there was none.
    pub fn revoke(&mut self, environment: BrokerHost, app_key: &str, text: &str) -> bool {
        let Some(key) = self.by_key.get_mut(&(environment, app_key.to_owned())) else { return false };
        let before = key.issued.len();
        key.issued.retain(|token| token.text != text);
        key.issued.len() < before
    }
}

/// Something that looks like a JWT and says nothing.
fn jwt(seed: u64, app_key: &str, counter: u64, now: Timestamp) -> String {
    let part = |name: &str| {
        let digest = Sha256::digest(format!("{seed}/{app_key}/{counter}/{}/{name}", now.as_nanosecond()));
        BASE64URL_NOPAD.encode(&digest)
    };
    let header = BASE64URL_NOPAD.encode(br#"{"typ":"JWT","alg":"HS512"}"#);
    format!("{header}.{}.{}{}", part("claims"), part("signature"), part("rest"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_minute_between_issues_the_same_token_for_six_hours_then_a_new_one() {
        let mut tokens = Tokens::new(1);
        let live = BrokerHost::Live;
        let first = tokens.issue(live, "k", at("2026-05-14T00:00:00Z"), true).unwrap();
        assert_eq!(tokens.issue(live, "k", at("2026-05-14T00:00:59Z"), true), None);
        let again = tokens.issue(live, "k", at("2026-05-14T00:01:00Z"), true).unwrap();
        assert_eq!(again, first);
        // The minute counts from the last issue, also when that gave the same token.
        assert_eq!(tokens.issue(live, "k", at("2026-05-14T00:01:30Z"), true), None);
        let newer = tokens.issue(live, "k", at("2026-05-14T06:00:00Z"), true).unwrap();
        assert_ne!(newer.text, first.text);
        assert_eq!(tokens.check(live, "k", &first.text, at("2026-05-14T23:59:59Z")), TokenCheck::Good);
        assert_eq!(tokens.check(live, "k", &first.text, at("2026-05-15T00:00:00Z")), TokenCheck::Expired);
        assert_eq!(tokens.check(live, "k", &newer.text, at("2026-05-15T00:00:00Z")), TokenCheck::Good);
        assert_eq!(tokens.check(BrokerHost::Mock, "k", &newer.text, at("2026-05-15T00:00:00Z")), TokenCheck::Unknown);
        assert_eq!(tokens.check(live, "other", &newer.text, at("2026-05-15T00:00:00Z")), TokenCheck::Unknown);
    }

    #[test]
    fn an_expired_token_is_replaced_and_a_revoked_one_unknown() {
        let mut tokens = Tokens::new(1);
        let live = BrokerHost::Live;
        let first = tokens.issue(live, "k", at("2026-05-14T00:00:00Z"), true).unwrap();
        tokens.expire("k", at("2026-05-14T00:30:00Z"));
        assert_eq!(tokens.check(live, "k", &first.text, at("2026-05-14T00:30:00Z")), TokenCheck::Expired);
        let second = tokens.issue(live, "k", at("2026-05-14T00:30:00Z"), true).unwrap();
        assert_ne!(second.text, first.text);
        assert!(tokens.revoke(live, "k", &second.text));
        assert!(!tokens.revoke(live, "k", &second.text));
        assert_eq!(tokens.check(live, "k", &second.text, at("2026-05-14T00:31:00Z")), TokenCheck::Unknown);
    }
}
