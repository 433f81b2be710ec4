//! Lists of networks: from where people may come, and which proxies are believed.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net};
use serde::{Deserialize, Serialize};

/// Most networks in a list.
pub const MOST_NETWORKS: usize = 64;

/// Networks such as `192.168.0.0/16` or `2001:db8::/32`. An IPv4 address that is written as IPv6
/// (`::ffff:192.0.2.1`) counts as what it is, in the list and in what is looked up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Networks(Vec<IpNet>);

/// A list that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    #[error("'{0}' is no network: write an address such as 192.168.0.7, or a network such as 192.168.0.0/16 or 2001:db8::/32")]
    Unreadable(String),
    #[error("the list has {0} networks: use at most {MOST_NETWORKS}")]
    TooMany(usize),
}

impl Networks {
    /// This machine.
    pub fn loopback() -> Self {
        Self([IpAddr::from(Ipv6Addr::LOCALHOST).into(), canonical(IpAddr::from(Ipv4Addr::LOCALHOST).into(), 8)].to_vec())
    }

    /// From texts; a bare address is a network of one. Doubles are dropped, the order stays.
    ///
    /// # Errors
    /// Names the first text that is none.
    pub fn parse<T: AsRef<str>>(texts: &[T]) -> Result<Self, NetworkError> {
        if texts.len() > MOST_NETWORKS {
            return Err(NetworkError::TooMany(texts.len()));
        }
        let mut networks = Vec::new();
        for text in texts {
            let network = parse(text.as_ref().trim()).ok_or_else(|| NetworkError::Unreadable(text.as_ref().trim().to_owned()))?;
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
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Whether somebody may come from an address: an empty list lets everybody in. An address that is
    /// not known is in no list.
    pub fn admits(&self, address: Option<IpAddr>) -> bool {
        self.is_empty() || address.is_some_and(|address| self.contains(address))
    }
}

fn parse(text: &str) -> Option<IpNet> {
    if let Ok(address) = IpAddr::from_str(text) {
        return Some(address.to_canonical().into());
    }
    let network = IpNet::from_str(text).ok()?;
    Some(canonical(network, network.prefix_len()))
}

/// The network with all host bits cleared; one of mapped addresses as the IPv4 network that it is.
fn canonical(network: IpNet, prefix: u8) -> IpNet {
    match (network.addr().to_canonical(), prefix) {
        (IpAddr::V4(v4), 96..) if network.addr().is_ipv6() => Ipv4Net::new(v4, prefix - 96).map_or(network, IpNet::V4),
        (address, _) if address.is_ipv4() == network.addr().is_ipv4() => IpNet::new(address, prefix).unwrap_or(network),
        _ => network,
    }
    .trunc()
}

impl TryFrom<Vec<String>> for Networks {
    type Error = NetworkError;
    fn try_from(texts: Vec<String>) -> Result<Self, NetworkError> {
        Self::parse(&texts)
    }
}

impl From<Networks> for Vec<String> {
    fn from(networks: Networks) -> Self {
        networks.0.iter().map(ToString::to_string).collect()
    }
}

impl fmt::Display for Networks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn contains(list: &str, address: &str) -> bool {
        Networks::parse(&list.split(' ').collect::<Vec<_>>()).unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn addresses_of_both_kinds_are_found_however_they_are_written() {
        for (list, inside, outside) in [
            ("192.168.0.0/16", "192.168.255.255", "192.169.0.0"),
            ("192.168.3.7/16", "192.168.0.1", "10.0.0.1"),
            ("10.0.0.5", "10.0.0.5", "10.0.0.6"),
            ("10.0.0.5", "::ffff:10.0.0.5", "::ffff:10.0.0.6"),
            ("::ffff:10.0.0.0/104", "10.200.0.1", "11.0.0.1"),
            ("::ffff:10.0.0.5", "10.0.0.5", "10.0.0.4"),
            ("2001:db8::/32", "2001:db8:1::1", "2001:db9::1"),
            ("::1 fd00::/8", "fd12::1", "::2"),
            ("0.0.0.0/0", "8.8.8.8", "2001:db8::1"),
        ] {
            assert!(contains(list, inside), "{inside} in {list}");
            assert!(!contains(list, outside), "{outside} not in {list}");
        }
        let loopback = Networks::loopback();
        assert!(["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"].iter().all(|a| loopback.contains(a.parse().unwrap())));
        assert!(!loopback.contains("128.0.0.1".parse().unwrap()));
    }

    #[test]
    fn an_empty_list_admits_everybody_and_any_other_nobody_unknown() {
        assert!(Networks::default().admits(None));
        let list = Networks::parse(&["10.0.0.5"]).unwrap();
        assert!(!list.admits(None) && list.admits("10.0.0.5".parse().ok()));
    }

    #[test]
    fn what_is_no_network_is_named() {
        for text in ["", "10.0.0", "10.0.0.0/33", "home", "::/129", "10.0.0.0/-1", "1.2.3.4/", "10.0.0.5-9"] {
            assert_eq!(Networks::parse(&[text]), Err(NetworkError::Unreadable(text.to_owned())));
        }
        assert_eq!(Networks::parse(&vec!["10.0.0.5"; 65]), Err(NetworkError::TooMany(65)));
        assert_eq!(Networks::parse(&["10.0.0.5", " 10.0.0.5/32 "]).unwrap().to_string(), "10.0.0.5/32");
    }

    proptest! {
        #[test]
        fn a_network_holds_its_addresses_and_survives_writing(bits: u32, prefix in 0_u8..=32, host: u32) {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
            let list = Networks::parse(&[format!("{}/{prefix}", Ipv4Addr::from(bits))]).unwrap();
            let address = Ipv4Addr::from((bits & mask) | (host & !mask));
            prop_assert!(list.contains(address.into()) && list.contains(address.to_ipv6_mapped().into()));
            prop_assert_eq!(list.contains(Ipv4Addr::from(host).into()), host & mask == bits & mask);
            let written = Vec::<String>::from(list.clone());
            prop_assert_eq!(Networks::try_from(written).unwrap(), list);
        }
    }
}
