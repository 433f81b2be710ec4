//! How far the server reaches out for an address that a person or another program gave it. Whoever can
//! name an address could otherwise let the server knock at its own network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Which addresses may be connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Addresses of the internet only.
    Public,
    /// This machine and its local network as well.
    Lan,
}

impl Reach {
    /// Whether an address lies within reach. Link-local addresses, where clouds and routers keep their
    /// settings, and those that are nobody's never do.
    pub fn allows(self, address: IpAddr) -> bool {
        let kind = match address.to_canonical() {
            IpAddr::V4(v4) => of_v4(v4),
            IpAddr::V6(v6) => of_v6(v6),
        };
        match kind {
            Kind::Public => true,
            Kind::Local => self == Reach::Lan,
            Kind::Never => false,
        }
    }
}

enum Kind {
    Public,
    Local,
    Never,
}

fn of_v4(address: Ipv4Addr) -> Kind {
    let [a, b, c, _] = address.octets();
    match (a, b, c) {
        // RFC 1918, loopback, and the addresses behind a provider's own translation (RFC 6598).
        (10 | 127, ..) | (172, 16..=31, _) | (192, 168, _) | (100, 64..=127, _) => Kind::Local,
        // This network, link-local, protocol assignments, documentation, benchmarks, multicast and beyond.
        (0, ..)
        | (169, 254, _)
        | (192, 0, 0 | 2)
        | (192, 88, 99)
        | (198, 18..=19, _)
        | (198, 51, 100)
        | (203, 0, 113)
        | (224..=255, ..) => Kind::Never,
        _ => Kind::Public,
    }
}

fn of_v6(address: Ipv6Addr) -> Kind {
    let [first, second, ..] = address.segments();
    if address.is_loopback() || (first & 0xfe00) == 0xfc00 {
        return Kind::Local;
    }
    // Only 2000::/3 is given out; of it 2001::/23 is for protocols, 2001:db8::/32 for documentation, and
    // 2002::/16 carries v4 addresses that were not looked at.
    let given_out = (first & 0xe000) == 0x2000;
    let special = (first == 0x2001 && (second < 0x0200 || second == 0x0db8)) || first == 0x2002 || first == 0x3fff;
    if given_out && !special { Kind::Public } else { Kind::Never }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_addresses_need_permission_and_special_ones_are_out_of_reach() {
        for (reach, address, allowed) in [
            (Reach::Public, "142.250.206.205", true),
            (Reach::Public, "2404:6800:400a::200e", true),
            (Reach::Public, "127.0.0.1", false),
            (Reach::Public, "::1", false),
            (Reach::Public, "10.1.2.3", false),
            (Reach::Public, "172.31.255.255", false),
            (Reach::Public, "172.32.0.1", true),
            (Reach::Public, "192.168.0.5", false),
            (Reach::Public, "100.100.0.1", false),
            (Reach::Public, "::ffff:192.168.0.5", false),
            (Reach::Public, "fd12:3456::1", false),
            (Reach::Lan, "127.0.0.1", true),
            (Reach::Lan, "::1", true),
            (Reach::Lan, "192.168.0.5", true),
            (Reach::Lan, "::ffff:10.0.0.5", true),
            (Reach::Lan, "fd12:3456::1", true),
            (Reach::Lan, "142.250.206.205", true),
        ] {
            assert_eq!(reach.allows(address.parse().unwrap()), allowed, "{reach:?} {address}");
        }
        let never =
            ["169.254.169.254", "0.0.0.0", "255.255.255.255", "224.0.0.1", "fe80::1", "::", "ff02::1", "64:ff9b::a00:1", "2002:a00:1::"];
        for address in never {
            assert!(!Reach::Lan.allows(address.parse().unwrap()), "{address}");
        }
    }
}
