//! Markets, exchanges and instruments.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::money::Currency;

/// A market: what decides calendar, currency and rules. Every stored symbol carries one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Market {
    /// Korea Exchange (KOSPI, KOSDAQ).
    #[serde(rename = "KRX")]
    Krx,
    /// United States, whichever exchange lists the instrument.
    #[serde(rename = "US")]
    Us,
}

impl Market {
    /// The market code as stored and shown.
    pub fn code(self) -> &'static str {
        match self {
            Market::Krx => "KRX",
            Market::Us => "US",
        }
    }

    /// The currency that the market trades in.
    pub fn currency(self) -> Currency {
        match self {
            Market::Krx => Currency::Krw,
            Market::Us => Currency::Usd,
        }
    }
}

/// The exchange that lists a US instrument. Brokers want it by name in every order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Exchange {
    Nasdaq,
    Nyse,
    /// NYSE American and NYSE Arca, where most leveraged ETFs are listed.
    Amex,
    Krx,
}

/// An instrument: a ticker within a market, e.g. `US:TQQQ`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Instrument {
    pub market: Market,
    /// Ticker in upper case (`TQQQ`) or the six characters of a Korean code (`005930`).
    pub symbol: String,
}

impl Instrument {
    /// A US instrument by ticker.
    pub fn us(symbol: &str) -> Self {
        Self { market: Market::Us, symbol: symbol.to_owned() }
    }

    /// Checks a ticker as typed by a person; returns it trimmed and in upper case.
    ///
    /// # Errors
    /// A sentence that names what is wrong with it.
    pub fn parse_us_ticker(text: &str) -> Result<String, String> {
        let ticker = text.trim().to_uppercase();
        let good = !ticker.is_empty()
            && ticker.len() <= 12
            && ticker.chars().all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '-' || c == '/')
            && ticker.chars().next().is_some_and(|c| c.is_ascii_alphabetic());
        if good {
            Ok(ticker)
        } else {
            Err(format!("'{}' is not a US ticker: 1 to 12 letters, digits, dots or dashes, beginning with a letter", text.trim()))
        }
    }
}

impl fmt::Display for Instrument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.market.code(), self.symbol)
    }
}

impl FromStr for Instrument {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some(("US", symbol)) if !symbol.is_empty() => Ok(Self::us(symbol)),
            Some(("KRX", symbol)) if !symbol.is_empty() => Ok(Self { market: Market::Krx, symbol: symbol.to_owned() }),
            _ => Err(format!("'{text}' is not an instrument: write MARKET:SYMBOL, for example US:TQQQ")),
        }
    }
}
