//! Addresses that the server speaks to so that somebody elsewhere notices when it is gone: one that hears
//! of its being alive, and another installation that watches and is watched. The first is as good as a
//! password at its service, so that it is sealed like one.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::json;
use url::{Host, Url};

use super::error::AuthError;
use super::identity::Auth;
use crate::domain::id::UserId;
use crate::domain::reach::Reach;
use crate::storage::tables::SystemTable;
use crate::storage::{Key, Record};

/// Longest address.
const LONGEST: usize = 500;
/// Minutes between two calls, or of silence.
const MINUTES: std::ops::RangeInclusive<u32> = 1..=1_440;

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutpostKind {
    /// A service in the internet that raises the alarm when it hears nothing.
    Ping,
    /// Another installation of this program.
    Peer,
}

impl OutpostKind {
    fn name(self) -> &'static str {
        match self {
            Self::Ping => "ping",
            Self::Peer => "peer",
        }
    }

    fn secret(self) -> String {
        format!("outpost.{}", self.name())
    }

    /// How far an address may lead.
    pub fn reach(self) -> Reach {
        match self {
            Self::Ping => Reach::Public,
            // The other NAS often stands in the same house.
            Self::Peer => Reach::Lan,
        }
    }
}

/// What is not secret of an outpost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutpostSettings {
    /// Scheme and host, for people to know it again.
    pub host: String,
    /// Between two calls to a service; of silence, before another installation is reported.
    pub minutes: u32,
}

impl Record for OutpostSettings {
    const NAME: &'static str = "outpost";
}

/// kind → settings, while it is set.
const OUTPOSTS: SystemTable<OutpostSettings> = SystemTable::new("outposts");

/// An outpost with its address.
#[derive(Clone, Debug)]
pub struct Outpost {
    pub settings: OutpostSettings,
    pub address: SecretString,
}

fn key(kind: OutpostKind) -> Key {
    Key::new().text(kind.name())
}

/// An address as an administrator writes it.
fn check(kind: OutpostKind, text: &str) -> Result<Url, &'static str> {
    if text.len() > LONGEST {
        return Err("it is longer than 500 characters");
    }
    let url = Url::parse(text).map_err(|_| "it is no address: write https://HOST/PATH")?;
    let number = match url.host() {
        Some(Host::Ipv4(v4)) => Some(v4.into()),
        Some(Host::Ipv6(v6)) => Some(std::net::IpAddr::V6(v6)),
        Some(Host::Domain(_)) => None,
        None => return Err("it is no address: write https://HOST/PATH"),
    };
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err("it must contain neither a user name nor a password nor a #");
    }
    if number.is_some_and(|number| !kind.reach().allows(number)) {
        return Err("it leads into a network that must not be spoken to");
    }
    match (kind, url.scheme()) {
        (_, "https") => {}
        // Its answer says no more than that it is alive.
        (OutpostKind::Peer, "http") => {}
        (OutpostKind::Ping, _) => return Err("it must begin with https://"),
        (OutpostKind::Peer, _) => return Err("it must begin with https:// or http://"),
    }
    if kind == OutpostKind::Peer && url.query().is_some() {
        return Err("it must not contain a ?: write the address at which the other installation's pages open");
    }
    Ok(url)
}

impl Auth {
    /// An outpost; `None` while it is not set.
    ///
    /// # Errors
    /// `Store`, `Vault`.
    pub fn outpost(&self, kind: OutpostKind) -> Result<Option<Outpost>, AuthError> {
        self.store.read(|view| {
            let Some(settings) = view.get(&OUTPOSTS, &key(kind))? else { return Ok(None) };
            let address = self.vault.open_system(view, &kind.secret())?;
            Ok(address.map(|address| Outpost { settings, address }))
        })
    }

    /// Sets an outpost, or forgets it. Without an address the one that is set stays.
    ///
    /// # Errors
    /// `InvalidSetting` naming the field; `Store`.
    pub async fn set_outpost(
        &self,
        by: UserId,
        kind: OutpostKind,
        wanted: Option<(Option<SecretString>, u32)>,
    ) -> Result<Option<OutpostSettings>, AuthError> {
        let invalid = |pointer, detail: String| AuthError::InvalidSetting { pointer, detail };
        let wanted = match wanted {
            None => None,
            Some((_, minutes)) if !MINUTES.contains(&minutes) => {
                return Err(invalid("/minutes", format!("minutes is {minutes}: use 1 to 1440")));
            }
            Some((Some(address), minutes)) => {
                let text = address.expose_secret().trim().trim_end_matches('/');
                let url = check(kind, text).map_err(|why| invalid("/address", format!("this address cannot be used: {why}")))?;
                let host = url.origin().ascii_serialization();
                Some((OutpostSettings { host, minutes }, Some(SecretString::from(text))))
            }
            Some((None, minutes)) => {
                let known = self.outpost(kind)?.ok_or_else(|| invalid("/address", "enter the address: none is set yet".to_owned()))?;
                Some((OutpostSettings { minutes, ..known.settings }, None))
            }
        };
        let (now, vault) = (self.now(), self.vault.clone());
        let kept = wanted.as_ref().map(|(settings, _)| settings.clone());
        let changed = self.store.write(move |tx| {
            match &wanted {
                Some((settings, address)) => {
                    tx.put(&OUTPOSTS, &key(kind), settings)?;
                    if let Some(address) = address {
                        vault.seal_system(tx, &kind.secret(), address)?;
                    }
                }
                None => {
                    if tx.get(&OUTPOSTS, &key(kind))?.is_none() {
                        return Ok(());
                    }
                    tx.remove(&OUTPOSTS, &key(kind))?;
                    vault.remove_system(tx, &kind.secret())?;
                }
            }
            let settings = wanted.as_ref().map(|(settings, _)| settings);
            Ok::<_, AuthError>(tx.audit(now, Some(by), "outpost.changed", json!({ "kind": kind.name(), "to": settings }))?)
        });
        changed.await?;
        Ok(kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_as_far_as_they_may_lead() {
        let taken = [
            (OutpostKind::Ping, "https://hc-ping.com/4ddc1f2a"),
            (OutpostKind::Ping, "https://example.org/ping?key=abc"),
            (OutpostKind::Peer, "https://nas.example:8740/egg"),
            (OutpostKind::Peer, "http://192.168.0.9:8740"),
        ];
        for (kind, text) in taken {
            assert!(check(kind, text).is_ok(), "{text}");
        }
        for (kind, text, part) in [
            (OutpostKind::Ping, "http://example.org", "https://"),
            (OutpostKind::Ping, "https://192.168.0.9/ping", "network"),
            (OutpostKind::Ping, "https://0x7f.1/", "network"),
            (OutpostKind::Ping, "https://[::1]/", "network"),
            (OutpostKind::Peer, "http://169.254.169.254/latest", "network"),
            (OutpostKind::Peer, "ftp://nas.example", "http://"),
            (OutpostKind::Peer, "https://nas.example/?a=b", "must not contain a ?"),
            (OutpostKind::Peer, "https://user:pw@nas.example", "user name"),
            (OutpostKind::Peer, "nas", "no address"),
            (OutpostKind::Ping, "https://", "no address"),
        ] {
            assert!(check(kind, text).unwrap_err().contains(part), "{text}");
        }
    }
}
