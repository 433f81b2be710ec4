//! Words that count once: invitations and links that set a new password. Whoever has the word may use it,
//! so it is 160 random bits, lives shortly, and the store keeps only its SHA-256.

use data_encoding::{BASE32_NOPAD, HEXLOWER};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::random_bytes;
use crate::domain::id::UserId;
use crate::domain::user::Role;
use crate::storage::tables::SystemTable;
use crate::storage::{Key, Record, StoreError, Tx, View};

/// hash of the word → what it is good for.
const ONE_TIME_WORDS: SystemTable<OneTimeWord> = SystemTable::new("one_time_words");

/// What a word is good for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "for", rename_all = "snake_case")]
pub(super) enum Purpose {
    /// Registering with a role; the note says for whom it was made.
    Invitation { role: Role, note: Option<String> },
    /// Setting a new password, and going without the second factor from then on.
    Reset { user: UserId, drop_second_factor: bool },
}

/// A word as the store knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct OneTimeWord {
    pub id: Uuid,
    pub purpose: Purpose,
    /// `None` for the command line.
    pub by: Option<UserId>,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

impl Record for OneTimeWord {
    const NAME: &'static str = "one-time word";
}

fn key(word: &str) -> Key {
    let plain: String = word.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect();
    Key::new().text(&HEXLOWER.encode(&Sha256::digest(plain)))
}

/// Makes a word. What has expired is swept out.
pub(super) fn issue(
    tx: &mut Tx<'_>,
    purpose: Purpose,
    by: Option<UserId>,
    life: SignedDuration,
    now: Timestamp,
) -> Result<(OneTimeWord, SecretString), StoreError> {
    retain(tx, |word| word.expires_at > now)?;
    let word = BASE32_NOPAD.encode(&random_bytes::<20>());
    let expires_at = now.saturating_add(life).unwrap_or(Timestamp::MAX);
    let row = OneTimeWord { id: Uuid::now_v7(), purpose, by, created_at: now, expires_at };
    tx.put(&ONE_TIME_WORDS, &key(&word), &row)?;
    Ok((row, word.into()))
}

/// What a word is good for, if it still is.
pub(super) fn find(view: &View<'_>, word: &SecretString, now: Timestamp) -> Result<Option<OneTimeWord>, StoreError> {
    Ok(view.get(&ONE_TIME_WORDS, &key(word.expose_secret()))?.filter(|row| row.expires_at > now))
}

/// Uses a word up.
pub(super) fn take(tx: &mut Tx<'_>, word: &SecretString, now: Timestamp) -> Result<Option<OneTimeWord>, StoreError> {
    let found = find(&tx.view(), word, now)?;
    tx.remove(&ONE_TIME_WORDS, &key(word.expose_secret()))?;
    Ok(found)
}

/// The words that still count, newest first.
pub(super) fn list(view: &View<'_>, now: Timestamp) -> Result<Vec<OneTimeWord>, StoreError> {
    let mut rows: Vec<OneTimeWord> = view.list(&ONE_TIME_WORDS, &Key::new())?;
    rows.retain(|row| row.expires_at > now);
    rows.sort_by_key(|row| std::cmp::Reverse(row.created_at));
    Ok(rows)
}

/// Keeps only what `keep` says.
pub(super) fn retain(tx: &mut Tx<'_>, keep: impl Fn(&OneTimeWord) -> bool) -> Result<usize, StoreError> {
    let mut gone = 0;
    for (key, row) in tx.view().entries(&ONE_TIME_WORDS)? {
        if !keep(&row) {
            tx.remove(&ONE_TIME_WORDS, &key)?;
            gone += 1;
        }
    }
    Ok(gone)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Store;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + 60 * minutes).unwrap()
    }

    #[test]
    fn a_word_counts_once_until_it_expires_and_is_not_in_the_store() {
        let store = Store::in_memory().unwrap();
        let invitation = || Purpose::Invitation { role: Role::User, note: None };
        let half_an_hour = SignedDuration::from_mins(30);
        let (_, word) = store.write_blocking(move |tx| issue(tx, invitation(), None, half_an_hour, at(0))).unwrap();
        let dir = tempfile::tempdir().unwrap();
        store.snapshot_to(&dir.path().join("copy")).unwrap();
        let bytes = fs_err::read(dir.path().join("copy")).unwrap();
        assert!(!bytes.windows(32).any(|w| w == word.expose_secret().as_bytes()));
        assert_eq!(store.read(|v| list(v, at(29))).unwrap().len(), 1);
        assert_eq!(store.read(|v| list(v, at(30))).unwrap().len(), 0, "its time is over");

        let typed = SecretString::from(format!(" {}-", word.expose_secret().to_lowercase()));
        let took = |minutes: i64| {
            let word = typed.clone();
            store.write_blocking(move |tx| take(tx, &word, at(minutes))).unwrap().map(|row| row.purpose)
        };
        assert_eq!(took(1), Some(invitation()));
        assert_eq!(took(1), None, "used up");
    }
}
