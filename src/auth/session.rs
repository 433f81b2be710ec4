//! Sessions: one signed-in device each, held by a refresh token that changes at every use.
//!
//! A refresh token is user, session and 32 random bytes; the store keeps only the SHA-256 of the
//! bytes. Whoever shows an older token of a session ends it: either the owner or a thief has a copy.

use std::net::IpAddr;

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::error::AuthError;
use super::random_bytes;
use crate::domain::id::{SessionId, UserId};
use crate::storage::tables::UserTable;
use crate::storage::{Key, Record, StoreError, UserTx, UserView};

/// How long a session lives, whatever happens in it.
const LIFE: SignedDuration = SignedDuration::from_hours(24 * 30);
/// Browser tabs share a cookie and may refresh at the same moment; the later one is forgiven.
const GRACE: SignedDuration = SignedDuration::from_secs(10);
/// The oldest sessions of a user make room beyond this.
const MOST: usize = 50;

/// session.
const SESSIONS: UserTable<Session> = UserTable::new("sessions");

/// Where a request came from, as shown in the list of sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// What the program calls itself, shortened.
    pub agent: String,
    pub address: String,
    /// The web client, which keeps its refresh token in a cookie.
    pub web: bool,
}

impl Client {
    /// A client whose name is cut to what fits a list.
    pub fn new(agent: &str, address: &str, web: bool) -> Self {
        Self { agent: agent.chars().filter(|c| !c.is_control()).take(200).collect(), address: address.to_owned(), web }
    }

    /// The address as one; `None` when it is not known.
    pub fn ip(&self) -> Option<IpAddr> {
        self.address.parse().ok()
    }
}

/// A signed-in device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    pub id: SessionId,
    pub created_at: Timestamp,
    pub last_used_at: Timestamp,
    pub expires_at: Timestamp,
    pub client: Client,
    /// SHA-256 of the present token's random part, hex.
    token_hash: String,
    /// That of the one before, and when it was exchanged.
    previous: Option<(String, Timestamp)>,
    /// When the person last gave password or code in this session; signing in does not count.
    #[serde(default)]
    pub proved_at: Option<Timestamp>,
}

impl Record for Session {
    const NAME: &'static str = "session";
}

/// A session as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionView {
    pub id: SessionId,
    pub created_at: Timestamp,
    pub last_used_at: Timestamp,
    pub client: Client,
    /// The one that asks.
    pub current: bool,
}

/// A refresh token taken apart.
#[derive(Debug)]
pub(super) struct RefreshToken {
    pub user_id: UserId,
    pub session_id: SessionId,
    hash: String,
}

impl RefreshToken {
    /// # Errors
    /// `SessionEnded` when the text is none of ours.
    pub(super) fn parse(text: &SecretString) -> Result<Self, AuthError> {
        let bytes = BASE64URL_NOPAD.decode(text.expose_secret().trim().as_bytes()).map_err(|_| AuthError::SessionEnded)?;
        let (user, rest) = bytes.split_first_chunk::<16>().ok_or(AuthError::SessionEnded)?;
        let (session, secret) = rest.split_first_chunk::<16>().ok_or(AuthError::SessionEnded)?;
        let secret = <[u8; 32]>::try_from(secret).map_err(|_| AuthError::SessionEnded)?;
        Ok(Self { user_id: UserId(Uuid::from_bytes(*user)), session_id: SessionId(Uuid::from_bytes(*session)), hash: hash(&secret) })
    }
}

/// A fresh random part with the token that carries it.
fn fresh(user: UserId, session: SessionId) -> (String, SecretString) {
    let secret: [u8; 32] = random_bytes();
    let token = [user.as_bytes().as_slice(), session.as_bytes(), &secret].concat();
    (hash(&secret), SecretString::from(BASE64URL_NOPAD.encode(&token)))
}

fn hash(secret: &[u8; 32]) -> String {
    HEXLOWER.encode(&Sha256::digest(secret))
}

fn key(session: SessionId) -> Key {
    Key::new().id(session.as_bytes())
}

/// Opens a session and returns it with its first refresh token. Ended ones are swept out.
pub(super) fn open(tx: &mut UserTx<'_>, client: &Client, now: Timestamp) -> Result<(SessionId, SecretString), StoreError> {
    let mut sessions = tx.list(&SESSIONS, &Key::new())?;
    sessions.sort_by_key(|s| s.last_used_at);
    let room_for = sessions.len().saturating_sub(MOST - 1);
    for (index, old) in sessions.iter().enumerate() {
        if index < room_for || old.expires_at <= now {
            tx.remove(&SESSIONS, &key(old.id))?;
        }
    }
    let id = SessionId(Uuid::now_v7());
    let (token_hash, token) = fresh(tx.user_id(), id);
    let session = Session {
        id,
        created_at: now,
        last_used_at: now,
        expires_at: now.saturating_add(LIFE).unwrap_or(Timestamp::MAX),
        client: client.clone(),
        token_hash,
        previous: None,
        proved_at: None,
    };
    tx.put(&SESSIONS, &key(id), &session)?;
    let by = Some(tx.user_id());
    tx.audit(now, by, "session.opened", json!({"session": id, "client": client}))?;
    Ok((id, token))
}

/// What became of a shown refresh token.
#[derive(Debug)]
pub(super) enum Rotation {
    /// Exchanged for a new one.
    Rotated(SecretString),
    /// A second tab's request within the grace time: the cookie that the first one got stays.
    Forgiven,
    /// Used before; the session is gone.
    Reused,
    /// No such session, or its time is over.
    Ended,
}

/// Exchanges a refresh token.
pub(super) fn rotate(tx: &mut UserTx<'_>, token: &RefreshToken, client: &Client, now: Timestamp) -> Result<Rotation, StoreError> {
    let Some(mut session) = tx.get(&SESSIONS, &key(token.session_id))? else { return Ok(Rotation::Ended) };
    if session.expires_at <= now {
        tx.remove(&SESSIONS, &key(session.id))?;
        return Ok(Rotation::Ended);
    }
    if same(&session.token_hash, &token.hash) {
        let (next, text) = fresh(tx.user_id(), session.id);
        session.previous = Some((std::mem::replace(&mut session.token_hash, next), now));
        session.last_used_at = now;
        session.client = client.clone();
        tx.put(&SESSIONS, &key(session.id), &session)?;
        return Ok(Rotation::Rotated(text));
    }
    let forgiven = session
        .previous
        .as_ref()
        .is_some_and(|(hash, at)| same(hash, &token.hash) && now.duration_since(*at) <= GRACE && client.web && *client == session.client);
    if forgiven {
        return Ok(Rotation::Forgiven);
    }
    tx.remove(&SESSIONS, &key(session.id))?;
    tx.audit(now, None, "session.reuse_detected", json!({"session": session.id, "opened_by": session.client, "shown_by": client}))?;
    Ok(Rotation::Reused)
}

fn same(a: &str, b: &str) -> bool {
    a.as_bytes().ct_eq(b.as_bytes()).into()
}

/// Ends the session of a refresh token, if the token is its present one.
pub(super) fn close(tx: &mut UserTx<'_>, token: &RefreshToken, now: Timestamp) -> Result<(), StoreError> {
    match tx.get(&SESSIONS, &key(token.session_id))? {
        Some(session) if same(&session.token_hash, &token.hash) => revoke(tx, session.id, now).map(|_| ()),
        _ => Ok(()),
    }
}

/// Ends a session; `false` when there is none.
pub(super) fn revoke(tx: &mut UserTx<'_>, id: SessionId, now: Timestamp) -> Result<bool, StoreError> {
    if tx.get(&SESSIONS, &key(id))?.is_none() {
        return Ok(false);
    }
    tx.remove(&SESSIONS, &key(id))?;
    let by = Some(tx.user_id());
    tx.audit(now, by, "session.ended", json!({"session": id}))?;
    Ok(true)
}

/// Ends all sessions but one; how many that were.
pub(super) fn revoke_others(tx: &mut UserTx<'_>, keep: Option<SessionId>) -> Result<usize, StoreError> {
    let others: Vec<SessionId> = tx.list(&SESSIONS, &Key::new())?.into_iter().map(|s| s.id).filter(|id| Some(*id) != keep).collect();
    for id in &others {
        tx.remove(&SESSIONS, &key(*id))?;
    }
    Ok(others.len())
}

/// A session that is open.
pub(super) fn find(view: &UserView<'_>, id: SessionId, now: Timestamp) -> Result<Option<Session>, StoreError> {
    Ok(view.get(&SESSIONS, &key(id))?.filter(|s| s.expires_at > now))
}

/// Notes a proof in an open session; `false` when there is none.
pub(super) fn prove(tx: &mut UserTx<'_>, id: SessionId, now: Timestamp) -> Result<bool, StoreError> {
    let Some(mut session) = find(&tx.view(), id, now)? else { return Ok(false) };
    session.proved_at = Some(now);
    tx.put(&SESSIONS, &key(id), &session)?;
    Ok(true)
}

/// The open sessions of a user, last used first.
pub(super) fn list(view: &UserView<'_>, current: Option<SessionId>, now: Timestamp) -> Result<Vec<SessionView>, StoreError> {
    let mut sessions: Vec<SessionView> = view
        .list(&SESSIONS, &Key::new())?
        .into_iter()
        .filter(|s| s.expires_at > now)
        .map(|s| SessionView {
            id: s.id,
            created_at: s.created_at,
            last_used_at: s.last_used_at,
            client: s.client,
            current: Some(s.id) == current,
        })
        .collect();
    sessions.sort_by_key(|s| std::cmp::Reverse(s.last_used_at));
    Ok(sessions)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{AUDIT, Store};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn web() -> Client {
        Client::new("Firefox", "10.0.0.5", true)
    }

    struct Fixture(Store, UserId);

    impl Fixture {
        fn new() -> Self {
            Self(Store::in_memory().unwrap(), UserId(Uuid::now_v7()))
        }

        fn write<T: Send + 'static>(&self, f: impl Fn(&mut UserTx<'_>) -> Result<T, StoreError> + Send + 'static) -> T {
            let user = self.1;
            self.0.write_blocking(move |tx| f(&mut tx.user(user))).unwrap()
        }

        fn open(&self, client: &Client, now: Timestamp) -> (SessionId, SecretString) {
            let client = client.clone();
            self.write(move |tx| open(tx, &client, now))
        }

        fn rotate(&self, token: &SecretString, client: &Client, now: Timestamp) -> Rotation {
            let (token, client) = (token.clone(), client.clone());
            self.write(move |tx| rotate(tx, &RefreshToken::parse(&token).unwrap(), &client, now))
        }

        fn count(&self, now: Timestamp) -> usize {
            self.0.read(|v| list(&v.user(self.1), None, now)).unwrap().len()
        }

        fn audited(&self) -> Vec<String> {
            self.0.read(|v| v.user(self.1).list(&AUDIT, &Key::new())).unwrap().into_iter().map(|r| r.action).collect()
        }
    }

    fn rotated(rotation: Rotation) -> SecretString {
        match rotation {
            Rotation::Rotated(token) => token,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_token_works_once_and_its_reuse_ends_the_family_with_an_audit_row() {
        let f = Fixture::new();
        let api = Client::new("script", "10.0.0.9", false);
        let (_, first) = f.open(&api, at(0));
        let (_, elsewhere) = f.open(&web(), at(0));
        let second = rotated(f.rotate(&first, &api, at(1)));
        assert!(matches!(f.rotate(&first, &api, at(2)), Rotation::Reused));
        assert!(matches!(f.rotate(&second, &api, at(3)), Rotation::Ended), "the thief's token dies with the owner's");
        rotated(f.rotate(&elsewhere, &web(), at(4)));
        assert_eq!(f.audited(), ["session.opened", "session.opened", "session.reuse_detected"]);
    }

    #[test]
    fn two_tabs_of_one_browser_are_forgiven_for_ten_seconds() {
        let f = Fixture::new();
        let (_, first) = f.open(&web(), at(0));
        let second = rotated(f.rotate(&first, &web(), at(100)));
        assert!(matches!(f.rotate(&first, &web(), at(110)), Rotation::Forgiven));
        let third = rotated(f.rotate(&second, &web(), at(111)));
        // Another browser with the same cookie is none of the tabs.
        assert!(matches!(f.rotate(&second, &Client::new("Chrome", "10.0.0.5", true), at(112)), Rotation::Reused));
        assert!(matches!(f.rotate(&third, &web(), at(113)), Rotation::Ended));

        let (_, first) = f.open(&web(), at(200));
        rotated(f.rotate(&first, &web(), at(300)));
        assert!(matches!(f.rotate(&first, &web(), at(311)), Rotation::Reused), "the grace is over");
    }

    #[test]
    fn a_session_ends_after_thirty_days_however_often_it_is_used() {
        let f = Fixture::new();
        let day = 86_400;
        let (_, first) = f.open(&web(), at(0));
        let second = rotated(f.rotate(&first, &web(), at(29 * day)));
        assert_eq!(f.count(at(30 * day - 1)), 1);
        assert!(matches!(f.rotate(&second, &web(), at(30 * day)), Rotation::Ended));
        assert_eq!(f.count(at(29 * day)), 0, "and it is swept out");
    }

    #[test]
    fn the_store_holds_no_token_and_old_devices_make_room() {
        let f = Fixture::new();
        let (_, token) = f.open(&web(), at(0));
        let dir = tempfile::tempdir().unwrap();
        f.0.snapshot_to(&dir.path().join("copy")).unwrap();
        let bytes = fs_err::read(dir.path().join("copy")).unwrap();
        let secret = BASE64URL_NOPAD.decode(token.expose_secret().as_bytes()).unwrap();
        let secret = secret.get(32..).unwrap();
        assert!(!bytes.windows(32).any(|w| w == secret));
        for n in 1..60 {
            f.open(&web(), at(n));
        }
        assert_eq!(f.count(at(60)), MOST);
        assert!(matches!(f.rotate(&token, &web(), at(61)), Rotation::Ended));
    }

    #[test]
    fn texts_that_are_no_tokens_are_refused() {
        for text in ["", "a", "????", "AAAA", &"A".repeat(85), &"A".repeat(200)] {
            assert!(matches!(RefreshToken::parse(&SecretString::from(text)), Err(AuthError::SessionEnded)), "{text}");
        }
    }

    #[test]
    fn signing_out_needs_the_present_token() {
        let f = Fixture::new();
        let (_, first) = f.open(&web(), at(0));
        let second = rotated(f.rotate(&first, &web(), at(1)));
        f.write(move |tx| close(tx, &RefreshToken::parse(&first).unwrap(), at(2)));
        assert_eq!(f.count(at(2)), 1);
        f.write(move |tx| close(tx, &RefreshToken::parse(&second).unwrap(), at(3)));
        assert_eq!(f.count(at(3)), 0);
    }
}
