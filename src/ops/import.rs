//! `eggmoney import`: bringing an old server's files into the account of a user.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::transfer::ImportUser;
use crate::app::App;
use crate::importers::eggmoney::{self as egg, ImportError, ImportRequest, OldFiles, Report};

#[derive(Subcommand)]
pub(super) enum ImportCommand {
    /// Import an account of the old EggMoney program
    Eggmoney(ImportEggmoney),
    /// Import what `export user` of another installation wrote, into a user who has no accounts
    User(ImportUser),
}

#[derive(Args)]
pub(super) struct ImportEggmoney {
    /// Folder that holds all data
    #[arg(long, value_name = "DIR", env = "EGGMONEY_DATA_DIR")]
    pub data_dir: PathBuf,
    /// User who gets the account
    #[arg(long, value_name = "NAME")]
    user: String,
    /// Name of the account [default: that of the old server]
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// The old database, egg_NAME.db; a -journal or -wal file beside it is taken along
    #[arg(long, value_name = "FILE")]
    db: PathBuf,
    /// The old settings, key_store.json
    #[arg(long, value_name = "FILE")]
    key_store: Option<PathBuf>,
    /// The old environment file, .env
    #[arg(long, value_name = "FILE")]
    env: Option<PathBuf>,
    /// Only report what would be imported
    #[arg(long)]
    dry_run: bool,
    /// Import the readable rows although some cannot be read
    #[arg(long)]
    skip_refused: bool,
    /// Book the fills of orders in flight
    #[arg(long)]
    book_fills: bool,
}

/// The command as it travels to a running server; paths are absolute.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EggmoneyImport {
    user: String,
    account: Option<String>,
    db: PathBuf,
    key_store: Option<PathBuf>,
    env: Option<PathBuf>,
    dry_run: bool,
    skip_refused: bool,
    book_fills: bool,
}

impl ImportEggmoney {
    /// # Errors
    /// When a path cannot be made absolute.
    pub fn request(self) -> Result<EggmoneyImport, String> {
        let absolute = |path: PathBuf| std::path::absolute(&path).map_err(|e| format!("{}: {e}", path.display()));
        Ok(EggmoneyImport {
            user: self.user,
            account: self.account,
            db: absolute(self.db)?,
            key_store: self.key_store.map(absolute).transpose()?,
            env: self.env.map(absolute).transpose()?,
            dry_run: self.dry_run,
            skip_refused: self.skip_refused,
            book_fills: self.book_fills,
        })
    }
}

/// Runs the import. A refusal because of unreadable rows is a report too, with the outcome `refused`.
///
/// # Errors
/// One line for the person who typed it.
pub async fn execute(app: &Arc<App>, import: EggmoneyImport) -> Result<Value, String> {
    let user = app.auth.find_user(&import.user).map_err(|e| e.to_string())?;
    let user = user.ok_or_else(|| format!("there is no user '{}': make one with eggmoney user create", import.user))?;
    let files = OldFiles { db: import.db, db_name: None, key_store: import.key_store, env: import.env };
    let request = ImportRequest {
        user: user.id,
        by: None,
        account_name: import.account,
        bot_sync: None,
        session_relative: true,
        skip_refused: import.skip_refused,
        book_fills: import.book_fills,
        at: app.market.now(),
    };
    let (store, vault, dry_run) = (app.store.clone(), app.vault.clone(), import.dry_run);
    let done = tokio::task::spawn_blocking(move || {
        let old = Arc::new(egg::read(&files)?);
        if dry_run {
            return egg::dry_run(&store, &vault, &old, &request).map(|report| (None, report));
        }
        egg::run(&store, &vault, &old, &request).map(|imported| (Some(imported.account_id), imported.report))
    });
    let (account_id, report) = match done.await.map_err(|e| e.to_string())? {
        Ok(done) => done,
        Err(ImportError::Refused(report)) => (None, *report),
        Err(error) => return Err(error.to_string()),
    };
    with_account(&report, json!(account_id))
}

fn with_account(report: &Report, account_id: Value) -> Result<Value, String> {
    let mut value = serde_json::to_value(report).map_err(|e| e.to_string())?;
    if let Some(fields) = value.as_object_mut() {
        fields.insert("account_id".to_owned(), account_id);
    }
    Ok(value)
}

/// The failure that a report is, if it is one: rows were refused and nothing was imported.
pub fn failure(report: &Value) -> Option<String> {
    let refused = report["refused"].as_array().filter(|_| report["outcome"] == "refused" && report["dry_run"] == false)?;
    let first = refused.first()?;
    let text = |key: &str| first[key].as_str().unwrap_or_default();
    Some(format!(
        "nothing was imported: {} rows cannot be read, the first is {} {}: {} (--json lists all, --skip-refused imports the rest)",
        refused.len(),
        text("table"),
        text("row"),
        text("reason")
    ))
}

/// The report for people.
pub fn sentence(report: &Value) -> String {
    let name = report["account_name"].as_str().unwrap_or_default();
    let rows = |table: &str| report["imported"][table]["rows"].as_u64().unwrap_or(0);
    let what = format!(
        "{} bots, {} positions, {} history rows, {} orders in flight",
        rows("bot_info"),
        rows("trade"),
        rows("history"),
        rows("order")
    );
    let head = match (report["outcome"].as_str().unwrap_or_default(), report["dry_run"].as_bool().unwrap_or_default()) {
        ("unchanged", _) => format!("account '{name}' was imported from these files before; nothing changed"),
        ("refused", _) => format!("account '{name}' would be refused because of unreadable rows; with --skip-refused: {what}"),
        (_, true) => format!("account '{name}' would get {what}; nothing was changed"),
        ("replaced", false) => format!("replaced account '{name}': {what}"),
        _ => format!("imported account '{name}': {what}"),
    };
    let mut lines = vec![head];
    let list = |key: &str| report[key].as_array().cloned().unwrap_or_default();
    let text = |entry: &Value, key: &str| entry[key].as_str().unwrap_or_default().to_owned();
    for fault in list("refused") {
        lines.push(format!("  refused: {} {}: {}", text(&fault, "table"), text(&fault, "row"), text(&fault, "reason")));
    }
    for entry in list("unplaced") {
        lines.push(format!("  without a place: {} {}: {}", text(&entry, "source"), text(&entry, "name"), text(&entry, "detail")));
    }
    for warning in list("warnings") {
        lines.push(format!("  note: {}: {}", text(&warning, "subject"), text(&warning, "detail")));
    }
    for name in list("booked") {
        lines.push(format!("  booked: the fills of {}", name.as_str().unwrap_or_default()));
    }
    for question in list("unbooked") {
        let what = match question["type"].as_str() {
            Some("unbooked_fills") => format!("{} shares for {} USD were filled but never booked", question["quantity"], question["total"]),
            _ => format!("has {} positions", question["rows"].as_array().map_or(0, Vec::len)),
        };
        lines.push(format!("  to be settled before the start: {} {what}", text(&question, "name")));
    }
    lines.join("\n")
}
