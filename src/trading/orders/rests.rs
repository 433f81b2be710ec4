//! What ended sells left over. A broker may list an execution only after it has listed the
//! order's end. Such a rest is free to be sold again once a list that was read late enough after the
//! end does not have it as sold; until then it is in doubt.

use std::collections::BTreeSet;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use super::reconcile::orders_from;
use crate::domain::id::{AccountId, BotId, OrderId};
use crate::domain::order::{Environment, Order, OrderIntent, Side};
use crate::storage::{StoreError, UserView};
use crate::trading::books::Books;
use crate::trading::error::TradingError;
use crate::trading::line::Line;
use crate::trading::tick::Trading;

/// How long after an order's end executions of it may still come into the broker's list.
pub(super) const DOUBT: SignedDuration = SignedDuration::from_mins(3);

/// What a bot can sell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::trading) struct Unsold {
    /// Shares that no order has sold or is selling, as far as is known.
    pub shares: f64,
    /// Those of them that an ended sell may have sold all the same.
    pub in_doubt: f64,
}

impl Unsold {
    /// So many shares can be sold, whatever still turns up.
    pub fn covers(&self, wanted: i64) -> bool {
        wanted as f64 <= self.shares - self.in_doubt
    }

    /// It is a doubt that is in the way, which time resolves.
    pub fn is_doubtful(&self, wanted: i64) -> bool {
        self.in_doubt > 0.0 && !self.covers(wanted)
    }
}

impl Trading {
    /// What a bot can sell in a session. When `wanted` shares would need what its ended sells left, the
    /// broker's list is read first, and executions that it shows now are booked: the caller's books are
    /// outdated then.
    ///
    /// # Errors
    /// The broker's, when its list cannot be read: then nobody knows.
    pub(in crate::trading) async fn unsold(&self, line: &Line, bot: BotId, session: Date, wanted: i64) -> Result<Unsold, TradingError> {
        let account = line.account_id;
        let read = || {
            line.user.read(|v| {
                let shares = Books::read(v, account)?.unsold_of(bot);
                Ok::<_, StoreError>((shares, rests(v, account, session, |o| o.intent.bot_id == Some(bot))?))
            })
        };
        let sum = |orders: &[Order], counts: &dyn Fn(&Order) -> bool| orders.iter().filter(|o| counts(o)).map(rest).sum::<u64>() as f64;
        let (shares, left) = read()?;
        let all = Unsold { shares, in_doubt: sum(&left, &|_| true) };
        // Our own paper's word about an order's end is final.
        if left.is_empty() || all.covers(wanted) || line.gateway.environment() == Environment::Own {
            return Ok(Unsold { in_doubt: 0.0, ..all });
        }
        let now = self.clock.now();
        let doubtful: BTreeSet<OrderId> = left.iter().filter(|o| is_recent(o, now)).map(|o| o.intent.order_id).collect();
        self.find_late_fills(line, session).await?;
        let (shares, left) = read()?;
        Ok(Unsold { shares, in_doubt: sum(&left, &|o| doubtful.contains(&o.intent.order_id)) })
    }

    /// Before a person sells: when an ended sell of theirs of the same instrument left shares over, the
    /// broker's list is read, so that what it sold all the same is not sold out of a bot.
    ///
    /// # Errors
    /// The broker's, when its list cannot be read.
    pub(in crate::trading) async fn book_late_sells(&self, line: &Line, intent: &OrderIntent) -> Result<(), TradingError> {
        let own = |o: &Order| o.intent.bot_id.is_none() && o.intent.market == intent.market && o.intent.symbol == intent.symbol;
        if line.gateway.environment() == Environment::Own || line.user.read(|v| rests(v, line.account_id, intent.session, own))?.is_empty()
        {
            return Ok(());
        }
        self.find_late_fills(line, intent.session).await
    }
}

/// Sells in a session that have ended without selling everything.
fn rests(view: &UserView<'_>, account: AccountId, session: Date, counts: impl Fn(&Order) -> bool) -> Result<Vec<Order>, StoreError> {
    let was_there = |o: &Order| o.broker_order_no.is_some() || o.is_not_placed();
    let sells = |o: &Order| o.intent.session == session && o.intent.side == Side::Sell && counts(o);
    let orders = orders_from(view, account, session)?.into_iter();
    Ok(orders.filter(|o| sells(o) && o.state.is_final() && was_there(o) && rest(o) > 0).collect())
}

fn rest(order: &Order) -> u64 {
    order.intent.quantity.saturating_sub(order.filled_quantity)
}

fn is_recent(order: &Order, read_at: Timestamp) -> bool {
    order.updated_at.saturating_add(DOUBT).is_ok_and(|until| read_at < until)
}
