//! Daily bars for indicators, asked for once per closed session and shared: prices are public.

use std::sync::Arc;

use jiff::SignedDuration;
use jiff::civil::Date;

use super::quotes::KnownBars;
use crate::trading::error::TradingError;
use crate::trading::line::Line;
use crate::trading::night::slots::calendar;
use crate::trading::tick::Trading;

/// Enough for averages of 60 days and a relative strength whose beginning no longer shows; two pages of
/// the broker.
const BARS: usize = 200;
/// Splits and corrections are picked up within this time.
const LIFETIME: SignedDuration = SignedDuration::from_hours(6);
/// Between two askings for the same ticker.
const PAUSE: SignedDuration = SignedDuration::from_secs(60);

impl Trading {
    /// Daily bars of a ticker up to the last closed session. When the broker fails, older bars are
    /// given with their time, if there are any.
    ///
    /// # Errors
    /// The broker's, when nothing is known.
    pub async fn daily_bars(&self, line: &Line, symbol: &str) -> Result<Arc<KnownBars>, TradingError> {
        let now = self.clock.now();
        let through = self.last_closed_session()?;
        let known = self.quotes.bars(symbol);
        if let Some(known) = &known
            && known.through == through
            && now.duration_since(known.at) < LIFETIME
        {
            return Ok(Arc::clone(known));
        }
        // Several pages at once, or a broker in trouble, must not use up the pace that orders need.
        if !self.quotes.ask_bars(symbol, now, PAUSE) {
            let waiting = || {
                TradingError::refused("bars_not_known_yet", format!("the daily bars of {symbol} are not known yet: try again in a minute"))
            };
            return known.ok_or_else(waiting);
        }
        match self.fetch_bars(line, symbol, through).await {
            Ok(bars) => {
                let bars = Arc::new(KnownBars { bars, through, at: now });
                self.quotes.put_bars(symbol, Arc::clone(&bars));
                Ok(bars)
            }
            Err(error) => known.ok_or(error),
        }
    }

    async fn fetch_bars(&self, line: &Line, symbol: &str, through: Date) -> Result<Vec<crate::brokers::DailyBar>, TradingError> {
        let exchange = self.exchange(line, symbol).await?;
        Ok(line.gateway.daily_bars(exchange, symbol, Some(through), BARS).await?)
    }

    fn last_closed_session(&self) -> Result<Date, TradingError> {
        let now = self.clock.now();
        let today = self.calendar.trading_date_for(now).map_err(calendar)?;
        match self.calendar.session_on(today).map_err(calendar)? {
            Some(session) if session.close <= now => Ok(session.date),
            _ => Ok(self.calendar.previous_session(today).map_err(calendar)?.date),
        }
    }
}
