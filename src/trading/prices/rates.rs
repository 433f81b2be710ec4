//! Exchange rates that outlive the process: the last known one, and one for each month that is over.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::domain::account::{AccountSettings, KnownRate};
use crate::domain::clock::kst_date;
use crate::domain::id::AccountId;
use crate::domain::money::f64_from_decimal;
use crate::quant::figures::rates::month_key;
use crate::quant::market::mean;
use crate::storage::tables::{ACCOUNTS, HISTORY};
use crate::storage::{StoreError, UserView, account_key};
use crate::trading::error::TradingError;
use crate::trading::line::Line;
use crate::trading::tick::Trading;

impl Trading {
    /// Keeps the rate that was read, once a Korean day. What this changes is no edit of the owner, so
    /// the account's version stays.
    pub(in crate::trading) async fn remember_rate(&self, line: &Line) -> Result<(), TradingError> {
        let Some(known) = self.quotes.usd_krw() else { return Ok(()) };
        let rate = KnownRate { rate: f64_from_decimal(known.value), at: known.at, source: known.source.to_owned() };
        let key = account_key(line.account_id);
        let account = line.user.read(|v| v.require(&ACCOUNTS, &key))?;
        if !is_news(&account.settings, rate.at) {
            return Ok(());
        }
        line.user
            .write(move |tx| -> Result<(), StoreError> {
                let mut account = tx.require(&ACCOUNTS, &key)?;
                remember(&mut account.settings, rate.clone());
                tx.put(&ACCOUNTS, &key, &account)
            })
            .await?;
        Ok(())
    }

    /// Gives past months in which the account realised something, and which have no rate yet, the mean
    /// of their daily closes from the broker's currency chart. A few months at a time; when all are
    /// seen to, or the chart fails, it rests until the next Korean day.
    pub(in crate::trading) async fn fill_month_rates(&self, line: &Line) -> Result<(), TradingError> {
        let (account, today) = (line.account_id, kst_date(self.clock.now()));
        if self.quotes.months_seen_to(account) == Some(today) {
            return Ok(());
        }
        let missing = line.user.read(|v| months_without_rate(v, account, today))?;
        let unasked: Vec<Date> = missing.iter().copied().filter(|m| self.quotes.month_mean(&key_of(*m)).is_none()).collect();
        for month in unasked.iter().copied().take(MONTHS_AT_ONCE) {
            match line.gateway.usd_krw_closes(month.first_of_month(), month.last_of_month()).await {
                Ok(closes) => {
                    let closes: Vec<f64> = closes.into_iter().map(|(_, close)| f64_from_decimal(close)).collect();
                    self.quotes.put_month_mean(key_of(month), (!closes.is_empty()).then(|| mean(&closes)));
                }
                // Reports can do with the present rate; trading must not suffer from this.
                Err(error) => {
                    tracing::debug!(account_id = %account, %error, "the currency chart gives no rates of past months");
                    self.quotes.see_to_months(account, today);
                    break;
                }
            }
        }
        if unasked.len() <= MONTHS_AT_ONCE {
            self.quotes.see_to_months(account, today);
        }
        let found: Vec<(String, f64)> =
            missing.into_iter().map(key_of).filter_map(|month| self.quotes.month_mean(&month)?.map(|rate| (month, rate))).collect();
        if found.is_empty() {
            return Ok(());
        }
        let key = account_key(account);
        line.user
            .write(move |tx| -> Result<(), StoreError> {
                let mut account = tx.require(&ACCOUNTS, &key)?;
                for (month, rate) in &found {
                    account.settings.month_rates.entry(month.clone()).or_insert(*rate);
                }
                tx.put(&ACCOUNTS, &key, &account)
            })
            .await?;
        Ok(())
    }
}

/// Months asked for in one go.
const MONTHS_AT_ONCE: usize = 3;

fn key_of(day: Date) -> String {
    month_key(day.year(), day.month())
}

/// First days of the months before `today`'s in which something was realised and that have no rate,
/// newest first.
fn months_without_rate(view: &UserView<'_>, id: AccountId, today: Date) -> Result<Vec<Date>, StoreError> {
    let known = view.require(&ACCOUNTS, &account_key(id))?.settings.month_rates;
    let realised = view.list(&HISTORY, &account_key(id))?.into_iter().filter(|row| row.profit != 0.0);
    let months: BTreeSet<Date> = realised.map(|row| kst_date(row.traded_at).first_of_month()).collect();
    Ok(months.into_iter().rev().filter(|m| *m < today.first_of_month() && !known.contains_key(&key_of(*m))).collect())
}

fn is_news(settings: &AccountSettings, at: Timestamp) -> bool {
    settings.usd_krw.as_ref().is_none_or(|k| kst_date(k.at) < kst_date(at))
}

/// The first rate of a new month makes the last one of the old month final for that month.
fn remember(settings: &mut AccountSettings, rate: KnownRate) {
    let month = |day: Date| (day.year(), day.month());
    let now = month(kst_date(rate.at));
    if let Some(last) = settings.usd_krw.replace(rate) {
        let then = month(kst_date(last.at));
        if then < now && last.rate > 0.0 {
            settings.month_rates.entry(month_key(then.0, then.1)).or_insert(last.rate);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::from_kst;
    use jiff::civil::date;

    #[test]
    fn a_month_gets_its_rate_when_it_is_over_and_keeps_it() {
        let mut settings = AccountSettings::new();
        let at = |month, day| from_kst(date(2026, month, day).at(9, 0, 0, 0));
        let rate = |month, day, rate| KnownRate { rate, at: at(month, day), source: "chart".to_owned() };
        for (month, day, value) in [(4, 29, 1_380.0), (4, 30, 1_390.0)] {
            assert!(is_news(&settings, at(month, day)));
            remember(&mut settings, rate(month, day, value));
        }
        assert!(settings.month_rates.is_empty(), "April is not over");
        assert!(!is_news(&settings, at(4, 30)), "once a day is enough");
        remember(&mut settings, rate(5, 2, 1_400.0));
        assert_eq!(settings.month_rates.get("2026-04"), Some(&1_390.0));
        settings.month_rates.insert("2026-05".to_owned(), 1_234.0);
        remember(&mut settings, rate(6, 1, 1_450.0));
        assert_eq!(settings.month_rates.get("2026-05"), Some(&1_234.0), "a stored rate stays");
    }
}
