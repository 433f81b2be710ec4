//! What the person who installed the package chose: applied to an installation without people, once.

use std::path::Path;

use serde::Deserialize;

use super::state::OpenError;
use crate::auth::{Auth, RegistrationPolicy};

/// File in the data folder with the choices.
pub const FIRST_START_FILE: &str = "first-start.toml";

/// The choices.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct FirstStart {
    /// Who may register.
    registration: Option<RegistrationPolicy>,
}

/// Applies the choices and forgets them. Where there are people already, what they set stands.
///
/// # Errors
/// `FirstStart` when the file cannot be understood; the store's.
pub(super) async fn apply(auth: &Auth, data_dir: &Path) -> Result<(), OpenError> {
    let path = data_dir.join(FIRST_START_FILE);
    let failed = |detail: String| OpenError::FirstStart { path: path.display().to_string(), detail };
    let text = match fs_err::read_to_string(&path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(failed(e.to_string())),
    };
    if auth.setup_required()? {
        let choices: FirstStart = toml::from_str(&text).map_err(|e| failed(e.message().to_owned()))?;
        if let Some(policy) = choices.registration.filter(|policy| auth.settings().is_ok_and(|s| s.registration != *policy)) {
            auth.set_registration(None, policy).await?;
        }
    } else {
        tracing::info!("there are people already: what was chosen at the installation does not count");
    }
    fs_err::remove_file(&path).map_err(|e| failed(e.to_string()))
}
