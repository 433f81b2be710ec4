//! Who is asking, and what the acts of identity share: `people` makes and finds users, `sign_in` lets
//! them in and out.

use std::path::Path;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use zeroize::Zeroizing;

use super::api_keys::KeyMemory;
use super::code_file::{CodeFile, RECOVERY_CODE_FILE, SETUP_CODE_FILE};
use super::error::AuthError;
use super::password::{HashingWork, Passwords};
use super::perimeter::Perimeter;
use super::random_bytes;
use super::rate::{CALLS_PER_SECOND, Rates};
use super::settings::{self, RegistrationPolicy, Settings};
use super::throttle::Throttle;
use super::token::Tokens;
use super::vault::Vault;
use crate::domain::clock::Clock;
use crate::domain::id::{ApiKeyId, SessionId, UserId};
use crate::domain::order::Environment;
use crate::domain::user::{Role, Scope};
use crate::storage::{Store, StoreError};

/// A proof by password or code opens what a stolen session must not do for so long.
pub const PROOF_LASTS: SignedDuration = SignedDuration::from_mins(5);

/// Who is asking, as proven by a token or a key and the rows behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub user_id: UserId,
    pub username: String,
    pub role: Role,
    pub via: Via,
}

/// With what somebody proved who is asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// A signed-in device, and when its person last gave password or code in the session.
    Session { id: SessionId, proved_at: Option<Timestamp> },
    /// A program with a key of its user.
    /// `signed`: it signed this call, and did not only show itself.
    Key { id: ApiKeyId, scope: Scope, signed: bool },
}

impl Identity {
    /// The session that asks, if it is one.
    pub fn session(&self) -> Option<SessionId> {
        match self.via {
            Via::Session { id, .. } => Some(id),
            Via::Key { .. } => None,
        }
    }

    /// Whether orders of accounts of an environment lie within reach. What the account's rules say of
    /// them is asked later.
    pub fn reaches(&self, environment: Environment) -> bool {
        match (self.via, environment) {
            (Via::Session { .. }, _) => true,
            (Via::Key { scope, .. }, Environment::Own | Environment::Mock) => scope >= Scope::Paper,
            (Via::Key { scope, .. }, Environment::Live) => scope >= Scope::Trade,
        }
    }
}

/// The use cases of identity. Cheap to clone.
#[derive(Clone)]
pub struct Auth {
    pub(super) store: Store,
    pub(super) vault: Vault,
    pub(super) passwords: Passwords,
    pub(super) tokens: Tokens,
    pub(super) throttle: Throttle,
    pub(super) perimeter: Arc<Perimeter>,
    pub(super) setup_code: CodeFile,
    pub(super) recovery_code: CodeFile,
    pub(super) keys: Arc<KeyMemory>,
    pub(super) rates: Rates,
    pub(super) wall: Arc<dyn Clock>,
    /// Held while the master key is replaced.
    pub(super) rotating: Arc<tokio::sync::Mutex<()>>,
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Auth")
    }
}

impl Auth {
    /// Prepares identity over a store: reads or makes the signing key, and the setup code when there
    /// is no user yet.
    ///
    /// # Errors
    /// `Vault(Unreadable)` when the master key is not the one that the database was made with,
    /// `File`, `Store`.
    pub async fn open(store: Store, vault: &Vault, data_dir: &Path, wall: Arc<dyn Clock>) -> Result<Self, AuthError> {
        let (vault, sealing) = (vault.clone(), vault.clone());
        let make = || Zeroizing::new(random_bytes::<32>().to_vec());
        let secret = store.write(move |tx| sealing.system_secret(tx, "token-signing-key", make)).await?;
        let auth = Self {
            passwords: Passwords::new()?,
            tokens: Tokens::new(&secret),
            throttle: Throttle::default(),
            perimeter: Arc::new(Perimeter::new(store.read(settings::read)?.networks)),
            setup_code: CodeFile::in_folder(data_dir, SETUP_CODE_FILE),
            recovery_code: CodeFile::in_folder(data_dir, RECOVERY_CODE_FILE),
            keys: Arc::new(KeyMemory::starting(wall.now())),
            rates: Rates::per_second(CALLS_PER_SECOND),
            store,
            vault,
            wall,
            rotating: Arc::default(),
        };
        auth.complete_data_keys().await?;
        auth.sweep_key_files()?;
        if auth.setup_required()? {
            auth.setup_code.ensure()?
        } else {
            auth.setup_code.remove()?
        }
        Ok(auth)
    }

    /// With another rate for each key and each signed-in person.
    #[must_use]
    pub fn with_rate(self, calls_per_second: u32) -> Self {
        Self { rates: Rates::per_second(calls_per_second), ..self }
    }

    /// How much password hashing there was: the most expensive work that a stranger can ask for.
    pub fn hashing_work(&self) -> HashingWork {
        self.passwords.work()
    }

    pub(super) fn now(&self) -> Timestamp {
        self.wall.now()
    }

    /// Whether the first administrator is still to be made.
    ///
    /// # Errors
    /// `Store`.
    pub fn setup_required(&self) -> Result<bool, AuthError> {
        Ok(self.store.read(|view| Ok::<_, StoreError>(view.user_ids()?.is_empty()))?)
    }

    /// Settings of the installation.
    ///
    /// # Errors
    /// `Store`.
    pub fn settings(&self) -> Result<Settings, AuthError> {
        Ok(self.store.read(settings::read)?)
    }

    /// Opens or closes registration.
    ///
    /// # Errors
    /// `Store`.
    pub async fn set_registration(&self, by: Option<UserId>, policy: RegistrationPolicy) -> Result<Settings, AuthError> {
        let now = self.now();
        let changed = self.store.write(move |tx| {
            let mut settings = settings::read(&tx.view())?;
            let before = std::mem::replace(&mut settings.registration, policy);
            settings::write(tx, &settings)?;
            tx.audit(now, by, "settings.registration_changed", json!({"from": before, "to": policy}))?;
            Ok::<_, AuthError>(settings)
        });
        changed.await
    }
}
