//! Who is asking, and what may be read: passwords, sessions, access tokens and the vault.
//!
//! [`Auth`] holds the use cases (register, sign in, refresh, sign out); [`Vault`] seals broker keys
//! and other secrets. Both are cheap to clone.

mod code_file;
mod error;
mod grants;
mod identity;
mod invitations;
mod master_key;
pub mod oidc;
mod one_time;
mod password;
mod people;
mod recovery;
mod second_factor;
mod session;
mod settings;
mod sign_in;
mod throttle;
mod token;
mod vault;

pub use code_file::{RECOVERY_CODE_FILE, SETUP_CODE_FILE};
pub use error::{AuthError, VaultError};
pub use grants::{Grant, Granted, NamedGrant};
pub use identity::{Auth, Identity, PROOF_LASTS, Via};
pub use invitations::Invitation;
pub use master_key::{MASTER_KEY_FILE, MasterKey, MasterKeyError};
pub use people::{NewUser, Registration, UserPatch};
pub use recovery::ResetLink;
pub use second_factor::{Enrolment, SecondFactorState};
pub use session::{Client, Session, SessionView};
pub use settings::{RegistrationPolicy, Settings};
pub use sign_in::{Proof, SignedIn};
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
