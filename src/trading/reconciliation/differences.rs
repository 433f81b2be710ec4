//! Open questions about books and broker, and what they hold back until their owner has answered
//! (`answers`).

use std::collections::HashSet;
use std::sync::Mutex;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;

use super::compare::price_jump;
use crate::brokers::Quote;
use crate::domain::difference::{CashDifference, Checked, Difference, DifferenceKind, KnownPrice, Proposal, SplitRatio};
use crate::domain::id::{AccountId, BotId, DifferenceId, UserId};
use crate::domain::instrument::Market;
use crate::domain::message::Notice;
use crate::domain::money::f64_from_decimal;
use crate::domain::order::Environment;
use crate::storage::tables::{ACCOUNTS, CASH_DIFFERENCES, CHECKED, DIFFERENCES, KNOWN_PRICES, POSITIONS};
use crate::storage::{Key, StoreError, UserTx, UserView, account_key, time_ordered};
use crate::trading::bus::LiveEvent;
use crate::trading::error::TradingError;
use crate::trading::line::Line;
use crate::trading::tick::{Trading, lock};

/// So long after a confirmed split the broker may still show the old shares.
const SPLIT_TAKES: SignedDuration = SignedDuration::from_hours(10 * 24);
/// A known price is written again when it is older than this.
const PRICE_AGE: SignedDuration = SignedDuration::from_mins(15);

/// An account's open questions.
#[derive(Clone, Debug)]
pub struct Questions {
    /// The markets that were compared, and when.
    pub checked: Vec<Checked>,
    pub differences: Vec<Difference>,
    pub cash: Vec<CashDifference>,
}

/// Bots that were told of as held, by session; a restart tells once more.
#[derive(Debug, Default)]
pub(in crate::trading) struct Holds(Mutex<HashSet<(BotId, Date)>>);

impl Holds {
    /// `true` the first time.
    pub fn is_news(&self, bot: BotId, session: Date) -> bool {
        let mut told = lock(&self.0);
        told.retain(|(_, known)| *known >= session);
        told.insert((bot, session))
    }
}

pub(in crate::trading) fn market_key(account: AccountId, market: Market) -> Key {
    account_key(account).text(market.code())
}

pub(in crate::trading) fn question_key(account: AccountId, market: Market, symbol: &str) -> Key {
    market_key(account, market).text(symbol)
}

/// The open question that holds the bots on a symbol.
pub(in crate::trading) fn open_question(
    view: &UserView<'_>,
    account: AccountId,
    market: Market,
    symbol: &str,
) -> Result<Option<Difference>, StoreError> {
    view.get(&DIFFERENCES, &question_key(account, market, symbol))
}

/// A split that was confirmed so lately that the broker may not show it yet.
pub(in crate::trading) fn recent_split(
    view: &UserView<'_>,
    account: AccountId,
    market: Market,
    symbol: &str,
    now: Timestamp,
) -> Result<Option<SplitRatio>, StoreError> {
    let known = view.get(&KNOWN_PRICES, &question_key(account, market, symbol))?;
    Ok(known.and_then(|k| k.split).filter(|(_, at)| now.duration_since(*at) < SPLIT_TAKES).map(|(ratio, _)| ratio))
}

/// The code of a refusal for a question's sake.
pub(in crate::trading) fn code_of_hold(difference: &Difference) -> &'static str {
    match difference.kind {
        DifferenceKind::SplitSuspected | DifferenceKind::SplitAwaited => "split_suspected",
        DifferenceKind::FirstSurplus | DifferenceKind::OutsideTrade | DifferenceKind::Unexplained => "position_differs",
    }
}

/// The notice for a bot that is held.
pub(in crate::trading) fn held_notice(bot: &str, difference: &Difference) -> Notice {
    Notice::BotHeld {
        bot: bot.to_owned(),
        symbol: difference.symbol.clone(),
        ours: f64_from_decimal(difference.ours),
        brokers: f64_from_decimal(difference.brokers),
    }
}

impl Trading {
    /// The question that keeps the bots from a symbol, if there is one; a price that looks like a split
    /// raises one. A price that does not is remembered for the next session.
    pub(in crate::trading) async fn held(
        &self,
        line: &Line,
        session: Date,
        market: Market,
        symbol: &str,
        quote: Option<&Quote>,
    ) -> Result<Option<Difference>, TradingError> {
        let (account, key) = (line.account_id, question_key(line.account_id, market, symbol));
        let (open, known) = line.user.read(|v| Ok::<_, StoreError>((v.get(&DIFFERENCES, &key)?, v.get(&KNOWN_PRICES, &key)?)))?;
        let Some(quote) = quote else { return Ok(open) };
        let now = self.clock.now();
        let jump = price_jump(known.as_ref(), session, quote.last, quote.previous_close);
        let stale = known.as_ref().is_none_or(|k| k.session != session || now.duration_since(k.at) >= PRICE_AGE);
        match (open, jump) {
            (Some(open), _) => Ok(Some(open)),
            (None, Some((price, ratio))) => {
                let symbol = symbol.to_owned();
                let write = move |tx: &mut UserTx<'_>| -> Result<Difference, StoreError> {
                    if let Some(open) = open_question(&tx.view(), account, market, &symbol)? {
                        return Ok(open);
                    }
                    let ours = tx.get(&POSITIONS, &question_key(account, market, &symbol))?.map_or(Decimal::ZERO, |p| p.quantity);
                    let difference = Difference {
                        id: DifferenceId(time_ordered(now)),
                        market,
                        symbol: symbol.clone(),
                        ours,
                        brokers: ours,
                        average_price: None,
                        kind: DifferenceKind::SplitSuspected,
                        proposal: ratio.map(|ratio| Proposal::Split { ratio }),
                        executions: Vec::new(),
                        price: Some(price.clone()),
                        split_denied: false,
                        since: now,
                    };
                    tx.put(&DIFFERENCES, &question_key(account, market, &symbol), &difference)?;
                    let (shares, symbol) = (f64_from_decimal(ours), symbol.clone());
                    let (before, now_price) = (f64_from_decimal(price.before), f64_from_decimal(price.now));
                    let notice = match ratio {
                        Some(SplitRatio { new, old }) => {
                            let price = Some((before, now_price));
                            Notice::SplitSuspected { symbol, new, old, ours: shares, brokers: shares, price, holds: true }
                        }
                        None => Notice::PriceOutOfBounds { symbol, before, now: now_price },
                    };
                    tx.post(account, now, notice.level(), &notice)?;
                    Ok(difference)
                };
                let difference = line.user.write(write).await?;
                // The broker's shares tell more than the price.
                self.comparisons.repeat(account, market);
                self.bus.publish(line.user.id(), LiveEvent::Account { account_id: account });
                Ok(Some(difference))
            }
            (None, None) if stale => {
                let (answered, split) = known.map_or((None, None), |k| (k.answered, k.split));
                let known = KnownPrice { session, price: quote.last, at: now, answered, split };
                line.user.write(move |tx| tx.put(&KNOWN_PRICES, &key, &known)).await?;
                Ok(None)
            }
            (None, None) => Ok(None),
        }
    }

    /// The open questions of one of the user's accounts.
    ///
    /// # Errors
    /// `NotFound` for an account that is not the user's.
    pub fn questions(&self, user: UserId, account: AccountId) -> Result<Questions, TradingError> {
        let key = account_key(account);
        Ok(self.store.user(user).read(|v| {
            v.get(&ACCOUNTS, &key)?.ok_or_else(|| StoreError::not_found("account"))?;
            let cash = v.list(&CASH_DIFFERENCES, &key)?;
            Ok::<_, StoreError>(Questions { checked: v.list(&CHECKED, &key)?, differences: v.list(&DIFFERENCES, &key)?, cash })
        })?)
    }

    /// Compares an account's books with its broker now. Our own paper has nobody to compare with.
    ///
    /// # Errors
    /// `NotFound`, `Refused` without a broker key, the broker's.
    pub async fn compare_now(&self, user: UserId, account: AccountId) -> Result<Questions, TradingError> {
        let record = self.account(user, account)?;
        if record.environment != Environment::Own {
            let line = self.line(user, account).await?;
            self.compare_all(&line).await?;
        }
        self.questions(user, account)
    }
}
