//! Passwords: rules, Argon2id, and an answer that takes as long for unknown users as for known ones.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use argon2::{Algorithm, Argon2, Params, Version};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use super::error::AuthError;

/// OWASP's minimum for Argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// Hashes at a time: each needs 19 MiB, and a NAS may have 1 GB.
const PARALLEL: usize = 2;
/// Hashes under way and waiting; the last one waits about two seconds on a NAS.
const MOST_WAITING: usize = 64;

const SHORTEST: usize = 10;
const LONGEST: usize = 128;

/// Passwords of ten characters and more that everybody tries first, in lower case and sorted: those of
/// the 30,000 most frequent ones of leaked lists, and what a Korean keyboard makes of familiar words.
/// Shorter ones are refused for their length.
static COMMON: LazyLock<HashSet<&str>> =
    LazyLock::new(|| include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/data-fixtures/passwords/common.txt")).lines().collect());

/// Says whether a password may be set for a user.
///
/// # Errors
/// `WeakPassword` naming the rule.
pub(super) fn check(password: &SecretString, username: &str) -> Result<(), AuthError> {
    let text = password.expose_secret();
    let length = text.chars().count();
    let lower = text.to_lowercase();
    let complaint = if length < SHORTEST {
        "the password is too short: use at least 10 characters"
    } else if length > LONGEST {
        "the password is too long: use at most 128 characters"
    } else if lower == username.to_lowercase() {
        "the password must not be the user name"
    } else if COMMON.contains(lower.as_str()) {
        "this password is one of the most common ones: choose another"
    } else if lower.chars().next().is_some_and(|first| lower.chars().all(|c| c == first)) {
        "the password repeats a single character: choose another"
    } else {
        return Ok(());
    };
    Err(AuthError::WeakPassword(complaint))
}

/// How much hashing there was since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashingWork {
    /// Passwords hashed or verified, those of nobody included.
    pub done: u64,
    /// The most at the same time.
    pub most_at_once: u64,
}

#[derive(Default)]
struct Tally {
    done: AtomicU64,
    running: AtomicU64,
    most_at_once: AtomicU64,
}

impl Tally {
    fn count<T>(&self, work: impl FnOnce() -> T) -> T {
        let running = self.running.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_at_once.fetch_max(running, Ordering::Relaxed);
        let result = work();
        self.running.fetch_sub(1, Ordering::Relaxed);
        self.done.fetch_add(1, Ordering::Relaxed);
        result
    }
}

/// Hashes and verifies on blocking threads, a few at a time. Cheap to clone.
#[derive(Clone)]
pub(super) struct Passwords {
    slots: Arc<Semaphore>,
    /// Whoever is hashed or waits for it.
    queue: Arc<Semaphore>,
    tally: Arc<Tally>,
    /// What an unknown user's password is compared with.
    nobody: Arc<str>,
}

impl Passwords {
    /// # Errors
    /// `Hashing` when Argon2 cannot run here.
    pub(super) fn new() -> Result<Self, AuthError> {
        let nobody = hash_now(b"a password that nobody has")?;
        let (slots, queue) = (Arc::new(Semaphore::new(PARALLEL)), Arc::new(Semaphore::new(MOST_WAITING)));
        Ok(Self { slots, queue, tally: Arc::default(), nobody: nobody.into() })
    }

    /// The PHC string of a password.
    ///
    /// # Errors
    /// `Hashing`.
    pub(super) async fn hash(&self, password: SecretString) -> Result<String, AuthError> {
        self.run(move || hash_now(password.expose_secret().as_bytes())).await
    }

    /// Compares a password with a stored hash. Without one it does the same work and says no.
    ///
    /// # Errors
    /// `Hashing`.
    pub(super) async fn verify(&self, password: SecretString, stored: Option<String>) -> Result<bool, AuthError> {
        let nobody = self.nobody.clone();
        self.run(move || {
            let known = stored.is_some();
            let phc = stored.as_deref().unwrap_or(&nobody);
            Ok(verify_now(password.expose_secret().as_bytes(), phc)? && known)
        })
        .await
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T, AuthError> + Send + 'static) -> Result<T, AuthError> {
        // Whoever floods the sign-in must not make everybody wait for minutes, nor fill the memory.
        let queued = self.queue.try_acquire();
        let _queued = queued.map_err(|_| AuthError::Throttled { retry_after: Duration::from_secs(2) })?;
        let _slot = self.slots.acquire().await.map_err(hashing)?;
        let tally = self.tally.clone();
        tokio::task::spawn_blocking(move || tally.count(work)).await.map_err(hashing)?
    }

    pub(super) fn work(&self) -> HashingWork {
        let Tally { done, most_at_once, .. } = &*self.tally;
        HashingWork { done: done.load(Ordering::Relaxed), most_at_once: most_at_once.load(Ordering::Relaxed) }
    }
}

/// A key from a passphrase, by Argon2id.
///
/// # Errors
/// `Hashing` when the parameters cannot be used here.
pub(super) fn derive_key(passphrase: &[u8], salt: &[u8], memory_kib: u32, passes: u32) -> Result<Zeroizing<[u8; 32]>, AuthError> {
    let params = Params::new(memory_kib, passes, LANES, Some(32)).map_err(hashing)?;
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into(passphrase, salt, key.as_mut_slice()).map_err(hashing)?;
    Ok(key)
}

fn hashing(error: impl std::fmt::Display) -> AuthError {
    AuthError::Hashing(error.to_string())
}

fn argon2() -> Result<Argon2<'static>, AuthError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(hashing)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash_now(password: &[u8]) -> Result<String, AuthError> {
    let hash: PasswordHash = argon2()?.hash_password(password).map_err(hashing)?;
    Ok(hash.to_string())
}

fn verify_now(password: &[u8], phc: &str) -> Result<bool, AuthError> {
    let hash = PasswordHash::new(phc).map_err(hashing)?;
    Ok(argon2()?.verify_password(password, &hash).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(password: &str, username: &str) -> Option<String> {
        check(&SecretString::from(password), username).err().map(|e| e.to_string())
    }

    #[test]
    fn rules_name_what_is_wrong() {
        for (password, username, expected) in [
            ("short", "anna", Some("too short")),
            ("아홉글자밖에안되는", "anna", Some("too short")),
            ("열글자가되는비밀번호", "anna", None),
            (&"x1".repeat(65), "anna", Some("too long")),
            (&"x1".repeat(64), "anna", None),
            ("Anna.Kim.Seoul", "anna.kim.seoul", Some("user name")),
            ("Password123", "anna", Some("most common")),
            ("ㅋㅋㅋㅋㅋㅋㅋㅋㅋㅋ", "anna", Some("single character")),
            ("correct horse battery", "anna", None),
        ] {
            let found = complaint(password, username);
            match expected {
                None => assert_eq!(found, None, "{password}"),
                Some(part) => assert!(found.as_deref().is_some_and(|f| f.contains(part)), "{password}: {found:?}"),
            }
        }
    }

    #[tokio::test]
    async fn hashes_use_the_promised_parameters_and_verify() {
        let passwords = Passwords::new().unwrap();
        let stored = passwords.hash(SecretString::from("correct horse battery")).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert!(passwords.verify(SecretString::from("correct horse battery"), Some(stored.clone())).await.unwrap());
        assert!(!passwords.verify(SecretString::from("correct horse batterz"), Some(stored)).await.unwrap());
        // Nobody's password is no door, even when it is guessed.
        assert!(!passwords.verify(SecretString::from("a password that nobody has"), None).await.unwrap());
    }
}
