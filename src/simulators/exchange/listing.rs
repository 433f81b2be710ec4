//! What is listed: each instrument moves as a multiple of the daily return of its family's index.

use crate::domain::instrument::{Exchange, Market};
use crate::domain::money::Currency;

/// Instruments that share one underlying index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    Nasdaq100,
    Semiconductors,
    Sp500,
    Dow,
    SmallCaps,
    Financials,
    Technology,
    Biotech,
    Bitcoin,
    Treasuries,
    Gold,
    Kospi200,
    Kosdaq150,
    KoreanChips,
    KoreanPlatforms,
    KoreanCars,
    KoreanBiotech,
    KoreanBatteries,
    KoreanShipping,
}

impl Family {
    /// Name that addresses the family's noise.
    pub fn name(self) -> &'static str {
        match self {
            Family::Nasdaq100 => "nasdaq-100",
            Family::Semiconductors => "semiconductors",
            Family::Sp500 => "s&p-500",
            Family::Dow => "dow",
            Family::SmallCaps => "small-caps",
            Family::Financials => "financials",
            Family::Technology => "technology",
            Family::Biotech => "biotech",
            Family::Bitcoin => "bitcoin",
            Family::Treasuries => "treasuries",
            Family::Gold => "gold",
            Family::Kospi200 => "kospi-200",
            Family::Kosdaq150 => "kosdaq-150",
            Family::KoreanChips => "korean-chips",
            Family::KoreanPlatforms => "korean-platforms",
            Family::KoreanCars => "korean-cars",
            Family::KoreanBiotech => "korean-biotech",
            Family::KoreanBatteries => "korean-batteries",
            Family::KoreanShipping => "korean-shipping",
        }
    }

    /// Standard deviation of the index's daily log return in a normal regime.
    pub fn volatility(self) -> f64 {
        match self {
            Family::Sp500 | Family::Dow => 0.009,
            Family::Nasdaq100 | Family::Financials => 0.012,
            Family::Technology => 0.013,
            Family::SmallCaps => 0.014,
            Family::Semiconductors => 0.019,
            Family::Biotech => 0.017,
            Family::Bitcoin => 0.024,
            Family::Treasuries => 0.008,
            Family::Gold => 0.009,
            Family::Kospi200 => 0.012,
            Family::Kosdaq150 => 0.015,
            Family::KoreanChips | Family::KoreanCars => 0.019,
            Family::KoreanPlatforms | Family::KoreanBiotech => 0.018,
            Family::KoreanBatteries | Family::KoreanShipping => 0.024,
        }
    }

    /// Share of the family's noise that is the market's.
    pub fn correlation(self) -> f64 {
        match self {
            Family::Sp500 => 0.95,
            Family::Nasdaq100 | Family::Dow | Family::Technology => 0.9,
            Family::Semiconductors | Family::SmallCaps | Family::Financials => 0.75,
            Family::Biotech => 0.5,
            Family::Bitcoin => 0.4,
            Family::Treasuries => -0.2,
            Family::Gold => 0.0,
            Family::Kospi200 => 0.95,
            Family::Kosdaq150 | Family::KoreanChips => 0.8,
            Family::KoreanPlatforms | Family::KoreanCars => 0.6,
            Family::KoreanBiotech | Family::KoreanBatteries | Family::KoreanShipping => 0.4,
        }
    }

    /// Name of the market-wide noise that the family shares in.
    pub fn market_factor(self) -> &'static str {
        match self {
            Family::Kospi200
            | Family::Kosdaq150
            | Family::KoreanChips
            | Family::KoreanPlatforms
            | Family::KoreanCars
            | Family::KoreanBiotech
            | Family::KoreanBatteries
            | Family::KoreanShipping => "market-krx",
            _ => "market",
        }
    }
}

/// A listed instrument.
#[derive(Debug, PartialEq)]
pub struct Listing {
    pub symbol: &'static str,
    pub name: &'static str,
    pub exchange: Exchange,
    pub family: Family,
    /// Multiple of the index's daily simple return.
    pub leverage: f64,
    /// Default close on the anchor date, in the market's currency.
    pub price: f64,
    /// Shares traded on a normal day.
    pub volume: u64,
    /// A Korean ETF: ticks of its own and no transaction tax.
    pub krx_fund: bool,
}

impl Listing {
    pub fn market(&self) -> Market {
        match self.exchange {
            Exchange::Krx => Market::Krx,
            Exchange::Nasdaq | Exchange::Nyse | Exchange::Amex => Market::Us,
        }
    }

    pub fn currency(&self) -> Currency {
        self.market().currency()
    }

    /// How many times wider than usual its daily price limits are.
    pub fn limit_multiple(&self) -> u32 {
        if self.krx_fund && self.leverage.abs() > 1.0 { 2 } else { 1 }
    }
}

const fn list(
    symbol: &'static str,
    name: &'static str,
    exchange: Exchange,
    family: Family,
    leverage: f64,
    price: f64,
    volume: u64,
) -> Listing {
    Listing { symbol, name, exchange, family, leverage, price, volume, krx_fund: false }
}

/// A Korean share.
const fn share(symbol: &'static str, name: &'static str, family: Family, leverage: f64, price: f64, volume: u64) -> Listing {
    list(symbol, name, Exchange::Krx, family, leverage, price, volume)
}

/// A Korean ETF.
const fn fund(symbol: &'static str, name: &'static str, family: Family, leverage: f64, price: f64, volume: u64) -> Listing {
    Listing { krx_fund: true, ..list(symbol, name, Exchange::Krx, family, leverage, price, volume) }
}

/// Everything that trades here.
pub static LISTINGS: [Listing; 49] = {
    use Exchange::{Amex, Nasdaq, Nyse};
    use Family::{Biotech, Bitcoin, Dow, Financials, Gold, Nasdaq100, Semiconductors, SmallCaps, Sp500, Technology, Treasuries};
    use Family::{KoreanBatteries, KoreanBiotech, KoreanCars, KoreanChips, KoreanPlatforms, KoreanShipping, Kosdaq150, Kospi200};
    [
        list("QQQ", "INVESCO QQQ TRUST SERIES 1", Nasdaq, Nasdaq100, 1.0, 605.0, 48_000_000),
        list("QQQM", "INVESCO NASDAQ 100 ETF", Nasdaq, Nasdaq100, 1.0, 249.0, 3_000_000),
        list("QLD", "PROSHARES ULTRA QQQ", Amex, Nasdaq100, 2.0, 132.0, 4_000_000),
        list("TQQQ", "PROSHARES ULTRAPRO QQQ", Nasdaq, Nasdaq100, 3.0, 138.0, 62_000_000),
        list("SQQQ", "PROSHARES ULTRAPRO SHORT QQQ", Nasdaq, Nasdaq100, -3.0, 17.4, 90_000_000),
        list("SOXX", "ISHARES SEMICONDUCTOR ETF", Nasdaq, Semiconductors, 1.0, 262.0, 6_000_000),
        list("USD", "PROSHARES ULTRA SEMICONDUCTORS", Amex, Semiconductors, 2.0, 78.0, 1_100_000),
        list("SOXL", "DIREXION DAILY SEMICONDUCTOR BULL 3X", Amex, Semiconductors, 3.0, 34.9, 85_000_000),
        list("SOXS", "DIREXION DAILY SEMICONDUCTOR BEAR 3X", Amex, Semiconductors, -3.0, 9.6, 120_000_000),
        list("NVDA", "NVIDIA CORP", Nasdaq, Semiconductors, 1.2, 178.0, 180_000_000),
        list("SPY", "SPDR S&P 500 ETF TRUST", Amex, Sp500, 1.0, 662.0, 70_000_000),
        list("VOO", "VANGUARD S&P 500 ETF", Amex, Sp500, 1.0, 608.0, 7_000_000),
        list("SSO", "PROSHARES ULTRA S&P500", Amex, Sp500, 2.0, 112.0, 3_000_000),
        list("UPRO", "PROSHARES ULTRAPRO S&P500", Amex, Sp500, 3.0, 111.0, 5_000_000),
        list("SPXL", "DIREXION DAILY S&P 500 BULL 3X", Amex, Sp500, 3.0, 213.0, 4_500_000),
        list("AAPL", "APPLE INC", Nasdaq, Technology, 1.0, 255.0, 55_000_000),
        list("DIA", "SPDR DOW JONES INDUSTRIAL AVERAGE", Amex, Dow, 1.0, 463.0, 4_000_000),
        list("UDOW", "PROSHARES ULTRAPRO DOW30", Amex, Dow, 3.0, 114.0, 2_000_000),
        list("KO", "COCA COLA CO", Nyse, Dow, 0.5, 69.0, 15_000_000),
        list("IWM", "ISHARES RUSSELL 2000 ETF", Amex, SmallCaps, 1.0, 242.0, 30_000_000),
        list("TNA", "DIREXION DAILY SMALL CAP BULL 3X", Amex, SmallCaps, 3.0, 46.0, 9_000_000),
        list("XLF", "FINANCIAL SELECT SECTOR SPDR", Amex, Financials, 1.0, 53.0, 40_000_000),
        list("FAS", "DIREXION DAILY FINANCIAL BULL 3X", Amex, Financials, 3.0, 156.0, 800_000),
        list("JPM", "JPMORGAN CHASE & CO", Nyse, Financials, 1.1, 306.0, 9_000_000),
        list("XLK", "TECHNOLOGY SELECT SECTOR SPDR", Amex, Technology, 1.0, 281.0, 6_000_000),
        list("TECL", "DIREXION DAILY TECHNOLOGY BULL 3X", Amex, Technology, 3.0, 121.0, 1_500_000),
        list("BULZ", "MICROSECTORS SOLACTIVE FANG INNOVATION 3X", Amex, Technology, 3.0, 214.0, 150_000),
        list("XBI", "SPDR S&P BIOTECH ETF", Amex, Biotech, 1.0, 98.0, 9_000_000),
        list("LABU", "DIREXION DAILY S&P BIOTECH BULL 3X", Amex, Biotech, 3.0, 74.0, 1_500_000),
        list("BITO", "PROSHARES BITCOIN ETF", Amex, Bitcoin, 1.0, 19.6, 30_000_000),
        list("IBIT", "ISHARES BITCOIN TRUST", Nasdaq, Bitcoin, 1.0, 62.0, 45_000_000),
        list("BITX", "2X BITCOIN STRATEGY ETF", Amex, Bitcoin, 2.0, 51.0, 8_000_000),
        list("BITU", "PROSHARES ULTRA BITCOIN ETF", Amex, Bitcoin, 2.0, 59.5, 2_500_000),
        list("TLT", "ISHARES 20+ YEAR TREASURY BOND", Nasdaq, Treasuries, 1.0, 89.0, 35_000_000),
        list("TMF", "DIREXION DAILY 20+ YEAR TREASURY BULL 3X", Amex, Treasuries, 3.0, 41.0, 6_000_000),
        list("GLD", "SPDR GOLD SHARES", Amex, Gold, 1.0, 356.0, 10_000_000),
        share("005930", "삼성전자", KoreanChips, 0.9, 71_300.0, 18_000_000),
        share("000660", "SK하이닉스", KoreanChips, 1.2, 562_000.0, 3_600_000),
        share("035420", "NAVER", KoreanPlatforms, 1.0, 248_500.0, 700_000),
        share("035720", "카카오", KoreanPlatforms, 1.1, 58_900.0, 1_900_000),
        share("005380", "현대차", KoreanCars, 1.0, 263_000.0, 800_000),
        share("068270", "셀트리온", KoreanBiotech, 1.0, 181_400.0, 600_000),
        share("247540", "에코프로비엠", KoreanBatteries, 1.1, 148_700.0, 900_000),
        share("011200", "HMM", KoreanShipping, 1.0, 19_870.0, 2_200_000),
        fund("069500", "KODEX 200", Kospi200, 1.0, 46_815.0, 7_000_000),
        fund("122630", "KODEX 레버리지", Kospi200, 2.0, 28_440.0, 21_000_000),
        fund("114800", "KODEX 인버스", Kospi200, -1.0, 3_395.0, 26_000_000),
        fund("252670", "KODEX 200선물인버스2X", Kospi200, -2.0, 1_412.0, 240_000_000),
        fund("229200", "KODEX 코스닥150", Kosdaq150, 1.0, 13_880.0, 9_000_000),
    ]
};

/// The listing of a ticker or of a Korean code.
pub fn find_listing(symbol: &str) -> Option<&'static Listing> {
    LISTINGS.iter().find(|listing| listing.symbol == symbol)
}

/// A listing is stored by its ticker.
pub(super) mod by_symbol {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    use super::{Listing, find_listing};

    pub fn serialize<S: Serializer>(listing: &&'static Listing, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(listing.symbol)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<&'static Listing, D::Error> {
        let symbol = String::deserialize(deserializer)?;
        find_listing(&symbol).ok_or_else(|| D::Error::custom(format!("'{symbol}' is not listed")))
    }
}
