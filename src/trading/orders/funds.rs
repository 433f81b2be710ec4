//! What an account may spend on a buy, and whose money that counts.

use rust_decimal::Decimal;

use crate::brokers::{BuyingPower, PowerBasis};
use crate::domain::account::UsFunds;
use crate::domain::id::AccountId;
use crate::domain::instrument::{Exchange, Market};
use crate::domain::money::Currency;
use crate::storage::tables::{ACCOUNTS, CASH, EXPOSURE};
use crate::storage::{StoreError, UserView, account_key};
use crate::trading::error::TradingError;
use crate::trading::line::Line;
use crate::trading::tick::Trading;

impl Trading {
    /// What the broker lets a buy spend, on the basis that the account's owner wants.
    ///
    /// # Errors
    /// The broker's; the store's.
    pub(in crate::trading) async fn power(
        &self,
        line: &Line,
        exchange: Exchange,
        symbol: &str,
        price: Option<Decimal>,
    ) -> Result<BuyingPower, TradingError> {
        let power = line.gateway.buying_power(exchange, symbol, price).await?;
        let wanted = line.user.read(|v| v.require(&ACCOUNTS, &account_key(line.account_id)))?.settings.us_funds;
        Ok(power.going_by(wanted))
    }

    /// What an own-paper account may still spend: its cash less what open buys will take.
    pub(in crate::trading) fn paper_power(&self, line: &Line, market: Market) -> Result<Option<BuyingPower>, TradingError> {
        let account = line.account_id;
        let rate = self.quotes.usd_krw().map(|known| known.value);
        Ok(line.user.read(|v| {
            let cash = |currency: Currency| -> Result<Decimal, StoreError> {
                Ok(v.get(&CASH, &account_key(account).text(currency.code()))?.map_or(Decimal::ZERO, |c| c.amount))
            };
            let (won, dollars) = (cash(Currency::Krw)?, cash(Currency::Usd)?);
            let reserved = reserved_in_paper(v, account, market)?;
            let wanted = v.require(&ACCOUNTS, &account_key(account))?.settings.us_funds;
            let power = |amount, basis, other| Some(BuyingPower { amount, basis, other, usd_krw: rate });
            Ok::<_, StoreError>(match (market, rate) {
                (Market::Krx, _) => power(won - reserved, PowerBasis::CashOnly, None),
                (Market::Us, Some(rate)) if rate > Decimal::ZERO => {
                    let with_won = (dollars + won / rate - reserved).round_dp(2);
                    power(with_won, PowerBasis::IntegratedMargin, Some(dollars - reserved)).map(|power| power.going_by(wanted))
                }
                (Market::Us, _) if wanted == UsFunds::DollarsOnly => power(dollars - reserved, PowerBasis::DollarsOnly, None),
                // What the won are worth in dollars is not known: the order waits for the rate.
                (Market::Us, _) => None,
            })
        })?)
    }
}

/// What open buys of a paper account will take, in the market's currency.
fn reserved_in_paper(view: &UserView<'_>, account: AccountId, market: Market) -> Result<Decimal, StoreError> {
    let open = view.list(&EXPOSURE, &account_key(account).text(market.code()))?;
    Ok(open.iter().map(|exposure| exposure.buys.value).sum())
}
