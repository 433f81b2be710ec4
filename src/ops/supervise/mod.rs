//! `eggmoney supervise`: a small parent process, because DSM never restarts a package's process. It
//! runs `serve` as its child, starts it again when it ends by itself or hangs, and never gives up. A new
//! release it runs on trial: slots and orders are held until it has proved healthy, and if it does not,
//! the program and the data before it come back.

mod patience;
mod programs;

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use rustix::fs::FlockOperation;
use rustix::process::{Pid, Signal};
use tokio::sync::oneshot;

use self::patience::{Answer, Pauses, Verdict, Watch};
use self::programs::{Choice, Programs};
use super::control::{self, Request};
use super::serve::TRY_LATER;
use super::signals::StopSignals;
use crate::app::clock::SystemClock;
use crate::app::release::PROGRAM_FOLDER;
use crate::domain::clock::Clock;

/// Held while a supervisor runs.
const LOCK_FILE: &str = "supervisor.lock";
/// A server told to stop gets this long; DSM waits little longer.
const STOP_PATIENCE: Duration = Duration::from_secs(25);
/// An answer to a look may take this long.
const ANSWER_PATIENCE: Duration = Duration::from_secs(10);
/// Crashes after which a release on trial has failed.
const TRIES: u32 = 2;
/// Seconds that a start may take, and how many bytes of data each further one covers: a new release
/// copies and changes them first, on a slow disk.
const START_SECONDS: u64 = 300;
const BYTES_PER_SECOND: u64 = 2 << 20;

#[derive(Args)]
pub(super) struct SuperviseArgs {
    /// Folder that holds all data
    #[arg(long, value_name = "DIR", env = "EGGMONEY_DATA_DIR")]
    data_dir: PathBuf,
    /// Program that is installed [default: this one]
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// As of serve
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<String>,
    /// As of serve
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Seconds that a start may take [default: 5 minutes, more with much data]
    #[arg(long, value_name = "SECONDS", env = "EGGMONEY_START_PATIENCE")]
    patience: Option<u64>,
}

#[derive(Args)]
pub(super) struct RollBackArgs {
    /// Folder that holds all data
    #[arg(long, value_name = "DIR", env = "EGGMONEY_DATA_DIR")]
    data_dir: PathBuf,
}

/// How a run of the server ended.
enum End {
    /// The supervisor was told to stop, and the server with it.
    Told,
    ByItself(ExitStatus),
    /// It did not answer any more and was killed.
    Hung,
    /// There was no process at all.
    NotStarted(String),
}

impl End {
    /// In words, for administrators.
    fn words(&self) -> String {
        match self {
            End::Told => "as told".to_owned(),
            End::ByItself(status) => match (status.code(), status.signal()) {
                (Some(code), _) => format!("exit code {code}"),
                (None, Some(signal)) => format!("signal {signal}"),
                (None, None) => status.to_string(),
            },
            End::Hung => "no answer".to_owned(),
            End::NotStarted(why) => why.clone(),
        }
    }

    /// The program is not to blame.
    fn is_for_surroundings(&self) -> bool {
        matches!(self, End::ByItself(status) if status.code() == Some(i32::from(TRY_LATER)))
    }
}

/// Supervises until told to stop.
///
/// # Errors
/// When there is nothing to supervise, or another supervisor does it.
pub(super) async fn supervise(args: SuperviseArgs) -> Result<ExitCode, String> {
    let mut stop = StopSignals::new().map_err(|e| format!("cannot listen for signals: {e}"))?;
    let _lock = lock(&args.data_dir)?;
    let installed = match &args.program {
        Some(program) => program.clone(),
        None => std::env::current_exe().map_err(|e| format!("cannot find the own program: {e}"))?,
    };
    let programs = Programs::open(&args.data_dir, &installed)?;
    let supervisor = Supervisor { args, programs, clock: Arc::new(SystemClock) };
    supervisor.run(&mut stop).await;
    Ok(ExitCode::SUCCESS)
}

/// Goes back to the program and the data before the last upgrade, on a person's word.
///
/// # Errors
/// Why that is not possible, in a sentence.
pub(super) fn roll_back(args: &RollBackArgs) -> Result<String, String> {
    let _lock = lock(&args.data_dir).map_err(|e| format!("{e}. Stop it first"))?;
    let own = std::env::current_exe().map_err(|e| format!("cannot find the own program: {e}"))?;
    Programs::open(&args.data_dir, &own)?.go_back_by_hand(SystemClock.now())
}

/// Has the system end this process when its supervisor ends, however that happens.
///
/// # Errors
/// When the supervisor is gone already.
pub(super) fn live_with(supervisor: i32) -> Result<(), String> {
    rustix::process::set_parent_process_death_signal(Some(Signal::TERM)).map_err(|e| format!("cannot live with the supervisor: {e}"))?;
    if rustix::process::getppid().map(|parent| parent.as_raw_nonzero().get()) == Some(supervisor) {
        Ok(())
    } else {
        Err(format!("the supervisor {supervisor} is gone"))
    }
}

fn lock(data_dir: &Path) -> Result<fs_err::File, String> {
    let folder = data_dir.join(PROGRAM_FOLDER);
    let failed = |e: std::io::Error| {
        format!("cannot use the data folder {}: {e}. Check that it exists and that this user may write to it", data_dir.display())
    };
    fs_err::create_dir_all(&folder).map_err(failed)?;
    let file = fs_err::File::create(folder.join(LOCK_FILE)).map_err(failed)?;
    rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)
        .map_err(|_| format!("another supervisor runs over {}", data_dir.display()))?;
    Ok(file)
}

struct Supervisor {
    args: SuperviseArgs,
    programs: Programs,
    clock: Arc<dyn Clock>,
}

impl Supervisor {
    async fn run(mut self, stop: &mut StopSignals) {
        let (mut pauses, mut failures) = (Pauses::default(), 0);
        loop {
            let began = self.clock.now();
            let pause = match self.programs.choose() {
                Ok(choice) => {
                    let (end, on_trial) = self.attend(&choice, stop).await;
                    if matches!(end, End::Told) {
                        return;
                    }
                    let ran = self.clock.now().duration_since(began);
                    self.say(&format!("{} ended by itself after {} s: {}", choice.release, ran.as_secs(), end.words()));
                    if let Err(error) = self.programs.note_stop(&end.words(), self.clock.now()) {
                        self.say(&format!("cannot note that: {error}"));
                    }
                    if on_trial && !end.is_for_surroundings() {
                        failures += 1;
                        if (failures >= TRIES || matches!(end, End::Hung)) && self.go_back(&choice.release, &end) {
                            failures = 0;
                            continue;
                        }
                    }
                    pauses.after(ran.unsigned_abs())
                }
                Err(problem) => {
                    self.say(&problem);
                    pauses.after(Duration::ZERO)
                }
            };
            self.say(&format!("starting again in {} s", pause.as_secs()));
            tokio::select! {
                () = stop.wait() => return,
                () = self.clock.sleep(pause) => {}
            }
        }
    }

    /// Whether something else is to be run now.
    fn go_back(&mut self, release: &str, end: &End) -> bool {
        match self.programs.go_back(&end.words(), self.clock.now()) {
            Ok(true) => {
                self.say(&format!("{release} did not come up: the program and the data before it are back"));
                true
            }
            Ok(false) => {
                self.say(&format!("{release} did not come up, and there is no program to go back to"));
                false
            }
            Err(problem) => {
                self.say(&problem);
                false
            }
        }
    }

    /// Runs a program until it ends; tells whether it was on trial still.
    async fn attend(&mut self, choice: &Choice, stop: &mut StopSignals) -> (End, bool) {
        let trial = if choice.on_trial { " on trial" } else { "" };
        self.say(&format!("starting {}{trial}", choice.release));
        let child = match self.start(choice) {
            Ok(child) => child,
            Err(error) => return (End::NotStarted(format!("cannot start {}: {error}", choice.program.display())), choice.on_trial),
        };
        let server = Server::watch(child);
        let Server { pid, mut ended } = match server {
            Ok(server) => server,
            Err(error) => return (End::NotStarted(error.to_string()), choice.on_trial),
        };
        let mut on_trial = choice.on_trial;
        let mut watch = Watch::new(on_trial, self.start_patience());
        loop {
            let period = watch.period();
            tokio::select! {
                status = &mut ended => return (ended_by_itself(status), on_trial),
                () = stop.wait() => {
                    self.end(pid, &mut ended).await;
                    return (End::Told, on_trial);
                }
                () = self.clock.sleep(period) => {}
            }
            // While it is asked, too, the server may end and the supervisor be told to.
            let (answer, took) = tokio::select! {
                status = &mut ended => return (ended_by_itself(status), on_trial),
                () = stop.wait() => {
                    self.end(pid, &mut ended).await;
                    return (End::Told, on_trial);
                }
                answer = self.ask() => answer,
            };
            match watch.look(answer, period + took) {
                Verdict::Wait => {}
                Verdict::Hangs => return (self.end_by_force(pid, &mut ended).await, on_trial),
                Verdict::Proved => {
                    on_trial = false;
                    if !self.accept(&choice.release).await {
                        // A server that goes on holding orders must not look alive. The next run of this
                        // program is on no trial.
                        return (self.end_by_force(pid, &mut ended).await, on_trial);
                    }
                }
            }
        }
    }

    fn start(&self, choice: &Choice) -> std::io::Result<Child> {
        let mut command = Command::new(&choice.program);
        command.arg("serve").arg("--data-dir").arg(&self.args.data_dir);
        command.arg("--under").arg(std::process::id().to_string());
        if choice.on_trial {
            command.arg("--on-trial");
        }
        if let Some(listen) = &self.args.listen {
            command.arg("--listen").arg(listen);
        }
        if let Some(config) = &self.args.config {
            command.arg("--config").arg(config);
        }
        command.stdin(Stdio::null()).spawn()
    }

    fn start_patience(&self) -> Duration {
        let by_data = || START_SECONDS + self.programs.data_bytes() / BYTES_PER_SECOND;
        Duration::from_secs(self.args.patience.unwrap_or_else(by_data))
    }

    /// How the server fares, and how long it took to say so.
    async fn ask(&self) -> (Answer, Duration) {
        match tokio::time::timeout(ANSWER_PATIENCE, control::run(&self.args.data_dir, Request::Health)).await {
            Ok(Ok(report)) if report["problem"].is_null() => (Answer::Well, Duration::ZERO),
            Ok(Ok(_)) => (Answer::Unwell, Duration::ZERO),
            Ok(Err(_)) => (Answer::Nothing, Duration::ZERO),
            Err(_) => (Answer::Nothing, ANSWER_PATIENCE),
        }
    }

    /// Ends the trial; `false` when the server did not hear of it.
    async fn accept(&mut self, release: &str) -> bool {
        match self.programs.accept() {
            Ok(()) => self.say(&format!("{release} is healthy, and kept")),
            Err(error) => self.say(&format!("{release} is healthy, but cannot be kept: {error}. It will be on trial again")),
        }
        let heard = tokio::time::timeout(ANSWER_PATIENCE, control::run(&self.args.data_dir, Request::PassTrial)).await;
        matches!(heard, Ok(Ok(_)))
    }

    async fn end_by_force(&self, pid: Pid, ended: &mut Ended) -> End {
        self.say("it does not answer: it is ended by force");
        kill(pid, Signal::KILL);
        // Killed it is; how does not matter.
        let _ = ended.await;
        End::Hung
    }

    /// Ends the server as DSM would: told, then by force.
    async fn end(&self, pid: Pid, ended: &mut Ended) {
        kill(pid, Signal::TERM);
        if tokio::time::timeout(STOP_PATIENCE, &mut *ended).await.is_err() {
            self.say("the server does not stop: it is ended by force");
            kill(pid, Signal::KILL);
            let _ = ended.await;
        }
    }

    fn say(&self, sentence: &str) {
        eprintln!("{} supervisor: {sentence}", seconds(self.clock.now()));
    }
}

/// Hears how a process ended.
type Ended = oneshot::Receiver<std::io::Result<ExitStatus>>;

/// A server's process.
struct Server {
    pid: Pid,
    ended: Ended,
}

impl Server {
    fn watch(mut child: Child) -> std::io::Result<Self> {
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or_else(|| std::io::Error::other("no process number"))?;
        let (tell, ended) = oneshot::channel();
        std::thread::Builder::new().name("wait".to_owned()).spawn(move || tell.send(child.wait()))?;
        Ok(Self { pid, ended })
    }
}

fn ended_by_itself(status: Result<std::io::Result<ExitStatus>, oneshot::error::RecvError>) -> End {
    match status {
        Ok(Ok(status)) => End::ByItself(status),
        Ok(Err(error)) => End::NotStarted(error.to_string()),
        Err(error) => End::NotStarted(error.to_string()),
    }
}

/// The process may be gone already, which is as well.
fn kill(pid: Pid, signal: Signal) {
    let _ = rustix::process::kill_process(pid, signal);
}

fn seconds(at: Timestamp) -> Timestamp {
    at.round(jiff::Unit::Second).unwrap_or(at)
}
