//! Why identity and vault refuse.

use std::time::Duration;

use jiff::Timestamp;

use crate::domain::id::UserId;
use crate::storage::StoreError;

/// Why a secret cannot be sealed, read or claimed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum VaultError {
    /// Deliberately silent about whose account it is.
    #[error("this app key is already used by another account of this installation")]
    AppKeyTaken,
    #[error("cannot access a key file: {0}")]
    File(String),
    #[error("read and accept the disclosure about broker keys first")]
    DisclosureRequired,
    #[error("a sealed secret cannot be opened: it was damaged or sealed under another key")]
    Unreadable,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a call with an API key is refused. Which keys there are, only who knows a key's secret learns.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("there is no such API key: it is wrong, was revoked, or its user was deactivated")]
    Unknown,
    #[error("this API key expired at {0}: make another one")]
    Expired(Timestamp),
    #[error("this API key may not be used from the address {0}")]
    Address(String),
    #[error("an API key in the address ends up in logs: send it in the header Authorization, and revoke this one")]
    InAddress,
    #[error("with an API key alone one may only read: this call must be signed, see the help page on the API")]
    SignatureMissing,
    #[error("the signature cannot be read: {0}")]
    SignatureMalformed(&'static str),
    #[error("the signature is wrong: key, secret or one of the signed parts is another one")]
    SignatureWrong,
    #[error("the timestamp is more than 30 s old: the server's clock says {server}")]
    SignatureStale { server: i64 },
    #[error("the timestamp is more than 30 s ahead: the server's clock says {server}")]
    SignatureFuture { server: i64 },
    #[error("a request with this nonce was taken already: make a new nonce for each")]
    SignatureReplayed,
    /// What was taken before the start is not known any more.
    #[error("the server has just started and takes signed calls in {} s", retry_after.as_secs())]
    JustStarted { retry_after: Duration },
    #[error("today's {limit} calls by API key are used up: the next day begins at midnight in Seoul")]
    CallsUsedUp { limit: u32, retry_after: Duration },
    #[error("too many calls at once: try again in {} s", retry_after.as_secs().max(1))]
    TooFast { retry_after: Duration },
}

/// Why an act of identity is refused.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AuthError {
    /// Unknown user, wrong password and blocked user look the same.
    #[error("user name or password is wrong")]
    WrongCredentials,
    /// The password was right; the person's second factor is on.
    #[error("enter the six digits of your authenticator app, or a recovery code")]
    SecondFactorRequired,
    #[error("the code is wrong, has been used, or has expired: enter the one that the app shows now")]
    WrongCode,
    #[error("sign in first: the access token is missing, wrong or expired")]
    NotSignedIn,
    #[error("this needs your password or code once more: it was not given within the last five minutes")]
    StepUpRequired,
    #[error("this session has ended: sign in again")]
    SessionEnded,
    /// An already exchanged refresh token came back; the whole session was revoked.
    #[error("this refresh token was used before; the session was ended to be safe: sign in again")]
    RefreshReused { user_id: UserId },
    #[error("too many attempts: try again in {} s", retry_after.as_secs())]
    Throttled { retry_after: Duration },
    #[error("the first administrator needs the setup code: it is in the file setup-code of the data folder on the NAS")]
    SetupCodeRequired,
    #[error("the setup code is wrong: it is in the file setup-code of the data folder on the NAS")]
    SetupCodeWrong,
    #[error("registration is closed: ask the administrator of this installation")]
    RegistrationClosed,
    #[error("there is no such invitation: it was used, taken back or has expired")]
    InviteUnknown,
    #[error("the note must have at most 100 characters and no control characters")]
    InvalidNote,
    #[error("this link no longer counts: it was used, replaced or is older than 30 minutes. Ask for a new one")]
    ResetUnknown,
    #[error("name or code is wrong, or the code is older than 30 minutes: it is in the file recovery-code of the data folder on the NAS")]
    RecoveryCodeWrong,
    #[error("the list of networks of this person does not admit your address")]
    AddressNotAllowed,
    #[error("your own address {0} is not in the list: you would lock yourself out. Add it first")]
    LocksOut(String),
    #[error("this is the last active administrator: make another one first")]
    LastAdmin,
    #[error("the user name '{0}' is taken: choose another one")]
    UsernameTaken(String),
    #[error("{0}")]
    InvalidUsername(&'static str),
    #[error("{0}")]
    WeakPassword(&'static str),
    #[error("'{0}' is no e-mail address")]
    InvalidEmail(String),
    #[error("the current password is wrong")]
    WrongCurrentPassword,
    #[error("this text has changed meanwhile: read the present version")]
    DisclosureChanged,
    #[error("{0} does not exist")]
    NotFound(&'static str),
    #[error("{detail}")]
    InvalidSetting { pointer: &'static str, detail: String },
    #[error("there are too many {0}: remove one first")]
    TooMany(&'static str),
    #[error("an administrator has to enter the public address of this installation first")]
    PublicUrlMissing,
    /// What is wrong with it stands in the log.
    #[error("the sign-in provider gives no usable answer at the moment: try again, or sign in with your password")]
    ProviderTrouble,
    #[error("the sign-in provider's answer is not believed: {0}")]
    ProviderRefused(&'static str),
    #[error("this sign-in was not begun in this browser, was used already or is older than 10 minutes: begin again")]
    SignInUnknown,
    /// Also when it is linked to a user who may not sign in.
    #[error("no user here is linked to this sign-in: sign in with your password, then link it on your profile page")]
    IdentityUnlinked,
    #[error("this sign-in is linked to another user of this installation")]
    IdentityTaken,
    #[error("the owner of this account has not granted this: ask them for it")]
    GrantTooNarrow,
    #[error("password hashing failed: {0}")]
    Hashing(String),
    #[error("cannot access {path}: {detail}")]
    File { path: String, detail: String },
    #[error("a key's name has 1 to 60 characters and no control characters")]
    InvalidKeyName,
    #[error("a key expires in the future, within ten years")]
    InvalidExpiry,
    #[error("your role may only read: make a key that only reads")]
    ScopeBeyondRole,
    #[error("you have {} keys: revoke one first", super::api_keys::MOST_KEYS)]
    TooManyKeys,
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error(transparent)]
    Store(#[from] StoreError),
}
