//! The second factor: one-time codes of an authenticator app (RFC 6238, SHA-1, six digits, 30 s), and ten
//! recovery codes for the day the phone is lost. The seed lies in the vault; a code counts once.

use data_encoding::{BASE32_NOPAD, HEXLOWER};
use jiff::{SignedDuration, Timestamp};
use qrcode::QrCode;
use qrcode::render::svg;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use totp_rs::{Builder, Totp};
use uuid::Uuid;

use super::error::AuthError;
use super::identity::{Auth, Identity};
use super::vault::Vault;
use super::{random_bytes, session};
use crate::domain::id::{AccountId, UserId};
use crate::storage::tables::UserTable;
use crate::storage::{Key, Record, StoreError, UserTx, UserView};

/// The seed's kind in the vault, and that of one that is not confirmed yet.
const SEED: &str = "totp_seed";
const NEW_SEED: &str = "totp_seed_new";
/// Secrets of a person stand where an account's would, under no account.
const PERSON: AccountId = AccountId(Uuid::nil());

const RECOVERY_CODES: usize = 10;
/// Wrong codes in a row before the pause, and how long it is.
const MOST_WRONG: u32 = 5;
const PAUSE: SignedDuration = SignedDuration::from_mins(15);

/// One row: a user whose second factor is on.
const SECOND_FACTORS: UserTable<SecondFactor> = UserTable::new("second_factors");

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct SecondFactor {
    since: Timestamp,
    /// Number of the 30-second step whose code was taken last: neither it nor an earlier one counts again.
    last_step: u64,
    wrong: u32,
    paused_until: Option<Timestamp>,
    /// SHA-256, hex, of the recovery codes that are left. They are random, so a plain hash hides them.
    recovery: Vec<String>,
}

impl Record for SecondFactor {
    const NAME: &'static str = "second factor";
}

/// What an authenticator app needs; shown once.
#[derive(Debug)]
pub struct Enrolment {
    /// `otpauth://…`, as the QR code says it.
    pub url: SecretString,
    /// The seed in base32, to be typed where no camera is.
    pub seed: SecretString,
    /// The QR code as an SVG picture.
    pub qr_svg: SecretString,
}

/// Whether somebody's second factor is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecondFactorState {
    pub since: Option<Timestamp>,
    pub recovery_codes_left: usize,
}

/// What a code was worth.
pub(super) enum Checked {
    Right,
    /// A recovery code; so many are left.
    Recovery(usize),
    Wrong,
    Paused(Timestamp),
}

fn seeded(seed: &SecretString, username: &str) -> Result<Totp, AuthError> {
    let bytes = BASE32_NOPAD.decode(seed.expose_secret().as_bytes()).map_err(|e| AuthError::Hashing(e.to_string()))?;
    let totp = Builder::new().with_secret(bytes).with_skew(1).with_account_name(username).with_issuer(Some("EggMoney"));
    totp.build().map_err(|e| AuthError::Hashing(e.to_string()))
}

fn row(view: &UserView<'_>) -> Result<Option<SecondFactor>, StoreError> {
    view.get(&SECOND_FACTORS, &Key::new())
}

/// Whether signing in needs a code.
pub(super) fn is_on(view: &UserView<'_>) -> Result<bool, StoreError> {
    Ok(row(view)?.is_some())
}

/// Takes a code of the app, or a recovery code, inside a transaction: two requests with the same code
/// see each other.
pub(super) fn check(tx: &mut UserTx<'_>, vault: &Vault, code: &SecretString, now: Timestamp) -> Result<Checked, AuthError> {
    let Some(mut factor) = row(&tx.view())? else { return Ok(Checked::Wrong) };
    if let Some(until) = factor.paused_until.filter(|until| *until > now) {
        return Ok(Checked::Paused(until));
    }
    let text: String = code.expose_secret().chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect();
    let checked = if text.len() == 6 { by_app(tx, vault, &mut factor, &text, now)? } else { by_recovery(&mut factor, &text) };
    match checked {
        Checked::Wrong => {
            factor.wrong += 1;
            if factor.wrong >= MOST_WRONG {
                factor.wrong = 0;
                factor.paused_until = now.checked_add(PAUSE).ok();
                tx.audit(now, None, "second_factor.paused", json!({ "after_wrong_codes": MOST_WRONG }))?;
            }
        }
        _ => factor.wrong = 0,
    }
    tx.put(&SECOND_FACTORS, &Key::new(), &factor)?;
    Ok(checked)
}

fn by_app(tx: &UserTx<'_>, vault: &Vault, factor: &mut SecondFactor, code: &str, now: Timestamp) -> Result<Checked, AuthError> {
    let seed = vault.open(&tx.view(), PERSON, SEED)?.ok_or(AuthError::Vault(super::VaultError::Unreadable))?;
    let step = seeded(&seed, "")?.check(code, u64::try_from(now.as_second()).unwrap_or_default());
    Ok(match step {
        Some(step) if step > factor.last_step => {
            factor.last_step = step;
            Checked::Right
        }
        _ => Checked::Wrong,
    })
}

fn by_recovery(factor: &mut SecondFactor, code: &str) -> Checked {
    let hash = hash(code);
    let found = factor.recovery.iter().position(|known| known.as_bytes().ct_eq(hash.as_bytes()).into());
    match found {
        Some(place) => {
            factor.recovery.remove(place);
            Checked::Recovery(factor.recovery.len())
        }
        None => Checked::Wrong,
    }
}

fn hash(code: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(code))
}

/// Ten codes of 80 random bits, as people read them and as the store keeps them.
fn recovery_codes() -> (Vec<SecretString>, Vec<String>) {
    let fresh = || {
        let code = BASE32_NOPAD.encode(&random_bytes::<10>());
        let (left, right) = code.split_at(8);
        (SecretString::from(format!("{left}-{right}")), hash(&code))
    };
    std::iter::repeat_with(fresh).take(RECOVERY_CODES).unzip()
}

impl Auth {
    /// How a user's second factor stands.
    ///
    /// # Errors
    /// `Store`.
    pub fn second_factor(&self, user: UserId) -> Result<SecondFactorState, AuthError> {
        let row = self.store.user(user).read(row)?;
        let recovery_codes_left = row.as_ref().map_or(0, |r| r.recovery.len());
        Ok(SecondFactorState { since: row.map(|r| r.since), recovery_codes_left })
    }

    /// Makes a seed for an authenticator app. Nothing changes until its first code confirms it.
    ///
    /// # Errors
    /// `Vault`, `Store`, `Hashing` when no code can be drawn.
    pub async fn enrol_second_factor(&self, who: &Identity) -> Result<Enrolment, AuthError> {
        let seed = SecretString::from(BASE32_NOPAD.encode(&random_bytes::<20>()));
        let url = seeded(&seed, &who.username)?.to_url().map_err(|e| AuthError::Hashing(e.to_string()))?;
        let qr = QrCode::new(&url).map_err(|e| AuthError::Hashing(e.to_string()))?;
        let qr_svg = qr.render::<svg::Color<'_>>().min_dimensions(220, 220).build();
        let (vault, user, sealed) = (self.vault.clone(), who.user_id, seed.clone());
        self.store.write(move |tx| vault.seal_into(&mut tx.user(user), PERSON, NEW_SEED, &sealed)).await?;
        Ok(Enrolment { url: url.into(), seed, qr_svg: qr_svg.into() })
    }

    /// Turns the second factor on, or moves it to another app, with the first code of the new seed. Other
    /// sessions end. The recovery codes are shown once.
    ///
    /// # Errors
    /// `WrongCode`, also when no seed was made; `Throttled`.
    pub async fn confirm_second_factor(&self, who: &Identity, code: SecretString) -> Result<Vec<SecretString>, AuthError> {
        let now = self.now();
        // The seed is known to whoever asks; guessing gains nothing, but costs hashing.
        let (vault, user, keep) = (self.vault.clone(), who.user_id, who.session());
        let (shown, kept) = recovery_codes();
        let confirmed = self.store.write(move |tx| {
            let mut rows = tx.user(user);
            let seed = vault.open(&rows.view(), PERSON, NEW_SEED)?.ok_or(AuthError::WrongCode)?;
            let digits = code.expose_secret().replace(' ', "");
            let step = seeded(&seed, "")?.check(&digits, u64::try_from(now.as_second()).unwrap_or_default());
            let last_step = step.ok_or(AuthError::WrongCode)?;
            vault.seal_into(&mut rows, PERSON, SEED, &seed)?;
            vault.remove(&mut rows, PERSON, NEW_SEED)?;
            let factor = SecondFactor { since: now, last_step, wrong: 0, paused_until: None, recovery: kept.clone() };
            rows.put(&SECOND_FACTORS, &Key::new(), &factor)?;
            let ended = session::revoke_others(&mut rows, keep)?;
            rows.audit(now, Some(user), "second_factor.enabled", json!({ "sessions_ended": ended }))?;
            Ok::<_, AuthError>(())
        });
        confirmed.await?;
        Ok(shown)
    }

    /// Turns the second factor off; other sessions end.
    ///
    /// # Errors
    /// `NotFound` when it is not on.
    pub async fn remove_second_factor(&self, who: &Identity) -> Result<(), AuthError> {
        let (now, vault, user, keep) = (self.now(), self.vault.clone(), who.user_id, who.session());
        let removed = self.store.write(move |tx| {
            let mut rows = tx.user(user);
            drop_factor(&mut rows, &vault)?;
            let ended = session::revoke_others(&mut rows, keep)?;
            Ok(rows.audit(now, Some(user), "second_factor.removed", json!({ "sessions_ended": ended }))?)
        });
        removed.await
    }

    /// Makes new recovery codes; the old ones no longer count.
    ///
    /// # Errors
    /// `NotFound` when the second factor is not on.
    pub async fn renew_recovery_codes(&self, who: &Identity) -> Result<Vec<SecretString>, AuthError> {
        let (now, user) = (self.now(), who.user_id);
        let (shown, kept) = recovery_codes();
        let renewed = self.store.write(move |tx| {
            let mut rows = tx.user(user);
            let mut factor = row(&rows.view())?.ok_or(AuthError::NotFound("second factor"))?;
            factor.recovery.clone_from(&kept);
            rows.put(&SECOND_FACTORS, &Key::new(), &factor)?;
            Ok::<_, AuthError>(rows.audit(now, Some(user), "second_factor.recovery_codes_renewed", json!({}))?)
        });
        renewed.await?;
        Ok(shown)
    }
}

/// Forgets a second factor whose seed is lost; `false` when it was not on.
pub(super) fn forget(rows: &mut UserTx<'_>) -> Result<bool, StoreError> {
    let was_on = row(&rows.view())?.is_some();
    rows.remove(&SECOND_FACTORS, &Key::new())?;
    Ok(was_on)
}

/// Forgets a user's second factor.
///
/// # Errors
/// `NotFound` when it is not on.
pub(super) fn drop_factor(rows: &mut UserTx<'_>, vault: &Vault) -> Result<(), AuthError> {
    row(&rows.view())?.ok_or(AuthError::NotFound("second factor"))?;
    rows.remove(&SECOND_FACTORS, &Key::new())?;
    Ok(vault.remove(rows, PERSON, SEED)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::MasterKey;
    use crate::storage::Store;

    struct Fixture {
        store: Store,
        vault: Vault,
        user: UserId,
        totp: Totp,
        codes: Vec<SecretString>,
    }

    const NOON: i64 = 1_800_000_000;

    fn fixture() -> Fixture {
        let (store, vault, user) = (Store::in_memory().unwrap(), Vault::new(&MasterKey::generate()), UserId(Uuid::now_v7()));
        let seed = SecretString::from(BASE32_NOPAD.encode(&random_bytes::<20>()));
        let totp = seeded(&seed, "anna").unwrap();
        let (codes, recovery) = recovery_codes();
        let sealing = vault.clone();
        store
            .write_blocking(move |tx| {
                let mut rows = tx.user(user);
                sealing.seal_into(&mut rows, PERSON, SEED, &seed)?;
                let factor =
                    SecondFactor { since: Timestamp::UNIX_EPOCH, last_step: 0, wrong: 0, paused_until: None, recovery: recovery.clone() };
                Ok::<_, AuthError>(rows.put(&SECOND_FACTORS, &Key::new(), &factor)?)
            })
            .unwrap();
        Fixture { store, vault, user, totp, codes }
    }

    impl Fixture {
        /// `right`, how many recovery codes are left, `wrong` or `paused`.
        fn check(&self, code: &str, at: i64) -> String {
            let (vault, user, code) = (self.vault.clone(), self.user, SecretString::from(code));
            let now = Timestamp::from_second(at).unwrap();
            let checked = self.store.write_blocking(move |tx| check(&mut tx.user(user), &vault, &code, now)).unwrap();
            match checked {
                Checked::Right => "right".to_owned(),
                Checked::Recovery(left) => left.to_string(),
                Checked::Wrong => "wrong".to_owned(),
                Checked::Paused(_) => "paused".to_owned(),
            }
        }

        fn code(&self, at: i64) -> String {
            self.totp.generate(u64::try_from(at).unwrap()).to_string()
        }
    }

    #[test]
    fn a_code_counts_once_within_a_step_of_now() {
        let f = fixture();
        let code = f.code(NOON);
        assert_eq!(f.check(&code, NOON + 29), "right");
        assert_eq!(f.check(&code, NOON + 29), "wrong", "a replay");
        assert_eq!(f.check(&f.code(NOON - 30), NOON + 5), "wrong", "an older one after it");
        assert_eq!(f.check(&f.code(NOON + 60), NOON + 30), "right", "a clock that is half a minute ahead");
        assert_eq!(f.check(&f.code(NOON + 300), NOON + 60), "wrong");
    }

    #[test]
    fn five_wrong_codes_pause_for_a_quarter_of_an_hour() {
        let f = fixture();
        let wrong = |at: i64| if f.code(at) == "000000" { "000001" } else { "000000" };
        for n in 0..5 {
            assert_eq!(f.check(wrong(NOON + n), NOON + n), "wrong");
        }
        assert_eq!(f.check(&f.code(NOON + 10), NOON + 10), "paused");
        assert_eq!(f.check(&f.code(NOON + 905), NOON + 905), "right");
    }

    #[test]
    fn a_recovery_code_counts_once_however_it_is_typed() {
        let f = fixture();
        let code = f.codes[3].expose_secret().to_lowercase().replace('-', " ");
        assert_eq!(f.check(&code, NOON), "9");
        assert_eq!(f.check(&code, NOON), "wrong");
        assert_eq!(f.check("", NOON), "wrong");
        assert_eq!(f.check(f.codes[4].expose_secret(), NOON), "8");
    }
}
