//! All websocket sessions: whose they are, what they are subscribed to, and orders to them.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;
use tokio::sync::mpsc::UnboundedSender;

use crate::domain::order::BrokerHost;

/// What a script wants of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Command {
    /// Close the connection.
    Kick,
    /// Send a text as it is.
    Say(String),
    /// Send the last execution notice once more.
    RepeatNotice,
    /// Send nothing any more, keep-alives included, or speak again.
    Mute(bool),
}

/// One session.
#[derive(Debug)]
struct Entry {
    host: BrokerHost,
    /// Known from the first subscription on.
    app_key: Option<String>,
    commands: UnboundedSender<Command>,
    registrations: BTreeSet<(String, String)>,
}

/// Why a session may not use an approval key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Denial {
    UnknownApproval,
    InUse,
}

/// Sessions and approval keys of both hosts.
#[derive(Debug, Default)]
pub(in super::super) struct Sessions {
    next: u64,
    entries: HashMap<u64, Entry>,
    /// Owner and end of each approval key.
    approvals: HashMap<String, (BrokerHost, String, Timestamp)>,
    /// Sessions of an app key that are still to be refused as doubled.
    refusals: HashMap<String, u32>,
}

impl Sessions {
    /// An approval key was given out.
    pub fn approve(&mut self, key: String, host: BrokerHost, app_key: &str, until: Timestamp) {
        self.approvals.retain(|_, (other_host, other, _)| *other_host != host || other != app_key);
        self.approvals.insert(key, (host, app_key.to_owned(), until));
    }

    /// Approval keys of an app key are no longer known.
    pub fn revoke_approvals(&mut self, app_key: &str) {
        self.approvals.retain(|_, (_, owner, _)| owner != app_key);
    }

    /// The next `count` sessions of an app key are told that it is in use.
    pub fn refuse(&mut self, app_key: &str, count: u32) {
        self.refusals.insert(app_key.to_owned(), count);
    }

    pub(super) fn open(&mut self, host: BrokerHost, commands: UnboundedSender<Command>) -> u64 {
        self.next += 1;
        self.entries.insert(self.next, Entry { host, app_key: None, commands, registrations: BTreeSet::new() });
        self.next
    }

    pub(super) fn close(&mut self, id: u64) {
        self.entries.remove(&id);
    }

    /// Checks the approval key of a subscription; the first one of a session makes it its owner's.
    pub(super) fn admit(&mut self, id: u64, approval: &str, now: Timestamp, permissive: bool) -> Result<String, Denial> {
        let Some(entry) = self.entries.get(&id) else { return Err(Denial::UnknownApproval) };
        let host = entry.host;
        if let Some(app_key) = &entry.app_key {
            // A running session goes on, however old its key.
            return Ok(app_key.clone());
        }
        let app_key = match self.approvals.get(approval) {
            Some((owner_host, app_key, until)) if *owner_host == host && now < *until => app_key.clone(),
            _ if permissive => approval.to_owned(),
            _ => return Err(Denial::UnknownApproval),
        };
        if let Some(left) = self.refusals.get_mut(&app_key).filter(|left| **left > 0) {
            *left -= 1;
            return Err(Denial::InUse);
        }
        let doubled = self.entries.values().any(|other| other.host == host && other.app_key.as_ref() == Some(&app_key));
        if doubled && !permissive {
            return Err(Denial::InUse);
        }
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.app_key = Some(app_key.clone());
        }
        Ok(app_key)
    }

    pub(super) fn note(&mut self, id: u64, registrations: impl Iterator<Item = (String, String)>) {
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.registrations = registrations.collect();
        }
    }

    /// Hands a command to all sessions of an app key; returns how many there are.
    pub fn command(&self, app_key: &str, command: &Command) -> usize {
        self.of(app_key).filter(|entry| entry.commands.send(command.clone()).is_ok()).count()
    }

    /// Transaction ids and keys to which the sessions of an app key are subscribed.
    pub fn registrations(&self, app_key: &str) -> Vec<(String, String)> {
        self.of(app_key).flat_map(|entry| entry.registrations.iter().cloned()).collect()
    }

    /// Sessions of an app key.
    pub fn count(&self, app_key: &str) -> usize {
        self.of(app_key).count()
    }

    fn of(&self, app_key: &str) -> impl Iterator<Item = &Entry> {
        self.entries.values().filter(move |entry| entry.app_key.as_deref() == Some(app_key))
    }
}
