//! An account's credentials: entered, shown masked, tested, removed. What is stored is sealed, and an
//! app key belongs to one account of the installation.

use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::state::App;
use crate::auth::{Disclosure, Vault, VaultError, accepted_at};
use crate::brokers::{Broker, BrokerError, OrderGateway, PowerBasis};
use crate::domain::account::{Account, AccountMode, masked_number};
use crate::domain::id::{AccountId, UserId};
use crate::domain::instrument::{Exchange, Market};
use crate::domain::order::{BrokerHost, Order, Side};
use crate::storage::tables::{ACCOUNTS, secret};
use crate::storage::{StoreError, Tx, UserView, account_key, time_ordered};
use crate::trading::{TradingError, account_name, forget_broker_account, new_account, refuse_twin};

/// What is shown of a broker key.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MaskedKey {
    pub present: bool,
    pub masked_app_key: String,
    pub masked_account: String,
    /// The login name for notices of executions is known.
    pub has_hts_id: bool,
}

/// What is shown of a chat.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MaskedChat {
    pub present: bool,
    pub chat_id: String,
}

/// A broker key as entered.
#[derive(Clone, Debug)]
pub struct BrokerKey {
    pub host: BrokerHost,
    pub app_key: SecretString,
    pub app_secret: SecretString,
    /// Eight digits of the account number.
    pub cano: SecretString,
    /// Its last two digits.
    pub product: String,
    /// The login name at the broker under which notices of executions are sent; `None` keeps what is
    /// there.
    pub hts_id: Option<SecretString>,
}

/// What a connection test tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckName {
    Token,
    Price,
    /// Dollars that can be spent.
    Balance,
    /// Won that can be spent.
    BalanceKrw,
}

/// One part of a connection test.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Check {
    pub name: CheckName,
    pub ok: bool,
    /// The price of the symbol that was asked for, or what can be spent; won for `balance_krw`, else USD.
    #[schema(value_type = Option<String>)]
    pub value: Option<Decimal>,
    /// Whose money `balance` counts: dollars only, or won as well (통합증거금).
    pub basis: Option<PowerBasis>,
    pub symbol: Option<&'static str>,
    /// Kind of the failure.
    pub code: Option<&'static str>,
    /// The broker's own code.
    pub broker_code: Option<String>,
    /// What failed: the broker's own words if it spoke.
    pub detail: String,
}

impl Check {
    fn new(name: CheckName, host: BrokerHost, result: &Result<Option<Decimal>, BrokerError>) -> Self {
        let error = result.as_ref().err();
        Self {
            name,
            ok: error.is_none(),
            value: result.as_ref().ok().copied().flatten(),
            basis: None,
            symbol: (name == CheckName::Price).then_some(TESTED),
            code: error.map(|e| misplaced(host, e).unwrap_or(e.kind())),
            broker_code: error.and_then(BrokerError::said).map(|(code, _)| code.to_owned()),
            detail: error.map(BrokerError::words).unwrap_or_default(),
        }
    }
}

/// A key of the other environment, or an account number of somebody else, as the broker's codes tell.
fn misplaced(host: BrokerHost, error: &BrokerError) -> Option<&'static str> {
    let (code, _) = error.said()?;
    match (code, host) {
        ("EGW02004" | "EGW2004" | "EGW02005", BrokerHost::Live) => Some(PAPER_KEY_AT_LIVE),
        ("EGW02007", BrokerHost::Mock) => Some("live_key_at_mock"),
        ("EGW00103", _) => Some("app_key_unknown"),
        ("EGW00105", _) => Some("app_secret_wrong"),
        ("OPSQ2000", _) => Some("account_not_of_key"),
        _ => None,
    }
}

const PAPER_KEY_AT_LIVE: &str = "paper_key_at_live";

/// Asks a broker for all that an account needs of it.
async fn check_connection(gateway: &dyn OrderGateway, host: BrokerHost) -> Vec<Check> {
    let token = Check::new(CheckName::Token, host, &gateway.check_token().await.map(|()| None));
    if !token.ok {
        return vec![token];
    }
    let quote = gateway.quote(Exchange::Nasdaq, TESTED).await;
    let price = quote.as_ref().map_or(Decimal::ONE_HUNDRED, |q| q.last);
    let power = gateway.buying_power(Exchange::Nasdaq, TESTED, Some(price)).await;
    let basis = power.as_ref().ok().map(|p| p.basis);
    let won = gateway.cash(Market::Krx).await;
    vec![
        token,
        Check::new(CheckName::Price, host, &quote.map(|q| Some(q.last))),
        Check { basis, ..Check::new(CheckName::Balance, host, &power.map(|p| Some(p.amount))) },
        Check::new(CheckName::BalanceKrw, host, &won.map(|cash| Some(cash.amount))),
    ]
}

/// The symbol whose price a connection test asks for.
const TESTED: &str = "TQQQ";

/// First and last characters; short texts are hidden whole.
fn mask(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    if chars.len() < 12 {
        return "••••".to_owned();
    }
    let head: String = chars.iter().take(4).collect();
    let tail: String = chars.iter().skip(chars.len() - 2).collect();
    format!("{head}••••{tail}")
}

/// Splits `12345678-01`.
///
/// # Errors
/// A sentence with the expected form.
pub fn account_number(text: &str) -> Result<(String, String), String> {
    let digits: String = text.chars().filter(|c| *c != '-' && !c.is_whitespace()).collect();
    if digits.len() != 10 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err("the account number has the form 12345678-01: eight digits, a dash, two digits".to_owned());
    }
    let (cano, product) = digits.split_at(8);
    Ok((cano.to_owned(), product.to_owned()))
}

impl App {
    /// The masked broker key of an account.
    ///
    /// # Errors
    /// When the vault or the store cannot be read.
    pub fn masked_key(&self, user: UserId, account: AccountId) -> Result<Option<MaskedKey>, VaultError> {
        self.store.user(user).read(|v| {
            let Some(app_key) = self.vault.open(v, account, secret::APP_KEY)? else { return Ok(None) };
            let shown = |kind| self.vault.open(v, account, kind).map(|s| s.map(|s| s.expose_secret().to_owned()).unwrap_or_default());
            Ok(Some(MaskedKey {
                present: true,
                masked_app_key: mask(app_key.expose_secret()),
                masked_account: masked_number(&shown(secret::CANO)?, &shown(secret::PRODUCT)?),
                has_hts_id: self.vault.open(v, account, secret::HTS_ID)?.is_some(),
            }))
        })
    }

    /// The account's chat, without its token.
    ///
    /// # Errors
    /// When the vault or the store cannot be read.
    pub fn masked_chat(&self, user: UserId, account: &Account) -> Result<Option<MaskedChat>, VaultError> {
        let Some(chat_id) = account.settings.telegram_chat.clone() else { return Ok(None) };
        let present = self.store.user(user).read(|v| self.vault.open(v, account.id, secret::TELEGRAM_TOKEN))?.is_some();
        Ok(present.then_some(MaskedChat { present, chat_id }))
    }

    /// Replaces an account's broker key. Only while the account observes and none of its orders is under
    /// way, for no other key could cancel it or learn its fate. A key that the broker issued anew for the
    /// same account can: it may follow when the old one died, once the orders' session is over. With a key
    /// of another broker account the ladder begins anew, and so does the comparison with the broker.
    ///
    /// # Errors
    /// `AppKeyTaken`, `DisclosureRequired`; `Store` with `account_trading` while the account trades, with `orders_open` while
    /// orders are open or unknown.
    pub async fn set_broker_key(&self, user: UserId, account: AccountId, key: BrokerKey) -> Result<Account, VaultError> {
        let (vault, now) = (self.vault.clone(), self.market.now());
        let replaced = self
            .store
            .write(move |tx| {
                let rows = tx.view().user(user);
                let mut record = stopped(&rows, account)?;
                refuse_twin(&record)?;
                let same = record.environment == key.host.into() && is_same_account(&vault, &rows, account, &key)?;
                refuse_open_orders(&rows, account, |order| same && session_is_over(order, now))?;
                if let Some(old) = vault.open(&tx.view().user(user), account, secret::APP_KEY)? {
                    vault.release_app_key(tx, user, account, &old)?;
                }
                seal_key(&vault, tx, user, account, &key)?;
                let mut rows = tx.user(user);
                record.environment = key.host.into();
                record.version += 1;
                if !same {
                    record.going_live.restart(now);
                    forget_broker_account(&mut rows, account)?;
                }
                rows.put(&ACCOUNTS, &account_key(account), &record)?;
                rows.audit(now, Some(user), "broker_key.replaced", json!({ "account": record.name, "environment": record.environment }))?;
                Ok::<_, VaultError>(record)
            })
            .await?;
        // Whatever the old key's comparison said: the next order waits for a new one.
        self.trading.forget_comparison(account);
        Ok(replaced)
    }

    /// Removes an account's broker key.
    ///
    /// # Errors
    /// As [`App::set_broker_key`].
    pub async fn remove_broker_key(&self, user: UserId, account: AccountId) -> Result<Account, VaultError> {
        let (vault, now) = (self.vault.clone(), self.market.now());
        self.store
            .write(move |tx| {
                let record = stopped(&tx.view().user(user), account)?;
                refuse_open_orders(&tx.view().user(user), account, |_| false)?;
                if let Some(old) = vault.open(&tx.view().user(user), account, secret::APP_KEY)? {
                    vault.release_app_key(tx, user, account, &old)?;
                }
                let mut rows = tx.user(user);
                for kind in [secret::APP_KEY, secret::APP_SECRET, secret::CANO, secret::PRODUCT, secret::HTS_ID, secret::TOKEN] {
                    vault.remove(&mut rows, account, kind)?;
                }
                rows.audit(now, Some(user), "broker_key.removed", json!({ "account": record.name }))?;
                Ok(record)
            })
            .await
    }

    /// Sets or (with `None`) removes the login name under which the broker sends notices of executions.
    /// It decides nothing but how fast fills are seen, so it may change while the account trades.
    ///
    /// # Errors
    /// `Store`, `Unreadable`.
    pub async fn set_hts_id(&self, user: UserId, account: AccountId, hts_id: Option<SecretString>) -> Result<Account, VaultError> {
        let (vault, now) = (self.vault.clone(), self.market.now());
        let record = self
            .store
            .user(user)
            .write(move |tx| {
                let record = tx.get(&ACCOUNTS, &account_key(account))?.ok_or_else(|| StoreError::not_found("account"))?;
                match &hts_id {
                    Some(id) => vault.seal_into(tx, account, secret::HTS_ID, id)?,
                    None => vault.remove(tx, account, secret::HTS_ID)?,
                }
                tx.audit(now, Some(user), "hts_id.changed", json!({ "account": record.name, "present": hts_id.is_some() }))?;
                Ok::<_, VaultError>(record)
            })
            .await?;
        Ok(record)
    }

    /// Sets or (with `None`) removes an account's Telegram chat.
    ///
    /// # Errors
    /// `Store`, `Unreadable`.
    pub async fn set_telegram(
        &self,
        user: UserId,
        account: AccountId,
        chat: Option<(SecretString, String)>,
    ) -> Result<Account, VaultError> {
        let (vault, now) = (self.vault.clone(), self.market.now());
        self.store
            .user(user)
            .write(move |tx| {
                let key = account_key(account);
                let mut record = tx.get(&ACCOUNTS, &key)?.ok_or_else(|| StoreError::not_found("account"))?;
                match &chat {
                    Some((token, _)) => vault.seal_into(tx, account, secret::TELEGRAM_TOKEN, token)?,
                    None => vault.remove(tx, account, secret::TELEGRAM_TOKEN)?,
                }
                record.settings.telegram_chat = chat.as_ref().map(|(_, id)| id.clone());
                record.version += 1;
                tx.put(&ACCOUNTS, &key, &record)?;
                tx.audit(now, Some(user), "telegram.changed", json!({ "account": record.name, "present": chat.is_some() }))?;
                Ok(record)
            })
            .await
    }

    /// Tries an account's broker key: token, cash, a price.
    ///
    /// # Errors
    /// When the account does not exist or has no key.
    pub async fn test_broker_key(&self, user: UserId, account: AccountId) -> Result<Vec<Check>, TradingError> {
        let line = self.trading.line(user, account).await?;
        let host = line.gateway.environment().host().unwrap_or(BrokerHost::Mock);
        Ok(check_connection(&*line.gateway, host).await)
    }

    /// Tries a key before it is given to an account, and tells a paper key from a live one: with a key
    /// that the live host does not know the mock host is asked as well. A key that is meant for paper
    /// never goes to the live host.
    ///
    /// # Errors
    /// `AppKeyTaken` when any account of the installation has the key.
    pub async fn try_broker_key(&self, key: &BrokerKey) -> Result<Vec<Check>, TryError> {
        if self.store.read(|view| self.vault.is_claimed(view, &key.app_key))? {
            return Err(VaultError::AppKeyTaken.into());
        }
        let mut checks = check_connection(&self.connector.try_out(key, key.host)?, key.host).await;
        if let Some(token) = checks.first_mut()
            && key.host == BrokerHost::Live
            && token.code == Some("app_key_unknown")
            && self.connector.try_out(key, BrokerHost::Mock)?.check_token().await.is_ok()
        {
            token.code = Some(PAPER_KEY_AT_LIVE);
        }
        Ok(checks)
    }

    /// Makes an account together with its key: both or none.
    ///
    /// # Errors
    /// `Invalid` or `Conflict` about the name, `AppKeyTaken`, `DisclosureRequired`.
    pub async fn create_account_with_key(&self, user: UserId, name: &str, key: BrokerKey) -> Result<Account, TryError> {
        let (vault, now, name) = (self.vault.clone(), self.market.now(), account_name(name)?);
        let id = AccountId(time_ordered(now));
        let made = self
            .store
            .write(move |tx| {
                let account = new_account(&mut tx.user(user), id, &name, key.host.into(), now)?;
                seal_key(&vault, tx, user, id, &key)?;
                Ok::<_, VaultError>(account)
            })
            .await?;
        Ok(made)
    }
}

/// Why a key cannot be tried or kept.
#[derive(Debug, thiserror::Error)]
pub enum TryError {
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error(transparent)]
    Trading(#[from] TradingError),
}

/// Makes an app key the account's own, once its owner has accepted what that means, and seals all that belongs to it.
fn seal_key(vault: &Vault, tx: &mut Tx<'_>, user: UserId, account: AccountId, key: &BrokerKey) -> Result<(), VaultError> {
    if accepted_at(&tx.view().user(user), Disclosure::BrokerKey)?.is_none() {
        return Err(VaultError::DisclosureRequired);
    }
    vault.claim_app_key(tx, user, account, &key.app_key)?;
    let mut rows = tx.user(user);
    vault.seal_into(&mut rows, account, secret::APP_KEY, &key.app_key)?;
    vault.seal_into(&mut rows, account, secret::APP_SECRET, &key.app_secret)?;
    vault.seal_into(&mut rows, account, secret::CANO, &key.cano)?;
    vault.seal_into(&mut rows, account, secret::PRODUCT, &SecretString::from(key.product.clone()))?;
    if let Some(hts_id) = &key.hts_id {
        vault.seal_into(&mut rows, account, secret::HTS_ID, hts_id)?;
    }
    vault.remove(&mut rows, account, secret::TOKEN)
}

/// Longer than any session, so an order whose time ended so long ago is not open at any exchange.
const SESSION_AT_MOST: SignedDuration = SignedDuration::from_hours(12);

/// An account that does not trade.
fn stopped(view: &UserView<'_>, id: AccountId) -> Result<Account, StoreError> {
    let account = view.get(&ACCOUNTS, &account_key(id))?.ok_or_else(|| StoreError::not_found("account"))?;
    if account.mode == AccountMode::Trading {
        return Err(StoreError::conflict("account_trading", "stop the account before changing its broker key"));
    }
    Ok(account)
}

/// Refuses while orders wait for the broker's word, but for those that `passes` lets go.
fn refuse_open_orders(view: &UserView<'_>, id: AccountId, passes: impl Fn(&Order) -> bool) -> Result<(), StoreError> {
    let open: Vec<String> = view.open_orders(id)?.iter().filter(|o| !o.state.is_final() && !passes(o)).map(named).collect();
    if open.is_empty() {
        return Ok(());
    }
    let detail = format!(
        "orders of this account are still under way, and only its present key can follow them: {}. Wait until they have ended",
        open.join(", ")
    );
    Err(StoreError::conflict("orders_open", detail))
}

fn session_is_over(order: &Order, now: Timestamp) -> bool {
    order.intent.expires_at.saturating_add(SESSION_AT_MOST).is_ok_and(|end| now >= end)
}

/// The account keeps a key of the same account at the broker.
fn is_same_account(vault: &Vault, view: &UserView<'_>, id: AccountId, key: &BrokerKey) -> Result<bool, VaultError> {
    let stored = |kind| vault.open(view, id, kind).map(|s| s.map(|s| s.expose_secret().to_owned()));
    Ok(stored(secret::CANO)?.as_deref() == Some(key.cano.expose_secret()) && stored(secret::PRODUCT)?.as_deref() == Some(&key.product))
}

/// An order as its owner recognises it.
pub(super) fn named(order: &Order) -> String {
    let intent = &order.intent;
    let side = match intent.side {
        Side::Buy => "buy",
        Side::Sell => "sell",
    };
    let number = order.broker_order_no.as_ref().map(|n| format!(", no. {n}")).unwrap_or_default();
    format!("{} {side} {} {} ({}{number})", intent.bot_name, intent.quantity, intent.symbol, order.state.status())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_numbers_are_read_with_and_without_dash() {
        assert_eq!(account_number("00123456-01").unwrap(), ("00123456".to_owned(), "01".to_owned()));
        assert_eq!(account_number("0012345601").unwrap().0, "00123456");
        for bad in ["", "123", "12345678-1", "1234567x-01", "12345678-011"] {
            assert!(account_number(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn short_secrets_are_hidden_whole() {
        assert_eq!(mask("short"), "••••");
        assert_eq!(mask("PSabcdefghijklmnop"), "PSab••••op");
    }
}
