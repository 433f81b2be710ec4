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
use crate::http::server::{self, Port};
use crate::importers::eggmoney::{Action, Answer, ImportRequest, OldFiles, QuestionKind, read, run, settle};
use crate::simulators::{KisSimulator, Scenario, SimAccount, SimConfig, SimPosition};
use crate::storage::tables::{JOURNAL, MESSAGES, POSITIONS};
use crate::storage::{DATABASE_FILE, Key, Store, StoreError, account_key};

/// Market time when the demo begins: an hour and a half before the open of a Friday session.
const START: &str = "2026-05-15T12:00:00Z";
/// Market seconds per second in a night.
const SPEED: f64 = 300.0;
/// The simulated broker's accounts, in the data folder.
const BROKER_FILE: &str = "simulated-broker.json";
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
    let port = open_port(&args)?;
    let temporary = match &args.data_dir {
        Some(_) => None,
        None => {
            Some(tempfile::Builder::new().prefix("eggmoney-demo-").tempdir().map_err(|e| format!("cannot make a temporary folder: {e}"))?)
        }
    };
    let data_dir = args.data_dir.clone().or_else(|| temporary.as_ref().map(|t| t.path().to_path_buf())).unwrap_or_default();
    let tightened = state::prepare_folder(&data_dir).map_err(|e| e.to_string())?;
    let _logs = logging::start(&data_dir, Arc::new(SystemClock))?;
    tightened.log();
    let calendar = Calendar::nyse().map_err(|e| e.to_string())?;
    let start: Timestamp = START.parse().map_err(|e: jiff::Error| e.to_string())?;
    let start = resumed(&data_dir)?.unwrap_or(start).max(start);
    let market: Arc<dyn Clock> = Arc::new(DemoClock::new(calendar, start, args.speed));
    let Demo { app, simulator, logins } = open(&args, data_dir, market).await?;
    let ended = serve::run(app, port, Some(json!({ "logins": logins }).to_string())).await;
    // The last write was with the last order; this one brings the time of the stop along.
    simulator.save().map_err(|e| format!("cannot keep the simulated broker's accounts: {e}"))?;
    ended
}

/// Takes the port before anything is made. The demo never reads the environment.
fn open_port(args: &DemoArgs) -> Result<Port, String> {
    let flags = Flags { data_dir: Some(PathBuf::new()), listen: args.listen.clone(), config: None };
    let config = config::load(&flags, |_| None).map_err(|e| e.to_string())?;
    server::open_port(config.listen).map_err(|e| e.to_string())
}

/// An open demo.
struct Demo {
    app: Arc<App>,
    simulator: KisSimulator,
    logins: Vec<serde_json::Value>,
}

/// Opens the demo of a data folder, making its sample users if it is new. An earlier run's simulated
/// broker goes on with the cash, positions and orders that it had.
async fn open(args: &DemoArgs, data_dir: PathBuf, market: Arc<dyn Clock>) -> Result<Demo, String> {
    let calendar = Calendar::nyse().map_err(|e| e.to_string())?;
    let sim = SimConfig {
        scenario: scenario(),
        state_file: Some(data_dir.join(BROKER_FILE)),
        wall: Some(Arc::new(SystemClock)),
        ..SimConfig::default()
    };
    let simulator = KisSimulator::start(sim, market.clone(), Arc::new(calendar))
        .await
        .map_err(|e| format!("cannot start the simulated broker: {e}"))?;
    let config = configuration(args, data_dir, &simulator)?;
    let app = App::open(config, Arc::new(SystemClock), market).await.map_err(|e| e.to_string())?;
    let logins = populate(&app, &simulator).await?;
    Ok(Demo { app, simulator, logins })
}

/// Market time at which an earlier run over the same folder ended: nothing that it has stored lies
/// after it.
fn resumed(data_dir: &Path) -> Result<Option<Timestamp>, String> {
    if !data_dir.join(DATABASE_FILE).exists() {
        return Ok(None);
    }
    let store = Store::open(data_dir).map_err(|e| e.to_string())?;
    let newest = store.read(|v| {
        let mut newest = None;
        for user in v.user_ids()? {
            let rows = v.user(user);
            newest = newest.max(rows.list_latest(&MESSAGES, &Key::new(), None, 1)?.first().map(|m| m.at));
            for account in rows.accounts()? {
                newest = newest.max(rows.list_latest(&JOURNAL, &account_key(account.id), None, 1)?.first().map(|f| f.at));
            }
        }
        Ok::<_, StoreError>(newest)
    });
    let kept = KisSimulator::saved_at(&data_dir.join(BROKER_FILE)).map_err(|e| e.to_string())?;
    Ok(newest.map_err(|e| e.to_string())?.max(kept))
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
    config.brokers.kis.masters = format!("{}/common/master", simulator.live_url());
    config.brokers.kis.live_ws = simulator.live_ws_url();
    config.brokers.kis.mock_ws = simulator.mock_ws_url();
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
            let hts_id = Some(format!("demo{}", sample.username).into());
            app.set_hts_id(user, account, hts_id).await.map_err(|e| e.to_string())?;
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
    let user = app.auth.create_user(new, None).await.map_err(|e| e.to_string())?;
    for (disclosure, _) in app.auth.disclosures(user.id, role).map_err(|e| e.to_string())? {
        app.auth.accept(user.id, role, disclosure, disclosure.present().0).await.map_err(|e| e.to_string())?;
    }
    Ok(user.id)
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

/// Gives the simulated broker what the account's books say, unless it has the account from an earlier
/// run.
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
    simulator.add_account_unless_kept(SimAccount {
        environment: BrokerHost::Mock,
        app_key: app_key(sample),
        app_secret: app_secret(sample),
        cano: sample.cano.to_owned(),
        product: "01".to_owned(),
        cash_usd: sample.cash_usd.into(),
        cash_krw: Decimal::ZERO,
        positions,
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::SteppedClock;
    use crate::domain::id::OrderId;
    use crate::simulators::FillPlan;
    use crate::storage::Record;
    use crate::storage::tables::{ORDERS, UserTable};

    /// Between the third and the fourth slice of the first night.
    const MIDDLE: &str = "2026-05-15T17:20:40Z";
    const MORNING: &str = "2026-05-15T20:45:00Z";

    fn args() -> DemoArgs {
        DemoArgs { data_dir: None, listen: Some("127.0.0.1:0".to_owned()), speed: SPEED }
    }

    async fn run_until(demo: &Demo, clock: &SteppedClock, end: &str) {
        let end: Timestamp = end.parse().unwrap();
        while clock.now() < end {
            clock.advance_to((clock.now() + jiff::SignedDuration::from_secs(20)).min(end));
            demo.app.trading.tick().await;
        }
    }

    /// A sample's rows.
    fn rows<R: Record>(demo: &Demo, sample: &Sample, table: &UserTable<R>) -> Vec<R> {
        let user = demo.app.auth.users().unwrap().into_iter().find(|u| u.username == sample.username).unwrap().id;
        let rows: Result<Vec<R>, StoreError> = demo.app.store.user(user).read(|v| v.list(table, &Key::new()));
        rows.unwrap()
    }

    fn open_orders(demo: &Demo) -> Vec<OrderId> {
        let all = SAMPLES.iter().flat_map(|sample| rows(demo, sample, &ORDERS));
        all.filter(|o| !o.state.is_final()).map(|o| o.intent.order_id).collect()
    }

    /// The books hold what the broker holds, and its cash is what the executions leave.
    fn compare(demo: &Demo) {
        for sample in &SAMPLES {
            let booked = rows(demo, sample, &POSITIONS);
            let mut booked: Vec<_> =
                booked.into_iter().filter(|p| p.quantity > Decimal::ZERO).map(|p| (p.symbol, p.quantity.normalize())).collect();
            booked.sort();
            let control = demo.simulator.control();
            let mut held: Vec<_> = control.positions(&app_key(sample)).into_iter().map(|p| (p.symbol, p.quantity.normalize())).collect();
            held.sort();
            assert_eq!(booked, held, "{}", sample.username);
            let spent: Decimal = control.executions(&app_key(sample)).iter().fold(Decimal::ZERO, |cash, e| {
                let gross = e.price * Decimal::from(e.quantity);
                cash + e.fee + if e.side == crate::domain::order::Side::Buy { gross } else { -gross }
            });
            assert_eq!(control.cash(&app_key(sample)), Some(Decimal::from(sample.cash_usd) - spent), "{}", sample.username);
        }
    }

    #[tokio::test]
    async fn a_demo_that_is_killed_amid_a_night_goes_on_with_the_same_broker() {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(SteppedClock::new(START.parse().unwrap()));
        let demo = open(&args(), dir.path().to_path_buf(), clock.clone()).await.unwrap();
        for sample in &SAMPLES {
            demo.simulator.control().fill_all(&app_key(sample), FillPlan::Delayed { seconds: 100 });
        }
        run_until(&demo, &clock, MIDDLE).await;
        let before: Vec<usize> = SAMPLES.iter().map(|s| demo.simulator.control().order_count(&app_key(s))).collect();
        assert!(before.iter().filter(|orders| **orders > 0).count() > 1, "more than one has traded: {before:?}");
        assert!(!open_orders(&demo).is_empty(), "some order is under way when the process dies");
        let killed_at = clock.now();
        // No stop, no last write: the process is gone.
        drop(demo);

        let start = resumed(dir.path()).unwrap().unwrap();
        assert!(start <= killed_at && start > MIDDLE.parse::<Timestamp>().unwrap() - jiff::SignedDuration::from_mins(90), "{start}");
        let clock = Arc::new(SteppedClock::new(start));
        let demo = open(&args(), dir.path().to_path_buf(), clock.clone()).await.unwrap();
        let kept: Vec<usize> = SAMPLES.iter().map(|s| demo.simulator.control().order_count(&app_key(s))).collect();
        assert_eq!(kept, before, "the broker knows every order");
        run_until(&demo, &clock, MORNING).await;
        compare(&demo);
        assert_eq!(open_orders(&demo), [], "every order has come to its end");
        let codes: Vec<String> = demo
            .app
            .auth
            .users()
            .unwrap()
            .into_iter()
            .flat_map(|u| demo.app.store.user(u.id).read(|v| v.list(&MESSAGES, &Key::new())).unwrap())
            .map(|m| m.code)
            .collect();
        assert!(codes.iter().any(|c| c == "SESSION_REPORT"), "{codes:?}");
        for noise in [
            "ORDER_UNKNOWN",
            "ORDER_NOT_PLACED",
            "ORDER_AMBIGUOUS",
            "ORDER_REFUSED",
            "BROKER_PROBLEM",
            "LATE_FILL",
            "SLOT_MISSED",
            "SLOT_FAILED",
        ] {
            assert!(!codes.iter().any(|c| c == noise), "{noise} after the restart: {codes:?}");
        }
        assert_eq!(demo.app.store.verify().unwrap().differences, []);
    }

    #[tokio::test]
    async fn a_damaged_broker_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        fs_err::write(dir.path().join(BROKER_FILE), "{").unwrap();
        let clock = Arc::new(SteppedClock::new(START.parse().unwrap()));
        let refused = open(&args(), dir.path().to_path_buf(), clock).await.err().unwrap();
        assert!(refused.contains(BROKER_FILE) && refused.contains("cannot be used"), "{refused}");
    }
}
