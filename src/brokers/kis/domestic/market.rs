//! Korean stocks: prices, charts, the order book and the calendar.

use jiff::ToSpan;
use jiff::civil::{Date, Time, time};
use rust_decimal::Decimal;

use super::{Domestic, rows};
use crate::brokers::kis::chart::Chart;
use crate::brokers::kis::parse::date_text;
use crate::brokers::kis::urls;
use crate::brokers::{BrokerError, DailyBar, DayInfo, MinuteBar, OrderBook, Period, Quote};
use crate::domain::clock::kst_datetime;
use crate::domain::instrument::Market;
use crate::domain::rules::tick;

/// Prices of the exchange itself (the other codes are Nextrade's and those of both together).
const KRX: &str = "J";

/// Before all charts: the broker answers with the bars nearest to the end of the asked time.
const FIRST_DAY: &str = "19000101";

/// Opening and close of the regular session.
const OPEN: Time = time(9, 0, 0, 0);
const CLOSE: Time = time(15, 30, 0, 0);

/// Pages of a session's minutes: 30 minutes each, with room to spare.
const MAX_MINUTE_PAGES: usize = 20;

/// Funds have ticks of their own: the tick at a price tells them from shares, except where both agree.
fn kind_by_tick(price: Decimal, unit: Decimal) -> Option<bool> {
    let (share, fund) = (tick::size(Market::Krx, false, price), tick::size(Market::Krx, true, price));
    match (unit == share, unit == fund) {
        (true, false) => Some(false),
        (false, true) => Some(true),
        _ => None,
    }
}

impl Domestic<'_> {
    pub async fn quote(&self, symbol: &str) -> Result<Quote, BrokerError> {
        let answer = self.0.read(urls::KRX_PRICE, &instrument(symbol)).await?;
        let unknown = || BrokerError::UnknownInstrument(symbol.to_owned());
        let row = answer.row("output")?.ok_or_else(unknown)?;
        // An unknown code is answered with success and blanks or zeros.
        let last = rows::known(row.optional_decimal("stck_prpr")?).ok_or_else(unknown)?;
        // The base price of the day: yesterday's close, adjusted for rights and splits.
        let previous_close = rows::known(row.optional_decimal("stck_sdpr")?);
        let limits = rows::known(row.optional_decimal("stck_llam")?).zip(rows::known(row.optional_decimal("stck_mxpr")?));
        let is_etf = rows::known(row.optional_decimal("aspr_unit")?).and_then(|unit| kind_by_tick(last, unit));
        Ok(Quote { last, previous_close, limits, is_etf, at: self.0.clock.now() })
    }

    pub async fn order_book(&self, symbol: &str) -> Result<OrderBook, BrokerError> {
        let answer = self.0.read(urls::KRX_BOOK, &instrument(symbol)).await?;
        answer.row("output1")?.map_or_else(|| Ok(OrderBook::default()), rows::order_book)
    }

    pub async fn bars(&self, symbol: &str, period: Period, until: Option<Date>, count: usize) -> Result<Vec<DailyBar>, BrokerError> {
        let length = match period {
            Period::Day => "D",
            Period::Week => "W",
            Period::Month => "M",
        };
        let today = self.today();
        let mut chart = Chart::new(until, count);
        while let Some(last) = chart.wanted() {
            let mut params = instrument(symbol);
            params.extend([
                ("FID_INPUT_DATE_1", FIRST_DAY.to_owned()),
                ("FID_INPUT_DATE_2", date_text(last.unwrap_or(today))),
                ("FID_PERIOD_DIV_CODE", length.to_owned()),
                // Prices adjusted for splits.
                ("FID_ORG_ADJ_PRC", "0".to_owned()),
            ]);
            let answer = self.0.read(urls::KRX_BARS, &params).await?;
            let mut bars = Vec::new();
            for row in answer.rows("output2")? {
                bars.extend(rows::bar(row)?);
            }
            chart.add(bars);
        }
        Ok(chart.finish())
    }

    /// The broker keeps the minutes of the newest session only and hands out 30 at a time.
    pub async fn minute_bars(&self, symbol: &str, count: usize) -> Result<Vec<MinuteBar>, BrokerError> {
        let now = kst_datetime(self.0.clock.now()).time();
        // A later time than now would be answered with minutes that have not been.
        let mut until = if (OPEN..CLOSE).contains(&now) { now } else { CLOSE };
        let mut minutes: Vec<(Date, MinuteBar)> = Vec::new();
        for _ in 0..MAX_MINUTE_PAGES {
            let mut params = instrument(symbol);
            params.extend([
                ("FID_ETC_CLS_CODE", String::new()),
                ("FID_INPUT_HOUR_1", until.strftime("%H%M%S").to_string()),
                ("FID_PW_DATA_INCU_YN", "Y".to_owned()),
            ]);
            let answer = self.0.read(urls::KRX_MINUTES, &params).await?;
            let known = minutes.len();
            for row in answer.rows("output2")? {
                minutes.extend(rows::minute_bar(row)?);
            }
            let session = minutes.iter().map(|(date, _)| *date).max();
            let other_session = minutes.iter().any(|(date, _)| Some(*date) != session);
            minutes.retain(|(date, _)| Some(*date) == session);
            minutes.sort_by_key(|(_, bar)| bar.at);
            minutes.dedup_by_key(|(_, bar)| bar.at);
            let Some((_, oldest)) = minutes.first() else { break };
            let before = kst_datetime(oldest.at).time().checked_sub(1.minute());
            match before {
                Ok(before) if !other_session && minutes.len() < count && minutes.len() > known => until = before,
                _ => break,
            }
        }
        let surplus = minutes.len().saturating_sub(count);
        Ok(minutes.into_iter().skip(surplus).map(|(_, bar)| bar).collect())
    }

    /// Consecutive days from `from` on, as far as one answer reaches.
    pub async fn days(&self, from: Date) -> Result<Vec<DayInfo>, BrokerError> {
        let params = vec![("BASS_DT", date_text(from)), ("CTX_AREA_NK", String::new()), ("CTX_AREA_FK", String::new())];
        let answer = self.0.read(urls::KRX_DAYS, &params).await?;
        let mut days = Vec::new();
        for row in answer.rows("output")? {
            days.extend(rows::day(row)?);
        }
        days.retain(|day| day.date >= from);
        days.sort_by_key(|day| day.date);
        days.dedup_by_key(|day| day.date);
        Ok(days)
    }
}

fn instrument(symbol: &str) -> Vec<(&'static str, String)> {
    vec![("FID_COND_MRKT_DIV_CODE", KRX.to_owned()), ("FID_INPUT_ISCD", symbol.to_owned())]
}
