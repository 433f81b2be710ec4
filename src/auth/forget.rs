//! When the master key is lost: what was sealed under it opens never again, and goes. Trades, names and
//! passwords stay.

use jiff::Timestamp;
use serde_json::json;

use super::second_factor;
use super::session;
use super::vault::SYSTEM_SECRETS;
use crate::storage::tables::{APP_KEY_OWNERS, DATA_KEYS, SECRETS};
use crate::storage::{Key, Store, StoreError};

/// Removes everything that was sealed, and the second factors whose seeds were. Gives the number of users
/// who lost something. For callers outside the async runtime.
///
/// # Errors
/// The store's.
pub fn forget_sealed(store: &Store, now: Timestamp) -> Result<usize, StoreError> {
    store.write_blocking(move |tx| {
        for (key, _) in tx.view().entries(&SYSTEM_SECRETS)? {
            tx.remove(&SYSTEM_SECRETS, &key)?;
        }
        for (key, _) in tx.view().entries(&APP_KEY_OWNERS)? {
            tx.remove(&APP_KEY_OWNERS, &key)?;
        }
        let mut losers = 0;
        for user in tx.view().user_ids()? {
            let mut rows = tx.user(user);
            let secrets = rows.view().keys(&SECRETS, &Key::new())?;
            for key in &secrets {
                rows.remove(&SECRETS, &Key::new().raw(key))?;
            }
            for key in rows.view().keys(&DATA_KEYS, &Key::new())? {
                rows.remove(&DATA_KEYS, &Key::new().raw(&key))?;
            }
            let second_factor = second_factor::forget(&mut rows)?;
            if second_factor || !secrets.is_empty() {
                losers += 1;
                rows.audit(now, None, "secrets.lost", json!({ "secrets": secrets.len(), "second_factor": second_factor }))?;
            }
        }
        tx.audit(now, None, "master_key.lost", json!({ "users": losers }))?;
        Ok(losers)
    })
}

/// Ends every session of everybody; gives how many.
///
/// # Errors
/// The store's.
pub fn end_all_sessions(tx: &mut crate::storage::Tx<'_>) -> Result<usize, StoreError> {
    let mut ended = 0;
    for user in tx.view().user_ids()? {
        ended += session::revoke_others(&mut tx.user(user), None)?;
    }
    Ok(ended)
}
