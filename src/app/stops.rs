//! Tells the administrators what the supervisor saw while the server could tell nobody.

use super::release::{PROGRAM_FOLDER, STOPS_FILE, Stops, Undone, read_json};
use super::state::App;
use crate::domain::message::Notice;
use crate::domain::user::Role;
use crate::storage::tables::USERS;
use crate::storage::{Key, StoreError};

impl App {
    /// Tells of stops and of a release that was undone, and forgets them. A crash in between tells
    /// twice rather than never.
    ///
    /// # Errors
    /// The store's.
    pub async fn tell_of_stops(&self) -> Result<(), StoreError> {
        let path = self.config.data_dir.join(PROGRAM_FOLDER).join(STOPS_FILE);
        let Some(stops) = read_json::<Stops>(&path) else { return Ok(()) };
        let (now, at) = (self.market.now(), self.wall.now());
        self.store
            .write(move |tx| {
                let mut notices = Vec::new();
                if let (Some(first), Some(last), true) = (stops.first, stops.last, stops.times > 0) {
                    tx.audit(at, None, "server.restarted", serde_json::json!({"times": stops.times, "first": first, "how": stops.how}))?;
                    notices.push(Notice::ServerRestarted { times: stops.times, first, last, how: stops.how.clone() });
                }
                if let Some(Undone { from, to, reason, at: when }) = stops.undone.clone() {
                    tx.audit(at, None, "server.rolled_back", serde_json::json!({"from": from, "to": to, "reason": reason, "at": when}))?;
                    notices.push(Notice::UpgradeUndone { from, to, reason });
                }
                let people = tx.view().list(&USERS, &Key::new())?;
                for person in people.into_iter().filter(|person| person.role == Role::Admin && person.active) {
                    for notice in &notices {
                        tx.user(person.id).post_to_person(now, notice.level(), notice)?;
                    }
                }
                Ok::<_, StoreError>(())
            })
            .await?;
        if let Err(error) = fs_err::remove_file(&path) {
            tracing::warn!(%error, "what was told will be told again");
        }
        Ok(())
    }
}
