//! Identifiers: one newtype per kind of row, UUID v7 underneath so that keys grow with time.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// The 16 bytes that stand in a storage key.
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl From<Uuid> for $name {
            fn from(value: Uuid) -> Self {
                Self(value)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    )+};
}

ids! {
    /// A person who can sign in.
    UserId,
    /// A brokerage account of one user.
    AccountId,
    /// A bot of one account.
    BotId,
    /// One order, from intent to its end.
    OrderId,
    /// One night's sliced order of a bot.
    SheetId,
    /// A bot's or a person's holding of one instrument.
    HoldingId,
    /// One row of an account's trade history.
    HistoryId,
    /// A refresh-token family: one signed-in device.
    SessionId,
    /// A key with which a program speaks for its user.
    ApiKeyId,
    /// What one user lets another one do with one account.
    GrantId,
    /// A message to a user.
    MessageId,
    /// One open question about an account's books and its broker.
    DifferenceId,
    /// An uploaded set of old files waiting for confirmation.
    ImportId,
}
