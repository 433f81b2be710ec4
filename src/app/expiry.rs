//! What ends on a day: app keys, terms of mock accounts, calendars, certificates.

use jiff::civil::Date;
use serde::Serialize;
use utoipa::ToSchema;

use super::certificate;
use super::state::App;
use crate::domain::account::Account;
use crate::domain::calendar::Calendar;
use crate::domain::clock::kst_date;
use crate::domain::id::{AccountId, UserId};
use crate::domain::instrument::Market;
use crate::domain::order::Environment;
use crate::domain::watch::{AccountEnds, Expiring, Sighting};
use crate::storage::tables::{ACCOUNT_ENDS, ACCOUNTS, SECRETS, secret};
use crate::storage::{StoreError, UserView, account_key};

/// Something that ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Expiry {
    #[serde(flatten)]
    pub expiring: Expiring,
    /// The account whose it is; `null` = the installation's.
    #[schema(value_type = Option<uuid::Uuid>)]
    pub account_id: Option<AccountId>,
    /// The last day; `null` = not known.
    pub on: Option<Date>,
    /// Days left; negative when it is over.
    pub days: Option<i32>,
    /// Counted from the day on which the key was entered: it may end earlier.
    pub estimated: bool,
}

impl Expiry {
    fn new(expiring: Expiring, account_id: Option<AccountId>, on: Option<Date>, today: Date) -> Self {
        Self { expiring, account_id, on, days: on.map(|on| (on - today).get_days()), estimated: false }
    }

    /// What is to be told of it, if that is due.
    pub(super) fn sighting(self, today: Date) -> Option<Sighting> {
        Sighting::expiry(self.expiring, self.on?, today)
    }
}

/// What of a user's accounts ends.
pub(super) fn of_person(rows: &UserView<'_>, today: Date) -> Result<Vec<Expiry>, StoreError> {
    let mut all = Vec::new();
    for account in rows.accounts()?.into_iter().filter(|a| a.environment != Environment::Own) {
        if rows.get(&SECRETS, &account_key(account.id).text(secret::APP_KEY))?.is_none() {
            continue;
        }
        let ends = rows.get(&ACCOUNT_ENDS, &account_key(account.id))?.unwrap_or_default();
        let (id, name) = (Some(account.id), account.name);
        let (until, estimated) = ends.key_end().unzip();
        let key = Expiry::new(Expiring::BrokerKey { account: name.clone() }, id, until, today);
        all.push(Expiry { estimated: estimated.unwrap_or_default(), ..key });
        if account.environment == Environment::Mock {
            all.push(Expiry::new(Expiring::MockTerm { account: name }, id, ends.mock_until, today));
        }
    }
    Ok(all)
}

impl App {
    fn today(&self) -> Date {
        kst_date(self.market.now())
    }

    /// What of a user's accounts ends, soonest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn expiries_of(&self, user: UserId) -> Result<Vec<Expiry>, StoreError> {
        let today = self.today();
        Ok(soonest_first(self.store.user(user).read(|rows| of_person(rows, today))?))
    }

    /// What of the installation ends, soonest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn expiries(&self) -> Result<Vec<Expiry>, StoreError> {
        let today = self.today();
        let calendar = |market, days: &Calendar| Expiry::new(Expiring::Calendar { market }, None, Some(days.covers().1), today);
        let mut all =
            vec![calendar(Market::Us, self.trading.calendar_of(Market::Us)), calendar(Market::Krx, self.trading.calendar_of(Market::Krx))];
        if let Some(files) = &self.config.tls {
            let end = certificate::last_day_of_file(&files.certificate).inspect_err(|error| tracing::warn!(%error)).ok();
            all.push(Expiry::new(Expiring::Certificate, None, end, today));
        }
        let public = self.auth.settings().map_err(|_| StoreError::Closed)?.public_url;
        if let Some(url) = public.filter(|url| url.starts_with("https://")) {
            let host = url.trim_start_matches("https://").split('/').next().unwrap_or_default().to_owned();
            let end = self.watch.public_certificate(&host);
            all.push(Expiry::new(Expiring::PublicCertificate { host }, None, end, today));
        }
        Ok(soonest_first(all))
    }

    /// Notes when an account's app key and mock term end, as its owner read it at the broker.
    ///
    /// # Errors
    /// `NotFound` for an account that is not the user's.
    pub async fn set_account_ends(
        &self,
        user: UserId,
        account: AccountId,
        key_until: Option<Date>,
        mock_until: Option<Date>,
    ) -> Result<(), StoreError> {
        self.store
            .user(user)
            .write(move |tx| {
                let _: Account = tx.require(&ACCOUNTS, &account_key(account))?;
                let before = tx.get(&ACCOUNT_ENDS, &account_key(account))?.unwrap_or_default();
                tx.put(&ACCOUNT_ENDS, &account_key(account), &AccountEnds { key_until, mock_until, ..before })
            })
            .await
    }
}

/// What is not known comes last.
fn soonest_first(mut all: Vec<Expiry>) -> Vec<Expiry> {
    all.sort_by_key(|expiry| (expiry.on.is_none(), expiry.on));
    all
}
