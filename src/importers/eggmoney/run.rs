//! An import from files to account: read, plan, write, compare; or its rehearsal, which does all of
//! that and then undoes it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde_json::json;

use super::error::ImportError;
use super::ids;
use super::plan::{self, Choices, OldAccount, Plan};
use super::report::{Outcome, Previous, Report};
use super::settle::{self, account_row};
use super::source::{self, FileMark};
use super::store::{self as stored, Reading};
use super::summary::{self, Notation};
use super::update;
use super::{dotenv, key_store, rows};
use crate::auth::{Disclosure, Vault, VaultError, accepted_at};
use crate::domain::account::{Account, AccountMode, ImportMark, Unsettled};
use crate::domain::fact::Actor;
use crate::domain::id::{AccountId, UserId};
use crate::storage::tables::{ACCOUNTS, BOTS, secret};
use crate::storage::{Store, StoreError, Tx, UserView, account_key};

/// The files of one old server.
#[derive(Clone, Debug)]
pub struct OldFiles {
    pub db: PathBuf,
    /// What the database is called where it came from, if the path does not tell.
    pub db_name: Option<String>,
    pub key_store: Option<PathBuf>,
    pub env: Option<PathBuf>,
}

/// Whose account it becomes and how.
#[derive(Clone, Debug)]
pub struct ImportRequest {
    pub user: UserId,
    /// Who asks; `None` = the command line.
    pub by: Option<UserId>,
    /// `None` = the old server's name for it.
    pub account_name: Option<String>,
    /// `None` = as the old account's name says.
    pub bot_sync: Option<bool>,
    /// The frozen summer and winter times follow the close; normally yes.
    pub session_relative: bool,
    /// Import the readable rows although some are refused.
    pub skip_refused: bool,
    /// Book the fills of sheets in flight.
    pub book_fills: bool,
    pub at: Timestamp,
}

/// A finished import.
#[derive(Clone, Debug)]
pub struct Imported {
    pub account_id: AccountId,
    pub report: Report,
}

/// Largest file that is read.
pub const MAX_FILE_BYTES: u64 = 64 * 1024 * 1024;

/// Reads the files of an old server.
///
/// # Errors
/// `Database`, `Settings`, `TooLarge`: what is wrong with which file.
pub fn read(files: &OldFiles) -> Result<OldAccount, ImportError> {
    bounded(&files.db)?;
    let name = files.db_name.clone().unwrap_or_else(|| file_name(&files.db));
    let source = source::read(&files.db, &name)?;
    let settings = files.key_store.as_deref().map(|path| side_file(path, key_store::read)).transpose()?;
    let env = files.env.as_deref().map(|path| side_file(path, dotenv::read)).transpose()?;
    Ok(OldAccount { rows: rows::read(&source), strangers: source.strangers, db: source.file, settings, env })
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned())
}

fn bounded(path: &Path) -> Result<(), ImportError> {
    match fs_err::metadata(path) {
        Ok(data) if data.len() > MAX_FILE_BYTES => Err(ImportError::TooLarge(file_name(path))),
        _ => Ok(()),
    }
}

fn side_file<T>(path: &Path, parse: impl Fn(&[u8]) -> Result<T, String>) -> Result<(FileMark, T), ImportError> {
    bounded(path)?;
    let refused = |reason: String| ImportError::Settings { file: file_name(path), reason };
    let content = fs_err::read(path).map_err(|e| refused(e.to_string()))?;
    let parsed = parse(&content).map_err(refused)?;
    Ok((source::mark(&file_name(path), &content), parsed))
}

/// The name that the account gets: the one asked for, else the old server's.
///
/// # Errors
/// `NoAccountName`, `BadAccountName`.
pub fn account_name(old: &OldAccount, asked: Option<&str>) -> Result<String, ImportError> {
    let asked = asked.map(str::trim).filter(|n| !n.is_empty());
    let name = asked.or_else(|| old.admin()).ok_or(ImportError::NoAccountName)?;
    if name.chars().count() > 40 || name.chars().any(char::is_control) {
        return Err(ImportError::BadAccountName(name.chars().filter(|c| !c.is_control()).take(40).collect()));
    }
    Ok(name.to_owned())
}

/// Rehearses an import: writes it, reads it back, undoes it. The report tells what would happen,
/// refused rows included.
///
/// # Errors
/// As [`run`], except that refused rows are no error.
pub fn dry_run(store: &Store, vault: &Vault, old: &Arc<OldAccount>, request: &ImportRequest) -> Result<Report, ImportError> {
    let (vault, old) = (vault.clone(), old.clone());
    let refusing = !request.skip_refused;
    let request = ImportRequest { skip_refused: true, ..request.clone() };
    // The transaction always fails, so that nothing of it stays.
    let stopped =
        store.write_blocking(move |tx| -> Result<(), Stopped> { Err(Stopped::Rehearsed(apply(tx, &vault, &old, &request).map(Box::new))) });
    match stopped {
        Err(Stopped::Rehearsed(Ok(imported))) => {
            let mut report = imported.report;
            report.dry_run = true;
            if refusing && !report.refused.is_empty() && report.outcome != Outcome::Unchanged {
                report.outcome = Outcome::Refused;
            }
            Ok(report)
        }
        Err(Stopped::Rehearsed(Err(error)) | Stopped::Failed(error)) => Err(error),
        Ok(()) => Err(StoreError::Closed.into()),
    }
}

enum Stopped {
    Rehearsed(Result<Box<Imported>, ImportError>),
    Failed(ImportError),
}

impl From<StoreError> for Stopped {
    fn from(error: StoreError) -> Self {
        Stopped::Failed(error.into())
    }
}

/// Imports an old account in one transaction.
///
/// # Errors
/// [`ImportError`]; nothing is then left behind.
pub fn run(store: &Store, vault: &Vault, old: &Arc<OldAccount>, request: &ImportRequest) -> Result<Imported, ImportError> {
    let (vault, old, request) = (vault.clone(), old.clone(), request.clone());
    store.write_blocking(move |tx| {
        let brings_key = old.env.as_ref().is_some_and(|(_, env)| env.app_key.is_some());
        // Who types at the NAS itself answers for the key; the pages ask its owner later.
        if request.by.is_some() && brings_key && accepted_at(&tx.view().user(request.user), Disclosure::BrokerKey)?.is_none() {
            return Err(ImportError::Vault(VaultError::DisclosureRequired));
        }
        apply(tx, &vault, &old, &request)
    })
}

/// Where an import goes.
struct Target {
    id: AccountId,
    created_at: Timestamp,
    before: Option<Account>,
}

fn apply(tx: &mut Tx<'_>, vault: &Vault, old: &OldAccount, request: &ImportRequest) -> Result<Imported, ImportError> {
    let name = account_name(old, request.account_name.as_deref())?;
    let notation = Notation::of(&old.rows);
    let choices = Choices { bot_sync: request.bot_sync, session_relative: request.session_relative };
    let view = tx.view().user(request.user);
    let previous = previous(&view, old)?;
    if let Some(same) = unchanged(&view, old, request.account_name.is_some().then_some(name.as_str()))? {
        let report = already_there(&view, old, &same, choices, &notation, previous)?;
        return book_later(tx, request, same, report);
    }
    let target = target(&view, vault, old, &name, request)?;
    let name = target.before.as_ref().map_or(name, |before| before.name.clone());
    let mut plan = plan::plan(target.id, old, choices);
    warn_of_edits(&view, &target, &mut plan)?;
    let mut report = Report { account_name: Some(name.clone()), previous, ..Report::of(old, &plan, &notation) };
    if !report.refused.is_empty() && !request.skip_refused {
        return Err(ImportError::Refused(Box::new(report)));
    }

    let mut changes = update::write(&mut tx.user(request.user), target.before.as_ref(), target.id, &plan, request.at)?;
    let has_status = old.rows.status.is_some();
    report.imported = stored::read_back(&tx.view().user(request.user), target.id, &plan, Reading::Folds, &notation, has_status)?;
    let apart = summary::differences(&summary::of_rows(&old.rows, &notation), &report.imported);
    if !apart.is_empty() {
        return Err(ImportError::Disagrees(apart));
    }
    let mut account = account(&target, name, &plan, old, request);
    if let Some(before) = &target.before {
        update::compare_settings(&mut changes, &before.settings, &account.settings);
        report.updates = Some(changes);
    }
    if request.book_fills {
        book_all(tx, request, &mut account, &mut report)?;
    }
    let mut user = tx.user(request.user);
    if let Some(mark) = &mut account.imported {
        mark.last_fact = user.view().last_fact(account.id)?;
    }
    user.put(&ACCOUNTS, &account_row(account.id), &account)?;
    report.outcome = if target.before.is_some() { Outcome::Replaced } else { Outcome::New };
    let detail = json!({
        "account_id": account.id,
        "account": account.name,
        "outcome": report.outcome,
        "files": report.files,
        "refused": report.refused.len(),
        "unplaced": report.unplaced.len(),
        "warnings": report.warnings.len(),
        "changed": report.updates.as_ref().map(|u| &u.tables),
    });
    user.audit(request.at, request.by, "import.eggmoney", detail)?;
    if let Some((_, env)) = &old.env {
        stored::seal(tx, vault, request.user, account.id, env)?;
    }
    Ok(Imported { account_id: account.id, report })
}

fn previous(view: &UserView<'_>, old: &OldAccount) -> Result<Vec<Previous>, StoreError> {
    let same = |a: Account| a.imported.filter(|mark| mark.db_sha256 == old.db.sha256).map(|mark| (a.id, a.name, mark.at));
    let found = view.accounts()?.into_iter().filter_map(same);
    Ok(found.map(|(account_id, account_name, at)| Previous { account_id, account_name, at }).collect())
}

/// The account that these very files made, if there is one. Files that are not given again do not count.
fn unchanged(view: &UserView<'_>, old: &OldAccount, asked: Option<&str>) -> Result<Option<Account>, StoreError> {
    let given = |file: Option<&FileMark>, marked: &Option<String>| file.is_none_or(|f| marked.as_ref() == Some(&f.sha256));
    let same = |a: &Account| {
        a.imported.as_ref().is_some_and(|mark| {
            mark.db_sha256 == old.db.sha256
                && given(old.settings.as_ref().map(|(f, _)| f), &mark.key_store_sha256)
                && given(old.env.as_ref().map(|(f, _)| f), &mark.env_sha256)
        })
    };
    let mut found: Vec<Account> = view.accounts()?.into_iter().filter(same).collect();
    found.sort_by_key(|a| asked != Some(a.name.as_str()));
    Ok(found.into_iter().next())
}

fn already_there(
    view: &UserView<'_>,
    old: &OldAccount,
    account: &Account,
    choices: Choices,
    notation: &Notation,
    previous: Vec<Previous>,
) -> Result<Report, StoreError> {
    let plan = plan::plan(account.id, old, choices);
    let imported = stored::read_back(view, account.id, &plan, Reading::Facts, notation, old.rows.status.is_some())?;
    let mut report = Report {
        account_name: Some(account.name.clone()),
        outcome: Outcome::Unchanged,
        imported,
        previous,
        ..Report::of(old, &plan, notation)
    };
    report.unbooked.retain(|question| account.unsettled.iter().any(|open| question.is_about(open)));
    Ok(report)
}

/// The same files again, this time with the wish to book what is open: only that is done.
fn book_later(tx: &mut Tx<'_>, request: &ImportRequest, mut account: Account, mut report: Report) -> Result<Imported, ImportError> {
    let account_id = account.id;
    if request.book_fills && account.unsettled.iter().any(|q| matches!(q, Unsettled::UnbookedFills { .. })) {
        let before = tx.view().user(request.user).last_fact(account_id)?;
        book_all(tx, request, &mut account, &mut report)?;
        let mut user = tx.user(request.user);
        let last_fact = user.view().last_fact(account_id)?;
        if let Some(mark) = account.imported.as_mut().filter(|mark| mark.last_fact == before) {
            mark.last_fact = last_fact;
        }
        user.put(&ACCOUNTS, &account_row(account_id), &account)?;
        user.audit(request.at, request.by, "import.booked", json!({"account_id": account_id, "booked": report.booked}))?;
    }
    Ok(Imported { account_id, report })
}

/// A new account, or the one that a newer copy brings up to date: the one of that name if the caller
/// named one, else the one with the same broker key, of the old server's name, or from the same file.
fn target(view: &UserView<'_>, vault: &Vault, old: &OldAccount, name: &str, request: &ImportRequest) -> Result<Target, ImportError> {
    let asked = request.account_name.as_deref().is_some_and(|n| !n.trim().is_empty());
    let accounts = view.accounts()?;
    let given = old.env.as_ref().and_then(|(_, env)| env.app_key.as_ref());
    let key_of = |account: &Account| vault.open(view, account.id, secret::APP_KEY);
    let mut before = None;
    if let Some(given) = given.filter(|_| !asked) {
        for account in &accounts {
            let same = key_of(account)?.is_some_and(|key| key.expose_secret() == given.expose_secret());
            before = before.or_else(|| same.then(|| account.clone()));
        }
    }
    if before.is_none() {
        before = accounts.iter().find(|a| a.name == name).cloned();
        if let (Some(account), Some(_), false) = (&before, given, asked)
            && key_of(account)?.is_some()
        {
            // Servers of one name are common; their keys tell them apart.
            return Err(ImportError::AccountDiffers(account.name.clone()));
        }
    }
    if before.is_none() && !asked {
        let mut from_there = accounts.iter().filter(|a| a.imported.as_ref().is_some_and(|m| m.db_name == old.db.name));
        before = from_there.next().filter(|_| from_there.next().is_none()).cloned();
    }
    let Some(before) = before else {
        let id = ids::account_id(request.at, &[&request.user.to_string(), name]).into();
        return Ok(Target { id, created_at: request.at, before: None });
    };
    let began = before.started_at.is_some() || before.mode == AccountMode::Trading;
    match &before.imported {
        Some(_) if began => Err(ImportError::AccountActive(before.name)),
        None if began || view.last_fact(before.id)? > 0 || !view.list(&BOTS, &account_key(before.id))?.is_empty() => {
            Err(ImportError::AccountExists(before.name))
        }
        _ => Ok(Target { id: before.id, created_at: before.created_at, before: Some(before) }),
    }
}

/// Edits of settings and bots are no facts; a newer copy overwrites them, which must be said.
fn warn_of_edits(view: &UserView<'_>, target: &Target, plan: &mut Plan) -> Result<(), StoreError> {
    let Some(before) = &target.before else { return Ok(()) };
    let edited = |subject: &str| plan::Warning {
        code: "edits_replaced",
        subject: subject.to_owned(),
        detail: "was changed here since the last import; the old data replace the change".to_owned(),
        values: BTreeMap::new(),
    };
    if before.imported.as_ref().is_some_and(|mark| before.version > mark.version) {
        plan.warnings.push(edited(&before.name));
    }
    for bot in view.list(&BOTS, &account_key(before.id))?.iter().filter(|b| b.version > 1) {
        plan.warnings.push(edited(&bot.name));
    }
    let Some(mark) = &before.imported else { return Ok(()) };
    let since = view.last_fact(before.id)?.saturating_sub(mark.last_fact);
    if since > 0 {
        plan.warnings.push(plan::Warning {
            code: "corrections_replaced",
            subject: before.name.clone(),
            detail: format!("{since} entries were made here by hand since the last import; the old data replace what they changed"),
            values: [("count", since.to_string())].into(),
        });
    }
    Ok(())
}

fn account(target: &Target, name: String, plan: &Plan, old: &OldAccount, request: &ImportRequest) -> Account {
    let before = target.before.as_ref();
    let mut settings = plan.settings.clone();
    // What is not given again stays as the earlier import, or the owner, has set it.
    if let Some(before) = before {
        if old.settings.is_none() {
            settings = before.settings.clone();
        }
        if old.env.is_none() {
            settings.telegram_chat = before.settings.telegram_chat.clone();
        }
    }
    let mark = before.and_then(|b| b.imported.as_ref());
    let version = before.map_or(1, |b| b.version.saturating_add(1));
    let sha = |given: Option<&FileMark>, marked: Option<&String>| given.map(|f| &f.sha256).or(marked).cloned();
    Account {
        id: target.id,
        name,
        environment: if old.env.is_none() { before.map_or(plan.environment, |b| b.environment) } else { plan.environment },
        mode: AccountMode::Observe,
        settings,
        version,
        created_at: target.created_at,
        started_at: None,
        unsettled: plan.unsettled.clone(),
        imported: Some(ImportMark {
            db_sha256: old.db.sha256.clone(),
            db_name: old.db.name.clone(),
            key_store_sha256: sha(old.settings.as_ref().map(|(f, _)| f), mark.and_then(|m| m.key_store_sha256.as_ref())),
            env_sha256: sha(old.env.as_ref().map(|(f, _)| f), mark.and_then(|m| m.env_sha256.as_ref())),
            at: request.at,
            last_fact: 0,
            version,
        }),
        // It observes on, or trades on paper: neither ends with a newer copy.
        going_live: before.map(|b| b.going_live.clone()).unwrap_or_default(),
        twin: None,
    }
}

/// Books what can be booked; the rest stays a question, with the reason as a warning.
fn book_all(tx: &mut Tx<'_>, request: &ImportRequest, account: &mut Account, report: &mut Report) -> Result<(), ImportError> {
    let actor = request.by.map_or(Actor::Import, Actor::User);
    for question in account.unsettled.clone() {
        let Unsettled::UnbookedFills { sheet_id, name, .. } = &question else { continue };
        match settle::book_fills(&mut tx.user(request.user), account.id, *sheet_id, actor, request.at) {
            Ok(()) => {
                account.unsettled.retain(|q| *q != question);
                report.unbooked.retain(|q| !q.is_about(&question));
                report.booked.push(name.clone());
            }
            Err(super::error::SettleError::Store(error)) => return Err(error.into()),
            Err(reason) => report.warnings.push(plan::Warning {
                code: "not_booked",
                subject: name.clone(),
                values: [("reason", reason.code().to_owned())].into(),
                detail: reason.to_string(),
            }),
        }
    }
    Ok(())
}
