//! `eggmoney demo`: the whole product against the simulators. Three sample users come out of three
//! databases of the old program; a trading night passes every minute or two.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::json;

use super::{logging, serve};
use crate::app::clock::{DemoClock, SystemClock};
use crate::app::config::{self, Flags};
use crate::app::{App, Config, state};
use crate::auth::NewUser;
use crate::domain::account::Unsettled;
use crate::domain::calendar::Calendar;
use crate::domain::clock::Clock;
use crate::domain::id::{AccountId, UserId};
use crate::domain::ledger::Position;
use crate::domain::order::BrokerHost;
use crate::domain::user::Role;
use crate::importers::eggmoney::{Action, Answer, ImportRequest, OldFiles, QuestionKind, read, run, settle};
use crate::simulators::{KisSimulator, Scenario, SimAccount, SimConfig, SimPosition};
use crate::storage::tables::{MESSAGES, POSITIONS};
use crate::storage::{DATABASE_FILE, Key, Store, StoreError, account_key};

/// Market time when the demo begins: an hour and a half before the open of a Friday session.
const START: &str = "2026-05-15T12:00:00Z";
/// Market seconds per second in a night.
const SPEED: f64 = 300.0;
/// Everybody's password. The server listens for everybody on the network, but holds nothing real.
const PASSWORD: &str = "eggmoney-demo-2026";

#[derive(Args)]
pub(super) struct DemoArgs {
    /// Folder for the demo's data; without it a temporary one that is removed at the end
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Where to listen; port 0 takes any free port [default: [::]:8740]
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<String>,
    /// Market seconds per second while a session is near
    #[arg(long, value_name = "N", default_value_t = SPEED)]
    speed: f64,
}

/// One sample user: the files of an old server, and cash at the simulated broker.
struct Sample {
    username: &'static str,
    db: &'static [u8],
    key_store: &'static str,
    cano: &'static str,
    cash_usd: i64,
}

const SAMPLES: [Sample; 3] = [
    Sample {
        username: "chan",
        db: include_bytes!("../../data-fixtures/eggmoney/egg_chan.db"),
        key_store: include_str!("../../data-fixtures/eggmoney/key_store.chan.json"),
        cano: "50010001",
        cash_usd: 30_000,
    },
    Sample {
        username: "choe",
        db: include_bytes!("../../data-fixtures/eggmoney/egg_choe.db"),
        key_store: include_str!("../../data-fixtures/eggmoney/key_store.choe.json"),
        cano: "50010002",
        cash_usd: 22_000,
    },
    Sample {
        username: "sk",
        db: include_bytes!("../../data-fixtures/eggmoney/egg_sk.db"),
        key_store: include_str!("../../data-fixtures/eggmoney/key_store.sk.json"),
        cano: "50010003",
        cash_usd: 12_000,
    },
];

/// Runs the demo until stopped.
///
/// # Errors
/// One line for the person who started it.
pub(super) async fn demo(args: DemoArgs) -> Result<(), String> {
    if !(args.speed >= 1.0 && args.speed <= 2_000.0) {
        return Err(format!("--speed is {}: use 1 to 2000 market seconds per second", args.speed));
    }
    let temporary = match &args.data_dir {
        Some(_) => None,
        None => {
            Some(tempfile::Builder::new().prefix("eggmoney-demo-").tempdir().map_err(|e| format!("cannot make a temporary folder: {e}"))?)
        }
    };
    let data_dir = args.data_dir.clone().or_else(|| temporary.as_ref().map(|t| t.path().to_path_buf())).unwrap_or_default();
    let calendar = Calendar::nyse().map_err(|e| e.to_string())?;
    let start: Timestamp = START.parse().map_err(|e: jiff::Error| e.to_string())?;
    let start = resumed(&data_dir)?.unwrap_or(start).max(start);
    let market: Arc<dyn Clock> = Arc::new(DemoClock::new(calendar.clone(), start, args.speed));

    let simulator = KisSimulator::start(SimConfig { scenario: scenario(), ..SimConfig::default() }, market.clone(), Arc::new(calendar))
        .await
        .map_err(|e| format!("cannot start the simulated broker: {e}"))?;
    let config = configuration(&args, data_dir, &simulator)?;
    state::prepare_folder(&config.data_dir).map_err(|e| e.to_string())?;
    let _logs = logging::start(&config.data_dir)?;
    let app = App::open(config, Arc::new(SystemClock), market).await.map_err(|e| e.to_string())?;
    let logins = populate(&app, &simulator).await?;
    serve::run(app, Some(json!({ "logins": logins }).to_string())).await
}

/// Market time of the newest message of an earlier run over the same folder.
fn resumed(data_dir: &Path) -> Result<Option<Timestamp>, String> {
    if !data_dir.join(DATABASE_FILE).exists() {
        return Ok(None);
    }
    let store = Store::open(data_dir).map_err(|e| e.to_string())?;
    let newest = store.read(|v| {
        let mut newest = None;
        for user in v.user_ids()? {
            newest = newest.max(v.user(user).list_latest(&MESSAGES, &Key::new(), None, 1)?.first().map(|m| m.at));
        }
        Ok::<_, StoreError>(newest)
    });
    newest.map_err(|e| e.to_string())
}

fn scenario() -> Scenario {
    Scenario { fee_rate: 0.0009, ..Scenario::default() }
}

fn configuration(args: &DemoArgs, data_dir: PathBuf, simulator: &KisSimulator) -> Result<Config, String> {
    let flags = Flags { data_dir: Some(data_dir), listen: args.listen.clone(), config: None };
    // The demo never reads the environment: nothing real can slip into it.
    let mut config = config::load(&flags, |_| None).map_err(|e| e.to_string())?;
    config.brokers.kis.live = simulator.live_url();
    config.brokers.kis.mock = simulator.mock_url();
    config.simulation_speed = Some(args.speed);
    Ok(config)
}

/// Makes the sample users with their accounts, unless the data folder has them from an earlier run.
async fn populate(app: &Arc<App>, simulator: &KisSimulator) -> Result<Vec<serde_json::Value>, String> {
    let mut logins = vec![login("admin", Role::Admin)];
    let fresh = app.auth.users().map_err(|e| e.to_string())?.is_empty();
    if fresh {
        user(app, "admin", Role::Admin).await?;
    }
    for sample in &SAMPLES {
        logins.push(login(sample.username, Role::User));
        if fresh {
            let user = user(app, sample.username, Role::User).await?;
            let account = bring_along(app, user, sample).await?;
            answer_questions(app, user, account).await?;
            app.trading.start_account(user, account, true).await.map_err(|e| e.to_string())?;
        }
        let user = app.auth.users().map_err(|e| e.to_string())?.into_iter().find(|u| u.username == sample.username);
        if let Some(user) = user {
            open_at_broker(app, simulator, user.id, sample)?;
        }
    }
    Ok(logins)
}

fn login(username: &str, role: Role) -> serde_json::Value {
    json!({ "username": username, "password": PASSWORD, "role": role })
}

async fn user(app: &App, username: &str, role: Role) -> Result<UserId, String> {
    let new = NewUser { username: username.to_owned(), password: PASSWORD.to_owned().into(), email: None, role };
    Ok(app.auth.create_user(new, None).await.map_err(|e| e.to_string())?.id)
}

/// Imports a sample's old files into an account on the mock host.
async fn bring_along(app: &Arc<App>, user: UserId, sample: &Sample) -> Result<AccountId, String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let write = |name: &str, content: &[u8]| -> Result<PathBuf, String> {
        let path: PathBuf = Path::new(folder.path()).join(name);
        fs_err::write(&path, content).map_err(|e| e.to_string())?;
        Ok(path)
    };
    let files = OldFiles {
        db: write(&format!("egg_{}.db", sample.username), sample.db)?,
        db_name: None,
        key_store: Some(write("key_store.json", sample.key_store.as_bytes())?),
        env: Some(write(".env", environment_file(sample).as_bytes())?),
    };
    let request = ImportRequest {
        user,
        by: None,
        account_name: Some(format!("{} KIS", sample.username)),
        bot_sync: None,
        session_relative: true,
        skip_refused: false,
        book_fills: true,
        at: app.market.now(),
    };
    let (store, vault) = (app.store.clone(), app.vault.clone());
    tokio::task::spawn_blocking(move || {
        let old = Arc::new(read(&files).map_err(|e| e.to_string())?);
        run(&store, &vault, &old, &request).map(|i| i.account_id).map_err(|e| e.to_string())
    })
    .await
    .map_err(|e| e.to_string())?
}

fn environment_file(sample: &Sample) -> String {
    format!(
        "IS_TEST=false\nADMIN={}\nHANTOO_CANO={}\nHANTOO_ACNT_PRDT_CD=01\nHANTOO_API_URL=https://openapivts.koreainvestment.com:29443\nHANTOO_APP_KEY={}\nHANTOO_APP_SECRET={}\n",
        sample.username,
        sample.cano,
        app_key(sample),
        app_secret(sample)
    )
}

fn app_key(sample: &Sample) -> String {
    format!("{:X<36}", format!("DEMO{}", sample.username.to_uppercase()))
}

fn app_secret(sample: &Sample) -> String {
    format!("{:x<180}", format!("demo-{}-", sample.username))
}

/// Answers what an owner would: several rows of one bot become one position.
async fn answer_questions(app: &App, user: UserId, account: AccountId) -> Result<(), String> {
    let now = app.market.now();
    let record = app.trading.account(user, account).map_err(|e| e.to_string())?;
    for question in record.unsettled {
        let answer = match question {
            Unsettled::DuplicateHoldings { name, .. } => Answer { kind: QuestionKind::DuplicateHoldings, name, action: Action::Merge },
            Unsettled::UnbookedFills { name, .. } => Answer { kind: QuestionKind::UnbookedFills, name, action: Action::Book },
        };
        app.store.user(user).write(move |tx| settle(tx, account, &answer, user, now)).await.map_err(|e| e.to_string())?;
    }
    Ok(())
}

/// Gives the simulated broker what the account's books say.
fn open_at_broker(app: &App, simulator: &KisSimulator, user: UserId, sample: &Sample) -> Result<(), String> {
    let positions: Vec<Position> = app
        .store
        .user(user)
        .read(|v| {
            let mut positions = Vec::new();
            for account in v.accounts()? {
                positions.extend(v.list(&POSITIONS, &account_key(account.id))?);
            }
            Ok::<_, StoreError>(positions)
        })
        .map_err(|e| e.to_string())?;
    let positions = positions
        .into_iter()
        .filter(|p| p.quantity > Decimal::ZERO)
        .map(|p| SimPosition { average_price: (p.cost / p.quantity).round_dp(4), quantity: p.quantity, symbol: p.symbol })
        .collect();
    simulator.add_account(SimAccount {
        environment: BrokerHost::Mock,
        app_key: app_key(sample),
        app_secret: app_secret(sample),
        cano: sample.cano.to_owned(),
        product: "01".to_owned(),
        cash_usd: sample.cash_usd.into(),
        positions,
    });
    Ok(())
}
