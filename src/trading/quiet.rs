//! Whether the program may be exchanged or stopped without taking anything from anybody: no session in
//! which bots act, no order at a broker.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::books::Books;
use super::error::TradingError;
use super::night::readiness::has_active_bots;
use super::tick::Trading;
use crate::domain::instrument::Market;
use crate::domain::order::Environment;
use crate::storage::StoreError;

/// Bots prepare the session this long before its open, and book its results this long after its close.
const AROUND: SignedDuration = SignedDuration::from_mins(30);

/// What an interruption would disturb.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Quiet {
    /// Accounts whose bots act in the session that is on or about to begin.
    pub accounts_in_session: usize,
    /// Orders that lie at a broker.
    pub open_orders: usize,
    /// From when on nothing would be disturbed, as far as it is known now; `null` = now.
    pub safe_at: Option<Timestamp>,
}

impl Trading {
    /// What an interruption would disturb now.
    ///
    /// # Errors
    /// When the store cannot be read or the calendar does not reach so far.
    pub fn quiet(&self) -> Result<Quiet, TradingError> {
        let now = self.clock.now();
        let mut quiet = Quiet::default();
        let (mut acting, mut markets) = (0, Vec::new());
        self.store.read(|view| -> Result<(), StoreError> {
            for user in view.user_ids()? {
                let rows = view.user(user);
                for account in rows.accounts()?.into_iter().filter(|a| a.environment != Environment::Own) {
                    let books = Books::read(&rows, account.id)?;
                    acting += usize::from(has_active_bots(&books));
                    markets.extend(books.open_orders.iter().map(|order| order.intent.market));
                }
            }
            Ok(())
        })?;
        quiet.open_orders = markets.len();
        let mut until = Vec::new();
        let (begins, ends) = self.around_session(Market::Us, now)?;
        if acting > 0 && (begins..ends).contains(&now) {
            quiet.accounts_in_session = acting;
            until.push(ends);
        }
        for market in markets {
            until.push(self.around_session(market, now)?.1);
        }
        quiet.safe_at = until.into_iter().max();
        Ok(quiet)
    }

    /// When the session of the trading date begins to matter, and when it is over.
    fn around_session(&self, market: Market, now: Timestamp) -> Result<(Timestamp, Timestamp), TradingError> {
        let calendar = self.calendar_of(market);
        let unknown = |e: crate::domain::calendar::CalendarError| TradingError::Calendar(e.to_string());
        let session = calendar.trading_date_for(now).and_then(|date| calendar.session_from(date)).map_err(unknown)?;
        let over = |close: Timestamp| close.saturating_add(AROUND).unwrap_or(close);
        let session = if over(session.close) <= now { calendar.next_session(session.date).map_err(unknown)? } else { session };
        Ok((session.open.saturating_sub(AROUND).unwrap_or(session.open), over(session.close)))
    }
}
