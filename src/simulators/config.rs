//! What a simulation consists of: scenario, accounts, ports.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize};

use super::exchange::calendar::{KrxWeekdayCalendar, SessionCalendar};
use super::exchange::{ModelConfig, PlanRule, Rules, find_listing};
use super::kis::{FaultPlan, FaultRule, MaintenanceWindow};
use crate::domain::calendar::Calendar;
use crate::domain::clock::Clock;
use crate::domain::order::BrokerHost;

/// Everything that a server needs to start.
#[derive(Clone, Debug)]
pub struct SimConfig {
    pub scenario: Scenario,
    pub accounts: Vec<SimAccount>,
    /// 0 picks a free port.
    pub live_port: u16,
    /// 0 picks a free port.
    pub paper_port: u16,
    /// Where the accounts are kept beyond the life of the process.
    pub state_file: Option<PathBuf>,
    /// Websocket; 0 picks a free port.
    pub live_ws_port: u16,
    /// Websocket; 0 picks a free port.
    pub paper_ws_port: u16,
    /// Paces the websocket sessions; the market clock when absent. Its `sleep` must really wait as
    /// soon as a client connects.
    pub wall: Option<Arc<dyn Clock>>,
    /// Sessions of the Korean exchange.
    pub krx_calendar: Arc<dyn SessionCalendar>,
}

impl Default for SimConfig {
    fn default() -> Self {
        // The shipped calendar is checked by its own tests; without it every weekday is a session.
        let krx_calendar: Arc<dyn SessionCalendar> = match Calendar::krx() {
            Ok(calendar) => Arc::new(calendar),
            Err(_) => Arc::new(KrxWeekdayCalendar),
        };
        Self {
            scenario: Scenario::default(),
            accounts: Vec::new(),
            live_port: 0,
            paper_port: 0,
            state_file: None,
            live_ws_port: 0,
            paper_ws_port: 0,
            wall: None,
            krx_calendar,
        }
    }
}

/// A customer's account, found by app key.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(from = "AccountEntry")]
pub struct SimAccount {
    pub environment: BrokerHost,
    pub app_key: String,
    pub app_secret: String,
    /// Account number, eight digits.
    pub cano: String,
    /// Product code, two digits.
    pub product: String,
    pub cash_usd: Decimal,
    pub cash_krw: Decimal,
    pub positions: Vec<SimPosition>,
}

/// An account as the account file has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountEntry {
    /// `live`, `paper` or `mock`.
    #[serde(rename = "env", deserialize_with = "environment")]
    environment: BrokerHost,
    app_key: String,
    app_secret: String,
    cano: String,
    #[serde(default = "stock_account")]
    product: String,
    #[serde(deserialize_with = "cash")]
    cash: CashEntry,
    #[serde(default)]
    positions: Vec<SimPosition>,
}

/// Cash as the account file has it.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "UPPERCASE", deny_unknown_fields)]
struct CashEntry {
    #[serde(deserialize_with = "amount")]
    usd: Decimal,
    #[serde(deserialize_with = "amount")]
    krw: Decimal,
}

impl From<AccountEntry> for SimAccount {
    fn from(entry: AccountEntry) -> Self {
        Self {
            environment: entry.environment,
            app_key: entry.app_key,
            app_secret: entry.app_secret,
            cano: entry.cano,
            product: entry.product,
            cash_usd: entry.cash.usd,
            cash_krw: entry.cash.krw,
            positions: entry.positions,
        }
    }
}

/// A number or a string is dollars; an object names the currencies.
fn cash<'de, D: Deserializer<'de>>(deserializer: D) -> Result<CashEntry, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    if value.is_object() {
        return serde_json::from_value(value).map_err(serde::de::Error::custom);
    }
    parse_amount(&value).map(|usd| CashEntry { usd, krw: Decimal::ZERO }).map_err(serde::de::Error::custom)
}

/// A holding at the start.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SimPosition {
    pub symbol: String,
    #[serde(deserialize_with = "amount")]
    pub quantity: Decimal,
    /// In the currency of its market.
    #[serde(deserialize_with = "amount")]
    pub average_price: Decimal,
}

fn stock_account() -> String {
    "01".to_owned()
}

fn environment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BrokerHost, D::Error> {
    match String::deserialize(deserializer)?.as_str() {
        "live" => Ok(BrokerHost::Live),
        "paper" | "mock" => Ok(BrokerHost::Mock),
        other => Err(serde::de::Error::custom(format!("'{other}' is no environment: write live or paper"))),
    }
}

fn amount<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    parse_amount(&value).map_err(serde::de::Error::custom)
}

fn parse_amount(value: &serde_json::Value) -> Result<Decimal, String> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.parse().or_else(|_| Decimal::from_scientific(&text)).map_err(|_| format!("{value} is no amount: write a number such as 1234.5"))
}

/// How the world behaves. Every field has a default, so a file names only what differs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scenario {
    pub seed: u64,
    /// Lifts all limits, accepts any app key and token, opens accounts on first use and takes orders
    /// at any time.
    pub permissive: bool,
    /// Instruments close at their anchor price on the last session up to this date.
    pub anchor_date: Date,
    /// By symbol, in the currency of its market; symbols not named use the listing's default.
    pub anchor_prices: BTreeMap<String, f64>,
    /// Won per dollar on the anchor date.
    pub usd_krw: f64,
    /// Fraction of the gross amount of US trades.
    pub fee_rate: f64,
    /// Fraction of the gross amount of Korean trades.
    pub krw_fee_rate: f64,
    /// Fraction of the gross amount that the seller of Korean shares pays as tax; funds are exempt.
    pub krw_tax_rate: f64,
    /// Least and most shares shown per side and second.
    pub displayed_shares: (u32, u32),
    pub limits: Limits,
    pub quirks: Quirks,
    pub plans: Vec<PlanRule>,
    pub faults: Vec<FaultRule>,
    pub fault_plan: Option<FaultPlan>,
    pub maintenance: Vec<MaintenanceWindow>,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            seed: 20_260_514,
            permissive: false,
            anchor_date: Date::constant(2026, 5, 14),
            anchor_prices: BTreeMap::new(),
            usd_krw: 1_391.5,
            fee_rate: 0.0,
            krw_fee_rate: 0.000_140_527,
            // 2026: 0.05 % transaction tax and 0.15 % rural tax on KOSPI, 0.20 % on KOSDAQ.
            krw_tax_rate: 0.002,
            displayed_shares: (40, 400),
            limits: Limits::default(),
            quirks: Quirks::default(),
            plans: Vec::new(),
            faults: Vec::new(),
            fault_plan: None,
            maintenance: Vec::new(),
        }
    }
}

/// The gateway's limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Per app key, sliding second.
    pub live_calls_per_second: usize,
    /// Per app key, sliding second.
    pub paper_calls_per_second: usize,
    pub token_once_per_minute: bool,
    /// Subscriptions of one websocket session.
    pub ws_registrations: usize,
    /// Between two keep-alives, wall time.
    pub ws_ping_seconds: u32,
    /// A websocket client that sends nothing for so long is dropped, wall time.
    pub ws_silence_seconds: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            live_calls_per_second: 20,
            paper_calls_per_second: 2,
            token_once_per_minute: true,
            ws_registrations: 41,
            ws_ping_seconds: 10,
            ws_silence_seconds: 60,
        }
    }
}

/// Variants of answers that were seen from the real server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quirks {
    /// Ledger sentences are padded with blanks to 80 characters.
    pub pad_messages: bool,
    /// What the order list shows when nothing matches.
    pub empty_orders: EmptyList,
    /// The totals of an empty balance are `[]` instead of an object.
    pub empty_totals_as_list: bool,
    /// The balance ends with a row of blanks.
    pub padding_row: bool,
    /// A query for AMEX repeats the holdings of the other exchanges.
    pub repeat_holdings: bool,
    /// On the paper host only `output3` of the present balance carries figures.
    pub paper_totals_only: bool,
    /// A websocket frame of trades carries two records where it can.
    pub many_records: bool,
    /// Notices are encrypted with another key than the one that the client was given.
    pub wrong_notice_key: bool,
}

impl Default for Quirks {
    fn default() -> Self {
        Self {
            pad_messages: true,
            empty_orders: EmptyList::Empty,
            empty_totals_as_list: false,
            padding_row: false,
            repeat_holdings: false,
            paper_totals_only: false,
            many_records: false,
            wrong_notice_key: false,
        }
    }
}

/// Forms of an empty order list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmptyList {
    /// `[]`
    Empty,
    /// A list with one row of blanks and zeros.
    BlankRow,
    /// One row of blanks and zeros, not in a list.
    BlankObject,
}

/// What is wrong with a scenario or an account file.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("'{0}' is no scenario: use default, permissive, or the path of a JSON file")]
    UnknownScenario(String),
    #[error("cannot read {what}: {source}")]
    Unreadable { what: &'static str, source: std::io::Error },
    #[error("{path}: {source}")]
    Malformed { path: String, source: serde_json::Error },
    #[error("'{0}' is not listed on the simulated exchange")]
    UnknownSymbol(String),
    #[error("{0} must be greater than zero")]
    NotPositive(&'static str),
    #[error("the rate of the fault plan is {0}: write a part of the calls from 0 to 1")]
    NotARate(f64),
}

impl Scenario {
    /// The scenario of a name (`default`, `permissive`) or of a JSON file.
    ///
    /// # Errors
    /// When there is neither, or the file is malformed.
    pub fn load(name_or_path: &str) -> Result<Self, ConfigError> {
        let scenario = match name_or_path {
            "default" => Self::default(),
            "permissive" => Self { permissive: true, ..Self::default() },
            path if Path::new(path).is_file() => read_json(Path::new(path), "the scenario")?,
            other => return Err(ConfigError::UnknownScenario(other.to_owned())),
        };
        scenario.check()?;
        Ok(scenario)
    }

    fn check(&self) -> Result<(), ConfigError> {
        if let Some(symbol) = self.anchor_prices.keys().find(|symbol| find_listing(symbol).is_none()) {
            return Err(ConfigError::UnknownSymbol(symbol.clone()));
        }
        if self.usd_krw <= 0.0 {
            return Err(ConfigError::NotPositive("usd_krw"));
        }
        if self.anchor_prices.values().any(|price| *price <= 0.0) {
            return Err(ConfigError::NotPositive("an anchor price"));
        }
        if let Some(plan) = self.fault_plan.as_ref().filter(|plan| !(0.0..=1.0).contains(&plan.rate)) {
            return Err(ConfigError::NotARate(plan.rate));
        }
        Ok(())
    }

    pub(super) fn model(&self) -> ModelConfig {
        ModelConfig {
            seed: self.seed,
            anchor_date: self.anchor_date,
            anchor_prices: self.anchor_prices.clone(),
            displayed: self.displayed_shares,
        }
    }

    pub(super) fn rules(&self) -> Rules {
        let rate = |rate| crate::domain::money::decimal_from_f64(rate).unwrap_or_default();
        Rules {
            fee_rate: rate(self.fee_rate),
            krw_fee_rate: rate(self.krw_fee_rate),
            krw_tax_rate: rate(self.krw_tax_rate),
            always_open: self.permissive,
        }
    }
}

/// Reads the account file of `simulate --accounts`: a list of accounts.
///
/// # Errors
/// When it cannot be read, is malformed, or holds a symbol that is not listed.
pub fn read_accounts(path: &Path) -> Result<Vec<SimAccount>, ConfigError> {
    let accounts: Vec<SimAccount> = read_json(path, "the account file")?;
    let mut symbols = accounts.iter().flat_map(|account| &account.positions).map(|position| &position.symbol);
    match symbols.find(|symbol| find_listing(symbol).is_none()) {
        Some(symbol) => Err(ConfigError::UnknownSymbol(symbol.clone())),
        None => Ok(accounts),
    }
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path, what: &'static str) -> Result<T, ConfigError> {
    let text = fs_err::read_to_string(path).map_err(|source| ConfigError::Unreadable { what, source })?;
    serde_json::from_str(&text).map_err(|source| ConfigError::Malformed { path: path.display().to_string(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rust_decimal::dec;
    use std::io::Write;

    fn file(text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    #[test]
    fn accounts_are_read_with_numbers_or_strings() {
        let file = file(
            r#"[{"env":"live","app_key":"k1","app_secret":"s","cano":"50012345","product":"01","cash":20000.5,
                 "positions":[{"symbol":"TQQQ","quantity":"67","average_price":150.86}]},
                {"env":"paper","app_key":"k2","app_secret":"s","cano":"50012346","cash":"1e5"},
                {"env":"paper","app_key":"k3","app_secret":"s","cano":"50012347","cash":{"USD":12.5,"KRW":"10000000"}},
                {"env":"paper","app_key":"k4","app_secret":"s","cano":"50012348","cash":{"KRW":5}}]"#,
        );
        let accounts = read_accounts(file.path()).unwrap();
        assert_eq!((accounts[0].environment, accounts[0].cash_usd), (BrokerHost::Live, dec!(20000.5)));
        assert_eq!(accounts[0].positions[0].average_price, dec!(150.86));
        assert_eq!((accounts[1].environment, accounts[1].cash_usd, accounts[1].product.as_str()), (BrokerHost::Mock, dec!(100000), "01"));
        assert_eq!((accounts[0].cash_krw, accounts[2].cash_usd, accounts[2].cash_krw), (dec!(0), dec!(12.5), dec!(10000000)));
        assert_eq!((accounts[3].cash_usd, accounts[3].cash_krw), (dec!(0), dec!(5)));
    }

    #[test]
    fn mistakes_in_files_are_named() {
        let account = |change: (&str, &str)| {
            let text = r#"[{"env":"live","app_key":"k","app_secret":"s","cano":"1","cash":1,"positions":[{"symbol":"TQQQ","quantity":1,"average_price":1}]}]"#;
            read_accounts(file(&text.replace(change.0, change.1)).path()).map_err(|error| error.to_string())
        };
        assert!(account(("", "")).is_ok());
        assert!(account(("live", "demo")).unwrap_err().contains("'demo' is no environment"));
        assert!(account(("TQQQ", "NOSUCH")).unwrap_err().contains("'NOSUCH' is not listed"));
        assert!(account(("\"cash\":1", "\"cash\":\"lots\"")).unwrap_err().contains("is no amount"));
        assert!(account(("\"cash\":1", "\"cash\":{\"EUR\":1}")).unwrap_err().contains("unknown field `EUR`"));
        assert!(account(("\"cash\":1", "\"cash\":{\"KRW\":true}")).unwrap_err().contains("is no amount"));
        assert!(account(("app_key", "key")).unwrap_err().contains("unknown field `key`"));
    }

    #[test]
    fn scenarios_have_names_or_are_files() {
        assert!(!Scenario::load("default").unwrap().permissive);
        assert!(Scenario::load("permissive").unwrap().permissive);
        assert!(Scenario::load("no such").unwrap_err().to_string().contains("permissive"));
        let path = file(
            r#"{"seed":7,"anchor_date":"2025-12-04","anchor_prices":{"TQQQ":186.5},"limits":{"paper_calls_per_second":1},
                "plans":[{"symbol":"SOXL","orders":1,"plan":{"fill":"parts","count":3,"every_seconds":5}}],
                "faults":[{"tr_id":"TTTT1002U","calls":1,"fault":{"fault":"drop_after"}}],
                "fault_plan":{"seed":1,"rate":0.1,"faults":[{"fault":"timeout_after","seconds":9},{"fault":"missing_rows","rows":1}]},
                "maintenance":[{"from":"2025-12-05T20:00:00Z","until":"2025-12-05T20:30:00Z"}],
                "quirks":{"empty_orders":"blank_row"}}"#,
        );
        let scenario = Scenario::load(path.path().to_str().unwrap()).unwrap();
        assert_eq!((scenario.seed, scenario.limits.paper_calls_per_second, scenario.limits.live_calls_per_second), (7, 1, 20));
        assert_eq!((scenario.plans.len(), scenario.faults.len()), (1, 1));
        let text = serde_json::to_string(&scenario).unwrap();
        assert_eq!(serde_json::from_str::<Scenario>(&text).unwrap(), scenario);
        let wrong = file(r#"{"anchor_prices":{"NOSUCH":1}}"#);
        assert!(Scenario::load(wrong.path().to_str().unwrap()).is_err());
        let wrong = file(r#"{"fault_plan":{"seed":1,"rate":30,"faults":[]}}"#);
        assert!(Scenario::load(wrong.path().to_str().unwrap()).unwrap_err().to_string().contains("from 0 to 1"));
    }
}
