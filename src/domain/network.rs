//! Networks: from where people and keys may come, and which proxies are believed. Written as
//! `203.0.113.7`, `203.0.113.0/24`, `2001:db8::/32`; an IPv4 address that comes in the clothes of an IPv6
//! one (`::ffff:203.0.113.7`) counts as what it is.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Most networks in a list.
pub const MOST_NETWORKS: usize = 64;
/// Bits of a mapped address before the IPv4 part begins.
const MAPPED_PREFIX: u8 = 96;

/// A network, or a single address.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network(IpNet);

impl Network {
    /// Whether an address lies in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

/// A text that is no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no address and no network: write 203.0.113.7, 203.0.113.0/24 or 2001:db8::/32")]
pub struct NoNetwork(String);

impl FromStr for Network {
    type Err = NoNetwork;
    fn from_str(text: &str) -> Result<Self, NoNetwork> {
        let text = text.trim();
        let refused = || NoNetwork(text.chars().take(60).collect());
        let net = match text.parse::<IpAddr>() {
            Ok(address) => IpNet::from(address),
            Err(_) => text.parse::<IpNet>().map_err(|_| refused())?,
        };
        let net = match net {
            IpNet::V6(v6) => match (v6.addr().to_ipv4_mapped(), v6.prefix_len().checked_sub(MAPPED_PREFIX)) {
                (Some(v4), Some(prefix)) => IpNet::V4(Ipv4Net::new(v4, prefix).map_err(|_| refused())?),
                _ => net,
            },
            IpNet::V4(_) => net,
        };
        Ok(Self(net.trunc()))
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.0.prefix_len() == self.0.max_prefix_len();
        if whole { self.0.addr().fmt(f) } else { self.0.fmt(f) }
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Network {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A list of networks. An empty one admits everybody.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Networks(Vec<Network>);

/// A list that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworksError {
    /// Counted from 0.
    #[error("entry {place}: {wrong}", place = .0 + 1, wrong = .1)]
    Entry(usize, NoNetwork),
    #[error("the list has {0} networks: use at most {MOST_NETWORKS}")]
    TooMany(usize),
}

impl Networks {
    /// This machine.
    pub fn loopback() -> Self {
        Self(["127.0.0.0/8", "::1"].iter().filter_map(|text| text.parse().ok()).collect())
    }

    /// From texts. Doubles are dropped, the order stays.
    ///
    /// # Errors
    /// Names the first text that is none.
    pub fn parse<T: AsRef<str>>(texts: &[T]) -> Result<Self, NetworksError> {
        if texts.len() > MOST_NETWORKS {
            return Err(NetworksError::TooMany(texts.len()));
        }
        let mut networks = Vec::new();
        for (place, text) in texts.iter().enumerate() {
            let network = text.as_ref().parse().map_err(|e| NetworksError::Entry(place, e))?;
            if !networks.contains(&network) {
                networks.push(network);
            }
        }
        Ok(Self(networks))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an address lies in one of the networks.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }

    /// Whether somebody may come from an address: an empty list lets everybody in. An address that is
    /// not known is in no list.
    pub fn admits(&self, address: Option<IpAddr>) -> bool {
        self.is_empty() || address.is_some_and(|address| self.contains(address))
    }

    /// As they are written.
    pub fn texts(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn net(text: &str) -> Network {
        text.parse().unwrap()
    }

    #[test]
    fn addresses_and_networks_of_both_families_and_mapped_ones() {
        for (text, shown) in [
            ("203.0.113.7", "203.0.113.7"),
            (" 203.0.113.7/24 ", "203.0.113.0/24"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
            ("::ffff:203.0.113.0/120", "203.0.113.0/24"),
            ("2001:db8::1", "2001:db8::1"),
            ("2001:db8::/32", "2001:db8::/32"),
        ] {
            assert_eq!(net(text).to_string(), shown);
        }
        let at = |text: &str| text.parse::<IpAddr>().unwrap();
        assert!(net("203.0.113.0/24").contains(at("::ffff:203.0.113.9")));
        assert!(net("::ffff:203.0.113.0/120").contains(at("203.0.113.9")));
        assert!(!net("203.0.113.0/24").contains(at("203.0.114.9")));
        assert!(net("2001:db8::/32").contains(at("2001:db8:1::5")));
        assert!(!net("2001:db8::/32").contains(at("203.0.113.9")));
        assert!(!net("0.0.0.0/0").contains(at("2001:db8::1")));
        for text in ["", "localhost", "203.0.113", "203.0.113.7/33", "203.0.113.7/-1", "1.2.3.4/24/8", "2001:db8::/129", "１.2.3.4"] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_empty_list_admits_everybody_and_any_other_nobody_unknown() {
        assert!(Networks::default().admits(None));
        let list = Networks::parse(&["10.0.0.5", " 10.0.0.5/32 ", "fd00::/8"]).unwrap();
        assert_eq!(list.texts(), ["10.0.0.5", "fd00::/8"]);
        assert!(!list.admits(None) && list.admits("10.0.0.5".parse().ok()) && list.admits("fd12::1".parse().ok()));
        let loopback = Networks::loopback();
        assert!(["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"].iter().all(|a| loopback.contains(a.parse().unwrap())));
        assert!(!loopback.contains("128.0.0.1".parse().unwrap()));
        assert!(Networks::parse(&["10.0.0.5", "home"]).unwrap_err().to_string().starts_with("entry 2: 'home' is no"));
        assert_eq!(Networks::parse(&["10.0.0.5"; 65]), Err(NetworksError::TooMany(65)));
    }

    proptest! {
        #[test]
        fn any_text_is_a_network_or_refused_and_what_is_shown_reads_as_the_same(text in "[0-9a-f:./ ]{0,40}") {
            if let Ok(network) = text.parse::<Network>() {
                prop_assert_eq!(network.to_string().parse::<Network>(), Ok(network));
            }
        }

        #[test]
        fn a_mapped_address_counts_as_the_plain_one(a: u32, b: u32, prefix in 0u8..=32) {
            let (a, b) = (std::net::Ipv4Addr::from(a), std::net::Ipv4Addr::from(b));
            let network = net(&format!("{a}/{prefix}"));
            prop_assert_eq!(network.contains(b.into()), network.contains(b.to_ipv6_mapped().into()));
            prop_assert!(network.contains(a.into()));
        }
    }
}
