//! From which networks people may come: all of them, and each person. The lists are the administrator's
//! and the person's own; an empty one admits everybody.

use std::net::IpAddr;
use std::sync::{PoisonError, RwLock};

use serde_json::json;

use super::error::{AuthError, KeyError};
use super::identity::Auth;
use super::people::{require_user, user_key};
use super::rate;
use super::settings::{self, Settings};
use crate::domain::id::UserId;
use crate::domain::network::Networks;
use crate::domain::user::User;
use crate::storage::tables::USERS;

/// The installation's list as it is now; every request asks it.
#[derive(Debug, Default)]
pub(super) struct Perimeter(RwLock<Networks>);

impl Perimeter {
    pub(super) fn new(networks: Networks) -> Self {
        Self(RwLock::new(networks))
    }

    fn admits(&self, address: Option<IpAddr>) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).admits(address)
    }

    fn replace(&self, networks: Networks) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = networks;
    }
}

impl Auth {
    /// Whether the installation admits an address.
    pub fn admits(&self, address: Option<IpAddr>) -> bool {
        self.perimeter.admits(address)
    }

    /// Counts a call against the rate of an address.
    ///
    /// # Errors
    /// `TooFast`.
    pub fn admit_address(&self, address: Option<IpAddr>) -> Result<(), KeyError> {
        let Some(address) = address else { return Ok(()) };
        self.rates.of_addresses.take(rate::place(address), self.now()).map_err(|retry_after| KeyError::TooFast { retry_after })
    }

    /// Replaces the installation's list. Whoever does that over the network from `caller` must be on it.
    ///
    /// # Errors
    /// `LocksOut`, `Store`.
    pub async fn set_networks(
        &self,
        by: Option<UserId>,
        caller: Option<Option<IpAddr>>,
        networks: Networks,
    ) -> Result<Settings, AuthError> {
        refuse_own_goal(caller, &networks)?;
        let now = self.now();
        let changed = self.store.write(move |tx| {
            let mut settings = settings::read(&tx.view())?;
            let before = std::mem::replace(&mut settings.networks, networks.clone());
            settings::write(tx, &settings)?;
            tx.audit(now, by, "settings.networks_changed", json!({ "from": before, "to": settings.networks }))?;
            Ok::<_, AuthError>(settings)
        });
        let settings = changed.await?;
        // As the store has it: two changes at once end with the same list here and there.
        self.perimeter.replace(self.settings()?.networks);
        Ok(settings)
    }

    /// Replaces a person's own list. Whoever does that over the network from `caller` must be on it.
    ///
    /// # Errors
    /// `LocksOut`, `NotFound`, `Store`.
    pub async fn set_own_networks(
        &self,
        by: Option<UserId>,
        user: UserId,
        caller: Option<Option<IpAddr>>,
        networks: Networks,
    ) -> Result<User, AuthError> {
        refuse_own_goal(caller, &networks)?;
        let now = self.now();
        let changed = self.store.write(move |tx| {
            let before = require_user(&tx.view(), user)?;
            let after = User { networks: networks.clone(), updated_at: now, ..before.clone() };
            tx.put(&USERS, &user_key(user), &after)?;
            tx.user(user).audit(now, by, "networks.changed", json!({ "from": before.networks, "to": after.networks }))?;
            Ok::<_, AuthError>(after)
        });
        changed.await
    }
}

/// Nobody locks themselves out by a slip; the command line has no address and no such fear.
fn refuse_own_goal(caller: Option<Option<IpAddr>>, networks: &Networks) -> Result<(), AuthError> {
    match caller {
        Some(address) if !networks.admits(address) => {
            Err(AuthError::LocksOut(address.map_or_else(|| "unknown".to_owned(), |a| a.to_canonical().to_string())))
        }
        _ => Ok(()),
    }
}
