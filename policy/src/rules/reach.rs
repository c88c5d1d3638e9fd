//! How far into the cluster and its provider an address reaches: a model's answer must not come from where secrets are handed out.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What kind of place an IP address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reach {
    /// On the internet.
    Public,
    /// In the cluster, in the network around it, or in the agent's own pod: only where that is allowed.
    Private,
    /// Where providers hand out metadata and credentials, link-local, or no place to call at all: never.
    Never,
}

impl Reach {
    /// The kind of place that `address` is.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => of_v4(v4),
            IpAddr::V6(v6) => of_v6(v6),
        }
    }
}

fn of_v4(ip: Ipv4Addr) -> Reach {
    // Alibaba, Azure; AWS, Google and most others are link-local, Oracle is in 192.0.0.0/24.
    const METADATA: [Ipv4Addr; 2] = [
        Ipv4Addr::new(100, 100, 100, 200),
        Ipv4Addr::new(168, 63, 129, 16),
    ];
    match ip.octets() {
        [0, ..] | [169, 254, ..] | [192, 0, 0, _] | [224..=255, ..] => Reach::Never,
        _ if METADATA.contains(&ip) => Reach::Never,
        [127, ..] | [100, 64..=127, ..] => Reach::Private,
        _ if ip.is_private() => Reach::Private,
        _ => Reach::Public,
    }
}

fn of_v6(ip: Ipv6Addr) -> Reach {
    // AWS. Google's is in the same block as private addresses, too: fd20:ce::254.
    const METADATA: [Ipv6Addr; 2] = [
        Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
        Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
    ];
    if let Some(v4) = embedded(ip) {
        return of_v4(v4);
    }
    match ip.segments() {
        _ if ip.is_unspecified() || METADATA.contains(&ip) => Reach::Never,
        [0xfe80..=0xfebf, ..] | [0xff00..=0xffff, ..] => Reach::Never,
        _ if ip.is_loopback() => Reach::Private,
        [0xfc00..=0xfdff, ..] | [0xfec0..=0xfeff, ..] => Reach::Private,
        _ => Reach::Public,
    }
}

/// The IPv4 address behind one that is only written as IPv6: mapped, NAT64, 6to4.
fn embedded(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let two = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match ip.segments() {
        [0x2002, high, low, ..] => Some(two(high, low)),
        [0x64, 0xff9b, 0 | 1, _, _, _, high, low] => Some(two(high, low)),
        _ => ip.to_ipv4_mapped(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_56_metadata_and_link_local_are_never_reached_however_they_are_written() {
        for never in [
            "169.254.169.254",
            "169.254.170.2",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "::",
            "fe80::1",
            "ff02::1",
            "fd00:ec2::254",
            "fd20:ce::254",
            "::ffff:169.254.169.254",
            "64:ff9b::169.254.169.254",
            "2002:a9fe:a9fe::1",
        ] {
            assert_eq!(Reach::of(never.parse().unwrap()), Reach::Never, "{never}");
        }
        for private in [
            "127.0.0.1",
            "10.96.0.10",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "::1",
            "fd12::1",
            "::ffff:10.0.0.1",
        ] {
            assert_eq!(
                Reach::of(private.parse().unwrap()),
                Reach::Private,
                "{private}"
            );
        }
        for public in [
            "1.1.1.1",
            "172.32.0.1",
            "104.18.6.192",
            "2606:4700::6812:6c0",
        ] {
            assert_eq!(
                Reach::of(public.parse().unwrap()),
                Reach::Public,
                "{public}"
            );
        }
    }
}
