//! The command line. Every command ends with 0, or with one clear line on stderr and another code.

use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};
use serde_json::Value;

use super::backup::{self, BackupArgs, RestoreArgs, VerifyArgs};
use super::control::{self, Request, SwitchAction};
use super::export::{self, ExportCommand};
use super::import::{self, ImportCommand};
use super::keys::{self, KeysCommand};
use super::people::{self, UserCommand};
use super::supervise::{self, RollBackArgs, SuperviseArgs};
use super::{demo, doctor, serve, simulate, transfer};
use crate::app::Config;
use crate::app::config::{self, Flags};
use crate::domain::clock::kst_datetime;
use crate::domain::network::Networks;
use crate::http::openapi_document;

/// Work in the background gets so long to end after a stop.
const LAST_WORK: Duration = Duration::from_secs(5);
/// Threads of the runtime beside those that serve requests.
const THREADS: usize = 2;

/// Automatic trading for several people on one NAS.
#[derive(Parser)]
#[command(name = "eggmoney", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Print the result as JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server
    Serve(ServeArgs),
    /// Run the server, start it again when it ends by itself, and go back to the version before when a
    /// new one does not come up
    Supervise(SuperviseArgs),
    /// Go back to the version and the data before the last upgrade, while that is possible
    RollBack(RollBackArgs),
    /// Ask the running server whether it can be exchanged now; fails with the next good time
    UpgradeCheck(DataDir),
    /// Run everything against a simulated exchange, with sample users and accelerated time
    Demo(demo::DemoArgs),
    /// Run the brokers' simulated servers on loopback
    Simulate(simulate::SimulateArgs),
    /// Look after users
    #[command(subcommand)]
    User(UserCommand),
    /// Bring along what older programs left
    #[command(subcommand)]
    Import(ImportCommand),
    /// Write an account in the form of an older program
    #[command(subcommand)]
    Export(ExportCommand),
    /// Write everything into one encrypted file, or into the backup folder; works while the server runs
    Backup(BackupArgs),
    /// Put the data of a backup into a folder that no server runs over
    Restore(RestoreArgs),
    /// Recompute every balance from its facts and report the first difference; or check a backup
    Verify(VerifyArgs),
    /// Replace the keys that protect stored secrets
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Stop all new orders and cancel open ones, or lift that
    KillSwitch(KillSwitchArgs),
    /// Show from which networks people may come, or set it
    Networks(NetworksArgs),
    /// Look at folder, disk, clock, port, database and keys, and say what to do
    Doctor(ServeArgs),
    /// Ask the running server how it fares
    Health(DataDir),
    /// Print the description of the HTTP API
    Openapi,
}

#[derive(Args)]
struct ServeArgs {
    /// Folder that holds all data [env: EGGMONEY_DATA_DIR]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Where to listen; port 0 takes any free port [env: EGGMONEY_LISTEN] [default: [::]:8740]
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<String>,
    /// Configuration file in TOML [env: EGGMONEY_CONFIG]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Hold slots and orders until the supervisor says that this version is healthy
    #[arg(long, hide = true)]
    on_trial: bool,
    /// End with this process
    #[arg(long, value_name = "PID", hide = true)]
    under: Option<i32>,
}

#[derive(Args)]
pub(super) struct DataDir {
    /// Folder that holds all data
    #[arg(long, value_name = "DIR", env = "EGGMONEY_DATA_DIR")]
    pub(super) data_dir: PathBuf,
}

#[derive(Args)]
struct KillSwitchArgs {
    /// on, off or status
    action: SwitchAction,
    #[command(flatten)]
    data: DataDir,
    /// Only this user; the whole installation when absent
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Only this account of the user
    #[arg(long, value_name = "NAME", requires = "user")]
    account: Option<String>,
    /// Read the password from standard input; lifting needs it
    #[arg(long)]
    password_stdin: bool,
}

/// Which networks are admitted.
#[derive(Args)]
struct NetworksArgs {
    #[command(flatten)]
    data: DataDir,
    /// Networks such as 192.168.0.0/16 from which people may come from now on
    #[arg(conflicts_with = "everywhere")]
    networks: Vec<String>,
    /// People may come from everywhere again
    #[arg(long)]
    everywhere: bool,
}

/// Reads the arguments and runs the command. Whatever it makes is for its own user only: files of
/// libraries, which ask for no mode, included.
pub fn run() -> ExitCode {
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let mut builder = match &cli.command {
        // It waits, and nothing else.
        Command::Supervise(_) => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    let runtime = builder.worker_threads(THREADS).enable_all().build();
    let result = match runtime {
        Ok(runtime) => {
            let result = runtime.block_on(execute(cli));
            // An export that is being written must not hold up a stop: what is acknowledged is on disk.
            runtime.shutdown_timeout(LAST_WORK);
            result
        }
        Err(error) => Err(format!("cannot start threads: {error}")),
    };
    match result {
        Ok(code) => code,
        Err(message) => {
            complain(&message);
            ExitCode::FAILURE
        }
    }
}

fn complain(message: &str) {
    eprintln!("eggmoney: {}", one_line(message));
}

async fn execute(cli: Cli) -> Result<ExitCode, String> {
    let json = cli.json;
    match cli.command {
        Command::Serve(args) => {
            let flags = Flags { data_dir: args.data_dir, listen: args.listen, config: args.config };
            let config = config::load(&flags, |name| std::env::var(name).ok()).map_err(|e| e.to_string())?;
            if let Some(pid) = args.under {
                supervise::live_with(pid)?;
            }
            match serve::serve(Config { on_trial: args.on_trial, ..config }).await {
                Ok(()) => Ok(ExitCode::SUCCESS),
                Err(failure) => {
                    complain(&failure.message);
                    Ok(failure.code)
                }
            }
        }
        Command::Supervise(args) => supervise::supervise(args).await,
        Command::RollBack(args) => supervise::roll_back(&args).map(|sentence| {
            println!("{sentence}");
            ExitCode::SUCCESS
        }),
        Command::UpgradeCheck(data) => upgrade_check(json, &control::run(&data.data_dir, Request::UpgradeCheck).await?),
        Command::Demo(args) => demo::demo(args).await.map(|()| ExitCode::SUCCESS),
        Command::Simulate(args) => simulate::simulate(args).await.map(|()| ExitCode::SUCCESS),
        Command::User(command) => {
            let (dir, request) = command.request(password_from_stdin)?;
            print(json, &control::run(&dir, Request::People(request)).await?, people::sentence)
        }
        Command::Keys(command) => {
            let (dir, request) = command.request(password_from_stdin)?;
            print(json, &control::run(&dir, Request::Keys(request)).await?, keys::sentence)
        }
        Command::KillSwitch(args) => {
            let password = args.password_stdin.then(password_from_stdin).transpose()?;
            let request = Request::KillSwitch { action: args.action, user: args.user, account: args.account, password };
            let state = control::run(&args.data.data_dir, request).await?;
            print(json, &state, |state| format!("the kill switch is {}", if state["on"] == true { "on" } else { "off" }))
        }
        Command::Import(ImportCommand::Eggmoney(args)) => {
            let dir = args.data_dir.clone();
            let report = control::run(&dir, Request::ImportEggmoney(args.request()?)).await?;
            match import::failure(&report) {
                Some(failure) => {
                    if json {
                        println!("{report}");
                    }
                    Err(failure)
                }
                None => print(json, &report, import::sentence),
            }
        }
        Command::Export(ExportCommand::Eggmoney(args)) => {
            let dir = args.data_dir.clone();
            let report = control::run(&dir, Request::ExportEggmoney(args.request()?)).await?;
            print(json, &report, export::sentence)
        }
        Command::Networks(args) => {
            let networks = Networks::parse(&args.networks).map_err(|e| e.to_string())?;
            let networks = (args.everywhere || !networks.is_empty()).then_some(networks);
            let answer = control::run(&args.data.data_dir, Request::Networks { networks }).await?;
            print(json, &answer, |a| format!("people {}", people::admitted(a["networks"].as_array().map_or(&[], Vec::as_slice))))
        }
        Command::Import(ImportCommand::User(args)) => {
            let (dir, request) = args.request()?;
            print(json, &control::run(&dir, Request::Transfer(request)).await?, transfer::sentence)
        }
        Command::Export(ExportCommand::User(args)) => {
            let (dir, request) = args.request()?;
            print(json, &control::run(&dir, Request::Transfer(request)).await?, transfer::sentence)
        }
        Command::Backup(args) => {
            let (dir, request) = args.request()?;
            print(json, &control::run(&dir, Request::Backup(request)).await?, backup::sentence)
        }
        Command::Restore(args) => print(json, &backup::restore(args, opening_from_stdin).await?, backup::restored),
        Command::Verify(args) => match (args.of_backup(opening_from_stdin).await?, args.data_dir) {
            (Some(found), _) => print(json, &found, backup::checked),
            (None, Some(dir)) => verify(json, control::run(&dir, Request::Verify).await?),
            (None, None) => Err("say what to verify: --data-dir DIR or --backup FILE".to_owned()),
        },
        Command::Doctor(args) => {
            let flags = Flags { data_dir: args.data_dir, listen: args.listen, config: args.config };
            let config = config::load(&flags, |name| std::env::var(name).ok()).map_err(|e| e.to_string())?;
            doctor::run(config, json).await
        }
        Command::Health(data) => {
            let report = control::run(&data.data_dir, Request::Health).await?;
            if let Some(problem) = report["problem"].as_str() {
                if json {
                    println!("{report}");
                }
                return Err(format!("not ready: {problem}"));
            }
            print(json, &report, |r| format!("healthy: version {}, up {} s, {} users", text(&r["version"]), r["uptime_s"], r["users"]))
        }
        Command::Openapi => {
            println!("{}", openapi_document().to_pretty_json().map_err(|e| e.to_string())?);
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// What would be disturbed is a result on stdout for `--json`, and a failure in any case.
fn upgrade_check(json: bool, quiet: &Value) -> Result<ExitCode, String> {
    let Some(safe_at) = quiet["safe_at"].as_str() else {
        return print(json, quiet, |_| "nothing would be disturbed".to_owned());
    };
    if json {
        println!("{quiet}");
    }
    let at = safe_at.parse().map_or(safe_at.to_owned(), |at| kst_datetime(at).strftime("%Y-%m-%d %H:%M KST").to_string());
    let (accounts, orders) = (&quiet["accounts_in_session"], &quiet["open_orders"]);
    Err(format!("{accounts} accounts trade now and {orders} orders are open: wait until {at}"))
}

/// Differences are a result on stdout for `--json`, and a failure in any case.
fn verify(json: bool, report: Value) -> Result<ExitCode, String> {
    let count = |what: &str| report[what].as_array().map_or(0, Vec::len);
    let (differences, chains) = (count("differences"), count("broken_chains"));
    if differences + chains == 0 {
        let figures = ["accounts", "facts", "rows", "audit_rows"].map(|what| format!("{} {}", report[what], what.replace('_', " ")));
        return print(json, &report, |_| format!("all agree: {}", figures.join(", ")));
    }
    if json {
        println!("{report}");
    }
    if differences == 0 {
        let first = &report["broken_chains"][0];
        let whose = first["user_id"].as_str().map_or("the installation".to_owned(), |id| format!("user {id}"));
        return Err(format!(
            "{chains} audit logs were changed; the first: row {} of {whose} does not follow from the rows before it",
            first["seq"]
        ));
    }
    let first = &report["differences"][0];
    let place = format!("{} row {} of account {}", text(&first["table"]), text(&first["row"]), text(&first["account_id"]));
    Err(format!("{differences} differences; the first: {place} is {} but its facts say {}", first["found"], first["expected"]))
}

fn print(json: bool, value: &Value, sentence: impl Fn(&Value) -> String) -> Result<ExitCode, String> {
    println!("{}", if json { value.to_string() } else { sentence(value) });
    Ok(ExitCode::SUCCESS)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The first line of standard input, so that the password is in no process list.
fn password_from_stdin() -> Result<String, String> {
    let mut input = String::new();
    std::io::stdin().take(4096).read_to_string(&mut input).map_err(|e| format!("cannot read the password from standard input: {e}"))?;
    match input.lines().next() {
        Some(line) if !line.is_empty() => Ok(line.to_owned()),
        _ => Err("no password came on standard input: pipe it in".to_owned()),
    }
}

/// Everything on standard input: words may stand on several lines.
fn opening_from_stdin() -> Result<String, String> {
    let mut input = String::new();
    std::io::stdin().take(4096).read_to_string(&mut input).map_err(|e| format!("cannot read standard input: {e}"))?;
    match input.trim() {
        "" => Err("nothing came on standard input: pipe the recovery key or the passphrase in".to_owned()),
        text => Ok(text.to_owned()),
    }
}

/// Wrong arguments in one line; help and version as they are.
fn usage(error: &clap::Error) -> ExitCode {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        print!("{error}");
        return ExitCode::SUCCESS;
    }
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        eprint!("{error}");
        return ExitCode::from(2);
    }
    let text = error.to_string();
    let complaint = text.split("\n\n").next().unwrap_or_default().trim_start_matches("error: ");
    eprintln!("eggmoney: {} (see --help)", one_line(complaint));
    ExitCode::from(2)
}

fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn differences_fail_and_name_the_first() {
        let report = serde_json::json!({"accounts": 1, "facts": 2, "rows": 3, "differences": [
            {"user_id": "u", "account_id": "a", "table": "positions", "row": "US:SOXL", "expected": {"quantity": 3}, "found": null}]});
        let error = verify(false, report).unwrap_err();
        assert!(error.contains("positions row US:SOXL") && error.contains("{\"quantity\":3}"), "{error}");
        let report = serde_json::json!({"differences": [], "broken_chains": [{"user_id": null, "seq": 4}]});
        let error = verify(false, report).unwrap_err();
        assert!(error.contains("row 4 of the installation"), "{error}");
    }
}
