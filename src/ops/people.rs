//! `eggmoney user`: the people of an installation.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{ArgAction, Args, Subcommand};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::cli::DataDir;
use crate::app::App;
use crate::auth::{NewUser, RegistrationPolicy, UserPatch};
use crate::domain::user::{Role, User};

/// How messages to people name whoever works on the command line.
const AT_THE_NAS: &str = "eggmoney user";

#[derive(Subcommand)]
pub(super) enum UserCommand {
    /// Make a user
    Create(UserCreate),
    /// Show all users
    List(DataDir),
    /// Change a user's role or marks
    Change(UserChange),
    /// Make a link, good once and for 30 minutes, with which a user sets a new password
    ResetLink(ResetLink),
    /// Make a link, good once and for a week, with which somebody registers
    Invite(Invite),
    /// Say who may register: open for everybody, or closed but for invited people
    Registration(Registration),
}

#[derive(Args)]
pub(super) struct UserCreate {
    #[command(flatten)]
    data: DataDir,
    /// Name to sign in with
    #[arg(long, value_name = "NAME")]
    username: String,
    /// admin, user or viewer
    #[arg(long, value_name = "ROLE")]
    role: Role,
    /// Read the password from standard input
    #[arg(long, required = true)]
    password_stdin: bool,
}

#[derive(Args)]
pub(super) struct UserChange {
    #[command(flatten)]
    data: DataDir,
    /// Name of the user
    #[arg(long, value_name = "NAME")]
    username: String,
    /// admin, user or viewer
    #[arg(long, value_name = "ROLE")]
    role: Option<Role>,
    /// Whether the user signs in and trades; false stops the accounts and cancels their open orders
    #[arg(long, value_name = "BOOL", action = ArgAction::Set)]
    active: Option<bool>,
    /// Whether an administrator knows the person behind the name
    #[arg(long, value_name = "BOOL", action = ArgAction::Set)]
    verified: Option<bool>,
    /// The premium mark
    #[arg(long, value_name = "BOOL", action = ArgAction::Set)]
    premium: Option<bool>,
}

#[derive(Args)]
pub(super) struct ResetLink {
    #[command(flatten)]
    data: DataDir,
    /// Name of the user
    #[arg(long, value_name = "NAME")]
    username: String,
    /// Also turn the second factor off, for somebody who lost the phone
    #[arg(long)]
    drop_second_factor: bool,
}

#[derive(Args)]
pub(super) struct Invite {
    #[command(flatten)]
    data: DataDir,
    /// admin, user or viewer
    #[arg(long, value_name = "ROLE", default_value = "user")]
    role: Role,
    /// For whom it is
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

#[derive(Args)]
pub(super) struct Registration {
    /// open or closed
    policy: RegistrationPolicy,
    #[command(flatten)]
    data: DataDir,
}

/// The command as it travels to a running server.
#[derive(Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum PeopleRequest {
    Create { username: String, password: String, role: Role },
    List,
    Change { username: String, role: Option<Role>, active: Option<bool>, verified: Option<bool>, premium: Option<bool> },
    ResetLink { username: String, drop_second_factor: bool },
    Invite { role: Role, note: Option<String> },
    Registration { policy: RegistrationPolicy },
}

impl PeopleRequest {
    /// Only the first user may come before there is any data.
    pub(super) fn makes_data(&self) -> bool {
        matches!(self, PeopleRequest::Create { .. })
    }
}

impl UserCommand {
    /// Folder and request; `password` reads one from standard input.
    ///
    /// # Errors
    /// When there is no password, or nothing to change.
    pub(super) fn request(self, password: impl Fn() -> Result<String, String>) -> Result<(PathBuf, PeopleRequest), String> {
        Ok(match self {
            UserCommand::Create(args) => {
                debug_assert!(args.password_stdin, "clap demands it");
                let request = PeopleRequest::Create { username: args.username, password: password()?, role: args.role };
                (args.data.data_dir, request)
            }
            UserCommand::List(data) => (data.data_dir, PeopleRequest::List),
            UserCommand::Change(UserChange { data, username, role, active, verified, premium }) => {
                if role.is_none() && [active, verified, premium].iter().all(Option::is_none) {
                    return Err("nothing to change: add --role, --active, --verified or --premium".to_owned());
                }
                (data.data_dir, PeopleRequest::Change { username, role, active, verified, premium })
            }
            UserCommand::ResetLink(args) => {
                let request = PeopleRequest::ResetLink { username: args.username, drop_second_factor: args.drop_second_factor };
                (args.data.data_dir, request)
            }
            UserCommand::Invite(args) => (args.data.data_dir, PeopleRequest::Invite { role: args.role, note: args.note }),
            UserCommand::Registration(args) => (args.data.data_dir, PeopleRequest::Registration { policy: args.policy }),
        })
    }
}

/// Runs a command over an open installation.
///
/// # Errors
/// One line for the person who typed it.
pub(super) async fn execute(app: &Arc<App>, request: PeopleRequest) -> Result<Value, String> {
    match request {
        PeopleRequest::Create { username, password, role } => {
            let new = NewUser { username, password: SecretString::from(password), email: None, role };
            let user = app.auth.create_user(new, None).await.map_err(|e| e.to_string())?;
            Ok(json!({"id": user.id, "username": user.username, "role": user.role}))
        }
        PeopleRequest::List => {
            let users = app.users_with_accounts().map_err(|e| e.to_string())?;
            Ok(users.into_iter().map(|(user, accounts)| shown(&user, &json!({ "accounts": accounts }))).collect())
        }
        PeopleRequest::Change { username, role, active, verified, premium } => {
            let id = find(app, &username)?.id;
            let patch = UserPatch { role, active, verified, premium };
            let (user, left) = app.update_user(None, id, patch).await.map_err(|e| e.to_string())?;
            let stopped: Vec<Value> = left
                .into_iter()
                .map(|l| json!({"name": l.name, "cancelled_orders": l.cancelled, "positions": l.positions, "problem": l.problem}))
                .collect();
            Ok(shown(&user, &json!({ "stopped": stopped })))
        }
        PeopleRequest::ResetLink { username, drop_second_factor } => {
            let id = find(app, &username)?.id;
            let link = app.auth.issue_reset(None, id, drop_second_factor).await.map_err(|e| e.to_string())?;
            app.tell_of_reset_link(id, AT_THE_NAS).await.map_err(|e| e.to_string())?;
            Ok(json!({"path": format!("/#/reset?word={}", link.word.expose_secret()), "expires_at": link.expires_at}))
        }
        PeopleRequest::Invite { role, note } => {
            let (invitation, word) = app.auth.invite(None, role, note).await.map_err(|e| e.to_string())?;
            Ok(json!({"path": format!("/#/register?invite={}", word.expose_secret()), "expires_at": invitation.expires_at}))
        }
        PeopleRequest::Registration { policy } => {
            let settings = app.auth.set_registration(None, policy).await.map_err(|e| e.to_string())?;
            Ok(json!({"registration": settings.registration}))
        }
    }
}

pub(super) fn find(app: &Arc<App>, username: &str) -> Result<User, String> {
    app.auth.find_user(username).map_err(|e| e.to_string())?.ok_or_else(|| format!("there is no user '{username}'"))
}

fn shown(user: &User, more: &Value) -> Value {
    let mut row = json!({
        "id": user.id, "username": user.username, "role": user.role,
        "active": user.active, "verified": user.verified, "premium": user.premium,
    });
    if let (Some(row), Some(more)) = (row.as_object_mut(), more.as_object()) {
        row.extend(more.clone());
    }
    row
}

/// The answer in words.
pub(super) fn sentence(answer: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let person = |row: &Value| {
        let marks = ["verified", "premium"].into_iter().filter(|mark| row[*mark] == true).map(str::to_owned);
        let state = if row["active"] == false { "deactivated" } else { "active" };
        let words: Vec<String> = [text(&row["username"]), text(&row["role"]), state.to_owned()].into_iter().chain(marks).collect();
        words.join(", ")
    };
    if let Some(rows) = answer.as_array() {
        let line = |row: &Value| format!("{}, {} accounts", person(row), row["accounts"]);
        return rows.iter().map(line).collect::<Vec<_>>().join("\n");
    }
    if let Some(path) = answer["path"].as_str() {
        return format!("good once, until {}; append it to the server's address: {path}", text(&answer["expires_at"]));
    }
    if answer["registration"].is_string() {
        return format!("registration is {}", text(&answer["registration"]));
    }
    let Some(stopped) = answer["stopped"].as_array() else { return format!("made the user {}", text(&answer["username"])) };
    let account = |left: &Value| {
        let problem = left["problem"].as_str().map(|p| format!(" ({p})")).unwrap_or_default();
        format!(
            "stopped {}: {} orders cancelled, {} positions stay{problem}",
            text(&left["name"]),
            left["cancelled_orders"],
            left["positions"]
        )
    };
    [person(answer)].into_iter().chain(stopped.iter().map(account)).collect::<Vec<_>>().join("\n")
}
