//! Who is asking, and what may be read: passwords, sessions, access tokens and the vault.
//!
//! [`Auth`] holds the use cases (register, sign in, refresh, sign out); [`Vault`] seals broker keys
//! and other secrets. Both are cheap to clone.

mod api_calls;
mod api_keys;
mod code_file;
mod disclosures;
mod error;
mod forget;
mod grants;
mod identity;
mod invitations;
mod keyring;
mod master_key;
mod metrics_token;
mod nonces;
pub mod oidc;
mod one_time;
mod outposts;
mod password;
mod people;
mod perimeter;
mod rate;
mod recovery;
mod rotation;
mod seal;
mod second_factor;
mod session;
mod settings;
mod sign_in;
mod signature;
mod throttle;
mod token;
mod vault;

pub use api_calls::CallsToday;
pub use api_keys::{ApiKey, NewApiKey};
pub use code_file::{RECOVERY_CODE_FILE, SETUP_CODE_FILE};
pub use disclosures::{Disclosure, accepted_at};
pub use error::{AuthError, KeyError, VaultError};
pub use forget::{end_all_sessions, forget_sealed};
pub use grants::{Grant, Granted, NamedGrant};
pub use identity::{Auth, Identity, PROOF_LASTS, Via};
pub use invitations::Invitation;
pub use keyring::USER_KEYS_FOLDER;
pub use master_key::{Derivation, MASTER_KEY_FILE, MasterKey, MasterKeyError, NEXT_MASTER_KEY_FILE, Passphrase};
pub use metrics_token::MetricsToken;
pub use outposts::{Outpost, OutpostKind, OutpostSettings};
pub use password::HashingWork;
pub use people::{NewUser, Registration, UserPatch};
pub use rate::CALLS_PER_SECOND;
pub use recovery::ResetLink;
pub use rotation::{RotationError, open_vault};
pub use second_factor::{Enrolment, SecondFactorState};
pub use session::{Client, Session, SessionView};
pub use settings::{RegistrationPolicy, Settings};
pub use sign_in::{Proof, SignedIn};
pub use signature::{KEY_PREFIX, SIGNATURE_SCHEME, SIGNATURE_WINDOW, SignatureHeader, SignedParts, key_name};
pub use token::ACCESS_TOKEN_LIFE;
pub use vault::Vault;

/// Creates a file that only its owner may read; an existing one is an error.
fn create_private(path: &std::path::Path) -> std::io::Result<fs_err::File> {
    use fs_err::os::unix::fs::OpenOptionsExt;
    fs_err::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Fresh random bytes for keys and tokens.
fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::fill(&mut bytes);
    bytes
}
