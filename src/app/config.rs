//! Configuration of `serve`: defaults, then the TOML file, then `EGGMONEY_*` variables, then flags.
//! Every complaint names the key, where its value came from and how to mend it.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use crate::auth::{CALLS_PER_SECOND, Passphrase};
use crate::brokers::egress::Egress;
use crate::domain::network::Networks;
use crate::domain::order::BrokerHost;

/// Port that is listened on when nothing is configured.
pub const DEFAULT_PORT: u16 = 8740;

/// Where to listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listen {
    /// `[::]:8740`, or `0.0.0.0:8740` where there is no IPv6.
    Default,
    /// Exactly this address; port 0 takes any free port.
    At(SocketAddr),
}

/// How browsers reach the server: behind a proxy that speaks TLS it is `https`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scheme {
    #[default]
    Http,
    Https,
}

/// A certificate of our own, as PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The server's certificate, then those that lead to a known authority.
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// Addresses of one broker's servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerHosts {
    pub live: String,
    pub mock: String,
    pub live_ws: String,
    pub mock_ws: String,
    /// Folder of the master files.
    pub masters: String,
}

const KIS_LIVE: &str = "https://openapi.koreainvestment.com:9443";
const KIS_MOCK: &str = "https://openapivts.koreainvestment.com:29443";
const KIS_LIVE_WS: &str = "ws://ops.koreainvestment.com:21000";
const KIS_MOCK_WS: &str = "ws://ops.koreainvestment.com:31000";
const KIS_MASTERS: &str = "https://new.real.download.dws.co.kr/common/master";

impl BrokerHosts {
    /// The websocket of a host. Where another server stands in for the host, only a websocket that was
    /// named as well: a key that belongs to the stand-in must not go to the real one.
    pub fn socket(&self, host: BrokerHost) -> Option<&str> {
        let (is_real, socket, real) = match host {
            BrokerHost::Live => (self.live == KIS_LIVE, &self.live_ws, KIS_LIVE_WS),
            BrokerHost::Mock => (self.mock == KIS_MOCK, &self.mock_ws, KIS_MOCK_WS),
        };
        (is_real || socket != real).then_some(socket)
    }

    /// Folder of the master files. Who stands in for the live host has them as well.
    pub fn masters_url(&self) -> String {
        if self.masters == KIS_MASTERS && self.live != KIS_LIVE {
            return format!("{}/common/master", self.live);
        }
        self.masters.clone()
    }
}

/// Addresses of all brokers. Only the server's configuration sets them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brokers {
    pub kis: BrokerHosts,
}

/// The configuration of a server.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    pub data_dir: PathBuf,
    pub listen: Listen,
    pub brokers: Brokers,
    pub telegram_url: String,
    pub trusted_scheme: Scheme,
    /// Proxies whose word about the caller's address and scheme counts.
    pub trusted_proxies: Networks,
    /// Speak TLS with this certificate instead of leaving that to a proxy.
    pub tls: Option<TlsFiles>,
    /// Market time is simulated and runs this many times as fast as the clock on the wall.
    pub simulation_speed: Option<f64>,
    /// Whom the server may speak to at all; a proof narrows it.
    pub egress: Egress,
    /// Calls that each signed-in person and each API key may make per second; ten seconds' worth at once.
    pub calls_per_second: u32,
    /// Where backups go; in the data folder when it is not set. On a NAS this is in a shared folder.
    pub backup_dir: Option<PathBuf>,
    /// The file that this was read from.
    pub config_file: Option<PathBuf>,
    /// What the master key is made from, where it is in no file.
    pub master_passphrase: Option<Passphrase>,
    /// Slots and orders wait until the supervisor says that this release is healthy.
    pub on_trial: bool,
    /// How long a sign-in provider may take for an answer; a test has less patience.
    pub provider_patience: Duration,
    /// How long a caller may be silent in the middle of a body; a test has less patience.
    pub body_patience: Duration,
}

impl Config {
    /// Defaults over a data folder.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            listen: Listen::Default,
            brokers: Brokers {
                kis: BrokerHosts {
                    live: KIS_LIVE.to_owned(),
                    mock: KIS_MOCK.to_owned(),
                    live_ws: KIS_LIVE_WS.to_owned(),
                    mock_ws: KIS_MOCK_WS.to_owned(),
                    masters: KIS_MASTERS.to_owned(),
                },
            },
            telegram_url: "https://api.telegram.org".to_owned(),
            trusted_scheme: Scheme::Http,
            trusted_proxies: Networks::loopback(),
            tls: None,
            simulation_speed: None,
            egress: Egress::default(),
            calls_per_second: CALLS_PER_SECOND,
            backup_dir: None,
            config_file: None,
            master_passphrase: None,
            on_trial: false,
            provider_patience: Duration::from_secs(10),
            body_patience: Duration::from_secs(30),
        }
    }

    /// Whether browsers always reach us over TLS: ours, or that of the proxy in front.
    pub fn speaks_tls(&self) -> bool {
        self.tls.is_some() || self.trusted_scheme == Scheme::Https
    }
}

/// Where a value was set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    File(PathBuf),
    Variable(&'static str),
    Flag(&'static str),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::File(path) => write!(f, "in {}", path.display()),
            Source::Variable(name) => write!(f, "in the environment variable {name}"),
            Source::Flag(name) => write!(f, "in the flag {name}"),
        }
    }
}

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("{key} = \"{value}\" (set {from}) {problem}: {remedy}")]
    Value { key: &'static str, value: String, from: Source, problem: &'static str, remedy: &'static str },
    #[error("no data folder is set: give --data-dir DIR, the variable EGGMONEY_DATA_DIR or the key data_dir of the config file")]
    NoDataDir,
    #[error("cannot read the config file {}: {detail}", path.display())]
    File { path: PathBuf, detail: String },
    #[error("cannot read the master passphrase: {0}")]
    Passphrase(String),
    #[error("the config file {} has a mistake: {detail}", path.display())]
    Syntax { path: PathBuf, detail: String },
}

/// One key of the configuration: its name in TOML, its variable, its flag.
struct Setting {
    key: &'static str,
    variable: &'static str,
    flag: Option<&'static str>,
}

/// All keys. A variable or flag that is not here does not exist.
const SETTINGS: &[Setting] = &[
    Setting { key: "data_dir", variable: "EGGMONEY_DATA_DIR", flag: Some("--data-dir") },
    Setting { key: "listen", variable: "EGGMONEY_LISTEN", flag: Some("--listen") },
    Setting { key: "trusted_scheme", variable: "EGGMONEY_TRUSTED_SCHEME", flag: None },
    Setting { key: "trusted_proxies", variable: "EGGMONEY_TRUSTED_PROXIES", flag: None },
    Setting { key: "tls_certificate", variable: "EGGMONEY_TLS_CERTIFICATE", flag: None },
    Setting { key: "tls_key", variable: "EGGMONEY_TLS_KEY", flag: None },
    Setting { key: "telegram_url", variable: "EGGMONEY_TELEGRAM_URL", flag: None },
    Setting { key: "backup_dir", variable: "EGGMONEY_BACKUP_DIR", flag: None },
    Setting { key: "calls_per_second", variable: "EGGMONEY_CALLS_PER_SECOND", flag: None },
    Setting { key: "brokers.kis.live", variable: "EGGMONEY_KIS_LIVE", flag: None },
    Setting { key: "brokers.kis.mock", variable: "EGGMONEY_KIS_MOCK", flag: None },
    Setting { key: "brokers.kis.live_ws", variable: "EGGMONEY_KIS_LIVE_WS", flag: None },
    Setting { key: "brokers.kis.masters", variable: "EGGMONEY_KIS_MASTERS", flag: None },
    Setting { key: "brokers.kis.mock_ws", variable: "EGGMONEY_KIS_MOCK_WS", flag: None },
];

/// The config file. Unknown keys are mistakes, not wishes.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileConfig {
    data_dir: Option<String>,
    listen: Option<String>,
    trusted_scheme: Option<String>,
    trusted_proxies: Option<String>,
    tls_certificate: Option<String>,
    tls_key: Option<String>,
    telegram_url: Option<String>,
    backup_dir: Option<String>,
    calls_per_second: Option<u32>,
    #[serde(default)]
    brokers: FileBrokers,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileBrokers {
    #[serde(default)]
    kis: FileHosts,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileHosts {
    live: Option<String>,
    mock: Option<String>,
    live_ws: Option<String>,
    mock_ws: Option<String>,
    masters: Option<String>,
}

/// What the command line gives.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    pub data_dir: Option<PathBuf>,
    pub listen: Option<String>,
    pub config: Option<PathBuf>,
}

type Values = BTreeMap<&'static str, (String, Source)>;

/// Puts the configuration together. `variable` reads the environment (handed in, so that tests need
/// no process-wide state).
///
/// # Errors
/// See [`ConfigError`].
pub fn load(flags: &Flags, variable: impl Fn(&str) -> Option<String>) -> Result<Config, ConfigError> {
    let mut values = Values::new();
    let config_file = flags.config.clone().or_else(|| variable("EGGMONEY_CONFIG").map(PathBuf::from));
    if let Some(path) = &config_file {
        read_file(path, &mut values)?;
    }
    for setting in SETTINGS {
        if let Some(value) = variable(setting.variable).filter(|v| !v.is_empty()) {
            values.insert(setting.key, (value, Source::Variable(setting.variable)));
        }
        let given = match setting.key {
            "data_dir" => flags.data_dir.as_ref().map(|p| p.display().to_string()),
            "listen" => flags.listen.clone(),
            _ => None,
        };
        if let (Some(value), Some(flag)) = (given, setting.flag) {
            values.insert(setting.key, (value, Source::Flag(flag)));
        }
    }
    let config = build(values)?;
    Ok(Config { master_passphrase: passphrase(variable)?, config_file, ..config })
}

/// The master passphrase from the environment, or from the first line of the file that is named there.
///
/// # Errors
/// `Passphrase` when the file cannot be read, is empty, or others may read it.
pub fn passphrase(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Passphrase>, ConfigError> {
    let given = |name: &str| variable(name).filter(|v| !v.is_empty());
    if let Some(text) = given("EGGMONEY_MASTER_PASSPHRASE") {
        return Ok(Some(Passphrase::new(text.into())));
    }
    let Some(path) = given("EGGMONEY_MASTER_PASSPHRASE_FILE") else { return Ok(None) };
    let failed = |detail: String| ConfigError::Passphrase(detail);
    let mode = fs_err::metadata(&path).map_err(|e| failed(e.to_string()))?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(failed(format!("{path} may be read by others (mode {mode:o}): run chmod 600 on it")));
    }
    let text = fs_err::read_to_string(&path).map_err(|e| failed(e.to_string()))?;
    match text.lines().next().filter(|line| !line.is_empty()) {
        Some(line) => Ok(Some(Passphrase::new(line.to_owned().into()))),
        None => Err(failed(format!("the first line of {path} is empty"))),
    }
}

fn read_file(path: &Path, values: &mut Values) -> Result<(), ConfigError> {
    let text = fs_err::read_to_string(path).map_err(|e| ConfigError::File { path: path.to_path_buf(), detail: e.to_string() })?;
    let file: FileConfig =
        toml::from_str(&text).map_err(|e| ConfigError::Syntax { path: path.to_path_buf(), detail: e.to_string().trim_end().to_owned() })?;
    let kis = file.brokers.kis;
    for (key, value) in [
        ("data_dir", file.data_dir),
        ("listen", file.listen),
        ("trusted_scheme", file.trusted_scheme),
        ("trusted_proxies", file.trusted_proxies),
        ("tls_certificate", file.tls_certificate),
        ("tls_key", file.tls_key),
        ("telegram_url", file.telegram_url),
        ("backup_dir", file.backup_dir),
        ("calls_per_second", file.calls_per_second.map(|n| n.to_string())),
        ("brokers.kis.live", kis.live),
        ("brokers.kis.mock", kis.mock),
        ("brokers.kis.live_ws", kis.live_ws),
        ("brokers.kis.mock_ws", kis.mock_ws),
        ("brokers.kis.masters", kis.masters),
    ] {
        if let Some(value) = value {
            values.insert(key, (value, Source::File(path.to_path_buf())));
        }
    }
    Ok(())
}

fn build(mut values: Values) -> Result<Config, ConfigError> {
    let (data_dir, _) = values.remove("data_dir").ok_or(ConfigError::NoDataDir)?;
    let mut config = Config::new(data_dir);
    if let Some((value, from)) = values.remove("listen") {
        config.listen = Listen::At(value.parse().map_err(|_| ConfigError::Value {
            key: "listen",
            value,
            from,
            problem: "is no address",
            remedy: "write ADDRESS:PORT, for example 0.0.0.0:8740 or [::1]:8740",
        })?);
    }
    if let Some((value, from)) = values.remove("trusted_scheme") {
        config.trusted_scheme = match value.as_str() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => {
                return Err(ConfigError::Value {
                    key: "trusted_scheme",
                    value,
                    from,
                    problem: "is no scheme",
                    remedy: "write \"https\" when a proxy in front speaks TLS, \"http\" otherwise",
                });
            }
        };
    }
    if let Some((value, from)) = values.remove("trusted_proxies") {
        let texts: Vec<&str> = value.split(',').filter(|t| !t.trim().is_empty()).collect();
        config.trusted_proxies = Networks::parse(&texts).map_err(|_| ConfigError::Value {
            key: "trusted_proxies",
            value: value.clone(),
            from,
            problem: "is no list of networks",
            remedy: "write addresses or networks with commas between them, for example 127.0.0.1, 172.16.0.0/12",
        })?;
    }
    config.tls = match (values.remove("tls_certificate"), values.remove("tls_key")) {
        (Some((certificate, _)), Some((key, _))) => Some(TlsFiles { certificate: certificate.into(), key: key.into() }),
        (None, None) => None,
        (Some((value, from)), None) => return Err(half_of_tls("tls_certificate", value, from, "set tls_key, too")),
        (None, Some((value, from))) => return Err(half_of_tls("tls_key", value, from, "set tls_certificate, too")),
    };
    if let Some((value, from)) = values.remove("backup_dir") {
        if !Path::new(&value).is_absolute() {
            let remedy = "write the whole path, for example /var/packages/EggMoney/shares/EggMoney/backup";
            return Err(ConfigError::Value { key: "backup_dir", value, from, problem: "is no whole path of a folder", remedy });
        }
        config.backup_dir = Some(value.into());
    }
    if let Some((value, from)) = values.remove("calls_per_second") {
        config.calls_per_second = value.parse().ok().filter(|n| *n > 0).ok_or(ConfigError::Value {
            key: "calls_per_second",
            value,
            from,
            problem: "is no number of calls",
            remedy: "write a whole number from 1 on, for example 100",
        })?;
    }
    let kis = &mut config.brokers.kis;
    for (key, target, web_socket) in [
        ("telegram_url", &mut config.telegram_url, false),
        ("brokers.kis.live", &mut kis.live, false),
        ("brokers.kis.mock", &mut kis.mock, false),
        ("brokers.kis.live_ws", &mut kis.live_ws, true),
        ("brokers.kis.mock_ws", &mut kis.mock_ws, true),
        ("brokers.kis.masters", &mut kis.masters, false),
    ] {
        if let Some((value, from)) = values.remove(key) {
            *target = check_url(key, value, from, web_socket)?;
        }
    }
    Ok(config)
}

fn half_of_tls(key: &'static str, value: String, from: Source, remedy: &'static str) -> ConfigError {
    ConfigError::Value { key, value, from, problem: "stands alone, and TLS needs certificate and key", remedy }
}

fn check_url(key: &'static str, value: String, from: Source, web_socket: bool) -> Result<String, ConfigError> {
    let (schemes, remedy): (&[&str], _) = if web_socket {
        // The broker's websocket has no TLS: execution notices are encrypted inside it.
        (&["ws://"], "write ws://HOST:PORT")
    } else {
        (&["http://", "https://"], "write http://HOST:PORT or https://HOST:PORT")
    };
    let host = schemes.iter().find_map(|s| value.strip_prefix(s)).unwrap_or_default();
    if host.is_empty() || host.starts_with(['/', ':']) || value.chars().any(char::is_whitespace) {
        return Err(ConfigError::Value { key, value, from, problem: "is no address of a server", remedy });
    }
    Ok(value.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load_with(file: Option<&str>, variables: &[(&str, &str)], flags: Flags) -> Result<Config, ConfigError> {
        let dir = tempfile::tempdir().unwrap();
        let mut flags = flags;
        if let Some(text) = file {
            let path = dir.path().join("config.toml");
            fs_err::write(&path, text).unwrap();
            flags.config = Some(path);
        }
        load(&flags, |name| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
    }

    #[test]
    fn flags_beat_variables_beat_the_file_beats_defaults() {
        let file =
            "data_dir = \"/from/file\"\nlisten = \"127.0.0.1:1\"\n[brokers.kis]\nlive = \"http://file:1/\"\nmock = \"http://file:2\"\n";
        let variables =
            [("EGGMONEY_LISTEN", "127.0.0.1:2"), ("EGGMONEY_KIS_LIVE", "http://variable:1"), ("EGGMONEY_DATA_DIR", "/from/variable")];
        let flags = Flags { data_dir: Some("/from/flag".into()), ..Flags::default() };
        let config = load_with(Some(file), &variables, flags).unwrap();
        assert_eq!(config.data_dir, PathBuf::from("/from/flag"));
        assert_eq!(config.listen, Listen::At("127.0.0.1:2".parse().unwrap()));
        assert_eq!(config.brokers.kis.live, "http://variable:1");
        assert_eq!(config.brokers.kis.mock, "http://file:2");
        let sockets = |kis: &BrokerHosts| [BrokerHost::Live, BrokerHost::Mock].map(|host| kis.socket(host).map(str::to_owned));
        assert_eq!(config.brokers.kis.masters_url(), "http://variable:1/common/master", "who stands in for the host has its files");
        assert_eq!(sockets(&config.brokers.kis), [None, None], "no key goes to the real socket");
        let named = [("EGGMONEY_KIS_LIVE_WS", "ws://socket:1/"), ("EGGMONEY_KIS_MASTERS", "http://lists:1/m")];
        let named = load_with(Some(file), &named, Flags::default()).unwrap().brokers.kis;
        assert_eq!((sockets(&named), named.masters_url()), ([Some("ws://socket:1".to_owned()), None], "http://lists:1/m".to_owned()));
        let real = Config::new("/x").brokers.kis;
        assert!(sockets(&real).iter().all(Option::is_some) && real.masters_url() == KIS_MASTERS);
        assert_eq!(load_with(None, &[("EGGMONEY_DATA_DIR", "/x")], Flags::default()).unwrap(), Config::new("/x"));
    }

    #[test]
    fn the_passphrase_comes_from_the_environment_or_a_private_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("phrase").display().to_string();
        let from = |variables: &[(&str, &str)]| {
            passphrase(|name| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned())).map_err(|e| e.to_string())
        };
        let right = Some(Passphrase::new("some words of mine".into()));
        assert_eq!(from(&[]), Ok(None));
        assert_eq!(from(&[("EGGMONEY_MASTER_PASSPHRASE", "some words of mine")]), Ok(right.clone()));
        let file = [("EGGMONEY_MASTER_PASSPHRASE_FILE", path.as_str())];
        assert!(from(&file).is_err());
        for (content, mode, wanted) in
            [("some words of mine\nmore", 0o644, Err("chmod 600")), ("\n", 0o600, Err("empty")), ("some words of mine\n", 0o600, Ok(right))]
        {
            fs_err::write(&path, content).unwrap();
            fs_err::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            match (from(&file), wanted) {
                (Ok(found), Ok(wanted)) => assert_eq!(found, wanted),
                (Err(found), Err(part)) => assert!(found.contains(part), "{found}"),
                (found, wanted) => panic!("{found:?} instead of {wanted:?}"),
            }
        }
    }

    #[test]
    fn complaints_name_key_source_and_remedy() {
        let data = ("EGGMONEY_DATA_DIR", "/x");
        let variable = |name, value| load_with(None, &[data, (name, value)], Flags::default()).unwrap_err().to_string();
        for (name, value, parts) in [
            ("EGGMONEY_LISTEN", "8740", ["listen = \"8740\"", "EGGMONEY_LISTEN", "ADDRESS:PORT"]),
            ("EGGMONEY_TRUSTED_SCHEME", "tls", ["trusted_scheme", "EGGMONEY_TRUSTED_SCHEME", "\"https\""]),
            ("EGGMONEY_TRUSTED_PROXIES", "127.0.0.1, proxy", ["trusted_proxies", "EGGMONEY_TRUSTED_PROXIES", "172.16.0.0/12"]),
            ("EGGMONEY_TLS_KEY", "/k.pem", ["tls_key = \"/k.pem\"", "EGGMONEY_TLS_KEY", "set tls_certificate, too"]),
            ("EGGMONEY_KIS_MOCK", "localhost:1", ["brokers.kis.mock", "EGGMONEY_KIS_MOCK", "http://HOST"]),
            ("EGGMONEY_KIS_LIVE_WS", "http://localhost:1", ["brokers.kis.live_ws", "EGGMONEY_KIS_LIVE_WS", "ws://HOST"]),
            ("EGGMONEY_BACKUP_DIR", "backups", ["backup_dir", "EGGMONEY_BACKUP_DIR", "whole path"]),
            ("EGGMONEY_CALLS_PER_SECOND", "0", ["calls_per_second", "EGGMONEY_CALLS_PER_SECOND", "from 1 on"]),
            ("EGGMONEY_TELEGRAM_URL", "https:///bot", ["telegram_url", "EGGMONEY_TELEGRAM_URL", "https://HOST"]),
        ] {
            let text = variable(name, value);
            for part in parts {
                assert!(text.contains(part), "{text} lacks {part}");
            }
        }
        let flags = Flags { listen: Some("nonsense".to_owned()), ..Flags::default() };
        assert!(load_with(None, &[data], flags).unwrap_err().to_string().contains("the flag --listen"));
        let unknown = load_with(Some("data_dri = \"/x\"\n"), &[], Flags::default()).unwrap_err().to_string();
        assert!(unknown.contains("config.toml") && unknown.contains("data_dri") && unknown.contains("data_dir"), "{unknown}");
        let broken = load_with(Some("data_dir = \n"), &[], Flags::default()).unwrap_err().to_string();
        assert!(broken.contains("config.toml"), "{broken}");
        assert!(load_with(None, &[], Flags::default()).unwrap_err().to_string().contains("--data-dir"));
        let flags = Flags { config: Some("/nowhere/config.toml".into()), ..Flags::default() };
        assert!(load_with(None, &[data], flags).unwrap_err().to_string().contains("/nowhere/config.toml"));
    }
}
