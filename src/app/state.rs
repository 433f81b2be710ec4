//! The one value that holds all parts of a running program.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

use super::config::Config;
use super::connector::KisConnector;
use super::feeds::Feeds;
use super::first_start;
use super::metrics::Metrics;
use super::privacy::{self, Tightened};
use super::release;
use super::returned;
use super::transfers::Transfers;
use super::watch::{OutpostWeb, Watch};
use super::web::ProviderWeb;
use crate::auth::oidc::Providers;
use crate::auth::{Auth, AuthError, MASTER_KEY_FILE, MasterKey, MasterKeyError, RotationError, Vault, VaultError, open_vault};
use crate::backup::{self, BackupError};
use crate::brokers::BrokerError;
use crate::brokers::calls::Calls;
use crate::domain::calendar::{Calendar, CalendarError};
use crate::domain::clock::Clock;
use crate::market::MasterFiles;
use crate::notify::telegram::Telegram;
use crate::schedule::Pulse;
use crate::storage::{DATABASE_FILE, Store, StoreError};
use crate::trading::{Calendars, Surroundings, Trading, TradingError, Trial};

/// Everything that routes and commands work with.
#[derive(Debug)]
pub struct App {
    pub config: Config,
    pub store: Store,
    pub vault: Vault,
    pub auth: Auth,
    /// Signing in through others.
    pub providers: Providers,
    /// Sessions, throttling: never accelerated.
    pub wall: Arc<dyn Clock>,
    /// Calendar, slots, orders, brokers: may be accelerated.
    pub market: Arc<dyn Clock>,
    pub trading: Arc<Trading>,
    pub feeds: Feeds,
    pub connector: Arc<KisConnector>,
    pub masters: MasterFiles,
    pub telegram: Telegram,
    /// What becomes of calls to brokers and the messenger.
    pub calls: Calls,
    /// What is counted for monitoring programs.
    pub metrics: Metrics,
    /// Exports and imports that go on.
    pub transfers: Transfers,
    /// Looks after the installation itself.
    pub watch: Watch,
    /// The way to addresses that administrators entered.
    pub(super) web: OutpostWeb,
    /// The scheduler's beat.
    pub pulse: Pulse,
    /// When this process opened its data, in wall time.
    pub opened_at: Timestamp,
}

/// Why the data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("cannot use the data folder {path}: {detail}. Check that it exists and that this user may write to it")]
    DataDir { path: String, detail: String },
    #[error(transparent)]
    MasterKey(#[from] MasterKeyError),
    #[error("the file {MASTER_KEY_FILE} does not belong to this database: put back the one that was backed up together with it")]
    ForeignMasterKey,
    #[error("the master passphrase is wrong, or {MASTER_KEY_FILE} does not belong to this database")]
    WrongPassphrase,
    #[error("cannot use the choices of the installation in {path}: {detail}. Correct the file or remove it")]
    FirstStart { path: String, detail: String },
    #[error(transparent)]
    Rotation(RotationError),
    #[error(transparent)]
    Auth(AuthError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Calendar(#[from] CalendarError),
    #[error(transparent)]
    Trading(#[from] TradingError),
    #[error(transparent)]
    Backup(#[from] BackupError),
}

impl From<AuthError> for OpenError {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Vault(VaultError::Unreadable) => OpenError::ForeignMasterKey,
            AuthError::Store(error) => OpenError::Store(error),
            other => OpenError::Auth(other),
        }
    }
}

impl App {
    /// Opens a data folder, making it if there is none: key, then store, then what stands on them.
    ///
    /// # Errors
    /// See [`OpenError`]; nothing is made over data that cannot be read.
    pub async fn open(config: Config, wall: Arc<dyn Clock>, market: Arc<dyn Clock>) -> Result<Arc<Self>, OpenError> {
        let dir = config.data_dir.as_path();
        prepare_folder(dir)?;
        // A restore that was cut off after it counted.
        if backup::finish(dir)? {
            tracing::warn!("a restore that was cut off was brought to its end");
        }
        let watch = Watch::begin(dir);
        let passphrase = config.master_passphrase.as_ref();
        let master = MasterKey::load_or_create(dir, dir.join(DATABASE_FILE).exists(), passphrase)?;
        let at = wall.now();
        let store = Store::open_for(dir, &release::release(), &|saved| release::open_way_back(dir, saved, at))?;
        backup::sweep_copies(dir)?;
        let vault = open_vault(&store, dir, &master, passphrase).map_err(|error| match error {
            RotationError::Vault(VaultError::Unreadable) if MasterKey::needs_passphrase(dir) => OpenError::WrongPassphrase,
            RotationError::Vault(VaultError::Unreadable) => OpenError::ForeignMasterKey,
            RotationError::Vault(VaultError::Store(error)) => error.into(),
            RotationError::MasterKey(error) => error.into(),
            other => OpenError::Rotation(other),
        })?;
        let auth = Auth::open(store.clone(), &vault, dir, wall.clone()).await?.with_rate(config.calls_per_second);
        first_start::apply(&auth, dir).await?;
        let web = ProviderWeb::new(&config.egress, config.provider_patience).map_err(|e| TradingError::from(BrokerError::from(e)))?;
        let web = Arc::new(web);
        let providers = Providers::new(auth.clone(), web.clone());
        let (opened_at, pulse) = (wall.now(), Pulse::new(wall.clone()));
        let calendars = Calendars { us: Arc::new(calendar(dir)?), krx: Arc::new(Calendar::krx()?) };
        let hosts = config.brokers.kis.clone();
        let calls = Calls::new(wall.clone());
        let egress = config.egress.clone();
        let connector = Arc::new(KisConnector::new(store.clone(), vault.clone(), hosts, egress, market.clone(), calls.clone())?);
        let http = connector.http();
        let telegram = Telegram::new(http.clone(), &config.telegram_url, wall.clone());
        let surroundings = Arc::new(Machine { data_dir: config.data_dir.clone() });
        let way_back = release::way_back(dir).map_err(|e| OpenError::DataDir { path: dir.display().to_string(), detail: e.to_string() })?;
        let trial = Trial::new(config.on_trial, way_back);
        let trading = Trading::new(store.clone(), market.clone(), calendars, connector.clone(), surroundings).with_trial(trial);
        let trading = Arc::new(trading);
        let clocks = (market.clone(), wall.clone());
        let address = config.brokers.kis.masters_url();
        let masters = MasterFiles::new(dir.join(MASTERS_FOLDER), address, http.clone(), clocks.clone(), trading.listed().clone());
        masters.load();
        let feeds = Feeds::new(store.clone(), vault.clone(), config.brokers.kis.clone(), http, clocks, trading.clone());
        returned::settle(&config, &store, &trading, wall.now()).await?;
        Ok(Arc::new(Self {
            config,
            store,
            vault,
            auth,
            providers,
            wall,
            market,
            trading,
            feeds,
            connector,
            masters,
            telegram,
            calls,
            metrics: Metrics::default(),
            transfers: Transfers::default(),
            watch,
            web,
            pulse,
            opened_at,
        }))
    }
}

/// Folder in the data folder with the brokers' lists of instruments.
const MASTERS_FOLDER: &str = "masters";

/// File in the data folder with sessions that the program does not know yet: closures by decree,
/// years to come. Same format as `data-fixtures/calendars/nyse.toml`.
pub(super) const CALENDAR_FILE: &str = "calendar-nyse.toml";

fn calendar(dir: &Path) -> Result<Calendar, OpenError> {
    let built_in = Calendar::nyse()?;
    match fs_err::read_to_string(dir.join(CALENDAR_FILE)) {
        Ok(text) => Ok(built_in.with_override(&text)?),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(built_in),
        Err(error) => Err(OpenError::DataDir { path: dir.display().to_string(), detail: error.to_string() }),
    }
}

/// Makes the data folder if need be, proves that it can be written to, and takes from other users of
/// the machine what they could read in it.
///
/// # Errors
/// `DataDir` naming the folder and the reason.
pub fn prepare_folder(dir: &Path) -> Result<Tightened, OpenError> {
    use std::os::unix::fs::{DirBuilderExt, MetadataExt};
    let failed = |e: std::io::Error| OpenError::DataDir { path: dir.display().to_string(), detail: e.to_string() };
    if !dir.exists() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed)?;
    }
    let written = tempfile::Builder::new().prefix(".write-test").tempfile_in(dir).map_err(failed)?;
    let owner = written.as_file().metadata().map_err(failed)?.uid();
    drop(written);
    Ok(privacy::tighten(dir, owner))
}

/// The machine that the program runs on.
#[derive(Debug)]
struct Machine {
    data_dir: std::path::PathBuf,
}

impl Surroundings for Machine {
    fn disk_free(&self) -> Option<u64> {
        super::system::disk_free(&self.data_dir)
    }
}
