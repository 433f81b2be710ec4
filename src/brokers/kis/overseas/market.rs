//! US stocks: prices, charts and the order book.

use jiff::ToSpan;
use jiff::civil::Date;
use rust_decimal::Decimal;

use super::{Overseas, rows};
use crate::brokers::kis::chart::Chart;
use crate::brokers::kis::parse::{date_text, protocol};
use crate::brokers::kis::urls;
use crate::brokers::{BrokerError, DailyBar, MinuteBar, OrderBook, Period, Quote};
use crate::domain::clock::kst_date;
use crate::domain::instrument::Exchange;

/// How far back the newest exchange rate is looked for: longer than any run of holidays.
const RATE_DAYS: i32 = 14;

/// Pages of a session's minutes: 120 minutes each, with room for the hours before and after it.
const MAX_MINUTE_PAGES: usize = 12;

/// Won per dollar as the currency chart shows it.
struct CurrencyChart {
    /// By day, oldest first.
    closes: Vec<(Date, Decimal)>,
    /// The rate in the chart's head.
    present: Option<Decimal>,
}

impl Overseas<'_> {
    pub async fn quote(&self, exchange: Exchange, symbol: &str) -> Result<Quote, BrokerError> {
        let quote = self.price(exchange, symbol).await?.ok_or_else(|| BrokerError::UnknownInstrument(symbol.to_owned()))?;
        if quote.last <= Decimal::ZERO {
            return Err(protocol(format!("last is not a price: '{}'", quote.last)));
        }
        Ok(quote)
    }

    pub async fn find_listing(&self, symbol: &str) -> Result<Option<Exchange>, BrokerError> {
        for exchange in urls::US_EXCHANGES {
            if self.price(exchange, symbol).await?.is_some_and(|quote| quote.last > Decimal::ZERO) {
                return Ok(Some(exchange));
            }
        }
        Ok(None)
    }

    async fn price(&self, exchange: Exchange, symbol: &str) -> Result<Option<Quote>, BrokerError> {
        let params = vec![("AUTH", String::new()), ("EXCD", urls::price_code(exchange)?.to_owned()), ("SYMB", symbol.to_owned())];
        let answer = self.0.read(urls::PRICE, &params).await?;
        let Some(row) = answer.row("output")? else { return Ok(None) };
        // An unknown symbol is answered with success and blanks.
        let Some(last) = row.optional_decimal("last")? else { return Ok(None) };
        let previous_close = rows::known(row.optional_decimal("base")?);
        Ok(Some(Quote { last, previous_close, limits: None, is_etf: None, at: self.0.clock.now() }))
    }

    pub async fn bars(
        &self,
        exchange: Exchange,
        symbol: &str,
        period: Period,
        until: Option<Date>,
        count: usize,
    ) -> Result<Vec<DailyBar>, BrokerError> {
        let exchange = urls::price_code(exchange)?;
        let length = match period {
            Period::Day => "0",
            Period::Week => "1",
            Period::Month => "2",
        };
        let mut chart = Chart::new(until, count);
        while let Some(last) = chart.wanted() {
            let params = vec![
                ("AUTH", String::new()),
                ("EXCD", exchange.to_owned()),
                ("SYMB", symbol.to_owned()),
                ("GUBN", length.to_owned()),
                ("BYMD", last.map(date_text).unwrap_or_default()),
                // Prices adjusted for splits.
                ("MODP", "1".to_owned()),
            ];
            let answer = self.0.read(urls::DAILY_PRICE, &params).await?;
            let mut bars = Vec::new();
            for row in answer.rows("output2")? {
                bars.extend(rows::daily_bar(row)?);
            }
            chart.add(bars);
        }
        Ok(chart.finish())
    }

    pub async fn minute_bars(&self, exchange: Exchange, symbol: &str, count: usize) -> Result<Vec<MinuteBar>, BrokerError> {
        let exchange = urls::price_code(exchange)?;
        let (mut next, mut key) = ("", String::new());
        let mut minutes: Vec<rows::UsMinute> = Vec::new();
        for _ in 0..MAX_MINUTE_PAGES {
            let params = vec![
                ("AUTH", String::new()),
                ("EXCD", exchange.to_owned()),
                ("SYMB", symbol.to_owned()),
                ("NMIN", "1".to_owned()),
                ("PINC", "1".to_owned()),
                ("NEXT", next.to_owned()),
                ("NREC", "120".to_owned()),
                ("FILL", String::new()),
                ("KEYB", key),
            ];
            let answer = self.0.read(urls::US_MINUTES, &params).await?;
            let known = minutes.len();
            for row in answer.rows("output2")? {
                minutes.extend(rows::minute_bar(row)?);
            }
            let more = answer.row("output1")?.map(|row| row.text("next")).transpose()?.unwrap_or_default() == "1";
            let session = minutes.iter().map(|m| m.session).max();
            let oldest = minutes.iter().map(|m| m.local).min();
            let other_session = minutes.iter().any(|m| Some(m.session) != session);
            minutes.retain(|m| Some(m.session) == session);
            minutes.sort_by_key(|m| m.bar.at);
            minutes.dedup_by_key(|m| m.bar.at);
            let Some((date, time)) = oldest else { break };
            if !more || other_session || minutes.len() >= count || minutes.len() <= known {
                break;
            }
            let Ok(before) = date.to_datetime(time).checked_sub(1.minute()) else { break };
            (next, key) = ("1", before.strftime("%Y%m%d%H%M%S").to_string());
        }
        let surplus = minutes.len().saturating_sub(count);
        Ok(minutes.into_iter().skip(surplus).map(|m| m.bar).collect())
    }

    pub async fn order_book(&self, exchange: Exchange, symbol: &str) -> Result<OrderBook, BrokerError> {
        let params = vec![("AUTH", String::new()), ("EXCD", urls::price_code(exchange)?.to_owned()), ("SYMB", symbol.to_owned())];
        let answer = self.0.read(urls::US_BOOK, &params).await?;
        answer.row("output2")?.map_or_else(|| Ok(OrderBook::default()), rows::order_book)
    }

    pub async fn usd_krw(&self) -> Result<Decimal, BrokerError> {
        let today = kst_date(self.0.clock.now());
        let chart = self.currency_chart(today.checked_sub(RATE_DAYS.days()).unwrap_or(today), today).await?;
        let newest = chart.closes.last().map(|(_, close)| *close);
        newest.or(chart.present).ok_or_else(|| protocol("ovrs_nmix_prpr: the currency chart holds no exchange rate".to_owned()))
    }

    pub async fn usd_krw_closes(&self, from: Date, to: Date) -> Result<Vec<(Date, Decimal)>, BrokerError> {
        let mut closes = self.currency_chart(from, to).await?.closes;
        closes.retain(|(date, _)| (from..=to).contains(date));
        Ok(closes)
    }

    async fn currency_chart(&self, from: Date, to: Date) -> Result<CurrencyChart, BrokerError> {
        let params = vec![
            ("FID_COND_MRKT_DIV_CODE", "X".to_owned()),
            ("FID_INPUT_ISCD", "FX@KRW".to_owned()),
            ("FID_INPUT_DATE_1", date_text(from)),
            ("FID_INPUT_DATE_2", date_text(to)),
            ("FID_PERIOD_DIV_CODE", "D".to_owned()),
        ];
        let answer = self.0.read(urls::CURRENCY_CHART, &params).await?;
        let mut closes = Vec::new();
        for row in answer.rows("output2")? {
            let date = row.optional_date("stck_bsop_date")?;
            let close = rows::known(row.optional_decimal("ovrs_nmix_prpr")?);
            closes.extend(date.zip(close));
        }
        closes.sort_by_key(|(date, _)| *date);
        closes.dedup_by_key(|(date, _)| *date);
        let head = answer.row("output1")?.map(|row| row.optional_decimal("ovrs_nmix_prpr")).transpose()?.flatten();
        Ok(CurrencyChart { closes, present: rows::known(head) })
    }
}
