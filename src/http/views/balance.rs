//! Cash and positions of an account as answers.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;

use super::decimal;
use crate::domain::instrument::Market;
use crate::trading::Balance;

/// Cash of one currency.
#[derive(Debug, Serialize, ToSchema)]
pub struct CashView {
    /// `KRW` or `USD`
    pub currency: &'static str,
    /// What the journal accounts for: all of the money on paper, at a broker what trades moved.
    pub booked: Option<String>,
    /// What the broker says.
    pub at_broker: Option<String>,
    /// When the reconciliation last compared the two; `null` before the account trades.
    pub compared_at: Option<Timestamp>,
    /// The broker's less the books' at that time.
    pub difference: Option<String>,
}

/// One instrument, by the books and at the broker.
#[derive(Debug, Serialize, ToSchema)]
pub struct SharesView {
    /// `KRX` or `US`
    pub market: &'static str,
    pub symbol: String,
    pub booked: String,
    /// `0` without shares.
    pub average_price: String,
    /// `null` where the broker was not asked.
    pub at_broker: Option<String>,
    pub broker_average_price: Option<String>,
    /// The broker's own last price.
    pub last_price: Option<String>,
}

/// A market that the broker would not show.
#[derive(Debug, Serialize, ToSchema)]
pub struct RefusedMarket {
    pub market: &'static str,
    pub code: String,
    pub detail: String,
}

/// What an account holds.
#[derive(Debug, Serialize, ToSchema)]
pub struct BalanceView {
    pub cash: Vec<CashView>,
    pub positions: Vec<SharesView>,
    /// When the broker was asked; `null` when it was not since the server started.
    pub asked_at: Option<Timestamp>,
    pub refused: Vec<RefusedMarket>,
}

#[derive(Default)]
struct Shares {
    booked: Decimal,
    cost: Decimal,
    broker: Option<(Decimal, Decimal, Decimal)>,
}

impl From<Balance> for BalanceView {
    fn from(balance: Balance) -> Self {
        let mut cash: BTreeMap<&'static str, (Option<Decimal>, Option<Decimal>)> = BTreeMap::new();
        for row in &balance.cash {
            cash.entry(row.currency.code()).or_default().0 = Some(row.amount);
        }
        let mut shares: BTreeMap<(&'static str, String), Shares> = BTreeMap::new();
        for position in balance.positions.iter().filter(|p| !p.quantity.is_zero()) {
            let row = shares.entry((position.market.code(), position.symbol.clone())).or_default();
            (row.booked, row.cost) = (position.quantity, position.cost);
        }
        let seen = balance.broker.as_deref();
        for money in seen.iter().flat_map(|seen| &seen.cash) {
            cash.entry(money.currency.code()).or_default().1 = Some(money.amount);
        }
        for (market, held) in seen.iter().flat_map(|seen| &seen.positions) {
            let row = shares.entry((market.code(), held.symbol.clone())).or_default();
            row.broker = Some((held.quantity, held.average_price, held.last_price));
        }
        let shown = |market: &str| {
            seen.is_some_and(|seen| {
                [Market::Krx, Market::Us].iter().any(|m| m.code() == market && !seen.refused.iter().any(|(r, _)| r == m))
            })
        };
        Self {
            cash: cash
                .into_iter()
                .map(|(currency, (booked, at_broker))| CashView {
                    currency,
                    booked: booked.map(decimal),
                    at_broker: at_broker.map(decimal),
                    compared_at: balance.compared.iter().find(|c| c.currency.code() == currency).map(|c| c.at),
                    difference: balance.compared.iter().find(|c| c.currency.code() == currency).map(|c| decimal(c.difference)),
                })
                .collect(),
            positions: shares
                .into_iter()
                .map(|((market, symbol), row)| SharesView {
                    // A market that was read and does not list the instrument has none of it.
                    at_broker: match row.broker {
                        Some((quantity, _, _)) => Some(decimal(quantity)),
                        None => shown(market).then(|| decimal(Decimal::ZERO)),
                    },
                    market,
                    symbol,
                    booked: decimal(row.booked),
                    average_price: decimal(row.cost.checked_div(row.booked).map(|a| a.round_dp(4)).unwrap_or_default()),
                    broker_average_price: row.broker.map(|(_, average, _)| decimal(average)),
                    last_price: row.broker.map(|(_, _, last)| decimal(last)),
                })
                .collect(),
            asked_at: seen.map(|seen| seen.at),
            refused: seen
                .iter()
                .flat_map(|seen| &seen.refused)
                .map(|(market, error)| RefusedMarket { market: market.code(), code: error.kind().to_owned(), detail: error.words() })
                .collect(),
        }
    }
}
