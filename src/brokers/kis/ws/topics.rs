//! Topics in the broker's words: a transaction id and a key.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

use super::super::urls::{self, exchange_of};
use crate::brokers::feed::{NotLive, Topic};
use crate::domain::id::AccountId;
use crate::domain::instrument::{Exchange, Market};
use crate::domain::order::BrokerHost;

/// What the websocket transmits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Tr {
    KrxTrade,
    KrxBook,
    UsTrade,
    UsBook,
    KrxNotice,
    UsNotice,
}

impl Tr {
    pub fn id(self, host: BrokerHost) -> &'static str {
        match (self, host) {
            (Tr::KrxTrade, _) => "H0STCNT0",
            (Tr::KrxBook, _) => "H0STASP0",
            (Tr::UsTrade, _) => "HDFSCNT0",
            (Tr::UsBook, _) => "HDFSASP0",
            (Tr::KrxNotice, BrokerHost::Live) => "H0STCNI0",
            (Tr::KrxNotice, BrokerHost::Mock) => "H0STCNI9",
            (Tr::UsNotice, BrokerHost::Live) => "H0GSCNI0",
            (Tr::UsNotice, BrokerHost::Mock) => "H0GSCNI9",
        }
    }

    pub fn find(id: &str) -> Option<Self> {
        match id {
            "H0STCNT0" => Some(Tr::KrxTrade),
            "H0STASP0" => Some(Tr::KrxBook),
            "HDFSCNT0" => Some(Tr::UsTrade),
            "HDFSASP0" => Some(Tr::UsBook),
            "H0STCNI0" | "H0STCNI9" => Some(Tr::KrxNotice),
            "H0GSCNI0" | "H0GSCNI9" => Some(Tr::UsNotice),
            _ => None,
        }
    }

    fn is_notice(self) -> bool {
        matches!(self, Tr::KrxNotice | Tr::UsNotice)
    }
}

/// One of the slots that the broker counts.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Registration {
    pub tr: Tr,
    pub key: String,
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The key of a notice is a person's login name.
        let key = if self.tr.is_notice() { "***" } else { &self.key };
        write!(f, "{:?}({key})", self.tr)
    }
}

/// An account whose notices are wanted.
#[derive(Clone, Debug)]
pub struct KisFeedAccount {
    pub account: AccountId,
    /// The login name at the broker under which the account's notices are sent.
    pub hts_id: Option<SecretString>,
    /// The first eight digits of the account number.
    pub cano: SecretString,
    /// Its last two digits.
    pub product: String,
}

/// What a topic is at the broker, or why it is nothing.
pub(super) fn registration(topic: &Topic, host: BrokerHost, accounts: &[KisFeedAccount]) -> Result<Registration, NotLive> {
    let instrument = |exchange: Exchange, symbol: &str, krx: Tr, us: Tr| match exchange {
        Exchange::Krx => Ok(Registration { tr: krx, key: symbol.to_owned() }),
        // Only the live host sends foreign prices.
        _ if host == BrokerHost::Mock => Err(NotLive::Unsupported),
        // The letter D asks for the night session, which is free and without delay.
        _ => urls::price_code(exchange)
            .map(|code| Registration { tr: us, key: format!("D{code}{symbol}") })
            .map_err(|_| NotLive::Unsupported),
    };
    match topic {
        Topic::Trades { exchange, symbol } => instrument(*exchange, symbol, Tr::KrxTrade, Tr::UsTrade),
        Topic::Book { exchange, symbol } => instrument(*exchange, symbol, Tr::KrxBook, Tr::UsBook),
        Topic::Executions { account, market } => {
            let tr = match market {
                Market::Krx => Tr::KrxNotice,
                Market::Us => Tr::UsNotice,
            };
            let hts_id = accounts.iter().find(|known| known.account == *account).and_then(|known| known.hts_id.as_ref());
            match hts_id.map(|id| id.expose_secret().trim()).filter(|id| !id.is_empty()) {
                Some(id) => Ok(Registration { tr, key: id.to_owned() }),
                None => Err(NotLive::Refused {
                    code: "hts_id_missing".to_owned(),
                    message: "enter the account's HTS login name to receive notices of executions".to_owned(),
                }),
            }
        }
    }
}

/// The exchange in the key of a US instrument: `DNASTQQQ` by night, `RBAQTQQQ` by day.
pub(super) fn exchange_of_key(key: &str) -> Option<Exchange> {
    if !key.starts_with(['D', 'R']) {
        return None;
    }
    match key.get(1..4)? {
        "BAQ" => Some(Exchange::Nasdaq),
        "BAY" => Some(Exchange::Nyse),
        "BAA" => Some(Exchange::Amex),
        code => exchange_of(code),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn accounts(hts_id: Option<&str>) -> Vec<KisFeedAccount> {
        vec![KisFeedAccount {
            account: AccountId(Uuid::nil()),
            hts_id: hts_id.map(SecretString::from),
            cano: "50012345".into(),
            product: "01".to_owned(),
        }]
    }

    #[test]
    fn every_id_is_found_again() {
        for tr in [Tr::KrxTrade, Tr::KrxBook, Tr::UsTrade, Tr::UsBook, Tr::KrxNotice, Tr::UsNotice] {
            for host in [BrokerHost::Live, BrokerHost::Mock] {
                assert_eq!(Tr::find(tr.id(host)), Some(tr));
            }
        }
        assert_eq!(Tr::find("PINGPONG"), None);
    }

    #[test]
    fn topics_become_keys() {
        let of = |topic: Topic, host| registration(&topic, host, &accounts(Some("sim1"))).map(|r| (r.tr.id(host), r.key));
        let soxl = Topic::Trades { exchange: Exchange::Amex, symbol: "SOXL".to_owned() };
        assert_eq!(of(soxl.clone(), BrokerHost::Live), Ok(("HDFSCNT0", "DAMSSOXL".to_owned())));
        assert_eq!(of(soxl, BrokerHost::Mock), Err(NotLive::Unsupported));
        let samsung = Topic::Book { exchange: Exchange::Krx, symbol: "005930".to_owned() };
        assert_eq!(of(samsung, BrokerHost::Mock), Ok(("H0STASP0", "005930".to_owned())));
        let notices = Topic::Executions { account: AccountId(Uuid::nil()), market: Market::Us };
        assert_eq!(of(notices.clone(), BrokerHost::Mock), Ok(("H0GSCNI9", "sim1".to_owned())));
        for without in [None, Some("  ")] {
            let refused = registration(&notices, BrokerHost::Live, &accounts(without)).unwrap_err();
            assert!(matches!(refused, NotLive::Refused { code, .. } if code == "hts_id_missing"));
        }
        let secret = registration(&notices, BrokerHost::Live, &accounts(Some("sim1"))).unwrap();
        assert_eq!(format!("{secret:?}"), "UsNotice(***)");
    }

    #[test]
    fn keys_name_their_exchange() {
        assert_eq!(exchange_of_key("DNASTQQQ"), Some(Exchange::Nasdaq));
        assert_eq!(exchange_of_key("RBAAAPL"), Some(Exchange::Amex));
        assert_eq!(exchange_of_key("DHKS00700"), None);
        assert_eq!(exchange_of_key("D한국"), None);
        assert_eq!(exchange_of_key("NAS"), None);
    }
}
